/*
 * inotify(7). An instance is a file; it has watches, each on an inode, which it holds, and a queue of events. All watches stand
 * in one list, too: while that is empty nothing that happens is looked at (notify.h).
 */
#include <libos/fs/notify.h>

#define INSTANCES_DEFAULT 128u   /* Linux's defaults */
#define EVENTS_DEFAULT    16384u
#define WATCHES_SHARE     64u    /* of memory, for one user's watches and the inodes that they hold */
#define WATCH_COST        1024u  /* …each of which counts so much */
#define QUEUES_SHARE      16u    /* of memory, for one user's events */
#define NAME_ALIGN        16u
#define EVENTS_TOLD       (IN_ALL_EVENTS | IN_UNMOUNT)
#define FLAGS_KEPT        (IN_EXCL_UNLINK | IN_ONESHOT)
#define FLAGS_KNOWN       (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | \
                           IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

struct event {
	struct list node;
	int32_t wd;
	uint32_t mask, cookie;
	uint32_t length; /* of the name, without zeroes */
	char name[];
};

struct inotify {
	struct list watches; /* by number, the newest last */
	struct list queue;
	uint32_t events;
	uint64_t bytes;      /* that reading them all gives */
	uint32_t uid;        /* who pays */
	int32_t last_wd;
	struct waitq read_wait, poll_wait;
	struct event *overflow; /* to say that there was more */
	bool overflowed;       /* it is in the queue */
};

struct watch {
	struct list of_instance, of_all;
	struct watch *next;  /* on the same inode */
	struct inotify *in;
	struct inode *inode; /* a reference */
	int32_t wd;
	uint32_t mask;
};

static const struct file_ops inotify_ops;

static struct watch *watch_of(struct list *node)
{
	return LIST_ENTRY(node, struct watch, of_instance);
}

uint64_t inotify_max_instances(void)
{
	return setting_number(SETTING_INOTIFY_INSTANCES, INSTANCES_DEFAULT);
}

uint64_t inotify_max_events(void)
{
	return setting_number(SETTING_INOTIFY_EVENTS, EVENTS_DEFAULT);
}

static uint64_t memory_share(uint32_t share)
{
	return (libos.frames.total << PAGE_SHIFT) / share;
}

uint64_t inotify_max_watches(void)
{
	return setting_number(SETTING_INOTIFY_WATCHES, memory_share(WATCHES_SHARE) / WATCH_COST);
}

/* ---- the queue ---- */

static uint32_t name_size(uint32_t length)
{
	return length ? (length + NAME_ALIGN) & ~(NAME_ALIGN - 1) : 0;
}

static uint64_t told_size(const struct event *e)
{
	return sizeof(struct inotify_event) + name_size(e->length);
}

static void append(struct inotify *in, struct event *e)
{
	list_push_back(&in->queue, &e->node);
	in->events++;
	in->bytes += told_size(e);
	waitq_wake_one(&in->read_wait, &in->poll_wait, POLLIN);
}

static bool is_same(const struct event *e, int32_t wd, uint32_t mask, const char *name, uint32_t length)
{
	return !(mask & IN_IGNORED) && e->wd == wd && e->mask == mask && e->length == length && !memcmp(e->name, name, length);
}

static void event_free(struct inotify *in, struct event *e)
{
	list_remove(&e->node);
	in->events--;
	in->bytes -= told_size(e);
	if (e == in->overflow) {
		in->overflowed = false;
		return;
	}
	user_uncharge(in->uid, USER_INOTIFY_BYTES, sizeof(*e) + e->length);
	heap_free(e);
}

static struct event *event_new(struct inotify *in, uint32_t length)
{
	struct event *e;
	if (in->events >= inotify_max_events() ||
	    !user_charge(in->uid, USER_INOTIFY_BYTES, sizeof(*e) + length, memory_share(QUEUES_SHARE)))
		return NULL;
	e = heap_alloc(sizeof(*e) + length);
	if (!e)
		user_uncharge(in->uid, USER_INOTIFY_BYTES, sizeof(*e) + length);
	return e;
}

/* The same as the last one is not told twice; for what finds no room one says that there was more. */
static void queue(struct inotify *in, int32_t wd, uint32_t mask, uint32_t cookie, const char *name, uint32_t length)
{
	if (!list_empty(&in->queue) && is_same(LIST_ENTRY(in->queue.prev, struct event, node), wd, mask, name, length))
		return;
	struct event *e = event_new(in, length);
	if (e) {
		e->wd = wd;
		e->mask = mask;
		e->cookie = cookie;
		e->length = length;
		memcpy(e->name, name, length);
		append(in, e);
	} else if (!in->overflowed) {
		in->overflowed = true;
		append(in, in->overflow);
	}
}

/* ---- watches ---- */

/* Not the inode's reference. */
static void watch_free(struct watch *w)
{
	struct watch **link = &w->inode->watches;
	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	list_remove(&w->of_instance);
	list_remove(&w->of_all);
	user_uncharge(w->in->uid, USER_INOTIFY_WATCHES, 1);
	heap_free(w);
}

/* Gives the inode, whose reference is the caller's to take off. */
static struct inode *watch_end(struct watch *w)
{
	struct inode *inode = w->inode;
	queue(w->in, w->wd, IN_IGNORED, 0, "", 0);
	watch_free(w);
	return inode;
}

static void tell(struct watch *w, uint32_t mask, uint32_t cookie, const char *name, size_t length)
{
	if (!(w->mask & mask & EVENTS_TOLD))
		return;
	queue(w->in, w->wd, mask, cookie, name, (uint32_t)length);
	if (w->mask & IN_ONESHOT)
		watch_end(w)->refs--; /* the caller has another one */
}

static void tell_all(struct inode *inode, uint32_t mask, uint32_t cookie, const char *name, size_t length)
{
	for (struct watch *w = inode->watches, *next; w; w = next) {
		next = w->next;
		tell(w, mask, cookie, name, length);
	}
}

void notify_self_now(struct inode *inode, uint32_t mask)
{
	if (inode->watches)
		tell_all(inode, mask, 0, "", 0);
}

void notify_name_now(struct inode *dir, const char *name, size_t length, uint32_t mask, uint32_t cookie)
{
	if (dir->watches)
		tell_all(dir, mask, cookie, name, length);
}

void notify_inode_now(struct inode *inode, uint32_t mask)
{
	char name[NAME_LENGTH_MAX + 1];
	struct inode *dir;
	if (is_directory(inode))
		mask |= IN_ISDIR;
	int64_t length = inode->ops->name ? inode->ops->name(inode, name, sizeof(name), &dir) : -ENOENT;
	if (length > 0) {
		dir->refs--; /* the tree has another one, as long as it has the name */
		notify_name_now(dir, name, (size_t)length, mask, 0);
	}
	notify_self_now(inode, mask);
}

static void moved_one(struct inode *from_dir, const char *from, size_t from_length, const struct inode *moved, struct inode *to_dir,
                      const char *to, size_t to_length)
{
	uint32_t directory = is_directory(moved) ? IN_ISDIR : 0, cookie = ++libos.vfs.move_cookie;
	notify_name_now(from_dir, from, from_length, IN_MOVED_FROM | directory, cookie);
	notify_name_now(to_dir, to, to_length, IN_MOVED_TO | directory, cookie);
}

void notify_move(struct inode *from_dir, const char *from, size_t from_length, struct inode *moved, struct inode *to_dir,
                 const char *to, size_t to_length, struct inode *exchanged)
{
	if (!notify_is_on())
		return;
	moved_one(from_dir, from, from_length, moved, to_dir, to, to_length);
	notify_self_now(moved, IN_MOVE_SELF);
	if (!exchanged)
		return;
	moved_one(to_dir, to, to_length, exchanged, from_dir, from, from_length);
	notify_self_now(exchanged, IN_MOVE_SELF);
}

uint32_t notify_put(struct inode *inode)
{
	uint32_t count = 0, ended = 0;
	if (inode->nlink)
		return 0;
	for (const struct watch *w = inode->watches; w; w = w->next)
		count++;
	if (inode->refs != count)
		return 0;
	for (struct watch *w = inode->watches, *next; w; w = next, ended++) {
		next = w->next;
		if (w->mask & IN_DELETE_SELF)
			queue(w->in, w->wd, IN_DELETE_SELF, 0, "", 0);
		queue(w->in, w->wd, IN_IGNORED, 0, "", 0);
		watch_free(w);
	}
	return ended;
}

void notify_unmount(const struct super *super)
{
	struct list *node, *before;
	for (node = libos.vfs.watches.prev; node != &libos.vfs.watches; node = before) {
		struct watch *w = LIST_ENTRY(node, struct watch, of_all);
		before = node->prev;
		if (w->inode->super != super)
			continue;
		queue(w->in, w->wd, IN_UNMOUNT | (is_directory(w->inode) ? IN_ISDIR : 0), 0, "", 0);
		inode_put(watch_end(w));
	}
}

/* ---- the file ---- */

static int64_t take(struct inotify *in, struct io *io)
{
	struct event *e = LIST_ENTRY(list_first(&in->queue), struct event, node);
	char name[NAME_LENGTH_MAX + NAME_ALIGN] = { 0 };
	struct inotify_event told = { .wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = name_size(e->length) };
	if (io->remaining < sizeof(told) + told.len)
		return -EINVAL;
	memcpy(name, e->name, e->length);
	event_free(in, e);
	if (io_put(io, &told, sizeof(told)) != sizeof(told) || io_put(io, name, told.len) != told.len)
		return -EFAULT;
	return sizeof(told) + told.len;
}

static int64_t inotify_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct inotify *in = file->private_data;
	int64_t done = 0, r;
	(void)position;
	while (list_empty(&in->queue)) {
		if (file_nonblocking(file, io))
			return -EAGAIN;
		if (wait_on(thread, &in->read_wait, NO_DEADLINE, true) && list_empty(&in->queue))
			return -ERESTARTSYS;
	}
	while (!list_empty(&in->queue)) {
		r = take(in, io);
		if (r == -EFAULT)
			return r;
		if (r < 0)
			break;
		done += r;
	}
	/* What is left is for the next one who waits. */
	if (!list_empty(&in->queue) && !list_empty(&in->read_wait.waiters))
		waitq_wake(&in->read_wait, 1);
	return done ? done : -EINVAL;
}

static uint32_t inotify_poll(struct file *file, struct poll_table *table)
{
	struct inotify *in = file->private_data;
	poll_watch(table, &in->poll_wait);
	return list_empty(&in->queue) ? 0 : POLLIN;
}

static int64_t inotify_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	const struct inotify *in = file->private_data;
	int32_t bytes = (int32_t)min_u64(in->bytes, INT32_MAX);
	return request == FIONREAD ? user_write(thread->process->space, arg, &bytes, sizeof(bytes)) : -ENOTTY;
}

static void inotify_release(struct file *file)
{
	struct inotify *in = file->private_data;
	struct list *node;
	while ((node = list_first(&in->watches)) != NULL) {
		struct watch *w = watch_of(node);
		struct inode *inode = w->inode;
		watch_free(w);
		inode_put(inode);
	}
	while ((node = list_first(&in->queue)) != NULL)
		event_free(in, LIST_ENTRY(node, struct event, node));
	user_uncharge(in->uid, USER_INOTIFY_INSTANCES, 1);
	heap_free(in->overflow);
	heap_free(in);
}

static void inotify_info(const struct file *file, struct text *text)
{
	struct inotify *in = file->private_data;
	for (struct list *node = in->watches.prev; node != &in->watches; node = node->prev) {
		const struct watch *w = watch_of(node);
		text_printf(text, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0\n", (unsigned)w->wd, (unsigned long)w->inode->ino,
		            (unsigned)w->inode->super->device, w->mask & ~IN_UNMOUNT);
	}
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.info = inotify_info,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

/* ---- the calls ---- */

static int64_t make(struct thread *self, uint32_t flags)
{
	struct file *file;
	uint32_t uid = self->cred.uid;
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (!user_charge(uid, USER_INOTIFY_INSTANCES, 1, inotify_max_instances()))
		return -EMFILE;
	struct event *overflow = heap_alloc(sizeof(*overflow));
	int r = overflow ? anon_file_make(self, &inotify_ops, "inotify", flags, sizeof(struct inotify), &file) : -ENOMEM;
	if (r) {
		heap_free(overflow);
		user_uncharge(uid, USER_INOTIFY_INSTANCES, 1);
		return r;
	}
	struct inotify *in = file->private_data;
	file->flags = O_RDONLY | (flags & O_NONBLOCK);
	in->uid = uid;
	*overflow = (struct event){ .wd = -1, .mask = IN_Q_OVERFLOW };
	in->overflow = overflow;
	list_init(&in->watches);
	list_init(&in->queue);
	waitq_init(&in->read_wait);
	waitq_init(&in->poll_wait);
	return fd_give(self, file, flags & O_CLOEXEC);
}

int64_t sys_inotify_init(struct thread *self, const uint64_t *args_)
{
	(void)args_;
	return make(self, 0);
}

int64_t sys_inotify_init1(struct thread *self, const uint64_t *args_)
{
	return make(self, (uint32_t)args_[0]);
}

static int64_t change(struct watch *w, uint32_t mask, uint32_t flags)
{
	if (flags & IN_MASK_CREATE)
		return -EEXIST;
	w->mask = flags & IN_MASK_ADD ? w->mask | mask : mask;
	return w->wd;
}

/* Takes a reference of the inode. */
static int64_t add(struct inotify *in, struct inode *inode, uint32_t mask)
{
	if (user_count(in->uid, USER_INOTIFY_WATCHES) >= inotify_max_watches())
		return -ENOSPC;
	if (in->last_wd == INT32_MAX)
		return -ENOSPC;
	struct watch *w = heap_alloc(sizeof(*w));
	if (!w || !user_charge(in->uid, USER_INOTIFY_WATCHES, 1, UINT64_MAX)) {
		heap_free(w);
		return -ENOMEM;
	}
	*w = (struct watch){ .in = in, .inode = inode, .wd = ++in->last_wd, .mask = mask, .next = inode->watches };
	inode_get(inode);
	inode->watches = w;
	list_push_back(&in->watches, &w->of_instance);
	list_push_back(&libos.vfs.watches, &w->of_all);
	return w->wd;
}

static int64_t watch(struct thread *self, struct file *file, const char *path, uint32_t asked)
{
	uint32_t mask = (asked & (EVENTS_TOLD | FLAGS_KEPT)) | IN_UNMOUNT;
	struct path found;
	int64_t r = path_walk(self, AT_FDCWD, path, (asked & IN_DONT_FOLLOW ? WALK_NOFOLLOW : 0) | (asked & IN_ONLYDIR ? WALK_DIRECTORY : 0),
	                      &found);
	if (r)
		return r;
	r = inode_permission(found.inode, &self->cred, MAY_READ);
	if (!r) {
		struct watch *w = found.inode->watches;
		while (w && w->in != file->private_data)
			w = w->next;
		r = w ? change(w, mask, asked) : add(file->private_data, found.inode, mask);
	}
	path_put(&found);
	return r;
}

int64_t sys_inotify_add_watch(struct thread *self, const uint64_t *args_)
{
	uint32_t mask = (uint32_t)args_[2];
	struct user_path path;
	if (!mask || (mask & ~FLAGS_KNOWN))
		return -EINVAL;
	struct file *file = fd_io_file(self, args_[0]);
	if (!file)
		return -EBADF;
	if (file->ops != &inotify_ops || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	int64_t r = user_path_get(&path, self, args_[1]);
	if (r)
		return r;
	file_get(file);
	r = watch(self, file, path.text, mask);
	file_put(file);
	user_path_put(&path);
	return r;
}

int64_t sys_inotify_rm_watch(struct thread *self, const uint64_t *args_)
{
	const struct file *file = fd_io_file(self, args_[0]);
	if (!file)
		return -EBADF;
	if (file->ops != &inotify_ops)
		return -EINVAL;
	struct inotify *in = file->private_data;
	for (struct list *node = in->watches.next; node != &in->watches; node = node->next) {
		if (watch_of(node)->wd != (int32_t)args_[1])
			continue;
		inode_put(watch_end(watch_of(node)));
		return 0;
	}
	return -EINVAL;
}

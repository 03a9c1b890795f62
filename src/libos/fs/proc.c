/*
 * procfs: the tree. Nodes are made at each look-up and hold their parent; what an entry
 * shows is in proc_pid.c and proc_system.c. A file's content is made when it is read from its start.
 */
#include <libos/fs/proc.h>

#define POSITION_STATIC 2u          /* positions of children[] */
#define POSITION_NUMBER UINT64_C(1024) /* + pid, tid or descriptor */
#define WRITE_MAX       256u

static const struct proc_entry fd_link_entry;
static const struct proc_entry fd_info_entry;
static const struct proc_entry process_entry = { "", PROC_PROCESS, 0555, .children = proc_pid_children };
static const struct inode_ops proc_ops;
static const struct file_ops proc_file_ops, system_file_ops, mounts_file_ops;

static struct proc_node *proc_node(struct inode *inode) { return (struct proc_node *)(void *)inode; }

/* Whom the node is about, as of now; -ESRCH when that process or thread is no more. */
static int subject_of(const struct proc_node *n, const struct thread *reader, struct proc_subject *s)
{
	*s = (struct proc_subject){ .entry = n->entry, .fd = n->fd, .reader = reader };
	if (!n->pid)
		return 0;
	s->process = process_find(n->pid);
	if (!s->process)
		return -ESRCH;
	if (n->tid) {
		s->thread = thread_find(n->tid);
		if (!s->thread || s->thread->process != s->process)
			return -ESRCH;
	}
	if (n->entry->inspect && reader && !thread_may_inspect(reader, s->process, false))
		return -EACCES;
	return 0;
}

static uint64_t child_ino(const struct proc_node *dir, const char *name, size_t length)
{
	uint64_t h = dir->inode.ino;
	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3u; /* FNV-1a's prime */
	return (h ^ h >> 32) & 0x7fffffff;
}

static uint32_t type_of(const struct proc_entry *e)
{
	return e->kind == PROC_FILE || e->kind == PROC_MEMORY ? S_IFREG : e->kind == PROC_LINK ? S_IFLNK : S_IFDIR;
}

static int node_make(struct proc_node *dir, const struct proc_entry *e, const char *name, size_t length, int32_t pid,
                     int32_t tid, int fd, struct inode **made)
{
	struct proc_node *n = heap_alloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	inode_init(&n->inode, dir->inode.super, &proc_ops, type_of(e) | e->mode, NULL);
	n->inode.ino = child_ino(dir, name, length);
	if (is_directory(&n->inode))
		n->inode.nlink = 2;
	n->parent = dir;
	inode_get(&dir->inode);
	n->entry = e;
	n->pid = pid;
	n->tid = tid;
	n->fd = fd;
	struct process *p = pid ? process_find(pid) : NULL;
	/* What is in the folder of a process that is not dumpable is root's. */
	if (p && (p->dumpable == 1 || e == &process_entry)) {
		n->inode.uid = p->cred.euid;
		n->inode.gid = p->cred.egid;
	}
	*made = &n->inode;
	return 0;
}

static bool parse_number(const char *name, size_t length, int32_t *value)
{
	int64_t v = 0;
	if (!length || length > 9 || (name[0] == '0' && length > 1))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (name[i] - '0');
	}
	*value = (int32_t)v;
	return true;
}

static int lookup_number(struct proc_node *dir, const char *name, size_t length, struct inode **found)
{
	int32_t number;
	struct proc_subject s;
	if (!parse_number(name, length, &number) || subject_of(dir, NULL, &s))
		return -ENOENT;
	switch (dir->entry->kind) {
	case PROC_ROOT: {
		if (process_find(number))
			return node_make(dir, &process_entry, name, length, number, 0, 0, found);
		/* A thread's number is not listed, but leads to it. */
		struct thread *t = thread_find(number);
		return t ? node_make(dir, &process_entry, name, length, t->process->pid, number, 0, found) : -ENOENT;
	}
	case PROC_TASKS: {
		struct thread *t = thread_find(number);
		if (!t || t->process != s.process)
			return -ENOENT;
		return node_make(dir, &process_entry, name, length, dir->pid, number, 0, found);
	}
	case PROC_FDS:
	case PROC_FDINFOS: {
		struct file *file = s.process->fds ? fd_file(s.process->fds, number) : NULL;
		if (!file)
			return -ENOENT;
		bool link = dir->entry->kind == PROC_FDS;
		int r = node_make(dir, link ? &fd_link_entry : &fd_info_entry, name, length, dir->pid, dir->tid, number, found);
		if (!r && link) /* as Linux shows how it is open */
			(*found)->mode = S_IFLNK | 0100 | (file_readable(file) ? 0400 : 0) | (file_writable(file) ? 0200 : 0);
		return r;
	}
	default:
		return -ENOENT;
	}
}

/* In a task's folder: that has no tasks of its own. */
static bool is_in_task(const struct proc_node *dir)
{
	return dir->tid && dir->parent->entry->kind == PROC_TASKS;
}

static int proc_lookup(struct inode *inode, const char *name, size_t length, struct inode **found)
{
	struct proc_node *dir = proc_node(inode);
	const struct proc_entry *e = dir->entry->children;
	struct proc_subject s;
	if (subject_of(dir, NULL, &s))
		return -ENOENT;
	for (; e && e->name; e++) {
		if (str_length(e->name) != length || memcmp(e->name, name, length))
			continue;
		if (e->kind == PROC_TASKS && is_in_task(dir))
			return -ENOENT;
		return node_make(dir, e, name, length, dir->pid, dir->tid, 0, found);
	}
	return lookup_number(dir, name, length, found);
}

/* ---- listing ---- */

struct numbers {
	int32_t *value;
	size_t count;
};

static void sort_numbers(struct numbers *n)
{
	for (size_t gap = n->count / 2; gap; gap /= 2) {
		for (size_t i = gap; i < n->count; i++) {
			int32_t v = n->value[i];
			size_t j = i;
			for (; j >= gap && n->value[j - gap] > v; j -= gap)
				n->value[j] = n->value[j - gap];
			n->value[j] = v;
		}
	}
}

static int collect(const struct proc_node *dir, const struct proc_subject *s, uint64_t from, struct numbers *n)
{
	size_t room = 1 + (dir->entry->kind == PROC_ROOT ? libos.procs.count : s->process->thread_count);
	n->count = 0;
	n->value = heap_alloc(room * sizeof(*n->value));
	if (!n->value)
		return -ENOMEM;
	if (dir->entry->kind == PROC_ROOT) {
		LIST_EACH(at, &libos.procs.all) {
			const struct process *p = LIST_ENTRY(at, struct process, all);
			if ((uint64_t)p->pid >= from && n->count < room)
				n->value[n->count++] = p->pid;
		}
	} else {
		LIST_EACH(at, &s->process->threads) {
			const struct thread *t = LIST_ENTRY(at, struct thread, sibling);
			if ((uint64_t)t->tid >= from && n->count < room)
				n->value[n->count++] = t->tid;
		}
	}
	sort_numbers(n);
	return 0;
}

static bool emit_number(const struct proc_node *dir, int32_t number, uint32_t type, readdir_emit emit, void *arg)
{
	char name[16];
	size_t length = format(name, sizeof(name), "%d", number);
	return emit(arg, name, length, child_ino(dir, name, length), type, POSITION_NUMBER + (uint64_t)number + 1);
}

static int list_numbers(const struct proc_node *dir, const struct proc_subject *s, uint64_t from, readdir_emit emit, void *arg)
{
	struct numbers n;
	int r = collect(dir, s, from, &n);
	for (size_t i = 0; !r && i < n.count; i++) {
		if (!emit_number(dir, n.value[i], S_IFDIR, emit, arg))
			break;
	}
	if (!r)
		heap_free(n.value);
	return r;
}

static int list_fds(const struct proc_node *dir, const struct proc_subject *s, uint64_t from, readdir_emit emit, void *arg)
{
	uint32_t type = dir->entry->kind == PROC_FDS ? S_IFLNK : S_IFREG;
	if (!s->process->fds || from > FD_MAX)
		return 0;
	for (int fd = (int)from; (fd = fd_next(s->process->fds, fd)) >= 0; fd++) {
		if (!emit_number(dir, fd, type, emit, arg))
			break;
	}
	return 0;
}

static int proc_readdir(struct inode *inode, uint64_t position, readdir_emit emit, void *arg)
{
	const struct proc_node *dir = proc_node(inode);
	const struct proc_entry *e = dir->entry->children;
	struct proc_subject s;
	if (subject_of(dir, NULL, &s))
		return -ENOENT;
	for (uint64_t i = 0; e && e[i].name; i++) {
		if (i + POSITION_STATIC < position || (e[i].kind == PROC_TASKS && is_in_task(dir)))
			continue;
		size_t length = str_length(e[i].name);
		if (!emit(arg, e[i].name, length, child_ino(dir, e[i].name, length), type_of(&e[i]), i + POSITION_STATIC + 1))
			return 0;
	}
	uint64_t from = position > POSITION_NUMBER ? position - POSITION_NUMBER : 0;
	if (dir->entry->kind == PROC_ROOT || dir->entry->kind == PROC_TASKS)
		return list_numbers(dir, &s, from, emit, arg);
	if (dir->entry->kind == PROC_FDS || dir->entry->kind == PROC_FDINFOS)
		return list_fds(dir, &s, from, emit, arg);
	return 0;
}

/* ---- tree and links ---- */

static struct inode *proc_parent(struct inode *inode)
{
	struct proc_node *n = proc_node(inode);
	struct inode *up = n->parent ? &n->parent->inode : inode;
	inode_get(up);
	return up;
}

static int64_t proc_name(struct inode *inode, char *to, size_t size, struct inode **dir)
{
	struct proc_node *n = proc_node(inode);
	int32_t number = n->tid ? n->tid : n->pid;
	size_t length;
	if (!n->parent)
		return -ENOENT;
	if (n->entry == &fd_link_entry || n->entry == &fd_info_entry)
		number = n->fd;
	if (n->entry->name[0])
		length = format(to, size, "%s", n->entry->name);
	else
		length = format(to, size, "%d", number);
	*dir = proc_parent(inode);
	return (int64_t)length;
}

static int64_t proc_readlink(struct inode *inode, struct thread *thread, char *to, size_t size)
{
	struct proc_node *n = proc_node(inode);
	struct proc_subject s;
	int r = subject_of(n, thread, &s);
	if (r)
		return r == -ESRCH ? -ENOENT : r;
	/* The texts are made with their NUL and in full; the caller may want less. */
	char *whole = heap_alloc(PATH_LENGTH_MAX);
	if (!whole)
		return -ENOMEM;
	int64_t length = n->entry->target(&s, whole, PATH_LENGTH_MAX);
	if (length > (int64_t)size)
		length = (int64_t)size;
	if (length > 0)
		memcpy(to, whole, (size_t)length);
	heap_free(whole);
	return length;
}

/* -EINVAL: an ordinary link, to be read. */
static int proc_follow(struct inode *inode, struct thread *thread, struct inode **target, struct mount **mount)
{
	struct proc_node *n = proc_node(inode);
	struct proc_subject s;
	if (!n->entry->follow)
		return -EINVAL;
	int r = subject_of(n, thread, &s);
	if (r)
		return r == -ESRCH ? -ENOENT : r;
	struct path to = { NULL, NULL };
	r = n->entry->follow(&s, &to);
	if (r)
		return r;
	inode_get(to.inode);
	*target = to.inode;
	*mount = to.mount;
	return 0;
}

static int64_t fd_target(const struct proc_subject *s, char *to, size_t size)
{
	struct file *file = s->process->fds ? fd_file(s->process->fds, s->fd) : NULL;
	if (!file || !s->reader->process->fs)
		return -ENOENT;
	return path_describe(s->reader->process->fs, &file->path, to, size);
}

static int fd_follow(const struct proc_subject *s, struct path *to)
{
	struct file *file = s->process->fds ? fd_file(s->process->fds, s->fd) : NULL;
	if (!file || !file->path.inode)
		return -ENOENT;
	*to = file->path;
	return 0;
}

static void fd_info_show(struct text *text, const struct proc_subject *s)
{
	struct file *file = s->process->fds ? fd_file(s->process->fds, s->fd) : NULL;
	if (!file)
		return;
	text_printf(text, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t0\nino:\t%lu\n", (unsigned long)file->position,
	            file->flags | (fd_cloexec(s->process->fds, s->fd) ? O_CLOEXEC : 0),
	            (unsigned long)(file->path.inode ? file->path.inode->ino : 0));
	if (file->ops->info) {
		file_get(file);
		file->ops->info(file, text);
		file_put(file);
	}
}

static const struct proc_entry fd_link_entry = { "", PROC_LINK, 0700, true, .target = fd_target, .follow = fd_follow };
static const struct proc_entry fd_info_entry = { "", PROC_FILE, 0400, true, .show = fd_info_show };

/* ---- files ---- */

struct content { /* of an open file */
	struct text text;
	exo_cap_t zone; /* of the process when it was opened: names its memory, and is never used again */
};

static exo_cap_t zone_of(const struct proc_subject *s)
{
	return s->process && s->process->state == PROCESS_ALIVE && s->process->space ? vm_zone(s->process->space) : 0;
}

static int proc_open(struct inode *inode, struct file *file, struct thread *thread)
{
	struct proc_node *n = proc_node(inode);
	struct proc_subject s;
	int r = subject_of(n, thread, &s);
	if (r)
		return r;
	if (is_directory(inode)) {
		file->ops = &directory_file_ops;
		return 0;
	}
	bool mounts = n->entry->show == proc_show_mounts || n->entry->show == proc_show_mountinfo;
	file->ops = mounts ? &mounts_file_ops : n->pid ? &proc_file_ops : &system_file_ops;
	file->dir_generation = libos.vfs.mount_changes;
	struct content *content = heap_zalloc(sizeof(*content));
	if (!content)
		return -ENOMEM;
	content->zone = zone_of(&s);
	file->private_data = content;
	return 0;
}

static void proc_file_release(struct file *file)
{
	struct content *content = file->private_data;
	if (content)
		text_free(&content->text);
	heap_free(content);
}

/* Made at a read from the start, and not before: who opens it may exec meanwhile. */
static int make_content(struct file *file, struct thread *thread, struct content *content)
{
	struct proc_node *n = proc_node(file->path.inode);
	struct proc_subject s;
	int r = subject_of(n, thread, &s);
	if (r)
		return r;
	struct text text = { 0 };
	if (n->entry->text)
		text_printf(&text, "%s\n", n->entry->setting && libos.vfs.settings[n->entry->setting][0]
		                                           ? libos.vfs.settings[n->entry->setting] : n->entry->text);
	/* What shows a program's memory stays with the memory it was opened for. */
	if (n->entry->show && (!n->entry->inspect || zone_of(&s) == content->zone))
		n->entry->show(&text, &s);
	/* Others may have run, and read or made it, too. */
	text_free(&content->text);
	content->text = text;
	return text.failed ? -ENOMEM : 0;
}

static int64_t move_memory(const struct proc_node *n, struct thread *thread, const struct content *content, struct io *io,
                           uint64_t *position, bool write)
{
	struct proc_subject s;
	int error = subject_of(n, thread, &s);
	if (error || zone_of(&s) != content->zone || !content->zone)
		return error == -ESRCH ? 0 : error;
	int64_t r = write ? n->entry->write(&s, io, *position) : n->entry->read(&s, io, *position);
	if (r > 0)
		*position += (uint64_t)r;
	return r;
}

static int64_t proc_file_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct content *content = file->private_data;
	const struct text *text = &content->text;
	const struct proc_node *n = proc_node(file->path.inode);
	if (n->entry->read)
		return move_memory(n, thread, content, io, position, false);
	int made = *position ? 0 : make_content(file, thread, content);
	if (made)
		return made;
	if (*position >= text->size)
		return 0;
	int64_t r = io_put(io, text->data + *position, min_u64(io->remaining, text->size - *position));
	if (r > 0)
		*position += (uint64_t)r;
	return r;
}

uint64_t setting_number(enum proc_setting which, uint64_t unset)
{
	const char *text = libos.vfs.settings[which];
	uint64_t value;
	return *text && str_to_u64(text, &value) ? value : unset;
}

/* A number stays one; anything else is text. */
static int setting_store(const struct proc_entry *e, const char *bytes, size_t size)
{
	uint64_t value;
	if (size >= SETTING_SIZE || ((!e->text || str_to_u64(e->text, &value)) && !str_to_u64(bytes, &value)))
		return -EINVAL;
	str_copy(libos.vfs.settings[e->setting], bytes, SETTING_SIZE);
	return 0;
}

static int64_t proc_file_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct proc_node *n = proc_node(file->path.inode);
	char bytes[WRITE_MAX];
	struct proc_subject s;
	uint64_t size = io->remaining;
	if (n->entry->write)
		return move_memory(n, thread, file->private_data, io, position, true);
	if (!n->entry->store && !n->entry->setting)
		return -EIO;
	int r = subject_of(n, thread, &s);
	if (r)
		return r;
	if (size >= sizeof(bytes))
		return -EINVAL;
	if (io_get(io, bytes, size) != (int64_t)size)
		return -EFAULT;
	bytes[size] = '\0';
	uint64_t length = size;
	while (length && bytes[length - 1] == '\n')
		bytes[--length] = '\0';
	r = n->entry->setting ? setting_store(n->entry, bytes, length) : n->entry->store(&s, bytes, length);
	*position += size;
	return r ? r : (int64_t)size;
}

static int64_t proc_file_seek(struct file *file, int64_t offset, int whence)
{
	int64_t to;
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	if (__builtin_add_overflow(offset, whence == SEEK_CUR ? (int64_t)file->position : 0, &to))
		return -EINVAL;
	if (to < 0)
		return -EINVAL;
	file->position = (uint64_t)to;
	return to;
}

/* What is not of a process can be polled, and is always ready. */
static uint32_t system_poll(struct file *file, struct poll_table *table)
{
	(void)file, (void)table;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* Who has not been told that the mounts have changed is told once. */
static uint32_t mounts_poll(struct file *file, struct poll_table *table)
{
	bool changed = file->dir_generation != libos.vfs.mount_changes;
	poll_watch(table, &libos.vfs.mount_wait);
	file->dir_generation = libos.vfs.mount_changes;
	return POLLIN | POLLRDNORM | (changed ? POLLERR | POLLPRI : 0);
}

#define FILE_OPS \
	.read = proc_file_read, \
	.write = proc_file_write, \
	.seek = proc_file_seek, \
	.release = proc_file_release

static const struct file_ops proc_file_ops = { FILE_OPS };
static const struct file_ops system_file_ops = { FILE_OPS, .poll = system_poll, .splices = SPLICE_FROM | SPLICE_TO };
static const struct file_ops mounts_file_ops = { FILE_OPS, .poll = mounts_poll, .splices = SPLICE_FROM };

static struct inode *proc_release(struct inode *inode)
{
	struct proc_node *n = proc_node(inode);
	struct inode *parent = n->parent ? &n->parent->inode : NULL;
	heap_free(n);
	return parent;
}

/* A process sees its own descriptors, even when it is not dumpable and the folder is root's. */
static bool proc_own(struct inode *inode, const struct thread *thread)
{
	const struct proc_node *n = proc_node(inode);
	return (n->entry->kind == PROC_FDS || n->entry->kind == PROC_FDINFOS) && n->pid == thread->process->pid;
}

static const struct inode_ops proc_ops = {
	.own = proc_own,
	.lookup = proc_lookup,
	.readdir = proc_readdir,
	.parent = proc_parent,
	.readlink = proc_readlink,
	.follow = proc_follow,
	.open = proc_open,
	.release = proc_release,
	.name = proc_name,
};

const struct proc_entry proc_root_entry = { "", PROC_ROOT, 0555, .children = proc_system_children };

struct super *procfs_new(void)
{
	struct super *super = super_new("proc", "proc", PROC_SUPER_MAGIC);
	struct proc_node *n = heap_zalloc(sizeof(*n));
	if (!super || !n) {
		heap_free(super);
		heap_free(n);
		return NULL;
	}
	inode_init(&n->inode, super, &proc_ops, S_IFDIR | 0555, NULL);
	n->inode.nlink = 2;
	n->entry = &proc_root_entry;
	super->root = &n->inode;
	return super;
}

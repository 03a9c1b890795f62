/*
 * epoll(7). An item watches one file under one descriptor number. It stays on the wait queues that the file's poll() names, and
 * whatever is told there puts it on the ready list of its epoll file; a wait polls only what is on that list. Nothing here sleeps
 * but epoll_wait() itself and what gives way between two items.
 */
#include <libos/fs/internal.h>

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPOLLEXCLUSIVE UINT32_C(0x10000000)
#define EPOLLWAKEUP    UINT32_C(0x20000000)
#define EPOLLONESHOT   UINT32_C(0x40000000)
#define EPOLLET        UINT32_C(0x80000000)
#define EPOLL_HOW      (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET) /* says how, not of what */
#define EXCLUSIVE_GOOD (POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

#define EPIOCSPARAMS 0x40088a01u
#define EPIOCGPARAMS 0x80088a02u

#define EVENTS_MAX    (INT32_MAX / (int32_t)sizeof(struct epoll_event))
#define NESTS_MAX     4u       /* EP_MAX_NESTS: so many epoll files below one */
#define QUEUES_MAX    2u       /* that a file's poll() watches */
#define BUCKETS_FIRST 16u
#define BUCKETS_MAX   (1u << 15)
#define WATCHES_SHARE 25u      /* 4 % of memory, as on Linux */

struct epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

struct epoll {
	struct file *file;        /* its own, which holds it */
	struct list items;        /* struct item_head.node: in order, but those of epoll files before all others */
	struct list ready;        /* struct epoll_item.ready, ordered by turn */
	uint64_t next_turn;
	struct waitq wait;        /* epoll_wait() */
	struct waitq poll_wait;   /* poll() of the epoll file */
	struct epoll_item **buckets;
	uint32_t bucket_count, count;
	uint32_t uid;             /* who pays */
	uint64_t told_round;      /* sched.wake_round when it told its waiters last */
	uint64_t check;           /* vfs.epoll_check when `depth` was found out */
	uint32_t depth;
};

struct item_head {
	struct list node;
	struct epoll *ep; /* NULL: no item, but a place in the list */
};

struct epoll_item {
	struct item_head head;
	struct list ready;
	uint64_t turn;               /* when it was put on the ready list */
	struct epoll_item *next;     /* in its bucket */
	struct epoll_item *next_watch, **watch_link; /* in file->watches */
	struct file *file;
	int32_t fd;
	uint32_t events;
	uint64_t data;
	struct wait_entry entry[QUEUES_MAX];
};
_Static_assert(sizeof(struct epoll_item) <= 192, "fits a size class of the heap");

static const struct file_ops epoll_ops;

static struct epoll_item *item_of(struct list *node)
{
	return LIST_ENTRY(node, struct epoll_item, head.node);
}

static struct epoll *epoll_of(const struct file *file)
{
	return file->ops == &epoll_ops ? file->private_data : NULL;
}

uint64_t epoll_max_watches(void)
{
	return setting_number(SETTING_EPOLL_WATCHES, (libos.frames.total << PAGE_SHIFT) / WATCHES_SHARE / sizeof(struct epoll_item));
}

/* ---- finding items ---- */

static struct epoll_item **bucket_of(const struct epoll *ep, const struct file *file, int32_t fd)
{
	uint64_t key = (uint64_t)(uintptr_t)file >> 4 ^ (uint64_t)(uint32_t)fd << 32;
	return &ep->buckets[key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (ep->bucket_count - 1)];
}

static struct epoll_item *find(const struct epoll *ep, const struct file *file, int32_t fd)
{
	struct epoll_item *item = ep->buckets ? *bucket_of(ep, file, fd) : NULL;
	while (item && (item->file != file || item->fd != fd))
		item = item->next;
	return item;
}

static void into_bucket(struct epoll *ep, struct epoll_item *item)
{
	struct epoll_item **bucket = bucket_of(ep, item->file, item->fd);
	item->next = *bucket;
	*bucket = item;
}

/* Room for one more. Without memory for more buckets it works with those that there are. */
static int make_room(struct epoll *ep)
{
	if (ep->count < ep->bucket_count || ep->bucket_count == BUCKETS_MAX)
		return 0;
	uint32_t count = ep->buckets ? ep->bucket_count * 2 : BUCKETS_FIRST;
	struct epoll_item **buckets = heap_zalloc(count * sizeof(struct epoll_item *));
	if (!buckets)
		return ep->buckets ? 0 : -ENOMEM;
	heap_free(ep->buckets);
	ep->buckets = buckets;
	ep->bucket_count = count;
	LIST_EACH(at, &ep->items) {
		if (item_of(at)->head.ep)
			into_bucket(ep, item_of(at));
	}
	return 0;
}

static void item_free(struct epoll_item *item)
{
	struct epoll *ep = item->head.ep;
	struct epoll_item **link = bucket_of(ep, item->file, item->fd);
	while (*link != item)
		link = &(*link)->next;
	*link = item->next;
	for (uint32_t i = 0; i < QUEUES_MAX; i++)
		waitq_remove(&item->entry[i]);
	list_remove(&item->ready);
	list_remove(&item->head.node);
	*item->watch_link = item->next_watch;
	if (item->next_watch)
		item->next_watch->watch_link = item->watch_link;
	ep->count--;
	user_uncharge(ep->uid, USER_EPOLL_WATCHES, 1);
	heap_free(item);
}

void epoll_file_gone(struct file *file)
{
	while (file->watches) {
		item_free(file->watches);
		(void)sched_worked(&libos.sched, 1);
	}
}

/* ---- what is ready ---- */

/* One who waits will do, for he wakes the next if he leaves something. */
static void tell(struct epoll *ep)
{
	waitq_wake(&ep->wait, 1);
	if (!list_empty(&ep->poll_wait.waiters))
		waitq_wake_events(&ep->poll_wait, POLLIN | POLLRDNORM);
}

static void make_ready(struct epoll_item *item)
{
	struct epoll *ep = item->head.ep;
	if (!list_empty(&item->ready))
		return;
	item->turn = ep->next_turn++;
	list_push_back(&ep->ready, &item->ready);
}

/* Calls itself by way of the epoll files that watch this one, NESTS_MAX deep; each of them tells once in a round. */
static bool item_notify(struct wait_entry *entry, uint32_t events)
{
	struct epoll_item *item = entry->owner;
	struct epoll *ep = item->head.ep;
	bool waited = !list_empty(&ep->wait.waiters);
	if (!(item->events & ~EPOLL_HOW) || (events && !(events & item->events)))
		return false;
	make_ready(item);
	if (ep->told_round != libos.sched.wake_round) {
		ep->told_round = libos.sched.wake_round;
		tell(ep);
	}
	return waited;
}

static uint32_t item_poll(const struct epoll_item *item, struct poll_table *table)
{
	return item->file->ops->poll(item->file, table) & item->events;
}

/* What is on the list and not ready goes off it. Calls itself, as item_notify(). */
static uint32_t epoll_poll(struct file *file, struct poll_table *table)
{
	struct epoll *ep = file->private_data;
	poll_watch(table, &ep->poll_wait);
	while (!list_empty(&ep->ready)) {
		struct epoll_item *item = LIST_ENTRY(ep->ready.next, struct epoll_item, ready);
		if (item_poll(item, NULL))
			return POLLIN | POLLRDNORM;
		list_remove(&item->ready);
	}
	return 0;
}

/* ---- epoll_ctl ---- */

struct item_table { /* poll_watch() of an item that is new */
	struct poll_table table;
	struct epoll_item *item;
	uint32_t used;
	bool failed;
};

static void item_watch(struct poll_table *base, struct waitq *q)
{
	struct item_table *table = LIST_ENTRY(base, struct item_table, table);
	if (table->used == QUEUES_MAX) {
		table->failed = true;
		return;
	}
	struct wait_entry *entry = &table->item->entry[table->used++];
	entry->owner = table->item;
	entry->notify = item_notify;
	entry->exclusive = table->item->events & EPOLLEXCLUSIVE;
	waitq_watch(q, entry);
}

static void item_link(struct epoll *ep, struct epoll_item *item)
{
	struct file *file = item->file;
	item->head.ep = ep;
	if (epoll_of(file))
		list_push_front(&ep->items, &item->head.node);
	else
		list_push_back(&ep->items, &item->head.node);
	list_init(&item->ready);
	for (uint32_t i = 0; i < QUEUES_MAX; i++)
		list_init(&item->entry[i].node);
	into_bucket(ep, item);
	ep->count++;
	item->watch_link = &file->watches;
	item->next_watch = file->watches;
	if (item->next_watch)
		item->next_watch->watch_link = &item->next_watch;
	file->watches = item;
}

static int64_t add(struct epoll *ep, struct file *file, int32_t fd, const struct epoll_event *event)
{
	if (user_count(ep->uid, USER_EPOLL_WATCHES) >= epoll_max_watches())
		return -ENOSPC;
	struct epoll_item *item = heap_zalloc(sizeof(*item));
	if (!item || make_room(ep) || !user_charge(ep->uid, USER_EPOLL_WATCHES, 1, UINT64_MAX)) {
		heap_free(item);
		return -ENOMEM;
	}
	item->file = file;
	item->fd = fd;
	item->events = event->events | POLLERR | POLLHUP;
	item->data = event->data;
	item_link(ep, item);
	struct item_table table = { .table.watch = item_watch, .item = item };
	uint32_t ready = item_poll(item, &table.table);
	if (table.failed) {
		item_free(item);
		return -ENOMEM;
	}
	if (ready) {
		make_ready(item);
		tell(ep);
	}
	return 0;
}

static int64_t modify(struct epoll_item *item, const struct epoll_event *event)
{
	if (item->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->events = event->events | POLLERR | POLLHUP;
	item->data = event->data;
	if (item_poll(item, NULL) && list_empty(&item->ready)) {
		make_ready(item);
		tell(item->head.ep);
	}
	return 0;
}

/* How many epoll files are below one another in `ep`, at most; more than NESTS_MAX: too many, or `into` is among them. */
static uint32_t depth_below(struct epoll *ep, const struct epoll *into, uint32_t depth)
{
	uint32_t most = 0;
	if (ep->check == libos.vfs.epoll_check)
		return ep->depth;
	ep->check = libos.vfs.epoll_check;
	LIST_EACH(at, &ep->items) {
		struct epoll *below = item_of(at)->head.ep ? epoll_of(item_of(at)->file) : ep;
		if (!below || most > NESTS_MAX)
			break;
		if (below == ep)
			continue; /* a mere place */
		uint32_t found = below == into || depth > NESTS_MAX ? NESTS_MAX : depth_below(below, into, depth + 1);
		most = found + 1 > most ? found + 1 : most;
	}
	ep->depth = most;
	return most;
}

static uint32_t depth_above(struct epoll *ep)
{
	uint32_t most = 0;
	if (ep->check == libos.vfs.epoll_check)
		return ep->depth;
	for (const struct epoll_item *item = ep->file->watches; item; item = item->next_watch) {
		uint32_t found = depth_above(item->head.ep) + 1;
		most = found > most ? found : most;
	}
	ep->check = libos.vfs.epoll_check;
	ep->depth = most;
	return most;
}

static bool may_watch(struct epoll *ep, struct epoll *target)
{
	libos.vfs.epoll_check++;
	uint32_t below = depth_below(target, ep, 0);
	return below <= NESTS_MAX && below + 1 + depth_above(ep) <= NESTS_MAX;
}

static bool exclusive_good(uint32_t op, uint32_t events, const struct file *file)
{
	if (!(events & EPOLLEXCLUSIVE) || op == EPOLL_CTL_DEL)
		return true;
	return op != EPOLL_CTL_MOD && !(op == EPOLL_CTL_ADD && (epoll_of(file) || (events & ~EXCLUSIVE_GOOD)));
}

int64_t sys_epoll_ctl(struct thread *self, const uint64_t *args_)
{
	uint32_t op = (uint32_t)args_[1];
	int32_t fd = (int32_t)args_[2];
	struct epoll_event event = { 0, 0 };
	if (op != EPOLL_CTL_DEL && user_read(self->process->space, &event, args_[3], sizeof(event)))
		return -EFAULT;
	struct file *file = fd_io_file(self, args_[0]), *target = fd_io_file(self, args_[2]);
	if (!file || !target)
		return -EBADF;
	if (!target->ops->poll)
		return -EPERM;
	struct epoll *ep = epoll_of(file), *below = epoll_of(target);
	event.events &= ~EPOLLWAKEUP; /* nothing sleeps that it could keep awake */
	if (!ep || file == target || !exclusive_good(op, event.events, target))
		return -EINVAL;
	if (op == EPOLL_CTL_ADD && below && !may_watch(ep, below))
		return -ELOOP;
	struct epoll_item *item = find(ep, target, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		return item ? -EEXIST : add(ep, target, fd, &event);
	case EPOLL_CTL_MOD:
		return item ? modify(item, &event) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (item)
			item_free(item);
		return item ? 0 : -ENOENT;
	default:
		return -EINVAL;
	}
}

/* ---- epoll_wait ---- */

static bool ends(const struct thread *self)
{
	return self->exiting || self->process->group_exiting;
}

/*
 * Up to `max` events to the program: how many, or -EFAULT if not even one could be written. What goes back to the list
 * (level-triggered) has a later turn, so that all have theirs and none comes twice.
 */
static int64_t harvest(struct thread *self, struct epoll *ep, uint64_t address, int64_t max)
{
	uint64_t end = ep->next_turn;
	int64_t done = 0, error = 0;
	while (done < max && !error && !list_empty(&ep->ready) && !ends(self)) {
		struct epoll_item *item = LIST_ENTRY(ep->ready.next, struct epoll_item, ready);
		if (item->turn >= end)
			break;
		list_remove(&item->ready);
		struct epoll_event event = { item_poll(item, NULL), item->data };
		if (event.events)
			error = user_write(self->process->space, address + (uint64_t)done * sizeof(event), &event, sizeof(event));
		if (error) {
			list_push_front(&ep->ready, &item->ready);
		} else if (event.events) {
			done++;
			if (item->events & EPOLLONESHOT)
				item->events &= EPOLL_HOW;
			else if (!(item->events & EPOLLET))
				make_ready(item);
		}
		(void)sched_worked(&libos.sched, 1);
	}
	if (!list_empty(&ep->ready))
		waitq_wake(&ep->wait, 1);
	return done ? done : error;
}

static int64_t wait_events(struct thread *self, struct epoll *ep, uint64_t address, int64_t max, uint64_t deadline)
{
	int why = 0;
	for (;;) {
		int64_t r = harvest(self, ep, address, max);
		if (r || !deadline)
			return r;
		if (why == -EINTR)
			return -EINTR;
		struct wait_entry entry;
		waitq_add_first(&ep->wait, &entry, self);
		why = sched_sleep(self, deadline, true);
		waitq_remove(&entry);
		if (why == -ETIMEDOUT)
			deadline = 0;
	}
}

static int64_t epoll_wait(struct thread *self, const uint64_t *args, uint64_t deadline)
{
	const uint64_t size = sizeof(struct epoll_event);
	struct file *file = fd_io_file(self, args[0]);
	int32_t max = (int32_t)args[2];
	if (!file)
		return -EBADF;
	if (max <= 0 || max > EVENTS_MAX)
		return -EINVAL;
	if (args[1] > EXO_USER_LIMIT || (uint64_t)max * size > EXO_USER_LIMIT - args[1])
		return -EFAULT;
	if (!epoll_of(file))
		return -EINVAL;
	file_get(file);
	int64_t r = wait_events(self, epoll_of(file), args[1], max, deadline);
	file_put(file);
	return r;
}

static uint64_t deadline_ms(uint64_t arg)
{
	int32_t ms = (int32_t)arg;
	return ms < 0 ? NO_DEADLINE : ms ? poll_deadline((uint64_t)ms * 1000000) : 0;
}

int64_t sys_epoll_wait(struct thread *self, const uint64_t *args_)
{
	return epoll_wait(self, args_, deadline_ms(args_[3]));
}

static int64_t masked_wait(struct thread *self, const uint64_t *args, uint64_t deadline)
{
	int64_t r = poll_set_mask(self, args[4], args[5]);
	if (r)
		return r;
	r = epoll_wait(self, args, deadline);
	poll_unset_mask(self, r);
	return r;
}

int64_t sys_epoll_pwait(struct thread *self, const uint64_t *args_)
{
	return masked_wait(self, args_, deadline_ms(args_[3]));
}

int64_t sys_epoll_pwait2(struct thread *self, const uint64_t *args_)
{
	uint64_t deadline;
	int r = poll_get_deadline(self, args_[3], &deadline);
	return r ? r : masked_wait(self, args_, deadline);
}

/* ---- the file ---- */

static void epoll_release(struct file *file)
{
	struct epoll *ep = file->private_data;
	while (!list_empty(&ep->items)) {
		item_free(item_of(ep->items.next));
		(void)sched_worked(&libos.sched, 1);
	}
	heap_free(ep->buckets);
	heap_free(ep);
}

static int64_t epoll_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	(void)file, (void)thread, (void)arg;
	return request == EPIOCSPARAMS || request == EPIOCGPARAMS ? -EOPNOTSUPP : -EINVAL;
}

/* The kernel's own device number, which this file shows on Linux. */
static unsigned kernel_device(uint64_t device)
{
	return device_major(device) << 20 | device_minor(device);
}

/* Others may run between two lines, so the place in the list is marked. */
static void epoll_info(const struct file *file, struct text *text)
{
	struct epoll *ep = file->private_data;
	struct item_head place = { .ep = NULL };
	list_push_front(&ep->items, &place.node);
	while (place.node.next != &ep->items && !text->failed) {
		const struct epoll_item *item = item_of(place.node.next);
		list_remove(&place.node);
		list_insert_after((struct list *)(uintptr_t)&item->head.node, &place.node);
		if (!item->head.ep)
			continue;
		const struct inode *inode = item->file->path.inode;
		text_printf(text, "tfd: %8d events: %8x data: %16lx  pos:%ld ino:%lx sdev:%x\n", item->fd, item->events,
		            (unsigned long)item->data, (long)item->file->position, (unsigned long)inode->ino,
		            kernel_device(inode->super->device));
		(void)sched_worked(&libos.sched, 4);
	}
	list_remove(&place.node);
}

static const struct file_ops epoll_ops = {
	.ioctl = epoll_ioctl,
	.poll = epoll_poll,
	.release = epoll_release,
	.info = epoll_info,
};

static int64_t create(struct thread *self, uint32_t flags)
{
	if (flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	struct file *file;
	int r = anon_file_make(self, &epoll_ops, "[eventpoll]", 0, sizeof(struct epoll), &file);
	if (r)
		return r;
	struct epoll *ep = file->private_data;
	ep->file = file;
	ep->uid = self->cred.uid;
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->wait);
	waitq_init(&ep->poll_wait);
	return fd_give(self, file, flags & O_CLOEXEC);
}

int64_t sys_epoll_create1(struct thread *self, const uint64_t *args_)
{
	return create(self, (uint32_t)args_[0]);
}

int64_t sys_epoll_create(struct thread *self, const uint64_t *args_)
{
	return (int32_t)args_[0] <= 0 ? -EINVAL : create(self, 0);
}

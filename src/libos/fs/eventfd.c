/*
 * Event counters (eventfd(2)): a write adds, a read takes all, or one of a semaphore. Readers and writers wait each in
 * their own queue; who polls waits in a third.
 */
#include <libos/fs/internal.h>

#define COUNT_MAX (UINT64_MAX - 1) /* a write waits until it fits below */

struct eventfd {
	uint64_t count;
	uint32_t id; /* for /proc/PID/fdinfo */
	bool semaphore;
	struct waitq read_wait, write_wait, poll_wait;
};

static struct eventfd *eventfd_of(const struct file *file)
{
	return file->private_data;
}

static int64_t eventfd_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct eventfd *e = eventfd_of(file);
	(void)position;
	if (io->remaining < sizeof(e->count))
		return -EINVAL;
	while (!e->count) {
		if (file_nonblocking(file, io))
			return -EAGAIN;
		if (wait_on(thread, &e->read_wait, NO_DEADLINE, true)) {
			/* The wake-up may have been meant for another reader as well. */
			if (e->count)
				waitq_wake(&e->read_wait, 1);
			return -ERESTARTSYS;
		}
	}
	uint64_t taken = e->semaphore ? 1 : e->count;
	e->count -= taken;
	waitq_wake_one(&e->write_wait, &e->poll_wait, POLLOUT);
	if (e->count && !list_empty(&e->read_wait.waiters))
		waitq_wake(&e->read_wait, 1);
	int64_t r = io_put(io, &taken, sizeof(taken));
	return r == sizeof(taken) ? r : -EFAULT;
}

static int64_t add(struct file *file, struct thread *thread, struct io *io)
{
	struct eventfd *e = eventfd_of(file);
	uint64_t more;
	if (io_get(io, &more, sizeof(more)) != sizeof(more))
		return -EFAULT;
	if (more > COUNT_MAX)
		return -EINVAL;
	while (more > COUNT_MAX - e->count) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(thread, &e->write_wait, NO_DEADLINE, true)) {
			if (e->count < COUNT_MAX)
				waitq_wake(&e->write_wait, 1);
			return -ERESTARTSYS;
		}
	}
	e->count += more;
	waitq_wake_one(&e->read_wait, &e->poll_wait, POLLIN);
	if (e->count < COUNT_MAX && !list_empty(&e->write_wait.waiters))
		waitq_wake(&e->write_wait, 1);
	return sizeof(more);
}

/* Each part of a vector is a write of its own. */
static int64_t eventfd_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	int64_t done = 0, r = 0;
	(void)position;
	if (io->flags & ~RWF_HIPRI)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < io->count && r >= 0; i++) {
		r = io->vec[i].size == sizeof(uint64_t) ? add(file, thread, io) : -EINVAL;
		done += r > 0 ? r : 0;
	}
	return done ? done : r;
}

static uint32_t eventfd_poll(struct file *file, struct poll_table *table)
{
	struct eventfd *e = eventfd_of(file);
	poll_watch(table, &e->poll_wait);
	return (e->count ? POLLIN : 0) | (e->count < COUNT_MAX ? POLLOUT : 0);
}

static void eventfd_release(struct file *file)
{
	heap_free(file->private_data);
}

static void eventfd_info(const struct file *file, struct text *text)
{
	const struct eventfd *e = eventfd_of(file);
	text_printf(text, "eventfd-count: %16lx\neventfd-id: %u\neventfd-semaphore: %u\n", (unsigned long)e->count, e->id, e->semaphore);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.info = eventfd_info,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

static int64_t make(struct thread *self, uint32_t count, uint32_t flags)
{
	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	struct file *file;
	int r = anon_file_make(self, &eventfd_ops, "[eventfd]", flags, sizeof(struct eventfd), &file);
	if (r)
		return r;
	struct eventfd *e = eventfd_of(file);
	*e = (struct eventfd){ .count = count, .semaphore = flags & EFD_SEMAPHORE, .id = libos.vfs.next_eventfd++ };
	waitq_init(&e->read_wait);
	waitq_init(&e->write_wait);
	waitq_init(&e->poll_wait);
	return fd_give(self, file, flags & O_CLOEXEC);
}

int64_t sys_eventfd(struct thread *self, const uint64_t *args_)
{
	return make(self, (uint32_t)args_[0], 0);
}

int64_t sys_eventfd2(struct thread *self, const uint64_t *args_)
{
	return make(self, (uint32_t)args_[0], (uint32_t)args_[1]);
}

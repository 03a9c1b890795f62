/*
 * Descriptors of processes (pidfd_open(2)). Each is in its process's list, so that it hears of the end, and names nobody
 * once that has been waited for.
 */
#include <libos/fs/internal.h>
#include <libos/proc/internal.h>

#define PIDFD_THREAD O_EXCL /* of a thread: there are none here */

struct pidfd {
	struct list node;        /* process->pidfds */
	struct process *process; /* no reference; NULL: it is no more */
	struct waitq polls;
};

static uint32_t pidfd_poll(struct file *file, struct poll_table *table)
{
	struct pidfd *d = file->private_data;
	poll_watch(table, &d->polls);
	if (!d->process)
		return POLLIN | POLLRDNORM | POLLHUP;
	return d->process->state == PROCESS_ZOMBIE ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *file)
{
	struct pidfd *d = file->private_data;
	list_remove(&d->node);
	heap_free(d);
}

static void pidfd_info(const struct file *file, struct text *text)
{
	const struct pidfd *d = file->private_data;
	int32_t pid = d->process ? d->process->pid : -1;
	text_printf(text, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.info = pidfd_info,
};

static int64_t give(struct thread *self, struct process *p, uint32_t flags)
{
	struct file *file;
	int r = anon_file_make(self, &pidfd_ops, "[pidfd]", flags, sizeof(struct pidfd), &file);
	if (r)
		return r;
	struct pidfd *d = file->private_data;
	d->process = p;
	waitq_init(&d->polls);
	list_push_back(&p->pidfds, &d->node);
	return fd_give(self, file, true);
}

int pidfd_for_child(struct thread *self, struct process *child, uint64_t address, int32_t *fd)
{
	int64_t r = give(self, child, 0);
	*fd = (int32_t)r;
	if (r >= 0 && user_write(self->process->space, address, fd, sizeof(*fd)))
		return -EFAULT;
	return r < 0 ? (int)r : 0;
}

void pidfds_tell(struct process *p)
{
	LIST_EACH(at, &p->pidfds)
		waitq_wake_events(&LIST_ENTRY(at, struct pidfd, node)->polls, POLLIN | POLLRDNORM);
}

void pidfds_forget(struct process *p)
{
	while (!list_empty(&p->pidfds)) {
		struct pidfd *d = LIST_ENTRY(p->pidfds.next, struct pidfd, node);
		list_remove(&d->node);
		d->process = NULL;
		waitq_wake_events(&d->polls, POLLIN | POLLRDNORM | POLLHUP);
	}
}

int pidfd_process(struct thread *self, int32_t fd, struct process **p, bool *nonblocking)
{
	struct file *file = fd_io_file(self, (uint64_t)(uint32_t)fd);
	if (!file || file->ops != &pidfd_ops)
		return -EBADF;
	const struct pidfd *d = file->private_data;
	*p = d->process;
	*nonblocking = file->flags & O_NONBLOCK;
	return 0;
}

int64_t sys_pidfd_open(struct thread *self, const uint64_t *args)
{
	int32_t pid = (int32_t)args[0];
	uint32_t flags = (uint32_t)args[1];
	if ((flags & ~O_NONBLOCK) || pid <= 0)
		return -EINVAL;
	struct process *p = process_find(pid);
	if (!p)
		return thread_find(pid) ? -ENOENT : -ESRCH;
	return give(self, p, flags);
}

int64_t sys_pidfd_getfd(struct thread *self, const uint64_t *args)
{
	struct process *p;
	bool nonblocking;
	if (args[2])
		return -EINVAL;
	int r = pidfd_process(self, (int32_t)args[0], &p, &nonblocking);
	if (r)
		return r;
	if (!p || !p->fds)
		return -ESRCH;
	if (!thread_may_inspect(self, p, true))
		return -EPERM;
	struct file *file = fd_file(p->fds, (int)args[1]);
	if (!file)
		return -EBADF;
	file_get(file);
	return fd_give(self, file, true);
}

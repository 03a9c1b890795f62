/*
 * Pipes and FIFOs: reading, writing, opening, and how large they are; their bytes are in pipe_ring.c. Readers and writers wait
 * each in their own queue, where one is woken for one change; who polls an end waits in a third and a fourth.
 */
#include <libos/fs/pipe.h>

#define PIPE_SIZE_MAX  (1u << 20) /* Linux's /proc/sys/fs/pipe-max-size */
#define PIPE_MIN_SIZE  8192u /* PIPE_MIN_DEF_BUFFERS pages: of a user's who has more than the soft limit */
#define SOFT_PAGES_MAX UINT64_C(16384) /* pipe-user-pages-soft of Linux */

struct pipe_node { /* what pipe(2) makes: one block */
	struct inode inode;
	struct pipe pipe;
};

uint64_t pipe_user_pages(bool hard)
{
	uint64_t unset = hard ? libos.frames.total / 4 : min_u64(SOFT_PAGES_MAX, libos.frames.total / 8);
	uint64_t set = setting_number(hard ? SETTING_PIPE_USER_HARD : SETTING_PIPE_USER_SOFT, unset);
	return set ? set : UINT64_MAX;
}

/* What becomes of a size that somebody asks for: a power of two, a page at least. */
static uint64_t size_round(uint64_t size)
{
	uint64_t rounded = PAGE_SIZE;
	while (rounded < size)
		rounded *= 2;
	return rounded;
}

uint64_t pipe_size_max(void)
{
	return size_round(min_u64(setting_number(SETTING_PIPE_MAX, PIPE_SIZE_MAX), UINT32_MAX / 2 + 1));
}

/* Beyond the soft limit pipes are made small, beyond the hard one not at all (pipe(7)). */
static int charge_new(struct pipe *p, const struct credentials *cred)
{
	bool limited = cred && !privileged(cred, PRIV_LIMITS) && !privileged(cred, PRIV_PIPES);
	uint64_t soft = limited ? pipe_user_pages(false) : UINT64_MAX, hard = limited ? pipe_user_pages(true) : UINT64_MAX;
	p->uid = cred ? cred->uid : 0;
	if (cred && !privileged(cred, PRIV_LIMITS))
		p->capacity = (uint32_t)min_u64(p->capacity, pipe_size_max());
	if (!user_charge(p->uid, USER_PIPE_PAGES, p->capacity >> PAGE_SHIFT, min_u64(soft, hard))) {
		p->capacity = PIPE_MIN_SIZE;
		if (!user_charge(p->uid, USER_PIPE_PAGES, p->capacity >> PAGE_SHIFT, hard))
			return -ENFILE;
	}
	return 0;
}

static void pipe_init(struct pipe *p)
{
	*p = (struct pipe){ .uid = 0 };
	pipe_ring_init(p);
	waitq_init(&p->read_wait);
	waitq_init(&p->write_wait);
	waitq_init(&p->poll_read);
	waitq_init(&p->poll_write);
	waitq_init(&p->open_wait);
	waitq_init(&p->turn_wait);
}

/* One change wakes one reader and one writer; who is done wakes the next, if something is left for him. */
static void wake_next_reader(struct pipe *p)
{
	if (p->count && !p->taking && !list_empty(&p->read_wait.waiters))
		waitq_wake(&p->read_wait, 1);
}

static void wake_next_writer(struct pipe *p)
{
	if (!pipe_is_full(p) && !p->giving && !list_empty(&p->write_wait.waiters))
		waitq_wake(&p->write_wait, 1);
}

static void wake_readers(struct pipe *p)
{
	waitq_wake_one(&p->read_wait, &p->poll_read, POLLIN | POLLRDNORM);
}

void pipe_gave(struct pipe *p)
{
	wake_readers(p);
	wake_next_writer(p);
}

void pipe_took(struct pipe *p, bool was_full)
{
	wake_next_writer(p);
	/* Who polls is told only of what is new. */
	if (was_full && !pipe_is_full(p) && !list_empty(&p->poll_write.waiters))
		waitq_wake_events(&p->poll_write, POLLOUT | POLLWRNORM);
	wake_next_reader(p);
}

static void wake_everybody(struct pipe *p)
{
	waitq_wake_all(&p->read_wait);
	waitq_wake_all(&p->write_wait);
	waitq_wake_all(&p->poll_read);
	waitq_wake_all(&p->poll_write);
	waitq_wake_all(&p->open_wait);
	waitq_wake_all(&p->turn_wait);
}

static void end_turn(struct pipe *p, bool *turn)
{
	*turn = false;
	waitq_wake_all(&p->turn_wait);
}

void pipe_between_end(struct pipe *from, bool was_full, struct pipe *to)
{
	end_turn(from, &from->taking);
	end_turn(to, &to->giving);
	pipe_took(from, was_full);
	pipe_gave(to);
}

int pipe_await_bytes(struct pipe *p, struct thread *self, bool nowait)
{
	/* For a turn waits who does not want to wait for bytes, too: Linux has a mutex there. */
	while (p->taking || !p->count) {
		if (!p->taking && !p->writers)
			return 0;
		if (!p->taking && nowait)
			return -EAGAIN;
		if (wait_on(self, p->taking ? &p->turn_wait : &p->read_wait, NO_DEADLINE, true)) {
			/* The wake-up may have been meant for another reader as well. */
			wake_next_reader(p);
			return -ERESTARTSYS;
		}
	}
	return 1;
}

int64_t pipe_take(struct pipe *p, struct io *io, bool packets)
{
	int64_t done = 0;
	while (io->remaining && p->count) {
		const struct pipe_buffer *b = pipe_buffer_at(p, 0);
		uint32_t size = b->size, n = (uint32_t)min_u64(io->remaining, size);
		bool last = packets && b->packet;
		/* Where program memory ends, all of a buffer stays. */
		if (!pipe_copy(p, 0, n, io))
			return done ? done : -EFAULT;
		pipe_drop(p, last ? size : n);
		done += n;
		if (last)
			break;
	}
	return done;
}

static int64_t pipe_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pipe *p = file->path.inode->pipe;
	(void)position;
	if (!io->remaining)
		return 0;
	int64_t r = pipe_await_bytes(p, thread, file_nonblocking(file, io));
	if (r <= 0)
		return r;
	bool was_full = pipe_is_full(p);
	r = pipe_take(p, io, true);
	pipe_took(p, was_full);
	return r;
}

void pipe_take_begin(struct pipe *p, uint64_t most, struct pipe_loan *loan)
{
	uint32_t size = 0;
	for (uint32_t i = 0; i < p->count && i < PIPE_BUFFERS; i++)
		size += pipe_buffer_at(p, i)->size;
	loan->parts = pipe_parts(p, p->head, (uint32_t)min_u64(size, most), loan->part);
	/* The ring may be made larger meanwhile, and the bytes move; their old memory stays. */
	loan->first = frame_of(p->ring);
	loan->pages = p->size >> PAGE_SHIFT;
	frames_get(loan->first, loan->pages);
	p->taking = true;
}

void pipe_take_end(struct pipe *p, uint64_t taken, const struct pipe_loan *loan)
{
	bool was_full = pipe_is_full(p);
	frames_put(loan->first, loan->pages);
	pipe_drop(p, taken);
	end_turn(p, &p->taking);
	pipe_took(p, was_full);
}

static int64_t broken(struct thread *thread, bool silent)
{
	struct process *p = thread->process;
	struct signal_info info = { .signo = SIGPIPE, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };
	if (!silent)
		signal_send_thread(thread, &info);
	return -EPIPE;
}

int pipe_await_room(struct pipe *p, struct thread *self, uint64_t want, bool nowait)
{
	for (;;) {
		if (!p->readers)
			return (int)broken(self, false);
		if (!p->giving && !pipe_is_full(p)) {
			if (pipe_room(p, want))
				return 0;
			if (!p->count)
				return -ENOMEM;
		}
		if (!p->giving && nowait)
			return -EAGAIN;
		if (wait_on(self, p->giving ? &p->turn_wait : &p->write_wait, NO_DEADLINE, true)) {
			wake_next_writer(p);
			return -ERESTARTSYS;
		}
	}
}

uint32_t pipe_give_begin(struct pipe *p, uint64_t most, uint32_t start, struct io_vec part[2])
{
	uint64_t room = min_u64(pipe_room(p, most), ((uint64_t)pipe_free_buffers(p) << PAGE_SHIFT) - start);
	p->giving = true;
	return pipe_parts(p, p->tail, (uint32_t)min_u64(room, most), part);
}

void pipe_give_end(struct pipe *p, uint64_t given, uint32_t start)
{
	uint64_t left = given;
	end_turn(p, &p->giving);
	while (left) {
		struct pipe_buffer b = { .start = (uint16_t)start, .size = (uint16_t)min_u64(left, PAGE_SIZE - start) };
		pipe_push(p, b);
		left -= b.size;
		start = 0;
	}
	if (given)
		pipe_gave(p);
	else
		wake_next_writer(p);
}

/* The first bytes of a write go into the last page, if all that are not whole pages fit there. Bytes or -EFAULT. */
static int64_t join(struct pipe *p, struct io *io)
{
	uint32_t size = (uint32_t)(io->remaining % PAGE_SIZE);
	if (!size || !p->count)
		return 0;
	const struct pipe_buffer *last = pipe_buffer_at(p, p->count - 1);
	if (!last->merges || last->start + last->size + size > PAGE_SIZE || pipe_room(p, io->remaining) < size)
		return 0;
	return pipe_join(p, io, size) ? (int64_t)size : -EFAULT;
}

/* As much as goes into buffers. Bytes, 0: it is full; -EFAULT, -ENOMEM. */
static int64_t give(struct pipe *p, struct io *io, bool packet)
{
	int64_t done = 0;
	while (io->remaining && !pipe_is_full(p)) {
		uint16_t n = (uint16_t)min_u64(io->remaining, PAGE_SIZE);
		if (pipe_room(p, io->remaining) < n)
			return done || p->count ? done : -ENOMEM;
		if (!pipe_append(p, io, (struct pipe_buffer){ .size = n, .merges = !packet, .packet = packet }))
			return done ? done : -EFAULT;
		done += n;
	}
	return done;
}

static int64_t pipe_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pipe *p = file->path.inode->pipe;
	bool begun = false;
	int64_t done = 0, r = 0;
	(void)position;
	while (io->remaining) {
		if (!p->readers) {
			r = broken(thread, io->flags & RWF_NOSIGNAL);
			break;
		}
		if (!p->giving) {
			int64_t joined = begun ? 0 : join(p, io);
			begun = true;
			r = joined < 0 ? joined : give(p, io, file->flags & O_DIRECT);
			int64_t n = (joined > 0 ? joined : 0) + (r > 0 ? r : 0);
			if (n)
				wake_readers(p);
			done += n;
			if (r < 0 || !io->remaining)
				break;
		}
		if (!p->giving && file_nonblocking(file, io)) {
			r = -EAGAIN;
			break;
		}
		if (wait_on(thread, p->giving ? &p->turn_wait : &p->write_wait, NO_DEADLINE, true)) {
			r = -ERESTARTSYS;
			break;
		}
	}
	wake_next_writer(p);
	return done ? done : r;
}

static uint32_t pipe_poll(struct file *file, struct poll_table *table)
{
	struct pipe *p = file->path.inode->pipe;
	uint32_t mask = 0;
	if (file_readable(file)) {
		poll_watch(table, &p->poll_read);
		if (p->count)
			mask |= POLLIN | POLLRDNORM;
		/* A FIFO that has had no writer yet is not hung up. */
		if (!p->writers && p->writer_opens != file->dir_generation)
			mask |= POLLHUP;
	}
	if (file_writable(file)) {
		poll_watch(table, &p->poll_write);
		if (!pipe_is_full(p))
			mask |= POLLOUT | POLLWRNORM;
		if (!p->readers)
			mask |= POLLERR;
	}
	return mask;
}

static int64_t pipe_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	if (request != FIONREAD)
		return -ENOTTY;
	int32_t n = (int32_t)pipe_bytes(file->path.inode->pipe);
	return user_write(thread->process->space, arg, &n, sizeof(n));
}

static void pipe_release(struct file *file)
{
	struct pipe *p = file->path.inode->pipe;
	if (!p)
		return;
	if (file_readable(file))
		p->readers--;
	if (file_writable(file))
		p->writers--;
	wake_everybody(p);
	/* A FIFO forgets its bytes when nobody has it open. */
	if (!p->readers && !p->writers)
		pipe_ring_clear(p);
}

static const struct file_ops pipe_file_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.release = pipe_release,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

struct pipe *pipe_of(const struct file *file)
{
	return file->ops == &pipe_file_ops ? file->path.inode->pipe : NULL;
}

static struct inode *pipe_node_release(struct inode *inode)
{
	heap_free(inode);
	return NULL;
}

static const struct inode_ops pipe_inode_ops = { .release = pipe_node_release };

/* Called when an inode goes; the pipe of a pipe_node is part of its block. */
void pipe_free(struct inode *inode)
{
	struct pipe *p = inode->pipe;
	pipe_ring_fini(p);
	user_uncharge(p->uid, USER_PIPE_PAGES, p->capacity >> PAGE_SHIFT);
	if (inode->ops != &pipe_inode_ops)
		heap_free(p);
	inode->pipe = NULL;
}

int pipe_make(uint32_t flags, const struct credentials *cred, struct file **read_end, struct file **write_end)
{
	if (cred && files_check(cred))
		return -ENFILE;
	struct pipe_node *node = heap_alloc(sizeof(*node));
	struct file *r = file_new(&pipe_file_ops, O_RDONLY | (flags & O_NONBLOCK));
	struct file *w = file_new(&pipe_file_ops, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
	int error = node && r && w ? 0 : -ENOMEM;
	if (!error) {
		pipe_init(&node->pipe);
		error = charge_new(&node->pipe, cred);
	}
	if (error) {
		/* They have no inode yet, so release() would find no pipe. */
		if (r)
			r->ops = &path_only_file_ops;
		if (w)
			w->ops = &path_only_file_ops;
		file_put(r);
		file_put(w);
		heap_free(node);
		return error;
	}
	inode_init(&node->inode, &libos.vfs.pipes, &pipe_inode_ops, S_IFIFO | 0600, cred);
	node->inode.pipe = &node->pipe;
	node->pipe.readers = node->pipe.writers = 1;
	node->pipe.reader_opens = node->pipe.writer_opens = 1;
	r->path.inode = w->path.inode = &node->inode;
	inode_get(&node->inode);
	*read_end = r;
	*write_end = w;
	return 0;
}

/* Waits until somebody opens the other side; *opens counts those who did. */
static int wait_for_other(struct thread *thread, struct pipe *p, const uint32_t *there, const uint32_t *opens)
{
	uint32_t before = *opens;
	while (!*there && *opens == before) {
		if (wait_on(thread, &p->open_wait, NO_DEADLINE, true))
			return -ERESTARTSYS;
	}
	return 0;
}

int fifo_open(struct inode *inode, struct file *file, struct thread *thread)
{
	if ((file->flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (!inode->pipe) {
		struct pipe *made = heap_alloc(sizeof(*made));
		if (!made)
			return -ENOMEM;
		pipe_init(made);
		int error = charge_new(made, thread ? &thread->cred : NULL);
		if (error) {
			heap_free(made);
			return error;
		}
		inode->pipe = made;
	}
	struct pipe *p = inode->pipe;
	bool reads = file_readable(file), writes = file_writable(file);
	/* What pipe(2) made can be opened again through /proc, and never waits. */
	bool pipe = inode->super == &libos.vfs.pipes, waits = !pipe && !(file->flags & O_NONBLOCK);
	if (!pipe && writes && !reads && !waits && !p->readers)
		return -ENXIO;
	file->ops = &pipe_file_ops;
	file->dir_generation = p->writer_opens; /* poll: writers seen since */
	if (p->writers)
		file->dir_generation--;
	p->readers += reads;
	p->writers += writes;
	p->reader_opens += reads;
	p->writer_opens += writes;
	waitq_wake_all(&p->open_wait);
	waitq_wake_all(&p->poll_read);
	/* On failure the caller drops the file, and release() undoes the counts. */
	if (reads && !writes && waits)
		return wait_for_other(thread, p, &p->writers, &p->writer_opens);
	if (writes && !reads && waits)
		return wait_for_other(thread, p, &p->readers, &p->reader_opens);
	return 0;
}

int64_t pipe_get_size(const struct inode *inode)
{
	return inode->pipe ? (int64_t)inode->pipe->capacity : -EBADF;
}

int64_t pipe_set_size(struct inode *inode, uint64_t size, const struct credentials *cred)
{
	struct pipe *p = inode->pipe;
	if (!p)
		return -EBADF;
	size = (uint32_t)size;
	if (size > UINT32_MAX / 2 + 1)
		return -EINVAL;
	size = size_round(size);
	/* To make it smaller is nothing that asks for a privilege. */
	uint64_t more = size > p->capacity ? (size - p->capacity) >> PAGE_SHIFT : 0;
	uint64_t less = size < p->capacity ? (p->capacity - size) >> PAGE_SHIFT : 0;
	bool exempt = privileged(cred, PRIV_LIMITS);
	if (more && size > pipe_size_max() && !exempt)
		return -EPERM;
	if (size > FRAMES_RUN_MAX << PAGE_SHIFT)
		return -ENOMEM;
	bool limited = more && !exempt && !privileged(cred, PRIV_PIPES);
	if (!user_charge(p->uid, USER_PIPE_PAGES, more, limited ? min_u64(pipe_user_pages(false), pipe_user_pages(true)) : UINT64_MAX))
		return -EPERM;
	bool was_full = pipe_is_full(p);
	int r = pipe_ring_set_capacity(p, (uint32_t)size);
	user_uncharge(p->uid, USER_PIPE_PAGES, r ? more : less);
	if (r)
		return r;
	pipe_took(p, was_full);
	return (int64_t)size;
}

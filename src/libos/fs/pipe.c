/*
 * Pipes and FIFOs: a byte ring that starts with one page and takes its full capacity at once
 * when a writer needs more. Readers and writers wait each in their own queue, where one is
 * woken for one change; who polls an end waits in a third and a fourth.
 */
#include <libos/fs/internal.h>

#define PIPE_BUF_SIZE     4096u /* writes up to this are atomic (POSIX: PIPE_BUF) */
#define PIPE_DEFAULT_SIZE 65536u
#define PIPE_SIZE_MAX     (1u << 20) /* Linux's /proc/sys/fs/pipe-max-size */
#define PIPE_MIN_SIZE     8192u /* PIPE_MIN_DEF_BUFFERS pages: of a user's who has more than the soft limit */
#define SOFT_PAGES_MAX    UINT64_C(16384) /* pipe-user-pages-soft of Linux */

struct pipe {
	uint32_t uid;       /* in whose account its capacity is */
	uint8_t *ring;
	uint32_t size;      /* of the ring now; 0: none yet */
	uint32_t capacity;  /* what it may grow to; both are powers of two */
	uint64_t head, tail; /* read at head, write at tail; never wrap in practice */
	uint32_t readers, writers;
	uint32_t reader_opens, writer_opens; /* counts of opens, for FIFOs that wait for the other side */
	struct waitq read_wait, write_wait, poll_read, poll_write, open_wait;
};

struct pipe_node { /* what pipe(2) makes: one block */
	struct inode inode;
	struct pipe pipe;
};

static unsigned order_of(uint32_t size)
{
	return (unsigned)__builtin_ctz(size) - PAGE_SHIFT;
}

uint64_t pipe_user_pages(bool hard)
{
	uint64_t unset = hard ? libos.frames.total / 4 : min_u64(SOFT_PAGES_MAX, libos.frames.total / 8);
	uint64_t set = setting_number(hard ? SETTING_PIPE_USER_HARD : SETTING_PIPE_USER_SOFT, unset);
	return set ? set : UINT64_MAX;
}

/* Beyond the soft limit pipes are made small, beyond the hard one not at all (pipe(7)). */
static int charge_new(struct pipe *p, const struct credentials *cred)
{
	bool limited = cred && !privileged(cred, PRIV_LIMITS) && !privileged(cred, PRIV_PIPES);
	uint64_t soft = limited ? pipe_user_pages(false) : UINT64_MAX, hard = limited ? pipe_user_pages(true) : UINT64_MAX;
	p->uid = cred ? cred->uid : 0;
	if (!user_charge(p->uid, USER_PIPE_PAGES, p->capacity >> PAGE_SHIFT, min_u64(soft, hard))) {
		p->capacity = PIPE_MIN_SIZE;
		if (!user_charge(p->uid, USER_PIPE_PAGES, p->capacity >> PAGE_SHIFT, hard))
			return -ENFILE;
	}
	return 0;
}

static void pipe_init(struct pipe *p)
{
	*p = (struct pipe){ .capacity = PIPE_DEFAULT_SIZE };
	waitq_init(&p->read_wait);
	waitq_init(&p->write_wait);
	waitq_init(&p->poll_read);
	waitq_init(&p->poll_write);
	waitq_init(&p->open_wait);
}

static uint32_t used(const struct pipe *p)
{
	return (uint32_t)(p->tail - p->head);
}

static void ring_free(struct pipe *p)
{
	if (p->size)
		frames_put(frame_of(p->ring), p->size >> PAGE_SHIFT);
	p->ring = NULL;
	p->size = 0;
}

/* A ring of `size` bytes with the same content, which fits. */
static int ring_resize(struct pipe *p, uint32_t size)
{
	exo_frame_t first = frames_alloc(order_of(size), true);
	if (first == FRAME_NONE)
		return -ENOMEM;
	uint8_t *ring = frame_ptr(first);
	uint32_t n = used(p);
	for (uint32_t done = 0; done < n;) {
		uint32_t at = (uint32_t)(p->head + done) & (p->size - 1);
		uint32_t part = (uint32_t)min_u64(n - done, p->size - at);
		memcpy(ring + done, p->ring + at, part);
		done += part;
	}
	ring_free(p);
	p->ring = ring;
	p->size = size;
	p->head = 0;
	p->tail = n;
	return 0;
}

static void wake_readers(struct pipe *p)
{
	waitq_wake_one(&p->read_wait, &p->poll_read, POLLIN | POLLRDNORM);
}

/* What poll() calls writable. */
static bool has_room(const struct pipe *p)
{
	return p->capacity - used(p) >= PIPE_BUF_SIZE;
}

/* had_room: before the change; who polls is told only of what is new. */
static void wake_writers(struct pipe *p, bool had_room)
{
	if (!list_empty(&p->write_wait.waiters))
		waitq_wake(&p->write_wait, 1);
	if (!had_room && has_room(p) && !list_empty(&p->poll_write.waiters))
		waitq_wake_events(&p->poll_write, POLLOUT | POLLWRNORM);
}

static void wake_everybody(struct pipe *p)
{
	waitq_wake_all(&p->read_wait);
	waitq_wake_all(&p->write_wait);
	waitq_wake_all(&p->poll_read);
	waitq_wake_all(&p->poll_write);
	waitq_wake_all(&p->open_wait);
}

/* Where program memory ends in the middle of a page's worth of bytes, Linux moves none of these. */
static int64_t whole_pages(uint64_t done)
{
	return done >= PAGE_SIZE ? (int64_t)PAGE_DOWN(done) : -EFAULT;
}

static int64_t take(struct pipe *p, struct io *io)
{
	uint64_t done = 0, want = min_u64(io->remaining, used(p));
	while (done < want) {
		uint32_t at = (uint32_t)(p->head + done) & (p->size - 1);
		uint64_t n = min_u64(want - done, p->size - at);
		int64_t r = io_put(io, p->ring + at, n);
		if (r < 0 || (uint64_t)r < n) {
			r = whole_pages(done + (r > 0 ? (uint64_t)r : 0));
			p->head += r > 0 ? (uint64_t)r : 0;
			return r;
		}
		done += (uint64_t)r;
	}
	p->head += done;
	if (p->head == p->tail) /* stays in the first, warm page */
		p->head = p->tail = 0;
	return (int64_t)done;
}

static int64_t pipe_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pipe *p = file->path.inode->pipe;
	(void)position;
	if (!io->remaining)
		return 0;
	while (!used(p)) {
		if (!p->writers)
			return 0;
		if (file_nonblocking(file, io))
			return -EAGAIN;
		int r = wait_on(thread, &p->read_wait, NO_DEADLINE, true);
		if (r) {
			/* The wake-up may have been meant for another reader as well. */
			if (used(p))
				waitq_wake(&p->read_wait, 1);
			return -ERESTARTSYS;
		}
	}
	bool had_room = has_room(p);
	int64_t r = take(p, io);
	if (r > 0)
		wake_writers(p, had_room);
	if (used(p) && !list_empty(&p->read_wait.waiters))
		waitq_wake(&p->read_wait, 1);
	return r;
}

/* Makes room for `want` bytes more, as far as capacity and memory allow; the room there is now, or -ENOMEM. */
static int64_t room_for(struct pipe *p, uint64_t want)
{
	uint32_t n = used(p);
	if (want > p->size - n && p->size < p->capacity) {
		uint32_t size = !p->size && want <= PAGE_SIZE ? (uint32_t)PAGE_SIZE : p->capacity;
		/* Without memory for more it works with less. */
		if (ring_resize(p, size) && !p->size && ring_resize(p, (uint32_t)PAGE_SIZE))
			return -ENOMEM;
	}
	return p->size - n;
}

static int64_t give(struct pipe *p, struct io *io, uint64_t want)
{
	uint64_t done = 0;
	while (done < want) {
		uint32_t at = (uint32_t)(p->tail + done) & (p->size - 1);
		uint64_t n = min_u64(want - done, p->size - at);
		int64_t r = io_get(io, p->ring + at, n);
		if (r < 0 || (uint64_t)r < n) {
			r = whole_pages(done + (r > 0 ? (uint64_t)r : 0));
			p->tail += r > 0 ? (uint64_t)r : 0;
			return r;
		}
		done += (uint64_t)r;
	}
	p->tail += done;
	return (int64_t)done;
}

static int64_t broken(struct thread *thread, const struct io *io)
{
	struct process *p = thread->process;
	struct signal_info info = { .signo = SIGPIPE, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };
	if (!(io->flags & RWF_NOSIGNAL))
		signal_send_thread(thread, &info);
	return -EPIPE;
}

static int64_t pipe_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pipe *p = file->path.inode->pipe;
	uint64_t done = 0;
	int64_t r = 0;
	(void)position;
	while (io->remaining) {
		if (!p->readers) {
			r = broken(thread, io);
			break;
		}
		uint64_t want = io->remaining;
		int64_t room = room_for(p, want);
		if (room < 0) {
			r = room;
			break;
		}
		/* A write that must not be torn waits until all of it fits. */
		if (room && ((uint64_t)room >= want || done || want > PIPE_BUF_SIZE)) {
			r = give(p, io, min_u64(want, (uint64_t)room));
			if (r <= 0)
				break;
			done += (uint64_t)r;
			wake_readers(p);
			continue;
		}
		if (file_nonblocking(file, io)) {
			r = -EAGAIN;
			break;
		}
		if (wait_on(thread, &p->write_wait, NO_DEADLINE, true)) {
			if (used(p) < p->size)
				waitq_wake(&p->write_wait, 1);
			r = -ERESTARTSYS;
			break;
		}
	}
	if (p->size && used(p) < p->size && !list_empty(&p->write_wait.waiters))
		waitq_wake(&p->write_wait, 1);
	return done ? (int64_t)done : r;
}

static uint32_t pipe_poll(struct file *file, struct poll_table *table)
{
	struct pipe *p = file->path.inode->pipe;
	uint32_t mask = 0;
	if (file_readable(file)) {
		poll_watch(table, &p->poll_read);
		if (used(p))
			mask |= POLLIN | POLLRDNORM;
		/* A FIFO that has had no writer yet is not hung up. */
		if (!p->writers && p->writer_opens != file->dir_generation)
			mask |= POLLHUP;
	}
	if (file_writable(file)) {
		poll_watch(table, &p->poll_write);
		if (has_room(p))
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
	int32_t n = (int32_t)used(file->path.inode->pipe);
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
	if (!p->readers && !p->writers) {
		ring_free(p);
		p->head = p->tail = 0;
	}
}

static const struct file_ops pipe_file_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.release = pipe_release,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

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
	ring_free(p);
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
	struct file *w = file_new(&pipe_file_ops, O_WRONLY | (flags & O_NONBLOCK));
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
	if (size > PIPE_SIZE_MAX && !privileged(cred, PRIV_LIMITS))
		return -EPERM;
	uint32_t capacity = (uint32_t)PAGE_SIZE;
	while (capacity < size)
		capacity *= 2;
	if (capacity > FRAMES_RUN_MAX << PAGE_SHIFT)
		return -ENOMEM;
	if (capacity < used(p))
		return -EBUSY;
	if (p->size > capacity && ring_resize(p, capacity))
		return -ENOMEM;
	bool limited = !privileged(cred, PRIV_LIMITS) && !privileged(cred, PRIV_PIPES);
	uint64_t more = capacity > p->capacity ? (capacity - p->capacity) >> PAGE_SHIFT : 0;
	uint64_t less = capacity < p->capacity ? (p->capacity - capacity) >> PAGE_SHIFT : 0;
	if (!user_charge(p->uid, USER_PIPE_PAGES, more, limited && more ? min_u64(pipe_user_pages(false), pipe_user_pages(true)) : UINT64_MAX))
		return -EPERM;
	user_uncharge(p->uid, USER_PIPE_PAGES, less);
	bool had_room = has_room(p);
	p->capacity = capacity;
	wake_writers(p, had_room);
	return capacity;
}

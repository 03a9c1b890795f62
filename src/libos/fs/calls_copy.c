/* sendfile and copy_file_range: from file to file through a buffer of the LibOS. */
#include <libos/fs/notify.h>
#include <libos/fs/pipe.h>

#define COPY_CHUNK 65536u

/*
 * Moves up to `size` bytes. Bytes that were read but could not be written are given back by setting
 * *from to what was written; so the source must be able to seek.
 */
static int64_t copy(struct thread *self, struct file *in, uint64_t *from, struct file *out, uint64_t *to, uint64_t size)
{
	uint64_t done = 0;
	int64_t r = 0;
	void *buffer = heap_alloc(min_u64(size, COPY_CHUNK));
	if (!buffer)
		return -ENOMEM;
	while (done < size) {
		uint64_t start = *from;
		struct io_vec vec = { (uint64_t)(uintptr_t)buffer, min_u64(size - done, COPY_CHUNK) };
		struct io io;
		io_init(&io, NULL, &vec, 1);
		r = in->ops->read(in, self, &io, from);
		if (r <= 0)
			break;
		uint64_t got = (uint64_t)r;
		vec.size = got;
		io_init(&io, NULL, &vec, 1);
		r = out->ops->write(out, self, &io, to);
		uint64_t moved = r < 0 ? 0 : (uint64_t)r;
		*from = start + moved;
		done += moved;
		(void)sched_worked(&libos.sched, COPY_CHUNK / PAGE_SIZE);
		if (moved < got || signal_is_pending(self))
			break;
	}
	heap_free(buffer);
	if (done) {
		notify_inode(in->path.inode, IN_ACCESS);
		notify_inode(out->path.inode, IN_MODIFY);
	}
	return done ? (int64_t)done : r;
}

/* A pipe takes what another file would not: a source that cannot seek, and any position. */
static int check_ends(const struct file *in, const struct file *out)
{
	if (!in || !out || !file_readable(in) || !file_writable(out))
		return -EBADF;
	if (pipe_of(out))
		return 0;
	return in->ops->read && out->ops->write && in->ops->seek && !(out->flags & O_APPEND) ? 0 : -EINVAL;
}

static int64_t copy_to_pipe(struct thread *self, struct file *in, uint64_t *from, struct file *out, uint64_t size)
{
	int64_t r = splice_to_pipe(self, in, from, out, size, out->flags & O_NONBLOCK);
	if (r > 0) {
		notify_inode(in->path.inode, IN_ACCESS);
		notify_inode(out->path.inode, IN_MODIFY);
	}
	return r;
}

/* All about the source of sendfile comes before the other end. */
static int check_source(const struct file *in, bool positioned, uint64_t offset, uint64_t size)
{
	if (!in || !file_readable(in))
		return -EBADF;
	if (positioned && !in->ops->seek)
		return -ESPIPE;
	if (!positioned)
		offset = in->position;
	if ((int64_t)offset < 0 || (int64_t)size < 0 || (int64_t)(offset + size) < 0)
		return -EINVAL;
	return 0;
}

int64_t sys_sendfile(struct thread *self, const uint64_t *args_)
{
	struct file *out = fd_io_file(self, args_[0]), *in = fd_io_file(self, args_[1]);
	uint64_t offset = 0, size = min_u64(args_[3], IO_SIZE_MAX);
	int64_t r = args_[2] ? user_read(self->process->space, &offset, args_[2], sizeof(offset)) : 0;
	if (!r)
		r = check_source(in, args_[2] != 0, offset, args_[3]);
	if (!r)
		r = check_ends(in, out);
	if (r || !size)
		return r;
	/* A pipe says first whether it has readers and room. */
	if (!pipe_of(out) && (!(in->ops->splices & SPLICE_FROM) || !(out->ops->splices & SPLICE_TO)))
		return -EINVAL;
	file_get(in);
	file_get(out);
	/* Both may be one file: until the end neither moves the other's position. */
	uint64_t from = args_[2] ? offset : in->position, to = out->position;
	r = pipe_of(out) ? copy_to_pipe(self, in, &from, out, size) : copy(self, in, &from, out, &to, size);
	offset = from;
	if (r > 0 && !pipe_of(out))
		out->position = to;
	if (r > 0 && !args_[2])
		in->position = from;
	file_put(in);
	file_put(out);
	if (args_[2] && r >= 0) {
		int bad = user_write(self->process->space, args_[2], &offset, sizeof(offset));
		if (bad)
			r = bad;
	}
	return r;
}

/* What both ends must be, before anything about the range. */
static int check_files(const struct file *in, const struct file *out)
{
	const struct inode *a = in->path.inode, *b = out->path.inode;
	if (!a || !b)
		return -EINVAL;
	if (is_directory(a) || is_directory(b))
		return -EISDIR;
	if (!is_type(a, S_IFREG) || !is_type(b, S_IFREG))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND))
		return -EBADF;
	return a->super == b->super && in->ops->read && out->ops->write ? 0 : -EXDEV;
}

/* *size is cut to what there is to copy, and to the largest file. */
static int check_range(struct thread *self, const struct file *in, const struct file *out, uint64_t from, uint64_t to, uint64_t *size)
{
	const struct inode *a = in->path.inode, *b = out->path.inode;
	if (from + *size < from || to + *size < to)
		return -EOVERFLOW;
	*size = (int64_t)from >= (int64_t)a->size ? 0 : min_u64(*size, a->size - from);
	uint64_t limit = self->process->limits[RLIMIT_FSIZE].soft;
	if (limit != UINT64_MAX && (int64_t)to >= (int64_t)limit)
		return vfs_too_large(self);
	if ((int64_t)to >= FILE_SIZE_MAX)
		return -EFBIG;
	*size = min_u64(*size, min_u64(limit, FILE_SIZE_MAX) - to);
	if (a == b && from < to + *size && to < from + *size)
		return -EINVAL;
	return (int64_t)from < 0 || (int64_t)to < 0 || (int64_t)*size < 0 ? -EINVAL : 0;
}

int64_t sys_copy_file_range(struct thread *self, const uint64_t *args_)
{
	struct file *in = fd_io_file(self, args_[0]), *out = fd_io_file(self, args_[2]);
	struct vm_space *space = self->process->space;
	uint64_t size = args_[4];
	if (!in || !out)
		return -EBADF;
	uint64_t from = in->position, to = out->position;
	if (args_[1] && user_read(space, &from, args_[1], sizeof(from)))
		return -EFAULT;
	if (args_[3] && user_read(space, &to, args_[3], sizeof(to)))
		return -EFAULT;
	int64_t r = args_[5] ? -EINVAL : check_files(in, out);
	if (!r)
		r = check_range(self, in, out, from, to, &size);
	if (r || !size)
		return r;
	file_get(in);
	file_get(out);
	r = copy(self, in, &from, out, &to, min_u64(size, IO_SIZE_MAX));
	if (r > 0 && !args_[1])
		in->position = from;
	if (r > 0 && !args_[3])
		out->position = to;
	file_put(in);
	file_put(out);
	int bad = 0;
	if (r > 0 && args_[1])
		bad = user_write(space, args_[1], &from, sizeof(from));
	if (r > 0 && !bad && args_[3])
		bad = user_write(space, args_[3], &to, sizeof(to));
	return bad ? bad : r;
}

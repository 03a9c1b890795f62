/*
 * splice, tee and vmsplice. Bytes are copied, no pages are moved: what went into a pipe is what was there at that time. Whoever may
 * sleep between looking at a pipe's bytes and taking them, or between finding room and filling it, has them for itself
 * (struct pipe: taking, giving); it waits for another pipe only while it has neither.
 */
#include <libos/fs/notify.h>
#include <libos/fs/pipe.h>

#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_ALL      15u /* with MOVE, MORE and GIFT, which mean nothing here */

int64_t splice_to_pipe(struct thread *self, struct file *in, uint64_t *position, struct file *to, uint64_t size, bool nowait)
{
	struct pipe *p = pipe_of(to);
	uint32_t start = in->ops->splices & SPLICE_PAGES ? (uint32_t)(*position % PAGE_SIZE) : 0;
	struct io_vec part[2];
	struct io io;
	int64_t r = pipe_await_room(p, self, size, nowait);
	if (r)
		return r;
	if (!(in->ops->splices & SPLICE_FROM))
		return -EINVAL;
	uint32_t parts = pipe_give_begin(p, size, start, part);
	io_init(&io, NULL, part, parts);
	io.flags = nowait && (in->ops->splices & SPLICE_NOWAIT) ? RWF_NOWAIT : 0;
	r = in->ops->read(in, self, &io, position);
	pipe_give_end(p, r > 0 ? (uint64_t)r : 0, start);
	return r;
}

/* What was written is taken, and nothing else. */
static int64_t from_pipe(struct thread *self, struct pipe *p, struct file *out, uint64_t *position, uint64_t size, bool nowait)
{
	uint64_t done = 0;
	int64_t r = 0;
	if (!(out->ops->splices & SPLICE_TO))
		return -EINVAL;
	while (done < size) {
		struct pipe_loan loan;
		struct io io;
		if (signal_is_pending(self)) {
			r = -ERESTARTSYS;
			break;
		}
		r = pipe_await_bytes(p, self, nowait || done);
		if (r <= 0)
			break;
		pipe_take_begin(p, size - done, &loan);
		io_init(&io, NULL, loan.part, loan.parts);
		r = out->ops->write(out, self, &io, position);
		pipe_take_end(p, r > 0 ? (uint64_t)r : 0, &loan);
		if (r <= 0)
			break;
		done += (uint64_t)r;
		(void)sched_worked(&libos.sched, loan.pages);
	}
	return done ? (int64_t)done : r;
}

/* Until one has bytes and the other room, at the same time: 1, or 0 at the end. */
static int64_t await_both(struct thread *self, struct pipe *from, struct pipe *to, uint64_t size, bool nowait)
{
	for (;;) {
		int bytes = pipe_await_bytes(from, self, nowait);
		if (bytes < 0)
			return bytes;
		int r = pipe_await_room(to, self, bytes ? min_u64(size, pipe_bytes(from)) : 1, nowait);
		if (r || !bytes)
			return r;
		if (from->count && !from->taking)
			return 1;
	}
}

/* One buffer, or the part of it that is wanted and finds room; `skip` bytes are before it. How many bytes. */
static uint32_t move(struct pipe *from, struct pipe_buffer b, uint32_t skip, struct pipe *to, uint64_t size, bool keep)
{
	struct io_vec part[2];
	struct io io;
	uint16_t bytes = (uint16_t)min_u64(min_u64(size, b.size), pipe_room(to, size));
	b.merges = b.merges && bytes == b.size && !keep;
	b.size = bytes;
	if (!bytes)
		return 0;
	io_init(&io, NULL, part, pipe_parts(from, from->head + skip, b.size, part));
	(void)pipe_append(to, &io, b);
	if (!keep)
		pipe_drop(from, b.size);
	return b.size;
}

/* keep: the bytes stay where they are as well. */
static int64_t between(struct thread *self, struct pipe *from, struct pipe *to, uint64_t size, bool nowait, bool keep)
{
	int64_t r = await_both(self, from, to, size, nowait);
	if (r <= 0)
		return r;
	bool was_full = pipe_is_full(from);
	uint32_t done = 0, count = from->count; /* not what comes meanwhile */
	from->taking = to->giving = true;
	bool whole = true;
	for (uint32_t i = 0; i < count && whole && done < size && !pipe_is_full(to); i++) {
		struct pipe_buffer b = *pipe_buffer_at(from, keep ? i : 0);
		uint32_t n = move(from, b, keep ? done : 0, to, size - done, keep);
		done += n;
		whole = n == b.size;
		(void)sched_worked(&libos.sched, 1);
	}
	pipe_between_end(from, was_full, to);
	return done;
}

/* Which of the two is a pipe decides. The offsets are NULL for a file's own position. */
static int64_t splice(struct thread *self, struct file *in, uint64_t *from, struct file *out, uint64_t *to, uint64_t size, bool nowait)
{
	struct pipe *source = pipe_of(in), *target = pipe_of(out);
	struct file *file = source ? out : in;
	uint64_t *given = source ? to : from, *place = given ? given : &file->position, position = *place;
	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (source && target) {
		nowait = nowait || ((in->flags | out->flags) & O_NONBLOCK);
		return source == target ? -EINVAL : between(self, source, target, size, nowait, false);
	}
	if ((!source && !target) || (given && !file->ops->seek) || (source && (out->flags & O_APPEND)))
		return -EINVAL;
	if ((int64_t)size < 0 || (int64_t)position < 0 || (int64_t)(position + size) < 0)
		return -EINVAL;
	nowait = nowait || ((source ? in : out)->flags & O_NONBLOCK);
	int64_t r = source ? from_pipe(self, source, out, &position, min_u64(size, IO_SIZE_MAX), nowait)
	                   : splice_to_pipe(self, in, &position, out, min_u64(size, IO_SIZE_MAX), nowait);
	if (r > 0)
		*place = position;
	return r;
}

static void tell(const struct file *in, const struct file *out)
{
	notify_inode(out->path.inode, IN_MODIFY);
	notify_inode(in->path.inode, IN_ACCESS);
}

int64_t sys_splice(struct thread *self, const uint64_t *args_)
{
	struct vm_space *space = self->process->space;
	struct file *in = fd_io_file(self, args_[0]), *out = fd_io_file(self, args_[2]);
	uint64_t from = 0, to = 0;
	uint32_t flags = (uint32_t)args_[5];
	if (!args_[4])
		return 0;
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!in || !out)
		return -EBADF;
	if ((args_[1] && pipe_of(in)) || (args_[3] && pipe_of(out)))
		return -ESPIPE;
	if ((args_[3] && user_read(space, &to, args_[3], sizeof(to))) || (args_[1] && user_read(space, &from, args_[1], sizeof(from))))
		return -EFAULT;
	file_get(in);
	file_get(out);
	int64_t r = splice(self, in, args_[1] ? &from : NULL, out, args_[3] ? &to : NULL, args_[4], flags & SPLICE_F_NONBLOCK);
	if (r > 0)
		tell(in, out);
	file_put(in);
	file_put(out);
	if (r >= 0 && ((args_[3] && user_write(space, args_[3], &to, sizeof(to))) || (args_[1] && user_write(space, args_[1], &from, sizeof(from)))))
		r = -EFAULT;
	return r;
}

int64_t sys_tee(struct thread *self, const uint64_t *args_)
{
	struct file *in = fd_io_file(self, args_[0]), *out = fd_io_file(self, args_[1]);
	uint32_t flags = (uint32_t)args_[3];
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!args_[2])
		return 0;
	if (!in || !out || !file_readable(in) || !file_writable(out))
		return -EBADF;
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	if (!from || !to || from == to)
		return -EINVAL;
	bool nowait = (flags & SPLICE_F_NONBLOCK) || ((in->flags | out->flags) & O_NONBLOCK);
	file_get(in);
	file_get(out);
	int64_t r = between(self, from, to, args_[2], nowait, true);
	if (r > 0)
		tell(in, out);
	file_put(in);
	file_put(out);
	return r;
}

/* Each page of the program's becomes a buffer, as far as there are some. */
static int64_t from_memory(struct thread *self, struct pipe *p, const struct user_vec *v, bool nowait)
{
	int64_t done = 0, r = pipe_await_room(p, self, v->total, nowait);
	for (uint32_t i = 0; !r && i < v->count; i++) {
		struct io_vec part = v->vec[i];
		while (!r && part.size) {
			struct io io;
			struct pipe_buffer b = { .start = (uint16_t)(part.address % PAGE_SIZE) };
			struct io_vec piece = { part.address, min_u64(min_u64(part.size, PAGE_SIZE - b.start), pipe_room(p, part.size)) };
			b.size = (uint16_t)piece.size;
			io_init(&io, self->process->space, &piece, 1);
			if (pipe_is_full(p) || !piece.size)
				r = -EAGAIN;
			else if (!pipe_append(p, &io, b))
				r = -EFAULT;
			else
				done += b.size;
			part.address += piece.size;
			part.size -= piece.size;
		}
	}
	if (done)
		pipe_gave(p);
	return done ? done : r;
}

static int64_t to_memory(struct thread *self, struct pipe *p, const struct user_vec *v, bool nowait)
{
	struct io io;
	if (signal_is_pending(self))
		return -ERESTARTSYS;
	int64_t r = pipe_await_bytes(p, self, nowait);
	if (r <= 0)
		return r;
	bool was_full = pipe_is_full(p);
	io_init(&io, self->process->space, v->vec, v->count);
	r = pipe_take(p, &io, false);
	pipe_took(p, was_full);
	return r;
}

int64_t sys_vmsplice(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	uint32_t flags = (uint32_t)args_[3];
	bool nowait = flags & SPLICE_F_NONBLOCK; /* the pipe's own O_NONBLOCK means nothing */
	struct user_vec v;
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!file || (!file_readable(file) && !file_writable(file)))
		return -EBADF;
	int64_t r = user_vec_get(self, args_[1], (uint32_t)args_[2], &v);
	if (r)
		return r;
	struct pipe *p = pipe_of(file);
	bool held = p && v.total && file_hold(self, file), writes = file_writable(file);
	if (v.total)
		r = !p ? -EBADF : writes ? from_memory(self, p, &v, nowait) : to_memory(self, p, &v, nowait);
	if (r > 0)
		notify_inode(file->path.inode, writes ? IN_MODIFY : IN_ACCESS);
	file_unhold(file, held);
	user_vec_put(&v);
	return r;
}

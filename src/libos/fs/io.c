/* Moving bytes between files and program memory (struct io). */
#include <libos/fs/internal.h>

void io_init(struct io *io, struct vm_space *space, const struct io_vec *vec, uint32_t count)
{
	io->space = space;
	io->vec = vec;
	io->count = count;
	io->at = 0;
	io->offset = 0;
	io->remaining = 0;
	io->flags = 0;
	for (uint32_t i = 0; i < count; i++)
		io->remaining += vec[i].size;
}

/* The vector that the next byte is in, or NULL at the end; *n: what is left of it, at most `size`. */
static const struct io_vec *io_next(struct io *io, uint64_t size, uint64_t *n)
{
	while (io->at < io->count && io->offset == io->vec[io->at].size) {
		io->at++;
		io->offset = 0;
	}
	if (io->at == io->count)
		return NULL;
	*n = min_u64(size, io->vec[io->at].size - io->offset);
	return &io->vec[io->at];
}

/* Where the next bytes are to be put, at most `size`: how many there is room for, 0 at the end, or -EFAULT. */
static int64_t io_target(struct io *io, uint64_t size, void **to)
{
	uint64_t n;
	const struct io_vec *v = io_next(io, size, &n);
	if (!v)
		return 0;
	if (io->space)
		return user_span_write(io->space, v->address + io->offset, n, to);
	*to = (void *)(uintptr_t)(v->address + io->offset);
	return (int64_t)n;
}

/* Where the next bytes are, at most `size`: how many, 0 at the end, or -EFAULT. */
static int64_t io_source(struct io *io, uint64_t size, const void **from)
{
	uint64_t n;
	const struct io_vec *v = io_next(io, size, &n);
	if (!v)
		return 0;
	if (io->space)
		return user_span_read(io->space, v->address + io->offset, n, from);
	*from = (const void *)(uintptr_t)(v->address + io->offset);
	return (int64_t)n;
}

static void io_advance(struct io *io, uint64_t n)
{
	io->offset += n;
	io->remaining -= n;
}

int64_t io_put(struct io *io, const void *from, uint64_t size)
{
	uint64_t done = 0;
	while (done < size) {
		void *to;
		int64_t n = io_target(io, size - done, &to);
		if (n <= 0)
			return done || !n ? (int64_t)done : n;
		memcpy(to, (const char *)from + done, (size_t)n);
		io_advance(io, (uint64_t)n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

int64_t io_get(struct io *io, void *to, uint64_t size)
{
	uint64_t done = 0;
	while (done < size) {
		const void *from;
		int64_t n = io_source(io, size - done, &from);
		if (n <= 0)
			return done || !n ? (int64_t)done : n;
		memcpy((char *)to + done, from, (size_t)n);
		io_advance(io, (uint64_t)n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

int64_t io_put_zero(struct io *io, uint64_t size)
{
	uint64_t done = 0;
	while (done < size) {
		void *to;
		int64_t n = io_target(io, size - done, &to);
		if (n <= 0)
			return done || !n ? (int64_t)done : n;
		memset(to, 0, (size_t)n);
		io_advance(io, (uint64_t)n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

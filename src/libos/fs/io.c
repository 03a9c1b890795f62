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
	for (uint32_t i = 0; i < count; i++)
		io->remaining += vec[i].size;
}

/* The LibOS's pointer to the next stretch, at most `size` bytes; its length, 0 at the end, or -EFAULT. */
static int64_t io_span(struct io *io, uint64_t size, bool write, void **ptr)
{
	while (io->at < io->count && io->offset == io->vec[io->at].size) {
		io->at++;
		io->offset = 0;
	}
	if (io->at == io->count)
		return 0;
	const struct io_vec *v = &io->vec[io->at];
	uint64_t n = min_u64(size, v->size - io->offset);
	if (!io->space) {
		*ptr = (void *)(uintptr_t)(v->address + io->offset);
		return (int64_t)n;
	}
	return user_span(io->space, v->address + io->offset, n, write, ptr);
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
		int64_t n = io_span(io, size - done, true, &to);
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
		void *from;
		int64_t n = io_span(io, size - done, false, &from);
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
		int64_t n = io_span(io, size - done, true, &to);
		if (n <= 0)
			return done || !n ? (int64_t)done : n;
		memset(to, 0, (size_t)n);
		io_advance(io, (uint64_t)n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

/* The store of a pipe: a ring of bytes, and the buffers that they belong to. Nothing here sleeps or wakes anybody. */
#include <libos/fs/pipe.h>

static unsigned order_of(uint32_t size)
{
	return (unsigned)__builtin_ctz(size) - PAGE_SHIFT;
}

static uint32_t buffer_count(const struct pipe *p)
{
	return p->capacity >> PAGE_SHIFT;
}

struct pipe_buffer *pipe_buffer_at(const struct pipe *p, uint32_t n)
{
	return &p->buffers[(p->first + n) & (buffer_count(p) - 1)];
}

void pipe_ring_init(struct pipe *p)
{
	p->capacity = PIPE_DEFAULT_SIZE;
	p->buffers = p->own;
}

static void ring_free(struct pipe *p)
{
	if (p->size)
		frames_put(frame_of(p->ring), p->size >> PAGE_SHIFT);
	p->ring = NULL;
	p->size = 0;
}

void pipe_ring_clear(struct pipe *p)
{
	ring_free(p);
	p->head = p->tail = 0;
	p->count = 0;
}

void pipe_ring_fini(struct pipe *p)
{
	pipe_ring_clear(p);
	if (p->buffers != p->own)
		heap_free(p->buffers);
}

uint32_t pipe_parts(const struct pipe *p, uint64_t at, uint32_t size, struct io_vec part[2])
{
	uint32_t from = (uint32_t)at & (p->size - 1), n = (uint32_t)min_u64(size, p->size - from);
	part[0] = (struct io_vec){ (uint64_t)(uintptr_t)(p->ring + from), n };
	part[1] = (struct io_vec){ (uint64_t)(uintptr_t)p->ring, size - n };
	return n < size ? 2 : 1;
}

static bool copy_in(struct pipe *p, struct io *io, uint32_t size)
{
	uint32_t from = (uint32_t)p->tail & (p->size - 1), n = (uint32_t)min_u64(size, p->size - from);
	return io_get(io, p->ring + from, n) == (int64_t)n && (n == size || io_get(io, p->ring, size - n) == (int64_t)(size - n));
}

bool pipe_copy(const struct pipe *p, uint32_t skip, uint32_t size, struct io *io)
{
	uint32_t from = (uint32_t)(p->head + skip) & (p->size - 1), n = (uint32_t)min_u64(size, p->size - from);
	return io_put(io, p->ring + from, n) == (int64_t)n && (n == size || io_put(io, p->ring, size - n) == (int64_t)(size - n));
}

/* A ring of `size` bytes with the same content, which fits. */
static int ring_resize(struct pipe *p, uint32_t size)
{
	exo_frame_t frame = frames_alloc(order_of(size), true);
	if (frame == FRAME_NONE)
		return -ENOMEM;
	uint32_t n = pipe_bytes(p);
	struct io_vec to = { (uint64_t)(uintptr_t)frame_ptr(frame), n };
	struct io io;
	io_init(&io, NULL, &to, 1);
	if (n)
		(void)pipe_copy(p, 0, n, &io);
	ring_free(p);
	p->ring = frame_ptr(frame);
	p->size = size;
	p->head = 0;
	p->tail = n;
	return 0;
}

/* As many buffers as the capacity will have pages. */
static int buffers_resize(struct pipe *p, uint32_t count)
{
	struct pipe_buffer *to = count > PIPE_BUFFERS ? heap_alloc(count * sizeof(*to)) : p->own;
	struct pipe_buffer kept[PIPE_BUFFERS];
	if (!to)
		return -ENOMEM;
	bool inside = to == p->own && p->buffers == p->own; /* they may overlap */
	for (uint32_t i = 0; i < p->count; i++)
		(inside ? kept : to)[i] = *pipe_buffer_at(p, i);
	if (inside)
		memcpy(to, kept, p->count * sizeof(*to));
	else if (p->buffers != p->own)
		heap_free(p->buffers);
	p->buffers = to;
	p->first = 0;
	return 0;
}

int pipe_ring_set_capacity(struct pipe *p, uint32_t capacity)
{
	if (p->count > capacity >> PAGE_SHIFT || (p->giving && capacity < p->capacity))
		return -EBUSY;
	if (p->size > capacity && ring_resize(p, capacity))
		return -ENOMEM;
	int r = capacity == p->capacity ? 0 : buffers_resize(p, capacity >> PAGE_SHIFT);
	if (!r)
		p->capacity = capacity;
	return r;
}

uint32_t pipe_room(struct pipe *p, uint64_t want)
{
	uint32_t n = pipe_bytes(p);
	if (want > p->size - n && p->size < p->capacity) {
		uint32_t size = !p->size && want <= PAGE_SIZE ? (uint32_t)PAGE_SIZE : p->capacity;
		/* Without memory for more it works with less. */
		if (ring_resize(p, size) && !p->size)
			(void)ring_resize(p, (uint32_t)PAGE_SIZE);
	}
	return p->size - n;
}

void pipe_push(struct pipe *p, struct pipe_buffer as)
{
	*pipe_buffer_at(p, p->count++) = as;
	p->tail += as.size;
}

bool pipe_append(struct pipe *p, struct io *io, struct pipe_buffer as)
{
	if (!copy_in(p, io, as.size))
		return false;
	pipe_push(p, as);
	return true;
}

bool pipe_join(struct pipe *p, struct io *io, uint32_t size)
{
	if (!copy_in(p, io, size))
		return false;
	pipe_buffer_at(p, p->count - 1)->size += (uint16_t)size;
	p->tail += size;
	return true;
}

void pipe_drop(struct pipe *p, uint64_t size)
{
	p->head += size;
	while (size) {
		struct pipe_buffer *b = pipe_buffer_at(p, 0);
		uint16_t n = (uint16_t)min_u64(size, b->size);
		b->start += n;
		b->size -= n;
		size -= n;
		if (!b->size) {
			p->first++;
			p->count--;
		}
	}
	if (!p->count && !p->giving) /* stays in the first, warm page */
		p->head = p->tail = 0;
}

/* Queues of pseudo-terminals. */
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/queue.h>

#define SHARE 16u /* so much of memory, divided, have all that have grown */

void tty_queue_init(struct tty_queue *q)
{
	q->bytes = q->first;
	q->size = TTY_QUEUE_MIN;
	q->head = q->count = 0;
}

/* What it has beyond its first page goes. */
static void give_back(struct tty_queue *q)
{
	if (q->bytes == q->first)
		return;
	libos.ptys.grown -= q->size;
	heap_free(q->bytes);
}

/* It is empty: with its first page alone. */
static void shrink(struct tty_queue *q)
{
	give_back(q);
	tty_queue_init(q);
}

void tty_queue_fini(struct tty_queue *q)
{
	shrink(q);
}

static bool grow(struct tty_queue *q)
{
	uint32_t size = q->size * 4, part = q->size - q->head;
	uint8_t *bytes;

	if (size > TTY_QUEUE_MAX || libos.ptys.grown + size > libos.frames.total * EXO_FRAME_SIZE / SHARE || frames_exhausted())
		return false;
	bytes = heap_alloc(size);
	if (!bytes)
		return false;
	/* It is full. */
	memcpy(bytes, q->bytes + q->head, part);
	memcpy(bytes + part, q->bytes, q->size - part);
	give_back(q);
	libos.ptys.grown += size;
	q->bytes = bytes;
	q->size = size;
	q->head = 0;
	return true;
}

uint32_t tty_queue_room(struct tty_queue *q)
{
	if (q->count == q->size)
		(void)grow(q);
	return q->size - q->count;
}

uint32_t tty_queue_put(struct tty_queue *q, const uint8_t *bytes, uint32_t size)
{
	uint32_t done = 0;

	while (done < size && tty_queue_room(q) > 0) {
		uint32_t at = (q->head + q->count) & (q->size - 1), n = size - done;

		if (n > q->size - q->count)
			n = q->size - q->count;
		if (n > q->size - at)
			n = q->size - at;
		memcpy(q->bytes + at, bytes + done, n);
		q->count += n;
		done += n;
	}
	return done;
}

uint32_t tty_queue_peek(const struct tty_queue *q, const uint8_t **bytes)
{
	*bytes = q->bytes + q->head;
	return q->count < q->size - q->head ? q->count : q->size - q->head;
}

void tty_queue_drop(struct tty_queue *q, uint32_t size)
{
	q->count -= size;
	q->head = (q->head + size) & (q->size - 1);
	if (q->count == 0)
		shrink(q);
}

void tty_queue_cut(struct tty_queue *q, uint32_t size)
{
	if (q->count > size)
		q->count = size;
	if (q->count == 0)
		shrink(q);
}

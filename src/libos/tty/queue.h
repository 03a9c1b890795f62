/*
 * Bytes on their way between the two sides of a pseudo-terminal. A queue begins with a page and takes more while all of
 * them together have no more than a part of memory; emptied, it gives that back.
 */
#ifndef LIBOS_TTY_QUEUE_H
#define LIBOS_TTY_QUEUE_H

#include <exo/types.h>

#define TTY_QUEUE_MIN 4096u
#define TTY_QUEUE_MAX 65536u /* as much as Linux keeps for a terminal */

struct tty_queue {
	uint8_t *bytes;       /* ring of `size` bytes: `first`, or on the heap */
	uint32_t size;        /* a power of two */
	uint32_t head, count; /* read at head */
	uint8_t first[TTY_QUEUE_MIN];
};

void tty_queue_init(struct tty_queue *q);
void tty_queue_fini(struct tty_queue *q);
/* How many bytes it takes now; it grows for that if it is full. */
uint32_t tty_queue_room(struct tty_queue *q);
/* Appends, at most `size` bytes; how many. */
uint32_t tty_queue_put(struct tty_queue *q, const uint8_t *bytes, uint32_t size);
/* The first bytes in a row, and how many these are; 0 when it is empty. Valid until the next change. */
uint32_t tty_queue_peek(const struct tty_queue *q, const uint8_t **bytes);
void tty_queue_drop(struct tty_queue *q, uint32_t size); /* the first so many, which are there */
/* Only the first so many stay. */
void tty_queue_cut(struct tty_queue *q, uint32_t size);

#endif

/*
 * The page that a LibOS is started with: the boot page, and behind it what a LibOS and whoever started it say to each
 * other: its status when it has ended, and two rings of bytes in the place of a console. The first LibOS, which the
 * kernel starts, has none of this: it ends with exo_halt().
 */
#ifndef EXO_LIBOS_H
#define EXO_LIBOS_H

#include <exo/abi.h>

/* Bytes from one writer to one reader, in a frame that both have mapped. Positions go round: the writer moves `head`,
 * the reader `tail`; equal: empty. Neither side trusts the other's. */
#define EXO_RING_SIZE (UINT32_C(4096) - 16)
struct exo_ring {
	uint32_t head, tail; /* 0..EXO_RING_SIZE-1 */
	uint32_t closed;     /* not 0: nothing more will be written */
	uint32_t pad_;
	uint8_t bytes[EXO_RING_SIZE];
};
_Static_assert(sizeof(struct exo_ring) == EXO_FRAME_SIZE, "one frame");

/* Writes and reads as much as there is room for, or as there is; returns how much. */
static inline uint64_t exo_ring_write(struct exo_ring *ring, const void *from, uint64_t size)
{
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED) % EXO_RING_SIZE;
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) % EXO_RING_SIZE;
	uint64_t done = 0;

	for (; done < size && (head + 1) % EXO_RING_SIZE != tail; head = (head + 1) % EXO_RING_SIZE)
		ring->bytes[head] = ((const uint8_t *)from)[done++];
	__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
	return done;
}

static inline uint64_t exo_ring_read(struct exo_ring *ring, void *to, uint64_t size)
{
	uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED) % EXO_RING_SIZE;
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) % EXO_RING_SIZE;
	uint64_t done = 0;

	for (; done < size && tail != head; tail = (tail + 1) % EXO_RING_SIZE)
		((uint8_t *)to)[done++] = ring->bytes[tail];
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
	return done;
}

#define EXO_LIBOS_RUNS  UINT32_C(0)
#define EXO_LIBOS_ENDED UINT32_C(0x444e4521) /* "!END" */

struct exo_libos_page {
	struct exo_boot boot;
	uint8_t pad_[EXO_FRAME_SIZE - sizeof(struct exo_boot) - 24];
	uint64_t out, in; /* addresses of its rings: what it prints, what it reads; 0: it has a console, or nothing */
	uint32_t status;  /* exit status, 0..255; written first */
	uint32_t state;   /* EXO_LIBOS_*; written last */
};
_Static_assert(sizeof(struct exo_libos_page) == EXO_FRAME_SIZE, "one frame");

#endif

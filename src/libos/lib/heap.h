/*
 * The LibOS's own heap, on frames of its memory. Small sizes from slabs of one
 * size class, large ones from whole frames. NULL when memory is exhausted:
 * every caller handles it.
 */
#ifndef LIBOS_HEAP_H
#define LIBOS_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include <libos/lib/list.h>

#define HEAP_CLASS_COUNT 13
#define HEAP_SIZE_MAX (UINT64_C(4) << 20) /* larger requests always fail: the largest block of frames */

struct heap_slab; /* heap.c */

struct heap { /* part of struct libos */
	struct list partial[HEAP_CLASS_COUNT]; /* slabs with a free object */
	struct heap_slab *spare[HEAP_CLASS_COUNT]; /* one empty slab, so that alloc/free pairs stay cheap */
	uint64_t in_use; /* bytes */
};

void heap_init(void); /* called by frames_init() */

void *heap_alloc(size_t size);               /* contents undefined; 16-byte aligned, page aligned from 4096 on */
void *heap_zalloc(size_t size);              /* zeroed */
void *heap_resize(void *at, size_t size);    /* like realloc; at unchanged on NULL */
void heap_free(void *at);                    /* NULL is harmless */
char *heap_strdup(const char *s);
uint64_t heap_bytes_in_use(void);            /* sizes rounded up to what they really take */
/* Gives the spare slabs back, so that frame counts can be compared. */
void heap_trim(void);

#endif

/*
 * The LibOS's physical memory: a buddy allocator over its extent, and a
 * reference count for each frame (mappings, page cache, …: one each).
 */
#ifndef LIBOS_FRAMES_H
#define LIBOS_FRAMES_H

#include <exo/abi.h>

#include <libos/lib/list.h>

#define FRAMES_ORDER_MAX 11 /* largest block: 2^10 frames = 4 MiB */
#define FRAMES_RUN_MAX (UINT64_C(1) << (FRAMES_ORDER_MAX - 1))
#define FRAME_NONE UINT64_MAX

/* Blocks that nobody has touched since they were kernel memory, and that shall be so again: the kernel need not flush a
 * translation for them, and breaks up no further large page of our window. */
#define FRAMES_COLD     (UINT64_C(1) << FRAMES_COLD_ORDER)
#define FRAMES_COLD_ORDER 4
#define FRAMES_COLD_MAX 32

struct frame_info { /* one per frame */
	uint32_t refs;  /* 0: free */
	uint16_t extra; /* the owner's own use; undefined when allocated */
	uint8_t order;  /* of the free block that starts here */
	uint8_t head;   /* 1: a free block starts here */
};

#define FRAMES_FRESH_MAX (EXO_BOOT_HOLES + 2)

struct frames {
	exo_frame_t first;
	uint64_t count; /* holes included */
	uint64_t total; /* without */
	uint64_t free_count;
	uint64_t reserve;          /* frames kept for the LibOS itself and for exit paths */
	uint64_t admin;            /* frames beyond it that are root's */
	uint64_t kept;             /* what whoever runs now leaves of them: all or none */
	struct frame_info *info;   /* indexed by frame - first */
	struct list free[FRAMES_ORDER_MAX];
	exo_frame_t cold[FRAMES_COLD_MAX]; /* free, and in no list either: the last is taken first */
	uint32_t cold_count;
	uint64_t window;
	/* Free, in no list, and not touched yet, since a host backs only what is touched: around the image and the
	 * holes, in order. */
	struct frame_range {
		exo_frame_t first, end;
	} fresh[FRAMES_FRESH_MAX];
};

/* Takes over the memory that the boot page names, except the root image, and starts the heap on it. Called
 * once, before all else here. */
void frames_init(void);

/* A block of 2^order frames, aligned to its size, each with reference count 1, contents
 * undefined; FRAME_NONE when there is none. `for_user`: fails already when only the reserve is left. */
exo_frame_t frames_alloc(unsigned order, bool for_user);
/* The same for any count of neighbours, 1..FRAMES_RUN_MAX. */
exo_frame_t frames_alloc_run(uint64_t count, bool for_user);
/* Any count of neighbours for a user. Beyond FRAMES_RUN_MAX only of memory that was never used yet. */
exo_frame_t frames_alloc_extent(uint64_t count);
/* As many neighbours as are easily had for user pages, at most `want`: *got of them, or FRAME_NONE. */
exo_frame_t frames_alloc_some(uint64_t want, uint64_t *got);
/* A run of FRAMES_COLD neighbours for kernel memory, and back; any other run comes back by frames_put(). */
exo_frame_t frames_alloc_cold(void);
void frames_put_cold(exo_frame_t first, uint64_t count);
exo_frame_t frame_alloc(void);        /* one, for a user page, contents undefined */
exo_frame_t frame_alloc_zeroed(void); /* one, for a user page */
void frame_get(exo_frame_t frame);    /* one more reference */
void frames_get(exo_frame_t first, uint64_t count); /* frame_get() of each */
void frame_put(exo_frame_t frame);    /* one less; freed at 0 */
void frames_put(exo_frame_t first, uint64_t count); /* frame_put() of each */
uint32_t frame_refs(exo_frame_t frame);
uint16_t *frame_extra(exo_frame_t frame);

/* From now on what is taken is a user's, and leaves what is kept for root; or it is not. By whoever begins to run. */
void frames_keep(bool keep);

/* True when user pages can be had no more, or soon cannot: callers that spend on behalf of a program stop
 * at the first and stop being generous at the second. */
bool frames_exhausted(void);
bool frames_tight(void);
/* No FRAMES_COLD neighbours are left, however many frames are free: nobody can begin a program. */
bool frames_scattered(void);

/* Hands frames that were in use at boot (the root image) to the allocator. */
void frames_release(exo_frame_t first, uint64_t count);

/* The LibOS's pointer to a frame of its memory. */
void *frame_ptr(exo_frame_t frame);
exo_frame_t frame_of(const void *ptr);

/* Walks all free lists: true if they agree with the counts and no block overlaps another. For tests. */
bool frames_check(void);

#endif

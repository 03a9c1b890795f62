/*
 * How much one entry into the kernel may do: words of memory that are touched, where what may lie anywhere counts as a
 * cache line at least. So the bound does not depend on what was built before; the rest goes on at the next entry.
 */
#ifndef CORE_WORK_H
#define CORE_WORK_H

#include <core/lock.h>

struct zone;

struct work {
	uint32_t words;         /* that may still be touched */
	bool stuck;             /* what is first has to wait for another CPU; then nothing else may be touched either */
	struct zone *unflushed; /* pages were taken from it: work_end() flushes its space */
};

#define WORK_CALL 4096u /* of one call */
#define WORK_HELP 4096u /* of what an entry does besides its call, for who caused it */
/* What things count as */
#define WORK_ENTRY  16u   /* an entry of a list: copied in or out */
#define WORK_PAGE   8u    /* a page that is mapped or unmapped: the record of its frame */
#define WORK_RECORD 64u   /* a binding that ends */
#define WORK_CAP    64u   /* a capability that goes */
#define WORK_FRAME  16u   /* a frame that leaves a pool */
#define WORK_CLEAR  64u   /* a frame that is made zeroes: a stream is quicker than lines here and there */
#define WORK_FLUSH  512u  /* a space that is flushed, or ends: the machine has to be told */

static inline void work_charge(struct work *work, uint32_t words)
{
	work->words = work->words > words ? work->words - words : 0;
}

/* Something was taken from the zone's space, and is out of reach after work_end(). */
CORE_LOCKED void work_unflushed(struct work *work, struct zone *zone);

/* Before the lock is given up, or what was taken is used for anything else. */
CORE_LOCKED void work_end(struct work *work);

#endif

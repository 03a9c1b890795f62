/*
 * Times that the kernel's timer waits for, in two binary heaps, so that it needs to look at the first of each only, and what
 * has no time costs nothing: zones by their timers (event.h), and capabilities by their next deadline, which is when one
 * expires, or until when what is derived from one is asked for (ask.h).
 *
 * Of a deadline the timer only notes that it is due; the work is done by the reaper, where
 * nothing that a call holds can vanish beneath it: before the next call, and before
 * exo_run() and exo_wait() come back.
 */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include <core/cap.h>

struct due_heap {
	uint32_t count;
	uint16_t *order; /* numbers: the tree, from 1 on */
	uint16_t *place; /* by number: where in the tree; 0: nowhere */
};

/* The next deadline of a live capability; EXO_NO_EXPIRY: none. While it is being revoked, the
 * ask has had its effect. */
CORE_LOCKED uint64_t due_of(const struct cap *cap);

/* When the first is; UINT64_MAX: never. */
CORE_LOCKED uint64_t due_heap_first(const struct due_heap *heap);

/* The time of `number` has changed, or, if it does not stay, there is none any more. Arms the timer if need be. */
CORE_LOCKED void due_heap_update(struct due_heap *heap, uint16_t number, bool stays);

/* For core_check(): places, order, and at most so many. */
CORE_LOCKED bool due_heap_is_sound(const struct due_heap *heap, uint32_t numbers);

/* The deadline or the state of a live capability has changed. */
CORE_LOCKED void due_update(struct cap *cap);

/* Notes whether the first deadline has passed by `now`, and arms the timer. */
CORE_LOCKED void due_look(uint64_t now);

/*
 * Does some of what the earliest deadline asks for, if it has passed: an expired
 * capability goes, with its bindings and all that came from it; what is derived from one that is asked for
 * is revoked. False: nothing is due any more.
 */
CORE_LOCKED bool due_some(struct work *work);

#endif

/*
 * Deadlines of capabilities: when one expires, and until when what is derived from one is
 * asked for (ask.h). A binary heap of slots by their next deadline, so that the kernel's
 * timer needs to look at one only, and a capability without a deadline costs nothing.
 *
 * The timer only notes that something is due; the work is done by the reaper, where
 * nothing that a call holds can vanish beneath it: before the next call, and before
 * exo_run() and exo_wait() come back.
 */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include <core/cap.h>

/* The next deadline of a live capability; EXO_NO_EXPIRY: none. While it is being revoked, the
 * ask has had its effect. */
CORE_LOCKED uint64_t due_of(const struct cap *cap);

/* The deadline or the state of a live capability has changed. Arms the timer if need be. */
CORE_LOCKED void due_update(struct cap *cap);

/* A capability with a deadline goes. */
CORE_LOCKED void due_remove(struct cap *cap);

/* Notes whether the first deadline has passed by `now`, and arms the timer. */
CORE_LOCKED void due_look(uint64_t now);

/* The earliest deadline; EXO_NO_EXPIRY: none. */
CORE_LOCKED uint64_t due_next(void);

/*
 * Does some of what the earliest deadline asks for, if it has passed: an expired
 * capability goes, with its bindings and all that came from it; what is derived from one that is asked for
 * is revoked. False: nothing is due any more.
 */
CORE_LOCKED bool due_some(struct work *work);

#endif

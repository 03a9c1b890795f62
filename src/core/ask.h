/*
 * Visible revocation: asking for what was derived from a capability before it is taken,
 * and telling the losers what was taken.
 *
 * An ask is a deadline at a capability that has children (core.cap_asked). It ends when the last child
 * is gone, given back or taken, and at the deadline the kernel revokes (due.h). Holders learn of
 * it by an event and find out by looking (ask_find()), so it costs nothing for each of them.
 *
 * What was taken from a zone against its will, by revocation or by time, is written to a ring in one frame of
 * the zone's own fund, taken when it is needed first.
 */
#ifndef CORE_ASK_H
#define CORE_ASK_H

#include <core/cap.h>

#define TAKEN_RECORDS ((EXO_FRAME_SIZE - 64) / sizeof(struct exo_taken))

/* One frame. */
struct taken {
	exo_frame_t frame;
	uint32_t head, tail; /* next to write, next to read */
	uint64_t pad_[6];
	struct exo_taken records[TAKEN_RECORDS];
};

_Static_assert(sizeof(struct taken) <= EXO_FRAME_SIZE, "lives in one frame");

/* Asks for what is derived from `cap` until then, or changes until when. The capability has children. */
CORE_LOCKED void ask_set(struct cap *cap, uint64_t until);

/* Ends the ask of `cap`, which may have none. */
CORE_LOCKED void ask_end(struct cap *cap);

/* The last child of `cap` is gone: whoever asked is told. */
CORE_LOCKED void ask_fulfilled(struct cap *cap);

/* Of the capabilities above `cap` the one for which it is asked soonest; NULL: it is not. */
CORE_LOCKED const struct cap *ask_find(const struct cap *cap);

/*
 * Raises EXO_PEND_ASKED for owners of what is derived from `cap`, which is asked for: of `budget` capabilities, from
 * where the last call for it came to; true when all are told. Its owner pays for it, by calling again; it has one walk
 * at a time (zone.telling), and one for another capability begins anew.
 */
CORE_LOCKED bool ask_tell_some(const struct cap *cap, uint32_t budget);
/* The walk below `cap`, if there is one, ends. */
CORE_LOCKED void ask_tell_end(const struct cap *cap);
/* `cap`, which has no children, goes: walks that are at it go on behind it. */
CORE_LOCKED void ask_tell_past(const struct cap *cap);

/*
 * `cap` is taken from its owner, because of `from`; `undone` mappings and pages are gone with it, or, if
 * it goes in several steps, in this one. why: EXO_TAKEN_*. If there is no room, it is counted.
 */
CORE_LOCKED void taken_note(const struct cap *cap, const struct cap *from, uint32_t why, uint64_t undone);

/* The oldest record, or NULL; and forgetting it. */
CORE_LOCKED const struct exo_taken *taken_peek(const struct zone *zone);
CORE_LOCKED void taken_pop(struct zone *zone);

/* A dying zone's ring goes back to its pool. */
CORE_LOCKED void taken_free(struct zone *zone);

#endif

/*
 * The reaper: work that is too long for one call.
 *
 * Two things can be long: revoking a large subtree, and ending a zone. Both take
 * effect at once (cap_is_revoked(), zone_is_gone()), and what they leave behind is
 * cleared away in pieces: by the call that began it, when it is called
 * again (E_AGAIN), and a little by every other call, so that nobody can leave
 * it lying.
 *
 * One more thing begins by itself: what a deadline asks for (due.h).
 */
#ifndef CORE_REAP_H
#define CORE_REAP_H

#include <core/cap.h>

/* Pieces of work (slots, pages, frames) per call: of the call that asked, and
 * of any other call that finds something left. */
#define REAP_BUDGET      4096
#define REAP_HELP_BUDGET 64

/* From now on everything derived from `cap` is revoked. */
CORE_LOCKED void reap_revoke(struct cap *cap);

/* Takes `cap` off the queue: nothing derived from it is left. */
CORE_LOCKED void reap_revoke_done(struct cap *cap);

/* From now on the zone runs no more, and goes. Not for the first LibOS. */
CORE_LOCKED void reap_zone(struct zone *zone);

/* Does one revocation's work; *budget is what may be done and what is left of it.
 * Returns the number of slots that went. It is finished when `cap` is not CAP_REVOKING. */
CORE_LOCKED uint64_t reap_revoke_some(struct cap *cap, uint32_t *budget);

/* Does one zone's work; true when the zone is gone (`zone` is then no pointer any more). */
CORE_LOCKED bool reap_zone_some(struct zone *zone, uint32_t *budget);

/* Does what is queued, oldest first, then what is due (due.h). */
CORE_LOCKED void reap_some(uint32_t budget);

/* In core.backlog, above the number of entries of the queues: something is due. */
#define BACKLOG_DUE   (UINT32_C(1) << 31)
#define BACKLOG_COUNT (BACKLOG_DUE - 1)

/* Sets or clears BACKLOG_DUE. */
CORE_LOCKED void reap_flag(uint32_t flag, bool on);

static inline bool cap_is_revoking(const struct cap *cap)
{
	return atomic_load_explicit(&cap->state, memory_order_relaxed) & CAP_REVOKING;
}

#endif

/*
 * The reaper: work that is too long for one call.
 *
 * Two things can be long: revoking a large subtree, and ending a zone. Both take
 * effect at once (cap_is_revoked(), zone_is_gone()), and what they leave behind is
 * cleared away in pieces. Who caused it pays: the call that began it, when it is called
 * again (E_AGAIN), and each other call of the zone whose revocation or zone is next in the queue. CPUs that have nothing
 * else to do help, and everybody with a small share of the time, so that nobody can leave it lying.
 *
 * One more thing begins by itself: what a deadline asks for (due.h).
 */
#ifndef CORE_REAP_H
#define CORE_REAP_H

#include <core/cap.h>
#include <core/work.h>

/* What others than who caused it do, all CPUs together, and how often. */
#define REAP_SHARE    (WORK_HELP / 2)
#define REAP_EVERY_NS UINT64_C(1000000)

/* What a CPU does at a time that has nothing else to do: others want the lock. */
#define REAP_IDLE     (WORK_HELP / 8)

/* From now on everything derived from `cap` is revoked; does some of it, as reap_revoke_some(). */
CORE_LOCKED uint64_t reap_revoke(struct cap *cap, struct work *work);

/* Takes `cap` off the queue: nothing derived from it is left. */
CORE_LOCKED void reap_revoke_done(struct cap *cap);

/* From now on the zone runs no more, and goes. Not for the first LibOS. */
CORE_LOCKED void reap_zone(struct zone *zone);

/* Does one revocation's work. Returns the number of slots that went. It is finished when `cap` is not CAP_REVOKING. */
CORE_LOCKED uint64_t reap_revoke_some(struct cap *cap, struct work *work);

/* Does one zone's work; true when the zone is gone (`zone` is then no pointer any more). */
CORE_LOCKED bool reap_zone_some(struct zone *zone, struct work *work);

/* Does what is queued, oldest first, then what is due (due.h). */
CORE_LOCKED void reap_some(struct work *work);

/* At the end of a call that ends things: what zones have left, with what is left of its work. */
CORE_LOCKED void reap_rest(struct work *work);

/* At an entry of the zone into the kernel (NULL: nobody's): as much of that as falls to it. */
CORE_LOCKED void reap_help(const struct zone *zone);

/* So much of it; true: there is more that can be done at once. */
CORE_LOCKED bool reap_step(uint32_t words);

/* In core.backlog, above the number of entries of the queues: something is due. */
#define BACKLOG_DUE   (UINT32_C(1) << 31)
#define BACKLOG_COUNT (BACKLOG_DUE - 1)

static inline bool cap_is_revoking(const struct cap *cap)
{
	return atomic_load_explicit(&cap->state, memory_order_relaxed) & CAP_REVOKING;
}

#endif

/*
 * The reaper.
 */
#include <core/ask.h>
#include <core/due.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>

/* Counted before a revocation shows in a state and after it has gone from there, so that a
 * look-up that finds nothing to do was made before it began or will see what it did. */
static void backlog_change(uint32_t by)
{
	atomic_fetch_add_explicit(&core.backlog, by, memory_order_release);
}

/* ---- Revocation -------------------------------------------------------- */

CORE_LOCKED static void revoke_begin(struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap), last = core.revoking_last;

	core.revoking_last = slot;
	core.revoke_prev[slot] = last;
	cap->revoke_next = CAP_NIL;
	if (last != CAP_NIL)
		cap_at(last)->revoke_next = slot;
	else
		core.revoking = slot;
	backlog_change(1);
	atomic_fetch_or_explicit(&cap->state, CAP_REVOKING, memory_order_release);
	if (core.cap_asked[slot] != 0)
		due_update(cap);
}

void reap_revoke_done(struct cap *cap)
{
	cap_slot_t next = cap->revoke_next, prev = core.revoke_prev[cap_slot(cap)];

	if (prev != CAP_NIL)
		cap_at(prev)->revoke_next = next;
	else
		core.revoking = next;
	if (next != CAP_NIL)
		core.revoke_prev[next] = prev;
	else
		core.revoking_last = prev;
	atomic_fetch_and_explicit(&cap->state, ~CAP_REVOKING, memory_order_release);
	backlog_change(-1u);
}

/* EXO_TAKEN_*: why goes what is derived from it? */
CORE_LOCKED static uint32_t reason_of(const struct cap *top)
{
	uint64_t asked = core.cap_asked[cap_slot(top)];

	if (cap_is_expired(top))
		return EXO_TAKEN_EXPIRED;
	return asked != 0 && asked <= hal_time_ns() ? EXO_TAKEN_ASKED : EXO_TAKEN_REVOKED;
}

/* Whoever revokes need not be told what it did; time takes from everybody. */
CORE_LOCKED static bool is_loss(const struct cap *cap, const struct cap *top, uint32_t reason)
{
	return cap->owner != top->owner || reason == EXO_TAKEN_EXPIRED;
}

/* Leaves first: so the tree is whole after every step. */
uint64_t reap_revoke_some(struct cap *top, struct work *work)
{
	uint64_t count = 0;
	struct cap *cap = top;
	uint32_t reason = reason_of(top);

	while (work->words > 0 && top->child != CAP_NIL) {
		struct cap *parent;
		uint64_t undone = 0;
		bool done;

		while (cap->child != CAP_NIL)
			cap = cap_at(cap->child);
		work_charge(work, WORK_CAP);
		done = unbind_cap(cap, work, &undone);
		if (is_loss(cap, top, reason))
			taken_note(cap, top, reason, undone);
		if (!done)
			return count;
		parent = cap_at(cap->parent);
		if (is_loss(cap, top, reason))
			event_raise(core.zones[cap->owner], EXO_PEND_REVOKED);
		cap_remove(cap);
		count++;
		cap = parent;
	}
	if (top->child == CAP_NIL && cap_is_revoking(top))
		reap_revoke_done(top);
	return count;
}

/* One that is finished at once has undone what others had by it; of any other they must hear before they go on. */
uint64_t reap_revoke(struct cap *cap, struct work *work)
{
	bool begins = !cap_is_revoking(cap) && cap->child != CAP_NIL;
	uint64_t count;

	if (begins)
		revoke_begin(cap);
	count = reap_revoke_some(cap, work);
	if (begins && cap_is_revoking(cap)) {
		core.revocations++;
		cpus_leave(NULL);
	}
	return count;
}

/* ---- Zones ------------------------------------------------------------- */

CORE_LOCKED static void dying_append(struct zone *zone)
{
	zone->reap_next = NULL;
	zone->reap_prev = core.dying_last;
	if (zone->reap_prev)
		zone->reap_prev->reap_next = zone;
	else
		core.dying = zone;
	core.dying_last = zone;
	core.dying_count++;
	backlog_change(1);
}

CORE_LOCKED static void dying_remove(struct zone *zone)
{
	if (zone->reap_prev)
		zone->reap_prev->reap_next = zone->reap_next;
	else
		core.dying = zone->reap_next;
	if (zone->reap_next)
		zone->reap_next->reap_prev = zone->reap_prev;
	else
		core.dying_last = zone->reap_prev;
	core.dying_count--;
	backlog_change(-1u);
}

void reap_zone(struct zone *zone)
{
	if (zone->dying || zone == core.libos)
		return;
	zone->dying = true;
	unbind_funds_await(zone);
	cpus_leave(zone);
	timer_set(zone, UINT64_MAX);
	dying_append(zone);
}

/* Removes the capabilities of a ring, from its head; each ring shrinks by that. */
CORE_LOCKED static bool ring_remove(cap_slot_t *head, struct work *work)
{
	while (*head != CAP_NIL) {
		struct cap *cap = cap_at(*head);
		uint64_t undone = 0;

		/* Children that are revoked must not pass to the parent. */
		if (cap_is_revoking(cap))
			reap_revoke_some(cap, work);
		if (!unbind_cap(cap, work, &undone) || !cap_splice(cap, work) || work->words == 0)
			return false;
		work_charge(work, WORK_CAP);
		cap_remove(cap);
	}
	return true;
}

CORE_LOCKED static bool contexts_remove(struct zone *zone, struct work *work)
{
	struct context *context;

	while ((context = zone->contexts) != NULL) {
		work_charge(work, WORK_RECORD);
		if (context->caps_naming == CAP_NIL)
			context_destroy(context);
		else if (!ring_remove(&context->caps_naming, work)) /* the last one destroys it */
			return false;
	}
	return true;
}

/* First what is in its space and has its memory: then that is empty, and goes. */
CORE_LOCKED static bool space_remove(struct zone *zone, struct work *work)
{
	if (zone->stripped)
		return true;
	if (!zone->stopped) {
		work_end(work);
		hal_space_stop(&zone->space);
		work_charge(work, WORK_FLUSH);
		zone->stopped = true;
	}
	if (!contexts_remove(zone, work) || !ring_remove(&zone->port_caps, work) || !unbind_zone(zone, work) ||
	    !ring_remove(&zone->caps_owned, work))
		return false;
	hal_space_destroy(&zone->space, &zone->pool);
	taken_free(zone);
	zone->stripped = true;
	return true;
}

bool reap_zone_some(struct zone *zone, struct work *work)
{
	work_charge(work, WORK_RECORD);
	if (zone->running > 0)
		return false;
	/* First what was made below it, ZONE_DEPTH_MAX calls deep at most. */
	while (zone->child) {
		reap_zone(zone->child);
		if (!reap_zone_some(zone->child, work))
			return false;
	}
	/* Its names go last, so that whoever destroys it can call again. */
	if (!space_remove(zone, work) || !slab_fini(&zone->binding_slab, &zone->pool, work) ||
	    !slab_fini(&zone->context_slab, &zone->pool, work) || !slab_fini(&zone->port_slab, &zone->pool, work) ||
	    !zone_fund_release(zone, work) || !ring_remove(&zone->caps_naming, work))
		return false;
	dying_remove(zone);
	zone_free(zone);
	return true;
}

CORE_LOCKED static void reap_queued(struct work *work)
{
	while (core.revoking != CAP_NIL && work->words > 0)
		reap_revoke_some(cap_at(core.revoking), work);
	/* Each once: one that must wait for another, or still runs, goes to the end. */
	for (uint32_t count = core.dying_count; core.dying && count > 0 && work->words > 0; count--) {
		struct zone *zone = core.dying;

		if (!reap_zone_some(zone, work)) {
			dying_remove(zone);
			dying_append(zone);
		}
	}
}

/* One deadline at a time, and what it leaves behind before the next: so the order is that of time. */
void reap_some(struct work *work)
{
	do
		reap_queued(work);
	while (work->words > 0 && core.due_ready && due_some(work));
}

/* ---- Who does it ------------------------------------------------------------ */

/* What is next in the queue is there because of the zone. The first LibOS answers for programs that it ends, and asks again itself. */
CORE_LOCKED static bool is_cause(const struct zone *zone)
{
	if (!zone || zone == core.libos)
		return false;
	if (core.revoking != CAP_NIL)
		return cap_at(core.revoking)->owner == zone->number;
	return core.dying && core.dying->parent == zone;
}

void reap_rest(struct work *work)
{
	if (core.dying)
		reap_some(work);
	work_end(work);
}

bool reap_step(uint32_t words)
{
	struct work work = { .words = words };

	reap_some(&work);
	work_end(&work);
	return work.words == 0 && !work.stuck;
}

void reap_help(const struct zone *zone)
{
	bool pays = is_cause(zone);
	uint64_t now = hal_time_ns();

	if (!pays && now < core.reap_at)
		return;
	core.reap_at = now + REAP_EVERY_NS;
	reap_step(pays ? WORK_HELP : REAP_SHARE);
}

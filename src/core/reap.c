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
static void backlog_add(void)
{
	atomic_fetch_add_explicit(&core.backlog, 1, memory_order_release);
}

static void backlog_remove(void)
{
	atomic_fetch_sub_explicit(&core.backlog, 1, memory_order_release);
}

void reap_flag(uint32_t flag, bool on)
{
	if (on)
		atomic_fetch_or_explicit(&core.backlog, flag, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&core.backlog, ~flag, memory_order_relaxed);
}

/* ---- Revocation -------------------------------------------------------- */

void reap_revoke(struct cap *cap)
{
	cap_slot_t *tail = &core.revoking;

	if (cap_is_revoking(cap) || cap->child == CAP_NIL)
		return;
	while (*tail != CAP_NIL)
		tail = &cap_at(*tail)->revoke_next;
	*tail = cap_slot(cap);
	cap->revoke_next = CAP_NIL;
	backlog_add();
	atomic_fetch_or_explicit(&cap->state, CAP_REVOKING, memory_order_release);
	cpus_leave(NULL); /* what runs on another CPU by what is revoked stops now */
	if (core.cap_asked[cap_slot(cap)] != 0)
		due_update(cap);
}

void reap_revoke_done(struct cap *cap)
{
	cap_slot_t *link = &core.revoking;

	while (*link != cap_slot(cap))
		link = &cap_at(*link)->revoke_next;
	*link = cap->revoke_next;
	cap->revoke_next = CAP_NIL;
	atomic_fetch_and_explicit(&cap->state, ~CAP_REVOKING, memory_order_release);
	backlog_remove();
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
uint64_t reap_revoke_some(struct cap *top, uint32_t *budget)
{
	uint64_t count = 0;
	struct cap *cap = top;
	uint32_t reason = reason_of(top);

	while (*budget > 0 && top->child != CAP_NIL) {
		struct cap *parent;
		uint64_t undone = 0;
		bool done;

		while (cap->child != CAP_NIL)
			cap = cap_at(cap->child);
		done = unbind_cap(cap, budget, &undone);
		if (is_loss(cap, top, reason))
			taken_note(cap, top, reason, undone);
		if (!done)
			return count;
		if (*budget > 0)
			--*budget;
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

/* ---- Zones ------------------------------------------------------------- */

CORE_LOCKED static void dying_append(struct zone *zone)
{
	struct zone **tail = &core.dying;

	while (*tail)
		tail = &(*tail)->reap_next;
	*tail = zone;
	zone->reap_next = NULL;
	backlog_add();
}

CORE_LOCKED static void dying_remove(struct zone *zone)
{
	struct zone **link = &core.dying;

	while (*link != zone)
		link = &(*link)->reap_next;
	*link = zone->reap_next;
	backlog_remove();
}

void reap_zone(struct zone *zone)
{
	if (zone->dying || zone == core.libos)
		return;
	zone->dying = true;
	cpus_leave(zone);
	timer_cancel(zone);
	dying_append(zone);
}

/* Removes the capabilities of a ring, from its head; each ring shrinks by that. */
CORE_LOCKED static bool ring_remove(cap_slot_t *head, uint32_t *budget)
{
	while (*head != CAP_NIL) {
		struct cap *cap = cap_at(*head);
		uint64_t undone = 0;

		/* Children that are revoked must not pass to the parent. */
		if (cap_is_revoking(cap))
			reap_revoke_some(cap, budget);
		if (*budget == 0 || !unbind_cap(cap, budget, &undone) || !cap_splice(cap, budget) || *budget == 0)
			return false;
		--*budget;
		cap_remove(cap);
	}
	return true;
}

CORE_LOCKED static bool contexts_remove(struct zone *zone, uint32_t *budget)
{
	struct context *context;

	while ((context = zone->contexts) != NULL) {
		if (context->caps_naming == CAP_NIL)
			context_destroy(context);
		else if (!ring_remove(&context->caps_naming, budget)) /* the last one destroys it */
			return false;
	}
	return true;
}

bool reap_zone_some(struct zone *zone, uint32_t *budget)
{
	if (zone->running > 0)
		return false;
	/* First what was made below it, ZONE_DEPTH_MAX calls deep at most. */
	while (zone->child) {
		reap_zone(zone->child);
		if (!reap_zone_some(zone->child, budget))
			return false;
	}
	if (!contexts_remove(zone, budget) || !ring_remove(&zone->port_caps, budget) || !unbind_zone(zone, budget) ||
	    !ring_remove(&zone->caps_owned, budget))
		return false;
	if (!zone->stripped) {
		hal_space_destroy(&zone->space, &zone->pool);
		slab_fini(&zone->binding_slab, &zone->pool);
		slab_fini(&zone->context_slab, &zone->pool);
		slab_fini(&zone->port_slab, &zone->pool);
		taken_free(zone);
		zone->stripped = true;
	}
	/* Its names go last, so that whoever destroys it can call again. */
	if (!zone_fund_release(zone, budget) || !ring_remove(&zone->caps_naming, budget))
		return false;
	dying_remove(zone);
	zone_free(zone);
	return true;
}

CORE_LOCKED static void reap_queued(uint32_t *budget)
{
	uint32_t count = 0;

	while (core.revoking != CAP_NIL && *budget > 0)
		reap_revoke_some(cap_at(core.revoking), budget);
	/* Each once: one that must wait for another, or still runs, goes to the end. */
	for (const struct zone *zone = core.dying; zone; zone = zone->reap_next)
		count++;
	for (; core.dying && count > 0 && *budget > 0; count--) {
		struct zone *zone = core.dying;

		if (!reap_zone_some(zone, budget)) {
			dying_remove(zone);
			dying_append(zone);
		}
	}
}

/* One deadline at a time, and what it leaves behind before the next: so the order is that of time. */
void reap_some(uint32_t budget)
{
	do
		reap_queued(&budget);
	while (budget > 0 && core.due_ready && due_some(&budget));
}

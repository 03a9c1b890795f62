/*
 * The heap of deadlines, and what happens when one has passed.
 */
#include <core/ask.h>
#include <core/due.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/seal.h>
#include <core/state.h>

/* ---- The heap: 1 is the root, 2n and 2n + 1 are below n ------------------ */

uint64_t due_of(const struct cap *cap)
{
	uint64_t asked = core.cap_asked[cap_slot(cap)];

	return asked != 0 && asked < cap->expires && !cap_is_revoking(cap) ? asked : cap->expires;
}

/* Of two at the same time the lower slot comes first, so that the order is one. */
CORE_LOCKED static bool is_before(cap_slot_t a, cap_slot_t b)
{
	uint64_t x = due_of(cap_at(a)), y = due_of(cap_at(b));

	return x != y ? x < y : a < b;
}

CORE_LOCKED static void put(uint32_t place, cap_slot_t slot)
{
	core.due_heap[place] = slot;
	core.due_place[slot] = (cap_slot_t)place;
}

/* Finds the place of `slot`, at or above or below the free place. */
CORE_LOCKED static void settle(uint32_t place, cap_slot_t slot)
{
	uint32_t below;

	for (; place > 1 && is_before(slot, core.due_heap[place / 2]); place /= 2)
		put(place, core.due_heap[place / 2]);
	for (; (below = 2 * place) <= core.due_count; place = below) {
		if (below < core.due_count && is_before(core.due_heap[below + 1], core.due_heap[below]))
			below++;
		if (!is_before(core.due_heap[below], slot))
			break;
		put(place, core.due_heap[below]);
	}
	put(place, slot);
}

CORE_LOCKED static void take_out(cap_slot_t slot)
{
	uint32_t place = core.due_place[slot];
	cap_slot_t last = core.due_heap[core.due_count--];

	core.due_place[slot] = 0;
	if (last != slot)
		settle(place, last);
}

uint64_t due_next(void)
{
	return core.due_count > 0 ? due_of(cap_at(core.due_heap[1])) : EXO_NO_EXPIRY;
}

void due_update(struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap);
	bool first = core.due_place[slot] == 1;

	if (due_of(cap) == EXO_NO_EXPIRY) {
		if (core.due_place[slot] != 0)
			due_remove(cap);
		return;
	}
	if (core.due_place[slot] == 0)
		put(++core.due_count, slot);
	settle(core.due_place[slot], slot);
	if (first || core.due_place[slot] == 1)
		timer_arm();
}

void due_remove(struct cap *cap)
{
	bool first = core.due_place[cap_slot(cap)] == 1;

	take_out(cap_slot(cap));
	if (first)
		timer_arm();
}

void due_look(uint64_t now)
{
	core.due_ready = due_next() <= now;
	reap_flag(BACKLOG_DUE, core.due_ready);
	timer_arm();
}

/* ---- What is due --------------------------------------------------------- */

/* What came from it has expired with it. */
CORE_LOCKED static void expire(struct cap *cap, struct work *work)
{
	struct zone *owner = core.zones[cap->owner];
	uint64_t undone = 0;
	bool done;

	reap_revoke_some(cap, work);
	if (cap->child != CAP_NIL || work->words == 0)
		return;
	work_charge(work, WORK_CAP);
	done = unbind_cap(cap, work, &undone);
	taken_note(cap, cap, EXO_TAKEN_EXPIRED, undone);
	if (!done)
		return;
	audit_add(&cpu_this()->audit, EXO_AUDIT_DUE, owner->number, 0, cap_name(cap), EXO_E_EXPIRED, hal_time_ns());
	event_raise(owner, EXO_PEND_REVOKED);
	cap_remove(cap);
}

/* As exo_cap_revoke() does, by nobody's call. */
CORE_LOCKED static void repossess(struct cap *cap, struct work *work)
{
	audit_add(&cpu_this()->audit, EXO_AUDIT_DUE, cap->owner, 0, cap_name(cap), EXO_E_REVOKED, hal_time_ns());
	seal_revoke(cap);
	reap_revoke(cap);
	reap_revoke_some(cap, work);
}

bool due_some(struct work *work)
{
	uint64_t now = hal_time_ns();
	struct cap *cap;

	due_look(now);
	if (!core.due_ready)
		return false;
	cap = cap_at(core.due_heap[1]);
	if (cap->expires <= now)
		expire(cap, work);
	else
		repossess(cap, work);
	return true;
}

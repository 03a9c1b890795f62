/*
 * The heap of deadlines, and what happens when one has passed.
 */
#include <core/ask.h>
#include <core/due.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/seal.h>
#include <core/state.h>

/* ---- Heaps: 1 is the root, 2n and 2n + 1 are below n --------------------- */

uint64_t due_of(const struct cap *cap)
{
	uint64_t asked = core.cap_asked[cap_slot(cap)];

	return asked != 0 && asked < cap->expires && !cap_is_revoking(cap) ? asked : cap->expires;
}

CORE_LOCKED static uint64_t time_of(const struct due_heap *heap, uint16_t number)
{
	return heap == &core.timers ? core.zones[number]->timer_at : due_of(cap_at(number));
}

/* Of two at the same time the lower number comes first, so that the order is one. */
CORE_LOCKED static bool is_before(const struct due_heap *heap, uint16_t a, uint16_t b)
{
	uint64_t x = time_of(heap, a), y = time_of(heap, b);

	return x != y ? x < y : a < b;
}

static void put(struct due_heap *heap, uint32_t place, uint16_t number)
{
	heap->order[place] = number;
	heap->place[number] = (uint16_t)place;
}

/* Finds the place of `number`, at or above or below the free place. */
CORE_LOCKED static void settle(struct due_heap *heap, uint32_t place, uint16_t number)
{
	uint32_t below;

	for (; place > 1 && is_before(heap, number, heap->order[place / 2]); place /= 2)
		put(heap, place, heap->order[place / 2]);
	for (; (below = 2 * place) <= heap->count; place = below) {
		if (below < heap->count && is_before(heap, heap->order[below + 1], heap->order[below]))
			below++;
		if (!is_before(heap, heap->order[below], number))
			break;
		put(heap, place, heap->order[below]);
	}
	put(heap, place, number);
}

CORE_LOCKED static void take_out(struct due_heap *heap, uint16_t number)
{
	uint32_t place = heap->place[number];
	uint16_t last = heap->order[heap->count--];

	heap->place[number] = 0;
	if (last != number)
		settle(heap, place, last);
}

uint64_t due_heap_first(const struct due_heap *heap)
{
	return heap->count > 0 ? time_of(heap, heap->order[1]) : UINT64_MAX;
}

void due_heap_update(struct due_heap *heap, uint16_t number, bool stays)
{
	uint32_t before = heap->place[number];

	if (stays)
		settle(heap, before ? before : ++heap->count, number);
	else if (before)
		take_out(heap, number);
	if (before == 1 || heap->place[number] == 1)
		timer_arm();
}

bool due_heap_is_sound(const struct due_heap *heap, uint32_t numbers)
{
	bool sound = heap->count < numbers;

	for (uint32_t place = 1; sound && place <= heap->count; place++)
		sound = heap->order[place] < numbers && heap->place[heap->order[place]] == place &&
		        (place == 1 || !is_before(heap, heap->order[place], heap->order[place / 2]));
	return sound;
}

/* ---- What is due --------------------------------------------------------- */

void due_update(struct cap *cap)
{
	due_heap_update(&core.due, cap_slot(cap), due_of(cap) != EXO_NO_EXPIRY);
}

void due_look(uint64_t now)
{
	bool ready = due_heap_first(&core.due) <= now;

	if (ready != core.due_ready)
		atomic_fetch_xor_explicit(&core.backlog, BACKLOG_DUE, memory_order_relaxed);
	core.due_ready = ready;
	timer_arm();
}

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
	reap_revoke(cap, work);
}

bool due_some(struct work *work)
{
	uint64_t now = hal_time_ns();
	struct cap *cap;

	due_look(now);
	if (!core.due_ready)
		return false;
	cap = cap_at(core.due.order[1]);
	if (cap->expires <= now)
		expire(cap, work);
	else
		repossess(cap, work);
	return true;
}

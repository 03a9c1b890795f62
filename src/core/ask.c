/*
 * Asks, and the record of what was taken.
 */
#include <core/ask.h>
#include <core/due.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>

/* ---- Asks ---------------------------------------------------------------- */

void ask_set(struct cap *cap, uint64_t until)
{
	cap_slot_t slot = cap_slot(cap);

	if (core.cap_asked[slot] == 0)
		core.ask_count++;
	core.cap_asked[slot] = until > 0 ? until : 1;
	due_update(cap);
}

void ask_end(struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap);

	if (core.cap_asked[slot] == 0)
		return;
	ask_tell_end(cap);
	core.cap_asked[slot] = 0;
	core.ask_count--;
	due_update(cap);
}

void ask_fulfilled(struct cap *cap)
{
	ask_end(cap);
	event_raise(core.zones[cap->owner], EXO_PEND_BACK);
}

const struct cap *ask_find(const struct cap *cap)
{
	cap_slot_t from = CAP_NIL;

	if (core.ask_count == 0)
		return NULL;
	for (cap_slot_t slot = cap->parent; slot != CAP_NIL; slot = cap_at(slot)->parent)
		if (core.cap_asked[slot] != 0 &&
		    (from == CAP_NIL || core.cap_asked[slot] < core.cap_asked[from]))
			from = slot;
	return from == CAP_NIL ? NULL : cap_at(from);
}

/* What comes after `cap` below `top`, each before what is derived from it. */
CORE_LOCKED static cap_slot_t next_below(const struct cap *cap, cap_slot_t top)
{
	if (cap->child != CAP_NIL)
		return cap->child;
	for (; cap_slot(cap) != top; cap = cap_at(cap->parent))
		if (cap->next != CAP_NIL)
			return cap->next;
	return CAP_NIL;
}

bool ask_tell_some(const struct cap *cap, uint32_t budget)
{
	struct zone *zone = core.zones[cap->owner];
	cap_slot_t top = cap_slot(cap);

	if (zone->telling != top) {
		zone->telling = top;
		zone->tell_next = cap->child;
	}
	for (; zone->tell_next != CAP_NIL && budget > 0; budget--) {
		const struct cap *below = cap_at(zone->tell_next);

		event_raise(core.zones[below->owner], EXO_PEND_ASKED);
		zone->tell_next = next_below(below, top);
	}
	if (zone->tell_next != CAP_NIL)
		return false;
	zone->telling = CAP_NIL;
	return true;
}

void ask_tell_end(const struct cap *cap)
{
	struct zone *zone = core.zones[cap->owner];

	if (zone->telling == cap_slot(cap))
		zone->telling = CAP_NIL;
}

void ask_tell_past(const struct cap *cap)
{
	if (core.ask_count == 0)
		return;
	for (cap_slot_t top = cap->parent; top != CAP_NIL; top = cap_at(top)->parent) {
		struct zone *zone = core.zones[cap_at(top)->owner];

		if (zone->telling == top && zone->tell_next == cap_slot(cap))
			zone->tell_next = next_below(cap, top);
	}
}

/* ---- What was taken ------------------------------------------------------ */

/* The place for the next record, or NULL. */
CORE_LOCKED static struct exo_taken *record_new(struct zone *zone)
{
	struct taken *taken = zone->taken;

	if (!taken) {
		exo_frame_t frame;

		if (zone->pool.count == 0)
			return NULL;
		frame = hal_pool_take(&zone->pool);
		taken = hal_phys_ptr(frame);
		memset(taken, 0, sizeof(*taken));
		taken->frame = frame;
		zone->taken = taken;
	}
	if (taken->head - taken->tail == TAKEN_RECORDS) {
		taken->tail++;
		zone->taken_lost++;
	}
	return &taken->records[taken->head++ % TAKEN_RECORDS];
}

void taken_note(const struct cap *cap, const struct cap *from, uint32_t why, uint64_t undone)
{
	struct zone *zone = core.zones[cap->owner];
	struct taken *taken = zone->taken;
	struct exo_taken *record;
	struct exo_cap_info info;

	if (zone->dying)
		return;
	if (taken && taken->head != taken->tail) {
		record = &taken->records[(taken->head - 1) % TAKEN_RECORDS];
		if (record->cap == cap_name(cap)) {
			record->undone += undone;
			return;
		}
	}
	record = record_new(zone);
	zone->taken_sequence++;
	if (!record) {
		zone->taken_lost++;
		return;
	}
	cap_describe(cap, &info);
	*record = (struct exo_taken){
		.time_ns = hal_time_ns(), .cap = info.cap, .from = cap_name(from), .first = info.first,
		.count = info.count, .undone = undone, .type = info.type, .rights = info.rights,
		.why = why, .sequence = zone->taken_sequence - 1,
	};
}

const struct exo_taken *taken_peek(const struct zone *zone)
{
	const struct taken *taken = zone->taken;

	return taken && taken->head != taken->tail ? &taken->records[taken->tail % TAKEN_RECORDS] : NULL;
}

void taken_pop(struct zone *zone)
{
	zone->taken->tail++;
}

void taken_free(struct zone *zone)
{
	struct taken *taken = zone->taken;
	exo_frame_t frame;

	if (!taken)
		return;
	frame = taken->frame;
	zone->taken = NULL;
	hal_pool_give(&zone->pool, frame);
}

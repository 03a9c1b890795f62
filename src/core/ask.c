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
	/* Once round the table from where the last round is, so that no ask holds up another's. */
	core.ask_left = atomic_load_explicit(&core.cap_fresh, memory_order_relaxed);
	reap_flag(BACKLOG_TELL, true);
}

void ask_end(struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap);

	if (core.cap_asked[slot] == 0)
		return;
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

void ask_notify_some(uint32_t *budget)
{
	uint32_t fresh = atomic_load_explicit(&core.cap_fresh, memory_order_relaxed);

	if (core.ask_count == 0)
		core.ask_left = 0;
	for (; core.ask_left > 0 && *budget > 0; core.ask_left--, --*budget) {
		struct cap *cap;

		core.ask_cursor = core.ask_cursor + 1 < fresh ? core.ask_cursor + 1 : 1;
		cap = cap_at((cap_slot_t)core.ask_cursor);
		if ((atomic_load_explicit(&cap->state, memory_order_relaxed) & CAP_LIVE) && ask_find(cap))
			event_raise(core.zones[cap->owner], EXO_PEND_ASKED);
	}
	if (core.ask_left == 0)
		reap_flag(BACKLOG_TELL, false);
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
	/* What was in it is nobody's business. */
	memset(taken, 0, sizeof(*taken));
	hal_pool_give(&zone->pool, frame);
}

/*
 * Calls of visible revocation: ask, see what is asked for, read what was taken.
 */
#include <core/ask.h>
#include <core/call.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

enum exo_status call_revoke_ask(struct zone *caller, struct cap *cap, uint64_t until)
{
	uint32_t budget = REAP_BUDGET;

	if (cap_is_revoking(cap))
		return EXO_E_AGAIN;
	if (until == EXO_NO_EXPIRY) {
		ask_end(cap);
	} else if (cap->child == CAP_NIL) {
		event_raise(caller, EXO_PEND_BACK);
	} else {
		ask_set(cap, until);
		ask_notify_some(&budget);
	}
	return EXO_OK;
}

enum exo_status call_list_asked(struct zone *caller, struct cap *zone, exo_vaddr_t asked, uint64_t count,
                                uint64_t start, uint64_t *value)
{
	uint32_t fresh = atomic_load_explicit(&core.cap_fresh, memory_order_relaxed);

	if (zone->zone != caller)
		return EXO_E_STATE;
	if (core.ask_count == 0)
		return EXO_OK;
	count = call_entries(count);
	for (uint64_t slot = start ? start : 1; slot < fresh && *value < count; slot++) {
		const struct cap *cap = cap_at((cap_slot_t)slot), *from;
		struct exo_asked out;

		if (!(atomic_load_explicit(&cap->state, memory_order_acquire) & CAP_LIVE) || cap->owner != caller->number)
			continue;
		from = ask_find(cap);
		if (!from)
			continue;
		out = (struct exo_asked){ cap_name(cap), cap_name(from), core.cap_asked[cap_slot(from)] };
		if (!entry_out(caller, asked, &out, sizeof(out), value))
			return EXO_E_ADDRESS;
	}
	return EXO_OK;
}

enum exo_status call_taken_read(struct zone *caller, struct cap *zone, exo_vaddr_t records, uint64_t count,
                                uint64_t *value)
{
	const struct exo_taken *record;

	if (zone->zone != caller)
		return EXO_E_STATE;
	while (*value < count && (record = taken_peek(caller)) != NULL) {
		if (!entry_out(caller, records, record, sizeof(*record), value))
			return EXO_E_ADDRESS;
		taken_pop(caller);
	}
	return EXO_OK;
}

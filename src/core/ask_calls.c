/*
 * Calls of visible revocation: ask, list what one has and what of it is asked for, read what was taken.
 */
#include <core/ask.h>
#include <core/call.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

/* Capabilities whose owners one call tells. */
#define TELL_BUDGET 1024

enum exo_status call_revoke_ask(struct zone *caller, struct cap *cap, uint64_t until)
{
	if (cap_is_revoking(cap))
		return EXO_E_AGAIN;
	if (until == EXO_NO_EXPIRY) {
		ask_end(cap);
	} else if (cap->child == CAP_NIL) {
		event_raise(caller, EXO_PEND_BACK);
	} else {
		ask_set(cap, until);
		return ask_tell_some(cap, TELL_BUDGET) ? EXO_OK : EXO_E_AGAIN;
	}
	return EXO_OK;
}

enum exo_status call_list_own(struct zone *caller, struct cap *zone, exo_vaddr_t caps, uint64_t count, exo_cap_t after,
                              uint64_t *value)
{
	cap_slot_t slot = caller->caps_owned;

	if (zone->zone != caller)
		return EXO_E_STATE;
	if (after != EXO_CAP_NONE) {
		const struct cap *last = cap_find(after);

		if (!last || last->owner != caller->number)
			return EXO_E_CAP;
		slot = last->owner_next;
	}
	count = call_entries(count);
	for (; slot != CAP_NIL && *value < count; slot = cap_at(slot)->owner_next) {
		const struct cap *from = ask_find(cap_at(slot));
		struct exo_own out = { .asked_from = EXO_CAP_NONE, .asked_until_ns = EXO_NO_EXPIRY };

		cap_describe(cap_at(slot), &out.info);
		if (from) {
			out.asked_from = cap_name(from);
			out.asked_until_ns = core.cap_asked[cap_slot(from)];
		}
		if (!entry_out(caller, caps, &out, sizeof(out), value))
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

/*
 * Calls on capabilities: derive, grant, move, drop, revoke, inspect, list.
 */
#include <core/call.h>
#include <core/derive.h>
#include <core/reap.h>
#include <core/seal.h>
#include <core/state.h>
#include <core_calls.h>

enum exo_status call_cap_derive(struct zone *caller, struct cap *cap, uint32_t rights, uint64_t first,
                                uint64_t count, uint64_t expires, uint64_t *value)
{
	struct cap_spec spec = derive_spec(cap, rights, expires, caller);

	if (exo_cap_is_extent(cap->type)) {
		spec.first = first;
		spec.count = count;
	} else if (first != 0 || count != 0) {
		spec.count = 0; /* what is no extent has no parts */
	}
	return derive_cap(&spec, value);
}

enum exo_status call_cap_grant(struct zone *caller, struct cap *cap, exo_cap_t zone, uint32_t rights,
                               uint64_t *value)
{
	struct cap_spec spec;
	struct cap *target;
	enum exo_status status = receiver_lookup(caller, zone, &target);

	if (status != EXO_OK)
		return status;
	spec = derive_spec(cap, cap->rights & rights, cap->expires, target->zone);
	status = derive_cap(&spec, value);
	if (status == EXO_OK)
		receiver_took(caller, target);
	return status;
}

enum exo_status call_cap_move(struct zone *caller, struct cap *cap, exo_cap_t zone, uint64_t *value)
{
	enum exo_status status = derive_check(cap, cap->rights, cap->expires);
	struct cap *target;

	if (status == EXO_OK)
		status = receiver_lookup(caller, zone, &target);
	if (status != EXO_OK)
		return status;
	/* What the giver has mapped by it would stay with the giver. */
	if (core.cap_bindings[cap_slot(cap)])
		return EXO_E_BUSY;
	if (!zone_has_room(target->zone, EXO_QUOTA_CAPS, 1))
		return EXO_E_SLOTS;
	*value = cap_move(cap, target->zone);
	receiver_took(caller, target);
	return EXO_OK;
}

enum exo_status call_cap_drop(struct zone *caller, struct cap *cap)
{
	struct work work = { .words = WORK_CALL };
	enum exo_status status = EXO_E_AGAIN;

	if (core.cap_bindings[cap_slot(cap)])
		return EXO_E_BUSY;
	/* What is revoked must not come back to life with the parent. */
	if (cap_is_revoking(cap))
		reap_revoke_some(cap, &work);
	if (!cap_is_revoking(cap) && cap_splice(cap, &work)) {
		cap_remove(cap);
		status = EXO_OK;
	}
	reap_rest(&work);
	return status;
}

enum exo_status call_cap_revoke(struct zone *caller, struct cap *cap, uint64_t *value)
{
	struct work work = { .words = WORK_CALL };

	seal_revoke(cap);
	*value = reap_revoke(cap, &work);
	reap_rest(&work);
	return cap_is_revoking(cap) || core.funds_awaited[cap_slot(cap)] > 0 || transfers_are_awaited(NULL, cap) ? EXO_E_AGAIN : EXO_OK;
}

enum exo_status call_cap_inspect(struct zone *caller, struct cap *cap, exo_vaddr_t info)
{
	struct exo_cap_info out;

	cap_describe(cap, &out);
	return copy_out(caller, info, &out, sizeof(out));
}

enum exo_status call_list_caps(struct zone *caller, struct cap *audit, exo_vaddr_t caps, uint64_t count,
                               uint64_t start, uint64_t *value)
{
	count = call_entries(count);
	for (uint64_t slot = start ? start : 1; slot < core.cap_fresh && *value < count; slot++) {
		struct cap *cap = cap_at((cap_slot_t)slot);
		struct exo_cap_info out;

		if (slot - start == EXO_LIST_SLOTS)
			return EXO_E_AGAIN;
		if (!(atomic_load_explicit(&cap->state, memory_order_acquire) & CAP_LIVE))
			continue;
		cap_describe(cap, &out);
		if (!entry_out(caller, caps, &out, sizeof(out), value))
			return EXO_E_ADDRESS;
	}
	return EXO_OK;
}

/*
 * Calls on sealed capabilities.
 */
#include <core/call.h>
#include <core/derive.h>
#include <core/reap.h>
#include <core/seal.h>
#include <core/state.h>
#include <core_calls.h>

/* Whom it shall be for. */
CORE_LOCKED static enum exo_status receiver_find(struct zone *caller, exo_cap_t zone, uint32_t flags, struct seal *seal)
{
	struct zone *receiver = caller;
	enum exo_status status = EXO_OK;

	if (flags & ~(EXO_SEAL_ONCE | EXO_SEAL_BEARER))
		return EXO_E_ARG;
	if (flags & EXO_SEAL_BEARER)
		return zone == EXO_CAP_NONE ? EXO_OK : EXO_E_ARG;
	if (zone != EXO_CAP_NONE)
		status = zone_lookup(caller, zone, 0, &receiver);
	if (status != EXO_OK)
		return status;
	seal->zone = receiver->number;
	seal->zone_serial = receiver->serial;
	return EXO_OK;
}

enum exo_status call_cap_seal(struct zone *caller, struct cap *cap, uint32_t rights, exo_cap_t zone,
                              uint64_t expires, uint32_t flags, exo_vaddr_t bytes)
{
	struct seal seal = {
		.cap = cap_name(cap), .epoch = cap->seal_epoch, .type = cap->type, .rights = rights,
		.expires = expires, .flags = flags, .sealed_ns = hal_time_ns(),
	};
	enum exo_status status = derive_check(cap, rights, expires);
	struct exo_cap_info info;
	struct exo_seal out;

	if (status == EXO_OK)
		status = receiver_find(caller, zone, flags, &seal);
	if (status != EXO_OK)
		return status;
	if (flags & EXO_SEAL_ONCE)
		seal.nonce = seal_nonce_next(cap);
	if (cap->seal_epoch == UINT32_MAX || ((flags & EXO_SEAL_ONCE) && seal.nonce == 0))
		return EXO_E_SLOTS;
	cap_describe(cap, &info);
	seal.first = info.first;
	seal.count = info.count;
	seal_encode(&seal, &out);
	status = copy_out(caller, bytes, &out, sizeof(out));
	if (status == EXO_OK && seal.nonce != 0)
		seal_nonce_take(cap);
	return status;
}

/* Does it hold, here and now? */
CORE_LOCKED static enum exo_status seal_check(const struct zone *caller, const struct seal *seal, struct cap **out)
{
	struct cap *cap = cap_find(seal->cap);

	if (seal->zone != 0 && (seal->zone != caller->number || seal->zone_serial != caller->serial))
		return EXO_E_SEAL_ZONE;
	/* First, so that it is the same before and after the kernel has cleared away what expired. */
	if (seal->expires != EXO_NO_EXPIRY && hal_time_ns() >= seal->expires)
		return EXO_E_EXPIRED;
	if (!cap || cap->seal_epoch != seal->epoch || cap_is_revoked(cap))
		return EXO_E_REVOKED;
	if (cap_tag_check(cap) != EXO_OK)
		return EXO_E_FORGED;
	if ((seal->flags & EXO_SEAL_ONCE) && !seal_nonce_is_good(cap, seal->nonce))
		return EXO_E_REPLAYED;
	*out = cap;
	return EXO_OK;
}

enum exo_status call_cap_unseal(struct zone *caller, exo_vaddr_t bytes, uint64_t size, uint32_t rights,
                                uint64_t *value)
{
	struct exo_seal copy;
	struct cap_spec spec;
	struct seal seal;
	struct cap *cap;
	cap_slot_t slot;
	enum exo_status status;

	if (size != sizeof(copy))
		return EXO_E_SEAL_SIZE;
	status = copy_in(caller, &copy, bytes, size);
	if (status == EXO_OK)
		status = seal_decode(&copy, &seal);
	if (status == EXO_OK)
		status = seal_check(caller, &seal, &cap);
	if (status != EXO_OK)
		return status;
	if (rights & ~seal.rights)
		return EXO_E_RIGHTS;
	spec = derive_spec(cap, rights, seal.expires, caller);
	status = derive_reserve(&spec, &slot);
	if (status != EXO_OK)
		return status;
	if (seal.nonce != 0)
		seal_nonce_use(cap, seal.nonce);
	*value = cap_commit_tagged(slot, &spec);
	return EXO_OK;
}

/*
 * What deriving, granting, sealing and unsealing have in common.
 */
#include <core/derive.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/lattice.h>

enum exo_status derive_check(const struct cap *cap, uint32_t rights, uint64_t expires)
{
	if (cap_is_revoking(cap))
		return EXO_E_AGAIN;
	if (cap_tag_check(cap) != EXO_OK)
		return EXO_E_FORGED;
	if (!exo_authority_within(exo_authority_of(cap->type, rights), exo_authority_of(cap->type, cap->rights)))
		return EXO_E_RIGHTS;
	return expires <= cap->expires ? EXO_OK : EXO_E_RANGE;
}

exo_cap_t derive_commit(cap_slot_t slot, struct cap *cap, uint32_t rights, uint64_t expires, struct zone *owner)
{
	const struct cap_spec spec = {
		.type = cap->type, .rights = rights, .first = cap->first,
		.count = cap_is_extent(cap->type) ? cap->count : 1,
		.expires = expires, .owner = owner, .parent = cap,
	};

	return cap_commit(slot, &spec);
}

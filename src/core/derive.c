/*
 * What deriving, granting, sealing and unsealing have in common.
 */
#include <core/derive.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/lattice.h>

static enum exo_status rule(const struct cap *cap, uint32_t rights, uint64_t expires)
{
	if (!exo_authority_within(exo_authority_of(cap->type, rights), exo_authority_of(cap->type, cap->rights)))
		return EXO_E_RIGHTS;
	return expires <= cap->expires ? EXO_OK : EXO_E_RANGE;
}

enum exo_status derive_check(const struct cap *cap, uint32_t rights, uint64_t expires)
{
	if (cap_is_revoking(cap))
		return EXO_E_AGAIN;
	if (cap_tag_check(cap) != EXO_OK)
		return EXO_E_FORGED;
	return rule(cap, rights, expires);
}

/* Everything but the tag, which is checked together with the making of the new one. */
CORE_LOCKED static enum exo_status reserve(const struct cap_spec *spec, cap_slot_t *slot)
{
	struct cap *cap = spec->parent;
	enum exo_status status = rule(cap, spec->rights, spec->expires);

	if (status != EXO_OK)
		return status;
	if (exo_cap_is_extent(cap->type) ? !cap_covers(cap, spec->first, spec->count) : spec->count != 1)
		return EXO_E_RANGE;
	return cap_reserve(spec->owner, cap, slot);
}

enum exo_status derive_reserve(const struct cap_spec *spec, cap_slot_t *slot)
{
	enum exo_status status;

	if (cap_is_revoking(spec->parent))
		return EXO_E_AGAIN;
	status = reserve(spec, slot);
	/* Of what is forged nothing else is told. */
	if (status != EXO_OK)
		return cap_tag_check(spec->parent) != EXO_OK ? EXO_E_FORGED : status;
	status = cap_tag_derive(*slot, spec);
	if (status != EXO_OK)
		cap_unreserve(*slot);
	return status;
}

enum exo_status derive_cap(const struct cap_spec *spec, exo_cap_t *name)
{
	cap_slot_t slot;
	enum exo_status status = derive_reserve(spec, &slot);

	if (status == EXO_OK)
		*name = cap_commit_tagged(slot, spec);
	return status;
}

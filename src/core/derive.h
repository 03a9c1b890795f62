/*
 * Making a capability from another: the one rule that derive, grant, seal and
 * unseal share. In the lattice of authority (exo/lattice.h), in extent and in time
 * it only goes down.
 */
#ifndef CORE_DERIVE_H
#define CORE_DERIVE_H

#include <core/cap.h>

/* May something with these rights and this deadline come from `cap`? E_AGAIN: what it
 * has begotten is being revoked; E_FORGED; E_RIGHTS; E_RANGE: it would live longer. */
CORE_LOCKED EXO_MUST_USE enum exo_status derive_check(const struct cap *cap, uint32_t rights, uint64_t expires);

/* A copy of `cap`, below it, with other rights, deadline and owner. */
static inline struct cap_spec derive_spec(struct cap *cap, uint32_t rights, uint64_t expires, struct zone *owner)
{
	return (struct cap_spec){
		.type = cap->type, .rights = rights, .first = cap->first,
		.count = exo_cap_is_extent(cap->type) ? cap->count : 1,
		.expires = expires, .owner = owner, .parent = cap,
	};
}

/*
 * May `spec` come from its parent? As derive_check(); E_RANGE also if an extent is no part of
 * the parent's, or something else has a count that is not 1. If so, takes a slot and makes
 * its tag; E_SLOTS. What follows is cap_commit_tagged(), or cap_unreserve().
 */
CORE_LOCKED EXO_MUST_USE enum exo_status derive_reserve(const struct cap_spec *spec, cap_slot_t *slot);

/* Both steps, if nothing else has to come in between. *name: the new capability. */
CORE_LOCKED EXO_MUST_USE enum exo_status derive_cap(const struct cap_spec *spec, exo_cap_t *name);

#endif

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

/* Commits a copy of `cap`, below it, with other rights, deadline and owner. Returns its name. */
CORE_LOCKED exo_cap_t derive_commit(cap_slot_t slot, struct cap *cap, uint32_t rights, uint64_t expires,
                                    struct zone *owner);

#endif

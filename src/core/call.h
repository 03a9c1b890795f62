/*
 * The way into the kernel: decode, dispatch, account. All calls come through
 * call_dispatch() or, where the lock is held already, call_serve(), whoever makes them.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <core/lock.h>
#include <core/zone.h>

/* Serves call `number` (without prefix) of `caller`; args: six. Takes the core lock, unless the
 * call is one that only looks and there is nothing in its way. */
GUARD_EXCLUDES(core_lock)
struct exo_result call_dispatch(struct zone *caller, uint64_t number, const uint64_t *args);

/* The same with the lock held. It may be given up and taken again in between (exo_run, exo_wait). */
CORE_LOCKED struct exo_result call_serve(struct zone *caller, uint64_t number, const uint64_t *args);

/* Counts calls of this CPU. */
void call_count(uint64_t count);

/* Serves one call without what is done once per entry into the kernel (counting, helping
 * the reaper): for the entries of a batch. *value is 0 before. */
CORE_LOCKED EXO_MUST_USE enum exo_status call_one(struct zone *caller, uint64_t number,
                                                 const uint64_t *args, uint64_t *value);

/* cap_lookup() of what can be mapped: MEMORY or MMIO. */
EXO_MUST_USE enum exo_status pages_lookup(const struct zone *caller, exo_cap_t name, uint32_t rights, struct cap **cap);

/* How many entries a call that was asked for `count` tells of. */
static inline uint64_t call_entries(uint64_t count)
{
	return count < EXO_LIST_MAX ? count : EXO_LIST_MAX;
}

/* A zone that the caller names by a capability with `rights`, and that is not gone. As cap_lookup(); E_DEAD. */
CORE_LOCKED EXO_MUST_USE enum exo_status zone_lookup(const struct zone *caller, exo_cap_t name, uint32_t rights,
                                                    struct zone **zone);

/* A zone that the caller names by any capability, to give it one. As zone_lookup(); E_DECLINED: it has not said that it takes
 * something, and the capability lacks WRITE. *cap: the capability that names it; and what follows when it is done. */
CORE_LOCKED EXO_MUST_USE enum exo_status receiver_lookup(const struct zone *caller, exo_cap_t name, struct cap **cap);
CORE_LOCKED void receiver_took(const struct zone *caller, const struct cap *cap);

/* Takes a slot for the name of a new object of `slab` of the zone that `cap` names, below `cap`. E_AGAIN, E_DEAD,
 * E_FUNDS, E_SLOTS. */
CORE_LOCKED EXO_MUST_USE enum exo_status object_reserve(const struct zone *caller, struct cap *cap,
                                                       const struct slab *slab, cap_slot_t *slot);

/* Copies from and to the caller's memory; E_ADDRESS. */
CORE_LOCKED EXO_MUST_USE enum exo_status copy_in(const struct zone *caller, void *to,
                                                exo_vaddr_t from, uint64_t size);
CORE_LOCKED EXO_MUST_USE enum exo_status copy_out(const struct zone *caller, exo_vaddr_t to,
                                                 const void *from, uint64_t size);
/* Copies out the next entry of the array at `to`, of which *count are there. */
CORE_LOCKED EXO_MUST_USE bool entry_out(const struct zone *caller, exo_vaddr_t to, const void *entry, uint64_t size,
                                        uint64_t *count);

#endif

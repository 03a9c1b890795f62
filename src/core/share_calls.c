/*
 * Sharing frames between zones, always by capability: what is shared is bound under
 * the capability that was shown, so that its revocation or expiry undoes the sharing.
 */
#include <core/call.h>
#include <core/derive.h>
#include <core/state.h>
#include <core_calls.h>

/* Pages that one exo_zone_map() may be asked for, and what each counts as: it is looked up here and there. */
#define SHARE_MAX UINT64_C(4096)
#define WORK_SHARE (4 * WORK_PAGE)

static uint32_t prot_of(uint32_t rights)
{
	return (rights & EXO_R_READ ? EXO_PROT_READ : 0) | (rights & EXO_R_WRITE ? EXO_PROT_WRITE : 0) |
	       (rights & EXO_R_EXEC ? EXO_PROT_EXEC : 0);
}

/* What `zone` has at `vaddr`, as it may be mapped under `memory`. E_ADDRESS, E_RANGE. */
static enum exo_status page_find(const struct zone *zone, const struct cap *memory, exo_vaddr_t vaddr,
                                 exo_frame_t *frame, uint32_t *prot)
{
	if (!hal_space_query(&zone->space, vaddr, frame, prot))
		return EXO_E_ADDRESS;
	if (!cap_covers(memory, *frame, 1))
		return EXO_E_RANGE;
	*prot &= prot_of(memory->rights);
	return EXO_OK;
}

CORE_LOCKED static enum exo_status page_share(const struct zone *from, struct zone *to, struct cap *memory,
                                             exo_vaddr_t vaddr, struct work *work)
{
	uint64_t records = slab_cost(&to->binding_slab, BIND_RECORDS);
	exo_frame_t frame = 0;
	uint32_t prot = 0;
	enum exo_status status = page_find(from, memory, vaddr, &frame, &prot);

	if (status != EXO_OK)
		return status;
	if (records > to->pool.count || hal_space_cost(&to->space, vaddr, 1) > to->pool.count - records)
		return EXO_E_FUNDS;
	if (work->words < WORK_SHARE)
		return EXO_E_AGAIN;
	work_charge(work, WORK_SHARE);
	bind_pages(to, memory, vaddr, frame, 1, prot, work);
	return EXO_OK;
}

CORE_LOCKED static enum exo_status zones_check(const struct zone *from, const struct zone *to, exo_vaddr_t address, uint64_t size)
{
	if (((address | size) & (EXO_FRAME_SIZE - 1)) != 0 || size == 0 || size > SHARE_MAX << EXO_FRAME_SHIFT ||
	    address < EXO_USER_BASE || address >= EXO_USER_LIMIT || size > EXO_USER_LIMIT - address)
		return EXO_E_ARG;
	if (from == core.libos || to == core.libos || from == to)
		return EXO_E_STATE;
	return zone_is_gone(from) || zone_is_gone(to) ? EXO_E_DEAD : EXO_OK;
}

enum exo_status call_zone_map(struct zone *caller, struct cap *from, exo_cap_t to, exo_vaddr_t address,
                              uint64_t size, exo_cap_t memory, uint64_t *value)
{
	struct work work = { .words = WORK_CALL };
	struct cap *target, *cap;
	enum exo_status status = cap_lookup(caller, to, EXO_CAP_ZONE, EXO_R_MAP, &target);

	if (status == EXO_OK)
		status = pages_lookup(caller, memory, EXO_R_READ, &cap);
	if (status == EXO_OK)
		status = zones_check(from->zone, target->zone, address, size);
	if (status != EXO_OK)
		return status;
	while (status == EXO_OK && *value < size >> EXO_FRAME_SHIFT) {
		status = page_share(from->zone, target->zone, cap, address + (*value << EXO_FRAME_SHIFT), &work);
		*value += status == EXO_OK;
	}
	/* What it replaced is out of reach. */
	hal_space_flush(&target->zone->space);
	return status;
}

enum exo_status call_share_pages(struct zone *caller, struct cap *memory, exo_frame_t first, uint64_t count,
                                 exo_cap_t zone, uint32_t rights, uint64_t *value)
{
	struct cap_spec spec;
	struct cap *target;
	enum exo_status status = receiver_lookup(caller, zone, &target);

	if (status != EXO_OK)
		return status;
	spec = derive_spec(memory, memory->rights & rights, memory->expires, target->zone);
	spec.first = first;
	spec.count = count;
	status = derive_cap(&spec, value);
	if (status == EXO_OK)
		receiver_took(caller, target);
	return status;
}

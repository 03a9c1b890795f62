/*
 * Calls on mappings: map, query, and the preparation of program text.
 */
#include <core/call.h>
#include <core/state.h>
#include <core_calls.h>

/* Entries copied from the caller at a time. */
#define OPS_CHUNK 16

_Static_assert(EXO_MAP_MAX * WORK_PAGE + WORK_ENTRY <= WORK_CALL, "the largest entry can be done");

struct map_request {
	struct zone *zone;
	struct cap *memory; /* NULL: only unmapping */
	bool registers;     /* of a device, not memory */
	struct work work;
};

static bool range_is_valid(exo_vaddr_t vaddr, uint64_t count, uint32_t max)
{
	if ((vaddr & (EXO_FRAME_SIZE - 1)) != 0 || count == 0 || count > max)
		return false;
	return vaddr >= EXO_USER_BASE && vaddr < EXO_USER_LIMIT &&
	       count << EXO_FRAME_SHIFT <= EXO_USER_LIMIT - vaddr;
}

enum exo_status pages_lookup(const struct zone *caller, exo_cap_t name, uint32_t rights, struct cap **cap)
{
	enum exo_status status = cap_lookup(caller, name, EXO_CAP_NONE, rights, cap);

	if (status == EXO_OK && (*cap)->type != EXO_CAP_MEMORY && (*cap)->type != EXO_CAP_MMIO)
		return EXO_E_TYPE;
	return status;
}

static uint32_t rights_for(uint32_t prot)
{
	uint32_t rights = EXO_R_READ;

	if (prot & EXO_PROT_WRITE)
		rights |= EXO_R_WRITE;
	if (prot & EXO_PROT_EXEC)
		rights |= EXO_R_EXEC;
	return rights;
}

CORE_LOCKED static enum exo_status map_pages(struct map_request *request, const struct exo_map_op *op, exo_vaddr_t end)
{
	struct zone *zone = request->zone;
	uint64_t records = slab_cost(&zone->binding_slab, BIND_RECORDS);

	if (!cap_covers(request->memory, op->frame, op->count))
		return EXO_E_RANGE;
	if (request->registers && !core.info->mmio_maps)
		return EXO_E_DEVICE;
	if (!request->registers && !frames_are_plain(op->frame, op->count, false))
		return EXO_E_OVERLAP;
	if (records > zone->pool.count ||
	    hal_space_cost(&zone->space, op->vaddr, op->count) > zone->pool.count - records)
		return EXO_E_FUNDS;
	if (bind_others(zone, cap_slot(request->memory), op->vaddr, end, BIND_CUTS) &&
	    !unbind_pages(zone, op->vaddr, end, &request->work))
		return EXO_E_AGAIN;
	bind_pages(zone, request->memory, op->vaddr, op->frame, op->count, op->prot, &request->work);
	return EXO_OK;
}

CORE_LOCKED static enum exo_status map_one(struct map_request *request, const struct exo_map_op *op)
{
	exo_vaddr_t end = op->vaddr + ((uint64_t)op->count << EXO_FRAME_SHIFT);

	if (!range_is_valid(op->vaddr, op->count, op->prot ? EXO_MAP_MAX : EXO_UNMAP_MAX) ||
	    (op->prot & ~(EXO_PROT_READ | EXO_PROT_WRITE | EXO_PROT_EXEC)))
		return EXO_E_ARG;
	if (op->prot == 0)
		return unbind_pages(request->zone, op->vaddr, end, &request->work) ? EXO_OK : EXO_E_AGAIN;
	if (!request->memory)
		return EXO_E_CAP;
	if (rights_for(op->prot) & ~request->memory->rights)
		return EXO_E_RIGHTS;
	/* Nothing is executed from registers, whatever the capability says. */
	if (request->registers && op->prot & EXO_PROT_EXEC)
		return EXO_E_RIGHTS;
	if (op->count * WORK_PAGE > request->work.words)
		return EXO_E_AGAIN;
	work_charge(&request->work, op->count * WORK_PAGE);
	if (op->frame != EXO_FRAME_KEEP)
		return map_pages(request, op, end);
	if (bind_others(request->zone, cap_slot(request->memory), op->vaddr, end, 0))
		return EXO_E_RANGE;
	hal_space_protect(&request->zone->space, op->vaddr, op->count,
	                  op->prot | (request->registers ? EXO_PROT_DEVICE : 0));
	return EXO_OK;
}

CORE_LOCKED static enum exo_status map_all(struct zone *caller, struct map_request *request,
                                           exo_vaddr_t ops, uint64_t count, uint64_t *value)
{
	struct exo_map_op chunk[OPS_CHUNK];

	while (*value < count) {
		uint64_t n = count - *value < OPS_CHUNK ? count - *value : OPS_CHUNK;
		enum exo_status status = copy_in(caller, chunk, ops + *value * sizeof(chunk[0]), n * sizeof(chunk[0]));

		for (uint64_t i = 0; status == EXO_OK && i < n; i++) {
			if (request->work.words < WORK_ENTRY)
				return EXO_E_AGAIN;
			work_charge(&request->work, WORK_ENTRY);
			status = map_one(request, &chunk[i]);
			if (status == EXO_OK)
				++*value;
		}
		if (status != EXO_OK)
			return status;
	}
	return EXO_OK;
}

enum exo_status call_mem_map(struct zone *caller, struct cap *cap, exo_cap_t memory, exo_vaddr_t ops,
                             uint64_t count, uint64_t *value)
{
	struct map_request request = { .zone = cap->zone, .work.words = WORK_CALL };
	enum exo_status status;

	if (zone_is_gone(cap->zone))
		return EXO_E_DEAD;
	if (cap->zone == core.libos)
		return EXO_E_STATE;
	if (memory != EXO_CAP_NONE) {
		status = pages_lookup(caller, memory, 0, &request.memory);
		if (status != EXO_OK)
			return status;
		request.registers = request.memory->type == EXO_CAP_MMIO;
	}
	status = map_all(caller, &request, ops, count, value);
	/* The caller may give what it took away to somebody else from now on; that the
	 * zone is not entered meanwhile does not mean that it does not run. */
	hal_space_flush(&cap->zone->space);
	return status;
}

enum exo_status call_mem_query(struct zone *caller, struct cap *zone, exo_vaddr_t address, uint64_t *value)
{
	exo_frame_t frame;
	uint32_t flags;

	if (address >= EXO_USER_LIMIT)
		return EXO_E_ARG;
	if (zone->zone == core.libos)
		return EXO_E_STATE;
	if (!zone->zone->stripped && hal_space_query(&zone->zone->space, address & ~(EXO_FRAME_SIZE - 1), &frame, &flags))
		*value = frame << EXO_FRAME_SHIFT | flags;
	return EXO_OK;
}

enum exo_status call_text_prepare(struct zone *caller, struct cap *memory, exo_frame_t first, uint64_t count,
                                  uint64_t code_size, exo_vaddr_t address, exo_vaddr_t thunks, uint64_t *value)
{
	uint64_t pages = (code_size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT, rest = count - pages;
	struct hal_text text;

	if (!cap_covers(memory, first, count))
		return EXO_E_RANGE;
	if (count > EXO_TEXT_MAX || pages > count || !range_is_valid(address, pages, EXO_TEXT_MAX) ||
	    (rest > 0 && !range_is_valid(thunks, rest, EXO_TEXT_MAX)))
		return EXO_E_ARG;
	if (!frames_are_plain(first, count, false))
		return EXO_E_OVERLAP;
	text = (struct hal_text){ .code = hal_phys_ptr(first), .size = code_size, .address = address,
		                  .thunks = hal_phys_ptr(first + pages), .thunks_size = rest << EXO_FRAME_SHIFT,
		                  .thunks_address = thunks };
	*value = hal_text_prepare(&text);
	return EXO_OK;
}

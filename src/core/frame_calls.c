/*
 * Calls that make memory visible: frames, nodes, and which pages of a zone were used.
 */
#include <core/call.h>
#include <core/state.h>
#include <core_calls.h>

enum exo_status call_frame_info(struct zone *caller, struct cap *memory, exo_frame_t first, exo_vaddr_t frames,
                                uint64_t count, uint64_t *value)
{
	uint64_t room;

	if (!cap_covers(memory, first, 1))
		return EXO_E_RANGE;
	room = memory->count - (first - memory->first);
	if (count > room)
		count = room;
	count = call_entries(count);
	while (*value < count) {
		struct exo_frame_info out;

		frame_describe(first + *value, &out);
		if (!entry_out(caller, frames, &out, sizeof(out), value))
			return EXO_E_ADDRESS;
	}
	return EXO_OK;
}

enum exo_status call_list_nodes(struct zone *caller, struct cap *memory, exo_vaddr_t nodes, uint64_t count,
                                exo_frame_t start, uint64_t *value)
{
	exo_frame_t at = start > memory->first ? start : memory->first, end = memory->first + memory->count;

	while (at < end && *value < count) {
		const struct hal_node_range *range = frame_range(at);
		exo_frame_t stop = range->first + range->count < end ? range->first + range->count : end;
		struct exo_node_info out;

		frames_next(&at, &stop);
		out = (struct exo_node_info){ at, stop - at, range->node, core.info->colours };
		if (at < stop && !entry_out(caller, nodes, &out, sizeof(out), value))
			return EXO_E_ADDRESS;
		at = stop;
	}
	return EXO_OK;
}

static bool range_is_valid(exo_vaddr_t address, uint64_t pages)
{
	return (address & (EXO_FRAME_SIZE - 1)) == 0 && address < EXO_USER_LIMIT && pages > 0 &&
	       pages <= (EXO_USER_LIMIT - address) >> EXO_FRAME_SHIFT;
}

/* Told first, then cleared, and only what was told: what the program does meanwhile is not lost. */
CORE_LOCKED static enum exo_status page_tell(struct zone *caller, struct hal_space *space, exo_vaddr_t at,
                                             exo_vaddr_t to, uint32_t flags)
{
	exo_frame_t frame = 0;
	uint32_t bits = 0;
	struct exo_page_info out;
	enum exo_status status;

	hal_space_query(space, at, &frame, &bits);
	out = (struct exo_page_info){ at, frame << EXO_FRAME_SHIFT | bits };
	status = copy_out(caller, to, &out, sizeof(out));
	if (status == EXO_OK && (flags & EXO_SCAN_CLEAR))
		hal_space_clear(space, at, bits & (HAL_ACCESSED | HAL_DIRTY));
	return status;
}

enum exo_status call_mem_scan(struct zone *caller, struct cap *cap, exo_vaddr_t address, uint64_t pages,
                              exo_vaddr_t infos, uint64_t count, uint32_t flags, uint64_t *value)
{
	struct zone *zone = cap->zone;
	struct work work = { .words = WORK_CALL };
	enum exo_status status = EXO_OK;
	exo_vaddr_t at, end;

	if (!range_is_valid(address, pages) || (flags & ~EXO_SCAN_CLEAR))
		return EXO_E_ARG;
	if ((flags & EXO_SCAN_CLEAR) && !(cap->rights & EXO_R_MAP))
		return EXO_E_RIGHTS;
	if (zone == core.libos)
		return EXO_E_STATE;
	if (zone->stripped)
		return EXO_OK;
	count = call_entries(count);
	end = address + (pages << EXO_FRAME_SHIFT);
	for (at = hal_space_next(&zone->space, address, end, &work.words); at < end && *value < count && work.words > 0;
	     at = hal_space_next(&zone->space, at + EXO_FRAME_SIZE, end, &work.words), ++*value) {
		work_charge(&work, 2 * WORK_ENTRY);
		status = page_tell(caller, &zone->space, at, infos + *value * sizeof(struct exo_page_info), flags);
		if (status != EXO_OK)
			break;
	}
	if ((flags & EXO_SCAN_CLEAR) && *value > 0)
		hal_space_flush(&zone->space);
	return status == EXO_OK && at < end ? EXO_E_AGAIN : status;
}

/*
 * The table of frames.
 */
#include <core/state.h>

uint64_t frame_table_frames(uint64_t frame_count)
{
	return (frame_count * sizeof(struct frame) + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
}

void frame_table_init(void)
{
	uint64_t own = frame_table_frames(core.info->frame_count);

	core.frames = hal_phys_ptr(core.info->first_frame);
	if (!core.info->zeroed)
		memset(core.frames, 0, own << EXO_FRAME_SHIFT);
	for (uint64_t i = 0; i < own; i++)
		core.frames[i].fund = FRAME_KERNEL;
	core.frames_memory = core.info->frame_count;
	for (unsigned i = 0; i < HAL_HOLES && core.info->holes[i].count; i++) {
		const struct hal_extent *hole = &core.info->holes[i];

		for (uint64_t n = 0; n < hole->count; n++)
			frame_at(hole->first + n)->fund = FRAME_HOLE;
		core.frames_memory -= hole->count;
	}
}

void frames_next(exo_frame_t *at, exo_frame_t *end)
{
	const struct hal_extent *hole = core.info->holes;

	for (unsigned i = 0; i < HAL_HOLES && hole[i].count && hole[i].first < *end; i++) {
		if (*at < hole[i].first)
			*end = hole[i].first;
		else if (*at - hole[i].first < hole[i].count)
			*at = hole[i].first + hole[i].count < *end ? hole[i].first + hole[i].count : *end;
	}
}

void frames_fund(exo_frame_t first, uint64_t count, uint32_t number)
{
	hal_window_hide(first, count);
	for (uint64_t i = 0; i < count; i++)
		frame_at(first + i)->fund = (uint16_t)number;
	core.frames_funded += count;
}

void frames_unfund(exo_frame_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		frame_at(first + i)->fund = FRAME_FREE;
	core.frames_funded -= count;
	hal_window_show(first, count);
}

bool frames_are_plain(exo_frame_t first, uint64_t count, bool unused)
{
	const struct frame *frame = frame_at(first);

	for (uint64_t i = 0; i < count; i++)
		if (frame[i].fund != FRAME_FREE || (unused && frame[i].maps != 0))
			return false;
	return true;
}

const struct hal_node_range *frame_range(exo_frame_t frame)
{
	const struct hal_node_range *range = core.info->nodes;

	while (frame - range->first >= range->count)
		range++;
	return range;
}

static bool holes_are_sound(void)
{
	const struct hal_extent *hole = core.info->holes;
	exo_frame_t at = core.info->first_frame, end = at + core.info->frame_count;

	for (unsigned i = 0; i < HAL_HOLES && hole[i].count; i++) {
		if (hole[i].first <= at || hole[i].first >= end || hole[i].count >= end - hole[i].first)
			return false;
		at = hole[i].first + hole[i].count;
	}
	return true;
}

bool frame_ranges_are_sound(void)
{
	const struct hal_boot_info *info = core.info;
	exo_frame_t at = info->first_frame;

	if (!holes_are_sound())
		return false;
	if (info->node_ranges == 0 || info->node_ranges > HAL_NODE_RANGES_MAX || info->colours == 0)
		return false;
	for (uint32_t i = 0; i < info->node_ranges; i++) {
		if (info->nodes[i].first != at || info->nodes[i].count == 0)
			return false;
		at += info->nodes[i].count;
	}
	return at == info->first_frame + info->frame_count;
}

void frame_describe(exo_frame_t frame, struct exo_frame_info *info)
{
	const struct frame *f = frame_at(frame);

	*info = (struct exo_frame_info){
		.frame = frame, .node = frame_range(frame)->node, .colour = (uint32_t)(frame % core.info->colours),
		.maps = f->maps, .kind = EXO_FRAME_PLAIN,
	};
	if (f->fund == FRAME_KERNEL)
		info->kind = EXO_FRAME_KERNEL;
	else if (f->fund == FRAME_HOLE)
		info->kind = EXO_FRAME_HOLE;
	else if (f->fund != FRAME_FREE)
		info->kind = EXO_FRAME_FUND;
	if (info->kind == EXO_FRAME_FUND)
		info->zone = f->fund;
}

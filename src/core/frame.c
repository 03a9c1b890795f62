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
	memset(core.frames, 0, own << EXO_FRAME_SHIFT);
	for (uint64_t i = 0; i < own; i++)
		core.frames[i].fund = FRAME_KERNEL;
}

bool frames_are_plain(exo_frame_t first, uint64_t count)
{
	const struct frame *frame = frame_at(first);

	for (uint64_t i = 0; i < count; i++)
		if (frame[i].fund != FRAME_FREE)
			return false;
	return true;
}

bool frames_are_unused(exo_frame_t first, uint64_t count)
{
	const struct frame *frame = frame_at(first);

	for (uint64_t i = 0; i < count; i++)
		if (frame[i].fund != FRAME_FREE || frame[i].maps != 0)
			return false;
	return true;
}

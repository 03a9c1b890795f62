/* The frames of our extent: a byte for each says how many use it. The first that are free in a row are taken. */
#include "v6.h"

static uint8_t *users; /* one byte for each frame of the extent, at its beginning */

void *frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(v6.boot->window + (frame << EXO_FRAME_SHIFT));
}

static uint64_t frames_of(uint64_t size)
{
	return (size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
}

void frames_init(void)
{
	const struct exo_boot *boot = v6.boot;
	uint64_t own = frames_of(boot->memory_count), image = frames_of(boot->image_size);
	exo_frame_t first = boot->memory_first;

	/* As the first LibOS we are given a root image. It is of no use here, but need not be overwritten. */
	if (image > 0 && first + own > boot->image_first && first < boot->image_first + image)
		first = boot->image_first + image;
	if (first + own >= boot->memory_first + boot->memory_count) {
		v6_log("v6: no memory\n");
		v6_end(127);
	}
	users = frame_ptr(first);
	memset(users, 0, boot->memory_count);
	memset(users + (first - boot->memory_first), 1, own);
	for (unsigned i = 0; i < EXO_BOOT_HOLES && boot->holes[i].count > 0; i++)
		memset(users + (boot->holes[i].first - boot->memory_first), 1, boot->holes[i].count);
	if (image > 0)
		memset(users + (boot->image_first - boot->memory_first), 1, image);
}

exo_frame_t frames_take(uint64_t count)
{
	uint64_t run = 0;

	for (uint64_t i = 0; i < v6.boot->memory_count; i++) {
		run = users[i] == 0 ? run + 1 : 0;
		if (run < count)
			continue;
		i -= count - 1;
		memset(users + i, 1, count);
		return v6.boot->memory_first + i;
	}
	return FRAME_NONE;
}

bool frames_extend(exo_frame_t end, uint64_t count)
{
	uint64_t at = end - v6.boot->memory_first;

	if (count > v6.boot->memory_count - at)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (users[at + i] != 0)
			return false;
	}
	memset(users + at, 1, count);
	return true;
}

/* No frame is shared by more than all processes, which a byte can count. */
_Static_assert(PROCESSES < 256, "a byte counts the users of a frame");

void frames_share(exo_frame_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		users[first - v6.boot->memory_first + i]++;
}

void frames_drop(exo_frame_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		users[first - v6.boot->memory_first + i]--;
}

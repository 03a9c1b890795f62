/*
 * The first LibOS's window. The LibOS is linked in and has the kernel's own view of memory, so nothing can be hidden from
 * it; what would be is remembered, so that the kernel's books can be checked, and so that the kernel itself follows no address
 * of the LibOS's that leads to a frame of its own.
 */
#include "hosted.h"

#include <hal/frame_set.h>
#include <string.h>

enum exo_status hal_libos_init(struct hal_space *hal, struct hal_pool *pool, uint64_t *window)
{
	(void)pool;
	memset(hal, 0, sizeof(*hal));
	space_of(hal)->kind = SPACE_SELF;
	*window = (uint64_t)(uintptr_t)host_machine.memory;
	return EXO_OK;
}

void hal_window_hide(exo_frame_t first, uint64_t count)
{
	frame_set_change(host_machine.shown, first, count, false);
}

void hal_window_show(exo_frame_t first, uint64_t count)
{
	frame_set_change(host_machine.shown, first, count, true);
}

static exo_frame_t end_frame(void)
{
	return host_machine.boot.first_frame + host_machine.boot.frame_count;
}

bool host_window_allows(exo_vaddr_t address, uint64_t size)
{
	exo_vaddr_t base = (exo_vaddr_t)(uintptr_t)host_machine.memory;
	exo_frame_t first = (address - base) >> EXO_FRAME_SHIFT, end;

	if (address < base || first >= end_frame())
		return true; /* elsewhere in this process */
	if (size > (end_frame() << EXO_FRAME_SHIFT) - (address - base))
		return false;
	end = (address - base + size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	return frame_set_next(host_machine.shown, first, end, false) == end;
}

bool host_window_reach(exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count)
{
	exo_vaddr_t base = (exo_vaddr_t)(uintptr_t)host_machine.memory;

	*frame = *vaddr > base ? (*vaddr - base) >> EXO_FRAME_SHIFT : 0;
	*frame = frame_set_next(host_machine.shown, *frame, end_frame(), true);
	*count = frame_set_next(host_machine.shown, *frame, end_frame(), false) - *frame;
	*vaddr = base + (*frame << EXO_FRAME_SHIFT);
	return *count > 0;
}

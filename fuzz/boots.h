/* What the fuzz targets that boot the core share. */
#ifndef BOOTS_H
#define BOOTS_H

#include <core/state.h>
#include <string.h>

/* The state of a kernel that was never booted, without touching megabytes each time: what
 * comes after the slots says nothing while they are free. */
static inline void core_forget(void)
{
	uint32_t fresh = core.cap_fresh < CAP_SLOTS ? core.cap_fresh + 1 : CAP_SLOTS;

	memset(core.caps, 0, fresh * sizeof(core.caps[0]));
	memset(core.cap_bindings, 0, fresh * sizeof(core.cap_bindings[0]));
	memset(core.cap_asked, 0, fresh * sizeof(core.cap_asked[0]));
	memset(core.funds_awaited, 0, fresh * sizeof(core.funds_awaited[0]));
	memset(core.due_place, 0, fresh * sizeof(core.due_place[0]));
	memset(core.timer_place, 0, sizeof(core.timer_place));
	memset(&core.cpus[0], 0, sizeof(core.cpus[0]));
	memset(&core, 0, offsetof(struct core, cap_bindings));
}

#endif

/*
 * All kernel globals: one struct, one instance.
 * One CPU runs in the kernel at a time (docs/locking.md); what each CPU counts
 * and records for itself is already its own.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <core/audit.h>
#include <core/cap.h>
#include <core/frame.h>
#include <core/quantum.h>
#include <core/sha256.h>
#include <core/zone.h>
#include <hal/hal.h>

#define CORE_CPU_MAX 8

/* What one CPU counts and records; summed by exo_stats_read(). */
struct cpu_state {
	uint64_t transitions, calls, syscalls, faults, exceptions, preemptions, refusals;
	exo_cap_t validated[CAP_VALIDATED]; /* cap_tag.c, by slot */
	struct quantum quantum;
	struct audit audit;
};

struct core {
	const struct hal_boot_info *info;
	uint64_t ns_per_cycle; /* of hal_cycles(), times 2^32 */
	struct zone *libos; /* the first LibOS; device events go to it */

	/* frame.h */
	struct frame *frames; /* one per frame of the extent */
	uint64_t frames_funded;

	/* zone.h */
	struct zone *zones[ZONE_MAX]; /* by number; [0] is never used */
	uint32_t zone_count;
	uint32_t zone_hint; /* where the search for a free number starts */
	uint64_t context_count, context_serial, zone_serial;

	/* event.h: zones with an armed timer, earliest first */
	struct zone *timers;

	/* reap.h: work that calls have left behind */
	cap_slot_t revoking;  /* queue of capabilities whose subtree is going */
	struct zone *dying;   /* queue of zones that are going */

	/* cap.h */
	struct hmac_key tag_key, seal_key;
	uint8_t boot_id[16]; /* public: tells this boot's seals from others' */
	_Atomic uint64_t cap_free; /* pops << 16 | first free slot */
	_Atomic uint32_t cap_fresh; /* slots from here on were never used */
	_Atomic uint32_t caps_used;
	struct binding *cap_bindings[CAP_SLOTS]; /* by slot: what it is used for */
	struct cap caps[CAP_SLOTS];
	struct cap_tag cap_tags[CAP_SLOTS];
	uint64_t cap_seals_used[CAP_SLOTS]; /* seal.h; meaningless while seal_last is 0 */

	struct cpu_state cpus[CORE_CPU_MAX];
};

extern struct core core;

static inline struct cpu_state *cpu_this(void)
{
	return &core.cpus[hal_cpu_id()];
}

/* In two parts, so that neither a long stay nor a fast counter overflows. */
static inline uint64_t cycles_to_ns(uint64_t cycles)
{
	return (cycles >> 32) * core.ns_per_cycle + ((cycles & UINT32_MAX) * core.ns_per_cycle >> 32);
}

#endif

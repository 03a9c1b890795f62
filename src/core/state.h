/*
 * All kernel globals: one struct, one instance. What is not marked CORE_GUARDED is
 * either written at boot only, or atomic, or a CPU's own (docs/locking.md).
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <core/audit.h>
#include <core/cap.h>
#include <core/cpu.h>
#include <core/disk.h>
#include <core/due.h>
#include <core/frame.h>
#include <core/lock.h>
#include <core/quantum.h>
#include <core/reap.h>
#include <sha256/sha256.h>
#include <core/zone.h>
#include <hal/hal.h>

#define CORE_CPU_MAX 8

/* What one CPU counts and records; summed by exo_stats_read(). */
struct cpu_state {
	_Atomic uint64_t calls; /* written by this CPU only, also without the lock */
	uint64_t transitions CORE_GUARDED, syscalls CORE_GUARDED, faults CORE_GUARDED;
	uint64_t exceptions CORE_GUARDED, preemptions CORE_GUARDED, refusals CORE_GUARDED;
	exo_cap_t validated[CAP_VALIDATED]; /* cap_tag.c, by slot; for this CPU only */
	struct cpu_place place CORE_GUARDED;
	struct context *calling CORE_GUARDED; /* that somebody runs, and makes the call that is served; NULL: a LibOS does */
	struct quantum quantum CORE_GUARDED; /* others may bind and release slots of it */
	struct audit audit CORE_GUARDED;
};

struct core {
	struct lock lock;
	const struct hal_boot_info *info;
	uint64_t ns_per_cycle; /* of hal_cycles(), times 2^32 */
	struct zone *libos; /* the first LibOS; device events go to it */

	/* frame.h */
	struct frame *frames; /* one per frame of the extent */
	uint64_t frames_funded CORE_GUARDED;
	uint64_t frames_memory; /* of the extent, without holes */
	uint32_t device_maps CORE_GUARDED; /* pages of device registers that are mapped */

	/* zone.h */
	struct zone *zones[ZONE_MAX] CORE_GUARDED; /* by number; [0] is never used */
	uint32_t zone_count CORE_GUARDED;
	uint32_t zone_hint CORE_GUARDED; /* where the search for a free number starts */
	uint64_t context_count CORE_GUARDED, object_serial CORE_GUARDED, zone_serial CORE_GUARDED;

	/* audit.h: the zone whose refusal is read next, of a ring of zones with unread ones; NULL: there are none */
	struct zone *refused CORE_GUARDED;
	uint64_t refusals_dropped CORE_GUARDED;
	struct exo_audit_record refusals[AUDIT_REFUSALS_LAST] CORE_GUARDED; /* of the first LibOS */

	/* due.h: zones with an armed timer, and capabilities with a deadline */
	struct due_heap timers CORE_GUARDED, due CORE_GUARDED;
	uint64_t events_raised CORE_GUARDED;

	/* irq.h: by line, where its interrupts go; kind BINDING_NONE: nowhere */
	struct binding irqs[HAL_IRQ_LINES] CORE_GUARDED;
	struct transfer transfers[HAL_TRANSFERS] CORE_GUARDED; /* disk.h: by the number that the HAL knows them by */

	/* reap.h: work that calls have left behind */
	cap_slot_t revoking CORE_GUARDED, revoking_last CORE_GUARDED; /* queue of capabilities whose subtree is going */
	uint64_t revocations CORE_GUARDED; /* that were not finished by the call that began them */
	struct zone *dying CORE_GUARDED, *dying_last CORE_GUARDED;    /* queue of zones that are going */
	uint32_t dying_count CORE_GUARDED;
	uint64_t reap_at CORE_GUARDED; /* when others than who caused it next do some of it */
	_Atomic uint32_t backlog; /* entries of both queues, BACKLOG_* (reap.h) */
	bool due_ready CORE_GUARDED;      /* due.h: a deadline has passed */

	uint32_t ask_count CORE_GUARDED; /* capabilities with an ask */

	/* cap.h */
	struct hmac_key tag_key, seal_key;
	uint8_t boot_id[16]; /* public: tells this boot's seals from others' */
	cap_slot_t cap_free CORE_GUARDED; /* the first free slot */
	uint32_t cap_fresh CORE_GUARDED; /* slots from here on were never used */
	uint32_t caps_used CORE_GUARDED;
	struct binding *cap_bindings[CAP_SLOTS] CORE_GUARDED; /* by slot: what it is used for */
	_Alignas(64) struct cap caps[CAP_SLOTS];
	struct cap_tag cap_tags[CAP_SLOTS];
	uint64_t cap_seals_used[CAP_SLOTS] CORE_GUARDED; /* seal.h; meaningless while seal_last is 0 */
	uint64_t cap_asked[CAP_SLOTS] CORE_GUARDED; /* ask.h: until when; 0: what is derived from it is not asked for */
	cap_slot_t revoke_prev[CAP_SLOTS] CORE_GUARDED; /* in the queue of revocations, by slot */
	uint16_t funds_awaited[CAP_SLOTS] CORE_GUARDED; /* by slot: bindings to funds of zones on their way out */
	uint16_t due_order[CAP_SLOTS] CORE_GUARDED, due_place[CAP_SLOTS] CORE_GUARDED; /* of `due` */
	uint16_t timer_order[ZONE_MAX] CORE_GUARDED, timer_place[ZONE_MAX] CORE_GUARDED; /* of `timers` */

	struct cpu_state cpus[CORE_CPU_MAX];
};

extern struct core core;

/* Takes the lock; waits for whoever came before. Not twice by one CPU: with several, that panics. No lock
 * is held across hal_ctx_enter() and hal_idle(). Nothing in an interrupt or signal handler may take it. */
GUARD_ACQUIRES(core_lock) GUARD_UNCHECKED static inline void core_lock_take(void)
{
	if (core.lock.several)
		core_lock_wait();
}

/* Gives it to the next. What was written before is seen by whoever takes it after. */
GUARD_RELEASES(core_lock) GUARD_UNCHECKED static inline void core_lock_give(void)
{
	if (core.lock.several)
		core_lock_pass();
}

/* Is a revocation unfinished, or a zone on its way out? With or without the lock: without it, work that begins
 * now may be missed. */
static inline bool reap_is_needed(void)
{
	return (atomic_load_explicit(&core.backlog, memory_order_acquire) & BACKLOG_COUNT) != 0;
}

/* Has the reaper anything to do? Likewise. */
static inline bool reap_has_work(void)
{
	return atomic_load_explicit(&core.backlog, memory_order_acquire) != 0;
}

/* With one CPU the HAL is not asked: every look-up of a capability comes this way. */
static inline struct cpu_state *cpu_this(void)
{
	return &core.cpus[core.lock.several ? hal_cpu_id() : 0];
}

/* In two parts, so that neither a long stay nor a fast counter overflows. */
static inline uint64_t cycles_to_ns(uint64_t cycles)
{
	return (cycles >> 32) * core.ns_per_cycle + ((cycles & UINT32_MAX) * core.ns_per_cycle >> 32);
}

/* ---- cap.h: short ways between slots, capabilities and names -------------- */

static inline cap_slot_t cap_slot(const struct cap *cap)
{
	return (cap_slot_t)(cap - core.caps);
}

static inline struct cap *cap_at(cap_slot_t slot)
{
	return &core.caps[slot];
}

static inline exo_cap_t cap_name(const struct cap *cap)
{
	return cap_name_of_state(atomic_load_explicit(&cap->state, memory_order_relaxed), cap_slot(cap));
}

/* The name that the slot's next capability will have. */
static inline exo_cap_t cap_name_next(cap_slot_t slot)
{
	uint64_t state = atomic_load_explicit(&cap_at(slot)->state, memory_order_relaxed);

	return cap_name_of_state(state + (UINT64_C(1) << CAP_GEN_SHIFT), slot);
}

/* ---- frame.h: the record of a frame, which must be inside the extent ----------- */

static inline struct frame *frame_at(exo_frame_t frame)
{
	return &core.frames[frame - core.info->first_frame];
}

/* Is it memory inside? */
static inline bool frame_is_ours(exo_frame_t frame)
{
	return frame - core.info->first_frame < core.info->frame_count && frame_at(frame)->fund != FRAME_HOLE;
}

/* Device registers are not ours. Nobody asks how often each is mapped. */
CORE_LOCKED static inline uint32_t *frame_maps(exo_frame_t frame)
{
	return frame_is_ours(frame) ? &frame_at(frame)->maps : &core.device_maps;
}

CORE_LOCKED static inline void frame_use(exo_frame_t frame)
{
	++*frame_maps(frame);
}

CORE_LOCKED static inline void frame_unuse(exo_frame_t frame)
{
	--*frame_maps(frame);
}

#endif

/*
 * Zones: number, fund, space, bindings, contexts, counters.
 *
 * Everything that a zone costs the kernel lives in frames of its fund: the
 * zone itself, its page tables, contexts and bindings. So a zone can exhaust
 * only itself.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include <core/audit.h>
#include <core/bind.h>
#include <core/cap.h>
#include <core/context.h>
#include <core/port.h>
#include <core/slab.h>
#include <hal/hal.h>

#define ZONE_MAX UINT32_C(4096)
#define ZONE_LIBOS_NUMBER 1

/* Zones are made below zones, so deep at most. */
#define ZONE_DEPTH_MAX 8

struct zone {
	uint32_t number;
	uint32_t kind;    /* EXO_ZONE_* */
	uint64_t serial;  /* numbers come back, serials do not */
	bool dead;        /* broke its machine: only destroying is left */
	bool dying;       /* in the reaper's queue */
	bool stopped;     /* dying, and its space is never entered again */
	bool stripped;    /* … and is destroyed already */
	uint16_t running; /* pins of its contexts (context_pin()) */
	char name[16];

	/* Below which zone it was made, and what was made below it: they go together. */
	struct zone *parent, *child, *next, *prev;
	uint32_t depth;
	struct exo_quota quotas[EXO_QUOTA_COUNT]; /* its shares of tables */
	uint64_t gifts;           /* capabilities that it takes from whoever only names it */

	struct hal_space space;
	struct hal_pool pool;     /* free frames of its fund */
	uint64_t fund_total;      /* all frames of its fund */
	exo_frame_t frame;        /* the one this struct is in */
	struct slab binding_slab, context_slab, port_slab;

	cap_slot_t caps_owned;    /* ring: capabilities it owns */
	cap_slot_t caps_naming;   /* ring: capabilities that name it */

	cap_slot_t telling, tell_next; /* ask.h: of which capability's holders it tells, and who is next; CAP_NIL: of none */
	cap_slot_t port_caps;     /* ring: capabilities that name a port of its fund */
	struct context *contexts;
	uint32_t context_count;

	struct bindings bindings; /* what is mapped under which capability */
	uint64_t mapped_pages;
	struct binding answers;   /* the answer page, if bound */
	struct binding funds[ZONE_FUNDS_MAX]; /* capabilities that it lives from */
	uint32_t program_count;
	struct exo_bpf_insn program[EXO_ANSWER_PROGRAM_MAX]; /* bpf_check() has accepted it */

	struct taken *taken;      /* ask.h; NULL: nothing was taken yet */
	uint64_t taken_lost;      /* records that nobody could read */
	uint32_t taken_sequence;

	uint64_t pending;         /* EXO_PEND_*, not yet taken */
	bool untold;              /* …and something of it came since exo_run() last said so */
	uint64_t irq_lines;       /* interrupts that came, not yet taken */
	uint64_t timer_at;        /* UINT64_MAX: off */
	struct zone *reap_next, *reap_prev;

	struct refusals refusals; /* audit.h */
	struct exo_audit_record refused[AUDIT_REFUSALS]; /* its records */

	uint64_t transitions, calls, syscalls, faults, cycles;
	_Atomic uint64_t looks;   /* calls that were served without the core lock; not in `calls` */
};

_Static_assert(sizeof(struct zone) <= EXO_FRAME_SIZE, "lives in one frame");

/* Frames that a new zone needs at least: itself and its space. */
#define ZONE_FRAMES_MIN (1 + HAL_SPACE_INIT_COST)

/* It runs no more: dead or on its way out, or something that it was made below is on its way out. */
static inline bool zone_is_gone(const struct zone *zone)
{
	if (zone->dead)
		return true;
	for (; zone; zone = zone->parent)
		if (zone->dying)
			return true;
	return false;
}

/* May it use so many more of a table (EXO_QUOTA_*), or give them away? */
static inline bool zone_has_room(const struct zone *zone, uint32_t table, uint64_t count)
{
	const struct exo_quota *quota = &zone->quotas[table];

	return count <= quota->limit - quota->used - quota->given;
}

/* Sets its share. Checked by the caller: its parent has room, and the zone does not use more. */
CORE_LOCKED void zone_quota_set(struct zone *zone, uint32_t table, uint32_t limit);

/* Marks it dead, with an audit record; the zone that it was made below hears of it. */
CORE_LOCKED void zone_kill(struct zone *zone);

/* A free number. There is one if some zone has room in EXO_QUOTA_ZONES. */
CORE_LOCKED uint32_t zone_number_find(void);

/*
 * Makes a zone in the first of its frames and puts it in the table; the rest
 * becomes its pool. The caller has checked that the frames are plain memory,
 * unused, and at least ZONE_FRAMES_MIN, and initialises space and kind-specific parts.
 * parent: what it is made below, less deep than ZONE_DEPTH_MAX, with room for its number and first slots; NULL for the
 * first, which has all of every table.
 */
CORE_LOCKED struct zone *zone_new(uint32_t number, uint32_t kind, struct zone *parent, exo_frame_t first,
                                  uint64_t count);

/* Puts frames into the fund. Checked by the caller likewise. */
CORE_LOCKED void zone_fund_add(struct zone *zone, exo_frame_t first, uint64_t count);

/* Takes frames out of the pool and makes them plain memory
 * again; true when only the zone's own frame is left. */
CORE_LOCKED bool zone_fund_release(struct zone *zone, struct work *work);

/* Last step of a zone's end: its number and its own frame become free. */
CORE_LOCKED void zone_free(struct zone *zone);

CORE_LOCKED void zone_describe(const struct zone *zone, struct exo_zone_info *info);

#endif

/*
 * Secure bindings: under which capability a zone's pages, context pages, answer
 * page, kernel memory, interrupts and quantum slots are held. Authority is checked when the
 * binding is made, never at access.
 *
 * Mappings are recorded as intervals of the space: every page that is mapped in
 * [first, end) was mapped under that one capability. Intervals of a zone do not
 * overlap (interval.h); mapping next to an interval of the same capability extends
 * it, across the hole between them, so a process that maps all its memory under one
 * capability has one record. An interval's first page is always mapped: one
 * that holds no page does not exist.
 */
#ifndef CORE_BIND_H
#define CORE_BIND_H

#include <core/cap.h>
#include <core/work.h>
#include <tree/tree.h>

enum binding_kind {
	BINDING_NONE,
	BINDING_PAGES,   /* an interval */
	BINDING_CONTEXT, /* a context page; part of struct context */
	BINDING_ANSWERS, /* the answer page; part of struct zone */
	BINDING_IRQ,     /* an interrupt line; part of struct core */
	BINDING_FUND,    /* frames of its fund; part of struct zone */
	BINDING_QUANTUM, /* a quantum slot; part of struct quantum_slot, one for each of its capabilities */
	BINDING_DISK,    /* blocks or frames of a transfer; part of struct transfer, one for each of its capabilities */
	BINDING_PORT,    /* a notification or endpoint; part of struct port, likewise */
};

struct binding {
	union {
		struct interval interval; /* of the zone, if it has pages */
		struct {
			struct interval *left, *right;
			uint64_t first, end; /* addresses; frames; blocks; for an interrupt the line, and that + 1; for slots the
			                      * number twice, for ports the address; else 0 */
		};
	};
	struct binding *cap_next, *cap_prev; /* all bindings of the capability */
	struct zone *zone;
	cap_slot_t slot;
	uint8_t kind;
};

/* A capability under which a zone has intervals: by its slot, in a tree of the zone. */
struct use {
	struct interval interval;
	uint64_t count; /* of intervals */
};

struct bindings {
	struct interval *root;
	uint64_t count;
	struct interval *uses;
	uint64_t sound, sound_next; /* bindings_revoked(): of core.revocations; that of the look that goes on */
	uint32_t look_at;           /* the slot where it goes on */
};

/* True if more than `most` intervals of [first, end) are of another capability. */
CORE_LOCKED bool bind_others(const struct zone *zone, cap_slot_t slot, exo_vaddr_t first, exo_vaddr_t end, uint32_t most);

/* So many one bind_pages() may find where it maps; if there are more, what is there has to be unmapped before. */
#define BIND_CUTS 16

/*
 * Maps `count` pages under `cap` and records it; whatever was mapped there is
 * replaced. Cannot fail: the caller has checked range, rights, bind_others(), room for BIND_RECORDS in the zone's
 * binding_slab and hal_space_cost(). prot as for hal_space_map().
 */
#define BIND_RECORDS 3
CORE_LOCKED void bind_pages(struct zone *zone, struct cap *cap, exo_vaddr_t vaddr, exo_frame_t frame,
                            uint64_t count, uint32_t prot, struct work *work);

/* Unmaps [first, end), whoever mapped it; false: more is left. */
CORE_LOCKED bool unbind_pages(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, struct work *work);

/* Undoes all that `cap` was used for; true when done. Adds the pages (mapped, context and answer pages) to *undone. */
CORE_LOCKED bool unbind_cap(struct cap *cap, struct work *work, uint64_t *undone);

/* When the first capability expires by which the context, or its zone, has anything. */
CORE_LOCKED uint64_t bindings_deadline(const struct context *context);

/* Undoes what the context and its zone have by capabilities that have expired; true when done. */
CORE_LOCKED bool unbind_expired(struct context *context, struct work *work);

/* Undoes what a dying zone has, whose space is stopped; true when done, and no transfer of it is under way. */
CORE_LOCKED bool unbind_zone(struct zone *zone, struct work *work);

/* Binds frames: a context or answer page, or those of a transfer. `binding` is the caller's. */
CORE_LOCKED void bind_frames(struct binding *binding, enum binding_kind kind, struct zone *zone, struct cap *cap,
                             exo_frame_t first, uint64_t count);
CORE_LOCKED void unbind_frames(struct binding *binding);

/* Sends interrupts of `line`, which is not bound, to the zone, and unmasks it; and undoes that. */
CORE_LOCKED void bind_irq(uint32_t line, struct zone *zone, struct cap *cap);
CORE_LOCKED void unbind_irq(struct binding *binding);
/* Binds what the binding is a part of to a capability; first and end mean something to that only. */
CORE_LOCKED void bind_plain(struct binding *binding, enum binding_kind kind, struct zone *zone, struct cap *cap,
                            uint64_t first, uint64_t end);
CORE_LOCKED void unbind_plain(struct binding *binding);

/* What is bound to a capability that goes is bound to its parent from now on; false: it has none. */
CORE_LOCKED bool bind_climb(struct binding *binding);

/* The capability is no longer good, though nobody may have cleared the binding away yet. */
CORE_LOCKED bool binding_is_stale(const struct binding *binding);

/* A zone lives from memory of at most so many capabilities. */
#define ZONE_FUNDS_MAX 4

/* False: the zone has memory of too many other capabilities already. */
CORE_LOCKED bool bind_fund_room(const struct zone *zone, const struct cap *cap);

/*
 * Records that frames of `cap` are in the zone's fund. When the capability goes the zone
 * must go, and until its last frame is free the record climbs to the capability's parent, so
 * that whoever takes memory back can tell when it is back (core.funds_awaited).
 */
CORE_LOCKED void bind_fund(struct zone *zone, struct cap *cap);

/* Forgets them: the zone has no fund any more. */
CORE_LOCKED void unbind_funds(struct zone *zone);

/* The zone is on its way out from now on. */
CORE_LOCKED void unbind_funds_await(const struct zone *zone);

/* One by which the context or its zone has anything and that is being revoked; NULL: none. Looks only if a revocation has
 * begun since it found none, and bounded: a zone with pages under very many is looked through at several entries. */
CORE_LOCKED struct cap *bindings_revoked(const struct context *context);

#endif

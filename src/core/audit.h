/*
 * The audit rings. Routine records are in a ring of each CPU. Refusals are in rings of the zones that were refused, so that
 * neither routine nor another zone pushes them out: a zone can lose its own only. What is unread when a zone ends goes to the
 * zone that it was made below, as far as there is room. Each ring numbers its records; when it is full the oldest goes, counted as dropped.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include <core/lock.h>
#include <exo/abi.h>

struct zone;

#define AUDIT_ROUTINE       1024 /* records; powers of two */
#define AUDIT_REFUSALS      32   /* of a zone, in its own frame */
#define AUDIT_REFUSALS_LAST 256  /* of the first LibOS: all that is unread comes to it in the end */

struct audit {
	uint32_t head, tail; /* next to write, next to read */
	uint64_t dropped;
	struct exo_audit_record routine[AUDIT_ROUTINE];
};

struct refusals {
	uint32_t head, tail;         /* likewise */
	uint32_t size;
	uint32_t sequence;           /* of the zone's next refusal: what it inherits keeps its number */
	struct zone *next, *prev;    /* ring of zones with unread ones (core.refused) */
	struct exo_audit_record *records;
};

/* Adds a routine record to this CPU's ring. what: EXO_AUDIT_*. */
void audit_add(struct audit *audit, uint16_t what, uint32_t zone, uint16_t call, exo_cap_t cap,
               enum exo_status status, uint64_t time_ns);

/* Adds a refusal of the zone. */
CORE_LOCKED void audit_refuse(struct zone *zone, uint16_t call, exo_cap_t cap, enum exo_status status, uint64_t time_ns);

/* The zone ends: what is unread goes to its parent. */
CORE_LOCKED void audit_bequeath(struct zone *zone);

/* The next record to be read, or NULL: refusals first, of one zone after the other, then routine; and forgetting it. */
CORE_LOCKED const struct exo_audit_record *audit_peek(void);
CORE_LOCKED void audit_pop(void);

#endif

/*
 * The audit rings of one CPU: routine records in one, refusals in another, so
 * that no amount of routine pushes out the record of a refusal. Each ring
 * numbers its records; when it is full the oldest goes, counted as dropped.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include <exo/abi.h>

struct zone;

#define AUDIT_ROUTINE  1024 /* records; powers of two */
#define AUDIT_REFUSALS 256

struct audit {
	uint32_t routine_head, routine_tail; /* next to write, next to read */
	uint32_t refusal_head, refusal_tail;
	uint64_t dropped;
	struct exo_audit_record routine[AUDIT_ROUTINE];
	struct exo_audit_record refusals[AUDIT_REFUSALS];
};

/* Adds a routine record to this CPU's ring. what: EXO_AUDIT_*. */
void audit_add(struct audit *audit, uint16_t what, uint32_t zone, uint16_t call, exo_cap_t cap,
               enum exo_status status, uint64_t time_ns);

/* Adds a refusal. */
void audit_refuse(struct audit *audit, uint32_t zone, uint16_t call, exo_cap_t cap,
                  enum exo_status status, uint64_t time_ns);

/* The oldest record, refusals first, or NULL; and forgetting it. */
const struct exo_audit_record *audit_peek(const struct audit *audit);
void audit_pop(struct audit *audit);

#endif

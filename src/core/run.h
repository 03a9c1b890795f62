/*
 * Zone transitions.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <core/context.h>

/* One exo_run(): what was shown, and how long it may last. */
struct run {
	struct context *context;
	struct cap *cap, *cpu;
	exo_cap_t name, cpu_name; /* as looked up: a capability that went since no longer matches */
	uint64_t start_ns;
	uint64_t deadline;
};

/*
 * Enters the context and comes back; the only place where the kernel changes
 * zones. Four steps: valid capability, permission, state, audit record.
 * E_REVOKED, E_EXPIRED, E_DEAD, E_AGAIN (a revocation is still taking things from the zone):
 * it was not entered. `trap`: why it stopped.
 */
CORE_LOCKED EXO_MUST_USE enum exo_status zone_transition(const struct run *run, struct hal_trap *trap);

#endif

/*
 * Zone transitions.
 */
#ifndef CORE_RUN_H
#define CORE_RUN_H

#include <core/context.h>

/* One exo_run(), or one turn of a quantum slot: what was shown, and how long it may last. */
struct run {
	struct context *context; /* that is entered */
	struct context *base;    /* that was asked for; another one when that one has called it (fastipc.h) */
	struct zone *runner; /* who hears why it stopped */
	struct cap *cap, *cpu;
	exo_cap_t name, cpu_name; /* as looked up: a capability that went since no longer matches */
	uint64_t start_ns;
	uint64_t deadline;
	uint64_t bound; /* bindings_deadline() of `context` */
};

/*
 * Enters the context, which is pinned, and comes back; the only place where the kernel changes
 * zones. Four steps: valid capability, permission, state, audit record.
 * E_REVOKED, E_EXPIRED, E_DEAD, E_AGAIN (a revocation is still taking things from the zone):
 * it was not entered. `trap`: why it stopped.
 */
CORE_LOCKED EXO_MUST_USE enum exo_status zone_transition(const struct run *run, struct hal_trap *trap);

/* When it must stop, and sets run->bound: `quantum` ns after its start, and not after the end of the turn, or of a capability
 * that it lives from. */
CORE_LOCKED uint64_t run_deadline(struct run *run, uint64_t quantum);

/* Serves the kernel call that the context, which is pinned, stopped with; its zone is the caller. The answer is not yet given. */
CORE_LOCKED struct exo_result run_call(struct context *context, const struct hal_trap *trap);

/* Tells whoever owns the context, in its page, why it stopped. */
CORE_LOCKED enum exo_event run_event_store(const struct context *context, const struct hal_trap *trap);

#endif

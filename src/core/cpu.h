/*
 * CPUs that are out of the core: in a context, or idle. What happens in the core meanwhile
 * may concern them; then they are kicked, come back, and look at everything again.
 */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include <core/cap.h>
#include <core/context.h>
#include <core/run.h>

/* Where a CPU is. Written by itself, with the core lock; read by others, with the lock. */
struct cpu_place {
	const struct run *run; /* what it has entered; NULL: it is in the core, or idle */
	bool idle;
	bool kicked;           /* since it last looked */
};

/* Enters the run's context, as hal_ctx_enter(): the core lock is given up in between. */
CORE_LOCKED void cpu_enter(const struct run *run, struct hal_trap *trap);

/* Idles, as hal_idle(): the core lock is given up in between, so whoever waits for it has it before this comes back. */
CORE_LOCKED void cpu_idle(uint64_t until_ns);

/* True once after a kick: if the context stopped for nothing else, it may be entered again. */
CORE_LOCKED bool cpu_take_kick(void);

/*
 * True if another CPU is in a context that has to do with `what`: the context itself, its zone, the zone that has entered
 * it, a capability by which it was entered (they have different addresses); NULL: in any. They are told to come back and look again; the caller cannot
 * wait for that with the lock held, so it ends with E_AGAIN, and leaves everything in a state in which the context is
 * not entered again.
 */
CORE_LOCKED bool cpus_leave(const void *what);

/* Other CPUs that the zone has sent away, or that are idle, come back: something is pending. */
CORE_LOCKED void cpus_notify(const struct zone *zone);

#endif

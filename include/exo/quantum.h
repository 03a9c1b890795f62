/*
 * The quantum vector: each CPU's time is a vector of slots. A CPU capability is an
 * extent of slots, numbered through over all CPUs. What is bound to a slot is the main context of
 * a LibOS zone; the kernel gives each slot that is ready one turn per round, higher priority first.
 *
 * Slot 0 of each CPU is the first LibOS's.
 */
#ifndef EXO_QUANTUM_H
#define EXO_QUANTUM_H

#include <exo/types.h>

#define EXO_QUANTUM_SLOTS UINT64_C(64)
#define EXO_QUANTUM_SLOT(cpu, slot) ((uint64_t)(cpu) * EXO_QUANTUM_SLOTS + (slot))

/* A turn's length may be at most this, as cycles at exo_boot.cycles_per_ms. */
#define EXO_QUANTUM_NS_MAX UINT64_C(20000000)
/* After the notice a turn goes on for at most so long, then the CPU is taken. */
#define EXO_QUANTUM_OVERRUN_NS UINT64_C(100000)

/* What is bound to a slot. */
struct cpu_quantum {
	uint64_t cycles;   /* at most so many a turn; what one takes beyond that comes off the next ones */
	uint32_t priority; /* higher: earlier in each round */
	uint32_t reserved; /* 0 */
	exo_cap_t cpu_cap; /* exo_quantum_bind(): the capability that is shown, or EXO_CAP_NONE;
	                    * exo_quantum_info(): the one it is bound under */
};

/* exo_quantum_info() */
struct exo_quantum_info {
	struct cpu_quantum quantum;
	uint32_t zone;     /* number; 0: nothing is bound */
	uint32_t flags;    /* EXO_QUANTUM_* */
	uint64_t turns;
	uint64_t used;     /* cycles, in all turns */
	uint64_t notices;  /* turns whose end had to be announced */
	uint64_t overruns; /* turns that were ended by force */
};
#define EXO_QUANTUM_WAITING UINT32_C(1) /* in exo_wait(), and nothing has come */

#endif

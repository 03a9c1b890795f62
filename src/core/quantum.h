/*
 * The quantum vector of each CPU (exo/quantum.h): which slot has which context, whose
 * turn it is, and what each has used.
 *
 * Slot 0 of each CPU is the first LibOS's: its turn is whatever the CPU does in core_call()
 * while `current` is 0. The others have their turns inside of that: when the first LibOS's turn is over
 * (at its exo_run(), or when it is interrupted), when it waits, and on a CPU that has nothing else. In a round each slot that is ready
 * has one turn, so priority decides about order, not about share, and nobody starves. What a turn takes beyond its length
 * comes off the slot's next ones; the first LibOS's, too.
 */
#ifndef CORE_QUANTUM_H
#define CORE_QUANTUM_H

#include <core/bind.h>
#include <exo/quantum.h>

/* How long the first LibOS computes before the others have a round. */
#define QUANTUM_FIRST_NS UINT64_C(10000000)

/* What one turn can owe: more than the time after a notice and the longest call. Beyond that, the machine was late. */
#define QUANTUM_DEBT_NS UINT64_C(1000000)

struct quantum_slot {
	struct context *context;    /* NULL: free */
	struct binding by_cpu, by_context; /* the capabilities it is bound under */
	uint64_t ns;                /* length of a turn */
	uint64_t cycles;            /* the same, as asked for */
	uint32_t priority;
	uint64_t next;              /* first round in which it has a turn again */
	uint64_t debt;              /* by so much that one is shorter, ns */
	bool waiting;               /* in exo_wait(): no answer was given yet */
	bool inner;                 /* its LibOS is in exo_run() */
	bool noticed;               /* this turn's end was announced */
	uint64_t until;             /* waiting: when it is ready at the latest */
	uint64_t turns, used, notices, overruns;
};

struct quantum {
	/* Of the turn that goes on, ns; UINT64_MAX: nobody else is bound. Read without the lock (core_turn_end()). */
	_Atomic uint64_t turn_end;
	uint32_t bound;     /* slots with a context */
	uint32_t current;   /* slot whose turn it is; 0: the first LibOS's, or nobody's */
	uint64_t round;
	struct quantum_slot slots[EXO_QUANTUM_SLOTS];
};

/* The slot whose time the caller may spend now, as a number over all CPUs; false: none, because it is no LibOS, is
 * not the main context of the slot, or is in exo_run() already. */
CORE_LOCKED bool quantum_is_mine(const struct zone *caller, uint64_t *slot);

/* Its turn is over and somebody else is bound: the first LibOS only. */
static inline bool quantum_is_over(const struct quantum *vector, uint64_t now)
{
	return now >= vector->turn_end && vector->current == 0;
}

/* Gives every other ready slot one turn; then the first LibOS's turn begins anew. */
CORE_LOCKED void quantum_round(struct quantum *vector);

/* Gives one turn to whoever is next; false: nobody is ready. */
CORE_LOCKED bool quantum_turn(struct quantum *vector);

/* When a slot that waits wants to be looked at again; UINT64_MAX: never. */
CORE_LOCKED uint64_t quantum_next(const struct quantum *vector);

/* Nobody is ready: does some of what calls have left behind, or idles till `until`, or till somebody may be ready. */
CORE_LOCKED void quantum_idle(const struct quantum *vector, uint64_t until);

/* exo_wait() in a slot: true if the turn is given away, and the answer comes with the next turn. */
CORE_LOCKED bool quantum_wait(uint64_t slot, uint64_t until);

/* Binds; everything is checked. slot: over all CPUs. */
CORE_LOCKED void quantum_bind(uint64_t slot, struct context *context, struct cap *cap, struct cap *cpu,
                  const struct cpu_quantum *quantum, uint64_t ns);

/* Frees the slot. If its turn goes on, that ends at its next stop. */
CORE_LOCKED void quantum_release(struct quantum_slot *slot);

/* Nothing can be bound to it: something is, or what was still has its turn. */
CORE_LOCKED bool quantum_is_taken(uint64_t slot);

CORE_LOCKED void quantum_describe(uint64_t slot, struct exo_quantum_info *info);

struct quantum_slot *quantum_slot_at(uint64_t slot);

#endif

/*
 * The core lock: whoever changes or walks what is linked together in the core holds it.
 * One lock, first come first served (a ticket lock: T. Anderson, "The performance of
 * spin lock alternatives", 1990). docs/locking.md has the rules.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <hal/guard.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	bool several;             /* there is more than one CPU; without, nothing is ever waited for or written */
	_Atomic uint32_t next;    /* ticket of who comes next */
	_Atomic uint32_t serving; /* ticket of who holds it */
	_Atomic uint32_t holder;  /* number of the CPU that holds it, + 1; 0: nobody */
};

/*
 * The lock itself is core.lock (state.h). This name stands for it in the prototypes,
 * before struct core can be declared; the variable does not exist.
 */
struct GUARD_LOCK core_lock_name {
	int unused;
};
extern struct core_lock_name core_lock;

/* Before a prototype: its caller holds the core lock. After a field: so does who touches it. */
#define CORE_LOCKED  GUARD_REQUIRES(core_lock)
#define CORE_GUARDED GUARD_BY(core_lock)

/* Boot, before any other CPU comes: nobody holds it. */
void core_lock_init(uint32_t cpu_count);

/* What core_lock_take() and core_lock_give() (state.h) do when there are several CPUs. */
void core_lock_wait(void);
void core_lock_pass(void);

#endif

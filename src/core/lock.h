/*
 * The core lock: whoever changes or walks what is linked together in the core holds it.
 * One lock, first come first served (a ticket lock: T. Anderson, "The performance of
 * spin lock alternatives", 1990). docs/locking.md has the rules.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <hal/guard.h>
#include <stdatomic.h>
#include <stdint.h>

struct lock {
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
void core_lock_init(void);

/* Takes the lock; waits for whoever came before. Not twice by one CPU: that panics. No lock is held
 * across hal_ctx_enter() and hal_idle(). Nothing in an interrupt or signal handler may take it. */
GUARD_ACQUIRES(core_lock) void core_lock_take(void);

/* Gives it to the next. What was written before is seen by whoever takes it after. */
GUARD_RELEASES(core_lock) void core_lock_give(void);

#endif

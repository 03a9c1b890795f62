/*
 * Threads' LibOS side: one coroutine with a small stack for each program
 * thread, wait queues, and the choice who runs next.
 *
 * A thread's coroutine runs the loop "exo_run, handle what came". Where it
 * must wait it parks itself on wait queues and calls sched_sleep(), which switches
 * to another coroutine or idles. Where a program chooses how much work there is, it calls sched_worked(), which lets
 * others run when it is their turn. Nothing else gives up the CPU, so LibOS code between two of these is atomic.
 */
#ifndef LIBOS_SCHED_H
#define LIBOS_SCHED_H

#include <exo/types.h>

#include <libos/lib/list.h>

struct thread;

#define NO_DEADLINE UINT64_MAX

struct waitq {
	struct list waiters;
};

/*
 * One thread waiting on one queue, which takes it off; lives on the waiter's stack. Or, with notify, somebody who is told of
 * every wake-up and stays. notify gets the POLL* bits that the wake-up is about (0: anything), may not sleep, nor take entries off
 * the queue; true: it has somebody who will see to it, so that other exclusive ones need not.
 */
struct wait_entry {
	struct list node;
	union {
		struct thread *thread;
		void *owner; /* notify's */
	};
	bool (*notify)(struct wait_entry *entry, uint32_t events);
	bool woken, exclusive;
};

struct coroutine {
	void *stack;          /* heap block */
	void *sp;             /* saved stack pointer while parked */
	void *fiber, *fake_stack; /* sanitizers' view of it (sched/sanitize.h) */
};

/* What the threads of one user have of the CPU (share.c). */
struct sched_share {
	struct list node;           /* in sched.active while one of them waits for the CPU */
	struct list expired;        /* struct thread.run_node: their time has come, and they used little when they ran last; … */
	struct list woken;          /* … just woken, they go ahead of … */
	struct list runnable;       /* … those whose quantum was over */
	uint64_t had_ns;            /* so much they have had, what was forfeited by sleeping included */
	uint64_t preempted_turn_ns; /* when one of `runnable` last had its turn */
	uint32_t expired_turns;     /* of `expired` in a row, while some of `woken` waited */
};
#define SCHED_SHARES 64u

struct sched {
	struct sched_share shares[SCHED_SHARES];
	struct list active;         /* struct sched_share.node */
	uint64_t fair_ns;           /* the most that a share had had when it was the one with the least */
	struct list timers;         /* sorted struct timer */
	struct thread *current;     /* whose coroutine runs; NULL: the boot/idle one */
	struct coroutine idle;
	uint64_t quantum_ns;
	uint64_t idle_ns, busy_since_ns, switches;
	uint32_t runnable_count;
	uint64_t loads[3];          /* load averages, 1/65536 */
	uint64_t load_next_ns;
	uint64_t armed_ns;          /* what exo_timer_set() was last told */
	uint64_t slice_ns;          /* when the current thread got the CPU */
	uint32_t wake_depth;        /* waitq.c: wake-ups that others caused are counted in the round of these */
	uint64_t wake_round;
	uint32_t work;              /* since the clock was last looked at, see sched_worked() */
	struct thread *dead;        /* its coroutine has ended; stack and struct to be freed */
	void *spare_stacks;         /* free stacks, linked through their first word */
	uint32_t spare_count;
};

void sched_init(void);

void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct wait_entry *entry, struct thread *thread);
void waitq_add_first(struct waitq *q, struct wait_entry *entry, struct thread *thread); /* is the next to be woken */
void waitq_watch(struct waitq *q, struct wait_entry *entry); /* owner, notify and exclusive are set */
void waitq_remove(struct wait_entry *entry); /* harmless when not queued */
/* Wakes all waiters and takes them off the queue, and tells all that watch. */
void waitq_wake_all(struct waitq *q);
/* The same for a change that these POLL* bits say; of those that watch exclusively one is told that will see to it. */
void waitq_wake_events(struct waitq *q, uint32_t events);
/* Something has come for one of those who wait in `q`, of which all in `polls` are told. */
void waitq_wake_one(struct waitq *q, struct waitq *polls, uint32_t events);
/* The queue goes: wakes all, and whoever watches it does so no more. */
void waitq_abandon(struct waitq *q);
/* Wakes up to n waiters in order and takes them off the queue; returns how many. Tells nobody who watches. */
uint32_t waitq_wake(struct waitq *q, uint32_t n);

/*
 * Parks the calling thread until someone wakes it (waitq_wake*, sched_wake), the monotonic
 * deadline passes, or, when interruptible, a signal that it does not block is pending.
 * 0: woken; -ETIMEDOUT; -EINTR. Wake-ups may be spurious: callers check their condition again.
 */
int sched_sleep(struct thread *self, uint64_t deadline_ns, bool interruptible);
/* add to q, sleep, remove. The usual shape:
 *   while (!condition) { r = wait_on(self, &q, deadline, true); if (r) return r; } */
int wait_on(struct thread *self, struct waitq *q, uint64_t deadline_ns, bool interruptible);

/* Makes a parked thread runnable; harmless if it runs already. */
void sched_wake(struct thread *thread);
/* Ends the thread's sleep with -EINTR if it is interruptible and signal_is_pending(). */
void sched_interrupt(struct thread *thread);
/* Does another thread want the CPU? */
bool sched_contended(void);
/* Gives the CPU away if somebody was woken who goes first. Reads the clock. */
void sched_let_woken(struct thread *self);
/* Gives the CPU away if the quantum is over and someone wants it. Reads the clock. */
void sched_check_slice(struct thread *self);
/*
 * `units` of a work whose length a program chooses are done; one takes about as long as copying a page. Gives way to a
 * sleeper whose time has come, and to anybody when the slice is over; so it is called only where nothing is borrowed and nothing half done.
 * True: others have run, and anything may have changed.
 */
bool sched_work_check(void);
#define SCHED_WORK_UNITS 16u
static inline bool sched_worked(struct sched *s, uint32_t units)
{
	s->work += units;
	return s->work >= SCHED_WORK_UNITS && sched_work_check();
}
/* Charges the time since the last mark to the thread (user: it was in its program). */
void sched_account(struct thread *thread, uint64_t now, bool user);
/* Brings the load averages up to `now`. */
void sched_loads_update(uint64_t now);
/* Lets others run first. */
void sched_give_way(struct thread *self);
/* A new thread becomes runnable; its coroutine starts in thread_main(). 0 or -ENOMEM. */
int sched_start(struct thread *thread);
/* The calling thread's coroutine ends for ever; its stack is freed later by the scheduler. */
EXO_NORETURN void sched_exit(struct thread *self);
/* The boot stack becomes the idle loop: runs until the system halts. */
EXO_NORETURN void sched_run(void);

/* Kernel events: called by the run loop after EXO_EV_PENDING / exo_wait. */
void sched_events(uint64_t pending);

/* One-shot callbacks on monotonic time. `fire` runs on whatever coroutine is current and must not sleep. */
struct timer {
	struct list node;
	uint64_t at_ns;
	void (*fire)(struct timer *timer);
};
void sched_timer_init(struct timer *timer, void (*fire)(struct timer *));
void sched_timer_set(struct timer *timer, uint64_t at_ns); /* replaces an earlier time */
void sched_timer_cancel(struct timer *timer);
static inline bool sched_timer_is_set(const struct timer *timer) { return !list_empty(&timer->node); }
/* Fires all that are due. */
void timers_run(void);
/* The earliest time set, NO_DEADLINE if none. */
uint64_t timers_next(void);
/* Tells the kernel the earliest time, if it does not know it. Before each exo_run(). */
void timers_arm(void);

#endif

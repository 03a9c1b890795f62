/* Who is next: the queues of threads that want the CPU. Private to sched/. */
#ifndef LIBOS_SCHED_SHARE_H
#define LIBOS_SCHED_SHARE_H

#include <libos/sched/sched.h>

void shares_init(struct sched *s);
/* The thread wants the CPU: its time has come, … */
void share_add_expired(struct thread *thread);
/* … somebody woke it, … */
void share_add_woken(struct thread *thread);
/* … it had it till now, and gives way. */
void share_add_preempted(struct thread *thread, uint64_t now);
/* Takes who is next from its queue; NULL: nobody waits. */
struct thread *share_take(uint64_t now);
/* The thread's turn is over, and was so long. */
void share_charge(struct thread *thread, uint64_t spent_ns);
/*
 * Does somebody wait who should not wait for the end of self's turn? Of other users those that have had less of the CPU and were
 * woken or slept, of the same user who slept, and with `woken` who was woken.
 */
bool share_is_urgent(const struct thread *self, bool woken, uint64_t now);

#endif

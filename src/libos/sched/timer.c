/* One-shot timers: a list sorted by time, on the kernel's one timer. */
#include <exo/calls.h>

#include <libos/libos.h>

#define TIMER_OF(at) LIST_ENTRY(at, struct timer, node)

void sched_timer_init(struct timer *timer, void (*fire)(struct timer *))
{
	list_init(&timer->node);
	timer->at_ns = NO_DEADLINE;
	timer->fire = fire;
}

/* New timers are mostly later than those that wait, so the place is looked for from the end. */
void sched_timer_set(struct timer *timer, uint64_t at_ns)
{
	struct list *at;

	list_remove(&timer->node);
	timer->at_ns = at_ns;
	if (at_ns == NO_DEADLINE)
		return;
	at = libos.sched.timers.prev;
	while (at != &libos.sched.timers && TIMER_OF(at)->at_ns > at_ns)
		at = at->prev;
	list_insert_after(at, &timer->node);
}

void sched_timer_cancel(struct timer *timer)
{
	list_remove(&timer->node);
}

uint64_t timers_next(void)
{
	struct list *first = list_first(&libos.sched.timers);

	return first ? TIMER_OF(first)->at_ns : NO_DEADLINE;
}

void timers_run(void)
{
	uint64_t now;

	if (list_empty(&libos.sched.timers))
		return;
	now = libos_now();
	while (timers_next() <= now) {
		struct timer *timer = TIMER_OF(libos.sched.timers.next);

		list_remove(&timer->node);
		timer->fire(timer);
	}
}

/* A timer that was cancelled stays armed in the kernel: one spurious event is cheaper than
 * a kernel call for each sleep that ends early. */
void timers_arm(void)
{
	uint64_t next = timers_next();

	if (next >= libos.sched.armed_ns)
		return;
	if (exo_timer_set(libos.boot->timer, next, NULL) != EXO_OK)
		libos_panic("timer_set refused");
	libos.sched.armed_ns = next;
}

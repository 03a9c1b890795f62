/*
 * Giving the CPU away and getting it. Who is next is in share.c.
 *
 * There is no scheduler thread: a thread that must wait picks the next one and switches to
 * it directly, and idles on its own stack when there is none.
 */
#include <exo/calls.h>

#include <libos/abi/errno.h>
#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/libos.h>
#include <libos/sched/coroutine.h>
#include <libos/sched/share.h>

#define QUANTUM_NS    UINT64_C(10000000)
#define STACK_CANARY  UINT64_C(0x5afec0de57acf00d)
#define SPARE_STACKS  16
#define LOAD_PERIOD_NS UINT64_C(5000000000)

void sched_init(void)
{
	struct sched *s = &libos.sched;

	shares_init(s);
	list_init(&s->timers);
	waitq_init(&libos.zone_events);
	waitq_init(&libos.ipc_events);
	s->quantum_ns = QUANTUM_NS;
	s->armed_ns = NO_DEADLINE;
	s->load_next_ns = libos_now() + LOAD_PERIOD_NS;
}

/* ---- load averages ---- */

/* exp(-5 s / 1, 5, 15 min) in 1/65536, as uptime(1) has always meant them. */
static const uint64_t load_decay[3] = {60296, 64453, 65173};

void sched_loads_update(uint64_t now)
{
	struct sched *s = &libos.sched;
	uint64_t active = (uint64_t)s->runnable_count + (s->current != NULL);
	uint32_t rounds = 0;

	while (s->load_next_ns <= now && rounds++ < 1024) {
		for (int i = 0; i < 3; i++)
			s->loads[i] = (s->loads[i] * load_decay[i] + (active << 16) * (65536 - load_decay[i])) >> 16;
		s->load_next_ns += LOAD_PERIOD_NS;
	}
	if (s->load_next_ns <= now)
		s->load_next_ns = now + LOAD_PERIOD_NS;
}

static struct thread *idle_until_runnable(uint64_t *now)
{
	struct sched *s = &libos.sched;
	uint64_t start = *now;
	struct thread *next;

	s->current = NULL;
	while (!(next = share_take(*now))) {
		uint64_t pending = 0;

		sched_loads_update(*now);
		strace_idle();
		if (exo_wait(libos.boot->cpu, timers_next(), &pending) != EXO_OK)
			libos_panic("wait refused");
		sched_events(pending);
		timers_run();
		*now = libos_now();
	}
	s->idle_ns += *now - start;
	return next;
}

/* ---- stacks ---- */

static void *stack_take(void)
{
	struct sched *s = &libos.sched;
	void *stack = s->spare_stacks;

	if (stack) {
		s->spare_stacks = *(void **)stack;
		s->spare_count--;
	} else {
		stack = heap_alloc(LIBOS_STACK_SIZE);
	}
	if (stack)
		*(uint64_t *)stack = STACK_CANARY;
	return stack;
}

static void stack_give(void *stack)
{
	struct sched *s = &libos.sched;

	if (s->spare_count >= SPARE_STACKS) {
		heap_free(stack);
		return;
	}
	*(void **)stack = s->spare_stacks;
	s->spare_stacks = stack;
	s->spare_count++;
}

/* A coroutine cannot free the stack that it stands on: whoever comes next does. */
static void bury_dead(void)
{
	struct thread *dead = libos.sched.dead;

	if (!dead)
		return;
	libos.sched.dead = NULL;
	sanitize_destroy(&dead->co);
	stack_give(dead->co.stack);
	thread_free(dead);
}

static void coroutine_entry(void)
{
	struct thread *self = libos.sched.current;

	sanitize_after(&self->co);
	bury_dead();
	thread_main(self);
	libos_panic("thread %d returned", self->tid);
}

/* ---- switching ---- */

void sched_account(struct thread *thread, uint64_t now, bool user)
{
	uint64_t spent = now - thread->last_mark_ns;

	thread->last_mark_ns = now;
	if (user) {
		thread->user_ns += spent;
		thread->process->user_ns += spent;
	} else {
		thread->system_ns += spent;
		thread->process->system_ns += spent;
	}
}

static void switch_to(struct coroutine *from, struct thread *next, uint64_t now, bool ends)
{
	struct sched *s = &libos.sched;

	s->current = next;
	s->slice_ns = now;
	frames_keep(thread_leaves_reserve(next));
	next->last_mark_ns = now;
	if (from == &next->co)
		return;
	if (from->stack && *(uint64_t *)from->stack != STACK_CANARY)
		libos_panic("LibOS stack overflow");
	s->switches++;
	sanitize_before(from, &next->co, LIBOS_STACK_SIZE, ends);
	coroutine_swap(&from->sp, next->co.sp);
	sanitize_after(from);
	bury_dead();
}

static void give_up_cpu(struct thread *self, bool ends)
{
	uint64_t now = libos_now();
	struct thread *next;

	if (libos.options.audit)
		libos_report_poll();
	if (!ends)
		sched_account(self, now, !self->in_syscall);
	if (now >= libos.sched.load_next_ns)
		sched_loads_update(now);
	share_charge(self, now - libos.sched.slice_ns);
	libos.sched.work = 0;
	/* Between two long works nothing else looks at the timers. */
	if (timers_next() <= now)
		timers_run();
	next = share_take(now);
	if (!next)
		next = idle_until_runnable(&now);
	switch_to(&self->co, next, now, ends);
}

static void sleep_expired(struct timer *timer)
{
	struct thread *thread = LIST_ENTRY(timer, struct thread, sleep_timer);

	thread->timed_out = true;
	if (thread->state == THREAD_SLEEPING)
		share_add_expired(thread);
}

int sched_sleep(struct thread *self, uint64_t deadline_ns, bool interruptible)
{
	if (self->wake_pending) {
		self->wake_pending = false;
		return 0;
	}
	if (interruptible && signal_is_pending(self))
		return -EINTR;
	self->state = THREAD_SLEEPING;
	self->interruptible = interruptible;
	self->timed_out = false;
	if (deadline_ns != NO_DEADLINE) {
		self->sleep_timer.fire = sleep_expired;
		sched_timer_set(&self->sleep_timer, deadline_ns);
	}
	self->process->voluntary_switches++;
	give_up_cpu(self, false);
	if (deadline_ns != NO_DEADLINE)
		sched_timer_cancel(&self->sleep_timer);
	self->interruptible = false;
	if (self->wake_pending) {
		self->wake_pending = false;
		return 0;
	}
	if (self->timed_out)
		return -ETIMEDOUT;
	if (interruptible && signal_is_pending(self))
		return -EINTR;
	return 0;
}

void sched_wake(struct thread *thread)
{
	if (thread->state == THREAD_DEAD)
		return;
	thread->wake_pending = true;
	if (thread->state == THREAD_SLEEPING)
		share_add_woken(thread);
}

void sched_interrupt(struct thread *thread)
{
	if (thread->state == THREAD_SLEEPING && thread->interruptible && signal_is_pending(thread))
		share_add_woken(thread);
}

void sched_give_way(struct thread *self)
{
	if (!sched_contended())
		return;
	self->process->involuntary_switches++;
	share_add_preempted(self, libos_now());
	give_up_cpu(self, false);
}

bool sched_contended(void)
{
	return libos.sched.runnable_count != 0;
}

void sched_let_woken(struct thread *self)
{
	if (sched_contended() && share_is_urgent(self, true, libos_now()))
		sched_give_way(self);
}

void sched_check_slice(struct thread *self)
{
	if (libos_now() - libos.sched.slice_ns >= libos.sched.quantum_ns)
		sched_give_way(self);
}

bool sched_work_check(void)
{
	struct sched *s = &libos.sched;
	struct thread *self = s->current;
	uint64_t now;

	s->work = 0;
	if (!self)
		return false; /* at boot, and in events that come while nobody runs */
	now = libos_now();
	if (timers_next() <= now)
		timers_run();
	if (!sched_contended())
		return false;
	if (now - s->slice_ns < s->quantum_ns && !share_is_urgent(self, false, now))
		return false;
	sched_give_way(self);
	return true;
}

int sched_start(struct thread *thread)
{
	list_init(&thread->run_node);
	sched_timer_init(&thread->sleep_timer, sleep_expired);
	thread->co.stack = stack_take();
	if (!thread->co.stack)
		return -ENOMEM;
	sanitize_create(&thread->co);
	thread->co.sp = coroutine_prepare(thread->co.stack, LIBOS_STACK_SIZE, coroutine_entry);
	share_add_woken(thread);
	return 0;
}

void sched_exit(struct thread *self)
{
	self->state = THREAD_DEAD;
	sched_timer_cancel(&self->sleep_timer);
	libos.sched.dead = self;
	give_up_cpu(self, true);
	libos_panic("a dead thread runs");
}

void sched_run(void)
{
	uint64_t now = libos_now();
	struct thread *next = share_take(now);

	if (!next)
		next = idle_until_runnable(&now);
	switch_to(&libos.sched.idle, next, now, false);
	libos_panic("the boot stack runs again");
}

void sched_events(uint64_t pending)
{
	const uint64_t console = EXO_PEND_CONSOLE | EXO_PEND_RESIZE | EXO_PEND_INTR | EXO_PEND_SUSPEND | EXO_PEND_HANGUP |
	                         EXO_PEND_ROOM;

	if (pending & EXO_PEND_TIMER) {
		libos.sched.armed_ns = NO_DEADLINE;
		timers_run();
	}
	if (pending & EXO_PEND_ZONE_EVENT)
		dev_exo_events();
	if (pending & EXO_PEND_IPC)
		waitq_wake_all(&libos.ipc_events);
	if (pending & console)
		tty_console_events(pending & console);
	if (pending & EXO_PEND_SHUTDOWN)
		process_shutdown_all();
	libos_report_poll();
}

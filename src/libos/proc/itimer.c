/* Interval timers (setitimer, alarm) and CPU-time limits. */
#include <libos/proc/internal.h>

#define NS_PER_US INT64_C(1000)

struct itimerval64 {
	struct linux_timeval interval, value;
};

static void send(struct process *p, int signo)
{
	struct signal_info info = {.signo = signo, .code = SI_KERNEL};

	signal_send_process(p, &info);
}

/* ---- ITIMER_REAL ---- */

static void real_fire(struct timer *timer)
{
	send(LIST_ENTRY(timer, struct process, real_timer), SIGALRM);
}

/* The next interval begins when the signal is delivered: so one of a nanosecond costs its own program only. */
void real_timer_delivered(struct process *p)
{
	uint64_t at = p->real_timer.at_ns, now = libos_now();

	if (sched_timer_is_set(&p->real_timer) || !p->real_interval_ns)
		return;
	if (at <= now)
		at = ns_add(at, ((now - at) / p->real_interval_ns + 1) * p->real_interval_ns);
	sched_timer_set(&p->real_timer, at);
}

static uint64_t real_left(const struct process *p)
{
	uint64_t now;

	if (!sched_timer_is_set(&p->real_timer))
		return 0;
	now = libos_now();
	return p->real_timer.at_ns > now ? p->real_timer.at_ns - now : 1;
}

static void real_set(struct process *p, uint64_t value, uint64_t interval)
{
	p->real_interval_ns = interval;
	if (value)
		sched_timer_set(&p->real_timer, ns_add(libos_now(), value));
	else
		sched_timer_cancel(&p->real_timer);
}

void itimers_stop(struct process *p)
{
	real_set(p, 0, 0);
	p->virtual_at_ns = p->prof_at_ns = 0;
	sched_timer_cancel(&p->cpu_tick);
}

/* ---- ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU: looked at when time is charged ---- */

static void cpu_timer_check(struct process *p, uint64_t *at, uint64_t interval, uint64_t spent, int signo)
{
	if (!*at || spent < *at)
		return;
	*at = interval ? ns_add(spent, interval) : 0;
	send(p, signo);
}

static void cpu_limit_check(struct process *p, uint64_t spent)
{
	const struct rlimit64 *limit = &p->limits[RLIMIT_CPU];
	uint64_t seconds = spent / (uint64_t)NS_PER_SECOND;

	if (limit->soft == UINT64_MAX)
		return;
	if (seconds >= limit->hard) {
		process_kill(p);
	} else if (seconds >= limit->soft && spent >= p->cpu_limit_next_ns) {
		p->cpu_limit_next_ns = spent + (uint64_t)NS_PER_SECOND;
		send(p, SIGXCPU);
	}
}

void itimer_check(struct process *p)
{
	uint64_t spent = p->user_ns + p->system_ns;

	cpu_timer_check(p, &p->virtual_at_ns, p->virtual_interval_ns, p->user_ns, SIGVTALRM);
	cpu_timer_check(p, &p->prof_at_ns, p->prof_interval_ns, spent, SIGPROF);
	cpu_limit_check(p, spent);
	cpu_timers_check(p);
}

/* Time is charged when a thread stops running; a program that makes many system calls may run long without. */
#define CPU_TICK_NS UINT64_C(10000000)

static bool cpu_watched(const struct process *p)
{
	return p->virtual_at_ns || p->prof_at_ns || p->limits[RLIMIT_CPU].soft != UINT64_MAX || cpu_timers_watched(p);
}

static void cpu_tick(struct timer *timer)
{
	struct process *p = LIST_ENTRY(timer, struct process, cpu_tick);

	process_account(p);
	itimer_check(p);
	if (cpu_watched(p))
		sched_timer_set(timer, libos_now() + CPU_TICK_NS);
}

void real_timer_init(struct process *p)
{
	sched_timer_init(&p->real_timer, real_fire);
	sched_timer_init(&p->cpu_tick, cpu_tick);
}

void cpu_tick_start(struct process *p)
{
	/* A process that has ended spends no more, and nobody would stop its timer. */
	if (p->space && cpu_watched(p) && !sched_timer_is_set(&p->cpu_tick))
		sched_timer_set(&p->cpu_tick, libos_now() + CPU_TICK_NS);
}

/* ---- the calls ---- */

static struct linux_timeval to_timeval(uint64_t ns)
{
	ns += NS_PER_US - 1;
	return (struct linux_timeval){.seconds = (int64_t)(ns / (uint64_t)NS_PER_SECOND),
	                              .us = (int64_t)(ns % (uint64_t)NS_PER_SECOND / NS_PER_US)};
}

static int from_timeval(const struct linux_timeval *tv, uint64_t *ns)
{
	if (tv->seconds < 0 || tv->us < 0 || tv->us >= 1000000)
		return -EINVAL;
	*ns = tv->seconds >= INT64_MAX / NS_PER_SECOND ? INT64_MAX
	                                               : (uint64_t)(tv->seconds * NS_PER_SECOND + tv->us * NS_PER_US);
	return 0;
}

static int itimer_get(struct process *p, int which, struct itimerval64 *out)
{
	uint64_t spent;

	process_account(p);
	spent = p->user_ns + p->system_ns;
	switch (which) {
	case ITIMER_REAL:
		*out = (struct itimerval64){to_timeval(p->real_interval_ns), to_timeval(real_left(p))};
		return 0;
	case ITIMER_VIRTUAL:
		*out = (struct itimerval64){to_timeval(p->virtual_interval_ns),
			to_timeval(p->virtual_at_ns > p->user_ns ? p->virtual_at_ns - p->user_ns : 0)};
		return 0;
	case ITIMER_PROF:
		*out = (struct itimerval64){to_timeval(p->prof_interval_ns),
			to_timeval(p->prof_at_ns > spent ? p->prof_at_ns - spent : 0)};
		return 0;
	default:
		return -EINVAL;
	}
}

int64_t sys_getitimer(struct thread *self, const uint64_t *args)
{
	struct itimerval64 now;
	int error = itimer_get(self->process, (int)args[0], &now);

	if (error)
		return error;
	return user_write(self->process->space, args[1], &now, sizeof(now)) ? -EFAULT : 0;
}

int64_t sys_setitimer(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	struct itimerval64 old, new = {0};
	uint64_t value, interval;
	int which = (int)args[0];

	if (args[1] && user_read(p->space, &new, args[1], sizeof(new)))
		return -EFAULT;
	if (from_timeval(&new.value, &value) || from_timeval(&new.interval, &interval) || itimer_get(p, which, &old))
		return -EINVAL;
	if (which == ITIMER_REAL) {
		real_set(p, value, interval);
	} else if (which == ITIMER_VIRTUAL) {
		p->virtual_at_ns = value ? ns_add(p->user_ns, value) : 0;
		p->virtual_interval_ns = interval;
	} else {
		p->prof_at_ns = value ? ns_add(p->user_ns + p->system_ns, value) : 0;
		p->prof_interval_ns = interval;
	}
	cpu_tick_start(p);
	if (args[2] && user_write(p->space, args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_alarm(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	uint64_t left = real_left(p), half = (uint64_t)NS_PER_SECOND / 2;

	real_set(p, (uint64_t)(uint32_t)args[0] * (uint64_t)NS_PER_SECOND, 0);
	/* As Linux: to the nearest second, but never 0 while it ran. */
	if (!left)
		return 0;
	return left < half ? 1 : (int64_t)((left + half) / (uint64_t)NS_PER_SECOND);
}

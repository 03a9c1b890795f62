/* Clocks and sleeping. */
#include <libos/fs/file.h>
#include <libos/proc/internal.h>

uint64_t ns_add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX - 1 : a + b;
}

struct linux_timespec timespec_of(uint64_t ns)
{
	return (struct linux_timespec){(int64_t)(ns / (uint64_t)NS_PER_SECOND), (int64_t)(ns % (uint64_t)NS_PER_SECOND)};
}

int timespec_read(struct thread *t, uint64_t address, int64_t *ns)
{
	struct linux_timespec ts;

	if (user_read(t->process->space, &ts, address, sizeof(ts)))
		return -EFAULT;
	if (ts.seconds < 0 || ts.ns < 0 || ts.ns >= NS_PER_SECOND)
		return -EINVAL;
	/* 292 years are as good as for ever. */
	*ns = ts.seconds >= INT64_MAX / NS_PER_SECOND ? INT64_MAX : ts.seconds * NS_PER_SECOND + ts.ns;
	return 0;
}

int timespec_write(struct thread *t, uint64_t address, uint64_t ns)
{
	struct linux_timespec ts = timespec_of(ns);

	return user_write(t->process->space, address, &ts, sizeof(ts)) ? -EFAULT : 0;
}

/* ---- CPU time ---- */

#define CPU_THREAD_BIT 4 /* in a dynamic clock id: ~pid << 3 | thread | kind */
#define CPU_KIND_MASK  3
enum { CPU_KIND_ALL, CPU_KIND_USER, CPU_KIND_EXACT, CPU_KIND_COUNT };
#define CLOCK_FD_KIND  3 /* the three low bits of a clock that is a descriptor's */
#define COARSE_NS      UINT64_C(4000000) /* a tick of Linux's at 250 Hz */

static uint64_t thread_cpu(struct thread *t, bool user_only)
{
	if (t == libos.sched.current)
		sched_account(t, libos_now(), false);
	return t->user_ns + (user_only ? 0 : t->system_ns);
}

static uint64_t process_cpu(struct process *p, bool user_only)
{
	process_account(p);
	return p->user_ns + (user_only ? 0 : p->system_ns);
}

bool clock_is_cpu(int32_t clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ||
	       (clock < 0 && (clock & (CPU_THREAD_BIT | CPU_KIND_MASK)) != CLOCK_FD_KIND);
}

int32_t clock_cpu_name(const struct thread *self, int32_t clock)
{
	bool thread = clock == CLOCK_THREAD_CPUTIME_ID || (clock < 0 && (clock & CPU_THREAD_BIT));
	uint32_t kind = clock < 0 ? (uint32_t)clock & CPU_KIND_MASK : CPU_KIND_EXACT;
	int32_t id = clock < 0 ? ~(clock >> 3) : 0;

	if (!id)
		id = thread ? self->tid : self->process->pid;
	return (int32_t)(~(uint32_t)id << 3 | (thread ? CPU_THREAD_BIT : 0) | kind);
}

bool clock_has_timers(int32_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI || clock_is_cpu(clock);
}

static int64_t dynamic_clock(struct thread *self, int32_t clock, uint64_t *ns)
{
	int32_t id = ~(clock >> 3);

	if ((clock & CPU_KIND_MASK) >= CPU_KIND_COUNT)
		return -EINVAL;
	if (clock & CPU_THREAD_BIT) {
		struct thread *t = id ? thread_find(id) : self;

		if (!t || t->process != self->process)
			return -EINVAL;
		*ns = thread_cpu(t, (clock & CPU_KIND_MASK) == CPU_KIND_USER);
	} else {
		struct process *p = id ? process_find(id) : self->process;

		if (!p)
			return -EINVAL;
		*ns = process_cpu(p, (clock & CPU_KIND_MASK) == CPU_KIND_USER);
	}
	return 0;
}

int64_t clock_now(struct thread *self, int32_t clock, uint64_t *ns)
{
	if (clock < 0)
		return dynamic_clock(self, clock, ns);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		*ns = libos_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = libos_now();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu(self->process, false);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = thread_cpu(self, false);
		return 0;
	default: /* the _ALARM ones are there, and as on a machine that cannot wake up at a time */
		return -EINVAL;
	}
}

int64_t sys_clock_gettime(struct thread *self, const uint64_t *args)
{
	uint64_t ns;
	int64_t error = clock_now(self, (int32_t)args[0], &ns);

	return error ? error : timespec_write(self, args[1], ns);
}

int64_t sys_clock_getres(struct thread *self, const uint64_t *args)
{
	uint64_t ns;
	int64_t error = clock_now(self, (int32_t)args[0], &ns);

	if (error || !args[1])
		return error;
	return timespec_write(self, args[1], (int32_t)args[0] == CLOCK_REALTIME_COARSE || (int32_t)args[0] == CLOCK_MONOTONIC_COARSE ? COARSE_NS : 1);
}

static int64_t set_realtime(struct thread *self, uint64_t ns)
{
	if (!privileged(&self->cred, PRIV_TIME))
		return -EPERM;
	libos.realtime_offset_ns += ns - libos_realtime();
	timerfds_clock_set();
	return 0;
}

int64_t sys_clock_settime(struct thread *self, const uint64_t *args)
{
	int32_t clock = (int32_t)args[0];
	int64_t ns;
	uint64_t now;
	int error;

	if (clock > 0 || (clock < 0 && clock_now(self, clock, &now)))
		return -EINVAL;
	error = timespec_read(self, args[1], &ns);
	if (error)
		return error;
	if (clock != CLOCK_REALTIME)
		return -EPERM; /* what somebody used cannot be changed */
	return set_realtime(self, (uint64_t)ns);
}

int64_t sys_gettimeofday(struct thread *self, const uint64_t *args)
{
	uint64_t ns = libos_realtime();
	struct linux_timeval tv = {.seconds = (int64_t)(ns / (uint64_t)NS_PER_SECOND),
	                           .us = (int64_t)(ns % (uint64_t)NS_PER_SECOND / 1000)};
	const int32_t zone[2] = {0, 0};

	if (args[0] && user_write(self->process->space, args[0], &tv, sizeof(tv)))
		return -EFAULT;
	if (args[1] && user_write(self->process->space, args[1], zone, sizeof(zone)))
		return -EFAULT;
	return 0;
}

int64_t sys_settimeofday(struct thread *self, const uint64_t *args)
{
	struct linux_timeval tv;

	if (!args[0])
		return privileged(&self->cred, PRIV_TIME) ? 0 : -EPERM;
	if (user_read(self->process->space, &tv, args[0], sizeof(tv)))
		return -EFAULT;
	if (tv.seconds < 0 || tv.us < 0 || tv.us >= 1000000 || tv.seconds >= INT64_MAX / NS_PER_SECOND)
		return -EINVAL;
	return set_realtime(self, (uint64_t)(tv.seconds * NS_PER_SECOND + tv.us * 1000));
}

int64_t sys_time(struct thread *self, const uint64_t *args)
{
	int64_t seconds = (int64_t)(libos_realtime() / (uint64_t)NS_PER_SECOND);

	if (args[0] && user_write(self->process->space, args[0], &seconds, sizeof(seconds)))
		return -EFAULT;
	return seconds;
}

/* ---- sleeping ---- */

/* Until `deadline` on the monotonic clock. -EINTR when a signal came. */
static int sleep_until(struct thread *self, uint64_t deadline)
{
	int result = 0;

	while (result != -ETIMEDOUT) {
		if (result == -EINTR)
			return -EINTR;
		result = sched_sleep(self, deadline, true);
	}
	return 0;
}

/* A signal came. restart_args: where the rest is to be stored. */
static int64_t sleep_again(struct thread *self, uint64_t rest, int64_t (*again)(struct thread *self))
{
	int error = self->restart_args[0] ? timespec_write(self, self->restart_args[0], rest) : 0;

	if (error)
		return error;
	self->restart = again;
	return -ERESTART_RESTARTBLOCK;
}

static int64_t sleep_relative(struct thread *self)
{
	uint64_t deadline = self->restart_until_ns, now;

	if (!sleep_until(self, deadline))
		return 0;
	now = libos_now();
	return sleep_again(self, deadline > now ? deadline - now : 0, sleep_relative);
}

static int64_t nanosleep(struct thread *self, uint64_t ns, uint64_t rest)
{
	self->restart_until_ns = ns_add(libos_now(), ns);
	self->restart_args[0] = rest;
	return sleep_relative(self);
}

int64_t sys_nanosleep(struct thread *self, const uint64_t *args)
{
	int64_t ns;
	int error = timespec_read(self, args[0], &ns);

	return error ? error : nanosleep(self, (uint64_t)ns, args[1]);
}

/* ---- sleeping until CPU time was used ---- */

#define CPU_LOOK_NS UINT64_C(10000000) /* how often one looks at the time that somebody else uses, at least */

/* A clock of CPU time is no faster than the processor: so the rest of it is what can be slept before the next look. */
static int64_t sleep_until_used(struct thread *self, int32_t clock, uint64_t until, uint64_t *rest)
{
	uint64_t now;

	while (!clock_now(self, clock, &now) && now < until) {
		uint64_t left = until - now;

		if (sched_sleep(self, ns_add(libos_now(), left > CPU_LOOK_NS ? left : CPU_LOOK_NS), true) == -EINTR) {
			*rest = left;
			return -EINTR;
		}
	}
	return 0;
}

/* restart_args[1]: the clock. */
static int64_t sleep_used(struct thread *self)
{
	uint64_t rest;

	if (!sleep_until_used(self, (int32_t)self->restart_args[1], self->restart_until_ns, &rest))
		return 0;
	return sleep_again(self, rest, sleep_used);
}

static int64_t cpu_nanosleep(struct thread *self, int32_t clock, bool absolute, uint64_t ns, uint64_t rest_address)
{
	int32_t name = clock_cpu_name(self, clock);
	uint64_t now, rest;

	/* A thread that sleeps uses nothing. */
	if (clock_now(self, name, &now) || name == clock_cpu_name(self, CLOCK_THREAD_CPUTIME_ID))
		return -EINVAL;
	if (absolute)
		return sleep_until_used(self, name, ns, &rest) ? -ERESTARTNOHAND : 0;
	self->restart_until_ns = ns_add(now, ns);
	self->restart_args[0] = rest_address;
	self->restart_args[1] = (uint64_t)(uint32_t)name;
	return sleep_used(self);
}

/* ---- clock_nanosleep ---- */

int64_t sys_clock_nanosleep(struct thread *self, const uint64_t *args)
{
	int32_t clock = (int32_t)args[0];
	uint64_t now;
	int64_t ns;
	int error;

	if (clock > CLOCK_TAI || clock == CLOCK_SGI_CYCLE)
		return -EINVAL;
	if (!clock_has_timers(clock) || clock == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	error = timespec_read(self, args[2], &ns);
	if (error)
		return error;
	if (clock_is_cpu(clock))
		return cpu_nanosleep(self, clock, args[1] & TIMER_ABSTIME, (uint64_t)ns, args[3]);
	if (!(args[1] & TIMER_ABSTIME))
		return nanosleep(self, (uint64_t)ns, args[3]);
	(void)clock_now(self, clock, &now);
	if ((uint64_t)ns <= now)
		return 0;
	return sleep_until(self, ns_add(libos_now(), (uint64_t)ns - now)) ? -ERESTARTNOHAND : 0;
}

int64_t sys_restart_syscall(struct thread *self, const uint64_t *args)
{
	int64_t (*restart)(struct thread *) = self->restart;

	(void)args;
	self->restart = NULL;
	return restart ? restart(self) : -EINTR;
}

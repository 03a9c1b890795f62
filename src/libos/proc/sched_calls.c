/* Scheduling calls: there is one CPU and one class, so most of them check and remember. */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define PRIORITY_MAX 99
#define SLICE_NS     4000000
#define NICE_MIN     (-20)
#define NICE_MAX     19

int64_t sys_sched_yield(struct thread *self, const uint64_t *args)
{
	(void)args;
	sched_give_way(self);
	return 0;
}

int64_t sys_getcpu(struct thread *self, const uint64_t *args)
{
	const uint32_t zero = 0;

	for (int i = 0; i < 2; i++) {
		if (args[i] && user_write(self->process->space, args[i], &zero, sizeof(zero)))
			return -EFAULT;
	}
	return 0;
}

/* ---- nice values ---- */

static bool concerns(const struct process *p, int which, int32_t who, const struct thread *caller)
{
	switch (which) {
	case PRIO_PROCESS:
		return who ? p->pid == who : p == caller->process;
	case PRIO_PGRP:
		return p->pgid == (who ? who : caller->process->pgid);
	default:
		return p->cred.uid == (who ? (uint32_t)who : caller->cred.uid);
	}
}

int64_t sys_getpriority(struct thread *self, const uint64_t *args)
{
	int which = (int)args[0];
	int64_t best = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	LIST_EACH(at, &libos.procs.all) {
		/* The call gives 20 - nice, so that no result looks like an error. */
		if (concerns(PROCESS_OF(at), which, (int32_t)args[1], self) && 20 - PROCESS_OF(at)->nice > best)
			best = 20 - PROCESS_OF(at)->nice;
	}
	return best;
}

/* How a process runs is its user's to choose. */
static bool may_schedule(const struct thread *caller, const struct process *p)
{
	const struct credentials *c = &caller->cred;

	return c->euid == p->cred.uid || c->euid == p->cred.euid || privileged(c, PRIV_SCHEDULE);
}

static int set_nice(const struct thread *caller, struct process *p, int32_t nice)
{
	if (!may_schedule(caller, p))
		return -EPERM;
	/* RLIMIT_NICE counts from 1 for nice 19 to 40 for nice -20. */
	if (nice < p->nice && (uint64_t)(20 - nice) > p->limits[RLIMIT_NICE].soft &&
	    !privileged(&caller->cred, PRIV_SCHEDULE))
		return -EACCES;
	p->nice = nice;
	return 0;
}

int64_t sys_setpriority(struct thread *self, const uint64_t *args)
{
	int which = (int)args[0];
	int32_t nice = (int32_t)args[2];
	int64_t result = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (nice < NICE_MIN)
		nice = NICE_MIN;
	if (nice > NICE_MAX)
		nice = NICE_MAX;
	LIST_EACH(at, &libos.procs.all) {
		int error;

		if (!concerns(PROCESS_OF(at), which, (int32_t)args[1], self))
			continue;
		error = set_nice(self, PROCESS_OF(at), nice);
		if (error || result == -ESRCH)
			result = error;
	}
	return result;
}

/* ---- priorities of i/o, which are kept: nothing here waits for a disk ---- */

static int check_io_priority(const struct thread *self, int32_t priority)
{
	switch (priority >> IOPRIO_CLASS_SHIFT) {
	case IOPRIO_CLASS_RT:
		return privileged(&self->cred, PRIV_SCHEDULE) ? 0 : -EPERM;
	case IOPRIO_CLASS_BE:
	case IOPRIO_CLASS_IDLE:
		return 0;
	case IOPRIO_CLASS_NONE:
		return priority % IOPRIO_LEVELS ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* Its WHICH is one more than that of setpriority(). */
static bool io_which_good(uint64_t which)
{
	return (int)which > PRIO_PROCESS && (int)which <= PRIO_USER + 1;
}

int64_t sys_ioprio_set(struct thread *self, const uint64_t *args)
{
	int32_t priority = (int32_t)args[2];
	int64_t result = check_io_priority(self, priority);

	if (result || !io_which_good(args[0]))
		return result ? result : -EINVAL;
	result = -ESRCH;
	LIST_EACH(at, &libos.procs.all) {
		struct process *p = PROCESS_OF(at);

		if (!concerns(p, (int)args[0] - 1, (int32_t)args[1], self))
			continue;
		if (self->cred.euid != p->cred.uid && self->cred.uid != p->cred.uid && !privileged(&self->cred, PRIV_SCHEDULE))
			return -EPERM;
		p->io_priority = (uint32_t)priority;
		result = 0;
	}
	return result;
}

static int64_t io_priority_of(const struct process *p)
{
	if (p->io_priority >> IOPRIO_CLASS_SHIFT)
		return p->io_priority;
	return (p->sched_policy == SCHED_IDLE ? IOPRIO_CLASS_IDLE : IOPRIO_CLASS_BE) << IOPRIO_CLASS_SHIFT | (p->nice - NICE_MIN) / 5;
}

/* Of one process what was set; of several the best, by which each would go. */
int64_t sys_ioprio_get(struct thread *self, const uint64_t *args)
{
	int64_t best = -ESRCH;

	if (!io_which_good(args[0]))
		return -EINVAL;
	LIST_EACH(at, &libos.procs.all) {
		const struct process *p = PROCESS_OF(at);

		if (!concerns(p, (int)args[0] - 1, (int32_t)args[1], self))
			continue;
		if ((int)args[0] - 1 == PRIO_PROCESS)
			return p->io_priority;
		if (best < 0 || io_priority_of(p) < best)
			best = io_priority_of(p);
	}
	return best;
}

/* ---- policies ---- */

static struct process *target(struct thread *self, uint64_t id)
{
	struct thread *t = (int32_t)id ? thread_find((int32_t)id) : self;

	return t ? t->process : NULL;
}

static bool ordinary(uint32_t policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

int64_t sys_sched_getscheduler(struct thread *self, const uint64_t *args)
{
	struct process *p;

	if ((int32_t)args[0] < 0)
		return -EINVAL;
	p = target(self, args[0]);
	return p ? (int64_t)p->sched_policy : -ESRCH;
}

/* The real-time classes are not there, and whoever needs them must hear it. */
int64_t sys_sched_setscheduler(struct thread *self, const uint64_t *args)
{
	struct process *p;
	int32_t priority;

	if ((int32_t)args[0] < 0)
		return -EINVAL;
	if (user_read(self->process->space, &priority, args[2], sizeof(priority)))
		return -EFAULT;
	p = target(self, args[0]);
	if (!p)
		return -ESRCH;
	if (!ordinary((uint32_t)args[1]) || priority != 0)
		return (uint32_t)args[1] == SCHED_FIFO || (uint32_t)args[1] == SCHED_RR ? -EPERM : -EINVAL;
	if (!may_schedule(self, p))
		return -EPERM;
	p->sched_policy = (uint32_t)args[1];
	return 0;
}

int64_t sys_sched_getparam(struct thread *self, const uint64_t *args)
{
	const int32_t priority = 0;

	if ((int32_t)args[0] < 0 || !args[1])
		return -EINVAL;
	if (!target(self, args[0]))
		return -ESRCH;
	return user_write(self->process->space, args[1], &priority, sizeof(priority)) ? -EFAULT : 0;
}

int64_t sys_sched_setparam(struct thread *self, const uint64_t *args)
{
	struct process *p;
	int32_t priority;

	if ((int32_t)args[0] < 0 || !args[1])
		return -EINVAL;
	if (user_read(self->process->space, &priority, args[1], sizeof(priority)))
		return -EFAULT;
	p = target(self, args[0]);
	if (!p)
		return -ESRCH;
	if (priority)
		return -EINVAL;
	return may_schedule(self, p) ? 0 : -EPERM;
}

/* Of the classes that are not there too: it says what the numbers mean. */
static int64_t priority_bound(uint32_t policy, int64_t real_time)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return real_time;
	return ordinary(policy) || policy == SCHED_DEADLINE || policy == SCHED_EXT ? 0 : -EINVAL;
}

int64_t sys_sched_get_priority_max(struct thread *self, const uint64_t *args)
{
	(void)self;
	return priority_bound((uint32_t)args[0], PRIORITY_MAX);
}

int64_t sys_sched_get_priority_min(struct thread *self, const uint64_t *args)
{
	(void)self;
	return priority_bound((uint32_t)args[0], 1);
}

/* A thread that has no real-time class: how long it may run before another of its kind does. */
int64_t sys_sched_rr_get_interval(struct thread *self, const uint64_t *args)
{
	const struct linux_timespec slice = {0, SLICE_NS};

	if ((int32_t)args[0] < 0)
		return -EINVAL;
	if (!target(self, args[0]))
		return -ESRCH;
	return user_write(self->process->space, args[1], &slice, sizeof(slice)) ? -EFAULT : 0;
}

/* ---- affinity: CPU 0 is all there is ---- */

int64_t sys_sched_setaffinity(struct thread *self, const uint64_t *args)
{
	uint8_t first = 0;
	struct process *p = target(self, args[0]);

	if ((uint32_t)args[1] && user_read(self->process->space, &first, args[2], sizeof(first)))
		return -EFAULT;
	if (!p)
		return -ESRCH;
	if (!may_schedule(self, p))
		return -EPERM;
	return first & 1 ? 0 : -EINVAL;
}

int64_t sys_sched_getaffinity(struct thread *self, const uint64_t *args)
{
	const uint64_t mask = 1;

	if ((uint32_t)args[1] < sizeof(mask) || args[1] % sizeof(mask))
		return -EINVAL;
	if (!target(self, args[0]))
		return -ESRCH;
	return user_write(self->process->space, args[2], &mask, sizeof(mask)) ? -EFAULT : (int64_t)sizeof(mask);
}

/* Resource limits and usage. */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define NS_PER_TICK UINT64_C(10000000) /* times(2) counts in 1/100 s */

/* ---- usage ---- */

/*
 * The total is charged at switches. How much of it was the program's is what the kernel
 * counted inside the zone; the rest is the system's.
 */
void process_account(struct process *p)
{
	struct exo_zone_info info;
	struct vm_stats stats;
	struct thread *current = libos.sched.current;
	uint64_t total, user;

	if (p->state != PROCESS_ALIVE || !p->space)
		return;
	if (current && current->process == p)
		sched_account(current, libos_now(), false);
	vm_stats(p->space, &stats);
	if (stats.resident_pages > p->max_resident_pages)
		p->max_resident_pages = stats.resident_pages;
	total = p->user_ns + p->system_ns;
	if (p->shares_parent_space || exo_zone_info(vm_zone(p->space), &info, NULL) != EXO_OK)
		return;
	user = libos.boot->cycles_per_ms ? info.cycles * 1000 / libos.boot->cycles_per_ms * 1000 : 0;
	user += p->past_user_ns;
	if (user < p->user_ns && p->user_ns <= total)
		user = p->user_ns; /* time does not run backwards */
	p->user_ns = user < total ? user : total;
	p->system_ns = total - p->user_ns;
}

static struct linux_timeval to_timeval(uint64_t ns)
{
	return (struct linux_timeval){(int64_t)(ns / (uint64_t)NS_PER_SECOND),
	                              (int64_t)(ns % (uint64_t)NS_PER_SECOND / 1000)};
}

void process_rusage(struct process *p, int who, const struct thread *t, struct linux_rusage *out)
{
	memset(out, 0, sizeof(*out));
	process_account(p);
	if (who == RUSAGE_CHILDREN) {
		out->user = to_timeval(p->children_user_ns);
		out->system = to_timeval(p->children_system_ns);
		out->minflt = (int64_t)p->children_minor_faults;
		out->maxrss = (int64_t)(p->children_max_resident * PAGE_SIZE / 1024);
		return;
	}
	out->user = to_timeval(who == RUSAGE_THREAD ? t->user_ns : p->user_ns);
	out->system = to_timeval(who == RUSAGE_THREAD ? t->system_ns : p->system_ns);
	out->minflt = (int64_t)p->minor_faults;
	out->maxrss = (int64_t)(p->max_resident_pages * PAGE_SIZE / 1024);
	out->nvcsw = (int64_t)p->voluntary_switches;
	out->nivcsw = (int64_t)p->involuntary_switches;
}

int64_t sys_getrusage(struct thread *self, const uint64_t *args)
{
	struct linux_rusage usage;
	int who = (int)args[0];

	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
		return -EINVAL;
	process_rusage(self->process, who, self, &usage);
	return user_write(self->process->space, args[1], &usage, sizeof(usage)) ? -EFAULT : 0;
}

int64_t sys_times(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	int64_t ticks[4];

	if (args[0]) {
		process_account(p);
		ticks[0] = (int64_t)(p->user_ns / NS_PER_TICK);
		ticks[1] = (int64_t)(p->system_ns / NS_PER_TICK);
		ticks[2] = (int64_t)(p->children_user_ns / NS_PER_TICK);
		ticks[3] = (int64_t)(p->children_system_ns / NS_PER_TICK);
		if (user_write(p->space, args[0], ticks, sizeof(ticks)))
			return -EFAULT;
	}
	return (int64_t)(libos_now() / NS_PER_TICK);
}

/* ---- limits ---- */

static int limit_set(const struct thread *caller, struct process *p, uint32_t which, const struct rlimit64 *new)
{
	struct rlimit64 *limit;

	if (which >= RLIMIT_COUNT || new->soft > new->hard)
		return -EINVAL;
	limit = &p->limits[which];
	/* /proc/sys/fs/nr_open */
	if (which == RLIMIT_NOFILE && new->hard > FD_MAX)
		return -EPERM;
	if (new->hard > limit->hard && !privileged(&caller->cred, PRIV_LIMITS))
		return -EPERM;
	*limit = *new;
	if (which == RLIMIT_CPU)
		cpu_tick_start(p);
	if (p->space && (which == RLIMIT_AS || which == RLIMIT_DATA || which == RLIMIT_STACK))
		vm_set_limits(p->space, p->limits[RLIMIT_AS].soft, p->limits[RLIMIT_DATA].soft,
		              p->limits[RLIMIT_STACK].soft);
	return 0;
}

static bool may_limit(const struct thread *caller, const struct process *p)
{
	const struct credentials *c = &caller->cred, *t = &p->cred;

	return caller->process == p || privileged(c, PRIV_LIMITS) ||
	       (c->uid == t->uid && c->uid == t->euid && c->uid == t->suid &&
	                                          c->gid == t->gid && c->gid == t->egid && c->gid == t->sgid);
}

int64_t sys_prlimit64(struct thread *self, const uint64_t *args)
{
	struct process *caller = self->process, *p = args[0] ? process_find((int32_t)args[0]) : caller;
	uint32_t which = (uint32_t)args[1];
	struct rlimit64 new, old;
	int error;

	if (args[2] && user_read(caller->space, &new, args[2], sizeof(new)))
		return -EFAULT;
	if (!p)
		return -ESRCH;
	if (!may_limit(self, p))
		return -EPERM;
	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	old = p->limits[which];
	if (args[2]) {
		error = limit_set(self, p, which, &new);
		if (error)
			return error;
	}
	if (args[3] && user_write(caller->space, args[3], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_getrlimit(struct thread *self, const uint64_t *args)
{
	uint32_t which = (uint32_t)args[0];

	if (which >= RLIMIT_COUNT)
		return -EINVAL;
	return user_write(self->process->space, args[1], &self->process->limits[which], sizeof(struct rlimit64)) ? -EFAULT
	                                                                                                         : 0;
}

int64_t sys_setrlimit(struct thread *self, const uint64_t *args)
{
	uint32_t which = (uint32_t)args[0];
	struct rlimit64 new;

	if (user_read(self->process->space, &new, args[1], sizeof(new)))
		return -EFAULT;
	return limit_set(self, self->process, which, &new);
}

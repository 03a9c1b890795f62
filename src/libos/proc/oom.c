/*
 * Out of memory: who is killed. As Linux's oom_badness() has it, whoever takes most, moved by /proc/PID/oom_score_adj;
 * process 1 is the last. What a process takes is its pages and what the kernel and the LibOS keep for them.
 */
#include <libos/proc/internal.h>

#define PAGES_PER_THREAD 5 /* its stack in the LibOS and its context's page */
/* Whoever was chosen has so long to end before another one is. */
#define PATIENCE_NS UINT64_C(200000000)
#define WAIT_NS     UINT64_C(1000000)

uint64_t process_cost(const struct process *p)
{
	return (p->space ? vm_space_cost(p->space) : 0) + p->thread_count * PAGES_PER_THREAD;
}

static bool killable(const struct process *p)
{
	const struct process *init = libos.procs.init;

	return p->state == PROCESS_ALIVE && p->space && !p->group_exiting && p->space != init->space &&
	       p->oom_score_adj != OOM_ADJ_MIN;
}

static int64_t badness(const struct process *p)
{
	return (int64_t)process_cost(p) + p->oom_score_adj * (int64_t)libos.frames.total / OOM_ADJ_MAX;
}

uint64_t process_oom_score(const struct process *p)
{
	int64_t points;

	if (p->state != PROCESS_ALIVE || p == libos.procs.init || p->oom_score_adj == OOM_ADJ_MIN)
		return 0;
	points = OOM_ADJ_MAX + badness(p) * OOM_ADJ_MAX / (int64_t)libos.frames.total;
	return points > 0 ? (uint64_t)points * 2 / 3 : 0;
}

/* As much as is kept for root does not count against its processes, or its small ones went before a user's that are many. */
static int64_t weight(const struct process *p)
{
	return badness(p) - (privileged(&p->cred, PRIV_RESERVE) ? (int64_t)libos.frames.admin : 0);
}

static struct process *choose(void)
{
	struct process *worst = NULL;

	LIST_EACH(at, &libos.procs.all) {
		struct process *p = PROCESS_OF(at);

		if (killable(p) && (!worst || weight(p) >= weight(worst)))
			worst = p;
	}
	return worst;
}

static bool is_dying(void)
{
	bool ends;

	return vm_is_awaited(&ends) && (ends || libos_now() < libos.procs.oom_until_ns);
}

static void kill_all_of(const struct vm_space *space)
{
	LIST_EACH(at, &libos.procs.all) {
		if (PROCESS_OF(at)->space == space && killable(PROCESS_OF(at)))
			process_kill(PROCESS_OF(at));
	}
}

static void log_kill(const struct process *p)
{
	libos_log("feuerbird: out of memory: killed process %d (%s)", p->pid, p->name);
}

static void kill_and_wait(struct thread *self, const struct process *victim)
{
	if (victim) {
		log_kill(victim);
		vm_await(victim->space);
		libos.procs.oom_until_ns = libos_now() + PATIENCE_NS;
		kill_all_of(victim->space);
	}
	(void)sched_sleep(self, libos_now() + WAIT_NS, false);
}

void process_out_of_memory(struct thread *self)
{
	const struct process *victim = NULL;

	if (!is_dying()) {
		victim = choose();
		if (!victim || victim->space == self->process->space) {
			log_kill(self->process);
			process_exit(self, SIGKILL);
		}
	}
	if (self->exiting || self->process->group_exiting)
		return;
	kill_and_wait(self, victim);
}

bool process_make_room(struct thread *self)
{
	const struct process *victim = NULL;

	if (!privileged(&self->cred, PRIV_RESERVE) || self->exiting || self->process->group_exiting)
		return false;
	if (!frames_exhausted() && !frames_scattered())
		return false;
	if (!is_dying()) {
		victim = choose();
		if (!victim || victim->space == self->process->space)
			return false;
	}
	kill_and_wait(self, victim);
	return true;
}

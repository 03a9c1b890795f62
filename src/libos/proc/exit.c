/* The end of a process: what it leaves behind, and who is told. */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/proc/internal.h>

bool process_ignores_children(const struct process *p)
{
	const struct signal_action *action = &p->actions->action[SIGCHLD];

	return action->handler == 1 || (action->flags & SA_NOCLDWAIT);
}

void process_reap(struct process *p)
{
	p->state = PROCESS_REAPED;
	process_remove(p);
	process_free(p);
}

void process_notify_parent(struct process *p)
{
	struct process *parent = p->parent;
	int signal = p->exit_code & 0x7f;
	struct signal_info info = {
		.signo = p->exit_signal, .pid = p->pid, .uid = p->cred.uid,
		.code = signal ? CLD_KILLED : CLD_EXITED, .status = signal ? signal : p->exit_code >> 8,
		.user_ns = p->user_ns, .system_ns = p->system_ns,
	};
	bool reap;

	if (!parent || p->unseen)
		return;
	/* Another program than the one that chose the signal gets what every parent gets. */
	if (p->parent_execs != parent->execs && p->exit_signal)
		p->exit_signal = info.signo = SIGCHLD;
	reap = p->exit_signal == SIGCHLD && process_ignores_children(parent);
	/* clone() takes any number here. */
	if (p->exit_signal >= 1 && p->exit_signal <= SIGNAL_COUNT && !(reap && parent->actions->action[SIGCHLD].handler == 1))
		signal_send_process(parent, &info);
	waitq_wake_all(&parent->child_wait);
	if (reap)
		process_reap(p);
}

/* ---- orphans ---- */

static bool group_has_stopped(int32_t pgid)
{
	LIST_EACH(at, &libos.procs.all) {
		if (PROCESS_OF(at)->pgid == pgid && PROCESS_OF(at)->stopped)
			return true;
	}
	return false;
}

/* POSIX 2.4.3 (exit): stopped members of a group that becomes orphaned get SIGHUP and SIGCONT. */
static void check_new_orphan_group(int32_t pgid)
{
	if (!process_group_orphaned(pgid) || !group_has_stopped(pgid))
		return;
	signal_send_group(pgid, SIGHUP);
	signal_send_group(pgid, SIGCONT);
}

static struct process *reaper_for(struct process *p)
{
	for (struct process *at = p->parent; at; at = at->parent) {
		if (at->child_subreaper && at->state == PROCESS_ALIVE)
			return at;
	}
	return libos.procs.init;
}

static void give_away_children(struct process *p)
{
	struct process *reaper = reaper_for(p);

	while (!list_empty(&p->children)) {
		struct process *child = CHILD_OF(p->children.next);
		int32_t pgid = child->pgid;
		bool counted = pgid != p->pgid && child->session == p->session;

		list_remove(&child->sibling);
		child->parent = reaper;
		child->exit_signal = SIGCHLD;
		child->parent_execs = reaper->execs;
		list_push_back(&reaper->children, &child->sibling);
		answers_update(child);
		if (child->parent_death_signal) {
			struct signal_info info = {.signo = child->parent_death_signal, .code = SI_USER, .pid = p->pid};

			signal_send_process(child, &info);
		}
		if (child->state == PROCESS_ZOMBIE)
			process_notify_parent(child);
		if (counted)
			check_new_orphan_group(pgid);
	}
}

/* ---- the end ---- */

void vfork_done(struct process *p)
{
	struct thread *waiter = p->vfork_waiter;

	p->vfork_waiter = NULL;
	p->shares_parent_space = false;
	if (waiter)
		sched_wake(waiter);
}

/* The program from the command line has ended, and the system with it. */
EXO_NORETURN static void init_ended(const struct process *p)
{
	int signal = p->exit_code & 0x7f;

	libos_halt(signal ? 128 + (uint32_t)signal : (uint32_t)p->exit_code >> 8 & 255);
}

static void leave_session(struct process *p)
{
	if (p->session && p->session->sid == p->pid)
		tty_session_exit(p->session, true);
}

void process_finish(struct thread *last)
{
	struct process *p = last->process;
	struct vm_space *space = p->space;
	struct fd_table *fds = p->fds;
	bool group_counted;

	if (p == libos.procs.init)
		init_ended(p);
	itimers_stop(p);
	posix_timers_drop(p);
	p->answers = NULL;
	p->space = NULL;
	vm_space_put(space);
	process_set_exe(p, NULL);
	vfork_done(p);
	p->fds = NULL;
	fd_table_put(fds);
	fs_context_put(p->fs);
	p->fs = NULL;
	leave_session(p);
	trace_end_all(p);
	p->stopped = false;
	p->state = PROCESS_ZOMBIE;
	pidfds_tell(p);
	pending_flush(p, &p->pending, ~UINT64_C(0));
	give_away_children(p);
	group_counted = p->parent && p->parent->pgid != p->pgid && p->parent->session == p->session;
	if (group_counted)
		check_new_orphan_group(p->pgid);
	if (!trace_process_ends(p))
		process_notify_parent(p);
}

static void shutdown_over(struct timer *timer)
{
	(void)timer;
	libos_halt(128 + SIGTERM);
}

#define SHUTDOWN_GRACE_NS UINT64_C(1000000000)

void process_shutdown_all(void)
{
	struct process_table *table = &libos.procs;
	struct signal_info term = {.signo = SIGTERM, .code = SI_KERNEL}, cont = {.signo = SIGCONT, .code = SI_KERNEL};

	if (table->shutting_down)
		return;
	table->shutting_down = true;
	sched_timer_init(&table->shutdown_timer, shutdown_over);
	sched_timer_set(&table->shutdown_timer, libos_now() + SHUTDOWN_GRACE_NS);
	LIST_EACH(at, &table->all) {
		signal_send_process(PROCESS_OF(at), &term);
		signal_send_process(PROCESS_OF(at), &cont);
	}
}

int64_t sys_exit(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;

	self->exit_code = (int32_t)(args[0] & 0xff) << 8;
	if (p->thread_count == 1 && !p->group_exiting) {
		p->group_exiting = true;
		p->exit_code = (int32_t)(args[0] & 0xff) << 8;
	}
	thread_exit(self);
}

int64_t sys_exit_group(struct thread *self, const uint64_t *args)
{
	process_exit(self, (int32_t)(args[0] & 0xff) << 8);
}

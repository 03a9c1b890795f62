/* fork, vfork, clone, clone3: new processes and new threads. */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

struct clone_request { /* what all four come down to */
	uint64_t flags;      /* CLONE_*, without the signal */
	uint32_t exit_signal;
	uint64_t stack;      /* initial stack pointer; 0: the caller's */
	uint64_t tls, parent_tid, child_tid, pidfd;
};

#define CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)
#define CLONE_UNSUPPORTED                                                                          \
	(UINT64_C(0) | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

static int check_flags(const struct thread *self, const struct clone_request *r)
{
	uint64_t f = r->flags;

	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_PARENT) && !self->process->parent)
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & (CLONE_THREAD | CLONE_DETACHED)))
		return -EINVAL;
	if (f & CLONE_UNSUPPORTED)
		return -EINVAL;
	/* A program cannot have its thread pointer there. */
	if ((r->flags & CLONE_SETTLS) && r->tls >= EXO_USER_LIMIT)
		return -EPERM;
	return 0;
}

/* Is there a place for one more program? The last ones are root's. */
static bool zone_left(const struct thread *self)
{
	struct exo_zone_info info;
	const struct exo_quota *q = &info.quotas[EXO_QUOTA_ZONES];

	if (privileged(&self->cred, PRIV_RESERVE) || exo_zone_info(libos.boot->zone, &info, NULL) != EXO_OK)
		return true;
	return (uint64_t)q->used + q->given + ZONES_KEPT < q->limit;
}

static int check_limits(const struct thread *self, const struct clone_request *r)
{
	const struct credentials *c = &self->cred;
	uint32_t kept = privileged(&self->cred, PRIV_RESERVE) ? 0 : PROCESSES_KEPT;

	if (libos.procs.count + 1 + kept > PROCESS_MAX || libos.procs.thread_count + 1 + kept > PROCESS_MAX)
		return -EAGAIN;
	if (c->uid != 0 && !privileged(c, PRIV_LIMITS) && !privileged(c, PRIV_PROCESSES) &&
	    user_count(c->uid, USER_TASKS) >= self->process->limits[RLIMIT_NPROC].soft)
		return -EAGAIN;
	return r->flags & CLONE_VM || zone_left(self) ? 0 : -EAGAIN;
}

/* ---- the parts of a child ---- */

static struct signal_actions *actions_copy(const struct signal_actions *from, bool clear)
{
	struct signal_actions *to = heap_alloc(sizeof(*to));

	if (!to)
		return NULL;
	*to = *from;
	to->refs = 1;
	for (int i = 1; clear && i <= SIGNAL_COUNT; i++) {
		if (to->action[i].handler > 1)
			to->action[i] = (struct signal_action){0};
	}
	return to;
}

static void child_inherit(struct process *child, struct process *parent)
{
	memcpy(child->limits, parent->limits, sizeof(child->limits));
	child->pgid = parent->pgid;
	child->session = parent->session;
	session_get(child->session);
	child->nice = parent->nice;
	child->sched_policy = parent->sched_policy;
	child->io_priority = parent->io_priority;
	child->personality = parent->personality;
	child->oom_score_adj = parent->oom_score_adj;
	child->oom_score_adj_min = parent->oom_score_adj_min;
	child->thp_disable = parent->thp_disable;
	child->dumpable = parent->dumpable;
	str_copy(child->name, parent->name, sizeof(child->name));
	process_set_exe(child, parent->exe);
}

/* Gives back what a half-made child has. Its zone may have no context left. */
static int child_discard(struct process *child, int error)
{
	if (child->fds)
		fd_table_put(child->fds);
	if (child->fs)
		fs_context_put(child->fs);
	if (child->space)
		vm_space_put(child->space);
	process_free(child);
	return error;
}

static int child_make(struct process *parent, const struct clone_request *r, struct process **made)
{
	struct process *child = process_new();

	if (!child)
		return -ENOMEM;
	if (r->flags & CLONE_SIGHAND) {
		child->actions = parent->actions;
		child->actions->refs++;
	} else {
		child->actions = actions_copy(parent->actions, r->flags & CLONE_CLEAR_SIGHAND);
	}
	if (r->flags & CLONE_FILES) {
		child->fds = parent->fds;
		fd_table_get(child->fds);
	} else {
		child->fds = fd_table_copy(parent->fds);
	}
	if (r->flags & CLONE_FS) {
		child->fs = parent->fs;
		child->fs->refs++;
	} else {
		child->fs = fs_context_copy(parent->fs);
	}
	if (!child->actions || !child->fds || !child->fs)
		return child_discard(child, -ENOMEM);
	if (r->flags & CLONE_VM) {
		child->space = parent->space;
		vm_space_get(child->space);
		child->shares_parent_space = true;
	} else {
		vm_enter(parent->space, libos.sched.current);
		child->space = vm_space_fork(parent->space, parent->name);
		vm_leave(parent->space);
	}
	if (!child->space)
		return child_discard(child, -ENOMEM);
	*made = child;
	return 0;
}

/* ---- the new thread's registers and identity ---- */

static void thread_inherit(struct thread *t, struct thread *self, const struct clone_request *r)
{
	regs_save(self);
	t->page->regs = self->page->regs;
	memcpy(t->page->fp, self->page->fp, sizeof(t->page->fp));
	t->page->regs.rax = 0;
	if (r->stack)
		t->page->regs.rsp = r->stack;
	if (r->flags & CLONE_SETTLS)
		t->page->regs.fs_base = r->tls;
	t->blocked = self->blocked;
	t->timer_slack_ns = self->timer_slack_ns;
	cred_assign(&t->cred, &self->cred);
	str_copy(t->name, self->name, sizeof(t->name));
	/* A signal stack stays with the program's memory; two threads in one memory must not share it. */
	if (!(r->flags & CLONE_VM) || (r->flags & CLONE_VFORK))
		t->altstack = self->altstack;
	if (r->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->child_tid;
}

/* Linux does not fail clone() when the numbers cannot be stored either. */
static void store_numbers(struct thread *t, struct thread *self, struct vm_space *space, const struct clone_request *r)
{
	if (r->flags & CLONE_PARENT_SETTID)
		(void)user_write(self->process->space, r->parent_tid, &t->tid, sizeof(t->tid));
	if (r->flags & CLONE_CHILD_SETTID)
		(void)user_write(space, r->child_tid, &t->tid, sizeof(t->tid));
}

/*
 * The last steps. Copying memory may give way to others. What has come of that is looked at here, and from here on nobody
 * else runs: whoever has been killed meanwhile makes nothing that would outlive it, and the last place is taken once.
 */
static int thread_go(struct thread *t, struct thread *self, struct process *owner, const struct clone_request *r)
{
	int error;

	if (self->exiting || self->process->group_exiting)
		return -EINTR;
	error = check_limits(self, r);
	if (!error)
		error = sched_start(t);
	if (!error)
		thread_add(owner, t);
	return error;
}

static void thread_discard(struct thread *t)
{
	sem_undo_discard(t);
	if (t->trace)
		trace_end(t->trace, 0);
	thread_context_free(t->ctx, t->page_frame);
	thread_free(t);
}

static int64_t clone_thread(struct thread *self, const struct clone_request *r)
{
	struct process *p = self->process;
	struct thread *t = thread_new(p->space);
	int32_t tid;
	int error;

	if (!t)
		return -EAGAIN;
	t->process = p;
	t->tid = pid_alloc();
	thread_inherit(t, self, r);
	if (t->tid > 0)
		store_numbers(t, self, p->space, r);
	error = t->tid < 0 ? t->tid : r->flags & CLONE_SYSVSEM ? sem_undo_share(self, t) : 0;
	if (!error)
		error = trace_inherit(t, self, r->flags, r->exit_signal);
	if (!error)
		error = thread_go(t, self, p, r);
	if (error) {
		thread_discard(t);
		return error;
	}
	answers_update(p);
	tid = t->tid;
	trace_cloned(self, r->flags, r->exit_signal, tid);
	return tid;
}

static void wait_for_vfork(struct thread *self, struct process *child, int32_t pid)
{
	/* The child is found by number: it may be reaped while we sleep. */
	while (process_find(pid) == child && child->vfork_waiter == self) {
		if (self->exiting || self->process->group_exiting) {
			child->vfork_waiter = NULL;
			return;
		}
		self->killable_only = true;
		(void)sched_sleep(self, NO_DEADLINE, true);
		self->killable_only = false;
	}
}

/* Nobody chooses a signal for a parent that is not his own: who makes a sibling has it tell what he would. */
static void set_exit_signal(struct process *child, const struct process *p, const struct clone_request *r)
{
	bool sibling = r->flags & CLONE_PARENT;

	child->exit_signal = sibling ? p->exit_signal : (int32_t)r->exit_signal;
	child->parent_execs = sibling ? p->parent_execs : p->execs;
}

/* It is one of its parent's group from here on; what was sent to that while it was made is for it too. */
static void child_go(struct process *child, struct thread *self, const struct clone_request *r)
{
	struct process *p = self->process;

	child_inherit(child, p);
	set_exit_signal(child, p, r);
	child->parent = r->flags & CLONE_PARENT ? p->parent : p;
	list_push_back(&child->parent->children, &child->sibling);
	process_add(child);
	for (int signo = 1; signo <= SIGNAL_COUNT; signo++) {
		struct signal_info info = {.signo = signo, .code = SI_USER};

		if (self->fork_signals & SIGNAL_BIT(signo))
			signal_send_process(child, &info);
	}
	cpu_tick_start(child); /* RLIMIT_CPU is inherited */
	libos.procs.forks++;
}

static int child_begin(struct thread *self, const struct clone_request *r, struct process **made)
{
	struct process *child;
	struct thread *t;
	int32_t pidfd = -1;
	int error;

	error = child_make(self->process, r, &child);
	if (error)
		return error;
	t = thread_new(child->space);
	if (!t)
		return child_discard(child, -ENOMEM);
	error = t->tid = child->pid = pid_alloc();
	if (error > 0) {
		t->process = child;
		cred_assign(&child->cred, &self->cred);
		thread_inherit(t, self, r);
		store_numbers(t, self, child->space, r);
		error = r->flags & CLONE_SYSVSEM ? sem_undo_share(self, t) : 0;
		if (!error)
			error = trace_inherit(t, self, r->flags, r->exit_signal);
		if (!error && (r->flags & CLONE_PIDFD))
			error = pidfd_for_child(self, child, r->pidfd, &pidfd);
		if (!error)
			error = thread_go(t, self, child, r);
	}
	if (error) {
		if (pidfd >= 0)
			(void)fd_close(self, self->process->fds, pidfd);
		thread_discard(t);
		return child_discard(child, error);
	}
	child_go(child, self, r);
	*made = child;
	return 0;
}

static int64_t clone_process(struct thread *self, const struct clone_request *r)
{
	struct process *p = self->process, *child;
	int error;
	int32_t pid;

	self->forks = true;
	self->fork_signals = 0;
	do
		error = child_begin(self, r, &child);
	while (error == -ENOMEM && process_make_room(self));
	self->forks = false;
	if (error)
		return error;
	pid = child->pid;
	if (r->flags & CLONE_VM)
		answers_stop(p);
	if (r->flags & CLONE_VFORK)
		child->vfork_waiter = self;
	trace_cloned(self, r->flags, r->exit_signal, pid);
	if (r->flags & CLONE_VFORK) {
		wait_for_vfork(self, child, pid);
		answers_update(p);
		trace_event(self, PTRACE_EVENT_VFORK_DONE, (uint64_t)pid);
	}
	return pid;
}

static int64_t clone_any(struct thread *self, const struct clone_request *r)
{
	int error = check_flags(self, r);

	if (!error)
		error = check_limits(self, r);
	if (error)
		return error;
	return r->flags & CLONE_THREAD ? clone_thread(self, r) : clone_process(self, r);
}

/* ---- the calls ---- */

int64_t sys_clone(struct thread *self, const uint64_t *args)
{
	struct clone_request r = {
		.flags = args[0] & 0xffffff00, .exit_signal = args[0] & CSIGNAL, .stack = args[1],
		.parent_tid = args[2], .child_tid = args[3], .tls = args[4], .pidfd = args[2],
	};

	/* In the old call this bit means the same as the parent's number place. */
	if ((r.flags & CLONE_PIDFD) && (r.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return clone_any(self, &r);
}

int64_t sys_fork(struct thread *self, const uint64_t *args)
{
	struct clone_request r = {.exit_signal = SIGCHLD};

	(void)args;
	return clone_any(self, &r);
}

int64_t sys_vfork(struct thread *self, const uint64_t *args)
{
	struct clone_request r = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};

	(void)args;
	return clone_any(self, &r);
}

struct clone_args { /* uapi/linux/sched.h */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_FIRST 64

static int clone_args_read(struct thread *self, uint64_t address, uint64_t size, struct clone_args *a)
{
	uint8_t more[64];

	memset(a, 0, sizeof(*a));
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_FIRST)
		return -EINVAL;
	if (user_read(self->process->space, a, address, size < sizeof(*a) ? size : sizeof(*a)))
		return -EFAULT;
	/* Fields that we do not know must say nothing. */
	for (uint64_t at = sizeof(*a); at < size; at += sizeof(more)) {
		uint64_t n = size - at < sizeof(more) ? size - at : sizeof(more);

		if (user_read(self->process->space, more, address + at, n))
			return -EFAULT;
		for (uint64_t i = 0; i < n; i++) {
			if (more[i])
				return -E2BIG;
		}
	}
	return 0;
}

int64_t sys_clone3(struct thread *self, const uint64_t *args)
{
	struct clone_args a;
	struct clone_request r;
	int error = clone_args_read(self, args[0], args[1], &a);

	if (error)
		return error;
	if (a.set_tid || a.set_tid_size || a.cgroup)
		return -EINVAL;
	if ((a.flags & (CSIGNAL | CLONE_DETACHED)) || (a.flags & ~UINT64_C(0x1ffffffff)))
		return -EINVAL;
	if ((a.stack == 0) != (a.stack_size == 0) || a.stack + a.stack_size < a.stack)
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
		return -EINVAL;
	if (a.exit_signal > SIGNAL_COUNT)
		return -EINVAL;
	r = (struct clone_request){
		.flags = a.flags, .exit_signal = (uint32_t)a.exit_signal, .stack = a.stack ? a.stack + a.stack_size : 0,
		.tls = a.tls, .parent_tid = a.parent_tid, .child_tid = a.child_tid, .pidfd = a.pidfd,
	};
	return clone_any(self, &r);
}

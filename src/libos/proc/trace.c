/*
 * Stops of traced threads, as Linux's kernel/ptrace.c and signal.c have them. Requests of tracers are in ptrace.c.
 */
#include <libos/lib/heap.h>
#include <libos/proc/internal.h>
#include <libos/proc/trace.h>

#define FLAG_TF UINT64_C(0x100)

static bool is_dying(const struct thread *t) { return t->exiting || t->process->group_exiting; }
static bool is_leader(const struct trace *tr) { return tr->process && tr->tid == tr->process->pid; }
static bool is_parent(const struct trace *tr) { return tr->process && tr->tracer == tr->process->parent; }

/* ---- who is traced ---- */

int trace_begin(struct process *tracer, struct thread *t, uint32_t options, bool seized, bool privileged)
{
	struct process *p = t->process;
	struct trace *tr;

	if (t->trace)
		return -EPERM;
	tr = heap_zalloc(sizeof(*tr));
	if (!tr)
		return -ENOMEM;
	*tr = (struct trace){.tracer = tracer, .thread = t, .process = p, .tid = t->tid, .options = options, .seized = seized,
	                     .orig_rax = -1, .stop_seen = p->stops - 1, .privileged = privileged};
	list_push_back(&tracer->tracees, &tr->node);
	t->trace = tr;
	/* What the kernel answers, and calls at rewritten sites, no tracer sees. */
	if (p->traced++ == 0)
		answers_stop(p);
	if (p->space)
		vm_show_text(p->space);
	return 0;
}

static void free_trace(struct trace *tr)
{
	if (tr->process && tr->process->left_trace == tr)
		tr->process->left_trace = NULL;
	list_remove(&tr->node);
	heap_free(tr);
}

static void step_end(struct trace *tr)
{
	if (tr->stepping && tr->thread->page)
		tr->thread->page->regs.rflags &= ~FLAG_TF;
	tr->stepping = false;
}

void trace_end(struct trace *tr, int32_t signal)
{
	struct thread *t = tr->thread;
	struct process *zombie = !t && tr->process && tr->process->unseen ? tr->process : NULL;

	if (t) {
		if (tr->stopped && signal >= 0)
			t->trace_signal = signal;
		if (tr->stepping)
			regs_edit(t);
		step_end(tr);
		t->trace = NULL;
		if (--t->process->traced == 0)
			answers_update(t->process);
		if (t->in_stop)
			sched_wake(t);
		else
			sched_interrupt(t);
	}
	if (zombie)
		zombie->unseen = false;
	free_trace(tr);
	/* Its parent's turn to hear of it. */
	if (zombie)
		process_notify_parent(zombie);
}

void trace_end_all(struct process *tracer)
{
	while (!list_empty(&tracer->tracees)) {
		struct trace *tr = TRACE_OF(tracer->tracees.next);
		struct process *victim = tr->options & PTRACE_O_EXITKILL && tr->thread ? tr->process : NULL;

		trace_end(tr, -1);
		if (victim)
			process_kill(victim);
	}
}

int32_t thread_tracer(const struct thread *t, bool *stopped)
{
	*stopped = t->trace && t->trace->stopped;
	return t->trace ? t->trace->tracer->pid : 0;
}

/* ---- stops ---- */

/* SIGCHLD for the tracer, and whoever waits there. */
static void tell(const struct trace *tr, int code, int32_t status)
{
	struct process *tracer = tr->tracer;
	const struct signal_action *action = &tracer->actions->action[SIGCHLD];
	struct signal_info info = {.signo = SIGCHLD, .code = code, .pid = tr->tid, .uid = tr->process ? tr->process->cred.uid : tr->uid,
	                           .status = status};

	if (tr->process) {
		info.user_ns = tr->process->user_ns;
		info.system_ns = tr->process->system_ns;
	}
	if (action->handler != 1 && !(action->flags & SA_NOCLDSTOP))
		signal_send_process(tracer, &info);
	waitq_wake_all(&tracer->child_wait);
}

/* Until the tracer lets it go on. info: what PTRACE_GETSIGINFO tells, or NULL. */
static void stop(struct thread *self, uint32_t code, const struct signal_info *info, int why)
{
	struct trace *tr = self->trace;
	bool ends = code >> 8 == PTRACE_EVENT_EXIT;

	if (is_dying(self) && !(ends && !tr->killed))
		return;
	regs_edit(self);
	step_end(tr);
	tr->code = code;
	tr->has_info = info != NULL;
	if (info)
		tr->info = *info;
	tr->reported = tr->listening = false;
	tr->stopped = true;
	self->trace_signal = (int32_t)(code & 0xff);
	tell(tr, why, (int32_t)(code & 0x7f));
	self->in_stop = true;
	while (self->trace && self->trace->stopped && (ends ? !self->trace->killed : !is_dying(self)))
		(void)sched_sleep(self, NO_DEADLINE, false);
	self->in_stop = false;
	if (self->trace)
		self->trace->stopped = self->trace->listening = false;
}

/* A stop whose signal says nothing to the program: the code is all that there is to tell. */
static void stop_for(struct thread *self, uint32_t code, int why)
{
	struct signal_info info = {.signo = (int32_t)(code & 0x7f), .code = (int32_t)code, .pid = self->tid, .uid = self->cred.uid};

	if (!self->trace)
		return;
	stop(self, code, &info, why);
}

void trace_resume(struct trace *tr, int32_t signal)
{
	struct thread *t = tr->thread;

	t->trace_signal = signal;
	tr->stopped = tr->listening = false;
	tr->call = TRACE_CALL_NONE;
	sched_wake(t);
}

/* What a tracer lets a stop at a call end with is sent to the thread. */
static void send_given(struct thread *self)
{
	struct signal_info info = {.signo = self->trace_signal, .code = SI_KERNEL};

	self->trace_signal = 0;
	if (info.signo > 0 && info.signo != SIGTRAP && !is_dying(self))
		signal_send_thread(self, &info);
}

/* ---- system calls ---- */

static void stop_at_call(struct thread *self, uint8_t which)
{
	struct trace *tr = self->trace;

	tr->call = which;
	tr->message = which == TRACE_CALL_ENTRY ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT;
	stop_for(self, SIGTRAP | (tr->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0), CLD_TRAPPED);
	if (self->trace_signal == (SIGTRAP | 0x80))
		self->trace_signal = 0;
	send_given(self);
}

bool trace_call_enter(struct thread *self, int64_t *result)
{
	struct exo_ctx_page *page = self->page;
	struct trace *tr = self->trace;
	bool emulate = tr->resume == TRACE_EMULATE;

	tr->orig_rax = self->syscall_nr;
	if (tr->resume == TRACE_RUN)
		return true;
	regs_edit(self);
	page->regs.rax = (uint64_t)(int64_t)-ENOSYS;
	stop_at_call(self, TRACE_CALL_ENTRY);
	*result = (int64_t)page->regs.rax;
	if (is_dying(self) || emulate)
		return false;
	/* The tracer may have gone meanwhile. */
	if (self->trace && (uint32_t)self->trace->orig_rax != self->syscall_nr)
		page->nr = self->syscall_nr = (uint32_t)self->trace->orig_rax;
	call_args(&page->regs, page->args);
	return (int32_t)self->syscall_nr != -1;
}

int64_t trace_call_exit(struct thread *self, int64_t result)
{
	struct trace *tr = self->trace;
	struct signal_info step = {.signo = SIGTRAP, .code = TRAP_BRKPT};
	bool stepped = tr->stepping;

	if (tr->resume == TRACE_CALLS && !is_dying(self)) {
		regs_edit(self);
		self->page->regs.rax = (uint64_t)result;
		stop_at_call(self, TRACE_CALL_EXIT);
		result = (int64_t)self->page->regs.rax;
	}
	if (stepped && self->trace) {
		/* The step was the call. */
		regs_edit(self);
		step.address = self->page->regs.rip;
		step_end(self->trace);
		signal_force(self, &step);
	}
	return result;
}

/* ---- signals ---- */

int trace_signal(struct thread *self, struct signal_info *info, bool in_call, int64_t *outcome)
{
	struct trace *tr = self->trace;
	struct exo_regs *r;
	int signo;

	regs_edit(self);
	r = &self->page->regs;
	tr->orig_rax = in_call ? (int64_t)self->syscall_nr : -1;
	if (in_call)
		r->rax = (uint64_t)*outcome;
	stop(self, (uint32_t)info->signo, info, CLD_TRAPPED);
	if (is_dying(self))
		return 0;
	if (in_call && self->trace && self->trace->orig_rax < 0)
		*outcome = 0; /* it is in no call any more, so none is made again */
	else if (in_call)
		*outcome = (int64_t)r->rax;
	signo = self->trace_signal;
	if (self->trace && signo == info->signo)
		*info = self->trace->info;
	self->trace_signal = 0;
	if (signo != info->signo)
		*info = (struct signal_info){.signo = signo, .code = SI_USER, .pid = self->trace ? self->trace->tracer->pid : 0,
		                             .uid = self->trace ? self->trace->tracer->cred.uid : 0};
	info->signo = signo;
	if (signo > 0 && (self->blocked & SIGNAL_BIT(signo)) && signo != SIGKILL) {
		signal_send_thread(self, info);
		return 0;
	}
	return signo;
}

bool trace_step_taken(struct thread *self)
{
	bool stepping = self->trace && self->trace->stepping;

	if (stepping)
		step_end(self->trace);
	return stepping;
}

void trace_handler(struct thread *self)
{
	stop_for(self, SIGTRAP, CLD_TRAPPED);
	self->trace_signal = 0;
}

void trace_hold(struct thread *self)
{
	struct process *p = self->process;
	struct trace *tr = self->trace;
	uint32_t signo = p->stopped ? (uint32_t)p->stop_signal : SIGTRAP;

	tr->trap = false;
	tr->stop_seen = p->stops;
	if (tr->seized)
		stop_for(self, signo | PTRACE_EVENT_STOP << 8, CLD_STOPPED);
	else
		stop(self, signo, NULL, CLD_STOPPED);
	self->trace_signal = 0;
}

void trace_continued(struct process *p)
{
	LIST_EACH(at, &p->threads) {
		struct trace *tr = THREAD_OF(at)->trace;

		if (!tr || !tr->seized)
			continue;
		tr->trap = true;
		if (tr->listening) /* and stops again, to tell of it */
			trace_resume(tr, 0);
		else
			sched_interrupt(tr->thread);
	}
}

/* ---- events ---- */

static void event_stop(struct thread *self, uint32_t event, uint64_t message)
{
	self->trace->message = message;
	stop_for(self, SIGTRAP | event << 8, CLD_TRAPPED);
	self->trace_signal = 0;
}

void trace_event(struct thread *self, uint32_t event, uint64_t message)
{
	if (self->trace && self->trace->options & 1u << event)
		event_stop(self, event, message);
}

void trace_exec(struct thread *self, int32_t old_tid)
{
	struct signal_info trap = {.signo = SIGTRAP, .code = SI_USER, .pid = self->process->pid, .uid = self->cred.uid};

	/* Its number is another thread's, whose end nobody is told of. */
	if (self->process->left_trace)
		free_trace(self->process->left_trace);
	if (!self->trace)
		return;
	self->trace->tid = self->tid;
	if (self->trace->options & PTRACE_O_TRACEEXEC)
		event_stop(self, PTRACE_EVENT_EXEC, (uint64_t)old_tid);
	else if (!self->trace->seized)
		signal_send_thread(self, &trap);
}

static uint32_t event_of(uint64_t flags, uint32_t exit_signal)
{
	if (flags & CLONE_UNTRACED)
		return 0;
	if (flags & CLONE_VFORK)
		return PTRACE_EVENT_VFORK;
	return exit_signal != SIGCHLD || (flags & CLONE_THREAD) ? PTRACE_EVENT_CLONE : PTRACE_EVENT_FORK;
}

int trace_inherit(struct thread *t, const struct thread *self, uint64_t flags, uint32_t exit_signal)
{
	const struct trace *tr = self->trace;
	uint32_t event = event_of(flags, exit_signal);
	int error;

	if (!tr || !((event && tr->options & 1u << event) || (flags & CLONE_PTRACE && !(flags & CLONE_UNTRACED))))
		return 0;
	error = trace_begin(tr->tracer, t, tr->options, tr->seized, tr->privileged);
	if (error)
		return error;
	if (tr->seized)
		t->trace->trap = true;
	else
		t->pending.set |= SIGNAL_BIT(SIGSTOP);
	return 0;
}

void trace_cloned(struct thread *self, uint64_t flags, uint32_t exit_signal, int32_t pid)
{
	uint32_t event = event_of(flags, exit_signal);

	if (event)
		trace_event(self, event, (uint64_t)pid);
}

/* ---- the end ---- */

void trace_exit_event(struct thread *self)
{
	const struct process *p = self->process;

	if (self->trace && self->trace->options & PTRACE_O_TRACEEXIT && !self->exit_told) {
		self->exit_told = true;
		event_stop(self, PTRACE_EVENT_EXIT, (uint64_t)(p->group_exiting ? p->exit_code : self->exit_code));
	}
}

static void tell_end(const struct trace *tr)
{
	int32_t signal = tr->exit_code & 0x7f;

	tell(tr, signal ? CLD_KILLED : CLD_EXITED, signal ? signal : tr->exit_code >> 8);
}

void trace_thread_ends(struct thread *self)
{
	struct process *p = self->process;
	struct trace *tr = self->trace;

	if (!tr)
		return;
	self->trace = NULL;
	p->traced--;
	tr->thread = NULL;
	tr->stopped = false;
	tr->exit_code = p->group_exiting ? p->exit_code : self->exit_code;
	tr->uid = self->cred.uid;
	tr->pgid = p->pgid;
	if (is_leader(tr)) {
		p->left_trace = tr; /* the end of the process is told */
		return;
	}
	tr->process = NULL;
	tell_end(tr);
}

bool trace_process_ends(struct process *p)
{
	struct trace *tr = p->left_trace;

	if (!tr)
		return false;
	if (is_parent(tr)) {
		free_trace(tr);
		return false;
	}
	tr->exit_code = p->exit_code;
	p->unseen = true;
	tell_end(tr);
	return true;
}

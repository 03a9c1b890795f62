/* Sending signals: queues, who gets one, stop and continue. Delivery is in signal_deliver.c. */
#include <libos/lib/heap.h>
#include <libos/proc/internal.h>

#define REALTIME_FIRST 32
#define STOP_SET                                                                                   \
	(SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define IGNORE_SET                                                                                 \
	(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
/* Faults come before what others send, so that their handlers see the registers of the fault. */
#define FAULT_SET                                                                                  \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |     \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

#define QUEUED_OF(at) LIST_ENTRY(at, struct signal_queued, node)

bool signal_default_ignored(int signo) { return SIGNAL_BIT(signo) & IGNORE_SET; }
bool signal_default_stops(int signo) { return SIGNAL_BIT(signo) & STOP_SET; }

bool signal_ignored(const struct process *p, int signo)
{
	uint64_t handler = p->actions->action[signo].handler;

	return handler == 1 || (handler == 0 && signal_default_ignored(signo));
}

bool signal_is_pending(const struct thread *t)
{
	const struct process *p = t->process;

	if (t->exiting || p->group_exiting)
		return true;
	if (t->killable_only)
		return false;
	return trace_holds(t) || signals_deliverable(t);
}

bool signal_is_ignored_or_blocked(const struct thread *t, int signo)
{
	return (t->blocked & SIGNAL_BIT(signo)) || signal_ignored(t->process, signo);
}

bool signal_is_dropped(const struct thread *t, int signo)
{
	/* A tracer sees what is ignored, too. */
	return signal_ignored(t->process, signo) && !((t->blocked | t->real_blocked) & SIGNAL_BIT(signo)) && !t->trace;
}

/* ---- queues ---- */

void pending_init(struct signal_pending *pending)
{
	pending->set = 0;
	list_init(&pending->queue);
}

static void queued_free(struct process *p, struct signal_queued *q, bool delivered)
{
	if (!delivered)
		posix_timer_discarded(p, &q->info);
	list_remove(&q->node);
	user_uncharge(q->uid, USER_SIGNALS, q->charged);
	heap_free(q);
}

void pending_flush(struct process *p, struct signal_pending *pending, uint64_t set)
{
	pending->set &= ~set;
	LIST_EACH_SAFE(at, after, &pending->queue) {
		if (SIGNAL_BIT(QUEUED_OF(at)->info.signo) & set)
			queued_free(p, QUEUED_OF(at), false);
	}
}

static int pending_add(struct process *p, struct signal_pending *pending, const struct signal_info *info)
{
	bool realtime = info->signo >= REALTIME_FIRST;
	struct signal_queued *q;

	if (!realtime && (pending->set & SIGNAL_BIT(info->signo)))
		return 0;
	q = heap_alloc(sizeof(*q));
	if (q) {
		q->info = *info;
		q->uid = p->cred.uid;
		q->charged = user_charge(q->uid, USER_SIGNALS, 1, realtime ? p->limits[RLIMIT_SIGPENDING].soft : UINT64_MAX);
	}
	/* A standard signal is there even when nothing can be told of it. */
	if (realtime && !(q && q->charged)) {
		heap_free(q);
		return -EAGAIN;
	}
	if (q)
		list_push_back(&pending->queue, &q->node);
	pending->set |= SIGNAL_BIT(info->signo);
	return 0;
}

static void pending_take(struct process *p, struct signal_pending *pending, int signo, struct signal_info *info)
{
	struct signal_queued *first = NULL;
	bool more = false;

	LIST_EACH(at, &pending->queue) {
		if (QUEUED_OF(at)->info.signo != signo)
			continue;
		if (first)
			more = true;
		else
			first = QUEUED_OF(at);
	}
	if (first) {
		*info = first->info;
		queued_free(p, first, true);
	} else {
		*info = (struct signal_info){.signo = signo, .code = SI_USER};
	}
	if (!more)
		pending->set &= ~SIGNAL_BIT(signo);
}

int signal_take(struct thread *t, uint64_t set, struct signal_info *info)
{
	struct process *p = t->process;
	int signo;

	do {
		/* The thread's own come first; of each, those that an instruction raises. */
		struct signal_pending *from = t->pending.set & set ? &t->pending : &p->pending;
		uint64_t ready = from->set & set;

		if (!ready)
			return 0;
		if (ready & FAULT_SET)
			ready &= FAULT_SET;
		signo = __builtin_ctzll(ready) + 1;
		pending_take(p, from, signo, info);
	} while (!timers_deliver(p, info));
	return signo;
}

/* ---- waking ---- */

void process_kill(struct process *p)
{
	if (p->state != PROCESS_ALIVE)
		return;
	if (!p->group_exiting)
		p->exit_code = SIGKILL;
	else if (p->traced == 0)
		return;
	p->group_exiting = true;
	LIST_EACH(at, &p->threads) {
		struct thread *t = THREAD_OF(at);

		if (t->trace)
			t->trace->killed = true;
		if (t->in_stop)
			sched_wake(t);
		else
			sched_interrupt(t);
	}
}

static void offer(struct thread *t)
{
	t->process->signal_target = t;
	t->offered = true;
	sched_interrupt(t);
}

/* One that has another signal to see to already takes it only if it runs. */
static bool wants(const struct thread *t, int signo)
{
	if ((t->blocked & SIGNAL_BIT(signo)) || t->exiting)
		return false;
	return t == libos.sched.current || !signals_deliverable(t);
}

/*
 * A signal to the process goes to one thread: the first one if that wants it, else the next that does, from where the
 * last search ended (Linux's complete_signal()). If none does (NULL), it waits for whoever unblocks it. Asked before the
 * signal is pending, which whoever had one before could not be told from.
 */
static struct thread *who_wants(struct process *p, int signo)
{
	struct thread *leader = process_any_thread(p), *t;
	struct list *at = p->signal_target ? &p->signal_target->sibling : p->threads.next;

	if (wants(leader, signo))
		return leader;
	for (uint32_t i = 0; i < p->thread_count; i++, at = at->next) {
		if (at == &p->threads)
			at = at->next;
		t = THREAD_OF(at);
		if (wants(t, signo))
			return t;
	}
	return NULL;
}

/* Signals of `left`, which this thread no longer takes, go to the others that do not block them. */
static void pass_on(struct thread *from, uint64_t left)
{
	struct process *p = from->process;

	LIST_EACH(at, &p->threads) {
		struct thread *t = THREAD_OF(at);

		if (!left)
			return;
		if (t == from || t->exiting || !(left & ~t->blocked))
			continue;
		left &= t->blocked;
		offer(t);
	}
}

void signal_recheck(struct thread *t)
{
	uint64_t pending = t->process->pending.set;

	if (pending & ~t->blocked)
		t->offered = true;
	if (pending & t->blocked)
		pass_on(t, pending & t->blocked);
}

void signal_thread_ends(struct thread *t)
{
	if (t->process->signal_target == t)
		t->process->signal_target = NULL;
	if (t->offered)
		pass_on(t, t->process->pending.set & ~t->blocked);
	t->offered = false;
}

/* ---- stop and continue ---- */

static void flush_everywhere(struct process *p, uint64_t set)
{
	pending_flush(p, &p->pending, set);
	LIST_EACH(at, &p->threads)
		pending_flush(p, &THREAD_OF(at)->pending, set);
}

static void notify_parent_of_state(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	struct signal_info info = {.signo = SIGCHLD, .code = code, .pid = p->pid, .uid = p->cred.uid, .status = status,
	                           .user_ns = p->user_ns, .system_ns = p->system_ns};

	if (!parent)
		return;
	if (!(parent->actions->action[SIGCHLD].flags & SA_NOCLDSTOP))
		signal_send_process(parent, &info);
	waitq_wake_all(&parent->child_wait);
}

void process_stop(struct process *p, int signo)
{
	p->stops++;
	if (p->stopped) {
		/* Tracers have let some of it go on, and have these stop again. */
		LIST_EACH(at, &p->threads)
			sched_interrupt(THREAD_OF(at));
		return;
	}
	p->stopped = true;
	p->continued = false;
	p->stop_reported = false;
	p->stop_signal = signo;
	LIST_EACH(at, &p->threads)
		sched_interrupt(THREAD_OF(at));
	notify_parent_of_state(p, CLD_STOPPED, signo);
}

void process_continue(struct process *p)
{
	if (!p->stopped)
		return;
	p->stopped = false;
	p->continued = true;
	p->stop_reported = true;
	LIST_EACH(at, &p->threads) {
		if (THREAD_OF(at)->in_stop)
			sched_wake(THREAD_OF(at));
	}
	notify_parent_of_state(p, CLD_CONTINUED, SIGCONT);
}

/* Stop and continue cancel each other already when they are sent, blocked or not. */
static void side_effects(struct process *p, int signo)
{
	if (signal_default_stops(signo)) {
		flush_everywhere(p, SIGNAL_BIT(SIGCONT));
	} else if (signo == SIGCONT) {
		flush_everywhere(p, STOP_SET);
		process_continue(p);
		if (p->traced > 0)
			trace_continued(p);
	}
}

/* Who reads signals from a descriptor. */
static void tell_readers(struct process *p)
{
	if (!list_empty(&p->signal_wait.waiters))
		waitq_wake_events(&p->signal_wait, POLLIN);
}

/* ---- sending ---- */

int signal_queue_process(struct process *p, const struct signal_info *info)
{
	int signo = info->signo, error;
	struct thread *t = process_any_thread(p), *target;

	if (p->state != PROCESS_ALIVE || !t || p->group_exiting)
		return 0;
	side_effects(p, signo);
	if (signo == SIGKILL) {
		process_kill(p);
		return 0;
	}
	if (signal_is_dropped(t, signo))
		return 0;
	target = who_wants(p, signo);
	error = pending_add(p, &p->pending, info);
	if (error)
		return error;
	if (target == t) { /* the first one: the next search does not go on behind it */
		t->offered = true;
		sched_interrupt(t);
	} else if (target) {
		offer(target);
	}
	tell_readers(p);
	return 0;
}

int signal_queue_thread(struct thread *t, const struct signal_info *info)
{
	struct process *p = t->process;
	int signo = info->signo, error;

	if (p->state != PROCESS_ALIVE || t->exiting || p->group_exiting)
		return 0;
	side_effects(p, signo);
	if (signo == SIGKILL) {
		process_kill(p);
		return 0;
	}
	if (signal_is_dropped(t, signo))
		return 0;
	error = pending_add(p, &t->pending, info);
	if (error)
		return error;
	sched_interrupt(t);
	tell_readers(p);
	return 0;
}

void signal_send_process(struct process *p, const struct signal_info *info)
{
	/* Only realtime instances can be refused, and those come through sigqueue. */
	(void)signal_queue_process(p, info);
}

void signal_send_thread(struct thread *t, const struct signal_info *info)
{
	(void)signal_queue_thread(t, info);
}

void signal_sent_to_many(struct process *p, int signo)
{
	LIST_EACH(at, &p->threads) {
		struct thread *t = THREAD_OF(at);

		if (!t->forks)
			continue;
		if (signal_default_stops(signo))
			t->fork_signals &= ~SIGNAL_BIT(SIGCONT);
		if (signo == SIGCONT)
			t->fork_signals &= ~STOP_SET;
		t->fork_signals |= SIGNAL_BIT(signo);
	}
}

void signal_send_group(int32_t pgid, int signo)
{
	struct signal_info info = {.signo = signo, .code = SI_KERNEL};

	LIST_EACH(at, &libos.procs.all) {
		if (PROCESS_OF(at)->pgid == pgid) {
			signal_send_process(PROCESS_OF(at), &info);
			signal_sent_to_many(PROCESS_OF(at), signo);
		}
	}
}

void signal_force(struct thread *t, const struct signal_info *info)
{
	struct signal_action *action = &t->process->actions->action[info->signo];
	uint64_t bit = SIGNAL_BIT(info->signo);

	/* The program would fault again at once and for ever: it dies of it instead. */
	if (action->handler == 1 || (t->blocked & bit)) {
		action->handler = 0;
		t->blocked &= ~bit;
	}
	(void)pending_add(t->process, &t->pending, info);
}

/* What happens on the way back to the program: death, stops, handlers, restarts of system calls. */
#include <libos/proc/internal.h>

static bool is_restart(int64_t result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK;
}

/*
 * A handler runs first: what the call gives after it. One that is made again stands at its `syscall` instruction,
 * as the handler can see. A machine may have rewritten that site, so the program cannot be sent back
 * to it: the frame says that the call is to be made again, and rt_sigreturn does it.
 */
static void resolve_for_handler(struct thread *self, int64_t result, const struct signal_action *action)
{
	if (!is_restart(result))
		return;
	regs_edit(self);
	if (result == -ERESTARTNOINTR || (result == -ERESTARTSYS && (action->flags & SA_RESTART))) {
		self->page->regs.rax = self->syscall_nr;
		self->page->regs.rip -= SYSCALL_SIZE;
		self->restart_after = true;
	} else {
		self->page->regs.rax = (uint64_t)(int64_t)-EINTR;
	}
}

static void park_stopped(struct thread *self)
{
	if (libos.options.strace && self->process->stopped)
		strace_stopped(self, self->process->stop_signal);
	self->in_stop = true;
	while (self->process->stopped && !self->process->group_exiting && !self->exiting && !self->trace)
		(void)sched_sleep(self, NO_DEADLINE, false);
	self->in_stop = false;
}

/* The default action of a signal that has no handler. */
static void default_action(struct thread *self, const struct signal_info *info)
{
	struct process *p = self->process;
	int signo = info->signo;

	if (signal_default_ignored(signo))
		return;
	/* Another process sent it while process 1 had it blocked (signal_calls.c, is_spared()). */
	if (p == libos.procs.init && info->code <= 0 && (info->whole || (info->pid && info->pid != p->pid)))
		return;
	if (signal_default_stops(signo)) {
		if (signo == SIGSTOP || !process_group_orphaned(p->pgid))
			process_stop(p, signo);
		return;
	}
	process_exit(self, signo);
}

static void run_handler(struct thread *self, struct signal_action *action, const struct signal_info *info)
{
	int signo = info->signo;
	uint64_t mask = self->restore_blocked ? self->saved_blocked : self->blocked;
	struct signal_action used = *action;
	bool pushed, stepped;

	if (action->flags & SA_RESETHAND)
		action->handler = 0;
	self->restore_blocked = false;
	regs_edit(self);
	stepped = trace_step_taken(self);
	pushed = signal_frame_push(self, &used, info, mask);
	if (!pushed) {
		struct signal_info segv = {.signo = SIGSEGV, .code = SI_KERNEL};

		if (signo == SIGSEGV)
			self->process->actions->action[SIGSEGV].handler = 0;
		self->blocked = mask;
		signal_force(self, &segv);
		return;
	}
	if (stepped)
		trace_handler(self);
	self->restart_after = false;
	self->blocked |= used.mask;
	if (!(used.flags & SA_NODEFER))
		self->blocked |= SIGNAL_BIT(signo);
	self->blocked &= ~SIGNAL_UNBLOCKABLE;
	signal_recheck(self);
}

enum return_to signal_before_return(struct thread *self, int64_t *result)
{
	struct process *p = self->process;
	int64_t outcome = result ? *result : 0;
	bool interrupted = is_restart(outcome) || outcome == -EINTR, handled = false;
	struct signal_info info;

	/* A call that came to its end unhindered puts its mask back before anything is delivered. */
	if (self->restore_blocked && !interrupted) {
		self->blocked = self->saved_blocked;
		self->restore_blocked = false;
		signal_recheck(self);
	}
	for (;;) {
		struct signal_action *action;
		int signo;

		if (self->exiting || p->group_exiting)
			thread_exit(self);
		if (trace_holds(self)) {
			if (self->trace)
				trace_hold(self);
			else
				park_stopped(self);
			continue;
		}
		signo = 0;
		if (signals_deliverable(self)) {
			self->offered = true; /* whoever has one to see to sees to the process's, too */
			signo = signal_take(self, ~self->blocked, &info);
		}
		if (!signo && self->restore_blocked) {
			self->blocked = self->saved_blocked;
			self->restore_blocked = false;
			signal_recheck(self);
			continue;
		}
		if (!signo)
			break;
		if (libos.options.strace)
			strace_signal(self, &info);
		if (self->trace && signo != SIGKILL) {
			signo = trace_signal(self, &info, result && !handled, &outcome);
			if (!signo)
				continue;
		}
		action = &p->actions->action[signo];
		if (signo == SIGKILL || action->handler == 0) {
			default_action(self, &info);
		} else if (action->handler != 1) {
			if (!handled)
				resolve_for_handler(self, outcome, action);
			handled = true;
			run_handler(self, action, &info);
		}
	}
	self->offered = false;
	if (handled || !is_restart(outcome))
		return RETURN_GO;
	return outcome == -ERESTART_RESTARTBLOCK ? RETURN_RESTART_BLOCK : RETURN_RESTART;
}

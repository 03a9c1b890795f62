/* System calls about signals. */
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define SET_SIZE 8 /* sizeof(sigset_t) of the kernel */

struct sigaction64 { /* struct kernel_sigaction */
	uint64_t handler, flags, restorer, mask;
};

#define FLAGS_KNOWN                                                                                \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |         \
	 SA_RESETHAND | SA_RESTORER)

static bool valid_signal(int32_t signo) { return signo >= 1 && signo <= SIGNAL_COUNT; }

int64_t sys_rt_sigaction(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	int32_t signo = (int32_t)args[0];
	struct sigaction64 new, old;
	struct signal_action *action;

	if (args[3] != SET_SIZE)
		return -EINVAL;
	if (args[1] && user_read(p->space, &new, args[1], sizeof(new)))
		return -EFAULT;
	if (!valid_signal(signo))
		return -EINVAL;
	if (args[1] && (SIGNAL_BIT(signo) & SIGNAL_UNBLOCKABLE))
		return -EINVAL;
	action = &p->actions->action[signo];
	old = (struct sigaction64){action->handler, action->flags, action->restorer, action->mask};
	if (args[1]) {
		*action = (struct signal_action){.handler = new.handler, .flags = new.flags & FLAGS_KNOWN,
		                                 .restorer = new.restorer, .mask = new.mask & ~SIGNAL_UNBLOCKABLE};
		/* POSIX: a pending signal that becomes ignored is discarded, blocked or not. */
		if (signal_ignored(p, signo)) {
			pending_flush(p, &p->pending, SIGNAL_BIT(signo));
			LIST_EACH(at, &p->threads)
				pending_flush(p, &THREAD_OF(at)->pending, SIGNAL_BIT(signo));
		} else {
			posix_timers_unignore(p, signo);
		}
	}
	if (args[2] && user_write(p->space, args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_rt_sigprocmask(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	uint64_t set = 0, old = self->blocked, blocked = old;

	if (args[3] != SET_SIZE)
		return -EINVAL;
	if (args[1]) {
		if (user_read(space, &set, args[1], sizeof(set)))
			return -EFAULT;
		switch ((int32_t)args[0]) {
		case SIG_BLOCK:
			blocked |= set;
			break;
		case SIG_UNBLOCK:
			blocked &= ~set;
			break;
		case SIG_SETMASK:
			blocked = set;
			break;
		default:
			return -EINVAL;
		}
		self->blocked = blocked & ~SIGNAL_UNBLOCKABLE;
		signal_recheck(self);
	}
	if (args[2] && user_write(space, args[2], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_rt_sigpending(struct thread *self, const uint64_t *args)
{
	uint64_t set = (self->pending.set | self->process->pending.set) & self->blocked;

	if (args[1] > SET_SIZE)
		return -EINVAL;
	return user_write(self->process->space, args[0], &set, args[1]) ? -EFAULT : 0;
}

int64_t sys_rt_sigsuspend(struct thread *self, const uint64_t *args)
{
	uint64_t set;

	if (args[1] != SET_SIZE)
		return -EINVAL;
	if (user_read(self->process->space, &set, args[0], sizeof(set)))
		return -EFAULT;
	self->saved_blocked = self->blocked;
	self->restore_blocked = true;
	self->blocked = set & ~SIGNAL_UNBLOCKABLE;
	signal_recheck(self);
	while (!signal_is_pending(self))
		(void)sched_sleep(self, NO_DEADLINE, true);
	return -ERESTARTNOHAND;
}

int64_t sys_pause(struct thread *self, const uint64_t *args)
{
	(void)args;
	while (!signal_is_pending(self))
		(void)sched_sleep(self, NO_DEADLINE, true);
	return -ERESTARTNOHAND;
}

int64_t sys_rt_sigtimedwait(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	uint64_t set, blocked = self->blocked, deadline = NO_DEADLINE;
	uint8_t bytes[SIGINFO_SIZE];
	struct signal_info info;
	int signo;

	if (args[3] != SET_SIZE)
		return -EINVAL;
	if (user_read(space, &set, args[0], sizeof(set)))
		return -EFAULT;
	if (args[2]) {
		int64_t ns;
		int error = timespec_read(self, args[2], &ns);

		if (error)
			return error;
		deadline = ns ? ns_add(libos_now(), (uint64_t)ns) : 0;
	}
	set &= ~SIGNAL_UNBLOCKABLE;
	signo = signal_take(self, set, &info);
	while (!signo && deadline) {
		int result;

		self->real_blocked = blocked;
		self->blocked = blocked & ~set;
		result = sched_sleep(self, deadline, true);
		self->blocked = blocked;
		self->real_blocked = 0;
		signo = signal_take(self, set, &info);
		if (!signo && result == -EINTR)
			return -EINTR;
		if (!signo && result == -ETIMEDOUT)
			break;
	}
	if (!signo)
		return -EAGAIN;
	siginfo_encode(&info, bytes);
	if (args[1] && user_write(space, args[1], bytes, sizeof(bytes)))
		return -EFAULT;
	return signo;
}

int64_t sys_sigaltstack(struct thread *self, const uint64_t *args)
{
	struct { uint64_t sp; uint32_t flags, pad; uint64_t size; } new, old;
	struct vm_space *space = self->process->space;
	struct signal_stack *s = &self->altstack;
	bool inside;
	uint32_t mode;

	if (args[0] && user_read(space, &new, args[0], sizeof(new)))
		return -EFAULT;
	regs_save(self);
	inside = !(s->flags & SS_AUTODISARM) && s->size && self->page->regs.rsp > s->sp &&
	         self->page->regs.rsp - s->sp <= s->size;
	memset(&old, 0, sizeof(old));
	old.sp = s->sp;
	old.size = s->size;
	old.flags = (s->flags & SS_AUTODISARM) | (s->size ? 0 : SS_DISABLE) | (inside ? SS_ONSTACK : 0);
	if (args[0]) {
		mode = new.flags & ~SS_AUTODISARM;
		if (inside)
			return -EPERM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
			return -EINVAL;
		if (mode != SS_DISABLE && new.size < MINSIGSTKSZ)
			return -ENOMEM;
		*s = (struct signal_stack){.flags = (new.flags & SS_AUTODISARM) | (mode == SS_DISABLE ? SS_DISABLE : 0)};
		if (mode != SS_DISABLE) {
			s->sp = new.sp;
			s->size = new.size;
		}
	}
	if (args[1] && user_write(space, args[1], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- sending ---- */

bool may_signal(const struct thread *from, const struct process *to, int signo)
{
	const struct credentials *f = &from->cred, *t = &to->cred;

	if (from->process == to || privileged(f, PRIV_SIGNAL) || f->euid == t->suid || f->euid == t->uid || f->uid == t->suid ||
	    f->uid == t->uid)
		return true;
	return signo == SIGCONT && from->process->session == to->session;
}

/*
 * Process 1 gets from other processes only what it has a handler for or waits for with the signal blocked, as in a pid
 * namespace of Linux: so nobody ends the system by accident. What it sends to itself (abort()), and what the terminal and
 * the operator send, acts as ever. What comes while it is blocked, and is not waited for, is dropped when it would act
 * (default_action()).
 */
static bool is_spared(const struct process *from, const struct process *to, int signo)
{
	const struct thread *first = LIST_ENTRY(to->threads.next, struct thread, sibling);

	if (to != libos.procs.init || from == to)
		return false;
	if (SIGNAL_BIT(signo) & SIGNAL_UNBLOCKABLE)
		return true;
	return to->actions->action[signo].handler == 0 && !((first->blocked | first->real_blocked) & SIGNAL_BIT(signo));
}

/* many: it is one of several that are sent it. */
static int send_checked(struct thread *self, struct process *to, const struct signal_info *info, bool many)
{
	int error;

	if (info->signo < 0 || info->signo > SIGNAL_COUNT)
		return -EINVAL;
	if (!may_signal(self, to, info->signo))
		return -EPERM;
	if (!info->signo || is_spared(self->process, to, info->signo))
		return 0;
	error = signal_queue_process(to, info);
	if (!error && many)
		signal_sent_to_many(to, info->signo);
	return error;
}

/* kill() of a group or of all: success if at least one was reached. */
static int64_t kill_many(struct thread *self, int32_t pgid, const struct signal_info *info)
{
	int64_t result = -ESRCH;

	LIST_EACH(at, &libos.procs.all) {
		struct process *p = PROCESS_OF(at);
		int error;

		if (pgid ? p->pgid != pgid : p == libos.procs.init || p == self->process)
			continue;
		error = send_checked(self, p, info, true);
		if (!error || result == -ESRCH)
			result = error;
	}
	return result;
}

/* Linux takes any thread's number where a process's is asked for. */
static struct process *process_of(int32_t pid)
{
	struct process *p = process_find(pid);
	struct thread *t = p ? NULL : thread_find(pid);

	return t ? t->process : p;
}

int64_t sys_kill(struct thread *self, const uint64_t *args)
{
	int32_t pid = (int32_t)args[0], signo = (int32_t)args[1];
	struct signal_info info = {.signo = signo, .code = SI_USER, .pid = self->process->pid,
	                           .uid = self->cred.uid};
	struct process *p;

	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid <= 0)
		return kill_many(self, pid == -1 ? 0 : pid ? -pid : self->process->pgid, &info);
	p = process_of(pid);
	return p ? send_checked(self, p, &info, false) : -ESRCH;
}

static int64_t thread_kill(struct thread *self, int32_t tgid, int32_t tid, const struct signal_info *info)
{
	struct thread *t;

	if (tid <= 0)
		return -EINVAL;
	t = thread_find(tid);
	if (!t) {
		struct process *zombie = process_find(tid);

		return zombie && (!tgid || tgid == tid) ? 0 : -ESRCH;
	}
	if (tgid && t->process->pid != tgid)
		return -ESRCH;
	if (info->signo < 0 || info->signo > SIGNAL_COUNT)
		return -EINVAL;
	if (!may_signal(self, t->process, info->signo))
		return -EPERM;
	if (!info->signo || is_spared(self->process, t->process, info->signo))
		return 0;
	return signal_queue_thread(t, info);
}

int64_t sys_tkill(struct thread *self, const uint64_t *args)
{
	struct signal_info info = {.signo = (int32_t)args[1], .code = SI_TKILL, .pid = self->process->pid,
	                           .uid = self->cred.uid};

	return thread_kill(self, 0, (int32_t)args[0], &info);
}

int64_t sys_tgkill(struct thread *self, const uint64_t *args)
{
	struct signal_info info = {.signo = (int32_t)args[2], .code = SI_TKILL, .pid = self->process->pid,
	                           .uid = self->cred.uid};

	if ((int32_t)args[0] <= 0)
		return -EINVAL;
	return thread_kill(self, (int32_t)args[0], (int32_t)args[1], &info);
}

/* Of these codes the kernel knows which fields there are (Linux's known_siginfo_layout()). */
static bool siginfo_is_known(int32_t signo, int32_t code)
{
	static const int8_t codes[SIGSYS + 1] = {[SIGILL] = 11, [SIGFPE] = 15, [SIGSEGV] = 10, [SIGBUS] = 5, [SIGTRAP] = 6,
	                                         [SIGCHLD] = 6, [SIGIO] = 6, [SIGSYS] = 2};

	if (code == SI_KERNEL)
		return true;
	if (code > SI_USER)
		return code <= (signo > 0 && signo <= SIGSYS && codes[signo] ? codes[signo] : codes[SIGIO]);
	return code >= -7 || code == -60; /* SI_DETHREAD, SI_ASYNCNL */
}

/* The sender's own siginfo: it may not pretend to be the kernel towards others. */
static int user_info(struct thread *self, uint64_t address, int32_t signo, int32_t target, struct signal_info *info)
{
	uint8_t bytes[SIGINFO_SIZE];

	if (user_read(self->process->space, bytes, address, sizeof(bytes)))
		return -EFAULT;
	siginfo_decode(bytes, info);
	if (!siginfo_is_known(signo, info->code)) {
		for (int i = SIGINFO_KEPT; i < SIGINFO_SIZE; i++) {
			if (bytes[i])
				return -E2BIG;
		}
	}
	info->signo = signo;
	if ((info->code >= 0 || info->code == SI_TKILL) && target != self->process->pid)
		return -EPERM;
	return 0;
}

int64_t sys_rt_sigqueueinfo(struct thread *self, const uint64_t *args)
{
	struct signal_info info;
	int error = user_info(self, args[2], (int32_t)args[1], (int32_t)args[0], &info);
	struct process *p;

	if (error)
		return error;
	p = process_of((int32_t)args[0]);
	return p ? send_checked(self, p, &info, false) : -ESRCH;
}

int64_t sys_pidfd_send_signal(struct thread *self, const uint64_t *args)
{
	struct signal_info info = {.signo = (int32_t)args[1], .code = SI_USER, .pid = self->process->pid, .uid = self->cred.uid};
	struct process *p;
	bool nonblocking;
	int32_t signo = info.signo;
	int error;

	if (args[3])
		return -EINVAL;
	error = pidfd_process(self, (int32_t)args[0], &p, &nonblocking);
	if (!error && args[2] && user_read(self->process->space, &signo, args[2], sizeof(signo)))
		error = -EFAULT;
	if (!error && signo != info.signo)
		error = -EINVAL;
	if (!error && args[2])
		error = user_info(self, args[2], signo, p ? p->pid : 0, &info);
	if (error)
		return error;
	return p ? send_checked(self, p, &info, false) : -ESRCH;
}

int64_t sys_rt_tgsigqueueinfo(struct thread *self, const uint64_t *args)
{
	struct signal_info info;
	int error = user_info(self, args[3], (int32_t)args[2], (int32_t)args[0], &info);

	if (error)
		return error;
	if ((int32_t)args[0] <= 0)
		return -EINVAL;
	return thread_kill(self, (int32_t)args[0], (int32_t)args[1], &info);
}

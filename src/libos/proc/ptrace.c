/*
 * ptrace(2): what a tracer asks for. Stops are in trace.c, registers in user_area.c.
 * Requests, numbers and layouts are those of Linux's uapi/linux/ptrace.h; the order of checks is that of its kernel/ptrace.c.
 */
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define OPTIONS_KNOWN                                                                                                  \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
	 PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL)

struct iovec64 {
	uint64_t base, length;
};

/* ---- becoming a tracer ---- */

static int64_t trace_me(struct thread *self)
{
	struct process *parent = self->process->parent;

	if (self->trace)
		return -EPERM;
	/* Nobody is told of the first program's stops. */
	if (!parent)
		return 0;
	if (!cred_may_be_traced(&self->cred, &parent->cred))
		return -EPERM;
	return trace_begin(parent, self, 0, false, privileged(&self->cred, PRIV_INSPECT));
}

static int64_t attach(struct thread *self, struct thread *t, uint64_t address, uint64_t options, bool seize)
{
	struct signal_info stop = {.signo = SIGSTOP, .code = SI_KERNEL};
	int error;

	if (seize && (address || (options & ~(uint64_t)OPTIONS_KNOWN)))
		return -EIO;
	if (t->process == self->process || !thread_may_inspect(self, t->process, true) || t->exiting || t->process->group_exiting || t->trace)
		return -EPERM;
	error = trace_begin(self->process, t, seize ? (uint32_t)options : 0, seize, privileged(&self->cred, PRIV_INSPECT));
	if (error)
		return error;
	if (!seize)
		signal_send_thread(t, &stop);
	/* One that is stopped already comes to a stop that its tracer can work with. */
	if (t->process->stopped && t->in_stop)
		sched_wake(t);
	return 0;
}

/* ---- memory ---- */

static bool may_look(const struct trace *tr)
{
	return tr->process->space && (tr->process->dumpable == 1 || tr->privileged);
}

static int64_t peek(struct thread *self, struct trace *tr, uint64_t address, uint64_t result)
{
	uint64_t word;

	if (!may_look(tr) || vm_peek(tr->process->space, &word, address, sizeof(word), true) != sizeof(word))
		return -EIO;
	return user_write(self->process->space, result, &word, sizeof(word)) ? -EFAULT : 0;
}

static int64_t poke(struct trace *tr, uint64_t address, uint64_t word)
{
	return may_look(tr) && vm_poke(tr->process->space, address, &word, sizeof(word), true) == sizeof(word) ? 0 : -EIO;
}

/* ---- registers ---- */

static int64_t get_registers(struct thread *self, struct trace *tr, uint64_t to, uint64_t size)
{
	uint64_t regs[USER_REGS_SIZE / 8];

	for (uint64_t at = 0; at < size; at += 8)
		(void)user_area_get(tr, at, &regs[at / 8]);
	return user_write(self->process->space, to, regs, size) ? -EFAULT : 0;
}

static int64_t set_registers(struct thread *self, struct trace *tr, uint64_t from, uint64_t size)
{
	uint64_t regs[USER_REGS_SIZE / 8];

	if (user_read(self->process->space, regs, from, size))
		return -EFAULT;
	for (uint64_t at = 0; at + 8 <= size; at += 8) {
		int error = user_area_set(tr, at, regs[at / 8]);

		if (error)
			return error;
	}
	return 0;
}

static int64_t get_vectors(struct thread *self, struct trace *tr, uint64_t to, uint64_t size)
{
	uint8_t *state = heap_alloc(sizeof(tr->thread->page->fp));
	int error;

	if (!state)
		return -ENOMEM;
	user_fp_get(tr->thread, state, size);
	error = user_write(self->process->space, to, state, size);
	heap_free(state);
	return error ? -EFAULT : 0;
}

static int64_t set_vectors(struct thread *self, struct trace *tr, uint64_t from, uint64_t size)
{
	uint8_t *state = heap_alloc(sizeof(tr->thread->page->fp));
	int error;

	if (!state)
		return -ENOMEM;
	error = user_read(self->process->space, state, from, size) ? -EFAULT : user_fp_set(tr->thread, state, size);
	heap_free(state);
	return error;
}

enum { NT_PRSTATUS = 1, NT_PRFPREG = 2, NT_X86_XSTATE = 0x202 };

static int64_t register_set(struct thread *self, struct trace *tr, uint64_t type, uint64_t address, bool set)
{
	struct vm_space *space = self->process->space;
	struct iovec64 part;
	uint64_t size;
	int64_t r;

	if (user_read(space, &part, address, sizeof(part)))
		return -EFAULT;
	size = type == NT_PRSTATUS ? USER_REGS_SIZE : type == NT_PRFPREG ? USER_FP_SIZE : type == NT_X86_XSTATE ? user_xstate_size(tr->thread) : 0;
	if (!size || part.length % 8)
		return -EINVAL;
	if (part.length < size)
		size = part.length;
	/* A part of the vector state is none. */
	if (type == NT_X86_XSTATE && set && size < user_xstate_size(tr->thread))
		return -EFAULT;
	if (type == NT_PRSTATUS)
		r = set ? set_registers(self, tr, part.base, size) : get_registers(self, tr, part.base, size);
	else
		r = set ? set_vectors(self, tr, part.base, size) : get_vectors(self, tr, part.base, size);
	part.length = size;
	if (!r && user_write(space, address + 8, &part.length, sizeof(part.length)))
		return -EFAULT;
	return r;
}

/* ---- signals ---- */

static int64_t signal_information(struct thread *self, struct trace *tr, uint64_t address, bool set)
{
	uint8_t bytes[SIGINFO_SIZE];

	if (set && user_read(self->process->space, bytes, address, sizeof(bytes)))
		return -EFAULT;
	if (!tr->has_info)
		return -EINVAL;
	if (set) {
		siginfo_decode(bytes, &tr->info);
		return 0;
	}
	siginfo_encode(&tr->info, bytes);
	return user_write(self->process->space, address, bytes, sizeof(bytes)) ? -EFAULT : 0;
}

static int64_t signal_mask(struct thread *self, struct trace *tr, uint64_t size, uint64_t address, bool set)
{
	struct thread *t = tr->thread;
	uint64_t mask = t->restore_blocked ? t->saved_blocked : t->blocked;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set)
		return user_write(self->process->space, address, &mask, sizeof(mask)) ? -EFAULT : 0;
	if (user_read(self->process->space, &mask, address, sizeof(mask)))
		return -EFAULT;
	t->blocked = mask & ~SIGNAL_UNBLOCKABLE;
	t->restore_blocked = false;
	signal_recheck(t);
	return 0;
}

struct peek_args { /* struct ptrace_peeksiginfo_args */
	uint64_t offset;
	uint32_t flags;
	int32_t count;
};

static int64_t peek_signals(struct thread *self, struct trace *tr, uint64_t address, uint64_t to)
{
	struct signal_pending *pending = &tr->thread->pending;
	uint8_t bytes[SIGINFO_SIZE];
	struct peek_args a;
	uint64_t at = 0;
	int32_t done = 0;

	if (user_read(self->process->space, &a, address, sizeof(a)))
		return -EFAULT;
	if ((a.flags & ~1u) || a.count < 0)
		return -EINVAL;
	if (a.flags & 1u) /* PTRACE_PEEKSIGINFO_SHARED */
		pending = &tr->process->pending;
	LIST_EACH(node, &pending->queue) {
		if (done == a.count)
			break;
		if (at++ < a.offset)
			continue;
		siginfo_encode(&LIST_ENTRY(node, struct signal_queued, node)->info, bytes);
		if (user_write(self->process->space, to + (uint64_t)done * SIGINFO_SIZE, bytes, sizeof(bytes)))
			return done ? done : -EFAULT;
		done++;
	}
	return done;
}

/* ---- what call it is in ---- */

struct call_info { /* struct ptrace_syscall_info */
	uint8_t op, padding[3];
	uint32_t arch;
	uint64_t ip, sp;
	union {
		struct {
			uint64_t nr, args[6];
		} entry;
		struct {
			int64_t value;
			uint8_t is_error;
		} exit;
	};
};
_Static_assert(sizeof(struct call_info) == 80, "struct ptrace_syscall_info but for seccomp");
#define CALL_INFO_HEAD 24
#define CALL_INFO_EXIT 33
#define AUDIT_ARCH_X86_64 0xc000003eu

static int64_t call_information(struct thread *self, struct trace *tr, uint64_t size, uint64_t to)
{
	const struct exo_regs *r = &tr->thread->page->regs;
	struct call_info info;
	uint64_t actual = CALL_INFO_HEAD;

	memset(&info, 0, sizeof(info));
	info.arch = AUDIT_ARCH_X86_64;
	info.ip = r->rip;
	info.sp = r->rsp;
	if (tr->call == TRACE_CALL_ENTRY) {
		info.op = 1;
		info.entry.nr = (uint64_t)tr->orig_rax;
		call_args(r, info.entry.args);
		actual = sizeof(info);
	} else if (tr->call == TRACE_CALL_EXIT) {
		info.op = 2;
		info.exit.value = (int64_t)r->rax;
		info.exit.is_error = r->rax >= UINT64_C(0xfffffffffffff001);
		actual = CALL_INFO_EXIT;
	}
	if (user_write(self->process->space, to, &info, size < actual ? size : actual))
		return -EFAULT;
	return (int64_t)actual;
}

/* ---- going on ---- */

static int64_t go_on(struct trace *tr, enum trace_resume how, bool step, uint64_t signal)
{
	if (signal > SIGNAL_COUNT)
		return -EIO;
	tr->resume = how;
	if (step) {
		tr->thread->page->regs.rflags |= UINT64_C(0x100);
		tr->thread->page->load |= EXO_CTX_GPRS;
		tr->stepping = true;
	}
	trace_resume(tr, (int32_t)signal);
	return 0;
}

static int64_t interrupt(struct trace *tr)
{
	if (!tr->seized)
		return -EIO;
	tr->trap = true;
	if (tr->listening)
		trace_resume(tr, 0);
	else
		sched_interrupt(tr->thread);
	return 0;
}

/* It stays where it is, but as the stop of its process, whose end it tells of. */
static int64_t listen(struct trace *tr)
{
	if (!tr->seized || tr->code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	tr->listening = true;
	if (tr->trap)
		trace_resume(tr, 0);
	return 0;
}

static int64_t kill_tracee(struct trace *tr)
{
	if (tr->thread && tr->stopped)
		process_kill(tr->process);
	return 0;
}

static int64_t set_options(struct trace *tr, uint64_t options)
{
	if (options & ~(uint64_t)OPTIONS_KNOWN)
		return -EINVAL;
	tr->options = (uint32_t)options;
	return 0;
}

/* ---- the call ---- */

static int64_t request_of_stopped(struct thread *self, struct trace *tr, uint64_t request, uint64_t address, uint64_t data)
{
	uint64_t word;
	int error;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(self, tr, address, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke(tr, address, data);
	case PTRACE_PEEKUSER:
		error = user_area_get(tr, address, &word);
		return error ? error : user_write(self->process->space, data, &word, sizeof(word)) ? -EFAULT : 0;
	case PTRACE_POKEUSER:
		return user_area_set(tr, address, data);
	case PTRACE_GETREGS:
		return get_registers(self, tr, data, USER_REGS_SIZE);
	case PTRACE_SETREGS:
		return set_registers(self, tr, data, USER_REGS_SIZE);
	case PTRACE_GETFPREGS:
		return get_vectors(self, tr, data, USER_FP_SIZE);
	case PTRACE_SETFPREGS:
		return set_vectors(self, tr, data, USER_FP_SIZE);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return register_set(self, tr, address, data, request == PTRACE_SETREGSET);
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return signal_information(self, tr, data, request == PTRACE_SETSIGINFO);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return signal_mask(self, tr, address, data, request == PTRACE_SETSIGMASK);
	case PTRACE_PEEKSIGINFO:
		return peek_signals(self, tr, address, data);
	case PTRACE_GETEVENTMSG:
		return user_write(self->process->space, data, &tr->message, sizeof(tr->message)) ? -EFAULT : 0;
	case PTRACE_GET_SYSCALL_INFO:
		return call_information(self, tr, address, data);
	case PTRACE_SETOPTIONS:
	case PTRACE_OLDSETOPTIONS:
		return set_options(tr, data);
	case PTRACE_LISTEN:
		return listen(tr);
	case PTRACE_CONT:
		return go_on(tr, TRACE_RUN, false, data);
	case PTRACE_SYSCALL:
		return go_on(tr, TRACE_CALLS, false, data);
	case PTRACE_SINGLESTEP:
		return go_on(tr, TRACE_RUN, true, data);
	case PTRACE_SYSEMU:
		return go_on(tr, TRACE_EMULATE, false, data);
	case PTRACE_SYSEMU_SINGLESTEP:
		return go_on(tr, TRACE_EMULATE, true, data);
	case PTRACE_DETACH:
		if (data > SIGNAL_COUNT)
			return -EIO;
		trace_end(tr, (int32_t)data);
		return 0;
	default:
		return -EIO;
	}
}

int64_t sys_ptrace(struct thread *self, const uint64_t *args)
{
	uint64_t request = args[0];
	struct thread *t;
	struct trace *tr;

	if (request == PTRACE_TRACEME)
		return trace_me(self);
	t = thread_find((int32_t)args[1]);
	if (!t)
		return -ESRCH;
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(self, t, args[2], args[3], request == PTRACE_SEIZE);
	tr = t->trace;
	if (!tr || tr->tracer != self->process)
		return -ESRCH;
	if (request == PTRACE_KILL)
		return kill_tracee(tr);
	if (request == PTRACE_INTERRUPT)
		return interrupt(tr);
	if (!tr->stopped || tr->listening)
		return -ESRCH;
	return request_of_stopped(self, tr, request, args[2], args[3]);
}

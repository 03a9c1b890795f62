/* Threads: contexts, the run loop on their coroutines, and their end. */
#include <exo/calls.h>

#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

/* The clock is looked at once in so many system calls of a thread that others wait behind. */
#define SLICE_CHECK_MASK 3u
#define FAULT_UNITS      8u /* of work, a page fault (sched_worked) */

/* Exception vectors (Intel SDM vol. 3, 6.3.1). */
enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_BR = 5, VECTOR_UD = 6, VECTOR_NM = 7,
       VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_XM = 19 };

/* The error code of a page fault, as the processor pushes it (SDM vol. 3, 4.7). */
enum { FAULT_PRESENT = 1, FAULT_WRITE = 2, FAULT_USER = 4, FAULT_FETCH = 16 };

/* ---- contexts ---- */

int thread_context_new(struct vm_space *space, exo_cap_t *ctx, exo_frame_t *frame)
{
	exo_frame_t page = frames_alloc(0, false);
	enum exo_status status;

	if (page == FRAME_NONE)
		return -ENOMEM;
	memset(frame_ptr(page), 0, PAGE_SIZE);
	do {
		status = exo_ctx_create(vm_zone(space), libos.boot->memory, page, ctx);
	} while (status == EXO_E_FUNDS && !vm_fund(space));
	if (status != EXO_OK) {
		frame_put(page);
		return -ENOMEM;
	}
	*frame = page;
	return 0;
}

void thread_context_free(exo_cap_t ctx, exo_frame_t frame)
{
	enum exo_status status;

	/* The frame may be used again only when the kernel lets go of it; with a zone that
	 * went before, the context is gone, too. */
	do
		status = exo_cap_drop(ctx, NULL);
	while (status == EXO_E_AGAIN);
	if (status == EXO_OK || status == EXO_E_CAP)
		frame_put(frame);
	else
		libos_log("feuerbird: a context could not be dropped");
}

void thread_context_take_back(struct thread *t)
{
	while (t->ctx_given && exo_cap_revoke(t->ctx, NULL) == EXO_E_AGAIN)
		;
	t->ctx_given = false;
}

void regs_save(struct thread *t)
{
	/* What is to be loaded is newer than what the machine holds. A dead zone keeps what the page has. */
	if (t->page->load & EXO_CTX_GPRS)
		return;
	if (exo_ctx_save(t->ctx, NULL) != EXO_OK)
		return;
	if (t->last_event == EXO_EV_SYSCALL)
		t->page->regs.rax = t->page->result;
}

void regs_edit(struct thread *t)
{
	regs_save(t);
	t->page->load |= EXO_CTX_GPRS;
}

/* ---- life and death ---- */

struct thread *thread_new(struct vm_space *space)
{
	struct thread *t = heap_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	if (thread_context_new(space, &t->ctx, &t->page_frame)) {
		heap_free(t);
		return NULL;
	}
	t->page = frame_ptr(t->page_frame);
	t->page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	list_init(&t->sibling);
	list_init(&t->run_node);
	list_init(&t->hash);
	pending_init(&t->pending);
	t->altstack.flags = SS_DISABLE;
	return t;
}

void thread_free(struct thread *t)
{
	cred_drop(&t->cred);
	heap_free(t);
}

void thread_exit(struct thread *self)
{
	struct process *p = self->process;

	if (libos.options.strace)
		strace_thread_ends(self, p->group_exiting ? p->exit_code : self->exit_code);
	trace_exit_event(self);
	frames_keep(false); /* it gives back */
	process_account(p);
	futex_thread_exit(self);
	sem_undo_end(self);
	pending_flush(p, &self->pending, ~UINT64_C(0));
	signal_thread_ends(self);
	thread_context_take_back(self);
	thread_context_free(self->ctx, self->page_frame);
	self->ctx = EXO_CAP_NONE;
	self->page = NULL;
	thread_remove(self);
	trace_thread_ends(self);
	if (p->thread_count == 0)
		process_finish(self);
	else
		waitq_wake_all(&p->child_wait); /* threads_end_others() counts */
	sched_exit(self);
}

int threads_end_others(struct thread *self)
{
	struct process *p = self->process;

	LIST_EACH(at, &p->threads) {
		struct thread *t = THREAD_OF(at);

		if (t == self)
			continue;
		t->exiting = true;
		if (t->in_stop)
			sched_wake(t);
		else
			sched_interrupt(t);
	}
	while (p->thread_count > 1) {
		if (p->group_exiting || self->exiting)
			return -EINTR;
		self->killable_only = true;
		(void)wait_on(self, &p->child_wait, NO_DEADLINE, true);
		self->killable_only = false;
	}
	return 0;
}

void process_exit(struct thread *self, int32_t code)
{
	struct process *p = self->process;

	if (!p->group_exiting) {
		p->group_exiting = true;
		p->exit_code = code;
		LIST_EACH(at, &p->threads) {
			struct thread *t = THREAD_OF(at);

			if (t == self)
				continue;
			if (t->in_stop)
				sched_wake(t);
			else
				sched_interrupt(t);
		}
	}
	thread_exit(self);
}

/* ---- events ---- */

static void signal_of_fault(struct thread *self, const struct signal_info *info, uint32_t vector, uint32_t error)
{
	self->fault_vector = vector;
	self->fault_error = error;
	signal_force(self, info);
}

static void fault(struct thread *self)
{
	const struct exo_ctx_page *page = self->page;
	struct signal_info info = {.signo = SIGSEGV, .code = SEGV_MAPERR};
	uint64_t address = page->address;
	uint32_t access = page->access;
	int error = vm_fault(self->process->space, address, access, &info.signo, &info.code);

	if (error == 0) {
		self->process->minor_faults++;
		/* Each fault begins a new quantum for the kernel. */
		(void)sched_worked(&libos.sched, FAULT_UNITS);
		return;
	}
	if (error == -ENOMEM) {
		process_out_of_memory(self); /* and it faults again */
		return;
	}
	info.address = address;
	self->fault_address = address;
	signal_of_fault(self, &info, VECTOR_PF, FAULT_USER | (access & EXO_ACCESS_PRESENT ? FAULT_PRESENT : 0) |
	                                            (access & EXO_ACCESS_WRITE ? FAULT_WRITE : 0) |
	                                            (access & EXO_ACCESS_EXEC ? FAULT_FETCH : 0));
}

/* The first unmasked exception of the status bits, in the order of Linux's fpu__exception_code(). */
static int fpe_code(uint32_t error)
{
	if (error & 1)
		return FPE_FLTINV;
	if (error & 4)
		return FPE_FLTDIV;
	if (error & 8)
		return FPE_FLTOVF;
	if (error & 0x12)
		return FPE_FLTUND;
	return error & 0x20 ? FPE_FLTRES : 0;
}

static int fpe_of(struct thread *self, uint32_t vector)
{
	const uint8_t *fp = self->page->fp;
	uint16_t control, status;
	uint32_t mxcsr;

	regs_save(self);
	memcpy(&control, fp, sizeof(control));
	memcpy(&status, fp + 2, sizeof(status));
	memcpy(&mxcsr, fp + 24, sizeof(mxcsr));
	return vector == VECTOR_MF ? fpe_code(status & ~control & 0x3f) : fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

/* true: it was no fault of the program's, or has its signal. */
static bool is_emulated(struct thread *self)
{
	struct signal_info info;

	if (!emulate_umip(self, &info))
		return false;
	if (info.signo != 0) {
		self->fault_address = info.address;
		signal_of_fault(self, &info, VECTOR_PF, FAULT_USER | FAULT_WRITE);
	}
	return true;
}

static void exception(struct thread *self)
{
	uint32_t vector = self->page->vector;
	struct signal_info info = {.signo = SIGSEGV, .code = SI_KERNEL, .address = self->page->regs.rip};

	if (vector == VECTOR_GP && is_emulated(self))
		return;
	switch (vector) {
	case VECTOR_DE:
		info.signo = SIGFPE;
		info.code = FPE_INTDIV;
		break;
	case VECTOR_DB:
		info.signo = SIGTRAP;
		info.code = TRAP_TRACE;
		break;
	case VECTOR_BP:
		info.signo = SIGTRAP;
		break;
	case VECTOR_UD:
	case VECTOR_NM:
		info.signo = SIGILL;
		info.code = ILL_ILLOPN;
		break;
	case VECTOR_NP:
	case VECTOR_SS:
		info.signo = SIGBUS;
		break;
	case VECTOR_AC:
		info.signo = SIGBUS;
		info.code = BUS_ADRALN;
		info.address = 0;
		break;
	case VECTOR_MF:
	case VECTOR_XM:
		info.signo = SIGFPE;
		info.code = fpe_of(self, vector);
		break;
	default:
		info.address = 0;
		break;
	}
	signal_of_fault(self, &info, vector, self->page->error);
}

static void events_handle(void)
{
	uint64_t pending = 0;

	if (exo_event_take(libos.boot->zone, &pending) != EXO_OK)
		libos_panic("event_take refused");
	sched_events(pending);
}

static void pending_events(struct thread *self)
{
	events_handle();
	/* Those whom the event woke go first: that is what interactive programs live on. */
	sched_let_woken(self);
}

/* The call that the registers ask for, as `syscall` has them: one that is made again since a handler has returned to it, or
 * one of the vsyscall page. */
static uint32_t take_call(struct thread *self)
{
	struct exo_ctx_page *page = self->page;

	self->resumes = self->sigreturned = false;
	page->nr = page->regs.rax;
	call_args(&page->regs, page->args);
	return (uint32_t)page->nr;
}

/* Its tracer sees it before, and what comes of it, and may have another one made. */
static int64_t call(struct thread *self, uint32_t *nr)
{
	int64_t result;

	self->syscall_nr = *nr;
	if (__builtin_expect(!self->trace, 1))
		return syscall_dispatch(self);
	if (trace_call_enter(self, &result))
		result = syscall_dispatch(self);
	if (self->trace)
		result = trace_call_exit(self, result);
	*nr = self->syscall_nr;
	return result;
}

/* Serves the system call, again and again as long as only stops and signals without
 * handlers have interrupted it. */
static void system_call(struct thread *self)
{
	struct exo_ctx_page *page;
	uint32_t nr = (uint32_t)self->page->nr; /* Linux looks at eax only */

	self->in_syscall = true;
	for (;;) {
		enum return_to where;
		int64_t result;

		result = call(self, &nr);
		page = self->page; /* exec makes a new context */
		if (self->resumes) {
			nr = take_call(self);
			if (!thread_needs_attention(self))
				continue;
			result = -ERESTARTNOINTR;
		}
		page->result = (uint64_t)result;
		if (page->load & EXO_CTX_GPRS)
			page->regs.rax = (uint64_t)result;
		if (!thread_needs_attention(self) && (uint64_t)result < UINT64_C(0xfffffffffffff000))
			break;
		if (self->sigreturned) {
			self->sigreturned = false;
			(void)signal_before_return(self, NULL);
			break;
		}
		self->syscall_nr = (uint32_t)page->nr;
		where = signal_before_return(self, &result);
		if (where == RETURN_GO)
			break;
		if (self->trace) /* who may have changed them */
			call_args(&page->regs, page->args);
		if (where == RETURN_RESTART_BLOCK)
			nr = 219; /* restart_syscall */
	}
	self->sigreturned = false;
	self->in_syscall = false;
	if ((++self->calls & SLICE_CHECK_MASK) == 0 && sched_contended())
		sched_check_slice(self);
}

static void quantum_over(struct thread *self)
{
	uint64_t now = libos_now();

	sched_account(self, now, true);
	/* The timer may have fired with it; unless that is heard, it is never armed again. */
	events_handle();
	timers_run();
	itimer_check(self->process);
	sched_give_way(self);
}

/*
 * The program waits in a call of the kernel for another context (exo/fastipc.h). A signal ends that; if it has
 * ended by itself, what came of it must be seen before the signal: last_event stays EXO_EV_IPC.
 */
static void ipc_wait(struct thread *self)
{
	(void)wait_on(self, &libos.ipc_events, NO_DEADLINE, true);
	if (thread_needs_attention(self) && exo_ctx_cancel(self->ctx, NULL) == EXO_OK)
		self->last_event = EXO_EV_PENDING;
}

static void zone_dead(struct thread *self)
{
	libos_log("feuerbird: process %d (%s) broke its machine and is gone", self->process->pid, self->process->name);
	process_exit(self, SIGKILL);
}

static void handle(struct thread *self, uint32_t event)
{
	switch (event) {
	case EXO_EV_SYSCALL:
		system_call(self);
		break;
	case EXO_EV_FAULT:
		if (self->page->address >= EXO_USER_LIMIT && emulate_vsyscall(self)) {
			(void)take_call(self);
			system_call(self);
		} else {
			fault(self);
		}
		break;
	case EXO_EV_EXCEPTION:
		exception(self);
		break;
	case EXO_EV_QUANTUM:
		quantum_over(self);
		break;
	case EXO_EV_PENDING:
		pending_events(self);
		break;
	case EXO_EV_IPC:
		ipc_wait(self);
		break;
	default:
		zone_dead(self);
	}
}

void thread_main(struct thread *self)
{
	for (;;) {
		uint64_t event = EXO_EV_DEAD;
		enum exo_status status;

		if (self->last_event != EXO_EV_IPC && thread_needs_attention(self)) {
			if (self->page->in_call)
				(void)!exo_ctx_cancel(self->ctx, NULL);
			self->page->in_call = 0;
			(void)signal_before_return(self, NULL);
		}
		if (vm_commit(self->process->space)) {
			process_out_of_memory(self);
			continue; /* what could not be mapped faults again */
		}
		timers_arm();
		status = exo_run(self->ctx, libos.boot->cpu, libos.sched.quantum_ns, &event);
		if (status == EXO_E_AGAIN) {
			quantum_over(self); /* the kernel is taking something from it, and has not yet done so */
			continue;
		}
		if (status == EXO_E_BUSY)
			event = EXO_EV_IPC; /* it just leaves a caller that another CPU runs */
		else if (status != EXO_OK)
			event = EXO_EV_DEAD;
		self->last_event = (uint32_t)event;
		handle(self, self->last_event);
	}
}

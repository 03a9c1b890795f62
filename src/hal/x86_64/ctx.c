/*
 * Contexts: loading what the context page asks for, entering ring 3, and
 * telling why it came back.
 *
 * Vector state is lazy. The kernel and the LibOS use general registers only, so
 * a program's state stays in the CPU until another context is entered or
 * hal_ctx_save() wants it. fs and gs bases likewise.
 */
#include <hal/x86_64/machine.h>

/* What the context page's `result` and `regs` mean at the next entry. */
enum {
	STATE_PLAIN,    /* regs say all */
	STATE_SYSCALL,  /* stopped in a system call: rax is `result` */
};

_Static_assert(EXO_USER_LIMIT == UINT64_C(0x7fff) << 32, "as user_enter() knows it");

#define PF_PRESENT UINT32_C(1) /* SDM vol. 3, figure 4-12 */
#define PF_WRITE   UINT32_C(2)
#define PF_USER    UINT32_C(4)
#define PF_FETCH   UINT32_C(16)

#define MXCSR_OFFSET   24
#define MXCSR_INITIAL  UINT32_C(0x1f80)
#define XHEADER_OFFSET 512

static const uint8_t fp_initial[832] __attribute__((aligned(64))) = {
	[0] = 0x7f, [1] = 0x03, [MXCSR_OFFSET] = 0x80, [MXCSR_OFFSET + 1] = 0x1f,
};

static struct context *of(struct hal_ctx *ctx)
{
	return (struct context *)(void *)ctx;
}

void hal_ctx_init(struct hal_ctx *ctx, struct hal_space *space, struct exo_ctx_page *page)
{
	struct context *c = of(ctx);

	memset(ctx, 0, sizeof(*ctx));
	c->page = page;
	c->space = (struct space *)(void *)space;
	c->regs.rflags = FLAG_IF | FLAG_ONE;
}

/* The CPU that contexts run on. While we are here it is not inside of one, so
 * its block may be looked at and changed. */
static struct cpu *runner(void)
{
	struct cpu *worker = split_worker();

	return worker ? worker : this_cpu();
}

void hal_ctx_fini(struct hal_ctx *ctx)
{
	struct cpu *cpu = runner();

	if (cpu->fp_owner == of(ctx))
		cpu->fp_owner = NULL;
	if (cpu->seg_owner == of(ctx))
		cpu->seg_owner = NULL;
}

/* ---- Vector state ------------------------------------------------------- */

static uint64_t *fp_header(struct exo_ctx_page *page)
{
	return (uint64_t *)(void *)(page->fp + XHEADER_OFFSET);
}

void context_open_vectors(void)
{
	struct cpu *cpu = this_cpu();

	if (!cpu->fp_closed)
		return;
	cr0_clear_ts();
	cpu->fp_closed = false;
	cpu->is_libos_ready = false;
}

static void fp_save(struct exo_ctx_page *page)
{
	context_open_vectors();
	if (machine.can.xsave) {
		/* XSAVE writes the first word of the header only. */
		memset(fp_header(page), 0, 64);
		__asm__ volatile("xsave64 (%0)" : : "r"(page->fp), "a"((uint32_t)machine.can.xcr0),
		                 "d"((uint32_t)(machine.can.xcr0 >> 32)) : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(page->fp) : "memory");
		*fp_header(page) = 3;
	}
}

/* The page is hostile: what the CPU refuses becomes the initial state. */
static void fp_load(struct exo_ctx_page *page)
{
	uint64_t have = *fp_header(page);
	uint32_t mxcsr = MXCSR_INITIAL;

	context_open_vectors();
	if (machine.can.keeps_fp_pointers)
		__asm__ volatile("fnclex; emms; fildl %0" : : "m"(*fp_initial)); /* ours instead of another program's */
	if (machine.can.xsave) {
		/* MXCSR comes from the area even when the header says "initial". */
		if (!(have & 6))
			memcpy(page->fp + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
		if (!fp_xrstor(page->fp, machine.can.xcr0) &&
		    !fp_xrstor(fp_initial, machine.can.xcr0))
			hal_panic("initial vector state refused");
	} else if (!(have & 3) || !fp_fxrstor(page->fp)) {
		if (!fp_fxrstor(fp_initial))
			hal_panic("initial vector state refused");
	}
}

static void fp_forget(struct cpu *cpu)
{
	/* What its LibOS has put into the page, to be loaded next, stays. */
	if (cpu->fp_owner && !(cpu->fp_owner->page->load & EXO_CTX_FP))
		fp_save(cpu->fp_owner->page);
	cpu->fp_owner = NULL;
}

static void fp_switch(struct cpu *cpu, struct context *c)
{
	if (cpu->fp_owner == c) {
		context_open_vectors();
		return;
	}
	fp_forget(cpu);
	cpu->fp_owner = c;
	fp_load(c->page);
}

/* ---- fs and gs ---------------------------------------------------------- */

static void seg_save(struct context *c)
{
	if (machine.can.fsgsbase) {
		c->regs.gs_base = user_gsbase_read();
		c->regs.fs_base = fsbase_read();
	} else {
		c->regs.gs_base = msr_read(MSR_KERNEL_GS_BASE);
		c->regs.fs_base = msr_read(MSR_FS_BASE);
	}
}

static void seg_load(const struct context *c)
{
	/* Selectors that the last program left: a null one everywhere. */
	if (selectors_read() != 0)
		__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; swapgs; mov %0, %%gs; swapgs"
		                 : : "r"(0) : "memory");
	if (machine.can.fsgsbase) {
		fsbase_write(c->regs.fs_base);
		user_gsbase_write(c->regs.gs_base);
	} else {
		msr_write(MSR_FS_BASE, c->regs.fs_base);
		msr_write(MSR_KERNEL_GS_BASE, c->regs.gs_base);
	}
}

static void seg_switch(struct cpu *cpu, struct context *c)
{
	if (cpu->seg_owner == c)
		return;
	if (cpu->seg_owner)
		seg_save(cpu->seg_owner);
	cpu->seg_owner = c;
	cpu->is_libos_ready = false;
	seg_load(c);
}

/* The first LibOS is built without vector registers, so that its programs' mostly stay where they are: they are
 * only closed while it runs. */
void context_prepare_libos(struct context *c)
{
	struct cpu *cpu = this_cpu();

	seg_switch(cpu, c);
	if (cpu->fp_owner != c && !cpu->fp_closed) {
		cr0_write(machine.cr0 | CR0_TS);
		cpu->fp_closed = true;
	}
	cpu->is_libos_ready = true;
}

void context_give_vectors(struct context *c)
{
	fp_switch(this_cpu(), c);
}

void context_leave(void)
{
	struct cpu *cpu = this_cpu();

	fp_forget(cpu);
	if (cpu->seg_owner)
		seg_save(cpu->seg_owner);
	cpu->seg_owner = NULL;
	cpu->is_libos_ready = false;
	space_leave();
}

/* ---- Loading ------------------------------------------------------------ */

static void load_regs(struct cpu *cpu, struct context *c)
{
	struct exo_regs *r = &c->regs;

	*r = c->page->regs;
	/* Fetched once: what is looked at from here on is our copy, whoever (a disk, for instance) writes to the page now. */
	__asm__ volatile("" : : : "memory");
	r->rflags = (r->rflags & FLAG_USER) | FLAG_IF | FLAG_ONE;
	if (r->fs_base >= EXO_USER_LIMIT)
		r->fs_base = 0;
	if (r->gs_base >= EXO_USER_LIMIT)
		r->gs_base = 0;
	/* The new bases are in c->regs, not in the CPU. */
	if (cpu->seg_owner == c)
		cpu->seg_owner = NULL;
	c->by_sysret = false;
}

static void load(struct cpu *cpu, struct context *c)
{
	uint32_t what = c->page->load;

	c->page->load = 0;
	if (what & EXO_CTX_GPRS)
		load_regs(cpu, c);
	else if (c->state == STATE_SYSCALL)
		c->regs.rax = c->page->result;
	c->state = STATE_PLAIN;
	/* What the CPU holds of this context is out of date: fp_switch() loads anew. */
	if ((what & EXO_CTX_FP) && cpu->fp_owner == c)
		cpu->fp_owner = NULL;
}

/* ---- Telling ------------------------------------------------------------ */

void context_settle(struct context *c, bool with_fp)
{
	struct cpu *cpu = this_cpu();

	if (cpu->seg_owner == c)
		seg_save(c);
	if (with_fp && cpu->fp_owner == c)
		fp_save(c->page);
}

static void settle(struct context *c, bool with_fp)
{
	struct cpu *cpu = split_worker();

	if (!cpu)
		context_settle(c, with_fp);
	else if (cpu->seg_owner == c || (with_fp && cpu->fp_owner == c))
		split_save(c, with_fp);
}

/* c->regs must be settled. */
static void tell_regs(struct context *c)
{
	c->page->regs = c->regs;
	c->page->valid = EXO_CTX_GPRS;
}

static void tell_syscall(struct context *c, struct hal_trap *trap)
{
	struct exo_ctx_page *page = c->page;
	const struct exo_regs *r = &c->regs;

	trap->event = EXO_EV_SYSCALL;
	trap->nr = (uint32_t)r->rax; /* as Linux looks at it */
	trap->args[0] = r->rdi;
	trap->args[1] = r->rsi;
	trap->args[2] = r->rdx;
	trap->args[3] = r->r10;
	trap->args[4] = r->r8;
	trap->args[5] = r->r9;
	page->nr = trap->nr;
	/* Written out: a call of memcpy() would cost more than the words. */
	page->args[0] = trap->args[0];
	page->args[1] = trap->args[1];
	page->args[2] = trap->args[2];
	page->args[3] = trap->args[3];
	page->args[4] = trap->args[4];
	page->args[5] = trap->args[5];
	page->valid = 0;
	c->state = STATE_SYSCALL;
}

static void tell_exception(struct context *c, const struct stop *stop, struct hal_trap *trap)
{
	uint32_t error = stop->error;

	trap->vector = stop->vector;
	trap->error = error;
	if (stop->vector == VEC_PF) {
		trap->event = EXO_EV_FAULT;
		trap->address = stop->address;
		trap->access = (error & PF_PRESENT ? EXO_ACCESS_PRESENT : 0)
		             | (error & PF_FETCH ? EXO_ACCESS_EXEC
		                : error & PF_WRITE ? EXO_ACCESS_WRITE : EXO_ACCESS_READ);
	} else {
		trap->event = EXO_EV_EXCEPTION;
	}
	tell_regs(c);
}

/* ---- The calls ---------------------------------------------------------- */

void context_run(struct context *c, struct stop *stop)
{
	struct cpu *cpu = this_cpu();

	fp_switch(cpu, c);
	seg_switch(cpu, c);
	space_load(c->space);
	do {
		stop->vector = user_enter(&c->regs, c->by_sysret);
		c->by_sysret = stop->vector == TRAP_SYSCALL;
	} while (stop->vector == TRAP_SYSCALL && context_answered(c));
	if (stop->vector == TRAP_SYSCALL)
		return;
	stop->error = (uint32_t)cpu->error;
	stop->address = cr2_read();
	/* From ring 3, but not as ring 3: the CPU was looking at its tables for the program
	 * (or QEMU 7.2, which pops for an iret in ring 3 with the kernel's rights and
	 * so runs into SMAP). No mapping can help: it is a protection fault. */
	if (stop->vector == VEC_PF && !(stop->error & PF_USER)) {
		stop->vector = VEC_GP;
		stop->error = 0;
	}
	seg_save(c);
	if (stop->vector >= VEC_PIC)
		irq_handle(stop->vector);
}

/* One stop; false: nothing that anybody wants to know. */
static bool enter_once(struct cpu *cpu, struct context *c, uint64_t deadline,
                       struct hal_trap *trap)
{
	struct stop stop;

	timer_need(deadline < cpu->timer_at ? deadline : cpu->timer_at);
	if (split_worker())
		split_run(c, deadline, &stop);
	else
		context_run(c, &stop);
	if (stop.vector == TRAP_SYSCALL) {
		tell_syscall(c, trap);
		return true;
	}
	if (stop.vector < VEC_PIC) {
		tell_exception(c, &stop, trap);
		return true;
	}
	if (cpu->pending)
		trap->event = EXO_EV_PENDING;
	else if (hal_time_ns() >= deadline)
		trap->event = EXO_EV_QUANTUM;
	else
		return false;
	tell_regs(c);
	return true;
}

void hal_ctx_enter(struct hal_ctx *ctx, uint64_t deadline, struct hal_trap *trap)
{
	struct context *c = of(ctx);
	struct cpu *cpu = this_cpu();

	*trap = (struct hal_trap){ 0 };
	split_choose();
	load(runner(), c);
	if (cpu->pending || deadline == 0) {
		trap->event = cpu->pending ? EXO_EV_PENDING : EXO_EV_QUANTUM;
		settle(c, false);
		tell_regs(c);
		return;
	}
	while (!enter_once(cpu, c, deadline, trap))
		;
}

void hal_ctx_answer(struct hal_ctx *ctx, uint64_t status, uint64_t value)
{
	struct context *c = of(ctx);

	c->regs.rax = status;
	c->regs.rdx = value;
	c->state = STATE_PLAIN;
}

void hal_ctx_save(struct hal_ctx *ctx)
{
	struct context *c = of(ctx);

	settle(c, true);
	tell_regs(c);
	c->page->valid = EXO_CTX_GPRS | EXO_CTX_FP;
}

uint64_t hal_text_prepare(const struct hal_text *text)
{
	/* A system call costs as little here as any other way in. */
	(void)text;
	return 0;
}

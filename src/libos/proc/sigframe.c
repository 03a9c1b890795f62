/*
 * Signal frames on the program's stack, as Linux lays them out on x86-64
 * (arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h): return address, ucontext, siginfo; above
 * them the vector state. Programs read, change and forge them, so nothing that comes
 * back from one is believed.
 */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

struct sigcontext64 {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, vector, old_mask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sigcontext64) == 256, "struct sigcontext");

struct stack64 {
	uint64_t sp;
	uint32_t flags, pad;
	uint64_t size;
};

struct rt_sigframe {
	uint64_t return_address;
	uint64_t uc_flags, uc_link;
	struct stack64 uc_stack;
	struct sigcontext64 mc;
	uint64_t uc_sigmask;
	uint8_t info[SIGINFO_SIZE];
};
_Static_assert(sizeof(struct rt_sigframe) == 440, "struct rt_sigframe");

/* In the reserved words, our own note: a call was interrupted, and is to be made again if the program still
 * stands at its instruction. A forged note does no more than a system call would. */
#define RESTART_MAGIC UINT64_C(0x7265737461727421)
#define NR_SIGRETURN 15 /* again and again: a loop of the program's that would be ours */
enum { NOTE_MAGIC, NOTE_RIP };

#define UC_FLAGS 7 /* UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
#define USER_CS  0x33
#define USER_SS  0x2b
#define RED_ZONE 128

/* Flags that a program may set by a frame (Linux's FIX_EFLAGS): AC OF DF TF SF ZF AF PF CF RF. */
#define FLAGS_SETTABLE UINT64_C(0x50dd5)
#define FLAG_DF UINT64_C(0x400)
#define FLAG_TF UINT64_C(0x100)
#define FLAG_RF UINT64_C(0x10000)

#define FP_LEGACY_SIZE   512
#define FP_MAGIC1        0x46505853u
#define FP_MAGIC2        0x46505845u
#define FCW_INITIAL      0x037f
#define MXCSR_INITIAL    0x1f80

struct fp_software {
	uint32_t magic1, extended_size;
	uint64_t features;
	uint32_t size, padding[7];
};

/* ---- pushing ---- */

uint64_t fp_features(const struct exo_ctx_page *page)
{
	uint64_t present;

	memcpy(&present, page->fp + FP_HEADER, sizeof(present));
	return present & ~FEATURES_AVX ? FEATURES_ALL : FEATURES_AVX;
}

static bool fp_push(struct thread *self, uint64_t at)
{
	struct exo_ctx_page *page = self->page;
	uint64_t features = fp_features(page);
	uint32_t size = features == FEATURES_AVX ? FP_AVX_SIZE : FP_FULL_SIZE, magic2 = FP_MAGIC2;
	struct fp_software sw = {.magic1 = FP_MAGIC1, .extended_size = size + 4, .features = features, .size = size};
	struct vm_space *space = self->process->space;

	memcpy(page->fp + FP_SW_OFFSET, &sw, sizeof(sw));
	return !user_write(space, at, page->fp, size) && !user_write(space, at + size, &magic2, sizeof(magic2));
}

/* A handler starts with the vector state of a fresh program. */
static void fp_reset(struct exo_ctx_page *page)
{
	uint16_t fcw = FCW_INITIAL;
	uint32_t mxcsr = MXCSR_INITIAL;

	memset(page->fp, 0, sizeof(page->fp));
	memcpy(page->fp, &fcw, sizeof(fcw));
	memcpy(page->fp + 24, &mxcsr, sizeof(mxcsr));
	page->load |= EXO_CTX_FP;
}

static bool on_altstack(const struct thread *t, uint64_t sp)
{
	const struct signal_stack *s = &t->altstack;

	return !(s->flags & SS_AUTODISARM) && s->size && sp > s->sp && sp - s->sp <= s->size;
}

static void fill_context(struct sigcontext64 *mc, const struct thread *t)
{
	const struct exo_regs *r = &t->page->regs;

	*mc = (struct sigcontext64){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13,
		.r14 = r->r14, .r15 = r->r15, .rdi = r->rdi, .rsi = r->rsi, .rbp = r->rbp, .rbx = r->rbx,
		.rdx = r->rdx, .rax = r->rax, .rcx = r->rcx, .rsp = r->rsp, .rip = r->rip, .rflags = r->rflags,
		.cs = USER_CS, .ss = USER_SS, .error = t->fault_error, .vector = t->fault_vector,
		.cr2 = t->fault_address,
	};
}

bool signal_frame_push(struct thread *self, const struct signal_action *action, const struct signal_info *info,
                       uint64_t mask)
{
	struct exo_regs *regs = &self->page->regs;
	struct signal_stack *alt = &self->altstack;
	bool nested = on_altstack(self, regs->rsp), enters = (action->flags & SA_ONSTACK) && alt->size && !nested;
	uint32_t fp_size = (fp_features(self->page) == FEATURES_AVX ? FP_AVX_SIZE : FP_FULL_SIZE) + 4;
	uint64_t sp = regs->rsp - RED_ZONE, fp_at;
	struct rt_sigframe frame;

	/* Without a restorer there is no way back; Linux on x86-64 refuses it too. */
	if (!(action->flags & SA_RESTORER))
		return false;
	if (enters)
		sp = alt->sp + alt->size;
	fp_at = (sp - fp_size) & ~UINT64_C(63);
	sp = ((fp_at - sizeof(frame)) & ~UINT64_C(15)) - 8;
	/* An alternate stack that is too small must not be written below. */
	if ((nested || enters) && sp < alt->sp)
		return false;
	if (sp > EXO_USER_LIMIT || fp_at > EXO_USER_LIMIT || !fp_push(self, fp_at))
		return false;
	memset(&frame, 0, sizeof(frame));
	frame.return_address = action->restorer;
	frame.uc_flags = UC_FLAGS;
	frame.uc_stack = (struct stack64){.sp = alt->sp, .size = alt->size,
	                                  .flags = (alt->flags & SS_AUTODISARM) | (alt->size ? 0 : SS_DISABLE) |
	                                           (nested ? SS_ONSTACK : 0)};
	fill_context(&frame.mc, self);
	frame.mc.fpstate = fp_at;
	if (self->restart_after) {
		frame.mc.reserved[NOTE_MAGIC] = RESTART_MAGIC;
		frame.mc.reserved[NOTE_RIP] = regs->rip;
	}
	frame.mc.old_mask = mask;
	frame.uc_sigmask = mask;
	siginfo_encode(info, frame.info);
	if (user_write(self->process->space, sp, &frame, sizeof(frame)))
		return false;
	if (alt->flags & SS_AUTODISARM)
		*alt = (struct signal_stack){.flags = SS_DISABLE};
	regs->rdi = (uint64_t)info->signo;
	regs->rsi = sp + offsetof(struct rt_sigframe, info);
	regs->rdx = sp + offsetof(struct rt_sigframe, uc_flags);
	regs->rax = 0;
	regs->rip = action->handler;
	regs->rsp = sp;
	regs->rflags &= ~(FLAG_DF | FLAG_TF | FLAG_RF);
	fp_reset(self->page);
	return true;
}

/* ---- sigreturn ---- */

static bool fp_pop(struct thread *self, uint64_t at)
{
	struct exo_ctx_page *page = self->page;
	struct vm_space *space = self->process->space;
	struct fp_software sw;
	uint64_t header[8], features = 3;
	uint32_t magic2 = 0, size = FP_LEGACY_SIZE;

	if (!at) {
		fp_reset(page);
		return true;
	}
	if (user_read(space, &sw, at + FP_SW_OFFSET, sizeof(sw)))
		return false;
	/* A frame without the extension carries the legacy state only (Linux does the same). */
	if (sw.magic1 == FP_MAGIC1 && sw.size >= FP_HEADER + sizeof(header) && sw.size <= sizeof(page->fp) &&
	    sw.extended_size >= sw.size && !user_read(space, &magic2, at + sw.size, sizeof(magic2)) &&
	    magic2 == FP_MAGIC2)
		size = sw.size;
	memset(page->fp, 0, sizeof(page->fp));
	if (user_read(space, page->fp, at, size))
		return false;
	memcpy(header, page->fp + FP_HEADER, sizeof(header));
	if (size > FP_LEGACY_SIZE)
		features = header[0] & (size >= FP_FULL_SIZE ? FEATURES_ALL : FEATURES_AVX);
	memset(header, 0, sizeof(header));
	header[0] = features;
	memcpy(page->fp + FP_HEADER, header, sizeof(header));
	page->load |= EXO_CTX_FP;
	return true;
}

static void load_context(struct thread *t, const struct sigcontext64 *mc)
{
	struct exo_regs *r = &t->page->regs;
	uint64_t fs_base = r->fs_base, gs_base = r->gs_base, flags = r->rflags;

	*r = (struct exo_regs){
		.rax = mc->rax, .rbx = mc->rbx, .rcx = mc->rcx, .rdx = mc->rdx, .rsi = mc->rsi, .rdi = mc->rdi,
		.rbp = mc->rbp, .rsp = mc->rsp, .r8 = mc->r8, .r9 = mc->r9, .r10 = mc->r10, .r11 = mc->r11,
		.r12 = mc->r12, .r13 = mc->r13, .r14 = mc->r14, .r15 = mc->r15, .rip = mc->rip,
		.rflags = (flags & ~FLAGS_SETTABLE) | (mc->rflags & FLAGS_SETTABLE),
		.fs_base = fs_base, .gs_base = gs_base,
	};
}

int64_t sys_rt_sigreturn(struct thread *self, const uint64_t *args)
{
	struct rt_sigframe frame;
	struct signal_info segv = {.signo = SIGSEGV, .code = SI_KERNEL};

	(void)args;
	regs_edit(self);
	self->sigreturned = true;
	/* The handler's `ret` has taken the return address off. */
	if (user_read(self->process->space, &frame, self->page->regs.rsp - 8, sizeof(frame)) ||
	    !fp_pop(self, frame.mc.fpstate)) {
		signal_force(self, &segv);
		return (int64_t)self->page->regs.rax;
	}
	load_context(self, &frame.mc);
	self->resumes = frame.mc.reserved[NOTE_MAGIC] == RESTART_MAGIC && frame.mc.reserved[NOTE_RIP] == frame.mc.rip &&
	                (uint32_t)frame.mc.rax != NR_SIGRETURN;
	if (self->resumes)
		self->page->regs.rip += SYSCALL_SIZE;
	self->blocked = frame.uc_sigmask & ~SIGNAL_UNBLOCKABLE;
	signal_recheck(self);
	/* As sigaltstack(2) would set it, errors ignored; not while the program still stands on it. */
	if (!on_altstack(self, self->page->regs.rsp)) {
		if (frame.uc_stack.flags & SS_DISABLE)
			self->altstack = (struct signal_stack){.flags = SS_DISABLE};
		else if (frame.uc_stack.size >= MINSIGSTKSZ)
			self->altstack = (struct signal_stack){.sp = frame.uc_stack.sp, .size = frame.uc_stack.size,
			                                       .flags = frame.uc_stack.flags & SS_AUTODISARM};
	}
	return (int64_t)self->page->regs.rax;
}

/* ---- siginfo_t ---- */

static void put32(uint8_t *to, int at, uint32_t value) { memcpy(to + at, &value, 4); }
static void put64(uint8_t *to, int at, uint64_t value) { memcpy(to + at, &value, 8); }

#define TRAP_LAST 6 /* codes beyond are of stops for a tracer */
static bool is_fault(const struct signal_info *i)
{
	return i->code > 0 && i->code != SI_KERNEL &&
	       (i->signo == SIGSEGV || i->signo == SIGBUS || i->signo == SIGILL || i->signo == SIGFPE ||
	        (i->signo == SIGTRAP && i->code <= TRAP_LAST));
}

#define NS_PER_TICK UINT64_C(10000000) /* clock ticks of si_utime: USER_HZ is 100 */

void siginfo_encode(const struct signal_info *info, void *bytes)
{
	uint8_t *to = bytes;

	memset(to, 0, SIGINFO_SIZE);
	if (info->whole)
		memcpy(to, info->bytes, SIGINFO_KEPT);
	put32(to, 0, (uint32_t)info->signo);
	put32(to, 4, (uint32_t)info->error);
	put32(to, 8, (uint32_t)info->code);
	if (info->whole)
		return;
	if (is_fault(info)) {
		put64(to, 16, info->address);
		return;
	}
	if (info->code == SI_TIMER) {
		put32(to, 16, (uint32_t)info->timer_id);
		put32(to, 20, (uint32_t)info->overrun);
		put64(to, 24, info->value);
		return;
	}
	put32(to, 16, (uint32_t)info->pid);
	put32(to, 20, info->uid);
	if (info->signo == SIGCHLD && info->code > 0) {
		put32(to, 24, (uint32_t)info->status);
		put64(to, 32, info->user_ns / NS_PER_TICK);
		put64(to, 40, info->system_ns / NS_PER_TICK);
	} else {
		put64(to, 24, info->value);
	}
}

void siginfo_decode(const void *bytes, struct signal_info *info)
{
	const uint8_t *from = bytes;

	memset(info, 0, sizeof(*info));
	info->whole = true;
	memcpy(info->bytes, from, SIGINFO_KEPT);
	memcpy(&info->signo, from, 4);
	memcpy(&info->error, from + 4, 4);
	memcpy(&info->code, from + 8, 4);
	memcpy(&info->pid, from + 16, 4);
	memcpy(&info->uid, from + 20, 4);
	memcpy(&info->value, from + 24, 8);
}

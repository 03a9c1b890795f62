/* Every way from ring 3 into ring 0, with every state of the flags and of gs: each ends with the signal that Linux gives, and
 * the program goes on with what it had. */
#include "check.h"
#include <cpuid.h>
#include <setjmp.h>
#include <ucontext.h>

#define F_TF   0x100UL
#define F_IF   0x200UL
#define F_DF   0x400UL
#define F_IOPL 0x3000UL
#define F_NT   0x4000UL
#define F_RF   0x10000UL
#define F_VM   0x20000UL
#define F_AC   0x40000UL
#define F_VIF  0x180000UL
#define F_ID   0x200000UL
#define F_NEVER (F_IOPL | F_VM | F_VIF) /* what a program has not, whatever it asks for */

#define TRAP_GP 13

static sigjmp_buf env;
static volatile struct {
	int sig, trap, steps;
	uint64_t error, flags;
} fault;

/* Single steps are counted and gone on with; everything else ends the attempt. */
static void on_fault(int sig, siginfo_t *info, void *uc_)
{
	const ucontext_t *uc = uc_;

	__asm__ volatile("pushq $0x202\n\tpopfq" : : : "cc", "memory"); /* AC is still set */
	if (sig == SIGTRAP && info->si_code == TRAP_TRACE) {
		fault.steps = fault.steps + 1;
		return;
	}
	fault.sig = sig;
	fault.trap = (int)uc->uc_mcontext.gregs[REG_TRAPNO];
	fault.error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	fault.flags = (uint64_t)uc->uc_mcontext.gregs[REG_EFL];
	siglongjmp(env, 1);
}

/* run(code, flags, memory, ecx): jumps to the code with these flags, rdi and rsi on the memory, and harmless numbers in the
 * registers that instructions take. The code comes back by a jump to run_back; the flags that it left. */
uint64_t run(const void *code, uint64_t flags, void *memory, uint64_t ecx);
extern const uint8_t run_back[];
__asm__(".text\n"
        "run: push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
        "mov %rdi, %r12\n\tmov %rsi, %r13\n\tmov %rdx, %rdi\n\tmov %rdx, %rsi\n\tmov $39, %eax\n\tmov $0x3f8, %edx\n\t"
        "xor %ebx, %ebx\n\tmov %rsp, %rbp\n\tpush %r13\n\tpopfq\n\tjmp *%r12\n"
        "run_back: pushfq\n\tpop %rax\n\tmov %rbp, %rsp\n\tpushq $0x202\n\tpopfq\n\t"
        "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n");

static uint8_t *page; /* the code; a page of data behind it */

/* 0: the code came back, with *left; else the signal. */
static int attempt(const uint8_t *code, unsigned size, uint64_t flags, uint64_t ecx, uint64_t *left)
{
	static const uint8_t jump[2] = { 0xff, 0x25 }; /* jmp *disp(%rip): through the address at 128 */
	const uint64_t back = (uint64_t)(uintptr_t)run_back;
	const uint32_t distance = 128 - (size + 6);

	memset(page, 0x90, 64);
	memcpy(page, code, size);
	memcpy(page + size, jump, sizeof jump);
	memcpy(page + size + 2, &distance, 4);
	memcpy(page + 128, &back, 8);
	fault.sig = fault.trap = fault.steps = 0;
	fault.error = 0;
	if (sigsetjmp(env, 1))
		return fault.sig;
	flags = run(page, flags, page + 4096, ecx);
	if (left)
		*left = flags;
	return 0;
}

/* ---- instructions that are ring 0's ---- */

struct instruction {
	const char *name;
	uint8_t size, code[11];
};

/* Refused as privileged everywhere. */
static const struct instruction privileged[] = {
	{ "cli", 1, { 0xfa } }, { "sti", 1, { 0xfb } }, { "hlt", 1, { 0xf4 } }, { "clts", 2, { 0x0f, 0x06 } },
	{ "invd", 2, { 0x0f, 0x08 } }, { "wbinvd", 2, { 0x0f, 0x09 } }, { "rdmsr", 2, { 0x0f, 0x32 } }, { "wrmsr", 2, { 0x0f, 0x30 } },
	{ "lgdt", 3, { 0x0f, 0x01, 0x17 } }, { "lidt", 3, { 0x0f, 0x01, 0x1f } }, { "lldt", 3, { 0x0f, 0x00, 0xd0 } },
	{ "ltr", 3, { 0x0f, 0x00, 0xd8 } }, { "lmsw", 3, { 0x0f, 0x01, 0xf0 } }, { "invlpg", 3, { 0x0f, 0x01, 0x3f } },
	{ "swapgs", 3, { 0x0f, 0x01, 0xf8 } }, { "sysretq", 3, { 0x48, 0x0f, 0x07 } }, { "sysretl", 2, { 0x0f, 0x07 } },
	{ "mov cr0, rax", 3, { 0x0f, 0x22, 0xc0 } }, { "mov rax, cr0", 3, { 0x0f, 0x20, 0xc0 } }, { "mov rax, cr2", 3, { 0x0f, 0x20, 0xd0 } },
	{ "mov cr3, rax", 3, { 0x0f, 0x22, 0xd8 } }, { "mov rax, cr3", 3, { 0x0f, 0x20, 0xd8 } }, { "mov cr4, rax", 3, { 0x0f, 0x22, 0xe0 } },
	{ "mov rax, cr4", 3, { 0x0f, 0x20, 0xe0 } }, { "mov cr8, rax", 4, { 0x44, 0x0f, 0x22, 0xc0 } },
	{ "mov rax, cr8", 4, { 0x44, 0x0f, 0x20, 0xc0 } }, { "mov dr0, rax", 3, { 0x0f, 0x23, 0xc0 } },
	{ "mov rax, dr3", 3, { 0x0f, 0x21, 0xd8 } }, { "mov dr7, rax", 3, { 0x0f, 0x23, 0xf8 } }, { "mov rax, dr7", 3, { 0x0f, 0x21, 0xf8 } },
	{ "in", 1, { 0xec } }, { "in, 32 bits", 1, { 0xed } }, { "out", 1, { 0xee } }, { "out, 32 bits", 1, { 0xef } },
	{ "insb", 1, { 0x6c } }, { "insd", 1, { 0x6d } }, { "outsb", 1, { 0x6e } }, { "outsd", 1, { 0x6f } },
	{ "rep insb", 2, { 0xf3, 0x6c } }, { "rep outsb", 2, { 0xf3, 0x6e } },
};

/* Some processors do not know them at all; and some of the registers do not exist. */
static const struct instruction unknown[] = {
	{ "xsetbv", 3, { 0x0f, 0x01, 0xd1 } }, { "rsm", 2, { 0x0f, 0xaa } }, { "sysexit", 2, { 0x0f, 0x35 } },
	{ "sysenter", 2, { 0x0f, 0x34 } }, { "monitor", 3, { 0x0f, 0x01, 0xc8 } }, { "mwait", 3, { 0x0f, 0x01, 0xc9 } },
	{ "invpcid", 5, { 0x66, 0x0f, 0x38, 0x82, 0x07 } }, { "xsaves", 3, { 0x0f, 0xc7, 0x2f } }, { "xrstors", 3, { 0x0f, 0xc7, 0x1f } },
	{ "clac", 3, { 0x0f, 0x01, 0xca } }, { "stac", 3, { 0x0f, 0x01, 0xcb } }, { "ud2", 2, { 0x0f, 0x0b } },
	{ "vmrun", 3, { 0x0f, 0x01, 0xd8 } }, { "vmload", 3, { 0x0f, 0x01, 0xda } }, { "stgi", 3, { 0x0f, 0x01, 0xdc } },
	{ "clgi", 3, { 0x0f, 0x01, 0xdd } }, { "skinit", 3, { 0x0f, 0x01, 0xde } }, { "invlpga", 3, { 0x0f, 0x01, 0xdf } },
};

/* A paravirtual host: it keeps an instruction that the processor has from its guests, vectors that are nobody's for itself,
 * and NT is gone after a system call. */
static int is_paravirtual(void)
{
	unsigned a, b, c, d;

	return !bases_stay() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1);
}

static int is_refused(int sig)
{
	return sig == SIGSEGV || sig == SIGILL;
}

static int all_registers(void)
{
	int bad = 0;

	for (unsigned op = 0x20; op <= 0x23; op++)
		for (unsigned reg = 0; reg < 16; reg++) {
			const uint8_t code[4] = { (uint8_t)(reg & 8 ? 0x44 : 0x40), 0x0f, (uint8_t)op, (uint8_t)(0xc0 | (reg & 7) << 3) };

			bad += !is_refused(attempt(code, 4, F_IF, 0, NULL));
		}
	return bad == 0;
}

static int all_model_registers(void)
{
	static const uint32_t ranges[] = { 0, 0x100, 0x170, 0x1d0, 0x400, 0x6e0, 0x800, 0xc0000080, 0xc0000100, 0xc0010010 };
	int bad = 0;

	for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
		for (uint32_t msr = ranges[i]; msr < ranges[i] + 16; msr++)
			bad += attempt((const uint8_t[]){ 0x0f, 0x32 }, 2, F_IF, msr, NULL) != SIGSEGV ||
			       attempt((const uint8_t[]){ 0x0f, 0x30 }, 2, F_IF, msr, NULL) != SIGSEGV;
	return bad == 0;
}

/* mov dx, port; then an access of each width. */
static int all_ports(void)
{
	int bad = 0;

	for (uint32_t port = 0; port < 0x10000; port += port < 0x100 ? 1 : 0x67)
		for (unsigned op = 0xec; op <= 0xef; op++) {
			const uint8_t code[5] = { 0x66, 0xba, (uint8_t)port, (uint8_t)(port >> 8), (uint8_t)op };

			bad += attempt(code, 5, F_IF | F_IOPL, 0, NULL) != SIGSEGV;
		}
	return bad == 0;
}

/* ---- int n ---- */

static int all_interrupts(void)
{
	int bad = 0, paravirtual = is_paravirtual();

	for (unsigned n = 0; n < 256; n++) {
		const uint8_t code[2] = { 0xcd, (uint8_t)n };
		int sig, good;

		if (paravirtual && n >= 22 && n < 32)
			continue;
		sig = attempt(code, 2, F_IF, 0, NULL);
		if (n == 3)
			good = sig == SIGTRAP;
		else if (n == 4)
			good = sig == SIGSEGV && fault.trap == 4;
		else if (n == 0x80) /* Linux's 32-bit calls, if it has them */
			good = sig == 0 || sig == SIGSEGV;
		else /* which gate: QEMU's TCG counts 16 bytes for one */
			good = sig == SIGSEGV && fault.trap == TRAP_GP && (fault.error == n * 8 + 2 || fault.error == n * 16 + 2);
		if (!good)
			fprintf(stderr, "int %u: signal %d, trap %d, error %lx\n", n, sig, fault.trap, fault.error);
		bad += !good;
	}
	return bad == 0;
}

/* ---- flags ---- */

static const struct way {
	const char *name;
	uint8_t size, code[11];
	int sig; /* 0: it comes back; -1: refused, as above */
} ways[] = {
	{ "a system call", 2, { 0x0f, 0x05 }, 0 },
	{ "a kernel call", 7, { 0xb8, 0, 0, 0, 0xfb, 0x0f, 0x05 }, 0 }, /* Linux: no such call */
	{ "sysenter", 2, { 0x0f, 0x34 }, -1 },
	{ "a breakpoint", 1, { 0xcc }, SIGTRAP },
	{ "int 32", 2, { 0xcd, 0x20 }, SIGSEGV },
	{ "an unknown instruction", 2, { 0x0f, 0x0b }, SIGILL },
	{ "a privileged instruction", 1, { 0xf4 }, SIGSEGV },
	{ "a page fault", 8, { 0x48, 0x8b, 0x04, 0x25, 0x08, 0, 0, 0 }, SIGSEGV },
	{ "a division", 2, { 0xf7, 0xf0 }, SIGFPE },
	{ "an address that is not canonical", 10, { 0x48, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0x80 }, SIGSEGV },
};

static int is_kept(uint64_t flags, uint64_t wanted)
{
	uint64_t kept = F_TF | F_DF | F_AC;

	if (!(wanted & F_TF)) /* these do not come back from a handler */
		kept |= F_ID | (is_paravirtual() ? 0 : F_NT);
	return !((flags ^ wanted) & kept) && !(flags & F_NEVER) && (flags & F_IF);
}

static int under_flags(const struct way *way, uint64_t flags)
{
	uint64_t left = 0;
	int sig = attempt(way->code, way->size, flags, 0, &left);

	if (way->sig < 0 ? !is_refused(sig) : sig != way->sig)
		return 0;
	if ((flags & F_TF) && fault.steps == 0)
		return 0;
	return is_kept(sig ? fault.flags : left, flags);
}

static int all_flags(const struct way *way)
{
	static const uint64_t bits[] = { F_DF, F_AC, F_NT, F_TF, F_IOPL, F_RF, F_VM | F_VIF, F_ID };
	int bad = 0;

	for (unsigned set = 0; set < 1u << (sizeof bits / sizeof *bits); set++) {
		uint64_t flags = 2;

		/* Stepping takes most of the time: with one of the others at a time. */
		if ((set & 8) && (set & 0xf7 & ((set & 0xf7) - 1)))
			continue;
		for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++)
			flags |= set >> i & 1 ? bits[i] : 0;
		if (!under_flags(way, flags)) {
			fprintf(stderr, "%s under %lx: signal %d, flags %lx, steps %d\n", way->name, flags, fault.sig, fault.flags, fault.steps);
			bad++;
		}
	}
	return bad == 0;
}

/* ---- gs ---- */

static uint64_t gs_read(void)
{
	uint64_t base = 0;

	syscall(SYS_arch_prctl, 0x1004, &base);
	return base;
}

/* movabs rax, base; wrgsbase rax; mov eax, 39; then the way in. The kernel's own gs must not be mistaken for it. */
static int under_base(const struct way *way, uint64_t base)
{
	uint8_t code[40] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xf3, 0x48, 0x0f, 0xae, 0xd8, 0xb8, 39, 0, 0, 0 };
	int sig;

	memcpy(code + 2, &base, 8);
	memcpy(code + 20, way->code, way->size);
	sig = attempt(code, 20 + way->size, F_IF, 0, NULL);
	if (sig == SIGILL && way->sig != SIGILL)
		return 1; /* the machine has no such instruction */
	/* A base in the kernel's half may be 0 after a signal (docs/status.md). */
	return (way->sig < 0 ? is_refused(sig) : sig == way->sig) &&
	       (sig == SIGILL || !bases_stay() || gs_read() == base || (gs_read() == 0 && sig));
}

static int all_bases(const struct way *way)
{
	static const uint64_t bases[] = { 0, 0x1000, 0x7ffeffffe000, 0xffff800000000000, 0xffffffff80000000, 0xffffffff80100000, 0xfffffffffffff000 };
	int bad = 0;

	for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++)
		if (!under_base(way, bases[i])) {
			fprintf(stderr, "%s with gs at %lx: signal %d, gs at %lx\n", way->name, bases[i], fault.sig, gs_read());
			bad++;
		}
	return bad == 0;
}

/* Loads through such a base reach nothing; one that is not canonical is none. */
static int bases_reach_nothing(int of_fs)
{
	static const uint64_t bases[] = { 0x800000000000, 0x8000000000000000, 0xffff800000000000, 0xffffffff80000000, 0xffffffff80100000 };
	uint8_t code[40] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xf3, 0x48, 0x0f, 0xae, 0xd8,
	                     0x65, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0 };
	uint64_t own, ret;
	int bad = 0;

	syscall(SYS_arch_prctl, 0x1003, &own);
	if (of_fs)
		code[14] = 0xd0, code[15] = 0x64; /* wrfsbase rax; fs: */
	for (unsigned i = 0; i < sizeof bases / sizeof *bases; i++) {
		memcpy(code + 2, &bases[i], 8);
		bad += !is_refused(attempt(code, 24, F_IF, 0, NULL));
		/* The library's: not by a call of its own, which may want it. */
		__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_arch_prctl), "D"(0x1002), "S"(own) : "rcx", "r11", "memory");
	}
	return bad == 0;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	char text[100];
	int sig;

	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
	for (unsigned i = 0; i < sizeof privileged / sizeof *privileged; i++) {
		sig = attempt(privileged[i].code, privileged[i].size, F_IF, 0x1b, NULL);
		CHECK(privileged[i].name, sig == SIGSEGV && fault.trap == TRAP_GP && fault.error == 0);
	}
	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++)
		CHECK(unknown[i].name, is_refused(attempt(unknown[i].code, unknown[i].size, F_IF, 0, NULL)));
	CHECK("all control and debug registers", all_registers());
	CHECK("model-specific registers", all_model_registers());
	CHECK("ports", all_ports());
	CHECK("int n, for all n", all_interrupts());
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		snprintf(text, sizeof text, "%s under any flags", ways[i].name);
		CHECK(text, all_flags(&ways[i]));
		snprintf(text, sizeof text, "%s with any base of gs", ways[i].name);
		CHECK(text, all_bases(&ways[i]));
	}
	CHECK("nothing is reached through gs", bases_reach_nothing(0));
	CHECK("nor through fs", bases_reach_nothing(1));
	DONE();
}

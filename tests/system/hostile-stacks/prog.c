/* Far calls, far returns and iretq on stacks and with selectors of every kind: on a stack that is not the program's each is
 * refused, and how it is refused tells nothing of what lies there. */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

#define CODE   0x33 /* the selectors that Linux gives a program */
#define CODE32 0x23 /* exists on Linux only */
#define DATA   0x2b

#define TRAP_PF 14

/* ---- one attempt ---- */

static sigjmp_buf env;
static volatile struct {
	int sig, trap;
	uint64_t error;
} fault;

static void on_fault(int sig, siginfo_t *info, void *uc_)
{
	const ucontext_t *uc = uc_;

	(void)info;
	fault.sig = sig;
	fault.trap = (int)uc->uc_mcontext.gregs[REG_TRAPNO];
	fault.error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	siglongjmp(env, 1);
}

/* far_try(code, stack, pointer): jumps to `code` with rsp on `stack` and rdi on the far pointer. 1: it has come to far_arrived. */
int far_try(const void *code, uint64_t stack, const void *pointer);
extern const uint8_t far_arrived[];
static uint64_t arrived_segments, arrived_flags;

__asm__(".text\n"
        "far_try: push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
        "mov %rsp, %rbp\n\tmov %rdi, %rax\n\tmov %rdx, %rdi\n\tmov %rsi, %rsp\n\tjmp *%rax\n"
        "far_arrived: mov %rbp, %rsp\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t"
        "pushfq\n\tpopq arrived_flags(%rip)\n\tpushq $0x202\n\tpopfq\n\t"
        "mov %cs, %ecx\n\tmov %ss, %edx\n\tshl $16, %ecx\n\tor %edx, %ecx\n\tmov %rcx, arrived_segments(%rip)\n\t"
        "mov $1, %eax\n\tret\n");

static const struct kind {
	const char *name;
	uint8_t size, code[4];
	enum { CALL, JUMP, RETURN, IRET } does;
	uint8_t word; /* bytes of an offset, and of each word on the stack */
} kinds[] = {
	{ "far call, 16 bits", 3, { 0x66, 0xff, 0x1f }, CALL, 2 },
	{ "far call, 32 bits", 2, { 0xff, 0x1f }, CALL, 4 },
	{ "far call, 64 bits", 3, { 0x48, 0xff, 0x1f }, CALL, 8 },
	{ "far jump, 32 bits", 2, { 0xff, 0x2f }, JUMP, 4 },
	{ "far jump, 64 bits", 3, { 0x48, 0xff, 0x2f }, JUMP, 8 },
	{ "far return, 16 bits", 2, { 0x66, 0xcb }, RETURN, 2 },
	{ "far return, 32 bits", 1, { 0xcb }, RETURN, 4 },
	{ "far return, 64 bits", 2, { 0x48, 0xcb }, RETURN, 8 },
	{ "far return, 64 bits, and more", 4, { 0x48, 0xca, 0x10, 0x00 }, RETURN, 8 },
	{ "iret, 16 bits", 2, { 0x66, 0xcf }, IRET, 2 },
	{ "iret, 32 bits", 1, { 0xcf }, IRET, 4 },
	{ "iret, 64 bits", 2, { 0x48, 0xcf }, IRET, 8 },
};
#define KINDS (sizeof kinds / sizeof *kinds)

static uint8_t *code_page;
static uint64_t own[512]; /* a stack that is ours */
#define OWN_STACK ((uint64_t)(uintptr_t)&own[256])

static void put(uint8_t *to, const uint64_t *words, unsigned count, unsigned size)
{
	for (unsigned i = 0; i < count; i++)
		memcpy(to + i * size, &words[i], size);
}

/* 1: the instruction has come to far_arrived; 0: there was a signal, see `fault`. */
static int attempt(const struct kind *kind, uint64_t stack, uint16_t selector, uint16_t stack_selector)
{
	const uint64_t target = (uint64_t)(uintptr_t)far_arrived;
	const uint64_t frame[5] = { target, selector, 0x202, OWN_STACK, stack_selector };
	static uint8_t pointer[16];

	put(pointer, frame, 2, kind->word);
	if (stack == OWN_STACK)
		put((uint8_t *)(uintptr_t)stack, frame, 5, kind->word);
	memset(code_page, 0xcc, 64);
	memcpy(code_page, kind->code, kind->size);
	arrived_segments = 0;
	arrived_flags = 0x202;
	if (sigsetjmp(env, 1))
		return 0;
	return far_try(code_page, stack, pointer);
}

/* ---- what must be so ---- */

static int is_ring3(void)
{
	return arrived_segments == ((uint64_t)CODE << 16 | DATA) && (arrived_flags & 0x1b3000) == 0 && (arrived_flags & 0x200);
}

/* A fault as for memory that is not there, or one that names no selector. */
static int tells_nothing(void)
{
	return (fault.sig == SIGSEGV || fault.sig == SIGBUS) && (fault.trap == TRAP_PF || fault.error == 0);
}

static int own_stack(const struct kind *kind)
{
	int bad = 0;

	for (uint32_t selector = 0; selector < 0x100; selector++) {
		int there;

		if ((selector & ~3u) == (CODE32 & ~3u))
			continue;
		there = attempt(kind, OWN_STACK, (uint16_t)selector, DATA);
		/* A call and a jump keep their ring, whatever the selector asks for. With 16 bits nothing arrives; AMD's
		 * processors know no far call of 64 bits. */
		if (there ? (kind->does >= RETURN ? selector : selector | 3) != CODE || !is_ring3()
		          : selector == CODE && kind->word == (kind->does >= RETURN ? 8 : 4))
			bad++, fprintf(stderr, "%s, selector %x: %s, signal %d\n", kind->name, selector, there ? "arrived" : "refused", fault.sig);
	}
	for (uint32_t selector = 0x100; selector < 0x10000; selector += 0x7f3)
		bad += attempt(kind, OWN_STACK, (uint16_t)selector, DATA);
	for (uint32_t selector = 0; kind->does == IRET && selector < 0x100; selector++)
		if (attempt(kind, OWN_STACK, CODE, (uint16_t)selector))
			bad += selector != DATA || !is_ring3();
	return bad == 0;
}

static int refused(const struct kind *kind, uint64_t stack, uint16_t selector)
{
	if (attempt(kind, stack, selector, DATA) || !tells_nothing()) {
		/* A call or jump names its own selector, before it looks at the stack. */
		if (kind->does == CALL && selector != CODE && fault.sig && fault.error == (selector & ~3u))
			return 1;
		fprintf(stderr, "%s on %016lx, selector %x: signal %d, trap %d, error %lx\n", kind->name, stack, selector,
		        fault.sig, fault.trap, fault.error);
		return 0;
	}
	return 1;
}

static const uint64_t foreign[] = {
	8, 0x1000, 0x7ffffffffff0, 0x7ffffffffff8, 0x7ffffffffffc, 0x800000000000, 0x800000000008, 0x8000000000000000,
	0xffff7ffffffffff8, 0xffff800000000000, 0xffff800000000008, 0xffff800000100000, 0xffff888000000000, 0xffffc00000000000,
	0xffffff0000000000, 0xffffffff7ffffff8, 0xffffffff80000000, 0xffffffff80000008, 0xffffffff80001008, 0xffffffff81000000,
	0xffffffffc0000000, 0xffffffffff600000, 0xfffffffffffff000, 0xfffffffffffffff0, 0xfffffffffffffff8,
};

static int foreign_stacks(const struct kind *kind)
{
	static const uint16_t selectors[] = { CODE, 0, 3, 0x10, 0x13, 0x18, DATA, 0x43, 7, 0xffff };
	int bad = 0;

	for (unsigned i = 0; i < sizeof foreign / sizeof *foreign; i++)
		for (unsigned j = 0; j < sizeof selectors / sizeof *selectors; j++)
			bad += !refused(kind, foreign[i], selectors[j]);
	return bad == 0;
}

/* Where the kernel and its view of all memory are on FeuerBird and on Linux, and all of the upper half here and there. */
static int all_over(const struct kind *kind)
{
	uint64_t at = 0xffff800000000000, seed = 88172645463325252;
	int bad = 0;

	for (unsigned i = 0; i < 0x200; i++)
		bad += !refused(kind, 0xffffffff80000000 + i * 0x1000 + (i & 31) * 8, CODE);
	for (unsigned i = 0; i < 0x100; i++)
		bad += !refused(kind, 0xffff800000000000 + i * 0x1fff48, CODE);
	for (unsigned i = 0; i < 0x100; i++, at += 0x7fffff5678)
		bad += !refused(kind, at & ~7UL, CODE);
	for (unsigned i = 0; i < 0x100; i++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		bad += !refused(kind, 0xffff800000000000 | (seed & ~7UL), CODE);
	}
	return bad == 0;
}

/* ---- what the machine names itself ---- */

static uint64_t table_base(int interrupts)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { 0, 0 };

	if (sigsetjmp(env, 1))
		return 0;
	if (interrupts)
		__asm__ volatile("sidt %0" : "=m"(pointer));
	else
		__asm__ volatile("sgdt %0" : "=m"(pointer));
	return pointer.base;
}

/* A far call onto a descriptor table, from both sides of each of its pages. What it writes would be seen at once. */
static int tables_stay(void)
{
	int bad = 0;

	for (int interrupts = 0; interrupts < 2; interrupts++) {
		uint64_t base = table_base(interrupts) & ~0xfffUL;

		for (uint64_t at = base + 16; base && at <= base + 0x1000; at += 8)
			bad += attempt(&kinds[1], at, CODE, DATA);
	}
	return bad == 0;
}

/* Their neighbours may be pages that a stack belongs on. Whatever becomes of the attempt, the kernel goes on. */
static int neighbours_do_no_harm(void)
{
	uint64_t base = table_base(0) & ~0xfffUL;
	pid_t me = getpid();
	int bad = 0;

	for (uint64_t at = base - 0x1000; base && at < base + 0x4000; at += 8) {
		for (unsigned i = 1; i < KINDS; i += 3)
			if ((at & ~0xfffUL) != base || kinds[i].does != CALL)
				attempt(&kinds[i], at, CODE, DATA);
		bad += syscall(SYS_getpid) != me;
	}
	return bad == 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	char text[100];

	(void)argv;
	code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &action, NULL);
	for (unsigned i = 0; i < KINDS; i++) {
		/* With an argument only what reads, so that a machine with the fault stays up. */
		if (argc > 1 && kinds[i].does != RETURN)
			continue;
		snprintf(text, sizeof text, "%s: our own stack, any selector", kinds[i].name);
		CHECK(text, own_stack(&kinds[i]));
		if (kinds[i].does == JUMP)
			continue;
		snprintf(text, sizeof text, "%s: a stack that is not ours", kinds[i].name);
		CHECK(text, foreign_stacks(&kinds[i]));
		snprintf(text, sizeof text, "%s: stacks all over the kernel's half", kinds[i].name);
		CHECK(text, all_over(&kinds[i]));
	}
	if (argc == 1) {
		CHECK("the descriptor tables stay as they are", tables_stay());
		CHECK("what is beside them can do no harm", neighbours_do_no_harm());
	}
	DONE();
}

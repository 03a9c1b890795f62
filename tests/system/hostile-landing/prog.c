/* What a program had in its registers when the kernel was entered from it is nowhere where the next program can read it. On a
 * machine whose far returns read ring 0's stacks this looks through the page on which traps land. */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

#define REGISTERS 16 /* rsp too */
#define F_TF 0x100UL

/* A word of pattern `n`: four times a selector of no descriptor, so that a far return that finds it names it. */
#define WORD(n) (0x0001000100010001UL * (0xa508 + 16 * (n)))

static sigjmp_buf env;
static volatile int steps, is_child;
static volatile uint64_t error;

/* A child ends by its fortieth step, behind all loads, or when it has counted down; an attempt to read goes on behind it. */
static void on_signal(int sig, siginfo_t *info, void *uc_)
{
	const ucontext_t *uc = uc_;

	(void)info;
	if (sig == SIGTRAP && ++steps < 40)
		return;
	if (is_child)
		_exit(0);
	error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
	siglongjmp(env, 1);
}

/* leave(words, flags): every register, in the order of the instruction set, gets its word; then it counts down in memory and
 * ends. */
void leave(const uint64_t words[REGISTERS], uint64_t flags);
static volatile uint64_t left;
static uint64_t words[REGISTERS];
__asm__(".text\n"
        "leave: push %rsi\n\tpopfq\n\t"
        "mov 8(%rdi), %rcx\n\tmov 16(%rdi), %rdx\n\tmov 24(%rdi), %rbx\n\tmov 32(%rdi), %rsp\n\tmov 40(%rdi), %rbp\n\t"
        "mov 48(%rdi), %rsi\n\tmov 64(%rdi), %r8\n\tmov 72(%rdi), %r9\n\tmov 80(%rdi), %r10\n\tmov 88(%rdi), %r11\n\t"
        "mov 96(%rdi), %r12\n\tmov 104(%rdi), %r13\n\tmov 112(%rdi), %r14\n\tmov 120(%rdi), %r15\n\t"
        "mov (%rdi), %rax\n\tmov 56(%rdi), %rdi\n"
        "1: decq left(%rip)\n\tjnz 1b\n\t"
        "ud2\n");

/* A child leaves its words behind: by single steps, or while it computes (and by the interrupts that come then). */
static void child(int stepping, uint64_t turns)
{
	pid_t pid;

	for (unsigned i = 0; i < REGISTERS; i++)
		words[i] = WORD(i);
	words[4] &= 0x7fffffffffff; /* rsp: an address that could be */
	pid = fork();
	if (pid == 0) {
		is_child = 1;
		left = stepping ? 1000 : turns;
		leave(words, stepping ? 0x202 | F_TF : 0x202);
	}
	memset(words, 0, sizeof words);
	waitpid(pid, NULL, 0);
}

/* Where traps land, if the machine says where its descriptor table is: the page before it (src/hal/x86_64/trap.c). */
static uint64_t landing(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { 0, 0 };

	__asm__ volatile("sgdt %0" : "=m"(pointer));
	return (pointer.base & ~0xfffUL) - 0x1000;
}

/* The first two bytes of a word that has one before it, as a far return takes them for a selector. 0: nothing that it names. */
static uint16_t peek(uint64_t address)
{
	error = 0;
	left = 1; /* a selector may be ours, and lead to where a child was */
	if (!sigsetjmp(env, 1))
		__asm__ volatile("mov %0, %%rsp\n\tlretq" : : "r"(address - 8) : "memory");
	return (uint16_t)error;
}

/* How many words of the page are a child's. */
static int found(uint64_t page)
{
	int count = 0;

	for (unsigned i = 1; i < 512; i++) {
		unsigned n = (unsigned)(peek(page + 8 * i) - 0xa508) / 16;

		if (n >= REGISTERS || (uint16_t)WORD(n) != error)
			continue;
		fprintf(stderr, "register %u of another program at %03x of the landing\n", n, 8 * i);
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
	uint64_t turns = argc > 2 ? strtoul(argv[2], NULL, 10) : 3000000; /* that it computes */
	int bad[2] = { 0, 0 };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	for (unsigned i = 0; i < rounds; i++)
		for (int stepping = 0; stepping < 2; stepping++) {
			child(stepping, turns);
			bad[stepping] += found(landing());
		}
	CHECK("nothing is left by interrupts", bad[0] == 0);
	CHECK("nothing is left by single steps", bad[1] == 0);
	DONE();
}

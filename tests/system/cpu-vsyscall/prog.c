/* The vsyscall page: three entries at fixed addresses, which old programs call in place of a system call. */
#include "check.h"
#include <setjmp.h>

#define ENTRY(n) (0xffffffffff600000UL + 1024 * (n))

static sigjmp_buf env;
static void *volatile where;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	where = si->si_addr;
	siglongjmp(env, 1);
}

static int faults(uint64_t entry)
{
	if (!sigsetjmp(env, 1)) {
		((long (*)(void *, void *))entry)(NULL, NULL);
		return 0;
	}
	return 1;
}

/* Every register but rax, rcx and r11 as it was, and the stack too. */
static int keeps_registers(void)
{
	uint64_t before, after, changed;

	__asm__ volatile("mov %%rsp, %0\n\t"
	                 "mov $1, %%r8d\n\tmov $2, %%r9d\n\tmov $3, %%r10d\n\tmov $4, %%r12d\n\tmov $5, %%r13d\n\tmov $6, %%edx\n\t"
	                 "xor %%edi, %%edi\n\txor %%esi, %%esi\n\t"
	                 "mov %3, %%rax\n\tcall *%%rax\n\t"
	                 "mov %%rsp, %1\n\t"
	                 "dec %%r8\n\tsub $2, %%r9\n\tsub $3, %%r10\n\tsub $4, %%r12\n\tsub $5, %%r13\n\tsub $6, %%rdx\n\t"
	                 "mov %%r8, %2\n\tor %%r9, %2\n\tor %%r10, %2\n\tor %%r12, %2\n\tor %%r13, %2\n\tor %%rdx, %2\n\tor %%rdi, %2\n\tor %%rsi, %2"
	                 : "=&r"(before), "=&r"(after), "=&r"(changed) : "i"(ENTRY(1))
	                 : "rax", "rcx", "r11", "r8", "r9", "r10", "r12", "r13", "rdx", "rdi", "rsi", "memory");
	return before == after && changed == 0;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct timeval by_page, by_call;
	unsigned cpu = 99, node = 99;
	long seconds = 0, result;

	result = ((long (*)(struct timeval *, void *))ENTRY(0))(&by_page, NULL);
	gettimeofday(&by_call, NULL);
	CHECK("gettimeofday", result == 0 && by_call.tv_sec - by_page.tv_sec <= 5 && by_call.tv_sec >= by_page.tv_sec && by_page.tv_usec < 1000000);
	result = ((long (*)(long *))ENTRY(1))(&seconds);
	CHECK("time", result == seconds && result - by_call.tv_sec <= 5 && result >= by_call.tv_sec);
	result = ((long (*)(unsigned *, unsigned *, void *))ENTRY(2))(&cpu, &node, NULL);
	CHECK("getcpu", result == 0 && cpu < 99 && node < 99);
	CHECK("registers", keeps_registers());
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	CHECK("beside an entry", faults(ENTRY(0) + 1));
	CHECK("behind the last", faults(ENTRY(3)));
	where = NULL;
	if (!sigsetjmp(env, 1))
		(void)*(volatile char *)ENTRY(0);
	CHECK("reading it", where == (void *)ENTRY(0));
	/* Where shall it return to? */
	if (!sigsetjmp(env, 1)) {
		__asm__ volatile("mov $8, %%esp\n\tjmp *%0" : : "r"(ENTRY(1)), "D"(0) : "memory");
	}
	CHECK("without a stack", 1);
	DONE();
}

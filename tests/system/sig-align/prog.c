/* The alignment-check flag: an access that is not aligned raises SIGBUS while it is set. */
#include "check.h"
#include <setjmp.h>

#define F_AC 0x40000UL

static sigjmp_buf env;
static volatile sig_atomic_t got, code;
static void *volatile where;
static char bytes[64] __attribute__((aligned(64)));

static void flag(int on)
{
	if (on)
		__asm__ volatile("pushfq\n\torq $0x40000, (%%rsp)\n\tpopfq" : : : "memory", "cc");
	else
		__asm__ volatile("pushfq\n\tandq $~0x40000, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

/* Linux leaves the flag set in a handler. */
static void on_fault(int sig, siginfo_t *si, void *uc)
{
	flag(0);
	(void)uc;
	got = sig;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(env, 1);
}

/* One access under the flag: 0, or the signal. */
static int under_flag(int offset, int store)
{
	got = 0;
	if (!sigsetjmp(env, 1)) {
		flag(1);
		if (store)
			__asm__ volatile("movl $1, (%0)" : : "r"(bytes + offset) : "memory");
		else
			__asm__ volatile("movl (%0), %%eax" : : "r"(bytes + offset) : "rax", "memory");
		flag(0);
	}
	return got;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
	CHECK("an aligned load", under_flag(4, 0) == 0);
	CHECK("a load that is not aligned: SIGBUS", under_flag(5, 0) == SIGBUS);
	CHECK("its code and address", code == BUS_ADRALN && where == NULL);
	CHECK("a store that is not aligned: SIGBUS", under_flag(6, 1) == SIGBUS);
	CHECK("nothing was stored", bytes[6] == 0 && bytes[7] == 0);
	CHECK("without the flag it is allowed", *(volatile uint32_t *)(void *)(bytes + 5) == 0);
	flag(1);
	syscall(SYS_getppid);
	syscall(SYS_write, 1, bytes + 1, 0);
	flag(0);
	CHECK("system calls under the flag", 1);
	DONE();
}

/* The ucontext of a handler: registers can be read and changed; rip can be moved. */
#include "check.h"
#include <ucontext.h>

static volatile sig_atomic_t seen;

static void skip(int sig, siginfo_t *si, void *p)
{
	ucontext_t *uc = p;

	(void)sig;
	(void)si;
	seen = uc->uc_mcontext.gregs[REG_RBX] == 0x1234567;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RAX] = 77;
	uc->uc_mcontext.gregs[REG_R15] = 88;
	sigaddset(&uc->uc_sigmask, SIGUSR2);
}

int main(void)
{
	struct sigaction sa = { 0 };
	uint64_t rax, r15, r[6];
	sigset_t set;

	sa.sa_sigaction = skip;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGILL, &sa, NULL);
	__asm__ volatile("mov $0x1234567,%%rbx\n xor %%eax,%%eax\n xor %%r15d,%%r15d\n ud2\n mov %%r15,%1\n"
		: "=&a"(rax), "=r"(r15) : : "rbx", "r15", "memory");
	CHECK("the handler saw rbx", seen);
	CHECK("it set rax, r15 and rip", rax == 77 && r15 == 88);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CHECK("it set the mask", sigismember(&set, SIGUSR2));
	/* A system call keeps all but rax, rcx and r11. */
	__asm__ volatile("std\n cld\n mov $1,%%rbx\n mov $2,%%r12\n mov $3,%%r13\n mov $4,%%r14\n mov $5,%%r8\n mov $6,%%r10\n"
		"mov $39,%%eax\n syscall\n"
		"mov %%rbx,%0\n mov %%r12,%1\n mov %%r13,%2\n mov %%r14,%3\n mov %%r8,%4\n mov %%r10,%5\n"
		: "=m"(r[0]), "=m"(r[1]), "=m"(r[2]), "=m"(r[3]), "=m"(r[4]), "=m"(r[5])
		: : "rax", "rcx", "r11", "rbx", "r12", "r13", "r14", "r8", "r10", "memory");
	CHECK("registers over a system call", r[0] == 1 && r[1] == 2 && r[2] == 3 && r[3] == 4 && r[4] == 5 && r[5] == 6);
	DONE();
}

/* Faults as signals: SIGSEGV codes and address, SIGBUS, SIGFPE, SIGILL, SIGTRAP. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf env;
static volatile sig_atomic_t got, code;
static void *volatile where;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got = sig;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(env, 1);
}

#define FAULT(what, sig, si, addr, action)                                      \
	do {                                                                    \
		got = 0;                                                        \
		if (!sigsetjmp(env, 1)) { action; }                             \
		CHECK(what, got == (sig) && code == (si) && (!(addr) || where == (void *)(addr))); \
	} while (0)

int main(void)
{
	struct sigaction sa = { 0 };
	volatile int zero = 0, sink;
	char *page, *ro, *none;
	int f;

	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO;
	for (int s = 1; s < 32; s++)
		if (s == SIGSEGV || s == SIGBUS || s == SIGFPE || s == SIGILL || s == SIGTRAP)
			sigaction(s, &sa, NULL);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	FAULT("read of an unmapped page: SEGV_MAPERR", SIGSEGV, SEGV_MAPERR, page + 4100, sink = *(volatile char *)(page + 4100));
	FAULT("write to a read-only page: SEGV_ACCERR", SIGSEGV, SEGV_ACCERR, ro + 5, *(volatile char *)(ro + 5) = 1);
	FAULT("read of PROT_NONE: SEGV_ACCERR", SIGSEGV, SEGV_ACCERR, none, sink = *(volatile char *)none);
	FAULT("null pointer", SIGSEGV, SEGV_MAPERR, 0, sink = *(volatile char *)(uintptr_t)(zero + 0));
	FAULT("kernel address", SIGSEGV, SEGV_MAPERR, 0xffffffff80000000, *(volatile char *)0xffffffff80000000 = 1);
	FAULT("non-canonical address", SIGSEGV, SI_KERNEL, 0, *(volatile char *)0x8000000000000000 = 1);
	FAULT("execute data: SEGV_ACCERR", SIGSEGV, SEGV_ACCERR, page, ((void (*)(void))(uintptr_t)page)());
	FAULT("division by zero", SIGFPE, FPE_INTDIV, 0, __asm__ volatile("cltd\n idivl %1" : "=a"(sink) : "m"(zero), "a"(1) : "rdx"));
	FAULT("ud2", SIGILL, ILL_ILLOPN, 0, __asm__ volatile("ud2"));
	FAULT("int3", SIGTRAP, SI_KERNEL, 0, __asm__ volatile("int3"));
	FAULT("hlt", SIGSEGV, SI_KERNEL, 0, __asm__ volatile("hlt"));
	f = open("f", O_RDWR | O_CREAT, 0600);
	ftruncate(f, 4096);
	char *map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, f, 0);
	FAULT("beyond the end of a mapped file: SIGBUS", SIGBUS, BUS_ADRERR, map + 4096, sink = map[4096]);
	(void)sink;
	CHECK("still in good health", map[0] == 0 && page[0] == 0);
	DONE();
}

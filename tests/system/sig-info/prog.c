/* What a program puts into a siginfo_t arrives whole; whom it may pretend to be. */
#include "check.h"

static volatile siginfo_t seen;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	memcpy((void *)&seen, info, sizeof(seen));
}

static long queue(pid_t pid, int sig, const siginfo_t *info) { return syscall(SYS_rt_sigqueueinfo, pid, sig, info); }

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	siginfo_t info;
	unsigned char *bytes = (unsigned char *)&info;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGIO, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	memset(&info, 0, sizeof(info));
	info.si_code = SEGV_MAPERR;
	info.si_addr = (void *)0x123456789a;
	CHECK("an address", queue(getpid(), SIGSEGV, &info) == 0 && seen.si_addr == info.si_addr && seen.si_code == SEGV_MAPERR);
	memset(&info, 0, sizeof(info));
	info.si_code = POLL_IN;
	info.si_band = 0x1122334455;
	info.si_fd = 7;
	CHECK("a band and a descriptor", queue(getpid(), SIGIO, &info) == 0 && seen.si_band == 0x1122334455 && seen.si_fd == 7);
	memset(&info, 0xa5, sizeof(info));
	memset(bytes + 48, 0, sizeof(info) - 48);
	info.si_signo = 3;
	info.si_code = SI_QUEUE;
	info.si_errno = 12;
	CHECK("48 bytes of it, and its own number", queue(getpid(), SIGUSR1, &info) == 0 && seen.si_signo == SIGUSR1 &&
	      seen.si_errno == 12 && !memcmp((char *)&seen + 16, bytes + 16, 32));
	bytes[100] = 1;
	CHECK("what is known to be unused is not looked at", queue(getpid(), SIGUSR1, &info) == 0);
	info.si_code = -100;
	FAILS("of an unknown code it must be 0", E2BIG, queue(getpid(), SIGUSR1, &info));
	info.si_code = SI_USER;
	FAILS("nobody pretends to be the kernel to others", EPERM, queue(getppid(), 0, &info));
	info.si_code = SI_TKILL;
	FAILS("or tkill", EPERM, queue(getppid(), 0, &info));
	info.si_code = SI_QUEUE;
	FAILS("no such process comes before no such signal", ESRCH, queue(0x7ffffff0, 65, &info));
	FAILS("no such signal", EINVAL, queue(getpid(), 65, &info));
	FAILS("bad address comes first", EFAULT, queue(0x7ffffff0, 65, (siginfo_t *)8));
	DONE();
}

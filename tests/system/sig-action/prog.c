/* sigaction: SA_SIGINFO, SA_NODEFER, SA_RESETHAND, the mask, nesting, old action. */
#include "check.h"
static volatile sig_atomic_t depth, max_depth, count, code, from, value, second;

static void plain(int sig) { (void)sig; count++; }
static void nest(int sig)
{
	if (++depth > max_depth)
		max_depth = depth;
	if (count++ < 3)
		raise(sig);
	depth--;
}
static void info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	code = si->si_code;
	from = si->si_pid == getpid();
	value = si->si_value.sival_int;
}
static void other(int sig) { (void)sig; second = depth; }
static void outer(int sig) { (void)sig; depth = 7; raise(SIGUSR2); depth = 0; }

int main(void)
{
	struct sigaction sa = { 0 }, old;
	sigset_t set;

	sa.sa_handler = plain;
	CHECK("install", sigaction(SIGUSR1, &sa, &old) == 0 && old.sa_handler == SIG_DFL);
	raise(SIGUSR1);
	CHECK("handled at once", count == 1);
	CHECK("read back", sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == plain);
	FAILS("SIGKILL cannot be caught", EINVAL, sigaction(SIGKILL, &sa, NULL));
	FAILS("SIGSTOP cannot be ignored", EINVAL, (sa.sa_handler = SIG_IGN, sigaction(SIGSTOP, &sa, NULL)));
	FAILS("no such signal", EINVAL, sigaction(65, &sa, NULL));

	count = 0;
	sa.sa_handler = nest;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK("its own signal waits until the handler is left", count == 4 && max_depth == 1);
	count = depth = max_depth = 0;
	sa.sa_flags = SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK("SA_NODEFER nests", count == 4 && max_depth == 4);

	sa.sa_flags = SA_RESETHAND;
	sa.sa_handler = plain;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	CHECK("SA_RESETHAND", old.sa_handler == SIG_DFL);

	sa.sa_flags = SA_SIGINFO;
	sa.sa_sigaction = info;
	sigaction(SIGUSR1, &sa, NULL);
	kill(getpid(), SIGUSR1);
	CHECK("siginfo of kill", code == SI_USER && from);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 4711 });
	CHECK("siginfo of sigqueue", code == SI_QUEUE && value == 4711);
	raise(SIGUSR1);
	CHECK("siginfo of tkill", code == SI_TKILL);

	sa.sa_flags = 0;
	sa.sa_handler = outer;
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGUSR2, other);
	second = -1;
	raise(SIGUSR1);
	CHECK("sa_mask holds the other back until the end", second == 0);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CHECK("the mask is back", !sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2));

	signal(SIGUSR1, SIG_IGN);
	CHECK("ignored", raise(SIGUSR1) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	sigpending(&set);
	CHECK("ignored and blocked: may be dropped or kept, never delivered", 1);
	signal(SIGUSR1, plain);
	count = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigpending(&set);
	CHECK("pending", sigismember(&set, SIGUSR1) && count == 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK("once, not twice", count == 1);
	DONE();
}

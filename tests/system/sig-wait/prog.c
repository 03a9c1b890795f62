/* sigsuspend, sigwaitinfo, sigtimedwait, sigpending, real-time queueing and order. */
#include "check.h"
static volatile sig_atomic_t order[8], n;
static void note(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	(void)sig;
	if (n < 8)
		order[n++] = si->si_value.sival_int;
}

int main(void)
{
	sigset_t set, old, empty;
	siginfo_t si;
	struct timespec ts = { 0, 50000000 };
	struct sigaction sa = { 0 };
	pid_t child;

	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGCHLD);
	CHECK("block", sigprocmask(SIG_BLOCK, &set, &old) == 0);
	FAILS("how is checked", EINVAL, sigprocmask(99, &set, NULL));
	FAILS("sigtimedwait times out", EAGAIN, sigtimedwait(&set, &si, &ts));
	kill(getpid(), SIGUSR1);
	CHECK("sigwaitinfo takes a pending one", sigwaitinfo(&set, &si) == SIGUSR1 && si.si_code == SI_USER && si.si_pid == getpid());
	if ((child = fork()) == 0) {
		pause_ms(100);
		kill(getppid(), SIGUSR1);
		_exit(6);
	}
	CHECK("sigwaitinfo waits", sigwaitinfo(&set, &si) == SIGUSR1 && si.si_pid == child);
	CHECK("SIGCHLD with its data", sigwaitinfo(&set, &si) == SIGCHLD && si.si_code == CLD_EXITED && si.si_status == 6 && si.si_pid == child);
	wait_status(child);

	sa.sa_sigaction = note;
	sa.sa_flags = SA_SIGINFO;
	sa.sa_mask = set;
	sigaction(SIGRTMIN, &sa, NULL);
	sigaction(SIGRTMIN + 1, &sa, NULL);
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 10 });
	for (int i = 1; i <= 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
	CHECK("nothing yet", n == 0);
	for (int i = 0; i < 4; i++)
		FAILS("sigsuspend lets one in", EINTR, sigsuspend(&empty));
	CHECK("real-time signals queue, lowest first, in order", n == 4 && order[0] == 1 && order[1] == 2 && order[2] == 3 && order[3] == 10);
	sigprocmask(SIG_SETMASK, NULL, &old);
	CHECK("sigsuspend put the mask back", sigismember(&old, SIGRTMIN) && sigismember(&old, SIGUSR1));
	CHECK("sigwait", (kill(getpid(), SIGUSR1), sigwaitinfo(&set, NULL)) == SIGUSR1);
	FAILS("kill nobody", ESRCH, kill(999999, 0));
	FAILS("kill with a bad number", EINVAL, kill(getpid(), 65));
	CHECK("kill 0 checks only", kill(getpid(), 0) == 0);
	DONE();
}

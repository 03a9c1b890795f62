/*
 * Who takes one signal after the other by sigwaitinfo(), or through a signalfd, and makes no other call between, hears of
 * each: of SIGCHLD, which nobody has a handler for, and of signals to one of several threads.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5

static sigset_t set;

static void children(int ms)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (fork() == 0) {
			usleep((useconds_t)(ms * 1000 * (i + 1)));
			_exit(i);
		}
	}
}

static void report(const char *what, const int *status)
{
	int sum = 0;

	for (int i = 0; i < ROUNDS; i++)
		sum += status[i];
	printf("%s: %d\n", what, sum);
	fflush(stdout);
}

static void by_wait(void)
{
	int status[ROUNDS] = {0}, n = 0, one;
	siginfo_t info;

	children(50);
	while (n < ROUNDS) {
		sigwaitinfo(&set, &info);
		while (waitpid(-1, &one, WNOHANG) > 0)
			status[n++] = WEXITSTATUS(one);
	}
	report("sigwaitinfo", status);
}

static void by_descriptor(void)
{
	int status[ROUNDS] = {0}, n = 0, one, fd = signalfd(-1, &set, SFD_CLOEXEC);
	struct signalfd_siginfo info;

	children(50);
	while (n < ROUNDS) {
		if (read(fd, &info, sizeof(info)) != sizeof(info))
			_exit(9);
		while (waitpid(-1, &one, WNOHANG) > 0)
			status[n++] = WEXITSTATUS(one);
	}
	close(fd);
	report("signalfd", status);
}

static volatile int heard;

static void *waits(void *unused)
{
	siginfo_t info;

	for (;;)
		if (sigwaitinfo(&set, &info) == SIGUSR1)
			__atomic_fetch_add(&heard, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void of_threads(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, waits, NULL);
	for (int i = 0; i < 20; i++) {
		int before = heard;

		kill(getpid(), SIGUSR1);
		while (heard == before)
			usleep(1000);
	}
	printf("threads: %d\n", heard);
}

int main(void)
{
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	by_wait();
	by_descriptor();
	of_threads();
	return 0;
}

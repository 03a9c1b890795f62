/* Which thread gets a signal that is sent to the process: the first one if it takes it, else another; not whoever sends it. */
#include "check.h"
#include <pthread.h>

static volatile pid_t got;
static volatile int handled;
static pthread_barrier_t ready;

static pid_t self(void) { return (pid_t)syscall(SYS_gettid); }

static void handler(int sig)
{
	(void)sig;
	got = self();
	handled++;
}

static void mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(how, &set, NULL);
}

static void *sends(void *arg)
{
	(void)arg;
	pause_ms(50); /* until the first thread is out of pthread_create(), which blocks all signals */
	kill(getpid(), SIGUSR1);
	return NULL;
}

struct worker {
	volatile pid_t tid;
	volatile int leave;
	int takes, leaves;
};

static void *waits(void *arg)
{
	struct worker *w = arg;

	mask(w->takes ? SIG_UNBLOCK : SIG_BLOCK, SIGUSR1);
	w->tid = self();
	pthread_barrier_wait(&ready);
	while (!w->leave)
		pause_ms(1);
	if (w->leaves)
		mask(SIG_BLOCK, SIGUSR1);
	return NULL;
}

static void wait_for(int n)
{
	for (int i = 0; i < 5000 && handled < n; i++)
		pause_ms(1);
}

int main(void)
{
	struct worker a = { .takes = 0 }, b = { .takes = 1 };
	struct timespec limit = { 5, 0 };
	pthread_t t, u;
	sigset_t set;

	signal(SIGUSR1, handler);
	pthread_create(&t, NULL, sends, NULL);
	pthread_join(t, NULL);
	wait_for(1);
	CHECK("the first thread gets it, though another sent it", handled == 1 && got == getpid());

	mask(SIG_BLOCK, SIGUSR1);
	pthread_barrier_init(&ready, NULL, 3);
	pthread_create(&t, NULL, waits, &a);
	pthread_create(&u, NULL, waits, &b);
	pthread_barrier_wait(&ready);
	kill(getpid(), SIGUSR1);
	wait_for(2);
	CHECK("if the first blocks it, one that does not", handled == 2 && got == b.tid);
	syscall(SYS_tgkill, getpid(), a.tid, SIGUSR1);
	pause_ms(20);
	CHECK("one that is sent to a thread waits for that thread", handled == 2);
	b.leave = 1;
	pthread_join(u, NULL);

	kill(getpid(), SIGUSR1);
	sigpending(&set);
	CHECK("nobody takes it: it is pending", handled == 2 && sigismember(&set, SIGUSR1));
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK("whoever unblocks it takes it", handled == 3 && got == getpid());
	mask(SIG_BLOCK, SIGUSR1);
	a.leave = 1;
	pthread_join(t, NULL);
	sigpending(&set);
	CHECK("a thread's own signals end with it", handled == 3 && !sigismember(&set, SIGUSR1));

	kill(getpid(), SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK("sigtimedwait takes what was sent to the process", sigtimedwait(&set, NULL, &limit) == SIGUSR1 && handled == 3);

	pthread_barrier_init(&ready, NULL, 2);
	b = (struct worker){ .takes = 1 };
	pthread_create(&t, NULL, waits, &b);
	pthread_barrier_wait(&ready);
	FAILS("no such signal, an existing process", EINVAL, kill(getpid(), 65));
	FAILS("no such signal, no such process", ESRCH, kill(0x7ffffff0, 65));
	CHECK("kill with another thread's number", kill(b.tid, 0) == 0);
	CHECK("sigqueue to another thread's number", sigqueue(b.tid, SIGUSR1, (union sigval){ .sival_int = 1 }) == 0);
	wait_for(4);
	CHECK("is for the process", handled == 4 && got == b.tid);
	b.leave = 1;
	pthread_join(t, NULL);
	DONE();
}

/* Threads and processes: fork from a thread, exit_group, exec from a thread, signals to threads. */
#include "check.h"
#include <pthread.h>

static volatile int handled_by;
static pthread_t main_thread;
static void on_usr1(int sig) { (void)sig; handled_by = (int)syscall(SYS_gettid); }
static void *spin(void *arg) { while (arg != (void *)1) ; return arg; }
static void *leave(void *arg) { (void)arg; exit(12); return NULL; }
static void *forks(void *arg)
{
	pid_t child = fork();

	(void)arg;
	if (child == 0)
		_exit(21);
	return (void *)(intptr_t)WEXITSTATUS(wait_status(child));
}
static void *execs(void *arg) { (void)arg; execl("/bin/sh", "sh", "-c", "exit 13", NULL); return NULL; }
static volatile int my_tid, go;
static void *target(void *arg)
{
	(void)arg;
	my_tid = (int)syscall(SYS_gettid);
	while (!go)
		pause_ms(5);
	return NULL;
}
static void *crash(void *arg) { (void)arg; *(volatile int *)16 = 1; return NULL; }

int main(void)
{
	pthread_t t;
	void *r;
	pid_t child;
	sigset_t set;

	main_thread = pthread_self();
	pthread_create(&t, NULL, forks, NULL);
	pthread_join(t, &r);
	CHECK("fork from a thread", (intptr_t)r == 21);
	if ((child = fork()) == 0) {
		pthread_create(&t, NULL, spin, NULL);
		pthread_create(&t, NULL, leave, NULL);
		pause();
	}
	CHECK("exit from a thread ends all", EXITED(wait_status(child), 12));
	if ((child = fork()) == 0) {
		pthread_create(&t, NULL, spin, NULL);
		pthread_create(&t, NULL, execs, NULL);
		pause();
	}
	CHECK("exec from a thread replaces all", EXITED(wait_status(child), 13));
	if ((child = fork()) == 0) {
		pthread_create(&t, NULL, spin, NULL);
		pthread_create(&t, NULL, crash, NULL);
		pause();
	}
	CHECK("a crash in a thread ends all", KILLED(wait_status(child), SIGSEGV));
	if ((child = fork()) == 0) {
		pthread_create(&t, NULL, leave, NULL);
		pthread_exit(NULL);
	}
	CHECK("the first thread may leave first", EXITED(wait_status(child), 12));
	signal(SIGUSR1, on_usr1);
	pthread_create(&t, NULL, target, NULL);
	while (!my_tid)
		pause_ms(1);
	pthread_kill(t, SIGUSR1);
	while (!handled_by)
		pause_ms(1);
	CHECK("pthread_kill reaches the one", handled_by == my_tid);
	handled_by = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 1000 && !handled_by; i++)
		pause_ms(1);
	CHECK("a signal to the process goes to a thread that takes it", handled_by == my_tid);
	go = 1;
	pthread_join(t, NULL);
	DONE();
}

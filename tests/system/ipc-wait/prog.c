/* Who waits for semaphores: signals, timeouts, removal, stops; and hundreds at once. */
#include "sysv.h"

static void print(const char *what, long value) { dprintf(1, "%s: %ld\n", what, value); }

static volatile sig_atomic_t came;
static void handler(int signo) { came = signo; }

static void handle(int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGUSR1, &a, NULL);
}

static int dead_by(pid_t pid, int signo)
{
	kill(pid, signo);
	return KILLED(wait_status(pid), signo);
}

static void signals(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 2, 0600);
	struct sembuf pair[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
	pid_t pid;

	for (int restart = 0; restart < 2; restart++) {
		if ((pid = fork()) == 0) {
			handle(restart ? SA_RESTART : 0);
			long r = sem_add(id, 0, -1, 0);
			_exit(r == -1 && errno == EINTR && came == SIGUSR1 ? 5 : 6);
		}
		until_waiting(id, 0, GETNCNT, 1);
		kill(pid, SIGUSR1);
		CHECK("interrupted, never begun again", EXITED(wait_status(pid), 5));
		print("nobody waits", sem_ctl(id, 0, GETNCNT, 0));
	}
	if ((pid = fork()) == 0) {
		struct timespec t = { 1000, 0 };
		handle(SA_RESTART);
		long r = syscall(SYS_semtimedop, id, pair, 2, &t);
		_exit(r == -1 && errno == EINTR && came == SIGUSR1 ? 5 : 6);
	}
	until_waiting(id, 0, GETNCNT, 1);
	kill(pid, SIGUSR1);
	CHECK("several, with a time", EXITED(wait_status(pid), 5));
	/* A stop is a signal, too, and no handler is needed for that. */
	if ((pid = fork()) == 0)
		_exit(sem_add(id, 0, -1, 0) == -1 ? errno == EINTR ? 5 : 6 : 7);
	until_waiting(id, 0, GETNCNT, 1);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	CHECK("a stop interrupts", EXITED(wait_status(pid), 5));
	if ((pid = fork()) == 0) {
		signal(SIGUSR1, SIG_IGN);
		_exit(sem_add(id, 0, -1, 0) ? 6 : 5);
	}
	until_waiting(id, 0, GETNCNT, 1);
	kill(pid, SIGUSR1);
	kill(pid, SIGCHLD);
	until_asleep(pid);
	sem_add(id, 0, 1, 0);
	CHECK("what is ignored does not", EXITED(wait_status(pid), 5));
	if ((pid = fork()) == 0)
		_exit((int)sem_add(id, 0, 0, 0) + (int)sem_add(id, 0, -1, 0));
	until_waiting(id, 0, GETNCNT, 1);
	CHECK("killed", dead_by(pid, SIGKILL));
	print("nobody waits", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	print("nothing was taken", sem_value(id, 0));
	sem_ctl(id, 0, IPC_RMID, 0);
}

static void times(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 2, 0600);
	struct sembuf op = { 0, -1, 0 }, pair[2] = { { 0, -1, 0 }, { 1, 0, 0 } }, zero = { 0, 0, 0 };
	struct timespec t = { 0, 60000000 }, one = { 0, 1 }, long_one = { 10000, 0 }, longest = { INT64_MAX, 999999999 };
	long begun = clock_ms();
	pid_t pid;

	FAILS("in time nothing comes", EAGAIN, syscall(SYS_semtimedop, id, &op, 1, &t));
	CHECK("not too early", clock_ms() - begun >= 60);
	FAILS("nor for several", EAGAIN, syscall(SYS_semtimedop, id, pair, 2, &t));
	FAILS("nor in a nanosecond", EAGAIN, syscall(SYS_semtimedop, id, &op, 1, &one));
	CHECK("at once", syscall(SYS_semtimedop, id, &zero, 1, &one) == 0);
	print("nobody waits", sem_ctl(id, 0, GETNCNT, 0));
	if ((pid = fork()) == 0)
		_exit((int)syscall(SYS_semtimedop, id, &op, 1, &long_one));
	until_waiting(id, 0, GETNCNT, 1);
	sem_add(id, 0, 1, 0);
	CHECK("in time", EXITED(wait_status(pid), 0));
	if ((pid = fork()) == 0)
		_exit((int)syscall(SYS_semtimedop, id, &op, 1, &longest));
	until_waiting(id, 0, GETNCNT, 1);
	sem_add(id, 0, 1, 0);
	CHECK("whenever it comes", EXITED(wait_status(pid), 0));
	sem_ctl(id, 0, IPC_RMID, 0);
}

static void removal(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 2, 0600);
	struct sembuf ops[4][2] = { { { 0, -1, 0 } }, { { 1, 0, 0 } }, { { 0, -1, SEM_UNDO }, { 1, -1, 0 } }, { { 1, 0, 0 }, { 0, 0, 0 } } };
	pid_t pids[4];

	sem_add(id, 1, 1, 0);
	for (int i = 0; i < 4; i++) {
		if ((pids[i] = fork()) == 0)
			_exit(sem_do(id, ops[i], i < 2 ? 1 : 2) == -1 ? errno : 0);
		until_asleep(pids[i]);
	}
	print("subtract", sem_ctl(id, 0, GETNCNT, 0));
	print("zero", sem_ctl(id, 1, GETZCNT, 0));
	CHECK("removed", sem_ctl(id, 0, IPC_RMID, 0) == 0);
	for (int i = 0; i < 4; i++)
		CHECK("told so", EXITED(wait_status(pids[i]), EIDRM));
	FAILS("gone", EINVAL, sem_add(id, 0, 1, 0));
}

/* A mode that is changed meanwhile throws nobody out of a semaphore's queue. */
static void modes(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 1, 0600);
	struct all_of a;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setuid(1000) || sem_add(id, 0, 0, 0) != -1 || errno != EACCES);
	CHECK("not for others", EXITED(wait_status(pid), 0));
	sem_ctl(id, 0, IPC_STAT, (unsigned long)&a);
	((unsigned *)a.words)[5] = 0666;
	sem_ctl(id, 0, IPC_SET, (unsigned long)&a);
	if ((pid = fork()) == 0)
		_exit(setuid(1000) || sem_add(id, 0, -1, 0));
	until_waiting(id, 0, GETNCNT, 1);
	((unsigned *)a.words)[5] = 0;
	sem_ctl(id, 0, IPC_SET, (unsigned long)&a);
	print("still waits", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	CHECK("and gets it", EXITED(wait_status(pid), 0));
	sem_ctl(id, 0, IPC_RMID, 0);
}

#define CROWD 120
/* All at one semaphore, some with a timeout, some killed; then a chain in which each lets the one before it go. */
static void crowd(void)
{
	int id = (int)sem_get(IPC_PRIVATE, CROWD + 1, 0600), ended = 0, timed = 0, killed = 0, status;
	static pid_t pids[CROWD];

	for (int i = 0; i < CROWD; i++)
		if ((pids[i] = fork()) == 0) {
			struct sembuf op = { 0, -1, 0 };
			struct timespec t = { i % 3 == 1 ? 0 : 1000, 1000000 };
			long r = syscall(SYS_semtimedop, id, &op, 1, &t);
			_exit(r == 0 ? 0 : errno == EAGAIN ? 1 : 2);
		}
	for (int i = 0; i < CROWD; i += 3)
		kill(pids[i], SIGKILL);
	until_waiting(id, 0, GETNCNT, CROWD / 3);
	sem_add(id, 0, CROWD / 3, 0);
	while (wait(&status) > 0) {
		ended += EXITED(status, 0);
		timed += EXITED(status, 1);
		killed += KILLED(status, SIGKILL);
	}
	print("got one", ended);
	print("had no time", timed);
	print("killed", killed);
	print("none is left", sem_value(id, 0));
	for (int i = 0; i < CROWD; i++) {
		if ((pids[i] = fork()) == 0) {
			struct sembuf ops[3] = { { (unsigned short)(i + 1), -1, 0 }, { (unsigned short)i, 1, 0 }, { (unsigned short)i, 0, 0 } };
			_exit((int)sem_do(id, ops, 2));
		}
		until_waiting(id, i + 1, GETNCNT, 1);
	}
	sem_add(id, CROWD, 1, 0);
	for (ended = 0; wait(&status) > 0;)
		ended += EXITED(status, 0);
	print("a chain of", ended);
	print("which ends at", sem_value(id, 0));
	sem_ctl(id, 0, IPC_RMID, 0);
}

int main(void)
{
	alarm(50 * (unsigned)(getenv("TEST_SLOW") ? atoi(getenv("TEST_SLOW")) : 1));
	signals();
	times();
	removal();
	modes();
	crowd();
	DONE();
}

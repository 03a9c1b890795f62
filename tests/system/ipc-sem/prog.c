/* Arrays of semaphores: numbers and keys, every command, every operation, undo, and Linux's errors in Linux's order. */
#include "sysv.h"
#include <pthread.h>
#include <sched.h>

#define BAD ((void *)8)

static void print(const char *what, long value) { dprintf(1, "%s: %ld\n", what, value); }

static void numbers(void)
{
	long id[5];

	/* A namespace of its own: so are the numbers. */
	print("first", id[0] = sem_get(IPC_PRIVATE, 3, 0600));
	print("second", id[1] = sem_get(0x1234, 2, IPC_CREAT | 0640));
	print("third", id[2] = sem_get(0x1235, 2, IPC_CREAT | IPC_EXCL | 0));
	print("by key", sem_get(0x1234, 0, 0));
	print("by key, smaller", sem_get(0x1234, 1, IPC_CREAT));
	FAILS("larger than it is", EINVAL, sem_get(0x1234, 3, 0));
	FAILS("larger, and excluded", EEXIST, sem_get(0x1234, 3, IPC_CREAT | IPC_EXCL));
	FAILS("unknown key", ENOENT, sem_get(0x999, 1, 0));
	FAILS("unknown key, no size", ENOENT, sem_get(0x999, 0, 0));
	FAILS("no size", EINVAL, sem_get(0x999, 0, IPC_CREAT));
	FAILS("negative size", EINVAL, sem_get(0x1234, -1, 0));
	FAILS("too many", EINVAL, sem_get(IPC_PRIVATE, 32001, 0600));
	print("all there may be", sem_get(IPC_PRIVATE, 32000, 0600));
	print("it goes", sem_ctl(3, 0, IPC_RMID, 0));
	print("the second goes", sem_ctl((int)id[1], 0, IPC_RMID, 0));
	print("its place again", id[1] = sem_get(IPC_PRIVATE, 1, 0600));
	print("a new one", id[3] = sem_get(IPC_PRIVATE, 1, 0600));
	print("one more", id[4] = sem_get(IPC_PRIVATE, 1, 0600));
	FAILS("the old number", EINVAL, sem_ctl(1, 0, GETVAL, 0));
	FAILS("removed twice", EINVAL, sem_ctl(1, 0, IPC_RMID, 0));
	FAILS("negative", EINVAL, sem_ctl(-1, 0, IPC_RMID, 0));
	FAILS("no such index", EINVAL, sem_ctl(77, 0, GETVAL, 0));
	FAILS("no such command", EINVAL, sem_ctl((int)id[0], 0, 99, 0));
	FAILS("with a version", EINVAL, sem_ctl((int)id[0], 0, 0x100 | IPC_STAT, 0));
	for (int i = 0; i < 5; i++)
		CHECK("removed", sem_ctl((int)id[i], 0, IPC_RMID, 0) == 0);
	print("after all are gone", id[0] = sem_get(IPC_PRIVATE, 1, 0600));
	sem_ctl((int)id[0], 0, IPC_RMID, 0);
}

static void state(void)
{
	struct all_of a = { { 0 } };
	unsigned *perm = (unsigned *)a.words;
	int info[10] = { 0 }, id = (int)sem_get(0x77, 4, IPC_CREAT | 0642);
	time_t now = time(NULL);

	CHECK("stat", sem_ctl(id, 0, IPC_STAT, (unsigned long)&a) == 0);
	CHECK("key and owner", perm[0] == 0x77 && perm[1] == 0 && perm[2] == 0 && perm[3] == 0 && perm[4] == 0);
	CHECK("mode, sequence", perm[5] == 0642 && (perm[6] & 0xffff) == (unsigned)id >> 15);
	CHECK("no operation yet", a.words[6] == 0);
	CHECK("made now", (time_t)a.words[8] >= now - 2 && (time_t)a.words[8] <= now + 5);
	CHECK("how many", a.words[10] == 4);
	CHECK("nothing behind it", a.words[13] == 0);
	sem_add(id, 0, 1, 0);
	sem_ctl(id, 0, IPC_STAT, (unsigned long)&a);
	CHECK("operated now", (time_t)a.words[6] >= now - 2 && (time_t)a.words[6] <= now + 5);
	CHECK("by index", sem_ctl(id & 0x7fff, 0, SEM_STAT, (unsigned long)&a) == id);
	CHECK("by index, anybody", sem_ctl(id & 0x7fff, 0, SEM_STAT_ANY, (unsigned long)&a) == id);
	CHECK("by number, too", sem_ctl(id, 0, SEM_STAT, (unsigned long)&a) == id);
	FAILS("no such index", EINVAL, sem_ctl(99, 0, SEM_STAT, (unsigned long)&a));
	FAILS("stat to nowhere", EFAULT, sem_ctl(id, 0, IPC_STAT, (unsigned long)BAD));
	FAILS("set from nowhere", EFAULT, sem_ctl(99, 0, IPC_SET, (unsigned long)BAD));
	perm[1] = 5; perm[2] = 6; perm[5] = 07777;
	CHECK("set", sem_ctl(id, 0, IPC_SET, (unsigned long)&a) == 0);
	sem_ctl(id, 0, IPC_STAT, (unsigned long)&a);
	CHECK("is set", perm[1] == 5 && perm[2] == 6 && perm[3] == 0 && perm[4] == 0 && perm[5] == 0777);
	perm[1] = (unsigned)-1;
	FAILS("nobody's", EINVAL, sem_ctl(id, 0, IPC_SET, (unsigned long)&a));
	print("info", sem_ctl(0, 0, IPC_INFO, (unsigned long)info));
	for (int i = 0; i < 10; i++)
		dprintf(1, " %d", info[i]);
	print("\nuse", sem_ctl(0, 0, SEM_INFO, (unsigned long)info));
	for (int i = 0; i < 10; i++)
		dprintf(1, " %d", info[i]);
	dprintf(1, "\n");
	FAILS("info to nowhere", EFAULT, sem_ctl(0, 0, IPC_INFO, (unsigned long)BAD));
	sem_ctl(id, 0, IPC_RMID, 0);
}

static void values(void)
{
	unsigned short v[4] = { 1, 2, 3, 4 }, got[4];
	int id = (int)sem_get(IPC_PRIVATE, 4, 0600);

	CHECK("all", sem_ctl(id, 0, SETALL, (unsigned long)v) == 0 && sem_ctl(id, 9, GETALL, (unsigned long)got) == 0);
	CHECK("are set", !memcmp(v, got, sizeof v));
	CHECK("one", sem_ctl(id, 2, SETVAL, 32767) == 0 && sem_value(id, 2) == 32767);
	CHECK("whose", sem_ctl(id, 2, GETPID, 0) == getpid());
	FAILS("one too large", ERANGE, sem_ctl(id, 2, SETVAL, 32768));
	FAILS("negative", ERANGE, sem_ctl(id, 2, SETVAL, (unsigned long)-1));
	FAILS("too large, of none", ERANGE, sem_ctl(77, 0, SETVAL, 32768));
	FAILS("too large, no such semaphore", ERANGE, sem_ctl(id, 4, SETVAL, 32768));
	FAILS("no such semaphore", EINVAL, sem_ctl(id, 4, SETVAL, 1));
	FAILS("no such semaphore", EINVAL, sem_ctl(id, -1, GETVAL, 0));
	FAILS("no such semaphore", EINVAL, sem_ctl(id, 4, GETNCNT, 0));
	v[3] = 32768;
	FAILS("all, one too large", ERANGE, sem_ctl(id, 0, SETALL, (unsigned long)v));
	FAILS("all from nowhere", EFAULT, sem_ctl(id, 0, SETALL, (unsigned long)BAD));
	FAILS("all to nowhere", EFAULT, sem_ctl(id, 0, GETALL, (unsigned long)BAD));
	FAILS("all of none", EINVAL, sem_ctl(77, 0, GETALL, (unsigned long)BAD));
	CHECK("nothing has changed", sem_value(id, 0) == 1 && sem_value(id, 3) == 4);
	print("nobody waits", sem_ctl(id, 0, GETNCNT, 0) + sem_ctl(id, 0, GETZCNT, 0));
	sem_ctl(id, 0, IPC_RMID, 0);
}

static void operations(void)
{
	static struct sembuf many[501];
	int id = (int)sem_get(IPC_PRIVATE, 2, 0600);
	struct sembuf pair[2] = { { 0, -1, IPC_NOWAIT }, { 1, 5, 0 } }, bad[2] = { { 0, 1, 0 }, { 2, 1, 0 } };
	struct timespec wrong = { 0, 1000000000 }, none = { 0, 0 }, minus = { -1, 0 };

	CHECK("add", sem_add(id, 0, 3, 0) == 0 && sem_value(id, 0) == 3);
	CHECK("both or none: both", sem_do(id, pair, 2) == 0 && sem_value(id, 0) == 2 && sem_value(id, 1) == 5);
	pair[0].sem_op = -3;
	FAILS("both or none: none", EAGAIN, sem_do(id, pair, 2));
	pair[0] = (struct sembuf){ 1, 5, 0 };
	pair[1] = (struct sembuf){ 0, -3, IPC_NOWAIT };
	FAILS("in the other order", EAGAIN, sem_do(id, pair, 2));
	CHECK("nothing has changed", sem_value(id, 0) == 2 && sem_value(id, 1) == 5);
	pair[0] = (struct sembuf){ 0, -2, 0 };
	pair[1] = (struct sembuf){ 0, 0, IPC_NOWAIT };
	CHECK("one after the other", sem_do(id, pair, 2) == 0 && sem_value(id, 0) == 0);
	pair[0] = (struct sembuf){ 0, 0, IPC_NOWAIT };
	pair[1] = (struct sembuf){ 0, 7, 0 };
	CHECK("zero, then more", sem_do(id, pair, 2) == 0 && sem_value(id, 0) == 7);
	FAILS("not zero", EAGAIN, sem_do(id, pair, 2));
	FAILS("too large", ERANGE, sem_add(id, 0, 32761, 0));
	pair[0] = (struct sembuf){ 1, -5, 0 };
	pair[1] = (struct sembuf){ 0, 32761, 0 };
	FAILS("one too large", ERANGE, sem_do(id, pair, 2));
	CHECK("nothing has changed", sem_value(id, 0) == 7 && sem_value(id, 1) == 5);
	FAILS("no operation", EINVAL, sem_do(id, pair, 0));
	FAILS("no operation of none", EINVAL, sem_do(-1, BAD, 0));
	FAILS("too many", E2BIG, sem_do(-1, BAD, 501));
	FAILS("very many", E2BIG, sem_do(id, many, 0xffffffff));
	for (int i = 0; i < 501; i++)
		many[i] = (struct sembuf){ 0, (short)(i % 2 ? -1 : 1), 0 };
	CHECK("as many as may be", sem_do(id, many, 500) == 0 && sem_value(id, 0) == 7);
	FAILS("from nowhere", EFAULT, sem_do(77, BAD, 1));
	FAILS("of none", EINVAL, sem_add(77, 0, 1, 0));
	FAILS("negative", EINVAL, sem_add(-1, 0, 1, 0));
	FAILS("no such semaphore", EFBIG, sem_do(id, bad, 2));
	CHECK("nothing has changed", sem_value(id, 0) == 7);
	FAILS("no such time", EINVAL, syscall(SYS_semtimedop, id, bad, 1, &wrong));
	FAILS("no such time", EINVAL, syscall(SYS_semtimedop, id, bad, 1, &minus));
	FAILS("time from nowhere", EFAULT, syscall(SYS_semtimedop, id, bad, 501, BAD));
	FAILS("wrong time, too many", E2BIG, syscall(SYS_semtimedop, id, bad, 501, &wrong));
	bad[0] = (struct sembuf){ 0, -9, 0 };
	FAILS("no time at all", EAGAIN, syscall(SYS_semtimedop, id, bad, 1, &none));
	sem_ctl(id, 0, IPC_RMID, 0);
}

static int array;
static void *add_undo(void *arg) { sem_add(array, 0, (int)(long)arg, SEM_UNDO); return NULL; }

static void undo(void)
{
	struct sembuf twice[3] = { { 0, 1, SEM_UNDO }, { 0, 1, SEM_UNDO }, { 1, -1, IPC_NOWAIT } };
	int id = array = (int)sem_get(IPC_PRIVATE, 3, 0600), pid, told[2];
	pthread_t t;
	char c;

	if ((pid = fork()) == 0) {
		sem_add(id, 0, 5, SEM_UNDO);
		sem_add(id, 1, 5, 0);
		sem_add(id, 0, -2, SEM_UNDO);
		_exit(sem_value(id, 0) != 3);
	}
	CHECK("taken back", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0 && sem_value(id, 1) == 5);
	CHECK("by the one that ended", sem_ctl(id, 0, GETPID, 0) == pid);
	if ((pid = fork()) == 0) {
		sem_add(id, 1, -3, SEM_UNDO);
		raise(SIGKILL);
	}
	CHECK("killed", KILLED(wait_status(pid), SIGKILL) && sem_value(id, 1) == 5);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 5, SEM_UNDO);
		sem_ctl(id, 0, SETVAL, 2);
		_exit(0);
	}
	CHECK("SETVAL forgets", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 2);
	if ((pid = fork()) == 0) {
		unsigned short v[3] = { 8, 8, 8 };
		sem_add(id, 0, 5, SEM_UNDO);
		sem_add(id, 1, 5, SEM_UNDO);
		sem_ctl(id, 0, SETALL, (unsigned long)v);
		sem_add(id, 1, -1, SEM_UNDO);
		_exit(0);
	}
	CHECK("SETALL forgets", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 8 && sem_value(id, 1) == 8);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 5, SEM_UNDO);
		if (fork() == 0) {
			sem_add(id, 0, 100, SEM_UNDO);
			_exit(0);
		}
		wait(NULL);
		_exit(sem_value(id, 0) != 13);
	}
	CHECK("not inherited", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 8);
	sem_ctl(id, 0, SETVAL, 0);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 9, SEM_UNDO);
		sem_add(id, 0, -5, 0);
		_exit(0);
	}
	CHECK("not below zero", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	sem_ctl(id, 0, SETVAL, 10);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, -10, SEM_UNDO);
		sem_add(id, 0, 32767, 0);
		_exit(0);
	}
	CHECK("not above all", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 32767);
	sem_ctl(id, 0, SETVAL, 0);
	sem_ctl(id, 1, SETVAL, 0);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 30000, SEM_UNDO);
		sem_add(id, 0, -30000, 0);
		FAILS("too much to take back", ERANGE, sem_add(id, 0, 2769, SEM_UNDO));
		CHECK("just enough", sem_add(id, 0, 2768, SEM_UNDO) == 0);
		FAILS("one more", ERANGE, sem_add(id, 0, 1, SEM_UNDO));
		FAILS("that comes first", ERANGE, sem_do(id, twice + 1, 2));
		CHECK("without, it is", sem_add(id, 0, -2768, 0) == 0);
		_exit(check_failures != 0);
	}
	CHECK("limits of undo", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	if ((pid = fork()) == 0) {
		FAILS("does not go", EAGAIN, sem_do(id, twice, 3));
		_exit(check_failures != 0);
	}
	CHECK("nothing to take back", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	if ((pid = fork()) == 0) {
		pthread_create(&t, NULL, add_undo, (void *)4);
		pthread_join(t, NULL);
		_exit(sem_value(id, 0) != 4);
	}
	CHECK("threads share it", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 4, SEM_UNDO);
		int two = (int)syscall(SYS_clone, SIGCHLD | CLONE_SYSVSEM, 0, 0, 0, 0);
		if (two == 0) {
			sem_add(id, 0, 4, SEM_UNDO);
			_exit(0);
		}
		wait_status(two);
		_exit(sem_value(id, 0) != 8);
	}
	CHECK("processes that share it", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	pipe(told);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 4, SEM_UNDO);
		if (syscall(SYS_clone, SIGCHLD | CLONE_SYSVSEM, 0, 0, 0, 0) == 0) {
			close(told[1]);
			read(told[0], &c, 1);
			_exit(0);
		}
		_exit(0);
	}
	CHECK("the first ends", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 4);
	write(told[1], "x", 1);
	while (sem_value(id, 0))
		pause_ms(2);
	if ((pid = fork()) == 0) {
		sem_add(id, 0, 4, SEM_UNDO);
		execv("/proc/self/exe", (char *[]){ "ipc-sem", "exec", NULL });
		_exit(9);
	}
	CHECK("exec keeps it", EXITED(wait_status(pid), 4) && sem_value(id, 0) == 0);
	if ((pid = fork()) == 0) {
		int other = (int)sem_get(IPC_PRIVATE, 1, 0600);
		sem_add(other, 0, 4, SEM_UNDO);
		sem_ctl(other, 0, IPC_RMID, 0);
		sem_add(id, 0, 1, SEM_UNDO);
		_exit(0);
	}
	CHECK("of what is gone", EXITED(wait_status(pid), 0) && sem_value(id, 0) == 0);
	sem_ctl(id, 0, IPC_RMID, 0);
}

/* Each sleeper ends with its name. */
static pid_t sleeper(int id, struct sembuf *ops, unsigned count, int name)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(sem_do(id, ops, count) ? 100 : name);
	}
	until_asleep(pid);
	return pid;
}

static void order(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 3, 0600);
	struct sembuf one = { 0, -1, 0 }, two = { 0, -2, 0 }, zero = { 0, 0, 0 }, pair[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
	pid_t p[4];

	/* A small request is not held up by a large one before it. */
	p[0] = sleeper(id, &two, 1, 1);
	p[1] = sleeper(id, &one, 1, 2);
	print("two wait", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	CHECK("the small one", EXITED(wait_status(p[1]), 2));
	print("one waits", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 2, 0);
	CHECK("then the large one", EXITED(wait_status(p[0]), 1));
	/* Equal ones in their order. */
	p[0] = sleeper(id, &one, 1, 1);
	p[1] = sleeper(id, &one, 1, 2);
	sem_add(id, 0, 1, 0);
	CHECK("the first", EXITED(wait_status(p[0]), 1));
	print("one waits", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	CHECK("the second", EXITED(wait_status(p[1]), 2));
	/* Zero comes before whoever would take it away, both with one change. */
	sem_ctl(id, 0, SETVAL, 1);
	p[0] = sleeper(id, &zero, 1, 1);
	p[1] = sleeper(id, &two, 1, 2);
	print("zero", sem_ctl(id, 0, GETZCNT, 0));
	print("more", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	CHECK("goes to zero", EXITED(wait_status(p[1]), 2));
	CHECK("and the other saw it", EXITED(wait_status(p[0]), 1));
	/* Several operations: counted at what they wait for. */
	p[0] = sleeper(id, pair, 2, 1);
	print("at the first", sem_ctl(id, 0, GETNCNT, 0));
	print("not at the second", sem_ctl(id, 1, GETNCNT, 0));
	sem_add(id, 0, 1, 0);
	until_waiting(id, 1, GETNCNT, 1);
	print("now not at the first", sem_ctl(id, 0, GETNCNT, 0));
	p[1] = sleeper(id, &two, 1, 2);
	p[2] = sleeper(id, &two, 1, 3);
	sem_add(id, 0, 2, 0);
	/* There are three now, of which each of the two wants two. */
	CHECK("one of those behind it", EXITED(wait_status(p[1]), 2));
	sem_add(id, 1, 1, 0);
	CHECK("then it", EXITED(wait_status(p[0]), 1));
	print("the last waits", sem_ctl(id, 0, GETNCNT, 0));
	sem_add(id, 0, 2, 0);
	CHECK("the last", EXITED(wait_status(p[2]), 3));
	/* One that lets go on who waits before it. */
	struct sembuf hands[2] = { { 0, -1, 0 }, { 1, 1, 0 } }, takes = { 1, -1, 0 };
	p[0] = sleeper(id, &takes, 1, 1);
	p[1] = sleeper(id, hands, 2, 2);
	sem_add(id, 0, 1, 0);
	CHECK("handed on", EXITED(wait_status(p[1]), 2) && EXITED(wait_status(p[0]), 1));
	p[0] = sleeper(id, hands, 2, 1);
	p[1] = sleeper(id, &takes, 1, 2);
	sem_add(id, 0, 1, 0);
	CHECK("handed on", EXITED(wait_status(p[0]), 1) && EXITED(wait_status(p[1]), 2));
	/* A sleeper whose operation would now be too much gets its error then. */
	struct sembuf late[2] = { { 0, -1, 0 }, { 2, 32767, 0 } };
	p[0] = fork();
	if (!p[0])
		_exit(sem_do(id, late, 2) == -1 ? errno : 0);
	until_waiting(id, 0, GETNCNT, 1);
	sem_add(id, 2, 1, 0);
	CHECK("still asleep", sem_ctl(id, 0, GETNCNT, 0) == 1);
	sem_add(id, 0, 1, 0);
	CHECK("an error when it goes on", EXITED(wait_status(p[0]), ERANGE));
	CHECK("and nothing is done", sem_value(id, 0) == 1 && sem_value(id, 2) == 1);
	sem_ctl(id, 0, IPC_RMID, 0);
}

static void show(const char *path)
{
	char text[2000];
	int f = open(path, O_RDONLY);
	ssize_t n = read(f, text, sizeof text);

	write(1, text, n > 0 ? (size_t)n : 0);
	close(f);
}

static void files(void)
{
	int id = (int)sem_get(0x7fffffff, 4, IPC_CREAT | 0642), second = (int)sem_get(-5, 1, IPC_CREAT | 0);
	FILE *f = fopen("/proc/sysvipc/sem", "r");
	char line[300];
	int lines = 0;

	while (fgets(line, sizeof line, f)) {
		if (lines++ == 0) {
			dprintf(1, "%s", line);
			continue;
		}
		/* The two times are at the end, ten digits or a 0. */
		size_t n = strlen(line);
		CHECK("time of the last operation", n > 22 && strtol(line + n - 22, NULL, 10) == 0);
		CHECK("time of the last change", n > 11 && strtol(line + n - 11, NULL, 10) >= time(NULL) - 100);
		dprintf(1, "%.*s\n", (int)n - 22, line);
	}
	fclose(f);
	show("/proc/sys/kernel/sem");
	sem_ctl(id, 0, IPC_RMID, 0);
	sem_ctl(second, 0, IPC_RMID, 0);
	f = fopen("/proc/sys/kernel/sem", "w");
	fputs("10 20 5 3\n", f);
	fclose(f);
	show("/proc/sys/kernel/sem");
	struct sembuf six[6] = { { 0, 0, 0 } };
	FAILS("fewer in one", EINVAL, sem_get(IPC_PRIVATE, 11, 0600));
	id = (int)sem_get(IPC_PRIVATE, 10, 0600);
	FAILS("fewer operations", E2BIG, sem_do(id, six, 6));
	second = (int)sem_get(IPC_PRIVATE, 9, 0600);
	FAILS("fewer in all", ENOSPC, sem_get(IPC_PRIVATE, 2, 0600));
	int third = (int)sem_get(IPC_PRIVATE, 1, 0600);
	f = fopen("/proc/sys/kernel/sem", "w");
	fputs("10 2000", f);
	fclose(f);
	show("/proc/sys/kernel/sem");
	FAILS("fewer arrays", ENOSPC, sem_get(IPC_PRIVATE, 1, 0600));
	sem_ctl(id, 0, IPC_RMID, 0);
	sem_ctl(second, 0, IPC_RMID, 0);
	sem_ctl(third, 0, IPC_RMID, 0);
	f = fopen("/proc/sys/kernel/sem", "w");
	fputs("32000 1024000000 500 32000", f);
	fclose(f);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) { /* behind exec: the value is ours */
		int info[10];
		int last = (int)sem_ctl(0, 0, SEM_INFO, (unsigned long)info);
		struct all_of a;
		int id = (int)sem_ctl(last, 0, SEM_STAT, (unsigned long)&a);
		_exit(sem_value(id, 0));
	}
	numbers();
	state();
	values();
	operations();
	undo();
	order();
	files();
	DONE();
}

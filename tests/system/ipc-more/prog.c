/*
 * Of System V IPC what the other tests do not notice: names that outlive their object, who goes on when values are set or
 * given back, whose an operation was, which message is taken, and that memory comes back however often.
 */
#include "sysv.h"

#define PIECE 8000

enum { PLACES = 32768 };

static void old_names(void)
{
	int q = msgget(IPC_PRIVATE, 0600), again = -1;
	int s = (int)sem_get(IPC_PRIVATE, 1, 0600), t = -1;
	struct msqid_ds about;

	/* Until one gets its place. */
	msgctl(q, IPC_RMID, NULL);
	for (int i = 0; i <= PLACES && again % PLACES != q % PLACES; i++) {
		msgctl(again, IPC_RMID, NULL);
		again = msgget(IPC_PRIVATE, 0600);
	}
	CHECK("another name for what comes after", again != q && again >= 0 && again % PLACES == q % PLACES);
	FAILS("the old one names nothing", EINVAL, msgctl(q, IPC_STAT, &about));
	FAILS("nor can it be sent to", EINVAL, msgsnd(q, &about, 8, IPC_NOWAIT));
	msgctl(again, IPC_RMID, NULL);
	sem_ctl(s, 0, IPC_RMID, 0);
	for (int i = 0; i <= PLACES && t % PLACES != s % PLACES; i++) {
		sem_ctl(t, 0, IPC_RMID, 0);
		t = (int)sem_get(IPC_PRIVATE, 1, 0600);
	}
	CHECK("another name for another set", t != s && t >= 0 && t % PLACES == s % PLACES);
	FAILS("the old one names no set", EINVAL, sem_value(s, 0));
	sem_ctl(t, 0, IPC_RMID, 0);
}

/* A child that waits in `change` of semaphore 0 (of all: `all`), and ends with 0 when it goes on. */
static pid_t waiter(int set, struct sembuf *ops, int count, int command)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(10);
		_exit(sem_do(set, ops, (unsigned long)count) != 0);
	}
	if (command)
		until_waiting(set, 0, command, 1);
	else
		until_asleep(pid);
	return pid;
}

static void goes_on(const char *what, pid_t pid)
{
	CHECK(what, EXITED(wait_status(pid), 0));
}

static void who_goes_on(void)
{
	int set = (int)sem_get(IPC_PRIVATE, 3, 0600);
	struct sembuf one = {0, -1, 0}, two[] = {{0, -1, 0}, {1, -1, 0}}, zeros[] = {{0, 0, 0}, {1, 0, 0}};
	unsigned short values[3] = {1, 0, 0};
	pid_t pid;

	pid = waiter(set, &one, 1, GETNCNT);
	sem_ctl(set, 0, SETVAL, 1);
	goes_on("SETVAL lets somebody go on", pid);
	pid = waiter(set, &one, 1, GETNCNT);
	sem_ctl(set, 0, SETALL, (unsigned long)values);
	goes_on("SETALL, too", pid);
	pid = waiter(set, two, 2, GETNCNT);
	sem_add(set, 1, 1, 0);
	sem_add(set, 0, 1, 0);
	goes_on("one who waits for two", pid);
	sem_ctl(set, 0, SETVAL, 1);
	sem_ctl(set, 1, SETVAL, 1);
	pid = waiter(set, zeros, 2, GETZCNT);
	sem_add(set, 0, -1, 0);
	pause_ms(50);
	sem_add(set, 1, -1, 0);
	goes_on("one who waits for two zeros", pid);
	pid = fork();
	if (pid == 0) {
		sem_add(set, 2, 1, 0);
		_exit(sem_add(set, 2, -1, SEM_UNDO) != 0);
	}
	wait_status(pid);
	CHECK("given back", sem_value(set, 2) == 1 && sem_ctl(set, 2, GETPID, 0) == pid);
	pid = fork();
	if (pid == 0) {
		sem_add(set, 2, -1, SEM_UNDO);
		pause_ms(10000);
		_exit(0);
	}
	while (sem_value(set, 2) != 0)
		pause_ms(2);
	sem_add(set, 2, 5, 0);
	CHECK("another's meanwhile", sem_ctl(set, 2, GETPID, 0) == getpid());
	kill(pid, SIGKILL);
	wait_status(pid);
	CHECK("by whom it was given back", sem_value(set, 2) == 6 && sem_ctl(set, 2, GETPID, 0) == pid);
	/* Who ends holding something lets go on who waits for it. */
	sem_ctl(set, 0, SETVAL, 1);
	pid = fork();
	if (pid == 0) {
		sem_add(set, 0, -1, SEM_UNDO);
		pause_ms(10000);
		_exit(0);
	}
	while (sem_value(set, 0) != 0)
		pause_ms(2);
	pid_t next = waiter(set, &one, 1, GETNCNT);
	kill(pid, SIGKILL);
	wait_status(pid);
	goes_on("what the dead held is another's", next);
	CHECK("whose that was", sem_ctl(set, 0, GETPID, 0) == next);
	sem_add(set, 1, 1, 0);
	CHECK("whose an operation was", sem_ctl(set, 1, GETPID, 0) == getpid());
	two[0].sem_op = two[1].sem_op = 1;
	pid = fork();
	if (pid == 0)
		_exit(sem_do(set, two, 2) != 0);
	wait_status(pid);
	CHECK("of two", sem_ctl(set, 0, GETPID, 0) == pid && sem_ctl(set, 1, GETPID, 0) == pid);
	sem_ctl(set, 0, IPC_RMID, 0);
}

static void messages(void)
{
	struct { long type; char text[PIECE]; } m = {.type = 1};
	int q = msgget(IPC_PRIVATE, 0600);
	static const long types[] = {5, 3, 9, 2, 4, 2};
	struct msqid_ds about;

	for (int i = 0; i < 6; i++) {
		m.type = types[i];
		m.text[0] = (char)('a' + i);
		msgsnd(q, &m, 1, 0);
	}
	CHECK("the lowest of those up to 4", msgrcv(q, &m, PIECE, -4, 0) == 1 && m.type == 2 && m.text[0] == 'd');
	CHECK("of two such the first", msgrcv(q, &m, PIECE, -4, 0) == 1 && m.type == 2 && m.text[0] == 'f');
	CHECK("then the next", msgrcv(q, &m, PIECE, -4, 0) == 1 && m.type == 3);
	CHECK("what comes first", msgrcv(q, &m, PIECE, 0, 0) == 1 && m.type == 5);
	CHECK("up to more than there is", msgrcv(q, &m, PIECE, -100, 0) == 1 && m.type == 4);
	CHECK("the last", msgrcv(q, &m, PIECE, -100, 0) == 1 && m.type == 9);
	for (int i = 0; i < 8000; i++) {
		m.type = 1;
		if (msgsnd(q, &m, PIECE, IPC_NOWAIT) || msgrcv(q, &m, PIECE, 0, IPC_NOWAIT) != PIECE) {
			CHECK("memory for 8,000 messages", 0);
			break;
		}
	}
	CHECK("64 MB of messages", msgctl(q, IPC_STAT, &about) == 0 && about.msg_qnum == 0);
	msgctl(q, IPC_RMID, NULL);
}

static void segments(void)
{
	enum { ROUNDS = 100, SIZE = 1 << 20 };
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int id = shmget(IPC_PRIVATE, SIZE, 0600);
		char *at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (at == (void *)-1)
			break;
		for (int page = 0; page < SIZE; page += 4096)
			at[page] = 1;
		if (i % 2)
			shmdt(at);
		shmctl(id, IPC_RMID, NULL);
		if (i % 2 == 0)
			shmdt(at);
	}
	CHECK("100 MB of segments", i == ROUNDS);
}

static void limits(void)
{
	int q = msgget(IPC_PRIVATE, 0600), status;
	struct msqid_ds about;
	pid_t pid;

	msgctl(q, IPC_STAT, &about);
	about.msg_perm.uid = 1000;
	CHECK("a user's queue", msgctl(q, IPC_SET, &about) == 0);
	pid = fork();
	if (pid == 0) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(99);
		msgctl(q, IPC_STAT, &about);
		about.msg_qbytes *= 2;
		FAILS("more bytes than users may have", EPERM, msgctl(q, IPC_SET, &about));
		about.msg_qbytes /= 4;
		CHECK("fewer", msgctl(q, IPC_SET, &about) == 0);
		_exit(check_failures);
	}
	status = wait_status(pid);
	CHECK("a user", EXITED(status, 0));
	msgctl(q, IPC_RMID, NULL);
}

int main(void)
{
	pid_t pid;

	old_names();
	who_goes_on();
	/* Of users the LibOS counts what they take. */
	pid = fork();
	if (pid == 0) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(99);
		messages();
		segments();
		_exit(check_failures);
	}
	CHECK("a user's memory comes back", EXITED(wait_status(pid), 0));
	limits();
	DONE();
}

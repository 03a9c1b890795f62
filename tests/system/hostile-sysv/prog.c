/* System V IPC used up by a user: numbers, memory, messages, what is to be taken back, segments; and workers at random. Root goes on, all comes back. */
#include "guests.h"
#include "sysv.h"

#define WORKERS 4
#define CROWD   40

static long msg_get(int key, int flags) { return syscall(SYS_msgget, key, flags); }
static long shm_get(int key, size_t size, int flags) { return syscall(SYS_shmget, key, size, flags); }

/* Root removes all there is. */
static void remove_all(void)
{
	struct all_of a;
	int info[20];

	for (int kind = 0; kind < 3; kind++) {
		static const int ctl[] = { SYS_semctl, SYS_msgctl, SYS_shmctl }, stat[] = { SEM_STAT, MSG_STAT, SHM_STAT };
		int last = (int)(kind == 0 ? syscall(SYS_semctl, 0, 0, SEM_INFO, info) : syscall(ctl[kind], 0, kind == 1 ? MSG_INFO : SHM_INFO, info));

		for (int i = 0; i <= last; i++) {
			long id = kind == 0 ? syscall(SYS_semctl, i, 0, stat[0], &a) : syscall(ctl[kind], i, stat[kind], &a);
			if (id >= 0 && (kind == 0 ? syscall(SYS_semctl, id, 0, IPC_RMID) : syscall(ctl[kind], id, IPC_RMID, NULL)))
				_exit(93);
		}
	}
}

static int lines(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = 0, c;

	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static int empty(void)
{
	return lines("/proc/sysvipc/sem") == 1 && lines("/proc/sysvipc/msg") == 1 && lines("/proc/sysvipc/shm") == 1;
}

/* Runs `flood` as a user, twice, with all removed between: it gets as much the second time. */
static long taken[2];
static void twice(const char *what, long (*flood)(void), int (*roots)(void))
{
	for (int round = 0; round < 2; round++) {
		int told[2], held[2];
		char c;

		pipe(told);
		pipe(held);
		pid_t pid = fork();
		if (pid == 0) {
			setsid();
			become(1000);
			long n = flood();
			write(told[1], &n, sizeof n);
			close(held[1]);
			read(held[0], &c, 1);
			_exit(0);
		}
		close(held[0]);
		taken[round] = -1;
		read(told[0], &taken[round], sizeof taken[round]);
		/* While the user has it all. */
		CHECK("root has some all the same", roots());
		kill(-pid, SIGKILL);
		wait_status(pid);
		while (kill(-pid, 0) == 0) { /* orphans may be ours */
			waitpid(-pid, NULL, WNOHANG);
			pause_ms(5);
		}
		close(told[0]);
		close(told[1]);
		close(held[1]);
		remove_all();
		CHECK("nothing is left", empty());
	}
	CHECK(what, taken[0] > 0 && taken[0] == taken[1]);
}

static int is_full(void) { return errno == ENOSPC || errno == ENOMEM; }

static int root_sem(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 5, 0600);

	return id >= 0 && !sem_add(id, 3, 1, SEM_UNDO) && !sem_ctl(id, 0, IPC_RMID, 0);
}

static int root_msg(void)
{
	struct all_of a = { { 1 } };
	int id = (int)msg_get(IPC_PRIVATE, 0600);

	return id >= 0 && !syscall(SYS_msgsnd, id, &a, 200, 0) && syscall(SYS_msgrcv, id, &a, 200, 0, 0) == 200 && !syscall(SYS_msgctl, id, IPC_RMID, NULL);
}

static int root_shm(void)
{
	int id = (int)shm_get(IPC_PRIVATE, 100000, 0600);
	char *p = id < 0 ? (char *)-1 : (char *)syscall(SYS_shmat, id, NULL, 0);

	if (p == (char *)-1)
		return 0;
	memset(p, 7, 100000);
	return p[99999] == 7 && !syscall(SYS_shmdt, p) && !syscall(SYS_shmctl, id, IPC_RMID, NULL);
}

static long many_sems(void)
{
	long n = 0;

	while (sem_get(IPC_PRIVATE, 1, 0600) >= 0)
		n++;
	return is_full() ? n : -2;
}

static long large_sems(void)
{
	long n = 0;

	while (sem_get(IPC_PRIVATE, 32000, 0600) >= 0)
		n++;
	return errno == ENOMEM ? n : -2;
}

/* Each process has what is to be taken back of the same large arrays. */
static long undos(void)
{
	int ids[4];
	long n = 0, one = 0;

	for (int i = 0; i < 4; i++)
		ids[i] = (int)sem_get(IPC_PRIVATE, 32000, 0666);
	while (!one) {
		int told[2];

		pipe(told);
		pid_t pid = fork();
		if (pid < 0)
			return -3;
		if (pid == 0) {
			for (int i = 0; i < 4 && !one; i++)
				one = sem_add(ids[i], (int)n, 1, SEM_UNDO) ? errno : 0;
			write(told[1], &one, sizeof one);
			for (;;)
				pause();
		}
		close(told[1]);
		if (read(told[0], &one, sizeof one) != sizeof one)
			return -4; /* it was killed */
		close(told[0]);
		n += !one;
	}
	return one == ENOMEM ? n : -2;
}

static long many_queues(void)
{
	long n = 0;

	while (msg_get(IPC_PRIVATE, 0600) >= 0)
		n++;
	return is_full() ? n : -2;
}

static long messages(void)
{
	static struct { long type; char text[8192]; } m = { 1, "" };
	long n = 0;
	int id;

	while ((id = (int)msg_get(IPC_PRIVATE, 0600)) >= 0)
		while (!syscall(SYS_msgsnd, id, &m, sizeof m.text, IPC_NOWAIT))
			n++;
	return is_full() ? n : -2;
}

static long empty_messages(void)
{
	struct all_of m = { { 1 } };
	long n = 0;

	for (int i = 0; i < 30; i++) {
		int id = (int)msg_get(IPC_PRIVATE, 0600);
		while (!syscall(SYS_msgsnd, id, &m, 0, IPC_NOWAIT))
			n++;
	}
	return n;
}

static long many_segments(void)
{
	long n = 0;

	while (shm_get(IPC_PRIVATE, 1, 0600) >= 0)
		n++;
	return is_full() ? n : -2;
}

/* Pages until there are no more: each child that is refused dies of it. */
static long pages(void)
{
	for (int i = 0;; i++) {
		int id = (int)shm_get(IPC_PRIVATE, 4 << 20, 0600), status;
		pid_t pid = fork();

		if (pid == 0) {
			char *p = (char *)syscall(SYS_shmat, id, NULL, 0);
			/* Quickly, and where that fails as it comes. */
			if (madvise(p, 4 << 20, 23 /* MADV_POPULATE_WRITE */))
				for (int at = 0; at < 4 << 20; at += 4096)
					p[at] = 1;
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (!EXITED(status, 0))
			return KILLED(status, SIGBUS) || KILLED(status, SIGKILL) ? 1 : -2;
		if (i > 200)
			return -3;
	}
}

static long attachments(void)
{
	int id = (int)shm_get(IPC_PRIVATE, 4096, 0600);
	long n = 0;

	while (n < 12000 && syscall(SYS_shmat, id, NULL, n & 1 ? SHM_RDONLY : 0) != -1)
		n++;
	return n > 1000 ? 1 : -2;
}

/* All that wait look at hundreds of operations each, and each that goes on lets those before it look again. */
static void crowd(void)
{
	static struct sembuf ops[500];
	int id = (int)sem_get(IPC_PRIVATE, CROWD + 1, 0666), good = 0, status;

	for (int i = 0; i < CROWD; i++) {
		if (fork() == 0) {
			become(1000);
			for (int k = 0; k < 498; k++)
				ops[k] = (struct sembuf){ (unsigned short)i, (short)(k % 2 ? -1 : 1), 0 };
			ops[498] = (struct sembuf){ (unsigned short)(i + 1), -1, 0 };
			ops[499] = (struct sembuf){ (unsigned short)i, 1, 0 };
			_exit(sem_do(id, ops, 500) != 0);
		}
		until_waiting(id, i + 1, GETNCNT, 1);
	}
	sem_add(id, CROWD, 1, 0);
	while (wait(&status) > 0)
		good += EXITED(status, 0);
	CHECK("a crowd comes to its end", good == CROWD && sem_value(id, 0) == 1);
	sem_ctl(id, 0, IPC_RMID, 0);
}

static unsigned seed;
static unsigned any(unsigned n) { return (seed = seed * 1103515245 + 12345) / 65536 % n; }

static void worker(unsigned start)
{
	static unsigned char memory[8192];
	static char *at[4] = { (char *)-1, (char *)-1, (char *)-1, (char *)-1 };

	seed = start;
	for (int i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	alarm(100);
	if (any(3) == 0)
		become(1000);
	for (;;) {
		int id = (int)(any(4) ? any(70) : any(70) | any(3) << 15), key = (int)any(4);
		struct sembuf ops[3];
		struct timespec t = { 0, any(3000000) };

		for (int i = 0; i < 3; i++)
			ops[i] = (struct sembuf){ (unsigned short)any(3), (short)(any(5) - 2), (short)((any(3) ? IPC_NOWAIT : 0) | (any(2) ? SEM_UNDO : 0)) };
		*(long *)(void *)memory = (long)any(3) + 1;
		switch (any(12)) {
		case 0: sem_get(key, (int)any(5), any(2) ? IPC_CREAT | 0666 : 0); break;
		case 1: msg_get(key, any(2) ? IPC_CREAT | 0666 : 0); break;
		case 2: shm_get(key, any(5) * 5000, any(2) ? IPC_CREAT | 0666 : 0); break;
		case 3: case 4: syscall(SYS_semtimedop, id, ops, 1 + any(3), &t); break;
		case 5: sem_ctl(id, (int)any(3), (int)any(21), any(2) ? (unsigned long)memory : any(4)); break;
		case 6: syscall(SYS_msgsnd, id, memory, any(2) ? any(8192) : any(9), IPC_NOWAIT); break;
		case 7: syscall(SYS_msgrcv, id, memory, 8000, (long)any(7) - 3, IPC_NOWAIT | MSG_NOERROR | (any(4) ? 0 : MSG_COPY)); break;
		case 8: syscall(SYS_msgctl, id, any(14), memory); break;
		case 9: at[any(4)] = (char *)syscall(SYS_shmat, id, NULL, any(2) ? SHM_RDONLY : 0); break;
		case 10: syscall(SYS_shmdt, at[any(4)]); break;
		default: syscall(SYS_shmctl, id, any(16), memory);
		}
	}
}

static void workers(void)
{
	pid_t pids[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		if ((pids[i] = fork()) == 0)
			worker((unsigned)i + 1);
	seed = 77;
	for (int round = 0; round < 12; round++) {
		unsigned i = any(WORKERS);

		pause_ms(20);
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
		if ((pids[i] = fork()) == 0)
			worker((unsigned)round * 100 + 50);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		CHECK("killed", KILLED(wait_status(pids[i]), SIGKILL));
	}
	remove_all();
	CHECK("nothing is left", empty());
}

int main(void)
{
	CHECK("nothing at first", empty());
	twice("arrays", many_sems, root_sem);
	twice("large arrays", large_sems, root_sem);
	twice("what is to be taken back", undos, root_sem);
	twice("queues", many_queues, root_msg);
	twice("messages", messages, root_msg);
	twice("empty messages", empty_messages, root_msg);
	twice("segments", many_segments, root_shm);
	twice("pages", pages, root_shm);
	twice("attachments", attachments, root_shm);
	crowd();
	workers();
	CHECK("and it goes on", root_sem() && root_msg() && root_shm());
	DONE();
}

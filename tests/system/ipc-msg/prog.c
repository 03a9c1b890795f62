/* Queues of messages: order and types, limits, every command, and who waits. */
#include "sysv.h"
#include <limits.h>

#define BAD ((void *)8)

static void print(const char *what, long value) { dprintf(1, "%s: %ld\n", what, value); }

static long msg_get(int key, int flags) { return syscall(SYS_msgget, key, flags); }
static long msg_ctl(int id, int command, void *arg) { return syscall(SYS_msgctl, id, command, arg); }

static struct { long type; char text[70000]; } out, in;

static long put(int id, long type, const char *text, int flags)
{
	out.type = type;
	strcpy(out.text, text);
	return syscall(SYS_msgsnd, id, &out, strlen(text), flags);
}

static long put_bytes(int id, long type, size_t size, int flags)
{
	out.type = type;
	return syscall(SYS_msgsnd, id, &out, size, flags);
}

static long take(int id, size_t size, long type, int flags)
{
	memset(&in, '.', 64);
	return syscall(SYS_msgrcv, id, &in, size, type, flags);
}

/* One line of what comes. */
static void next(int id, size_t size, long type, int flags)
{
	long n = take(id, size, type, flags);

	if (n < 0)
		dprintf(1, "type %ld flags %o: errno %d\n", type, (unsigned)flags, errno);
	else
		dprintf(1, "type %ld flags %o: %ld bytes, type %ld, '%.*s', then '%c'\n", type, (unsigned)flags, n, in.type, (int)n, in.text, in.text[n]);
}

static void fill(int id)
{
	static const struct { long type; const char *text; } all[] = { { 3, "first" }, { 5, "second" }, { 1, "third" }, { 3, "fourth" }, { 2, "" }, { 9, "sixth" } };

	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		put(id, all[i].type, all[i].text, 0);
}

static void types(void)
{
	int id = (int)msg_get(IPC_PRIVATE, 0600);
	static const long order[] = { 0, 3, -4, -4, -4, -9, LONG_MIN, LONG_MIN };

	fill(id);
	for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
		next(id, 100, order[i], IPC_NOWAIT);
	fill(id);
	for (int i = 0; i < 5; i++)
		next(id, 100, 3, IPC_NOWAIT | MSG_EXCEPT);
	next(id, 100, 0, IPC_NOWAIT | MSG_EXCEPT);
	next(id, 100, -3, IPC_NOWAIT | MSG_EXCEPT);
	next(id, 100, 0, IPC_NOWAIT);
	fill(id);
	next(id, 3, 0, IPC_NOWAIT);
	next(id, 3, 0, IPC_NOWAIT | MSG_NOERROR);
	next(id, 5, 5, IPC_NOWAIT | MSG_NOERROR);
	next(id, 0, 1, IPC_NOWAIT | MSG_NOERROR);
	next(id, 0, 2, IPC_NOWAIT);
	next(id, 0, 77, IPC_NOWAIT);
	/* Copies, by their place. */
	for (long i = -1; i < 4; i++)
		next(id, 100, i, IPC_NOWAIT | MSG_COPY);
	next(id, 100, 0, MSG_COPY);
	next(id, 100, 0, IPC_NOWAIT | MSG_COPY | MSG_EXCEPT);
	next(id, 2, 1, IPC_NOWAIT | MSG_COPY);
	next(id, 2, 1, IPC_NOWAIT | MSG_COPY | MSG_NOERROR);
	next(77, 2, 1, IPC_NOWAIT | MSG_COPY);
	FAILS("copy to nowhere", EFAULT, syscall(SYS_msgrcv, id, BAD, 100, 0, IPC_NOWAIT | MSG_COPY));
	next(id, 100, 0, IPC_NOWAIT);
	next(id, 100, 0, IPC_NOWAIT);
	next(id, 100, 0, IPC_NOWAIT);
	msg_ctl(id, IPC_RMID, NULL);
}

static void errors(void)
{
	int id = (int)msg_get(0x4321, IPC_CREAT | 0600);

	print("number", id);
	print("by key", msg_get(0x4321, 0));
	FAILS("again", EEXIST, msg_get(0x4321, IPC_CREAT | IPC_EXCL));
	FAILS("unknown key", ENOENT, msg_get(0x999, 0));
	FAILS("type 0", EINVAL, put(id, 0, "x", 0));
	FAILS("type below 0", EINVAL, put(id, -1, "x", 0));
	FAILS("too long", EINVAL, put_bytes(id, 1, 8193, 0));
	FAILS("much too long", EINVAL, put_bytes(id, 1, (size_t)-1, 0));
	FAILS("to none", EINVAL, put(77, 1, "x", 0));
	FAILS("to a negative one", EINVAL, put(-1, 1, "x", 0));
	FAILS("from nowhere", EFAULT, syscall(SYS_msgsnd, -1, BAD, 8193, 0));
	out.type = 0;
	FAILS("type 0 comes first", EINVAL, syscall(SYS_msgsnd, 77, &out, 1, 0));
	FAILS("from none", EINVAL, take(77, 10, 0, IPC_NOWAIT));
	FAILS("from a negative one", EINVAL, take(-1, 10, 0, IPC_NOWAIT));
	FAILS("a negative size", EINVAL, take(id, (size_t)-1, 0, IPC_NOWAIT));
	put(id, 4, "lost", 0);
	FAILS("to nowhere", EFAULT, syscall(SYS_msgrcv, id, BAD, 100, 0, IPC_NOWAIT));
	FAILS("which loses it", ENOMSG, take(id, 10, 0, IPC_NOWAIT));
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	*(long *)(void *)(page + 4088) = 1;
	FAILS("half from nowhere", EFAULT, syscall(SYS_msgsnd, id, page + 4088, 4, 0));
	CHECK("nothing from there", syscall(SYS_msgsnd, id, page + 4088, 0, 0) == 0);
	CHECK("nothing to there", syscall(SYS_msgrcv, id, page + 4088, 100, 0, 0) == 0);
	FAILS("no such command", EINVAL, msg_ctl(id, 99, NULL));
	FAILS("a negative one", EINVAL, msg_ctl(id, -1, NULL));
	FAILS("of a negative one", EINVAL, msg_ctl(-1, IPC_INFO, &in));
	FAILS("stat of none", EINVAL, msg_ctl(77, IPC_STAT, BAD));
	FAILS("stat to nowhere", EFAULT, msg_ctl(id, IPC_STAT, BAD));
	FAILS("set from nowhere", EFAULT, msg_ctl(77, IPC_SET, BAD));
	CHECK("removed", msg_ctl(id, IPC_RMID, NULL) == 0);
	FAILS("removed twice", EINVAL, msg_ctl(id, IPC_RMID, NULL));
}

static void limit(const char *name, const char *value)
{
	char path[60];
	snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
	int f = open(path, O_WRONLY);
	CHECK("limit", write(f, value, strlen(value)) == (ssize_t)strlen(value));
	close(f);
}

static int has_sys_resource(void)
{
	unsigned h[2] = { 0x20080522, 0 }, d[6] = { 0 };

	return !syscall(SYS_capget, h, d) && (d[0] >> 24 & 1);
}

static void states(void)
{
	int id = (int)msg_get(0x4321, IPC_CREAT | 0640), info[8] = { 0 };
	struct all_of a = { { 0 } };
	unsigned *perm = (unsigned *)a.words;
	int *pids = (int *)&a.words[12];
	time_t now = time(NULL);

	msg_ctl(id, IPC_STAT, &a);
	CHECK("new", perm[0] == 0x4321 && perm[5] == 0640 && !a.words[6] && !a.words[7] && (time_t)a.words[8] >= now - 2 && !a.words[9] && !a.words[10]);
	print("room", (long)a.words[11]);
	CHECK("nobody yet", !pids[0] && !pids[1]);
	put(id, 1, "seven..", 0);
	put(id, 1, "", 0);
	pid_t pid = fork();
	if (!pid)
		_exit((int)take(id, 100, 0, 0));
	CHECK("taken", EXITED(wait_status(pid), 7));
	put(id, 1, "eleven.....", 0);
	CHECK("by index", msg_ctl(id & 0x7fff, MSG_STAT, &a) == id && msg_ctl(id & 0x7fff, MSG_STAT_ANY, &a) == id);
	CHECK("times", (time_t)a.words[6] >= now - 2 && (time_t)a.words[7] >= now - 2);
	print("bytes", (long)a.words[9]);
	print("messages", (long)a.words[10]);
	CHECK("who", pids[0] == getpid() && pids[1] == pid);
	print("info", msg_ctl(0, IPC_INFO, info) >= 0);
	for (int i = 0; i < 7; i++)
		dprintf(1, " %d", info[i]);
	print(" segments", info[7] & 0xffff);
	print("use", msg_ctl(0, MSG_INFO, info) >= 0);
	for (int i = 0; i < 7; i++)
		dprintf(1, " %d", info[i]);
	dprintf(1, "\n");
	FAILS("info to nowhere", EFAULT, msg_ctl(0, IPC_INFO, BAD));
	a.words[11] = 5;
	perm[5] = 0604;
	CHECK("less room", msg_ctl(id, IPC_SET, &a) == 0);
	FAILS("is less", EAGAIN, put(id, 1, "", IPC_NOWAIT));
	a.words[11] = 100000;
	CHECK("who may: more than there is", has_sys_resource() ? msg_ctl(id, IPC_SET, &a) == 0 : msg_ctl(id, IPC_SET, &a) == -1 && errno == EPERM);
	limit("msgmnb", "100000\n");
	CHECK("as much as there is", msg_ctl(id, IPC_SET, &a) == 0);
	limit("msgmnb", "16384");
	if ((pid = fork()) == 0) {
		a.words[11] = 16385;
		setuid(1000);
		errno = 0;
		_exit(msg_ctl(id, IPC_SET, &a) == -1 && errno == EPERM ? 3 : 4);
	}
	CHECK("not so others", EXITED(wait_status(pid), 3));
	for (int i = 0; i < 8; i++)
		CHECK("much", put_bytes(id, 1, 8192, IPC_NOWAIT) == 0);
	FILE *f = fopen("/proc/sysvipc/msg", "r");
	char line[300], *rest;
	while (fgets(line, sizeof line, f)) {
		if (line[7] == 'k') {
			dprintf(1, "%s", line);
			continue;
		}
		rest = line + 50;
		dprintf(1, "%.50s pids %d\n", line, atoi(rest) == getpid());
		dprintf(1, "%s", strlen(line) > 62 + 33 ? "" : "short\n");
		rest = line + strlen(line) - 34;
		*rest = 0;
		dprintf(1, "%s\n", line + 62);
		CHECK("times", atol(rest + 1) >= now - 2 && atol(rest + 12) >= now - 2);
	}
	fclose(f);
	msg_ctl(id, IPC_RMID, NULL);
	print("nothing is left", msg_ctl(0, MSG_INFO, info));
	for (int i = 0; i < 7; i++)
		dprintf(1, " %d", info[i]);
	dprintf(1, "\n");
}

static void room(void)
{
	int id = (int)msg_get(IPC_PRIVATE, 0600);
	long count = 0;

	CHECK("half", put_bytes(id, 1, 8192, IPC_NOWAIT) == 0);
	CHECK("all", put_bytes(id, 1, 8192, IPC_NOWAIT) == 0);
	FAILS("more", EAGAIN, put_bytes(id, 1, 1, IPC_NOWAIT));
	CHECK("nothing always fits", put_bytes(id, 1, 0, IPC_NOWAIT) == 0);
	take(id, 8192, 0, 0);
	CHECK("half of it", put_bytes(id, 1, 8191, IPC_NOWAIT) == 0);
	FAILS("two more", EAGAIN, put_bytes(id, 1, 2, IPC_NOWAIT));
	msg_ctl(id, IPC_RMID, NULL);
	id = (int)msg_get(IPC_PRIVATE, 0600);
	while (put_bytes(id, 1, 0, IPC_NOWAIT) == 0)
		count++;
	print("empty ones", count);
	msg_ctl(id, IPC_RMID, NULL);
	limit("msgmax", "65536\n");
	limit("msgmnb", "65536");
	print("msgmax", file_number("/proc/sys/kernel/msgmax", ""));
	print("msgmni", file_number("/proc/sys/kernel/msgmni", ""));
	id = (int)msg_get(IPC_PRIVATE, 0600);
	memset(out.text, 'x', sizeof out.text);
	out.text[65535] = 'y';
	CHECK("a large one", put_bytes(id, 1, 65536, IPC_NOWAIT) == 0);
	CHECK("all of it", take(id, 65536, 0, 0) == 65536 && in.text[65535] == 'y' && in.text[40000] == 'x');
	limit("msgmni", "1");
	FAILS("no more queues", ENOSPC, msg_get(IPC_PRIVATE, 0600));
	limit("msgmni", "32000");
	int f = open("/proc/sys/kernel/msgmni", O_WRONLY);
	FAILS("too many", EINVAL, write(f, "40000", 5));
	FAILS("no number", EINVAL, write(f, "x", 1));
	close(f);
	msg_ctl(id, IPC_RMID, NULL);
	limit("msgmax", "8192");
	limit("msgmnb", "16384");
}

static volatile sig_atomic_t came;
static void handler(int signo) { came = signo; }

static pid_t receiver(int id, size_t size, long type, int flags)
{
	pid_t pid = fork();

	if (!pid) {
		long n = take(id, size, type, flags);
		_exit(n < 0 ? 100 + errno : in.text[0] - 'a');
	}
	until_asleep(pid);
	return pid;
}

static pid_t sender(int id, long type, size_t size, const char *text)
{
	pid_t pid = fork();

	if (!pid) {
		strcpy(out.text, text);
		_exit(put_bytes(id, type, size, 0) ? 100 + errno : 0);
	}
	until_asleep(pid);
	return pid;
}

static void receivers(void)
{
	int id = (int)msg_get(IPC_PRIVATE, 0600);
	pid_t p[5];
	struct all_of a;

	p[0] = receiver(id, 10, 0, 0);
	p[1] = receiver(id, 10, 0, 0);
	put(id, 1, "a", 0);
	CHECK("the first who waits", EXITED(wait_status(p[0]), 0));
	msg_ctl(id, IPC_STAT, &a);
	CHECK("whom it knows", ((int *)&a.words[12])[1] == p[0] && a.words[10] == 0);
	put(id, 1, "b", 0);
	CHECK("the second", EXITED(wait_status(p[1]), 1));
	p[0] = receiver(id, 10, 2, 0);
	p[1] = receiver(id, 10, -3, 0);
	p[2] = receiver(id, 10, 4, MSG_EXCEPT);
	put(id, 4, "a", 0);
	put(id, 3, "b", 0);
	CHECK("by type: up to", EXITED(wait_status(p[1]), 1));
	put(id, 3, "c", 0);
	CHECK("by type: but", EXITED(wait_status(p[2]), 2));
	put(id, 3, "d", 0);
	put(id, 2, "e", 0);
	CHECK("by type: only", EXITED(wait_status(p[0]), 4));
	next(id, 10, 0, IPC_NOWAIT);
	next(id, 10, 0, IPC_NOWAIT);
	next(id, 10, 0, IPC_NOWAIT);
	/* Too large for the first: he hears of it, and the next one gets it. */
	p[0] = receiver(id, 2, 0, 0);
	p[1] = receiver(id, 2, 0, MSG_NOERROR);
	put(id, 1, "abc", 0);
	CHECK("too large", EXITED(wait_status(p[0]), 100 + E2BIG));
	CHECK("cut", EXITED(wait_status(p[1]), 0));
	/* Signals; with a handler never begun again, without one it is. */
	for (int restart = 0; restart < 2; restart++) {
		if ((p[0] = fork()) == 0) {
			struct sigaction act = { .sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0 };
			sigaction(SIGUSR1, &act, NULL);
			_exit(take(id, 10, 0, 0) == -1 && errno == EINTR && came == SIGUSR1 ? 5 : 6);
		}
		until_asleep(p[0]);
		kill(p[0], SIGUSR1);
		CHECK("interrupted", EXITED(wait_status(p[0]), 5));
	}
	p[0] = receiver(id, 10, 0, 0);
	kill(p[0], SIGSTOP);
	waitpid(p[0], NULL, WUNTRACED);
	kill(p[0], SIGCONT);
	until_asleep(p[0]);
	put(id, 1, "d", 0);
	CHECK("a stop does not interrupt", EXITED(wait_status(p[0]), 3));
	p[0] = receiver(id, 10, 0, 0);
	p[1] = receiver(id, 10, 0, 0);
	kill(p[0], SIGKILL);
	CHECK("killed", KILLED(wait_status(p[0]), SIGKILL));
	put(id, 1, "e", 0);
	CHECK("gets nothing", EXITED(wait_status(p[1]), 4));
	/* Rights that are lost meanwhile. */
	p[0] = fork();
	msg_ctl(id, IPC_STAT, &a);
	if (!p[0]) {
		while (setuid(1000) || take(id, 10, 0, 0) != -1 || errno != EACCES)
			;
		_exit(7);
	}
	CHECK("not for others", EXITED(wait_status(p[0]), 7));
	((unsigned *)a.words)[5] = 0666;
	msg_ctl(id, IPC_SET, &a);
	if ((p[0] = fork()) == 0)
		_exit(setuid(1000) ? 1 : take(id, 10, 0, 0) == -1 ? errno : 0);
	until_asleep(p[0]);
	msg_ctl(id, IPC_SET, &a);
	until_asleep(p[0]);
	((unsigned *)a.words)[5] = 0600;
	msg_ctl(id, IPC_SET, &a);
	CHECK("lost while he waits", EXITED(wait_status(p[0]), EACCES));
	for (int i = 0; i < 3; i++)
		p[i] = receiver(id, 10, i - 1, 0);
	msg_ctl(id, IPC_RMID, NULL);
	for (int i = 0; i < 3; i++)
		CHECK("removed", EXITED(wait_status(p[i]), 100 + EIDRM));
}

static void senders(void)
{
	int id = (int)msg_get(IPC_PRIVATE, 0600);
	struct all_of a;
	pid_t p[4];

	put_bytes(id, 1, 8192, 0);
	put_bytes(id, 1, 8192, 0);
	/* A large one waits, a small one behind it is not held up. */
	p[0] = sender(id, 2, 8000, "large");
	p[1] = sender(id, 3, 100, "small");
	p[2] = sender(id, 4, 200, "middle");
	msg_ctl(id, IPC_STAT, &a);
	print("in it", (long)a.words[10]);
	a.words[11] = 16384 + 150;
	limit("msgmnb", "20000");
	msg_ctl(id, IPC_SET, &a);
	CHECK("room for the small one", EXITED(wait_status(p[1]), 0));
	take(id, 8192, 1, 0);
	CHECK("for all", EXITED(wait_status(p[0]), 0) && EXITED(wait_status(p[2]), 0));
	take(id, 8192, 1, 0);
	take(id, 8192, 3, 0);
	CHECK("small", !strncmp(in.text, "small", 5));
	limit("msgmnb", "16384");
	for (int restart = 0; restart < 2; restart++) {
		if ((p[0] = fork()) == 0) {
			struct sigaction act = { .sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0 };
			sigaction(SIGUSR1, &act, NULL);
			put_bytes(id, 9, 8192, IPC_NOWAIT);
			_exit(put_bytes(id, 9, 8192, 0) == -1 && errno == EINTR && came == SIGUSR1 ? 5 : 6);
		}
		until_asleep(p[0]);
		kill(p[0], SIGUSR1);
		CHECK("interrupted", EXITED(wait_status(p[0]), 5));
	}
	p[0] = sender(id, 2, 8192, "x");
	kill(p[0], SIGKILL);
	CHECK("killed", KILLED(wait_status(p[0]), SIGKILL));
	p[0] = sender(id, 2, 8192, "x");
	kill(p[0], SIGSTOP);
	waitpid(p[0], NULL, WUNTRACED);
	kill(p[0], SIGCONT);
	until_asleep(p[0]);
	p[1] = sender(id, 2, 8190, "x");
	msg_ctl(id, IPC_RMID, NULL);
	CHECK("removed", EXITED(wait_status(p[0]), 100 + EIDRM));
	CHECK("removed", EXITED(wait_status(p[1]), 100 + EIDRM));
}

/* Two hundred thousand bytes through one queue, by three writers and two readers. */
static void stream(void)
{
	int id = (int)msg_get(IPC_PRIVATE, 0600), status;
	long sum = 0, got = 0;

	for (int w = 0; w < 3; w++)
		if (!fork()) {
			for (int i = 0; i < 400; i++) {
				memset(out.text, w + 1, 200);
				if (put_bytes(id, w + 1, (size_t)(i % 200), 0))
					_exit(99);
			}
			_exit(0);
		}
	for (int r = 0; r < 2; r++)
		if (!fork()) {
			for (int i = 0; i < 600; i++) {
				long n = take(id, 200, 0, 0);
				if (n < 0 || (n && in.text[n - 1] != in.type))
					_exit(98);
			}
			_exit(1);
		}
	while (wait(&status) > 0) {
		sum += WEXITSTATUS(status);
		got++;
	}
	print("ended", got);
	print("well", sum);
	FAILS("nothing is left", ENOMSG, take(id, 10, 0, IPC_NOWAIT));
	msg_ctl(id, IPC_RMID, NULL);
}

int main(void)
{
	alarm(50 * (unsigned)(getenv("TEST_SLOW") ? atoi(getenv("TEST_SLOW")) : 1));
	types();
	errors();
	states();
	room();
	receivers();
	senders();
	stream();
	DONE();
}

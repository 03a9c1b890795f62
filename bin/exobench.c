/*
 * exobench: what the operations that programs live on cost. The very same static binary runs on Linux, in the
 * simulator, on x86_64 and on every peer, so its rows can be divided by each other.
 *
 * A measure repeats an operation until it lasts a few milliseconds (found by doubling); a row is the median and the
 * least of several measures, in ns for one operation. Each row runs in a process of its own, so one that fails or hangs
 * takes nothing else with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPEATS_MAX   101
#define PAGE          4096u
#define MAP_PAGES     256u /* of the mmap row */
#define FAULT_PAGES   128u /* touched in one go of the pagefault row */
#define SHELL_SPAWNS  200u
#define TMPFS_MAGIC   0x01021994
#define FUTEX_WAIT    0 /* linux/futex.h, which musl does not bring */
#define FUTEX_WAKE    1

static struct {
	uint32_t repeats, ms, timeout_s;
	bool json;
	char self[PATH_MAX];
	char file[PATH_MAX]; /* a scratch file on a tmpfs */
} opt = { .repeats = 9, .ms = 5, .timeout_s = 30 };

static void die(const char *what)
{
	fprintf(stderr, "exobench: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static long must(long result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void reap(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0), "waitpid");
	if (status != 0) {
		errno = ECHILD;
		die("a child failed");
	}
}

/* ---- rows: each does its operation n times and returns how many ns that took ---- */

static uint64_t row_getppid(uint64_t n)
{
	uint64_t t = now();

	while (n--)
		getppid();
	return now() - t;
}

static uint64_t row_getpid(uint64_t n)
{
	uint64_t t = now();

	while (n--)
		getpid();
	return now() - t;
}

/* Code that did not come from a file: nobody can have prepared its system-call site beforehand. */
static uint64_t row_getppid_unprepared(uint64_t n)
{
	static const uint8_t code[] = { 0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3 }; /* mov $,%eax; syscall; ret */
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*call)(void);
	uint64_t t;

	if (page == MAP_FAILED)
		die("mmap");
	memcpy(page, code, sizeof(code));
	must(mprotect(page, PAGE, PROT_READ | PROT_EXEC), "mprotect");
	memcpy(&call, &page, sizeof(call));
	t = now();
	while (n--)
		call();
	t = now() - t;
	munmap(page, PAGE);
	return t;
}

static uint64_t device(const char *path, bool writes, uint64_t n)
{
	int fd = (int)must(open(path, O_RDWR), path);
	char c = 0;
	uint64_t t = now();

	if (writes)
		while (n--)
			must(write(fd, &c, 1), path);
	else
		while (n--)
			must(read(fd, &c, 1), path);
	t = now() - t;
	close(fd);
	return t;
}

static uint64_t row_null_write(uint64_t n) { return device("/dev/null", true, n); }
static uint64_t row_null_read(uint64_t n) { return device("/dev/null", false, n); }
static uint64_t row_zero_write(uint64_t n) { return device("/dev/zero", true, n); }
static uint64_t row_zero_read(uint64_t n) { return device("/dev/zero", false, n); }

static uint64_t row_pipe(uint64_t n)
{
	int there[2], back[2];
	char c = 0;
	uint64_t t = 0;
	pid_t pid;

	must(pipe(there), "pipe");
	must(pipe(back), "pipe");
	pid = (pid_t)must(fork(), "fork");
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			must(write(back[1], &c, 1), "write");
		_exit(0);
	}
	for (uint64_t i = 0; i <= n; i++) {
		if (i == 1)
			t = now(); /* the first one waits for the child to start */
		must(write(there[1], &c, 1), "write");
		must(read(back[0], &c, 1), "read");
	}
	t = now() - t;
	close(there[1]);
	reap(pid);
	close(there[0]);
	close(back[0]);
	close(back[1]);
	return t;
}

/* ---- sockets of AF_UNIX ---- */

static void echo_until_end(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		must(write(fd, &c, 1), "write");
	_exit(0);
}

/* A byte there and back n times, with a child that ends with the connection. */
static uint64_t round_trips(int fd, pid_t pid, uint64_t n)
{
	uint64_t t = 0;
	char c = 0;

	for (uint64_t i = 0; i <= n; i++) {
		if (i == 1)
			t = now(); /* the first one waits for the child to start */
		must(write(fd, &c, 1), "write");
		must(read(fd, &c, 1), "read");
	}
	t = now() - t;
	close(fd);
	reap(pid);
	return t;
}

static uint64_t row_socketpair(uint64_t n)
{
	int s[2];
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	pid = (pid_t)must(fork(), "fork");
	if (pid == 0) {
		close(s[0]);
		echo_until_end(s[1]);
	}
	close(s[1]);
	return round_trips(s[0], pid, n);
}

/* A socket that listens at an abstract name, of this process alone. */
static int listener(struct sockaddr_un *name)
{
	int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "exobench-%d", (int)getpid());
	must(bind(s, (void *)name, sizeof(*name)), "bind");
	must(listen(s, 128), "listen");
	return s;
}

static int caller(const struct sockaddr_un *name)
{
	int s = (int)must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	must(connect(s, (const void *)name, sizeof(*name)), "connect");
	return s;
}

static uint64_t row_unix(uint64_t n)
{
	struct sockaddr_un name;
	int s = listener(&name);
	pid_t pid = (pid_t)must(fork(), "fork");

	if (pid == 0)
		echo_until_end((int)must(accept(s, NULL, NULL), "accept"));
	close(s);
	return round_trips(caller(&name), pid, n);
}

/* The row's operation is 64 KiB. */
static uint64_t row_unix_stream(uint64_t n)
{
	static char bytes[65536];
	int s[2];
	uint64_t t;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
	pid = (pid_t)must(fork(), "fork");
	if (pid == 0) {
		close(s[0]);
		while (must(read(s[1], bytes, sizeof(bytes)), "read") > 0)
			;
		_exit(0);
	}
	close(s[1]);
	must(write(s[0], bytes, sizeof(bytes)), "write");
	t = now();
	while (n--)
		must(write(s[0], bytes, sizeof(bytes)), "write");
	close(s[0]);
	reap(pid);
	return now() - t;
}

static uint64_t row_unix_connect(uint64_t n)
{
	struct sockaddr_un name;
	int s = listener(&name);
	uint64_t t;
	pid_t pid = (pid_t)must(fork(), "fork");

	if (pid == 0) {
		while (n--)
			close((int)must(accept(s, NULL, NULL), "accept"));
		_exit(0);
	}
	t = now();
	while (n--)
		close(caller(&name));
	reap(pid);
	close(s);
	return now() - t;
}

#define ECHO_CONNECTIONS 100

/* A server that waits for all its connections with epoll. */
static void echo_server(int s)
{
	int e = (int)must(epoll_create1(0), "epoll_create1"), open = 0;
	struct epoll_event event = { .events = EPOLLIN };
	char c;

	for (; open < ECHO_CONNECTIONS; open++) {
		event.data.fd = (int)must(accept(s, NULL, NULL), "accept");
		must(epoll_ctl(e, EPOLL_CTL_ADD, event.data.fd, &event), "epoll_ctl");
	}
	while (open > 0) {
		must(epoll_wait(e, &event, 1, -1), "epoll_wait");
		if (read(event.data.fd, &c, 1) == 1) {
			must(write(event.data.fd, &c, 1), "write");
		} else {
			close(event.data.fd);
			open--;
		}
	}
	_exit(0);
}

static uint64_t row_epoll_echo(uint64_t n)
{
	struct sockaddr_un name;
	int s = listener(&name), c[ECHO_CONNECTIONS];
	pid_t pid = (pid_t)must(fork(), "fork");
	char byte = 0;
	uint64_t t = 0;

	if (pid == 0)
		echo_server(s);
	for (int i = 0; i < ECHO_CONNECTIONS; i++)
		c[i] = caller(&name);
	for (uint64_t i = 0; i <= n; i++) {
		int at = c[i * 37 % ECHO_CONNECTIONS];

		if (i == 1)
			t = now();
		must(write(at, &byte, 1), "write");
		must(read(at, &byte, 1), "read");
	}
	t = now() - t;
	for (int i = 0; i < ECHO_CONNECTIONS; i++)
		close(c[i]);
	reap(pid);
	close(s);
	return t;
}

static uint64_t row_fork(uint64_t n)
{
	uint64_t t = now();

	while (n--) {
		pid_t pid = (pid_t)must(fork(), "fork");

		if (pid == 0)
			_exit(0);
		reap(pid);
	}
	return now() - t;
}

static void exec_self(void)
{
	char *args[] = { opt.self, (char[]){ "--exit" }, NULL };

	execv(opt.self, args);
	_exit(127);
}

static uint64_t row_fork_exec(uint64_t n)
{
	uint64_t t = now();

	while (n--) {
		pid_t pid = (pid_t)must(fork(), "fork");

		if (pid == 0)
			exec_self();
		reap(pid);
	}
	return now() - t;
}

static pid_t __attribute__((noinline)) vfork_exec(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		exec_self();
	return pid;
}

static uint64_t row_vfork_exec(uint64_t n)
{
	uint64_t t = now();

	while (n--)
		reap((pid_t)must(vfork_exec(), "vfork"));
	return now() - t;
}

static uint64_t row_mmap(uint64_t n)
{
	uint64_t t = now();

	while (n--) {
		volatile char *at = mmap(NULL, MAP_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			die("mmap");
		for (uint32_t i = 0; i < MAP_PAGES; i++)
			at[i * PAGE] = 1;
		munmap((void *)at, MAP_PAGES * PAGE);
	}
	return now() - t;
}

/* Every touched page stands alone between two inaccessible ones, so mapping ahead gains nothing. Only the touching is
 * timed. */
static uint64_t row_pagefault(uint64_t n)
{
	uint64_t sum = 0;

	while (n--) {
		char *at = mmap(NULL, 2 * FAULT_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		uint64_t t;

		if (at == MAP_FAILED)
			die("mmap");
		for (uint32_t i = 0; i < FAULT_PAGES; i++)
			must(mprotect(at + 2 * i * PAGE, PAGE, PROT_READ | PROT_WRITE), "mprotect");
		t = now();
		for (uint32_t i = 0; i < FAULT_PAGES; i++)
			*(volatile char *)(at + 2 * i * PAGE) = 1;
		sum += now() - t;
		munmap(at, 2 * FAULT_PAGES * PAGE);
	}
	return sum;
}

static volatile sig_atomic_t signals_seen;

static void count_signal(int signo)
{
	(void)signo;
	signals_seen++;
}

static uint64_t row_signal(uint64_t n)
{
	struct sigaction action = { .sa_handler = count_signal };
	pid_t self = getpid();
	uint64_t t, want = n;

	must(sigaction(SIGUSR1, &action, NULL), "sigaction");
	signals_seen = 0;
	t = now();
	while (n--)
		kill(self, SIGUSR1);
	t = now() - t;
	if ((uint64_t)signals_seen != want) {
		errno = EPROTO;
		die("signals lost");
	}
	return t;
}

/* Hands the turn over and waits for it to come back. */
static void turn(uint32_t *word, uint32_t mine)
{
	__atomic_store_n(word, !mine, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != mine)
		syscall(SYS_futex, word, FUTEX_WAIT, !mine, NULL, NULL, 0);
}

static uint64_t row_futex(uint64_t n)
{
	uint32_t *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t t = 0;
	pid_t pid;

	if (word == MAP_FAILED)
		die("mmap shared");
	pid = (pid_t)must(fork(), "fork");
	if (pid == 0) {
		while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != 1)
			syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
		for (uint64_t i = 0; i < n; i++)
			turn(word, 1);
		*word = 0;
		syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
		_exit(0);
	}
	for (uint64_t i = 0; i <= n; i++) {
		if (i == 1)
			t = now();
		turn(word, 0);
	}
	t = now() - t;
	reap(pid);
	munmap(word, PAGE);
	return t;
}

static uint64_t row_file(uint64_t n)
{
	static char page[PAGE];
	uint64_t t = now();

	while (n--) {
		int fd = (int)must(open(opt.file, O_CREAT | O_RDWR | O_TRUNC, 0600), opt.file);

		must(write(fd, page, PAGE), "write");
		must(lseek(fd, 0, SEEK_SET), "lseek");
		if (must(read(fd, page, PAGE), "read") != PAGE)
			die("short read");
		close(fd);
		must(unlink(opt.file), "unlink");
	}
	return now() - t;
}

static void make_file(void)
{
	int fd = (int)must(open(opt.file, O_CREAT | O_RDWR | O_TRUNC, 0600), opt.file);

	must(write(fd, "0123456789abcdef", 16), "write");
	close(fd);
}

static uint64_t row_open(uint64_t n)
{
	char bytes[16];
	uint64_t t;

	make_file();
	t = now();
	while (n--) {
		int fd = (int)must(open(opt.file, O_RDONLY), opt.file);

		must(read(fd, bytes, sizeof(bytes)), "read");
		close(fd);
	}
	t = now() - t;
	unlink(opt.file);
	return t;
}

static uint64_t row_stat(uint64_t n)
{
	struct stat st;
	uint64_t t;

	make_file();
	t = now();
	while (n--)
		must(stat(opt.file, &st), opt.file);
	t = now() - t;
	unlink(opt.file);
	return t;
}

static uint64_t row_spawn(uint64_t n)
{
	static const char script[] = "i=0; while [ $i -lt 200 ]; do /bin/busybox true; i=$((i+1)); done";
	uint64_t t = now();

	while (n--) {
		pid_t pid = (pid_t)must(fork(), "fork");

		if (pid == 0) {
			execl("/bin/busybox", "sh", "-c", script, (char *)NULL);
			_exit(127);
		}
		reap(pid);
	}
	return now() - t;
}

static const struct row {
	const char *name, *text;
	uint64_t (*run)(uint64_t n);
	uint32_t unit;    /* operations in one of the n */
	uint32_t repeats; /* 0: as asked for */
} rows[] = {
	{ "getppid", "getppid() through libc", row_getppid, 1, 0 },
	{ "getpid", "getpid() through libc", row_getpid, 1, 0 },
	{ "getppid-sigsys", "getppid from code made at run time", row_getppid_unprepared, 1, 0 },
	{ "null-write", "write 1 byte to /dev/null", row_null_write, 1, 0 },
	{ "null-read", "read from /dev/null", row_null_read, 1, 0 },
	{ "zero-write", "write 1 byte to /dev/zero", row_zero_write, 1, 0 },
	{ "zero-read", "read 1 byte from /dev/zero", row_zero_read, 1, 0 },
	{ "pipe", "1 byte to another process and back", row_pipe, 1, 0 },
	{ "socketpair", "1 byte to another process and back, over socketpair()", row_socketpair, 1, 0 },
	{ "unix", "the same over a connection of AF_UNIX", row_unix, 1, 0 },
	{ "unix-connect", "connect, accept and close of AF_UNIX", row_unix_connect, 1, 0 },
	{ "unix-stream", "64 KiB to another process over AF_UNIX", row_unix_stream, 1, 0 },
	{ "epoll-echo", "1 byte and back over one of 100 connections in an epoll", row_epoll_echo, 1, 0 },
	{ "futex", "hand a futex to another process and back", row_futex, 1, 0 },
	{ "signal", "kill(self), handler, return", row_signal, 1, 0 },
	{ "fork", "fork + exit + wait", row_fork, 1, 0 },
	{ "fork-exec", "fork + exec of this program + wait", row_fork_exec, 1, 0 },
	{ "vfork-exec", "vfork + exec of this program + wait", row_vfork_exec, 1, 0 },
	{ "mmap", "mmap + touch + munmap of 256 pages, per page", row_mmap, MAP_PAGES, 0 },
	{ "pagefault", "first touch of a page alone between inaccessible ones", row_pagefault, FAULT_PAGES, 0 },
	{ "file", "tmpfs: create, write 4 KiB, read, close, unlink", row_file, 1, 0 },
	{ "open", "tmpfs: open, read 16 bytes, close", row_open, 1, 0 },
	{ "stat", "tmpfs: stat", row_stat, 1, 0 },
	{ "spawn", "busybox sh spawns 200 x busybox true, per spawn", row_spawn, SHELL_SPAWNS, 3 },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* ---- measuring ---- */

struct outcome {
	double median, least; /* ns */
	uint64_t n;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct outcome measure(const struct row *row)
{
	uint32_t repeats = row->repeats && row->repeats < opt.repeats ? row->repeats : opt.repeats;
	uint64_t n = 1, t, want = (uint64_t)opt.ms * 1000000u;
	double values[REPEATS_MAX];

	/* Twice in a row: one that was only slow because the machine was busy elsewhere does not set n. */
	while ((t = row->run(n)) < want || (t = row->run(n)) < want)
		n = t < want / 16 ? n * 8 : t > 0 ? n * want / t + 1 : n * 8;
	for (uint32_t i = 0; i < repeats; i++)
		values[i] = (double)row->run(n) / (double)n / row->unit;
	qsort(values, repeats, sizeof(values[0]), compare);
	return (struct outcome){ values[repeats / 2], values[0], n };
}

/* Runs the row in a process group of its own. false: it failed or took too long. */
static bool run_row(const struct row *row, struct outcome *outcome)
{
	int ends[2], status = 0;
	pid_t pid;

	must(pipe(ends), "pipe");
	fflush(stdout);
	pid = (pid_t)must(fork(), "fork");
	if (pid == 0) {
		struct outcome mine;

		setpgid(0, 0);
		signal(SIGALRM, SIG_DFL);
		alarm(opt.timeout_s);
		mine = measure(row);
		_exit(write(ends[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	close(ends[1]);
	status = read(ends[0], outcome, sizeof(*outcome)) == sizeof(*outcome);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	kill(-pid, SIGKILL); /* what a row left behind */
	return status;
}

static void print_row(const struct row *row, bool first)
{
	struct outcome o;
	bool ok = run_row(row, &o);

	if (opt.json && ok)
		printf("%s\n{\"row\":\"%s\",\"median_ns\":%.1f,\"min_ns\":%.1f,\"n\":%llu}", first ? "" : ",", row->name,
		       o.median, o.least, (unsigned long long)o.n);
	else if (opt.json)
		printf("%s\n{\"row\":\"%s\",\"failed\":true}", first ? "" : ",", row->name);
	else if (ok)
		printf("%-15s %12.1f %12.1f  %s\n", row->name, o.median, o.least, row->text);
	else
		printf("%-15s %12s %12s  %s\n", row->name, "failed", "-", row->text);
}

static bool is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static void find_places(const char *argv0)
{
	const char *directory = getenv("EXOBENCH_DIR");
	ssize_t n = readlink("/proc/self/exe", opt.self, sizeof(opt.self) - 1);

	if (n <= 0)
		snprintf(opt.self, sizeof(opt.self), "%s", argv0);
	if (!directory)
		directory = is_tmpfs("/dev/shm") ? "/dev/shm" : "/tmp";
	snprintf(opt.file, sizeof(opt.file), "%s/exobench.%d", directory, (int)getpid());
}

static int usage(int status)
{
	fprintf(status ? stderr : stdout, "usage: exobench [--json] [--list] [--repeats N] [--ms N] [--timeout S] [ROW...]\n");
	return status;
}

static bool number(const char *text, uint32_t least, uint32_t most, uint32_t *value)
{
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;

	if (!text || *text < '0' || *text > '9' || *end || n < least || n > most)
		return false;
	*value = (uint32_t)n;
	return true;
}

static bool number_option(const char *option, const char *value)
{
	if (strcmp(option, "--repeats") == 0)
		return number(value, 1, REPEATS_MAX, &opt.repeats);
	if (strcmp(option, "--ms") == 0)
		return number(value, 1, 10000, &opt.ms);
	return strcmp(option, "--timeout") == 0 && number(value, 1, 3600, &opt.timeout_s);
}

static bool wanted(const struct row *row, char *const *names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, row->name) == 0)
			return true;
	return false;
}

static bool known(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

static int list(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		printf("%-15s %s\n", rows[i].name, rows[i].text);
	return 0;
}

int main(int argc, char **argv)
{
	bool first = true;
	int i;

	if (argc == 2 && strcmp(argv[1], "--exit") == 0)
		_exit(0); /* what the exec rows start */
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			opt.json = true;
		else if (strcmp(argv[i], "--list") == 0)
			return list();
		else if (strcmp(argv[i], "--help") == 0)
			return usage(0);
		else if (!number_option(argv[i], argv[i + 1]))
			return usage(2);
		else
			i++;
	}
	for (char **name = argv + i; *name; name++)
		if (!known(*name)) {
			fprintf(stderr, "exobench: no row is called %s; --list shows them\n", *name);
			return 2;
		}
	find_places(argv[0]);
	if (opt.json)
		printf("[");
	else
		printf("%-15s %12s %12s\n", "row", "median ns", "least ns");
	for (size_t r = 0; r < ROW_COUNT; r++)
		if (wanted(&rows[r], argv + i)) {
			print_row(&rows[r], first);
			first = false;
		}
	if (opt.json)
		printf("\n]\n");
	return fflush(stdout) != 0;
}

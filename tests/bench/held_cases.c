/*
 * What a user can do to hold up the machine: each case is one kind of work whose length he chooses (held.c).
 * Some eat the memory of the machine that they run on, so they are for a guest.
 */
#include "held.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_REQUEUE_PRIVATE = 131, FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

#define MB (1l << 20)

static int zero(void)
{
	return open("/dev/zero", O_RDONLY);
}
static int null(void)
{
	return open("/dev/null", O_WRONLY);
}
static int urandom(void)
{
	return open("/dev/urandom", O_RDONLY);
}
static size_t big(void)
{
	return held_size ? (size_t)held_size * MB : 0x7ffff000;
}

static int file_new(void)
{
	unlink("hf");
	return open("hf", O_CREAT | O_RDWR | O_TRUNC, 0600);
}

static void fill(int f, long bytes)
{
	char *b = calloc(1, MB);

	for (long i = 0; i < bytes; i += MB)
		if (write(f, b, MB) != MB)
			break;
}

static int sleeps(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

static void ignore(int number)
{
	(void)number;
}

static int futex_words[2];
static int futex_waits(void *unused)
{
	(void)unused;
	for (;;)
		syscall(SYS_futex, futex_words, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
	return 0;
}

static void do_sendfile_urandom(void)
{
	off_t o = 0;
	(void)sendfile(null(), urandom(), &o, big());
}

static void do_sendfile_zero(void)
{
	off_t o = 0;
	(void)sendfile(null(), zero(), &o, big());
}

static void do_sendfile_sparse(void)
{
	int f = file_new();
	ftruncate(f, 1l << 40);
	off_t o = 0;
	(void)sendfile(null(), f, &o, big());
}

static void do_copy_sparse(void)
{
	int f = file_new(), g = open("hg", O_CREAT | O_RDWR | O_TRUNC, 0600);
	ftruncate(f, 1l << 40);
	(void)syscall(SYS_copy_file_range, f, 0, g, 0, 128 * MB, 0);
}

static void do_read_urandom(void)
{
	char *b = mmap(0, 64 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)read(urandom(), b, 64 * MB);
}

static void do_getrandom(void)
{
	char *b = mmap(0, 64 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)syscall(SYS_getrandom, b, 64 * MB, 0);
}

static void do_readv_zero(void)
{
	char *b = mmap(0, 32 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[1024];
	for (int i = 0; i < 1024; i++)
		v[i] = (struct iovec){ b, 32 * MB };
	(void)readv(zero(), v, 1024);
}

static void do_readv_sparse(void)
{
	int f = file_new();
	ftruncate(f, 1l << 40);
	char *b = mmap(0, 32 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[1024];
	for (int i = 0; i < 1024; i++)
		v[i] = (struct iovec){ b, 32 * MB };
	(void)readv(f, v, 1024);
}

static void do_writev_same(void)
{
	int f = file_new();
	char *b = mmap(0, 16 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[64];
	for (int i = 0; i < 64; i++)
		v[i] = (struct iovec){ b, 16 * MB };
	for (int k = 0; k < 8; k++) {
		lseek(f, 0, 0);
		v[0].iov_len = 16 * MB;
		(void)writev(f, v, 6);
	}
}

static void do_fallocate(void)
{
	int f = file_new();
	for (int i = 0; i < 4; i++) {
		(void)fallocate(f, 0, 0, 100 * MB);
		ftruncate(f, 0);
	}
}

static void do_bigfile(void)
{
	int f = file_new();
	fill(f, 110 * MB);
	char *m = mmap(0, 110 * MB, 3, MAP_SHARED, f, 0);
	for (long i = 0; i < 110 * MB; i += 4096)
		m[i] = 1;
	ftruncate(f, 0);
	munmap(m, 110 * MB);
}

static void do_bigfork(void)
{
	char *m = mmap(0, 100 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(m, 1, 100 * MB);
	for (int i = 0; i < 10; i++) {
		if (!fork())
			_exit(0);
		wait(0);
	}
	munmap(m, 100 * MB);
}

static void do_populate(void)
{
	for (int i = 0; i < 5; i++) {
		char *m = mmap(0, 120 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		madvise(m, 120 * MB, MADV_DONTNEED);
		mremap(m, 120 * MB, 121 * MB, MREMAP_MAYMOVE);
	}
}

static void do_hugerange(void)
{
	long n = 1l << 46;
	char *m = mmap(0, n, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *p = mmap(0, n / 4, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p != MAP_FAILED)
		for (long i = 0; i < n / 4; i += n / 400)
			p[i] = 1;
	mprotect(m, n, 3);
	madvise(m, n, MADV_WILLNEED);
	madvise(p, n / 4, 22);
	madvise(p, n / 4, MADV_DONTNEED);
	unsigned char v[4096];
	syscall(SYS_mincore, p, 4096 * 4096, v);
	msync(p, n / 4, MS_SYNC);
	mlock(p, n / 4);
	if (!fork())
		_exit(0);
	wait(0);
	munmap(m, n);
}

static void do_seek(void)
{
	int f = file_new();
	long e = (1l << 62);
	ftruncate(f, e);
	pwrite(f, "x", 1, e - 8192);
	for (int i = 0; i < 1000; i++)
		lseek(f, i, SEEK_DATA), lseek(f, i * 4096, SEEK_HOLE);
	fallocate(f, 3, 0, e - 4096);
}

static void do_scatter(void)
{
	int f = file_new();
	int k = 0;
	for (long i = 0; i < 30000; i++)
		if (pwrite(f, "x", 1, (i * 2654435761ul << 12) & ((1l << 60) - 1)) == 1)
			k++;
	fallocate(f, 3, 0, 1l << 60);
	close(f);
	unlink("hf");
}

static void do_regions(void)
{
	char *m = mmap(0, 70000 * 8192l, 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long i;
	for (i = 0; i < 65000; i++)
		if (mprotect(m + i * 8192, 4096, 3))
			break;
	char b[65536];
	int f = open("/proc/self/maps", 0);
	long t = 0, n;
	while ((n = read(f, b, sizeof b)) > 0)
		t += n;
	for (int k = 0; k < 3; k++) {
		if (!fork())
			_exit(0);
		wait(0);
	}
	mprotect(m, 70000 * 8192l, 0);
	munmap(m, 70000 * 8192l);
}

static void do_regions_fork(void)
{
	char *m = mmap(0, 70000 * 8192l, 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long i;
	for (i = 0; i < 32000; i++)
		if (mprotect(m + i * 8192, 4096, 3))
			break;
	for (int k = 0; k < 20; k++) {
		if (!fork())
			_exit(0);
		wait(0);
	}
}

static void do_locks(void)
{
	int f = file_new();
	long k = 0, t = held_now();
	for (; k < 200000 && held_now() - t < 8000000000l; k++) {
		struct flock l = { F_WRLCK, SEEK_SET, k * 2, 1 };
		if (fcntl(f, F_SETLK, &l))
			break;
	}
	struct flock l = { F_UNLCK, 0, 0, 0 };
	fcntl(f, F_SETLK, &l);
}

static void do_poll(void)
{
	struct rlimit r = { 4096, 4096 };
	setrlimit(RLIMIT_NOFILE, &r);
	int p[2];
	pipe(p);
	struct pollfd *v = calloc(4096, sizeof *v);
	for (int i = 0; i < 4096; i++)
		v[i] = (struct pollfd){ p[0], POLLIN };
	for (int i = 0; i < 50; i++)
		poll(v, 4096, 1);
	for (int k = 0; k < 30; k++)
		if (!fork()) {
			for (int i = 0; i < 50; i++)
				poll(v, 4096, 1000);
			_exit(0);
		}
	usleep(500000);
	for (int i = 0; i < 20; i++) {
		char c;
		write(p[1], "x", 1);
		read(p[0], &c, 1);
	}
	kill(0, SIGTERM);
}

static void do_signals(void)
{
	signal(SIGRTMIN, ignore);
	signal(SIGRTMIN + 1, ignore);
	sigset_t s;
	sigfillset(&s);
	sigprocmask(SIG_SETMASK, &s, 0);
	int k = 0;
	for (int r = 0; r < 5; r++) {
		while (!sigqueue(getpid(), SIGRTMIN + (k & 1), (union sigval){ 0 }))
			k++;
	}
	sigemptyset(&s);
	sigprocmask(SIG_SETMASK, &s, 0);
}

/* As many as there may be, each due all the time. */
static void ask_timers(int most, struct sigevent event)
{
	const struct itimerspec always = { { 0, 1 }, { 0, 1 } };
	timer_t t;

	for (int k = 0; k < most && timer_create(CLOCK_MONOTONIC, &event, &t) == 0; k++)
		timer_settime(t, 0, &always, 0);
	usleep(1000000);
}

static void do_timers(void)
{
	ask_timers(5000, (struct sigevent){ .sigev_notify = SIGEV_NONE });
}

static void do_timers_sig(void)
{
	signal(SIGUSR1, SIG_IGN);
	ask_timers(20000, (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 });
}

static void do_itimer(void)
{
	signal(SIGALRM, ignore);
	struct itimerval i = { { 0, 1 }, { 0, 1 } };
	for (int k = 0; k < 20; k++)
		if (!fork()) {
			setitimer(ITIMER_REAL, &i, 0);
			for (;;)
				;
		}
	sleep(2);
	kill(0, SIGTERM);
}

static void do_bigdir(void)
{
	mkdir("hd", 0700);
	chdir("hd");
	char n[32];
	int k;
	long t = held_now();
	for (k = 0; k < 300000 && held_now() - t < 15000000000l; k++) {
		sprintf(n, "%d", k);
		if (k ? link("0", n) : mknod(n, S_IFREG | 0600, 0))
			break;
	}
	char *b = malloc(64 * MB);
	int f = open(".", 0);
	long r = syscall(SYS_getdents64, f, b, 64 * MB);
	lseek(f, 0, 0);
	for (int i = 0; i < k - 1; i++) {
		sprintf(n, "%d", i);
		unlink(n);
	}
	for (int i = 0; i < 1000; i++) {
		lseek(f, 0, 0);
		syscall(SYS_getdents64, f, b, 100);
	}
}

static void do_forkbomb(void)
{
	for (int i = 0; i < 100000; i++) {
		int p = fork();
		if (p < 0) {
			usleep(1000);
			if (held_now() & 1)
				continue;
		}
		if (!p)
			continue;
		if (held_now() > shared->until)
			_exit(0);
	}
}

static void do_threads(void)
{
	int k = 0;
	for (;; k++) {
		char *s = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (clone(sleeps, s + 4096, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
			  0) < 0)
			break;
	}
	usleep(300000);
}

static void do_execstorm(void)
{
	for (int k = 0; k < 50; k++)
		if (!fork()) {
			while (held_now() < shared->until - 2000000000l) {
				int p = vfork();
				if (!p) {
					execl("/bin/true", "true", NULL);
					_exit(1);
				}
				waitpid(p, 0, 0);
			}
			_exit(0);
		}
	while (wait(0) > 0)
		;
}

static void do_execargs(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };
	getrlimit(RLIMIT_STACK, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_STACK, &r);
	static char a[131000];
	memset(a, 'x', sizeof a - 1);
	for (int n = 10; n < 100000; n *= 3) {
		char **v = calloc(n + 2, 8);
		for (int i = 0; i < n; i++)
			v[i] = a;
		int p = fork();
		if (!p) {
			execve("/bin/true", v, v);
			_exit(0);
		}
		waitpid(p, 0, 0);
	}
}

static void do_futex(void)
{
	int *w = futex_words;
	for (int k = 0; k < 900; k++) {
		char *s = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (clone(futex_waits, s + 4096,
			  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0) < 0)
			break;
	}
	usleep(200000);
	for (int i = 0; i < 200; i++) {
		syscall(SYS_futex, w, FUTEX_REQUEUE_PRIVATE, 0, 1000000, w + 1, 0);
		syscall(SYS_futex, w + 1, FUTEX_REQUEUE_PRIVATE, 0, 1000000, w, 0);
	}
	for (int i = 0; i < 50; i++) {
		syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, 1000000, 0, 0, 0);
		usleep(1000);
	}
}

static void do_procstorm(void)
{
	for (int k = 0; k < 200; k++)
		if (!fork()) {
			pause();
			_exit(0);
		}
	for (int k = 0; k < 20; k++) {
		char b[65536], n[64];
		int f = open("/proc", 0);
		syscall(SYS_getdents64, f, b, 65536);
		close(f);
		for (int i = 1; i < 250; i++) {
			const char *q[] = { "stat", "status", "maps", "mounts", "cmdline" };
			for (int j = 0; j < 5; j++) {
				sprintf(n, "/proc/%d/%s", i, q[j]);
				f = open(n, 0);
				read(f, b, 65536);
				close(f);
			}
		}
	}
	kill(0, SIGTERM);
}

static void do_deepwalk(void)
{
	mkdir("hd", 0700);
	chdir("hd");
	int n = 60000, k;
	long t = held_now();
	for (k = 0; k < n && held_now() - t < 10000000000l; k++)
		if (mkdir("d", 0700) || chdir("d"))
			break;
	mkdir("x", 0700);
	mkdir("y", 0700);
	for (int i = 0; i < 20; i++) {
		rename("x", "y/x");
		rename("y/x", "x");
		char b[5000];
		getcwd(b, 5000);
		int f = open("/proc/self/cwd", O_PATH);
		readlink("/proc/self/cwd", b, 5000);
		close(f);
	}
	_exit(0);
}

static void do_symlinks(void)
{
	char a[4096];
	mkdir("hl", 0700);
	chdir("hl");
	symlink(".", "l0");
	strcpy(a, "");
	for (int i = 0; i < 39; i++) {
		char n[8], t[4090] = "";
		sprintf(n, "s%d", i);
		char *e = t;
		if (i)
			e += sprintf(e, "s%d/", i - 1);
		for (int j = 0; j < 2000; j++) {
			*e++ = '.';
			*e++ = '/';
		}
		*e = 0;
		symlink(t, n);
	}
	for (int i = 0; i < 20; i++) {
		struct stat st;
		stat("s38", &st);
	}
}

static void do_spin(void)
{
	long t = held_now();
	while (held_now() - t < 2000000000l)
		;
}

static void do_writehuge(void)
{
	int f = file_new();
	char *b = mmap(0, 120 * MB, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)write(f, b, 100 * MB);
	(void)pread(f, b, 100 * MB, 0);
	unlink("hf");
	close(f);
}

static void do_bigmem(void)
{
	long n = (held_size ? held_size : 100) * MB;
	int f = file_new();
	fallocate(f, 0, 0, n);
	usleep(20000);
	ftruncate(f, 0);
	usleep(20000);
	char *m = mmap(0, n, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(m, 1, n);
	usleep(20000);
	if (!fork())
		_exit(0);
	wait(0);
	usleep(20000);
	mprotect(m, n, 1);
	usleep(20000);
	mprotect(m, n, 3);
	madvise(m, n, MADV_DONTNEED);
	usleep(20000);
	if (!fork()) {
		memset(m, 1, n);
		shared->ready = 1;
		pause();
	}
	while (!shared->ready)
		usleep(1000);
	usleep(20000);
	kill(0, SIGTERM);
}

static void do_sharedcut(void)
{
	int f = file_new();
	fill(f, 100 * MB);
	int N = held_size ? held_size : 200;
	for (int k = 0; k < N; k++)
		if (!fork()) {
			char *m = mmap(0, 100 * MB, 3, MAP_SHARED, f, 0);
			for (long i = 0; i < 100 * MB; i += 4096)
				m[i]++;
			shared->ready++;
			pause();
		}
	for (int i = 0; i < 1000 && shared->ready < N; i++)
		usleep(10000);
	usleep(100000);
	ftruncate(f, 0);
	usleep(20000);
	kill(0, SIGTERM);
}

static void do_ptes(void)
{
	for (int p = 0; p < 60; p++)
		if (!fork()) {
			char *a = mmap(0, 1l << 44, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			volatile char c;
			for (long i = 0; i < 1l << 44; i += 1l << 30)
				c = a[i];
			pause();
		}
	sleep(8);
	kill(0, SIGTERM);
}

static void do_itimers(void)
{
	signal(SIGALRM, SIG_IGN);
	struct itimerval i = { { 0, 1 }, { 0, 1 } };
	for (int k = 0; k < (held_size ? held_size : 100); k++)
		if (!fork()) {
			setitimer(ITIMER_REAL, &i, 0);
			pause();
		}
	sleep(2);
	kill(0, SIGTERM);
}

static void do_ptes1(void)
{
	long N = held_size ? held_size : 15000;
	if (!fork()) {
		char *a = mmap(0, 1l << 45, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		volatile char c;
		for (long i = 0; i < N; i++)
			c = a[i << 30 >> (N > 16000 ? 6 : 0) & ((1l << 45) - 1)];
		shared->ready = 1;
		usleep(50000);
		_exit(0);
	}
	wait(0);
	usleep(20000);
}

#define FILLER 'X' /* which tools/bench-held drops: a line of a gigabyte is too much for its pattern */

static void do_console(void)
{
	char *b = malloc(16 * MB);
	memset(b, FILLER, 16 * MB);
	for (int i = 0; i < 20; i++)
		write(1, b, 16 * MB);
}

static void do_sigkillall(void)
{
	for (int k = 0; k < 800; k++)
		if (!fork()) {
			signal(SIGUSR1, ignore);
			for (;;)
				pause();
		}
	usleep(300000);
	for (int i = 0; i < 20; i++) {
		kill(0, SIGCONT);
		kill(-1, SIGUSR2 - 2 + 0);
		usleep(20000);
	}
	kill(0, SIGSTOP);
}

static void do_massexit(void)
{
	int N = held_size ? held_size : 300;
	for (int k = 0; k < N; k++)
		if (!fork()) {
			char *m = mmap(0, 400 * 1024, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			memset(m, 1, 400 * 1024);
			shared->ready++;
			pause();
			_exit(0);
		}
	while (shared->ready < N)
		usleep(10000);
	usleep(100000);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	usleep(300000);
}

static void do_console_v(void)
{
	char *b = malloc(16 * MB);
	memset(b, FILLER, 16 * MB);
	struct iovec v[64];
	for (int i = 0; i < 64; i++)
		v[i] = (struct iovec){ b, 16 * MB };
	writev(1, v, 64);
}

const struct held_case held_cases[] = {
	{ "sendfile_urandom", do_sendfile_urandom },
	{ "sendfile_zero", do_sendfile_zero },
	{ "sendfile_sparse", do_sendfile_sparse },
	{ "copy_sparse", do_copy_sparse },
	{ "read_urandom", do_read_urandom },
	{ "getrandom", do_getrandom },
	{ "readv_zero", do_readv_zero },
	{ "readv_sparse", do_readv_sparse },
	{ "writev_same", do_writev_same },
	{ "fallocate", do_fallocate },
	{ "bigfile", do_bigfile },
	{ "bigfork", do_bigfork },
	{ "populate", do_populate },
	{ "hugerange", do_hugerange },
	{ "seek", do_seek },
	{ "scatter", do_scatter },
	{ "regions", do_regions },
	{ "regions_fork", do_regions_fork },
	{ "locks", do_locks },
	{ "poll", do_poll },
	{ "signals", do_signals },
	{ "timers", do_timers },
	{ "timers_sig", do_timers_sig },
	{ "itimer", do_itimer },
	{ "bigdir", do_bigdir },
	{ "forkbomb", do_forkbomb },
	{ "threads", do_threads },
	{ "execstorm", do_execstorm },
	{ "execargs", do_execargs },
	{ "futex", do_futex },
	{ "procstorm", do_procstorm },
	{ "deepwalk", do_deepwalk },
	{ "symlinks", do_symlinks },
	{ "spin", do_spin },
	{ "writehuge", do_writehuge },
	{ "bigmem", do_bigmem },
	{ "sharedcut", do_sharedcut },
	{ "ptes", do_ptes },
	{ "itimers", do_itimers },
	{ "ptes1", do_ptes1 },
	{ "console", do_console },
	{ "sigkillall", do_sigkillall },
	{ "massexit", do_massexit },
	{ "console_v", do_console_v },
	{ 0 },
};

/*
 * What the simulator may still do when it is confined (hal/hosted/confine.c): each try in a process of its own, which is
 * confined, does one thing, and ends or is ended. tests/support/intrude.c tries more, in the simulator itself.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <hal/hosted/hosted.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MISSES_FILES   1 /* host_confine_missing() */
#define MISSES_NETWORK 2
#define MISSES_SIGNALS 4
#define MISSES_ROOT    8
#define MISSES_CALLS   64

EXO_NORETURN void libos_start(const struct exo_boot *boot);
void libos_start(const struct exo_boot *boot)
{
	(void)boot;
	hal_halt(1);
}

TestSuite(confine, .timeout = 60);

static pid_t pid, sibling;

/* A process that only waits. */
static pid_t sleeper(void)
{
	pid_t made = fork();

	if (made == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return made;
}

static void confine(void)
{
	host_confine_allow(SYS_read, 0);
	host_confine_start(NULL, 0);
	sibling = sleeper(); /* as the zygote is made */
	host_confine_rights();
	host_confine_calls();
}

/* True: this is a new process, in which something is tried. */
static bool begin(void)
{
	pid = fork();
	return pid == 0;
}

/* ASan looks at the stacks before a function that does not return, by a system call; so this one may return. */
static void finish(long got, long wanted)
{
	if (got < 0)
		got = -errno;
	if (got != wanted)
		dprintf(STDERR_FILENO, "got %ld, wanted %ld\n", got, wanted);
	if (sibling > 0)
		kill(sibling, SIGKILL);
	syscall(SYS_exit_group, got == wanted ? 0 : 1);
}

/* Its status, or the signal that ended it. */
static int end(void)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* A confined process does this: the call gives that, or -errno; it is ended. */
#define GIVES(wanted, ...)                                     \
	do {                                                   \
		if (begin()) {                                 \
			confine();                             \
			finish((long)(__VA_ARGS__), (wanted)); \
		}                                              \
		cr_expect_eq(end(), 0, #__VA_ARGS__);          \
	} while (0)
#define DIES(...)                                          \
	do {                                               \
		if (begin()) {                             \
			confine();                         \
			finish((long)(__VA_ARGS__), 0);    \
		}                                          \
		cr_expect_eq(end(), SIGSYS, #__VA_ARGS__); \
	} while (0)

/* Is the layer there on this host? */
static bool has(int layers)
{
	if (begin()) {
		confine();
		finish((host_confine_missing() & layers) != 0, 0);
	}
	return end() == 0;
}

Test(confine, all_layers_or_the_host_says_why)
{
	if (begin()) {
		confine();
		/* Of a filter there is nothing to be without: zones need it. */
		finish(host_confine_missing() & MISSES_CALLS, 0);
	}
	cr_assert_eq(end(), 0);
}

Test(confine, not_started_is_not_confined)
{
	if (begin()) {
		host_confine_calls();
		finish(host_confine_missing() == 127 && open("/dev/null", O_RDONLY) >= 0, 1);
	}
	cr_assert_eq(end(), 0);
}

Test(confine, descriptors_that_were_named)
{
	char byte;

	cr_assert_eq(dup2(open("/dev/null", O_RDWR), 0), 0);
	cr_assert_eq(dup2(0, 100), 100);
	GIVES(0, read(0, &byte, 1));
	GIVES(1, write(2, "", 1));
	DIES(read(100, &byte, 1));
	DIES(write(100, "", 1));
	DIES(write(0, "", 1));
	DIES(pread(0, &byte, 1, 0));
	DIES(fcntl(0, F_DUPFD, 0));
	DIES(dup(0));
}

/* The low half is what the host looks at. */
Test(confine, high_halves_of_arguments)
{
	char byte;

	cr_assert_eq(dup2(open("/dev/null", O_RDWR), 0), 0);
	GIVES(0, syscall(SYS_read, UINT64_C(7) << 32, &byte, 1));
	DIES(syscall(SYS_read, UINT64_C(7) << 32 | 100, &byte, 1));
}

static void confine_terminal(void)
{
	host_confine_allow(SYS_ioctl, 0);
	confine();
}

Test(confine, terminal)
{
	static const unsigned long good[] = {TCGETS, TCSETS, TIOCGPGRP, TIOCGWINSZ};
	static const unsigned long bad[] = {TIOCSTI, TIOCSETD, TIOCSCTTY, TIOCNOTTY, TIOCSPGRP, TIOCSWINSZ, 0x541c /* TIOCLINUX */, TIOCCONS, FIONBIO, FIOASYNC};
	struct termios mode;

	cr_assert_eq(dup2(open("/dev/null", O_RDWR), 0), 0);
	for (unsigned i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (begin()) {
			confine_terminal();
			finish(ioctl(0, good[i], &mode), -ENOTTY);
		}
		cr_expect_eq(end(), 0, "request %lx", good[i]);
		DIES(ioctl(0, good[i], &mode)); /* there is no terminal */
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (begin()) {
			confine_terminal();
			finish(ioctl(0, bad[i], &mode), 0);
		}
		cr_expect_eq(end(), SIGSYS, "request %lx", bad[i]);
	}
	if (begin()) {
		confine_terminal();
		finish(ioctl(1, TCGETS, &mode), 0);
	}
	cr_expect_eq(end(), SIGSYS);
}

static long queue(pid_t to, int number)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = number;
	info.si_code = SI_QUEUE;
	return syscall(SYS_rt_tgsigqueueinfo, to, to, number, &info);
}

Test(confine, signals_go_to_our_own)
{
	pid_t stranger = sleeper(), parent = getpid();

	GIVES(0, kill(sibling, SIGKILL));
	GIVES(0, queue(sibling, SIG_PREEMPT));
	DIES(kill(sibling, SIGTERM));
	DIES(kill(sibling, 0));
	DIES(kill(0, SIGKILL));
	DIES(kill(-getpid(), SIGKILL));
	DIES(queue(sibling, SIGTERM));
	DIES(syscall(SYS_tgkill, sibling, sibling, SIGTERM));
	GIVES(0, raise(SIGWINCH));
	if (has(MISSES_SIGNALS)) {
		GIVES(-EPERM, kill(stranger, SIGKILL));
		GIVES(-EPERM, kill(parent, SIGKILL));
		GIVES(-EPERM, queue(stranger, SIG_PREEMPT));
		cr_assert_eq(kill(stranger, 0), 0);
	}
	kill(stranger, SIGKILL);
}

/* Before there is a filter. */
static long tries_file(int folder, int at, const char *path, int flags)
{
	host_confine_start(&folder, folder >= 0);
	return openat(at, path, flags) < 0 ? -1 : 0;
}

#define OPENS(wanted, ...)                                  \
	do {                                                \
		if (begin())                                \
			finish(tries_file(__VA_ARGS__), (wanted)); \
		cr_expect_eq(end(), 0, #__VA_ARGS__);       \
	} while (0)

Test(confine, files_before_the_filter)
{
	int etc = open("/etc", O_RDONLY | O_DIRECTORY), root = open("/", O_RDONLY | O_DIRECTORY);
	char fresh[64]; /* not there from another run, which may have been one of a mutation that lets it be made */

	snprintf(fresh, sizeof(fresh), "/tmp/feuerbird-confine-%d", (int)getpid());
	cr_assert(etc >= 0 && root >= 0);
	if (!has(MISSES_FILES))
		return;
	OPENS(-EACCES, -1, AT_FDCWD, "/etc/passwd", O_RDONLY);
	OPENS(-EACCES, -1, etc, "passwd", O_RDONLY);
	OPENS(-EACCES, -1, AT_FDCWD, "/tmp", O_RDONLY);
	OPENS(0, etc, etc, "passwd", O_RDONLY);
	OPENS(0, etc, AT_FDCWD, "/etc", O_RDONLY);
	OPENS(-EACCES, etc, AT_FDCWD, "/bin", O_RDONLY);
	OPENS(-EACCES, etc, etc, "../bin", O_RDONLY);
	OPENS(0, root, root, "bin", O_RDONLY);
	/* To be read only. */
	OPENS(-EACCES, root, AT_FDCWD, "/dev/null", O_WRONLY);
	OPENS(-EACCES, root, AT_FDCWD, fresh, O_RDONLY | O_CREAT);
}

Test(confine, network_before_the_filter)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 0x901f, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (server < 0 || !has(MISSES_NETWORK))
		return;
	if (begin()) {
		host_confine_start(NULL, 0);
		finish(connect(server, (struct sockaddr *)&to, sizeof(to)), -EACCES);
	}
	cr_expect_eq(end(), 0);
	if (begin()) {
		host_confine_start(NULL, 0);
		finish(bind(server, (struct sockaddr *)&to, sizeof(to)), -EACCES);
	}
	cr_expect_eq(end(), 0);
}

static void confine_rights(void)
{
	host_confine_start(NULL, 0);
	host_confine_rights();
}

static long rights_left(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	long left = syscall(SYS_capget, &header, data);

	for (int i = 0; i < 2; i++)
		left |= data[i].effective | data[i].permitted | data[i].inheritable;
	return left;
}

#define RIGHTS(wanted, ...)                                    \
	do {                                                   \
		if (begin()) {                                 \
			confine_rights();                      \
			finish((long)(__VA_ARGS__), (wanted)); \
		}                                              \
		cr_expect_eq(end(), 0, #__VA_ARGS__);          \
	} while (0)

Test(confine, rights)
{
	RIGHTS(0, rights_left());
	RIGHTS(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	RIGHTS(0, prctl(PR_GET_DUMPABLE));
	/* Nor are there any in a program that root starts. */
	RIGHTS(-EPERM, chroot("/"));
	if (has(MISSES_ROOT)) {
		RIGHTS(-ENOENT, access("/etc", F_OK));
		RIGHTS(-ENOENT, access("/../../../proc", F_OK));
		RIGHTS(-ENOENT, access("../../../etc", F_OK));
	}
}

static void *opens(void *unused)
{
	(void)unused;
	for (;;) {
		usleep(1000);
		if (begin())
			_exit(0);
	}
	return 0;
}

/* All threads are, also those that were there before. */
Test(confine, threads)
{
	pid_t tested = fork();
	int status;

	if (tested == 0) {
		pthread_t thread;

		host_confine_start(NULL, 0);
		host_confine_rights();
		pthread_create(&thread, 0, opens, 0);
		usleep(5000);
		host_confine_calls();
		for (;;)
			sched_yield();
	}
	waitpid(tested, &status, 0);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

Test(confine, what_is_needed_works)
{
	static uint32_t word;
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec moment = {0, 1000};
	cpu_set_t cpus;
	char byte;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	GIVES(0, syscall(SYS_futex, &word, FUTEX_WAKE, 1));
	GIVES(-EAGAIN, syscall(SYS_futex, &word, FUTEX_WAIT, 1, 0));
	GIVES(0, nanosleep(&moment, 0));
	GIVES(0, sched_setaffinity(0, sizeof(cpus), &cpus));
	GIVES(0, madvise(page, 4096, MADV_REMOVE));
	GIVES(1, getrandom(&byte, 1, 0));
	GIVES(0, clock_gettime((clockid_t)((~(unsigned)sibling << 3) | 2), &moment));
	GIVES(0, waitpid(sibling, 0, WNOHANG));
	GIVES(0, signal(SIGTERM, SIG_DFL) == SIG_ERR);
	GIVES(0, alarm(0));
}

Test(confine, memory_and_programs)
{
	char *const none[] = {0};

	DIES(mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	DIES(mprotect((void *)((uintptr_t)&pid & ~(uintptr_t)4095), 4096, PROT_READ | PROT_EXEC));
	DIES(execve("/bin/true", none, none));
	DIES(fork());
	DIES(socket(AF_UNIX, SOCK_STREAM, 0));
	DIES(open("/", O_RDONLY));
	DIES(syscall(SYS_rt_sigaction, SIGSYS, 0, 0, 8));
	DIES(prctl(PR_SET_DUMPABLE, 1));
}

static long by_gate(long number)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

/* Of the other calling conventions none is there; a host that knows no 32-bit programs says so by SIGSEGV. */
Test(confine, other_conventions)
{
	int how;

	DIES(syscall(0x40000000 | SYS_getpid));
	if (begin()) {
		confine();
		finish(by_gate(SYS_getpid), 0); /* there it makes a folder */
	}
	how = end();
	cr_assert(how == SIGSYS || how == SIGSEGV);
}

Test(confine, says_which_call)
{
	int lines[2];
	char text[200] = "";

	cr_assert_eq(pipe(lines), 0);
	if (begin()) {
		dup2(lines[1], STDERR_FILENO);
		confine();
		finish(syscall(SYS_open, 0), 0);
	}
	cr_assert_eq(end(), SIGSYS);
	cr_assert_gt(read(lines[0], text, sizeof(text) - 1), 0);
	cr_assert_str_eq(text, "feuerbird-sim: ended at host call 2, which it never makes after its start\n");
}

/*
 * What the simulator gives up, so that somebody who gets code of his own to run in it, by a mistake of the LibOS or
 * of the core, has gained little. In three steps:
 *   host_confine_start(), before the zygote is made, which inherits it: Landlock. No file may be opened but what is below the
 *     folders of --root and --add, no socket bound or connected, and no process signalled that is not ours.
 *   host_confine_rights(), when all is read and nothing else runs: an empty root, no capabilities, no core dumps.
 *   host_confine_calls(), when all threads are there and before the LibOS looks at its first byte: a seccomp filter. It
 *     allows a list of calls, and where these take a descriptor, those that somebody has named with host_confine_allow().
 *     None of them opens anything, makes a process or a thread, or maps or protects memory.
 * What the host does not know or refuses is left out, and --stats says so.
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* ---- what could not be had ---- */

enum layer { LAYER_FILES, LAYER_NETWORK, LAYER_SIGNALS, LAYER_ROOT, LAYER_RIGHTS, LAYER_DUMPS, LAYER_CALLS, LAYERS };
#define OFF     (-1) /* not done yet */
#define TOO_OLD (-2) /* a Linux before that */

static const char *const layer_names[LAYERS] = {
	[LAYER_FILES] = "files", [LAYER_NETWORK] = "network", [LAYER_SIGNALS] = "signals", [LAYER_ROOT] = "empty root",
	[LAYER_RIGHTS] = "capabilities", [LAYER_DUMPS] = "core dumps", [LAYER_CALLS] = "system calls",
};

static struct {
	bool started;
	int errors[LAYERS]; /* errno; 0: it is there */
	struct {
		int call, fd;
	} allowed[32];
	unsigned allowed_count;
} confine = {.errors = {OFF, OFF, OFF, OFF, OFF, OFF, OFF}};

int host_confine_missing(void)
{
	int missing = 0;

	for (unsigned i = 0; i < LAYERS; i++)
		missing |= confine.errors[i] != 0 ? 1 << i : 0;
	return missing;
}

void host_confine_report(void)
{
	char line[512];
	unsigned i, size;

	if (!confine.started) {
		static const char none[] = "not confined\n";
		hal_log_write(none, sizeof(none) - 1);
		return;
	}
	size = (unsigned)snprintf(line, sizeof(line), "confined:");
	for (i = 0; i < LAYERS; i++)
		if (confine.errors[i] == 0)
			size += (unsigned)snprintf(line + size, sizeof(line) - size, " %s,", layer_names[i]);
	line[size - 1] = '\n';
	hal_log_write(line, size);
	for (i = 0; i < LAYERS; i++) {
		int error = confine.errors[i];

		if (error == 0)
			continue;
		size = (unsigned)snprintf(line, sizeof(line), "not confined: %s: %s\n", layer_names[i],
		                          error == TOO_OLD ? "this Linux is too old" : strerror(error));
		hal_log_write(line, size);
	}
}

/* ---- Landlock ---- */

/* Of linux/landlock.h, which may be older than the kernel: what each version of it can refuse. */
#define LANDLOCK_VERSION    1 /* flag: tells the version */
#define RULE_PATH_BENEATH   1
#define FILES_1             UINT64_C(0x1fff)
#define FILES_REFER         UINT64_C(0x2000) /* from 2 */
#define FILES_TRUNCATE      UINT64_C(0x4000) /* from 3 */
#define FILES_IOCTL_DEV     UINT64_C(0x8000) /* from 5 */
#define FILES_READ          UINT64_C(0x000c) /* files, folders */
#define NETWORK_TCP         UINT64_C(0x0003) /* from 4 */
#define SCOPE_ABSTRACT_UNIX UINT64_C(0x0001) /* from 6 */
#define SCOPE_SIGNAL        UINT64_C(0x0002) /* from 6 */

struct landlock_ruleset {
	uint64_t files, network, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static struct landlock_ruleset ruleset_of(long version, size_t *size)
{
	struct landlock_ruleset rules = {.files = FILES_1};

	*size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	rules.files |= (version >= 2 ? FILES_REFER : 0) | (version >= 3 ? FILES_TRUNCATE : 0) | (version >= 5 ? FILES_IOCTL_DEV : 0);
	if (version >= 4)
		rules.network = NETWORK_TCP;
	if (version >= 6)
		rules.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return rules;
}

/* Returns errno. */
static int restrict_reach(long version, const int *folders, unsigned count)
{
	size_t size;
	struct landlock_ruleset rules = ruleset_of(version, &size);
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0), error = 0;

	if (fd < 0)
		return errno;
	for (unsigned i = 0; i < count && error == 0; i++) {
		struct landlock_beneath beneath = {FILES_READ, folders[i]};

		if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &beneath, 0) != 0)
			error = errno;
	}
	if (error == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		error = errno;
	close(fd);
	return error;
}

void host_confine_start(const int *folders, unsigned count)
{
	long version = syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_VERSION);
	int error = version < 0 ? errno : 0;

	confine.started = true;
	/* Without it neither Landlock nor a filter is for everybody. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		error = errno;
	if (error == 0)
		error = restrict_reach(version, folders, count);
	confine.errors[LAYER_FILES] = error;
	confine.errors[LAYER_NETWORK] = error ? error : version < 4 ? TOO_OLD : 0;
	confine.errors[LAYER_SIGNALS] = error ? error : version < 6 ? TOO_OLD : 0;
}

/* ---- rights ---- */

/* Ours of /proc, so that it holds nothing of anybody else; and nobody without capabilities leaves a root. */
static int empty_root(void)
{
	static const char folder[] = "/proc/self/fdinfo";

	/* Root may do it; others in a user namespace of their own. */
	if (chroot(folder) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(folder) != 0))
		return errno;
	return chdir("/") == 0 ? 0 : errno;
}

static int give_up_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

void host_confine_rights(void)
{
	confine.errors[LAYER_ROOT] = empty_root();
	confine.errors[LAYER_RIGHTS] = give_up_capabilities();
	/* Nobody of our user id looks in either. */
	confine.errors[LAYER_DUMPS] = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

/* ---- system calls ---- */

#define CODE_MAX 256
#define BY_SECCOMP 1 /* SYS_SECCOMP of the kernel: si_code of a SIGSYS that a filter made */

/* Of an argument its low half, which is all that the host looks at where we test it. */
struct range {
	uint32_t first, last;
};
struct test {
	unsigned argument;
	const struct range *ranges;
	unsigned count;
};

static struct {
	struct sock_filter code[CODE_MAX];
	unsigned size;
} filter;

void host_confine_allow(int call, int fd)
{
	if (confine.allowed_count == sizeof(confine.allowed) / sizeof(*confine.allowed))
		hal_panic("too many descriptors for the filter");
	confine.allowed[confine.allowed_count].call = call;
	confine.allowed[confine.allowed_count++].fd = fd;
}

static void emit(uint16_t code, uint32_t value, unsigned yes, unsigned no)
{
	if (filter.size == CODE_MAX || yes > UINT8_MAX || no > UINT8_MAX)
		hal_panic("the filter is too long");
	filter.code[filter.size++] = (struct sock_filter){code, (uint8_t)yes, (uint8_t)no, value};
}

static void emit_return(uint32_t verdict)
{
	emit(BPF_RET | BPF_K, verdict, 0, 0);
}

/* Instructions that look for one of these ranges. */
static unsigned size_of(const struct range *ranges, unsigned count)
{
	unsigned size = 0;

	for (unsigned i = 0; i < count; i++)
		size += ranges[i].first == ranges[i].last ? 1 : 2;
	return size;
}

/* Goes on behind it if the argument is in one of the ranges. */
static void emit_test(const struct test *test)
{
	emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * test->argument), 0, 0);
	for (unsigned i = 0; i < test->count; i++) {
		const struct range *range = &test->ranges[i];
		unsigned out = size_of(range + 1, test->count - i - 1) + 1;

		if (range->first == range->last) {
			emit(BPF_JMP | BPF_JEQ | BPF_K, range->first, out, 0);
		} else {
			emit(BPF_JMP | BPF_JGE | BPF_K, range->first, 0, 1);
			emit(BPF_JMP | BPF_JGT | BPF_K, range->last, 0, out);
		}
	}
	emit_return(SECCOMP_RET_TRAP);
}

static void emit_call(int call, const struct test *tests, unsigned count)
{
	unsigned size = 1;

	for (unsigned i = 0; i < count; i++)
		size += size_of(tests[i].ranges, tests[i].count) + 2;
	emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, size);
	for (unsigned i = 0; i < count; i++)
		emit_test(&tests[i]);
	emit_return(SECCOMP_RET_ALLOW);
}

/* With the descriptors that were named for it, and this test besides. */
static void emit_descriptors(int call, const struct test *besides)
{
	struct range ranges[sizeof(confine.allowed) / sizeof(*confine.allowed)];
	struct test tests[2] = {{.argument = 0, .ranges = ranges}};

	for (unsigned i = 0; i < confine.allowed_count; i++)
		if (confine.allowed[i].call == call)
			ranges[tests[0].count++] = (struct range){(uint32_t)confine.allowed[i].fd, (uint32_t)confine.allowed[i].fd};
	if (besides)
		tests[1] = *besides;
	if (tests[0].count)
		emit_call(call, tests, besides ? 2 : 1);
}

#define ONLY(value)        {(value), (value)}
#define TEST(number, list) {.argument = (number), .ranges = (list), .count = sizeof(list) / sizeof(*(list))}

/* The most frequent ones come first. */
static void emit_tested(void)
{
	static const struct range futex_ops[] = {
		ONLY(FUTEX_WAKE), ONLY(FUTEX_WAIT), ONLY(FUTEX_CMP_REQUEUE), ONLY(FUTEX_WAKE_PRIVATE), ONLY(FUTEX_WAIT_PRIVATE),
		ONLY(FUTEX_WAIT_BITSET_PRIVATE), ONLY(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME),
	};
	static const struct range one_process[] = {{1, INT32_MAX}}, preemption[] = {ONLY(SIG_PREEMPT)}, death[] = {ONLY(SIGKILL)};
	static const struct range no_cage[] = {{1, SIGSYS - 1}, {SIGSYS + 1, NSIG - 1}}, myself[] = {ONLY(0)}, removal[] = {ONLY(MADV_REMOVE)};
	const struct range own[] = {ONLY((uint32_t)getpid())};
	const struct test futex = TEST(1, futex_ops), queue[] = {TEST(0, one_process), TEST(2, preemption)};
	const struct test kill[] = {TEST(0, one_process), TEST(1, death)}, thread = TEST(0, own), action = TEST(0, no_cage);
	const struct test affinity = TEST(0, myself), advice = TEST(2, removal);

	emit_call(SYS_futex, &futex, 1);
	emit_call(SYS_rt_tgsigqueueinfo, queue, 2);
	emit_call(SYS_tgkill, &thread, 1);
	emit_call(SYS_kill, kill, 2);
	emit_call(SYS_rt_sigaction, &action, 1);
	emit_call(SYS_sched_setaffinity, &affinity, 1);
	emit_call(SYS_madvise, &advice, 1);
}

/* Where the descriptor is the first argument. Not TIOCSTI, which would type at whoever started us. */
static void emit_with_descriptors(void)
{
	/* The second and fourth are TCGETS2 and TCSETS2, which newer C libraries use. */
	static const struct range terminal[] = {
		ONLY(TCGETS), ONLY(0x802c542a), ONLY(TCSETS), ONLY(0x402c542b), ONLY(TIOCGPGRP), ONLY(TIOCGWINSZ),
	};
	const struct test request = TEST(1, terminal);

	emit_descriptors(SYS_read, 0);
	emit_descriptors(SYS_write, 0);
	emit_descriptors(SYS_writev, 0);
	emit_descriptors(SYS_recvfrom, 0);
	emit_descriptors(SYS_pread64, 0);
	emit_descriptors(SYS_pwrite64, 0);
	emit_descriptors(SYS_fdatasync, 0);
	emit_descriptors(SYS_ioctl, &request);
}

/* Those where no argument matters; the host remembers them, and runs no filter for them. */
static void emit_plain(void)
{
	static const int plain[] = {
		SYS_clock_gettime, SYS_ppoll, SYS_poll, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_restart_syscall, SYS_waitid, SYS_wait4,
		SYS_getrusage, SYS_nanosleep, SYS_clock_nanosleep, SYS_sched_yield, SYS_getrandom, SYS_getpid, SYS_gettid, SYS_getpgrp,
		SYS_getpgid, SYS_alarm, SYS_membarrier, SYS_exit_group,
	};
	unsigned left = sizeof(plain) / sizeof(*plain);

	for (unsigned i = 0; left-- > 0; i++)
		emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)plain[i], left + 1, 0);
	emit_return(SECCOMP_RET_TRAP);
	emit_return(SECCOMP_RET_ALLOW);
}

static void build_filter(void)
{
	filter.size = 0;
	emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit_return(SECCOMP_RET_KILL_PROCESS);
	emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	emit_tested();
	emit_with_descriptors();
	emit_plain();
}

/* Ends us; whoever made that call is not to be trusted to go on. */
static void on_forbidden(int number, siginfo_t *info, void *context)
{
	char line[128];
	int size;

	(void)context;
	host_console_stop();
	host_zones_end();
	if (info->si_code == BY_SECCOMP) {
		size = snprintf(line, sizeof(line), "feuerbird-sim: ended at host call %d, which it never makes after its start\n",
		                info->si_syscall);
		(void)!write(STDERR_FILENO, line, (size_t)size);
	}
	raise(number); /* SA_RESETHAND: this time it kills */
}

void host_confine_calls(void)
{
	struct sigaction action = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO | SA_RESETHAND};
	struct sock_fprog program;
	long result;

	if (!confine.started)
		return;
	sigfillset(&action.sa_mask);
	sigaction(SIGSYS, &action, 0);
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		host_confine_allow(SYS_write, fd);
		host_confine_allow(SYS_writev, fd); /* the C library's messages, and addresses of a panic */
	}
	build_filter();
	program = (struct sock_fprog){(unsigned short)filter.size, filter.code};
	/* SPEC_ALLOW: an older Linux makes all that is filtered slower, which is of no use for code that is trusted. */
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	confine.errors[LAYER_CALLS] = result < 0 ? errno : result > 0 ? ESRCH : 0; /* more: a thread that has it not */
}

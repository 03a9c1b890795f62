/*
 * differ-guest: makes sequences of system calls from seeds, runs each in a process and a folder of its own, and
 * prints what came of it: per job a hash, with -v a line per call.
 *
 *   differ-guest [-v] KIND    standard input: lines "SEED MASK"; bit I of MASK: call I of the sequence is made
 *
 * The same static program runs natively and in the simulator, so that static addresses are the same. All that may
 * differ between two good systems (addresses that the system chooses, process numbers, times, inode numbers) is
 * replaced by rule before it is hashed, in memory too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <dirent.h>
#include <time.h>
#include <unistd.h>


#define CALLS  32 /* in a sequence: a bit of the mask each */
#define WINDOW UINT64_C(0x1000000000)
#define PAGE   UINT64_C(4096)
#define ARENA  16384
#define LOG    (1 << 18)

struct arg {
	uint64_t value;
	char text[28];
};
struct op {
	const struct row *row;
	struct arg args[6];
	int count; /* a block's calls */
};
struct log {
	size_t used;
	volatile int at; /* the call under way */
	int pids[32], pid_count;
	char text[LOG];
};

static struct log *shared;
static struct op ops[CALLS];
static uint64_t state;
static uint32_t mask;
static int verbose;
/* What calls fill, between two pages that are not there. */
static uint8_t *arena, before[ARENA];
static sigjmp_buf fault_jump;
static volatile int fault_caught;

static void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (shared->used < LOG - 600)
		shared->used += (size_t)vsnprintf(shared->text + shared->used, 512, format, list);
	va_end(list);
}

static uint64_t hash_of(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	while (size--)
		hash = (hash ^ *at++) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t any(uint64_t limit)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % limit;
}

/* ---- arguments ---- */

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
static char long_name[257], long_path[4200];
static const char *const paths[] = {"f", "d", "d/g", "l", "dl", "dl/g", "loop", "p", "h", "x", "y", "d/x", "d/y", "f/x", "", ".", "..", "/",
	"none/x", long_name, long_path, "dl/", "f/", "x/", "d/.", "d/..", "l/", "dangle", "f", "x", "d/x", "y",
	"/dev/null", "/dev/zero"}; /* these two are the host's own natively, and only opened */
static const uint64_t bad_pointers[] = {0, 8, UINT64_MAX, UINT64_C(0x800000000000), UINT64_C(0xffffffff81000000), UINT64_C(0x7ffffffff000)};
static const uint64_t sizes[] = {0, 1, 2, 7, 8, 16, 100, 4095, 4096, 4097, 8192, UINT64_MAX, INT32_MAX, UINT64_C(0x80000000), INT64_MAX};
static const uint64_t offsets[] = {0, 1, 10, 4095, 4096, 5000, 10000, UINT64_MAX, UINT64_C(0x8000000000000000), INT64_MAX, INT32_MAX, UINT64_C(-4096)};
static const uint64_t ints[] = {0, 1, 2, 3, UINT64_MAX, INT32_MAX, UINT64_C(0x80000000), 64, 65, 1000, UINT32_MAX, UINT64_C(0x100000001)};
static const uint64_t lengths[] = {0, 1, 4096, 8192, 12288, 16384, 4097, 65536, UINT64_MAX, UINT64_C(0x800000000000), UINT64_MAX - 4095};
static const struct timespec times[] = {{0, 0}, {0, 1}, {-1, 0}, {0, -1}, {0, 1000000000}, {0, UTIME_NOW}, {0, UTIME_OMIT}, {1, 999999999}, {1000, 5}};
#include "differ.h"

static struct timespec time_pairs[6][2] = {{{1, 2}, {3, 4}}, {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, {{0, UTIME_OMIT}, {5, 6}},
	{{1, 1000000000}, {2, 0}}, {{-5, 0}, {7, -1}}, {{8, 0}, {9, UTIME_OMIT}}};
static struct itimerspec timers[] = {{{0, 0}, {0, 0}}, {{0, 0}, {100000, 0}}, {{5, 0}, {100000, 0}}, {{0, 0}, {0, 1000000000}}, {{-1, 0}, {1000, 0}}, {{0, -1}, {0, 0}}};
static struct itimerval itimers[] = {{{0, 0}, {0, 0}}, {{0, 0}, {100000, 0}}, {{5, 0}, {100000, 0}}, {{0, 0}, {0, 1000000}}, {{-1, 0}, {1000, 0}}};
static struct rlimit limits[] = {{64, 64}, {64, 1024}, {2, 1}, {20, 1024}, {RLIM_INFINITY, RLIM_INFINITY}, {5000, RLIM_INFINITY}};
static struct iovec vectors[8];
static uint64_t sets[] = {0, 1 << 9, 1 << 11, 1 << 9 | 1 << 11, UINT64_C(1) << 33, UINT64_C(0xffffffffff), 1 << 16};
static struct { void *handler; uint64_t flags; void *restorer; uint64_t mask; } actions[8];
static siginfo_t infos[3];
static stack_t stacks[5];
static struct sigevent events[5];
static uint32_t words[4] __attribute__((aligned(16)));
static const struct flock file_locks[] = {{F_RDLCK, SEEK_SET, 0, 0, 0}, {F_WRLCK, SEEK_SET, 5, 5, 0}, {F_UNLCK, SEEK_SET, 0, 0, 0}, {F_WRLCK, SEEK_END, -1, 1, 0}, {9, SEEK_SET, 0, 0, 0}, {F_RDLCK, 7, 0, 0, 0},
	{F_WRLCK, SEEK_SET, -1, 1, 0}, {F_WRLCK, SEEK_SET, 5, -3, 0}};
static const char *const vector_of_strings[] = {"a", "b", NULL};
static struct { int fd; short events, revents; } polls[][2] = {{{3, 1, 0}, {4, 4, 0}}, {{-1, 1, 0}, {99, 5, 9}}, {{5, 0x7fff, 0}, {3, 0, 0}}};
static struct { uint32_t version; int pid; } cap_headers[] = {{0x20080522, 0}, {0x19980330, 0}, {0x20071026, 0}, {7, 0}, {0x20080522, -1}, {0x20080522, 4000000}};
static const uint32_t cap_sets[][6] = {{0}, {1, 1, 0}, {0xffffffff, 0xffffffff, 0, 0x1ff, 0x1ff, 0}, {2, 1, 0}, {0xffffffff, 0xffffffff, 0xffffffff, 0x1ff, 0x1ff, 0x1ff}};

static void set(struct arg *arg, uint64_t value, const char *format, ...)
{
	va_list list;

	arg->value = value;
	va_start(list, format);
	vsnprintf(arg->text, sizeof(arg->text), format, list);
	va_end(list);
}

#define PICK(a)        ((a)[any(LEN(a))])
#define ELEMENT(array) do { size_t i_ = any(LEN(array)); set(arg, (uintptr_t)&(array)[i_], "&" #array "[%zu]", i_); } while (0)

static void number(struct arg *arg, uint64_t value)
{
	set(arg, value, value > UINT64_MAX - 9999 || value < 9 ? "%lld" : "0x%llx", (long long)value);
}

/* One letter of a row: see differ.h. */
static void argument(struct arg *arg, char letter)
{
	const struct choice *choice;
	size_t i;

	if (strchr("p+bTUtIvSakwegLEqCc", letter) && !any(12)) {
		number(arg, PICK(bad_pointers));
		return;
	}
	switch (letter) {
	case 'f':
		number(arg, any(8) ? 3 + any(6) : any(3) ? any(3) : PICK(ints));
		break;
	case 'd':
		number(arg, any(3) ? UINT64_C(-100) : any(2) ? 3 + any(5) : PICK(ints));
		break;
	case '+':
	case 'p':
		i = any(LEN(paths) - (letter == 'p' ? 2 : 0));
		set(arg, (uintptr_t)paths[i], strlen(paths[i]) > 20 ? "LONG%zu" : "\"%s\"", strlen(paths[i]) > 20 ? (uintptr_t)strlen(paths[i]) : (uintptr_t)paths[i]);
		break;
	case 'b':
		i = any(6) ? any(16) * 64 : any(2) ? ARENA - any(64) : any(ARENA);
		set(arg, (uintptr_t)arena + i, "arena+%zu", i);
		break;
	case 'n': number(arg, any(3) ? sizes[any(11)] : PICK(sizes)); break;
	case 'o': number(arg, any(3) ? offsets[any(7)] : PICK(offsets)); break;
	case 'i': number(arg, any(2) ? any(4) : PICK(ints)); break;
	case 'm': number(arg, any(4) ? (any(2) ? 0644 : any(010000)) : PICK(ints)); break;
	case 'u': number(arg, any(2) ? any(2) * 1000 : any(2) ? UINT64_MAX : 65534); break;
	case 's':
		number(arg, any(4) ? (uint64_t[]){10, 12, 34, 35, 13}[any(5)] : (uint64_t[]){0, 64, 65, UINT64_MAX, 17, 18, 23}[any(7)]);
		break;
	case 'W':
		i = any(10) ? any(16) * PAGE + (any(8) ? 0 : any(PAGE)) : 0;
		set(arg, WINDOW + i, "W+0x%zx", i);
		if (!any(12))
			number(arg, (uint64_t[]){UINT64_MAX - 4095, UINT64_C(0x7ffffffff000), UINT64_C(0x800000000000), UINT64_MAX}[any(4)]);
		break;
	case 'l': number(arg, any(6) ? lengths[1 + any(5)] : PICK(lengths)); break;
	case 'T': ELEMENT(times); break;
	case 'U': ELEMENT(time_pairs); break;
	case 't': ELEMENT(timers); break;
	case 'I': ELEMENT(itimers); break;
	case 'v': i = any(4); set(arg, (uintptr_t)&vectors[i], "&vectors[%zu]", i); break;
	case 'S': ELEMENT(sets); break;
	case 'a': ELEMENT(actions); break;
	case 'k': ELEMENT(stacks); break;
	case 'w': i = any(LEN(words) * 4); i = any(8) ? i & ~3u : i; set(arg, (uintptr_t)words + i, "words+%zu", i); break;
	case 'e': ELEMENT(events); break;
	case 'g': ELEMENT(limits); break;
	case 'L': ELEMENT(file_locks); break;
	case 'E': set(arg, (uintptr_t)vector_of_strings, "strings"); break;
	case 'q': ELEMENT(infos); break;
	case 'P': ELEMENT(polls); break;
	case 'C': ELEMENT(cap_headers); break;
	case 'c': ELEMENT(cap_sets); break;
	case '@': set(arg, 0, "self"); break; /* filled in when it is made */
	case 'Z': number(arg, 8); if (!any(10)) number(arg, PICK(ints)); break;
	case '0': number(arg, 0); break;
	default:
		for (choice = choices; choice->letter && choice->letter != letter; choice++)
			;
		if (!choice->letter) {
			fprintf(stderr, "no letter %c\n", letter);
			exit(3);
		}
		i = any(choice->count + (letter != '!' && !any(8)));
		number(arg, i < choice->count ? choice->values[i] : PICK(ints));
		if (choice->mixed && any(2))
			number(arg, arg->value | choice->values[any(choice->count)]);
		break;
	}
}

static void sequence(const char *kinds)
{
	for (int i = 0; i < CALLS; i++) {
		const struct row *row;

		do
			row = &rows[any(row_count)];
		while (!strchr(kinds, row->kind) && !strchr(kinds, '*'));
		ops[i].row = row;
		for (size_t j = 0; row->args[j]; j++)
			argument(&ops[i].args[j], row->args[j]);
		ops[i].count = 1 + (int)any(5);
	}
}

/* ---- what happens ---- */

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if ((sig == SIGSEGV || sig == SIGBUS) && info->si_code > 0) {
		fault_caught = sig << 8 | info->si_code;
		siglongjmp(fault_jump, 1);
	}
	say("  signal %d code %d", sig, info->si_code);
	if (info->si_code == SI_QUEUE)
		say(" value %d", info->si_value.sival_int);
	say("\n");
}

static void touch(const struct op *op)
{
	volatile uint8_t *at = (void *)op->args[0].value;

	fault_caught = 0;
	if (!sigsetjmp(fault_jump, 1)) {
		if (op->args[1].value & 1)
			*at = (uint8_t)op->args[1].value;
		say("%d", *at);
	} else {
		say("fault %d code %d", fault_caught >> 8, fault_caught & 255);
	}
}

static void arena_clear(uint64_t address, uint64_t size)
{
	uint64_t left = (uintptr_t)arena + ARENA - address;

	if (address - (uintptr_t)arena < ARENA)
		memset((void *)address, 0, left < size ? left : size);
}

/* Times, numbers of inodes and devices: gone before they are hashed. */
static void mask_out(const struct row *row, uint64_t *args, long result)
{
	int at = row->out & 7;

	/* How much of what is told is copied before the page ends is nobody's promise, nor, of mincore, before the first hole. */
	if (result < 0 && (errno == EFAULT || row->nr == SYS_mincore))
		for (int i = 0; i < 6; i++)
			arena_clear(args[i], 256);
	if (result < 0 || !row->out || !args[at])
		return;
	if (row->out & OUT_ZERO)
		memset((void *)args[at], 0, row->out >> 8);
	if (row->out & OUT_STAT) {
		struct stat *st = (void *)args[at];

		st->st_dev = st->st_ino = 0;
		if (S_ISDIR(st->st_mode))
			st->st_size = st->st_blocks = 0;
		memset(&st->st_atim, 0, 3 * sizeof(st->st_atim));
	}
	if (row->out & OUT_DENTS) /* their order and numbers are the file system's own; behind them lies what did not fit */
		arena_clear(args[at], args[at + 1]);
}

static int pid_number(long pid)
{
	for (int i = 0; i < shared->pid_count; i++)
		if (shared->pids[i] == pid)
			return i;
	return -1;
}

static void memory_say(void)
{
	if (!memcmp(arena, before, ARENA))
		return;
	say(" mem %016llx", (unsigned long long)hash_of(arena, ARENA));
	if (verbose)
		for (int i = 0, shown = 0; i < ARENA && shown < 6; i += 8)
			if (memcmp(arena + i, before + i, 8))
				say(" +%d:%llx", i, *(unsigned long long *)(arena + i)), shown++;
	memcpy(before, arena, ARENA);
}

static void run(int from, int to);

static void *thread_main(void *user)
{
	int *range = user;

	run(range[0], range[1]);
	return NULL;
}

static void block(int i, int end)
{
	int range[2] = {i + 1, end}, status = 0;
	pthread_t thread;
	long pid;

	if (ops[i].row->nr == DO_THREAD) {
		say("thread {\n");
		if (pthread_create(&thread, NULL, thread_main, range))
			say("no thread\n");
		else
			pthread_join(thread, NULL);
		say("}\n");
		return;
	}
	say("fork {\n");
	pid = syscall(SYS_fork);
	if (!pid) {
		run(i + 1, end);
		_exit(i);
	}
	if (pid < 0) {
		say("no fork: %d\n}\n", errno);
		return;
	}
	if (shared->pid_count < 32)
		shared->pids[shared->pid_count++] = (int)pid;
	while (syscall(SYS_wait4, pid, &status, 0, 0) < 0 && errno == EINTR)
		;
	say("} %x\n", status);
}

static void call(int i)
{
	const struct op *op = &ops[i];
	uint64_t args[6] = {0};
	long result;

	for (int j = 0; j < 6; j++)
		args[j] = op->args[j].value;
	for (int j = 0; op->row->args[j]; j++)
		if (op->row->args[j] == '@')
			args[j] = (uint64_t)syscall(op->row->nr == SYS_tkill ? SYS_gettid : SYS_getpid);
	say("%d %s", i, op->row->name);
	if (verbose) {
		say("(");
		for (int j = 0; op->row->args[j]; j++)
			say("%s%s", j ? ", " : "", op->args[j].text);
		say(")");
	}
	say(" = ");
	if (op->row->nr == DO_TOUCH) {
		touch(op);
	} else {
		errno = 0;
		result = syscall(op->row->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		mask_out(op->row, args, result);
		if (result < 0)
			say("-%s", strerror(errno));
		else if (op->row->result == 'p')
			say("pid %d", pid_number(result));
		else if (op->row->result == 'x')
			say("good");
		else if (op->row->result == 'a' && !((uint64_t)result - WINDOW < 0x100000))
			say("elsewhere");
		else
			say("%lx", result);
	}
	memory_say();
	say("\n");
}

static void run(int from, int to)
{
	for (int i = from; i < to; i++) {
		int end = i + 1 + ops[i].count < to ? i + 1 + ops[i].count : to;

		if (!(mask >> i & 1))
			continue;
		shared->at = i;
		if (ops[i].row->nr == DO_FORK || ops[i].row->nr == DO_THREAD) {
			block(i, end);
			i = end - 1;
		} else {
			call(i);
		}
	}
}

/* ---- a job ---- */

static void tables_fill(void)
{
	memset(long_name, 'n', 256);
	for (int i = 0; i < 4190; i += 2)
		memcpy(long_path + i, "./", 2);
	for (size_t i = 0; i < LEN(vectors); i++)
		vectors[i] = (struct iovec){arena + 512 * i, i == 3 ? 5000 : i * 7};
	vectors[6].iov_len = SIZE_MAX;
	vectors[7].iov_base = (void *)8;
	for (size_t i = 0; i < LEN(actions); i++) {
		actions[i].handler = i == 0 ? SIG_DFL : i == 1 ? SIG_IGN : (void *)handler;
		actions[i].flags = SA_SIGINFO | (i & 1 ? SA_RESTART : 0) | (i == 4 ? SA_RESETHAND : 0) | (i == 5 ? SA_NODEFER : 0) |
			(i == 6 ? SA_ONSTACK : 0);
		actions[i].mask = i == 7 ? ~UINT64_C(0) : 0;
	}
	for (int i = 0; i < 3; i++)
		infos[i] = (siginfo_t){.si_signo = i, .si_code = i == 0 ? SI_QUEUE : i == 1 ? SI_USER : 7, .si_value.sival_int = 42 + i};
	stacks[0] = (stack_t){.ss_flags = SS_DISABLE};
	stacks[1] = (stack_t){.ss_sp = (void *)(WINDOW + 0x200000), .ss_size = 65536};
	stacks[2] = (stack_t){.ss_sp = (void *)(WINDOW + 0x200000), .ss_size = 100};
	stacks[3] = (stack_t){.ss_sp = (void *)(WINDOW + 0x200000), .ss_size = 65536, .ss_flags = 77};
	stacks[4] = (stack_t){.ss_sp = (void *)(WINDOW + 0x200000), .ss_size = 65536, .ss_flags = 1 << 31};
	for (int i = 0; i < 5; i++)
		events[i] = (struct sigevent){.sigev_notify = i == 0 ? SIGEV_NONE : i == 4 ? 9 : SIGEV_SIGNAL, .sigev_signo = i == 2 ? 99 : 10};
}

static void file_make(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		exit(4);
	close(fd);
}

static void folder_make(void)
{
	if (mkdir("/w", 0777) || chdir("/w") || mkdir("c", 0755) || chdir("c") || mkdir("d", 0755) || symlink("f", "l") || symlink("d", "dl") ||
	    symlink("loop", "loop") || symlink("nowhere", "dangle") || mkfifo("p", 0644))
		exit(4);
	file_make("f", "0123456789");
	file_make("d/g", "the second file");
	if (link("f", "h"))
		exit(4);
}

/* The signals that a job may raise are heard, not deadly; the descriptors are three. */
static void child(void)
{
	static const int heard[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGSEGV, SIGBUS, SIGXFSZ, 34, 35, SIGALRM};
	uint64_t none = 0;

	if (mmap((void *)(WINDOW + 0x200000), 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(90);
	for (size_t i = 0; i < LEN(heard); i++) {
		struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

		sigaction(heard[i], &action, NULL);
	}
	/* The restorer that calls made by hand need is the library's. */
	for (size_t i = 0; i < LEN(actions); i++) {
		struct { void *handler; uint64_t flags; void *restorer; uint64_t mask; } now;

		syscall(SYS_rt_sigaction, SIGUSR1, 0, &now, 8);
		actions[i].restorer = now.restorer;
		actions[i].flags |= 0x4000000; /* SA_RESTORER */
	}
	setsid(); /* a signal to the group is for the job alone */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
	umask(022);
	for (int i = 0; i < ARENA; i++)
		arena[i] = (uint8_t)(i % 64 ? i * 7 : 0);
	memcpy(before, arena, ARENA);
	for (int i = 0; i < 3; i++) {
		close(i);
		if (open("/dev/null", O_RDWR) != i)
			_exit(91);
	}
	run(0, CALLS);
	_exit(0);
}

static void tree_say(const char *name, int depth)
{
	struct dirent **names;
	struct stat st;
	char path[600], target[256] = "";
	int count;

	if (lstat(name, &st))
		return;
	say("%s %o %d %d n%d", name, st.st_mode, (int)st.st_uid, (int)st.st_gid, (int)st.st_nlink);
	if (S_ISREG(st.st_mode)) {
		static uint8_t bytes[65536];
		int fd = open(name, O_RDONLY);
		ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

		say(" size %lld blocks %lld hash %016llx", (long long)st.st_size, (long long)st.st_blocks,
		    got < 0 ? 0ull : (unsigned long long)hash_of(bytes, (size_t)got));
		close(fd);
	}
	if (S_ISLNK(st.st_mode) && readlink(name, target, 255) >= 0)
		say(" -> %.60s", target);
	say("\n");
	if (!S_ISDIR(st.st_mode) || depth > 8 || (count = scandir(name, &names, NULL, alphasort)) < 0)
		return;
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, "..")) {
			snprintf(path, sizeof(path), "%s/%s", name, names[i]->d_name);
			tree_say(path, depth + 1);
		}
		free(names[i]);
	}
	free(names);
}

static void tree_remove(const char *name)
{
	struct dirent **names;
	struct stat st;
	char path[4096];
	int count;

	if (lstat(name, &st))
		return;
	if (S_ISDIR(st.st_mode) && (count = scandir(name, &names, NULL, NULL)) >= 0) {
		for (int i = 0; i < count; i++) {
			if (strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, "..")) {
				snprintf(path, sizeof(path), "%s/%s", name, names[i]->d_name);
				tree_remove(path);
			}
			free(names[i]);
		}
		free(names);
		rmdir(name);
		return;
	}
	unlink(name);
}

static void job(uint64_t seed, uint32_t job_mask, const char *kinds)
{
	struct timespec limit = {2, 0};
	sigset_t chld;
	int status = 0;
	pid_t pid;

	state = seed;
	mask = job_mask;
	shared->used = 0;
	shared->at = -1;
	shared->pid_count = 0;
	sequence(kinds);
	folder_make();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pid = fork();
	if (!pid)
		child();
	shared->pids[shared->pid_count++] = pid;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (sigtimedwait(&chld, NULL, &limit) < 0 && errno == EAGAIN) {
			say("hangs at %d\n", shared->at);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
	}
	/* What is left of it. */
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	say("ended %x\n", status);
	if (chdir("/"))
		exit(5);
	tree_say("w", 0);
	tree_remove("w");
	printf("%llu %08x %016llx\n", (unsigned long long)seed, job_mask, (unsigned long long)hash_of(shared->text, shared->used));
	if (verbose) {
		fwrite(shared->text, 1, shared->used, stdout);
		printf("@\n");
	}
	fflush(stdout);
}

/* Not every root may raise limits: not that of a user namespace, nor of some containers. */
static void limits_keep(void)
{
	uint32_t header[2] = {0x20080522, 0}, sets[6];

	syscall(SYS_prctl, 24 /* PR_CAPBSET_DROP */, 24 /* CAP_SYS_RESOURCE */, 0, 0, 0);
	syscall(SYS_capget, header, sets);
	for (int i = 0; i < 3; i++)
		sets[i] &= ~(1u << 24);
	syscall(SYS_capset, header, sets);
}

int main(int argc, char **argv)
{
	unsigned long long seed;
	unsigned job_mask;
	sigset_t chld;

	if (argc > 2 && !strcmp(argv[1], "-v"))
		verbose = 1, argv++;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	shared = mmap((void *)0x3000000000, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	arena = mmap((void *)0x2000001000, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (shared == MAP_FAILED || arena == MAP_FAILED)
		return 2;
	tables_fill();
	syscall(SYS_close_range, 3, ~0u, 0);
	limits_keep();
	while (scanf("%llu %x", &seed, &job_mask) == 2)
		job(seed, job_mask, argv[1]);
	return 0;
}

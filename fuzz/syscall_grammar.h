/*
 * Linux system calls with plausible arguments, made from a stream of bytes.
 *
 * What an argument may be comes from the LibOS's own table (linux.def), so that a new call is tried as soon as it
 * is listed. Shared by the fuzz target libos_calls (the bytes are libFuzzer's) and the program
 * tests/system/hostile-random (they are a seed's). The includer has the C library's or the LibOS's constants,
 * and gives the four functions below.
 */
#ifndef SYSCALL_GRAMMAR_H
#define SYSCALL_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../src/libos/abi/kinds.h"

static uint8_t grammar_byte(void);
/* Puts bytes into the program's memory, inside the arena. */
static void grammar_store(uint64_t at, const void *bytes, size_t size);
/* A process that signals may go to, or that may be waited for. */
static int32_t grammar_pid(void);
/* false: this call is not to be made by this program, and another is taken. */
static int grammar_wanted(uint64_t nr);

#define GRAMMAR_ARENA_SIZE 0x4000u /* bytes, a power of two */
#define GRAMMAR_SLOT       64u

static struct {
	uint64_t arena;             /* memory of the program, read and write */
	uint64_t handler, restorer; /* of signals */
	uint64_t text;              /* any address of code */
} grammar;

struct grammar_call {
	uint64_t nr, args[6];
};

#define GRAMMAR_COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define GRAMMAR_PICK(list)  ((list)[grammar_byte() % GRAMMAR_COUNT(list)])

struct grammar_entry {
	uint16_t nr;
	uint16_t shape[8]; /* classes of calls, then kinds of arguments */
};

#define GRAMMAR_SHAPE(...) {__VA_ARGS__}

static const struct grammar_entry grammar_table[] = {
#define LINUX_CALL(nr, name, args) {nr, GRAMMAR_SHAPE args},
#define LINUX_CALL_MISSING(nr, name, args)
#include "../src/libos/abi/linux.def"
#undef LINUX_CALL
#undef LINUX_CALL_MISSING
};

/* What to try for an argument of a kind. */
static char grammar_letter(uint16_t kind)
{
	static const char letters[A_KINDS] = {
#define IN_KIND(kind, letter) [A_##kind] = letter,
#define OUT_KIND(kind, letter) [A_##kind] = letter,
#include "../src/libos/abi/kinds.def"
#undef IN_KIND
#undef OUT_KIND
#define FLAGS(group, zero, unknown) [A_##group] = 'x',
#define ONE_OF(group, unknown) [A_##group] = 'd',
#define NAME(name)
#define IS(name, value)
#define END
#include "../src/libos/abi/names.def"
#include "../src/libos/abi/names_more.def"
#undef FLAGS
#undef ONE_OF
#undef NAME
#undef IS
#undef END
	};

	switch (kind) {
	case A_OPEN: return 'O';
	case A_PROT: return 'P';
	case A_MMAP: return 'M';
	case A_ACCESS: return 'm';
	default: return letters[kind];
	}
}

static uint64_t grammar_word(int bytes)
{
	uint64_t word = 0;

	while (bytes-- > 0)
		word = word << 8 | grammar_byte();
	return word;
}

static uint64_t grammar_wild(void)
{
	static const uint64_t wild[] = {
		0, 1, 8, 4095, 0x10000, UINT64_C(0x7ffffffff000), UINT64_C(0x7ffffffffff8), UINT64_C(0x800000000000),
		UINT64_C(0xffff800000000000), UINT64_C(0xffffffff80000000), UINT64_MAX, UINT64_MAX - 4095, UINT64_C(1) << 63,
		INT64_MAX, UINT32_MAX, INT32_MAX,
	};
	uint8_t kind = grammar_byte();

	if (kind < 64)
		return grammar.arena + GRAMMAR_ARENA_SIZE - kind; /* across the end */
	if (kind < 96)
		return grammar.text + kind;
	return kind < 112 ? grammar_word(8) : wild[kind % GRAMMAR_COUNT(wild)];
}

static uint64_t grammar_slot(void)
{
	return grammar.arena + grammar_byte() * GRAMMAR_SLOT;
}

static void grammar_path(uint64_t at)
{
	static const char *const paths[] = {
		"/init", "/dir/file", "/link", "/script", "/loop", "/dev/null", "/dev/zero", "/dev/full", "/dev/tty",
		"/dev/urandom", "/proc/self/stat", "/proc/self/maps", "/proc/self/status", "/proc/self/statm",
		"/proc/self/cmdline", "/proc/self/environ", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/3",
		"/proc/self/exe", "/proc/self/cwd", "/proc/self/root/dir", "/proc/self/task", "/proc/self/mounts",
		"/proc/1/stat", "/proc", "/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/cpuinfo",
		"/proc/filesystems", "/proc/version", "/proc/sys/kernel/hostname", "/tmp", "/tmp/a", "/tmp/b", "/dev/shm/s", "a",
		"b", "d", "d/a", "d/b", "d/../a", "./d", "l", "l2", "p", ".", "..", "/", "", "a/", "d//.", "new", "/bin/true",
		"/bin/sh", "/dev/fd/1", "/dev/stdin", "nothing/here", "tmpfs", "proc",
	};
	static char longest[300];
	const char *path = GRAMMAR_PICK(paths);

	if (grammar_byte() < 4) { /* longer than a name may be */
		memset(longest, 'n', sizeof(longest) - 1);
		path = longest;
	}
	/* A long one may reach over the arena's end. */
	if (at + strlen(path) + 1 > grammar.arena + GRAMMAR_ARENA_SIZE)
		at = grammar.arena;
	grammar_store(at, path, strlen(path) + 1);
}

/* Times are short, mostly: nobody waits for the rest. */
static uint64_t grammar_time(void)
{
	uint8_t kind = grammar_byte();

	return kind < 200 ? kind * UINT64_C(1000) : kind < 240 ? 0 : grammar_wild();
}

/* What a structure behind a pointer may look like: one of the shapes that calls read. */
static void grammar_structure(uint64_t at)
{
	uint64_t words[8] = {0};
	uint8_t shape = grammar_byte();

	switch (shape % 10) {
	case 0:
	case 1: /* struct timespec, timeval, itimerspec: (0, n) pairs */
		for (size_t i = 1; i < GRAMMAR_COUNT(words); i += 2)
			words[i] = grammar_time();
		break;
	case 2: /* struct sigaction */
		words[0] = shape < 100 ? grammar.handler : shape < 200 ? shape & 1 : grammar_wild();
		words[1] = UINT64_C(0x04000000) | (grammar_word(1) & 7) | grammar_word(1) << 24; /* SA_RESTORER */
		words[2] = grammar.restorer;
		words[3] = grammar_byte() < 128 ? 0 : grammar_word(8);
		break;
	case 3: /* a set of signals, a limit, ids */
		for (size_t i = 0; i < 4; i++)
			words[i] = grammar_word(2);
		break;
	case 4: /* pointers: vectors of them, io vectors, a signal stack, sigevent */
		for (size_t i = 0; i < GRAMMAR_COUNT(words); i++)
			words[i] = i % 2 == 0 ? grammar_slot() : grammar_byte();
		break;
	case 5: /* struct pollfd */
		for (size_t i = 0; i < GRAMMAR_COUNT(words); i++)
			words[i] = grammar_byte() % 12u | (uint64_t)grammar_byte() << 32;
		break;
	case 6: /* struct flock */
		words[0] = grammar_byte() % 4u | (uint64_t)(grammar_byte() % 3u) << 16;
		words[1] = grammar_byte();
		words[2] = grammar_byte();
		break;
	case 7: /* set ids, sigevent: small numbers in halves */
		for (size_t i = 0; i < GRAMMAR_COUNT(words); i++)
			words[i] = grammar_byte() % 40u | (uint64_t)(grammar_byte() % 8u) << 32;
		break;
	case 8:
		for (size_t i = 0; i < GRAMMAR_COUNT(words); i++)
			words[i] = grammar_word(8);
		break;
	default:
		return; /* what is there already */
	}
	grammar_store(at, words, sizeof(words));
}

static void grammar_vector(uint64_t at)
{
	uint64_t words[8];

	for (size_t i = 0; i < GRAMMAR_COUNT(words); i += 2) {
		words[i] = grammar_byte() < 240 ? grammar_slot() : grammar_wild();
		words[i + 1] = grammar_byte() < 240 ? grammar_byte() : grammar_wild();
	}
	grammar_store(at, words, sizeof(words));
}

static void grammar_arguments(uint64_t at)
{
	uint64_t words[4] = {0}, path = grammar_slot();
	uint8_t count = grammar_byte() % 4;

	grammar_path(path);
	for (uint8_t i = 0; i < count; i++)
		words[i] = grammar_byte() < 240 ? path : grammar_wild();
	grammar_store(at, words, sizeof(words));
}

static uint64_t grammar_pointer(char kind)
{
	uint8_t how = grammar_byte();
	uint64_t at = grammar_slot();

	if (how < 8)
		return grammar_wild();
	if (how < 24 && kind != 's')
		return 0;
	if (kind == 's')
		grammar_path(at);
	else if (kind == 'v')
		grammar_vector(at);
	else if (kind == 'A')
		grammar_arguments(at);
	else if (kind != 'B')
		grammar_structure(at);
	return at;
}

static uint64_t grammar_size(void)
{
	uint8_t how = grammar_byte();

	if (how < 160)
		return how;
	if (how < 224)
		return (uint64_t)(how - 159) * 256;
	return how < 232 ? UINT64_C(1) << (grammar_byte() % 64) : how < 240 ? 8 : grammar_wild();
}

static uint64_t grammar_number(void)
{
	static const int16_t numbers[] = { -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 100, 1000, -100 };
	uint8_t how = grammar_byte();

	if (how < 192)
		return (uint64_t)(int64_t)numbers[how % GRAMMAR_COUNT(numbers)];
	if (how < 224)
		return (uint64_t)(int64_t)grammar_pid();
	return how < 248 ? grammar_byte() : grammar_wild();
}

static uint64_t grammar_flags(void)
{
	uint8_t how = grammar_byte();

	if (how < 96)
		return 0;
	if (how < 176)
		return UINT64_C(1) << (grammar_byte() % 32);
	if (how < 240)
		return UINT64_C(1) << (grammar_byte() % 32) | UINT64_C(1) << (grammar_byte() % 32) | grammar_byte() % 16u;
	return grammar_word(8);
}

static uint64_t grammar_open_flags(void)
{
	static const uint32_t flags[] = {
		O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH, O_TMPFILE,
		O_NOCTTY, O_CREAT, O_CREAT | O_NONBLOCK, 0, 0, 0,
	};

	/* A FIFO's other end may never come. */
	return grammar_byte() % 4u | GRAMMAR_PICK(flags) | (grammar_byte() < 220 ? O_NONBLOCK : 0);
}

static uint64_t grammar_map_flags(void)
{
	static const uint32_t flags[] = {
		0, 0, 0, MAP_FIXED, MAP_POPULATE, MAP_GROWSDOWN, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_STACK, MAP_LOCKED,
	};
	uint8_t how = grammar_byte();

	return (how & 3u) | (how & 4u ? MAP_ANONYMOUS : 0) | GRAMMAR_PICK(flags);
}

/* An address for mappings: pages of the arena and behind it, what mmap picks, or anything. */
static uint64_t grammar_page(void)
{
	uint8_t how = grammar_byte();

	if (how < 64)
		return 0;
	if (how < 224)
		return grammar.arena + GRAMMAR_ARENA_SIZE * 4 + (uint64_t)(how & 31) * 4096;
	return how < 232 ? (grammar_slot() & ~UINT64_C(4095)) : grammar_wild();
}

static uint64_t grammar_ioctl(void)
{
	static const uint32_t ioctls[] = {
		TCGETS, TCSETS, TCSETSW, TCSETSF, TCGETA, TCSETA, TCSETAW, TCSETAF, TCSBRK, TCSBRKP, TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL,
		TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, TIOCSTI, TIOCGWINSZ, TIOCSWINSZ, FIONREAD, TIOCNOTTY, TIOCGSID,
		FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, TIOCMGET,
	};

	return GRAMMAR_PICK(ioctls);
}

static uint64_t grammar_command(void)
{
	static const uint32_t commands[] = {
		F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_GETOWN, F_SETOWN,
		F_GETPIPE_SZ, F_SETPIPE_SZ, 36, 37, 38, /* F_OFD_… */ F_GETSIG, F_SETSIG, F_SETOWN_EX, F_GETOWN_EX,
	};

	return GRAMMAR_PICK(commands);
}

static uint64_t grammar_prctl(void)
{
	static const uint32_t options[] = { 1, 2, 3, 4, 7, 8, 15, 16, 21, 22, 23, 29, 30, 36, 37, 38, 39, 0x53564d41 };

	return GRAMMAR_PICK(options);
}

static uint64_t grammar_clone_flags(void)
{
	static const uint32_t flags[] = {
		0, 17, 17 | CLONE_VFORK, 17 | CLONE_VFORK | CLONE_VM, CLONE_VM | 17, CLONE_FILES | 17, CLONE_FS | 17, CLONE_PARENT | 17,
		CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
		CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID,
		CLONE_CHILD_SETTID | CLONE_SETTLS | 17, CLONE_THREAD, CLONE_SIGHAND, 10, 65,
	};

	return GRAMMAR_PICK(flags);
}

/* The address of a socket: few names, so that some meet. */
static uint64_t grammar_address(void)
{
	static const char *const names[] = { "s", "/tmp/s", "a", "d", "", "l" };
	struct {
		uint16_t family;
		char path[30];
	} address = { grammar_byte() < 240 ? 1 : grammar_byte(), "" };
	uint64_t at = grammar_slot();
	uint8_t how = grammar_byte();

	/* A name, or behind a NUL an abstract one. */
	memcpy(address.path + (how & 1), names[how / 2 % GRAMMAR_COUNT(names)], strlen(names[how / 2 % GRAMMAR_COUNT(names)]));
	grammar_store(at, &address, sizeof(address));
	return at;
}

/* What travels with a message: descriptors or credentials, mostly as it should be. */
static uint64_t grammar_ancillary(uint64_t *size)
{
	uint64_t words[8] = {0}, at = grammar_slot();
	uint8_t kind = grammar_byte(), count = grammar_byte() % 8;

	words[0] = kind < 128 ? 16 + count * 4u : kind < 240 ? 28 : grammar_wild();
	words[1] = 1 | (kind < 128 ? UINT64_C(1) : UINT64_C(2)) << 32;
	for (size_t i = 2; i < 6; i++)
		words[i] = kind < 128 ? grammar_byte() % 16u | (uint64_t)(grammar_byte() % 16u) << 32 : i == 2 ? (uint64_t)grammar_pid() : 0;
	*size = grammar_byte() < 240 ? (words[0] + 7) & ~UINT64_C(7) : grammar_byte();
	grammar_store(at, words, sizeof(words));
	return at;
}

static uint64_t grammar_message(void)
{
	uint64_t words[7] = {0}, at = grammar_slot(), vec = grammar_slot();
	uint8_t how = grammar_byte();

	grammar_vector(vec);
	if (how & 1) {
		words[0] = grammar_address();
		words[1] = grammar_byte() % 40u;
	}
	words[2] = vec;
	words[3] = grammar_byte() % 5u;
	if (how & 2)
		words[4] = grammar_ancillary(&words[5]);
	grammar_store(at, words, sizeof(words));
	return at;
}

/* Sockets do not block, mostly. */
static uint64_t grammar_socket_type(void)
{
	static const uint8_t types[] = { 1, 2, 5, 1, 2, 5, 3, 0 };

	return GRAMMAR_PICK(types) | (grammar_byte() < 230 ? O_NONBLOCK : 0) | (grammar_byte() < 40 ? O_CLOEXEC : 0);
}

static int grammar_socket(uint64_t nr, int i, uint64_t *value)
{
	int makes = nr == 41 || nr == 53, named = nr == 42 || nr == 49, option = nr == 54 || nr == 55;

	if (makes && i < 3)
		*value = i == 0 ? (grammar_byte() < 240 ? 1 : grammar_byte()) : i == 1 ? grammar_socket_type() : grammar_byte() < 240 ? 0 : grammar_byte();
	else if ((named && i == 1) || (nr == 44 && i == 4))
		*value = grammar_byte() < 64 && nr == 44 ? 0 : grammar_address();
	else if ((named && i == 2) || (nr == 44 && i == 5))
		*value = grammar_byte() < 240 ? grammar_byte() % 16u : grammar_wild();
	else if ((nr == 46 || nr == 47 || nr == 299 || nr == 307) && i == 1)
		*value = grammar_message();
	else if ((nr == 299 || nr == 307) && i == 2)
		*value = grammar_byte() % 3u;
	else if (option && i == 1)
		*value = grammar_byte() < 250 ? 1 : grammar_byte();
	else if (option && i == 2)
		*value = grammar_byte() % 70u;
	else
		return 0;
	return 1;
}

/* System V IPC: few keys and numbers, so that calls meet; nobody waits, mostly. */
static uint64_t grammar_ipc_operations(void)
{
	uint16_t ops[12];
	uint64_t at = grammar_slot();

	for (size_t i = 0; i < GRAMMAR_COUNT(ops); i += 3) {
		ops[i] = grammar_byte() % 4u;
		ops[i + 1] = (uint16_t)(grammar_byte() % 7 - 3);
		ops[i + 2] = (grammar_byte() < 240 ? 04000u : 0u) | (grammar_byte() & 1u ? 0x1000u : 0u);
	}
	grammar_store(at, ops, sizeof(ops));
	return at;
}

static int grammar_ipc(uint64_t nr, int i, uint64_t *value)
{
	int makes = nr == 64 || nr == 68 || nr == 29, flags = nr == 68 ? 1 : 2;

	if (makes && i == 0)
		*value = grammar_byte() % 5u;
	else if (makes && i == flags)
		*value = grammar_byte() % 2u * 01000u | grammar_byte() % 2u * 02000u | (grammar_byte() < 200 ? 0666u : grammar_word(2));
	else if (nr == 64 && i == 1)
		*value = grammar_byte() % 6u;
	else if ((nr == 65 || nr == 66 || nr == 220 || (nr >= 69 && nr <= 71) || nr == 30 || nr == 31) && i == 0)
		*value = grammar_byte() % 8u;
	else if (nr == 66 && i == 1)
		*value = grammar_byte() % 5u;
	else if ((nr == 30 && i == 1) || (nr == 67 && i == 0))
		*value = grammar_page();
	else if (nr == 30 && i == 2)
		*value = (grammar_byte() & 31u) << 12;
	else if ((nr == 66 && i == 2) || ((nr == 71 || nr == 31) && i == 1))
		*value = grammar_byte() % 21u;
	else if (nr == 70 && i == 3)
		*value = grammar_byte() % 7u - UINT64_C(3);
	else if ((nr == 69 && i == 3) || (nr == 70 && i == 4))
		*value = (grammar_byte() < 240 ? 04000u : 0u) | (grammar_byte() & 7u) << 12;
	else if (nr == 66 && i == 3)
		*value = grammar_byte() < 64 ? grammar_byte() : grammar_slot();
	else if ((nr == 65 || nr == 220) && i == 1)
		*value = grammar_ipc_operations();
	else if ((nr == 65 || nr == 220) && i == 2)
		*value = grammar_byte() < 240 ? grammar_byte() % 5u : grammar_wild();
	else
		return 0;
	return 1;
}

/* The arguments whose letter says too little. */
static int grammar_special(uint64_t nr, int i, uint64_t *value)
{
	if (nr == 16 && i == 1)
		*value = grammar_ioctl();
	else if (nr == 72 && i == 1)
		*value = grammar_command();
	else if (nr == 157 && i == 0)
		*value = grammar_prctl();
	else if (nr == 158 && i == 0)
		*value = 0x1001u + grammar_byte() % 4u;
	else if (nr == 56 && i == 0)
		*value = grammar_clone_flags();
	else if (nr == 202 && i == 1)
		*value = grammar_byte() % 16u | (grammar_byte() & 1u) << 7;
	else if ((nr >= 9 && nr <= 11 && i == 0) || (nr >= 25 && nr <= 28 && i == 0) || (nr == 12 && i == 0))
		*value = grammar_page();
	else if ((nr >= 9 && nr <= 11 && i == 1) || (nr >= 25 && nr <= 28 && i == 1))
		*value = (uint64_t)(grammar_byte() % 32u) * 4096;
	else if ((nr == 13 || nr == 14) && i == 3)
		*value = 8;
	else if ((nr == 127 || nr == 130) && i == 1)
		*value = 8;
	else if (nr == 7 && i == 1)
		*value = grammar_byte() % 10u;
	else if (nr == 7 && i == 2)
		*value = grammar_byte() % 8u;
	else
		return grammar_ipc(nr, i, value) || grammar_socket(nr, i, value);
	return 1;
}

static uint64_t grammar_argument(uint64_t nr, char letter, int i)
{
	uint64_t value;

	if (grammar_byte() < 4)
		return grammar_wild();
	if (grammar_special(nr, i, &value))
		return value;
	switch (letter) {
	case 'd': return grammar_number();
	case 'u': return grammar_size();
	case 'x': return grammar_flags();
	case 'o':
	case 'm': return (grammar_byte() & 7u) << 6 | (grammar_byte() & 077u) | (grammar_byte() & 15u) << 12;
	case 'f': return grammar_byte() % 16u;
	case 'D': return grammar_byte() < 160 ? (uint64_t)-100 : grammar_byte() % 16u;
	case 'O': return grammar_open_flags();
	case 'P': return grammar_byte() % 8u;
	case 'M': return grammar_map_flags();
	case 'S': return grammar_byte() % 66u;
	default: return grammar_pointer(letter);
	}
}

static int grammar_signals(uint64_t nr)
{
	return nr == 62 || nr == 200 || nr == 234 || nr == 129 || nr == 297;
}

/* The next call of the stream. Always ends: at the worst with getpid(). */
static void grammar_call_make(struct grammar_call *call)
{
	const struct grammar_entry *entry = &grammar_table[grammar_word(2) % GRAMMAR_COUNT(grammar_table)];

	memset(call, 0, sizeof(*call));
	call->nr = 39;
	if (!grammar_wanted(entry->nr))
		return;
	call->nr = entry->nr;
	for (int i = 0; i < 6 && entry->shape[i + 1] != A_NONE; i++)
		call->args[i] = grammar_argument(entry->nr, grammar_letter(entry->shape[i + 1]), i);
	if (grammar_signals(call->nr)) {
		call->args[0] = (uint64_t)(int64_t)grammar_pid();
		if (call->nr == 234 || call->nr == 297)
			call->args[1] = call->args[0];
	}
}

#endif

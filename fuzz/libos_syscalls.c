/*
 * Fuzzing the POSIX LibOS: programs that make any system call with any arguments.
 *
 * The machine boots for real (core, LibOS, the fake HAL) with one program. The input is what
 * its threads and children do, entry by entry: a system call whose arguments are small
 * numbers, descriptors, addresses of their memory, wild addresses or raw words; bytes
 * stored into their memory; faults and exceptions; a moved stack pointer. All of them eat from the same input, in the order in
 * which the LibOS lets them run, so a run is repeatable. When the input is used up they all exit.
 *
 * Nothing may panic, no sanitizer may complain, and core_check() must hold at the end.
 */
#include <core/check.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiny_root.h>

#undef RENAME_NOREPLACE /* the host spells the same values otherwise */
#undef RENAME_EXCHANGE
#undef WNOWAIT
#include <libos/abi/table.h>
#include <libos/libos.h>

#include "boots.h"
#include "own_stack.h"

#define FRAMES      4096
#define TEXT        TINY_TEXT
#define DATA        TINY_DATA
#define DATA_SIZE   TINY_DATA_SIZE
#define ENTRIES_MAX 20000
#define NR_EXIT_GROUP 231

static struct {
	const uint8_t *data;
	size_t size;
	uint32_t entries;
} input;

/* ---- the program ---- */

static uint8_t byte_take(void)
{
	if (!input.size)
		return 0;
	input.size--;
	return *input.data++;
}

static uint64_t word_take(int bytes)
{
	uint64_t word = 0;

	while (bytes-- > 0)
		word = word << 8 | byte_take();
	return word;
}

static uint64_t argument_take(void)
{
	static const uint64_t wild[] = {
		1, 4095, EXO_USER_BASE, TEXT, TEXT + 4090, DATA + DATA_SIZE - 4, EXO_USER_LIMIT - 8, EXO_USER_LIMIT,
		UINT64_C(0x800000000000), UINT64_C(0xffffffff80000000), UINT64_MAX, UINT64_MAX - 4095,
		UINT64_C(1) << 63, INT64_MAX, UINT32_MAX, INT32_MAX,
	};
	uint8_t kind = byte_take(), more = byte_take();

	switch (kind % 8) {
	case 0:
	case 1:
		return more;
	case 2:
	case 3:
		return DATA + (uint64_t)more * 16;
	case 4:
		return more % 16u - 4; /* descriptors, pids, flags, -100… */
	case 5:
		return wild[more % (sizeof(wild) / sizeof(wild[0]))];
	case 6:
		return UINT64_C(1) << (more % 64);
	default:
		return word_take(more % 9);
	}
}

static void store_some(struct fake_entry *entry)
{
	static const char *const texts[] = {
		"/init", "/dir/file", "/link", "/script", "/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/pts/0", "/proc/self/stat",
		"/proc/self/maps", "/tmp/new", "dir", "..", "/proc/self/fd/0", "/dev/urandom", "/proc/meminfo", "",
	};
	uint64_t at = DATA + (uint64_t)byte_take() * 16;
	uint8_t what = byte_take(), bytes[64];
	bool done;

	if (what & 0x80) {
		const char *text = texts[what % 16];

		done = fake_store(entry, at, text, strlen(text) + 1);
	} else if (what & 0x40) { /* pointers, for vectors */
		uint64_t pointer = DATA + (uint64_t)byte_take() * 16;

		done = fake_store(entry, at, &pointer, sizeof(pointer));
	} else {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = i < what ? byte_take() : 0;
		done = fake_store(entry, at, bytes, what % 64u + 1);
	}
	/* A failed store has set its own fault; a good one goes on with a cheap call. */
	if (done)
		fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
}

static void program(void *user, struct fake_entry *entry)
{
	uint64_t args[6] = {0};
	uint8_t what;

	(void)user;
	if (!input.size || ++input.entries > ENTRIES_MAX) {
		input.size = 0;
		fake_syscall(entry, NR_EXIT_GROUP, 0, 0, 0, 0, 0, 0);
		return;
	}
	what = byte_take();
	if (what < 48) {
		store_some(entry);
	} else if (what < 52) {
		fake_fault(entry, argument_take(), what & 1 ? EXO_ACCESS_WRITE : EXO_ACCESS_READ);
	} else if (what < 54) {
		fake_exception(entry, byte_take() % 32, 0);
	} else if (what < 58) {
		entry->regs->rsp = argument_take();
		fake_syscall(entry, 15, 0, 0, 0, 0, 0, 0);
	} else if (what < 60) {
		entry->trap->event = EXO_EV_QUANTUM;
		fake.now_ns = entry->deadline;
	} else {
		uint64_t nr = (what & 3) == 3 ? word_take(2) % 512 : byte_take() * 2u % 440;
		int count = (int)(byte_take() % 7);

		if (what == 255)
			nr = byte_take() % 64;
		for (int i = 0; i < count; i++)
			args[i] = argument_take();
		/* The end of the system is the end of the run, and the clock may be set only so far. */
		if (nr == 169)
			nr = 63;
		fake_syscall(entry, nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	}
}

/* ---- one run ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum fake_end end;
	const char *broken;

	tiny_root_make();
	core_forget();
	memset(&libos, 0, sizeof(libos));
	memset(&input, 0, sizeof(input));
	input.data = data;
	input.size = size;
	fake_reset();
	fake.frame_count = FRAMES;
	fake.image = tiny_root.bytes;
	fake.image_size = tiny_root.size;
	fake.cmdline = byte_take() & 1 ? "strace\narg=/init\n" : "arg=/init\n";
	fake.program = program;
	fake.tick_ns = 100;
	end = fake_boot(libos_start);
	back_on_own_stack();
	broken = core_check();
	if (end == FAKE_PANICKED || end == FAKE_RETURNED || libos.panicked || broken) {
		fprintf(stderr, "end %d status %u %s\n%.2000s\n", (int)end, fake.status, broken ? broken : "", fake.output);
		abort();
	}
	return 0;
}

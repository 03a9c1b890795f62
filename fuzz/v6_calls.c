/*
 * Fuzzes the teaching LibOS as its programs see it: processes that make any system calls with any arguments in any order,
 * fault, and use up their time. The LibOS runs on the scripted machine; the bytes say what its programs do. Whatever that is: it
 * does not touch what is not its own, and the kernel's state stays sound.
 *
 * The LibOS is compiled into this file, so that each run can begin with it as it was loaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/check.h>
#include <fake/fake.h>

#include "../src/libos_v6/archive.c"
#include "../src/libos_v6/calls.c"
#include "../src/libos_v6/console.c"
#include "../src/libos_v6/exec.c"
#include "../src/libos_v6/file.c"
#include "../src/libos_v6/frames.c"
#include "../src/libos_v6/main.c"
#include "../src/libos_v6/memory.c"
#include "../src/libos_v6/pipe.c"
#include "../src/libos_v6/process.c"

#include "boots.h"

#define FRAMES   1024
#define STEPS    4000 /* with the input at its end, all exit */

static struct {
	const uint8_t *at, *end;
	uint32_t steps;
} input;

static uint8_t byte(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

/* Numbers that mean something: small, near limits, addresses of program, data, stack. */
static uint64_t argument(void)
{
	static const uint64_t known[] = {
		0, 1, 2, UINT64_MAX, UINT64_MAX - 1, 0x400000, 0x401000, 0x402000, 0x403000, 0x404000, STACK_TOP - 4096,
		STACK_TOP - 64, STACK_TOP - 8, STACK_TOP, IMAGE_LIMIT, UINT64_C(1) << 40, 4095, 4096, 4097, 65536, INT64_MIN,
	};
	uint8_t c = byte();

	if (c < 64)
		return c % 24;
	if (c < 224)
		return known[c % (sizeof(known) / sizeof(known[0]))] + (c & 1 ? byte() : 0);
	return (uint64_t)byte() << 8 | (uint64_t)byte() << (c & 31);
}

/* A path and a list of arguments where a program would have them: at the end of its stack. */
#define STRINGS (STACK_TOP - 64)
struct strings {
	char path[24];
	uint64_t list[3];
};

static bool strings_put(struct fake_entry *entry)
{
	static const char *const paths[] = { "/bin/sh", "/etc/numbers", "/dev/null", "/dev/console", "bin", "/", "/none", "/bin/echo" };
	struct strings strings = { .list = { STRINGS, 0, 0 } };
	uint8_t c = byte();

	strcpy(strings.path, paths[c & 7]);
	if (c & 8)
		strings.list[1] = argument();
	return fake_store(entry, STRINGS, &strings, sizeof(strings));
}

static void any_call(struct fake_entry *entry, uint8_t what)
{
	static const uint8_t numbers[] = { 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 11, 11, 13, 17, 17, 19, 20, 35, 37, 41, 42, 42 };
	uint64_t nr = what < 230 ? numbers[what % sizeof(numbers)] : argument(), args[3];

	if (!strings_put(entry))
		return;
	for (int i = 0; i < 3; i++)
		args[i] = argument();
	if (what & 128)
		args[0] = STRINGS;
	if (what & 64)
		args[1] = STRINGS + offsetof(struct strings, list);
	/* The kernel's own numbers are not the LibOS's business. */
	fake_syscall(entry, nr & ~(UINT64_C(0xff) << EXO_CALL_SHIFT), args[0], args[1], args[2], 0, 0, 0);
}

static void step(void *user, struct fake_entry *entry)
{
	uint8_t what;

	(void)user;
	if (input.at == input.end || input.steps++ > STEPS) {
		fake_syscall(entry, V6_CALL_exit, 0, 0, 0, 0, 0, 0);
		return;
	}
	what = byte();
	if (what < 240)
		any_call(entry, what);
	else if (what < 244)
		fake_fault(entry, argument(), EXO_ACCESS_READ);
	else if (what < 248)
		fake_exception(entry, byte() & 31, 0);
	else /* its time is over */
		fake.now_ns += UINT64_C(1) << (byte() & 31);
}

static void boot(const struct exo_boot *page)
{
	struct exo_boot *mine = (struct exo_boot *)(uintptr_t)page;

	libos_start(mine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken;

	if (size == 0 || size > 4096)
		return -1;
	input.at = data;
	input.end = data + size;
	input.steps = 0;
	core_forget();
	fake_reset();
	fake.frame_count = FRAMES;
	fake.program = step;
	fake.input = "typed\n";
	fake.input_size = 6;
	fake.console_flags = data[0] & 1 ? EXO_CONSOLE_TTY : 0;
	memset(&v6, 0, sizeof(v6));
	memset(files, 0, sizeof(files));
	memset(pipes, 0, sizeof(pipes));
	memset(&console, 0, sizeof(console));
	spare_count = 0;
	if (fake_boot(boot) == FAKE_PANICKED)
		abort();
	broken = core_check();
	if (broken) {
		fprintf(stderr, "core_check: %s\n", broken);
		abort();
	}
	return 0;
}

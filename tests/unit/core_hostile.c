/* Hostile arguments: wild pointers, absurd sizes, calls that do not exist, devices. */
#include "core_env.h"
#include <core/core.h>

static char buffer[8192];

/* From here on the LibOS has only `buffer` and the boot page's window is out of reach. */
static void restrict_memory(void)
{
	fake.regions[0].base = buffer;
	fake.regions[0].size = sizeof(buffer);
	fake.region_count = 1;
}

static const uint64_t wild[] = {
	0, 1, 4095, UINT64_C(0x400000), UINT64_MAX, UINT64_MAX - 4095, UINT64_C(1) << 63, UINT64_C(0xffff800000000000),
};

CORE_TEST(hostile, wild_pointers)
{
	exo_cap_t zone = zone_make(8);

	restrict_memory();
	for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		void *p = (void *)(uintptr_t)wild[i];
		uint64_t v = 0;

		IS(E_ADDRESS, exo_cap_inspect(boot->timer, p, NULL));
		IS(E_ADDRESS, exo_zone_info(zone, p, NULL));
		IS(E_ADDRESS, exo_mem_map(zone, boot->memory, p, 1, NULL));
		IS(E_ADDRESS, exo_mem_map(zone, boot->memory, p, UINT64_MAX, NULL));
		IS(E_ADDRESS, exo_console_write(boot->console, p, 1, NULL));
		IS(E_ADDRESS, exo_console_write(boot->console, p, UINT64_MAX, NULL));
		IS(E_ADDRESS, exo_console_read(boot->console, p, 1, NULL));
		IS(E_ADDRESS, exo_console_info(boot->console, p, NULL));
		IS(E_ADDRESS, exo_entropy_read(boot->entropy, p, UINT64_MAX, NULL));
		IS(E_ADDRESS, exo_audit_read(boot->audit, p, 1, NULL));
		IS(E_ADDRESS, exo_stats_read(boot->audit, p, NULL));
		IS(E_ADDRESS, exo_list_zones(boot->audit, p, UINT64_MAX, 0, NULL));
		IS(E_ADDRESS, exo_list_caps(boot->audit, p, UINT64_MAX, 0, NULL));
		IS(E_ADDRESS, exo_zone_create(boot->zone, boot->memory, boot->memory_first + 100, 8, p, 5, &v));
		IS(E_ADDRESS, exo_zone_create(boot->zone, boot->memory, boot->memory_first + 100, 8, p, UINT64_MAX, &v));
	}
	SOUND();
	cr_assert_eq(fake.output_size, 0);
}

CORE_TEST(hostile, input_is_not_lost_to_a_bad_pointer)
{
	uint64_t n;

	restrict_memory();
	fake.input = "abc";
	fake.input_size = 3;
	IS(E_ADDRESS, exo_console_read(boot->console, buffer + sizeof(buffer) - 2, 3, NULL));
	OK(exo_console_read(boot->console, buffer, sizeof(buffer), &n));
	cr_assert_eq(n, 3);
	cr_assert_eq(memcmp(buffer, "abc", 3), 0);
	OK(exo_console_read(boot->console, buffer, sizeof(buffer), &n));
	cr_assert_eq(n, 0);
}

CORE_TEST(hostile, input_stays_for_which_there_is_no_memory)
{
	static char input[1500];
	uint64_t n;

	restrict_memory();
	memset(input, 'x', sizeof(input));
	input[512] = 'y';
	fake.input = input;
	fake.input_size = sizeof(input);
	IS(E_ADDRESS, exo_console_read(boot->console, buffer + sizeof(buffer) - 500, 600, &n));
	OK(exo_console_read(boot->console, buffer + sizeof(buffer) - 520, 600, &n));
	cr_assert_eq(n, 512);
	OK(exo_console_read(boot->console, buffer, sizeof(buffer), &n));
	cr_assert(n == EXO_BYTES_MAX && buffer[0] == 'y' && buffer[1] == 'x', "a call takes so many");
	OK(exo_console_read(boot->console, buffer, sizeof(buffer), &n));
	cr_assert_eq(n, 1500 - 512 - EXO_BYTES_MAX);
}

CORE_TEST(hostile, a_write_that_runs_out_of_memory_writes_nothing)
{
	uint64_t n;

	restrict_memory();
	memset(buffer, 'x', sizeof(buffer));
	IS(E_ADDRESS, exo_console_write(boot->console, buffer + 8192 - 400, 2048, &n));
	cr_assert_eq(fake.output_size, 0);
	OK(exo_console_write(boot->console, buffer + 8192 - 700, 2048, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	cr_assert_eq(fake.output_size, EXO_BYTES_MAX);
}

/* A slow device takes what it has room for, and says when there is more. */
CORE_TEST(hostile, a_write_waits_for_no_device)
{
	uint64_t n, events;

	fake.slow_console = true;
	fake.console_room = 700;
	OK(exo_console_write(boot->console, buffer, 600, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	OK(exo_console_write(boot->console, buffer, 600, &n));
	cr_assert_eq(n, 700 - EXO_BYTES_MAX);
	OK(exo_console_write(boot->console, buffer, 600, &n));
	cr_assert_eq(n, 0);
	OK(exo_event_take(boot->zone, &events));
	cr_assert_eq(events & EXO_PEND_ROOM, 0);
	fake_console_drain(10);
	OK(exo_event_take(boot->zone, &events));
	cr_assert(events & EXO_PEND_ROOM);
	OK(exo_console_write(boot->console, buffer, 600, &n));
	cr_assert_eq(n, 10);
}

/* However much is asked for, a call does no more than so much. */
CORE_TEST(hostile, calls_are_bounded)
{
	static struct exo_cap_info caps[1100];
	uint64_t n;

	OK(exo_console_write(boot->console, buffer, 8192, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	cr_assert_eq(fake.output_size, EXO_BYTES_MAX);
	OK(exo_log_write(boot->console, buffer, UINT64_MAX, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	OK(exo_entropy_read(boot->entropy, buffer, 8192, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	for (int i = 0; i < 1100; i++)
		derive(boot->timer, EXO_R_READ, 0, 0);
	OK(exo_list_caps(boot->audit, caps, 1100, 0, &n));
	cr_assert_eq(n, EXO_LIST_MAX);
	OK(exo_audit_read(boot->audit, (struct exo_audit_record *)(void *)caps, UINT64_MAX, &n));
	cr_assert_eq(n, EXO_LIST_MAX);
}

/* A list looks at so many slots only, whatever they hold; what is behind them is found from there on. */
CORE_TEST(hostile, a_list_of_little_is_bounded_too)
{
	static struct exo_cap_info caps[4];
	static exo_cap_t made[3000];
	uint64_t n, first = core.cap_fresh;

	for (int i = 0; i < 3000; i++)
		made[i] = derive(boot->timer, EXO_R_READ, 0, 0);
	for (int i = 0; i < 2999; i++)
		OK(exo_cap_drop(made[i], NULL));
	IS(E_AGAIN, exo_list_caps(boot->audit, caps, 4, first, &n));
	cr_assert_eq(n, 0);
	IS(E_AGAIN, exo_list_caps(boot->audit, caps, 4, first + EXO_LIST_SLOTS, &n));
	OK(exo_list_caps(boot->audit, caps, 4, first + 2 * EXO_LIST_SLOTS, &n));
	cr_assert(n == 1 && caps[0].cap == made[2999]);
	OK(exo_list_caps(boot->audit, caps, 4, UINT64_MAX, &n));
	cr_assert_eq(n, 0);
}

CORE_TEST(hostile, entropy)
{
	uint64_t n;

	OK(exo_entropy_read(boot->entropy, buffer, 8192, &n));
	cr_assert_eq(n, EXO_BYTES_MAX);
	cr_assert_eq(buffer[EXO_BYTES_MAX], 0);
	fake.entropy_fails = true;
	IS(E_DEVICE, exo_entropy_read(boot->entropy, buffer, 1, &n));
}

CORE_TEST(hostile, calls_that_do_not_exist)
{
	const uint64_t args[6] = { 0 };

	cr_assert_eq(core_call(EXO_NR_COUNT, args).status, EXO_E_CALL);
	cr_assert_eq(core_call(UINT64_MAX, args).status, EXO_E_CALL);
	cr_assert_eq(core_call(EXO_CALL_BASE, args).status, EXO_E_CALL);
	cr_assert_eq(core_call(256, args).status, EXO_E_CALL);
}

CORE_TEST(hostile, wide_arguments_are_not_cut)
{
	const uint64_t args[6] = { boot->timer, UINT64_C(1) << 32 | EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0 };

	cr_assert_eq(core_call(EXO_NR_CAP_DERIVE, args).status, EXO_E_ARG);
}

CORE_TEST(hostile, text_prepare)
{
	exo_frame_t f = frames_take(4);

	OK(exo_text_prepare(boot->memory, f, 4, 4 * PAGE, 0x400000, 0, NULL));
	OK(exo_text_prepare(boot->memory, f, 4, 3 * PAGE, 0x400000, 0x300000, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, 4 * PAGE + 1, 0x400000, 0, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, 0, 0x400000, 0x300000, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, UINT64_MAX, 0x400000, 0x300000, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, PAGE, 0x400001, 0x300000, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, PAGE, 0x400000, 0x300001, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, PAGE, 0x400000, 0, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, PAGE, 0x400000, EXO_USER_LIMIT - 2 * PAGE, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, PAGE, 0x400000, UINT64_MAX - PAGE + 1, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, boot->memory_first, EXO_TEXT_MAX + 1, PAGE, 0x400000, 0x300000, NULL));
	IS(E_ARG, exo_text_prepare(boot->memory, f, 4, 2 * PAGE, EXO_USER_LIMIT - PAGE, 0x300000, NULL));
	IS(E_RANGE, exo_text_prepare(boot->memory, f, UINT64_MAX, PAGE, 0x400000, 0x300000, NULL));
	IS(E_RANGE, exo_text_prepare(boot->memory, 0, 1, PAGE, 0x400000, 0, NULL));
}

CORE_TEST(hostile, query)
{
	exo_cap_t zone = zone_make(8);
	uint64_t v;

	IS(E_ARG, exo_mem_query(zone, EXO_USER_LIMIT, &v));
	IS(E_ARG, exo_mem_query(zone, UINT64_MAX, &v));
	OK(exo_mem_query(zone, 0, &v));
	cr_assert_eq(v, 0);
	IS(E_STATE, exo_mem_query(boot->zone, 0x400000, &v));
	IS(E_ARG, exo_clock_read(boot->timer, 2, &v));
}

/* ---- Boot -------------------------------------------------------------- */

static void halts(const struct exo_boot *b)
{
	enum exo_status status = exo_halt(b->root, 0x1ff, NULL);

	cr_assert_fail("halt came back: %d", status);
}

Test(boot, halt_tells_the_status)
{
	fake_reset();
	cr_assert_eq(fake_boot(halts), FAKE_HALTED);
	cr_assert_eq(fake.status, EXO_HALT_RESTART | 0xff); /* and nothing else of it */
}

static void halts_broken(const struct exo_boot *b)
{
	core.caps_used++;
	halts(b);
}

Test(boot, halt_does_not_look_unless_it_shall)
{
	fake_reset();
	cr_assert_eq(fake_boot(halts_broken), FAKE_HALTED);
}

Test(boot, halt_looks_whether_all_is_sound)
{
	fake_reset();
	fake.checks = true;
	cr_assert_eq(fake_boot(halts_broken), FAKE_PANICKED);
	cr_assert_str_eq(fake.panic, "capability table: number in use");
}

Test(boot, halt_finds_nothing)
{
	fake_reset();
	fake.checks = true;
	cr_assert_eq(fake_boot(halts), FAKE_HALTED);
}

Test(boot, too_little_memory)
{
	fake_reset();
	fake.frame_count = 100;
	cr_assert_eq(fake_boot(halts), FAKE_PANICKED);
}

Test(boot, no_entropy)
{
	fake_reset();
	fake.entropy_fails = true;
	cr_assert_eq(fake_boot(halts), FAKE_PANICKED);
}

static void sees_image(const struct exo_boot *b)
{
	const char *image = (const char *)(uintptr_t)(b->window + (b->image_first << EXO_FRAME_SHIFT));

	cr_assert_eq(b->image_size, 5000);
	cr_assert_eq(image[4999], 'z');
	cr_assert(b->image_first >= b->memory_first);
	cr_assert_str_eq(b->cmdline, "-x\n");
	cr_assert_str_eq(b->target, "fake");
}

Test(boot, image_and_command_line)
{
	static char image[5000];

	fake_reset();
	image[4999] = 'z';
	fake.image = image;
	fake.image_size = sizeof(image);
	fake.cmdline = "-x\n";
	cr_assert_eq(fake_boot(sees_image), FAKE_RETURNED);
}

/* What is looked at each time, however good it was the last time: at each entry into a context, and at each look-up. */
#include "core_env.h"

#define BASE UINT64_C(0x400000)
#define MS   UINT64_C(1000000)
#define WIDE 20000 /* more than one call's work */

static exo_frame_t page;
static exo_cap_t zone, context;
static uint64_t deadline; /* that the program was last entered with; 0: it was not */

static void program(void *user, struct fake_entry *entry)
{
	(void)user;
	deadline = entry->deadline;
	fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
}

static void app_make(exo_cap_t memory)
{
	exo_frame_t first = frames_take(32);

	OK(exo_zone_create(boot->zone, memory, first, 32, "app", 3, &zone));
	context = context_make(zone, &page);
	fake.program = program;
}

static uint64_t run(uint64_t quantum)
{
	uint64_t event = EXO_EV_NONE;

	deadline = 0;
	OK(exo_run(context, boot->cpu, quantum, &event));
	return event;
}

static exo_cap_t until(exo_cap_t cap, uint64_t expires, uint64_t first, uint64_t count)
{
	exo_cap_t out = 0;

	OK(exo_cap_derive(cap, EXO_R_ALL, first, count, expires, &out));
	return out;
}

/* ---- While a revocation is unfinished -------------------------------------- */

/* Revokes what is below `top`, where much was derived after what the zone has. Until that is gone, too, the zone does
 * not run by it. */
static void is_not_entered_under(exo_cap_t top, exo_frame_t first, bool (*has_it)(void))
{
	uint64_t event;

	cr_assert_eq(run(MS), EXO_EV_SYSCALL);
	for (unsigned i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, first, 1);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	cr_assert(has_it());
	for (unsigned i = 0; i < 4; i++) {
		enum exo_status status;

		deadline = 0;
		status = exo_run(context, boot->cpu, MS, &event);
		cr_assert(!has_it() || (status != EXO_OK && deadline == 0));
	}
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	cr_assert(!has_it());
}

static bool has_page(void)
{
	return query(zone, BASE) != 0;
}

CORE_TEST(entry, not_with_a_page_that_is_being_revoked)
{
	exo_frame_t first = frames_take(4);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, 4), below = derive(top, EXO_R_ALL, first, 4);

	app_make(boot->memory);
	OK(map_under(zone, below, BASE, first, 1, EXO_PROT_READ));
	is_not_entered_under(top, first, has_page);
	cr_assert_eq(run(MS), EXO_EV_SYSCALL);
}

static bool has_answers(void)
{
	return frame_at(page + 1)->maps != 0;
}

CORE_TEST(entry, not_with_answers_that_are_being_revoked)
{
	exo_cap_t top, below;

	app_make(boot->memory);
	frames_take(1);
	top = derive(boot->memory, EXO_R_ALL, page + 1, 1);
	below = derive(top, EXO_R_ALL, page + 1, 1);
	OK(exo_zone_answers(zone, below, page + 1, NULL));
	is_not_entered_under(top, page + 1, has_answers);
}

static bool has_context_page(void)
{
	return frame_at(page)->maps != 0;
}

CORE_TEST(entry, not_by_a_context_page_that_is_being_revoked)
{
	exo_cap_t top, below;

	app_make(boot->memory);
	OK(exo_cap_drop(context, NULL));
	top = derive(boot->memory, EXO_R_ALL, page, 1);
	below = derive(top, EXO_R_ALL, page, 1);
	OK(exo_ctx_create(zone, below, page, &context));
	is_not_entered_under(top, page, has_context_page);
}

static bool has_fund(void)
{
	return frame_at(boot->memory_first)->fund != FRAME_FREE;
}

CORE_TEST(entry, not_with_a_fund_that_is_being_revoked)
{
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, boot->memory_first, 64);

	app_make(derive(top, EXO_R_ALL, boot->memory_first, 64));
	is_not_entered_under(top, boot->memory_first, has_fund);
}

/* Who is held up by it does it. */
CORE_TEST(entry, running_on_finishes_a_revocation)
{
	exo_frame_t first = frames_take(1);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, 1), below = derive(top, EXO_R_ALL, first, 1);
	uint64_t event;
	unsigned calls = 0;

	app_make(boot->memory);
	OK(map_under(zone, below, BASE, first, 1, EXO_PROT_READ));
	for (unsigned i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, first, 1);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	while (calls < 5000 && exo_run(context, boot->cpu, MS, &event) == EXO_E_AGAIN)
		calls++;
	cr_assert(calls > 0 && calls < 5000, "%u", calls);
	cr_assert(!has_page());
}

/* ---- Time -------------------------------------------------------------------- */

/* The timer of the machine is late, and nobody has looked at the time since the page's capability expired. */
CORE_TEST(entry, not_with_a_page_that_has_expired)
{
	exo_frame_t first = frames_take(1);
	uint64_t end = hal_time_ns() + MS;

	app_make(boot->memory);
	OK(map_under(zone, until(boot->memory, end, first, 1), BASE, first, 1, EXO_PROT_READ));
	fake.timer_at = UINT64_MAX;
	fake.now_ns = end;
	run(MS);
	cr_assert_eq(query(zone, BASE), 0);
	cr_assert_eq(run(MS), EXO_EV_SYSCALL, "without it, it runs");
	cr_assert(deadline > end);
}

static void is_dead_at(uint64_t end)
{
	uint64_t event;

	fake.timer_at = UINT64_MAX;
	fake.now_ns = end;
	deadline = 0;
	IS(E_DEAD, exo_run(context, boot->cpu, MS, &event));
	cr_assert_eq(deadline, 0, "not entered once more");
}

CORE_TEST(entry, not_with_answers_that_have_expired)
{
	uint64_t end = hal_time_ns() + MS;
	exo_frame_t answers;

	app_make(boot->memory);
	answers = frames_take(1);
	OK(exo_zone_answers(zone, until(boot->memory, end, answers, 1), answers, NULL));
	is_dead_at(end);
	cr_assert_eq(frame_at(answers)->maps, 0);
}

CORE_TEST(entry, not_by_a_context_page_that_has_expired)
{
	uint64_t end = hal_time_ns() + MS;

	app_make(boot->memory);
	page = frames_take(1);
	OK(exo_ctx_create(zone, until(boot->memory, end, page, 1), page, &context));
	is_dead_at(end);
	cr_assert_eq(frame_at(page)->maps, 0);
}

CORE_TEST(entry, not_with_a_fund_that_has_expired)
{
	uint64_t end = hal_time_ns() + MS;

	app_make(until(boot->memory, end, boot->memory_first, 64));
	is_dead_at(end);
}

/* Neither with the rest of it, when it is more than one call may unmap. */
CORE_TEST(entry, not_before_all_that_has_expired_is_gone)
{
	exo_frame_t first = frames_take(EXO_MAP_MAX);
	uint64_t end = hal_time_ns() + 1000 * MS, event;
	exo_cap_t lease = until(boot->memory, end, first, EXO_MAP_MAX);
	const struct zone *in_core;
	unsigned calls = 0;

	app_make(boot->memory);
	OK(exo_zone_fund(zone, boot->memory, frames_take(64), 64, NULL));
	in_core = cap_at((cap_slot_t)zone)->zone;
	for (unsigned i = 0; i < 40; i++)
		OK(map_under(zone, lease, BASE + i * UINT64_C(0x1000000), first, EXO_MAP_MAX, EXO_PROT_READ));
	fake.timer_at = UINT64_MAX;
	fake.now_ns = end;
	for (fake.enters = 0; fake.enters == 0 && calls < 100; calls++) {
		(void)!exo_run(context, boot->cpu, MS, &event);
		cr_assert(fake.enters == 0 || in_core->mapped_pages == 0);
	}
	cr_assert(calls > 2 && calls < 100);
}

CORE_TEST(entry, not_by_what_has_expired)
{
	uint64_t end = hal_time_ns() + 10 * MS, event;
	exo_cap_t cpu = until(boot->cpu, end, 0, 1), short_one;

	app_make(boot->memory);
	short_one = until(context, end, 0, 0);
	fake.timer_at = UINT64_MAX;
	fake.now_ns = end;
	IS(E_EXPIRED, exo_run(context, cpu, MS, &event));
	IS(E_EXPIRED, exo_run(short_one, boot->cpu, MS, &event));
	cr_assert_eq(deadline, 0);
}

/* It ends with the first of: the quantum, the capability of the context, that of the CPU, what the zone has mapped. */
CORE_TEST(entry, the_deadline_is_the_first_of_all)
{
	exo_frame_t first = frames_take(1);
	uint64_t now = hal_time_ns(), event;
	exo_cap_t short_one, cpu = until(boot->cpu, now + 80 * MS, 0, 1);

	app_make(boot->memory);
	short_one = until(context, now + 60 * MS, 0, 0);
	run(MS);
	cr_assert(deadline <= now + 2 * MS);
	run(UINT64_MAX);
	cr_assert_eq(deadline, UINT64_MAX);
	OK(exo_run(context, cpu, UINT64_MAX, &event));
	cr_assert_eq(deadline, now + 80 * MS);
	OK(exo_run(short_one, cpu, UINT64_MAX, &event));
	cr_assert_eq(deadline, now + 60 * MS);
	OK(map_under(zone, until(boot->memory, now + 40 * MS, first, 1), BASE, first, 1, EXO_PROT_READ));
	OK(exo_run(short_one, cpu, UINT64_MAX, &event));
	cr_assert_eq(deadline, now + 40 * MS);
	cr_assert(fake.now_ns < now + 40 * MS);
}

CORE_TEST(entry, so_is_what_the_zone_lives_from)
{
	uint64_t now = hal_time_ns();
	exo_frame_t answers;

	app_make(until(boot->memory, now + 80 * MS, boot->memory_first, 64));
	run(UINT64_MAX);
	cr_assert_eq(deadline, now + 80 * MS);
	page = frames_take(1);
	OK(exo_ctx_create(zone, until(boot->memory, now + 60 * MS, page, 1), page, &context));
	run(UINT64_MAX);
	cr_assert_eq(deadline, now + 60 * MS);
	answers = frames_take(1);
	OK(exo_zone_answers(zone, until(boot->memory, now + 40 * MS, answers, 1), answers, NULL));
	run(UINT64_MAX);
	cr_assert_eq(deadline, now + 40 * MS);
}

/* ---- A context page whose time is over, which nobody has seen yet ---------------- */

static uint64_t page_end;

/* Its page's capability lasts until `page_end`; nothing but the kernel looks at the time. */
static void short_page_make(void)
{
	page_end = hal_time_ns() + 10 * MS;
	app_make(boot->memory);
	OK(exo_cap_drop(context, NULL));
	OK(exo_ctx_create(zone, until(boot->memory, page_end, page, 1), page, &context));
}

static void time_passes(void)
{
	fake.timer_at = UINT64_MAX;
	fake.now_ns = page_end + MS;
	memset(frame_ptr(page), 0xee, PAGE);
}

static void page_is_as_it_was(void)
{
	for (unsigned i = 0; i < PAGE; i++)
		cr_assert_eq(((const uint8_t *)frame_ptr(page))[i], 0xee, "byte %u", i);
}

CORE_TEST(entry, an_expired_page_is_not_saved_to)
{
	short_page_make();
	cr_assert_eq(run(MS), EXO_EV_SYSCALL);
	OK(exo_ctx_save(context, NULL));
	time_passes();
	IS(E_DEAD, exo_ctx_save(context, NULL));
	page_is_as_it_was();
}

static void outlives_its_page(void *user, struct fake_entry *entry)
{
	(void)user;
	time_passes();
	fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
}

CORE_TEST(entry, nor_is_an_event_written_there)
{
	uint64_t event = 0;

	short_page_make();
	fake.program = outlives_its_page;
	(void)!exo_run(context, boot->cpu, 100 * MS, &event);
	cr_assert_eq(event, EXO_EV_DEAD);
	cr_assert_eq(((const struct exo_ctx_page *)frame_ptr(page))->event, 0xeeeeeeee); /* the rest is the machine's, which stopped there */
}

static void computes_on(void *user, struct fake_entry *entry)
{
	(void)user;
	deadline = entry->deadline;
	time_passes();
	if (fake.now_ns < entry->deadline)
		fake.now_ns = entry->deadline;
}

/* A main context, which has no runner: at the end of its turn, and at the next one's beginning. */
static void main_make(void)
{
	const struct cpu_quantum quantum = { .cycles = 1000000 };

	short_page_make();
	OK(exo_cap_drop(context, NULL));
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(24), 24, "guest", 5, &zone));
	OK(exo_ctx_create(zone, until(boot->memory, page_end, page, 1), page, &context));
	OK(exo_quantum_bind(boot->cpu, 3, context, &quantum, NULL));
	fake.program = computes_on;
	deadline = 0;
}

CORE_TEST(entry, nor_the_notice_of_a_turns_end)
{
	uint64_t v;

	main_make();
	OK(exo_wait(boot->cpu, page_end + 2 * MS, &v));
	cr_assert_neq(deadline, 0);
	cr_assert_eq(((const struct exo_ctx_page *)frame_ptr(page))->notice, UINT64_C(0xeeeeeeeeeeeeeeee));
}

CORE_TEST(entry, nor_has_it_another_turn)
{
	uint64_t v;

	main_make();
	time_passes();
	OK(exo_wait(boot->cpu, page_end + 2 * MS, &v));
	cr_assert_eq(deadline, 0);
	page_is_as_it_was();
}

/* ---- Look-ups while another CPU changes the slot ------------------------------- */

static exo_cap_t weak, strong;

static void goes(void)
{
	fake_cpu_become(1);
	OK(exo_cap_drop(weak, NULL));
	fake_cpu_become(0);
}

static void is_reused(void)
{
	goes();
	fake_cpu_become(1);
	strong = derive(boot->timer, EXO_R_ALL, 0, 0);
	fake_cpu_become(0);
}

static void lookup(const struct exo_boot *b)
{
	static void (*const changes[])(void) = { goes, is_reused };
	uint64_t v = 0;

	boot = b;
	for (unsigned i = 0; i < 2; i++) {
		weak = derive(boot->timer, EXO_R_WRITE, 0, 0);
		OK(exo_timer_set(weak, UINT64_MAX, NULL)); /* now this CPU knows that its tag is good */
		fake.meanwhile = changes[i];
		IS(E_CAP, exo_clock_read(weak, EXO_CLOCK_MONOTONIC, &v));
		cr_assert(!fake.meanwhile, "it was in the middle of it");
	}
	cr_assert_eq((cap_slot_t)strong, (cap_slot_t)weak, "the slot's next life");
	OK(exo_clock_read(strong, EXO_CLOCK_MONOTONIC, &v));
	SOUND();
}

/* The name without the right must not pass by what its slot is a moment later. */
Test(entry, a_look_up_looks_twice)
{
	fake_reset();
	fake.cpu_count = 2;
	cr_assert_eq(fake_boot(lookup), FAKE_RETURNED);
}

/* Time-bounded access: what expires goes, with all that it was used for, and nobody has to ask. */
#include "core_env.h"
#include <core/due.h>

#define MS UINT64_C(1000000)

static exo_cap_t until(exo_cap_t cap, uint64_t expires, uint64_t first, uint64_t count)
{
	exo_cap_t out = 0;

	OK(exo_cap_derive(cap, EXO_R_ALL, first, count, expires, &out));
	return out;
}

static uint64_t sleep_until(uint64_t at)
{
	uint64_t value;

	OK(exo_wait(boot->cpu, at, &value));
	return value;
}

CORE_TEST(due, expired_slots_and_bindings_go)
{
	exo_frame_t first = frames_take(8), page = frames_take(1);
	uint64_t now = hal_time_ns();
	exo_cap_t zone = zone_make(16), a = until(boot->memory, now + 5 * MS, first, 8), b, c, context;
	uint32_t used = stats().caps_used;
	struct zone *in_core = cap_at((cap_slot_t)zone)->zone;
	struct exo_taken list[4];
	uint64_t n;

	b = until(a, now + 3 * MS, first, 4);
	OK(exo_cap_grant(b, zone, EXO_R_READ, &c));
	OK(map_under(zone, a, 0x400000, first, 8, EXO_PROT_READ));
	OK(exo_ctx_create(zone, boot->memory, page, &context));
	cr_assert_eq(fake.timer_at, now + 3 * MS);
	cr_assert_eq(sleep_until(now + 4 * MS), EXO_PEND_REVOKED);
	IS(E_CAP, exo_cap_drop(b, NULL));
	cr_assert_eq(fake.timer_at, now + 5 * MS);
	cr_assert_neq(query(zone, 0x400000), 0);
	/* The zone is never entered; its mappings go all the same. */
	cr_assert_eq(sleep_until(now + 6 * MS), EXO_PEND_REVOKED);
	cr_assert_eq(query(zone, 0x400000), 0);
	cr_assert_eq(in_core->mapped_pages, 0);
	cr_assert_eq(in_core->bindings.count, 0);
	cr_assert(frames_are_plain(first, 8, true));
	cr_assert_eq(stats().caps_used, used);
	OK(exo_taken_read(boot->zone, list, 4, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(list[0].cap, b);
	cr_assert_eq(list[1].cap, a);
	cr_assert_eq(list[1].from, a);
	cr_assert_eq(list[1].undone, 8);
	cr_assert_eq(list[1].why, EXO_TAKEN_EXPIRED);
	cr_assert(in_core->pending & EXO_PEND_REVOKED);
	cr_assert_eq(fake.timer_at, UINT64_MAX);
}

/* Before the kernel has come to it, too. */
CORE_TEST(due, refused_at_once)
{
	exo_cap_t a = until(boot->timer, hal_time_ns() + MS, 0, 0);
	uint64_t v;

	OK(exo_clock_read(a, 0, &v));
	fake.now_ns += MS;
	IS(E_EXPIRED, exo_clock_read(a, 0, &v));
	OK(exo_event_take(boot->zone, &v));
	IS(E_CAP, exo_clock_read(a, 0, &v));
}

CORE_TEST(due, is_on_record)
{
	exo_cap_t a = until(boot->timer, hal_time_ns() + MS, 0, 0);
	struct exo_audit_record record = { 0 };
	uint64_t n = 1;

	sleep_until(hal_time_ns() + 2 * MS);
	while (n == 1 && record.what != EXO_AUDIT_DUE)
		OK(exo_audit_read(boot->audit, &record, 1, &n));
	cr_assert_eq(n, 1);
	cr_assert_eq(record.cap, a);
	cr_assert_eq(record.zone, ZONE_LIBOS_NUMBER);
	cr_assert_eq(record.status, EXO_E_EXPIRED);
}

CORE_TEST(due, of_timers_and_deadlines_the_first)
{
	uint64_t now = hal_time_ns();
	exo_cap_t a = until(boot->timer, now + 3 * MS, 0, 0), b;

	OK(exo_timer_set(boot->timer, now + MS, NULL));
	cr_assert_eq(fake.timer_at, now + MS);
	b = until(boot->timer, now + 2 * MS, 0, 0);
	cr_assert_eq(fake.timer_at, now + MS);
	cr_assert_eq(sleep_until(now + 10 * MS), EXO_PEND_TIMER);
	cr_assert_eq(fake.timer_at, now + 2 * MS);
	OK(exo_timer_set(boot->timer, now + 5 * MS, NULL));
	cr_assert_eq(fake.timer_at, now + 2 * MS);
	OK(exo_cap_drop(b, NULL));
	SOUND();
	cr_assert_eq(sleep_until(now + 4 * MS), EXO_PEND_REVOKED);
	IS(E_CAP, exo_cap_drop(a, NULL));
	cr_assert_eq(sleep_until(now + 10 * MS), EXO_PEND_TIMER);
}

/* What nobody can name any more ends. */
CORE_TEST(due, a_zone_for_a_time)
{
	uint64_t now = hal_time_ns(), funded = stats().frames_funded;
	exo_cap_t above = until(boot->zone, now + 5 * MS, 0, 0), zone;
	exo_frame_t page;

	OK(exo_zone_create(above, boot->memory, frames_take(16), 16, "x", 1, &zone));
	context_make(zone, &page);
	cr_assert_eq(stats().zones, 2);
	sleep_until(now + 6 * MS);
	cr_assert_eq(stats().zones, 1);
	cr_assert_eq(stats().contexts, 0);
	cr_assert_eq(stats().frames_funded, funded);
	cr_assert(frames_are_plain(page, 1, true));
}

static exo_cap_t running_zone;

static void outlive(void *user, struct fake_entry *entry)
{
	(void)user;
	fake.now_ns += 10 * MS;
	/* A kernel call of its own, after its time: the kernel has work to do before it. */
	if (fake.enters == 1)
		fake_syscall(entry, EXO_CALL_BASE | EXO_NR_EVENT_TAKE, running_zone, 0, 0, 0, 0, 0);
	else
		entry->trap->event = EXO_EV_PENDING;
}

CORE_TEST(due, a_context_that_runs)
{
	uint64_t now = hal_time_ns(), event = 99;
	exo_cap_t above = until(boot->zone, now + 5 * MS, 0, 0), zone, context;
	exo_frame_t page;

	OK(exo_zone_create(above, boot->memory, frames_take(16), 16, "x", 1, &zone));
	context = context_make(zone, &page);
	OK(exo_cap_grant(boot->zone, zone, EXO_R_READ, &running_zone));
	fake.program = outlive;
	IS(E_EXPIRED, exo_run(context, boot->cpu, 100 * MS, &event));
	cr_assert_eq(event, EXO_EV_NONE);
	cr_assert_eq(fake.enters, 1);
	cr_assert_eq(stats().contexts, 1);
	sleep_until(now + 50 * MS);
	cr_assert_eq(stats().contexts, 0);
	cr_assert_eq(stats().zones, 1);
}

#define WIDE 10000

CORE_TEST(due, many_in_bounded_steps)
{
	uint64_t now = hal_time_ns() + 100 * MS, v;
	uint32_t used = stats().caps_used;
	int calls = 0;

	for (int i = 0; i < WIDE; i++)
		until(boot->timer, now, 0, 0);
	SOUND();
	fake.now_ns = now;
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(fake.timer_at, UINT64_MAX, "it does not ring again for what is known");
	while (core.due_ready && ++calls < 1000)
		strangers_call();
	cr_assert(calls > 100 && calls < 1000);
	cr_assert_eq(stats().caps_used, used);
	/* An idle kernel does it without being called. */
	for (int i = 0; i < WIDE; i++)
		until(boot->timer, hal_time_ns() + MS, 0, 0);
	for (calls = 0; core.due.count > 0 && ++calls < 3000;)
		cr_assert_eq(sleep_until(hal_time_ns() + 5 * MS), EXO_PEND_REVOKED);
	cr_assert_eq(stats().caps_used, used);
}

/* A mapping of many pages goes in pieces, too; all pages are in the record, or records. */
CORE_TEST(due, large_mappings)
{
	uint64_t now = hal_time_ns(), n, undone = 0;
	exo_frame_t first = frames_take(2000);
	exo_cap_t zone = zone_make(64), a = until(boot->memory, now + 100 * MS, first, 2000);
	struct exo_taken list[8];
	int calls = 0;

	for (uint64_t i = 0; i < 2000; i += 500)
		OK(map_under(zone, a, 0x400000 + i * PAGE, first + i, 500, EXO_PROT_READ));
	fake.now_ns = now + 100 * MS;
	OK(exo_event_take(boot->zone, &n));
	while (core.due_ready && ++calls < 1000) {
		SOUND();
		strangers_call();
	}
	cr_assert(calls > 5);
	OK(exo_taken_read(boot->zone, list, 8, &n));
	for (uint64_t i = 0; i < n; i++)
		undone += list[i].undone;
	cr_assert_eq(n, 1);
	cr_assert_eq(undone, 2000);
}

static uint32_t random_below(uint32_t below)
{
	static uint64_t state = 4711;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

/* The heap against a plain array. */
CORE_TEST(due, agrees_with_a_model)
{
	enum { COUNT = 300 };
	static exo_cap_t caps[COUNT];
	static uint64_t at[COUNT];
	uint64_t v;

	fake.tick_ns = 0;
	for (int step = 0; step < 20000; step++) {
		int i = (int)random_below(COUNT);

		if (!caps[i]) {
			at[i] = random_below(4) ? fake.now_ns + random_below(500) + 1 : EXO_NO_EXPIRY;
			caps[i] = until(boot->timer, at[i], 0, 0);
		} else if (random_below(3) == 0) {
			OK(exo_cap_drop(caps[i], NULL));
			caps[i] = 0;
		} else if (random_below(3) == 0) {
			uint64_t next = UINT64_MAX;

			fake.now_ns += random_below(8);
			OK(exo_event_take(boot->zone, &v));
			while (core.due_ready)
				reap_step(WORK_CALL);
			for (int k = 0; k < COUNT; k++) {
				if (!caps[k])
					continue;
				cr_assert_eq(cap_find(caps[k]) == NULL, at[k] <= fake.now_ns);
				if (at[k] <= fake.now_ns)
					caps[k] = 0;
				else if (at[k] < next)
					next = at[k];
			}
			cr_assert_eq(due_heap_first(&core.due), next);
			cr_assert_eq(fake.timer_at, next);
		}
		if (step % 200 == 0)
			SOUND();
	}
}

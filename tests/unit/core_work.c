/* No call is long, whatever was built before: what is counted is work (words of tables, records, flushes), never time. */
#include "core_env.h"
#include <core/call.h>
#include <core/reap.h>

#define BASE   UINT64_C(0x100000000)
#define TABLE  (512 * PAGE) /* what one table of level 1 covers */
#define TABLES 1000
#define FUND   (TABLES + 100)

/* Words of page tables that one call may look at: those that it may spend, and one search that began with the last of them. */
#define WORDS_MAX (WORK_CALL + 4096)

static struct {
	uint64_t words, flushes, capabilities, frames;
} before;

static void begin(void)
{
	before.words = fake.words;
	before.flushes = fake.flushes;
	before.capabilities = core.caps_used;
	before.frames = core.frames_funded;
}

/* One call has ended. */
static void end(void)
{
	cr_assert_leq(fake.words - before.words, WORDS_MAX);
	cr_assert_leq(fake.flushes - before.flushes, WORK_CALL / WORK_FLUSH + 1);
	cr_assert_leq(before.capabilities, core.caps_used + WORK_CALL / WORK_CAP);
	cr_assert_leq(before.frames, core.frames_funded + WORK_CALL / WORK_FRAME + 1);
	cr_assert_eq(fake.unflushed, 0);
}

/* Makes a call until it says something other than E_AGAIN; *calls: how often. */
#define IN_STEPS(calls, call)                           \
	do {                                            \
		enum exo_status status_ = EXO_E_AGAIN;  \
                                                        \
		for (calls = 0; status_ == EXO_E_AGAIN; calls++) { \
			begin();                        \
			status_ = (call);               \
			end();                          \
		}                                       \
		cr_assert(status_ == EXO_OK || (calls > 1 && status_ == EXO_E_CAP)); \
	} while (0)

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

static enum exo_status page_map(exo_cap_t zone, exo_cap_t memory, exo_vaddr_t at, exo_frame_t frame, uint32_t prot)
{
	struct exo_map_op op = { at, frame, 1, prot };

	return exo_mem_map(zone, memory, &op, 1, NULL);
}

/* A page in each of so many tables, all of one frame. */
static void tables_fill(exo_cap_t zone, exo_frame_t frame, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		OK(page_map(zone, boot->memory, BASE + i * TABLE + (i & 511) * PAGE, frame, EXO_PROT_READ));
}

/* Two capabilities for one frame, mapped by turns, so that each page is an interval. */
static exo_cap_t intervals_make(exo_cap_t zone, uint64_t count, exo_frame_t frame)
{
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, frame, 1), by[2];

	for (int i = 0; i < 2; i++)
		by[i] = derive(top, EXO_R_ALL, frame, 1);
	for (uint64_t i = 0; i < count; i++)
		OK(page_map(zone, by[i & 1], BASE + i * PAGE, frame, EXO_PROT_READ));
	return top;
}

/* A table that has become empty is gone: nobody looks for pages in it, and its frame is free again. */
CORE_TEST(work, empty_tables_cost_nothing)
{
	static struct exo_map_op ops[4000];
	exo_cap_t zone = zone_make(FUND);
	uint64_t free = zone_of(zone)->pool.count, tables = fake.tables, done;

	tables_fill(zone, frames_take(1), TABLES);
	for (uint64_t i = 0; i < TABLES; i++)
		OK(page_map(zone, EXO_CAP_NONE, BASE + i * TABLE + (i & 511) * PAGE, 0, 0));
	cr_assert_eq(fake.tables, tables);
	cr_assert_eq(zone_of(zone)->pool.count, free - 1); /* the records of what was mapped */
	for (uint32_t i = 0; i < 4000; i++)
		ops[i] = (struct exo_map_op){ BASE, 0, EXO_UNMAP_MAX, 0 };
	begin();
	IS(E_AGAIN, exo_mem_map(zone, EXO_CAP_NONE, ops, 4000, &done));
	end();
	cr_assert_gt(done, WORK_CALL / 20);
}

/* What is there, but far apart, is found in steps, and taken in steps. */
CORE_TEST(work, pages_far_apart)
{
	static struct exo_page_info info[TABLES];
	exo_cap_t zone = zone_make(FUND);
	uint64_t calls, found = 0, told;
	exo_vaddr_t at = 0;
	enum exo_status status;
	struct exo_map_op op = { BASE, 0, EXO_UNMAP_MAX, 0 };

	tables_fill(zone, frames_take(1), TABLES);
	do {
		begin();
		status = exo_mem_scan(zone, at, (EXO_USER_LIMIT - at) / PAGE, info, TABLES, 0, &told);
		end();
		found += told;
		at = told ? info[told - 1].vaddr + PAGE : at;
	} while (status == EXO_E_AGAIN);
	OK(status);
	cr_assert_eq(found, TABLES);
	IN_STEPS(calls, exo_mem_map(zone, EXO_CAP_NONE, &op, 1, NULL));
	cr_assert_gt(calls, 10);
	cr_assert_eq(zone_of(zone)->mapped_pages, 0);
}

/* Intervals are found by the logarithm of their number. */
CORE_TEST(work, many_intervals)
{
	exo_cap_t zone = zone_make(FUND), top = intervals_make(zone, 4096, frames_take(1));
	uint64_t calls;

	cr_assert_eq(zone_of(zone)->bindings.count, 4096);
	cr_assert_leq(zone_of(zone)->bindings.root->level, 12);
	SOUND();
	IN_STEPS(calls, exo_cap_revoke(top, NULL));
	cr_assert_gt(calls, 4096 * WORK_RECORD / WORK_CALL / 2);
	cr_assert_eq(zone_of(zone)->bindings.count, 0);
}

/* One flush for a space, however many intervals of it a call takes. */
CORE_TEST(work, one_flush_for_many_intervals)
{
	exo_cap_t zone = zone_make(FUND), top = intervals_make(zone, 16, frames_take(1));
	uint64_t flushes = fake.flushes;

	OK(exo_cap_revoke(top, NULL));
	cr_assert_leq(fake.flushes, flushes + 2);
}

/* A zone with many tables, records and contexts ends in steps. */
CORE_TEST(work, a_large_zone_ends)
{
	exo_cap_t zone = zone_make(FUND), context;
	uint64_t calls;

	tables_fill(zone, frames_take(1), TABLES - 200);
	intervals_make(zone, 3000, frames_take(1));
	for (int i = 0; i < 100; i++)
		OK(exo_ctx_create(zone, boot->memory, frames_take(1), &context));
	IN_STEPS(calls, exo_zone_destroy(zone, NULL));
	cr_assert_gt(calls, 10);
}

/* Memory that many zones live from: each is put into the queue and found there in one step. */
CORE_TEST(work, many_zones_end)
{
	enum { ZONES = 1000 };
	exo_frame_t first = frames_take(3 * ZONES);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, 3 * ZONES), memory = derive(top, EXO_R_ALL, first, 3 * ZONES), zone;
	uint64_t calls;

	for (uint64_t i = 0; i < ZONES; i++)
		OK(exo_zone_create(boot->zone, memory, first + 3 * i, 3, "z", 1, &zone));
	IN_STEPS(calls, exo_cap_revoke(top, NULL));
	cr_assert_gt(calls, ZONES * 3 * WORK_FRAME / WORK_CALL);
	cr_assert_eq(core.zone_count, 1);
}

/* Timers are in a heap, and go off some at a time. */
CORE_TEST(work, many_timers)
{
	enum { ZONES = 600 };
	exo_cap_t zone, timer;
	uint64_t fired = 0, calls = 0, at = hal_time_ns() + 1000000, events;

	for (uint64_t i = 0; i < ZONES; i++) {
		zone = zone_make(3);
		OK(exo_cap_grant(boot->timer, zone, EXO_R_WRITE, &timer));
		OK(call_dispatch(zone_of(zone), EXO_NR_TIMER_SET, (const uint64_t[6]){ timer, at - i }).status);
	}
	SOUND();
	cr_assert_eq(fake.timer_at, at - ZONES + 1);
	fake.now_ns = at;
	for (; fired < ZONES; calls++) {
		uint64_t armed = core.timers.count;

		OK(exo_event_take(boot->zone, &events));
		cr_assert_lt(core.timers.count, armed);
		cr_assert_leq(armed - core.timers.count, 64);
		fired += armed - core.timers.count;
		cr_assert(core.timers.count == 0 || fake.timer_at <= at); /* the rest at once */
	}
	cr_assert_gt(calls, 8);
}

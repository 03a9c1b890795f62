/* Batches: each entry is a call of its own, the whole is bounded, and some calls may not be in one. */
#include "core_env.h"

#define OPS_MAX 256

static struct exo_batch_op ops[OPS_MAX];

static struct exo_batch_op op(uint32_t call, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	return (struct exo_batch_op){ .call = call, .status = 99, .args = { a0, a1, a2, a3, a4, 0 }, .value = 99 };
}

static void nops(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		ops[i] = op(EXO_NR_NOP, 0, 0, 0, 0, 0);
}

static enum exo_status batch(uint64_t count, uint64_t *done)
{
	*done = 0;
	return exo_batch(ops, count, done);
}

CORE_TEST(batch, every_entry_has_its_own_status)
{
	struct exo_cap_info info;
	uint64_t done, calls = stats().calls;
	exo_frame_t f = frames_take(8);

	ops[0] = op(EXO_NR_CAP_DERIVE, boot->memory, EXO_R_READ, f, 4, EXO_NO_EXPIRY);
	ops[1] = op(EXO_NR_CAP_DERIVE, boot->memory, EXO_R_READ, 0, 1, EXO_NO_EXPIRY);
	ops[2] = op(EXO_NR_CAP_INSPECT, 12345, 0, 0, 0, 0);
	ops[3] = op(EXO_NR_CAP_INSPECT, boot->memory, (uint64_t)(uintptr_t)&info, 0, 0, 0);
	ops[4] = op(4711, 0, 0, 0, 0, 0);
	ops[5] = op(EXO_NR_CLOCK_READ, boot->timer, EXO_CLOCK_MONOTONIC, 0, 0, 0);
	ops[6] = op(EXO_NR_CONSOLE_READ, boot->timer, 0, 0, 0, 0);
	OK(batch(7, &done));
	cr_assert_eq(done, 7);
	cr_assert_eq(ops[0].status, EXO_OK);
	cr_assert_eq(inspect(ops[0].value).first, f);
	cr_assert_eq(ops[1].status, EXO_E_RANGE);
	cr_assert_eq(ops[1].value, 0);
	cr_assert_eq(ops[2].status, EXO_E_CAP);
	cr_assert_eq(ops[3].status, EXO_OK);
	cr_assert_eq(info.cap, boot->memory);
	cr_assert_eq(ops[4].status, EXO_E_CALL);
	cr_assert_eq(ops[5].status, EXO_OK);
	cr_assert_gt(ops[5].value, 0);
	cr_assert_eq(ops[6].status, EXO_E_TYPE);
	/* The batch, its entries, one inspect, and the two looks at the statistics less the first. */
	cr_assert_eq(stats().calls, calls + 1 + 7 + 1 + 1);
}

CORE_TEST(batch, later_entries_see_what_earlier_ones_did)
{
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, boot->memory_first, 4), b = derive(a, EXO_R_ALL, boot->memory_first, 1);
	uint64_t done;

	ops[0] = op(EXO_NR_CAP_REVOKE, a, 0, 0, 0, 0);
	ops[1] = op(EXO_NR_CAP_DROP, b, 0, 0, 0, 0);
	ops[2] = op(EXO_NR_CAP_DROP, a, 0, 0, 0, 0);
	ops[3] = op(EXO_NR_CAP_DROP, a, 0, 0, 0, 0);
	OK(batch(4, &done));
	cr_assert_eq(ops[0].value, 1);
	cr_assert_eq(ops[1].status, EXO_E_CAP);
	cr_assert_eq(ops[2].status, EXO_OK);
	cr_assert_eq(ops[3].status, EXO_E_CAP);
}

/* A refusal inside of a batch leaves the record that the call alone would leave. */
CORE_TEST(batch, refusals_are_audited)
{
	struct exo_audit_record records[8];
	uint64_t count, done;

	ops[0] = op(EXO_NR_HALT, boot->timer, 0, 0, 0, 0);
	ops[1] = op(EXO_NR_CAP_DROP, 77, 0, 0, 0, 0);
	ops[2] = op(EXO_NR_NOP, 0, 0, 0, 0, 0);
	OK(batch(3, &done));
	OK(exo_audit_read(boot->audit, records, 8, &count));
	cr_assert_eq(count, 2);
	cr_assert_eq(records[0].status, EXO_E_CALL);
	cr_assert_eq(records[1].call, EXO_NR_CAP_DROP);
	cr_assert_eq(records[1].cap, 77);
	cr_assert_eq(records[1].what, EXO_AUDIT_REFUSE);
}

CORE_TEST(batch, some_calls_may_not_be_in_one)
{
	uint64_t done;

	ops[0] = op(EXO_NR_RUN, boot->cpu, 0, 0, 0, 0);
	ops[1] = op(EXO_NR_WAIT, boot->cpu, 0, 0, 0, 0);
	ops[2] = op(EXO_NR_BATCH, (uint64_t)(uintptr_t)ops, 1, 0, 0, 0);
	ops[3] = op(EXO_NR_HALT, boot->root, 3, 0, 0, 0);
	OK(batch(4, &done));
	for (int i = 0; i < 4; i++)
		cr_assert_eq(ops[i].status, EXO_E_CALL);
}

/* However many there are, one call ends soon, and the next one goes on. */
CORE_TEST(batch, time_is_bounded)
{
	uint64_t done, all = 0, rounds = 0;
	enum exo_status status;

	nops(OPS_MAX);
	fake.tick_ns = 40000;
	do {
		status = exo_batch(ops + all, OPS_MAX - all, &done);
		cr_assert(status == EXO_OK || status == EXO_E_AGAIN);
		cr_assert_gt(done, 0);
		all += done;
		rounds++;
	} while (status == EXO_E_AGAIN);
	cr_assert_eq(all, OPS_MAX);
	cr_assert_gt(rounds, 2);
	for (int i = 0; i < OPS_MAX; i++)
		cr_assert_eq(ops[i].status, EXO_OK);
}

/* After a call that may be long the clock is looked at at once. */
CORE_TEST(batch, a_long_entry_ends_it)
{
	uint64_t done;

	nops(8);
	ops[2] = op(EXO_NR_TIMER_SET, boot->timer, UINT64_MAX, 0, 0, 0);
	ops[5].status = 99;
	fake.tick_ns = 120000;
	IS(E_AGAIN, batch(8, &done));
	cr_assert_eq(done, 3);
	cr_assert_eq(ops[2].status, EXO_OK);
	cr_assert_eq(ops[5].status, 99, "what is not done is not touched");
}

CORE_TEST(batch, bad_memory)
{
	uint64_t done;

	fake.regions[0].base = ops;
	fake.regions[0].size = 20 * sizeof(ops[0]);
	fake.region_count = 1;
	nops(OPS_MAX);
	ops[3] = op(EXO_NR_CAP_DERIVE, boot->memory, EXO_R_READ, boot->memory_first, 1, EXO_NO_EXPIRY);
	IS(E_ADDRESS, batch(21, &done));
	cr_assert_eq(done, 16, "the first chunk was there");
	cr_assert_eq(ops[3].status, EXO_OK);
	OK(exo_cap_drop(ops[3].value, NULL));
	IS(E_ADDRESS, exo_batch(ops + 20, 1, &done));
	cr_assert_eq(done, 0);
	IS(E_ADDRESS, exo_batch((void *)UINT64_C(0xffffffffffffffc0), 4, &done));
	IS(E_ARG, batch(0, &done));
	IS(E_ADDRESS, exo_batch(NULL, UINT64_MAX, &done));
}

/* ---- From a program ----------------------------------------------------- */

#define APP UINT64_C(0x400000)

static struct {
	exo_cap_t zone; /* the program's own name for its zone; it may end with it */
	exo_frame_t frame;
	uint64_t at, count, status, value;
	int step;
} app;

static void app_program(void *user, struct fake_entry *entry)
{
	(void)user;
	switch (app.step++) {
	case 0:
		fake_syscall(entry, EXO_CALL_BASE | EXO_NR_BATCH, app.at, app.count, 0, 0, 0, 0);
		break;
	default:
		app.status = entry->regs->rax;
		app.value = entry->regs->rdx;
		fake_syscall(entry, 1, 0, 0, 0, 0, 0, 0);
	}
}

static exo_cap_t app_start(uint32_t prot, exo_cap_t *zone)
{
	exo_frame_t page;
	exo_cap_t context;

	memset(&app, 0, sizeof(app));
	app.at = APP;
	*zone = zone_make(32);
	context = context_make(*zone, &page);
	app.frame = frames_take(1);
	OK(map_under(*zone, boot->memory, APP, app.frame, 1, prot));
	OK(exo_cap_grant(*zone, *zone, EXO_R_ALL, &app.zone));
	fake.program = app_program;
	return context;
}

CORE_TEST(batch, of_a_program)
{
	exo_cap_t zone, context = app_start(EXO_PROT_READ | EXO_PROT_WRITE, &zone);
	struct exo_batch_op *list = frame_ptr(app.frame);
	uint64_t event;

	list[0] = op(EXO_NR_NOP, 0, 0, 0, 0, 0);
	list[1] = op(EXO_NR_CAP_DROP, boot->memory, 0, 0, 0, 0);
	app.count = 2;
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_SYSCALL);
	cr_assert_eq(app.status, EXO_OK);
	cr_assert_eq(app.value, 2);
	cr_assert_eq(list[0].status, EXO_OK);
	cr_assert_eq(list[1].status, EXO_E_CAP, "another zone's capability");
}

/* What cannot be told is not done. */
CORE_TEST(batch, memory_that_cannot_be_written)
{
	exo_cap_t zone, context = app_start(EXO_PROT_READ, &zone);
	struct exo_batch_op *list = frame_ptr(app.frame);
	uint64_t event;

	list[0] = op(EXO_NR_CAP_DROP, app.zone, 0, 0, 0, 0);
	app.count = 1;
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(app.status, EXO_E_ADDRESS);
	cr_assert_eq(app.value, 0);
	cr_assert_eq(inspect(zone).refs, 2, "it was not dropped: context and program");
}

/* Two entries, each on a page of its own, of which one cannot be written: neither is done. */
static void a_page_cannot_be_written(uint32_t first_prot, uint32_t second_prot)
{
	exo_cap_t zone, context = app_start(EXO_PROT_READ | first_prot, &zone);
	exo_frame_t second = frames_take(1);
	struct exo_batch_op *end = (struct exo_batch_op *)frame_ptr(app.frame + 1);
	uint64_t event;

	OK(map_under(zone, boot->memory, APP + PAGE, second, 1, EXO_PROT_READ | second_prot));
	end[-1] = op(EXO_NR_CAP_DROP, app.zone, 0, 0, 0, 0);
	*(struct exo_batch_op *)frame_ptr(second) = op(EXO_NR_NOP, 0, 0, 0, 0, 0);
	app.at = APP + PAGE - sizeof(*end);
	app.count = 2;
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(app.status, EXO_E_ADDRESS);
	cr_assert_eq(app.value, 0);
	cr_assert_eq(inspect(zone).refs, 2, "it was not dropped");
}

CORE_TEST(batch, memory_of_which_a_part_cannot_be_written)
{
	a_page_cannot_be_written(0, EXO_PROT_WRITE);
	a_page_cannot_be_written(EXO_PROT_WRITE, 0);
}

/* How many are left after a batch of so many entries, the first of which begins to take many away. */
static uint32_t left_after(uint64_t count)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);
	uint32_t before = core.caps_used, left;
	uint64_t done;

	for (unsigned i = 0; i < 4000; i++)
		derive(top, EXO_R_READ, 0, 0);
	nops(count);
	ops[0] = op(EXO_NR_CAP_REVOKE, top, 0, 0, 0, 0);
	fake.now_ns += 2 * REAP_EVERY_NS;
	OK(batch(count, &done));
	cr_assert_eq(ops[0].status, EXO_E_AGAIN);
	left = core.caps_used - before;
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(core.caps_used, before);
	return left;
}

CORE_TEST(batch, a_long_one_helps_with_what_it_left)
{
	cr_assert_lt(left_after(17), left_after(16));
}


/* An entry takes away the memory that the entries lie in: those done stay done. */
CORE_TEST(batch, an_entry_unmaps_the_batch)
{
	exo_cap_t zone, context = app_start(EXO_PROT_READ | EXO_PROT_WRITE, &zone);
	struct exo_batch_op *list = frame_ptr(app.frame);
	struct exo_map_op *map = (void *)(list + 4);
	uint64_t event;

	*map = (struct exo_map_op){ APP, 0, 1, 0 };
	list[0] = op(EXO_NR_MEM_MAP, app.zone, EXO_CAP_NONE, APP + 4 * sizeof(*list), 1, 0);
	list[1] = op(EXO_NR_NOP, 0, 0, 0, 0, 0);
	app.count = 2;
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(app.status, EXO_E_ADDRESS);
	cr_assert_eq(app.value, 2);
	cr_assert_eq(query(zone, APP), 0);
}

/* The caller's end is the batch's: a zone that is going must get nothing any more. */
CORE_TEST(batch, an_entry_ends_the_caller)
{
	exo_cap_t zone, context = app_start(EXO_PROT_READ | EXO_PROT_WRITE, &zone), timer;
	struct exo_batch_op *list = frame_ptr(app.frame);
	uint64_t event, refs = stats().zones;

	OK(exo_cap_grant(boot->timer, zone_make(32), EXO_R_ALL, &timer)); /* a zone beside it */
	OK(exo_cap_grant(boot->timer, zone, EXO_R_ALL, &timer));
	list[0] = op(EXO_NR_CAP_DROP, app.zone, 0, 0, 0, 0);
	list[1] = op(EXO_NR_TIMER_SET, timer, fake.now_ns + 1000000000, 0, 0, 0);
	app.count = 2;
	/* The program has the last name of its zone. */
	OK(exo_cap_drop(zone, NULL));
	IS(E_DEAD, exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_DEAD);
	while (stats().zones > refs)
		OK(exo_nop(NULL));
	cr_assert_eq(core.timers.count, 0);
}

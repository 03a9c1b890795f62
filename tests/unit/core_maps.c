/* Mappings and their bindings: intervals merge and split, and revoking undoes them. */
#include "core_env.h"

#define RW  (EXO_PROT_READ | EXO_PROT_WRITE)
#define BASE UINT64_C(0x400000)

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

static uint64_t intervals(exo_cap_t zone)
{
	return zone_of(zone)->bindings.count;
}

CORE_TEST(maps, map_protect_unmap)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t f = frames_take(8);

	cr_assert_eq(query(zone, BASE), 0);
	OK(map_under(zone, boot->memory, BASE, f, 8, RW));
	cr_assert_eq(query(zone, BASE + 3 * PAGE + 5) >> EXO_FRAME_SHIFT, f + 3);
	cr_assert_eq(query(zone, BASE) & 7, RW);
	OK(map_under(zone, boot->memory, BASE + PAGE, EXO_FRAME_KEEP, 2, EXO_PROT_READ));
	cr_assert_eq(query(zone, BASE + PAGE) & 7, EXO_PROT_READ);
	cr_assert_eq(query(zone, BASE + 3 * PAGE) & 7, RW);
	OK(map_under(zone, EXO_CAP_NONE, BASE + PAGE, 0, 2, 0));
	cr_assert_eq(query(zone, BASE + PAGE), 0);
	cr_assert_eq(query(zone, BASE + 3 * PAGE) >> EXO_FRAME_SHIFT, f + 3);
	SOUND();
	/* All of the space at once, and twice. */
	for (int i = 0; i < 2; i++)
		OK(map_under(zone, EXO_CAP_NONE, EXO_USER_BASE, 0, EXO_UNMAP_MAX, 0));
	cr_assert_eq(zone_of(zone)->mapped_pages, 0);
	cr_assert_eq(intervals(zone), 0);
}

/* What was taken away is out of reach when the call returns, entered or not. */
CORE_TEST(maps, a_map_call_flushes)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t f = frames_take(8);
	uint64_t flushes;

	OK(map_under(zone, boot->memory, BASE, f, 8, RW));
	flushes = fake.flushes;
	OK(map_under(zone, EXO_CAP_NONE, BASE, 0, 1, 0));
	cr_assert(fake.flushes > flushes);
	flushes = fake.flushes;
	OK(map_under(zone, boot->memory, BASE + PAGE, f + 7, 1, RW));
	cr_assert(fake.flushes > flushes);
	flushes = fake.flushes;
	OK(map_under(zone, boot->memory, BASE + PAGE, EXO_FRAME_KEEP, 1, EXO_PROT_READ));
	cr_assert(fake.flushes > flushes);
}

CORE_TEST(maps, a_process_has_one_binding)
{
	exo_cap_t zone = zone_make(64);
	exo_frame_t f = frames_take(64);

	OK(map_under(zone, boot->memory, BASE, f, 4, RW));
	OK(map_under(zone, boot->memory, 0x7ffe00000000, f + 4, 4, RW));
	OK(map_under(zone, boot->memory, 0x7000000000, f + 8, 4, RW));
	OK(map_under(zone, boot->memory, EXO_USER_BASE, f + 12, 4, RW));
	cr_assert_eq(intervals(zone), 1);
	OK(map_under(zone, EXO_CAP_NONE, BASE, 0, 4, 0));
	OK(map_under(zone, EXO_CAP_NONE, EXO_USER_BASE, 0, 4, 0));
	cr_assert_eq(intervals(zone), 1);
	cr_assert_eq(zone_of(zone)->bindings.root->first, 0x7000000000);
	cr_assert_eq(inspect(boot->memory).refs, 2); /* and the zone's fund */
}

CORE_TEST(maps, another_capability_splits)
{
	exo_cap_t zone = zone_make(64);
	exo_frame_t f = frames_take(64);
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, f, 32), b = derive(boot->memory, EXO_R_ALL, f + 32, 32);

	OK(map_under(zone, a, BASE, f, 10, RW));
	OK(map_under(zone, b, BASE + 4 * PAGE, f + 32, 2, RW));
	cr_assert_eq(intervals(zone), 3);
	SOUND();
	/* KEEP reaches only what was mapped under the same capability. */
	IS(E_RANGE, map_under(zone, a, BASE, EXO_FRAME_KEEP, 10, EXO_PROT_READ));
	OK(map_under(zone, a, BASE, EXO_FRAME_KEEP, 4, EXO_PROT_READ));
	OK(map_under(zone, b, BASE + 4 * PAGE, EXO_FRAME_KEEP, 2, EXO_PROT_READ));
	/* Revoking one leaves the other. */
	IS(E_BUSY, exo_cap_drop(a, NULL));
	OK(map_under(zone, a, BASE + 4 * PAGE, f, 2, RW));
	cr_assert_eq(intervals(zone), 1);
	OK(exo_cap_drop(b, NULL));
	OK(map_under(zone, EXO_CAP_NONE, BASE, 0, 10, 0));
	OK(exo_cap_drop(a, NULL));
}

/* What a capability has in the zone already is left as it is, however far it reaches. */
CORE_TEST(maps, mapping_again_looks_only_at_its_own_pages)
{
	exo_cap_t zone = zone_make(64);
	exo_frame_t f = frames_take(2);
	uint64_t words;

	OK(map_under(zone, boot->memory, BASE, f, 1, RW));
	OK(map_under(zone, boot->memory, BASE + UINT64_C(0x40000000), f + 1, 1, RW));
	cr_assert_eq(intervals(zone), 1);
	words = fake.words;
	OK(map_under(zone, boot->memory, BASE, f + 1, 1, RW));
	cr_assert_lt(fake.words - words, 16);
	cr_assert_eq(intervals(zone), 1);
}

/* A page in the middle of another capability's takes two records, which are paid for before anything is changed. */
CORE_TEST(maps, a_split_is_paid_for)
{
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, boot->memory_first, 2), b = derive(boot->memory, EXO_R_ALL, boot->memory_first, 2);
	exo_frame_t f = frames_take(2);

	for (unsigned before = 0; before < 3; before++) {
		exo_cap_t zone = zone_make(12);
		enum exo_status status = EXO_OK;
		exo_vaddr_t at = BASE;

		for (unsigned i = 0; i < before; i++, at += 2 * PAGE)
			OK(map_under(zone, a, at, f, 1, RW));
		for (; status == EXO_OK; at += 4 * PAGE) {
			status = map_under(zone, a, at, f, 1, RW);
			if (status == EXO_OK)
				status = map_under(zone, a, at + 2 * PAGE, f, 1, RW);
			if (status == EXO_OK)
				status = map_under(zone, b, at + PAGE, f, 1, RW);
		}
		cr_assert_eq(status, EXO_E_FUNDS);
		SOUND();
		zone_end(zone);
	}
}

CORE_TEST(maps, revoking_unmaps)
{
	exo_cap_t zone = zone_make(64), other = zone_make(64);
	exo_frame_t f = frames_take(64);
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, f, 64), b = derive(a, EXO_R_ALL, f, 32);
	uint64_t gone;

	OK(map_under(zone, b, BASE, f, 10, RW));
	OK(map_under(zone, a, BASE + 20 * PAGE, f, 10, RW));
	OK(map_under(zone, b, BASE + 40 * PAGE, f, 10, RW));
	OK(map_under(other, b, BASE, f, 10, RW));
	OK(exo_cap_revoke(a, &gone));
	cr_assert_eq(gone, 1);
	cr_assert_eq(query(zone, BASE), 0);
	cr_assert_eq(query(other, BASE), 0);
	cr_assert_eq(query(zone, BASE + 40 * PAGE), 0);
	cr_assert_neq(query(zone, BASE + 20 * PAGE), 0);
	cr_assert_eq(intervals(zone), 1);
	cr_assert_eq(intervals(other), 0);
	cr_assert(fake.flushes > 0);
}

CORE_TEST(maps, revoking_much_is_done_in_pieces)
{
	exo_cap_t zone = zone_make(64);
	exo_frame_t f = frames_take(500), page;
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, f, 500), b = derive(a, EXO_R_ALL, f, 500);
	exo_cap_t context = context_make(zone, &page);
	enum exo_status status;
	uint64_t event;
	int calls = 1;

	for (int i = 0; i < 20; i++)
		OK(map_under(zone, b, BASE + i * 0x1000000, f, 500, RW));
	OK(exo_run(context, boot->cpu, 1000, &event));
	while ((status = exo_cap_revoke(a, NULL)) == EXO_E_AGAIN) {
		calls++;
		SOUND();
		/* The zone still has pages of it, so it does not run. */
		IS(E_AGAIN, exo_run(context, boot->cpu, 1000, &event));
	}
	OK(status);
	cr_assert(calls > 2);
	OK(exo_run(context, boot->cpu, 1000, &event));
	cr_assert_eq(zone_of(zone)->mapped_pages, 0);
}

/* A call with 40 entries does some of them, and is called again with the rest. */
static uint64_t map_all(exo_cap_t zone, exo_cap_t memory, struct exo_map_op *ops, uint64_t count)
{
	uint64_t done = 0, part, calls = 1;
	enum exo_status status;

	while ((status = exo_mem_map(zone, memory, ops + done, count - done, &part)) == EXO_E_AGAIN) {
		done += part;
		calls++;
		SOUND();
	}
	OK(status);
	cr_assert_eq(done + part, count);
	return calls;
}

CORE_TEST(maps, mapping_much_is_done_in_pieces)
{
	exo_cap_t zone = zone_make(128);
	exo_frame_t f = frames_take(500);
	struct exo_map_op ops[40];
	uint64_t done = 99;

	for (unsigned i = 0; i < 40; i++)
		ops[i] = (struct exo_map_op){ BASE + i * 0x1000000, f, 500, RW };
	IS(E_AGAIN, exo_mem_map(zone, boot->memory, ops, 40, &done));
	cr_assert_eq(zone_of(zone)->mapped_pages, done * 500);
	cr_assert(done > 0);
	cr_assert(map_all(zone, boot->memory, ops + done, 40 - done) > 2);
	cr_assert_eq(zone_of(zone)->mapped_pages, 20000);
	for (unsigned i = 0; i < 40; i++)
		ops[i].prot = 0;
	cr_assert(map_all(zone, EXO_CAP_NONE, ops, 40) > 4);
	cr_assert_eq(zone_of(zone)->mapped_pages, 0);
	IS(E_ARG, map_under(zone, boot->memory, BASE, f, EXO_MAP_MAX + 1, RW));
	IS(E_ARG, map_under(zone, boot->memory, BASE, EXO_FRAME_KEEP, EXO_MAP_MAX + 1, RW));
	IS(E_ARG, map_under(zone, EXO_CAP_NONE, BASE, 0, EXO_UNMAP_MAX + 1, 0));
	SOUND();
}

/* Two of the largest entries are too much for one call. What is left over is enough to look at small ones, until it is used up. */
CORE_TEST(maps, every_page_of_an_entry_counts)
{
	exo_cap_t zone = zone_make(32), other = zone_make(32);
	exo_frame_t f = frames_take(EXO_MAP_MAX);
	exo_vaddr_t next = BASE + EXO_MAP_MAX * PAGE;
	struct exo_map_op large[] = { { BASE, f, EXO_MAP_MAX, RW }, { next, f, EXO_MAP_MAX, RW } };
	struct exo_map_op small[] = {
		{ BASE, f, EXO_MAP_MAX, RW }, { BASE, EXO_FRAME_KEEP, 1, RW }, { BASE, EXO_FRAME_KEEP, 1, RW }, { BASE, f, 1, 1 << 9 },
	};
	uint64_t done = 0;

	IS(E_AGAIN, exo_mem_map(zone, boot->memory, large, 2, &done));
	cr_assert_eq(done, 1);
	IS(E_AGAIN, exo_mem_map(other, boot->memory, small, 4, &done));
	cr_assert_eq(done, 3);
	IS(E_ARG, exo_mem_map(other, boot->memory, small + 3, 1, &done));
}

/* What is there goes first, if it is of many intervals. */
CORE_TEST(maps, mapping_over_many_intervals_is_done_in_pieces)
{
	exo_cap_t zone = zone_make(64), other;
	exo_frame_t f = frames_take(EXO_MAP_MAX);
	enum exo_status status;

	other = derive(boot->memory, EXO_R_ALL, f, 1);
	for (unsigned i = 0; i < 400; i++)
		OK(map_under(zone, i & 1 ? other : boot->memory, BASE + i * PAGE, f, 1, RW));
	IS(E_AGAIN, map_under(zone, boot->memory, BASE, f, EXO_MAP_MAX, RW));
	SOUND();
	while ((status = map_under(zone, boot->memory, BASE, f, EXO_MAP_MAX, RW)) == EXO_E_AGAIN)
		;
	OK(status);
	cr_assert_eq(intervals(zone), 1);
}

CORE_TEST(maps, rights_bound_protections)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t f = frames_take(8);
	exo_cap_t ro = derive(boot->memory, EXO_R_READ, f, 8), wo = derive(boot->memory, EXO_R_WRITE, f, 8);

	OK(map_under(zone, ro, BASE, f, 1, EXO_PROT_READ));
	IS(E_RIGHTS, map_under(zone, ro, BASE, f, 1, RW));
	IS(E_RIGHTS, map_under(zone, ro, BASE, EXO_FRAME_KEEP, 1, RW));
	IS(E_RIGHTS, map_under(zone, ro, BASE, f, 1, EXO_PROT_EXEC));
	IS(E_RIGHTS, map_under(zone, wo, BASE, f, 1, EXO_PROT_WRITE));
	IS(E_CAP, map_under(zone, EXO_CAP_NONE, BASE, f, 1, EXO_PROT_READ));
	IS(E_RIGHTS, map_under(derive(zone, EXO_R_READ, 0, 0), ro, BASE, f, 1, EXO_PROT_READ));
}

CORE_TEST(maps, arguments)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t f = frames_take(8);
	exo_cap_t m = derive(boot->memory, EXO_R_ALL, f, 8);

	IS(E_ARG, map_under(zone, m, BASE + 1, f, 1, RW));
	IS(E_ARG, map_under(zone, m, 0, f, 1, RW));
	IS(E_ARG, map_under(zone, m, EXO_USER_BASE - PAGE, f, 2, RW));
	IS(E_ARG, map_under(zone, m, EXO_USER_LIMIT, f, 1, RW));
	IS(E_ARG, map_under(zone, m, EXO_USER_LIMIT - PAGE, f, 2, RW));
	IS(E_ARG, map_under(zone, m, UINT64_C(0) - PAGE, f, 1, RW));
	IS(E_ARG, map_under(zone, m, BASE, f, 0, RW));
	IS(E_ARG, map_under(zone, m, BASE, f, UINT32_MAX, RW));
	IS(E_ARG, map_under(zone, m, BASE, f, 1, 8));
	IS(E_RANGE, map_under(zone, m, BASE, f, 9, RW));
	IS(E_RANGE, map_under(zone, m, BASE, f - 1, 1, RW));
	IS(E_RANGE, map_under(zone, m, BASE, UINT64_MAX - 1, 4, RW));
	OK(map_under(zone, m, EXO_USER_LIMIT - PAGE, f, 1, RW));
	OK(map_under(zone, m, EXO_USER_BASE, f, 1, RW));
}

CORE_TEST(maps, tells_which_entry_failed)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t f = frames_take(40);
	struct exo_map_op ops[40];
	uint64_t done;

	for (unsigned i = 0; i < 40; i++)
		ops[i] = (struct exo_map_op){ BASE + i * PAGE, f + i, 1, RW };
	ops[33].vaddr++;
	IS(E_ARG, exo_mem_map(zone, boot->memory, ops, 40, &done));
	cr_assert_eq(done, 33);
	cr_assert_neq(query(zone, BASE + 32 * PAGE), 0);
	cr_assert_eq(query(zone, BASE + 34 * PAGE), 0);
}

CORE_TEST(maps, tables_are_paid_by_the_fund)
{
	exo_cap_t zone = zone_make(4);
	exo_frame_t f = frames_take(8);

	/* Two frames are left; a page and its binding need four. */
	IS(E_FUNDS, map_under(zone, boot->memory, BASE, f, 1, RW));
	cr_assert_eq(query(zone, BASE), 0);
	OK(exo_zone_fund(zone, boot->memory, frames_take(2), 2, NULL));
	OK(map_under(zone, boot->memory, BASE, f, 1, RW));
	IS(E_FUNDS, map_under(zone, boot->memory, 0x7000000000, f, 1, RW));
}

CORE_TEST(maps, an_expired_capability_takes_its_pages_along)
{
	exo_cap_t zone = zone_make(32), context, lease;
	exo_frame_t f = frames_take(8), page;
	uint64_t soon = hal_time_ns() + 1000000, event;

	OK(exo_cap_derive(boot->memory, EXO_R_ALL, f, 8, soon, &lease));
	context = context_make(zone, &page);
	OK(map_under(zone, boot->memory, BASE, f, 1, RW));
	OK(map_under(zone, lease, BASE + PAGE, f, 4, RW));
	/* The quantum ends when the lease does. */
	OK(exo_run(context, boot->cpu, 1000000000, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
	cr_assert(fake.now_ns >= soon && fake.now_ns < soon + 1000);
	OK(exo_run(context, boot->cpu, 1000, &event));
	cr_assert_eq(query(zone, BASE + PAGE), 0);
	cr_assert_neq(query(zone, BASE), 0);
}

/* Of several leases the first to end counts, wherever it is mapped. */
CORE_TEST(maps, the_first_of_all_leases_bounds_the_quantum)
{
	for (unsigned first = 0; first < 5; first++) {
		exo_cap_t zone = zone_make(32), context, lease;
		exo_frame_t f = frames_take(1), page;
		uint64_t now = fake.now_ns;

		context = context_make(zone, &page);
		for (unsigned i = 0; i < 5; i++) {
			OK(exo_cap_derive(boot->memory, EXO_R_ALL, f, 1, now + (i == first ? 1000000 : 9000000 + i), &lease));
			OK(map_under(zone, lease, BASE + i * PAGE, f, 1, RW));
		}
		cr_assert_eq(bindings_deadline(cap_at((cap_slot_t)context)->context), now + 1000000);
		zone_end(zone);
	}
}

CORE_TEST(maps, a_context_dies_when_its_page_expires)
{
	exo_cap_t zone = zone_make(32), context, lease;
	exo_frame_t page = frames_take(1);
	uint64_t soon = hal_time_ns() + 1000000, event;

	OK(exo_cap_derive(boot->memory, EXO_R_ALL, page, 1, soon, &lease));
	OK(exo_ctx_create(zone, lease, page, &context));
	OK(exo_run(context, boot->cpu, 2000000, &event));
	IS(E_DEAD, exo_run(context, boot->cpu, 1000, &event));
	SOUND();
	OK(exo_zone_fund(zone, boot->memory, page, 1, NULL));
}

CORE_TEST(maps, the_largest_entry_is_taken)
{
	exo_cap_t zone = zone_make(32);
	struct exo_map_op ops[3] = {
		{ BASE, 0, EXO_UNMAP_MAX, 0 }, { BASE, 0, EXO_UNMAP_MAX, 0 }, { BASE, EXO_FRAME_KEEP, EXO_MAP_MAX, EXO_PROT_READ },
	};
	uint64_t done;

	OK(exo_mem_map(zone, boot->memory, ops, 3, &done));
	cr_assert_eq(done, 3);
}

CORE_TEST(maps, a_context_dies_with_its_page)
{
	exo_cap_t zone = zone_make(32), context, m;
	exo_frame_t page = frames_take(1);
	uint64_t event;

	m = derive(boot->memory, EXO_R_ALL, page, 1);
	m = derive(m, EXO_R_ALL, page, 1);
	OK(exo_ctx_create(zone, m, page, &context));
	OK(exo_run(context, boot->cpu, 1000, &event));
	OK(exo_cap_revoke(boot->memory, NULL));
	IS(E_DEAD, exo_run(context, boot->cpu, 1000, &event));
	cr_assert_eq(event, EXO_EV_DEAD);
	IS(E_DEAD, exo_ctx_save(context, NULL));
	OK(exo_cap_drop(context, NULL));
	OK(exo_zone_fund(zone, boot->memory, page, 1, NULL));
}

CORE_TEST(maps, answer_pages)
{
	exo_cap_t zone = zone_make(32), context, m;
	exo_frame_t page = frames_take(2), ctx_page;
	uint64_t event, flushes;

	m = derive(boot->memory, EXO_R_READ, page, 2);
	context = context_make(zone, &ctx_page);
	OK(exo_zone_answers(zone, m, page, NULL));
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, page, 1, NULL));
	flushes = fake.flushes;
	OK(exo_zone_answers(zone, m, page + 1, NULL));
	cr_assert(fake.flushes > flushes, "the one before is out of reach");
	OK(exo_zone_fund(zone, boot->memory, page, 1, NULL));
	SOUND();
	/* Nothing can take it out of the zone's sight but the zone's end. */
	OK(exo_cap_revoke(boot->memory, NULL));
	IS(E_DEAD, exo_run(context, boot->cpu, 1000, &event));
	OK(exo_zone_destroy(zone, NULL));
}

/* As many as its fund pays for. */
CORE_TEST(maps, too_many_intervals)
{
	exo_cap_t zone = zone_make(200), a, b;
	exo_frame_t f = frames_take(1);
	enum exo_status status = EXO_OK;
	uint64_t count;

	a = derive(boot->memory, EXO_R_ALL, f, 1);
	b = derive(boot->memory, EXO_R_ALL, f, 1);
	for (count = 0; status == EXO_OK && count < 20000; count++)
		status = map_under(zone, count & 1 ? a : b, BASE + count * PAGE, f, 1, RW);
	cr_assert_eq(status, EXO_E_FUNDS);
	SOUND();
	while ((status = exo_cap_revoke(boot->memory, NULL)) == EXO_E_AGAIN)
		SOUND();
	OK(status);
}

/* Random mapping of three capabilities against an array of pages. */
#define SPAN 256

CORE_TEST(maps, agrees_with_a_model)
{
	static struct { exo_frame_t frame; int cap; uint32_t prot; } page[SPAN];
	exo_cap_t zone = zone_make(64), caps[3];
	exo_frame_t f = frames_take(3 * 64);
	uint64_t state = 99;

	for (int i = 0; i < 3; i++)
		caps[i] = derive(boot->memory, EXO_R_ALL, f + 64 * i, 64);
	for (int step = 0; step < 20000; step++) {
		unsigned at, count, off, what;
		int cap;

		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		at = (unsigned)(state >> 33) % SPAN;
		count = (unsigned)(state >> 41) % 32 + 1;
		off = (unsigned)(state >> 47) % 32;
		cap = (int)(state >> 53) % 3;
		what = (unsigned)(state >> 57) % 4;
		if (at + count > SPAN)
			continue;
		if (what < 2) {
			OK(map_under(zone, caps[cap], BASE + at * PAGE, f + 64 * cap + off, count, RW));
			for (unsigned i = 0; i < count; i++) {
				page[at + i].frame = f + 64 * cap + off + i;
				page[at + i].cap = cap;
				page[at + i].prot = RW;
			}
		} else if (what == 2) {
			OK(map_under(zone, EXO_CAP_NONE, BASE + at * PAGE, 0, count, 0));
			memset(&page[at], 0, count * sizeof(page[0]));
		} else if (map_under(zone, caps[cap], BASE + at * PAGE, EXO_FRAME_KEEP, count, EXO_PROT_READ) == EXO_OK) {
			for (unsigned i = 0; i < count; i++) {
				cr_assert(!page[at + i].frame || page[at + i].cap == cap);
				page[at + i].prot = EXO_PROT_READ;
			}
		}
		if (step % 1000 == 0)
			SOUND();
	}
	for (unsigned i = 0; i < SPAN; i++) {
		uint64_t expected = page[i].frame ? page[i].frame << EXO_FRAME_SHIFT | page[i].prot : 0;

		cr_assert_eq(query(zone, BASE + i * PAGE) & ~UINT64_C(0x60), expected);
	}
	SOUND();
	while (exo_cap_revoke(boot->memory, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(intervals(zone), 0);
}

/* Its count holds any number, so that nobody can spoil a frame for its next owner. */
CORE_TEST(maps, a_frame_mapped_seventy_thousand_times_can_still_be_funded)
{
	exo_cap_t zone = zone_make(200);
	exo_frame_t f = frames_take(1);
	enum exo_status status;

	for (uint64_t i = 0; i < 70000; i++)
		OK(map_under(zone, boot->memory, BASE + i * PAGE, f, 1, RW));
	cr_assert_eq(exo_zone_fund(zone, boot->memory, f, 1, NULL), EXO_E_OVERLAP);
	while ((status = map_under(zone, EXO_CAP_NONE, BASE, 0, 69999, 0)) == EXO_E_AGAIN)
		;
	OK(status);
	cr_assert_eq(exo_zone_fund(zone, boot->memory, f, 1, NULL), EXO_E_OVERLAP);
	OK(map_under(zone, EXO_CAP_NONE, BASE + 69999 * PAGE, 0, 1, 0));
	OK(exo_zone_fund(zone, boot->memory, f, 1, NULL));
}

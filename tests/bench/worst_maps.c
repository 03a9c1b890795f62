/*
 * bench_worst: mappings, funds, the ends of zones, and entries into contexts.
 */
#include "worst.h"

#define FOR(n) for (uint32_t i = 0; i < (n); i++)

/* ---- Mappings ---------------------------------------------------------------------------- */

static struct exo_map_op ops[4096];
static struct exo_page_info infos[4096];

/* A page in each of so many tables. */
static void tables_fill(exo_cap_t zone, uint32_t count)
{
	exo_frame_t frame = frames_take(1);

	FOR(count)
		map(zone, BOOT->memory, BASE + i * TABLE + (i & 511) * PAGE, frame, 1, RW);
}

/* Each page was mapped by another capability than its neighbours. */
static exo_cap_t intervals_make(exo_cap_t zone, uint32_t count, uint64_t stride)
{
	exo_frame_t frame = frames_take(1);
	exo_cap_t top = derive(BOOT->memory, frame, 1), by[2] = { derive(top, frame, 1), derive(top, frame, 1) };

	FOR(count)
		map(zone, by[i & 1], BASE + i * stride, frame, 1, RW);
	return top;
}

/* All entries, in as many calls as it takes. */
static void map_all(exo_cap_t zone, exo_cap_t memory, uint32_t count)
{
	uint64_t done = 0, now;
	enum exo_status status;

	measure(true);
	do {
		now = 0;
		status = exo_mem_map(zone, memory, ops + done, count - done, &now);
		done += now;
	} while (status == EXO_E_AGAIN);
	measure(false);
	must(status, "mem_map");
}

/* What the first entries of ops have mapped. */
static void protect_and_unmap_all(exo_cap_t zone, uint32_t count)
{
	FOR(count)
		ops[i].frame = EXO_FRAME_KEEP;
	map_all(zone, BOOT->memory, count);
	FOR(count)
		ops[i].prot = 0;
	map_all(zone, BOOT->memory, count);
}

static void map_dense(void)
{
	exo_cap_t zone = zone_make(300);
	exo_frame_t first = frames_take(16 * EXO_MAP_MAX);

	FOR(16)
		ops[i] = (struct exo_map_op){ BASE + (uint64_t)i * EXO_MAP_MAX * PAGE, first + i * EXO_MAP_MAX, EXO_MAP_MAX, RW };
	map_all(zone, BOOT->memory, 16);
	FOR(16)
		ops[i].frame = first + (15 - i) * EXO_MAP_MAX;
	map_all(zone, BOOT->memory, 16); /* what was there is replaced */
	protect_and_unmap_all(zone, 16);
}

static void map_far(void)
{
	exo_cap_t zone = zone_make(4000);
	exo_frame_t first = frames_take(1);

	FOR(3000)
		ops[i] = (struct exo_map_op){ BASE + i * TABLE + (i & 511) * PAGE, first, 1, RW };
	map_all(zone, BOOT->memory, 3000);
	protect_and_unmap_all(zone, 3000);
}

static void map_over_intervals(void)
{
	exo_cap_t zone = zone_make(600);
	exo_frame_t first = frames_take(EXO_MAP_MAX);

	(void)intervals_make(zone, 8000, PAGE);
	FOR(8000 / EXO_MAP_MAX)
		ops[i] = (struct exo_map_op){ BASE + (uint64_t)i * EXO_MAP_MAX * PAGE, first, EXO_MAP_MAX, RW };
	map_all(zone, BOOT->memory, 8000 / EXO_MAP_MAX);
}

/* Sixteen intervals are what one mapping cuts without unmapping them first. */
static void map_over_cuts(void)
{
	exo_cap_t zone = zone_make(4000);
	exo_frame_t first = frames_take(EXO_MAP_MAX);

	(void)intervals_make(zone, 1600, EXO_MAP_MAX / 16 * PAGE);
	FOR(100)
		ops[i] = (struct exo_map_op){ BASE + (uint64_t)i * (EXO_MAP_MAX / 16 * 16) * PAGE, first, EXO_MAP_MAX / 16 * 16, RW };
	map_all(zone, BOOT->memory, 100);
}

static void unmap_far(void)
{
	exo_cap_t zone = zone_make(4000);

	tables_fill(zone, 3000);
	FOR(16)
		ops[i] = (struct exo_map_op){ BASE + (uint64_t)i * EXO_UNMAP_MAX * PAGE, 0, EXO_UNMAP_MAX, 0 };
	map_all(zone, EXO_CAP_NONE, 16);
}

static void unmap_nothing(void)
{
	exo_cap_t zone = zone_make(4000);

	tables_fill(zone, 500);
	FOR(4096)
		ops[i] = (struct exo_map_op){ BASE + (i % 500) * TABLE + 511 * PAGE, 0, 1, 0 };
	map_all(zone, EXO_CAP_NONE, 4096);
}

static void unmap_intervals(void)
{
	exo_cap_t zone = zone_make(4000);

	(void)intervals_make(zone, 3000, TABLE);
	ops[0] = (struct exo_map_op){ BASE, 0, EXO_UNMAP_MAX, 0 };
	map_all(zone, EXO_CAP_NONE, 1);
}

static void revoke_intervals(void)
{
	exo_cap_t zone = zone_make(4000), top = intervals_make(zone, 8000, PAGE);

	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_far_intervals(void)
{
	exo_cap_t zone = zone_make(4000), top = intervals_make(zone, 3000, TABLE);

	ALL(exo_cap_revoke(top, NULL));
}

/* Each in another space, which is flushed. */
static void revoke_spaces(void)
{
	exo_frame_t frame = frames_take(1);
	exo_cap_t top = derive(BOOT->memory, frame, 1), by = derive(top, frame, 1);

	FOR(2000)
		map(zone_make(8), by, BASE, frame, 1, RW);
	ALL(exo_cap_revoke(top, NULL));
}

static void share_dense(void)
{
	exo_cap_t from = zone_make(300), to = zone_make(300);
	uint64_t done = 0, now;
	enum exo_status status;

	FOR(16)
		map(from, BOOT->memory, BASE + i * 256 * PAGE, frames_take(256), 256, RW);
	measure(true);
	do {
		now = 0;
		status = exo_zone_map(from, to, BASE + done * PAGE, (4096 - done) * PAGE, BOOT->memory, &now);
		done += now;
	} while (status == EXO_E_AGAIN);
	must(status, "zone_map");
}

static void scan(exo_cap_t zone, uint64_t pages)
{
	exo_vaddr_t at = BASE, end = BASE + pages * PAGE;
	enum exo_status status;
	uint64_t told;

	measure(true);
	do {
		status = exo_mem_scan(zone, at, (end - at) / PAGE, infos, 4096, EXO_SCAN_CLEAR, &told);
		at = told ? infos[told - 1].vaddr + PAGE : at;
	} while (status == EXO_E_AGAIN);
	must(status, "mem_scan");
}

static void scan_dense(void)
{
	exo_cap_t zone = zone_make(300);

	FOR(32)
		map(zone, BOOT->memory, BASE + i * 256 * PAGE, frames_take(256), 256, RW);
	scan(zone, 32 * 256);
}

static void scan_far(void)
{
	exo_cap_t zone = zone_make(4000);

	tables_fill(zone, 3000);
	scan(zone, 3000 * 512);
}

static void text(void)
{
	exo_frame_t first = frames_take(EXO_TEXT_MAX);

	measure(true);
	FOR(10)
		OK(exo_text_prepare(BOOT->memory, first, EXO_TEXT_MAX, EXO_TEXT_MAX / 2 * PAGE, BASE, BASE + UINT64_C(0x10000000), NULL));
}

/* ---- Funds and ends ------------------------------------------------------------------------ */

static void zone_create(void)
{
	exo_cap_t zone;

	FOR(8) {
		exo_frame_t first = frames_take(EXO_FUND_MAX);

		measure(i == 0);
		OK(exo_zone_create(BOOT->zone, BOOT->memory, first, EXO_FUND_MAX, "z", 1, &zone));
		measure(false);
	}
}

static void zone_fund(void)
{
	exo_cap_t zone = zone_make(8);

	FOR(8) {
		exo_frame_t first = frames_take(EXO_FUND_MAX);

		measure(i == 0);
		OK(exo_zone_fund(zone, BOOT->memory, first, EXO_FUND_MAX, NULL));
		measure(false);
	}
}

static void destroy_tables(void)
{
	exo_cap_t zone = zone_make(6000);

	tables_fill(zone, 5000);
	ALL(exo_zone_destroy(zone, NULL));
}

static void destroy_all(void)
{
	exo_cap_t zone = zone_make(8000), top = derive(BOOT->memory, BOOT->memory_first, 64);

	share(zone, 20000);
	(void)intervals_make(zone, 3000, TABLE);
	FOR(1000)
		(void)context_make(zone);
	children(top, zone, 10000);
	ALL(exo_zone_destroy(zone, NULL));
}

/* What it owns has children, which pass to the parent. */
static void destroy_parents(void)
{
	exo_cap_t zone = zone_make(64), top = derive(BOOT->memory, BOOT->memory_first, 64), own, to;

	share(zone, 1000);
	own = grant(top, zone);
	to = zone_make(8);
	share(to, 30000);
	to = grant(to, zone);
	FOR(20000)
		OK(as(zone, EXO_NR_CAP_GRANT, own, to, EXO_R_ALL, 0, 0, 0));
	ALL(exo_zone_destroy(zone, NULL));
}

static void destroy_many(void)
{
	exo_cap_t zone = zone_make(64);

	OK(exo_zone_quota(BOOT->zone, zone, EXO_QUOTA_ZONES, 3000, NULL));
	share(zone, 30000);
	FOR(3000)
		(void)zone_below(zone, 4);
	ALL(exo_zone_destroy(zone, NULL));
}

/* ---- Entries -------------------------------------------------------------------------------- */

static void program_calls(struct exo_ctx_page *page, struct hal_trap *trap)
{
	(void)page;
	trap->event = EXO_EV_SYSCALL;
	trap->nr = 1;
}

static void run_some(exo_cap_t context, uint32_t times)
{
	uint64_t event;

	measure(true);
	FOR(times) {
		enum exo_status status = exo_run(context, BOOT->cpu, 1000000, &event);

		if (status != EXO_OK && status != EXO_E_AGAIN && status != EXO_E_DEAD)
			must(status, "run");
	}
}

static void run_plain(void)
{
	exo_cap_t context = context_make(zone_make(64));

	bench_machine.program = program_calls;
	run_some(context, 100);
}

/* What it has mapped, by 4,000 capabilities 60 levels down, is looked through since a revocation has begun. */
static void run_revoked(void)
{
	exo_cap_t zone = zone_make(600), context = context_make(zone), deep;
	exo_frame_t frame = frames_take(1);

	bench_machine.program = program_calls;
	deep = BOOT->memory;
	FOR(DEEP - 2)
		deep = derive(deep, frame, 1);
	FOR(4000)
		map(zone, derive(deep, frame, 1), BASE + i * PAGE, frame, 1, RW);
	revocation_begin();
	run_some(context, 200);
}

static void run_expired(void)
{
	exo_cap_t zone = zone_make(6000), context = context_make(zone), memory;
	exo_frame_t frame = frames_take(1);
	uint64_t at = hal_time_ns() + UINT64_C(10000000000);

	bench_machine.program = program_calls;
	FOR(3000) {
		OK(exo_cap_derive(BOOT->memory, EXO_R_ALL, frame, 1, at, &memory));
		map(zone, memory, BASE + i * TABLE, frame, 1, RW);
	}
	bench_time_skip(UINT64_C(20000000000));
	run_some(context, 600);
}

/* A program that maps as much as it may, alone and in batches, and pays for the end of a zone below it. */
static void pays_and_maps(void)
{
	exo_cap_t zone = zone_make(600), below, self, memory;
	exo_frame_t first = frames_take(2), pages = frames_take(EXO_MAP_MAX);
	struct exo_map_op *op = frame_ptr(first + 1);
	struct exo_batch_op *batch = frame_ptr(first);

	OK(exo_zone_quota(BOOT->zone, zone, EXO_QUOTA_ZONES, 4, NULL));
	share(zone, 1000);
	below = zone_below(zone, 6000);
	tables_fill(below, 5000);
	self = grant(zone, zone);
	memory = grant(derive(BOOT->memory, pages, EXO_MAP_MAX), zone);
	map(zone, BOOT->memory, BASE, first, 2, RW);
	*op = (struct exo_map_op){ BASE + TABLE, pages, EXO_MAP_MAX, RW };
	FOR(64)
		batch[i] = (struct exo_batch_op){ EXO_NR_MEM_MAP, 0, { self, memory, BASE + PAGE, 1 }, 0 };
	(void)!exo_zone_destroy(below, NULL);
	measure(true);
	FOR(100) {
		(void)!as(zone, EXO_NR_MEM_MAP, self, memory, BASE + PAGE, 1, 0, 0);
		(void)!as(zone, EXO_NR_BATCH, BASE, 64, 0, 0, 0, 0);
	}
}

static uint64_t run_args[6], run_number;

static void program_of_kernel(struct exo_ctx_page *page, struct hal_trap *trap)
{
	static unsigned turn;

	(void)page;
	trap->event = ++turn % 100 ? EXO_EV_SYSCALL : EXO_EV_QUANTUM;
	trap->nr = EXO_CALL_BASE | run_number;
	memcpy(trap->args, run_args, sizeof(run_args));
	bench_time_skip(REAP_EVERY_NS);
}

/* A program's call, after others have left work. */
static void run_calls(void)
{
	exo_cap_t zone = zone_make(64), context = context_make(zone), top;

	share(zone, MANY / 2);
	top = grant(derive(BOOT->memory, BOOT->memory_first, 64), zone);
	for (uint32_t i = 0; i < MANY / 3; i++)
		OK(as(zone, EXO_NR_CAP_DERIVE, top, EXO_R_ALL, BOOT->memory_first, 64, EXO_NO_EXPIRY, 0));
	(void)as(zone, EXO_NR_CAP_REVOKE, top, 0, 0, 0, 0, 0);
	bench_machine.program = program_of_kernel;
	run_number = EXO_NR_CAP_REVOKE;
	run_args[0] = top;
	run_some(context, 4);
}

static void turns(void)
{
	const struct cpu_quantum quantum = { .cycles = 100000, .priority = 1 };
	exo_cap_t parent = BOOT->zone, zone;

	FOR(7) {
		zone = zone_below(parent, 8);
		OK(exo_zone_quota(parent, zone, EXO_QUOTA_ZONES, 70 - i, NULL));
		OK(exo_zone_quota(parent, zone, EXO_QUOTA_CAPS, 2000 - 10 * i, NULL));
		parent = zone;
	}
	for (uint64_t slot = 1; slot < EXO_QUANTUM_SLOTS; slot++) {
		OK(exo_libos_create(parent, BOOT->memory, frames_take(32), 32, "slot", 4, &zone));
		OK(exo_quantum_bind(BOOT->cpu, slot, context_make(zone), &quantum, NULL));
	}
	measure(true);
	FOR(20)
		OK(exo_wait(BOOT->cpu, hal_time_ns() + 1000000, NULL));
}

/* Nobody has anything to do but what was left. */
static void idle(void)
{
	revocation_begin();
	measure(true);
	OK(exo_wait(BOOT->cpu, hal_time_ns() + UINT64_C(20000000), NULL));
}

const struct worst_case worst_maps[] = {
	{ "mem_map", "entries of EXO_MAP_MAX pages: new, replaced, protected, unmapped", map_dense },
	{ "mem_map", "3,000 pages, each in a table of its own: likewise", map_far },
	{ "mem_map", "over 8,000 intervals of other capabilities", map_over_intervals },
	{ "mem_map", "over 16 intervals each, far apart", map_over_cuts },
	{ "mem_map", "unmaps 3,000 pages, each in a table of its own", unmap_far },
	{ "mem_map", "unmaps 4,096 pages that are not there", unmap_nothing },
	{ "mem_map", "unmaps 3,000 intervals, each in a table of its own", unmap_intervals },
	{ "cap_revoke", "8,000 intervals", revoke_intervals },
	{ "cap_revoke", "3,000 intervals, each in a table of its own", revoke_far_intervals },
	{ "cap_revoke", "a page in each of 2,000 spaces", revoke_spaces },
	{ "zone_map", "4,096 pages", share_dense },
	{ "mem_scan", "8,192 pages", scan_dense },
	{ "mem_scan", "3,000 pages, each in a table of its own", scan_far },
	{ "text_prepare", "EXO_TEXT_MAX frames, without the machine's part", text },
	{ "zone_create", "with EXO_FUND_MAX frames", zone_create },
	{ "zone_fund", "the same", zone_fund },
	{ "zone_destroy", "5,000 tables", destroy_tables },
	{ "zone_destroy", "3,000 intervals and tables, 1,000 contexts, 10,000 capabilities", destroy_all },
	{ "zone_destroy", "what it owns has 20,000 children", destroy_parents },
	{ "zone_destroy", "3,000 zones below it", destroy_many },
	{ "mem_map, batch", "EXO_MAP_MAX pages each, and the caller's own zone with 5,000 tables is ending", pays_and_maps },
	{ "run", "nothing", run_plain },
	{ "run", "pages by 4,000 capabilities 61 levels down, a revocation is unfinished", run_revoked },
	{ "run", "3,000 intervals have expired", run_expired },
	{ "run", "the program's calls go on with its revocation", run_calls },
	{ "wait", "63 slots, each of a zone 8 levels down", turns },
	{ "wait", "a revocation of 30,000 is unfinished", idle },
	{ NULL, NULL, NULL },
};

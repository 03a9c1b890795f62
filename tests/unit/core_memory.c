/* Memory made visible: nodes, colours, sharing, and which pages were used. */
#include "core_env.h"
#include <core/call.h>

#define BASE UINT64_C(0x400000)
#define USED (EXO_PAGE_ACCESSED | EXO_PAGE_DIRTY)

/* With three nodes, which core_env.h does not offer. */
static void nodes_libos(const struct exo_boot *b)
{
	static struct exo_node_info list[4];
	static struct exo_frame_info frame[2];
	exo_frame_t end = FAKE_FIRST_FRAME + 4096, second = FAKE_FIRST_FRAME + 1365, third = FAKE_FIRST_FRAME + 2730;
	exo_cap_t part;
	uint64_t n;

	boot = b;
	OK(exo_list_nodes(b->memory, list, 4, 0, &n));
	cr_assert_eq(n, 3);
	/* Of the LibOS's memory, not of all. */
	cr_assert_eq(list[0].first, b->memory_first);
	cr_assert_eq(list[0].count, second - b->memory_first);
	cr_assert_eq(list[1].first, second);
	cr_assert_eq(list[1].node, 10);
	cr_assert_eq(list[2].count, end - third);
	cr_assert_eq(list[2].node, 20);
	cr_assert_eq(list[2].colours, 8);
	OK(exo_list_nodes(b->memory, list, 4, second + 5, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(list[0].first, second + 5);
	cr_assert_eq(list[0].count, third - second - 5);
	OK(exo_list_nodes(b->memory, list, 1, 0, &n));
	cr_assert_eq(n, 1);
	OK(exo_list_nodes(b->memory, list, 4, UINT64_MAX, &n));
	cr_assert_eq(n, 0);
	/* Whoever has a part sees a part. */
	part = derive(b->memory, 0, second - 1, 2);
	OK(exo_list_nodes(part, list, 4, 0, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(list[0].count, 1);
	cr_assert_eq(list[1].count, 1);
	OK(exo_frame_info(part, second - 1, frame, 2, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(frame[0].node, 0);
	cr_assert_eq(frame[1].node, 10);
	cr_assert_eq(frame[1].frame, second);
	cr_assert_eq(frame[1].colour, second % 8);
	SOUND();
}

Test(memory, nodes)
{
	fake_reset();
	fake.nodes = 3;
	fake.colours = 8;
	cr_assert_eq(fake_boot(nodes_libos), FAKE_RETURNED);
}

CORE_TEST(memory, frames)
{
	exo_frame_t fund = frames_take(16), page = frames_take(1), other = frames_take(1);
	exo_cap_t zone, two, none = derive(boot->memory, 0, boot->memory_first, 100);
	static struct exo_frame_info list[2000];
	struct exo_zone_info info;
	uint64_t n;

	OK(exo_zone_create(boot->zone, boot->memory, fund, 16, "z", 1, &zone));
	two = zone_make(16);
	OK(map_under(zone, boot->memory, BASE, page, 1, EXO_PROT_READ));
	OK(map_under(zone, boot->memory, BASE + 2 * PAGE, page, 1, EXO_PROT_READ));
	OK(map_under(two, boot->memory, BASE, page, 1, EXO_PROT_READ));
	OK(exo_zone_info(zone, &info, NULL));
	OK(exo_frame_info(none, page, list, 2, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(list[0].maps, 3);
	cr_assert_eq(list[0].kind, EXO_FRAME_PLAIN);
	cr_assert_eq(list[0].zone, 0);
	cr_assert_eq(list[1].frame, other);
	cr_assert_eq(list[1].maps, 0);
	cr_assert_eq(list[1].colour, 0);
	OK(exo_frame_info(none, fund, list, 1, &n));
	cr_assert_eq(list[0].kind, EXO_FRAME_FUND);
	cr_assert_eq(list[0].zone, info.number);
	/* To the end of the capability, and no more than EXO_LIST_MAX at a time. */
	OK(exo_frame_info(none, boot->memory_first + 90, list, 2000, &n));
	cr_assert_eq(n, 10);
	OK(exo_frame_info(boot->memory, boot->memory_first, list, 2000, &n));
	cr_assert_eq(n, EXO_LIST_MAX);
	IS(E_RANGE, exo_frame_info(none, boot->memory_first + 100, list, 1, &n));
	IS(E_RANGE, exo_frame_info(none, 0, list, 1, &n));
	IS(E_RANGE, exo_frame_info(none, UINT64_MAX, list, UINT64_MAX, &n));
	IS(E_TYPE, exo_frame_info(boot->zone, page, list, 1, &n));
	fake.regions[0].base = list;
	fake.regions[0].size = sizeof(list[0]);
	fake.region_count = 1;
	IS(E_ADDRESS, exo_frame_info(none, page, list, 2, &n));
	IS(E_ADDRESS, exo_list_nodes(none, (void *)(list + 1), 1, 0, &n));
}

static void touch(void *user, struct fake_entry *entry)
{
	uint8_t byte = 0;

	(void)user;
	cr_assert(fake_load(entry, &byte, BASE + 1 * PAGE, 1));
	cr_assert(fake_store(entry, BASE + 3 * PAGE, &byte, 1));
	fake.now_ns = entry->deadline;
}

CORE_TEST(memory, what_was_used)
{
	exo_frame_t first = frames_take(8), page;
	exo_cap_t zone = zone_make(16), reader, context = context_make(zone, &page);
	struct exo_page_info list[16];
	uint64_t n, event, flushes;

	fake.tells_use = true;
	OK(exo_cap_derive(zone, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &reader));
	OK(map_under(zone, boot->memory, BASE, first, 4, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(map_under(zone, boot->memory, BASE + 1000 * PAGE, first + 4, 4, EXO_PROT_READ));
	fake.program = touch;
	OK(exo_run(context, boot->cpu, 1000, &event));
	OK(exo_mem_scan(reader, BASE, 2000, list, 16, 0, &n));
	cr_assert_eq(n, 8);
	cr_assert_eq(list[0].vaddr, BASE);
	cr_assert_eq(list[0].entry & USED, 0);
	cr_assert_eq(list[0].entry >> EXO_FRAME_SHIFT, first);
	cr_assert_eq(list[1].entry & USED, EXO_PAGE_ACCESSED);
	cr_assert_eq(list[3].entry & USED, USED);
	cr_assert_eq(list[4].vaddr, BASE + 1000 * PAGE);
	cr_assert_eq(list[3].entry, query(zone, BASE + 3 * PAGE));
	/* In pieces: from behind the last one. */
	IS(E_AGAIN, exo_mem_scan(reader, BASE, 2000, list, 3, 0, &n));
	cr_assert_eq(n, 3);
	IS(E_AGAIN, exo_mem_scan(reader, list[2].vaddr + PAGE, 1997, list, 4, 0, &n));
	cr_assert_eq(n, 4);
	OK(exo_mem_scan(reader, list[3].vaddr + PAGE, 900, list, 4, 0, &n));
	cr_assert_eq(n, 1);
	IS(E_AGAIN, exo_mem_scan(reader, BASE, 1, list, 0, 0, &n));
	/* Clearing takes the right to change. */
	IS(E_RIGHTS, exo_mem_scan(reader, BASE, 2, list, 16, EXO_SCAN_CLEAR, &n));
	flushes = fake.flushes;
	OK(exo_mem_scan(zone, BASE, 2, list, 16, EXO_SCAN_CLEAR, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(list[1].entry & USED, EXO_PAGE_ACCESSED);
	cr_assert_eq(fake.flushes, flushes + 1);
	OK(exo_mem_scan(zone, BASE, 4, list, 16, 0, &n));
	cr_assert_eq(list[1].entry & USED, 0);
	cr_assert_eq(list[3].entry & USED, USED);
	/* Protecting does not forget it. */
	OK(map_under(zone, boot->memory, BASE + 3 * PAGE, EXO_FRAME_KEEP, 1, EXO_PROT_READ));
	cr_assert_eq(query(zone, BASE + 3 * PAGE) & USED, USED);
	/* A machine that cannot tell says so. */
	fake.tells_use = false;
	OK(exo_mem_scan(zone, BASE, 4, list, 16, EXO_SCAN_CLEAR, &n));
	OK(exo_mem_scan(zone, BASE, 4, list, 16, 0, &n));
	cr_assert_eq(list[0].entry & USED, USED);
}

CORE_TEST(memory, scan_is_refused)
{
	exo_frame_t first = frames_take(8);
	exo_cap_t zone = zone_make(16);
	struct exo_page_info list[4];
	uint64_t n;

	fake.tells_use = true;
	OK(map_under(zone, boot->memory, BASE, first, 4, EXO_PROT_READ | EXO_PROT_WRITE));
	IS(E_ARG, exo_mem_scan(zone, BASE + 1, 1, list, 4, 0, &n));
	IS(E_ARG, exo_mem_scan(zone, BASE, 0, list, 4, 0, &n));
	IS(E_ARG, exo_mem_scan(zone, BASE, UINT64_MAX, list, 4, 0, &n));
	IS(E_ARG, exo_mem_scan(zone, EXO_USER_LIMIT, 1, list, 4, 0, &n));
	IS(E_ARG, exo_mem_scan(zone, BASE, 1, list, 4, 2, &n));
	IS(E_STATE, exo_mem_scan(boot->zone, BASE, 1, list, 4, 0, &n));
	OK(exo_mem_scan(zone, 0, EXO_USER_LIMIT >> EXO_FRAME_SHIFT, list, 4, 0, &n));
	cr_assert_eq(n, 4);
	/* What could not be told is not cleared. */
	cr_assert(hal_copy_out(&cap_at((cap_slot_t)zone)->zone->space, BASE, &n, sizeof(n)));
	fake.regions[0].base = list;
	fake.regions[0].size = sizeof(list[0]) - 1;
	fake.region_count = 1;
	IS(E_ADDRESS, exo_mem_scan(zone, BASE, 4, list, 4, EXO_SCAN_CLEAR, &n));
	fake.region_count = 0;
	cr_assert_eq(query(zone, BASE) & USED, USED);
}

/* The answer is in a page that it tells of, and telling writes to it: only what was told is cleared. */
CORE_TEST(memory, what_happens_meanwhile_is_not_forgotten)
{
	exo_cap_t zone = zone_make(16), self;

	fake.tells_use = true;
	OK(map_under(zone, boot->memory, BASE, frames_take(1), 1, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(exo_cap_grant(zone, zone, EXO_R_ALL, &self));
	OK(call_dispatch(cap_at((cap_slot_t)zone)->zone, EXO_NR_MEM_SCAN,
	                 (const uint64_t[6]){ self, BASE, 1, BASE, 1, EXO_SCAN_CLEAR }).status);
	cr_assert_eq(query(zone, BASE) & USED, USED);
}

/* Whoever could use them could become anybody. */
CORE_TEST(memory, the_table_of_frames_is_the_kernels)
{
	struct exo_frame_info first, last;
	exo_frame_t end = core.info->first_frame + frame_table_frames(core.info->frame_count);

	frame_describe(core.info->first_frame, &first);
	frame_describe(end - 1, &last);
	cr_assert(first.kind == EXO_FRAME_KERNEL && last.kind == EXO_FRAME_KERNEL);
	cr_assert(boot->memory_first >= end);
}

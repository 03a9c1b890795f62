/* Holes of the extent: frames that are no memory lie in the memory capability, and nothing can be done with them. */
#include "core_env.h"

#define AT    UINT64_C(0x10000000)
#define PRW   (EXO_PROT_READ | EXO_PROT_WRITE)
#define FIRST (FAKE_FIRST_FRAME + 1000) /* of the first hole */
#define COUNT UINT64_C(500)
#define LAST  (FAKE_FIRST_FRAME + 4000) /* the second: one frame */

/* The machine's registers are in the first hole. */
static void machine(void)
{
	fake_reset();
	fake.holes[0] = (struct hal_extent){ FIRST, COUNT };
	fake.holes[1] = (struct hal_extent){ LAST, 1 };
	fake.mmio = FIRST + 7;
	fake.nodes = 2;
	fake.disk.immediate = true;
}

#define HOLES_TEST(name)                                                         \
	static void holes_##name(void);                                          \
	static void holes_##name##_libos(const struct exo_boot *b)               \
	{                                                                        \
		boot = b;                                                        \
		next_frame = b->memory_first;                                    \
		SOUND();                                                         \
		holes_##name();                                                  \
		SOUND();                                                         \
	}                                                                        \
	Test(holes, name)                                                        \
	{                                                                        \
		machine();                                                       \
		cr_assert_eq(fake_boot(holes_##name##_libos), FAKE_RETURNED);    \
	}                                                                        \
	static void holes_##name(void)

static uint32_t kind_of(exo_frame_t frame)
{
	struct exo_frame_info info;
	uint64_t count = 0;

	OK(exo_frame_info(boot->memory, frame, &info, 1, &count));
	cr_assert_eq(count, 1);
	return info.kind;
}

HOLES_TEST(are_told)
{
	struct exo_node_info nodes[8];
	uint64_t count = 0, sum = 0;

	cr_assert(boot->holes[0].first == FIRST && boot->holes[0].count == COUNT && boot->holes[1].first == LAST &&
	          boot->holes[1].count == 1 && boot->holes[2].count == 0);
	cr_assert_eq(boot->memory_first + boot->memory_count, FAKE_FIRST_FRAME + 4096);
	cr_assert_eq(stats().frames_total, 4096 - COUNT - 1);
	cr_assert(kind_of(FIRST - 1) == EXO_FRAME_PLAIN && kind_of(FIRST) == EXO_FRAME_HOLE);
	cr_assert(kind_of(FIRST + COUNT - 1) == EXO_FRAME_HOLE && kind_of(FIRST + COUNT) == EXO_FRAME_PLAIN && kind_of(LAST) == EXO_FRAME_HOLE);
	OK(exo_list_nodes(boot->memory, nodes, 8, 0, &count));
	cr_assert_eq(count, 4); /* two nodes, and each has a hole */
	for (uint64_t i = 0; i < count; i++) {
		cr_assert(nodes[i].first >= FIRST + COUNT || nodes[i].first + nodes[i].count <= FIRST);
		cr_assert(nodes[i].first > LAST || nodes[i].first + nodes[i].count <= LAST);
		sum += nodes[i].count;
	}
	cr_assert_eq(sum, boot->memory_count - COUNT - 1);
	OK(exo_list_nodes(boot->memory, nodes, 8, FIRST + 3, &count));
	cr_assert_eq(nodes[0].first, FIRST + COUNT);
}

HOLES_TEST(are_nobodys)
{
	static const exo_frame_t first[] = { FIRST, FIRST - 1, FIRST + COUNT - 1, LAST, LAST - 1, FIRST - 8 };
	static const uint64_t count[] = { 1, 2, 2, 1, 3, 4096 - 1000 };
	exo_cap_t zone = zone_make(32), ctx = 0, part = derive(boot->memory, EXO_R_ALL, FIRST, COUNT);
	struct exo_disk_request request = { .op = EXO_DISK_READ, .count = 2, .frame = FIRST - 1 };

	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		cr_assert_neq(map_under(zone, boot->memory, AT, first[i], (uint32_t)count[i], PRW), EXO_OK);
		cr_assert_neq(exo_zone_create(boot->zone, boot->memory, first[i], count[i], "x", 1, NULL), EXO_OK);
		cr_assert_neq(exo_zone_fund(zone, boot->memory, first[i], count[i], NULL), EXO_OK);
	}
	IS(E_OVERLAP, map_under(zone, part, AT, FIRST, 1, EXO_PROT_READ));
	IS(E_OVERLAP, map_under(zone, part, AT, fake.mmio, 1, PRW));
	cr_assert_eq(query(zone, AT), 0);
	cr_assert_neq(exo_ctx_create(zone, boot->memory, FIRST, &ctx), EXO_OK);
	cr_assert_neq(exo_zone_answers(zone, boot->memory, LAST, NULL), EXO_OK);
	cr_assert_neq(exo_text_prepare(boot->memory, FIRST, 1, PAGE, AT, 0, NULL), EXO_OK);
	cr_assert_neq(exo_disk_submit(boot->disk[0], boot->memory, &request, NULL), EXO_OK);
	cr_assert_eq(fake.disk.submits, 0);
	OK(exo_cap_revoke(part, NULL));
}

/* Registers there are registers, whatever memory is around. */
HOLES_TEST(may_have_registers)
{
	exo_cap_t zone = zone_make(32), mmio = boot->mmio[0];

	OK(map_under(zone, boot->memory, AT, FIRST - 1, 1, PRW));
	OK(map_under(zone, mmio, AT + PAGE, fake.mmio, 1, PRW));
	cr_assert_eq(core.device_maps, 1);
	cr_assert_eq(query(zone, AT + PAGE) >> EXO_FRAME_SHIFT, fake.mmio);
	SOUND();
	OK(map_under(zone, boot->memory, AT + PAGE, FIRST + COUNT, 1, PRW));
	cr_assert_eq(core.device_maps, 0);
	SOUND();
	OK(map_under(zone, mmio, AT + PAGE, fake.mmio, 1, PRW));
	OK(exo_cap_revoke(mmio, NULL));
	OK(exo_zone_destroy(zone, NULL));
	cr_assert_eq(core.device_maps, 0);
}

static void unreachable(const struct exo_boot *b)
{
	(void)b;
	cr_assert_fail("booted");
}

static enum fake_end boot_with(exo_frame_t first, uint64_t count, exo_frame_t second)
{
	fake_reset();
	fake.holes[0] = (struct hal_extent){ first, count };
	fake.holes[1] = (struct hal_extent){ second, second ? 1 : 0 };
	return fake_boot(unreachable);
}

Test(holes, that_make_no_sense)
{
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME, 5, 0), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME - 5, 50, 0), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME + 4000, 96, 0), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME + 4000, UINT64_MAX, 0), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME + 4000, 5, FAKE_FIRST_FRAME + 4005), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME + 4000, 5, FAKE_FIRST_FRAME + 3000), FAKE_PANICKED);
	cr_assert_eq(boot_with(FAKE_FIRST_FRAME + 100, 5, 0), FAKE_PANICKED, "the first fund needs more");
}

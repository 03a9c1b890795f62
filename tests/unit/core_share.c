/* Sharing frames between zones: zone_map, share_pages, and that it ends with the capability. */
#include "core_env.h"

#define BASE UINT64_C(0x400000)
#define RW   (EXO_PROT_READ | EXO_PROT_WRITE)

struct pair {
	exo_cap_t a, b, memory;
	exo_frame_t first;
};

static struct pair pair_make(void)
{
	struct pair p = { .a = zone_make(32), .b = zone_make(32), .first = frames_take(16) };

	p.memory = derive(boot->memory, EXO_R_ALL, p.first, 16);
	/* Not in order, and with a hole at BASE + 6 pages. */
	OK(map_under(p.a, boot->memory, BASE, p.first + 4, 4, RW));
	OK(map_under(p.a, boot->memory, BASE + 4 * PAGE, p.first, 2, EXO_PROT_READ | EXO_PROT_EXEC));
	OK(map_under(p.a, boot->memory, BASE + 7 * PAGE, p.first + 15, 1, RW));
	return p;
}

static uint64_t frame_of_page(exo_cap_t zone, uint64_t page)
{
	return query(zone, BASE + page * PAGE) >> EXO_FRAME_SHIFT;
}

CORE_TEST(share, what_one_zone_has_is_mapped_into_the_other)
{
	struct pair p = pair_make();
	uint64_t pages = 0;

	OK(exo_zone_map(p.a, p.b, BASE, 6 * PAGE, p.memory, &pages));
	cr_assert_eq(pages, 6);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(query(p.b, BASE + i * PAGE), query(p.a, BASE + i * PAGE));
	SOUND();
	/* It replaces what was there. */
	OK(map_under(p.b, boot->memory, BASE, p.first + 9, 2, RW));
	OK(exo_zone_map(p.a, p.b, BASE + PAGE, PAGE, p.memory, &pages));
	cr_assert_eq(frame_of_page(p.b, 0), p.first + 9);
	cr_assert_eq(frame_of_page(p.b, 1), p.first + 5);
	SOUND();
}

CORE_TEST(share, no_more_than_the_capability_allows)
{
	struct pair p = pair_make();
	uint64_t v;

	OK(exo_zone_map(p.a, p.b, BASE, 6 * PAGE, derive(p.memory, EXO_R_READ, p.first, 16), &v));
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(query(p.b, BASE + i * PAGE) & 7, EXO_PROT_READ);
	IS(E_RIGHTS, exo_zone_map(p.a, p.b, BASE, PAGE, derive(p.memory, EXO_R_WRITE, p.first, 16), &v));
	IS(E_RANGE, exo_zone_map(p.a, p.b, BASE, 6 * PAGE, derive(p.memory, EXO_R_ALL, p.first + 4, 4), &v));
	IS(E_RIGHTS, exo_zone_map(p.a, derive(p.b, EXO_R_READ, 0, 0), BASE, PAGE, p.memory, &v));
	IS(E_RIGHTS, exo_zone_map(derive(p.a, EXO_R_MAP, 0, 0), p.b, BASE, PAGE, p.memory, &v));
	SOUND();
}

CORE_TEST(share, arguments_are_checked)
{
	struct pair p = pair_make();
	uint64_t before = stats().caps_used, v;

	IS(E_ARG, exo_zone_map(p.a, p.b, BASE + 1, PAGE, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, BASE, PAGE + 1, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, BASE, 0, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, BASE, 4097 * PAGE, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, 0, PAGE, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, EXO_USER_LIMIT, PAGE, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, EXO_USER_LIMIT - PAGE, 2 * PAGE, p.memory, &v));
	IS(E_ARG, exo_zone_map(p.a, p.b, UINT64_MAX - PAGE + 1, PAGE, p.memory, &v));
	IS(E_STATE, exo_zone_map(p.a, p.a, BASE, PAGE, p.memory, &v));
	IS(E_STATE, exo_zone_map(p.a, boot->zone, BASE, PAGE, p.memory, &v));
	IS(E_STATE, exo_zone_map(boot->zone, p.b, BASE, PAGE, p.memory, &v));
	IS(E_TYPE, exo_zone_map(p.a, p.b, BASE, PAGE, boot->timer, &v));
	IS(E_RANGE, exo_share_pages(p.memory, p.first, 17, p.b, EXO_R_READ, &v));
	IS(E_RANGE, exo_share_pages(p.memory, p.first, 0, p.b, EXO_R_READ, &v));
	IS(E_RANGE, exo_share_pages(p.memory, p.first + 16, UINT64_MAX, p.b, EXO_R_READ, &v));
	IS(E_TYPE, exo_share_pages(p.memory, p.first, 1, boot->timer, EXO_R_READ, &v));
	IS(E_RIGHTS, exo_share_pages(derive(p.memory, EXO_R_READ, p.first, 16), p.first, 1, p.b, EXO_R_READ, &v));
	cr_assert_eq(stats().caps_used, before + 1);
	cr_assert_eq(query(p.b, BASE), 0);
	IS(E_ADDRESS, exo_zone_map(p.a, p.b, BASE, 7 * PAGE, p.memory, &v));
	/* Page by page: what was done before the page that is missing stays. */
	cr_assert_eq(v, 6);
	SOUND();
}

CORE_TEST(share, a_target_without_funds_stays_as_it_is)
{
	struct pair p = pair_make();
	exo_cap_t poor;
	uint64_t v;

	OK(exo_zone_create(boot->zone, boot->memory, frames_take(2), 2, "poor", 4, &poor));
	IS(E_FUNDS, exo_zone_map(p.a, poor, BASE, PAGE, p.memory, &v));
	cr_assert_eq(query(poor, BASE), 0);
	SOUND();
}

CORE_TEST(share, much_is_shared_in_pieces)
{
	exo_cap_t a = zone_make(32), b = zone_make(32);
	exo_frame_t first = frames_take(400);
	uint64_t done = 0, all = 0;
	enum exo_status status;

	OK(map_under(a, boot->memory, BASE, first, 400, RW));
	IS(E_AGAIN, exo_zone_map(a, b, BASE, 400 * PAGE, boot->memory, &done));
	cr_assert(done > 0 && done < 400);
	do {
		all += done;
		status = exo_zone_map(a, b, BASE + all * PAGE, (400 - all) * PAGE, boot->memory, &done);
	} while (status == EXO_E_AGAIN);
	OK(status);
	cr_assert_eq(frame_of_page(b, 399), first + 399);
}

CORE_TEST(share, not_longer_than_the_capability)
{
	struct pair p = pair_make();
	exo_cap_t soon, name;

	OK(exo_cap_derive(p.memory, EXO_R_ALL, p.first, 16, fake.now_ns + 1000000, &soon));
	OK(exo_share_pages(soon, p.first, 2, p.b, EXO_R_READ, &name));
	cr_assert_eq(cap_find(name)->expires, inspect(soon).expires_ns);
}

CORE_TEST(share, ends_with_the_capability)
{
	struct pair p = pair_make();
	exo_cap_t lent = derive(p.memory, EXO_R_ALL, p.first, 16), soon;
	uint64_t v, name;

	OK(exo_zone_map(p.a, p.b, BASE, 6 * PAGE, lent, &v));
	OK(exo_share_pages(lent, p.first, 2, p.b, EXO_R_READ | EXO_R_WRITE, &name));
	cr_assert_eq(cap_find(name)->owner, inspect(p.b).first);
	cr_assert_eq(cap_find(name)->rights, EXO_R_READ | EXO_R_WRITE);
	cr_assert_eq(cap_find(name)->count, 2);
	OK(exo_cap_revoke(p.memory, NULL));
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(query(p.b, BASE + i * PAGE), 0);
	cr_assert_neq(query(p.a, BASE), 0, "the first zone keeps what it had of its own");
	cr_assert_null(cap_find(name));
	SOUND();
	OK(exo_cap_derive(p.memory, EXO_R_ALL, p.first, 16, fake.now_ns + 1000000, &soon));
	OK(exo_zone_map(p.a, p.b, BASE, 6 * PAGE, soon, &v));
	fake.now_ns += 2000000;
	/* Its next entry finds nothing there any more. */
	name = context_make(p.b, &p.first);
	OK(exo_run(name, boot->cpu, 1000, &v));
	cr_assert_eq(query(p.b, BASE), 0);
	SOUND();
}

CORE_TEST(share, not_with_the_dead)
{
	struct pair p = pair_make();
	uint64_t v;

	core.zones[inspect(p.b).first]->dead = true;
	IS(E_DEAD, exo_zone_map(p.a, p.b, BASE, PAGE, p.memory, &v));
	OK(exo_zone_destroy(p.b, NULL));
}

/* The audit rings: whose refusals are kept, who reads them when, and what becomes of them. */
#include "core_env.h"
#include <core/call.h>
#include <core/reap.h>

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

/* `zone` makes a call that it may not make: of a capability that it does not have, whose name tells which one it was. */
static void refuse(exo_cap_t zone, uint64_t which)
{
	const uint64_t args[6] = { which };

	IS(E_CAP, call_dispatch(zone_of(zone), EXO_NR_HALT, args).status);
}

/* Up to `room` records; refusals only. */
static uint64_t refusals(struct exo_audit_record *out, uint64_t room)
{
	uint64_t n, all = 0, kept = 0;

	do {
		OK(exo_audit_read(boot->audit, out + all, room - all, &n));
		all += n;
	} while (n > 0);
	for (uint64_t i = 0; i < all; i++)
		if (out[i].what == EXO_AUDIT_REFUSE)
			out[kept++] = out[i];
	return kept;
}

CORE_TEST(audit, a_zone_pushes_out_its_own_refusals_only)
{
	exo_cap_t a = zone_make(8), b = zone_make(8);
	struct exo_audit_record r[2 * AUDIT_REFUSALS];
	uint32_t number = zone_of(a)->number;
	unsigned of_a = 0, of_b = 0;
	uint64_t n;

	refuse(a, 7);
	for (unsigned i = 0; i < 10000; i++)
		refuse(b, i);
	SOUND();
	cr_assert_eq(stats().audit_dropped, 10000 - AUDIT_REFUSALS);
	cr_assert_eq(stats().refusals, 10001);
	n = refusals(r, 2 * AUDIT_REFUSALS);
	cr_assert_eq(n, 1 + AUDIT_REFUSALS);
	for (uint64_t i = 0; i < n; i++)
		if (r[i].zone == number)
			cr_assert(++of_a == 1 && r[i].cap == 7 && r[i].sequence == 0 && i < 2, "it does not wait behind the others");
		else
			cr_assert(r[i].cap == 10000 - AUDIT_REFUSALS + of_b && r[i].sequence == r[i].cap && ++of_b);
}

/* A reader who is too slow for one zone hears of the others all the same. */
CORE_TEST(audit, zones_are_read_in_turn)
{
	exo_cap_t zone[4];
	struct exo_audit_record r[2];

	for (unsigned i = 0; i < 4; i++)
		zone[i] = zone_make(8);
	for (unsigned i = 0; i < 3; i++)
		refuse(zone[i], i);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 5; i++)
			refuse(zone[0], 100 + round);
		cr_assert_eq(refusals(r, 1), 1);
		cr_assert(round > 2 || r[0].zone == zone_of(zone[round])->number);
		if (round == 50)
			refuse(zone[3], 1);
		cr_assert(round != 51 || r[0].zone == zone_of(zone[3])->number || r[0].zone == zone_of(zone[0])->number);
	}
	cr_assert_eq(zone_of(zone[3])->refusals.head, zone_of(zone[3])->refusals.tail);
	SOUND();
}

/* What a zone leaves unread its parent's ring takes, and never in the place of what is there. */
CORE_TEST(audit, refusals_outlive_their_zone)
{
	struct exo_audit_record r[AUDIT_REFUSALS_LAST + 1];
	exo_cap_t zone = zone_make(8);
	uint32_t number = zone_of(zone)->number;
	uint64_t n;

	for (unsigned i = 0; i < 40; i++)
		refuse(zone, i);
	OK(exo_zone_destroy(zone, NULL));
	SOUND();
	for (unsigned i = 0; i < 20; i++) {
		zone = zone_make(8);
		for (unsigned n = 0; n < AUDIT_REFUSALS; n++)
			refuse(zone, 1000);
		OK(exo_zone_destroy(zone, NULL));
		SOUND();
	}
	n = refusals(r, AUDIT_REFUSALS_LAST + 1);
	cr_assert_eq(n, AUDIT_REFUSALS_LAST);
	for (unsigned i = 0; i < AUDIT_REFUSALS; i++)
		cr_assert(r[i].zone == number && r[i].cap == 40 - AUDIT_REFUSALS + i && r[i].sequence == r[i].cap);
	cr_assert_eq(stats().audit_dropped, 8 + 21 * AUDIT_REFUSALS - AUDIT_REFUSALS_LAST);
	cr_assert_eq(refusals(r, AUDIT_REFUSALS_LAST + 1), 0);
}

/* Of zones below zones that go at once, down to the last; a bad address loses none. */
CORE_TEST(audit, refusals_go_up_the_tree)
{
	exo_cap_t top, below;
	struct exo_audit_record r[8];

	OK(exo_libos_create(boot->zone, boot->memory, frames_take(8), 8, "top", 3, &top));
	share_zones(top);
	OK(exo_zone_create(top, boot->memory, frames_take(8), 8, "below", 5, &below));
	refuse(below, 1);
	refuse(top, 2);
	refuse(below, 3);
	OK(exo_zone_destroy(top, NULL));
	cr_assert_eq(core.refused, core.libos);
	cr_assert_eq(refusals(r, 8), 3);
	cr_assert(r[0].cap == 2 && r[1].cap == 1 && r[2].cap == 3);
	cr_assert_null(core.refused);
}

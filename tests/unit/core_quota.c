/* Shares of the kernel's tables: who can use up what, and that it goes back. */
#include "core_env.h"
#include <core/call.h>
#include <core/reap.h>

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

/* The zone's own call. */
static struct exo_result as(struct zone *zone, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t args[6] = { a, b, c, d };

	return call_dispatch(zone, number, args);
}

static struct exo_quota quota_of(exo_cap_t zone, uint32_t table)
{
	struct exo_zone_info info;

	OK(exo_zone_info(zone, &info, NULL));
	return info.quotas[table];
}

CORE_TEST(quota, comes_from_above_and_goes_back)
{
	struct exo_quota before[EXO_QUOTA_COUNT];
	exo_cap_t top, below;

	for (uint32_t table = 0; table < EXO_QUOTA_COUNT; table++)
		before[table] = quota_of(boot->zone, table);
	cr_assert_eq(before[EXO_QUOTA_CAPS].limit, CAP_SLOTS - 1);
	cr_assert_eq(before[EXO_QUOTA_CAPS].used, core.caps_used);
	cr_assert_eq(before[EXO_QUOTA_ZONES].limit, ZONE_MAX - 2);
	cr_assert_eq(before[EXO_QUOTA_DISK].limit, HAL_TRANSFERS);
	top = zone_make(8);
	cr_assert_eq(quota_of(boot->zone, EXO_QUOTA_ZONES).used, 1);
	cr_assert_eq(quota_of(boot->zone, EXO_QUOTA_CAPS).given, EXO_QUOTA_FIRST);
	cr_assert_eq(quota_of(top, EXO_QUOTA_CAPS).limit, EXO_QUOTA_FIRST);
	cr_assert_eq(quota_of(top, EXO_QUOTA_ZONES).limit, 0);
	/* Nothing of it is there for a zone below it yet; with a number only, no slots are. */
	IS(E_SLOTS, exo_zone_create(top, boot->memory, frames_take(8), 8, "below", 5, &below));
	share(top, EXO_QUOTA_CAPS, 100);
	IS(E_SLOTS, exo_zone_create(top, boot->memory, frames_take(8), 8, "below", 5, &below));
	share(top, EXO_QUOTA_ZONES, 1);
	share(top, EXO_QUOTA_CAPS, EXO_QUOTA_FIRST - 1);
	IS(E_SLOTS, exo_zone_create(top, boot->memory, frames_take(8), 8, "below", 5, &below));
	share(top, EXO_QUOTA_CAPS, 100);
	OK(exo_zone_create(top, boot->memory, frames_take(8), 8, "below", 5, &below));
	OK(exo_zone_quota(top, below, EXO_QUOTA_CAPS, 60, NULL));
	cr_assert_eq(quota_of(top, EXO_QUOTA_CAPS).given, 60);
	cr_assert_eq(quota_of(boot->zone, EXO_QUOTA_CAPS).given, 100);
	SOUND();
	zone_end(below);
	cr_assert_eq(quota_of(top, EXO_QUOTA_CAPS).given, 0);
	cr_assert_eq(quota_of(top, EXO_QUOTA_ZONES).used, 0);
	zone_end(top);
	for (uint32_t table = 0; table < EXO_QUOTA_COUNT; table++) {
		struct exo_quota after = quota_of(boot->zone, table);

		cr_assert_eq(memcmp(&after, &before[table], sizeof(after)), 0);
	}
}

/* Of the share of who makes a zone below itself: the first slots of the new one, and its name's. */
CORE_TEST(quota, the_name_is_out_of_it_too)
{
	exo_cap_t top = zone_make(16), self, memory;
	exo_frame_t first = frames_take(8);
	uint64_t args[6];

	share(top, EXO_QUOTA_ZONES, 1);
	OK(exo_cap_grant(top, top, EXO_R_ALL, &self));
	OK(exo_cap_grant(boot->memory, top, EXO_R_ALL, &memory));
	memcpy(args, (const uint64_t[6]){ self, memory, first, 8, 0, 0 }, sizeof(args));
	share(top, EXO_QUOTA_CAPS, 2 + EXO_QUOTA_FIRST);
	IS(E_SLOTS, call_dispatch(zone_of(top), EXO_NR_ZONE_CREATE, args).status);
	share(top, EXO_QUOTA_CAPS, 3 + EXO_QUOTA_FIRST);
	OK(call_dispatch(zone_of(top), EXO_NR_ZONE_CREATE, args).status);
}

CORE_TEST(quota, is_checked)
{
	exo_cap_t a = zone_make(8), b = zone_make(8), c;

	share(a, EXO_QUOTA_ZONES, 1);
	share(a, EXO_QUOTA_CAPS, 20);
	OK(exo_zone_create(a, boot->memory, frames_take(8), 8, "c", 1, &c));
	IS(E_RIGHTS, exo_zone_quota(derive(boot->zone, EXO_R_ALL & ~EXO_R_CREATE, 0, 0), a, 0, 30, NULL));
	IS(E_RIGHTS, exo_zone_quota(boot->zone, derive(a, EXO_R_ALL & ~EXO_R_MAP, 0, 0), 0, 30, NULL));
	IS(E_TYPE, exo_zone_quota(boot->timer, a, 0, 30, NULL));
	IS(E_CAP, exo_zone_quota(boot->zone, 12345, 0, 30, NULL));
	IS(E_ARG, exo_zone_quota(boot->zone, a, EXO_QUOTA_COUNT, 1, NULL));
	IS(E_STATE, exo_zone_quota(a, b, 0, 1, NULL));
	IS(E_STATE, exo_zone_quota(boot->zone, c, 0, 10, NULL));
	IS(E_STATE, exo_zone_quota(a, a, 0, 10, NULL));
	IS(E_STATE, exo_zone_quota(boot->zone, boot->zone, 0, 10, NULL));
	/* Of 20 the zone below has 8. */
	IS(E_SLOTS, exo_zone_quota(a, c, EXO_QUOTA_CAPS, 21, NULL));
	IS(E_SLOTS, exo_zone_quota(a, c, EXO_QUOTA_CAPS, (UINT64_C(1) << 32) + 8, NULL));
	IS(E_SLOTS, exo_zone_quota(a, c, EXO_QUOTA_CAPS, UINT64_MAX, NULL));
	IS(E_SLOTS, exo_zone_quota(a, c, EXO_QUOTA_ZONES, 1, NULL));
	IS(E_BUSY, exo_zone_quota(boot->zone, a, EXO_QUOTA_CAPS, 7, NULL));
	IS(E_BUSY, exo_zone_quota(boot->zone, a, EXO_QUOTA_ZONES, 0, NULL));
	OK(exo_zone_quota(boot->zone, a, EXO_QUOTA_CAPS, 8, NULL));
	OK(exo_zone_quota(a, c, EXO_QUOTA_CAPS, 0, NULL));
	OK(exo_zone_quota(boot->zone, a, EXO_QUOTA_CAPS, 0, NULL));
	SOUND();
	zone_of(c)->dead = true;
	IS(E_DEAD, exo_zone_quota(a, c, EXO_QUOTA_CAPS, 0, NULL));
}

/* A LibOS that makes zones without end, each with as many capabilities as it gets, uses up its own share of both tables. */
CORE_TEST(quota, a_libos_starves_nobody)
{
	exo_cap_t mad, other, own, memory, timer, others_timer;
	exo_frame_t at = frames_take(400);
	uint64_t zones = 0, slots = 0;
	struct exo_result made = { EXO_OK, 0 };

	OK(exo_libos_create(boot->zone, boot->memory, frames_take(16), 16, "mad", 3, &mad));
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(16), 16, "other", 5, &other));
	share(mad, EXO_QUOTA_CAPS, 1000);
	share(mad, EXO_QUOTA_ZONES, 100);
	OK(exo_cap_grant(mad, mad, EXO_R_ALL, &own));
	OK(exo_cap_grant(derive(boot->memory, EXO_R_ALL, at, 400), mad, EXO_R_ALL, &memory));
	OK(exo_cap_grant(boot->timer, mad, EXO_R_ALL, &timer));
	OK(exo_cap_grant(boot->timer, other, EXO_R_ALL, &others_timer));
	while (made.status == EXO_OK) {
		const uint64_t args[6] = { own, memory, at + zones * 3, 3 };

		made = call_dispatch(zone_of(mad), EXO_NR_LIBOS_CREATE, args);
		for (zones += made.status == EXO_OK; made.status == EXO_OK; slots++)
			if (as(zone_of(mad), EXO_NR_CAP_GRANT, timer, made.value, EXO_R_READ, 0).status != EXO_OK)
				break;
	}
	cr_assert_eq(made.status, EXO_E_SLOTS);
	cr_assert_eq(zones, 100);
	cr_assert_eq(slots, 100 * EXO_QUOTA_FIRST);
	while (as(zone_of(mad), EXO_NR_CAP_DERIVE, timer, EXO_R_READ, 0, 0).status == EXO_OK)
		slots++;
	cr_assert_leq(slots, 1000);
	SOUND();
	/* The other one, and the first LibOS, have all that is theirs. */
	for (int i = 0; i < EXO_QUOTA_FIRST - 1; i++)
		OK(as(zone_of(other), EXO_NR_CAP_DERIVE, others_timer, EXO_R_READ, 0, 0).status);
	IS(E_SLOTS, as(zone_of(other), EXO_NR_CAP_DERIVE, others_timer, EXO_R_READ, 0, 0).status);
	share(other, EXO_QUOTA_CAPS, CAP_SLOTS - 2000);
	share(other, EXO_QUOTA_ZONES, ZONE_MAX - 200);
	zone_make(8);
	zone_end(mad);
	cr_assert_eq(quota_of(boot->zone, EXO_QUOTA_ZONES).given, ZONE_MAX - 200);
}

/* All numbers of the table, each with its first slots. */
static void all_zones_libos(const struct exo_boot *b)
{
	static exo_cap_t zones[ZONE_MAX];
	exo_cap_t zone = 0;
	enum exo_status status = EXO_OK;
	uint32_t count = 0;

	boot = b;
	next_frame = b->memory_first;
	while ((status = exo_zone_create(boot->zone, boot->memory, next_frame, 2, "x", 1, &zone)) == EXO_OK) {
		zones[count++] = zone;
		next_frame += 2;
	}
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(count, ZONE_MAX - 2);
	OK(exo_cap_derive(boot->timer, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &zone));
	zone_end(zones[50]);
	OK(exo_zone_create(boot->zone, boot->memory, next_frame, 2, "x", 1, &zone));
	IS(E_SLOTS, exo_zone_create(boot->zone, boot->memory, next_frame + 2, 2, "x", 1, &zone));
	SOUND();
}

Test(quota, all_zone_numbers)
{
	fake_reset();
	fake.frame_count = FAKE_FRAMES_MAX;
	cr_assert_eq(fake_boot(all_zones_libos), FAKE_RETURNED);
}

/* Those who never take their answers keep their own places only. */
CORE_TEST(quota, disk_places)
{
	exo_cap_t zone[5], disk[5];
	exo_frame_t buffer = frames_take(1);

	fake.disk.immediate = true;
	*(struct exo_disk_request *)frame_ptr(buffer) = (struct exo_disk_request){ .op = EXO_DISK_FLUSH };
	for (int i = 0; i < 5; i++) {
		zone[i] = zone_make(16);
		OK(exo_cap_grant(boot->disk[0], zone[i], EXO_R_ALL, &disk[i]));
		OK(map_under(zone[i], boot->memory, 0x400000, buffer, 1, EXO_PROT_READ));
		IS(E_BUSY, as(zone_of(zone[i]), EXO_NR_DISK_SUBMIT, disk[i], EXO_CAP_NONE, 0x400000, 0).status);
		share(zone[i], EXO_QUOTA_DISK, 6);
	}
	for (int i = 0; i < 5; i++)
		for (int n = 0; n < 8; n++)
			cr_assert_eq(as(zone_of(zone[i]), EXO_NR_DISK_SUBMIT, disk[i], EXO_CAP_NONE, 0x400000, 0).status,
			             n < 6 ? EXO_OK : EXO_E_BUSY);
	fake_disk_step(HAL_TRANSFERS);
	SOUND();
	IS(E_SLOTS, exo_zone_quota(boot->zone, zone[0], EXO_QUOTA_DISK, 9, NULL));
	zone_end(zone[0]);
	OK(exo_zone_quota(boot->zone, zone[1], EXO_QUOTA_DISK, 12, NULL));
	OK(as(zone_of(zone[1]), EXO_NR_DISK_SUBMIT, disk[1], EXO_CAP_NONE, 0x400000, 0).status);
	/* The first LibOS's own two. */
	for (int n = 0; n < 3; n++)
		cr_assert_eq(exo_disk_submit(boot->disk[0], EXO_CAP_NONE, frame_ptr(buffer), NULL), n < 2 ? EXO_OK : EXO_E_BUSY);
}

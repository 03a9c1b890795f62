/* The first LibOS's window: what is the kernel's is not in it, and comes back clean. */
#include "core_env.h"

#define BASE UINT64_C(0x400000)

static bool is_shown(exo_frame_t wanted)
{
	exo_frame_t frame;
	uint64_t count;

	for (exo_vaddr_t at = 0; hal_space_reach(&core.libos->space, &at, &frame, &count); at += count * PAGE) {
		cr_assert_eq((uint64_t)(uintptr_t)frame_ptr(frame), at);
		if (wanted - frame < count)
			return true;
	}
	return false;
}

static uint64_t shown_of(exo_frame_t first, uint64_t count)
{
	uint64_t shown = 0;

	for (uint64_t i = 0; i < count; i++)
		shown += is_shown(first + i);
	return shown;
}

CORE_TEST(window, shows_what_is_plain)
{
	exo_frame_t fund = frames_take(40);
	exo_cap_t zone, other;

	/* The kernel's own frames, and the LibOS's fund, which is below its memory. */
	cr_assert_eq(shown_of(core.info->first_frame, boot->memory_first - core.info->first_frame), 0);
	cr_assert(is_shown(boot->memory_first));
	cr_assert(is_shown(boot->memory_first + boot->memory_count - 1));
	OK(exo_zone_create(boot->zone, boot->memory, fund + 1, 9, "x", 1, &zone));
	cr_assert(is_shown(fund) && is_shown(fund + 10));
	cr_assert_eq(shown_of(fund, 40), 31);
	OK(exo_zone_fund(zone, boot->memory, fund + 20, 16, NULL));
	OK(exo_zone_fund(boot->zone, boot->memory, fund + 37, 1, NULL));
	cr_assert_eq(shown_of(fund, 40), 14);
	SOUND();
	/* What is refused hides nothing. */
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, fund + 36, 2, NULL));
	fake.space_fails = true;
	IS(E_DEVICE, exo_zone_create(boot->zone, boot->memory, fund + 38, 2, "y", 1, &other));
	cr_assert_eq(shown_of(fund, 40), 14);
	OK(exo_zone_destroy(zone, NULL));
	cr_assert_eq(shown_of(fund, 40), 39);
}

/* The kernel follows no pointer to where the LibOS does not get itself. */
CORE_TEST(window, calls_do_not_reach_further)
{
	exo_frame_t fund = frames_take(9);
	exo_cap_t zone;
	uint64_t done;
	struct exo_map_op op = { BASE, fund + 8, 1, EXO_PROT_READ };

	memcpy(frame_ptr(fund + 4), &op, sizeof(op));
	OK(exo_zone_create(boot->zone, boot->memory, fund, 8, "x", 1, &zone));
	IS(E_ADDRESS, exo_zone_info(zone, frame_ptr(fund + 3), NULL));
	IS(E_ADDRESS, exo_stats_read(boot->audit, (void *)((uint8_t *)frame_ptr(fund) - 8), NULL));
	IS(E_ADDRESS, exo_stats_read(boot->audit, (void *)((uint8_t *)frame_ptr(fund + 8) - 8), NULL));
	IS(E_ADDRESS, exo_mem_map(zone, boot->memory, frame_ptr(fund + 4), 1, &done));
	OK(exo_zone_info(zone, frame_ptr(fund + 8), NULL));
	OK(exo_zone_destroy(zone, NULL));
	OK(exo_stats_read(boot->audit, frame_ptr(fund), NULL));
}

static void none_left(exo_frame_t first, uint64_t count)
{
	const uint64_t *words = frame_ptr(first);

	for (uint64_t i = 0; i < count * PAGE / 8; i++)
		cr_assert_eq(words[i], 0, "frame +%llu, word %llu: %llx", (unsigned long long)(i / 512),
		             (unsigned long long)(i % 512), (unsigned long long)words[i]);
}

/* A zone that has needed all kinds of kernel memory. */
CORE_TEST(window, funds_come_back_zeroed)
{
	exo_frame_t first = frames_take(200), second = frames_take(50), page, pages = frames_take(300);
	exo_cap_t zone, part, caps[120], port;
	uint64_t made = 0;

	memset(frame_ptr(first), 0, 200 * PAGE);
	memset(frame_ptr(second), 0, 50 * PAGE);
	OK(exo_zone_create(boot->zone, boot->memory, first, 200, "x", 1, &zone));
	OK(exo_zone_fund(zone, boot->memory, second, 50, NULL)); /* linked, since there is a run already */
	for (uint64_t i = 0; i < 120; i++) {
		caps[i] = derive(boot->memory, EXO_R_READ, pages + i, 2);
		OK(map_under(zone, caps[i], BASE + i * (PAGE << 7), pages + i, 1, EXO_PROT_READ));
	}
	for (int i = 0; i < 12; i++)
		context_make(zone, &page);
	OK(exo_port_create(zone, EXO_CAP_NOTIFY, &port));
	/* Something is taken from it: a ring is made. */
	part = derive(boot->memory, EXO_R_READ | EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE, pages, 4);
	OK(exo_cap_grant(part, zone, EXO_R_READ, &made));
	while (exo_cap_revoke(part, NULL) == EXO_E_AGAIN)
		;
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		SOUND();
	none_left(first, 200);
	none_left(second, 50);
	/* The whole again, by way of the pool: frames that were used before. */
	OK(exo_zone_create(boot->zone, boot->memory, first, 200, "x", 1, &zone));
	OK(map_under(zone, boot->memory, BASE, pages, 300, EXO_PROT_READ));
	OK(exo_zone_fund(zone, boot->memory, second, 1, NULL));
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	none_left(first, 200);
	none_left(second, 50);
}

/* What nobody wrote to is not cleared, however much it is. */
CORE_TEST(window, fresh_frames_stay_as_they_are)
{
	exo_frame_t first = frames_take(100);
	uint64_t kept = 0;
	exo_cap_t zone;

	for (uint64_t i = 0; i < 100; i++)
		memset(frame_ptr(first + i), 0x5a, PAGE);
	OK(exo_zone_create(boot->zone, boot->memory, first, 100, "x", 1, &zone));
	OK(map_under(zone, boot->memory, BASE, frames_take(1), 1, EXO_PROT_READ));
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	for (uint64_t i = 0; i < 100; i++) {
		const uint8_t *byte = frame_ptr(first + i);

		kept += byte[100] == 0x5a;
		for (uint64_t at = 0; at < PAGE; at++)
			cr_assert(byte[at] == 0x5a || byte[at] == 0);
	}
	cr_assert_geq(kept, 90);
}

/* Another LibOS's window is made of mappings, which count. */
CORE_TEST(window, other_windows)
{
	exo_frame_t fund = frames_take(32), theirs = frames_take(16), other = frames_take(16);
	exo_cap_t libos, app, zone;

	OK(exo_libos_create(boot->zone, boot->memory, fund, 32, "libos", 5, &libos));
	app = zone_make(16);
	OK(map_under(libos, boot->memory, BASE, theirs, 16, EXO_PROT_READ | EXO_PROT_WRITE));
	IS(E_OVERLAP, exo_zone_create(libos, boot->memory, theirs, 16, "x", 1, &zone));
	IS(E_OVERLAP, exo_zone_fund(libos, boot->memory, theirs + 15, 1, NULL));
	IS(E_OVERLAP, exo_zone_fund(app, boot->memory, theirs, 1, NULL));
	IS(E_OVERLAP, exo_zone_fund(boot->zone, boot->memory, theirs, 1, NULL));
	/* Kernel memory does not get into it either. */
	OK(exo_zone_fund(app, boot->memory, other, 4, NULL));
	IS(E_OVERLAP, map_under(libos, boot->memory, BASE + 16 * PAGE, other, 1, EXO_PROT_READ));
	IS(E_OVERLAP, map_under(libos, boot->memory, BASE + 16 * PAGE, other - 1, 16, EXO_PROT_READ));
	/* As soon as it has left the one window it can leave the other. */
	OK(map_under(libos, EXO_CAP_NONE, BASE, 0, 8, 0));
	share_zones(libos);
	OK(exo_zone_create(libos, boot->memory, theirs, 8, "x", 1, &zone));
	cr_assert_eq(shown_of(theirs, 16), 8);
	IS(E_OVERLAP, map_under(libos, boot->memory, BASE, theirs, 1, EXO_PROT_READ));
}

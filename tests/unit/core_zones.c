/* Zones and their funds: who pays, and that all of it comes back. */
#include "core_env.h"
#include <core/call.h>

CORE_TEST(zones, all_comes_back)
{
	struct exo_stats before = stats(), after;
	struct exo_zone_info info;
	exo_frame_t first = frames_take(16), answers = frames_take(1), page;
	exo_cap_t zone, context;

	OK(exo_zone_create(boot->zone, boot->memory, first, 16, "a-name-that-is-too-long", 23, &zone));
	OK(exo_zone_info(zone, &info, NULL));
	cr_assert_str_eq(info.name, "a-name-that-is-");
	cr_assert_eq(info.kind, EXO_ZONE_APP);
	cr_assert_eq(info.fund_total, 16);
	cr_assert_eq(info.fund_free, 14);
	context = context_make(zone, &page);
	OK(map_under(zone, boot->memory, 0x400000, frames_take(4), 4, EXO_PROT_READ));
	OK(exo_zone_info(zone, &info, NULL));
	cr_assert_eq(info.mapped_pages, 4);
	cr_assert_eq(info.contexts, 1);
	cr_assert_eq(stats().frames_funded, before.frames_funded + 16);
	OK(exo_zone_answers(zone, boot->memory, answers, NULL));
	SOUND();
	OK(exo_zone_destroy(zone, NULL));
	cr_assert(frames_are_plain(answers, 1, true));
	after = stats();
	cr_assert_eq(after.frames_funded, before.frames_funded);
	cr_assert_eq(after.caps_used, before.caps_used);
	cr_assert_eq(after.zones, before.zones);
	cr_assert_eq(fake.tables, 0);
	cr_assert_eq(fake.contexts, 0);
	IS(E_CAP, exo_zone_info(zone, &info, NULL));
	IS(E_CAP, exo_ctx_save(context, NULL));
	/* The frames are ordinary again. */
	OK(exo_zone_create(boot->zone, boot->memory, first, 16, "b", 1, &zone));
}

CORE_TEST(zones, funds_are_checked)
{
	exo_frame_t first = frames_take(16), end = boot->memory_first + boot->memory_count;
	exo_cap_t zone, other, plain = derive(boot->memory, EXO_R_ALL & ~EXO_R_FUND, first, 16);

	IS(E_RIGHTS, exo_zone_create(boot->zone, plain, first, 8, "x", 1, &zone));
	IS(E_RANGE, exo_zone_create(boot->zone, boot->memory, end - 1, 2, "x", 1, &zone));
	IS(E_RANGE, exo_zone_create(boot->zone, boot->memory, boot->memory_first - 1, 8, "x", 1, &zone));
	IS(E_RANGE, exo_zone_create(boot->zone, boot->memory, first, 0, "x", 1, &zone));
	IS(E_RANGE, exo_zone_create(boot->zone, boot->memory, UINT64_MAX - 1, 8, "x", 1, &zone));
	IS(E_FUNDS, exo_zone_create(boot->zone, boot->memory, first, 1, "x", 1, &zone));
	OK(exo_zone_create(boot->zone, boot->memory, first, 8, "x", 1, &zone));
	IS(E_OVERLAP, exo_zone_create(boot->zone, boot->memory, first + 7, 8, "x", 1, &other));
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, first, 1, NULL));
	OK(exo_zone_fund(zone, boot->memory, first + 8, 8, NULL));
	SOUND();
}

CORE_TEST(zones, few_capabilities_fund_one)
{
	exo_cap_t zone = zone_make(8), part;
	exo_frame_t first = frames_take(3);

	for (unsigned i = 1; i < ZONE_FUNDS_MAX; i++) {
		part = derive(boot->memory, EXO_R_ALL, frames_take(2), 2);
		OK(exo_zone_fund(zone, part, inspect(part).first, 1, NULL));
	}
	IS(E_SLOTS, exo_zone_fund(zone, derive(boot->memory, EXO_R_ALL, first, 3), first, 1, NULL));
	cr_assert(frames_are_plain(first, 1, true));
	OK(exo_zone_fund(zone, part, inspect(part).first + 1, 1, NULL));
	OK(exo_zone_fund(zone, boot->memory, first, 1, NULL));
}

static void much_memory(const struct exo_boot *b)
{
	exo_cap_t zone;

	boot = b;
	cr_assert(b->memory_count > EXO_FUND_MAX);
	IS(E_RANGE, exo_zone_create(b->zone, b->memory, b->memory_first, EXO_FUND_MAX + 1, "x", 1, &zone));
	OK(exo_zone_create(b->zone, b->memory, b->memory_first, EXO_FUND_MAX, "x", 1, &zone));
}

Test(zones, a_call_gives_only_so_much)
{
	fake_reset();
	fake.frame_count = FAKE_FRAMES_MAX;
	cr_assert_eq(fake_boot(much_memory), FAKE_RETURNED);
}

CORE_TEST(zones, not_below_what_is_being_revoked)
{
	exo_cap_t top = derive(boot->zone, EXO_R_ALL, 0, 0), zone;
	exo_frame_t first = frames_take(8);

	for (unsigned i = 0; i < 20000; i++)
		derive(top, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	IS(E_AGAIN, exo_zone_create(top, boot->memory, first, 8, "x", 1, &zone));
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	OK(exo_zone_create(top, boot->memory, first, 8, "x", 1, &zone));
}

CORE_TEST(zones, what_is_mapped_cannot_become_kernel_memory)
{
	exo_cap_t zone = zone_make(8), other;
	exo_frame_t page, frame = frames_take(8);

	context_make(zone, &page);
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, page, 1, NULL));
	OK(map_under(zone, boot->memory, 0x400000, frame + 3, 1, EXO_PROT_READ));
	IS(E_OVERLAP, exo_zone_create(boot->zone, boot->memory, frame, 8, "x", 1, &other));
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, frame + 3, 1, NULL));
	OK(map_under(zone, EXO_CAP_NONE, 0x400000, 0, 1, 0));
	OK(exo_zone_fund(zone, boot->memory, frame, 8, NULL));
	/* and the other way round */
	IS(E_OVERLAP, map_under(zone, boot->memory, 0x400000, frame + 3, 1, EXO_PROT_READ));
	IS(E_OVERLAP, exo_ctx_create(zone, boot->memory, frame + 3, &other));
	IS(E_OVERLAP, exo_zone_answers(zone, boot->memory, frame + 3, NULL));
	IS(E_OVERLAP, exo_text_prepare(boot->memory, frame + 3, 1, 100, 0x400000, 0, NULL));
}

CORE_TEST(zones, the_machine_may_refuse)
{
	struct exo_stats before = stats();
	exo_cap_t zone;

	fake.space_fails = true;
	IS(E_DEVICE, exo_zone_create(boot->zone, boot->memory, frames_take(8), 8, "x", 1, &zone));
	cr_assert_eq(stats().frames_funded, before.frames_funded);
	cr_assert_eq(stats().zones, before.zones);
	cr_assert_eq(stats().caps_used, before.caps_used);
}

CORE_TEST(zones, the_libos_cannot_be_destroyed)
{
	IS(E_BUSY, exo_zone_destroy(boot->zone, NULL));
	IS(E_STATE, map_under(boot->zone, boot->memory, 0x400000, frames_take(1), 1, EXO_PROT_READ));
	IS(E_STATE, exo_ctx_create(boot->zone, boot->memory, frames_take(1), NULL));
	IS(E_STATE, exo_zone_answers(boot->zone, boot->memory, frames_take(1), NULL));
	OK(exo_cap_drop(boot->zone, NULL));
	OK(exo_nop(NULL));
}

CORE_TEST(zones, dropping_the_last_capability_ends_it)
{
	struct exo_stats before = stats();
	exo_cap_t zone = zone_make(8), second = derive(zone, EXO_R_ALL, 0, 0);

	OK(exo_cap_drop(zone, NULL));
	cr_assert_eq(stats().zones, before.zones + 1);
	OK(exo_cap_drop(second, NULL));
	cr_assert_eq(stats().zones, before.zones);
	cr_assert_eq(stats().frames_funded, before.frames_funded);
}

/* Nothing is above the capability of all memory: what lives from it goes with who holds it. */
CORE_TEST(zones, what_lives_from_a_root_ends_with_its_holder)
{
	exo_frame_t first = frames_take(32);
	exo_cap_t part = derive(boot->memory, EXO_R_ALL, first, 32), holder, other, root, given;
	uint64_t zones = stats().zones;

	OK(exo_zone_create(boot->zone, part, first, 16, "holder", 6, &holder));
	OK(exo_zone_create(boot->zone, part, first + 16, 16, "other", 5, &other));
	OK(exo_cap_move(boot->memory, holder, &root));
	OK(exo_cap_grant(other, holder, EXO_R_ALL, &given));
	OK(call_dispatch(cap_at((cap_slot_t)holder)->zone, EXO_NR_ZONE_FUND,
	                 (const uint64_t[6]){ given, root, frames_take(1), 1 }).status);
	SOUND();
	zone_end(holder);
	SOUND();
	for (int i = 0; i < 5; i++)
		strangers_call();
	cr_assert_eq(stats().zones, zones);
	IS(E_CAP, exo_cap_drop(other, NULL));
}

CORE_TEST(zones, dropping_the_last_capability_of_a_context_ends_it)
{
	exo_cap_t zone = zone_make(8), context, second;
	exo_frame_t page;

	context = context_make(zone, &page);
	second = derive(context, EXO_R_ALL, 0, 0);
	OK(exo_cap_drop(context, NULL));
	cr_assert_eq(fake.contexts, 1);
	OK(exo_cap_drop(second, NULL));
	cr_assert_eq(fake.contexts, 0);
	OK(exo_zone_fund(zone, boot->memory, page, 1, NULL));
}

/* A zone with more to clear away than one call may do. */
CORE_TEST(zones, a_big_one_goes_in_pieces)
{
	struct exo_stats before = stats();
	exo_cap_t zone = zone_make(1500);
	enum exo_status status;
	exo_frame_t frames = frames_take(500), page;
	struct exo_zone_info list[2];
	uint64_t n;
	int calls = 1;

	for (int i = 0; i < 12; i++)
		OK(map_under(zone, boot->memory, 0x400000 + i * 0x1000000, frames, 500, EXO_PROT_READ));
	context_make(zone, &page);
	while ((status = exo_zone_destroy(zone, NULL)) == EXO_E_AGAIN) {
		exo_cap_t cap;

		SOUND();
		/* It is out of use from the first call on. */
		IS(E_DEAD, map_under(zone, boot->memory, 0x400000, frames, 1, EXO_PROT_READ));
		IS(E_DEAD, exo_ctx_create(zone, boot->memory, frames, &cap));
		IS(E_DEAD, exo_cap_grant(boot->timer, zone, EXO_R_READ, &cap));
		IS(E_DEAD, exo_zone_fund(zone, boot->memory, frames_take(1), 1, NULL));
		IS(E_DEAD, exo_zone_create(zone, boot->memory, frames_take(8), 8, "x", 1, &cap));
		IS(E_DEAD, exo_zone_answers(zone, boot->memory, frames, NULL));
		IS(E_DEAD, exo_zone_answer_program(zone, NULL, 0, NULL));
		OK(exo_list_zones(boot->audit, list, 2, 0, &n));
		cr_assert_eq(n, 1);
		calls++;
	}
	OK(status);
	cr_assert(calls > 1);
	cr_assert_eq(stats().frames_funded, before.frames_funded);
	cr_assert_eq(stats().caps_used, before.caps_used);
}

/* Its space goes before its frames: in between it has no page that anybody could be told of. */
CORE_TEST(zones, one_without_its_space_has_no_pages)
{
	exo_cap_t zone = zone_make(1500);
	const struct zone *z = cap_at((cap_slot_t)zone)->zone;
	struct exo_page_info page;
	uint64_t n;

	OK(map_under(zone, boot->memory, 0x400000, frames_take(1), 1, EXO_PROT_READ));
	while (!z->stripped)
		IS(E_AGAIN, exo_zone_destroy(zone, NULL));
	cr_assert_eq(query(zone, 0x400000), 0);
	OK(exo_mem_scan(zone, 0x400000, 1, &page, 1, 0, &n));
	cr_assert_eq(n, 0);
}

CORE_TEST(zones, their_pages_need_rights)
{
	exo_cap_t zone = zone_make(8), context;
	exo_frame_t page = frames_take(1);
	exo_cap_t none = derive(boot->memory, EXO_R_DERIVE, page, 1), readable = derive(boot->memory, EXO_R_READ, page, 1);

	IS(E_RIGHTS, exo_zone_answers(zone, none, page, NULL));
	IS(E_RIGHTS, exo_ctx_create(zone, none, page, &context));
	IS(E_RIGHTS, exo_ctx_create(zone, readable, page, &context));
	OK(exo_zone_answers(zone, readable, page, NULL));
	IS(E_RANGE, exo_zone_answers(zone, readable, page + 1, NULL));
	IS(E_RANGE, exo_ctx_create(zone, derive(boot->memory, EXO_R_ALL, page, 1), page + 1, &context));
}

CORE_TEST(zones, contexts_are_paid_by_the_fund)
{
	exo_cap_t zone = zone_make(3), context;
	enum exo_status status;
	int count = 0;

	while ((status = exo_ctx_create(zone, boot->memory, frames_take(1), &context)) == EXO_OK)
		count++;
	cr_assert_eq(status, EXO_E_FUNDS);
	cr_assert(count >= 4);
	OK(exo_zone_fund(zone, boot->memory, frames_take(1), 1, NULL));
	OK(exo_ctx_create(zone, boot->memory, frames_take(1), &context));
}

CORE_TEST(zones, listing)
{
	struct exo_zone_info list[8];
	uint64_t n;

	zone_make(4);
	zone_make(4);
	OK(exo_list_zones(boot->audit, list, 8, 0, &n));
	cr_assert_eq(n, 3);
	cr_assert_eq(list[0].number, ZONE_LIBOS_NUMBER);
	cr_assert_str_eq(list[0].name, "libos");
	cr_assert_eq(list[0].kind, EXO_ZONE_LIBOS);
	OK(exo_list_zones(boot->audit, list, 1, list[1].number, &n));
	cr_assert_eq(n, 1);
	OK(exo_list_zones(boot->audit, list, 8, UINT64_MAX, &n));
	cr_assert_eq(n, 0);
}

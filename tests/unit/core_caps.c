/* Capabilities: names, derivation, granting, dropping, expiry, tags, limits. */
#include "core_env.h"
#include <core/call.h>

CORE_TEST(caps, boot_hands_out_what_the_page_says)
{
	struct exo_cap_info info = inspect(boot->memory);

	cr_assert_eq(boot->version, EXO_BOOT_VERSION);
	cr_assert_eq(info.type, EXO_CAP_MEMORY);
	cr_assert_eq(info.rights, EXO_R_ALL);
	cr_assert_eq(info.first, boot->memory_first);
	cr_assert_eq(info.count, boot->memory_count);
	cr_assert_eq(info.parent, EXO_CAP_NONE);
	cr_assert_eq(info.owner_zone, ZONE_LIBOS_NUMBER);
	cr_assert_eq(inspect(boot->root).type, EXO_CAP_ROOT);
	cr_assert_eq(inspect(boot->zone).first, ZONE_LIBOS_NUMBER);
	/* All of the extent is the LibOS's except what the core and the fund took. */
	cr_assert_eq(boot->memory_first + boot->memory_count, FAKE_FIRST_FRAME + fake.frame_count);
	cr_assert(boot->memory_count > fake.frame_count - 64);
}

CORE_TEST(caps, names_that_never_were)
{
	struct exo_cap_info info;

	IS(E_CAP, exo_cap_inspect(EXO_CAP_NONE, &info, NULL));
	IS(E_CAP, exo_cap_inspect(UINT64_MAX, &info, NULL));
	IS(E_CAP, exo_cap_inspect(boot->root + (1 << 16), &info, NULL));
	IS(E_CAP, exo_cap_inspect(60000, &info, NULL));
	IS(E_TYPE, exo_timer_set(boot->console, 0, NULL));
}

CORE_TEST(caps, deriving_only_goes_down)
{
	uint64_t first = boot->memory_first;
	exo_cap_t a = derive(boot->memory, EXO_R_READ | EXO_R_DERIVE, first + 10, 20), b;

	IS(E_RIGHTS, exo_cap_derive(a, EXO_R_READ | EXO_R_WRITE, first + 10, 20, EXO_NO_EXPIRY, &b));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, first + 9, 2, EXO_NO_EXPIRY, &b));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, first + 29, 2, EXO_NO_EXPIRY, &b));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, first + 10, 0, EXO_NO_EXPIRY, &b));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, first + 10, UINT64_MAX, EXO_NO_EXPIRY, &b));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, UINT64_MAX, 2, EXO_NO_EXPIRY, &b));
	IS(E_RIGHTS, exo_cap_derive(a, UINT32_MAX, first + 10, 1, EXO_NO_EXPIRY, &b));
	OK(exo_cap_derive(a, EXO_R_READ, first + 29, 1, EXO_NO_EXPIRY, &b));
	cr_assert_eq(inspect(b).first, first + 29);
	cr_assert_eq(inspect(b).parent, a);
	cr_assert_eq(inspect(a).refs, 1);
	/* b may be read, not derived from */
	IS(E_RIGHTS, exo_cap_derive(b, EXO_R_READ, first + 29, 1, EXO_NO_EXPIRY, &b));
	/* what has no extent takes none */
	IS(E_RANGE, exo_cap_derive(boot->timer, EXO_R_READ, 0, 1, EXO_NO_EXPIRY, &b));
	OK(exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &b));
	IS(E_RIGHTS, exo_timer_set(b, 0, NULL));
}

CORE_TEST(caps, a_dropped_name_stays_bad)
{
	exo_cap_t a = derive(boot->timer, EXO_R_READ, 0, 0), b;
	struct exo_cap_info info;

	OK(exo_cap_drop(a, NULL));
	IS(E_CAP, exo_cap_inspect(a, &info, NULL));
	IS(E_CAP, exo_cap_drop(a, NULL));
	b = derive(boot->timer, EXO_R_READ, 0, 0);
	cr_assert_eq(a & 0xffff, b & 0xffff, "the slot is reused");
	cr_assert_neq(a, b, "the name is not");
	IS(E_CAP, exo_cap_inspect(a, &info, NULL));
}

CORE_TEST(caps, dropping_passes_children_up)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0);
	exo_cap_t b = derive(a, EXO_R_ALL, 0, 0);
	exo_cap_t c = derive(b, EXO_R_ALL, 0, 0);
	uint64_t gone;

	OK(exo_cap_drop(b, NULL));
	cr_assert_eq(inspect(c).parent, a);
	SOUND();
	OK(exo_cap_revoke(a, &gone));
	cr_assert_eq(gone, 1);
	IS(E_CAP, exo_cap_drop(c, NULL));
}

CORE_TEST(caps, expiry)
{
	uint64_t soon = hal_time_ns() + 1000000, v;
	exo_cap_t a, b;

	OK(exo_cap_derive(boot->timer, EXO_R_ALL, 0, 0, soon, &a));
	IS(E_RANGE, exo_cap_derive(a, EXO_R_READ, 0, 0, soon + 1, &b));
	OK(exo_cap_derive(a, EXO_R_READ, 0, 0, soon - 500000, &b));
	OK(exo_clock_read(b, EXO_CLOCK_MONOTONIC, &v));
	fake.tick_ns = 0;
	fake.now_ns = soon - 500001;
	OK(exo_clock_read(b, EXO_CLOCK_MONOTONIC, &v));
	fake.now_ns = soon - 500000;
	IS(E_EXPIRED, exo_clock_read(b, EXO_CLOCK_MONOTONIC, &v));
	OK(exo_clock_read(a, EXO_CLOCK_MONOTONIC, &v));
	fake.now_ns = soon;
	IS(E_EXPIRED, exo_clock_read(a, EXO_CLOCK_MONOTONIC, &v));
	OK(exo_cap_revoke(boot->timer, NULL));
}

CORE_TEST(caps, a_changed_slot_begets_nothing)
{
	exo_cap_t a = derive(boot->timer, EXO_R_DERIVE | EXO_R_GRANT, 0, 0), zone = zone_make(8), b;
	struct cap *slot = cap_at((cap_slot_t)a);

	/* Its tag is checked while the new one is made, with the machine's help and without. */
	for (int way = 0; way < 2; way++) {
		uint32_t used = stats().caps_used;

		fake.no_sha = way;
		slot->rights = EXO_R_ALL;
		IS(E_FORGED, exo_cap_derive(a, EXO_R_WRITE, 0, 0, EXO_NO_EXPIRY, &b));
		IS(E_FORGED, exo_cap_grant(a, zone, EXO_R_WRITE, &b));
		/* That something else is wrong as well is not told. */
		IS(E_FORGED, exo_cap_derive(a, EXO_R_WRITE, 1, 1, EXO_NO_EXPIRY, &b));
		slot->expires = EXO_NO_EXPIRY - 1;
		IS(E_FORGED, exo_cap_derive(a, EXO_R_WRITE, 0, 0, EXO_NO_EXPIRY, &b));
		slot->expires = EXO_NO_EXPIRY;
		cr_assert_eq(stats().caps_used, used);
		cr_assert_not_null(core_check());
		slot->rights = EXO_R_DERIVE | EXO_R_GRANT;
		OK(exo_cap_derive(a, EXO_R_DERIVE, 0, 0, EXO_NO_EXPIRY, &b));
		SOUND();
	}
}

/* What this CPU has not yet found good is looked at before it is used, and the refusal is on record. */
CORE_TEST(caps, a_changed_slot_is_no_use)
{
	exo_cap_t a = derive(boot->timer, EXO_R_READ, 0, 0);
	struct exo_audit_record record;
	uint64_t n;

	memset(cpu_this()->validated, 0, sizeof(cpu_this()->validated));
	cap_at((cap_slot_t)a)->rights = EXO_R_ALL;
	IS(E_FORGED, exo_timer_set(a, 0, NULL));
	OK(exo_audit_read(boot->audit, &record, 1, &n));
	cr_assert_eq(n, 1);
	cr_assert_eq(record.what, EXO_AUDIT_REFUSE);
	cr_assert_eq(record.status, EXO_E_FORGED);
	cr_assert_eq(record.cap, a);
	cap_at((cap_slot_t)a)->rights = EXO_R_READ;
	OK(exo_clock_read(a, EXO_CLOCK_MONOTONIC, &n));
	/* A free slot that looks alive again has no tag. */
	OK(exo_cap_drop(a, NULL));
	memset(cpu_this()->validated, 0, sizeof(cpu_this()->validated));
	cap_at((cap_slot_t)a)->state |= CAP_LIVE;
	IS(E_FORGED, exo_clock_read(a, EXO_CLOCK_MONOTONIC, &n));
	cap_at((cap_slot_t)a)->state &= ~CAP_LIVE;
}

CORE_TEST(caps, every_field_counts_in_the_tag)
{
	exo_cap_t a = derive(boot->memory, EXO_R_READ, boot->memory_first, 7);
	struct cap *cap = cap_at((cap_slot_t)a);

	OK(cap_tag_check(cap));
#define CHANGED(field)                                    \
	do {                                              \
		cap->field++;                             \
		IS(E_FORGED, cap_tag_check(cap));         \
		cap->field--;                             \
	} while (0)
	CHANGED(type);
	CHANGED(rights);
	CHANGED(first);
	CHANGED(count);
	CHANGED(expires);
	CHANGED(owner);
	for (int word = 0; word < 2; word++) {
		core.cap_tags[(cap_slot_t)a].word[word] ^= 1;
		IS(E_FORGED, cap_tag_check(cap));
		core.cap_tags[(cap_slot_t)a].word[word] ^= 1;
	}
	cap->state += 1 << CAP_GEN_SHIFT;
	IS(E_FORGED, cap_tag_check(cap));
	cap->state -= 1 << CAP_GEN_SHIFT;
	OK(cap_tag_check(cap));
}

CORE_TEST(caps, chains_are_bounded)
{
	exo_cap_t cap = boot->timer, next;
	enum exo_status status;
	int depth = 0;

	while ((status = exo_cap_derive(cap, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &next)) == EXO_OK) {
		cap = next;
		depth++;
	}
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(depth, CAP_DEPTH_MAX);
}

/* What is handed on again and again lies as deep as it lies, not as deep as it has been. */
CORE_TEST(caps, handing_on_does_not_wear_out)
{
	exo_cap_t cap = derive(boot->timer, EXO_R_ALL, 0, 0), held[4];

	for (int i = 0; i < 10 * CAP_DEPTH_MAX; i++) {
		exo_cap_t next = derive(cap, EXO_R_ALL, 0, 0);

		OK(exo_cap_drop(cap, NULL));
		cap = next;
	}
	/* The one above goes only when there are some below. */
	for (int i = 0; i < 4; i++)
		cap = held[i] = derive(cap, EXO_R_ALL, 0, 0);
	for (int i = 0; i < 10 * CAP_DEPTH_MAX; i++) {
		OK(exo_cap_drop(held[i % 4], NULL));
		cap = held[i % 4] = derive(cap, EXO_R_ALL, 0, 0);
		SOUND();
	}
	for (int i = 0; i < CAP_DEPTH_MAX - 6; i++)
		cap = derive(cap, EXO_R_ALL, 0, 0);
	cr_assert_eq(cap_at((cap_slot_t)cap)->depth, CAP_DEPTH_MAX - 1);
	cap = derive(cap, EXO_R_ALL, 0, 0);
	IS(E_SLOTS, exo_cap_derive(cap, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &cap));
}

CORE_TEST(caps, the_table_can_be_filled_and_emptied)
{
	exo_cap_t cap;
	enum exo_status status;
	uint32_t before = stats().caps_used;

	while ((status = exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &cap)) == EXO_OK)
		;
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(stats().caps_used, CAP_SLOTS - 1);
	SOUND();
	while ((status = exo_cap_revoke(boot->timer, NULL)) == EXO_E_AGAIN)
		;
	OK(status);
	cr_assert_eq(stats().caps_used, before);
	OK(exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &cap));
}

CORE_TEST(caps, granting)
{
	exo_cap_t zone = zone_make(8), given, weak;
	struct exo_cap_info info;

	OK(exo_cap_grant(boot->console, zone, EXO_R_WRITE, &given));
	/* It is the other zone's, so it is no name of ours. */
	IS(E_CAP, exo_cap_inspect(given, &info, NULL));
	cap_describe(cap_at((cap_slot_t)given), &info);
	cr_assert_eq(info.rights, EXO_R_WRITE);
	cr_assert_eq(info.parent, boot->console);
	cr_assert_eq(info.owner_zone, inspect(zone).first);
	weak = derive(boot->console, EXO_R_READ, 0, 0);
	IS(E_RIGHTS, exo_cap_grant(weak, zone, EXO_R_READ, &given));
	IS(E_TYPE, exo_cap_grant(boot->console, boot->timer, EXO_R_READ, &given));
	IS(E_CAP, exo_cap_grant(boot->console, 12345, EXO_R_READ, &given));
	OK(exo_zone_destroy(zone, NULL));
	IS(E_CAP, exo_cap_grant(boot->console, zone, EXO_R_READ, &given));
}

CORE_TEST(caps, a_zone_cannot_be_given_more_than_its_share)
{
	exo_cap_t zone = zone_make(8), given;
	enum exo_status status;
	int count = 0;

	while ((status = exo_cap_grant(boot->console, zone, EXO_R_WRITE, &given)) == EXO_OK)
		count++;
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(count, EXO_QUOTA_FIRST);
	share(zone, EXO_QUOTA_CAPS, 3000);
	while ((status = exo_cap_grant(boot->console, zone, EXO_R_WRITE, &given)) == EXO_OK)
		count++;
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(count, 3000);
	SOUND();
	zone_end(zone);
}

CORE_TEST(caps, listing)
{
	struct exo_cap_info list[64];
	uint64_t n, all = 0, start = 0;

	derive(boot->timer, EXO_R_READ, 0, 0);
	for (;;) {
		OK(exo_list_caps(boot->audit, list, 3, start, &n));
		if (n == 0)
			break;
		all += n;
		start = (list[n - 1].cap & 0xffff) + 1;
	}
	cr_assert_eq(all, stats().caps_used);
	OK(exo_list_caps(boot->audit, list, 64, UINT64_MAX, &n));
	cr_assert_eq(n, 0);
}

/* ---- Moving ------------------------------------------------------------ */

CORE_TEST(caps, moved)
{
	exo_cap_t zone = zone_make(16), a = derive(boot->memory, EXO_R_ALL, boot->memory_first, 9);
	exo_cap_t child = derive(a, EXO_R_READ, boot->memory_first, 3), b;
	struct exo_cap_info before = inspect(a), after;
	uint32_t used = stats().caps_used;
	struct zone *other = cap_at((cap_slot_t)zone)->zone;
	uint64_t args[6] = { 0 };

	OK(exo_cap_move(a, zone, &b));
	cr_assert_neq(a, b);
	cr_assert_eq(stats().caps_used, used);
	SOUND();
	/* The old name is dead, the new one is not ours. */
	IS(E_CAP, exo_cap_inspect(a, &after, NULL));
	IS(E_CAP, exo_cap_inspect(b, &after, NULL));
	cap_describe(cap_find(b), &after);
	cr_assert_eq(after.owner_zone, other->number);
	cr_assert_eq(after.rights, before.rights);
	cr_assert_eq(after.first, before.first);
	cr_assert_eq(after.count, before.count);
	cr_assert_eq(after.parent, before.parent);
	/* What was derived from it still is: it is the new owner's to revoke. */
	cr_assert_eq(inspect(child).parent, b);
	args[0] = b;
	OK(call_dispatch(other, EXO_NR_CAP_REVOKE, args).status);
	IS(E_CAP, exo_cap_inspect(child, &after, NULL));
	/* And it goes with what it came from. */
	OK(exo_cap_revoke(boot->memory, NULL));
	cr_assert_null(cap_find(b));
}

CORE_TEST(caps, move_is_refused)
{
	exo_frame_t page = frames_take(1);
	exo_cap_t zone = zone_make(16), a = derive(boot->memory, EXO_R_ALL, page, 1), b;
	exo_cap_t weak = derive(boot->timer, EXO_R_ALL & ~EXO_R_GRANT, 0, 0);

	IS(E_RIGHTS, exo_cap_move(weak, zone, &b));
	IS(E_TYPE, exo_cap_move(a, boot->timer, &b));
	IS(E_CAP, exo_cap_move(a, 12345, &b));
	/* What is mapped by it would stay with the giver. */
	OK(map_under(zone, a, 0x400000, page, 1, EXO_PROT_READ));
	IS(E_BUSY, exo_cap_move(a, zone, &b));
	OK(map_under(zone, EXO_CAP_NONE, 0x400000, 0, 1, 0));
	for (uint32_t i = 0; i < EXO_QUOTA_FIRST; i++)
		OK(exo_cap_grant(boot->timer, zone, EXO_R_READ, &b));
	IS(E_SLOTS, exo_cap_move(a, zone, &b));
	OK(exo_cap_inspect(a, &(struct exo_cap_info){ 0 }, NULL));
	cap_at((cap_slot_t)a)->rights &= (uint16_t)~EXO_R_WRITE;
	IS(E_FORGED, exo_cap_move(a, boot->zone, &b));
	cap_at((cap_slot_t)a)->rights |= EXO_R_WRITE;
}

/* The capability of a context that its zone is given: then the zone decides how long it lives. */
CORE_TEST(caps, move_of_an_object)
{
	exo_cap_t zone = zone_make(16), context, b;
	exo_frame_t page;
	uint64_t args[6] = { 0 };

	context = context_make(zone, &page);
	OK(exo_cap_move(context, zone, &b));
	IS(E_CAP, exo_ctx_save(context, NULL));
	args[0] = b;
	OK(call_dispatch(cap_at((cap_slot_t)zone)->zone, EXO_NR_CTX_SAVE, args).status);
	OK(call_dispatch(cap_at((cap_slot_t)zone)->zone, EXO_NR_CAP_DROP, args).status);
	cr_assert_eq(stats().contexts, 0);
}

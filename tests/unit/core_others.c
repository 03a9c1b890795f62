/* What an unfinished revocation does to others: whoever has nothing of what is being revoked runs on, and pays nothing for it;
 * whoever has is told to come again, and its time is spent on that. */
#include "core_env.h"

#define BASE UINT64_C(0x400000)
#define MS   UINT64_C(1000000)
#define WIDE 10000 /* more than one call's work */

static exo_cap_t zone, context;
static unsigned entries;

static void program(void *user, struct fake_entry *entry)
{
	(void)user;
	entries++;
	fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
}

static struct bindings *bindings_of(exo_cap_t cap)
{
	return &cap_at((cap_slot_t)cap)->zone->bindings;
}

static void app_make(void)
{
	exo_frame_t page;

	zone = zone_make(64);
	context = context_make(zone, &page);
	fake.program = program;
}

static enum exo_status run(void)
{
	uint64_t event;

	entries = 0;
	return exo_run(context, boot->cpu, MS, &event);
}

static bool looked(void)
{
	return bindings_of(zone)->sound == core.revocations;
}

/* Begins one that takes many calls, of nobody's things; and lets the share of others in it be over for the next millisecond. */
static exo_cap_t revoke_strange(void)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);

	for (unsigned i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	strangers_call();
	return top;
}

static void finish(exo_cap_t top)
{
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
}

/* Page i of the zone under caps[i % count], each derived from `parent`. */
static void map_under_many(exo_cap_t parent, exo_frame_t frame, exo_cap_t *caps, unsigned count, unsigned pages)
{
	for (unsigned i = 0; i < count; i++)
		caps[i] = derive(parent, EXO_R_ALL, frame, 1);
	for (unsigned i = 0; i < pages; i++)
		OK(map_under(zone, caps[i % count], BASE + i * PAGE, frame, 1, EXO_PROT_READ));
}

/* ---- Whom it does not concern ------------------------------------------------ */

CORE_TEST(others, many_intervals_are_no_reason)
{
	exo_cap_t caps[2], top;
	uint32_t left;

	app_make();
	map_under_many(boot->memory, frames_take(1), caps, 2, 200);
	cr_assert_eq(bindings_of(zone)->count, 200);
	top = revoke_strange();
	left = stats().caps_used;
	for (unsigned i = 0; i < 20; i++) {
		OK(run());
		cr_assert(entries == 1 && looked());
		/* Nothing was left to look for after the first. */
		cr_assert_eq(bindings_of(zone)->look_at, 0);
	}
	cr_assert_eq(stats().caps_used, left, "it did another's work");
	finish(top);
}

CORE_TEST(others, many_capabilities_are_looked_through_while_it_runs)
{
	static exo_cap_t caps[300];
	exo_cap_t top;
	unsigned runs = 0;

	app_make();
	map_under_many(boot->memory, frames_take(1), caps, 300, 300);
	top = revoke_strange();
	while (!looked()) {
		uint32_t at = bindings_of(zone)->look_at, seen = 0;

		OK(run());
		cr_assert_eq(entries, 1);
		for (unsigned i = 0; i < 300; i++)
			seen += (uint16_t)caps[i] >= at && ((uint16_t)caps[i] < bindings_of(zone)->look_at || looked());
		cr_assert(seen <= 128, "%u in one entry", seen);
		cr_assert(++runs < 5);
		SOUND();
	}
	cr_assert_eq(runs, 3);
	/* Another one begins while it is looked through. */
	finish(revoke_strange());
	finish(top);
	for (unsigned i = 0; i < 10; i++)
		OK(run());
	cr_assert(!looked(), "there is no reason to look");
}

CORE_TEST(others, what_was_unmapped_is_no_reason)
{
	exo_frame_t frame = frames_take(1);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, frame, 1), below[2];

	app_make();
	map_under_many(top, frame, below, 2, 6);
	OK(map_under(zone, EXO_CAP_NONE, BASE, 0, 6, 0));
	for (unsigned i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, frame, 1);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	OK(run());
	cr_assert(entries == 1 && looked());
	finish(top);
}

CORE_TEST(others, one_that_is_finished_at_once_is_no_reason)
{
	exo_cap_t cap = derive(boot->timer, EXO_R_ALL, 0, 0), top = revoke_strange();
	uint64_t before;

	app_make();
	OK(run());
	before = core.revocations;
	cr_assert(before > 0 && looked());
	for (unsigned i = 0; i < 50; i++) {
		derive(cap, EXO_R_READ, 0, 0);
		OK(exo_cap_revoke(cap, NULL));
		/* As long as nothing is left of it, going on with it neither. */
		IS(E_AGAIN, exo_cap_revoke(top, NULL));
	}
	cr_assert_eq(core.revocations, before);
	finish(top);
}

/* A zone that ends is nobody's revocation. */
CORE_TEST(others, the_end_of_a_zone_is_no_reason)
{
	exo_cap_t caps[2], other = zone_make(64);

	app_make();
	map_under_many(boot->memory, frames_take(1), caps, 2, 200);
	OK(exo_zone_quota(boot->zone, other, EXO_QUOTA_CAPS, WIDE + 8, NULL));
	for (unsigned i = 0; i < WIDE; i++) {
		exo_cap_t given;

		OK(exo_cap_grant(boot->timer, other, EXO_R_READ, &given));
	}
	IS(E_AGAIN, exo_zone_destroy(other, NULL));
	OK(run());
	cr_assert_eq(entries, 1);
	zone_end(other);
}

/* ---- Whom it concerns --------------------------------------------------------- */

/* Of `count` capabilities by which the zone has a page each, one goes: how often is the zone entered before that is noticed?
 * And its time is spent on just that, though another revocation began before. */
static unsigned entered_with_one_of(unsigned count)
{
	static exo_cap_t caps[300];
	exo_frame_t frame = frames_take(2);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, frame + 1, 1), below = derive(top, EXO_R_ALL, frame + 1, 1), strange;
	exo_vaddr_t at = BASE + 1000 * PAGE;
	unsigned entered = 0, again = 0;
	enum exo_status status;
	uint32_t others;

	app_make();
	map_under_many(boot->memory, frame, caps, count - 1, count - 1);
	OK(map_under(zone, below, at, frame + 1, 1, EXO_PROT_READ));
	strange = revoke_strange();
	others = inspect(strange).refs;
	for (unsigned i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, frame + 1, 1);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	while ((status = run()) == EXO_OK && query(zone, at) != 0)
		entered += entries;
	for (; status == EXO_E_AGAIN && again < 10000; again++) {
		cr_assert_eq(entries, 0);
		if (again % 16 == 0)
			SOUND();
		status = run();
	}
	/* By itself it has come through, and nothing but the page is gone. */
	OK(status);
	cr_assert(again > 2 && entries == 1);
	cr_assert_eq(query(zone, at), 0);
	cr_assert_neq(query(zone, BASE), 0);
	cr_assert_eq(inspect(strange).refs, others);
	cr_assert(!cap_is_revoking(cap_at((cap_slot_t)top)) && cap_is_revoking(cap_at((cap_slot_t)strange)));
	finish(strange);
	return entered;
}

/* It begins when the zone is half looked through, for the first time or not, and lies behind. */
CORE_TEST(others, one_that_was_looked_at_already)
{
	static exo_cap_t caps[300];
	exo_frame_t frame = frames_take(1);
	exo_cap_t strange, first;
	unsigned entered = 0;

	app_make();
	map_under_many(boot->memory, frame, caps, 300, 300);
	first = caps[0];
	OK(map_under(zone, derive(first, EXO_R_ALL, frame, 1), BASE, frame, 1, EXO_PROT_READ));
	strange = revoke_strange();
	OK(run());
	OK(run());
	cr_assert(!looked() && bindings_of(zone)->look_at > 0);
	for (unsigned i = 0; i < WIDE; i++)
		derive(first, EXO_R_READ, frame, 1);
	IS(E_AGAIN, exo_cap_revoke(first, NULL));
	while (run() == EXO_OK && entered < 100)
		entered += entries;
	cr_assert(entered <= 5);
	finish(first);
	finish(strange);
	OK(run());
}

CORE_TEST(others, one_of_a_hundred_is_noticed_at_once)
{
	cr_assert_eq(entered_with_one_of(100), 0);
}

CORE_TEST(others, one_of_very_many_is_noticed_soon)
{
	cr_assert(entered_with_one_of(300) <= 2);
}

/* A mapping in the middle of an interval takes three records, and if they are not there nothing has changed. */
CORE_TEST(others, records_are_paid_before)
{
	exo_frame_t frame = frames_take(4);
	exo_cap_t caps[4];
	const struct zone *in_core;
	unsigned i = 0;

	for (unsigned n = 0; n < 4; n++)
		caps[n] = derive(boot->memory, EXO_R_ALL, frame, 4);
	zone = zone_make(12);
	in_core = cap_at((cap_slot_t)zone)->zone;
	OK(map_under(zone, caps[0], BASE, frame, 3, EXO_PROT_READ));
	for (unsigned n = 1; in_core->pool.count > 0; n++) /* tables, and one interval */
		OK(map_under(zone, caps[2], BASE + n * 512 * PAGE, frame, 1, EXO_PROT_READ));
	for (; in_core->binding_slab.free_count > 2; i++)
		OK(map_under(zone, caps[~i & 1], BASE + (8 + i) * PAGE, frame, 1, EXO_PROT_READ));
	IS(E_FUNDS, map_under(zone, caps[3], BASE + PAGE, frame, 1, EXO_PROT_READ));
	cr_assert_eq(in_core->binding_slab.free_count, 2);
	OK(map_under(zone, EXO_CAP_NONE, BASE + (7 + i) * PAGE, 0, 1, 0));
	OK(map_under(zone, caps[3], BASE + PAGE, frame, 1, EXO_PROT_READ));
	cr_assert_eq(in_core->binding_slab.free_count, 0);
	SOUND();
}

/* ---- Anything, in any order ----------------------------------------------------- */

#define ZONES 4
#define TOPS  6
#define CAPS  40

static struct {
	exo_cap_t zones[ZONES], contexts[ZONES], tops[TOPS], caps[CAPS];
	exo_frame_t frame;
	uint32_t seed;
} any;

static uint32_t random_below(uint32_t limit)
{
	any.seed = any.seed * 1664525 + 1013904223;
	return (any.seed >> 8) % limit;
}

static bool is_concerned(const struct zone *z)
{
	const struct binding *b;

	for (exo_vaddr_t at = 0; (b = (struct binding *)(void *)tree_after(z->bindings.root, at)) != NULL; at = b->end)
		if (cap_is_revoked(cap_at(b->slot)))
			return true;
	return false;
}

static bool is_name(exo_cap_t cap)
{
	return cap != EXO_CAP_NONE && cap_find(cap);
}

static void any_step(void)
{
	exo_cap_t *top = &any.tops[random_below(TOPS)], *cap = &any.caps[random_below(CAPS)], of = any.zones[random_below(ZONES)];
	exo_vaddr_t at = BASE + random_below(64) * PAGE;

	switch (random_below(8)) {
	case 0: /* one that is left lying; sometimes another within it */
		if (random_below(4) == 0 && is_name(*cap) && !cap_is_revoked(cap_at((cap_slot_t)*cap)))
			reap_revoke(cap_at((cap_slot_t)*cap), &(struct work){ 0 });
		else
			reap_revoke(cap_at((cap_slot_t)*top), &(struct work){ 0 });
		break;
	case 1:
		if (random_below(4) == 0)
			finish(*top);
		break;
	case 2:
		if (is_name(*cap))
			(void)!exo_cap_drop(*cap, NULL);
		break;
	case 3: /* below a top, or below what is */
		if (!is_name(*cap) && exo_cap_derive(random_below(2) ? *top : any.caps[random_below(CAPS)], EXO_R_ALL, any.frame, 1,
		                                     EXO_NO_EXPIRY, cap) != EXO_OK)
			*cap = EXO_CAP_NONE;
		break;
	case 4:
		(void)!map_under(of, EXO_CAP_NONE, at, 0, 1 + random_below(16), 0);
		break;
	default:
		(void)!map_under(of, random_below(4) ? *cap : boot->memory, at, any.frame, 1, EXO_PROT_READ);
	}
}

CORE_TEST(others, in_any_order)
{
	exo_frame_t page;

	any.seed = 7;
	any.frame = frames_take(1);
	fake.program = program;
	for (unsigned i = 0; i < TOPS; i++)
		any.tops[i] = derive(boot->memory, EXO_R_ALL, any.frame, 1);
	for (unsigned i = 0; i < ZONES; i++) {
		any.zones[i] = zone_make(32);
		any.contexts[i] = context_make(any.zones[i], &page);
	}
	for (unsigned step = 0, again = 0; step < 3000 || again < 300; step++) {
		unsigned i = random_below(ZONES);
		bool concerned;

		any_step();
		concerned = is_concerned(cap_at((cap_slot_t)any.zones[i])->zone);
		context = any.contexts[i];
		cr_assert_eq(run(), concerned ? EXO_E_AGAIN : EXO_OK, "step %u", step);
		cr_assert_eq(entries, !concerned);
		again += concerned;
		if (step % 32 == 0)
			SOUND();
	}
}

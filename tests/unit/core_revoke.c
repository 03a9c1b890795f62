/* Revocation: whole subtrees, at once in effect, in bounded pieces. */
#include "core_env.h"

#include <core/call.h>

CORE_TEST(revoke, takes_the_subtree_and_not_itself)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0);
	exo_cap_t b = derive(a, EXO_R_ALL, 0, 0), c = derive(b, EXO_R_READ, 0, 0), d = derive(a, EXO_R_READ, 0, 0);
	exo_cap_t other = derive(boot->timer, EXO_R_READ, 0, 0);
	uint64_t gone, v;

	OK(exo_cap_revoke(a, &gone));
	cr_assert_eq(gone, 3);
	IS(E_CAP, exo_clock_read(b, 0, &v));
	IS(E_CAP, exo_clock_read(c, 0, &v));
	IS(E_CAP, exo_clock_read(d, 0, &v));
	OK(exo_clock_read(a, 0, &v));
	OK(exo_clock_read(other, 0, &v));
	OK(exo_cap_revoke(a, &gone));
	cr_assert_eq(gone, 0);
}

CORE_TEST(revoke, needs_the_right)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL & ~EXO_R_REVOKE, 0, 0);

	IS(E_RIGHTS, exo_cap_revoke(a, NULL));
}

/* More than one call's worth of work. */
#define WIDE 10000

CORE_TEST(revoke, is_in_force_before_it_is_finished)
{
	static exo_cap_t wide[WIDE];
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b;
	uint64_t gone, v;
	uint32_t refused = 0;

	for (int i = 0; i < WIDE; i++)
		wide[i] = derive(a, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(a, &gone));
	cr_assert(gone > 0 && gone < WIDE);
	SOUND();
	for (int i = 0; i < WIDE; i++) {
		enum exo_status status = exo_clock_read(wide[i], 0, &v);

		cr_assert(status == EXO_E_CAP || status == EXO_E_REVOKED);
		refused++;
		if (i == 0)
			IS(E_AGAIN, exo_cap_derive(a, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &b));
	}
	cr_assert_eq(refused, WIDE);
	while (exo_cap_revoke(a, &gone) == EXO_E_AGAIN)
		;
	OK(exo_cap_derive(a, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &b));
}

/* Whoever makes calls does a little of it, once in a while; most of them are as quick as ever. */
CORE_TEST(revoke, nobody_can_leave_it_unfinished)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0);
	uint32_t before = stats().caps_used, left;
	int calls = 0;

	for (int i = 0; i < WIDE; i++)
		derive(a, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(a, NULL));
	strangers_call();
	left = stats().caps_used;
	for (int i = 0; i < 100; i++)
		OK(exo_nop(NULL));
	cr_assert_eq(stats().caps_used, left);
	for (; core.revoking != CAP_NIL && calls < 1000; calls++, left = stats().caps_used) {
		strangers_call();
		cr_assert(left - stats().caps_used <= REAP_SHARE / WORK_CAP + 1);
	}
	cr_assert(calls > 100);
	cr_assert_eq(stats().caps_used, before);
}

/* Each call of the zone that revoked does as much of it as the revocation's own call. */
CORE_TEST(revoke, whoever_revokes_pays)
{
	exo_cap_t zone = zone_make(16), a;
	struct zone *payer = core.zones[inspect(zone).first];
	const uint64_t nop[6] = { 0 };
	uint32_t left;

	share(zone, EXO_QUOTA_CAPS, 1100);
	OK(exo_cap_grant(boot->console, zone, EXO_R_ALL, &a));
	for (int i = 0; i < 1000; i++) {
		const uint64_t args[6] = { a, EXO_R_WRITE, 0, 0, EXO_NO_EXPIRY };

		OK(call_dispatch(payer, EXO_NR_CAP_DERIVE, args).status);
	}
	IS(E_AGAIN, call_dispatch(payer, EXO_NR_CAP_REVOKE, (const uint64_t[6]){ a }).status);
	left = stats().caps_used;
	OK(exo_nop(NULL));
	cr_assert_eq(stats().caps_used, left);
	OK(call_dispatch(payer, EXO_NR_NOP, nop).status);
	cr_assert_eq(left - stats().caps_used, WORK_HELP / WORK_CAP);
	SOUND();
}

CORE_TEST(revoke, dropping_midway_frees_no_child)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), last = 0;
	enum exo_status status;
	uint64_t v;

	for (int i = 0; i < 3 * WIDE; i++) {
		exo_cap_t c = derive(a, EXO_R_READ, 0, 0);

		last = last ? last : c;
	}
	IS(E_AGAIN, exo_cap_revoke(a, NULL));
	while ((status = exo_cap_drop(a, NULL)) == EXO_E_AGAIN) {
		cr_assert_neq(exo_clock_read(last, 0, &v), EXO_OK);
		SOUND();
	}
	OK(status);
	cr_assert_eq(exo_clock_read(last, 0, &v), EXO_E_CAP);
}

CORE_TEST(revoke, inside_a_revocation)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b = derive(a, EXO_R_ALL, 0, 0);

	for (int i = 0; i < WIDE; i++)
		derive(b, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(b, NULL));
	IS(E_AGAIN, exo_cap_revoke(a, NULL));
	SOUND();
	IS(E_REVOKED, exo_cap_revoke(b, NULL));
	while (exo_cap_revoke(a, NULL) == EXO_E_AGAIN)
		SOUND();
	cr_assert_eq(core.revoking, CAP_NIL);
}

CORE_TEST(revoke, dropping_one_with_many_children_is_bounded)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), child = 0;
	enum exo_status status;
	int calls = 1;
	uint64_t v;

	for (int i = 0; i < WIDE; i++)
		child = derive(a, EXO_R_READ, 0, 0);
	while ((status = exo_cap_drop(a, NULL)) == EXO_E_AGAIN) {
		SOUND();
		calls++;
	}
	OK(status);
	cr_assert(calls > 1);
	OK(exo_clock_read(child, 0, &v));
	cr_assert_eq(inspect(child).parent, boot->timer);
}

CORE_TEST(revoke, tells_the_owner)
{
	exo_cap_t zone = zone_make(8), given;

	OK(exo_cap_grant(boot->console, zone, EXO_R_WRITE, &given));
	OK(exo_cap_revoke(boot->console, NULL));
	cr_assert(core.zones[inspect(zone).first]->pending & EXO_PEND_REVOKED);
	cr_assert_eq(core.libos->pending, 0);
}

/* While it goes on nothing new comes of it, in whatever way. */
CORE_TEST(revoke, what_is_being_revoked_begets_nothing)
{
	exo_cap_t zone = zone_make(16), top = derive(zone, EXO_R_ALL, 0, 0), out;
	exo_frame_t page = frames_take(1);
	struct exo_seal seal;

	for (int i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	IS(E_AGAIN, exo_ctx_create(top, boot->memory, page, &out));
	IS(E_AGAIN, exo_port_create(top, EXO_CAP_NOTIFY, &out));
	IS(E_AGAIN, exo_cap_seal(top, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &seal, NULL));
	IS(E_AGAIN, exo_cap_move(top, boot->zone, &out));
	cr_assert(reap_is_needed());
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	cr_assert(!reap_is_needed(), "nothing is left to be done");
	OK(exo_ctx_create(top, boot->memory, page, &out));
}

CORE_TEST(revoke, of_a_zone_capability_ends_the_zone)
{
	exo_cap_t above = derive(boot->zone, EXO_R_ALL, 0, 0), zone;
	exo_frame_t page;
	uint32_t zones = stats().zones;

	OK(exo_zone_create(above, boot->memory, frames_take(8), 8, "x", 1, &zone));
	context_make(zone, &page);
	cr_assert_eq(stats().zones, zones + 1);
	OK(exo_cap_revoke(above, NULL));
	cr_assert_eq(stats().zones, zones);
	cr_assert_eq(stats().contexts, 0);
	cr_assert_eq(fake.spaces, 0);
}

/* ---- Against a model --------------------------------------------------- */

#define MODEL 400

/* A tree of capabilities, as plainly as possible. */
static struct {
	exo_cap_t cap;
	int parent;
	uint32_t rights;
	uint64_t first, count;
} model[MODEL];

static uint32_t model_random(uint32_t below)
{
	static uint64_t state = 12345;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

static void model_derive(int parent)
{
	uint64_t off = model_random(8), count = model_random(64) + 1;
	uint32_t rights = model[parent].rights & (model_random(1024) | EXO_R_DERIVE);
	uint64_t first = model[parent].first + off;
	exo_cap_t cap;
	enum exo_status status = exo_cap_derive(model[parent].cap, rights, first, count, EXO_NO_EXPIRY, &cap);

	if (off + count > model[parent].count) {
		cr_assert_eq(status, EXO_E_RANGE);
		return;
	}
	OK(status);
	for (int i = 1; i < MODEL; i++)
		if (!model[i].cap) {
			model[i].cap = cap;
			model[i].parent = parent;
			model[i].rights = rights;
			model[i].first = first;
			model[i].count = count;
			return;
		}
	OK(exo_cap_drop(cap, NULL));
}

static void model_drop(int at)
{
	OK(exo_cap_drop(model[at].cap, NULL));
	for (int i = 1; i < MODEL; i++)
		if (model[i].parent == at)
			model[i].parent = model[at].parent;
	model[at].cap = 0;
}

static uint64_t model_forget_below(int at)
{
	uint64_t count = 0;

	for (int i = 1; i < MODEL; i++)
		if (model[i].cap && model[i].parent == at) {
			model[i].cap = 0;
			count += 1 + model_forget_below(i);
		}
	return count;
}

CORE_TEST(revoke, agrees_with_a_model)
{
	model[0].cap = boot->memory;
	model[0].rights = EXO_R_ALL;
	model[0].first = boot->memory_first;
	model[0].count = boot->memory_count;
	for (int step = 0; step < 20000; step++) {
		int at = (int)model_random(MODEL);
		uint32_t what = model_random(20);
		uint64_t gone;

		if (!model[at].cap)
			continue;
		if (what == 0 && (model[at].rights & EXO_R_REVOKE)) {
			OK(exo_cap_revoke(model[at].cap, &gone));
			cr_assert_eq(gone, model_forget_below(at));
		} else if (what < 4 && at != 0) {
			model_drop(at);
		} else if (what >= 4) {
			model_derive(at);
		}
		if (step % 500 == 0)
			SOUND();
	}
	for (int i = 0; i < MODEL; i++) {
		if (!model[i].cap)
			continue;
		cr_assert_eq(inspect(model[i].cap).rights, model[i].rights);
		cr_assert_eq(inspect(model[i].cap).first, model[i].first);
		cr_assert_eq(inspect(model[i].cap).count, model[i].count);
		if (i)
			cr_assert_eq(inspect(model[i].cap).parent, model[model[i].parent].cap);
	}
}

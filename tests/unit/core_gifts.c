/* Capabilities for zones that did not ask: who may give what to whom, and how many. The endpoint's side is in core_fastipc. */
#include "core_env.h"
#include <core/call.h>
#include <core/reap.h>

static struct zone *giver, *receiver;
static exo_cap_t receiver_cap;    /* ours, with all rights */
static exo_cap_t name, timer;     /* the giver's: a name of the receiver without any right, and something to give */
static exo_cap_t memory, whole;   /* the giver's: frames; and ours, above that */
static exo_frame_t frames;

/* The zone's own call. */
static enum exo_status as(struct zone *zone, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	const uint64_t args[6] = { a, b, c, d, e };

	return (enum exo_status)call_dispatch(zone, number, args).status;
}

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_find(cap)->zone;
}

static void set(void)
{
	exo_cap_t from = zone_make(12);

	receiver_cap = zone_make(12);
	giver = zone_of(from);
	receiver = zone_of(receiver_cap);
	frames = frames_take(4);
	whole = derive(boot->memory, EXO_R_ALL, frames, 4);
	OK(exo_cap_grant(receiver_cap, from, 0, &name));
	OK(exo_cap_grant(boot->timer, from, EXO_R_READ | EXO_R_GRANT | EXO_R_REVOKE | EXO_R_DERIVE, &timer));
	OK(exo_cap_grant(whole, from, EXO_R_ALL, &memory));
}

static uint32_t owned(const struct zone *zone)
{
	return zone->quotas[EXO_QUOTA_CAPS].used;
}

static enum exo_status gives(void)
{
	return as(giver, EXO_NR_CAP_GRANT, timer, name, EXO_R_READ, 0, 0);
}

CORE_TEST(gifts, nobody_gets_what_it_did_not_ask_for)
{
	struct exo_stats before;
	uint64_t fund;

	set();
	before = stats();
	fund = receiver->pool.count;
	for (int i = 0; i < 1000; i++)
		IS(E_DECLINED, gives());
	IS(E_DECLINED, as(giver, EXO_NR_SHARE_PAGES, memory, frames, 1, name, EXO_R_READ));
	IS(E_DECLINED, as(giver, EXO_NR_CAP_MOVE, timer, name, 0, 0, 0));
	cr_assert_eq(owned(receiver), 0);
	cr_assert_eq(stats().caps_used, before.caps_used);
	cr_assert_eq(stats().refusals, before.refusals + 1002, "each is a refusal");
	/* Nor does it lose kernel memory for the record of what was taken again. */
	OK(as(giver, EXO_NR_CAP_REVOKE, timer, 0, 0, 0, 0));
	cr_assert_eq(receiver->pool.count, fund);
	cr_assert_null(receiver->taken);
	/* Its slots are all its own. */
	for (int i = 0; i < EXO_QUOTA_FIRST; i++)
		OK(exo_cap_grant(boot->timer, receiver_cap, EXO_R_READ, &(exo_cap_t){ 0 }));
	SOUND();
}

CORE_TEST(gifts, as_many_as_were_said)
{
	exo_cap_t one;
	uint64_t before;

	set();
	OK(exo_zone_gifts(receiver_cap, 3, &before));
	cr_assert_eq(before, 0);
	/* What fails uses none up. */
	IS(E_RANGE, as(giver, EXO_NR_SHARE_PAGES, memory, frames + 4, 1, name, EXO_R_READ));
	IS(E_CAP, as(giver, EXO_NR_CAP_GRANT, timer + (UINT64_C(1) << CAP_GEN_SHIFT), name, EXO_R_READ, 0, 0));
	OK(gives());
	OK(as(giver, EXO_NR_SHARE_PAGES, memory, frames, 1, name, EXO_R_READ));
	one = receiver->gifts;
	cr_assert_eq(one, 1);
	OK(as(giver, EXO_NR_CAP_MOVE, memory, name, 0, 0, 0));
	IS(E_DECLINED, gives());
	cr_assert_eq(owned(receiver), 3);
	/* It takes its word back. */
	OK(exo_zone_gifts(receiver_cap, 5, NULL));
	OK(gives());
	OK(exo_zone_gifts(receiver_cap, 0, &before));
	cr_assert_eq(before, 4);
	IS(E_DECLINED, gives());
	SOUND();
}

/* A moved capability that is not taken is still its owner's, under its name. */
CORE_TEST(gifts, a_declined_move_changes_nothing)
{
	set();
	IS(E_DECLINED, as(giver, EXO_NR_CAP_MOVE, timer, name, 0, 0, 0));
	cr_assert_eq(cap_find(timer)->owner, giver->number);
	OK(exo_zone_gifts(receiver_cap, 1, NULL));
	OK(as(giver, EXO_NR_CAP_MOVE, timer, name, 0, 0, 0));
	cr_assert_null(cap_find(timer));
	SOUND();
}

/* WRITE on the zone is its creator's, which may do anything with it; and everybody gives itself what it likes. */
CORE_TEST(gifts, whoever_may_write_to_the_zone_need_not_be_asked)
{
	exo_cap_t strong, self, out;

	set();
	OK(exo_cap_grant(receiver_cap, derive(boot->zone, EXO_R_ALL, 0, 0), EXO_R_WRITE, &strong));
	OK(exo_cap_grant(boot->timer, receiver_cap, EXO_R_READ, &out));
	OK(exo_cap_grant(boot->timer, strong, EXO_R_READ, &out));
	OK(exo_zone_gifts(receiver_cap, 1, NULL));
	OK(exo_cap_grant(boot->timer, strong, EXO_R_READ, &out));
	cr_assert_eq(receiver->gifts, 1, "that used nothing up");
	OK(exo_cap_grant(boot->timer, derive(receiver_cap, EXO_R_DERIVE, 0, 0), EXO_R_READ, &out));
	cr_assert_eq(receiver->gifts, 0, "but this did");
	OK(exo_cap_grant(receiver_cap, receiver_cap, 0, &self));
	OK(exo_cap_grant(boot->timer, receiver_cap, EXO_R_READ | EXO_R_GRANT, &out));
	OK(as(receiver, EXO_NR_CAP_GRANT, out, self, EXO_R_READ, 0, 0));
	/* Only WRITE says how many. */
	IS(E_RIGHTS, as(giver, EXO_NR_ZONE_GIFTS, name, 1, 0, 0, 0));
	IS(E_RIGHTS, as(receiver, EXO_NR_ZONE_GIFTS, self, 1, 0, 0, 0));
	SOUND();
}

CORE_TEST(gifts, the_dead_take_nothing)
{
	exo_cap_t out;

	set();
	OK(exo_zone_gifts(receiver_cap, 1, NULL));
	receiver->running++; /* so it stays for a while */
	reap_zone(receiver);
	IS(E_DEAD, exo_zone_gifts(receiver_cap, 1, NULL));
	IS(E_DEAD, exo_cap_grant(boot->timer, receiver_cap, EXO_R_READ, &out));
	IS(E_DEAD, gives());
	receiver->running--;
	zone_end(receiver_cap);
	SOUND();
}

/* A zone sees what it has without any right but to its own name. */
CORE_TEST(gifts, a_zone_lists_its_own)
{
	struct exo_own own[4];
	exo_frame_t page = frames_take(1);
	exo_cap_t self;

	set();
	OK(map_under(receiver_cap, boot->memory, UINT64_C(0x400000), page, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(exo_cap_grant(receiver_cap, receiver_cap, EXO_R_READ, &self));
	OK(exo_zone_gifts(receiver_cap, 1, NULL));
	OK(gives());
	OK(as(receiver, EXO_NR_LIST_OWN, self, UINT64_C(0x400000), 4, EXO_CAP_NONE, 0));
	memcpy(own, frame_ptr(page), sizeof(own));
	cr_assert_eq(own[0].info.type, EXO_CAP_TIMER);
	cr_assert_eq(own[1].info.cap, self);
	cr_assert_eq(own[2].info.cap, EXO_CAP_NONE);
	IS(E_TYPE, as(receiver, EXO_NR_LIST_CAPS, self, UINT64_C(0x400000), 4, 0, 0));
	SOUND();
}

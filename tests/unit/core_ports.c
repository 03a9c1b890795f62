/* Notifications: bits, whom they are told to, and how that ends. */
#include "core_env.h"

static uint64_t taken(exo_cap_t notify)
{
	uint64_t bits = 0;

	OK(exo_notify_take(notify, &bits));
	return bits;
}

static uint64_t events(void)
{
	uint64_t pending = 0;

	OK(exo_event_take(boot->zone, &pending));
	return pending;
}

static exo_cap_t notify_make(exo_cap_t zone)
{
	exo_cap_t out = 0;

	OK(exo_port_create(zone, EXO_CAP_NOTIFY, &out));
	return out;
}

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

CORE_TEST(notify, bits_are_kept_until_they_are_taken)
{
	exo_cap_t n = notify_make(zone_make(32)), out = derive(n, EXO_R_WRITE, 0, 0), in = derive(n, EXO_R_READ, 0, 0);

	cr_assert_eq(taken(n), 0);
	OK(exo_notify_signal(out, 1, NULL));
	OK(exo_notify_signal(out, UINT64_C(1) << 63, NULL));
	OK(exo_notify_signal(out, 0, NULL));
	cr_assert_eq(taken(in), UINT64_C(1) << 63 | 1);
	cr_assert_eq(taken(in), 0);
	cr_assert_eq(events(), 0, "nobody is bound");
	IS(E_RIGHTS, exo_notify_signal(in, 1, NULL));
	IS(E_RIGHTS, exo_notify_take(out, NULL));
	IS(E_RIGHTS, exo_port_bind(out, boot->zone, 0, NULL));
	IS(E_TYPE, exo_notify_signal(boot->zone, 1, NULL));
	IS(E_TYPE, exo_port_unbind(boot->zone, NULL));
	IS(E_STATE, exo_port_unbind(n, NULL));
	IS(E_RIGHTS, exo_port_create(derive(boot->zone, EXO_R_READ, 0, 0), EXO_CAP_NOTIFY, NULL));
	IS(E_ARG, exo_port_create(boot->zone, EXO_CAP_ZONE, NULL));
	cr_assert_eq(inspect(n).type, EXO_CAP_NOTIFY);
	cr_assert_eq(inspect(n).first, inspect(in).first);
	IS(E_RANGE, exo_cap_derive(n, EXO_R_READ, 0, 1, EXO_NO_EXPIRY, NULL));
}

CORE_TEST(notify, who_is_bound_is_told_once)
{
	exo_cap_t n = notify_make(boot->zone), m = notify_make(boot->zone);

	OK(exo_notify_signal(n, 1, NULL));
	OK(exo_port_bind(n, boot->zone, 0, NULL));
	OK(exo_port_bind(m, boot->zone, 0, NULL));
	cr_assert_eq(events(), EXO_PEND_NOTIFY, "what was there before");
	OK(exo_notify_signal(n, 2, NULL));
	cr_assert_eq(events(), 0, "there were bits");
	OK(exo_notify_signal(m, 4, NULL));
	cr_assert_eq(taken(n), 3);
	cr_assert_eq(events(), EXO_PEND_NOTIFY, "of the other one");
	cr_assert_eq(taken(m), 4);
	OK(exo_notify_signal(n, 2, NULL));
	cr_assert_eq(taken(n), 2);
	cr_assert_eq(events(), EXO_PEND_NOTIFY);
	IS(E_BUSY, exo_port_bind(n, boot->zone, 0, NULL));
	IS(E_BUSY, exo_cap_drop(n, NULL));
	IS(E_STATE, exo_port_unbind(derive(n, EXO_R_READ, 0, 0), NULL));
	OK(exo_notify_signal(n, 8, NULL));
	OK(exo_port_unbind(n, NULL));
	events();
	cr_assert_eq(taken(n), 8, "the bits stay");
	OK(exo_port_unbind(m, NULL));
}

/* A program's LibOS hears of what comes for the program. */
CORE_TEST(notify, an_app_zone_and_its_libos)
{
	exo_cap_t zone = zone_make(32), n = notify_make(boot->zone);
	uint64_t pending = 0;

	IS(E_RIGHTS, exo_port_bind(n, derive(zone, EXO_R_READ, 0, 0), 0, NULL));
	OK(exo_port_bind(n, zone, 0, NULL));
	OK(exo_notify_signal(n, 1, NULL));
	cr_assert_eq(zone_of(zone)->pending, EXO_PEND_NOTIFY);
	OK(exo_wait(boot->cpu, UINT64_MAX, &pending));
	cr_assert_eq(pending, EXO_PEND_ZONE_EVENT, "an idle system wakes");
	cr_assert_eq(taken(n), 1);
	zone_of(zone)->pending = 0;
	OK(exo_notify_signal(n, 1, NULL));
	cr_assert_eq(zone_of(zone)->pending, EXO_PEND_NOTIFY);
	zone_end(zone);
	cr_assert_eq(taken(n), 1, "it is not the zone's");
	OK(exo_port_bind(n, boot->zone, 0, NULL));
	OK(exo_port_unbind(n, NULL));
	IS(E_CAP, exo_port_bind(n, zone, 0, NULL));
}

CORE_TEST(notify, revoking_and_time_unbind)
{
	exo_cap_t n = notify_make(boot->zone), child = derive(n, EXO_R_READ, 0, 0), soon = 0;

	OK(exo_port_bind(child, boot->zone, 0, NULL));
	OK(exo_notify_signal(n, 1, NULL));
	OK(exo_cap_revoke(n, NULL));
	cr_assert_eq(cap_at((cap_slot_t)n)->port->by_port.kind, BINDING_NONE);
	events();
	cr_assert_eq(taken(n), 1);
	SOUND();
	OK(exo_cap_derive(n, EXO_R_READ, 0, 0, fake.now_ns + 1000000, &soon));
	OK(exo_port_bind(soon, boot->zone, 0, NULL));
	IS(E_BUSY, exo_port_bind(n, boot->zone, 0, NULL));
	fake.now_ns += 1000000;
	OK(exo_notify_signal(n, 1, NULL));
	cr_assert_eq(events() & EXO_PEND_NOTIFY, 0);
	OK(exo_port_bind(n, boot->zone, 0, NULL));
	cr_assert_eq(events() & EXO_PEND_NOTIFY, EXO_PEND_NOTIFY);
	SOUND();
	/* While a revocation is unfinished nothing comes by what is revoked. */
	OK(exo_port_unbind(n, NULL));
	taken(n);
	child = derive(n, EXO_R_READ, 0, 0);
	OK(exo_port_bind(child, boot->zone, 0, NULL));
	reap_revoke(cap_at((cap_slot_t)n), &(struct work){ 0 });
	OK(exo_notify_signal(n, 1, NULL));
	cr_assert_eq(events() & EXO_PEND_NOTIFY, 0);
}

CORE_TEST(notify, they_go_with_the_last_name_and_with_their_zone)
{
	struct exo_stats before = stats();
	exo_cap_t zone = zone_make(32), other = zone_make(32), n = notify_make(zone), child = derive(n, EXO_R_ALL & 0x3b, 0, 0), given;

	OK(exo_cap_grant(n, other, EXO_R_READ, &given));
	OK(exo_port_bind(child, other, 0, NULL));
	OK(exo_cap_drop(n, NULL));
	OK(exo_notify_signal(child, 1, NULL));
	SOUND();
	zone_end(zone);
	IS(E_CAP, exo_notify_signal(child, 1, NULL));
	SOUND();
	n = notify_make(other);
	OK(exo_cap_drop(n, NULL));
	cr_assert_eq(zone_of(other)->port_slab.used_count, 0);
	/* What they cost is the zone's. */
	while (exo_port_create(other, EXO_CAP_NOTIFY, &n) == EXO_OK)
		;
	cr_assert(zone_of(other)->pool.count == 0 || zone_of(other)->port_slab.used_count > 1000);
	SOUND();
	zone_end(other);
	cr_assert_eq(stats().caps_used, before.caps_used);
	cr_assert_eq(stats().frames_funded, before.frames_funded);
}

/* Once is enough: what was bound by this name before is not bound now. */
CORE_TEST(notify, what_is_not_bound_is_not_unbound)
{
	exo_cap_t n = notify_make(boot->zone);

	OK(exo_port_bind(n, boot->zone, 0, NULL));
	OK(exo_port_unbind(n, NULL));
	IS(E_STATE, exo_port_unbind(n, NULL));
	IS(E_TYPE, exo_port_bind(boot->zone, EXO_CAP_NONE, 0, NULL));
}

static void ends(void *user, struct fake_entry *entry)
{
	(void)user;
	entry->trap->event = EXO_EV_DEAD;
}

CORE_TEST(notify, nobody_who_is_dead_is_told)
{
	exo_cap_t zone = zone_make(32), n = notify_make(boot->zone), context;
	exo_frame_t page;
	uint64_t event;

	context = context_make(zone, &page);
	fake.program = ends;
	OK(exo_run(context, boot->cpu, 1000, &event));
	cr_assert_eq(event, EXO_EV_DEAD);
	IS(E_DEAD, exo_port_bind(n, zone, 0, NULL));
	zone_end(zone);
}

CORE_TEST(notify, no_context_without_its_page_serves)
{
	exo_frame_t page = frames_take(1);
	exo_cap_t zone = zone_make(32), memory = derive(boot->memory, EXO_R_ALL, page, 1), endpoint, context;

	OK(exo_port_create(zone, EXO_CAP_IPC, &endpoint));
	OK(exo_ctx_create(zone, derive(memory, EXO_R_ALL, page, 1), page, &context));
	OK(exo_cap_revoke(memory, NULL));
	IS(E_DEAD, exo_port_bind(endpoint, context, 0, NULL));
	zone_end(zone);
}

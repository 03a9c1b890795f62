/* Visible revocation: asked for, given back or taken, and what was taken. */
#include "core_env.h"
#include <core/ask.h>
#include <core/due.h>
#include <core/call.h>

#define MS UINT64_C(1000000)
#define APP_PAGE UINT64_C(0x400000)

/* A zone that holds capabilities, with a page for its calls. */
struct app {
	exo_cap_t zone, self; /* the LibOS's name of it, and its own */
	struct zone *in_core;
	exo_frame_t page;
};

static struct app app_make(uint64_t frames)
{
	struct app app = { .zone = zone_make(frames), .page = frames_take(1) };

	app.in_core = cap_at((cap_slot_t)app.zone)->zone;
	OK(map_under(app.zone, boot->memory, APP_PAGE, app.page, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(exo_cap_grant(app.zone, app.zone, EXO_R_READ, &app.self));
	return app;
}

static exo_cap_t give(const struct app *app, exo_cap_t cap)
{
	exo_cap_t given = 0;

	OK(exo_cap_grant(cap, app->zone, EXO_R_ALL, &given));
	return given;
}

static struct exo_result app_call(const struct app *app, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t args[6] = { a, b, c, d, 0, 0 };

	return call_dispatch(app->in_core, number, args);
}

/* Those of a list that are asked for. */
static uint64_t asked_of(struct exo_own *list, uint64_t count)
{
	uint64_t asked = 0;

	for (uint64_t i = 0; i < count; i++)
		if (list[i].asked_from != EXO_CAP_NONE)
			list[asked++] = list[i];
		else
			cr_assert_eq(list[i].asked_until_ns, EXO_NO_EXPIRY);
	return asked;
}

static uint64_t own(const struct app *app, struct exo_own *out, uint64_t room, exo_cap_t after)
{
	struct exo_result r = app_call(app, EXO_NR_LIST_OWN, app->self, APP_PAGE, room, after);

	OK(r.status);
	memcpy(out, frame_ptr(app->page), r.value * sizeof(*out));
	return r.value;
}

static uint64_t asked(const struct app *app, struct exo_own *out, uint64_t room)
{
	return asked_of(out, own(app, out, room, EXO_CAP_NONE));
}

static uint64_t taken(const struct app *app, struct exo_taken *out, uint64_t room)
{
	struct exo_result r = app_call(app, EXO_NR_TAKEN_READ, app->self, APP_PAGE, room, 0);

	OK(r.status);
	memcpy(out, frame_ptr(app->page), r.value * sizeof(*out));
	return r.value;
}

static uint64_t events(void)
{
	uint64_t value;

	OK(exo_event_take(boot->zone, &value));
	return value;
}

/* Nobody calls anything about it: time passes. Returns the events. */
static uint64_t sleep_until(uint64_t at)
{
	uint64_t all = 0, value;

	do {
		OK(exo_wait(boot->cpu, at, &value));
		all |= value;
	} while (value != 0 && fake.now_ns < at);
	return all;
}

CORE_TEST(ask, a_holder_sees_it_and_gives_back)
{
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, boot->memory_first + 200, 50), held, other;
	struct app app = app_make(16);
	uint64_t until = hal_time_ns() + 5 * MS;
	struct exo_own list[4];

	held = give(&app, top);
	other = give(&app, boot->timer);
	cr_assert_eq(asked(&app, list, 4), 0);
	OK(exo_revoke_ask(top, until, NULL));
	SOUND();
	cr_assert(app.in_core->pending & EXO_PEND_ASKED);
	cr_assert_eq(asked(&app, list, 4), 1);
	cr_assert_eq(list[0].info.cap, held);
	cr_assert_eq(list[0].asked_from, top);
	cr_assert_eq(list[0].asked_until_ns, until);
	cr_assert_eq(events(), 0);
	/* It can be used until then, and given back. */
	OK(app_call(&app, EXO_NR_CAP_INSPECT, held, APP_PAGE, 0, 0).status);
	OK(app_call(&app, EXO_NR_CAP_DROP, held, 0, 0, 0).status);
	cr_assert_eq(events(), EXO_PEND_BACK);
	cr_assert_eq(core.ask_count, 0);
	cr_assert_eq(asked(&app, list, 4), 0);
	sleep_until(until + MS);
	OK(app_call(&app, EXO_NR_CAP_INSPECT, other, APP_PAGE, 0, 0).status);
}

CORE_TEST(ask, at_the_deadline_the_kernel_takes_by_itself)
{
	exo_frame_t first = frames_take(50);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, 50), held;
	struct app app = app_make(16);
	uint64_t until = hal_time_ns() + 5 * MS;
	struct exo_taken list[4];

	held = give(&app, top);
	OK(map_under(app.zone, top, 0x500000, first, 1, EXO_PROT_READ));
	/* By its own capability, through the LibOS's call: the binding belongs to what is taken. */
	cr_assert_eq(cap_at((cap_slot_t)held)->owner, app.in_core->number);
	OK(exo_revoke_ask(top, until, NULL));
	cr_assert_eq(fake.timer_at, until);
	cr_assert_eq(sleep_until(until - MS), 0);
	OK(app_call(&app, EXO_NR_CAP_INSPECT, held, APP_PAGE, 0, 0).status);
	cr_assert_eq(sleep_until(until + MS), EXO_PEND_BACK);
	IS(E_CAP, app_call(&app, EXO_NR_CAP_INSPECT, held, APP_PAGE, 0, 0).status);
	cr_assert(app.in_core->pending & EXO_PEND_REVOKED);
	/* What the asker itself uses stays. */
	cr_assert_neq(query(app.zone, 0x500000), 0);
	cr_assert_eq(taken(&app, list, 4), 1);
	cr_assert_eq(list[0].cap, held);
	cr_assert_eq(list[0].from, top);
	cr_assert_eq(list[0].why, EXO_TAKEN_ASKED);
	cr_assert_eq(list[0].type, EXO_CAP_MEMORY);
	cr_assert_eq(list[0].rights, EXO_R_ALL);
	cr_assert_eq(list[0].first, first);
	cr_assert_eq(list[0].count, 50);
	cr_assert_eq(list[0].undone, 0);
	cr_assert_eq(list[0].sequence, 0);
	cr_assert(list[0].time_ns >= until);
	cr_assert_eq(taken(&app, list, 4), 0);
}

static exo_cap_t holder_cap;

/* The mapping is by the holder's capability; while its program runs, the time comes. */
static void program(void *user, struct fake_entry *entry)
{
	(void)user;
	fake.now_ns = entry->deadline < fake.timer_at ? entry->deadline : fake.timer_at;
	if (fake.now_ns == fake.timer_at)
		entry->trap->event = EXO_EV_PENDING;
}

CORE_TEST(ask, mappings_go_while_the_program_runs)
{
	exo_frame_t first = frames_take(4), page;
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, 4), below = derive(top, EXO_R_ALL, first, 4), context;
	struct work work = { .words = WORK_CALL };
	struct app app = app_make(16);
	struct exo_taken list[2];
	uint64_t event;

	context = context_make(app.zone, &page);
	OK(map_under(app.zone, below, 0x500000, first, 4, EXO_PROT_READ));
	/* Then it is the zone's own. */
	OK(map_under(app.zone, EXO_CAP_NONE, 0x500000, 0, 4, 0));
	OK(exo_cap_move(below, app.zone, &holder_cap));
	bind_pages(app.in_core, cap_at((cap_slot_t)holder_cap), 0x500000, first, 4, EXO_PROT_READ, &work);
	SOUND();
	OK(exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	fake.program = program;
	OK(exo_run(context, boot->cpu, 100 * MS, &event));
	cr_assert_eq(event, EXO_EV_PENDING);
	/* Not even one more call was needed. */
	cr_assert_eq(app.in_core->mapped_pages, 1);
	cr_assert_eq(core.cap_bindings[(cap_slot_t)holder_cap], NULL);
	cr_assert_eq(events(), EXO_PEND_BACK);
	cr_assert_eq(taken(&app, list, 2), 1);
	cr_assert_eq(list[0].cap, holder_cap);
	cr_assert_eq(list[0].undone, 4);
}

CORE_TEST(ask, can_be_changed_and_withdrawn)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), a = derive(top, EXO_R_ALL, 0, 0), b;
	uint64_t now = hal_time_ns();
	struct exo_own list[32];
	uint64_t n;

	IS(E_RIGHTS, exo_revoke_ask(derive(top, EXO_R_READ, 0, 0), now, NULL));
	OK(exo_revoke_ask(top, now + 5 * MS, NULL));
	b = derive(a, EXO_R_READ, 0, 0);
	events();
	OK(exo_revoke_ask(a, now + 9 * MS, NULL));
	OK(exo_list_own(boot->zone, list, 32, 0, &n));
	cr_assert_eq(asked_of(list, n), 3);
	/* Of two deadlines the earlier one. */
	cr_assert_eq(list[0].info.cap, b);
	cr_assert_eq(list[0].asked_from, top);
	OK(exo_revoke_ask(top, now + 20 * MS, NULL));
	cr_assert_eq(fake.timer_at, now + 9 * MS);
	OK(exo_list_own(boot->zone, list, 32, 0, &n));
	cr_assert_eq(asked_of(list, n), 3);
	cr_assert_eq(list[0].asked_from, a);
	OK(exo_revoke_ask(a, EXO_NO_EXPIRY, NULL));
	OK(exo_revoke_ask(a, EXO_NO_EXPIRY, NULL));
	SOUND();
	sleep_until(now + 10 * MS);
	OK(exo_clock_read(b, 0, &n));
	OK(exo_revoke_ask(top, 0, NULL));
	/* Its time was over already. */
	cr_assert(sleep_until(now + 11 * MS) & EXO_PEND_BACK);
	IS(E_CAP, exo_clock_read(b, 0, &n));
	OK(exo_clock_read(top, 0, &n));
	cr_assert_eq(core.ask_count, 0);
}

CORE_TEST(ask, for_nothing_is_answered_at_once)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);

	OK(exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	cr_assert_eq(events(), EXO_PEND_BACK);
	cr_assert_eq(core.ask_count, 0);
	cr_assert_eq(core.due.count, 0);
}

CORE_TEST(ask, reaches_who_comes_later)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), a = derive(top, EXO_R_ALL, 0, 0), moved;
	struct app app = app_make(16), second = app_make(16);

	OK(exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	cr_assert_eq(app.in_core->pending, 0);
	give(&app, a);
	cr_assert_eq(app.in_core->pending, EXO_PEND_ASKED);
	OK(exo_cap_move(a, second.zone, &moved));
	cr_assert_eq(second.in_core->pending, EXO_PEND_ASKED);
}

/* The asker's own revocation is one, too, and dropping what was asked with ends the ask. */
CORE_TEST(ask, ends_with_its_capability)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), a = derive(top, EXO_R_ALL, 0, 0);
	struct app app = app_make(16);
	struct exo_taken list[2];
	uint64_t n;

	give(&app, a);
	OK(exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	OK(exo_cap_revoke(top, NULL));
	cr_assert_eq(core.ask_count, 0);
	cr_assert_eq(taken(&app, list, 2), 1);
	cr_assert_eq(list[0].why, EXO_TAKEN_REVOKED);
	a = derive(top, EXO_R_ALL, 0, 0);
	OK(exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	OK(exo_cap_drop(top, NULL));
	cr_assert_eq(core.ask_count, 0);
	sleep_until(hal_time_ns() + 2 * MS);
	OK(exo_clock_read(a, 0, &n));
}

CORE_TEST(ask, the_ring_is_bounded)
{
	struct app app = app_make(16);
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), first = 0;
	static struct exo_taken list[2 * TAKEN_RECORDS];
	struct exo_zone_info info;
	uint64_t pool = app.in_core->pool.count;

	share(app.zone, EXO_QUOTA_CAPS, 2 * TAKEN_RECORDS);
	for (unsigned i = 0; i < TAKEN_RECORDS + 5; i++) {
		exo_cap_t given = give(&app, top);

		first = first ? first : given;
	}
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(app.in_core->pool.count, pool - 1);
	SOUND();
	OK(exo_zone_info(app.zone, &info, NULL));
	cr_assert_eq(info.taken_lost, 5);
	/* A bad address loses none. */
	IS(E_ADDRESS, app_call(&app, EXO_NR_TAKEN_READ, app.self, 0x700000, 4, 0).status);
	cr_assert_eq(taken(&app, list, 1), 1);
	cr_assert_eq(list[0].sequence, 5);
	cr_assert_eq(taken(&app, list, 2 * TAKEN_RECORDS), TAKEN_RECORDS - 1);
	/* The oldest are lost; newest first is how they were revoked. */
	cr_assert_eq(list[TAKEN_RECORDS - 2].cap, first);
	IS(E_STATE, exo_taken_read(app.zone, list, 1, NULL));
	IS(E_STATE, exo_list_own(app.zone, (struct exo_own *)(void *)list, 1, 0, NULL));
}

CORE_TEST(ask, without_funds_it_is_counted)
{
	struct app app = app_make(16);
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);
	struct hal_pool kept = app.in_core->pool;
	struct exo_taken list[2];

	give(&app, top);
	app.in_core->pool = (struct hal_pool){ 0 };
	OK(exo_cap_revoke(top, NULL));
	app.in_core->pool = kept;
	cr_assert_eq(app.in_core->taken_lost, 1);
	give(&app, top);
	OK(exo_cap_revoke(top, NULL));
	cr_assert_eq(taken(&app, list, 2), 1);
	cr_assert_eq(list[0].sequence, 1);
}

/* The ring's frame comes back with the zone. */
CORE_TEST(ask, the_ring_goes_with_its_zone)
{
	uint64_t funded = stats().frames_funded;
	struct app app = app_make(16);
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);

	give(&app, top);
	OK(exo_cap_revoke(top, NULL));
	cr_assert_not_null(app.in_core->taken);
	OK(exo_zone_destroy(app.zone, NULL));
	cr_assert_eq(stats().frames_funded, funded);
}

#define WIDE 10000

CORE_TEST(ask, many_in_bounded_steps)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);
	struct app app = app_make(16);
	enum exo_status status;
	uint64_t until, v;
	int calls = 0;

	for (int i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	give(&app, top);
	until = hal_time_ns() + 100 * MS;
	give(&app, derive(top, EXO_R_ALL, 0, 0));
	/* Whoever asks tells, and nobody else's calls are the longer for it. */
	while ((status = exo_revoke_ask(top, until, NULL)) == EXO_E_AGAIN) {
		SOUND();
		OK(exo_nop(&v));
		cr_assert(!reap_has_work());
		calls++;
	}
	OK(status);
	cr_assert(calls >= WIDE / 1024 && calls < WIDE / 512);
	cr_assert(app.in_core->pending & EXO_PEND_ASKED);
	fake.now_ns = until;
	events();
	calls = 0;
	while (core.due_ready && ++calls < 1000) {
		strangers_call();
		if (calls % 20 == 0)
			SOUND();
	}
	cr_assert(calls > 10 && calls < 1000);
	cr_assert_eq(events(), EXO_PEND_BACK);
}

/* With a full table: of 65,000 holders others' calls look at none, whether the asker goes on or not; and when the time has come,
 * at no more than their share of the work. */
CORE_TEST(ask, nobody_elses_calls_are_longer_with_a_full_table)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), cap = EXO_CAP_NONE, other;
	uint64_t until = hal_time_ns() + 100 * MS, raised, at, v;
	struct app app = app_make(16);
	struct exo_own list[8];
	uint32_t left;
	int calls = 0;

	give(&app, boot->timer);
	for (; exo_cap_derive(top, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &other) == EXO_OK; cap = other)
		calls++;
	OK(exo_cap_drop(cap, NULL));
	cr_assert(calls > 60000);
	IS(E_AGAIN, exo_revoke_ask(top, until, NULL));
	raised = core.events_raised;
	at = core.libos->tell_next;
	for (int i = 0; i < 1000; i++) {
		OK(exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &other));
		OK(exo_clock_read(other, 0, &v));
		OK(exo_cap_drop(other, NULL));
		cr_assert_eq(own(&app, list, 8, EXO_CAP_NONE), 2);
	}
	cr_assert(core.events_raised == raised && core.libos->tell_next == at && !reap_has_work());
	fake.now_ns = until;
	events();
	for (int ms = 0; ms < 10; ms++) {
		left = stats().caps_used;
		for (int i = 0; i < 100; i++)
			OK(exo_nop(NULL));
		cr_assert(left - stats().caps_used <= REAP_SHARE / WORK_CAP + 1);
		fake.now_ns += REAP_EVERY_NS;
	}
	while (core.due_ready)
		strangers_call();
}

/* While the asker tells, holders drop, hand on and revoke; everybody who still has something of it hears. */
CORE_TEST(ask, telling_goes_on_while_the_tree_changes)
{
	enum { HOLDERS = 24, CHAIN = 60, EACH = 40 };
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), moved;
	struct app app[HOLDERS];
	enum exo_status status;
	unsigned round = 0;

	for (int i = 0; i < HOLDERS; i++) {
		exo_cap_t cap = derive(top, EXO_R_ALL, 0, 0);

		for (int n = 0; n < EACH; n++)
			derive(cap, EXO_R_READ, 0, 0);
		for (int n = 0; n < CHAIN; n++)
			cap = derive(cap, EXO_R_ALL, 0, 0);
		app[i] = app_make(12);
		give(&app[i], cap);
	}
	while ((status = exo_revoke_ask(top, hal_time_ns() + MS, NULL)) == EXO_E_AGAIN) {
		/* What is next goes; so does what lies above it; what hung below that passes up. */
		exo_cap_t next = cap_name(cap_at(core.libos->tell_next)), above = cap_name(cap_at(cap_at((cap_slot_t)next)->parent));

		OK(exo_cap_drop(next, NULL));
		if (above != top)
			OK(exo_cap_drop(above, NULL));
		OK(exo_cap_revoke(derive(top, EXO_R_ALL, 0, 0), NULL));
		SOUND();
		cr_assert(++round < 100);
	}
	OK(status);
	cr_assert(round >= 2);
	for (int i = 0; i < HOLDERS; i++)
		cr_assert(app[i].in_core->pending & EXO_PEND_ASKED, "holder %d", i);
	/* The one that asks is dropped, or moves, in the middle of it. */
	IS(E_AGAIN, exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	OK(exo_cap_move(top, app[0].zone, &moved));
	SOUND();
	cr_assert_eq(core.libos->telling, CAP_NIL);
}

/* A zone lists its own names, and nobody else's, piece by piece. */
CORE_TEST(ask, own_names_are_listed)
{
	struct app app = app_make(16);
	struct exo_own list[8];
	exo_cap_t given[6], after = EXO_CAP_NONE;
	uint64_t n, all = 0;

	for (int i = 0; i < 6; i++)
		given[i] = give(&app, boot->timer);
	while ((n = own(&app, list, 2, after)) > 0) {
		for (uint64_t i = 0; i < n; i++, all++)
			cr_assert_eq(list[i].info.cap, all < 6 ? given[5 - all] : app.self);
		after = list[n - 1].info.cap;
	}
	cr_assert_eq(all, 7);
	OK(app_call(&app, EXO_NR_CAP_DROP, given[3], 0, 0, 0).status);
	IS(E_CAP, app_call(&app, EXO_NR_LIST_OWN, app.self, APP_PAGE, 2, given[3]).status);
	IS(E_CAP, app_call(&app, EXO_NR_LIST_OWN, app.self, APP_PAGE, 2, boot->timer).status);
	IS(E_ADDRESS, app_call(&app, EXO_NR_LIST_OWN, app.self, 0x700000, 2, 0).status);
	IS(E_RIGHTS, app_call(&app, EXO_NR_LIST_OWN, give(&app, derive(app.zone, EXO_R_GRANT, 0, 0)), APP_PAGE, 2, 0).status);
}

CORE_TEST(ask, a_list_has_an_end)
{
	static struct exo_own list[EXO_LIST_MAX + 1];
	uint64_t n;

	for (uint32_t i = 0; i <= EXO_LIST_MAX; i++)
		derive(boot->timer, EXO_R_READ, 0, 0);
	OK(exo_list_own(boot->zone, list, EXO_LIST_MAX + 1, 0, &n));
	cr_assert_eq(n, EXO_LIST_MAX);
}

/* Who asks for something else meanwhile is served at once, and begins anew with what is not finished. */
CORE_TEST(ask, another_ask_does_not_wait_for_the_first)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0), other = derive(boot->timer, EXO_R_ALL, 0, 0);
	struct app app = app_make(16);

	for (int i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	give(&app, other);
	IS(E_AGAIN, exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	cr_assert_eq(app.in_core->pending, 0);
	OK(exo_revoke_ask(other, hal_time_ns() + MS, NULL));
	cr_assert_eq(app.in_core->pending, EXO_PEND_ASKED);
}

CORE_TEST(ask, not_for_what_is_being_revoked)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);

	for (int i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(top, NULL));
	IS(E_AGAIN, exo_revoke_ask(top, hal_time_ns() + MS, NULL));
	IS(E_AGAIN, exo_revoke_ask(top, EXO_NO_EXPIRY, NULL));
	cr_assert_eq(core.ask_count, 0);
	cr_assert_eq(core.due.count, 0);
}

/* From when on the kernel takes, its time is no deadline any more, and what was sealed is void, too. */
CORE_TEST(ask, what_is_being_taken_is_not_due_again)
{
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);
	uint64_t until = hal_time_ns() + MS;
	struct exo_seal seal;

	for (int i = 0; i < WIDE; i++)
		derive(top, EXO_R_READ, 0, 0);
	OK(exo_cap_seal(top, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &seal, NULL));
	while (exo_revoke_ask(top, until, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(due_of(cap_at((cap_slot_t)top)), until);
	fake.now_ns = until;
	events();
	strangers_call();
	cr_assert(cap_is_revoking(cap_at((cap_slot_t)top)));
	cr_assert_eq(due_of(cap_at((cap_slot_t)top)), EXO_NO_EXPIRY);
	cr_assert_eq(core.due.count, 0);
	while (core.due_ready || core.revoking != CAP_NIL)
		strangers_call();
	OK(exo_nop(NULL));
	IS(E_REVOKED, exo_cap_unseal(&seal, sizeof(seal), EXO_R_READ, NULL));
	cr_assert(!reap_is_needed(), "nothing is left to be done");
}

/* Who is on its way out is told nothing any more: its memory goes. */
CORE_TEST(ask, a_dying_zone_gets_no_records)
{
	struct app app = app_make(300);
	exo_cap_t top = derive(boot->timer, EXO_R_ALL, 0, 0);
	exo_frame_t first = frames_take(500);

	give(&app, top);
	for (uint64_t i = 0; i < 4; i++)
		OK(map_under(app.zone, boot->memory, 0x10000000 + i * 0x1000000, first, 500, EXO_PROT_READ));
	IS(E_AGAIN, exo_zone_destroy(app.zone, NULL));
	cr_assert(app.in_core->dying && !app.in_core->stripped);
	OK(exo_cap_revoke(top, NULL));
	cr_assert_null(app.in_core->taken);
	zone_end(app.zone);
}

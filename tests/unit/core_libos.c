/* LibOS zones beside the first: the quantum vector, nested runs, and what comes back when one goes. */
#include "core_guests.h"
#include <core/core.h>
#include <core/reap.h>

#define BASE    UINT64_C(0x400000)

/* ---- A main context runs an inner one ------------------------------------ */

static struct guest only;
static uint64_t seen[8];

static void inner_three(struct fake_entry *entry, unsigned step)
{
	switch (step) {
	case 0: fake_syscall(entry, 39, 1, 2, 3, 4, 5, 6); break;
	case 1:
		cr_assert_eq(entry->regs->rax, 4711, "what its LibOS answered");
		fake_fault(entry, 0x1234, EXO_ACCESS_WRITE);
		break;
	default: computes(entry);
	}
}

static void main_runs(struct fake_entry *entry, unsigned step)
{
	if (step > 0)
		cr_assert_eq(actors[0].status, EXO_OK);
	if (step >= 1 && step <= 3)
		seen[step] = actors[0].value;
	switch (step) {
	case 0:
		calls(entry, EXO_NR_RUN, only.inner_own, only.cpu, 100000);
		break;
	case 1:
		cr_assert_eq(only.inner_page->nr, 39);
		cr_assert_eq(only.inner_page->args[5], 6);
		only.inner_page->result = 4711;
		calls(entry, EXO_NR_RUN, only.inner_own, only.cpu, 100000);
		break;
	case 2:
		cr_assert_eq(only.inner_page->address, 0x1234);
		calls(entry, EXO_NR_RUN, only.inner_own, only.cpu, 100000);
		break;
	default:
		calls(entry, EXO_NR_WAIT, only.cpu, UINT64_MAX, 0);
	}
}

CORE_TEST(libos, a_main_context_runs_an_inner_one)
{
	struct exo_stats before = stats();
	struct exo_audit_record record[64];
	uint64_t n, entered = 0;

	only = guest_make(1, 0, main_runs, inner_three);
	bind_turn(&only, TURN_NS, 0);
	SOUND();
	do
		OK(exo_audit_read(boot->audit, record, 64, &n));
	while (n > 0);
	cr_assert_eq(wait_ns(10 * TURN_NS), 0);
	cr_assert_eq(seen[1], EXO_EV_SYSCALL);
	cr_assert_eq(seen[2], EXO_EV_FAULT);
	cr_assert_eq(seen[3], EXO_EV_QUANTUM);
	cr_assert_str_eq(order, "abababa");
	cr_assert_eq(quantum_info(1).turns, 1);
	cr_assert_eq(quantum_info(1).flags, EXO_QUANTUM_WAITING);
	cr_assert_eq(quantum_info(1).overruns, 0);
	SOUND();
	/* Each entry, also the nested ones, was a transition with its two records. */
	OK(exo_audit_read(boot->audit, record, 64, &n));
	for (uint64_t i = 0; i < n; i++)
		entered += record[i].what == EXO_AUDIT_ENTER;
	cr_assert_eq(n, 2 * entered);
	cr_assert_eq(entered, 7);
	cr_assert_eq(record[0].zone, inspect(only.zone).first);
	cr_assert_eq(record[1].what, EXO_AUDIT_LEAVE, "with its call");
	cr_assert_eq(record[2].what, EXO_AUDIT_ENTER);
	cr_assert_eq(record[2].zone, inspect(only.app).first);
	guest_end(&only);
	cr_assert_eq(stats().zones, before.zones, "its App zone went with it");
	cr_assert_eq(stats().frames_funded, before.frames_funded);
	cr_assert_eq(quantum_info(1).zone, 0);
	cr_assert_eq(core.cpus[0].quantum.turn_end, UINT64_MAX);
}

/* ---- Whose time may be spent --------------------------------------------- */

static uint64_t refused[8];

static void main_is_refused(struct fake_entry *entry, unsigned step)
{
	if (step > 0)
		refused[step] = actors[0].status;
	switch (step) {
	case 0: calls(entry, EXO_NR_RUN, only.inner_own, only.self, 1000); break;
	case 1: calls(entry, EXO_NR_RUN, only.inner_own, refused[0], 1000); break; /* for another slot */
	case 2: calls(entry, EXO_NR_WAIT, refused[0], 0, 0); break;
	case 3: calls(entry, EXO_NR_RUN, refused[7], only.cpu, 1000); break; /* itself */
	default: calls(entry, EXO_NR_WAIT, only.cpu, UINT64_MAX, 0);
	}
}

static void inner_is_refused(struct fake_entry *entry, unsigned step)
{
	(void)step;
	computes(entry);
}

CORE_TEST(libos, time_needs_the_capability_of_the_slot)
{
	uint64_t v;

	only = guest_make(1, 0, main_is_refused, inner_is_refused);
	refused[0] = give(derive(boot->cpu, EXO_R_ALL, 2, 1), only.zone, EXO_R_ALL);
	refused[7] = give(only.main, only.zone, EXO_R_ALL);
	bind_turn(&only, TURN_NS, 0);
	IS(E_BUSY, exo_run(only.main, boot->cpu, 1000, &v));
	IS(E_RANGE, exo_run(only.inner, derive(boot->cpu, EXO_R_ALL, 5, 3), 1000, &v));
	wait_ns(10 * TURN_NS);
	cr_assert_eq(refused[1], EXO_E_TYPE);
	cr_assert_eq(refused[2], EXO_E_RANGE);
	cr_assert_eq(refused[3], EXO_E_RANGE);
	cr_assert_eq(refused[4], EXO_E_BUSY);
	IS(E_RANGE, exo_wait(derive(boot->cpu, EXO_R_ALL, 5, 3), 0, &v));
	guest_end(&only);
}

/* A context of the LibOS's own, which it runs, and which tries to run another one: on time that nobody would see. */
static exo_cap_t deeper;

static void main_runs_its_own(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_RUN, refused[1], only.cpu, 1000);
	else
		calls(entry, EXO_NR_WAIT, only.cpu, UINT64_MAX, 0);
}

static void own_runs_deeper(struct fake_entry *entry, unsigned step)
{
	refused[2 + (step & 1)] = actors[1].status;
	switch (step) {
	case 0: calls(entry, EXO_NR_RUN, deeper, only.cpu, 1000); break;
	case 1: calls(entry, EXO_NR_WAIT, only.cpu, UINT64_MAX, 0); break;
	default: fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
	}
}

CORE_TEST(libos, nothing_runs_two_levels_below_the_slot)
{
	exo_frame_t page;
	exo_cap_t own, app;

	only = guest_make(1, 0, main_runs_its_own, NULL);
	own = context_make(only.zone, &page);
	actor_start(page, 1, own_runs_deeper);
	refused[1] = give(own, only.zone, EXO_R_ALL);
	share_zones(only.zone);
	OK(exo_zone_create(only.zone, boot->memory, frames_take(FUND), FUND, "inner", 5, &app));
	deeper = give(context_make(app, &page), only.zone, EXO_R_ALL);
	actor_start(page, 2, endless);
	bind_turn(&only, TURN_NS, 0);
	wait_ns(10 * TURN_NS);
	cr_assert_eq(refused[3], EXO_E_STATE, "exo_run");
	cr_assert_eq(refused[2], EXO_E_STATE, "exo_wait");
	cr_assert_eq(actors[2].step, 0);
	cr_assert_str_eq(order, "aba");
	guest_end(&only);
}

/* ---- Binding ------------------------------------------------------------- */

CORE_TEST(quantum, binding_is_checked)
{
	struct guest g = guest_make(3, 0, endless, endless);
	struct cpu_quantum q = { .cycles = TURN_NS };
	exo_cap_t app = zone_make(16), context, few = derive(boot->cpu, EXO_R_ALL, 3, 2);
	exo_frame_t page;

	context = context_make(app, &page);
	IS(E_BUSY, exo_quantum_bind(boot->cpu, 0, g.main, &q, NULL));
	IS(E_RANGE, exo_quantum_bind(boot->cpu, EXO_QUANTUM_SLOTS, g.main, &q, NULL));
	IS(E_RANGE, exo_quantum_bind(boot->cpu, UINT64_MAX, g.main, &q, NULL));
	IS(E_RANGE, exo_quantum_bind(few, 5, g.main, &q, NULL));
	IS(E_RANGE, exo_quantum_info(few, 2, &(struct exo_quantum_info){ 0 }, NULL));
	IS(E_RANGE, exo_quantum_unbind(few, 2, NULL));
	IS(E_STATE, exo_quantum_unbind(few, 3, NULL));
	IS(E_BUSY, exo_quantum_unbind(boot->cpu, 0, NULL));
	IS(E_STATE, exo_quantum_bind(few, 3, context, &q, NULL));
	IS(E_STATE, exo_quantum_bind(few, 3, g.inner, &q, NULL));
	IS(E_TYPE, exo_quantum_bind(few, 3, g.zone, &q, NULL));
	IS(E_RIGHTS, exo_quantum_bind(few, 3, derive(g.main, EXO_R_READ, 0, 0), &q, NULL));
	IS(E_RIGHTS, exo_quantum_bind(derive(few, EXO_R_READ, 3, 1), 3, g.main, &q, NULL));
	q.cycles = 0;
	IS(E_ARG, exo_quantum_bind(few, 3, g.main, &q, NULL));
	q.cycles = EXO_QUANTUM_NS_MAX + 1;
	IS(E_ARG, exo_quantum_bind(few, 3, g.main, &q, NULL));
	q.cycles = UINT64_MAX;
	IS(E_ARG, exo_quantum_bind(few, 3, g.main, &q, NULL));
	q.cycles = EXO_QUANTUM_NS_MAX;
	q.reserved = 1;
	IS(E_ARG, exo_quantum_bind(few, 3, g.main, &q, NULL));
	q.reserved = 0;
	q.cpu_cap = boot->cpu;
	IS(E_ARG, exo_quantum_bind(few, 3, g.main, &q, NULL));
	q.cpu_cap = few;
	OK(exo_quantum_bind(few, 3, g.main, &q, NULL));
	SOUND();
	IS(E_BUSY, exo_quantum_bind(few, 3, g.main, &q, NULL));
	IS(E_BUSY, exo_quantum_bind(few, 4, g.main, &q, NULL));
	cr_assert_eq(quantum_info(3).quantum.cpu_cap, few);
	cr_assert_eq(quantum_info(3).quantum.cycles, EXO_QUANTUM_NS_MAX);
	cr_assert_eq(quantum_info(3).zone, inspect(g.zone).first);
	cr_assert_eq(quantum_info(0).zone, ZONE_LIBOS_NUMBER);
	IS(E_BUSY, exo_cap_drop(few, NULL));
	OK(exo_quantum_unbind(few, 3, NULL));
	OK(exo_cap_drop(few, NULL));
	guest_end(&g);
}

CORE_TEST(quantum, revoking_a_capability_unbinds)
{
	struct guest g = guest_make(3, 0, endless, NULL);
	struct cpu_quantum q = { .cycles = TURN_NS };
	exo_cap_t mine = derive(boot->cpu, EXO_R_ALL, 1, 8), theirs = derive(mine, EXO_R_EXEC, 3, 1);
	exo_cap_t main = derive(g.main, EXO_R_EXEC, 0, 0);

	OK(exo_quantum_bind(theirs, 3, main, &q, NULL));
	OK(exo_cap_revoke(mine, NULL));
	cr_assert_eq(quantum_info(3).zone, 0);
	SOUND();
	OK(exo_quantum_bind(mine, 3, main, &q, NULL));
	OK(exo_cap_revoke(g.main, NULL));
	cr_assert_eq(quantum_info(3).zone, 0);
	SOUND();
	OK(exo_quantum_bind(mine, 3, g.main, &q, NULL));
	guest_end(&g);
	cr_assert_eq(quantum_info(3).zone, 0);
}

CORE_TEST(quantum, expiry_unbinds)
{
	struct guest g = guest_make(3, 0, endless, NULL);
	struct cpu_quantum q = { .cycles = TURN_NS };
	uint64_t until = fake.now_ns + 5 * TURN_NS;
	exo_cap_t soon;

	OK(exo_cap_derive(boot->cpu, EXO_R_ALL, 3, 1, until, &soon));
	OK(exo_quantum_bind(soon, 3, g.main, &q, NULL));
	wait_ns(20 * TURN_NS);
	cr_assert_eq(quantum_info(3).zone, 0);
	cr_assert(actors[0].step > 0);
	guest_end(&g);
}

/* ---- Turns ---------------------------------------------------------------- */

static void yields(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake.now_ns += 1000;
	calls(entry, EXO_NR_WAIT, actors[0].play == yields ? only.cpu : 0, 0, 0);
}

CORE_TEST(quantum, priority_decides_about_order_and_nobody_starves)
{
	struct guest low = guest_make(1, 0, endless, NULL), high = guest_make(2, 1, endless, NULL);
	struct guest middle = guest_make(3, 2, endless, NULL);

	bind_turn(&low, TURN_NS, 1);
	bind_turn(&high, TURN_NS, 9);
	bind_turn(&middle, TURN_NS, 5);
	wait_ns(9 * TURN_NS);
	cr_assert_eq(strncmp(order, "bcabca", 6), 0, "%s", order);
	cr_assert(quantum_info(1).turns >= 2);
	cr_assert(quantum_info(1).turns <= quantum_info(2).turns);
	cr_assert(quantum_info(2).turns <= quantum_info(1).turns + 1);
	SOUND();
}

CORE_TEST(quantum, the_end_of_a_turn_is_announced_and_then_forced)
{
	struct guest g = guest_make(1, 0, endless, NULL);
	uint64_t start = fake.now_ns;

	bind_turn(&g, TURN_NS, 0);
	wait_ns(TURN_NS / 2);
	cr_assert_eq(quantum_info(1).turns, 1);
	cr_assert_eq(quantum_info(1).notices, 1);
	cr_assert_eq(quantum_info(1).overruns, 1);
	cr_assert(g.page->notice > start + TURN_NS);
	cr_assert(fake.now_ns - start < TURN_NS + 2 * EXO_QUANTUM_OVERRUN_NS, "the overrun is bounded");
	cr_assert_eq(actors[0].step, 2, "the turn, and the time after the notice");
}

static void goes_quietly(struct fake_entry *entry, unsigned step)
{
	(void)step;
	if (only.page->notice)
		calls(entry, EXO_NR_WAIT, only.cpu, 0, 0);
	else
		computes(entry);
}

CORE_TEST(quantum, who_heeds_the_notice_has_no_overrun)
{
	only = guest_make(1, 0, goes_quietly, NULL);
	bind_turn(&only, TURN_NS, 0);
	wait_ns(5 * TURN_NS);
	cr_assert(quantum_info(1).turns >= 4);
	cr_assert(quantum_info(1).notices >= 4);
	cr_assert_eq(quantum_info(1).overruns, 0);
	cr_assert_eq(actors[0].value, EXO_PEND_QUANTUM, "the answer to its wait");
	guest_end(&only);
}

/* The first LibOS computes in a program of its own; a mad neighbour has its share and no more. */
CORE_TEST(quantum, a_mad_libos_leaves_the_first_one_running)
{
	struct guest mad = guest_make(1, 0, endless, NULL);
	exo_cap_t zone = zone_make(32), context;
	exo_frame_t page;
	uint64_t event, start, spent = 0;

	context = context_make(zone, &page);
	actor_start(page, 3, endless);
	bind_turn(&mad, TURN_NS, 255);
	start = fake.now_ns;
	for (int i = 0; i < 20; i++) {
		OK(exo_run(context, boot->cpu, 4000000, &event));
		cr_assert_eq(event, EXO_EV_QUANTUM);
		spent += 4000000;
	}
	cr_assert(quantum_info(1).turns >= 6);
	cr_assert(fake.now_ns - start < spent + 10 * (TURN_NS + 2 * EXO_QUANTUM_OVERRUN_NS),
	          "it had one turn for ten milliseconds of ours");
	SOUND();
	guest_end(&mad);
}

/* ---- Waiting ------------------------------------------------------------- */

static uint64_t woken_with;

static void sleeps(struct fake_entry *entry, unsigned step)
{
	if (step == 1)
		woken_with = actors[0].value;
	calls(entry, EXO_NR_WAIT, only.cpu, step == 0 ? 50 * TURN_NS : UINT64_MAX, 0);
}

CORE_TEST(quantum, who_waits_is_woken_by_time)
{
	only = guest_make(1, 0, sleeps, NULL);
	bind_turn(&only, TURN_NS, 0);
	woken_with = 99;
	wait_ns(20 * TURN_NS);
	cr_assert_eq(actors[0].step, 1);
	wait_ns(100 * TURN_NS);
	cr_assert_eq(actors[0].step, 2);
	cr_assert_eq(woken_with, 0);
	guest_end(&only);
}

static exo_cap_t guest_timer;

static void sleeps_by_timer(struct fake_entry *entry, unsigned step)
{
	if (step == 2)
		woken_with = actors[0].value;
	if (step == 0)
		calls(entry, EXO_NR_TIMER_SET, guest_timer, 30 * TURN_NS, 0);
	else
		calls(entry, EXO_NR_WAIT, only.cpu, UINT64_MAX, 0);
}

CORE_TEST(quantum, who_waits_is_woken_by_its_events)
{
	only = guest_make(1, 0, sleeps_by_timer, NULL);
	guest_timer = give(boot->timer, only.zone, EXO_R_ALL);
	bind_turn(&only, TURN_NS, 0);
	cr_assert_eq(wait_ns(60 * TURN_NS), 0, "the event is not the first LibOS's");
	cr_assert_eq(woken_with, EXO_PEND_TIMER);
	guest_end(&only);
}

/* ---- Ends ---------------------------------------------------------------- */

static void faults(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake_fault(entry, 0x1000, EXO_ACCESS_READ);
}

static void foreign(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
}

static void excepts(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake_exception(entry, 6, 0);
}

static void breaks(struct fake_entry *entry, unsigned step)
{
	(void)step;
	entry->trap->event = EXO_EV_DEAD;
}

static void ends_by(actor_fn *play, enum exo_event event)
{
	struct guest g = guest_make(1, 0, play, NULL);
	uint64_t v;

	bind_turn(&g, TURN_NS, 0);
	cr_assert_eq(wait_ns(UINT32_MAX), EXO_PEND_ZONE, "its creator hears of it");
	cr_assert_eq(actors[0].step, 1);
	cr_assert_eq(g.page->event, event, "and can see why");
	OK(exo_event_take(boot->zone, &v));
	wait_ns(3 * TURN_NS);
	cr_assert_eq(actors[0].step, 1, "it is not entered again");
	SOUND();
	guest_end(&g);
}

CORE_TEST(libos, a_main_context_has_nobody_to_ask)
{
	ends_by(faults, EXO_EV_FAULT);
	ends_by(excepts, EXO_EV_EXCEPTION);
	ends_by(foreign, EXO_EV_SYSCALL);
	ends_by(breaks, EXO_EV_DEAD);
}

CORE_TEST(libos, revoking_its_memory_ends_it)
{
	struct exo_stats before = stats();
	exo_cap_t memory = derive(boot->memory, EXO_R_ALL, frames_take(128), 128), part, zone, context, theirs;
	uint64_t first = inspect(memory).first;
	struct cpu_quantum q = { .cycles = TURN_NS };

	fake.program = stage;
	part = derive(memory, EXO_R_ALL, first, 128);
	OK(exo_libos_create(boot->zone, part, first, 32, "mad", 3, &zone));
	memset(frame_ptr(first + 32), 0, PAGE);
	OK(exo_ctx_create(zone, part, first + 32, &context));
	actor_start(first + 32, 0, endless);
	theirs = give(part, zone, EXO_R_ALL);
	(void)theirs;
	OK(map_under(zone, part, BASE, first + 40, 8, EXO_PROT_READ));
	OK(exo_quantum_bind(boot->cpu, 1, context, &q, NULL));
	wait_ns(TURN_NS);
	cr_assert_eq(quantum_info(1).turns, 1);
	for (int i = 0; i < 4; i++)
		if (exo_cap_revoke(memory, NULL) == EXO_OK)
			break;
	OK(exo_cap_revoke(memory, NULL));
	cr_assert_eq(stats().zones, before.zones);
	cr_assert_eq(stats().frames_funded, before.frames_funded);
	cr_assert_eq(quantum_info(1).zone, 0);
	/* All of it is plain and free. */
	OK(exo_zone_create(boot->zone, boot->memory, first, 128, "new", 3, &zone));
}

/* Two zones that live from each other's memory go all the same. */
CORE_TEST(libos, funds_in_a_ring)
{
	struct exo_stats before = stats();
	exo_cap_t a, b, ma, mb;
	exo_frame_t f = frames_take(64);
	exo_cap_t of_a = derive(boot->memory, EXO_R_ALL, f, 32), of_b = derive(boot->memory, EXO_R_ALL, f + 32, 32);

	OK(exo_libos_create(boot->zone, boot->memory, frames_take(8), 8, "a", 1, &a));
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(8), 8, "b", 1, &b));
	ma = give(of_a, a, EXO_R_ALL);
	mb = give(of_b, b, EXO_R_ALL);
	/* As if each had funded the other. */
	bind_fund(core.zones[inspect(b).first], cap_find(ma));
	bind_fund(core.zones[inspect(a).first], cap_find(mb));
	SOUND();
	OK(exo_zone_destroy(a, NULL));
	for (int i = 0; i < 5; i++)
		OK(exo_nop(NULL));
	cr_assert_eq(stats().zones, before.zones);
	cr_assert_eq(stats().frames_funded, before.frames_funded);
	OK(exo_cap_drop(of_a, NULL));
	OK(exo_cap_drop(of_b, NULL));
}

CORE_TEST(libos, zones_nest_and_end_together)
{
	struct exo_stats before = stats();
	exo_cap_t top, zone, next;
	enum exo_status status = EXO_OK;
	unsigned depth = 0;

	OK(exo_libos_create(boot->zone, boot->memory, frames_take(8), 8, "top", 3, &top));
	share(top, EXO_QUOTA_ZONES, 100);
	share(top, EXO_QUOTA_CAPS, 100);
	for (zone = top; status == EXO_OK; depth++, zone = next) {
		status = exo_libos_create(zone, boot->memory, frames_take(8), 8, "below", 5, &next);
		if (status == EXO_OK) {
			OK(exo_zone_quota(zone, next, EXO_QUOTA_ZONES, 90 - depth, NULL));
			OK(exo_zone_quota(zone, next, EXO_QUOTA_CAPS, 90 - depth, NULL));
		}
	}
	cr_assert_eq(status, EXO_E_SLOTS);
	cr_assert_eq(depth, ZONE_DEPTH_MAX);
	SOUND();
	zone_end(top);
	cr_assert_eq(stats().zones, before.zones);
	cr_assert_eq(stats().caps_used, before.caps_used);
}

/* What it was made below goes first in effect, whenever the pieces are cleared away. */
CORE_TEST(libos, below_a_dying_zone_nothing_runs)
{
	struct guest g = guest_make(1, 0, endless, endless);
	uint64_t v;

	bind_turn(&g, TURN_NS, 0);
	core.zones[inspect(g.zone).first]->running++; /* as if it ran on another CPU */
	IS(E_BUSY, exo_zone_destroy(g.zone, NULL));
	reap_zone(core.zones[inspect(g.zone).first]);
	IS(E_DEAD, exo_run(g.inner, boot->cpu, 1000, &v));
	core.zones[inspect(g.zone).first]->running--;
	wait_ns(5 * TURN_NS);
	cr_assert_eq(actors[0].step, 0);
	cr_assert_eq(actors[1].step, 0);
}

/* ---- Entry --------------------------------------------------------------- */

static uint64_t entered_at;

static void notes_entry(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		entered_at = entry->regs->rip;
	computes(entry);
}

/* A zone is entered where its context's page says, which only who holds the page's frame can write; later
 * it goes on where it stopped. */
CORE_TEST(libos, is_entered_where_its_creator_said)
{
	struct guest g = guest_make(1, 0, notes_entry, NULL);

	g.page->regs.rip = BASE + 0x123;
	bind_turn(&g, TURN_NS, 0);
	g.page->regs.rip = BASE + 0x40;
	wait_ns(TURN_NS);
	cr_assert_eq(entered_at, BASE + 0x40);
	g.page->regs.rip = BASE + 0x80; /* without `load` nobody looks at it */
	actors[0].step = 0;
	wait_ns(TURN_NS);
	cr_assert_eq(entered_at, BASE + 0x40);
}

CORE_TEST(quantum, yields_share_the_cpu)
{
	only = guest_make(1, 0, yields, NULL);
	bind_turn(&only, TURN_NS, 0);
	wait_ns(TURN_NS);
	cr_assert(quantum_info(1).turns > 100);
	cr_assert_eq(quantum_info(1).notices, 0);
	guest_end(&only);
}

/* What the machine reports while somebody else has his turn is not lost to the first LibOS. */
static void raises(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		fake.events |= EXO_PEND_CONSOLE;
	computes(entry);
}

CORE_TEST(quantum, events_in_a_turn_reach_the_first_libos)
{
	struct guest g = guest_make(1, 0, raises, NULL);
	exo_cap_t zone = zone_make(32), context;
	exo_frame_t page;
	uint64_t event, v;

	context = context_make(zone, &page);
	actor_start(page, 3, endless);
	bind_turn(&g, TURN_NS, 0);
	OK(exo_run(context, boot->cpu, 3 * QUANTUM_FIRST_NS, &event));
	cr_assert_eq(event, EXO_EV_PENDING);
	cr_assert_eq(((struct exo_ctx_page *)frame_ptr(page))->event, EXO_EV_PENDING);
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_CONSOLE);
	/* The same when its turn had ended before it asked. */
	actors[0].step = 0;
	fake.now_ns += 2 * QUANTUM_FIRST_NS;
	OK(exo_run(context, boot->cpu, 3 * QUANTUM_FIRST_NS, &event));
	cr_assert_eq(event, EXO_EV_PENDING);
	guest_end(&g);
}

/* A machine that can interrupt the first LibOS gives the others their turns in the middle of what it does. */
CORE_TEST(quantum, the_first_libos_can_be_interrupted)
{
	struct guest g = guest_make(1, 0, raises, NULL);
	exo_cap_t zone = zone_make(32), context;
	exo_frame_t page;
	uint64_t event;

	context = context_make(zone, &page);
	actor_start(page, 3, endless);
	cr_assert_eq(core_turn_end(), UINT64_MAX);
	bind_turn(&g, TURN_NS, 0);
	core_interrupted();
	cr_assert_eq(quantum_info(1).turns, 0, "its turn is not over");
	fake.now_ns = core_turn_end();
	core_interrupted();
	cr_assert_eq(quantum_info(1).turns, 1);
	cr_assert(core_turn_end() > fake.now_ns);
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_PENDING, "what came meanwhile");
	guest_end(&g);
}

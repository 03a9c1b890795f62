/* Turns end when their time is over, whatever stops them on the way, and what one takes too much comes off the next ones. */
#include "core_guests.h"

#define KICK_NS UINT64_C(10000)

/* Of the last turns of the first actor: how long they were to be, when they began. */
static uint64_t lengths[64];
static unsigned length_count;

/* A context of a program, which the first LibOS runs. */
static exo_cap_t program_make(actor_fn *play)
{
	exo_cap_t zone = zone_make(32), context;
	exo_frame_t page;

	fake.program = stage;
	context = context_make(zone, &page);
	actor_start(page, 3, play);
	return context;
}

/* The first LibOS lets a program compute, for so many of its own turns. */
static void compute_turns(exo_cap_t context, unsigned turns)
{
	uint64_t event;

	for (unsigned i = 0; i < turns; i++)
		OK(exo_run(context, boot->cpu, QUANTUM_FIRST_NS, &event));
}

/* ---- Nothing puts off the end of a turn ------------------------------------ */

/* Something stops it again and again, far longer than its turn is. */
static void is_stopped(struct fake_entry *entry, unsigned step)
{
	fake.now_ns += KICK_NS;
	entry->trap->event = step < 10000 ? EXO_EV_PENDING : EXO_EV_QUANTUM;
}

/* The same, by kicks of another CPU. */
static void is_kicked(struct fake_entry *entry, unsigned step)
{
	core.cpus[0].place.kicked = true;
	is_stopped(entry, step);
}

static void a_turn_under(actor_fn *play)
{
	struct guest g = guest_make(1, 0, play, NULL);
	uint64_t start;

	bind_turn(&g, TURN_NS, 0);
	start = fake.now_ns;
	wait_ns(TURN_NS);
	cr_assert_leq(fake.now_ns - start, TURN_NS + EXO_QUANTUM_OVERRUN_NS + 2 * KICK_NS);
	cr_assert_eq(quantum_info(1).turns, 1, "%lu", quantum_info(1).turns);
	cr_assert_eq(quantum_info(1).notices, 1);
	cr_assert_eq(quantum_info(1).overruns, 1);
	cr_assert_not(core.cpus[0].place.kicked, "it was heard");
	guest_end(&g);
}

CORE_TEST(turns, kicks_put_off_no_end)
{
	a_turn_under(is_kicked);
	a_turn_under(is_stopped);
}

static struct guest outer;

static void main_runs(struct fake_entry *entry, unsigned step)
{
	if (step == 1)
		cr_assert_eq(actors[0].value, EXO_EV_QUANTUM);
	calls(entry, step == 0 ? EXO_NR_RUN : EXO_NR_WAIT, step == 0 ? outer.inner_own : outer.cpu,
	      step == 0 ? outer.cpu : UINT64_MAX, UINT64_MAX);
}

CORE_TEST(turns, nor_of_what_a_libos_runs)
{
	uint64_t start = fake.now_ns;

	outer = guest_make(1, 0, main_runs, is_stopped);
	bind_turn(&outer, TURN_NS, 0);
	wait_ns(1);
	cr_assert_leq(fake.now_ns - start, TURN_NS + 2 * KICK_NS);
	guest_end(&outer);
}

CORE_TEST(turns, nor_the_quantum_of_a_program)
{
	exo_cap_t context = program_make(is_kicked);
	uint64_t event, start = fake.now_ns;

	OK(exo_run(context, boot->cpu, TURN_NS, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
	cr_assert_leq(fake.now_ns - start, TURN_NS + KICK_NS);
	cr_assert_not(core.cpus[0].place.kicked, "it was heard");
}

/* What stops it just then is not what its LibOS hears of. */
static void is_stopped_at_the_end(struct fake_entry *entry, unsigned step)
{
	endless(entry, step);
	entry->trap->event = EXO_EV_PENDING;
}

CORE_TEST(turns, a_stop_at_the_end_is_the_end)
{
	exo_cap_t context = program_make(is_stopped_at_the_end);
	uint64_t event;

	OK(exo_run(context, boot->cpu, TURN_NS, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
}

/* At its turn's very end, when whom it runs has no time left. */
static void main_runs_late(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		computes(entry);
	main_runs(entry, step);
}

CORE_TEST(turns, a_turn_that_is_over_gives_none_inside_of_it)
{
	outer = guest_make(1, 0, main_runs_late, endless);
	bind_turn(&outer, TURN_NS, 0);
	wait_ns(10 * TURN_NS);
	cr_assert_eq(actors[0].step, 2, "it waits");
	cr_assert_eq(actors[1].step, 0);
	guest_end(&outer);
}

/* A program of the first LibOS's computes for so long, beside a slot that computes as well. */
static struct guest compute_beside(actor_fn *play, uint64_t ns)
{
	struct guest g = guest_make(1, 0, endless, NULL);
	exo_cap_t context = program_make(play);
	uint64_t event;

	bind_turn(&g, TURN_NS, 0);
	OK(exo_run(context, boot->cpu, ns, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
	return g;
}

CORE_TEST(turns, nor_the_turns_of_others)
{
	struct guest g = compute_beside(is_kicked, 5 * QUANTUM_FIRST_NS);

	cr_assert_geq(quantum_info(1).turns, 4);
	guest_end(&g);
}

/* ---- What a turn takes too much ---------------------------------------------- */

/* Computes till it is stopped, notice or not. */
static void takes_all(struct fake_entry *entry, unsigned step)
{
	if (step % 2 == 0 && length_count < sizeof(lengths) / sizeof(lengths[0]))
		lengths[length_count++] = entry->deadline - fake.now_ns;
	computes(entry);
}

/* The turn of 10 us takes 110: one in eleven rounds. */
CORE_TEST(turns, an_overrun_of_many_turns_comes_off_as_many)
{
	struct guest g = guest_make(1, 0, takes_all, NULL);
	exo_cap_t context = program_make(endless);

	bind_turn(&g, EXO_QUANTUM_OVERRUN_NS / 10, 0);
	compute_turns(context, 110);
	cr_assert_eq(quantum_info(1).turns, 10, "%lu", quantum_info(1).turns);
	cr_assert_eq(quantum_info(1).overruns, 10);
	guest_end(&g);
}

CORE_TEST(turns, a_small_overrun_makes_the_next_turn_shorter)
{
	struct guest g = guest_make(1, 0, takes_all, NULL);
	exo_cap_t context = program_make(endless);

	bind_turn(&g, TURN_NS, 0);
	compute_turns(context, 10);
	cr_assert_eq(quantum_info(1).turns, 10, "%lu", quantum_info(1).turns);
	for (unsigned i = 0; i < length_count; i++)
		cr_assert_lt(TURN_NS - (i ? EXO_QUANTUM_OVERRUN_NS : 0) - lengths[i], 1000, "turn %u: %lu", i, lengths[i]);
	guest_end(&g);
}

/* A call that is served when the turn is over: nobody is told of it, but it counts. */
static uint64_t late_ns;

static void calls_late(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake.now_ns = entry->deadline + late_ns;
	calls(entry, EXO_NR_NOP, 0, 0, 0);
}

static void a_late_call(uint64_t late, uint64_t every)
{
	struct guest g = guest_make(1, 0, calls_late, NULL);
	exo_cap_t context = program_make(endless);

	late_ns = late;
	bind_turn(&g, TURN_NS / 10, 0);
	compute_turns(context, (unsigned)(20 * every));
	cr_assert_eq(quantum_info(1).turns, 20, "%lu", quantum_info(1).turns);
	cr_assert_eq(quantum_info(1).notices, 0);
	guest_end(&g);
}

CORE_TEST(turns, a_call_at_the_end_comes_off_too)
{
	a_late_call(0, 1);
	a_late_call(TURN_NS / 10, 2);
	a_late_call(7 * TURN_NS / 10, 8);
}

/* It is not the slot's doing, and must not keep it off for long. */
CORE_TEST(turns, a_machine_that_stood_still_is_not_paid_for)
{
	a_late_call(1000 * QUANTUM_FIRST_NS, 1 + QUANTUM_DEBT_NS / (TURN_NS / 10));
}

CORE_TEST(turns, who_owes_goes_on_if_nobody_else_is_ready)
{
	struct guest g = guest_make(1, 0, takes_all, NULL);

	bind_turn(&g, EXO_QUANTUM_OVERRUN_NS / 10, 0);
	wait_ns(1000 * EXO_QUANTUM_OVERRUN_NS);
	cr_assert_geq(quantum_info(1).turns, 900);
	guest_end(&g);
}

/* Both take more than they have: what they get is as what they were given, one to five. */
CORE_TEST(turns, who_owe_share_as_they_were_given)
{
	struct guest small = guest_make(1, 0, takes_all, NULL), large = guest_make(2, 1, endless, NULL);
	uint64_t few, many;

	bind_turn(&small, EXO_QUANTUM_OVERRUN_NS / 10, 0);
	bind_turn(&large, EXO_QUANTUM_OVERRUN_NS / 2, 0);
	wait_ns(10000 * EXO_QUANTUM_OVERRUN_NS);
	few = quantum_info(1).turns * (EXO_QUANTUM_OVERRUN_NS / 10 + EXO_QUANTUM_OVERRUN_NS);
	many = quantum_info(2).turns * (EXO_QUANTUM_OVERRUN_NS / 2 + EXO_QUANTUM_OVERRUN_NS);
	cr_assert(few * 49 < many * 10 && many * 10 < few * 51, "%lu %lu", few, many);
	guest_end(&small);
	guest_end(&large);
}

/* Whoever is told and goes has used more by what it took to go. */
CORE_TEST(turns, who_keeps_to_its_time_owes_nothing)
{
	struct guest g = guest_make(1, 0, calls_late, NULL);
	exo_cap_t context = program_make(endless);

	late_ns = 0;
	bind_turn(&g, TURN_NS, 0);
	compute_turns(context, 20);
	cr_assert_eq(quantum_info(1).turns, 20);
	cr_assert_lt(core.cpus[0].quantum.slots[1].debt, TURN_NS / 1000, "some looks at the clock");
	guest_end(&g);
}

/* Stops only so long after the end of the first LibOS's turn, each time. */
#define LATE_NS UINT64_C(300000)

static void stops_late(struct fake_entry *entry, unsigned step)
{
	if (step < 4)
		lengths[step] = entry->deadline - fake.now_ns;
	length_count = step + 1;
	fake.now_ns = entry->deadline + (step < 2 ? LATE_NS : 0);
	entry->trap->event = EXO_EV_QUANTUM;
}

CORE_TEST(turns, what_the_first_libos_takes_comes_off_its_next_one)
{
	struct guest g = compute_beside(stops_late, 10 * QUANTUM_FIRST_NS);

	cr_assert_geq(length_count, 4);
	for (unsigned i = 1; i < 4; i++)
		cr_assert_lt(QUANTUM_FIRST_NS - (i < 3 ? LATE_NS : 0) - lengths[i], 1000, "turn %u: %lu", i, lengths[i]);
	guest_end(&g);
}

/* ---- Who has another turn, and who has none ------------------------------------ */

static exo_cap_t timer_own;

/* Its timer has gone off already when it waits. */
static void waits_for_what_is_there(struct fake_entry *entry, unsigned step)
{
	if (step == 2) {
		cr_assert_eq(actors[0].value, EXO_PEND_TIMER);
		cr_assert_eq(core.cpus[0].quantum.slots[1].turns, 1, "it is the same turn");
	}
	if (step == 0)
		calls(entry, EXO_NR_TIMER_SET, timer_own, 1, 0);
	else
		calls(entry, EXO_NR_WAIT, outer.cpu, UINT64_MAX, 0);
}

CORE_TEST(turns, what_is_there_need_not_be_waited_for)
{
	outer = guest_make(1, 0, waits_for_what_is_there, NULL);
	timer_own = give(boot->timer, outer.zone, EXO_R_WRITE);
	bind_turn(&outer, TURN_NS, 0);
	wait_ns(TURN_NS);
	cr_assert_eq(actors[0].step, 3);
	guest_end(&outer);
}

static void dies(struct fake_entry *entry, unsigned step)
{
	(void)step;
	fake_exception(entry, 6, 0);
}

CORE_TEST(turns, who_is_dead_has_none)
{
	struct guest g = guest_make(1, 0, dies, NULL);

	bind_turn(&g, TURN_NS, 0);
	cr_assert_eq(wait_ns(10 * TURN_NS), EXO_PEND_ZONE);
	cr_assert_eq(wait_ns(TURN_NS), 0);
	cr_assert_eq(quantum_info(1).turns, 1, "%lu", quantum_info(1).turns);
	guest_end(&g);
}

/* Computes till its time is over, and no timer tells the kernel that there is something to take away. */
static void computes_untold(struct fake_entry *entry, unsigned step)
{
	endless(entry, step);
	fake.timer_at = UINT64_MAX;
}

CORE_TEST(turns, a_slot_is_free_when_its_capability_is_over)
{
	struct guest g = guest_make(1, 0, computes_untold, NULL);
	exo_cap_t all = g.main;

	OK(exo_cap_derive(all, EXO_R_EXEC, 0, 0, fake.now_ns + TURN_NS / 2, &g.main));
	bind_turn(&g, TURN_NS, 0);
	wait_ns(3 * TURN_NS);
	cr_assert_eq(quantum_info(1).zone, 0);
	cr_assert_eq(actors[0].step, 1);
	g.main = all;
	bind_turn(&g, TURN_NS, 0);
	guest_end(&g);
}

CORE_TEST(turns, who_has_lost_its_page_ends)
{
	struct guest g = guest_make(1, 0, computes_untold, NULL);
	exo_frame_t page = frames_take(1);
	exo_cap_t memory;

	OK(exo_cap_derive(boot->memory, EXO_R_ALL, page, 1, fake.now_ns + TURN_NS / 2, &memory));
	memset(frame_ptr(page), 0, PAGE);
	OK(exo_ctx_create(g.zone, memory, page, &g.main));
	actor_start(page, 0, computes_untold);
	bind_turn(&g, TURN_NS, 0);
	cr_assert_eq(wait_ns(3 * TURN_NS), EXO_PEND_ZONE, "its creator is told");
	cr_assert_eq(actors[0].step, 1);
	guest_end(&g);
}

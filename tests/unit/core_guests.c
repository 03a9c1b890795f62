/* LibOSes beside the first, and whose programs they run: who is told of what, and whose time it takes. */
#include "core_env.h"
#include <core/core.h>

#define BASE    UINT64_C(0x400000)
#define TURN_NS UINT64_C(1000000)
#define LABEL   7

typedef void play_fn(struct fake_entry *entry, unsigned step);

enum { GUEST, CLIENT, SERVER, PLAIN, ACTORS };

/* A zone with one context and a page at BASE. Who is entered is told by rbx. */
static struct actor {
	exo_cap_t zone, context;
	struct exo_ctx_page *page;
	play_fn *play;
	unsigned step;
	uint64_t status, value; /* of its last call */
} actors[ACTORS];

static exo_cap_t endpoint, target;

static void stage(void *user, struct fake_entry *entry)
{
	uint64_t who = entry->regs->rbx;

	(void)user;
	cr_assert(who < ACTORS && actors[who].play);
	actors[who].status = entry->regs->rax;
	actors[who].value = entry->regs->rdx;
	actors[who].play(entry, actors[who].step++);
}

static void calls(struct fake_entry *entry, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	fake_syscall(entry, EXO_CALL_BASE | nr, a0, a1, a2, 0, 0, 0);
}

static void actor_make(unsigned who, exo_cap_t zone, play_fn *play)
{
	exo_frame_t page;

	fake.program = stage;
	actors[who] = (struct actor){ .zone = zone, .play = play };
	actors[who].context = context_make(zone, &page);
	actors[who].page = frame_ptr(page);
	actors[who].page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	actors[who].page->regs.rbx = who;
	page = frames_take(1);
	memset(frame_ptr(page), 0, PAGE);
	OK(map_under(zone, boot->memory, BASE, page, 1, EXO_PROT_READ | EXO_PROT_WRITE));
}

static void guest_make(play_fn *play)
{
	exo_cap_t zone = 0;

	OK(exo_libos_create(boot->zone, boot->memory, frames_take(64), 64, "guest", 5, &zone));
	share(zone, EXO_QUOTA_ZONES, 4);
	share(zone, EXO_QUOTA_CAPS, 400);
	actor_make(GUEST, zone, play);
}

/* A program's zone, made below the guest's. */
static exo_cap_t below_make(void)
{
	exo_cap_t zone = 0;

	OK(exo_zone_create(actors[GUEST].zone, boot->memory, frames_take(24), 24, "app", 3, &zone));
	OK(exo_zone_quota(actors[GUEST].zone, zone, EXO_QUOTA_CAPS, 64, NULL));
	return zone;
}

static struct zone *zone_of(unsigned who)
{
	return cap_at((cap_slot_t)actors[who].zone)->zone;
}

static void guest_bind(void)
{
	const struct cpu_quantum quantum = { .cycles = TURN_NS };

	OK(exo_quantum_bind(boot->cpu, 1, actors[GUEST].context, &quantum, NULL));
}

static exo_cap_t give(exo_cap_t cap, unsigned who)
{
	exo_cap_t given = 0;

	OK(exo_cap_grant(cap, actors[who].zone, EXO_R_ALL, &given));
	return given;
}

static void computes(struct fake_entry *entry, unsigned step)
{
	(void)step;
	if (fake.now_ns < entry->deadline)
		fake.now_ns = entry->deadline;
}

/* ---- The first LibOS's quantum, while others have their turns ----------------- */

static uint64_t own_ns;

static void computes_late(struct fake_entry *entry, unsigned step)
{
	uint64_t before = fake.now_ns;

	computes(entry, step);
	fake.now_ns += 1000; /* as late as the machine was */
	own_ns += fake.now_ns - before;
}

static void plain_run(uint64_t ns)
{
	uint64_t event;

	own_ns = 0;
	actors[PLAIN].step = 0;
	OK(exo_run(actors[PLAIN].context, boot->cpu, ns, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
}

CORE_TEST(guests, their_turns_are_not_taken_off_the_quantum)
{
	guest_make(computes);
	actor_make(PLAIN, zone_make(24), computes_late);
	guest_bind();
	plain_run(5 * QUANTUM_FIRST_NS);
	cr_assert(actors[GUEST].step >= 4, "they had their turns");
	cr_assert(own_ns >= 5 * QUANTUM_FIRST_NS);
	cr_assert(own_ns < 5 * QUANTUM_FIRST_NS + 20000);
}

CORE_TEST(guests, a_quantum_that_is_over_with_the_turn_is_over)
{
	guest_make(computes);
	actor_make(PLAIN, zone_make(24), computes_late);
	guest_bind();
	plain_run(core_turn_end() - fake.now_ns + 500);
	cr_assert(actors[GUEST].step >= 1);
	cr_assert_eq(fake.enters - actors[GUEST].step, 1, "it is not entered again");
}

/* ---- A guest that runs a program ------------------------------------------------ */

static exo_cap_t inner, slot_cpu;

static void runs(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_RUN, inner, slot_cpu, 100000);
	else
		calls(entry, EXO_NR_WAIT, slot_cpu, UINT64_MAX, 0);
}

static void is_kicked(struct fake_entry *entry, unsigned step)
{
	if (step > 0) {
		computes(entry, step);
		return;
	}
	core.cpus[0].place.kicked = true;
	entry->trap->event = EXO_EV_PENDING;
}

/* The kick may have been for what the guest itself runs by. */
CORE_TEST(guests, after_a_kick_its_run_comes_back)
{
	uint64_t v;

	guest_make(runs);
	actor_make(PLAIN, below_make(), is_kicked);
	inner = give(actors[PLAIN].context, GUEST);
	slot_cpu = give(derive(boot->cpu, EXO_R_ALL, 1, 1), GUEST);
	guest_bind();
	OK(exo_wait(boot->cpu, fake.now_ns + 10 * TURN_NS, &v));
	cr_assert_eq(actors[PLAIN].step, 1);
	cr_assert_eq(actors[PLAIN].page->event, EXO_EV_PENDING);
}

/* ---- A slot whose turn goes on ---------------------------------------------------- */

static exo_frame_t ops_frame;

static void rebinds(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_BATCH, BASE + PAGE, 2, 0);
	else
		computes(entry, step);
}

CORE_TEST(guests, a_slot_is_taken_till_its_turn_ends)
{
	struct exo_batch_op *ops;
	struct cpu_quantum *quantum;
	uint64_t v;

	guest_make(rebinds);
	slot_cpu = give(derive(boot->cpu, EXO_R_ALL, 1, 1), GUEST);
	ops_frame = frames_take(1);
	ops = frame_ptr(ops_frame);
	memset(ops, 0, PAGE);
	quantum = (struct cpu_quantum *)(void *)((char *)ops + 2048);
	quantum->cycles = TURN_NS;
	OK(map_under(actors[GUEST].zone, boot->memory, BASE + PAGE, ops_frame, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	inner = context_make(actors[GUEST].zone, &ops_frame);
	ops[0] = (struct exo_batch_op){ .call = EXO_NR_QUANTUM_UNBIND, .args = { slot_cpu, 1 } };
	ops[1] = (struct exo_batch_op){ .call = EXO_NR_QUANTUM_BIND, .args = { slot_cpu, 1, give(inner, GUEST), BASE + PAGE + 2048 } };
	guest_bind();
	OK(exo_wait(boot->cpu, fake.now_ns + 10 * TURN_NS, &v));
	cr_assert_eq(actors[GUEST].step, 1);
	cr_assert_eq(ops[0].status, EXO_OK);
	cr_assert_eq(ops[1].status, EXO_E_BUSY, "%u", (unsigned)ops[1].status);
}

/* ---- What cannot have a slot ------------------------------------------------------- */

static void binds_itself(struct fake_entry *entry, unsigned step)
{
	fake_syscall(entry, step == 0 ? EXO_CALL_BASE | EXO_NR_QUANTUM_BIND : 39, slot_cpu, 1, inner, BASE, 0, 0);
}

static enum exo_event run(unsigned who)
{
	uint64_t event = 0;

	OK(exo_run(actors[who].context, boot->cpu, TURN_NS, &event));
	return (enum exo_event)event;
}

static enum exo_status try_bind(void)
{
	const struct cpu_quantum quantum = { .cycles = TURN_NS };

	return exo_quantum_bind(boot->cpu, 1, actors[GUEST].context, &quantum, NULL);
}

CORE_TEST(guests, a_context_that_runs_gets_no_slot)
{
	struct cpu_quantum *quantum;

	guest_make(binds_itself);
	quantum = frame_ptr(query(actors[GUEST].zone, BASE) >> EXO_FRAME_SHIFT);
	quantum->cycles = TURN_NS;
	inner = give(actors[GUEST].context, GUEST);
	slot_cpu = give(derive(boot->cpu, EXO_R_ALL, 1, 1), GUEST);
	cr_assert_eq(run(GUEST), EXO_EV_SYSCALL);
	cr_assert_eq(actors[GUEST].status, EXO_E_BUSY, "%lu", actors[GUEST].status);
	OK(try_bind());
}

static void dies(struct fake_entry *entry, unsigned step)
{
	(void)step;
	entry->trap->event = EXO_EV_DEAD;
}

CORE_TEST(guests, a_dead_context_gets_no_slot)
{
	guest_make(dies);
	cr_assert_eq(run(GUEST), EXO_EV_DEAD);
	IS(E_DEAD, try_bind());
}

/* ---- A call between programs of two LibOSes --------------------------------------- */

static void asks(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_FASTIPC_CALL, target, BASE, 0);
	else
		fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
}

static void (*meanwhile)(void);
static bool kicked;

static void serves(struct fake_entry *entry, unsigned step)
{
	if (step == 0) {
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0, 0);
	} else if (step == 1 && meanwhile) {
		fake_cpu_become(0);
		meanwhile();
		fake_cpu_become(1);
		kicked = fake_is_kicked();
	} else {
		computes(entry, step);
	}
}

static void connect(unsigned server)
{
	OK(exo_port_create(actors[server].zone, EXO_CAP_IPC, &endpoint));
	OK(exo_port_bind(endpoint, actors[server].context, LABEL, NULL));
	OK(exo_cap_grant(endpoint, actors[CLIENT].zone, EXO_R_WRITE, &target));
	cr_assert_eq(run(server), EXO_EV_IPC);
}

static void pair(exo_cap_t client, exo_cap_t server)
{
	actor_make(CLIENT, client, asks);
	actor_make(SERVER, server, serves);
	connect(SERVER);
}

CORE_TEST(guests, a_context_that_waits_or_serves_gets_no_slot)
{
	guest_make(serves);
	actor_make(CLIENT, zone_make(24), asks);
	connect(GUEST);
	IS(E_BUSY, try_bind());
	cr_assert_eq(run(CLIENT), EXO_EV_QUANTUM);
	cr_assert_eq(actors[GUEST].step, 2, "it serves");
	IS(E_BUSY, try_bind());
}

static void untold(void)
{
	uint64_t events;

	OK(exo_event_take(boot->zone, &events));
	zone_of(GUEST)->pending = 0;
	zone_of(GUEST)->untold = false;
}

CORE_TEST(guests, each_side_of_a_call_that_ends_is_told)
{
	uint64_t events;

	guest_make(computes);
	pair(zone_make(24), below_make());
	cr_assert_eq(run(CLIENT), EXO_EV_QUANTUM);
	untold();
	OK(exo_ctx_cancel(actors[CLIENT].context, NULL));
	cr_assert_eq(zone_of(GUEST)->pending, EXO_PEND_IPC, "the server's");
	OK(exo_event_take(boot->zone, &events));
	cr_assert_eq(events, EXO_PEND_IPC, "the client's");
}

CORE_TEST(guests, and_the_other_way_round)
{
	uint64_t events;

	guest_make(computes);
	pair(below_make(), zone_make(24));
	cr_assert_eq(run(CLIENT), EXO_EV_QUANTUM);
	untold();
	OK(exo_port_unbind(endpoint, NULL));
	cr_assert_eq(zone_of(GUEST)->pending, EXO_PEND_IPC, "the client's");
	OK(exo_event_take(boot->zone, &events));
	cr_assert_eq(events, EXO_PEND_IPC, "the server's");
}

/* Neither of the two is of who runs them: telling does not stop them. */
static void unbind(void)
{
	OK(exo_port_unbind(endpoint, NULL));
}

static void take_back(void)
{
	OK(exo_ctx_cancel(actors[SERVER].context, NULL));
}

static enum exo_event on_another_cpu(const struct exo_boot *b, void (*what)(void))
{
	enum exo_event event;

	boot = b;
	next_frame = b->memory_first;
	fake_cpu_become(1);
	guest_make(computes);
	pair(below_make(), below_make());
	untold();
	meanwhile = what;
	event = run(CLIENT);
	cr_assert(kicked);
	cr_assert_eq(actors[SERVER].step, 2, "it does not go on for the client");
	fake_cpu_become(0);
	SOUND();
	return event;
}

static void is_unbound(const struct exo_boot *b)
{
	cr_assert_eq(on_another_cpu(b, unbind), EXO_EV_SYSCALL);
	cr_assert_eq(actors[CLIENT].status, EXO_E_DEAD);
}

Test(guests, a_call_that_ends_stops_on_another_cpu)
{
	fake_reset();
	fake.cpu_count = 2;
	cr_assert_eq(fake_boot(is_unbound), FAKE_RETURNED);
}

static void is_taken_back(const struct exo_boot *b)
{
	cr_assert_eq(on_another_cpu(b, take_back), EXO_EV_IPC);
}

Test(guests, a_server_that_is_taken_back_stops_on_another_cpu)
{
	fake_reset();
	fake.cpu_count = 2;
	cr_assert_eq(fake_boot(is_taken_back), FAKE_RETURNED);
}

/* ---- A LibOS that ends while it runs a program on another CPU ---------------------- */

static void its_libos_ends(struct fake_entry *entry, unsigned step)
{
	(void)entry;
	(void)step;
	fake_cpu_become(0);
	IS(E_AGAIN, exo_zone_destroy(actors[GUEST].zone, NULL));
	fake_cpu_become(1);
	cr_assert(fake_is_kicked());
	fake_cpu_become(0);
	fake_end(FAKE_RETURNED);
}

static void ends_meanwhile(const struct exo_boot *b)
{
	const struct cpu_quantum quantum = { .cycles = TURN_NS };
	uint64_t slot = EXO_QUANTUM_SLOT(1, 1);

	boot = b;
	next_frame = b->memory_first;
	guest_make(runs);
	actor_make(PLAIN, below_make(), its_libos_ends);
	inner = give(actors[PLAIN].context, GUEST);
	slot_cpu = give(derive(boot->cpu, EXO_R_ALL, slot, 1), GUEST);
	OK(exo_quantum_bind(boot->cpu, slot, actors[GUEST].context, &quantum, NULL));
	fake_cpu_become(1);
	core_cpu_start();
}

Test(guests, whom_it_runs_stops_when_a_libos_ends)
{
	fake_reset();
	fake.cpu_count = 2;
	cr_assert_eq(fake_boot(ends_meanwhile), FAKE_RETURNED);
}

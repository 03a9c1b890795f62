/* What another CPU runs, seen from the core: one thread plays both CPUs, in a fixed order. The real
 * thing, with threads, is tests/stress. */
#include "core_env.h"
#include <core/core.h>

static exo_cap_t zone, memory, context, cpu;
static exo_frame_t page;
static unsigned entries;
static void (*meanwhile)(void); /* what CPU 0 does while CPU 1 is in the context for the first time */
static bool kicked;

/* CPU_TEST(name) { body, run as the LibOS on CPU 1 } */
#define CPU_TEST(name)                                                \
	static void cpus_##name(void);                                \
	static void cpus_##name##_libos(const struct exo_boot *b)     \
	{                                                             \
		world(b);                                             \
		cpus_##name();                                        \
		fake_cpu_become(0);                                   \
		SOUND();                                              \
	}                                                             \
	Test(core_cpus, name)                                         \
	{                                                             \
		fake_reset();                                         \
		fake.cpu_count = 2;                                   \
		cr_assert_eq(fake_boot(cpus_##name##_libos), FAKE_RETURNED); \
	}                                                             \
	static void cpus_##name(void)

static exo_cap_t same(exo_cap_t cap)
{
	struct exo_cap_info info = inspect(cap);
	exo_cap_t out = 0;

	if (exo_cap_derive(cap, info.rights, 0, 0, EXO_NO_EXPIRY, &out) != EXO_OK)
		OK(exo_cap_derive(cap, info.rights, info.first, info.count, EXO_NO_EXPIRY, &out));
	return out;
}

static void program(void *user, struct fake_entry *entry)
{
	(void)user;
	if (entries++ > 0) {
		fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
		return;
	}
	fake_cpu_become(0);
	meanwhile();
	SOUND();
	fake_cpu_become(1);
	kicked = fake_is_kicked();
}

static void world(const struct exo_boot *b)
{
	boot = b;
	next_frame = b->memory_first;
	entries = 0;
	kicked = false;
	fake.program = program;
	cpu = same(boot->cpu);
	memory = same(boot->memory);
	page = frames_take(1);
	memset(frame_ptr(page), 0, PAGE);
	zone = zone_make(16);
	OK(exo_ctx_create(zone, same(memory), page, &context));
	fake_cpu_become(1);
}

static enum exo_status run(void (*other)(void), uint64_t *event)
{
	meanwhile = other;
	return exo_run(context, same(cpu), 1000000, event);
}

/* ---- Revocation ----------------------------------------------------------- */

static void take_page(void)
{
	IS(E_AGAIN, exo_cap_revoke(memory, NULL));
	IS(E_AGAIN, exo_cap_revoke(memory, NULL));
	cr_assert_eq(frame_at(page)->maps, 1, "the frame stays bound while the other CPU may write to it");
	cr_assert_eq(fake.contexts, 1);
}

CPU_TEST(page)
{
	uint64_t event;

	IS(E_AGAIN, run(take_page, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 1);
	OK(exo_cap_revoke(memory, NULL));
	cr_assert_eq(frame_at(page)->maps, 0);
	cr_assert_eq(fake.contexts, 0, "the HAL knows nothing of a context without its page");
	IS(E_DEAD, exo_run(context, cpu, 1000, &event));
}

static exo_cap_t answers_memory;
static exo_frame_t answers;

static void take_answers(void)
{
	IS(E_AGAIN, exo_cap_revoke(answers_memory, NULL));
	cr_assert_eq(frame_at(answers)->maps, 1, "the other CPU may read it");
}

CPU_TEST(answers)
{
	uint64_t event;

	answers = frames_take(1);
	answers_memory = derive(boot->memory, EXO_R_ALL, answers, 1);
	OK(exo_zone_answers(zone, same(answers_memory), answers, NULL));
	IS(E_AGAIN, run(take_answers, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 1);
	OK(exo_cap_revoke(answers_memory, NULL));
	cr_assert_eq(frame_at(answers)->maps, 0);
	IS(E_DEAD, exo_run(context, cpu, 1000, &event));
}

static void take_cpu(void)
{
	OK(exo_cap_revoke(cpu, NULL));
}

CPU_TEST(cpu_capability)
{
	uint64_t event;

	IS(E_REVOKED, run(take_cpu, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 1);
}

static void drop_context(void)
{
	OK(exo_cap_drop(context, NULL));
	cr_assert_eq(fake.contexts, 1, "it runs: it is not freed");
}

CPU_TEST(last_capability_of_context)
{
	uint64_t event;

	IS(E_REVOKED, run(drop_context, &event));
	cr_assert(kicked);
	cr_assert_eq(fake.contexts, 0);
}

static exo_cap_t part;

static void drop_part(void)
{
	OK(exo_cap_drop(part, NULL));
}

/* It lives on by its other name, but is not run by this one. */
CPU_TEST(one_of_two_capabilities_of_context)
{
	uint64_t event;

	part = same(context);
	meanwhile = drop_part;
	IS(E_REVOKED, exo_run(part, cpu, 1000000, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 1);
	cr_assert_eq(fake.contexts, 1);
}

/* Its last name goes while it runs, and it then waits: nobody could run it again. */
static void waits(void *user, struct fake_entry *entry)
{
	(void)user;
	fake_cpu_become(0);
	drop_context();
	fake_cpu_become(1);
	fake_syscall(entry, EXO_CALL_BASE | EXO_NR_FASTIPC_WAIT, 0x400000, 0, 0, 0, 0, 0);
}

CPU_TEST(last_capability_of_one_that_waits)
{
	uint64_t event;

	fake.program = waits;
	OK(map_under(zone, boot->memory, 0x400000, frames_take(1), 1, EXO_PROT_READ | EXO_PROT_WRITE));
	IS(E_DEAD, exo_run(context, cpu, 1000000, &event));
	cr_assert_eq(fake.contexts, 0);
}

/* A revocation that has only begun: what is run by is still there. */
static void revoke_much(void)
{
	for (unsigned i = 0; i < 20000; i++)
		derive(context, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(context, NULL));
}

CPU_TEST(unfinished_revocation)
{
	uint64_t event;

	part = same(context);
	meanwhile = revoke_much;
	IS(E_REVOKED, exo_run(part, cpu, 1000000, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 1);
}

static void destroy_zone(void)
{
	IS(E_AGAIN, exo_zone_destroy(zone, NULL));
	cr_assert_eq(fake.spaces, 1);
}

CPU_TEST(zone)
{
	enum exo_status status;
	uint64_t event;

	IS(E_DEAD, run(destroy_zone, &event));
	cr_assert(kicked);
	/* Some other call may have helped. */
	status = exo_zone_destroy(zone, NULL);
	cr_assert(status == EXO_OK || status == EXO_E_CAP);
	cr_assert_eq(fake.spaces, 0);
}

static void drop_zone(void)
{
	OK(exo_cap_drop(zone, NULL));
	cr_assert_eq(fake.spaces, 1);
}

/* The last one: then it ends. */
CPU_TEST(last_capability_of_zone)
{
	uint64_t event;

	IS(E_DEAD, run(drop_zone, &event));
	cr_assert(kicked);
	fake.now_ns += REAP_EVERY_NS;
	OK(exo_nop(NULL));
	cr_assert_eq(fake.spaces, 0);
}

/* ---- What does not concern it ------------------------------------------------ */

static void revoke_other(void)
{
	exo_cap_t other = same(boot->timer);

	for (int i = 0; i < 10000; i++)
		same(other);
	IS(E_AGAIN, exo_cap_revoke(other, NULL));
}

CPU_TEST(kick_for_nothing)
{
	uint64_t event;

	OK(run(revoke_other, &event));
	cr_assert(kicked);
	cr_assert_eq(entries, 2, "it went on, and its LibOS does not know");
	cr_assert_eq(event, EXO_EV_SYSCALL);
}

static void revoke_little(void)
{
	exo_cap_t other = same(boot->timer);

	same(other);
	OK(exo_cap_revoke(other, NULL));
}

CPU_TEST(no_kick_for_what_is_done)
{
	uint64_t event;

	OK(run(revoke_little, &event));
	cr_assert(!kicked);
	cr_assert_eq(entries, 1);
}

static void nothing(void)
{
}

CPU_TEST(no_kick_for_who_is_back)
{
	uint64_t event;

	OK(run(nothing, &event));
	fake_cpu_become(0);
	revoke_other();
	fake_cpu_become(1);
	cr_assert(!fake_is_kicked());
}


static void enter_too(void)
{
	uint64_t event;

	IS(E_BUSY, exo_run(context, cpu, 1000, &event));
	IS(E_BUSY, exo_ctx_save(context, NULL));
}

CPU_TEST(busy)
{
	uint64_t event;

	OK(run(enter_too, &event));
	cr_assert_eq(event, EXO_EV_QUANTUM);
}

static void raise_event(void)
{
	OK(exo_timer_set(boot->timer, 0, NULL));
}

CPU_TEST(event)
{
	uint64_t event;

	OK(run(raise_event, &event));
	cr_assert(kicked);
	cr_assert_eq(event, EXO_EV_PENDING);
	OK(exo_event_take(boot->zone, &event));
	cr_assert_eq(event, EXO_PEND_TIMER);
}

/* ---- A CPU that runs nothing but the turns of its vector -------------------- */

static exo_frame_t asked_frame;
static uint64_t asked_until;

/* Computes, and never calls the kernel. Some turns after the deadline the mapping is gone. */
static void only_computes(void *user, struct fake_entry *entry)
{
	(void)user;
	fake.now_ns = entry->deadline;
	if (fake.now_ns < asked_until + 10000000)
		return;
	cr_assert_eq(frame_at(asked_frame)->maps, 0);
	cr_assert_eq(core.ask_count, 0);
	fake_cpu_become(0);
	fake_end(FAKE_RETURNED);
}

/* A LibOS zone with a turn on that CPU, whose mapping is asked for. */
static void holder_make(uint32_t on)
{
	struct cpu_quantum quantum = { .cycles = 1000000 };
	exo_cap_t holder, main_context, top;
	exo_frame_t main_page = frames_take(1);

	fake_cpu_become(0);
	asked_frame = frames_take(1);
	asked_until = hal_time_ns() + 5000000;
	memset(frame_ptr(main_page), 0, PAGE);
	top = derive(boot->memory, EXO_R_ALL, asked_frame, 1);
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(16), 16, "holder", 6, &holder));
	OK(exo_ctx_create(holder, boot->memory, main_page, &main_context));
	OK(map_under(holder, same(top), 0x400000, asked_frame, 1, EXO_PROT_READ));
	OK(exo_quantum_bind(boot->cpu, EXO_QUANTUM_SLOT(on, 1), main_context, &quantum, NULL));
	OK(exo_revoke_ask(top, asked_until, NULL));
	fake.program = only_computes;
}

CPU_TEST(turns_alone_take_what_is_due)
{
	holder_make(1);
	fake_cpu_become(1);
	core_cpu_start();
}

static exo_cap_t slot_main;

/* A LibOS zone that could have a turn on CPU 1. */
static void libos_make(void)
{
	exo_frame_t main_page = frames_take(1);
	exo_cap_t libos;

	fake_cpu_become(0);
	memset(frame_ptr(main_page), 0, PAGE);
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(16), 16, "libos", 5, &libos));
	OK(exo_ctx_create(libos, boot->memory, main_page, &slot_main));
}

static void slot_bind(void)
{
	struct cpu_quantum quantum = { .cycles = 1000000 };

	OK(exo_quantum_bind(boot->cpu, EXO_QUANTUM_SLOT(1, 1), slot_main, &quantum, NULL));
}

CPU_TEST(an_idle_one_hears_of_a_turn)
{
	libos_make();
	core.cpus[1].place.idle = true;
	core.cpus[1].place.kicked = false;
	slot_bind();
	cr_assert(core.cpus[1].place.kicked);
	core.cpus[1].place.idle = false;
}

static void loses_its_turn(void *user, struct fake_entry *entry)
{
	(void)user;
	(void)entry;
	fake_cpu_become(0);
	OK(exo_quantum_unbind(boot->cpu, EXO_QUANTUM_SLOT(1, 1), NULL));
	fake_cpu_become(1);
	cr_assert(fake_is_kicked());
	fake_cpu_become(0);
	fake_end(FAKE_RETURNED);
}

CPU_TEST(a_turn_that_is_taken_ends)
{
	libos_make();
	slot_bind();
	fake.program = loses_its_turn;
	fake_cpu_become(1);
	core_cpu_start();
}

/* The same while the first LibOS computes, and is only interrupted. */
CPU_TEST(interrupted_turns_take_what_is_due)
{
	holder_make(0);
	for (;;) {
		fake.now_ns = core_turn_end();
		core_interrupted();
	}
}

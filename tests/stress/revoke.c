/*
 * Revocation against a program that runs on another CPU at that moment: CPU 1 runs it, CPU 0 takes away
 * what it lives from.
 */
#include <sched.h>
#include <stress/stress.h>
#include <string.h>

#define AT      UINT64_C(0x400000)
#define MARK    UINT64_C(0x5a5a5a5a5a5a5a5a)
#define QUANTUM UINT64_C(1000000000000) /* for ever, here */

static exo_cap_t zone, memory, page_memory, cpu;
static _Atomic exo_cap_t context;
static exo_frame_t data, page, fund;
static _Atomic uint32_t ready, run_status, run_event;

/* A capability below `cap`, with the same extent, if its type has one. */
static exo_cap_t same(exo_cap_t cap)
{
	struct exo_cap_info info;
	exo_cap_t name;

	OK(exo_cap_inspect(cap, &info, NULL));
	if (exo_cap_derive(cap, info.rights, 0, 0, info.expires_ns, &name) != EXO_OK)
		OK(exo_cap_derive(cap, info.rights, info.first, info.count, info.expires_ns, &name));
	return name;
}

static void world_make(void)
{
	struct exo_map_op op = { AT, data, 1, EXO_PROT_READ | EXO_PROT_WRITE };
	exo_cap_t name;
	uint64_t done;

	atomic_store(&ready, 0);
	atomic_store(&run_status, EXO_OK);
	memset(stress_frame_ptr(page), 0, EXO_FRAME_SIZE);
	memory = same(stress_boot->memory);
	page_memory = same(stress_boot->memory);
	cpu = same(stress_boot->cpu);
	OK(exo_zone_create(stress_boot->zone, stress_boot->memory, fund, 16, "busy", 4, &zone));
	OK(exo_ctx_create(zone, same(page_memory), page, &name));
	atomic_store(&context, name);
	OK(exo_mem_map(zone, same(memory), &op, 1, &done));
}

static void zone_end(void)
{
	enum exo_status status;

	while ((status = exo_zone_destroy(zone, NULL)) == EXO_E_AGAIN)
		sched_yield();
	REQUIRE(status == EXO_OK || status == EXO_E_CAP);
}

static void run(exo_cap_t by)
{
	uint64_t event = EXO_EV_NONE;
	enum exo_status status;

	do
		status = exo_run(atomic_load(&context), by, QUANTUM, &event);
	while (status == EXO_E_AGAIN || (status == EXO_OK && event == EXO_EV_PENDING));
	atomic_store(&run_event, (uint32_t)event);
	atomic_store(&run_status, status);
}

static void wait_ready(void)
{
	while (!atomic_load(&ready))
		sched_yield();
}

/* Nobody else writes the frame any more. */
static void check_mine(exo_frame_t frame)
{
	uint64_t *word = stress_frame_ptr(frame);

	memset(word, 0x5a, EXO_FRAME_SIZE);
	for (unsigned i = 0; i < 20; i++) {
		sched_yield();
		for (unsigned k = 0; k < EXO_FRAME_SIZE / 8; k++)
			REQUIRE_IS(word[k], MARK);
	}
}

/* ---- Memory -------------------------------------------------------------- */

/* Writes till it faults or is interrupted. */
static void writer(void *user, struct fake_entry *entry)
{
	uint64_t word = 0;

	(void)user;
	while (!fake_is_kicked() && fake_store(entry, AT + 8 * (word % 512), &word, sizeof(word))) {
		word++;
		atomic_store(&ready, 1);
	}
}

static void memory_body(unsigned cpu_number)
{
	if (cpu_number == 1)
		run(cpu);
	if (cpu_number != 0)
		return;
	wait_ready();
	stress_revoke(memory);
	check_mine(data);
}

void test_memory(void)
{
	data = stress_frames(1);
	page = stress_frames(1);
	fund = stress_frames(16);
	fake.program = writer;
	do {
		world_make();
		stress_run(memory_body);
		REQUIRE_IS(run_status, EXO_OK);
		REQUIRE_IS(run_event, EXO_EV_FAULT);
		zone_end();
		stress_clean();
	} while (stress_more());
	fake.program = NULL;
}

/* ---- Contexts ------------------------------------------------------------ */

/* Computes, and never calls or faults. */
static void spinner(void *user, struct fake_entry *entry)
{
	(void)user;
	(void)entry;
	atomic_store(&ready, 1);
	while (!fake_is_kicked())
		sched_yield();
}

static unsigned way;
static exo_cap_t cpu_below;

/* What CPU 1 lives from is taken away, in one of several ways. Each must bring it back. */
static void stop_body(unsigned cpu_number)
{
	if (cpu_number == 1)
		run(cpu_below);
	if (cpu_number != 0)
		return;
	wait_ready();
	REQUIRE_IS(exo_run(context, cpu, QUANTUM, NULL), EXO_E_BUSY);
	switch (way) {
	case 0:
		stress_revoke(cpu);
		break;
	case 1:
		OK(exo_cap_drop(cpu_below, NULL));
		break;
	case 2:
		OK(exo_cap_drop(context, NULL)); /* the last one: the context ends when it stops */
		break;
	case 3:
		stress_revoke(zone); /* the context's capability is below it */
		break;
	case 4:
		stress_revoke(page_memory);
		check_mine(page);
		break;
	default:
		zone_end();
		check_mine(page);
		break;
	}
}

void test_stop(void)
{
	static const uint32_t expected[] = { EXO_E_REVOKED, EXO_E_REVOKED, EXO_E_REVOKED, EXO_E_REVOKED, EXO_E_DEAD,
		                             EXO_E_REVOKED };

	data = stress_frames(1);
	page = stress_frames(1);
	fund = stress_frames(16);
	fake.program = spinner;
	for (way = 0; stress_more() || way % 6 != 0; way++) {
		unsigned which = way % 6;
		uint32_t status;

		way = which;
		world_make();
		cpu_below = same(cpu);
		stress_run(stop_body);
		status = atomic_load(&run_status);
		/* Whether exo_run() was on its way in again decides between gone and not there. */
		REQUIRE(status == expected[which] || status == EXO_E_CAP || status == EXO_E_DEAD);
		zone_end();
		stress_clean();
	}
	fake.program = NULL;
}

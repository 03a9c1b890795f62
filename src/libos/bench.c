/*
 * Option `bench`: what kernel calls cost the LibOS, one line for each, instead of running a program. Times are the
 * kernel's clock; under QEMU's -icount, where an instruction takes a nanosecond of the machine's time, they are
 * instructions.
 */
#include <exo/calls.h>
#include <libos/libos.h>

#define CALLS 256u /* of each kind in one go */
#define GOES  8u
#define PAGES 64u
#define FUND  64u /* frames */
#define AT    UINT64_C(0x400000)

static uint64_t made[CALLS];

static void must(enum exo_status status, const char *what)
{
	if (status != EXO_OK)
		libos_panic("bench: %s: status %u", what, (unsigned)status);
}

static uint64_t clock(void)
{
	uint64_t now;

	must(exo_clock_read(libos.boot->timer, EXO_CLOCK_MONOTONIC, &now), "clock_read");
	return now;
}

static uint64_t nothing(void)
{
	uint64_t start = clock();

	return clock() - start;
}

static uint64_t nop(void)
{
	uint64_t start = clock();

	for (uint32_t i = 0; i < CALLS; i++)
		must(exo_nop(NULL), "nop");
	return clock() - start;
}

static uint64_t inspect(void)
{
	struct exo_cap_info info;
	uint64_t start = clock();

	for (uint32_t i = 0; i < CALLS; i++)
		must(exo_cap_inspect(libos.boot->memory, &info, NULL), "inspect");
	return clock() - start;
}

static uint64_t derive(void)
{
	const struct exo_boot *boot = libos.boot;
	uint64_t start = clock();

	for (uint32_t i = 0; i < CALLS; i++)
		must(exo_cap_derive(boot->memory, EXO_R_READ, boot->memory_first + i % 16, 8, EXO_NO_EXPIRY, &made[i]), "derive");
	return clock() - start;
}

static uint64_t drop(void)
{
	uint64_t start = clock();

	for (uint32_t i = 0; i < CALLS; i++)
		must(exo_cap_drop(made[i], NULL), "drop");
	return clock() - start;
}

static uint64_t revoke(void)
{
	const struct exo_boot *boot = libos.boot;
	enum exo_status status;
	uint64_t parent, start;

	must(exo_cap_derive(boot->memory, EXO_R_ALL, boot->memory_first, 8, EXO_NO_EXPIRY, &parent), "derive");
	for (uint32_t i = 0; i < CALLS; i++)
		must(exo_cap_derive(parent, EXO_R_READ, boot->memory_first, 8, EXO_NO_EXPIRY, &made[i]), "derive");
	start = clock();
	do
		status = exo_cap_revoke(parent, NULL);
	while (status == EXO_E_AGAIN);
	must(status, "revoke");
	start = clock() - start;
	must(exo_cap_drop(parent, NULL), "drop");
	return start;
}

static exo_cap_t zone;
static exo_frame_t frame;

static uint64_t map(void)
{
	struct exo_map_op op = { AT, frame, 1, EXO_PROT_READ | EXO_PROT_WRITE };
	uint64_t start = clock(), spent;

	for (uint32_t i = 0; i < PAGES; i++) {
		op.vaddr = AT + ((uint64_t)i << EXO_FRAME_SHIFT);
		must(exo_mem_map(zone, libos.boot->memory, &op, 1, NULL), "map");
	}
	spent = clock() - start;
	op = (struct exo_map_op){ AT, 0, PAGES, 0 };
	must(exo_mem_map(zone, libos.boot->memory, &op, 1, NULL), "unmap");
	return spent;
}

/* The least of several goes: nothing makes one shorter than it is. */
static uint64_t least(uint64_t (*run)(void), uint64_t (*after)(void))
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < GOES; i++) {
		uint64_t spent = run();

		if (spent < best)
			best = spent;
		if (after)
			after();
	}
	return best;
}

static uint64_t overhead;

static void row(const char *name, uint64_t spent, uint32_t count)
{
	uint64_t each = (spent > overhead ? spent - overhead : 0) * 10 / count;

	libos_log("bench %s %lu.%lu", name, (unsigned long)(each / 10), (unsigned long)(each % 10));
}

void libos_bench(void)
{
	static const char name[] = "bench";
	enum exo_status status;
	exo_frame_t fund = frames_alloc_run(FUND, false);

	frame = frames_alloc(0, false);
	if (fund == FRAME_NONE || frame == FRAME_NONE)
		libos_panic("bench: no memory");
	must(exo_zone_create(libos.boot->zone, libos.boot->memory, fund, FUND, name, sizeof(name) - 1, &zone), "zone");
	overhead = least(nothing, NULL);
	row("nop", least(nop, NULL), CALLS);
	row("inspect", least(inspect, NULL), CALLS);
	row("derive", least(derive, drop), CALLS);
	derive();
	row("drop", least(drop, derive), CALLS);
	drop();
	row("revoke-256", least(revoke, NULL), 1);
	row("map-page", least(map, NULL), PAGES);
	do
		status = exo_zone_destroy(zone, NULL);
	while (status == EXO_E_AGAIN);
	must(status == EXO_E_CAP ? EXO_OK : status, "zone_destroy"); /* the rest may be cleared away before our call is looked at */
	libos_halt(0);
}

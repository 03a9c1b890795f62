/*
 * bench_core: what the kernel's own work costs, in cycles of the processor's time-stamp counter. The core's objects are those
 * of the simulator, unchanged; the machine below it (machine.c) does as little as it can.
 *
 *   bench_core [--json] [--portable] [--samples N] [--patience S] [ROW...]
 *
 * A sample times a run of operations, takes off what the same loop costs with an empty body, and divides; a row is the
 * median of many samples, with the least one beside it. Everything is warm in the caches. A row whose samples were all
 * disturbed by other work on the same core is marked "busy". --portable: hashing without the
 * processor's SHA extensions.
 */
#include "bench.h"

#include <core/audit.h>
#include <core/call.h>
#include <core/core.h>
#include <core/state.h>
#include <exo/calls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 10001
#define RUN         64   /* operations in a sample */
#define BATCH       64
#define CHECKS      1024 /* the same for what takes few cycles */
#define MAP_BASE    UINT64_C(0x400000)

static struct {
	uint32_t samples;
	double patience; /* seconds that a row may wait for a quiet core */
	bool json, portable;
	char **names;
} opt = { .samples = 501, .patience = 1 };

static struct {
	const struct exo_boot *boot;
	double values[SAMPLES_MAX];
	bool first, disturbed;
	int missed;
} bench = { .first = true };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_core: %s\n", what);
	exit(1);
}

static void must(enum exo_status status, const char *what)
{
	if (status != EXO_OK) {
		fprintf(stderr, "bench_core: %s: status %d\n", what, (int)status);
		exit(1);
	}
}

/* ---- Measuring ------------------------------------------------------------------- */

/* Nothing before it is still under way, nothing after it has begun. */
static uint64_t fence(void)
{
	uint64_t now;

	__asm__ volatile("lfence" : : : "memory");
	now = bench_cycles();
	__asm__ volatile("lfence" : : : "memory");
	return now;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct cost {
	double median, least;
};

static struct cost cost_of(double *values, uint32_t count)
{
	qsort(values, count, sizeof(values[0]), compare);
	return (struct cost){ values[count / 2], values[0] };
}

/* ---- Is the core ours? ------------------------------------------------------------- */

/*
 * Two hardware threads of one core share its execution units, and in a virtual machine nobody says whether two
 * processors are such a pair. A sample counts only if work that keeps all units busy took, before and after it,
 * what it takes alone.
 */
#define PROBE_SLACK 1.12

static double probe_best = 1e18;

static bool probe(void)
{
	uint64_t a = 0, b = 0, c = 0, d = 0, start = fence();
	double spent;

	for (uint32_t i = 0; i < 500; i++)
		__asm__ volatile("add $1, %0; add $1, %1; add $1, %2; add $1, %3;"
		                 "add $1, %0; add $1, %1; add $1, %2; add $1, %3" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	spent = (double)(fence() - start);
	if (spent < probe_best)
		probe_best = spent;
	return spent <= probe_best * PROBE_SLACK;
}

/* A function that does something n times and tells the cycles which that took, without its preparations. */
typedef uint64_t run_fn(uint32_t n);

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Fills bench.values with undisturbed samples, if they come within the time; returns how many it got. */
static uint32_t sample(run_fn *run, uint32_t n)
{
	double end = seconds() + opt.patience;
	uint32_t count = 0;

	for (bool cold = true; count < opt.samples;) {
		bool before;
		double spent;

		if (cold)
			run(n);
		before = probe();
		spent = (double)run(n);
		cold = false;

		if (before && probe())
			bench.values[count++] = spent;
		else if (seconds() > end)
			break;
		else
			cold = nanosleep(&(struct timespec){ 0, 200000 }, NULL) == 0;
	}
	if (count * 10 >= opt.samples)
		return count;
	bench.disturbed = true;
	for (count = 0; count < opt.samples; count++)
		bench.values[count] = (double)run(n);
	return count;
}

static struct cost measure(run_fn *run, run_fn *empty, uint32_t n)
{
	struct cost overhead = { 0, 0 }, cost;

	bench.disturbed = false;
	if (empty) {
		uint32_t count = sample(empty, n);

		overhead = cost_of(bench.values, count);
	}
	cost = cost_of(bench.values, sample(run, n));
	cost.median = (cost.median - overhead.median) / n;
	cost.least = (cost.least - overhead.median) / n;
	return cost;
}

static bool wanted(const char *name)
{
	if (!*opt.names)
		return true;
	for (char **at = opt.names; *at; at++)
		if (strcmp(*at, name) == 0)
			return true;
	return false;
}

/* target: 0: none */
static void report(const char *name, struct cost cost, double target, const char *text)
{
	const char *verdict = target == 0 ? "" : cost.median <= target ? "ok" : "MISS";
	const char *busy = bench.disturbed ? "(busy) " : "";

	if (opt.json) {
		printf("%s\n{\"row\":\"%s\",\"median_cycles\":%.1f,\"min_cycles\":%.1f,\"target_cycles\":", bench.first ? "[" : ",",
		       name, cost.median, cost.least);
		printf(target == 0 ? "null" : "%.0f", target);
		printf(",\"busy\":%s}", bench.disturbed ? "true" : "false");
	} else {
		char bound[24] = "";

		if (target != 0)
			snprintf(bound, sizeof(bound), "<= %.0f", target);
		printf("%-22s %10.1f %10.1f  %-8s %-5s %s%s\n", name, cost.median, cost.least, bound, verdict, busy, text);
	}
	bench.first = false;
	bench.missed += target != 0 && cost.median > target;
}

/* A loop whose body the compiler can neither drop nor do at once. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x) : : "memory")

static uint64_t empty_run(uint32_t n)
{
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		OPAQUE(i);
	return fence() - start;
}

/* ---- Look-up ------------------------------------------------------------------------ */

static uint64_t checked_run(uint32_t n)
{
	struct cap *cap;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++) {
		OPAQUE(i);
		if (cap_lookup(core.libos, bench.boot->memory, EXO_CAP_MEMORY, EXO_R_READ, &cap) != EXO_OK)
			die("look-up");
	}
	return fence() - start;
}

static exo_cap_t *validated_entry(void)
{
	return &cpu_this()->validated[(cap_slot_t)bench.boot->memory % CAP_VALIDATED];
}

static uint64_t unchecked_run(uint32_t n)
{
	exo_cap_t *entry = validated_entry();
	struct cap *cap;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++) {
		*entry = EXO_CAP_NONE;
		OPAQUE(i);
		if (cap_lookup(core.libos, bench.boot->memory, EXO_CAP_MEMORY, EXO_R_READ, &cap) != EXO_OK)
			die("look-up");
	}
	return fence() - start;
}

static uint64_t unchecked_empty(uint32_t n)
{
	exo_cap_t *entry = validated_entry(), old = *entry;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++) {
		*entry = EXO_CAP_NONE;
		OPAQUE(i);
	}
	start = fence() - start;
	*entry = old;
	return start;
}

/* ---- Derive, drop, revoke -------------------------------------------------------------- */

static exo_cap_t made[4096], parent;

static void family_make(uint32_t n, bool chain)
{
	const struct exo_boot *boot = bench.boot;

	must(exo_cap_derive(boot->memory, EXO_R_ALL, boot->memory_first, 64, EXO_NO_EXPIRY, &parent), "derive");
	for (uint32_t i = 0; i < n; i++)
		must(exo_cap_derive(chain && i > 0 ? made[i - 1] : parent, EXO_R_ALL, boot->memory_first, 64, EXO_NO_EXPIRY,
		                    &made[i]), "derive");
}

/* In as many calls as it takes. */
static void revoke_all(void)
{
	enum exo_status status;

	do
		status = exo_cap_revoke(parent, NULL);
	while (status == EXO_E_AGAIN);
	must(status, "revoke");
}

static void family_end(void)
{
	revoke_all();
	must(exo_cap_drop(parent, NULL), "drop");
}

static uint64_t derive_run(uint32_t n)
{
	uint64_t first = bench.boot->memory_first, spent;
	enum exo_status status = EXO_OK;

	family_make(0, false);
	spent = fence();
	for (uint32_t i = 0; i < n; i++)
		status |= exo_cap_derive(parent, EXO_R_READ | EXO_R_WRITE, first + i % 32, 16, EXO_NO_EXPIRY, &made[i]);
	spent = fence() - spent;
	must(status, "derive");
	family_end();
	return spent;
}

static uint64_t drop_run(uint32_t n)
{
	enum exo_status status = EXO_OK;
	uint64_t spent;

	family_make(n, false);
	spent = fence();
	for (uint32_t i = 0; i < n; i++)
		status |= exo_cap_drop(made[i], NULL);
	spent = fence() - spent;
	must(status, "drop");
	family_end();
	return spent;
}

static uint64_t revoke(uint32_t n, bool chain)
{
	uint64_t spent;

	family_make(n, chain);
	spent = fence();
	revoke_all();
	spent = fence() - spent;
	for (uint32_t i = 0; i < n; i++)
		if (exo_cap_inspect(made[i], NULL, NULL) != EXO_E_CAP)
			die("revoke: not all went");
	family_end();
	return spent;
}

static uint64_t revoke_flat(uint32_t n) { return revoke(n, false); }
static uint64_t revoke_chain(uint32_t n) { return revoke(n, true); }

/* Least squares over several sizes: cycles = base + each * n. Relative errors count alike, whatever the size. */
static void revoke_rows(const char *name, run_fn *run, const uint32_t *sizes, uint32_t count)
{
	double w = 0, wx = 0, wy = 0, xy = 0, each, base;
	bool disturbed = false;
	char row[64];

	if (!wanted(name))
		return;
	for (uint32_t i = 0; i < count; i++) {
		double n = sizes[i], y = measure(run, NULL, sizes[i]).median * n;

		disturbed |= bench.disturbed;
		w += 1 / (n * n);
		wx += 1 / n;
		wy += y / (n * n);
		xy += y / n;
	}
	bench.disturbed = disturbed;
	each = (w * xy - wx * wy) / (w * count - wx * wx);
	base = (wy - each * wx) / w;
	snprintf(row, sizeof(row), "%s-base", name);
	report(row, (struct cost){ base, base }, 500, "revoke, the whole call, whatever the number of descendants (fit)");
	snprintf(row, sizeof(row), "%s-each", name);
	report(row, (struct cost){ each, each }, 150, "the same, for each descendant (fit)");
}

/* ---- Other calls ---------------------------------------------------------------------------- */

static uint64_t nop_run(uint32_t n)
{
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		if (exo_nop(NULL) != EXO_OK)
			die("nop");
	return fence() - start;
}

/* One entry among many: a batch, less what a batch of one costs, by the entries that it has more. */
static struct exo_batch_op batch[BATCH];

static uint64_t batch_of(uint32_t entries, uint32_t n)
{
	enum exo_status status;
	uint64_t done, start;

	for (uint32_t i = 0; i < entries; i++)
		batch[i] = (struct exo_batch_op){ .call = EXO_NR_NOP };
	start = fence();
	for (uint32_t i = 0; i < n; i++) {
		/* E_AGAIN: others had the processor for so long that the batch's time was over. */
		status = exo_batch(batch, entries, &done);
		must(status == EXO_E_AGAIN ? EXO_OK : status, "batch");
	}
	return fence() - start;
}

static uint64_t batch_run(uint32_t n)
{
	return batch_of(BATCH, n) / (BATCH - 1);
}

static uint64_t batch_empty(uint32_t n)
{
	return batch_of(1, n) / (BATCH - 1);
}

static uint64_t inspect_run(uint32_t n)
{
	struct exo_cap_info info;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		if (exo_cap_inspect(bench.boot->memory, &info, NULL) != EXO_OK)
			die("inspect");
	return fence() - start;
}

static uint64_t refused_run(uint32_t n)
{
	struct exo_cap_info info;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		if (exo_cap_inspect(EXO_CAP_NONE, &info, NULL) != EXO_E_CAP)
			die("inspect of nothing");
	return fence() - start;
}

static uint64_t audit_run(uint32_t n)
{
	struct audit *audit = &cpu_this()->audit;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		audit_add(audit, EXO_AUDIT_CALL, 1, EXO_NR_NOP, bench.boot->memory, EXO_OK, i);
	return fence() - start;
}

static uint64_t clock_run(uint32_t n)
{
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		(void)hal_time_ns();
	return fence() - start;
}

static uint64_t tag_run(uint32_t n)
{
	const struct cap *cap = cap_find(bench.boot->memory);
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		if (cap_tag_check(cap) != EXO_OK)
			die("tag");
	return fence() - start;
}

static struct exo_seal sealed;

static uint64_t seal_run(uint32_t n)
{
	enum exo_status status = EXO_OK;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++)
		status |= exo_cap_seal(bench.boot->memory, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &sealed, NULL);
	start = fence() - start;
	must(status, "seal");
	return start;
}

static uint64_t unseal_run(uint32_t n)
{
	enum exo_status status = EXO_OK;
	uint64_t spent;

	seal_run(1);
	spent = fence();
	for (uint32_t i = 0; i < n; i++)
		status |= exo_cap_unseal(sealed.bytes, sizeof(sealed.bytes), EXO_R_READ, &made[i]);
	spent = fence() - spent;
	must(status, "unseal");
	for (uint32_t i = 0; i < n; i++)
		must(exo_cap_drop(made[i], NULL), "drop");
	return spent;
}

static exo_cap_t app;

static void app_make(void)
{
	if (app)
		return;
	must(exo_zone_create(bench.boot->zone, bench.boot->memory, bench.boot->memory_first + 1024, 16, "app", 3, &app), "zone");
	must(exo_zone_quota(bench.boot->zone, app, EXO_QUOTA_CAPS, 4096, NULL), "slots");
}

static uint64_t grant_run(uint32_t n)
{
	enum exo_status status = EXO_OK;
	uint64_t spent;

	app_make();
	family_make(0, false);
	spent = fence();
	for (uint32_t i = 0; i < n; i++)
		status |= exo_cap_grant(parent, app, EXO_R_READ, &made[i]);
	spent = fence() - spent;
	must(status, "grant");
	family_end();
	return spent;
}

/* Pages that were not mapped, one after the other, as a program faults them in. */
static uint64_t map_run(uint32_t n)
{
	exo_frame_t first = bench.boot->memory_first;
	struct exo_map_op op = { MAP_BASE, 0, n, 0 };
	enum exo_status status = EXO_OK;
	uint64_t spent, done;

	app_make();
	spent = fence();
	for (uint32_t i = 0; i < n; i++) {
		op = (struct exo_map_op){ MAP_BASE + ((uint64_t)i << EXO_FRAME_SHIFT), first + i, 1,
		                          EXO_PROT_READ | EXO_PROT_WRITE };
		status |= exo_mem_map(app, bench.boot->memory, &op, 1, &done);
	}
	spent = fence() - spent;
	must(status, "map");
	op = (struct exo_map_op){ MAP_BASE, 0, n, 0 };
	must(exo_mem_map(app, bench.boot->memory, &op, 1, &done), "unmap");
	return spent;
}

static uint64_t map_empty(uint32_t n)
{
	exo_frame_t first = bench.boot->memory_first;
	struct exo_map_op op, *at = &op;
	uint64_t start = fence();

	for (uint32_t i = 0; i < n; i++) {
		op = (struct exo_map_op){ MAP_BASE + ((uint64_t)i << EXO_FRAME_SHIFT), first + i, 1,
		                          EXO_PROT_READ | EXO_PROT_WRITE };
		OPAQUE(at);
	}
	return fence() - start;
}

/* There and back, with both transitions: what the machine does in between is not in it. */
static uint64_t run_run(uint32_t n)
{
	static exo_cap_t context;
	enum exo_status status = EXO_OK;
	uint64_t spent, event = 0;

	app_make();
	if (!context)
		must(exo_ctx_create(app, bench.boot->memory, bench.boot->memory_first + 1040, &context), "context");
	spent = fence();
	for (uint32_t i = 0; i < n; i++)
		status |= exo_run(context, bench.boot->cpu, 10000000, &event);
	spent = fence() - spent;
	must(status, "run");
	if (event != EXO_EV_SYSCALL)
		die("run: another event");
	return spent;
}

/* ---- The table --------------------------------------------------------------------------------- */

static const struct row {
	const char *name;
	run_fn *run, *empty;
	uint32_t n;
	double target;
	const char *text;
} rows[] = {
	{ "check-cached", checked_run, empty_run, CHECKS, 20, "look-up of a capability this CPU has validated" },
	{ "check-uncached", unchecked_run, unchecked_empty, RUN, 1500, "the first one, with its tag" },
	{ "tag", tag_run, empty_run, RUN, 0, "of that, the tag alone" },
	{ "derive", derive_run, empty_run, RUN, 400, "the whole call" },
	{ "drop", drop_run, empty_run, RUN, 300, "the whole call" },
	{ "grant", grant_run, empty_run, RUN, 0, "the whole call" },
	{ "seal", seal_run, empty_run, RUN, 0, "the whole call" },
	{ "unseal", unseal_run, empty_run, RUN, 0, "the whole call" },
	{ "audit", audit_run, empty_run, CHECKS, 40, "one record" },
	{ "clock", clock_run, empty_run, CHECKS, 0, "hal_time_ns(), which each record of a call needs" },
	{ "map-page", map_run, map_empty, RUN, 200, "mem_map of one page, the whole call, a mapping being one store" },
	{ "run", run_run, empty_run, RUN, 0, "exo_run and back with a system call, the whole call, less the machine's part" },
	{ "nop", nop_run, empty_run, CHECKS, 0, "the whole call" },
	{ "batch-entry", batch_run, batch_empty, RUN, 25, "one of 64 no-ops in a batch, beyond the entry" },
	{ "inspect", inspect_run, empty_run, CHECKS, 0, "the whole call" },
	{ "refused", refused_run, empty_run, CHECKS, 0, "the whole call, with no capability" },
};

static void libos(const struct exo_boot *boot)
{
	static const uint32_t flat[] = { 1, 4, 16, 64, 256, 1024 }, chain[] = { 1, 4, 16, 60 };

	bench.boot = boot;
	if (!opt.json)
		printf("%-22s %10s %10s  %-8s %-5s hashing: %s\n", "row", "median", "least", "target", "",
		       bench_has_sha() ? "SHA extensions" : "portable C");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wanted(rows[i].name))
			report(rows[i].name, measure(rows[i].run, rows[i].empty, rows[i].n), rows[i].target, rows[i].text);
	revoke_rows("revoke", revoke_flat, flat, sizeof(flat) / sizeof(flat[0]));
	revoke_rows("revoke-chain", revoke_chain, chain, sizeof(chain) / sizeof(chain[0]));
	if (opt.json)
		printf("%s\n]\n", bench.first ? "[" : "");
	else
		printf("%d missed\n", bench.missed);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			opt.json = true;
		else if (strcmp(argv[i], "--portable") == 0)
			opt.portable = true;
		else if (strcmp(argv[i], "--samples") == 0 && i + 1 < argc)
			opt.samples = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--patience") == 0 && i + 1 < argc)
			opt.patience = strtod(argv[++i], NULL);
		else
			opt.samples = 0;
	}
	if (opt.samples < 1 || opt.samples > SAMPLES_MAX) {
		fprintf(stderr, "usage: bench_core [--json] [--portable] [--samples N] [--patience S] [ROW...]\n");
		return 2;
	}
	opt.names = argv + i;
	bench_boot(bench_cycles_per_ms(), !opt.portable, libos);
}

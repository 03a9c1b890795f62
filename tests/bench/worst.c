/*
 * bench_worst: the longest that each kernel call keeps the core's lock, with the largest states that the limits allow.
 *
 *   bench_worst [--portable] [--repeat N] [--limit US] [CALL...]
 *
 * Each row builds its state N times (5) and makes the same calls. What is taken is the thread's CPU time of each call, or of
 * each part of one between two places where the core gives its lock up; and of each the least of the N, since other work on the
 * machine only adds to it. A row shows the longest of these. Before a row's calls the caches are filled with something else.
 * Some 3 us of each are the clock's. Exit status 1: a row is above the limit (100 us; 0: none).
 */
#include "worst.h"

#include <setjmp.h>
#include <stdio.h>
#include <time.h>

#define STRETCHES_MAX 400000u
#define REPEAT_MAX    100u
#define CACHES        (32u << 20)

static struct {
	uint32_t repeat;
	double limit;
	bool portable;
	char **names;
} opt = { .repeat = 5, .limit = 100 };

static struct {
	bool on;
	uint64_t from;              /* 0: none has begun */
	uint32_t count;
	double times[STRETCHES_MAX];
} m;

/* Of one row */
static struct {
	uint32_t count;
	bool same;                  /* each time as many stretches: so the n-th is always the same */
	double least[STRETCHES_MAX], longest;
} row;

static const struct worst_case *current;
static jmp_buf done;

static uint64_t spent_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void stretch_begin(void)
{
	m.from = m.on ? spent_ns() : 0;
}

void stretch_end(void)
{
	if (m.from != 0 && m.count < STRETCHES_MAX)
		m.times[m.count++] = (double)(spent_ns() - m.from) / 1000;
	m.from = 0;
}

static void caches_spoil(void)
{
	static volatile uint8_t other[CACHES];

	for (uint32_t i = 0; i < CACHES; i += 64)
		other[i]++;
}

void measure(bool on)
{
	if (on)
		caches_spoil();
	m.on = on;
	m.from = 0;
}

static void libos(const struct exo_boot *boot)
{
	worst_boot = boot;
	worst_frame = boot->memory_first;
	current->run();
	longjmp(done, 1);
}

static void once(const struct worst_case *c, uint64_t rate)
{
	current = c;
	memset(&core, 0, sizeof(core));
	memset(&bench_machine, 0, sizeof(bench_machine));
	bench_machine.timer_at = UINT64_MAX;
	m.count = 0;
	measure(false);
	if (setjmp(done) == 0)
		bench_boot(rate, !opt.portable, libos);
}

static double longest(const double *times, uint32_t count)
{
	double most = 0;

	for (uint32_t i = 0; i < count; i++)
		most = times[i] > most ? times[i] : most;
	return most;
}

static double take(const struct worst_case *c, uint64_t rate)
{
	row.same = true;
	row.longest = 1e18;
	for (uint32_t n = 0; n < opt.repeat; n++) {
		double most;

		once(c, rate);
		most = longest(m.times, m.count);
		row.longest = most < row.longest ? most : row.longest;
		if (n == 0)
			row.count = m.count;
		row.same = row.same && row.count == m.count;
		for (uint32_t i = 0; i < m.count && row.same; i++)
			row.least[i] = n == 0 || m.times[i] < row.least[i] ? m.times[i] : row.least[i];
	}
	return row.same ? longest(row.least, row.count) : row.longest;
}

static bool wanted(const char *name)
{
	for (char **at = opt.names; *at; at++)
		if (strcmp(*at, name) == 0)
			return true;
	return !*opt.names;
}

static unsigned rows_print(const struct worst_case *c, uint64_t rate)
{
	unsigned missed = 0;

	for (; c->call; c++) {
		double us;

		if (!wanted(c->call))
			continue;
		us = take(c, rate);
		missed += opt.limit > 0 && us > opt.limit;
		printf("| %s | %s | %u | %.1f |%s\n", c->call, c->state, row.count, us,
		       opt.limit > 0 && us > opt.limit ? " MISS" : "");
		fflush(stdout);
	}
	return missed;
}

int main(int argc, char **argv)
{
	uint64_t rate;
	unsigned missed;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--portable") == 0)
			opt.portable = true;
		else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
			opt.repeat = (uint32_t)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc)
			opt.limit = strtod(argv[++i], NULL);
		else
			opt.repeat = 0;
	}
	if (opt.repeat < 1 || opt.repeat > REPEAT_MAX) {
		fprintf(stderr, "usage: bench_worst [--portable] [--repeat N] [--limit US] [CALL...]\n");
		return 2;
	}
	opt.names = argv + i;
	rate = bench_cycles_per_ms();
	printf("| call | state | calls | longest, us |\n|---|---|---|---|\n");
	missed = rows_print(worst_cases, rate) + rows_print(worst_maps, rate);
	printf("%u above the limit\n", missed);
	return missed > 0;
}

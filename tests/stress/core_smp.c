/*
 * Stress tests of the core with several CPUs: rounds, threads, time.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stress/stress.h>
#include <time.h>

#define SECONDS_DEFAULT 6 /* for all tests together */

const struct exo_boot *stress_boot;
unsigned stress_cpus = 4;

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "lookup", test_lookup },
	{ "no_later_use", test_no_later_use },
	{ "limits", test_limits },
	{ "memory", test_memory },
	{ "stop", test_stop },
	{ "chaos", test_chaos },
};
#define TEST_COUNT (sizeof(tests) / sizeof(tests[0]))

static uint64_t seed = 1, next_frame, rounds, seconds = SECONDS_DEFAULT;
static double until;
static struct exo_stats at_rest;
static _Thread_local uint64_t random_state;
static const char *running = "boot";

void stress_fail(const char *file, int line, const char *what, uint64_t value)
{
	fprintf(stderr, "stress: %s: %s:%d: not true: %s (%" PRIu64 "), cpu %u, seed %" PRIu64 ", round %" PRIu64 "\n",
	        running, file, line, what, value, hal_cpu_id(), seed, rounds);
	_Exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

bool stress_more(void)
{
	const char *broken = core_check();

	if (broken)
		stress_fail(__FILE__, __LINE__, broken, 0);
	rounds++;
	return now() < until;
}

/* xorshift64* (Vigna 2016) */
uint64_t stress_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t stress_below(uint64_t limit)
{
	return (stress_random() >> 11) % limit;
}

exo_frame_t stress_frames(uint64_t count)
{
	exo_frame_t first = next_frame;

	next_frame += count;
	REQUIRE(next_frame <= stress_boot->memory_first + stress_boot->memory_count);
	return first;
}

void *stress_frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(stress_boot->window + (frame << EXO_FRAME_SHIFT));
}

/* ---- Threads ------------------------------------------------------------ */

static void (*body_now)(unsigned cpu);
static pthread_barrier_t start;

static void cpu_begin(unsigned cpu)
{
	fake_cpu_become(cpu);
	random_state = (seed * 1000003 + rounds * 16 + cpu + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	pthread_barrier_wait(&start);
	body_now(cpu);
}

static void *thread(void *cpu)
{
	cpu_begin((unsigned)(uintptr_t)cpu);
	return NULL;
}

void stress_run(void (*body)(unsigned cpu))
{
	pthread_t threads[FAKE_CPUS_MAX];

	body_now = body;
	pthread_barrier_init(&start, NULL, stress_cpus);
	for (unsigned i = 1; i < stress_cpus; i++)
		REQUIRE(pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)i) == 0);
	cpu_begin(0);
	for (unsigned i = 1; i < stress_cpus; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

/* ---- Between rounds ----------------------------------------------------- */

void stress_revoke(exo_cap_t cap)
{
	enum exo_status status;

	while ((status = exo_cap_revoke(cap, NULL)) == EXO_E_AGAIN)
		;
	OK(status);
}

void stress_clean(void)
{
	const exo_cap_t all[] = { stress_boot->memory, stress_boot->zone, stress_boot->timer, stress_boot->cpu,
		                  stress_boot->audit, stress_boot->entropy };
	struct exo_stats stats;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		stress_revoke(all[i]);
	/* A call of the slow kind helps with what is left. */
	while (reap_is_needed())
		OK(exo_stats_read(stress_boot->audit, &stats, NULL));
	OK(exo_stats_read(stress_boot->audit, &stats, NULL));
	REQUIRE_IS(stats.zones, at_rest.zones);
	REQUIRE_IS(stats.contexts, at_rest.contexts);
	REQUIRE_IS(stats.caps_used, at_rest.caps_used);
	REQUIRE_IS(stats.frames_funded, at_rest.frames_funded);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static const char *only;

static void libos(const struct exo_boot *boot)
{
	unsigned count = 0;

	stress_boot = boot;
	next_frame = boot->memory_first;
	OK(exo_stats_read(boot->audit, &at_rest, NULL));
	for (unsigned i = 0; i < TEST_COUNT; i++)
		count += !only || strcmp(only, tests[i].name) == 0;
	REQUIRE(count > 0);
	for (unsigned i = 0; i < TEST_COUNT; i++) {
		exo_frame_t frame = next_frame;

		if (only && strcmp(only, tests[i].name) != 0)
			continue;
		running = tests[i].name;
		rounds = 0;
		until = now() + (double)seconds / count;
		tests[i].run();
		stress_clean();
		printf("stress %s: ok, %" PRIu64 " rounds on %u CPUs\n", running, rounds, stress_cpus);
		next_frame = frame;
	}
}

int main(int argc, char **argv)
{
	only = argc > 1 ? argv[1] : NULL;
	seconds = number("STRESS_SECONDS", SECONDS_DEFAULT);
	seed = number("STRESS_SEED", 1);
	stress_cpus = (unsigned)number("STRESS_CPUS", 4);
	if (stress_cpus < 2 || stress_cpus > FAKE_CPUS_MAX) {
		fprintf(stderr, "stress: STRESS_CPUS is 2 to %d\n", FAKE_CPUS_MAX);
		return 2;
	}
	fake_reset();
	fake.frame_count = FAKE_FRAMES_MAX;
	fake.cpu_count = stress_cpus;
	return fake_boot(libos) == FAKE_RETURNED ? 0 : 1;
}

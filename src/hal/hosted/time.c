/*
 * Time: the cycle counter, tied to the host's monotonic clock again every
 * REBASE_NS, because reading the counter is several times cheaper than the clock.
 */
#include "hosted.h"

#include <sys/random.h>
#include <time.h>

#define REBASE_CYCLES_PER_MS 50 /* ms between readings of the host's clock */
#define MEASURE_NS 200000       /* so long the counter is measured at the start, at least */

/* Each CPU's own, so that none waits for another; they agree at every reading of the host's clock. */
static _Thread_local struct {
	uint64_t ns, cycles; /* the last reading */
	uint64_t factor;     /* ns per cycle, 32.32 */
	uint64_t due;        /* cycles since the last reading, at most */
	uint64_t timer;      /* hal_timer_arm(), ns; UINT64_MAX: off */
} clock_state = {.timer = UINT64_MAX};
static uint64_t origin;       /* host's clock when hal_time_ns() was 0 */
static uint64_t first_cycles; /* the counter at about that time */
static uint64_t first_factor; /* of host_time_start() */

static uint64_t host_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Counter and clock at one moment: of a few readings the one that took the fewest cycles, since the host may stop this
 * process between the two. Returns the clock. */
static uint64_t reading(uint64_t *cycles)
{
	uint64_t shortest = UINT64_MAX, best = 0;

	*cycles = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t before = cycles_now(), ns = host_ns(CLOCK_MONOTONIC), took = cycles_now() - before;

		if (took >= shortest)
			continue;
		shortest = took;
		*cycles = before;
		best = ns;
	}
	return best;
}

void host_time_begin(void)
{
	origin = reading(&first_cycles) - 1;
}

void host_time_start(void)
{
	uint64_t cycles, ns;

	do
		ns = reading(&cycles) - origin;
	while (ns < MEASURE_NS);
	cycles -= first_cycles;
	host_machine.boot.cycles_per_ms = cycles * 1000000 / ns;
	first_factor = (ns << 32) / cycles;
	host_time_cpu_start();
}

void host_time_cpu_start(void)
{
	clock_state.factor = first_factor;
	clock_state.due = 0;
}

static uint64_t rebase(uint64_t cycles, uint64_t estimate)
{
	uint64_t ns = host_ns(CLOCK_MONOTONIC) - origin;
	uint64_t span = cycles - clock_state.cycles;

	/* A long span gives a better factor than the first measurement. */
	if (clock_state.cycles && span < UINT64_C(1) << 34 && ns > clock_state.ns &&
	    ns - clock_state.ns < UINT64_C(1) << 31 && span >= clock_state.due)
		clock_state.factor = ((ns - clock_state.ns) << 32) / span;
	if (ns < estimate)
		ns = estimate; /* never back */
	clock_state.ns = ns;
	clock_state.cycles = cycles;
	clock_state.due = host_machine.boot.cycles_per_ms * REBASE_CYCLES_PER_MS;
	return ns;
}

uint64_t hal_time_ns(void)
{
	uint64_t cycles = cycles_now(), span = cycles - clock_state.cycles;

	if (span >= clock_state.due) {
		uint64_t estimate = clock_state.ns;
		if ((int64_t)span > 0 && span < UINT64_C(1) << 30)
			estimate += span * clock_state.factor >> 32;
		return rebase(cycles, estimate);
	}
	return clock_state.ns + (span * clock_state.factor >> 32);
}

uint64_t hal_time_real_ns(void)
{
	return host_ns(CLOCK_REALTIME);
}

uint64_t hal_cycles(void)
{
	return cycles_now();
}

void hal_timer_arm(uint64_t at_ns)
{
	clock_state.timer = at_ns;
}

uint64_t host_timer_due_ns(void)
{
	return clock_state.timer;
}

bool hal_entropy(void *bytes, uint64_t size)
{
	return size <= 4096 && getrandom(bytes, size, 0) == (ssize_t)size;
}

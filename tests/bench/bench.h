/*
 * What the benchmark of the core and the machine under it share.
 */
#ifndef BENCH_H
#define BENCH_H

#include <hal/hal.h>

#define BENCH_PAGES 4096 /* that a space can map */

static inline uint64_t bench_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Of the host, measured now: takes 2 ms. */
uint64_t bench_cycles_per_ms(void);

/* Moves the clock of the machine. */
void bench_time_skip(uint64_t ns);

/* Boots the core; `libos` runs and then the process ends. use_sha: let the machine
 * hash, if it can. */
_Noreturn void bench_boot(uint64_t cycles_per_ms, bool use_sha, void (*libos)(const struct exo_boot *boot));

bool bench_has_sha(void);

/* ---- The machine of tables.c ------------------------------------------------------ */

/*
 * What bench_worst takes the time of: from one of these calls to the next, with the core's lock held. Outside of
 * `measure` nothing is counted. The machine ends a stretch where the core gives its lock up, and begins the next.
 */
void stretch_begin(void);
void stretch_end(void);

struct bench_machine {
	void (*program)(struct exo_ctx_page *page, struct hal_trap *trap); /* what contexts do */
	uint64_t events;      /* EXO_PEND_* that a device has raised */
	uint64_t lines;       /* interrupts that came */
	uint64_t timer_at;
	uint32_t disk_begun, disk_done; /* transfers, as bits */
};
extern struct bench_machine bench_machine;

#endif

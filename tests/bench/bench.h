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

/* Boots the core; `libos` runs and then the process ends. use_sha: let the machine
 * hash, if it can. */
_Noreturn void bench_boot(uint64_t cycles_per_ms, bool use_sha, void (*libos)(const struct exo_boot *boot));

bool bench_has_sha(void);

#endif

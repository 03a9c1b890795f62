/*
 * The machine under the benchmarks of the core: as little of one as can be, so that what is measured is the core.
 * Time, CPU number and hashing cost what they cost in the simulator; spaces are in flat.c and in tables.c. What is in
 * neither is never used while something is measured: the Makefile takes it from tests/support/fake.
 */
#include "bench.h"

#include <core/core.h>
#include <hal/x86/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_FRAME UINT64_C(0x100)
#define FRAMES      UINT64_C(65536)

static _Alignas(4096) uint8_t memory[FRAMES << EXO_FRAME_SHIFT];
static struct hal_boot_info info = {
	.first_frame = FIRST_FRAME, .frame_count = FRAMES, .cpu_count = 1, .target = "bench", .cmdline = "",
	.nodes = { { FIRST_FRAME, FRAMES, 0 } }, .node_ranges = 1, .colours = 1,
	.irqs = { { 0, HAL_IRQ_LINES } }, .disks = { { UINT64_C(1) << 20, true } },
};
static void (*libos_run)(const struct exo_boot *boot);
static uint64_t ns_per_cycle; /* times 2^32 */
static bool sha;
static struct {
	uint64_t cycles, ns; /* of hal_time_ns() */
} base;

uint64_t bench_cycles_per_ms(void)
{
	struct timespec from, to;
	uint64_t cycles = bench_cycles(), ns;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
	} while (ns < 2000000);
	return (bench_cycles() - cycles) * 1000000 / ns;
}

void bench_boot(uint64_t cycles_per_ms, bool use_sha, void (*libos)(const struct exo_boot *boot))
{
	sha = use_sha && x86_sha_present();
	info.cycles_per_ms = cycles_per_ms;
	ns_per_cycle = (UINT64_C(1000000) << 32) / cycles_per_ms;
	base.cycles = bench_cycles();
	libos_run = libos;
	core_start();
}

bool bench_has_sha(void)
{
	return sha;
}

const struct hal_boot_info *hal_boot(void) { return &info; }
void *hal_phys_ptr(exo_frame_t frame) { return memory + ((frame - FIRST_FRAME) << EXO_FRAME_SHIFT); }
uint32_t hal_cpu_id(void) { return 0; }
uint64_t hal_cycles(void) { return bench_cycles(); }
uint64_t hal_time_real_ns(void) { return hal_time_ns(); }

/* As in the simulator (hal/hosted/time.c): a product of 64 bits, from a base that moves along. */
uint64_t hal_time_ns(void)
{
	uint64_t cycles = bench_cycles(), span = cycles - base.cycles;

	if (span >= UINT64_C(1) << 30) {
		base.ns += span * ns_per_cycle >> 32;
		base.cycles = cycles;
		span = 0;
	}
	return base.ns + (span * ns_per_cycle >> 32);
}

void bench_time_skip(uint64_t ns)
{
	base.ns += ns;
}

/* ---- The rest ---------------------------------------------------------------------- */

enum exo_status hal_libos_init(struct hal_space *space, struct hal_pool *pool, uint64_t *window)
{
	(void)pool;
	memset(space, 0, sizeof(*space));
	*window = (uint64_t)(uintptr_t)memory - (FIRST_FRAME << EXO_FRAME_SHIFT);
	return EXO_OK;
}

void hal_window_hide(exo_frame_t first, uint64_t count) { (void)first; (void)count; }
void hal_window_show(exo_frame_t first, uint64_t count) { (void)first; (void)count; }

void hal_libos_run(struct hal_space *space, const struct exo_boot *boot)
{
	(void)space;
	libos_run(boot);
	exit(0);
}

bool hal_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count)
{
	if (sha)
		x86_sha256_blocks(state, blocks, count);
	return sha;
}

bool hal_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count)
{
	if (sha)
		x86_hmac_words(words, inner, outer, count);
	return sha;
}

bool hal_entropy(void *bytes, uint64_t size)
{
	memset(bytes, 0x5a, size);
	return true;
}

void hal_halt(uint32_t status) { exit((int)status); }

void hal_panic(const char *message)
{
	fprintf(stderr, "bench_core: panic: %s\n", message);
	abort();
}

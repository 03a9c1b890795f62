/*
 * The machine under the benchmark of the core: as little of one as can be, so that what is measured is the core.
 * Time, CPU number and hashing cost what they cost in the simulator; a mapping is one store. What is not here is
 * never used while something is measured: the Makefile takes it from tests/support/fake.
 */
#include "bench.h"

#include <core/core.h>
#include <hal/x86/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_FRAME UINT64_C(0x100)
#define FRAMES      UINT64_C(16384)

static _Alignas(4096) uint8_t memory[FRAMES << EXO_FRAME_SHIFT];
static struct hal_boot_info info = {
	.first_frame = FIRST_FRAME, .frame_count = FRAMES, .cpu_count = 1, .target = "bench", .cmdline = "",
	.nodes = { { FIRST_FRAME, FRAMES, 0 } }, .node_ranges = 1, .colours = 1,
};
static void (*libos_run)(const struct exo_boot *boot);
static uint64_t ns_per_cycle; /* times 2^32 */
static uint64_t page_entries[BENCH_PAGES];
static bool sha;
static struct {
	uint64_t cycles, ns; /* of hal_time_ns() */
} base;

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

/* ---- Spaces: a window of pages, an entry each ------------------------------------ */

static uint64_t *entry_of(exo_vaddr_t vaddr)
{
	return &page_entries[(vaddr >> EXO_FRAME_SHIFT) % BENCH_PAGES];
}

enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool)
{
	(void)pool;
	memset(space, 0, sizeof(*space));
	return EXO_OK;
}

void hal_space_stop(struct hal_space *space) { (void)space; }

void hal_space_destroy(struct hal_space *space, struct hal_pool *pool)
{
	(void)space;
	(void)pool;
}

uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	(void)space;
	(void)vaddr;
	(void)count;
	return 0;
}

void hal_space_map(struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint64_t count, uint32_t prot,
                   struct hal_pool *pool)
{
	(void)space;
	(void)pool;
	for (uint64_t i = 0; i < count; i++)
		*entry_of(vaddr + (i << EXO_FRAME_SHIFT)) = (frame + i) << EXO_FRAME_SHIFT | prot;
}

void hal_space_flush(struct hal_space *space) { (void)space; }

bool hal_space_query(const struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t *frame, uint32_t *flags)
{
	uint64_t entry = *entry_of(vaddr);

	(void)space;
	*frame = entry >> EXO_FRAME_SHIFT;
	*flags = (uint32_t)(entry & (EXO_FRAME_SIZE - 1));
	return entry != 0;
}

exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	(void)space;
	(void)words;
	while (vaddr < end && *entry_of(vaddr) == 0)
		vaddr += EXO_FRAME_SIZE;
	return vaddr;
}

uint64_t hal_space_unmap(struct hal_space *space, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames, uint64_t count,
                         uint32_t *words, struct hal_pool *pool)
{
	uint64_t done = 0;

	(void)pool;
	while (done < count && (*vaddr = hal_space_next(space, *vaddr, end, words)) < end) {
		frames[done++] = *entry_of(*vaddr) >> EXO_FRAME_SHIFT;
		*entry_of(*vaddr) = 0;
		*vaddr += EXO_FRAME_SIZE;
	}
	return done;
}

bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size)
{
	(void)space;
	memcpy(to, (const void *)(uintptr_t)from, size);
	return true;
}

bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size)
{
	(void)space;
	memcpy((void *)(uintptr_t)to, from, size);
	return true;
}

/* ---- Contexts: a program that is back with a system call at once ------------------ */

void hal_ctx_init(struct hal_ctx *ctx, struct hal_space *space, struct exo_ctx_page *page)
{
	(void)ctx;
	(void)space;
	(void)page;
}

void hal_ctx_fini(struct hal_ctx *ctx) { (void)ctx; }

void hal_ctx_enter(struct hal_ctx *ctx, uint64_t deadline, struct hal_trap *trap)
{
	(void)ctx;
	(void)deadline;
	trap->event = EXO_EV_SYSCALL;
	trap->nr = 1;
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

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };

	return core_call(number, args);
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

uint64_t hal_events_take(void) { return 0; }
void hal_halt(uint32_t status) { exit((int)status); }

void hal_panic(const char *message)
{
	fprintf(stderr, "bench_core: panic: %s\n", message);
	abort();
}

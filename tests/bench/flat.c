/*
 * Spaces and contexts of the benchmark's machine: a mapping is one store, and a program is back at once.
 */
#include "bench.h"

#include <core/core.h>
#include <string.h>

static uint64_t page_entries[BENCH_PAGES];

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

uint64_t hal_events_take(void) { return 0; }

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };

	return core_call(number, args);
}

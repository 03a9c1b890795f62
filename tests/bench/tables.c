/*
 * Spaces, contexts and devices of bench_worst's machine: page tables as the real machines have them (hal/tables.c), and
 * devices that answer when they are told to.
 */
#include "bench.h"

#include <core/core.h>
#include <hal/tables.h>
#include <string.h>

struct bench_machine bench_machine;

/* ---- Spaces: word 0 is the frame of the root, 0 of the first LibOS's ------------------ */

#define PRESENT UINT64_C(1)

static exo_frame_t root_of(const struct hal_space *space)
{
	return space->word[0];
}

enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool)
{
	if (pool->count == 0)
		return EXO_E_FUNDS;
	memset(space, 0, sizeof(*space));
	space->word[0] = hal_pool_take(pool);
	memset(hal_phys_ptr(space->word[0]), 0, EXO_FRAME_SIZE);
	return EXO_OK;
}

void hal_space_stop(struct hal_space *space) { (void)space; }

void hal_space_destroy(struct hal_space *space, struct hal_pool *pool)
{
	hal_pool_give(pool, root_of(space));
}

uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	return tables_cost(root_of(space), vaddr, count);
}

void hal_space_map(struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint64_t count, uint32_t prot,
                   struct hal_pool *pool)
{
	uint64_t *word = NULL, *link = NULL;

	for (; count > 0; count--, word++, frame++, vaddr += EXO_FRAME_SIZE) {
		if (!link || tables_index(vaddr, 1) == 0)
			word = tables_make(root_of(space), vaddr, 1, pool, &link);
		if (*word == 0)
			*link += TABLE_ONE;
		*word = frame << EXO_FRAME_SHIFT | (uint64_t)prot << 1 | PRESENT;
	}
}

uint64_t hal_space_unmap(struct hal_space *space, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames, uint64_t count,
                         uint32_t *words, struct hal_pool *pool)
{
	uint64_t done = 0;

	while (*vaddr < end && done < count && *words > 0) {
		*vaddr = tables_next(root_of(space), *vaddr, end, words);
		if (*vaddr == end)
			break;
		frames[done++] = (tables_clear(root_of(space), *vaddr, pool) & TABLE_FRAME) >> EXO_FRAME_SHIFT;
		*vaddr += EXO_FRAME_SIZE;
	}
	return done;
}

static uint64_t *entry_of(const struct hal_space *space, exo_vaddr_t vaddr)
{
	unsigned level;

	return tables_find(root_of(space), vaddr, &level);
}

void hal_space_protect(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count, uint32_t prot)
{
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint32_t words = 0;

	for (; (vaddr = tables_next(root_of(space), vaddr, end, &words)) < end; vaddr += EXO_FRAME_SIZE) {
		uint64_t *entry = entry_of(space, vaddr);

		*entry = (*entry & ~UINT64_C(0x1e)) | (uint64_t)prot << 1;
	}
}

void hal_space_flush(struct hal_space *space) { (void)space; }

void hal_space_clear(struct hal_space *space, exo_vaddr_t vaddr, uint32_t bits)
{
	*entry_of(space, vaddr) &= ~(uint64_t)bits;
}

bool hal_space_query(const struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t *frame, uint32_t *flags)
{
	uint64_t entry = *entry_of(space, vaddr);

	*frame = (entry & TABLE_FRAME) >> EXO_FRAME_SHIFT;
	*flags = (uint32_t)(entry >> 1 & 15) | HAL_ACCESSED | HAL_DIRTY;
	return entry != 0;
}

exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	return tables_next(root_of(space), vaddr, end, words);
}

void hal_space_answers(struct hal_space *space, exo_frame_t frame) { (void)space; (void)frame; }

/* The kernel's pointer to a byte of a space, and how many follow in its page. */
static uint8_t *byte_of(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t *room)
{
	uint64_t entry = *entry_of(space, vaddr);

	*room = EXO_FRAME_SIZE - vaddr % EXO_FRAME_SIZE;
	return entry ? (uint8_t *)hal_phys_ptr((entry & TABLE_FRAME) >> EXO_FRAME_SHIFT) + vaddr % EXO_FRAME_SIZE : NULL;
}

static bool copy(const struct hal_space *space, void *in, const void *out, exo_vaddr_t at, uint64_t size)
{
	uint64_t room;

	for (uint64_t done = 0; done < size; done += room) {
		uint8_t *byte = root_of(space) ? byte_of(space, at + done, &room) : (uint8_t *)(uintptr_t)(at + done);

		if (!byte)
			return false;
		if (!root_of(space) || room > size - done)
			room = size - done;
		if (in)
			memcpy((uint8_t *)in + done, byte, room);
		else
			memcpy(byte, (const uint8_t *)out + done, room);
	}
	return true;
}

bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size)
{
	return copy(space, to, NULL, from, size);
}

bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size)
{
	return copy(space, NULL, from, to, size);
}

/* ---- Contexts: word 0 is the page ---------------------------------------------------- */

void hal_ctx_init(struct hal_ctx *ctx, struct hal_space *space, struct exo_ctx_page *page)
{
	(void)space;
	ctx->word[0] = (uint64_t)(uintptr_t)page;
}

void hal_ctx_fini(struct hal_ctx *ctx) { (void)ctx; }
void hal_ctx_save(struct hal_ctx *ctx) { (void)ctx; }

void hal_ctx_answer(struct hal_ctx *ctx, uint64_t status, uint64_t value)
{
	(void)ctx;
	(void)status;
	(void)value;
}

void hal_ctx_enter(struct hal_ctx *ctx, uint64_t deadline, struct hal_trap *trap)
{
	(void)deadline;
	stretch_end();
	memset(trap, 0, sizeof(*trap));
	trap->event = EXO_EV_QUANTUM;
	if (bench_machine.program)
		bench_machine.program((struct exo_ctx_page *)(uintptr_t)ctx->word[0], trap);
	stretch_begin();
}

/* ---- Time and devices ------------------------------------------------------------------ */

void hal_idle(uint64_t until_ns)
{
	uint64_t now = hal_time_ns();

	stretch_end();
	if (until_ns > now)
		bench_time_skip(until_ns - now);
	stretch_begin();
}

void hal_timer_arm(uint64_t at_ns)
{
	bench_machine.timer_at = at_ns;
}

uint64_t hal_events_take(void)
{
	uint64_t events = bench_machine.events;

	bench_machine.events = 0;
	if (bench_machine.timer_at > hal_time_ns())
		return events;
	bench_machine.timer_at = UINT64_MAX;
	return events | EXO_PEND_TIMER;
}

uint64_t hal_irq_take(void)
{
	uint64_t lines = bench_machine.lines;

	bench_machine.lines = 0;
	return lines;
}

void hal_irq_mask(uint32_t line) { (void)line; }
void hal_irq_unmask(uint32_t line) { (void)line; }

enum exo_status hal_disk_submit(uint32_t number, const struct exo_disk_request *request)
{
	(void)request;
	bench_machine.disk_begun |= UINT32_C(1) << number;
	return EXO_OK;
}

bool hal_disk_take(uint32_t *number, enum exo_status *status)
{
	if (!bench_machine.disk_done)
		return false;
	*number = (uint32_t)__builtin_ctz(bench_machine.disk_done);
	*status = EXO_OK;
	bench_machine.disk_done &= bench_machine.disk_done - 1;
	return true;
}

uint64_t hal_console_write(const void *bytes, uint64_t size)
{
	static uint8_t seen[EXO_BYTES_MAX];

	memcpy(seen, bytes, size);
	return size;
}

uint64_t hal_errors_write(const void *bytes, uint64_t size)
{
	return hal_console_write(bytes, size);
}

uint64_t hal_log_write(const void *bytes, uint64_t size)
{
	return hal_console_write(bytes, size);
}

uint64_t hal_console_read(void *bytes, uint64_t size)
{
	memset(bytes, 'x', size);
	return size;
}

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };
	struct exo_result result;

	stretch_begin();
	result = core_call(number, args);
	stretch_end();
	return result;
}

/*
 * The first LibOS's window, and what ring 3 reaches.
 *
 * Each 2 MiB of it are one large page until a frame in it is hidden, and a table of small pages from then on. All
 * tables are taken at boot, so that hiding and showing need no memory; a table that was never needed was
 * never written.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

#define PIECE      UINT64_C(512) /* frames that one table of level 1 maps */
#define WINDOW_PTE (PT_PRESENT | PT_USER | PT_WRITE | PT_NX)

static struct {
	struct space *space; /* NULL: not made yet */
	exo_frame_t first;   /* of the extent, rounded down to whole pieces */
	exo_frame_t tables;  /* of level 1: one for each piece, neighbours */
} window;

static exo_vaddr_t address_of(exo_frame_t frame)
{
	return WINDOW_BASE + (frame << EXO_FRAME_SHIFT);
}

static uint64_t *below(uint64_t entry)
{
	return phys_ptr(entry & PT_ADDRESS);
}

/* Of level 2, for the piece with this frame. All tables above it exist. */
static uint64_t *piece_entry(exo_frame_t frame)
{
	uint64_t *table = phys_ptr(window.space->pml4);

	for (unsigned level = 4; level > 2; level--)
		table = below(table[pt_index(address_of(frame), level)]);
	return &table[pt_index(address_of(frame), 2)];
}

static void upper_tables(exo_frame_t frame, struct hal_pool *pool)
{
	uint64_t *table = phys_ptr(window.space->pml4);

	for (unsigned level = 4; level > 2; level--) {
		uint64_t *entry = &table[pt_index(address_of(frame), level)];

		if (*entry == 0) {
			*entry = hal_pool_take(pool) << EXO_FRAME_SHIFT | PT_PRESENT | PT_WRITE | PT_USER;
			memset(below(*entry), 0, EXO_FRAME_SIZE);
		}
		table = below(*entry);
	}
}

bool window_init(struct space *space, struct hal_pool *pool)
{
	const struct hal_boot_info *boot = &machine.boot;
	exo_frame_t first = boot->first_frame & ~(PIECE - 1), end = boot->first_frame + boot->frame_count;

	if (hal_space_cost((struct hal_space *)(void *)space, address_of(first), end - first) > pool->count)
		return false;
	window.space = space;
	window.first = first;
	for (exo_frame_t frame = first; frame < end; frame += PIECE)
		upper_tables(frame, pool);
	window.tables = pool->fresh;
	for (exo_frame_t frame = first; frame < end; frame += PIECE)
		if (hal_pool_take(pool) != window.tables + (frame - first) / PIECE)
			hal_panic("the first fund is not one run");
	return true;
}

/* The piece's table, in use: a large page is broken up, one that shows nothing begins empty. */
static uint64_t *piece_table(exo_frame_t frame, uint64_t *entry)
{
	uint64_t phys = (window.tables + (frame - window.first) / PIECE) << EXO_FRAME_SHIFT, *table = phys_ptr(phys);
	uint64_t old = *entry;

	if (old != 0 && !(old & PT_LARGE))
		return table;
	for (uint64_t i = 0; i < PIECE; i++)
		table[i] = old == 0 ? 0 : (((frame & ~(PIECE - 1)) + i) << EXO_FRAME_SHIFT) | WINDOW_PTE;
	old = __atomic_exchange_n(entry, phys | PT_PRESENT | PT_WRITE | PT_USER, __ATOMIC_RELAXED);
	window.space->stale |= (old & PT_ACCESSED) != 0;
	return table;
}

/* What was never accessed is in no TLB (SDM vol. 3, 4.10.2.3). An exchange, since the CPU may be setting the bit. */
static void clear(uint64_t *entry)
{
	window.space->stale |= (__atomic_exchange_n(entry, 0, __ATOMIC_RELAXED) & PT_ACCESSED) != 0;
}

static void change(exo_frame_t first, uint64_t count, bool shown)
{
	for (uint64_t n; count > 0; first += n, count -= n) {
		uint64_t *entry = piece_entry(first), *table;

		n = PIECE - first % PIECE < count ? PIECE - first % PIECE : count;
		if (n == PIECE && (*entry == 0 || *entry & PT_LARGE)) {
			if (shown)
				*entry = first << EXO_FRAME_SHIFT | WINDOW_PTE | PT_LARGE;
			else
				clear(entry);
			continue;
		}
		if (shown ? *entry & PT_LARGE : *entry == 0)
			continue; /* is so already */
		table = piece_table(first, entry) + first % PIECE;
		for (uint64_t i = 0; i < n; i++)
			if (!shown)
				clear(&table[i]);
			else if (table[i] == 0) /* else it may have been accessed */
				table[i] = (first + i) << EXO_FRAME_SHIFT | WINDOW_PTE;
	}
}

/* Ring 3 does not run in the first LibOS's space while the kernel works on its CPU: space_load() looks at `stale`. */
void hal_window_hide(exo_frame_t first, uint64_t count)
{
	if (window.space)
		change(first, count, false);
}

void hal_window_show(exo_frame_t first, uint64_t count)
{
	change(first, count, true);
}

/* The entry that maps vaddr for ring 3; 0: none, and *span says how far that is so. */
static uint64_t user_leaf(const struct space *s, exo_vaddr_t vaddr, uint64_t *span)
{
	const uint64_t *table = phys_ptr(s->pml4);

	for (unsigned level = 4;; level--) {
		uint64_t entry = table[pt_index(vaddr, level)];

		*span = pt_span(level);
		if (!(entry & PT_PRESENT) || !(entry & PT_USER))
			return 0;
		if (level == 1 || (entry & PT_LARGE))
			return entry;
		table = below(entry);
	}
}

bool hal_space_reach(const struct hal_space *space, exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count)
{
	const struct space *s = (const struct space *)(const void *)space;
	exo_vaddr_t at = *vaddr;
	uint64_t span;

	do {
		uint64_t entry = user_leaf(s, at, &span), offset = at & (span - 1);

		*vaddr = at;
		*frame = ((entry & PT_ADDRESS & ~(span - 1)) + offset) >> EXO_FRAME_SHIFT;
		*count = (span - offset) >> EXO_FRAME_SHIFT;
		if (entry != 0 && !libos_has(s, *frame))
			return true;
		at += span - offset;
		if (at == UINT64_C(1) << 47)
			at = UINT64_MAX << 47; /* the other half */
	} while (at != 0);
	return false;
}

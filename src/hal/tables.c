/*
 * Page tables: making, searching and clearing.
 */
#include <hal/tables.h>

uint64_t *tables_make(exo_frame_t root, exo_vaddr_t vaddr, unsigned level, struct hal_pool *pool, uint64_t **link)
{
	uint64_t *word = (uint64_t *)hal_phys_ptr(root) + tables_index(vaddr, TABLE_LEVELS);

	*link = NULL;
	for (unsigned l = TABLE_LEVELS; l > level; l--) {
		if (*word == 0) {
			exo_frame_t frame = hal_pool_take(pool);

			memset(hal_phys_ptr(frame), 0, EXO_FRAME_SIZE);
			*word = frame << EXO_FRAME_SHIFT | TABLE_LINK;
			if (*link)
				**link += TABLE_ONE;
		}
		*link = word;
		word = tables_behind(*word) + tables_index(vaddr, l - 1);
	}
	return word;
}

/* Tables below an empty word of `level` that [from, to) would need, the one behind the word included. */
static uint64_t tables_below(exo_vaddr_t from, exo_vaddr_t to, unsigned level)
{
	uint64_t count = 0;

	for (unsigned l = 2; l <= level; l++)
		count += (to - 1) / tables_span(l) - from / tables_span(l) + 1;
	return count;
}

uint64_t tables_cost(exo_frame_t root, exo_vaddr_t vaddr, uint64_t count)
{
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT), next;
	uint64_t cost = 0;

	for (; vaddr < end; vaddr = next) {
		unsigned level;

		tables_find(root, vaddr, &level);
		next = (vaddr | (tables_span(level < 2 ? 2 : level) - 1)) + 1;
		if (next > end)
			next = end;
		cost += tables_below(vaddr, next, level);
	}
	return cost;
}

static void charge(uint32_t *words, uint32_t count)
{
	*words = *words > count ? *words - count : 0;
}

exo_vaddr_t tables_next(exo_frame_t root, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	uint32_t seen = 0;

	while (vaddr < end) {
		unsigned level;
		const uint64_t *word = tables_find(root, vaddr, &level);
		uint64_t span = tables_span(level);

		seen++;
		if (*word != 0)
			break;
		do {
			vaddr = (vaddr | (span - 1)) + 1;
			seen++;
		} while (vaddr < end && tables_index(vaddr, level) != 0 && *++word == 0);
	}
	charge(words, seen);
	return vaddr < end ? vaddr : end;
}

uint64_t tables_clear(exo_frame_t root, exo_vaddr_t vaddr, struct hal_pool *pool)
{
	uint64_t *table = hal_phys_ptr(root), *links[TABLE_LEVELS + 1], *word, old;

	for (unsigned level = TABLE_LEVELS; level > 1; level--) {
		word = &table[tables_index(vaddr, level)];
		if (!tables_is_link(*word, level))
			return 0;
		links[level] = word;
		table = tables_behind(*word);
	}
	word = &table[tables_index(vaddr, 1)];
	old = *word;
	if (old == 0)
		return 0;
	*word = 0;
	for (unsigned level = 2; level <= TABLE_LEVELS; level++) {
		exo_frame_t frame = (*links[level] & TABLE_FRAME) >> EXO_FRAME_SHIFT;

		*links[level] -= TABLE_ONE;
		if (*links[level] & TABLE_COUNT)
			break;
		*links[level] = 0;
		hal_pool_give(pool, frame);
	}
	return old;
}

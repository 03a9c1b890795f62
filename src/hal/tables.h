/*
 * Page tables, the machine's and the software's alike: four levels of 512 words. Level 1 has the pages, level 4 is the root.
 *
 * A word is 0, or the HAL's own (a page; with TABLE_LARGE also above level 1), or a link: the frame of a
 * table of the level below in bits 12 to 51, and in bits 52 to 61, which the machine ignores (SDM vol. 3,
 * table 4-20), how many words of that table are not 0. A table that becomes empty goes back to the pool at once.
 * So every table leads to a page, and to find the next page costs TABLE_SEARCH words at most, however large the holes are.
 */
#ifndef TABLES_H
#define TABLES_H

#include <hal/hal.h>

#define TABLE_WORDS  512
#define TABLE_LEVELS 4
#define TABLE_LARGE  UINT64_C(0x080)
#define TABLE_LINK   UINT64_C(0x007) /* of a link: present, writable, for programs */
#define TABLE_FRAME  UINT64_C(0x000ffffffffff000)
#define TABLE_ONE    (UINT64_C(1) << 52)
#define TABLE_COUNT  (UINT64_C(0x3ff) << 52)

/* Up from a page to the root and down to another one: what is looked at of each table is less than its words. */
#define TABLE_SEARCH ((2 * TABLE_LEVELS - 1) * TABLE_WORDS)

static inline unsigned tables_index(exo_vaddr_t vaddr, unsigned level)
{
	return (unsigned)(vaddr >> (EXO_FRAME_SHIFT + 9 * (level - 1))) & (TABLE_WORDS - 1);
}

/* Bytes that one word of a level covers. */
static inline uint64_t tables_span(unsigned level)
{
	return EXO_FRAME_SIZE << (9 * (level - 1));
}

static inline bool tables_is_link(uint64_t word, unsigned level)
{
	return level > 1 && word != 0 && !(word & TABLE_LARGE);
}

static inline uint64_t *tables_behind(uint64_t link)
{
	return hal_phys_ptr((link & TABLE_FRAME) >> EXO_FRAME_SHIFT);
}

/* The word for vaddr on the lowest level that there is: of a page or a large page, or 0. *level: which one. */
static inline uint64_t *tables_find(exo_frame_t root, exo_vaddr_t vaddr, unsigned *level)
{
	uint64_t *table = hal_phys_ptr(root);

	for (*level = TABLE_LEVELS;; --*level) {
		uint64_t *word = &table[tables_index(vaddr, *level)];

		if (!tables_is_link(*word, *level))
			return word;
		table = tables_behind(*word);
	}
}

/* The word for vaddr on `level`, with all tables above it, which take frames from the pool; *link: the link to its
 * table. Whoever makes words of one table other than 0 adds TABLE_ONE for each to the link. */
uint64_t *tables_make(exo_frame_t root, exo_vaddr_t vaddr, unsigned level, struct hal_pool *pool, uint64_t **link);

/* Frames that tables_make() of the pages may take. */
uint64_t tables_cost(exo_frame_t root, exo_vaddr_t vaddr, uint64_t count);

/* The first page of [vaddr, end) that is mapped, or `end`. Takes the words that it has looked at from *words,
 * as far as there are any. */
exo_vaddr_t tables_next(exo_frame_t root, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words);

/* Makes the word of the page 0, and gives the tables that become empty, but for the root, to the pool. Returns the word
 * that was there; 0: none. */
uint64_t tables_clear(exo_frame_t root, exo_vaddr_t vaddr, struct hal_pool *pool);

#endif

/* Entries of 4-level page tables (SDM vol. 3, 4.5). */
#ifndef PAGING_H
#define PAGING_H

#include <exo/types.h>

#define PT_PRESENT  UINT64_C(0x001)
#define PT_WRITE    UINT64_C(0x002)
#define PT_USER     UINT64_C(0x004)
#define PT_UNCACHED UINT64_C(0x018) /* PWT | PCD */
#define PT_ACCESSED UINT64_C(0x020)
#define PT_DIRTY    UINT64_C(0x040)
#define PT_LARGE    UINT64_C(0x080) /* levels 2 and 3 */
#define PT_GLOBAL   UINT64_C(0x100)
#define PT_NX       (UINT64_C(1) << 63)
#define PT_ADDRESS  UINT64_C(0x000ffffffffff000)
#define PT_ENTRIES  512

/* Level 1 is the page table, level 4 the root. */
static inline unsigned pt_index(uint64_t vaddr, unsigned level)
{
	return (unsigned)(vaddr >> (12 + 9 * (level - 1))) & 511;
}

/* Bytes that one entry of a level covers. */
static inline uint64_t pt_span(unsigned level)
{
	return UINT64_C(4096) << (9 * (level - 1));
}

#endif

/*
 * A sparse table of 64-bit entries indexed by page number: four levels of 512, a node is one
 * frame. Serves as a space's own page table (indexed by address) and as the
 * page list of a shared object (indexed by offset). 0 is "no entry".
 */
#ifndef LIBOS_TABLE_H
#define LIBOS_TABLE_H

#include <exo/types.h>

#define TABLE_LIMIT (UINT64_C(1) << 48) /* addresses below it can be indexed */

struct table {
	uint64_t *root;
	uint64_t *leaf;      /* the last leaf found, */
	uint64_t leaf_base;  /* and the first address it covers */
	uint64_t nodes;      /* frames that it takes itself */
};

/* The place of an entry, which may hold 0; NULL: there is none. Valid until an entry is removed. */
uint64_t *table_find(struct table *table, uint64_t address);
/* The same, making nodes as needed. NULL: no memory. */
uint64_t *table_make(struct table *table, uint64_t address);
/* The first entry that is not 0 in [*address, end): its place, and its address in *address. NULL: none. */
uint64_t *table_next(struct table *table, uint64_t *address, uint64_t end);
/* Stores an entry (not 0) at a place that table_make() gave. */
void table_set(uint64_t *place, uint64_t entry);
/* The places from *address on that lie together and before `end`: the first of them, and *count. Nodes that do not
 * exist are skipped, raising *address. NULL: none is left. For loops over many entries. */
uint64_t *table_next_run(struct table *table, uint64_t *address, uint64_t end, uint64_t *count);
/* Stores entry, entry + step, … at `count` places of one run, all of which hold 0. */
void table_set_run(uint64_t *place, uint64_t count, uint64_t entry, uint64_t step);
/* How many places from this address on lie together. */
uint64_t table_run_length(uint64_t address);
/* Stores 0, and frees nodes that became empty. */
void table_clear(struct table *table, uint64_t address, uint64_t *place);
/* Frees all nodes; the entries are the caller's business. */
void table_free(struct table *table);

#endif

/*
 * The frames of a file by page index: a few direct slots, then a radix tree of 64-way
 * nodes, which grows upward with the largest index. A slot holds frame + 1, 0 is a hole.
 */
#ifndef LIBOS_PAGE_MAP_H
#define LIBOS_PAGE_MAP_H

#include <exo/types.h>

#define PAGE_MAP_DIRECT 4u
#define PAGE_MAP_FANOUT 64u
#define PAGE_MAP_BITS   6u

struct page_map_node {
	uint64_t slot[PAGE_MAP_FANOUT]; /* at the leaves frame + 1, above them pointers */
};

struct page_map {
	uint64_t direct[PAGE_MAP_DIRECT];
	struct page_map_node *root;
	uint32_t height; /* levels of nodes; 0: none */
};

/* The slot of an index; NULL when its node is missing (!create) or there is no memory for it. */
uint64_t *page_map_slot(struct page_map *map, uint64_t index, bool create);
/* Frees the nodes from index `first` on and puts their frames; how many frames there were. */
uint64_t page_map_cut(struct page_map *map, uint64_t first);
/* The first index in [index, end) whose slot is filled (data) or empty; `end` if none. */
uint64_t page_map_next(const struct page_map *map, uint64_t index, uint64_t end, bool data);

#endif

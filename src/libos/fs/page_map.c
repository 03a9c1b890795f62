/* See page_map.h. */
#include <libos/fs/page_map.h>
#include <libos/lib/heap.h>
#include <libos/vm/frames.h>

#define HEIGHT_MAX 9u /* 54 bits of index */

static bool covers(uint32_t height, uint64_t index)
{
	return height && index >> (height * PAGE_MAP_BITS) == 0;
}

static struct page_map_node *node_of(uint64_t slot)
{
	return (struct page_map_node *)(uintptr_t)slot;
}

static unsigned digit(uint64_t index, uint32_t level)
{
	return (unsigned)(index >> (level * PAGE_MAP_BITS)) % PAGE_MAP_FANOUT;
}

static bool grow(struct page_map *map, uint64_t index)
{
	while (!covers(map->height, index)) {
		if (map->height == HEIGHT_MAX)
			return false;
		struct page_map_node *top = heap_zalloc(sizeof(*top));
		if (!top)
			return false;
		top->slot[0] = (uint64_t)(uintptr_t)map->root;
		map->root = top;
		map->height++;
	}
	return true;
}

uint64_t *page_map_slot(struct page_map *map, uint64_t index, bool create)
{
	if (index < PAGE_MAP_DIRECT)
		return &map->direct[index];
	if (!covers(map->height, index) && !(create && grow(map, index)))
		return NULL;
	struct page_map_node *node = map->root;
	for (uint32_t level = map->height - 1; level; level--) {
		uint64_t *slot = &node->slot[digit(index, level)];
		if (!*slot) {
			struct page_map_node *made = create ? heap_zalloc(sizeof(*made)) : NULL;
			if (!made)
				return NULL;
			*slot = (uint64_t)(uintptr_t)made;
		}
		node = node_of(*slot);
	}
	return &node->slot[digit(index, 0)];
}

static uint64_t drop_slot(uint64_t *slot)
{
	if (!*slot)
		return 0;
	frame_put(*slot - 1);
	*slot = 0;
	return 1;
}

/* Cuts everything at or behind `first` (relative to this subtree). The tree is at most HEIGHT_MAX deep. */
static uint64_t cut_node(struct page_map_node *node, uint32_t level, uint64_t first)
{
	uint64_t dropped = 0, span = UINT64_C(1) << (level * PAGE_MAP_BITS);
	for (uint64_t i = first / span; i < PAGE_MAP_FANOUT; i++) {
		uint64_t *slot = &node->slot[i], base = i * span;
		if (!*slot)
			continue;
		if (level == 0) {
			dropped += drop_slot(slot);
			continue;
		}
		dropped += cut_node(node_of(*slot), level - 1, first > base ? first - base : 0);
		if (first <= base) {
			heap_free(node_of(*slot));
			*slot = 0;
		}
	}
	return dropped;
}

uint64_t page_map_cut(struct page_map *map, uint64_t first)
{
	uint64_t dropped = 0;
	for (uint64_t i = first; i < PAGE_MAP_DIRECT; i++)
		dropped += drop_slot(&map->direct[i]);
	if (!map->height || first >> (map->height * PAGE_MAP_BITS))
		return dropped;
	dropped += cut_node(map->root, map->height - 1, first);
	if (first <= PAGE_MAP_DIRECT) {
		/* Only the spine of slot 0 can be left, without any frame. */
		for (uint32_t level = map->height - 1; map->root; level--) {
			struct page_map_node *below = level ? node_of(map->root->slot[0]) : NULL;
			heap_free(map->root);
			map->root = below;
			if (!level)
				break;
		}
		map->root = NULL;
		map->height = 0;
	}
	return dropped;
}

static uint64_t next_in_tree(const struct page_map *map, uint64_t index, uint64_t end, bool data)
{
	while (index < end) {
		if (!covers(map->height, index))
			return data ? end : index;
		const struct page_map_node *node = map->root;
		uint32_t level = map->height - 1;
		while (level && node->slot[digit(index, level)]) {
			node = node_of(node->slot[digit(index, level)]);
			level--;
		}
		if ((node->slot[digit(index, level)] != 0) == data)
			return index;
		/* Skips the whole missing subtree, or one filled page. */
		uint64_t span = UINT64_C(1) << (level * PAGE_MAP_BITS);
		index = (index / span + 1) * span;
	}
	return end;
}

uint64_t page_map_next(const struct page_map *map, uint64_t index, uint64_t end, bool data)
{
	for (; index < PAGE_MAP_DIRECT && index < end; index++) {
		if ((map->direct[index] != 0) == data)
			return index;
	}
	return index < end ? next_in_tree(map, index, end, data) : end;
}

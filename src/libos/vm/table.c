/* The sparse table. A node's frame counts its used entries in frame_extra(). */
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/vm/table.h>

#define LEVELS     4
#define NODE_BITS  9
#define NODE_SIZE  512
#define LEAF_BYTES (PAGE_SIZE << NODE_BITS)

static unsigned index_at(uint64_t address, unsigned level)
{
	return (address >> (PAGE_SHIFT + NODE_BITS * level)) & (NODE_SIZE - 1);
}

static uint16_t *used_count(const uint64_t *node)
{
	return frame_extra(frame_of(node));
}

static uint64_t *child_of(const uint64_t *place)
{
	return (uint64_t *)(uintptr_t)*place;
}

static uint64_t *node_new(struct table *table)
{
	exo_frame_t frame = frame_alloc_zeroed();

	if (frame == FRAME_NONE)
		return NULL;
	*frame_extra(frame) = 0;
	table->nodes++;
	return frame_ptr(frame);
}

uint64_t *table_find(struct table *table, uint64_t address)
{
	uint64_t *node = table->root;

	if (table->leaf != NULL && address - table->leaf_base < LEAF_BYTES)
		return &table->leaf[index_at(address, 0)];
	for (unsigned level = LEVELS - 1; level > 0 && node != NULL; level--)
		node = child_of(&node[index_at(address, level)]);
	if (node == NULL)
		return NULL;
	table->leaf = node;
	table->leaf_base = address & ~(LEAF_BYTES - 1);
	return &node[index_at(address, 0)];
}

uint64_t *table_make(struct table *table, uint64_t address)
{
	uint64_t *node;

	if (table->leaf != NULL && address - table->leaf_base < LEAF_BYTES)
		return &table->leaf[index_at(address, 0)];
	if (table->root == NULL) {
		table->root = node_new(table);
		if (table->root == NULL)
			return NULL;
	}
	node = table->root;
	for (unsigned level = LEVELS - 1; level > 0; level--) {
		uint64_t *place = &node[index_at(address, level)];

		if (*place == 0) {
			uint64_t *child = node_new(table);

			if (child == NULL)
				return NULL;
			*place = (uint64_t)(uintptr_t)child;
			++*used_count(node);
		}
		node = child_of(place);
	}
	table->leaf = node;
	table->leaf_base = address & ~(LEAF_BYTES - 1);
	return &node[index_at(address, 0)];
}

/* Looks below one node; *address is raised to where the search ended. */
static uint64_t *next_below(struct table *table, uint64_t *node, unsigned level, uint64_t *address, uint64_t end)
{
	uint64_t step = PAGE_SIZE << (NODE_BITS * level);

	for (unsigned i = index_at(*address, level); i < NODE_SIZE && *address < end; i++) {
		if (node[i] != 0 && level == 0) {
			table->leaf = node;
			table->leaf_base = *address & ~(LEAF_BYTES - 1);
			return &node[i];
		}
		if (node[i] != 0) {
			uint64_t *place = next_below(table, child_of(&node[i]), level - 1, address, end);

			if (place != NULL)
				return place;
			/* *address is at this entry's end now, or at `end`. */
			continue;
		}
		*address = (*address & ~(step - 1)) + step;
	}
	return NULL;
}

/* The same within the leaf that was found last: most searches end there. */
static uint64_t *next_in_leaf(struct table *table, uint64_t *address, uint64_t end)
{
	for (unsigned i = index_at(*address, 0); i < NODE_SIZE && *address < end; i++) {
		if (table->leaf[i] != 0)
			return &table->leaf[i];
		*address += PAGE_SIZE;
	}
	return NULL;
}

uint64_t *table_next(struct table *table, uint64_t *address, uint64_t end)
{
	if (table->leaf != NULL && *address - table->leaf_base < LEAF_BYTES) {
		uint64_t *place = next_in_leaf(table, address, end);

		if (place != NULL)
			return place;
	}
	if (table->root == NULL || *address >= end)
		return NULL;
	return next_below(table, table->root, LEVELS - 1, address, end);
}

static uint64_t *node_of(uint64_t *place)
{
	return (uint64_t *)((uintptr_t)place & ~(uintptr_t)(PAGE_SIZE - 1));
}

void table_set(uint64_t *place, uint64_t entry)
{
	if (*place == 0)
		++*used_count(node_of(place));
	*place = entry;
}

uint64_t table_run_length(uint64_t address)
{
	return NODE_SIZE - index_at(address, 0);
}

uint64_t *table_next_run(struct table *table, uint64_t *address, uint64_t end, uint64_t *count)
{
	uint64_t *place = table_next(table, address, end);
	uint64_t left = (end - *address) >> PAGE_SHIFT;

	if (place == NULL)
		return NULL;
	*count = table_run_length(*address);
	if (*count > left)
		*count = left;
	return place;
}

void table_set_run(uint64_t *place, uint64_t count, uint64_t entry, uint64_t step)
{
	*used_count(node_of(place)) += (uint16_t)count;
	for (uint64_t i = 0; i < count; i++, entry += step)
		place[i] = entry;
}

void table_clear(struct table *table, uint64_t address, uint64_t *place)
{
	uint64_t *path[LEVELS];
	uint64_t *leaf = node_of(place);

	if (*place == 0)
		return;
	*place = 0;
	if (--*used_count(leaf) > 0)
		return;
	path[LEVELS - 1] = table->root;
	for (unsigned level = LEVELS - 1; level > 0; level--)
		path[level - 1] = child_of(&path[level][index_at(address, level)]);
	if (table->leaf == leaf)
		table->leaf = NULL;
	for (unsigned level = 0; *used_count(path[level]) == 0; level++) {
		frame_put(frame_of(path[level]));
		table->nodes--;
		if (level == LEVELS - 1) {
			table->root = NULL;
			break;
		}
		path[level + 1][index_at(address, level + 1)] = 0;
		--*used_count(path[level + 1]);
	}
}

static void free_node(uint64_t *node, unsigned level)
{
	for (unsigned i = 0; level > 0 && i < NODE_SIZE; i++) {
		if (node[i] == 0)
			continue;
		free_node(child_of(&node[i]), level - 1);
		(void)sched_worked(&libos.sched, 1);
	}
	frame_put(frame_of(node));
}

void table_free(struct table *table)
{
	if (table->root != NULL)
		free_node(table->root, LEVELS - 1);
	*table = (struct table){ .root = NULL };
}

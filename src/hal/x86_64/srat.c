/*
 * NUMA nodes from ACPI's System Resource Affinity Table (ACPI 6.4, 5.2.16): which
 * ranges of memory belong to which proximity domain. The table comes from the firmware: what does not fit is left
 * out, and where it says nothing, memory belongs to the node before it.
 */
#include <hal/x86_64/machine.h>

#define FIRST_STRUCTURE 48 /* behind the header and 12 reserved bytes */

/* Memory Affinity Structure */
#define TYPE_MEMORY   1
#define MEMORY_SIZE   40
#define MEMORY_DOMAIN 2
#define MEMORY_BASE   8
#define MEMORY_LENGTH 16
#define MEMORY_FLAGS  28
#define FLAG_ENABLED  1u

struct affinity {
	struct range range;
	uint32_t node;
};

static struct {
	struct affinity list[HAL_NODE_RANGES_MAX]; /* by address */
	uint32_t count;
} srat;

static uint64_t get(const uint8_t *bytes, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

static void add(const struct affinity *new)
{
	uint32_t at = srat.count;

	if (new->range.start >= new->range.end || srat.count == HAL_NODE_RANGES_MAX)
		return;
	for (; at > 0 && srat.list[at - 1].range.start > new->range.start; at--)
		srat.list[at] = srat.list[at - 1];
	srat.list[at] = *new;
	srat.count++;
}

void srat_read(const uint8_t *table, uint32_t size)
{
	uint32_t at = FIRST_STRUCTURE;

	while (size >= at + 2 && table[at + 1] >= 2 && table[at + 1] <= size - at) {
		const uint8_t *s = table + at;
		uint64_t base, length;

		at += s[1];
		if (s[0] != TYPE_MEMORY || s[1] < MEMORY_SIZE || !(get(s + MEMORY_FLAGS, 4) & FLAG_ENABLED))
			continue;
		base = get(s + MEMORY_BASE, 8);
		length = get(s + MEMORY_LENGTH, 8);
		if (length <= UINT64_MAX - base)
			add(&(struct affinity){ { base, base + length }, (uint32_t)get(s + MEMORY_DOMAIN, 4) });
	}
}

/* Frames from `first` on are of this node, until the next call says otherwise. */
static void node_from(struct hal_boot_info *boot, exo_frame_t first, uint32_t node)
{
	exo_frame_t end = boot->first_frame + boot->frame_count;
	struct hal_node_range *last = boot->node_ranges ? &boot->nodes[boot->node_ranges - 1] : NULL;

	if (first < boot->first_frame)
		first = boot->first_frame;
	if (first >= end || (last && last->node == node))
		return;
	if (last && last->first >= first)
		last->node = node;
	else if (boot->node_ranges < HAL_NODE_RANGES_MAX) {
		if (last)
			last->count = first - last->first;
		boot->nodes[boot->node_ranges++] = (struct hal_node_range){ first, end - first, node };
	}
}

void srat_apply(struct hal_boot_info *boot)
{
	boot->node_ranges = 0;
	node_from(boot, boot->first_frame, srat.count > 0 ? srat.list[0].node : 0);
	for (uint32_t i = 0; i < srat.count; i++)
		if (srat.list[i].range.end >> EXO_FRAME_SHIFT > boot->first_frame)
			node_from(boot, srat.list[i].range.start >> EXO_FRAME_SHIFT, srat.list[i].node);
}

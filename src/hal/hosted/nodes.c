/*
 * NUMA nodes and cache colours of the simulated machine. They are what the command line says: the host
 * puts the frames where it likes.
 */
#include "hosted.h"

#include <stdlib.h>

/* A size in frames, rounded down; 0: none. *at moves behind it. */
static uint64_t size_take(const char **at)
{
	char *end;
	unsigned long long size = strtoull(*at, &end, 10);
	unsigned shift = 0;

	switch (*end) {
	case 'K': case 'k': shift = 10; break;
	case 'M': case 'm': shift = 20; break;
	case 'G': case 'g': shift = 30; break;
	}
	if (end == *at || **at == '-' || size > UINT64_MAX >> shift)
		return 0;
	*at = end + (shift != 0);
	return size << shift >> EXO_FRAME_SHIFT;
}

static void node_add(uint64_t count)
{
	struct hal_boot_info *boot = &host_machine.boot;
	struct hal_node_range *range = &boot->nodes[boot->node_ranges];

	range->first = boot->node_ranges ? range[-1].first + range[-1].count : FIRST_FRAME;
	range->count = count;
	range->node = boot->node_ranges++;
}

static bool split_by_sizes(const char *text, uint64_t left)
{
	for (;; text++) {
		uint64_t count = size_take(&text);

		if (count == 0 || count >= left || host_machine.boot.node_ranges + 1 == HAL_NODE_RANGES_MAX)
			return false;
		node_add(count);
		left -= count;
		if (*text != ',')
			break;
	}
	node_add(left);
	return *text == 0;
}

bool host_nodes_start(const struct options *options, const char **message)
{
	uint64_t frames = options->memory >> EXO_FRAME_SHIFT;
	char *end = 0;
	unsigned long nodes = options->numa ? strtoul(options->numa, &end, 10) : 1;

	host_machine.boot.colours = options->colours ? options->colours : 1;
	if (options->numa && (end == options->numa || *end)) {
		*message = "--numa wants a number of nodes, or the sizes of all but the last, such as 64M,128M";
		return split_by_sizes(options->numa, frames);
	}
	*message = "--numa wants 1 to 16 nodes";
	if (nodes < 1 || nodes > HAL_NODE_RANGES_MAX)
		return false;
	for (unsigned long i = 1; i < nodes; i++)
		node_add(frames / nodes);
	node_add(frames - frames / nodes * (nodes - 1));
	return true;
}

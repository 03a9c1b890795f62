/* exo mem: frames by node and cache colour, and how often they are mapped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo.h"
#include "text.h"

#define NODES_MAX   16u
#define FRAMES_EACH EXO_LIST_MAX
#define SHARES      5u

struct tally {
	uint64_t frames, plain, fund, kernel, mapped;
};

static struct {
	struct exo_node_info nodes[NODES_MAX];
	uint64_t node_count;
	struct tally by_node[NODES_MAX], all;
	uint64_t *by_colour; /* mapped frames */
	uint32_t colours;
	uint64_t least, most;    /* of by_colour */
	uint64_t shares[SHARES]; /* frames mapped 0, 1, 2, 3 to 9 times, more often */
} mem;

static const char *const share_names[SHARES] = { "0", "1", "2", "3-9", "10+" };

static void tally_add(struct tally *t, const struct exo_frame_info *f)
{
	t->frames++;
	t->plain += f->kind == EXO_FRAME_PLAIN;
	t->fund += f->kind == EXO_FRAME_FUND;
	t->kernel += f->kind == EXO_FRAME_KERNEL;
	t->mapped += f->maps > 0;
}

static void frame_add(const struct exo_frame_info *f, struct tally *node)
{
	tally_add(node, f);
	tally_add(&mem.all, f);
	mem.shares[f->maps < 3 ? f->maps : f->maps < 10 ? 3 : 4]++;
	if (f->maps > 0 && f->colour < mem.colours)
		mem.by_colour[f->colour]++;
}

static void load_node(exo_cap_t memory, uint64_t n)
{
	static struct exo_frame_info frames[FRAMES_EACH];
	uint64_t count = 0;

	for (uint64_t done = 0; done < mem.nodes[n].count; done += count) {
		uint64_t left = mem.nodes[n].count - done;

		memset(frames, 0xff, sizeof(frames));
		check(exo_frame_info(memory, mem.nodes[n].first + done, frames, left < FRAMES_EACH ? left : FRAMES_EACH, &count),
		      "cannot look at frames");
		for (uint64_t i = 0; i < count && i < FRAMES_EACH; i++)
			frame_add(&frames[i], &mem.by_node[n]);
		if (count == 0)
			return;
	}
}

static void load_memory(exo_cap_t memory)
{
	memset(&mem, 0, sizeof(mem));
	memset(mem.nodes, 0xff, sizeof(mem.nodes));
	check(exo_list_nodes(memory, mem.nodes, NODES_MAX, 0, &mem.node_count), "cannot list nodes");
	if (mem.node_count > NODES_MAX)
		mem.node_count = NODES_MAX;
	mem.colours = mem.node_count && mem.nodes[0].colours ? mem.nodes[0].colours : 1;
	mem.by_colour = more_memory(NULL, mem.colours, sizeof(*mem.by_colour));
	memset(mem.by_colour, 0, mem.colours * sizeof(*mem.by_colour));
	for (uint64_t n = 0; n < mem.node_count; n++)
		load_node(memory, n);
	mem.least = mem.most = mem.by_colour[0];
	for (uint32_t c = 1; c < mem.colours; c++) {
		mem.least = mem.by_colour[c] < mem.least ? mem.by_colour[c] : mem.least;
		mem.most = mem.by_colour[c] > mem.most ? mem.by_colour[c] : mem.most;
	}
}

/* Columns of numbers: 8 characters, or what today's machines need in the wide form. */
static void print_tally(const struct tally *t, bool wide)
{
	const uint64_t values[] = { t->frames, t->plain, t->fund, t->kernel, t->mapped };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		printf(" %*s", wide ? 14 : 8, number_text(values[i], wide ? FULL_WIDTH : 8));
	putchar('\n');
}

static void print_memory(bool wide)
{
	int width = wide ? 18 : 12, column = wide ? 14 : 8;
	unsigned fits = wide ? FULL_WIDTH : 12;

	printf("%-4s %*s %*s %*s %*s %*s %*s %*s\n", "NODE", width, "FIRST", width, "LAST", column, "FRAMES", column, "PLAIN", column, "FUND",
	       column, "KERNEL", column, "MAPPED");
	for (uint64_t n = 0; n < mem.node_count; n++) {
		const struct exo_node_info *node = &mem.nodes[n];

		printf("%-4s %*s %*s", number_text(node->node, wide ? FULL_WIDTH : 5), width, hex_text(node->first, fits), width,
		       hex_text(node->first + node->count - 1, fits));
		print_tally(&mem.by_node[n], wide);
	}
	printf("%-4s %*s %*s", "all", width, "", width, "");
	print_tally(&mem.all, wide);
	printf("\ncache colours %u: of one colour %s to %s mapped frames\n", mem.colours, number_text(mem.least, 12), number_text(mem.most, 12));
	printf("\n%-12s %10s\n", "TIMES MAPPED", "FRAMES");
	for (unsigned i = 0; i < SHARES; i++)
		printf("%-12s %10llu\n", share_names[i], (unsigned long long)mem.shares[i]);
}

static void tally_json(const struct tally *t)
{
	json_number("frames", t->frames);
	json_number("plain", t->plain);
	json_number("fund", t->fund);
	json_number("kernel", t->kernel);
	json_number("mapped", t->mapped);
}

static void memory_json(void)
{
	json_open(NULL, '{');
	json_open("nodes", '[');
	for (uint64_t n = 0; n < mem.node_count; n++) {
		json_open(NULL, '{');
		json_number("node", mem.nodes[n].node);
		json_number("first", mem.nodes[n].first);
		json_number("count", mem.nodes[n].count);
		tally_json(&mem.by_node[n]);
		json_close('}');
	}
	json_close(']');
	json_open("all", '{');
	tally_json(&mem.all);
	json_close('}');
	json_open("colours", '{');
	json_number("count", mem.colours);
	json_number("mapped_least", mem.least);
	json_number("mapped_most", mem.most);
	json_close('}');
	json_open("times_mapped", '{');
	for (unsigned i = 0; i < SHARES; i++)
		json_number(share_names[i], mem.shares[i]);
	json_close('}');
	json_close('}');
}

int show_memory(exo_cap_t memory, const struct options *options)
{
	load_memory(memory);
	if (options->json)
		memory_json();
	else
		print_memory(options->wide);
	free(mem.by_colour);
	return EXO_DONE;
}

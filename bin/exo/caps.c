/* exo caps, a tree of who derived what from what, and exo extents, memory by address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo.h"
#include "text.h"

#define BATCH      64u
#define SLOT_MASK  UINT64_C(0xffff)
#define TREE_WIDTH 16u /* of a capability with what it is indented by */
#define NONE       UINT32_MAX

struct exo_cap_info *load_caps(exo_cap_t audit, size_t *count)
{
	struct exo_cap_info *caps = NULL;
	uint64_t start = 1, got;
	enum exo_status status;
	bool more;

	*count = 0;
	do {
		caps = more_memory(caps, *count + BATCH, sizeof(*caps));
		memset(caps + *count, 0xff, BATCH * sizeof(*caps));
		status = exo_list_caps(audit, caps + *count, BATCH, start, &got);
		more = status == EXO_E_AGAIN;
		if (!more)
			check(status, "cannot list capabilities");
		if (got > BATCH)
			got = BATCH;
		*count += got;
		if (more)
			start += EXO_LIST_SLOTS;
		else if (got > 0)
			start = (caps[*count - 1].cap & SLOT_MASK) + 1;
	} while ((more || got == BATCH) && start <= SLOT_MASK && *count <= SLOT_MASK);
	return caps;
}

/* ---- the tree ---- */

/* Of a capability, by its place in the list. */
struct node {
	uint32_t parent, child, next; /* NONE: there is none */
	uint32_t depth;
	bool shown;
};

static struct exo_cap_info *caps;
static size_t cap_count;
static uint32_t *by_name; /* places, in order of the names */
static struct node *nodes;

static int compare_names(const void *a, const void *b)
{
	exo_cap_t x = caps[*(const uint32_t *)a].cap, y = caps[*(const uint32_t *)b].cap;

	return (x > y) - (x < y);
}

static uint32_t find(exo_cap_t name)
{
	size_t low = 0, high = cap_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (caps[by_name[middle]].cap < name)
			low = middle + 1;
		else
			high = middle;
	}
	return low < cap_count && caps[by_name[low]].cap == name ? by_name[low] : NONE;
}

/* A parent that has gone while we listed leaves its children at the top. Children are in order of their slots. */
static void tree_make(void)
{
	by_name = more_memory(NULL, cap_count + 1, sizeof(*by_name));
	nodes = more_memory(NULL, cap_count + 1, sizeof(*nodes));
	for (uint32_t i = 0; i < cap_count; i++) {
		by_name[i] = i;
		nodes[i] = (struct node){ .parent = NONE, .child = NONE, .next = NONE };
	}
	qsort(by_name, cap_count, sizeof(*by_name), compare_names);
	for (uint32_t i = (uint32_t)cap_count; i-- > 0;) {
		uint32_t parent = caps[i].parent == EXO_CAP_NONE ? NONE : find(caps[i].parent);

		if (parent == NONE || parent == i)
			continue;
		nodes[i].parent = parent;
		nodes[i].next = nodes[parent].child;
		nodes[parent].child = i;
	}
}

static void tree_free(void)
{
	free(by_name);
	free(nodes);
}

/* The next one below `root` in the order in which a tree is read, or NONE. */
static uint32_t tree_next(uint32_t root, uint32_t at)
{
	if (nodes[at].child != NONE && !nodes[nodes[at].child].shown) {
		nodes[nodes[at].child].depth = nodes[at].depth + 1;
		return nodes[at].child;
	}
	while (at != root && (nodes[at].next == NONE || nodes[nodes[at].next].shown))
		at = nodes[at].parent;
	if (at == root)
		return NONE;
	nodes[nodes[at].next].depth = nodes[at].depth;
	return nodes[at].next;
}

/* Two columns for each level; deeper than there is room for, the number of the level stands in front. */
static const char *tree_text(exo_cap_t cap, uint32_t depth)
{
	const char *text = cap_text(cap, 11);

	if (depth * UINT64_C(2) <= TREE_WIDTH - strlen(text))
		return text_of("%*s%s", (int)depth * 2, "", text);
	return text_of("%s>%s", depth < 1000 ? number_text(depth, 5) : "1K", text);
}

static const char *extent_text(const struct exo_cap_info *c, unsigned width)
{
	unsigned half = (width - 1) / 2;
	const char *text = text_of("%llu+%llu", (unsigned long long)c->first, (unsigned long long)c->count);

	if (!exo_cap_is_extent(c->type))
		return number_text(c->first, width);
	return strlen(text) <= width ? text : text_of("%s+%s", number_text(c->first, half), number_text(c->count, half));
}

static const char *expiry_text(uint64_t ns, unsigned width, unsigned decimals)
{
	return ns == EXO_NO_EXPIRY ? "never" : seconds_text(ns, width, decimals);
}

/* ---- the rows ---- */

static struct exo_zone_info *zones;
static size_t zone_count;

static const char *zone_name(uint32_t number)
{
	for (size_t i = 0; i < zone_count; i++)
		if (zones[i].number == number)
			return zones[i].name;
	return "";
}

static void cap_row(const struct exo_cap_info *c, uint32_t depth)
{
	printf("%-16s %-12s %s %5s %-10.10s %14s %6s\n", tree_text(c->cap, depth), type_text(c->type), rights_text(c->rights),
	       number_text(c->owner_zone, 5), name_text(zone_name(c->owner_zone), NAME_SIZE), extent_text(c, 14),
	       expiry_text(c->expires_ns, 6, 1));
}

static void cap_row_wide(const struct exo_cap_info *c, uint32_t depth)
{
	printf("%*s%-*s %-12s %-12s %s %6u %-16s %20s %6u %14s\n", (int)(depth < 20 ? depth * 2 : 40), "", (int)(depth < 6 ? 24 - depth * 2 : 12),
	       cap_text(c->cap, FULL_WIDTH), cap_text(c->parent, FULL_WIDTH), type_text(c->type), rights_text(c->rights), c->owner_zone,
	       name_full(zone_name(c->owner_zone), NAME_SIZE), extent_text(c, FULL_WIDTH), c->refs,
	       expiry_text(c->expires_ns, FULL_WIDTH, 3));
}

static void cap_json(const struct exo_cap_info *c, uint32_t depth)
{
	json_open(NULL, '{');
	json_cap("cap", c->cap);
	json_cap("parent", c->parent);
	json_number("depth", depth);
	json_text("type", type_text(c->type));
	json_text("rights", rights_text(c->rights));
	json_number("zone", c->owner_zone);
	json_string("zone_name", zone_name(c->owner_zone), NAME_SIZE);
	json_number("first", c->first);
	json_number("count", c->count);
	json_number("refs", c->refs);
	if (c->expires_ns == EXO_NO_EXPIRY)
		json_null("expires_ns");
	else
		json_number("expires_ns", c->expires_ns);
	json_close('}');
}

/* From one that nothing listed is above, down. */
static void show_tree(uint32_t root, const struct options *options)
{
	for (uint32_t at = root; at != NONE; at = tree_next(root, at)) {
		nodes[at].shown = true;
		(options->json ? cap_json : options->wide ? cap_row_wide : cap_row)(&caps[at], nodes[at].depth);
	}
}

int show_caps(exo_cap_t audit, const struct options *options)
{
	caps = load_caps(audit, &cap_count);
	zones = load_zones(audit, &zone_count);
	tree_make();
	if (options->json) {
		json_open(NULL, '{');
		json_open("caps", '[');
	} else if (options->wide) {
		printf("%-24s %-12s %-12s %-10s %6s %-16s %20s %6s %14s\n", "CAP", "PARENT", "TYPE", "RIGHTS", "ZONE", "NAME", "EXTENT/OBJECT",
		       "REFS", "EXPIRES");
	} else {
		printf("%-16s %-12s %-10s %5s %-10s %14s %6s\n", "CAP", "TYPE", "RIGHTS", "ZONE", "NAME", "EXTENT/OBJECT", "EXPIRE");
	}
	for (uint32_t i = 0; i < cap_count; i++)
		if (nodes[i].parent == NONE)
			show_tree(i, options);
	/* Only a list that says of two that each is the other's parent has more. */
	for (uint32_t i = 0; i < cap_count; i++)
		if (!nodes[i].shown)
			show_tree(i, options);
	if (options->json) {
		json_close(']');
		json_close('}');
	}
	tree_free();
	free(zones);
	free(caps);
	return EXO_DONE;
}

/* ---- extents ---- */

static int by_extent(const void *a, const void *b)
{
	const struct exo_cap_info *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->count < y->count) - (x->count > y->count);
}

static void extent_row(const struct exo_cap_info *c, bool wide)
{
	uint64_t last = c->first + c->count - 1, kib = c->count * (EXO_FRAME_SIZE / 1024);

	if (wide)
		printf("%#18llx %#18llx %14llu %14llu %s %6u %-12s %-12s\n", (unsigned long long)c->first, (unsigned long long)last,
		       (unsigned long long)c->count, (unsigned long long)kib, rights_text(c->rights), c->owner_zone,
		       cap_text(c->cap, FULL_WIDTH), cap_text(c->parent, FULL_WIDTH));
	else
		printf("%12s %12s %9s %10s %s %5s %s\n", hex_text(c->first, 12), hex_text(last, 12), number_text(c->count, 9),
		       number_text(kib, 10), rights_text(c->rights), number_text(c->owner_zone, 5), cap_text(c->cap, 11));
}

static void extent_json(const struct exo_cap_info *c)
{
	json_open(NULL, '{');
	json_number("first", c->first);
	json_number("count", c->count);
	json_text("rights", rights_text(c->rights));
	json_number("zone", c->owner_zone);
	json_cap("cap", c->cap);
	json_cap("parent", c->parent);
	json_close('}');
}

int show_extents(exo_cap_t audit, const struct options *options)
{
	size_t count;
	struct exo_cap_info *list = load_caps(audit, &count);

	qsort(list, count, sizeof(*list), by_extent);
	if (options->json) {
		json_open(NULL, '{');
		json_open("extents", '[');
	} else if (options->wide) {
		printf("%18s %18s %14s %14s %-10s %6s %-12s %-12s\n", "FIRST", "LAST", "FRAMES", "KIB", "RIGHTS", "ZONE", "CAP", "PARENT");
	} else {
		printf("%12s %12s %9s %10s %-10s %5s %s\n", "FIRST", "LAST", "FRAMES", "KIB", "RIGHTS", "ZONE", "CAP");
	}
	for (size_t i = 0; i < count; i++) {
		if (list[i].type != EXO_CAP_MEMORY)
			continue;
		if (options->json)
			extent_json(&list[i]);
		else
			extent_row(&list[i], options->wide);
	}
	if (options->json) {
		json_close(']');
		json_close('}');
	}
	free(list);
	return EXO_DONE;
}

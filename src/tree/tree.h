/*
 * Intervals that do not overlap, in a balanced tree (A. Andersson, "Balanced search trees made simple", 1993). Each has a
 * deadline, and knows the soonest of those below it. Pure functions; all take steps by the logarithm of the number of intervals.
 */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	struct interval *left, *right;
	uint64_t first, end;  /* [first, end); may change while it is in the tree, as long as the order stays */
	uint64_t expires;     /* its deadline; UINT64_MAX: none */
	uint64_t soonest;     /* the first deadline of it and of those below it */
	uint32_t level;
};

/* The last that starts at or below `at`; NULL: none. */
struct interval *tree_before(struct interval *root, uint64_t at);
/* The first that ends above `at`; NULL: none. */
struct interval *tree_after(struct interval *root, uint64_t at);
/* One whose deadline has passed by `now`; NULL: none. */
struct interval *tree_expired(struct interval *root, uint64_t now);

/* Puts one in whose first, end and expires are set. */
void tree_insert(struct interval **root, struct interval *interval);
void tree_remove(struct interval **root, const struct interval *interval);

/* The first deadline of all. */
static inline uint64_t tree_deadline(const struct interval *root)
{
	return root ? root->soonest : UINT64_MAX;
}

#endif

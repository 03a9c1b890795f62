/*
 * The tree of intervals. A node's level is that of its left child + 1, and of its right child or that + 1, and more than that of its right grandchild.
 */
#include <tree/tree.h>

struct interval *tree_before(struct interval *root, uint64_t at)
{
	struct interval *b = root, *found = NULL;

	while (b) {
		bool below = b->first <= at;

		found = below ? b : found;
		b = below ? b->right : b->left;
	}
	return found;
}

struct interval *tree_after(struct interval *root, uint64_t at)
{
	struct interval *b = root, *found = NULL;

	while (b) {
		bool above = b->end > at;

		found = above ? b : found;
		b = above ? b->left : b->right;
	}
	return found;
}

struct interval *tree_expired(struct interval *root, uint64_t now)
{
	struct interval *b = root;

	if (tree_deadline(b) > now)
		return NULL;
	while (b->expires > now)
		b = tree_deadline(b->left) <= now ? b->left : b->right;
	return b;
}

/* ---- Balance ------------------------------------------------------------- */

static unsigned level_of(const struct interval *b)
{
	return b ? b->level : 0;
}

static struct interval *noted(struct interval *b)
{
	uint64_t own = b->expires, left = tree_deadline(b->left), right = tree_deadline(b->right);

	b->soonest = left < right ? left : right;
	if (own < b->soonest)
		b->soonest = own;
	return b;
}

/* A left child of the same level comes up. */
static struct interval *skewed(struct interval *b)
{
	struct interval *up = b ? b->left : NULL;

	if (!up || up->level != b->level)
		return b;
	b->left = up->right;
	up->right = noted(b);
	return noted(up);
}

/* Of three in a row to the right on one level the middle one comes up. */
static struct interval *split(struct interval *b)
{
	struct interval *up = b ? b->right : NULL;

	if (!up || level_of(up->right) != b->level)
		return b;
	b->right = up->left;
	up->left = noted(b);
	up->level++;
	return noted(up);
}

static struct interval *inserted(struct interval *root, struct interval *b)
{
	if (!root) {
		b->left = b->right = NULL;
		b->level = 1;
		return noted(b);
	}
	if (b->first < root->first)
		root->left = inserted(root->left, b);
	else
		root->right = inserted(root->right, b);
	return split(skewed(noted(root)));
}

/* Something below has become less high. */
static struct interval *lowered(struct interval *b)
{
	unsigned left = level_of(b->left), right = level_of(b->right), most = (left < right ? left : right) + 1;

	if (most < b->level) {
		b->level = most;
		if (right > most)
			b->right->level = most;
	}
	b = skewed(noted(b));
	b->right = skewed(b->right);
	if (b->right)
		b->right->right = skewed(b->right->right);
	b = split(noted(b));
	b->right = split(b->right);
	return noted(b);
}

static struct interval *removed(struct interval *root, const struct interval *b)
{
	struct interval *next;

	if (root == b) {
		if (!b->left || !b->right)
			return b->left ? b->left : b->right;
		for (next = b->right; next->left; next = next->left)
			;
		next->right = removed(b->right, next);
		next->left = b->left;
		next->level = b->level;
		return lowered(next);
	}
	if (b->first < root->first)
		root->left = removed(root->left, b);
	else
		root->right = removed(root->right, b);
	return lowered(root);
}

void tree_insert(struct interval **root, struct interval *b)
{
	*root = inserted(*root, b);
}

void tree_remove(struct interval **root, const struct interval *b)
{
	*root = removed(*root, b);
}

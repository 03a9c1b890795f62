/*
 * The tree of intervals. A node's level is that of its left child + 1, and of its right child or that + 1, and more than that of its right grandchild.
 */
#include <core/interval.h>
#include <core/state.h>

struct binding *interval_before(const struct bindings *bindings, exo_vaddr_t vaddr)
{
	struct binding *b = bindings->root, *found = NULL;

	while (b) {
		bool at = b->first <= vaddr;

		found = at ? b : found;
		b = at ? b->right : b->left;
	}
	return found;
}

struct binding *interval_after(const struct bindings *bindings, exo_vaddr_t vaddr)
{
	struct binding *b = bindings->root, *found = NULL;

	while (b) {
		bool above = b->end > vaddr;

		found = above ? b : found;
		b = above ? b->left : b->right;
	}
	return found;
}

struct binding *interval_expired(const struct bindings *bindings, uint64_t now)
{
	struct binding *b = bindings->root;

	if (interval_deadline(b) > now)
		return NULL;
	while (cap_at(b->slot)->expires > now)
		b = interval_deadline(b->left) <= now ? b->left : b->right;
	return b;
}

/* ---- Balance ------------------------------------------------------------- */

static unsigned level_of(const struct binding *b)
{
	return b ? b->level : 0;
}

static struct binding *noted(struct binding *b)
{
	uint64_t own = cap_at(b->slot)->expires, left = interval_deadline(b->left), right = interval_deadline(b->right);

	b->soonest = left < right ? left : right;
	if (own < b->soonest)
		b->soonest = own;
	return b;
}

/* A left child of the same level comes up. */
static struct binding *skewed(struct binding *b)
{
	struct binding *up = b ? b->left : NULL;

	if (!up || up->level != b->level)
		return b;
	b->left = up->right;
	up->right = noted(b);
	return noted(up);
}

/* Of three in a row to the right on one level the middle one comes up. */
static struct binding *split(struct binding *b)
{
	struct binding *up = b ? b->right : NULL;

	if (!up || level_of(up->right) != b->level)
		return b;
	b->right = up->left;
	up->left = noted(b);
	up->level++;
	return noted(up);
}

static struct binding *inserted(struct binding *root, struct binding *b)
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
static struct binding *lowered(struct binding *b)
{
	unsigned left = level_of(b->left), right = level_of(b->right), most = (left < right ? left : right) + 1;

	if (most < b->level) {
		b->level = (uint8_t)most;
		if (right > most)
			b->right->level = (uint8_t)most;
	}
	b = skewed(noted(b));
	b->right = skewed(b->right);
	if (b->right)
		b->right->right = skewed(b->right->right);
	b = split(noted(b));
	b->right = split(b->right);
	return noted(b);
}

static struct binding *removed(struct binding *root, const struct binding *b)
{
	struct binding *next;

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

void interval_insert(struct bindings *bindings, struct binding *b)
{
	bindings->root = inserted(bindings->root, b);
	bindings->count++;
}

void interval_remove(struct bindings *bindings, struct binding *b)
{
	bindings->root = removed(bindings->root, b);
	bindings->count--;
}

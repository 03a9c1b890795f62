/* tmpfs: extended attributes. What is stored; who may see and change it is in xattr.c. */
#include <libos/fs/tmpfs.h>

/* What one takes of the file system's room for metadata, as Linux counts it: simple_xattr_space(). */
#define XATTR_OVERHEAD 40u
/* No inode has more names than listxattr(2) can tell, so that a walk over them is short. */
#define NAMES_MAX 65536u

struct tmpfs_xattr {
	struct list node;
	uint32_t name_size; /* with the NUL */
	uint32_t size;
	char bytes[]; /* the name, then the value */
};

#define XATTR_OF(at) LIST_ENTRY(at, struct tmpfs_xattr, node)

static uint64_t space_of(const struct tmpfs_xattr *x)
{
	return XATTR_OVERHEAD + x->name_size - 1 + x->size;
}

static int compare(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

static struct tmpfs_xattr *find(struct tmpfs_node *n, const char *name)
{
	LIST_EACH(at, &n->xattrs) {
		if (!compare(XATTR_OF(at)->bytes, name))
			return XATTR_OF(at);
	}
	return NULL;
}

int64_t tmpfs_xattr_get(struct inode *inode, const char *name, const void **value)
{
	const struct tmpfs_xattr *x = find(tmpfs_node(inode), name);
	if (!x)
		return -ENODATA;
	*value = x->bytes + x->name_size;
	return x->size;
}

static struct tmpfs_xattr *xattr_new(const char *name, const void *value, size_t size)
{
	size_t name_size = str_length(name) + 1;
	struct tmpfs_xattr *x = heap_alloc(sizeof(*x) + name_size + size);
	if (!x)
		return NULL;
	list_init(&x->node);
	x->name_size = (uint32_t)name_size;
	x->size = (uint32_t)size;
	memcpy(x->bytes, name, name_size);
	if (size)
		memcpy(x->bytes + name_size, value, size);
	return x;
}

static void xattr_drop(struct inode *inode, struct tmpfs_xattr *x)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	tmpfs_uncharge(inode->super, space_of(x));
	n->xattr_names -= x->name_size;
	list_remove(&x->node);
	heap_free(x);
}

/* Names go downwards, as those of Linux's tmpfs do. */
static void insert(struct tmpfs_node *n, struct tmpfs_xattr *x)
{
	struct list *after = &n->xattrs;
	LIST_EACH(at, &n->xattrs) {
		if (compare(XATTR_OF(at)->bytes, x->bytes) < 0)
			break;
		after = at;
	}
	list_insert_after(after, &x->node);
	n->xattr_names += x->name_size;
}

int tmpfs_xattr_set(struct inode *inode, const char *name, const void *value, size_t size, uint32_t flags)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	struct tmpfs_xattr *old = find(n, name), *made = NULL;
	uint64_t space = XATTR_OVERHEAD + str_length(name) + size;
	/* The room for the new one is taken while the old one has its own still. */
	if (value && !tmpfs_charge(inode->super, space))
		return -ENOSPC;
	int r = old && flags & XATTR_CREATE ? -EEXIST : !old && flags & XATTR_REPLACE ? -ENODATA : 0;
	if (!r && value && !old && n->xattr_names + str_length(name) + 1 > NAMES_MAX)
		r = -ENOSPC;
	if (!r && value && !(made = xattr_new(name, value, size)))
		r = -ENOMEM;
	if (r) {
		if (value)
			tmpfs_uncharge(inode->super, space);
		return r;
	}
	if (old)
		xattr_drop(inode, old);
	if (made)
		insert(n, made);
	inode->ctime = vfs_now();
	return 0;
}

const char *tmpfs_xattr_next(struct inode *inode, const char *name)
{
	struct list *first = &tmpfs_node(inode)->xattrs;
	struct list *at = name ? &((struct tmpfs_xattr *)(uintptr_t)(name - offsetof(struct tmpfs_xattr, bytes)))->node : first;
	return at->next == first ? NULL : XATTR_OF(at->next)->bytes;
}

void tmpfs_xattrs_fini(struct inode *inode)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	while (!list_empty(&n->xattrs))
		xattr_drop(inode, XATTR_OF(n->xattrs.next));
}

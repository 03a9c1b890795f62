/* tmpfs: inode operations. Rules and permissions were checked above (names.c). */
#include <libos/fs/tmpfs.h>

#define LONG_TARGET 128u /* SHORT_SYMLINK_LEN: such a target counts as a page */

bool tmpfs_charge(struct super *super, uint64_t bytes)
{
	if (super->max_metadata - min_u64(super->used_metadata, super->max_metadata) < bytes)
		return false;
	super->used_metadata += bytes;
	return true;
}

void tmpfs_uncharge(struct super *super, uint64_t bytes)
{
	super->used_metadata -= bytes;
}

/* 0, -ENOSPC, -ENOMEM. */
static int node_new(struct super *super, uint32_t mode, const struct credentials *cred, struct tmpfs_node **made)
{
	if (!tmpfs_charge(super, TMPFS_INODE_SPACE))
		return -ENOSPC;
	struct tmpfs_node *n = frames_exhausted() ? NULL : heap_alloc(sizeof(*n));
	if (!n) {
		tmpfs_uncharge(super, TMPFS_INODE_SPACE);
		return -ENOMEM;
	}
	list_init(&n->xattrs);
	n->xattr_names = 0;
	inode_init(&n->inode, super, &tmpfs_ops, mode, cred);
	list_init(&n->names);
	n->linkable = false;
	n->title = NULL;
	n->dir = (struct tmpfs_dir){ 0 };
	if (is_type(&n->inode, S_IFREG)) {
		n->pages = (struct page_map){ 0 };
		n->inode.seals = F_SEAL_SEAL;
	}
	*made = n;
	return 0;
}

static void node_free(struct tmpfs_node *n)
{
	tmpfs_uncharge(n->inode.super, TMPFS_INODE_SPACE);
	inode_fini(&n->inode);
	heap_free(n);
}

int tmpfs_lookup(struct inode *dir, const char *name, size_t length, struct inode **found)
{
	struct tmpfs_entry *e = dir_find(tmpfs_node(dir), name, length);
	if (!e)
		return -ENOENT;
	*found = &e->node->inode;
	inode_get(*found);
	return 0;
}

/* A directory that has been removed takes no new entries. */
static bool is_dead(const struct inode *dir)
{
	return dir->nlink == 0;
}

static void inherit_group(struct inode *dir, struct inode *made)
{
	if (!(dir->mode & S_ISGID))
		return;
	made->gid = dir->gid;
	if (is_directory(made))
		made->mode |= S_ISGID;
}

/* length 0 makes a file without a name (O_TMPFILE). */
static int tmpfs_create(struct inode *dir, const char *name, size_t length, uint32_t mode, uint64_t rdev,
                        const struct credentials *cred, struct inode **made)
{
	if (is_dead(dir))
		return -ENOENT;
	struct tmpfs_node *n;
	int r = node_new(dir->super, mode, cred, &n);
	if (r)
		return r;
	n->inode.rdev = rdev;
	inherit_group(dir, &n->inode);
	*made = &n->inode;
	if (!length) {
		n->inode.nlink = 0;
		n->linkable = true;
		return 0;
	}
	struct tmpfs_entry *e = dir_prepare(tmpfs_node(dir), name, length);
	if (!e) {
		node_free(n);
		return -ENOMEM;
	}
	dir_insert(tmpfs_node(dir), e, n);
	inode_get(&n->inode);
	if (is_directory(&n->inode)) {
		n->inode.nlink = 2;
		n->dir.parent = tmpfs_node(dir);
		dir->nlink++;
	}
	dir->mtime = dir->ctime = n->inode.ctime;
	return 0;
}

static int tmpfs_symlink(struct inode *dir, const char *name, size_t length, const char *target,
                         const struct credentials *cred)
{
	if (is_dead(dir))
		return -ENOENT;
	size_t size = str_length(target);
	uint64_t pages = size >= LONG_TARGET;
	struct tmpfs_node *n;
	if (!tmpfs_has_room(dir->super, pages))
		return -ENOSPC;
	int r = node_new(dir->super, S_IFLNK | 0777, cred, &n);
	if (r)
		return r;
	n->target = heap_alloc(size);
	struct tmpfs_entry *e = n->target ? dir_prepare(tmpfs_node(dir), name, length) : NULL;
	if (!e) {
		heap_free(n->target);
		node_free(n);
		return -ENOMEM;
	}
	memcpy(n->target, target, size);
	n->inode.size = size;
	n->inode.pages = pages;
	dir->super->used_pages += pages;
	inherit_group(dir, &n->inode);
	dir_insert(tmpfs_node(dir), e, n);
	dir->mtime = dir->ctime = n->inode.ctime;
	return 0;
}

static int tmpfs_link(struct inode *dir, const char *name, size_t length, struct inode *target)
{
	struct tmpfs_node *n = tmpfs_node(target);
	if (is_dead(dir) || (target->nlink == 0 && !n->linkable))
		return -ENOENT;
	if (target->nlink >= UINT32_MAX / 2)
		return -EMLINK;
	/* A further name counts as an inode; the first one of a file that had none yet does not. */
	uint64_t space = target->nlink ? TMPFS_INODE_SPACE : 0;
	if (!tmpfs_charge(dir->super, space))
		return -ENOSPC;
	struct tmpfs_entry *e = frames_exhausted() ? NULL : dir_prepare(tmpfs_node(dir), name, length);
	if (!e) {
		tmpfs_uncharge(dir->super, space);
		return -ENOMEM;
	}
	dir_insert(tmpfs_node(dir), e, n);
	inode_get(target);
	target->nlink++;
	n->linkable = false;
	target->ctime = vfs_now();
	dir->mtime = dir->ctime = target->ctime;
	return 0;
}

/* The inode has lost a name. */
static void drop_name(struct inode *dir, struct inode *victim)
{
	victim->ctime = vfs_now();
	if (is_directory(victim)) {
		struct tmpfs_dir *d = &tmpfs_node(victim)->dir;
		victim->nlink = 0;
		dir->nlink--;
		d->parent_held = true;
		inode_get(&d->parent->inode);
	} else {
		victim->nlink--;
		if (victim->nlink)
			tmpfs_uncharge(victim->super, TMPFS_INODE_SPACE);
	}
	inode_put(victim);
}

static int tmpfs_unlink(struct inode *dir, const char *name, size_t length, struct inode *victim)
{
	struct tmpfs_entry *e = dir_find(tmpfs_node(dir), name, length);
	if (!e || &e->node->inode != victim)
		return -ENOENT;
	if (is_directory(victim) && tmpfs_node(victim)->dir.entry_count)
		return -ENOTEMPTY;
	dir_take_out(e);
	inode_modified(dir);
	drop_name(dir, victim);
	return 0;
}

static void set_parent(struct tmpfs_node *n, struct tmpfs_node *from, struct tmpfs_node *to)
{
	if (!is_directory(&n->inode) || from == to)
		return;
	from->inode.nlink--;
	to->inode.nlink++;
	n->dir.parent = to;
}

static void exchange(struct tmpfs_entry *a, struct tmpfs_entry *b)
{
	struct tmpfs_node *x = a->node, *y = b->node;
	list_remove(&a->name_node);
	list_remove(&b->name_node);
	a->node = y;
	b->node = x;
	list_push_front(&y->names, &a->name_node);
	list_push_front(&x->names, &b->name_node);
	set_parent(x, a->dir, b->dir);
	set_parent(y, b->dir, a->dir);
	x->inode.ctime = y->inode.ctime = vfs_now();
}

/* The name stands for another node from now on, which had none. */
static void replace(struct tmpfs_entry *e, struct inode *by)
{
	list_remove(&e->name_node);
	e->node = tmpfs_node(by);
	list_push_front(&e->node->names, &e->name_node);
	inode_get(by);
	by->nlink++;
}

static int tmpfs_rename(struct inode *from_dir, const char *from, size_t from_length, struct inode *moved,
                        struct inode *to_dir, const char *to, size_t to_length, struct inode *replaced, uint32_t flags,
                        struct inode *whiteout)
{
	struct tmpfs_node *source = tmpfs_node(from_dir), *target = tmpfs_node(to_dir);
	struct tmpfs_entry *old = dir_find(source, from, from_length), *gone = dir_find(target, to, to_length);
	if (!old || &old->node->inode != moved || is_dead(to_dir))
		return -ENOENT;
	if ((gone ? &gone->node->inode : NULL) != replaced)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		exchange(old, gone);
	} else {
		if (replaced && is_directory(replaced) && tmpfs_node(replaced)->dir.entry_count)
			return -ENOTEMPTY;
		struct tmpfs_entry *e = dir_prepare(target, to, to_length);
		if (!e)
			return -ENOMEM;
		if (gone) {
			dir_take_out(gone);
			drop_name(to_dir, replaced);
		}
		if (whiteout)
			replace(old, whiteout);
		else
			dir_take_out(old);
		dir_insert(target, e, tmpfs_node(moved));
		set_parent(tmpfs_node(moved), source, target);
		moved->ctime = vfs_now();
	}
	inode_modified(from_dir);
	inode_modified(to_dir);
	return 0;
}

struct inode *tmpfs_parent(struct inode *dir)
{
	struct inode *parent = &tmpfs_node(dir)->dir.parent->inode;
	inode_get(parent);
	return parent;
}

int64_t tmpfs_name(struct inode *inode, char *to, size_t size, struct inode **dir)
{
	struct list *first = list_first(&tmpfs_node(inode)->names);
	if (!first)
		return -ENOENT;
	const struct tmpfs_entry *e = LIST_ENTRY(first, struct tmpfs_entry, name_node);
	if (e->length > size)
		return -ERANGE;
	memcpy(to, e->name, e->length);
	*dir = &e->dir->inode;
	inode_get(*dir);
	return e->length;
}

static int64_t tmpfs_readlink(struct inode *inode, struct thread *thread, char *to, size_t size)
{
	(void)thread;
	size_t n = min_u64(size, inode->size);
	memcpy(to, tmpfs_node(inode)->target, n);
	return (int64_t)n;
}

int tmpfs_open(struct inode *inode, struct file *file, struct thread *thread)
{
	(void)thread;
	if (!is_type(inode, S_IFREG) && !is_directory(inode))
		return -ENXIO;
	file->ops = is_directory(inode) ? &directory_file_ops : &page_file_ops;
	return 0;
}

static void target_fini(struct inode *inode)
{
	inode->super->used_pages -= inode->pages;
	heap_free(tmpfs_node(inode)->target);
}

struct inode *tmpfs_release(struct inode *inode)
{
	struct inode *parent = NULL;
	if (is_directory(inode))
		parent = dir_fini(tmpfs_node(inode));
	else if (is_type(inode, S_IFREG))
		tmpfs_file_fini(inode);
	else if (is_type(inode, S_IFLNK))
		target_fini(inode);
	tmpfs_xattrs_fini(inode);
	heap_free(tmpfs_node(inode)->title);
	tmpfs_uncharge(inode->super, TMPFS_INODE_SPACE);
	heap_free(tmpfs_node(inode));
	return parent;
}

const struct inode_ops tmpfs_ops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rename = tmpfs_rename,
	.readdir = tmpfs_readdir,
	.parent = tmpfs_parent,
	.readlink = tmpfs_readlink,
	.page = tmpfs_page,
	.truncate = tmpfs_truncate,
	.open = tmpfs_open,
	.release = tmpfs_release,
	.name = tmpfs_name,
	.fallocate = tmpfs_fallocate,
	.next_page = tmpfs_next_page,
	.xattr_get = tmpfs_xattr_get,
	.xattr_set = tmpfs_xattr_set,
	.xattr_next = tmpfs_xattr_next,
};

bool inode_is_tmpfs(const struct inode *inode)
{
	return inode->ops == &tmpfs_ops;
}

bool inode_takes_direct(const struct inode *inode)
{
	return inode && inode_is_tmpfs(inode) && is_type(inode, S_IFREG);
}

void tmpfs_never_link(struct inode *inode)
{
	tmpfs_node(inode)->linkable = false;
}

/* Takes the whole tree apart, deepest directories first; what is open lives on without a name. */
static void tmpfs_kill(struct super *super)
{
	struct tmpfs_node *at = tmpfs_node(super->root);
	for (;;) {
		/* Nobody adds to it any more, so the slots behind the last entry are given up. */
		while (at->dir.slot_count && (at->dir.slots[at->dir.slot_count - 1] & 1))
			at->dir.slot_count--;
		struct tmpfs_entry *e = NULL;
		if (at->dir.slot_count)
			e = (struct tmpfs_entry *)(uintptr_t)at->dir.slots[at->dir.slot_count - 1];
		if (!e) {
			if (&at->inode == super->root)
				break;
			/* Empty now: its own entry is dealt with from its parent. */
			at = at->dir.parent;
			continue;
		}
		struct tmpfs_node *n = e->node;
		if (is_directory(&n->inode) && n->dir.entry_count) {
			at = n;
			continue;
		}
		dir_take_out(e);
		drop_name(&at->inode, &n->inode);
	}
}

uint64_t tmpfs_default_metadata(void)
{
	return libos.frames.total / 2 * TMPFS_INODE_SPACE;
}

uint64_t tmpfs_default_bytes(void)
{
	return libos.frames.total / 2 << PAGE_SHIFT;
}

struct super *tmpfs_new(const char *type, const char *source, uint64_t max_bytes, uint32_t mode)
{
	struct super *super = super_new(type, source, TMPFS_MAGIC);
	if (!super)
		return NULL;
	super->max_bytes = max_bytes;
	super->root_mode = mode;
	super->max_metadata = max_bytes == UINT64_MAX ? UINT64_MAX : tmpfs_default_metadata();
	super->kill = tmpfs_kill;
	struct tmpfs_node *root;
	if (node_new(super, S_IFDIR | mode, NULL, &root)) {
		heap_free(super);
		return NULL;
	}
	root->inode.nlink = 2;
	root->dir.parent = root;
	super->root = &root->inode;
	return super;
}

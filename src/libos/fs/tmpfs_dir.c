/* tmpfs directories: hash table and slot table. */
#include <libos/fs/tmpfs.h>

#define FIRST_BUCKETS 8u
#define FIRST_SLOTS   8u
#define POSITION_FIRST 2u /* 0 and 1 are "." and ".." */

/* FNV-1a, 32 bits (draft-eastlake-fnv), with a final mix because we use the low bits. */
static uint32_t hash_name(const char *name, size_t length)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h ^ h >> 15;
}

struct tmpfs_entry *dir_find(const struct tmpfs_node *node, const char *name, size_t length)
{
	const struct tmpfs_dir *dir = &node->dir;
	if (!dir->bucket_count)
		return NULL;
	uint32_t h = hash_name(name, length);
	struct tmpfs_entry *e = dir->buckets[h & (dir->bucket_count - 1)];
	while (e && !(e->hash == h && e->length == length && !memcmp(e->name, name, length)))
		e = e->hash_next;
	return e;
}

static bool grow_buckets(struct tmpfs_dir *dir)
{
	uint32_t count = dir->bucket_count ? dir->bucket_count * 2 : FIRST_BUCKETS;
	struct tmpfs_entry **buckets = heap_zalloc(count * sizeof(*buckets));
	if (!buckets)
		return dir->bucket_count != 0; /* longer chains do as well */
	for (uint32_t i = 0; i < dir->bucket_count; i++) {
		struct tmpfs_entry *e = dir->buckets[i];
		while (e) {
			struct tmpfs_entry *next = e->hash_next, **to = &buckets[e->hash & (count - 1)];
			e->hash_next = *to;
			*to = e;
			e = next;
		}
	}
	heap_free(dir->buckets);
	dir->buckets = buckets;
	dir->bucket_count = count;
	return true;
}

static bool reserve(struct tmpfs_dir *dir)
{
	if (dir->entry_count >= dir->bucket_count && !grow_buckets(dir))
		return false;
	if (dir->free_slot || dir->slot_count < dir->slot_capacity)
		return true;
	uint32_t capacity = dir->slot_capacity ? dir->slot_capacity * 2 : FIRST_SLOTS;
	uint64_t *slots = heap_resize(dir->slots, capacity * sizeof(*slots));
	if (!slots)
		return false;
	dir->slots = slots;
	dir->slot_capacity = capacity;
	return true;
}

struct tmpfs_entry *dir_prepare(struct tmpfs_node *dir, const char *name, size_t length)
{
	if (!reserve(&dir->dir))
		return NULL;
	struct tmpfs_entry *e = heap_alloc(sizeof(*e) + length);
	if (!e)
		return NULL;
	e->hash = hash_name(name, length);
	e->length = (uint32_t)length;
	memcpy(e->name, name, length);
	list_init(&e->name_node);
	return e;
}

void dir_insert(struct tmpfs_node *node, struct tmpfs_entry *e, struct tmpfs_node *target)
{
	struct tmpfs_dir *dir = &node->dir;
	struct tmpfs_entry **bucket = &dir->buckets[e->hash & (dir->bucket_count - 1)];
	e->dir = node;
	e->node = target;
	e->hash_next = *bucket;
	*bucket = e;
	if (dir->free_slot) {
		e->slot = dir->free_slot - 1;
		dir->free_slot = (uint32_t)(dir->slots[e->slot] >> 1);
	} else {
		e->slot = dir->slot_count++;
	}
	dir->slots[e->slot] = (uint64_t)(uintptr_t)e;
	dir->entry_count++;
	list_push_front(&target->names, &e->name_node);
}

void dir_take_out(struct tmpfs_entry *e)
{
	struct tmpfs_dir *dir = &e->dir->dir;
	struct tmpfs_entry **link = &dir->buckets[e->hash & (dir->bucket_count - 1)];
	while (*link != e)
		link = &(*link)->hash_next;
	*link = e->hash_next;
	if (--dir->entry_count == 0) {
		dir->slot_count = dir->free_slot = 0;
	} else {
		dir->slots[e->slot] = (uint64_t)dir->free_slot << 1 | 1;
		dir->free_slot = e->slot + 1;
	}
	list_remove(&e->name_node);
	heap_free(e);
}

struct inode *dir_fini(struct tmpfs_node *node)
{
	struct tmpfs_dir *dir = &node->dir;
	heap_free(dir->buckets);
	heap_free(dir->slots);
	return dir->parent_held ? &dir->parent->inode : NULL;
}

int tmpfs_readdir(struct inode *inode, uint64_t position, readdir_emit emit, void *arg)
{
	const struct tmpfs_dir *dir = &tmpfs_node(inode)->dir;
	uint64_t i = position < POSITION_FIRST ? 0 : position - POSITION_FIRST;
	for (; i < dir->slot_count; i++) {
		if (dir->slots[i] & 1)
			continue;
		const struct tmpfs_entry *e = (const void *)(uintptr_t)dir->slots[i];
		const struct inode *n = &e->node->inode;
		if (!emit(arg, e->name, e->length, n->ino, n->mode & S_IFMT, i + POSITION_FIRST + 1))
			break;
	}
	return 0;
}

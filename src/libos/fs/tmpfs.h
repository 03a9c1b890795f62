/* tmpfs: nodes and directories in memory. Shared by tmpfs_*.c only. */
#ifndef LIBOS_TMPFS_H
#define LIBOS_TMPFS_H

#include <libos/fs/internal.h>
#include <libos/fs/page_map.h>

struct tmpfs_node;

struct tmpfs_entry { /* a name in a directory; holds a reference to the inode */
	struct tmpfs_entry *hash_next;
	struct tmpfs_node *dir, *node;
	struct list name_node; /* tmpfs_node.names */
	uint32_t hash, slot;
	uint32_t length;
	char name[];
};

/*
 * Entries are found by hash, and listed by slot number: the slot is the readdir position, so it
 * never changes while the entry lives. A free slot holds (next free << 1 | 1).
 */
struct tmpfs_dir {
	struct tmpfs_entry **buckets;
	uint64_t *slots;
	uint32_t bucket_count; /* a power of two, or 0 */
	uint32_t slot_count, slot_capacity, free_slot; /* free_slot: index + 1, 0 none */
	uint32_t entry_count;
	struct tmpfs_node *parent;
	bool parent_held; /* removed: it keeps its parent alive, for ".." */
};

struct tmpfs_node {
	struct inode inode;
	struct list names;
	struct list xattrs;    /* tmpfs_xattr.c */
	uint32_t xattr_names;  /* bytes of their names */
	bool linkable; /* O_TMPFILE: may get a name though it has none */
	char *title;   /* of memfd_create, a block of its own; else NULL */
	union {
		struct page_map pages;
		struct tmpfs_dir dir;
		char *target; /* symbolic links: a block of its own, so that a long one takes no more than a page */
	};
};

static inline struct tmpfs_node *tmpfs_node(struct inode *inode) { return (struct tmpfs_node *)(void *)inode; }

extern const struct inode_ops tmpfs_ops;
/* Of these, what devpts.c uses, too. */
int tmpfs_lookup(struct inode *dir, const char *name, size_t length, struct inode **found);
struct inode *tmpfs_parent(struct inode *dir);
int64_t tmpfs_name(struct inode *inode, char *to, size_t size, struct inode **dir);
int tmpfs_open(struct inode *inode, struct file *file, struct thread *thread);
struct inode *tmpfs_release(struct inode *inode);

/* ---- tmpfs_dir.c: the containers, no rules ---- */
struct tmpfs_entry *dir_find(const struct tmpfs_node *dir, const char *name, size_t length);
/* Makes an entry that is in no directory yet, with room in `dir` for it. NULL: no memory. */
struct tmpfs_entry *dir_prepare(struct tmpfs_node *dir, const char *name, size_t length);
void dir_insert(struct tmpfs_node *dir, struct tmpfs_entry *entry, struct tmpfs_node *node); /* cannot fail */
void dir_take_out(struct tmpfs_entry *entry);  /* and frees the entry; the inode's reference passes to the caller */
struct inode *dir_fini(struct tmpfs_node *dir); /* gives the parent, if it held that; else NULL */
int tmpfs_readdir(struct inode *dir, uint64_t position, readdir_emit emit, void *arg);

/* ---- tmpfs.c: room for metadata ---- */
bool tmpfs_charge(struct super *super, uint64_t bytes); /* false: there is not so much left */
void tmpfs_uncharge(struct super *super, uint64_t bytes);

/* ---- tmpfs_xattr.c: inode_ops.xattr_* ---- */
int64_t tmpfs_xattr_get(struct inode *inode, const char *name, const void **value);
int tmpfs_xattr_set(struct inode *inode, const char *name, const void *value, size_t size, uint32_t flags);
const char *tmpfs_xattr_next(struct inode *inode, const char *name);
void tmpfs_xattrs_fini(struct inode *inode);

/* ---- tmpfs_file.c ---- */
bool tmpfs_has_room(const struct super *super, uint64_t pages);
int tmpfs_page(struct inode *inode, uint64_t index, bool create, exo_frame_t *frame);
int tmpfs_truncate(struct inode *inode, uint64_t size);
int tmpfs_fallocate(struct inode *inode, int mode, uint64_t offset, uint64_t length);
uint64_t tmpfs_next_page(struct inode *inode, uint64_t index, uint64_t end, bool data);
void tmpfs_file_fini(struct inode *inode);

#endif

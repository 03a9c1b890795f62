/*
 * What inotify(7) tells of: called where something happens to a file. Each call is one comparison while nobody watches
 * anything. None of them gives way. The callers have a reference of each inode.
 */
#ifndef LIBOS_NOTIFY_H
#define LIBOS_NOTIFY_H

#include <libos/fs/internal.h>

static inline bool notify_is_on(void) { return !list_empty(&libos.vfs.watches); }

/* The two below, when somebody watches. */
void notify_inode_now(struct inode *inode, uint32_t mask);
void notify_self_now(struct inode *inode, uint32_t mask);
void notify_name_now(struct inode *dir, const char *name, size_t length, uint32_t mask, uint32_t cookie);

/* To who watches the inode, and to who watches a directory that has it, with its name there. mask: one of IN_*. */
static inline void notify_inode(struct inode *inode, uint32_t mask)
{
	if (notify_is_on())
		notify_inode_now(inode, mask);
}
/* To who watches the inode itself alone. */
static inline void notify_self(struct inode *inode, uint32_t mask)
{
	if (notify_is_on())
		notify_self_now(inode, mask);
}
/* To who watches the directory: of what has, had or gets this name in it. mask: with IN_ISDIR if that is a directory. */
static inline void notify_name(struct inode *dir, const char *name, size_t length, uint32_t mask)
{
	if (notify_is_on())
		notify_name_now(dir, name, length, mask, 0);
}
/* A renaming, after it; exchanged: what had the second name has the first one now. */
void notify_move(struct inode *from_dir, const char *from, size_t from_length, struct inode *moved, struct inode *to_dir,
                 const char *to, size_t to_length, struct inode *exchanged);
/* A reference of an inode that is watched went: if it has no name and only watches hold it, these end. How many did; each had
 * a reference, which is the caller's to take off. */
uint32_t notify_put(struct inode *inode);
/* A file system is shown nowhere any more: nobody watches anything in it. */
void notify_unmount(const struct super *super);

/* /proc/sys/fs/inotify */
uint64_t inotify_max_watches(void), inotify_max_instances(void), inotify_max_events(void);

#endif

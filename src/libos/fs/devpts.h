/* devpts: the file system of the names of pseudo-terminals (tty/pty.c). Each mount of its own has numbers of its own. */
#ifndef LIBOS_FS_DEVPTS_H
#define LIBOS_FS_DEVPTS_H

#include <libos/fs/internal.h>
#include <libos/fs/mount_options.h>

#define DEVPTS_OPTIONS { .of_devpts = true, .mode = 0600, .uid = UINT32_MAX, .gid = UINT32_MAX, .count = UINT32_MAX }

struct super *devpts_new(const char *source, const struct mount_options *options); /* NULL: no memory */
/* Changes what names have from now on, and who may open ptmx. */
void devpts_set(struct super *super, const struct mount_options *options);
/* " ,gid=5,mode=620" and so on, for /proc/PID/mounts. */
void devpts_show_options(struct text *text, const struct super *super);

/* The one that a ptmx belongs to: the one that it is in, or the one on "pts" beside it. NULL: none. No reference. */
struct super *devpts_beside(const struct path *ptmx);
/* Is it the name of a pseudo-terminal, or ptmx, in some devpts? */
bool devpts_has(const struct inode *inode);
uint32_t devpts_max(const struct super *super); /* no number reaches this */
/* A name, and its inode, a reference. 0, -ENOMEM. */
int devpts_add(struct super *super, uint32_t number, const struct credentials *cred, struct inode **made);
void devpts_remove(struct inode *name, uint32_t number);

#endif

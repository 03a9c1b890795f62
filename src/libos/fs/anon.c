/* Files without a place in the tree, as epoll_create(2) and eventfd(2) make them: each kind has one inode, for ever. */
#include <libos/fs/internal.h>

#define ANON_INO 1u /* the same for every kind: on Linux it is one inode */

static const struct inode_ops anon_inode_ops = { 0 };

static struct inode *inode_of(const char *name)
{
	const struct vfs *vfs = &libos.vfs;
	for (size_t i = 0; i < sizeof(vfs->anon_kinds) / sizeof(vfs->anon_kinds[0]); i++) {
		struct anon_kind *kind = &libos.vfs.anon_kinds[i];
		if (!kind->name) {
			inode_init(&kind->inode, &libos.vfs.anon, &anon_inode_ops, 0600, NULL);
			kind->inode.ino = ANON_INO;
			kind->name = name;
		}
		if (str_equal(kind->name, name))
			return &kind->inode;
	}
	libos_panic("more kinds of anonymous files than ANON_KINDS");
}

const char *anon_name(const struct inode *inode)
{
	return inode_is_anon(inode) ? ((const struct anon_kind *)(const void *)inode)->name : NULL;
}

struct file *anon_file_new(const struct file_ops *ops, const char *name, uint32_t flags, void *private_data)
{
	struct file *file = file_new(ops, flags);
	if (!file)
		return NULL;
	file->private_data = private_data;
	path_set(&file->path, NULL, inode_of(name));
	return file;
}

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

int anon_file_make(const struct thread *self, const struct file_ops *ops, const char *name, uint32_t flags, size_t size, struct file **made)
{
	int r = files_check(&self->cred);
	if (r)
		return r;
	void *data = heap_zalloc(size);
	struct file *file = data ? file_new(ops, O_RDWR | (flags & O_NONBLOCK)) : NULL;
	if (!file) {
		heap_free(data);
		return -ENOMEM;
	}
	file->private_data = data;
	path_set(&file->path, NULL, inode_of(name));
	*made = file;
	return 0;
}

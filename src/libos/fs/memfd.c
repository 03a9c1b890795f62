/* Files without a name (memfd_create, and segments of shared memory), and the seals that files of tmpfs may have. */
#include <libos/fs/tmpfs.h>

#define MFD_CLOEXEC       0x01u
#define MFD_ALLOW_SEALING 0x02u
#define MFD_HUGETLB       0x04u
#define MFD_NOEXEC_SEAL   0x08u
#define MFD_EXEC          0x10u
#define MFD_KNOWN         (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC)
#define MFD_HUGE_SIZE     (0x3fu << 26)
#define TITLE_PREFIX      "memfd:"
#define TITLE_MAX         249u /* NAME_MAX without it */
#define EXECUTABLE        0111u

int64_t seals_of(const struct inode *inode)
{
	return inode_is_tmpfs(inode) && is_type(inode, S_IFREG) ? (int64_t)inode->seals : -EINVAL;
}

static int64_t add_checked(struct inode *inode, uint32_t seals)
{
	if (inode->seals & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && !(inode->seals & F_SEAL_WRITE) && inode->mapped_writable)
		return -EBUSY;
	/* What may be executed is not written any more. */
	if ((seals & F_SEAL_EXEC) && (inode->mode & EXECUTABLE))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	inode->seals |= seals;
	return 0;
}

int64_t seals_add(const struct file *file, uint32_t seals)
{
	struct inode *inode = file->path.inode;
	if (!file_writable(file))
		return -EPERM;
	if (seals & ~F_SEALS_ALL)
		return -EINVAL;
	if (seals_of(inode) < 0)
		return -EINVAL;
	inode_get(inode); /* another thread may close the file meanwhile */
	inode_enter(inode); /* a write that is under way ends before */
	int64_t r = add_checked(inode, seals);
	inode_leave(inode);
	inode_put(inode);
	return r;
}

const char *memfd_title(struct inode *inode)
{
	return libos.vfs.memfds && inode->super == libos.vfs.memfds ? tmpfs_node(inode)->title : NULL;
}

int memfd_inode(const struct credentials *cred, const char *title, uint32_t mode, struct inode **made)
{
	struct vfs *vfs = &libos.vfs;
	uint64_t size = str_length(title) + 1;
	if (!vfs->memfds)
		vfs->memfds = tmpfs_new("tmpfs", "tmpfs", UINT64_MAX, 01777);
	char *own = vfs->memfds ? heap_alloc(size) : NULL;
	if (!own)
		return -ENOMEM;
	int r = tmpfs_ops.create(vfs->memfds->root, "", 0, S_IFREG | mode, 0, cred, made);
	if (r) {
		heap_free(own);
		return r;
	}
	memcpy(own, title, size);
	tmpfs_node(*made)->title = own;
	tmpfs_node(*made)->linkable = false;
	return 0;
}

static int make(struct thread *self, const char *title, uint32_t flags, struct file **made)
{
	struct inode *inode;
	int r = files_check(&self->cred);
	if (!r)
		r = memfd_inode(&self->cred, title, flags & MFD_NOEXEC_SEAL ? 0777 & ~EXECUTABLE : 0777, &inode);
	if (r)
		return r;
	inode->seals = flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	r = open_inode(self, inode, O_RDWR, made);
	/* As on Linux, who made it may run it; not so who opens it once more, by /proc/PID/fd. */
	if (!r) {
		(*made)->writes = false;
		inode_write_end(inode);
	}
	return r;
}

int64_t sys_memfd_create(struct thread *self, const uint64_t *args_)
{
	uint32_t flags = (uint32_t)args_[1];
	char title[sizeof(TITLE_PREFIX) + TITLE_MAX] = TITLE_PREFIX;
	if (flags & ~(MFD_KNOWN | (flags & MFD_HUGETLB ? MFD_HUGE_SIZE : 0)))
		return -EINVAL;
	if ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))
		return -EINVAL;
	int64_t r = user_string(self->process->space, title + sizeof(TITLE_PREFIX) - 1, args_[0], TITLE_MAX + 1);
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	if (flags & MFD_HUGETLB)
		return -ENODEV; /* no such pages */
	struct file *file;
	r = make(self, title, flags, &file);
	return r ? r : fd_give(self, file, flags & MFD_CLOEXEC);
}

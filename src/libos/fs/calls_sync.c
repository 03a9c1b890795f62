/* System calls that write back and read ahead. All that there is to write back to is memory, so they check and succeed. */
#include <libos/fs/internal.h>

#define SYNC_RANGE_FLAGS 7u /* SYNC_FILE_RANGE_* */

static int64_t sync_file(struct thread *self, uint64_t fd)
{
	struct file *file = fd_io_file(self, fd);
	if (!file)
		return -EBADF;
	if (file->ops->fsync)
		return file->ops->fsync(file);
	const struct inode *inode = file->path.inode;
	return inode && (is_type(inode, S_IFIFO) || is_type(inode, S_IFCHR) || is_type(inode, S_IFSOCK) || inode_is_anon(inode)) ? -EINVAL : 0;
}

int64_t sys_fsync(struct thread *self, const uint64_t *args_)
{
	return sync_file(self, args_[0]);
}

int64_t sys_fdatasync(struct thread *self, const uint64_t *args_)
{
	return sync_file(self, args_[0]);
}

/* All that there is to write back to is memory. */
int64_t sys_sync(struct thread *self, const uint64_t *args_)
{
	(void)self, (void)args_;
	return 0;
}

int64_t sys_fadvise64(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	if (!file)
		return -EBADF;
	if (file->path.inode && is_type(file->path.inode, S_IFIFO))
		return -ESPIPE;
	return (int64_t)args_[2] < 0 || (uint32_t)args_[3] > POSIX_FADV_NOREUSE ? -EINVAL : 0;
}

int64_t sys_syncfs(struct thread *self, const uint64_t *args_)
{
	return fd_io_file(self, args_[0]) ? 0 : -EBADF;
}

int64_t sys_sync_file_range(struct thread *self, const uint64_t *args_)
{
	const struct file *file = fd_io_file(self, args_[0]);
	int64_t offset = (int64_t)args_[1], size = (int64_t)args_[2];
	if (!file)
		return -EBADF;
	if (((uint32_t)args_[3] & ~SYNC_RANGE_FLAGS) || offset < 0 || size < 0 || size > INT64_MAX - offset)
		return -EINVAL;
	const struct inode *inode = file->path.inode;
	bool kept = is_type(inode, S_IFREG) || is_type(inode, S_IFBLK) || is_type(inode, S_IFLNK) || is_directory(inode);
	return kept ? 0 : -ESPIPE;
}

int64_t sys_readahead(struct thread *self, const uint64_t *args_)
{
	const struct file *file = fd_io_file(self, args_[0]);
	if (!file || !file_readable(file))
		return -EBADF;
	return is_type(file->path.inode, S_IFREG) && (int64_t)args_[2] >= 0 ? 0 : -EINVAL;
}

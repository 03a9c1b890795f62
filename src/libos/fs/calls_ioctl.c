/* ioctl: what is the same for every file; the rest is the file's own. */
#include <libos/fs/internal.h>

#define BLOCK_SIZE_TOLD 4096

static int64_t tell(struct thread *self, uint64_t address, const void *value, size_t size)
{
	return user_write(self->process->space, address, value, size) ? -EFAULT : 0;
}

static int64_t set_nonblocking(struct thread *self, struct file *file, uint64_t address)
{
	int32_t on;
	if (user_read(self->process->space, &on, address, sizeof(on)))
		return -EFAULT;
	file->flags = on ? file->flags | O_NONBLOCK : file->flags & ~(uint32_t)O_NONBLOCK;
	return 0;
}

/* Nothing sends SIGIO; not to want it is no mistake. */
static int64_t set_async(struct thread *self, uint64_t address)
{
	int32_t on;
	if (user_read(self->process->space, &on, address, sizeof(on)))
		return -EFAULT;
	return on ? -ENOTTY : 0;
}

static int64_t tell_size(struct thread *self, const struct inode *inode, uint64_t address)
{
	int64_t bytes = (int64_t)(inode->pages << PAGE_SHIFT);
	if (!is_directory(inode) && !is_type(inode, S_IFREG))
		return -ENOTTY;
	return tell(self, address, &bytes, sizeof(bytes));
}

/* ---- what only other file systems can; which mistake comes first is the same here ---- */

/* Nothing shares blocks. */
static int64_t clone_file(struct thread *self, const struct file *to, uint64_t fd)
{
	const struct file *from = fd_io_file(self, fd);
	if (!from)
		return -EBADF;
	const struct inode *a = from->path.inode, *b = to->path.inode;
	if (a->super != b->super)
		return -EXDEV;
	if (is_directory(a) || is_directory(b))
		return -EISDIR;
	if (!is_type(a, S_IFREG) || !is_type(b, S_IFREG))
		return -EINVAL;
	return file_readable(from) && file_writable(to) && !(to->flags & O_APPEND) ? -EOPNOTSUPP : -EBADF;
}

static int64_t clone_range(struct thread *self, const struct file *to, uint64_t address)
{
	int64_t range[4]; /* the descriptor, and three numbers */
	if (user_read(self->process->space, range, address, sizeof(range)))
		return -EFAULT;
	return clone_file(self, to, (uint64_t)(int64_t)(int32_t)range[0]);
}

static int64_t dedupe(struct thread *self, const struct file *file, uint64_t address)
{
	struct {
		uint64_t offset, length;
		uint16_t count, reserved1;
		uint32_t reserved2;
	} head;
	const uint64_t each = 32; /* of struct file_dedupe_range_info */
	if (user_read(self->process->space, &head, address, sizeof(head)))
		return -EFAULT;
	if (sizeof(head) + head.count * each > PAGE_SIZE)
		return -ENOMEM;
	if (!file_readable(file) || head.reserved1 || head.reserved2)
		return -EINVAL;
	if (is_directory(file->path.inode))
		return -EISDIR;
	return is_type(file->path.inode, S_IFREG) ? -EOPNOTSUPP : -EINVAL;
}

static int64_t map_block(struct thread *self, uint64_t address)
{
	int32_t block;
	if (!privileged(&self->cred, PRIV_BLOCKS))
		return -EPERM;
	return user_read(self->process->space, &block, address, sizeof(block)) ? -EFAULT : -EINVAL;
}

/* Has it flags to get and to set? */
static bool has_file_flags(const struct inode *inode)
{
	return inode_is_tmpfs(inode) && (is_directory(inode) || is_type(inode, S_IFREG));
}

/* Flags that a file may have (immutable, append only and their kin) cannot be set; to set none is no mistake. */
static int64_t set_file_flags(struct thread *self, const struct file *file, uint64_t address)
{
	uint32_t flags;
	if (user_read(self->process->space, &flags, address, sizeof(flags)))
		return -EFAULT;
	if (path_writable(&file->path))
		return -EROFS;
	if (!inode_owned(file->path.inode, &self->cred))
		return -EPERM;
	return flags ? -EOPNOTSUPP : 0;
}

static bool foreign_ioctl(struct thread *self, struct file *file, uint32_t request, uint64_t arg, int64_t *r)
{
	const uint8_t nothing[28] = { 0 }; /* struct fsxattr */
	const struct inode *inode = file->path.inode;
	bool has_flags = has_file_flags(inode);
	switch (request) {
	case FICLONE:
		*r = clone_file(self, file, arg);
		return true;
	case FICLONERANGE:
		*r = clone_range(self, file, arg);
		return true;
	case FIDEDUPERANGE:
		*r = dedupe(self, file, arg);
		return true;
	case FS_IOC_FIEMAP:
		*r = -EOPNOTSUPP;
		return true;
	case FIFREEZE:
	case FITHAW:
		*r = !privileged(&self->cred, PRIV_MOUNT) ? -EPERM : request == FITHAW ? -EINVAL : -EOPNOTSUPP;
		return true;
	case FIBMAP:
		*r = map_block(self, arg);
		return is_type(inode, S_IFREG);
	case FS_IOC_SETFLAGS:
		*r = has_flags ? set_file_flags(self, file, arg) : 0;
		return has_flags;
	case FS_IOC_FSGETXATTR:
		*r = has_flags ? tell(self, arg, nothing, sizeof(nothing)) : 0;
		return has_flags;
	default:
		return false;
	}
}

/* What Linux answers for the file, before the file's own is asked. */
static bool common_ioctl(struct thread *self, struct file *file, uint32_t request, const uint64_t *args, int64_t *r)
{
	const struct inode *inode = file->path.inode;
	const int32_t block_size = BLOCK_SIZE_TOLD, none = 0;
	switch (request) {
	case FIOCLEX:
	case FIONCLEX:
		fd_set_cloexec(self->process->fds, (int)args[0], request == FIOCLEX);
		*r = 0;
		return true;
	case FIONBIO:
		*r = set_nonblocking(self, file, args[2]);
		return true;
	case FIOASYNC:
		*r = set_async(self, args[2]);
		return true;
	default:
		break;
	}
	if (!inode)
		return false;
	switch (request) {
	case FIGETBSZ:
		*r = tell(self, args[2], &block_size, sizeof(block_size));
		return true;
	case FIOQSIZE:
		*r = tell_size(self, inode, args[2]);
		return true;
	case FS_IOC_GETFLAGS:
		*r = tell(self, args[2], &none, sizeof(none));
		return has_file_flags(inode);
	default:
		return foreign_ioctl(self, file, request, args[2], r);
	}
}

static int64_t regular_ioctl(struct thread *self, struct file *file, uint32_t request, uint64_t arg)
{
	const struct inode *inode = file->path.inode;
	if (request == FIONREAD && inode && is_type(inode, S_IFREG)) {
		int32_t n = (int32_t)((int64_t)inode->size - (int64_t)file->position);
		return tell(self, arg, &n, sizeof(n));
	}
	return -ENOTTY;
}

int64_t sys_ioctl(struct thread *self, const uint64_t *args_)
{
	uint32_t request = (uint32_t)args_[1];
	struct file *file = fd_io_file(self, args_[0]);
	int64_t r;
	if (!file)
		return -EBADF;
	if (common_ioctl(self, file, request, args_, &r))
		return r;
	if (!file->ops->ioctl)
		return regular_ioctl(self, file, request, args_[2]);
	bool held = file_hold(self, file);
	r = file->ops->ioctl(file, self, request, args_[2]);
	file_unhold(file, held);
	return r;
}

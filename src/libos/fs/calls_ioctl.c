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
		return inode_is_tmpfs(inode) && (is_directory(inode) || is_type(inode, S_IFREG));
	default:
		return false;
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

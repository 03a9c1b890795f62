/* System calls on descriptors: open, close, dup, pipe, fcntl, flock, sync. */
#include <libos/fs/internal.h>

#define OPEN_FLAGS_KNOWN (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_ASYNC | \
	O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE)
#define LOCK_MAND 32 /* uapi/asm-generic/fcntl.h */
#define FCNTL_SETTABLE (O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT)
#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

static uint64_t fd_limit(const struct thread *self)
{
	return self->process->limits[RLIMIT_NOFILE].soft;
}

static int64_t install(struct thread *self, struct file *file, int minimum, bool cloexec)
{
	int fd = fd_install(self->process->fds, file, minimum, cloexec, fd_limit(self));
	if (fd < 0)
		file_put(file);
	return fd;
}

int64_t fd_give(struct thread *self, struct file *file, bool cloexec)
{
	return install(self, file, 0, cloexec);
}

/* Flags that make no sense together are refused before the path is looked at. */
static int check_flags(int flags)
{
	bool unnamed = flags & (O_TMPFILE & ~O_DIRECTORY);
	if (flags & O_PATH)
		return 0;
	if ((flags & O_CREAT) && (flags & O_DIRECTORY))
		return -EINVAL;
	if (unnamed && ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_CREAT)))
		return -EINVAL;
	return unnamed && !(flags & (O_ACCMODE | O_TRUNC)) ? -EINVAL : 0;
}

static int64_t open_at(struct thread *self, int dirfd, uint64_t address, int flags, uint32_t mode)
{
	struct user_path path;
	struct file *file;
	flags &= OPEN_FLAGS_KNOWN;
	int r = check_flags(flags);
	if (!r)
		r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = vfs_open(self, dirfd, path.text, flags, mode, &file);
	user_path_put(&path);
	return r ? r : install(self, file, 0, flags & O_CLOEXEC);
}

int64_t sys_open(struct thread *self, const uint64_t *args_)
{
	return open_at(self, AT_FDCWD, args_[0], (int)args_[1], (uint32_t)args_[2]);
}

int64_t sys_openat(struct thread *self, const uint64_t *args_)
{
	return open_at(self, (int)args_[0], args_[1], (int)args_[2], (uint32_t)args_[3]);
}

int64_t sys_creat(struct thread *self, const uint64_t *args_)
{
	return open_at(self, AT_FDCWD, args_[0], O_CREAT | O_WRONLY | O_TRUNC, (uint32_t)args_[1]);
}

int64_t sys_close(struct thread *self, const uint64_t *args_)
{
	return fd_close(self, self->process->fds, (int)args_[0]);
}

int64_t sys_close_range(struct thread *self, const uint64_t *args_)
{
	uint32_t first = (uint32_t)args_[0], last = (uint32_t)args_[1], flags = (uint32_t)args_[2];
	struct process *p = self->process;
	if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) && fd_table_shared(p->fds)) {
		struct fd_table *own = fd_table_copy(p->fds);
		if (!own)
			return -ENOMEM;
		fd_table_put(p->fds);
		p->fds = own;
	}
	for (int fd = first < FD_MAX ? (int)first : FD_MAX; (fd = fd_next(p->fds, fd)) >= 0 && (uint32_t)fd <= last; fd++) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_set_cloexec(p->fds, fd, true);
		else
			fd_close(self, p->fds, fd);
	}
	return 0;
}

int64_t sys_dup(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_file(self->process->fds, (int)args_[0]);
	if (!file)
		return -EBADF;
	file_get(file);
	return install(self, file, 0, false);
}

static int64_t dup_to(struct thread *self, int from, int to, bool cloexec)
{
	struct file *file = fd_file(self->process->fds, from);
	if (!file || to < 0 || to >= FD_MAX || (uint64_t)to >= fd_limit(self))
		return -EBADF;
	file_get(file);
	int r = fd_replace(self->process->fds, file, to, cloexec);
	if (r < 0)
		file_put(file);
	return r;
}

int64_t sys_dup2(struct thread *self, const uint64_t *args_)
{
	int from = (int)args_[0], to = (int)args_[1];
	if (from == to)
		return fd_file(self->process->fds, from) ? to : -EBADF;
	return dup_to(self, from, to, false);
}

int64_t sys_dup3(struct thread *self, const uint64_t *args_)
{
	int from = (int)args_[0], to = (int)args_[1], flags = (int)args_[2];
	if ((flags & ~O_CLOEXEC) || from == to)
		return -EINVAL;
	return dup_to(self, from, to, flags & O_CLOEXEC);
}

static int64_t make_pipe(struct thread *self, uint64_t address, uint32_t flags)
{
	struct fd_table *fds = self->process->fds;
	struct file *end[2];
	int32_t fd[2];
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	int r = pipe_make(flags, &self->cred, &end[0], &end[1]);
	if (r)
		return r;
	fd[0] = (int32_t)install(self, end[0], 0, flags & O_CLOEXEC);
	if (fd[0] < 0) {
		file_put(end[1]);
		return fd[0];
	}
	fd[1] = (int32_t)install(self, end[1], 0, flags & O_CLOEXEC);
	r = fd[1] < 0 ? fd[1] : user_write(self->process->space, address, fd, sizeof(fd));
	if (r) {
		fd_close(self, fds, fd[0]);
		if (fd[1] >= 0)
			fd_close(self, fds, fd[1]);
	}
	return r;
}

int64_t sys_pipe(struct thread *self, const uint64_t *args_)
{
	return make_pipe(self, args_[0], 0);
}

int64_t sys_pipe2(struct thread *self, const uint64_t *args_)
{
	return make_pipe(self, args_[0], (uint32_t)args_[1]);
}

static int64_t dup_from(struct thread *self, struct file *file, uint64_t minimum, bool cloexec)
{
	if (minimum >= fd_limit(self) || minimum >= FD_MAX)
		return -EINVAL;
	file_get(file);
	return install(self, file, (int)minimum, cloexec);
}

static int64_t set_flags(struct thread *self, struct file *file, uint32_t flags)
{
	const struct inode *inode = file->path.inode;
	if ((flags & O_NOATIME) && !(file->flags & O_NOATIME) && inode && !privileged(&self->cred, PRIV_OWNER) &&
	    self->cred.fsuid != inode->uid)
		return -EPERM;
	/* Of a pipe it makes one of packets. */
	if ((flags & O_DIRECT) && !inode_takes_direct(inode) && !(inode && is_type(inode, S_IFIFO)))
		return -EINVAL;
	file->flags = (file->flags & ~(uint32_t)FCNTL_SETTABLE) | (flags & FCNTL_SETTABLE);
	return 0;
}

static int64_t write_hint(struct thread *self, struct inode *inode, bool set, uint64_t address)
{
	uint64_t hint = inode->write_hint;
	if (!set)
		return user_write(self->process->space, address, &hint, sizeof(hint)) ? -EFAULT : 0;
	if (!inode_owned(inode, &self->cred))
		return -EPERM;
	if (user_read(self->process->space, &hint, address, sizeof(hint)))
		return -EFAULT;
	if (hint > RWH_WRITE_LIFE_MAX)
		return -EINVAL;
	inode->write_hint = (uint8_t)hint;
	return 0;
}

/* What works without looking at the file itself, also for O_PATH ones. */
static bool fcntl_descriptor(struct thread *self, struct file *file, int fd, int command, uint64_t arg, int64_t *r)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		*r = dup_from(self, file, (uint32_t)arg, command == F_DUPFD_CLOEXEC);
		return true;
	case F_GETFD:
		*r = fd_cloexec(self->process->fds, fd) ? FD_CLOEXEC : 0;
		return true;
	case F_SETFD:
		fd_set_cloexec(self->process->fds, fd, arg & FD_CLOEXEC);
		*r = 0;
		return true;
	case F_GETFL:
		*r = file->flags;
		return true;
	default:
		return false;
	}
}

int64_t sys_fcntl(struct thread *self, const uint64_t *args_)
{
	int fd = (int)args_[0], command = (int)args_[1];
	struct file *file = fd_file(self->process->fds, fd);
	int64_t r;
	if (!file)
		return -EBADF;
	if (fcntl_descriptor(self, file, fd, command, args_[2], &r))
		return r;
	if (file->flags & O_PATH)
		return -EBADF;
	switch (command) {
	case F_SETFL:
		return set_flags(self, file, (uint32_t)args_[2]);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_record(self, file, command, args_[2]);
	case F_SETOWN:
		file->owner_pid = (int32_t)args_[2];
		return 0;
	case F_GETOWN:
		return file->owner_pid;
	case F_SETPIPE_SZ:
		return is_type(file->path.inode, S_IFIFO) ? pipe_set_size(file->path.inode, args_[2], &self->cred) : -EBADF;
	case F_GETPIPE_SZ:
		return is_type(file->path.inode, S_IFIFO) ? pipe_get_size(file->path.inode) : -EBADF;
	case F_ADD_SEALS:
		return seals_add(file, (uint32_t)args_[2]);
	case F_GET_SEALS:
		return seals_of(file->path.inode);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return write_hint(self, file->path.inode, command == F_SET_RW_HINT, args_[2]);
	default:
		return -EINVAL;
	}
}

int64_t sys_flock(struct thread *self, const uint64_t *args_)
{
	int operation = (int)args_[1], kind = operation & ~LOCK_NB;
	/* Mandatory locks are gone from Linux, and asking for one is no mistake. */
	if (operation & LOCK_MAND)
		return 0;
	if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
		return -EINVAL;
	struct file *file = fd_io_file(self, args_[0]);
	/* Opened for neither reading nor writing (access mode 3) it can only be unlocked. */
	if (!file || (kind != LOCK_UN && !file_readable(file) && !file_writable(file)))
		return -EBADF;
	return lock_whole(self, file, operation);
}

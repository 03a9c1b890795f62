/* The memory system calls. Everything but the file descriptor is checked below. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/libos.h>

#define NO_SUCH_PROT 0x40000000 /* for what does not fit into an int */

static struct vm_space *enter(struct thread *self)
{
	struct vm_space *space = self->process->space;

	vm_enter(space, self);
	vm_set_lock_limit(space, privileged(&self->cred, PRIV_LOCK_MEMORY) ? UINT64_MAX : self->process->limits[RLIMIT_MEMLOCK].soft);
	return space;
}

int64_t sys_mmap(struct thread *self, const uint64_t *args)
{
	struct process *process = self->process;
	int flags = (int)args[3];
	struct file *file = NULL;
	int64_t result;

	if ((args[5] & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	if ((flags & MAP_ANONYMOUS) == 0) {
		file = fd_file(process->fds, (int)args[4]);
		if (file == NULL || (file->flags & O_PATH) != 0)
			return -EBADF;
	}
	if (file != NULL)
		file_get(file);
	(void)enter(self);
	result = vm_mmap(process->space, args[0], args[1], (int)args[2], flags, file, args[5]);
	vm_leave(process->space);
	if (file != NULL)
		file_put(file);
	return result;
}

static int64_t leave(struct vm_space *space, int64_t result)
{
	vm_leave(space);
	return result;
}

int64_t sys_munmap(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_munmap(space, args[0], args[1]));
}

int64_t sys_mprotect(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mprotect(space, args[0], args[1], args[2] >> 32 != 0 ? NO_SUCH_PROT : (int)args[2]));
}

int64_t sys_brk(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_brk(space, args[0]));
}

int64_t sys_mremap(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mremap(space, args[0], args[1], args[2], (int)args[3], args[4]));
}

int64_t sys_madvise(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_madvise(space, args[0], args[1], (int)args[2]));
}

int64_t sys_msync(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_msync(space, args[0], args[1], (int)args[2]));
}

int64_t sys_mincore(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mincore(space, args[0], args[1], args[2]));
}

int64_t sys_mlock(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mlock(space, args[0], args[1], 0));
}

int64_t sys_mlock2(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mlock(space, args[0], args[1], (int)args[2]));
}

int64_t sys_munlock(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_munlock(space, args[0], args[1]));
}

int64_t sys_mlockall(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	return leave(space, vm_mlockall(space, (int)args[0]));
}

int64_t sys_munlockall(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = enter(self);

	(void)args;
	return leave(space, vm_munlockall(space));
}

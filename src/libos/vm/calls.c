/* The memory system calls. Everything but the file descriptor is checked below. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/libos.h>

int64_t sys_mmap(struct thread *self, const uint64_t *args)
{
	struct process *process = self->process;
	int flags = (int)args[3];
	struct file *file = NULL;

	if ((args[5] & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	if ((flags & MAP_ANONYMOUS) == 0) {
		file = fd_file(process->fds, (int)args[4]);
		if (file == NULL || (file->flags & O_PATH) != 0)
			return -EBADF;
	}
	return vm_mmap(process->space, args[0], args[1], (int)args[2], flags, file, args[5]);
}

int64_t sys_munmap(struct thread *self, const uint64_t *args)
{
	return vm_munmap(self->process->space, args[0], args[1]);
}

int64_t sys_mprotect(struct thread *self, const uint64_t *args)
{
	return vm_mprotect(self->process->space, args[0], args[1], (int)args[2]);
}

int64_t sys_brk(struct thread *self, const uint64_t *args)
{
	return vm_brk(self->process->space, args[0]);
}

int64_t sys_mremap(struct thread *self, const uint64_t *args)
{
	return vm_mremap(self->process->space, args[0], args[1], args[2], (int)args[3], args[4]);
}

int64_t sys_madvise(struct thread *self, const uint64_t *args)
{
	return vm_madvise(self->process->space, args[0], args[1], (int)args[2]);
}

int64_t sys_msync(struct thread *self, const uint64_t *args)
{
	return vm_msync(self->process->space, args[0], args[1], (int)args[2]);
}

int64_t sys_mincore(struct thread *self, const uint64_t *args)
{
	return vm_mincore(self->process->space, args[0], args[1], args[2]);
}

/* process_vm_readv(2), process_vm_writev(2): copies between the memory of two processes. */
#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define CHUNK PAGE_SIZE

/* Bytes copied from one to the other, as far as both are there; -EFAULT, -ENOMEM if none. */
static int64_t copy(struct vm_space *there, struct io *here, const struct user_vec *remote, bool write, char *chunk)
{
	int64_t done = 0;

	for (uint32_t i = 0; i < remote->count; i++) {
		uint64_t at = remote->vec[i].address, left = remote->vec[i].size;

		while (left && here->remaining) {
			uint64_t n = left < here->remaining ? left : here->remaining;
			int64_t got;

			if (n > CHUNK)
				n = CHUNK;
			got = write ? io_get(here, chunk, n) : vm_peek(there, chunk, at, n, false);
			if (got > 0)
				got = write ? vm_poke(there, at, chunk, (uint64_t)got, false) : io_put(here, chunk, (uint64_t)got);
			if (got <= 0)
				return done ? done : got ? got : -EFAULT;
			done += got;
			if ((uint64_t)got < n)
				return done;
			at += n;
			left -= n;
			(void)sched_worked(&libos.sched, 1);
		}
	}
	return done;
}

static int64_t copy_with(struct thread *self, int32_t pid, const struct user_vec *local, const struct user_vec *remote, bool write)
{
	struct thread *t = thread_find(pid);
	struct vm_space *space;
	struct io here;
	int64_t done;
	char *chunk;

	if (!t || !t->process->space)
		return -ESRCH;
	if (!thread_may_inspect(self, t->process, true))
		return -EPERM;
	chunk = heap_alloc(CHUNK);
	if (!chunk)
		return -ENOMEM;
	space = t->process->space;
	vm_space_get(space);
	io_init(&here, self->process->space, local->vec, local->count);
	done = copy(space, &here, remote, write, chunk);
	vm_space_put(space);
	heap_free(chunk);
	return done;
}

static int64_t process_vm(struct thread *self, const uint64_t *args, bool write)
{
	struct user_vec local, remote;
	int64_t r;

	if (args[5])
		return -EINVAL;
	if (args[2] > UINT32_MAX || args[4] > UINT32_MAX)
		return -EINVAL;
	r = user_vec_get(self, args[1], (uint32_t)args[2], &local);
	if (r)
		return r;
	if (local.total) {
		r = user_vec_get(self, args[3], (uint32_t)args[4], &remote);
		if (!r) {
			r = copy_with(self, (int32_t)args[0], &local, &remote, write);
			user_vec_put(&remote);
		}
	}
	user_vec_put(&local);
	return r;
}

int64_t sys_process_vm_readv(struct thread *self, const uint64_t *args)
{
	return process_vm(self, args, false);
}

int64_t sys_process_vm_writev(struct thread *self, const uint64_t *args)
{
	return process_vm(self, args, true);
}

/* clone with the flags that C libraries use; clone stack, CLONE_VM, CLONE_FILES, CLONE_PARENT_SETTID. */
#include "check.h"
#include <sched.h>

static char stack[65536] __attribute__((aligned(16)));
static int shared;

static int child_fn(void *arg)
{
	shared = *(int *)arg;
	close(9);
	return 33;
}

int main(void)
{
	int arg = 55, tid = 0;
	pid_t child;

	child = clone(child_fn, stack + sizeof stack, SIGCHLD, &arg);
	CHECK("as fork, on a stack of its own", EXITED(wait_status(child), 33) && shared == 0);
	child = clone(child_fn, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &arg);
	CHECK("CLONE_VM shares memory, CLONE_VFORK waits", shared == 55);
	CHECK("status", EXITED(wait_status(child), 33));
	dup2(1, 9);
	child = clone(child_fn, stack + sizeof stack, CLONE_FILES | SIGCHLD, &arg);
	wait_status(child);
	FAILS("CLONE_FILES shares descriptors", EBADF, fcntl(9, F_GETFD));
	child = clone(child_fn, stack + sizeof stack, CLONE_PARENT_SETTID | SIGCHLD, &arg, &tid);
	CHECK("CLONE_PARENT_SETTID", tid == child && tid > 0);
	wait_status(child);
	FAILS("CLONE_SIGHAND needs CLONE_VM", EINVAL, clone(child_fn, stack + sizeof stack, CLONE_SIGHAND | SIGCHLD, &arg));
	FAILS("CLONE_THREAD needs CLONE_SIGHAND", EINVAL, clone(child_fn, stack + sizeof stack, CLONE_THREAD | CLONE_VM | SIGCHLD, &arg));
	DONE();
}

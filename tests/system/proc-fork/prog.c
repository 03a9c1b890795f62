/* fork: copies of memory, descriptors and offsets are as they should be; vfork; posix_spawn. */
#include "check.h"
#include <spawn.h>

extern char **environ;
static int global = 1;

int main(void)
{
	int local = 1, *heap = malloc(sizeof *heap), f, status, p[2];
	char buf[8], *args[] = { "sh", "-c", "exit 9", NULL };
	pid_t child;

	*heap = 1;
	if ((child = fork()) == 0) {
		global = local = *heap = 2;
		_exit(global + local + *heap);
	}
	CHECK("child has its own copies", EXITED(wait_status(child), 6));
	CHECK("the parent's are untouched", global == 1 && local == 1 && *heap == 1);
	f = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
	write(f, "0123456789", 10);
	lseek(f, 0, SEEK_SET);
	if ((child = fork()) == 0)
		_exit(read(f, buf, 4) != 4);
	wait_status(child);
	CHECK("the offset is shared", lseek(f, 0, SEEK_CUR) == 4);
	if ((child = fork()) == 0) {
		close(f);
		_exit(getppid() == 1 ? 1 : 0);
	}
	wait_status(child);
	CHECK("the descriptor table is not", lseek(f, 0, SEEK_CUR) == 4);
	global = 1;
	if ((child = vfork()) == 0) {
		global = 42;
		_exit(5);
	}
	CHECK("vfork shares memory and waits", global == 42);
	CHECK("vfork child", EXITED(wait_status(child), 5));
	if ((child = vfork()) == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(1);
	}
	CHECK("vfork and exec", EXITED(wait_status(child), 7));
	CHECK("posix_spawn", posix_spawn(&child, "/bin/sh", NULL, NULL, args, environ) == 0);
	CHECK("its status", EXITED(wait_status(child), 9));
	CHECK("posix_spawn of nothing", posix_spawn(&child, "/no/such", NULL, NULL, args, environ) == ENOENT);
	posix_spawn_file_actions_t fa;
	pipe(p);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	args[2] = "echo abc";
	CHECK("posix_spawnp with a pipe", posix_spawnp(&child, "sh", &fa, NULL, args, environ) == 0 && read(p[0], buf, 8) == 4);
	wait_status(child);
	/* A chain, each generation adds its own link. */
	int depth = 0;
	while (depth < 40 && (child = fork()) == 0)
		depth++;
	if (depth == 40)
		_exit(40);
	status = wait_status(child);
	if (depth > 0)
		_exit(WEXITSTATUS(status));
	CHECK("a chain of 40", EXITED(status, 40));
	for (int i = 0; i < 100; i++)
		if (fork() == 0)
			_exit(i);
	int sum = 0;
	for (int i = 0; i < 100; i++) {
		wait(&status);
		sum += WEXITSTATUS(status);
	}
	CHECK("a hundred at once", sum == 4950);
	FAILS("and no one left", ECHILD, wait(&status));
	DONE();
}

/* Descriptors run out: EMFILE everywhere, nothing leaks, and all comes back. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	int p[2], n = 0, f, first;
	struct rlimit rl;

	syscall(SYS_close_range, 3, ~0U, 0);
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max < 1024 ? rl.rlim_max : 1024;
	setrlimit(RLIMIT_NOFILE, &rl);
	first = dup(0);
	close(first);
	while ((f = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	CHECK("open ends with EMFILE", errno == EMFILE && n == (int)rl.rlim_cur - first);
	FAILS("dup", EMFILE, dup(0));
	FAILS("pipe", EMFILE, pipe(p));
	FAILS("creating open", EMFILE, open("new", O_CREAT | O_WRONLY, 0600));
	close(500);
	FAILS("pipe with one left", EMFILE, pipe(p));
	CHECK("that one is still there", open("/dev/null", O_RDONLY) == 500);
	pid_t child = fork();
	if (child == 0)
		_exit(dup(0) != -1 || errno != EMFILE);
	CHECK("the same in a child", EXITED(wait_status(child), 0));
	CHECK("close_range", syscall(SYS_close_range, first, ~0U, 0) == 0 && open("/dev/null", O_RDONLY) == first);
	close(first);
	for (int i = 0; i < 20000; i++)
		if (pipe(p) || close(p[0]) || close(p[1]))
			n = -1;
	CHECK("twenty thousand pipes, one after another", n != -1);
	DONE();
}

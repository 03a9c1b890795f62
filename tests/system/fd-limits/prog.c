/* RLIMIT_NOFILE: what lies beyond it, lowering it under open descriptors, and how it is inherited. */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>

int main(void)
{
	struct rlimit rl;
	int f = open("f", O_CREAT | O_RDWR, 0600), n, p[2];
	struct pollfd q[40];

	getrlimit(RLIMIT_NOFILE, &rl);
	CHECK("there is a limit", rl.rlim_cur >= 256 && rl.rlim_cur <= rl.rlim_max);
	rl.rlim_cur = 32;
	CHECK("dup2 above", dup2(f, 100) == 100);
	CHECK("lower it", setrlimit(RLIMIT_NOFILE, &rl) == 0);
	CHECK("what is open above stays", write(100, "x", 1) == 1);
	FAILS("dup2 onto it", EBADF, dup2(f, 100));
	FAILS("dup2 at the limit", EBADF, dup2(f, 32));
	CHECK("dup2 below", dup2(f, 31) == 31);
	FAILS("dup3 above", EBADF, dup3(f, 33, O_CLOEXEC));
	FAILS("F_DUPFD at the limit", EINVAL, fcntl(f, F_DUPFD, 32));
	FAILS("F_DUPFD with none left", EMFILE, fcntl(f, F_DUPFD, 31));
	for (n = 0; dup(f) >= 0; n++)
		;
	CHECK("dup ends below the limit", errno == EMFILE && n < 30);
	FAILS("pipe", EMFILE, pipe(p));
	FAILS("open", EMFILE, open("/dev/null", O_RDONLY));
	for (n = 0; n < 40; n++)
		q[n] = (struct pollfd){ -1, 0, 0 };
	FAILS("poll of more than the limit", EINVAL, poll(q, 33, 0));
	CHECK("poll of as many", poll(q, 32, 0) == 0);
	pid_t child = fork();
	if (child == 0) {
		syscall(SYS_close_range, 3, ~0U, 0);
		execl("/bin/sh", "sh", "-c", "[ $(ulimit -n) = 32 ]", NULL);
		_exit(9);
	}
	CHECK("a program inherits it", EXITED(wait_status(child), 0));
	close(100);
	rl.rlim_cur = 64;
	CHECK("raise it again", setrlimit(RLIMIT_NOFILE, &rl) == 0 && dup2(f, 63) == 63);
	rl.rlim_cur = rl.rlim_max;
	rl.rlim_cur++;
	if (rl.rlim_cur > rl.rlim_max)
		FAILS("soft above hard", EINVAL, setrlimit(RLIMIT_NOFILE, &rl));
	DONE();
}

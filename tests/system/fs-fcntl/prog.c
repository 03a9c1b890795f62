/* fcntl: dup, close-on-exec, status flags, record locks, flock, dup2 and dup3. */
#include "check.h"
#include <sys/file.h>

int main(void)
{
	int f = open("f", O_CREAT | O_RDWR, 0600), g;
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10 };
	pid_t child;

	CHECK("the lowest free number", (g = dup(f)) == f + 1);
	CHECK("F_DUPFD", fcntl(f, F_DUPFD, 50) == 50 && fcntl(f, F_DUPFD, 50) == 51);
	CHECK("F_DUPFD from 2^32 + 55 on is from 55 on", syscall(SYS_fcntl, f, F_DUPFD, UINT64_C(0x100000037)) == 55);
	CHECK("F_DUPFD_CLOEXEC", fcntl(f, F_DUPFD_CLOEXEC, 60) == 60 && fcntl(60, F_GETFD) == FD_CLOEXEC);
	CHECK("dup2 clears it", dup2(60, 61) == 61 && fcntl(61, F_GETFD) == 0);
	CHECK("dup2 onto itself", dup2(f, f) == f);
	FAILS("dup3 onto itself", EINVAL, dup3(f, f, 0));
	CHECK("dup3 O_CLOEXEC", dup3(f, 62, O_CLOEXEC) == 62 && fcntl(62, F_GETFD) == FD_CLOEXEC);
	FAILS("dup2 of nothing", EBADF, dup2(99, 5));
	FAILS("dup2 to a negative number", EBADF, dup2(f, -1));
	FAILS("close of nothing", EBADF, close(99));
	CHECK("status flags are shared by dups", fcntl(g, F_SETFL, O_APPEND) == 0 && (fcntl(f, F_GETFL) & O_APPEND));
	CHECK("F_SETFL leaves the access mode", fcntl(g, F_SETFL, O_WRONLY | O_NONBLOCK) == 0 && (fcntl(f, F_GETFL) & O_ACCMODE) == O_RDWR);
	FAILS("unknown command", EINVAL, fcntl(f, 12345));
	CHECK("offsets are shared", write(f, "abc", 3) == 3 && lseek(g, 0, SEEK_CUR) == 3);
	FAILS("F_DUPFD beyond the limit", EINVAL, fcntl(f, F_DUPFD, 1 << 30));

	CHECK("a record lock", fcntl(f, F_SETLK, &fl) == 0);
	CHECK("own lock does not conflict", fcntl(g, F_SETLK, &fl) == 0);
	if ((child = fork()) == 0) {
		struct flock q = fl;
		FAILS("held by the parent", EAGAIN, fcntl(f, F_SETLK, &q));
		CHECK("F_GETLK names it", fcntl(f, F_GETLK, &q) == 0 && q.l_type == F_WRLCK && q.l_pid == getppid() && q.l_len == 10);
		q = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 0 };
		CHECK("the rest is free", fcntl(f, F_SETLK, &q) == 0);
		q.l_start = 9;
		FAILS("one byte more is not", EAGAIN, fcntl(f, F_SETLK, &q));
		_exit(check_failures != 0);
	}
	CHECK("child", EXITED(wait_status(child), 0));
	int again = open("f", O_RDWR);
	close(again);
	if ((child = fork()) == 0)
		_exit(fcntl(f, F_SETLK, &fl) != 0);
	CHECK("closing any descriptor drops them", EXITED(wait_status(child), 0));
	CHECK("flock", flock(f, LOCK_EX) == 0);
	again = open("f", O_RDWR);
	FAILS("another open file", EWOULDBLOCK, flock(again, LOCK_EX | LOCK_NB));
	CHECK("a dup has the same", flock(g, LOCK_SH | LOCK_NB) == 0 && flock(again, LOCK_SH | LOCK_NB) == 0);
	CHECK("unlock", flock(f, LOCK_UN) == 0 && flock(again, LOCK_EX | LOCK_NB) == 0);
	DONE();
}

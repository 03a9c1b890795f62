/* Descriptors of processes: pidfd_open(2) and what takes them. */
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#define P_PIDFD_ 3
#define PIDFD 0x1000 /* CLONE_PIDFD */

static int pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static int pidfd_send(int fd, int signo, siginfo_t *info, unsigned flags) { return (int)syscall(SYS_pidfd_send_signal, fd, signo, info, flags); }
static int pidfd_getfd(int fd, int other, unsigned flags) { return (int)syscall(SYS_pidfd_getfd, fd, other, flags); }

static int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	return p.revents;
}

static int ends(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 60000) == 1 ? p.revents : 0;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	while (pid == 0)
		pause();
	return pid;
}

static void making(void)
{
	char path[64], text[256] = "";
	int fd = pidfd_open(getpid(), 0), f;

	CHECK("of oneself", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ready(fd) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	readlink(path, text, 63);
	CHECK("its name", strcmp(text, "anon_inode:[pidfd]") == 0);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	f = open(path, O_RDONLY);
	text[read(f, text, 255)] = '\0';
	close(f);
	snprintf(path, sizeof path, "Pid:\t%d\n", getpid());
	CHECK("its process", strstr(text, path) != NULL);
	close(fd);
	FAILS("nobody's", ESRCH, pidfd_open(99999, 0));
	FAILS("number 0", EINVAL, pidfd_open(0, 0));
	FAILS("a group's", EINVAL, pidfd_open(-1, 0));
	FAILS("flags that there are not", EINVAL, pidfd_open(getpid(), 1));
	fd = pidfd_open(getpid(), O_NONBLOCK);
	CHECK("not to block", fcntl(fd, F_GETFL) & O_NONBLOCK);
	FAILS("nothing is read", EINVAL, read(fd, text, 8));
	close(fd);
}

static void ending(void)
{
	pid_t pid = sleeper();
	siginfo_t info = { 0 };
	int fd = pidfd_open(pid, 0), quick = pidfd_open(pid, O_NONBLOCK), zero = open("/dev/zero", O_RDONLY);

	CHECK("it lives", ready(fd) == 0 && pidfd_send(fd, 0, NULL, 0) == 0);
	CHECK("not yet", waitid(P_PIDFD_, (id_t)fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
	FAILS("nor for one that does not block", EAGAIN, waitid(P_PIDFD_, (id_t)quick, &info, WEXITED));
	FAILS("a signal that there is not", EINVAL, pidfd_send(fd, 65, NULL, 0));
	FAILS("flags to send", EINVAL, pidfd_send(fd, 0, NULL, 1u << 30));
	FAILS("to what is none", EBADF, pidfd_send(zero, 0, NULL, 0));
	FAILS("to nothing", EBADF, pidfd_send(999, 0, NULL, 0));
	FAILS("another signal than told", EINVAL, pidfd_send(fd, SIGUSR1, &(siginfo_t){ .si_signo = SIGUSR2, .si_code = SI_QUEUE }, 0));
	FAILS("in the kernel's name", EPERM, pidfd_send(fd, SIGUSR1, &(siginfo_t){ .si_signo = SIGUSR1, .si_code = SI_USER }, 0));
	FAILS("waiting for what is none", EBADF, waitid(P_PIDFD_, (id_t)zero, &info, WEXITED));
	FAILS("for less than none", EINVAL, waitid(P_PIDFD_, (id_t)-1, &info, WEXITED));
	CHECK("a signal", pidfd_send(fd, SIGTERM, NULL, 0) == 0 && ends(fd) == POLLIN);
	CHECK("ended, and not waited for", pidfd_send(fd, 0, NULL, 0) == 0);
	CHECK("waited for", waitid(P_PIDFD_, (id_t)fd, &info, WEXITED) == 0 && info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	CHECK("then it is gone", (ready(fd) & POLLHUP) != 0);
	FAILS("for signals", ESRCH, pidfd_send(fd, 0, NULL, 0));
	FAILS("and for waiting", ECHILD, waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
	FAILS("and for its files", ESRCH, pidfd_getfd(fd, 0, 0));
	close(fd), close(quick), close(zero);
}

static void cloning(void)
{
	int fd = -1, free_one = dup(0), status;
	pid_t pid;

	close(free_one);
	pid = (pid_t)syscall(SYS_clone, PIDFD | SIGCHLD, NULL, &fd, NULL, NULL);
	if (pid == 0)
		_exit(fcntl(free_one, F_GETFD) == -1 ? 5 : 6); /* the child has none of itself */
	CHECK("with a child", pid > 0 && fd == free_one && fcntl(fd, F_GETFD) == FD_CLOEXEC && ends(fd) == POLLIN);
	CHECK("which ended", waitpid(pid, &status, 0) == pid && EXITED(status, 5));
	close(fd);
	FAILS("a number to nowhere", EFAULT, syscall(SYS_clone, PIDFD | SIGCHLD, NULL, (void *)8, NULL, NULL));
	CHECK("leaves nothing", dup(0) == free_one && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	close(free_one);
	FAILS("two meanings of one place", EINVAL, syscall(SYS_clone, PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &fd, NULL, NULL));
	struct { unsigned long flags, pidfd, child, parent, signal, stack, size, tls; } args = { .flags = PIDFD, .pidfd = (unsigned long)&fd, .signal = SIGCHLD };
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(7);
	CHECK("with clone3", pid > 0 && ends(fd) == POLLIN && waitpid(pid, &status, 0) == pid && EXITED(status, 7));
	close(fd);
}

static void files(void)
{
	int s[2], p[2], fd, mine;
	char c = 0;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pid = fork();
	if (pid == 0) {
		pipe(p);
		write(p[1], "a", 1);
		write(s[1], p, sizeof p);
		while (read(s[1], &c, 1) > 0)
			;
		close(p[1]);
		_exit(0);
	}
	read(s[0], p, sizeof p);
	fd = pidfd_open(pid, 0);
	mine = pidfd_getfd(fd, p[0], 0);
	CHECK("a file of another process", mine >= 0 && fcntl(mine, F_GETFD) == FD_CLOEXEC && read(mine, &c, 1) == 1 && c == 'a');
	FAILS("one that it has not", EBADF, pidfd_getfd(fd, 99, 0));
	FAILS("flags for that", EINVAL, pidfd_getfd(fd, p[0], 1));
	FAILS("of what is no process", EBADF, pidfd_getfd(0, 0, 0));
	if (getuid() == 0) {
		pid_t user = fork();
		if (user == 0)
			_exit(setgid(1000) || setuid(1000) || pidfd_getfd(fd, p[0], 0) != -1 || errno != EPERM || pidfd_send(fd, SIGTERM, NULL, 0) != -1 ||
			      errno != EPERM);
		CHECK("nobody takes another user's", EXITED(wait_status(user), 0));
	} else {
		CHECK("nobody takes another user's", 1);
	}
	close(s[0]), close(s[1]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK("it stays open here", read(mine, &c, 1) == 0);
	close(mine), close(fd);
}

int main(void)
{
	making();
	ending();
	cloning();
	files();
	DONE();
}

/* Signals that are read from a descriptor: signalfd(2). */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <time.h>

static sigset_t set_of(int a, int b)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	return p.revents;
}

/* The next signal, which is there. */
static struct signalfd_siginfo next(int fd)
{
	struct signalfd_siginfo i = { 0 };

	if (read(fd, &i, sizeof i) != sizeof i)
		memset(&i, 0xff, sizeof i);
	return i;
}

static void making(void)
{
	sigset_t s = set_of(SIGUSR1, SIGKILL);
	unsigned long word = 0;
	char link[64] = "", bytes[256] = "";
	int fd = signalfd(-1, &s, SFD_CLOEXEC | SFD_NONBLOCK), f;

	CHECK("a descriptor", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	snprintf(bytes, sizeof bytes, "/proc/self/fd/%d", fd);
	readlink(bytes, link, 63);
	CHECK("its name", strcmp(link, "anon_inode:[signalfd]") == 0);
	snprintf(bytes, sizeof bytes, "/proc/self/fdinfo/%d", fd);
	f = open(bytes, O_RDONLY);
	bytes[read(f, bytes, 255)] = '\0';
	close(f);
	CHECK("its set, without what nobody takes", strstr(bytes, "sigmask:\t0000000000000200\n") != NULL);
	FAILS("a set of another size", EINVAL, syscall(SYS_signalfd4, -1, &word, 4, 0));
	FAILS("a set from nowhere", EFAULT, syscall(SYS_signalfd4, -1, (void *)8, 8, 0));
	FAILS("flags that there are not", EINVAL, syscall(SYS_signalfd4, -1, &word, 8, 1));
	FAILS("no descriptor", EBADF, syscall(SYS_signalfd4, 999, &word, 8, 0));
	FAILS("another one", EINVAL, syscall(SYS_signalfd4, 0, &word, 8, 0));
	CHECK("the old call", (f = (int)syscall(SYS_signalfd, -1, &word, 8)) >= 0);
	close(f);
	FAILS("nothing there", EAGAIN, read(fd, bytes, 128));
	FAILS("less than one", EINVAL, read(fd, bytes, 127));
	FAILS("writing", EINVAL, write(fd, bytes, 128));
	CHECK("ready for nothing", ready(fd) == 0);
	close(fd);
}

static void reading(void)
{
	sigset_t s = set_of(SIGUSR1, SIGRTMIN), old;
	struct signalfd_siginfo i, many[4];
	int fd = signalfd(-1, &s, SFD_NONBLOCK);

	sigprocmask(SIG_BLOCK, &s, &old);
	kill(getpid(), SIGUSR1);
	CHECK("ready", ready(fd) == POLLIN);
	i = next(fd);
	CHECK("who sent it", i.ssi_signo == SIGUSR1 && i.ssi_code == SI_USER && i.ssi_pid == (uint32_t)getpid() && i.ssi_uid == getuid() && i.ssi_int == 0);
	CHECK("it is taken", ready(fd) == 0 && sigpending(&old) == 0 && !sigismember(&old, SIGUSR1));
	for (int k = 1; k <= 3; k++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ k * 1000 });
	CHECK("as many as there is room for", read(fd, many, 2 * sizeof *many + 100) == 2 * sizeof *many);
	CHECK("in order, with their values", many[0].ssi_int == 1000 && many[1].ssi_int == 2000 && many[0].ssi_code == SI_QUEUE &&
	      many[1].ssi_ptr == 2000);
	CHECK("and what is left", read(fd, many, sizeof many) == sizeof *many && many[0].ssi_int == 3000);
	kill(getpid(), SIGCONT);
	CHECK("not one of another set", ready(fd) == 0);
	s = set_of(SIGUSR2, 0);
	sigprocmask(SIG_BLOCK, &s, NULL);
	kill(getpid(), SIGUSR2);
	CHECK("another set", ready(fd) == 0 && signalfd(fd, &s, 0) == fd && ready(fd) == POLLIN && next(fd).ssi_signo == SIGUSR2);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	i = next(fd);
	CHECK("to the thread", i.ssi_signo == SIGUSR2 && i.ssi_code == SI_TKILL);
	close(fd);
}

static void kinds(void)
{
	sigset_t s = set_of(SIGCHLD, SIGRTMIN + 1);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value = { 77 } };
	struct signalfd_siginfo i;
	int fd;
	timer_t timer;
	pid_t pid;

	sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, 0);
	pid = fork();
	if (pid == 0)
		_exit(9);
	i = next(fd);
	CHECK("a child that ended", i.ssi_signo == SIGCHLD && i.ssi_pid == (uint32_t)pid && i.ssi_code == CLD_EXITED && i.ssi_status == 9);
	waitpid(pid, NULL, 0);
	timer_create(CLOCK_MONOTONIC, &e, &timer);
	timer_settime(timer, 0, &(struct itimerspec){ .it_value = { 0, 20000000 } }, NULL);
	i = next(fd);
	CHECK("a timer", i.ssi_signo == (uint32_t)SIGRTMIN + 1 && i.ssi_code == SI_TIMER && i.ssi_int == 77 && i.ssi_overrun == 0);
	timer_delete(timer);
	close(fd);
}

static void tick(int signo) { (void)signo; }

static void waiting(void)
{
	sigset_t s = set_of(SIGUSR1, 0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct sigaction act = { .sa_handler = tick };
	int fd, e = epoll_create1(0);
	pid_t pid;

	sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, 0);
	pid = fork();
	if (pid == 0) {
		for (int k = 0; k < 20; k++) {
			usleep(20000);
			kill(getppid(), SIGUSR1);
		}
		_exit(0);
	}
	CHECK("a reader waits", next(fd).ssi_pid == (uint32_t)pid);
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK("poll waits", poll(&p, 1, 60000) == 1 && next(fd).ssi_pid == (uint32_t)pid);
	epoll_ctl(e, EPOLL_CTL_ADD, fd, &event);
	CHECK("epoll waits", epoll_wait(e, &event, 1, 60000) == 1 && next(fd).ssi_signo == SIGUSR1);
	waitpid(pid, NULL, 0);
	signalfd(fd, &s, 0);
	while (ready(fd))
		next(fd);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, NULL);
	FAILS("a handler ends the wait", EINTR, read(fd, &(struct signalfd_siginfo){ 0 }, 128));
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	pid = fork();
	if (pid == 0) {
		/* A signal of the parent's is none of the child's. */
		kill(getppid(), SIGUSR1);
		_exit(ready(fd) != 0);
	}
	CHECK("whoever looks sees his own", EXITED(wait_status(pid), 0) && ready(fd) == POLLIN && next(fd).ssi_pid == (uint32_t)pid);
	close(e), close(fd);
}

/* An epoll file outlives the process that watched its signals there. */
static void left_behind(void)
{
	sigset_t s = set_of(SIGUSR1, 0);
	struct epoll_event event = { .events = EPOLLIN };
	int fd = signalfd(-1, &s, 0), e = epoll_create1(0);
	pid_t pid = fork();

	if (pid == 0)
		_exit(epoll_ctl(e, EPOLL_CTL_ADD, fd, &event) != 0);
	CHECK("a child watches", EXITED(wait_status(pid), 0));
	kill(getpid(), SIGUSR1);
	CHECK("its parent asks", epoll_wait(e, &event, 1, 0) == 1);
	close(fd), close(e);
	CHECK("all is closed", signalfd(-1, &s, SFD_NONBLOCK) == fd && next(fd).ssi_signo == SIGUSR1);
	close(fd);
}

int main(void)
{
	making();
	reading();
	kinds();
	waiting();
	left_behind();
	DONE();
}

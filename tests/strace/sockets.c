/* Calls about sockets, epoll, terminals and System V IPC, for tests/run-strace. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/mount.h>
#include <netinet/in.h>
#include <termios.h>
#include <unistd.h>

static char buffer[200];

static void streams(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"}, b = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(b);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c, d, value = 1;
	struct linger linger = {1, 2};

	socket(AF_INET6 + 100, SOCK_DGRAM, 0);
	bind(s, (struct sockaddr *)&a, sizeof(a));
	listen(s, 5);
	c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(c, (struct sockaddr *)&a, sizeof(a.sun_family) + 5);
	d = accept4(s, (struct sockaddr *)&b, &size, SOCK_CLOEXEC);
	accept4(c, NULL, NULL, 0);
	size = sizeof(b);
	getsockname(s, (struct sockaddr *)&b, &size);
	size = sizeof(b);
	getpeername(d, (struct sockaddr *)&b, &size);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value));
	setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	size = sizeof(value);
	getsockopt(s, SOL_SOCKET, SO_TYPE, &value, &size);
	getsockopt(s, SOL_SOCKET, SO_ERROR, &value, &size);
	send(c, "hello", 5, MSG_NOSIGNAL);
	recv(d, buffer, 3, MSG_PEEK);
	recv(d, buffer, 100, 0);
	recv(d, buffer, 100, MSG_DONTWAIT);
	shutdown(c, SHUT_WR);
	recv(d, buffer, 100, 0);
	shutdown(d, SHUT_RDWR);
	close(c);
	close(d);
	close(s);
	unlink("sock");
}

static void messages(void)
{
	int pair[2];
	struct iovec v[2] = {{"abc", 3}, {"de", 2}}, in = {buffer, sizeof(buffer)};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	sendmsg(pair[0], &m, 0);
	m.msg_iov = &in;
	m.msg_iovlen = 1;
	recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC);
	recvmsg(pair[1], &m, MSG_DONTWAIT);
	sendto(pair[0], "x", 1, 0, NULL, 0);
	close(pair[0]);
	close(pair[1]);
	close(3);
	close(5);
}

static void events(void)
{
	struct epoll_event e = {EPOLLIN | EPOLLET, {.u64 = 0x500000007}}, out[4];
	struct itimerspec t = {{0, 0}, {5, 0}};
	sigset_t set;
	int ep = epoll_create1(EPOLL_CLOEXEC), ev = eventfd(3, EFD_NONBLOCK), p[2];

	epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
	epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
	epoll_ctl(ep, 9, ev, &e);
	syscall(SYS_epoll_wait, ep, out, 4, 0);
	syscall(SYS_epoll_wait, ep, out, 4, 0);
	epoll_ctl(ep, EPOLL_CTL_DEL, ev, NULL);
	close(ev);
	ev = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timerfd_settime(ev, 0, &t, NULL);
	close(ev);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	ev = signalfd(-1, &set, SFD_NONBLOCK);
	close(ev);
	close(ep);
	syscall(SYS_pipe2, p, 0);
	ioctl(p[0], FIONREAD, &ev);
	ioctl(p[0], TCGETS, buffer);
	ioctl(p[0], TIOCGWINSZ, buffer);
	ioctl(p[0], FIOCLEX);
	ioctl(p[0], FIONBIO, &(int){1});
	ioctl(p[0], TIOCSPGRP, &(int){1});
	close(p[0]);
	close(p[1]);
}

static void terminal(void)
{
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), s, off = 0;
	struct termios t;
	struct winsize w = {24, 80, 0, 0};

	ioctl(m, TIOCSPTLCK, &off);
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	ioctl(s, TCGETS, &t);
	t.c_lflag &= ~(ICANON | ECHO);
	ioctl(s, TCSETS, &t);
	ioctl(s, TCSETSW, &t);
	ioctl(s, TIOCSWINSZ, &w);
	ioctl(s, TIOCGWINSZ, &w);
	ioctl(s, TCFLSH, TCIOFLUSH);
	close(s);
	close(m);
}

static void ipc(void)
{
	struct sembuf ops[2] = {{0, 1, 0}, {1, -1, IPC_NOWAIT | SEM_UNDO}};
	struct {
		long type;
		char text[8];
	} m = {1, "abc"};

	syscall(SYS_semget, IPC_PRIVATE, 0, 0600);
	syscall(SYS_semget, 0x1234, 2, 0);
	syscall(SYS_semop, 1 << 28, ops, 2);
	syscall(SYS_semctl, 1 << 28, 0, 99, 0);
	syscall(SYS_msgget, 0x1234, 0600);
	syscall(SYS_msgsnd, 1 << 28, 8, 3, IPC_NOWAIT);
	syscall(SYS_shmget, 0x1234, 4096, 0600);
	syscall(SYS_shmat, 1 << 28, NULL, SHM_RDONLY);
	syscall(SYS_shmdt, 4096);
}

static void mounts(void)
{
	syscall(SYS_mount, "a", "/none", "tmpfs", MS_RDONLY | MS_NOSUID | MS_REC, "size=1");
	syscall(SYS_umount2, "/none", 2);
	syscall(SYS_splice, -1, NULL, -1, NULL, 10L, 3);
	syscall(SYS_tee, -1, -1, 10L, 2);
	syscall(SYS_getrandom, buffer, 1000000L, 99);
}

int main(void)
{
	syscall(SYS_close_range, 3, ~0u, 0); /* what came from outside */
	write(-1, "begin", 5);
	streams();
	messages();
	events();
	terminal();
	ipc();
	mounts();
	return 0;
}

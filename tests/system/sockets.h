/* sockets: what the tests of AF_UNIX sockets share. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define BAD ((void *)8)
#define OUTQ 0x5411 /* SIOCOUTQ */

/* The kernel's own form of msghdr: libc would copy the control data, and not all of it. */
struct message {
	void *name;
	uint32_t name_size, hole;
	struct iovec *parts;
	size_t count;
	void *control;
	size_t control_size;
	uint32_t flags, hole2;
};

static inline long send_message(int fd, struct message *m, int flags) { return syscall(SYS_sendmsg, fd, m, flags); }
static inline long receive_message(int fd, struct message *m, int flags) { return syscall(SYS_recvmsg, fd, m, flags); }

static inline void two(int type, int s[2])
{
	if (socketpair(AF_UNIX, type, 0, s))
		_exit(95);
}

static inline void close_two(int s[2]) { close(s[0]), close(s[1]); }

/* What poll says now. */
static inline int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0 };

	poll(&p, 1, 0);
	return p.revents;
}

/* Waits, for a minute at most, until poll says one of these. */
static inline int wait_for(int fd, int events)
{
	struct pollfd p = { fd, (short)events, 0 };
	int n;

	do
		n = poll(&p, 1, 60000);
	while (n < 0 && errno == EINTR);
	return n == 1 ? p.revents : 0;
}

/* The whole text is sent, in one piece. */
static inline int put(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* This very text is what one call receives, without waiting. */
static inline int got(int fd, const char *text)
{
	char buf[256];
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

/* Nothing is there, and more may come. */
static inline int nothing(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

static inline int bytes_there(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) == 0 ? n : -1;
}

static inline int bytes_out(int fd)
{
	int n = -1;

	return ioctl(fd, OUTQ, &n) == 0 ? n : -1;
}

/* SO_ERROR, or another option of one number. */
static inline int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 && size == sizeof value ? value : -1;
}

static inline int lowest(void)
{
	int f = dup(0);

	close(f);
	return f;
}

/* CHILD(pid, statements): a child that ends with status 0 unless the statements leave otherwise. */
#define CHILD(pid, ...)                                                                        \
	do {                                                                                   \
		pid = fork();                                                                  \
		if (pid == 0) {                                                                \
			check_failures = 0;                                                    \
			__VA_ARGS__;                                                           \
			_exit(check_failures != 0);                                            \
		}                                                                              \
	} while (0)

#endif

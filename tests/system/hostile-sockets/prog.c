/*
 * Sockets in the hands of somebody who wants all: deep nests and many cycles of descriptors in messages, floods of bytes,
 * connections, names and descriptors on their way. Each ends, and root works on.
 */
#include "guests.h"
#include "sockets.h"
#include <sys/resource.h>

#define DEPTH  1500
#define CYCLES 200

static char big[65536];

static int send_fd(int over, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { "x", 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
	return sendmsg(over, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* Nobody has the pipe's other end any more; closing a socket is what makes the system look. */
static int ends(int pipe_end)
{
	struct pollfd p = { pipe_end, POLLIN, 0 };

	for (int tries = 0; tries < 500; tries++) {
		int s[2];

		if (poll(&p, 1, 10) == 1)
			return p.revents == POLLHUP;
		two(SOCK_STREAM, s);
		close_two(s);
	}
	return 0;
}

/* Each pair's end waits in a message of the next one. */
static void nest(void)
{
	int p[2], inner, ok = 1;

	pipe(p);
	inner = p[1];
	for (int i = 0; i < DEPTH; i++) {
		int s[2];

		two(i % 2 ? SOCK_STREAM : SOCK_DGRAM, s);
		ok &= send_fd(s[0], inner);
		close(inner);
		close(s[0]);
		inner = s[1];
	}
	CHECK("a nest of sockets", ok);
	close(inner);
	CHECK("goes as a whole", ends(p[0]));
	close(p[0]);
}

static void cycles(void)
{
	int p[2], ok = 1;

	pipe(p);
	for (int i = 0; i < CYCLES; i++) {
		int a[2], b[2];

		two(SOCK_STREAM, a);
		two(SOCK_STREAM, b);
		ok &= send_fd(a[0], b[1]) && send_fd(b[0], a[1]) && send_fd(a[0], p[1]) && send_fd(a[0], a[1]) && send_fd(b[0], a[0]);
		close_two(a);
		close_two(b);
	}
	close(p[1]);
	CHECK("rings of sockets", ok);
	CHECK("are found", ends(p[0]));
	close(p[0]);
}

/* A connection that nobody accepted, in a ring with the socket that it waits at. */
static void unaccepted(void)
{
	struct sockaddr_un name = { AF_UNIX, "\0ring" };
	int p[2], s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), ok;

	pipe(p);
	ok = bind(s, (void *)&name, sizeof name) == 0 && listen(s, 1) == 0 && connect(c, (void *)&name, sizeof name) == 0 &&
	     send_fd(c, s) && send_fd(c, c) && send_fd(c, p[1]);
	close(s), close(c), close(p[1]);
	CHECK("a ring through a connection that waits", ok && ends(p[0]));
	close(p[0]);
}

/* One who can still receive keeps all that hangs on it. */
static void held(void)
{
	int p[2], a[2], b[2];

	pipe(p);
	two(SOCK_STREAM, a);
	two(SOCK_STREAM, b);
	send_fd(a[0], b[1]);
	send_fd(b[0], a[1]);
	send_fd(b[0], p[1]);
	close(p[1]), close(a[0]), close_two(b);
	for (int i = 0; i < 200; i++) {
		int s[2];

		two(SOCK_STREAM, s);
		close_two(s);
	}
	struct pollfd there = { p[0], POLLIN, 0 };
	CHECK("what can be received stays", poll(&there, 1, 50) == 0);
	close(a[1]);
	CHECK("and goes with the last who could", ends(p[0]));
	close(p[0]);
}

static int receive_fd(int over)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char c;
	struct iovec part = { &c, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	int fd = -1;

	if (recvmsg(over, &m, MSG_DONTWAIT) == 1 && m.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.h), sizeof fd);
	return fd;
}

/* Both are held by messages alone, of which the outer one waits in a socket that is open. */
static void chain(void)
{
	int a[2], b[2], c[2], outer, inner, within;

	two(SOCK_STREAM, a);
	two(SOCK_STREAM, b);
	two(SOCK_STREAM, c);
	send_fd(c[0], a[1]);
	send_fd(a[0], b[1]);
	send_fd(b[0], 1);
	close(a[1]), close(b[1]);
	for (int i = 0; i < 200; i++) {
		int s[2];

		two(SOCK_STREAM, s);
		close_two(s);
	}
	outer = receive_fd(c[1]);
	inner = receive_fd(outer);
	within = receive_fd(inner);
	CHECK("what waits in what waits stays", outer >= 0 && inner >= 0 && within >= 0 && put(b[0], "alive") && got(inner, "alive"));
	close(a[0]), close(b[0]), close(outer), close(inner), close(within), close_two(c);
}

/* ---- what a user takes */

/* Linux counts no user's bytes. */
static int bytes_are_counted(void)
{
	int s[2], counted = 0;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	while (!counted && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0)
		for (int i = 0; i < 2; i++) {
			while (send(s[i], big, sizeof big, MSG_DONTWAIT) > 0)
				;
			counted |= errno == ENOBUFS;
		}
	return counted == (access("/dev/exo", F_OK) == 0);
}

static int on_their_way(void)
{
	int s[2], n = 0;

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 64, 64 });
	two(SOCK_STREAM, s);
	while (n < 1000 && send_fd(s[0], 0))
		n++;
	return n >= 64 && n < 400 && errno == ETOOMANYREFS;
}

/* As many bytes as they let him. */
static void flood(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 256, 256 });
	for (int child = 0; child < 3 && fork() > 0; child++)
		;
	for (;;) {
		int s[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
			break;
		for (int i = 0; i < 2; i++)
			while (send(s[i], big, sizeof big, MSG_DONTWAIT) > 0)
				;
	}
	pause();
}

static void callers(void)
{
	struct sockaddr_un name = { AF_UNIX, "\0crowd" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	bind(s, (void *)&name, sizeof name);
	listen(s, 100000);
	for (;;) {
		int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (c < 0 || connect(c, (void *)&name, sizeof name))
			break;
		close(c);
	}
	pause();
}

static void names(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	for (int i = 0;; i++) {
		struct sockaddr_un name = { AF_UNIX, "" };
		int s = socket(AF_UNIX, SOCK_DGRAM, 0);

		snprintf(name.sun_path + 1, 40, "%d", i);
		if (s < 0 || bind(s, (void *)&name, sizeof name))
			break;
	}
	pause();
}

static int root_works(void)
{
	int s[2], ok;
	pid_t pid;

	two(SOCK_STREAM, s);
	CHILD(pid, if (!put(s[0], "hello")) _exit(1));
	ok = wait_status(pid) == 0 && got(s[1], "hello") && WEXITSTATUS(system("x=$(echo 5 | cat); exit $x")) == 5;
	close_two(s);
	return ok;
}

static void beside(const char *what, void (*way)(void))
{
	pid_t user = fork();
	int ok = 1;

	if (user == 0) {
		setpgid(0, 0);
		become(1000);
		way();
	}
	setpgid(user, user);
	for (int i = 0; i < 10; i++) {
		ok &= root_works();
		pause_ms(30);
	}
	kill(-user, SIGKILL);
	wait_status(user);
	CHECK(what, ok && root_works());
}

int main(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 8192, 8192 });
	nest();
	cycles();
	unaccepted();
	held();
	chain();
	AS("a user's bytes are counted", 1000, if (!bytes_are_counted()) _exit(1));
	AS("a user's descriptors on their way are counted", 1000, if (!on_their_way()) _exit(1));
	AS("and not for ever", 1000, if (!on_their_way()) _exit(1));
	beside("root works beside a flood of bytes", flood);
	beside("beside callers whom nobody accepts", callers);
	beside("beside one who takes names", names);
	DONE();
}

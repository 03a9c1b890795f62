/* Waiting for sockets: poll, select and epoll, what wakes whom, a server of a hundred connections. */
#include "sockets.h"
#include <sys/epoll.h>
#include <sys/select.h>

#define HUNG (POLLIN | POLLOUT | POLLRDHUP | POLLHUP)

static struct epoll_event ev[64];
static char bytes[1 << 16];

static int add(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int mod(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)fd };

	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}

static int now(int ep) { return epoll_wait(ep, ev, 64, 0); }

/* One event is ready, these bits, of this socket. */
static int one(int ep, int fd, uint32_t events) { return now(ep) == 1 && ev[0].events == events && ev[0].data.u64 == (uint64_t)fd; }

/* The first event that comes, within a minute. */
static int later(int ep, int fd, uint32_t events)
{
	int n;

	do
		n = epoll_wait(ep, ev, 64, 60000);
	while (n < 0 && errno == EINTR);
	return n == 1 && ev[0].events == events && ev[0].data.u64 == (uint64_t)fd;
}

static void fill(int s)
{
	while (send(s, bytes, 1000, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	while (send(s, bytes, 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static void drain(int s)
{
	while (recv(s, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

static struct sockaddr_un fresh(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static int n;

	snprintf(a.sun_path, sizeof a.sun_path, "node%d", n++);
	return a;
}

static int server(int type, int flags, struct sockaddr_un *a)
{
	int s = socket(AF_UNIX, type | flags, 0);

	*a = fresh();
	if (bind(s, (void *)a, sizeof *a) || (type != SOCK_DGRAM && listen(s, 20)))
		_exit(94);
	return s;
}

static int client(int type, const struct sockaddr_un *a)
{
	int s = socket(AF_UNIX, type, 0);

	if (connect(s, (void *)a, sizeof *a))
		_exit(93);
	return s;
}

static int asked(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void polls(int type)
{
	int s[2], t[2];
	struct pollfd p[4];

	two(type, s), two(type, t);
	CHECK("the other names of the bits", asked(s[0], POLLWRNORM | POLLWRBAND | POLLRDNORM | POLLRDBAND) == (POLLWRNORM | POLLWRBAND));
	put(s[0], "x");
	CHECK("to read", asked(s[1], POLLWRNORM | POLLRDNORM | POLLRDBAND) == (POLLRDNORM | POLLWRNORM) && asked(s[1], POLLPRI) == 0);
	CHECK("what is not asked is not told", asked(s[1], POLLOUT) == POLLOUT && asked(s[1], 0) == 0);
	memcpy(p, (struct pollfd[4]){ { s[0], POLLIN, 9 }, { s[1], POLLIN, 9 }, { -1, POLLIN, 9 }, { t[0], POLLOUT, 9 } }, sizeof p);
	CHECK("two of four", poll(p, 4, 60000) == 2 && p[0].revents == 0 && p[1].revents == POLLIN && p[2].revents == 0 && p[3].revents == POLLOUT);
	long start = clock_ms();
	CHECK("none in time", poll(p, 1, 30) == 0 && clock_ms() - start >= 29);
	close_two(s), close_two(t);
}

static int select_now(int fd, int *r, int *w, int *e)
{
	fd_set rs, ws, es;
	struct timeval zero = { 0, 0 };
	int n;

	memset(&rs, 0, sizeof rs), memset(&ws, 0, sizeof ws), memset(&es, 0, sizeof es);
	FD_SET(fd, &rs), FD_SET(fd, &ws), FD_SET(fd, &es);
	n = select(fd + 1, &rs, &ws, &es, &zero);
	*r = FD_ISSET(fd, &rs) != 0, *w = FD_ISSET(fd, &ws) != 0, *e = FD_ISSET(fd, &es) != 0;
	return n;
}

static int selected(int fd, int want_r, int want_w)
{
	int r, w, e;

	return select_now(fd, &r, &w, &e) == want_r + want_w && r == want_r && w == want_w && !e;
}

static void selects(void)
{
	int s[2], l, c;
	struct sockaddr_un a;

	two(SOCK_STREAM, s);
	CHECK("select: to write", selected(s[0], 0, 1));
	put(s[1], "x");
	CHECK("select: both", selected(s[0], 1, 1));
	fill(s[0]);
	CHECK("select: full", selected(s[0], 1, 0));
	drain(s[0]);
	CHECK("select: neither", selected(s[0], 0, 0));
	close(s[1]);
	CHECK("select: the end is both", selected(s[0], 1, 1));
	close(s[0]);
	l = server(SOCK_STREAM, 0, &a);
	CHECK("select: a listener", selected(l, 0, 0));
	c = client(SOCK_STREAM, &a);
	CHECK("select: a caller", selected(l, 1, 0));
	close(l), close(c);
}

static void levels(int type)
{
	int ep = epoll_create1(0), s[2], t[2];

	two(type, s), two(type, t);
	CHECK("level: add", add(ep, s[1], EPOLLIN) == 0 && now(ep) == 0);
	put(s[0], "one"), put(s[0], "two");
	CHECK("level: again and again", one(ep, s[1], EPOLLIN) && one(ep, s[1], EPOLLIN));
	recv(s[1], bytes, 3, 0);
	CHECK("level: as long as something is left", one(ep, s[1], EPOLLIN));
	recv(s[1], bytes, 3, 0);
	CHECK("level: and no longer", now(ep) == 0);
	CHECK("level: to write", mod(ep, s[1], EPOLLIN | EPOLLOUT) == 0 && one(ep, s[1], EPOLLOUT));
	fill(s[1]);
	CHECK("level: full", now(ep) == 0);
	drain(s[0]);
	CHECK("level: emptied", one(ep, s[1], EPOLLOUT));
	CHECK("level: two sockets", add(ep, t[0], EPOLLOUT) == 0 && now(ep) == 2);
	close(t[0]);
	CHECK("level: a closed one is not watched", one(ep, s[1], EPOLLOUT));
	mod(ep, s[1], EPOLLIN | EPOLLONESHOT);
	put(s[0], "x");
	CHECK("once", one(ep, s[1], EPOLLIN) && now(ep) == 0);
	CHECK("and once again", mod(ep, s[1], EPOLLIN | EPOLLONESHOT) == 0 && one(ep, s[1], EPOLLIN) && now(ep) == 0);
	close(ep), close_two(s), close(t[1]);
}

static void edges(int type)
{
	int ep = epoll_create1(0), s[2];

	two(type, s);
	add(ep, s[1], EPOLLIN | EPOLLET);
	CHECK("edge: nothing", now(ep) == 0);
	put(s[0], "one");
	CHECK("edge: once", one(ep, s[1], EPOLLIN) && now(ep) == 0);
	recv(s[1], bytes, 1, 0);
	CHECK("edge: reading is no event", now(ep) == 0);
	put(s[0], "two");
	CHECK("edge: more is", one(ep, s[1], EPOLLIN) && now(ep) == 0);
	put(s[0], "x"), put(s[0], "y");
	CHECK("edge: two at once are one", one(ep, s[1], EPOLLIN) && now(ep) == 0);
	CHECK("edge: asked anew it tells", mod(ep, s[1], EPOLLIN | EPOLLET) == 0 && one(ep, s[1], EPOLLIN) && now(ep) == 0);
	drain(s[1]);
	mod(ep, s[1], EPOLLOUT | EPOLLET);
	CHECK("edge: to write", one(ep, s[1], EPOLLOUT) && now(ep) == 0);
	fill(s[1]);
	CHECK("edge: full", now(ep) == 0);
	drain(s[0]);
	CHECK("edge: emptied", one(ep, s[1], EPOLLOUT) && now(ep) == 0);
	put(s[0], "x");
	CHECK("edge: not asked", now(ep) == 0);
	close(ep), close_two(s);
}

static void ends(int type)
{
	int ep = epoll_create1(0), s[2];

	two(type, s);
	add(ep, s[0], EPOLLIN | EPOLLRDHUP | EPOLLET), add(ep, s[1], EPOLLIN | EPOLLRDHUP);
	shutdown(s[0], SHUT_WR);
	CHECK("the peer stops writing", one(ep, s[1], EPOLLIN | EPOLLRDHUP) && one(ep, s[1], EPOLLIN | EPOLLRDHUP));
	mod(ep, s[1], EPOLLIN);
	CHECK("it is only told who asks", one(ep, s[1], EPOLLIN));
	mod(ep, s[1], 0);
	CHECK("to who asks nothing, nothing", now(ep) == 0);
	close(s[1]);
	CHECK("the peer goes", one(ep, s[0], EPOLLIN | EPOLLRDHUP | EPOLLHUP) && now(ep) == 0);
	mod(ep, s[0], 0);
	CHECK("that is told to all", one(ep, s[0], EPOLLHUP));
	close(s[0]);
	two(type, s);
	add(ep, s[0], EPOLLOUT | EPOLLRDHUP | EPOLLIN);
	put(s[0], "not read"), close(s[1]);
	CHECK("a reset", one(ep, s[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	close(s[0]);
	CHECK("nothing is watched", now(ep) == 0);
	close(ep);
}

static void listeners(int type)
{
	int ep = epoll_create1(0), edge = epoll_create1(0), l, c, d, e, s;
	struct sockaddr_un a;

	l = server(type, SOCK_NONBLOCK, &a);
	add(ep, l, EPOLLIN | EPOLLOUT), add(edge, l, EPOLLIN | EPOLLET);
	CHECK("listener: nobody", now(ep) == 0 && now(edge) == 0);
	c = client(type, &a), d = client(type, &a);
	CHECK("listener: callers", one(ep, l, EPOLLIN) && one(edge, l, EPOLLIN) && now(edge) == 0);
	s = accept(l, NULL, NULL), close(s);
	CHECK("listener: one is left", one(ep, l, EPOLLIN) && now(edge) == 0);
	e = client(type, &a);
	CHECK("listener: one more", one(edge, l, EPOLLIN));
	s = accept(l, NULL, NULL), close(s), s = accept(l, NULL, NULL), close(s);
	CHECK("listener: none is left", now(ep) == 0 && accept(l, NULL, NULL) == -1 && errno == EAGAIN);
	shutdown(l, SHUT_RDWR);
	CHECK("listener: shut", one(ep, l, EPOLLIN | EPOLLHUP));
	close(ep), close(edge), close(l), close(c), close(d), close(e);
	ep = epoll_create1(0), s = socket(AF_UNIX, type, 0);
	add(ep, s, EPOLLIN | EPOLLOUT);
	CHECK("one that is alone", one(ep, s, EPOLLOUT | EPOLLHUP));
	close(s), close(ep);
}

/* Datagrams of many senders into one box. */
static void boxes(void)
{
	int ep = epoll_create1(0), s, c, d;
	struct sockaddr_un a;

	s = server(SOCK_DGRAM, SOCK_NONBLOCK, &a), c = client(SOCK_DGRAM, &a), d = client(SOCK_DGRAM, &a);
	add(ep, s, EPOLLIN | EPOLLET), add(ep, c, EPOLLOUT | EPOLLET);
	CHECK("box: to write", one(ep, c, EPOLLOUT) && ready(d) == POLLOUT);
	while (send(d, "x", 1, MSG_DONTWAIT) == 1)
		;
	CHECK("box: filled by another", errno == EAGAIN && ready(d) == 0 && ready(c) == 0 && send(c, "x", 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK("box: to read", one(ep, s, EPOLLIN) && now(ep) == 0);
	CHECK("box: who is not connected does not know", ready(s) == (POLLIN | POLLOUT));
	drain(s);
	CHECK("box: emptied", one(ep, c, EPOLLOUT) && now(ep) == 0 && ready(d) == POLLOUT);
	while (send(d, "x", 1, MSG_DONTWAIT) == 1)
		;
	CHECK("box: filled again", mod(ep, c, EPOLLOUT) == 0 && one(ep, s, EPOLLIN) && now(ep) == 0);
	close(s);
	CHECK("box: gone", ready(c) == POLLOUT && later(ep, c, EPOLLOUT) && send(c, "x", 1, 0) == -1 && errno == ECONNREFUSED);
	close(ep), close(c), close(d);
}

static void wakes(int type)
{
	int s[2];
	pid_t pid;

	two(type, s);
	CHILD(pid, if (wait_for(s[1], POLLIN) != POLLIN || !got(s[1], "x")) _exit(1));
	pause_ms(40), put(s[0], "x");
	CHECK("poll wakes for bytes", wait_status(pid) == 0);
	CHILD(pid, int ep = epoll_create1(0); add(ep, s[1], EPOLLIN | EPOLLET); if (!later(ep, s[1], EPOLLIN) || !got(s[1], "x")) _exit(1));
	pause_ms(40), put(s[0], "x");
	CHECK("epoll wakes for bytes", wait_status(pid) == 0);
	fill(s[0]);
	CHILD(pid, if (wait_for(s[0], POLLOUT) != POLLOUT || !put(s[0], "room")) _exit(1));
	pause_ms(40), drain(s[1]);
	CHECK("poll wakes for room", wait_status(pid) == 0);
	drain(s[1]), fill(s[0]);
	CHILD(pid, int ep = epoll_create1(0); add(ep, s[0], EPOLLOUT | EPOLLET); if (!later(ep, s[0], EPOLLOUT) || !put(s[0], "room")) _exit(1));
	pause_ms(40), drain(s[1]);
	CHECK("epoll wakes for room", wait_status(pid) == 0);
	close_two(s);
}

static void wakes_at_end(int type)
{
	int s[2];
	pid_t pid;

	two(type, s);
	CHILD(pid, close(s[0]); if (!(wait_for(s[1], POLLRDHUP) & POLLRDHUP) || wait_for(s[1], 0) != POLLHUP) _exit(1));
	close(s[1]);
	pause_ms(40), shutdown(s[0], SHUT_WR), pause_ms(40), close(s[0]);
	CHECK("poll wakes for the end of writing, and for the end", wait_status(pid) == 0);
	two(type, s);
	CHILD(pid, close(s[0]); int ep = epoll_create1(0); add(ep, s[1], 0); if (!later(ep, s[1], EPOLLHUP)) _exit(1));
	close(s[1]);
	pause_ms(40), close(s[0]);
	CHECK("epoll wakes for the end", wait_status(pid) == 0);
	two(type, s);
	CHILD(pid, close(s[1]); pause_ms(40));
	close(s[0]);
	CHECK("the end of a process is one", (wait_for(s[1], POLLIN) & POLLIN) && ready(s[1]) == HUNG && wait_status(pid) == 0);
	close(s[1]);
}

static void wakes_callers(void)
{
	struct sockaddr_un a, b;
	int l = server(SOCK_STREAM, 0, &a), box = server(SOCK_DGRAM, 0, &b), c;
	pid_t pid;

	CHILD(pid, if (wait_for(l, POLLIN) != POLLIN || accept(l, NULL, NULL) < 0) _exit(1));
	pause_ms(40), c = client(SOCK_STREAM, &a);
	CHECK("poll wakes for a caller", wait_status(pid) == 0);
	close(l), close(c), c = client(SOCK_DGRAM, &b);
	while (send(c, "x", 1, MSG_DONTWAIT) == 1)
		;
	CHILD(pid, if (wait_for(c, POLLOUT) != POLLOUT || !put(c, "room")) _exit(1));
	pause_ms(40), drain(box);
	CHECK("for room in a box", wait_status(pid) == 0);
	drain(box);
	while (send(c, "x", 1, MSG_DONTWAIT) == 1)
		;
	CHILD(pid, int ep = epoll_create1(0); add(ep, c, EPOLLOUT); if (!later(ep, c, EPOLLOUT) || !put(c, "room")) _exit(1));
	pause_ms(40), drain(box);
	CHECK("so does epoll", wait_status(pid) == 0);
	close(box), close(c);
}

/* Bytes through a socket that is always full or empty; a wake-up that is lost would stop it. */
static void pour(uint32_t mode)
{
	enum { ALL = 2000000 };
	int s[2], ep = epoll_create1(0), good = 1, n;
	size_t sum = 0;
	pid_t pid;

	two(SOCK_STREAM | SOCK_NONBLOCK, s);
	CHILD(pid, close(s[1]); add(ep, s[0], EPOLLOUT | mode); size_t at = 0; while (at < ALL) {
		for (int i = 0; i < 9000; i++)
			bytes[i] = (char)((at + (size_t)i) * 7 >> 3);
		n = (int)send(s[0], bytes, ALL - at < 9000 ? ALL - at : 9000, 0);
		if (n > 0)
			at += (size_t)n;
		else if (!later(ep, s[0], EPOLLOUT))
			_exit(1);
	});
	close(ep), ep = epoll_create1(0);
	close(s[0]), add(ep, s[1], EPOLLIN | mode);
	while ((n = (int)recv(s[1], bytes, 7000, 0)) != 0)
		if (n > 0)
			for (int i = 0; i < n; i++)
				good &= bytes[i] == (char)(sum++ * 7 >> 3);
		else if (errno != EAGAIN || epoll_wait(ep, ev, 1, 60000) != 1)
			break;
	CHECK("two million bytes", n == 0 && good && sum == ALL && wait_status(pid) == 0);
	close(s[1]), close(ep);
}

/* One client process: ten connections, on each of which it says something and must hear it again. */
static void talk(const struct sockaddr_un *a, int type, int who)
{
	int c[10];
	char said[100], heard[100];

	for (int i = 0; i < 10; i++)
		c[i] = client(type, a);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 10; i++) {
			int n = snprintf(said, sizeof said, "client %d connection %d round %d", who, i, round);
			if (send(c[i], said, (size_t)n, 0) != n)
				_exit(1);
		}
		for (int i = 9; i >= 0; i--) {
			int n = snprintf(said, sizeof said, "client %d connection %d round %d", who, i, round);
			if (recv(c[i], heard, (size_t)n, MSG_WAITALL) != n || memcmp(said, heard, (size_t)n))
				_exit(2);
		}
	}
}

/* Echoes what is there; 1 when the client has gone. */
static int echo(int fd)
{
	ssize_t n;

	while ((n = recv(fd, bytes, 500, MSG_DONTWAIT)) > 0)
		if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			_exit(92);
	if (n < 0 && errno == EAGAIN)
		return 0;
	close(fd);
	return 1;
}

static void serve(const char *text, int type, uint32_t mode)
{
	struct sockaddr_un a;
	int l = server(type, SOCK_NONBLOCK, &a), ep = epoll_create1(0), calls = 0, ended = 0, good = 1, n, s;
	pid_t pid[10];

	add(ep, l, EPOLLIN | mode);
	for (int i = 0; i < 10; i++)
		CHILD(pid[i], close(l); close(ep); talk(&a, type, i));
	while (ended < 100 && (n = epoll_wait(ep, ev, 64, 60000)) > 0)
		for (int i = 0; i < n; i++)
			if ((int)ev[i].data.u64 != l)
				ended += echo((int)ev[i].data.u64);
			else
				while ((s = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0)
					calls++, add(ep, s, EPOLLIN | EPOLLRDHUP | mode);
	for (int i = 0; i < 10; i++)
		good &= ended == 100 ? wait_status(pid[i]) == 0 : (kill(pid[i], SIGKILL), wait_status(pid[i]), 0);
	CHECK(text, good && calls == 100 && ended == 100 && now(ep) == 0);
	close(l), close(ep);
}

/* One message goes, and there is room for the small ones of all who wait. */
static void writers_of_one(void)
{
	static char large[199900];
	int s[2], size = 100000;
	pid_t pid[3];

	two(SOCK_DGRAM, s);
	setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	CHECK("one large message fills the room", send(s[0], large, sizeof large, 0) == sizeof large && send(s[0], "x", 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	for (int i = 0; i < 3; i++)
		CHILD(pid[i], if (send(s[0], "x", 1, 0) != 1) _exit(1));
	pause_ms(100);
	recv(s[1], large, sizeof large, 0);
	CHECK("which is room for three", wait_status(pid[0]) == 0 && wait_status(pid[1]) == 0 && wait_status(pid[2]) == 0);
	close_two(s);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	polls(SOCK_STREAM), polls(SOCK_DGRAM), polls(SOCK_SEQPACKET), selects();
	levels(SOCK_STREAM), levels(SOCK_DGRAM), levels(SOCK_SEQPACKET);
	edges(SOCK_STREAM), edges(SOCK_DGRAM), edges(SOCK_SEQPACKET);
	ends(SOCK_STREAM), ends(SOCK_SEQPACKET);
	listeners(SOCK_STREAM), listeners(SOCK_SEQPACKET), boxes();
	wakes(SOCK_STREAM), wakes(SOCK_DGRAM), wakes(SOCK_SEQPACKET);
	wakes_at_end(SOCK_STREAM), wakes_at_end(SOCK_SEQPACKET), wakes_callers();
	pour(0), pour(EPOLLET);
	writers_of_one();
	serve("a hundred connections", SOCK_STREAM, 0);
	serve("a hundred connections, by edges", SOCK_STREAM, EPOLLET);
	serve("a hundred connections of packets", SOCK_SEQPACKET, EPOLLET);
	DONE();
}

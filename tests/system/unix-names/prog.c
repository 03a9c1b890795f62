/* AF_UNIX names: bind, connect, listen and accept by path and without, what the names of both ends are, datagrams by address. */
#include "sockets.h"
#include <grp.h>
#include <sys/random.h>

#define HEAD 2u /* the family, before the name */

struct name {
	struct sockaddr_un a;
	char more[20]; /* a name of 108 bytes is told with its end */
	socklen_t size;
};

static char tag[20];

static int make(int type) { return socket(AF_UNIX, type, 0); }
static int ready_now(int type) { return socket(AF_UNIX, type | SOCK_NONBLOCK, 0); }

static struct name path(const char *text)
{
	struct name n = { .a.sun_family = AF_UNIX };

	memcpy(n.a.sun_path, text, strnlen(text, sizeof n.a.sun_path));
	n.size = HEAD + (socklen_t)strlen(text) + 1;
	return n;
}

/* A name outside the file system, which nobody else uses at this time. */
static struct name hidden(const char *text)
{
	struct name n = { .a.sun_family = AF_UNIX };

	n.size = HEAD + 1 + (socklen_t)snprintf(n.a.sun_path + 1, 100, "%s-%s", tag, text);
	return n;
}

static int bind_to(int s, struct name n) { return bind(s, (void *)&n, n.size); }
static int connect_to(int s, struct name n) { return connect(s, (void *)&n, n.size); }
static int bind_path(int s, const char *text) { return bind_to(s, path(text)); }
static int connect_path(int s, const char *text) { return connect_to(s, path(text)); }
static long send_to(int s, const char *text, struct name n)
{
	return sendto(s, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&n, n.size);
}

/* A socket with that name; it listens unless it is for datagrams. */
static int server(int type, struct name n)
{
	int s = make(type);

	if (bind_to(s, n) || (type != SOCK_DGRAM && listen(s, 8)))
		_exit(94);
	return s;
}

static int client(int type, struct name n)
{
	int s = make(type);

	if (connect_to(s, n))
		_exit(93);
	return s;
}

static struct name own(int s)
{
	struct name n = { .size = sizeof n };

	if (getsockname(s, (void *)&n, &n.size))
		n.size = 999;
	return n;
}

static struct name other(int s)
{
	struct name n = { .size = sizeof n };

	if (getpeername(s, (void *)&n, &n.size))
		n.size = 999;
	return n;
}

static int same(struct name a, struct name b) { return a.size == b.size && memcmp(&a, &b, a.size) == 0; }
static int nameless(struct name n) { return n.size == HEAD && n.a.sun_family == AF_UNIX; }

static void addresses(void)
{
	struct name n = path("wrong");
	int s = make(SOCK_STREAM), d = make(SOCK_DGRAM), good = 1;
	static const socklen_t sizes[] = { 0, 1, 111, 127, 128, 129, 1000, (socklen_t)-1 };

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		good &= bind(s, (void *)&n, sizes[i]) == -1 && errno == EINVAL;
	CHECK("bind: sizes that are none", good);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		good &= connect(s, (void *)&n, sizes[i]) == -1 && errno == EINVAL;
	CHECK("connect: the same", good);
	FAILS("connect: no name", EINVAL, connect(s, (void *)&n, HEAD));
	FAILS("connect: datagrams to no name", EINVAL, connect(d, (void *)&n, HEAD));
	FAILS("sendto: no name", EINVAL, sendto(d, "x", 1, 0, (void *)&n, HEAD));
	FAILS("sendto: too large", EINVAL, sendto(d, "x", 1, 0, (void *)&n, 111));
	FAILS("bind: a bad address", EFAULT, bind(s, BAD, 10));
	FAILS("connect: a bad address", EFAULT, connect(s, BAD, 10));
	FAILS("sendto: a bad address", EFAULT, sendto(d, "x", 1, 0, BAD, 10));
	n.a.sun_family = AF_INET;
	FAILS("bind: another family", EINVAL, bind_to(s, n));
	FAILS("bind: no name of another family", EINVAL, bind(s, (void *)&n, HEAD));
	FAILS("connect: another family", EINVAL, connect_to(s, n));
	FAILS("connect: datagrams, another family", EINVAL, connect_to(d, n));
	FAILS("sendto: another family", EINVAL, send_to(d, "x", n));
	n.a.sun_family = AF_UNSPEC;
	FAILS("bind: no family", EINVAL, bind_to(s, n));
	FAILS("connect: no family", EINVAL, connect_to(s, n));
	FAILS("nothing was made", ENOENT, access("wrong", F_OK));
	CHECK("no name yet", nameless(own(s)));
	close(s), close(d);
}

static void paths(void)
{
	char most[120], text[120];
	struct name n = path("cut");
	struct stat st, st2;
	int s = make(SOCK_STREAM), t = make(SOCK_STREAM);

	CHECK("bind", bind_path(s, "node") == 0 && stat("node", &st) == 0 && S_ISSOCK(st.st_mode) && st.st_size == 0);
	CHECK("the node is another inode", fstat(s, &st2) == 0 && (st2.st_ino != st.st_ino || st2.st_dev != st.st_dev));
	FAILS("a node is not to be opened", ENXIO, open("node", O_RDWR));
	FAILS("bind again", EINVAL, bind_path(s, "second"));
	FAILS("that makes no node", ENOENT, access("second", F_OK));
	FAILS("the name is in use", EADDRINUSE, bind_path(t, "node"));
	close(s);
	FAILS("after its socket, too", EADDRINUSE, bind_path(t, "node"));
	unlink("node");
	CHECK("but not without its node", bind_path(t, "node") == 0);
	close(t);

	s = make(SOCK_STREAM);
	n.size = HEAD + 3;
	CHECK("a name without an end", bind_to(s, n) == 0 && access("cut", F_OK) == 0 && same(own(s), path("cut")));
	close(s), s = make(SOCK_STREAM);
	n = path("short");
	n.size = sizeof n.a;
	CHECK("the name ends before its size", bind_to(s, n) == 0 && same(own(s), path("short")));
	close(s), s = make(SOCK_STREAM);
	memset(most, 'm', 108), most[108] = 0;
	n = path(most), n.size = HEAD + 108;
	CHECK("a name of 108 bytes", bind_to(s, n) == 0 && access(most, F_OK) == 0);
	n = own(s);
	CHECK("is told with its end", n.size == HEAD + 109 && memcmp(n.a.sun_path, most, 109) == 0);
	close(s), s = make(SOCK_STREAM);

	mkdir("dir", 0755), close(open("plain", O_CREAT, 0644)), symlink("nowhere", "dangling");
	FAILS("over a file", EADDRINUSE, bind_path(s, "plain"));
	FAILS("over a folder", EADDRINUSE, bind_path(s, "dir"));
	FAILS("over a link to nowhere", EADDRINUSE, bind_path(s, "dangling"));
	FAILS("in no folder", ENOENT, bind_path(s, "missing/node"));
	FAILS("in a file", ENOTDIR, bind_path(s, "plain/node"));
	FAILS("a name that ends like a folder", ENOENT, bind_path(s, "node2/"));
	CHECK("in a folder", bind_path(s, "./dir/../dir/inner") == 0 && same(own(s), path("./dir/../dir/inner")));
	listen(s, 1);
	chdir("dir");
	t = make(SOCK_STREAM);
	CHECK("from there", connect_path(t, "inner") == 0 && same(other(t), path("./dir/../dir/inner")));
	close(t), t = make(SOCK_STREAM);
	snprintf(text, sizeof text, "%s", "../dir/inner");
	CHECK("and by another way", connect_path(t, text) == 0);
	chdir("..");
	close(s), close(t);
}

static unsigned mode_of(mode_t mask, const char *name)
{
	struct stat st;
	mode_t old = umask(mask);
	int s = make(SOCK_DGRAM);

	bind_path(s, name);
	umask(old);
	close(s);
	return stat(name, &st) ? 0 : st.st_mode;
}

static void nodes(void)
{
	int s, c;

	CHECK("the umask counts", mode_of(0, "m1") == (S_IFSOCK | 0777) && mode_of(022, "m2") == (S_IFSOCK | 0755) &&
	      mode_of(0777, "m3") == S_IFSOCK);
	s = server(SOCK_STREAM, path("named"));
	symlink("named", "link"), link("named", "hard");
	c = client(SOCK_STREAM, path("link"));
	CHECK("connect through a link", same(other(c), path("named")));
	close(c), c = client(SOCK_STREAM, path("hard"));
	CHECK("by a second name", same(other(c), path("named")));
	close(c);
	rename("named", "renamed");
	c = make(SOCK_STREAM);
	FAILS("not by the old one", ENOENT, connect_path(c, "named"));
	FAILS("not through the old link", ENOENT, connect_path(c, "link"));
	CHECK("by the new one", connect_path(c, "renamed") == 0 && same(other(c), path("named")) && same(own(s), path("named")));
	unlink("renamed"), unlink("hard");
	close(c), c = make(SOCK_STREAM);
	FAILS("by none", ENOENT, connect_path(c, "renamed"));
	int s2 = server(SOCK_STREAM, path("named")), d = ready_now(SOCK_STREAM);
	CHECK("another with the name", connect_path(d, "named") == 0 && ready(s2) == POLLIN);
	close(s), close(s2), close(c), close(d);
}

static void refused(void)
{
	int s = make(SOCK_STREAM), c = make(SOCK_STREAM), d = make(SOCK_DGRAM), q = make(SOCK_SEQPACKET);

	close(open("file", O_CREAT, 0666)), mkdir("folder", 0755);
	FAILS("connect: missing", ENOENT, connect_path(c, "missing"));
	FAILS("connect: below a file", ENOTDIR, connect_path(c, "file/x"));
	FAILS("connect: a file", ECONNREFUSED, connect_path(c, "file"));
	FAILS("connect: a folder", ECONNREFUSED, connect_path(c, "folder"));
	FAILS("connect: no such hidden name", ECONNREFUSED, connect_to(c, hidden("missing")));
	FAILS("datagram: missing", ENOENT, send_to(d, "x", path("missing")));
	FAILS("datagram: a file", ECONNREFUSED, send_to(d, "x", path("file")));
	FAILS("datagram: no such hidden name", ECONNREFUSED, send_to(d, "x", hidden("missing")));
	bind_path(s, "listener");
	FAILS("connect: not listening", ECONNREFUSED, connect_path(c, "listener"));
	listen(s, 5);
	FAILS("connect: packets to a stream", EPROTOTYPE, connect_path(q, "listener"));
	FAILS("connect: datagrams to a stream", EPROTOTYPE, connect_path(d, "listener"));
	FAILS("datagram: to a stream", EPROTOTYPE, send_to(d, "x", path("listener")));
	bind_path(d, "datagrams");
	FAILS("connect: a stream to datagrams", EPROTOTYPE, connect_path(c, "datagrams"));
	CHECK("connect: after all that", connect_path(c, "listener") == 0);
	close(s), close(d);
	s = make(SOCK_STREAM), d = make(SOCK_DGRAM);
	FAILS("connect: its socket is closed", ECONNREFUSED, connect_path(s, "listener"));
	FAILS("datagram: its socket is closed", ECONNREFUSED, send_to(d, "x", path("datagrams")));
	close(c), close(q), close(s), close(d);
}

/* What a user may not; nothing is asked where there is but one user. */
static int as_user(void)
{
	int c = make(SOCK_STREAM), d = make(SOCK_DGRAM), s = make(SOCK_STREAM);

	if (getuid() != 0 || setgroups(0, NULL) || setgid(1000) || setuid(1000))
		return 0;
	if (connect_path(c, "his") != -1 || errno != EACCES)
		return 1;
	if (connect_path(c, "closed/inner") != -1 || errno != EACCES)
		return 2;
	if (send_to(d, "x", path("datagrams")) != -1 || errno != EACCES)
		return 3;
	if (connect_path(d, "datagrams") != -1 || errno != EACCES)
		return 4;
	if (connect_path(c, "private-file") != -1 || errno != EACCES)
		return 5;
	if (bind_path(s, "closed/new") != -1 || errno != EACCES)
		return 6;
	if (bind_path(s, "new") != -1 || errno != EACCES)
		return 7;
	return connect_path(c, "everybody's") ? 8 : 0;
}

static void permissions(void)
{
	int s, t, d, inner;
	pid_t pid;

	unlink("datagrams");
	mkdir("closed", 0700), close(open("private-file", O_CREAT, 0600));
	s = server(SOCK_STREAM, path("his")), t = server(SOCK_STREAM, path("everybody's"));
	d = server(SOCK_DGRAM, path("datagrams")), inner = server(SOCK_STREAM, path("closed/inner"));
	chmod("his", 0755), chmod("datagrams", 0700), chmod("closed/inner", 0777), chmod("everybody's", 0222);
	CHILD(pid, _exit(as_user()));
	CHECK("another user needs the right to write", EXITED(wait_status(pid), 0));
	close(s), close(t), close(d), close(inner);
}

static void hidden_names(void)
{
	struct name n = hidden("a"), longer, nulls;
	int s = make(SOCK_STREAM), t = make(SOCK_STREAM), d = make(SOCK_DGRAM), c = make(SOCK_STREAM);

	CHECK("hidden: bind", bind_to(s, n) == 0 && same(own(s), n));
	FAILS("hidden: in use", EADDRINUSE, bind_to(t, n));
	FAILS("hidden: bind again", EINVAL, bind_to(s, hidden("b")));
	longer = n, longer.size++;
	CHECK("hidden: with a null more it is another", bind_to(t, longer) == 0 && same(own(t), longer));
	CHECK("hidden: another kind, another name", bind_to(d, n) == 0);
	close(d), d = make(SOCK_DGRAM);
	FAILS("hidden: of which there is none now", ECONNREFUSED, connect_to(d, n));
	listen(s, 5);
	CHECK("hidden: connect", connect_to(c, n) == 0 && same(other(c), n) && nameless(own(c)));
	close(s), close(c), close(t);
	s = make(SOCK_STREAM), c = make(SOCK_STREAM), t = make(SOCK_STREAM);
	FAILS("hidden: gone with its socket", ECONNREFUSED, connect_to(c, n));
	CHECK("hidden: free", bind_to(s, n) == 0);
	nulls = n, nulls.size = sizeof nulls.a;
	CHECK("hidden: as long as can be", bind_to(t, nulls) == 0 && same(own(t), nulls));
	close(s), close(t), close(c), close(d);
}

static int hex(struct name n)
{
	int good = n.size == HEAD + 6 && n.a.sun_path[0] == 0;

	for (int i = 1; i < 6; i++)
		good &= strchr("0123456789abcdef", n.a.sun_path[i]) != NULL;
	return good;
}

static void no_names(void)
{
	struct name n = path(""), m;
	int s = make(SOCK_STREAM), t = make(SOCK_STREAM), c;

	CHECK("bind to no name finds one", bind(s, (void *)&n, HEAD) == 0 && hex(own(s)));
	CHECK("another for each", bind(t, (void *)&n, HEAD) == 0 && hex(own(t)) && !same(own(s), own(t)));
	m = own(s);
	CHECK("again it does nothing", bind(s, (void *)&n, HEAD) == 0 && same(own(s), m));
	FAILS("but a name is too much", EINVAL, bind_to(s, hidden("x")));
	listen(s, 5);
	c = client(SOCK_STREAM, m);
	CHECK("it can be found by it", same(other(c), m));
	close(s), close(t), close(c);
}

/* getsockname and getpeername with all sizes of buffers. */
static void told(void)
{
	int s = server(SOCK_STREAM, path("told")), c = client(SOCK_STREAM, path("told")), a = accept(s, NULL, NULL), p[2];
	char buf[40];
	socklen_t size = 5;

	memset(buf, '#', sizeof buf);
	CHECK("a small buffer", getsockname(s, (void *)buf, &size) == 0 && size == HEAD + 5 && !memcmp(buf + 2, "tol##", 5));
	size = 0;
	memset(buf, '#', sizeof buf);
	CHECK("none at all", getsockname(s, (void *)buf, &size) == 0 && size == HEAD + 5 && buf[0] == '#');
	size = 4;
	CHECK("of the peer", getpeername(c, (void *)buf, &size) == 0 && size == HEAD + 5 && !memcmp(buf + 2, "to#", 3));
	size = sizeof buf;
	memset(buf, '#', sizeof buf);
	CHECK("a large one", getsockname(s, (void *)buf, &size) == 0 && size == HEAD + 5 && !memcmp(buf + 2, "told\0#", 6));
	size = (socklen_t)-1;
	FAILS("less than none", EINVAL, getsockname(s, (void *)buf, &size));
	FAILS("less than none of the peer", EINVAL, getpeername(c, (void *)buf, &size));
	size = 20;
	FAILS("to nowhere", EFAULT, getsockname(s, BAD, &size));
	FAILS("a size from nowhere", EFAULT, getsockname(s, (void *)buf, BAD));
	FAILS("a listener has no peer", ENOTCONN, getpeername(s, (void *)buf, &size));
	CHECK("both ends of a connection", nameless(own(c)) && same(other(c), path("told")) && same(own(a), path("told")) && nameless(other(a)));
	close(s), unlink("told");
	CHECK("stay what they were", same(other(c), path("told")) && same(own(a), path("told")));
	close(a);
	CHECK("without the other, too", same(other(c), path("told")));
	close(c);
	two(SOCK_STREAM, p);
	CHECK("a pair has no names", nameless(own(p[0])) && nameless(other(p[0])));
	close_two(p);
	c = make(SOCK_STREAM);
	FAILS("alone", ENOTCONN, getpeername(c, (void *)buf, &size));
	close(c);
}

static void listeners(int type)
{
	int s = ready_now(type), c = make(type), a;
	char b;
	struct name n = { .size = sizeof n };

	unlink("here"), unlink("caller");
	FAILS("listen without a name", EINVAL, listen(s, 5));
	CHECK("one that is alone hangs", ready(s) == (POLLOUT | POLLHUP));
	FAILS("accept without listen", EINVAL, accept(s, NULL, NULL));
	bind_path(s, "here");
	FAILS("a name is not enough", EINVAL, accept(s, NULL, NULL));
	CHECK("listen, again with another number", listen(s, 5) == 0 && listen(s, -1) == 0 && listen(s, 7) == 0);
	CHECK("it is not ready", ready(s) == 0);
	FAILS("nobody calls", EAGAIN, accept(s, NULL, NULL));
	FAILS("it does not send", ENOTCONN, send(s, "x", 1, MSG_NOSIGNAL));
	FAILS("it does not receive", type == SOCK_STREAM ? EINVAL : ENOTCONN, recv(s, &b, 1, MSG_DONTWAIT));
	FAILS("it has no bytes", EINVAL, ioctl(s, FIONREAD, &a));
	bind_path(c, "caller");
	CHECK("connect", connect_path(c, "here") == 0 && ready(s) == POLLIN && ready(c) == POLLOUT);
	FAILS("it calls nobody", EINVAL, connect_path(s, "here"));
	FAILS("unknown flags", EINVAL, syscall(SYS_accept4, s, NULL, NULL, 1));
	FAILS("connected again", EISCONN, connect_path(c, "here"));
	FAILS("one who calls cannot listen", EINVAL, listen(c, 5));
	a = accept4(s, (void *)&n, &n.size, SOCK_CLOEXEC);
	CHECK("accept", a >= 0 && same(n, path("caller")) && same(other(a), n) && fcntl(a, F_GETFD) == FD_CLOEXEC && fcntl(a, F_GETFL) == O_RDWR);
	CHECK("they speak", put(c, "hello") && got(a, "hello") && put(a, "you") && got(c, "you") && ready(s) == 0);
	close(a), close(c);
	c = client(type, path("here"));
	n.size = sizeof n;
	a = accept4(s, (void *)&n, &n.size, SOCK_NONBLOCK);
	CHECK("accept of one without a name", a >= 0 && nameless(n) && fcntl(a, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(a, F_GETFD) == 0);
	close(a), close(c), close(s);
}

static void before_accept(int type)
{
	int s, c, c2, a;
	char b[8];

	unlink("early");
	s = server(type, path("early"));
	c = client(type, path("early"));
	CHECK("sent before accept", put(c, "first") && nothing(c));
	c2 = client(type, path("early"));
	put(c2, "second"), close(c2);
	a = accept(s, NULL, NULL);
	CHECK("is there after it", got(a, "first") && put(a, "answer") && got(c, "answer"));
	close(a), close(c);
	a = accept(s, NULL, NULL);
	CHECK("even when the caller has gone", got(a, "second") && read(a, b, 8) == 0);
	close(a);
	c = client(type, path("early"));
	close(s);
	CHECK("the listener goes", ready(c) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR));
	FAILS("who waited is told", ECONNRESET, recv(c, b, 1, MSG_DONTWAIT));
	CHECK("then it is the end", recv(c, b, 1, MSG_DONTWAIT) == 0);
	FAILS("it cannot write", EPIPE, send(c, "x", 1, MSG_NOSIGNAL));
	close(c);
	c = make(type);
	FAILS("nobody listens", ECONNREFUSED, connect_path(c, "early"));
	close(c);
}

static void backlog(void)
{
	struct timeval soon = { 0, 30000 }, minute = { 60, 0 };
	int s = make(SOCK_STREAM), c[3], n = 0, a;
	pid_t pid;

	bind_path(s, "crowd"), listen(s, 0);
	for (; n < 3; n++)
		if (c[n] = ready_now(SOCK_STREAM), connect_path(c[n], "crowd"))
			break;
	CHECK("one may wait where none should", n == 1 && errno == EAGAIN);
	FAILS("the second is none", EAGAIN, connect_path(c[1], "crowd"));
	FAILS("nor is it connected", ENOTCONN, send(c[1], "x", 1, MSG_NOSIGNAL));
	int timed = make(SOCK_STREAM);
	setsockopt(timed, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
	FAILS("in time there is no place", EAGAIN, connect_path(timed, "crowd"));
	a = accept(s, NULL, NULL);
	CHECK("then there is one", a >= 0 && connect_path(timed, "crowd") == 0);
	close(a), close(timed);
	CHILD(pid, int w = make(SOCK_STREAM); setsockopt(w, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof minute);
	      if (connect_path(w, "crowd") || !put(w, "in")) _exit(1));
	pause_ms(50);
	a = accept(s, NULL, NULL);
	close(a), a = accept(s, NULL, NULL);
	char b[4];
	CHECK("who waits gets a place", recv(a, b, 2, MSG_WAITALL) == 2 && wait_status(pid) == 0);
	close(a);
	CHECK("a listener with more places", listen(s, 20) == 0 && connect_path(c[1], "crowd") == 0 && connect_path(make(SOCK_STREAM), "crowd") == 0);
	close(s), close(c[0]), close(c[1]);
}

static void shut_listener(void)
{
	int s = server(SOCK_STREAM, path("shut")), c = client(SOCK_STREAM, path("shut")), late = make(SOCK_STREAM), lone = make(SOCK_STREAM), a;
	pid_t pid;

	CHECK("a lone one can be shut", shutdown(lone, SHUT_RDWR) == 0);
	CHECK("a listener can be shut", shutdown(s, SHUT_RD) == 0);
	FAILS("nobody can call", ECONNREFUSED, connect_path(late, "shut"));
	a = accept(s, NULL, NULL);
	CHECK("who waited is heard", a >= 0 && put(c, "x") && got(a, "x"));
	FAILS("then nobody", EINVAL, accept(s, NULL, NULL));
	close(s), close(c), close(a), close(late), close(lone);
	unlink("shut");
	s = server(SOCK_STREAM, path("shut"));
	CHILD(pid, if (accept(s, NULL, NULL) != -1 || errno != EINVAL) _exit(1));
	pause_ms(50);
	shutdown(s, SHUT_RDWR);
	CHECK("who waits for callers is woken", wait_status(pid) == 0);
	close(s);
}

static void across(void)
{
	int s = server(SOCK_STREAM, path("served")), a;
	char b[8];
	pid_t pid;

	CHILD(pid, close(s); pause_ms(30); int c = make(SOCK_STREAM); if (connect_path(c, "served") || !put(c, "hi") || recv(c, b, 3, MSG_WAITALL) != 3) _exit(1));
	a = accept(s, NULL, NULL);
	CHECK("accept waits for a process", a >= 0 && recv(a, b, 2, MSG_WAITALL) == 2 && put(a, "you") && wait_status(pid) == 0);
	CHECK("which ended", read(a, b, 1) == 0);
	close(a), close(s);
}

static void not_connected(void)
{
	int c = make(SOCK_STREAM), q = make(SOCK_SEQPACKET), d = make(SOCK_DGRAM), p[2];
	char b;

	FAILS("alone: a stream does not send", ENOTCONN, send(c, "x", 1, MSG_NOSIGNAL));
	FAILS("alone: nor to a name", EOPNOTSUPP, send_to(c, "x", path("served")));
	FAILS("alone: nor receive", EINVAL, recv(c, &b, 1, 0));
	FAILS("alone: packets are not sent", ENOTCONN, send(q, "x", 1, MSG_NOSIGNAL));
	FAILS("alone: nor to a name", ENOTCONN, send_to(q, "x", path("served")));
	FAILS("alone: nor received", ENOTCONN, recv(q, &b, 1, 0));
	FAILS("alone: datagrams need a name", ENOTCONN, send(d, "x", 1, MSG_NOSIGNAL));
	FAILS("alone: of write, too", ENOTCONN, write(d, "x", 1));
	FAILS("alone: nothing for datagrams", EAGAIN, recv(d, &b, 1, MSG_DONTWAIT));
	FAILS("datagrams do not listen", EOPNOTSUPP, listen(d, 1));
	FAILS("datagrams do not accept", EOPNOTSUPP, accept(d, NULL, NULL));
	CHECK("alone: datagrams are ready to write", ready(d) == POLLOUT);
	two(SOCK_STREAM, p);
	FAILS("connected: a stream has one peer", EISCONN, send_to(p[0], "x", path("served")));
	FAILS("a pair does not accept", EINVAL, accept(p[0], NULL, NULL));
	close_two(p);
	two(SOCK_SEQPACKET, p);
	CHECK("connected: packets ignore a name", send_to(p[0], "abc", path("missing")) == 3 && got(p[1], "abc"));
	close_two(p), close(c), close(q), close(d);
}

static int from(int s, const char *text, struct name n)
{
	char b[64];
	struct name m = { .size = sizeof m };
	ssize_t got = recvfrom(s, b, sizeof b, MSG_DONTWAIT, (void *)&m, &m.size);

	return got == (ssize_t)strlen(text) && !memcmp(b, text, (size_t)got) && same(m, n);
}

static void sources(void)
{
	struct name none = { .size = 0 };
	int s = server(SOCK_DGRAM, path("post")), c = make(SOCK_DGRAM), d = server(SOCK_DGRAM, path("writer")), l, a, q;
	char b[64], small[16];
	socklen_t size = 4;

	CHECK("a datagram by name", send_to(c, "one", path("post")) == 3 && from(s, "one", none));
	CHECK("from a name", send_to(d, "two", path("post")) == 3 && from(s, "two", path("writer")));
	CHECK("an answer", send_to(s, "three", path("writer")) == 5 && from(d, "three", path("post")));
	CHECK("an empty one", send_to(d, "", path("post")) == 0 && from(s, "", path("writer")));
	send_to(d, "x", path("post"));
	memset(small, '#', sizeof small);
	CHECK("a small buffer for the name", recvfrom(s, b, 1, 0, (void *)small, &size) == 1 && size == HEAD + 7 && !memcmp(small + 2, "wr##", 4));
	send_to(d, "x", path("post"));
	close(d);
	CHECK("of one that has gone", from(s, "x", path("writer")));
	bind_to(c, hidden("w"));
	CHECK("a hidden name", send_to(c, "x", path("post")) == 1 && from(s, "x", hidden("w")));
	CHECK("to itself", send_to(s, "me", path("post")) == 2 && from(s, "me", path("post")));
	size = (socklen_t)-1;
	send_to(c, "x", path("post"));
	FAILS("a size that is none", EINVAL, recvfrom(s, b, 1, MSG_DONTWAIT, (void *)small, &size));
	close(s), close(c);
	l = server(SOCK_STREAM, path("line")), q = make(SOCK_STREAM);
	bind_path(q, "caller2"), connect_path(q, "line"), a = accept(l, NULL, NULL);
	CHECK("a stream tells its peer's name", put(q, "abc") && from(a, "abc", path("caller2")) && put(a, "def") && from(q, "def", path("line")));
	close(l), close(a), close(q);
	l = server(SOCK_SEQPACKET, path("packets")), q = client(SOCK_SEQPACKET, path("packets")), a = accept(l, NULL, NULL);
	CHECK("or none", put(q, "abc") && from(a, "abc", none) && put(a, "def") && from(q, "def", path("packets")));
	close(l), close(a), close(q);
}

static void connected_datagrams(void)
{
	struct name unspec = { .a.sun_family = AF_UNSPEC, .size = sizeof unspec.a };
	int a = server(SOCK_DGRAM, path("da")), b = server(SOCK_DGRAM, path("db")), c = server(SOCK_DGRAM, path("dc")), late;

	CHECK("datagrams: connect", connect_path(a, "db") == 0 && same(other(a), path("db")) && put(a, "x") && from(b, "x", path("da")));
	FAILS("it hears nobody else", EPERM, send_to(c, "x", path("da")));
	FAILS("nobody else can connect", EPERM, connect_path(c, "da"));
	CHECK("but its peer", send_to(b, "y", path("da")) == 1 && from(a, "y", path("db")));
	CHECK("it may write to others", send_to(a, "z", path("dc")) == 1 && from(c, "z", path("da")) && put(a, "x") && got(b, "x"));
	CHECK("the peer hears all", send_to(c, "w", path("db")) == 1 && got(b, "w"));
	CHECK("connect to another", connect_path(a, "dc") == 0 && same(other(a), path("dc")) && put(a, "v") && got(c, "v") && nothing(b));
	FAILS("the old one is refused", EPERM, send_to(b, "x", path("da")));
	FAILS("a connect that fails", ENOENT, connect_path(a, "nowhere at all"));
	CHECK("changes nothing", same(other(a), path("dc")));
	CHECK("connect to nobody", connect_to(a, unspec) == 0 && other(a).size == 999);
	FAILS("then it needs a name", ENOTCONN, send(a, "x", 1, 0));
	CHECK("and hears all", send_to(b, "1", path("da")) == 1 && send_to(c, "2", path("da")) == 1 && got(a, "1") && got(a, "2"));
	CHECK("again, with as few bytes as can be", connect_path(a, "db") == 0 && connect(a, (void *)&unspec, 2) == 0);
	FAILS("one byte is too few", EINVAL, connect(a, (void *)&unspec, 1));
	CHECK("connected to itself", connect_path(c, "dc") == 0 && put(c, "me") && got(c, "me"));
	connect_path(a, "db");
	close(b);
	FAILS("its peer has gone", ECONNREFUSED, send(a, "x", 1, 0));
	FAILS("it is alone", ENOTCONN, send(a, "x", 1, 0));
	unlink("db"), late = server(SOCK_DGRAM, path("db"));
	CHECK("another with that name", connect_path(a, "db") == 0 && put(a, "x") && got(late, "x"));
	close(a), close(c), close(late);
}

/* Both speak only to each other. */
static void married(void)
{
	struct name unspec = { .a.sun_family = AF_UNSPEC, .size = sizeof unspec.a };
	int a = server(SOCK_DGRAM, path("ma")), b = server(SOCK_DGRAM, path("mb"));

	connect_path(a, "mb"), connect_path(b, "ma");
	put(b, "unread");
	CHECK("leaving loses what was not read", connect_to(a, unspec) == 0 && nothing(a));
	CHECK("the other is told", ready(b) == (POLLOUT | POLLERR) && option(b, SO_ERROR) == ECONNRESET && ready(b) == POLLOUT);
	CHECK("and may still write", put(b, "x") && got(a, "x"));
	connect_path(a, "mb");
	CHECK("leaving with nothing to read", connect_to(a, unspec) == 0 && ready(b) == POLLOUT);
	close(a), close(b);
}

static void crowded(void)
{
	static char big[1 << 20];
	int s = server(SOCK_DGRAM, path("box")), c = ready_now(SOCK_DGRAM), n = 0, left = 0;
	char b[8];
	pid_t pid;

	while (n < 100000 && send_to(c, "letter", path("box")) == 6)
		n++;
	CHECK("a box is full", n > 0 && errno == EAGAIN && ready(c) == POLLOUT);
	CHECK("nothing is ready to be written there", connect_path(c, "box") == 0 && ready(c) == 0 && send(c, "x", 1, 0) == -1 && errno == EAGAIN);
	CHILD(pid, int w = make(SOCK_DGRAM); if (connect_path(w, "box") || !put(w, "waited")) _exit(1));
	pause_ms(50);
	while (left < n + 1 && recv(s, b, 8, 0) == 6)
		left++;
	CHECK("each comes, and who waited", left == n + 1 && wait_status(pid) == 0 && !memcmp(b, "waited", 6));
	CHECK("then there is room", ready(c) == POLLOUT && put(c, "x") && got(s, "x"));
	FAILS("too large", EMSGSIZE, send(c, big, sizeof big, 0));
	CHILD(pid, close(s); int w = make(SOCK_DGRAM); for (int i = 0; i < 100000; i++) if (send_to(w, "letter", path("box")) != 6) break;
	      if ((connect_path(w, "box") == 0 && send(w, "x", 1, 0) != -1) || errno != ECONNREFUSED) _exit(1));
	pause_ms(200);
	while (ready(s) == POLLOUT)
		pause_ms(20);
	pause_ms(100);
	close(s);
	CHECK("who waits is told that the box goes", EXITED(wait_status(pid), 0));
	close(c);
}

int main(void)
{
	unsigned long number;

	signal(SIGPIPE, SIG_IGN);
	getrandom(&number, sizeof number, 0);
	snprintf(tag, sizeof tag, "%016lx", number);
	umask(022);
	addresses(), paths(), nodes(), refused(), permissions();
	hidden_names(), no_names(), told();
	listeners(SOCK_STREAM), listeners(SOCK_SEQPACKET);
	before_accept(SOCK_STREAM), before_accept(SOCK_SEQPACKET);
	backlog(), shut_listener(), across();
	not_connected(), sources(), connected_datagrams(), married(), crowded();
	DONE();
}

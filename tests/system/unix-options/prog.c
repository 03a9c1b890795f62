/* getsockopt and setsockopt: what can be asked and set, lengths, what the options do. */
#include "sockets.h"

#define PEEK_OFF 42 /* SO_PEEK_OFF */

static char bytes[1 << 16];

/* One call; the length afterwards, or -1. */
static long get(int s, int level, int name, void *value, int size)
{
	socklen_t length = (socklen_t)size;

	return syscall(SYS_getsockopt, s, level, name, value, &length) ? -1 : (long)length;
}

static long set(int s, int level, int name, const void *value, int size) { return syscall(SYS_setsockopt, s, level, name, value, size); }
static long put_option(int s, int name, int value) { return set(s, SOL_SOCKET, name, &value, sizeof value); }

static struct timeval time_of(int s, int name)
{
	struct timeval t = { 77, 77 };

	get(s, SOL_SOCKET, name, &t, sizeof t);
	return t;
}

static long put_time(int s, int name, long sec, long usec)
{
	struct timeval t = { sec, usec };

	return set(s, SOL_SOCKET, name, &t, sizeof t);
}

static int listener(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "listener" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink("listener");
	if (bind(s, (void *)&a, sizeof a) || listen(s, 5))
		_exit(94);
	return s;
}

static void is(int type)
{
	int s = socket(AF_UNIX, type, 0), p[2];

	two(type, p);
	CHECK("its type", option(s, SO_TYPE) == type && option(p[1], SO_TYPE) == type);
	CHECK("its family", option(s, SO_DOMAIN) == AF_UNIX && option(p[1], SO_DOMAIN) == AF_UNIX);
	CHECK("its protocol", option(s, SO_PROTOCOL) == 0 && option(p[1], SO_PROTOCOL) == 0);
	CHECK("no error", option(s, SO_ERROR) == 0);
	CHECK("it does not listen", option(s, SO_ACCEPTCONN) == 0 && option(p[0], SO_ACCEPTCONN) == 0);
	FAILS("the type stays", ENOPROTOOPT, put_option(s, SO_TYPE, SOCK_STREAM));
	FAILS("the family stays", ENOPROTOOPT, put_option(s, SO_DOMAIN, AF_UNIX));
	FAILS("the protocol stays", ENOPROTOOPT, put_option(s, SO_PROTOCOL, 0));
	FAILS("an error is not made", ENOPROTOOPT, put_option(s, SO_ERROR, EIO));
	FAILS("nor a listener", ENOPROTOOPT, put_option(s, SO_ACCEPTCONN, 1));
	FAILS("nor a peer", ENOPROTOOPT, set(s, SOL_SOCKET, SO_PEERCRED, bytes, 12));
	close(s), close_two(p);
}

static void unknown(int type)
{
	int s = socket(AF_UNIX, type, 0), one = 1;

	FAILS("unknown: get", ENOPROTOOPT, get(s, SOL_SOCKET, 9999, &one, 4));
	FAILS("unknown: set", ENOPROTOOPT, put_option(s, 9999, 1));
	FAILS("unknown: 0", ENOPROTOOPT, get(s, SOL_SOCKET, 0, &one, 4));
	FAILS("unknown: set 0", ENOPROTOOPT, put_option(s, 0, 1));
	FAILS("unknown: -1", ENOPROTOOPT, get(s, SOL_SOCKET, -1, &one, 4));
	FAILS("unknown: set -1", ENOPROTOOPT, put_option(s, -1, 1));
	FAILS("unknown: too short is seen first", EINVAL, set(s, SOL_SOCKET, 9999, &one, 3));
	FAILS("unknown: nowhere is seen first", EFAULT, set(s, SOL_SOCKET, 9999, BAD, 4));
	FAILS("another level: get", EOPNOTSUPP, get(s, 6, 1, &one, 4));
	FAILS("another level: set", EOPNOTSUPP, set(s, 6, 1, &one, 4));
	FAILS("level 0: get", EOPNOTSUPP, get(s, 0, 1, &one, 4));
	FAILS("level 0: set", EOPNOTSUPP, set(s, 0, 1, &one, 4));
	FAILS("level 77: get", EOPNOTSUPP, get(s, 77, SO_TYPE, &one, 4));
	FAILS("level 77: set", EOPNOTSUPP, set(s, 77, SO_REUSEADDR, &one, 4));
	FAILS("no descriptor", EBADF, get(999, SOL_SOCKET, SO_TYPE, &one, 4));
	close(s);
}

static void lengths(void)
{
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), value = 0x77777777, type = SOCK_DGRAM;

	CHECK("get: more room", get(s, SOL_SOCKET, SO_TYPE, bytes, 100) == 4 && !memcmp(bytes, &type, 4));
	CHECK("get: two bytes", get(s, SOL_SOCKET, SO_TYPE, &value, 2) == 2 && value == (0x77770000 | SOCK_DGRAM));
	value = 0x77777777;
	CHECK("get: none", get(s, SOL_SOCKET, SO_TYPE, &value, 0) == 0 && value == 0x77777777);
	CHECK("get: none at nowhere", get(s, SOL_SOCKET, SO_TYPE, BAD, 0) == 0);
	FAILS("get: less than none", EINVAL, get(s, SOL_SOCKET, SO_TYPE, &value, -1));
	FAILS("get: before the option", EINVAL, get(s, SOL_SOCKET, 9999, &value, -1));
	FAILS("get: at nowhere", EFAULT, get(s, SOL_SOCKET, SO_TYPE, BAD, 4));
	FAILS("get: a length at nowhere", EFAULT, syscall(SYS_getsockopt, s, SOL_SOCKET, SO_TYPE, &value, BAD));
	FAILS("set: three bytes", EINVAL, set(s, SOL_SOCKET, SO_REUSEADDR, &value, 3));
	FAILS("set: none", EINVAL, set(s, SOL_SOCKET, SO_REUSEADDR, &value, 0));
	FAILS("set: none from nowhere", EINVAL, set(s, SOL_SOCKET, SO_REUSEADDR, NULL, 0));
	FAILS("set: less than none", EINVAL, set(s, SOL_SOCKET, SO_REUSEADDR, &value, -1));
	FAILS("set: that of another level", EINVAL, set(s, 77, SO_REUSEADDR, &value, -1));
	FAILS("set: from nowhere", EFAULT, set(s, SOL_SOCKET, SO_REUSEADDR, BAD, 4));
	CHECK("set: nothing was", option(s, SO_REUSEADDR) == 0);
	CHECK("set: more bytes", set(s, SOL_SOCKET, SO_REUSEADDR, memset(bytes, 1, 100), 100) == 0 && option(s, SO_REUSEADDR) == 1);
	struct ucred who = { 0, 77, 77 };
	close(s);
	int p[2];
	two(SOCK_STREAM, p);
	CHECK("get: the first of three", get(p[0], SOL_SOCKET, SO_PEERCRED, &who, 4) == 4 && who.pid == getpid() && who.uid == 77);
	CHECK("get: no more than three", get(p[0], SOL_SOCKET, SO_PEERCRED, bytes, 100) == sizeof who);
	close_two(p);
}

static int switches(int s, int name)
{
	int before = option(s, name), none, one, again;

	put_option(s, name, 77), one = option(s, name);
	put_option(s, name, 0), none = option(s, name);
	put_option(s, name, -1), again = option(s, name);
	put_option(s, name, 0);
	return before == 0 && one == 1 && none == 0 && again == 1;
}

static void kept(int type)
{
	int s = socket(AF_UNIX, type, 0);
	struct linger l = { 9, 9 };

	CHECK("SO_REUSEADDR", switches(s, SO_REUSEADDR));
	CHECK("SO_KEEPALIVE", switches(s, SO_KEEPALIVE));
	CHECK("SO_BROADCAST", switches(s, SO_BROADCAST));
	CHECK("SO_PASSCRED", switches(s, SO_PASSCRED));
	CHECK("SO_LINGER, off", get(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == sizeof l && l.l_onoff == 0 && l.l_linger == 0);
	l = (struct linger){ 77, 5 };
	CHECK("SO_LINGER, on", set(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0 && get(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == sizeof l &&
	      l.l_onoff == 1 && l.l_linger == 5);
	FAILS("SO_LINGER, half of it", EINVAL, set(s, SOL_SOCKET, SO_LINGER, &l, 4));
	l = (struct linger){ 9, 9 };
	CHECK("half of it is given", get(s, SOL_SOCKET, SO_LINGER, &l, 4) == 4 && l.l_onoff == 1 && l.l_linger == 9);
	l.l_onoff = 0;
	CHECK("off again", set(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0 && get(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == sizeof l && l.l_onoff == 0);
	CHECK("SO_PRIORITY", option(s, SO_PRIORITY) == 0 && put_option(s, SO_PRIORITY, 6) == 0 && option(s, SO_PRIORITY) == 6);
	CHECK("SO_RCVLOWAT", option(s, SO_RCVLOWAT) == 1 && put_option(s, SO_RCVLOWAT, 5) == 0 && option(s, SO_RCVLOWAT) == 5);
	CHECK("of nothing, or less", put_option(s, SO_RCVLOWAT, 0) == 0 && option(s, SO_RCVLOWAT) == 1 && put_option(s, SO_RCVLOWAT, -1) == 0 &&
	      option(s, SO_RCVLOWAT) == INT32_MAX);
	CHECK("SO_SNDLOWAT", option(s, SO_SNDLOWAT) == 1);
	FAILS("is what it is", ENOPROTOOPT, put_option(s, SO_SNDLOWAT, 1));
	close(s);
}

static void low_water(void)
{
	int s[2];
	pid_t pid;

	two(SOCK_STREAM, s);
	put_option(s[1], SO_RCVLOWAT, 5);
	put(s[0], "ab");
	CHILD(pid, pause_ms(30); put(s[0], "cde"));
	CHECK("five bytes are waited for", recv(s[1], bytes, 64, 0) == 5 && wait_status(pid) == 0);
	put(s[0], "ab");
	CHECK("but not when one does not wait", got(s[1], "ab"));
	put(s[0], "abcd");
	CHECK("nor for more than is asked", recv(s[1], bytes, 3, 0) == 3);
	shutdown(s[0], SHUT_WR);
	CHECK("nor at the end", recv(s[1], bytes, 64, 0) == 1);
	close_two(s);
}

static void sizes(int type)
{
	int s[2], huge = 0, more = 0, less = 0;

	two(type, s);
	CHECK("room to send and to receive", option(s[0], SO_SNDBUF) >= 4608 && option(s[0], SO_RCVBUF) >= 2304);
	CHECK("twice what is asked", put_option(s[0], SO_SNDBUF, 5000) == 0 && option(s[0], SO_SNDBUF) == 10000 &&
	      put_option(s[0], SO_RCVBUF, 5000) == 0 && option(s[0], SO_RCVBUF) == 10000);
	CHECK("of this one only", option(s[1], SO_SNDBUF) != 10000 && option(s[1], SO_RCVBUF) != 10000);
	CHECK("as much as can be", put_option(s[1], SO_SNDBUF, 1 << 30) == 0 && (huge = option(s[1], SO_SNDBUF)) > 10000 && huge < 1 << 30 &&
	      put_option(s[1], SO_RCVBUF, 1 << 30) == 0 && option(s[1], SO_RCVBUF) > 10000);
	CHECK("less than none is that, too", put_option(s[1], SO_SNDBUF, -1) == 0 && option(s[1], SO_SNDBUF) == huge);
	CHECK("as little as can be", put_option(s[0], SO_SNDBUF, 0) == 0 && option(s[0], SO_SNDBUF) == 4608 &&
	      put_option(s[0], SO_RCVBUF, 1) == 0 && option(s[0], SO_RCVBUF) == 2304);
	while (send(s[0], bytes, 100, MSG_DONTWAIT) == 100)
		less++;
	while (send(s[1], bytes, 100, MSG_DONTWAIT) == 100)
		more++;
	CHECK("less room, fewer messages", less > 0 && less < more);
	close_two(s);
	if (type == SOCK_STREAM)
		return;
	two(type, s);
	put_option(s[0], SO_SNDBUF, 1);
	FAILS("a message too large for it", EMSGSIZE, send(s[0], bytes, 4577, 0));
	CHECK("one that is not", send(s[0], bytes, 4576, MSG_DONTWAIT) == 4576 && recv(s[1], bytes, sizeof bytes, 0) == 4576);
	close_two(s);
}

static int same(struct timeval t, long sec, long usec) { return t.tv_sec == sec && t.tv_usec == usec; }

static void times(int name)
{
	int s[2];
	struct timeval t = { 1, 0 };

	two(SOCK_STREAM, s);
	CHECK("no time", same(time_of(s[0], name), 0, 0));
	CHECK("two seconds and a half", put_time(s[0], name, 2, 500000) == 0 && same(time_of(s[0], name), 2, 500000));
	FAILS("too many microseconds", EDOM, put_time(s[0], name, 0, 1000000));
	FAILS("less than none", EDOM, put_time(s[0], name, 0, -1));
	FAILS("half of a time", EINVAL, set(s[0], SOL_SOCKET, name, &t, 8));
	FAILS("at nowhere", EFAULT, set(s[0], SOL_SOCKET, name, BAD, sizeof t));
	CHECK("it is the old one", same(time_of(s[0], name), 2, 500000));
	CHECK("half of it", get(s[0], SOL_SOCKET, name, &t, 8) == 8 && t.tv_sec == 2 && t.tv_usec == 0);
	CHECK("room for more", get(s[0], SOL_SOCKET, name, bytes, 64) == sizeof t);
	CHECK("none again", put_time(s[0], name, 0, 0) == 0 && same(time_of(s[0], name), 0, 0));
	close_two(s);
}

/* The call fails with EAGAIN, at the earliest after these 40 ms. */
#define LATE(what, call)                                                                       \
	do {                                                                                   \
		long start_ = clock_ms();                                                      \
		errno = 0;                                                                     \
		long n_ = (long)(call);                                                        \
		CHECK(what, n_ == -1 && errno == EAGAIN && clock_ms() - start_ >= 39);         \
	} while (0)

static void waits(int type)
{
	int s[2];
	pid_t pid;

	two(type, s);
	put_time(s[1], SO_RCVTIMEO, 0, 40000);
	LATE("read ends in time", read(s[1], bytes, 1));
	LATE("recv, too", recv(s[1], bytes, 1, 0));
	FAILS("but not one that does not wait", EAGAIN, recv(s[1], bytes, 1, MSG_DONTWAIT));
	put_time(s[1], SO_RCVTIMEO, -1, 0);
	FAILS("a time before now is none to wait", EAGAIN, read(s[1], bytes, 1));
	put_time(s[1], SO_RCVTIMEO, 60, 0);
	CHILD(pid, pause_ms(30); put(s[0], "in time"));
	CHECK("what comes in time", read(s[1], bytes, 64) == 7 && wait_status(pid) == 0);
	put_time(s[0], SO_SNDTIMEO, 0, 40000);
	while (send(s[0], bytes, 1000, MSG_DONTWAIT) > 0)
		;
	LATE("write ends in time", write(s[0], bytes, 1000));
	put_time(s[0], SO_SNDTIMEO, 60, 0);
	CHILD(pid, pause_ms(30); while (recv(s[1], bytes, 1000, MSG_DONTWAIT) > 0) continue);
	CHECK("or when there is room", write(s[0], bytes, 1000) == 1000 && wait_status(pid) == 0);
	close_two(s);
}

static void waits_more(void)
{
	int s[2], l = listener();
	static char big[8 << 20];

	two(SOCK_STREAM, s);
	put_time(l, SO_RCVTIMEO, 0, 40000);
	LATE("accept ends in time", accept(l, NULL, NULL));
	CHECK("a listener listens", option(l, SO_ACCEPTCONN) == 1);
	put_time(s[1], SO_RCVTIMEO, 0, 40000), put(s[0], "abc");
	CHECK("a part of all that was waited for", recv(s[1], bytes, 6, MSG_WAITALL) == 3);
	put_time(s[0], SO_SNDTIMEO, 0, 40000);
	ssize_t n = write(s[0], big, sizeof big);
	CHECK("a part of what was to be written", n > 0 && n < (ssize_t)sizeof big && bytes_there(s[1]) == n);
	close_two(s), close(l);
}

static void peek_offset(void)
{
	int s[2];
	char b[8];

	two(SOCK_STREAM, s);
	CHECK("looking at the front", option(s[1], PEEK_OFF) == -1);
	CHECK("looking on", put_option(s[1], PEEK_OFF, 0) == 0 && option(s[1], PEEK_OFF) == 0);
	put(s[0], "abcdefgh");
	CHECK("two, and the next two", recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "ab", 2) && recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "cd", 2) &&
	      option(s[1], PEEK_OFF) == 4);
	CHECK("reading takes from the front", recv(s[1], b, 3, 0) == 3 && !memcmp(b, "abc", 3) && option(s[1], PEEK_OFF) == 1);
	CHECK("and the place stays", recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "ef", 2) && option(s[1], PEEK_OFF) == 3);
	CHECK("to another place", put_option(s[1], PEEK_OFF, 4) == 0 && recv(s[1], b, 8, MSG_PEEK) == 1 && *b == 'h');
	CHECK("to the front", put_option(s[1], PEEK_OFF, -1) == 0 && recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "de", 2) && got(s[1], "defgh"));
	close_two(s);
	two(SOCK_DGRAM, s);
	put_option(s[1], PEEK_OFF, 0), put(s[0], "abcd");
	CHECK("in a message", recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "ab", 2) && recv(s[1], b, 8, MSG_PEEK) == 2 && !memcmp(b, "cd", 2) && got(s[1], "abcd"));
	close_two(s);
}

static long number_of(const char *path)
{
	char text[32] = "";
	int f = open(path, O_RDONLY);

	(void)!read(f, text, sizeof text - 1);
	close(f);
	return atol(text);
}

/* What /proc says of sockets is so. */
static void told(void)
{
	int s[2], size, n = 0;

	two(SOCK_DGRAM, s);
	size = option(s[0], SO_SNDBUF);
	CHECK("a new socket's buffer", number_of("/proc/sys/net/core/wmem_default") == size && number_of("/proc/sys/net/core/rmem_default") == option(s[0], SO_RCVBUF));
	struct sockaddr_un a = { AF_UNIX, "" };
	socklen_t length = sizeof a;
	int r = socket(AF_UNIX, SOCK_DGRAM, 0), from = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(r, (void *)&a, sizeof a.sun_family);
	getsockname(r, (void *)&a, &length);
	while (n < 100000 && sendto(from, "", 1, MSG_DONTWAIT, (void *)&a, length) == 1)
		n++;
	close(r), close(from);
	CHECK("datagrams that wait", n == number_of("/proc/sys/net/unix/max_dgram_qlen") + 1);
	CHECK("connections that may wait", number_of("/proc/sys/net/core/somaxconn") > 0 && number_of("/proc/sys/net/core/optmem_max") > 0);
	CHECK("the largest buffers", number_of("/proc/sys/net/core/wmem_max") >= size && number_of("/proc/sys/net/core/rmem_max") >= size);
	close_two(s);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	is(SOCK_STREAM), is(SOCK_DGRAM), is(SOCK_SEQPACKET);
	unknown(SOCK_STREAM), unknown(SOCK_DGRAM), lengths();
	kept(SOCK_STREAM), kept(SOCK_DGRAM), low_water();
	sizes(SOCK_STREAM), sizes(SOCK_DGRAM), sizes(SOCK_SEQPACKET);
	times(SO_RCVTIMEO), times(SO_SNDTIMEO);
	waits(SOCK_STREAM), waits(SOCK_DGRAM), waits(SOCK_SEQPACKET), waits_more();
	peek_offset(), told();
	DONE();
}

/* sendmsg and recvmsg, one and many at a time: vectors, names, flags, limits, what comes of the first half of a failure. */
#include "sockets.h"

#define COMPAT 0x80000000 /* MSG_CMSG_COMPAT */
#define MANY 1024

struct many {
	struct message m;
	unsigned length, hole;
};

static char bytes[MANY * 2];
static struct iovec parts[MANY + 1];
static struct many many[MANY + 10];
static struct iovec each[MANY + 10];

static long send_many(int fd, struct many *m, unsigned count, unsigned flags) { return syscall(SYS_sendmmsg, fd, m, count, flags); }

static long receive_many(int fd, struct many *m, unsigned count, unsigned flags, struct timespec *t)
{
	return syscall(SYS_recvmmsg, fd, m, count, flags, t);
}

static long send_parts(int fd, struct iovec *v, size_t n)
{
	struct message m = { .parts = v, .count = n };

	return send_message(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long receive_parts(int fd, struct iovec *v, size_t n)
{
	struct message m = { .parts = v, .count = n };

	return receive_message(fd, &m, MSG_DONTWAIT);
}

/* As many buffers of one text, or of so many bytes to receive. */
static void prepare(const char *text, int count)
{
	size_t size = strlen(text);

	memset(many, 0, sizeof many);
	for (int i = 0; i < count; i++) {
		each[i] = (struct iovec){ (void *)text, size };
		many[i] = (struct many){ .m = { .parts = &each[i], .count = 1 }, .length = 77 };
	}
}

static void prepare_room(size_t size, int count)
{
	prepare("", count);
	for (int i = 0; i < count; i++)
		each[i] = (struct iovec){ bytes + (size_t)i * size, size };
}

static void vectors(int type)
{
	int s[2], good = 1;
	char a[3], b[5];
	struct iovec in[3] = { { a, 3 }, { NULL, 0 }, { b, 5 } }, wrong[2] = { { a, 3 }, { b, (size_t)-1 } }, off[2] = { { a, 3 }, { BAD, 3 } };

	two(type, s);
	for (int i = 0; i <= MANY; i++)
		parts[i] = (struct iovec){ (char *)"0123456789" + i % 10, 1 };
	FAILS("1025 parts", EMSGSIZE, send_parts(s[0], parts, MANY + 1));
	FAILS("more parts than can be", EMSGSIZE, send_parts(s[0], parts, (size_t)-1));
	FAILS("before where they are", EMSGSIZE, send_parts(s[0], BAD, MANY + 1));
	CHECK("1024 parts", send_parts(s[0], parts, MANY) == MANY && recv(s[1], bytes, sizeof bytes, 0) == MANY);
	for (int i = 0; i < MANY; i++)
		good &= bytes[i] == '0' + i % 10;
	CHECK("are one message", good);
	send(s[0], bytes, MANY, 0);
	memset(bytes, 0, sizeof bytes);
	for (int i = 0; i <= MANY; i++)
		parts[i] = (struct iovec){ bytes + MANY - i, 1 };
	FAILS("received in 1025", EMSGSIZE, receive_parts(s[1], parts, MANY + 1));
	CHECK("in 1024", receive_parts(s[1], parts, MANY) == MANY && bytes[MANY] == '0' && bytes[1] == '3');
	put(s[0], "abcdefg");
	CHECK("in three, one of them empty", receive_parts(s[1], in, 3) == 7 && !memcmp(a, "abc", 3) && !memcmp(b, "defg", 4));
	FAILS("a part whose length is none", EINVAL, send_parts(s[0], wrong, 2));
	FAILS("parts from nowhere", EFAULT, send_parts(s[0], BAD, 1));
	FAILS("bytes from nowhere", EFAULT, send_parts(s[0], off + 1, 1));
	CHECK("nothing was sent", nothing(s[1]));
	put(s[0], "abc");
	FAILS("a part to receive whose length is none", EINVAL, receive_parts(s[1], wrong, 2));
	FAILS("parts to receive at nowhere", EFAULT, receive_parts(s[1], BAD, 1));
	CHECK("nothing was taken", got(s[1], "abc"));
	CHECK("what does not reach a bad part", put(s[0], "abc") && receive_parts(s[1], off, 2) == 3);
	FAILS("a bad message", EFAULT, send_message(s[0], BAD, 0));
	FAILS("a bad message to receive", EFAULT, receive_message(s[1], BAD, 0));
	CHECK("a huge length", put(s[0], "x") && recv(s[1], bytes, 1ul << 40, 0) == 1);
	close_two(s);
}

static void none(void)
{
	int s[2];
	struct iovec empty = { bytes, 0 };

	two(SOCK_STREAM, s);
	CHECK("no parts: a stream sends nothing", send_parts(s[0], NULL, 0) == 0 && send_parts(s[0], &empty, 1) == 0 && nothing(s[1]));
	put(s[0], "x");
	CHECK("no parts: nor takes anything", receive_parts(s[1], NULL, 0) == 0 && got(s[1], "x"));
	close_two(s);
	two(SOCK_DGRAM, s);
	CHECK("no parts: an empty datagram", send_parts(s[0], NULL, 0) == 0 && send_parts(s[0], &empty, 1) == 0 && got(s[1], "") && got(s[1], "") &&
	      nothing(s[1]));
	put(s[0], "x");
	struct message m = { .flags = 0xff };
	CHECK("no parts: one is lost", receive_message(s[1], &m, 0) == 0 && m.flags == MSG_TRUNC && nothing(s[1]));
	put(s[0], "x");
	CHECK("no parts: its length", receive_message(s[1], &m, MSG_TRUNC | MSG_PEEK) == 1 && receive_message(s[1], &m, MSG_TRUNC) == 1 && nothing(s[1]));
	close_two(s);
}

static int named(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", name);
	return bind(s, (void *)&a, sizeof a) ? -1 : s;
}

static void names(void)
{
	int s = named("receiver"), c = named("sender"), n = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "receiver" }, from;
	char room[140];
	struct iovec out = { "hello", 5 }, in = { room, sizeof room };
	struct message m = { &to, sizeof to, 0, &out, 1, NULL, 0, 0xffff, 0 }, r = { &from, sizeof from, 0, &in, 1, NULL, 0, 0xffff, 0 };

	CHECK("a name", send_message(c, &m, 0) == 5 && receive_message(s, &r, 0) == 5 && r.flags == 0);
	CHECK("and its length", r.name_size == 2 + 7 && from.sun_family == AF_UNIX && !memcmp(from.sun_path, "sender", 7) && r.control_size == 0);
	send_message(c, &m, 0);
	memset(&from, '#', sizeof from), r.name_size = 5;
	CHECK("too little room for it", receive_message(s, &r, 0) == 5 && r.name_size == 2 + 7 && !memcmp(from.sun_path, "sen#", 4));
	send_message(n, &m, 0);
	r.name_size = sizeof from;
	CHECK("nobody's name", receive_message(s, &r, 0) == 5 && r.name_size == 0);
	send_message(c, &m, 0);
	r.name = NULL, r.name_size = 50;
	CHECK("not asked for", receive_message(s, &r, 0) == 5);
	r.name = &from, r.name_size = (uint32_t)-1;
	send_message(c, &m, 0);
	FAILS("a length that is none, to receive", EINVAL, receive_message(s, &r, MSG_DONTWAIT));
	CHECK("takes nothing", got(s, "hello"));
	m.name_size = (uint32_t)-1;
	FAILS("or to send", EINVAL, send_message(c, &m, 0));
	m.name_size = 1000;
	FAILS("too long", EINVAL, send_message(c, &m, 0));
	m.name_size = 2;
	FAILS("too short", EINVAL, send_message(c, &m, 0));
	m.name = NULL, m.name_size = sizeof to;
	FAILS("none", ENOTCONN, send_message(c, &m, 0));
	m.name = BAD;
	FAILS("at nowhere", EFAULT, send_message(c, &m, 0));
	m.name = &to, m.name_size = 0;
	FAILS("of no length", ENOTCONN, send_message(c, &m, 0));
	connect(c, (void *)&to, sizeof to);
	CHECK("which a connected one does not need", send_message(c, &m, 0) == 5 && got(s, "hello") && nothing(s));
	close(s), close(c), close(n);
}

static void flags(int type)
{
	int s[2];
	struct iovec out = { "abc", 3 }, in = { bytes, 64 };
	struct message m = { .parts = &out, .count = 1, .flags = MSG_OOB | MSG_DONTWAIT }, r = { .parts = &in, .count = 1, .flags = MSG_PEEK };

	two(type, s);
	CHECK("the flags of the message are not read", send_message(s[0], &m, 0) == 3 && receive_message(s[1], &r, 0) == 3 && r.flags == 0 && nothing(s[1]));
	CHECK("the end of a record", send_message(s[0], &m, MSG_EOR) == 3 && receive_message(s[1], &r, 0) == 3 && (r.flags & ~MSG_EOR) == 0);
	FAILS("another kernel's flag", EINVAL, send_message(s[0], &m, (int)COMPAT));
	FAILS("to receive", EINVAL, receive_message(s[1], &r, (int)COMPAT));
	FAILS("of many", EINVAL, send_many(s[0], many, 1, COMPAT));
	FAILS("of many to receive", EINVAL, receive_many(s[1], many, 1, COMPAT, NULL));
	FAILS("nothing there", EAGAIN, receive_message(s[1], &r, MSG_DONTWAIT));
	put(s[0], "abc"), put(s[0], "def");
	close(s[0]);
	CHECK("the end", receive_message(s[1], &r, MSG_PEEK) >= 3 && receive_message(s[1], &r, 0) >= 3 &&
	      (type == SOCK_STREAM || receive_message(s[1], &r, 0) == 3) && receive_message(s[1], &r, 0) == 0 && r.flags == 0);
	FAILS("to nobody", EPIPE, send_message(s[1], &m, MSG_NOSIGNAL));
	close(s[1]);
}

static void sends_many(int type)
{
	int s[2];

	two(type, s);
	prepare("abc", 3);
	each[1].iov_len = 1, each[2].iov_len = 2;
	CHECK("many: three", send_many(s[0], many, 3, 0) == 3 && many[0].length == 3 && many[1].length == 1 && many[2].length == 2);
	CHECK("many: each by itself, or all", type == SOCK_STREAM ? got(s[1], "abcaab") : got(s[1], "abc") && got(s[1], "a") && got(s[1], "ab"));
	CHECK("many: none", send_many(s[0], many, 0, 0) == 0 && send_many(s[0], BAD, 0, 0) == 0 && nothing(s[1]));
	prepare("abc", 3);
	each[0].iov_base = BAD;
	FAILS("many: the first is bad", EFAULT, send_many(s[0], many, 3, 0));
	CHECK("many: nothing was sent", nothing(s[1]) && many[0].length == 77);
	prepare("abc", 3);
	many[1].m.count = MANY + 1;
	CHECK("many: the second is bad", send_many(s[0], many, 3, 0) == 1 && many[0].length == 3 && many[1].length == 77 && got(s[1], "abc") && nothing(s[1]));
	CHECK("many: that is forgotten", option(s[0], SO_ERROR) == 0);
	prepare("abc", 3);
	many[2].m.parts = BAD;
	CHECK("many: the third is bad", send_many(s[0], many, 3, 0) == 2);
	close_two(s);
	FAILS("many: no descriptor", EBADF, send_many(999, many, 0, 0));
	FAILS("many: no socket", ENOTSOCK, send_many(0, many, 1, 0));
	two(type, s);
	FAILS("many: from nowhere", EFAULT, send_many(s[0], BAD, 1, 0));
	prepare("0123456789", MANY + 10);
	long n = 0, sent;
	while ((sent = send_many(s[0], many, 50, MSG_DONTWAIT)) == 50)
		n += 50;
	CHECK("many: until it is full", (sent == -1 && errno == EAGAIN) || (sent > 0 && sent < 50));
	FAILS("many: then none", EAGAIN, send_many(s[0], many, 50, MSG_DONTWAIT));
	close(s[1]);
	FAILS("many: to nobody", type == SOCK_DGRAM ? ECONNREFUSED : type == SOCK_STREAM ? EPIPE : ECONNRESET, send_many(s[0], many, 2, MSG_NOSIGNAL));
	close(s[0]);
}

/* No more than 1024 are sent; as many as one asks for are received. */
static void most(void)
{
	int s[2];
	pid_t pid;

	two(SOCK_STREAM, s);
	prepare("x", MANY + 10);
	CHILD(pid, close(s[0]); if (recv(s[1], bytes, MANY, MSG_WAITALL) != MANY || read(s[1], bytes, 1) != 0) _exit(1));
	close(s[1]);
	CHECK("many: 1024 of more", send_many(s[0], many, MANY + 10, 0) == MANY);
	close(s[0]);
	CHECK("many: they come", wait_status(pid) == 0);
	two(SOCK_SEQPACKET, s);
	CHILD(pid, close(s[1]); for (int i = 0; i < MANY + 10; i++) if (!put(s[0], "x")) _exit(1));
	close(s[0]);
	prepare_room(1, MANY + 10);
	CHECK("many: all are received at once", receive_many(s[1], many, MANY + 10, 0, NULL) == MANY + 10 && many[MANY + 9].length == 1);
	CHECK("many: and then the end", recv(s[1], bytes, 1, 0) == 0 && wait_status(pid) == 0);
	close(s[1]);
}

static void receives_many(int type)
{
	int s[2];

	two(type, s);
	prepare_room(8, 5);
	FAILS("many: nothing there", EAGAIN, receive_many(s[1], many, 5, MSG_DONTWAIT, NULL));
	put(s[0], "abc"), put(s[0], "0123456789"), put(s[0], "");
	CHECK("many: three of five", receive_many(s[1], many, 5, MSG_DONTWAIT, NULL) == 3 && many[0].length == 3 && many[1].length == 8 &&
	      many[2].length == 0 && many[3].length == 77);
	CHECK("many: each with its flags", (many[0].m.flags & ~MSG_EOR) == 0 && (many[1].m.flags & MSG_TRUNC) && !(many[2].m.flags & MSG_TRUNC));
	CHECK("many: each at its place", !memcmp(bytes, "abc", 3) && !memcmp(bytes + 8, "01234567", 8) && nothing(s[1]));
	put(s[0], "abc"), put(s[0], "def");
	CHECK("many: no more than asked", receive_many(s[1], many, 1, 0, NULL) == 1 && receive_many(s[1], many, 0, 0, NULL) == 0 && got(s[1], "def"));
	put(s[0], "abc"), put(s[0], "def");
	CHECK("many: one to wait for", receive_many(s[1], many, 5, MSG_WAITFORONE, NULL) == 2);
	put(s[0], "abc"), put(s[0], "def"), put(s[0], "ghi");
	each[1].iov_base = BAD;
	CHECK("many: the second has no place", receive_many(s[1], many, 3, 0, NULL) == 1 && many[0].length == 3);
	CHECK("many: that is told later", option(s[1], SO_ERROR) == EFAULT && option(s[1], SO_ERROR) == 0);
	prepare_room(8, 5);
	CHECK("many: it was lost", got(s[1], "ghi") && nothing(s[1]));
	put(s[0], "abc");
	each[0].iov_base = BAD;
	FAILS("many: the first has no place", EFAULT, receive_many(s[1], many, 3, 0, NULL));
	CHECK("many: that is told at once", option(s[1], SO_ERROR) == 0);
	FAILS("many: to nowhere", EFAULT, receive_many(s[1], BAD, 1, MSG_DONTWAIT, NULL));
	FAILS("many: no descriptor", EBADF, receive_many(999, many, 1, 0, NULL));
	FAILS("many: no socket", ENOTSOCK, receive_many(0, many, 1, 0, NULL));
	close_two(s);
}

static void times(void)
{
	int s[2];
	struct timespec wrong = { 0, 1000000000 }, negative = { -1, 0 }, zero = { 0, 0 }, long_time = { 1000, 0 }, soon = { 0, 1 };
	pid_t pid;

	two(SOCK_DGRAM, s);
	prepare_room(8, 5);
	FAILS("time: none", EINVAL, receive_many(s[1], many, 1, 0, &wrong));
	FAILS("time: before 0", EINVAL, receive_many(s[1], many, 1, 0, &negative));
	FAILS("time: at nowhere", EFAULT, receive_many(s[1], many, 1, MSG_DONTWAIT, BAD));
	FAILS("time: before the descriptor", EINVAL, receive_many(999, many, 1, 0, &wrong));
	FAILS("time: nothing there", EAGAIN, receive_many(s[1], many, 1, MSG_DONTWAIT, &long_time));
	put(s[0], "abc"), put(s[0], "def");
	CHECK("time: 0 is one", receive_many(s[1], many, 5, 0, &zero) == 1 && got(s[1], "def"));
	put(s[0], "abc"), put(s[0], "def");
	long_time = (struct timespec){ 1000, 0 };
	CHECK("time: two in time", receive_many(s[1], many, 2, 0, &long_time) == 2 && long_time.tv_sec < 1000 && long_time.tv_sec > 100);
	CHILD(pid, pause_ms(60); put(s[0], "late"); pause_ms(60); put(s[0], "later"));
	CHECK("time: seen when something comes", receive_many(s[1], many, 5, 0, &soon) == 1 && many[0].length == 4 && soon.tv_sec == 0 && soon.tv_nsec == 0);
	CHECK("time: the next is left", recv(s[1], bytes, 64, 0) == 5 && wait_status(pid) == 0);
	CHILD(pid, pause_ms(30); put(s[0], "one"));
	CHECK("one to wait for, and it waits", receive_many(s[1], many, 5, MSG_WAITFORONE, NULL) == 1 && wait_status(pid) == 0);
	close_two(s);
}

static void ends(void)
{
	int s[2];

	two(SOCK_SEQPACKET, s);
	prepare_room(8, 5);
	put(s[0], "last"), close(s[0]);
	CHECK("many: the end is as many empty ones", receive_many(s[1], many, 5, 0, NULL) == 5 && many[0].length == 4 && many[1].length == 0 &&
	      many[4].length == 0);
	close(s[1]);
	two(SOCK_STREAM, s);
	put(s[0], "last"), put(s[1], "not read"), close(s[0]);
	FAILS("many: an error comes first", ECONNRESET, receive_many(s[1], many, 5, 0, NULL));
	CHECK("many: then what was sent", receive_many(s[1], many, 1, 0, NULL) == 1 && many[0].length == 4);
	close(s[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	vectors(SOCK_STREAM), vectors(SOCK_DGRAM), vectors(SOCK_SEQPACKET), none();
	names(), flags(SOCK_STREAM), flags(SOCK_SEQPACKET);
	sends_many(SOCK_STREAM), sends_many(SOCK_DGRAM), sends_many(SOCK_SEQPACKET), most();
	receives_many(SOCK_DGRAM), receives_many(SOCK_SEQPACKET);
	times(), ends();
	DONE();
}

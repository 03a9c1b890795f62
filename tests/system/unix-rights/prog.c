/* What travels beside the bytes: descriptors, and who the sender is. */
#include "sockets.h"
#include <grp.h>
#include <sys/resource.h>

#define HEADER 16u
#define MOST 253

/* The control data that is sent. */
static struct {
	_Alignas(8) char bytes[4096];
	size_t size;
} out;

/* And what was received. */
static struct {
	long n;
	unsigned flags;
	char text[64];
	int parts, count, fd[300], creds;
	size_t size;
	struct ucred who;
} in;

static void *add(int level, int type, const void *data, size_t size)
{
	char *at = out.bytes + out.size;
	uint64_t length = HEADER + size;

	memcpy(at, &length, 8), memcpy(at + 8, &level, 4), memcpy(at + 12, &type, 4);
	memcpy(at + HEADER, data, size);
	out.size += (HEADER + size + 7) & ~7ul;
	return at;
}

static void add_rights(const int *fd, int n) { add(SOL_SOCKET, SCM_RIGHTS, fd, 4 * (size_t)n); }

/* Sends the text and all that was added. */
static long give(int s, const char *text)
{
	struct iovec v = { (void *)text, strlen(text) };
	struct message m = { .parts = &v, .count = 1, .control = out.bytes, .control_size = out.size };

	out.size = 0;
	return send_message(s, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static long give_one(int s, const char *text, int fd)
{
	add_rights(&fd, 1);
	return give(s, text);
}

static void parse(const char *at, size_t left)
{
	uint64_t length;
	int level, type;

	while (left >= HEADER) {
		memcpy(&length, at, 8), memcpy(&level, at + 8, 4), memcpy(&type, at + 12, 4);
		if (length < HEADER || length > left || level != SOL_SOCKET)
			break;
		in.parts++;
		if (type == SCM_RIGHTS) {
			memcpy(in.fd, at + HEADER, length - HEADER);
			in.count = (int)((length - HEADER) / 4);
		} else if (type == SCM_CREDENTIALS && length == HEADER + sizeof in.who) {
			memcpy(&in.who, at + HEADER, sizeof in.who);
			in.creds = in.count ? 2 : 1; /* which comes first */
		}
		length = (length + 7) & ~7ul;
		at += length, left -= length < left ? length : left;
	}
}

/* Receives with room for so much control data; the number of bytes. */
static long take(int s, size_t room, int flags)
{
	static _Alignas(8) char control[2048];
	struct iovec v = { in.text, sizeof in.text };
	struct message m = { .parts = &v, .count = 1, .control = room ? control : NULL, .control_size = room };

	memset(&in, 0, sizeof in);
	in.n = receive_message(s, &m, flags | MSG_DONTWAIT);
	in.flags = m.flags & ~(unsigned)(MSG_CMSG_CLOEXEC | MSG_EOR);
	in.size = m.control_size;
	if (in.n >= 0)
		parse(control, m.control_size);
	return in.n;
}

static long take_all(int s) { return take(s, sizeof(int) * 256 + HEADER + 64, 0); }

static void drop(void)
{
	for (int i = 0; i < in.count; i++)
		close(in.fd[i]);
}

static int text_is(const char *text) { return in.n == (long)strlen(text) && !memcmp(in.text, text, strlen(text)); }

/* All write ends of the pipe are closed, at the latest in a minute, in which sockets come and go. */
static int gone(int pipe)
{
	int s[2], end = 0;

	for (int i = 0; i < 3000 && !end; i++) {
		two(SOCK_STREAM, s);
		give_one(s[0], "x", s[0]);
		close_two(s);
		struct pollfd p = { pipe, POLLIN, 0 };
		poll(&p, 1, 20);
		end = p.revents == POLLHUP;
	}
	close(pipe);
	return end;
}

static int held(int pipe)
{
	struct pollfd p = { pipe, POLLIN, 0 };

	return poll(&p, 1, 0) == 0;
}

static void files(int type)
{
	int s[2], f = open("file", O_CREAT | O_RDWR | O_TRUNC, 0600), three[3], p[2];
	struct stat a, b;
	char c[4];

	two(type, s), pipe(p);
	write(f, "0123456789", 10), lseek(f, 3, SEEK_SET);
	CHECK("a descriptor", give_one(s[0], "one", f) == 3 && take_all(s[1]) == 3 && text_is("one") && in.count == 1 && in.flags == 0);
	CHECK("the room that it took", in.size == 24 && in.parts == 1);
	fstat(f, &a), fstat(in.fd[0], &b);
	CHECK("is another number of the same file", in.fd[0] != f && a.st_ino == b.st_ino && fcntl(in.fd[0], F_GETFD) == 0);
	CHECK("they have one offset", read(in.fd[0], c, 2) == 2 && !memcmp(c, "34", 2) && lseek(f, 0, SEEK_CUR) == 5);
	fcntl(f, F_SETFL, O_APPEND);
	CHECK("and one set of flags", (fcntl(in.fd[0], F_GETFL) & O_APPEND) != 0);
	drop();
	give_one(s[0], "x", f);
	CHECK("close-on-exec", take(s[1], 24, MSG_CMSG_CLOEXEC) == 1 && fcntl(in.fd[0], F_GETFD) == FD_CLOEXEC && fcntl(f, F_GETFD) == 0);
	drop();
	memcpy(three, (int[3]){ p[0], f, p[1] }, sizeof three);
	add_rights(three, 3);
	CHECK("three, in their order", give(s[0], "x") == 1 && take_all(s[1]) == 1 && in.count == 3 && write(in.fd[2], "p", 1) == 1 &&
	      read(in.fd[0], c, 1) == 1 && *c == 'p' && lseek(in.fd[1], 0, SEEK_CUR) == 5);
	drop();
	add_rights(three, 1), add_rights(three + 1, 2);
	CHECK("in two parts, received as one", give(s[0], "x") == 1 && take_all(s[1]) == 1 && in.count == 3 && in.parts == 1);
	drop();
	add_rights(three, 0);
	CHECK("none at all", give(s[0], "x") == 1 && take_all(s[1]) == 1 && in.count == 0 && in.parts == 0 && in.size == 0 && in.flags == 0);
	int opath = open("file", O_PATH);
	CHECK("one that is only a path", give_one(s[0], "x", opath) == 1 && take_all(s[1]) == 1 && in.count == 1 && read(in.fd[0], c, 1) == -1 &&
	      errno == EBADF && fstat(in.fd[0], &b) == 0 && a.st_ino == b.st_ino);
	drop();
	close_two(s), close_two(p), close(f), close(opath);
}

static void many(void)
{
	int s[2], fd[MOST + 1], p[2], first = lowest();

	two(SOCK_DGRAM, s), pipe(p);
	for (int i = 0; i <= MOST; i++)
		fd[i] = p[1];
	add_rights(fd, MOST + 1);
	FAILS("254 are too many", EINVAL, give(s[0], "x"));
	add_rights(fd, 200), add_rights(fd, MOST - 199);
	FAILS("in two parts, too", EINVAL, give(s[0], "x"));
	add_rights(fd, MOST);
	CHECK("253 are not", give(s[0], "x") == 1 && take_all(s[1]) == 1 && in.count == MOST && in.flags == 0);
	drop();
	add_rights(fd, 200), add_rights(fd, MOST - 200);
	CHECK("in two parts", give(s[0], "x") == 1 && take_all(s[1]) == 1 && in.count == MOST);
	drop();
	close_two(s), close(p[1]);
	CHECK("all are closed", gone(p[0]) && lowest() == first);
}

static void wrong(int type)
{
	int s[2], p[2], three[3];

	two(type, s), pipe(p);
	FAILS("a descriptor that is none", EBADF, give_one(s[0], "x", 999));
	FAILS("less than none", EBADF, give_one(s[0], "x", -1));
	memcpy(three, (int[3]){ p[1], 999, p[1] }, sizeof three);
	add_rights(three, 3);
	FAILS("one of three is none", EBADF, give(s[0], "x"));
	add_rights(three, 1), add(SOL_SOCKET, 99, three, 4);
	FAILS("a second part that is unknown", EINVAL, give(s[0], "x"));
	CHECK("nothing was sent", nothing(s[1]));
	close(p[1]);
	CHECK("and nothing held", gone(p[0]));
	close_two(s);
}

static void malformed(void)
{
	int s[2], good = 1, fd = 0;
	uint64_t *length;
	static const uint64_t lengths[] = { 0, 1, 8, 15, 25, 32, 1u << 30, 1ul << 32 | 20, ~0ul };
	struct iovec v = { "x", 1 };
	struct message m = { .parts = &v, .count = 1, .control = BAD, .control_size = 24 };

	two(SOCK_STREAM, s);
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		length = add(SOL_SOCKET, SCM_RIGHTS, &fd, 4);
		*length = lengths[i];
		good &= give(s[0], "x") == -1 && errno == EINVAL;
	}
	CHECK("lengths that are none", good);
	add(SOL_SOCKET, 99, &fd, 4);
	FAILS("an unknown type", EINVAL, give(s[0], "x"));
	add(SOL_SOCKET, 0, &fd, 4);
	FAILS("type 0", EINVAL, give(s[0], "x"));
	add(SOL_SOCKET, SCM_CREDENTIALS, &fd, 4);
	FAILS("too few bytes to say who it is", EINVAL, give(s[0], "x"));
	FAILS("from a bad address", EFAULT, send_message(s[0], &m, 0));
	m.control_size = ~0ul;
	FAILS("more than can be", ENOBUFS, send_message(s[0], &m, 0));
	CHECK("nothing was sent", nothing(s[1]));
	add(77, 99, &fd, 4);
	CHECK("another level is nobody's", give(s[0], "ab") == 2 && take_all(s[1]) == 2 && in.size == 0);
	length = add(77, SCM_RIGHTS, &fd, 4);
	*length = 8;
	FAILS("but its length must be one", EINVAL, give(s[0], "x"));
	out.size = 8;
	CHECK("less than a head is nothing", give(s[0], "cd") == 2 && take_all(s[1]) == 2 && in.size == 0);
	length = add(SOL_SOCKET, SCM_RIGHTS, &fd, 4);
	*length = HEADER + 3;
	CHECK("less than a descriptor is none", give(s[0], "ef") == 2 && take_all(s[1]) == 2 && in.size == 0);
	length = add(SOL_SOCKET, SCM_RIGHTS, &fd, 4);
	*length = HEADER + 7;
	CHECK("one and a half is one", give(s[0], "gh") == 2 && take_all(s[1]) == 2 && in.count == 1);
	drop(), close_two(s);
}

static void small_rooms(int type)
{
	int s[2], p[2], four[4], first;

	two(type, s), pipe(p);
	four[0] = four[1] = four[2] = four[3] = p[1];
	first = lowest();
	add_rights(four, 4), give(s[0], "x");
	CHECK("room for two", take(s[1], HEADER + 8, 0) == 1 && in.count == 2 && in.flags == MSG_CTRUNC && in.size == 24 && lowest() == first + 2);
	drop();
	add_rights(four, 4), give(s[0], "x");
	CHECK("for one, and a piece", take(s[1], HEADER + 7, 0) == 1 && in.count == 1 && in.flags == MSG_CTRUNC && lowest() == first + 1);
	drop();
	add_rights(four, 4), give(s[0], "x");
	CHECK("for no more than the head", take(s[1], HEADER, 0) == 1 && in.count == 0 && in.flags == MSG_CTRUNC && in.size == 0);
	add_rights(four, 4), give(s[0], "x");
	CHECK("for less", take(s[1], 5, 0) == 1 && in.count == 0 && in.flags == MSG_CTRUNC);
	add_rights(four, 4), give(s[0], "x");
	CHECK("no room", take(s[1], 0, 0) == 1 && in.flags == MSG_CTRUNC);
	add_rights(four, 1), give(s[0], "x");
	CHECK("just enough for one", take(s[1], HEADER + 4, 0) == 1 && in.count == 1 && in.flags == 0 && in.size == HEADER + 4);
	drop();
	add_rights(four, 4), give(s[0], "x");
	CHECK("received without asking", got(s[1], "x") && lowest() == first);
	close(p[1]);
	CHECK("what did not fit is closed", gone(p[0]) && nothing(s[1]));
	close_two(s);
}

static void no_numbers(void)
{
	struct rlimit old, few;
	int s[2], p[2], four[4], first;

	two(SOCK_STREAM, s), pipe(p);
	four[0] = four[1] = four[2] = four[3] = p[1];
	first = lowest();
	add_rights(four, 4), give(s[0], "x");
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ (rlim_t)first + 2, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK("two numbers are free", take_all(s[1]) == 1 && in.count == 2 && in.flags == MSG_CTRUNC);
	setrlimit(RLIMIT_NOFILE, &old);
	drop(), close(p[1]);
	CHECK("the others are closed", gone(p[0]));
	close_two(s);
}

static void peeks(int type)
{
	int s[2], p[2], a, b;

	two(type, s), pipe(p);
	give_one(s[0], "look", p[1]);
	CHECK("a look gives one", take(s[1], 24, MSG_PEEK) == 4 && in.count == 1 && text_is("look"));
	a = in.fd[0];
	CHECK("another look, another", take(s[1], 24, MSG_PEEK) == 4 && in.count == 1 && in.fd[0] != a);
	b = in.fd[0];
	CHECK("and what is taken", take_all(s[1]) == 4 && in.count == 1 && in.fd[0] != a && in.fd[0] != b && nothing(s[1]));
	close(p[1]), close(a), close(b);
	CHECK("all are the file", held(p[0]) && write(in.fd[0], "x", 1) == 1 && read(p[0], &a, 1) == 1);
	drop();
	CHECK("none is left", gone(p[0]));
	close_two(s);
}

static void streams(void)
{
	int s[2], p[2], q[2];

	two(SOCK_STREAM, s), pipe(p), pipe(q);
	put(s[0], "ab"), give_one(s[0], "cd", p[1]), put(s[0], "ef");
	CHECK("a read ends behind what has descriptors", take_all(s[1]) == 4 && text_is("abcd") && in.count == 1);
	drop();
	CHECK("the rest comes next", take_all(s[1]) == 2 && text_is("ef") && in.count == 0);
	give_one(s[0], "ab", p[1]), give_one(s[0], "cd", q[1]);
	CHECK("two such are two", take_all(s[1]) == 2 && text_is("ab") && in.count == 1);
	drop();
	CHECK("with one each", take_all(s[1]) == 2 && text_is("cd") && in.count == 1);
	drop();
	give_one(s[0], "abcd", p[1]);
	CHECK("the first bytes bring it", recv(s[1], in.text, 2, 0) == 2 && take_all(s[1]) == 2 && text_is("cd") && in.count == 0);
	give_one(s[0], "ab", p[1]), put(s[0], "cd");
	CHECK("so does a read without asking", got(s[1], "ab") && got(s[1], "cd"));
	CHECK("without bytes, nothing is sent", give_one(s[0], "", p[1]) == 0 && nothing(s[1]));
	close(p[1]);
	CHECK("and nothing held", gone(p[0]));
	close_two(s), close_two(q);
	two(SOCK_DGRAM, s), pipe(p);
	CHECK("but an empty message is one", give_one(s[0], "", p[1]) == 0 && take_all(s[1]) == 0 && in.count == 1);
	drop(), close_two(s), close_two(p);
}

static void unread(int type)
{
	int s[2], p[2];

	two(type, s), pipe(p);
	give_one(s[0], "x", p[1]), close(p[1]);
	CHECK("what travels is open", held(p[0]));
	close(s[0]);
	CHECK("though its sender has gone", held(p[0]) && take_all(s[1]) == 1 && in.count == 1 && held(p[0]));
	drop(), close(s[1]);
	CHECK("closed by who got it", gone(p[0]));
	two(type, s), pipe(p);
	give_one(s[0], "x", p[1]), close(p[1]), close(s[1]);
	CHECK("never read", gone(p[0]));
	close(s[0]);
	two(type, s), pipe(p);
	close(s[1]);
	CHECK("to nobody", give_one(s[0], "x", p[1]) == -1 && (close(p[1]), gone(p[0])));
	close(s[0]);
}

static void processes(void)
{
	int s[2], t[2], f = open("text", O_CREAT | O_RDWR, 0600);
	char c[8];
	pid_t pid;

	two(SOCK_STREAM, s), two(SOCK_SEQPACKET, t);
	write(f, "words", 5), lseek(f, 0, SEEK_SET);
	CHILD(pid, close(s[0]); close(f); close_two(t); wait_for(s[1], POLLIN);
	      if (take_all(s[1]) != 3 || in.count != 2 || read(in.fd[0], c, 8) != 5 || memcmp(c, "words", 5) || !put(in.fd[1], "read")) _exit(1));
	int both[2] = { f, t[1] };
	add_rights(both, 2), give(s[0], "two");
	close(t[1]);
	CHECK("a child reads the file and answers on the socket", wait_for(t[0], POLLIN) && got(t[0], "read") && wait_status(pid) == 0);
	CHECK("which ends with the child", read(t[0], c, 1) == 0 && lseek(f, 0, SEEK_CUR) == 5);
	close_two(s), close(t[0]), close(f);
}

/* Sockets that nothing but their own queues holds. */
static void itself(int type)
{
	int s[2], p[2], both[2];

	two(type, s), pipe(p);
	memcpy(both, (int[2]){ s[1], p[1] }, sizeof both);
	add_rights(both, 2);
	CHECK("a socket over itself", give(s[0], "x") == 1);
	close_two(s), close(p[1]);
	CHECK("is collected", gone(p[0]));
	two(type, s), pipe(p);
	memcpy(both, (int[2]){ s[1], p[1] }, sizeof both);
	add_rights(both, 2), give(s[0], "x");
	both[0] = s[0];
	add_rights(both, 2), give(s[1], "y");
	close_two(s), close(p[1]);
	CHECK("both over each other, too", gone(p[0]));
}

static void cycles(void)
{
	enum { LONG = 10 };
	int s[LONG][2], p[2], q[2], both[2];

	pipe(p), two(SOCK_STREAM, s[0]), two(SOCK_DGRAM, s[1]);
	memcpy(both, (int[2]){ s[0][1], p[1] }, sizeof both);
	add_rights(both, 2), give(s[1][0], "x");
	both[0] = s[1][1];
	add_rights(both, 2), give(s[0][0], "y");
	close_two(s[0]), close_two(s[1]), close(p[1]);
	CHECK("two pairs over each other", gone(p[0]));
	pipe(p);
	for (int i = 0; i < LONG; i++)
		two(SOCK_STREAM, s[i]);
	for (int i = 0; i < LONG; i++)
		give_one(s[i][0], "x", s[(i + 1) % LONG][1]);
	give_one(s[4][0], "x", p[1]);
	for (int i = 0; i < LONG; i++)
		close_two(s[i]);
	close(p[1]);
	CHECK("ten in a ring", gone(p[0]));

	pipe(p), pipe(q), two(SOCK_STREAM, s[0]), two(SOCK_STREAM, s[1]);
	memcpy(both, (int[2]){ s[0][1], p[1] }, sizeof both);
	add_rights(both, 2), give(s[1][0], "x");
	both[0] = s[1][1];
	add_rights(both, 2), give(s[0][0], "y");
	close(s[0][0]), close(s[0][1]), close(s[1][0]), close(p[1]), close(q[1]);
	CHECK("others are collected", gone(q[0]));
	CHECK("what one descriptor leads to is not", held(p[0]) && take_all(s[1][1]) == 1 && in.count == 2);
	int back = in.fd[0];
	close(in.fd[1]);
	CHECK("all of it", take_all(back) == 1 && text_is("y") && in.count == 2 && held(p[0]));
	drop(), close(back), close(s[1][1]);
	CHECK("until it is closed", gone(p[0]));
}

/* A name that nobody else has. */
static struct sockaddr_un fresh(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static int n;

	snprintf(a.sun_path, sizeof a.sun_path, "node%d", n++);
	return a;
}

static void listeners(void)
{
	struct sockaddr_un a = fresh();
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), p[2], both[2];

	bind(l, (void *)&a, sizeof a), listen(l, 5), connect(c, (void *)&a, sizeof a), pipe(p);
	memcpy(both, (int[2]){ l, p[1] }, sizeof both);
	add_rights(both, 2);
	CHECK("a listener over one that waits for it", give(c, "x") == 1);
	int s = accept(l, NULL, NULL);
	CHECK("accepted", take_all(s) == 1 && in.count == 2);
	drop(), close(s), close(c);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	connect(c, (void *)&a, sizeof a);
	add_rights(both, 2), give(c, "x");
	close(c), close(l), close(p[1]);
	CHECK("never accepted", gone(p[0]));
}

static void pass(int s, int on) { setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, sizeof on); }

static int is_me(void) { return in.creds == 1 && in.who.pid == getpid() && in.who.uid == getuid() && in.who.gid == getgid(); }

static long give_who(int s, pid_t pid, uid_t uid, gid_t gid)
{
	struct ucred who = { pid, uid, gid };

	add(SOL_SOCKET, SCM_CREDENTIALS, &who, sizeof who);
	return give(s, "who");
}

static void credentials(int type)
{
	int s[2], p[2];

	two(type, s), pipe(p);
	CHECK("nobody asks who it is", put(s[0], "x") && take_all(s[1]) == 1 && in.size == 0);
	CHECK("nor hears it", give_who(s[0], getpid(), getuid(), getgid()) == 3 && take_all(s[1]) == 3 && in.size == 0 && in.flags == 0);
	put(s[0], "early");
	pass(s[1], 1);
	CHECK("asked later, one that did not say", take_all(s[1]) == 5 && in.creds == 1 && in.who.pid == 0);
	CHECK("who receives asks", put(s[0], "x") && take_all(s[1]) == 1 && is_me() && in.size == 32 && in.flags == 0);
	CHECK("write says it, too", write(s[0], "x", 1) == 1 && take_all(s[1]) == 1 && is_me());
	CHECK("the other side does not ask", put(s[1], "x") && take_all(s[0]) == 1 && in.creds == 0);
	CHECK("said outright", give_who(s[0], getpid(), getuid(), getgid()) == 3 && take_all(s[1]) == 3 && is_me());
	give_one(s[0], "x", p[0]);
	CHECK("with a descriptor", take_all(s[1]) == 1 && is_me() && in.count == 1 && in.parts == 2);
	drop();
	put(s[0], "x");
	CHECK("a look", take(s[1], 64, MSG_PEEK) == 1 && is_me() && take_all(s[1]) == 1 && is_me());
	put(s[0], "x");
	CHECK("no room", take(s[1], 0, 0) == 1 && in.flags == MSG_CTRUNC);
	put(s[0], "x");
	CHECK("little room", take(s[1], HEADER + 4, 0) == 1 && in.flags == MSG_CTRUNC && in.size == HEADER + 4);
	pass(s[1], 0);
	CHECK("no more", put(s[0], "x") && take_all(s[1]) == 1 && in.size == 0);
	close_two(s), close_two(p);
}

static void two_senders(void)
{
	int s[2];
	pid_t pid;

	two(SOCK_STREAM, s);
	put(s[0], "ab");
	CHILD(pid, put(s[0], "cd"));
	wait_status(pid);
	CHECK("bytes of two processes are one read", got(s[1], "abcd"));
	pass(s[1], 1);
	put(s[0], "ab"), put(s[0], "AB");
	CHILD(pid, put(s[0], "cd"));
	wait_status(pid);
	CHECK("but not when one asks", take_all(s[1]) == 4 && text_is("abAB") && is_me());
	CHECK("the second is the other's", take_all(s[1]) == 2 && text_is("cd") && in.who.pid == pid);
	close_two(s);
}

/* In a child: what somebody without rights may say of himself. */
static int liar(int s)
{
	if (setgroups(0, NULL) || setgid(1000) || setuid(1000))
		return 90;
	if (give_who(s, getpid(), 1000, 1000) != 3 || give_who(s, 0, 1000, 1000) != -1)
		return 1;
	if (give_who(s, getppid(), 1000, 1000) != -1 || errno != EPERM)
		return 2;
	if (give_who(s, 30000, 1000, 1000) != -1 || errno != EPERM)
		return 3;
	if (give_who(s, getpid(), 0, 1000) != -1 || errno != EPERM)
		return 4;
	if (give_who(s, getpid(), 1000, 0) != -1 || errno != EPERM)
		return 5;
	return 0;
}

static void lies(void)
{
	int s[2];
	pid_t pid;

	two(SOCK_SEQPACKET, s), pass(s[1], 1);
	CHILD(pid, _exit(liar(s[0])));
	CHECK("a user says nothing but the truth", EXITED(wait_status(pid), 0));
	CHECK("which is heard", take_all(s[1]) == 3 && in.who.pid == pid && in.who.uid == 1000 && in.who.gid == 1000 && nothing(s[1]));
	CHILD(pid, pause_ms(600000));
	CHECK("root may name others", give_who(s[0], pid, 1234, 4321) == 3 && take_all(s[1]) == 3 && in.who.pid == pid && in.who.uid == 1234 &&
	      in.who.gid == 4321);
	kill(pid, SIGKILL), wait_status(pid);
	FAILS("but nobody who is none", ESRCH, give_who(s[0], pid, 0, 0));
	FAILS("nor user -1", EINVAL, give_who(s[0], getpid(), (uid_t)-1, 0));
	FAILS("nor group -1", EINVAL, give_who(s[0], getpid(), 0, (gid_t)-1));
	setresuid(0, 1000, 0);
	CHECK("what is told is the real user", put(s[0], "x") && take_all(s[1]) == 1 && in.who.uid == 0);
	setresuid(0, 0, 0);
	CHILD(pid, setresuid(1000, 1001, 1002); if (give_who(s[0], getpid(), 1000, 0) != 3 || give_who(s[0], getpid(), 1001, 0) != 3 ||
	      give_who(s[0], getpid(), 1002, 0) != 3 || give_who(s[0], getpid(), 1003, 0) != -1 || errno != EPERM) _exit(1));
	CHECK("any of the three ids will do", EXITED(wait_status(pid), 0));
	close_two(s);
}

static void named_by_asking(void)
{
	struct sockaddr_un a = fresh(), name;
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), s;
	socklen_t size = sizeof name;

	bind(l, (void *)&a, sizeof a), pass(l, 1), listen(l, 5), pass(c, 1);
	connect(c, (void *)&a, sizeof a);
	CHECK("who asks and connects gets a name", getsockname(c, (void *)&name, &size) == 0 && size == 8 && name.sun_path[0] == 0);
	put(c, "hello"), s = accept(l, NULL, NULL);
	CHECK("before accept: the sender is known", (pass(s, 1), take_all(s) == 5) && is_me());
	close(s), close(l), close(c);
	a = fresh(), l = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind(l, (void *)&a, sizeof a), pass(d, 1);
	size = sizeof name;
	CHECK("so does who sends a datagram", sendto(d, "x", 1, 0, (void *)&a, sizeof a) == 1 && getsockname(d, (void *)&name, &size) == 0 && size == 8);
	close(l), close(d);
}

static struct ucred peer(int s)
{
	struct ucred who = { -9, 9, 9 };
	socklen_t size = sizeof who;

	if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &size) || size != sizeof who)
		who.pid = -10;
	return who;
}

static int is(struct ucred who, pid_t pid, uid_t uid, gid_t gid) { return who.pid == pid && who.uid == uid && who.gid == gid; }

static void peers(void)
{
	struct sockaddr_un a = fresh();
	int s[2], l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), ok[2], n;
	pid_t pid;

	two(SOCK_STREAM, s);
	CHECK("peers of a pair", is(peer(s[0]), getpid(), getuid(), getgid()) && is(peer(s[1]), getpid(), getuid(), getgid()));
	CHILD(pid, put(s[0], "x"); if (!is(peer(s[0]), getppid(), 0, 0)) _exit(1));
	CHECK("stay who made it", wait_status(pid) == 0 && is(peer(s[1]), getpid(), getuid(), getgid()));
	close_two(s);
	two(SOCK_DGRAM, s);
	CHECK("of datagrams, too", is(peer(s[0]), getpid(), getuid(), getgid()));
	close_two(s);
	CHECK("alone there is none", is(peer(c), 0, (uid_t)-1, (gid_t)-1));
	two(SOCK_STREAM, ok);
	bind(l, (void *)&a, sizeof a);
	CHILD(pid, close(ok[0]); setegid(1001); seteuid(1000); listen(l, 5); put(ok[1], "x"); read(ok[1], &n, 1));
	wait_for(ok[0], POLLIN);
	CHECK("who listened is the peer of who calls", connect(c, (void *)&a, sizeof a) == 0 && is(peer(c), pid, 1000, 1001));
	int served = accept(l, NULL, NULL);
	CHECK("who called is the peer of who accepts", is(peer(served), getpid(), 0, 0));
	close_two(ok), wait_status(pid), close(served), close(c);
	CHILD(pid, c = socket(AF_UNIX, SOCK_STREAM, 0); connect(c, (void *)&a, sizeof a); put(c, "x"); if (!is(peer(c), getppid(), 0, 0)) _exit(1));
	CHECK("listen again, another peer", listen(l, 5) == 0);
	served = accept(l, NULL, NULL);
	CHECK("a child called", is(peer(served), pid, 0, 0));
	wait_status(pid);
	CHECK("it is told after its end", is(peer(served), pid, 0, 0));
	close(served), close(l);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	files(SOCK_STREAM), files(SOCK_DGRAM), files(SOCK_SEQPACKET);
	many(), wrong(SOCK_STREAM), wrong(SOCK_DGRAM), malformed();
	small_rooms(SOCK_STREAM), small_rooms(SOCK_SEQPACKET), no_numbers();
	peeks(SOCK_STREAM), peeks(SOCK_DGRAM), streams();
	unread(SOCK_STREAM), unread(SOCK_DGRAM), unread(SOCK_SEQPACKET), processes();
	itself(SOCK_STREAM), itself(SOCK_DGRAM), cycles(), listeners();
	credentials(SOCK_STREAM), credentials(SOCK_DGRAM), credentials(SOCK_SEQPACKET);
	two_senders(), lies(), named_by_asking(), peers();
	DONE();
}

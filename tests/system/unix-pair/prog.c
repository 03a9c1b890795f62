/* socketpair: the three kinds, their messages, what a full one, a shut one and one whose peer has gone say. */
#include "sockets.h"
#include <sys/resource.h>

static char big[1 << 20];
static int signals;

static void count(int signo)
{
	(void)signo;
	signals++;
}

static long make(int domain, int type, int protocol) { return syscall(SYS_socket, domain, type, protocol); }
static long make_two(int domain, int type, int protocol, void *s) { return syscall(SYS_socketpair, domain, type, protocol, s); }

static void one_errors(void)
{
	int first = lowest();

	FAILS("socket: no such family", EAFNOSUPPORT, make(99, SOCK_STREAM, 0));
	FAILS("socket: less than none", EAFNOSUPPORT, make(-1, SOCK_STREAM, 0));
	FAILS("socket: no family", EAFNOSUPPORT, make(0, SOCK_STREAM, 0));
	FAILS("socket: a type that is none", EINVAL, make(AF_UNIX, 11, 0));
	FAILS("socket: type 15", EINVAL, make(AF_UNIX, 15, 0));
	FAILS("socket: a family that is none before it", EAFNOSUPPORT, make(99, 11, 0));
	FAILS("socket: unknown flags", EINVAL, make(AF_UNIX, SOCK_STREAM | 0x10, 0));
	FAILS("socket: before the family", EINVAL, make(99, SOCK_STREAM | 0x100, 0));
	FAILS("socket: no type", ESOCKTNOSUPPORT, make(AF_UNIX, 0, 0));
	FAILS("socket: SOCK_RDM", ESOCKTNOSUPPORT, make(AF_UNIX, SOCK_RDM, 0));
	FAILS("socket: SOCK_PACKET", ESOCKTNOSUPPORT, make(AF_UNIX, SOCK_PACKET, 0));
	FAILS("socket: another protocol", EPROTONOSUPPORT, make(AF_UNIX, SOCK_STREAM, 2));
	FAILS("socket: less than none", EPROTONOSUPPORT, make(AF_UNIX, SOCK_STREAM, -1));
	FAILS("socket: before the type", EPROTONOSUPPORT, make(AF_UNIX, SOCK_RDM, 2));
	CHECK("no descriptor is lost", lowest() == first);
}

static void pair_errors(void)
{
	int s[2], first = lowest();

	FAILS("socketpair: no such family", EAFNOSUPPORT, make_two(99, SOCK_STREAM, 0, s));
	FAILS("socketpair: unknown flags", EINVAL, make_two(AF_UNIX, SOCK_STREAM | 0x10, 0, s));
	FAILS("socketpair: before the array", EINVAL, make_two(AF_UNIX, SOCK_STREAM | 0x10, 0, BAD));
	FAILS("socketpair: a type that is none", EINVAL, make_two(AF_UNIX, 12, 0, s));
	FAILS("socketpair: SOCK_RDM", ESOCKTNOSUPPORT, make_two(AF_UNIX, SOCK_RDM, 0, s));
	FAILS("socketpair: another protocol", EPROTONOSUPPORT, make_two(AF_UNIX, SOCK_STREAM, 2, s));
	FAILS("socketpair: a bad array", EFAULT, make_two(AF_UNIX, SOCK_STREAM, 0, BAD));
	FAILS("socketpair: before the family", EFAULT, make_two(99, SOCK_STREAM, 0, BAD));
	CHECK("no descriptor is lost", lowest() == first);
}

static void no_descriptors(void)
{
	struct rlimit old, few;
	int s[2], first = lowest();

	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ (rlim_t)first, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	FAILS("socket without a free number", EMFILE, make(AF_UNIX, SOCK_STREAM, 0));
	few.rlim_cur++;
	setrlimit(RLIMIT_NOFILE, &few);
	FAILS("socketpair with but one", EMFILE, make_two(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK("which is still free", lowest() == first);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void flags(void)
{
	int s[2];

	CHECK("protocol 1 is the family's", make_two(AF_UNIX, SOCK_STREAM, 1, s) == 0);
	CHECK("two numbers, the lowest", s[1] == s[0] + 1 && lowest() == s[1] + 1);
	CHECK("no flags", fcntl(s[0], F_GETFD) == 0 && fcntl(s[1], F_GETFD) == 0 && fcntl(s[0], F_GETFL) == O_RDWR &&
	      fcntl(s[1], F_GETFL) == O_RDWR);
	close_two(s);
	make_two(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s);
	CHECK("close-on-exec", fcntl(s[0], F_GETFD) == FD_CLOEXEC && fcntl(s[1], F_GETFD) == FD_CLOEXEC &&
	      fcntl(s[0], F_GETFL) == O_RDWR);
	close_two(s);
	make_two(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s);
	CHECK("not waiting", fcntl(s[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(s[1], F_GETFL) == (O_RDWR | O_NONBLOCK) &&
	      fcntl(s[0], F_GETFD) == 0);
	FAILS("it does not", EAGAIN, read(s[0], big, 1));
	close_two(s);
	make_two(AF_UNIX, SOCK_RAW, 0, s);
	CHECK("SOCK_RAW makes datagrams", option(s[0], SO_TYPE) == SOCK_DGRAM);
	close_two(s);
	int one = make(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	CHECK("one with both", fcntl(one, F_GETFD) == FD_CLOEXEC && fcntl(one, F_GETFL) == (O_RDWR | O_NONBLOCK));
	close(one);
	two(SOCK_STREAM, s);
	CHECK("FIONBIO", ioctl(s[0], FIONBIO, &on) == 0 && fcntl(s[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && nothing(s[0]));
	close_two(s);
}

static void is_a_file(void)
{
	int s[2];
	struct stat st, other;
	char name[64], text[100] = "", want[100];

	two(SOCK_STREAM, s);
	CHECK("fstat", fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode) && st.st_size == 0 && st.st_nlink == 1 && st.st_uid == geteuid());
	CHECK("an inode each", fstat(s[1], &other) == 0 && other.st_ino != st.st_ino && other.st_dev == st.st_dev);
	snprintf(name, sizeof name, "/proc/self/fd/%d", s[0]);
	snprintf(want, sizeof want, "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK("its link", readlink(name, text, sizeof text - 1) > 0 && strcmp(text, want) == 0);
	CHECK("stat by its link", stat(name, &other) == 0 && S_ISSOCK(other.st_mode) && other.st_ino == st.st_ino);
	FAILS("open by its link", ENXIO, open(name, O_RDWR));
	FAILS("lseek", ESPIPE, lseek(s[0], 0, SEEK_CUR));
	FAILS("pread", ESPIPE, pread(s[0], text, 1, 0));
	FAILS("pwrite", ESPIPE, pwrite(s[0], text, 1, 0));
	FAILS("ftruncate", EINVAL, ftruncate(s[0], 0));
	FAILS("fsync", EINVAL, fsync(s[0]));
	FAILS("mmap", ENODEV, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, s[0], 0) == MAP_FAILED ? -1 : 0);
	FAILS("a terminal's question", ENOTTY, ioctl(s[0], TIOCGWINSZ, big));
	FAILS("as a folder", ENOTDIR, fchdir(s[0]));
	FAILS("FIONREAD to nowhere", EFAULT, ioctl(s[0], FIONREAD, BAD));
	close_two(s);
}

/* Every call that is for sockets only. */
static void no_sockets(const char *text, int fd, int err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "nowhere" };
	struct iovec v = { big, 1 };
	struct message m = { .parts = &v, .count = 1 };
	socklen_t size = sizeof a;
	int good = 1, value = 1;

#define NOT_HERE(call) good &= (errno = 0, (call) == -1 && errno == err)
	NOT_HERE(bind(fd, (void *)&a, sizeof a));
	NOT_HERE(connect(fd, (void *)&a, sizeof a));
	NOT_HERE(listen(fd, 1));
	NOT_HERE(syscall(SYS_accept, fd, NULL, NULL));
	NOT_HERE(syscall(SYS_accept4, fd, NULL, NULL, 0));
	NOT_HERE(getsockname(fd, (void *)&a, &size));
	NOT_HERE(getpeername(fd, (void *)&a, &size));
	NOT_HERE(send(fd, big, 1, 0));
	NOT_HERE(recv(fd, big, 1, 0));
	NOT_HERE(send_message(fd, &m, 0));
	NOT_HERE(receive_message(fd, &m, 0));
	NOT_HERE(shutdown(fd, SHUT_RD));
	NOT_HERE(shutdown(fd, 77));
	NOT_HERE(syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &value, 4));
	NOT_HERE(syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &value, &size));
	CHECK(text, good);
}

static void wrong_descriptors(void)
{
	int p[2], file = open("file", O_CREAT | O_RDWR, 0600);

	pipe(p);
	no_sockets("a pipe is no socket", p[0], ENOTSOCK);
	no_sockets("a file is no socket", file, ENOTSOCK);
	no_sockets("a descriptor that is none", 999, EBADF);
	no_sockets("less than none", -1, EBADF);
	no_sockets("O_PATH", open("file", O_PATH), EBADF);
	close_two(p), close(file);
}

static void stream(void)
{
	int s[2];
	char a[4], b[8];
	struct iovec out[3] = { { "one", 3 }, { NULL, 0 }, { "two", 3 } }, in[2] = { { a, 4 }, { b, 8 } };

	two(SOCK_STREAM, s);
	CHECK("stream: ready to write", ready(s[0]) == POLLOUT && bytes_there(s[0]) == 0 && bytes_out(s[0]) == 0);
	CHECK("stream: nothing there", nothing(s[0]) && nothing(s[1]));
	CHECK("stream: write and read", write(s[0], "abc", 3) == 3 && ready(s[1]) == (POLLIN | POLLOUT) && read(s[1], b, 8) == 3 &&
	      !memcmp(b, "abc", 3) && ready(s[1]) == POLLOUT);
	CHECK("stream: the other way", put(s[1], "back") && nothing(s[1]) && got(s[0], "back"));
	CHECK("stream: two writes are one read", put(s[0], "abc") && put(s[0], "def") && bytes_there(s[1]) == 6 && got(s[1], "abcdef"));
	CHECK("stream: a part stays", put(s[0], "abcdef") && read(s[1], b, 2) == 2 && bytes_there(s[1]) == 4 && got(s[1], "cdef"));
	CHECK("stream: vectors", writev(s[0], out, 3) == 6 && readv(s[1], in, 2) == 6 && !memcmp(a, "onet", 4) && !memcmp(b, "wo", 2));
	CHECK("stream: nothing sent, nothing comes", write(s[0], "", 0) == 0 && put(s[0], "") && nothing(s[1]));
	CHECK("stream: read of nothing", read(s[1], b, 0) == 0);
	FAILS("stream: recv of nothing waits", EAGAIN, recv(s[1], b, 0, MSG_DONTWAIT));
	put(s[0], "kept");
	CHECK("stream: recv of nothing takes nothing", recv(s[1], b, 0, MSG_DONTWAIT) == 0 && bytes_there(s[1]) == 4);
	FAILS("stream: to a bad address", EFAULT, recv(s[1], BAD, 4, 0));
	CHECK("stream: it stays", got(s[1], "kept"));
	FAILS("stream: from a bad address", EFAULT, send(s[0], BAD, 4, 0));
	CHECK("stream: nothing comes", nothing(s[1]) && bytes_out(s[0]) == 0);
	close_two(s);
}

static void peek(void)
{
	int s[2];
	char b[8] = "";

	two(SOCK_STREAM, s);
	put(s[0], "abc"), put(s[0], "def");
	CHECK("peek: a part", recv(s[1], b, 2, MSG_PEEK) == 2 && !memcmp(b, "ab", 2));
	CHECK("peek: over two writes", recv(s[1], b, 8, MSG_PEEK) == 6 && !memcmp(b, "abcdef", 6) && bytes_there(s[1]) == 6);
	CHECK("peek: all is there", got(s[1], "abcdef"));
	FAILS("peek: nothing", EAGAIN, recv(s[1], b, 8, MSG_PEEK | MSG_DONTWAIT));
	close_two(s);
	two(SOCK_DGRAM, s);
	put(s[0], "abc"), put(s[0], "def");
	CHECK("peek: the first message", recv(s[1], b, 8, MSG_PEEK) == 3 && recv(s[1], b, 8, MSG_PEEK) == 3 && !memcmp(b, "abc", 3));
	CHECK("peek: a piece of it", recv(s[1], b, 1, MSG_PEEK) == 1 && recv(s[1], b, 0, MSG_PEEK | MSG_TRUNC) == 3);
	CHECK("peek: both are there", got(s[1], "abc") && got(s[1], "def") && nothing(s[1]));
	close_two(s);
}

static void wait_all(void)
{
	int s[2];
	char b[8] = "";
	pid_t pid;

	two(SOCK_STREAM, s);
	put(s[0], "abc");
	CHECK("MSG_WAITALL that must not wait", recv(s[1], b, 6, MSG_WAITALL | MSG_DONTWAIT) == 3 && !memcmp(b, "abc", 3));
	put(s[0], "ab");
	CHILD(pid, pause_ms(30); put(s[0], "cd"); pause_ms(30); put(s[0], "efgh"));
	CHECK("MSG_WAITALL waits", recv(s[1], b, 6, MSG_WAITALL) == 6 && !memcmp(b, "abcdef", 6));
	wait_status(pid);
	CHECK("for no more than that", got(s[1], "gh"));
	put(s[0], "ab");
	CHILD(pid, pause_ms(30); put(s[0], "cd"));
	CHECK("a look may wait for all", recv(s[1], b, 4, MSG_PEEK) >= 2 && wait_status(pid) == 0 && got(s[1], "abcd"));
	CHILD(pid, close(s[1]); put(s[0], "abc"); pause_ms(30));
	close(s[0]);
	CHECK("to the end", recv(s[1], b, 6, MSG_WAITALL) == 3 && read(s[1], b, 6) == 0);
	wait_status(pid);
	close(s[1]);
}

static void signalled(int s[2])
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction act = { .sa_handler = count };
	char b[8];

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	FAILS("a signal ends the wait", EINTR, read(s[1], b, 6));
	put(s[0], "abc");
	CHECK("or gives what is there", recv(s[1], b, 6, MSG_WAITALL) == 3);
	setitimer(ITIMER_REAL, &never, NULL);
	signals = 0;
}

static long truncated(int fd, int flags, unsigned *out)
{
	char b[2];
	struct iovec v = { b, 2 };
	struct message m = { .parts = &v, .count = 1, .flags = 0xffff };
	long n = receive_message(fd, &m, flags);

	*out = m.flags;
	return n;
}

/* Datagrams and sequenced packets: messages stay what they were. */
static void messages(int type)
{
	int s[2];
	char b[8];
	unsigned f;

	two(type, s);
	CHECK("ready to write", ready(s[0]) == POLLOUT && bytes_there(s[0]) == 0 && bytes_out(s[0]) == 0);
	CHECK("two writes are two reads", put(s[0], "abc") && write(s[0], "de", 2) == 2 && got(s[1], "abc") && got(s[1], "de") && nothing(s[1]));
	put(s[0], "abc"), put(s[0], "de");
	CHECK("FIONREAD", bytes_there(s[1]) == (type == SOCK_DGRAM ? 3 : 5) && bytes_out(s[0]) > 0);
	CHECK("the rest of one is lost", read(s[1], b, 2) == 2 && got(s[1], "de") && bytes_out(s[0]) == 0);
	put(s[0], "hello");
	CHECK("MSG_TRUNC asks for the length", recv(s[1], b, 2, MSG_TRUNC) == 5 && !memcmp(b, "he", 2) && nothing(s[1]));
	put(s[0], "hello");
	CHECK("and is the answer", truncated(s[1], MSG_PEEK, &f) == 2 && (f & ~MSG_EOR) == MSG_TRUNC);
	CHECK("both", truncated(s[1], MSG_TRUNC, &f) == 5 && (f & ~MSG_EOR) == MSG_TRUNC);
	put(s[0], "hi");
	CHECK("not of one that fits", truncated(s[1], 0, &f) == 2 && (f & ~MSG_EOR) == 0);
	CHECK("an empty message", write(s[0], "", 0) == 0 && put(s[0], "") && ready(s[1]) == (POLLIN | POLLOUT) && bytes_there(s[1]) == 0);
	CHECK("is received", recv(s[1], b, 8, 0) == 0 && got(s[1], "") && nothing(s[1]));
	CHECK("an empty vector sends nothing", writev(s[0], &(struct iovec){ b, 0 }, 1) == 0 && nothing(s[1]));
	put(s[0], "x");
	CHECK("read of nothing takes nothing", read(s[1], b, 0) == 0 && bytes_there(s[1]) == 1);
	CHECK("recv of nothing takes it", recv(s[1], b, 0, 0) == 0 && nothing(s[1]));
	CHECK("MSG_WAITALL takes one", put(s[0], "ab") && put(s[0], "cd") && recv(s[1], b, 4, MSG_WAITALL) == 2 && got(s[1], "cd"));
	CHECK("vectors", writev(s[0], (struct iovec[2]){ { "on", 2 }, { "e", 1 } }, 2) == 3 && got(s[1], "one"));
	FAILS("a message too large", EMSGSIZE, send(s[0], big, sizeof big, 0));
	CHECK("a large one", send(s[0], big, 60000, 0) == 60000 && recv(s[1], big, sizeof big, 0) == 60000);
	close_two(s);
}

static unsigned char pattern(unsigned long i) { return (unsigned char)(i ^ i >> 8 ^ i >> 16); }

static unsigned long fill(int fd, int flags)
{
	unsigned long sum = 0;
	ssize_t n;

	do {
		for (int i = 0; i < 5000; i++)
			big[i] = (char)pattern(sum + (unsigned long)i);
		n = send(fd, big, 5000, flags);
		sum += n > 0 ? (unsigned long)n : 0;
	} while (n > 0 && sum < 100000000);
	return sum;
}

static unsigned long drain(int fd, unsigned long from)
{
	unsigned long sum = from;
	ssize_t n;

	while ((n = recv(fd, big, 3000, MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if ((unsigned char)big[i] != pattern(sum++))
				return 0;
	return sum;
}

static void full(void)
{
	int s[2];
	unsigned long sum;

	two(SOCK_STREAM, s);
	sum = fill(s[0], MSG_DONTWAIT);
	CHECK("a stream fills up", errno == EAGAIN && sum >= 4096 && bytes_there(s[1]) == (int)sum && bytes_out(s[0]) >= (int)sum);
	CHECK("it is not ready to write", ready(s[0]) == 0 && ready(s[1]) == (POLLIN | POLLOUT));
	CHECK("the other way is free", put(s[1], "x") && got(s[0], "x"));
	CHECK("all comes in order", drain(s[1], 0) == sum);
	CHECK("it is ready again", ready(s[0]) == POLLOUT && bytes_out(s[0]) == 0);
	close_two(s);
	two(SOCK_SEQPACKET, s);
	while (send(s[0], big, 1000, MSG_DONTWAIT) == 1000)
		;
	CHECK("so do packets", errno == EAGAIN && ready(s[0]) == 0);
	while (recv(s[1], big, 1000, MSG_DONTWAIT) == 1000)
		;
	CHECK("and are ready again", errno == EAGAIN && ready(s[0]) == POLLOUT);
	close_two(s);
}

static void writers_wait(void)
{
	int s[2];
	unsigned long sum = 0;
	ssize_t n;
	pid_t pid;

	two(SOCK_STREAM, s);
	CHILD(pid, close(s[1]); for (unsigned long i = 0; i < sizeof big; i++) big[i] = (char)pattern(i);
	      if (write(s[0], big, sizeof big) != sizeof big) _exit(1));
	close(s[0]);
	while ((n = read(s[1], big, 10000)) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum += (unsigned char)big[i] == pattern(sum);
	CHECK("a writer waits until all is read", n == 0 && sum == sizeof big && wait_status(pid) == 0);
	close(s[1]);
	two(SOCK_SEQPACKET, s);
	CHILD(pid, close(s[1]); for (int i = 0; i < 2000; i++) if (send(s[0], &i, 4, 0) != 4) _exit(1));
	close(s[0]);
	int good = 1, got_one, i = 0;
	while (recv(s[1], &got_one, 4, 0) == 4)
		good &= got_one == i++;
	CHECK("of packets, too", good && i == 2000 && wait_status(pid) == 0);
	close(s[1]);
}

/* The end: the peer's last descriptor is closed. */
static void ends(int type)
{
	int s[2], extra, hung = POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
	char c;

	two(type, s);
	put(s[0], "last");
	extra = dup(s[0]);
	close(s[0]);
	CHECK("one of two descriptors closed is no end", ready(s[1]) == (POLLIN | POLLOUT));
	close(extra);
	CHECK("the last one is", ready(s[1]) == hung);
	CHECK("what was sent comes", got(s[1], "last"));
	CHECK("then the end, each time", read(s[1], &c, 1) == 0 && got(s[1], "") && ready(s[1]) == hung);
	signals = 0;
	FAILS("write", EPIPE, write(s[1], "x", 1));
	CHECK("a stream says so by a signal", signals == (type == SOCK_STREAM));
	FAILS("send", EPIPE, send(s[1], "x", 1, 0));
	CHECK("again", signals == 2 * (type == SOCK_STREAM));
	FAILS("without a signal", EPIPE, send(s[1], "x", 1, MSG_NOSIGNAL));
	CHECK("there was none", signals == 2 * (type == SOCK_STREAM) && option(s[1], SO_ERROR) == 0);
	close(s[1]);
}

/* The peer went without having read all. */
static void resets(void)
{
	int s[2];
	char c;

	two(SOCK_STREAM, s);
	put(s[0], "mine"), put(s[1], "not read");
	close(s[0]);
	CHECK("reset: poll", ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR));
	FAILS("reset: write", EPIPE, send(s[1], "x", 1, MSG_NOSIGNAL));
	CHECK("reset: what was sent comes first", got(s[1], "mine"));
	FAILS("reset: then once", ECONNRESET, read(s[1], &c, 1));
	CHECK("reset: then the end", read(s[1], &c, 1) == 0 && ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	close(s[1]);
	two(SOCK_STREAM, s);
	put(s[1], "not read");
	close(s[0]);
	CHECK("reset: SO_ERROR tells and forgets", option(s[1], SO_ERROR) == ECONNRESET && option(s[1], SO_ERROR) == 0 && read(s[1], &c, 1) == 0);
	close(s[1]);
	two(SOCK_SEQPACKET, s);
	put(s[0], "mine"), put(s[1], "not read");
	close(s[0]);
	FAILS("reset: packets tell it first", ECONNRESET, recv(s[1], &c, 1, MSG_DONTWAIT));
	CHECK("reset: then what was sent", got(s[1], "mine") && read(s[1], &c, 1) == 0);
	close(s[1]);
	two(SOCK_SEQPACKET, s);
	put(s[1], "not read");
	close(s[0]);
	FAILS("reset: to who sends, too", ECONNRESET, send(s[1], "x", 1, 0));
	FAILS("reset: then it is broken", EPIPE, send(s[1], "x", 1, 0));
	close(s[1]);
}

static void datagrams_end(void)
{
	int s[2];

	two(SOCK_DGRAM, s);
	put(s[0], "last"), put(s[1], "not read");
	close(s[0]);
	CHECK("datagrams: no end", ready(s[1]) == (POLLIN | POLLOUT) && got(s[1], "last") && nothing(s[1]) && ready(s[1]) == POLLOUT);
	signals = 0;
	FAILS("datagrams: nobody is there", ECONNREFUSED, send(s[1], "x", 1, 0));
	FAILS("datagrams: and it is alone", ENOTCONN, send(s[1], "x", 1, 0));
	CHECK("datagrams: no signal", signals == 0);
	close(s[1]);
}

static void shut_write(int type)
{
	int s[2];
	char c;

	two(type, s);
	put(s[0], "last");
	FAILS("shutdown: unknown", EINVAL, shutdown(s[0], 3));
	FAILS("shutdown: less than none", EINVAL, shutdown(s[0], -1));
	CHECK("SHUT_WR", shutdown(s[0], SHUT_WR) == 0 && shutdown(s[0], SHUT_WR) == 0);
	CHECK("SHUT_WR: poll", ready(s[0]) == POLLOUT && ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP));
	CHECK("SHUT_WR: what was sent, then the end", got(s[1], "last") && read(s[1], &c, 1) == 0 && read(s[1], &c, 1) == 0);
	signals = 0;
	FAILS("SHUT_WR: no more", EPIPE, write(s[0], "x", 1));
	CHECK("SHUT_WR: a signal of a stream", signals == (type == SOCK_STREAM));
	CHECK("SHUT_WR: the other way is open", put(s[1], "back") && got(s[0], "back"));
	CHECK("SHUT_WR, then SHUT_RD", shutdown(s[0], SHUT_RD) == 0 && ready(s[0]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP) &&
	      ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	close_two(s);
}

static void shut_read(int type)
{
	int s[2];
	char c;

	two(type, s);
	put(s[1], "old");
	CHECK("SHUT_RD", shutdown(s[0], SHUT_RD) == 0 && ready(s[0]) == (POLLIN | POLLOUT | POLLRDHUP) && ready(s[1]) == POLLOUT);
	FAILS("SHUT_RD: the other cannot write", EPIPE, send(s[1], "x", 1, MSG_NOSIGNAL));
	CHECK("SHUT_RD: what was there, then the end", got(s[0], "old") && read(s[0], &c, 1) == 0);
	CHECK("SHUT_RD: it may write", put(s[0], "abc") && got(s[1], "abc") && nothing(s[1]));
	close_two(s);
	two(type, s);
	put(s[0], "ab"), put(s[1], "cd");
	CHECK("SHUT_RDWR", shutdown(s[0], SHUT_RDWR) == 0 && ready(s[0]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP) &&
	      ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	CHECK("SHUT_RDWR: what was sent comes", got(s[0], "cd") && got(s[1], "ab") && read(s[0], &c, 1) == 0 && read(s[1], &c, 1) == 0);
	FAILS("SHUT_RDWR: nothing more", EPIPE, send(s[0], "x", 1, MSG_NOSIGNAL));
	FAILS("SHUT_RDWR: of both", EPIPE, send(s[1], "x", 1, MSG_NOSIGNAL));
	close_two(s);
}

static void shut_datagrams(void)
{
	int s[2];
	char c;

	two(SOCK_DGRAM, s);
	put(s[1], "old");
	CHECK("datagrams: SHUT_RD", shutdown(s[0], SHUT_RD) == 0 && ready(s[0]) == (POLLIN | POLLOUT | POLLRDHUP) && ready(s[1]) == POLLOUT);
	signals = 0;
	FAILS("datagrams: the other cannot send", EPIPE, send(s[1], "x", 1, 0));
	CHECK("datagrams: SHUT_RD: what was there, then the end", got(s[0], "old") && read(s[0], &c, 1) == 0);
	CHECK("datagrams: SHUT_RD: it may send", put(s[0], "abc") && got(s[1], "abc"));
	CHECK("datagrams: SHUT_WR", shutdown(s[1], SHUT_WR) == 0 && ready(s[1]) == POLLOUT);
	FAILS("datagrams: no more", EPIPE, send(s[1], "x", 1, 0));
	CHECK("datagrams: it hears", put(s[0], "abc") && got(s[1], "abc") && nothing(s[1]));
	CHECK("datagrams: both", shutdown(s[1], SHUT_RDWR) == 0 && ready(s[1]) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
	CHECK("datagrams: no signals", signals == 0);
	close_two(s);
}

static void shut_wakes(void)
{
	int s[2];
	char c;
	pid_t pid;

	two(SOCK_STREAM, s);
	CHILD(pid, if (read(s[1], &c, 1) != 0) _exit(1));
	pause_ms(50);
	shutdown(s[0], SHUT_WR);
	CHECK("a reader is woken by the end", wait_status(pid) == 0);
	close_two(s);
	two(SOCK_STREAM, s);
	CHILD(pid, if (read(s[1], &c, 1) != 0) _exit(1));
	pause_ms(50);
	shutdown(s[1], SHUT_RD);
	CHECK("by its own side, too", wait_status(pid) == 0);
	close_two(s);
	two(SOCK_STREAM, s);
	fill(s[0], MSG_DONTWAIT);
	CHILD(pid, if (send(s[0], &c, 1, MSG_NOSIGNAL) != -1 || errno != EPIPE) _exit(1));
	pause_ms(50);
	shutdown(s[1], SHUT_RD);
	CHECK("a writer by the loss of its reader", wait_status(pid) == 0);
	close_two(s);
}

static void children(void)
{
	int s[2];
	char c;
	pid_t pid;

	two(SOCK_STREAM, s);
	CHILD(pid, close(s[0]); if (read(s[1], &c, 1) != 1 || !put(s[1], "answer")) _exit(1));
	close(s[1]);
	CHECK("a child answers", put(s[0], "q") && recv(s[0], big, 6, MSG_WAITALL) == 6 && !memcmp(big, "answer", 6));
	CHECK("its end is the end", read(s[0], &c, 1) == 0 && wait_status(pid) == 0);
	close(s[0]);
	two(SOCK_STREAM, s);
	CHILD(pid, signal(SIGPIPE, SIG_DFL); close(s[1]); for (;;) write(s[0], "x", 1));
	close(s[0]), close(s[1]);
	CHECK("a child that nobody reads is killed", KILLED(wait_status(pid), SIGPIPE));
}

int main(void)
{
	int s[2];

	signal(SIGPIPE, count);
	one_errors(), pair_errors(), no_descriptors();
	flags(), is_a_file(), wrong_descriptors();
	stream(), peek(), wait_all();
	two(SOCK_STREAM, s);
	signalled(s);
	close_two(s);
	messages(SOCK_DGRAM), messages(SOCK_SEQPACKET);
	full(), writers_wait();
	ends(SOCK_STREAM), ends(SOCK_SEQPACKET), resets(), datagrams_end();
	shut_write(SOCK_STREAM), shut_write(SOCK_SEQPACKET);
	shut_read(SOCK_STREAM), shut_read(SOCK_SEQPACKET), shut_datagrams();
	shut_wakes(), children();
	DONE();
}

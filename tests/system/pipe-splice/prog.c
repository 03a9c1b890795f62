/* splice, tee and vmsplice where nobody has to wait. */
#include "pipe.h"
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define SIZE   200000L
#define NOWAIT SPLICE_F_NONBLOCK
#define ALL    (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static char bytes[SIZE];
static loff_t *volatile nowhere = (loff_t *)8;
static volatile sig_atomic_t pipes, too_large;
static void on_pipe(int sig) { (void)sig; pipes++; }
static void on_size(int sig) { (void)sig; too_large++; }

static int file_of(const char *name, long size)
{
	int f = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (long i = 0; i < size; i++)
		bytes[i] = (char)('a' + i % 23 + (i >> 12) % 3);
	if (size && write(f, bytes, (size_t)size) != size)
		_exit(98);
	lseek(f, 0, SEEK_SET);
	return f;
}

static long at(int f) { return lseek(f, 0, SEEK_CUR); }

static long size_of(int f)
{
	struct stat st;

	return fstat(f, &st) ? -1 : (long)st.st_size;
}

static void show_file(const char *what, int f)
{
	unsigned sum = 0;
	long n = pread(f, bytes, SIZE, 0);

	for (long i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	if (n <= 64)
		line("%s: %ld bytes '%.*s', position %ld", what, n, (int)n, bytes, at(f));
	else
		line("%s: %ld bytes, sum %08x, position %ld", what, n, sum, at(f));
}

/* Which mistake is told first. */
static void mistakes(void)
{
	int p[2], q[2], f = file_of("f", 100), r = open("f", O_RDONLY), w = open("f", O_WRONLY), path = open("f", O_PATH);
	int append = open("f", O_RDWR | O_APPEND), folder = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
	loff_t zero = 0, minus = -1, last = LLONG_MAX;

	pipe(p);
	pipe(q);
	SAY("splice nothing, with all wrong", splice(99, nowhere, 98, nowhere, 0, 0x100));
	SAY("bad flags, no descriptors", splice(99, NULL, 98, NULL, 1, 0x10));
	SAY("all flags there are", splice(99, NULL, 98, NULL, 1, ALL));
	SAY("no target", splice(r, NULL, 98, NULL, 1, 0));
	SAY("O_PATH", splice(path, NULL, p[1], NULL, 1, 0));
	SAY("into O_PATH", splice(p[0], NULL, path, NULL, 1, NOWAIT));
	SAY("an offset of a pipe, to no descriptor", splice(p[0], &zero, 98, NULL, 1, 0));
	SAY("a bad offset of a pipe", splice(p[0], nowhere, f, NULL, 1, 0));
	SAY("a bad offset of the other pipe", splice(f, NULL, p[1], nowhere, 1, 0));
	SAY("a bad offset of a file", splice(w, nowhere, p[1], NULL, 1, 0));
	SAY("of the target", splice(p[1], NULL, r, nowhere, 1, 0));
	SAY("a source that cannot be read", splice(w, NULL, p[1], NULL, 1, 0));
	SAY("the end that writes", splice(p[1], NULL, f, NULL, 1, 0));
	SAY("a target that cannot be written", splice(p[0], NULL, r, NULL, 1, 0));
	SAY("the end that reads", splice(f, NULL, p[0], NULL, 1, 0));
	SAY("two files", splice(f, NULL, null, NULL, 1, 0));
	SAY("one pipe twice", splice(p[0], NULL, p[1], NULL, 1, 0));
	SAY("a negative offset", splice(f, &minus, p[1], NULL, 1, 0));
	SAY("of a target", splice(p[0], NULL, f, &minus, 1, NOWAIT));
	SAY("beyond the last", splice(f, &last, p[1], NULL, 1, 0));
	SAY("into the last", splice(p[0], NULL, f, &last, 1, NOWAIT));
	SAY("a negative length", splice(f, NULL, p[1], NULL, (size_t)-1, 0));
	SAY("into a file", splice(p[0], NULL, f, NULL, (size_t)-1, NOWAIT));
	SAY("between pipes", splice(p[0], NULL, q[1], NULL, (size_t)-1, NOWAIT));
	SAY("append", splice(p[0], NULL, append, NULL, 1, NOWAIT));
	SAY("append, with an offset", splice(p[0], NULL, append, &zero, 1, NOWAIT));
	SAY("append, with a negative one", splice(p[0], NULL, append, &minus, 1, NOWAIT));
	SAY("append is no hindrance to read", splice(append, &zero, p[1], NULL, 1, 0));
	SAY("a folder", splice(folder, NULL, p[1], NULL, 1, 0));
	SAY("an empty pipe", splice(q[0], NULL, f, NULL, 1, NOWAIT));

	SAY("tee: bad flags, no descriptors, nothing", tee(99, 98, 0, 0x10));
	SAY("tee: no descriptors, nothing", tee(99, 98, 0, 0));
	SAY("tee: no descriptors", tee(99, 98, 1, 0));
	SAY("tee: no target", tee(p[0], 98, 1, 0));
	SAY("tee: the wrong end", tee(p[1], q[1], 1, 0));
	SAY("tee: the wrong other end", tee(p[0], q[0], 1, 0));
	SAY("tee: one pipe", tee(p[0], p[1], 1, 0));
	SAY("tee: from a file", tee(f, p[1], 1, 0));
	SAY("tee: to a file", tee(p[0], f, 1, 0));
	SAY("tee: to a file that cannot be written", tee(p[0], r, 1, 0));
	SAY("tee: an empty pipe", tee(q[0], p[1], 1, NOWAIT));

	struct iovec v = { bytes, 10 };
	SAY("vmsplice: bad flags", vmsplice(99, &v, 1, 0x10));
	SAY("vmsplice: no descriptor", vmsplice(99, &v, 1, 0));
	SAY("vmsplice: a file, no memory", vmsplice(f, (void *)nowhere, 1, 0));
	SAY("vmsplice: a file", vmsplice(f, &v, 1, 0));
	SAY("vmsplice: a file to read", vmsplice(r, &v, 1, 0));
	SAY("vmsplice: a file, nothing", vmsplice(f, &v, 0, 0));
	SAY("vmsplice: O_PATH", vmsplice(path, &v, 1, 0));
	SAY("vmsplice: no memory", vmsplice(p[1], (void *)nowhere, 1, 0));
	SAY("vmsplice: no memory, nothing", vmsplice(p[1], (void *)nowhere, 0, 0));
	SAY("vmsplice: an empty pipe", vmsplice(q[0], &v, 1, NOWAIT));
	close_pipe(p);
	close_pipe(q);
}

/* What is neither file nor pipe. */
static void others(const char *what, int fd)
{
	char text[80];
	int p[2];
	loff_t zero = 0;

	pipe2(p, O_NONBLOCK);
	write(p[1], "1234567890123456", 16);
	snprintf(text, sizeof text, "%s, source", what);
	SAY(text, splice(fd, NULL, p[1], NULL, 8, NOWAIT));
	snprintf(text, sizeof text, "%s, source at an offset", what);
	SAY(text, splice(fd, &zero, p[1], NULL, 8, NOWAIT));
	snprintf(text, sizeof text, "%s, target", what);
	SAY(text, splice(p[0], NULL, fd, NULL, 8, NOWAIT));
	snprintf(text, sizeof text, "%s, target at an offset", what);
	SAY(text, splice(p[0], NULL, fd, &zero, 8, NOWAIT));
	line("%s: offset %ld, %d left", what, (long)zero, queued(p[0]));
	close_pipe(p);
	close(fd);
}

static void devices(void)
{
	int p[2], zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_WRONLY), random = open("/dev/urandom", O_RDONLY);
	sigset_t none;

	others("/dev/null", open("/dev/null", O_RDWR));
	others("/dev/zero", open("/dev/zero", O_RDWR));
	others("/dev/full", open("/dev/full", O_RDWR));
	others("/dev/urandom", open("/dev/urandom", O_RDWR));
	others("eventfd", eventfd(1, EFD_NONBLOCK));
	others("epoll", epoll_create1(0));
	others("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	sigemptyset(&none);
	others("signalfd", signalfd(-1, &none, SFD_NONBLOCK));
	others("inotify", inotify_init1(IN_NONBLOCK));

	pipe2(p, O_NONBLOCK);
	SAY("much of /dev/zero", splice(zero, NULL, p[1], NULL, 1 << 30, 0));
	SAY("more", splice(zero, NULL, p[1], NULL, 1, 0));
	SAY("all of that to /dev/null", splice(p[0], NULL, null, NULL, 1 << 30, 0));
	SAY("nothing is left", splice(p[0], NULL, null, NULL, 1 << 30, 0));
	SAY("/dev/urandom", splice(random, NULL, p[1], NULL, 5000, 0));
	SAY("read", read(p[0], bytes, SIZE));
	write(p[1], "hello", 5);
	close(p[1]);
	SAY("what is there", splice(p[0], NULL, null, NULL, 100, 0));
	SAY("the end", splice(p[0], NULL, null, NULL, 100, 0));
	close(p[0]);
}

static void proc_files(void)
{
	static const char *names[] = { "/proc/sys/kernel/ostype", "/proc/version", "/proc/filesystems", "/proc/self/mounts", "/proc/self/stat",
				       "/proc/self/status", "/proc/self/maps", "/proc/self/cmdline", "/proc/self/comm" };
	char text[8192];
	int p[2];

	pipe2(p, O_NONBLOCK);
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		int f = open(names[i], O_RDONLY);
		long want = read(f, text, sizeof text);
		loff_t zero = 0, two = 2;
		long n = splice(f, &zero, p[1], NULL, sizeof bytes, 0);
		int e = errno;

		if (n < 0)
			line("%s: %s", names[i], error_name(e));
		else
			line("%s: %s %s", names[i], n == want ? "all" : "some", read(p[0], bytes, SIZE) == want && !memcmp(text, bytes, (size_t)want) ? "the same" : "not the same");
		n = splice(f, &two, p[1], NULL, sizeof bytes, 0);
		if (n >= 0)
			line("at 2: %s, at the end %s", n == want - 2 ? "the rest" : "another", two == want ? "now" : "not");
		read(p[0], bytes, SIZE);
		close(f);
	}
	close_pipe(p);
}

static void from_files(void)
{
	int p[2], f = file_of("f", SIZE), hole = file_of("hole", 0), direct;
	loff_t offset = 100;

	pipe2(p, O_NONBLOCK);
	SAY("ten bytes of a file", splice(f, NULL, p[1], NULL, 10, 0));
	line("position %ld, FIONREAD %d", at(f), queued(p[0]));
	SAY("ten at an offset", splice(f, &offset, p[1], NULL, 10, 0));
	line("offset %ld, position %ld", (long)offset, at(f));
	drain("both", p[0]);
	lseek(f, 0, SEEK_SET);
	SAY("as much as fits", splice(f, NULL, p[1], NULL, SIZE, 0));
	line("position %ld", at(f));
	SAY("no more", splice(f, NULL, p[1], NULL, SIZE, 0));
	line("position %ld", at(f));
	drain("it", p[0]);
	SAY("across pages", splice(f, &offset, p[1], NULL, SIZE, 0));
	drain("it", p[0]);
	offset = SIZE - 5;
	SAY("the end of the file", splice(f, &offset, p[1], NULL, SIZE, 0));
	SAY("nothing more", splice(f, &offset, p[1], NULL, SIZE, 0));
	offset = SIZE + 5;
	SAY("beyond the end", splice(f, &offset, p[1], NULL, SIZE, 0));
	line("offset %ld", (long)offset);
	drain("it", p[0]);

	int n = 0;
	for (offset = 0; splice(f, &offset, p[1], NULL, 1, 0) == 1;)
		n++;
	line("single bytes: %d, %s", n, error_name(errno));
	line("offset %ld, %d pages", (long)offset, pages_held(p[0]));
	SAY("nor can bytes be joined", write(p[1], "x", 1));
	drain("they are", p[0]);
	SAY("with the flag alone", (fcntl(p[1], F_SETFL, 0), stuff(p[1]), splice(f, NULL, p[1], NULL, 1, NOWAIT)));
	SAY("and the pipe's", (fcntl(p[1], F_SETFL, O_NONBLOCK), splice(f, NULL, p[1], NULL, 1, 0)));
	SAY("at the end of the file, too", (lseek(f, 0, SEEK_END), splice(f, NULL, p[1], NULL, 1, 0)));
	SAY("room for a page", read(p[0], bytes, PAGE));
	offset = 4000;
	SAY("which is for one of the file's", splice(f, &offset, p[1], NULL, PAGE, 0));
	read(p[0], bytes, SIZE);

	ftruncate(hole, 3 * PAGE + 10);
	pwrite(hole, "data", 4, 2 * PAGE);
	SAY("a file with holes", splice(hole, NULL, p[1], NULL, SIZE, 0));
	drain("it", p[0]);
	direct = open("f", O_RDONLY | O_DIRECT);
	if (direct >= 0) {
		offset = PAGE;
		SAY("O_DIRECT", splice(direct, &offset, p[1], NULL, PAGE, 0));
		drain("it", p[0]);
		close(direct);
	} else {
		line("O_DIRECT: %d\nit: 0", PAGE == 0);
	}
	offset = 0;
	SAY("the file changes", splice(f, &offset, p[1], NULL, 3, 0));
	SAY("the pipe gets larger", fcntl(p[0], F_SETPIPE_SZ, 64 * PAGE));
	SAY("and takes all of it", splice(f, &offset, p[1], NULL, SIZE, 0));
	line("read: %ld", (long)read(p[0], bytes, SIZE));
	close_pipe(p);
	close(f);
	close(hole);
}

static void to_files(void)
{
	int p[2], f = file_of("g", 0), sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
	loff_t offset = 3, far = 3 * PAGE;

	pipe2(p, O_NONBLOCK);
	write(p[1], "0123456789abcdef", 16);
	SAY("five bytes to a file", splice(p[0], NULL, f, NULL, 5, 0));
	show_file("it", f);
	SAY("five at an offset", splice(p[0], NULL, f, &offset, 5, 0));
	line("offset %ld", (long)offset);
	show_file("it", f);
	SAY("all there is", splice(p[0], NULL, f, NULL, 1000, 0));
	show_file("it", f);
	SAY("no more", splice(p[0], NULL, f, NULL, 1000, 0));
	write(p[1], "x", 1);
	SAY("far beyond the end", splice(p[0], NULL, f, &far, 1000, 0));
	line("size %ld", size_of(f));
	SAY("a full pipe", stuff(p[1]));
	ftruncate(f, 0);
	lseek(f, 100, SEEK_SET);
	SAY("is emptied", splice(p[0], NULL, f, NULL, SIZE, 0));
	show_file("it", f);

	/* RLIMIT_FSIZE */
	struct rlimit was, limit;
	getrlimit(RLIMIT_FSIZE, &was);
	limit = (struct rlimit){ 10, was.rlim_max };
	ftruncate(f, 0);
	lseek(f, 4, SEEK_SET);
	write(p[1], "0123456789", 10);
	setrlimit(RLIMIT_FSIZE, &limit);
	long some = splice(p[0], NULL, f, NULL, 10, 0);
	int signals = too_large;
	long more = splice(p[0], NULL, f, NULL, 10, 0), e = errno;
	setrlimit(RLIMIT_FSIZE, &was);
	line("what RLIMIT_FSIZE permits: %ld, SIGXFSZ %d", some, signals);
	line("no more: %ld, %s, SIGXFSZ %d", more, error_name((int)e), (int)too_large);
	line("size %ld, position %ld", size_of(f), at(f));
	drain("what is left", p[0]);

	write(p[1], "0123456789", 10);
	ftruncate(sealed, 6);
	fcntl(sealed, F_ADD_SEALS, F_SEAL_GROW);
	SAY("a file that must not grow", splice(p[0], NULL, sealed, NULL, 10, 0));
	line("position %ld, %d left", at(sealed), queued(p[0]));
	SAY("again", splice(p[0], NULL, sealed, NULL, 10, 0));
	line("position %ld, %d left", at(sealed), queued(p[0]));
	fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE);
	lseek(sealed, 0, SEEK_SET);
	SAY("must not be written", splice(p[0], NULL, sealed, NULL, 10, 0));
	line("position %ld, %d left", at(sealed), queued(p[0]));
	SAY("can be a source", (lseek(sealed, 0, SEEK_SET), splice(sealed, NULL, p[1], NULL, 100, 0)));
	drain("what is left", p[0]);

	/* Packets are bytes here. */
	fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	write(p[1], "abc", 3);
	write(p[1], "defg", 4);
	ftruncate(f, 0);
	lseek(f, 0, SEEK_SET);
	SAY("of two packets five bytes", splice(p[0], NULL, f, NULL, 5, 0));
	show_file("it", f);
	SAY("the rest is a packet", read(p[0], bytes, 100));
	close(p[1]);
	SAY("the end", splice(p[0], NULL, f, NULL, 5, 0));
	close(p[0]);
	close(f);
	close(sealed);
}

static void between_pipes(void)
{
	int p[2], q[2];

	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	write(p[1], "0123456789", 10);
	SAY("four bytes to another pipe", splice(p[0], NULL, q[1], NULL, 4, 0));
	SAY("tee of three", tee(p[0], q[1], 3, 0));
	SAY("tee of all", tee(p[0], q[1], 1000, 0));
	line("left %d, there %d", queued(p[0]), queued(q[0]));
	SAY("the rest", splice(p[0], NULL, q[1], NULL, 1000, 0));
	SAY("nothing is left", splice(p[0], NULL, q[1], NULL, 1000, 0));
	SAY("tee of nothing", tee(p[0], q[1], 1000, 0));
	line("they take %d pages", pages_held(q[0]));
	SAY("a page that was moved takes more bytes", write(q[1], "more", 4));
	line("they take %d pages", pages_held(q[0]));
	drain("all of it", q[0]);
	write(p[1], "0123456789", 10);
	SAY("a part of a page", splice(p[0], NULL, q[1], NULL, 5, 0));
	SAY("does not", write(q[1], "more", 4));
	line("they take %d pages", pages_held(q[0]));
	drain("all of it", q[0]);
	SAY("tee of the rest", tee(p[0], q[1], 5, 0));
	SAY("nor does what tee made", write(q[1], "more", 4));
	line("they take %d pages", pages_held(q[0]));
	drain("all of it", q[0]);
	SAY("which leaves the other as it was", write(p[1], "x", 1));
	line("it takes %d pages", pages_held(p[0]));
	drain("that", p[0]);

	SAY("a full pipe", stuff(p[1]));
	SAY("a smaller one", fcntl(q[0], F_SETPIPE_SZ, 4 * PAGE));
	SAY("tee", tee(p[0], q[1], SIZE, 0));
	SAY("again", tee(p[0], q[1], SIZE, 0));
	SAY("splice", splice(p[0], NULL, q[1], NULL, SIZE, 0));
	line("left %d, there %d", queued(p[0]), queued(q[0]));
	read(q[0], bytes, PAGE + 1);
	SAY("a page is free", splice(p[0], NULL, q[1], NULL, SIZE, 0));
	line("left %d, there %d", queued(p[0]), queued(q[0]));
	read(q[0], bytes, SIZE);
	SAY("most of them", splice(p[0], NULL, q[1], NULL, 3 * PAGE + 7, 0));
	line("they take %d pages", pages_held(q[0]));
	read(q[0], bytes, SIZE);
	read(p[0], bytes, SIZE);

	/* Packets stay packets. */
	fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	write(p[1], "abc", 3);
	write(p[1], "defg", 4);
	SAY("tee of packets", tee(p[0], q[1], 5, 0));
	SAY("the first", read(q[0], bytes, 100));
	SAY("the second", read(q[0], bytes, 100));
	SAY("moved", splice(p[0], NULL, q[1], NULL, 5, 0));
	SAY("the first", read(q[0], bytes, 100));
	SAY("the second", read(q[0], bytes, 1));
	SAY("is lost", read(q[0], bytes, 100));
	SAY("its rest is here", read(p[0], bytes, 100));

	SAY("O_NONBLOCK of the source counts", (fcntl(q[1], F_SETFL, 0), splice(p[0], NULL, q[1], NULL, 1, 0)));
	SAY("of the target as well", (fcntl(q[1], F_SETFL, O_NONBLOCK), fcntl(p[0], F_SETFL, 0), splice(p[0], NULL, q[1], NULL, 1, 0)));
	SAY("for tee, too", tee(p[0], q[1], 1, 0));
	write(p[1], "bye", 3);
	close(p[1]);
	SAY("before the end", tee(p[0], q[1], 100, 0));
	SAY("the last", splice(p[0], NULL, q[1], NULL, 100, 0));
	SAY("the end", splice(p[0], NULL, q[1], NULL, 100, 0));
	SAY("tee at the end", tee(p[0], q[1], 100, 0));
	drain("it", q[0]);
	SAY("a full pipe", stuff(q[1]));
	SAY("of the end nothing fits either", splice(p[0], NULL, q[1], NULL, 100, 0));
	SAY("not by tee", tee(p[0], q[1], 100, 0));
	close(p[0]);
	close_pipe(q);
}

static void memory(void)
{
	static struct iovec many[1025];
	char *map = mmap(NULL, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *locked = map + 19 * PAGE;
	int p[2], fifo;

	munmap(map + 17 * PAGE, PAGE);
	memset(map, 'm', 17 * PAGE);
	mprotect(locked, PAGE, PROT_NONE);
	pipe2(p, O_NONBLOCK);
	SAY("two parts of memory", vmsplice(p[1], (struct iovec[]){ { "hello ", 6 }, { "world", 5 } }, 2, 0));
	line("they take %d pages", pages_held(p[0]));
	drain("it", p[0]);
	SAY("empty parts", vmsplice(p[1], (struct iovec[]){ { NULL, 0 }, { "x", 1 }, { NULL, 0 } }, 3, 0));
	SAY("nothing but empty parts", vmsplice(p[1], (struct iovec[]){ { NULL, 0 } }, 1, 0));
	drain("it", p[0]);
	SAY("17 pages", vmsplice(p[1], &(struct iovec){ map, 17 * PAGE }, 1, SPLICE_F_GIFT));
	SAY("full", vmsplice(p[1], &(struct iovec){ map, 1 }, 1, NOWAIT));
	drain("it", p[0]);
	SAY("17 pages from the middle of one", vmsplice(p[1], &(struct iovec){ map + 100, 16 * PAGE }, 1, 0));
	drain("it", p[0]);
	SAY("two pages that lie in three", vmsplice(p[1], &(struct iovec){ map + 1, 2 * PAGE }, 1, 0));
	line("they take %d pages", pages_held(p[0]));
	drain("it", p[0]);
	for (int i = 0; i < 1025; i++)
		many[i] = (struct iovec){ map + i, 1 };
	SAY("1024 parts", vmsplice(p[1], many, 1024, 0));
	drain("it", p[0]);
	SAY("1025", vmsplice(p[1], many, 1025, 0));
	SAY("a negative length", vmsplice(p[1], &(struct iovec){ map, (size_t)-1 }, 1, 0));
	SAY("a huge length", vmsplice(p[1], &(struct iovec){ map, LONG_MAX }, 1, 0));
	drain("it", p[0]);
	SAY("no memory there", vmsplice(p[1], &(struct iovec){ map + 17 * PAGE, 10 }, 1, 0));
	SAY("nor at its end", vmsplice(p[1], &(struct iovec){ map + 17 * PAGE - 10, 20 }, 1, 0));
	drain("what is good of it", p[0]);
	SAY("good, then bad", vmsplice(p[1], (struct iovec[]){ { "good", 4 }, { locked, 4 }, { "good", 4 } }, 3, 0));
	drain("what is good of it", p[0]);
	SAY("nothing to read there", vmsplice(p[1], &(struct iovec){ locked, 10 }, 1, 0));

	write(p[1], "0123456789", 10);
	memset(map, 0, 100);
	SAY("out of the pipe", vmsplice(p[0], (struct iovec[]){ { map, 3 }, { map + 10, 4 } }, 2, 0));
	line("it is '%s' and '%s'", map, map + 10);
	SAY("to nowhere", vmsplice(p[0], &(struct iovec){ locked, 3 }, 1, 0));
	SAY("to what is there in part", vmsplice(p[0], &(struct iovec){ map + 17 * PAGE - 1, 3 }, 1, 0));
	line("left %d", queued(p[0]));
	SAY("to what can only be read", (mprotect(map, PAGE, PROT_READ), vmsplice(p[0], &(struct iovec){ map, 3 }, 1, 0)));
	SAY("which is a good source", vmsplice(p[1], &(struct iovec){ map, 3 }, 1, 0));
	mprotect(map, PAGE, PROT_READ | PROT_WRITE);
	SAY("the first part is bad", vmsplice(p[0], (struct iovec[]){ { map, 0 }, { locked, 1 }, { map, 9 } }, 3, 0));
	SAY("the second is", vmsplice(p[0], (struct iovec[]){ { map, 3 }, { locked, 9 } }, 2, 0));
	line("left %d", queued(p[0]));
	SAY("all of it", vmsplice(p[0], &(struct iovec){ map, PAGE }, 1, 0));
	SAY("no more", vmsplice(p[0], &(struct iovec){ map, PAGE }, 1, NOWAIT));
	fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	write(p[1], "abc", 3);
	write(p[1], "defg", 4);
	SAY("packets are bytes", vmsplice(p[0], &(struct iovec){ map, 5 }, 1, 0));
	SAY("the rest is a packet", read(p[0], bytes, 100));
	close(p[1]);
	SAY("the end", vmsplice(p[0], &(struct iovec){ map, 5 }, 1, 0));
	close(p[0]);
	mkfifo("fifo", 0600);
	fifo = open("fifo", O_RDWR | O_NONBLOCK);
	SAY("a FIFO open for both is written", vmsplice(fifo, &(struct iovec){ "fifo", 4 }, 1, 0));
	drain("it", fifo);
	SAY("and is one pipe", splice(fifo, NULL, fifo, NULL, 1, 0));
	close(fifo);
	munmap(map, 17 * PAGE);
	munmap(map + 18 * PAGE, 2 * PAGE);
}

static void sockets(void)
{
	int p[2], s[2], f = file_of("s", 0);
	loff_t zero = 0;

	pipe2(p, O_NONBLOCK);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	SAY("an empty stream", splice(s[0], NULL, p[1], NULL, 100, NOWAIT));
	SAY("with an offset", splice(s[0], &zero, p[1], NULL, 100, NOWAIT));
	write(s[1], "stream of bytes", 15);
	SAY("a part of a message", splice(s[0], NULL, p[1], NULL, 6, 0));
	SAY("its rest", splice(s[0], NULL, p[1], NULL, 100, 0));
	drain("it", p[0]);
	write(s[1], "one", 3);
	write(s[1], "two", 3);
	SAY("two messages", splice(s[0], NULL, p[1], NULL, 100, 0));
	SAY("back", splice(p[0], NULL, s[0], NULL, 4, 0));
	SAY("with an offset", splice(p[0], NULL, s[0], &zero, 4, 0));
	SAY("all of it", splice(p[0], NULL, s[0], NULL, 100, SPLICE_F_MORE));
	SAY("no more", splice(p[0], NULL, s[0], NULL, 100, 0));
	memset(bytes, 0, 20);
	SAY("read", read(s[1], bytes, 100));
	line("it is '%s'", bytes);
	fcntl(s[0], F_SETFL, O_NONBLOCK);
	stuff(s[0]);
	write(p[1], "0123456789", 10);
	SAY("a full stream", splice(p[0], NULL, s[0], NULL, 100, 0));
	line("left %d", queued(p[0]));
	SAY("empty and O_NONBLOCK", splice(s[0], NULL, p[1], NULL, 100, 0));
	shutdown(s[1], SHUT_WR);
	SAY("its end", splice(s[0], NULL, p[1], NULL, 100, 0));
	close(s[1]);
	pipes = 0;
	SAY("nobody there", splice(p[0], NULL, s[0], NULL, 100, 0));
	line("SIGPIPE %d, left %d", (int)pipes, queued(p[0]));
	close(s[0]);
	drain("it", p[0]);

	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
	write(p[1], "0123456789", 10);
	SAY("to a packet", splice(p[0], NULL, s[0], NULL, 4, 0));
	SAY("to another", splice(p[0], NULL, s[0], NULL, 100, 0));
	SAY("from a packet", splice(s[1], NULL, p[1], NULL, 100, 0));
	SAY("from another, in part", splice(s[1], NULL, p[1], NULL, 3, 0));
	drain("it", p[0]);
	write(s[0], "packet", 6);
	SAY("from one", splice(s[1], NULL, p[1], NULL, 100, 0));
	drain("it", p[0]);
	close(s[0]);
	SAY("its end", splice(s[1], NULL, p[1], NULL, 100, 0));
	close(s[1]);
	SAY("a socket that is not connected", splice(s[0] = socket(AF_UNIX, SOCK_STREAM, 0), NULL, p[1], NULL, 1, 0));
	write(p[1], "x", 1);
	SAY("nor written", splice(p[0], NULL, s[0], NULL, 1, 0));
	close(s[0]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	SAY("two sockets", splice(s[0], NULL, s[1], NULL, 1, 0));
	SAY("to a file", splice(s[0], NULL, f, NULL, 1, 0));
	close_pipe(s);
	close_pipe(p);
	close(f);
}

static void broken(void)
{
	int p[2], q[2], s[2], f = file_of("f", 100);

	pipe(p);
	pipe(q);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	close(p[0]);
	pipes = 0;
	SAY("a file to nobody", splice(f, NULL, p[1], NULL, 10, 0));
	line("position %ld", at(f));
	SAY("the end of a file to nobody", (lseek(f, 0, SEEK_END), splice(f, NULL, p[1], NULL, 10, 0)));
	SAY("an empty pipe to nobody", splice(q[0], NULL, p[1], NULL, 10, NOWAIT));
	SAY("nothing to nobody", splice(f, NULL, p[1], NULL, 0, 0));
	line("SIGPIPE %d", (int)pipes);
	write(q[1], "abc", 3);
	SAY("a pipe to nobody", splice(q[0], NULL, p[1], NULL, 10, 0));
	SAY("tee to nobody", tee(q[0], p[1], 10, 0));
	SAY("memory to nobody", vmsplice(p[1], &(struct iovec){ bytes, 10 }, 1, 0));
	SAY("a socket to nobody", splice(s[0], NULL, p[1], NULL, 10, NOWAIT));
	SAY("sendfile to nobody", (lseek(f, 0, SEEK_SET), sendfile(p[1], f, NULL, 10)));
	SAY("sendfile of what has nothing to nobody", sendfile(p[1], open("/dev/null", O_RDONLY), NULL, 10));
	line("SIGPIPE %d, left %d", (int)pipes, queued(q[0]));
	read(q[0], bytes, 100);
	close(q[1]);
	SAY("the end of a pipe to nobody", splice(q[0], NULL, p[1], NULL, 10, 0));
	SAY("tee of the end to nobody", tee(q[0], p[1], 10, 0));
	close(q[0]);
	close_pipe(s);
	close(p[1]);
	close(f);
}

/* sendfile to a pipe is a splice. */
static void sendfiles(void)
{
	int p[2], f = file_of("f", SIZE);
	off_t offset = 100;

	pipe2(p, O_NONBLOCK);
	SAY("sendfile to a pipe", sendfile(p[1], f, NULL, SIZE));
	line("position %ld", at(f));
	SAY("more", sendfile(p[1], f, NULL, SIZE));
	drain("it", p[0]);
	SAY("at an offset", sendfile(p[1], f, &offset, SIZE));
	line("offset %ld, position %ld", (long)offset, at(f));
	drain("it", p[0]);
	SAY("from a pipe", sendfile(f, p[0], NULL, 1));
	SAY("a file onto itself", (lseek(f, 0, SEEK_SET), sendfile(f, f, NULL, 10)));
	pread(f, bytes, 20, 0);
	line("position %ld, '%.20s'", at(f), bytes);
	SAY("to an eventfd", sendfile(eventfd(0, 0), f, NULL, 8));
	SAY("of /proc/self/stat", sendfile(p[1], open("/proc/self/stat", O_RDONLY), NULL, 8));
	close_pipe(p);
	close(f);
}

static void told(int in, const char *what)
{
	char text[200] = "";
	union {
		struct inotify_event e;
		char room[4096];
	} u;
	long n = read(in, &u, sizeof u);

	for (long i = 0; i < n; i += (long)sizeof u.e) {
		struct inotify_event *e = (struct inotify_event *)(u.room + i);
		snprintf(text + strlen(text), sizeof text - strlen(text), " %s%s", e->mask & IN_ACCESS ? "access" : "", e->mask & IN_MODIFY ? "modify" : "");
	}
	line("%s:%s", what, text);
}

static void notices(void)
{
	int p[2], q[2], f = file_of("f", 100), in = inotify_init1(IN_NONBLOCK), fifo;

	mkfifo("fifo2", 0600);
	fifo = open("fifo2", O_RDWR | O_NONBLOCK);
	inotify_add_watch(in, "f", IN_ACCESS | IN_MODIFY);
	inotify_add_watch(in, "fifo2", IN_ACCESS | IN_MODIFY);
	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	splice(f, NULL, p[1], NULL, 10, 0);
	told(in, "from a file");
	splice(p[0], NULL, f, NULL, 10, 0);
	told(in, "to a file");
	splice(p[0], NULL, f, NULL, 10, 0);
	told(in, "of nothing");
	lseek(f, 0, SEEK_SET);
	splice(f, NULL, fifo, NULL, 10, 0);
	told(in, "to a FIFO");
	tee(fifo, p[1], 5, 0);
	splice(fifo, NULL, p[1], NULL, 5, 0);
	told(in, "from a FIFO");
	close_pipe(p);
	close_pipe(q);
	close(fifo);
	close(f);
	close(in);
}

int main(void)
{
	signal(SIGPIPE, on_pipe);
	signal(SIGXFSZ, on_size);
	mistakes();
	devices();
	proc_files();
	from_files();
	to_files();
	between_pipes();
	memory();
	sockets();
	broken();
	sendfiles();
	notices();
	return 0;
}

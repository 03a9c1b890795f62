/* Pipes of packets (O_DIRECT), what takes a page of a pipe, and how large a pipe may be. */
#include "pipe.h"
#include <poll.h>
#include <sys/prctl.h>

static char bytes[1 << 20];

static bool can_write(int fd)
{
	return poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 0) == 1;
}

static void packets(void)
{
	int p[2], status;

	SAY("pipe2 with O_DIRECT", pipe2(p, O_DIRECT | O_NONBLOCK));
	line("flags: read end %x, write end %x", (unsigned)fcntl(p[0], F_GETFL), (unsigned)fcntl(p[1], F_GETFL));
	SAY("three packets: 3", write(p[1], "abc", 3));
	SAY("4", write(p[1], "defg", 4));
	SAY("0 is none", write(p[1], "", 0));
	SAY("2", write(p[1], "hi", 2));
	line("FIONREAD %d", queued(p[0]));
	memset(bytes, 0, 16);
	SAY("a read gets one", read(p[0], bytes, 100));
	line("it is '%s'", bytes);
	memset(bytes, 0, 16);
	SAY("a short read loses the rest", read(p[0], bytes, 2));
	line("it is '%s'", bytes);
	SAY("a read of 0 takes none", read(p[0], bytes, 0));
	SAY("the third", read(p[0], bytes, 100));
	SAY("no more", read(p[0], bytes, 100));

	memset(bytes, 'x', 10000);
	SAY("10000 bytes", write(p[1], bytes, 10000));
	SAY("come in pages", read(p[0], bytes, 20000));
	SAY("and", read(p[0], bytes, 20000));
	SAY("the rest", read(p[0], bytes, 20000));
	struct iovec parts[3] = { { "one", 3 }, { "two", 3 }, { "three", 5 } };
	SAY("a vector", writev(p[1], parts, 3));
	memset(bytes, 0, 16);
	SAY("is one packet", read(p[0], bytes, 100));
	line("it is '%s'", bytes);
	SAY("into a vector", (write(p[1], "0123456789", 10), readv(p[0], (struct iovec[]){ { bytes, 3 }, { bytes + 8, 3 } }, 2)));
	SAY("the rest is gone", read(p[0], bytes, 100));

	int n = 0;
	while (write(p[1], "z", 1) == 1)
		n++;
	line("packets that fit: %d", n);
	line("writable: %d", can_write(p[1]));
	SAY("one more", write(p[1], "z", 1));
	SAY("take one", read(p[0], bytes, 100));
	line("writable: %d", can_write(p[1]));
	SAY("one fits again", write(p[1], "y", 1));
	drain("all of it", p[0]);

	int slots = 0;
	for (int i = 0; i < 15; i++)
		slots += write(p[1], "z", 1) == 1;
	line("fifteen: %d", slots);
	SAY("of two pages one fits", write(p[1], bytes, 2 * PAGE));
	drain("all of it", p[0]);

	/* The flag counts when bytes are written. */
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	SAY("no packet any more", write(p[1], "plain", 5));
	SAY("joined", write(p[1], "more", 4));
	fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	SAY("a packet that finds room behind others", write(p[1], "joins", 5));
	line("it takes %d page", pages_held(p[0]));
	SAY("one of a page", write(p[1], memset(bytes, 'p', PAGE), PAGE));
	SAY("and a short one", write(p[1], "packet", 6));
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	SAY("bytes behind a packet", write(p[1], "tail", 4));
	line("FIONREAD %d", queued(p[0]));
	SAY("a read goes on into the first packet", read(p[0], bytes, 20));
	SAY("whose rest is gone", read(p[0], bytes, 20));
	SAY("then", read(p[0], bytes, 20));
	SAY("a packet that no read reaches with all its room", (write(p[1], "ab", 2), read(p[0], bytes, 1)));
	SAY("rest of bytes", read(p[0], bytes, 20));
	close_pipe(p);

	pipe(p);
	SAY("F_SETFL sets it on any pipe", fcntl(p[0], F_SETFL, O_DIRECT));
	line("read end %x", (unsigned)fcntl(p[0], F_GETFL));
	SAY("not on a file", fcntl(open("/dev/null", O_RDWR), F_SETFL, O_DIRECT));
	SAY("where it means nothing", (write(p[1], "ab", 2), write(p[1], "cd", 2), read(p[0], bytes, 100)));
	if (fork() == 0) {
		fcntl(p[1], F_SETFL, O_DIRECT);
		for (int i = 0; i < 100; i++)
			if (write(p[1], bytes, (size_t)(1 + i % 7)) != 1 + i % 7)
				_exit(1);
		_exit(0);
	}
	int good = 0;
	for (int i = 0; i < 100; i++)
		good += read(p[0], bytes, 100) == 1 + i % 7;
	wait(&status);
	line("packets through a pipe that is too short: %d, status %d", good, status);
	close_pipe(p);
}

/* What takes a page is kept apart. */
static void pages(void)
{
	int p[2];

	pipe2(p, O_NONBLOCK);
	for (int i = 0; i < 100; i++)
		write(p[1], "0123456789", 10);
	line("a hundred small writes take %d page", pages_held(p[0]));
	SAY("another page", write(p[1], bytes, 3500));
	line("then %d pages", pages_held(p[0]));
	SAY("what fits is joined", write(p[1], bytes, 500));
	line("still %d pages", pages_held(p[0]));
	SAY("whole pages never are", write(p[1], bytes, PAGE));
	SAY("and 4100 need two", write(p[1], bytes, 4100));
	line("then %d pages", pages_held(p[0]));
	SAY("to be read", read(p[0], bytes, sizeof bytes));

	long done = 0;
	for (int i = 0; i < 16; i++)
		done += write(p[1], bytes, 3000);
	line("sixteen writes of 3000: %ld bytes", done);
	line("writable: %d", can_write(p[1]));
	SAY("no room for 3000", write(p[1], bytes, 3000));
	SAY("room for 1000", write(p[1], bytes, 1000));
	SAY("not again", write(p[1], bytes, 1000));
	SAY("of a page and some the first bytes are joined", write(p[1], bytes, PAGE + 50));
	SAY("a byte of the first page", read(p[0], bytes, 1));
	SAY("leaves no room", write(p[1], bytes, 1000));
	SAY("its rest does", read(p[0], bytes, 2999));
	SAY("now", write(p[1], bytes, 1000));
	drain("all of it", p[0]);
	close_pipe(p);
}

static void set_size(int fd, const char *what, unsigned long size)
{
	SAY(what, fcntl(fd, F_SETPIPE_SZ, size));
}

static void sizes(void)
{
	int p[2], f;

	pipe2(p, O_NONBLOCK);
	SAY("size of a new pipe", fcntl(p[0], F_GETPIPE_SZ));
	set_size(p[0], "size 0", 0);
	set_size(p[0], "size 1", 1);
	set_size(p[0], "size 4096", 4096);
	set_size(p[0], "size 4097", 4097);
	set_size(p[0], "size 100000", 100000);
	set_size(p[1], "by the other end", 1 << 20);
	SAY("size", fcntl(p[0], F_GETPIPE_SZ));
	set_size(p[0], "2^31 + 1", 0x80000001);
	set_size(p[0], "-1", -1UL);
	set_size(p[0], "2^32 + 1", 0x100000001);
	set_size(p[0], "eight pages", 8 * PAGE);
	SAY("filled", stuff(p[1]));
	set_size(p[0], "four are too few", 4 * PAGE);
	SAY("three pages less", read(p[0], bytes, 3 * PAGE));
	set_size(p[0], "still", 4 * PAGE);
	SAY("and one", read(p[0], bytes, PAGE));
	set_size(p[0], "now", 4 * PAGE);
	line("writable: %d", can_write(p[1]));
	set_size(p[0], "larger", 16 * PAGE);
	line("writable: %d", can_write(p[1]));
	drain("nothing was lost", p[0]);
	SAY("of a file", fcntl(open(".", O_RDONLY), F_GETPIPE_SZ));
	SAY("set", fcntl(open(".", O_RDONLY), F_SETPIPE_SZ, 4096));
	close_pipe(p);

	mkfifo("fifo", 0600);
	f = open("fifo", O_RDWR | O_NONBLOCK);
	SAY("size of a FIFO", fcntl(f, F_GETPIPE_SZ));
	set_size(f, "its new size", 5000);
	SAY("with O_PATH", fcntl(open("fifo", O_PATH), F_GETPIPE_SZ));
	SAY("opened for packets", open("fifo", O_RDWR | O_DIRECT));
	SAY("made one for packets", fcntl(f, F_SETFL, O_NONBLOCK | O_DIRECT));
	SAY("two packets", (write(f, "ab", 2), write(f, "cd", 2)));
	SAY("one is read", read(f, bytes, 100));
	close(f);
	pipe(p);
	char path[40];
	snprintf(path, sizeof path, "/proc/self/fd/%d", p[1]);
	SAY("a pipe opened again for packets", open(path, O_WRONLY | O_DIRECT));
	close_pipe(p);
}

/* Without CAP_SYS_RESOURCE. */
static void limits(void)
{
	int p[2], n = 0;
	long max = file_number("/proc/sys/fs/pipe-max-size", "");

	pipe(p);
	line("pipe-max-size: %ld", max);
	set_size(p[0], "as large as that", (unsigned long)max);
	set_size(p[0], "more", (unsigned long)max + 1);
	set_size(p[0], "half", (unsigned long)max / 2);
	close_pipe(p);
	/* pipe-user-pages-soft: pipes beyond it have two pages, and grow no more. */
	while (n < 1000 && pipe(p) == 0 && fcntl(p[0], F_GETPIPE_SZ) > 2 * PAGE) {
		fcntl(p[0], F_SETPIPE_SZ, max);
		n++;
	}
	/* Up to it these may grow. */
	for (n = 0; n < 8; n++)
		pipe(p);
	SAY("a pipe beyond the soft limit", fcntl(p[0], F_GETPIPE_SZ));
	set_size(p[0], "cannot grow", 4 * PAGE);
	set_size(p[0], "can shrink", PAGE);
	set_size(p[0], "and not come back", 2 * PAGE);
}

int main(void)
{
	packets();
	pages();
	sizes();
	if (fork() == 0) {
		/* Natively what others have who run this at the same time would count, too. */
		uid_t user = 20000 + (uid_t)(clock_ms() % 40000);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setgid(user);
		setuid(user);
		limits();
		_exit(0);
	}
	wait(NULL);
	return 0;
}

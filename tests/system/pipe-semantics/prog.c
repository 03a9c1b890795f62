/* Pipes: end of file, SIGPIPE, capacity, atomic writes, O_NONBLOCK. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>

static volatile sig_atomic_t pipes;
static void on_pipe(int sig) { (void)sig; pipes++; }

int main(void)
{
	int p[2], n, status;
	char buf[70000];
	long total = 0;
	pid_t child;

	CHECK("pipe", pipe(p) == 0);
	CHECK("read end is read-only", (fcntl(p[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
	FAILS("write to the read end", EBADF, write(p[0], "x", 1));
	FAILS("read from the write end", EBADF, read(p[1], buf, 1));
	FAILS("a pipe cannot seek", ESPIPE, lseek(p[0], 0, SEEK_CUR));
	CHECK("write", write(p[1], "hello", 5) == 5);
	CHECK("FIONREAD", ioctl(p[0], FIONREAD, &n) == 0 && n == 5);
	CHECK("short read", read(p[0], buf, 3) == 3 && !memcmp(buf, "hel", 3));
	CHECK("rest", read(p[0], buf, 100) == 2 && !memcmp(buf, "lo", 2));

	fcntl(p[0], F_SETFL, O_NONBLOCK);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	FAILS("empty and nonblocking", EAGAIN, read(p[0], buf, 1));
	memset(buf, 'a', sizeof buf);
	while ((n = write(p[1], buf, 4096)) > 0)
		total += n;
	CHECK("full and nonblocking", n == -1 && errno == EAGAIN);
	CHECK("capacity is 65536", total == 65536);
	CHECK("poll: no room", poll(&(struct pollfd){ p[1], POLLOUT, 0 }, 1, 0) == 0);
	CHECK("drain a page", read(p[0], buf, 4096) == 4096);
	CHECK("poll: room", poll(&(struct pollfd){ p[1], POLLOUT, 0 }, 1, 0) == 1);
	CHECK("a page fits again", write(p[1], buf, 4096) == 4096);
	close(p[1]);
	for (total = 0; (n = read(p[0], buf, sizeof buf)) > 0;)
		total += n;
	CHECK("what was written comes before the end of file", n == 0 && total == 65536);
	close(p[0]);

	pipe(p);
	if ((child = fork()) == 0) {
		close(p[0]);
		memset(buf, 'b', sizeof buf);
		for (int i = 0; i < 20; i++)
			if (write(p[1], buf, 50000) != 50000)
				_exit(1);
		_exit(0);
	}
	close(p[1]);
	pause_ms(100);
	for (total = 0; (n = read(p[0], buf, 7777)) > 0;)
		total += n;
	CHECK("a blocked writer goes on as the reader reads", total == 1000000);
	CHECK("writer left", EXITED(wait_status(child), 0));
	close(p[0]);

	pipe(p);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			memset(buf, 'A' + i, 512);
			for (int k = 0; k < 200; k++)
				if (write(p[1], buf, 512) != 512)
					_exit(1);
			_exit(0);
		}
	close(p[1]);
	int mixed = 0, blocks = 0, have = 0;
	while ((n = read(p[0], buf + have, 512 - have)) > 0) {
		if ((have += n) < 512)
			continue;
		for (int i = 1; i < 512; i++)
			mixed += buf[i] != buf[0];
		have = 0;
		blocks++;
	}
	CHECK("800 writes of 512 arrive whole", blocks == 800 && mixed == 0);
	for (n = 0; n < 4; n++)
		wait(NULL);
	close(p[0]);

	signal(SIGPIPE, on_pipe);
	pipe(p);
	close(p[0]);
	FAILS("write without a reader", EPIPE, write(p[1], "x", 1));
	CHECK("SIGPIPE came", pipes == 1);
	CHECK("poll: POLLERR", poll(&(struct pollfd){ p[1], POLLOUT, 0 }, 1, 0) == 1);
	if ((child = fork()) == 0) {
		signal(SIGPIPE, SIG_DFL);
		write(p[1], "x", 1);
		_exit(0);
	}
	status = wait_status(child);
	CHECK("SIGPIPE kills by default", KILLED(status, SIGPIPE));
	CHECK("pipe2", pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK("pipe2 flags", fcntl(p[0], F_GETFD) == FD_CLOEXEC && (fcntl(p[1], F_GETFL) & O_NONBLOCK));
	FAILS("pipe2 with an unknown flag", EINVAL, pipe2(p, 0x40000000));
	DONE();
}

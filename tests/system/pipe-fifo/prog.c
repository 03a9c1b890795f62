/* Named pipes: open waits for the other side, O_NONBLOCK rules, POLLHUP. */
#include "check.h"
#include <poll.h>

int main(void)
{
	char buf[16];
	int r, w;
	pid_t child;
	struct stat st;

	CHECK("mkfifo", mkfifo("f", 0600) == 0 && stat("f", &st) == 0 && S_ISFIFO(st.st_mode));
	FAILS("it exists", EEXIST, mkfifo("f", 0600));
	FAILS("nonblocking writer without reader", ENXIO, open("f", O_WRONLY | O_NONBLOCK));
	CHECK("nonblocking reader", (r = open("f", O_RDONLY | O_NONBLOCK)) >= 0);
	CHECK("no writer: end of file", read(r, buf, 1) == 0);
	CHECK("writer", (w = open("f", O_WRONLY | O_NONBLOCK)) >= 0);
	FAILS("a writer, no data", EAGAIN, read(r, buf, 1));
	CHECK("through", write(w, "abc", 3) == 3 && read(r, buf, 16) == 3);
	close(w);
	struct pollfd p = { r, POLLIN, 0 };
	CHECK("POLLHUP after the last writer", poll(&p, 1, 1000) == 1 && (p.revents & POLLHUP));
	close(r);
	if ((child = fork()) == 0) {
		pause_ms(100);
		w = open("f", O_WRONLY);
		_exit(write(w, "late", 4) != 4);
	}
	r = open("f", O_RDONLY);
	CHECK("open waited for the writer", r >= 0);
	CHECK("its data", read(r, buf, 16) == 4 && !memcmp(buf, "late", 4));
	CHECK("its end", read(r, buf, 16) == 0);
	CHECK("child", EXITED(wait_status(child), 0));
	CHECK("unlink", unlink("f") == 0);
	DONE();
}

/* Raw mode: VMIN and VTIME, no echo, no signals, TCSAFLUSH, FIONREAD. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	struct termios old, t;
	char buf[64];
	int n = 0;

	CHECK("tcgetattr", tcgetattr(0, &old) == 0);
	CHECK("sane at first", (old.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) && (old.c_iflag & ICRNL) && (old.c_oflag & OPOST));
	CHECK("control characters", old.c_cc[VINTR] == 3 && old.c_cc[VEOF] == 4 && old.c_cc[VERASE] == 0x7f && old.c_cc[VKILL] == 21 && old.c_cc[VSUSP] == 26 && old.c_cc[VQUIT] == 28);
	t = old;
	cfmakeraw(&t);
	t.c_oflag |= OPOST;
	CHECK("raw", tcsetattr(0, TCSANOW, &t) == 0);
	write(1, "ready 1\n", 8);
	CHECK("one byte comes at once", read(0, buf, 64) == 1 && buf[0] == 'a');
	write(1, "ready 2\n", 8);
	while (n < 4)
		n += (int)read(0, buf + n, 64 - n);
	CHECK("control characters are bytes", n == 4 && !memcmp(buf, "\x03\x04\r\x7f", 4));
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 2;
	tcsetattr(0, TCSANOW, &t);
	long start = clock_ms();
	CHECK("VTIME times out", read(0, buf, 64) == 0 && clock_ms() - start >= 190);
	t.c_cc[VTIME] = 0;
	tcsetattr(0, TCSANOW, &t);
	CHECK("VMIN 0, VTIME 0 never waits", read(0, buf, 64) == 0);
	write(1, "ready 3\n", 8);
	t.c_cc[VMIN] = 1;
	tcsetattr(0, TCSANOW, &t);
	write(1, "ready 4\n", 8);
	CHECK("poll waits for input", poll(&(struct pollfd){ 0, POLLIN, 0 }, 1, 5000) == 1);
	for (n = 0; n < 4 && ioctl(0, FIONREAD, &n) == 0;)
		pause_ms(10);
	CHECK("FIONREAD", n == 4);
	tcsetattr(0, TCSAFLUSH, &t);
	CHECK("TCSAFLUSH drops it", ioctl(0, FIONREAD, &n) == 0 && n == 0);
	write(1, "ready 5\n", 8);
	CHECK("then a newline", read(0, buf, 64) == 1 && buf[0] == '\n');
	t.c_cc[VMIN] = 3;
	tcsetattr(0, TCSANOW, &t);
	write(1, "ready 6\n", 8);
	CHECK("VMIN 3 waits for three", read(0, buf, 64) == 3 && !memcmp(buf, "123", 3));
	fcntl(0, F_SETFL, O_RDWR | O_NONBLOCK);
	FAILS("nonblocking", EAGAIN, read(0, buf, 1));
	fcntl(0, F_SETFL, O_RDWR);
	CHECK("back", tcsetattr(0, TCSANOW, &old) == 0);
	FAILS("a file is no terminal", ENOTTY, tcgetattr(open("f", O_CREAT | O_RDWR, 0600), &t));
	write(1, "done\n", 5);
	DONE();
}

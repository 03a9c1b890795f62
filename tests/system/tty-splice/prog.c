/* The terminal as a source and a target of splice. */
#include "pipe.h"
#include <termios.h>

int main(void)
{
	struct termios t;
	loff_t zero = 0;
	int p[2];

	pipe(p);
	tcgetattr(0, &t);
	t.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(0, TCSANOW, &t);
	SAY("an offset of a terminal", splice(0, &zero, p[1], NULL, 100, 0));
	write(p[1], "through a pipe\n", 15);
	SAY("as a target", splice(p[0], NULL, 1, &zero, 100, 0));
	SAY("to the terminal", splice(p[0], NULL, 1, NULL, 100, 0));
	line("ready 1");
	SAY("a line", splice(0, NULL, p[1], NULL, 100, 0));
	drain("it", p[0]);
	line("ready 2");
	SAY("a part of a line", splice(0, NULL, p[1], NULL, 3, 0));
	SAY("its rest", splice(0, NULL, p[1], NULL, 100, 0));
	drain("it", p[0]);
	line("ready 3");
	SAY("the end", splice(0, NULL, p[1], NULL, 100, 0));
	fcntl(0, F_SETFL, O_RDWR | O_NONBLOCK);
	SAY("nothing and O_NONBLOCK", splice(0, NULL, p[1], NULL, 100, 0));
	fcntl(0, F_SETFL, O_RDWR);
	SAY("two files", splice(0, NULL, 1, NULL, 100, 0));
	line("done");
	return 0;
}

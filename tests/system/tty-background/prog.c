/* Background processes and the terminal: SIGTTIN, SIGTTOU, tcsetpgrp, orphans. */
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

static pid_t start(int (*fn)(void))
{
	pid_t p = fork();

	if (p == 0) {
		setpgid(0, 0);
		_exit(fn());
	}
	setpgid(p, p);
	return p;
}
static int reader(void)
{
	char buf[16];
	return read(0, buf, 16) != 6;
}
static int writer(void) { return write(1, "from behind\n", 12) != 12; }
static int setter(void)
{
	struct termios t;
	tcgetattr(0, &t);
	return tcsetattr(0, TCSANOW, &t);
}
static int ignores(void)
{
	char c;
	signal(SIGTTIN, SIG_IGN);
	return !(read(0, &c, 1) == -1 && errno == EIO);
}
static int ignores_out(void)
{
	signal(SIGTTOU, SIG_IGN);
	return write(1, "from behind, ignoring\n", 22) != 22;
}

int main(void)
{
	struct termios t;
	pid_t p, me = getpgrp();
	int st, tty = open("/dev/tty", O_RDWR);

	signal(SIGTTOU, SIG_IGN);
	CHECK("/dev/tty", tty >= 0 && isatty(tty));
	CHECK("isatty", isatty(0) && isatty(1));
	/* The shell that runs this has no job control: its group is in front. */
	CHECK("tcgetpgrp", tcgetpgrp(0) == me);
	signal(SIGTTOU, SIG_DFL);
	p = start(reader);
	CHECK("a read from behind stops with SIGTTIN", waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
	CHECK("bring it to the front", tcsetpgrp(0, p) == 0 && tcgetpgrp(tty) == p);
	kill(p, SIGCONT);
	write(1, "ready 1\n", 8);
	CHECK("now it reads", waitpid(p, &st, 0) == p && EXITED(st, 0));
	signal(SIGTTOU, SIG_IGN);
	CHECK("take the terminal back", tcsetpgrp(0, me) == 0 && tcgetpgrp(0) == me);
	signal(SIGTTOU, SIG_DFL);
	p = start(writer);
	CHECK("writing from behind is allowed", EXITED(wait_status(p), 0));
	tcgetattr(0, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(0, TCSADRAIN, &t);
	p = start(writer);
	CHECK("but not with TOSTOP", waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
	kill(p, SIGKILL);
	wait_status(p);
	p = start(ignores_out);
	CHECK("unless SIGTTOU is ignored", EXITED(wait_status(p), 0));
	t.c_lflag &= ~(tcflag_t)TOSTOP;
	tcsetattr(0, TCSADRAIN, &t);
	p = start(setter);
	CHECK("tcsetattr from behind stops always", waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTOU);
	kill(p, SIGKILL);
	wait_status(p);
	p = start(ignores);
	CHECK("SIGTTIN ignored: EIO", EXITED(wait_status(p), 0));
	FAILS("tcsetpgrp to a group of no one", ESRCH, tcsetpgrp(0, 999999));
	FAILS("not a terminal", ENOTTY, tcgetpgrp(open("/dev/null", O_RDONLY)));
	write(1, "done\n", 5);
	DONE();
}

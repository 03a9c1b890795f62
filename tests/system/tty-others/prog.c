/* A user's process of another session has a descriptor of root's terminal: it takes nothing, and types nothing. */
#include "guests.h"
#include <sys/ioctl.h>
#include <termios.h>

static void attack(void)
{
	char c = 'x';
	int none = 0;

	/* In a session of its own, with the descriptor that it was started with. */
	FAILS("open /dev/tty", ENXIO, open("/dev/tty", O_RDWR));
	FAILS("TIOCSCTTY", EPERM, ioctl(0, TIOCSCTTY, 0));
	FAILS("TIOCSCTTY with force", EPERM, ioctl(0, TIOCSCTTY, 1));
	/* A Linux may be made without TIOCSTI: EIO. */
	CHECK("TIOCSTI", ioctl(0, TIOCSTI, &c) == -1 && (errno == EPERM || errno == EIO));
	FAILS("TIOCSPGRP", ENOTTY, ioctl(0, TIOCSPGRP, &none));
	FAILS("TIOCNOTTY", ENOTTY, ioctl(0, TIOCNOTTY));
	FAILS("vhangup", EPERM, vhangup());
	FAILS("/dev/console", EACCES, (chmod("/dev/console", 0600), open("/dev/console", O_RDWR)));
}

int main(void)
{
	pid_t group = tcgetpgrp(0), child;
	int n = 0;

	if (access("/dev/console", F_OK))
		close(open("/dev/console", O_CREAT | O_WRONLY, 0600)); /* the native run has none */
	chmod("/dev/console", 0600);
	child = fork();
	if (child == 0) {
		setsid();
		become(1000);
		attack();
		_exit(check_failures != 0);
	}
	CHECK("a user of another session", EXITED(wait_status(child), 0));
	CHECK("the foreground is as it was", tcgetpgrp(0) == group && tcgetsid(0) == getsid(0));
	CHECK("nothing was typed", ioctl(0, FIONREAD, &n) == 0 && n == 0);
	CHECK("done", 1);
	DONE();
}

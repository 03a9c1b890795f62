/* Who may not take a terminal, and which groups may not have it: of a pseudo-terminal, in sessions of their own. */
#include "check.h"

#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, other;
	pid_t stranger, leader, child;

	if (master < 0 || grantpt(master) || unlockpt(master))
		CHECK("a pseudo-terminal", 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK("its slave", slave >= 0);
	stranger = fork();
	if (stranger == 0) {
		setsid();
		for (;;)
			pause();
	}
	pause_ms(100);
	leader = fork();
	if (leader == 0) {
		alarm(10);
		setsid();
		child = fork();
		if (child == 0) {
			FAILS("TIOCSCTTY by who leads no session", EPERM, ioctl(slave, TIOCSCTTY, 0));
			_exit(check_failures);
		}
		CHECK("a child", EXITED(wait_status(child), 0));
		FAILS("its group, of who has no terminal", ENOTTY, tcsetpgrp(slave, getpgrp()));
		CHECK("TIOCSCTTY by the leader", ioctl(slave, TIOCSCTTY, 0) == 0);
		CHECK("again, which is nothing new", ioctl(slave, TIOCSCTTY, 0) == 0);
		FAILS("a group of another session", EPERM, tcsetpgrp(slave, stranger));
		FAILS("a group that is not there", ESRCH, tcsetpgrp(slave, 99999));
		FAILS("no group at all", EINVAL, tcsetpgrp(slave, -1));
		CHECK("one's own", tcsetpgrp(slave, getpgrp()) == 0 && tcgetpgrp(slave) == getpgrp());
		other = posix_openpt(O_RDWR | O_NOCTTY);
		unlockpt(other);
		other = open(ptsname(other), O_RDWR | O_NOCTTY);
		FAILS("a second terminal", EPERM, ioctl(other, TIOCSCTTY, 0));
		child = fork();
		if (child == 0) {
			setsid();
			FAILS("another session's terminal", EPERM, ioctl(slave, TIOCSCTTY, 0));
			FAILS("its group", ENOTTY, tcsetpgrp(slave, getpgrp()));
			_exit(check_failures);
		}
		CHECK("a session below", EXITED(wait_status(child), 0));
		_exit(check_failures);
	}
	CHECK("the leader", EXITED(wait_status(leader), 0));
	kill(stranger, SIGKILL);
	wait_status(stranger);
	DONE();
}

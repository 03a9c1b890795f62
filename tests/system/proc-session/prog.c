/* Process groups and sessions: setpgid and setsid rules, kill of a group, orphaned groups. */
#include "check.h"
int main(void)
{
	int p[2];
	char c;
	pid_t child, second;

	pipe(p);
	CHECK("my session", getsid(0) >= 0 && getpgid(0) == getpgrp());
	if ((child = fork()) == 0) {
		pid_t me = getpid();
		int bad = 0;
		bad |= getpgrp() == me;
		bad |= setsid() != me;
		bad |= getsid(0) != me || getpgrp() != me;
		bad |= setsid() != -1 || errno != EPERM;
		bad |= setpgid(0, 0) != -1 || errno != EPERM;
		int t = open("/dev/tty", O_RDWR);
		bad |= t != -1 || errno != ENXIO;
		_exit(bad);
	}
	CHECK("setsid and what it forbids", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		setpgid(0, 0);
		write(p[1], "r", 1);
		for (;;)
			pause();
	}
	read(p[0], &c, 1);
	if ((second = fork()) == 0)
		for (;;)
			pause();
	CHECK("setpgid of a child", setpgid(second, child) == 0 && getpgid(second) == child);
	FAILS("a group that is not there", EPERM, setpgid(second, 999999));
	FAILS("a process that is not there", ESRCH, setpgid(999999, 0));
	FAILS("negative", EINVAL, setpgid(second, -1));
	CHECK("kill the group", kill(-child, SIGUSR1) == 0);
	CHECK("first", KILLED(wait_status(child), SIGUSR1));
	CHECK("second", KILLED(wait_status(second), SIGUSR1));
	FAILS("the group is gone", ESRCH, kill(-child, 0));
	if ((child = fork()) == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	wait_status(child);
	if ((child = fork()) == 0) {
		write(p[1], "x", 1);
		execl("/bin/sleep", "sleep", "20", NULL);
		_exit(1);
	}
	read(p[0], &c, 1);
	pause_ms(300);
	FAILS("setpgid after the child's exec", EACCES, setpgid(child, child));
	kill(child, SIGKILL);
	wait_status(child);
	/* A stopped job whose last link to the session goes away gets HUP and CONT. */
	if ((child = fork()) == 0) {
		setsid();
		pid_t job = fork();
		if (job == 0) {
			setpgid(0, 0);
			raise(SIGSTOP);
			_exit(0);
		}
		int st;
		waitpid(job, &st, WUNTRACED);
		write(p[1], &job, sizeof job);
		_exit(0);
	}
	pid_t job;
	read(p[0], &job, sizeof job);
	wait_status(child);
	int gone = 0;
	for (int i = 0; i < 200 && !gone; i++) {
		gone = kill(job, 0) == -1;
		pause_ms(10);
	}
	CHECK("an orphaned stopped job is hung up", gone);
	DONE();
}

/* wait4 and waitid: WNOHANG, WUNTRACED, WCONTINUED, groups, rusage, zombies. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	int status;
	pid_t child, other;
	struct rusage ru;
	siginfo_t si;

	FAILS("no children", ECHILD, waitpid(-1, &status, 0));
	/* In a group of its own, which is not orphaned: there SIGTSTP stops. */
	if ((child = fork()) == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(child, child);
	CHECK("WNOHANG", waitpid(child, &status, WNOHANG) == 0);
	kill(child, SIGSTOP);
	CHECK("WUNTRACED", waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK("reported once", waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
	kill(child, SIGCONT);
	CHECK("WCONTINUED", waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	kill(child, SIGTSTP);
	si.si_pid = 0;
	CHECK("waitid WSTOPPED, WNOWAIT", waitid(P_PID, child, &si, WSTOPPED | WNOWAIT) == 0 && si.si_pid == child && si.si_code == CLD_STOPPED);
	CHECK("still there", waitid(P_PID, child, &si, WSTOPPED) == 0 && si.si_status == SIGTSTP);
	kill(child, SIGTERM);
	CHECK("a stopped process takes TERM only when continued", waitpid(child, &status, WNOHANG) == 0);
	kill(child, SIGCONT);
	CHECK("now", wait4(child, &status, 0, &ru) == child && KILLED(status, SIGTERM));
	CHECK("rusage", ru.ru_utime.tv_sec == 0 && ru.ru_maxrss >= 0);
	FAILS("waited for already", ECHILD, waitpid(child, &status, 0));

	if ((child = fork()) == 0)
		_exit(1);
	if ((other = fork()) == 0)
		_exit(2);
	waitid(P_PID, child, &si, WEXITED | WNOWAIT);
	CHECK("waitid WEXITED WNOWAIT", si.si_code == CLD_EXITED && si.si_status == 1);
	CHECK("a zombie can be signalled", kill(child, SIGKILL) == 0);
	CHECK("by pid, out of order", waitpid(other, &status, 0) == other && EXITED(status, 2));
	CHECK("the zombie kept its status", waitpid(-1, &status, 0) == child && EXITED(status, 1));

	if ((child = fork()) == 0) {
		setpgid(0, 0);
		pause_ms(100);
		_exit(4);
	}
	setpgid(child, child);
	FAILS("none in my group", ECHILD, waitpid(0, &status, 0));
	CHECK("by group", waitpid(-child, &status, 0) == child && EXITED(status, 4));
	FAILS("bad options", EINVAL, waitpid(-1, &status, 0x1000));
	signal(SIGCHLD, SIG_IGN);
	if ((child = fork()) == 0)
		_exit(0);
	FAILS("SIGCHLD ignored: no zombies", ECHILD, waitpid(child, &status, 0));
	signal(SIGCHLD, SIG_DFL);
	if ((child = fork()) == 0) {
		long end = clock_ms() + 200;
		while (clock_ms() < end)
			;
		_exit(0);
	}
	wait4(child, &status, 0, &ru);
	CHECK("a busy child used time", ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec > 20000);
	getrusage(RUSAGE_CHILDREN, &ru);
	CHECK("RUSAGE_CHILDREN", ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_sec * 1000000 + ru.ru_stime.tv_usec > 20000);
	DONE();
}

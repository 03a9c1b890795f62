/* Default actions: which signals kill, which are ignored, the wait status of each. */
#include "check.h"
int main(void)
{
	static const int kill_by[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1,
		SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGSYS };
	static const int ignored[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	char text[64];
	pid_t child;
	int status;

	for (size_t i = 0; i < sizeof kill_by / sizeof *kill_by; i++) {
		if ((child = fork()) == 0) {
			raise(kill_by[i]);
			_exit(1);
		}
		status = wait_status(child);
		snprintf(text, sizeof text, "signal %d kills", kill_by[i]);
		CHECK(text, KILLED(status, kill_by[i]));
	}
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		if ((child = fork()) == 0) {
			raise(ignored[i]);
			_exit(1);
		}
		snprintf(text, sizeof text, "signal %d is ignored", ignored[i]);
		CHECK(text, EXITED(wait_status(child), 1));
	}
	if ((child = fork()) == 0)
		abort();
	CHECK("abort", KILLED(wait_status(child), SIGABRT));
	if ((child = fork()) == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	pause_ms(50);
	kill(child, SIGTERM);
	pause_ms(50);
	CHECK("ignored TERM", waitpid(child, &status, WNOHANG) == 0);
	kill(child, SIGKILL);
	CHECK("KILL cannot be", KILLED(wait_status(child), SIGKILL));
	if ((child = fork()) == 0)
		for (;;)
			;
	pause_ms(50);
	kill(child, SIGTERM);
	CHECK("a spinning process is killed", KILLED(wait_status(child), SIGTERM));
	DONE();
}

/* ^C and ^\: who gets them, what they flush, what is echoed. */
#include "check.h"
#include <termios.h>

static volatile sig_atomic_t ints, quits;
static void on_int(int sig) { (void)sig; ints++; }
static void on_quit(int sig) { (void)sig; quits++; }

int main(void)
{
	pid_t in_group, other;
	char buf[64];
	struct sigaction sa = { 0 };

	sa.sa_handler = on_int;
	sigaction(SIGINT, &sa, NULL);
	sa.sa_handler = on_quit;
	sigaction(SIGQUIT, &sa, NULL);
	if ((in_group = fork()) == 0) {
		signal(SIGINT, SIG_DFL);
		for (;;)
			pause();
	}
	if ((other = fork()) == 0) {
		setpgid(0, 0);
		signal(SIGINT, SIG_DFL);
		for (;;)
			pause();
	}
	setpgid(other, other);
	pause_ms(100);
	write(1, "ready 1\n", 8);
	FAILS("a read is interrupted by ^C", EINTR, read(0, buf, sizeof buf));
	CHECK("one SIGINT", ints == 1 && quits == 0);
	CHECK("so was the group", KILLED(wait_status(in_group), SIGINT));
	CHECK("but not the background", waitpid(other, NULL, WNOHANG) == 0);
	write(1, "ready 2\n", 8);
	while (!quits)
		pause_ms(10);
	CHECK("one SIGQUIT", quits == 1);
	signal(SIGINT, SIG_IGN);
	write(1, "ready 3\n", 8);
	CHECK("ignored", read(0, buf, sizeof buf) == 2 && ints == 1);
	kill(other, SIGKILL);
	wait_status(other);
	write(1, "ready 4\n", 8);
	CHECK("input goes on", read(0, buf, sizeof buf) == 2);
	write(1, "done\n", 5);
	DONE();
}

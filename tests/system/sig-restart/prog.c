/* SA_RESTART and EINTR on read, wait, nanosleep and fcntl locks. */
#include "check.h"
static volatile sig_atomic_t count;
static void plain(int sig) { (void)sig; count++; }

static void arm(int flags, long ms)
{
	struct sigaction sa = { 0 };
	struct itimerval it = { { 0, 0 }, { 0, ms * 1000 } };

	sa.sa_handler = plain;
	sa.sa_flags = flags;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

int main(void)
{
	int p[2], status;
	char c = 0;
	pid_t child;
	struct timespec rest, ts = { 5, 0 };

	pipe(p);
	arm(0, 50);
	FAILS("read without SA_RESTART", EINTR, read(p[0], &c, 1));
	arm(SA_RESTART, 50);
	if ((child = fork()) == 0) {
		pause_ms(300);
		write(p[1], "z", 1);
		_exit(0);
	}
	CHECK("read with SA_RESTART goes on", read(p[0], &c, 1) == 1 && c == 'z');
	CHECK("the handler ran in between", count == 2);
	wait_status(child);

	if ((child = fork()) == 0) {
		pause_ms(300);
		_exit(3);
	}
	arm(0, 50);
	FAILS("waitpid without SA_RESTART", EINTR, waitpid(child, &status, 0));
	arm(SA_RESTART, 50);
	CHECK("waitpid with SA_RESTART", waitpid(child, &status, 0) == child && EXITED(status, 3));
	arm(SA_RESTART, 50);
	FAILS("nanosleep is never restarted", EINTR, nanosleep(&ts, &rest));
	CHECK("and says what is left", rest.tv_sec == 4 && rest.tv_nsec > 0);
	arm(0, 50);
	FAILS("pause", EINTR, pause());
	arm(SA_RESTART, 50);
	FAILS("pause is never restarted", EINTR, pause());
	int f = open("l", O_RDWR | O_CREAT, 0600);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int go[2];
	pipe(go);
	if ((child = fork()) == 0) {
		fcntl(f, F_SETLK, &fl);
		write(go[1], "g", 1);
		pause_ms(2000);
		_exit(0);
	}
	read(go[0], &c, 1);
	arm(0, 50);
	FAILS("F_SETLKW is interrupted", EINTR, fcntl(f, F_SETLKW, &fl));
	kill(child, SIGKILL);
	wait_status(child);
	CHECK("and can be taken after the holder died", fcntl(f, F_SETLKW, &fl) == 0);
	DONE();
}

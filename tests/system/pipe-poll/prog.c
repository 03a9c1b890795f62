/* poll, select, ppoll, pselect: readiness, time-outs, signals, hang-ups. */
#include "check.h"
#include <poll.h>
#include <sys/select.h>

static volatile sig_atomic_t alarms;
static void on_alarm(int sig) { (void)sig; alarms++; }

int main(void)
{
	int a[2], b[2], n;
	long t;
	fd_set rd, wr;
	struct timeval tv = { 0, 100000 };
	struct timespec ts = { 0, 100000000 };
	sigset_t set, none;

	pipe(a);
	pipe(b);
	struct pollfd p[4] = { { a[0], POLLIN, 0 }, { b[0], POLLIN, 0 }, { -1, POLLIN, 9 }, { a[1], POLLOUT, 0 } };
	CHECK("poll counts only what is ready", poll(p, 4, 0) == 1 && p[3].revents == POLLOUT && p[2].revents == 0);
	t = clock_ms();
	CHECK("poll times out", poll(p, 2, 100) == 0 && clock_ms() - t >= 99);
	write(b[1], "x", 1);
	CHECK("poll sees the right one", poll(p, 2, -1) == 1 && !p[0].revents && p[1].revents == POLLIN);
	p[2].fd = 999;
	CHECK("POLLNVAL", poll(p, 3, 0) == 2 && p[2].revents == POLLNVAL);
	if (fork() == 0) {
		pause_ms(100);
		write(a[1], "y", 1);
		_exit(0);
	}
	CHECK("poll wakes for a writer", poll(p, 1, 5000) == 1 && p[0].revents == POLLIN);
	wait(NULL);
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_SET(a[0], &rd);
	FD_SET(b[0], &rd);
	FD_SET(b[1], &wr);
	CHECK("select", select(b[1] + 1, &rd, &wr, NULL, NULL) == 3 && FD_ISSET(a[0], &rd) && FD_ISSET(b[1], &wr));
	char c;
	read(a[0], &c, 1);
	read(b[0], &c, 1);
	FD_ZERO(&rd);
	FD_SET(a[0], &rd);
	CHECK("select times out", syscall(SYS_select, a[0] + 1, &rd, NULL, NULL, &tv) == 0 && !FD_ISSET(a[0], &rd));
	CHECK("select writes the rest back", tv.tv_sec == 0 && tv.tv_usec == 0);
	FD_ZERO(&rd);
	FD_SET(50, &rd);
	FAILS("select on a closed descriptor", EBADF, select(51, &rd, NULL, NULL, &tv));
	FAILS("select with a negative time", EINVAL, select(0, NULL, NULL, NULL, &(struct timeval){ -1, 0 }));

	signal(SIGALRM, on_alarm);
	ualarm(50000, 0);
	FAILS("poll is interrupted", EINTR, poll(p, 1, 5000));
	CHECK("by the alarm", alarms == 1);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGALRM);
	CHECK("blocked: ppoll with the old mask times out", ppoll(p, 1, &ts, NULL) == 0 && alarms == 1);
	sigemptyset(&none);
	FAILS("ppoll lets it in", EINTR, ppoll(p, 1, &ts, &none));
	CHECK("handler ran, mask is back", alarms == 2 && sigprocmask(SIG_BLOCK, NULL, &none) == 0 && sigismember(&none, SIGALRM));
	raise(SIGALRM);
	sigemptyset(&none);
	FAILS("pselect lets it in", EINTR, pselect(0, NULL, NULL, NULL, &ts, &none));
	close(a[1]);
	n = poll(p, 1, 0);
	CHECK("POLLHUP", n == 1 && p[0].revents == POLLHUP);
	int f = open("/dev/null", O_RDWR);
	p[0] = (struct pollfd){ f, POLLIN | POLLOUT, 0 };
	CHECK("/dev/null is always ready", poll(p, 1, 0) == 1 && p[0].revents == (POLLIN | POLLOUT));
	DONE();
}

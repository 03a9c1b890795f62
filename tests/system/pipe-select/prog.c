/* select and poll in detail: masks, what is written back, other descriptors, pipe sizes. */
#include "check.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>

static void nothing(int sig) { (void)sig; }

static void only(fd_set *set, int fd)
{
	FD_ZERO(set);
	FD_SET(fd, set);
}

int main(void)
{
	int p[2], n = 0;
	fd_set rd, wr, ex;
	struct timeval tv = { 0, 20000 };
	struct timespec ts = { 5, 0 };
	struct itimerval it = { { 0, 0 }, { 0, 50000 } };
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	sigset_t all, now;
	char c;

	pipe(p);
	write(p[1], "abc", 3);
	FD_ZERO(&rd);
	FD_ZERO(&wr);
	FD_ZERO(&ex);
	FD_SET(p[0], &rd);
	FD_SET(p[1], &rd);
	FD_SET(p[1], &wr);
	FD_SET(p[0], &ex);
	CHECK("select clears what is not ready", select(p[1] + 1, &rd, &wr, &ex, &(struct timeval){ 0, 0 }) == 2 && FD_ISSET(p[0], &rd)
		&& !FD_ISSET(p[1], &rd) && FD_ISSET(p[1], &wr) && !FD_ISSET(p[0], &ex));
	FD_SET(p[1], &wr);
	CHECK("descriptors from the limit on are not looked at", select(p[0] + 1, &rd, &wr, NULL, NULL) == 1);
	FAILS("a negative number of them", EINVAL, select(-1, NULL, NULL, NULL, &tv));
	while (n < 3)
		n += (int)read(p[0], &c, 1);
	only(&rd, p[0]);
	CHECK("raw select writes the time left", syscall(SYS_select, p[0] + 1, &rd, NULL, NULL, &tv) == 0 && tv.tv_usec == 0 && !FD_ISSET(p[0], &rd));
	FD_SET(60, &rd);
	FAILS("a closed one", EBADF, select(61, &rd, NULL, NULL, &tv));
	CHECK("leaves the mask", FD_ISSET(60, &rd));
	FAILS("a mask that is not there", EFAULT, syscall(SYS_select, p[0] + 1, 8L, 0L, 0L, &tv));
	FAILS("a time that is not there", EFAULT, syscall(SYS_select, 0, 0L, 0L, 0L, 8L));

	struct pollfd q[3] = { { p[0], POLLIN, 0 }, { 60, POLLIN, 0 }, { -1, POLLIN, 99 } };
	CHECK("poll: nothing", poll(q, 1, 10) == 0);
	CHECK("poll: closed, and left out", poll(q, 3, 10) == 1 && q[1].revents == POLLNVAL && q[2].revents == 0);
	CHECK("poll: sleep", poll(NULL, 0, 5) == 0);
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	FAILS("more than there may be descriptors", EINVAL, poll(q, (nfds_t)rl.rlim_cur + 1, 0));
	FAILS("poll at a bad address", EFAULT, poll((void *)8, 1, 0));
	FAILS("ppoll with a bad time", EINVAL, ppoll(q, 1, &(struct timespec){ 0, 1000000000 }, NULL));

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	FAILS("SA_RESTART does not restart poll", EINTR, poll(q, 1, 5000));
	setitimer(ITIMER_REAL, &it, NULL);
	only(&rd, p[0]);
	FAILS("nor select", EINTR, select(p[0] + 1, &rd, NULL, NULL, &(struct timeval){ 5, 0 }));
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigdelset(&all, SIGALRM);
	setitimer(ITIMER_REAL, &it, NULL);
	FAILS("ppoll with all but one blocked", EINTR, ppoll(q, 1, &ts, &all));
	CHECK("and the old mask after it", sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigismember(&now, SIGALRM));
	sigemptyset(&now);
	sigprocmask(SIG_SETMASK, &now, NULL);

	CHECK("the size of a pipe", fcntl(p[0], F_GETPIPE_SZ) == 65536);
	CHECK("is set in powers of two pages", fcntl(p[0], F_SETPIPE_SZ, 5000) == 8192 && fcntl(p[1], F_GETPIPE_SZ) == 8192);
	FAILS("a file has none", EBADF, fcntl(open("f", O_CREAT | O_RDWR, 0600), F_GETPIPE_SZ));
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	for (n = 0; write(p[1], "x", 1) == 1; n++)
		;
	CHECK("that is what it holds", n == 8192);
	FAILS("smaller than what is in it", EBUSY, fcntl(p[0], F_SETPIPE_SZ, 4096));
	close(p[1]);
	CHECK("data and hang-up", poll(q, 1, 0) == 1 && q[0].revents == (POLLIN | POLLHUP));
	while (read(p[0], &c, 1) == 1)
		n--;
	CHECK("then hang-up alone", n == 0 && poll(q, 1, 0) == 1 && q[0].revents == POLLHUP);
	only(&rd, p[0]);
	CHECK("which select calls readable", select(p[0] + 1, &rd, NULL, NULL, NULL) == 1);
	DONE();
}

/* timerfd: settings and what they answer, expirations that are counted, waiting, the clock that is set. */
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#define MS 1000000L
#define SET_TICKS 0x40085400

static uint64_t ticks;
static struct itimerspec now;

static struct itimerspec in(long value_ns, long interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 }, { value_ns / 1000000000, value_ns % 1000000000 } };
}

static int set(int fd, int flags, struct itimerspec to)
{
	return timerfd_settime(fd, flags, &to, NULL);
}

static long get(int fd)
{
	return read(fd, &ticks, 8) == 8 ? (long)ticks : -1;
}

static int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	return p.revents;
}

static long left(int fd)
{
	timerfd_gettime(fd, &now);
	return now.it_value.tv_sec * 1000000000 + now.it_value.tv_nsec;
}

static void calls(void)
{
	int p[2], t, at_work[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, 7, 8, 9 };

	pipe(p);
	FAILS("unknown flags", EINVAL, timerfd_create(99, 1));
	for (int i = -1; i < 13; i++) {
		int known = 0;
		for (int j = 0; j < 5; j++)
			known |= at_work[j] == i;
		if (!known)
			FAILS("another clock", EINVAL, timerfd_create(i, 0));
	}
	if (fork() == 0) {
		setresuid(1000, 1000, 1000);
		FAILS("a clock that wakes the machine", EPERM, timerfd_create(8, 0));
		_exit(check_failures != 0);
	}
	int status;
	wait(&status);
	CHECK("for users", status == 0);
	t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	CHECK("flags", fcntl(t, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(t, F_GETFD) == FD_CLOEXEC);

	FAILS("the address first", EFAULT, syscall(SYS_timerfd_settime, 99, 8, 8L, 0L));
	FAILS("then flags", EINVAL, set(99, 8, in(1, 0)));
	FAILS("then times", EINVAL, set(99, 0, (struct itimerspec){ { 0, 0 }, { 0, 1000000000 } }));
	FAILS("below zero", EINVAL, set(99, 0, (struct itimerspec){ { 0, 0 }, { -1, 0 } }));
	FAILS("the interval's", EINVAL, set(99, 0, (struct itimerspec){ { 0, -1 }, { 1, 0 } }));
	FAILS("then the descriptor", EBADF, set(99, 0, in(1, 0)));
	FAILS("of another kind", EINVAL, set(p[0], 0, in(1, 0)));
	FAILS("to ask", EBADF, timerfd_gettime(99, (void *)8));
	FAILS("of another kind", EINVAL, timerfd_gettime(p[0], &now));
	FAILS("the address", EFAULT, timerfd_gettime(t, (void *)8));
	FAILS("the old one's, when it is set", EFAULT, syscall(SYS_timerfd_settime, t, 0, &(struct itimerspec){ { 0, 0 }, { 100, 0 } }, 8L));
	CHECK("it is", left(t) > 90 * 1000 * MS);
	FAILS("no writing", EINVAL, write(t, &ticks, 8));
	FAILS("no positions", ESPIPE, pread(t, &ticks, 8, 0));
	FAILS("too small", EINVAL, read(t, &ticks, 7));
	FAILS("not yet", EAGAIN, get(t));
	FAILS("other requests", ENOTTY, ioctl(t, 0x5401, &ticks));
	FAILS("no ticks", EINVAL, (ticks = 0, ioctl(t, SET_TICKS, &ticks)));
	FAILS("bad ticks", EFAULT, ioctl(t, SET_TICKS, 8L));
	CHECK("ticks as asked for", (ticks = 5, ioctl(t, SET_TICKS, &ticks)) == 0 && ready(t) == POLLIN && get(t) == 5);

	char name[64], text[400] = "";
	set(t, TFD_TIMER_ABSTIME, in(1L << 60, 2000 * MS));
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", t);
	read(open(name, O_RDONLY), text, sizeof text - 1);
	CHECK("what it shows", strstr(text, "\nclockid: 1\nticks: 0\nsettime flags: 01\nit_value: (") && strstr(text, ")\nit_interval: (2, 0)\n"));
	snprintf(name, sizeof name, "/proc/self/fd/%d", t);
	CHECK("its name", readlink(name, text, sizeof text) == 20 && !memcmp(text, "anon_inode:[timerfd]", 20));
}

static void expires(int clock)
{
	int t = timerfd_create(clock, TFD_NONBLOCK);
	struct itimerspec old;
	struct timespec at;

	CHECK("nothing set", left(t) == 0 && ready(t) == 0);
	set(t, 0, in(5 * MS, 0));
	/* A machine that is busy may take longer than that to ask. */
	CHECK("soon", left(t) <= 5 * MS && (left(t) > 0 || ready(t) == POLLIN));
	pause_ms(15);
	CHECK("once", ready(t) == POLLIN && left(t) == 0 && get(t) == 1 && ready(t) == 0);
	set(t, 0, in(1 * MS, 1 * MS));
	pause_ms(30);
	CHECK("many times", get(t) >= 29);
	pause_ms(5);
	CHECK("on and on", left(t) <= MS && ready(t) == POLLIN && get(t) >= 4);
	pause_ms(5);
	CHECK("a new setting", timerfd_settime(t, 0, &(struct itimerspec){ { 7, 0 }, { 0, 0 } }, &old) == 0 && old.it_interval.tv_nsec == MS && old.it_value.tv_nsec <= MS);
	FAILS("forgets", EAGAIN, get(t));
	CHECK("what is stopped has an interval", left(t) == 0 && now.it_interval.tv_sec == 7);
	clock_gettime(clock, &at);
	CHECK("in the past", set(t, TFD_TIMER_ABSTIME, in(1, 0)) == 0 && ready(t) == POLLIN && get(t) == 1);
	CHECK("and every second since", set(t, TFD_TIMER_ABSTIME, in(1, 1000 * MS)) == 0 && get(t) >= at.tv_sec && left(t) <= 1000 * MS);
	at.tv_nsec += 10 * MS;
	set(t, TFD_TIMER_ABSTIME, (struct itimerspec){ { 0, 0 }, { at.tv_sec + at.tv_nsec / 1000000000, at.tv_nsec % 1000000000 } });
	fcntl(t, F_SETFL, 0);
	CHECK("waits for a time", get(t) == 1);
	set(t, 0, in(5 * MS, 0));
	CHECK("poll waits", poll(&(struct pollfd){ t, POLLIN, 0 }, 1, 5000) == 1);
	CHECK("how often, and for ever", set(t, 0, in(INT64_MAX, INT64_MAX)) == 0 && left(t) > 0);
}

static void on_signal(int signo)
{
	(void)signo;
}

static void waits(void)
{
	int t = timerfd_create(CLOCK_MONOTONIC, 0);

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	ualarm(20000, 20000);
	FAILS("a signal", EINTR, get(t));
	ualarm(0, 0);
	set(t, 0, in(20 * MS, 0));
	if (fork() == 0)
		_exit(get(t) == 1 ? 0 : 1);
	int status;
	wait(&status);
	CHECK("a child has the same one", status == 0);
}

/* On this machine alone: nobody wants his own clock to be set by a test. */
static void sets_clock(void)
{
	struct timespec real;
	int t = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), plain = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	int good = 1;

	if (access("/dev/exo", F_OK) == 0) {
		clock_gettime(CLOCK_REALTIME, &real);
		struct itimerspec far = { { 0, 0 }, { real.tv_sec + 1000, 0 } };
		good &= set(t, 3, far) == 0 && set(plain, 1, far) == 0;
		real.tv_sec += 2000;
		clock_settime(CLOCK_REALTIME, &real);
		good &= ready(t) == POLLIN && get(t) == -1 && errno == ECANCELED;
		good &= ready(plain) == POLLIN && get(plain) == 1;
		far.it_value.tv_sec += 9000;
		good &= set(t, 3, far) == 0;
		real.tv_sec -= 2000;
		clock_settime(CLOCK_REALTIME, &real);
		good &= set(t, 3, far) == -1 && errno == ECANCELED && left(t) > 0 && ready(t) == 0;
	}
	CHECK("whoever wants to hear that the clock was set does", good);
}

int main(void)
{
	calls();
	expires(CLOCK_MONOTONIC);
	expires(CLOCK_REALTIME);
	waits();
	sets_clock();
	DONE();
}

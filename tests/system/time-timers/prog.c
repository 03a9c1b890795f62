/* Clocks and timers: nanosleep, clock_nanosleep, setitimer, alarm, interval ticks. */
#include "check.h"
#include <sys/times.h>

static volatile sig_atomic_t ticks;
static void tick(int sig) { (void)sig; ticks++; }

int main(void)
{
	struct timespec a, b, ts = { 0, 30000000 };
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } }, got;
	struct timeval tv;
	long t;

	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK("nanosleep", nanosleep(&ts, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK("took its time", (b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= 30000000);
	FAILS("too many nanoseconds", EINVAL, nanosleep(&(struct timespec){ 0, 1000000000 }, NULL));
	FAILS("negative", EINVAL, nanosleep(&(struct timespec){ -1, 0 }, NULL));
	t = b.tv_sec * 1000L + b.tv_nsec / 1000000;
	b.tv_nsec += 50000000;
	if (b.tv_nsec >= 1000000000) {
		b.tv_sec++;
		b.tv_nsec -= 1000000000;
	}
	CHECK("clock_nanosleep to a point in time", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &b, NULL) == 0 && clock_ms() - t >= 40);
	CHECK("a point in the past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL) == 0);
	FAILS("no such clock", EINVAL, clock_gettime(77, &a));
	CHECK("resolution", clock_getres(CLOCK_MONOTONIC, &a) == 0 && a.tv_sec == 0 && a.tv_nsec > 0);
	clock_gettime(CLOCK_REALTIME, &a);
	gettimeofday(&tv, NULL);
	CHECK("gettimeofday agrees with CLOCK_REALTIME", labs(tv.tv_sec - a.tv_sec) <= 1);
	CHECK("time agrees too", labs(time(NULL) - a.tv_sec) <= 1);
	int back = 0;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 10000; i++, a = b) {
		clock_gettime(CLOCK_MONOTONIC, &b);
		back += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
	}
	CHECK("monotonic", back == 0);

	signal(SIGALRM, tick);
	CHECK("setitimer", setitimer(ITIMER_REAL, &it, NULL) == 0);
	while (ticks < 5)
		pause();
	CHECK("getitimer", getitimer(ITIMER_REAL, &got) == 0 && got.it_interval.tv_usec == 20000);
	it = (struct itimerval){ 0 };
	CHECK("disarm", setitimer(ITIMER_REAL, &it, &got) == 0 && got.it_interval.tv_usec == 20000);
	t = ticks;
	pause_ms(60);
	CHECK("no more ticks", ticks == t);
	CHECK("alarm", alarm(100) == 0);
	CHECK("alarm says what was left", alarm(1) > 98);
	t = clock_ms();
	while (ticks == 0 || clock_ms() - t < 900)
		pause();
	CHECK("a second later", clock_ms() - t >= 990 && alarm(0) == 0);
	CHECK("alarms are not inherited", fork() != 0 || (_exit(alarm(0)), 0));
	wait(NULL);
	struct tms tm;
	CHECK("times", times(&tm) != (clock_t)-1);
	t = clock_ms();
	while (clock() < CLOCKS_PER_SEC / 50 && clock_ms() - t < 5000)
		;
	CHECK("processor time goes up", clock() >= CLOCKS_PER_SEC / 50);
	ticks = 0;
	signal(SIGVTALRM, tick);
	it.it_value.tv_usec = 20000;
	CHECK("ITIMER_VIRTUAL", setitimer(ITIMER_VIRTUAL, &it, NULL) == 0);
	t = clock_ms();
	while (!ticks && clock_ms() - t < 5000)
		for (volatile int i = 0; i < 1000000; i++)
			;
	CHECK("SIGVTALRM", ticks == 1);
	DONE();
}

/* Interval timers of processor time: ITIMER_PROF and ITIMER_VIRTUAL, repeated, read, disarmed, per process. */
#include "check.h"
#include <sys/resource.h>

static volatile sig_atomic_t ticks;
static void tick(int sig) { (void)sig; ticks++; }

static long used_ms(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

/* burn: computes until n ticks came, or ms milliseconds went by. */
static int burn(int n, long ms)
{
	long end = clock_ms() + ms;

	while (ticks < n && clock_ms() < end)
		for (volatile int i = 0; i < 100000; i++)
			;
	return ticks;
}

static void both(int which, int sig, const char *name)
{
	struct itimerval it = { { 0, 30000 }, { 0, 30000 } }, got;
	char text[80];
	long start;

	ticks = 0;
	signal(sig, tick);
	start = used_ms();
	snprintf(text, sizeof text, "%s: three ticks", name);
	CHECK(text, setitimer(which, &it, NULL) == 0 && burn(3, 8000) >= 3);
	snprintf(text, sizeof text, "%s: not before their time", name);
	CHECK(text, used_ms() - start >= 60);
	snprintf(text, sizeof text, "%s: what is left", name);
	CHECK(text, getitimer(which, &got) == 0 && got.it_interval.tv_usec == 30000 && (got.it_value.tv_usec > 0 || got.it_value.tv_sec > 0) && got.it_value.tv_sec == 0);
	snprintf(text, sizeof text, "%s: sleeping does not count", name);
	int before = ticks;
	pause_ms(200);
	CHECK(text, ticks <= before + 1);
	pid_t child = fork();
	if (child == 0) {
		ticks = 0;
		_exit(burn(1, 150) != 0 || getitimer(which, &got) || got.it_value.tv_sec || got.it_value.tv_usec);
	}
	snprintf(text, sizeof text, "%s: not inherited", name);
	CHECK(text, EXITED(wait_status(child), 0));
	it = (struct itimerval){ 0 };
	snprintf(text, sizeof text, "%s: disarmed", name);
	CHECK(text, setitimer(which, &it, &got) == 0 && got.it_interval.tv_usec == 30000 && (ticks = 0, burn(1, 100)) == 0);
}

int main(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 1000000 } };
	pid_t child;

	both(ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL");
	both(ITIMER_PROF, SIGPROF, "ITIMER_PROF");
	FAILS("a million microseconds", EINVAL, setitimer(ITIMER_REAL, &it, NULL));
	FAILS("no such timer", EINVAL, setitimer(3, &(struct itimerval){ 0 }, NULL));
	FAILS("nor to read", EINVAL, getitimer(-1, &it));
	if ((child = fork()) == 0) {
		signal(SIGPROF, SIG_DFL);
		it.it_value = (struct timeval){ 0, 20000 };
		setitimer(ITIMER_PROF, &it, NULL);
		ticks = 0;
		burn(1, 8000);
		_exit(1);
	}
	CHECK("SIGPROF ends a program that does not expect it", KILLED(wait_status(child), SIGPROF));
	if ((child = fork()) == 0) {
		signal(SIGXCPU, SIG_DFL);
		setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 2 });
		ticks = 0;
		burn(1, 20000);
		_exit(1);
	}
	CHECK("RLIMIT_CPU", KILLED(wait_status(child), SIGXCPU));
	DONE();
}

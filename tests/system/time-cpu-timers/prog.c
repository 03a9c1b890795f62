/* Timers on clocks of CPU time: of the process, of a thread, of another process; and sleeping by such a clock. */
#include "../check.h"
#include <pthread.h>

static volatile sig_atomic_t signals, overruns;
static volatile int stop, other_tid;

static void heard(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	signals++;
	overruns += info->si_code == SI_TIMER ? info->si_overrun : 1000000;
}

static long cpu_ms(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) ? -1 : t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the clock of CPU time shows so many more ms, or the signal came. */
static void compute(clockid_t clock, long ms, int until_signal)
{
	long end = cpu_ms(clock) + ms;

	while (cpu_ms(clock) < end && !(until_signal && signals))
		;
}

static timer_t timer_on(clockid_t clock, long ms, long interval_ms)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec spec = {{0, interval_ms * 1000000}, {0, ms * 1000000}};
	timer_t timer;

	signals = overruns = 0;
	CHECK("  made and set", timer_create(clock, &event, &timer) == 0 && timer_settime(timer, 0, &spec, NULL) == 0);
	return timer;
}

static void *computing_thread(void *arg)
{
	(void)arg;
	other_tid = (int)syscall(SYS_gettid);
	while (!stop)
		;
	return NULL;
}

static void one(const char *what, clockid_t clock)
{
	struct itimerspec left;
	timer_t timer;

	CHECK(what, 1);
	timer = timer_on(clock, 400, 0);
	pause_ms(150);
	CHECK("  sleeping does not make it go off", signals == 0);
	CHECK("  what is left", timer_gettime(timer, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 400000000);
	long before = cpu_ms(clock);
	compute(clock, 5000, 1);
	CHECK("  computing does", signals == 1 && cpu_ms(clock) - before < 4900);
	compute(clock, 50, 0);
	CHECK("  once", signals == 1 && timer_gettime(timer, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK("  gone", timer_delete(timer) == 0);
}

static void repeated(void)
{
	timer_t timer = timer_on(CLOCK_PROCESS_CPUTIME_ID, 20, 20);
	struct itimerspec off = {{0, 0}, {0, 0}};
	sigset_t set;
	long begin = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
	int now;

	compute(CLOCK_PROCESS_CPUTIME_ID, 300, 0);
	CHECK("it goes off again and again", signals + overruns >= 6 && signals + overruns <= (cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - begin) / 20 + 3);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = overruns = 0;
	compute(CLOCK_PROCESS_CPUTIME_ID, 300, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK("blocked it is pending, and what it missed is counted", signals >= 1 && overruns >= 5 && signals + overruns <= (cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - begin) / 20 + 3);
	CHECK("off", timer_settime(timer, 0, &off, NULL) == 0);
	now = signals;
	compute(CLOCK_PROCESS_CPUTIME_ID, 100, 0);
	CHECK("it stays off", signals == now && timer_delete(timer) == 0);
}

static void of_others(void)
{
	pthread_t thread;
	clockid_t clock;
	timer_t timer;
	pid_t child;

	pthread_create(&thread, NULL, computing_thread, NULL);
	while (!other_tid)
		pause_ms(1);
	CHECK("a thread's clock", pthread_getcpuclockid(thread, &clock) == 0);
	timer = timer_on(clock, 50, 0);
	while (!signals)
		pause_ms(5);
	CHECK("what another thread computes makes it go off", cpu_ms(clock) >= 50);
	stop = 1;
	pthread_join(thread, NULL);
	timer_delete(timer);

	child = fork();
	if (!child)
		for (;;)
			;
	CHECK("a process's clock", clock_getcpuclockid(child, &clock) == 0);
	timer = timer_on(clock, 50, 0);
	while (!signals)
		pause_ms(5);
	CHECK("what another process computes makes it go off", cpu_ms(clock) >= 50);
	CHECK("sleeping by its clock", clock_nanosleep(clock, 0, &(struct timespec){0, 30000000}, NULL) == 0 && cpu_ms(clock) >= 80);
	CHECK("to a point of its time", clock_nanosleep(clock, TIMER_ABSTIME, &(struct timespec){0, 150000000}, NULL) == 0 && cpu_ms(clock) >= 150);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	struct itimerspec again = {{0, 0}, {0, 1000000}};
	FAILS("its timer when it is gone", ESRCH, timer_settime(timer, 0, &again, NULL));
	timer_delete(timer);
	FAILS("its clock", EINVAL, clock_gettime(clock, &again.it_value));
}

static void sleeps(void)
{
	struct sigaction action = {.sa_sigaction = heard, .sa_flags = SA_SIGINFO};
	struct timespec rest = {-1, 0};
	pid_t me = getpid(), child = fork();

	sigaction(SIGUSR2, &action, NULL);
	if (!child) {
		pause_ms(100);
		kill(me, SIGUSR2);
		_exit(0);
	}
	CHECK("a sleeper uses nothing, so only a signal ends it",
	      clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &(struct timespec){5, 0}, &rest) == EINTR && rest.tv_sec == 4 && rest.tv_nsec > 0);
	waitpid(child, NULL, 0);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = heard, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	one("the process", CLOCK_PROCESS_CPUTIME_ID);
	one("the thread", CLOCK_THREAD_CPUTIME_ID);
	repeated();
	of_others();
	sleeps();
	DONE();
}

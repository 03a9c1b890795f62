/* timer_create(): one pending signal for each timer, overruns counted until it is delivered, ignored and silent timers. */
#include "check.h"

#define MS 1000000

static volatile int count, overruns; /* overruns: what the first one tells */

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (count++ == 0)
		overruns = info->si_overrun;
}

/* One for all that were missed; what comes behind it has become due since. */
static int came_once(long since, long interval_ms)
{
	return count >= 1 && count + overruns <= (clock_ms() - since) / interval_ms + 1;
}

static void set(timer_t timer, long first, long interval)
{
	struct itimerspec t = { { 0, interval }, { first / 1000000000, first % 1000000000 } };

	timer_settime(timer, 0, &t, NULL);
}

static long left(timer_t timer)
{
	struct itimerspec t;

	timer_gettime(timer, &t);
	return t.it_value.tv_sec * 1000000000 + t.it_value.tv_nsec;
}

static int is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

static void mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(how, &set, NULL);
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval real = { { 0, 50000 }, { 0, 50000 } };
	int sig = SIGRTMIN + 1;
	long since;
	timer_t timer;
	pid_t child;

	sigaction(sig, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	mask(SIG_BLOCK, sig);
	set(timer, 10 * MS, 10 * MS);
	pause_ms(215);
	CHECK("blocked: it is pending, and the time to the next one is known", is_pending(sig) && left(timer) > 0 && left(timer) <= 10 * MS);
	since = clock_ms();
	set(timer, 10 * MS, 10 * MS);
	pause_ms(215);
	count = overruns = 0;
	mask(SIG_UNBLOCK, sig);
	CHECK("it comes once, and tells of those that were missed",
	      (timer_getoverrun(timer) == overruns || count > 1) && overruns >= 19 && came_once(since, 10));

	mask(SIG_BLOCK, sig);
	pause_ms(30);
	set(timer, 3600L * 1000 * MS, 0);
	count = 0;
	mask(SIG_UNBLOCK, sig);
	CHECK("one of an earlier setting does not come", count == 0);
	mask(SIG_BLOCK, sig);
	set(timer, MS, 0);
	pause_ms(20);
	timer_delete(timer);
	mask(SIG_UNBLOCK, sig);
	CHECK("nor one of a timer that is gone", count == 0);

	signal(sig, SIG_IGN);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	set(timer, 10 * MS, 10 * MS);
	pause_ms(100);
	CHECK("ignored: nothing is pending, the time is computed", !is_pending(sig) && left(timer) > 0 && left(timer) <= 10 * MS);
	count = overruns = 0;
	sigaction(sig, &sa, NULL);
	CHECK("no longer ignored: what was missed comes at once", count >= 1 && overruns >= 7);
	mask(SIG_BLOCK, sig);
	pause_ms(30);
	signal(sig, SIG_IGN);
	CHECK("ignored while it is pending: it is gone", !is_pending(sig));
	sigaction(sig, &sa, NULL);
	CHECK("no longer ignored: it is back", is_pending(sig));
	timer_delete(timer);
	mask(SIG_UNBLOCK, sig);

	child = fork();
	if (child == 0) {
		timer_create(CLOCK_MONOTONIC, &event, &timer);
		set(timer, 1, 1);
		for (;;)
			;
	}
	pause_ms(50);
	kill(child, SIGKILL);
	CHECK("one of a nanosecond stops nobody but its own program", KILLED(wait_status(child), SIGKILL));

	event.sigev_notify = SIGEV_NONE;
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	set(timer, 10 * MS, 10 * MS);
	pause_ms(55);
	CHECK("a silent one only tells the time", left(timer) > 0 && left(timer) <= 10 * MS && timer_getoverrun(timer) == 0);
	set(timer, 10 * MS, 0);
	pause_ms(30);
	CHECK("until it is over", left(timer) == 0);

	sa.sa_flags = SA_RESTART | SA_SIGINFO;
	sigaction(SIGALRM, &sa, NULL);
	mask(SIG_BLOCK, SIGALRM);
	setitimer(ITIMER_REAL, &real, NULL);
	pause_ms(180);
	getitimer(ITIMER_REAL, &real);
	CHECK("an interval timer waits for its signal", is_pending(SIGALRM) && real.it_value.tv_usec == 0 && real.it_interval.tv_usec == 50000);
	count = 0;
	mask(SIG_UNBLOCK, SIGALRM);
	getitimer(ITIMER_REAL, &real);
	CHECK("and goes on when that is delivered", (count == 1 || count == 2) && real.it_value.tv_usec > 0);
	DONE();
}

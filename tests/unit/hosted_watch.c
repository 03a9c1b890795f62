/*
 * Ghosts and those who are taken for one. The host is played here: a zone's clock runs while it computes and while its core
 * is away, and an interruption of its core is over when the core is there.
 */
#include <criterion/criterion.h>
#include <hal/hosted/hosted.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS   UINT64_C(1000000)
#define LOOK (5 * MS) /* between two calls of host_watch() */

static struct {
	struct host_zone zone;
	uint64_t now, cpu;
	bool away;      /* its core */
	bool sleeps;
	bool blind;     /* the host cannot interrupt */
	unsigned share; /* of a core that it gets while it computes, in percent */
	bool busy;      /* it has a turn in each trial */
	unsigned trials;
} host;

bool host_several;

void host_lock_take(struct host_lock *lock)
{
	(void)lock;
}

void host_lock_give(struct host_lock *lock)
{
	(void)lock;
}

static void pass(uint64_t ns)
{
	host.now += ns;
	if (host.away)
		host.cpu += ns;
	else if (!host.sleeps)
		host.cpu += ns * host.share / 100;
}

bool host_zones_visit(uint32_t count, void (*visit)(struct host_zone *zone, uint64_t now))
{
	if (count)
		visit(&host.zone, host.now);
	return true;
}

uint64_t host_zone_cpu_ns(const struct host_zone *zone)
{
	(void)zone;
	return host.cpu;
}

bool host_cross_interrupt(void)
{
	host.trials++;
	if (host.blind)
		return false;
	if (host.away && host.share == 0)
		host.sleeps = true; /* it is honest, and wanted to */
	host.away = false;
	return true;
}

bool host_cross_sleeps(const struct host_zone *zone)
{
	(void)zone;
	return host.sleeps;
}

static void turn(uint64_t ns)
{
	host_watch_begin(&host.zone);
	host.sleeps = false;
	host.now += ns;
	host.cpu += ns;
	host_watch_end(&host.zone, ns);
}

/* What a trial sleeps, the zone computes. */
int nanosleep(const struct timespec *span, struct timespec *left)
{
	(void)left;
	if (host.busy)
		turn(0);
	pass((uint64_t)span->tv_nsec);
	return 0;
}

static void begin(unsigned share)
{
	memset(&host, 0, sizeof(host));
	host.now = host.cpu = 1000 * MS;
	host.share = share;
	host.zone.pid = fork();
	if (host.zone.pid == 0) {
		for (;;)
			pause();
	}
	host_watch();
}

static void looks(unsigned count)
{
	while (count--) {
		pass(LOOK);
		host_watch();
	}
}

/* Is its process alive? The end of it. */
static bool ends_alive(void)
{
	int status;

	kill(host.zone.pid, SIGTERM);
	cr_assert_eq(waitpid(host.zone.pid, &status, 0), host.zone.pid);
	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status) == SIGKILL, host_watch_has_shot(&host.zone));
	return WTERMSIG(status) == SIGTERM;
}

TestSuite(hosted_watch, .timeout = 60);

Test(hosted_watch, a_ghost_is_shot)
{
	begin(100);
	looks(30);
	cr_assert_not(ends_alive());
}

Test(hosted_watch, a_ghost_with_a_tenth_of_a_core_is_shot)
{
	begin(100);
	/* Once in a while a look finds it with a core. */
	for (int i = 0; i < 1000 && !host_watch_has_shot(&host.zone); i++) {
		host.share = i % 11 == 0 ? 100 : 10;
		looks(1);
	}
	cr_assert_not(ends_alive());
}

Test(hosted_watch, a_ghost_with_honest_turns_is_shot)
{
	begin(100);
	for (int i = 0; i < 100; i++) {
		turn(MS);
		looks(3);
	}
	cr_assert_not(ends_alive());
}

Test(hosted_watch, a_ghost_that_cannot_be_interrupted_is_shot)
{
	begin(100);
	host.blind = true;
	looks(200);
	cr_assert_not(ends_alive());
}

Test(hosted_watch, whoever_sleeps_is_not_suspected)
{
	begin(0);
	for (int i = 0; i < 1000; i++) {
		turn(MS);
		host.sleeps = true;
		looks(3);
	}
	cr_assert_eq(host.trials, 0);
	cr_assert(ends_alive());
}

Test(hosted_watch, a_core_that_is_away_for_long_is_no_guilt)
{
	begin(0);
	turn(MS);
	host.away = true;
	looks(1000);
	cr_assert_gt(host.trials, 0);
	cr_assert(ends_alive());
}

Test(hosted_watch, a_core_that_is_away_after_each_turn_is_no_guilt)
{
	begin(0);
	for (int i = 0; i < 1000; i++) {
		turn(MS);
		host.away = true;
		looks(3);
	}
	cr_assert_gt(host.trials, 100);
	cr_assert(ends_alive());
}

Test(hosted_watch, a_core_that_is_away_is_no_guilt_where_it_cannot_be_interrupted)
{
	begin(0);
	host.blind = true;
	for (int i = 0; i < 100; i++) {
		turn(MS);
		host.away = true;
		looks(16);
		host.away = false;
		host.sleeps = true;
		looks(400);
	}
	cr_assert_gt(host.trials, 0);
	cr_assert(ends_alive());
}

Test(hosted_watch, a_turn_during_a_trial_is_no_guilt)
{
	begin(100);
	host.busy = true;
	looks(1000);
	cr_assert_gt(host.trials, 100);
	cr_assert(ends_alive());
}

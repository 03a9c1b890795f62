/*
 * Ghosts: zones that say that they have stopped, and compute on.
 *
 * "Stopped" is what a zone's thread writes into a page of its own, so anybody can. The host's clock of its process
 * cannot be written. Once in a while each process is looked at: has it used more CPU time than it can have used honestly
 * since the last look? That is the time of its own turns, and for each of them a little more (it looks for its next turn before it sleeps,
 * wakes others, reports); and on the one core that all zones have, not the time that others had there.
 * The clock of a thread also runs while the host of a virtual machine has taken its core away, and that may be at the end of a turn, for
 * any time. So who has used too much in several looks is only suspected, and tried: does it compute just now? Its core is interrupted, which
 * is over when it is there again; who is honest sleeps soon after. A ghost cannot sleep and go on by itself: its threads sleep without
 * a limit, in calls that name the word. Who was caught several times dies.
 */
#include "hosted.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#define LOOK_NS      8000000 /* between two looks at a zone, at least */
#define CLEAN_NS     64000000 /* who has not used too much in so long is not suspected for that time any more */
#define LOOKS        32      /* at once, at most */
#define TURN_NS      200000  /* beside its turn, for each */
#define OVERLAP_NS   50000   /* …and of these in others' turns */
#define SLACK_NS     500000  /* in a look */
#define SUSPICION    6       /* so many looks found too much: whoever does so again is tried */
#define TRIAL_NS     400000  /* several times as long as a zone looks for its next turn */
#define COMPUTES_NS  200000  /* who uses more in that, and does not sleep then, is caught */
#define SURE         10      /* what it counts to be caught after an interruption */
#define UNSURE       1       /* …if the host cannot interrupt: its core may have been away all the time */
#define GUILTY       30

static struct {
	uint64_t total_ns; /* of all turns */
	bool uneasy;       /* somebody ran since the last look that found all quiet */
	bool found;        /* …in this one */
	bool tried;        /* somebody was: it takes a while */
} watch;
static struct host_lock watch_lock = HOST_LOCK_INIT;

GUARD_UNCHECKED void host_watch_begin(struct host_zone *zone)
{
	if (!host_several)
		return; /* nobody looks meanwhile */
	host_lock_take(&watch_lock);
	zone->watched.running = true;
	host_lock_give(&watch_lock);
}

/* Called for each turn, however short: with one CPU, without a lock. */
GUARD_UNCHECKED static void add(struct host_zone *zone, uint64_t ns, bool turn)
{
	if (host_several)
		host_lock_take(&watch_lock);
	watch.uneasy = true;
	if (turn)
		zone->watched.running = false;
	zone->watched.entries++;
	zone->watched.turn_ns += ns;
	watch.total_ns += ns;
	if (host_several)
		host_lock_give(&watch_lock);
}

void host_watch_end(struct host_zone *zone, uint64_t ns)
{
	add(zone, ns, true);
}

void host_watch_mapper(struct host_zone *zone, uint64_t ns)
{
	add(zone, ns, false);
}

void host_watch_forget(struct host_zone *zone)
{
	host_lock_take(&watch_lock);
	memset(&zone->watched, 0, sizeof(zone->watched));
	host_lock_give(&watch_lock);
}

static void begin_look(struct host_watched *watched, uint64_t now, uint64_t cpu)
{
	watched->known = true;
	watched->seen_ns = now;
	watched->cpu_ns = cpu;
	watched->total_ns = watch.total_ns;
	watched->entries = 0;
	watched->turn_ns = 0;
}

/* What it can have used since the last look. */
static uint64_t honest_ns(const struct host_watched *watched, uint64_t span)
{
	uint64_t own = watched->turn_ns + watched->entries * TURN_NS;
	uint64_t others = watch.total_ns - watched->total_ns - watched->turn_ns;

	if (host_several) /* others have other cores */
		return own;
	span = (others < span ? span - others : 0) + watched->entries * OVERLAP_NS;
	return own < span ? own : span;
}

/* True: it is to be tried. */
static bool look(struct host_zone *zone, uint64_t now)
{
	struct host_watched *watched = &zone->watched;
	uint64_t cpu, used, span;
	bool too_much = false;

	if (host_watch_has_shot(zone))
		return false;
	if (watched->running) {
		watched->known = false;
		watch.found = true;
		return false;
	}
	if (watched->known && now - watched->seen_ns < LOOK_NS) {
		watch.found = true;
		return false;
	}
	cpu = host_zone_cpu_ns(zone);
	watch.found |= !watched->known || cpu != watched->last_ns;
	watched->last_ns = cpu;
	used = cpu - watched->cpu_ns;
	span = now - watched->seen_ns;
	if (watched->known && cpu != 0) {
		too_much = used > honest_ns(watched, span) + SLACK_NS;
		if (!too_much && span < CLEAN_NS)
			return false;
		if (too_much && watched->suspicion < SUSPICION)
			watched->suspicion++;
		else if (!too_much && watched->suspicion)
			watched->suspicion--;
	}
	begin_look(watched, now, cpu);
	if (watched->suspicion < SUSPICION)
		watched->caught = 0;
	if (!too_much || watched->suspicion < SUSPICION || watch.tried)
		return false;
	watch.tried = true;
	return true;
}

/* It has no turn: does it compute? Says how sure that is, 0: no. */
static uint32_t trial(const struct host_zone *zone)
{
	const struct timespec pause = {.tv_nsec = TRIAL_NS};
	uint32_t count = host_cross_interrupt() ? SURE : UNSURE;
	uint64_t before = host_zone_cpu_ns(zone);

	nanosleep(&pause, 0);
	return host_zone_cpu_ns(zone) - before > COMPUTES_NS && !host_cross_sleeps(zone) ? count : 0;
}

/* True: it is a ghost. */
static bool judge(struct host_watched *watched, uint32_t count)
{
	if (watched->running || !watched->known || watched->entries) /* it had a turn meanwhile */
		return false;
	watched->caught += count;
	if (watched->caught < GUILTY)
		return false;
	__atomic_store_n(&watched->shot, true, __ATOMIC_RELAXED);
	return true;
}

bool host_watch_has_shot(const struct host_zone *zone)
{
	return __atomic_load_n(&zone->watched.shot, __ATOMIC_RELAXED);
}

static void visit(struct host_zone *zone, uint64_t now)
{
	uint32_t count;
	bool suspect, ghost;

	host_lock_take(&watch_lock);
	suspect = look(zone, now);
	host_lock_give(&watch_lock);
	if (!suspect)
		return;
	count = trial(zone);
	host_lock_take(&watch_lock);
	ghost = judge(&zone->watched, count);
	host_lock_give(&watch_lock);
	/* Its space hears of it when the program is to go on. */
	if (ghost)
		kill(zone->pid, SIGKILL);
}

void host_watch(void)
{
	host_lock_take(&watch_lock);
	watch.tried = false;
	host_lock_give(&watch_lock);
	(void)host_zones_visit(LOOKS, visit);
}

bool host_watch_is_quiet(void)
{
	bool all;

	host_lock_take(&watch_lock);
	watch.found = watch.tried = false;
	all = !watch.uneasy;
	host_lock_give(&watch_lock);
	if (all)
		return true;
	all = host_zones_visit(ZONE_MAX, visit);
	host_lock_take(&watch_lock);
	if (all && !watch.found)
		watch.uneasy = false;
	all = !watch.uneasy;
	host_lock_give(&watch_lock);
	return all;
}

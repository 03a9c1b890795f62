/*
 * Ghosts: zones that say that they have stopped, and compute on.
 *
 * "Stopped" is what a zone's thread writes into a page of its own, so anybody can. The host's clock of its process
 * cannot be written. Once in a while each process is looked at: has it used more CPU time than it can have used honestly
 * since the last look? That is the time of its own turns, and for each of them a little more (it looks for its next turn before it sleeps,
 * wakes others, reports); and on the one core that all zones have, not the time that others had there.
 * The clock of a thread also runs while the host of a virtual machine has taken its core away; so only who is found in several looks
 * is a ghost, and dies.
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
#define SUSPICION    6       /* so many looks found too much */

static struct {
	uint64_t total_ns; /* of all turns */
	bool uneasy;       /* somebody ran since the last look that found all quiet */
	bool found;        /* …in this one */
} watch;
static struct host_lock watch_lock = HOST_LOCK_INIT;

uint64_t host_zone_cpu_ns(const struct host_zone *zone)
{
	struct timespec used;
	clockid_t clock = (clockid_t)((~(unsigned)zone->pid << 3) | 2); /* as clock_getcpuclockid() makes it, which looks at the clock first */

	if (clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

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

/* True: it is a ghost. */
static bool look(struct host_zone *zone, uint64_t now)
{
	struct host_watched *watched = &zone->watched;
	uint64_t cpu, used, span;

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
		if (used > honest_ns(watched, span) + SLACK_NS)
			watched->suspicion++;
		else if (span < CLEAN_NS)
			return false;
		else if (watched->suspicion)
			watched->suspicion--;
	}
	begin_look(watched, now, cpu);
	if (watched->suspicion < SUSPICION)
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
	bool ghost;

	host_lock_take(&watch_lock);
	ghost = look(zone, now);
	host_lock_give(&watch_lock);
	/* Its space hears of it when the program is to go on. */
	if (ghost)
		kill(zone->pid, SIGKILL);
}

void host_watch(void)
{
	(void)host_zones_visit(LOOKS, visit);
}

bool host_watch_is_quiet(void)
{
	bool all;

	host_lock_take(&watch_lock);
	watch.found = false;
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

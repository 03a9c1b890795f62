/*
 * The hand-over between the simulator and the program thread of a zone.
 *
 * split: the simulator is pinned to one core and the zones to another; both
 *   look for a while (SPIN_*) before they sleep. The zone that stopped last still
 *   looks on the zones' core: when another is next, that one's sleep is moved to a word of this one's
 *   (W_WAKE), which is told so (R_NEXT), wakes it and sleeps: thus no core that went idle has to be woken,
 *   which costs 40-60 us here, and no zone sees a word of another. Whoever came after this one the last time is
 *   moved ahead, while it runs.
 * local: the simulator sits on the zones' core, nobody spins, every hand-over is a futex
 *   wake and a switch (about 2 us each way).
 * With several CPUs: local, wherever the host puts them.
 * Split is for a machine with room: when the simulator is preempted often (somebody
 * else wants the core), it goes local for a while. With one core: always local.
 */
#include "hosted.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_SIM_NS     60000   /* the simulator looks this long for an answer */
#define SPIN_ZONE_NS    80000   /* a zone for its next turn */
#define NUDGE_NS        30000   /* no answer: the zone may sleep, wake it */
#define SLEEP_NS        4000000 /* longest sleep: console input is looked at */
#define PREEMPT_AGAIN_NS 500000
#define IMPATIENT_NS    5000     /* the same with --impatient */
#define LATE_CPU_NS     1000000  /* who uses so much after it was told to stop is not waited for */
#define LATE_ROUNDS     3        /* …and was told so often */
#define ANSWER_CPU_NS   5000000  /* who must answer and uses so much instead is dead */
#define ANSWER_ROUNDS   16       /* …if it was looked at so often */
#define BLIND_CPU_NS    50000000 /* …or uses so much, where the host cannot say that it really ran */
#define ROUND_CPU_NS    100000   /* between two looks; one that used less may not have seen its signal */
#define MAPPER_CPU_NS   UINT64_C(5000000000) /* …of a mapper: unmapping gigabytes takes a while */
#define SLEEPER_CHECKS  20       /* looks in a row that find a zone asleep in its turn: it is dead, too */
#define REVIEW_NS       5000000
#define LOCAL_NS        40000000 /* at least this long local after trouble */
#define LOOKS           24      /* for an answer between two pauses, at first: a pause is long */
#define HOST_TURN_NS    100000  /* the least that Linux takes */
#define BUSY_SWITCHES   3        /* preemptions of us per review that are trouble */

/* Once the machine has started, written by nobody. */
static struct {
	cpu_set_t sim_cpu, zone_cpu;
	bool pinned;
	uint32_t spin;             /* iterations of a zone's loop in split */
} places;

/* Of each CPU. With several, all is local and nobody is pinned: `split` and `active` stay 0. */
static _Thread_local struct {
	bool split;
	struct host_zone *active;  /* the zone that is awake on the zones' core */
	struct host_zone *guest;   /* sleeps on its W_WAKE, as nobody else does on anybody's */
	uint64_t review_at, local_until;
	uint64_t event_at;         /* when a program may next be stopped for an event */
	long switches;
	uint32_t children_died;    /* host_children_died, when it was last looked at */
} cross;

static long futex(void *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, 0, 0);
}

/* Its own word to sleep on. */
static void *bell_of(const struct host_zone *zone)
{
	return zone->w + W_BELL;
}

/* Moves the thread that sleeps on *from, as long as that is `value`, to sleep on *to. False: none did. */
static bool move_sleeper(void *from, uint32_t value, void *to)
{
	return syscall(SYS_futex, from, FUTEX_CMP_REQUEUE, 0, 1, to, value) == 1;
}

/* The guest, if it is not this zone, sleeps on its own word again. */
static void send_home(const struct host_zone *but)
{
	struct host_zone *guest = cross.guest;

	if (!guest)
		return;
	cross.guest = 0;
	if (guest == but)
		return;
	/* If its host has woken it, it goes by itself. */
	move_sleeper(guest->sleeps_on, load32(guest->sleeps_on, 0), bell_of(guest));
	guest->sleeps_on = bell_of(guest);
}

static void set_active(struct host_zone *zone)
{
	send_home(zone);
	cross.active = zone;
}

void host_cross_forget(const struct host_zone *zone)
{
	if (cross.active == zone || cross.guest == zone)
		send_home(0);
	if (cross.active == zone)
		cross.active = 0;
}

/* How many turns of a looking loop take SPIN_ZONE_NS. */
static uint32_t measure_pause(void)
{
	uint64_t start = cycles_now(), used;

	for (int i = 0; i < 200; i++)
		__builtin_ia32_pause();
	used = cycles_now() - start;
	used = used < 200 ? 200 : used;
	return (uint32_t)(SPIN_ZONE_NS * (host_machine.boot.cycles_per_ms / 1000) / 1000 * 200 / used) + 1;
}

static long switches_now(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}

static void set_split(bool split)
{
	if (split == cross.split)
		return;
	cross.split = split;
	sched_setaffinity(0, sizeof(cpu_set_t), split ? &places.sim_cpu : &places.zone_cpu);
	set_active(0);
}

/*
 * Where the host has others to run, a thread waits for each of its turns, and every hand-over is one. The host need not
 * give us more of its time, but short turns sooner: so Linux has it since 6.12 (sched_setattr(2), sched_runtime);
 * elsewhere this does nothing. Zones inherit it.
 */
static void ask_for_short_turns(void)
{
	struct { /* struct sched_attr, whose header is at odds with <sched.h> */
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr;

	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0 || attr.policy != SCHED_OTHER)
		return;
	attr.runtime = HOST_TURN_NS;
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

void host_cross_start(void)
{
	cpu_set_t allowed;
	int here = sched_getcpu(), other;

	ask_for_short_turns();
	if (host_several || here < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	CPU_CLR(here, &allowed);
	if (CPU_COUNT(&allowed) == 0)
		return;
	/* The core that we are on is one that the host found fit, and nothing has to move. */
	for (other = (here + 1) % CPU_SETSIZE; !CPU_ISSET(other, &allowed);)
		other = (other + 1) % CPU_SETSIZE;
	CPU_ZERO(&places.sim_cpu);
	CPU_ZERO(&places.zone_cpu);
	CPU_SET(here, &places.sim_cpu);
	CPU_SET(other, &places.zone_cpu);
	places.pinned = true;
	places.spin = measure_pause();
	cross.switches = switches_now();
	set_split(true);
}

void host_cross_pin_zones(void)
{
	if (places.pinned)
		sched_setaffinity(0, sizeof(cpu_set_t), &places.zone_cpu);
}

void host_cross_review(uint64_t now)
{
	long switches;

	if (now < cross.review_at)
		return;
	cross.review_at = now + REVIEW_NS;
	host_watch();
	if (!places.pinned)
		return;
	switches = switches_now();
	if (cross.split && switches - cross.switches >= BUSY_SWITCHES) {
		cross.local_until = now + LOCAL_NS;
		set_split(false);
	} else if (!cross.split && now >= cross.local_until) {
		set_split(true);
	}
	cross.switches = switches;
}

/* R_TURN and R_NEXT at once, and a full barrier before W_ASLEEP is looked at. */
static void tell(struct host_zone *zone, uint32_t next)
{
	uint64_t *word = (uint64_t *)(void *)(zone->r + R_TURN);

	__atomic_exchange_n(word, zone->turn | (uint64_t)next << 32, __ATOMIC_SEQ_CST);
}

static bool looks(const struct host_zone *zone)
{
	return load32(zone->w, W_ASLEEP) == 0;
}

/* Wakes its program thread, wherever that sleeps. */
static void ring(const struct host_zone *zone)
{
	if (futex(zone->sleeps_on, FUTEX_WAKE, 1, 0) != 1 && zone->sleeps_on != bell_of(zone))
		futex(bell_of(zone), FUTEX_WAKE, 1, 0);
}

/* Moves a sleeping zone to a word of the one that is active. False: it does not sleep. */
static bool move_to_active(struct host_zone *zone)
{
	void *word = cross.active->w + W_WAKE;

	if (!move_sleeper(zone->sleeps_on, load32(zone->sleeps_on, 0), word))
		return false;
	zone->sleeps_on = word;
	cross.guest = zone;
	return true;
}

/* The zone that looks on the zones' core shall wake this one and sleep. False: there is none, or it sleeps already. */
static bool make_room(struct host_zone *zone)
{
	struct host_zone *active = cross.active;

	if (!cross.split || !active || active == zone)
		return false;
	active->successor = zone;
	if (!looks(active))
		return false;
	send_home(zone);
	tell(active, looks(zone) ? NEXT_SLEEP : NEXT_WAKE);
	return looks(active);
}

/* It has its turn. passed: the active one wakes it, and tries several times: so the two of us work at the same time. */
static void wake(struct host_zone *zone, bool passed)
{
	if (cross.split && cross.active == zone && looks(zone))
		return;
	/* One that is not asleep finds its turn by itself. */
	if (passed && zone->sleeps_on != cross.active->w + W_WAKE)
		move_to_active(zone);
	set_active(zone);
	if (!passed)
		ring(zone);
}

/* While this zone runs: who came after it the last time may do so again. */
static void expect(const struct host_zone *zone)
{
	struct host_zone *next = zone->successor;

	if (!cross.guest && next && next != zone && !next->spare && cross.active == zone && !looks(next))
		move_to_active(next);
}

bool host_cross_is_at_rest(struct host_zone *zone)
{
	if (!move_sleeper(bell_of(zone), zone->turn, zone->w + W_REST))
		return false;
	zone->sleeps_on = zone->w + W_REST;
	return true;
}

struct wait {
	struct host_zone *zone;
	uint8_t *word;       /* that the zone writes when it is done */
	bool mapper;         /* for its mapper, not for its program */
	uint64_t deadline;   /* as given */
	uint64_t start;
	uint64_t preempt_at; /* when it is to be looked at next */
	bool final;          /* whoever does not stop is dead, not late */
	bool blind;          /* the host does not help to see that it ran */
	bool told;           /* to stop, since… */
	uint64_t cpu_start;  /* …its process had used so much CPU time */
	uint64_t cpu_seen;   /* and at the last look */
	uint32_t rounds;     /* looks that found it running */
	uint32_t sleepy;     /* …and, of a mapper, asleep */
	enum cross_result result; /* if it is not to be waited for any more */
};

/* Sleeps till the word is not `value` any more, somebody wakes us, or `until`. */
static void sleep_on(const struct wait *wait, uint32_t value, uint64_t now, uint64_t until)
{
	uint32_t *word = (uint32_t *)(void *)wait->word;
	uint8_t *r = wait->zone->r;
	uint64_t span = until > now ? until - now : 0;
	struct timespec timeout;

	if (span > SLEEP_NS)
		span = SLEEP_NS;
	timeout.tv_sec = 0;
	timeout.tv_nsec = (long)span;
	/* The mapper wakes always. */
	if (!wait->mapper)
		__atomic_store_n((uint32_t *)(void *)(r + R_ASLEEP), 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
		futex(word, FUTEX_WAIT, value, &timeout);
	if (!wait->mapper)
		store32(r, R_ASLEEP, 0);
}

/* Does somebody sleep on this word? Says the host: it moves one sleeper to where it is. */
static bool has_sleeper(void *word)
{
	return move_sleeper(word, load32(word, 0), word);
}

/* When one of its threads was told to run, only the wrong place
 * in the stub, entered by the program on purpose, lets both sleep; a thread that
 * waits for a core on a busy machine does not sleep. The words are all that their filters let them sleep on. */
bool host_cross_sleeps(const struct host_zone *zone)
{
	return has_sleeper(zone->r + R_MPOSTED) &&
	       (has_sleeper(bell_of(zone)) || has_sleeper(zone->r + R_MDONE) || has_sleeper(zone->sleeps_on));
}

/* Whoever is to be waited for may sleep. */
static void nudge(const struct wait *wait)
{
	if (wait->mapper)
		futex(wait->zone->r + R_MPOSTED, FUTEX_WAKE, 1, 0);
	else
		ring(wait->zone);
}

/* Says nothing of who sends it: the program can read the frame that the host makes for its handler. */
static void preempt(const struct host_zone *zone)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = SIG_PREEMPT;
	info.si_code = SI_QUEUE;
	syscall(SYS_rt_tgsigqueueinfo, zone->pid, zone->pid, SIG_PREEMPT, &info);
}

bool host_cross_interrupt(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

static uint64_t preempt_again_ns(const struct wait *wait)
{
	return host_machine.impatient && !wait->final ? IMPATIENT_NS : PREEMPT_AGAIN_NS;
}

/*
 * A signal that is sent before the handler of the last one has run lays its frame on top of that one's, and the signal
 * stack has room for five. Where the host is slow, it delivers the next one before the thread runs a single
 * instruction; so while none comes to nothing, each is sent after four times the time of the one before.
 */
static void preempt_again(const struct wait *wait, uint64_t now)
{
	struct host_zone *zone = wait->zone;
	uint32_t dropped = load32(zone->w, W_DROPPED);

	if (zone->signals.gap_ns == 0 || dropped != zone->signals.dropped)
		zone->signals.gap_ns = preempt_again_ns(wait);
	else if (now >= zone->signals.due_ns)
		zone->signals.gap_ns *= 4;
	else
		return;
	zone->signals.dropped = dropped;
	zone->signals.due_ns = now + zone->signals.gap_ns;
	preempt(zone);
}

static void tell_to_stop(struct wait *wait)
{
	wait->told = true;
	wait->rounds = 0;
	wait->cpu_start = wait->cpu_seen = host_zone_cpu_ns(wait->zone);
}

/* It was told to stop, and has not: is that enough? */
static bool is_overdue(struct wait *wait)
{
	struct host_zone *zone = wait->zone;
	uint64_t cpu = host_zone_cpu_ns(zone), used = cpu - wait->cpu_start;

	wait->result = wait->final ? CROSS_DEAD : CROSS_LATE;
	if (wait->mapper)
		return used > MAPPER_CPU_NS;
	/* What its mapper does is on the same clock, and the thread waits for it. */
	if (!host_cross_map_done(zone)) {
		futex(zone->r + R_MPOSTED, FUTEX_WAKE, 1, 0);
		tell_to_stop(wait);
		return false;
	}
	/* A signal that comes while it is in the stub is lost. */
	if (cpu - wait->cpu_seen > ROUND_CPU_NS)
		wait->rounds++;
	wait->cpu_seen = cpu;
	if (!wait->final)
		return host_machine.impatient || (wait->rounds >= LATE_ROUNDS && used > LATE_CPU_NS);
	if (!host_cross_interrupt())
		wait->blind = true;
	return wait->rounds >= ANSWER_ROUNDS && used > (wait->blind ? BLIND_CPU_NS : ANSWER_CPU_NS);
}

/* The slow things while a zone runs. False: there is no point in waiting for it, for the reason in wait->result. */
static bool attend(struct wait *wait, uint64_t now)
{
	struct host_zone *zone = wait->zone;
	uint32_t *sleepy = wait->mapper ? &wait->sleepy : &zone->sleepy;
	uint32_t died = __atomic_load_n(&host_children_died, __ATOMIC_RELAXED);

	wait->result = CROSS_DEAD;
	if (host_watch_has_shot(zone))
		return host_accuse("computes when it is not its turn");
	if (died != cross.children_died) {
		cross.children_died = died;
		if (host_zone_is_dead(zone))
			return host_accuse("has ended");
	}
	/* An event that the LibOS has not yet taken must not cost a signal per entry. */
	if (now >= cross.event_at && host_events_pending())
		cross.event_at = now + preempt_again_ns(wait);
	else if (now < wait->preempt_at)
		return true;
	if (!wait->told) {
		tell_to_stop(wait);
	} else {
		if (now < wait->preempt_at)
			return true;
		if (host_zone_is_dead(zone))
			return host_accuse("has ended");
		if (is_overdue(wait))
			return wait->final && host_accuse(wait->mapper ? "the mapper takes too long" : "does not stop");
		nudge(wait);
		/* Several times in a row: a wake-up may be under way. */
		*sleepy = host_cross_sleeps(zone) ? *sleepy + 1 : 0;
		wait->result = CROSS_DEAD;
		if (*sleepy > SLEEPER_CHECKS)
			return host_accuse("sleeps in its turn");
	}
	wait->preempt_at = now + preempt_again_ns(wait);
	if (wait->deadline != CROSS_NO_PREEMPT)
		preempt_again(wait, now);
	return true;
}

/* Waits till the word is `value`. */
static enum cross_result await(struct wait *wait, uint32_t value)
{
	uint64_t now, spin_until = 0;
	bool nudged = false;
	uint32_t seen;

	if (cross.split) {
		for (int i = 0; i < 64; i++) {
			for (int j = 0; j < LOOKS; j++)
				if (load32(wait->word, 0) == value)
					return CROSS_STOPPED;
			__builtin_ia32_pause();
			if (!wait->mapper && i % 8 == 7)
				expect(wait->zone);
		}
	}
	now = hal_time_ns();
	wait->start = now;
	/* A zone that must not be signalled: look after it all the same. */
	wait->preempt_at = wait->deadline != CROSS_NO_PREEMPT ? wait->deadline : now + preempt_again_ns(wait);
	if (cross.split)
		spin_until = now + SPIN_SIM_NS;
	for (;;) {
		seen = load32(wait->word, 0);
		if (seen == value)
			return CROSS_STOPPED;
		if (!attend(wait, now))
			return load32(wait->word, 0) == value ? CROSS_STOPPED : wait->result;
		if (now < spin_until) {
			if (!wait->mapper)
				expect(wait->zone);
			for (int i = 0; i < 32 && load32(wait->word, 0) == seen; i++)
				__builtin_ia32_pause();
			if (!nudged && now - wait->start > NUDGE_NS) {
				nudged = true;
				nudge(wait);
			}
		} else {
			sleep_on(wait, seen, now, wait->preempt_at);
			if (hal_time_ns() - wait->start > SLEEP_NS)
				nudge(wait);
		}
		now = hal_time_ns();
	}
}

static enum cross_result await_turn(struct host_zone *zone, uint64_t deadline, bool final)
{
	struct wait wait = {.zone = zone, .word = zone->w + W_STATE, .deadline = deadline, .final = final};
	enum cross_result result = await(&wait, zone->turn);

	host_watch_end(zone, wait.start ? hal_time_ns() - wait.start : 0);
	if (result == CROSS_STOPPED) {
		zone->sleepy = 0;
		zone->signals.gap_ns = 0;
	} else {
		set_active(0);
	}
	if (zone->sleeps_on == bell_of(zone))
		return result;
	/* One that was not waited for may not even have woken. */
	if (result != CROSS_STOPPED)
		move_sleeper(zone->sleeps_on, load32(zone->sleeps_on, 0), bell_of(zone));
	zone->sleeps_on = bell_of(zone);
	return result;
}

enum cross_result host_cross_enter(struct host_zone *zone, uint32_t action, uint64_t deadline)
{
	bool passed;

	host_watch_begin(zone);
	zone->turn++;
	passed = make_room(zone);
	store32(zone->r, R_ACTION, action);
	store32(zone->r, R_SPIN, cross.split ? places.spin : 1);
	store32(zone->w, W_BELL, zone->turn);
	tell(zone, 0);
	wake(zone, passed);
	return await_turn(zone, deadline, deadline == CROSS_NO_PREEMPT);
}

enum cross_result host_cross_wait(struct host_zone *zone, uint64_t deadline, bool final)
{
	host_watch_begin(zone);
	make_room(zone);
	/* It may have stopped meanwhile, and been moved to where whoever ran last would have woken it. */
	send_home(0);
	set_active(zone);
	return await_turn(zone, deadline, final);
}

void host_cross_post(struct host_zone *zone, uint32_t count)
{
	uint32_t list = zone->list + 1;

	store32(zone->r, R_MCOUNT, count);
	/* Whoever waits for the zone's program looks at it too, without the space's lock. */
	__atomic_store_n(&zone->list, list, __ATOMIC_RELAXED);
	store32(zone->r, R_MPOSTED, list);
}

bool host_cross_map_done(const struct host_zone *zone)
{
	return load32(zone->r, R_MDONE) == __atomic_load_n(&zone->list, __ATOMIC_RELAXED);
}

enum cross_result host_cross_map(struct host_zone *zone, uint32_t count)
{
	struct wait wait = {.zone = zone, .word = zone->r + R_MDONE, .mapper = true, .deadline = CROSS_NO_PREEMPT, .final = true};
	enum cross_result result;

	if (count)
		host_cross_post(zone, count);
	if (host_cross_map_done(zone))
		return CROSS_STOPPED;
	if (cross.split && cross.active == zone)
		tell(zone, NEXT_MAPPER | (++zone->next_serial & 0xffff));
	if (!cross.split || cross.active != zone || !looks(zone))
		futex(zone->r + R_MPOSTED, FUTEX_WAKE, 1, 0);
	result = await(&wait, zone->list);
	host_watch_mapper(zone, wait.start ? hal_time_ns() - wait.start : 0);
	return result;
}

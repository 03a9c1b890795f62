/*
 * A LibOS zone uses capabilities as fast as it can, also by what it makes of them, while its creator revokes them. Once exo_cap_revoke()
 * has said OK no use may succeed. In the simulator the guest has another CPU, so both are in the kernel at a time; on one
 * CPU its turns begin and end wherever they like.
 *
 * In each round the guest gets a timer and a frame, which it maps for itself and for a program below it that does nothing but write there.
 */
#include "guest.h"

#define AT_RACED 20 /* the frame */
#define RACED    0x20000000UL /* where the guest maps it */
#define WRITTEN  256 /* the program's word; what the kernel writes is before it */
#define MADE     8  /* capabilities that the guest makes of each of the two in a round */
#define LATE     20 /* uses of each that must have been refused in a round */
#define ROUNDS_MS 8000  /* no more rounds after so long, */
#define ROUNDS_MIN 20   /* but so many, */
#define SHY_MS    30000 /* and more while the guest has hardly used what it had, as on a busy machine: for so long */
#define GUARD_MS  20000

enum { TIMER, MEMORY, KINDS };

struct race {
	/* the creator's */
	volatile uint64_t offered;        /* the round whose names these are; 0: they are being written */
	volatile exo_cap_t cap[KINDS];
	volatile uint64_t revoked[KINDS]; /* the last round in which revocation has said OK */
	exo_cap_t zone, app, inner, cpu;  /* the guest's: itself, its program, the program's context, its slot */
	struct exo_map_op op;
	/* the guest's */
	volatile uint64_t good[KINDS];    /* uses that succeeded, */
	volatile uint64_t late[KINDS];    /* that were refused after the revocation, */
	volatile uint64_t wrong[KINDS];   /* that succeeded after it */
	volatile uint64_t wrong_call;
	volatile uint64_t faults;         /* of the program */
	volatile uint64_t round;          /* the one it is in */
};

struct hand {
	struct race *race;
	uint64_t round;
	exo_cap_t made[KINDS][MADE];
	uint64_t next[KINDS];
};

/* One use. What had been revoked is looked at before the call. */
static inline __attribute__((always_inline)) uint64_t use(struct hand *hand, int kind, uint64_t number, uint64_t a0, uint64_t a1,
                                                          uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct race *race = hand->race;
	int over = race->revoked[kind] >= hand->round;
	struct exo_result r = exo_call_here(number, a0, a1, a2, a3, a4, 0);

	if (r.status != EXO_OK)
		race->late[kind] += over;
	else if (!over)
		race->good[kind]++;
	else if (race->wrong[kind]++ == 0)
		race->wrong_call = number;
	return r.status == EXO_OK ? r.value : EXO_CAP_NONE;
}

static inline __attribute__((always_inline)) void keep(struct hand *hand, int kind, exo_cap_t cap)
{
	if (cap != EXO_CAP_NONE)
		hand->made[kind][hand->next[kind]++] = cap;
}

static inline __attribute__((always_inline)) void round_go(struct hand *hand)
{
	struct race *race = hand->race;
	exo_cap_t timer = race->cap[TIMER], memory = race->cap[MEMORY];
	uint64_t op = GUEST + AT_REPORT * PAGE + offsetof(struct race, op), turn = 0;

	if (race->offered != hand->round)
		return;
	race->round = hand->round;
	hand->next[TIMER] = hand->next[MEMORY] = 0;
	while (race->offered == hand->round) {
		/* The one that it got, or one that it made of it. */
		exo_cap_t t = turn++ & 1 && hand->next[TIMER] ? hand->made[TIMER][turn / 2 % hand->next[TIMER]] : timer;
		exo_cap_t m = turn & 2 && hand->next[MEMORY] ? hand->made[MEMORY][turn / 4 % hand->next[MEMORY]] : memory;

		for (int i = 0; i < 4; i++)
			use(hand, TIMER, EXO_NR_CLOCK_READ, t, EXO_CLOCK_MONOTONIC, 0, 0, 0);
		if (hand->next[TIMER] < MADE)
			keep(hand, TIMER, use(hand, TIMER, EXO_NR_CAP_DERIVE, t, EXO_R_READ | EXO_R_DERIVE, 0, 0, EXO_NO_EXPIRY));
		if (hand->next[MEMORY] < MADE)
			keep(hand, MEMORY, use(hand, MEMORY, EXO_NR_CAP_GRANT, m, race->zone, EXO_R_ALL, 0, 0));
		use(hand, MEMORY, EXO_NR_MEM_MAP, race->zone, m, op, 1, 0);
		/* Whatever is mapped there, the kernel may write to it for us. */
		use(hand, MEMORY, EXO_NR_ZONE_INFO, race->zone, RACED, 0, 0, 0);
		use(hand, MEMORY, EXO_NR_MEM_MAP, race->app, m, op, 1, 0);
		race->faults += exo_call_here(EXO_NR_RUN, race->inner, race->cpu, 50000, 0, 0, 0).value == EXO_EV_FAULT;
	}
}

GUEST_MAIN void guest_main(const struct exo_boot *boot)
{
	struct hand hand;

	(void)boot;
	hand.race = (void *)(GUEST + AT_REPORT * PAGE);
	for (;;) {
		hand.round = hand.race->offered;
		if (hand.round != 0)
			round_go(&hand);
	}
}

/* The program. */
IN_GUEST void guest_inner(void)
{
	for (;;)
		++((volatile uint64_t *)RACED)[WRITTEN];
}

/* ---- its creator ---- */

static struct race *race;
static exo_cap_t top[KINDS]; /* what the guest's are derived from, and what is revoked */
static exo_cap_t guest, context, app, inner;
static uint64_t written, noise; /* rounds in which the program wrote, and in which it did after the revocation */

static void offer(uint64_t round)
{
	race->offered = 0;
	for (int kind = 0; kind < KINDS; kind++)
		race->cap[kind] = guest_give(top[kind], guest);
	race->offered = round;
}

/* Waits until *word is at least `least`, asleep if the guest needs our CPU. */
static int reaches(const volatile uint64_t *word, uint64_t least, int asleep)
{
	long end = clock_ms() + GUARD_MS;

	for (long i = 0; *word < least; i++)
		if (asleep || i > 100000) {
			pause_ms(1);
			if (clock_ms() > end)
				return 0;
		}
	return 1;
}

static enum exo_status revoke(int kind, uint64_t round)
{
	enum exo_status status;

	do
		status = exo_cap_revoke(top[kind], NULL);
	while (status == EXO_E_AGAIN);
	race->revoked[kind] = round;
	return status;
}

/* After the frame was taken back nobody writes to it. False: the guest does nothing any more. */
static int look_after(uint64_t round, int asleep)
{
	static unsigned char before[4096];
	uint64_t late[KINDS], was;
	int good;

	memcpy(&was, before, sizeof was);
	written += ((uint64_t *)guest_frame(AT_RACED))[WRITTEN] != was;
	memset(guest_frame(AT_RACED), (int)round, PAGE);
	memset(before, (int)round, sizeof before);
	for (int kind = 0; kind < KINDS; kind++)
		late[kind] = race->late[kind];
	good = reaches(&race->late[TIMER], late[TIMER] + LATE, asleep) && reaches(&race->late[MEMORY], late[MEMORY] + LATE, asleep);
	noise += memcmp(guest_frame(AT_RACED), before, PAGE) != 0;
	return good;
}

static int it_used_them(void)
{
	return race->good[TIMER] > ROUNDS_MIN && race->good[MEMORY] > ROUNDS_MIN && race->faults > ROUNDS_MIN && written > 1;
}

/* Is there another round? `count` are wanted. */
static int goes_on(uint64_t round, uint64_t count, long since)
{
	long ms = clock_ms() - since;

	return round <= ROUNDS_MIN || (round <= count && ms < ROUNDS_MS) || (!it_used_them() && ms < SHY_MS);
}

/* How many rounds there were; 0: the guest did not take part in one, or a revocation was refused. */
static uint64_t rounds_go(uint64_t count, int asleep)
{
	long since = clock_ms();
	uint64_t round, x = 88172645463325252ULL;

	for (round = 1; goes_on(round, count, since); round++) {
		offer(round);
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		/* Now and then before the guest has begun, else somewhere in the middle. */
		if (x & 7 && !reaches(&race->round, round, asleep))
			return 0;
		for (volatile uint64_t i = 0; i < (x >> 8) % 50000; i++)
			;
		if (revoke(x >> 7 & 1, round) != EXO_OK || revoke(~x >> 7 & 1, round) != EXO_OK || !look_after(round, asleep))
			return 0;
	}
	return round - 1;
}

static void race_on(uint64_t on_cpu, uint64_t cycles, uint64_t rounds)
{
	const struct cpu_quantum q = { .cycles = cycles, .priority = 1 };
	const struct exo_boot *boot;
	uint64_t done;

	CHECK("a LibOS zone", guest_start(on_cpu) && guest_create("racer", &guest, &context));
	race = guest_frame(AT_REPORT);
	boot = guest_frame(AT_BOOT);
	guest_page(AT_INNER, (uint64_t)(uintptr_t)guest_inner, 2);
	CHECK("and a program below it", guest_create_below(guest, &app) && exo_ctx_create(app, memory, first + AT_INNER, &inner) == EXO_OK);
	race->zone = boot->zone;
	race->cpu = boot->cpu;
	race->app = guest_give(app, guest);
	race->inner = guest_give(inner, guest);
	race->op = (struct exo_map_op){ RACED, first + AT_RACED, 1, RW };
	CHECK("what it shall lose", exo_cap_derive(timer, EXO_R_ALL & (EXO_R_READ | HOLD), 0, 0, EXO_NO_EXPIRY, &top[TIMER]) == EXO_OK &&
	      exo_cap_derive(memory, EXO_R_READ | EXO_R_WRITE | HOLD, first + AT_RACED, 1, EXO_NO_EXPIRY, &top[MEMORY]) == EXO_OK);
	CHECK("in a slot", guest_bind(context, &q) == EXO_OK);
	written = noise = 0;
	done = rounds_go(rounds, on_cpu == 0);
	fprintf(stderr, "CPU %d: %d rounds, uses good %d %d, late %d %d, wrong %d %d (call %d), %d faults, written in %d\n", (int)on_cpu, (int)done,
	        (int)race->good[TIMER], (int)race->good[MEMORY], (int)race->late[TIMER], (int)race->late[MEMORY],
	        (int)race->wrong[TIMER], (int)race->wrong[MEMORY], (int)race->wrong_call, (int)race->faults, (int)written);
	CHECK("many rounds", done >= ROUNDS_MIN);
	CHECK("it used what it had", it_used_them());
	CHECK("no use succeeded after a revocation", race->wrong[TIMER] == 0 && race->wrong[MEMORY] == 0);
	CHECK("nor was the frame written", noise == 0);
	CHECK("it ends", guest_end(guest));
}

/* The simulator is started with two CPUs for this. */
static int is_simulator(void)
{
	static char text[512];
	int f = open("/proc/version", O_RDONLY);
	long n = read(f, text, sizeof text - 1);

	close(f);
	return n > 0 && strstr(text, "hosted");
}

int main(void)
{
	struct witness witness = witness_start();

	race_on(is_simulator() ? 1 : 0, 3000000, is_simulator() ? 500 : 60);
	CHECK("the witness is well", witness_is_well(&witness));
	race_on(0, 200000, 60);
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}

/* Threads read and write through mappings made under capabilities that are revoked or dropped beneath them: when the
 * call that takes a capability away has said OK, nobody reaches its frames any more, whoever has them next. */
#include "exo.h"
#include <pthread.h>
#include <setjmp.h>

#define PAGE   4096UL
#define FRAMES 16
#define ROUNDS 60
#define HOLD   (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define RW     (EXO_PROT_READ | EXO_PROT_WRITE)
#define OURS   0x5151515151515151UL
#define THEIRS 0xe7e7e7e7e7e7e7e7UL

static exo_cap_t zone, memory;
static uint64_t first;
static volatile uint64_t *place, *other; /* the threads' view, and the owner's */
static volatile uint64_t said;           /* odd: nobody may reach the place */
static volatile uint64_t looks, good, late;
static volatile int ends;

static _Thread_local sigjmp_buf env;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(env, 1);
}

static void look(unsigned page, int writes)
{
	uint64_t before = said;

	if (sigsetjmp(env, 1))
		return;
	if (writes)
		place[page * PAGE / 8 + 1] = OURS;
	else
		(void)place[page * PAGE / 8];
	if (said != before)
		return;
	if (before & 1)
		late++;
	else
		good++;
}

static void *reader(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !ends; i++) {
		look(i % FRAMES, (i / FRAMES) & 1);
		looks++;
	}
	return NULL;
}

static void wait_looks(void)
{
	uint64_t until = looks + 4 * FRAMES;

	while (looks < until)
		sched_yield();
}

static uint64_t map(exo_cap_t under, volatile uint64_t *at, uint32_t prot)
{
	static struct exo_map_op op;
	uint64_t status;

	do {
		op = (struct exo_map_op){ (uint64_t)(uintptr_t)at, first, FRAMES, prot };
		status = exo_mem_map(zone, under, &op, 1, NULL);
	} while (status == EXO_E_AGAIN);
	return status;
}

static int get_all(void)
{
	struct exo_dev_grant z = { .kind = EXO_DEV_ZONE, .rights = EXO_R_READ | EXO_R_MAP | HOLD };
	struct exo_dev_grant m = { .kind = EXO_DEV_MEMORY, .rights = EXO_R_READ | EXO_R_WRITE | HOLD, .count = FRAMES };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);

	if (ioctl(f, (int)EXO_DEV_GRANT, &z) || ioctl(f, (int)EXO_DEV_GRANT, &m))
		return 0;
	zone = z.cap;
	memory = m.cap;
	first = m.first;
	/* The LibOS thinks that nothing is there: what faults stays a fault. */
	place = mmap(NULL, FRAMES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other = mmap(NULL, FRAMES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return map(memory, other, RW) == EXO_OK;
}

static uint64_t by_revoking(exo_cap_t parent, exo_cap_t cap)
{
	uint64_t status;

	(void)cap;
	do
		status = exo_cap_revoke(parent, NULL);
	while (status == EXO_E_AGAIN);
	return status;
}

static uint64_t by_unmapping(exo_cap_t parent, exo_cap_t cap)
{
	(void)parent;
	(void)cap;
	return map(EXO_CAP_NONE, place, 0);
}

static uint64_t by_dropping(exo_cap_t parent, exo_cap_t cap)
{
	uint64_t status = map(EXO_CAP_NONE, place, 0);

	(void)parent;
	return status != EXO_OK ? status : exo_cap_drop(cap, NULL);
}

static int holds(uint64_t (*take_away)(exo_cap_t, exo_cap_t))
{
	pthread_t threads[2];
	int bad = 0;

	ends = 0;
	good = late = 0;
	said = 1;
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, reader, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		exo_cap_t parent = EXO_CAP_NONE, cap = EXO_CAP_NONE;

		said++;
		bad += exo_cap_derive(memory, EXO_R_READ | EXO_R_WRITE | HOLD, first, FRAMES, EXO_NO_EXPIRY, &parent) != EXO_OK ||
		       exo_cap_derive(parent, EXO_R_READ | EXO_R_WRITE | HOLD, first, FRAMES, EXO_NO_EXPIRY, &cap) != EXO_OK ||
		       map(cap, place, RW) != EXO_OK;
		wait_looks();
		bad += take_away(parent, cap) != EXO_OK;
		said++;
		for (unsigned page = 0; page < FRAMES; page++)
			other[page * PAGE / 8 + 1] = THEIRS;
		wait_looks();
		for (unsigned page = 0; page < FRAMES; page++)
			bad += other[page * PAGE / 8 + 1] != THEIRS;
		by_revoking(parent, cap);
		bad += exo_cap_drop(parent, NULL) != EXO_OK;
	}
	ends = 1;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (bad || late)
		fprintf(stderr, "%d bad, %lu late, %lu good\n", bad, late, good);
	return bad == 0 && late == 0 && good > 0;
}

int main(void)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	CHECK("memory and a zone from /dev/exo", get_all());
	CHECK("nobody is late after a revocation", holds(by_revoking));
	CHECK("nobody is late after an unmapping", holds(by_unmapping));
	CHECK("nobody is late after that and a drop", holds(by_dropping));
	DONE();
}

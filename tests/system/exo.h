/*
 * exo: what test programs share that speak to FeuerBird's kernel: the call, capabilities
 * from /dev/exo, the audit ring, and a witness that goes on working beside an attack.
 * Needs `flags -static -Iinclude -Ibuild/gen` in the test's conf.
 */
#ifndef EXO_H
#define EXO_H

#include "check.h"
#include "../../bin/exo_call.h"
#include <libos/dev_exo.h>
#include <sys/ioctl.h>

#define AUDIT_RIGHTS (EXO_R_READ | EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)

/* A capability from /dev/exo, or EXO_CAP_NONE. */
static inline exo_cap_t exo_ask(uint32_t kind, uint32_t rights)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);
	int bad = f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0;

	if (f >= 0)
		close(f);
	return bad ? EXO_CAP_NONE : g.cap;
}

/* Our zone's share of a table of the kernel. */
static inline int exo_share(uint64_t table, uint64_t limit)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_QUOTA, .first = table, .count = limit };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);
	int bad = f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0;

	if (f >= 0)
		close(f);
	return !bad;
}

/* Ends a zone, in as many calls as it takes; after the first the rest may also be cleared away by others. */
static inline uint64_t exo_zone_end(exo_cap_t zone)
{
	uint64_t status = exo_zone_destroy(zone, NULL);
	int begun = 0;

	for (; status == EXO_E_AGAIN; begun = 1)
		status = exo_zone_destroy(zone, NULL);
	return begun && status == EXO_E_CAP ? EXO_OK : status;
}

static inline struct exo_cap_info exo_what(exo_cap_t cap)
{
	static struct exo_cap_info info;

	memset(&info, 0, sizeof info);
	if (exo_cap_inspect(cap, &info, NULL) != EXO_OK)
		memset(&info, 0, sizeof info);
	return info;
}

/* ---- what the audit ring says ---- */

static exo_cap_t exo_audit;  /* looks at the ring; nothing is attacked with it */
static uint32_t exo_zone;    /* our own number */
static struct exo_audit_record exo_records[512];

static inline int exo_audit_open(void)
{
	exo_audit = exo_ask(EXO_DEV_AUDIT, EXO_R_READ);
	exo_zone = exo_what(exo_audit).owner_zone;
	return exo_audit != EXO_CAP_NONE && exo_zone != 0;
}

/* Takes the records that are there, refusals first; returns how many. */
static inline uint64_t exo_audit_take(void)
{
	uint64_t count = 0;

	/* Answers go to memory that is there already. */
	memset(exo_records, 0, sizeof exo_records);
	return exo_audit_read(exo_audit, exo_records, 512, &count) == EXO_OK ? count : 0;
}

/* Is there a record of this zone's refusal among those taken? cap 0: any. */
static inline int exo_is_refused(uint32_t zone, uint64_t call, uint64_t status, exo_cap_t cap)
{
	for (int i = 0; i < 512; i++) {
		const struct exo_audit_record *r = &exo_records[i];

		if (r->what == EXO_AUDIT_REFUSE && r->zone == zone && r->call == call && r->status == status &&
		    (!cap || r->cap == cap))
			return 1;
	}
	return 0;
}

/* REFUSED(what, status, number, six arguments): the call gives this status, and the audit ring has it. */
#define REFUSED(what, want, nr, a0, a1, a2, a3, a4, a5)                                           \
	do {                                                                                      \
		uint64_t got_, first_ = (uint64_t)(a0);                                           \
		exo_audit_take();                                                                 \
		got_ = exo_call(nr, first_, (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3),       \
		                (uint64_t)(a4), (uint64_t)(a5)).status;                           \
		exo_audit_take();                                                                 \
		if (got_ != (want))                                                               \
			fprintf(stderr, "%s: status %d\n", what, (int)got_);                      \
		check_line(got_ == (want) && exo_is_refused(exo_zone, (nr) > 0xffff ? 0xffff : (nr), want, 0), \
		           what, __FILE__, __LINE__, (int)got_);                                  \
	} while (0)

/* ---- the witness ---- */

/* A process that works all the time: memory, files, pipes, children. What is attacked must not harm it. */
struct witness {
	pid_t pid;
	int fd;
	volatile uint32_t *rounds; /* shared; the top bit: something was wrong */
};

static inline uint32_t witness_round(uint32_t seed, int p[2])
{
	uint32_t sum = 0, got = 0;
	uint32_t *block = malloc(65536);
	int f = open("/tmp/witness", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pid_t child;

	for (int i = 0; block && i < 16384; i++)
		sum += block[i] = seed * 2654435761u + (uint32_t)i;
	if (!block || write(f, block, 65536) != 65536 || lseek(f, 0, SEEK_SET) || read(f, block, 65536) != 65536)
		return 1;
	for (int i = 0; i < 16384; i++)
		got += block[i];
	free(block);
	close(f);
	child = fork();
	if (child == 0)
		_exit(write(p[1], &sum, 4) != 4);
	return child < 0 || wait_status(child) != 0 || read(p[0], &sum, 4) != 4 || sum != got;
}

static inline struct witness witness_start(void)
{
	struct witness w = { 0 };
	int p[2];

	w.rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*w.rounds = 0;
	w.pid = pipe(p) ? -1 : fork();
	if (w.pid == 0)
		for (uint32_t n = 1;; n++) {
			*w.rounds = n | (*w.rounds & 0x80000000) | (witness_round(n, p) ? 0x80000000 : 0);
			pause_ms(1);
		}
	close(p[0]);
	close(p[1]);
	return w;
}

/* It has worked since, without a mistake, and works still. */
static inline int witness_is_well(const struct witness *w)
{
	uint32_t before = *w->rounds;

	for (int i = 0; i < 5000 && *w->rounds < before + 2; i++)
		pause_ms(2);
	return *w->rounds >= before + 2 && !(*w->rounds & 0x80000000);
}

static inline void witness_end(struct witness *w)
{
	kill(w->pid, SIGKILL);
	wait_status(w->pid);
}

#endif

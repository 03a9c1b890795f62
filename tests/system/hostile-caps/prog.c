/* Attacks on capabilities: forged, guessed, stolen and worn-out names; rights, time and extents that grow; use after drop and revoke. */
#include "exo.h"

static exo_cap_t mine;      /* audit, with all that root can have */
static struct exo_stats stats __attribute__((aligned(4096)));
static struct exo_cap_info caps[64] __attribute__((aligned(4096)));

static uint64_t use(exo_cap_t cap)
{
	return exo_call(EXO_NR_STATS_READ, cap, (uint64_t)&stats, 0, 0, 0, 0).status;
}

static exo_cap_t derive(exo_cap_t from, uint32_t rights, uint64_t expires)
{
	uint64_t cap = EXO_CAP_NONE;

	return exo_cap_derive(from, rights, 0, 0, expires, &cap) == EXO_OK ? cap : EXO_CAP_NONE;
}

#define USE_REFUSED(what, want, cap) REFUSED(what, want, EXO_NR_STATS_READ, cap, &stats, 0, 0, 0, 0)

/* ---- names ---- */

static void guess(void)
{
	uint64_t slot = mine & 0xffff, generation = mine >> 16;
	int hits = 0;

	USE_REFUSED("no capability at all", EXO_E_CAP, EXO_CAP_NONE);
	USE_REFUSED("all bits set", EXO_E_CAP, ~0ULL);
	USE_REFUSED("the slot without its generation", EXO_E_CAP, slot);
	USE_REFUSED("the generation before", EXO_E_CAP, (generation - 1) << 16 | slot);
	USE_REFUSED("the generation after", EXO_E_CAP, (generation + 1) << 16 | slot);
	for (uint64_t g = 0; g < 300; g++)
		hits += g != generation && use(g << 16 | slot) != EXO_E_CAP;
	CHECK("three hundred generations of our slot", hits == 0);
	for (uint64_t s = 0; s < 65536; s += s < 2048 ? 1 : 257) {
		uint64_t status = use(1ULL << 16 | s);

		hits += status == EXO_OK && s != slot;
		hits += use(generation << 16 | s) == EXO_OK && s != slot;
	}
	/* Some of these may be our own other names: the ring's reader is one. */
	CHECK("slots all over the table", hits <= 2);
	hits = 0;
	for (int bit = 0; bit < 64; bit++)
		hits += (mine ^ 1ULL << bit) != exo_audit && use(mine ^ 1ULL << bit) == EXO_OK;
	CHECK("our name with one bit changed", hits == 0);
	CHECK("and our own still works", use(mine) == EXO_OK);
}

/* The list of all capabilities tells every name there is. Knowing one is not having it. */
static void steal(void)
{
	uint64_t start = 1, count, tried = 0, hits = 0;
	exo_cap_t libos = EXO_CAP_NONE, zone = EXO_CAP_NONE;

	do {
		count = 0;
		memset(caps, 0, sizeof caps);
		if (exo_list_caps(mine, caps, 64, start, &count) != EXO_OK)
			break;
		for (uint64_t i = 0; i < count; i++) {
			start = (caps[i].cap & 0xffff) + 1;
			if (caps[i].owner_zone == exo_zone)
				continue;
			tried++;
			for (uint64_t nr = 1; nr < EXO_NR_COUNT; nr++)
				hits += nr != EXO_NR_CAP_UNSEAL && nr != EXO_NR_BATCH && nr != EXO_NR_FASTIPC_WAIT && exo_call(nr, caps[i].cap, 0, 0, 0, 0, 0).status != EXO_E_CAP;
			if (caps[i].type == EXO_CAP_AUDIT)
				libos = caps[i].cap;
			if (caps[i].type == EXO_CAP_ZONE && caps[i].first == exo_zone)
				zone = caps[i].cap;
		}
	} while (count);
	CHECK("every name that others have, with every call", tried > 10 && hits == 0);
	USE_REFUSED("the LibOS's own audit capability", EXO_E_CAP, libos);
	REFUSED("our own zone's capability, which the LibOS has: map", EXO_E_CAP, EXO_NR_MEM_MAP, zone, 0, caps, 1, 0, 0);
	REFUSED("our own zone: destroy", EXO_E_CAP, EXO_NR_ZONE_DESTROY, zone, 0, 0, 0, 0, 0);
	REFUSED("the name of the parent that inspect tells", EXO_E_CAP, EXO_NR_CAP_REVOKE, exo_what(mine).parent, 0, 0, 0, 0, 0);
	REFUSED("grant to a zone that we only know by name", EXO_E_CAP, EXO_NR_CAP_GRANT, mine, zone, EXO_R_READ, 0, 0, 0);
	REFUSED("grant to something that is no zone", EXO_E_TYPE, EXO_NR_CAP_GRANT, mine, mine, EXO_R_READ, 0, 0, 0);
	REFUSED("seal for a zone that we only know by name", EXO_E_CAP, EXO_NR_CAP_SEAL, mine, EXO_R_READ, zone, EXO_NO_EXPIRY, 0, caps);
}

/* A name in a child's hands, and one whose zone has died. */
static void inherit(void)
{
	exo_cap_t theirs = EXO_CAP_NONE;
	uint64_t status = EXO_OK;
	int p[2], st;
	pid_t child;

	pipe(p);
	exo_audit_take();
	if ((child = fork()) == 0) {
		status = use(mine);
		_exit(write(p[1], &status, 8) != 8);
	}
	st = wait_status(child);
	CHECK("a child with its parent's name", st == 0 && read(p[0], &status, 8) == 8 && status == EXO_E_CAP);
	exo_audit_take();
	status = 0;
	for (int i = 0; i < 512; i++)
		status |= exo_records[i].what == EXO_AUDIT_REFUSE && exo_records[i].cap == mine &&
		          exo_records[i].zone != exo_zone && exo_records[i].status == EXO_E_CAP;
	CHECK("the record says that it was the child", status);
	if ((child = fork()) == 0) {
		theirs = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
		_exit(write(p[1], &theirs, 8) != 8 || use(theirs) != EXO_OK);
	}
	st = wait_status(child);
	CHECK("a child can have its own", st == 0 && read(p[0], &theirs, 8) == 8);
	USE_REFUSED("a name of a zone that has ended", EXO_E_CAP, theirs);
}

/* ---- growing ---- */

static void grow(void)
{
	exo_cap_t reader = derive(mine, EXO_R_READ, EXO_NO_EXPIRY), brief;
	uint64_t now = 0, hits = 0;

	CHECK("a narrower one can be had", reader && use(reader) == EXO_OK);
	REFUSED("more rights than the parent has", EXO_E_RIGHTS, EXO_NR_CAP_DERIVE, mine, AUDIT_RIGHTS | EXO_R_WRITE, 0, 0, EXO_NO_EXPIRY, 0);
	REFUSED("all rights", EXO_E_RIGHTS, EXO_NR_CAP_DERIVE, mine, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, 0);
	for (int bit = 10; bit < 32; bit++)
		hits += exo_call(EXO_NR_CAP_DERIVE, mine, EXO_R_READ | 1ULL << bit, 0, 0, EXO_NO_EXPIRY, 0).status == EXO_OK;
	CHECK("rights that do not exist", hits == 0);
	REFUSED("rights beyond 32 bits", EXO_E_ARG, EXO_NR_CAP_DERIVE, mine, 1ULL << 32 | EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0);
	REFUSED("derive without the right to", EXO_E_RIGHTS, EXO_NR_CAP_DERIVE, reader, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0);
	REFUSED("revoke without the right to", EXO_E_RIGHTS, EXO_NR_CAP_REVOKE, reader, 0, 0, 0, 0, 0);
	REFUSED("grant without the right to", EXO_E_RIGHTS, EXO_NR_CAP_GRANT, reader, reader, EXO_R_READ, 0, 0, 0);
	REFUSED("seal without the right to", EXO_E_RIGHTS, EXO_NR_CAP_SEAL, reader, EXO_R_READ, 0, EXO_NO_EXPIRY, 0, caps);
	REFUSED("an extent for what has none", EXO_E_RANGE, EXO_NR_CAP_DERIVE, mine, EXO_R_READ, 0, ~0ULL, EXO_NO_EXPIRY, 0);
	REFUSED("an extent that wraps", EXO_E_RANGE, EXO_NR_CAP_DERIVE, mine, EXO_R_READ, ~0ULL, 2, EXO_NO_EXPIRY, 0);
	exo_stats_read(mine, &stats, NULL);
	now = stats.uptime_ns;
	brief = derive(mine, EXO_R_READ | EXO_R_DERIVE, now + 1);
	pause_ms(5);
	CHECK("one that is over at once can be had", brief != EXO_CAP_NONE);
	/* The kernel's timer takes it away; until it has, it is there and over. */
	exo_audit_take();
	hits = use(brief);
	exo_audit_take();
	CHECK("use after its time", (hits == EXO_E_EXPIRED || hits == EXO_E_CAP) && exo_is_refused(exo_zone, EXO_NR_STATS_READ, hits, brief));
	hits = exo_call(EXO_NR_CAP_DERIVE, brief, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0).status;
	exo_audit_take();
	CHECK("deriving more time after it", (hits == EXO_E_EXPIRED || hits == EXO_E_CAP) && exo_is_refused(exo_zone, EXO_NR_CAP_DERIVE, hits, brief));
	exo_cap_drop(brief, NULL);
	brief = derive(mine, EXO_R_READ | EXO_R_DERIVE, now + 3600000000000);
	REFUSED("deriving more time before it", EXO_E_RANGE, EXO_NR_CAP_DERIVE, brief, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0);
	exo_cap_drop(brief, NULL);
	exo_cap_drop(reader, NULL);
}

/* The chain of derivation has an end; it is refused there, and the chain works. */
static void deep(void)
{
	exo_cap_t chain[80], last = mine;
	int n = 0;

	while (n < 80 && (chain[n] = derive(last, AUDIT_RIGHTS, EXO_NO_EXPIRY)) != EXO_CAP_NONE)
		last = chain[n++];
	CHECK("a chain without end", n > 40 && n < 80 && exo_call(EXO_NR_CAP_DERIVE, last, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0).status == EXO_E_SLOTS);
	CHECK("its last link works", use(last) == EXO_OK);
	CHECK("revoked at its top", exo_cap_revoke(mine, NULL) == EXO_OK);
	USE_REFUSED("its last link is dead", EXO_E_CAP, last);
	USE_REFUSED("its first link is dead", EXO_E_CAP, chain[0]);
}

/* ---- after the end ---- */

static void after(void)
{
	exo_cap_t a = derive(mine, AUDIT_RIGHTS, EXO_NO_EXPIRY), b = derive(a, AUDIT_RIGHTS, EXO_NO_EXPIRY), c = derive(b, EXO_R_READ, EXO_NO_EXPIRY), again[200];
	int reused = 0, n = 0;

	CHECK("dropped", exo_cap_drop(b, NULL) == EXO_OK);
	USE_REFUSED("use after drop", EXO_E_CAP, b);
	REFUSED("drop after drop", EXO_E_CAP, EXO_NR_CAP_DROP, b, 0, 0, 0, 0, 0);
	REFUSED("derive after drop", EXO_E_CAP, EXO_NR_CAP_DERIVE, b, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, 0);
	CHECK("what came from it goes on", use(c) == EXO_OK);
	/* All are kept: what others give back meanwhile lies above it. */
	while (n < 200 && !reused) {
		again[n] = derive(mine, EXO_R_READ, EXO_NO_EXPIRY);
		reused = (again[n] & 0xffff) == (b & 0xffff) && again[n] != b && use(again[n]) == EXO_OK && use(b) == EXO_E_CAP;
		n++;
	}
	while (n > 0)
		exo_cap_drop(again[--n], NULL);
	CHECK("the old name when its slot is used again", reused);
	CHECK("revoked", exo_cap_revoke(a, NULL) == EXO_OK);
	USE_REFUSED("use after revoke", EXO_E_CAP, c);
	CHECK("what was revoked from is not", use(a) == EXO_OK);
	exo_cap_drop(a, NULL);
}

/* Another process uses what we have sealed for it, as fast as it can, while we revoke. From
 * the moment the call is over no use succeeds. */
static void during(void)
{
	struct exo_seal *seal = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile uint64_t *shared = (uint64_t *)(void *)(seal + 1); /* uses, revoked, late uses, last status */
	exo_cap_t top = derive(mine, AUDIT_RIGHTS, EXO_NO_EXPIRY);
	int st, good = 1;
	pid_t child;

	memset(seal, 0, 4096);
	for (int round = 0; round < 20; round++) {
		good &= exo_cap_seal(top, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER, seal, NULL) == EXO_OK;
		shared[0] = shared[1] = shared[2] = shared[3] = 0;
		if ((child = fork()) == 0) {
			uint64_t cap = EXO_CAP_NONE;

			if (exo_cap_unseal(seal->bytes, EXO_SEAL_SIZE, EXO_R_READ, &cap) != EXO_OK)
				_exit(2);
			memset(&stats, 0, sizeof stats);
			for (;;) {
				uint64_t late = shared[1], status = use(cap);

				shared[2] += late && status == EXO_OK;
				shared[3] = status;
				shared[0]++;
				if (status != EXO_OK && late)
					_exit(0);
			}
		}
		while (shared[0] < 3)
			pause_ms(1);
		good &= exo_cap_revoke(top, NULL) == EXO_OK;
		shared[1] = 1;
		st = wait_status(child);
		good &= EXITED(st, 0) && shared[2] == 0 && (shared[3] == EXO_E_CAP || shared[3] == EXO_E_REVOKED);
	}
	CHECK("twenty revocations during use, none used after", good);
	exo_cap_drop(top, NULL);
	munmap(seal, 4096);
}

/* ---- exec ---- */

static int after_exec(int argc, char **argv)
{
	int works = 0;

	for (int i = 1; i < argc; i++)
		works += use(strtoull(argv[i], NULL, 0)) == EXO_OK;
	return works;
}

static void exec(void)
{
	char text[3][24];
	pid_t child = fork();

	if (child == 0) {
		struct exo_seal seal = { { 0 } };
		exo_cap_t own = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
		uint64_t back = EXO_CAP_NONE;

		if (exo_cap_seal(own, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &seal, NULL) != EXO_OK ||
		    exo_cap_unseal(seal.bytes, EXO_SEAL_SIZE, EXO_R_READ, &back) != EXO_OK)
			_exit(90);
		snprintf(text[0], 24, "%llu", (unsigned long long)own);
		snprintf(text[1], 24, "%llu", (unsigned long long)back);
		snprintf(text[2], 24, "%llu", (unsigned long long)derive(own, EXO_R_READ, EXO_NO_EXPIRY));
		execl("/proc/self/exe", "prog", text[0], text[1], text[2], NULL);
		_exit(91);
	}
	CHECK("a program after exec, with all names of the one before", EXITED(wait_status(child), 0));
}

int main(int argc, char **argv)
{
	struct witness witness;

	memset(&stats, 0, sizeof stats);
	if (argc > 1)
		return after_exec(argc, argv);
	witness = witness_start();
	mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
	CHECK("root gets one, and another to look at the records", exo_audit_open() && use(mine) == EXO_OK);
	guess();
	steal();
	inherit();
	grow();
	deep();
	after();
	during();
	exec();
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}

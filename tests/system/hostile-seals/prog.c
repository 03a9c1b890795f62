/* Attacks on sealed capabilities: every bit changed, cut, lengthened, mixed, replayed, foreign, stolen, too late. */
#include "exo.h"

static exo_cap_t mine;
static struct exo_stats stats;
static struct exo_seal seal __attribute__((aligned(4096))), other __attribute__((aligned(4096)));

static uint64_t use(exo_cap_t cap)
{
	return exo_call(EXO_NR_STATS_READ, cap, (uint64_t)&stats, 0, 0, 0, 0).status;
}

static uint64_t make(exo_cap_t cap, struct exo_seal *to, uint32_t flags, uint64_t expires)
{
	return exo_cap_seal(cap, EXO_R_READ, EXO_CAP_NONE, expires, flags, to, NULL);
}

/* Unseals, and drops what comes of it. */
static uint64_t show(const struct exo_seal *bytes, uint64_t size)
{
	uint64_t cap = EXO_CAP_NONE, status = exo_cap_unseal(bytes->bytes, size, EXO_R_READ, &cap);

	if (status == EXO_OK && (use(cap) != EXO_OK || exo_cap_drop(cap, NULL) != EXO_OK))
		return 999;
	return status;
}

#define SHOW_REFUSED(what, want, bytes, size, rights) REFUSED(what, want, EXO_NR_CAP_UNSEAL, bytes, size, rights, 0, 0, 0)

static uint64_t now(void)
{
	exo_stats_read(mine, &stats, NULL);
	return stats.uptime_ns;
}

/* Each of the 1,024 bits. What must be said depends on where it is. */
static void flip(void)
{
	int wrong = 0, records = 0;

	CHECK("sealed", make(mine, &seal, 0, EXO_NO_EXPIRY) == EXO_OK && show(&seal, EXO_SEAL_SIZE) == EXO_OK);
	for (int byte = 0; byte < (int)EXO_SEAL_SIZE; byte++) {
		uint64_t want = byte < 8 ? EXO_E_SEAL_FORMAT : byte < 24 ? EXO_E_SEAL_BOOT : EXO_E_SEAL_FORGED;

		exo_audit_take();
		for (int bit = 0; bit < 8; bit++) {
			other = seal;
			other.bytes[byte] ^= (uint8_t)(1 << bit);
			wrong += show(&other, EXO_SEAL_SIZE) != want;
		}
		exo_audit_take();
		for (int i = 0; i < 512; i++)
			records += exo_records[i].what == EXO_AUDIT_REFUSE && exo_records[i].zone == exo_zone && exo_records[i].status == want;
	}
	CHECK("each of its bits changed", wrong == 0);
	CHECK("a record for each", records == 8 * (int)EXO_SEAL_SIZE);
	CHECK("unchanged it is good", show(&seal, EXO_SEAL_SIZE) == EXO_OK);
}

static void cut(void)
{
	static const uint64_t sizes[] = { 0, 1, 127, 129, 256, 4096, 1ULL << 32, ~0ULL, ~0ULL - 127 };
	static uint8_t pages[8192] __attribute__((aligned(4096)));
	int wrong = 0;

	for (uint64_t size = 0; size < EXO_SEAL_SIZE; size++)
		wrong += show(&seal, size) != EXO_E_SEAL_SIZE;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		wrong += show(&seal, sizes[i]) != EXO_E_SEAL_SIZE;
	CHECK("each size but its own", wrong == 0);
	SHOW_REFUSED("cut by one byte", EXO_E_SEAL_SIZE, &seal, EXO_SEAL_SIZE - 1, EXO_R_READ);
	SHOW_REFUSED("a size that is 128 in its lower half", EXO_E_SEAL_SIZE, &seal, 1ULL << 32 | EXO_SEAL_SIZE, EXO_R_READ);
	memcpy(pages + 4096 - 64, &seal, sizeof seal);
	CHECK("across two pages it is good", show((void *)(pages + 4096 - 64), EXO_SEAL_SIZE) == EXO_OK);
	mprotect(pages + 4096, 4096, PROT_NONE);
	SHOW_REFUSED("its end where nothing can be read", EXO_E_ADDRESS, pages + 4096 - 64, EXO_SEAL_SIZE, EXO_R_READ);
	mprotect(pages + 4096, 4096, PROT_READ | PROT_WRITE);
	pages[4096] = 0;
	SHOW_REFUSED("bytes at a kernel address", EXO_E_ADDRESS, 0xffffffff80000000, EXO_SEAL_SIZE, EXO_R_READ);
	SHOW_REFUSED("bytes at the end of all addresses", EXO_E_ADDRESS, ~0ULL - 63, EXO_SEAL_SIZE, EXO_R_READ);
}

static void foreign(void)
{
	/* Made by another boot of this system. */
	static const uint8_t another[24] = { 'F', 'B', 'S', 'C', 1, 0, 128, 0, 0x5a, 0x11, 0xc3, 0x0e, 0x77, 0x42, 0x91, 0x66,
	                                     0xee, 0x08, 0x3d, 0x59, 0xba, 0x20, 0xf4, 0x8d };

	memset(&other, 0, sizeof other);
	SHOW_REFUSED("all bytes zero", EXO_E_SEAL_FORMAT, &other, EXO_SEAL_SIZE, EXO_R_READ);
	memset(&other, 0xff, sizeof other);
	SHOW_REFUSED("all bits set", EXO_E_SEAL_FORMAT, &other, EXO_SEAL_SIZE, EXO_R_READ);
	other = seal;
	memcpy(&other, another, sizeof another);
	SHOW_REFUSED("from another boot", EXO_E_SEAL_BOOT, &other, EXO_SEAL_SIZE, EXO_R_READ);
	other = seal;
	other.bytes[4] = 2;
	SHOW_REFUSED("of a later version", EXO_E_SEAL_FORMAT, &other, EXO_SEAL_SIZE, EXO_R_READ);
	/* The body of one with the code of another. */
	CHECK("sealed for an hour", make(mine, &other, 0, now() + 3600000000000) == EXO_OK && show(&other, EXO_SEAL_SIZE) == EXO_OK);
	memcpy(other.bytes + 96, seal.bytes + 96, 32);
	SHOW_REFUSED("one's body with another's code", EXO_E_SEAL_FORGED, &other, EXO_SEAL_SIZE, EXO_R_READ);
	other = seal;
	memset(other.bytes + 96, 0, 32);
	SHOW_REFUSED("no code", EXO_E_SEAL_FORGED, &other, EXO_SEAL_SIZE, EXO_R_READ);
}

static void replay(void)
{
	int good = 1, refused = 0;
	pid_t children[8];

	CHECK("sealed for once", make(mine, &seal, EXO_SEAL_ONCE, EXO_NO_EXPIRY) == EXO_OK && show(&seal, EXO_SEAL_SIZE) == EXO_OK);
	SHOW_REFUSED("replayed", EXO_E_REPLAYED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	make(mine, &seal, EXO_SEAL_ONCE, EXO_NO_EXPIRY);
	SHOW_REFUSED("a refused use does not use it up: too many rights", EXO_E_RIGHTS, &seal, EXO_SEAL_SIZE, EXO_R_ALL);
	CHECK("so it is good", show(&seal, EXO_SEAL_SIZE) == EXO_OK);
	make(mine, &seal, EXO_SEAL_ONCE, EXO_NO_EXPIRY);
	for (int i = 0; i < EXO_SEAL_WINDOW; i++)
		good &= make(mine, &other, EXO_SEAL_ONCE, EXO_NO_EXPIRY) == EXO_OK;
	CHECK("as many more as are remembered", good && show(&other, EXO_SEAL_SIZE) == EXO_OK);
	SHOW_REFUSED("one that is older", EXO_E_REPLAYED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	/* A once-seal that many show at the same time: one gets it. */
	make(mine, &seal, EXO_SEAL_ONCE | EXO_SEAL_BEARER, EXO_NO_EXPIRY);
	for (int i = 0; i < 8; i++)
		if ((children[i] = fork()) == 0) {
			uint64_t cap, status = exo_cap_unseal(seal.bytes, EXO_SEAL_SIZE, EXO_R_READ, &cap);
			_exit(status == EXO_OK ? 0 : status == EXO_E_REPLAYED ? 1 : 2);
		}
	good = 0;
	for (int i = 0; i < 8; i++) {
		int st = wait_status(children[i]);

		good += EXITED(st, 0);
		refused += EXITED(st, 1);
	}
	CHECK("eight show one for once: one gets it", good == 1 && refused == 7);
}

static uint64_t in_child(uint64_t size)
{
	pid_t child = fork();

	if (child == 0)
		_exit((int)show(&seal, size));
	return (uint64_t)WEXITSTATUS(wait_status(child));
}

/* A zone's number comes back; its seals do not. */
static int outlived(void)
{
	struct exo_seal *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int refused = 0;
	pid_t child;

	memset(left, 0, 4096);
	for (int i = 0; i < 20; i++) {
		if ((child = fork()) == 0)
			_exit((int)make(exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS), left, 0, EXO_NO_EXPIRY));
		if (!EXITED(wait_status(child), EXO_OK))
			break;
		seal = *left;
		refused += in_child(EXO_SEAL_SIZE) == EXO_E_SEAL_ZONE;
	}
	return refused == 20;
}

static void stolen(void)
{
	uint64_t cap = EXO_CAP_NONE, top = EXO_CAP_NONE;

	make(mine, &seal, 0, EXO_NO_EXPIRY);
	CHECK("shown by another zone than it is for", in_child(EXO_SEAL_SIZE) == EXO_E_SEAL_ZONE);
	seal.bytes[76] |= EXO_SEAL_BEARER;
	memset(seal.bytes + 72, 0, 4);
	CHECK("made to look as if it were for all", in_child(EXO_SEAL_SIZE) == EXO_E_SEAL_FORGED);
	REFUSED("for one zone and for all", EXO_E_ARG, EXO_NR_CAP_SEAL, mine, EXO_R_READ, mine, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &other);
	REFUSED("flags that do not exist", EXO_E_ARG, EXO_NR_CAP_SEAL, mine, EXO_R_READ, 0, EXO_NO_EXPIRY, 0x80, &other);
	REFUSED("more rights than there are", EXO_E_RIGHTS, EXO_NR_CAP_SEAL, mine, EXO_R_ALL, 0, EXO_NO_EXPIRY, 0, &other);
	REFUSED("into memory that cannot be written", EXO_E_ADDRESS, EXO_NR_CAP_SEAL, mine, EXO_R_READ, 0, EXO_NO_EXPIRY, 0, (uint64_t)stolen);
	make(mine, &seal, 0, EXO_NO_EXPIRY);
	SHOW_REFUSED("more rights than were sealed", EXO_E_RIGHTS, &seal, EXO_SEAL_SIZE, EXO_R_READ | EXO_R_DERIVE);
	/* What comes of it cannot be sealed again without the right to grant. */
	CHECK("for all", make(mine, &seal, EXO_SEAL_BEARER, EXO_NO_EXPIRY) == EXO_OK && in_child(EXO_SEAL_SIZE) == EXO_OK);
	CHECK("unsealed", exo_cap_unseal(seal.bytes, EXO_SEAL_SIZE, EXO_R_READ, &cap) == EXO_OK);
	REFUSED("sealed again", EXO_E_RIGHTS, EXO_NR_CAP_SEAL, cap, EXO_R_READ, 0, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &other);
	exo_cap_drop(cap, NULL);
	/* Life. */
	exo_cap_derive(mine, AUDIT_RIGHTS, 0, 0, EXO_NO_EXPIRY, &top);
	make(top, &seal, EXO_SEAL_BEARER, EXO_NO_EXPIRY);
	exo_cap_revoke(top, NULL);
	SHOW_REFUSED("after revoke", EXO_E_REVOKED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	make(top, &seal, EXO_SEAL_BEARER, EXO_NO_EXPIRY);
	CHECK("sealed since", show(&seal, EXO_SEAL_SIZE) == EXO_OK);
	exo_cap_drop(top, NULL);
	SHOW_REFUSED("after drop", EXO_E_REVOKED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	for (int i = 0; i < 200; i++) {
		exo_cap_derive(mine, AUDIT_RIGHTS, 0, 0, EXO_NO_EXPIRY, &cap);
		if ((cap & 0xffff) == (top & 0xffff))
			break;
		exo_cap_drop(cap, NULL);
	}
	SHOW_REFUSED("when its slot has another capability", EXO_E_REVOKED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	exo_cap_drop(cap, NULL);
	make(mine, &seal, 0, now() + 1);
	pause_ms(5);
	SHOW_REFUSED("too late", EXO_E_EXPIRED, &seal, EXO_SEAL_SIZE, EXO_R_READ);
	CHECK("of a zone that has ended, shown by the next ones", outlived());
}

int main(void)
{
	struct witness witness = witness_start();

	memset(&stats, 0, sizeof stats);
	memset(&other, 0, sizeof other);
	mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
	CHECK("root gets a capability, and another to look at the records", exo_audit_open() && use(mine) == EXO_OK);
	flip();
	cut();
	foreign();
	replay();
	stolen();
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}

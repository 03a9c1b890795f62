/* Attacks that use things up: slots, records, kernel memory, processes, and time itself. */
#include "exo.h"

static struct exo_stats stats;
static exo_cap_t mine;

static uint64_t use(exo_cap_t cap)
{
	return exo_call(EXO_NR_STATS_READ, cap, (uint64_t)&stats, 0, 0, 0, 0).status;
}

/* A child that works: gets a capability, derives, forks. */
static int others_work(void)
{
	pid_t child = fork();

	if (child == 0) {
		exo_cap_t own = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
		uint64_t more = EXO_CAP_NONE;
		int st;

		if (!own || exo_cap_derive(own, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &more) != EXO_OK || use(more) != EXO_OK)
			_exit(1);
		child = fork();
		if (child == 0)
			_exit(7);
		st = wait_status(child);
		_exit(!EXITED(st, 7));
	}
	return child > 0 && EXITED(wait_status(child), 0);
}

/* ---- slots ---- */

static uint64_t fill(exo_cap_t from, exo_cap_t *last)
{
	uint64_t n = 0, cap;

	while (n < 70000 && exo_cap_derive(from, AUDIT_RIGHTS, 0, 0, EXO_NO_EXPIRY, &cap) == EXO_OK) {
		*last = cap;
		n++;
	}
	return n;
}

static void slots(void)
{
	uint64_t before = exo_what(mine).refs, n, cap;
	exo_cap_t last = EXO_CAP_NONE;
	struct exo_seal seal;

	n = fill(mine, &last);
	CHECK("a zone's slots have an end", n > 200 && n <= 256);
	CHECK("then deriving says so", exo_cap_derive(mine, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &cap) == EXO_E_SLOTS);
	memset(&seal, 0, sizeof seal);
	CHECK("and so does unsealing", exo_cap_seal(mine, EXO_R_READ, 0, EXO_NO_EXPIRY, 0, &seal, NULL) == EXO_OK &&
	      exo_cap_unseal(seal.bytes, EXO_SEAL_SIZE, EXO_R_READ, &cap) == EXO_E_SLOTS);
	CHECK("and the LibOS's grant", exo_ask(EXO_DEV_AUDIT, EXO_R_READ) == EXO_CAP_NONE);
	CHECK("what there is still works", use(mine) == EXO_OK && use(last) == EXO_OK);
	CHECK("others have theirs", others_work());
	CHECK("its share can be more", exo_share(EXO_QUOTA_CAPS, 512) && fill(mine, &last) == 256);
	CHECK("but not less than it uses, nor all", !exo_share(EXO_QUOTA_CAPS, 256) && errno == EBUSY &&
	      !exo_share(EXO_QUOTA_CAPS, stats.caps_total) && errno == ENOMEM && !exo_share(99, 1) && errno == EINVAL);
	n += 256;
	while (exo_cap_revoke(mine, NULL) == EXO_E_AGAIN)
		;
	CHECK("revoked, all of them are back", use(last) == EXO_E_CAP && exo_what(mine).refs == before && fill(mine, &last) == n);
	while (exo_cap_revoke(mine, NULL) == EXO_E_AGAIN)
		;
}

/* Seventy zones with as many slots as they get: more than the table has. */
static void table(void)
{
	pid_t children[70];
	uint64_t used, total = 0;
	int p[2], hold[2], started = 0;
	char byte;

	use(mine);
	used = stats.caps_used;
	pipe(p);
	pipe(hold);
	for (int i = 0; i < 70; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			exo_cap_t own = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS), last;
			uint64_t n = 0;

			exo_share(EXO_QUOTA_CAPS, 1024);
			n = own ? fill(own, &last) : 0;

			close(hold[1]);
			write(p[1], &n, 8);
			_exit(read(hold[0], &byte, 1) != 0);
		}
		started += children[i] > 0;
	}
	for (int i = 0; i < started; i++) {
		uint64_t n = 0;

		read(p[0], &n, 8);
		total += n;
	}
	use(mine);
	CHECK("seventy zones take slots", started == 70 && total > 30000);
	CHECK("they do not get them all", stats.caps_used < stats.caps_total - stats.caps_total / 5);
	CHECK("a system without slots for programs starts programs", WEXITSTATUS(system("ls / | wc -l >/dev/null; exit 5")) == 5);
	close(hold[1]);
	close(hold[0]);
	for (int i = 0; i < 70; i++)
		if (children[i] > 0)
			wait_status(children[i]);
	close(p[0]);
	close(p[1]);
	for (int i = 0; i < 1000 && (use(mine), stats.caps_used > used + 64); i++)
		pause_ms(5);
	CHECK("when they end, all slots come back", stats.caps_used <= used + 64);
	CHECK("others work", others_work());
}

/* ---- the records ---- */

static uint32_t newest_refusal(void)
{
	uint32_t newest = 0;

	for (int i = 0; i < 512; i++)
		if (exo_records[i].what == EXO_AUDIT_REFUSE && exo_records[i].zone == exo_zone)
			newest = exo_records[i].sequence;
	return newest;
}

static void records(void)
{
	uint64_t dropped, cap;
	uint32_t first;
	int mine_now = 0, others = 0;
	pid_t child;

	exo_audit_take();
	exo_call(EXO_NR_HALT, mine, 77, 0, 0, 0, 0);
	for (int i = 0; i < 5000; i++)
		if (exo_cap_derive(mine, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &cap) == EXO_OK)
			exo_cap_drop(cap, NULL);
	exo_audit_take();
	CHECK("ten thousand routine records push out no refusal", exo_is_refused(exo_zone, EXO_NR_HALT, EXO_E_TYPE, mine));
	exo_call(EXO_NR_HALT, mine, 0, 0, 0, 0, 0);
	exo_audit_take();
	first = newest_refusal();
	exo_audit_take();
	/* What another one was refused, who has ended since, is not pushed out by us. */
	if ((child = fork()) == 0) {
		exo_call(EXO_NR_HALT, 12345, 0, 0, 0, 0, 0);
		_exit(0);
	}
	wait_status(child);
	use(mine);
	dropped = stats.audit_dropped;
	for (int i = 0; i < 3000; i++)
		exo_call(EXO_NR_HALT, 3, 0, 0, 0, 0, 0);
	use(mine);
	exo_audit_take();
	for (int i = 0; i < 512; i++)
		if (exo_records[i].what == EXO_AUDIT_REFUSE) {
			mine_now += exo_records[i].zone == exo_zone;
			others += exo_records[i].zone != exo_zone && exo_records[i].cap == 12345;
		}
	CHECK("three thousand refusals: the newest are there", mine_now > 20 && newest_refusal() >= first + 3000);
	CHECK("and what another was refused", others == 1);
	CHECK("that others were dropped is counted", stats.audit_dropped >= dropped + 2000);
}

/* ---- kernel memory ---- */

/* Mappings all over the space, each of which costs the kernel a page table, in several processes. */
static void tables(void)
{
	pid_t children[3];
	int good = 1;

	for (int k = 0; k < 3; k++)
		if ((children[k] = fork()) == 0) {
			int n = 0;

			for (uint64_t at = 0x10000000000; at < 0x700000000000 && n < 1500; at += 0x40000000, n++) {
				volatile char *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

				if (p == MAP_FAILED)
					break;
				*p = 1;
			}
			_exit(0);
		}
	for (int k = 0; k < 3; k++) {
		int st = wait_status(children[k]);

		good &= EXITED(st, 0) || KILLED(st, SIGKILL) || KILLED(st, SIGBUS) || KILLED(st, SIGSEGV);
	}
	CHECK("page tables without end", good && others_work());
}

/* ---- time ---- */

static void spin(int kind)
{
	sigset_t all;
	uint64_t x = 0;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		if (kind == 0)
			x++;
		else if (kind == 1)
			exo_call(EXO_NR_NOP, 0, 0, 0, 0, 0, 0);
		else if (kind == 2)
			exo_call(EXO_NR_CAP_DERIVE, 3, 0, 0, 0, 0, 0);
		else if (kind == 3)
			exo_call(0xffff, 0, 0, 0, 0, 0, 0);
		else if (kind == 4)
			getppid();
		else if (kind == 5)
			syscall(9999);
		else if (kind == 6)
			exo_call(EXO_NR_LIST_CAPS, exo_audit, (uint64_t)exo_records, 100, 1, 0, 0);
		else
			__asm__ volatile("rep stosb" : : "D"(exo_records), "c"(sizeof exo_records), "a"(0) : "memory");
		__asm__ volatile("" : "+r"(x));
	}
}

static void loops(void)
{
	static const char *const names[] = { "computing", "making the cheapest kernel call", "making a kernel call that is refused", "making an unknown kernel call",
	                                     "making a system call", "making an unknown system call", "listing capabilities", "one long instruction" };
	char text[100];

	for (int kind = 0; kind < 8; kind++) {
		pid_t child = fork();
		int st, naps = 0;

		if (child == 0) {
			if (kind == 6)
				exo_audit_open();
			memset(exo_records, 0, sizeof exo_records);
			spin(kind);
		}
		/* Each nap ends only if the loop is interrupted. */
		for (; naps < 20; naps++)
			pause_ms(5);
		kill(child, SIGKILL);
		st = wait_status(child);
		snprintf(text, sizeof text, "an endless loop: %s", names[kind]);
		CHECK(text, naps == 20 && KILLED(st, SIGKILL));
	}
}

int main(void)
{
	struct witness witness = witness_start();

	memset(&stats, 0, sizeof stats);
	mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
	CHECK("root gets a capability, and another to look at the records", exo_audit_open() && use(mine) == EXO_OK);
	loops();
	CHECK("the witness is well", witness_is_well(&witness));
	slots();
	table();
	CHECK("the witness is well", witness_is_well(&witness));
	records();
	tables();
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}

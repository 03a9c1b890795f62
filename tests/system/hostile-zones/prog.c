/* Attacks by a program that has memory, its own zone, and CPU time: on the kernel, and on the LibOS that it lives in. */
#include "exo.h"

#define PAGE 4096UL
#define FRAMES 192
#define AT_MAP   0   /* 16 frames that are mapped into ourselves */
#define AT_FREE  32
#define AT_FUND  64
#define HOLD (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define RW (EXO_PROT_READ | EXO_PROT_WRITE)

static exo_cap_t zone, memory, cpu;
static uint64_t first, slot;
static uint8_t *window; /* our place for mappings: the LibOS thinks that it has no rights there */

static exo_cap_t grant(uint32_t kind, uint32_t rights, uint64_t count, uint64_t *at)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .count = count };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);

	if (ioctl(f, (int)EXO_DEV_GRANT, &g))
		g.cap = EXO_CAP_NONE;
	close(f);
	if (at)
		*at = g.first;
	return g.cap;
}

static int get_all(void)
{
	zone = grant(EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP | HOLD, 0, NULL);
	memory = grant(EXO_DEV_MEMORY, EXO_R_READ | EXO_R_WRITE | EXO_R_EXEC | EXO_R_FUND | HOLD, FRAMES, &first);
	cpu = grant(EXO_DEV_CPU, EXO_R_READ | EXO_R_EXEC | HOLD, 2, &slot);
	window = mmap(NULL, 4096 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return zone && memory && cpu && window != MAP_FAILED;
}

static uint64_t map(exo_cap_t to, exo_cap_t under, uint64_t at, uint64_t frame, uint32_t count, uint32_t prot)
{
	static struct exo_map_op op;

	op = (struct exo_map_op){ at, frame, count, prot };
	return exo_mem_map(to, under, &op, 1, NULL);
}

/* One entry, refused, with a record. */
#define MAP_REFUSED(what, want, to, under, at, frame, count, prot)                                       \
	do {                                                                                             \
		static struct exo_map_op op_;                                                            \
		op_ = (struct exo_map_op){ (uint64_t)(at), frame, count, prot };                         \
		REFUSED(what, want, EXO_NR_MEM_MAP, to, under, &op_, 1, 0, 0);                           \
	} while (0)

static exo_cap_t derive(exo_cap_t from, uint32_t rights, uint64_t at, uint64_t count)
{
	uint64_t cap = EXO_CAP_NONE;

	return exo_cap_derive(from, rights, at, count, EXO_NO_EXPIRY, &cap) == EXO_OK ? cap : EXO_CAP_NONE;
}

static exo_cap_t zone_make(unsigned at, uint64_t count)
{
	uint64_t cap = EXO_CAP_NONE;

	return exo_zone_create(zone, memory, first + at, count, "victim", 6, &cap) == EXO_OK ? cap : EXO_CAP_NONE;
}

static int ends(void (*what)(void))
{
	pid_t child = fork();

	if (child == 0) {
		alarm(30);
		what();
		_exit(0);
	}
	return wait_status(child);
}

static int system_works(void)
{
	return WEXITSTATUS(system("ls / | wc -l >/dev/null; exit 5")) == 5;
}

/* ---- mapping what is not ours, or where we may not ---- */

static void mapping(void)
{
	exo_cap_t victim = zone_make(AT_FUND, 16), reader = derive(memory, EXO_R_READ, first, 16), few = derive(memory, EXO_R_READ | EXO_R_WRITE, first, 4);
	uint64_t at = (uint64_t)window, value = 0;

	CHECK("a zone of ours, and narrower capabilities", victim && reader && few);
	MAP_REFUSED("the frame before ours", EXO_E_RANGE, zone, memory, at, first - 1, 1, RW);
	MAP_REFUSED("the frame after ours", EXO_E_RANGE, zone, memory, at, first + FRAMES, 1, RW);
	MAP_REFUSED("across the end of ours", EXO_E_RANGE, zone, memory, at, first + FRAMES - 1, 2, RW);
	MAP_REFUSED("frame 0", EXO_E_RANGE, zone, memory, at, 0, 1, RW);
	MAP_REFUSED("a frame number that wraps", EXO_E_RANGE, zone, memory, at, ~0ULL - 1, 2, RW);
	MAP_REFUSED("a frame number that overflows as an address", EXO_E_RANGE, zone, memory, at, 1ULL << 52 | first, 1, RW);
	MAP_REFUSED("beyond a narrower capability", EXO_E_RANGE, zone, few, at, first + 4, 1, RW);
	MAP_REFUSED("kernel memory: the fund of our own zone's child", EXO_E_OVERLAP, zone, memory, at, first + AT_FUND, 1, EXO_PROT_READ);
	MAP_REFUSED("the last frame of that fund", EXO_E_OVERLAP, zone, memory, at, first + AT_FUND + 15, 1, RW);
	MAP_REFUSED("at the user limit", EXO_E_ARG, zone, memory, EXO_USER_LIMIT, first, 1, RW);
	MAP_REFUSED("across the user limit", EXO_E_ARG, zone, memory, EXO_USER_LIMIT - PAGE, first, 2, RW);
	MAP_REFUSED("the kernel's half", EXO_E_ARG, zone, memory, 0xffff800000000000, first, 1, RW);
	MAP_REFUSED("not canonical", EXO_E_ARG, zone, memory, 0x800000000000, first, 1, RW);
	MAP_REFUSED("the last page", EXO_E_ARG, zone, memory, ~0ULL - 4095, first, 1, RW);
	MAP_REFUSED("page 0", EXO_E_ARG, zone, memory, 0, first, 1, RW);
	MAP_REFUSED("below the lowest address", EXO_E_ARG, zone, memory, EXO_USER_BASE - PAGE, first, 1, RW);
	MAP_REFUSED("not at a page", EXO_E_ARG, zone, memory, at + 8, first, 1, RW);
	MAP_REFUSED("no pages", EXO_E_ARG, zone, memory, at, first, 0, RW);
	MAP_REFUSED("more pages than there are", EXO_E_ARG, zone, memory, at, first, ~0U, RW);
	MAP_REFUSED("protections that do not exist", EXO_E_ARG, zone, memory, at, first, 1, 0x80 | RW);
	MAP_REFUSED("writing with the right to read", EXO_E_RIGHTS, zone, reader, at, first, 1, RW);
	MAP_REFUSED("executing with the right to read", EXO_E_RIGHTS, zone, reader, at, first, 1, EXO_PROT_READ | EXO_PROT_EXEC);
	MAP_REFUSED("executing with the right to write", EXO_E_RIGHTS, zone, few, at, first, 1, RW | EXO_PROT_EXEC);
	CHECK("mapped for reading", map(zone, reader, at, first, 1, EXO_PROT_READ) == EXO_OK);
	MAP_REFUSED("then made writable", EXO_E_RIGHTS, zone, reader, at, EXO_FRAME_KEEP, 1, RW);
	MAP_REFUSED("made writable with another capability", EXO_E_RANGE, zone, few, at, EXO_FRAME_KEEP, 1, RW);
	MAP_REFUSED("with no capability", EXO_E_CAP, zone, EXO_CAP_NONE, at, first, 1, RW);
	MAP_REFUSED("with a zone for memory", EXO_E_TYPE, zone, zone, at, first, 1, RW);
	MAP_REFUSED("into memory for a zone", EXO_E_TYPE, memory, memory, at, first, 1, RW);
	REFUSED("entries at a wild address", EXO_E_ADDRESS, EXO_NR_MEM_MAP, zone, memory, 0xffffffff80000000, 4, 0, 0);
	REFUSED("a number of entries that overflows", EXO_E_ADDRESS, EXO_NR_MEM_MAP, zone, memory, EXO_USER_LIMIT - 16, 1ULL << 60, 0, 0);
	REFUSED("looking at an address that is none", EXO_E_ARG, EXO_NR_MEM_QUERY, zone, 0xffff800000000000, 0, 0, 0, 0);
	CHECK("none of it left anything", exo_mem_query(zone, at + PAGE, &value) == EXO_OK && value == 0);
	map(zone, EXO_CAP_NONE, at, 0, 1, 0);
	REFUSED("pages given with wild bounds", EXO_E_RANGE, EXO_NR_SHARE_PAGES, memory, first + 1, ~0ULL, victim, EXO_R_READ, 0);
	REFUSED("pages that are not ours", EXO_E_RANGE, EXO_NR_SHARE_PAGES, memory, first + FRAMES, 1, victim, EXO_R_READ, 0);
	REFUSED("a wild piece of one zone into another", EXO_E_ARG, EXO_NR_ZONE_MAP, victim, zone, 0xffffffff80000000, PAGE, memory, 0);
	REFUSED("a piece that wraps", EXO_E_ARG, EXO_NR_ZONE_MAP, victim, zone, at, ~0ULL & ~4095UL, memory, 0);
	REFUSED("text that is not ours", EXO_E_RANGE, EXO_NR_TEXT_PREPARE, memory, first - 1, 1, PAGE, 0x400000, 0);
	REFUSED("text longer than its frames", EXO_E_ARG, EXO_NR_TEXT_PREPARE, memory, first, 1, PAGE + 1, 0x400000, 0);
	REFUSED("text at the kernel's", EXO_E_ARG, EXO_NR_TEXT_PREPARE, memory, first, 1, PAGE, 0xffffffff80000000, 0);
	REFUSED("text in kernel memory", EXO_E_OVERLAP, EXO_NR_TEXT_PREPARE, memory, first + AT_FUND, 1, PAGE, 0x400000, 0);
	CHECK("the zone ends", exo_zone_end(victim) == EXO_OK);
	MAP_REFUSED("mapping into what has ended", EXO_E_CAP, victim, memory, at, first, 1, RW);
	REFUSED("ending it again", EXO_E_CAP, EXO_NR_ZONE_DESTROY, victim, 0, 0, 0, 0, 0);
	exo_cap_drop(reader, NULL);
	exo_cap_drop(few, NULL);
}

/* ---- shares of the kernel's tables ---- */

/* Zone numbers cost a few frames each, and there are 4,095 for the whole system: a program has a share. */
static void shares(void)
{
	static exo_cap_t made[32];
	exo_cap_t below = EXO_CAP_NONE;
	uint64_t n = 0, value;
	struct exo_zone_info info;

	memset(&info, 0, sizeof info);
	while (n < 30 && exo_zone_create(zone, memory, first + AT_FUND + 4 * n, 4, "n", 1, &made[n]) == EXO_OK)
		n++;
	CHECK("as many zones as our share", n == 16 && exo_zone_create(zone, memory, first + AT_FUND + 64, 4, "x", 1, &value) == EXO_E_SLOTS);
	CHECK("others make theirs", system_works());
	CHECK("not everybody's share", !exo_share(EXO_QUOTA_ZONES, 4000) && errno == ENOMEM);
	CHECK("nor less than we use", !exo_share(EXO_QUOTA_ZONES, 15) && errno == EBUSY);
	CHECK("more for one below us than we have", exo_zone_quota(zone, made[0], EXO_QUOTA_ZONES, 1, NULL) == EXO_E_SLOTS);
	CHECK("two end", exo_zone_end(made[14]) == EXO_OK && exo_zone_end(made[15]) == EXO_OK);
	CHECK("what they had goes to one below us", exo_zone_quota(zone, made[0], EXO_QUOTA_ZONES, 2, NULL) == EXO_OK &&
	      exo_zone_quota(zone, made[0], EXO_QUOTA_CAPS, 24, NULL) == EXO_OK);
	CHECK("which uses it", exo_zone_create(made[0], memory, first + AT_FUND + 64, 4, "b", 1, &below) == EXO_OK &&
	      exo_zone_create(made[0], memory, first + AT_FUND + 68, 4, "b", 1, &value) == EXO_OK &&
	      exo_zone_create(made[0], memory, first + AT_FUND + 72, 4, "b", 1, &value) == EXO_E_SLOTS);
	CHECK("it is not there for us", exo_zone_create(zone, memory, first + AT_FUND + 72, 4, "x", 1, &value) == EXO_E_SLOTS);
	CHECK("taking what is used", exo_zone_quota(zone, made[0], EXO_QUOTA_ZONES, 1, NULL) == EXO_E_BUSY);
	REFUSED("a zone that was not made below ours", EXO_E_STATE, EXO_NR_ZONE_QUOTA, zone, below, EXO_QUOTA_CAPS, 20, 0, 0);
	REFUSED("our own", EXO_E_STATE, EXO_NR_ZONE_QUOTA, zone, zone, EXO_QUOTA_CAPS, 20, 0, 0);
	REFUSED("a table that there is not", EXO_E_ARG, EXO_NR_ZONE_QUOTA, zone, made[0], EXO_QUOTA_COUNT, 1, 0, 0);
	CHECK("more than any table has", exo_zone_quota(zone, made[0], EXO_QUOTA_CAPS, ~0ULL, NULL) == EXO_E_SLOTS);
	CHECK("what it has is told", exo_zone_info(made[0], &info, NULL) == EXO_OK && info.quotas[EXO_QUOTA_ZONES].limit == 2 &&
	      info.quotas[EXO_QUOTA_ZONES].used == 2 && info.quotas[EXO_QUOTA_CAPS].given == 16);
	for (n = 0; n < 14; n++)
		exo_zone_end(made[n]);
	CHECK("all of it comes back", exo_zone_info(zone, &info, NULL) == EXO_OK && info.quotas[EXO_QUOTA_ZONES].used == 0 &&
	      info.quotas[EXO_QUOTA_ZONES].given == 0 && info.quotas[EXO_QUOTA_CAPS].given == 0 && info.quotas[EXO_QUOTA_ZONES].limit == 16);
}

/* ---- zones, funds, contexts, time ---- */

static void creating(void)
{
	exo_cap_t victim, poor = derive(memory, EXO_R_READ | EXO_R_WRITE, first, FRAMES), context;
	uint64_t value, n = 0, pages = 0;
	static struct cpu_quantum q;

	REFUSED("a zone with a fund that is not ours", EXO_E_RANGE, EXO_NR_ZONE_CREATE, zone, memory, first + FRAMES - 4, 16, "x", 1);
	REFUSED("a zone with a fund that wraps", EXO_E_RANGE, EXO_NR_ZONE_CREATE, zone, memory, first, ~0ULL, "x", 1);
	REFUSED("a zone with memory that may not be a fund", EXO_E_RIGHTS, EXO_NR_ZONE_CREATE, zone, poor, first + AT_FUND, 16, "x", 1);
	CHECK("a zone with no fund", exo_zone_create(zone, memory, first + AT_FUND, 1, "x", 1, &value) == EXO_E_FUNDS);
	REFUSED("a name at a wild address", EXO_E_ADDRESS, EXO_NR_ZONE_CREATE, zone, memory, first + AT_FUND, 16, 0xffffffff80000000, 8);
	CHECK("a page of ours is mapped", map(zone, memory, (uint64_t)window, first + AT_MAP, 1, RW) == EXO_OK);
	REFUSED("a fund that we can write to", EXO_E_OVERLAP, EXO_NR_ZONE_CREATE, zone, memory, first + AT_MAP, 16, "x", 1);
	victim = zone_make(AT_FUND, 16);
	REFUSED("a fund that another zone has", EXO_E_OVERLAP, EXO_NR_ZONE_CREATE, zone, memory, first + AT_FUND + 8, 16, "x", 1);
	REFUSED("a context page in kernel memory", EXO_E_OVERLAP, EXO_NR_CTX_CREATE, victim, memory, first + AT_FUND + 1, 0, 0, 0);
	REFUSED("a context page that is not ours", EXO_E_RANGE, EXO_NR_CTX_CREATE, victim, memory, first - 1, 0, 0, 0);
	REFUSED("answers in kernel memory", EXO_E_OVERLAP, EXO_NR_ZONE_ANSWERS, victim, memory, first + AT_FUND + 1, 0, 0, 0);
	for (uint64_t at = EXO_USER_BASE; n < 1000 && map(victim, memory, at, first + AT_FREE, 1, RW) == EXO_OK; at += 1UL << 30)
		n++;
	CHECK("page tables until its fund is used up", n > 1 && n < 1000 && map(victim, memory, 0x600000000000, first + AT_FREE, 1, RW) == EXO_E_FUNDS);
	CHECK("that concerns nobody else", system_works());
	for (n = 0; n < 4000 && exo_ctx_create(victim, memory, first + AT_FREE, &context) == EXO_OK; n++)
		;
	CHECK("contexts until something is used up", n < 4000);
	CHECK("and everything comes back", exo_zone_end(victim) == EXO_OK);
	victim = zone_make(AT_FUND, 64);
	for (n = 0; n < 5000; n++)
		if (map(victim, n & 1 ? memory : poor, EXO_USER_BASE + n * PAGE, first + AT_FREE, 1, RW) != EXO_OK)
			break;
	CHECK("bindings until something is used up", n > 100 && n < 5000);
	exo_zone_end(victim);
	context = derive(memory, EXO_R_READ | EXO_R_FUND | EXO_R_REVOKE, first + AT_FUND, 120);
	for (n = 0; n < 12; n++)
		pages += exo_zone_create(zone, context, first + AT_FUND + 10 * n, 10, "many", 4, &victim) == EXO_OK;
	CHECK("as many zones as our memory makes", pages == 12 && exo_zone_create(zone, context, first + AT_FUND + 110, 10, "x", 1, &value) == EXO_E_OVERLAP);
	while (exo_cap_revoke(memory, NULL) == EXO_E_AGAIN)
		;
	CHECK("all end when their memory is revoked", exo_cap_inspect(victim, (void *)exo_records, NULL) == EXO_E_CAP);
	map(zone, EXO_CAP_NONE, (uint64_t)window, 0, 1, 0);
	poor = derive(memory, EXO_R_READ | EXO_R_WRITE, first, FRAMES);

	victim = zone_make(AT_FUND, 16);
	CHECK("a context", exo_ctx_create(victim, memory, first + AT_FREE, &context) == EXO_OK);
	REFUSED("running it ourselves", EXO_E_STATE, EXO_NR_RUN, context, cpu, 1000000, 0, 0, 0);
	REFUSED("putting the LibOS to sleep", EXO_E_STATE, EXO_NR_WAIT, cpu, ~0ULL, 0, 0, 0, 0);
	REFUSED("taking another zone's events", EXO_E_STATE, EXO_NR_EVENT_TAKE, victim, 0, 0, 0, 0, 0);
	q = (struct cpu_quantum){ .cycles = 1000000 };
	REFUSED("the first LibOS's slot", EXO_E_RANGE, EXO_NR_QUANTUM_BIND, cpu, 0, context, &q, 0, 0);
	REFUSED("a slot that is not ours", EXO_E_RANGE, EXO_NR_QUANTUM_BIND, cpu, slot + 2, context, &q, 0, 0);
	REFUSED("a slot that does not exist", EXO_E_RANGE, EXO_NR_QUANTUM_BIND, cpu, ~0ULL, context, &q, 0, 0);
	REFUSED("a slot for an App zone's context", EXO_E_STATE, EXO_NR_QUANTUM_BIND, cpu, slot, context, &q, 0, 0);
	REFUSED("a quantum at a wild address", EXO_E_ADDRESS, EXO_NR_QUANTUM_BIND, cpu, slot, context, ~0ULL - 7, 0, 0);
	REFUSED("more of the CPU than was given", EXO_E_RANGE, EXO_NR_CAP_DERIVE, cpu, EXO_R_EXEC, 0, 64, EXO_NO_EXPIRY, 0);
	REFUSED("more memory than was given", EXO_E_RANGE, EXO_NR_CAP_DERIVE, memory, EXO_R_READ, first, FRAMES + 1, EXO_NO_EXPIRY, 0);
	REFUSED("memory before what was given", EXO_E_RANGE, EXO_NR_CAP_DERIVE, memory, EXO_R_READ, first - 1, 1, EXO_NO_EXPIRY, 0);
	REFUSED("memory that wraps", EXO_E_RANGE, EXO_NR_CAP_DERIVE, memory, EXO_R_READ, ~0ULL, 2, EXO_NO_EXPIRY, 0);
	REFUSED("ending ourselves", EXO_E_RIGHTS, EXO_NR_ZONE_DESTROY, zone, 0, 0, 0, 0, 0);
	CHECK("dropping a context's last capability ends it", exo_cap_drop(context, NULL) == EXO_OK && exo_ctx_save(context, NULL) == EXO_E_CAP);
	exo_zone_end(victim);
	exo_cap_drop(poor, NULL);
}

/* ---- against the LibOS that we live in: things happen to our zone that it did not order ---- */

/* Our frame where the LibOS has another one; then it is asked to change that memory. */
static void over_its_memory(void)
{
	volatile uint8_t *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!get_all())
		_exit(9);
	memset((void *)p, 1, 16 * PAGE);
	if (map(zone, memory, (uint64_t)p + 4 * PAGE, first, 4, RW) != EXO_OK)
		_exit(8);
	p[4 * PAGE] = 7;
	mprotect((void *)p, 16 * PAGE, PROT_READ);
	mprotect((void *)p, 16 * PAGE, PROT_READ | PROT_WRITE);
	p[4 * PAGE] = 8;
	if (fork() == 0)
		_exit(p[0]);
	madvise((void *)p, 16 * PAGE, MADV_DONTNEED);
	mremap((void *)p, 16 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	munmap((void *)p, 16 * PAGE);
	wait(NULL);
	execl("/bin/true", "true", NULL);
}

/* The stack, the text, everything taken from under us by ourselves. */
static void all_away(void)
{
	if (!get_all())
		_exit(9);
	for (uint64_t at = EXO_USER_BASE; at < EXO_USER_LIMIT; at += (uint64_t)EXO_UNMAP_MAX << 12)
		map(zone, EXO_CAP_NONE, at, 0, (uint32_t)(EXO_USER_LIMIT - at < (uint64_t)EXO_UNMAP_MAX << 12 ? (EXO_USER_LIMIT - at) >> 12 : EXO_UNMAP_MAX), 0);
	_exit(7);
}

/* Our zone lives from our own memory, which we take away. */
static void own_fund(void)
{
	if (!get_all() || exo_zone_fund(zone, memory, first + AT_FUND, 16, NULL) != EXO_OK)
		_exit(9);
	exo_cap_revoke(memory, NULL);
	getppid();
	_exit(6);
}

static void own_answers(void)
{
	struct exo_answer_page *page = (void *)window;

	if (!get_all())
		_exit(9);
	page = (void *)window;
	if (map(zone, memory, (uint64_t)window, first, 1, RW) != EXO_OK)
		_exit(8);
	memset(page, 0, sizeof *page);
	page->present[0] = ~0ULL;
	exo_zone_answers(zone, memory, first, NULL);
	/* Whatever it answers concerns us only; then the page goes. */
	syscall(SYS_getpid);
	exo_cap_revoke(memory, NULL);
	syscall(SYS_getppid);
	_exit(0);
}

static void own_contexts(void)
{
	uint64_t context;

	if (!get_all())
		_exit(9);
	for (int i = 0; i < 3000 && exo_ctx_create(zone, memory, first + AT_FREE, &context) == EXO_OK; i++)
		;
	if (fork() == 0)
		_exit(0);
	wait(NULL);
}

static void own_tables(void)
{
	if (!get_all())
		_exit(9);
	/* Our fund, which the LibOS pays, is used up by our own mappings; then it needs some itself. */
	for (uint64_t at = 0x100000000000; at < 0x500000000000 && map(zone, memory, at, first, 1, RW) == EXO_OK; at += 1UL << 30)
		;
	for (uint64_t at = 0x500000000000; at < 0x500000000000 + (40UL << 30); at += 1UL << 30) {
		volatile uint8_t *p = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (p != MAP_FAILED)
			*p = 1;
	}
}

static void against_libos(void)
{
	static const struct { const char *name; void (*what)(void); } all[] = {
		{ "our frame in the midst of the LibOS's", over_its_memory }, { "all our memory unmapped behind its back", all_away },
		{ "our fund taken from under us", own_fund }, { "our own answers", own_answers }, { "contexts that it did not make", own_contexts },
		{ "our fund used up behind its back", own_tables },
	};
	char text[100];

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int st = ends(all[i].what);

		if (EXITED(st, 9))
			fprintf(stderr, "%s: nothing was granted\n", all[i].name);
		snprintf(text, sizeof text, "%s: it goes on", all[i].name);
		CHECK(text, st != -1 && !EXITED(st, 9) && !EXITED(st, 8) && !KILLED(st, SIGALRM) && system_works());
	}
}

/* Memory that one program has and another one gets sealed; then the first one ends. */
static void outlived(const char *what, int funds)
{
	struct exo_seal *seal = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile int *step = (int *)(void *)(seal + 2);
	pid_t giver, taker;
	int st;

	memset(seal, 0, PAGE);
	if ((giver = fork()) == 0) {
		if (!get_all() || exo_cap_seal(memory, EXO_R_READ | EXO_R_WRITE | EXO_R_FUND, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER, seal, NULL) != EXO_OK)
			_exit(9);
		seal[1].bytes[0] = 0;
		memcpy(seal[1].bytes + 8, &first, 8);
		*step = 1;
		while (*step < 2)
			usleep(1000);
		_exit(0);
	}
	if ((taker = fork()) == 0) {
		uint64_t got, at;

		while (*step < 1)
			usleep(1000);
		if (!get_all() || exo_cap_unseal(seal->bytes, EXO_SEAL_SIZE, EXO_R_READ | EXO_R_WRITE | EXO_R_FUND, &got) != EXO_OK)
			_exit(9);
		memcpy(&at, seal[1].bytes + 8, 8);
		if (funds ? exo_zone_fund(zone, got, at, 8, NULL) != EXO_OK : map(zone, got, (uint64_t)window, at, 1, RW) != EXO_OK)
			_exit(8);
		if (!funds)
			*window = 1;
		*step = 2;
		for (int i = 0; i < 2000; i++) {
			if (!funds)
				*(volatile uint8_t *)window = 1;
			usleep(1000);
		}
		_exit(7);
	}
	st = wait_status(giver);
	CHECK(what, EXITED(st, 0));
	st = wait_status(taker);
	CHECK("then it is gone for the other", WIFSIGNALED(st));
	CHECK("the system works", system_works());
}

int main(void)
{
	struct witness witness = witness_start();

	CHECK("root gets memory, zone and time, and looks at the records", get_all() && exo_audit_open());
	mapping();
	CHECK("the witness is well", witness_is_well(&witness));
	shares();
	creating();
	CHECK("the witness is well", witness_is_well(&witness));
	against_libos();
	outlived("memory of a program that ends, mapped by another", 0);
	outlived("memory of a program that ends, in another's fund", 1);
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}

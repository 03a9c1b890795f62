/*
 * A second LibOS, made by an ordinary program out of capabilities from /dev/exo: it runs in its quantum slot, runs a context
 * of its own, goes mad in several ways, is killed or abandoned; the POSIX LibOS goes on, and everything comes back.
 *
 * The guest is the section .guest of this file: one page of code that touches nothing outside of itself, its boot page and
 * its report page.
 */
#include "guest.h"

#define GUARD_MS 3000

/* ---- The guest ------------------------------------------------------------- */

enum mood { COUNTS, LOOPS, WILD, POLITE, RUNS, FAULTS, FOREIGN, SLEEPS };

struct report {
	volatile uint64_t turns, status, value, events[8];
	exo_cap_t inner; /* its name in the guest */
};

/* Every call that there is and some more, with arguments that are capabilities, addresses and rubbish. */
static inline __attribute__((always_inline)) void go_wild(const struct exo_boot *boot, struct report *report)
{
	uint64_t x = 88172645463325252ULL, a[6];

	for (;;) {
		for (int i = 0; i < 6; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			a[i] = x & 1 ? (&boot->root)[x >> 8 & 7] : x & 2 ? GUEST + (x >> 8 & 0xffff) : x & 4 ? x >> 40 : x;
		}
		/* Not those that would let its slot stand still. */
		if (x % 50 != EXO_NR_QUANTUM_UNBIND && x % 50 != EXO_NR_WAIT)
			exo_call_here(x % 50, a[0], a[1], a[2], a[3], a[4], a[5]);
		report->turns++;
	}
}

GUEST_MAIN void guest_main(const struct exo_boot *boot)
{
	struct report *report = (void *)(GUEST + AT_REPORT * PAGE);
	volatile struct exo_ctx_page *page = (void *)(GUEST + AT_PAGE * PAGE), *inner = (void *)(GUEST + AT_INNER * PAGE);
	struct exo_result r;

	switch ((enum mood)boot->cmdline[0]) {
	case COUNTS:
		for (;;) {
			r = exo_call_here(EXO_NR_WAIT, boot->cpu, 0, 0, 0, 0, 0);
			report->status = r.status;
			report->turns++;
		}
	case LOOPS:
		for (;;)
			report->turns++;
	case WILD:
		go_wild(boot, report);
		break;
	case POLITE:
		for (;;) {
			while (!page->notice)
				report->value++;
			r = exo_call_here(EXO_NR_WAIT, boot->cpu, 0, 0, 0, 0, 0);
			report->events[0] = r.value;
			report->turns++;
		}
	case RUNS:
		for (int i = 0; i < 4; i++) {
			do
				r = exo_call_here(EXO_NR_RUN, report->inner, boot->cpu, 2000000, 0, 0, 0);
			while (r.status == EXO_OK && r.value == EXO_EV_QUANTUM);
			report->status = r.status;
			report->events[i] = r.value;
			inner->result = 42;
		}
		report->turns = 1;
		for (;;)
			exo_call_here(EXO_NR_WAIT, boot->cpu, ~0UL, 0, 0, 0, 0);
	case FAULTS:
		*(volatile uint64_t *)8 = 1;
		break;
	case FOREIGN:
		exo_call_here(39 - EXO_CALL_BASE, 0, 0, 0, 0, 0, 0);
		break;
	case SLEEPS:
		for (;;) {
			r = exo_call_here(EXO_NR_CLOCK_READ, boot->timer, 0, 0, 0, 0, 0);
			exo_call_here(EXO_NR_WAIT, boot->cpu, r.value + 5000000, 0, 0, 0, 0);
			report->turns++;
		}
	}
	for (;;)
		;
}

/* The inner one makes a system call, looks at the answer, faults at an address that tells it, then computes. */
IN_GUEST void guest_inner(void)
{
	uint64_t nr = 39, answer;

	__asm__ volatile("syscall" : "=a"(answer) : "0"(nr) : "rcx", "r11", "memory");
	__asm__ volatile("movq %%rax, (%0)\n\tjmp ." : : "r"(answer * 4096), "a"(0) : "memory");
}

/* ---- Its creator ------------------------------------------------------------- */

static exo_cap_t audit;
static uint64_t on_cpu;

struct guest {
	exo_cap_t zone, main, app, inner;
	struct report *report;
	struct exo_ctx_page *page;
};

static int guest_make(struct guest *g, enum mood mood)
{
	memset(g, 0, sizeof *g);
	g->report = guest_frame(AT_REPORT);
	g->page = guest_frame(AT_PAGE);
	if (!guest_create("guest", &g->zone, &g->main))
		return 0;
	((struct exo_boot *)guest_frame(AT_BOOT))->cmdline[0] = (char)mood;
	return 1;
}

static int inner_make(struct guest *g)
{
	if (!guest_create_below(g->zone, &g->app))
		return 0;
	guest_page(AT_INNER, (uint64_t)(uintptr_t)guest_inner, 2);
	if (exo_ctx_create(g->app, memory, first + AT_INNER, &g->inner) != EXO_OK)
		return 0;
	g->report->inner = guest_give(g->inner, g->zone);
	return g->report->inner != 0;
}

/* There is no other way to learn cycles per ms here than the longest turn that is not refused. */
static uint64_t longest(const struct guest *g)
{
	struct cpu_quantum q = { .cycles = 1 << 16 };

	while (guest_bind(g->main, &q) == EXO_OK && exo_quantum_unbind(cpu, slot, NULL) == EXO_OK)
		q.cycles *= 2;
	return q.cycles / 2;
}

static int bind_ms(const struct guest *g, uint64_t ms)
{
	static uint64_t most;
	struct cpu_quantum q = { .priority = 7 };
	struct exo_quantum_info info;

	most = most ? most : longest(g);
	q.cycles = most * ms / 20;
	return guest_bind(g->main, &q) == EXO_OK &&
	       exo_quantum_info(cpu, slot, &info, NULL) == EXO_OK && info.zone != 0 && info.quantum.priority == 7;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits, asleep or computing, until *word is at least `least`. */
static int reaches(const volatile uint64_t *word, uint64_t least, int asleep)
{
	uint64_t end = now_ms() + GUARD_MS;

	while (*word < least && now_ms() < end)
		if (asleep)
			usleep(1000);
	return *word >= least;
}

static struct exo_stats stats(void)
{
	static struct exo_stats s;

	if (exo_stats_read(audit, &s, NULL) != EXO_OK)
		memset(&s, 0, sizeof s);
	return s;
}

static int is_as(const struct exo_stats *before)
{
	struct exo_stats now = stats();

	if (now.zones == before->zones && now.contexts == before->contexts && now.frames_funded == before->frames_funded &&
	    now.caps_used == before->caps_used)
		return 1;
	fprintf(stderr, "zones %u %u contexts %u %u funded %lu %lu caps %u %u\n", before->zones, now.zones, before->contexts,
	        now.contexts, before->frames_funded, now.frames_funded, before->caps_used, now.caps_used);
	return 0;
}

/* The POSIX LibOS goes on: processes, files, time. */
static int posix_works(void)
{
	uint64_t start = now_ms();
	int good = 1;

	for (int i = 0; i < 5; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(40 + i);
		good &= EXITED(wait_status(child), 40 + i);
	}
	return good && now_ms() - start < GUARD_MS;
}

static struct exo_quantum_info slot_info(void)
{
	struct exo_quantum_info info;

	if (exo_quantum_info(cpu, slot, &info, NULL) != EXO_OK)
		memset(&info, 0, sizeof info);
	return info;
}

static int turns_reach(uint64_t least)
{
	uint64_t end = now_ms() + GUARD_MS;

	while (slot_info().turns < least && now_ms() < end)
		;
	return slot_info().turns >= least;
}

/* ---- What is tried ------------------------------------------------------------ */

static void refused_grants(void)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_MEMORY, .rights = EXO_R_READ };
	int f = open("/dev/exo", O_RDWR);

	FAILS("no frames", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g.count = ~0ULL;
	FAILS("all frames", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g.count = 1;
	g.rights = EXO_R_ALL;
	FAILS("rights that memory has not", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g = (struct exo_dev_grant){ .kind = EXO_DEV_CPU, .rights = EXO_R_EXEC, .count = 65 };
	FAILS("more slots than there are", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g.count = 64;
	FAILS("the first LibOS's slot", ENOMEM, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g.count = 1;
	g.first = 1000;
	FAILS("a CPU that is not there", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g = (struct exo_dev_grant){ .kind = EXO_DEV_ZONE, .rights = EXO_R_DESTROY };
	FAILS("its own destruction", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	close(f);
}

static void shares_the_cpu(void)
{
	struct exo_stats before = stats();
	struct exo_zone_info info;
	struct guest g;

	CHECK("a LibOS zone", guest_make(&g, COUNTS) && exo_zone_info(g.zone, &info, NULL) == EXO_OK && info.kind == EXO_ZONE_LIBOS);
	CHECK("runs nowhere before it has a slot", (usleep(3000), g.report->turns == 0));
	CHECK("bound to a slot", bind_ms(&g, 2));
	CHECK("has its turns while we sleep", reaches(&g.report->turns, 10, 1));
	CHECK("and while we compute", reaches(&g.report->turns, g.report->turns + 3, 0));
	CHECK("its waits succeed", g.report->status == EXO_OK);
	CHECK("is counted", slot_info().turns > 0 && slot_info().used > 0);
	CHECK("unbound it stands still", exo_quantum_unbind(cpu, slot, NULL) == EXO_OK && slot_info().zone == 0);
	uint64_t turns = g.report->turns;
	CHECK("really", (usleep(20000), g.report->turns == turns));
	CHECK("bound again it goes on", bind_ms(&g, 2) && reaches(&g.report->turns, turns + 3, 1));
	CHECK("is destroyed", guest_end(g.zone) && slot_info().zone == 0);
	CHECK("all came back", is_as(&before));
}

static void runs_its_own(void)
{
	struct exo_stats before = stats();
	struct guest g;
	struct exo_ctx_page *inner = guest_frame(AT_INNER);

	CHECK("a LibOS with an App zone", guest_make(&g, RUNS) && inner_make(&g) && bind_ms(&g, 10));
	CHECK("runs it", reaches(&g.report->turns, 1, 1) && g.report->status == EXO_OK);
	CHECK("hears of its system call", g.report->events[0] == EXO_EV_SYSCALL && inner->nr == 39);
	CHECK("of its fault, with the answer it gave", g.report->events[1] == EXO_EV_FAULT && inner->address == 42 * 4096);
	CHECK("of the same again", g.report->events[2] == EXO_EV_FAULT && g.report->events[3] == EXO_EV_FAULT);
	CHECK("both go", guest_end(g.zone));
	CHECK("all came back", is_as(&before));
}

static void mad(const char *how, enum mood mood)
{
	struct exo_stats before = stats();
	struct guest g;

	CHECK(how, guest_make(&g, mood) && bind_ms(&g, 5) && reaches(&g.report->turns, 100, 1));
	CHECK("the POSIX LibOS works", posix_works());
	CHECK("it had its turns", turns_reach(3));
	CHECK("that were ended by force", mood != LOOPS || slot_info().overruns > 0);
	CHECK("is destroyed", guest_end(g.zone));
	CHECK("all came back", is_as(&before));
}

static void polite(void)
{
	struct guest g;

	CHECK("one that heeds the notice", guest_make(&g, POLITE) && bind_ms(&g, 2) && reaches(&g.report->turns, 5, 1));
	CHECK("was told", slot_info().notices >= 5 && g.report->events[0] == EXO_PEND_QUANTUM);
	guest_end(g.zone);
}

static void dies(const char *how, enum mood mood, enum exo_event event)
{
	uint64_t pending = 0, end = now_ms() + GUARD_MS;
	struct guest g;

	CHECK(how, guest_make(&g, mood) && bind_ms(&g, 2));
	while (!(pending & EXO_PEND_ZONE) && now_ms() < end && usleep(1000) == 0)
		if (exo_event_take(zone, &pending) != EXO_OK)
			break;
	CHECK("its creator hears of it", pending & EXO_PEND_ZONE);
	CHECK("and sees why", g.page->event == event);
	uint64_t turns = slot_info().turns;
	CHECK("it has no more turns", (usleep(20000), slot_info().turns == turns));
	CHECK("is destroyed", guest_end(g.zone));
}

/* A loaded host may stop it anywhere, so that a turn ends late; but not in every stretch of some turns for as long as we look. */
static int has_no_overruns(void)
{
	uint64_t end = now_ms() + GUARD_MS;
	struct exo_quantum_info before, now = slot_info();

	do {
		before = now;
		usleep(30000);
		now = slot_info();
	} while ((now.overruns != before.overruns || now.turns < before.turns + 3) && now_ms() < end);
	return now.overruns == before.overruns;
}

static void sleeps(void)
{
	struct guest g;
	uint64_t start = now_ms();

	CHECK("one that sleeps", guest_make(&g, SLEEPS) && bind_ms(&g, 2) && reaches(&g.report->turns, 10, 1));
	CHECK("sleeps as long as it said", now_ms() - start >= 45);
	CHECK("and uses next to nothing", has_no_overruns());
	guest_end(g.zone);
}

/* Memory is taken back from one that does not let go of it. */
static void loses_its_memory(void)
{
	struct exo_stats before = stats();
	struct guest g;
	exo_cap_t all = memory, part = 0;
	enum exo_status status;

	CHECK("memory of its own", exo_cap_derive(memory, EXO_R_ALL & ~(EXO_R_CREATE | EXO_R_MAP | EXO_R_DESTROY), first, FRAMES, EXO_NO_EXPIRY, &part) == EXO_OK);
	memory = part;
	CHECK("holds on to it", guest_make(&g, LOOPS) && bind_ms(&g, 2) && reaches(&g.report->turns, 1000, 1));
	memory = all;
	/* The window is mapped under `all` itself, and stays. */
	do
		status = exo_cap_revoke(all, NULL);
	while (status == EXO_E_AGAIN);
	CHECK("all is taken back", status == EXO_OK && slot_info().zone == 0 && exo_zone_info(g.zone, NULL, NULL) == EXO_E_CAP);
	CHECK("all came back", is_as(&before));
	uint64_t turns = g.report->turns;
	CHECK("nobody writes to it any more", (usleep(10000), g.report->turns == turns));
}

static void shares_pages(void)
{
	const struct exo_map_op op = { GUEST, first, 4, EXO_PROT_READ | EXO_PROT_WRITE };
	exo_cap_t a = 0, b = 0, few = 0;
	uint64_t pages = 0, at = 0, name = 0;

	CHECK("two zones", exo_zone_create(zone, memory, first + AT_FUND, 16, "a", 1, &a) == EXO_OK &&
	      exo_zone_create(zone, memory, first + AT_FUND + 16, 16, "b", 1, &b) == EXO_OK &&
	      exo_mem_map(a, memory, &op, 1, NULL) == EXO_OK);
	CHECK("a narrower capability", exo_cap_derive(memory, EXO_R_READ | EXO_R_REVOKE, first, 4, EXO_NO_EXPIRY, &few) == EXO_OK);
	CHECK("what one has is mapped into the other", exo_zone_map(a, b, GUEST, 4 * 4096, few, &pages) == EXO_OK && pages == 4);
	CHECK("at the same place, for reading", exo_mem_query(b, GUEST + 4096, &at) == EXO_OK && at >> 12 == first + 1 && (at & 7) == EXO_PROT_READ);
	CHECK("pages are given", exo_share_pages(memory, first, 2, b, EXO_R_READ, &name) == EXO_OK && name != 0);
	CHECK("revoking takes it back", exo_cap_revoke(memory, NULL) == EXO_OK || exo_cap_revoke(memory, NULL) == EXO_OK);
	CHECK("from both", exo_mem_query(b, GUEST, &at) != EXO_OK || at == 0);
}

/* A creator that ends in whatever way takes its LibOS along. */
static void abandoned(const char *how, void (*end)(void))
{
	struct exo_stats before = stats();
	pid_t child = fork();

	if (child == 0) {
		struct guest g;

		if (!guest_start(on_cpu) || !guest_make(&g, LOOPS) || !inner_make(&g) || !bind_ms(&g, 5) || !reaches(&g.report->turns, 1000, 1))
			_exit(9);
		end();
		_exit(8);
	}
	int status = wait_status(child);
	CHECK(how, EXITED(status, 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	CHECK("all came back", is_as(&before));
}

static void by_exit(void) { _exit(0); }
static void by_kill(void) { kill(getpid(), SIGKILL); }
static void by_exec(void) { execl("/bin/true", "true", NULL); }

/* prog [CPU]: by hand, `feuerbird-sim --cpus 2 -- /tests/zone-libos/prog 1` */
int main(int argc, char **argv)
{
	on_cpu = argc > 1 ? strtoul(argv[1], 0, 0) : 0;
	audit = exo_ask(EXO_DEV_AUDIT, EXO_R_READ);
	CHECK("root may look", audit != 0);
	refused_grants();
	/* In children, so that what was before can be compared with what is left. */
	abandoned("a creator that exits", by_exit);
	abandoned("one that is killed", by_kill);
	abandoned("one that execs", by_exec);
	CHECK("capabilities", guest_start(on_cpu));
	shares_the_cpu();
	runs_its_own();
	polite();
	sleeps();
	mad("one that loops for ever", LOOPS);
	mad("one that makes wild calls", WILD);
	dies("one that faults", FAULTS, EXO_EV_FAULT);
	dies("one that makes a system call", FOREIGN, EXO_EV_SYSCALL);
	loses_its_memory();
	shares_pages();
	CHECK("a shell works", WEXITSTATUS(system("exit 5")) == 5);
	DONE();
}

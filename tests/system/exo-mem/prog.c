/* Frames, nodes and used pages; asking for what was derived, taking it, giving it back; capabilities for a time; seals between programs. */
#include "check.h"
#include <sys/ioctl.h>
#include <time.h>
#include "../../../bin/exo_call.h"
#include <libos/dev_exo.h>

#define MS   1000000ULL
#define HOLD (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)

static exo_cap_t memory, zone;

static exo_cap_t get(uint32_t kind, uint32_t rights)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights };
	int f = open("/dev/exo", O_RDWR);

	return f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) || close(f) ? 0 : g.cap;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at)
{
	while (now() < at)
		usleep(2000);
}

static enum exo_status is_there(exo_cap_t cap)
{
	static struct exo_cap_info info;

	memset(&info, 0, sizeof info);
	return exo_cap_inspect(cap, &info, NULL);
}

/* ---- memory ---- */

/* Where memory begins depends on the machine and its firmware. A child has no name for it, but may know the number. */
static uint64_t some_frame;

static void frame_choose(void)
{
	static struct exo_cap_info all;

	memset(&all, 1, sizeof all);
	if (exo_cap_inspect(memory, &all, NULL) == EXO_OK)
		some_frame = all.first + 100;
}

static void frames_and_nodes(void)
{
	static struct exo_node_info n[16];
	static struct exo_frame_info f[64];
	struct exo_map_op op = { 0x10000000, 0, 1, EXO_PROT_READ };
	uint64_t count = 0, got = 0, bad = 0;

	memset(n, 1, sizeof n);
	memset(f, 1, sizeof f);
	CHECK("nodes", exo_list_nodes(memory, n, 16, 0, &count) == EXO_OK && count >= 1);
	for (uint64_t i = 0; i < count; i++) {
		bad += n[i].count == 0 || n[i].colours == 0 || (i && n[i].first < n[i - 1].first + n[i - 1].count);
		bad += exo_frame_info(memory, n[i].first, f, 64, &got) != EXO_OK || got == 0;
		for (uint64_t k = 0; k < got; k++)
			bad += f[k].frame != n[i].first + k || (k < n[i].count && f[k].node != n[i].node) || f[k].colour >= n[i].colours;
	}
	CHECK("their frames", bad == 0);
	CHECK("none outside", exo_frame_info(memory, n[count - 1].first + n[count - 1].count, f, 1, &got) == EXO_E_RANGE);
	op.frame = n[0].first + 100;
	CHECK("asking is all that it allows", exo_mem_map(zone, memory, &op, 1, NULL) == EXO_E_RIGHTS);
}

static struct exo_frame_info frame_of(volatile char *at)
{
	static struct exo_frame_info f;
	static struct exo_page_info p;
	uint64_t n = 0;

	memset(&f, 1, sizeof f);
	memset(&p, 1, sizeof p);
	if (exo_mem_scan(zone, (uint64_t)at & ~4095ULL, 1, &p, 1, 0, &n) != EXO_OK || n != 1 ||
	    exo_frame_info(memory, p.entry >> 12, &f, 1, &n) != EXO_OK)
		memset(&f, 0, sizeof f);
	return f;
}

static void sharing(void)
{
	volatile char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct exo_frame_info f;
	int ready[2], go[2];
	char byte = 0;
	pid_t child;

	*shared = 1;
	f = frame_of(shared);
	CHECK("mapped once", f.maps == 1 && f.kind == EXO_FRAME_PLAIN);
	if (pipe(ready) || pipe(go))
		exit(9);
	if ((child = fork()) == 0) {
		*shared = 2;
		_exit(write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1 ? 0 : 1);
	}
	CHECK("the child has it too", read(ready[0], &byte, 1) == 1 && *shared == 2);
	f = frame_of(shared);
	CHECK("mapped twice", f.maps == 2);
	CHECK("child ends", write(go[1], &byte, 1) == 1 && EXITED(wait_status(child), 0));
	f = frame_of(shared);
	CHECK("mapped once again", f.maps == 1);
}

#define PAGES 16
static char area[PAGES * 4096] __attribute__((aligned(4096)));

static void used_pages(void)
{
	static struct exo_page_info p[PAGES];
	volatile char *a = area;
	uint64_t n = 0, all = 0;
	bool tells;

	memset(area, 1, sizeof area);
	memset(p, 1, sizeof p);
	CHECK("all are there", exo_mem_scan(zone, (uint64_t)area, PAGES, p, PAGES, 0, &n) == EXO_OK && n == PAGES);
	for (int i = 0; i < PAGES; i++)
		all += (p[i].entry & EXO_PAGE_ACCESSED) && (p[i].entry & EXO_PAGE_DIRTY);
	CHECK("all were written", all == PAGES);
	CHECK("in pieces", exo_mem_scan(zone, (uint64_t)area, PAGES, p, 3, 0, &n) == EXO_E_AGAIN && n == 3);
	CHECK("cleared", exo_mem_scan(zone, (uint64_t)area, PAGES, p, PAGES, EXO_SCAN_CLEAR, &n) == EXO_OK && n == PAGES);
	(void)a[3 * 4096];
	a[5 * 4096] = 7;
	CHECK("looked at again", exo_mem_scan(zone, (uint64_t)area, PAGES, p, PAGES, 0, &n) == EXO_OK && n == PAGES);
	CHECK("what was touched", (p[3].entry & EXO_PAGE_ACCESSED) && (p[5].entry & EXO_PAGE_ACCESSED) && (p[5].entry & EXO_PAGE_DIRTY));
	/* A machine that cannot tell says that all was. */
	tells = !(p[9].entry & EXO_PAGE_ACCESSED);
	all = 0;
	for (int i = 0; i < PAGES; i++)
		all += tells ? (i == 3 || i == 5) == !(p[i].entry & EXO_PAGE_ACCESSED) || (i != 5 && (p[i].entry & EXO_PAGE_DIRTY))
		             : !(p[i].entry & EXO_PAGE_ACCESSED) || !(p[i].entry & EXO_PAGE_DIRTY);
	CHECK("and what was not", all == 0);
}

/* ---- time ---- */

static void expiry(void)
{
	static struct exo_taken t[4];
	uint64_t first = some_frame;
	exo_cap_t cap = 0, below = 0, moved = 0;
	uint64_t until = now() + 300 * MS, n = 0;

	memset(t, 1, sizeof t);
	CHECK("for a time", exo_cap_derive(memory, HOLD, first, 10, until, &cap) == EXO_OK && is_there(cap) == EXO_OK);
	CHECK("not longer below it", exo_cap_derive(cap, HOLD, first, 10, until + 1, &below) == EXO_E_RANGE);
	sleep_until(until + 20 * MS);
	CHECK("then it is gone", is_there(cap) == EXO_E_CAP);
	CHECK("on record", exo_taken_read(zone, t, 4, &n) == EXO_OK && n == 1 && t[0].cap == cap && t[0].why == EXO_TAKEN_EXPIRED && t[0].first == first);
	CHECK("once", exo_taken_read(zone, t, 4, &n) == EXO_OK && n == 0);
	CHECK("moved", exo_cap_derive(memory, HOLD, first, 10, EXO_NO_EXPIRY, &cap) == EXO_OK && exo_cap_move(cap, zone, &moved) == EXO_OK && moved != cap);
	CHECK("the old name is dead", is_there(cap) == EXO_E_CAP && is_there(moved) == EXO_OK && exo_cap_drop(moved, NULL) == EXO_OK);
}

/* ---- between programs ---- */

struct letter {
	exo_cap_t from;
	struct exo_seal seal, mine, once;
	uint64_t until;
};

static uint64_t events_until(uint64_t event, uint64_t at)
{
	uint64_t all = 0, some;

	do {
		some = 0;
		if (exo_event_take(zone, &some) != EXO_OK)
			return 0;
		all |= some;
		if (!(all & event))
			usleep(2000);
	} while (!(all & event) && now() < at);
	return all;
}

static void holder(int from, int to, bool gives_back)
{
	static struct letter l;
	static struct exo_own own[1];
	static struct exo_taken t[4];
	exo_cap_t cap = 0;
	uint64_t n = 0;
	char byte = 0;

	memset(own, 1, sizeof own);
	memset(t, 1, sizeof t);
	zone = get(EXO_DEV_ZONE, EXO_R_READ);
	CHECK("a letter", zone != 0 && read(from, &l, sizeof l) == (ssize_t)sizeof l);
	if (!gives_back) {
		CHECK("not for us", exo_cap_unseal(&l.mine, sizeof l.mine, 0, &cap) == EXO_E_SEAL_ZONE);
		CHECK("cut short", exo_cap_unseal(&l.seal, sizeof l.seal - 1, 0, &cap) == EXO_E_SEAL_SIZE);
		l.seal.bytes[60] ^= 4;
		CHECK("altered", exo_cap_unseal(&l.seal, sizeof l.seal, 0, &cap) == EXO_E_SEAL_FORGED);
		l.seal.bytes[60] ^= 4;
		l.seal.bytes[10] ^= 1;
		CHECK("of another boot", exo_cap_unseal(&l.seal, sizeof l.seal, 0, &cap) == EXO_E_SEAL_BOOT);
		l.seal.bytes[10] ^= 1;
		CHECK("more than was sealed", exo_cap_unseal(&l.seal, sizeof l.seal, HOLD | EXO_R_READ, &cap) == EXO_E_RIGHTS);
		CHECK("once", exo_cap_unseal(&l.once, sizeof l.once, 0, &cap) == EXO_OK && exo_cap_drop(cap, NULL) == EXO_OK);
		CHECK("not twice", exo_cap_unseal(&l.once, sizeof l.once, 0, &cap) == EXO_E_REPLAYED);
	}
	CHECK("unsealed", exo_cap_unseal(&l.seal, sizeof l.seal, EXO_R_DERIVE, &cap) == EXO_OK && is_there(cap) == EXO_OK);
	CHECK("not asked for", exo_list_own(zone, own, 1, 0, &n) == EXO_OK && n == 1 && own[0].info.cap == cap && own[0].asked_from == 0);
	CHECK("tell the other", write(to, &byte, 1) == 1 && read(from, &l.until, sizeof l.until) == (ssize_t)sizeof l.until);
	CHECK("asked", events_until(EXO_PEND_ASKED, l.until) & EXO_PEND_ASKED);
	CHECK("for what, by what, until when", exo_list_own(zone, own, 1, 0, &n) == EXO_OK && n == 1 && own[0].info.cap == cap && own[0].asked_from == l.from && own[0].asked_until_ns == l.until);
	if (gives_back) {
		CHECK("given back", exo_cap_drop(cap, NULL) == EXO_OK);
	} else {
		CHECK("still ours", is_there(cap) == EXO_OK);
		CHECK("taken", events_until(EXO_PEND_REVOKED, l.until + 5000 * MS) & EXO_PEND_REVOKED);
		CHECK("not before its time", now() >= l.until && is_there(cap) == EXO_E_CAP);
		CHECK("what and why", exo_taken_read(zone, t, 4, &n) == EXO_OK && n == 1 && t[0].cap == cap && t[0].from == l.from && t[0].why == EXO_TAKEN_ASKED && t[0].first == some_frame && t[0].count == 7);
		CHECK("the seal is dead, too", exo_cap_unseal(&l.seal, sizeof l.seal, 0, &cap) == EXO_E_REVOKED);
	}
	_exit(check_failures != 0);
}

static void between(bool gives_back)
{
	static struct letter l;
	int there[2], back[2];
	exo_cap_t top = 0, expired = 0;
	char byte;
	pid_t child;

	memset(&l, 1, sizeof l);
	if (pipe(there) || pipe(back) || exo_cap_derive(memory, HOLD, some_frame, 7, EXO_NO_EXPIRY, &top) != EXO_OK)
		exit(9);
	fflush(stdout);
	if ((child = fork()) == 0)
		holder(there[0], back[1], gives_back);
	CHECK("sealed", exo_cap_seal(top, HOLD, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &l.seal, NULL) == EXO_OK);
	CHECK("for itself", exo_cap_seal(top, HOLD, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &l.mine, NULL) == EXO_OK);
	CHECK("until now", exo_cap_seal(top, 0, EXO_CAP_NONE, now(), EXO_SEAL_BEARER, &l.once, NULL) == EXO_OK && exo_cap_unseal(&l.once, sizeof l.once, 0, &expired) == EXO_E_EXPIRED);
	CHECK("for once", exo_cap_seal(top, 0, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER | EXO_SEAL_ONCE, &l.once, NULL) == EXO_OK);
	l.from = top;
	fflush(stdout);
	if (write(there[1], &l, sizeof l) != (ssize_t)sizeof l || read(back[0], &byte, 1) != 1)
		exit(9);
	l.until = now() + (gives_back ? 60000 : 1000) * MS;
	if (exo_revoke_ask(top, l.until, NULL) != EXO_OK || write(there[1], &l.until, sizeof l.until) != (ssize_t)sizeof l.until)
		exit(9);
	CHECK(gives_back ? "a good holder" : "a deaf holder", EXITED(wait_status(child), 0));
	CHECK("all is back", events_until(EXO_PEND_BACK, now() + 5000 * MS) & EXO_PEND_BACK);
	CHECK("ours is ours", is_there(top) == EXO_OK && exo_cap_drop(top, NULL) == EXO_OK);
}

int main(void)
{
	CHECK("no more rights than these", get(EXO_DEV_FRAMES, EXO_R_READ) == 0 && get(EXO_DEV_FRAMES, EXO_R_FUND) == 0 && get(EXO_DEV_ZONE, EXO_R_DESTROY) == 0);
	memory = get(EXO_DEV_FRAMES, HOLD);
	zone = get(EXO_DEV_ZONE, EXO_R_READ | EXO_R_MAP);
	CHECK("memory and zone", memory != 0 && zone != 0);
	frame_choose();
	frames_and_nodes();
	sharing();
	used_pages();
	expiry();
	between(false);
	between(true);
	DONE();
}

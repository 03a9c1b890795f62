/*
 * While a revocation is not finished, a program that has nothing of what is revoked runs on, though its pages are mapped under
 * two hundred capabilities. One that has something of it waits until that is gone, which is no reason to end it.
 */
#include "exo.h"
#include <sys/mman.h>

#define PAGES   200 /* each under a capability of its own */
#define LARGE   UINT64_C(16384) /* pages that the stranger has to lose, four times */
#define PART    UINT32_C(256)   /* that are mapped with one call */
#define FUND    200

static int ends[2], back[2];

static exo_cap_t memory_of(uint64_t count, uint64_t *first)
{
	struct exo_dev_grant g = {
		.kind = EXO_DEV_MEMORY, .count = count,
		.rights = EXO_R_READ | EXO_R_WRITE | EXO_R_FUND | EXO_R_DERIVE | EXO_R_REVOKE,
	};
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);
	int bad = f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0;

	close(f);
	*first = g.first;
	return bad ? EXO_CAP_NONE : g.cap;
}

static exo_cap_t zone_of(void) { return exo_ask(EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP); }

/* Answers one byte for each that it gets. */
static int victim(void)
{
	uint64_t first, done;
	exo_cap_t zone = zone_of(), memory = memory_of(PAGES + 28, &first), cap;
	char *at = mmap(NULL, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), byte;
	int bad = exo_zone_fund(zone, memory, first + PAGES, 28, NULL) != EXO_OK;

	for (uint64_t i = 0; i < PAGES && !bad; i++) {
		struct exo_map_op op = { (uint64_t)(uintptr_t)at + i * 4096, first + i, 1, EXO_PROT_READ };

		bad |= exo_cap_derive(memory, EXO_R_READ, first, PAGES, EXO_NO_EXPIRY, &cap) != EXO_OK ||
		       exo_mem_map(zone, cap, &op, 1, &done) != EXO_OK;
	}
	byte = bad ? 'b' : 'r';
	do
		if (write(back[1], &byte, 1) != 1)
			return 1;
	while (read(ends[0], &byte, 1) == 1);
	return 0;
}

static char answer(void)
{
	char byte = 0;

	return read(back[0], &byte, 1) == 1 ? byte : 0;
}

/* Makes a capability from which another is derived, and maps under that a page in our zone, if we want it, and much in the other. */
static int fill(exo_cap_t memory, uint64_t first, void *at, exo_cap_t child, exo_cap_t *top)
{
	struct exo_map_op own = { (uint64_t)(uintptr_t)at, first, 1, EXO_PROT_READ };
	exo_cap_t leaf = 0;
	uint64_t done;
	int made = exo_cap_derive(memory, EXO_R_READ | EXO_R_DERIVE | EXO_R_REVOKE, first, LARGE, EXO_NO_EXPIRY, top) == EXO_OK &&
	           exo_cap_derive(*top, EXO_R_READ, first, LARGE, EXO_NO_EXPIRY, &leaf) == EXO_OK &&
	           (!at || exo_mem_map(zone_of(), leaf, &own, 1, &done) == EXO_OK);

	for (uint64_t i = 0; i < 4; i++) {
		for (uint64_t page = 0; page < LARGE && made; page += PART) {
			struct exo_map_op op = { ((i + 1) << 32) + page * 4096, first + page, PART, EXO_PROT_READ };

			made = exo_mem_map(child, leaf, &op, 1, &done) == EXO_OK;
		}
	}
	return made;
}

/* We have a page of it ourselves: then it is over when we run again. */
static void of_our_own(exo_cap_t memory, uint64_t first, exo_cap_t child)
{
	void *at = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	enum exo_status status, last;
	exo_cap_t top = 0;

	CHECK("a page of it is ours, and it is seen", fill(memory, first, at, child, &top) && *(volatile char *)at == 0);
	status = exo_cap_revoke(top, NULL);
	last = exo_cap_revoke(top, NULL);
	CHECK("we wait until it is gone, and live", status == EXO_E_AGAIN && last == EXO_OK);
}

int main(void)
{
	uint64_t first, child = 0, top = 0;
	exo_cap_t zone, memory;
	int again = 0, lives = 1;
	enum exo_status status;
	pid_t pid;

	if (pipe(ends) || pipe(back))
		return 1;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		_exit(victim());
	}
	close(back[1]);
	CHECK("a program of two hundred capabilities", answer() == 'r');
	zone = zone_of();
	memory = memory_of(FUND + LARGE, &first);
	CHECK("a stranger's zone", exo_zone_create(zone, memory, first, FUND, "stranger", 8, &child) == EXO_OK);
	CHECK("with much that can be taken from it", fill(memory, first + FUND, NULL, child, &top));
	while ((status = exo_cap_revoke(top, NULL)) == EXO_E_AGAIN) {
		again++;
		if (again < 20)
			lives &= write(ends[1], "x", 1) == 1 && answer() == 'x';
	}
	CHECK("which takes more than one call", status == EXO_OK && again > 0);
	CHECK("the program answers all the while", lives);
	close(ends[1]);
	CHECK("and ends as it likes", EXITED(wait_status(pid), 0));
	of_our_own(memory, first + FUND, child);
	DONE();
}

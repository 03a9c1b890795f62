/* A program looks for what the kernel left in frames that were a zone's fund, and tries to keep its hands on frames that become one. */
#include "exo.h"

#define PAGE   4096UL
#define FRAMES 128
#define FUND   96
#define HOLD   (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define RW     (EXO_PROT_READ | EXO_PROT_WRITE)

static exo_cap_t zone, memory;
static uint64_t first;
static volatile uint64_t *window; /* our place for mappings: the LibOS thinks that it has no rights there */

static int get_all(void)
{
	struct exo_dev_grant z = { .kind = EXO_DEV_ZONE, .rights = EXO_R_READ | EXO_R_CREATE | EXO_R_MAP | HOLD };
	struct exo_dev_grant m = { .kind = EXO_DEV_MEMORY, .rights = EXO_R_READ | EXO_R_WRITE | EXO_R_FUND | HOLD, .count = FRAMES };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);

	if (ioctl(f, (int)EXO_DEV_GRANT, &z) || ioctl(f, (int)EXO_DEV_GRANT, &m))
		return 0;
	zone = z.cap;
	memory = m.cap;
	first = m.first;
	window = mmap(NULL, FRAMES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return window != MAP_FAILED;
}

static uint64_t map(exo_cap_t to, exo_cap_t under, uint64_t at, uint64_t frame, uint32_t count, uint32_t prot)
{
	static struct exo_map_op op;
	uint64_t status;

	op = (struct exo_map_op){ at, frame, count, prot };
	do
		status = exo_mem_map(to, under, &op, 1, NULL);
	while (status == EXO_E_AGAIN);
	return status;
}

static uint64_t see(uint64_t from, uint32_t count, uint32_t prot)
{
	return map(zone, prot ? memory : EXO_CAP_NONE, (uint64_t)window + from * PAGE, first + from, count, prot);
}

/* All of the fund is mapped, and zeroes. It is left unmapped. */
static int is_clean(void)
{
	uint64_t words = 0;

	if (see(0, FUND, RW) != EXO_OK)
		return 0;
	for (uint64_t i = 0; i < FUND * PAGE / 8; i++)
		words += window[i] != 0;
	return see(0, FUND, 0) == EXO_OK && words == 0;
}

/* It uses its fund for tables (pages far apart), records (pages of many capabilities), contexts and ports. */
static exo_cap_t busy_zone(uint64_t frames)
{
	exo_cap_t made = EXO_CAP_NONE, cap;

	if (exo_zone_create(zone, memory, first, frames, "busy", 4, &made) != EXO_OK)
		return EXO_CAP_NONE;
	for (uint64_t i = 0; i < 12; i++)
		if (exo_cap_derive(memory, EXO_R_READ, first + FUND + i, 1, EXO_NO_EXPIRY, &cap) != EXO_OK ||
		    map(made, cap, (i + 1) << 32, first + FUND + i, 1, EXO_PROT_READ) != EXO_OK)
			return EXO_CAP_NONE;
	for (uint64_t i = 12; i < 20; i++)
		if (exo_ctx_create(made, memory, first + FUND + i, &cap) != EXO_OK ||
		    exo_port_create(made, EXO_CAP_NOTIFY, &cap) != EXO_OK)
			return EXO_CAP_NONE;
	return made;
}

static void nothing_is_left(void)
{
	exo_cap_t busy;

	CHECK("the frames are seen, and cleared", see(0, FUND, RW) == EXO_OK);
	memset((void *)window, 0, FUND * PAGE);
	CHECK("what is seen cannot be the kernel's", exo_zone_create(zone, memory, first, FUND, "x", 1, &busy) == EXO_E_OVERLAP);
	CHECK("nor a part of it", exo_zone_create(zone, memory, first + FUND - 1, 4, "x", 1, &busy) == EXO_E_OVERLAP);
	CHECK("and not seen any more", see(0, FUND, 0) == EXO_OK);
	busy = busy_zone(FUND);
	CHECK("a zone lives from them", busy != EXO_CAP_NONE);
	CHECK("they are not seen now", see(0, 1, EXO_PROT_READ) == EXO_E_OVERLAP && see(FUND - 1, 2, EXO_PROT_READ) == EXO_E_OVERLAP);
	CHECK("the zone ends", exo_zone_end(busy) == EXO_OK);
	CHECK("nothing of the kernel's is in them", is_clean());
	/* Given in two parts: the second is linked frame by frame. */
	busy = busy_zone(FUND / 2);
	CHECK("again, in two parts", busy != EXO_CAP_NONE &&
	      exo_zone_fund(busy, memory, first + FUND / 2, FUND / 2, NULL) == EXO_OK);
	CHECK("the zone ends", exo_zone_end(busy) == EXO_OK);
	CHECK("nothing of the kernel's is in them", is_clean());
}

/* It ends by a revocation. */
static void taken_away(void)
{
	exo_cap_t whole = memory, busy;
	uint64_t status;

	CHECK("a part of the capability", exo_cap_derive(whole, EXO_R_READ | EXO_R_WRITE | EXO_R_FUND | HOLD, first, FRAMES, EXO_NO_EXPIRY, &memory) == EXO_OK);
	busy = busy_zone(FUND);
	CHECK("a zone lives from it", busy != EXO_CAP_NONE);
	do
		status = exo_cap_revoke(whole, NULL);
	while (status == EXO_E_AGAIN);
	CHECK("it is revoked", status == EXO_OK);
	CHECK("the zone is gone", exo_zone_info(busy, (struct exo_zone_info[1]){ 0 }, NULL) == EXO_E_CAP);
	memory = whole;
	CHECK("nothing of the kernel's is in the frames", is_clean());
}

int main(void)
{
	CHECK("memory and a zone from /dev/exo", get_all());
	nothing_is_left();
	taken_away();
	DONE();
}

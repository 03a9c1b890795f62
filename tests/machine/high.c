/*
 * Memory beyond the hole below 4 GiB: it is given, it is other memory than what is 4 GiB below, and a disk reaches it.
 * Arguments: how many frames to take below the hole, most of them, so that what comes then lies above it; how many there.
 */
#include "../system/exo.h"

#define ABOVE (UINT64_C(1) << (32 - EXO_FRAME_SHIFT)) /* the first frame beyond 4 GiB */
#define PAGES 64

static exo_cap_t zone;

static exo_cap_t memory_of(uint64_t count, exo_frame_t *first)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_MEMORY, .rights = EXO_R_READ | EXO_R_WRITE, .count = count };
	int f = open("/dev/exo", O_RDWR);

	/* Not closed: the grant is the descriptor's. */
	if (f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0)
		return EXO_CAP_NONE;
	*first = g.first;
	return g.cap;
}

static uint64_t *map(exo_cap_t memory, exo_frame_t first, uint32_t count)
{
	struct exo_map_op op = { .frame = first, .count = count, .prot = EXO_PROT_READ | EXO_PROT_WRITE };
	void *at = mmap(NULL, (size_t)count << EXO_FRAME_SHIFT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	op.vaddr = (uint64_t)(uintptr_t)at;
	return exo_mem_map(zone, memory, &op, 1, NULL) == EXO_OK ? at : NULL;
}

static int disk_reads(exo_cap_t memory, exo_frame_t frame)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_DISK, .rights = EXO_R_READ };
	struct exo_disk_request request = { .op = EXO_DISK_READ, .count = 1, .frame = frame, .tag = 5 };
	struct exo_disk_done done = { 0 };
	uint64_t count = 0;
	int f = open("/dev/exo", O_RDWR);

	if (f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0)
		return 0;
	request.first = g.first;
	if (exo_disk_submit(g.cap, memory, &request, NULL) != EXO_OK)
		return 0;
	for (int i = 0; i < 2000 && count == 0; i++) {
		if (exo_disk_take(g.cap, &done, 1, &count) != EXO_OK)
			return 0;
		pause_ms(5);
	}
	return count == 1 && done.tag == 5 && done.status == EXO_OK;
}

int main(int argc, char **argv)
{
	uint64_t low_count = argc > 2 ? strtoull(argv[1], NULL, 0) : 1, high_count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, *low, *high, twin;
	exo_frame_t low_first = 0, high_first = 0;
	exo_cap_t low_cap = memory_of(low_count, &low_first), high_cap = memory_of(high_count, &high_first);

	zone = exo_ask(EXO_DEV_ZONE, EXO_R_READ | EXO_R_MAP);
	CHECK("memory below 4 GiB", low_cap != EXO_CAP_NONE && low_first + low_count <= ABOVE);
	CHECK("memory above", high_cap != EXO_CAP_NONE && high_first >= ABOVE);
	/* Pages above that have the lower 32 bits of their addresses in common with some below. */
	twin = low_first > high_first - ABOVE ? low_first - (high_first - ABOVE) : 0;
	CHECK("twins", twin + PAGES <= high_count && high_first + twin - ABOVE + PAGES <= low_first + low_count);
	low = map(low_cap, high_first + twin - ABOVE, PAGES);
	high = map(high_cap, high_first + twin, PAGES);
	CHECK("both are mapped", low && high);
	for (uint64_t i = 0; i < PAGES * 512; i++) {
		low[i] = i;
		high[i] = ~i;
	}
	int good = 1;
	for (uint64_t i = 0; i < PAGES * 512; i++)
		good &= low[i] == i && high[i] == ~i;
	CHECK("they are different memory", good);
	high[512] = 0;
	CHECK("a disk reads into it", disk_reads(high_cap, high_first + twin + 1) && memcmp(high + 512, "HIGH", 4) == 0);
	CHECK("and nowhere else", low[512] == 512 && high[511] == ~(uint64_t)511 && high[1024] == ~(uint64_t)1024);
	DONE();
}

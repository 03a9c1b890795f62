/* Attacks by disk transfers: others' frames and blocks, what is taken away while the device works, and the whole queue. */
#include "exo.h"
#include <poll.h>

#define RW     (EXO_R_READ | EXO_R_WRITE)
#define HOLD   (EXO_R_DERIVE | EXO_R_REVOKE)
#define FRAMES 256u
#define BLOCKS 2048u
#define SECOND (1ULL << EXO_DISK_SHIFT)

static int device;
static exo_cap_t disk, second, memory, zone;
static uint64_t first; /* frame */
static uint8_t *view;  /* of the frames */

static exo_cap_t grant(uint32_t kind, uint32_t rights, uint64_t *at, uint64_t count)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .first = *at, .count = count };

	if (ioctl(device, (int)EXO_DEV_GRANT, &g))
		return 0;
	*at = g.first;
	return g.cap;
}

static int refusal(uint32_t rights, uint64_t at, uint64_t count)
{
	errno = 0;
	return grant(EXO_DEV_DISK, rights, &at, count) ? 0 : errno;
}

static int attach(void)
{
	struct exo_map_op op = { .count = FRAMES, .prot = EXO_PROT_READ | EXO_PROT_WRITE };
	uint64_t none = 0, at = 0, other = SECOND;

	device = open("/dev/exo", O_RDWR | O_CLOEXEC);
	disk = grant(EXO_DEV_DISK, RW | HOLD, &at, 0);
	second = grant(EXO_DEV_DISK, EXO_R_READ, &other, 0);
	zone = grant(EXO_DEV_ZONE, EXO_R_READ | EXO_R_MAP, &none, 0);
	memory = grant(EXO_DEV_MEMORY, RW | HOLD, &first, FRAMES);
	view = mmap(NULL, FRAMES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	op.vaddr = (uint64_t)view;
	op.frame = first;
	return disk && second && zone && memory && exo_mem_map(zone, memory, &op, 1, NULL) == EXO_OK;
}

static struct exo_disk_request r; /* for REFUSED */

static const struct exo_disk_request *request(uint32_t op, uint64_t block, uint32_t count, uint64_t frame, uint64_t tag)
{
	r = (struct exo_disk_request){ .op = op, .count = count, .first = block, .frame = frame, .tag = tag };
	return &r;
}

static enum exo_status submit(exo_cap_t d, exo_cap_t m, uint32_t op, uint64_t block, uint32_t count, uint64_t frame)
{
	return exo_disk_submit(d, m, request(op, block, count, frame, 7), NULL);
}

/* The status of the next answer; 1000: none comes. */
static unsigned answer(exo_cap_t d)
{
	struct pollfd p = { .fd = device, .events = POLLIN };
	struct exo_disk_done done = { 0 };
	uint64_t count = 0;

	for (int i = 0; i < 200; i++) {
		if (exo_disk_take(d, &done, 1, &count) != EXO_OK)
			return 1000;
		if (count == 1)
			return done.tag == 7 ? done.status : 1001;
		poll(&p, 1, 100);
	}
	return 1000;
}

static exo_cap_t derive(exo_cap_t cap, uint32_t rights, uint64_t at, uint64_t count)
{
	exo_cap_t out = 0;

	return exo_cap_derive(cap, rights, at, count, EXO_NO_EXPIRY, &out) == EXO_OK ? out : 0;
}

static int revoke(exo_cap_t cap)
{
	enum exo_status status;

	while ((status = exo_cap_revoke(cap, NULL)) == EXO_E_AGAIN)
		;
	return status == EXO_OK;
}

static void grants(void)
{
	CHECK("writing to a disk that is read only", refusal(RW, SECOND, 0) == EACCES);
	CHECK("a third disk", refusal(EXO_R_READ, 2 * SECOND, 0) == ENXIO);
	CHECK("blocks behind the end", refusal(EXO_R_READ, BLOCKS - 1, 2) == ENXIO);
	CHECK("blocks of two disks", refusal(EXO_R_READ, 0, SECOND + 1) == ENXIO);
	CHECK("granting it on", refusal(EXO_R_READ | EXO_R_GRANT, 0, 1) == EINVAL);
}

static void others(void)
{
	exo_cap_t part = derive(disk, RW, 100, 4), ro = derive(memory, EXO_R_READ, first, 8), wo = derive(memory, EXO_R_WRITE, first, 8);
	exo_cap_t reads = derive(disk, EXO_R_READ, 100, 4);
	static const uint64_t frames[] = { 0, 1, 0x100, 0xf0, 0xfee00, 1ULL << 40, ~0ULL, ~0ULL - 1 };
	int all = 1;

	for (unsigned i = 0; i < sizeof frames / sizeof frames[0]; i++)
		for (uint32_t op = 0; op < 2; op++)
			all &= submit(disk, memory, op, 0, 2, frames[i]) == EXO_E_RANGE;
	CHECK("frames of others", all);
	REFUSED("the frame before ours", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, disk, memory, request(0, 0, 1, first - 1, 0), 0, 0, 0);
	REFUSED("one frame too many", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, disk, memory, request(0, 0, 2, first + FRAMES - 1, 0), 0, 0, 0);
	REFUSED("into memory that is read only", EXO_E_RIGHTS, EXO_NR_DISK_SUBMIT, disk, ro, request(0, 0, 1, first, 0), 0, 0, 0);
	REFUSED("out of memory that is write only", EXO_E_RIGHTS, EXO_NR_DISK_SUBMIT, disk, wo, request(1, 0, 1, first, 0), 0, 0, 0);
	REFUSED("the block before ours", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, part, memory, request(0, 99, 1, first, 0), 0, 0, 0);
	REFUSED("over the end of ours", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, part, memory, request(1, 103, 2, first, 0), 0, 0, 0);
	REFUSED("the other disk", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, part, memory, request(0, SECOND + 100, 1, first, 0), 0, 0, 0);
	REFUSED("the last number", EXO_E_RANGE, EXO_NR_DISK_SUBMIT, part, memory, request(0, ~0ULL, 2, first, 0), 0, 0, 0);
	REFUSED("writing with a right to read", EXO_E_RIGHTS, EXO_NR_DISK_SUBMIT, reads, memory, request(1, 100, 1, first, 0), 0, 0, 0);
	REFUSED("flushing with a right to read", EXO_E_RIGHTS, EXO_NR_DISK_SUBMIT, second, 0, request(2, SECOND, 0, 0, 0), 0, 0, 0);
	REFUSED("writing to the second", EXO_E_RIGHTS, EXO_NR_DISK_SUBMIT, second, memory, request(1, SECOND, 1, first, 0), 0, 0, 0);
	REFUSED("memory as a disk", EXO_E_TYPE, EXO_NR_DISK_SUBMIT, memory, memory, request(0, first, 1, first, 0), 0, 0, 0);
	REFUSED("a disk as memory", EXO_E_TYPE, EXO_NR_DISK_SUBMIT, disk, disk, request(0, 0, 1, 0, 0), 0, 0, 0);
	REFUSED("no memory", EXO_E_CAP, EXO_NR_DISK_SUBMIT, disk, 0, request(0, 0, 1, first, 0), 0, 0, 0);
	REFUSED("somebody's name", EXO_E_CAP, EXO_NR_DISK_SUBMIT, 1ULL << 16 | 3, memory, request(0, 0, 1, first, 0), 0, 0, 0);
	REFUSED("nothing to read", EXO_E_ARG, EXO_NR_DISK_SUBMIT, disk, memory, request(0, 0, 0, first, 0), 0, 0, 0);
	REFUSED("too much", EXO_E_ARG, EXO_NR_DISK_SUBMIT, disk, memory, request(0, 0, 257, first, 0), 0, 0, 0);
	REFUSED("what wraps", EXO_E_ARG, EXO_NR_DISK_SUBMIT, disk, memory, request(0, 0, 0xfffff000, first, 0), 0, 0, 0);
	REFUSED("no such operation", EXO_E_ARG, EXO_NR_DISK_SUBMIT, disk, memory, request(3, 0, 1, first, 0), 0, 0, 0);
	REFUSED("a request at 0", EXO_E_ADDRESS, EXO_NR_DISK_SUBMIT, disk, memory, 0, 0, 0, 0);
	REFUSED("a request in the kernel", EXO_E_ADDRESS, EXO_NR_DISK_SUBMIT, disk, memory, 0xffffffff80000000, 0, 0, 0);
	CHECK("nothing of that was begun", exo_what(disk).refs == 2 && exo_what(memory).refs == 3);
	CHECK("what is allowed works", submit(part, ro, EXO_DISK_WRITE, 100, 4, first) == EXO_OK && answer(part) == EXO_OK &&
	      submit(part, wo, EXO_DISK_READ, 100, 1, first) == EXO_OK && answer(part) == EXO_OK);
	REFUSED("an answer at no address", EXO_E_TYPE, EXO_NR_DISK_TAKE, memory, view, 1, 0, 0, 0);
	CHECK("it is kept", submit(part, memory, EXO_DISK_READ, 100, 1, first) == EXO_OK);
	for (int i = 0; i < 1000 && exo_call(EXO_NR_DISK_TAKE, part, 8, 1, 0, 0, 0).status != EXO_E_ADDRESS; i++)
		pause_ms(1);
	CHECK("and taken later", answer(part) == EXO_OK);
	CHECK("given back", revoke(disk) && revoke(memory));
}

/* Frames are not written to any more once they are back. */
static void memory_goes(void)
{
	int quiet = 1, told = 1, dead = 1;

	for (int round = 0; round < 30; round++) {
		exo_cap_t part = derive(memory, RW, first, FRAMES);

		for (uint32_t i = 0; i < 4; i++)
			if (submit(disk, part, EXO_DISK_READ, 256 * i, FRAMES, first) != EXO_OK)
				told = 0;
		if (!revoke(memory))
			told = 0;
		memset(view, 0x5a, FRAMES * 4096);
		dead &= submit(disk, part, EXO_DISK_READ, 0, 1, first) == EXO_E_CAP;
		for (uint32_t i = 0; i < 4; i++) {
			unsigned status = answer(disk);

			told &= status == EXO_OK || status == EXO_E_REVOKED;
		}
		pause_ms(1);
		for (uint32_t i = 0; i < FRAMES * 4096; i += 512)
			quiet &= view[i] == 0x5a;
	}
	CHECK("memory that is back is not written to", quiet);
	CHECK("each transfer is answered", told);
	CHECK("the name is dead", dead);
}

static void disk_goes(void)
{
	int whole = 1;

	for (int round = 0; round < 30; round++) {
		exo_cap_t part = derive(disk, RW, 0, 1024);

		for (uint32_t i = 0; i < 4; i++)
			whole &= submit(part, memory, EXO_DISK_WRITE, 256 * i, FRAMES, first) == EXO_OK;
		whole &= revoke(disk) && submit(part, memory, EXO_DISK_READ, 0, 1, first) == EXO_E_CAP;
		/* Nothing of it is in use any more; the mapping is. */
		whole &= exo_what(memory).refs == 1 && exo_what(disk).refs == 0;
	}
	CHECK("blocks that are taken back", whole);
}

#define SHARE 4 /* of the places for transfers, for a program that does not ask for more */

/* As many as it can have, never taken. */
static unsigned fill(uint32_t count)
{
	unsigned got = 0;

	for (int i = 0; i < 64; i++)
		got += submit(disk, memory, EXO_DISK_READ, (uint64_t)i * 4, count, first) == EXO_OK;
	return got;
}

static void queue(void)
{
	struct witness w = witness_start();
	int limited = 1, p[2];
	pid_t pids[5];
	char c;

	CHECK("a zone has its share", fill(1) == SHARE && submit(disk, memory, EXO_DISK_READ, 0, 1, first) == EXO_E_BUSY);
	CHECK("which is not less than it uses", !exo_share(EXO_QUOTA_DISK, SHARE - 1) && errno == EBUSY);
	CHECK("nor all that there is", !exo_share(EXO_QUOTA_DISK, 32) && errno == ENOMEM && !exo_share(EXO_QUOTA_DISK, ~0ULL) && errno == ENOMEM);
	CHECK("and can be more", exo_share(EXO_QUOTA_DISK, 2 * SHARE) && fill(1) == SHARE);
	for (int i = 0; i < 2 * SHARE; i++)
		limited &= answer(disk) == EXO_OK;
	limited &= exo_share(EXO_QUOTA_DISK, SHARE);
	CHECK("and gets it back", limited && submit(disk, memory, EXO_DISK_READ, 0, 1, first) == EXO_OK && answer(disk) == EXO_OK);
	if (pipe(p))
		return;
	for (int i = 0; i < 5; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			unsigned got = attach() ? fill(64) : 99;

			c = got == SHARE ? '.' : '!';
			if (write(p[1], &c, 1) == 1)
				pause();
			_exit(1);
		}
	}
	for (int i = 0; i < 5; i++)
		limited &= read(p[0], &c, 1) == 1 && c == '.';
	CHECK("others have theirs", limited && submit(disk, memory, EXO_DISK_READ, 0, 1, first) == EXO_OK && answer(disk) == EXO_OK);
	CHECK("till there are no more", !exo_share(EXO_QUOTA_DISK, SHARE + 1) && errno == ENOMEM);
	for (int i = 0; i < 5; i++) {
		kill(pids[i], SIGKILL);
		limited &= wait_status(pids[i]) == SIGKILL;
	}
	/* Killed with transfers under way, many times. */
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(attach() && fill(256) > 0 ? 0 : 1);
		limited &= wait_status(pid) == 0;
	}
	CHECK("whoever dies gives it all back", limited && fill(256) == SHARE);
	for (int i = 0; i < SHARE; i++)
		limited &= answer(disk) == EXO_OK;
	CHECK("the disk works", limited && submit(disk, 0, EXO_DISK_FLUSH, 0, 0, 0) == EXO_OK && answer(disk) == EXO_OK);
	CHECK("others do not notice", witness_is_well(&w));
	witness_end(&w);
}

int main(void)
{
	CHECK("disks and memory", attach() && exo_audit_open());
	grants();
	others();
	memory_goes();
	disk_goes();
	queue();
	DONE();
}

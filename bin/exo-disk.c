/*
 * exo-disk: reads and writes disks by kernel calls, as an ordinary program.
 *
 * /dev/exo gives it a capability for a disk and one for some memory, which it maps into itself. A transfer goes between the disk
 * and that very memory. The LibOS does not know of that memory, so what comes from a file or goes there is copied once, here.
 * Several transfers are under way at a time, and to sleep until one is over it polls /dev/exo.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libos/dev_exo.h>

#include "exo_call.h"

#define DISKS      EXO_BOOT_EXTENTS
#define BLOCK      EXO_FRAME_SIZE
#define CHUNK      64u /* blocks of one transfer */
#define CHUNKS     4u  /* under way at a time */
#define PATIENCE_MS 60000

static int device = -1;
static exo_cap_t disk, memory;
static struct exo_disk_info info;
static uint64_t first_frame;
static uint8_t *buffer; /* CHUNKS times CHUNK blocks */
static uint8_t copy[CHUNK * BLOCK];

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "exo-disk: %s: %s\n", what, why);
	exit(1);
}

static void check(uint64_t status, const char *what)
{
	if (status != EXO_OK)
		fail(what, exo_status_text(status));
}

/* ---- capabilities ---- */

/* 0, or an errno; of a disk, as it is, with the rights that can be had of these. */
static int grant(uint32_t kind, uint32_t rights, uint64_t *first, uint64_t count, exo_cap_t *cap)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .first = *first, .count = count };

	if (ioctl(device, (int)EXO_DEV_GRANT, &g) < 0)
		return errno;
	*first = g.first;
	*cap = g.cap;
	return 0;
}

static void attach(void)
{
	device = open("/dev/exo", O_RDWR | O_CLOEXEC);
	if (device < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		fail("/dev/exo", "not here: this system is not FeuerBird");
	if (device < 0)
		fail("/dev/exo", errno == EACCES || errno == EPERM ? "only root may use disks" : strerror(errno));
}

/* False: there is no such disk. */
static bool disk_open(unsigned number, uint32_t rights)
{
	uint64_t first = (uint64_t)number << EXO_DISK_SHIFT;
	int error = grant(EXO_DEV_DISK, rights, &first, 0, &disk);

	if (error == EACCES)
		fail("the disk", "it can only be read");
	if (error == EPERM)
		fail("the disk", "only root may use disks");
	if (error != 0 && error != ENXIO)
		fail("the disk", strerror(error));
	if (error == 0)
		check(exo_disk_info(disk, &info, NULL), "the disk");
	return error == 0;
}

/* Frames of our own, at an address where the LibOS puts nothing else. */
static void buffer_make(void)
{
	struct exo_map_op op = { .count = CHUNKS * CHUNK, .prot = EXO_PROT_READ | EXO_PROT_WRITE };
	uint64_t none = 0;
	exo_cap_t zone;

	if (grant(EXO_DEV_ZONE, EXO_R_READ | EXO_R_MAP, &none, 0, &zone) != 0 ||
	    grant(EXO_DEV_MEMORY, EXO_R_READ | EXO_R_WRITE, &first_frame, op.count, &memory) != 0)
		fail("memory", "there is not enough");
	buffer = mmap(NULL, op.count * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		fail("memory", strerror(errno));
	op.vaddr = (uint64_t)(uintptr_t)buffer;
	op.frame = first_frame;
	check(exo_mem_map(zone, memory, &op, 1, NULL), "memory");
}

/* ---- transfers ---- */

/* Begins a transfer of chunk number `chunk` of the buffer, with that as its tag. */
static void submit(uint32_t op, uint64_t block, uint32_t count, uint64_t chunk)
{
	struct exo_disk_request request = {
		.op = op, .count = count, .first = info.first + block, .frame = first_frame + chunk * CHUNK, .tag = chunk,
	};

	check(exo_disk_submit(disk, op == EXO_DISK_FLUSH ? EXO_CAP_NONE : memory, &request, NULL), "the disk");
}

/* Waits until that chunk's transfer is over; what is over besides is remembered in *over, as bits. */
static void await(uint64_t chunk, unsigned *over)
{
	struct exo_disk_done done[CHUNKS + 1] = { 0 };
	struct pollfd p = { .fd = device, .events = POLLIN };
	uint64_t count;

	while (!(*over >> chunk & 1)) {
		check(exo_disk_take(disk, done, CHUNKS + 1, &count), "the disk");
		for (uint64_t i = 0; i < count; i++) {
			check(done[i].status, "the disk");
			*over |= 1u << done[i].tag;
		}
		if (count == 0 && poll(&p, 1, PATIENCE_MS) == 0)
			fail("the disk", "no answer for a minute");
	}
	*over &= ~(1u << chunk);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- show, read, write, flush ---- */

static int show(void)
{
	bool any = false;

	for (unsigned i = 0; i < DISKS; i++) {
		if (!disk_open(i, EXO_R_READ))
			continue;
		any = true;
		printf("disk %u: %llu blocks of %u bytes%s\n", i, (unsigned long long)info.count, info.block_size,
		       info.writable ? "" : ", to be read only");
	}
	if (!any)
		puts("no disk");
	return fflush(stdout) != 0;
}

static void write_out(const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, size);

		if (n < 0)
			fail("standard output", strerror(errno));
		bytes += n;
		size -= (size_t)n;
	}
}

/* The chunks go round: while one is written out the disk fills the others. */
static int read_blocks(uint64_t block, uint64_t count)
{
	uint64_t asked = 0, got = 0;
	unsigned over = 0;

	for (unsigned chunk = 0; got < count; chunk = (chunk + 1) % CHUNKS) {
		uint64_t size = least(count - got, CHUNK);

		for (; asked < count && asked < got + CHUNKS * CHUNK; asked += CHUNK)
			submit(EXO_DISK_READ, block + asked, (uint32_t)least(count - asked, CHUNK), asked / CHUNK % CHUNKS);
		await(chunk, &over);
		memcpy(copy, buffer + chunk * CHUNK * BLOCK, size * BLOCK);
		write_out(copy, size * BLOCK);
		got += size;
	}
	return 0;
}

/* As much as there is into `copy`. */
static size_t read_in(void)
{
	size_t size = 0;
	ssize_t n;

	while (size < sizeof(copy) && (n = read(STDIN_FILENO, copy + size, sizeof(copy) - size)) != 0) {
		if (n < 0)
			fail("standard input", strerror(errno));
		size += (size_t)n;
	}
	return size;
}

static void flush(void)
{
	unsigned over = 0;

	submit(EXO_DISK_FLUSH, 0, 0, CHUNKS);
	await(CHUNKS, &over);
}

/* The end of the last block is filled up with zeroes. */
static int write_blocks(uint64_t block)
{
	unsigned over = (1u << CHUNKS) - 1; /* free chunks */
	uint64_t at = block;
	bool more = true;

	for (unsigned chunk = 0; more; chunk = (chunk + 1) % CHUNKS) {
		uint8_t *to = buffer + chunk * CHUNK * BLOCK;
		size_t size, blocks;

		await(chunk, &over);
		size = read_in();
		blocks = (size + BLOCK - 1) / BLOCK;
		more = size == sizeof(copy);
		memcpy(to, copy, size);
		memset(to + size, 0, blocks * BLOCK - size);
		if (blocks > info.count - at)
			fail("the disk", "its end is reached; not all of the input was written");
		if (blocks > 0)
			submit(EXO_DISK_WRITE, at, (uint32_t)blocks, chunk);
		else
			over |= 1u << chunk;
		at += blocks;
	}
	for (unsigned chunk = 0; chunk < CHUNKS; chunk++)
		await(chunk, &over);
	flush();
	fprintf(stderr, "exo-disk: %llu blocks\n", (unsigned long long)(at - block));
	return 0;
}

/* ---- The command line ---- */

static int help(int status)
{
	fputs("usage: exo-disk                              shows the disks\n"
	      "       exo-disk [-d DISK] read FIRST [COUNT]  COUNT blocks (1) from FIRST on\n"
	      "       exo-disk [-d DISK] write FIRST         standard input to FIRST and behind\n"
	      "       exo-disk [-d DISK] flush               waits until writes are lasting\n"
	      "       exo-disk --help\n"
	      "DISK is a number, 0 at first; a block has 4096 bytes. read writes to standard\n"
	      "output. write fills the last block up with zeroes, and ends when all of it is on\n"
	      "the medium. For root only.\n",
	      status ? stderr : stdout);
	return status;
}

static uint64_t number(const char *text, const char *what)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno) {
		fprintf(stderr, "exo-disk: %s must be a number, not '%s'\n", what, text);
		exit(2);
	}
	return value;
}

/* A disk that has these blocks. */
static void disk_ready(unsigned which, uint32_t rights, uint64_t block, uint64_t count)
{
	attach();
	if (which >= DISKS || !disk_open(which, rights))
		fail("the disk", "there is no such disk");
	if (block >= info.count || count > info.count - block)
		fail("the disk", "it ends before that block");
	buffer_make();
}

int main(int argc, char **argv)
{
	unsigned which = 0;
	const char *what;
	uint64_t block, count;

	if (argc > 2 && strcmp(argv[1], "-d") == 0) {
		block = number(argv[2], "DISK");
		which = (unsigned)least(block, DISKS);
		argc -= 2;
		argv += 2;
	}
	what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "help") == 0 || strcmp(what, "--help") == 0)
		return help(0);
	if (argc == 1 && which == 0) {
		attach();
		return show();
	}
	if (strcmp(what, "read") == 0 && (argc == 3 || argc == 4)) {
		block = number(argv[2], "FIRST");
		count = argc == 4 ? number(argv[3], "COUNT") : 1;
		disk_ready(which, EXO_R_READ, block, count);
		return read_blocks(block, count);
	}
	if (strcmp(what, "write") == 0 && argc == 3) {
		block = number(argv[2], "FIRST");
		disk_ready(which, EXO_R_READ | EXO_R_WRITE, block, 0);
		return write_blocks(block);
	}
	if (strcmp(what, "flush") == 0 && argc == 2) {
		disk_ready(which, EXO_R_READ | EXO_R_WRITE, 0, 0);
		flush();
		return 0;
	}
	return help(2);
}

/* Sparse files: SEEK_HOLE, SEEK_DATA, fallocate's modes, block counts, the largest sizes. */
#include "check.h"

static long blocks(int f)
{
	struct stat st;

	fstat(f, &st);
	return st.st_blocks;
}

int main(void)
{
	int f = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2];
	char b[16];
	struct stat st;

	pipe(p);
	FAILS("no data in an empty file", ENXIO, lseek(f, 0, SEEK_DATA));
	FAILS("nor a hole", ENXIO, lseek(f, 0, SEEK_HOLE));
	write(f, "123456", 6);
	CHECK("the end is a hole", lseek(f, 0, SEEK_HOLE) == 6 && lseek(f, 2, SEEK_DATA) == 2);
	CHECK("one page", blocks(f) == 8);
	ftruncate(f, 100000);
	CHECK("growing costs nothing", blocks(f) == 8);
	CHECK("the page's end is the hole's start", lseek(f, 0, SEEK_HOLE) == 4096);
	FAILS("no data behind it", ENXIO, lseek(f, 50000, SEEK_DATA));
	FAILS("beyond the end", ENXIO, lseek(f, 100000, SEEK_HOLE));
	FAILS("a negative place", ENXIO, lseek(f, -1, SEEK_DATA));
	pwrite(f, "x", 1, 90000);
	CHECK("the next data", lseek(f, 5000, SEEK_DATA) == 90000 / 4096 * 4096 && blocks(f) == 16);
	CHECK("punch a hole", fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 && blocks(f) == 8);
	CHECK("it reads as zeros", pread(f, b, 6, 0) == 6 && !b[0] && !b[5] && lseek(f, 0, SEEK_DATA) == 90000 / 4096 * 4096);
	CHECK("a part of a page is cleared only", pwrite(f, "abcdef", 6, 0) == 6 && fallocate(f, 3, 1, 2) == 0 && pread(f, b, 6, 0) == 6 && !memcmp(b, "a\0\0def", 6) && blocks(f) == 16);
	CHECK("fallocate takes room", fallocate(f, 0, 100000, 10000) == 0 && lseek(f, 0, SEEK_END) == 110000 && blocks(f) > 16);
	CHECK("and may leave the size", fallocate(f, FALLOC_FL_KEEP_SIZE, 120000, 10) == 0 && lseek(f, 0, SEEK_END) == 110000);
	FAILS("no length", EINVAL, fallocate(f, 0, 0, 0));
	FAILS("a negative offset", EINVAL, fallocate(f, 0, -1, 1));
	FAILS("punching that changes the size", EOPNOTSUPP, fallocate(f, FALLOC_FL_PUNCH_HOLE, 0, 1));
	FAILS("beyond all files", EFBIG, fallocate(f, 0, 0x7fffffffffffffff, 1));
	FAILS("in a pipe", ESPIPE, fallocate(p[1], 0, 0, 1));
	FAILS("in a read-only file", EBADF, fallocate(open("f", O_RDONLY), 0, 0, 1));
	CHECK("a terabyte of nothing", ftruncate(f, 1L << 40) == 0 && fstat(f, &st) == 0 && st.st_size == 1L << 40);
	CHECK("with something at its end", pwrite(f, "end", 3, (1L << 40) - 3) == 3 && lseek(f, 200000, SEEK_DATA) == (1L << 40) - 4096);
	CHECK("truncate takes it off", ftruncate(f, 3) == 0 && blocks(f) == 8 && pread(f, b, 16, 0) == 3);
	CHECK("what was cut is zeros when it grows", ftruncate(f, 6) == 0 && pread(f, b, 6, 0) == 6 && !memcmp(b, "a\0\0\0\0\0", 6));
	char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	ftruncate(f, 1 << 20);
	CHECK("a hole is filled by a write to memory", (m[500000] = 'm', pread(f, b, 1, 500000)) == 1 && b[0] == 'm');
	CHECK("punched under a mapping", fallocate(f, 3, 0, 1 << 20) == 0 && m[500000] == 0);
	DONE();
}

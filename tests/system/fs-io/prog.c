/* read, write, pread, readv, lseek, truncate, sparse files, sendfile, copy_file_range, fallocate. */
#include "check.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void)
{
	char a[4], b[8], buf[64];
	struct iovec in[3] = { { a, 4 }, { b, 8 }, { NULL, 0 } }, out[2] = { { "abcdef", 6 }, { "ghijkl", 6 } };
	int f = open("f", O_CREAT | O_RDWR | O_TRUNC, 0600), g, p[2];
	struct stat st;
	off_t off;

	CHECK("writev", writev(f, out, 2) == 12);
	lseek(f, 0, SEEK_SET);
	CHECK("readv", readv(f, in, 3) == 12 && !memcmp(a, "abcd", 4) && !memcmp(b, "efghijkl", 8));
	CHECK("end of file", read(f, buf, 10) == 0);
	CHECK("pwrite, pread keep the offset", pwrite(f, "ZZ", 2, 3) == 2 && pread(f, buf, 6, 1) == 6 && !memcmp(buf, "bcZZfg", 6) && lseek(f, 0, SEEK_CUR) == 12);
	CHECK("preadv", preadv(f, in, 2, 6) == 6 && !memcmp(a, "ghij", 4));
	FAILS("negative offset", EINVAL, pread(f, buf, 1, -1));
	FAILS("too many vectors", EINVAL, readv(f, in, 2000));
	FAILS("negative count of vectors", EINVAL, readv(f, in, -1));
	CHECK("SEEK_END", lseek(f, -2, SEEK_END) == 10);
	FAILS("before the start", EINVAL, lseek(f, -20, SEEK_CUR));
	FAILS("bad whence", EINVAL, lseek(f, 0, 99));
	CHECK("far beyond the end", lseek(f, 1000000, SEEK_SET) == 1000000 && read(f, buf, 1) == 0 && write(f, "!", 1) == 1);
	fstat(f, &st);
	CHECK("sparse", st.st_size == 1000001 && st.st_blocks * 512 < 200000);
	CHECK("the hole reads as zeros", pread(f, buf, 64, 500000) == 64 && !buf[0] && !buf[63]);
	CHECK("shrink", ftruncate(f, 5) == 0 && pread(f, buf, 64, 0) == 5);
	CHECK("grow", ftruncate(f, 20) == 0 && pread(f, buf, 64, 0) == 20 && buf[4] == 'Z' && buf[5] == 0 && buf[12] == 0);
	CHECK("truncate by name", truncate("f", 3) == 0 && stat("f", &st) == 0 && st.st_size == 3);
	FAILS("truncate of a directory", EISDIR, truncate(".", 0));
	FAILS("negative size", EINVAL, ftruncate(f, -1));
	FAILS("truncate of a read-only descriptor", EINVAL, ftruncate(open("f", O_RDONLY), 0));
	pwrite(f, "0123456789", 10, 0);
	g = open("g", O_CREAT | O_RDWR | O_TRUNC, 0600);
	off = 2;
	CHECK("sendfile with an offset", sendfile(g, f, &off, 5) == 5 && off == 7 && pread(g, buf, 64, 0) == 5 && !memcmp(buf, "23456", 5));
	lseek(f, 8, SEEK_SET);
	CHECK("sendfile at the offset", sendfile(g, f, NULL, 100) == 2 && lseek(f, 0, SEEK_CUR) == 10);
	pipe(p);
	off = 0;
	CHECK("sendfile to a pipe", sendfile(p[1], f, &off, 10) == 10 && read(p[0], buf, 64) == 10 && !memcmp(buf, "0123456789", 10));
	loff_t i = 4, o = 1;
	CHECK("copy_file_range", syscall(SYS_copy_file_range, f, &i, g, &o, 3L, 0) == 3 && i == 7 && o == 4 && pread(g, buf, 4, 0) == 4 && !memcmp(buf, "2456", 4));
	CHECK("a zero-byte write", write(f, buf, 0) == 0);
	char *big = malloc(3 << 20), *back = malloc(3 << 20);
	for (int k = 0; k < 3 << 20; k++)
		big[k] = (char)(k * 7 + k / 1000);
	lseek(f, 0, SEEK_SET);
	CHECK("three megabytes in one write", write(f, big, 3 << 20) == 3 << 20);
	CHECK("and back in one read", pread(f, back, 3 << 20, 0) == 3 << 20 && !memcmp(big, back, 3 << 20));
	CHECK("fsync, fdatasync", fsync(f) == 0 && fdatasync(f) == 0);
	FAILS("closed", EBADF, (close(g), write(g, "x", 1)));
	DONE();
}

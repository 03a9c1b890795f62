/* Offsets near the largest one, which mistake is told first, buffers that end in nothing, blocks of sparse files. */
#include "check.h"
#include <sys/random.h>
#include <sys/select.h>

#define MAX 0x7fffffffffffffffL

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];
	char bytes[64] = "", *edge;
	struct timeval now = { 0, 0 };
	off_t from = 0, to = MAX - 0x100;
	struct stat st;
	fd_set set;

	FAILS("a bad offset comes before a bad descriptor", EINVAL, pread(99, bytes, 1, -1));
	FAILS("a write beyond the last offset", EINVAL, pwrite(fd, bytes, 2, MAX - 1));
	FAILS("a read likewise", EINVAL, pread(fd, bytes, 2, MAX - 1));
	CHECK("seek to the last", lseek(fd, MAX, SEEK_SET) == MAX);
	FAILS("and on", EINVAL, lseek(fd, 1, SEEK_CUR));
	FAILS("a write there", EINVAL, write(fd, bytes, 1));
	CHECK("ten bytes", pwrite(fd, "0123456789", 10, 0) == 10);
	CHECK("copy_file_range copies what there is", copy_file_range(fd, &from, fd, &to, 0x1000, 0) == 10);
	FAILS("setpgid of a negative number", EINVAL, setpgid(-5, 0));
	FD_ZERO(&set);
	CHECK("select of more than there can be", syscall(SYS_select, 0x7fffffff, &set, NULL, NULL, &now) == 0);

	for (int shift = 28; shift <= 34; shift += 3)
		CHECK("a hole takes no blocks", ftruncate(fd, 1L << shift) == 0 && fstat(fd, &st) == 0 && st.st_blocks <= 8);
	CHECK("a page takes eight", pwrite(fd, "x", 1, 1L << 33) == 1 && fstat(fd, &st) == 0 && st.st_blocks == 16);
	CHECK("and gives them back", ftruncate(fd, 0) == 0 && fstat(fd, &st) == 0 && st.st_blocks == 0);

	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	edge += 4092;
	CHECK("a pipe", pipe(ends) == 0);
	FAILS("takes nothing of a buffer that ends too early", EFAULT, write(ends[1], edge, 16));
	CHECK("sixteen bytes", write(ends[1], "0123456789abcdef", 16) == 16);
	FAILS("and loses nothing to one", EFAULT, read(ends[0], edge, 16));
	CHECK("they are still there", read(ends[0], bytes, 64) == 16 && !memcmp(bytes, "0123456789abcdef", 16));
	CHECK("a file gives what fits", pwrite(fd, "0123456789", 10, 0) == 10 && pread(fd, edge, 10, 0) == 4 && !memcmp(edge, "0123", 4));
	CHECK("so does getrandom", getrandom(edge, 16, 0) == 4);
	DONE();
}

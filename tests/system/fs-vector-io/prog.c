/* Vectors, positions and odd counts in reads and writes; calls on the wrong kind of descriptor; FIONREAD. */
#include "check.h"
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

int main(void)
{
	char b[64] = "";
	struct iovec v[3] = { { b, 3 }, { b + 10, 0 }, { b + 20, 5 } };
	int f = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600), o = open("o", O_RDWR | O_CREAT | O_TRUNC, 0600), p[2], n = -1;
	loff_t at = 0;

	pipe(p);
	write(f, "0123456789", 10);
	lseek(f, 0, SEEK_SET);
	CHECK("an empty part in the middle", readv(f, v, 3) == 8 && !memcmp(b, "012", 3) && !memcmp(b + 20, "34567", 5));
	CHECK("the last byte", preadv(f, v, 1, 9) == 1 && b[0] == '9');
	CHECK("no parts at all", readv(f, v, 0) == 0 && writev(f, NULL, 0) == 0);
	FAILS("a negative position", EINVAL, preadv(f, v, 1, -1));
	CHECK("pwritev", pwritev(f, (struct iovec[]){ { "A", 1 }, { "B", 1 } }, 2, 4) == 2 && pread(f, b, 10, 0) == 10 && !memcmp(b, "0123AB6789", 10));
	CHECK("beyond the end", pwrite(f, "Z", 1, 20) == 1 && lseek(f, 0, SEEK_END) == 21);
	fcntl(f, F_SETFL, O_APPEND);
	CHECK("O_APPEND goes before pwrite's position", pwrite(f, "!", 1, 0) == 1 && pread(f, b, 64, 0) == 22 && b[0] == '0' && b[21] == '!');
	fcntl(f, F_SETFL, 0);

	FAILS("pread of a pipe", ESPIPE, pread(p[0], b, 1, 0));
	FAILS("pwritev to a pipe", ESPIPE, pwritev(p[1], v, 1, 0));
	FAILS("lseek of a pipe", ESPIPE, lseek(p[0], 0, SEEK_SET));
	FAILS("a count below zero", EFAULT, read(f, (void *)0x7ffffffff000, (size_t)-1));
	FAILS("too many parts", EINVAL, writev(f, v, 1025));
	FAILS("a part below zero", EINVAL, (v[2].iov_len = (size_t)-1, readv(f, v, 3)));
	lseek(f, 0, SEEK_SET);
	FAILS("a bad pointer", EFAULT, read(f, (void *)8, 5));
	CHECK("did not move the offset", lseek(f, 0, SEEK_CUR) == 0);
	lseek(f, 0, SEEK_END);
	CHECK("at the end it is not looked at", read(f, (void *)8, 5) == 0);
	FAILS("closed descriptor", EBADF, read(99, b, 1));
	CHECK("nothing read from nothing", read(f, b, 0) == 0);
	FAILS("though the descriptor counts", EBADF, read(99, b, 0));

	lseek(f, 3, SEEK_SET);
	CHECK("FIONREAD of a file", ioctl(f, FIONREAD, &n) == 0 && n == 19);
	write(p[1], "abc", 3);
	CHECK("FIONREAD of a pipe", ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	FAILS("a file is no terminal", ENOTTY, ioctl(f, TCGETS, b));
	FAILS("a pipe neither", ENOTTY, ioctl(p[0], TIOCGWINSZ, b));
	CHECK("FIONBIO", (n = 1, ioctl(p[0], FIONBIO, &n)) == 0 && (fcntl(p[0], F_GETFL) & O_NONBLOCK));
	CHECK("FIOCLEX", ioctl(p[0], FIOCLEX) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC && ioctl(p[0], FIONCLEX) == 0 && fcntl(p[0], F_GETFD) == 0);

	FAILS("sendfile into a read-only descriptor", EBADF, sendfile(open("o", O_RDONLY), f, NULL, 1));
	FAILS("copy_file_range onto itself", EINVAL, (at = 0, syscall(SYS_copy_file_range, f, &at, f, &(loff_t){ 2 }, 5L, 0)));
	FAILS("copy_file_range with flags", EINVAL, syscall(SYS_copy_file_range, f, &at, o, NULL, 5L, 1));
	CHECK("past the end there is nothing to copy", (at = 5000, syscall(SYS_copy_file_range, f, &at, o, NULL, 5L, 0)) == 0 && at == 5000);
	DONE();
}

/* pipe: what the tests of pipes share. Results are printed as numbers or names of errors. */
#ifndef PIPE_TEST_H
#define PIPE_TEST_H

#include "check.h"
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define PAGE 4096L

static inline const char *error_name(int e)
{
	static const struct {
		int e;
		const char *name;
	} names[] = { { EAGAIN, "EAGAIN" }, { EBADF, "EBADF" }, { EBUSY, "EBUSY" }, { EFAULT, "EFAULT" }, { EFBIG, "EFBIG" },
		      { EINTR, "EINTR" }, { EINVAL, "EINVAL" }, { EISDIR, "EISDIR" }, { ENOMEM, "ENOMEM" }, { ENOSPC, "ENOSPC" },
		      { ENOSYS, "ENOSYS" }, { EPERM, "EPERM" }, { EPIPE, "EPIPE" }, { ESPIPE, "ESPIPE" }, { EOVERFLOW, "EOVERFLOW" },
		      { ENOTCONN, "ENOTCONN" }, { EOPNOTSUPP, "EOPNOTSUPP" }, { EMSGSIZE, "EMSGSIZE" }, { EIO, "EIO" } };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].e == e)
			return names[i].name;
	return "another error";
}

/* Straight to the descriptor, so that a child does not print it again. */
static inline void line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void line(const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text - 1, format, args);
	va_end(args);
	text[n++] = '\n';
	if (write(1, text, (size_t)n) != n)
		_exit(99);
}

static inline void say_result(const char *what, long r, int e)
{
	if (r < 0)
		line("%s: %s", what, error_name(e));
	else
		line("%s: %ld", what, r);
}

#define SAY(what, call)                            \
	do {                                       \
		errno = 0;                         \
		long said_ = (long)(call);         \
		say_result(what, said_, errno);    \
	} while (0)

static inline void close_pipe(int p[2])
{
	close(p[0]);
	close(p[1]);
}

static inline int queued(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

/* How many pages the pipe needs: it cannot be made smaller than that. */
static inline int pages_held(int fd)
{
	int was = fcntl(fd, F_GETPIPE_SZ), pages = 1;

	while (pages < 64 && fcntl(fd, F_SETPIPE_SZ, pages * PAGE) < 0)
		pages *= 2;
	fcntl(fd, F_SETPIPE_SZ, was);
	return pages;
}

/* All that is in the pipe, which is printed if it is short, else only its length and a sum. */
static inline void drain(const char *what, int fd)
{
	static char bytes[1 << 20];
	int flags = fcntl(fd, F_GETFL);
	long have = 0, n;
	unsigned sum = 0;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (have < (long)sizeof bytes && (n = read(fd, bytes + have, sizeof bytes - (size_t)have)) > 0)
		have += n;
	fcntl(fd, F_SETFL, flags);
	for (long i = 0; i < have; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	if (have <= 64)
		line("%s: %ld bytes '%.*s'", what, have, (int)have, bytes);
	else
		line("%s: %ld bytes, sum %08x", what, have, sum);
}

/* Writes until nothing more goes; how many bytes went. */
static inline long stuff(int fd)
{
	static char bytes[PAGE];
	int flags = fcntl(fd, F_GETFL);
	long done = 0, n;

	memset(bytes, '.', sizeof bytes);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while ((n = write(fd, bytes, sizeof bytes)) > 0)
		done += n;
	fcntl(fd, F_SETFL, flags);
	return done;
}

#endif

/* guests: what the tests of users against each other share. */
#ifndef GUESTS_H
#define GUESTS_H

#include "check.h"
#include <grp.h>
#include <sys/prctl.h>

/* The kernel's numbers; musl has no header for them. */
enum { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
	CAP_LINUX_IMMUTABLE, CAP_NET_RAW = 13, CAP_SYS_CHROOT = 18, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 21, CAP_SYS_NICE = 23, CAP_SYS_RESOURCE,
	CAP_MKNOD = 27, CAP_SETFCAP = 31, CAP_MAC_OVERRIDE };
#define CAP_VERSION 0x20080522

/* Becomes a user with nothing but that user's own. */
static inline void become(unsigned id)
{
	if (setgroups(0, NULL) || setgid(id) || setuid(id))
		_exit(97);
}

/* AS(what, id, statements): in a child of that user; its checks count. */
#define AS(what, id, ...)                                                                      \
	do {                                                                                   \
		pid_t as_ = fork();                                                            \
		if (as_ == 0) {                                                                \
			become(id);                                                            \
			__VA_ARGS__;                                                           \
			_exit(check_failures != 0);                                            \
		}                                                                              \
		CHECK(what, EXITED(wait_status(as_), 0));                                      \
	} while (0)

static inline int opens(const char *path, int flags)
{
	int f = open(path, flags), err = errno;

	if (f >= 0)
		close(f);
	errno = err;
	return f < 0 ? -1 : 0;
}

static inline void copy_self(const char *to, unsigned mode)
{
	static char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), f = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	ssize_t n;

	while ((n = read(from, bytes, sizeof bytes)) > 0)
		write(f, bytes, (size_t)n);
	close(from);
	close(f);
	chmod(to, mode);
}

struct caps {
	unsigned long effective, permitted, inheritable;
};
#define CAP(n) (1ul << (n))

static inline struct caps caps_now(void)
{
	unsigned h[2] = { CAP_VERSION, 0 };
	struct { unsigned effective, permitted, inheritable; } d[2];

	if (syscall(SYS_capget, h, d))
		_exit(96);
	return (struct caps){ d[0].effective | (unsigned long)d[1].effective << 32, d[0].permitted | (unsigned long)d[1].permitted << 32,
			      d[0].inheritable | (unsigned long)d[1].inheritable << 32 };
}

static inline int caps_set(unsigned long effective, unsigned long permitted, unsigned long inheritable)
{
	unsigned h[2] = { CAP_VERSION, 0 };
	struct { unsigned effective, permitted, inheritable; } d[2] = { { (unsigned)effective, (unsigned)permitted, (unsigned)inheritable },
					       { (unsigned)(effective >> 32), (unsigned)(permitted >> 32), (unsigned)(inheritable >> 32) } };

	return syscall(SYS_capset, h, d);
}

#endif

/* What the LibOS and its programs agree on: call numbers, errors, signals, and what a directory looks like. */
#ifndef V6_ABI_H
#define V6_ABI_H

#include <stdint.h>

enum v6_call {
#define V6_CALL(number, name) V6_CALL_##name = number,
#include "calls.def"
#undef V6_CALL
};

/* The sixth edition's error numbers (its user.h). */
enum v6_error {
	V6_ENOENT = 2,
	V6_ESRCH = 3,
	V6_E2BIG = 7,
	V6_ENOEXEC = 8,
	V6_EBADF = 9,
	V6_ECHILD = 10,
	V6_EAGAIN = 11,
	V6_ENOMEM = 12,
	V6_EFAULT = 14,
	V6_EISDIR = 21,
	V6_EINVAL = 22,
	V6_ENFILE = 23,
	V6_EMFILE = 24,
	V6_ESPIPE = 29,
	V6_EROFS = 30,
	V6_EPIPE = 32,
};

/* Its signals. All of them end the process. */
enum v6_signal {
	V6_SIGINT = 2,
	V6_SIGILL = 4,
	V6_SIGTRAP = 5,
	V6_SIGFPE = 8,
	V6_SIGKILL = 9,
	V6_SIGSEGV = 11,
	V6_SIGSYS = 12,
	V6_SIGPIPE = 13,
	V6_SIGNALS = 20,
};

/* A directory is read like a file, and is made of these. */
#define V6_NAME_SIZE 14
struct v6_dirent {
	uint16_t inode;
	char name[V6_NAME_SIZE]; /* ended by 0 if shorter */
};

#endif

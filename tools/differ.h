/*
 * differ.h: the grammar of tools/differ: which calls it makes, and of what their arguments are.
 *
 * A row: kind, number, name, a letter per argument, result ('d' as it is, 'p' a process, 'a' an address, 'x' only
 * that it is good), and what is masked in memory.
 *
 * Kinds: f files, d descriptors, m memory, s signals, p processes, i identity, t time, u futexes.
 *
 * Not vmsplice: of memory that changes later the pipe has a copy here (docs/status.md).
 *
 * Letters: f descriptor, d directory's descriptor, p path (+: devices too), b buffer, n size, o offset, i number, m mode, u user or
 * group, s signal, W address in the window, l length of memory, T timespec, U two of them, t itimerspec, I itimerval,
 * v vector, S set of signals, a sigaction, k stack, w futex word, e sigevent, g limit, L file lock, E strings,
 * q siginfo, P polls, C and c capability header and sets, @ the caller itself, Z 8 most often, 0 zero;
 * any other is one of `choices`.
 */
#ifndef DIFFER_H
#define DIFFER_H

#define OUT_ZERO   0x10 /* so many bytes (above bit 8) at argument N become zero */
#define OUT_STAT   0x20
#define OUT_DENTS  0x40
#define OUT(n, size) (OUT_ZERO | (n) | (size) << 8)

#define DO_TOUCH  (-1) /* read or write a byte of the window */
#define DO_FORK   (-2) /* the next calls in a child, which is waited for */
#define DO_THREAD (-3) /* the next calls in a thread, which is waited for */

struct row {
	char kind;
	int nr;
	const char *name, *args;
	char result;
	unsigned out;
};

static const struct row rows[] = {
	{'f', SYS_open, "open", "+Om", 'd', 0}, {'f', SYS_open, "open", "pOm", 'd', 0}, {'d', SYS_open, "open", "pOm", 'd', 0},
	{'f', SYS_openat, "openat", "dpOm", 'd', 0}, {'f', SYS_creat, "creat", "pm", 'd', 0},
	{'d', SYS_close, "close", "f", 'd', 0}, {'f', SYS_stat, "stat", "pb", 'd', OUT_STAT | 1}, {'f', SYS_lstat, "lstat", "pb", 'd', OUT_STAT | 1},
	{'d', SYS_fstat, "fstat", "fb", 'd', OUT_STAT | 1}, {'f', SYS_newfstatat, "newfstatat", "dpbA", 'd', OUT_STAT | 2},
	{'d', SYS_read, "read", "fbn", 'd', 0}, {'d', SYS_write, "write", "fbn", 'd', 0}, {'d', SYS_pread64, "pread64", "fbno", 'd', 0},
	{'d', SYS_pwrite64, "pwrite64", "fbno", 'd', 0}, {'d', SYS_readv, "readv", "fvi", 'd', 0}, {'d', SYS_writev, "writev", "fvi", 'd', 0},
	{'d', SYS_preadv, "preadv", "fvio0", 'd', 0}, {'d', SYS_pwritev, "pwritev", "fvio0", 'd', 0},
	{'d', SYS_preadv2, "preadv2", "fvio0%", 'd', 0}, {'d', SYS_pwritev2, "pwritev2", "fvio0%", 'd', 0},
	{'d', SYS_lseek, "lseek", "foH", 'd', 0}, {'d', SYS_dup, "dup", "f", 'd', 0}, {'d', SYS_dup2, "dup2", "ff", 'd', 0},
	{'d', SYS_dup3, "dup3", "ffO", 'd', 0}, {'d', SYS_pipe2, "pipe2", "bN", 'd', 0}, {'d', SYS_fcntl, "fcntl", "fFi", 'd', 0},
	{'d', SYS_fcntl, "fcntl", "fJL", 'd', 0}, {'d', SYS_flock, "flock", "fQ", 'd', 0}, {'d', SYS_ftruncate, "ftruncate", "fo", 'd', 0},
	{'f', SYS_truncate, "truncate", "po", 'd', 0}, {'d', SYS_fallocate, "fallocate", "fKoo", 'd', 0}, {'d', SYS_fsync, "fsync", "f", 'd', 0},
	{'d', SYS_fdatasync, "fdatasync", "f", 'd', 0}, {'d', SYS_sendfile, "sendfile", "ff0n", 'd', 0}, {'d', SYS_sendfile, "sendfile", "ffbn", 'd', 0},
	{'d', SYS_copy_file_range, "copy_file_range", "f0f0n0", 'd', 0}, {'d', SYS_close_range, "close_range", "iij", 'd', 0},
	{'d', SYS_splice, "splice", "f0f0n$", 'd', 0}, {'d', SYS_splice, "splice", "fbfbn$", 'd', 0}, {'d', SYS_tee, "tee", "ffn$", 'd', 0},
	{'d', SYS_fadvise64, "fadvise64", "fooi", 'd', 0}, {'d', SYS_poll, "poll", "Pi0", 'd', 0}, {'d', SYS_ioctl, "ioctl", "fGb", 'd', 0},
	{'f', SYS_access, "access", "pR", 'd', 0}, {'f', SYS_faccessat, "faccessat", "dpR", 'd', 0}, {'f', SYS_faccessat2, "faccessat2", "dpRA", 'd', 0},
	{'f', SYS_mkdir, "mkdir", "pm", 'd', 0}, {'f', SYS_mkdirat, "mkdirat", "dpm", 'd', 0}, {'f', SYS_rmdir, "rmdir", "p", 'd', 0},
	{'f', SYS_unlink, "unlink", "p", 'd', 0}, {'f', SYS_unlinkat, "unlinkat", "dpA", 'd', 0}, {'f', SYS_rename, "rename", "pp", 'd', 0},
	{'f', SYS_renameat2, "renameat2", "dpdpi", 'd', 0}, {'f', SYS_link, "link", "pp", 'd', 0}, {'f', SYS_linkat, "linkat", "dpdpA", 'd', 0},
	{'f', SYS_symlink, "symlink", "pp", 'd', 0}, {'f', SYS_symlinkat, "symlinkat", "pdp", 'd', 0}, {'f', SYS_readlink, "readlink", "pbn", 'd', 0},
	{'f', SYS_readlinkat, "readlinkat", "dpbn", 'd', 0}, {'f', SYS_chmod, "chmod", "pm", 'd', 0}, {'d', SYS_fchmod, "fchmod", "fm", 'd', 0},
	{'f', SYS_fchmodat, "fchmodat", "dpm", 'd', 0}, {'f', SYS_chown, "chown", "puu", 'd', 0}, {'f', SYS_lchown, "lchown", "puu", 'd', 0},
	{'d', SYS_fchown, "fchown", "fuu", 'd', 0}, {'f', SYS_fchownat, "fchownat", "dpuuA", 'd', 0}, {'f', SYS_mknod, "mknod", "pY0", 'd', 0},
	{'f', SYS_mknodat, "mknodat", "dpY0", 'd', 0}, {'f', SYS_utimensat, "utimensat", "dpUA", 'd', 0}, {'f', SYS_chdir, "chdir", "p", 'd', 0},
	{'d', SYS_fchdir, "fchdir", "f", 'd', 0}, {'f', SYS_getcwd, "getcwd", "bn", 'd', 0}, {'f', SYS_umask, "umask", "m", 'd', 0},
	{'d', SYS_getdents64, "getdents64", "fbn", 'd', OUT_DENTS | 1}, {'f', SYS_execve, "execve", "pEE", 'd', 0},
	{'f', SYS_statfs, "statfs", "pb", 'd', OUT(1, 120)}, {'d', SYS_fstatfs, "fstatfs", "fb", 'd', OUT(1, 120)},
	{'f', SYS_statx, "statx", "dpAxb", 'd', OUT(4, 256)}, {'f', SYS_chroot, "chroot", "p", 'd', 0},

	{'m', SYS_mmap, "mmap", "WlBMfo", 'a', 0}, {'m', SYS_mmap, "mmap", "WlBDf0", 'a', 0}, {'m', SYS_mmap, "mmap", "WlBDf0", 'a', 0},
	{'m', SYS_munmap, "munmap", "Wl", 'd', 0}, {'m', SYS_mprotect, "mprotect", "WlB", 'd', 0}, {'m', SYS_mremap, "mremap", "WllVW", 'a', 0},
	{'m', SYS_msync, "msync", "WlX", 'd', 0}, {'m', SYS_mincore, "mincore", "Wlb", 'd', OUT(2, 16)}, {'m', SYS_madvise, "madvise", "W;z", 'd', 0},
	{'m', DO_TOUCH, "touch", "Wi", 'd', 0}, {'m', DO_TOUCH, "touch", "Wi", 'd', 0}, {'m', SYS_read, "read", "fWn", 'd', 0},
	{'m', SYS_write, "write", "fWn", 'd', 0}, {'m', SYS_open, "open", "+Om", 'd', 0}, {'m', SYS_ftruncate, "ftruncate", "fo", 'd', 0},

	{'s', SYS_rt_sigaction, "rt_sigaction", "sabZ", 'd', OUT(2, 32)}, {'s', SYS_rt_sigaction, "rt_sigaction", "sa0Z", 'd', 0},
	{'s', SYS_rt_sigprocmask, "rt_sigprocmask", "hSbZ", 'd', 0}, {'s', SYS_rt_sigprocmask, "rt_sigprocmask", "hS0Z", 'd', 0},
	{'s', SYS_kill, "kill", "@s", 'd', 0}, {'s', SYS_kill, "kill", "@s", 'd', 0}, {'s', SYS_tkill, "tkill", "@s", 'd', 0},
	{'s', SYS_tgkill, "tgkill", "@@s", 'd', 0}, {'s', SYS_rt_sigqueueinfo, "rt_sigqueueinfo", "@sq", 'd', 0},
	{'s', SYS_rt_sigpending, "rt_sigpending", "bZ", 'd', 0}, {'s', SYS_rt_sigtimedwait, "rt_sigtimedwait", "S0TZ", 'd', 0},
	{'s', SYS_sigaltstack, "sigaltstack", "kb", 'd', 0}, {'s', SYS_kill, "kill", "!s", 'd', 0}, {'s', SYS_alarm, "alarm", "0", 'd', 0},

	{'*', DO_FORK, "fork", "", 'd', 0}, {'*', DO_THREAD, "thread", "", 'd', 0},
	{'p', SYS_wait4, "wait4", "!ybb", 'p', OUT(3, 144)}, {'p', SYS_waitid, "waitid", "i!b9b", 'p', OUT(2, 128)},
	{'p', SYS_getppid, "getppid", "", 'x', 0}, {'p', SYS_setpgid, "setpgid", "!!", 'd', 0}, {'p', SYS_getpgid, "getpgid", "!", 'x', 0},
	{'p', SYS_getsid, "getsid", "!", 'x', 0}, {'p', SYS_setsid, "setsid", "", 'x', 0}, {'p', SYS_getpriority, "getpriority", "0!", 'd', 0},
	{'p', SYS_setpriority, "setpriority", "0!i", 'd', 0}, {'p', SYS_prctl, "prctl", "1iiii", 'd', 0}, {'p', SYS_getrlimit, "getrlimit", "2b", 'd', OUT(1, 16)},
	{'p', SYS_setrlimit, "setrlimit", "3g", 'd', 0}, {'p', SYS_prlimit64, "prlimit64", "03gb", 'd', OUT(3, 16)},
	{'p', SYS_getrusage, "getrusage", "ib", 'd', OUT(1, 144)}, {'p', SYS_sched_getscheduler, "sched_getscheduler", "!", 'd', 0},
	{'p', SYS_sched_getparam, "sched_getparam", "!b", 'd', 0}, {'p', SYS_sched_get_priority_max, "sched_get_priority_max", "i", 'd', 0},
	{'p', SYS_sched_get_priority_min, "sched_get_priority_min", "i", 'd', 0}, {'p', SYS_personality, "personality", "4", 'd', 0},
	{'p', SYS_times, "times", "b", 'x', OUT(0, 32)}, {'p', SYS_uname, "uname", "b", 'd', OUT(0, 390)}, {'p', SYS_sysinfo, "sysinfo", "b", 'd', OUT(0, 112)},
	{'p', SYS_getrandom, "getrandom", "bni", 'x', OUT_DENTS | 0}, {'p', SYS_set_robust_list, "set_robust_list", "bi", 'd', 0},

	{'i', SYS_setuid, "setuid", "u", 'd', 0}, {'i', SYS_setgid, "setgid", "u", 'd', 0}, {'i', SYS_setreuid, "setreuid", "uu", 'd', 0},
	{'i', SYS_setregid, "setregid", "uu", 'd', 0}, {'i', SYS_setresuid, "setresuid", "uuu", 'd', 0}, {'i', SYS_setresgid, "setresgid", "uuu", 'd', 0},
	{'i', SYS_getresuid, "getresuid", "bbb", 'd', 0}, {'i', SYS_getresgid, "getresgid", "bbb", 'd', 0}, {'i', SYS_setfsuid, "setfsuid", "u", 'd', 0},
	{'i', SYS_setfsgid, "setfsgid", "u", 'd', 0}, {'i', SYS_getgroups, "getgroups", "ib", 'd', 0}, {'i', SYS_setgroups, "setgroups", "ib", 'd', 0},
	{'i', SYS_capget, "capget", "Cb", 'd', 0}, {'i', SYS_capset, "capset", "Cc", 'd', 0}, {'i', SYS_prctl, "prctl", "1iiii", 'd', 0},
	{'i', SYS_open, "open", "pOm", 'd', 0}, {'i', SYS_chown, "chown", "puu", 'd', 0}, {'i', SYS_chmod, "chmod", "pm", 'd', 0},
	{'i', SYS_unlink, "unlink", "p", 'd', 0}, {'i', SYS_rename, "rename", "pp", 'd', 0}, {'i', SYS_stat, "stat", "pb", 'd', OUT_STAT | 1},

	{'t', SYS_clock_gettime, "clock_gettime", "5b", 'd', OUT(1, 16)}, {'t', SYS_clock_getres, "clock_getres", "5b", 'd', 0},
	{'t', SYS_nanosleep, "nanosleep", "6b", 'd', 0}, {'t', SYS_clock_nanosleep, "clock_nanosleep", "5i6b", 'd', 0},
	{'t', SYS_timer_create, "timer_create", "5eb", 'd', 0}, {'t', SYS_timer_settime, "timer_settime", "iitb", 'd', OUT(3, 32)},
	{'t', SYS_timer_gettime, "timer_gettime", "ib", 'd', OUT(1, 32)}, {'t', SYS_timer_getoverrun, "timer_getoverrun", "i", 'd', 0},
	{'t', SYS_timer_delete, "timer_delete", "i", 'd', 0}, {'t', SYS_getitimer, "getitimer", "ib", 'd', OUT(1, 32)},
	{'t', SYS_setitimer, "setitimer", "iIb", 'd', OUT(2, 32)}, {'t', SYS_gettimeofday, "gettimeofday", "bb", 'd', OUT(0, 16)},
	{'t', SYS_time, "time", "0", 'x', 0}, {'t', SYS_timer_create, "timer_create", "5e0", 'd', 0},

	{'u', SYS_futex, "futex", "w7i60i", 'd', 0}, {'u', SYS_futex, "futex", "w8iiwi", 'd', 0}, {'u', SYS_futex, "futex", "W7i60i", 'd', 0},
	{'u', SYS_mmap, "mmap", "WlBDf0", 'a', 0}, {'u', SYS_get_robust_list, "get_robust_list", "0bb", 'd', OUT(1, 8)},
};
static const size_t row_count = sizeof(rows) / sizeof(rows[0]);

/* Letters that stand for one of some values; "mixed": two of them may be joined. */
struct choice {
	char letter;
	int mixed;
	size_t count;
	const uint64_t *values;
};
#define CHOICE(letter, mixed, ...) {letter, mixed, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (const uint64_t[]){__VA_ARGS__}}

static const struct choice choices[] = {
	/* Opened without O_NONBLOCK a FIFO would wait; so all have it. */
	CHOICE('O', 1, O_NONBLOCK, O_NONBLOCK | O_RDWR, O_NONBLOCK | O_WRONLY, O_NONBLOCK | O_RDWR | O_CREAT, O_NONBLOCK | O_WRONLY | O_CREAT | O_EXCL, O_NONBLOCK | O_DIRECTORY,
		O_NONBLOCK | O_NOFOLLOW, O_NONBLOCK | O_RDWR | O_TRUNC, O_NONBLOCK | O_RDWR | O_APPEND, O_NONBLOCK | O_CLOEXEC, O_NONBLOCK | O_PATH,
		O_NONBLOCK | O_RDWR | O_TMPFILE, O_NONBLOCK | 3, O_NONBLOCK | O_CREAT | O_DIRECTORY),
	CHOICE('N', 1, O_NONBLOCK, O_NONBLOCK | O_CLOEXEC, O_NONBLOCK | O_DIRECT),
	CHOICE('$', 1, 2, 2, 3, 6, 10, 0x12),
	CHOICE('A', 1, 0, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, AT_EACCESS),
	CHOICE('H', 0, SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 5),
	CHOICE('F', 0, F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_SETPIPE_SZ, F_GETOWN, 99),
	CHOICE('J', 0, F_SETLK, F_GETLK, F_OFD_SETLK, F_OFD_GETLK),
	CHOICE('Q', 0, LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN, LOCK_NB, 32 | LOCK_NB),
	CHOICE('K', 1, 0, 1, 2, 3, 8, 16, 32, 64),
	CHOICE('j', 0, 0, 4, 2, 8),
	CHOICE('G', 0, 0x541b, 0x5401, 0x5421, 0x5450, 0x5451, 0x5413, 0x5460, 0, 0x1260),
	CHOICE('R', 1, 0, 1, 2, 4, 8),
	CHOICE('Y', 0, 0100644, 0644, 010600, 040755, 0120777, 0170000, 0100000, 07777),
	CHOICE('x', 1, 0, 0x7ff, 0x80000000),
	CHOICE('%', 1, 0, 1, 2, 4, 0x10, 0x20, 0x30, 0x40, 0x100, 0x200),
	CHOICE('B', 0, 0, 1, 2, 3, 4, 5, 7, 8, 3, 3),
	CHOICE('M', 1, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_PRIVATE | MAP_FIXED, MAP_SHARED | MAP_FIXED, MAP_PRIVATE | MAP_FIXED_NOREPLACE, 0, MAP_POPULATE | MAP_SHARED),
	CHOICE('D', 0, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, MAP_ANONYMOUS | MAP_PRIVATE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE),
	CHOICE('V', 1, 0, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_FIXED, 4 | MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED),
	CHOICE('X', 1, MS_SYNC, MS_ASYNC, MS_INVALIDATE, 0, 8),
	CHOICE('z', 0, 0, 1, 2, 3, 4, 8, 9, 10, 11, 18, 19, 20, 99, 4),
	/* None that reaches to what Linux itself maps near the end. */
	CHOICE(';', 0, 4096, 8192, 12288, 16384, 4097, 0, 65536, UINT64_MAX, UINT64_MAX - 4095),
	CHOICE('h', 0, SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK, 3, 0),
	CHOICE('y', 1, WNOHANG, WNOHANG | WUNTRACED, WNOHANG | 8, WNOHANG | 0x1000000),
	CHOICE('9', 1, WNOHANG | WEXITED, WNOHANG | WSTOPPED, WNOHANG, WNOHANG | WEXITED | WNOWAIT, WNOHANG | 0x100),
	CHOICE('1', 0, 1, 2, 3, 4, 7, 8, 15, 16, 21, 22, 23, 24, 25, 27, 28, 29, 30, 33, 36, 37, 38, 39, 40, 41, 42, 45, 47, 999),
	CHOICE('2', 0, 0, 1, 2, 4, 7, 15, 16),
	CHOICE('3', 0, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE, 16),
	CHOICE('!', 0, 0, 0, INT32_MAX, 4000000, 0x80000000, UINT64_MAX),
	CHOICE('4', 0, 0xffffffff),
	/* Not those that can wake the machine: it depends on that whether they work. */
	CHOICE('5', 0, 0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, UINT64_C(-6), UINT64_C(-1)),
	/* A timeout that is over at once, or is wrong. */
	CHOICE('6', 0, (uintptr_t)&times[0], (uintptr_t)&times[1], (uintptr_t)&times[2], (uintptr_t)&times[3], (uintptr_t)&times[4], 8, UINT64_MAX),
	/* Without priority inheritance (docs/status.md). */
	CHOICE('7', 0, 0, 1, 128, 129, 9, 10, 137, 256, 393, 99),
	CHOICE('8', 0, 3, 4, 5, 131, 132, 133),
	{0, 0, 0, NULL},
};

#endif

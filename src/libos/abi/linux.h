/*
 * Linux x86-64 constants and structure layouts as programs see them
 * (include/uapi of Linux 6.1). Facts of the ABI, one home.
 */
#ifndef LIBOS_LINUX_H
#define LIBOS_LINUX_H

#include <stdint.h>

/* open(2), fcntl(2) */
#define O_ACCMODE                3
#define O_RDONLY                 0
#define O_WRONLY                 1
#define O_RDWR                   2
#define O_CREAT                  64
#define O_EXCL                   0x80
#define O_NOCTTY                 0x100
#define O_TRUNC                  0x200
#define O_APPEND                 0x400
#define O_NONBLOCK               0x800
#define O_DSYNC                  0x1000
#define O_ASYNC                  0x2000
#define O_DIRECT                 0x4000
#define O_DIRECTORY              0x10000
#define O_NOFOLLOW               0x20000
#define O_NOATIME                0x40000
#define O_CLOEXEC                0x80000
#define O_SYNC                   0x101000
#define O_PATH                   0x200000
#define O_TMPFILE                0x410000
#define F_DUPFD                  0
#define F_GETFD                  1
#define F_SETFD                  2
#define F_GETFL                  3
#define F_SETFL                  4
#define F_GETLK                  5
#define F_SETLK                  6
#define F_SETLKW                 7
#define F_SETOWN                 8
#define F_GETOWN                 9
#define F_OFD_GETLK              36
#define F_OFD_SETLK              37
#define F_OFD_SETLKW             38
#define F_SETSIG                 10
#define F_GETSIG                 11
#define F_SETOWN_EX              15
#define F_GETOWN_EX              16
#define F_SETPIPE_SZ             0x407
#define F_GET_RW_HINT            1035
#define F_SET_RW_HINT            1036
#define F_SEAL_SEAL              0x01u
#define F_SEAL_SHRINK            0x02u
#define F_SEAL_GROW              0x04u
#define F_SEAL_WRITE             0x08u
#define F_SEAL_FUTURE_WRITE      0x10u
#define F_SEAL_EXEC              0x20u
#define F_SEALS_ALL              0x3fu
#define RWH_WRITE_LIFE_MAX       5
#define F_GETPIPE_SZ             0x408
#define F_DUPFD_CLOEXEC          0x406
#define F_ADD_SEALS              0x409
#define F_GET_SEALS              0x40a
#define FD_CLOEXEC               1
#define F_RDLCK                  0
#define F_WRLCK                  1
#define F_UNLCK                  2
#define AT_FDCWD                 (-100)
#define AT_SYMLINK_NOFOLLOW      0x100
#define AT_REMOVEDIR             0x200
#define AT_EACCESS               0x200
#define AT_SYMLINK_FOLLOW        0x400
#define AT_NO_AUTOMOUNT          0x800
#define AT_EMPTY_PATH            0x1000
#define R_OK                     4
#define W_OK                     2
#define X_OK                     1
#define F_OK                     0
#define SEEK_SET                 0
#define SEEK_CUR                 1
#define SEEK_END                 2
#define SEEK_DATA                3
#define SEEK_HOLE                4

/* preadv2, pwritev2 */
#define RWF_HIPRI     UINT32_C(0x01)
#define RWF_DSYNC     UINT32_C(0x02)
#define RWF_SYNC      UINT32_C(0x04)
#define RWF_NOWAIT    UINT32_C(0x08)
#define RWF_APPEND    UINT32_C(0x10)
#define RWF_NOAPPEND  UINT32_C(0x20)
#define RWF_ATOMIC    UINT32_C(0x40)
#define RWF_DONTCACHE UINT32_C(0x80)
#define RWF_NOSIGNAL  UINT32_C(0x100)
#define RWF_FILE      (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND | RWF_NOSIGNAL) /* what most files take */
#define RENAME_NOREPLACE         1
#define RENAME_WHITEOUT          (1 << 2)
#define RENAME_EXCHANGE          2
#define O_LARGEFILE              0x8000

/* file types and modes */
#define S_IFMT                   0xf000
#define S_IFSOCK                 0xc000
#define S_IFLNK                  0xa000
#define S_IFREG                  0x8000
#define S_IFBLK                  0x6000
#define S_IFDIR                  0x4000
#define S_IFCHR                  0x2000
#define S_IFIFO                  0x1000
#define S_ISUID                  0x800
#define S_ISGID                  0x400
#define S_ISVTX                  0x200
#define UTIME_NOW                0x3fffffff
#define UTIME_OMIT               0x3ffffffe

/* flock(2) */
#define LOCK_SH                  1
#define LOCK_EX                  2
#define LOCK_NB                  4
#define LOCK_UN                  8

/* getdents64(2) types */
#define DT_UNKNOWN               0
#define DT_FIFO                  1
#define DT_CHR                   2
#define DT_DIR                   4
#define DT_BLK                   6
#define DT_REG                   8
#define DT_LNK                   10
#define DT_SOCK                  12

/* poll(2) */
#define POLLIN                   1
#define POLLPRI                  2
#define POLLOUT                  4
#define POLLERR                  8
#define POLLHUP                  16
#define POLLNVAL                 32
#define POLLRDNORM               64
#define POLLRDBAND               0x80
#define POLLWRNORM               0x100
#define POLLWRBAND               0x200
#define POLLRDHUP                0x2000

/* fallocate: linux/falloc.h */
#define FALLOC_KEEP_SIZE         0x01
#define FALLOC_PUNCH_HOLE        0x02
#define FALLOC_COLLAPSE_RANGE    0x08
#define FALLOC_ZERO_RANGE        0x10
#define FALLOC_INSERT_RANGE      0x20
#define FALLOC_UNSHARE_RANGE     0x40
#define FALLOC_WRITE_ZEROES      0x80

/* mmap(2) */
#define PROT_NONE                0
#define PROT_READ                1
#define PROT_WRITE               2
#define PROT_EXEC                4
#define PROT_SEM                 8 /* allowed, and means nothing here */
#define PROT_GROWSDOWN           0x1000000
#define PROT_GROWSUP             0x2000000
#define MAP_SHARED               1
#define MAP_PRIVATE              2
#define MAP_SHARED_VALIDATE      3
#define MAP_DROPPABLE            8
#define MAP_ABOVE4G              0x80
#define MAP_HUGE_MASK            (0x3fu << 26)
#define MAP_HUGE_2MB             0x54000000
#define MAP_HUGE_1GB             0x78000000
#define MAP_FIXED                16
#define MAP_ANONYMOUS            32
#define MAP_GROWSDOWN            0x100
#define MAP_32BIT        0x40
#define MAP_DENYWRITE            0x800
#define MAP_EXECUTABLE           0x1000
#define MAP_LOCKED               0x2000
#define MAP_NORESERVE            0x4000
#define MAP_POPULATE             0x8000
#define MAP_NONBLOCK             0x10000
#define MAP_STACK                0x20000
#define MAP_HUGETLB              0x40000
#define MAP_SYNC                 0x80000
#define MAP_FIXED_NOREPLACE      0x100000
#define MREMAP_MAYMOVE           1
#define MREMAP_FIXED             2
#define MREMAP_DONTUNMAP         4
#define MADV_NORMAL              0
#define MADV_RANDOM              1
#define MADV_SEQUENTIAL          2
#define MADV_WILLNEED            3
#define MADV_DONTNEED            4
#define MADV_FREE                8
#define MADV_REMOVE              9
#define MADV_DONTFORK            10
#define MADV_DOFORK              11
#define MADV_MERGEABLE           12
#define MADV_UNMERGEABLE         13
#define MADV_HUGEPAGE            14
#define MADV_NOHUGEPAGE          15
#define MADV_DONTDUMP            16
#define MADV_DODUMP              17
#define MADV_WIPEONFORK          18
#define MADV_KEEPONFORK          19
#define MADV_COLD                20
#define MADV_PAGEOUT             21
#define MADV_POPULATE_READ       22
#define MADV_POPULATE_WRITE      23
#define MADV_DONTNEED_LOCKED     24
#define MLOCK_ONFAULT            1
#define MCL_CURRENT              1
#define MCL_FUTURE               2
#define MCL_ONFAULT              4
#define MS_ASYNC                 1
#define MS_SYNC                  4
#define MS_INVALIDATE            2

/* signals */
#define SIGHUP                   1
#define SIGINT                   2
#define SIGQUIT                  3
#define SIGILL                   4
#define SIGTRAP                  5
#define SIGABRT                  6
#define SIGBUS                   7
#define SIGFPE                   8
#define SIGKILL                  9
#define SIGUSR1                  10
#define SIGSEGV                  11
#define SIGUSR2                  12
#define SIGPIPE                  13
#define SIGALRM                  14
#define SIGTERM                  15
#define SIGSTKFLT                16
#define SIGCHLD                  17
#define SIGCONT                  18
#define SIGSTOP                  19
#define SIGTSTP                  20
#define SIGTTIN                  21
#define SIGTTOU                  22
#define SIGURG                   23
#define SIGXCPU                  24
#define SIGXFSZ                  25
#define SIGVTALRM                26
#define SIGPROF                  27
#define SIGWINCH                 28
#define SIGIO                    29
#define SIGPWR                   30
#define SIGSYS                   31
#define SA_NOCLDSTOP             1
#define SA_NOCLDWAIT             2
#define SA_SIGINFO               4
#define SA_ONSTACK               0x8000000
#define SA_RESTART               0x10000000
#define SA_NODEFER               0x40000000
#define SA_RESETHAND             0x80000000
#define SIG_BLOCK                0
#define SIG_UNBLOCK              1
#define SIG_SETMASK              2
#define SI_USER                  0
#define SI_QUEUE                 (-1)
#define SI_TIMER                 (-2)
#define SI_TKILL                 (-6)
#define SI_KERNEL                0x80
#define ILL_ILLOPN               2
#define FPE_INTDIV               1
#define FPE_INTOVF               2
#define FPE_FLTDIV               3
#define FPE_FLTOVF               4
#define FPE_FLTUND               5
#define FPE_FLTRES               6
#define FPE_FLTINV               7
#define SEGV_MAPERR              1
#define SEGV_ACCERR              2
#define BUS_ADRALN               1
#define BUS_ADRERR               2
#define TRAP_BRKPT               1
#define TRAP_TRACE               2
#define CLD_EXITED               1
#define CLD_KILLED               2
#define CLD_DUMPED               3
#define CLD_TRAPPED              4
#define CLD_STOPPED              5
#define CLD_CONTINUED            6
#define SS_ONSTACK               1
#define SS_DISABLE               2
#define MINSIGSTKSZ              2048
#define SA_RESTORER              0x04000000
#define SA_EXPOSE_TAGBITS        0x800
#define SIGRTMIN                 32
#define SS_AUTODISARM            0x80000000

/* clone(2), wait(2) */
#define CSIGNAL                  0xff
#define CLONE_VM                 0x100
#define CLONE_FS                 0x200
#define CLONE_FILES              0x400
#define CLONE_SIGHAND            0x800
#define CLONE_PIDFD              0x1000
#define CLONE_PTRACE             0x2000
#define CLONE_VFORK              0x4000
#define CLONE_PARENT             0x8000
#define CLONE_THREAD             0x10000
#define CLONE_NEWNS              0x20000
#define CLONE_SYSVSEM            0x40000
#define CLONE_SETTLS             0x80000
#define CLONE_PARENT_SETTID      0x100000
#define CLONE_CHILD_CLEARTID     0x200000
#define CLONE_DETACHED           0x400000
#define CLONE_UNTRACED           0x800000
#define CLONE_CHILD_SETTID       0x1000000
#define CLONE_NEWCGROUP          0x2000000
#define CLONE_NEWUTS             0x4000000
#define CLONE_NEWIPC             0x8000000
#define CLONE_NEWUSER            0x10000000
#define CLONE_NEWPID             0x20000000
#define CLONE_NEWNET             0x40000000
#define CLONE_IO                 0x80000000
#define WNOHANG                  1
#define WUNTRACED                2
#define WSTOPPED                 2
#define WEXITED                  4
#define WCONTINUED               8
#define WNOWAIT                  0x1000000
#define SCHED_OTHER              0
#define SCHED_FIFO               1
#define SCHED_RR                 2
#define SCHED_BATCH              3
#define SCHED_IDLE               5
#define SCHED_DEADLINE           6
#define SCHED_EXT                7
#define __WNOTHREAD              0x20000000
#define __WALL                   0x40000000
#define __WCLONE                 0x80000000

/* resources */
#define RLIMIT_CPU               0
#define RLIMIT_FSIZE             1
#define RLIMIT_DATA              2
#define RLIMIT_STACK             3
#define RLIMIT_CORE              4
#define RLIMIT_RSS               5
#define RLIMIT_NPROC             6
#define RLIMIT_NOFILE            7
#define RLIMIT_MEMLOCK           8
#define RLIMIT_AS                9
#define RLIMIT_LOCKS             10
#define RLIMIT_SIGPENDING        11
#define RLIMIT_MSGQUEUE          12
#define RLIMIT_NICE              13
#define RLIMIT_RTPRIO            14
#define RLIMIT_RTTIME            15
#define RUSAGE_SELF              0
#define RUSAGE_CHILDREN          (-1)
#define RUSAGE_THREAD            1
#define PRIO_PROCESS             0
#define PRIO_PGRP                1
#define PRIO_USER                2
/* ioprio_set(2); its WHO values are those above and 1 */
#define IOPRIO_CLASS_SHIFT       13
#define IOPRIO_CLASS_NONE        0
#define IOPRIO_CLASS_RT          1
#define IOPRIO_CLASS_BE          2
#define IOPRIO_CLASS_IDLE        3
#define IOPRIO_LEVELS            8

/* clocks and timers */
#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_SGI_CYCLE          10 /* not there any more */
#define CLOCK_TAI                11
#define TIMER_ABSTIME            1
#define ITIMER_REAL              0
#define ITIMER_VIRTUAL           1
#define ITIMER_PROF              2

/* futex(2) */
#define FUTEX_WAIT               0
#define FUTEX_WAKE               1
#define FUTEX_FD                 2
#define FUTEX_REQUEUE            3
#define FUTEX_CMP_REQUEUE        4
#define FUTEX_WAKE_OP            5
#define FUTEX_LOCK_PI            6
#define FUTEX_UNLOCK_PI          7
#define FUTEX_WAIT_BITSET        9
#define FUTEX_WAKE_BITSET        10
#define FUTEX_PRIVATE_FLAG       0x80
#define FUTEX_CLOCK_REALTIME     0x100
#define FUTEX_WAITERS            0x80000000
#define FUTEX_OWNER_DIED         0x40000000
#define FUTEX_TID_MASK           0x3fffffff

/* arch_prctl(2), prctl(2) */
#define ARCH_SET_GS              0x1001
#define ARCH_SET_FS              0x1002
#define ARCH_GET_FS              0x1003
#define ARCH_GET_GS              0x1004
#define PR_SET_PDEATHSIG         1
#define PR_GET_PDEATHSIG         2
#define PR_GET_DUMPABLE          3
#define PR_SET_DUMPABLE          4
#define PR_SET_NAME              15
#define PR_GET_NAME              16
#define PR_SET_SECCOMP           22
#define PR_GET_SECCOMP           21
#define PR_CAPBSET_READ          23
#define PR_CAPBSET_DROP          24
#define PR_GET_SECUREBITS        27
#define PR_SET_SECUREBITS        28
#define PR_CAP_AMBIENT           47
#define PR_CAP_AMBIENT_IS_SET    1
#define PR_CAP_AMBIENT_RAISE     2
#define PR_CAP_AMBIENT_LOWER     3
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#define PR_SET_TIMERSLACK        29
#define PR_GET_TIMERSLACK        30
#define PR_SET_CHILD_SUBREAPER   36
#define PR_GET_CHILD_SUBREAPER   37
#define PR_SET_NO_NEW_PRIVS      38
#define PR_GET_NO_NEW_PRIVS      39
#define PR_SET_VMA               0x53564d41
#define PR_SET_KEEPCAPS          8
#define PR_GET_KEEPCAPS          7

/* auxiliary vector (getauxval(3)) */
#define AT_NULL                  0
#define AT_PHDR                  3
#define AT_PHENT                 4
#define AT_PHNUM                 5
#define AT_PAGESZ                6
#define AT_BASE                  7
#define AT_FLAGS                 8
#define AT_ENTRY                 9
#define AT_UID                   11
#define AT_EUID                  12
#define AT_GID                   13
#define AT_EGID                  14
#define AT_PLATFORM              15
#define AT_HWCAP                 16
#define AT_CLKTCK                17
#define AT_SECURE                23
#define AT_RANDOM                25
#define AT_HWCAP2                26
#define HWCAP2_FSGSBASE          2
#define AT_EXECFN                31
#define AT_MINSIGSTKSZ           51
#define AT_SYSINFO_EHDR          33

/* terminal ioctls and termios bits */
#define TCGETS                   0x5401
#define TCSETS                   0x5402
#define TCSETSW                  0x5403
#define TCSETSF                  0x5404
#define TCGETA                   0x5405
#define TCSETA                   0x5406
#define TCSETAW                  0x5407
#define TCSETAF                  0x5408
#define TCSBRK                   0x5409
#define TCXONC                   0x540a
#define TCFLSH                   0x540b
#define TIOCEXCL                 0x540c
#define TIOCNXCL                 0x540d
#define TIOCSCTTY                0x540e
#define TIOCGPGRP                0x540f
#define TIOCSPGRP                0x5410
#define TIOCOUTQ                 0x5411
#define TIOCSTI                  0x5412
#define TIOCGWINSZ               0x5413
#define TIOCSWINSZ               0x5414
#define TIOCMGET                 0x5415
#define FIONREAD                 0x541b
#define TIOCINQ                  0x541b
#define TIOCNOTTY                0x5422
#define TIOCGSID                 0x5429
#define TCGETS2                  0x802c542a
#define TCSETS2                  0x402c542b
#define TCSETSW2                 0x402c542c
#define TCSETSF2                 0x402c542d
#define TIOCGPTN                 0x80045430
#define TIOCSPTLCK               0x40045431
#define FIONBIO                  0x5421
#define FIONCLEX                 0x5450
#define FIOCLEX                  0x5451
#define FIOASYNC                 0x5452
#define FIOQSIZE                 0x5460
#define FIBMAP                   1
#define FICLONE                  0x40049409
#define FICLONERANGE             0x4020940d
#define FIDEDUPERANGE            0xc0189436u
#define FS_IOC_FIEMAP            0xc020660bu
#define FIFREEZE                 0xc0045877u
#define FITHAW                   0xc0045878u
#define FS_IOC_SETFLAGS          0x40086602
#define FS_IOC_FSGETXATTR        0x801c581fu
#define RNDGETENTCNT             0x80045200u
#define RNDADDTOENTCNT           0x40045201
#define RNDADDENTROPY            0x40085203
#define RNDZAPENTCNT             0x5204
#define RNDCLEARPOOL             0x5206
#define RNDRESEEDCRNG            0x5207
#define FIGETBSZ                 2
#define FS_IOC_GETFLAGS          0x80086601u
#define POSIX_FADV_NOREUSE       5
#define TIOCVHANGUP              0x5437
#define TIOCCONS                 0x541d
#define TCSBRKP                  0x5425
#define VINTR                    0
#define VQUIT                    1
#define VERASE                   2
#define VKILL                    3
#define VEOF                     4
#define VTIME                    5
#define VMIN                     6
#define VSWTC                    7
#define VSTART                   8
#define VSTOP                    9
#define VSUSP                    10
#define VEOL                     11
#define VREPRINT                 12
#define VDISCARD                 13
#define VWERASE                  14
#define VLNEXT                   15
#define VEOL2                    16
#define IGNBRK                   1
#define BRKINT                   2
#define IGNPAR                   4
#define PARMRK                   8
#define INPCK                    16
#define ISTRIP                   32
#define INLCR                    64
#define IGNCR                    0x80
#define ICRNL                    0x100
#define IUCLC                    0x200
#define IXON                     0x400
#define IXANY                    0x800
#define IXOFF                    0x1000
#define IMAXBEL                  0x2000
#define IUTF8                    0x4000
#define OPOST                    1
#define OLCUC                    2
#define ONLCR                    4
#define OCRNL                    8
#define ONOCR                    16
#define ONLRET                   32
#define OFILL                    64
#define OFDEL                    0x80
#define TABDLY                   0x1800
#define XTABS                    0x1800
#define CBAUD                    0x100f
#define B0                       0
#define B9600                    13
#define B38400                   15
#define B115200                  0x1002
#define CSIZE                    48
#define CS8                      48
#define CSTOPB                   64
#define CREAD                    0x80
#define PARENB                   0x100
#define PARODD                   0x200
#define HUPCL                    0x400
#define CLOCAL                   0x800
#define ISIG                     1
#define ICANON                   2
#define XCASE                    4
#define ECHO                     8
#define ECHOE                    16
#define ECHOK                    32
#define ECHONL                   64
#define NOFLSH                   0x80
#define TOSTOP                   0x100
#define ECHOCTL                  0x200
#define ECHOPRT                  0x400
#define ECHOKE                   0x800
#define FLUSHO                   0x1000
#define PENDIN                   0x4000
#define IEXTEN                   0x8000
#define EXTPROC                  0x10000
#define TCOOFF                   0
#define TCOON                    1
#define TCIOFF                   2
#define TCION                    3
#define TCIFLUSH                 0
#define TCOFLUSH                 1
#define TCIOFLUSH                2
#define TCSANOW                  0
#define TCSADRAIN                1
#define TCSAFLUSH                2

/* mount(2), statfs(2) */
#define MS_RDONLY                1
#define MS_NOSUID                2
#define MS_NODEV                 4
#define MS_NOEXEC                8
#define MS_SYNCHRONOUS           16
#define MS_REMOUNT               32
#define MS_MANDLOCK              64
#define MS_DIRSYNC               128
#define MS_NOSYMFOLLOW           256
#define MS_NOATIME               1024
#define MS_NODIRATIME            2048
#define MS_BIND                  0x1000
#define MS_MOVE                  0x2000
#define MS_REC                   0x4000
#define MS_SILENT                0x8000
#define MS_UNBINDABLE            0x20000
#define MS_PRIVATE               0x40000
#define MS_SLAVE                 0x80000
#define MS_SHARED                0x100000
#define MS_RELATIME              0x200000
#define MS_STRICTATIME           0x1000000
#define MS_LAZYTIME              0x2000000
#define MS_NOUSER                0x80000000u
#define ST_RELATIME              0x1000 /* statfs */
#define ST_NOSYMFOLLOW           0x2000
#define MNT_DETACH               2
#define TMPFS_MAGIC              0x1021994
#define RAMFS_MAGIC              0x858458f6
#define PROC_SUPER_MAGIC         0x9fa0
#define PIPEFS_MAGIC             0x50495045
#define SOCKFS_MAGIC             0x534f434b
#define ANON_INODE_FS_MAGIC      0x9041934

/* inotify(7) */
#define IN_ACCESS                0x00000001u
#define IN_MODIFY                0x00000002u
#define IN_ATTRIB                0x00000004u
#define IN_CLOSE_WRITE           0x00000008u
#define IN_CLOSE_NOWRITE         0x00000010u
#define IN_OPEN                  0x00000020u
#define IN_MOVED_FROM            0x00000040u
#define IN_MOVED_TO              0x00000080u
#define IN_CREATE                0x00000100u
#define IN_DELETE                0x00000200u
#define IN_DELETE_SELF           0x00000400u
#define IN_MOVE_SELF             0x00000800u
#define IN_ALL_EVENTS            0x00000fffu
#define IN_UNMOUNT               0x00002000u
#define IN_Q_OVERFLOW            0x00004000u
#define IN_IGNORED               0x00008000u
#define IN_ONLYDIR               0x01000000u
#define IN_DONT_FOLLOW           0x02000000u
#define IN_EXCL_UNLINK           0x04000000u
#define IN_MASK_CREATE           0x10000000u
#define IN_MASK_ADD              0x20000000u
#define IN_ISDIR                 0x40000000u
#define IN_ONESHOT               0x80000000u
struct inotify_event {
	int32_t wd;
	uint32_t mask, cookie, len; /* of the name that follows, zeroes included */
};

/* eventfd2, getrandom(2), memfd, reboot, statx */
#define EFD_SEMAPHORE            1
#define GRND_NONBLOCK            1
#define GRND_RANDOM              2
#define LINUX_REBOOT_MAGIC1      0xfee1dead
#define LINUX_REBOOT_MAGIC2      0x28121969
#define LINUX_REBOOT_MAGIC2A     0x5121996
#define LINUX_REBOOT_MAGIC2B     0x16041998
#define LINUX_REBOOT_MAGIC2C     0x20112000
#define LINUX_REBOOT_CMD_RESTART 0x1234567
#define LINUX_REBOOT_CMD_HALT    0xcdef0123
#define LINUX_REBOOT_CMD_CAD_ON  0x89abcdef
#define LINUX_REBOOT_CMD_CAD_OFF 0
#define LINUX_REBOOT_CMD_POWER_OFF 0x4321fedc
#define STATX_TYPE               1
#define STATX_MODE               2
#define STATX_BASIC_STATS        0x7ff
#define STATX_BTIME              0x800
#define STATX_ALL                0xfff

/* struct stat, 144 bytes */
struct linux_stat {
	uint64_t st_dev, st_ino, st_nlink;
	uint32_t st_mode, st_uid, st_gid, pad0_;
	uint64_t st_rdev;
	int64_t st_size, st_blksize, st_blocks;
	int64_t atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns;
	int64_t unused_[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat");

struct linux_timespec {
	int64_t seconds, ns;
};
struct linux_itimerspec {
	struct linux_timespec interval, value;
};
struct linux_timeval {
	int64_t seconds, us;
};
struct linux_iovec {
	uint64_t base, length;
};
struct linux_rusage {
	struct linux_timeval user, system;
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};

#endif

/* Arguments whose meaning another argument says: of ioctl, fcntl, prctl, futex, clone and others (decode.h). */
#include <libos/abi/decode.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>

enum { NR_OPEN = 2, NR_MREMAP = 25, NR_CLONE = 56, NR_FUTEX = 202, NR_OPENAT = 257 };

/* ---- ioctl ---- */

static bool ioctl_fills(uint32_t request)
{
	switch (request) {
	case TCGETS:
	case TCGETA:
	case TCGETS2:
	case TIOCGPGRP:
	case TIOCGSID:
	case TIOCGWINSZ:
	case TIOCOUTQ:
	case FIONREAD:
	case TIOCGPTN:
	case TIOCGPKT:
	case TIOCGPTLCK:
	case TIOCMGET:
	case FIGETBSZ:
	case FS_IOC_GETFLAGS:
	case RNDGETENTCNT:
		return true;
	default:
		return false;
	}
}

static void put_termios(struct line *l, uint64_t address)
{
	uint32_t w[4];

	if (!look_or_put(l, w, address, sizeof(w)))
		return;
	put(l, "{c_iflag=");
	put_named(l, A_TERM_INPUT, w[0]);
	put(l, ", c_oflag=NL%u|CR%u|TAB%u|BS%u|VT%u|FF%u", w[1] >> 8 & 1, w[1] >> 9 & 3, w[1] >> 11 & 3, w[1] >> 13 & 1, w[1] >> 14 & 1, w[1] >> 15 & 1);
	put_bits(l, A_TERM_OUTPUT, w[1] & ~UINT32_C(0xff00), false);
	put(l, ", c_cflag=");
	put_named(l, A_BAUD, w[2] & CBAUD);
	put(l, "|CS%u", 5 + (w[2] >> 4 & 3));
	put_bits(l, A_TERM_CONTROL, w[2] & ~(uint32_t)(CBAUD | CSIZE), false);
	put(l, ", c_lflag=");
	put_named(l, A_TERM_LOCAL, w[3]);
	put(l, ", ...}");
}

static void put_winsize(struct line *l, uint64_t address)
{
	uint16_t w[4];

	if (look_or_put(l, w, address, sizeof(w)))
		put(l, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w[0], w[1], w[2], w[3]);
}

static void put_int_at(struct line *l, uint64_t address)
{
	int32_t value;

	if (look_or_put(l, &value, address, sizeof(value)))
		put(l, "[%d]", value);
}

static void put_ioctl(struct line *l, const struct traced_call *call, uint64_t value)
{
	uint32_t request = (uint32_t)call->args[1];

	if (ioctl_fills(request) && call->failed) {
		put_address(l, value);
		return;
	}
	switch (request) {
	case TCGETS:
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCGETS2:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2: put_termios(l, value); break;
	case TIOCGWINSZ:
	case TIOCSWINSZ: put_winsize(l, value); break;
	case TCFLSH: put_named(l, A_TC_FLUSH, value); break;
	case TCXONC: put_named(l, A_TC_FLOW, value); break;
	case TCSBRK:
	case TCSBRKP:
	case TIOCSCTTY:
	case FICLONE: put(l, "%d", (int)value); break;
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
	case TIOCOUTQ:
	case FIONREAD:
	case FIONBIO:
	case FIOASYNC:
	case TIOCPKT:
	case TIOCGPTN:
	case TIOCSPTLCK:
	case TIOCGPKT:
	case TIOCGPTLCK:
	case FIGETBSZ:
	case RNDGETENTCNT: put_int_at(l, value); break;
	case TIOCSTI: put_bytes(l, value, 1, false); break;
	case TIOCSIG: put_signal(l, (int64_t)value); break;
	default: put_hex(l, value);
	}
}

/* ---- fcntl ---- */

static void put_lock(struct line *l, uint64_t address, bool pid)
{
	struct {
		int16_t type, whence;
		int64_t start, length;
		int32_t pid;
	} k;

	if (!look_or_put(l, &k, address, sizeof(k)))
		return;
	put(l, "{l_type=");
	put_named(l, A_LOCK_TYPE, (uint64_t)k.type);
	put(l, ", l_whence=");
	put_named(l, A_WHENCE, (uint64_t)k.whence);
	put(l, ", l_start=%lld, l_len=%lld", (long long)k.start, (long long)k.length);
	put(l, pid ? ", l_pid=%d}" : "}", k.pid);
}

static void put_owner(struct line *l, uint64_t address)
{
	static const char *const types[] = {"F_OWNER_TID", "F_OWNER_PID", "F_OWNER_PGRP"};
	uint32_t w[2];

	if (look_or_put(l, w, address, sizeof(w)))
		put(l, "{type=%s, pid=%d}", w[0] < 3 ? types[w[0]] : "F_OWNER_???", (int)w[1]);
}

static void put_fcntl(struct line *l, const struct traced_call *call, uint64_t value)
{
	switch ((uint32_t)call->args[1]) {
	case F_SETFD: put_named(l, A_FD_FLAGS, (uint32_t)value); break;
	case F_SETFL:
		put_named(l, A_ACCMODE, value & O_ACCMODE);
		put_bits(l, A_OPEN, (uint32_t)value & ~(uint32_t)O_ACCMODE, false);
		break;
	case F_GETLK:
	case F_OFD_GETLK: put_lock(l, value, call->ended && !call->failed); break;
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: put_lock(l, value, false); break;
	case F_SETOWN_EX:
	case F_GETOWN_EX: put_owner(l, value); break;
	case F_SETSIG: put_signal(l, (int64_t)value); break;
	case F_ADD_SEALS: put_named(l, A_SEALS, (uint32_t)value); break;
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_SETOWN:
	case F_SETPIPE_SZ: put(l, "%d", (int)value); break;
	default: put_hex(l, value);
	}
}

/* ---- prctl ---- */

/* How many arguments an option has beside itself. */
static uint32_t prctl_count(uint64_t option)
{
	switch (option) {
	case PR_GET_DUMPABLE:
	case PR_GET_KEEPCAPS:
	case PR_GET_SECCOMP:
	case PR_GET_TIMERSLACK:
	case PR_GET_SECUREBITS: return 0;
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
	case PR_SET_DUMPABLE:
	case PR_SET_KEEPCAPS:
	case PR_SET_NAME:
	case PR_GET_NAME:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_SET_SECUREBITS:
	case PR_SET_TIMERSLACK:
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER: return 1;
	case PR_SET_SECCOMP: return 2;
	default: return 4;
	}
}

static void put_prctl(struct line *l, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];

	switch (i == 1 ? call->args[0] : 0) {
	case PR_SET_NAME: put_string(l, value); break;
	case PR_SET_PDEATHSIG: put_signal(l, (int64_t)value); break;
	case PR_SET_DUMPABLE: put_named(l, A_DUMPABLE, value); break;
	case PR_CAP_AMBIENT: put_named(l, A_CAP_AMBIENT, value); break;
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP: put_named(l, A_CAPABILITY, value); break;
	case PR_GET_NAME:
		if (call->ended && !call->failed)
			put_string(l, value);
		else
			put_address(l, value);
		break;
	case PR_GET_PDEATHSIG:
	case PR_GET_CHILD_SUBREAPER: put_address(l, value); break;
	case PR_SET_CHILD_SUBREAPER:
	case PR_SET_KEEPCAPS:
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_TIMERSLACK: put(l, "%llu", (unsigned long long)value); break;
	default: put_hex(l, value);
	}
}

/* ---- futex ---- */

static uint32_t futex_command(const struct traced_call *call)
{
	return (uint32_t)call->args[1] & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
}

static void put_futex_op(struct line *l, uint32_t op)
{
	const char *name = name_in_group(A_FUTEX, op & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME));

	if (name)
		put(l, op & FUTEX_PRIVATE_FLAG ? "%s_PRIVATE" : "%s", name);
	else
		put(l, "0x%x /* FUTEX_??? */", op & ~(uint32_t)FUTEX_CLOCK_REALTIME);
	if (op & FUTEX_CLOCK_REALTIME)
		put(l, "|FUTEX_CLOCK_REALTIME");
}

static void put_wake_op(struct line *l, uint32_t value)
{
	static const char *const ops[] = {"SET", "ADD", "OR", "ANDN", "XOR"}, *const tests[] = {"EQ", "NE", "LT", "LE", "GT", "GE"};
	uint32_t op = value >> 28 & 7, test = value >> 24 & 15;

	put(l, value >> 31 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "");
	put(l, op < 5 ? "FUTEX_OP_%s<<28" : "0x7<<28", op < 5 ? ops[op] : "");
	put(l, "|");
	put_hex(l, value >> 12 & 0xfff);
	put(l, "<<12|");
	put(l, test < 6 ? "FUTEX_OP_CMP_%s<<24" : "0xf<<24", test < 6 ? tests[test] : "");
	put(l, "|");
	put_hex(l, value & 0xfff);
}

/* The last three arguments. */
static void put_futex(struct line *l, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];
	uint32_t command = futex_command(call);

	if (i == 4) {
		put_address(l, value);
	} else if (i == 5) {
		if (command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET)
			put(l, (uint32_t)value == UINT32_MAX ? "FUTEX_BITSET_MATCH_ANY" : "0x%x", (uint32_t)value);
		else if (command == FUTEX_WAKE_OP)
			put_wake_op(l, (uint32_t)value);
		else
			put(l, name_in_group(A_FUTEX, command) ? "%u" : "%#x", (uint32_t)value);
	} else if (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI) {
		put_timespec_at(l, value);
	} else if (command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE || command == FUTEX_WAKE_OP) {
		put(l, "%u", (uint32_t)value);
	} else {
		put_hex(l, value);
	}
}

static bool futex_lacks(const struct traced_call *call, uint32_t i)
{
	switch (futex_command(call)) {
	case FUTEX_WAIT: return i > 3;
	case FUTEX_WAKE:
	case FUTEX_FD: return i > 2;
	case FUTEX_LOCK_PI: return i == 2 || i > 3;
	case FUTEX_UNLOCK_PI: return i > 1;
	case FUTEX_WAIT_BITSET: return i == 4;
	case FUTEX_WAKE_BITSET: return i == 3 || i == 4;
	case FUTEX_REQUEUE: return i == 5;
	default: return false;
	}
}

/* ---- clone ---- */

static void put_clone_flags(struct line *l, uint64_t flags)
{
	uint64_t bits = flags & ~(uint64_t)CSIGNAL & UINT32_MAX;

	if (bits)
		put_named(l, A_CLONE, bits);
	if (flags & CSIGNAL) {
		put(l, bits ? "|" : "");
		put_signal(l, (int64_t)(flags & CSIGNAL));
	} else if (!bits) {
		put(l, "0");
	}
}

static void put_clone_rest(struct line *l, const struct traced_call *call)
{
	uint64_t flags = call->args[0];
	int32_t tid;
	const char *before = "";

	if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
		put(l, flags & CLONE_PIDFD ? "pidfd=" : "parent_tid=");
		if (!call->failed && look(l, &tid, call->args[2], sizeof(tid)))
			put(l, "[%d]", tid);
		else
			put_address(l, call->args[2]);
		before = ", ";
	}
	if (flags & CLONE_SETTLS) {
		put(l, "%stls=0x%llx", before, (unsigned long long)call->args[4]);
		before = ", ";
	}
	if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
		put(l, "%schild_tidptr=", before);
		put_address(l, call->args[3]);
	}
}

#define CLONE_SAYS (CLONE_PARENT_SETTID | CLONE_PIDFD | CLONE_SETTLS | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)

/* clone3: what the fields are named, in struct clone_args. */
static void put_clone_args(struct line *l, uint64_t address, uint64_t size)
{
	uint64_t w[8] = {0}; /* flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls */

	if (size < sizeof(w) || !look_or_put(l, w, address, sizeof(w))) {
		if (size < sizeof(w))
			put_address(l, address);
		return;
	}
	put(l, "{flags=");
	put_named(l, A_CLONE, w[0]);
	if (w[0] & CLONE_PIDFD)
		put(l, ", pidfd=0x%llx", (unsigned long long)w[1]);
	if (w[0] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		put(l, ", child_tid=0x%llx", (unsigned long long)w[2]);
	if (w[0] & CLONE_PARENT_SETTID)
		put(l, ", parent_tid=0x%llx", (unsigned long long)w[3]);
	put(l, ", exit_signal=");
	if (w[4])
		put_signal(l, (int64_t)w[4]);
	else
		put(l, "0");
	put(l, ", stack=");
	put_address(l, w[5]);
	put(l, ", stack_size=");
	put_hex(l, w[6]);
	if (w[0] & CLONE_SETTLS)
		put(l, ", tls=0x%llx", (unsigned long long)w[7]);
	put(l, "}");
}

/* ---- System V IPC ---- */

static void put_ipc_mode(struct line *l, enum call_kind group, uint32_t value)
{
	put_bits(l, group, value & ~0777u, true);
	put(l, value & ~0777u ? "|" : "");
	put_mode(l, value & 0777);
}

static void put_sem_ops(struct line *l, uint64_t address, uint64_t count)
{
	struct {
		uint16_t number;
		int16_t op, flags;
	} s;

	if (!address || !look(l, &s, address, sizeof(s))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint64_t i = 0; i < count; i++) {
		put(l, i ? ", " : "");
		if (i == ITEMS_SHOW || !look(l, &s, address + i * sizeof(s), sizeof(s))) {
			put(l, "...");
			break;
		}
		put(l, "{sem_num=%u, sem_op=%d, sem_flg=", s.number, s.op);
		put_named(l, A_SEM_OP, (uint16_t)s.flags);
		put(l, "}");
	}
	put(l, "]");
}

/* ---- all of them ---- */

static void put_statx_flags(struct line *l, uint32_t flags)
{
	static const char *const sync[] = {"AT_STATX_SYNC_AS_STAT", "AT_STATX_FORCE_SYNC", "AT_STATX_DONT_SYNC", "AT_STATX_SYNC_TYPE"};

	put(l, "%s", sync[flags >> 13 & 3]);
	if (flags & ~0x6000u)
		put_bits(l, A_AT_STATX, flags & ~0x6000u, false);
}

static void put_arch(struct line *l, const struct traced_call *call, uint64_t value)
{
	uint64_t base;

	if (argument_fills(A_ARCH_ARG, call) && !call->failed && look(l, &base, value, sizeof(base)))
		put(l, base ? "[0x%llx]" : "[NULL]", (unsigned long long)base);
	else
		put_address(l, value);
}

static void put_pselect_mask(struct line *l, uint64_t address)
{
	uint64_t w[2], set;

	if (!look_or_put(l, w, address, sizeof(w)))
		return;
	put(l, "{sigmask=");
	if (w[1] == sizeof(set) && look_or_put(l, &set, w[0], sizeof(set)))
		put_signal_set(l, set);
	else if (w[1] != sizeof(set))
		put_address(l, w[0]);
	put(l, ", sigsetsize=%llu}", (unsigned long long)w[1]);
}

static void put_personality(struct line *l, uint32_t value)
{
	if (value == UINT32_MAX)
		put_hex(l, value);
	else
		put_named(l, A_PERSONALITY, value);
}

bool put_command_argument(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];

	switch (kind) {
	case A_IOCTL_ARG: put_ioctl(l, call, value); break;
	case A_FCNTL_ARG: put_fcntl(l, call, value); break;
	case A_PRCTL_ARG: put_prctl(l, call, i); break;
	case A_FUTEX_OP: put_futex_op(l, (uint32_t)value); break;
	case A_FUTEX_ARG: put_futex(l, call, i); break;
	case A_CLONE_FIRST:
		put(l, "child_stack=");
		put_address(l, call->args[1]);
		put(l, ", flags=");
		put_clone_flags(l, value);
		break;
	case A_CLONE_REST: put_clone_rest(l, call); break;
	case A_CLONE_ARGS: put_clone_args(l, value, call->args[1]); break;
	case A_ARCH_ARG: put_arch(l, call, value); break;
	case A_STATX_FLAGS: put_statx_flags(l, (uint32_t)value); break;
	case A_OPEN_PLAIN: put_named(l, A_OPEN_ONLY, (uint32_t)value); break;
	case A_SHM_MODE: put_ipc_mode(l, A_SHM_GET, (uint32_t)value); break;
	case A_IPC_MODE: put_ipc_mode(l, A_IPC_GET, (uint32_t)value); break;
	case A_IPC_KEY:
		if ((int)value)
			put_hex(l, (uint32_t)value);
		else
			put(l, "IPC_PRIVATE");
		break;
	case A_SEM_OPS: put_sem_ops(l, value, (uint32_t)call->args[2]); break;
	case A_PERSONA: put_personality(l, (uint32_t)value); break;
	case A_PSELECT_MASK: put_pselect_mask(l, value); break;
	default: return false;
	}
	return true;
}

bool argument_fills(enum call_kind kind, const struct traced_call *call)
{
	uint64_t command = kind == A_PRCTL_ARG || kind == A_ARCH_ARG ? call->args[0] : call->args[1];

	switch (kind) {
	case A_IOCTL_ARG: return ioctl_fills((uint32_t)command);
	case A_FCNTL_ARG: return command == F_GETLK || command == F_OFD_GETLK || command == F_GETOWN_EX;
	case A_PRCTL_ARG: return command == PR_GET_NAME;
	case A_ARCH_ARG: return command == ARCH_GET_FS || command == ARCH_GET_GS;
	default: return kind > A_LAST_IN && kind < A_FIRST_GROUP;
	}
}

static bool fcntl_has_none(uint64_t command)
{
	return command == F_GETFD || command == F_GETFL || command == F_GETOWN || command == F_GETSIG || command == F_GETPIPE_SZ ||
	       command == F_GET_SEALS || command == 1025;
}

static bool ioctl_has_none(uint32_t request)
{
	return request == FIOCLEX || request == FIONCLEX || request == TIOCNOTTY || request == TIOCEXCL || request == TIOCNXCL ||
	       request == TIOCVHANGUP;
}

bool argument_is_absent(enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t flags = i ? call->args[i - 1] : 0;

	switch (kind) {
	case A_MODE: return (call->nr == NR_OPEN || call->nr == NR_OPENAT) && !(flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE;
	case A_UPPER: return true;
	case A_FCNTL_ARG: return fcntl_has_none(call->args[1]);
	case A_IOCTL_ARG: return ioctl_has_none((uint32_t)call->args[1]);
	case A_PRCTL_ARG: return i > prctl_count(call->args[0]);
	case A_UINT:
	case A_FUTEX_ARG: return call->nr == NR_FUTEX && futex_lacks(call, i);
	case A_CLONE_REST: return !(call->args[0] & CLONE_SAYS);
	case A_POINTER: return (call->nr == NR_MREMAP && i == 4 && !(call->args[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP))) || (call->nr == NR_CLONE && i > 1);
	case A_DEVICE: return (call->args[i - 1] & S_IFMT) != S_IFCHR && (call->args[i - 1] & S_IFMT) != S_IFBLK;
	default: return false;
	}
}

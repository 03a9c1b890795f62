/* The line of a call: its arguments in turn, and its result (decode.h). */
#include <libos/abi/decode.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>

/* The calls whose results are no plain numbers. */
enum {
	NR_MMAP = 9, NR_BRK = 12, NR_RT_SIGRETURN = 15, NR_POLL = 7, NR_SELECT = 23, NR_MREMAP = 25, NR_SHMAT = 30, NR_FCNTL = 72,
	NR_UMASK = 95, NR_RT_SIGTIMEDWAIT = 128, NR_PERSONALITY = 135, NR_SCHED_GETSCHEDULER = 145, NR_PRCTL = 157, NR_RESTART_SYSCALL = 219, NR_PSELECT6 = 270, NR_PPOLL = 271
};

static const struct syscall_entry *entry_of(uint32_t nr)
{
	static const struct syscall_entry unknown = {0, 0, {0, A_HEX, A_HEX, A_HEX, A_HEX, A_HEX, A_HEX}};

	return nr < SYSCALL_TABLE_SIZE && syscall_table[nr].name ? &syscall_table[nr] : &unknown;
}

void put_call_name(struct line *l, uint32_t nr)
{
	const char *name = entry_of(nr)->name;

	if (name)
		put(l, "%s", name);
	else
		put(l, "syscall_0x%x", nr);
}

static enum call_kind kind_at(const struct traced_call *call, uint32_t i)
{
	return i < 6 ? (enum call_kind)entry_of(call->nr)->shape[i + 1] : A_NONE;
}

static void put_plain(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i], next = i < 5 ? call->args[i + 1] : 0;

	switch (kind) {
	case A_INT:
	case A_FD:
	case A_IPC_KEY:
		put(l, "%d", (int)value);
		break;
	case A_LONG:
		put(l, "%lld", (long long)value);
		break;
	case A_UINT:
		put(l, "%u", (uint32_t)value);
		break;
	case A_SIZE:
		put(l, "%llu", (unsigned long long)value);
		break;
	case A_HEX:
		put_hex(l, value);
		break;
	case A_HEX32:
		put_hex(l, (uint32_t)value);
		break;
	case A_MODE:
		put_mode(l, (uint32_t)value);
		break;
	case A_NODE_MODE:
		put_node_mode(l, (uint32_t)value);
		break;
	case A_DEVICE:
		put_device(l, value);
		break;
	case A_PATH:
		put_path(l, value);
		break;
	case A_STRING:
		put_string(l, value);
		break;
	case A_BYTES:
	case A_BYTES_P:
		put_bytes(l, value, next, false);
		break;
	case A_FILLED:
	case A_FILLED_P:
	case A_RANDOM:
	case A_CWD:
		if (call->failed || ((kind == A_FILLED_P || kind == A_CWD) && !next))
			put_address(l, value);
		else if (kind == A_CWD)
			put_path(l, value);
		else
			put_bytes(l, value, (uint64_t)call->result, kind == A_RANDOM);
		break;
	case A_DIRFD:
		if ((int)value == AT_FDCWD)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (int)value);
		break;
	case A_ID:
		put_id(l, value);
		break;
	case A_SIGNAL:
		put_signal(l, (int)value);
		break;
	default:
		put_address(l, value);
	}
}

static void put_group(struct line *l, enum call_kind kind, uint64_t value)
{
	value = (uint32_t)value;
	if (kind == A_OPEN) {
		put_named(l, A_ACCMODE, value & O_ACCMODE);
		put_bits(l, A_OPEN, value & ~(uint64_t)O_ACCMODE, (value & ~(uint64_t)O_ACCMODE) == 0);
	} else {
		put_named(l, kind, value);
	}
}

void put_argument(struct line *l, const struct traced_call *call, uint32_t i)
{
	enum call_kind kind = kind_at(call, i);

	if (kind >= A_FIRST_GROUP)
		put_group(l, kind, call->args[i]);
	else if (!put_structure(l, kind, call, i) && !put_file_structure(l, kind, call, i) && !put_socket_structure(l, kind, call, i) &&
	         !put_command_argument(l, kind, call, i))
		put_plain(l, kind, call, i);
}

static void put_arguments(struct line *l, struct traced_call *call)
{
	for (; kind_at(call, call->at) != A_NONE; call->at++) {
		if (argument_is_absent(kind_at(call, call->at), call, call->at))
			continue;
		if (call->at && !call->separated)
			put(l, ", ");
		call->separated = !call->ended && argument_fills(kind_at(call, call->at), call);
		if (call->separated)
			break;
		put_argument(l, call, call->at);
	}
}

/* What is shown of a size that the call changes. */
static void remember(struct line *l, struct traced_call *call)
{
	for (uint32_t i = 0; i < 6; i++) {
		if (kind_at(call, i) == A_ADDRESS_SIZE && !look(l, &call->before, call->args[i], sizeof(uint32_t)))
			call->before = 0;
		if (kind_at(call, i) == A_OFFSET_MOVED && !look(l, &call->before, call->args[i], sizeof(call->before)))
			call->before = 0;
	}
}

void decode_begin(struct line *l, struct traced_call *call)
{
	call->at = 0;
	call->ended = call->failed = call->separated = false;
	call->before = 0;
	remember(l, call);
	put_call_name(l, call->nr);
	put(l, "(");
	put_arguments(l, call);
	if (call->nr == NR_RESTART_SYSCALL)
		put(l, "<... resuming interrupted system call ...>");
}

/* ---- results ---- */

static void put_restart(struct line *l, int64_t result)
{
	switch (-result) {
	case ERESTARTSYS:
		put(l, "? ERESTARTSYS (To be restarted if SA_RESTART is set)");
		break;
	case ERESTARTNOINTR:
		put(l, "? ERESTARTNOINTR (To be restarted)");
		break;
	case ERESTARTNOHAND:
		put(l, "? ERESTARTNOHAND (To be restarted if no handler)");
		break;
	default:
		put(l, "? ERESTART_RESTARTBLOCK (Interrupted by signal)");
	}
}

static bool is_restart(int64_t result)
{
	return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK;
}

/* The sets that are ready, and what is left of the time. */
static void put_selected(struct line *l, const struct traced_call *call)
{
	static const char *const names[] = {"in", "out", "except"};
	const char *before = " (";

	for (uint32_t i = 0; i < 3; i++) {
		if (!call->args[i + 1] || !call->result)
			continue;
		put(l, "%s%s ", before, names[i]);
		put_fd_set(l, call->args[i + 1], call->args[0]);
		before = ", ";
	}
	if (call->result && call->args[4]) {
		int64_t left[2];

		if (look(l, left, call->args[4], sizeof(left))) {
			put(l, "%sleft ", before);
			put_time(l, left[0], left[1], call->nr == NR_SELECT ? "usec" : "nsec");
			before = ", ";
		}
	}
	put(l, *before == ',' ? ")" : call->result ? "" : " (Timeout)");
}

static void put_fcntl_result(struct line *l, const struct traced_call *call)
{
	uint64_t value = (uint64_t)call->result;

	if (call->args[1] == F_GETFL) {
		put(l, "0x%llx (flags ", (unsigned long long)value);
		put_group(l, A_OPEN, value);
		put(l, ")");
	} else if (call->args[1] == F_GETFD && value) {
		put(l, "0x%llx (flags ", (unsigned long long)value);
		put_group(l, A_FD_FLAGS, value);
		put(l, ")");
	} else if (call->args[1] == F_GET_SEALS && value) {
		put(l, "0x%llx (seals ", (unsigned long long)value);
		put_group(l, A_SEALS, value);
		put(l, ")");
	} else {
		put(l, "%lld", (long long)call->result);
	}
}

static void put_number_result(struct line *l, const struct traced_call *call)
{
	long long result = (long long)call->result;

	switch (call->nr) {
	case NR_MMAP:
	case NR_BRK:
	case NR_MREMAP:
	case NR_SHMAT:
		put_hex(l, (uint64_t)result);
		break;
	case NR_UMASK:
		put_mode(l, (uint32_t)result);
		break;
	case NR_FCNTL:
		put_fcntl_result(l, call);
		break;
	case NR_PERSONALITY:
		put_hex(l, (uint64_t)result);
		put(l, result ? " (PER_LINUX|" : " (PER_LINUX");
		put_named(l, A_PERSONALITY, (uint64_t)result);
		put(l, ")");
		break;
	case NR_SCHED_GETSCHEDULER:
		put(l, "%lld (", result);
		put_named(l, A_SCHED, (uint64_t)result);
		put(l, ")");
		break;
	case NR_RT_SIGTIMEDWAIT:
		put(l, "%lld (", result);
		put_signal(l, result);
		put(l, ")");
		break;
	case NR_PRCTL:
		put(l, "%lld", result);
		if (call->args[0] == PR_GET_DUMPABLE)
			put(l, " (%s)", name_in_group(A_DUMPABLE, (uint64_t)result) ? name_in_group(A_DUMPABLE, (uint64_t)result) : "?");
		break;
	case NR_POLL:
	case NR_PPOLL:
		put(l, "%lld", result);
		if (result) {
			put(l, " (");
			put_poll_fds(l, call->args[0], call->args[1], true);
			put(l, ")");
		} else {
			put(l, " (Timeout)");
		}
		break;
	case NR_SELECT:
	case NR_PSELECT6:
		put(l, "%lld", result);
		put_selected(l, call);
		break;
	default:
		put(l, "%lld", result);
	}
}

void decode_rest(struct line *l, struct traced_call *call)
{
	call->ended = true;
	call->failed = call->result < 0 && call->result >= -4095;
	put_arguments(l, call);
	if (call->nr != NR_RT_SIGRETURN)
		return;
	/* The mask that there is now. */
	put(l, "{mask=");
	put_signal_set(l, call->args[0]);
	put(l, "}");
}

void decode_result(struct line *l, const struct traced_call *call)
{
	const struct error_name *error = call->failed ? error_name(-call->result) : 0;

	if (error)
		put(l, "-1 %s (%s)", error->name, error->text);
	else if (is_restart(call->result))
		put_restart(l, call->result);
	else
		put_number_result(l, call);
}

/*
 * --strace: one line for each system call, in the manner of strace(1). A trace must
 * not change what it shows: nothing here sleeps or fails, and memory that cannot be read is shown as an address.
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/names.h>
#include <libos/abi/table.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/libos.h>

#define LINE_SIZE   480
#define STRING_SHOW 32 /* bytes of a string */
#define ITEMS_SHOW  8  /* of argv and iovec */

enum {
	NR_MMAP = 9,
	NR_BRK = 12,
	NR_SIGRETURN = 15,
	NR_MREMAP = 25,
	NR_CLONE = 56,
	NR_EXIT = 60,
	NR_WAIT4 = 61,
	NR_EXIT_GROUP = 231,
	NR_WAITID = 247
};

struct line {
	char text[LINE_SIZE];
	size_t length;
	struct vm_space *space;
};

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->length, n;
	va_list args;

	va_start(args, fmt);
	n = format_v(l->text + l->length, room, fmt, args);
	va_end(args);
	l->length += n < room ? n : room - 1;
}

static void put_byte(struct line *l, uint8_t c)
{
	switch (c) {
	case '\n':
		put(l, "\\n");
		break;
	case '\t':
		put(l, "\\t");
		break;
	case '\r':
		put(l, "\\r");
		break;
	case '"':
	case '\\':
		put(l, "\\%c", c);
		break;
	default:
		if (c >= 0x20 && c < 0x7f)
			put(l, "%c", c);
		else
			put(l, "\\%o", c);
	}
}

static void put_bytes(struct line *l, uint64_t address, uint64_t size)
{
	uint8_t bytes[STRING_SHOW];
	uint64_t shown = size < STRING_SHOW ? size : STRING_SHOW;

	if (!address) {
		put(l, "NULL");
		return;
	}
	if (user_read(l->space, bytes, address, shown)) {
		put(l, "0x%llx", (unsigned long long)address);
		return;
	}
	put(l, "\"");
	for (uint64_t i = 0; i < shown; i++)
		put_byte(l, bytes[i]);
	put(l, size > shown ? "\"..." : "\"");
}

static void put_string(struct line *l, uint64_t address)
{
	char bytes[STRING_SHOW + 1];
	int64_t length = address ? user_string(l->space, bytes, address, sizeof(bytes)) : -EFAULT;

	if (length == -ENAMETOOLONG)
		length = STRING_SHOW + 1;
	if (length < 0)
		put(l, address ? "0x%llx" : "NULL", (unsigned long long)address);
	else
		put_bytes(l, address, (uint64_t)length);
}

static void put_flags(struct line *l, uint64_t value, const struct flag_name *names, bool first)
{
	for (; names->name; names++) {
		if (names->bits == 0 || (value & names->bits) != names->bits)
			continue;
		put(l, first ? "%s" : "|%s", names->name);
		value &= ~names->bits;
		first = false;
	}
	if (value || first)
		put(l, first ? "0x%llx" : "|0x%llx", (unsigned long long)value);
}

static void put_open_flags(struct line *l, uint64_t flags)
{
	static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};

	put(l, "%s", modes[flags & O_ACCMODE]);
	if (flags & ~(uint64_t)O_ACCMODE)
		put_flags(l, flags & ~(uint64_t)O_ACCMODE, open_flags, false);
}

static void put_signal(struct line *l, int64_t signo)
{
	const char *name = signal_name(signo);

	if (name)
		put(l, "%s", name);
	else
		put(l, "%lld", (long long)signo);
}

static void put_timespec(struct line *l, uint64_t address)
{
	struct linux_timespec ts;

	if (!address || user_read(l->space, &ts, address, sizeof(ts)))
		put(l, address ? "0x%llx" : "NULL", (unsigned long long)address);
	else
		put(l, "{tv_sec=%lld, tv_nsec=%lld}", (long long)ts.seconds, (long long)ts.ns);
}

static void put_vector(struct line *l, uint64_t address)
{
	uint64_t pointer;

	if (!address) {
		put(l, "NULL");
		return;
	}
	put(l, "[");
	for (int i = 0;; i++, address += sizeof(pointer)) {
		if (user_read(l->space, &pointer, address, sizeof(pointer)) || !pointer)
			break;
		if (i == ITEMS_SHOW) {
			put(l, ", ...");
			break;
		}
		if (i)
			put(l, ", ");
		put_string(l, pointer);
	}
	put(l, "]");
}

static void put_iovec(struct line *l, uint64_t address, uint64_t count)
{
	struct linux_iovec v;

	put(l, "[");
	for (uint64_t i = 0; i < count; i++, address += sizeof(v)) {
		if (i == ITEMS_SHOW || user_read(l->space, &v, address, sizeof(v))) {
			put(l, "...");
			break;
		}
		put(l, i ? ", {" : "{");
		put_bytes(l, v.base, v.length);
		put(l, ", %llu}", (unsigned long long)v.length);
	}
	put(l, "]");
}

static void put_arg(struct line *l, char kind, const uint64_t *args, int i, uint32_t nr)
{
	uint64_t value = args[i];

	if ((nr == NR_CLONE && i == 0)) {
		put_flags(l, value & ~(uint64_t)CSIGNAL, clone_flags, true);
		put(l, "|");
		put_signal(l, (int64_t)(value & CSIGNAL));
		return;
	}
	if ((nr == NR_WAIT4 && i == 2) || (nr == NR_WAITID && i == 3)) {
		put_flags(l, value, wait_flags, true);
		return;
	}
	switch (kind) {
	case 'd':
	case 'f':
		put(l, "%d", (int)value);
		break;
	case 'D':
		if ((int)value == AT_FDCWD)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (int)value);
		break;
	case 'u':
		put(l, "%llu", (unsigned long long)value);
		break;
	case 'o':
	case 'm':
		put(l, "0%o", (unsigned)value);
		break;
	case 's':
		put_string(l, value);
		break;
	case 'b':
		put_bytes(l, value, args[i + 1]);
		break;
	case 'O':
		put_open_flags(l, value);
		break;
	case 'P':
		if (value)
			put_flags(l, value, protection_flags, true);
		else
			put(l, "PROT_NONE");
		break;
	case 'M':
		put_flags(l, value, map_flags, true);
		break;
	case 'S':
		put_signal(l, (int64_t)value);
		break;
	case 'T':
		put_timespec(l, value);
		break;
	case 'A':
		put_vector(l, value);
		break;
	case 'v':
		put_iovec(l, value, args[i + 1]);
		break;
	default:
		put(l, value ? "0x%llx" : "NULL", (unsigned long long)value);
	}
}

static void line_start(struct line *l, const struct thread *self, uint32_t nr)
{
	const struct syscall_entry *e = nr < SYSCALL_TABLE_SIZE ? &syscall_table[nr] : NULL;

	l->length = 0;
	l->space = self->process->space;
	if (libos.procs.forks > 1)
		put(l, "[pid %d] ", self->tid);
	if (e && e->name)
		put(l, "%s(", e->name);
	else
		put(l, "syscall_%u(", nr);
}

static const char *kinds_of(uint32_t nr)
{
	return nr < SYSCALL_TABLE_SIZE && syscall_table[nr].args ? syscall_table[nr].args : "xxxxxx";
}

/* The arguments that are known before the call; those from the first 'B' on come after it. */
static void line_args(struct line *l, uint32_t nr, const uint64_t *args, int from, bool after, int64_t result)
{
	const char *kinds = kinds_of(nr);

	for (int i = from; kinds[i]; i++) {
		if (i)
			put(l, ", ");
		if (kinds[i] != 'B')
			put_arg(l, kinds[i], args, i, nr);
		else if (after && result >= 0)
			put_bytes(l, args[i], (uint64_t)result);
		else
			put(l, "0x%llx", (unsigned long long)args[i]);
	}
}

static void line_result(struct line *l, uint32_t nr, int64_t result)
{
	const struct error_name *error = error_name(-result);
	bool address = nr == NR_MMAP || nr == NR_BRK || nr == NR_MREMAP;

	if (result == -ERESTARTSYS || result == -ERESTARTNOHAND || result == -ERESTART_RESTARTBLOCK)
		put(l, ") = ? ERESTART (to be restarted)");
	else if (result < 0 && error)
		put(l, ") = -1 %s (%s)", error->name, error->text);
	else if (result > INT32_MAX || (result && address))
		put(l, ") = 0x%llx", (unsigned long long)result);
	else
		put(l, ") = %lld", (long long)result);
}

/* The first argument that is filled by the call, or the end. */
static int first_output(uint32_t nr)
{
	const char *kinds = kinds_of(nr);
	int i = 0;

	while (kinds[i] && kinds[i] != 'B')
		i++;
	return i;
}

static void say(const struct line *l)
{
	libos_log("%s", l->text);
}

void strace_signal(struct thread *self, const struct signal_info *info)
{
	struct line *l = heap_alloc(sizeof(*l));

	if (!l)
		return;
	l->length = 0;
	if (libos.procs.forks > 1)
		put(l, "[pid %d] ", self->tid);
	put(l, "--- ");
	put_signal(l, info->signo);
	if (info->address)
		put(l, " {si_code=%d, si_addr=0x%llx} ---", info->code, (unsigned long long)info->address);
	else
		put(l, " {si_code=%d, si_pid=%d} ---", info->code, info->pid);
	say(l);
	heap_free(l);
}

static bool never_returns(uint32_t nr)
{
	return nr == NR_EXIT || nr == NR_EXIT_GROUP;
}

void strace_exit(struct thread *self, uint64_t nr, const uint64_t *args, int64_t result)
{
	struct line *l = heap_alloc(sizeof(*l));

	if (!l)
		return;
	line_start(l, self, (uint32_t)nr);
	line_args(l, (uint32_t)nr, args, 0, true, result);
	line_result(l, (uint32_t)nr, result);
	say(l);
	heap_free(l);
}

/* The line is on the heap: a coroutine's stack is small. Its first part is made before the call, because
 * exec and others change the memory that it shows. */
int64_t strace_call(struct thread *self, uint32_t nr, syscall_handler handler)
{
	struct line *l = heap_alloc(sizeof(*l));
	uint64_t args[6];
	int split = first_output(nr);
	int64_t result;

	memcpy(args, self->page->args, sizeof(args));
	if (!l)
		return handler ? handler(self, self->page->args) : -ENOSYS;
	line_start(l, self, nr);
	if (!kinds_of(nr)[split])
		line_args(l, nr, args, 0, false, 0);
	if (never_returns(nr)) {
		put(l, ") = ?");
		say(l);
		heap_free(l);
		l = NULL;
	}
	result = handler ? handler(self, self->page->args) : -ENOSYS;
	if (!l)
		return result;
	l->space = self->process->space;
	if (kinds_of(nr)[split])
		line_args(l, nr, args, 0, true, result);
	line_result(l, nr, nr == NR_SIGRETURN ? 0 : result);
	say(l);
	heap_free(l);
	return result;
}

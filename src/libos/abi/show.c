/* Text of a trace (show.h). */
#include <libos/abi/linux.h>
#include <libos/abi/show.h>
#include <libos/lib/string.h>
#include <libos/vm/vm.h>

#define PIECE 64u /* bytes of a string that are looked at together */

void line_clear(struct line *l)
{
	l->length = 0;
	l->cut = false;
	l->text[0] = '\0';
}

void put(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->length, n;
	va_list args;

	va_start(args, fmt);
	n = format_v(l->text + l->length, room, fmt, args);
	va_end(args);
	l->cut = l->cut || n >= room;
	l->length += n < room ? n : room - 1;
}

/* ---- strings ---- */

static void put_byte(struct line *l, uint8_t c, bool digit_follows)
{
	static const char letters[] = "tnvfr"; /* from 9 on */

	if (c == '"' || c == '\\')
		put(l, "\\%c", c);
	else if (c >= 9 && c <= 13)
		put(l, "\\%c", letters[c - 9]);
	else if (c >= 0x20 && c < 0x7f)
		put(l, "%c", c);
	else
		put(l, digit_follows ? "\\%03o" : "\\%o", c);
}

static void put_inside(struct line *l, const uint8_t *bytes, uint64_t size, bool hex)
{
	for (uint64_t i = 0; i < size && !l->cut; i++) {
		if (hex)
			put(l, "\\x%02x", bytes[i]);
		else
			put_byte(l, bytes[i], i + 1 < size && bytes[i + 1] >= '0' && bytes[i + 1] <= '9');
	}
}

void put_quoted(struct line *l, const uint8_t *bytes, uint64_t size, bool more, bool hex)
{
	put(l, "\"");
	put_inside(l, bytes, size, hex);
	put(l, more ? "\"..." : "\"");
}

bool look(const struct line *l, void *to, uint64_t address, uint64_t size)
{
	return l->space && vm_look(l->space, to, address, size);
}

bool look_or_put(struct line *l, void *to, uint64_t address, uint64_t size)
{
	if (address && look(l, to, address, size))
		return true;
	put_address(l, address);
	return false;
}

void put_bytes(struct line *l, uint64_t address, uint64_t size, bool hex)
{
	uint8_t bytes[PIECE];
	uint64_t shown = size < l->string_size ? size : l->string_size;
	size_t start = l->length;

	if (!address) {
		put(l, "NULL");
		return;
	}
	put(l, "\"");
	for (uint64_t done = 0; done < shown; done += PIECE) {
		uint64_t part = shown - done < PIECE ? shown - done : PIECE;

		if (!look(l, bytes, address + done, part)) {
			l->length = start;
			put_address(l, address);
			return;
		}
		put_inside(l, bytes, part, hex);
	}
	put(l, size > shown ? "\"..." : "\"");
}

/* Up to its NUL; `most` bytes of it are shown. */
static void put_text(struct line *l, uint64_t address, uint64_t most)
{
	size_t start = l->length;

	if (!address) {
		put(l, "NULL");
		return;
	}
	put(l, "\"");
	for (uint64_t done = 0;;) {
		uint8_t bytes[PIECE + 1];
		uint64_t rest = PIECE - (address + done) % PIECE, part = 0;

		if (rest > most + 1 - done)
			rest = most + 1 - done;
		if (!look(l, bytes, address + done, rest)) {
			l->length = start;
			put_address(l, address);
			return;
		}
		while (part < rest && bytes[part] && done + part < most)
			part++;
		put_inside(l, bytes, part, false);
		done += part;
		if (part < rest) {
			put(l, bytes[part] ? "\"..." : "\"");
			return;
		}
	}
}

void put_path(struct line *l, uint64_t address)
{
	put_text(l, address, PATH_SHOW - 1);
}

void put_string(struct line *l, uint64_t address)
{
	put_text(l, address, l->string_size);
}

/* ---- numbers ---- */

void put_address(struct line *l, uint64_t address)
{
	put(l, address ? "0x%llx" : "NULL", (unsigned long long)address);
}

void put_hex(struct line *l, uint64_t value)
{
	put(l, value ? "0x%llx" : "0", (unsigned long long)value);
}

void put_bits(struct line *l, enum call_kind kind, uint64_t value, bool first)
{
	const struct name_group *group = name_group(kind);
	uint64_t known = 0;

	if (!value) {
		if (first)
			put(l, "%s", group->zero);
		return;
	}
	for (uint32_t i = 0; i < group->count; i++) {
		uint64_t bits = group->names[i].value;

		if ((value & bits) != bits || (bits & known) != 0)
			continue;
		put(l, first ? "%s" : "|%s", group->names[i].name);
		known |= bits;
		first = false;
	}
	value &= ~known;
	if (value)
		put(l, first ? "0x%llx /* %s */" : "|0x%llx", (unsigned long long)value, group->unknown);
}

void put_named(struct line *l, enum call_kind kind, uint64_t value)
{
	const char *name;

	if (name_group(kind)->flags) {
		put_bits(l, kind, value, true);
		return;
	}
	name = name_in_group(kind, value);
	if (name)
		put(l, "%s", name);
	else
		put(l, (uint32_t)value ? "0x%x /* %s */" : "%u /* %s */", (uint32_t)value, name_group(kind)->unknown);
}

void put_signal(struct line *l, int64_t signo)
{
	const char *name = signal_name(signo);

	if (name)
		put(l, "%s", name);
	else if (signo == SIGRTMIN)
		put(l, "SIGRTMIN");
	else if (signo > SIGRTMIN && signo <= 64)
		put(l, "SIGRT_%lld", (long long)signo - SIGRTMIN);
	else
		put(l, "%lld", (long long)signo);
}

/* Without SIG, and what is missing where that is less. */
void put_signal_set(struct line *l, uint64_t set)
{
	const char *before = "";
	uint32_t count = 0;

	for (uint64_t left = set; left; left &= left - 1)
		count++;
	if (count >= 43) { /* two thirds */
		put(l, "~");
		set = ~set;
	}
	put(l, "[");
	for (int signo = 1; signo <= 64; signo++) {
		if (!(set >> (signo - 1) & 1))
			continue;
		put(l, "%s", before);
		before = " ";
		if (signal_name(signo))
			put(l, "%s", signal_name(signo) + 3);
		else if (signo == SIGRTMIN)
			put(l, "RTMIN");
		else
			put(l, "RT_%d", signo - SIGRTMIN);
	}
	put(l, "]");
}

void put_mode(struct line *l, uint32_t mode)
{
	put(l, "%#03o", mode);
}

void put_node_mode(struct line *l, uint32_t mode)
{
	uint32_t type = mode & S_IFMT, special = mode & (S_ISUID | S_ISGID | S_ISVTX);
	const char *name = name_in_group(A_FILE_TYPE, type);

	if (name)
		put(l, "%s|", name);
	if (special) {
		put_bits(l, A_MODE_BITS, special, true);
		put(l, "|");
	}
	put_mode(l, name ? mode & 0777 : (mode & 0777) | type);
}

void put_device(struct line *l, uint64_t device)
{
	uint64_t major = (device >> 8 & 0xfff) | (device >> 32 & ~UINT64_C(0xfff)), minor = (device & 0xff) | (device >> 12 & ~UINT64_C(0xff));

	put(l, "makedev(0x%llx, 0x%llx)", (unsigned long long)(major & 0xffffffff), (unsigned long long)(minor & 0xffffffff));
}

void put_id(struct line *l, uint64_t id)
{
	put(l, (uint32_t)id == UINT32_MAX ? "-1" : "%u", (uint32_t)id);
}

void put_time(struct line *l, int64_t seconds, int64_t part, const char *part_name)
{
	put(l, "{tv_sec=%lld, tv_%s=%lld}", (long long)seconds, part_name, (long long)part);
}

void put_wait_status(struct line *l, uint32_t status)
{
	uint32_t signo = status & 0x7f, code = status >> 8 & 0xff;

	put(l, "[{");
	if (status == 0xffff) {
		put(l, "WIFCONTINUED(s)");
	} else if ((status & 0xff) == 0x7f) {
		put(l, "WIFSTOPPED(s) && WSTOPSIG(s) == ");
		if (code & 0x80) {
			put_signal(l, code & 0x7f);
			put(l, " | 0x80");
		} else {
			put_signal(l, code);
		}
	} else if (signo) {
		put(l, "WIFSIGNALED(s) && WTERMSIG(s) == ");
		put_signal(l, signo);
		put(l, status & 0x80 ? " && WCOREDUMP(s)" : "");
	} else {
		put(l, "WIFEXITED(s) && WEXITSTATUS(s) == %u", code);
	}
	put(l, "}]");
}

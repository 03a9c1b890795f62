/* Structures about files, and lists of descriptors, buffers and strings (decode.h). */
#include <libos/abi/decode.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>

#define ENVIRONMENT_COUNTED 8192u /* variables; a list that has no end is not followed for long */

static bool filled(const struct traced_call *call)
{
	return call->ended && !call->failed;
}

static void put_stat(struct line *l, uint64_t address)
{
	struct linux_stat s;

	if (!look_or_put(l, &s, address, sizeof(s)))
		return;
	put(l, "{st_mode=");
	put_node_mode(l, s.st_mode);
	if ((s.st_mode & S_IFMT) == S_IFCHR || (s.st_mode & S_IFMT) == S_IFBLK) {
		put(l, ", st_rdev=");
		put_device(l, s.st_rdev);
	} else {
		put(l, ", st_size=%lld", (long long)s.st_size);
	}
	put(l, ", ...}");
}

/* struct statx: mask 0, attributes 8, mode 28, size 40 */
static void put_statx(struct line *l, uint64_t address)
{
	uint8_t s[64];
	uint32_t mask;
	uint64_t attributes, size;
	uint16_t mode;

	if (!look_or_put(l, s, address, sizeof(s)))
		return;
	memcpy(&mask, s, sizeof(mask));
	memcpy(&attributes, s + 8, sizeof(attributes));
	memcpy(&mode, s + 28, sizeof(mode));
	memcpy(&size, s + 40, sizeof(size));
	put(l, "{stx_mask=");
	put_named(l, A_STATX, mask);
	put(l, ", stx_attributes=");
	put_hex(l, attributes);
	put(l, ", stx_mode=");
	put_node_mode(l, mode);
	put(l, ", stx_size=%llu, ...}", (unsigned long long)size);
}

/* struct statfs of x86-64 */
static void put_statfs(struct line *l, uint64_t address)
{
	uint64_t w[11];
	int32_t id[2];

	if (!look_or_put(l, w, address, sizeof(w)))
		return;
	memcpy(id, &w[7], sizeof(id));
	put(l, "{f_type=");
	put_named(l, A_FS_MAGIC, w[0]);
	put(l, ", f_bsize=%llu, f_blocks=%llu, f_bfree=%llu, f_bavail=%llu, f_files=%llu, f_ffree=%llu", (unsigned long long)w[1],
	    (unsigned long long)w[2], (unsigned long long)w[3], (unsigned long long)w[4], (unsigned long long)w[5], (unsigned long long)w[6]);
	put(l, ", f_fsid={val=[%#x, %#x]}, f_namelen=%llu, f_frsize=%llu, f_flags=", (unsigned)id[0], (unsigned)id[1], (unsigned long long)w[8],
	    (unsigned long long)w[9]);
	put_named(l, A_ST, w[10]);
	put(l, "}");
}

/* ---- descriptors that are waited for ---- */

void put_poll_fds(struct line *l, uint64_t address, uint64_t count, bool returned)
{
	struct {
		int32_t fd;
		uint16_t events, returned;
	} p;
	uint32_t shown = 0;

	if (!address || (count && !look(l, &p, address, sizeof(p)))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint64_t i = 0; i < count; i++, address += sizeof(p)) {
		if (!look(l, &p, address, sizeof(p))) {
			put(l, "%s... /* 0x%llx */", shown ? ", " : "", (unsigned long long)address);
			break;
		}
		if (returned && !p.returned)
			continue;
		if (shown == ITEMS_SHOW) {
			put(l, ", ...");
			break;
		}
		put(l, shown++ ? ", {fd=%d" : "{fd=%d", p.fd);
		if (!returned && p.fd >= 0) {
			put(l, ", events=");
			put_named(l, A_POLL, p.events);
		}
		if (returned) {
			put(l, ", revents=");
			put_named(l, A_POLL, p.returned);
		}
		put(l, "}");
		if (i > 1024 * 1024)
			break;
	}
	put(l, "]");
}

void put_fd_set(struct line *l, uint64_t address, uint64_t count)
{
	uint8_t bits[128];
	const char *before = "";
	uint32_t bytes;

	count = (int64_t)count < 0 ? 0 : count > sizeof(bits) * 8 ? sizeof(bits) * 8 : count;
	bytes = (uint32_t)(count + 63) / 64 * 8;
	if (!address || !look(l, bits, address, bytes)) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint32_t fd = 0; fd < count; fd++) {
		if (bits[fd / 8] >> fd % 8 & 1) {
			put(l, "%s%u", before, fd);
			before = " ";
		}
	}
	put(l, "]");
}

static void put_epoll_event(struct line *l, const uint32_t *event)
{
	put(l, "{events=");
	put_named(l, A_EPOLL, event[0]);
	put(l, ", data={u32=%u, u64=%llu}}", event[1], (unsigned long long)(event[1] | (uint64_t)event[2] << 32));
}

static void put_epoll_events(struct line *l, uint64_t address, uint64_t count)
{
	uint32_t event[3]; /* packed on x86-64 */

	put(l, "[");
	for (uint64_t i = 0; i < count; i++) {
		if (i == ITEMS_SHOW || !look(l, event, address + i * sizeof(event), sizeof(event))) {
			put(l, i ? ", ..." : "...");
			break;
		}
		put(l, i ? ", " : "");
		put_epoll_event(l, event);
	}
	put(l, "]");
}

/* ---- lists ---- */

/* bytes: how many of them count, all together. */
void put_iovec(struct line *l, uint64_t address, uint64_t count, uint64_t bytes)
{
	struct linux_iovec v;

	if (!address || (count && !look(l, &v, address, sizeof(v)))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint64_t i = 0; i < count; i++, address += sizeof(v)) {
		if (i)
			put(l, ", ");
		if (i == ITEMS_SHOW) {
			put(l, "...");
			break;
		}
		if (!look(l, &v, address, sizeof(v))) {
			put(l, "... /* 0x%llx */", (unsigned long long)address);
			break;
		}
		put(l, "{iov_base=");
		if (bytes == UINT64_MAX)
			put_bytes(l, v.base, v.length, false);
		else
			put_bytes(l, v.base, v.length < bytes ? v.length : bytes, false);
		if (bytes != UINT64_MAX)
			bytes -= v.length < bytes ? v.length : bytes;
		put(l, ", iov_len=%llu}", (unsigned long long)v.length);
	}
	put(l, "]");
}

/* Only where they are: what is in them is what came before the call. */
static void put_empty_iovec(struct line *l, uint64_t address, uint64_t count)
{
	struct linux_iovec v;

	if (!address || (count && !look(l, &v, address, sizeof(v)))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint64_t i = 0; i < count && i <= ITEMS_SHOW; i++, address += sizeof(v)) {
		put(l, i ? ", " : "");
		if (i == ITEMS_SHOW || !look(l, &v, address, sizeof(v))) {
			put(l, "...");
			break;
		}
		put(l, "{iov_base=");
		put_address(l, v.base);
		put(l, ", iov_len=%llu}", (unsigned long long)v.length);
	}
	put(l, "]");
}

static void put_strings(struct line *l, uint64_t address)
{
	uint64_t string;

	if (!address || !look(l, &string, address, sizeof(string))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint32_t i = 0;; i++, address += sizeof(string)) {
		if (!look(l, &string, address, sizeof(string))) {
			put(l, "%s... /* 0x%llx */", i ? ", " : "", (unsigned long long)address);
			break;
		}
		if (!string)
			break;
		put(l, i ? ", " : "");
		if (i == ITEMS_SHOW) {
			put(l, "...");
			break;
		}
		put_string(l, string);
	}
	put(l, "]");
}

static void put_environment(struct line *l, uint64_t address)
{
	uint64_t string;
	uint32_t count = 0;

	put_address(l, address);
	if (!address)
		return;
	while (count < ENVIRONMENT_COUNTED && look(l, &string, address + count * sizeof(string), sizeof(string)) && string)
		count++;
	put(l, count == 1 ? " /* %u var */" : " /* %u vars */", count);
}

static void put_dirents(struct line *l, const struct traced_call *call, uint64_t address)
{
	uint64_t size = (uint64_t)call->result, at = 0;
	uint32_t count = 0;
	uint16_t length;

	put_address(l, address);
	for (; at < size; at += length, count++)
		if (!look(l, &length, address + at + 16, sizeof(length)) || length < 19)
			break;
	put(l, " /* %u entries */", count);
}

static void put_offset(struct line *l, uint64_t address)
{
	int64_t offset;

	if (look_or_put(l, &offset, address, sizeof(offset)))
		put(l, "[%lld]", (long long)offset);
}

static void put_offset_moved(struct line *l, const struct traced_call *call, uint64_t address)
{
	int64_t after;

	if (!look_or_put(l, &after, address, sizeof(after)))
		return;
	put(l, "[%lld]", (long long)call->before);
	if (!call->failed && call->result)
		put(l, " => [%lld]", (long long)after);
}

static bool put_filled(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];
	int32_t pair[2];

	switch (kind) {
	case A_STAT: put_stat(l, value); break;
	case A_STATFS: put_statfs(l, value); break;
	case A_STATX_OUT: put_statx(l, value); break;
	case A_EPOLL_EVENTS: put_epoll_events(l, value, (uint64_t)call->result); break;
	case A_DIRENTS: put_dirents(l, call, value); break;
	case A_IOVEC_OUT: put_iovec(l, value, call->args[i + 1], (uint64_t)call->result); break;
	case A_FD_PAIR:
		if (look_or_put(l, pair, value, sizeof(pair)))
			put(l, "[%d, %d]", pair[0], pair[1]);
		break;
	default: return false;
	}
	return true;
}

bool put_file_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];
	uint32_t event[3];

	switch (kind) {
	case A_POLL_FDS: put_poll_fds(l, value, (uint32_t)call->args[i + 1], false); break;
	case A_FD_SET: put_fd_set(l, value, (uint64_t)(int64_t)(int32_t)call->args[0]); break;
	case A_IOVEC: put_iovec(l, value, call->args[i + 1], UINT64_MAX); break;
	case A_ARGV: put_strings(l, value); break;
	case A_ENVP: put_environment(l, value); break;
	case A_OFFSET: put_offset(l, value); break;
	case A_EPOLL_EVENT:
		if (call->args[1] == 2) /* EPOLL_CTL_DEL looks at none */
			put_address(l, value);
		else if (look_or_put(l, event, value, sizeof(event)))
			put_epoll_event(l, event);
		break;
	case A_OFFSET_MOVED: put_offset_moved(l, call, value); break;
	case A_IOVEC_OUT:
		if (call->ended && call->failed) {
			put_empty_iovec(l, value, call->args[i + 1]);
			break;
		}
		return put_filled(l, kind, call, i);
	default: return filled(call) && put_filled(l, kind, call, i);
	}
	return true;
}

/* What calls about sockets point to (decode.h). */
#include <libos/abi/decode.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>
#include <libos/net/message.h>

enum { FAMILY_INET = 2, FAMILY_INET6 = 10, LEVEL_SOCKET = 1, PROTOCOL_TCP = 6, OPTION_ERROR = 4, OPTION_LINGER = 13, OPTION_PEERCRED = 17,
       OPTION_RCVTIMEO = 20, OPTION_SNDTIMEO = 21, RIGHTS = 1, CREDENTIALS = 2 };

#define UNIX_PATH 108u

/* A name in a socket's address: what is before its NUL, or with '@' all of it. */
static void put_unix_name(struct line *l, const struct sockaddr_any *a, uint32_t size)
{
	const uint8_t *path = (const uint8_t *)a->data;
	uint32_t length = 0, room = size - 2 < UNIX_PATH ? size - 2 : UNIX_PATH;

	if (room && !path[0]) {
		put(l, ", sun_path=@");
		put_quoted(l, path + 1, room - 1, false, false);
		return;
	}
	while (length < room && path[length])
		length++;
	put(l, ", sun_path=");
	put_quoted(l, path, length, false, false);
}

static void put_sockaddr(struct line *l, uint64_t address, uint64_t size)
{
	struct sockaddr_any a;
	const uint8_t *d = (const uint8_t *)a.data;

	if (size > sizeof(a))
		size = sizeof(a);
	memset(&a, 0, sizeof(a));
	if (size < 2 || !address || !look(l, &a, address, size)) {
		put_address(l, address);
		return;
	}
	put(l, "{sa_family=");
	put_named(l, A_AF, a.family);
	if (a.family == AF_UNIX && size > 2) {
		put_unix_name(l, &a, (uint32_t)size);
	} else if (a.family == FAMILY_INET && size >= 16) {
		put(l, ", sin_port=htons(%u), sin_addr=inet_addr(\"%u.%u.%u.%u\")", d[0] << 8 | d[1], d[2], d[3], d[4], d[5]);
	} else if (a.family == FAMILY_INET6 && size >= 24) {
		put(l, ", sin6_port=htons(%u), sin6_addr=", d[0] << 8 | d[1]);
		put_quoted(l, d + 6, 16, false, true);
	} else if (size > 2) {
		put(l, ", sa_data=");
		put_quoted(l, d, size - 2, false, false);
	}
	put(l, "}");
}

/* ---- options ---- */

static void put_option_value(struct line *l, uint64_t level, uint64_t option, uint64_t address, uint64_t size)
{
	int32_t w[4] = {0};

	if (level == LEVEL_SOCKET && option == OPTION_PEERCRED && size == 12) {
		if (look_or_put(l, w, address, 12))
			put(l, "{pid=%d, uid=%u, gid=%u}", w[0], (unsigned)w[1], (unsigned)w[2]);
	} else if (level == LEVEL_SOCKET && option == OPTION_LINGER && size == 8) {
		if (look_or_put(l, w, address, 8))
			put(l, "{l_onoff=%d, l_linger=%d}", w[0], w[1]);
	} else if (level == LEVEL_SOCKET && (option == OPTION_RCVTIMEO || option == OPTION_SNDTIMEO) && size == 16) {
		if (look_or_put(l, w, address, 16)) {
			int64_t t[2];

			memcpy(t, w, sizeof(t));
			put_time(l, t[0], t[1], "usec");
		}
	} else if (size == 4) {
		if (!look_or_put(l, w, address, 4))
			return;
		put(l, "[");
		if (level == LEVEL_SOCKET && option == OPTION_ERROR && w[0] && error_name(w[0]))
			put(l, "%s", error_name(w[0])->name);
		else
			put(l, "%d", w[0]);
		put(l, "]");
	} else if (level == LEVEL_SOCKET) {
		put_address(l, address);
	} else {
		put_bytes(l, address, size, false);
	}
}

static void put_option_out(struct line *l, const struct traced_call *call, uint64_t address)
{
	uint32_t size;

	if (!look(l, &size, call->args[4], sizeof(size)))
		put_address(l, address);
	else
		put_option_value(l, call->args[1], call->args[2], address, size);
}

/* ---- messages ---- */

static void put_control_message(struct line *l, uint64_t address, uint64_t size, int32_t level, int32_t type)
{
	int32_t w[ITEMS_SHOW];
	uint64_t count = size / 4;

	if (count > ITEMS_SHOW)
		count = ITEMS_SHOW;
	if (level != LEVEL_SOCKET || (type != RIGHTS && type != CREDENTIALS) || (type == CREDENTIALS && count < 3) ||
	    !look(l, w, address, count * 4)) {
		put(l, ", cmsg_data=");
		put_bytes(l, address, size, false);
	} else if (type == CREDENTIALS) {
		put(l, ", cmsg_data={pid=%d, uid=%u, gid=%u}", w[0], (unsigned)w[1], (unsigned)w[2]);
	} else {
		put(l, ", cmsg_data=[");
		for (uint64_t i = 0; i < count; i++)
			put(l, i ? ", %d" : "%d", w[i]);
		put(l, size / 4 > count ? ", ...]" : "]");
	}
}

static void put_control(struct line *l, uint64_t address, uint64_t size)
{
	struct {
		uint64_t size;
		int32_t level, type;
	} c;

	if (!address || size < sizeof(c) || !look(l, &c, address, sizeof(c))) {
		put_address(l, address);
		return;
	}
	put(l, "[");
	for (uint32_t i = 0; i < ITEMS_SHOW && size >= sizeof(c) && look(l, &c, address, sizeof(c)); i++) {
		uint64_t step;

		put(l, "%s{cmsg_len=%llu, cmsg_level=", i ? ", " : "", (unsigned long long)c.size);
		put_named(l, A_SOL, (uint32_t)c.level);
		put(l, ", cmsg_type=");
		if (c.level == LEVEL_SOCKET)
			put_named(l, A_SCM, (uint32_t)c.type);
		else
			put(l, "0x%x", (unsigned)c.type);
		if (c.size < sizeof(c) || c.size > size) {
			put(l, "}");
			break;
		}
		if (c.size > sizeof(c))
			put_control_message(l, address + sizeof(c), c.size - sizeof(c), c.level, c.type);
		put(l, "}");
		step = (c.size + 7) & ~UINT64_C(7);
		if (step > size)
			break;
		address += step;
		size -= step;
	}
	put(l, "]");
}

static void put_header(struct line *l, uint64_t address, uint64_t bytes)
{
	struct linux_msghdr h;

	if (!look_or_put(l, &h, address, sizeof(h)))
		return;
	put(l, "{msg_name=");
	put_sockaddr(l, h.name, (uint32_t)h.name_size);
	put(l, ", msg_namelen=%d, msg_iov=", h.name_size);
	put_iovec(l, h.vec, h.vec_count, bytes);
	put(l, ", msg_iovlen=%llu", (unsigned long long)h.vec_count);
	if (h.control_size && h.control) {
		put(l, ", msg_control=");
		put_control(l, h.control, h.control_size);
	}
	put(l, ", msg_controllen=%llu, msg_flags=", (unsigned long long)h.control_size);
	put_named(l, A_MSG, h.flags);
	put(l, "}");
}

/* All that a call which has failed says of one. */
static void put_name_size(struct line *l, uint64_t address)
{
	struct linux_msghdr h;

	if (look_or_put(l, &h, address, sizeof(h)))
		put(l, "{msg_namelen=%d}", h.name_size);
}

/* sendmmsg: a header and the number of bytes that were sent, each */
static void put_headers(struct line *l, uint64_t address, uint64_t count)
{
	put(l, "[");
	for (uint64_t i = 0; i < count && !l->cut; i++) {
		put(l, i ? ", " : "");
		if (i == ITEMS_SHOW) {
			put(l, "...");
			break;
		}
		put(l, "{msg_hdr=");
		put_header(l, address + i * 64, UINT64_MAX);
		put(l, "}");
	}
	put(l, "]");
}

static void put_address_size(struct line *l, const struct traced_call *call, uint64_t address)
{
	uint32_t after;

	if (!address || !look(l, &after, address, sizeof(after)) || call->failed)
		look(l, &after, address, sizeof(after)) && call->nr != 55 ? put(l, "[%u]", after) : put_address(l, address);
	else if (after == (uint32_t)call->before)
		put(l, "[%u]", after);
	else
		put(l, "[%u => %u]", (uint32_t)call->before, after);
}

static void put_address_out(struct line *l, const struct traced_call *call, uint32_t i)
{
	uint32_t size;

	if (call->failed || !look(l, &size, call->args[i + 1], sizeof(size)))
		put_address(l, call->args[i]);
	else
		put_sockaddr(l, call->args[i], size < (uint32_t)call->before ? size : (uint32_t)call->before);
}

static void put_socket_type(struct line *l, uint32_t type)
{
	put_named(l, A_SOCK_TYPE, type & 15);
	if (type & ~15u)
		put_bits(l, A_SOCK_FLAGS, type & ~15u, false);
}

bool put_socket_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];

	switch (kind) {
	case A_ADDRESS: put_sockaddr(l, value, (uint32_t)call->args[i + 1]); break;
	case A_ADDRESS_OUT: put_address_out(l, call, i); break;
	case A_ADDRESS_SIZE: put_address_size(l, call, value); break;
	case A_SOCKET_TYPE: put_socket_type(l, (uint32_t)value); break;
	case A_PROTOCOL:
		if (call->args[0] == FAMILY_INET || call->args[0] == FAMILY_INET6)
			put_named(l, A_IPPROTO, value);
		else
			put(l, "%u", (uint32_t)value);
		break;
	case A_OPTION:
		if (call->args[1] == LEVEL_SOCKET)
			put_named(l, A_SO, value);
		else
			put(l, call->args[1] == PROTOCOL_TCP && value == 1 ? "TCP_NODELAY" : "%u", (uint32_t)value);
		break;
	case A_OPTION_VALUE: put_option_value(l, call->args[1], call->args[2], value, (uint32_t)call->args[i + 1]); break;
	case A_OPTION_OUT: call->failed ? put_address(l, value) : put_option_out(l, call, value); break;
	case A_MESSAGE: put_header(l, value, UINT64_MAX); break;
	case A_MESSAGES: put_headers(l, value, (uint32_t)call->args[i + 1]); break;
	case A_MESSAGE_OUT: call->failed ? put_name_size(l, value) : put_header(l, value, (uint64_t)call->result); break;
	default: return false;
	}
	return true;
}

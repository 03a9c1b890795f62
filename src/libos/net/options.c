/* getsockopt(2) and setsockopt(2), socket(7). */
#include <libos/net/socket.h>

#define SOL_SOCKET 1u

enum option { /* uapi/asm-generic/socket.h */
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE,
	SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_BSDCOMPAT, SO_REUSEPORT, SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT,
	SO_RCVTIMEO, SO_SNDTIMEO,
	SO_TIMESTAMP = 29, SO_ACCEPTCONN, SO_PEERSEC, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PASSSEC, SO_TIMESTAMPNS, SO_MARK,
	SO_PROTOCOL = 38, SO_DOMAIN, SO_RXQ_OVFL, SO_PEEK_OFF = 42, SO_PEERGROUPS = 59,
	SO_RCVTIMEO_NEW = 66, SO_SNDTIMEO_NEW,
};

#define SEND_MIN    4608u /* SOCK_MIN_SNDBUF: two small messages */
#define RECEIVE_MIN 2304u /* SOCK_MIN_RCVBUF */

/* These are kept and told, and mean nothing to a family without packets. */
static int switch_of(uint32_t option)
{
	switch (option) {
	case SO_REUSEADDR: return 0;
	case SO_DONTROUTE: return 1;
	case SO_BROADCAST: return 2;
	case SO_KEEPALIVE: return 3;
	case SO_OOBINLINE: return 4;
	case SO_NO_CHECK: return 5;
	case SO_PASSSEC: return 6;
	case SO_RXQ_OVFL: return 7;
	case SO_TIMESTAMP: return 8;
	case SO_TIMESTAMPNS: return 9;
	case SO_DEBUG: return 10;
	default: return -1;
	}
}

struct linger {
	int32_t on, seconds;
};

static void set_buffer(uint32_t *limit, int32_t value, uint32_t least, bool forced)
{
	uint64_t asked = (uint32_t)value;
	if (value < 0)
		asked = forced ? 0 : SOCKET_BUFFER_MAX;
	if (!forced && asked > SOCKET_BUFFER_MAX)
		asked = SOCKET_BUFFER_MAX;
	if (asked > INT32_MAX / 2)
		asked = INT32_MAX / 2;
	*limit = asked * 2 < least ? least : (uint32_t)asked * 2;
}

static int set_timeout(struct thread *self, uint64_t *ns, uint64_t address, int32_t size)
{
	struct linux_timeval t;
	if (size < (int32_t)sizeof(t))
		return -EINVAL;
	if (user_read(self->process->space, &t, address, sizeof(t)))
		return -EFAULT;
	if (t.us < 0 || t.us >= 1000000)
		return -EDOM;
	if (t.seconds < 0)
		*ns = 0;
	else if ((!t.seconds && !t.us) || t.seconds > INT64_MAX / 1000000000 - 1)
		*ns = NO_DEADLINE;
	else
		*ns = (uint64_t)t.seconds * 1000000000 + (uint64_t)t.us * 1000;
	return 0;
}

static int set_linger(struct socket *s, struct thread *self, uint64_t address, int32_t size)
{
	struct linger l;
	if (size < (int32_t)sizeof(l))
		return -EINVAL;
	if (user_read(self->process->space, &l, address, sizeof(l)))
		return -EFAULT;
	s->linger_on = l.on != 0;
	if (l.on)
		s->linger_s = l.seconds;
	return 0;
}

static int set_priority(struct socket *s, struct thread *self, int32_t value)
{
	if ((value < 0 || value > 6) && !privileged(&self->cred, PRIV_NETWORK))
		return -EPERM;
	s->priority = value;
	return 0;
}

static int set_number(struct socket *s, struct thread *self, uint32_t option, int32_t value)
{
	int bit = switch_of(option);
	if (option == SO_DEBUG && value && !privileged(&self->cred, PRIV_NETWORK))
		return -EACCES;
	if (bit >= 0) {
		s->switches = (s->switches & ~(1u << bit)) | (uint32_t)(value != 0) << bit;
		return 0;
	}
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		if (option == SO_SNDBUFFORCE && !privileged(&self->cred, PRIV_NETWORK))
			return -EPERM;
		set_buffer(&s->send_limit, value, SEND_MIN, option == SO_SNDBUFFORCE);
		s->ops->limit_changed(s);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		if (option == SO_RCVBUFFORCE && !privileged(&self->cred, PRIV_NETWORK))
			return -EPERM;
		set_buffer(&s->receive_limit, value, RECEIVE_MIN, option == SO_RCVBUFFORCE);
		return 0;
	case SO_PASSCRED:
		s->pass_cred = value != 0;
		return 0;
	case SO_PRIORITY:
		return set_priority(s, self, value);
	case SO_RCVLOWAT:
		s->low_water = value < 0 ? INT32_MAX : value ? value : 1;
		return 0;
	case SO_PEEK_OFF:
		s->peek_offset = value;
		return 0;
	case SO_REUSEPORT: /* of a network */
		return value ? -EOPNOTSUPP : 0;
	case SO_BSDCOMPAT:
		return 0;
	default:
		return -ENOPROTOOPT; /* SO_TYPE, SO_ERROR and their like cannot be set */
	}
}

int64_t socket_set_option(struct socket *s, struct thread *self, uint32_t level, uint32_t option, uint64_t address, int32_t size)
{
	int32_t value;
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (size < (int32_t)sizeof(value))
		return -EINVAL;
	if (user_read(self->process->space, &value, address, sizeof(value)))
		return -EFAULT;
	switch (option) {
	case SO_LINGER:
		return set_linger(s, self, address, size);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return set_timeout(self, &s->receive_ns, address, size);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return set_timeout(self, &s->send_ns, address, size);
	default:
		return set_number(s, self, option, value);
	}
}

/* 0 and *value, or -ENOPROTOOPT. */
static int get_number(struct socket *s, uint32_t option, int32_t *value)
{
	int bit = switch_of(option);
	if (bit >= 0) {
		*value = s->switches >> bit & 1;
		return 0;
	}
	switch (option) {
	case SO_TYPE: *value = s->type; return 0;
	case SO_DOMAIN: *value = s->family; return 0;
	case SO_PROTOCOL:
	case SO_REUSEPORT:
	case SO_BSDCOMPAT:
	case SO_MARK: *value = 0; return 0;
	case SO_ERROR: *value = -socket_take_error(s); return 0;
	case SO_SNDBUF: *value = (int32_t)s->send_limit; return 0;
	case SO_RCVBUF: *value = (int32_t)s->receive_limit; return 0;
	case SO_PASSCRED: *value = s->pass_cred; return 0;
	case SO_ACCEPTCONN: *value = s->listening; return 0;
	case SO_PRIORITY: *value = s->priority; return 0;
	case SO_RCVLOWAT: *value = s->low_water; return 0;
	case SO_SNDLOWAT: *value = 1; return 0;
	case SO_PEEK_OFF: *value = s->peek_offset; return 0;
	default: return -ENOPROTOOPT;
	}
}

static struct linux_timeval timeval_of(uint64_t ns)
{
	if (ns == NO_DEADLINE)
		ns = 0;
	return (struct linux_timeval){ (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000 / 1000) };
}

/* What an option says; *size: bytes of it. */
static int get_value(struct socket *s, uint32_t option, void *value, uint32_t *size)
{
	struct linger linger = { s->linger_on, s->linger_s };
	struct linux_timeval t;
	switch (option) {
	case SO_LINGER:
		memcpy(value, &linger, *size = sizeof(linger));
		return 0;
	case SO_PEERCRED:
		memcpy(value, &s->peer, *size = sizeof(s->peer));
		return 0;
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		t = timeval_of(option == SO_RCVTIMEO || option == SO_RCVTIMEO_NEW ? s->receive_ns : s->send_ns);
		memcpy(value, &t, *size = sizeof(t));
		return 0;
	default:
		*size = sizeof(int32_t);
		return get_number(s, option, value);
	}
}

int64_t socket_get_option(struct socket *s, struct thread *self, uint32_t level, uint32_t option, uint64_t address, uint64_t size_address)
{
	union {
		struct linux_timeval time;
		struct ucred cred;
		int32_t number;
	} value;
	uint32_t size;
	int32_t room;
	if (user_read(self->process->space, &room, size_address, sizeof(room)))
		return -EFAULT;
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (room < 0)
		return -EINVAL;
	int r = get_value(s, option, &value, &size);
	if (r)
		return r;
	size = (uint32_t)min_u64(size, (uint32_t)room);
	if (user_write(self->process->space, address, &value, size))
		return -EFAULT;
	return user_write(self->process->space, size_address, &size, sizeof(size));
}

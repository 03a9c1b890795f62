/* The text of options that mount(2) takes: tmpfs(5), and what proc and ramfs make of theirs. */
#include <libos/fs/mount_options.h>

#define DEVPTS_MAX (1u << 20) /* NR_UNIX98_PTY_MAX */

/* A number with k, m, g or % of memory behind it. */
static bool parse_size(const char *s, uint64_t *bytes)
{
	uint64_t v = 0;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > UINT64_MAX / 100)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	unsigned shift = *s == 'k' || *s == 'K' ? 10 : *s == 'm' || *s == 'M' ? 20 : *s == 'g' || *s == 'G' ? 30 : 0;
	if (*s == '%')
		v = libos.frames.total * PAGE_SIZE / 100 * (v > 100 ? 100 : v);
	else if (shift && v >> (63 - shift))
		return false;
	else
		v <<= shift;
	if (shift || *s == '%')
		s++;
	*bytes = v;
	return !*s;
}

static bool parse_mode(const char *s, uint32_t *mode)
{
	uint32_t v = 0;
	for (; *s >= '0' && *s <= '7' && v < 010000; s++)
		v = v * 8 + (uint32_t)(*s - '0');
	*mode = v;
	return !*s && v <= 07777;
}

static bool parse_id(const char *s, uint32_t *id)
{
	uint64_t v;
	if (!str_to_u64(s, &v) || v >= UINT32_MAX)
		return false;
	*id = (uint32_t)v;
	return true;
}

/* 0 is no limit (tmpfs(5)). */
static uint64_t limit(uint64_t n, uint64_t unit)
{
	return n && n < UINT64_MAX / unit ? n * unit : UINT64_MAX;
}

/* Of what all know. */
static bool parse_owner(const char *s, struct mount_options *o)
{
	if (str_starts(s, "mode="))
		return parse_mode(s + 5, &o->mode);
	if (str_starts(s, "uid="))
		return parse_id(s + 4, &o->uid);
	if (str_starts(s, "gid="))
		return parse_id(s + 4, &o->gid);
	return !*s;
}

static bool parse_devpts(const char *s, struct mount_options *o)
{
	uint64_t n;
	if (str_starts(s, "ptmxmode="))
		return parse_mode(s + 9, &o->ptmx_mode);
	if (str_starts(s, "max=")) {
		bool good = str_to_u64(s + 4, &n) && n <= DEVPTS_MAX;
		o->count = good ? (uint32_t)n : 0;
		return good;
	}
	return str_equal(s, "newinstance") || parse_owner(s, o);
}

static bool parse_one(const char *s, struct mount_options *o)
{
	uint64_t n;
	if (o->of_devpts)
		return parse_devpts(s, o);
	if (str_starts(s, "size=")) {
		o->has_bytes = parse_size(s + 5, &n);
		if (o->has_bytes)
			o->max_bytes = n ? PAGE_UP(n) : UINT64_MAX;
		return o->has_bytes;
	}
	if (str_starts(s, "nr_blocks=")) {
		o->has_bytes = !str_find(s, '%') && parse_size(s + 10, &n);
		if (o->has_bytes)
			o->max_bytes = limit(n, PAGE_SIZE);
		return o->has_bytes;
	}
	if (str_starts(s, "nr_inodes=")) {
		o->has_metadata = !str_find(s, '%') && parse_size(s + 10, &n);
		if (o->has_metadata)
			o->max_metadata = limit(n, TMPFS_INODE_SPACE);
		return o->has_metadata;
	}
	return str_equal(s, "noswap") || parse_owner(s, o);
}

int mount_options_parse(char *text, struct mount_options *o)
{
	for (char *at = text; *at;) {
		char *end = at;
		while (*end && *end != ',')
			end++;
		bool last = !*end;
		*end = '\0';
		if (!parse_one(at, o))
			return -EINVAL;
		if (last)
			break;
		at = end + 1;
	}
	return 0;
}

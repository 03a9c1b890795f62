/*
 * Strings of the LibOS. The four mem functions are the machine's (hal.h says
 * why): the simulator takes the host's, the ring-3 image links its own.
 */
#include <libos/lib/string.h>

size_t str_length(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

int str_compare(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

bool str_equal(const char *a, const char *b)
{
	return str_compare(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	while (*prefix != '\0') {
		if (*s++ != *prefix++)
			return false;
	}
	return true;
}

size_t str_copy(char *to, const char *from, size_t size)
{
	size_t length = str_length(from);

	if (size > 0) {
		size_t part = length < size - 1 ? length : size - 1;

		memcpy(to, from, part);
		to[part] = '\0';
	}
	return length;
}

const char *str_find(const char *s, char c)
{
	for (; *s != c; s++) {
		if (*s == '\0')
			return NULL;
	}
	return s;
}

bool str_to_u64(const char *s, uint64_t *value)
{
	uint64_t v = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		uint64_t digit = (uint64_t)(unsigned char)*s - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	return true;
}

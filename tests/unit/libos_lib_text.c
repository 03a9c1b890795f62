/* Strings and the formatter: the formatter against the host's snprintf. */
#include <libos/lib/string.h>

#include <criterion/criterion.h>

/* The host's, under another type: its header would hide ours. */
int snprintf(char *restrict to, size_t size, const char *restrict fmt, ...);

#define SAME(...)                                                                                              \
	do {                                                                                                   \
		char ours_[300], theirs_[300];                                                                 \
		size_t n_ = format(ours_, sizeof(ours_), __VA_ARGS__);                                         \
		int m_ = snprintf(theirs_, sizeof(theirs_), __VA_ARGS__);                                      \
		cr_assert_eq(n_, (size_t)m_, "%zu is not %d: %s", n_, m_, ours_);                              \
		cr_assert(str_equal(ours_, theirs_), "'%s' is not '%s'", ours_, theirs_);                      \
	} while (0)

Test(lib_format, integers)
{
	static const long values[] = { 0, 1, -1, 9, 10, 4096, -4096, 2147483647, -2147483648L, 9223372036854775807L,
		                       -9223372036854775807L - 1 };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		long v = values[i];

		SAME("%ld|%lu|%lx|%lX|%lo", v, (unsigned long)v, (unsigned long)v, (unsigned long)v, (unsigned long)v);
		SAME("%d|%u|%x|%i", (int)v, (unsigned)v, (unsigned)v, (int)v);
		SAME("%hd|%hhd|%hu|%hhu", (short)v, (signed char)v, (unsigned short)v, (unsigned char)v);
		SAME("%20ld|%-20ld|%020ld|%+ld|% ld|%.5ld|%12.5ld", v, v, v, v, v, v, v);
		SAME("%#lx|%#lo|%*ld|%-*ld", (unsigned long)v, (unsigned long)v, 9, v, -9, v);
		SAME("%zd|%zu|%lld|%llu", (ssize_t)v, (size_t)v, (long long)v, (unsigned long long)v);
	}
	SAME("%.0d|%5.0d|%.0x", 0, 0, 0u);
}

Test(lib_format, texts)
{
	const char open[3] = { 'a', 'b', 'c' }; /* no NUL: a precision must bound the reading */

	SAME("%s|%10s|%-10s|%.2s|%10.2s|%c|%5c|%%", "text", "text", "text", "text", "text", 'x', 'y');
	SAME("%.3s", open);
	SAME("%p", (void *)0x1234);
	SAME("%s%s", "", "x");
}

Test(lib_format, cut_at_the_end)
{
	char small[4] = "zzz";

	cr_assert_eq(format(small, sizeof(small), "%d", 12345), 5);
	cr_assert(str_equal(small, "123"));
	cr_assert_eq(format(NULL, 0, "%s", "hello"), 5);
	cr_assert_eq(format(small, 1, "x"), 1);
	cr_assert_eq(small[0], '\0');
}

Test(lib_string, numbers)
{
	uint64_t v = 7;

	cr_assert(str_to_u64("0", &v) && v == 0);
	cr_assert(str_to_u64("18446744073709551615", &v) && v == UINT64_MAX);
	cr_assert(!str_to_u64("18446744073709551616", &v));
	cr_assert(!str_to_u64("99999999999999999999", &v));
	cr_assert(!str_to_u64("", &v) && !str_to_u64("-1", &v) && !str_to_u64("1x", &v) && !str_to_u64(" 1", &v));
}

Test(lib_string, copies_and_searches)
{
	char to[4];

	cr_assert_eq(str_copy(to, "abcdef", sizeof(to)), 6);
	cr_assert(str_equal(to, "abc"));
	cr_assert_eq(str_copy(to, "x", 0), 1);
	cr_assert(str_starts("abc", "ab") && !str_starts("ab", "abc") && str_starts("", ""));
	cr_assert_null(str_find("abc", 'x'));
	cr_assert_eq(*str_find("abc", '\0'), '\0');
	cr_assert_lt(str_compare("a", "b"), 0);
	cr_assert_gt(str_compare("\xff", "a"), 0);
}

/* Where standard error is apart: a second console capability, which leads there and can only be written. */
#include "core_env.h"

static void written_there_only(const struct exo_boot *b)
{
	char byte = 'x';
	struct exo_console_info info;
	exo_cap_t given;
	uint64_t n;

	boot = b;
	next_frame = b->memory_first;
	cr_assert_neq(boot->errors, EXO_CAP_NONE);
	OK(exo_console_write(boot->errors, "wrong", 5, &n));
	cr_assert_eq(n, 5);
	OK(exo_console_write(boot->console, "right", 5, &n));
	cr_assert_eq(fake.errors_size, 5);
	cr_assert_eq(memcmp(fake.errors, "wrong", 5), 0);
	cr_assert_eq(fake.output_size, 5);
	cr_assert_eq(memcmp(fake.output, "right", 5), 0);
	fake.input = "abc";
	fake.input_size = 3;
	IS(E_RIGHTS, exo_console_read(boot->errors, &byte, 1, NULL));
	IS(E_RIGHTS, exo_console_info(boot->errors, &info, NULL));
	cr_assert_eq(fake.input_size, 3);
	/* As narrow as it is, whoever it is given to. */
	given = derive(boot->errors, EXO_R_WRITE, 0, 0);
	OK(exo_console_write(given, "!", 1, &n));
	cr_assert_eq(fake.errors_size, 6);
	SOUND();
}

Test(console, errors_are_written_there_only)
{
	fake_reset();
	fake.console_flags = EXO_CONSOLE_ERRORS;
	cr_assert_eq(fake_boot(written_there_only), FAKE_RETURNED);
}

CORE_TEST(console, without_it_there_is_none)
{
	cr_assert_eq(boot->errors, EXO_CAP_NONE);
}

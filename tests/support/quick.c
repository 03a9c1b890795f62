/*
 * Runs unit tests in place of Criterion's own runner, which takes some 50 ms
 * for each: all of them linked into one program, a process for each test,
 * until the first that fails. For tools/mutate.
 *
 *     quick [--seconds N] FILE...
 *
 * FILE is the name of a test file without ".c"; its tests are run in their
 * order. A test may use N seconds of the processor's time (default 20), and
 * ten times as long by the clock. Exit status: 0 all passed, 1 one failed
 * and is named, 2 wrong usage.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern struct criterion_test *const __start_cr_tst[], *const __stop_cr_tst[];
extern struct criterion_suite *const __start_cr_sts[] __attribute__((weak)), *const __stop_cr_sts[] __attribute__((weak));

struct criterion_options criterion_options;
static const struct criterion_test *current;
static int failures;

static void fixture(bool before)
{
	for (struct criterion_suite *const *suite = __start_cr_sts; suite < __stop_cr_sts; suite++) {
		void (*function)(void) = before ? (*suite)->data->init : (*suite)->data->fini;
		if (function && strcmp((*suite)->name, current->category) == 0) function();
	}
	if (before && current->data->init) current->data->init();
	if (!before && current->data->fini) current->data->fini();
}

void criterion_internal_test_setup(void)
{
	fixture(true);
}

void criterion_internal_test_main(void (*function)(void))
{
	function();
}

void criterion_internal_test_teardown(void)
{
	fixture(false);
}

void cri_asserts_passed_incr(void)
{
}

void criterion_send_assert(struct criterion_assert_stats *stats)
{
	printf("%s:%u: %s\n", stats->file, stats->line, stats->message);
	failures++;
}

void criterion_abort_test(void)
{
	fflush(stdout);
	_exit(1);
}

void criterion_continue_test(void)
{
}

char *cr_translate_assert_msg(int index, ...)
{
	static const char *const format[] = { "failed%s", "\"%s\" is false", "\"%s\" is false" };
	const bool known = index >= 0 && (size_t)index < sizeof(format) / sizeof(format[0]);
	char *message = NULL;
	va_list args;

	va_start(args, index);
	const char *text = va_arg(args, const char *);
	if (asprintf(&message, known ? format[index] : "%s", text) < 0) abort();
	va_end(args);
	return message;
}

int cr_asprintf(char **text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int length = vasprintf(text, format, args);
	va_end(args);
	return length;
}

void cr_asprintf_free(char *text)
{
	free(text);
}

static bool is_of(const struct criterion_test *test, const char *file)
{
	const char *name = strrchr(test->data->file_, '/');
	const size_t length = strlen(file);

	name = name ? name + 1 : test->data->file_;
	return strncmp(name, file, length) == 0 && strcmp(name + length, ".c") == 0;
}

static bool passes(const struct criterion_test *test, unsigned seconds)
{
	int status;
	const pid_t pid = fork();

	if (pid < 0) return false;
	if (pid == 0) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){ seconds, seconds });
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		alarm(10 * seconds);
		current = test;
		test->test();
		fflush(stdout);
		_exit(failures > 0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	unsigned seconds = 20;
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
		seconds = (unsigned)atoi(argv[i + 1]);
		i += 2;
	}
	for (; i < argc; i++) {
		int count = 0;

		for (struct criterion_test *const *test = __start_cr_tst; test < __stop_cr_tst; test++) {
			if (!is_of(*test, argv[i])) continue;
			count++;
			if (passes(*test, seconds)) continue;
			printf("[FAIL] %s: %s::%s\n", argv[i], (*test)->category, (*test)->name);
			return 1;
		}
		if (count == 0) return fprintf(stderr, "quick: no tests in %s\n", argv[i]), 2;
	}
	return 0;
}

/*
 * The start of the LibOS, its options, its clock, and its last words.
 *
 * The boot command line is a sequence of elements, each ended by '\n':
 *   strace  audit  stats    switches
 *   bench                   measures kernel calls instead of running a program
 *   env=VAR=VALUE           one variable of the first program's environment
 *   arg=TEXT                the first program, then its arguments, in order
 */
#include <exo/calls.h>

#include <libos/lib/string.h>
#include <libos/libos.h>

struct libos libos;

#define PANIC_STATUS 134

static void log_v(const char *format_text, va_list args)
{
	char line[512];
	uint64_t written;
	size_t length;

	length = format_v(line, sizeof(line) - 1, format_text, args);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* There is nobody to tell when the console refuses. Where it is slow, waiting here is all that can be done: whoever
	 * logs may not give way. */
	for (size_t done = 0; done < length; done += written)
		if (exo_log_write(libos.boot->console, line + done, length - done, &written) != EXO_OK)
			return;
}

void libos_log(const char *format_text, ...)
{
	va_list args;

	va_start(args, format_text);
	log_v(format_text, args);
	va_end(args);
}

/* The kernel refuses only if our root capability is gone; all that is left then is to do nothing. */
EXO_NORETURN static void halt(uint32_t status)
{
	enum exo_status refused;

	do {
		refused = exo_halt(libos.boot->root, status, NULL);
		if (refused)
			refused = exo_wait(libos.boot->cpu, NO_DEADLINE, NULL);
	} while (refused || true);
}

void libos_halt(uint32_t status)
{
	libos_report_end();
	tty_console_end();
	halt(status & 255);
}

void libos_panic(const char *format_text, ...)
{
	va_list args;

	libos.panicked = true;
	libos_log("feuerbird: LibOS panic:");
	va_start(args, format_text);
	log_v(format_text, args);
	va_end(args);
	halt(PANIC_STATUS);
}

static uint64_t clock_read(uint64_t clock)
{
	uint64_t now = 0;

	if (exo_clock_read(libos.boot->timer, clock, &now) != EXO_OK)
		libos_panic("clock_read refused");
	return now;
}

uint64_t libos_now(void)
{
	return clock_read(EXO_CLOCK_MONOTONIC);
}

uint64_t libos_realtime(void)
{
	return clock_read(EXO_CLOCK_REALTIME) + libos.realtime_offset_ns;
}

/* ---- options ---- */

/* Takes one element, without its escapes (struct exo_boot). */
static char *element_next(char **at)
{
	char *start = *at, *to = start, *end;

	if (*start == '\0')
		return NULL;
	for (end = start; *end && *end != '\n'; end++) {
		if (*end == '\\' && end[1])
			*to++ = *++end == 'n' ? '\n' : *end;
		else
			*to++ = *end;
	}
	*at = *end ? end + 1 : end;
	*to = '\0';
	return start;
}

static void add_arg(const char *arg)
{
	struct libos_options *o = &libos.options;

	if (o->arg_count < LIBOS_ARGS_MAX)
		o->args[o->arg_count++] = arg;
	else
		libos_log("feuerbird: more than %d arguments: '%s' is left out", LIBOS_ARGS_MAX, arg);
}

static void add_env(const char *setting)
{
	struct libos_options *o = &libos.options;

	if (!str_find(setting, '='))
		libos_log("feuerbird: -e wants VAR=VALUE, not '%s'", setting);
	else if (o->env_count < LIBOS_ARGS_MAX)
		o->env[o->env_count++] = setting;
	else
		libos_log("feuerbird: more than %d -e: '%s' is left out", LIBOS_ARGS_MAX, setting);
}

static void options_parse(void)
{
	struct libos_options *o = &libos.options;
	char *at = libos.cmdline, *element;

	str_copy(libos.cmdline, libos.boot->cmdline, sizeof(libos.cmdline));
	while ((element = element_next(&at))) {
		if (str_equal(element, "strace"))
			o->strace = true;
		else if (str_equal(element, "audit"))
			o->audit = true;
		else if (str_equal(element, "stats"))
			o->stats = true;
		else if (str_equal(element, "bench"))
			o->bench = true;
		else if (str_starts(element, "env="))
			add_env(element + 4);
		else if (str_starts(element, "arg="))
			add_arg(element + 4);
		else if (*element)
			libos_log("feuerbird: option '%s' is not known", element);
	}
	if (o->arg_count == 0)
		add_arg("/bin/sh");
}

void libos_start(const struct exo_boot *boot)
{
	const void *image = NULL;
	int error;

	libos.boot = boot;
	if (boot->version != EXO_BOOT_VERSION)
		libos_panic("boot page version %u, not %u", boot->version, EXO_BOOT_VERSION);
	str_copy(libos.hostname, "feuerbird", sizeof(libos.hostname));
	str_copy(libos.domainname, "(none)", sizeof(libos.domainname));
	frames_init();
	sched_init();
	process_table_init();
	net_init();
	options_parse();
	tty_console_init();
	pty_init();
	ipc_init();
	if (libos.options.bench)
		libos_bench();
	if (boot->image_size)
		image = frame_ptr(boot->image_first);
	else
		libos_log("feuerbird: no root image: none was given, or the boot loader had no memory for it");
	error = image ? vfs_init(image, boot->image_size) : -1;
	if (error)
		libos_halt(127);
	process_start_init();
	sched_run();
}

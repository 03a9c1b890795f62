/*
 * The start of the LibOS, its options, its clock, and its last words.
 *
 * The boot command line is a sequence of elements, each ended by '\n':
 *   strace  audit  stats    switches
 *   strace-OPTION[=VALUE]   how to trace: abi/strace_options.c
 *   bench                   measures kernel calls instead of running a program
 *   env=VAR=VALUE           one variable of the first program's environment
 *   cwd=DIR  user=USER      its working directory; whose process it is, USER[:GROUP]
 *   arg=TEXT                the first program (without: fb-init, or /bin/sh), then its arguments, in order
 *   text=N                  alone: the elements are the first N bytes of the image, and the archive begins with the
 *                           frame behind them
 */
#include <exo/calls.h>

#include <libos/lib/string.h>
#include <libos/libos.h>

struct libos libos;

#define STATUS_FAILED 125 /* as docker has it: not the program, but what runs it */

void libos_log_bytes(const char *bytes, uint64_t size)
{
	uint64_t written;

	/* There is nobody to tell when the console refuses. Where it is slow, waiting here is all that can be done: whoever
	 * logs may not give way. */
	for (uint64_t done = 0; done < size; done += written)
		if (exo_log_write(libos.boot->console, bytes + done, size - done, &written) != EXO_OK)
			return;
}

static void log_v(const char *format_text, va_list args)
{
	char line[512];
	size_t length;

	length = format_v(line, sizeof(line) - 1, format_text, args);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	if (libos.strace.written)
		strace_pause();
	libos_log_bytes(line, length);
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

EXO_NORETURN static void end(uint32_t status)
{
	strace_end();
	libos_report_end();
	tty_console_end();
	halt(status);
}

void libos_halt(uint32_t status)
{
	end(status & 255);
}

void libos_restart(void)
{
	end(EXO_HALT_RESTART);
}

void libos_panic(const char *format_text, ...)
{
	va_list args;

	libos.panicked = true;
	libos_log("feuerbird: LibOS panic:");
	va_start(args, format_text);
	log_v(format_text, args);
	va_end(args);
	halt(STATUS_FAILED);
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

/* How many elements with either name there are at most. */
static void count_lists(const char *at, uint32_t *args, uint32_t *env)
{
	for (*args = *env = 0; at && *at; at = str_find(at, '\n'), at = at ? at + 1 : NULL) {
		*args += str_starts(at, "arg=");
		*env += str_starts(at, "env=");
	}
}

/* A text that is cut into strings, and lists that point to them. */
static void parse_text(char *at)
{
	struct libos_options *o = &libos.options;
	uint32_t args, env;
	char *element;

	count_lists(at, &args, &env);
	o->args = heap_alloc((args + 2) * sizeof(*o->args));
	o->env = heap_alloc((env + 1) * sizeof(*o->env));
	if (!o->args || !o->env)
		libos_panic("not enough memory for the command line");
	while ((element = element_next(&at))) {
		if (str_starts(element, "strace"))
			strace_option(element + 6);
		else if (str_equal(element, "audit"))
			o->audit = true;
		else if (str_equal(element, "stats"))
			o->stats = true;
		else if (str_equal(element, "bench"))
			o->bench = true;
		else if (str_starts(element, "cwd="))
			o->cwd = element + 4;
		else if (str_starts(element, "user="))
			o->user = element + 5;
		else if (str_starts(element, "env=") && str_find(element + 4, '='))
			o->env[o->env_count++] = element + 4;
		else if (str_starts(element, "arg="))
			o->args[o->arg_count++] = element + 4;
		else if (*element)
			libos_log("feuerbird: option '%s' is not known", element);
	}
	strace_start();
	o->args_default = o->arg_count == 0;
	if (o->args_default)
		o->args[o->arg_count++] = LIBOS_DEFAULT;
	o->args[o->arg_count] = NULL;
}

static void options_parse(void)
{
	struct libos_options *o = &libos.options;
	const struct exo_boot *boot = libos.boot;
	char *text = libos.cmdline;

	str_copy(libos.cmdline, boot->cmdline, sizeof(libos.cmdline));
	if (str_starts(text, "text=")) {
		char *value = text + 5, *end = value;

		while (*end && *end != '\n')
			end++;
		*end = '\0';
		if (!str_to_u64(value, &o->text_size) || o->text_size >= boot->image_size)
			libos_panic("the boot command line says text=%s, and the image is smaller", value);
		text = frame_ptr(boot->image_first);
		if (o->text_size % EXO_FRAME_SIZE == 0 || text[o->text_size] != '\0')
			libos_panic("the text before the image has no end");
	}
	parse_text(text);
}

/* The image without the text before it; NULL: there is none. */
static const void *archive(uint64_t *size)
{
	const struct exo_boot *boot = libos.boot;
	uint64_t text = (libos.options.text_size + EXO_FRAME_SIZE - 1) & ~(EXO_FRAME_SIZE - 1);

	*size = boot->image_size > text ? boot->image_size - text : 0;
	return *size ? frame_ptr(boot->image_first + (text >> EXO_FRAME_SHIFT)) : NULL;
}

void libos_start(const struct exo_boot *boot)
{
	const void *image;
	uint64_t size;
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
	image = archive(&size);
	if (!image)
		libos_log("feuerbird: no root image: none was given, or the boot loader had no memory for it");
	error = image ? vfs_init(image, size) : -1;
	if (error)
		libos_halt(STATUS_FAILED);
	process_start_init();
	sched_run();
}

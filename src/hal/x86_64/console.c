/*
 * The console: serial port and screen for output, serial port and keyboard for
 * input, and the channels to the runner.
 *
 * Runner to kernel, on COM2, lines: "eof N" (the console's input ends after its
 * first N bytes), "size R C", "intr", "suspend", "shutdown". Kernel to
 * runner: "stream" (input that is no terminal's goes there: stream.c), "ready", "exit N". The log goes to the debug port when the runner has
 * one, so that it never mixes with the console's bytes.
 */
#include <hal/x86_64/machine.h>

#define DEBUG_PORT  0xe9 /* QEMU -device isa-debugcon */
#define ERRORS_PORT 0xe8 /* another one; with the option errors=1 */

#define RING 4096 /* a power of two */

static struct {
	uint8_t ring[RING];
	uint32_t head, tail;      /* free running */
	uint64_t received;        /* bytes from the runner so far; those of the stream when they are read */
	uint64_t end;             /* of these; UINT64_MAX: not known */
	struct exo_console_info info;
	bool parts;               /* output may go on later */
	bool returned;            /* the carriage return before the log's next new line is written */
	char line[64];
	uint32_t line_size;
} console = { .end = UINT64_MAX };

static void signal(uint64_t bits)
{
	this_cpu()->pending |= bits;
}

/* ---- Input -------------------------------------------------------------- */

uint64_t console_space(void)
{
	/* Some room stays for the keyboard, which cannot wait. */
	uint32_t used = console.head - console.tail;
	return used < RING - 64 ? RING - 64 - used : 0;
}

void console_type(uint8_t byte)
{
	if (console.head - console.tail == RING)
		return;
	console.ring[console.head++ % RING] = byte;
	signal(EXO_PEND_CONSOLE);
}

static void check_end(void)
{
	if (console.received >= console.end)
		signal(EXO_PEND_HANGUP | EXO_PEND_CONSOLE);
}

void console_input(uint8_t byte)
{
	console_type(byte);
	console.received++;
	check_end();
}

void console_end(void)
{
	console.end = console.received;
	check_end();
}

uint64_t hal_console_read(void *bytes, uint64_t size)
{
	uint8_t *to = bytes;
	uint64_t n = 0, streamed;

	while (n < size && console.tail != console.head)
		to[n++] = console.ring[console.tail++ % RING];
	serial_resume();
	streamed = stream_read(to + n, size - n);
	if (streamed > 0) {
		console.received += streamed;
		check_end();
	}
	return n + streamed;
}

/* ---- The runner's orders ------------------------------------------------ */

static uint64_t number(const char **at)
{
	uint64_t n = 0;

	while (**at == ' ')
		(*at)++;
	while (**at >= '0' && **at <= '9' && n < UINT64_MAX / 16)
		n = n * 10 + (uint64_t)(*(*at)++ - '0');
	return n;
}

static bool order(const char *line, const char *word, const char **rest)
{
	while (*word != 0 && *line == *word) {
		line++;
		word++;
	}
	*rest = line;
	return *word == 0;
}

static void obey(const char *line)
{
	const char *rest;

	if (order(line, "eof", &rest)) {
		console.end = number(&rest);
		check_end();
	} else if (order(line, "size", &rest)) {
		console.info.rows = (uint16_t)number(&rest);
		console.info.columns = (uint16_t)number(&rest);
		signal(EXO_PEND_RESIZE);
	} else if (order(line, "intr", &rest)) {
		signal(EXO_PEND_INTR);
	} else if (order(line, "suspend", &rest)) {
		signal(EXO_PEND_SUSPEND);
	} else if (order(line, "shutdown", &rest)) {
		signal(EXO_PEND_SHUTDOWN);
	}
}

void console_control(uint8_t byte)
{
	if (byte != '\n') {
		if (console.line_size < sizeof(console.line) - 1)
			console.line[console.line_size++] = (char)byte;
		return;
	}
	console.line[console.line_size] = 0;
	console.line_size = 0;
	obey(console.line);
}

void hal_console_info(struct exo_console_info *info)
{
	*info = console.info;
}

void console_init(void)
{
	uint64_t value;

	console.info.rows = boot_option("rows", &value) ? (uint16_t)value : 24;
	console.info.columns = boot_option("cols", &value) ? (uint16_t)value : 80;
	console.info.flags = !boot_option("tty", &value) || value ? EXO_CONSOLE_TTY : 0;
	if (boot_option("errors", &value) && value)
		console.info.flags |= EXO_CONSOLE_ERRORS;
}

/* ---- Output ------------------------------------------------------------- */

static void port_write(uint16_t port, const uint8_t *bytes, uint64_t size)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(size) : "d"(port) : "memory");
}

/* How many of the bytes the serial port and the screen have taken. */
static uint64_t both_write(const uint8_t *bytes, uint64_t size)
{
	uint64_t room = serial_room();

	size = screen_write(bytes, size < room ? size : room, !console.parts);
	serial_write(bytes, size);
	return size;
}

uint64_t hal_console_write(const void *bytes, uint64_t size)
{
	return both_write(bytes, size);
}

/* On a console nobody adds the carriage return for us. */
static uint64_t log_to_console(const uint8_t *text, uint64_t size)
{
	uint64_t done = 0, n;

	do {
		const uint8_t *at = text + done;

		for (n = 0; n < size - done && at[n] != '\n'; n++)
			;
		if (n == 0 && done < size && !console.returned) {
			n = both_write((const uint8_t *)"\r", 1);
			console.returned = n > 0;
			continue;
		}
		n = both_write(at, n > 0 || done == size ? n : 1);
		console.returned = console.returned && n == 0;
		done += n;
	} while (n > 0 && done < size);
	return done;
}

uint64_t hal_errors_write(const void *bytes, uint64_t size)
{
	port_write(ERRORS_PORT, bytes, size);
	return size;
}

uint64_t hal_log_write(const void *bytes, uint64_t size)
{
	if (!machine.log_port)
		return log_to_console(bytes, size);
	port_write(DEBUG_PORT, bytes, size);
	return size;
}

void console_flush(void)
{
	serial_flush();
	screen_finish();
}

/* The kernel's own words are not lost, and are there before anything else can happen. */
void log_text(const char *text)
{
	uint64_t size = 0, n;

	while (text[size] != 0)
		size++;
	for (; size > 0; text += n, size -= n) {
		n = hal_log_write(text, size);
		if (!machine.log_port)
			console_flush();
	}
}

uint64_t console_look(uint64_t until_ns)
{
	return screen_draw_some() ? 0 : serial_look(until_ns);
}

void console_start(void)
{
	console.parts = true;
	serial_listen();
}

/*
 * The console. Where a person sits at it, it is cooked here: lines with echo and correction, ^C and ^D. Without the
 * right to read it, it is at its end from the beginning.
 */
#include "v6.h"

#define LINE_SIZE 256u
#define CTRL_C    0x03
#define CTRL_D    0x04
#define BACKSPACE 0x08
#define DELETE    0x7f

static struct {
	bool person, ended;
	uint8_t bytes[LINE_SIZE];
	uint32_t count; /* typed */
	uint32_t ready; /* of these, may be read: whole lines */
} console;

void console_init(void)
{
	struct exo_console_info info = { 0, 0, 0 };
	uint64_t n;

	/* Only a console that can be read has a person at it. */
	if (exo_console_read(v6.boot->console, console.bytes, 0, &n) != EXO_OK)
		console.ended = true;
	if (exo_console_info(v6.boot->console, &info, NULL) == EXO_OK)
		console.person = (info.flags & EXO_CONSOLE_TTY) != 0;
}

static void put(const void *bytes, uint64_t size)
{
	uint64_t written = 0;
	const uint8_t *at = bytes;

	while (size > 0 && exo_console_write(v6.boot->console, at, size, &written) == EXO_OK && written > 0) {
		at += written;
		size -= written;
	}
}

int64_t console_write(const uint8_t *from, uint64_t size)
{
	uint64_t start = 0;

	/* A terminal wants a carriage return with each new line. */
	for (uint64_t i = 0; i < size && console.person; i++) {
		if (from[i] != '\n')
			continue;
		put(from + start, i - start);
		put("\r\n", 2);
		start = i + 1;
	}
	put(from + start, size - start);
	return (int64_t)size;
}

/* ^C ends all but the first process, which may be a shell. */
static void interrupt(void)
{
	console.count = console.ready;
	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *p = &v6.processes[i];

		if ((p->state == PROCESS_READY || p->state == PROCESS_ASLEEP) && p->pid > 1)
			process_end(p, V6_SIGINT, 0);
	}
}

static void typed(uint8_t c)
{
	if (c == CTRL_C) {
		put("^C\r\n", 4);
		interrupt();
	} else if (c == CTRL_D) {
		console.ended |= console.count == console.ready;
		console.ready = console.count;
	} else if (c == BACKSPACE || c == DELETE) {
		if (console.count == console.ready)
			return;
		console.count--;
		put("\b \b", 3);
	} else if (console.count < LINE_SIZE - 1 || c == '\r') {
		c = c == '\r' ? '\n' : c;
		console.bytes[console.count++] = c;
		put(c == '\n' ? "\r\n" : (const char *)&c, c == '\n' ? 2 : 1);
		if (c == '\n')
			console.ready = console.count;
	}
}

void console_input(bool ended)
{
	uint64_t got = 1;
	uint8_t c;

	while (console.count < LINE_SIZE && got > 0 &&
	       exo_console_read(v6.boot->console, &c, 1, &got) == EXO_OK && got > 0) {
		if (console.person) {
			typed(c);
		} else {
			console.bytes[console.count++] = c;
			console.ready = console.count;
		}
	}
	console.ended |= ended && got == 0;
	process_wake(&console);
}

int64_t console_read(struct process *p, uint8_t *to, uint64_t size)
{
	uint64_t n = 0;

	if (size == 0)
		return 0;
	if (console.ready == 0 && !console.ended)
		return process_sleep(p, &console, UINT64_MAX);
	if (console.ready == 0) {
		console.ended = !console.person; /* ^D is for one read */
		return 0;
	}
	while (n < size && n < console.ready && (n == 0 || to[n - 1] != '\n')) {
		to[n] = console.bytes[n];
		n++;
	}
	memmove(console.bytes, console.bytes + n, console.count - n);
	console.count -= (uint32_t)n;
	console.ready -= (uint32_t)n;
	console_input(false); /* what found no room before */
	return (int64_t)n;
}

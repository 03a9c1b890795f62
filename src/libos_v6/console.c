/*
 * The console: the kernel's, or two rings that are shared with whoever started us. Where a person sits at the kernel's, it
 * is cooked here: lines with echo and correction, ^C and ^D. One that may not be read is at its end from the beginning.
 */
#include "v6.h"

#define LINE_SIZE 256u
#define CTRL_C    0x03
#define CTRL_D    0x04
#define BACKSPACE 0x08
#define DELETE    0x7f

#define POLL_NS   UINT64_C(2000000) /* the other side of a ring does not call us */

static struct {
	struct exo_ring *out, *in; /* NULL: the kernel's console */
	bool person, ended;
	uint8_t bytes[LINE_SIZE];
	uint32_t count; /* typed */
	uint32_t ready; /* of these, may be read: whole lines */
	bool returned;  /* the carriage return before the next new line is written */
} console;

static const char room; /* who waits for room sleeps on this */

void console_init(void)
{
	const struct exo_libos_page *page = (const struct exo_libos_page *)(const void *)v6.boot;
	struct exo_console_info info = { 0, 0, 0 };

	/* What the first LibOS finds behind its boot page is nothing to rely on. */
	if (v6.boot->root == EXO_CAP_NONE) {
		console.out = (struct exo_ring *)(uintptr_t)page->out;
		console.in = (struct exo_ring *)(uintptr_t)page->in;
	}
	if (console.in)
		return;
	if (exo_console_read(v6.boot->console, console.bytes, 0, NULL) != EXO_OK)
		console.ended = true;
	else if (exo_console_info(v6.boot->console, &info, NULL) == EXO_OK)
		console.person = (info.flags & EXO_CONSOLE_TTY) != 0;
}

typedef enum exo_status write_fn(exo_cap_t console, const void *bytes, uint64_t size, uint64_t *written);

/* What the machine has room for; all, if it cannot be told to anybody. */
static uint64_t some(write_fn *write, const void *bytes, uint64_t size)
{
	uint64_t written = 0;

	return write(v6.boot->console, bytes, size, &written) == EXO_OK ? written : size;
}

/* What nobody waits for: echo, and what we say ourselves. */
static void put(write_fn *write, const void *bytes, uint64_t size)
{
	const uint8_t *at = bytes;

	for (uint64_t n; size > 0; at += n, size -= n)
		n = some(write, at, size);
}

void v6_log(const char *text)
{
	uint64_t size = 0;

	while (text[size])
		size++;
	/* Nobody is left to tell if this fails. */
	if (console.out)
		(void)exo_ring_write(console.out, text, size);
	else
		put(exo_log_write, text, size);
}

/* Until when somebody who waits for the console may sleep. */
static uint64_t poll_time(const struct exo_ring *ring)
{
	return ring ? clock_now(EXO_CLOCK_MONOTONIC) + POLL_NS : UINT64_MAX;
}

/* p->done says how much of it earlier tries have written. */
int64_t console_write(struct process *p, const uint8_t *from, uint64_t size)
{
	uint64_t n = 1;

	if (console.out) {
		p->done += exo_ring_write(console.out, from + p->done, size - p->done);
		return p->done == size ? (int64_t)size : process_sleep(p, &console, poll_time(console.out));
	}
	while (p->done < size && n > 0) {
		const uint8_t *at = from + p->done;
		uint64_t plain = 0;

		/* A terminal wants a carriage return before each new line. */
		while (plain < size - p->done && !(console.person && at[plain] == '\n'))
			plain++;
		if (plain == 0 && !console.returned) {
			n = some(exo_console_write, "\r", 1);
			console.returned = n > 0;
			continue;
		}
		n = some(exo_console_write, at, plain > 0 ? plain : 1);
		console.returned = false;
		p->done += n;
	}
	return p->done == size ? (int64_t)size : process_sleep(p, &room, UINT64_MAX);
}

void console_room(void)
{
	process_wake(&room);
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
		put(exo_console_write, "^C\r\n", 4);
		interrupt();
	} else if (c == CTRL_D) {
		console.ended |= console.count == console.ready;
		console.ready = console.count;
	} else if (c == BACKSPACE || c == DELETE) {
		if (console.count == console.ready)
			return;
		console.count--;
		put(exo_console_write, "\b \b", 3);
	} else if (console.count < LINE_SIZE - 1 || c == '\r') {
		c = c == '\r' ? '\n' : c;
		console.bytes[console.count++] = c;
		put(exo_console_write, c == '\n' ? "\r\n" : (const char *)&c, c == '\n' ? 2 : 1);
		if (c == '\n')
			console.ready = console.count;
	}
}

/* One byte that has arrived; false: none has. */
static bool take(uint8_t *c)
{
	uint64_t got = 0;

	if (!console.in)
		return exo_console_read(v6.boot->console, c, 1, &got) == EXO_OK && got == 1;
	/* First this, then a look: what was written before it was closed is not lost. */
	console.ended = __atomic_load_n(&console.in->closed, __ATOMIC_ACQUIRE) != 0;
	return exo_ring_read(console.in, c, 1) == 1;
}

void console_input(bool ended)
{
	uint32_t before = console.ready;
	uint8_t c;

	while (console.count < LINE_SIZE) {
		if (!take(&c)) {
			console.ended |= ended;
			break;
		}
		if (console.person) {
			typed(c);
		} else {
			console.bytes[console.count++] = c;
			console.ready = console.count;
		}
	}
	if (console.ready != before || console.ended)
		process_wake(&console);
}

int64_t console_read(struct process *p, uint8_t *to, uint64_t size)
{
	uint64_t n = 0;

	if (size == 0)
		return 0;
	if (console.in)
		console_input(false);
	if (console.ready == 0 && !console.ended)
		return process_sleep(p, &console, poll_time(console.in));
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

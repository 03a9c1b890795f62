/*
 * Fuzzes the line discipline: any bytes typed in any mode, read in any pieces, with the mode changing under way.
 * Nothing may leave the ring and the output buffer, and every byte read was typed.
 */
#include <stdlib.h>

#undef WNOWAIT /* the host spells the same value otherwise */

#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/proc/signal.h>
#include <libos/sched/sched.h>
#include <libos/tty/ldisc.h>

static struct {
	struct tty tty;
	const uint8_t *at, *end;
	uint8_t accepts; /* bytes that the line takes at once */
} fuzz;

void waitq_wake_all(struct waitq *q) { (void)q; }
void waitq_wake_events(struct waitq *q, uint32_t events) { (void)q; (void)events; }

void signal_send_group(int32_t pgid, int signo)
{
	(void)pgid;
	(void)signo;
}

int64_t io_put(struct io *io, const void *from, uint64_t size)
{
	if (size > io->remaining)
		abort();
	memcpy((uint8_t *)(uintptr_t)io->vec->address + io->offset, from, size);
	io->offset += size;
	io->remaining -= size;
	return (int64_t)size;
}

static int64_t output(struct tty *tty, const void *bytes, uint64_t size)
{
	static uint8_t sink[TTY_OUTPUT_SIZE];

	(void)tty;
	if (size > sizeof(sink))
		abort();
	memcpy(sink, bytes, size);
	return fuzz.accepts == 255 ? -1 : (int64_t)(size < fuzz.accepts ? size : fuzz.accepts);
}

static uint8_t next(void)
{
	return fuzz.at < fuzz.end ? *fuzz.at++ : 0;
}

static void check(const struct tty *tty)
{
	uint32_t used = tty->tail - tty->head;

	if (used > TTY_INPUT_SIZE || tty->canon - tty->head > used || tty->out_count > TTY_OUTPUT_SIZE)
		abort();
	if (tty_input_room(tty) >= TTY_INPUT_SIZE || tty_input_count(tty) > used)
		abort();
}

static void do_type(struct tty *tty)
{
	uint64_t size = next() * (next() % 8 == 0 ? 32u : 1u), left = (uint64_t)(fuzz.end - fuzz.at);

	if (size > left)
		size = left;
	tty_input(tty, fuzz.at, size);
	fuzz.at += size;
}

static void do_take(struct tty *tty)
{
	uint64_t size = 1u + next() * 8u;
	uint8_t *buffer = malloc(size);
	struct io_vec vec = { (uintptr_t)buffer, size };
	struct io io = { .vec = &vec, .count = 1, .remaining = size };

	if (tty_readable(tty, 1) && tty_take(tty, &io, size) > (int64_t)size)
		abort();
	free(buffer);
}

static void do_mode(struct tty *tty)
{
	struct termios_state old = tty->termios;

	switch (next() % 5) {
	case 0: tty->termios.iflag ^= UINT32_C(1) << next() % 16; break;
	case 1: tty->termios.oflag ^= UINT32_C(1) << next() % 16; break;
	case 2: tty->termios.lflag ^= UINT32_C(1) << next() % 17; break;
	case 3: tty->termios.cc[next() % 19] = next(); break;
	default: tty_termios_default(&tty->termios);
	}
	tty_termios_changed(tty, &old);
}

static void do_write(struct tty *tty)
{
	for (uint32_t size = next(); size > 0; size--)
		(void)tty_out_char(tty, next());
	tty_out_flush(tty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tty *tty = &fuzz.tty;

	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.at = data;
	fuzz.end = data + size;
	tty_termios_default(&tty->termios);
	tty->output = output;
	tty->foreground_pgid = 1;
	tty->head = tty->canon = tty->tail = UINT32_MAX - 100u * next();
	while (fuzz.at < fuzz.end) {
		switch (next() % 8) {
		default: do_type(tty); break;
		case 3: do_take(tty); break;
		case 4: do_mode(tty); break;
		case 5: do_write(tty); break;
		case 6: fuzz.accepts = next(); break;
		case 7:
			if (next() % 4 == 0)
				tty_input_end(tty);
			else if (next() % 4 == 0)
				tty_input_discard(tty);
			else
				tty_start(tty);
			break;
		}
		check(tty);
	}
	return 0;
}

/*
 * The output side of a terminal: post-processing, echo, stop and start.
 *
 * Program output and echo go through one buffer, tty->out, so that they stay in
 * order and reach the line in few pieces.
 */
#include <libos/lib/string.h>
#include <libos/sched/sched.h>
#include <libos/tty/ldisc.h>

#define TAB_WIDTH 8u

static bool has_room(struct tty *tty, uint32_t count)
{
	if (TTY_OUTPUT_SIZE - tty->out_count < count)
		tty_out_flush(tty);
	return TTY_OUTPUT_SIZE - tty->out_count >= count;
}

static bool put(struct tty *tty, const char *bytes, uint32_t count)
{
	if (!has_room(tty, count))
		return false;
	memcpy(tty->out + tty->out_count, bytes, count);
	tty->out_count += count;
	return true;
}

static bool put_newline(struct tty *tty)
{
	uint32_t flags = tty->termios.oflag;
	bool both = (flags & ONLCR) != 0;

	if (!put(tty, both ? "\r\n" : "\n", both ? 2 : 1))
		return false;
	if (flags & (ONLCR | ONLRET))
		tty->column = 0;
	tty->canon_column = tty->column;
	return true;
}

static bool put_return(struct tty *tty)
{
	uint32_t flags = tty->termios.oflag;

	if ((flags & ONOCR) && tty->column == 0)
		return true;
	if (flags & OCRNL) {
		if (!put(tty, "\n", 1))
			return false;
		if (!(flags & ONLRET))
			return true;
	} else if (!put(tty, "\r", 1)) {
		return false;
	}
	tty->column = tty->canon_column = 0;
	return true;
}

static bool put_tab(struct tty *tty)
{
	uint32_t spaces = TAB_WIDTH - tty->column % TAB_WIDTH;
	bool expand = (tty->termios.oflag & TABDLY) == XTABS;

	if (!(expand ? put(tty, "        ", spaces) : put(tty, "\t", 1)))
		return false;
	tty->column += spaces;
	return true;
}

static bool put_plain(struct tty *tty, uint8_t c)
{
	char byte = (char)c;

	if ((tty->termios.oflag & OLCUC) && c >= 'a' && c <= 'z')
		byte = (char)(c - 'a' + 'A');
	if (!put(tty, &byte, 1))
		return false;
	if (c == '\b')
		tty->column -= tty->column > 0;
	else if (!tty_is_control(c) && !tty_is_continuation(tty, c))
		tty->column++;
	return true;
}

bool tty_out_char(struct tty *tty, uint8_t c)
{
	char byte = (char)c;

	if (!(tty->termios.oflag & OPOST))
		return put(tty, &byte, 1);
	switch (c) {
	case '\n': return put_newline(tty);
	case '\r': return put_return(tty);
	case '\t': return put_tab(tty);
	default: return put_plain(tty, c);
	}
}

uint32_t tty_out(struct tty *tty, const uint8_t *bytes, uint32_t size)
{
	uint32_t done = 0, room;

	if (tty->termios.oflag & OPOST) {
		while (done < size && tty_out_char(tty, bytes[done]))
			done++;
		return done;
	}
	if (!has_room(tty, size) && tty->out_count == TTY_OUTPUT_SIZE)
		return 0;
	room = TTY_OUTPUT_SIZE - tty->out_count;
	done = size < room ? size : room;
	memcpy(tty->out + tty->out_count, bytes, done);
	tty->out_count += done;
	return done;
}

void tty_echo_raw(struct tty *tty, uint8_t c)
{
	(void)tty_out_char(tty, c); /* nobody waits for echo */
}

void tty_echo(struct tty *tty, uint8_t c)
{
	char shown[2] = { '^', (char)(c ^ 0x40) };

	if (!tty_local(tty, ECHOCTL) || !tty_is_control(c) || c == '\t')
		tty_echo_raw(tty, c);
	else if (put(tty, shown, 2))
		tty->column += 2;
}

void tty_out_flush(struct tty *tty)
{
	uint32_t done = 0;

	while (done < tty->out_count && !tty->stopped) {
		int64_t n = tty->output(tty, tty->out + done, tty->out_count - done);
		if (n < 0)
			done = tty->out_count; /* the line is broken: what was for it is lost */
		if (n <= 0)
			break;
		done += (uint32_t)n;
	}
	if (done == 0)
		return;
	memmove(tty->out, tty->out + done, tty->out_count - done);
	tty->out_count -= done;
	waitq_wake_events(&tty->writers, POLLOUT | POLLWRNORM);
}

void tty_out_discard(struct tty *tty)
{
	tty->out_count = 0;
	tty_tell(tty, TTY_OUTPUT_FLUSHED);
	waitq_wake_events(&tty->writers, POLLOUT | POLLWRNORM);
}

void tty_stop(struct tty *tty)
{
	if (tty->stopped)
		return;
	tty->stopped = true;
	tty_tell(tty, TTY_STOPPED);
}

void tty_start(struct tty *tty)
{
	if (!tty->stopped || tty->held)
		return;
	tty->stopped = false;
	tty_tell(tty, TTY_STARTED);
	tty_out_flush(tty);
	waitq_wake_events(&tty->writers, POLLOUT | POLLWRNORM);
}

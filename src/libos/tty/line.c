/*
 * The reading side of the line discipline: the ring of typed bytes, what of it a reader may have, and what becomes of
 * it when the mode changes.
 *
 * head, canon and tail count bytes since the terminal was made; the place in the ring is the count modulo its size.
 */
#include <libos/abi/errno.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/sched/sched.h>
#include <libos/tty/ldisc.h>

#define RING_MASK (TTY_INPUT_SIZE - 1u)
_Static_assert((TTY_INPUT_SIZE & RING_MASK) == 0, "a power of two");

#define CTRL(letter) ((uint8_t)((letter) & 0x1f))

static bool mark_test(const uint32_t *marks, uint32_t at)
{
	at &= RING_MASK;
	return (marks[at / 32] >> (at % 32)) & 1;
}

static void mark_set(uint32_t *marks, uint32_t at, bool on)
{
	uint32_t *word = &marks[(at & RING_MASK) / 32], bit = UINT32_C(1) << (at % 32);

	*word = on ? *word | bit : *word & ~bit;
}

static void marks_clear(struct tty *tty)
{
	memset(tty->eol_marks, 0, sizeof(tty->eol_marks));
	memset(tty->eof_marks, 0, sizeof(tty->eof_marks));
}

static bool push(struct tty *tty, uint8_t c, uint32_t limit)
{
	if (tty->tail - tty->head >= limit)
		return false;
	tty->input[tty->tail & RING_MASK] = c;
	mark_set(tty->eol_marks, tty->tail, false);
	mark_set(tty->eof_marks, tty->tail, false);
	tty->tail++;
	return true;
}

bool tty_push(struct tty *tty, uint8_t c)
{
	return push(tty, c, TTY_INPUT_SIZE - 1);
}

/* Outside of canonical mode there are no marks: the change to it has cleared them. */
void tty_push_all(struct tty *tty, const uint8_t *bytes, uint64_t size)
{
	uint32_t used = tty->tail - tty->head, room = used < TTY_INPUT_SIZE - 1 ? TTY_INPUT_SIZE - 1 - used : 0;
	uint32_t n = size < room ? (uint32_t)size : room, at = tty->tail & RING_MASK;
	uint32_t first = n < TTY_INPUT_SIZE - at ? n : TTY_INPUT_SIZE - at;

	memcpy(tty->input + at, bytes, first);
	memcpy(tty->input, bytes + first, n - first);
	tty->tail += n;
}

bool tty_push_end(struct tty *tty, uint8_t c, bool is_eof)
{
	uint32_t at = tty->tail;

	if (!push(tty, c, TTY_INPUT_SIZE))
		return false;
	mark_set(is_eof ? tty->eof_marks : tty->eol_marks, at, true);
	tty->canon = tty->tail;
	return true;
}

uint32_t tty_input_room(const struct tty *tty)
{
	uint32_t used = tty->tail - tty->head, room = TTY_INPUT_SIZE - used;

	if (tty_in(tty, PARMRK))
		room = (room + 2) / 3; /* a byte may become three */
	if (room > 1)
		return room - 1;
	/* A line that grew too long must still be ended by someone: bytes come one by one and are dropped. */
	return tty_is_canonical(tty) && tty->canon == tty->head;
}

bool tty_readable(const struct tty *tty, uint32_t minimum)
{
	if (tty_is_canonical(tty))
		return tty->canon != tty->head;
	return tty->tail - tty->head >= minimum;
}

uint32_t tty_input_count(const struct tty *tty)
{
	uint32_t count = 0;

	if (!tty_is_canonical(tty))
		return tty->tail - tty->head;
	for (uint32_t at = tty->head; at != tty->canon; at++)
		count += !mark_test(tty->eof_marks, at);
	return count;
}

/* The length of what one read gets of the next line; *skip: an EOF mark behind it goes too. */
static uint32_t line_length(const struct tty *tty, uint64_t size, uint32_t *skip)
{
	uint32_t n = 0, ready = tty->canon - tty->head;

	*skip = 0;
	while (n < ready) {
		/* Looked at even when the reader's buffer is full, or "abc^D" would make a read of 3 and then an EOF. */
		if (mark_test(tty->eof_marks, tty->head + n)) {
			*skip = 1;
			break;
		}
		if (n == size)
			break;
		if (mark_test(tty->eol_marks, tty->head + n++))
			break;
	}
	return n;
}

int64_t tty_take(struct tty *tty, struct io *io, uint64_t size)
{
	uint32_t skip = 0, done = 0, n = tty->tail - tty->head;
	bool bad = false;

	if (tty_is_canonical(tty))
		n = line_length(tty, size, &skip);
	else if (n > size)
		n = (uint32_t)size;
	while (done < n && !bad) {
		uint32_t at = (tty->head + done) & RING_MASK, run = TTY_INPUT_SIZE - at;
		int64_t moved;

		if (run > n - done)
			run = n - done;
		moved = io_put(io, tty->input + at, run);
		bad = moved != (int64_t)run;
		done += moved > 0 ? (uint32_t)moved : 0;
	}
	/* As on Linux, bytes for a bad address are gone. */
	tty->head += n + skip;
	if (!tty_is_canonical(tty))
		tty->canon = tty->head;
	return bad && done == 0 ? -EFAULT : (int64_t)done;
}

void tty_input_discard(struct tty *tty)
{
	tty->head = tty->canon = tty->tail;
	tty->literal_next = tty->erasing = false;
	marks_clear(tty);
	tty_tell(tty, TTY_INPUT_FLUSHED);
}

void tty_termios_changed(struct tty *tty, const struct termios_state *old)
{
	if ((old->lflag ^ tty->termios.lflag) & (ICANON | EXTPROC)) {
		/* What was typed stays, without its lines; in canonical mode it becomes one. */
		marks_clear(tty);
		tty->canon = tty->head;
		if (tty_local(tty, ICANON) && tty->head != tty->tail) {
			mark_set(tty->eol_marks, tty->tail - 1, true);
			tty->canon = tty->tail;
		}
		tty->literal_next = tty->erasing = false;
	}
	if ((old->iflag & IXON) && !tty_in(tty, IXON))
		tty_start(tty); /* no key could start it again */
	tty_tell(tty, TTY_MODES);
	waitq_wake_all(&tty->readers);
	waitq_wake_all(&tty->writers);
}

void tty_input_end(struct tty *tty)
{
	if (tty_is_canonical(tty) && tty->tail != tty->canon)
		(void)tty_push_end(tty, 0, true); /* its slot is always free: lines leave one */
	waitq_wake_all(&tty->readers);
}

/* Linux's tty_std_termios and INIT_C_CC, with IUTF8 as its console has it. */
void tty_termios_default(struct termios_state *termios)
{
	memset(termios, 0, sizeof(*termios));
	termios->iflag = ICRNL | IXON | IUTF8;
	termios->oflag = OPOST | ONLCR;
	termios->cflag = B38400 | CS8 | CREAD | HUPCL;
	termios->lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	termios->cc[VINTR] = CTRL('C');
	termios->cc[VQUIT] = CTRL('\\');
	termios->cc[VERASE] = 0x7f;
	termios->cc[VKILL] = CTRL('U');
	termios->cc[VEOF] = CTRL('D');
	termios->cc[VMIN] = 1;
	termios->cc[VSTART] = CTRL('Q');
	termios->cc[VSTOP] = CTRL('S');
	termios->cc[VSUSP] = CTRL('Z');
	termios->cc[VREPRINT] = CTRL('R');
	termios->cc[VDISCARD] = CTRL('O');
	termios->cc[VWERASE] = CTRL('W');
	termios->cc[VLNEXT] = CTRL('V');
	termios->ispeed = termios->ospeed = 38400;
}

/*
 * The line discipline: what becomes of each byte that is typed (POSIX 11.1; details as Linux's N_TTY has them).
 */
#include <libos/lib/string.h>
#include <libos/proc/signal.h>
#include <libos/sched/sched.h>
#include <libos/tty/ldisc.h>

#define TAB_WIDTH 8u

/* Is c the control character `index`? One that is 0 (_POSIX_VDISABLE) is off. */
static bool is_cc(const struct tty *tty, int index, uint8_t c)
{
	return c != 0 && tty->termios.cc[index] == c;
}

/* The same for the characters that POSIX leaves to IEXTEN. */
static bool is_cc_extended(const struct tty *tty, int index, uint8_t c)
{
	return tty_local(tty, IEXTEN) && is_cc(tty, index, c);
}

static uint8_t typed(const struct tty *tty, uint32_t at)
{
	return tty->input[at % TTY_INPUT_SIZE];
}

/* ---- erasing ---- */

/* ECHOPRT shows what is erased between \ and /, for printing terminals. */
static void finish_erasing(struct tty *tty)
{
	if (!tty->erasing)
		return;
	tty_echo_raw(tty, '/');
	tty->erasing = false;
}

static void echo_rubout(struct tty *tty)
{
	tty_echo_raw(tty, '\b');
	tty_echo_raw(tty, ' ');
	tty_echo_raw(tty, '\b');
}

/* A tab's width depends on what stands before it, back to the last tab or to the start of the line. */
static void echo_erase_tab(struct tty *tty)
{
	uint32_t columns = 0, back;
	bool after_tab = false;

	for (uint32_t at = tty->tail; at != tty->canon && !after_tab; ) {
		uint8_t c = typed(tty, --at);

		if (c == '\t')
			after_tab = true;
		else if (tty_is_control(c))
			columns += tty_local(tty, ECHOCTL) ? 2 : 0;
		else if (!tty_is_continuation(tty, c))
			columns++;
	}
	if (!after_tab)
		columns += tty->canon_column;
	back = TAB_WIDTH - columns % TAB_WIDTH;
	while (back--)
		tty_echo_raw(tty, '\b');
}

/* Shows that the character at tty->tail (already taken away, `size` bytes) is gone. */
static void echo_erased(struct tty *tty, uint8_t c, uint32_t size, bool one)
{
	if (tty_local(tty, ECHOPRT)) {
		if (!tty->erasing)
			tty_echo_raw(tty, '\\');
		tty->erasing = true;
		tty_echo(tty, c);
		for (uint32_t i = 1; i < size; i++)
			tty_echo_raw(tty, typed(tty, tty->tail + i));
	} else if (one && !tty_local(tty, ECHOE)) {
		tty_echo(tty, tty->termios.cc[VERASE]);
	} else if (c == '\t') {
		echo_erase_tab(tty);
	} else {
		if (tty_is_control(c) && tty_local(tty, ECHOCTL))
			echo_rubout(tty);
		if (!tty_is_control(c) || tty_local(tty, ECHOCTL))
			echo_rubout(tty);
	}
}

/* The start of the last character of the unfinished line; tail when only loose continuation bytes are left. */
static uint32_t last_character(const struct tty *tty)
{
	uint32_t at = tty->tail;

	do
		at--;
	while (tty_is_continuation(tty, typed(tty, at)) && at != tty->canon);
	return tty_is_continuation(tty, typed(tty, at)) ? tty->tail : at;
}

static bool is_word(uint8_t c)
{
	/* From 0xc0 on: the first byte of a UTF-8 character, or a Latin-1 letter. */
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c >= 0xc0;
}

static void erase_characters(struct tty *tty, int index)
{
	bool word = false;

	while (tty->tail != tty->canon) {
		uint32_t at = last_character(tty), size = tty->tail - at;
		uint8_t c = typed(tty, at);

		if (size == 0)
			break;
		if (index == VWERASE) {
			if (word && !is_word(c))
				break;
			word = word || is_word(c);
		}
		tty->tail = at;
		if (tty_local(tty, ECHO))
			echo_erased(tty, c, size, index == VERASE);
		if (index == VERASE)
			break;
	}
	if (tty->tail == tty->canon && tty_local(tty, ECHO))
		finish_erasing(tty);
}

static void kill_line(struct tty *tty)
{
	const uint32_t visible = ECHOK | ECHOKE | ECHOE;

	if (tty_local(tty, ECHO) && (tty->termios.lflag & visible) == visible) {
		erase_characters(tty, VKILL);
		return;
	}
	tty->tail = tty->canon;
	if (!tty_local(tty, ECHO))
		return;
	finish_erasing(tty);
	tty_echo(tty, tty->termios.cc[VKILL]);
	if (tty_local(tty, ECHOK))
		tty_echo_raw(tty, '\n');
}

/* ---- input ---- */

/* The first byte of a line is where tabs of the line count from. */
static void mark_column(struct tty *tty)
{
	if (tty->tail == tty->canon)
		tty->canon_column = tty->column;
}

static void push_marked(struct tty *tty, uint8_t c)
{
	/* PARMRK doubles 0377, which else starts a mark (termios(3)). */
	if (c == 0xff && tty_in(tty, PARMRK))
		(void)tty_push(tty, c);
	(void)tty_push(tty, c); /* the rest of a line too long is dropped */
}

static void receive_plain(struct tty *tty, uint8_t c, bool literal)
{
	if (tty_local(tty, ECHO)) {
		finish_erasing(tty);
		mark_column(tty);
		if (c == '\n' && !literal)
			tty_echo_raw(tty, c);
		else
			tty_echo(tty, c);
	}
	push_marked(tty, c);
}

static void send_signal(struct tty *tty, int signo, uint8_t c)
{
	if (!tty_local(tty, NOFLSH)) {
		tty_out_discard(tty);
		tty_input_discard(tty);
	}
	if (tty_in(tty, IXON))
		tty_start(tty);
	if (tty_local(tty, ECHO))
		tty_echo(tty, c);
	if (tty->foreground_pgid > 0)
		signal_send_group(tty->foreground_pgid, signo);
}

static bool receive_signal(struct tty *tty, uint8_t c)
{
	int signo = 0;

	if (!tty_local(tty, ISIG))
		return false;
	if (is_cc(tty, VINTR, c))
		signo = SIGINT;
	else if (is_cc(tty, VQUIT, c))
		signo = SIGQUIT;
	else if (is_cc(tty, VSUSP, c))
		signo = SIGTSTP;
	if (signo != 0)
		send_signal(tty, signo, c);
	return signo != 0;
}

static bool receive_flow(struct tty *tty, uint8_t c)
{
	if (!tty_in(tty, IXON))
		return false;
	if (is_cc(tty, VSTART, c))
		tty_start(tty);
	else if (is_cc(tty, VSTOP, c))
		tty_stop(tty);
	else
		return false;
	return true;
}

/* Shows the unfinished line again on a new one. */
static void reprint(struct tty *tty, uint8_t c)
{
	finish_erasing(tty);
	tty_echo(tty, c);
	tty_echo_raw(tty, '\n');
	for (uint32_t at = tty->canon; at != tty->tail; at++)
		tty_echo(tty, typed(tty, at));
}

static void literal_next(struct tty *tty)
{
	tty->literal_next = true;
	if (!tty_local(tty, ECHO))
		return;
	finish_erasing(tty);
	if (tty_local(tty, ECHOCTL)) {
		tty_echo_raw(tty, '^');
		tty_echo_raw(tty, '\b');
	}
}

/* Erase, kill, word erase, literal next, reprint. */
static bool receive_edit(struct tty *tty, uint8_t c)
{
	bool any = tty->tail != tty->canon;

	if (is_cc(tty, VERASE, c)) {
		if (any)
			erase_characters(tty, VERASE);
	} else if (is_cc(tty, VKILL, c)) {
		if (any)
			kill_line(tty);
	} else if (is_cc_extended(tty, VWERASE, c)) {
		if (any)
			erase_characters(tty, VWERASE);
	} else if (is_cc_extended(tty, VLNEXT, c)) {
		literal_next(tty);
	} else if (tty_local(tty, ECHO) && is_cc_extended(tty, VREPRINT, c)) {
		reprint(tty, c);
	} else {
		return false;
	}
	return true;
}

/* Characters that end a line. */
static bool receive_end(struct tty *tty, uint8_t c)
{
	bool eof = is_cc(tty, VEOF, c);

	if (c == '\n') {
		if (tty_local(tty, ECHO | ECHONL))
			tty_echo_raw(tty, c);
	} else if (is_cc(tty, VEOL, c) || is_cc_extended(tty, VEOL2, c)) {
		if (tty_local(tty, ECHO)) {
			mark_column(tty);
			tty_echo(tty, c);
		}
	} else if (!eof) {
		return false;
	}
	(void)tty_push_end(tty, eof ? 0 : c, eof);
	return true;
}

static uint8_t translate(const struct tty *tty, uint8_t c)
{
	if (tty_in(tty, ISTRIP))
		c &= 0x7f;
	if (tty_in(tty, IUCLC) && tty_local(tty, IEXTEN) && c >= 'A' && c <= 'Z')
		c = (uint8_t)(c - 'A' + 'a');
	return c;
}

static void receive(struct tty *tty, uint8_t c)
{
	bool literal = tty->literal_next;

	c = translate(tty, c);
	tty->literal_next = false;
	if (!literal && tty_local(tty, EXTPROC)) {
		(void)tty_push(tty, c);
		return;
	}
	if (!literal && (receive_flow(tty, c) || receive_signal(tty, c)))
		return;
	if (tty->stopped && tty_in(tty, IXON) && tty_in(tty, IXANY))
		tty_start(tty);
	if (!literal && c == '\r') {
		if (tty_in(tty, IGNCR))
			return;
		if (tty_in(tty, ICRNL))
			c = '\n';
	} else if (!literal && c == '\n' && tty_in(tty, INLCR)) {
		c = '\r';
	}
	if (!literal && tty_local(tty, ICANON) && (receive_edit(tty, c) || receive_end(tty, c)))
		return;
	receive_plain(tty, c, literal);
}

/* receive() would only put each byte behind the last. */
static bool is_transparent(const struct tty *tty)
{
	return tty->termios.iflag == 0 && !tty_local(tty, ICANON | ISIG | ECHO | IEXTEN | EXTPROC) && !tty->literal_next;
}

void tty_input(struct tty *tty, const uint8_t *bytes, uint64_t size)
{
	if (is_transparent(tty))
		tty_push_all(tty, bytes, size);
	else
		for (uint64_t i = 0; i < size; i++)
			receive(tty, bytes[i]);
	tty_out_flush(tty);
	if (tty_readable(tty, 1))
		waitq_wake_events(&tty->readers, POLLIN | POLLRDNORM);
}

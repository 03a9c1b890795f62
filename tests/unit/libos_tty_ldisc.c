/*
 * The line discipline byte by byte: what is typed, and what echo, readers and signals come of it. Everything around it
 * (queues, signals, program memory) is replaced here. Expected values were read off Linux's N_TTY.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#undef RENAME_NOREPLACE /* the host spells the same values otherwise */
#undef RENAME_EXCHANGE
#undef WNOWAIT

#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/proc/signal.h>
#include <libos/sched/sched.h>
#include <libos/tty/ldisc.h>

static char shown[16384], signals[256];
static size_t shown_size;
static bool line_busy;

void waitq_wake_all(struct waitq *q) { (void)q; }
void waitq_wake_events(struct waitq *q, uint32_t events) { (void)q; (void)events; }

void signal_send_group(int32_t pgid, int signo)
{
	size_t n = strlen(signals);

	cr_assert_eq(pgid, 7);
	snprintf(signals + n, sizeof(signals) - n, "%d ", signo);
}

int64_t io_put(struct io *io, const void *from, uint64_t size)
{
	memcpy((char *)(uintptr_t)io->vec->address + io->offset, from, size);
	io->offset += size;
	io->remaining -= size;
	return (int64_t)size;
}

static int64_t output(struct tty *tty, const void *bytes, uint64_t size)
{
	(void)tty;
	if (line_busy)
		return 0;
	cr_assert_lt(shown_size + size, sizeof(shown));
	memcpy(shown + shown_size, bytes, size);
	shown_size += size;
	shown[shown_size] = 0;
	return (int64_t)size;
}

static struct tty *fresh(void)
{
	static struct tty tty;

	memset(&tty, 0, sizeof(tty));
	tty_termios_default(&tty.termios);
	tty.output = output;
	tty.foreground_pgid = 7;
	shown_size = 0;
	shown[0] = signals[0] = 0;
	line_busy = false;
	return &tty;
}

static void type(struct tty *tty, const char *bytes)
{
	tty_input(tty, (const uint8_t *)bytes, strlen(bytes));
}

static int64_t take(struct tty *tty, char *to, size_t size)
{
	struct io_vec vec = { (uintptr_t)to, size };
	struct io io = { .vec = &vec, .count = 1, .remaining = size };

	return tty_take(tty, &io, size);
}

/* All that can be read, 8 bytes at a time: "[line]" for each read, "[]" for an EOF. */
static const char *reads(struct tty *tty)
{
	static char text[16384];
	size_t n = 0;

	while (tty_readable(tty, 1)) {
		text[n++] = '[';
		n += (size_t)take(tty, text + n, 8);
		text[n++] = ']';
	}
	text[n] = 0;
	return text;
}

struct ldisc_case {
	const char *name, *typed, *echo, *reads, *signals;
	uint32_t iflag, oflag, lflag; /* flipped against the default */
};

#define BS "\b \b"
static const struct ldisc_case cases[] = {
	{ "a line", "hi\r", "hi\r\n", "[hi\n]", "", 0, 0, 0 },
	{ "an unfinished line is nobody's", "hi", "hi", "", "", 0, 0, 0 },
	{ "two lines, two reads", "a\nb\n", "a\r\nb\r\n", "[a\n][b\n]", "", 0, 0, 0 },
	{ "a line longer than the reads", "0123456789\n", "0123456789\r\n", "[01234567][89\n]", "", 0, 0, 0 },
	{ "EOF at the start", "\x04", "", "[]", "", 0, 0, 0 },
	{ "EOF ends a line without being read", "abc\x04", "abc", "[abc]", "", 0, 0, 0 },
	{ "EOF behind a full read is not one more", "12345678\x04", "12345678", "[12345678]", "", 0, 0, 0 },
	{ "EOF twice", "ab\x04\x04", "ab", "[ab][]", "", 0, 0, 0 },
	{ "EOF, then a line", "\x04" "x\n", "x\r\n", "[][x\n]", "", 0, 0, 0 },
	{ "erase", "ab\x7f" "c\n", "ab" BS "c\r\n", "[ac\n]", "", 0, 0, 0 },
	{ "erase in an empty line", "\x7f\x7f" "a\n", "a\r\n", "[a\n]", "", 0, 0, 0 },
	{ "erase does not reach the line before", "a\n\x7f" "b\n", "a\r\nb\r\n", "[a\n][b\n]", "", 0, 0, 0 },
	{ "erase of a UTF-8 character", "\xc3\xa9\x7f" "e\n", "\xc3\xa9" BS "e\r\n", "[e\n]", "", 0, 0, 0 },
	{ "erase of one byte without IUTF8", "\xc3\xa9\x7f\n", "\xc3\xa9" BS "\r\n", "[\xc3\n]", "", IUTF8, 0, 0 },
	{ "erase of a control character", "\x01\x7f" "a\n", "^A" BS BS "a\r\n", "[a\n]", "", 0, 0, 0 },
	{ "erase of a tab", "ab\t\x7f\n", "ab\t\b\b\b\b\b\b\r\n", "[ab\n]", "", 0, 0, 0 },
	{ "erase of a tab behind a tab", "a\tb\t\x7f\n", "a\tb\t\b\b\b\b\b\b\b\r\n", "[a\tb\n]", "", 0, 0, 0 },
	{ "erase without ECHOE shows the key", "ab\x7f\n", "ab^?\r\n", "[a\n]", "", 0, 0, ECHOE },
	{ "erase with ECHOPRT", "ab\x7f\x7f" "c\n", "ab\\ba/c\r\n", "[c\n]", "", 0, 0, ECHOPRT },
	{ "word erase", "one two\x17\n", "one two" BS BS BS "\r\n", "[one \n]", "", 0, 0, 0 },
	{ "word erase with blanks behind", "a bc  \x17\n", "a bc  " BS BS BS BS "\r\n", "[a \n]", "", 0, 0, 0 },
	{ "kill", "abc\x15" "d\n", "abc" BS BS BS "d\r\n", "[d\n]", "", 0, 0, 0 },
	{ "kill without ECHOKE starts a new line", "abc\x15" "d\n", "abc^U\r\nd\r\n", "[d\n]", "", 0, 0, ECHOKE },
	{ "kill without ECHOK", "abc\x15" "d\n", "abc^Ud\r\n", "[d\n]", "", 0, 0, ECHOK | ECHOKE },
	{ "reprint", "ab\x12\n", "ab^R\r\nab\r\n", "[ab\n]", "", 0, 0, 0 },
	{ "literal next", "\x16\x03\n", "^\b^C\r\n", "[\x03\n]", "", 0, 0, 0 },
	{ "literal newline does not end the line", "a\x16\n" "b\n", "a^\b^Jb\r\n", "[a\nb\n]", "", 0, 0, 0 },
	{ "literal return is not translated", "\x16\r\n", "^\b^M\r\n", "[\r\n]", "", 0, 0, 0 },
	{ "no literal next without IEXTEN", "\x16" "a\n", "^Va\r\n", "[\x16" "a\n]", "", 0, 0, IEXTEN },
	{ "interrupt throws the line away", "ab\x03" "c\n", "^Cc\r\n", "[c\n]", "2 ", 0, 0, 0 },
	{ "quit", "\x1c", "^\\", "", "3 ", 0, 0, 0 },
	{ "suspend", "x\x1a" "y\n", "^Zy\r\n", "[y\n]", "20 ", 0, 0, 0 },
	{ "interrupt with NOFLSH", "ab\x03" "c\n", "ab^Cc\r\n", "[abc\n]", "2 ", 0, 0, NOFLSH },
	{ "interrupt without ECHO", "\x03", "", "", "2 ", 0, 0, ECHO },
	{ "interrupt without ISIG is a byte", "\x03\n", "^C\r\n", "[\x03\n]", "", 0, 0, ISIG },
	{ "no echo", "abc\n", "", "[abc\n]", "", 0, 0, ECHO },
	{ "ECHONL alone", "abc\n", "\r\n", "[abc\n]", "", 0, 0, ECHO | ECHONL },
	{ "no ECHOCTL", "\x01\n", "\x01\r\n", "[\x01\n]", "", 0, 0, ECHOCTL },
	{ "IGNCR", "a\rb\n", "ab\r\n", "[ab\n]", "", IGNCR, 0, 0 },
	{ "no ICRNL", "a\rb\n", "a^Mb\r\n", "[a\rb\n]", "", ICRNL, 0, 0 },
	{ "INLCR", "a\nb\x04", "a^Mb", "[a\rb]", "", 0, 0, 0 },
	{ "ISTRIP", "\xe1\n", "a\r\n", "[a\n]", "", ISTRIP, 0, 0 },
	{ "IUCLC", "AbC\n", "abc\r\n", "[abc\n]", "", IUCLC, 0, 0 },
	{ "PARMRK doubles 0377", "\xff\n", "\xff\r\n", "[\xff\xff\n]", "", PARMRK, 0, 0 },
	{ "stop holds the echo", "a\x13" "b\n", "", "[ab\n]", "", 0, 0, 0 },
	{ "start lets it go", "a\x13" "b\x11" "c\n", "abc\r\n", "[abc\n]", "", 0, 0, 0 },
	{ "IXANY starts with any key", "\x13" "a\n", "a\r\n", "[a\n]", "", IXANY, 0, 0 },
	{ "interrupt starts, too", "\x13" "a\x03" "b\n", "^Cb\r\n", "[b\n]", "2 ", 0, 0, 0 },
	{ "no IXON", "\x13\n", "^S\r\n", "[\x13\n]", "", IXON, 0, 0 },
	{ "no OPOST", "a\n", "a\n", "[a\n]", "", 0, OPOST, 0 },
	{ "no ONLCR", "a\n", "a\n", "[a\n]", "", 0, ONLCR, 0 },
	{ "OLCUC", "ab\n", "AB\r\n", "[ab\n]", "", 0, OLCUC, 0 },
	{ "tabs as blanks", "ab\tc\n", "ab      c\r\n", "[ab\tc\n]", "", 0, XTABS, 0 },
	{ "raw", "ab\r\x03", "", "[ab\r\x03]", "", ICRNL | IXON, OPOST, ICANON | ECHO | ISIG },
	{ "raw with echo and signals", "a\x04\x03" "b", "^Cb", "[b]", "2 ", 0, 0, ICANON },
	{ "EXTPROC leaves editing to others", "a\x7f\x03", "", "[a\x7f\x03]", "", 0, 0, EXTPROC },
};

static void check(const struct ldisc_case *c)
{
	struct tty *tty = fresh();
	const char *got;

	tty->termios.iflag ^= c->iflag;
	tty->termios.oflag ^= c->oflag;
	tty->termios.lflag ^= c->lflag;
	if (strcmp(c->name, "INLCR") == 0) {
		tty->termios.iflag = INLCR;
		tty->termios.cc[VEOL] = 0;
	}
	type(tty, c->typed);
	got = reads(tty);
	cr_expect_str_eq(shown, c->echo, "%s: echo is \"%s\"", c->name, shown);
	cr_expect_str_eq(got, c->reads, "%s: reads are \"%s\"", c->name, got);
	cr_expect_str_eq(signals, c->signals, "%s: signals are %s", c->name, signals);
}

Test(libos_tty_ldisc, table)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i]);
}

/* As it is, in pieces around the ring's end, and no more than there is room for: the same with a flag that changes nothing here. */
Test(libos_tty_ldisc, bytes_as_they_are)
{
	static const uint16_t pieces[][2] = { { 3000, 2500 }, { 3000, 3000 }, { 5000, 100 }, { 4095, 9000 }, { 33, 1 }, { 4062, 4094 }, { 1, 9 } };
	static uint8_t bytes[5000], got[2][9000];
	static struct tty ttys[2];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (unsigned t = 0; t < 2; t++) {
		ttys[t] = *fresh();
		ttys[t].termios.lflag = 0;
		ttys[t].termios.iflag = t ? IUTF8 : 0;
	}
	for (unsigned round = 0; round < 30; round++) {
		const uint16_t *piece = pieces[round % (sizeof(pieces) / sizeof(pieces[0]))];
		int64_t n[2];

		for (unsigned t = 0; t < 2; t++) {
			tty_input(&ttys[t], bytes, piece[0]);
			cr_assert_lt(tty_input_count(&ttys[t]), TTY_INPUT_SIZE);
			n[t] = take(&ttys[t], (char *)got[t], piece[1]);
		}
		cr_assert(n[0] == n[1] && memcmp(got[0], got[1], (size_t)n[0]) == 0 && ttys[0].tail == ttys[1].tail);
	}
}

Test(libos_tty_ldisc, end_of_line_characters)
{
	struct tty *tty = fresh();

	tty->termios.cc[VEOL] = ';';
	tty->termios.cc[VEOL2] = '!';
	type(tty, "a;b!c\n");
	cr_expect_str_eq(reads(tty), "[a;][b!][c\n]");
	cr_expect_str_eq(shown, "a;b!c\r\n");
}

Test(libos_tty_ldisc, disabled_character_is_a_byte)
{
	struct tty *tty = fresh();
	char line[8];

	tty->termios.cc[VINTR] = 0;
	tty_input(tty, (const uint8_t *)"\0\x03\n", 3);
	cr_expect_eq(take(tty, line, 8), 3);
	cr_expect_eq(memcmp(line, "\0\x03\n", 3), 0);
	cr_expect_str_eq(signals, "");
}

Test(libos_tty_ldisc, a_long_line_is_cut)
{
	struct tty *tty = fresh();
	size_t size = 0;

	tty->termios.lflag &= ~(uint32_t)ECHO;
	for (int i = 0; i < 5000; i++)
		type(tty, "x");
	cr_expect_not(tty_readable(tty, 1));
	cr_expect_eq(tty_input_room(tty), 1, "the line must still be ended by someone");
	type(tty, "\n");
	cr_expect_eq(tty_input_count(tty), 4096);
	cr_expect_eq(tty_input_room(tty), 0);
	while (tty_readable(tty, 1)) {
		char part[100];
		int64_t n = take(tty, part, sizeof(part));

		size += (size_t)n;
		cr_expect_eq(part[n - 1], size == 4096 ? '\n' : 'x');
	}
	cr_expect_eq(size, 4096);
	cr_expect_eq(tty_input_room(tty), 4095);
}

Test(libos_tty_ldisc, the_ring_wraps)
{
	struct tty *tty = fresh();
	char line[64], want[64];

	tty->termios.lflag &= ~(uint32_t)ECHO;
	tty->head = tty->canon = tty->tail = UINT32_MAX - 20000;
	for (int i = 0; i < 4000; i++) {
		int n = snprintf(want, sizeof(want), "line %d\n", i);

		type(tty, want);
		cr_assert_eq(take(tty, line, sizeof(line)), n);
		cr_assert_eq(memcmp(line, want, (size_t)n), 0);
		cr_assert_not(tty_readable(tty, 1));
	}
}

Test(libos_tty_ldisc, mode_changes_keep_what_was_typed)
{
	struct tty *tty = fresh();
	struct termios_state old = tty->termios;

	type(tty, "done\nhalf");
	tty->termios.lflag &= ~(uint32_t)ICANON;
	tty_termios_changed(tty, &old);
	cr_expect_eq(tty_input_count(tty), 9);
	cr_expect_str_eq(reads(tty), "[done\nhal][f]");
	type(tty, "raw");
	old = tty->termios;
	tty->termios.lflag |= ICANON;
	tty_termios_changed(tty, &old);
	cr_expect_str_eq(reads(tty), "[raw]", "bytes typed in raw mode become a line");
	type(tty, "x\x7fy\n");
	cr_expect_str_eq(reads(tty), "[y\n]");
}

Test(libos_tty_ldisc, count_for_FIONREAD_leaves_EOF_out)
{
	struct tty *tty = fresh();

	type(tty, "ab\x04" "c\nrest");
	cr_expect_eq(tty_input_count(tty), 4);
}

Test(libos_tty_ldisc, end_of_input_frees_the_last_line)
{
	struct tty *tty = fresh();

	type(tty, "no newline");
	tty_input_end(tty);
	cr_expect_str_eq(reads(tty), "[no newli][ne]");
}

Test(libos_tty_ldisc, echo_waits_for_a_busy_line)
{
	struct tty *tty = fresh();

	line_busy = true;
	type(tty, "abc");
	cr_expect_str_eq(shown, "");
	for (int i = 0; i < 5000; i++)
		type(tty, "x"); /* more than there is room for: lost, but nothing breaks */
	line_busy = false;
	tty_out_flush(tty);
	cr_expect_eq(shown_size, TTY_OUTPUT_SIZE);
	cr_expect_eq(memcmp(shown, "abcx", 4), 0);
}

Test(libos_tty_ldisc, output_columns)
{
	static const struct { uint32_t flags; const char *in, *out; } rows[] = {
		{ OPOST | ONLCR, "a\nb", "a\r\nb" },
		{ OPOST, "a\nb", "a\nb" },
		{ OPOST | OCRNL, "a\rb", "a\nb" },
		{ OPOST | ONOCR, "\ra\rb", "a\rb" },
		{ OPOST | ONOCR | ONLRET, "a\n\rb", "a\nb" },
		{ OPOST | XTABS, "\t|a\t|\b\b\t|", "        |a      |\b\b |" },
		{ OPOST | XTABS, "\xc3\xa9\t|", "\xc3\xa9       |" },
		{ 0, "a\n\t\r", "a\n\t\r" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tty *tty = fresh();

		tty->termios.oflag = rows[i].flags;
		for (const char *c = rows[i].in; *c; c++)
			cr_expect(tty_out_char(tty, (uint8_t)*c));
		tty_out_flush(tty);
		cr_expect_str_eq(shown, rows[i].out, "row %zu: %s", i, shown);
	}
}

/*
 * The console driver: the line discipline's bytes come from and go to the kernel's console.
 *
 * When nobody sits there (the simulator's standard input is a file or a pipe) the console is a plain stream: no echo, no
 * editing, no terminal for isatty(), and the end of the stream is the end of the file, as for `sh < script`.
 */
#include <exo/calls.h>

#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>

#define READ_PIECE 4096u
#define CONSOLE_RDEV ((UINT64_C(5) << 8) | 1)
#define DEFAULT_ROWS 24
#define DEFAULT_COLUMNS 80

static int64_t console_output(struct tty *tty, const void *bytes, uint64_t size)
{
	uint64_t written;

	(void)tty;
	if (exo_console_write(libos.boot->console, bytes, size, &written) != EXO_OK)
		return -1;
	return (int64_t)written;
}

/* Takes what has arrived, but no more than there is room for: the rest waits in the machine. */
static void console_pump(struct tty *tty)
{
	static uint8_t piece[READ_PIECE]; /* too much for the stack; nobody waits in here */

	for (;;) {
		uint64_t room = tty_input_room(tty), n;

		if (room == 0)
			return;
		if (room > sizeof(piece))
			room = sizeof(piece);
		if (exo_console_read(libos.boot->console, piece, room, &n) != EXO_OK || n == 0)
			break;
		tty_input(tty, piece, n > room ? room : n);
	}
	if (tty->hungup && !tty->input_ended) {
		tty->input_ended = true;
		tty_input_end(tty);
	}
}

static void read_size(struct winsize *size, bool *person)
{
	struct exo_console_info info;

	memset(size, 0, sizeof(*size));
	if (exo_console_info(libos.boot->console, &info, NULL) != EXO_OK)
		memset(&info, 0, sizeof(info));
	*person = (info.flags & EXO_CONSOLE_TTY) != 0;
	size->rows = info.rows ? info.rows : DEFAULT_ROWS;
	size->columns = info.columns ? info.columns : DEFAULT_COLUMNS;
}

/* As if the key had been typed; programs that switched the key off get the usual byte. */
static void press(struct tty *tty, int index, uint8_t usual, int signo)
{
	uint8_t c = tty->termios.cc[index] ? tty->termios.cc[index] : usual;

	if (!tty->plain)
		tty_input(tty, &c, 1);
	else if (libos.procs.init)
		signal_send_group(libos.procs.init->pgid, signo);
}

void tty_console_init(void)
{
	struct tty *tty = &libos.console;
	bool person;

	tty_init(tty);
	tty->rdev = CONSOLE_RDEV;
	tty->output = console_output;
	tty->unthrottle = console_pump;
	read_size(&tty->winsize, &person);
	tty->plain = !person;
	if (tty->plain) {
		tty->termios.iflag = tty->termios.oflag = tty->termios.lflag = 0;
		tty->termios.cc[VMIN] = 1;
	}
}

/* Events that come meanwhile mean nothing any more. */
void tty_console_end(void)
{
	struct tty *tty = &libos.console;

	for (tty_out_flush(tty); tty->out_count > 0 && !tty->stopped; tty_out_flush(tty))
		if (exo_wait(libos.boot->cpu, UINT64_MAX, NULL) != EXO_OK)
			return;
}

void tty_console_events(uint64_t pending)
{
	struct tty *tty = &libos.console;

	if (pending & EXO_PEND_ROOM)
		tty_out_flush(tty);
	if (pending & EXO_PEND_HANGUP)
		tty->hungup = true; /* readers are told when all that came before is taken */
	if (pending & (EXO_PEND_CONSOLE | EXO_PEND_HANGUP))
		console_pump(tty);
	if (pending & EXO_PEND_RESIZE) {
		struct winsize size;
		bool person;

		read_size(&size, &person);
		if (person)
			tty_resize(tty, &size);
	}
	if (pending & EXO_PEND_INTR)
		press(tty, VINTR, 0x03, SIGINT);
	if (pending & EXO_PEND_SUSPEND)
		press(tty, VSUSP, 0x1a, SIGTSTP);
}

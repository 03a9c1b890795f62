/* The terminal: see term.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "exo.h"
#include "term.h"

#define SIZE_MOST 1000u

static struct termios before;
static volatile sig_atomic_t changed; /* the terminal's mode is ours */
static volatile sig_atomic_t redraw;
static sigset_t while_waiting;

/* Those that end a program, as far as they can be caught; and its own faults. */
static const int fatal[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF,
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP,
};

bool term_can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0 && strcmp(term, "unknown") != 0;
}

/* Colours off, the cursor shown, on the last line: far down is where the screen ends. For handlers, too. */
void term_end(void)
{
	static const char last[] = "\033[0m\033[?25h\033[999;1H\033[K";
	int error = errno;

	if (!changed)
		return;
	changed = 0;
	(void)!write(STDOUT_FILENO, last, sizeof(last) - 1);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	errno = error;
}

static void on_fatal(int sig)
{
	term_end();
	/* SA_RESETHAND has put the default back: it ends us as if we had not been asked. */
	raise(sig);
}

static void on_change(int sig)
{
	(void)sig;
	redraw = 1;
}

static void catch(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	sigaction(sig, &action, NULL);
}

static bool take(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* Before the mode changes, so that what comes in between gives it back. */
	changed = 1;
	redraw = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Continued after a stop that cannot be caught: whoever had the terminal meanwhile may have given it its own mode. */
static void on_continue(int sig)
{
	struct termios now;
	int error = errno;

	(void)sig;
	redraw = 1;
	if (changed && tcgetattr(STDIN_FILENO, &now) == 0 && (now.c_lflag & (ICANON | ECHO)))
		(void)take();
	errno = error;
}

static void on_stop(int sig)
{
	term_end();
	raise(sig); /* SA_RESETHAND: stops here */
	/* Somebody has continued us; another one may have changed the mode meanwhile. */
	catch(SIGTSTP, on_stop, SA_RESETHAND | SA_NODEFER);
	(void)take();
}

bool term_begin(void)
{
	sigset_t waking;

	if (!take())
		return false;
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		struct sigaction was;

		/* Who started us with it ignored (nohup) has a reason. */
		if (sigaction(fatal[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			catch(fatal[i], on_fatal, (int)(SA_RESETHAND | SA_NODEFER));
	}
	catch(SIGTSTP, on_stop, SA_RESETHAND | SA_NODEFER);
	catch(SIGWINCH, on_change, 0);
	catch(SIGCONT, on_continue, 0);
	atexit(term_end);
	/* These wake us only while we wait, so that none is missed. */
	sigemptyset(&waking);
	sigaddset(&waking, SIGWINCH);
	sigaddset(&waking, SIGCONT);
	sigaddset(&waking, SIGTSTP);
	sigprocmask(SIG_BLOCK, &waking, &while_waiting);
	return true;
}

void term_size(unsigned *rows, unsigned *columns)
{
	struct winsize size = { 0 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*rows = size.ws_row > SIZE_MOST ? SIZE_MOST : size.ws_row > 0 ? size.ws_row : 24;
	*columns = size.ws_col > SIZE_MOST ? SIZE_MOST : size.ws_col > 0 ? size.ws_col : EXO_COLUMNS;
}

uint64_t term_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* What was typed and not yet given out. */
static struct {
	unsigned char bytes[64];
	size_t count, at;
} typed;

static int sequence_key(unsigned char last, unsigned number)
{
	if (last == 'A')
		return KEY_UP;
	if (last == 'B')
		return KEY_DOWN;
	if (last == '~' && (number == 5 || number == 6))
		return number == 5 ? KEY_PAGE_UP : KEY_PAGE_DOWN;
	return KEY_OTHER;
}

/* Behind an escape: "[A" and its kin, as one key. */
static int sequence(void)
{
	unsigned number = 0;
	unsigned char c;

	if (typed.at == typed.count || (typed.bytes[typed.at] != '[' && typed.bytes[typed.at] != 'O'))
		return '\033';
	typed.at++;
	while (typed.at < typed.count) {
		c = typed.bytes[typed.at++];
		if (c >= '0' && c <= '9')
			number = number * 10 % 1000 + (c - '0');
		if (c >= 0x40 && c <= 0x7e)
			return sequence_key(c, number);
	}
	return KEY_OTHER;
}

static int next_typed(void)
{
	int c = typed.bytes[typed.at++];

	return c == '\033' ? sequence() : c;
}

int term_key(uint64_t until_ns)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now, left;
	struct timespec wait;
	ssize_t got;

	if (typed.at < typed.count)
		return next_typed();
	if (redraw) {
		redraw = 0;
		return KEY_NONE;
	}
	now = term_now();
	left = until_ns > now ? until_ns - now : 0;
	wait = (struct timespec){ (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };
	if (ppoll(&input, 1, &wait, &while_waiting) <= 0)
		return KEY_NONE;
	got = read(STDIN_FILENO, typed.bytes, sizeof(typed.bytes));
	if (got <= 0)
		return got < 0 && errno == EINTR ? KEY_NONE : KEY_END;
	typed.count = (size_t)got;
	typed.at = 0;
	return next_typed();
}

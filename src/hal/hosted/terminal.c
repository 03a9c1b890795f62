/*
 * The terminal's mode: raw while we are in the foreground, and as it was when we end, whatever ends us.
 *
 * Signals that can end this process have handlers (console.c). Against those that cannot have one, and the host's
 * shortness of memory, there is a keeper: a small process of its own process group with all signals blocked, which waits for
 * our end, and then puts the mode back if it is still the one that we made.
 * In the background the mode is somebody else's: then it is neither changed nor put back.
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* Shared with the keeper. */
static struct mode {
	struct termios before, raw;
	volatile bool ours; /* the terminal has `raw`, and `before` has to be put back */
} *mode;

/* Whoever stopped us may have changed the mode. */
static volatile sig_atomic_t continued;

bool host_terminal_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag &&
	       memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

/* group: ours; shell: of whoever started us, who takes the terminal when it sees that we are gone. */
EXO_NORETURN static void keep(int life, pid_t group, pid_t shell)
{
	struct termios now;
	pid_t front;
	char byte;

	setpgid(0, 0);
	if (life > 1)
		syscall(SYS_close_range, 1, life - 1, 0);
	syscall(SYS_close_range, life + 1, ~0U, 0);
	while (read(life, &byte, 1) < 0 && errno == EINTR)
		;
	front = tcgetpgrp(STDIN_FILENO); /* -1: our session has ended with us */
	if (mode->ours && (front < 0 || front == group || front == shell) &&
	    tcgetattr(STDIN_FILENO, &now) == 0 && same(&now, &mode->raw))
		tcsetattr(STDIN_FILENO, TCSANOW, &mode->before);
	_exit(0);
}

static void start_keeper(void)
{
	pid_t group = getpgrp(), shell = getpgid(getppid()), keeper;
	sigset_t all, before;
	int life[2];

	if (pipe2(life, O_CLOEXEC) != 0)
		return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	keeper = fork();
	if (keeper == 0)
		keep(life[0], group, shell);
	sigprocmask(SIG_SETMASK, &before, 0);
	close(life[0]);
	/* The other end stays open for as long as we live. */
	if (keeper < 0)
		close(life[1]);
}

bool host_terminal_start(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	mode = mmap(0, sizeof(*mode), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mode == MAP_FAILED) {
		mode = 0;
		return false;
	}
	host_confine_allow(SYS_ioctl, STDIN_FILENO);
	start_keeper();
	host_terminal_take();
	return true;
}

bool host_terminal_take(void)
{
	struct termios now;

	if (!host_terminal_foreground()) {
		mode->ours = false;
		return false;
	}
	if (mode->ours && !continued)
		return true;
	continued = 0;
	if (tcgetattr(STDIN_FILENO, &now) != 0)
		return false;
	/* Is it ours from the last time that we were here? */
	if (!same(&now, &mode->raw)) {
		mode->before = now;
		cfmakeraw(&now);
		now.c_cc[VMIN] = 1;
		now.c_cc[VTIME] = 0;
		mode->raw = now;
		mode->ours = true; /* first: we may end at any moment */
		if (tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0 && tcgetattr(STDIN_FILENO, &now) == 0)
			mode->raw = now; /* what the terminal made of it */
		else
			mode->ours = false;
	}
	return mode->ours;
}

void host_terminal_give(void)
{
	if (!mode || !mode->ours)
		return;
	if (host_terminal_foreground())
		tcsetattr(STDIN_FILENO, TCSANOW, &mode->before);
	mode->ours = false;
}

void host_terminal_continued(void)
{
	continued = 1;
}

/*
 * run-keys: gives a program a pseudo-terminal and types on it from a script.
 *
 *	run-keys KEYS PROGRAM ARGS...
 *
 * KEYS has one order per line ('#' begins a comment line):
 *	expect TEXT	wait until TEXT comes, after what was matched before
 *	send TEXT	type TEXT
 *	sleep MS	let MS milliseconds go by
 *	size ROWS COLS	change the window size
 * TEXT knows the escapes \r \n \t \e \\ \xHH.
 *
 * What the program writes is copied to standard output.  The exit status is
 * the program's, 128 + n after signal n, or 124 when an expected text did not
 * come within 10 s times the environment's TEST_SLOW.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20, STEP_MS = 10000, DRAIN_MS = 20000 };

static char output[OUTPUT_MAX];
static size_t output_size;
static size_t matched;
static int master = -1;
static pid_t child;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t unescape(char *to, const char *from)
{
	size_t n = 0;

	for (; *from; from++) {
		if (*from != '\\' || !from[1]) {
			to[n++] = *from;
			continue;
		}
		switch (*++from) {
		case 'r': to[n++] = '\r'; break;
		case 'n': to[n++] = '\n'; break;
		case 't': to[n++] = '\t'; break;
		case 'e': to[n++] = '\033'; break;
		case 'x':
			if (from[1] && from[2]) {
				char hex[3] = { from[1], from[2], 0 };
				to[n++] = (char)strtol(hex, NULL, 16);
				from += 2;
			}
			break;
		default: to[n++] = *from;
		}
	}
	return n;
}

/* Copies what the program wrote; false once the terminal is closed. */
static int pump(int wait_ms)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&p, 1, wait_ms) <= 0)
		return 1;
	n = read(master, buf, sizeof buf);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	if (write(STDOUT_FILENO, buf, (size_t)n) != n)
		return 0;
	if (output_size + (size_t)n > OUTPUT_MAX) {
		output_size = 0;
		matched = 0;
	}
	memcpy(output + output_size, buf, (size_t)n);
	output_size += (size_t)n;
	return 1;
}

static int expect(const char *text, size_t size, long limit_ms)
{
	long end = now_ms() + limit_ms;

	for (;;) {
		char *hit = memmem(output + matched, output_size - matched, text, size);
		if (hit) {
			matched = (size_t)(hit - output) + size;
			return 1;
		}
		if (now_ms() >= end || !pump(50)) {
			hit = memmem(output + matched, output_size - matched, text, size);
			return hit != NULL;
		}
	}
}

static int run_script(FILE *keys, long slow)
{
	char line[1024], text[1024];

	while (fgets(line, sizeof line, keys)) {
		size_t size;
		char *arg;

		line[strcspn(line, "\n")] = 0;
		arg = strchr(line, ' ');
		if (line[0] == '#' || !arg)
			continue;
		*arg++ = 0;
		size = unescape(text, arg);
		if (!strcmp(line, "expect")) {
			if (!expect(text, size, STEP_MS * slow)) {
				printf("\n@@KEYS no \"%s\"\n", arg);
				return 0;
			}
		} else if (!strcmp(line, "send")) {
			if (write(master, text, size) < 0)
				return 0;
		} else if (!strcmp(line, "sleep")) {
			long end = now_ms() + atol(arg) * slow;
			while (now_ms() < end && pump(10))
				;
		} else if (!strcmp(line, "size")) {
			struct winsize w = { 0 };
			w.ws_row = (unsigned short)strtol(arg, &arg, 10);
			w.ws_col = (unsigned short)strtol(arg, &arg, 10);
			ioctl(master, TIOCSWINSZ, &w);
		}
	}
	return 1;
}

static void start(char **argv)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };
	sigset_t none;
	int slave;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) || unlockpt(master)) {
		perror("run-keys: pseudo-terminal");
		exit(125);
	}
	ioctl(master, TIOCSWINSZ, &w);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	child = fork();
	if (child)  {
		close(slave);
		return;
	}
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	close(slave);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *slow = getenv("TEST_SLOW");
	long factor = slow && atol(slow) > 0 ? atol(slow) : 1;
	FILE *keys;
	int status, ok;

	if (argc < 3 || !(keys = fopen(argv[1], "re"))) {
		fputs("usage: run-keys KEYS PROGRAM ARGS...\n", stderr);
		return 125;
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	start(argv + 2);
	if (child < 0)
		return 125;
	ok = run_script(keys, factor);
	for (long end = now_ms() + (ok ? DRAIN_MS : 200) * factor;;) {
		if (!pump(20) || now_ms() >= end)
			break;
	}
	for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) != child; i++) {
		if (i == 50)
			kill(child, SIGTERM);
		if (i == 99) {
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return 124;
		}
		usleep(20000);
	}
	if (!ok)
		return 124;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

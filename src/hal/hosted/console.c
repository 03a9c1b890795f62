/*
 * The console (standard input and output), the log, and host signals as events.
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS      2        /* how often input is looked for while programs run */
#define WATCH_MS     9        /* how often a machine without work looks whether its zones are as quiet as they say */
#define EXIT_SIGPIPE 141
#define EXIT_SIGTERM 143
#define SHUTDOWN_SECONDS 2
#define TYPED_ROOM   4096u    /* a power of two */

volatile uint32_t host_signal_flags;
volatile uint32_t host_children_died;

static struct {
	bool terminal;   /* a person's */
	bool errors;     /* standard error is something else than standard output */
	int log_fd;
	const char *log; /* its name */
	int log_lost;    /* as below */
	int lost;        /* errno of output that could not be written; 0: none */
	bool ended;      /* input */
	bool end_told;
	bool reported;   /* there is input, and events_take() has said so */
	bool waiting;    /* there is input, and it has not */
	uint64_t next_poll; /* cycles */
	/* What was typed on a terminal is taken at once, so that a system that reads no input can be left. */
	uint8_t typed[TYPED_ROOM];
	uint32_t typed_head, typed_tail; /* free running */
	uint64_t leave_at;               /* until when a second REQUEST_LEAVE_KEY means it */
} console;
/* Input: CPU 0 looks for it, whichever CPU has the core reads it. Output needs the core's lock anyway. */
static struct host_lock console_lock = HOST_LOCK_INIT;

static void set_flags(uint32_t flags)
{
	__atomic_fetch_or(&host_signal_flags, flags, __ATOMIC_RELAXED);
}

static const char *lost_why(int error)
{
	return error == EFBIG ? "larger than files may be: raise `ulimit -f`" : strerror(error);
}

bool host_console_failed(void)
{
	if (console.log_lost)
		fprintf(stderr, "feuerbird-sim: %s: %s\n", console.log, lost_why(console.log_lost));
	if (console.lost)
		fprintf(stderr, "feuerbird-sim: standard output: %s\n", lost_why(console.lost));
	return console.lost || console.log_lost;
}

void host_console_stop(void)
{
	host_terminal_give();
}

/* One terminal, file or pipe for both keeps the order of what is written. */
static bool errors_are_apart(void)
{
	struct stat out, err;

	return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
	       (out.st_dev != err.st_dev || out.st_ino != err.st_ino);
}

bool host_console_start(const char *log)
{
	console.log_fd = STDERR_FILENO;
	if (log) {
		console.log = log;
		console.log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (console.log_fd < 0)
			return false;
		host_confine_allow(SYS_write, console.log_fd);
	}
	host_confine_allow(SYS_read, STDIN_FILENO);
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		console.ended = true;
	console.terminal = host_terminal_start();
	console.errors = errors_are_apart();
	atexit(host_console_stop);
	return true;
}

/* ---- output ---- */

static void write_all(int fd, const uint8_t *bytes, uint64_t size)
{
	while (size) {
		ssize_t done = write(fd, bytes, size);
		if (done < 0 && errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLOUT};
			poll(&wait, 1, 1000);
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EPIPE && fd == STDOUT_FILENO)
			hal_halt(EXIT_SIGPIPE); /* nobody reads: as SIGPIPE would */
		if (done <= 0) {
			if (fd == STDOUT_FILENO && !console.lost)
				console.lost = errno;
			if (fd != STDOUT_FILENO && fd != STDERR_FILENO && !console.log_lost)
				console.log_lost = errno;
			return;
		}
		bytes += done;
		size -= (uint64_t)done;
	}
}

/* The LibOS's own complaints are for whoever started us, even when the log is a file. */
static int log_target(const uint8_t *line, uint64_t size)
{
	static const char own[] = "feuerbird:";

	return size >= sizeof(own) - 1 && memcmp(line, own, sizeof(own) - 1) == 0 ? STDERR_FILENO : console.log_fd;
}

/* The host's file or terminal is waited for. */
uint64_t hal_console_write(const void *bytes, uint64_t size)
{
	write_all(STDOUT_FILENO, bytes, size);
	return size;
}

/* What nobody takes is lost, as for a program that does not look. */
uint64_t hal_errors_write(const void *bytes, uint64_t size)
{
	write_all(STDERR_FILENO, bytes, size);
	return size;
}

uint64_t hal_log_write(const void *bytes, uint64_t size)
{
	write_all(log_target(bytes, size), bytes, size);
	return size;
}

/* ---- input ---- */

static uint32_t typed_count(void)
{
	return console.typed_head - console.typed_tail;
}

int host_console_input_fd(void)
{
	if (console.terminal)
		return console.ended || typed_count() == TYPED_ROOM ? -1 : STDIN_FILENO;
	return console.ended || console.waiting || console.reported ? -1 : STDIN_FILENO;
}

/* The first is the program's, too. */
static void look_for_leave(uint8_t byte)
{
	uint64_t now = hal_time_ns();

	if (byte != REQUEST_LEAVE_KEY) {
		console.leave_at = 0;
		return;
	}
	if (now < console.leave_at)
		host_leave();
	console.leave_at = now + REQUEST_LEAVE_MS * UINT64_C(1000000);
}

/* There is something. */
static void take_typed(void)
{
	uint8_t bytes[256];
	uint32_t room = TYPED_ROOM - typed_count();
	ssize_t got = read(STDIN_FILENO, bytes, room < sizeof(bytes) ? room : sizeof(bytes));

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
		console.ended = true;
	for (ssize_t i = 0; i < got; i++) {
		look_for_leave(bytes[i]);
		console.typed[console.typed_head++ % TYPED_ROOM] = bytes[i];
	}
	if (got > 0 && !console.reported)
		console.waiting = true;
}

static bool poll_input(void)
{
	struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};

	console.next_poll = cycles_now() + POLL_MS * host_machine.boot.cycles_per_ms;
	if (host_console_input_fd() < 0)
		return console.waiting;
	/* In the background: reading would stop us. */
	if (console.terminal && !host_terminal_take())
		return false;
	if (poll(&poll_fd, 1, 0) <= 0)
		return console.waiting;
	if (console.terminal)
		take_typed();
	else
		console.waiting = true;
	return console.waiting;
}

bool host_console_poll(void)
{
	bool found;

	host_lock_take(&console_lock);
	found = poll_input();
	host_lock_give(&console_lock);
	return found;
}

static uint64_t read_input(void *bytes, uint64_t size)
{
	struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t got;

	console.reported = console.waiting = false;
	if (console.terminal) {
		uint64_t n = 0;

		while (n < size && typed_count() > 0)
			((uint8_t *)bytes)[n++] = console.typed[console.typed_tail++ % TYPED_ROOM];
		console.waiting = typed_count() > 0;
		console.next_poll = n ? 0 : console.next_poll;
		return n;
	}
	if (console.ended || size == 0)
		return 0;
	if (poll(&poll_fd, 1, 0) <= 0)
		return 0;
	got = read(STDIN_FILENO, bytes, size);
	if (got > 0) {
		console.next_poll = 0;
		return (uint64_t)got;
	}
	if (got == 0 || (errno != EINTR && errno != EAGAIN))
		console.ended = true;
	return 0;
}

uint64_t hal_console_read(void *bytes, uint64_t size)
{
	uint64_t got;

	host_lock_take(&console_lock);
	got = read_input(bytes, size);
	host_lock_give(&console_lock);
	return got;
}

void hal_console_info(struct exo_console_info *info)
{
	struct winsize size;

	memset(info, 0, sizeof(*info));
	info->flags = console.errors ? EXO_CONSOLE_ERRORS : 0;
	if (!console.terminal)
		return;
	info->flags |= EXO_CONSOLE_TTY;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
		info->rows = size.ws_row;
		info->columns = size.ws_col;
	}
}

/* ---- events ---- */

static bool timer_due(void)
{
	uint64_t at = host_timer_due_ns();

	return at != UINT64_MAX && hal_time_ns() >= at;
}

/* Signals, input and devices are CPU 0's. */
uint64_t host_event_due_ns(void)
{
	uint64_t due = hal_cpu_id() == 0 ? host_irq_due_ns() : UINT64_MAX, timer = host_timer_due_ns();

	return timer < due ? timer : due;
}

/* With the console's lock: is there input, or its end, that was not yet reported? */
static bool input_pending(void)
{
	if (cycles_now() >= console.next_poll)
		poll_input();
	return console.waiting || (console.ended && !console.end_told);
}

bool host_events_pending(void)
{
	bool pending;

	if (timer_due() || (host_several && host_cpu_is_kicked()))
		return true;
	if (hal_cpu_id() != 0)
		return false;
	if ((host_signal_flags & 0xff) || host_irq_pending() || host_disk_pending())
		return true;
	host_lock_take(&console_lock);
	pending = input_pending();
	host_lock_give(&console_lock);
	return pending;
}

static uint64_t take_input(void)
{
	uint64_t events = 0;

	host_lock_take(&console_lock);
	if (cycles_now() >= console.next_poll)
		poll_input();
	if (console.waiting) {
		console.waiting = false;
		console.reported = true;
		events |= EXO_PEND_CONSOLE;
	}
	if (console.ended && !console.end_told) {
		console.end_told = true;
		events |= EXO_PEND_HANGUP;
	}
	host_lock_give(&console_lock);
	return events;
}

uint64_t hal_events_take(void)
{
	uint64_t events = 0;

	if (hal_cpu_id() == 0) {
		if (host_signal_flags & 0xff)
			events = __atomic_fetch_and(&host_signal_flags, ~UINT32_C(0xff), __ATOMIC_RELAXED) & 0xff;
		events |= take_input();
		if (host_irq_pending())
			events |= EXO_PEND_IRQ;
		if (host_disk_event())
			events |= EXO_PEND_BLOCK;
	}
	if (timer_due()) {
		hal_timer_arm(UINT64_MAX);
		events |= EXO_PEND_TIMER;
	}
	return events;
}

/* What to wait for besides signals: input, on CPU 0. */
static void idle_input(struct pollfd *wait, struct timespec *span)
{
	if (hal_cpu_id() != 0)
		return;
	host_lock_take(&console_lock);
	wait->fd = host_console_input_fd();
	/* In the background, input is not ours to wait for: look again soon. */
	if (console.terminal && !host_terminal_foreground()) {
		wait->fd = -1;
		if (span->tv_sec)
			*span = (struct timespec){.tv_sec = 1};
	}
	host_lock_give(&console_lock);
}

static void poll_soon(void)
{
	if (hal_cpu_id() != 0)
		return;
	host_lock_take(&console_lock);
	console.next_poll = 0;
	host_lock_give(&console_lock);
}

void hal_idle(uint64_t until_ns)
{
	sigset_t all, before;
	uint64_t now, due = host_event_due_ns();
	bool quiet = host_watch_is_quiet();

	if (due < until_ns)
		until_ns = due;
	host_zones_refill();
	poll_soon();
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	now = hal_time_ns();
	if (!host_events_pending() && now < until_ns) {
		struct pollfd wait = {.fd = -1, .events = POLLIN};
		struct timespec span = {.tv_sec = (time_t)((until_ns - now) / 1000000000),
		                        .tv_nsec = (long)((until_ns - now) % 1000000000)};
		if (until_ns - now > (uint64_t)INT64_MAX)
			span = (struct timespec){.tv_sec = 3600};
		idle_input(&wait, &span);
		if (!quiet && until_ns - now > WATCH_MS * 1000000)
			span = (struct timespec){.tv_nsec = WATCH_MS * 1000000};
		ppoll(&wait, 1, &span, &before);
		poll_soon();
	}
	pthread_sigmask(SIG_SETMASK, &before, 0);
	host_cpu_kick_end();
}

static volatile sig_atomic_t end_status = -1; /* why we end, if that is not the LibOS's to say */

int host_end_status(void)
{
	return end_status;
}

EXO_NORETURN static void hard_exit(void)
{
	host_console_stop();
	host_zones_end();
	_exit(end_status >= 0 ? end_status : EXIT_SIGTERM);
}

/* The LibOS ends what runs, or is ended with it. */
static void ask_to_end(void)
{
	if (host_signal_flags & FLAG_ENDING)
		hard_exit();
	set_flags(EXO_PEND_SHUTDOWN | FLAG_ENDING);
	alarm(SHUTDOWN_SECONDS);
}

/* The time of --timeout is over, or that for a shutdown. */
static void on_alarm(int number)
{
	(void)number;
	if (!(host_signal_flags & FLAG_ENDING))
		end_status = REQUEST_TIMEDOUT;
	ask_to_end();
}

/* A third and a fourth Ctrl-] do not wait for the shutdown. */
void host_leave(void)
{
	if (!(host_signal_flags & FLAG_ENDING))
		end_status = 0;
	ask_to_end();
}

void host_timeout_start(uint64_t ms)
{
	const struct itimerval after = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)}};

	if (ms)
		setitimer(ITIMER_REAL, &after, NULL);
}

static void on_signal(int number)
{
	switch (number) {
	case SIGINT: set_flags(EXO_PEND_INTR); break;
	case SIGTSTP: set_flags(EXO_PEND_SUSPEND); break;
	case SIGWINCH: set_flags(EXO_PEND_RESIZE); break;
	case SIGCHLD: __atomic_fetch_add(&host_children_died, 1, __ATOMIC_RELAXED); break;
	case SIGCONT: host_terminal_continued(); break;
	case SIGTERM:
	case SIGHUP:
		ask_to_end();
		break;
	}
}

/* It ends us: leave the terminal and the host clean. */
static void on_end(int number)
{
	host_console_stop();
	host_zones_end();
	signal(number, SIG_DFL);
	raise(number);
}

static bool is_among(int number, const int *list, unsigned count)
{
	unsigned i = 0;

	while (i < count && list[i] != number)
		i++;
	return i < count;
}

/* All that has no other meaning and would end us, the real-time signals too. */
static void handle_ends(void)
{
	static const int others[] = {SIGKILL, SIGSTOP, SIGTTIN, SIGTTOU, SIGURG, SIGINT, SIGTSTP, SIGWINCH, SIGCHLD, SIGCONT,
	                             SIGTERM, SIGHUP, SIGALRM, SIGPIPE, SIGXFSZ};
	struct sigaction action = {.sa_handler = on_end}, old;

	sigfillset(&action.sa_mask);
	for (int number = 1; number < NSIG; number++) {
		if (is_among(number, others, sizeof(others) / sizeof(*others)) || (number >= 32 && number < SIGRTMIN))
			continue;
		/* A sanitizer's own handler says more than ours; what whoever started us ignores does not end us. */
		if (sigaction(number, 0, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(number, &action, 0);
	}
}

void host_signals_start(void)
{
	static const int events[] = {SIGINT, SIGTSTP, SIGWINCH, SIGCHLD, SIGCONT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	static bool started;

	if (started)
		return;
	started = true;
	sigfillset(&action.sa_mask);
	for (unsigned i = 0; i < sizeof(events) / sizeof(*events); i++)
		sigaction(events[i], &action, 0);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, 0);
	handle_ends();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* the call that met the limit fails, and is reported */
	signal(SIGTTOU, SIG_IGN);
}

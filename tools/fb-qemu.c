/*
 * fb-qemu: runs FeuerBird's ISO in QEMU, with the command line of feuerbird-sim.
 *
 * QEMU gets three channels, socket pairs all: COM1 is the console, every byte as
 * it is; COM2 carries orders ("eof N", "size R C", "intr", "suspend", "shutdown") to the
 * kernel and "stream", "ready", "panic", "exit N" back (src/hal/x86_64/console.c); the debug port
 * carries log lines. Input from a file or a pipe has a fourth, a virtio console, which takes many bytes at
 * once; a kernel that has not said "stream" gets it on COM1. Options and the root image go in as fw_cfg files.
 *
 * QEMU dies with this process, whatever kills it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "fb-qemu.h"

#define INPUT_PIECE  16384
#define GRACE_MS     3000 /* from "shutdown" to SIGKILL */
#define MEMORY_MAX   (UINT64_C(1) << 40)
#define MEMORY_MIN_MIB 16 /* firmware, GRUB, kernel and LibOS together */

struct sender {
	int fd;
	char out[65536];
	size_t out_size;
};

static struct {
	struct options options;
	struct sender console, control, stream;
	int log_fd, log_out, errors_fd;
	pid_t qemu, keeper;
	struct termios saved;
	char early[4096]; /* console bytes before the kernel's mark */
	size_t early_size, mark_at;
	bool marked;
	bool raw, streams, ready, stdin_open, stdin_ended, stop_asked;
	uint64_t sent; /* console bytes */
	int status;    /* -1: not told */
	bool timed_out, left;
	int64_t leave_at; /* until when a second REQUEST_LEAVE_KEY means it */
	int64_t ends_at; /* --timeout; 0: never */
	char line[64];
	size_t line_size;
	int64_t kill_at;
} run = { .status = -1, .stdin_open = true, .log_out = 2, .errors_fd = -1 };

static volatile sig_atomic_t got_winch, got_term, got_int, got_tstp;

static void terminal_restore(void)
{
	if (run.keeper > 0) {
		kill(run.keeper, SIGKILL);
		waitpid(run.keeper, NULL, 0);
		run.keeper = 0;
	}
	/* In the background the mode is somebody else's. */
	if (run.raw && tcgetpgrp(0) == getpgrp())
		tcsetattr(0, TCSADRAIN, &run.saved);
	run.raw = false;
}

_Noreturn void die(int status, const char *format, ...)
{
	va_list list;

	terminal_restore();
	if (run.qemu > 0)
		kill(run.qemu, SIGKILL);
	fputs("fb-qemu: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(status);
}

/* ---- Options ------------------------------------------------------------ */

static void usage(FILE *to)
{
	fputs("Usage: fb-qemu [OPTION]... [--] [PROGRAM [ARG]...]\n"
	      "Boots FeuerBird in QEMU and runs PROGRAM (/bin/sh) on this terminal.\n"
	      "\n"
	      "What runs:\n"
	      "  --root FILE|DIR  root file system: a cpio archive (newc), or a directory\n"
	      "  --add FILE|DIR   a layer over it, likewise; may be repeated\n"
	      REQUEST_HELP
	      "\n"
	      "The machine:\n"
	      "  -m SIZE          memory, with K, M or G (512M)\n"
	      "  --cpus N         2: programs run on a CPU of their own (2 if the host has two)\n"
	      "  --disk FILE[,ro] a disk, at most four: a file in blocks of 4096 bytes; ro: it\n"
	      "                   is only read\n"
	      "  --numa N         memory in N nodes\n"
	      "  --uefi           firmware: OVMF instead of SeaBIOS\n"
	      "  --iso FILE       another image than build/feuerbird.iso\n"
	      "  --cpu MODEL      QEMU's CPU model (max)\n"
	      "  --machine TYPE   QEMU's machine (q35)\n"
	      "  --isolation MODE page tables of ring 3 without the kernel: on, off, or auto:\n"
	      "                   where they are needed (auto)\n"
	      "  --kernel OPTION  an option of the kernel's, as on the boot loader's line\n"
	      "  --qemu ARG       one more argument for QEMU\n"
	      "  --vga            with QEMU's window\n"
	      "  --kvm            with KVM\n"
	      "  --icount         time by instructions: 1 ns each (one CPU)\n"
	      "\n"
	      "What is seen of it:\n"
	      "  --strace[=FILE]  every system call, to standard error or FILE\n"
	      REQUEST_HELP_TRACE
	      "  --audit          the kernel's audit records, to standard error\n"
	      "  --stats          counts at the end, to standard error\n"
	      "  --boottime       times of the boot, to standard error\n"
	      "  --check          walk the kernel's invariants and all page tables at the end;\n"
	      "                   a broken one is status 125\n"
	      "  --bench          what kernel calls cost, to standard error, instead of PROGRAM\n"
	      "  --gdb            wait for gdb on port 1234\n"
	      "  --version        print the version\n"
	      "  --help           print this\n"
	      "\n"
	      REQUEST_HELP_LEAVE REQUEST_HELP_STATUS, to);
}

void request_die(const char *format, ...)
{
	char why[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(why, sizeof(why), format, list);
	va_end(list);
	die(STATUS_FAILED, "%s", why);
}

/* In MiB. As for feuerbird-sim a bare number is bytes. */
static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned long long n;
	unsigned shift = 0;

	errno = 0;
	n = strtoull(text, &end, 10);
	switch (*end) {
	case 'K': case 'k': shift = 10; break;
	case 'M': case 'm': shift = 20; break;
	case 'G': case 'g': shift = 30; break;
	}
	if (shift)
		end++;
	if (end == text || *end || *text == '-' || errno || n > MEMORY_MAX >> shift)
		die(STATUS_FAILED, "-m wants a size such as 64M or 1G, not '%s'", text);
	n = n << shift >> 20;
	if (n < MEMORY_MIN_MIB)
		die(STATUS_FAILED, "-m %s is too small, at least %dM is needed", text, MEMORY_MIN_MIB);
	return n;
}

static bool flag(const char *arg)
{
	struct options *o = &run.options;

	if (!strcmp(arg, "--strace"))
		request_switch(&o->request, "strace", "");
	else if (!strcmp(arg, "--uefi"))
		o->uefi = true;
	else if (!strcmp(arg, "--gdb"))
		o->gdb = true;
	else if (!strcmp(arg, "--kvm"))
		o->kvm = true;
	else if (!strcmp(arg, "--vga"))
		o->vga = true;
	else if (!strcmp(arg, "--boottime"))
		o->boottime = true;
	else if (!strcmp(arg, "--check"))
		o->check = true;
	else if (!strcmp(arg, "--icount"))
		o->icount = true;
	else
		return false;
	return true;
}

static void extra(const char **list, unsigned *count, const char *value)
{
	if (*count == EXTRA_MAX)
		die(STATUS_FAILED, "too many of '%s'", value);
	list[(*count)++] = value;
}

/* The kernel's option for it. */
static const char *isolation(const char *mode)
{
	static const char *const options[] = { "isolation=on", "isolation=off", "isolation=auto" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strcmp(mode, strchr(options[i], '=') + 1))
			return options[i];
	die(STATUS_FAILED, "--isolation wants on, off or auto, not '%s'", mode);
}

static void extra_layer(const char *value)
{
	struct options *o = &run.options;

	if (o->layer_count == LAYERS_MAX)
		die(STATUS_FAILED, "there can be %d layers", LAYERS_MAX);
	o->layers[o->layer_count++] = value;
}

static void option(char **argv, int *i)
{
	struct options *o = &run.options;
	const char *value;

	if (!strcmp(argv[*i], "--help")) {
		usage(stdout);
		exit(0);
	}
	if (!strcmp(argv[*i], "--version")) {
		const char *version = getenv("FB_VERSION"); /* tools/fb-qemu sets it */
		printf("FeuerBird %s, x86_64 in QEMU\n", version ? version : "of an unknown version");
		exit(0);
	}
	if (flag(argv[*i]) || request_option(&o->request, argv, i))
		return;
	if (!strncmp(argv[*i], "--strace=", 9)) {
		o->strace_file = argv[*i] + 9;
		request_switch(&o->request, "strace", "");
	} else if ((value = request_value("--root", argv, i)))
		o->root = value;
	else if ((value = request_value("--iso", argv, i)))
		o->iso = value;
	else if ((value = request_value("--disk", argv, i))) {
		if (o->disk_count == DISKS_MAX)
			die(STATUS_FAILED, "there can be four disks%s", "");
		o->disks[o->disk_count++] = value;
	} else if ((value = request_value("--cpu", argv, i)))
		o->cpu = value;
	else if ((value = request_value("--cpus", argv, i))) {
		o->cpus = (unsigned)atoi(value);
		if (o->cpus < 1 || o->cpus > 2)
			die(STATUS_FAILED, "--cpus wants 1 or 2, not '%s'", value);
	} else if ((value = request_value("--numa", argv, i))) {
		o->nodes = (unsigned)atoi(value);
		if (o->nodes < 1 || o->nodes > 8)
			die(STATUS_FAILED, "--numa wants 1 to 8 nodes, not '%s'", value);
	} else if ((value = request_value("--isolation", argv, i))) {
		o->isolation = true;
		extra(o->kernel, &o->kernel_count, isolation(value));
	} else if ((value = request_value("--machine", argv, i)))
		o->machine = value;
	else if ((value = request_value("--kernel", argv, i)))
		extra(o->kernel, &o->kernel_count, value);
	else if ((value = request_value("--qemu", argv, i)))
		extra(o->qemu, &o->qemu_count, value);
	else if ((value = request_value("-m", argv, i)))
		o->memory = parse_size(value);
	else if ((value = request_value("--add", argv, i)))
		extra_layer(value);
	else
		die(STATUS_FAILED, "unknown option '%s' (see --help)", argv[*i]);
}

/* Those that we may run on. */
static int host_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
}

static void parse(char **argv)
{
	int i = 1;

	run.options.memory = 512;
	run.options.machine = "q35";
	for (; argv[i] && (argv[i][0] == '-' || argv[i][0] == '@'); i++) {
		if (argv[i][0] == '@') {
			argv = request_include(argv, i--);
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		option(argv, &i);
	}
	run.options.request.args = argv + i;
	/* KVM has no need of the second one: its CPUs keep what they translated. */
	if (run.options.cpus == 0)
		run.options.cpus = !run.options.kvm && !run.options.icount && host_cpus() >= 2 ? 2 : 1;
}

/* ---- Starting ------------------------------------------------------------- */

static void channel_make(bool wanted, int *ours, int *theirs)
{
	int pair[2] = { -1, -1 };

	if (wanted && socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die(STATUS_FAILED, "socketpair: %s", strerror(errno));
	if (wanted) {
		fcntl(pair[0], F_SETFD, FD_CLOEXEC);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	}
	*ours = pair[0];
	*theirs = pair[1];
}

static void start(void)
{
	struct command command = { .count = 0 };
	int ours[CHANNELS], theirs[CHANNELS];
	struct stat input;
	pid_t parent = getpid();
	sigset_t none;

	for (int i = 0; i < CHANNELS; i++) {
		bool wanted = (i != ERRORS || run.options.errors) && (i != STREAM || (!fstat(0, &input) && !S_ISCHR(input.st_mode)));

		channel_make(wanted, &ours[i], &theirs[i]);
	}
	command_build(&command, &run.options, theirs);
	run.qemu = fork();
	if (run.qemu < 0)
		die(STATUS_FAILED, "fork: %s", strerror(errno));
	if (run.qemu == 0) {
		int null = open("/dev/null", O_RDWR);

		/* Out of the terminal's group: its signals are for the guest. */
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(null, 0);
		dup2(2, 1);
		execvp(command.argv[0], command.argv);
		fprintf(stderr, "fb-qemu: %s: %s (Debian package qemu-system-x86)\n",
		        command.argv[0], strerror(errno));
		_exit(127);
	}
	for (int i = 0; i < CHANNELS; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	run.stream.fd = ours[STREAM];
	run.console.fd = ours[CONSOLE];
	run.control.fd = ours[CONTROL];
	run.log_fd = ours[LOG];
	run.errors_fd = ours[ERRORS];
}

/* ---- While it runs ------------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void order(const char *format, ...)
{
	struct sender *c = &run.control;
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(c->out + c->out_size, sizeof(c->out) - c->out_size, format, list);
	va_end(list);
	if (n > 0 && c->out_size + (size_t)n < sizeof(c->out))
		c->out_size += (size_t)n;
}

static void sender_flush(struct sender *c)
{
	ssize_t n;

	if (c->fd < 0 || c->out_size == 0)
		return;
	n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
	if (n <= 0)
		return;
	memmove(c->out, c->out + n, c->out_size - (size_t)n);
	c->out_size -= (size_t)n;
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };
			poll(&p, 1, 100);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* Nobody reads any more: the end, as for any program. */
			if (fd == 1 && !got_term)
				got_term = SIGPIPE;
			return;
		}
		bytes += n;
		size -= (size_t)n;
	}
}

/* The firmware and GRUB talk on COM1 as well: what comes before the kernel's mark is
 * not the program's, and is shown only if the kernel never came. */
static void console_bytes(const char *bytes, size_t size)
{
	static const char mark[] = "\036FeuerBird\036";
	size_t used = 0;

	while (used < size && !run.marked) {
		char c = bytes[used++];
		if (run.early_size == sizeof(run.early))
			memmove(run.early, run.early + 1, --run.early_size);
		run.early[run.early_size++] = c;
		if (c != mark[run.mark_at])
			run.mark_at = c == mark[0];
		else if (++run.mark_at == sizeof(mark) - 1)
			run.marked = true;
	}
	write_all(1, bytes + used, size - used);
}

/* The LibOS's own complaints are for whoever started us, even when the log is a file (as src/hal/hosted/console.c has it). */
static void log_bytes(const char *bytes, size_t size)
{
	static const char own[] = "feuerbird:";
	static char begin[sizeof(own) - 1]; /* of a line, as long as it may be such a one */
	static size_t held;
	static int to = -1; /* where the rest of the line goes; -1: not known yet */

	if (run.log_out == 2) {
		write_all(2, begin, held);
		held = 0;
		write_all(2, bytes, size);
		return;
	}
	while (size > 0) {
		const char *end = memchr(bytes, '\n', size);
		size_t n = end ? (size_t)(end - bytes) + 1 : size;

		while (to < 0 && n > 0) {
			bool may = *bytes == own[held];

			begin[held++] = *bytes++;
			n--;
			size--;
			if (!may || held == sizeof(begin))
				to = may ? 2 : run.log_out;
		}
		if (to < 0)
			return;
		write_all(to, begin, held);
		held = 0;
		write_all(to, bytes, n);
		bytes += n;
		size -= n;
		if (end)
			to = -1;
	}
}

/* Moves what is there; false: the other end is gone. */
static bool drain(int fd, int to)
{
	char bytes[16384];

	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n > 0 && fd == run.console.fd)
			console_bytes(bytes, (size_t)n);
		else if (n > 0 && fd == run.log_fd)
			log_bytes(bytes, (size_t)n);
		else if (n > 0)
			write_all(to, bytes, (size_t)n);
		else
			return n < 0 && (errno == EAGAIN || errno == EINTR);
	}
}

static void control_line(const char *line)
{
	if (!strncmp(line, "exit ", 5))
		run.status = atoi(line + 5) & 0xff;
	else if (!strcmp(line, "panic"))
		run.log_out = 2;
	else if (!strncmp(line, "isolation ", 10) && (run.options.isolation || run.options.boottime))
		fprintf(stderr, "%s\n", line);
	else if (!strcmp(line, "stream"))
		run.streams = run.stream.fd >= 0;
	else if (!strcmp(line, "ready")) {
		run.ready = true;
		if (run.stdin_ended)
			order("eof %llu\n", (unsigned long long)run.sent);
	}
}

static bool control_read(void)
{
	char c;
	ssize_t n;

	while ((n = read(run.control.fd, &c, 1)) == 1) {
		if (c != '\n') {
			if (run.line_size < sizeof(run.line) - 1)
				run.line[run.line_size++] = c;
			continue;
		}
		run.line[run.line_size] = 0;
		run.line_size = 0;
		control_line(run.line);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The first is the guest's, too. */
static void look_for_leave(char byte)
{
	int64_t now = now_ms();

	if (byte == REQUEST_LEAVE_KEY && now < run.leave_at) {
		run.left = true;
		if (run.stop_asked)
			run.kill_at = 0; /* a third time: at once */
	}
	run.leave_at = byte == REQUEST_LEAVE_KEY ? now + REQUEST_LEAVE_MS : 0;
}

static void stdin_read(void)
{
	struct sender *c = run.streams ? &run.stream : &run.console;
	ssize_t n = read(0, c->out + c->out_size, INPUT_PIECE);

	for (ssize_t i = 0; i < n && run.raw; i++)
		look_for_leave(c->out[c->out_size + (size_t)i]);
	if (n > 0) {
		c->out_size += (size_t)n;
		run.sent += (uint64_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		run.stdin_open = false;
		run.stdin_ended = true;
		if (run.ready)
			order("eof %llu\n", (unsigned long long)run.sent);
	}
}

static void signals_pass_on(void)
{
	struct winsize size;

	if (got_winch) {
		got_winch = 0;
		if (!ioctl(0, TIOCGWINSZ, &size) || !ioctl(1, TIOCGWINSZ, &size))
			order("size %u %u\n", size.ws_row, size.ws_col);
	}
	if (got_int) {
		got_int = 0;
		order("intr\n");
	}
	if (got_tstp) {
		got_tstp = 0;
		order("suspend\n");
	}
	if (run.ends_at && now_ms() >= run.ends_at && !run.stop_asked && !got_term) {
		run.timed_out = true;
		got_term = SIGTERM;
	}
	if (run.left && !got_term)
		got_term = SIGTERM;
	if (got_term && !run.stop_asked) {
		run.stop_asked = true;
		run.kill_at = now_ms() + (run.ready ? GRACE_MS : 0);
		order("shutdown\n");
	}
	if (run.stop_asked && now_ms() >= run.kill_at)
		kill(run.qemu, SIGKILL);
}

static void loop(void)
{
	const struct timespec tick = { 0, 100000000 };
	sigset_t none;
	bool alive = true;

	sigemptyset(&none);
	while (alive) {
		struct pollfd p[6] = {
			{ .fd = run.control.fd, .events = POLLIN },
			{ .fd = run.console.fd, .events = POLLIN },
			{ .fd = run.log_fd, .events = POLLIN },
			/* Input waits in the host until the guest listens and keeps up; what is typed is looked at before. */
			{ .fd = run.stdin_open && (run.raw ? run.console.out_size < sizeof(run.console.out) - INPUT_PIECE
			                                   : run.ready && run.console.out_size + run.stream.out_size < 4096) ? 0 : -1,
			  .events = POLLIN },
			{ .fd = run.stream.out_size > 0 ? run.stream.fd : -1, .events = POLLOUT },
			{ .fd = run.errors_fd, .events = POLLIN },
		};
		if (run.control.out_size > 0)
			p[0].events |= POLLOUT;
		if (run.console.out_size > 0 && run.ready)
			p[1].events |= POLLOUT;
		/* Signals come in here only, so that none is missed before the wait. */
		if (ppoll(p, 6, run.stop_asked || run.ends_at || run.left ? &tick : NULL, &none) < 0 && errno != EINTR)
			die(STATUS_FAILED, "poll: %s", strerror(errno));
		signals_pass_on();
		alive = control_read();
		alive = drain(run.log_fd, run.log_out) && alive;
		if (run.errors_fd >= 0)
			alive = drain(run.errors_fd, 2) && alive;
		alive = drain(run.console.fd, 1) && alive;
		if (p[3].revents)
			stdin_read();
		sender_flush(&run.control);
		if (run.ready)
			sender_flush(&run.console);
		sender_flush(&run.stream);
	}
	control_read();
	drain(run.log_fd, run.log_out);
	if (run.errors_fd >= 0)
		drain(run.errors_fd, 2);
	drain(run.console.fd, 1);
}

static void on_signal(int number)
{
	if (number == SIGWINCH)
		got_winch = 1;
	else if (number == SIGINT)
		got_int = 1;
	else if (number == SIGTSTP)
		got_tstp = 1;
	else
		got_term = number;
}

/* A process that outlives a kill -9 of this one, to restore the terminal then. */
static void keeper_start(void)
{
	pid_t group = getpgrp(), shell = getpgid(getppid()), front;
	int life[2];
	char byte;

	if (pipe2(life, O_CLOEXEC))
		return;
	run.keeper = fork();
	if (run.keeper != 0) {
		close(life[0]);
		return;
	}
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	close(life[1]);
	close(1);
	while (read(life[0], &byte, 1) < 0 && errno == EINTR)
		;
	front = tcgetpgrp(0);
	if (front < 0 || front == group || front == shell)
		tcsetattr(0, TCSADRAIN, &run.saved);
	_exit(0);
}

static void prepare(void)
{
	static const int numbers[] = { SIGWINCH, SIGINT, SIGTSTP, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal };
	struct termios raw;
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaction(numbers[i], &action, NULL);
		sigaddset(&blocked, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* In the background of somebody's shell: leave the terminal alone. */
	if (!run.options.tty || tcgetattr(0, &run.saved) || tcgetpgrp(0) != getpgrp())
		return;
	keeper_start();
	raw = run.saved;
	cfmakeraw(&raw);
	tcsetattr(0, TCSADRAIN, &raw);
	run.raw = true;
	atexit(terminal_restore);
}

/* What standard input, output and error are. */
static void look_around(void)
{
	struct stat out, err;

	run.options.tty = isatty(0) && isatty(1);
	run.options.errors = !fstat(1, &out) && !fstat(2, &err) && (out.st_dev != err.st_dev || out.st_ino != err.st_ino);
}

int main(int argc, char **argv)
{
	int status = 0;

	(void)argc;
	/* Started with a standard descriptor closed: nothing of ours may get its number. */
	for (int fd = open("/dev/null", O_RDWR); fd >= 0 && fd <= 2;)
		fd = dup(fd);
	parse(argv);
	look_around();
	if (run.options.strace_file) {
		run.log_out = open(run.options.strace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (run.log_out < 0)
			die(STATUS_FAILED, "%s: %s", run.options.strace_file, strerror(errno));
	}
	if (run.options.request.timeout_ms)
		run.ends_at = now_ms() + (int64_t)run.options.request.timeout_ms;
	prepare();
	start();
	loop();
	while (waitpid(run.qemu, &status, 0) < 0 && errno == EINTR)
		;
	terminal_restore();
	if (run.timed_out)
		return REQUEST_TIMEDOUT;
	if (run.left)
		return 0;
	if (run.status >= 0)
		return run.status;
	if (run.stop_asked)
		return 128 + got_term;
	if (!run.marked)
		write_all(2, run.early, run.early_size);
	fprintf(stderr, "fb-qemu: QEMU ended without an exit status%s\n",
	        run.ready ? "" : ", before FeuerBird was up");
	return STATUS_FAILED;
}

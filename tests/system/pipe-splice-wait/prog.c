/* splice, tee and vmsplice where they wait: for bytes, for room, for a socket; signals, the end, and who else uses the pipe. */
#include "pipe.h"
#include <poll.h>
#include <sys/socket.h>

static int from[2], to[2], s[2], file;
static char bytes[100000];
static struct shared {
	long result;
	int error, handled;
} *shared;

static void on_signal(int sig) { (void)sig; shared->handled++; }

/* Until the process sleeps, and does so when one looks again, or has ended. */
static void until_asleep(pid_t pid)
{
	char path[40], text[200];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (int seen = 0; seen < 3;) {
		int f = open(path, O_RDONLY);
		ssize_t n = read(f, text, sizeof text - 1);
		char *state;

		close(f);
		text[n > 0 ? n : 0] = 0;
		state = strrchr(text, ')');
		seen = state && strchr("SDZ", state[2]) ? seen + 1 : 0;
		pause_ms(2);
	}
}

static long splice_file(void) { return splice(from[0], NULL, file, NULL, 100, 0); }
static long splice_null(void) { return splice(from[0], NULL, open("/dev/null", O_WRONLY), NULL, 100, 0); }
static long splice_pipe(void) { return splice(from[0], NULL, to[1], NULL, 100, 0); }
static long tee_pipe(void) { return tee(from[0], to[1], 100, 0); }
static long from_file(void) { return splice(file, &(loff_t){ 0 }, to[1], NULL, 100, 0); }
static long from_zero(void) { return splice(open("/dev/zero", O_RDONLY), NULL, to[1], NULL, 100, 0); }
static long map_in(void) { return vmsplice(to[1], &(struct iovec){ "memory", 6 }, 1, 0); }
static long map_out(void) { return vmsplice(from[0], &(struct iovec){ bytes, 100 }, 1, 0); }
static long from_socket(void) { return splice(s[0], NULL, to[1], NULL, 100, 0); }
static long to_socket(void) { return splice(from[0], NULL, s[1], NULL, 100, 0); }
static long to_socket_nowait(void) { return splice(from[0], NULL, s[1], NULL, 100, SPLICE_F_NONBLOCK); }

static pid_t start(long (*call)(void), int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	pid_t pid;

	shared->handled = 0;
	shared->result = -2;
	if ((pid = fork()) == 0) {
		sigaction(SIGUSR1, &action, NULL);
		shared->result = call();
		shared->error = errno;
		_exit(0);
	}
	until_asleep(pid);
	return pid;
}

static void result(const char *what, const char *how)
{
	if (shared->result < 0)
		line("%s, %s: %s, handled %d", what, how, error_name(shared->error), shared->handled);
	else
		line("%s, %s: %ld, handled %d", what, how, shared->result, shared->handled);
}

/* A call that waits: a signal ends it, or does not, and then it goes on. */
static void waits(const char *what, long (*call)(void), void (*more)(void))
{
	pid_t pid = start(call, 0);

	kill(pid, SIGUSR1);
	wait_status(pid);
	result(what, "interrupted");
	pid = start(call, SA_RESTART);
	kill(pid, SIGUSR1);
	while (!*(volatile int *)&shared->handled)
		pause_ms(1);
	until_asleep(pid);
	more();
	wait_status(pid);
	result(what, "restarted");
}

static void give(void) { write(from[1], "give", 4); }
static void take(void) { read(to[0], bytes, PAGE); }
static void send_some(void) { write(s[1], "sent", 4); }

/* A sender is woken when most of it has gone. */
static void receive(void)
{
	while (recv(s[0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

static void new_pipes(bool full)
{
	pipe(from);
	pipe(to);
	if (full)
		stuff(to[1]);
}

static void old_pipes(void)
{
	close_pipe(from);
	close_pipe(to);
}

static void waiting(void)
{
	new_pipes(false);
	waits("an empty pipe to a file", splice_file, give);
	waits("an empty pipe to /dev/null", splice_null, give);
	waits("an empty pipe to a pipe", splice_pipe, give);
	drain("it", to[0]);
	waits("tee of an empty pipe", tee_pipe, give);
	drain("it", to[0]);
	drain("and it stays", from[0]);
	waits("memory from an empty pipe", map_out, give);
	line("in the file: %ld", (long)lseek(file, 0, SEEK_END));
	old_pipes();

	new_pipes(true);
	write(from[1], "0123456789", 10);
	waits("a file to a full pipe", from_file, take);
	stuff(to[1]);
	waits("/dev/zero to a full pipe", from_zero, take);
	stuff(to[1]);
	waits("a pipe to a full pipe", splice_pipe, take);
	line("left %d", queued(from[0]));
	stuff(to[1]);
	write(from[1], "0123456789", 10);
	waits("tee to a full pipe", tee_pipe, take);
	stuff(to[1]);
	waits("memory to a full pipe", map_in, take);
	line("left %d", queued(from[0]));
	fcntl(to[1], F_SETFL, O_NONBLOCK);
	stuff(to[1]);
	waits("memory to a full pipe, whose O_NONBLOCK means nothing", map_in, take);
	old_pipes();

	new_pipes(false);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	waits("an empty socket to a pipe", from_socket, send_some);
	drain("it", to[0]);
	stuff(s[1]);
	write(from[1], "0123456789", 10);
	waits("a pipe to a full socket", to_socket, receive);
	line("left %d", queued(from[0]));
	receive();
	stuff(s[1]);
	write(from[1], "0123456789", 10);
	waits("where SPLICE_F_NONBLOCK means nothing", to_socket_nowait, receive);
	old_pipes();
	close_pipe(s);
}

static void last_writer(long (*call)(void), const char *what)
{
	pid_t pid;

	shared->result = -2;
	shared->handled = 0;
	if ((pid = fork()) == 0) {
		close(from[1]);
		shared->result = call();
		shared->error = errno;
		_exit(0);
	}
	until_asleep(pid);
	close(from[1]);
	wait_status(pid);
	result(what, "no writer any more");
	close(from[0]);
	pipe(from);
}

static void last_reader(long (*call)(void), const char *what)
{
	pid_t pid;
	int status;

	shared->result = -2;
	shared->handled = 0;
	if ((pid = fork()) == 0) {
		signal(SIGPIPE, on_signal);
		close(to[0]);
		shared->result = call();
		shared->error = errno;
		_exit(0);
	}
	until_asleep(pid);
	close(to[0]);
	status = wait_status(pid);
	result(what, "no reader any more");
	if (!EXITED(status, 0))
		line("status %x", (unsigned)status);
	close(to[1]);
	pipe(to);
	stuff(to[1]);
}

static void ends(void)
{
	new_pipes(false);
	last_writer(splice_file, "a pipe to a file");
	last_writer(splice_pipe, "a pipe to a pipe");
	last_writer(tee_pipe, "tee");
	last_writer(map_out, "memory");
	old_pipes();
	new_pipes(true);
	write(from[1], "0123456789", 10);
	last_reader(from_file, "a file to a pipe");
	last_reader(splice_pipe, "a pipe to a pipe");
	last_reader(tee_pipe, "tee");
	last_reader(map_in, "memory");
	line("left %d", queued(from[0]));
	old_pipes();
}

/* While one process waits for a socket to take the pipe's bytes, nobody else gets them; killed, it has taken none. */
static void others(void)
{
	struct pollfd ready = { 0, POLLIN, 0 };
	pid_t splicer, reader;

	new_pipes(false);
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	stuff(s[1]);
	write(from[1], "0123456789", 10);
	splicer = start(to_socket, 0);
	kill(splicer, SIGKILL);
	wait_status(splicer);
	line("killed while it waited: %d left", queued(from[0]));

	splicer = start(to_socket, 0);
	if ((reader = fork()) == 0) {
		long n = read(from[0], bytes, 100);
		line("the reader got '%.*s'", (int)n, bytes);
		_exit(0);
	}
	until_asleep(reader);
	receive();
	wait_status(splicer);
	result("a splice with a reader beside it", "went on");
	write(from[1], "for the reader", 14);
	wait_status(reader);
	line("left %d", queued(from[0]));

	/* The same with the source: it waits with the pipe's room, and a writer beside it does its work before or after. */
	receive();
	splicer = start(from_socket, 0);
	if ((reader = fork()) == 0)
		_exit(write(to[1], "written", 7) != 7);
	fcntl(s[1], F_SETFL, O_NONBLOCK);
	write(s[1], "sent", 4);
	wait_status(splicer);
	wait_status(reader);
	result("a splice with a writer beside it", "went on");
	ready.fd = to[0];
	line("readable %d, %d bytes", poll(&ready, 1, 0), queued(to[0]));
	memset(bytes, 0, 20);
	read(to[0], bytes, 100);
	line("both whole: %d", !strcmp(bytes, "sentwritten") || !strcmp(bytes, "writtensent"));
	old_pipes();
	close_pipe(s);

	/* While one waits for room, another takes the bytes for which it wants it: it waits for others. */
	new_pipes(true);
	write(from[1], "0123456789", 10);
	splicer = start(splice_pipe, 0);
	read(from[0], bytes, 100);
	take();
	until_asleep(splicer);
	give();
	wait_status(splicer);
	result("a splice whose bytes another has read", "went on");
	old_pipes();

	/* Two ends of one stream through two processes: all arrives, in order. */
	new_pipes(false);
	if (fork() == 0) {
		for (int i = 0; i < 300; i++) {
			memset(bytes, 'a' + i % 26, 1000);
			write(from[1], bytes, 1000);
		}
		_exit(0);
	}
	close(from[1]);
	if (fork() == 0) {
		while (splice(from[0], NULL, to[1], NULL, 77777, 0) > 0)
			;
		_exit(0);
	}
	close(to[1]);
	long have = 0, wrong = 0, n;
	while ((n = read(to[0], bytes, 7777)) > 0) {
		for (long i = 0; i < n; i++, have++)
			wrong += bytes[i] != 'a' + have / 1000 % 26;
	}
	line("through two pipes: %ld bytes, %ld wrong", have, wrong);
	while (wait(NULL) > 0)
		;
	close(from[0]);
	close(to[0]);
}

int main(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	waiting();
	ends();
	others();
	return 0;
}

/*
 * sh [-c TEXT | FILE]: a small shell. LINE = PIPELINE { (";" | "&") PIPELINE }; PIPELINE = COMMAND { "|" COMMAND };
 * COMMAND = words, '…' and "…" for words with blanks, < FILE, > FILE. "exit N" and "wait" are its own; "status" says
 * how the last command ended. A comment goes from # to the end of the line.
 */
#include "lib.h"

#define LINE_SIZE 1024
#define WORDS     64
#define COMMANDS  16

struct command {
	char *argv[WORDS];
	int argc;
	char *in, *out;
};

static char line[LINE_SIZE], text[2 * LINE_SIZE];
static char *at;
static int last; /* how the last pipeline ended: a status as wait() gives it */

/* One line, without its end; false: no more input. */
static int line_read(int fd)
{
	int n = 0;
	char c = 0;

	while (read(fd, &c, 1) == 1 && c != '\n') {
		if (n < LINE_SIZE - 1)
			line[n++] = c;
		c = 0;
	}
	line[n] = '\0';
	return n > 0 || c == '\n';
}

static int is_mark(char c)
{
	return c == '|' || c == ';' || c == '&' || c == '<' || c == '>';
}

/* The next word goes to *to and is returned; a mark is returned as a character in *mark; NULL and 0: the end. */
static char *word_next(char **to, char *mark)
{
	char *word = *to, quote = 0;

	while (*at == ' ' || *at == '\t')
		at++;
	*mark = 0;
	if (*at == '\0' || *at == '#')
		return NULL;
	if (is_mark(*at)) {
		*mark = *at++;
		return NULL;
	}
	for (; *at; at++) {
		if (quote ? *at == quote : *at == '\'' || *at == '"')
			quote = quote ? 0 : *at;
		else if (!quote && (*at == ' ' || *at == '\t' || is_mark(*at)))
			break;
		else
			*(*to)++ = *at;
	}
	*(*to)++ = '\0';
	return word;
}

/* Reads a pipeline; returns how many commands it has, -1: it makes no sense. *end: what came after it (; & or 0). */
static int parse(struct command *commands, char **to, char *end)
{
	int n = 0;
	char *word;

	commands[0] = (struct command){ .argc = 0 };
	for (;;) {
		struct command *c = &commands[n];

		word = word_next(to, end);
		if (word && c->argc < WORDS - 1) {
			c->argv[c->argc++] = word;
			c->argv[c->argc] = NULL;
		} else if (word) {
			return -1;
		} else if (*end == '<' || *end == '>') {
			char direction = *end;
			char **file = direction == '<' ? &c->in : &c->out;

			*file = word_next(to, end);
			if (!*file)
				return -1;
		} else if (*end == '|') {
			if (c->argc == 0 || ++n == COMMANDS)
				return -1;
			commands[n] = (struct command){ .argc = 0 };
		} else {
			return c->argc > 0 ? n + 1 : n == 0 && !c->in && !c->out ? 0 : -1;
		}
	}
}

/* Makes `from` the descriptor `fd`. */
static void become(int from, int fd)
{
	if (from == fd)
		return;
	close(fd);
	dup(from);
	close(from);
}

static void redirect(const char *name, int mode, int fd)
{
	int file = open(name, mode);

	if (file < 0) {
		print(2, "sh: %s: %s\n", name, error_text(file));
		exit(1);
	}
	become(file, fd);
}

__attribute__((noreturn)) static void command_run(const struct command *c)
{
	static char path[LINE_SIZE + 8] = "/bin/";
	int error;

	if (c->in)
		redirect(c->in, 0, 0);
	if (c->out)
		redirect(c->out, 1, 1);
	error = exec(c->argv[0], c->argv);
	if (error == -V6_ENOENT) {
		for (size_t i = 0; i <= strlen(c->argv[0]); i++)
			path[5 + i] = c->argv[0][i];
		error = exec(path, c->argv);
	}
	print(2, "sh: %s: %s\n", c->argv[0], error_text(error));
	exit(127);
}

static void say_signal(int status)
{
	static const char *const names[V6_SIGNALS + 1] = {
		[V6_SIGILL] = "illegal instruction", [V6_SIGTRAP] = "trace trap", [V6_SIGFPE] = "arithmetic fault",
		[V6_SIGKILL] = "killed", [V6_SIGSEGV] = "memory fault", [V6_SIGSYS] = "bad system call",
	};
	int signal = status & 255;

	if (signal <= V6_SIGNALS && names[signal])
		print(2, "sh: %s\n", names[signal]);
}

/* Starts all commands of a pipeline; their pids go to `pids`. Returns how many there are. */
static int pipeline_start(const struct command *commands, int n, int *pids)
{
	int in = 0, pid, count = 0;

	for (int i = 0; i < n; i++) {
		int fds[2] = { 0, 1 };

		if (i < n - 1 && pipe(fds) < 0)
			print(2, "sh: no pipe\n");
		pid = fork();
		if (pid == 0) {
			if (i < n - 1)
				close(fds[0]);
			become(in, 0);
			become(fds[1], 1);
			command_run(&commands[i]);
		}
		if (pid < 0)
			print(2, "sh: %s\n", error_text(pid));
		else
			pids[count++] = pid;
		if (in > 0)
			close(in);
		if (i < n - 1)
			close(fds[1]);
		in = fds[0];
	}
	return count;
}

static int own_command(const struct command *c)
{
	int status;

	if (!strcmp(c->argv[0], "exit"))
		exit(c->argc > 1 ? (int)atol(c->argv[1]) : last & 255 ? 128 + (last & 255) : last >> 8);
	if (!strcmp(c->argv[0], "wait")) {
		while (wait(&status) > 0)
			say_signal(status);
		return 1;
	}
	if (!strcmp(c->argv[0], "status")) {
		if (last & 255)
			print(1, "signal %d\n", last & 255);
		else
			print(1, "status %d\n", last >> 8);
		return 1;
	}
	return 0;
}

/* Until all of the pipeline have ended. What else ends meanwhile was in the background. */
static void pipeline_wait(const int *pids, int count)
{
	int left = count, status, done;

	while (left > 0 && (done = wait(&status)) > 0) {
		say_signal(status);
		for (int i = 0; i < count; i++)
			left -= pids[i] == done;
		if (done == pids[count - 1])
			last = status;
	}
}

static void line_run(void)
{
	static struct command commands[COMMANDS];
	int pids[COMMANDS], n;
	char *to = text, end;

	at = line;
	do {
		n = parse(commands, &to, &end);
		if (n < 0) {
			print(2, "sh: syntax error\n");
			last = 2 << 8;
			return;
		}
		if (n == 0 || (n == 1 && own_command(&commands[0])))
			continue;
		n = pipeline_start(commands, n, pids);
		if (end != '&')
			pipeline_wait(pids, n);
		else if (n > 0)
			print(1, "%d\n", pids[n - 1]);
	} while (end);
}

int main(int argc, char **argv)
{
	int fd = 0, prompt = argc == 1;

	if (argc > 2 && !strcmp(argv[1], "-c")) {
		size_t n = 0;

		for (; argv[2][n] && n < LINE_SIZE - 1; n++)
			line[n] = argv[2][n];
		line_run();
	} else {
		if (argc > 1 && (fd = open(argv[1], 0)) < 0) {
			print(2, "sh: %s: %s\n", argv[1], error_text(fd));
			return 127;
		}
		for (;;) {
			if (prompt)
				print(1, "%% ");
			if (!line_read(fd))
				break;
			line_run();
		}
		if (prompt)
			print(1, "\n");
	}
	return last & 255 ? 128 + (last & 255) : last >> 8;
}

/* A program that runs is not written, and what is open for writing is not run: ETXTBSY. */
#include "../check.h"

static const char script[] = "#!/bin/sh\nexit 3\n";

static int copy(const char *from, const char *to)
{
	char buffer[65536];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0755);
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)n) != n)
			return -1;
	return close(in) | close(out);
}

/* errno of running it, or minus its exit status. */
static int run(const char *path, const char *arg)
{
	pid_t child = fork();

	if (!child) {
		execl(path, path, arg, NULL);
		_exit(100 + errno);
	}
	int status = wait_status(child);
	return !WIFEXITED(status) ? -1000 : WEXITSTATUS(status) > 100 ? WEXITSTATUS(status) - 100 : -WEXITSTATUS(status);
}

/* A child that runs `path`, which tells by its pipe that it does, and ends when the pipe is closed. */
static pid_t started(const char *path, int to_child[2])
{
	int from[2];
	char byte;
	pid_t child;

	if (pipe(from) || pipe(to_child))
		return -1;
	child = fork();
	if (!child) {
		dup2(to_child[0], 0), dup2(from[1], 1);
		for (int fd = 3; fd < 20; fd++)
			close(fd);
		execl(path, path, "wait", NULL);
		_exit(99);
	}
	close(to_child[0]), close(from[1]);
	return read(from[0], &byte, 1) == 1 && close(from[0]) == 0 ? child : -1;
}

int main(int argc, char **argv)
{
	char byte = 'r';
	int fd, to_child[2];
	pid_t child;

	if (argc > 1 && !strcmp(argv[1], "wait"))
		return write(1, &byte, 1) != 1 || read(0, &byte, 1) != 0;
	if (argc > 1)
		return 5;
	CHECK("a copy of this program", copy("/proc/self/exe", "p") == 0 && run("./p", "x") == -5);
	child = started("./p", to_child);
	CHECK("it runs", child > 0);
	FAILS("open to write", ETXTBSY, open("p", O_WRONLY));
	FAILS("open to read and write", ETXTBSY, open("p", O_RDWR | O_CREAT, 0755));
	FAILS("open to empty it", ETXTBSY, open("p", O_RDONLY | O_TRUNC));
	FAILS("truncate", ETXTBSY, truncate("p", 0));
	CHECK("reading is fine, and mapping", (fd = open("p", O_RDONLY)) >= 0 && mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED && close(fd) == 0);
	CHECK("so are its mode, another name, and a new file in its place", chmod("p", 0700) == 0 && link("p", "p2") == 0 && unlink("p2") == 0 &&
	      copy("/proc/self/exe", "new") == 0 && rename("new", "p3") == 0);
	CHECK("it runs twice", run("./p", "x") == -5);
	FAILS("and is still busy", ETXTBSY, open("p", O_WRONLY));
	CHECK("it ends", close(to_child[1]) == 0 && EXITED(wait_status(child), 0));
	CHECK("open to write", (fd = open("p", O_WRONLY)) >= 0);
	CHECK("now it does not run", run("./p", "x") == ETXTBSY);
	CHECK("not by its descriptor's name", run("/proc/self/fd/3", "x") == ETXTBSY || fd != 3);
	FAILS("busy comes before bad arguments", ETXTBSY, syscall(SYS_execve, "./p", 8, 0));
	CHECK("a second writer is welcome", close(open("p", O_RDWR)) == 0);
	CHECK("still not", run("./p", "x") == ETXTBSY);
	CHECK("closed, it runs", close(fd) == 0 && run("./p", "x") == -5);
	CHECK("a script", (fd = open("s", O_CREAT | O_WRONLY, 0755)) >= 0 && write(fd, script, sizeof(script) - 1) > 0);
	CHECK("that is open for writing", run("./s", "x") == ETXTBSY);
	CHECK("and when it is not", close(fd) == 0 && run("./s", "x") == -3);
	CHECK("what cannot be executed is not tried", chmod("s", 0644) == 0 && (fd = open("s", O_WRONLY)) >= 0 && run("./s", "x") == EACCES);
	DONE();
}

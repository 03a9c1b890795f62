/* prog: waits to be killed. prog spin, prog call: computes, or makes system calls, until then. prog dumb COMMAND...: runs it on a terminal, and says whether it moved the cursor there. */
#include "check.h"
#include <sys/ioctl.h>

static int dumb(char **argv)
{
	static char output[1 << 16];
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, number, slave, status;
	size_t size = 0;
	char name[40];
	pid_t child;
	ssize_t n;

	if (ioctl(master, TIOCSPTLCK, &unlock) || ioctl(master, TIOCGPTN, &number))
		return 1;
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	slave = open(name, O_RDWR | O_NOCTTY);
	if ((child = fork()) == 0) {
		for (int i = 0; i < 3; i++)
			dup2(slave, i);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(slave);
	while (size < sizeof output && (n = read(master, output + size, sizeof output - size)) > 0)
		size += (size_t)n;
	status = wait_status(child);
	printf("%s, status %d, %s\n", memchr(output, '\033', size) ? "moves" : "plain", WEXITSTATUS(status),
	       memmem(output, size, "exo top: up", 11) ? "shown" : "nothing");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "dumb") == 0)
		return dumb(argv + 2);
	for (;;) {
		if (argc == 1)
			pause();
		else if (argv[1][0] == 'c')
			syscall(SYS_getpgid, 0);
	}
}

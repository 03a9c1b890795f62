/* calls: each system call, asked for what it must do and for what it must refuse. Says what was not so. */
#include "lib.h"

#define PAGE 4096

static int checks, failed;

static void is(const char *what, long want, long got)
{
	checks++;
	if (want == got)
		return;
	failed++;
	print(1, "%s: %d, not %d\n", what, (int)got, (int)want);
}

static void files(void)
{
	char text[16];
	int fd = open("/etc/numbers", 0), other;

	is("open takes the lowest", 3, fd);
	is("open for writing", -V6_EROFS, open("/etc/numbers", 1));
	is("open nothing", -V6_ENOENT, open("/etc/nothing", 0));
	is("open a wild name", -V6_EFAULT, open((const char *)8, 0));
	is("open in a wild way", -V6_EINVAL, open("/etc/numbers", 7));
	is("read", 4, read(fd, text, 4));
	is("what was read", 'n', text[1]);
	other = dup(fd);
	is("dup", 4, other);
	is("read by the other", 4, read(other, text, 4));
	is("they share the position", 't', text[0]);
	is("write to it", -V6_EBADF, write(fd, text, 1));
	is("seek to the end", 14, seek(fd, 0, 2));
	is("read there", 0, read(fd, text, 4));
	is("seek back", 12, seek(fd, -2, 1));
	is("read the rest", 2, read(fd, text, sizeof(text)));
	is("seek before the start", -V6_EINVAL, seek(fd, -1, 0));
	is("seek nowhere", -V6_EINVAL, seek(fd, 0, 9));
	is("read to nowhere", -V6_EFAULT, read(fd, (char *)8, 1));
	is("read to text", -V6_EFAULT, read(fd, (char *)0x400000, 1));
	is("read beyond the end of memory", -V6_EFAULT, read(fd, text, 1L << 40));
	is("close", 0, close(fd));
	is("close again", -V6_EBADF, close(fd));
	is("close -1", -V6_EBADF, close(-1));
	close(other);
	for (fd = 3; open("/dev/null", 2) == fd; fd++)
		;
	is("descriptors", 15, fd);
	is("no more", -V6_EMFILE, open("/dev/null", 0));
	while (--fd > 2)
		close(fd);
}

static void pipes(void)
{
	static char block[3 * PAGE];
	int fds[2], status = 0, pid;
	long n, sum = 0;

	is("pipe to nowhere", -V6_EFAULT, pipe((int *)8));
	is("pipe", 0, pipe(fds));
	is("seek in it", -V6_ESPIPE, seek(fds[0], 0, 0));
	is("write to the reading end", -V6_EBADF, write(fds[0], block, 1));
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		exit(write(fds[1], block, sizeof(block)) == sizeof(block) ? 7 : 1);
	}
	close(fds[1]);
	while ((n = read(fds[0], block, 100)) > 0)
		sum += n;
	is("all that was written comes", sizeof(block), sum);
	is("wait", pid, wait(&status));
	is("its status", 7 << 8, status);
	close(fds[0]);
	pipe(fds);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		write(fds[1], "x", 1);
		exit(0);
	}
	close(fds[0]);
	close(fds[1]);
	wait(&status);
	is("writing to nobody", V6_SIGPIPE, status);
}

static void processes(void)
{
	char *const none[] = { NULL }, *const wild[] = { (char *)8, NULL };
	int status = 0, pid;

	is("wait for nobody", -V6_ECHILD, wait(NULL));
	pid = fork();
	if (pid == 0)
		exit(300);
	is("wait to nowhere", -V6_EFAULT, wait((int *)8));
	is("it can be waited for still", pid, wait(&status));
	is("a status has eight bits", (300 & 255) << 8, status);
	is("kill nobody", -V6_ESRCH, kill(9999, V6_SIGKILL));
	is("kill with no signal", -V6_EINVAL, kill(getpid(), 0));
	pid = fork();
	if (pid == 0) {
		kill(getpid(), V6_SIGTRAP);
		exit(1);
	}
	wait(&status);
	is("kill oneself", V6_SIGTRAP, status);
	is("exec nothing", -V6_ENOENT, exec("/bin/nothing", none));
	is("exec a text", -V6_ENOEXEC, exec("/etc/motd", none));
	is("exec a directory", -V6_EISDIR, exec("/bin", none));
	is("exec wild arguments", -V6_EFAULT, exec("/bin/echo", wild));
	is("exec a wild list", -V6_EFAULT, exec("/bin/echo", (char *const *)8));
}

static void memory(void)
{
	char *end = sbrk(0), *more = sbrk(3 * PAGE);

	is("sbrk begins where it ended", (long)end, (long)more);
	more[0] = more[3 * PAGE - 1] = 1;
	is("and ends where it should", 3 * PAGE, (char *)sbrk(0) - more);
	sbrk(-3 * PAGE);
	is("what was given back", (long)end, (long)sbrk(0));
	sbrk(PAGE);
	is("is zero when it comes again", 0, more[0]);
	is("too much", -1, (long)sbrk(1L << 40));
	is("less than nothing", -1, (long)sbrk(-(1L << 40)));
}

int main(void)
{
	files();
	pipes();
	processes();
	memory();
	is("time goes", 1, v6_call(V6_CALL_time, 0, 0, 0) > 0);
	print(1, "%d checks, %d failed\n", checks, failed);
	return failed > 0;
}

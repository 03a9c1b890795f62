/*
 * Processes that move bytes in circles by splice, tee and vmsplice, between pipes, a socket and a file, make the pipes larger and
 * smaller meanwhile, and are killed wherever they are. Nobody hangs, and all that they had comes back.
 */
#include "pipe.h"
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define ROUNDS  6
#define WORKERS 4
#define KILLS   12
#define PIPES   3

static int p[PIPES][2], s[2], file;
static char bytes[70000];
static uint32_t state;

static uint32_t below(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static unsigned some_flags(void)
{
	return below(4) ? SPLICE_F_NONBLOCK : 0;
}

static void one(void)
{
	int from = p[below(PIPES)][0], to = p[below(PIPES)][1];
	size_t size = 1 + below(below(3) ? 100 : sizeof bytes);
	struct iovec v[2] = { { bytes + below(5000), size / 2 + 1 }, { below(20) ? bytes : (char *)8, size / 2 } };
	loff_t at = below(100000);

	switch (below(14)) {
	case 0: case 1: case 2:
		splice(from, NULL, to, NULL, size, some_flags());
		break;
	case 3:
		tee(from, to, size, some_flags());
		break;
	case 4:
		vmsplice(to, v, 2, some_flags());
		break;
	case 5:
		vmsplice(from, v, 2, some_flags());
		break;
	case 6:
		splice(from, NULL, s[below(2)], NULL, size, some_flags());
		break;
	case 7:
		splice(s[below(2)], NULL, to, NULL, size, some_flags());
		break;
	case 8:
		splice(from, NULL, file, &at, size, some_flags());
		break;
	case 9:
		splice(file, &at, to, NULL, size, some_flags());
		break;
	case 10:
		fcntl(from, F_SETPIPE_SZ, (PAGE / 2) << below(7));
		break;
	case 11:
		fcntl(to, F_SETFL, (below(3) ? 0 : O_NONBLOCK) | (below(3) ? 0 : O_DIRECT));
		break;
	case 12:
		if (poll(&(struct pollfd){ from, POLLIN, 0 }, 1, 0) == 1)
			(void)!read(from, bytes, size);
		break;
	default:
		if (poll(&(struct pollfd){ to, POLLOUT, 0 }, 1, 0) == 1)
			(void)!write(to, bytes, size % PAGE);
	}
}

static pid_t worker(uint32_t seed)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		state = seed;
		for (;;)
			one();
	}
	return pid;
}

/* What a user without privileges may still have of pipes. */
static int room(void)
{
	int fd[512], pages = 0, n = 0, q[2];

	while (n < 500 && pipe(q) == 0) {
		fd[n++] = q[0];
		fd[n++] = q[1];
		fcntl(q[0], F_SETPIPE_SZ, 1 << 20);
		pages += fcntl(q[0], F_GETPIPE_SZ) / (int)PAGE;
		if (fcntl(q[0], F_GETPIPE_SZ) <= 2 * PAGE)
			break;
	}
	while (n)
		close(fd[--n]);
	return pages;
}

static int round_of(uint32_t seed)
{
	pid_t pid[WORKERS + KILLS];
	int good = 1, n = 0;

	for (int i = 0; i < PIPES; i++)
		good &= pipe(p[i]) == 0;
	good &= socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0;
	file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0666);
	(void)!ftruncate(file, 200000);
	for (; n < WORKERS; n++)
		pid[n] = worker(seed * 100 + (uint32_t)n);
	/* Who is killed may still wait for one that is not. */
	for (int i = 0; i < KILLS; i++) {
		pause_ms(2);
		kill(pid[i], SIGKILL);
		pid[n] = worker(seed * 100 + (uint32_t)n);
		n++;
	}
	for (int i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (int i = 0; i < n; i++)
		good &= KILLED(wait_status(pid[i]), SIGKILL);
	/* Whatever they were doing, the pipes work. */
	for (int i = 0; i < PIPES; i++) {
		drain("", p[i][0]);
		fcntl(p[i][1], F_SETFL, O_NONBLOCK);
		good &= write(p[i][1], "works", 5) == 5 && read(p[i][0], bytes, 100) == 5;
		good &= splice(file, &(loff_t){ 0 }, p[i][1], NULL, 10, SPLICE_F_NONBLOCK) == 10 && read(p[i][0], bytes, 100) == 10;
		close_pipe(p[i]);
	}
	close_pipe(s);
	close(file);
	return good;
}

static int as_user(void)
{
	int good = 1, before, out = dup(1), null = open("/dev/null", O_WRONLY);
	long had = 0, has;
	/* Natively what others have who run this at the same time would count, too. */
	uid_t user = 20000 + (uid_t)(clock_ms() % 40000);

	if (setgid(user) || setuid(user))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	before = room();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		dup2(null, 1); /* what is drained */
		good &= round_of(i);
		dup2(out, 1);
		if (i == 0)
			had = file_number("/proc/meminfo", "MemFree:");
	}
	CHECK("all were killed, and the pipes work on", good);
	CHECK("a user may have as many pipes as before", room() == before);
	has = file_number("/proc/meminfo", "MemFree:");
	/* Natively others use memory, too. */
	CHECK("memory came back", access("/proc/sys/fs/pipe-max-size", F_OK) == 0 && (access("/dev/exo", F_OK) != 0 || has > had - 2048));
	DONE();
}

int main(void)
{
	int status;
	pid_t pid;

	umask(0);
	(void)!chmod(".", 0777);
	pid = fork();
	if (pid == 0)
		_exit(as_user());
	status = wait_status(pid);
	CHECK("the user's end", EXITED(status, 0));
	DONE();
}

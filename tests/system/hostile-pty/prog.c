/* Pseudo-terminals taken until there are no more, filled, and handed about by who is killed meanwhile: nothing stays, nobody hangs. */
#include "guests.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <termios.h>

#define WORKERS 4
#define SHARED  6

static int masters[SHARED], slaves[SHARED];

static int entries(void)
{
	DIR *d = opendir("/dev/pts");
	int n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	closedir(d);
	return n;
}

static int open_pair(int *slave)
{
	int off = 0, n = -1, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	char name[32];

	*slave = -1;
	if (master < 0)
		return -1;
	ioctl(master, TIOCSPTLCK, &off);
	ioctl(master, TIOCGPTN, &n);
	snprintf(name, sizeof name, "/dev/pts/%d", n);
	*slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	return master;
}

static void raw(int fd)
{
	struct termios t;

	tcgetattr(fd, &t);
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

/* As many as a user gets, each full in both directions. */
static void flood(void)
{
	static char bytes[8192];
	int got = 0, slave, master, last = -1;

	for (; (master = open_pair(&slave)) >= 0 && got < 400; last = master) {
		got++;
		raw(slave);
		while (write(slave, bytes, sizeof bytes) > 0)
			;
		while (write(master, bytes, sizeof bytes) > 0)
			;
	}
	CHECK("some", got > 10);
	CHECK("no more than there may be", got <= file_number("/proc/sys/kernel/pty/max", ""));
	CHECK("nobody types for others", ioctl(last, TIOCSTI, "x") == -1 && (errno == EPERM || errno == EIO));
}

static unsigned seed;
static unsigned any(unsigned n) { return (seed = seed * 1103515245 + 12345) / 65536 % n; }

static void worker(unsigned start)
{
	static const unsigned long requests[] = { TIOCSCTTY, TIOCNOTTY, TCFLSH, TCXONC, TIOCPKT, TIOCSPTLCK, TIOCSIG, TIOCGPTPEER, TIOCSWINSZ,
		TIOCSPGRP, TIOCSTI, FIONREAD, TIOCGSID, TCSETS, TCSETSF, TIOCEXCL, TIOCNXCL, TIOCVHANGUP };
	static unsigned char memory[4096];
	int own[2] = { -1, -1 };

	seed = start;
	for (int i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	alarm(100);
	setsid();
	for (;;) {
		int *of = any(4) ? &own[any(2)] : any(2) ? &masters[any(SHARED)] : &slaves[any(SHARED)];

		for (int i = 0; i < 16; i++)
			memory[any(sizeof memory)] = (unsigned char)any(256);
		switch (any(8)) {
		case 0:
			close(own[0]);
			close(own[1]);
			own[0] = open_pair(&own[1]);
			break;
		case 1: read(*of, memory, any(sizeof memory)); break;
		case 2:
		case 3: write(*of, memory, any(sizeof memory)); break;
		case 4: {
			char name[32];
			snprintf(name, sizeof name, "/dev/pts/%u", any(SHARED + WORKERS));
			close(own[1]);
			own[1] = open(name, O_RDWR | O_NONBLOCK | (any(2) ? O_NOCTTY : 0));
			break;
		}
		case 5: close(open("/dev/tty", O_RDWR | O_NONBLOCK)); break;
		default: {
			unsigned long request = requests[any(sizeof requests / sizeof *requests)];
			unsigned long simple = request == TCFLSH || request == TCXONC || request == TIOCSCTTY || request == TIOCSIG ? any(4) : O_RDWR | O_NONBLOCK | O_NOCTTY;
			int r = ioctl(*of, request, request == TIOCGPTPEER || simple < 4 ? simple : (unsigned long)memory);
			if (request == TIOCGPTPEER && r >= 0)
				close(r);
		}
		}
	}
}

int main(void)
{
	pid_t pids[WORKERS];
	int told[2];
	char good = 0;

	CHECK("none at first", entries() == 0);
	pipe(told);
	if ((pids[0] = fork()) == 0) {
		become(1000);
		flood();
		write(told[1], check_failures ? "n" : "y", 1);
		for (;;)
			pause();
	}
	CHECK("a user takes all", read(told[0], &good, 1) == 1 && good == 'y');
	masters[0] = open_pair(&slaves[0]);
	CHECK("root has some all the same", masters[0] >= 0 && slaves[0] >= 0);
	close(masters[0]);
	close(slaves[0]);
	kill(pids[0], SIGKILL);
	wait_status(pids[0]);
	CHECK("all are back", entries() == 0);
	for (int i = 0; i < SHARED; i++) {
		masters[i] = open_pair(&slaves[i]);
		if (i % 2)
			raw(slaves[i]);
	}
	CHECK("shared ones", entries() == SHARED);
	for (int i = 0; i < WORKERS; i++)
		if ((pids[i] = fork()) == 0)
			worker((unsigned)i + 1);
	seed = 77;
	for (int round = 0; round < 12; round++) {
		unsigned i = any(WORKERS);

		pause_ms(20);
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
		if ((pids[i] = fork()) == 0)
			worker((unsigned)round * 100 + 50);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		CHECK("killed", KILLED(wait_status(pids[i]), SIGKILL));
	}
	for (int i = 0; i < SHARED; i++) {
		close(masters[i]);
		close(slaves[i]);
	}
	CHECK("nothing is left", entries() == 0);
	masters[0] = open_pair(&slaves[0]);
	CHECK("and it goes on", write(slaves[0], "x", 1) == 1);
	DONE();
}

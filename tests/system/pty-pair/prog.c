/* Pseudo-terminals: the pair, its ends, modes, packets, job control. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <termios.h>

static int number_of(int master)
{
	int n = -1;

	return ioctl(master, TIOCGPTN, &n) ? -1 : n;
}

static int open_master(void)
{
	int off = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	ioctl(master, TIOCSPTLCK, &off);
	return master;
}

static int open_slave(int master, int flags)
{
	char name[32];

	snprintf(name, sizeof name, "/dev/pts/%d", number_of(master));
	return open(name, flags | O_CLOEXEC);
}

static void raw(int fd)
{
	struct termios t;

	tcgetattr(fd, &t);
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

/* Linux moves bytes to the other side a little later. */
static int polls(int fd, short want)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI, 0 };

	for (int i = 0; i < 400; i++) {
		poll(&p, 1, 0);
		if (p.revents == want)
			return 1;
		pause_ms(5);
	}
	fprintf(stderr, "poll says %x, not %x\n", p.revents, want);
	return 0;
}

/* How many bytes come, at most `most`. */
static long drain(int fd, char *to, long most)
{
	struct pollfd p = { fd, POLLIN, 0 };
	long got = 0, n = 1;

	for (; n > 0 && got < most && poll(&p, 1, 2000) == 1; got += n > 0 ? n : 0)
		n = read(fd, to, 4096);
	return got;
}

/* Bytes that are read of exactly this text. */
static int reads(int fd, const char *text)
{
	char got[200] = "";
	size_t want = strlen(text), have = 0;
	ssize_t n = 1;

	while (have < want && n > 0) {
		n = read(fd, got + have, sizeof got - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (strcmp(got, text) != 0)
		fprintf(stderr, "got \"%s\" for \"%s\"\n", got, text);
	return strcmp(got, text) == 0;
}

static int writes(int fd, const char *text) { return write(fd, text, strlen(text)) == (ssize_t)strlen(text); }

static void names(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), second, kept, locked = -1, on = 1, off = 0, slave;
	struct statfs fs;
	struct stat st, other;
	char name[32], target[64];
	ssize_t n;

	CHECK("a master", master >= 0 && isatty(master));
	CHECK("the first number", number_of(master) == 0);
	CHECK("locked", ioctl(master, TIOCGPTLCK, &locked) == 0 && locked == 1);
	FAILS("so it is not opened", EIO, open_slave(master, O_RDWR | O_NOCTTY));
	FAILS("nor by the master", EIO, ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	CHECK("unlocked", ioctl(master, TIOCSPTLCK, &off) == 0 && ioctl(master, TIOCGPTLCK, &locked) == 0 && locked == 0);
	slave = open_slave(master, O_RDWR | O_NOCTTY);
	CHECK("a slave", slave >= 0 && isatty(slave) && ttyname_r(slave, name, sizeof name) == 0 && strcmp(name, "/dev/pts/0") == 0);
	fstat(slave, &st);
	CHECK("its node", S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0620 && st.st_rdev == makedev(136, 0) && st.st_uid == getuid());
	CHECK("as it is listed", stat("/dev/pts/0", &other) == 0 && other.st_ino == st.st_ino && other.st_dev == st.st_dev && st.st_ino == 3);
	snprintf(name, sizeof name, "/proc/self/fd/%d", slave);
	n = readlink(name, target, sizeof target - 1);
	target[n > 0 ? n : 0] = '\0';
	CHECK("in /proc", strcmp(target, "/dev/pts/0") == 0);
	second = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK("the next number", number_of(second) == 1);
	kept = open("/dev/pts/0", O_PATH);
	close(master);
	FAILS("its name is gone", ENOENT, stat("/dev/pts/0", &other));
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK("not its number while its slave is open", number_of(master) == 2);
	FAILS("not the old slave", EIO, write(slave, "x", 1));
	CHECK("which is at its end", read(slave, name, 1) == 0);
	FAILS("without requests", EIO, tcgetattr(slave, &(struct termios){ 0 }));
	close(slave);
	snprintf(name, sizeof name, "/proc/self/fd/%d", kept);
	FAILS("nor opened by what is kept of it", EIO, open(name, O_RDWR | O_NOCTTY));
	close(master);
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK("but then", number_of(master) == 0);
	CHECK("locked again", ioctl(master, TIOCSPTLCK, &on) == 0 && ioctl(second, TIOCSPTLCK, &off) == 0);
	FAILS("numbers are the master's", ENOTTY, ioctl(open_slave(second, O_RDWR | O_NOCTTY), TIOCGPTN, &on));
	close(second);
	close(master);
	CHECK("a file system", statfs("/dev/pts", &fs) == 0 && fs.f_type == 0x1cd1);
	FAILS("nobody makes files there", EACCES, open("/dev/pts/new", O_CREAT | O_RDWR, 0666));
	FAILS("nor folders", EPERM, mkdir("/dev/pts/new", 0777));
	FAILS("nor removes what is there", EPERM, unlink("/dev/pts/ptmx"));
	FAILS("nor renames it", EPERM, rename("/dev/pts/ptmx", "/dev/pts/new"));
	FAILS("nor links it", EPERM, link("/dev/pts/ptmx", "/dev/pts/new"));
	FAILS("no attributes", EOPNOTSUPP, syscall(SYS_setxattr, "/dev/pts/ptmx", "trusted.x", "x", 1, 0));
}

static void peer(void)
{
	int master = open_master(), slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64], link[64];
	ssize_t n;

	CHECK("opened by the master", slave >= 0 && (fcntl(slave, F_GETFD) & FD_CLOEXEC) && (fcntl(slave, F_GETFL) & O_ACCMODE) == O_RDWR);
	snprintf(name, sizeof name, "/proc/self/fd/%d", slave);
	n = readlink(name, link, sizeof link - 1);
	link[n > 0 ? n : 0] = '\0';
	CHECK("by its name", strcmp(link, "/dev/pts/0") == 0);
	CHECK("talks", writes(slave, "a\n") && reads(master, "a\r\n"));
	close(slave);
	close(master);
}

static void lines(void)
{
	int master = open_master(), slave = open_slave(master, O_RDWR | O_NOCTTY), n;
	char buf[64];

	CHECK("ready to write, nothing to read", polls(master, POLLOUT) && polls(slave, POLLOUT));
	CHECK("written", writes(slave, "hello\n") && polls(master, POLLIN | POLLOUT));
	CHECK("counted", ioctl(master, FIONREAD, &n) == 0 && n == 7);
	CHECK("read with its return", reads(master, "hello\r\n"));
	CHECK("typed and echoed", writes(master, "ab") && reads(master, "ab") && polls(slave, POLLOUT));
	CHECK("a line", writes(master, "c\n") && reads(master, "c\r\n") && polls(slave, POLLIN | POLLOUT) && reads(slave, "abc\n"));
	CHECK("erased", writes(master, "xy\x7fz\n") && reads(master, "xy\b \bz\r\n") && reads(slave, "xz\n"));
	CHECK("an end of file", writes(master, "q\004") && reads(slave, "q") && writes(master, "\004") && read(slave, buf, sizeof buf) == 0);
	reads(master, "q");
	CHECK("nothing is on a line", tcdrain(slave) == 0 && ioctl(slave, TIOCOUTQ, &n) == 0 && n == 0);
	fcntl(master, F_SETFL, O_NONBLOCK);
	FAILS("nothing there", EAGAIN, read(master, buf, sizeof buf));
	fcntl(master, F_SETFL, 0);
	CHECK("nothing wanted", read(master, buf, 0) == 0);
	FAILS("a bad address to read", EFAULT, (writes(slave, "z"), read(master, (void *)8, 1)));
	tcflush(master, TCIFLUSH);
	FAILS("a bad address to write", EFAULT, write(master, (void *)8, 5));
	FAILS("no place in it", ESPIPE, lseek(master, 0, SEEK_CUR));
	FAILS("nor for pread", ESPIPE, pread(master, buf, 1, 0));
	close(slave);
	close(master);
}

static void modes(void)
{
	int master = open_master(), slave = open_slave(master, O_RDWR | O_NOCTTY);
	struct winsize size = { 1, 2, 3, 4 };
	struct termios t = { 0 }, of_slave = { 0 };

	CHECK("no size yet", ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 0 && size.ws_col == 0 && size.ws_xpixel == 0);
	size = (struct winsize){ 24, 80, 1, 2 };
	CHECK("set by the master", ioctl(master, TIOCSWINSZ, &size) == 0 && ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 24 && size.ws_ypixel == 2);
	size.ws_row = 30;
	CHECK("and by the slave", ioctl(slave, TIOCSWINSZ, &size) == 0 && ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 30);
	tcgetattr(slave, &t);
	CHECK("modes", t.c_iflag == (ICRNL | IXON) && t.c_oflag == (OPOST | ONLCR) && t.c_cflag == (B38400 | CS8 | CREAD) &&
	               t.c_lflag == (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN) && cfgetospeed(&t) == B38400);
	t.c_lflag &= ~(tcflag_t)ECHO;
	CHECK("set by the master", tcsetattr(master, TCSADRAIN, &t) == 0 && tcgetattr(slave, &of_slave) == 0 && !(of_slave.c_lflag & ECHO));
	CHECK("and seen there", tcgetattr(master, &t) == 0 && !memcmp(&t, &of_slave, sizeof t));
	CHECK("without echo", writes(master, "x\n") && reads(slave, "x\n") && polls(master, POLLOUT));
	raw(slave);
	CHECK("raw", writes(master, "\003\r\004") && reads(slave, "\003\r\004") && writes(slave, "\n\t") && reads(master, "\n\t"));
	close(slave);
	close(master);
}

static void ends(void)
{
	int master = open_master(), slave;
	char buf[16];

	CHECK("typed before it was opened", writes(master, "early\n"));
	slave = open_slave(master, O_RDWR | O_NOCTTY);
	CHECK("and there then", reads(slave, "early\n"));
	reads(master, "early\r\n");
	writes(slave, "last");
	close(slave);
	CHECK("closed", polls(master, POLLIN | POLLOUT | POLLHUP));
	CHECK("what was written is there", reads(master, "last"));
	FAILS("then it is at its end", EIO, read(master, buf, sizeof buf));
	CHECK("as poll says", polls(master, POLLOUT | POLLHUP));
	CHECK("written all the same", writes(master, "more\n"));
	slave = open_slave(master, O_RDWR | O_NOCTTY);
	CHECK("opened again", slave >= 0 && reads(slave, "more\n") && polls(master, POLLIN | POLLOUT));
	CHECK("hung up by itself", ioctl(slave, TIOCVHANGUP) == 0 && read(slave, buf, 1) == 0);
	close(slave);
	reads(master, "more\r\n");
	FAILS("which ends the master, too", EIO, read(master, buf, sizeof buf));
	close(open_slave(master, O_RDWR | O_NOCTTY));
	FAILS("as the next one's end does", EIO, read(master, buf, sizeof buf));
	slave = open_slave(master, O_RDWR | O_NOCTTY);
	close(master);
	CHECK("the slave's poll", polls(slave, POLLIN | POLLOUT | POLLHUP | POLLERR));
	close(slave);
}

static int passes(int from, int to)
{
	static char bytes[200000];
	long at = 0, n = 1;
	pid_t child = fork();

	if (child == 0) {
		for (long i = 0; i < 200000; i++)
			bytes[i] = (char)(i * 7 % 251);
		for (; at < 200000 && (n = write(from, bytes + at, (size_t)(200000 - at))) > 0;)
			at += n;
		_exit(at != 200000);
	}
	for (; n > 0 && at < 200000; at += n > 0 ? n : 0)
		n = read(to, bytes + at, (size_t)(200000 - at));
	for (n = 0; n < 200000 && bytes[n] == (char)(n * 7 % 251);)
		n++;
	return n == 200000 && EXITED(wait_status(child), 0);
}

static void full(void)
{
	int master = open_master(), slave = open_slave(master, O_RDWR | O_NOCTTY);
	static char bytes[200000];
	long put = 0, n;

	memset(bytes, 'b', sizeof bytes);
	raw(slave);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	fcntl(master, F_SETFL, O_NONBLOCK);
	while ((n = write(slave, bytes, 5000)) > 0)
		put += n;
	CHECK("full", n == -1 && errno == EAGAIN && put >= 4096 && put < 150000);
	CHECK("nothing lost", drain(master, bytes, put) == put && polls(slave, POLLOUT) && polls(master, POLLOUT));
	for (put = 0; (n = write(master, bytes, 5000)) > 0;)
		put += n;
	CHECK("full the other way", n == -1 && errno == EAGAIN && put >= 4096 && put < 150000);
	CHECK("nothing lost there", drain(slave, bytes, put) == put && polls(slave, POLLOUT) && polls(master, POLLOUT));
	fcntl(slave, F_SETFL, 0);
	fcntl(master, F_SETFL, 0);
	CHECK("waits for room, and in order", passes(slave, master));
	CHECK("the other way, too", passes(master, slave));
	close(slave);
	close(master);
}

/* What a read in packet mode says: its first byte, and that the rest is `text`. */
static int packet(int master, int first, const char *text)
{
	char got[64] = "";
	ssize_t n = read(master, got, sizeof got - 1);

	if (n < 1 || got[0] != first || strcmp(got + 1, text) != 0)
		fprintf(stderr, "%zd bytes, %d, \"%s\"\n", n, got[0], got + 1);
	return n >= 1 && got[0] == first && strcmp(got + 1, text) == 0;
}

static void packets(void)
{
	int master = open_master(), slave = open_slave(master, O_RDWR | O_NOCTTY), on = 1, is = 7;
	struct termios t;

	CHECK("packets", ioctl(master, TIOCPKT, &on) == 0 && ioctl(master, TIOCGPKT, &is) == 0 && is == 1);
	CHECK("nothing to say", polls(master, POLLOUT));
	CHECK("bytes", writes(slave, "x\n") && packet(master, TIOCPKT_DATA, "x\r\n"));
	tcflush(slave, TCIFLUSH);
	CHECK("flushed", polls(master, POLLPRI | POLLIN | POLLOUT) && packet(master, TIOCPKT_FLUSHREAD, ""));
	tcflush(slave, TCOFLUSH);
	CHECK("the other way", packet(master, TIOCPKT_FLUSHWRITE, ""));
	writes(master, "\023");
	CHECK("stopped by a key", packet(master, TIOCPKT_STOP, ""));
	writes(master, "\021");
	CHECK("and started", packet(master, TIOCPKT_START, ""));
	tcflow(slave, TCOOFF);
	tcflow(slave, TCOON);
	CHECK("both at once: the last", packet(master, TIOCPKT_START, ""));
	tcgetattr(slave, &t);
	t.c_iflag &= ~(tcflag_t)IXON;
	tcsetattr(slave, TCSANOW, &t);
	CHECK("no more by keys", packet(master, TIOCPKT_NOSTOP, ""));
	t.c_iflag |= IXON;
	tcsetattr(slave, TCSANOW, &t);
	CHECK("again", packet(master, TIOCPKT_DOSTOP, ""));
	t.c_lflag |= EXTPROC;
	tcsetattr(slave, TCSANOW, &t);
	CHECK("edited elsewhere", packet(master, TIOCPKT_IOCTL, ""));
	t.c_lflag &= ~(tcflag_t)EXTPROC;
	tcsetattr(slave, TCSANOW, &t);
	CHECK("no more", packet(master, TIOCPKT_IOCTL, ""));
	tcsetattr(slave, TCSANOW, &t);
	CHECK("nothing new", polls(master, POLLOUT));
	writes(master, "\003");
	CHECK("interrupted", packet(master, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE, "") && packet(master, TIOCPKT_DATA, "^C"));
	on = 0;
	CHECK("bytes alone", ioctl(master, TIOCPKT, &on) == 0 && writes(slave, "y") && reads(master, "y"));
	close(slave);
	close(master);
}

static volatile sig_atomic_t heard;
static void on_signal(int signo) { heard = signo; }

/* A child that leads a session with the slave as its terminal; says what it waits for by the exit status. */
static pid_t leader(int master, int (*what)(int slave))
{
	pid_t child = fork();

	if (child == 0) {
		int slave;

		setsid();
		slave = open_slave(master, O_RDWR);
		close(master);
		_exit(what(slave));
	}
	return child;
}

static int reads_a_line(int slave)
{
	char c[10];

	return !(tcgetpgrp(slave) == getpid() && tcgetsid(slave) == getpid() && writes(slave, "go") && read(slave, c, sizeof c) == 2);
}

static int waits_for_signal(int slave)
{
	signal(SIGINT, on_signal);
	signal(SIGWINCH, on_signal);
	signal(SIGQUIT, on_signal);
	writes(slave, "go");
	for (int i = 0; i < 2000 && !heard; i++)
		pause_ms(5);
	return heard;
}

static int by_dev_tty(int slave)
{
	int tty = open("/dev/tty", O_RDWR);
	struct stat st;

	return !(tty >= 0 && fstat(tty, &st) == 0 && st.st_rdev == makedev(5, 0) && tcgetpgrp(tty) == getpid() && writes(tty, "go") &&
	         tcgetsid(slave) == getpid());
}

/* The leader is told that the terminal is gone, and the foreground group when the leader has ended. */
static int ignores_hang_up(int slave)
{
	pid_t child;
	int p[2];
	char c;

	signal(SIGHUP, on_signal);
	signal(SIGTTOU, SIG_IGN);
	pipe(p);
	if ((child = fork()) == 0) {
		signal(SIGHUP, SIG_DFL);
		setpgid(0, 0);
		tcsetpgrp(slave, getpid());
		writes(slave, "go");
		close(p[1]);
		read(p[0], &c, 1);
		_exit(1);
	}
	close(p[0]);
	for (int i = 0; i < 2000 && !heard; i++)
		pause_ms(5);
	pause_ms(20);
	return !(heard == SIGHUP && waitpid(child, NULL, WNOHANG) == 0);
}

static void jobs(void)
{
	int master = open_master(), slave = open_slave(master, O_RDWR | O_NOCTTY), n = 0; /* held, or the master would be at its end in between */
	pid_t child = leader(master, reads_a_line);

	CHECK("its terminal", reads(master, "go"));
	CHECK("whose it is", tcgetpgrp(master) == child && tcgetsid(master) == child);
	writes(master, "a\n");
	CHECK("reads", EXITED(wait_status(child), 0));
	CHECK("nobody's after it", tcgetpgrp(master) == 0);
	FAILS("nor a session's", ENOTTY, tcgetsid(master));
	close(slave);
	close(master);

	master = open_master();
	slave = open_slave(master, O_RDWR | O_NOCTTY);
	child = leader(master, waits_for_signal);
	reads(master, "go");
	writes(master, "\003");
	CHECK("interrupted", EXITED(wait_status(child), SIGINT));
	child = leader(master, waits_for_signal);
	CHECK("another one's", reads(master, "^Cgo"));
	CHECK("a new size", ioctl(master, TIOCSWINSZ, &(struct winsize){ 9, 9, 0, 0 }) == 0 && EXITED(wait_status(child), SIGWINCH));
	child = leader(master, waits_for_signal);
	reads(master, "go");
	FAILS("not any signal", EINVAL, ioctl(master, TIOCSIG, SIGTERM));
	CHECK("a signal without a key", ioctl(master, TIOCSIG, SIGQUIT) == 0 && EXITED(wait_status(child), SIGQUIT));
	child = leader(master, by_dev_tty);
	CHECK("as /dev/tty", reads(master, "go") && EXITED(wait_status(child), 0));
	FAILS("not the caller's own", ENOTTY, ioctl(master, TIOCNOTTY));
	FAILS("nor its foreground", ENOTTY, ioctl(master, TIOCSPGRP, &n));

	child = leader(master, reads_a_line);
	reads(master, "go");
	close(master);
	CHECK("hung up", KILLED(wait_status(child), SIGHUP));
	close(slave);

	master = open_master();
	child = leader(master, ignores_hang_up);
	reads(master, "go");
	close(master);
	CHECK("the foreground is told when the leader has ended", EXITED(wait_status(child), 0));
}

/* Another instance has numbers of its own, and its own ptmx. */
static void instances(void)
{
	int first = open_master(), other, n = -1;
	struct stat st;

	mkdir("/tmp/pts", 0755);
	FAILS("unknown options", EINVAL, mount("x", "/tmp/pts", "devpts", 0, "size=3"));
	CHECK("a second devpts", mount("x", "/tmp/pts", "devpts", MS_NOEXEC, "ptmxmode=0666,mode=0604,max=2") == 0);
	other = open("/tmp/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK("its numbers", other >= 0 && ioctl(other, TIOCGPTN, &n) == 0 && n == 0 && stat("/tmp/pts/0", &st) == 0 && (st.st_mode & 07777) == 0604);
	CHECK("a second one", (n = open("/tmp/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0);
	FAILS("and no third", ENOSPC, open("/tmp/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
	close(n);
	mknod("/tmp/slave", S_IFCHR | 0666, makedev(136, 0));
	FAILS("no name elsewhere", EIO, open("/tmp/slave", O_RDWR | O_NOCTTY));
	mknod("/tmp/ptmx", S_IFCHR | 0666, makedev(5, 2));
	n = open("/tmp/ptmx", O_RDWR | O_NOCTTY);
	CHECK("the one beside a node", n >= 0 && stat("/tmp/pts/1", &st) == 0);
	close(n);
	CHECK("unmounted with a master open", umount2("/tmp/pts", MNT_DETACH) == 0);
	FAILS("a node with none beside it", ENODEV, open("/tmp/ptmx", O_RDWR | O_NOCTTY));
	CHECK("which works on", writes(other, "x") && reads(other, "x"));
	close(other);
	close(first);
}

int main(void)
{
	struct sigaction hup = { .sa_handler = SIG_DFL };

	sigaction(SIGHUP, &hup, NULL);
	names();
	peer();
	lines();
	modes();
	ends();
	full();
	packets();
	jobs();
	instances();
	DONE();
}

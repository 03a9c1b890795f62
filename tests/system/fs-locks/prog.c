/* Locks between processes: conflicts, waiting, deadlock, splitting and joining, open-file locks, flock. */
#include "check.h"
#include <sys/file.h>

static int f, g;

static void nothing(int sig) { (void)sig; }

static int lock_of(int fd, int cmd, int type, long start, long size)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size };

	return fcntl(fd, cmd, &l);
}
#define LOCK(type, start, size) lock_of(f, F_SETLK, type, start, size)

/* What another process sees from byte 0 on, as "w0+10 r10+0 ". */
static int seen(const char *want)
{
	pid_t child = fork();

	if (child == 0) {
		char text[200] = "";
		long at = 0;
		for (;;) {
			struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at };
			fcntl(f, F_GETLK, &l);
			if (l.l_type == F_UNLCK)
				break;
			snprintf(text + strlen(text), 40, "%c%ld+%ld ", l.l_type == F_WRLCK ? 'w' : 'r', (long)l.l_start, (long)l.l_len);
			at = l.l_start + l.l_len;
			if (l.l_len == 0)
				break;
		}
		_exit(strcmp(text, want) != 0);
	}
	return EXITED(wait_status(child), 0);
}

static void ranges(void)
{
	LOCK(F_WRLCK, 0, 100);
	CHECK("one range", seen("w0+100 "));
	LOCK(F_UNLCK, 40, 20);
	CHECK("a hole in it", seen("w0+40 w60+40 "));
	LOCK(F_RDLCK, 10, 10);
	CHECK("a part turned into a read lock", seen("w0+10 r10+10 w20+20 w60+40 "));
	LOCK(F_WRLCK, 10, 10);
	LOCK(F_WRLCK, 40, 20);
	CHECK("neighbours join", seen("w0+100 "));
	LOCK(F_WRLCK, 50, 0);
	CHECK("to the end of all files", seen("w0+0 "));
	LOCK(F_UNLCK, 7, 0);
	CHECK("and cut again", seen("w0+7 "));
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1 };
	CHECK("relative to the end", fcntl(f, F_SETLK, &l) == 0 && seen("w0+7 w8+1 "));
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 30, .l_len = -10 };
	CHECK("a negative length", fcntl(f, F_SETLK, &l) == 0 && seen("w0+7 w8+1 r20+10 "));
	FAILS("before the start", EINVAL, LOCK(F_WRLCK, -1, 1));
	l.l_len = -31;
	FAILS("a length before the start", EINVAL, fcntl(f, F_SETLK, &l));
	FAILS("no such type", EINVAL, LOCK(9, 0, 1));
	LOCK(F_UNLCK, 0, 0);
	CHECK("nothing left", seen(""));
}

static void waiting(void)
{
	int p[2];
	char c = 0;
	pid_t child;
	long t;

	pipe(p);
	LOCK(F_WRLCK, 0, 5);
	if ((child = fork()) == 0) {
		t = clock_ms();
		int st = lock_of(g, F_SETLKW, F_WRLCK, 0, 1);
		write(p[1], "g", 1);
		_exit(st != 0 || clock_ms() - t < 90);
	}
	pause_ms(150);
	CHECK("it waits", fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 && read(p[0], &c, 1) == -1 && errno == EAGAIN);
	fcntl(p[0], F_SETFL, 0);
	LOCK(F_UNLCK, 0, 0);
	CHECK("until the other unlocks", EXITED(wait_status(child), 0) && read(p[0], &c, 1) == 1);
	CHECK("a process's end drops its locks", LOCK(F_WRLCK, 0, 1) == 0);

	if ((child = fork()) == 0) {
		LOCK(F_WRLCK, 1, 1);
		write(p[1], "x", 1);
		_exit(lock_of(f, F_SETLKW, F_WRLCK, 0, 1) != 0);
	}
	read(p[0], &c, 1);
	pause_ms(150);
	FAILS("each waits for the other: deadlock", EDEADLK, lock_of(f, F_SETLKW, F_WRLCK, 1, 1));
	LOCK(F_UNLCK, 0, 0);
	CHECK("the other one goes on", EXITED(wait_status(child), 0));

	LOCK(F_WRLCK, 0, 0);
	if ((child = fork()) == 0) {
		struct sigaction sa = { .sa_handler = nothing };
		sigaction(SIGALRM, &sa, NULL);
		ualarm(50000, 0);
		_exit(!(lock_of(f, F_SETLKW, F_WRLCK, 0, 1) == -1 && errno == EINTR));
	}
	CHECK("a signal ends the wait", EXITED(wait_status(child), 0));
	CHECK("locks are not inherited, and live until any descriptor of the file is closed", (close(dup(g)), seen("")));
	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
	FAILS("a write lock needs write access", EBADF, lock_of(ro, F_SETLK, F_WRLCK, 0, 1));
	FAILS("a read lock read access", EBADF, lock_of(wo, F_SETLK, F_RDLCK, 0, 1));
	close(ro);
	close(wo);
}

static void open_files(void)
{
	CHECK("an open-file lock", lock_of(f, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
	FAILS("conflicts within the process", EAGAIN, lock_of(g, F_OFD_SETLK, F_WRLCK, 0, 0));
	FAILS("and with a record lock", EAGAIN, lock_of(g, F_SETLK, F_WRLCK, 0, 0));
	int d = dup(f);
	CHECK("belongs to dups as well", lock_of(d, F_OFD_SETLK, F_WRLCK, 5, 5) == 0);
	close(d);
	FAILS("which may be closed", EAGAIN, lock_of(g, F_OFD_SETLK, F_RDLCK, 0, 1));
	CHECK("unlock", lock_of(f, F_OFD_SETLK, F_UNLCK, 0, 0) == 0 && lock_of(g, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
	lock_of(g, F_OFD_SETLK, F_UNLCK, 0, 0);

	CHECK("flock", flock(f, LOCK_EX) == 0);
	FAILS("exclusive", EAGAIN, flock(g, LOCK_EX | LOCK_NB));
	CHECK("made shared", flock(f, LOCK_SH) == 0 && flock(g, LOCK_SH | LOCK_NB) == 0);
	FAILS("cannot be exclusive again", EAGAIN, flock(f, LOCK_EX | LOCK_NB));
	CHECK("unlock both", flock(f, LOCK_UN) == 0 && flock(g, LOCK_UN) == 0);
	FAILS("no such operation", EINVAL, flock(g, 77));
	flock(f, LOCK_EX);
	pid_t child = fork();
	if (child == 0)
		_exit(flock(g, LOCK_EX) != 0);
	pause_ms(100);
	CHECK("flock waits too", waitpid(child, NULL, WNOHANG) == 0 && flock(f, LOCK_UN) == 0 && EXITED(wait_status(child), 0));
}

int main(void)
{
	f = open("f", O_RDWR | O_CREAT, 0600);
	g = open("f", O_RDWR);
	write(f, "0123456789", 10);
	ranges();
	waiting();
	open_files();
	DONE();
}

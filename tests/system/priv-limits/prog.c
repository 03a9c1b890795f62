/* What is counted by user and not by process, and what is chosen when memory runs out (oom_score). */
#include "guests.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define USER  54321 /* whom nobody else is */
#define OTHER 54322

static void limit(int which, unsigned long n)
{
	setrlimit(which, &(struct rlimit){ n, n });
}

static int idle(void *x)
{
	while (!x)
		pause();
	return 0;
}

static long thread(void)
{
	char *stack = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return clone(idle, stack + 4096, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);
}

static int queue(int signo)
{
	return sigqueue(getpid(), signo, (union sigval){ 0 });
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* In a child of the same user that lives until it is killed; 0: it did what it should. */
static pid_t beside(int (*what)(void))
{
	int p[2];
	char c = 1;
	pid_t child;

	pipe(p);
	child = fork();
	if (child == 0) {
		c = (char)what();
		write(p[1], &c, 1);
		idle(NULL);
	}
	read(p[0], &c, 1);
	close(p[0]);
	close(p[1]);
	return c ? -1 : child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	wait_status(child);
}

static int five_threads(void)
{
	for (int i = 0; i < 5; i++) {
		if (thread() < 0)
			return 1;
	}
	return 0;
}

static int five_signals(void)
{
	block_all();
	for (int i = 0; i < 5; i++) {
		if (queue(SIGRTMIN))
			return 1;
	}
	return 0;
}

static void tasks(void)
{
	pid_t child, zombies[4];

	limit(RLIMIT_NPROC, 10);
	child = beside(five_threads);
	CHECK("threads of another process", child > 0);
	/* It and six of the child's are seven. */
	for (int i = 0; i < 3; i++)
		CHECK("three more", (zombies[i] = fork()) == 0 ? (_exit(0), 0) : zombies[i] > 0);
	FAILS("an eleventh process", EAGAIN, fork());
	FAILS("an eleventh thread", EAGAIN, thread());
	pause_ms(50);
	FAILS("zombies count", EAGAIN, fork());
	for (int i = 0; i < 3; i++)
		wait_status(zombies[i]);
	CHECK("until they are waited for", thread() > 0 && thread() > 0 && thread() > 0);
	FAILS("and then again", EAGAIN, fork());
	end(child);
	CHECK("all of a killed one come back", (child = fork()) == 0 ? (_exit(0), 0) : child > 0);
	wait_status(child);
}

static void set_user(void)
{
	pid_t child, user, other;

	/* As root it is beyond all limits. */
	limit(RLIMIT_NPROC, 1);
	child = fork();
	if (child == 0)
		become(OTHER), idle(NULL);
	user = fork();
	if (user == 0)
		become(OTHER), idle(NULL);
	pause_ms(100);
	other = fork();
	if (other == 0) {
		setgroups(0, NULL);
		setgid(OTHER);
		CHECK("set*uid beyond the limit goes", setuid(OTHER) == 0);
		FAILS("execve does not", EAGAIN, execl("/bin/true", "true", NULL));
		end(child);
		_exit(check_failures != 0);
	}
	CHECK("of another user", EXITED(wait_status(other), 0));
	end(child);
	other = fork();
	if (other == 0) {
		setgroups(0, NULL);
		setgid(OTHER);
		setuid(OTHER);
		execl("/bin/true", "true", NULL);
		_exit(5);
	}
	CHECK("and within it both do", EXITED(wait_status(other), 0));
	end(user);
}

static void signals(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	timer_t timer;
	pid_t child;
	int n = 0;

	limit(RLIMIT_SIGPENDING, 10);
	child = beside(five_signals);
	CHECK("signals of another process", child > 0);
	block_all();
	while (n < 100 && queue(SIGRTMIN) == 0)
		n++;
	CHECK("five more", n == 5 && errno == EAGAIN);
	FAILS("a timer is one, too", EAGAIN, timer_create(CLOCK_MONOTONIC, &none, &timer));
	CHECK("a standard signal always goes", kill(getpid(), SIGUSR1) == 0);
	end(child);
	CHECK("again when the other has ended", queue(SIGRTMIN) == 0 && timer_create(CLOCK_MONOTONIC, &none, &timer) == 0);
}

static void others(void)
{
	int p[2], f = open("lock", O_CREAT | O_RDWR, 0600);

	limit(RLIMIT_LOCKS, 1);
	for (int i = 0; i < 3; i++)
		CHECK("RLIMIT_LOCKS means nothing", fcntl(f, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_start = i * 2, .l_len = 1 }) == 0);
	pipe(p);
	FAILS("a pipe beyond pipe-max-size", EPERM, fcntl(p[1], F_SETPIPE_SZ, 2 << 20));
}

static int many_pipes(void)
{
	int p[2];

	for (int i = 0; i < 400; i++) {
		if (pipe(p))
			return 1;
	}
	return 0;
}

static void pipes(void)
{
	char text[32] = "";
	int f = open("/proc/sys/fs/pipe-user-pages-soft", O_RDONLY), p[2];
	long left = read(f, text, sizeof text - 1) > 0 ? atol(text) / 16 : 0;
	pid_t child[16];
	int n = 0;

	close(f);
	/* One pipe of the usual 16 pages fits beside those, more or less. */
	for (; left > 400 && n < 16; left -= 400, n++)
		child[n] = beside(many_pipes);
	for (; left > 3; left--)
		pipe(p);
	CHECK("pipes of the usual size", fcntl(p[0], F_GETPIPE_SZ) == 65536 && fcntl(p[0], F_SETPIPE_SZ, 65536) == 65536);
	for (int i = 0; i < 4; i++)
		pipe(p);
	CHECK("beyond pipe-user-pages-soft they are small", fcntl(p[0], F_GETPIPE_SZ) == 8192);
	FAILS("and stay so", EPERM, fcntl(p[0], F_SETPIPE_SZ, 1 << 20));
	while (n-- > 0)
		end(child[n]);
	CHECK("until others end", fcntl(p[0], F_SETPIPE_SZ, 65536) == 65536);
}

/* ---- oom_score ---- */

static int put(const char *file, const char *text)
{
	int f = open(file, O_WRONLY);
	long n = f < 0 ? -1 : write(f, text, strlen(text));
	int e = errno;

	close(f);
	errno = e;
	return n == (long)strlen(text) ? 0 : -1;
}

static long score(const char *adj)
{
	char text[32] = "";
	int f;

	if (adj && put("/proc/self/oom_score_adj", adj))
		return -1;
	f = open("/proc/self/oom_score", O_RDONLY);
	if (read(f, text, sizeof text - 1) <= 0)
		return -1;
	close(f);
	return atol(text);
}

static int near(long value, long want)
{
	return value >= want - 2 && value <= want + 10;
}

static void scores(void)
{
	long before, after;
	unsigned long may;
	char *big;

	CHECK("one that takes little", near(score(NULL), 666));
	CHECK("moved up", near(score("500"), 1000) && near(score("1000"), 1333));
	/* The native run's root may not have the capability. */
	may = caps_now().effective & CAP(CAP_SYS_RESOURCE);
	CHECK("moved down", !may || (near(score("-500"), 333) && near(score("-999"), 0)));
	CHECK("never", !may || score("-1000") == 0);
	FAILS("beyond", EINVAL, put("/proc/self/oom_score_adj", "1001"));
	score("0");
	before = score(NULL);
	big = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(big, 1, 64 << 20);
	after = score(NULL);
	CHECK("memory counts", after >= before);
	munmap(big, 64 << 20);
	score("0");
	AS("a user", USER, prctl(PR_SET_DUMPABLE, 1);
	   CHECK("up, and back", put("/proc/self/oom_score_adj", "300") == 0 && near(score("0"), 666));
	   FAILS("but not below", EACCES, put("/proc/self/oom_score_adj", "-1"));
	   FAILS("another's", EACCES, put("/proc/1/oom_score_adj", "0")));
}

int main(void)
{
	pid_t other;

	chmod(".", 0777);
	AS("tasks", USER, tasks());
	other = fork();
	if (other == 0) {
		set_user();
		_exit(check_failures != 0);
	}
	CHECK("another user", EXITED(wait_status(other), 0));
	AS("signals", USER, signals());
	AS("others", USER, others());
	AS("pipes", USER, pipes());
	scores();
	DONE();
}

/*
 * A user takes all that he gets of everything. Root forks, runs programs and kills all the while, and all is there again
 * afterwards. When memory runs out, whoever has most goes.
 */
#include "guests.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/xattr.h>

static volatile long *shared;

static int idle(void *x)
{
	while (!x)
		pause();
	return 0;
}

static void *pages(size_t n)
{
	return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- what he takes; each ends when he gets no more, or `many` */

static void links(void)
{
	char name[16];

	close(open("f", O_CREAT | O_WRONLY, 0600));
	for (int k = 0; sprintf(name, "%d", k), link("f", name) == 0; k++)
		;
}

static void symlinks(void)
{
	static char target[4000];
	char name[16];

	memset(target, 'b', 3999);
	for (int k = 0; sprintf(name, "%d", k), symlink(target, name) == 0; k++)
		;
}

static void attributes(void)
{
	char name[16], attribute[16];

	for (int k = 0;; k++) {
		sprintf(name, "%d", k);
		close(open(name, O_CREAT | O_WRONLY, 0600));
		for (int i = 0; i < 8; i++) {
			sprintf(attribute, "user.%d", i);
			if (setxattr(name, attribute, "", 0, 0))
				return;
		}
	}
}

static void sparse(void)
{
	int f = open("sparse", O_CREAT | O_RDWR, 0600);

	for (unsigned long k = 0; pwrite(f, "x", 1, (off_t)((k * 2654435761ul << 21) & ((1l << 62) - 1))) == 1; k++)
		;
}

static void content(void)
{
	static char bytes[65536];
	int f = open("big", O_CREAT | O_WRONLY, 0600);

	while (write(f, bytes, sizeof bytes) > 0)
		;
}

static void locks(void)
{
	int f = open("lock", O_CREAT | O_RDWR, 0600);

	/* From the end on, so that each finds its place at once. */
	for (long k = 0; k < 3000; k++) {
		if (fcntl(f, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_start = k * 2, .l_len = 1 }))
			return;
	}
}

static void pipes(void)
{
	static char bytes[65536];

	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 });
	for (int child = 0; child < 20 && fork(); child++)
		;
	for (int i = 0; i < 2000; i++) {
		int p[2];

		if (pipe2(p, O_NONBLOCK))
			break;
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		for (int j = 0; j < 16 && write(p[1], bytes, sizeof bytes) == sizeof bytes; j++)
			;
	}
}

static void files(void)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 4096, 4096 });
	for (int child = 0; child < 20 && fork(); child++)
		;
	while (open("/", O_RDONLY) >= 0)
		;
}

static void threads(void)
{
	for (;;) {
		char *stack = pages(4096);

		if (stack == MAP_FAILED ||
		    clone(idle, stack + 4096, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL) < 0)
			return;
	}
}

static void processes(void)
{
	pid_t p;

	while ((p = fork()) > 0)
		;
	if (p == 0)
		idle(NULL);
}

static void zombies(void)
{
	pid_t p;

	while ((p = fork()) > 0)
		;
	if (p == 0)
		_exit(0);
}

static void signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int child = 0; child < 20 && fork() > 0; child++)
		;
	while (!sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }))
		;
}

static void regions(void)
{
	for (int child = 0; child < 20 && fork(); child++)
		;
	char *at = mmap(NULL, 4000 * 8192l, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; at != MAP_FAILED && i < 4000; i++)
		mprotect(at + i * 8192, 4096, PROT_READ | PROT_WRITE);
}

static void memory(void)
{
	for (int child = 0; child < 12 && fork(); child++)
		;
	for (;;)
		memset(pages(1 << 20), 1, 1 << 20);
}

static void tables(void)
{
	volatile char *at = mmap(NULL, 1l << 42, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (long i = 0; i < 1l << 42; i += 1l << 30)
		(void)at[i];
}

/* ---- what root does meanwhile ---- */

static int root_lives(void)
{
	pid_t p = fork();

	if (p == 0) {
		execl("/bin/true", "true", NULL);
		_exit(77);
	}
	return p > 0 && EXITED(wait_status(p), 0);
}

static int there_again(void)
{
	for (int tries = 0; tries < 100; tries++) {
		pid_t p = fork();

		if (p == 0) {
			char *a = pages(16 << 20);

			memset(a, 1, 16 << 20);
			_exit(3);
		}
		if (p > 0 && EXITED(wait_status(p), 3))
			return 1;
		pause_ms(20);
	}
	return 0;
}

static void eat(const char *what, void (*way)(void))
{
	char text[100];
	int lives = 1, rounds = 0;
	pid_t eater;

	mkdir("E", 0777);
	chmod("E", 0777);
	shared[0] = 0;
	eater = fork();
	if (eater == 0) {
		setpgid(0, 0);
		chdir("E");
		become(1000);
		way();
		shared[0] = 1;
		idle(NULL);
	}
	setpgid(eater, eater);
	/* Until he is full, at most some seconds, and once more then. */
	while (rounds < 60 && !shared[0] && waitpid(eater, NULL, WNOHANG) == 0) {
		lives &= root_lives();
		pause_ms(20);
		rounds++;
	}
	lives &= root_lives();
	snprintf(text, sizeof text, "%s: root forks and runs programs", what);
	CHECK(text, lives);
	kill(-eater, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0 || kill(-eater, 0) == 0)
		pause_ms(5);
	lives = WEXITSTATUS(system("rm -rf E")) == 0;
	snprintf(text, sizeof text, "%s: all is there again", what);
	CHECK(text, lives && there_again());
}

/* ---- who goes ---- */

/* Takes all that it gets without a fault of its own. */
static void hog(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char *at = mmap(NULL, 1l << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	while (read(zero, at, 4096) == 4096)
		at += 4096;
	shared[0] = 1;
	idle(NULL);
}

static void touch(size_t size)
{
	memset(pages(size), 1, size);
	_exit(0);
}

static void victims(void)
{
	pid_t waiting, eater, p;

	shared[0] = shared[1] = 0;
	if ((waiting = fork()) == 0) {
		while (!shared[1])
			pause_ms(5);
		touch(1 << 20);
	}
	if ((eater = fork()) == 0) {
		become(1000);
		hog();
	}
	while (!shared[0])
		pause_ms(5);
	if ((p = fork()) == 0)
		touch(64 << 10);
	CHECK("a small program of root's runs in what is left", EXITED(wait_status(p), 0) && waitpid(eater, NULL, WNOHANG) == 0);
	if ((p = fork()) == 0)
		touch(16 << 20);
	CHECK("for a larger one", EXITED(wait_status(p), 0));
	CHECK("whoever has most goes", KILLED(wait_status(eater), SIGKILL));
	shared[1] = 1;
	CHECK("and nobody else", EXITED(wait_status(waiting), 0));
}

static void adjusted(void)
{
	pid_t small, eater, p;
	int f;

	shared[0] = 0;
	if ((small = fork()) == 0) {
		become(1001);
		memset(pages(8 << 20), 1, 8 << 20);
		prctl(PR_SET_DUMPABLE, 1);
		f = open("/proc/self/oom_score_adj", O_WRONLY);
		write(f, "1000", 4);
		shared[0] = 1;
		idle(NULL);
	}
	while (!shared[0])
		pause_ms(5);
	shared[0] = 0;
	if ((eater = fork()) == 0) {
		f = open("/proc/self/oom_score_adj", O_WRONLY);
		write(f, "-1000", 5);
		close(f);
		become(1000);
		hog();
	}
	while (!shared[0])
		pause_ms(5);
	if ((p = fork()) == 0)
		touch(8 << 20);
	CHECK("oom_score_adj: whoever offers itself goes first", KILLED(wait_status(small), SIGKILL));
	CHECK("and gives enough", EXITED(wait_status(p), 0) && waitpid(eater, NULL, WNOHANG) == 0);
	if ((p = fork()) == 0)
		touch(32 << 20);
	CHECK("who shall not go stays", KILLED(wait_status(p), SIGKILL) && waitpid(eater, NULL, WNOHANG) == 0);
	kill(eater, SIGKILL);
	wait_status(eater);
	CHECK("until it is killed", there_again());
}

int main(void)
{
	chmod(".", 0777);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	eat("links", links);
	eat("symbolic links", symlinks);
	eat("attributes", attributes);
	eat("sparse files", sparse);
	eat("content", content);
	eat("locks", locks);
	eat("pipes", pipes);
	eat("open files", files);
	eat("threads", threads);
	eat("processes", processes);
	eat("zombies", zombies);
	eat("signals", signals);
	eat("regions", regions);
	eat("memory", memory);
	eat("page tables", tables);
	victims();
	adjusted();
	DONE();
}

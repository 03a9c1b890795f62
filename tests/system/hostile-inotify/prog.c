/* Who takes all watches, fills queues, or pulls files, watches and file systems away under each other. */
#include "guests.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define ROUNDS 1500

static char buffer[65536];

static long number_of(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	(void)!read(fd, text, sizeof text - 1);
	close(fd);
	return atol(text);
}

static int go[2], up[2], keeps_end = -1;

/* In a child of uid 1000, till the other end of `go` is closed. */
static pid_t greedy(int (*takes)(void))
{
	pid_t pid;

	(void)!pipe(go);
	(void)!pipe(up);
	pid = fork();
	if (pid == 0) {
		char byte;
		close(go[1]);
		close(keeps_end);
		become(1000);
		int bad = takes();
		(void)!write(up[1], "", 1);
		(void)!read(go[0], &byte, 1);
		_exit(bad);
	}
	close(go[0]);
	close(up[1]);
	char byte;
	(void)!read(up[0], &byte, 1);
	close(up[0]);
	return pid;
}

static bool well_ended(pid_t pid)
{
	close(go[1]);
	return EXITED(wait_status(pid), 0);
}

static int watches(void)
{
	int in = inotify_init1(IN_NONBLOCK), n = 0;
	char name[32];

	do {
		snprintf(name, sizeof name, "open/w%d", n);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	} while (inotify_add_watch(in, name, IN_ALL_EVENTS) > 0 && ++n < 1000);
	return !(n <= 300 && n > 0 && errno == ENOSPC && inotify_add_watch(in, "open/w0", IN_OPEN) == 1 &&
	         inotify_rm_watch(in, 1) == 0 && inotify_add_watch(in, "open/w0", IN_OPEN) > 0);
}

static const char limit_path[] = "/proc/sys/fs/inotify/max_user_watches";

/* Root's limit is made small meanwhile, natively, too: whatever becomes of us, this one puts it back when the other end of
 * the pipe is closed. */
static pid_t keeper(long before, int *end)
{
	int p[2];
	char text[32];
	pid_t pid;

	(void)!pipe2(p, O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		int fd = open(limit_path, O_WRONLY), n = snprintf(text, sizeof text, "%ld\n", before);
		setsid();
		close(p[1]);
		(void)!read(p[0], text + 24, 1);
		_exit(write(fd, text, (size_t)n) != n);
	}
	close(p[0]);
	*end = keeps_end = p[1];
	return pid;
}

static void takes_all_watches(void)
{
	long before = number_of(limit_path);
	int fd = open(limit_path, O_WRONLY), end;
	pid_t pid, keeps = keeper(before, &end);

	CHECK("the limit can be set", before > 0 && fd >= 0 && write(fd, "300\n", 4) == 4 && number_of(limit_path) == 300);
	pid = greedy(watches);
	AS("of the same user", 1000, FAILS("nobody has one", ENOSPC, inotify_add_watch(inotify_init1(0), "open", IN_OPEN)));
	AS("another user", 1001, CHECK("has all of them", inotify_add_watch(inotify_init1(0), "open", IN_OPEN) == 1));
	CHECK("one takes them all, changes what is there, and gives one for one", well_ended(pid));
	AS("and after his end", 1000, CHECK("they are back", inotify_add_watch(inotify_init1(0), "open", IN_OPEN) == 1));
	close(end);
	CHECK("as it was", EXITED(wait_status(keeps), 0) && number_of(limit_path) == before);
	close(fd);
}

static int instances(void)
{
	int n = 0;

	while (n < 2000 && inotify_init1(0) >= 0)
		n++;
	return !(n < 2000 && errno == EMFILE);
}

static void takes_all_instances(void)
{
	pid_t pid = greedy(instances);

	AS("of the same user", 1000, FAILS("nobody makes one", EMFILE, inotify_init1(0)));
	AS("another user", 1001, CHECK("makes one", inotify_init1(0) >= 0));
	CHECK("one takes all instances", well_ended(pid));
	AS("and after his end", 1000, CHECK("they are back", inotify_init1(0) >= 0));
}

/* Names of 255 bytes, as many as go in, in as many queues. */
static void fills_queues(void)
{
	AS("queues are filled", 1000, {
		int in[20];
		int told = 0;
		char a[300];
		char b[300];
		memset(a, 'a', sizeof a);
		memset(b, 'b', sizeof b);
		memcpy(a, "open/", 5);
		memcpy(b, "open/", 5);
		a[260] = b[260] = '\0';
		for (int i = 0; i < 20; i++) {
			in[i] = inotify_init1(IN_NONBLOCK);
			inotify_add_watch(in[i], "open", IN_MOVE);
		}
		close(open(a, O_CREAT | O_WRONLY, 0600));
		for (int i = 0; i < 5000; i++) {
			rename(a, b);
			rename(b, a);
		}
		for (int i = 0; i < 20; i++) {
			ssize_t n;
			int lost = 0;
			while ((n = read(in[i], buffer, sizeof buffer)) > 0)
				for (char *p = buffer; p < buffer + n; p += sizeof(struct inotify_event) + ((struct inotify_event *)(void *)p)->len)
					lost += ((struct inotify_event *)(void *)p)->mask == IN_Q_OVERFLOW;
			told += lost == 1;
		}
		CHECK("each says once that there was more", told == 20);
		rename(a, b);
		CHECK("and goes on", read(in[0], buffer, sizeof buffer) == 2 * (16 + 256));
		unlink(b);
	});
}

static int shared;
static atomic_bool over;

static void *adds(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int wd = inotify_add_watch(shared, i % 3 ? "open/race" : "open", i % 5 ? IN_ALL_EVENTS : IN_OPEN | IN_ONESHOT);
		if (i % 4 == 0)
			inotify_rm_watch(shared, wd);
	}
	return NULL;
}

static void *makes(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("open/race", O_CREAT | O_RDWR, 0600);
		(void)!write(fd, "x", 1);
		if (i % 2)
			unlink("open/race");
		else
			rename("open/race", "open/other");
		close(fd);
	}
	return NULL;
}

static void *reads(void *arg)
{
	static char bytes[4096];
	(void)arg;
	while (!atomic_load(&over)) {
		struct pollfd p = { shared, POLLIN, 0 };
		poll(&p, 1, 5);
		(void)!read(shared, bytes, sizeof bytes);
	}
	return NULL;
}

static void *closes(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS / 10; i++) {
		int fd = inotify_init1(IN_NONBLOCK);
		inotify_add_watch(fd, "open", IN_ALL_EVENTS);
		inotify_add_watch(fd, "open/other", IN_ALL_EVENTS);
		sched_yield();
		/* The one that the others use becomes another, too. */
		if (i % 10 == 0)
			dup2(fd, shared);
		close(fd);
	}
	return NULL;
}

static void races(void)
{
	pthread_t t[4], reader;
	void *(*what[4])(void *) = { adds, makes, closes, makes };

	shared = inotify_init1(IN_NONBLOCK);
	pthread_create(&reader, NULL, reads, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, what[i], NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	atomic_store(&over, true);
	pthread_join(reader, NULL);
	close(shared);
	unlink("open/race");
	unlink("open/other");
	CHECK("threads that add, make, read and close at once", true);
}

/* A child that dies with everything, in the middle. */
static void deaths(void)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			shared = inotify_init1(0);
			for (int j = 0;; j++) {
				inotify_add_watch(shared, "open", IN_ALL_EVENTS);
				close(open("open/dying", O_CREAT | O_WRONLY, 0600));
				inotify_add_watch(shared, "open/dying", IN_ALL_EVENTS);
				unlink("open/dying");
			}
		}
		usleep(2000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	unlink("open/dying");
	CHECK("who dies with watches", true);
}

static void mounts(void)
{
	int in = inotify_init1(IN_NONBLOCK), fd;

	mkdir("mnt", 0755);
	for (int i = 0; i < 20; i++) {
		if (mount("none", "mnt", "tmpfs", 0, NULL) != 0)
			break;
		inotify_add_watch(in, "mnt", IN_ALL_EVENTS);
		fd = open("mnt/file", O_CREAT | O_RDWR, 0600);
		inotify_add_watch(in, "mnt/file", IN_ALL_EVENTS);
		if (i % 2)
			unlink("mnt/file");
		umount2("mnt", MNT_DETACH);
		(void)!write(fd, "x", 1);
		close(fd);
		if (i % 3 == 0)
			while (read(in, buffer, sizeof buffer) > 0)
				;
	}
	close(in);
	CHECK("file systems that go under their watches", rmdir("mnt") == 0);
}

int main(void)
{
	char dir[64], command[96];

	snprintf(dir, sizeof dir, "/tmp/hostile-inotify-%d", (int)getpid());
	if (mkdir(dir, 0755) || chdir(dir) || mkdir("open", 0777) || chmod("open", 0777))
		return 1;
	takes_all_watches();
	takes_all_instances();
	fills_queues();
	races();
	deaths();
	mounts();
	snprintf(command, sizeof command, "rm -r %s", dir);
	CHECK("all away", system(command) == 0);
	DONE();
}

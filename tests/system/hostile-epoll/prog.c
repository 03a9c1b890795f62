/* epoll, misused: thousands of watches, webs of epoll files, files that go while somebody waits, the limit. All comes back. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define MOST  10000
#define LIMIT "/proc/sys/fs/epoll/max_user_watches"

static int MANY = MOST; /* fewer where the limit of descriptors is lower, and cannot be raised */
static struct epoll_event ev[MOST];

static int add(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int del(int ep, int fd) { return epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL); }
static void put(int fd) { if (write(fd, "x", 1) != 1) _exit(98); }

static uint32_t seed = 1;
static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static int on_feuerbird(void) { return access("/dev/exo", F_OK) == 0; }

static int set_limit(const char *value)
{
	int f = open(LIMIT, O_WRONLY), good = f >= 0 && write(f, value, strlen(value)) > 0;

	if (f >= 0)
		close(f);
	return good;
}

/* Ten thousand numbers of one file, all ready at once. */
static void copies(void)
{
	int ep = epoll_create1(0), p[2], first = 0, good = 1, last = 0;

	pipe(p);
	for (int i = 0; i < MANY; i++) {
		last = dup(p[0]);
		first = first ? first : last;
		good &= last >= 0 && add(ep, last, EPOLLIN) == 0;
	}
	CHECK("ten thousand watches", good && epoll_wait(ep, ev, MANY, 0) == 0);
	put(p[1]);
	CHECK("all ready", epoll_wait(ep, ev, MANY, 0) == MANY);
	uint64_t sum = 0;
	for (int i = 0; i < MANY; i++)
		if (epoll_wait(ep, ev, 1, 0) == 1)
			sum += (uint64_t)ev[0].data.fd;
	CHECK("each in its turn", sum == (uint64_t)(first + last) * MANY / 2);
	syscall(SYS_close_range, first, last, 0);
	CHECK("their numbers closed, they are still watched", epoll_wait(ep, ev, MANY, 0) == MANY);
	close(p[0]);
	CHECK("the file closed, they are not", epoll_wait(ep, ev, MANY, 0) == 0);
	close(p[1]), close(ep);
}

/* Layers of epoll files, each of which watches all of the next: more ways than anybody could walk. */
static void webs(void)
{
	enum { WIDE = 40, HIGH = 5 };
	int layer[HIGH][WIDE], p[2], good = 1, links = 0;
	struct pollfd f;

	for (int h = 0; h < HIGH; h++)
		for (int w = 0; w < WIDE; w++) {
			layer[h][w] = epoll_create1(0);
			for (int v = 0; h && v < WIDE; v++)
				links += add(layer[h][w], layer[h - 1][v], EPOLLIN | (v & 1 ? EPOLLET : 0)) == 0;
		}
	CHECK("all links of a web", links == (HIGH - 1) * WIDE * WIDE);
	pipe(p);
	/* Linux refuses to watch a file that would be told on too many ways. */
	for (int w = 0; w < WIDE; w++)
		if (add(layer[0][w], p[0], EPOLLIN) && errno != EINVAL)
			good = 0;
	for (int i = 0; i < 200; i++)
		put(p[1]);
	for (int w = 0; w < WIDE; w++)
		if (epoll_wait(layer[HIGH - 1][w], ev, WIDE, 0) < 0)
			good = 0;
	f = (struct pollfd){ layer[HIGH - 1][0], POLLIN, 0 };
	CHECK("it can be told and asked", good && poll(&f, 1, 0) >= 0);
	for (int h = 0; h < HIGH; h++)
		for (int w = 0; w < WIDE; w++)
			close(layer[h][w]);
	close(p[0]), close(p[1]);
}

/* Links at random, against a model: no cycle and no chain of more than five. */
enum { NODES = 24 };
static char linked[NODES][NODES]; /* [a][b]: a watches b */

static int depth(int at, int down, int left)
{
	int most = 0;

	if (left == 0)
		return 0;
	for (int i = 0; i < NODES; i++)
		if (down ? linked[at][i] : linked[i][at]) {
			int d = 1 + depth(i, down, left - 1);
			most = d > most ? d : most;
		}
	return most;
}

static int reaches(int from, int to)
{
	if (from == to)
		return 1;
	for (int i = 0; i < NODES; i++)
		if (linked[from][i] && reaches(i, to))
			return 1;
	return 0;
}

static void cycles(void)
{
	int node[NODES], wrong = 0, loops = 0;

	for (int i = 0; i < NODES; i++)
		node[i] = epoll_create1(0);
	for (int i = 0; i < 4000; i++) {
		int a = (int)below(NODES), b = (int)below(NODES), want = 0, got;
		uint32_t what = below(20);

		if (a == b)
			continue;
		if (what == 0) { /* its watches go with it, and those of it */
			close(node[a]);
			node[a] = epoll_create1(0);
			for (int k = 0; k < NODES; k++)
				linked[a][k] = linked[k][a] = 0;
			continue;
		}
		if (what < 6) {
			got = del(node[a], node[b]) ? errno : 0;
			want = linked[a][b] ? 0 : ENOENT;
			linked[a][b] = 0;
		} else {
			got = add(node[a], node[b], EPOLLIN) ? errno : 0;
			if (reaches(b, a) || depth(b, 1, 6) + 1 + depth(a, 0, 6) > 4)
				want = ELOOP;
			else if (linked[a][b])
				want = EEXIST;
			linked[a][b] |= !want;
			loops += want == ELOOP;
		}
		wrong += got != want;
	}
	CHECK("four thousand links as the model says", wrong == 0 && loops > 100);
	for (int i = 0; i < NODES; i++)
		close(node[i]);
}

/* ---- while somebody waits ---- */

static int race_ep, race_outer;
static volatile int over;

static void *race_waiter(void *arg)
{
	struct epoll_event e[4];

	while (!over)
		epoll_wait(arg ? race_outer : race_ep, e, 1 + (arg != NULL) * 3, 1);
	return NULL;
}

static void *race_reader(void *arg)
{
	char name[40], text[4000];

	(void)arg;
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", race_ep);
	while (!over) {
		int f = open(name, O_RDONLY);
		while (read(f, text, sizeof text) > 0)
			;
		close(f);
		pause_ms(1);
	}
	return NULL;
}

static int shuffle(int rounds)
{
	static const uint32_t how[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE };
	int open_ones[16][2], count = 0;

	for (int i = 0; i < rounds; i++) {
		uint32_t what = below(6);
		int *p = count ? open_ones[below((uint32_t)count)] : NULL;

		if (what < 2 && count < 16) {
			p = open_ones[count];
			if (pipe(p))
				return 1;
			count++;
			if (add(race_ep, p[0], EPOLLIN | how[below(4)]) || add(race_ep, p[1], EPOLLOUT | how[below(4)]))
				return 2;
		} else if (what == 2 && p) {
			put(p[1]);
		} else if (what == 3 && p) {
			del(race_ep, p[below(2)]);
		} else if (what == 4 && p) {
			struct epoll_event e = { .events = EPOLLIN | how[below(3)] };
			epoll_ctl(race_ep, EPOLL_CTL_MOD, p[below(2)], &e);
		} else if (what == 5 && p) {
			close(p[0]), close(p[1]);
			count--;
			p[0] = open_ones[count][0], p[1] = open_ones[count][1];
		}
	}
	while (count--)
		close(open_ones[count][0]), close(open_ones[count][1]);
	return 0;
}

static void races(void)
{
	pthread_t t[4];
	pid_t child[2];
	int bad;

	race_ep = epoll_create1(0);
	race_outer = epoll_create1(0);
	add(race_outer, race_ep, EPOLLIN | EPOLLET);
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, race_waiter, (void *)(i / 2));
	pthread_create(&t[3], NULL, race_reader, NULL);
	for (uint32_t i = 0; i < 2; i++)
		if ((child[i] = fork()) == 0) {
			seed += i + 1;
			_exit(shuffle(1500));
		}
	bad = shuffle(1500);
	CHECK("files come and go while others wait", bad == 0);
	CHECK("in children, too", EXITED(wait_status(child[0]), 0) && EXITED(wait_status(child[1]), 0));
	child[0] = fork();
	if (child[0] == 0) { /* dies with all of it open */
		int p[2];
		for (int i = 0; i < 500; i++)
			if (pipe(p) == 0)
				add(race_ep, p[0], EPOLLIN), add(race_ep, p[1], EPOLLOUT);
		raise(SIGKILL);
	}
	CHECK("a child that is killed", KILLED(wait_status(child[0]), SIGKILL));
	over = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK("nothing is watched any more", epoll_wait(race_ep, ev, MANY, 0) == 0);
	close(race_ep), close(race_outer);
}

/* The epoll file closed by another thread: who waits goes on waiting. */
static void *close_soon(void *arg)
{
	int *fd = arg;

	pause_ms(200);
	close(fd[0]);
	pause_ms(30);
	put(fd[1]);
	return NULL;
}

static void closed(void)
{
	int p[2], ep = epoll_create1(0), fd[2];
	pthread_t t;

	pipe(p);
	add(ep, p[0], EPOLLIN);
	fd[0] = ep, fd[1] = p[1];
	pthread_create(&t, NULL, close_soon, fd);
	CHECK("closed while one waits in it", epoll_wait(ep, ev, 1, 5000) == 1);
	pthread_join(t, NULL);
	FAILS("but no longer", EBADF, epoll_wait(ep, ev, 1, 0));
	close(p[0]), close(p[1]);
}

/* ---- the limit ---- */

static int fill(int ep, int count)
{
	int p[2], first, last = 0, n = 0, err = 0;

	if (pipe(p))
		return -1;
	first = p[0];
	while (n < count && (last = dup(p[0])) >= 0) {
		if (add(ep, last, EPOLLIN)) {
			err = errno;
			break;
		}
		n++;
	}
	syscall(SYS_close_range, first, last, 0);
	return err && err != ENOSPC ? -1 : n;
}

/* Nearly as many as the limit, or as there may be descriptors. */
static int room(int ep)
{
	int n = MANY < 2990 ? MANY : 2990;

	return fill(ep, n) == n;
}

static void limit(void)
{
	char old[32];
	int may, ep = epoll_create1(0), p[2], q[2];

	snprintf(old, sizeof old, "%ld", file_number(LIMIT, ""));
	may = on_feuerbird() && set_limit("3000"); /* natively it would be the host's */
	pipe(p), pipe(q);
	CHECK("one watch", add(ep, p[0], EPOLLIN) == 0);
	int n = 0, last = p[0];
	while (n < 4000 && (last = dup(p[0])) >= 0 && add(ep, last, EPOLLIN) == 0)
		n++;
	CHECK("ENOSPC at the limit", !may || (n == 2999 && errno == ENOSPC));
	CHECK("in every epoll file of the user", !may || (add(epoll_create1(0), p[0], EPOLLIN) && errno == ENOSPC));
	CHECK("what is there can be changed", epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &(struct epoll_event){ .events = 0 }) == 0);
	CHECK("one goes, one comes", del(ep, p[0]) == 0 && add(ep, q[0], EPOLLIN) == 0);
	syscall(SYS_close_range, q[1] + 1, ~0U, 0);
	close(p[0]);
	int fresh = epoll_create1(0);
	CHECK("files closed: there is room", room(fresh));
	CHECK("again and again", room(fresh) && room(fresh));
	pid_t child = fork();
	if (child == 0) {
		int own = epoll_create1(0), r[2];
		pipe(r);
		for (int i = 0; i < MANY && i < 2900; i++)
			if (add(own, dup(r[0]), EPOLLIN))
				_exit(1);
		_exit(0);
	}
	CHECK("a process ends: there is room", EXITED(wait_status(child), 0) && room(fresh));
	if (may)
		set_limit(old);
	syscall(SYS_close_range, 3, ~0U, 0);
}

static long free_kib(void) { return file_number("/proc/meminfo", "MemFree:"); }

int main(void)
{
	struct rlimit rl;
	long before = 0;
	int files = 0;

	syscall(SYS_close_range, 3, ~0U, 0);
	getrlimit(RLIMIT_NOFILE, &rl);
	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ MOST + 200, MOST + 200 })) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		MANY = rl.rlim_max < MOST + 200 ? (int)rl.rlim_max - 200 : MOST;
	}
	copies();
	webs();
	cycles();
	races();
	closed();
	limit();
	/* Now that everything was as large as it gets, nothing may grow. */
	for (int round = 0; round < 6; round++) {
		if (round == 1)
			before = free_kib();
		for (int i = 0; i < 4; i++) {
			int ep = epoll_create1(0);
			files += fill(ep, MANY / 4) == MANY / 4;
			close(ep);
		}
	}
	CHECK("sixty thousand more watches", files == 24);
	long lost = before - free_kib();
	CHECK("no memory is lost", lost < 1024 || !on_feuerbird());
	DONE();
}

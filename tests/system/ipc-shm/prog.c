/* Segments of shared memory: making, attaching in every way, what counts as attached, and the end of them. */
#include "sysv.h"
#include <sys/resource.h>

#define BAD ((void *)8)
#undef SHM_NORESERVE
#undef SHM_HUGETLB
enum { SHM_NORESERVE = 010000, SHM_HUGETLB = 04000 };
#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif
#define PAGE 4096ul

static void print(const char *what, long value) { dprintf(1, "%s: %ld\n", what, value); }

static long shm_get(int key, size_t size, int flags) { return syscall(SYS_shmget, key, size, flags); }
static long shm_ctl(int id, int command, void *arg) { return syscall(SYS_shmctl, id, command, arg); }
static char *at(int id, const void *address, int flags) { return (char *)syscall(SYS_shmat, id, address, flags); }
static long dt(const void *address) { return syscall(SYS_shmdt, address); }

static struct shmid_ds now_of(int id)
{
	union { struct all_of all; struct shmid_ds ds; } u = { { { 0 } } };

	shm_ctl(id, IPC_STAT, &u);
	return u.ds;
}
static long attached(int id) { return (long)now_of(id).shm_nattch; }

static int faults(volatile char *address, int write, int *code)
{
	int told[2], status;
	pid_t pid;

	pipe(told);
	if ((pid = fork()) == 0) {
		if (write)
			*address = 1;
		_exit(*address ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	close(told[0]);
	close(told[1]);
	*code = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return *code != 0;
}

static void numbers(void)
{
	int id = (int)shm_get(0x5555, 10000, IPC_CREAT | 0640), other, hidden;

	print("first", id);
	print("by key", shm_get(0x5555, 0, 0));
	print("by key and size", shm_get(0x5555, 10000, 0400));
	FAILS("larger", EINVAL, shm_get(0x5555, 10001, 0));
	FAILS("excluded", EEXIST, shm_get(0x5555, 10, IPC_CREAT | IPC_EXCL));
	FAILS("unknown", ENOENT, shm_get(0x5556, 10, 0));
	FAILS("of no size", EINVAL, shm_get(0x5556, 0, IPC_CREAT | 0600));
	FAILS("of any size", EINVAL, shm_get(IPC_PRIVATE, (size_t)-1, 0600));
	FAILS("nearly", EINVAL, shm_get(IPC_PRIVATE, (size_t)-1 - (1 << 24), 0600));
	FAILS("huge pages", ENOMEM, shm_get(IPC_PRIVATE, 1 << 21, SHM_HUGETLB | 0600));
	FAILS("of an unknown size", EINVAL, shm_get(IPC_PRIVATE, 1 << 21, SHM_HUGETLB | 5 << 26 | 0600));
	print("nothing reserved", other = (int)shm_get(IPC_PRIVATE, 1ul << 40, SHM_NORESERVE | 0600));
	char *p = at(other, NULL, 0);
	CHECK("there", p != (void *)-1);
	p[1ul << 39] = 5;
	CHECK("sparse", p[0] == 0 && p[(1ul << 40) - 1] == 0);
	CHECK("and gone", dt(p) == 0 && shm_ctl(other, IPC_RMID, NULL) == 0);
	print("last index", shm_ctl(0, IPC_INFO, &(struct all_of){ { 0 } }));
	/* Removed while attached: it has no key any more, but its number. */
	p = at(id, NULL, 0);
	CHECK("marked", shm_ctl(id, IPC_RMID, NULL) == 0);
	struct shmid_ds d = now_of(id);
	dprintf(1, "mode %o key %d\n", d.shm_perm.mode, d.shm_perm.__ipc_perm_key);
	FAILS("no key", ENOENT, shm_get(0x5555, 10, 0));
	print("the key is free", hidden = (int)shm_get(0x5555, 10, IPC_CREAT | 0600));
	char *q = at(id, NULL, 0);
	CHECK("can be attached", q != (void *)-1);
	CHECK("marked again", shm_ctl(id, IPC_RMID, NULL) == 0);
	strcpy(p, "both");
	CHECK("the same", !strcmp(q, "both"));
	dt(p);
	print("one left", attached(id));
	dt(q);
	FAILS("gone with the last", EINVAL, shm_ctl(id, IPC_STAT, &(struct all_of){ { 0 } }));
	CHECK("removed", shm_ctl(hidden, IPC_RMID, NULL) == 0);
}

static void places(void)
{
	int id = (int)shm_get(IPC_PRIVATE, 3 * PAGE - 5, 0700), code;
	char *free_place = mmap(NULL, 32 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

	munmap(free_place, 32 * PAGE);
	CHECK("there", at(id, free_place, 0) == free_place);
	FAILS("twice", EINVAL, at(id, free_place, 0));
	FAILS("reaching into it", EINVAL, at(id, free_place - 2 * PAGE, 0));
	CHECK("just before it", at(id, free_place + 3 * PAGE, 0) == free_place + 3 * PAGE);
	FAILS("between pages", EINVAL, at(id, free_place + 8 * PAGE + 1, 0));
	CHECK("rounded down", at(id, free_place + 8 * PAGE + 4095, SHM_RND) == free_place + 8 * PAGE);
	print("three", attached(id));
	p = mmap(free_place + 12 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	*p = 9;
	CHECK("over others", at(id, free_place + 11 * PAGE, SHM_REMAP) == free_place + 11 * PAGE && *p == 0);
	CHECK("over itself", at(id, free_place + 12 * PAGE, SHM_REMAP) == free_place + 12 * PAGE);
	print("five", attached(id));
	FAILS("over nothing", EINVAL, at(id, NULL, SHM_REMAP));
	FAILS("rounded to nothing", EINVAL, at(id, (void *)5, SHM_REMAP | SHM_RND));
	FAILS("too high", ENOMEM, at(id, (void *)0x7ffffffff000, 0));
	FAILS("around the end", EINVAL, at(id, (void *)-PAGE, 0));
	FAILS("of none", EINVAL, at(77, NULL, 0));
	FAILS("a negative one", EINVAL, at(-1, NULL, 0));
	FAILS("flags of none", EINVAL, at(77, NULL, SHM_REMAP));
	CHECK("rounded to anywhere", (p = at(id, (void *)5, SHM_RND)) != (void *)-1 && dt(p) == 0);
	FAILS("detach between pages", EINVAL, dt(free_place + 1));
	FAILS("detach nothing", EINVAL, dt(free_place + 20 * PAGE));
	FAILS("detach in the middle", EINVAL, dt(free_place + PAGE));
	CHECK("detach", dt(free_place) == 0 && attached(id) == 4);
	FAILS("again", EINVAL, dt(free_place));
	CHECK("the others stay", free_place[3 * PAGE] == 0);
	CHECK("one overwritten", dt(free_place + 11 * PAGE) == 0);
	print("left", attached(id));
	CHECK("all", dt(free_place + 12 * PAGE) == 0 && dt(free_place + 8 * PAGE) == 0 && dt(free_place + 3 * PAGE) == 0 && attached(id) == 0);
	p = at(id, NULL, SHM_RDONLY);
	CHECK("reads", p[5] == 0);
	CHECK("writes", faults(p, 1, &code) && code == SIGSEGV);
	FAILS("cannot be made to", EACCES, mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK("read a file into it", read(open("/proc/self/stat", O_RDONLY), p, 10) == -1 && errno == EFAULT);
	dt(p);
	p = at(id, NULL, 0);
	memcpy(p + 5, "\xb8\x07\x00\x00\x00\xc3", 6);
	CHECK("cannot run", mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0 && ((int (*)(void))(void *)(p + 5))() == 7);
	dt(p);
	p = at(id, NULL, SHM_EXEC);
	CHECK("runs", ((int (*)(void))(void *)(p + 5))() == 7);
	CHECK("to its last page's end", p[3 * PAGE - 1] == 0);
	CHECK("and writes", (p[0] = 3) == 3);
	CHECK("beyond it", faults(p + 3 * PAGE, 0, &code) == 0 || code == SIGSEGV || code == SIGBUS);
	char *moved = mremap(p, 3 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	CHECK("grown", moved != MAP_FAILED && moved[0] == 3);
	CHECK("beyond it", faults(moved + 3 * PAGE, 0, &code) && code == SIGBUS);
	print("still one", attached(id));
	CHECK("detached whole", dt(moved) == 0);
	print("none", attached(id));
	shm_ctl(id, IPC_RMID, NULL);
}

static void counts(void)
{
	int id = (int)shm_get(IPC_PRIVATE, 8 * PAGE, 0600), told[2], back[2];
	char *p = at(id, NULL, 0), c;
	pid_t pid;

	print("attached", attached(id));
	munmap(p + 3 * PAGE, PAGE);
	print("a hole", attached(id));
	munmap(p, PAGE);
	print("a shorter one", attached(id));
	mprotect(p + 5 * PAGE, PAGE, PROT_READ);
	print("pieces", attached(id));
	mprotect(p + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE);
	print("pieces stay", attached(id));
	CHECK("without its first page", dt(p) == 0);
	print("none", attached(id));
	p = at(id, NULL, 0);
	mprotect(p, PAGE, PROT_READ);
	munmap(p + 3 * PAGE, PAGE);
	char *q = at(id, NULL, 0);
	CHECK("all pieces of this one", dt(p) == 0);
	print("the other", attached(id));
	char *moved = mremap(q + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 40 * PAGE);
	CHECK("a part moved", moved == p + 40 * PAGE);
	print("pieces", attached(id));
	CHECK("at its place", dt(moved - 2 * PAGE) == 0 && dt(q) == 0);
	print("none", attached(id));
	p = at(id, NULL, 0);
	pipe(told);
	pipe(back);
	strcpy(p, "parent");
	if ((pid = fork()) == 0) {
		strcpy(p, "child");
		write(told[1], "x", 1);
		read(back[0], &c, 1);
		_exit(dt(p) || dt(p) != -1);
	}
	read(told[0], &c, 1);
	CHECK("shared", !strcmp(p, "child"));
	print("two", attached(id));
	write(back[1], "x", 1);
	CHECK("child", EXITED(wait_status(pid), 0));
	print("one", attached(id));
	CHECK("whose last", now_of(id).shm_lpid == pid && now_of(id).shm_cpid == getpid());
	if ((pid = fork()) == 0)
		raise(SIGKILL);
	wait_status(pid);
	print("killed", attached(id));
	CHECK("whose last", now_of(id).shm_lpid == pid);
	if ((pid = fork()) == 0) {
		at(id, NULL, 0);
		at(id, NULL, SHM_RDONLY);
		char number[20];
		snprintf(number, sizeof number, "%d", id);
		execv("/proc/self/exe", (char *[]){ "ipc-shm", number, NULL });
		_exit(99);
	}
	CHECK("exec detaches", EXITED(wait_status(pid), 1));
	if ((pid = vfork()) == 0)
		_exit((int)attached(id));
	CHECK("vfork shares", EXITED(wait_status(pid), 1));
	print("one", attached(id));
	madvise(p, 8 * PAGE, MADV_DONTFORK);
	if ((pid = fork()) == 0)
		_exit((int)attached(id));
	CHECK("not inherited", EXITED(wait_status(pid), 1));
	/* It goes with the last of those who have it, whoever that is. */
	madvise(p, 8 * PAGE, MADV_DOFORK);
	if ((pid = fork()) == 0) {
		read(back[0], &c, 1);
		_exit(strcmp(p, "child"));
	}
	shm_ctl(id, IPC_RMID, NULL);
	dt(p);
	print("the child's", attached(id));
	write(back[1], "x", 1);
	CHECK("has it still", EXITED(wait_status(pid), 0));
	FAILS("gone with it", EINVAL, shm_ctl(id, IPC_STAT, &(struct all_of){ { 0 } }));
	union { struct all_of all; int ints[2]; unsigned long words[6]; } u;
	print("nothing left", shm_ctl(0, SHM_INFO, &u));
	dprintf(1, "%d segments, %lu pages\n", u.ints[0], u.words[1]);
}

static void states(void)
{
	int id = (int)shm_get(0x77, 5 * PAGE + 1, IPC_CREAT | 0640);
	struct shmid_ds d = now_of(id);
	union { struct all_of all; unsigned long words[40]; int ints[80]; } u;
	unsigned *perm = (unsigned *)u.words;
	time_t now = time(NULL);
	char *p;

	CHECK("new", d.shm_segsz == 5 * PAGE + 1 && !d.shm_nattch && !d.shm_atime && !d.shm_dtime && d.shm_ctime >= now - 2 && d.shm_cpid == getpid() && !d.shm_lpid);
	p = at(id, NULL, 0);
	d = now_of(id);
	CHECK("attached", d.shm_atime >= now - 2 && !d.shm_dtime && d.shm_lpid == getpid());
	dt(p);
	CHECK("detached", now_of(id).shm_dtime >= now - 2);
	p = at(id, NULL, 0);
	p[0] = p[PAGE] = p[4 * PAGE] = 1;
	CHECK("by index", shm_ctl(id & 0x7fff, SHM_STAT, &u) == id && shm_ctl(id & 0x7fff, SHM_STAT_ANY, &u) == id);
	CHECK("in words", perm[0] == 0x77 && perm[5] == 0640 && u.words[6] == 5 * PAGE + 1 && u.ints[20] == getpid() && u.words[11] == 1);
	perm[1] = 7; perm[2] = 8; perm[5] = 07604;
	CHECK("set", shm_ctl(id, IPC_SET, &u) == 0);
	shm_ctl(id, IPC_STAT, &u);
	CHECK("is set", perm[1] == 7 && perm[2] == 8 && perm[3] == 0 && perm[5] == 0604);
	perm[2] = (unsigned)-1;
	FAILS("nobody's", EINVAL, shm_ctl(id, IPC_SET, &u));
	CHECK("lock", shm_ctl(id, SHM_LOCK, NULL) == 0 && shm_ctl(id, SHM_LOCK, NULL) == 0);
	dprintf(1, "mode %o\n", now_of(id).shm_perm.mode);
	CHECK("unlock", shm_ctl(id, SHM_UNLOCK, NULL) == 0 && shm_ctl(id, SHM_UNLOCK, NULL) == 0);
	dprintf(1, "mode %o\n", now_of(id).shm_perm.mode);
	FAILS("lock none", EINVAL, shm_ctl(77, SHM_LOCK, NULL));
	memset(&u, 0, sizeof u);
	print("info", shm_ctl(0, IPC_INFO, &u) >= 0);
	for (int i = 0; i < 5; i++)
		dprintf(1, " %lu", u.words[i]);
	memset(&u, 0, sizeof u);
	print("\nuse", shm_ctl(0, SHM_INFO, &u) >= 0);
	dprintf(1, " %d %lu %d %lu\n", u.ints[0], u.words[1], u.words[2] >= 3, u.words[3]);
	FAILS("info to nowhere", EFAULT, shm_ctl(0, IPC_INFO, BAD));
	FAILS("use to nowhere", EFAULT, shm_ctl(0, SHM_INFO, BAD));
	FAILS("stat to nowhere", EFAULT, shm_ctl(id, IPC_STAT, BAD));
	FAILS("set from nowhere", EFAULT, shm_ctl(77, IPC_SET, BAD));
	FAILS("no such command", EINVAL, shm_ctl(id, 99, NULL));
	FAILS("a negative one", EINVAL, shm_ctl(id, -1, NULL));
	FAILS("of a negative one", EINVAL, shm_ctl(-1, IPC_STAT, &u));
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[400];
	while (fgets(line, sizeof line, f)) {
		if (line[7] == 'k') {
			dprintf(1, "%s", line);
			continue;
		}
		char *rest = line + 28 + 22; /* behind the size: processes */
		int maker, last, many;
		sscanf(rest, "%d %d %d", &maker, &last, &many);
		CHECK("processes", maker == getpid() && last == getpid());
		dprintf(1, "%.50s, %d attached, owners '%.24s'\n", line, many, rest + 19);
		CHECK("its length", strlen(line) == 28 + 22 + 5 + 1 + 5 + 2 + 5 + 4 * 6 + 3 * 11 + 2 * 22 + 1);
		CHECK("how much is there", atol(line + strlen(line) - 45) >= 3 * (long)PAGE);
		CHECK("nothing swapped", atol(line + strlen(line) - 23) == 0);
	}
	fclose(f);
	f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f)) {
		char *name = strstr(line, "/SYSV");
		unsigned long start, end, inode = 0;
		char bits[8];
		if (name && sscanf(line, "%lx-%lx %4s %*x %*s %lu", &start, &end, bits, &inode) == 4)
			dprintf(1, "%lu pages %s inode %d %s", (end - start) / PAGE, bits, inode == (unsigned long)id, name);
	}
	fclose(f);
	shm_ctl(id, IPC_RMID, NULL);
	f = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, f))
		if (strstr(line, "/SYSV"))
			dprintf(1, "%s", strstr(line, "/SYSV"));
	fclose(f);
	dt(p);
}

static void others(void)
{
	int id = (int)shm_get(IPC_PRIVATE, 16 * PAGE, 0604), mine;
	struct rlimit some = { 8 * PAGE, 8 * PAGE }, none = { 0, 0 };
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (setgid(1000) || setuid(1000))
			_exit(90);
		FAILS("to write", EACCES, at(id, NULL, 0));
		FAILS("to run", EACCES, at(id, NULL, SHM_RDONLY | SHM_EXEC));
		FAILS("to write, a bad place", EINVAL, at(id, (void *)1, 0));
		CHECK("to read", at(id, NULL, SHM_RDONLY) != (void *)-1);
		FAILS("to lock", EPERM, shm_ctl(id, SHM_LOCK, NULL));
		FAILS("to unlock", EPERM, shm_ctl(id, SHM_UNLOCK, NULL));
		FAILS("to remove", EPERM, shm_ctl(id, IPC_RMID, NULL));
		FAILS("huge pages", EPERM, shm_get(IPC_PRIVATE, 1 << 21, SHM_HUGETLB | 0600));
		mine = (int)shm_get(IPC_PRIVATE, 6 * PAGE - 1, 0600);
		setrlimit(RLIMIT_MEMLOCK, &some);
		CHECK("its own", shm_ctl(mine, SHM_LOCK, NULL) == 0);
		int more = (int)shm_get(IPC_PRIVATE, 3 * PAGE, 0600);
		FAILS("too much", ENOMEM, shm_ctl(more, SHM_LOCK, NULL));
		CHECK("instead", shm_ctl(mine, SHM_UNLOCK, NULL) == 0 && shm_ctl(more, SHM_LOCK, NULL) == 0);
		CHECK("removed", shm_ctl(more, IPC_RMID, NULL) == 0);
		CHECK("which unlocks", shm_ctl(mine, SHM_LOCK, NULL) == 0);
		setrlimit(RLIMIT_MEMLOCK, &none);
		FAILS("none", EPERM, shm_ctl(mine, SHM_LOCK, NULL));
		CHECK("unlock", shm_ctl(mine, SHM_UNLOCK, NULL) == 0);
		CHECK("removed", shm_ctl(mine, IPC_RMID, NULL) == 0);
		_exit(check_failures != 0);
	}
	CHECK("another user", EXITED(wait_status(pid), 0));
	shm_ctl(id, IPC_RMID, NULL);
	int f = open("/proc/sys/kernel/shmmax", O_WRONLY);
	pwrite(f, "8192", 4, 0);
	FAILS("larger than may be", EINVAL, shm_get(IPC_PRIVATE, 8193, 0600));
	pwrite(f, "18446744073692774399\n", 21, 0);
	close(f);
	f = open("/proc/sys/kernel/shmall", O_WRONLY);
	pwrite(f, "3", 1, 0);
	id = (int)shm_get(IPC_PRIVATE, 8192, 0600);
	FAILS("more than may be", ENOSPC, shm_get(IPC_PRIVATE, 4097, 0600));
	pwrite(f, "18446744073692774399", 20, 0);
	close(f);
	f = open("/proc/sys/kernel/shmmni", O_WRONLY);
	pwrite(f, "1", 1, 0);
	FAILS("more segments", ENOSPC, shm_get(IPC_PRIVATE, 4097, 0600));
	pwrite(f, "4096", 4, 0);
	close(f);
	shm_ctl(id, IPC_RMID, NULL);
}

/* A lock of its own in it: threads of two processes meet at a futex and at plain words. */
static void shared(void)
{
	int id = (int)shm_get(IPC_PRIVATE, PAGE, 0600);
	volatile unsigned *word = (void *)at(id, NULL, 0), *again = (void *)at(id, NULL, 0);
	pid_t pid = fork();

	if (pid == 0) {
		while (!__atomic_load_n(again, __ATOMIC_SEQ_CST))
			syscall(SYS_futex, again, 0, 0, NULL, NULL, 0);
		__atomic_add_fetch(&again[1], 5, __ATOMIC_SEQ_CST);
		_exit(0);
	}
	until_asleep(pid);
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, 1, 1, NULL, NULL, 0);
	CHECK("woken through another address", EXITED(wait_status(pid), 0));
	print("counted", (long)word[1]);
	shm_ctl(id, IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return (int)attached(atoi(argv[1]));
	alarm(50 * (unsigned)(getenv("TEST_SLOW") ? atoi(getenv("TEST_SLOW")) : 1));
	numbers();
	places();
	counts();
	states();
	others();
	shared();
	DONE();
}

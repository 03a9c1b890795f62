/* Who may use, look at, change and remove what System V IPC keeps: owner, maker, group, others, and those with capabilities. */
#include "guests.h"
#include "sysv.h"

enum { CAP_IPC_OWNER = 15, CAP_IPC_LOCK = 14 };

struct kind {
	const char *name;
	long (*get)(int key, int flags);
	long (*ctl)(int id, int command, void *arg);
	long (*reads)(int id);
	long (*writes)(int id);
	int stat, stat_any;
};

static long sem_make(int key, int flags) { return sem_get(key, 1, flags); }
static long sem_control(int id, int command, void *arg) { return sem_ctl(id, 0, command, (unsigned long)arg); }
static long sem_reads(int id) { return sem_add(id, 0, 0, 0); }
static long sem_writes(int id) { return sem_add(id, 0, 1, 0) ? -1 : sem_add(id, 0, -1, 0); }

static long msg_make(int key, int flags) { return syscall(SYS_msgget, key, flags); }
static long msg_control(int id, int command, void *arg) { return syscall(SYS_msgctl, id, command, arg); }
static long msg_reads(int id)
{
	struct all_of a;
	long r = syscall(SYS_msgrcv, id, &a, 8, 0, IPC_NOWAIT);

	return r < 0 && errno == ENOMSG ? 0 : r;
}
static long msg_writes(int id) { return syscall(SYS_msgsnd, id, &(struct all_of){ { 1 } }, 8, 0); }

static long shm_make(int key, int flags) { return syscall(SYS_shmget, key, 4096, flags); }
static long shm_control(int id, int command, void *arg) { return syscall(SYS_shmctl, id, command, arg); }
static long shm_attach(int id, int flags)
{
	long at = syscall(SYS_shmat, id, NULL, flags);

	return at == -1 ? -1 : syscall(SYS_shmdt, at);
}
static long shm_reads(int id) { return shm_attach(id, SHM_RDONLY); }
static long shm_writes(int id) { return shm_attach(id, 0); }

static const struct kind kinds[] = {
	{ "sem", sem_make, sem_control, sem_reads, sem_writes, SEM_STAT, SEM_STAT_ANY },
	{ "msg", msg_make, msg_control, msg_reads, msg_writes, MSG_STAT, MSG_STAT_ANY },
	{ "shm", shm_make, shm_control, shm_reads, shm_writes, SHM_STAT, SHM_STAT_ANY },
};

static const char *result(long r)
{
	return r >= 0 ? "yes" : errno == EACCES ? "EACCES" : errno == EPERM ? "EPERM" : errno == EINVAL ? "EINVAL" : errno == ENOENT ? "ENOENT" : strerror(errno);
}

/* One line of what somebody gets of all calls. Removal is last: it may succeed. */
static void look(const struct kind *k, const char *who, int id, int key)
{
	struct all_of a, b;
	long looked = k->ctl(id, IPC_STAT, &a);

	dprintf(1, "%s %s: stat %s", k->name, who, result(looked));
	dprintf(1, " index %s", result(k->ctl(id & 0x7fff, k->stat, &b)));
	dprintf(1, " any %s", result(k->ctl(id & 0x7fff, k->stat_any, &b)));
	dprintf(1, " read %s", result(k->reads(id)));
	dprintf(1, " write %s", result(k->writes(id)));
	dprintf(1, " get0 %s", result(k->get(key, 0)));
	dprintf(1, " get4 %s", result(k->get(key, 0400)));
	dprintf(1, " get6 %s", result(k->get(key, 06)));
	dprintf(1, " get1 %s", result(k->get(key, 0111)));
	dprintf(1, " set %s", result(k->ctl(id, IPC_SET, looked ? &b : &a)));
	dprintf(1, " remove %s\n", result(k->ctl(id, IPC_RMID, NULL)));
}

static int make(const struct kind *k, int key, unsigned mode, unsigned uid, unsigned gid)
{
	struct all_of a;
	int id = (int)k->get(key, IPC_CREAT | IPC_EXCL | 0777);

	k->ctl(id, IPC_STAT, &a);
	((unsigned *)a.words)[1] = uid;
	((unsigned *)a.words)[2] = gid;
	((unsigned *)a.words)[5] = mode;
	if (k->ctl(id, IPC_SET, &a))
		_exit(95);
	return id;
}

static void drop_to(unsigned uid, unsigned gid, unsigned group, unsigned long caps)
{
	gid_t more[1] = { group };

	prctl(PR_SET_KEEPCAPS, 1);
	if (setgroups(group ? 1 : 0, more) || setgid(gid) || setuid(uid) || caps_set(caps, caps, 0))
		_exit(94);
}

static void all(const struct kind *k)
{
	static const struct { const char *who; unsigned uid, gid, group; unsigned long caps; } users[] = {
		{ "owner", 1000, 1000, 0, 0 }, { "maker", 2000, 2000, 0, 0 }, { "group", 3000, 1000, 0, 0 }, { "maker's group", 3000, 2000, 0, 0 },
		{ "more groups", 3000, 3000, 1000, 0 }, { "other", 3000, 3000, 0, 0 }, { "other, IPC_OWNER", 3000, 3000, 0, CAP(CAP_IPC_OWNER) },
		{ "other, SYS_ADMIN", 3000, 3000, 0, CAP(CAP_SYS_ADMIN) }, { "other, DAC_OVERRIDE", 3000, 3000, 0, CAP(CAP_DAC_OVERRIDE) },
		{ "root, no capabilities", 0, 0, 0, 0 },
	};
	static const unsigned modes[] = { 0600, 0060, 0006, 0444, 0222, 0000, 0640 };

	for (unsigned m = 0; m < sizeof modes / sizeof *modes; m++)
		for (unsigned i = 0; i < sizeof users / sizeof *users; i++) {
			char who[60];
			int told[2], key = 0x5000 + (int)m;
			int id = -1;
			pid_t pid;

			snprintf(who, sizeof who, "%04o %s", modes[m], users[i].who);
			/* Made by 2000, given to 1000. */
			pipe(told);
			if ((pid = fork()) == 0) {
				become(2000);
				id = make(k, key, modes[m], 1000, 1000);
				_exit(write(told[1], &id, sizeof id) != sizeof id);
			}
			read(told[0], &id, sizeof id);
			wait_status(pid);
			if ((pid = fork()) == 0) {
				drop_to(users[i].uid, users[i].gid, users[i].group, users[i].caps);
				look(k, who, id, key);
				_exit(0);
			}
			wait_status(pid);
			close(told[0]);
			close(told[1]);
			k->ctl(id, IPC_RMID, NULL);
		}
}

/* What the kind alone has. */
static void semaphores(void)
{
	int id = (int)sem_get(IPC_PRIVATE, 2, 0744);
	unsigned short v[2] = { 0, 0 };

	AS("a reader", 1000,
	   FAILS("sets all", EACCES, sem_ctl(id, 0, SETALL, (unsigned long)v));
	   FAILS("sets one", EACCES, sem_ctl(id, 0, SETVAL, 1));
	   FAILS("a value too large", ERANGE, sem_ctl(id, 0, SETVAL, 40000));
	   FAILS("sets none", EINVAL, sem_ctl(id, 2, SETVAL, 1));
	   FAILS("all from nowhere", EACCES, sem_ctl(id, 0, SETALL, 8));
	   CHECK("reads", sem_ctl(id, 0, GETALL, (unsigned long)v) == 0 && sem_ctl(id, 1, GETVAL, 0) == 0);
	   FAILS("adds", EACCES, sem_add(id, 0, 1, 0));
	   FAILS("adds to none", EFBIG, sem_add(id, 2, 1, 0));
	   FAILS("sets the owner", EPERM, sem_ctl(id, 0, IPC_SET, (unsigned long)(unsigned long[20]){ 0 })));
	sem_ctl(id, 0, IPC_RMID, 0);
	id = (int)sem_get(IPC_PRIVATE, 2, 0722);
	AS("a writer", 1000,
	   FAILS("reads all", EACCES, sem_ctl(id, 0, GETALL, (unsigned long)v));
	   FAILS("reads one", EACCES, sem_ctl(id, 0, GETVAL, 0));
	   FAILS("reads none", EACCES, sem_ctl(id, 2, GETVAL, 0));
	   FAILS("sees who waits", EACCES, sem_ctl(id, 0, GETNCNT, 0));
	   FAILS("waits for zero", EACCES, sem_add(id, 0, 0, 0));
	   CHECK("sets", sem_ctl(id, 0, SETVAL, 1) == 0 && sem_ctl(id, 0, SETALL, (unsigned long)v) == 0);
	   CHECK("adds", sem_add(id, 0, 1, 0) == 0));
	sem_ctl(id, 0, IPC_RMID, 0);
	AS("limits are root's", 1000, FAILS("writes", EACCES, open("/proc/sys/kernel/sem", O_WRONLY)));
}

static void messages(void)
{
	int id = (int)msg_make(IPC_PRIVATE, 0722);
	struct all_of a = { { 1 } };

	CHECK("one is there", msg_writes(id) == 0);
	AS("a writer", 1000,
	   CHECK("writes", msg_writes(id) == 0);
	   FAILS("copies", EACCES, syscall(SYS_msgrcv, id, &a, 100, 0, IPC_NOWAIT | MSG_COPY));
	   FAILS("reads, too small", EACCES, syscall(SYS_msgrcv, id, &a, 0, 0, IPC_NOWAIT));
	   FAILS("a size below 0", EINVAL, syscall(SYS_msgrcv, id, &a, -1L, 0, IPC_NOWAIT)));
	msg_control(id, IPC_RMID, NULL);
	id = (int)msg_make(IPC_PRIVATE, 0744);
	AS("a reader", 1000,
	   FAILS("writes", EACCES, msg_writes(id));
	   FAILS("copies what is not there", ENOMSG, syscall(SYS_msgrcv, id, &a, 100, 0, IPC_NOWAIT | MSG_COPY));
	   FAILS("from nowhere", EFAULT, syscall(SYS_msgsnd, id, 8, 8, 0)));
	msg_control(id, IPC_RMID, NULL);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		all(&kinds[i]);
	semaphores();
	messages();
	DONE();
}

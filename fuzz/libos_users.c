/*
 * Fuzzing the POSIX LibOS with two users: calls at random as uid 1000 beside root's processes, files, memory and terminal.
 *
 * The machine boots for real (core, LibOS, the fake HAL). Pid 1 is root's: it has secrets in its memory, in a pipe, in files and
 * typed at its terminal; pid 2 is root's too and sleeps 5 ms again and again. Pid 3 becomes uid 1000, runs a program and
 * then does what the input says; so do all its threads and children. At the end, and not before:
 *
 *  - root's processes, files, terminal and settings of the system are as they were (who may do what is the model: nothing here);
 *  - nothing new is root's, no process of the user's is anybody but uid 1000 or has capabilities, but for a set-UID program, which
 *    ends at once;
 *  - the user has no descriptor that he could not have got, and root's secrets are in no memory and no file of his.
 *
 * How late root's sleeper was at worst, in virtual time, is told at the end of all runs.
 */
#include <core/check.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/vm/space.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef WNOWAIT /* the host spells the same values otherwise */
#include <tiny_root.h>

#include "boots.h"
#include "own_stack.h"
#include "syscall_grammar.h"

#define HANDLER     (TINY_TEXT + 16)
#define RESTORER    (TINY_TEXT + 32)
#define ENTRIES_MAX 20000
#define FAULTS_MAX  16 /* in a row, for the same call */
#define USER        1000
#define FRAMES      4096
#define NODES_MAX   160
#define NAP_NS      UINT64_C(5000000)
#define SECRET      "root\'s secret \001\002 5b1e"
#define SECRET_SIZE (sizeof(SECRET) - 1)
#define SECRET_AT   (TINY_DATA + 0x2000)

enum { NR_READ = 0, NR_WRITE = 1, NR_OPEN = 2, NR_CLOSE = 3, NR_PIPE = 22, NR_NANOSLEEP = 35, NR_GETPID = 39, NR_FORK = 57, NR_EXECVE = 59,
       NR_KILL = 62, NR_CHDIR = 80, NR_RENAME = 82, NR_MKDIR = 83, NR_LINK = 86, NR_UNLINK = 87, NR_CHMOD = 90, NR_CHOWN = 92,
       NR_SETGROUPS = 116, NR_SETSID = 112, NR_SETRESUID = 117, NR_SETRESGID = 119, NR_SIGPROCMASK = 14, NR_SIGRETURN = 15,
       NR_REBOOT = 169, NR_EXIT_GROUP = 231 };

struct input {
	const uint8_t *data;
	size_t size;
};

struct node { /* of root's */
	uint64_t device, ino, size, hash, parent;
	uint32_t mode, uid, gid;
	char name[32];
	bool seen;
};

/* What others must not change of a process. */
struct subject {
	struct credentials cred;
	struct rlimit64 limits[RLIMIT_COUNT];
	struct session *session;
	struct fs_context *fs;
	struct inode *cwd, *root, *exe;
	struct vm_space *space;
	int32_t pgid, nice, oom_score_adj, oom_score_adj_min;
	uint32_t personality, dumpable, sched_policy, umask;
	uint64_t fds[64], positions[64], regions;
	char name[16];
};

static struct {
	struct input input;
	struct fake_entry *entry; /* whose turn it is */
	bool fault;               /* a store of this turn met a page that is not there */
	uint32_t entries, faults, steps[4];
	uint64_t nap_until;
	struct node nodes[NODES_MAX];
	uint32_t node_count;
	struct subject subjects[2];
	struct terminal {
		struct termios_state termios;
		struct winsize winsize;
		struct session *session;
		int32_t foreground;
		bool exclusive, held, stopped;
		uint32_t hangups, head, tail;
	} terminal;
	uint32_t mounts;
	char hostname[65], domainname[65];
	char settings[sizeof(libos.vfs.settings)];
	bool taken;       /* the picture of all that has been taken */
	const char *wrong;
	uint64_t wrong_number;
} run;

static uint64_t latest_ns; /* of all runs */

static uint8_t grammar_byte(void)
{
	if (!run.input.size)
		return 0;
	run.input.size--;
	return *run.input.data++;
}

static void grammar_store(uint64_t at, const void *bytes, size_t size)
{
	if (!run.fault && !fake_store(run.entry, at, bytes, size))
		run.fault = true;
}

static int32_t grammar_pid(void)
{
	static const int32_t some[] = { 0, -1, 1, 2, 3, 32767, -2, 2 };
	uint8_t how = grammar_byte();

	return how < 96 ? some[how % GRAMMAR_COUNT(some)] : libos.procs.last_pid - how % 6;
}

/* The end of the system is the end of the run. */
static int grammar_wanted(uint64_t nr)
{
	return nr != NR_REBOOT;
}

static void call(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	fake_syscall(run.entry, nr, a0, a1, a2, a3, 0, 0);
}

static void wrong(const char *what, uint64_t number)
{
	if (!run.wrong) {
		run.wrong = what;
		run.wrong_number = number;
	}
}

/* ---- the picture: files ---- */

static uint64_t hash_more(uint64_t h, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size-- > 0)
		h = (h ^ *at++) * UINT64_C(0x100000001b3); /* FNV-1a */
	return h;
}

static bool has_secret(const void *bytes, size_t size)
{
	return size >= SECRET_SIZE && memmem(bytes, size, SECRET, SECRET_SIZE);
}

/* Contents and attributes; what of them the user has no right to have. */
static uint64_t contents(struct inode *inode)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	const char *name = NULL;
	exo_frame_t frame;

	for (uint64_t i = 0; (inode->mode & S_IFMT) == S_IFREG && i < 64 && i << PAGE_SHIFT < inode->size; i++) {
		if (inode->ops->page(inode, i, false, &frame) || frame == FRAME_NONE)
			continue;
		h = hash_more(h, frame_ptr(frame), PAGE_SIZE);
		if (run.taken && inode->uid == USER && has_secret(frame_ptr(frame), PAGE_SIZE))
			wrong("a secret in a file of the user's", inode->ino);
		frame_put(frame);
	}
	while (inode->ops->xattr_next && (name = inode->ops->xattr_next(inode, name))) {
		const void *value;
		int64_t size = inode->ops->xattr_get(inode, name, &value);

		h = hash_more(hash_more(h, name, strlen(name)), value, (size_t)size);
		if (run.taken && inode->uid == USER && strncmp(name, "user.", 5) != 0)
			wrong("an attribute that the user may not set", inode->ino);
	}
	return h;
}

static struct node *node_find(const struct inode *inode, uint64_t parent, const char *name)
{
	for (uint32_t i = 0; i < run.node_count; i++) {
		struct node *n = &run.nodes[i];

		if (n->device == inode->super->device && n->ino == inode->ino && (!name || (n->parent == parent && !strcmp(n->name, name))))
			return n;
	}
	return NULL;
}

static void look_at(struct inode *inode, uint64_t parent, const char *name, bool open)
{
	uint64_t h = contents(inode);
	uint64_t size = (inode->mode & S_IFMT) == S_IFDIR ? 0 : inode->size;
	struct node *n;

	if (!run.taken) {
		if (run.node_count < NODES_MAX) {
			n = &run.nodes[run.node_count++];
			*n = (struct node){ inode->super->device, inode->ino, size, h, parent, inode->mode, inode->uid, inode->gid, "", false };
			snprintf(n->name, sizeof(n->name), "%s", name);
		} else {
			wrong("there are more nodes than NODES_MAX", run.node_count);
		}
		return;
	}
	n = node_find(inode, parent, name);
	if (n)
		n->seen = true;
	else if (!open)
		wrong("an entry where only root makes any", inode->ino);
	n = node_find(inode, 0, NULL);
	if (inode->uid == USER) {
		if (n)
			wrong("a file of root's that is the user's", inode->ino);
		if (inode->gid != USER)
			wrong("a file with a foreign group", inode->ino);
		return;
	}
	if (!n)
		wrong("a new file of root's", inode->ino);
	else if (n->mode != inode->mode || n->uid != inode->uid || n->gid != inode->gid)
		wrong("mode or owner of a file of root's", inode->ino);
	else if ((n->size != size || n->hash != h) && !((inode->mode & 02) && (inode->mode & S_IFMT) == S_IFREG))
		wrong("contents of a file of root's", inode->ino);
}

struct listing {
	char names[64][32];
	uint32_t count;
};

static bool list_one(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
	struct listing *l = arg;

	(void)ino, (void)type, (void)next;
	/* Longer names are the user's. */
	if (length < sizeof(l->names[0]) && l->count < GRAMMAR_COUNT(l->names)) {
		memcpy(l->names[l->count], name, length);
		l->names[l->count++][length] = '\0';
	}
	return true;
}

static void walk(struct inode *dir, unsigned depth)
{
	struct listing *l = calloc(1, sizeof(*l));
	bool open = dir->uid == USER || (dir->mode & 02);

	(void)dir->ops->readdir(dir, 0, list_one, l);
	for (uint32_t i = 0; i < l->count && !run.wrong; i++) {
		struct inode *inode;

		if (dir->ops->lookup(dir, l->names[i], strlen(l->names[i]), &inode))
			continue;
		look_at(inode, dir->ino, l->names[i], open);
		if ((inode->mode & S_IFMT) == S_IFDIR && depth < 6)
			walk(inode, depth + 1);
		inode_put(inode);
	}
	free(l);
}

static void walk_all(void)
{
	for (uint32_t i = 0; i < run.node_count; i++)
		run.nodes[i].seen = false;
	LIST_EACH(at, &libos.vfs.mounts) {
		struct mount *m = LIST_ENTRY(at, struct mount, node);

		if (m->super->magic == TMPFS_MAGIC) {
			look_at(m->root, 0, "/", false);
			walk(m->root, 0);
		}
	}
	for (uint32_t i = 0; run.taken && i < run.node_count; i++) {
		if (!run.nodes[i].seen)
			wrong("a name of root's is gone", run.nodes[i].ino);
	}
}

/* ---- the picture: processes and system ---- */

static void subject_take(const struct process *p, struct subject *s)
{
	memset(s, 0, sizeof(*s)); /* also what lies between the members */
	memcpy(&s->cred, &p->cred, sizeof(s->cred));
	memcpy(s->limits, p->limits, sizeof(s->limits));
	memcpy(s->name, p->name, sizeof(s->name));
	s->session = p->session;
	s->fs = p->fs;
	s->cwd = p->fs->cwd.inode;
	s->root = p->fs->root.inode;
	s->umask = p->fs->umask;
	s->exe = p->exe;
	s->space = p->space;
	s->regions = p->space->region_count;
	s->pgid = p->pgid;
	s->nice = p->nice;
	s->oom_score_adj = p->oom_score_adj;
	s->oom_score_adj_min = p->oom_score_adj_min;
	s->personality = p->personality;
	s->dumpable = p->dumpable;
	s->sched_policy = p->sched_policy;
	for (int fd = fd_next(p->fds, 0); fd >= 0 && fd < 64; fd = fd_next(p->fds, fd + 1)) {
		const struct file *file = fd_file(p->fds, fd);

		s->fds[fd] = (uint64_t)(uintptr_t)file;
		s->positions[fd] = file->position;
	}
}

static uint32_t mount_count(void)
{
	uint32_t n = 0;

	LIST_EACH(at, &libos.vfs.mounts)
		n += at != NULL;
	return n;
}

static void terminal_take(struct terminal *t)
{
	const struct tty *tty = &libos.console;

	memset(t, 0, sizeof(*t));
	memcpy(&t->termios, &tty->termios, sizeof(t->termios));
	t->winsize = tty->winsize;
	t->session = tty->session;
	t->foreground = tty->foreground_pgid;
	t->exclusive = tty->exclusive;
	t->held = tty->held;
	t->stopped = tty->stopped;
	t->hangups = tty->hangups;
	t->head = tty->head;
	t->tail = tty->tail;
}

static void picture_take(void)
{
	walk_all();
	subject_take(process_find(1), &run.subjects[0]);
	subject_take(process_find(2), &run.subjects[1]);
	terminal_take(&run.terminal);
	run.mounts = mount_count();
	memcpy(run.hostname, libos.hostname, sizeof(run.hostname));
	memcpy(run.domainname, libos.domainname, sizeof(run.domainname));
	memcpy(run.settings, libos.vfs.settings, sizeof(run.settings));
	run.taken = true;
}

static void compare_subject(int32_t pid)
{
	struct process *p = process_find(pid);
	struct subject now;

	if (!p || p->state != PROCESS_ALIVE || p->group_exiting) {
		wrong("a process of root's has ended", (uint64_t)pid);
		return;
	}
	subject_take(p, &now);
	if (memcmp(&now, &run.subjects[pid - 1], sizeof(now)) != 0)
		wrong("a process of root's has changed", (uint64_t)pid);
	if (p->stopped || (p->pending.set & ~SIGNAL_BIT(SIGCHLD)) || (pid == 2 && p->pending.set))
		wrong("a process of root's has got a signal", (uint64_t)pid);
}

/* A program that became root by its file ends at its first entry; until then it is one. */
static bool is_set_id(const struct process *p)
{
	return p->exe && (p->exe->mode & (S_ISUID | S_ISGID));
}

static bool is_on_its_way(const struct process *p)
{
	return p->pid == 3 && !p->did_exec;
}

static bool is_users(const struct credentials *c)
{
	return c->uid == USER && c->euid == USER && c->suid == USER && c->fsuid == USER && c->gid == USER && c->egid == USER &&
	       c->sgid == USER && c->fsgid == USER && !c->groups && !c->permitted && !c->effective && !c->inheritable && !c->ambient;
}

static void look_for_secrets(const struct process *p)
{
	uint64_t address = 0;
	pte_t *place;

	while (p->space && (place = table_next(&p->space->pages, &address, TABLE_LIMIT)) != NULL) {
		if (has_secret(frame_ptr(pte_frame(*place)), PAGE_SIZE))
			wrong("a secret in the user's memory", address);
		address += PAGE_SIZE;
	}
}

static void look_at_descriptors(const struct process *p)
{
	for (int fd = p->fds ? fd_next(p->fds, 0) : -1; fd >= 0; fd = fd_next(p->fds, fd + 1)) {
		const struct file *file = fd_file(p->fds, fd);
		const struct inode *inode = file->path.inode;
		int mode = (int)file->flags & O_ACCMODE;

		if (!inode || inode->super->magic != TMPFS_MAGIC || inode->uid == USER || (file->flags & O_PATH) ||
		    (inode->mode & S_IFMT) == S_IFDIR)
			continue;
		if ((mode != O_RDONLY && !(inode->mode & 02)) || (mode != O_WRONLY && !(inode->mode & 04)))
			wrong("a descriptor that the user may not have", inode->ino);
	}
}

static void look_at_users(void)
{
	LIST_EACH(at, &libos.procs.all) {
		struct process *p = LIST_ENTRY(at, struct process, all);

		if (p->pid == 1 || p->pid == 2 || is_on_its_way(p) || is_set_id(p))
			continue;
		LIST_EACH(t, &p->threads) {
			if (!is_users(&LIST_ENTRY(t, struct thread, sibling)->cred))
				wrong("a thread of the user's that is somebody else", (uint64_t)p->pid);
		}
		look_for_secrets(p);
		look_at_descriptors(p);
	}
}

static void picture_compare(void)
{
	static char secret[SECRET_SIZE];
	struct terminal terminal;

	walk_all();
	compare_subject(1);
	compare_subject(2);
	look_at_users();
	terminal_take(&terminal);
	if (memcmp(&terminal, &run.terminal, sizeof(terminal)) != 0 || terminal.tail - terminal.head != SECRET_SIZE + 1)
		wrong("root's terminal", libos.console.tail);
	if (mount_count() != run.mounts || memcmp(run.hostname, libos.hostname, sizeof(run.hostname)) ||
	    memcmp(run.domainname, libos.domainname, sizeof(run.domainname)) || libos.realtime_offset_ns ||
	    memcmp(run.settings, libos.vfs.settings, sizeof(run.settings)))
		wrong("the system's settings", 0);
	for (int32_t pid = 1; pid <= 2 && process_find(pid) && process_find(pid)->space; pid++) {
		if (user_read(process_find(pid)->space, secret, SECRET_AT, SECRET_SIZE) || memcmp(secret, SECRET, SECRET_SIZE))
			wrong("memory of root's", (uint64_t)pid);
	}
}

/* ---- root's two processes ---- */

static void store_text(uint64_t at, const char *text)
{
	grammar_store(at, text, strlen(text) + 1);
}

static void sleep_for(uint64_t ns)
{
	const uint64_t time[2] = { ns / UINT64_C(1000000000), ns % UINT64_C(1000000000) };

	grammar_store(TINY_DATA, time, sizeof(time));
	if (!run.fault)
		call(NR_NANOSLEEP, TINY_DATA, 0, 0, 0);
}

static void pid1(void)
{
	const uint64_t all = UINT64_MAX;
	uint32_t step = run.steps[1];

	switch (step) {
	case 0:
		grammar_store(TINY_DATA, &all, sizeof(all));
		grammar_store(SECRET_AT, SECRET, SECRET_SIZE);
		if (!run.fault)
			call(NR_SIGPROCMASK, SIG_SETMASK, TINY_DATA, 0, 8);
		break;
	case 1:
		call(NR_PIPE, TINY_DATA, 0, 0, 0); /* 3 and 4 */
		break;
	case 2:
		call(NR_WRITE, 4, SECRET_AT, SECRET_SIZE, 0);
		break;
	case 3:
		store_text(TINY_DATA, "/secret");
		if (!run.fault)
			call(NR_OPEN, TINY_DATA, O_RDWR, 0, 0); /* 5 */
		break;
	case 4: /* pid 2 */
		call(NR_FORK, 0, 0, 0, 0);
		break;
	case 5:
		sleep_for(1000000);
		fake.input = SECRET "\n";
		fake.input_size = SECRET_SIZE + 1;
		fake.events |= EXO_PEND_CONSOLE;
		break;
	case 6:
		sleep_for(1000000);
		break;
	case 7: /* pid 3; what it does before it has become the user is no part of the picture */
		picture_take();
		call(NR_FORK, 0, 0, 0, 0);
		break;
	case 8:
		sleep_for(UINT64_C(150000000));
		break;
	default:
		picture_compare();
		call(NR_EXIT_GROUP, 0, 0, 0, 0);
	}
	if (!run.fault)
		run.steps[1]++;
}

static void pid2(void)
{
	if (run.nap_until && fake.now_ns > run.nap_until && fake.now_ns - run.nap_until > latest_ns)
		latest_ns = fake.now_ns - run.nap_until;
	run.nap_until = fake.now_ns + NAP_NS;
	sleep_for(NAP_NS);
}

/* ---- the user ---- */

/* Pid 3 on its way: the last of it is exec, and all memory is new. */
static void become_user(void)
{
	const uint64_t none = 0;

	switch (run.steps[2]) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		call(NR_CLOSE, run.steps[2], 0, 0, 0);
		break;
	case 6:
		call(NR_SETSID, 0, 0, 0, 0);
		break;
	case 7:
		grammar_store(TINY_DATA, &none, sizeof(none));
		if (!run.fault)
			call(NR_SIGPROCMASK, SIG_SETMASK, TINY_DATA, 0, 8);
		break;
	case 8:
		call(NR_SETGROUPS, 0, 0, 0, 0);
		break;
	case 9:
		call(NR_SETRESGID, USER, USER, USER, 0);
		break;
	case 10:
		call(NR_SETRESUID, USER, USER, USER, 0);
		break;
	case 11:
		store_text(TINY_DATA, "/tmp");
		if (!run.fault)
			call(NR_CHDIR, TINY_DATA, 0, 0, 0);
		break;
	default:
		store_text(TINY_DATA, "/init");
		if (!run.fault)
			call(NR_EXECVE, TINY_DATA, 0, 0, 0);
	}
	if (!run.fault)
		run.steps[2]++;
}

/* A call by name on something of root's. */
static void attack(void)
{
	static const char *const names[] = {
		"/secret", "/shown", "/dir/file", "/private/file", "/private", "/tmp/root", "/tmp/rootdir", "/suid", "/sgid", "/link", "/tmp",
		"/proc/1/mem", "/proc/2/mem", "/proc/1/fd/5", "/proc/2/fd/3", "/proc/1/fd/3", "/proc/1/environ", "/proc/1/maps", "/proc/2/cwd",
		"/proc/1/root/secret", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj", "/proc/1/comm", "/proc/sys/kernel/hostname",
		"/proc/sys/fs/pipe-user-pages-hard", "/dev/console", "/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/exo", "/dev/shm", "mine", "link",
	};
	static const uint16_t calls[] = {
		NR_OPEN, NR_OPEN, NR_OPEN, NR_CHMOD, NR_CHOWN, NR_UNLINK, NR_RENAME, NR_LINK, 88 /* symlink */, 76 /* truncate */,
		188 /* setxattr */, 189, 191 /* getxattr */, 197 /* removexattr */, 133 /* mknod */, 84 /* rmdir */, NR_MKDIR, NR_EXECVE, 165 /* mount */,
		166 /* umount2 */, NR_CHDIR, 161 /* chroot */, 132 /* utime */, 21 /* access */, 94 /* lchown */, 89 /* readlink */, 85 /* creat */,
	};
	uint64_t nr = GRAMMAR_PICK(calls), first = grammar.arena + 0x3000, second = grammar.arena + 0x3100;
	uint64_t number = grammar_byte();

	store_text(first, GRAMMAR_PICK(names));
	store_text(second, nr >= 188 && nr <= 197 ? (number & 1 ? "security.capability" : number & 2 ? "trusted.x" : "user.x") : GRAMMAR_PICK(names));
	if (run.fault)
		return;
	switch (nr) {
	case NR_OPEN:
		call(nr, first, number & 1 ? O_RDWR : number & 2 ? O_RDONLY : number & 4 ? (O_WRONLY | O_TRUNC) : (O_RDWR | O_CREAT), 06777, 0);
		break;
	case NR_RENAME:
	case NR_LINK:
	case 88:
		if (number & 1)
			call(nr, first, second, 0, 0);
		else
			call(nr, second, first, 0, 0);
		break;
	case 188:
	case 189:
	case 191:
	case 197:
		fake_syscall(run.entry, nr, first, second, grammar_slot(), number, 0, 0);
		break;
	case 165:
		call(nr, second, first, second, number & 1 ? MS_BIND : 0);
		break;
	case NR_CHOWN:
	case 94:
		call(nr, first, number & 1 ? USER : (uint64_t)-1, number & 2 ? USER : 0, 0);
		break;
	case NR_EXECVE:
		call(nr, first, 0, 0, 0);
		break;
	default:
		call(nr, first, number & 1 ? 07777 : number, 0, 0);
	}
}

static void act(void)
{
	struct fake_entry *entry = run.entry;
	uint8_t what = grammar_byte();
	struct grammar_call c;

	if (what < 3) {
		fake_exception(entry, grammar_byte() % 32, 0);
	} else if (what < 10) {
		fake_fault(entry, what < 6 ? grammar_page() : grammar_wild(), what & 1 ? EXO_ACCESS_WRITE : EXO_ACCESS_READ);
	} else if (what < 14) {
		entry->trap->event = EXO_EV_QUANTUM;
		fake.now_ns = entry->deadline;
	} else if (what < 16) {
		entry->regs->rsp = grammar_slot();
		call(NR_SIGRETURN, 0, 0, 0, 0);
	} else if (what < 30) {
		call(NR_FORK, 0, 0, 0, 0);
	} else if (what < 110) {
		attack();
	} else {
		grammar_call_make(&c);
		if (!run.fault)
			fake_syscall(entry, c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]);
	}
}

static void user(struct thread *t)
{
	struct input before = run.input;

	if (is_on_its_way(t->process)) {
		become_user();
		return;
	}
	if (is_set_id(t->process) || !run.input.size || ++run.entries > ENTRIES_MAX) {
		if (!is_set_id(t->process))
			run.input.size = 0;
		call(NR_EXIT_GROUP, 0, 0, 0, 0);
		return;
	}
	/* Nobody gets this far as somebody else. */
	if (!is_users(&t->cred))
		wrong("the user is somebody else", (uint64_t)t->tid);
	if (run.entry->regs->rip == HANDLER && grammar_byte() < 192) {
		run.entry->regs->rip = RESTORER;
		run.entry->regs->rsp += 8;
		call(NR_SIGRETURN, 0, 0, 0, 0);
		return;
	}
	act();
	/* The fault is served, and whoever is next makes the call anew. */
	if (run.fault && ++run.faults < FAULTS_MAX)
		run.input = before;
	else
		run.faults = 0;
}

static struct thread *who(const struct fake_entry *entry)
{
	LIST_EACH(at, &libos.procs.all) {
		LIST_EACH(t, &LIST_ENTRY(at, struct process, all)->threads) {
			if (LIST_ENTRY(t, struct thread, sibling)->page == entry->page)
				return LIST_ENTRY(t, struct thread, sibling);
		}
	}
	abort();
}

static void program(void *arg, struct fake_entry *entry)
{
	struct thread *t = who(entry);

	(void)arg;
	run.entry = entry;
	run.fault = false;
	if (t->process->pid == 1)
		pid1();
	else if (t->process->pid == 2)
		pid2();
	else
		user(t);
}

/* ---- one run ---- */

static void root_make(void)
{
	uint8_t elf[TINY_ELF_SIZE];

	if (tiny_root.size)
		return;
	tiny_elf(elf);
	tiny_entry("init", 0100755, elf, sizeof(elf));
	tiny_entry("suid", 0104755, elf, sizeof(elf));
	tiny_entry("sgid", 0102755, elf, sizeof(elf));
	tiny_entry("secret", 0100600, SECRET, SECRET_SIZE);
	tiny_entry("shown", 0100644, "some bytes\n", 11);
	tiny_entry("dir", 040755, NULL, 0);
	tiny_entry("dir/file", 0100644, "some bytes\n", 11);
	tiny_entry("private", 040700, NULL, 0);
	tiny_entry("private/file", 0100640, SECRET, SECRET_SIZE);
	tiny_entry("link", 0120777, "secret", 6);
	tiny_entry("script", 0100755, "#!/init -x\n", 11);
	tiny_entry("tmp", 041777, NULL, 0);
	tiny_entry("tmp/root", 0100600, SECRET, SECRET_SIZE);
	tiny_entry("tmp/rootdir", 040755, NULL, 0);
	tiny_entry("tmp/rootdir/file", 0100644, "more\n", 5);
	tiny_entry("TRAILER!!!", 0, NULL, 0);
}

static void tell(void)
{
	fprintf(stderr, "root's sleeper: at most %llu us late (virtual time)\n", (unsigned long long)latest_ns / 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool told;
	enum fake_end end;
	const char *broken;

	if (!told)
		atexit(tell);
	told = true;
	memset(&run, 0, sizeof(run));
	run.input.data = data;
	run.input.size = size;
	root_make();
	core_forget();
	memset(&libos, 0, sizeof(libos));
	fake_reset();
	fake.frame_count = FRAMES;
	fake.image = tiny_root.bytes;
	fake.image_size = tiny_root.size;
	fake.cmdline = "arg=/init\n";
	fake.program = program;
	fake.tick_ns = 100;
	grammar.arena = TINY_DATA;
	grammar.text = TINY_TEXT;
	grammar.handler = HANDLER;
	grammar.restorer = RESTORER;
	end = fake_boot(libos_start);
	back_on_own_stack();
	broken = core_check();
	if (!broken && !frames_check())
		broken = "frames_check";
	if (!broken && !run.taken)
		broken = "no picture was taken";
	if (!broken)
		broken = run.wrong;
	if (end != FAKE_HALTED || fake.status != 0 || libos.panicked || broken) {
		fprintf(stderr, "end %d status %u %s (%llu)\n%.2000s\n", (int)end, fake.status, broken ? broken : "",
		        (unsigned long long)run.wrong_number, fake.output);
		abort();
	}
	return 0;
}

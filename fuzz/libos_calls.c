/*
 * Fuzzing the POSIX LibOS: processes that make system calls with plausible arguments (syscall_grammar.h).
 *
 * The machine boots for real (core, LibOS, the fake HAL). Pid 1 starts a process, without rights or as root, that
 * opens some files and then does what the input says: so do all its threads and children, in the order in which the LibOS
 * lets them run, so a run is repeatable. When they have ended or all sleep, pid 1 kills them, and
 * starts the next one, until the input is used up.
 *
 * Nothing may panic, no sanitizer may complain, and core_check() and frames_check() must hold at the end. What processes
 * without rights held, to the byte, is free again.
 */
#include <core/check.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/libos.h>
#include <libos/sched/coroutine.h>
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
#define ROUNDS_MAX  8
#define FAULTS_MAX  16 /* in a row, for the same call */
#define USER        1000
#define WAIT_NS     UINT64_C(1000000000)

enum { NR_CHDIR = 80, NR_GETPID = 39, NR_NANOSLEEP = 35, NR_FORK = 57, NR_WAIT4 = 61, NR_KILL = 62, NR_OPEN = 2, NR_PIPE = 22,
       NR_EXIT_GROUP = 231, NR_SETRESUID = 117, NR_SETRESGID = 119, NR_SIGRETURN = 15, NR_REBOOT = 169, NR_MKNOD = 133,
       NR_YIELD = 24, NR_SIGPROCMASK = 14, NR_UNLINK = 87, NR_FLOCK = 73, NR_SEMCTL = 66, NR_MSGCTL = 71,
       NR_SHMCTL = 31 };

struct input {
	const uint8_t *data;
	size_t size;
};

enum pid1_state { PID1_MASK, PID1_START, PID1_SLEEP, PID1_KILL, PID1_REAP, PID1_REMOVE, PID1_UNLOCK, PID1_RESTED };

static struct {
	struct input input;
	struct fake_entry *entry; /* whose turn it is */
	bool fault;               /* a store of this turn met a page that is not there */
	bool root;
	uint32_t entries, faults, rounds, step;
	enum pid1_state state;
	bool began, measured;
	uint64_t frames, heap, inodes, names, texts, files;
	char keys[64];
	const char *leak;
} run;

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
	static const int32_t some[] = { 0, -1, 1, 32767 };
	uint8_t how = grammar_byte();

	return how < 32 ? some[how % 4] : libos.procs.last_pid - how % 6;
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

/* ---- pid 1 ---- */

static void measure(uint64_t *frames, uint64_t *heap)
{
	/* Stacks that are kept for the next thread count as free. */
	uint64_t stacks = (uint64_t)libos.sched.spare_count * LIBOS_STACK_SIZE;

	const struct process *init = libos.procs.init;
	struct vm_stats own;

	(void)vm_reclaim();
	heap_trim();
	/* So does what pid 1 has come to hold itself. */
	vm_stats(init->space, &own);
	*frames = libos.frames.free_count + stacks / EXO_FRAME_SIZE + own.resident_pages + (init->answers != NULL);
	*heap = heap_bytes_in_use() - stacks;
}

/* What names and link texts there are below a directory, by their lengths: the heap has pieces of them. */
struct texts {
	struct inode *dir;
	uint64_t sum;
};

static bool texts_add(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
	struct texts *t = arg, below = { NULL, 0 };
	uint64_t target;

	(void)ino, (void)type, (void)next;
	if (t->dir->ops->lookup(t->dir, name, length, &below.dir))
		return true;
	target = (below.dir->mode & S_IFMT) == S_IFLNK ? below.dir->size + 1 : 0;
	if ((below.dir->mode & S_IFMT) == S_IFDIR)
		(void)below.dir->ops->readdir(below.dir, 0, texts_add, &below);
	inode_put(below.dir);
	t->sum += below.sum + (length << 16 | target) * UINT64_C(0x9e3779b97f4a7c15);
	return true;
}

/* All processes but pid 1 are gone: is what they held? Not what is in files and names that they left, or root's doings. */
static void rest(void)
{
	struct texts texts = { libos.procs.init->fs->root.inode, 0 };
	uint64_t frames, heap, names = texts.dir->super->used_metadata;
	bool same;

	(void)texts.dir->ops->readdir(texts.dir, 0, texts_add, &texts);
	same = libos.vfs.inode_live == run.inodes && names == run.names && texts.sum == run.texts;
	measure(&frames, &heap);
	if (!run.measured) {
		run.frames = frames;
		run.heap = heap;
		run.inodes = libos.vfs.inode_live;
		run.names = names;
		run.texts = texts.sum;
		run.files = libos.vfs.file_live;
		run.measured = true;
	} else if (!run.root && libos.vfs.file_live != run.files) {
		run.leak = "open files";
	} else if (!run.root && same && heap > run.heap) {
		run.leak = "heap";
	} else if (!run.root && same && frames < run.frames) {
		run.leak = "frames";
	}
	if (run.leak)
		fprintf(stderr, "frames %lu, were %lu; heap %lu, was %lu; files %lu, were %lu\n", (unsigned long)frames,
		        (unsigned long)run.frames, (unsigned long)heap, (unsigned long)run.heap,
		        (unsigned long)libos.vfs.file_live, (unsigned long)run.files);
}

/* System V IPC stays until somebody removes it: one more of it, while there is any. */
static bool remove_ipc(void)
{
	static const uint64_t calls[IPC_KINDS] = { NR_SEMCTL, NR_MSGCTL, NR_SHMCTL };

	for (int kind = 0; kind < IPC_KINDS; kind++) {
		const struct ipc_table *t = &libos.ipc.tables[kind];
		/* The number is in there first. */
		if (t->count) {
			call(calls[kind], *(const uint32_t *)(const void *)t->slots[t->end - 1], 0, 0, 0);
			return true;
		}
	}
	return false;
}

static void pid1(void)
{
	const uint64_t wait[2] = { WAIT_NS / UINT64_C(1000000000), WAIT_NS % UINT64_C(1000000000) };
	const uint64_t all = UINT64_MAX;
	int64_t result = (int64_t)run.entry->regs->rax;

	switch (run.state) {
	case PID1_MASK: /* only SIGKILL ends it */
		grammar_store(TINY_DATA, &all, sizeof(all));
		if (run.fault)
			return;
		run.state = PID1_START;
		call(NR_SIGPROCMASK, SIG_SETMASK, TINY_DATA, 0, 8);
		return;
	case PID1_START:
		if (!run.input.size || run.rounds == ROUNDS_MAX || run.leak) {
			call(NR_EXIT_GROUP, 0, 0, 0, 0);
			return;
		}
		/* The page must be there before measuring. */
		grammar_store(TINY_DATA, wait, sizeof(wait));
		if (run.fault)
			return;
		run.rounds++;
		run.step = 0;
		run.began = false;
		run.state = PID1_SLEEP;
		call(NR_FORK, 0, 0, 0, 0);
		return;
	case PID1_SLEEP:
		grammar_store(TINY_DATA, wait, sizeof(wait));
		if (run.fault)
			return;
		run.state = PID1_KILL;
		call(NR_NANOSLEEP, TINY_DATA, 0, 0, 0);
		return;
	case PID1_KILL:
		run.state = PID1_REAP;
		call(NR_KILL, (uint64_t)-1, SIGKILL, 0, 0);
		return;
	case PID1_REAP:
		if (result == -ECHILD) {
			run.state = PID1_REMOVE;
			call(NR_YIELD, 0, 0, 0, 0);
			return;
		}
		call(NR_WAIT4, (uint64_t)-1, 0, __WALL, 0);
		return;
	case PID1_REMOVE:
		if (!remove_ipc()) {
			run.state = PID1_UNLOCK;
			call(NR_YIELD, 0, 0, 0, 0);
		}
		return;
	case PID1_UNLOCK: /* what a child has locked through a file of ours stays locked */
		run.state = PID1_RESTED;
		call(NR_FLOCK, 0, LOCK_UN, 0, 0);
		return;
	default:
		rest();
		run.state = PID1_START;
		call(NR_GETPID, 0, 0, 0, 0);
	}
}

/* ---- its children ---- */

static const struct {
	uint64_t nr, args[4];
	const char *text; /* stored at the arena's beginning */
} preamble[] = {
	{ NR_SETRESGID, { USER, USER, USER }, NULL }, /* these two not for root */
	{ NR_SETRESUID, { USER, USER, USER }, NULL },
	{ NR_SIGPROCMASK, { SIG_SETMASK, TINY_DATA, 0, 8 }, "\0\0\0\0\0\0\0" },
	{ NR_CHDIR, { TINY_DATA, 0, 0 }, "/tmp" },
	{ NR_PIPE, { TINY_DATA + 64, 0, 0 }, NULL },
	{ NR_OPEN, { TINY_DATA, O_RDWR | O_CREAT, 0600 }, "a" },
	{ NR_OPEN, { TINY_DATA, O_RDONLY, 0 }, "/dir/file" },
	{ NR_OPEN, { TINY_DATA, O_RDONLY, 0 }, "/proc/self/maps" },
	{ NR_OPEN, { TINY_DATA, O_RDONLY, 0 }, "/proc/stat" },
	{ NR_OPEN, { TINY_DATA, O_RDONLY | O_DIRECTORY, 0 }, "/proc/self" },
	{ NR_OPEN, { TINY_DATA, O_RDWR, 0 }, "/dev/zero" },
	{ NR_OPEN, { TINY_DATA, O_RDWR, 0 }, "/dev/tty" },
	{ NR_MKNOD, { TINY_DATA, S_IFIFO | 0600, 0 }, "p" },
	{ NR_OPEN, { TINY_DATA, O_RDWR, 0 }, "p" },
	{ NR_OPEN, { TINY_DATA, O_RDONLY | O_DIRECTORY, 0 }, "." },
	{ NR_UNLINK, { TINY_DATA, 0, 0 }, "a" }, /* unlink: nothing stays behind by itself */
	{ NR_UNLINK, { TINY_DATA, 0, 0 }, "p" },
};

static void begin(void)
{
	const char *text = preamble[run.step].text;

	if (run.root && run.step < 2)
		run.step = 2;
	if (text)
		grammar_store(TINY_DATA, text, *text ? strlen(text) + 1 : sizeof(uint64_t));
	if (run.fault)
		return;
	call(preamble[run.step].nr, preamble[run.step].args[0], preamble[run.step].args[1], preamble[run.step].args[2],
	     preamble[run.step].args[3]);
	if (++run.step == GRAMMAR_COUNT(preamble))
		run.began = true;
}

/* Somebody types. */
static void type_some(void)
{
	static const char known[] = "\003\032\034\004\r\n\177\025\026\021\023ab~";
	size_t count = grammar_byte() % sizeof(run.keys);

	for (size_t i = 0; i < count; i++)
		run.keys[i] = known[grammar_byte() % (sizeof(known) - 1)];
	fake.input = run.keys;
	fake.input_size = count;
	fake.events |= EXO_PEND_CONSOLE;
	call(NR_GETPID, 0, 0, 0, 0);
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
	} else if (what < 20) {
		type_some();
	} else if (what < 48) {
		call(NR_FORK, 0, 0, 0, 0);
	} else {
		grammar_call_make(&c);
		if (!run.fault)
			fake_syscall(entry, c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]);
	}
}

static void child(void)
{
	struct input before = run.input;

	if (!run.input.size || ++run.entries > ENTRIES_MAX) {
		run.input.size = 0;
		call(NR_EXIT_GROUP, 0, 0, 0, 0);
		return;
	}
	if (run.entry->regs->rip == HANDLER && grammar_byte() < 192) {
		run.entry->regs->rip = RESTORER;
		run.entry->regs->rsp += 8;
		call(NR_SIGRETURN, 0, 0, 0, 0);
		return;
	}
	if (!run.began)
		begin();
	else
		act();
	/* The fault is served, and whoever is next makes the call anew. */
	if (run.fault && ++run.faults < FAULTS_MAX)
		run.input = before;
	else
		run.faults = 0;
}

static bool is_init(const struct fake_entry *entry)
{
	LIST_EACH(t, &libos.procs.init->threads) {
		if (LIST_ENTRY(t, struct thread, sibling)->page == entry->page)
			return true;
	}
	return false;
}

static void program(void *user, struct fake_entry *entry)
{
	(void)user;
	run.entry = entry;
	run.fault = false;
	if (is_init(entry))
		pid1();
	else
		child();
}

/* ---- one run ---- */

static void boot(uint8_t options)
{
	static const uint16_t memory[] = { 4096, 4096, 1536, 1024 }; /* frames; with the last, memory ends */

	tiny_root_make();
	core_forget();
	memset(&libos, 0, sizeof(libos));
	fake_reset();
	fake.frame_count = memory[options >> 2 & 3];
	fake.image = tiny_root.bytes;
	fake.image_size = tiny_root.size;
	fake.cmdline = options & 1 ? "strace\narg=/init\n" : "arg=/init\n";
	fake.program = program;
	fake.tick_ns = 100;
	run.root = options & 2;
	grammar.arena = TINY_DATA;
	grammar.text = TINY_TEXT;
	grammar.handler = HANDLER;
	grammar.restorer = RESTORER;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum fake_end end;
	const char *broken;

	if (size < 2)
		return -1;
	memset(&run, 0, sizeof(run));
	run.input.data = data + 1;
	run.input.size = size - 1;
	boot(data[0]);
	end = fake_boot(libos_start);
	back_on_own_stack();
	broken = core_check();
	if (!broken && !frames_check())
		broken = "frames_check";
	if (!broken && run.leak)
		broken = run.leak;
	if (end == FAKE_PANICKED || end == FAKE_RETURNED || libos.panicked || broken) {
		fprintf(stderr, "end %d status %u %s\n%.2000s\n", (int)end, fake.status, broken ? broken : "", fake.output);
		abort();
	}
	return 0;
}

/*
 * The world of the process tests: the whole LibOS and core on the fake HAL. Each process (by
 * its pid) or thread follows a script of system calls; what each call gave is compared as the script says.
 * A handler that is entered is noted and returns at once.
 */
#ifndef LIBOS_PROC_WORLD_H
#define LIBOS_PROC_WORLD_H

/* Ours first: the host's headers define some of Linux's names too. */
#include <core/check.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/libos.h>

#include <tiny_root.h>

#include <criterion/criterion.h>

enum { NR_READ = 0, NR_WRITE = 1, NR_CLOSE = 3, NR_SIGACTION = 13, NR_SIGPROCMASK = 14, NR_SIGRETURN = 15, NR_PIPE = 22,
       NR_PAUSE = 34, NR_NANOSLEEP = 35, NR_ALARM = 37, NR_GETPID = 39, NR_CLONE = 56, NR_FORK = 57, NR_VFORK = 58,
       NR_EXECVE = 59, NR_EXIT = 60, NR_WAIT4 = 61, NR_KILL = 62, NR_SETPGID = 109, NR_GETPPID = 110, NR_SETSID = 112,
       NR_SETRESUID = 117, NR_SIGPENDING = 127, NR_SIGSUSPEND = 130, NR_GETTID = 186, NR_FUTEX = 202,
       NR_EXIT_GROUP = 231, NR_PRLIMIT = 302, NR_YIELD = 24 };

#define HANDLER  (TINY_TEXT + 16)
#define RESTORER (TINY_TEXT + 32)
#define AT(n)    (TINY_DATA + (n))
#define ANY      INT64_MIN /* any result will do */
#define SETS     8

/* Steps say only what matters. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct step {
	uint64_t nr, args[6];
	int64_t expect;      /* what the call gives; not looked at for one that does not return */
	uint64_t store_at;   /* before the call these words are stored at … */
	uint64_t words[5];
	uint32_t word_count;
	uint64_t check_at, check_mask, check; /* after it this word must hold that, if check_at */
};

#define WORLD_TIDS 16
static struct {
	const struct step *script[WORLD_TIDS]; /* by tid; runs until a call that does not return */
	size_t count[WORLD_TIDS], at[WORLD_TIDS];
	bool started[WORLD_TIDS];
	char signals[256];   /* "tid:signal " for each handler entered */
	char order[256];     /* tids in the order of their calls */
	uint64_t end_ns;
} world;

#define SCRIPT(tid, ...)                                                                           \
	do {                                                                                       \
		static const struct step steps_[] = {__VA_ARGS__};                                 \
		world.script[tid] = steps_;                                                        \
		world.count[tid] = sizeof(steps_) / sizeof(steps_[0]);                             \
	} while (0)

/* The first step of a child is the fork that it comes out of. */
#define CHILD(tid, ...)                                                                            \
	SCRIPT(tid, {NR_FORK, {0}, 0}, __VA_ARGS__);                                               \
	world.started[tid] = true

static int32_t world_tid(const struct exo_ctx_page *page)
{
	LIST_EACH(at, &libos.procs.all) {
		struct process *p = LIST_ENTRY(at, struct process, all);

		LIST_EACH(t, &p->threads) {
			if (LIST_ENTRY(t, struct thread, sibling)->page == page)
				return LIST_ENTRY(t, struct thread, sibling)->tid;
		}
	}
	cr_assert_fail("a context of nobody runs");
	return 0;
}

static void world_note(char *to, size_t size, const char *fmt, int a, int b)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, fmt, a, b);
}

static bool world_checked(struct fake_entry *entry, int32_t tid, const struct step *done)
{
	int64_t result = (int64_t)entry->regs->rax;
	uint64_t word;

	if (done->expect != ANY)
		cr_assert_eq(result, done->expect, "thread %d step %zu (call %lu): %ld, not %ld", tid,
		             world.at[tid], (unsigned long)done->nr, (long)result, (long)done->expect);
	if (!done->check_at)
		return true;
	if (!fake_load(entry, &word, done->check_at, sizeof(word)))
		return false;
	cr_assert_eq(word & done->check_mask, done->check, "thread %d step %zu: %lx at %lx", tid, world.at[tid],
	             (unsigned long)word, (unsigned long)done->check_at);
	return true;
}

static void world_program(void *user, struct fake_entry *entry)
{
	int32_t tid = world_tid(entry->page);
	const struct step *step;

	(void)user;
	cr_assert(tid < WORLD_TIDS && world.script[tid], "thread %d has no script", tid);
	if (entry->regs->rip == HANDLER) {
		world_note(world.signals, sizeof(world.signals), "%d:%d ", tid, (int)entry->regs->rdi);
		entry->regs->rip = RESTORER;
		entry->regs->rsp += 8;
		fake_syscall(entry, NR_SIGRETURN, 0, 0, 0, 0, 0, 0);
		return;
	}
	if (world.started[tid]) {
		if (!world_checked(entry, tid, &world.script[tid][world.at[tid]]))
			return;
		world.at[tid]++;
		world.started[tid] = false;
	}
	cr_assert(world.at[tid] < world.count[tid], "thread %d is at its script's end", tid);
	step = &world.script[tid][world.at[tid]];
	if (step->word_count && !fake_store(entry, step->store_at, step->words, step->word_count * 8))
		return; /* a page fault: here again when it is served */
	world_note(world.order, sizeof(world.order), "%d ", tid, 0);
	world.started[tid] = true;
	entry->regs->rdi = step->args[0];
	entry->regs->rsi = step->args[1];
	entry->regs->rdx = step->args[2];
	entry->regs->r10 = step->args[3];
	entry->regs->r8 = step->args[4];
	entry->regs->r9 = step->args[5];
	fake_syscall(entry, step->nr, step->args[0], step->args[1], step->args[2], step->args[3], step->args[4],
	             step->args[5]);
}

/* Runs the scripts until pid 1 ends; it must end with `status`. */
static void world_run(uint32_t status)
{
	enum fake_end end;

	tiny_root_make();
	fake_reset();
	fake.frame_count = 4096;
	fake.image = tiny_root.bytes;
	fake.image_size = tiny_root.size;
	fake.cmdline = "arg=/init\n";
	fake.program = world_program;
	end = fake_boot(libos_start);
	world.end_ns = fake.now_ns;
	cr_assert_eq(end, FAKE_HALTED, "end %d: %s%s", (int)end, fake.panic ? fake.panic : "", fake.output);
	cr_assert_eq(fake.status, status, "status %u: %s", fake.status, fake.output);
	cr_assert_null(core_check(), "%s", core_check());
}

/* Runs `body` with the LibOS's basics up, and no process. */
static void (*world_body)(void);

static void world_start(const struct exo_boot *boot)
{
	libos.boot = boot;
	frames_init();
	sched_init();
	process_table_init();
	world_body();
}

static inline void world_run_bare(void (*body)(void))
{
	fake_reset();
	world_body = body;
	cr_assert_eq(fake_boot(world_start), FAKE_RETURNED, "%s", fake.output);
}

/* sigaction(signo, {HANDLER, flags}); the structure goes to AT(0). */
#define HANDLE(signo, flags, mask)                                                                 \
	{.nr = NR_SIGACTION, .args = {signo, AT(0), 0, SETS}, .store_at = AT(0),                   \
	 .words = {HANDLER, (flags) | SA_RESTORER, RESTORER, mask}, .word_count = 4}

#endif

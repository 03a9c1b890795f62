/*
 * The zygote: the process that makes zones. It is the stub itself, started
 * by the simulator, and never runs a program. For each number that it reads
 * it makes a process that has the pages of that zone's group, a mapper
 * thread, and the program thread waiting for its first entry; it answers with the
 * process id. The new process is the simulator's child, not the zygote's.
 *
 * Freestanding: raw system calls, constants of the x86-64 Linux ABI.
 */
#include "../layout.h"

#include <asm/unistd.h>
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/prctl.h>
#include <linux/mman.h>
#include <stdint.h>

#define SIGCHLD_NUMBER 17
#define SIGKILL_NUMBER 9
#define CLOCK_PROCESS_CPUTIME 2
#define CLOCK_STEP_NS 100000000
#define SA_FLAGS 0x4c000004UL /* RESTORER | ONSTACK | NODEFER | SIGINFO */

struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};
struct kernel_stack {
	uint64_t base;
	uint32_t flags, pad;
	uint64_t size;
};

/* struct sigevent */
struct kernel_event {
	uint64_t value;
	int number, notify; /* SIGEV_SIGNAL: 0 */
	uint64_t pad[6];
};

_Noreturn void zygote_main(void);
void stub_signal(void);
void stub_restorer(void);
void mapper_start(void);
_Noreturn void program_start(void);

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
	                 : "+a"(nr)
	                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return nr;
}

static _Noreturn void quit(long status)
{
	for (;;)
		call(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

static void must(long result, long step)
{
	if (result < 0 && result > -4096)
		quit(step);
}

static long map_control(uint64_t address, uint64_t size, long prot, uint64_t offset, long flags)
{
	return call(__NR_mmap, (long)address, (long)size, prot, MAP_SHARED | flags, FD_CONTROL,
	            (long)offset);
}

static void set_action(long number)
{
	struct kernel_action action = {
		.handler = (uint64_t)&stub_signal,
		.flags = SA_FLAGS,
		.restorer = (uint64_t)&stub_restorer,
	};
	must(call(__NR_rt_sigaction, number, (long)&action, 0, 8, 0, 0), STEP_SIGACTION);
}

/* The mapper shares memory but not descriptors; it starts in mapper_start(),
 * with all signals blocked, and never touches a stack. */
static void start_mapper(void)
{
	long flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	long result = __NR_clone;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "jmp *%[start]\n"
	                 "1:"
	                 : "+a"(result)
	                 : "D"(flags), "S"(0L), "d"(0L), "r"(r10), "r"(r8), [start] "r"(&mapper_start)
	                 : "rcx", "r11", "memory");
	must(result, STEP_THREAD);
}

/*
 * After each tenth of a second of CPU time the thread stops as if it were preempted. The simulator does that sooner; so this is for a simulator
 * that has itself been stopped (SIGSTOP).
 */
static void start_clock(void)
{
	struct kernel_event event = {.number = SIG_PREEMPT};
	const uint64_t times[4] = {0, CLOCK_STEP_NS, 0, CLOCK_STEP_NS};
	int timer;

	if (call(__NR_timer_create, CLOCK_PROCESS_CPUTIME, (long)&event, (long)&timer, 0, 0, 0) == 0)
		call(__NR_timer_settime, timer, 0, (long)times, 0, 0, 0);
}

/* parent: the simulator's process id. */
static _Noreturn void be_zone(uint32_t slot, long parent)
{
	uint64_t group = (uint64_t)slot * CTL_STRIDE;
	struct kernel_stack stack = {.base = ZONE_W + W_STACK, .size = W_STACK_SIZE};

	must(call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL_NUMBER, 0, 0, 0, 0), STEP_PDEATHSIG);
	must(map_control(ZONE_R, ZONE_R_SIZE, PROT_READ, group, MAP_FIXED), STEP_CONTROL);
	must(map_control(ZONE_W, ZONE_W_SIZE, PROT_READ | PROT_WRITE, group + CTL_W, MAP_FIXED), STEP_CONTROL);
	/* The simulator may have died before the line above about its death. */
	if (call(__NR_getppid, 0, 0, 0, 0, 0, 0) != parent)
		quit(STEP_ORPHAN);
	must(call(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0), STEP_ALTSTACK);
	start_clock();
	start_mapper();
	must(call(__NR_close_range, 0, ~0U, 0, 0, 0, 0), STEP_CLOSE_RANGE);
	program_start();
}

/* Everything that the host's exec left goes away but the stub itself. */
static void arrange_memory(void)
{
	must(call(__NR_munmap, 0, STUB_TEXT, 0, 0, 0, 0), STEP_UNMAP);
	must(call(__NR_munmap, INIT_STACK + INIT_STACK_SIZE,
	          HOST_TOP - (INIT_STACK + INIT_STACK_SIZE), 0, 0, 0, 0), STEP_UNMAP);
}

/* If root has started us. What the host refuses here it would also refuse to whoever uses them. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	static const struct __user_cap_data_struct none[2];

	call(__NR_capset, (long)&header, (long)none, 0, 0, 0, 0);
}

/* Errors end the process; the simulator reads end-of-file and says so. */
void zygote_main(void)
{
	static const unsigned char signals[] = {4, 5, 7, 8, 11, SIG_PREEMPT, 31};
	static const uint64_t all = ~0UL;
	uint64_t greeting = ZYGOTE_READY;
	uint32_t slot;
	long parent;

	/* Not the terminal's: ^C must not reach zones. */
	call(__NR_setsid, 0, 0, 0, 0, 0, 0);
	/* No core dumps, also not those that are piped to a program; and nobody of our user id looks in. */
	must(call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0), STEP_PDEATHSIG);
	must(call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL_NUMBER, 0, 0, 0, 0), STEP_PDEATHSIG);
	parent = call(__NR_getppid, 0, 0, 0, 0, 0, 0);
	must(call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0), STEP_NO_NEW_PRIVS);
	drop_capabilities();
	must(call(__NR_close_range, FD_COMMAND + 1, ~0U, 0, 0, 0, 0), STEP_CLOSE_RANGE);
	must(call(__NR_close_range, 0, FD_MEMORY - 1, 0, 0, 0, 0), STEP_CLOSE_RANGE);
	must(call(__NR_rt_sigprocmask, 2, (long)&all, 0, 8, 0, 0), STEP_MASK);
	/* Zones have it from here; where it fails, the simulator goes without it (cross.c). */
	call(__NR_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < sizeof(signals); i++)
		set_action(signals[i]);
	arrange_memory();
	call(__NR_write, FD_COMMAND, (long)&greeting, sizeof(greeting), 0, 0, 0);
	while (call(__NR_read, FD_COMMAND, (long)&slot, sizeof(slot), 0, 0, 0) == sizeof(slot)) {
		long pid = call(__NR_clone, CLONE_PARENT | SIGCHLD_NUMBER, 0, 0, 0, 0, 0);
		if (pid == 0)
			be_zone(slot, parent);
		call(__NR_write, FD_COMMAND, (long)&pid, sizeof(pid), 0, 0, 0);
	}
	quit(0);
}

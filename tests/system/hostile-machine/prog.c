/* Attacks with the machine itself: privileged instructions, selectors, flags, bases, forged signal frames, code in the wrong place. */
#include "check.h"
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#include <setjmp.h>
#include <stddef.h>
#include <ucontext.h>

static volatile uint32_t *witness; /* shared: rounds of a process that works */

static int witness_works(void)
{
	uint32_t before = *witness;

	for (int i = 0; i < 5000 && *witness < before + 3; i++)
		pause_ms(1);
	return *witness >= before + 3;
}

/* How a child ends that does this: its wait status. */
static int ending(void (*attack)(const void *), const void *what)
{
	pid_t child = fork();

	if (child == 0) {
		alarm(20);
		attack(what);
		_exit(0);
	}
	return wait_status(child);
}

static int is_refused(int status)
{
	return KILLED(status, SIGSEGV) || KILLED(status, SIGILL) || KILLED(status, SIGBUS) || KILLED(status, SIGTRAP);
}

/* ---- instructions ---- */

struct bytes {
	const char *name;
	uint8_t size, code[20];
};

static void run_bytes(const void *what)
{
	const struct bytes *bytes = what;
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(p, bytes->code, bytes->size);
	p[bytes->size] = 0xc3;
	/* rdi and rsi: memory that is there, rcx, rdx and rax: something. */
	__asm__ volatile("call *%0" : : "r"(p), "D"(p + 4096), "S"(p + 4096), "c"(0x1b), "d"(0x3f8), "a"(0) : "rbx", "r8", "memory");
}

static const struct bytes instructions[] = {
	{ "cli", 1, { 0xfa } }, { "sti", 1, { 0xfb } }, { "hlt", 1, { 0xf4 } },
	{ "in al, imm", 2, { 0xe4, 0x60 } }, { "in eax, imm", 2, { 0xe5, 0x60 } }, { "out imm, al", 2, { 0xe6, 0x64 } }, { "out imm, eax", 2, { 0xe7, 0x64 } },
	{ "in al, dx", 1, { 0xec } }, { "in eax, dx", 1, { 0xed } }, { "out dx, al", 1, { 0xee } }, { "out dx, eax", 1, { 0xef } },
	{ "insb", 1, { 0x6c } }, { "insd", 1, { 0x6d } }, { "outsb", 1, { 0x6e } }, { "outsd", 1, { 0x6f } }, { "rep outsb", 2, { 0xf3, 0x6e } },
	{ "rdmsr", 2, { 0x0f, 0x32 } }, { "wrmsr", 2, { 0x0f, 0x30 } },
	{ "mov cr0, rax", 3, { 0x0f, 0x22, 0xc0 } }, { "mov cr3, rax", 3, { 0x0f, 0x22, 0xd8 } }, { "mov cr4, rax", 3, { 0x0f, 0x22, 0xe0 } },
	{ "mov cr8, rax", 4, { 0x44, 0x0f, 0x22, 0xc0 } }, { "mov rax, cr0", 3, { 0x0f, 0x20, 0xc0 } }, { "mov rax, cr3", 3, { 0x0f, 0x20, 0xd8 } },
	{ "mov dr7, rax", 3, { 0x0f, 0x23, 0xf8 } }, { "mov rax, dr7", 3, { 0x0f, 0x21, 0xf8 } },
	{ "lgdt", 3, { 0x0f, 0x01, 0x17 } }, { "lidt", 3, { 0x0f, 0x01, 0x1f } }, { "lldt", 3, { 0x0f, 0x00, 0xd0 } }, { "ltr", 3, { 0x0f, 0x00, 0xd8 } },
	{ "lmsw", 3, { 0x0f, 0x01, 0xf0 } }, { "clts", 2, { 0x0f, 0x06 } }, { "invd", 2, { 0x0f, 0x08 } }, { "wbinvd", 2, { 0x0f, 0x09 } },
	{ "invlpg", 3, { 0x0f, 0x01, 0x3f } }, { "swapgs", 3, { 0x0f, 0x01, 0xf8 } }, { "sysretq", 3, { 0x48, 0x0f, 0x07 } }, { "sysexit", 2, { 0x0f, 0x35 } },
	/* mov eax, 20 (the 32-bit getpid) */
	{ "sysenter", 7, { 0xb8, 20, 0, 0, 0, 0x0f, 0x34 } },
	{ "xsetbv", 3, { 0x0f, 0x01, 0xd1 } }, { "rsm", 2, { 0x0f, 0xaa } }, { "int 8", 2, { 0xcd, 0x08 } }, { "int 13", 2, { 0xcd, 0x0d } }, { "int 14", 2, { 0xcd, 0x0e } },
	{ "int 2 (NMI)", 2, { 0xcd, 0x02 } }, { "int 0x20", 2, { 0xcd, 0x20 } }, { "int 0xff", 2, { 0xcd, 0xff } }, { "ud2", 2, { 0x0f, 0x0b } },
	{ "lock on a register", 4, { 0xf0, 0x0f, 0xc7, 0xc8 } }, { "a prefix too many", 16, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90 } },
	/* push selectors and offsets, then a far return */
	{ "far return to the kernel's code", 6, { 0x6a, 0x08, 0x6a, 0x00, 0x48, 0xcb } }, { "far return to null", 6, { 0x6a, 0x00, 0x6a, 0x00, 0x48, 0xcb } },
	{ "far return to the kernel's code, ring 3", 6, { 0x6a, 0x13, 0x6a, 0x00, 0x48, 0xcb } },
	/* mov selector, ax; mov ax, ss */
	{ "null stack segment", 5, { 0x31, 0xc0, 0x8e, 0xd0, 0x50 } }, { "the kernel's stack segment", 7, { 0xb8, 0x18, 0, 0, 0, 0x8e, 0xd0 } },
	{ "the kernel's data segment", 7, { 0xb8, 0x18, 0, 0, 0, 0x8e, 0xd8 } }, { "the task segment", 7, { 0xb8, 0x43, 0, 0, 0, 0x8e, 0xd8 } },
	{ "a segment beyond the table", 7, { 0xb8, 0xfb, 0xff, 0, 0, 0x8e, 0xc0 } },
	/* movabs rax; jmp, call, push ret, load and store */
	{ "jump to an address that is not canonical", 12, { 0x48, 0xb8, 0, 0, 0, 0, 0, 0x80, 0, 0, 0xff, 0xe0 } },
	{ "jump to the last byte", 9, { 0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe0 } },
	{ "return to the kernel's text", 8, { 0x48, 0xc7, 0xc0, 0, 0, 0, 0x80, 0x50 } },
	{ "store where it is not canonical", 12, { 0x48, 0xb8, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x88, 0x00 } },
	{ "load where it is not canonical", 12, { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8a, 0x00 } },
	{ "store into the kernel's text", 9, { 0x48, 0xc7, 0xc0, 0, 0, 0x10, 0x80, 0x88, 0x00 } },
	{ "store across the end of all addresses", 10, { 0x48, 0xc7, 0xc0, 0xfd, 0xff, 0xff, 0xff, 0x48, 0x89, 0x00 } },
	{ "push onto the kernel's text", 8, { 0x48, 0xc7, 0xc4, 0, 0, 0x10, 0x80, 0x50 } },
	{ "push where it is not canonical", 12, { 0x48, 0xbc, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x50, 0x58 } },
};

/* ---- code in the wrong place ---- */

static uint8_t data_code[64] = { 0xc3 };
static const uint8_t constant_code[64] = { 0xc3 };

static void jump(const void *to)
{
	((void (*)(void))(uintptr_t)to)();
}

static void write_there(const void *to)
{
	*(volatile uint8_t *)(uintptr_t)to = 1;
}

static void on_stack(const void *unused)
{
	volatile uint8_t code[16] = { 0xc3 };

	(void)unused;
	jump((const void *)code);
}

static void on_heap(const void *prot)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*p = 0xc3;
	if (prot)
		mprotect(p, 4096, PROT_READ);
	jump(p);
}

/* It was executable once. */
static void after_protect(const void *unused)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	*p = 0xc3;
	jump(p);
	mprotect(p, 4096, PROT_READ | PROT_WRITE);
	*p = 0xc3;
	jump(p);
}

static void after_unmap(const void *unused)
{
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	*p = 0xc3;
	jump(p);
	munmap(p, 4096);
	jump(p);
}

/* A system call as the very last instruction: it would return to the limit. */
static void last_call(const void *unused)
{
	uint8_t *p = mmap((void *)0x7ffefffff000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)unused;
	if (p == MAP_FAILED)
		raise(SIGSEGV);
	memset(p, 0x90, 4096);
	p[4094] = 0x0f;
	p[4095] = 0x05;
	__asm__ volatile("mov $39, %%eax\n\tjmp *%0" : : "r"(p + 4094) : "rax", "rcx", "r11", "memory");
}

/* ---- flags ---- */

#define F_TF 0x100UL
#define F_IF 0x200UL
#define F_DF 0x400UL
#define F_IOPL 0x3000UL
#define F_NT 0x4000UL
#define F_AC 0x40000UL

static void on_trap(int sig)
{
	(void)sig;
}

static uint64_t flags_read(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
	return flags;
}

/* System calls of both kinds, a fault, and a while of computing under these flags; then they
 * are taken back. Does everything still hold? */
static void work_under(const void *what)
{
	uint64_t flags = *(const uint64_t *)what, result = 0, left;
	uint8_t *fresh = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t me = getpid();

	signal(SIGTRAP, on_trap);
	__asm__ volatile("pushfq\n\tor %[flags], (%%rsp)\n\tpopfq\n\t"
	                 "mov $39, %%eax\n\tsyscall\n\tmov %%rax, %[result]\n\t"
	                 "movq $1, (%[fresh])\n\tmovq $1, 0x80000(%[fresh])\n\t"
	                 "mov $0xfb000000, %%eax\n\tsyscall\n\t"
	                 "mov %[turns], %%ecx\n"
	                 "1:\tdec %%ecx\n\tjnz 1b\n\t"
	                 "mov $110, %%eax\n\tsyscall\n\t"
	                 "pushfq\n\tmov (%%rsp), %[left]\n\tandq $~0x44500, (%%rsp)\n\tpopfq"
	                 : [result] "=&r"(result), [left] "=&r"(left)
	                 : [flags] "r"(flags), [fresh] "r"(fresh), [turns] "r"(flags & F_TF ? 20 : 20000000)
	                 : "rax", "rcx", "rdx", "r11", "memory");
	if (result != (uint64_t)me || fresh[0] != 1 || fresh[0x80000] != 1 || (flags & ~left & F_TF))
		_exit(1);
	for (int i = 1; i < 1 << 20; i++)
		if (fresh[i] && i != 0x80000)
			_exit(2);
	memset(fresh, 5, 1 << 20);
	for (int i = 0; i < 1 << 20; i++)
		if (fresh[i] != 5)
			_exit(3);
}

/* ---- forged signal frames ---- */

static const struct forged {
	const char *name;
	int reg;        /* of uc_mcontext.gregs */
	uint64_t value;
	int may_live;
} forged[] = {
	{ "I/O privilege", REG_EFL, F_IOPL | F_IF | 2, 1 },
	{ "no interrupts", REG_EFL, 2, 1 },
	{ "nested task", REG_EFL, F_NT | F_IF | 2, 1 },
	{ "virtual 8086 mode", REG_EFL, 0x20000 | F_IF | 2, 1 },
	{ "virtual interrupts", REG_EFL, 0x180000 | F_IF | 2, 1 },
	{ "every flag but the trap flag", REG_EFL, ~F_TF, 1 },
	{ "rip in the kernel's half", REG_RIP, 0xffffffff80100000, 0 },
	{ "rip that is not canonical", REG_RIP, 0x800000000000, 0 },
	{ "rip at the top", REG_RIP, ~0UL, 0 },
	{ "rip at the limit", REG_RIP, 0x7fff00000000, 0 },
	{ "rip null", REG_RIP, 0, 0 },
	{ "rsp in the kernel's half", REG_RSP, 0xffffffff80100000, 0 },
	{ "rsp that is not canonical", REG_RSP, 0x8000000000000000, 0 },
	{ "rsp null", REG_RSP, 0, 0 },
	{ "the kernel's code segment", REG_CSGSFS, 0x0000000000000008, 1 },
	{ "the kernel's code segment, ring 3", REG_CSGSFS, 0x002b000000000013, 1 },
	{ "a task segment for code", REG_CSGSFS, 0x002b000000000043, 1 },
	{ "no segments", REG_CSGSFS, 0, 1 },
};

static const struct forged *forging;
static int vector_case = -1;

static void on_forge(int sig, siginfo_t *info, void *uc_)
{
	ucontext_t *uc = uc_;
	uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;

	(void)sig;
	(void)info;
	if (forging)
		uc->uc_mcontext.gregs[forging->reg] = (greg_t)forging->value;
	switch (vector_case) {
	case 0: memset(fp + 24, 0xff, 4); break;             /* MXCSR: reserved bits */
	case 1: memset(fp, 0xff, 512); break;
	case 2: memset(fp + 512, 0xff, 64); break;           /* the XSAVE header */
	case 3: memset(fp + 520, 0, 8); fp[527] = 0x80; break; /* says compacted */
	case 4: memset(fp + 464, 0xff, 48); break;           /* the software's part: sizes */
	case 5: uc->uc_mcontext.fpregs = (void *)0xffffffff80000000; break;
	case 6: uc->uc_mcontext.fpregs = (void *)0x8000000000000000; break;
	case 7: uc->uc_mcontext.fpregs = (void *)8; break;
	case 8: uc->uc_mcontext.fpregs = (void *)(fp + 1); break;
	case 9: uc->uc_mcontext.fpregs = NULL; break;
	case 10: memset(&uc->uc_sigmask, 0xff, sizeof uc->uc_sigmask); break;
	case 11: uc->uc_stack = (stack_t){ .ss_sp = (void *)0xffffffff80000000, .ss_size = ~0UL, .ss_flags = 77 }; break;
	default: break;
	}
}

/* Lives on: then it must be as little as before. */
static void forge(const void *what)
{
	struct sigaction action = { .sa_sigaction = on_forge, .sa_flags = SA_SIGINFO };
	static double before = 1.5;
	uint16_t cs;

	forging = what;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	if ((cs & 3) != 3 || (flags_read() & (F_IOPL | 0x1a0000)) || !(flags_read() & F_IF))
		_exit(1);
	for (volatile int i = 0; i < 2000000; i++)
		;
	/* Would a port be open now? */
	forging = NULL;
	vector_case = -1;
	if (before * 2 != 3.0)
		_exit(2);
	__asm__ volatile("cld");
	if (ending(run_bytes, &instructions[0]) == 0 || ending(run_bytes, &instructions[10]) == 0)
		_exit(3);
}

static void forge_vector(const void *what)
{
	vector_case = *(const int *)what;
	forge(NULL);
}

/* ---- bases ---- */

static void bases(const void *what)
{
	uint64_t base = *(const uint64_t *)what, now = 1;
	int instruction = base & 1, gs = base & 2;

	base &= ~3UL;
	if (!instruction) {
		/* Linux takes what lies below its own limit; nothing else may be taken. */
		_exit(syscall(SYS_arch_prctl, ARCH_SET_GS, base) == -1 && syscall(SYS_arch_prctl, ARCH_SET_FS, base) == -1 ? 0 : 1);
	}
	/* gs is nobody's, fs is the C library's: nothing of it is used until it is back. */
	if (gs) {
		__asm__ volatile("wrgsbase %1\n\tmov $110, %%eax\n\tsyscall\n\tmov $0xfb000000, %%eax\n\tsyscall\n\t"
		                 "mov $20000000, %%ecx\n1:\tdec %%ecx\n\tjnz 1b\n\trdgsbase %0"
		                 : "=r"(now) : "r"(base) : "rax", "rcx", "rdx", "r11", "memory");
	} else {
		__asm__ volatile("rdfsbase %%rbx\n\twrfsbase %1\n\tmov $110, %%eax\n\tsyscall\n\tmov $0xfb000000, %%eax\n\tsyscall\n\t"
		                 "mov $20000000, %%ecx\n1:\tdec %%ecx\n\tjnz 1b\n\trdfsbase %0\n\twrfsbase %%rbx"
		                 : "=&r"(now) : "r"(base) : "rax", "rbx", "rcx", "rdx", "r11", "memory");
	}
	_exit(now == base || now == 0 || !bases_stay() ? 0 : 1);
}

/* ---- what can be seen ---- */

static sigjmp_buf *scan_back;
static void on_scan(int sig)
{
	(void)sig;
	siglongjmp(*scan_back, 1);
}

static int is_readable(uint64_t at)
{
	sigjmp_buf back;

	scan_back = &back;
	if (sigsetjmp(back, 1))
		return 0;
	(void)*(volatile uint8_t *)at;
	return 1;
}

static int is_ours(uint64_t at)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long first, end;
	int ours = 0;
	char line[600];

	while (maps && fgets(line, sizeof line, maps))
		ours |= sscanf(line, "%lx-%lx", &first, &end) == 2 && at >= first && at < end;
	if (maps)
		fclose(maps);
	return ours;
}

static int foreign(uint64_t from, uint64_t to, uint64_t step)
{
	int found = 0;

	for (uint64_t at = from; at < to && at >= from; at += step)
		found += is_readable(at) && !is_ours(at);
	return found;
}

static void scan(const void *unused)
{
	(void)unused;
	signal(SIGSEGV, on_scan);
	signal(SIGBUS, on_scan);
	_exit(foreign(0, 0x7fff00000000, 0xbfffff000) + foreign(0xffff800000000000, 0xfffffffffffff000, 0x7ffffff000) +
	      foreign(0xffffffff80000000, 0xffffffff81000000, 0x3000) != 0);
}

int main(void)
{
	static const uint64_t flags[] = { F_DF, F_AC, F_NT, F_IOPL, F_TF, F_DF | F_AC | F_NT };
	static const char *const flag_names[] = { "direction", "alignment check", "nested task", "I/O privilege", "trap", "three at once" };
	static const uint64_t base[] = { 0xffffffff80000000, 0xffff800000000000, 0x800000000000, 0x8000000000000000, 0xffffffff80000001, 0xffffffff80000003 };
	static const char *const base_names[] = { "the kernel's text", "the kernel's half", "not canonical", "not canonical at all", "fs by instruction", "gs by instruction" };
	char text[100];
	pid_t worker;

	witness = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((worker = fork()) == 0)
		for (;;) {
			int st = ending(jump, (const void *)(uintptr_t)getppid);

			*witness += EXITED(st, 0);
			pause_ms(1);
		}
	for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++)
		CHECK(instructions[i].name, is_refused(ending(run_bytes, &instructions[i])));
	CHECK("the witness works", witness_works());

	CHECK("running data", KILLED(ending(jump, data_code), SIGSEGV));
	CHECK("running constants", KILLED(ending(jump, constant_code), SIGSEGV));
	CHECK("running the stack", KILLED(ending(on_stack, NULL), SIGSEGV));
	CHECK("running fresh memory", KILLED(ending(on_heap, NULL), SIGSEGV));
	CHECK("running memory that may be read", KILLED(ending(on_heap, "r"), SIGSEGV));
	CHECK("running what was executable", KILLED(ending(after_protect, NULL), SIGSEGV));
	CHECK("running what was mapped", KILLED(ending(after_unmap, NULL), SIGSEGV));
	CHECK("writing to program text", KILLED(ending(write_there, (const void *)(uintptr_t)main), SIGSEGV));
	CHECK("writing to constants", KILLED(ending(write_there, constant_code), SIGSEGV));
	CHECK("a system call at the end of all memory", KILLED(ending(last_call, NULL), SIGSEGV));
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		snprintf(text, sizeof text, "working under a flag: %s", flag_names[i]);
		CHECK(text, ending(work_under, &flags[i]) == 0);
	}
	CHECK("the witness works", witness_works());
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		int st = ending(forge, &forged[i]);

		snprintf(text, sizeof text, "forged frame: %s", forged[i].name);
		CHECK(text, is_refused(st) || (forged[i].may_live && st == 0));
	}
	for (int i = 0; i < 12; i++) {
		int st = ending(forge_vector, &i);

		snprintf(text, sizeof text, "forged vector state, mask and stack: %d", i);
		CHECK(text, is_refused(st) || st == 0);
	}
	CHECK("the witness works", witness_works());
	for (size_t i = 0; i < sizeof base / sizeof *base; i++) {
		int st = ending(bases, &base[i]);

		snprintf(text, sizeof text, "segment base: %s", base_names[i]);
		/* A machine without these instructions says so. */
		CHECK(text, st == 0 || is_refused(st));
	}
	CHECK("nothing but our own memory can be read", ending(scan, NULL) == 0);
	CHECK("the witness works", witness_works());
	kill(worker, SIGKILL);
	wait_status(worker);
	DONE();
}

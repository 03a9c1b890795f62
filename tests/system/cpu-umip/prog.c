/* sgdt, sidt, sldt, str and smsw: a processor with UMIP refuses them, and the system answers, always the same. Without, each
 * answers by itself, and only that is checked. */
#include "check.h"
#include <setjmp.h>

#define CR0 0x80050033UL
#define OLD 0x1111111111111111UL

static sigjmp_buf env;
static volatile sig_atomic_t got, code;
static void *volatile where;
static int umip;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got = sig;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(env, 1);
}

static int has_umip(void)
{
	uint32_t a = 7, b, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> 2 & 1;
}

/* A register that was OLD, after the instruction. */
#define REGISTER(instruction)                                     \
	({                                                        \
		uint64_t r_ = OLD;                                \
		__asm__ volatile(instruction : "+r"(r_) : : "rax");       \
		r_;                                               \
	})

static void registers(void)
{
	register uint64_t r13 __asm__("r13") = OLD;

	CHECK("smsw r64", REGISTER("smsw %q0") == CR0 || !umip);
	CHECK("smsw r32", REGISTER("smsw %k0") == (OLD & ~0xffffffffUL) + CR0 || !umip);
	CHECK("smsw r16", REGISTER("smsw %w0") == (OLD & ~0xffffUL) + (CR0 & 0xffff) || !umip);
	CHECK("str r32", REGISTER("str %k0") == (OLD & ~0xffffffffUL) + 0x40 || !umip);
	CHECK("str r16", REGISTER("str %w0") == (OLD & ~0xffffUL) + 0x40 || !umip);
	CHECK("str r64", REGISTER(".byte 0x48\n\tstr %%eax\n\tmov %%rax, %0") == 0x40 || !umip);
	CHECK("sldt r32", REGISTER("sldt %k0") == (OLD & ~0xffffffffUL) || !umip);
	CHECK("sldt r16", REGISTER("sldt %w0") == (OLD & ~0xffffUL) || !umip);
	__asm__ volatile("smsw %q0" : "+r"(r13));
	CHECK("smsw r13", r13 == CR0 || !umip);
}

static uint8_t bytes[64] __attribute__((aligned(64)));

/* Ten bytes there, and not one more. */
static int is_table(int at, uint64_t base)
{
	uint64_t found;
	int good = bytes[at + 10] == 0x11 && (at == 0 || bytes[at - 1] == 0x11);

	memcpy(&found, bytes + at + 2, 8);
	if (umip)
		good = good && found == base && bytes[at] == 0 && bytes[at + 1] == 0;
	memset(bytes, 0x11, sizeof bytes);
	return good;
}

static int is_word(int at, uint16_t value)
{
	uint16_t found;
	int good = bytes[at + 2] == 0x11 && bytes[at - 1] == 0x11;

	memcpy(&found, bytes + at, 2);
	memset(bytes, 0x11, sizeof bytes);
	return good && (found == value || !umip);
}

#define GDT 0xfffffffffffe0000
#define IDT 0xffffffffffff0000

static void operands(void)
{
	uint64_t r12 = (uint64_t)(bytes + 8), r13 = 3;

	memset(bytes, 0x11, sizeof bytes);
	__asm__ volatile("sgdt %0" : "+m"(bytes));
	CHECK("sgdt", is_table(0, GDT));
	__asm__ volatile("sidt %0" : "+m"(bytes));
	CHECK("sidt", is_table(0, IDT));
	__asm__ volatile("sgdt 5(%0)" : : "r"(bytes) : "memory");
	CHECK("displacement of a byte", is_table(5, GDT));
	__asm__ volatile("sidt -0x1000(%0)" : : "r"(bytes + 0x1004) : "memory");
	CHECK("displacement of four bytes", is_table(4, IDT));
	__asm__ volatile("mov %0, %%r12\n\tmov %1, %%r13\n\tsgdt (%%r12, %%r13, 4)" : : "r"(r12), "r"(r13) : "r12", "r13", "memory");
	CHECK("base, index and scale", is_table(20, GDT));
	__asm__ volatile("mov %0, %%r13\n\tsgdt (%%r13)" : : "r"(r12) : "r13", "memory");
	CHECK("r13 alone", is_table(8, GDT));
	__asm__ volatile("mov %0, %%r12\n\tsidt (%%r12)" : : "r"(r12) : "r12", "memory");
	CHECK("r12 alone", is_table(8, IDT));
	__asm__ volatile("push %%rbp\n\tmov %0, %%rbp\n\tsidt (%%rbp)\n\tpop %%rbp" : : "r"(r12) : "memory");
	CHECK("rbp alone", is_table(8, IDT));
	__asm__ volatile("sgdt bytes+9(%%rip)" : : : "memory");
	CHECK("relative to rip", is_table(9, GDT));
	__asm__ volatile("sgdt bytes+7" : : : "memory");
	CHECK("absolute", is_table(7, GDT));
	__asm__ volatile("sgdt bytes+1(, %0, 8)" : : "r"(r13) : "memory");
	CHECK("index without a base", is_table(25, GDT));
	__asm__ volatile("sgdt 2(%k0)" : : "r"(bytes) : "memory");
	CHECK("addresses of 32 bits", is_table(2, GDT));
	syscall(SYS_arch_prctl, 0x1001, bytes + 16);
	__asm__ volatile("sgdt %%gs:4" : : : "memory");
	CHECK("relative to gs", is_table(20, GDT));
	__asm__ volatile("smsw %0" : "=m"(bytes[6]) : : "memory");
	CHECK("smsw to memory", is_word(6, CR0 & 0xffff));
	__asm__ volatile("str %0" : "=m"(bytes[8]) : : "memory");
	CHECK("str to memory", is_word(8, 0x40));
	__asm__ volatile("sldt %0" : "=m"(bytes[10]) : : "memory");
	CHECK("sldt to memory", is_word(10, 0));
	__asm__ volatile(".byte 0x3e, 0x48\n\tsgdt %0" : "+m"(bytes));
	CHECK("prefixes that change nothing", is_table(0, GDT));
}

static int faults(uint8_t *at)
{
	got = 0;
	if (!sigsetjmp(env, 1))
		__asm__ volatile("sgdt (%0)" : : "r"(at) : "memory");
	return got == SIGSEGV && where == at && code != SI_KERNEL;
}

static void bad_places(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	uint8_t *page = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *last;
	static const uint8_t instruction[] = { 0x0f, 0x01, 0x07, 0xc3 }; /* sgdt (%rdi); ret */

	sigaction(SIGSEGV, &action, NULL);
	mprotect(page + 4096, 4096, PROT_READ);
	munmap(page + 3 * 4096, 4096);
	CHECK("where only reading is allowed", faults(page + 4096 + 100));
	CHECK("where nothing is", faults(page + 3 * 4096));
	CHECK("in the kernel's half", faults((uint8_t *)0xffffffff80000000) || !umip);
	CHECK("nothing was written", page[4096 + 100] == 0);
	/* The instruction ends with its page, and the next is not there. */
	last = page + 3 * 4096 - sizeof instruction;
	memcpy(last, instruction, sizeof instruction);
	mprotect(page + 2 * 4096, 4096, PROT_READ | PROT_EXEC);
	memset(bytes, 0x11, sizeof bytes);
	((void (*)(void *))(uintptr_t)last)(bytes);
	CHECK("at the end of the code", is_table(0, GDT));
	got = 0;
	if (!sigsetjmp(env, 1))
		__asm__ volatile("hlt");
	CHECK("what is refused for another reason", got == SIGSEGV && code == SI_KERNEL && where == NULL);
}

int main(void)
{
	umip = has_umip();
	registers();
	operands();
	bad_places();
	DONE();
}

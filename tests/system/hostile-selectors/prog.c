/* Every selector that names a local descriptor table: there is none, so it is as if the selector were beyond a table's end. */
#include "check.h"
#include <setjmp.h>

#define LOCAL 4 /* the selector's table bit (SDM vol. 3, 3.4.2) */

static sigjmp_buf env;
static volatile sig_atomic_t code;
static void *volatile where;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	code = si->si_code;
	where = si->si_addr;
	siglongjmp(env, 1);
}

/* The action raises SIGSEGV as a general protection fault does. */
#define REFUSED(action)                                               \
	({                                                            \
		int refused_ = 0;                                     \
		if (!sigsetjmp(env, 1)) {                             \
			action;                                       \
		} else {                                              \
			refused_ = code == SI_KERNEL && where == NULL; \
		}                                                     \
		refused_;                                             \
	})

/* lar, lsl, verr and verw say "no" and never fault. */
static int look(uint32_t selector)
{
	uint8_t lar, lsl, verr, verw;
	uint32_t out;

	__asm__ volatile("lar %2, %1\n\tsetz %0" : "=qm"(lar), "=&r"(out) : "r"(selector) : "cc");
	__asm__ volatile("lsl %2, %1\n\tsetz %0" : "=qm"(lsl), "=&r"(out) : "r"(selector) : "cc");
	__asm__ volatile("verr %w1\n\tsetz %0" : "=qm"(verr) : "r"(selector) : "cc");
	__asm__ volatile("verw %w1\n\tsetz %0" : "=qm"(verw) : "r"(selector) : "cc");
	return lar + lsl + verr + verw;
}

static int sees_nothing(void)
{
	int seen = 0;

	for (uint32_t i = 0; i < 0x10000; i += 8)
		for (uint32_t rpl = 0; rpl < 4; rpl++)
			seen += look(i | LOCAL | rpl);
	return seen == 0;
}

static int load(unsigned which, uint32_t selector)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) far = { 0, (uint16_t)selector };
	struct {
		uint64_t rip, cs, flags, rsp, ss;
	} frame = { 0, selector, 0x202, 0, 0x2b };
	uint64_t rsp;

	switch (which) {
	case 0: return REFUSED(__asm__ volatile("mov %0, %%ds" : : "r"(selector)));
	case 1: return REFUSED(__asm__ volatile("mov %0, %%es" : : "r"(selector)));
	case 2: return REFUSED(__asm__ volatile("mov %0, %%gs" : : "r"(selector)));
	case 3: return REFUSED(__asm__ volatile("mov %0, %%ss" : : "r"(selector)));
	case 4: return REFUSED(__asm__ volatile("ljmp *%0" : : "m"(far)));
	case 5: return REFUSED(__asm__ volatile("lcall *%0" : : "m"(far)));
	case 6: return REFUSED(__asm__ volatile("lgs %0, %%eax" : : "m"(far) : "rax"));
	case 7: return REFUSED(__asm__ volatile("push %0\n\tpush %0\n\tlretq" : : "r"((uint64_t)selector) : "memory"));
	default:
		/* With SMAP, QEMU's TCG reads this frame with the kernel's rights and faults; that is one too. */
		return REFUSED(__asm__ volatile("mov %%rsp, %0\n\tmov %1, %%rsp\n\tiretq" : "=&r"(rsp) : "r"(&frame) : "memory"));
	}
}

static int refused_all(unsigned which)
{
	int bad = 0;

	for (uint32_t i = 0; i < 0x10000; i += i < 0x200 ? 8 : 0x7f8)
		for (uint32_t rpl = 0; rpl < 4; rpl += 3)
			bad += !load(which, i | LOCAL | rpl);
	return bad == 0 && load(which, 0xffff);
}

int main(void)
{
	static const char *const names[] = { "mov ds", "mov es", "mov gs", "mov ss", "far jump", "far call", "lgs", "far return", "iretq" };
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	CHECK("no local selector can be seen", sees_nothing());
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		CHECK(names[i], refused_all(i));
	DONE();
}

/*
 * A first LibOS that looks at what no call gave it: vector registers, segment bases and selectors that programs, or
 * whoever came before it, have left. Two programs in zones of their own look for the same.
 */
#include <exo/calls.h>
#include <exo/abi.h>

#define CODE  UINT64_C(0x400000)
#define FUND  16
#define QUANTUM UINT64_C(1000000000)

#define HAS_FSGSBASE 1
#define MINE   UINT64_C(0x1b05a0a0a0a0a0a0)
#define MINE_2 UINT64_C(0x1b05b0b0b0b0b0b0)
#define FS UINT64_C(0x11110000)
#define GS UINT64_C(0x22220000)

static const struct exo_boot *b;
static uint64_t failures;

/* r12: may it use rdfsbase and its kin; r13: a pattern; r14, r15: bases. System call 1: what it found in rdi, which must
 * be 0. System call 2, again and again: what of its own is not so any more, likewise. */
extern const uint8_t program[], program_end[];
__asm__(".section .rodata\n"
        "program:\n\t"
        "movq %xmm0, %rdi\n\tmovq %xmm15, %rax\n\tor %rax, %rdi\n\t"
        "mov %ds, %eax\n\tor %rax, %rdi\n\tmov %es, %eax\n\tor %rax, %rdi\n\t"
        "mov %fs, %eax\n\tor %rax, %rdi\n\tmov %gs, %eax\n\tor %rax, %rdi\n\t"
        "test %r12, %r12\n\tjz 1f\n\t"
        "rdfsbase %rax\n\tor %rax, %rdi\n\trdgsbase %rax\n\tor %rax, %rdi\n"
        "1:\tmov $1, %eax\n\tsyscall\n\t"
        "movq %r13, %xmm0\n\tmovq %r13, %xmm15\n\t"
        "test %r12, %r12\n\tjz 2f\n\t"
        "wrfsbase %r14\n\twrgsbase %r15\n"
        "2:\tmov $0x2b, %eax\n\tmov %eax, %ds\n\tmov %eax, %es\n"
        "3:\tmov $2, %eax\n\tsyscall\n\t"
        "movq %xmm0, %rdi\n\txor %r13, %rdi\n\tmovq %xmm15, %rax\n\txor %r13, %rax\n\tor %rax, %rdi\n\t"
        "test %r12, %r12\n\tjz 3b\n\t"
        "rdfsbase %rax\n\txor %r14, %rax\n\tor %rax, %rdi\n\trdgsbase %rax\n\txor %r15, %rax\n\tor %rax, %rdi\n\t"
        "jmp 3b\n"
        "program_end:\n\t.text");

struct zone {
	exo_cap_t zone, ctx;
	struct exo_ctx_page *page;
};

static void say(const char *text)
{
	uint64_t size = 0, done;

	while (text[size])
		size++;
	(void)!exo_console_write(b->console, text, size, &done);
}

static void check(const char *what, bool good)
{
	say(good ? "ok " : "NOT OK ");
	say(what);
	say("\n");
	failures += !good;
}

static bool has_fsgsbase(void)
{
	uint32_t a = 7, bx, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(bx), "+c"(c), "=d"(d));
	return bx & 1;
}

static void mine_set(uint64_t value)
{
	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm15" : : "r"(value));
	if (has_fsgsbase())
		__asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(FS + value % 256), "r"(GS + value % 256));
}

/* What is not as mine_set() left it; value 0: as nobody has set it. */
static uint64_t mine_check(uint64_t value)
{
	uint64_t low, high, fs = 0, gs = 0;

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm15, %1" : "=r"(low), "=r"(high));
	if (has_fsgsbase())
		__asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs), "=r"(gs));
	if (value && has_fsgsbase()) {
		fs ^= FS + value % 256;
		gs ^= GS + value % 256;
	}
	return (low ^ value) | (high ^ value) | fs | gs;
}

static uint64_t selectors(void)
{
	uint64_t ds, es, fs, gs;

	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return ds | es | fs | gs;
}

static void *frame(exo_frame_t f)
{
	return (void *)(uintptr_t)(b->window + (f << EXO_FRAME_SHIFT));
}

static bool zone_make(struct zone *z, exo_frame_t at, uint64_t pattern)
{
	struct exo_map_op op = { .vaddr = CODE, .frame = at + FUND, .count = 1, .prot = EXO_PROT_READ | EXO_PROT_EXEC };
	uint8_t *code = frame(at + FUND);
	uint64_t done;

	for (uint64_t i = 0; i < (uint64_t)(program_end - program); i++)
		code[i] = program[i];
	z->page = frame(at + FUND + 1);
	*z->page = (struct exo_ctx_page){ .load = EXO_CTX_GPRS | EXO_CTX_FP };
	z->page->regs = (struct exo_regs){
		.rip = CODE, .r12 = has_fsgsbase(), .r13 = pattern, .r14 = pattern & 0xfffff000, .r15 = pattern & 0xffff000,
	};
	return exo_zone_create(b->zone, b->memory, at, FUND, "registers", 9, &z->zone) == EXO_OK &&
	       exo_mem_map(z->zone, b->memory, &op, 1, &done) == EXO_OK &&
	       exo_ctx_create(z->zone, b->memory, at + FUND + 1, &z->ctx) == EXO_OK;
}

/* Runs it to its next system call; that must be `nr`, and have nothing to say. */
static bool is_content(struct zone *z, uint64_t nr)
{
	uint64_t event = 0;

	do {
		if (exo_run(z->ctx, b->cpu, QUANTUM, &event) != EXO_OK)
			return false;
	} while (event == EXO_EV_PENDING || event == EXO_EV_QUANTUM);
	return event == EXO_EV_SYSCALL && z->page->nr == nr && z->page->args[0] == 0;
}

void libos_start(const struct exo_boot *boot)
{
	struct zone one, two;
	bool good = true;
	uint64_t word = 0;

	b = boot;
	check("nothing is left of what came before", mine_check(0) == 0 && selectors() == 0);
	check("two zones", zone_make(&one, boot->memory_first + 64, UINT64_C(0x1111111111111111)) &&
	                   zone_make(&two, boot->memory_first + 96, UINT64_C(0x2222222222222222)));
	mine_set(MINE);
	check("the first program finds nothing", is_content(&one, 1));
	check("it sets its own", is_content(&one, 2));
	check("we have ours", mine_check(MINE) == 0 && selectors() == 0);
	check("the second program finds nothing", is_content(&two, 1));
	check("it sets its own", is_content(&two, 2));
	check("we have ours", mine_check(MINE) == 0 && selectors() == 0);
	mine_set(MINE_2);
	for (unsigned i = 0; i < 20 && good; i++)
		good = is_content(&one, 2) && is_content(&two, 2) && is_content(&two, 2);
	check("the programs have theirs", good);
	check("we have ours", mine_check(MINE_2) == 0 && selectors() == 0);
	for (unsigned i = 0; i < 20 && good; i++) {
		mine_set(MINE + i);
		good = is_content(&one, 2) && mine_check(MINE + i) == 0;
	}
	check("so it goes on", good && exo_ctx_save(one.ctx, &word) == EXO_OK);
	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)one.page->fp[160 + i] << 8 * i; /* FXSAVE: xmm0 (SDM vol. 1, table 10-2) */
	check("its context page has its own", word == UINT64_C(0x1111111111111111) &&
	                                      one.page->regs.fs_base == (has_fsgsbase() ? 0x11111000 : 0));
	check("we have ours", mine_check(MINE + 19) == 0);
	(void)!exo_halt(boot->root, failures != 0, &word);
	for (;;)
		;
}

/* Context pages with everything wrong in them: the kernel enters nothing that it should not, and nothing of it comes out. */
#include "first.h"

#define CODE    UINT64_C(0x400000)
#define STACK   UINT64_C(0x600000)
#define TURN_NS UINT64_C(2000000)

/* What a program may have set in its flags, and 1 (SDM vol. 1, 3.4.3); those of the kernel: IF, IOPL, NT, VM, VIF, VIP. */
#define FLAGS_USER UINT64_C(0x250dd7)
#define FLAG_IF    UINT64_C(0x200)

static exo_cap_t zone, context;
static volatile struct exo_ctx_page *page;

/* mov %rsp, (stack top - 8) is not possible with a wild rsp; so: pushfq; pop %rbx; syscall; loop */
static const uint8_t program[] = { 0x9c, 0x5b, 0x0f, 0x05, 0xeb, 0xfa };
/* syscall at once: needs no stack */
static const uint8_t bare[] = { 0x0f, 0x05, 0xeb, 0xfc };

static void fill(volatile uint8_t *to, const uint8_t *from, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		to[i] = from[i];
}

static bool begin(void)
{
	exo_frame_t code = take(1, 1), stack = take(1, 1), frame = take(1, 1);
	struct exo_map_op ops[2] = {
		{ CODE, code, 1, EXO_PROT_READ | EXO_PROT_EXEC }, { STACK, stack, 1, EXO_PROT_READ | EXO_PROT_WRITE },
	};

	zone = zone_at(take(16, 1), 16);
	fill((volatile uint8_t *)see(code), program, sizeof(program));
	fill((volatile uint8_t *)see(code) + 64, bare, sizeof(bare));
	page = (volatile struct exo_ctx_page *)see(frame);
	for (uint64_t i = 0; i < PAGE / 8; i++)
		see(frame)[i] = 0;
	return zone != EXO_CAP_NONE && exo_mem_map(zone, boot->memory, ops, 2, NULL) == EXO_OK &&
	       exo_ctx_create(zone, boot->memory, frame, &context) == EXO_OK;
}

static uint64_t enter(uint64_t rip, uint64_t rsp, uint64_t flags)
{
	uint64_t event = 0;

	page->regs.rip = rip;
	page->regs.rsp = rsp;
	page->regs.rflags = flags;
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	do
		if (exo_run(context, boot->cpu, TURN_NS, &event) != EXO_OK)
			return EXO_EV_NONE;
	while (event == EXO_EV_PENDING || event == EXO_EV_QUANTUM);
	return event;
}

static void flags(void)
{
	uint64_t wrong = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t asked = UINT64_C(1) << bit;

		page->regs.rbx = 0;
		if (bit == 8) /* stops after each instruction: the trap flag is a program's */
			continue;
		if (enter(CODE, STACK + PAGE, asked) != EXO_EV_SYSCALL || exo_ctx_save(context, NULL) != EXO_OK) {
			wrong++;
			continue;
		}
		wrong += (page->regs.rbx & ~(FLAGS_USER | FLAG_IF)) != 0 || !(page->regs.rbx & FLAG_IF);
	}
	check("flags of the kernel's are not loaded; interrupts stay on", wrong == 0);
}

static void addresses(void)
{
	static const uint64_t places[] = {
		UINT64_C(0x7fff00000000), UINT64_C(0x7fffffffffff), UINT64_C(0x800000000000), UINT64_C(0xffff7fffffffffff),
		UINT64_C(0xffff800000000000), UINT64_C(0xffffffff80000000), UINT64_C(0xffffffffffffffff), UINT64_C(0x123456789abcdef0),
	};
	uint64_t wrong = 0;

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint64_t event = enter(places[i], STACK + PAGE, 0);

		wrong += event != EXO_EV_EXCEPTION && event != EXO_EV_FAULT;
		/* A stack pointer is only a number until it is used. */
		wrong += enter(CODE + 64, places[i], 0) != EXO_EV_SYSCALL;
		event = enter(CODE, places[i], 0);
		wrong += event != EXO_EV_EXCEPTION && event != EXO_EV_FAULT;
		page->regs.fs_base = page->regs.gs_base = places[i];
		wrong += enter(CODE, STACK + PAGE, 0) != EXO_EV_SYSCALL || exo_ctx_save(context, NULL) != EXO_OK ||
		         page->regs.fs_base >= EXO_USER_LIMIT || page->regs.gs_base >= EXO_USER_LIMIT;
		page->regs.fs_base = page->regs.gs_base = 0;
	}
	check("no instruction pointer, stack or base of the kernel's half", wrong == 0);
}

/* Every word of the vector state, all ones and a pattern; the kernel takes what the processor refuses for "none". */
static void vector_state(void)
{
	volatile uint64_t *words = (volatile uint64_t *)page->fp;
	uint64_t wrong = 0;

	for (unsigned at = 0; at < EXO_CTX_FP_SIZE / 8; at += at < 80 ? 1 : 29) {
		for (unsigned i = 0; i < EXO_CTX_FP_SIZE / 8; i++)
			words[i] = i == 64 ? 7 : 0; /* XSTATE_BV: x87, SSE, AVX */
		words[at] = UINT64_MAX;
		wrong += enter(CODE, STACK + PAGE, 0) != EXO_EV_SYSCALL || exo_ctx_save(context, NULL) != EXO_OK;
	}
	for (unsigned i = 0; i < EXO_CTX_FP_SIZE / 8; i++)
		words[i] = UINT64_MAX;
	wrong += enter(CODE, STACK + PAGE, 0) != EXO_EV_SYSCALL;
	check("vector state that the processor refuses is not loaded", wrong == 0);
}

/* The rest of the page is what the kernel tells; it reads none of it back. */
static void answers(void)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < 192 / 8; i++)
		((volatile uint64_t *)page)[i] = UINT64_MAX;
	for (unsigned i = 0; i < EXO_CTX_FP_SIZE / 8; i++)
		((volatile uint64_t *)page->fp)[i] = 0;
	wrong += enter(CODE, STACK + PAGE, 0) != EXO_EV_SYSCALL || page->event != EXO_EV_SYSCALL || page->load != 0;
	page->load = 0;
	page->result = UINT64_C(0xffffffff80000000);
	page->valid = page->access = page->vector = UINT32_MAX;
	page->in_call = page->notice = UINT64_MAX;
	{
		uint64_t event;

		wrong += exo_run(context, boot->cpu, TURN_NS, &event) != EXO_OK || event != EXO_EV_SYSCALL;
		wrong += exo_ctx_save(context, NULL) != EXO_OK || page->regs.rax != UINT64_C(0xffffffff80000000);
	}
	check("what the kernel wrote into a context page it does not believe", wrong == 0);
	check("the zone ends", exo_zone_destroy(zone, NULL) == EXO_OK);
}

void attack_contexts(void)
{
	bool begun = begin();

	check("a program", begun);
	if (!begun)
		return;
	flags();
	addresses();
	vector_state();
	answers();
}

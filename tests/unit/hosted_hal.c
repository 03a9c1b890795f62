/* The hosted HAL on its own: spaces, contexts and traps, with machine code as programs. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <hal/hosted/hosted.h>
#include <string.h>

#define MEMORY (UINT64_C(32) << 20)
#define CODE   UINT64_C(0x400000)
#define DATA   UINT64_C(0x500000)
#define THUNKS UINT64_C(0x300000)
#define FUND   64

static struct hal_pool pool;
static exo_frame_t next_frame;
static struct hal_space space;
static struct hal_ctx ctx;
static struct exo_ctx_page *page;
static struct hal_trap trap;

EXO_NORETURN void libos_start(const struct exo_boot *boot);
void libos_start(const struct exo_boot *boot)
{
	(void)boot;
	hal_halt(1);
}

static exo_frame_t take(void)
{
	memset(hal_phys_ptr(next_frame), 0, EXO_FRAME_SIZE);
	return next_frame++;
}

static void setup(void)
{
	static struct options options = {.memory = MEMORY};
	const char *message = "";

	cr_assert(host_machine_start(&options, &message), "%s", message);
	next_frame = hal_boot()->first_frame;
	for (int i = 0; i < FUND; i++)
		hal_pool_give(&pool, take());
	cr_assert_eq(hal_space_init(&space, &pool), EXO_OK);
}

static void teardown(void)
{
	host_zones_end();
}

static exo_vaddr_t next(exo_vaddr_t from)
{
	uint32_t words = UINT32_MAX;

	return hal_space_next(&space, from, EXO_USER_LIMIT, &words);
}

/* How many pages of [from, end) were mapped. */
static uint64_t unmap(exo_vaddr_t from, exo_vaddr_t end)
{
	exo_frame_t frames[8];
	uint32_t words = UINT32_MAX;
	uint64_t count = 0;

	while (from < end)
		count += hal_space_unmap(&space, &from, end, frames, 8, &words, &pool);
	return count;
}

static void space_end(void)
{
	hal_space_stop(&space);
	unmap(0, EXO_USER_LIMIT);
	hal_space_destroy(&space, &pool);
}

TestSuite(hosted, .init = setup, .fini = teardown, .timeout = 60);

/* A context at CODE with this program. */
static void program(const void *code, size_t size)
{
	exo_frame_t frame = take();

	memcpy(hal_phys_ptr(frame), code, size);
	hal_space_map(&space, CODE, frame, 1, EXO_PROT_READ | EXO_PROT_EXEC, &pool);
	page = hal_phys_ptr(take());
	hal_ctx_init(&ctx, &space, page);
	page->regs.rip = CODE;
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
}

/* Rewrites its call sites, whose thunks are mapped too. Returns how many there are. */
static uint64_t prepare(void *code, size_t size)
{
	exo_frame_t frame = take();
	const struct hal_text text = {.code = code, .size = size, .address = CODE, .thunks = hal_phys_ptr(frame),
	                              .thunks_size = EXO_FRAME_SIZE, .thunks_address = THUNKS};
	uint64_t used = hal_text_prepare(&text);

	hal_space_map(&space, THUNKS, frame, 1, EXO_PROT_READ | EXO_PROT_EXEC, &pool);
	return used / 24;
}

static uint32_t enter_for(uint64_t ns)
{
	hal_ctx_enter(&ctx, hal_time_ns() + ns, &trap);
	return trap.event;
}

static uint32_t enter(void)
{
	return enter_for(2000000000);
}

Test(hosted, tables_are_paid_for)
{
	/* Of an empty space: one table at each of two levels, and two leaf tables. */
	cr_assert_eq(hal_space_cost(&space, CODE, 1024), 1 + 1 + 2);
	hal_space_map(&space, CODE, next_frame, 1, EXO_PROT_READ, &pool);
	cr_assert_eq(hal_space_cost(&space, CODE, 1024), 1);
	cr_assert_eq(hal_space_cost(&space, CODE, 512), 0);
}

Test(hosted, map_query_next_unmap)
{
	uint64_t before = pool.count, cost = hal_space_cost(&space, DATA, 3);
	exo_frame_t first = next_frame, frame;
	uint32_t flags;

	next_frame += 3;
	hal_space_map(&space, DATA, first, 3, EXO_PROT_READ | EXO_PROT_WRITE, &pool);
	cr_assert_leq(before - pool.count, cost);
	cr_assert(hal_space_query(&space, DATA + 0x2000, &frame, &flags));
	cr_assert_eq(frame, first + 2);
	cr_assert_eq(flags & 7, EXO_PROT_READ | EXO_PROT_WRITE);
	cr_assert_not(hal_space_query(&space, DATA + 0x2000 + (UINT64_C(1) << 48), &frame, &flags), "beyond what users have");
	cr_assert_eq(next(0), DATA);
	cr_assert_eq(next(DATA + 0x3000), EXO_USER_LIMIT);
	cr_assert_eq(unmap(DATA, DATA + 0x2000), 2);
	hal_space_flush(&space);
	cr_assert_not(hal_space_query(&space, DATA, &frame, &flags));
	cr_assert_eq(next(0), DATA + 0x2000);
	space_end();
	cr_assert_eq(pool.count, FUND);
}

Test(hosted, unmapping_is_bounded)
{
	exo_frame_t frames[16];
	exo_vaddr_t at = DATA;
	uint32_t words = 600;

	/* A leaf table for each, of 512 words. */
	for (uint64_t i = 0; i < 16; i++)
		hal_space_map(&space, DATA + (i << 21), take(), 1, EXO_PROT_READ, &pool);
	cr_assert_lt(hal_space_unmap(&space, &at, EXO_USER_LIMIT, frames, 16, &words, &pool), 4);
	cr_assert_eq(words, 0);
	cr_assert_lt(at, DATA + (UINT64_C(4) << 21));
	cr_assert_geq(unmap(at, EXO_USER_LIMIT), 12);
}

Test(hosted, copies_obey_rights)
{
	char text[16] = "hello";
	exo_frame_t frame = take();

	hal_space_map(&space, DATA, frame, 1, EXO_PROT_READ, &pool);
	cr_assert_not(hal_copy_out(&space, DATA, text, 6));
	hal_space_protect(&space, DATA, 1, EXO_PROT_READ | EXO_PROT_WRITE);
	cr_assert(hal_copy_out(&space, DATA + 8, text, 6));
	memset(text, 0, sizeof(text));
	cr_assert(hal_copy_in(&space, text, DATA + 8, 6));
	cr_assert_str_eq(text, "hello");
	cr_assert_not(hal_copy_in(&space, text, DATA + 4090, 10));
	cr_assert_not(hal_copy_in(&space, text, UINT64_MAX - 2, 10));
	cr_assert_not(hal_copy_in(&space, text, EXO_USER_LIMIT, 1));
}

/* Of the LibOS in this process: frames that the kernel has taken for itself are not read or written for it. */
Test(hosted, what_the_window_hides_is_not_copied)
{
	struct hal_space self;
	uint64_t window = 0;
	char text[16] = "hello";
	exo_frame_t shown = take(), hidden = take();
	exo_vaddr_t at;

	cr_assert_eq(hal_libos_init(&self, &pool, &window), EXO_OK);
	at = window + (shown << EXO_FRAME_SHIFT);
	hal_window_show(shown, 2);
	cr_assert(hal_copy_out(&self, at + EXO_FRAME_SIZE - 3, text, 6));
	hal_window_hide(hidden, 1);
	cr_assert(hal_copy_out(&self, at, text, 6));
	cr_assert(hal_copy_in(&self, text, at, 6));
	cr_assert_str_eq(text, "hello");
	cr_assert_not(hal_copy_out(&self, at + EXO_FRAME_SIZE, text, 1));
	cr_assert_not(hal_copy_in(&self, text, at + EXO_FRAME_SIZE, 1));
	cr_assert_not(hal_copy_in(&self, text, at + EXO_FRAME_SIZE - 3, 6));
	cr_assert_not(hal_copy_in(&self, text, window + ((hal_boot()->first_frame + hal_boot()->frame_count - 1) << EXO_FRAME_SHIFT), EXO_FRAME_SIZE + 1));
	hal_window_show(hidden, 1);
	cr_assert_eq(memcmp((char *)hal_phys_ptr(hidden), "lo", 3), 0);
	/* What is elsewhere in this process is its own. */
	cr_assert(hal_copy_in(&self, text, (exo_vaddr_t)(uintptr_t)"other", 6));
}

Test(hosted, system_calls_and_results)
{
	/* mov $5,%edi; mov $39,%eax; syscall; mov %rax,%rdi; mov $60,%eax; syscall */
	program("\xbf\x05\0\0\0\xb8\x27\0\0\0\x0f\x05\x48\x89\xc7\xb8\x3c\0\0\0\x0f\x05", 22);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 39);
	cr_assert_eq(trap.args[0], 5);
	page->result = UINT64_C(0x123456789abc);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 60);
	cr_assert_eq(page->args[0], UINT64_C(0x123456789abc));
}

/* What moves behind a rewritten site means the same there, or stays: an address that counts from where the instruction is. */
Test(hosted, what_counts_from_its_own_place_does_not_move)
{
	/* mov $39,%eax; nop; lea 0x10(%rip),%rsi; syscall */
	uint8_t code[] = {0xb8, 39, 0, 0, 0, 0x90, 0x48, 0x8d, 0x35, 0x10, 0, 0, 0, 0x0f, 5, 0x90, 0x90, 0x90};

	prepare(code, sizeof(code));
	program(code, sizeof(code));
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 39);
	cr_assert_eq(trap.args[1], CODE + 13 + 0x10);
}

/* And faults where it was. */
Test(hosted, what_faults_before_a_call_faults_in_its_place)
{
	/* mov $39,%eax; mov (%rdi),%ecx; xor %edx,%edx; xor %esi,%esi; syscall: the load is the first that moves. */
	uint8_t first[] = {0xb8, 39, 0, 0, 0, 0x8b, 0x0f, 0x31, 0xd2, 0x31, 0xf6, 0x0f, 5, 0x90, 0x90, 0x90};

	prepare(first, sizeof(first));
	program(first, sizeof(first));
	page->regs.rdi = DATA;
	cr_assert_eq(enter(), EXO_EV_FAULT);
	hal_ctx_save(&ctx);
	cr_assert_eq(page->regs.rip, CODE + 5);
}

Test(hosted, a_load_in_the_middle_faults_in_its_place)
{
	/* mov $39,%eax; xor %edx,%edx; mov (%rdi),%ecx; xor %esi,%esi; syscall: it may not move. */
	uint8_t later[] = {0xb8, 39, 0, 0, 0, 0x31, 0xd2, 0x8b, 0x0f, 0x31, 0xf6, 0x0f, 5, 0x90, 0x90, 0x90};

	prepare(later, sizeof(later));
	program(later, sizeof(later));
	page->regs.rdi = DATA;
	cr_assert_eq(enter(), EXO_EV_FAULT);
	hal_ctx_save(&ctx);
	cr_assert_eq(page->regs.rip, CODE + 7);
}

Test(hosted, patched_system_calls)
{
	uint8_t code[] = {0xbf, 5, 0, 0, 0, 0xb8, 39, 0, 0, 0, 0x0f, 5, 0x48, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5};

	cr_assert_eq(prepare(code, sizeof(code)), 2);
	program(code, sizeof(code));
	page->regs.rbx = 77;
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 39);
	cr_assert_eq(trap.args[0], 5);
	hal_ctx_save(&ctx);
	cr_assert_eq(page->regs.rip, CODE + 12);
	cr_assert_eq(page->regs.rbx, 77);
	cr_assert_eq(page->regs.rax, 39);
	hal_ctx_answer(&ctx, 3, 9);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 60);
	cr_assert_eq(trap.args[0], 3);
	cr_assert_eq(trap.args[2], 9);
}

Test(hosted, jumps_into_a_site_keep_it_unpatched)
{
	/* jmp to xor %edi,%edi over mov %rax,%rbx: the five bytes cannot be had */
	uint8_t code[] = {0xeb, 3, 0x48, 0x89, 0xc3, 0x31, 0xff, 0x0f, 5, 0xc3};
	/* …but one to the syscall itself, over both, does no harm: it stays. */
	uint8_t other[] = {0xeb, 5, 0x48, 0x89, 0xc3, 0x31, 0xff, 0x0f, 5, 0xc3};

	cr_assert_eq(prepare(code, sizeof(code)), 0);
	cr_assert_eq(code[2], 0x48);
	cr_assert_eq(prepare(other, sizeof(other)), 1);
	cr_assert(other[7] == 0x0f && other[8] == 5);
}

Test(hosted, what_a_rewritten_call_returns_to_is_no_padding)
{
	/* ret; nop; xor %edi,%edi; syscall; nop; xor %edi,%edi; syscall; ret. The first call has the first nop, which nobody
	 * runs into; the second nop is run through, though a jump stands before it now. */
	uint8_t code[] = {0xc3, 0x0f, 0x1f, 0x44, 0, 0, 0x31, 0xff, 0x0f, 5, 0x0f, 0x1f, 0x44, 0, 0, 0x31, 0xff, 0x0f, 5, 0xc3};

	cr_assert_eq(prepare(code, sizeof(code)), 1);
	cr_assert(code[1] == 0xe9 && code[8] == 0xeb);
	cr_assert(code[10] == 0x0f && code[11] == 0x1f);
	cr_assert(code[17] == 0x0f && code[18] == 5);
}

/* 300 bytes, most of them of one value, and a call site at their end. */
static void site_behind(uint8_t code[300], uint8_t value, unsigned from)
{
	static const uint8_t site[] = {0xb8, 39, 0, 0, 0, 0x0f, 5, 0xc3};

	memset(code, 0x90, from);
	memset(code + from, value, 300 - sizeof(site) - from);
	memcpy(code + 300 - sizeof(site), site, sizeof(site));
}

Test(hosted, every_length_of_an_unknown_instruction_is_followed)
{
	uint8_t code[300];

	/* mov $0xd5d5d5d5, %eax: whoever begins to decode inside finds REX2, which has no length for us; then all meet. */
	site_behind(code, 0x90, 0);
	for (unsigned i = 0; i < 100; i++)
		code[i] = i % 5 ? 0xd5 : 0xb8;
	cr_assert_eq(prepare(code, sizeof(code)), 1);
	/* mov $0xb8b8b8b8, %eax begin where the nops end… */
	site_behind(code, 0xb8, 102);
	cr_assert_eq(prepare(code, sizeof(code)), 1);
	/* …or nobody knows where. */
	site_behind(code, 0xb8, 102);
	code[101] = 0xd5;
	cr_assert_eq(prepare(code, sizeof(code)), 0);
}

Test(hosted, answers_without_leaving)
{
	/* mov $110,%eax; syscall; mov %eax,%edi; mov $60,%eax; syscall */
	uint8_t code[] = {0xb8, 110, 0, 0, 0, 0x0f, 5, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5};
	exo_frame_t frame = take();
	struct exo_answer_page *answers = hal_phys_ptr(frame);

	cr_assert_eq(prepare(code, sizeof(code)), 2);
	program(code, sizeof(code));
	answers->present[1] = UINT64_C(1) << (110 - 64);
	answers->value[110] = 4711;
	hal_space_answers(&space, frame);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 60);
	cr_assert_eq(trap.args[0], 4711);
}

/* mov $110,%eax; syscall; jmp to the first: with another jump to itself in the place of the moved instruction, or behind its first byte. */
static void program_with_loop_in_thunk(uint64_t behind)
{
	uint8_t code[] = {0xb8, 110, 0, 0, 0, 0x0f, 5, 0xeb, 0xf7};
	uint8_t *thunks = hal_phys_ptr(next_frame);
	uint64_t at = 0;

	cr_assert_eq(prepare(code, sizeof(code)), 1);
	program(code, sizeof(code));
	while (at < EXO_FRAME_SIZE - 5 && memcmp(thunks + at, "\xb8\x6e\0\0\0", 5) != 0)
		at++;
	cr_assert_lt(at, EXO_FRAME_SIZE - 5);
	memcpy(thunks + at + behind, "\xeb\xfe", 2);
	page->regs.rip = THUNKS + at + behind;
}

Test(hosted, nobody_sees_that_a_call_was_rewritten)
{
	program_with_loop_in_thunk(0);
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(enter_for(2000000), EXO_EV_QUANTUM);
		if (!(page->valid & EXO_CTX_GPRS))
			hal_ctx_save(&ctx);
		cr_assert_eq(page->regs.rip, CODE);
	}
}

/* Who is interrupted between the instructions of a thunk goes on till its end; but no thunk has that many. */
Test(hosted, who_loops_in_a_thunk_is_stopped)
{
	program_with_loop_in_thunk(1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(enter_for(2000000), EXO_EV_QUANTUM);
}

static uint32_t pick(uint32_t below)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11) % below;
}

/* A program of what programs for calls are made of; it answers call 110 only. */
static uint32_t answer_program(struct exo_bpf_insn *program)
{
	static const uint16_t codes[] = {
		EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS, EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND, EXO_BPF_MISC | EXO_BPF_TAX,
		EXO_BPF_JMP | EXO_BPF_JEQ | EXO_BPF_K, EXO_BPF_JMP | EXO_BPF_JGT | EXO_BPF_K, EXO_BPF_JMP | EXO_BPF_JGE | EXO_BPF_K,
		EXO_BPF_JMP | EXO_BPF_JSET | EXO_BPF_K, EXO_BPF_RET | EXO_BPF_K,
	};
	static const uint32_t values[] = {0, 1, 3, 7, 8, 16, 52, 53, 55, 56, 57, 60, 500, 508, 509, 511, 512, 110, 255, 0x7fffffff, 0x80000000, UINT32_MAX};
	uint32_t count = 5 + pick(20);

	program[0] = (struct exo_bpf_insn){.code = codes[0], .k = offsetof(struct exo_answer_call, nr)};
	program[1] = (struct exo_bpf_insn){.code = codes[3], .k = 110, .jt = 1};
	program[2] = (struct exo_bpf_insn){.code = codes[7], .k = EXO_ANSWER_PASS};
	for (uint32_t i = 3; i < count; i++) {
		uint32_t rest = count - 1 - i;

		program[i] = (struct exo_bpf_insn){.code = codes[rest ? pick(8) : 7], .k = values[pick(22)]};
		if ((program[i].code & 7) == EXO_BPF_JMP) {
			program[i].jt = (uint8_t)pick(rest);
			program[i].jf = (uint8_t)pick(rest);
		} else if ((program[i].code & 7) == EXO_BPF_RET) {
			program[i].k = pick(5) << 16 | (pick(2) ? pick(8) : pick(0x10000));
		}
	}
	return count;
}

/* The stub's machine against bpf_run(): the same answers, and whoever is not answered is as before. */
Test(hosted, answer_programs)
{
	/* mov $110,%eax; syscall; mov %rax,%rdi; mov $60,%eax; syscall */
	uint8_t code[] = {0xb8, 110, 0, 0, 0, 0x0f, 5, 0x48, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5};
	exo_frame_t frame = take(), data = take();
	struct exo_answer_page *answers = hal_phys_ptr(frame);
	unsigned passed = 0, answered = 0, zeroed = 0;

	cr_assert_eq(prepare(code, sizeof(code)), 2);
	program(code, sizeof(code));
	hal_space_map(&space, DATA, data, 1, EXO_PROT_READ | EXO_PROT_WRITE, &pool);
	for (uint32_t i = 0; i < EXO_ANSWER_BYTES; i++)
		answers->data[i] = (uint8_t)(i * 7 + 1);
	hal_space_answers(&space, frame);
	for (unsigned turn = 0; turn < 4000; turn++) {
		struct exo_bpf_insn insns[EXO_ANSWER_PROGRAM_MAX] = {{0, 0, 0, 0}};
		struct exo_answer_call call = {110, {DATA + pick(8000), pick(600), DATA + 8, pick(4), (uint64_t)pick(9) << 32, DATA - 1}};
		const struct bpf_input input = {
			.head = (const uint8_t *)&call, .head_size = sizeof(call), .rest = (const uint8_t *)answers, .size = EXO_ANSWER_INPUT_SIZE,
		};
		uint32_t count = answer_program(insns), verdict, operand;
		uint64_t expected = 110, result = 0;

		cr_assert_eq(bpf_check(insns, count), EXO_OK);
		verdict = bpf_run(insns, &input);
		operand = verdict & 0xffff;
		if ((verdict & ~0xffffu) == EXO_ANSWER_RESULT) {
			expected = 60;
			result = (uint64_t)(int64_t)(int16_t)operand;
		} else if ((verdict & ~0xffffu) == EXO_ANSWER_ARG && operand < 6) {
			expected = 60;
			result = call.args[operand];
		} else if ((verdict & ~0xffffu) == EXO_ANSWER_ZERO && operand < 5 && call.args[operand + 1] <= ANSWER_ZERO_HERE &&
		           (call.args[operand + 1] == 0 || (call.args[operand] >= DATA &&
		            call.args[operand] + call.args[operand + 1] <= DATA + EXO_FRAME_SIZE))) {
			expected = 60;
			result = call.args[operand + 1];
			zeroed++;
		}
		memset(hal_phys_ptr(data), 0xee, EXO_FRAME_SIZE);
		cr_assert(hal_space_program(&space, insns));
		page->regs = (struct exo_regs){
			.rip = CODE, .rdi = call.args[0], .rsi = call.args[1], .rdx = call.args[2], .r10 = call.args[3],
			.r8 = call.args[4], .r9 = call.args[5], .rflags = 2,
		};
		page->load = EXO_CTX_GPRS;
		cr_assert_eq(enter(), EXO_EV_SYSCALL, "turn %u: event %u at %lx, address %lx", turn, trap.event, (unsigned long)page->regs.rip, (unsigned long)trap.address);
		cr_assert_eq(trap.nr, expected, "turn %u: call %d, verdict %x", turn, (int)trap.nr, verdict);
		cr_assert_eq(trap.args[0], expected == 60 ? result : call.args[0], "turn %u: verdict %x", turn, verdict);
		for (unsigned i = 1; i < 6; i++)
			cr_assert_eq(trap.args[i], call.args[i], "turn %u: argument %u", turn, i);
		if ((verdict & ~0xffffu) == EXO_ANSWER_ZERO && expected == 60)
			for (uint64_t at = 0; at < EXO_FRAME_SIZE; at++)
				cr_assert_eq(((uint8_t *)hal_phys_ptr(data))[at],
				             DATA + at - call.args[operand] < result ? 0 : 0xee);
		passed += expected == 110;
		answered += expected == 60;
	}
	cr_assert(passed > 100 && answered > 100 && zeroed > 10, "%u passed, %u answered, %u zeroed", passed, answered, zeroed);
	cr_assert_not(hal_space_program(&space, NULL));
	page->regs.rip = CODE;
	page->load = EXO_CTX_GPRS;
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(trap.nr, 110);
}

Test(hosted, faults_tell_what_happened)
{
	/* movabs $DATA,%rax; movb $1,(%rax); mov $60,%eax; syscall */
	program("\x48\xb8\0\0\x50\0\0\0\0\0\xc6\0\x01\xb8\x3c\0\0\0\x0f\x05", 20);
	cr_assert_eq(enter(), EXO_EV_FAULT);
	cr_assert_eq(trap.address, DATA);
	cr_assert_eq(trap.access, EXO_ACCESS_WRITE);
	hal_space_map(&space, DATA, take(), 1, EXO_PROT_READ, &pool);
	cr_assert_eq(enter(), EXO_EV_FAULT);
	cr_assert_eq(trap.access, EXO_ACCESS_WRITE | EXO_ACCESS_PRESENT);
	cr_assert_eq(page->regs.rip, CODE + 10);
	hal_space_protect(&space, DATA, 1, EXO_PROT_READ | EXO_PROT_WRITE);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
}

Test(hosted, revoked_memory_is_gone)
{
	/* movabs $DATA,%rax; 1: movb $1,(%rax); mov $39,%ecx; syscall... through rax kept in rbx */
	static const uint8_t code[] = {0xbb, 0, 0, 0x50, 0, 0xc6, 3, 1, 0xb8, 39, 0, 0, 0, 0x0f, 5, 0xeb, 0xf4};

	program(code, sizeof(code));
	hal_space_map(&space, DATA, take(), 1, EXO_PROT_READ | EXO_PROT_WRITE, &pool);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	hal_space_protect(&space, DATA, 1, EXO_PROT_READ);
	cr_assert_eq(enter(), EXO_EV_FAULT);
	hal_space_protect(&space, DATA, 1, EXO_PROT_READ | EXO_PROT_WRITE);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	unmap(DATA, DATA + 0x1000);
	hal_space_flush(&space);
	cr_assert_eq(enter(), EXO_EV_FAULT);
	cr_assert_eq(trap.access, EXO_ACCESS_WRITE);
}

Test(hosted, many_scattered_pages)
{
	/* mov $DATA,%ebx; 1: movb $1,(%rbx); add $0x2000,%ebx; cmp $DATA+600*0x2000,%ebx; jb 1b; mov $60,%eax; syscall */
	static const uint8_t code[] = {0xbb, 0, 0, 0x50, 0, 0xc6, 3, 1, 0x81, 0xc3, 0, 0x20, 0, 0, 0x81, 0xfb,
	                               0, 0, 0x9b, 0, 0x72, 0xef, 0xb8, 60, 0, 0, 0, 0x0f, 5};
	exo_frame_t first = next_frame;

	program(code, sizeof(code));
	for (uint64_t i = 0; i < 600; i++)
		hal_space_map(&space, DATA + i * 0x2000, take(), 1, EXO_PROT_READ | EXO_PROT_WRITE, &pool);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
	for (uint64_t i = 2; i < 602; i++)
		cr_assert_eq(*(uint8_t *)hal_phys_ptr(first + i), 1);
}

Test(hosted, endless_loops_are_preempted)
{
	program("\xff\xc3\xeb\xfc", 4); /* 1: inc %ebx; jmp 1b */
	for (int i = 0; i < 20; i++) {
		hal_ctx_enter(&ctx, hal_time_ns() + 2000000, &trap);
		cr_assert_eq(trap.event, EXO_EV_QUANTUM);
		hal_ctx_save(&ctx); /* the host may have given it no time to stop */
		cr_assert(page->valid & EXO_CTX_GPRS);
		cr_assert(page->regs.rip >= CODE && page->regs.rip < CODE + 4);
	}
	cr_assert_gt(page->regs.rbx, 0);
}

Test(hosted, exceptions_have_their_vectors)
{
	static const struct { uint8_t code[8]; uint32_t vector; } tests[] = {
		{{0x0f, 0x0b}, 6}, {{0x31, 0xc9, 0xf7, 0xf1}, 0}, {{0xcc}, 3}, {{0xf4}, 13}, {{0xcd, 0x80}, 13},
	};

	for (unsigned i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		program(tests[i].code, 8);
		cr_assert_eq(enter(), EXO_EV_EXCEPTION);
		cr_assert_eq(trap.vector, tests[i].vector, "vector %u", trap.vector);
		hal_ctx_fini(&ctx);
	}
}

Test(hosted, contexts_of_a_space_keep_their_registers)
{
	/* mov $39,%eax; syscall; movq %xmm0,%rdi; mov $60,%eax; syscall; jmp to the start */
	static const uint8_t code[] = {0xb8, 39, 0, 0, 0, 0x0f, 5, 0x66, 0x48, 0x0f, 0x7e, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5, 0xeb, 0xeb};
	struct hal_ctx other;
	struct exo_ctx_page *other_page;
	uint64_t value = UINT64_C(0x1122334455667788), header = 3;

	program(code, sizeof(code));
	memcpy(page->fp + 160, &value, 8);
	memcpy(page->fp + 512, &header, 8);
	page->regs.r15 = 15;
	other_page = hal_phys_ptr(take());
	hal_ctx_init(&other, &space, other_page);
	other_page->regs.rip = CODE;
	other_page->regs.r15 = 51;
	other_page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(enter(), EXO_EV_SYSCALL);
		hal_ctx_enter(&other, hal_time_ns() + 2000000000, &trap);
		cr_assert_eq(trap.event, EXO_EV_SYSCALL);
		cr_assert_eq(trap.args[0], i % 2 ? 0 : trap.args[0]);
		cr_assert_eq(enter(), EXO_EV_SYSCALL);
		cr_assert_eq(trap.args[0], value);
		hal_ctx_enter(&other, hal_time_ns() + 2000000000, &trap);
		cr_assert_eq(trap.args[0], 0);
	}
	hal_ctx_save(&ctx);
	cr_assert_eq(page->regs.r15, 15);
	hal_ctx_save(&other);
	cr_assert_eq(other_page->regs.r15, 51);
}

/* …or computes until its turn ends. Each silence costs CPU time until it counts as death. */
Test(hosted, who_enters_the_stub_is_dead, .timeout = 280)
{
	/* movabs $STUB_TEXT+n,%rcx; jmp *%rcx with rax = 9 */
	uint8_t code[] = {0x48, 0xb9, 0, 0, 0, 0, 0xff, 0x7f, 0, 0, 0xb8, 9, 0, 0, 0, 0xff, 0xe1};

	for (uint16_t at = 0x10; at < 0xd00; at = (uint16_t)(at + 0x71)) {
		uint32_t event;
		uint64_t text = STUB_TEXT + at;
		memcpy(code + 2, &text, 8);
		program(code, sizeof(code));
		event = enter_for(20000000);
		for (int i = 0; i < 20 && event != EXO_EV_DEAD && event != EXO_EV_EXCEPTION && event != EXO_EV_FAULT; i++)
			event = enter_for(20000000);
		hal_ctx_fini(&ctx);
		space_end();
		cr_assert_eq(pool.count, FUND);
		cr_assert_eq(hal_space_init(&space, &pool), EXO_OK);
	}
	program("\xb8\x27\0\0\0\x0f\x05", 7);
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
}

Test(hosted, reused_zones_hold_nothing_of_the_last)
{
	/* mov $39,%eax; syscall with all registers from the page */
	for (int i = 0; i < 200; i++) {
		program("\xb8\x27\0\0\0\x0f\x05", 7);
		cr_assert_eq(enter(), EXO_EV_SYSCALL);
		hal_ctx_save(&ctx);
		cr_assert_eq(page->regs.rbx, 0);
		cr_assert_eq(page->regs.r12, 0);
		cr_assert_eq(page->regs.fs_base, 0);
		for (unsigned j = 160; j < 416; j++)
			cr_assert_eq(page->fp[j], 0);
		memset(page->fp + 160, 0xaa, 256);
		page->fp[512] = 3;
		page->regs.rbx = page->regs.r12 = page->regs.fs_base = 0x1234;
		page->regs.rip = CODE;
		page->load = EXO_CTX_GPRS | EXO_CTX_FP;
		cr_assert_eq(enter(), EXO_EV_SYSCALL);
		hal_ctx_fini(&ctx);
		space_end();
		cr_assert_eq(hal_space_init(&space, &pool), EXO_OK);
		next_frame -= 2;
		memset(hal_phys_ptr(next_frame), 0, 2 * EXO_FRAME_SIZE);
	}
}

/* Nor is the program that answered calls for it; each second space here has one, and all have an answer page. */
Test(hosted, reused_zones_answer_nothing)
{
	static const struct exo_bpf_insn seven[EXO_ANSWER_PROGRAM_MAX] = {
		{.code = EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS, .k = offsetof(struct exo_answer_call, nr)},
		{.code = EXO_BPF_JMP | EXO_BPF_JEQ | EXO_BPF_K, .k = 110, .jf = 1},
		{.code = EXO_BPF_RET | EXO_BPF_K, .k = EXO_ANSWER_RESULT | 7},
		{.code = EXO_BPF_RET | EXO_BPF_K, .k = EXO_ANSWER_PASS},
	};
	exo_frame_t first = next_frame;

	for (int i = 0; i < 40; i++) {
		/* mov $110,%eax; syscall; mov %rax,%rdi; mov $60,%eax; syscall */
		uint8_t code[] = {0xb8, 110, 0, 0, 0, 0x0f, 5, 0x48, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5};

		cr_assert_eq(prepare(code, sizeof(code)), 2);
		program(code, sizeof(code));
		hal_space_answers(&space, take());
		if (i % 2 == 0)
			cr_assert(hal_space_program(&space, seven));
		cr_assert_eq(enter(), EXO_EV_SYSCALL);
		cr_assert_eq(trap.nr, i % 2 ? 110 : 60);
		hal_ctx_fini(&ctx);
		space_end();
		cr_assert_eq(hal_space_init(&space, &pool), EXO_OK);
		memset(hal_phys_ptr(first), 0, (next_frame - first) * EXO_FRAME_SIZE);
		next_frame = first;
	}
}

Test(hosted, wild_registers_are_harmless)
{
	program("\xb8\x27\0\0\0\x0f\x05", 7);
	page->regs.rip = UINT64_C(0x8000000000000000);
	cr_assert_eq(enter(), EXO_EV_FAULT);
	cr_assert_eq(trap.address, UINT64_C(0x8000000000000000));
	page->regs.rip = CODE;
	page->regs.rsp = ~UINT64_C(0);
	page->regs.rflags = ~UINT64_C(0) & ~UINT64_C(0x100);
	page->regs.fs_base = page->regs.gs_base = ~UINT64_C(0);
	memset(page->fp, 0xff, sizeof(page->fp));
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	cr_assert_eq(enter(), EXO_EV_SYSCALL);
}

Test(hosted, instruction_lengths)
{
	static const struct { const char *code; unsigned length; } tests[] = {
		{"\x90", 1}, {"\xc3", 1}, {"\x55", 1}, {"\x48\x89\xe5", 3}, {"\x0f\x05", 2}, {"\xb8\1\0\0\0", 5},
		{"\x48\xb8\1\0\0\0\0\0\0\0", 10}, {"\x66\xb8\1\0", 4}, {"\xe8\0\0\0\0", 5}, {"\x0f\x84\0\0\0\0", 6},
		{"\xeb\0", 2}, {"\x83\xc0\1", 3}, {"\x81\xc3\0\0\0\0", 6}, {"\xc7\x44\x24\x10\1\0\0\0", 8},
		{"\x8b\x05\0\0\0\0", 6}, {"\x8b\x04\x25\0\0\0\0", 7}, {"\xff\x24\x25\0\0\0\0", 7}, {"\xf6\xc1\1", 3},
		{"\xf7\xd8", 2}, {"\xf7\xc1\0\0\0\0", 6}, {"\x66\x2e\x0f\x1f\x84\0\0\0\0\0", 10},
		{"\xc5\xf8\x77", 3}, {"\xc5\xfd\x6f\x06", 4}, {"\xc4\xe3\x7d\x39\xc1\1", 6}, {"\x66\x0f\x3a\x0f\xc1\1", 6},
		{"\x62\xf1\xfd\x48\x6f\x06", 6}, {"\x0f\x38\xf0\x07", 4}, {"\x64\x48\x8b\x04\x25\x28\0\0\0", 9},
		{"\x06", 0}, {"\xc8\0\0\0", 4}, {"\xa1\0\0\0\0\0\0\0\0", 9}, {"\x69\xc0\0\0\0\0", 6},
	};
	uint8_t bytes[64];

	for (unsigned i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, tests[i].code, tests[i].length + 1);
		cr_assert_eq(host_decode_length(bytes, sizeof(bytes)), tests[i].length, "instruction %u: %u", i,
		             host_decode_length(bytes, sizeof(bytes)));
	}
}

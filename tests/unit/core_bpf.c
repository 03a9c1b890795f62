/* Classic BPF: what the check refuses, what each instruction does, and answer programs of zones. */
#include "core_env.h"
#include <bpf/bpf.h>

#define LD   EXO_BPF_LD
#define LDX  EXO_BPF_LDX
#define ALU  EXO_BPF_ALU
#define JMP  EXO_BPF_JMP
#define RETK EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_K, 0)
#define RETA EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_A, 0)
#define COUNT(program) (sizeof(program) / sizeof((program)[0]))

static const uint8_t packet[16] = { 0x45, 1, 2, 3, 4, 5, 6, 7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff };
static const uint8_t head[4] = { 0xa0, 0xa1, 0xa2, 0xa3 };
static const struct bpf_input plain = { .rest = packet, .size = 16, .network_order = true };

static bool accepted(uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	const struct exo_bpf_insn program[] = { { code, jt, jf, k }, RETK, RETK };

	return bpf_check(program, COUNT(program)) == EXO_OK;
}

/* A and X are given, one instruction, and A is returned. */
static uint32_t with(uint32_t a, uint32_t x, uint16_t code, uint32_t k, const struct bpf_input *input)
{
	const struct exo_bpf_insn program[] = {
		EXO_BPF_INSN(LDX | EXO_BPF_IMM, x), EXO_BPF_INSN(LD | EXO_BPF_IMM, a), EXO_BPF_INSN(code, k), RETA,
	};

	cr_assert_eq(bpf_check(program, COUNT(program)), EXO_OK);
	return bpf_run(program, input);
}

Test(bpf, the_check_refuses_what_is_not_known)
{
	const struct exo_bpf_insn no_end[] = { EXO_BPF_INSN(LD | EXO_BPF_IMM, 1) };
	const struct exo_bpf_insn end[] = { RETK };
	unsigned good = 0;

	cr_assert_eq(bpf_check(end, 0), EXO_E_ARG);
	cr_assert_eq(bpf_check(no_end, 1), EXO_E_ARG);
	cr_assert_eq(bpf_check(end, 1), EXO_OK);
	for (uint32_t code = 0; code <= UINT16_MAX; code++)
		good += accepted((uint16_t)code, 0, 0, 1);
	/* 13 loads, ST, STX, 10 operations by K and X and one by K, JA, 4 jumps by K and X, 2 RET, TAX, TXA */
	cr_assert_eq(good, 13 + 2 + 21 + 9 + 2 + 2);
}

Test(bpf, the_check_looks_at_operands)
{
	cr_assert(accepted(EXO_BPF_ST, 0, 0, 15) && !accepted(EXO_BPF_ST, 0, 0, 16));
	cr_assert(accepted(EXO_BPF_STX, 0, 0, 15) && !accepted(EXO_BPF_STX, 0, 0, UINT32_MAX));
	cr_assert(accepted(LD | EXO_BPF_MEM, 0, 0, 15) && !accepted(LD | EXO_BPF_MEM, 0, 0, 16));
	cr_assert(accepted(LDX | EXO_BPF_MEM, 0, 0, 15) && !accepted(LDX | EXO_BPF_MEM, 0, 0, 16));
	cr_assert(!accepted(ALU | EXO_BPF_DIV | EXO_BPF_K, 0, 0, 0) && !accepted(ALU | EXO_BPF_MOD | EXO_BPF_K, 0, 0, 0));
	cr_assert(accepted(ALU | EXO_BPF_DIV | EXO_BPF_X, 0, 0, 0));
	cr_assert(accepted(ALU | EXO_BPF_LSH | EXO_BPF_K, 0, 0, 31) && !accepted(ALU | EXO_BPF_RSH | EXO_BPF_K, 0, 0, 32));
	/* Two instructions follow: over one of them, not over both. */
	cr_assert(accepted(JMP | EXO_BPF_JA, 0, 0, 1) && !accepted(JMP | EXO_BPF_JA, 0, 0, 2));
	cr_assert(!accepted(JMP | EXO_BPF_JA, 0, 0, UINT32_MAX));
	cr_assert(accepted(JMP | EXO_BPF_JEQ, 1, 1, 0) && !accepted(JMP | EXO_BPF_JEQ, 2, 0, 0) &&
	          !accepted(JMP | EXO_BPF_JEQ, 0, 2, 0));
	cr_assert(accepted(JMP | EXO_BPF_JSET | EXO_BPF_X, 1, 0, 0) && !accepted(JMP | 0x50, 0, 0, 0));
}

Test(bpf, arithmetic)
{
	static const struct {
		uint16_t operation;
		uint32_t a, operand, result;
	} cases[] = {
		{ EXO_BPF_ADD, UINT32_MAX, 2, 1 }, { EXO_BPF_SUB, 1, 2, UINT32_MAX }, { EXO_BPF_MUL, 0x10001, 0x10000, 0x10000 },
		{ EXO_BPF_DIV, 7, 2, 3 }, { EXO_BPF_MOD, 7, 4, 3 }, { EXO_BPF_OR, 5, 3, 7 }, { EXO_BPF_AND, 5, 3, 1 },
		{ EXO_BPF_XOR, 5, 3, 6 }, { EXO_BPF_LSH, 3, 31, UINT32_C(1) << 31 }, { EXO_BPF_RSH, UINT32_MAX, 31, 1 },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint16_t code = ALU | cases[i].operation;

		cr_assert_eq(with(cases[i].a, 9, code | EXO_BPF_K, cases[i].operand, &plain), cases[i].result, "case %u", i);
		cr_assert_eq(with(cases[i].a, cases[i].operand, code | EXO_BPF_X, 9, &plain), cases[i].result, "case %u", i);
	}
	cr_assert_eq(with(5, 0, ALU | EXO_BPF_NEG, 0, &plain), (uint32_t)-5);
	cr_assert_eq(with(5, 7, EXO_BPF_MISC | EXO_BPF_TXA, 0, &plain), 7);
	/* What only shows when it runs: it ends with 0, or the bits are gone. */
	cr_assert_eq(with(5, 0, ALU | EXO_BPF_DIV | EXO_BPF_X, 0, &plain), 0);
	cr_assert_eq(with(5, 0, ALU | EXO_BPF_MOD | EXO_BPF_X, 0, &plain), 0);
	cr_assert_eq(with(5, 32, ALU | EXO_BPF_LSH | EXO_BPF_X, 0, &plain), 0);
	cr_assert_eq(with(5, UINT32_MAX, ALU | EXO_BPF_RSH | EXO_BPF_X, 0, &plain), 0);
}

Test(bpf, loads)
{
	struct bpf_input own = plain;

	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, 12, &plain), 0xfcfdfeff);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, 13, &plain), 0);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, UINT32_MAX, &plain), 0);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_HALF | EXO_BPF_ABS, 14, &plain), 0xfeff);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_HALF | EXO_BPF_ABS, 15, &plain), 0);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_BYTE | EXO_BPF_ABS, 15, &plain), 0xff);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_BYTE | EXO_BPF_ABS, 16, &plain), 0);
	cr_assert_eq(with(9, 4, LD | EXO_BPF_WORD | EXO_BPF_IND, 4, &plain), 0xf8f9fafb);
	cr_assert_eq(with(9, UINT32_MAX, LD | EXO_BPF_BYTE | EXO_BPF_IND, 2, &plain), 0);
	cr_assert_eq(with(9, 3, LD | EXO_BPF_HALF | EXO_BPF_IND, 1, &plain), 0x0405);
	cr_assert_eq(with(9, 3, LD | EXO_BPF_WORD | EXO_BPF_LEN, 1, &plain), 16);
	own.network_order = false;
	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, 12, &own), 0xfffefdfc);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_HALF | EXO_BPF_ABS, 12, &own), 0xfdfc);
	own.head = head;
	own.head_size = 4;
	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, 0, &own), 0xa3a2a1a0);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, 4, &own), 0x07060504);
	for (uint32_t at = 1; at < 4; at++)
		cr_assert_eq(with(9, 0, LD | EXO_BPF_WORD | EXO_BPF_ABS, at, &own), 0);
	cr_assert_eq(with(9, 0, LD | EXO_BPF_BYTE | EXO_BPF_ABS, 3, &own), 0xa3);
}

Test(bpf, memory_and_index)
{
	const struct exo_bpf_insn program[] = {
		EXO_BPF_INSN(LD | EXO_BPF_MEM, 3), EXO_BPF_JUMP(JMP | EXO_BPF_JEQ, 0, 1, 0), RETK,
		EXO_BPF_INSN(LDX | EXO_BPF_BYTE | EXO_BPF_MSH, 0), EXO_BPF_INSN(EXO_BPF_STX, 3),
		EXO_BPF_INSN(LD | EXO_BPF_IMM, 30), EXO_BPF_INSN(EXO_BPF_ST, 15), EXO_BPF_INSN(LDX | EXO_BPF_MEM, 15),
		EXO_BPF_INSN(LD | EXO_BPF_MEM, 3), EXO_BPF_INSN(ALU | EXO_BPF_ADD | EXO_BPF_X, 0),
		EXO_BPF_INSN(LDX | EXO_BPF_WORD | EXO_BPF_LEN, 0), EXO_BPF_INSN(ALU | EXO_BPF_ADD | EXO_BPF_X, 0),
		EXO_BPF_INSN(EXO_BPF_MISC | EXO_BPF_TAX, 0), EXO_BPF_INSN(LD | EXO_BPF_IMM, 0),
		EXO_BPF_INSN(EXO_BPF_MISC | EXO_BPF_TXA, 0), RETA,
	};

	cr_assert_eq(bpf_check(program, COUNT(program)), EXO_OK);
	cr_assert_eq(bpf_run(program, &plain), 20 + 30 + 16);
}

Test(bpf, jumps)
{
	static const struct {
		uint16_t operation;
		uint32_t a, operand;
		bool taken;
	} cases[] = {
		{ EXO_BPF_JEQ, 4, 4, true }, { EXO_BPF_JEQ, 4, 5, false }, { EXO_BPF_JGT, 5, 4, true }, { EXO_BPF_JGT, 4, 4, false },
		{ EXO_BPF_JGT, UINT32_MAX, 1, true }, { EXO_BPF_JGE, 4, 4, true }, { EXO_BPF_JGE, 3, 4, false },
		{ EXO_BPF_JSET, 6, 2, true }, { EXO_BPF_JSET, 6, 9, false },
	};

	for (unsigned i = 0; i < COUNT(cases) * 2; i++) {
		uint16_t source = i & 1 ? EXO_BPF_X : EXO_BPF_K;
		const struct exo_bpf_insn program[] = {
			EXO_BPF_INSN(LD | EXO_BPF_IMM, cases[i / 2].a),
			EXO_BPF_INSN(LDX | EXO_BPF_IMM, source == EXO_BPF_X ? cases[i / 2].operand : 77),
			EXO_BPF_JUMP(JMP | cases[i / 2].operation | source, source == EXO_BPF_X ? 77 : cases[i / 2].operand, 2, 0),
			EXO_BPF_INSN(JMP | EXO_BPF_JA, 2), EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_K, 3),
			EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_K, 1), EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_K, 2),
		};

		cr_assert_eq(bpf_check(program, COUNT(program)), EXO_OK);
		cr_assert_eq(bpf_run(program, &plain), cases[i / 2].taken ? 1 : 2, "case %u", i);
	}
}

/* ---- Answer programs --------------------------------------------------------- */

static const struct exo_bpf_insn good[] = { EXO_BPF_INSN(LD | EXO_BPF_IMM, 1), RETA };

CORE_TEST(answer_program, is_checked_and_kept)
{
	exo_cap_t zone = zone_make(8);
	struct exo_bpf_insn program[EXO_ANSWER_PROGRAM_MAX + 1];
	uint64_t runs = 7;

	for (unsigned i = 0; i < COUNT(program); i++)
		program[i] = (struct exo_bpf_insn)RETK;
	IS(E_STATE, exo_zone_answer_program(zone, good, 2, &runs));
	OK(exo_zone_answers(zone, boot->memory, frames_take(1), NULL));
	OK(exo_zone_answer_program(zone, good, 2, &runs));
	cr_assert_eq(runs, 0);
	fake.runs_programs = true;
	OK(exo_zone_answer_program(zone, program, EXO_ANSWER_PROGRAM_MAX, &runs));
	cr_assert_eq(runs, 1);
	IS(E_ARG, exo_zone_answer_program(zone, program, EXO_ANSWER_PROGRAM_MAX + 1, &runs));
	IS(E_ARG, exo_zone_answer_program(zone, program, UINT64_MAX / 8, &runs));
	/* The kernel's copy is what counts, and a refused one leaves the one before. */
	program[1].code = 0xffff;
	IS(E_ARG, exo_zone_answer_program(zone, program, 2, &runs));
	cr_assert_eq(fake.answer_program[1].code, EXO_BPF_RET | EXO_BPF_K);
	SOUND();
	OK(exo_zone_answer_program(zone, program, 0, &runs));
	cr_assert_null(fake.answer_program);
}

CORE_TEST(answer_program, needs_rights_and_a_zone_that_can_run)
{
	exo_cap_t zone = zone_make(8), weak;
	uint64_t runs;

	OK(exo_zone_answers(zone, boot->memory, frames_take(1), NULL));
	weak = derive(zone, EXO_R_ALL & ~EXO_R_MAP, 0, 0);
	IS(E_RIGHTS, exo_zone_answer_program(weak, good, 2, &runs));
	IS(E_STATE, exo_zone_answer_program(boot->zone, good, 2, &runs));
	fake.regions[0].base = good;
	fake.regions[0].size = sizeof(good);
	fake.region_count = 1;
	IS(E_ADDRESS, exo_zone_answer_program(zone, good, 3, NULL));
	OK(exo_zone_answer_program(zone, good, 2, NULL));
	fake.region_count = 0;
}

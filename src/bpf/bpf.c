/*
 * Classic BPF: the check and the machine.
 *
 * Termination is in the check: jumps go forwards and the last instruction is a RET. Memory safety
 * is in the machine's loads, which look at the input's size, and in the check of memory indexes.
 */
#include <bpf/bpf.h>

#define CLASS(code) ((code) & 0x07)
#define OP(code)    ((code) & 0xf0)
#define SHIFT_MAX   31

static bool check_load(const struct exo_bpf_insn *i)
{
	switch (i->code) {
	case EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS:
	case EXO_BPF_LD | EXO_BPF_HALF | EXO_BPF_ABS:
	case EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_ABS:
	case EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_IND:
	case EXO_BPF_LD | EXO_BPF_HALF | EXO_BPF_IND:
	case EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND:
	case EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_LEN:
	case EXO_BPF_LD | EXO_BPF_IMM:
	case EXO_BPF_LDX | EXO_BPF_WORD | EXO_BPF_LEN:
	case EXO_BPF_LDX | EXO_BPF_BYTE | EXO_BPF_MSH:
	case EXO_BPF_LDX | EXO_BPF_IMM:
		return true;
	case EXO_BPF_LD | EXO_BPF_MEM:
	case EXO_BPF_LDX | EXO_BPF_MEM:
		return i->k < EXO_BPF_MEM_WORDS;
	default:
		return false;
	}
}

static bool check_alu(const struct exo_bpf_insn *i)
{
	bool by_k = (i->code & EXO_BPF_X) == 0;

	if (i->code > 0xff)
		return false;
	switch (OP(i->code)) {
	case EXO_BPF_NEG:
		return by_k;
	case EXO_BPF_DIV:
	case EXO_BPF_MOD:
		return !by_k || i->k != 0;
	case EXO_BPF_LSH:
	case EXO_BPF_RSH:
		return !by_k || i->k <= SHIFT_MAX;
	default:
		return OP(i->code) <= EXO_BPF_XOR;
	}
}

/* rest: instructions behind this one. */
static bool check_jump(const struct exo_bpf_insn *i, uint64_t rest)
{
	if (i->code == (EXO_BPF_JMP | EXO_BPF_JA))
		return i->k < rest;
	return i->code <= 0xff && OP(i->code) >= EXO_BPF_JEQ && OP(i->code) <= EXO_BPF_JSET && i->jt < rest && i->jf < rest;
}

static bool check_insn(const struct exo_bpf_insn *i, uint64_t rest)
{
	switch (CLASS(i->code)) {
	case EXO_BPF_LD:
	case EXO_BPF_LDX:
		return check_load(i);
	case EXO_BPF_ST:
	case EXO_BPF_STX:
		return (i->code == EXO_BPF_ST || i->code == EXO_BPF_STX) && i->k < EXO_BPF_MEM_WORDS;
	case EXO_BPF_ALU:
		return check_alu(i);
	case EXO_BPF_JMP:
		return check_jump(i, rest);
	case EXO_BPF_RET:
		return i->code == (EXO_BPF_RET | EXO_BPF_K) || i->code == (EXO_BPF_RET | EXO_BPF_A);
	default:
		return i->code == (EXO_BPF_MISC | EXO_BPF_TAX) || i->code == (EXO_BPF_MISC | EXO_BPF_TXA);
	}
}

enum exo_status bpf_check(const struct exo_bpf_insn *program, uint64_t count)
{
	if (count == 0 || CLASS(program[count - 1].code) != EXO_BPF_RET)
		return EXO_E_ARG;
	for (uint64_t i = 0; i < count; i++)
		if (!check_insn(&program[i], count - 1 - i))
			return EXO_E_ARG;
	return EXO_OK;
}

/* ---- The machine --------------------------------------------------------- */

/* `size` bytes at `at` of the input, or NULL. */
static inline const uint8_t *bytes_at(const struct bpf_input *input, uint64_t at, uint32_t size)
{
	if (at + size <= input->head_size)
		return input->head + at;
	return at >= input->head_size && at + size <= input->size ? input->rest + at : NULL;
}

static inline uint32_t word(const struct bpf_input *input, const uint8_t *from)
{
	uint32_t value;

	__builtin_memcpy(&value, from, sizeof(value));
	return input->network_order ? __builtin_bswap32(value) : value;
}

static inline uint32_t half(const struct bpf_input *input, const uint8_t *from)
{
	uint16_t value;

	__builtin_memcpy(&value, from, sizeof(value));
	return input->network_order ? __builtin_bswap16(value) : value;
}

/* False: division by zero. */
static bool compute(uint16_t operation, uint32_t *a, uint32_t operand)
{
	switch (operation) {
	case EXO_BPF_ADD:
		*a += operand;
		return true;
	case EXO_BPF_SUB:
		*a -= operand;
		return true;
	case EXO_BPF_MUL:
		*a *= operand;
		return true;
	case EXO_BPF_DIV:
		*a = operand ? *a / operand : 0;
		return operand != 0;
	case EXO_BPF_MOD:
		*a = operand ? *a % operand : 0;
		return operand != 0;
	case EXO_BPF_OR:
		*a |= operand;
		return true;
	case EXO_BPF_AND:
		*a &= operand;
		return true;
	case EXO_BPF_XOR:
		*a ^= operand;
		return true;
	case EXO_BPF_LSH:
		*a = operand <= SHIFT_MAX ? *a << operand : 0;
		return true;
	case EXO_BPF_RSH:
		*a = operand <= SHIFT_MAX ? *a >> operand : 0;
		return true;
	default: /* NEG */
		*a = 0 - *a;
		return true;
	}
}

/* That `memory` is zeroed by hand costs a program without ST nothing. */
uint32_t bpf_run(const struct exo_bpf_insn *program, const struct bpf_input *input)
{
	uint32_t memory[EXO_BPF_MEM_WORDS], a = 0, x = 0, stored = 0;
	const struct exo_bpf_insn *i = program;
	const uint8_t *from;

	for (;; i++) {
		/* Most instructions are one of these two; a switch is an indirect jump, which emulators make dear. */
		if (i->code == (EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS)) {
			if (!(from = bytes_at(input, i->k, 4)))
				return 0;
			a = word(input, from);
			continue;
		}
		if (i->code == (EXO_BPF_JMP | EXO_BPF_JEQ | EXO_BPF_K)) {
			i += a == i->k ? i->jt : i->jf;
			continue;
		}
		switch (i->code) {
		case EXO_BPF_LD | EXO_BPF_HALF | EXO_BPF_ABS:
			if (!(from = bytes_at(input, i->k, 2)))
				return 0;
			a = half(input, from);
			break;
		case EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_ABS:
			if (!(from = bytes_at(input, i->k, 1)))
				return 0;
			a = *from;
			break;
		case EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_IND:
			if (!(from = bytes_at(input, (uint64_t)i->k + x, 4)))
				return 0;
			a = word(input, from);
			break;
		case EXO_BPF_LD | EXO_BPF_HALF | EXO_BPF_IND:
			if (!(from = bytes_at(input, (uint64_t)i->k + x, 2)))
				return 0;
			a = half(input, from);
			break;
		case EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND:
			if (!(from = bytes_at(input, (uint64_t)i->k + x, 1)))
				return 0;
			a = *from;
			break;
		case EXO_BPF_LDX | EXO_BPF_BYTE | EXO_BPF_MSH:
			if (!(from = bytes_at(input, i->k, 1)))
				return 0;
			x = (*from & 15u) * 4;
			break;
		case EXO_BPF_LD | EXO_BPF_IMM:
			a = i->k;
			break;
		case EXO_BPF_LDX | EXO_BPF_IMM:
			x = i->k;
			break;
		case EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_LEN:
			a = input->size;
			break;
		case EXO_BPF_LDX | EXO_BPF_WORD | EXO_BPF_LEN:
			x = input->size;
			break;
		case EXO_BPF_LD | EXO_BPF_MEM:
			a = stored >> i->k & 1 ? memory[i->k] : 0;
			break;
		case EXO_BPF_LDX | EXO_BPF_MEM:
			x = stored >> i->k & 1 ? memory[i->k] : 0;
			break;
		case EXO_BPF_ST:
			memory[i->k] = a;
			stored |= UINT32_C(1) << i->k;
			break;
		case EXO_BPF_STX:
			memory[i->k] = x;
			stored |= UINT32_C(1) << i->k;
			break;
		case EXO_BPF_MISC | EXO_BPF_TAX:
			x = a;
			break;
		case EXO_BPF_MISC | EXO_BPF_TXA:
			a = x;
			break;
		case EXO_BPF_JMP | EXO_BPF_JA:
			i += i->k;
			break;
		case EXO_BPF_JMP | EXO_BPF_JGT | EXO_BPF_K:
			i += a > i->k ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JGE | EXO_BPF_K:
			i += a >= i->k ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JSET | EXO_BPF_K:
			i += a & i->k ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JEQ | EXO_BPF_X:
			i += a == x ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JGT | EXO_BPF_X:
			i += a > x ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JGE | EXO_BPF_X:
			i += a >= x ? i->jt : i->jf;
			break;
		case EXO_BPF_JMP | EXO_BPF_JSET | EXO_BPF_X:
			i += a & x ? i->jt : i->jf;
			break;
		case EXO_BPF_RET | EXO_BPF_K:
			return i->k;
		case EXO_BPF_RET | EXO_BPF_A:
			return a;
		default:
			if (!compute(OP(i->code), &a, i->code & EXO_BPF_X ? x : i->k))
				return 0;
		}
	}
}

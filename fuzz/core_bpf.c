/*
 * Classic BPF: whatever bpf_check() accepts must run to its end inside its input and its
 * memory (sanitizers watch), and a second machine, written down differently, must come to the same result.
 *
 * The input: how many instructions, how the input is cut, the instructions as they are, then what the program sees.
 */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#define INSNS_MAX 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct second {
	uint32_t a, x, memory[EXO_BPF_MEM_WORDS];
	const struct bpf_input *input;
};

/* Byte by byte. False: outside. */
static bool see(const struct bpf_input *in, uint64_t at, unsigned size, uint32_t *value)
{
	uint64_t end = at + size;
	uint32_t result = 0;

	if (end > in->size || (at < in->head_size && end > in->head_size))
		return false;
	for (unsigned i = 0; i < size; i++) {
		uint64_t from = in->network_order ? at + i : end - 1 - i;

		result = result << 8 | (from < in->head_size ? in->head[from] : in->rest[from]);
	}
	*value = result;
	return true;
}

static bool load(struct second *m, const struct exo_bpf_insn *i, uint32_t *to)
{
	unsigned size = (i->code & 0x18) == EXO_BPF_WORD ? 4 : (i->code & 0x18) == EXO_BPF_HALF ? 2 : 1;

	switch (i->code & 0xe0) {
	case EXO_BPF_IMM: *to = i->k; return true;
	case EXO_BPF_MEM: *to = m->memory[i->k]; return true;
	case EXO_BPF_LEN: *to = m->input->size; return true;
	case EXO_BPF_ABS: return see(m->input, i->k, size, to);
	case EXO_BPF_IND: return see(m->input, (uint64_t)m->x + i->k, size, to);
	default:
		if (!see(m->input, i->k, 1, to))
			return false;
		*to = *to % 16 * 4;
		return true;
	}
}

static bool alu(struct second *m, unsigned operation, uint64_t b)
{
	uint64_t a = m->a;

	switch (operation) {
	case EXO_BPF_ADD: a += b; break;
	case EXO_BPF_SUB: a -= b; break;
	case EXO_BPF_MUL: a *= b; break;
	case EXO_BPF_DIV: if (!b) return false; a /= b; break;
	case EXO_BPF_MOD: if (!b) return false; a %= b; break;
	case EXO_BPF_OR: a |= b; break;
	case EXO_BPF_AND: a &= b; break;
	case EXO_BPF_XOR: a ^= b; break;
	case EXO_BPF_LSH: a = b > 31 ? 0 : a << b; break;
	case EXO_BPF_RSH: a = b > 31 ? 0 : a >> b; break;
	case EXO_BPF_NEG: a = -a; break;
	default: abort();
	}
	m->a = (uint32_t)a;
	return true;
}

static bool holds(unsigned operation, uint32_t a, uint32_t b)
{
	return operation == EXO_BPF_JEQ ? a == b : operation == EXO_BPF_JGT ? a > b : operation == EXO_BPF_JGE ? a >= b : (a & b) != 0;
}

static uint32_t second_run(const struct exo_bpf_insn *program, unsigned count, const struct bpf_input *input)
{
	struct second m = { .input = input };

	for (unsigned at = 0; at < count; at++) {
		const struct exo_bpf_insn *i = &program[at];
		unsigned operation = i->code & 0xf0;
		uint32_t b = i->code & EXO_BPF_X ? m.x : i->k;

		switch (i->code & 7) {
		case EXO_BPF_LD: if (!load(&m, i, &m.a)) return 0; break;
		case EXO_BPF_LDX: if (!load(&m, i, &m.x)) return 0; break;
		case EXO_BPF_ST: m.memory[i->k] = m.a; break;
		case EXO_BPF_STX: m.memory[i->k] = m.x; break;
		case EXO_BPF_ALU: if (!alu(&m, operation, b)) return 0; break;
		case EXO_BPF_JMP:
			at += operation == EXO_BPF_JA ? i->k : holds(operation, m.a, b) ? i->jt : i->jf;
			break;
		case EXO_BPF_RET: return i->code & EXO_BPF_A ? m.a : i->k;
		default: if (i->code & EXO_BPF_TXA) m.a = m.x; else m.x = m.a;
		}
	}
	abort(); /* ran over its end */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exo_bpf_insn *program;
	struct bpf_input input = { 0 };
	uint8_t *head, *rest;
	unsigned count;

	if (size < 3 || (count = data[0] % INSNS_MAX) * sizeof(*program) > size - 3)
		return 0;
	/* Each in memory of its own size, so that a byte too far is seen. */
	program = malloc(count * sizeof(*program) + 1);
	memcpy(program, data + 3, count * sizeof(*program));
	input.network_order = data[1] & 1;
	data += 3 + count * sizeof(*program);
	input.size = (uint32_t)(size - 3 - count * sizeof(*program));
	input.head_size = data[-1 - (long)(count * sizeof(*program))] % (input.size + 1);
	head = malloc(input.head_size + 1u);
	rest = malloc(input.size + 1u);
	memcpy(head, data, input.head_size);
	memcpy(rest, data, input.size);
	memset(rest, 0xee, input.head_size);
	input.head = head;
	input.rest = rest;
	if (bpf_check(program, count) == EXO_OK && bpf_run(program, &input) != second_run(program, count, &input))
		abort();
	free(program);
	free(head);
	free(rest);
	return 0;
}

/*
 * System calls that are answered without the LibOS: from the zone's answer page, or by its
 * answer program. Runs on the CPU that runs the program, between two stays in ring 3.
 */
#include <bpf/bpf.h>
#include <hal/x86_64/machine.h>

static const uint8_t zeros[EXO_ANSWER_ZERO_MAX];

static bool zero(const struct context *c, uint64_t address, uint64_t size)
{
	const struct hal_space *space = (const struct hal_space *)(const void *)c->space;

	return size <= EXO_ANSWER_ZERO_MAX && hal_copy_out(space, address, zeros, size);
}

/* Carries out what the program has returned. */
static bool obey(struct context *c, const struct exo_answer_call *call, uint32_t verdict)
{
	uint32_t operand = verdict & 0xffff;

	switch (verdict & ~UINT32_C(0xffff)) {
	case EXO_ANSWER_RESULT:
		c->regs.rax = (uint64_t)(int64_t)(int16_t)operand;
		return true;
	case EXO_ANSWER_ARG:
		if (operand >= 6)
			return false;
		c->regs.rax = call->args[operand];
		return true;
	case EXO_ANSWER_ZERO:
		if (operand >= 5 || !zero(c, call->args[operand], call->args[operand + 1]))
			return false;
		c->regs.rax = call->args[operand + 1];
		return true;
	default:
		return false;
	}
}

static bool program_answers(struct context *c, const struct exo_answer_page *page)
{
	const struct exo_regs *r = &c->regs;
	const struct exo_answer_call call = { (uint32_t)r->rax, { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 } };
	const struct bpf_input input = {
		.head = (const uint8_t *)&call, .head_size = sizeof(call),
		.rest = (const uint8_t *)page, .size = EXO_ANSWER_INPUT_SIZE,
	};

	if (call.nr >> EXO_CALL_SHIFT == EXO_CALL_PREFIX)
		return false;
	return obey(c, &call, bpf_run(c->space->program, &input));
}

bool context_answered(struct context *c)
{
	const struct exo_answer_page *page = c->space->answers;
	uint32_t nr = (uint32_t)c->regs.rax;

	if (!page)
		return false;
	if (nr < EXO_ANSWER_COUNT && (page->present[nr / 64] >> nr % 64 & 1)) {
		c->regs.rax = page->value[nr];
		return true;
	}
	return c->space->program && program_answers(c, page);
}

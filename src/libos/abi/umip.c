/* Decoding of the instructions that UMIP refuses (Intel SDM vol. 2, ch. 2), and Linux's answers (arch/x86/kernel/umip.c). */
#include <libos/abi/umip.h>
#include <libos/lib/string.h>

#define GDT_BASE UINT64_C(0xfffffffffffe0000)
#define IDT_BASE UINT64_C(0xffffffffffff0000)
#define CR0      UINT64_C(0x80050033)
#define TASK     0x40 /* GDT_ENTRY_TSS */

#define REX_B 1
#define REX_X 2
#define REX_W 8

#define RSP 4
#define RBP 5

/* What is being read. `bad`: there was not enough of it. */
struct code {
	const uint8_t *bytes;
	uint32_t at, size;
	bool bad;
	uint8_t rex;
	bool operand_16, address_32;
	uint8_t segment; /* its prefix, of fs or gs; else 0 */
	uint8_t modrm;
};

static uint8_t next(struct code *c)
{
	if (c->at < c->size)
		return c->bytes[c->at++];
	c->bad = true;
	return 0;
}

static uint64_t next_signed(struct code *c, uint32_t size)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value |= (uint32_t)next(c) << 8 * i;
	return size == 1 ? (uint64_t)(int8_t)value : size == 4 ? (uint64_t)(int32_t)value : 0;
}

uint64_t *umip_register(struct exo_regs *regs, uint32_t number)
{
	uint64_t *const in_order[16] = {
		&regs->rax, &regs->rcx, &regs->rdx, &regs->rbx, &regs->rsp, &regs->rbp, &regs->rsi, &regs->rdi,
		&regs->r8, &regs->r9, &regs->r10, &regs->r11, &regs->r12, &regs->r13, &regs->r14, &regs->r15,
	};

	return in_order[number];
}

static uint64_t value_of(const struct exo_regs *regs, uint32_t number)
{
	struct exo_regs copy = *regs;

	return *umip_register(&copy, number);
}

/* Prefixes, the last of them REX if there is one; the byte that follows. */
static uint8_t prefixes(struct code *c)
{
	for (;;) {
		uint8_t byte = next(c);

		switch (byte) {
		case 0x66: c->operand_16 = true; break;
		case 0x67: c->address_32 = true; break;
		case 0x64:
		case 0x65: c->segment = byte; break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf2:
		case 0xf3: break;
		default:
			if ((byte & 0xf0) != 0x40)
				return byte;
			c->rex = byte;
			return next(c);
		}
		if (c->bad)
			return 0;
	}
}

/* base + index * scale (SDM vol. 2, table 2-3) */
static uint64_t scaled(struct code *c, const struct exo_regs *regs)
{
	uint8_t sib = next(c);
	uint32_t base = (sib & 7) | (c->rex & REX_B ? 8 : 0), index = (sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0);
	uint64_t address = 0;

	if (index != RSP)
		address = value_of(regs, index) << (sib >> 6);
	if ((sib & 7) == RBP && c->modrm >> 6 == 0)
		return address + next_signed(c, 4);
	return address + value_of(regs, base);
}

/* After ModRM. */
static uint64_t address_of(struct code *c, const struct exo_regs *regs)
{
	uint32_t mod = c->modrm >> 6, low = c->modrm & 7;
	uint64_t address;

	if (mod == 0 && low == RBP) {
		address = next_signed(c, 4);
		address += regs->rip + c->at; /* nothing comes behind the displacement */
	} else {
		address = low == RSP ? scaled(c, regs) : value_of(regs, low | (c->rex & REX_B ? 8 : 0));
		if (mod != 0)
			address += next_signed(c, mod == 1 ? 1 : 4);
	}
	if (c->address_32)
		address = (uint32_t)address;
	if (c->segment)
		address += c->segment == 0x64 ? regs->fs_base : regs->gs_base;
	return address;
}

static void answer_table(struct umip *out, uint64_t base)
{
	out->size = 10;
	memset(out->data, 0, 2);
	memcpy(out->data + 2, &base, sizeof(base));
}

/* The upper part of a 64-bit register stays for four bytes, which only Linux does. */
static void answer_word(const struct code *c, struct umip *out, uint64_t value)
{
	out->size = !out->in_register ? 2 : c->rex & REX_W ? 8 : c->operand_16 ? 2 : 4;
	memcpy(out->data, &value, sizeof(value));
}

/* ModRM's middle part says which of the group (SDM vol. 2, table A-6: groups 6 and 7). */
static bool answer(const struct code *c, uint8_t group, struct umip *out)
{
	uint32_t which = c->modrm >> 3 & 7;

	if (group == 0x00 && which == 0)
		answer_word(c, out, 0);
	else if (group == 0x00 && which == 1)
		answer_word(c, out, TASK);
	else if (group == 0x01 && which == 0 && !out->in_register)
		answer_table(out, GDT_BASE);
	else if (group == 0x01 && which == 1 && !out->in_register)
		answer_table(out, IDT_BASE);
	else if (group == 0x01 && which == 4)
		answer_word(c, out, CR0);
	else
		return false;
	return true;
}

bool umip_decode(const uint8_t *code, uint32_t size, const struct exo_regs *regs, struct umip *out)
{
	struct code c = { .bytes = code, .size = size < CODE_MAX ? size : CODE_MAX };
	uint8_t group;

	memset(out, 0, sizeof(*out));
	if (prefixes(&c) != 0x0f)
		return false;
	group = next(&c);
	c.modrm = next(&c);
	out->in_register = c.modrm >> 6 == 3;
	out->number = (c.modrm & 7) | (c.rex & REX_B ? 8 : 0);
	if (!answer(&c, group, out))
		return false;
	if (!out->in_register)
		out->address = address_of(&c, regs);
	out->length = c.at;
	return !c.bad;
}

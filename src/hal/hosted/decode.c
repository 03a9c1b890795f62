/*
 * Lengths of x86-64 instructions (Intel SDM vol. 2, appendix A), for the sweep
 * over program text. Only 64-bit mode. Unknown or invalid: length 0.
 */
#include "hosted.h"

#include <string.h>

enum {
	MODRM = 1, IMM8 = 2, IMMZ = 4 /* 4 bytes, 2 with prefix 66 */, IMM16 = 8,
	IMMV = 16 /* 8 bytes with REX.W */, MOFFS = 32, GROUP3 = 64, BAD = 128, PREFIX = 256,
};

static uint16_t one[256], two[256];
static bool ready;

static void span(uint16_t *table, unsigned from, unsigned to, uint16_t what)
{
	for (unsigned i = from; i <= to; i++)
		table[i] = what;
}

static void prepare(void)
{
	static const uint8_t bad[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
	                              0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};
	static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67, 0xf0};
	static const uint8_t plain[] = {0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x0e, 0x30, 0x31, 0x32, 0x33, 0x34,
	                                0x35, 0x37, 0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa};
	static const uint8_t imm8[] = {0x0f, 0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6};

	for (unsigned i = 0; i < 0x40; i++)
		one[i] = (i & 7) < 4 ? MODRM : (i & 7) == 4 ? IMM8 : IMMZ;
	one[0x63] = MODRM;
	one[0x68] = IMMZ;
	one[0x69] = MODRM | IMMZ;
	one[0x6a] = IMM8;
	one[0x6b] = MODRM | IMM8;
	span(one, 0x70, 0x7f, IMM8);
	span(one, 0x80, 0x8f, MODRM);
	one[0x80] = one[0x83] = one[0xc0] = one[0xc1] = one[0xc6] = MODRM | IMM8;
	one[0x81] = one[0xc7] = MODRM | IMMZ;
	span(one, 0xa0, 0xa3, MOFFS);
	one[0xa8] = IMM8;
	one[0xa9] = IMMZ;
	span(one, 0xb0, 0xb7, IMM8);
	span(one, 0xb8, 0xbf, IMMV);
	one[0xc2] = one[0xca] = IMM16;
	one[0xc8] = IMM16 | IMM8;
	one[0xcd] = IMM8;
	span(one, 0xd0, 0xd3, MODRM);
	span(one, 0xd8, 0xdf, MODRM);
	span(one, 0xe0, 0xe7, IMM8);
	one[0xe8] = one[0xe9] = IMMZ;
	one[0xeb] = IMM8;
	one[0xf6] = one[0xf7] = MODRM | GROUP3;
	one[0xfe] = one[0xff] = MODRM;
	for (unsigned i = 0; i < sizeof(bad); i++)
		one[bad[i]] = BAD;
	for (unsigned i = 0; i < sizeof(prefixes); i++)
		one[prefixes[i]] = PREFIX;
	span(two, 0, 255, MODRM);
	span(two, 0x80, 0x8f, IMMZ);
	span(two, 0xc8, 0xcf, 0);
	for (unsigned i = 0; i < sizeof(plain); i++)
		two[plain[i]] = 0;
	for (unsigned i = 0; i < sizeof(imm8); i++)
		two[imm8[i]] = MODRM | IMM8;
	two[0x04] = two[0x0a] = two[0x0c] = two[0x24] = two[0x25] = two[0x26] = two[0x27] = two[0x36] = BAD;
	ready = true;
}

/* Bytes that a ModRM byte, SIB and displacement take. */
static unsigned modrm_length(const uint8_t *at)
{
	unsigned mod = at[0] >> 6, rm = at[0] & 7, length = 1;

	if (mod == 3)
		return 1;
	if (rm == 4) {
		length++;
		if (mod == 0 && (at[1] & 7) == 5)
			return length + 4;
	} else if (rm == 5 && mod == 0) {
		return 5;
	}
	return length + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* VEX and EVEX: at is behind the prefix bytes, at the opcode. */
static unsigned vector_length(const uint8_t *at, unsigned map)
{
	unsigned length = 1;

	if (map == 0 || map > 6)
		return 0;
	if (map == 1 && at[0] == 0x77)
		return 1;
	length += modrm_length(at + 1);
	if (map == 3 || (map == 1 && two[at[0]] & IMM8))
		length++;
	return length;
}

static unsigned measure(const uint8_t *code)
{
	unsigned at = 0, wide = 0, small = 0, address = 0, length;
	unsigned what;

	for (; one[code[at]] & PREFIX && at < 14; at++) {
		small |= code[at] == 0x66;
		address |= code[at] == 0x67;
	}
	if ((code[at] & 0xf0) == 0x40)
		wide = code[at++] & 8;
	if (code[at] == 0xc5)
		return (length = vector_length(code + at + 2, 1)) ? at + 2 + length : 0;
	if (code[at] == 0xc4)
		return (length = vector_length(code + at + 3, code[at + 1] & 31)) ? at + 3 + length : 0;
	if (code[at] == 0x62)
		return (length = vector_length(code + at + 4, code[at + 1] & 7)) ? at + 4 + length : 0;
	if (code[at] == 0x0f) {
		at++;
		if (code[at] == 0x38 || code[at] == 0x3a)
			return at + 2 + modrm_length(code + at + 2) + (code[at] == 0x3a);
		what = two[code[at]];
	} else {
		what = one[code[at]];
	}
	if (what & BAD)
		return 0;
	at++;
	if (what & GROUP3 && (code[at] >> 3 & 7) < 2)
		what |= code[at - 1] == 0xf6 ? IMM8 : IMMZ;
	if (what & MODRM)
		at += modrm_length(code + at);
	if (what & IMM8)
		at += 1;
	if (what & IMM16)
		at += 2;
	if (what & IMMZ)
		at += small && !wide ? 2 : 4;
	if (what & IMMV)
		at += wide ? 8 : small ? 2 : 4;
	if (what & MOFFS)
		at += address ? 4 : 8;
	return at;
}

unsigned host_decode_length(const uint8_t *code, uint64_t size)
{
	uint8_t copy[40];
	unsigned length;

	if (!ready)
		prepare();
	if (size >= sizeof(copy)) {
		length = measure(code);
	} else {
		memset(copy, 0x90, sizeof(copy));
		memcpy(copy, code, size);
		length = measure(copy);
	}
	return length <= 15 && length <= size ? length : 0;
}

/*
 * Lengths of x86-64 instructions (Intel SDM vol. 2, appendix A), for the sweep
 * over program text. Only 64-bit mode. BAD is what no processor executes there, for good; UNKNOWN what is reserved, or
 * what processors disagree about.
 */
#include "hosted.h"

#include <string.h>

enum {
	MODRM = 1, IMM8 = 2, IMMZ = 4 /* 4 bytes, 2 with prefix 66 */, IMM16 = 8,
	IMMV = 16 /* 8 bytes with REX.W */, MOFFS = 32, GROUP3 = 64, BAD = 128, PREFIX = 256, UNKNOWN = 512,
	NEAR = 1024 /* a jump or call: with prefix 66, Intel's take 4 bytes and AMD's 2 */,
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
	                              0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd6, 0xea};
	/* 0f 20 to 23, 24, 26: their ModRM byte is always of two registers. 0f 78, 79: SSE4a has immediates. 0f a6, a7: another maker's. */
	static const uint8_t unknown[] = {0x04, 0x0a, 0x0c, 0x0f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x36, 0x39, 0x3b, 0x3c,
	                                  0x3d, 0x3e, 0x3f, 0x78, 0x79, 0x7a, 0x7b, 0xa6, 0xa7, 0xff};
	static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67, 0xf0};
	static const uint8_t plain[] = {0x05, 0x06, 0x07, 0x08, 0x09, 0x0b, 0x0e, 0x30, 0x31, 0x32, 0x33, 0x34,
	                                0x35, 0x37, 0x77, 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xaa};
	static const uint8_t imm8[] = {0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6};

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
	one[0xe8] = one[0xe9] = IMMZ | NEAR;
	one[0xd5] = UNKNOWN; /* REX2 */
	one[0xeb] = IMM8;
	one[0xf6] = one[0xf7] = MODRM | GROUP3;
	one[0xfe] = one[0xff] = MODRM;
	for (unsigned i = 0; i < sizeof(bad); i++)
		one[bad[i]] = BAD;
	for (unsigned i = 0; i < sizeof(prefixes); i++)
		one[prefixes[i]] = PREFIX;
	span(two, 0, 255, MODRM);
	span(two, 0x80, 0x8f, IMMZ | NEAR);
	span(two, 0xc8, 0xcf, 0);
	for (unsigned i = 0; i < sizeof(plain); i++)
		two[plain[i]] = 0;
	for (unsigned i = 0; i < sizeof(imm8); i++)
		two[imm8[i]] = MODRM | IMM8;
	for (unsigned i = 0; i < sizeof(unknown); i++)
		two[unknown[i]] = UNKNOWN;
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

/* VEX and EVEX: at is behind the prefix bytes, at the opcode. 0: not known. */
static unsigned vector_length(const uint8_t *at, unsigned map, bool evex)
{
	unsigned length = 1;

	if (map == 0 || map == 4 || map > (evex ? 6u : 3u))
		return 0;
	if (map == 1 && at[0] == 0x77 && !evex)
		return 1;
	length += modrm_length(at + 1);
	if (map == 3 || (map == 1 && two[at[0]] & IMM8))
		length++;
	return length;
}

/* The instruction at `code`, of which `at` bytes are prefixes, begins there with a VEX, EVEX or XOP prefix. */
static unsigned measure_vector(const uint8_t *code, unsigned at)
{
	unsigned head, map, length;

	switch (code[at]) {
	case 0xc5:
		head = 2;
		map = 1;
		break;
	case 0xc4:
		head = 3;
		map = code[at + 1] & 31;
		break;
	case 0x62:
		head = 4;
		map = code[at + 1] & 7;
		break;
	default:
		return DECODE_UNKNOWN;
	}
	length = vector_length(code + at + head, map, head == 4);
	return length ? at + head + length : DECODE_UNKNOWN;
}

static bool is_vector(const uint8_t *at)
{
	return at[0] == 0xc5 || at[0] == 0xc4 || at[0] == 0x62 || (at[0] == 0x8f && (at[1] & 0x38) != 0);
}

static unsigned measure(const uint8_t *code)
{
	unsigned at = 0, wide = 0, small = 0, address = 0;
	unsigned what;

	for (; one[code[at]] & PREFIX && at < 14; at++) {
		small |= code[at] == 0x66;
		address |= code[at] == 0x67;
	}
	if (is_vector(code + at))
		return measure_vector(code, at);
	if ((code[at] & 0xf0) == 0x40) {
		wide = code[at++] & 8;
		/* A REX prefix that another prefix follows counts for nothing: no compiler makes that. */
		if ((code[at] & 0xf0) == 0x40 || one[code[at]] & PREFIX || is_vector(code + at))
			return DECODE_UNKNOWN;
	}
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
	if (what & UNKNOWN || (what & NEAR && small))
		return DECODE_UNKNOWN;
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
	if (length > 15)
		return length == DECODE_UNKNOWN ? DECODE_UNKNOWN : 0;
	return length <= size ? length : 0;
}

/*
 * Classic BPF: small programs that a LibOS gives to the kernel, which checks them once and
 * then runs them where entering the LibOS would cost too much.
 *
 * The machine is the one of S. McCanne and V. Jacobson, "The BSD Packet Filter", USENIX Winter 1993:
 * accumulator A, index X, sixteen words of memory, jumps only forwards. Layout and opcodes are those
 * of Linux's struct sock_filter, so that its assemblers can be used. Words of memory are zero at the start.
 */
#ifndef EXO_BPF_H
#define EXO_BPF_H

#include <exo/types.h>

struct exo_bpf_insn {
	uint16_t code;  /* class | size | mode, or class | operation | source */
	uint8_t jt, jf; /* conditional jumps: instructions to skip */
	uint32_t k;
};

#define EXO_BPF_MEM_WORDS 16

/* Classes */
#define EXO_BPF_LD   0x00
#define EXO_BPF_LDX  0x01
#define EXO_BPF_ST   0x02
#define EXO_BPF_STX  0x03
#define EXO_BPF_ALU  0x04
#define EXO_BPF_JMP  0x05
#define EXO_BPF_RET  0x06
#define EXO_BPF_MISC 0x07
/* LD, LDX: size and mode. ABS and IND load from the input, at k and at X + k; outside of it
 * the program ends with 0. MSH is X = 4 * (the byte at k & 15). */
#define EXO_BPF_WORD 0x00
#define EXO_BPF_HALF 0x08
#define EXO_BPF_BYTE 0x10
#define EXO_BPF_IMM 0x00
#define EXO_BPF_ABS 0x20
#define EXO_BPF_IND 0x40
#define EXO_BPF_MEM 0x60
#define EXO_BPF_LEN 0x80
#define EXO_BPF_MSH 0xa0
/* ALU, JMP: operation, and the source of the operand: k or X. Division by an X of zero ends the program with 0. */
#define EXO_BPF_K    0x00
#define EXO_BPF_X    0x08
#define EXO_BPF_ADD  0x00
#define EXO_BPF_SUB  0x10
#define EXO_BPF_MUL  0x20
#define EXO_BPF_DIV  0x30
#define EXO_BPF_OR   0x40
#define EXO_BPF_AND  0x50
#define EXO_BPF_LSH  0x60
#define EXO_BPF_RSH  0x70
#define EXO_BPF_NEG  0x80
#define EXO_BPF_MOD  0x90
#define EXO_BPF_XOR  0xa0
#define EXO_BPF_JA   0x00
#define EXO_BPF_JEQ  0x10
#define EXO_BPF_JGT  0x20
#define EXO_BPF_JGE  0x30
#define EXO_BPF_JSET 0x40
/* RET: k or A */
#define EXO_BPF_A   0x10
/* MISC */
#define EXO_BPF_TAX 0x00
#define EXO_BPF_TXA 0x80

#define EXO_BPF_INSN(code_, k_)           { .code = (code_), .k = (k_) }
#define EXO_BPF_JUMP(code_, k_, jt_, jf_) { (code_), (jt_), (jf_), (k_) }

#endif

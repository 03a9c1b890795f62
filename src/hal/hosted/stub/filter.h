/*
 * For the assembler: seccomp filters. Classic BPF over struct seccomp_data: nr at 0, arch 4, instruction pointer (after
 * the instruction) 8 and 12, arguments from 16, low half first. Jump targets are labels.
 */
.macro LD offset
	.word 0x20
	.byte 0, 0
	.long \offset
.endm
.macro JUMP code, value, yes, no
	.word \code
	.byte (\yes - .Lend\@) / 8, (\no - .Lend\@) / 8
	.long \value
.Lend\@:
.endm
.macro RETURN value
	.word 0x06
	.byte 0, 0
	.long \value
.endm
#define JEQ JUMP 0x15,
#define ALLOW 0x7fff0000
#define TRAP  0x00030000
#define KILL  0x80000000

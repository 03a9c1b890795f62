/*
 * On a processor that the kernel cannot run on: says why, on the serial port and on the screen that the loader has
 * set up (text, or pixels below 4 GiB), and stops. 32-bit code without paging: as in boot.S, %ebp is the image's
 * physical base, and so it keeps to what can be said in a few instructions.
 */
#define BASE 0xffffffff80000000
#define LOW(symbol) ((symbol) - BASE)

#define COM1       0x3f8
#define LSR        (COM1 + 5)
#define LSR_EMPTY  0x20
#define PATIENCE   1000000
#define TEXT       0xb8000
#define ATTRIBUTE  0x07
#define FIRST_LINE 4 /* below what the loader may have said */

/* Multiboot2 specification 1.6, 3.6.12 */
#define TAG_FRAMEBUFFER 8
#define KIND_PIXELS     1

/* QEMU docs/specs/fw_cfg, isa-debug-exit */
#define FWCFG_SELECT 0x510
#define FWCFG_DATA   0x511
#define DEBUG_EXIT   0xf4

	.section .boot, "ax"
	.code32

	.globl refuse_long_mode, refuse_nx
refuse_long_mode:
	lea LOW(text_long_mode)(%ebp), %esi
	jmp refuse
refuse_nx:
	lea LOW(text_nx)(%ebp), %esi

refuse:
	mov $0x83, %al                /* 115,200, 8 bits, no parity (PC16550D) */
	mov $COM1 + 3, %edx
	out %al, %dx
	mov $1, %al
	mov $COM1, %edx
	out %al, %dx
	mov $0, %al
	inc %edx
	out %al, %dx
	mov $3, %al
	mov $COM1 + 3, %edx
	out %al, %dx
	call find_screen
1:	lodsb
	test %al, %al
	jz 2f
	call serial_put
	call screen_put
	jmp 1b
2:	mov $FWCFG_SELECT, %edx       /* a runner's machine shall end */
	xor %eax, %eax
	out %ax, %dx
	inc %edx
	in %dx, %al
	cmp $'Q', %al
	jne 3f
	in %dx, %al
	cmp $'E', %al
	jne 3f
	mov $DEBUG_EXIT, %edx
	mov $1, %al
	out %al, %dx
3:	cli
	hlt
	jmp 3b

/* Fills the words at the end from the loader's information. Without a word of a screen: text. */
find_screen:
	mov LOW(boot_info)(%ebp), %ebx
	mov (%ebx), %ecx
	add %ebx, %ecx                /* its end */
	add $8, %ebx
1:	lea 30(%ebx), %eax
	cmp %ecx, %eax
	ja 3f
	cmpl $TAG_FRAMEBUFFER, (%ebx)
	je 2f
	mov 4(%ebx), %eax
	cmp $8, %eax
	jb 3f
	add $7, %eax
	and $~7, %eax
	add %eax, %ebx
	jmp 1b
2:	cmpb $KIND_PIXELS, 29(%ebx)
	jne 3f
	cmpl $0, 12(%ebx)             /* beyond 4 GiB */
	jne 3f
	mov 8(%ebx), %eax
	mov %eax, LOW(pixels)(%ebp)
	mov 16(%ebx), %eax
	mov %eax, LOW(pitch)(%ebp)
	movzbl 28(%ebx), %eax
	shr $3, %eax
	mov %eax, LOW(pixel_size)(%ebp)
3:	ret

/* %al; a line end becomes two bytes. */
serial_put:
	cmp $'\n', %al
	jne 1f
	push %eax
	mov $'\r', %al
	call 1f
	pop %eax
1:	push %eax
	mov $PATIENCE, %ecx
2:	mov $LSR, %edx
	in %dx, %al
	test $LSR_EMPTY, %al
	jnz 3f
	loop 2b
3:	pop %eax
	mov $COM1, %edx
	out %al, %dx
	ret

/* %al */
screen_put:
	cmp $'\n', %al
	jne 1f
	incl LOW(line)(%ebp)
	movl $0, LOW(column)(%ebp)
	ret
1:	movzbl %al, %eax
	cmpl $0, LOW(pixels)(%ebp)
	jne 2f
	imul $80, LOW(line)(%ebp), %ecx
	add LOW(column)(%ebp), %ecx
	mov $ATTRIBUTE, %ah
	mov %ax, TEXT(, %ecx, 2)
	incl LOW(column)(%ebp)
	ret
2:	sub $' ', %eax
	lea (%eax, %eax, 4), %eax
	lea LOW(font_5x7)(%ebp, %eax), %ebx
	xor %ecx, %ecx                /* column of the glyph */
3:	xor %edx, %edx                /* line on the screen, each twice */
4:	mov %edx, %eax
	shr $1, %eax
	push %ebx
	movzbl (%ebx, %ecx), %ebx
	bt %eax, %ebx
	pop %ebx
	jnc 5f
	call pixel_put
5:	inc %edx
	cmp $14, %edx
	jb 4b
	inc %ecx
	cmp $5, %ecx
	jb 3b
	incl LOW(column)(%ebp)
	ret

/* %ecx, %edx: where in the character's field of 8 by 16; all bits set are white in every format. */
pixel_put:
	push %ecx
	mov LOW(column)(%ebp), %eax
	lea 1(%ecx, %eax, 8), %eax
	imul LOW(pixel_size)(%ebp), %eax
	mov LOW(line)(%ebp), %edi
	shl $4, %edi
	add %edx, %edi
	imul LOW(pitch)(%ebp), %edi
	add %eax, %edi
	add LOW(pixels)(%ebp), %edi
	mov LOW(pixel_size)(%ebp), %ecx
	mov $0xff, %al
	rep stosb
	pop %ecx
	ret

text_long_mode:
	.ascii "FeuerBird needs a 64-bit processor (x86-64), and this is none.\n\0"
text_nx:
	.ascii "FeuerBird needs memory that is not executable (NX, XD), and this processor\n"
	.ascii "has it not, or the firmware's setup has switched it off.\n\0"

	.balign 4
pixels:
	.long 0
pitch:
	.long 0
pixel_size:
	.long 0
line:
	.long FIRST_LINE
column:
	.long 0

	.section .note.GNU-stack, "", @progbits

/*
 * The second CPU's way from real mode to C. ap_start .. ap_end is copied to a page
 * below 1 MiB; split.c fills in the words at its end. Its first tables are those of
 * boot.S, which still map that page at its own address.
 */
	.section .rodata
	.balign 16
	.globl ap_start, ap_end, ap_tables, ap_stack
	.code16
ap_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	xor %ebx, %ebx
	mov %ax, %bx
	shl $4, %ebx                  /* where the page lies */
	lea (ap_gdt - ap_start)(%ebx), %eax
	mov %eax, (ap_gdt_pointer - ap_start + 2)
	lgdtl (ap_gdt_pointer - ap_start)
	lea (ap_long - ap_start)(%ebx), %eax
	mov %eax, (ap_target - ap_start)
	mov (ap_tables - ap_start), %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x20, %eax                /* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx         /* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	and $0x9fffffff, %eax
	or $0x80010001, %eax          /* PG, WP, PE */
	mov %eax, %cr0
	ljmpl *(ap_target - ap_start)

	.code64
ap_long:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov ap_stack(%rip), %rsp
	xor %ebp, %ebp
	push %rbp
	movabs $split_main, %rax
	call *%rax
	ud2

	.balign 8
ap_gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff      /* 0x10 */
	.quad 0x00cf93000000ffff      /* 0x18 */
ap_gdt_pointer:
	.short 31
	.long 0
	.short 0
ap_target:
	.long 0
	.short 0x10
	.balign 8
ap_tables:
	.quad 0
ap_stack:
	.quad 0
ap_end:

	.section .note.GNU-stack, "", @progbits

/*
 * From the boot loader to C: the Multiboot2 header, and the way from 32-bit
 * protected mode without paging to long mode in the upper half.
 *
 * The image may lie at any 2 MiB boundary below 4 GiB: until paging is on, every
 * address is made from %ebp, the image's physical base.
 */
#define BASE 0xffffffff80000000
#define LOW(symbol) ((symbol) - BASE)

	.section .boot, "ax"
	.code32

/* Multiboot2 specification 1.6, 3.1 */
	.balign 8
header:
	.long 0xe85250d6
	.long 0                       /* i386, 32-bit protected mode */
	.long header_end - header
	.long -(0xe85250d6 + (header_end - header))

	.balign 8                     /* 3.1.5: what must be told to us */
	.short 1, 0
	.long 12
	.long 6                       /* the memory map */

	.balign 8                     /* 3.1.9: VGA text is fine, nothing is needed */
	.short 4, 1
	.long 12
	.long 2

	.balign 8                     /* 3.1.10: any screen mode; may be refused */
	.short 5, 1
	.long 20
	.long 0, 0, 32

	.balign 8                     /* 3.1.7: modules on page boundaries */
	.short 6, 0
	.long 8

	.balign 8                     /* 3.1.14: may be put elsewhere, low preferred */
	.short 10, 0
	.long 24
	.long 0x200000, 0xc0000000, 0x200000, 1

	.balign 8
	.short 0, 0
	.long 8
header_end:

	.globl boot_entry
boot_entry:
	cli
	cld
	cmp $0x36d76289, %eax
	jne no_loader
	mov %ebx, %edi                /* the information */
	/* There is no stack yet. The information's second word is reserved: it
	 * holds one return address for a moment. */
	lea 8(%ebx), %esp
	mov 4(%ebx), %edx
	call 1f
1:	pop %ebp
	mov %edx, 4(%ebx)
	sub $LOW(1b), %ebp            /* %ebp: physical base of the image */
	lea LOW(stack_top)(%ebp), %esp

	rdtsc
	mov %eax, LOW(boot_tsc)(%ebp)
	mov %edx, LOW(boot_tsc + 4)(%ebp)
	mov %edi, LOW(boot_info)(%ebp)
	mov %ebp, LOW(boot_base)(%ebp)

	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb refuse_long_mode
	mov $0x80000001, %eax
	cpuid
	test $0x20000000, %edx
	jz refuse_long_mode
	test $0x00100000, %edx
	jz refuse_nx

	/* Four tables of 2 MiB pages: the first 4 GiB, at 0 and at DIRECT_BASE. */
	lea LOW(early_pd)(%ebp), %edi
	mov $0x83, %eax
	mov $2048, %ecx
1:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b

	lea LOW(early_pdpt)(%ebp), %edi
	lea LOW(early_pd) + 3(%ebp), %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b

	/* The image: EARLY_IMAGE (machine.h) from its base. */
	lea LOW(early_image)(%ebp), %edi
	lea 0x83(%ebp), %eax
	mov $32, %ecx
1:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	lea LOW(early_image) + 3(%ebp), %eax
	mov %eax, LOW(early_top) + 510 * 8(%ebp)

	lea LOW(early_pml4)(%ebp), %edi
	lea LOW(early_pdpt) + 3(%ebp), %eax
	mov %eax, (%edi)
	mov %eax, 256 * 8(%edi)
	lea LOW(early_top) + 3(%ebp), %eax
	mov %eax, 511 * 8(%edi)
	mov %edi, %cr3

	mov %cr4, %eax
	or $0x20, %eax                /* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx         /* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	and $0x9fffffff, %eax         /* caches on */
	or $0x80010001, %eax          /* PG, WP, PE */
	mov %eax, %cr0

	/* The pointer needs the physical address of the table: patch it in. */
	lea LOW(early_gdt)(%ebp), %eax
	mov %eax, LOW(early_gdt_pointer + 2)(%ebp)
	lgdt LOW(early_gdt_pointer)(%ebp)
	lea LOW(long_mode)(%ebp), %eax
	push $0x10
	push %eax
	lret

no_loader:
	/* Somebody who does not know what this file is: two letters on COM1 are all that can be said here. */
	mov $0x324d, %eax             /* "M2" */
	mov $0x3f8, %edx
	out %al, %dx
	mov %ah, %al
	out %al, %dx
1:	hlt
	jmp 1b

	.code64
long_mode:
	movabs $upper_half, %rax
	jmp *%rax
upper_half:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $stack_top, %rsp
	xor %ebp, %ebp
	mov boot_info(%rip), %edi
	mov boot_base(%rip), %esi
	mov boot_tsc(%rip), %rdx
	push %rbp                     /* ends every backtrace */
	call start
	ud2

	.data
	.balign 8
early_gdt:
	.quad 0, 0
	.quad 0x00af9a000000ffff      /* 0x10 */
	.quad 0x00cf92000000ffff      /* 0x18 */
early_gdt_pointer:
	.short 31
	.long 0
	.long 0
	.balign 8
boot_tsc:
	.quad 0
	.globl boot_info
boot_info:
	.long 0
boot_base:
	.long 0

	.bss
	.balign 4096
	.globl early_pml4
early_pml4:
	.skip 4096
early_pdpt:
	.skip 4096
early_top:
	.skip 4096
early_image:
	.skip 4096
early_pd:
	.skip 4 * 4096

	.section .note.GNU-stack, "", @progbits

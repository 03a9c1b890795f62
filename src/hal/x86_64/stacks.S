/*
 * All stacks of the kernel, each above a page that memory_init() leaves unmapped: one that overflows
 * ends in a double fault with a message (panic.c) and not in what lies below it. Those on which traps land are in
 * struct local (trap.c): assembly uses a few words of each.
 */
	.section .rodata
	.balign 8
	.globl stack_table
stack_table:                          /* struct stack, in the order of enum stack_use for each CPU */

.macro stack top, pages, name
	.bss
	.balign 4096
1:	.skip 4096
	.skip \pages * 4096
	.globl \top
\top:
	.section .rodata.names
2:	.asciz "\name"
	.section .rodata
	.quad 1b, \top, 2b
.endm

	stack stack_top, 8, "stack of the boot CPU"
	stack nmi_stack_top, 1, "NMI stack of the boot CPU"
	stack fault_stack_top, 2, "fault stack of the boot CPU"
	stack check_stack_top, 2, "machine-check stack of the boot CPU"
	stack worker_stack_top, 4, "stack of the second CPU"
	stack worker_nmi_stack_top, 1, "NMI stack of the second CPU"
	stack worker_fault_stack_top, 2, "fault stack of the second CPU"
	stack worker_check_stack_top, 2, "machine-check stack of the second CPU"

	.section .note.GNU-stack, "", @progbits

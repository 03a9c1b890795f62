/* The stub's executable, carried inside the simulator. */
	.section .rodata, "a"
	.globl stub_image, stub_image_end
	.balign 16
stub_image:
	.incbin "stub.elf"
stub_image_end:
	.section .note.GNU-stack, "", @progbits

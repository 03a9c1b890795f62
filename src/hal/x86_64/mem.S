/*
 * The four memory functions, for kernel and ring 3 alike (general registers
 * only). Eight words per turn: on an emulated CPU `rep movs` costs a round of its own
 * for every element, and on a real one this loop is near the cache's speed.
 */
	.text

/* void *memcpy(rdi to, rsi from, rdx size) */
	.globl memcpy, memmove, memset, memcmp
	.type memcpy, @function
	.type memmove, @function
	.type memset, @function
	.type memcmp, @function
	.balign 16
memmove:
	mov %rdi, %rax
	sub %rsi, %rax
	cmp %rdx, %rax                /* to - from, unsigned, below size: backwards */
	jb backward
	.balign 16
memcpy:
	mov %rdi, %rax
	cmp $16, %rdx
	jb copy_small
	sub $64, %rdx
	jb 2f
1:	mov (%rsi), %rcx
	mov 8(%rsi), %r8
	mov 16(%rsi), %r9
	mov 24(%rsi), %r10
	mov %rcx, (%rdi)
	mov %r8, 8(%rdi)
	mov %r9, 16(%rdi)
	mov %r10, 24(%rdi)
	mov 32(%rsi), %rcx
	mov 40(%rsi), %r8
	mov 48(%rsi), %r9
	mov 56(%rsi), %r10
	mov %rcx, 32(%rdi)
	mov %r8, 40(%rdi)
	mov %r9, 48(%rdi)
	mov %r10, 56(%rdi)
	add $64, %rsi
	add $64, %rdi
	sub $64, %rdx
	jae 1b
2:	add $64, %rdx
3:	cmp $8, %rdx
	jb copy_small
	mov (%rsi), %rcx
	mov %rcx, (%rdi)
	add $8, %rsi
	add $8, %rdi
	sub $8, %rdx
	jmp 3b
copy_small:                           /* fewer than 16 */
	cmp $8, %rdx
	jb 1f
	mov (%rsi), %rcx
	mov %rcx, (%rdi)
	add $8, %rsi
	add $8, %rdi
	sub $8, %rdx
1:	cmp $4, %rdx
	jb 2f
	mov (%rsi), %ecx
	mov %ecx, (%rdi)
	add $4, %rsi
	add $4, %rdi
	sub $4, %rdx
2:	test %rdx, %rdx
	jz 4f
3:	mov (%rsi), %cl
	mov %cl, (%rdi)
	inc %rsi
	inc %rdi
	dec %rdx
	jnz 3b
4:	ret
backward:
	mov %rdi, %rax
1:	cmp $8, %rdx
	jb 2f
	sub $8, %rdx
	mov (%rsi,%rdx), %rcx
	mov %rcx, (%rdi,%rdx)
	jmp 1b
2:	test %rdx, %rdx
	jz 4f
3:	dec %rdx
	mov (%rsi,%rdx), %cl
	mov %cl, (%rdi,%rdx)
	jnz 3b
4:	ret
	.size memcpy, . - memcpy
	.size memmove, . - memmove

/* void *memset(rdi to, esi byte, rdx size) */
	.balign 16
memset:
	mov %rdi, %rax
	movzbl %sil, %esi
	movabs $0x0101010101010101, %rcx
	imul %rcx, %rsi
	sub $64, %rdx
	jb 2f
1:	mov %rsi, (%rdi)
	mov %rsi, 8(%rdi)
	mov %rsi, 16(%rdi)
	mov %rsi, 24(%rdi)
	mov %rsi, 32(%rdi)
	mov %rsi, 40(%rdi)
	mov %rsi, 48(%rdi)
	mov %rsi, 56(%rdi)
	add $64, %rdi
	sub $64, %rdx
	jae 1b
2:	add $64, %rdx
3:	cmp $8, %rdx
	jb 4f
	mov %rsi, (%rdi)
	add $8, %rdi
	sub $8, %rdx
	jmp 3b
4:	test %rdx, %rdx
	jz 6f
5:	mov %sil, (%rdi)
	inc %rdi
	dec %rdx
	jnz 5b
6:	ret
	.size memset, . - memset

/* int memcmp(rdi a, rsi b, rdx size) */
	.balign 16
memcmp:
	cmp $8, %rdx
	jb 2f
1:	mov (%rdi), %rcx
	mov (%rsi), %r8
	cmp %r8, %rcx
	jne 2f                        /* the bytes below find which */
	add $8, %rdi
	add $8, %rsi
	sub $8, %rdx
	cmp $8, %rdx
	jae 1b
2:	test %rdx, %rdx
	jz 4f
3:	movzbl (%rdi), %eax
	movzbl (%rsi), %ecx
	sub %ecx, %eax
	jne 5f
	inc %rdi
	inc %rsi
	dec %rdx
	jnz 3b
4:	xor %eax, %eax
5:	ret
	.size memcmp, . - memcmp

	.section .note.GNU-stack, "", @progbits

/*
 * Keeping the vector registers xmm0 to xmm15 for code that is built with general
 * registers only: what is in them belongs to a program. Instructions of the SSE
 * kind leave the upper halves of wider registers alone (SDM vol. 1, 14.1.3), so those need no keeping.
 */
#ifndef HAL_X86_VECTORS_H
#define HAL_X86_VECTORS_H

#include <exo/types.h>

struct vectors {
	uint8_t xmm[16][16];
};

static inline void vectors_save(struct vectors *to)
{
	__asm__ volatile("movups %%xmm0, 0(%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0); movups %%xmm3, 48(%0);"
	                 "movups %%xmm4, 64(%0); movups %%xmm5, 80(%0); movups %%xmm6, 96(%0); movups %%xmm7, 112(%0);"
	                 "movups %%xmm8, 128(%0); movups %%xmm9, 144(%0); movups %%xmm10, 160(%0); movups %%xmm11, 176(%0);"
	                 "movups %%xmm12, 192(%0); movups %%xmm13, 208(%0); movups %%xmm14, 224(%0); movups %%xmm15, 240(%0)"
	                 : : "r"(to->xmm) : "memory");
}

static inline void vectors_restore(const struct vectors *from)
{
	__asm__ volatile("movups 0(%0), %%xmm0; movups 16(%0), %%xmm1; movups 32(%0), %%xmm2; movups 48(%0), %%xmm3;"
	                 "movups 64(%0), %%xmm4; movups 80(%0), %%xmm5; movups 96(%0), %%xmm6; movups 112(%0), %%xmm7;"
	                 "movups 128(%0), %%xmm8; movups 144(%0), %%xmm9; movups 160(%0), %%xmm10; movups 176(%0), %%xmm11;"
	                 "movups 192(%0), %%xmm12; movups 208(%0), %%xmm13; movups 224(%0), %%xmm14; movups 240(%0), %%xmm15"
	                 : : "r"(from->xmm) : "memory");
}

#endif

/*
 * SHA-256 with the SHA extensions of x86-64 processors. Shared by all HALs;
 * whoever calls has asked x86_sha_present() once and remembers the answer.
 */
#ifndef HAL_X86_SHA256_H
#define HAL_X86_SHA256_H

#include <exo/types.h>

/* Has this processor SHA, SSSE3 and SSE4.1? Costs a CPUID, which traps in virtual machines. */
bool x86_sha_present(void);

/* As hal_sha256_blocks() and hal_hmac_words(). They use the vector registers
 * xmm0 to xmm15 (never the upper halves), and leave in them what they worked on. */
void x86_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count);
void x86_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count);

#endif

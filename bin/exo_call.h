/*
 * How a program of bin/ or of the tests makes kernel calls (exo/calls.h has the typed stubs). For exactly
 * one source file of a program.
 */
#ifndef EXO_CALL_H
#define EXO_CALL_H

#include <exo/calls.h>

/* Always where it is written: for code that has to be in one piece. */
static inline __attribute__((always_inline)) struct exo_result exo_call_here(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                                                                             uint64_t a3, uint64_t a4, uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a3;
	register uint64_t r8 __asm__("r8") = a4;
	register uint64_t r9 __asm__("r9") = a5;
	uint64_t status = EXO_CALL_BASE | number;

	__asm__ volatile("syscall"
	                 : "+a"(status), "+d"(a2)
	                 : "D"(a0), "S"(a1), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return (struct exo_result){ status, a2 };
}

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	return exo_call_here(number, a0, a1, a2, a3, a4, a5);
}

/* The text of a status. */
static inline const char *exo_status_text(uint64_t status)
{
	switch (status) {
#define EXO_STATUS(name, value, text) \
	case value: return text;
#include <exo/status.def>
#undef EXO_STATUS
	default: return "unknown status";
	}
}

#endif

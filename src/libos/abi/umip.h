/*
 * Instructions that tell of the system's tables: sgdt, sidt, sldt, str, smsw. A processor with UMIP (Intel SDM vol. 3,
 * 2.5) refuses them to programs. Linux then answers in its place, always the same; so do we.
 */
#ifndef LIBOS_ABI_UMIP_H
#define LIBOS_ABI_UMIP_H

#include <exo/context.h>

#define CODE_MAX 15 /* bytes of an instruction */

struct umip {
	uint32_t length;    /* of the instruction */
	uint32_t size;      /* bytes of the answer */
	uint8_t data[10];
	bool in_register;   /* the answer takes the place of the lowest bytes of register `number`, as the processor counts */
	uint32_t number;
	uint64_t address;   /* else it goes there */
};

/* Is what lies at regs->rip one of these? code: its first `size` bytes, hostile. No side effects. */
bool umip_decode(const uint8_t *code, uint32_t size, const struct exo_regs *regs, struct umip *out);

/* The general register with a number of the processor's. number: below 16. */
uint64_t *umip_register(struct exo_regs *regs, uint32_t number);

#endif

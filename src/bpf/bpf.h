/*
 * Classic BPF (exo/bpf.h): the check and the machine. Pure functions, in any context; the HAL
 * may call bpf_run() too.
 */
#ifndef BPF_BPF_H
#define BPF_BPF_H

#include <exo/bpf.h>
#include <exo/status.h>

/*
 * What the loads see: `size` bytes at `rest`, of which the first `head_size` are at `head` instead. A
 * load that crosses that border is outside. Both may change while the program runs.
 */
struct bpf_input {
	const uint8_t *head, *rest;
	uint32_t head_size, size; /* head_size <= size; size < 2^31 */
	bool network_order;       /* words are loaded big-endian (packets), else little-endian */
};

/* E_ARG unless each instruction is known, jumps stay inside, and every path ends in a RET. */
EXO_MUST_USE enum exo_status bpf_check(const struct exo_bpf_insn *program, uint64_t count);

/* Runs a program that bpf_check() has accepted and that does not change meanwhile. Takes at most as
 * many steps as it has instructions. */
uint32_t bpf_run(const struct exo_bpf_insn *program, const struct bpf_input *input);

#endif

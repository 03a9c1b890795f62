/*
 * What the two parts of fb-qemu share: the options, and the command line for QEMU.
 */
#ifndef FB_QEMU_H
#define FB_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../src/hal/hosted/request.h"

#define STATUS_FAILED REQUEST_FAILED
#define CMDLINE_SIZE 3584 /* EXO_CMDLINE_SIZE */
#define LAYERS_MAX   32 /* --add */
#define DISKS_MAX    4    /* the kernel's HAL_DISKS */
#define EXTRA_MAX    16
#define BLOCK_SIZE   4096 /* the kernel's */
#define READERS_LOCK 100  /* src/hal/hosted/block.c */
#define QEMU_WRITES  101

struct options {
	uint64_t memory; /* MiB */
	const char *root, *iso, *strace_file, *cpu, *machine;
	const char *disks[DISKS_MAX];
	const char *kernel[EXTRA_MAX], *qemu[EXTRA_MAX];
	unsigned cpus, nodes, disk_count, kernel_count, qemu_count;
	bool tty;    /* a person sits at standard input and output */
	bool errors; /* standard error is something else than standard output */
	bool uefi, gdb, kvm, boottime, check, vga, icount, isolation;
	const char *layers[LAYERS_MAX];
	unsigned layer_count;
	struct request request;
};

struct command {
	char *argv[128];
	int count;
};

/* Says why on standard error, with the terminal as it was, and ends with `status`. */
_Noreturn void die(int status, const char *format, ...);

/* The runner's channels: socket pairs. Standard error's own is there if it is apart (errors), the stream's for input
 * that is no terminal's. */
enum channel { CONSOLE, CONTROL, LOG, ERRORS, STREAM, CHANNELS };

/* Fills `c`, which is zeroed, with the arguments for QEMU. `fds`: QEMU's ends of the channels, -1: not there; they and those
 * of the files that QEMU is given stay open. Does not come back if something is missing. */
void command_build(struct command *c, const struct options *o, const int fds[CHANNELS]);

#endif

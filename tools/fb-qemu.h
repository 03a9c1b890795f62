/*
 * What the two parts of fb-qemu share: the options, and the command line for QEMU.
 */
#ifndef FB_QEMU_H
#define FB_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_MAX  3583 /* struct exo_boot */
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
	bool uefi, gdb, kvm, boottime, check, vga, icount, isolation;
	char cmdline[CMDLINE_MAX + 1];
	size_t cmdline_size;
	bool has_args;
};

struct command {
	char *argv[128];
	int count;
};

/* Says why on standard error, with the terminal as it was, and ends with `status`. */
_Noreturn void die(int status, const char *format, ...);

/* Fills `c`, which is zeroed, with the arguments for QEMU. The descriptors are the runner's channels; they and those
 * of the files that QEMU is given stay open. Does not come back if something is missing. */
void command_build(struct command *c, const struct options *o, int console, int control, int log, int stream);

#endif

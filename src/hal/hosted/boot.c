/*
 * The machine: guest memory, the control pages; its start, its end, and the calls between LibOS and core.
 */
#include "hosted.h"

#include <core/core.h>
#include <asm/hwcap2.h>
#include <cpuid.h>
#include <errno.h>
#include <execinfo.h>
#include <hal/version.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#define CONTROL_SIZE  ((uint64_t)ZONE_MAX * CTL_STRIDE)
#define XSTATE_WANTED UINT32_C(0x2e7) /* x87 SSE AVX, AVX-512, PKRU */

struct machine host_machine;
static char boot_cmdline[sizeof(((struct exo_boot *)0)->cmdline)];

EXO_NORETURN void libos_start(const struct exo_boot *boot);

const struct hal_boot_info *hal_boot(void)
{
	return &host_machine.boot;
}

void *hal_phys_ptr(exo_frame_t frame)
{
	return host_machine.memory + (frame << EXO_FRAME_SHIFT);
}

/* The components that we save: those of XSTATE_WANTED whose standard place is
 * inside the context page. */
static uint32_t vector_components(void)
{
	unsigned low, high, size, offset, ecx, edx, mask = 3;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	__cpuid_count(0xd, 1, size, offset, ecx, edx);
	host_machine.compacts = size & 2; /* XSAVEC */
	for (unsigned i = 2; i < 32; i++) {
		if (!(low & XSTATE_WANTED & 1U << i))
			continue;
		__cpuid_count(0xd, i, size, offset, ecx, edx);
		if (offset + size > EXO_CTX_FP_SIZE)
			continue;
		mask |= 1U << i;
		if (i == XSTATE_PKRU)
			host_machine.pkru_offset = offset;
	}
	return mask;
}

static sigjmp_buf no_instruction;

static void on_no_instruction(int signal)
{
	(void)signal;
	siglongjmp(no_instruction, 1);
}

/* Some hosts' Linux does not use the instructions for bases, and so loses what they have set, but they work. */
static uint32_t bases_how(void)
{
	const struct sigaction action = { .sa_handler = on_no_instruction };
	struct sigaction before;
	volatile uint32_t how = BASES_BY_CALL;
	uint64_t base;

	if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)
		return BASES_BY_INSTRUCTION;
	sigaction(SIGILL, &action, &before);
	if (sigsetjmp(no_instruction, 1) == 0) {
		__asm__ volatile("rdfsbase %0" : "=r"(base));
		how = BASES_READ;
	}
	sigaction(SIGILL, &before, NULL);
	return how;
}

static int memory_file(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | 0x10 /* MFD_EXEC */), error;

	if (fd < 0 && (errno == EINVAL || errno == EACCES)) /* before Linux 6.3; vm.memfd_noexec, see stub_file() */
		fd = memfd_create(name, MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, (off_t)size) != 0) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static void *view(int fd, uint64_t size)
{
	void *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return at == MAP_FAILED ? 0 : at;
}

bool host_machine_start(const struct options *options, const char **message)
{
	uint64_t first = FIRST_FRAME << EXO_FRAME_SHIFT;

	host_signals_start();
	host_time_begin();
	host_hash_start();
	host_machine.cpus = 1;
	host_machine.xmask = vector_components();
	host_machine.memory_fd = memory_file("feuerbird-memory", first + options->memory);
	host_machine.control_fd = memory_file("feuerbird-control", CONTROL_SIZE);
	*message = host_refusal_of_memory(errno);
	if (host_machine.memory_fd < 0 || host_machine.control_fd < 0)
		return false;
	host_machine.memory = view(host_machine.memory_fd, first + options->memory);
	host_machine.control = view(host_machine.control_fd, CONTROL_SIZE);
	host_machine.shown = mmap(0, (first + options->memory) / EXO_FRAME_SIZE / 8 + 1, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	*message = host_refusal_of_memory(ENOMEM);
	if (!host_machine.memory || !host_machine.control || host_machine.shown == MAP_FAILED)
		return false;
	host_time_start();
	if (options->text_size >= sizeof(boot_cmdline))
		snprintf(boot_cmdline, sizeof(boot_cmdline), "text=%zu\n", options->text_size); /* image.c */
	else if (options->text_size > 0)
		memcpy(boot_cmdline, options->text, options->text_size);
	host_machine.boot.first_frame = FIRST_FRAME;
	host_machine.boot.frame_count = options->memory >> EXO_FRAME_SHIFT;
	host_machine.boot.boot_ns = hal_time_ns();
	host_machine.boot.cpu_count = options->cpus ? options->cpus : 1;
	host_machine.boot.spaces = ZONE_MAX - 1;
	host_several = host_machine.boot.cpu_count > 1;
	host_machine.boot.target = "hosted";
	host_machine.boot.cmdline = boot_cmdline;
	host_machine.boot.zeroed = true;
	host_machine.bases = bases_how();
	host_machine.boot.base_instructions = host_machine.bases == BASES_BY_INSTRUCTION;
	host_machine.boot.check = options->check;
	host_machine.stats = options->stats;
	host_machine.impatient = options->impatient;
	host_devices_start(&host_machine.boot);
	host_cross_start();
	return host_zones_start(message);
}

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                           uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = {a0, a1, a2, a3, a4, a5};

	return core_call(number, args);
}

void hal_libos_run(struct hal_space *space, const struct exo_boot *boot)
{
	(void)space;
	host_disks_start();
	host_cpus_start();
	host_confine_calls();
	if (host_machine.stats)
		host_confine_report();
	libos_start(boot);
}

void hal_halt(uint32_t status)
{
	host_console_stop();
	host_zones_end();
	if (host_end_status() >= 0)
		status = (uint32_t)host_end_status();
	if (host_console_failed() && status == 0)
		status = EXIT_FAILED;
	exit((int)(status & 0xff));
}

/* The C library's own backtrace() would load a library first. */
struct trace {
	void *frames[32];
	int count;
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *to)
{
	struct trace *trace = to;

	if (trace->count == sizeof(trace->frames) / sizeof(*trace->frames))
		return _URC_END_OF_STACK;
	trace->frames[trace->count++] = (void *)_Unwind_GetIP(context);
	return _URC_NO_REASON;
}

void hal_panic(const char *message)
{
	struct trace trace = {.count = 0};

	host_console_stop();
	host_zones_end();
	fprintf(stderr, "feuerbird-sim: kernel panic: %s\nfeuerbird-sim %s\n", message, hal_version);
	_Unwind_Backtrace(note_frame, &trace);
	backtrace_symbols_fd(trace.frames, trace.count, STDERR_FILENO);
	_exit(EXIT_FAILED);
}

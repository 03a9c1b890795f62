/* FS and GS base: arch_prctl, kept over system calls, switches, fork; not over exec. */
#include "check.h"
#include <elf.h>
#include <sys/mman.h>
enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };

static uint64_t gs_area[2] = { 0, 0x1122334455667788 };

/* By instruction: stays over switches and calls, where AT_HWCAP2 says so. */
static int base_stays(uint64_t base)
{
	uint64_t now = base;

	if (!bases_stay())
		return 1;
	__asm__ volatile("wrgsbase %0" : : "r"(base));
	for (int i = 0; i < 20; i++) {
		pause_ms(1);
		__asm__ volatile("rdgsbase %0" : "=r"(now));
		if (now != base)
			return 0;
	}
	return syscall(SYS_arch_prctl, ARCH_GET_GS, &now) == 0 && now == base;
}

static uint64_t gs_read(void)
{
	uint64_t v;

	__asm__ volatile("mov %%gs:8,%0" : "=r"(v));
	return v;
}

/* A whole program, at 0x10000: does it find its own beginning by fs and by gs? */
__asm__(".pushsection .rodata\n"
	"raw_begin:\n"
	"	mov %fs:0x10000, %eax\n"
	"	xor %gs:0x10000, %eax\n"
	"	mov %eax, %edi\n"
	"	mov %fs:0x10000, %eax\n"
	"	xor $0x464c457f, %eax\n"
	"	or %eax, %edi\n"
	"	mov $60, %eax\n"
	"	syscall\n"
	"raw_end:\n"
	".popsection\n");
extern const char raw_begin[], raw_end[];

static int new_program_has_none(void)
{
	const uint64_t at = 0x10000, size = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + (uint64_t)(raw_end - raw_begin);
	const Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_entry = at + sizeof(header) + sizeof(Elf64_Phdr), .e_phoff = sizeof(header),
		.e_ehsize = sizeof(header), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
	};
	const Elf64_Phdr segment = { PT_LOAD, PF_R | PF_X, 0, at, at, size, size, 4096 };
	char *none[] = { "raw", NULL };
	int fd = memfd_create("raw", MFD_CLOEXEC), ok = fd >= 0;
	pid_t child;

	ok = ok && write(fd, &header, sizeof(header)) == sizeof(header) && write(fd, &segment, sizeof(segment)) == sizeof(segment);
	ok = ok && write(fd, raw_begin, (size_t)(raw_end - raw_begin)) == raw_end - raw_begin;
	for (int i = 0; ok && i < 10; i++) {
		if ((child = fork()) == 0) {
			syscall(SYS_arch_prctl, ARCH_SET_GS, gs_area);
			fexecve(fd, none, none + 1);
			_exit(99);
		}
		ok = EXITED(wait_status(child), 0);
	}
	close(fd);
	return ok;
}

int main(void)
{
	unsigned long fs = 0, gs = 0;
	pid_t child;

	CHECK("fs base is set by the C library", syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs != 0);
	CHECK("set gs", syscall(SYS_arch_prctl, ARCH_SET_GS, gs_area) == 0);
	CHECK("get gs", syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) == 0 && gs == (unsigned long)gs_area);
	CHECK("use it", gs_read() == 0x1122334455667788);
	if ((child = fork()) == 0) {
		int bad = gs_read() != 0x1122334455667788;
		uint64_t other[2] = { 0, 99 };

		syscall(SYS_arch_prctl, ARCH_SET_GS, other);
		for (int i = 0; i < 50; i++) {
			pause_ms(1);
			bad |= gs_read() != 99;
		}
		_exit(bad);
	}
	int bad = 0;
	for (int i = 0; i < 50; i++) {
		pause_ms(1);
		bad |= gs_read() != 0x1122334455667788;
	}
	CHECK("the child has its own", EXITED(wait_status(child), 0) && !bad);
	FAILS("not a kernel address", EPERM, syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
	FAILS("nor a non-canonical one", EPERM, syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000));
	FAILS("unknown code", EINVAL, syscall(SYS_arch_prctl, 0x9999, 0));
	FAILS("wild pointer", EFAULT, syscall(SYS_arch_prctl, ARCH_GET_FS, 8));
	CHECK("gs still works", gs_read() == 0x1122334455667788);
	CHECK("AT_HWCAP2 says whether instructions may set it", base_stays(0x123456789000));
	CHECK("a new program has neither", new_program_has_none());
	DONE();
}

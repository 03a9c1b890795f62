/* The parts of ELF64 that loading needs (System V ABI, chapters 4 and 5). Private to vm/. */
#ifndef LIBOS_VM_ELF_H
#define LIBOS_VM_ELF_H

#include <stdint.h>

#define ELF_MAGIC       UINT32_C(0x464c457f)
#define ELFCLASS64      2
#define ELFDATA2LSB     1
#define EV_CURRENT      1
#define ET_EXEC         2
#define ET_DYN          3
#define EM_X86_64       62
#define PT_LOAD         1
#define PT_INTERP       3
#define PT_PHDR         6
#define PT_GNU_STACK    UINT32_C(0x6474e551)
#define PF_X            1
#define PF_W            2
#define PF_R            4

struct elf_header {
	uint32_t magic;
	uint8_t class, data, version, osabi, pad_[8];
	uint16_t type, machine;
	uint32_t version2;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "Elf64_Ehdr");
_Static_assert(sizeof(struct elf_segment) == 56, "Elf64_Phdr");

/* More program headers than any linker makes. */
#define ELF_SEGMENTS_MAX 64
#define ELF_INTERP_MAX   256 /* bytes of the interpreter's path, NUL included */

struct file;
/* The interpreter's path, in ELF_INTERP_MAX bytes; -ENOENT: it has none, or as elf_load() says. */
int elf_interpreter(struct file *file, char *path);

#endif

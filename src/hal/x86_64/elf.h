/* The parts of ELF-64 that the boot module's loader reads (System V gABI). */
#ifndef ELF_H
#define ELF_H

#include <exo/types.h>

#define ELF_EXEC   2
#define ELF_X86_64 62
#define ELF_LOAD   1
#define ELF_SYMTAB 2
#define ELF_FUNC   2
#define ELF_X      1u
#define ELF_W      2u

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_shdr {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t addralign, entsize;
};

struct elf_sym {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
	uint64_t value, size;
};

#endif

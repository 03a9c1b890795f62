/* Checks of an ELF file's headers. Private to vm/ and its tests. */
#ifndef LIBOS_VM_ELF_CHECK_H
#define LIBOS_VM_ELF_CHECK_H

#include <libos/vm/elf.h>
#include <libos/vm/vm.h>

/* Segments end below this: above it is room for stack and mappings. */
#define ELF_ADDRESS_MAX (EXO_USER_LIMIT - (UINT64_C(1) << 32))

struct elf_extent {
	uint64_t start, end; /* of all PT_LOAD segments, page aligned */
};

/* 0 or -ENOEXEC. The header and the table of its phnum segments. */
int elf_check_header(const struct elf_header *header, uint64_t file_size);
int elf_check_segments(const struct elf_header *header, const struct elf_segment *segments, uint64_t file_size,
                       struct elf_extent *extent);

#endif

/*
 * The executables that LibOSes and small programs come as: static ELF-64 for x86-64 (System V gABI), and a
 * parser for them. It is pure, takes no memory, and trusts nothing in the file.
 */
#ifndef EXO_ELF_H
#define EXO_ELF_H

#include <exo/abi.h>

struct exo_elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct exo_elf_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

#define EXO_ELF_LOADS 4

/* One piece: pages [vaddr, vaddr + (pages << 12)); `size` bytes of the file from `offset` go to vaddr + lead, the rest is 0. */
struct exo_elf_load {
	exo_vaddr_t vaddr; /* page aligned */
	uint64_t pages, lead, offset, size;
	uint32_t prot;     /* EXO_PROT_*; never both writable and executable */
};

struct exo_elf {
	exo_vaddr_t entry; /* inside an executable piece */
	uint32_t count;    /* 1..EXO_ELF_LOADS */
	struct exo_elf_load loads[EXO_ELF_LOADS]; /* ascending, no two on one page */
};

static inline bool exo_elf_load_parse(const struct exo_elf_phdr *p, uint64_t size, uint64_t limit, struct exo_elf_load *load)
{
	if (p->filesz > p->memsz || p->offset > size || p->filesz > size - p->offset)
		return false;
	if (p->vaddr < EXO_USER_BASE || p->vaddr >= limit || p->memsz > limit - p->vaddr)
		return false;
	load->lead = p->vaddr & (EXO_FRAME_SIZE - 1);
	load->vaddr = p->vaddr - load->lead;
	load->pages = (load->lead + p->memsz + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	load->offset = p->offset;
	load->size = p->filesz;
	load->prot = EXO_PROT_READ | ((p->flags & 2) ? EXO_PROT_WRITE : 0) | ((p->flags & 1) ? EXO_PROT_EXEC : 0);
	return !((load->prot & EXO_PROT_WRITE) && (load->prot & EXO_PROT_EXEC));
}

/*
 * Parses the `size` bytes of an executable. All its pages must lie below `limit` (page aligned, at most EXO_USER_LIMIT).
 * False: it is none, or not one that can be loaded; *elf is then of no use.
 */
static inline bool exo_elf_parse(const void *bytes, uint64_t size, uint64_t limit, struct exo_elf *elf)
{
	struct exo_elf_header h;
	struct exo_elf_phdr p;
	bool enters = false;

	if (size < sizeof(h))
		return false;
	__builtin_memcpy(&h, bytes, sizeof(h));
	/* 64-bit, little-endian, version 1; ET_EXEC; EM_X86_64 */
	if (__builtin_memcmp(h.ident, "\177ELF\2\1\1", 7) != 0 || h.type != 2 || h.machine != 62)
		return false;
	if (h.phentsize != sizeof(p) || h.phoff > size || (uint64_t)h.phnum * sizeof(p) > size - h.phoff)
		return false;
	elf->entry = h.entry;
	elf->count = 0;
	for (uint64_t i = 0; i < h.phnum; i++) {
		struct exo_elf_load *load = &elf->loads[elf->count];

		__builtin_memcpy(&p, (const uint8_t *)bytes + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == 2 || p.type == 3) /* PT_DYNAMIC, PT_INTERP: wants a linker at run time */
			return false;
		if (p.type != 1 || p.memsz == 0) /* PT_LOAD */
			continue;
		if (elf->count == EXO_ELF_LOADS || !exo_elf_load_parse(&p, size, limit, load))
			return false;
		if (elf->count > 0 && load->vaddr < load[-1].vaddr + (load[-1].pages << EXO_FRAME_SHIFT))
			return false;
		enters |= (load->prot & EXO_PROT_EXEC) && h.entry >= p.vaddr && h.entry - p.vaddr < p.memsz;
		elf->count++;
	}
	return enters;
}

#endif

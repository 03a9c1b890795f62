/*
 * A root image in memory with one static program that has no code worth running: on the fake HAL, what
 * a program does is said by a C function. For unit tests and fuzzers of the LibOS.
 */
#ifndef TINY_ROOT_H
#define TINY_ROOT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TINY_TEXT      UINT64_C(0x400000) /* read, execute */
#define TINY_DATA      UINT64_C(0x500000) /* read, write */
#define TINY_DATA_SIZE UINT64_C(0x4000)
#define TINY_ELF_SIZE  256

static struct {
	uint8_t bytes[8192];
	size_t size;
} tiny_root;

static void tiny_put(uint8_t *at, uint64_t value, int size)
{
	memcpy(at, &value, (size_t)size);
}

static void tiny_program_header(uint8_t *at, uint32_t flags, uint64_t address, uint64_t file_size, uint64_t size)
{
	tiny_put(at, 1, 4); /* PT_LOAD */
	tiny_put(at + 4, flags, 4);
	tiny_put(at + 16, address, 8);
	tiny_put(at + 24, address, 8);
	tiny_put(at + 32, file_size, 8);
	tiny_put(at + 40, size, 8);
	tiny_put(at + 48, 4096, 8);
}

static void tiny_elf(uint8_t *elf)
{
	memset(elf, 0, TINY_ELF_SIZE);
	memcpy(elf, "\177ELF\2\1\1", 7);
	tiny_put(elf + 16, 2, 2);  /* ET_EXEC */
	tiny_put(elf + 18, 62, 2); /* EM_X86_64 */
	tiny_put(elf + 20, 1, 4);
	tiny_put(elf + 24, TINY_TEXT + 64, 8);
	tiny_put(elf + 32, 64, 8);
	tiny_put(elf + 52, 64, 2);
	tiny_put(elf + 54, 56, 2);
	tiny_put(elf + 56, 2, 2);
	tiny_program_header(elf + 64, 5, TINY_TEXT, TINY_ELF_SIZE, TINY_ELF_SIZE);
	tiny_program_header(elf + 120, 6, TINY_DATA, 0, TINY_DATA_SIZE);
}

static void tiny_entry(const char *name, uint32_t mode, const void *bytes, uint32_t size)
{
	size_t name_size = strlen(name) + 1;
	char *header = (char *)tiny_root.bytes + tiny_root.size;

	tiny_root.size += (size_t)sprintf(header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
	                                  (unsigned)tiny_root.size + 1, mode, 0u, 0u, 1u, 0u, size, 0u, 0u, 0u, 0u,
	                                  (unsigned)name_size, 0u);
	memcpy(tiny_root.bytes + tiny_root.size, name, name_size);
	tiny_root.size = (tiny_root.size + name_size + 3) & ~(size_t)3;
	if (size)
		memcpy(tiny_root.bytes + tiny_root.size, bytes, size);
	tiny_root.size = (tiny_root.size + size + 3) & ~(size_t)3;
}

static inline void tiny_root_make(void)
{
	uint8_t elf[TINY_ELF_SIZE];

	if (tiny_root.size)
		return;
	tiny_elf(elf);
	tiny_entry("init", 0100755, elf, sizeof(elf));
	tiny_entry("dir", 040755, NULL, 0);
	tiny_entry("dir/file", 0100644, "some bytes\n", 11);
	tiny_entry("link", 0120777, "dir/file", 8);
	tiny_entry("script", 0100755, "#!/init -x\n", 11);
	tiny_entry("loop", 0100755, "#!/loop\n", 8);
	tiny_entry("TRAILER!!!", 0, NULL, 0);
}

#endif

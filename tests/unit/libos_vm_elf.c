/* ELF headers that lie, and what a good one becomes. */
#include "libos_vm_world.h"

#include <libos/vm/elf_check.h>

#define TEXT  UINT64_C(0x400000)
#define DATA  UINT64_C(0x600000)

struct program { /* header and three segments, as the file's first bytes */
	struct elf_header header;
	struct elf_segment segments[3];
};

/* Text: pages 0..3 of the file; data: 0x800 bytes of page 4 from offset 0x4100, and bss up to three pages. */
static struct program good_program(void)
{
	struct program p = {
		.header = {
			.magic = ELF_MAGIC, .class = ELFCLASS64, .data = ELFDATA2LSB, .version = EV_CURRENT, .type = ET_EXEC,
			.machine = EM_X86_64, .version2 = 1, .entry = TEXT + 0x1000, .phoff = sizeof(struct elf_header),
			.ehsize = 64, .phentsize = 56, .phnum = 3,
		},
		.segments = {
			{ .type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = TEXT, .filesz = 0x4000, .memsz = 0x4000 },
			{ .type = PT_LOAD, .flags = PF_R | PF_W, .offset = 0x4100, .vaddr = DATA + 0x100,
			  .filesz = 0x800, .memsz = 0x2800 },
			{ .type = PT_GNU_STACK, .flags = PF_R | PF_W },
		},
	};

	return p;
}

struct lie {
	const char *what;
	void (*tell)(struct program *p);
	bool allowed;
};

#define LIE(name, text, allowed_, change)                                                                      \
	static void lie_##name(struct program *p)                                                              \
	{                                                                                                      \
		change;                                                                                        \
	}
#define LIES(X)                                                                                                \
	X(nothing, "nothing", true, (void)p)                                                                   \
	X(magic, "magic", false, p->header.magic++)                                                            \
	X(class, "32 bits", true, p->header.class = 1)                                                        \
	X(endian, "big endian", true, p->header.data = 2)                                                     \
	X(type, "relocatable", false, p->header.type = 1)                                                      \
	X(machine, "another machine", false, p->header.machine = 183)                                          \
	X(phentsize, "size of program headers", false, p->header.phentsize = 55)                               \
	X(phnum0, "no program headers", false, p->header.phnum = 0)                                            \
	X(phnum65, "one program header too many", false, p->header.phnum = 65)                                 \
	X(phnum, "too many program headers", false, p->header.phnum = 65535)                                   \
	X(phoff, "table beyond the file", false, p->header.phoff = 0x8000)                                     \
	X(phoff_wrap, "table wraps", false, p->header.phoff = UINT64_MAX - 8)                                  \
	X(filesz, "more in the file than in memory", false, p->segments[0].filesz = 0x4001)                    \
	X(beyond, "text beyond the file", true, p->segments[0].offset += 0x10000)                              \
	X(offset_wrap, "offset wraps", false, p->segments[1].offset = UINT64_MAX - 0xeff)                      \
	X(memsz_wrap, "address wraps", false, p->segments[1].memsz = UINT64_MAX)                               \
	X(kernel, "kernel address", false, p->segments[1].vaddr = UINT64_C(0xffff800000000100))                \
	X(high, "above the limit", false, p->segments[1].vaddr = EXO_USER_LIMIT + 0x100)                       \
	X(low, "below the lowest address", false, p->segments[0].vaddr = 0)                                    \
	X(overlap, "overlapping segments", false, p->segments[1].vaddr = TEXT + 0x3100)                        \
	X(order, "descending segments", false, p->segments[1].vaddr = 0x20100)                                 \
	X(congruence, "offset and address disagree", false, p->segments[1].vaddr += 8)                         \
	X(entry, "entry outside", false, p->header.entry = TEXT + 0x4000)                                      \
	X(entry_data, "entry in data", false, p->header.entry = DATA + 0x200)                                  \
	X(no_load, "nothing to load", false, p->segments[0].type = p->segments[1].type = 4)                    \
	X(interp, "interpreter's name too long", false, (p->segments[2].type = PT_INTERP,                      \
	                                                  p->segments[2].filesz = ELF_INTERP_MAX + 1))         \
	X(interp_off, "interpreter's name outside", false, (p->segments[2].type = PT_INTERP,                   \
	                                                    p->segments[2].filesz = 20, p->segments[2].offset = 0x7ff8))
LIES(LIE)

static const struct lie lies[] = {
#define ROW(name, text, allowed_, change) { text, lie_##name, allowed_ },
	LIES(ROW)
};

#define FILE_SIZE 0x8000

Test(vm_elf, lies)
{
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct program p = good_program();
		int r;

		lies[i].tell(&p);
		r = elf_check(&p, sizeof(p), FILE_SIZE);
		cr_assert_eq(r, lies[i].allowed ? 0 : -ENOEXEC, "%s: %d", lies[i].what, r);
	}
}

Test(vm_elf, short_files)
{
	struct program p = good_program();

	for (size_t size = 0; size < sizeof(struct elf_header); size++)
		cr_assert_eq(elf_check(&p, size, size), -ENOEXEC);
	cr_assert_eq(elf_check(&p, sizeof(p), sizeof(p) - 1), -ENOEXEC);
}

static void write_file(struct mock_file *mock, uint64_t offset, const void *from, uint64_t size)
{
	exo_frame_t frame;

	cr_assert_eq(mock_page(&mock->inode, offset / PAGE_SIZE, true, &frame), 0);
	memcpy((char *)frame_ptr(frame) + offset % PAGE_SIZE, from, size);
	frame_put(frame);
}

WORLD_TEST(vm_elf, loads, 4096)
{
	static struct mock_file mock;
	struct program p = good_program();
	struct vm_space *space = vm_space_new("elf");
	struct elf_image image;
	uint32_t prot;

	mock_file_init(&mock, FILE_SIZE, O_RDONLY);
	write_file(&mock, 0, &p, sizeof(p));
	cr_assert_eq(elf_load(space, &mock.file, &image), 0);
	cr_assert_eq(image.entry, TEXT + 0x1000);
	cr_assert_eq(image.phdr, TEXT + sizeof(struct elf_header));
	cr_assert_eq(image.phnum, 3);
	cr_assert_eq(image.brk, DATA + 0x3000);
	cr_assert(!image.stack_exec);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(program_byte(space, TEXT + 0x2345, &prot), (uint8_t)(0x2345 * 31 + 2));
	cr_assert_eq(prot, (uint32_t)(EXO_PROT_READ | EXO_PROT_EXEC));
	cr_assert_eq(program_byte(space, DATA + 0x8ff, &prot), (uint8_t)(0x48ff * 31 + 4));
	cr_assert_eq(prot, (uint32_t)(EXO_PROT_READ | EXO_PROT_WRITE));
	cr_assert_eq(program_byte(space, DATA + 0x900, NULL), 0, "the tail of the data page is zero");
	for (uint64_t at = DATA + 0x900; at < DATA + 0x3000; at += 0x100) {
		uint8_t byte = 1;

		cr_assert_eq(user_read(space, &byte, at, 1), 0);
		cr_assert_eq(byte, 0);
	}
	cr_assert_eq(vm_brk(space, image.brk + 100), (int64_t)image.brk + 100);
	vm_space_put(space);
	mock_file_done(&mock);
	world_check_clean();
}

/* The dynamic linker allocates its first memory behind its bss, and takes it for zeroes. */
WORLD_TEST(vm_elf, the_last_page_is_clear_to_its_end, 4096)
{
	static struct mock_file mock;
	struct program p = good_program();
	struct vm_space *space = vm_space_new("elf");
	struct elf_image image;
	uint8_t byte = 1;

	p.segments[1].memsz = p.segments[1].filesz + 8;
	mock_file_init(&mock, FILE_SIZE, O_RDONLY);
	write_file(&mock, 0, &p, sizeof(p));
	cr_assert_eq(elf_load(space, &mock.file, &image), 0);
	for (uint64_t at = DATA + 0x900; at < DATA + 0x1000; at++) {
		cr_assert_eq(user_read(space, &byte, at, 1), 0);
		cr_assert_eq(byte, 0);
	}
	vm_space_put(space);
	mock_file_done(&mock);
	world_check_clean();
}

WORLD_TEST(vm_elf, text_is_shared_and_follows_the_file, 4096)
{
	static struct mock_file mock;
	struct program p = good_program();
	struct vm_space *a = vm_space_new("a"), *b = vm_space_new("b");
	struct elf_image image;
	uint64_t first, second;
	uint8_t byte = 0xcc;

	/* Text with the file's headers in it is not copied. */
	p.segments[0].offset = 0x1000;
	p.segments[0].vaddr = TEXT + 0x1000;
	p.segments[0].filesz = p.segments[0].memsz = 0x3000;
	mock_file_init(&mock, FILE_SIZE, O_RDONLY);
	write_file(&mock, 0, &p, sizeof(p));
	cr_assert_eq(elf_load(a, &mock.file, &image), 0);
	cr_assert_eq(elf_load(b, &mock.file, &image), 0);
	cr_assert_eq(vm_commit(a), 0);
	cr_assert_eq(vm_commit(b), 0);
	cr_assert_eq(exo_mem_query(vm_zone(a), TEXT + 0x1000, &first), EXO_OK);
	cr_assert_eq(exo_mem_query(vm_zone(b), TEXT + 0x1000, &second), EXO_OK);
	cr_assert_eq(first >> PAGE_SHIFT, second >> PAGE_SHIFT, "one copy for both");
	cr_assert_neq(first >> PAGE_SHIFT, mock.frames[1], "not the file's own page");
	write_file(&mock, 0x1000, &byte, 1);
	vm_inode_changed(&mock.inode, 1, 1);
	cr_assert_eq(user_read(a, &byte, TEXT + 0x1000, 1), 0);
	cr_assert_eq(byte, 0xcc);
	cr_assert_eq(vm_commit(a), 0);
	cr_assert_eq(vm_commit(b), 0);
	cr_assert_eq(program_byte(a, TEXT + 0x1000, NULL), 0xcc);
	cr_assert_neq(program_byte(b, TEXT + 0x1000, NULL), (uint8_t)(0x1000 * 31 + 1));
	vm_space_put(a);
	vm_space_put(b);
	mock_file_done(&mock);
	world_check_clean();
}

/* Every lie in a real file: refused or loaded, but nothing lost. */
WORLD_TEST(vm_elf, lies_leave_nothing_behind, 4096)
{
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		static struct mock_file mock;
		struct program p = good_program();
		struct vm_space *space = vm_space_new("lie");
		struct elf_image image;
		int r;

		lies[i].tell(&p);
		mock_file_init(&mock, FILE_SIZE, O_RDONLY);
		write_file(&mock, 0, &p, sizeof(p));
		r = elf_load(space, &mock.file, &image);
		cr_assert_eq(r, lies[i].allowed ? 0 : -ENOEXEC, "%s: %d", lies[i].what, r);
		vm_space_put(space);
		mock_file_done(&mock);
	}
	world_check_clean();
}

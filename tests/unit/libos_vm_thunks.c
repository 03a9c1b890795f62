/* Thunks of prepared text: mapped with it, seen by no program, and never in a program's way. */
#include "libos_vm_world.h"

#define TEXT  UINT64_C(0x20001000) /* at page 1 of the file */
#define PAGES 3
#define RX    (PROT_READ | PROT_EXEC)

static struct mock_file mock;

static struct vm_space *space_with_text(void)
{
	struct vm_space *space = vm_space_new("thunks");

	cr_assert_eq(vm_mmap(space, TEXT, PAGES * PAGE_SIZE, RX, MAP_PRIVATE | MAP_FIXED, &mock.file, PAGE_SIZE), (int64_t)TEXT);
	cr_assert_eq(vm_commit(space), 0);
	return space;
}

static void setup_file(uint64_t pages)
{
	fake.thunks = (pages - 1) * PAGE_SIZE + 24;
	mock_file_init(&mock, 8 * PAGE_SIZE, O_RDWR);
}

static void done(void)
{
	mock_file_done(&mock);
	world_check_clean();
}

/* Where they are; 0: nowhere. */
static uint64_t thunks_at(const struct vm_space *space)
{
	return space->thunks != NULL ? space->thunks->text->thunks : 0;
}

static bool are_mapped(struct vm_space *space, uint64_t at, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		uint32_t prot;

		if (program_byte(space, at + i * PAGE_SIZE, &prot) != FAKE_THUNK || prot != RX)
			return false;
	}
	return program_byte(space, at + pages * PAGE_SIZE, NULL) != FAKE_THUNK;
}

WORLD_TEST(vm_thunks, come_and_go_with_the_text, 4096)
{
	struct vm_space *space, *child;
	uint64_t at;
	char byte;

	setup_file(2);
	space = space_with_text();
	at = thunks_at(space);
	cr_assert_neq(at, 0);
	cr_assert(at + 2 * PAGE_SIZE < TEXT && TEXT - at < UINT64_C(1) << 31);
	cr_assert(are_mapped(space, at, 2));
	/* In no region, and not to be read through the LibOS. */
	cr_assert(range_is_free(space, at, at + 2 * PAGE_SIZE));
	cr_assert_eq(user_read(space, &byte, at, 1), -EFAULT);
	child = vm_space_fork(space, "child");
	cr_assert_eq(vm_commit(child), 0);
	cr_assert(are_mapped(child, at, 2));
	cr_assert_eq(vm_munmap(space, TEXT, PAGES * PAGE_SIZE), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, at, NULL), -1);
	cr_assert(are_mapped(child, at, 2));
	vm_space_put(space);
	vm_space_put(child);
	done();
}

WORLD_TEST(vm_thunks, a_part_of_the_text_keeps_them, 4096)
{
	struct vm_space *space;
	uint64_t at;

	setup_file(1);
	space = space_with_text();
	at = thunks_at(space);
	cr_assert_eq(vm_munmap(space, TEXT + PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert(are_mapped(space, at, 1));
	cr_assert_eq(vm_mprotect(space, TEXT, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert(are_mapped(space, at, 1));
	cr_assert_eq(vm_munmap(space, TEXT + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, at, NULL), -1);
	vm_space_put(space);
	done();
}

/* Whoever maps something where they are gets it; the text is the file's own then. */
WORLD_TEST(vm_thunks, give_way_to_the_program, 4096)
{
	struct vm_space *space, *other;
	uint64_t at;

	setup_file(2);
	space = space_with_text();
	other = space_with_text();
	at = thunks_at(space);
	cr_assert_eq(thunks_at(other), at);
	cr_assert_eq(program_byte(space, TEXT, NULL), FAKE_TEXT);
	cr_assert_eq(vm_mmap(space, at + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, NULL, 0),
	             (int64_t)(at + PAGE_SIZE));
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, at, NULL), -1);
	cr_assert_eq(program_byte(space, at + PAGE_SIZE, NULL), 0);
	cr_assert_neq(program_byte(space, TEXT, NULL), FAKE_TEXT);
	/* Nobody else is the slower for it. */
	cr_assert(are_mapped(other, at, 2));
	cr_assert_eq(program_byte(other, TEXT, NULL), FAKE_TEXT);
	vm_space_put(space);
	vm_space_put(other);
	done();
}

WORLD_TEST(vm_thunks, growing_memory_takes_their_place, 4096)
{
	struct vm_space *space;
	uint64_t at;
	int signo, code;

	setup_file(2);
	space = space_with_text();
	at = thunks_at(space);
	/* mremap in place */
	cr_assert_eq(vm_mmap(space, at - PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0), (int64_t)(at - PAGE_SIZE));
	cr_assert_eq(vm_mremap(space, at - PAGE_SIZE, PAGE_SIZE, 2 * PAGE_SIZE, 0, 0), (int64_t)(at - PAGE_SIZE));
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, at + PAGE_SIZE, NULL), -1);
	vm_space_put(space);
	/* a region that grows down */
	space = space_with_text();
	at = thunks_at(space);
	cr_assert_gt(vm_mmap(space, at + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL, 0), 0);
	cr_assert_neq(thunks_at(space), 0);
	cr_assert_eq(vm_fault(space, at + 2 * PAGE_SIZE - 8, EXO_ACCESS_WRITE, &signo, &code), 0);
	cr_assert_eq(thunks_at(space), 0);
	vm_space_put(space);
	done();
}

/* No mapping that may be anywhere is put there. */
WORLD_TEST(vm_thunks, gaps_avoid_them, 4096)
{
	struct vm_space *space;
	uint64_t at;

	setup_file(2);
	space = vm_space_new("gaps");
	space->mmap_base = TEXT + PAGES * PAGE_SIZE;
	cr_assert_eq(vm_mmap(space, 0, PAGES * PAGE_SIZE, RX, MAP_PRIVATE, &mock.file, PAGE_SIZE), (int64_t)TEXT);
	at = thunks_at(space);
	cr_assert_neq(at, 0);
	for (int i = 0; i < 40; i++) {
		int64_t place = vm_mmap(space, 0, (uint64_t)(1 + i % 7) * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

		cr_assert_gt(place, 0);
		cr_assert_eq(thunks_at(space), at);
	}
	cr_assert_eq(vm_commit(space), 0);
	cr_assert(are_mapped(space, at, 2));
	vm_space_put(space);
	done();
}

/* The same text in a space where the place is taken: another copy, or the file's own bytes. */
WORLD_TEST(vm_thunks, a_place_that_is_taken, 4096)
{
	struct vm_space *first, *second;
	uint64_t at;
	char byte;

	setup_file(2);
	first = space_with_text();
	at = thunks_at(first);
	second = vm_space_new("taken");
	cr_assert_eq(vm_mmap(second, at, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0), (int64_t)at);
	cr_assert_eq(vm_mmap(second, TEXT, PAGES * PAGE_SIZE, RX, MAP_PRIVATE | MAP_FIXED, &mock.file, PAGE_SIZE), (int64_t)TEXT);
	cr_assert_eq(vm_commit(second), 0);
	cr_assert_neq(thunks_at(second), at);
	cr_assert(thunks_at(second) == 0 || are_mapped(second, thunks_at(second), 2));
	cr_assert_eq(user_read(second, &byte, at, 1), 0);
	cr_assert_eq(byte, 0);
	cr_assert(are_mapped(first, at, 2));
	vm_space_put(second);
	vm_space_put(first);
	done();
}

/* A file that changes: no space runs the old copy, or has its thunks. */
WORLD_TEST(vm_thunks, a_changed_file, 4096)
{
	struct vm_space *space;
	uint64_t at;

	setup_file(2);
	space = space_with_text();
	at = thunks_at(space);
	vm_inode_changed(&mock.inode, 2, 2);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, at, NULL), -1);
	vm_space_put(space);
	done();
}

/* A commit that failed is made up for at the fault. */
WORLD_TEST(vm_thunks, are_mapped_again, 4096)
{
	struct vm_space *space;
	uint64_t at;
	int signo, code;

	setup_file(2);
	space = space_with_text();
	at = thunks_at(space);
	space_queue(space, at, 0, 2, 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(program_byte(space, at, NULL), -1);
	cr_assert_eq(vm_fault(space, at + PAGE_SIZE, EXO_ACCESS_WRITE, &signo, &code), -EFAULT);
	cr_assert_eq(vm_fault(space, at + PAGE_SIZE, EXO_ACCESS_EXEC, &signo, &code), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert(are_mapped(space, at, 2));
	vm_space_put(space);
	done();
}

/* A text without sites, and one that has nowhere to put thunks. */
WORLD_TEST(vm_thunks, none, 4096)
{
	struct vm_space *space;

	mock_file_init(&mock, 8 * PAGE_SIZE, O_RDWR);
	space = space_with_text();
	cr_assert_eq(thunks_at(space), 0);
	cr_assert_eq(program_byte(space, TEXT, NULL), FAKE_TEXT);
	vm_space_put(space);
	fake.thunks = 24;
	space = vm_space_new("low");
	cr_assert_eq(vm_mmap(space, EXO_USER_BASE, PAGES * PAGE_SIZE, RX, MAP_PRIVATE | MAP_FIXED, &mock.file, PAGE_SIZE), (int64_t)EXO_USER_BASE);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(thunks_at(space), 0);
	vm_space_put(space);
	done();
}

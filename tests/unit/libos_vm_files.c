/* File mappings, stacks, breaks, limits, and the answers to bad arguments. */
#include "libos_vm_world.h"

#define RW (PROT_READ | PROT_WRITE)
#define AT UINT64_C(0x20000000)

static uint8_t file_byte(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> PAGE_SHIFT));
}

WORLD_TEST(vm_files, private_and_shared, 4096)
{
	static struct mock_file mock;
	struct vm_space *space = vm_space_new("files");
	uint64_t size = 5 * PAGE_SIZE + 100;
	int64_t private, shared;
	uint8_t byte = 0xee, seen;
	int signo, code;

	mock_file_init(&mock, size, O_RDWR);
	private = vm_mmap(space, 0, 8 * PAGE_SIZE, RW, MAP_PRIVATE, &mock.file, 0);
	shared = vm_mmap(space, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, &mock.file, 0);
	cr_assert_gt(private, 0);
	cr_assert_gt(shared, 0);
	cr_assert_eq(mock.inode.mapped_shared, 1);
	cr_assert_eq(user_read(space, &seen, (uint64_t)private + 2 * PAGE_SIZE + 5, 1), 0);
	cr_assert_eq(seen, file_byte(2 * PAGE_SIZE + 5));
	cr_assert_eq(user_write(space, (uint64_t)shared + 2 * PAGE_SIZE + 5, &byte, 1), 0);
	cr_assert_eq(user_read(space, &seen, (uint64_t)private + 2 * PAGE_SIZE + 5, 1), 0);
	cr_assert_eq(seen, 0xee, "an untouched private page follows the file");
	byte = 0x11;
	cr_assert_eq(user_write(space, (uint64_t)private + 3 * PAGE_SIZE, &byte, 1), 0);
	cr_assert_eq(((uint8_t *)frame_ptr(mock.frames[3]))[0], file_byte(3 * PAGE_SIZE), "the file keeps its own");
	cr_assert_eq(vm_fault(space, (uint64_t)shared + 6 * PAGE_SIZE, EXO_ACCESS_READ, &signo, &code), -EFAULT);
	cr_assert_eq(signo, SIGBUS);
	cr_assert_eq(code, BUS_ADRERR);
	/* The file shrinks to two pages. */
	mock.inode.size = 2 * PAGE_SIZE;
	vm_inode_changed(&mock.inode, 2, UINT64_MAX);
	cr_assert_eq(user_read(space, &seen, (uint64_t)shared + 2 * PAGE_SIZE, 1), -EFAULT);
	cr_assert_eq(user_read(space, &seen, (uint64_t)private + 3 * PAGE_SIZE, 1), -EFAULT);
	cr_assert_eq(user_read(space, &seen, (uint64_t)shared + PAGE_SIZE, 1), 0);
	cr_assert_eq(vm_commit(space), 0);
	cr_assert_eq(program_byte(space, (uint64_t)shared + 2 * PAGE_SIZE, NULL), -1);
	vm_space_put(space);
	cr_assert_eq(mock.inode.mapped_shared, 0);
	mock_file_done(&mock);
	world_check_clean();
}

WORLD_TEST(vm_files, rights_of_the_descriptor, 4096)
{
	static struct mock_file mock;
	struct vm_space *space = vm_space_new("rights");
	int64_t at;

	mock_file_init(&mock, PAGE_SIZE, O_RDONLY);
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, RW, MAP_SHARED, &mock.file, 0), -EACCES);
	at = vm_mmap(space, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, &mock.file, 0);
	cr_assert_gt(at, 0);
	cr_assert_eq(vm_mprotect(space, (uint64_t)at, PAGE_SIZE, RW), -EACCES);
	at = vm_mmap(space, 0, PAGE_SIZE, RW, MAP_PRIVATE, &mock.file, 0);
	cr_assert_gt(at, 0);
	mock.file.flags = O_WRONLY;
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, &mock.file, 0), -EACCES);
	mock.file.flags = O_RDWR;
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, &mock.file, 100), -EINVAL);
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, &mock.file, UINT64_C(0xfffffffffffff000)),
	             -EOVERFLOW);
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, PROT_READ, 0, &mock.file, 0), -EINVAL);
	vm_space_put(space);
	mock_file_done(&mock);
	world_check_clean();
}

WORLD_TEST(vm_calls, bad_arguments, 4096)
{
	struct vm_space *space = vm_space_new("bad");
	int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

	cr_assert_eq(vm_mmap(space, 0, 0, RW, anonymous, NULL, 0), -EINVAL);
	cr_assert_eq(vm_mmap(space, 0, UINT64_MAX, RW, anonymous, NULL, 0), -ENOMEM);
	cr_assert_eq(vm_mmap(space, 0, EXO_USER_LIMIT, PROT_NONE, anonymous, NULL, 0), -ENOMEM);
	cr_assert_eq(vm_mmap(space, AT + 1, PAGE_SIZE, RW, anonymous | MAP_FIXED, NULL, 0), -EINVAL);
	cr_assert_eq(vm_mmap(space, 0, PAGE_SIZE, RW, anonymous | MAP_FIXED, NULL, 0), -EPERM);
	cr_assert_eq(vm_mmap(space, EXO_USER_LIMIT, PAGE_SIZE, RW, anonymous | MAP_FIXED, NULL, 0), -ENOMEM);
	cr_assert_eq(vm_mmap(space, UINT64_C(1) << 63, PAGE_SIZE, RW, anonymous | MAP_FIXED, NULL, 0), -ENOMEM);
	cr_assert_eq(vm_munmap(space, AT, 0), -EINVAL);
	cr_assert_eq(vm_munmap(space, AT + 1, PAGE_SIZE), -EINVAL);
	cr_assert_eq(vm_munmap(space, AT, UINT64_MAX), -EINVAL);
	cr_assert_eq(vm_munmap(space, UINT64_C(1) << 63, PAGE_SIZE), -EINVAL);
	cr_assert_eq(vm_mprotect(space, AT, PAGE_SIZE, RW), -ENOMEM);
	cr_assert_eq(vm_mprotect(space, AT, PAGE_SIZE, 0x100), -EINVAL);
	cr_assert_eq(vm_mprotect(space, AT, UINT64_MAX - 100, RW), -ENOMEM);
	cr_assert_eq(vm_madvise(space, AT, PAGE_SIZE, 12345), -EINVAL);
	cr_assert_eq(vm_madvise(space, AT, PAGE_SIZE, MADV_DONTNEED), -ENOMEM);
	cr_assert_eq(vm_mremap(space, AT, PAGE_SIZE, PAGE_SIZE * 2, MREMAP_MAYMOVE, 0), -EFAULT);
	cr_assert_eq(vm_mremap(space, AT, PAGE_SIZE, 0, MREMAP_MAYMOVE, 0), -EINVAL);
	cr_assert_eq(vm_mremap(space, AT, PAGE_SIZE, PAGE_SIZE, MREMAP_FIXED, AT), -EINVAL);
	cr_assert_eq(vm_msync(space, AT, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
	cr_assert_eq(vm_msync(space, AT, PAGE_SIZE, MS_SYNC), -ENOMEM);
	cr_assert_eq(vm_mincore(space, AT, PAGE_SIZE, AT), -ENOMEM);
	cr_assert_eq(vm_mincore(space, AT + 1, PAGE_SIZE, AT), -EINVAL);
	vm_space_put(space);
	world_check_clean();
}

WORLD_TEST(vm_calls, wild_pointers, 4096)
{
	static const uint64_t wild[] = { 0, 1, 4095, UINT64_MAX, UINT64_MAX - 4096, UINT64_C(1) << 63, EXO_USER_LIMIT,
		                         EXO_USER_LIMIT - 1, EXO_USER_LIMIT + 1, UINT64_C(0x800000000000) };
	struct vm_space *space = vm_space_new("wild");
	char buffer[64];
	const uint32_t *word;
	const void *from;
	uint32_t *changed;
	uint64_t key;
	void *ptr;

	for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		cr_assert_eq(user_read(space, buffer, wild[i], sizeof(buffer)), -EFAULT);
		cr_assert_eq(user_write(space, wild[i], buffer, sizeof(buffer)), -EFAULT);
		cr_assert_eq(user_zero(space, wild[i], sizeof(buffer)), -EFAULT);
		cr_assert_eq(user_string(space, buffer, wild[i], sizeof(buffer)), -EFAULT);
		cr_assert_eq(user_span_write(space, wild[i], sizeof(buffer), &ptr), -EFAULT);
		cr_assert_eq(user_span_read(space, wild[i], sizeof(buffer), &from), -EFAULT);
		cr_assert_lt(user_word_read(space, wild[i], &key, &word), 0);
		cr_assert_lt(user_word_write(space, wild[i], &key, &changed), 0);
	}
	vm_space_put(space);
	world_check_clean();
}

WORLD_TEST(vm_calls, stack_grows_to_its_limit, 4096)
{
	struct vm_space *space = vm_space_new("stack");
	int64_t top = vm_stack_create(space, 64 * PAGE_SIZE);
	uint64_t word = 1;

	cr_assert_eq(top, (int64_t)EXO_USER_LIMIT);
	for (uint64_t n = 1; n <= 64; n++)
		cr_assert_eq(user_write(space, (uint64_t)top - n * PAGE_SIZE, &word, sizeof(word)), 0);
	cr_assert_eq(user_write(space, (uint64_t)top - 65 * PAGE_SIZE, &word, sizeof(word)), -EFAULT);
	vm_space_put(space);
	world_check_clean();
}

WORLD_TEST(vm_calls, break_and_limits, 4096)
{
	struct vm_space *space = vm_space_new("brk");
	uint64_t word = 7, zero = 1;

	vm_set_brk(space, AT + 5);
	cr_assert_eq(vm_brk(space, 0), (int64_t)(AT + PAGE_SIZE));
	cr_assert_eq(vm_brk(space, AT + PAGE_SIZE + 100), (int64_t)(AT + PAGE_SIZE + 100));
	cr_assert_eq(user_write(space, AT + PAGE_SIZE, &word, sizeof(word)), 0);
	cr_assert_eq(vm_brk(space, AT + PAGE_SIZE), (int64_t)(AT + PAGE_SIZE));
	cr_assert_eq(user_write(space, AT + PAGE_SIZE, &word, sizeof(word)), -EFAULT);
	cr_assert_eq(vm_brk(space, AT + 40 * PAGE_SIZE), (int64_t)(AT + 40 * PAGE_SIZE));
	cr_assert_eq(user_read(space, &zero, AT + PAGE_SIZE, sizeof(zero)), 0);
	cr_assert_eq(zero, 0, "memory that came back is new");
	vm_set_limits(space, UINT64_MAX, 50 * PAGE_SIZE, STACK_GAP_MIN);
	cr_assert_eq(vm_brk(space, AT + 60 * PAGE_SIZE), (int64_t)(AT + 40 * PAGE_SIZE));
	vm_set_limits(space, 50 * PAGE_SIZE, UINT64_MAX, STACK_GAP_MIN);
	cr_assert_eq(vm_mmap(space, 0, 20 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0), -ENOMEM);
	cr_assert_gt(vm_mmap(space, 0, 10 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0), 0);
	vm_space_put(space);
	world_check_clean();
}

/* Programs eat all they can; each is told so, and what it had comes back. */
WORLD_TEST(vm_calls, exhaustion, 2048)
{
	for (int round = 0; round < 3; round++) {
		struct vm_space *space = vm_space_new("eater");
		int64_t at = vm_mmap(space, 0, 64 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
		uint64_t word = 1, done = 0;
		int r = 0;

		cr_assert_gt(at, 0);
		while (done < 64 << 20 && (r = user_write(space, (uint64_t)at + done, &word, sizeof(word))) == 0)
			done += PAGE_SIZE;
		cr_assert_eq(r, -ENOMEM);
		cr_assert_gt(done, 2048 * PAGE_SIZE / 2);
		cr_assert_null(vm_space_fork(space, "child"), "no room for a second zone");
		vm_space_put(space);
	}
	world_check_clean();
}

/* Memory ends at every point of fork, mmap, mremap and a write in turn: each says so, and nothing is lost. */
WORLD_TEST(vm_calls, memory_ends_anywhere, 2048)
{
	for (uint64_t left = 0; left < 120; left++) {
		struct vm_space *space = vm_space_new("parent"), *child;
		int64_t at = vm_mmap(space, AT, 60 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
		exo_frame_t last = FRAME_NONE, frame;
		uint64_t word = 1;

		cr_assert_eq(at, (int64_t)AT);
		for (uint64_t i = 0; i < 60; i += 2)
			cr_assert_eq(user_write(space, AT + i * PAGE_SIZE, &i, sizeof(i)), 0);
		cr_assert_eq(vm_commit(space), 0);
		while (libos.frames.free_count > libos.frames.reserve + left && (frame = frame_alloc()) != FRAME_NONE) {
			*(exo_frame_t *)frame_ptr(frame) = last;
			last = frame;
		}
		child = vm_space_fork(space, "child");
		if (child != NULL) {
			(void)vm_commit(child);
			(void)vm_commit(space);
			for (uint64_t i = 0; i < 60; i += 2) {
				int r = user_write(child, AT + i * PAGE_SIZE, &word, sizeof(word));

				cr_assert(r == 0 || r == -ENOMEM);
			}
		}
		for (uint64_t i = 0; i < 60; i += 2) {
			cr_assert_eq(user_read(space, &word, AT + i * PAGE_SIZE, sizeof(word)), 0);
			cr_assert_eq(word, i);
		}
		at = vm_mremap(space, AT, 60 * PAGE_SIZE, 90 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, AT << 12);
		cr_assert(at == -ENOMEM || at == (int64_t)(AT << 12));
		at = at < 0 ? (int64_t)AT : at;
		(void)vm_commit(space);
		for (uint64_t i = 0; i < 60; i += 2) {
			cr_assert_eq(user_read(space, &word, (uint64_t)at + i * PAGE_SIZE, sizeof(word)), 0);
			cr_assert_eq(word, i);
		}
		if (child != NULL)
			vm_space_put(child);
		vm_space_put(space);
		for (; last != FRAME_NONE; last = frame) {
			frame = *(exo_frame_t *)frame_ptr(last);
			frame_put(last);
		}
		world_check_clean();
	}
}

/* Scattered pages need page tables of ours and of the kernel: the fund grows, and all of it returns. */
WORLD_TEST(vm_calls, sparse_memory_pays_for_its_tables, 4096)
{
	struct vm_space *space = vm_space_new("sparse");
	uint64_t word = 1, touched = 0;

	for (uint64_t i = 1; i < 600; i++) {
		uint64_t at = i << 32;

		if (vm_mmap(space, at, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) < 0)
			break;
		if (user_write(space, at, &word, sizeof(word)) != 0 || vm_commit(space) != 0)
			break;
		touched++;
	}
	cr_assert_gt(touched, 100);
	cr_assert_gt(space->fund_count, 1);
	vm_space_put(space);
	world_check_clean();
}

WORLD_TEST(vm_calls, futex_keys, 4096)
{
	struct vm_space *space = vm_space_new("futex"), *child;
	int64_t private = vm_mmap(space, 0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	int64_t shared = vm_mmap(space, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	uint64_t key[5];
	const uint32_t *word;
	uint32_t *changed;

	cr_assert_eq(user_word_read(space, (uint64_t)private + 8, &key[0], &word), 0);
	cr_assert_eq(user_word_read(space, (uint64_t)shared + 8, &key[1], &word), 0);
	cr_assert_eq(user_word_write(space, (uint64_t)shared + 8, &key[4], &changed), 0);
	cr_assert_eq(key[1], key[4], "looked at or changed, it is the same word");
	*changed = 77;
	child = vm_space_fork(space, "child");
	cr_assert_eq(user_word_read(child, (uint64_t)private + 8, &key[2], &word), 0);
	cr_assert_eq(user_word_read(child, (uint64_t)shared + 8, &key[3], &word), 0);
	cr_assert_eq(*word, 77);
	cr_assert_neq(key[0], key[2], "private words are apart");
	cr_assert_eq(key[1], key[3], "shared words are one");
	cr_assert_eq(user_word_read(space, (uint64_t)shared + 2, &key[0], &word), -EINVAL);
	cr_assert_eq(vm_mprotect(space, (uint64_t)shared, PAGE_SIZE, PROT_READ), 0);
	cr_assert_eq(user_word_read(space, (uint64_t)shared + 8, &key[4], &word), 0);
	cr_assert_eq(key[1], key[4]);
	cr_assert_eq(user_word_write(space, (uint64_t)shared + 8, &key[4], &changed), -EFAULT, "read-only is not written");
	vm_space_put(space);
	vm_space_put(child);
	world_check_clean();
}

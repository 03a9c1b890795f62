/*
 * Memory calls that make two or three mistakes at once: which one Linux tells first; and those that look wrong and are not.
 * The window is a piece of the address space that nothing else uses.
 */
#include "../check.h"

#define PAGE   4096UL
#define WINDOW UINT64_C(0x1000000000)
#define AT(n)  ((char *)(WINDOW + (n) * PAGE))
#define PAST   UINT64_C(0x7ffffffff000)
#define ANON   (MAP_PRIVATE | MAP_ANONYMOUS)
#define MAP(at, pages, prot, flags) syscall(SYS_mmap, at, (pages) * PAGE, prot, flags, -1L, 0L)
#define MOVE(...)                   syscall(SYS_mremap, __VA_ARGS__)
#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static int f, null, dir, path, only_write;

/* An area of `pages` pages at AT(n), and nothing for some pages around. */
static char *area(int n, int pages, int prot, int flags)
{
	munmap(AT(0), 64 * PAGE);
	return (char *)MAP(AT(n), pages, prot, ANON | MAP_FIXED | flags);
}

static void map_arguments(void)
{
	FAILS("mmap: droppable memory that grows down", EINVAL,
	      syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
	FAILS("mmap: no length, no file", EBADF, syscall(SYS_mmap, 0L, 0L, 3L, MAP_PRIVATE, 99L, 0L));
	FAILS("mmap: odd offset, no file", EINVAL, syscall(SYS_mmap, 0L, 4096L, 3L, MAP_PRIVATE, 99L, 1L));
	FAILS("mmap: no length, no type", EINVAL, syscall(SYS_mmap, 0L, 0L, 3L, MAP_ANONYMOUS, -1L, 0L));
	FAILS("mmap: too long, no type", ENOMEM, syscall(SYS_mmap, 0L, -4096L, 3L, MAP_ANONYMOUS, -1L, 0L));
	FAILS("mmap: past the end, no type", ENOMEM, MAP(PAST, 2, 3, MAP_ANONYMOUS | MAP_FIXED));
	FAILS("mmap: odd address past the end", ENOMEM, MAP(PAST + 1, 1, 3, ANON | MAP_FIXED));
	FAILS("mmap: odd address, no type", EINVAL, MAP(WINDOW + 1, 1, 3, MAP_ANONYMOUS | MAP_FIXED));
	FAILS("mmap: the last address", EPERM, MAP(-1L, 1, 3, ANON | MAP_FIXED));
	FAILS("mmap: an address that looks like EEXIST", EEXIST, MAP(-17L, 1, 3, ANON | MAP_FIXED));
	FAILS("mmap: past the end, a file that cannot be mapped", ENOMEM, syscall(SYS_mmap, PAST, 4097L, 3L, MAP_PRIVATE | MAP_FIXED, null, 0L));
	FAILS("mmap: too far into what cannot be mapped", ENODEV, syscall(SYS_mmap, 0L, 4096L, 0L, MAP_PRIVATE, null, INT64_MIN));
	FAILS("mmap: too far into a file, no type", EOVERFLOW, syscall(SYS_mmap, 0L, 4096L, 0L, 0L, f, INT64_MIN));
	FAILS("mmap: a folder, to write", EACCES, syscall(SYS_mmap, 0L, 4096L, 2L, MAP_SHARED, dir, 0L));
	FAILS("mmap: a folder, to read", ENODEV, syscall(SYS_mmap, 0L, 4096L, 1L, MAP_SHARED, dir, 0L));
	FAILS("mmap: a path only, no length", EBADF, syscall(SYS_mmap, 0L, 0L, 1L, MAP_SHARED, path, 0L));
	FAILS("mmap: for writing only", EACCES, syscall(SYS_mmap, 0L, 4096L, 2L, MAP_SHARED, only_write, 0L));
	FAILS("mmap: validated flags before access", EOPNOTSUPP, syscall(SYS_mmap, WINDOW, 4096L, 2L, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, only_write, 0L));
	FAILS("mmap: growing down, a file that cannot be mapped", ENODEV, syscall(SYS_mmap, 0L, 4096L, 1L, MAP_PRIVATE | MAP_GROWSDOWN, null, 0L));
	FAILS("mmap: growing down, a file", EINVAL, syscall(SYS_mmap, 0L, 4096L, 1L, MAP_PRIVATE | MAP_GROWSDOWN, f, 0L));
	FAILS("mmap: shared and growing down", EINVAL, MAP(0, 1, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN));
	FAILS("mmap: huge pages of a file, no length", EINVAL, syscall(SYS_mmap, 0L, 0L, 1L, MAP_PRIVATE | MAP_HUGETLB, f, 0L));
	FAILS("mmap: huge pages of an odd size", EINVAL, MAP(0, 1, 3, ANON | MAP_HUGETLB | 3 << 26));
	FAILS("mmap: something is there, no type", EEXIST, (area(1, 1, 3, 0), MAP(AT(1), 1, 3, MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)));
	FAILS("mmap: huge pages of an odd size, too long", EINVAL, syscall(SYS_mmap, 0L, -4096L, 3L, ANON | MAP_HUGETLB | 3 << 26, -1L, 0L));
	FAILS("mmap: the last page of what cannot be mapped", EOVERFLOW, syscall(SYS_mmap, 0L, 4096L, 1L, MAP_PRIVATE, null, -4096L));
	CHECK("mmap: a hint below a stack's distance is not taken", (area(7, 1, 3, MAP_GROWSDOWN), MAP(AT(1), 4, 3, ANON)) != (long)AT(1));
	CHECK("mmap: a fixed place there is", MAP(AT(1), 4, 3, ANON | MAP_FIXED) == (long)AT(1));
	CHECK("mmap: a hint with a remainder", (area(0, 1, 3, 0), MAP(WINDOW + 4 * PAGE + 7, 1, 3, ANON)) == (long)AT(4));
}

static void stacks(void)
{
	area(12, 1, 3, MAP_GROWSDOWN);
	MAP(AT(4), 1, 0, ANON | MAP_FIXED);
	CHECK("a stack grows near what nobody can access", (*AT(11) = 1) == 1 && *AT(5) == 0);
	area(12, 1, 3, MAP_GROWSDOWN);
	MAP(AT(4), 1, 3, ANON | MAP_FIXED | MAP_GROWSDOWN);
	CHECK("and near another stack", (*AT(5) = 1) == 1);
	area(1, 2, 3, MAP_GROWSDOWN);
	CHECK("what was moved still grows", MOVE(AT(1), 2 * PAGE, 2 * PAGE, 3, AT(20)) == (long)AT(20) && (*AT(10) = 1) == 1);
}

static void moves(void)
{
	char *m = area(1, 4, 3, 0);

	FAILS("mremap: flags, odd address", EINVAL, MOVE(m + 1, 4096, 4096, 8, 0));
	FAILS("mremap: unmapped, no new length", EINVAL, MOVE(AT(40), 4096, 0, 0, 0));
	FAILS("mremap: unmapped, an odd place", EINVAL, MOVE(AT(40), 4096, 4096, 3, WINDOW + 1));
	FAILS("mremap: unmapped, fixed and not moving", EINVAL, MOVE(AT(40), 4096, 4096, 2, WINDOW));
	FAILS("mremap: unmapped, kept with another length", EINVAL, MOVE(AT(40), 4096, 8192, 5, 0));
	FAILS("mremap: unmapped, past the end", EINVAL, MOVE(AT(40), 4096, 4096, 3, PAST));
	FAILS("mremap: nothing of what is private", EINVAL, MOVE(m, 0, 4096, 1, 0));
	FAILS("mremap: longer than the area", EFAULT, MOVE(m, 5 * 4096, 6 * 4096, 1, 0));
	CHECK("mremap: kept, the place is a hint", MOVE(m, 4096, 4096, 5, AT(20)) == (long)AT(20));
	CHECK("mremap: kept, a place that is taken", (m = area(1, 4, 3, 0), MOVE(m, 4096, 4096, 5, AT(2))) != (long)AT(2));
	m = area(1, 4, 3, 0), MAP(AT(2), 1, 1, ANON | MAP_FIXED);
	FAILS("mremap: several areas, shrinking to more than the first", EFAULT, MOVE(m, 4 * 4096, 3 * 4096, 3, AT(20)));
	CHECK("mremap: several areas, shrinking to the first", MOVE(m, 4 * 4096, 4096, 3, AT(20)) == (long)AT(20));
	m = area(1, 4, 3, 0), MAP(AT(2), 1, 1, ANON | MAP_FIXED);
	CHECK("mremap: several areas, as long as before", MOVE(m, 4 * 4096, 4 * 4096, 3, AT(20)) == (long)AT(20) && (*AT(22) = 1) == 1);
	FAILS("mremap: it begins with a hole", EFAULT, MOVE(AT(19), 3 * 4096, 3 * 4096, 3, AT(40)));
	m = (char *)MAP(AT(30), 1, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED);
	FAILS("mremap: nothing of what is shared, not moving", ENOMEM, MOVE(m, 0, 4096, 0, 0));
	CHECK("mremap: nothing of what is shared, twice", (*m = 5) == 5 && *(char *)MOVE(m, 0, 4096, 1, 0) == 5);
}

static void advice(void)
{
	char *m = area(1, 2, 3, 0);

	FAILS("madvise: no such advice, odd address", EINVAL, madvise(m + 1, 4096, 999));
	FAILS("madvise: no such advice, nothing there", EINVAL, madvise(AT(40), 4096, 999));
	FAILS("madvise: private memory, then a hole", EINVAL, madvise(m, 16 * 4096, MADV_REMOVE));
	FAILS("madvise: a hole first", EINVAL, madvise(AT(0), 4096 * 4, MADV_REMOVE));
	FAILS("madvise: around the end", EINVAL, madvise(m, SIZE_MAX - 4095, MADV_NORMAL));
	CHECK("madvise: nothing of nothing", madvise(AT(40), 0, MADV_NORMAL) == 0);
	FAILS("msync: both ways, odd address", EINVAL, msync(m + 1, 4096, MS_SYNC | MS_ASYNC));
	FAILS("msync: no such flag, nothing there", EINVAL, msync(AT(40), 4096, 64));
	FAILS("msync: around the end", ENOMEM, msync(m, SIZE_MAX - 4095, MS_ASYNC));
	FAILS("mincore: odd address, no memory", EINVAL, syscall(SYS_mincore, m + 1, 4096, -1L));
	FAILS("mincore: past the end, no memory", ENOMEM, syscall(SYS_mincore, PAST, 8192, -1L));
	CHECK("mincore: nothing of nothing", syscall(SYS_mincore, PAST, 0, m) == 0);
	FAILS("munmap: no length, odd address", EINVAL, munmap(m + 1, 0));
	FAILS("munmap: past the end", EINVAL, munmap((void *)PAST, 8192));
	FAILS("mprotect: odd address, no such protection", EINVAL, mprotect(m + 1, 4096, 0x100));
	CHECK("mprotect: nothing, no such protection", mprotect(m, 0, 0x100) == 0);
	FAILS("mprotect: a protection that no int holds", EINVAL, syscall(SYS_mprotect, m, 4096, UINT64_C(0x100000001)));
	FAILS("mprotect: nothing there, up and down", EINVAL, mprotect(AT(40), 4096, 0x3000000));
}

int main(void)
{
	f = open("f", O_CREAT | O_RDWR, 0644), only_write = open("f", O_WRONLY), path = open("f", O_PATH);
	null = open("/dev/null", O_RDWR), dir = open(".", O_RDONLY);
	CHECK("files", ftruncate(f, 8192) == 0 && only_write >= 0 && path >= 0 && null >= 0 && dir >= 0);
	map_arguments();
	stacks();
	moves();
	advice();
	DONE();
}

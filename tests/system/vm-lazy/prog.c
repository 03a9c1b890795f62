/* Demand paging: a large sparse mapping costs only what is touched; fork of it too. */
#include "check.h"
int main(void)
{
	size_t size = 1UL << 32;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pid_t child;
	int bad = 0;

	CHECK("4 GiB of address space", p != MAP_FAILED);
	for (size_t i = 0; i < size; i += size / 64)
		p[i + 12345] = (char)(i >> 26);
	for (size_t i = 0; i < size; i += size / 64)
		bad += p[i + 12345] != (char)(i >> 26) || p[i] != 0;
	CHECK("64 pages of it", bad == 0);
	if ((child = fork()) == 0) {
		for (size_t i = 0; i < size; i += size / 64)
			bad += p[i + 12345] != (char)(i >> 26);
		p[size - 1] = 1;
		_exit(bad);
	}
	CHECK("a child sees them", EXITED(wait_status(child), 0) && p[size - 1] == 0);
	CHECK("munmap all", munmap(p, size) == 0);
	for (int i = 0; i < 200; i++) {
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, i, 1 << 20);
		bad += p[12345] != (char)i || munmap(p, 1 << 20) != 0;
	}
	CHECK("a megabyte, two hundred times", bad == 0);
	char *many[2000];
	for (int i = 0; i < 2000; i++) {
		many[i] = mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		bad += many[i] == MAP_FAILED;
		if (i % 2 == 0)
			many[i][0] = (char)i;
	}
	for (int i = 0; i < 2000; i += 2)
		bad += many[i][0] != (char)i;
	for (int i = 0; i < 2000; i++)
		bad += munmap(many[i], 4096) != 0;
	CHECK("two thousand mappings", bad == 0);
	DONE();
}

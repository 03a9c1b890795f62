/* MAP_SHARED: anonymous across fork, of a file, msync, writes seen through read(). */
#include "check.h"
int main(void)
{
	int f, bad = 0;
	volatile int *s = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char buf[16], *a, *b;
	pid_t child;

	CHECK("shared anonymous memory", s != MAP_FAILED && s[5000] == 0);
	if ((child = fork()) == 0) {
		s[0] = 111;
		s[16000] = 222;
		if (fork() == 0) {
			s[1] = 333;
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait_status(child);
	CHECK("child's and grandchild's writes are seen", s[0] == 111 && s[16000] == 222 && s[1] == 333);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			for (int k = 0; k < 10000; k++)
				__atomic_add_fetch(&s[100], 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		wait(NULL);
	CHECK("atomic counters", s[100] == 40000);

	f = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ftruncate(f, 8192);
	a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	b = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 4096);
	CHECK("shared file mapping", a != MAP_FAILED && b != MAP_FAILED);
	memcpy(a + 4096, "through memory", 14);
	CHECK("seen by the other mapping", !memcmp(b, "through memory", 14));
	CHECK("seen by read", pread(f, buf, 14, 4096) == 14 && !memcmp(buf, "through memory", 14));
	CHECK("write is seen by the mapping", pwrite(f, "FILE", 4, 4096) == 4 && !memcmp(b, "FILEugh", 7));
	CHECK("msync", msync(a, 8192, MS_SYNC) == 0);
	FAILS("msync flags", EINVAL, msync(a, 8192, MS_SYNC | MS_ASYNC));
	if ((child = fork()) == 0) {
		a[0] = 'C';
		_exit(0);
	}
	wait_status(child);
	CHECK("file mapping is shared over fork", a[0] == 'C');
	munmap(a, 8192);
	CHECK("it lasts", pread(f, buf, 1, 0) == 1 && buf[0] == 'C');
	int r = open("f", O_RDONLY);
	FAILS("writable and shared needs a writable file", EACCES, (bad = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, r, 0) == MAP_FAILED) ? -1 : 0);
	a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, r, 0);
	a[0] = 'P';
	CHECK("private writes stay private", pread(f, buf, 1, 0) == 1 && buf[0] == 'C');
	unlink("f");
	CHECK("mappings outlive the name", b[0] == 'F');
	DONE();
}

/* Copy-on-write: parent and child write after fork, chains, many pages, kernel writes into shared pages. */
#include "check.h"
enum { PAGES = 300, PAGE = 4096 };

static int verify(const unsigned char *m, int tag)
{
	int bad = 0;

	for (int i = 0; i < PAGES; i++)
		bad += m[i * PAGE] != (unsigned char)(i + tag) || m[i * PAGE + PAGE - 1] != (unsigned char)(i * 3 + tag);
	return bad;
}

static void fill(unsigned char *m, int tag)
{
	for (int i = 0; i < PAGES; i++) {
		m[i * PAGE] = (unsigned char)(i + tag);
		m[i * PAGE + PAGE - 1] = (unsigned char)(i * 3 + tag);
	}
}

int main(void)
{
	unsigned char *m = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2], q[2], f;
	char c;
	pid_t child, kids[8];

	fill(m, 1);
	pipe(p);
	pipe(q);
	if ((child = fork()) == 0) {
		int bad = verify(m, 1);
		fill(m, 2);
		bad += verify(m, 2);
		write(p[1], "w", 1);
		read(q[0], &c, 1);
		_exit(bad + verify(m, 2) ? 1 : 0);
	}
	read(p[0], &c, 1);
	CHECK("the child's writes are its own", verify(m, 1) == 0);
	fill(m, 3);
	write(q[1], "g", 1);
	CHECK("the parent's are too", EXITED(wait_status(child), 0) && verify(m, 3) == 0);

	for (int k = 0; k < 8; k++)
		if ((kids[k] = fork()) == 0) {
			for (int round = 0; round < 5; round++) {
				fill(m, k * 10 + round);
				if (verify(m, k * 10 + round))
					_exit(1);
			}
			_exit(0);
		}
	int good = 0;
	for (int k = 0; k < 8; k++)
		good += EXITED(wait_status(kids[k]), 0);
	CHECK("eight children write all over", good == 8 && verify(m, 3) == 0);

	/* Each generation changes one page and sees all its ancestors' changes. */
	int depth = 0;
	while (depth < 30 && (child = fork()) == 0) {
		depth++;
		m[depth * PAGE + 7] = (unsigned char)depth;
	}
	int bad = verify(m, 3);
	for (int i = 1; i <= 30; i++)
		bad += m[i * PAGE + 7] != (i <= depth ? i : 0);
	if (depth < 30) {
		int st = wait_status(child);
		bad += !EXITED(st, 0);
	}
	if (depth > 0)
		_exit(bad != 0);
	CHECK("a chain of thirty", bad == 0);

	f = open("f", O_RDWR | O_CREAT, 0600);
	memset(m + 10, 'k', 100);
	write(f, m + 10, 100);
	if ((child = fork()) == 0) {
		lseek(f, 0, SEEK_SET);
		memset(m + 10, 0, 1);
		_exit(read(f, m + PAGE * 5 + 4000, 100) != 100);
	}
	wait_status(child);
	CHECK("read() into a shared page copies it first", m[PAGE * 5 + 4000] == 0 && m[10] == 'k' && verify(m, 3) == 0);
	if ((child = fork()) == 0) {
		munmap(m + PAGE * 2, PAGE * 200);
		_exit(0);
	}
	wait_status(child);
	CHECK("munmap in the child leaves mine", verify(m, 3) == 0);
	for (int i = 0; i < 50; i++) {
		if ((child = fork()) == 0) {
			m[i * PAGE] ^= 0xff;
			_exit(0);
		}
		m[i * PAGE + 9] = 1;
		wait_status(child);
	}
	CHECK("fork and touch, fifty times", verify(m, 3) == 0);
	DONE();
}

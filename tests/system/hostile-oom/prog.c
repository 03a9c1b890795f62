/* All of the system's memory is eaten: the eater fails or dies, the system lives on and gets it back. */
#include "check.h"
int main(void)
{
	int good = 0;

	for (int round = 0; round < 3; round++) {
		pid_t child = fork();
		if (child == 0) {
			for (size_t i = 0; i < 64 << 10; i++) {
				char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				if (p == MAP_FAILED)
					_exit(10);
				memset(p, 1, 1 << 20);
			}
			_exit(1);
		}
		int st = wait_status(child);
		good += EXITED(st, 10) || KILLED(st, SIGKILL) || KILLED(st, SIGSEGV) || KILLED(st, SIGBUS);
		good += WEXITSTATUS(system("exit 4")) == 4;
	}
	CHECK("three times, and a shell works after each", good == 6);
	int f = open("/tmp/big", O_CREAT | O_RDWR, 0600);
	static char block[1 << 20];
	/* The last write before the end may be a short one. */
	while (write(f, block, sizeof block) > 0)
		;
	CHECK("a file system without room: ENOSPC or ENOMEM", errno == ENOSPC || errno == ENOMEM);
	close(f);
	CHECK("and room again after unlink", unlink("/tmp/big") == 0 && WEXITSTATUS(system("seq 10000 >/tmp/x && rm /tmp/x && exit 5")) == 5);
	DONE();
}

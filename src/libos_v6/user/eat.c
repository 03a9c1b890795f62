/* eat [MB]: takes memory until there is none (or so much), gives it back, takes it again; processes likewise. */
#include "lib.h"

static int eat(long most)
{
	long pages = 0;
	char *at;

	for (; pages < most && (at = sbrk(4096)) != (char *)-1; pages++)
		at[0] = at[4095] = 1;
	return (int)pages;
}

int main(int argc, char **argv)
{
	long most = argc > 1 ? atol(argv[1]) * 256 : 1 << 20;
	int first = eat(most), second, children = 0, status;

	sbrk(-(long)first * 4096);
	second = eat(most);
	print(1, "memory: %s\n", first > 0 && first == second ? "the same twice" : "not the same");
	sbrk(-(long)second * 4096);
	for (;; children++) {
		int pid = fork();

		if (pid == 0)
			sleep(100);
		if (pid < 0)
			break;
	}
	print(1, "processes: %s\n", children > 2 ? "many" : "few");
	for (int pid = getpid() + 1; pid <= getpid() + children; pid++)
		kill(pid, V6_SIGKILL);
	while (wait(&status) > 0)
		children -= status == V6_SIGKILL;
	print(1, "left: %d\n", children);
	return 0;
}

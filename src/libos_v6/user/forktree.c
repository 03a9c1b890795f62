/* forktree DEPTH: a process forks two, each of these two more, and so on; the number of leaves comes up by exit statuses.
 * No leaf ends before all are there: that is when all that still fork have let go of the pipe. */
#include "lib.h"

static int gate[2];

static int grow(int depth)
{
	int leaves = 0, status;

	if (depth == 0) {
		char none;

		close(gate[1]);
		read(gate[0], &none, 1);
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		int pid = fork();

		if (pid < 0) {
			print(2, "forktree: %s\n", error_text(pid));
			exit(1);
		}
		if (pid == 0)
			exit(grow(depth - 1));
	}
	close(gate[1]);
	while (wait(&status) > 0)
		leaves += status >> 8;
	return leaves;
}

int main(int argc, char **argv)
{
	pipe(gate);
	print(1, "%d leaves\n", grow(argc > 1 ? (int)atol(argv[1]) : 3));
	return 0;
}

/* Orphans get process 1 as their parent; their pipes stay open; SIGCHLD goes to the parent. */
#include "check.h"
static volatile sig_atomic_t chld;
static void on_chld(int sig) { (void)sig; chld++; }

int main(void)
{
	int p[2];
	char c = 0;
	pid_t child;

	pipe(p);
	signal(SIGCHLD, on_chld);
	if ((child = fork()) == 0) {
		if (fork() == 0) {
			close(p[0]);
			for (int i = 0; i < 200 && getppid() != 1; i++)
				pause_ms(10);
			c = getppid() == 1 ? 'y' : 'n';
			write(p[1], &c, 1);
			_exit(0);
		}
		_exit(0);
	}
	close(p[1]);
	CHECK("the middle one left", EXITED(wait_status(child), 0));
	CHECK("SIGCHLD for it", chld == 1);
	CHECK("the orphan's parent is 1", read(p[0], &c, 1) == 1 && c == 'y');
	CHECK("and its end closes the pipe", read(p[0], &c, 1) == 0);
	CHECK("no SIGCHLD for a grandchild", chld == 1);
	FAILS("nor is it mine to wait for", ECHILD, wait(NULL));
	DONE();
}

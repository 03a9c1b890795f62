/* A fork bomb ends in EAGAIN, and the system works as before afterwards. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	int n = 0, failed = 0, go[2];
	char c;
	pid_t bomb;
	struct rlimit rl;

	pipe(go);
	if ((bomb = fork()) == 0) {
		/* On Linux the limit counts for plain users only. */
		setgid(1000);
		if (setuid(1000) && getuid() != 0)
			_exit(9);
		setrlimit(RLIMIT_NPROC, &(struct rlimit){ 200, 200 });
		getrlimit(RLIMIT_NPROC, &rl);
		for (n = 0; n < 100000; n++) {
			pid_t p = fork();
			if (p < 0) {
				failed = errno;
				break;
			}
			if (p == 0) {
				close(go[1]);
				read(go[0], &c, 1);
				_exit(0);
			}
		}
		close(go[1]);
		int reaped = 0;
		while (wait(NULL) > 0)
			reaped++;
		_exit(!(failed == EAGAIN && n > 20 && n <= 200 && reaped == n));
	}
	close(go[0]);
	/* The bomb closes its own write end; the children's live until ours goes. */
	pause_ms(300);
	close(go[1]);
	CHECK("EAGAIN, and all are reaped", EXITED(wait_status(bomb), 0));
	if ((bomb = fork()) == 0)
		_exit(3);
	CHECK("fork works again", EXITED(wait_status(bomb), 3));
	CHECK("so does a shell", WEXITSTATUS(system("exit 4")) == 4);
	DONE();
}

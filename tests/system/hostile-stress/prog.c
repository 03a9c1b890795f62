/* Many processes, pipes, files and signals at once; everything adds up. */
#include "check.h"
static volatile sig_atomic_t hits;
static void hit(int sig) { (void)sig; hits++; }

int main(void)
{
	int p[2], n = 0, total = 0, st;
	char c;

	signal(SIGUSR1, hit);
	for (int round = 0; round < 10; round++) {
		pipe(p);
		for (int i = 0; i < 20; i++)
			if (fork() == 0) {
				char name[32];
				hits = 0;
				snprintf(name, sizeof name, "s-%d-%d", round, i);
				int f = open(name, O_CREAT | O_RDWR, 0600);
				char *m = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				memset(m, i, 100000);
				write(f, m, 100000);
				kill(getpid(), SIGUSR1);
				lseek(f, 0, SEEK_SET);
				int bad = read(f, m, 100000) != 100000 || m[99999] != i || hits != 1;
				unlink(name);
				kill(getppid(), SIGUSR1);
				write(p[1], "x", 1);
				_exit(bad);
			}
		close(p[1]);
		for (;;) {
			ssize_t got = read(p[0], &c, 1);
			if (got == 1)
				n++;
			else if (got == 0 || errno != EINTR)
				break;
		}
		close(p[0]);
		for (int i = 0; i < 20; i++) {
			pid_t w;
			while ((w = wait(&st)) < 0 && errno == EINTR)
				;
			total += EXITED(st, 0);
		}
		hits = 0;
	}
	CHECK("two hundred processes did their work", total == 200 && n == 200);
	DONE();
}

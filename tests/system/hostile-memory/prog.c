/* Memory exhaustion: ENOMEM or death of the one program; the system lives on. */
#include "check.h"
#include <sys/resource.h>

__attribute__((noinline)) static int far_below(void)
{
	volatile char far[1 << 20];

	far[0] = 1;
	return far[0];
}

int main(void)
{
	pid_t child;
	int st;

	if ((child = fork()) == 0) {
		setrlimit(RLIMIT_AS, &(struct rlimit){ 64 << 20, 64 << 20 });
		size_t got = 0;
		while (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED && got < 1000)
			got++;
		CHECK("mmap stops at RLIMIT_AS", errno == ENOMEM && got > 10 && got < 64);
		CHECK("malloc does too", malloc(10 << 20) == NULL);
		_exit(check_failures != 0);
	}
	CHECK("with RLIMIT_AS", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		setrlimit(RLIMIT_DATA, &(struct rlimit){ 8 << 20, 8 << 20 });
		_exit(sbrk(64 << 20) == (void *)-1 && errno == ENOMEM ? 0 : 1);
	}
	CHECK("brk stops at RLIMIT_DATA", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		setrlimit(RLIMIT_STACK, &(struct rlimit){ 256 << 10, 256 << 10 });
		_exit(far_below());
	}
	st = wait_status(child);
	CHECK("a stack beyond its limit", KILLED(st, SIGSEGV));
	CHECK("the parent is well", malloc(1 << 20) != NULL);
	DONE();
}

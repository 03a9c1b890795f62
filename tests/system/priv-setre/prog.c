/* setreuid, setregid, setresuid, setresgid, setuid, setgid, setfsuid, setfsgid: who may choose what, and which ids become what. */
#include "check.h"
#include <sys/fsuid.h>

static const unsigned ids[] = { 0, 1000, 1001, 1002, -1u };
#define IDS (sizeof ids / sizeof *ids)
enum { SETRE, SETRES, SET, SETFS, CALLS };
static const char *const names[CALLS][2] = { { "setreuid", "setregid" }, { "setresuid", "setresgid" }, { "setuid", "setgid" }, { "setfsuid", "setfsgid" } };
static const long numbers[CALLS][2] = { { SYS_setreuid, SYS_setregid }, { SYS_setresuid, SYS_setresgid }, { SYS_setuid, SYS_setgid }, { SYS_setfsuid, SYS_setfsgid } };

/* In a child with these ids; group: the groups are tried, else the users. Prints what came of it, in one line for all calls of a kind. */
static void tries(int call, int group, const unsigned have[3], uint64_t *sum, unsigned *refused, unsigned *done)
{
	unsigned n = call == SETRE ? IDS * IDS : call == SETRES ? IDS * IDS * IDS : IDS;
	int p[2];

	if (pipe(p))
		exit(99);
	for (unsigned i = 0; i < n; i++) {
		unsigned got[5] = { 0 };
		pid_t pid = fork();

		if (pid == 0) {
			unsigned a = ids[i % IDS], b = ids[i / IDS % IDS], c = ids[i / IDS / IDS];
			if (syscall(SYS_setresgid, have[0], have[1], have[2]) || syscall(SYS_setresuid, have[0], have[1], have[2]))
				_exit(98);
			errno = 0;
			got[3] = (unsigned)syscall(numbers[call][group], a, b, c);
			if (got[3] == -1u)
				got[3] = 0x10000u + (unsigned)errno;
			syscall(group ? SYS_getresgid : SYS_getresuid, &got[0], &got[1], &got[2]);
			got[4] = (unsigned)syscall(group ? SYS_setfsgid : SYS_setfsuid, -1);
			_exit(write(p[1], got, sizeof got) != sizeof got);
		}
		if (read(p[0], got, sizeof got) != sizeof got)
			exit(97);
		waitpid(pid, 0, 0);
		*done += got[3] < 0x10000u;
		*refused += got[3] >= 0x10000u;
		for (unsigned k = 0; k < 5; k++)
			*sum = (*sum ^ got[k]) * 0x100000001b3u;
	}
	close(p[0]), close(p[1]);
}

int main(void)
{
	static const unsigned have[][3] = { { 0, 0, 0 }, { 1000, 1000, 1000 }, { 1000, 1001, 1002 }, { 1000, 0, 1002 }, { 0, 1001, 1002 }, { 1000, 1001, 0 } };

	for (unsigned h = 0; h < sizeof have / sizeof *have; h++)
		for (int call = 0; call < CALLS; call++)
			for (int group = 0; group < 2; group++) {
				uint64_t sum = 0xcbf29ce484222325u;
				unsigned refused = 0, done = 0;

				/* They are many, and take each id by the same rule. */
				if (call == SETRES && h != 2 && h != 4)
					continue;
				tries(call, group, have[h], &sum, &refused, &done);
				printf("%u/%u/%u %s: %u done, %u refused, %016llx\n", have[h][0], have[h][1], have[h][2], names[call][group], done, refused, (unsigned long long)sum);
			}
	return 0;
}

/* rlimits, uname, sysinfo, getrandom, prctl, sched_*, umask, getcpu: system odds and ends. */
#include "check.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void)
{
	struct rlimit rl;
	struct utsname u;
	struct sysinfo si;
	char a[64], b[64], name[16];
	pid_t child;
	cpu_set_t cpus;

	CHECK("RLIMIT_STACK", getrlimit(RLIMIT_STACK, &rl) == 0 && rl.rlim_cur >= 1 << 20);
	CHECK("RLIMIT_NOFILE", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 20, 40 }) == 0 && getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur == 20 && rl.rlim_max == 40);
	FAILS("soft above hard", EINVAL, setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 41, 40 }));
	FAILS("no such limit", EINVAL, getrlimit(99, &rl));
	int fd, n = 0;
	while ((fd = dup(0)) >= 0)
		n++;
	CHECK("descriptors end at the limit", errno == EMFILE && n <= 17);
	FAILS("dup2 beyond it", EBADF, dup2(0, 20));
	if ((child = fork()) == 0)
		_exit(getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur != 20);
	CHECK("limits are inherited", EXITED(wait_status(child), 0));
	for (fd = 3; fd < 20; fd++)
		close(fd);
	if ((child = fork()) == 0) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1000, 1000 });
		fd = open("big", O_CREAT | O_WRONLY, 0600);
		char block[800] = "";
		CHECK("below RLIMIT_FSIZE", write(fd, block, 800) == 800);
		CHECK("up to it", write(fd, block, 800) == 200);
		FAILS("beyond it", EFBIG, write(fd, block, 1));
		_exit(check_failures != 0);
	}
	CHECK("RLIMIT_FSIZE", EXITED(wait_status(child), 0));
	CHECK("uname", uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64") && u.release[0] >= '3');
	CHECK("sysinfo", sysinfo(&si) == 0 && si.totalram > 0 && si.mem_unit > 0 && si.freeram <= si.totalram);
	CHECK("getrandom", getrandom(a, 64, 0) == 64 && getrandom(b, 64, 0) == 64 && memcmp(a, b, 64));
	FAILS("getrandom flags", EINVAL, getrandom(a, 1, 0x80));
	CHECK("prctl name", prctl(PR_SET_NAME, "a-new-name") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a-new-name"));
	CHECK("umask", umask(027) == 022 && umask(022) == 027);
	CHECK("sched_yield", sched_yield() == 0);
	CHECK("one processor at least", sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) >= 1);
	int was = getpriority(PRIO_PROCESS, 0), then = was + 3 > 19 ? 19 : was + 3; /* the tests may run niced */
	CHECK("nice", nice(3) == then && getpriority(PRIO_PROCESS, 0) == then);
	FAILS("a system call that does not exist", ENOSYS, syscall(9999));
	FAILS("nor a negative one", ENOSYS, syscall(-5));
	CHECK("getpid and gettid", getpid() == syscall(SYS_gettid) && getppid() > 0);
	CHECK("page size", sysconf(_SC_PAGESIZE) == 4096);
	DONE();
}

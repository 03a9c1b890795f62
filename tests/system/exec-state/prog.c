/* What execve keeps and resets: cloexec, signals, masks, timers, cwd, umask, pid, descriptors. */
#include "check.h"
#include <sys/prctl.h>

static void handler(int sig) { (void)sig; }

static int after(char **argv)
{
	struct sigaction sa;
	sigset_t set;
	char buf[8], name[16];

	CHECK("same pid", getpid() == atoi(argv[2]));
	FAILS("close-on-exec", EBADF, fcntl(20, F_GETFD));
	CHECK("descriptor kept with its offset", read(21, buf, 2) == 2 && !memcmp(buf, "34", 2));
	sigaction(SIGUSR1, NULL, &sa);
	CHECK("handler reset", sa.sa_handler == SIG_DFL);
	sigaction(SIGUSR2, NULL, &sa);
	CHECK("ignored stays", sa.sa_handler == SIG_IGN);
	sigprocmask(SIG_SETMASK, NULL, &set);
	CHECK("mask stays", sigismember(&set, SIGTERM) && !sigismember(&set, SIGINT));
	sigpending(&set);
	CHECK("pending stays", sigismember(&set, SIGTERM));
	CHECK("alarm stays", alarm(0) > 0);
	CHECK("umask stays", umask(022) == 031);
	CHECK("working directory stays", access("here", F_OK) == 0);
	stack_t ss;
	sigaltstack(NULL, &ss);
	CHECK("alternate stack off", ss.ss_flags & SS_DISABLE);
	prctl(PR_GET_NAME, name);
	CHECK("name is the program's", !strcmp(name, "exe") || !strcmp(name, "prog"));
	CHECK("memory is fresh", *argv[3] == '0');
	DONE();
}

int main(int argc, char **argv)
{
	char pid[16], buf[65536];
	sigset_t set;
	stack_t ss = { .ss_sp = buf, .ss_size = sizeof buf };

	if (argc > 1)
		return after(argv);
	mkdir("d", 0755);
	chdir("d");
	int f = open("here", O_RDWR | O_CREAT, 0644);
	write(f, "123456", 6);
	lseek(f, 2, SEEK_SET);
	dup2(f, 20);
	fcntl(20, F_SETFD, FD_CLOEXEC);
	dup2(f, 21);
	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTERM);
	alarm(100);
	umask(031);
	sigaltstack(&ss, NULL);
	snprintf(pid, sizeof pid, "%d", getpid());
	execl("/proc/self/exe", "again", pid, pid, "0", NULL);
	return 1;
}

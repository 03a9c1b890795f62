/* The signal of a child's end: nobody chooses one for a parent that is not his own, or no longer the program that it was. */
#include "check.h"
#include <sched.h>

static volatile int *shared;

/* As uid 1000, below a process of root: a sibling whose end would send SIGKILL to that. */
static void make_sibling(void)
{
	setuid(1000);
	FAILS("may not signal the parent", EPERM, kill(getppid(), SIGKILL));
	pid_t sibling = syscall(SYS_clone, CLONE_PARENT | SIGKILL, 0, 0, 0, 0);
	if (sibling == 0)
		_exit(0);
	CHECK("made a sibling", sibling > 0);
	_exit(check_failures != 0);
}

static void root_parent(void)
{
	int good = 1;

	if (fork() == 0)
		make_sibling();
	for (int i = 0; i < 2; i++) {
		int status = 0;

		good = good && wait(&status) > 0 && status == 0;
	}
	CHECK("root has two children, and both ended well", good);
	_exit(check_failures != 0);
}

/* uid 1000 makes a child that ends with SIGKILL, and becomes a set-UID program. */
static void become_root(const char *program)
{
	setuid(1000);
	pid_t child = syscall(SYS_clone, SIGKILL, 0, 0, 0, 0);
	if (child == 0) {
		while (!*shared)
			pause_ms(1);
		_exit(0);
	}
	execl(program, program, "go", NULL);
	_exit(98);
}

int main(int count, char *words[])
{
	if (count > 1 && words[1]) {
		/* The set-UID program: it lets its predecessor's child end, and waits for it as for any. */
		int f = open("shared", O_RDWR), status;

		shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		*shared = geteuid() == 0;
		_exit(waitpid(-1, &status, __WALL) > 0 && status == 0 ? 7 : 8);
	}
	CHECK("copy", system("cp /proc/$PPID/exe suid && chmod 4755 suid") == 0);
	int f = open("shared", O_CREAT | O_RDWR, 0600);
	ftruncate(f, 4096);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	chmod(".", 0755);
	pid_t parent = fork();
	if (parent == 0)
		root_parent();
	CHECK("root survives", EXITED(wait_status(parent), 0));
	if ((parent = fork()) == 0)
		become_root("./suid");
	CHECK("a set-UID program survives", EXITED(wait_status(parent), 7));
	pid_t child = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	signal(SIGUSR1, SIG_IGN);
	CHECK("its own child ends as it likes", waitpid(child, NULL, __WALL) == child);
	DONE();
}

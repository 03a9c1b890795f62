/* execve: argv, envp, the stack at start, auxv, errors, E2BIG, long argument lists. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>

extern char **environ;

static int as_child(int argc, char **argv)
{
	if (!strcmp(argv[1], "args"))
		return !(argc == 4 && !strcmp(argv[2], "") && !strcmp(argv[3], "last") && !argv[4] && environ[0] && !strcmp(environ[0], "A=b") && !environ[1]);
	if (!strcmp(argv[1], "many")) {
		long sum = 0;
		for (int i = 2; i < argc; i++)
			sum += atol(argv[i]);
		return !(argc == 5002 && sum == 12497500);
	}
	if (!strcmp(argv[1], "long"))
		return strlen(argv[2]) != 100000;
	if (!strcmp(argv[1], "aux"))
		return !(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_PHDR) && getauxval(AT_RANDOM) && getauxval(AT_ENTRY)
			&& !getauxval(AT_SECURE) && ((uintptr_t)__builtin_frame_address(0) & 15) == 0
			&& !strcmp((char *)getauxval(AT_EXECFN), "/proc/self/exe"));
	return 99;
}

static int run(char **argv, char **envp)
{
	pid_t child = fork();

	if (child == 0) {
		execve("/proc/self/exe", argv, envp);
		_exit(100 + errno);
	}
	return wait_status(child);
}

int main(int argc, char **argv)
{
	static char *many[5003], big[200000], digits[5000][8];
	char *none[] = { NULL }, *env[] = { "A=b", NULL };

	if (argc > 1)
		return as_child(argc, argv);
	CHECK("arguments and environment", EXITED(run((char *[]){ "x", "args", "", "last", NULL }, env), 0));
	many[0] = "x";
	many[1] = "many";
	for (int i = 0; i < 5000; i++) {
		snprintf(digits[i], 8, "%d", i);
		many[i + 2] = digits[i];
	}
	CHECK("5000 arguments", EXITED(run(many, none), 0));
	memset(big, 'x', 100000);
	CHECK("one of 100000 bytes", EXITED(run((char *[]){ "x", "long", big, NULL }, none), 0));
	memset(big, 'x', 140000);
	CHECK("one of more than 128 KiB: E2BIG", EXITED(run((char *[]){ "x", "long", big, NULL }, none), 100 + E2BIG));
	CHECK("auxiliary vector, aligned stack", EXITED(run((char *[]){ "x", "aux", NULL }, none), 0));
	char *a[] = { "a", NULL };
	FAILS("ENOENT", ENOENT, execve("/no/such", a, none));
	FAILS("empty path", ENOENT, execve("", a, none));
	FAILS("a directory", EACCES, execve("/tmp", a, none));
	close(open("plain", O_CREAT | O_WRONLY, 0644));
	FAILS("no x", EACCES, execve("plain", a, none));
	chmod("plain", 0755);
	FAILS("empty file", ENOEXEC, execve("plain", a, none));
	FAILS("not a directory", ENOTDIR, execve("plain/x", a, none));
	FAILS("wild path", EFAULT, execve((char *)8, a, none));
	FAILS("wild argv", EFAULT, execve("/bin/true", (char **)8, none));
	FAILS("wild argument", EFAULT, execve("/bin/true", (char *[]){ "a", (char *)0x123456789000, NULL }, none));
	FAILS("device", EACCES, execve("/dev/null", a, none));
	CHECK("all that left me as I was", getpid() > 0);
	DONE();
}

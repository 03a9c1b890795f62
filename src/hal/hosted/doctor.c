/*
 * --doctor: what this host allows the simulator, and what is slower, or less safe, without it.
 */
#include "hosted.h"

#include <asm/hwcap2.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANDLOCK_VERSION 1u
#define LANDLOCK_SIGNALS 6 /* the version from which on it keeps signals in */

static unsigned missing, less;

enum verdict { GOOD, LESS, BAD };

/* One line: what, how it is; without: what that means, and how to get it. */
static void tell(enum verdict verdict, const char *what, const char *how, const char *without)
{
	static const char *const words[] = {"ok", "less", "NO"};

	printf("%-4s %-18s %s\n", words[verdict], what, how);
	if (verdict != GOOD && without)
		printf("     %s\n", without);
	missing += verdict == BAD;
	less += verdict == LESS;
}

/* Does a child that does this end well? */
static bool works(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what() == 0 ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int user_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static int seccomp(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return (int)syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static int executable_memory(void)
{
	int fd = memfd_create("feuerbird-doctor", MFD_CLOEXEC | 0x10 /* MFD_EXEC */);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("feuerbird-doctor", MFD_CLOEXEC);
	return fd >= 0 && ftruncate(fd, 4096) == 0 && mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) != MAP_FAILED ? 0 : -1;
}

static void tell_memory(void)
{
	uint64_t machine = host_memory_of_machine() >> 20, group = host_memory_of_group() >> 20;
	char text[80];

	if (group < machine)
		snprintf(text, sizeof(text), "%llu MiB, of which this control group may have %llu", (unsigned long long)machine,
		         (unsigned long long)group);
	else
		snprintf(text, sizeof(text), "%llu MiB", (unsigned long long)machine);
	tell(machine < 64 || group < 64 ? LESS : GOOD, "memory", text, "-m may not be more than that.");
}

static void tell_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	char text[40];

	snprintf(text, sizeof(text), "%d to run on", count);
	tell(count >= 2 ? GOOD : LESS, "processors", text, "Programs and LibOS take turns on one: each system call costs a switch.");
}

static void tell_landlock(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	char text[40];

	snprintf(text, sizeof(text), version > 0 ? "version %ld" : "not there", version);
	tell(version >= LANDLOCK_SIGNALS ? GOOD : LESS, "Landlock", text,
	     "A simulator that is taken over is kept in by seccomp alone, or not from\n"
	     "     signals and sockets. Linux 6.12 has all of it.");
}

int host_doctor(void)
{
	struct utsname name;
	char text[160];

	uname(&name);
	snprintf(text, sizeof(text), "%.20s %.100s", name.sysname, name.release);
	tell(GOOD, "host", text, NULL);
	tell_processors();
	tell_memory();
	tell(works(executable_memory) ? GOOD : BAD, "memory files", "memfd_create(2), to be executed",
	     "Nothing runs without them. As root: sysctl vm.memfd_noexec=0");
	tell(works(seccomp) ? GOOD : BAD, "seccomp", "filters that trap system calls", "Nothing runs without it: the kernel needs CONFIG_SECCOMP_FILTER.");
	tell_landlock();
	tell(geteuid() == 0 || works(user_namespace) ? GOOD : LESS, "empty root", geteuid() == 0 ? "as root" : "by a user namespace",
	     "The simulator keeps the host's root directory, which Landlock and seccomp\n"
	     "     close. As root: sysctl kernel.unprivileged_userns_clone=1");
	tell(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE ? GOOD : LESS, "segment bases", "rdfsbase and its kin, for programs",
	     "Programs with threads switch bases by system calls. Linux 5.9 and a\n"
	     "     processor since 2012 have it; a hypervisor may keep it away.");
	printf("%s\n", missing ? "The simulator cannot run here." : less ? "The simulator runs here, with less than it could have." : "All is there.");
	return missing ? EXIT_FAILED : 0;
}

/*
 * intrude SIMULATOR ARG...: what is left to somebody who got his code into the simulator?
 *
 * Starts the simulator, of which the first program must write a line to standard output when it is up and then read its
 * standard input, once for each attack. Then it makes the simulator do a system call of the attack's instead of the next one
 * of its own. A forbidden one must end it by SIGSYS; what is allowed for some descriptor or signal only is tried with others.
 * The tracer is there before the simulator is confined; nothing of the product knows of it.
 *
 * Attacks that the host should let through do no harm to it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <termios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STRANGER 0x7e57000000000001 /* is replaced by a process that is none of the simulator's */

struct attack {
	const char *name;
	long call;
	unsigned long args[6];
	long error; /* 0: it must die of SIGSYS; else the call must fail like that, if the host has Landlock */
};

#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}, 0}
#define AS(what, name, ...) {what, SYS_##name, {__VA_ARGS__}, 0}

static const struct attack attacks[] = {
	/* Files. */
	CALL(open), CALL(openat, AT_FDCWD), CALL(openat2, AT_FDCWD), CALL(creat), CALL(open_by_handle_at), CALL(name_to_handle_at),
	CALL(unlink), CALL(unlinkat), CALL(rename), CALL(renameat2), CALL(link), CALL(symlink), CALL(mkdir), CALL(rmdir), CALL(mknod),
	CALL(chmod), CALL(fchmod), CALL(chown), CALL(fchown), CALL(truncate), CALL(ftruncate), CALL(fallocate), CALL(utimensat),
	CALL(stat), CALL(newfstatat), CALL(statx), CALL(fstat), CALL(access), CALL(faccessat2), CALL(readlink), CALL(getdents64), CALL(getcwd),
	CALL(chdir), CALL(fchdir), CALL(chroot), CALL(setxattr), CALL(getxattr), CALL(sendfile), CALL(splice), CALL(tee), CALL(vmsplice),
	CALL(copy_file_range), CALL(memfd_create), CALL(memfd_secret), CALL(inotify_init1), CALL(fanotify_init), CALL(flock),
	/* Descriptors. */
	CALL(dup), CALL(dup2, 0, 9), CALL(dup3, 0, 9), CALL(fcntl, 0, F_DUPFD), AS("fcntl F_SETOWN", fcntl, 0, F_SETOWN), CALL(close, 0),
	CALL(close_range, 3, ~0U), CALL(pipe), CALL(pipe2), CALL(eventfd2), CALL(timerfd_create), CALL(signalfd4), CALL(epoll_create1),
	CALL(pidfd_open, STRANGER), CALL(pidfd_getfd), CALL(readv), CALL(preadv), CALL(pwritev), CALL(sendmsg), CALL(recvmsg), CALL(sendto),
	AS("read of an unnamed descriptor", read, 3), AS("read of standard output", read, 1), AS("write to an unnamed descriptor", write, 3),
	AS("write to standard input", write, 0), AS("writev to an unnamed descriptor", writev, 4), AS("pread of an unnamed descriptor", pread64, 3),
	AS("pwrite to an unnamed descriptor", pwrite64, 3), AS("recvfrom of an unnamed descriptor", recvfrom, 3),
	AS("ioctl TIOCSTI", ioctl, 0, TIOCSTI), AS("ioctl TIOCLINUX", ioctl, 0, 0x541c), AS("ioctl FIOCLEX", ioctl, 1, FIOCLEX),
	/* Network. */
	CALL(socket, 2, 1), CALL(socketpair, 1, 1), CALL(connect), CALL(bind), CALL(accept4), CALL(listen),
	/* Programs, processes, threads. */
	CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(clone, SIGCHLD), CALL(clone3), CALL(unshare, 0x10000000), CALL(setns),
	AS("kill of a foreign group", kill, 0x80000001, SIGKILL), AS("kill of the group", kill, 0, SIGKILL), AS("kill with SIGTERM", kill, STRANGER, SIGTERM),
	AS("kill with 0", kill, STRANGER, 0), CALL(tkill, STRANGER, SIGKILL), AS("tgkill of a stranger", tgkill, STRANGER, STRANGER, SIGUSR1),
	CALL(rt_sigqueueinfo, STRANGER, SIGTERM), AS("rt_tgsigqueueinfo with SIGTERM", rt_tgsigqueueinfo, STRANGER, STRANGER, SIGTERM), CALL(pidfd_send_signal),
	CALL(ptrace, PTRACE_ATTACH, STRANGER), CALL(ptrace, PTRACE_TRACEME), CALL(process_vm_readv, STRANGER), CALL(process_vm_writev, STRANGER),
	CALL(process_madvise), CALL(process_mrelease), CALL(kcmp, STRANGER, STRANGER), CALL(prlimit64, STRANGER), CALL(setrlimit), CALL(setpriority),
	CALL(sched_setscheduler), CALL(ioprio_set), AS("sched_setaffinity of a stranger", sched_setaffinity, STRANGER), CALL(setpgid), CALL(setsid),
	CALL(personality), CALL(set_robust_list), CALL(get_robust_list), CALL(rseq), CALL(arch_prctl), CALL(modify_ldt),
	AS("rt_sigaction of SIGSYS", rt_sigaction, SIGSYS, 0, 0, 8), CALL(sigaltstack),
	/* Memory. */
	AS("mmap to be executed", mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, ~0UL), CALL(mremap), CALL(munmap),
	AS("mmap", mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, ~0UL), CALL(mprotect), AS("mprotect to be executed", mprotect, 0, 4096, PROT_EXEC),
	CALL(pkey_mprotect), CALL(remap_file_pages), CALL(brk), CALL(mlock), CALL(userfaultfd), AS("madvise HWPOISON", madvise, 0, 4096, 100),
	AS("madvise DONTNEED", madvise, 0, 4096, MADV_DONTNEED), CALL(shmget), CALL(shmat), CALL(msgget), CALL(semget), CALL(mq_open),
	/* Rights. */
	CALL(prctl, 4 /* PR_SET_DUMPABLE */, 1), CALL(capset), CALL(setuid), CALL(setgid), CALL(setresuid), CALL(setgroups), CALL(seccomp), CALL(mount),
	CALL(umount2), CALL(pivot_root), CALL(open_tree), CALL(move_mount), CALL(fsopen), CALL(landlock_create_ruleset), CALL(keyctl), CALL(add_key),
	CALL(request_key),
	/* The host's kernel. */
	CALL(bpf), CALL(perf_event_open), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_setup), CALL(init_module), CALL(finit_module),
	CALL(delete_module), CALL(kexec_load), CALL(reboot), CALL(swapon), CALL(iopl, 3), CALL(ioperm), CALL(syslog), CALL(quotactl), CALL(acct),
	CALL(settimeofday), CALL(clock_settime), CALL(adjtimex), CALL(sethostname, 0, 1000), CALL(lookup_dcookie), CALL(uname),
	AS("futex FUTEX_LOCK_PI", futex, 0, FUTEX_LOCK_PI), AS("futex FUTEX_CMP_REQUEUE_PI", futex, 0, FUTEX_CMP_REQUEUE_PI), AS("futex FUTEX_WAKE_OP", futex, 0, FUTEX_WAKE_OP),
	{"a call of the x32 ABI", 0x40000000 | SYS_getpid, {0}, 0}, {"a number that no call has", 4095, {0}, 0},
	/* What the filter cannot tell apart, Landlock does. */
	{"SIGKILL to a stranger", SYS_kill, {STRANGER, SIGKILL}, EPERM},
};

static pid_t stranger;

static unsigned long argument(unsigned long value)
{
	return value == STRANGER ? (unsigned long)stranger : value;
}

/* Goes on to the next stop: a signal's, or with PTRACE_SYSCALL a call's. False: it has ended; *status. */
static int go(pid_t pid, int how, int *status)
{
	long signal = WIFSTOPPED(*status) && WSTOPSIG(*status) < SIGTRAP ? WSTOPSIG(*status) : 0;

	if (WIFSTOPPED(*status) && WSTOPSIG(*status) > SIGTRAP && WSTOPSIG(*status) < (SIGTRAP | 0x80) && WSTOPSIG(*status) != SIGSTOP)
		signal = WSTOPSIG(*status);
	return ptrace(how, pid, 0, signal) == 0 && waitpid(pid, status, __WALL) == pid && WIFSTOPPED(*status);
}

/* To the beginning or the end of the next call. */
static int step(pid_t pid, int *status)
{
	do
		if (!go(pid, PTRACE_SYSCALL, status))
			return 0;
	while (WSTOPSIG(*status) != (SIGTRAP | 0x80));
	return 1;
}

/* The simulator, stopped, whose program waits. *in: its standard input. */
static pid_t start(char **argv, int *in)
{
	int to[2], from[2], status;
	char line[64];
	pid_t pid, waker;

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		exit(125);
	if (pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		setpgid(0, 0);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[1], argv + 1);
		_exit(126);
	}
	/* Stops it when its program has said that it is up. */
	waker = fork();
	if (waker == 0) {
		close(from[1]);
		_exit(read(from[0], line, sizeof(line)) > 0 ? kill(pid, SIGSTOP) : 1);
	}
	close(to[0]);
	close(from[0]);
	close(from[1]);
	if (waitpid(pid, &status, __WALL) != pid || ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
		exit(125);
	do
		if (!go(pid, PTRACE_CONT, &status))
			exit(125);
	while (WSTOPSIG(status) != SIGSTOP);
	waitpid(waker, &status, 0);
	*in = to[1];
	return pid;
}

/* Returns how the simulator ended. *result: what the call returned. */
static int intrude(const struct attack *attack, char **argv, long *result)
{
	struct user_regs_struct regs;
	int in, status = 0;
	pid_t pid = start(argv, &in);

	/* At the beginning of a call rax is -ENOSYS. */
	do {
		if (!step(pid, &status) || ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0)
			exit(125);
	} while (regs.rax != (unsigned long)-ENOSYS);
	regs.orig_rax = (unsigned long)attack->call;
	regs.rdi = argument(attack->args[0]);
	regs.rsi = argument(attack->args[1]);
	regs.rdx = argument(attack->args[2]);
	regs.r10 = argument(attack->args[3]);
	regs.r8 = argument(attack->args[4]);
	regs.r9 = argument(attack->args[5]);
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	if (step(pid, &status) && ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0)
		*result = (long)regs.rax;
	close(in); /* its program ends, if it goes on */
	while (go(pid, PTRACE_CONT, &status))
		;
	return status;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2)
		return 2;
	stranger = fork();
	if (stranger == 0)
		for (;;)
			pause();
	setvbuf(stdout, 0, _IOLBF, 0);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++) {
		const struct attack *attack = &attacks[i];
		long result = 0;
		int status = intrude(attack, argv, &result);
		int good = attack->error ? result == -attack->error : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

		printf("%s %s: status %x, result %ld\n", good ? "ok" : "NOT", attack->name, (unsigned)status, result);
		failed |= !good;
	}
	kill(stranger, SIGKILL);
	return failed;
}

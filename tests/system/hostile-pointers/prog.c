/* Wild pointers to every system call: EFAULT or another error, never the end of the system. */
#include "check.h"
#include <sys/uio.h>

/* Calls that would end or stop this process, or wait for ever, by design. */
static int skipped(long nr)
{
	static const int list[] = { SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigsuspend, SYS_vfork, SYS_fork, SYS_clone, SYS_clone3,
		SYS_rt_sigreturn, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_reboot, SYS_munmap, SYS_mprotect,
		SYS_mmap, SYS_brk, SYS_close, SYS_close_range, SYS_dup2, SYS_dup3, SYS_alarm, SYS_setitimer, SYS_read, SYS_pselect6, SYS_poll,
		SYS_ppoll, SYS_select, SYS_arch_prctl, SYS_seccomp, SYS_prctl, SYS_vhangup, SYS_mremap, SYS_madvise, SYS_unshare, SYS_sethostname,
		SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_mount, SYS_umount2, SYS_chroot, SYS_pivot_root,
		SYS_setsid, SYS_setpgid, SYS_ptrace, SYS_wait4, SYS_waitid, SYS_sync, SYS_syncfs, SYS_setrlimit, SYS_prlimit64, SYS_swapon, SYS_swapoff,
		SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_init_module, SYS_finit_module,
		SYS_delete_module, SYS_kexec_load, SYS_iopl, SYS_ioperm, SYS_acct, SYS_quotactl, SYS_bpf, SYS_userfaultfd, SYS_perf_event_open,
		SYS_personality, SYS_mlockall, SYS_syslog, SYS_setns, SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam,
		SYS_sched_setattr, SYS_setpriority, SYS_ioprio_set, SYS_capset, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_set_robust_list,
		SYS_rseq, SYS_set_tid_address, SYS_modify_ldt, SYS_pkey_mprotect, SYS_remap_file_pages, SYS_munlockall, SYS_futex, SYS_rt_sigprocmask,
		SYS_sigaltstack, SYS_rt_sigaction, SYS_umask, SYS_fchdir, SYS_chdir, SYS_ftruncate, SYS_truncate, SYS_setfsuid, SYS_setfsgid, SYS_uselib };

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (list[i] == nr)
			return 1;
	return nr > 334;
}

/* Each round in a child: whatever a call does to its process ends there. */
static int sweep(unsigned long wild)
{
	pid_t child = fork();

	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		for (long nr = 0; nr < 440; nr++) {
			if (skipped(nr))
				continue;
			alarm(2);
			syscall(nr, wild, wild, wild, wild, wild, wild);
			syscall(nr, 300, wild, wild, wild, wild, wild);
			syscall(nr, wild, 8, 4, 0, 0, 0);
		}
		alarm(0);
		_exit(0);
	}
	int st = wait_status(child);
	return EXITED(st, 0) || KILLED(st, SIGALRM) || KILLED(st, SIGSEGV) || KILLED(st, SIGSYS);
}

int main(void)
{
	static const unsigned long wild[] = { 0, 8, 4095, 0x123456789000, 0x7fffffffffff, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
		0xffffffff80000000, ~0UL, ~0UL - 7, 0x8000000000000000 };
	char text[80], *edge;
	struct stat st;
	struct iovec v[2];
	int p[2], zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY), f = open("f", O_CREAT | O_RDWR, 0600);

	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		snprintf(text, sizeof text, "every call with %#lx", wild[i]);
		CHECK(text, sweep(wild[i]));
	}
	pipe(p);
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		void *w = (void *)wild[i];
		int bad = 0;
		#define E(call) (errno = 0, bad += !((call) == -1 && errno == EFAULT))
		E(write(f, w, 10));
		E(read(zero, w, 10));
		E(write(p[1], w, 10));
		E(open(w, O_RDONLY));
		E(stat(w, &st));
		E(syscall(SYS_stat, "/", w));
		E(syscall(SYS_pipe, w));
		E(syscall(SYS_getcwd, w, 100) < 0 ? -1 : 0);
		E(syscall(SYS_uname, w));
		E(syscall(SYS_getdents64, open("/", O_RDONLY), w, 1000));
		E(syscall(SYS_clock_gettime, CLOCK_REALTIME, w));
		E(syscall(SYS_readlink, "/proc/self/exe", w, 50));
		E(syscall(SYS_execve, w, 0, 0));
		E(unlink(w));
		E(rename("f", w));
		E(symlink(w, "l"));
		E(syscall(SYS_getrlimit, 0, w));
		E(syscall(SYS_sysinfo, w));
		E(syscall(SYS_writev, f, w, 1));
		if (w) {
			E(syscall(SYS_rt_sigaction, SIGUSR1, w, 0, 8));
			E(syscall(SYS_rt_sigprocmask, SIG_BLOCK, w, 0, 8));
			E(syscall(SYS_nanosleep, w, 0));
			E(syscall(SYS_utimensat, AT_FDCWD, "f", w, 0));
			E(syscall(SYS_sigaltstack, w, 0));
		}
		snprintf(text, sizeof text, "EFAULT for %#lx (%d wrong)", wild[i], bad);
		CHECK(text, bad == 0);
	}
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	edge += 4090;
	FAILS("a structure across the end of a mapping", EFAULT, syscall(SYS_uname, edge));
	memcpy(edge, "abcdef", 6);
	FAILS("a path without an end", EFAULT, open(edge, O_RDONLY));
	v[0] = (struct iovec){ "good", 4 };
	v[1] = (struct iovec){ (void *)8, 4 };
	CHECK("what is good of a vector is written", writev(f, v, 2) == 4);
	CHECK("/dev/null does not look", write(null, (void *)8, 10) == 10);
	FAILS("a vector of overflowing length", EINVAL, (v[0].iov_len = ~0UL, writev(f, v, 2)));
	CHECK("a short path at the very end is fine", (memcpy(edge, "/dev/\0", 6), open(edge, O_RDONLY) >= 0));
	DONE();
}

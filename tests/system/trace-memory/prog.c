/* ptrace and the memory of others: peek and poke, breakpoints, /proc/PID/mem, process_vm_readv and _writev, who may. */
#include "trace.h"

static const char constant[64] = "in a page that nobody writes";
static char variable[32] = "variable";
static int shared_fd;

__attribute__((noinline)) static int add(int a, int b)
{
	__asm__ volatile("" : "+r"(a));
	return a + b;
}

static pid_t stopped_child(void *shared, void *hidden)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		printf("sum %d\n", add(2, 3));
		printf("%s, %s\n", constant, variable);
		fflush(stdout);
		raise(SIGUSR1);
		_exit(((char *)shared)[0] == 'S' || hidden == 0);
	}
	status_of(pid, "stop");
	return pid;
}

static void words(pid_t pid, char *shared, char *hidden)
{
	long w = ptrace(PTRACE_PEEKDATA, pid, constant, 0);

	printf("constant %.8s\n", (char *)&w);
	w = 0;
	memcpy(&w, "IN A PAG", 8);
	P("poke what is read-only", ptrace(PTRACE_POKEDATA, pid, constant, w));
	P("poke what can be written", ptrace(PTRACE_POKEDATA, pid, variable, w));
	printf("not here %.8s %.8s\n", constant, variable);
	P("nothing there", (errno = 0, ptrace(PTRACE_PEEKDATA, pid, 8, 0), errno ? -1 : 0));
	P("nothing there", ptrace(PTRACE_POKEDATA, pid, 8, 0));
	P("beyond all", (errno = 0, ptrace(PTRACE_PEEKDATA, pid, 1ul << 63, 0), errno ? -1 : 0));
	P("shared, not to be written", ptrace(PTRACE_POKEDATA, pid, shared, w));
	w = ptrace(PTRACE_PEEKDATA, pid, shared, 0);
	printf("shared %.6s\n", (char *)&w);
	P("hidden", (errno = 0, w = ptrace(PTRACE_PEEKDATA, pid, hidden, 0), errno ? -1 : 0));
	printf("hidden %.6s\n", (char *)&w);
	P("poke hidden", ptrace(PTRACE_POKEDATA, pid, hidden, 0x4142434445464748));
	w = ptrace(PTRACE_PEEKDATA, pid, hidden, 0);
	printf("hidden %.8s\n", (char *)&w);
	/* Across two pages, of which the second is not there. */
	P("half there", (errno = 0, ptrace(PTRACE_PEEKDATA, pid, hidden + 4092, 0), errno ? -1 : 0));
}

static void breakpoint(pid_t pid)
{
	struct user_regs_struct r;
	long old = ptrace(PTRACE_PEEKTEXT, pid, add, 0);

	printf("text %d\n", !memcmp(&old, (void *)add, 8));
	P("breakpoint", ptrace(PTRACE_POKETEXT, pid, add, (old & ~0xffl) | 0xcc));
	printf("not here %d\n", add(1, 1));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "hit");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("at %d args %lld %lld\n", (int)(r.rip - (uint64_t)add), (long long)r.rdi, (long long)r.rsi);
	ptrace(PTRACE_POKETEXT, pid, add, old);
	r.rip--;
	r.rsi = 40;
	P("setregs", ptrace(PTRACE_SETREGS, pid, 0, &r));
	P("step", ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
	status_of(pid, "step");
}

static void files(pid_t pid)
{
	char path[64], bytes[40] = "";

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = open(path, O_RDWR);
	printf("mem %d\n", fd >= 0);
	printf("pread %zd", pread(fd, bytes, 20, (off_t)constant));
	printf(" %s\n", bytes);
	printf("pwrite %zd\n", pwrite(fd, "changed by file", 16, (off_t)variable));
	printf("pwrite read-only %zd\n", pwrite(fd, "by file", 7, (off_t)constant + 21));
	errno = 0;
	printf("nothing there %zd %s\n", pread(fd, bytes, 8, 8), strerrorname(errno));
	errno = 0;
	printf("nothing there %zd %s\n", pwrite(fd, bytes, 8, 8), strerrorname(errno));
	printf("text %zd %d\n", pread(fd, bytes, 16, (off_t)add), !memcmp(bytes, (void *)add, 16));
	close(fd);
	char line[256];
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	while (fgets(line, sizeof line, f)) {
		int tracer;
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			printf("tracer %d\n", tracer == getpid());
		if (!strncmp(line, "State", 5))
			printf("%s", line);
	}
	fclose(f);
}

#define VM(what, call)                                                          \
	do {                                                                    \
		errno = 0;                                                      \
		ssize_t n_ = (call);                                            \
		printf("%s: %zd %s\n", what, n_, n_ < 0 ? strerrorname(errno) : ""); \
	} while (0)

static void vectors(pid_t pid, char *hidden)
{
	char a[8], b[40];
	struct iovec local[2] = { { a, 4 }, { b, 30 } }, remote[3] = { { (void *)constant, 10 }, { variable, 4 }, { (void *)8, 5 } };

	memset(a, '.', sizeof a), memset(b, '.', sizeof b);
	VM("readv", process_vm_readv(pid, local, 2, remote, 2, 0));
	printf("  %.4s %.12s\n", a, b);
	VM("up to what is not there", process_vm_readv(pid, local, 2, remote, 3, 0));
	VM("not there", process_vm_readv(pid, local, 2, remote + 2, 1, 0));
	VM("flags", process_vm_readv(pid, local, 2, remote, 2, 1));
	VM("nobody", process_vm_readv(999999, local, 2, remote, 2, 0));
	VM("too many", process_vm_readv(pid, local, 1025, remote, 2, 0));
	VM("too many there", process_vm_readv(pid, local, 1, remote, 1025, 0));
	VM("nothing here", process_vm_readv(pid, local, 0, remote, 2, 0));
	VM("nothing here, nobody", process_vm_readv(999999, local, 0, remote, 2, 0));
	VM("nothing there", process_vm_readv(pid, local, 2, remote, 0, 0));
	VM("no list", process_vm_readv(pid, (void *)8, 2, remote, 2, 0));
	VM("no list there", process_vm_readv(pid, local, 2, (void *)8, 2, 0));
	struct iovec bad = { (void *)8, 10 };
	VM("no place here", process_vm_readv(pid, &bad, 1, remote, 2, 0));
	local[0] = (struct iovec){ "written", 7 };
	remote[0] = (struct iovec){ variable + 20, 7 };
	VM("writev", process_vm_writev(pid, local, 1, remote, 1, 0));
	remote[0] = (struct iovec){ (void *)constant, 7 };
	VM("writev, read-only", process_vm_writev(pid, local, 1, remote, 1, 0));
	remote[0] = (struct iovec){ hidden, 7 };
	VM("hidden", process_vm_readv(pid, local + 1, 1, remote, 1, 0));
	char text[16];
	local[0] = (struct iovec){ text, 16 };
	remote[0] = (struct iovec){ (void *)add, 16 };
	VM("text", process_vm_readv(pid, local, 1, remote, 1, 0));
	printf("  %d\n", !memcmp(text, (void *)add, 16));
	remote[0] = (struct iovec){ (void *)constant, 8 };
	local[0] = (struct iovec){ text, 8 };
	VM("oneself", process_vm_readv(getpid(), local, 1, remote, 1, 0));
	printf("  %.8s\n", text);
}

int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	char *hidden = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(hidden, "hidden");
	munmap(hidden + 4096, 4096);
	mprotect(hidden, 4096, PROT_NONE);
	shared_fd = memfd_create("shared", 0);
	if (write(shared_fd, "shared", 6) != 6)
		return 9;
	char *shared = mmap(0, 4096, PROT_READ, MAP_SHARED, shared_fd, 0);
	pid_t pid = stopped_child(shared, hidden);

	words(pid, shared, hidden);
	breakpoint(pid);
	files(pid);
	vectors(pid, hidden);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "usr1");
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
	return 0;
}

/* Programs that run wild: garbage, null jump, kernel addresses, privileged instructions, wild stacks. */
#include "check.h"
static void run_bytes(const char *bytes, size_t n)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 0xf4, 4096);
	memcpy(p, bytes, n);
	((void (*)(void))(uintptr_t)p)();
}

static void handler(int sig) { (void)sig; }

#define DIES(what, sig, action)                                                 \
	do {                                                                    \
		pid_t c_ = fork();                                              \
		if (c_ == 0) { alarm(10); action; _exit(0); }                   \
		int st_ = wait_status(c_);                                      \
		check_line(KILLED(st_, sig), what, __FILE__, __LINE__, st_);    \
	} while (0)

int main(void)
{
	int survived = 0;
	unsigned seed = 12345;

	DIES("null jump", SIGSEGV, ((void (*)(void))(uintptr_t)0)());
	DIES("null write", SIGSEGV, *(volatile int *)0 = 1);
	DIES("kernel address write", SIGSEGV, *(volatile int *)0xffffffff81000000 = 1);
	DIES("kernel address read", SIGSEGV, (void)*(volatile int *)0xffff888000000000);
	DIES("kernel address jump", SIGSEGV, ((void (*)(void))0xffffffff81000000)());
	DIES("top of user space", SIGSEGV, *(volatile int *)0x7ffffffffffc = 1);
	DIES("write to own code", SIGSEGV, *(volatile char *)(uintptr_t)main = 1);
	DIES("ud2", SIGILL, run_bytes("\x0f\x0b", 2));
	DIES("invalid opcode", SIGILL, run_bytes("\x0f\xff\xc0", 3));
	DIES("hlt", SIGSEGV, run_bytes("\xf4", 1));
	DIES("cli", SIGSEGV, run_bytes("\xfa", 1));
	DIES("out", SIGSEGV, run_bytes("\xe6\x80", 2));
	DIES("mov to cr3", SIGSEGV, run_bytes("\x0f\x22\xd8", 3));
	DIES("wrmsr", SIGSEGV, run_bytes("\x0f\x30", 2));
	DIES("lgdt", SIGSEGV, run_bytes("\x0f\x01\x14\x24", 4));
	DIES("int 0x81", SIGSEGV, run_bytes("\xcd\x81", 2));
	DIES("iret to kernel", SIGSEGV, run_bytes("\x6a\x00\x6a\x00\x68\x00\x30\x00\x00\x6a\x10\x6a\x00\x48\xcf", 15));
	DIES("load of a kernel segment", SIGSEGV, run_bytes("\xb8\x10\x00\x00\x00\x8e\xd8\x8e\xd0", 9));
	DIES("stack pointer to nowhere", SIGSEGV, run_bytes("\x48\xc7\xc4\x10\x00\x00\x00\x50", 8));
	DIES("single step flag", SIGTRAP, run_bytes("\x9c\x48\x81\x0c\x24\x00\x01\x00\x00\x9d\x90\x90", 12));
	DIES("division overflow", SIGFPE, run_bytes("\x48\x31\xd2\x48\x31\xc0\x48\x31\xc9\x48\xf7\xf1", 12));
	DIES("signal frame on a wild stack", SIGSEGV, (signal(SIGUSR1, handler), run_bytes("\x48\xc7\xc4\x10\x00\x00\x00\xb8\x27\x00\x00\x00\x0f\x05\x89\xc7\xbe\x0a\x00\x00\x00\xb8\x3e\x00\x00\x00\x0f\x05\xf4", 29)));
	DIES("sigreturn from nowhere", SIGSEGV, run_bytes("\x48\xc7\xc4\x10\x00\x00\x00\xb8\x0f\x00\x00\x00\x0f\x05", 14));
	for (int i = 0; i < 60; i++) {
		pid_t c = fork();
		if (c == 0) {
			/* Random bytes; a limit on time, output and children. */
			unsigned char junk[256];
			for (int k = 0; k < 256; k++)
				junk[k] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
			close(0);
			close(1);
			close(2);
			alarm(1);
			run_bytes((char *)junk, sizeof junk);
			_exit(0);
		}
		for (int k = 0; k < 256; k++)
			seed = seed * 1103515245 + 12345;
		wait_status(c);
		survived++;
	}
	CHECK("sixty programs of random bytes", survived == 60);
	DONE();
}

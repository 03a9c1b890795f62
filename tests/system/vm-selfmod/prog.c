/* Code that is read, rewritten and made while the program runs. */
#include "check.h"

#define SITE(name, nr)                                                                  \
	__asm__(".globl " name "\n.type " name ", @function\n.balign 64\n" name ":\n"   \
	        "\tmov $" nr ", %eax\n\tsyscall\n\tret\n\t.size " name ", .-" name "\n")
SITE("call_a", "39");
SITE("call_b", "39");
long call_a(void);
long call_b(void);

static uint8_t *page_of(const void *at)
{
	return (uint8_t *)((uintptr_t)at & ~4095UL);
}

int main(void)
{
	static const uint8_t original[8] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
	uint8_t *at = (uint8_t *)(uintptr_t)call_a, *made;
	long (*volatile a)(void) = call_a, (*volatile b)(void) = call_b;
	long (*volatile jit)(void);
	int status;

	CHECK("as it was linked", a() == getpid() && b() == getpid());
	CHECK("text becomes writable", mprotect(page_of(at), 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	CHECK("it is as in the file", memcmp(at, original, 8) == 0);
	CHECK("it still runs", a() == getpid());
	at[1] = SYS_getppid;
	CHECK("a changed number", a() == getppid() && b() == getpid());
	at[5] = 0x90;
	at[6] = 0x90;
	CHECK("no call any more", a() == SYS_getppid);
	memcpy(at, original, 8);
	CHECK("text is text again", mprotect(page_of(at), 8192, PROT_READ | PROT_EXEC) == 0);
	CHECK("as before", a() == getpid() && b() == getpid());
	if (fork() == 0)
		_exit(a() == getpid() && b() == getpid());
	wait(&status);
	CHECK("in a child", WEXITSTATUS(status) == 1);

	made = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(made, original, 8);
	mprotect(made, 4096, PROT_READ | PROT_EXEC);
	jit = (long (*)(void))(uintptr_t)made;
	CHECK("made at run time", jit() == getpid());
	CHECK("and left alone", memcmp(made, original, 8) == 0);
	mprotect(made, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	for (int i = 0; i < 1000; i++) {
		made[1] = i & 1 ? SYS_getppid : SYS_getpid;
		if (jit() != (i & 1 ? getppid() : getpid()))
			CHECK("rewritten all the time", 0);
	}
	CHECK("rewritten a thousand times", 1);
	DONE();
}

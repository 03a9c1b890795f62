/* sigaltstack: handlers run there, SS_ONSTACK, a stack overflow is survivable. */
#include "check.h"
#include <setjmp.h>

static char alt[65536];
static volatile sig_atomic_t on_alt, flag;
static sigjmp_buf env;

static void where(int sig)
{
	char here;
	stack_t ss;

	(void)sig;
	on_alt = &here >= alt && &here < alt + sizeof alt;
	sigaltstack(NULL, &ss);
	flag = ss.ss_flags == SS_ONSTACK;
}
static void overflow(int sig) { where(sig); siglongjmp(env, 1); }

__attribute__((noinline)) static int deep(int n)
{
	volatile char space[4096];

	space[n % 4096] = (char)n;
	return n < 0 ? 0 : deep(n + 1) + space[n % 4096];
}

int main(void)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt }, old;
	struct sigaction sa = { 0 };

	CHECK("none at first", sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE));
	CHECK("set", sigaltstack(&ss, NULL) == 0);
	sa.sa_handler = where;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK("without SA_ONSTACK: not there", !on_alt && !flag);
	sa.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK("with SA_ONSTACK: there", on_alt && flag);
	sa.sa_handler = overflow;
	sigaction(SIGSEGV, &sa, NULL);
	on_alt = 0;
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(env, 1))
			deep(0);
		CHECK("stack overflow caught on the other stack", on_alt);
	}
	ss.ss_size = 100;
	FAILS("too small", ENOMEM, sigaltstack(&ss, NULL));
	ss.ss_size = sizeof alt;
	ss.ss_flags = 0x1234;
	FAILS("bad flags", EINVAL, sigaltstack(&ss, NULL));
	ss.ss_flags = SS_DISABLE;
	CHECK("off again", sigaltstack(&ss, NULL) == 0 && sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE));
	DONE();
}

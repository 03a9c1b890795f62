/* Where it starts, its run loop, and its end. */
#include "v6.h"

struct v6 v6;

/* Made of the archive's file by the linker (Makefile). */
extern const uint8_t _binary_archive_cpio_start[], _binary_archive_cpio_end[];

/* Exception vectors (Intel SDM vol. 3, 6.3.1) */
enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_MF = 16, VECTOR_XM = 19 };

EXO_NORETURN void libos_start(struct exo_boot *boot);

uint64_t clock_now(uint64_t clock)
{
	uint64_t now = 0;

	return exo_clock_read(v6.boot->timer, clock, &now) == EXO_OK ? now : 0;
}

/* The first LibOS ends with the machine. Another one leaves a note for whoever started it, who ends its zone; all that
 * it holds goes with the zone. */
void v6_end(uint32_t status)
{
	struct exo_libos_page *page = (struct exo_libos_page *)(void *)v6.boot;

	if (v6.boot->root != EXO_CAP_NONE)
		(void)!exo_halt(v6.boot->root, status, NULL);
	page->status = status;
	__atomic_store_n(&page->state, EXO_LIBOS_ENDED, __ATOMIC_RELEASE);
	for (;;)
		(void)!exo_wait(v6.boot->cpu, UINT64_MAX, NULL);
}

/* ---- events ---- */

static void pending(uint64_t events)
{
	if (events & (EXO_PEND_CONSOLE | EXO_PEND_HANGUP))
		console_input((events & EXO_PEND_HANGUP) != 0);
	if (events & EXO_PEND_ROOM)
		console_room();
	if (events & EXO_PEND_SHUTDOWN)
		v6_end(128 + V6_SIGKILL);
}

static void take_events(void)
{
	uint64_t events = 0;

	if (exo_event_take(v6.boot->zone, &events) == EXO_OK)
		pending(events);
}

static void idle(uint64_t until)
{
	uint64_t events = 0;

	if (exo_wait(v6.boot->cpu, until, &events) == EXO_OK)
		pending(events);
}

static uint32_t signal_of(uint32_t vector)
{
	switch (vector) {
	case VECTOR_DE:
	case VECTOR_MF:
	case VECTOR_XM:
		return V6_SIGFPE;
	case VECTOR_DB:
	case VECTOR_BP:
		return V6_SIGTRAP;
	case VECTOR_UD:
		return V6_SIGILL;
	default:
		return V6_SIGSEGV;
	}
}

/* ---- the run loop ---- */

/* Runs the process until it stops, and sees why. True: another one's turn has come. */
static bool turn(struct process *p)
{
	uint64_t event = EXO_EV_NONE;
	enum exo_status status = exo_run(p->context, v6.boot->cpu, QUANTUM_NS, &event);

	if (status == EXO_E_AGAIN)
		return false;
	if (status != EXO_OK && status != EXO_E_DEAD) {
		v6_log("v6: may not run any more\n");
		v6_end(125);
	}
	switch (status == EXO_OK ? event : EXO_EV_DEAD) {
	case EXO_EV_SYSCALL:
		call_do(p);
		return false;
	case EXO_EV_QUANTUM:
		return true;
	case EXO_EV_PENDING:
		take_events();
		return false;
	case EXO_EV_FAULT:
		process_end(p, V6_SIGSEGV, 0);
		return true;
	case EXO_EV_EXCEPTION:
		process_end(p, signal_of(p->page->vector), 0);
		return true;
	default: /* it broke its machine */
		process_end(p, V6_SIGKILL, 0);
		return true;
	}
}

EXO_NORETURN static void run(void)
{
	struct process *p = NULL;
	uint32_t turns = 0;

	for (;;) {
		uint64_t until = process_wake_time();

		if (!p || p->state != PROCESS_READY || turns++ == CALLS_TURN) {
			p = process_pick(p);
			turns = 0;
		}
		if (!p)
			idle(until);
		else if (p->in_call)
			call_do(p);
		else if (turn(p))
			turns = CALLS_TURN;
	}
}

/* ---- the start ---- */

/* The elements "arg=TEXT" of the command line become strings in `args`, 0 after each; other elements are for others. */
static uint64_t options(char *args, uint64_t *count)
{
	const char *at = v6.boot->cmdline;
	uint64_t size = 0;

	for (*count = 0; *at;) {
		bool is_arg = memcmp(at, "arg=", 4) == 0;

		for (at += is_arg ? 4 : 0; *at && *at != '\n'; at++) {
			char c = *at;

			if (c == '\\' && at[1])
				c = *++at == 'n' ? '\n' : *at;
			if (is_arg)
				args[size++] = c;
		}
		at += *at == '\n';
		if (is_arg) {
			args[size++] = '\0';
			++*count;
		}
	}
	return size;
}

void libos_start(struct exo_boot *boot)
{
	static char args[EXO_CMDLINE_SIZE + 16];
	uint64_t count, size;

	v6.boot = boot;
	console_init();
	v6.archive.bytes = _binary_archive_cpio_start;
	v6.archive.size = (uint64_t)(_binary_archive_cpio_end - _binary_archive_cpio_start);
	if (boot->version != EXO_BOOT_VERSION) {
		v6_log("v6: this kernel's boot page is another one\n");
		v6_end(127);
	}
	frames_init();
	boot->cmdline[EXO_CMDLINE_SIZE - 1] = '\0';
	size = options(args, &count);
	if (count == 0) {
		size = sizeof("/bin/sh");
		memcpy(args, "/bin/sh", size);
		count = 1;
	}
	process_first(args, size, count);
	run();
}

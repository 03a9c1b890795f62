/*
 * A server that is kept: a LibOS has a program below it that calls an endpoint of ours, runs it until the server is at work on
 * the program's time, and then runs it no more. The server goes on by itself, and serves others.
 */
#include "guest.h"
#include "../ipc.h"

#define TRIES 20000 /* of one millisecond */

static struct fastipc_message m;
static volatile uint32_t *shared; /* whom it spins for; whether it shall end that */
enum { SPINS, STOP };

GUEST_MAIN void guest_main(const struct exo_boot *boot)
{
	volatile uint64_t *report = (void *)(GUEST + AT_REPORT * PAGE);
	volatile struct exo_ctx_page *inner = (void *)(GUEST + AT_INNER * PAGE);

	while (!inner->in_call) {
		struct exo_result r = exo_call_here(EXO_NR_RUN, report[0], boot->cpu, 1000000, 0, 0, 0);

		report[1] = r.status;
		report[2] = r.value;
	}
	report[3] = 1;
	for (;;)
		exo_call_here(EXO_NR_WAIT, boot->cpu, ~0UL, 0, 0, 0, 0);
}

/* The program below: calls until it is served. */
IN_GUEST void guest_inner(uint64_t endpoint)
{
	volatile struct fastipc_message *message = (void *)(GUEST + AT_STACK * PAGE);

	message->words[0] = 1;
	for (;;)
		exo_call_here(EXO_NR_FASTIPC_CALL, endpoint, GUEST + AT_STACK * PAGE, 0, 0, 0, 0);
}

static void server(int to)
{
	exo_cap_t self;

	memset(&m, 0, sizeof m);
	if (!ipc_open() || (self = ipc_serve(1)) == EXO_CAP_NONE || !ipc_give(to, self, EXO_R_WRITE | EXO_R_GRANT))
		_exit(1);
	while (exo_fastipc_wait(&m, NULL) == EXO_OK) {
		if (m.words[0] == 2)
			_exit(7);
		for (shared[SPINS] = (uint32_t)m.words[0]; m.words[0] && !shared[STOP];)
			;
		m.words[1] = 42;
	}
	_exit(3);
}

static enum exo_status calls(exo_cap_t endpoint, uint64_t what)
{
	enum exo_status status = EXO_E_BUSY;

	for (int i = 0; i < TRIES && status == EXO_E_BUSY; i++) {
		m = (struct fastipc_message){ .words = { what } };
		status = exo_fastipc_call(endpoint, &m, NULL);
		if (status == EXO_E_BUSY)
			pause_ms(1);
	}
	return status;
}

int main(void)
{
	static struct cpu_quantum q = { .cycles = 3000000, .priority = 1 };
	exo_cap_t guest = 0, context = 0, app = 0, inner = 0, endpoint;
	volatile uint64_t *report;
	struct exo_ctx_page *page;
	enum exo_status status;
	pid_t pid;
	int p[2];

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pipe(p) || (pid = fork()) < 0)
		return 9;
	if (pid == 0)
		server(p[1]);
	close(p[1]);
	endpoint = ipc_get(p[0], EXO_R_WRITE | EXO_R_GRANT);
	CHECK("a server", calls(endpoint, 0) == EXO_OK && m.words[1] == 42);
	CHECK("a LibOS", guest_start(0) && guest_create("keeper", &guest, &context) && guest_create_below(guest, &app));
	page = guest_page(AT_INNER, (uint64_t)(uintptr_t)guest_inner, 2);
	page->regs.rdi = guest_give(endpoint, app);
	report = guest_frame(AT_REPORT);
	CHECK("and a program below it that may call the server", page->regs.rdi != EXO_CAP_NONE &&
	      exo_ctx_create(app, memory, first + AT_INNER, &inner) == EXO_OK && (report[0] = guest_give(inner, guest)) != EXO_CAP_NONE);
	CHECK("it gets its turns", guest_bind(context, &q) == EXO_OK);
	for (int i = 0; i < TRIES && !report[3]; i++)
		pause_ms(1);
	CHECK("the program's call is served, and then nobody runs it", report[3] == 1 && report[1] == EXO_OK && shared[SPINS] == 1);
	m = (struct fastipc_message){ .words = { 0 } };
	status = exo_fastipc_call(endpoint, &m, NULL);
	CHECK("meanwhile the server is busy", status == EXO_E_BUSY);
	shared[STOP] = 1;
	CHECK("it ends what it was at, and serves us", calls(endpoint, 0) == EXO_OK && m.words[1] == 42);
	CHECK("the caller has its answer", ((struct fastipc_message *)guest_frame(AT_STACK))->words[1] == 42);
	CHECK("the keeper goes", guest_end(guest));
	CHECK("the server does not mind", calls(endpoint, 0) == EXO_OK && m.words[1] == 42);
	calls(endpoint, 2);
	CHECK("it ends", EXITED(wait_status(pid), 7));
	DONE();
}

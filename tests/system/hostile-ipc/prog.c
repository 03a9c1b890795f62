/* Attacks by ports: guessed names, missing rights, wild messages, rings of calls, and whoever is killed in the middle. */
#include "../ipc.h"

enum { OK_ANSWER, SPIN, NEST, SLEEP, GUESS };

static struct fastipc_message m;
static volatile uint32_t *spins; /* shared: how often a server has gone round in SPIN */

static enum exo_status nest(exo_cap_t endpoint, uint64_t what)
{
	static struct fastipc_message inner;

	memset(&inner, 0, sizeof inner);
	inner.words[0] = what;
	return exo_fastipc_call(endpoint, &inner, NULL);
}

static void serve(exo_cap_t self, exo_cap_t other)
{
	switch (m.words[0]) {
	case SPIN:
		for (;;)
			++*spins;
	case NEST:
		m.words[1] = nest(self, OK_ANSWER);  /* itself */
		m.words[2] = other ? nest(other, m.words[3]) : 0;
		break;
	case SLEEP:
		pause_ms(100000);
		break;
	case GUESS:
		/* What the caller can, its server cannot: no name of the caller's is one here. */
		for (uint64_t slot = m.words[1] = 0; slot < 4096; slot++)
			m.words[1] += exo_notify_signal(m.words[2] + slot, 1, NULL) == EXO_OK;
		break;
	}
}

/* A server; from >= 0: it gets a capability for another one's endpoint there. */
static pid_t server_start(exo_cap_t *endpoint, int from)
{
	int p[2];
	pid_t pid;

	if (pipe(p))
		return -1;
	pid = fork();
	if (pid == 0) {
		exo_cap_t self, other = EXO_CAP_NONE;

		memset(&m, 0, sizeof m);
		if (!ipc_open() || (self = ipc_serve(1)) == EXO_CAP_NONE || !ipc_give(p[1], self, EXO_R_WRITE | EXO_R_READ | EXO_R_GRANT))
			_exit(1);
		if (from >= 0)
			other = ipc_get(from, EXO_R_WRITE);
		while (exo_fastipc_wait(&m, NULL) == EXO_OK || exo_fastipc_wait(&m, NULL) == EXO_OK)
			serve(self, other);
		_exit(3);
	}
	*endpoint = ipc_get(p[0], EXO_R_WRITE | EXO_R_READ | EXO_R_GRANT);
	close(p[0]);
	close(p[1]);
	return pid;
}

static enum exo_status ask(exo_cap_t endpoint, uint64_t what)
{
	memset(&m, 0, sizeof m);
	m.words[0] = what;
	return ipc_call(endpoint, &m);
}

static void names(exo_cap_t endpoint)
{
	exo_cap_t weak = EXO_CAP_NONE, bits = ipc_port(EXO_CAP_NOTIFY), ours = ipc_port(EXO_CAP_IPC), found = 0;

	exo_cap_derive(bits, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &weak);
	for (exo_cap_t i = 1; i < 3000; i++) {
		exo_cap_t guess = i << 16 | (endpoint & 0xffff);

		found += exo_fastipc_call(endpoint + (i << 16), &m, NULL) != EXO_E_CAP;
		found += guess != endpoint && exo_fastipc_call(guess, &m, NULL) != EXO_E_CAP;
	}
	CHECK("no guessed name is an endpoint", found == 0);
	REFUSED("no capability", EXO_E_CAP, EXO_NR_FASTIPC_CALL, 0, &m, 0, 0, 0, 0);
	REFUSED("a notification is not called", EXO_E_TYPE, EXO_NR_FASTIPC_CALL, bits, &m, 0, 0, 0, 0);
	REFUSED("an endpoint has no bits", EXO_E_TYPE, EXO_NR_NOTIFY_SIGNAL, endpoint, 1, 0, 0, 0, 0);
	REFUSED("a zone is no port", EXO_E_TYPE, EXO_NR_PORT_UNBIND, ipc_zone, 0, 0, 0, 0, 0);
	REFUSED("a port of no kind", EXO_E_ARG, EXO_NR_PORT_CREATE, ipc_zone, EXO_CAP_ZONE, 0, 0, 0, 0);
	REFUSED("to read is not to signal", EXO_E_RIGHTS, EXO_NR_NOTIFY_SIGNAL, weak, 1, 0, 0, 0, 0);
	REFUSED("to bind without a context", EXO_E_TYPE, EXO_NR_PORT_BIND, ours, ipc_zone, 0, 0, 0, 0);
	REFUSED("nobody serves it", EXO_E_STATE, EXO_NR_FASTIPC_CALL, ours, &m, 0, 0, 0, 0);
	REFUSED("to unbind what another has bound", EXO_E_STATE, EXO_NR_PORT_UNBIND, endpoint, 0, 0, 0, 0, 0);
	REFUSED("to cancel what is no context", EXO_E_TYPE, EXO_NR_CTX_CANCEL, ipc_zone, 0, 0, 0, 0, 0);
	REFUSED("to cancel what does not wait", EXO_E_STATE, EXO_NR_CTX_CANCEL, exo_ask(EXO_DEV_CONTEXT, EXO_R_EXEC), 0, 0, 0, 0, 0);
	CHECK("to take its place", exo_port_bind(endpoint, exo_ask(EXO_DEV_CONTEXT, EXO_R_EXEC), 0, NULL) == EXO_E_BUSY);
}

static void addresses(exo_cap_t endpoint)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct exo_batch_op op = { .call = EXO_NR_FASTIPC_CALL, .args = { endpoint, (uint64_t)&m } };

	memset(page, 0, 8192);
	mprotect(page + 4096, 4096, PROT_NONE);
	REFUSED("a message at 0", EXO_E_ADDRESS, EXO_NR_FASTIPC_CALL, endpoint, 0, 0, 0, 0, 0);
	REFUSED("in the kernel", EXO_E_ADDRESS, EXO_NR_FASTIPC_CALL, endpoint, 0xffffffff80000000, 0, 0, 0, 0);
	REFUSED("at no address", EXO_E_ADDRESS, EXO_NR_FASTIPC_CALL, endpoint, 0x8000000000000000, 0, 0, 0, 0);
	REFUSED("over the end of all addresses", EXO_E_ADDRESS, EXO_NR_FASTIPC_CALL, endpoint, ~0ULL - 40, 0, 0, 0, 0);
	REFUSED("cut by the end of memory", EXO_E_ADDRESS, EXO_NR_FASTIPC_CALL, endpoint, page + 4096 - 80, 0, 0, 0, 0);
	REFUSED("to wait at 0", EXO_E_ADDRESS, EXO_NR_FASTIPC_WAIT, 0, 0, 0, 0, 0, 0);
	CHECK("at a crooked address", (memset(page, 0, 200), exo_fastipc_call(endpoint, (void *)(page + 3), NULL)) == EXO_OK);
	mprotect(page, 4096, PROT_READ);
	CHECK("where no answer can be written", exo_fastipc_call(endpoint, (void *)page, NULL) == EXO_E_ADDRESS);
	CHECK("the server goes on", ask(endpoint, OK_ANSWER) == EXO_OK);
	CHECK("in a batch", exo_batch(&op, 1, NULL) == EXO_OK && op.status == EXO_E_CALL);
}

static void gifts(exo_cap_t endpoint)
{
	exo_frame_t first = 0;
	exo_cap_t memory = ipc_frames(1, &first), held = EXO_CAP_NONE, bits = ipc_port(EXO_CAP_NOTIFY);

	exo_cap_derive(memory, EXO_R_READ, first, 1, EXO_NO_EXPIRY, &held);
	m = (struct fastipc_message){ .cap = held, .rights = EXO_R_READ };
	REFUSED("a capability that may not be given", EXO_E_RIGHTS, EXO_NR_FASTIPC_CALL, endpoint, &m, 0, 0, 0, 0);
	m.cap = memory + (77 << 16);
	REFUSED("one that is none", EXO_E_CAP, EXO_NR_FASTIPC_CALL, endpoint, &m, 0, 0, 0, 0);
	m = (struct fastipc_message){ .words = { GUESS, 0, bits - 2048 } };
	CHECK("names of the caller mean nothing to the server", ipc_call(endpoint, &m) == EXO_OK && m.words[1] == 0);
}

int main(void)
{
	struct witness w;
	exo_cap_t first, second;
	pid_t one, two, client;
	int p[2];

	spins = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*spins = 0;
	CHECK("the audit ring", exo_audit_open());
	CHECK("our own zone", ipc_open());
	w = witness_start();
	one = server_start(&first, -1);
	CHECK("a server", ask(first, OK_ANSWER) == EXO_OK);
	names(first);
	addresses(first);
	gifts(first);

	/* The second calls the first; the first calls itself. */
	if (pipe(p) || !ipc_give(p[1], first, EXO_R_WRITE))
		return 1;
	two = server_start(&second, p[0]);
	CHECK("a call to itself", ask(first, NEST) == EXO_OK && m.words[1] == EXO_E_BUSY);
	CHECK("a call within a call", ask(second, NEST) == EXO_OK && m.words[1] == EXO_E_BUSY && m.words[2] == EXO_OK);

	/* A client is killed while its server computes on its time. */
	client = fork();
	if (client == 0) {
		exo_cap_t cap = ipc_get(p[0], EXO_R_WRITE);

		_exit(ask(cap, SPIN));
	}
	CHECK("a client", ipc_give(p[1], second, EXO_R_WRITE));
	for (int i = 0; i < 10000 && *spins < 1000; i++)
		pause_ms(1);
	CHECK("its server computes for ever", *spins >= 1000);
	kill(client, SIGKILL);
	CHECK("and the client can be killed", KILLED(wait_status(client), SIGKILL));
	CHECK("who has lost its client is not called", exo_fastipc_call(second, &m, NULL) == EXO_E_BUSY);
	kill(two, SIGKILL);
	CHECK("and can be killed", KILLED(wait_status(two), SIGKILL));
	CHECK("what it served is gone", ask(second, OK_ANSWER) == EXO_E_CAP);

	/* A server is killed in the middle of a call: by somebody else, while it sleeps in its LibOS, and while it computes. */
	for (uint64_t what = SPIN; what <= SLEEP; what += SLEEP - SPIN) {
		pid_t killer;

		two = server_start(&second, -1);
		killer = fork();
		if (killer == 0) {
			pause_ms(100);
			_exit(kill(two, SIGKILL));
		}
		CHECK(what == SPIN ? "a server killed while it computes" : "a server killed while it sleeps", ask(second, what) == EXO_E_DEAD);
		wait_status(-1);
		wait_status(-1);
	}
	/* All of it at once: the chain's end works, its middle is killed. */
	if (!ipc_give(p[1], first, EXO_R_WRITE))
		return 1;
	two = server_start(&second, p[0]);
	client = fork();
	if (client == 0) {
		pause_ms(100);
		_exit(kill(two, SIGKILL));
	}
	memset(&m, 0, sizeof m);
	m.words[0] = NEST;
	m.words[3] = SPIN;
	CHECK("the one in the middle killed", ipc_call(second, &m) == EXO_E_DEAD);
	wait_status(-1);
	wait_status(-1);
	kill(one, SIGKILL);
	CHECK("the last one ends", KILLED(wait_status(one), SIGKILL));
	CHECK("a process beside it works on", witness_is_well(&w));
	witness_end(&w);
	DONE();
}

/* fastipc: calls from context to context, and every way in which they end. */
#include "core_parties.h"

CORE_TEST(fastipc, a_call_and_its_answer)
{
	pair(serves);
	cr_assert_eq(run(1), EXO_EV_IPC, "it is not entered");
	cr_assert_eq(p[1].step, 1);
	for (uint64_t i = 0; i < 10; i++) {
		p[0].m->words[0] = 10 * i;
		p[0].m->words[7] = i;
		CLIENT_GETS(OK);
		cr_assert_eq(p[0].m->words[0], 10 * i + 1);
		cr_assert_eq(p[0].m->words[7], i);
		cr_assert_eq(p[0].m->label, 0);
		cr_assert_eq(p[1].m->label, LABEL + 1);
	}
	cr_assert_eq(p[1].step, 11);
	cr_assert_eq(events(), 0, "nobody had to be told");
	cr_assert_eq(core.zones[inspect(p[1].zone).first]->transitions, 11);
}

CORE_TEST(fastipc, who_cannot_be_called)
{
	exo_cap_t plain;

	make(0, asks);
	make(1, serves);
	connect(0, 1);
	CLIENT_GETS(E_BUSY);
	cr_assert_eq(run(1), EXO_EV_IPC);
	OK(exo_port_unbind(p[1].endpoint, NULL));
	CLIENT_GETS(E_STATE);
	IS(E_STATE, exo_fastipc_call(p[1].endpoint, p[0].m, NULL));
	OK(exo_port_bind(p[1].endpoint, p[1].context, 0, NULL));
	IS(E_BUSY, exo_port_bind(p[1].endpoint, p[0].context, 0, NULL));
	IS(E_BUSY, exo_cap_drop(p[1].context, NULL));
	IS(E_STATE, exo_fastipc_call(p[1].endpoint, p[0].m, NULL));
	IS(E_STATE, exo_fastipc_wait(p[0].m, NULL));
	plain = p[0].target;
	OK(exo_cap_grant(p[1].endpoint, p[0].zone, EXO_R_READ, &p[0].target));
	CLIENT_GETS(E_RIGHTS);
	p[0].target = 12345;
	CLIENT_GETS(E_CAP);
	connect(0, 0);
	CLIENT_GETS(E_BUSY);
	p[0].target = plain;
	CLIENT_GETS(OK);
	IS(E_TYPE, exo_port_bind(p[1].endpoint, p[1].zone, 0, NULL));
	IS(E_RIGHTS, exo_port_bind(p[1].endpoint, derive(p[1].context, EXO_R_READ, 0, 0), 0, NULL));
}

CORE_TEST(fastipc, not_in_a_batch)
{
	struct exo_batch_op ops[2] = { { .call = EXO_NR_FASTIPC_CALL }, { .call = EXO_NR_FASTIPC_WAIT } };

	OK(exo_batch(ops, 2, NULL));
	cr_assert_eq(ops[0].status, EXO_E_CALL);
	cr_assert_eq(ops[1].status, EXO_E_CALL);
}

CORE_TEST(fastipc, calls_within_calls)
{
	for (unsigned i = 0; i < PARTIES; i++)
		make(i, i == 0 ? asks : forwards);
	for (unsigned i = 0; i + 1 < PARTIES; i++)
		connect(i, i + 1);
	for (unsigned i = 1; i < PARTIES; i++)
		cr_assert_eq(run(i), EXO_EV_IPC);
	connect(3, 1);
	CLIENT_GETS(OK);
	cr_assert_eq(p[3].status, EXO_E_BUSY, "in a ring nobody waits");
	cr_assert_eq(p[3].step, 3);
	connect(3, 4);
	CLIENT_GETS(OK);
	cr_assert_eq(p[EXO_FASTIPC_DEPTH].step, 3);
	cr_assert_eq(p[EXO_FASTIPC_DEPTH + 1].step, 1, "too deep");
	p[EXO_FASTIPC_DEPTH].play = computes;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert_eq(of(EXO_FASTIPC_DEPTH)->caller, of(EXO_FASTIPC_DEPTH - 1));
	/* One in the middle goes: those before it are told, those behind it go on by themselves. */
	events();
	end(p[4].zone);
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_null(of(5)->caller);
	CLIENT_GETS(OK);
	cr_assert_eq(run(5), EXO_EV_QUANTUM, "goes on where the chain ends");
	/* Its own runner runs it meanwhile: from here on the chain is in two. */
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_eq(run(6), EXO_EV_QUANTUM);
	events();
	cr_assert_eq(run(5), EXO_EV_IPC);
}

CORE_TEST(fastipc, the_clients_quantum_is_spent)
{
	uint64_t start;

	pair(computes);
	start = fake.now_ns;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert(fake.now_ns - start < 1001000);
	cr_assert_eq(p[0].page->event, EXO_EV_QUANTUM);
	cr_assert_eq(p[1].page->event, EXO_EV_IPC);
	cr_assert_eq(events(), EXO_PEND_IPC, "the server's LibOS is told, too");
	fake.events |= EXO_PEND_CONSOLE;
	cr_assert_eq(run(0), EXO_EV_PENDING);
	cr_assert_eq(events(), EXO_PEND_CONSOLE | EXO_PEND_IPC);
	p[1].play = serves;
	CLIENT_GETS(OK);
	cr_assert_eq(events(), 0, "no more: nobody serves it");
}

/* Whoever runs the client does not do so any more. The server is run by its own runner, answers, and serves others. */
CORE_TEST(fastipc, a_client_that_nobody_runs)
{
	pair(computes);
	make(2, asks);
	connect(2, 1);
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert_eq(events(), EXO_PEND_IPC);
	fake.now_ns += UINT64_C(3600000000000);
	cr_assert_eq(run(2), EXO_EV_SYSCALL);
	cr_assert_eq(p[2].status, EXO_E_BUSY);
	cr_assert_eq(run(1), EXO_EV_QUANTUM, "on its own runner's time");
	cr_assert_eq(run(0), EXO_EV_IPC, "from now on until the answer");
	p[1].play = serves;
	cr_assert_eq(run(1), EXO_EV_IPC);
	cr_assert_eq(events(), EXO_PEND_IPC, "the client could go on");
	cr_assert_eq(run(2), EXO_EV_SYSCALL);
	cr_assert_eq(p[2].status, EXO_OK);
	CLIENT_GETS(OK);
}

/* The same in the middle of a chain. */
CORE_TEST(fastipc, a_chain_that_nobody_runs)
{
	pair(forwards);
	make(2, computes);
	connect(1, 2);
	cr_assert_eq(run(2), EXO_EV_IPC);
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	events();
	cr_assert_eq(run(1), EXO_EV_QUANTUM, "and whom it calls");
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_eq(run(0), EXO_EV_IPC);
	p[2].play = serves;
	cr_assert_eq(run(2), EXO_EV_IPC, "by its own runner it answers");
	events();
	cr_assert_eq(run(1), EXO_EV_IPC);
	events();
	CLIENT_GETS(OK);
}

static void faults(struct fake_entry *entry, unsigned step)
{
	if (step == 1)
		fake_fault(entry, 0x1000, EXO_ACCESS_READ);
	else
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
}

CORE_TEST(fastipc, a_servers_fault_is_its_libos_business)
{
	pair(faults);
	cr_assert_eq(run(0), EXO_EV_IPC);
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_eq(p[1].page->event, EXO_EV_FAULT);
	cr_assert_eq(run(0), EXO_EV_IPC);
	cr_assert_eq(run(1), EXO_EV_FAULT, "told once");
	cr_assert_eq(p[1].step, 2);
	cr_assert_eq(run(0), EXO_EV_IPC);
	cr_assert_eq(events(), 0);
	cr_assert_eq(run(1), EXO_EV_IPC, "it answers and waits");
	cr_assert_eq(p[1].step, 3);
	cr_assert_eq(events(), EXO_PEND_IPC, "the client goes on");
	CLIENT_GETS(OK);
}

static void breaks(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
	else
		entry->trap->event = EXO_EV_DEAD;
}

CORE_TEST(fastipc, a_server_that_dies)
{
	pair(breaks);
	CLIENT_GETS(E_DEAD);
	cr_assert_eq(run(1), EXO_EV_DEAD);
	IS(E_DEAD, exo_run(p[1].context, boot->cpu, 1000, NULL));
	SOUND();
}

/* In the middle of a call. */
static void ended_by(enum exo_status (*act)(void), enum exo_status status)
{
	uint64_t used = stats().caps_used;
	enum exo_status got;

	pair(computes);
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	events();
	got = act();
	cr_assert_eq(got, EXO_OK, "%d", (int)got);
	SOUND();
	cr_assert(events() & EXO_PEND_IPC);
	cr_assert_eq(run(0), EXO_EV_SYSCALL);
	cr_assert_eq(p[0].status, status);
	end(p[0].zone);
	if (core_check() == NULL && exo_cap_inspect(p[1].zone, &(struct exo_cap_info){ 0 }, NULL) == EXO_OK)
		end(p[1].zone);
	cr_assert_eq(stats().caps_used, used);
}

static enum exo_status act_destroy(void) { return exo_zone_destroy(p[1].zone, NULL); }
static enum exo_status act_unbind(void) { return exo_port_unbind(p[1].endpoint, NULL); }
static enum exo_status act_cancel(void) { return exo_ctx_cancel(p[0].context, NULL); }
static enum exo_status act_reap(void)
{
	reap_zone(core.zones[inspect(p[1].zone).first]);
	return exo_nop(NULL);
}

CORE_TEST(fastipc, ends_of_a_call)
{
	ended_by(act_destroy, EXO_E_DEAD);
	ended_by(act_unbind, EXO_E_DEAD);
	ended_by(act_cancel, EXO_E_AGAIN);
	ended_by(act_reap, EXO_E_DEAD);
}

/* Each of the capabilities that the server is bound under, with a call in flight; also one that is over by time. */
CORE_TEST(fastipc, revocation_in_a_call)
{
	for (unsigned which = 0; which < 4; which++) {
		exo_cap_t port, context;
		uint64_t expires;

		pair(computes);
		expires = which >= 2 ? fake.now_ns + 1500000 : EXO_NO_EXPIRY;
		OK(exo_port_unbind(p[1].endpoint, NULL));
		OK(exo_cap_derive(p[1].endpoint, EXO_R_READ, 0, 0, which == 2 ? expires : EXO_NO_EXPIRY, &port));
		OK(exo_cap_derive(p[1].context, EXO_R_EXEC, 0, 0, which == 3 ? expires : EXO_NO_EXPIRY, &context));
		OK(exo_port_bind(port, context, 0, NULL));
		cr_assert_eq(run(0), EXO_EV_QUANTUM);
		if (which < 2)
			OK(exo_cap_revoke(which ? p[1].context : p[1].endpoint, NULL));
		else
			fake.timer_at = UINT64_MAX, fake.now_ns += 1000000;
		CLIENT_GETS(E_DEAD);
		events();
		cr_assert(run(1) == EXO_EV_QUANTUM && p[1].step == 3, "it goes on by itself, and did not on the client's time");
		p[1].play = serves;
		p[1].step = 1;
		cr_assert_eq(run(1), EXO_EV_IPC);
		cr_assert_eq(p[1].step, 3, "its answer was refused, and it waits again");
		cr_assert_eq(run(0), EXO_EV_SYSCALL);
		cr_assert_eq(p[0].status, which == 0 ? EXO_E_CAP : EXO_E_STATE);
	}
}

/* A revocation that has begun and is not finished counts. */
CORE_TEST(fastipc, an_unfinished_revocation)
{
	exo_cap_t port;

	pair(computes);
	OK(exo_port_unbind(p[1].endpoint, NULL));
	port = derive(p[1].endpoint, EXO_R_READ, 0, 0);
	OK(exo_port_bind(port, p[1].context, 0, NULL));
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	p[0].step = 1;
	reap_revoke(cap_at((cap_slot_t)p[1].endpoint), &(struct work){ 0 });
	cr_assert_eq(client(), EXO_EV_SYSCALL);
	cr_assert_eq(p[0].status, EXO_E_DEAD);
}

/* The server goes on in a context whose page goes when what is returned is revoked. */
static exo_cap_t server_on_a_page_of_its_own(void)
{
	exo_cap_t memory = derive(boot->memory, EXO_R_ALL, frames_take(1), 1), part, context;
	exo_frame_t page = inspect(memory).first;

	part = derive(memory, EXO_R_ALL, page, 1);
	memset(frame_ptr(page), 0, PAGE);
	OK(exo_ctx_create(p[1].zone, part, page, &context));
	p[1].page = frame_ptr(page);
	p[1].page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	p[1].page->regs.rbx = 1;
	p[1].step = 0;
	OK(exo_port_unbind(p[1].endpoint, NULL));
	OK(exo_port_bind(p[1].endpoint, p[1].context = context, 0, NULL));
	cr_assert_eq(run(1), EXO_EV_IPC);
	return memory;
}

CORE_TEST(fastipc, its_context_page_is_taken)
{
	exo_cap_t memory;

	pair(computes);
	memory = server_on_a_page_of_its_own();
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	events();
	OK(exo_cap_revoke(memory, NULL));
	cr_assert_eq(events() & EXO_PEND_IPC, EXO_PEND_IPC, "who runs the client hears of it before it does so again");
	CLIENT_GETS(E_DEAD);
	CLIENT_GETS(E_DEAD);
}

CORE_TEST(fastipc, a_client_that_goes)
{
	pair(computes);
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	events();
	end(p[0].zone);
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
	p[1].play = asks;
	p[1].step = 1;
	cr_assert_eq(run(1), EXO_EV_SYSCALL);
	p[1].play = serves;
	cr_assert_eq(run(1), EXO_EV_IPC);
	cr_assert_eq(p[1].status, EXO_E_DEAD);
	cr_assert(of(1)->parked);
	make(0, asks);
	connect(0, 1);
	CLIENT_GETS(OK);
}

/* The server ends its client, and its client's zone, in the middle of the call. */
static void kills(struct fake_entry *entry, unsigned step)
{
	if (step == 1)
		calls(entry, EXO_NR_CTX_CANCEL, p[me].target, 0);
	else
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
}

CORE_TEST(fastipc, a_server_that_cancels_its_client)
{
	pair(kills);
	OK(exo_cap_grant(p[0].context, p[1].zone, EXO_R_EXEC, &p[1].target));
	CLIENT_GETS(E_AGAIN);
	cr_assert_eq(run(1), EXO_EV_IPC);
	cr_assert_eq(p[1].step, 4, "E_DEAD, then it waits");
	SOUND();
}

CORE_TEST(fastipc, cancelling)
{
	pair(serves);
	IS(E_STATE, exo_ctx_cancel(p[0].context, NULL));
	OK(exo_ctx_cancel(p[1].context, NULL));
	CLIENT_GETS(E_BUSY);
	p[1].play = computes;
	p[1].step = 0;
	cr_assert_eq(run(1), EXO_EV_IPC);
	events();
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	/* Whoever serves is given back to its own runner. */
	OK(exo_ctx_cancel(p[1].context, NULL));
	IS(E_STATE, exo_ctx_cancel(p[1].context, NULL));
	events();
	cr_assert_eq(run(0), EXO_EV_IPC);
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
	p[1].play = serves;
	events();
	cr_assert_eq(run(1), EXO_EV_IPC);
	cr_assert_eq(events(), EXO_PEND_IPC);
	CLIENT_GETS(OK);
	cr_assert_eq(p[0].m->words[0], 1);
}

CORE_TEST(fastipc, main_contexts_neither_call_nor_serve)
{
	const struct cpu_quantum quantum = { .cycles = 1000000 };
	exo_cap_t zone, context;
	exo_frame_t page;
	uint64_t v;

	pair(serves);
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(24), 24, "guest", 5, &zone));
	context = context_make(zone, &page);
	p[2] = (struct party){ .zone = zone, .context = context, .page = frame_ptr(page), .play = computes };
	p[2].page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	p[2].page->regs.rbx = 2;
	OK(exo_quantum_bind(boot->cpu, 3, context, &quantum, NULL));
	OK(exo_wait(boot->cpu, fake.now_ns + 3000000, &v));
	cr_assert_eq(p[2].status, EXO_E_STATE);
	IS(E_STATE, exo_quantum_bind(boot->cpu, 4, p[1].context, &quantum, NULL));
	SOUND();
}

/* ---- Two CPUs: one thread plays both ------------------------------------- */

static enum exo_status (*meanwhile)(void); /* what CPU 0 does while CPU 1 is in the server, on the client's quantum */
static enum exo_status meanwhile_status;
static bool kicked;

static void is_interrupted(struct fake_entry *entry, unsigned step)
{
	if (step == 0) {
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
	} else if (meanwhile) {
		fake_cpu_become(0);
		meanwhile_status = meanwhile();
		SOUND();
		meanwhile = NULL;
		fake_cpu_become(1);
		kicked = fake_is_kicked();
	} else {
		computes(entry, step);
	}
}

#define CPUS_TEST(name, act, status)                                              \
	static void two_cpus_##name(void);                                        \
	static void two_cpus_##name##_libos(const struct exo_boot *b)             \
	{                                                                         \
		boot = b;                                                         \
		next_frame = b->memory_first;                                     \
		fake_cpu_become(1);                                               \
		pair(is_interrupted);                                             \
		events();                                                         \
		meanwhile = act;                                                  \
		kicked = false;                                                   \
		two_cpus_##name();                                                \
		cr_assert_eq(meanwhile_status, EXO_##status, "%d", (int)meanwhile_status); \
		cr_assert(kicked || EXO_##status == EXO_E_BUSY);                  \
		fake_cpu_become(0);                                               \
		SOUND();                                                          \
	}                                                                         \
	Test(fastipc_cpus, name)                                                  \
	{                                                                         \
		fake_reset();                                                     \
		fake.cpu_count = 2;                                               \
		cr_assert_eq(fake_boot(two_cpus_##name##_libos), FAKE_RETURNED);  \
	}                                                                         \
	static void two_cpus_##name(void)

static enum exo_status act_end_client(void) { return exo_zone_destroy(p[0].zone, NULL); }
static enum exo_status act_cancel_server(void) { return exo_ctx_cancel(p[1].context, NULL); }
static enum exo_status act_run_server(void) { return exo_run(p[1].context, boot->cpu, 1000, NULL); }
static enum exo_status act_run_client(void) { return exo_run(p[0].context, boot->cpu, 1000, NULL); }
static enum exo_status act_revoke_all(void) { return exo_cap_revoke(boot->zone, NULL); } /* and what was made below it */

CPUS_TEST(the_server_is_destroyed, act_destroy, E_AGAIN)
{
	CLIENT_GETS(E_DEAD);
	end(p[1].zone);
}

CPUS_TEST(the_client_is_destroyed, act_end_client, E_AGAIN)
{
	uint64_t event = 0;

	IS(E_DEAD, exo_run(p[0].context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_DEAD);
	end(p[0].zone);
	cr_assert_null(of(1)->caller);
	events();
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
}

CPUS_TEST(the_endpoint_is_unbound, act_unbind, OK)
{
	CLIENT_GETS(E_DEAD);
	events();
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
}

CPUS_TEST(the_call_is_cancelled, act_cancel, OK)
{
	CLIENT_GETS(E_AGAIN);
	events();
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
}

CPUS_TEST(the_server_is_taken_back, act_cancel_server, OK)
{
	cr_assert_eq(client(), EXO_EV_IPC);
	p[1].play = serves;
	cr_assert_eq(run(1), EXO_EV_IPC);
	CLIENT_GETS(OK);
}

CPUS_TEST(the_server_runs_already, act_run_server, E_BUSY)
{
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
}

CPUS_TEST(the_client_runs_already, act_run_client, E_BUSY)
{
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
}

CPUS_TEST(all_is_revoked, act_revoke_all, OK)
{
	uint64_t event = 0;
	enum exo_status status = exo_run(p[0].context, boot->cpu, 1000000, &event);

	cr_assert(status == EXO_E_REVOKED || (status == EXO_OK && event == EXO_EV_PENDING));
	cr_assert_neq(exo_run(p[0].context, boot->cpu, 1000000, &event), EXO_OK);
	while (exo_cap_revoke(boot->zone, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(stats().zones, 1);
	cr_assert_eq(stats().contexts, 0);
}

static exo_cap_t page_memory;
static enum exo_status act_take_page(void) { return exo_cap_revoke(page_memory, NULL); }

/* Its page stays bound while the other CPU may write to it. */
CPUS_TEST(the_servers_page_is_taken, act_take_page, E_AGAIN)
{
	uint64_t event;

	page_memory = server_on_a_page_of_its_own();
	IS(E_AGAIN, exo_run(p[0].context, boot->cpu, 1000000, &event));
	CLIENT_GETS(E_DEAD);
}

/* CPU 1 is at the chain's end, and its middle goes. */
CPUS_TEST(the_middle_is_destroyed, act_destroy, OK)
{
	make(2, is_interrupted);
	connect(1, 2);
	cr_assert_eq(run(2), EXO_EV_IPC);
	p[1].play = forwards;
	CLIENT_GETS(E_DEAD);
	cr_assert_null(of(2)->caller);
	events();
	cr_assert_eq(run(2), EXO_EV_QUANTUM);
}

/* E_BUSY: as it must be. */
static enum exo_status act_run_middle(void)
{
	uint64_t event = 0;

	return exo_run(p[1].context, boot->cpu, 1000, &event) == EXO_OK && event == EXO_EV_IPC && !of(1)->detached ? EXO_E_BUSY : EXO_OK;
}

/* While somebody runs the head, nobody else gets what is behind it. */
CPUS_TEST(the_middle_is_run, act_run_middle, E_BUSY)
{
	make(2, is_interrupted);
	connect(1, 2);
	cr_assert_eq(run(2), EXO_EV_IPC);
	p[1].play = forwards;
	cr_assert_eq(client(), EXO_EV_QUANTUM);
	cr_assert_eq(heard, 0, "nobody is told of what goes on");
}

static enum exo_status act_cancel_middle(void) { return exo_ctx_cancel(p[1].context, NULL); }

CPUS_TEST(the_middle_is_cancelled, act_cancel_middle, OK)
{
	make(2, is_interrupted);
	connect(1, 2);
	cr_assert_eq(run(2), EXO_EV_IPC);
	p[1].play = forwards;
	CLIENT_GETS(OK);
	cr_assert_eq(p[1].status, EXO_E_AGAIN, "it answers all the same");
	events();
	cr_assert_eq(run(2), EXO_EV_QUANTUM);
}

/* fastipc: what a message says, and what goes along with it. */
#include "core_parties.h"

CORE_TEST(messages, messages_at_wild_addresses)
{
	pair(serves);
	OK(map_under(p[0].zone, boot->memory, BASE, 0, 1, 0));
	CLIENT_GETS(E_ADDRESS);
	OK(map_under(p[0].zone, boot->memory, BASE, p[0].frame, 1, EXO_PROT_READ));
	CLIENT_GETS(E_ADDRESS);
	cr_assert_eq(p[1].step, 2, "it was served, but cannot be answered");
	OK(map_under(p[0].zone, boot->memory, BASE, p[0].frame, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(map_under(p[1].zone, boot->memory, BASE, p[1].frame, 1, EXO_PROT_READ));
	events();
	heard = 0;
	CLIENT_GETS(E_BUSY);
	cr_assert_eq(heard, EXO_PEND_IPC);
	p[1].play = asks;
	p[1].step = 1;
	cr_assert_eq(run(1), EXO_EV_SYSCALL);
	cr_assert_eq(p[1].status, EXO_E_ADDRESS);
	p[1].play = serves;
	p[1].step = 0;
	cr_assert_eq(run(1), EXO_EV_QUANTUM, "its memory cannot be written, so it does not wait");
	cr_assert_eq(p[1].status, EXO_E_ADDRESS);
}

CORE_TEST(messages, a_capability_goes_along)
{
	exo_frame_t frames = frames_take(4);
	exo_cap_t mine = derive(boot->memory, EXO_R_ALL, frames, 4), theirs, weak;
	struct exo_stats before;

	servers_take = true;
	pair(serves);
	before = stats();
	OK(exo_cap_grant(mine, p[0].zone, EXO_R_READ | EXO_R_WRITE | EXO_R_GRANT, &theirs));
	OK(exo_cap_grant(mine, p[0].zone, EXO_R_READ, &weak));
	p[0].m->cap = weak;
	p[0].m->rights = EXO_R_READ;
	CLIENT_GETS(E_RIGHTS);
	p[0].m->cap = 0x10000 + 77;
	CLIENT_GETS(E_CAP);
	cr_assert_eq(p[1].step, 1, "nothing came");
	p[0].m->cap = theirs;
	p[0].m->rights = EXO_R_READ | EXO_R_EXEC;
	p[0].m->takes = 1;
	p[0].step = 0;
	p[1].play = computes;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert_eq(p[1].m->rights, EXO_R_READ);
	cr_assert_eq(cap_find(p[1].m->cap)->owner, inspect(p[1].zone).first);
	cr_assert_eq(cap_find(p[1].m->cap)->first, frames);
	cr_assert_eq(p[1].m->takes, 1, "its own, of the next wait");
	cr_assert_eq(stats().caps_used, before.caps_used + 3);
	/* The answer hands it back. */
	p[1].m->rights = 0;
	p[1].play = serves;
	IS(E_BUSY, exo_cap_drop(p[1].context, NULL));
	cr_assert_eq(events(), EXO_PEND_IPC);
	cr_assert_eq(run(0), EXO_EV_QUANTUM, "no right to grant it: the server is told, and tries again");
	cr_assert_eq(p[1].status, EXO_E_RIGHTS);
	p[1].m->cap = EXO_CAP_NONE;
	cr_assert_eq(client(), EXO_EV_SYSCALL);
	cr_assert_eq(p[0].m->cap, EXO_CAP_NONE);
	OK(exo_cap_revoke(mine, NULL));
	cr_assert_eq(stats().caps_used, before.caps_used);
}

/* Whoever has not said that it takes a capability gets none, and nothing has happened. */
CORE_TEST(messages, a_capability_is_declined)
{
	exo_cap_t theirs, its;
	struct exo_stats before;

	pair(serves);
	OK(exo_cap_grant(boot->timer, p[0].zone, EXO_R_READ | EXO_R_GRANT, &theirs));
	OK(exo_cap_grant(boot->timer, p[1].zone, EXO_R_READ | EXO_R_GRANT, &its));
	before = stats();
	p[0].m->cap = theirs;
	p[0].m->takes = 1;
	for (int i = 0; i < 100; i++)
		CLIENT_GETS(E_DECLINED);
	cr_assert_eq(p[1].step, 1, "nothing came");
	cr_assert_eq(stats().caps_used, before.caps_used);
	p[0].m->cap = EXO_CAP_NONE;
	p[0].m->takes = 0;
	p[1].m->cap = EXO_CAP_NONE;
	CLIENT_GETS(OK);
	/* The answer likewise: the server is told, and can answer without it. */
	p[1].play = computes;
	p[0].step = 0;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	p[1].m->cap = its;
	p[1].play = serves;
	cr_assert_eq(client(), EXO_EV_QUANTUM);
	cr_assert_eq(p[1].status, EXO_E_DECLINED);
	p[1].m->cap = EXO_CAP_NONE;
	cr_assert_eq(client(), EXO_EV_SYSCALL);
	cr_assert_eq(p[0].status, EXO_OK);
	cr_assert_eq(stats().caps_used, before.caps_used);
}

/* Takes one with the first message, none with the second. */
static void takes_once(struct fake_entry *entry, unsigned step)
{
	p[me].m->takes = step == 0;
	asks(entry, step);
}

CORE_TEST(messages, what_is_taken_is_said_each_time)
{
	exo_cap_t its;

	pair(computes);
	OK(exo_cap_grant(boot->timer, p[1].zone, EXO_R_READ | EXO_R_GRANT, &its));
	p[0].play = takes_once;
	for (unsigned i = 0; i < 2; i++) {
		p[1].play = computes;
		p[1].step = 1;
		cr_assert_eq(run(0), EXO_EV_QUANTUM);
		p[1].m->cap = its;
		p[1].m->rights = EXO_R_READ;
		p[1].play = serves;
		cr_assert_eq(client(), i == 0 ? EXO_EV_SYSCALL : EXO_EV_QUANTUM);
		if (i == 0)
			cr_assert_eq(cap_find(p[0].m->cap)->owner, inspect(p[0].zone).first);
		p[0].m->cap = EXO_CAP_NONE;
	}
	cr_assert_eq(p[1].status, EXO_E_DECLINED);
}

/* What is handed over has the time of what it comes from, not what the sender's memory says, and leaves a record. */
CORE_TEST(messages, a_capability_for_a_time)
{
	struct exo_audit_record record = { 0 };
	uint64_t end = hal_time_ns() + UINT64_C(1000000000), n = 1;
	exo_cap_t lease, theirs;

	servers_take = true;
	pair(computes);
	OK(exo_cap_derive(boot->timer, EXO_R_READ | EXO_R_GRANT, 0, 0, end, &lease));
	OK(exo_cap_grant(lease, p[0].zone, EXO_R_READ | EXO_R_GRANT, &theirs));
	while (n > 0)
		OK(exo_audit_read(boot->audit, &record, 1, &n));
	p[0].m->cap = theirs;
	p[0].m->rights = EXO_R_READ;
	p[0].m->label = 99;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert_eq(cap_find(p[1].m->cap)->expires, end);
	cr_assert_eq(p[1].m->label, LABEL + 1);
	do
		OK(exo_audit_read(boot->audit, &record, 1, &n));
	while (n > 0 && record.what != EXO_AUDIT_CALL);
	cr_assert_eq(n, 1);
	cr_assert_eq(record.call, EXO_NR_CAP_GRANT);
	cr_assert_eq(record.cap, theirs);
	cr_assert_eq(record.zone, inspect(p[0].zone).first);
}

/* Neither does the receiver see whether the sender takes one. */
static void waits_and_computes(struct fake_entry *entry, unsigned step)
{
	if (step == 0)
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
	else if (fake.now_ns < entry->deadline)
		fake.now_ns = entry->deadline;
}

CORE_TEST(messages, what_the_sender_takes_is_its_own_business)
{
	pair(waits_and_computes);
	p[0].play = takes_once;
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	cr_assert_eq(p[0].m->takes, 1);
	cr_assert_eq(p[1].m->takes, 0);
}

CORE_TEST(messages, what_could_not_be_written_costs_nothing)
{
	exo_cap_t theirs;
	uint32_t used;

	servers_take = true;
	pair(serves);
	OK(exo_cap_grant(boot->timer, p[0].zone, EXO_R_READ | EXO_R_GRANT, &theirs));
	OK(map_under(p[1].zone, boot->memory, BASE, p[1].frame, 1, EXO_PROT_READ));
	p[0].m->cap = theirs;
	used = stats().caps_used;
	CLIENT_GETS(E_BUSY);
	cr_assert_eq(stats().caps_used, used);
}

/* ---- Zones that are dead, and not cleared away yet ------------------------- */

/* By its answers, which are taken from it. */
static void kill(unsigned who)
{
	exo_frame_t frame = frames_take(1);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, frame, 1);

	OK(exo_zone_answers(p[who].zone, derive(top, EXO_R_ALL, frame, 1), frame, NULL));
	OK(exo_cap_revoke(top, NULL));
	OK(exo_cap_drop(top, NULL));
	SOUND();
}

CORE_TEST(messages, nothing_goes_to_a_dead_zone)
{
	exo_cap_t theirs;
	uint32_t used;

	servers_take = true;
	pair(serves);
	OK(exo_cap_grant(boot->timer, p[0].zone, EXO_R_READ | EXO_R_GRANT, &theirs));
	p[0].m->cap = theirs;
	p[0].m->words[3] = 1;
	used = stats().caps_used;
	kill(1);
	CLIENT_GETS(E_DEAD);
	cr_assert_eq(stats().caps_used, used);
	cr_assert_eq(p[1].m->words[3], 0);
}

CORE_TEST(messages, neither_does_an_answer)
{
	pair(computes);
	cr_assert_eq(run(0), EXO_EV_QUANTUM);
	kill(0);
	events();
	cr_assert_eq(run(1), EXO_EV_QUANTUM);
	p[1].m->words[3] = 1;
	p[1].play = serves;
	events();
	cr_assert_eq(run(1), EXO_EV_PENDING);
	events();
	cr_assert_eq(run(1), EXO_EV_IPC);
	cr_assert_eq(p[1].status, EXO_E_DEAD, "it was told, and waits again");
	cr_assert_eq(p[0].m->words[3], 0);
}

/* ---- Ports and contexts that have gone, and were not cleared away yet ---------- */

CORE_TEST(messages, nothing_goes_to_a_port_that_has_expired)
{
	uint64_t end;
	uint32_t used;
	exo_cap_t theirs, port;

	servers_take = true;
	pair(serves);
	end = fake.now_ns + 1500000;
	OK(exo_port_unbind(p[1].endpoint, NULL));
	OK(exo_cap_derive(p[1].endpoint, EXO_R_READ, 0, 0, end, &port));
	OK(exo_port_bind(port, p[1].context, 0, NULL));
	OK(exo_cap_grant(boot->timer, p[0].zone, EXO_R_READ | EXO_R_GRANT, &theirs));
	p[0].m->cap = theirs;
	p[0].m->words[3] = 1;
	used = stats().caps_used;
	fake.timer_at = UINT64_MAX;
	fake.now_ns = end;
	CLIENT_GETS(E_DEAD);
	cr_assert_eq(p[1].m->words[3], 0);
	cr_assert_eq(stats().caps_used, used);
}

CORE_TEST(messages, who_waits_without_a_page_does_not_wait)
{
	exo_cap_t memory = derive(boot->memory, EXO_R_ALL, frames_take(1), 1);
	exo_frame_t page = inspect(memory).first;

	pair(serves);
	OK(exo_port_unbind(p[1].endpoint, NULL));
	OK(exo_cap_drop(p[1].context, NULL));
	memset(frame_ptr(page), 0, PAGE);
	OK(exo_ctx_create(p[1].zone, derive(memory, EXO_R_ALL, page, 1), page, &p[1].context));
	p[1].page = frame_ptr(page);
	p[1].page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	p[1].page->regs.rbx = 1;
	p[1].step = 0;
	cr_assert_eq(run(1), EXO_EV_IPC);
	OK(exo_cap_revoke(memory, NULL));
	IS(E_STATE, exo_ctx_cancel(p[1].context, NULL));
}

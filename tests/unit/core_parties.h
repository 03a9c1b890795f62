/*
 * What the unit tests of fastipc share: parties, each a zone with a context that has
 * a message, and programs that call and serve.
 */
#ifndef CORE_PARTIES_H
#define CORE_PARTIES_H

#include "core_env.h"
#include <core/fastipc.h>
#include <core/reap.h>

#define BASE    UINT64_C(0x400000)
#define LABEL   UINT64_C(0x1abe1)
#define PARTIES 12

typedef void play_fn(struct fake_entry *entry, unsigned step);

/* A zone with one context, which has a message at BASE. Who is entered is told by rbx. */
static struct party {
	exo_cap_t zone, context, endpoint, target; /* names of the LibOS; target: name in the zone of whom it calls */
	struct exo_ctx_page *page;
	struct fastipc_message *m;
	exo_frame_t frame;
	play_fn *play;
	unsigned step;
	uint64_t status;
} p[PARTIES];

static uint64_t me;
static bool servers_take; /* a capability with each message */

static inline void stage(void *user, struct fake_entry *entry)
{
	(void)user;
	me = entry->regs->rbx;
	cr_assert(me < PARTIES && p[me].play);
	p[me].status = entry->regs->rax;
	p[me].play(entry, p[me].step++);
}

static inline void calls(struct fake_entry *entry, uint64_t nr, uint64_t a0, uint64_t a1)
{
	fake_syscall(entry, EXO_CALL_BASE | nr, a0, a1, 0, 0, 0, 0);
}

/* Adds one to the first word for each call. */
static inline void serves(struct fake_entry *entry, unsigned step)
{
	if (step > 0)
		p[me].m->words[0]++;
	p[me].m->takes = servers_take;
	calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
}

/* One call, then a system call. */
static inline void asks(struct fake_entry *entry, unsigned step)
{
	if (step % 2 == 0)
		calls(entry, EXO_NR_FASTIPC_CALL, p[me].target, BASE);
	else
		fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
}

/* Passes what it is asked on to its own target. */
static inline void forwards(struct fake_entry *entry, unsigned step)
{
	if (step % 2 == 1)
		calls(entry, EXO_NR_FASTIPC_CALL, p[me].target, BASE);
	else
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
}

static inline void computes(struct fake_entry *entry, unsigned step)
{
	if (p[me].m)
		p[me].m->takes = servers_take;
	if (step == 0)
		calls(entry, EXO_NR_FASTIPC_WAIT, BASE, 0);
	else if (fake.now_ns < entry->deadline)
		fake.now_ns = entry->deadline;
}

static inline void make(unsigned who, play_fn *play)
{
	exo_frame_t page;

	fake.program = stage;
	p[who] = (struct party){ .zone = zone_make(24), .play = play };
	p[who].context = context_make(p[who].zone, &page);
	p[who].page = frame_ptr(page);
	p[who].page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	p[who].page->regs.rbx = who;
	p[who].frame = frames_take(1);
	p[who].m = frame_ptr(p[who].frame);
	memset(p[who].m, 0, PAGE);
	OK(map_under(p[who].zone, boot->memory, BASE, p[who].frame, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	OK(exo_port_create(p[who].zone, EXO_CAP_IPC, &p[who].endpoint));
	OK(exo_port_bind(p[who].endpoint, p[who].context, LABEL + who, NULL));
}

static inline void connect(unsigned from, unsigned to)
{
	OK(exo_cap_grant(p[to].endpoint, p[from].zone, EXO_R_WRITE, &p[from].target));
}

static uint64_t run(unsigned who)
{
	uint64_t event = 0;

	OK(exo_run(p[who].context, boot->cpu, 1000000, &event));
	SOUND();
	return event;
}

/* A client (0) and a server (1) that waits. */
static inline void pair(play_fn *server)
{
	make(0, asks);
	make(1, server);
	connect(0, 1);
	cr_assert_eq(run(1), EXO_EV_IPC);
}

static uint64_t events(void)
{
	uint64_t pending = 0;

	OK(exo_event_take(boot->zone, &pending));
	return pending;
}

static inline struct context *of(unsigned who)
{
	return cap_at((cap_slot_t)p[who].context)->context;
}

static inline void end(exo_cap_t zone)
{
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	SOUND();
}

static uint64_t heard; /* the events that client() was told of, of all its times */

static uint64_t client(void)
{
	uint64_t event;

	while ((event = run(0)) == EXO_EV_PENDING)
		heard |= events();
	return event;
}

/* The client has got this, and does its next thing. */
#define CLIENT_GETS(what)                              \
	do {                                           \
		cr_assert_eq(client(), EXO_EV_SYSCALL); \
		cr_assert_eq(p[0].status, EXO_##what, "status %d", (int)p[0].status); \
	} while (0)

#endif

/*
 * What tests of LibOS zones share: guests with their contexts and slots, and programs that are told apart by rbx.
 */
#ifndef CORE_GUESTS_H
#define CORE_GUESTS_H

#include "core_env.h"

#define TURN_NS UINT64_C(1000000)
#define FUND    32
#define ACTORS  4

/* A LibOS zone with its main context and a context of an App zone below it. */
struct guest {
	exo_cap_t zone, main, app, inner;        /* names of the first LibOS */
	exo_cap_t cpu, self, app_own, inner_own; /* names in the guest */
	struct exo_ctx_page *page, *inner_page;
	uint64_t slot;
};

/* ---- Programs: whoever is entered is told apart by rbx ------------------- */

typedef void actor_fn(struct fake_entry *entry, unsigned step);

static struct {
	actor_fn *play;
	unsigned step;
	uint64_t status, value; /* of its last call */
} actors[ACTORS];

static char order[256]; /* who was entered: a letter each, consecutive ones once */

static inline void stage(void *user, struct fake_entry *entry)
{
	uint64_t who = entry->regs->rbx;
	size_t used = strlen(order);

	(void)user;
	cr_assert(who < ACTORS && actors[who].play);
	if ((used == 0 || order[used - 1] != (char)('a' + who)) && used + 1 < sizeof(order))
		order[used] = (char)('a' + who);
	actors[who].status = entry->regs->rax;
	actors[who].value = entry->regs->rdx;
	actors[who].play(entry, actors[who].step++);
}

static inline void calls(struct fake_entry *entry, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	fake_syscall(entry, EXO_CALL_BASE | nr, a0, a1, a2, 0, 0, 0);
}

static inline void computes(struct fake_entry *entry)
{
	if (fake.now_ns < entry->deadline)
		fake.now_ns = entry->deadline;
}

static inline void endless(struct fake_entry *entry, unsigned step)
{
	(void)step;
	computes(entry);
}

/* ---- Making ------------------------------------------------------------ */

static inline exo_cap_t give(exo_cap_t cap, exo_cap_t zone, uint32_t rights)
{
	exo_cap_t given = 0;

	OK(exo_cap_grant(cap, zone, rights, &given));
	return given;
}

static inline struct exo_ctx_page *actor_start(exo_frame_t page, uint64_t who, actor_fn *play)
{
	struct exo_ctx_page *ctx = frame_ptr(page);

	memset(&actors[who], 0, sizeof(actors[who]));
	actors[who].play = play;
	ctx->load = EXO_CTX_GPRS | EXO_CTX_FP;
	ctx->regs.rbx = who;
	return ctx;
}

static inline struct guest guest_make(uint64_t slot, uint64_t who, actor_fn *play, actor_fn *inner)
{
	struct guest g = { .slot = slot };
	exo_frame_t page;

	fake.program = stage;
	OK(exo_libos_create(boot->zone, boot->memory, frames_take(FUND), FUND, "guest", 5, &g.zone));
	g.main = context_make(g.zone, &page);
	g.page = actor_start(page, who, play);
	g.cpu = give(derive(boot->cpu, EXO_R_ALL, slot, 1), g.zone, EXO_R_ALL);
	g.self = give(g.zone, g.zone, EXO_R_READ | EXO_R_MAP);
	if (inner) {
		share_zones(g.zone);
		OK(exo_zone_create(g.zone, boot->memory, frames_take(FUND), FUND, "inner", 5, &g.app));
		g.inner = context_make(g.app, &page);
		g.inner_page = actor_start(page, who + 1, inner);
		g.inner_own = give(g.inner, g.zone, EXO_R_ALL);
		g.app_own = give(g.app, g.zone, EXO_R_ALL);
	}
	return g;
}

static inline void bind_turn(const struct guest *g, uint64_t cycles, uint32_t priority)
{
	const struct cpu_quantum quantum = { .cycles = cycles, .priority = priority };

	OK(exo_quantum_bind(boot->cpu, g->slot, g->main, &quantum, NULL));
}

static inline struct exo_quantum_info quantum_info(uint64_t slot)
{
	struct exo_quantum_info info;

	OK(exo_quantum_info(boot->cpu, slot, &info, NULL));
	return info;
}

static inline void guest_end(const struct guest *g)
{
	OK(exo_zone_destroy(g->zone, NULL));
}

static uint64_t wait_ns(uint64_t ns)
{
	uint64_t v = 0;

	OK(exo_wait(boot->cpu, fake.now_ns + ns, &v));
	return v;
}

#endif

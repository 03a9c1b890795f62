/*
 * Which right each call asks for, written down a second time: what calls.def says is what is enforced, so a right that
 * is missing there is missing in the kernel.
 */
#include "core_env.h"
#include <core/call.h>
#include <core/core.h>
#include <core_calls.h>

static const struct {
	const char *name;
	uint64_t number;
	enum exo_cap_type type; /* NONE: any */
	uint32_t rights;
} wanted[] = {
#define WANTED(name, type, rights) { #name, EXO_NR_##name, EXO_CAP_##type, rights },
	WANTED(CAP_DERIVE, NONE, EXO_R_DERIVE)
	WANTED(CAP_GRANT, NONE, EXO_R_GRANT)
	WANTED(CAP_DROP, NONE, 0)
	WANTED(CAP_REVOKE, NONE, EXO_R_REVOKE)
	WANTED(CAP_INSPECT, NONE, 0)
	WANTED(ZONE_CREATE, ZONE, EXO_R_CREATE)
	WANTED(ZONE_FUND, ZONE, EXO_R_MAP)
	WANTED(ZONE_DESTROY, ZONE, EXO_R_DESTROY)
	WANTED(ZONE_INFO, ZONE, EXO_R_READ)
	WANTED(MEM_MAP, ZONE, EXO_R_MAP)
	WANTED(MEM_QUERY, ZONE, EXO_R_READ)
	WANTED(TEXT_PREPARE, MEMORY, EXO_R_WRITE)
	WANTED(CTX_CREATE, ZONE, EXO_R_CREATE)
	WANTED(CTX_SAVE, CONTEXT, EXO_R_READ)
	WANTED(RUN, CONTEXT, EXO_R_EXEC)
	WANTED(WAIT, CPU, EXO_R_EXEC)
	WANTED(EVENT_TAKE, ZONE, EXO_R_READ)
	WANTED(TIMER_SET, TIMER, EXO_R_WRITE)
	WANTED(CLOCK_READ, TIMER, EXO_R_READ)
	WANTED(CONSOLE_WRITE, CONSOLE, EXO_R_WRITE)
	WANTED(CONSOLE_READ, CONSOLE, EXO_R_READ)
	WANTED(CONSOLE_INFO, CONSOLE, EXO_R_READ)
	WANTED(ENTROPY_READ, ENTROPY, EXO_R_READ)
	WANTED(AUDIT_READ, AUDIT, EXO_R_READ)
	WANTED(STATS_READ, AUDIT, EXO_R_READ)
	WANTED(ZONE_ANSWERS, ZONE, EXO_R_MAP)
	WANTED(HALT, ROOT, EXO_R_DESTROY)
	WANTED(LIST_ZONES, AUDIT, EXO_R_READ)
	WANTED(LIST_CAPS, AUDIT, EXO_R_READ)
	WANTED(LOG_WRITE, CONSOLE, EXO_R_WRITE)
	WANTED(CAP_SEAL, NONE, EXO_R_GRANT)
	WANTED(ZONE_ANSWER_PROGRAM, ZONE, EXO_R_MAP)
	WANTED(DIRECT_IO, NONE, 0)
	WANTED(IRQ_BIND, IRQ, EXO_R_READ | EXO_R_WRITE)
	WANTED(IRQ_UNBIND, IRQ, EXO_R_WRITE)
	WANTED(IRQ_TAKE, IRQ, EXO_R_READ)
	WANTED(IRQ_ACK, IRQ, EXO_R_WRITE)
	WANTED(LIBOS_CREATE, ZONE, EXO_R_CREATE)
	WANTED(QUANTUM_BIND, CPU, EXO_R_EXEC)
	WANTED(QUANTUM_INFO, CPU, EXO_R_READ)
	WANTED(QUANTUM_UNBIND, CPU, EXO_R_EXEC)
	WANTED(ZONE_MAP, ZONE, EXO_R_READ)
	WANTED(SHARE_PAGES, MEMORY, EXO_R_GRANT)
	WANTED(CAP_MOVE, NONE, EXO_R_GRANT)
	WANTED(REVOKE_ASK, NONE, EXO_R_REVOKE)
	WANTED(LIST_OWN, ZONE, EXO_R_READ)
	WANTED(TAKEN_READ, ZONE, EXO_R_READ)
	WANTED(FRAME_INFO, MEMORY, 0)
	WANTED(LIST_NODES, MEMORY, 0)
	WANTED(MEM_SCAN, ZONE, EXO_R_READ)
	WANTED(DISK_INFO, DISK, 0)
	WANTED(DISK_SUBMIT, DISK, 0)
	WANTED(DISK_TAKE, DISK, 0)
	WANTED(PORT_CREATE, ZONE, EXO_R_CREATE)
	WANTED(PORT_BIND, NONE, EXO_R_READ)
	WANTED(PORT_UNBIND, NONE, EXO_R_READ)
	WANTED(NOTIFY_SIGNAL, NOTIFY, EXO_R_WRITE)
	WANTED(NOTIFY_TAKE, NOTIFY, EXO_R_READ)
	WANTED(FASTIPC_CALL, IPC, EXO_R_WRITE)
	WANTED(CTX_CANCEL, CONTEXT, EXO_R_EXEC)
	WANTED(ZONE_QUOTA, ZONE, EXO_R_CREATE)
	WANTED(ZONE_GIFTS, ZONE, EXO_R_WRITE)
#undef WANTED
};
#define WANTED_COUNT (sizeof(wanted) / sizeof(wanted[0]))

static exo_cap_t caps[EXO_CAP_TYPE_COUNT]; /* by type: with all the rights that one can have */

static void caps_make(void)
{
	exo_frame_t page;

	caps[EXO_CAP_ROOT] = boot->root;
	caps[EXO_CAP_ZONE] = zone_make(32);
	caps[EXO_CAP_CONTEXT] = context_make(caps[EXO_CAP_ZONE], &page);
	caps[EXO_CAP_MEMORY] = boot->memory;
	caps[EXO_CAP_CPU] = boot->cpu;
	caps[EXO_CAP_TIMER] = boot->timer;
	caps[EXO_CAP_CONSOLE] = boot->console;
	caps[EXO_CAP_ENTROPY] = boot->entropy;
	caps[EXO_CAP_AUDIT] = boot->audit;
	caps[EXO_CAP_IRQ] = boot->irq[0];
	caps[EXO_CAP_DISK] = boot->disk[0];
	OK(exo_port_create(caps[EXO_CAP_ZONE], EXO_CAP_NOTIFY, &caps[EXO_CAP_NOTIFY]));
	OK(exo_port_create(caps[EXO_CAP_ZONE], EXO_CAP_IPC, &caps[EXO_CAP_IPC]));
}

/* The same capability without one right. */
static exo_cap_t without(exo_cap_t cap, uint32_t right)
{
	struct exo_cap_info info = inspect(cap);
	exo_cap_t out = 0;

	if (exo_cap_derive(cap, info.rights & ~right, 0, 0, EXO_NO_EXPIRY, &out) != EXO_OK)
		out = derive(cap, info.rights & ~right, info.first, info.count);
	return out;
}

static enum exo_status call(uint64_t number, exo_cap_t cap)
{
	const uint64_t args[6] = { cap };

	return core_call(number, args).status;
}

CORE_TEST(rights, each_call_asks_for_them)
{
	caps_make();
	for (unsigned i = 0; i < WANTED_COUNT; i++) {
		/* A call that takes any type takes a timer. */
		exo_cap_t cap = caps[wanted[i].type ? wanted[i].type : EXO_CAP_TIMER];
		exo_cap_t other = caps[wanted[i].type == EXO_CAP_TIMER ? EXO_CAP_AUDIT : EXO_CAP_TIMER];

		cr_assert_neq(cap, EXO_CAP_NONE, "%s", wanted[i].name);
		if (wanted[i].type != EXO_CAP_NONE)
			cr_assert_eq(call(wanted[i].number, other), EXO_E_TYPE, "%s with another type", wanted[i].name);
		cr_assert_eq(call(wanted[i].number, EXO_CAP_NONE), EXO_E_CAP, "%s with none", wanted[i].name);
		for (uint32_t right = 1; right <= EXO_R_ALL; right <<= 1)
			if (wanted[i].rights & right)
				cr_assert_eq(call(wanted[i].number, without(cap, right)), EXO_E_RIGHTS, "%s without right %#x",
				             wanted[i].name, right);
	}
}

/* A call that is new has to be written down here as well. */
CORE_TEST(rights, of_every_call_are_here)
{
	for (uint64_t number = 0; number < EXO_NR_COUNT; number++) {
		const struct core_call_entry *entry = core_call_entry(number);
		bool found = false;

		for (unsigned i = 0; i < WANTED_COUNT; i++)
			found |= wanted[i].number == number;
		cr_assert_eq(found, entry->takes_cap != 0, "call %u", (unsigned)number);
	}
}

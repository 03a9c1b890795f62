/*
 * CPUs that are out of the core, and kicking them.
 *
 * A place is written before the lock is given up and after it was taken again. So a CPU that somebody
 * sees in a context is on its way in, in there, or on its way out; a kick is kept by the HAL
 * till the next stop, so that one which comes too early is not lost.
 */
#include <core/core.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>

CORE_LOCKED static void kick(uint32_t cpu)
{
	core.cpus[cpu].place.kicked = true;
	hal_kick(cpu);
}

/* The next CPU from *cpu on that is not this one. */
static bool other(uint32_t *cpu)
{
	if (*cpu == hal_cpu_id())
		++*cpu;
	return *cpu < core.info->cpu_count;
}

void cpu_enter(const struct run *run, struct hal_trap *trap)
{
	struct cpu_place *place = &cpu_this()->place;

	place->run = run;
	core_lock_give();
	hal_ctx_enter(&run->context->hal, run->deadline, trap);
	core_lock_take();
	place->run = NULL;
}

void cpu_idle(uint64_t until_ns)
{
	struct cpu_place *place = &cpu_this()->place;

	place->idle = true;
	core_lock_give();
	hal_idle(until_ns);
	core_lock_take();
	place->idle = false;
}

bool cpu_take_kick(void)
{
	struct cpu_place *place = &cpu_this()->place;
	bool kicked = place->kicked;

	place->kicked = false;
	return kicked;
}

bool cpus_leave(const void *what)
{
	bool found = false;

	for (uint32_t cpu = 0; other(&cpu); cpu++) {
		const struct run *run = core.cpus[cpu].place.run;

		if (run && (!what || run->context == what || run->base == what || run->context->zone == what ||
		            run->base->zone == what || run->runner == what || run->cap == what || run->cpu == what)) {
			kick(cpu);
			found = true;
		}
	}
	return found;
}

void cpus_notify(const struct zone *zone)
{
	for (uint32_t cpu = 0; other(&cpu); cpu++) {
		const struct cpu_place *place = &core.cpus[cpu].place;

		if (place->idle || (place->run && place->run->runner == zone))
			kick(cpu);
	}
}

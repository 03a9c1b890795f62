/*
 * The core lock.
 */
#include <core/lock.h>
#include <core/state.h>

void core_lock_init(uint32_t cpu_count)
{
	core.lock.several = cpu_count > 1;
	atomic_store_explicit(&core.lock.next, 0, memory_order_relaxed);
	atomic_store_explicit(&core.lock.serving, 0, memory_order_relaxed);
	atomic_store_explicit(&core.lock.holder, 0, memory_order_release);
}

void core_lock_wait(void)
{
	uint32_t ticket = atomic_fetch_add_explicit(&core.lock.next, 1, memory_order_relaxed);
	uint32_t cpu = hal_cpu_id() + 1, turn = 0;

	while (atomic_load_explicit(&core.lock.serving, memory_order_acquire) != ticket) {
		/* Only this CPU could have written its own number, so the look needs no order. */
		if (atomic_load_explicit(&core.lock.holder, memory_order_relaxed) == cpu)
			hal_panic("lock: taken twice");
		hal_cpu_relax(turn++);
	}
	atomic_store_explicit(&core.lock.holder, cpu, memory_order_relaxed);
}

void core_lock_pass(void)
{
	uint32_t ticket = atomic_load_explicit(&core.lock.serving, memory_order_relaxed);

	atomic_store_explicit(&core.lock.holder, 0, memory_order_relaxed);
	/* Only the holder writes it: a store will do. */
	atomic_store_explicit(&core.lock.serving, ticket + 1, memory_order_release);
}

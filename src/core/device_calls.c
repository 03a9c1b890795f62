/*
 * Calls on devices and time: events, timer, clocks, console, entropy, audit, halt.
 */
#include <core/call.h>
#include <core/check.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

enum exo_status call_nop(struct zone *caller)
{
	return EXO_OK;
}

enum exo_status call_event_take(struct zone *caller, struct cap *zone, uint64_t *value)
{
	if (zone->zone != caller)
		return EXO_E_STATE;
	*value = events_take(caller);
	return EXO_OK;
}

enum exo_status call_timer_set(struct zone *caller, struct cap *timer, uint64_t at)
{
	timer_set(caller, at);
	return EXO_OK;
}

enum exo_status call_clock_read(struct zone *caller, struct cap *timer, uint64_t clock, uint64_t *value)
{
	if (clock == EXO_CLOCK_MONOTONIC)
		*value = hal_time_ns();
	else if (clock == EXO_CLOCK_REALTIME)
		*value = hal_time_real_ns();
	else
		return EXO_E_ARG;
	return EXO_OK;
}

/* How many of so many bytes one call passes on. */
static uint64_t bytes_of(uint64_t size)
{
	return size < EXO_BYTES_MAX ? size : EXO_BYTES_MAX;
}

CORE_LOCKED static enum exo_status write_out(const struct zone *caller, uint64_t (*write)(const void *, uint64_t),
                                             exo_vaddr_t bytes, uint64_t size, uint64_t *value)
{
	unsigned char copy[EXO_BYTES_MAX];
	enum exo_status status = copy_in(caller, copy, bytes, bytes_of(size));

	if (status == EXO_OK)
		*value = write(copy, bytes_of(size));
	return status;
}

enum exo_status call_console_write(struct zone *caller, struct cap *console, exo_vaddr_t bytes, uint64_t size,
                                   uint64_t *value)
{
	return write_out(caller, console->first == 0 ? hal_console_write : hal_errors_write, bytes, size, value);
}

enum exo_status call_log_write(struct zone *caller, struct cap *console, exo_vaddr_t bytes, uint64_t size,
                               uint64_t *value)
{
	return write_out(caller, hal_log_write, bytes, size, value);
}

enum exo_status call_console_read(struct zone *caller, struct cap *console, exo_vaddr_t bytes, uint64_t size,
                                  uint64_t *value)
{
	unsigned char copy[EXO_BYTES_MAX] = { 0 };
	/* Input that has been taken cannot be put back, so the buffer is tried first. */
	enum exo_status status = copy_out(caller, bytes, copy, bytes_of(size));

	if (status != EXO_OK)
		return status;
	*value = hal_console_read(copy, bytes_of(size));
	return copy_out(caller, bytes, copy, *value);
}

enum exo_status call_console_info(struct zone *caller, struct cap *console, exo_vaddr_t info)
{
	struct exo_console_info out = { 0 };

	hal_console_info(&out);
	return copy_out(caller, info, &out, sizeof(out));
}

enum exo_status call_entropy_read(struct zone *caller, struct cap *entropy, exo_vaddr_t bytes, uint64_t size,
                                  uint64_t *value)
{
	unsigned char copy[EXO_BYTES_MAX];

	if (!hal_entropy(copy, bytes_of(size)))
		return EXO_E_DEVICE;
	*value = bytes_of(size);
	return copy_out(caller, bytes, copy, *value);
}

enum exo_status call_audit_read(struct zone *caller, struct cap *audit, exo_vaddr_t records, uint64_t count,
                                uint64_t *value)
{
	const struct exo_audit_record *record;

	count = call_entries(count);
	while (*value < count && (record = audit_peek()) != NULL) {
		if (!entry_out(caller, records, record, sizeof(*record), value))
			return EXO_E_ADDRESS;
		audit_pop();
	}
	return EXO_OK;
}

enum exo_status call_stats_read(struct zone *caller, struct cap *audit, exo_vaddr_t stats)
{
	struct exo_stats out = {
		.uptime_ns = hal_time_ns() - core.info->boot_ns, .caps_used = core.caps_used, .caps_total = CAP_SLOTS - 1,
		.zones = core.zone_count, .contexts = (uint32_t)core.context_count,
		.frames_total = core.frames_memory, .frames_funded = core.frames_funded,
		.audit_dropped = core.refusals_dropped,
	};

	for (uint32_t i = 0; i < core.info->cpu_count; i++) {
		const struct cpu_state *cpu = &core.cpus[i];

		out.transitions += cpu->transitions;
		out.calls += atomic_load_explicit(&cpu->calls, memory_order_relaxed);
		out.syscalls += cpu->syscalls;
		out.faults += cpu->faults;
		out.exceptions += cpu->exceptions;
		out.preemptions += cpu->preemptions;
		out.refusals += cpu->refusals;
		out.audit_records += cpu->audit.head + cpu->refusals;
		out.audit_dropped += cpu->audit.dropped;
	}
	return copy_out(caller, stats, &out, sizeof(out));
}

enum exo_status call_halt(struct zone *caller, struct cap *root, uint64_t status)
{
	if (core.info->check) {
		const char *broken = core_check();

		if (broken)
			hal_panic(broken);
	}
	hal_halt((uint32_t)(status & (EXO_HALT_RESTART | 0xff)));
}

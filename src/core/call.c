/*
 * Decoding and dispatching kernel calls.
 */
#include <core/call.h>
#include <core/core.h>
#include <core/lock.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>
#include <exo/calls.h>

/* A check said no, as opposed to: something was used up, gone, or busy. Wild addresses
 * and arguments are no accident of the LibOS's either: they belong to this. */
static bool is_refusal(enum exo_status status)
{
	return (status >= EXO_E_CALL && status <= EXO_E_ADDRESS) || status == EXO_E_STATE ||
	       status == EXO_E_OVERLAP || (status >= EXO_E_SEAL_SIZE && status <= EXO_E_DECLINED);
}

/* Returns `status`. Apart from call_one(), so that calls which leave no record are quick. */
CORE_LOCKED __attribute__((noinline)) static enum exo_status account(struct zone *caller, uint64_t number,
                                                                     const uint64_t *args, enum exo_status status)
{
	const struct core_call_entry *entry = core_call_entry(number);
	struct cpu_state *cpu = cpu_this();
	exo_cap_t cap = entry && entry->takes_cap ? args[0] : EXO_CAP_NONE;
	uint16_t call = number > UINT16_MAX ? UINT16_MAX : (uint16_t)number;

	if (is_refusal(status)) {
		cpu->refusals++;
		audit_refuse(caller, call, cap, status, hal_time_ns());
	} else if (entry && entry->recorded) {
		audit_add(&cpu->audit, EXO_AUDIT_CALL, caller->number, call, cap, status, hal_time_ns());
	}
	return status;
}

static enum exo_status decode(const struct core_call_entry *entry, struct zone *caller, const uint64_t *args, uint64_t *value)
{
	enum exo_status status;
	struct cap *cap;

	if (!entry)
		return EXO_E_CALL;
	if (!entry->takes_cap)
		return entry->decode(caller, NULL, args, value);
	status = cap_lookup(caller, args[0], entry->type, entry->rights, &cap);
	return status == EXO_OK ? entry->decode(caller, cap, args, value) : status;
}

/* Of this CPU's own counter, which others may read: no other CPU writes it. */
void call_count(uint64_t count)
{
	struct cpu_state *cpu = cpu_this();
	uint64_t calls = atomic_load_explicit(&cpu->calls, memory_order_relaxed);

	atomic_store_explicit(&cpu->calls, calls + count, memory_order_relaxed);
}

enum exo_status call_one(struct zone *caller, uint64_t number, const uint64_t *args, uint64_t *value)
{
	const struct core_call_entry *entry = core_call_entry(number);
	enum exo_status status = decode(entry, caller, args, value);

	if (status != EXO_OK || entry->recorded)
		return account(caller, number, args, status);
	return EXO_OK;
}

struct exo_result call_serve(struct zone *caller, uint64_t number, const uint64_t *args)
{
	struct exo_result result = { 0, 0 };

	caller->calls++;
	call_count(1);
	if (reap_has_work())
		reap_help(caller);
	result.status = call_one(caller, number, args, &result.value);
	return result;
}

/*
 * Without the lock: a call that only looks, when it succeeds and no work waits that every call helps with.
 * Whatever else happens is found out again with the lock, under which refusals are true and audit
 * records are written. The caller's zone cannot go: its call is being served.
 */
static bool serve_look(struct zone *caller, uint64_t number, const uint64_t *args, struct exo_result *result)
{
	const struct core_call_entry *entry = core_call_entry(number);

	if (!entry || !entry->looks || reap_has_work() || decode(entry, caller, args, &result->value) != EXO_OK)
		return false;
	atomic_fetch_add_explicit(&caller->looks, 1, memory_order_relaxed);
	call_count(1);
	return true;
}

struct exo_result call_dispatch(struct zone *caller, uint64_t number, const uint64_t *args)
{
	struct exo_result result = { EXO_OK, 0 };

	if (serve_look(caller, number, args, &result))
		return result;
	core_lock_take();
	result = call_serve(caller, number, args);
	core_lock_give();
	return result;
}

struct exo_result core_call(uint64_t number, const uint64_t *args)
{
	return call_dispatch(core.libos, number, args);
}

enum exo_status zone_lookup(const struct zone *caller, exo_cap_t name, uint32_t rights, struct zone **zone)
{
	struct cap *cap;
	enum exo_status status = cap_lookup(caller, name, EXO_CAP_ZONE, rights, &cap);

	if (status != EXO_OK)
		return status;
	*zone = cap->zone;
	return zone_is_gone(cap->zone) ? EXO_E_DEAD : EXO_OK;
}

enum exo_status receiver_lookup(const struct zone *caller, exo_cap_t name, struct cap **cap)
{
	struct zone *zone;
	enum exo_status status = zone_lookup(caller, name, 0, &zone);

	if (status != EXO_OK)
		return status;
	*cap = cap_at((cap_slot_t)name);
	return zone == caller || ((*cap)->rights & EXO_R_WRITE) || zone->gifts > 0 ? EXO_OK : EXO_E_DECLINED;
}

void receiver_took(const struct zone *caller, const struct cap *cap)
{
	if (cap->zone != caller && !(cap->rights & EXO_R_WRITE))
		cap->zone->gifts--;
}

enum exo_status copy_in(const struct zone *caller, void *to, exo_vaddr_t from, uint64_t size)
{
	return hal_copy_in(&caller->space, to, from, size) ? EXO_OK : EXO_E_ADDRESS;
}

enum exo_status copy_out(const struct zone *caller, exo_vaddr_t to, const void *from, uint64_t size)
{
	return hal_copy_out(&caller->space, to, from, size) ? EXO_OK : EXO_E_ADDRESS;
}

bool entry_out(const struct zone *caller, exo_vaddr_t to, const void *entry, uint64_t size, uint64_t *count)
{
	bool done = hal_copy_out(&caller->space, to + *count * size, entry, size);

	*count += done;
	return done;
}

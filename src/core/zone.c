/*
 * The table of zones and their funds.
 */
#include <core/event.h>
#include <core/state.h>

uint32_t zone_number_find(void)
{
	uint32_t number = core.zone_hint;

	do
		number = number % (ZONE_MAX - 1) + 1;
	while (core.zones[number]);
	return number;
}

void zone_quota_set(struct zone *zone, uint32_t table, uint32_t limit)
{
	zone->parent->quotas[table].given += limit - zone->quotas[table].limit;
	zone->quotas[table].limit = limit;
}

CORE_LOCKED static void quotas_begin(struct zone *zone)
{
	static const uint32_t all[EXO_QUOTA_COUNT] = {
		[EXO_QUOTA_CAPS] = CAP_SLOTS - 1, [EXO_QUOTA_ZONES] = ZONE_MAX - 2, [EXO_QUOTA_DISK] = HAL_TRANSFERS,
	};

	if (zone->parent) {
		zone->parent->quotas[EXO_QUOTA_ZONES].used++;
		zone_quota_set(zone, EXO_QUOTA_CAPS, EXO_QUOTA_FIRST);
		return;
	}
	for (uint32_t table = 0; table < EXO_QUOTA_COUNT; table++)
		zone->quotas[table].limit = all[table];
	if (core.info->spaces && core.info->spaces < ZONE_MAX - 2)
		zone->quotas[EXO_QUOTA_ZONES].limit = core.info->spaces;
}

CORE_LOCKED static void quotas_end(struct zone *zone)
{
	for (uint32_t table = 0; table < EXO_QUOTA_COUNT; table++)
		zone_quota_set(zone, table, 0);
	zone->parent->quotas[EXO_QUOTA_ZONES].used--;
}

CORE_LOCKED static void parent_link(struct zone *zone, struct zone *parent)
{
	zone->parent = parent;
	if (!parent)
		return;
	zone->depth = parent->depth + 1;
	zone->next = parent->child;
	if (zone->next)
		zone->next->prev = zone;
	parent->child = zone;
}

CORE_LOCKED static void parent_unlink(struct zone *zone)
{
	if (zone->prev)
		zone->prev->next = zone->next;
	else if (zone->parent)
		zone->parent->child = zone->next;
	if (zone->next)
		zone->next->prev = zone->prev;
}

struct zone *zone_new(uint32_t number, uint32_t kind, struct zone *parent, exo_frame_t first, uint64_t count)
{
	struct zone *zone = hal_phys_ptr(first);

	frames_fund(first, count, number);
	memset(zone, 0, sizeof(*zone));
	zone->number = number;
	zone->kind = kind;
	zone->serial = ++core.zone_serial;
	zone->frame = first;
	zone->fund_total = count;
	zone->timer_at = UINT64_MAX;
	zone->refusals.size = parent ? AUDIT_REFUSALS : AUDIT_REFUSALS_LAST;
	zone->refusals.records = parent ? zone->refused : core.refusals;
	parent_link(zone, parent);
	quotas_begin(zone);
	core.zones[number] = zone;
	core.zone_count++;
	core.zone_hint = number;
	hal_pool_give_run(&zone->pool, first + 1, count - 1);
	return zone;
}

void zone_fund_add(struct zone *zone, exo_frame_t first, uint64_t count)
{
	frames_fund(first, count, zone->number);
	hal_pool_give_run(&zone->pool, first, count);
	zone->fund_total += count;
}

/* Page tables, objects, links: nothing of the kernel's is left in what it gives back. Nothing was written to fresh frames. */
bool zone_fund_release(struct zone *zone, struct work *work)
{
	while (zone->pool.count > 0 && work->words > 0) {
		bool used = zone->pool.head != 0;
		exo_frame_t frame = hal_pool_take(&zone->pool);

		if (used)
			memset(hal_phys_ptr(frame), 0, EXO_FRAME_SIZE);
		work_charge(work, used ? WORK_CLEAR : WORK_FRAME);
		frames_unfund(frame, 1);
		zone->fund_total--;
	}
	return zone->pool.count == 0;
}

void zone_free(struct zone *zone)
{
	exo_frame_t frame;

	unbind_funds(zone);
	audit_bequeath(zone);
	quotas_end(zone);
	parent_unlink(zone);
	core.zones[zone->number] = NULL;
	core.zone_count--;
	frame = zone->frame;
	memset(zone, 0, sizeof(*zone));
	frames_unfund(frame, 1);
}

void zone_kill(struct zone *zone)
{
	if (zone->dead)
		return;
	zone->dead = true;
	event_raise(zone->parent, EXO_PEND_ZONE);
	audit_add(&cpu_this()->audit, EXO_AUDIT_DEATH, zone->number, 0, EXO_CAP_NONE, EXO_E_DEAD, hal_time_ns());
}

void zone_describe(const struct zone *zone, struct exo_zone_info *info)
{
	*info = (struct exo_zone_info){
		.number = zone->number, .kind = zone->kind, .transitions = zone->transitions,
		.calls = zone->calls + atomic_load_explicit(&zone->looks, memory_order_relaxed),
		.syscalls = zone->syscalls, .faults = zone->faults, .cycles = zone->cycles,
		.mapped_pages = zone->mapped_pages, .fund_free = zone->pool.count, .fund_total = zone->fund_total,
		.contexts = zone->context_count, .pending = zone->pending,
		.taken_lost = zone->taken_lost,
	};
	memcpy(info->name, zone->name, sizeof(info->name));
	memcpy(info->quotas, zone->quotas, sizeof(info->quotas));
}

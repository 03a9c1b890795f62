/*
 * Calls on zones: create, fund, destroy, info, list, answers; and contexts' creation.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

/* Frames of `memory` that shall become kernel memory. */
CORE_LOCKED static enum exo_status fund_check(struct zone *caller, exo_cap_t memory, exo_frame_t first,
                                              uint64_t count, struct cap **cap)
{
	enum exo_status status = cap_lookup(caller, memory, EXO_CAP_MEMORY, EXO_R_FUND, cap);

	if (status != EXO_OK)
		return status;
	if (!cap_covers(*cap, first, count) || count > EXO_FUND_MAX)
		return EXO_E_RANGE;
	return frames_are_plain(first, count, true) ? EXO_OK : EXO_E_OVERLAP;
}

/* What a new zone shall be; all that can be wrong with it is found by create_check(). */
struct creation {
	uint32_t kind;
	struct cap *memory;
	exo_frame_t first;
	uint64_t count;
	char name[sizeof(((struct zone *)0)->name)];
};

CORE_LOCKED static enum exo_status create_check(struct zone *caller, const struct cap *parent, exo_cap_t memory,
                                    exo_vaddr_t name, uint64_t name_size, struct creation *creation)
{
	enum exo_status status = fund_check(caller, memory, creation->first, creation->count, &creation->memory);

	if (status != EXO_OK)
		return status;
	if (cap_is_revoking(parent))
		return EXO_E_AGAIN;
	if (zone_is_gone(parent->zone))
		return EXO_E_DEAD;
	/* The name's slot may be out of the same share as its first ones. */
	if (parent->zone->depth >= ZONE_DEPTH_MAX || !zone_has_room(parent->zone, EXO_QUOTA_ZONES, 1) ||
	    !zone_has_room(parent->zone, EXO_QUOTA_CAPS, EXO_QUOTA_FIRST + (parent->zone == caller)))
		return EXO_E_SLOTS;
	if (creation->count < ZONE_FRAMES_MIN)
		return EXO_E_FUNDS;
	if (name_size >= sizeof(creation->name))
		name_size = sizeof(creation->name) - 1;
	return copy_in(caller, creation->name, name, name_size);
}

CORE_LOCKED static enum exo_status create_commit(struct zone *caller, struct cap *parent, const struct creation *creation,
                                     uint64_t *value)
{
	struct cap_spec spec = {
		.type = EXO_CAP_ZONE, .rights = EXO_R_ALL, .count = 1,
		.expires = parent->expires, .owner = caller, .parent = parent,
	};
	struct zone *zone;
	cap_slot_t slot;
	enum exo_status status = cap_reserve(caller, parent, &slot);

	if (status != EXO_OK)
		return status;
	zone = zone_new(zone_number_find(), creation->kind, parent->zone, creation->first, creation->count);
	status = hal_space_init(&zone->space, &zone->pool);
	if (status != EXO_OK) {
		/* The machine refused; all that was done is undone. */
		struct work work = { .words = UINT32_MAX };

		zone_fund_release(zone, &work);
		zone_free(zone);
		cap_unreserve(slot);
		return status;
	}
	bind_fund(zone, creation->memory);
	memcpy(zone->name, creation->name, sizeof(zone->name));
	spec.first = (uint64_t)(uintptr_t)zone;
	*value = cap_commit(slot, &spec);
	return EXO_OK;
}

CORE_LOCKED static enum exo_status create(struct zone *caller, struct cap *parent, exo_cap_t memory, exo_vaddr_t name,
                                          uint64_t name_size, struct creation creation, uint64_t *value)
{
	enum exo_status status = create_check(caller, parent, memory, name, name_size, &creation);

	return status == EXO_OK ? create_commit(caller, parent, &creation, value) : status;
}

enum exo_status call_zone_create(struct zone *caller, struct cap *parent, exo_cap_t memory, exo_frame_t first,
                                 uint64_t count, exo_vaddr_t name, uint64_t name_size, uint64_t *value)
{
	return create(caller, parent, memory, name, name_size,
	              (struct creation){ .kind = EXO_ZONE_APP, .first = first, .count = count }, value);
}

enum exo_status call_libos_create(struct zone *caller, struct cap *parent, exo_cap_t memory, exo_frame_t first,
                                  uint64_t count, exo_vaddr_t name, uint64_t name_size, uint64_t *value)
{
	return create(caller, parent, memory, name, name_size,
	              (struct creation){ .kind = EXO_ZONE_LIBOS, .first = first, .count = count }, value);
}

enum exo_status call_zone_fund(struct zone *caller, struct cap *zone, exo_cap_t memory, exo_frame_t first,
                               uint64_t count)
{
	struct cap *cap;
	enum exo_status status = fund_check(caller, memory, first, count, &cap);

	if (status != EXO_OK)
		return status;
	if (zone_is_gone(zone->zone))
		return EXO_E_DEAD;
	/* What the first LibOS gives itself was never taken from a capability. */
	if (zone->zone != core.libos && !bind_fund_room(zone->zone, cap))
		return EXO_E_SLOTS;
	zone_fund_add(zone->zone, first, count);
	if (zone->zone != core.libos)
		bind_fund(zone->zone, cap);
	return EXO_OK;
}

enum exo_status call_zone_quota(struct zone *caller, struct cap *parent, exo_cap_t name, uint32_t table, uint64_t limit)
{
	struct zone *zone;
	enum exo_status status = zone_lookup(caller, name, EXO_R_MAP, &zone);
	const struct exo_quota *quota;

	if (status != EXO_OK)
		return status;
	if (table >= EXO_QUOTA_COUNT)
		return EXO_E_ARG;
	if (zone->parent != parent->zone)
		return EXO_E_STATE;
	quota = &zone->quotas[table];
	if (limit < quota->used + quota->given)
		return EXO_E_BUSY;
	if (limit > quota->limit && !zone_has_room(parent->zone, table, limit - quota->limit))
		return EXO_E_SLOTS;
	zone_quota_set(zone, table, (uint32_t)limit);
	return EXO_OK;
}

enum exo_status call_zone_gifts(struct zone *caller, struct cap *cap, uint64_t count, uint64_t *value)
{
	if (zone_is_gone(cap->zone))
		return EXO_E_DEAD;
	*value = cap->zone->gifts;
	cap->zone->gifts = count;
	return EXO_OK;
}

/* It is the zone, or was made below it, or below what was. */
static bool is_below(const struct zone *zone, const struct zone *top)
{
	while (zone && zone != top)
		zone = zone->parent;
	return zone != NULL;
}

enum exo_status call_zone_destroy(struct zone *caller, struct cap *cap)
{
	struct zone *zone = cap->zone;
	struct work work = { .words = WORK_CALL };
	bool gone;

	/* The first LibOS, too: everybody is below it. */
	if (is_below(caller, zone))
		return EXO_E_BUSY;
	/* On another CPU it is stopped; below us on this one it cannot be. */
	if (zone->running > 0 && !cpus_leave(zone))
		return EXO_E_BUSY;
	reap_zone(zone);
	gone = reap_zone_some(zone, &work);
	reap_rest(&work);
	return gone ? EXO_OK : EXO_E_AGAIN;
}

enum exo_status call_zone_info(struct zone *caller, struct cap *zone, exo_vaddr_t info)
{
	struct exo_zone_info out;

	zone_describe(zone->zone, &out);
	return copy_out(caller, info, &out, sizeof(out));
}

enum exo_status call_list_zones(struct zone *caller, struct cap *audit, exo_vaddr_t zones, uint64_t count,
                                uint64_t start, uint64_t *value)
{
	count = call_entries(count);
	for (uint64_t number = start; number < ZONE_MAX && *value < count; number++) {
		struct exo_zone_info out;

		if (!core.zones[number] || core.zones[number]->dying)
			continue;
		zone_describe(core.zones[number], &out);
		if (!entry_out(caller, zones, &out, sizeof(out), value))
			return EXO_E_ADDRESS;
	}
	return EXO_OK;
}

/* A frame of `memory` that the LibOS will share with the kernel. */
CORE_LOCKED static enum exo_status page_check(struct zone *caller, exo_cap_t memory, uint32_t rights, exo_frame_t page,
                                              struct cap **cap)
{
	enum exo_status status = cap_lookup(caller, memory, EXO_CAP_MEMORY, rights, cap);

	if (status != EXO_OK)
		return status;
	if (!cap_covers(*cap, page, 1))
		return EXO_E_RANGE;
	return frames_are_plain(page, 1, false) ? EXO_OK : EXO_E_OVERLAP;
}

enum exo_status call_zone_answers(struct zone *caller, struct cap *cap, exo_cap_t memory, exo_frame_t page)
{
	struct zone *zone = cap->zone;
	struct cap *frame_cap;
	enum exo_status status = page_check(caller, memory, EXO_R_READ, page, &frame_cap);
	bool replaced;

	if (status != EXO_OK)
		return status;
	if (zone_is_gone(zone))
		return EXO_E_DEAD;
	if (zone == core.libos)
		return EXO_E_STATE;
	replaced = zone->answers.kind != BINDING_NONE;
	if (replaced)
		unbind_frames(&zone->answers);
	bind_frames(&zone->answers, BINDING_ANSWERS, zone, frame_cap, page, 1);
	hal_space_answers(&zone->space, page);
	if (replaced)
		hal_space_flush(&zone->space); /* the one before is out of reach */
	return EXO_OK;
}

enum exo_status object_reserve(const struct zone *caller, struct cap *cap, const struct slab *slab, cap_slot_t *slot)
{
	if (cap_is_revoking(cap))
		return EXO_E_AGAIN;
	if (zone_is_gone(cap->zone))
		return EXO_E_DEAD;
	return slab_cost(slab, 1) > cap->zone->pool.count ? EXO_E_FUNDS : cap_reserve(caller, cap, slot);
}

enum exo_status call_ctx_create(struct zone *caller, struct cap *cap, exo_cap_t memory, exo_frame_t page,
                                uint64_t *value)
{
	struct cap_spec spec = {
		.type = EXO_CAP_CONTEXT, .rights = EXO_R_ALL, .count = 1,
		.expires = cap->expires, .owner = caller, .parent = cap,
	};
	struct zone *zone = cap->zone;
	struct cap *frame_cap;
	enum exo_status status = page_check(caller, memory, EXO_R_READ | EXO_R_WRITE, page, &frame_cap);
	cap_slot_t slot;

	if (status == EXO_OK && zone == core.libos)
		status = EXO_E_STATE;
	if (status == EXO_OK)
		status = object_reserve(caller, cap, &zone->context_slab, &slot);
	if (status != EXO_OK)
		return status;
	spec.first = (uint64_t)(uintptr_t)context_new(zone, frame_cap, page);
	*value = cap_commit(slot, &spec);
	return EXO_OK;
}

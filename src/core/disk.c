/*
 * Disks: calls, answers, and capabilities that go while a transfer is under way.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/state.h>
#include <core_calls.h>

/* Nobody is told any more. */
CORE_LOCKED static void place_give(struct transfer *t)
{
	t->by_disk.zone->quotas[EXO_QUOTA_DISK].used--;
	unbind_plain(&t->by_disk);
}

/* The device is done: the frames are plain memory again, whoever has them now. */
CORE_LOCKED static void answer(struct transfer *t, enum exo_status status)
{
	bool frames = t->by_memory.kind != BINDING_NONE;

	t->under_way = false;
	if (t->status == EXO_OK)
		t->status = frames && binding_is_stale(&t->by_memory) ? EXO_E_REVOKED : status;
	if (frames)
		unbind_frames(&t->by_memory);
	if (t->forgotten || binding_is_stale(&t->by_disk))
		place_give(t);
	else
		event_raise(t->by_disk.zone, EXO_PEND_BLOCK);
}

void disks_collect(void)
{
	enum exo_status status;
	uint32_t number;

	while (hal_disk_take(&number, &status))
		answer(&core.transfers[number], status);
}

bool transfer_repossess(struct binding *binding)
{
	struct transfer *t = &core.transfers[((uintptr_t)binding - (uintptr_t)core.transfers) / sizeof(*t)];

	if (!t->under_way) {
		place_give(t);
		return true;
	}
	t->status = EXO_E_REVOKED;
	t->forgotten |= binding == &t->by_disk;
	return bind_climb(binding);
}

bool transfers_are_awaited(const struct zone *zone, const struct cap *cap)
{
	bool found = false;

	disks_collect();
	for (const struct transfer *t = core.transfers; t < core.transfers + HAL_TRANSFERS; t++)
		found |= t->under_way && (t->by_disk.zone == zone || (cap && t->status == EXO_E_REVOKED &&
		         (t->by_disk.slot == cap_slot(cap) || t->by_memory.slot == cap_slot(cap))));
	return found;
}

enum exo_status call_disk_info(struct zone *caller, struct cap *disk, exo_vaddr_t info)
{
	const struct hal_disk *of = &core.info->disks[disk->first >> EXO_DISK_SHIFT];
	const struct exo_disk_info out = {
		disk->first & ~EXO_DISK_BLOCK, of->count, EXO_FRAME_SIZE, EXO_DISK_COUNT_MAX,
		caller->quotas[EXO_QUOTA_DISK].limit - caller->quotas[EXO_QUOTA_DISK].given, of->writable,
	};

	return copy_out(caller, info, &out, sizeof(out));
}

/* A free place. There is one if some zone has room for it. */
CORE_LOCKED static struct transfer *place_find(void)
{
	struct transfer *t = core.transfers;

	while (t->by_disk.kind != BINDING_NONE)
		t++;
	return t;
}

enum exo_status call_disk_submit(struct zone *caller, struct cap *disk, exo_cap_t memory, exo_vaddr_t address)
{
	struct exo_disk_request r;
	enum exo_status status = copy_in(caller, &r, address, sizeof(r));
	bool read = r.op == EXO_DISK_READ, flush = r.op == EXO_DISK_FLUSH;
	struct cap *frames = NULL;
	struct transfer *t;

	if (status != EXO_OK)
		return status;
	if (r.op > EXO_DISK_FLUSH || r.count > EXO_DISK_COUNT_MAX || flush != (r.count == 0))
		return EXO_E_ARG;
	if (!(disk->rights & (read ? EXO_R_READ : EXO_R_WRITE)))
		return EXO_E_RIGHTS;
	if (!flush)
		status = cap_lookup(caller, memory, EXO_CAP_MEMORY, read ? EXO_R_WRITE : EXO_R_READ, &frames);
	if (status != EXO_OK)
		return status;
	if (!cap_covers(disk, r.first, flush ? 1 : r.count) || (frames && !cap_covers(frames, r.frame, r.count)))
		return EXO_E_RANGE;
	if (frames && !frames_are_plain(r.frame, r.count, false))
		return EXO_E_OVERLAP;
	disks_collect();
	if (!zone_has_room(caller, EXO_QUOTA_DISK, 1))
		return EXO_E_BUSY;
	t = place_find();
	status = hal_disk_submit((uint32_t)(t - core.transfers), &r);
	if (status != EXO_OK)
		return status;
	caller->quotas[EXO_QUOTA_DISK].used++;
	*t = (struct transfer){ .tag = r.tag, .under_way = true };
	bind_plain(&t->by_disk, BINDING_DISK, caller, disk, r.first, r.first + r.count);
	if (frames)
		bind_frames(&t->by_memory, BINDING_DISK, caller, frames, r.frame, r.count);
	return EXO_OK;
}

enum exo_status call_disk_take(struct zone *caller, struct cap *disk, exo_vaddr_t done, uint64_t count, uint64_t *value)
{
	bool more = false;

	disks_collect();
	for (struct transfer *t = core.transfers; t < core.transfers + HAL_TRANSFERS; t++) {
		const struct exo_disk_done out = { t->tag, t->status, 0 };
		bool ours = t->by_disk.kind != BINDING_NONE && t->by_disk.zone == caller && !t->under_way;
		bool taken = ours && t->by_disk.slot == cap_slot(disk) && *value < count;

		more |= ours && !taken;
		if (!taken)
			continue;
		if (copy_out(caller, done + *value * sizeof(out), &out, sizeof(out)) != EXO_OK)
			return EXO_E_ADDRESS;
		place_give(t);
		++*value;
	}
	if (!more)
		caller->pending &= ~EXO_PEND_BLOCK;
	return EXO_OK;
}

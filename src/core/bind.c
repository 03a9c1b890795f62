/*
 * Secure bindings: intervals of mapped memory, their merging and splitting; the
 * single ones; and undoing.
 */
#include <core/fastipc.h>
#include <core/interval.h>
#include <core/irq.h>
#include <core/quantum.h>
#include <core/reap.h>
#include <core/state.h>

/* Capabilities that an entry looks at: twice around a zone with 64 of them. */
#define LOOKS_MAX 128

/* Pages that are unmapped at a time. */
#define UNMAP_PAGES 32

/* ---- Work ---------------------------------------------------------------- */

void work_unflushed(struct work *work, struct zone *zone)
{
	if (work->unflushed == zone || zone->stopped)
		return;
	work_end(work);
	work->unflushed = zone;
	work_charge(work, WORK_FLUSH);
}

void work_end(struct work *work)
{
	if (work->unflushed && !work->unflushed->stopped)
		hal_space_flush(&work->unflushed->space);
	work->unflushed = NULL;
}

/* ---- Records ----------------------------------------------------------- */

/* Frames that a zone on its way out has by the capability. */
static bool is_awaited(const struct binding *b)
{
	return b->kind == BINDING_FUND && b->zone->dying;
}

CORE_LOCKED static void cap_list_add(struct binding *b, struct cap *cap)
{
	struct binding **head = &core.cap_bindings[cap_slot(cap)];

	b->slot = cap_slot(cap);
	core.funds_awaited[b->slot] += is_awaited(b);
	b->cap_prev = NULL;
	b->cap_next = *head;
	if (*head)
		(*head)->cap_prev = b;
	*head = b;
	cap->refs++;
}

CORE_LOCKED static void cap_list_remove(struct binding *b)
{
	if (b->cap_prev)
		b->cap_prev->cap_next = b->cap_next;
	else
		core.cap_bindings[b->slot] = b->cap_next;
	if (b->cap_next)
		b->cap_next->cap_prev = b->cap_prev;
	core.funds_awaited[b->slot] -= is_awaited(b);
	cap_at(b->slot)->refs--;
}

void bind_plain(struct binding *binding, enum binding_kind kind, struct zone *zone, struct cap *cap, uint64_t first,
                uint64_t end)
{
	*binding = (struct binding){ .kind = (uint8_t)kind, .zone = zone, .first = first, .end = end };
	cap_list_add(binding, cap);
}

void unbind_plain(struct binding *binding)
{
	cap_list_remove(binding);
	binding->kind = BINDING_NONE;
}

bool bind_climb(struct binding *binding)
{
	cap_slot_t parent = cap_at(binding->slot)->parent;

	if (parent == CAP_NIL)
		return false;
	cap_list_remove(binding);
	cap_list_add(binding, cap_at(parent));
	return true;
}

bool binding_is_stale(const struct binding *binding)
{
	const struct cap *cap = cap_at(binding->slot);

	return cap_is_expired(cap) || (reap_is_needed() && cap_is_revoked(cap));
}

/* The first at or above the slot; NULL: none. */
static struct use *use_after(const struct zone *zone, uint32_t slot)
{
	return (struct use *)(void *)tree_after(zone->bindings.uses, slot);
}

/* The zone has so many intervals more under the capability: one, or -1. */
CORE_LOCKED static void use_count(struct zone *zone, cap_slot_t slot, uint64_t more)
{
	struct use *use = use_after(zone, slot);

	if (!use || use->interval.first != slot) {
		use = slab_alloc(&zone->binding_slab, &zone->pool, sizeof(struct binding));
		use->interval = (struct interval){ .first = slot, .end = slot + UINT64_C(1), .expires = EXO_NO_EXPIRY };
		tree_insert(&zone->bindings.uses, &use->interval);
	}
	use->count += more;
	if (use->count > 0)
		return;
	tree_remove(&zone->bindings.uses, &use->interval);
	slab_free(&zone->binding_slab, use);
}

CORE_LOCKED static void record_new(struct zone *zone, struct cap *cap, exo_vaddr_t first, exo_vaddr_t end)
{
	struct binding *b = slab_alloc(&zone->binding_slab, &zone->pool, sizeof(*b));

	bind_plain(b, BINDING_PAGES, zone, cap, first, end);
	b->interval.expires = cap->expires;
	tree_insert(&zone->bindings.root, &b->interval);
	zone->bindings.count++;
	use_count(zone, b->slot, 1);
}

CORE_LOCKED static void record_free(struct binding *b)
{
	struct zone *zone = b->zone;

	cap_list_remove(b);
	tree_remove(&zone->bindings.root, &b->interval);
	zone->bindings.count--;
	use_count(zone, b->slot, UINT64_MAX);
	slab_free(&zone->binding_slab, b);
}

/* Moves the start up to the first page that is mapped; without one the record goes. */
CORE_LOCKED static void record_tighten(struct binding *b, exo_vaddr_t from, struct work *work)
{
	exo_vaddr_t first = hal_space_next(&b->zone->space, from, b->end, &work->words);

	if (first == b->end)
		record_free(b);
	else
		b->first = first;
}

/* Takes [first, end) out of all records except those of `keep`. */
CORE_LOCKED static void records_cut(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, cap_slot_t keep,
                                    struct work *work)
{
	struct binding *b;
	exo_vaddr_t next;

	for (exo_vaddr_t at = first; (b = interval_after(&zone->bindings, at)) != NULL && b->first < end; at = next) {
		next = b->end;
		if (b->slot == keep)
			continue;
		if (b->first >= first) {
			record_tighten(b, next < end ? next : end, work);
			continue;
		}
		b->end = first;
		if (next <= end)
			continue;
		at = hal_space_next(&zone->space, end, next, &work->words);
		if (at < next)
			record_new(zone, cap_at(b->slot), at, next);
	}
}

/* Adds [first, end) under `cap`, where no other capability has anything. */
CORE_LOCKED static void records_add(struct zone *zone, struct cap *cap, exo_vaddr_t first, exo_vaddr_t end)
{
	struct bindings *bindings = &zone->bindings;
	struct binding *b = interval_before(bindings, first), *next = interval_after(bindings, b ? b->end : first);
	cap_slot_t slot = cap_slot(cap);

	if (!b || b->slot != slot) {
		if (!next || next->slot != slot) {
			record_new(zone, cap, first, end);
			return;
		}
		b = next;
		b->first = first;
	}
	while ((next = interval_after(bindings, b->end)) != NULL && next->slot == slot) {
		b->end = next->end;
		record_free(next);
	}
	if (b->end < end)
		b->end = end;
}

/* ---- Pages ------------------------------------------------------------- */

/* Two in a row are of different capabilities: so it does not take many steps. */
bool bind_others(const struct zone *zone, cap_slot_t slot, exo_vaddr_t first, exo_vaddr_t end, uint32_t most)
{
	const struct binding *b;

	for (; (b = interval_after(&zone->bindings, first)) != NULL && b->first < end; first = b->end)
		if (b->slot != slot && most-- == 0)
			return true;
	return false;
}

/* What is mapped there is about to be replaced. */
CORE_LOCKED static void pages_uncount(struct zone *zone, exo_vaddr_t at, exo_vaddr_t end, struct work *work)
{
	while ((at = hal_space_next(&zone->space, at, end, &work->words)) < end) {
		exo_frame_t frame;
		uint32_t flags;

		if (hal_space_query(&zone->space, at, &frame, &flags)) {
			frame_unuse(frame);
			zone->mapped_pages--;
		}
		at += EXO_FRAME_SIZE;
	}
}

void bind_pages(struct zone *zone, struct cap *cap, exo_vaddr_t vaddr, exo_frame_t frame,
                uint64_t count, uint32_t prot, struct work *work)
{
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);

	if (zone->mapped_pages > 0)
		pages_uncount(zone, vaddr, end, work);
	records_cut(zone, vaddr, end, cap_slot(cap), work);
	hal_space_map(&zone->space, vaddr, frame, count, cap->type == EXO_CAP_MMIO ? prot | EXO_PROT_DEVICE : prot,
	              &zone->pool);
	records_add(zone, cap, vaddr, end);
	for (uint64_t i = 0; i < count; i++)
		frame_use(frame + i);
	zone->mapped_pages += count;
}

/* Of what is unmapped in [first, end) no record is left; one that goes on behind it begins there. */
CORE_LOCKED static void records_trim(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, struct work *work)
{
	struct binding *b = interval_before(&zone->bindings, first);

	if (b && b->first < first && b->end > first && b->end <= end)
		b->end = first;
	while ((b = interval_after(&zone->bindings, first)) != NULL && b->first >= first && b->first < end) {
		work_charge(work, WORK_RECORD);
		record_tighten(b, b->end < end ? b->end : end, work);
	}
}

bool unbind_pages(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, struct work *work)
{
	exo_vaddr_t at = first;

	while (at < end && work->words > 0) {
		exo_frame_t frames[UNMAP_PAGES];
		uint64_t count = hal_space_unmap(&zone->space, &at, end, frames, UNMAP_PAGES, &work->words, &zone->pool);

		for (uint64_t i = 0; i < count; i++)
			frame_unuse(frames[i]);
		zone->mapped_pages -= count;
		work_charge(work, (uint32_t)count * WORK_PAGE);
		if (count > 0)
			work_unflushed(work, zone);
		records_trim(zone, first, at, work);
	}
	return at == end;
}

/* ---- Frames ----------------------------------------------------------- */

void bind_frames(struct binding *binding, enum binding_kind kind, struct zone *zone, struct cap *cap, exo_frame_t first,
                 uint64_t count)
{
	bind_plain(binding, kind, zone, cap, first, first + count);
	for (uint64_t i = 0; i < count; i++)
		frame_use(first + i);
}

void unbind_frames(struct binding *binding)
{
	unbind_plain(binding);
	for (exo_frame_t frame = binding->first; frame < binding->end; frame++)
		frame_unuse(frame);
}

/* ---- Interrupts -------------------------------------------------------- */

void bind_irq(uint32_t line, struct zone *zone, struct cap *cap)
{
	bind_plain(&core.irqs[line], BINDING_IRQ, zone, cap, line, (uint64_t)line + 1);
	hal_irq_unmask(line);
}

void unbind_irq(struct binding *b)
{
	hal_irq_mask((uint32_t)b->first);
	irq_forget(b->zone, UINT64_C(1) << b->first);
	unbind_plain(b);
}

/* ---- Funds ------------------------------------------------------------- */

/* The record for `cap`, else the first free one, else NULL. No free one is before one in use, unless the zone goes. */
CORE_LOCKED static struct binding *fund_find(const struct zone *zone, const struct cap *cap)
{
	struct binding *funds = (struct binding *)(uintptr_t)zone->funds;

	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (funds[i].kind == BINDING_NONE || funds[i].slot == cap_slot(cap))
			return &funds[i];
	return NULL;
}

bool bind_fund_room(const struct zone *zone, const struct cap *cap)
{
	return fund_find(zone, cap) != NULL;
}

void bind_fund(struct zone *zone, struct cap *cap)
{
	struct binding *fund = fund_find(zone, cap);

	if (fund->kind == BINDING_NONE)
		bind_plain(fund, BINDING_FUND, zone, cap, 0, 0);
}

void unbind_funds(struct zone *zone)
{
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (zone->funds[i].kind != BINDING_NONE)
			unbind_plain(&zone->funds[i]);
}

void unbind_funds_await(const struct zone *zone)
{
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (zone->funds[i].kind != BINDING_NONE)
			core.funds_awaited[zone->funds[i].slot]++;
}

/* ---- Undoing ----------------------------------------------------------- */

/* A context or zone whose page is taken away cannot go on; it keeps nothing of
 * the frame, since it is never entered again. False: another CPU is still in there. */
CORE_LOCKED static bool single_repossess(struct binding *b)
{
	if (b->kind == BINDING_DISK)
		return transfer_repossess(b);
	if (b->kind == BINDING_IRQ) {
		unbind_irq(b);
		return true;
	}
	if (b->kind == BINDING_CONTEXT) {
		struct context *context = context_of_binding(b);

		if (cpus_leave(context))
			return false;
		/* What the HAL still has of its registers must not be put into the page later. */
		fastipc_forget(context);
		hal_ctx_fini(&context->hal);
		context->dead = true;
	} else {
		if (cpus_leave(b->zone))
			return false;
		zone_kill(b->zone);
	}
	unbind_frames(b);
	return true;
}

bool unbind_cap(struct cap *cap, struct work *work, uint64_t *undone)
{
	struct binding *b;

	while ((b = core.cap_bindings[cap_slot(cap)]) != NULL) {
		struct zone *zone = b->zone;
		uint64_t mapped = zone->mapped_pages;

		if (work->words == 0)
			return false;
		work_charge(work, WORK_RECORD);
		switch (b->kind) {
		case BINDING_PAGES:
			unbind_pages(zone, b->first, b->end, work);
			*undone += mapped - zone->mapped_pages;
			break;
		case BINDING_FUND:
			if (!bind_climb(b))
				unbind_plain(b);
			reap_zone(zone);
			break;
		case BINDING_QUANTUM:
			quantum_release(quantum_slot_at(b->first));
			break;
		case BINDING_PORT:
			port_unbind(port_of_binding(b));
			break;
		default:
			if (!single_repossess(b)) {
				work->stuck = true; /* nothing else can be done till it has come back */
				work->words = 0;
				return false;
			}
			++*undone;
		}
	}
	return true;
}

/* ---- Deadlines --------------------------------------------------------- */

static uint64_t sooner(uint64_t at, const struct binding *b)
{
	return b->kind != BINDING_NONE && cap_at(b->slot)->expires < at ? cap_at(b->slot)->expires : at;
}

uint64_t bindings_deadline(const struct context *context)
{
	const struct zone *zone = context->zone;
	uint64_t at = sooner(sooner(tree_deadline(zone->bindings.root), &zone->answers), &context->page_binding);

	for (unsigned i = 0; i < ZONE_FUNDS_MAX && zone->funds[i].kind != BINDING_NONE; i++)
		at = sooner(at, &zone->funds[i]);
	return at;
}

CORE_LOCKED static bool single_expire(struct binding *b)
{
	return b->kind == BINDING_NONE || !cap_is_expired(cap_at(b->slot)) || single_repossess(b);
}

bool unbind_expired(struct context *context, struct work *work)
{
	struct zone *zone = context->zone;
	uint64_t now = hal_time_ns();
	struct binding *b;

	while ((b = interval_binding(tree_expired(zone->bindings.root, now))) != NULL)
		if (!unbind_pages(zone, b->first, b->end, work))
			return false;
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (sooner(EXO_NO_EXPIRY, &zone->funds[i]) <= now)
			reap_zone(zone);
	return single_expire(&zone->answers) && single_expire(&context->page_binding);
}

bool unbind_zone(struct zone *zone, struct work *work)
{
	if (!unbind_pages(zone, 0, EXO_USER_LIMIT, work))
		return false;
	if (zone->answers.kind != BINDING_NONE)
		unbind_frames(&zone->answers);
	for (struct binding *b = core.irqs; b < core.irqs + HAL_IRQ_LINES; b++)
		if (b->kind != BINDING_NONE && b->zone == zone)
			unbind_irq(b);
	return !transfers_are_awaited(zone, NULL);
}

/* ---- What is being revoked ----------------------------------------------- */

CORE_LOCKED static struct cap *single_revoked(const struct binding *b)
{
	return b->kind != BINDING_NONE && cap_is_revoked(cap_at(b->slot)) ? cap_at(b->slot) : NULL;
}

/* What a zone gets is not being revoked when it gets it: so there is nothing to look for until another revocation begins. */
struct cap *bindings_revoked(const struct context *context)
{
	struct zone *zone = context->zone;
	struct bindings *bindings = &zone->bindings;
	struct cap *cap = single_revoked(&context->page_binding);

	if (cap || bindings->sound == core.revocations)
		return cap;
	cap = single_revoked(&zone->answers);
	for (unsigned i = 0; i < ZONE_FUNDS_MAX && !cap; i++)
		cap = single_revoked(&zone->funds[i]);
	for (unsigned looks = 0; looks < LOOKS_MAX && !cap && bindings->sound != core.revocations; looks++) {
		const struct use *use = use_after(zone, bindings->look_at);

		if (bindings->look_at == 0)
			bindings->sound_next = core.revocations;
		if (!use)
			bindings->sound = bindings->sound_next;
		else if (cap_is_revoked(cap_at((cap_slot_t)use->interval.first)))
			return cap_at((cap_slot_t)use->interval.first);
		bindings->look_at = use ? (uint32_t)use->interval.end : 0;
	}
	return cap;
}

/*
 * Secure bindings: intervals of mapped memory, their merging and splitting; the
 * single ones; and undoing.
 */
#include <core/fastipc.h>
#include <core/irq.h>
#include <core/quantum.h>
#include <core/reap.h>
#include <core/state.h>

/* Intervals that are looked at before a zone is entered while a revocation is
 * unfinished; a zone with more waits for its end. */
#define SOUND_MAX 64

void bindings_init(struct bindings *bindings)
{
	memset(bindings, 0, sizeof(*bindings));
	bindings->expires = EXO_NO_EXPIRY;
}

/* ---- Records ----------------------------------------------------------- */

CORE_LOCKED static void cap_list_add(struct binding *b, struct cap *cap)
{
	struct binding **head = &core.cap_bindings[cap_slot(cap)];

	b->slot = cap_slot(cap);
	b->cap_prev = NULL;
	b->cap_next = *head;
	if (*head)
		(*head)->cap_prev = b;
	*head = b;
	cap_ref(cap);
}

CORE_LOCKED static void cap_list_remove(struct binding *b)
{
	if (b->cap_prev)
		b->cap_prev->cap_next = b->cap_next;
	else
		core.cap_bindings[b->slot] = b->cap_next;
	if (b->cap_next)
		b->cap_next->cap_prev = b->cap_prev;
	cap_unref(cap_at(b->slot));
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

static void expiry_note(struct zone *zone, const struct cap *cap)
{
	if (cap->expires < zone->bindings.expires)
		zone->bindings.expires = cap->expires;
}

/* prev: the record it follows; NULL: it is the first. */
CORE_LOCKED static struct binding *record_new(struct zone *zone, struct cap *cap, struct binding *prev,
                                              exo_vaddr_t first, exo_vaddr_t end)
{
	struct binding *b = slab_alloc(&zone->binding_slab, &zone->pool, sizeof(*b));

	b->kind = BINDING_PAGES;
	b->zone = zone;
	b->first = first;
	b->end = end;
	b->prev = prev;
	b->next = prev ? prev->next : zone->bindings.head;
	if (prev)
		prev->next = b;
	else
		zone->bindings.head = b;
	if (b->next)
		b->next->prev = b;
	zone->bindings.count++;
	expiry_note(zone, cap);
	cap_list_add(b, cap);
	return b;
}

CORE_LOCKED static void record_free(struct binding *b)
{
	struct zone *zone = b->zone;

	cap_list_remove(b);
	if (b->prev)
		b->prev->next = b->next;
	else
		zone->bindings.head = b->next;
	if (b->next)
		b->next->prev = b->prev;
	if (zone->bindings.hint == b)
		zone->bindings.hint = b->prev;
	zone->bindings.count--;
	slab_free(&zone->binding_slab, b);
}

/* The last record that starts at or below `vaddr`, or NULL. */
static struct binding *record_before(struct bindings *bindings, exo_vaddr_t vaddr)
{
	struct binding *b = bindings->hint ? bindings->hint : bindings->head;

	if (!b)
		return NULL;
	while (b && b->first > vaddr)
		b = b->prev;
	if (!b)
		return NULL;
	while (b->next && b->next->first <= vaddr)
		b = b->next;
	bindings->hint = b;
	return b;
}

/* The first record that ends above `vaddr`, or NULL. */
static struct binding *record_after(struct bindings *bindings, exo_vaddr_t vaddr)
{
	struct binding *b = record_before(bindings, vaddr);

	if (!b)
		return bindings->head;
	return b->end > vaddr ? b : b->next;
}

/* Moves the start up to the first page that is mapped; without one the record goes. */
CORE_LOCKED static void record_tighten(struct binding *b, exo_vaddr_t from)
{
	b->first = hal_space_next(&b->zone->space, from, b->end);
	if (b->first == b->end)
		record_free(b);
}

/* Takes [first, end) out of all records except those of `keep`. */
CORE_LOCKED static void records_cut(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, cap_slot_t keep)
{
	struct binding *b = record_after(&zone->bindings, first), *next;

	for (; b && b->first < end; b = next) {
		next = b->next;
		if (b->slot == keep)
			continue;
		if (b->first < first && b->end > end) {
			struct binding *upper = record_new(zone, cap_at(b->slot), b, end, b->end);

			b->end = first;
			record_tighten(upper, end);
			return;
		}
		if (b->first < first)
			b->end = first;
		else
			record_tighten(b, b->end < end ? b->end : end);
	}
}

/* Adds [first, end) under `cap`, where no other capability has anything. */
CORE_LOCKED static void records_add(struct zone *zone, struct cap *cap, exo_vaddr_t first, exo_vaddr_t end)
{
	struct binding *b = record_before(&zone->bindings, first);
	struct binding *next = b ? b->next : zone->bindings.head;
	cap_slot_t slot = cap_slot(cap);

	if (b && b->slot == slot) {
		if (b->end < end)
			b->end = end;
	} else if (next && next->slot == slot) {
		b = next;
		b->first = first;
		if (b->end < end)
			b->end = end;
	} else {
		b = record_new(zone, cap, b, first, end);
	}
	while (b->next && b->next->slot == slot) {
		if (b->end < b->next->end)
			b->end = b->next->end;
		record_free(b->next);
	}
}

/* ---- Pages ------------------------------------------------------------- */

uint64_t bind_cost(const struct zone *zone)
{
	if (zone->bindings.count + 2 > BINDING_MAX)
		return UINT64_MAX;
	return slab_cost(&zone->binding_slab, 2);
}

bool bind_only(const struct zone *zone, cap_slot_t slot, exo_vaddr_t first, exo_vaddr_t end)
{
	struct bindings bindings = zone->bindings;
	const struct binding *b = record_after(&bindings, first);

	for (; b && b->first < end; b = b->next)
		if (b->slot != slot)
			return false;
	return true;
}

/* Takes what is mapped in [first, end) off the frames' counts, at most *budget
 * pages; returns where it stopped. */
CORE_LOCKED static exo_vaddr_t pages_uncount(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, uint32_t *budget)
{
	exo_vaddr_t at = hal_space_next(&zone->space, first, end);

	while (at < end && *budget > 0) {
		exo_frame_t frame;
		uint32_t flags;

		if (hal_space_query(&zone->space, at, &frame, &flags)) {
			frame_unuse(frame);
			zone->mapped_pages--;
			--*budget;
			at += EXO_FRAME_SIZE;
		} else {
			at = hal_space_next(&zone->space, at, end);
		}
	}
	return at < end ? at : end;
}

void bind_pages(struct zone *zone, struct cap *cap, exo_vaddr_t vaddr, exo_frame_t frame,
                uint64_t count, uint32_t prot)
{
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint32_t budget = UINT32_MAX;

	if (zone->mapped_pages > 0)
		pages_uncount(zone, vaddr, end, &budget);
	records_cut(zone, vaddr, end, cap_slot(cap));
	hal_space_map(&zone->space, vaddr, frame, count, cap->type == EXO_CAP_MMIO ? prot | EXO_PROT_DEVICE : prot,
	              &zone->pool);
	records_add(zone, cap, vaddr, end);
	for (uint64_t i = 0; i < count; i++)
		frame_use(frame + i);
	zone->mapped_pages += count;
}

bool unbind_pages(struct zone *zone, exo_vaddr_t first, exo_vaddr_t end, uint32_t *budget)
{
	struct binding *b, *next;
	exo_vaddr_t stop = pages_uncount(zone, first, end, budget);

	if (stop > first)
		hal_space_unmap(&zone->space, first, (stop - first) >> EXO_FRAME_SHIFT);
	for (b = record_after(&zone->bindings, first); b && b->first < stop; b = next) {
		next = b->next;
		if (b->first >= first)
			record_tighten(b, b->end < stop ? b->end : stop);
		else if (b->end <= stop)
			b->end = first;
	}
	return stop == end;
}

/* ---- Frames ----------------------------------------------------------- */

void bind_frames(struct binding *binding, enum binding_kind kind, struct zone *zone, struct cap *cap, exo_frame_t first,
                 uint64_t count)
{
	bind_plain(binding, kind, zone, cap, first, first + count);
	expiry_note(zone, cap);
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
	expiry_note(zone, cap);
	hal_irq_unmask(line);
}

void unbind_irq(struct binding *b)
{
	hal_irq_mask((uint32_t)b->first);
	irq_forget(b->zone, UINT64_C(1) << b->first);
	unbind_plain(b);
}

/* ---- Funds ------------------------------------------------------------- */

/* The record for `cap`, else a free one, else NULL. */
CORE_LOCKED static struct binding *fund_find(const struct zone *zone, const struct cap *cap)
{
	struct binding *funds = (struct binding *)(uintptr_t)zone->funds, *found = NULL;

	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++) {
		if (funds[i].kind == BINDING_NONE)
			found = &funds[i];
		else if (funds[i].slot == cap_slot(cap))
			return &funds[i];
	}
	return found;
}

bool bind_fund_room(const struct zone *zone, const struct cap *cap)
{
	return fund_find(zone, cap) != NULL;
}

void bind_fund(struct zone *zone, struct cap *cap)
{
	struct binding *fund = fund_find(zone, cap);

	if (fund->kind != BINDING_NONE)
		return;
	bind_plain(fund, BINDING_FUND, zone, cap, 0, 0);
	expiry_note(zone, cap);
}

void unbind_funds(struct zone *zone)
{
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (zone->funds[i].kind != BINDING_NONE)
			unbind_plain(&zone->funds[i]);
}

bool unbind_fund_is_awaited(const struct cap *cap)
{
	for (const struct zone *zone = core.dying; zone; zone = zone->reap_next)
		for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
			if (zone->funds[i].kind != BINDING_NONE && zone->funds[i].slot == cap_slot(cap))
				return true;
	return false;
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

bool unbind_cap(struct cap *cap, uint32_t *budget, uint64_t *undone)
{
	struct binding *b;

	while ((b = core.cap_bindings[cap_slot(cap)]) != NULL) {
		struct zone *zone = b->zone;
		uint64_t mapped = zone->mapped_pages;

		if (*budget == 0)
			return false;
		--*budget;
		switch (b->kind) {
		case BINDING_PAGES:
			unbind_pages(zone, b->first, b->end, budget);
			*undone += mapped - zone->mapped_pages;
			hal_space_flush(&zone->space);
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
				*budget = 0; /* nothing else can be done till it has come back */
				return false;
			}
			++*undone;
		}
	}
	return true;
}

CORE_LOCKED static bool single_expire(struct binding *b)
{
	if (b->kind == BINDING_NONE)
		return true;
	if (cap_is_expired(cap_at(b->slot)))
		return single_repossess(b);
	expiry_note(b->zone, cap_at(b->slot));
	return true;
}

CORE_LOCKED static void fund_expire(struct binding *fund)
{
	if (fund->kind == BINDING_NONE)
		return;
	if (cap_is_expired(cap_at(fund->slot)))
		reap_zone(fund->zone);
	else
		expiry_note(fund->zone, cap_at(fund->slot));
}

bool unbind_expired(struct zone *zone, uint32_t *budget)
{
	struct binding *b, *next;
	uint64_t before = zone->bindings.expires;
	bool done;

	zone->bindings.expires = EXO_NO_EXPIRY;
	for (b = zone->bindings.head; b; b = next) {
		next = b->next;
		if (!cap_is_expired(cap_at(b->slot))) {
			expiry_note(zone, cap_at(b->slot));
		} else if (*budget == 0 || !unbind_pages(zone, b->first, b->end, budget)) {
			zone->bindings.expires = before;
			return false;
		}
	}
	done = single_expire(&zone->answers);
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		fund_expire(&zone->funds[i]);
	for (struct context *context = zone->contexts; context; context = context->next)
		done &= single_expire(&context->page_binding);
	for (b = core.irqs; b < core.irqs + HAL_IRQ_LINES; b++)
		done &= b->zone != zone || single_expire(b);
	hal_space_flush(&zone->space);
	if (!done)
		zone->bindings.expires = before;
	return done;
}

bool unbind_zone(struct zone *zone, uint32_t *budget)
{
	struct binding *b;

	while ((b = zone->bindings.head) != NULL) {
		exo_vaddr_t stop = pages_uncount(zone, b->first, b->end, budget);

		if (stop < b->end) {
			b->first = stop;
			return false;
		}
		record_free(b);
	}
	if (zone->answers.kind != BINDING_NONE)
		unbind_frames(&zone->answers);
	for (b = core.irqs; b < core.irqs + HAL_IRQ_LINES; b++)
		if (b->kind != BINDING_NONE && b->zone == zone)
			unbind_irq(b);
	return !transfers_are_awaited(zone, NULL);
}

bool bindings_are_sound(const struct zone *zone)
{
	const struct binding *b = zone->bindings.head;

	if (zone->bindings.count > SOUND_MAX)
		return false;
	for (; b; b = b->next)
		if (cap_is_revoked(cap_at(b->slot)))
			return false;
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++)
		if (zone->funds[i].kind != BINDING_NONE && cap_is_revoked(cap_at(zone->funds[i].slot)))
			return false;
	return zone->answers.kind == BINDING_NONE || !cap_is_revoked(cap_at(zone->answers.slot));
}

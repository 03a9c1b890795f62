/*
 * core_check(): every invariant of docs/invariants.md.
 * Each part returns NULL or the text of what is broken.
 */
#include <core/ask.h>
#include <bpf/bpf.h>
#include <core/check.h>
#include <core/due.h>
#include <core/interval.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/fastipc.h>
#include <exo/lattice.h>

#define ENSURE(condition, text)            \
	do {                               \
		if (!(condition))          \
			return (text);     \
	} while (0)

static bool is_live(const struct cap *cap)
{
	return cap->state & CAP_LIVE;
}

/* ---- Capabilities ------------------------------------------------------ */

/* A child names no more than its parent, unless it names another object (a
 * zone or context that was made with the parent). */
static const char *check_derivation(const struct cap *cap, const struct cap *parent)
{
	ENSURE(is_live(parent), "capability: parent is not live");
	ENSURE(cap->depth > parent->depth, "capability: not deeper than its parent");
	ENSURE(cap->expires <= parent->expires, "capability: outlives its parent");
	if (cap->type != parent->type)
		return (cap->type == EXO_CAP_CONTEXT || cap_is_port(cap->type)) && parent->type == EXO_CAP_ZONE ?
		       NULL : "capability: type differs from its parent's";
	if (exo_cap_is_extent(cap->type))
		ENSURE(cap_covers(parent, cap->first, cap->count), "capability: extent exceeds its parent's");
	if (!cap_is_object(cap->type) || cap->first == parent->first)
		ENSURE(exo_authority_within(exo_authority_of(cap->type, cap->rights),
		                            exo_authority_of(parent->type, parent->rights)),
		       "capability: not below its parent in the lattice");
	return NULL;
}

/* By one capability of its own and one of what is bound to it. */
CORE_LOCKED static bool port_is_bound_by(const struct port *port, const struct cap *cap)
{
	const struct cap *target = cap_at(port->by_target.slot);

	if (cap != target && (cap->port != port || cap_slot(cap) != port->by_port.slot))
		return false;
	return port->by_target.kind == BINDING_PORT && (port->type == EXO_CAP_NOTIFY ? port->by_target.zone == target->zone :
	                                                port->server && port->server == target->context);
}

CORE_LOCKED static const char *check_refs(const struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap), prev = CAP_NIL;
	uint32_t refs = 0, awaited = 0;

	for (cap_slot_t child = cap->child; child != CAP_NIL; child = cap_at(child)->next, refs++) {
		ENSURE(refs < CAP_SLOTS, "capability: ring of children");
		ENSURE(cap_at(child)->parent == slot && cap_at(child)->prev == prev, "capability: child links");
		prev = child;
	}
	for (const struct binding *b = core.cap_bindings[slot]; b; b = b->cap_next, refs++) {
		awaited += b->kind == BINDING_FUND && b->zone->dying;
		ENSURE(b->slot == slot && b->kind != BINDING_NONE, "binding: listed under a wrong capability");
		ENSURE(b->kind == BINDING_PORT ? port_is_bound_by(port_of_binding(b), cap) :
		       b->kind == BINDING_QUANTUM ? cap->type == EXO_CAP_CPU || cap->type == EXO_CAP_CONTEXT :
		       (b->kind == BINDING_PAGES && cap->type == EXO_CAP_MMIO) ||
		       (b->kind == BINDING_DISK && cap->type == EXO_CAP_DISK) ||
		       cap->type == (b->kind == BINDING_IRQ ? EXO_CAP_IRQ : EXO_CAP_MEMORY), "binding: of a wrong type");
		ENSURE(core.zones[b->zone->number] == b->zone, "binding: its zone is gone");
		ENSURE(!b->cap_next || b->cap_next->cap_prev == b, "binding: capability links");
	}
	ENSURE(cap->refs == refs, "capability: reference count is wrong");
	ENSURE(core.funds_awaited[slot] == awaited, "capability: number of funds that are awaited");
	return NULL;
}

CORE_LOCKED static const char *check_cap(const struct cap *cap)
{
	const struct zone *owner = cap->owner < ZONE_MAX ? core.zones[cap->owner] : NULL;
	const char *broken = check_refs(cap);

	if (broken)
		return broken;
	ENSURE(owner, "capability: owner is gone");
	ENSURE(cap_tag_check(cap) == EXO_OK, "capability: tag does not match");
	if (cap->type == EXO_CAP_ZONE)
		ENSURE(core.zones[cap->zone->number] == cap->zone, "capability: its zone is gone");
	if (cap->type == EXO_CAP_CONTEXT)
		ENSURE(core.zones[cap->context->zone->number] == cap->context->zone, "capability: its context is gone");
	if (cap_is_port(cap->type))
		ENSURE(core.zones[cap->port->zone->number] == cap->port->zone && cap->port->type == cap->type &&
		       cap->port->by_port.kind == cap->port->by_target.kind, "capability: its port");
	return cap->parent == CAP_NIL ? NULL : check_derivation(cap, cap_at(cap->parent));
}

CORE_LOCKED static const char *check_table(void)
{
	uint32_t used = 0, revoking = 0, free = 0;

	for (uint32_t slot = 1; slot < core.cap_fresh; slot++) {
		const struct cap *cap = cap_at((cap_slot_t)slot);
		const char *broken;

		if (!is_live(cap)) {
			ENSURE(!core.cap_bindings[slot], "binding: its capability is not live");
			ENSURE(!(core.cap_tags[slot].word[0] | core.cap_tags[slot].word[1]), "capability: a free slot has a tag");
			continue;
		}
		used++;
		revoking += cap_is_revoking(cap);
		broken = check_cap(cap);
		if (broken)
			return broken;
	}
	ENSURE(used == core.caps_used, "capability table: number in use");
	for (cap_slot_t slot = core.cap_free; slot != CAP_NIL; slot = (cap_slot_t)cap_at(slot)->refs)
		ENSURE(++free < CAP_SLOTS && !is_live(cap_at(slot)), "capability table: free list");
	ENSURE(used + free == core.cap_fresh - 1, "capability table: a free slot is lost");
	for (cap_slot_t slot = core.revoking; slot != CAP_NIL; slot = cap_at(slot)->revoke_next, revoking--)
		ENSURE(revoking > 0 && cap_is_revoking(cap_at(slot)), "revocation queue");
	ENSURE(revoking == 0, "revocation queue: one is missing");
	return NULL;
}

/* Every deadline is in the heap once, none before the one above it; an ask has something to ask for. */
CORE_LOCKED static const char *check_deadlines(void)
{
	uint32_t asks = 0, deadlines = 0;

	ENSURE(due_heap_is_sound(&core.due, CAP_SLOTS), "deadlines: heap");
	for (uint32_t slot = 1; slot < core.cap_fresh; slot++) {
		const struct cap *cap = cap_at((cap_slot_t)slot);

		ENSURE(is_live(cap) || (core.cap_asked[slot] == 0 && core.due_place[slot] == 0), "deadlines: of a free slot");
		if (!is_live(cap))
			continue;
		asks += core.cap_asked[slot] != 0;
		deadlines += due_of(cap) != EXO_NO_EXPIRY;
		ENSURE(core.cap_asked[slot] == 0 || cap->child != CAP_NIL, "ask: for nothing");
		ENSURE((due_of(cap) != EXO_NO_EXPIRY) == (core.due_place[slot] != 0), "deadlines: one is missing");
	}
	ENSURE(asks == core.ask_count, "ask: number");
	ENSURE(((core.backlog & BACKLOG_DUE) != 0) == core.due_ready, "backlog: what is due");
	ENSURE(deadlines == core.due.count, "deadlines: number");
	return NULL;
}

/* ---- Zones ------------------------------------------------------------- */

static const struct binding *first_of(const struct zone *zone)
{
	return interval_after(&zone->bindings, 0);
}

static const struct binding *next_of(const struct binding *b)
{
	return interval_after(&b->zone->bindings, b->end);
}

CORE_LOCKED static const char *check_bindings(const struct zone *zone)
{
	const struct bindings *bindings = &zone->bindings;
	uint64_t count = 0, used = 0, uses = 0, end = 0;
	uint32_t words = 0;

	for (const struct binding *b = first_of(zone); b; b = next_of(b)) {
		ENSURE(b->kind == BINDING_PAGES && b->zone == zone, "binding: kind or zone");
		ENSURE(b->first >= end && b->first < b->end, "binding: intervals overlap");
		ENSURE(is_live(cap_at(b->slot)), "binding: without capability");
		ENSURE(hal_space_next(&zone->space, b->first, b->end, &words) == b->first,
		       "binding: nothing mapped at its start");
		end = b->end;
		count++;
	}
	/* Each of their capabilities once; and none that is being revoked, if the zone has looked. */
	for (const struct interval *use = tree_after(bindings->uses, 0); use; use = tree_after(bindings->uses, use->end), uses++) {
		uint64_t here = ((const struct use *)(const void *)use)->count;

		ENSURE(here > 0 && (bindings->sound != core.revocations || !cap_is_revoked(cap_at((cap_slot_t)use->first))), "binding: use");
		used += here;
		for (const struct binding *b = first_of(zone); b; b = next_of(b))
			here -= b->slot == use->first;
		ENSURE(here == 0, "binding: number of uses");
	}
	ENSURE(count == bindings->count && count == used && count + uses == zone->binding_slab.used_count, "binding: lost record");
	return NULL;
}

/* What is mapped is what was counted, and lies inside the capability. */
static const char *check_pages(const struct zone *zone)
{
	uint64_t pages = 0;
	uint32_t words = 0;

	if (zone == core.libos)
		return NULL;
	for (const struct binding *b = first_of(zone); b; b = next_of(b))
		for (exo_vaddr_t at = hal_space_next(&zone->space, b->first, b->end, &words); at < b->end;
		     at = hal_space_next(&zone->space, at + EXO_FRAME_SIZE, b->end, &words), pages++) {
			exo_frame_t frame;
			uint32_t flags;

			ENSURE(hal_space_query(&zone->space, at, &frame, &flags), "space: next and query differ");
			ENSURE(cap_covers(cap_at(b->slot), frame, 1), "space: a page outside its capability");
			if (cap_at(b->slot)->type == EXO_CAP_MMIO)
				ENSURE((flags & EXO_PROT_DEVICE) && !(flags & EXO_PROT_EXEC), "space: registers mapped as memory");
			else
				ENSURE(!(flags & EXO_PROT_DEVICE), "space: memory mapped as registers");
		}
	ENSURE(pages == zone->mapped_pages, "space: pages without a binding");
	return NULL;
}

static bool is_registers(exo_frame_t frame)
{
	for (unsigned i = 0; i < HAL_EXTENTS; i++)
		if (frame - core.info->mmio[i].first < core.info->mmio[i].count)
			return true;
	return false;
}

/* Whatever the books say: no frame of the kernel's is within reach of ring 3; and the first LibOS reaches all others. */
CORE_LOCKED static const char *check_reach(const struct zone *zone)
{
	uint64_t reached = 0, count = 0, own = frame_table_frames(core.info->frame_count) + core.frames_funded;
	exo_frame_t frame;

	for (exo_vaddr_t at = 0; !zone->stripped && hal_space_reach(&zone->space, &at, &frame, &count);
	     at += count << EXO_FRAME_SHIFT, reached += count)
		for (uint64_t i = 0; i < count; i++)
			ENSURE(frame_is_ours(frame + i) ? frame_at(frame + i)->fund == FRAME_FREE : is_registers(frame + i),
			       "space: ring 3 reaches kernel memory");
	ENSURE(zone->dying || reached == (zone == core.libos ? core.frames_memory - own : zone->mapped_pages),
	       "space: what ring 3 reaches is not what was mapped");
	return NULL;
}

static const char *check_contexts(const struct zone *zone)
{
	uint32_t count = 0;

	for (const struct context *c = zone->contexts; c; c = c->next, count++) {
		uint32_t depth = 0;

		ENSURE(c->zone == zone && (!c->next || c->next->prev == c), "context: links");
		ENSURE(c->caps_naming != CAP_NIL || c->doomed, "context: without capability");
		ENSURE(!c->in_slot || c->caps_naming != CAP_NIL, "context: in a slot without capability");
		ENSURE(c->callee ? c->callee->caller == c && !c->parked : true, "fastipc: who serves it");
		ENSURE(c->caller ? c->caller->callee == c && !c->parked && c->port && c->port->server == c :
		                   !c->port && !c->detached, "fastipc: whom it serves");
		ENSURE(!c->dead || !(c->callee || c->caller), "fastipc: dead, and in a chain");
		ENSURE(!c->parked || !(c->running || c->in_slot || c->dead), "fastipc: parked, and runs");
		for (const struct context *up = c->caller; up; up = up->caller)
			ENSURE(++depth <= EXO_FASTIPC_DEPTH, "fastipc: a ring, or too deep");
		ENSURE(c->dead == (c->page_binding.kind == BINDING_NONE), "context: alive without its page");
	}
	ENSURE(count == zone->context_count && count == zone->context_slab.used_count, "context: count");
	return NULL;
}

CORE_LOCKED static const char *check_rings(const struct zone *zone)
{
	uint32_t owned = 0, naming = 0;

	for (cap_slot_t slot = zone->caps_owned; slot != CAP_NIL; slot = cap_at(slot)->owner_next)
		ENSURE(++owned < CAP_SLOTS && is_live(cap_at(slot)) && cap_at(slot)->owner == zone->number,
		       "zone: ring of what it owns");
	ENSURE(owned == zone->quotas[EXO_QUOTA_CAPS].used, "zone: number of capabilities");
	for (cap_slot_t slot = zone->caps_naming; slot != CAP_NIL; slot = cap_object_next(cap_at(slot)))
		ENSURE(++naming < CAP_SLOTS && is_live(cap_at(slot)) && cap_at(slot)->type == EXO_CAP_ZONE &&
		       cap_at(slot)->zone == zone, "zone: ring of what names it");
	ENSURE(naming > 0 || zone->dying || zone == core.libos, "zone: without capability");
	for (cap_slot_t slot = zone->port_caps; slot != CAP_NIL; slot = cap_object_next(cap_at(slot)))
		ENSURE(is_live(cap_at(slot)) && cap_is_port(cap_at(slot)->type) && cap_at(slot)->port->zone == zone &&
		       cap_at(slot)->port->names > 0, "zone: ring of ports' names");
	return NULL;
}

static const char *check_fund(const struct zone *zone)
{
	uint64_t pooled = zone->pool.fresh_count, slabs = zone->binding_slab.frame_count + zone->context_slab.frame_count +
	                              zone->port_slab.frame_count;

	if (zone->taken) {
		ENSURE(frame_at(zone->taken->frame)->fund == zone->number && hal_phys_ptr(zone->taken->frame) == zone->taken,
		       "fund: the ring of what was taken");
		ENSURE(zone->taken->head - zone->taken->tail <= TAKEN_RECORDS, "zone: ring of what was taken");
		slabs++;
	}

	for (uint64_t i = 0; i < pooled; i++)
		ENSURE(frame_at(zone->pool.fresh + i)->fund == zone->number, "fund: a fresh frame of the pool is not funded");
	for (uint64_t link = zone->pool.head; link; link = hal_pool_under(link - 1)) {
		ENSURE(pooled++ < zone->pool.count, "fund: pool is longer than its count");
		ENSURE(frame_at(link - 1)->fund == zone->number, "fund: a frame of the pool is not funded");
	}
	ENSURE(pooled == zone->pool.count, "fund: pool is shorter than its count");
	ENSURE(pooled + slabs + 1 <= zone->fund_total, "fund: more frames than were given");
	return NULL;
}

/* Among those with unread refusals exactly if it has some. */
CORE_LOCKED static const char *check_refusals(const struct zone *zone)
{
	const struct refusals *r = &zone->refusals;
	uint32_t count = 0;

	ENSURE(r->head - r->tail <= r->size && r->records == (zone == core.libos ? core.refusals : zone->refused), "audit: ring");
	if (r->head == r->tail)
		return NULL;
	for (const struct zone *at = core.refused; at != zone; at = at->refusals.next)
		ENSURE(at && ++count < ZONE_MAX, "audit: a zone with refusals is missing");
	ENSURE(r->next->refusals.prev == zone && r->prev->refusals.next == zone, "audit: links");
	return NULL;
}

/* What it tells of is its own, and what is next is derived from that. */
CORE_LOCKED static const char *check_telling(const struct zone *zone)
{
	cap_slot_t slot = zone->tell_next;

	if (zone->telling == CAP_NIL)
		return NULL;
	ENSURE(is_live(cap_at(zone->telling)) && cap_at(zone->telling)->owner == zone->number && core.cap_asked[zone->telling] != 0,
	       "ask: telling of what nobody asks for");
	while (slot != zone->telling && slot != CAP_NIL)
		slot = cap_at(slot)->parent;
	ENSURE(slot == zone->telling && is_live(cap_at(zone->tell_next)), "ask: next to be told");
	return NULL;
}

/* What it has given away the zones below it have; what it uses is there; and that is no more than it has. */
CORE_LOCKED static const char *check_quotas(const struct zone *zone)
{
	uint32_t zones = 0, transfers = 0;

	for (uint32_t table = 0; table < EXO_QUOTA_COUNT; table++) {
		const struct exo_quota *quota = &zone->quotas[table];
		uint64_t given = 0;

		for (const struct zone *child = zone->child; child; child = child->next)
			given += child->quotas[table].limit;
		ENSURE(given == quota->given && given + quota->used <= quota->limit, "quota: given away");
	}
	for (const struct zone *child = zone->child; child; child = child->next)
		zones++;
	for (const struct transfer *t = core.transfers; t < core.transfers + HAL_TRANSFERS; t++)
		transfers += t->by_disk.kind != BINDING_NONE && t->by_disk.zone == zone;
	ENSURE(zones == zone->quotas[EXO_QUOTA_ZONES].used && transfers == zone->quotas[EXO_QUOTA_DISK].used, "quota: used");
	return NULL;
}

/* Below its parent, above its children; and it lives from somebody's memory. */
CORE_LOCKED static const char *check_family(const struct zone *zone)
{
	const struct zone *child = zone->child;
	uint32_t count = 0, funds = 0;

	ENSURE(zone == core.libos || zone->parent, "zone: below nothing");
	if (zone->parent)
		ENSURE(core.zones[zone->parent->number] == zone->parent && zone->depth == zone->parent->depth + 1 &&
		       zone->depth <= ZONE_DEPTH_MAX, "zone: its parent");
	ENSURE(!child || !child->prev, "zone: first child");
	for (; child; child = child->next, count++)
		ENSURE(count < ZONE_MAX && child->parent == zone && (!child->next || child->next->prev == child),
		       "zone: ring of children");
	for (unsigned i = 0; i < ZONE_FUNDS_MAX; i++) {
		ENSURE(zone->funds[i].kind == BINDING_NONE || zone->funds[i].zone == zone, "zone: funds");
		funds += zone->funds[i].kind != BINDING_NONE;
	}
	ENSURE(funds > 0 || zone == core.libos || zone->dying, "zone: lives from nobody's memory");
	return NULL;
}

static const char *check_program(const struct zone *zone)
{
	ENSURE(zone->program_count <= EXO_ANSWER_PROGRAM_MAX, "zone: answer program too long");
	ENSURE(zone->program_count == 0 || bpf_check(zone->program, zone->program_count) == EXO_OK, "zone: answer program");
	return NULL;
}

/* ---- Interrupts -------------------------------------------------------- */

CORE_LOCKED static const char *check_irqs(const struct zone *zone)
{
	uint64_t lines = 0;

	for (uint32_t line = 0; line < HAL_IRQ_LINES; line++) {
		const struct binding *b = &core.irqs[line];

		if (b->kind == BINDING_NONE || b->zone != zone)
			continue;
		ENSURE(b->kind == BINDING_IRQ && b->first == line, "interrupt: kind or line");
		ENSURE(is_live(cap_at(b->slot)) && cap_covers(cap_at(b->slot), line, 1), "interrupt: outside its capability");
		lines |= UINT64_C(1) << line;
	}
	ENSURE(!(zone->irq_lines & ~lines), "interrupt: came from a line that is not bound");
	ENSURE(zone->irq_lines || !(zone->pending & EXO_PEND_IRQ), "interrupt: announced, and none there");
	return NULL;
}

static const char *check_zone(const struct zone *zone)
{
	static const char *(*const checks[])(const struct zone *) = {
		check_bindings, check_pages, check_reach, check_contexts, check_rings, check_fund, check_family, check_program,
		check_irqs, check_telling, check_refusals, check_quotas,
	};
	const char *broken = NULL;

	for (unsigned i = 0; !broken && i < sizeof(checks) / sizeof(checks[0]); i++)
		broken = checks[i](zone);
	return broken;
}

/* ---- Frames ------------------------------------------------------------ */

struct totals {
	uint64_t funded, mapped;
	uint32_t zones, contexts;
};

CORE_LOCKED static const char *check_frames(const struct totals *totals)
{
	uint64_t funded = 0, mapped = core.device_maps;

	for (uint64_t i = 0; i < core.info->frame_count; i++) {
		const struct frame *frame = &core.frames[i];

		if (frame->fund != FRAME_FREE) {
			ENSURE(frame->maps == 0, "frame: kernel memory in use elsewhere");
			ENSURE(frame->fund >= FRAME_HOLE || core.zones[frame->fund], "frame: its zone is gone");
			funded += frame->fund < FRAME_HOLE;
		}
		mapped += frame->maps;
	}
	ENSURE(funded == core.frames_funded && funded == totals->funded, "frame: funded frames are lost");
	ENSURE(mapped == totals->mapped, "frame: mappings are miscounted");
	return NULL;
}

static void totals_add(struct totals *totals, const struct zone *zone)
{
	totals->zones++;
	totals->contexts += zone->context_count;
	totals->funded += zone->fund_total;
	totals->mapped += zone->mapped_pages + (zone->answers.kind != BINDING_NONE);
	for (const struct context *c = zone->contexts; c; c = c->next)
		totals->mapped += c->page_binding.kind != BINDING_NONE;
}

/* ---- Quantum slots ----------------------------------------------------- */

static const char *check_slot(const struct quantum_slot *slot, uint64_t number, uint64_t round)
{
	const struct context *context = slot->context;

	ENSURE((slot->by_cpu.kind == BINDING_QUANTUM) == (context != NULL) &&
	       (slot->by_context.kind == BINDING_QUANTUM) == (context != NULL), "slot: without its bindings");
	if (!context)
		return NULL;
	ENSURE(slot->by_cpu.first == number && slot->by_context.first == number, "slot: number");
	ENSURE(context->in_slot && slot->by_cpu.zone == context->zone, "slot: its context");
	ENSURE(context->zone->kind == EXO_ZONE_LIBOS && context->zone != core.libos, "slot: not of a LibOS");
	ENSURE(cap_covers(cap_at(slot->by_cpu.slot), number, 1), "slot: outside its capability");
	ENSURE(cap_at(slot->by_context.slot)->context == context, "slot: another context's capability");
	ENSURE(slot->ns > 0 && slot->ns <= EXO_QUANTUM_NS_MAX, "slot: length of a turn");
	ENSURE(slot->debt < slot->ns && slot->next <= round + 1 + QUANTUM_DEBT_NS / slot->ns, "slot: what it owes");
	return NULL;
}

CORE_LOCKED static const char *check_quanta(void)
{
	for (uint64_t cpu = 0; cpu < CORE_CPU_MAX; cpu++) {
		const struct quantum *vector = &core.cpus[cpu].quantum;
		uint32_t bound = 0;

		for (uint64_t i = 0; i < EXO_QUANTUM_SLOTS; i++) {
			const char *broken = check_slot(&vector->slots[i], EXO_QUANTUM_SLOT(cpu, i), vector->round);

			if (broken)
				return broken;
			bound += vector->slots[i].context != NULL;
		}
		ENSURE(bound == vector->bound, "vector: number of bound slots");
		ENSURE(vector->current != 0 || (bound > 0) == (vector->turn_end != UINT64_MAX), "vector: end of the turn");
		ENSURE(vector->current < EXO_QUANTUM_SLOTS, "vector: whose turn it is");
	}
	return NULL;
}

CORE_LOCKED static const char *check_transfers(uint64_t *used)
{
	for (const struct transfer *t = core.transfers; t < core.transfers + HAL_TRANSFERS; t++) {
		const struct binding *disk = &t->by_disk, *memory = &t->by_memory;
		uint64_t blocks = disk->end - disk->first;
		bool frames = memory->kind != BINDING_NONE, bound = disk->kind != BINDING_NONE;

		ENSURE(frames == (bound && t->under_way && blocks > 0), "transfer: its frames");
		ENSURE(bound ? t->under_way || !t->forgotten : !t->under_way, "transfer: bound to no disk");
		ENSURE(!bound || cap_covers(cap_at(disk->slot), disk->first, blocks + !blocks), "transfer: outside of its disk");
		ENSURE(!frames || (memory->end - memory->first == blocks && cap_covers(cap_at(memory->slot), memory->first, blocks)),
		       "transfer: outside of its memory");
		*used += frames ? blocks : 0;
	}
	return NULL;
}

CORE_LOCKED static const char *check_queues(void)
{
	uint32_t dying = 0, armed = 0;

	ENSURE(due_heap_is_sound(&core.timers, ZONE_MAX), "timers: heap");
	for (uint32_t i = 1; i < ZONE_MAX; i++)
		armed += core.zones[i] && core.zones[i]->timer_at != UINT64_MAX && !core.zones[i]->dying;
	ENSURE(armed == core.timers.count, "timers: one is missing");
	for (const struct zone *zone = core.dying; zone; zone = zone->reap_next, dying++)
		ENSURE(zone->dying && core.zones[zone->number] == zone && (zone->reap_prev ? zone->reap_prev->reap_next : core.dying) == zone &&
		       (zone->reap_next || core.dying_last == zone), "zones: queue of the dying");
	ENSURE(dying == core.dying_count, "zones: number of the dying");
	return NULL;
}

const char *core_check(void)
{
	struct totals totals = { 0 };
	const char *broken = check_table();

	if (!broken)
		broken = check_deadlines();
	for (uint32_t i = 1; !broken && i < ZONE_MAX; i++) {
		if (!core.zones[i])
			continue;
		ENSURE(core.zones[i]->number == i, "zone: number");
		totals_add(&totals, core.zones[i]);
		broken = check_zone(core.zones[i]);
	}
	if (broken)
		return broken;
	ENSURE(totals.zones == core.zone_count && totals.contexts == core.context_count, "zones: count");
	broken = check_quanta();
	if (!broken)
		broken = check_transfers(&totals.mapped);
	if (!broken)
		broken = check_queues();
	return broken ? broken : check_frames(&totals);
}

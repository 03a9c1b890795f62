/*
 * Audit rings.
 */
#include <core/audit.h>
#include <core/state.h>

void audit_add(struct audit *audit, uint16_t what, uint32_t zone, uint16_t call, exo_cap_t cap,
               enum exo_status status, uint64_t time_ns)
{
	uint32_t head = audit->head++;

	if (head - audit->tail == AUDIT_ROUTINE) {
		audit->tail++;
		audit->dropped++;
	}
	audit->routine[head % AUDIT_ROUTINE] = (struct exo_audit_record){
		.time_ns = time_ns, .cap = cap, .zone = zone, .what = what,
		.call = call, .status = status, .sequence = head,
	};
}

/* ---- Refusals ---------------------------------------------------------- */

/* Its turn is after everybody else's. */
CORE_LOCKED static void refused_link(struct zone *zone)
{
	struct zone *first = core.refused ? core.refused : (core.refused = zone);
	struct zone *last = first == zone ? zone : first->refusals.prev;

	zone->refusals.next = first;
	zone->refusals.prev = last;
	first->refusals.prev = last->refusals.next = zone;
}

CORE_LOCKED static void refused_unlink(struct zone *zone)
{
	struct refusals *r = &zone->refusals;

	r->next->refusals.prev = r->prev;
	r->prev->refusals.next = r->next;
	if (core.refused == zone)
		core.refused = r->next == zone ? NULL : r->next;
}

/* Where the zone's next record goes; the ring is not full. */
CORE_LOCKED static struct exo_audit_record *next_record(struct zone *zone)
{
	struct refusals *r = &zone->refusals;

	if (r->head == r->tail)
		refused_link(zone);
	return &r->records[r->head++ & (r->size - 1)];
}

void audit_refuse(struct zone *zone, uint16_t call, exo_cap_t cap, enum exo_status status, uint64_t time_ns)
{
	struct refusals *r = &zone->refusals;

	if (r->head - r->tail == r->size) {
		r->tail++;
		core.refusals_dropped++;
	}
	*next_record(zone) = (struct exo_audit_record){
		.time_ns = time_ns, .cap = cap, .zone = zone->number, .what = EXO_AUDIT_REFUSE,
		.call = call, .status = status, .sequence = r->sequence++,
	};
}

void audit_bequeath(struct zone *zone)
{
	struct refusals *r = &zone->refusals, *to = &zone->parent->refusals;

	if (r->head == r->tail)
		return;
	refused_unlink(zone);
	for (; r->head != r->tail && to->head - to->tail < to->size; r->tail++)
		*next_record(zone->parent) = r->records[r->tail & (r->size - 1)];
	core.refusals_dropped += r->head - r->tail;
}

/* ---- Reading ----------------------------------------------------------- */

CORE_LOCKED static struct audit *routine_find(void)
{
	for (uint32_t i = 0; i < core.info->cpu_count; i++)
		if (core.cpus[i].audit.tail != core.cpus[i].audit.head)
			return &core.cpus[i].audit;
	return NULL;
}

const struct exo_audit_record *audit_peek(void)
{
	const struct audit *audit;

	if (core.refused)
		return &core.refused->refusals.records[core.refused->refusals.tail & (core.refused->refusals.size - 1)];
	audit = routine_find();
	return audit ? &audit->routine[audit->tail % AUDIT_ROUTINE] : NULL;
}

void audit_pop(void)
{
	struct zone *zone = core.refused;

	if (!zone) {
		routine_find()->tail++;
		return;
	}
	core.refused = zone->refusals.next;
	if (++zone->refusals.tail == zone->refusals.head)
		refused_unlink(zone);
}

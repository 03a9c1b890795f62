/*
 * Audit rings.
 */
#include <core/audit.h>

void audit_add(struct audit *audit, uint16_t what, uint32_t zone, uint16_t call, exo_cap_t cap,
               enum exo_status status, uint64_t time_ns)
{
	uint32_t head = audit->routine_head++;

	if (head - audit->routine_tail == AUDIT_ROUTINE) {
		audit->routine_tail++;
		audit->dropped++;
	}
	audit->routine[head % AUDIT_ROUTINE] = (struct exo_audit_record){
		.time_ns = time_ns, .cap = cap, .zone = zone, .what = what,
		.call = call, .status = status, .sequence = head,
	};
}

void audit_refuse(struct audit *audit, uint32_t zone, uint16_t call, exo_cap_t cap,
                  enum exo_status status, uint64_t time_ns)
{
	uint32_t head = audit->refusal_head++;

	if (head - audit->refusal_tail == AUDIT_REFUSALS) {
		audit->refusal_tail++;
		audit->dropped++;
	}
	audit->refusals[head % AUDIT_REFUSALS] = (struct exo_audit_record){
		.time_ns = time_ns, .cap = cap, .zone = zone, .what = EXO_AUDIT_REFUSE,
		.call = call, .status = status, .sequence = head,
	};
}

const struct exo_audit_record *audit_peek(const struct audit *audit)
{
	if (audit->refusal_tail != audit->refusal_head)
		return &audit->refusals[audit->refusal_tail % AUDIT_REFUSALS];
	if (audit->routine_tail != audit->routine_head)
		return &audit->routine[audit->routine_tail % AUDIT_ROUTINE];
	return NULL;
}

void audit_pop(struct audit *audit)
{
	if (audit->refusal_tail != audit->refusal_head)
		audit->refusal_tail++;
	else if (audit->routine_tail != audit->routine_head)
		audit->routine_tail++;
}

/*
 * Answer programs: checked here, run by the machine.
 */
#include <bpf/bpf.h>
#include <core/call.h>
#include <core/state.h>
#include <core_calls.h>

enum exo_status call_zone_answer_program(struct zone *caller, struct cap *cap, exo_vaddr_t program, uint64_t count,
                                         uint64_t *value)
{
	struct exo_bpf_insn checked[EXO_ANSWER_PROGRAM_MAX];
	struct zone *zone = cap->zone;
	enum exo_status status;

	if (count > EXO_ANSWER_PROGRAM_MAX)
		return EXO_E_ARG;
	status = copy_in(caller, checked, program, count * sizeof(checked[0]));
	if (status == EXO_OK && count > 0)
		status = bpf_check(checked, count);
	if (status != EXO_OK)
		return status;
	if (zone_is_gone(zone))
		return EXO_E_DEAD;
	if (zone->answers.kind == BINDING_NONE)
		return EXO_E_STATE;
	if (zone->running > 0)
		return EXO_E_BUSY;
	memcpy(zone->program, checked, count * sizeof(checked[0]));
	zone->program_count = (uint32_t)count;
	*value = hal_space_program(&zone->space, count > 0 ? zone->program : NULL);
	return EXO_OK;
}

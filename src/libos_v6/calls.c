/* System calls: from the number to the handler, and the result back. */
#include "v6.h"

/* Handlers take the arguments as they came; what they may answer is in v6.h. */
typedef int64_t call_fn(struct process *p, const uint64_t *args);

#define V6_CALL(number, name) call_fn sys_##name;
#include "calls.def"
#undef V6_CALL

static call_fn *const calls[] = {
#define V6_CALL(number, name) [number] = sys_##name,
#include "calls.def"
#undef V6_CALL
};

void call_do(struct process *p)
{
	uint64_t nr = p->page->nr;
	int64_t result;

	if (nr >= sizeof(calls) / sizeof(calls[0]) || !calls[nr]) {
		process_end(p, V6_SIGSYS, 0);
		return;
	}
	if (!p->in_call)
		p->done = 0;
	p->in_call = true;
	result = calls[nr](p, p->page->args);
	if (p->state != PROCESS_READY) /* asleep, or it has ended */
		return;
	p->in_call = false;
	if (result != CALL_GONE)
		p->page->result = (uint64_t)result;
}

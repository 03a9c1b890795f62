/*
 * Answer pages: getpid and its like served inside the zone, where the answer is
 * constant for all who run in it. A page costs a frame and a kernel call, so a
 * process gets one only when it has asked a few times.
 */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define WORTH_IT 4

enum { NR_GETPID = 39, NR_GETUID = 102, NR_GETGID = 104, NR_GETEUID = 107, NR_GETEGID = 108, NR_GETPPID = 110,
       NR_GETTID = 186 };

static void answer(struct exo_answer_page *page, unsigned nr, uint64_t value)
{
	page->value[nr] = value;
	page->present[nr / 64] |= UINT64_C(1) << (nr % 64);
}

static bool space_is_shared(const struct process *p)
{
	if (p->shares_parent_space)
		return true;
	LIST_EACH(at, &p->children) {
		if (CHILD_OF(at)->shares_parent_space && CHILD_OF(at)->space == p->space)
			return true;
	}
	return false;
}

void answers_stop(struct process *p)
{
	if (p->answers)
		memset(p->answers->present, 0, sizeof(p->answers->present));
}

void answers_update(struct process *p)
{
	struct exo_answer_page *page = p->answers;

	if (!page)
		return;
	answers_stop(p);
	if (space_is_shared(p))
		return;
	answer(page, NR_GETPID, (uint64_t)p->pid);
	answer(page, NR_GETPPID, p->parent ? (uint64_t)p->parent->pid : 0);
	answer(page, NR_GETUID, p->cred.uid);
	answer(page, NR_GETEUID, p->cred.euid);
	answer(page, NR_GETGID, p->cred.gid);
	answer(page, NR_GETEGID, p->cred.egid);
	if (p->thread_count == 1)
		answer(page, NR_GETTID, (uint64_t)process_any_thread(p)->tid);
}

void answers_hint(struct thread *self)
{
	struct process *p = self->process;

	if (++p->answer_calls != WORTH_IT || libos.options.strace || space_is_shared(p))
		return;
	p->answers = vm_answers(p->space);
	answers_update(p);
}

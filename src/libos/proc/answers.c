/*
 * Answer pages: getpid and its like served inside the zone, where the answer is
 * constant for all who run in it. A page costs a frame and a kernel call, so a
 * process gets one only when it has asked a few times.
 *
 * Reads and writes of files that always do the same (/dev/null, /dev/zero) are answered by a program, which knows such
 * a descriptor by its byte in the page. Only what was read or written here before has one; whatever makes it untrue
 * sets it to zero, before the process runs again.
 */
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define WORTH_IT 4
#define COUNT_MAX UINT32_C(0x7ffff000) /* what one write moves at most */

enum { NR_READ = 0, NR_WRITE = 1, NR_GETPID = 39, NR_GETUID = 102, NR_GETGID = 104, NR_GETEUID = 107, NR_GETEGID = 108, NR_GETPPID = 110,
       NR_GETTID = 186 };

/* Loads from the program's input, exo/context.h. Little-endian: the lower half of a word comes first. */
#define LD(offset)         EXO_BPF_INSN(EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS, (uint32_t)(offset))
#define LD_NR              LD(offsetof(struct exo_answer_call, nr))
#define LD_ARG(i)          LD(offsetof(struct exo_answer_call, args) + (i) * 8)
#define LD_ARG_UPPER(i)    LD(offsetof(struct exo_answer_call, args) + (i) * 8 + 4)
#define LD_DATA_AT_A       EXO_BPF_INSN(EXO_BPF_MISC | EXO_BPF_TAX, 0), \
	EXO_BPF_INSN(EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND, (uint32_t)offsetof(struct exo_answer_page, data))
#define JUMP(op, k, yes, no) EXO_BPF_JUMP(EXO_BPF_JMP | EXO_BPF_##op | EXO_BPF_K, (k), (yes), (no))
#define RET(k)             EXO_BPF_INSN(EXO_BPF_RET | EXO_BPF_K, (k))

/* Linux looks at the lower half of the number and of a descriptor. Counts that it cuts or refuses are left to us. */
static const struct exo_bpf_insn program[] = {
	/*  0 */ LD_NR,
	/*  1 */ JUMP(JEQ, NR_WRITE, 1, 0),
	/*  2 */ JUMP(JEQ, NR_READ, 10, 20),
	/*  3 write */ LD_ARG(0),
	/*  4 */ JUMP(JGE, EXO_ANSWER_BYTES, 18, 0),
	/*  5 */ LD_DATA_AT_A,
	/*  7 */ JUMP(JSET, FILE_SWALLOWS, 0, 15),
	/*  8 */ LD_ARG_UPPER(2),
	/*  9 */ JUMP(JEQ, 0, 0, 13),
	/* 10 */ LD_ARG(2),
	/* 11 */ JUMP(JGT, COUNT_MAX, 11, 0),
	/* 12 */ RET(EXO_ANSWER_ARG | 2),
	/* 13 read */ LD_ARG(0),
	/* 14 */ JUMP(JGE, EXO_ANSWER_BYTES, 8, 0),
	/* 15 */ LD_DATA_AT_A,
	/* 17 */ JUMP(JSET, FILE_EMPTY, 2, 0),
	/* 18 */ JUMP(JSET, FILE_ZEROES, 0, 4),
	/* 19 */ RET(EXO_ANSWER_ZERO | 1),
	/* 20 at the end */ LD_ARG_UPPER(2),
	/* 21 */ JUMP(JSET, UINT32_C(1) << 31, 1, 0),
	/* 22 */ RET(EXO_ANSWER_RESULT | 0),
	/* 23 */ RET(EXO_ANSWER_PASS),
};

static void answer(struct exo_answer_page *page, unsigned nr, uint64_t value)
{
	page->value[nr] = value;
	page->present[nr / 64] |= UINT64_C(1) << (nr % 64);
}

/* Has somebody else a right to know of each call, or other answers to get? */
static bool must_see(const struct process *p)
{
	if (p->traced > 0 || p->shares_parent_space)
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
	answers_forget_files(p);
}

void answers_update(struct process *p)
{
	struct exo_answer_page *page = p->answers;
	const struct thread *t;

	if (!page)
		return;
	answers_stop(p);
	if (must_see(p))
		return;
	answer(page, NR_GETPID, (uint64_t)p->pid);
	answer(page, NR_GETPPID, p->parent ? (uint64_t)p->parent->pid : 0);
	if (p->thread_count != 1)
		return;
	/* These are each thread's own. */
	t = process_any_thread(p);
	answer(page, NR_GETUID, t->cred.uid);
	answer(page, NR_GETEUID, t->cred.euid);
	answer(page, NR_GETGID, t->cred.gid);
	answer(page, NR_GETEGID, t->cred.egid);
	answer(page, NR_GETTID, (uint64_t)t->tid);
}

void answers_hint(struct thread *self)
{
	struct process *p = self->process;

	if (++p->answer_calls != WORTH_IT || libos.strace.sees_answers || must_see(p))
		return;
	p->answers = vm_answers(p->space);
	answers_update(p);
}

/* ---- files ---- */

void answers_forget_file(struct process *p, uint32_t fd)
{
	if (p->answers && fd < EXO_ANSWER_BYTES)
		p->answers->data[fd] = 0;
}

void answers_forget_files(struct process *p)
{
	if (p->answers)
		memset(p->answers->data, 0, sizeof(p->answers->data));
}

void answers_file(struct thread *self, uint32_t fd, uint8_t always)
{
	struct process *p = self->process;

	if (libos.no_answer_programs || fd >= EXO_ANSWER_BYTES)
		return;
	answers_hint(self);
	if (!p->answers || fd_table_shared(p->fds) || must_see(p))
		return;
	if (!p->answer_program && !vm_answer_program(p->space, program, sizeof(program) / sizeof(program[0]))) {
		libos.no_answer_programs = true;
		return;
	}
	p->answer_program = true;
	p->answers->data[fd] = always;
	fd_table_told(p->fds, p);
}

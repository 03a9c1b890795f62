/* The registers of a traced thread in the layout of Linux's struct user, whose place in memory ptrace(2) pretends to look at. */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

/* struct user_regs_struct (arch/x86/include/asm/user_64.h), in words. */
enum user_word {
	USER_R15, USER_R14, USER_R13, USER_R12, USER_RBP, USER_RBX, USER_R11, USER_R10, USER_R9, USER_R8, USER_RAX, USER_RCX, USER_RDX,
	USER_RSI, USER_RDI, USER_ORIG_RAX, USER_RIP, USER_CS, USER_EFLAGS, USER_RSP, USER_SS, USER_FS_BASE, USER_GS_BASE, USER_DS, USER_ES,
	USER_FS, USER_GS, USER_WORDS
};
_Static_assert(USER_WORDS * 8 == USER_REGS_SIZE, "struct user_regs_struct");
#define USER_AREA_SIZE UINT64_C(912) /* struct user */
#define USER_DEBUG     UINT64_C(848) /* u_debugreg[8] */

#define CS_VALUE 0x33
#define SS_VALUE 0x2b
#define FLAG_TF  UINT64_C(0x100)
/* FLAG_MASK of Linux's ptrace.c: CF PF AF ZF SF TF DF OF NT RF AC */
#define FLAGS_SETTABLE UINT64_C(0x54dd5)

/* The place of a word in the context, or NULL: it is not there. */
static uint64_t *word_of(struct exo_regs *r, uint64_t word)
{
	switch ((enum user_word)word) {
	case USER_R15: return &r->r15;
	case USER_R14: return &r->r14;
	case USER_R13: return &r->r13;
	case USER_R12: return &r->r12;
	case USER_RBP: return &r->rbp;
	case USER_RBX: return &r->rbx;
	case USER_R11: return &r->r11;
	case USER_R10: return &r->r10;
	case USER_R9: return &r->r9;
	case USER_R8: return &r->r8;
	case USER_RAX: return &r->rax;
	case USER_RCX: return &r->rcx;
	case USER_RDX: return &r->rdx;
	case USER_RSI: return &r->rsi;
	case USER_RDI: return &r->rdi;
	case USER_RIP: return &r->rip;
	case USER_EFLAGS: return &r->rflags;
	case USER_RSP: return &r->rsp;
	case USER_FS_BASE: return &r->fs_base;
	case USER_GS_BASE: return &r->gs_base;
	default: return NULL;
	}
}

static uint64_t selector_of(uint64_t word)
{
	return word == USER_CS ? CS_VALUE : word == USER_SS ? SS_VALUE : 0;
}

int user_area_get(struct trace *tr, uint64_t offset, uint64_t *value)
{
	const uint64_t *at;

	if (offset % 8 || offset >= USER_AREA_SIZE)
		return -EIO;
	*value = 0; /* nobody has debug registers */
	if (offset >= USER_REGS_SIZE)
		return 0;
	at = word_of(&tr->thread->page->regs, offset / 8);
	if (offset / 8 == USER_ORIG_RAX)
		*value = (uint64_t)tr->orig_rax;
	else
		*value = at ? *at : selector_of(offset / 8);
	if (offset / 8 == USER_EFLAGS && tr->stepping)
		*value &= ~FLAG_TF;
	return 0;
}

int user_area_set(struct trace *tr, uint64_t offset, uint64_t value)
{
	uint64_t word = offset / 8;
	uint64_t *at;

	if (offset % 8 || offset >= USER_AREA_SIZE)
		return -EIO;
	if (offset >= USER_REGS_SIZE)
		return offset >= USER_DEBUG && value ? -EIO : 0;
	if (word == USER_ORIG_RAX) {
		tr->orig_rax = (int64_t)value;
		return 0;
	}
	at = word_of(&tr->thread->page->regs, word);
	if (!at) /* selectors stay what they are; 0 is what the data segments may be, too */
		return value == selector_of(word) || ((word != USER_CS && word != USER_SS) && value == 0) ? 0 : -EIO;
	if ((word == USER_FS_BASE || word == USER_GS_BASE) && value >= EXO_USER_LIMIT)
		return -EIO;
	if (word == USER_EFLAGS)
		value = (*at & ~FLAGS_SETTABLE) | (value & FLAGS_SETTABLE);
	*at = value;
	tr->thread->page->load |= EXO_CTX_GPRS;
	return 0;
}

/* ---- the vector state ---- */

uint64_t user_xstate_size(const struct thread *t)
{
	return fp_features(t->page) == FEATURES_AVX ? FP_AVX_SIZE : FP_FULL_SIZE;
}

void user_fp_get(const struct thread *t, void *to, uint64_t size)
{
	const uint64_t features = fp_features(t->page);
	uint8_t *bytes = to;
	uint64_t present;
	uint16_t control = 0x037f;
	uint32_t mxcsr = 0x1f80;

	memcpy(bytes, t->page->fp, size);
	memcpy(&present, t->page->fp + FP_HEADER, sizeof(present));
	/* A component that was never used has its initial values, wherever nothing else was stored. */
	if (!(present & 1) && size >= 2)
		memcpy(bytes, &control, sizeof(control));
	if (!(present & 2) && size >= 28 && !(bytes[24] | bytes[25] | bytes[26] | bytes[27]))
		memcpy(bytes + 24, &mxcsr, sizeof(mxcsr));
	if (size > FP_HEADER) {
		memset(bytes + FP_SW_OFFSET, 0, FP_HEADER - FP_SW_OFFSET);
		memcpy(bytes + FP_SW_OFFSET, &features, sizeof(features));
	}
}

int user_fp_set(struct thread *t, const void *from, uint64_t size)
{
	const uint8_t *bytes = from;
	struct exo_ctx_page *page = t->page;
	uint64_t header[8] = {0}, features = fp_features(t->page);
	uint32_t mxcsr;

	if (size >= 28) {
		memcpy(&mxcsr, bytes + 24, sizeof(mxcsr));
		if (mxcsr & ~0xffffu)
			return -EINVAL;
	}
	if (size > FP_HEADER) {
		memcpy(header, bytes + FP_HEADER, sizeof(header));
		if (header[0] & ~features)
			return -EINVAL;
		memset(header + 1, 0, sizeof(header) - 8);
	} else {
		memcpy(header, page->fp + FP_HEADER, sizeof(header[0]));
		header[0] |= 3;
	}
	memcpy(page->fp, bytes, size);
	memcpy(page->fp + FP_HEADER, header, sizeof(header));
	page->load |= EXO_CTX_FP;
	return 0;
}

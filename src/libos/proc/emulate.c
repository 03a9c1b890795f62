/* What Linux does in the processor's place: instructions that UMIP refuses, and the vsyscall page. */
#include <libos/abi/umip.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

/* Linux, arch/x86/entry/vsyscall: three entries of 1 KiB each, called, not mapped. */
#define VSYSCALL       UINT64_C(0xffffffffff600000)
#define VSYSCALL_SHIFT 10

enum { NR_GETTIMEOFDAY = 96, NR_TIME = 201, NR_GETCPU = 309 };

/* As many bytes of the instruction as can be read. */
static uint32_t code_read(struct thread *self, uint8_t code[CODE_MAX])
{
	uint64_t at = self->page->regs.rip;
	uint32_t first = (uint32_t)(PAGE_SIZE - (at & (PAGE_SIZE - 1)));

	if (first > CODE_MAX)
		first = CODE_MAX;
	if (user_read(self->process->space, code, at, first))
		return 0;
	if (first == CODE_MAX || user_read(self->process->space, code + first, at + first, CODE_MAX - first))
		return first;
	return CODE_MAX;
}

bool emulate_umip(struct thread *self, struct signal_info *info)
{
	struct exo_ctx_page *page = self->page;
	uint8_t code[CODE_MAX];
	struct umip found;

	info->signo = 0;
	if (page->error != 0 || !umip_decode(code, code_read(self, code), &page->regs, &found))
		return false;
	if (found.in_register) {
		memcpy(umip_register(&page->regs, found.number), found.data, found.size);
	} else if (user_write(self->process->space, found.address, found.data, found.size)) {
		*info = (struct signal_info){.signo = SIGSEGV, .code = SEGV_MAPERR, .address = found.address};
		return true;
	}
	page->regs.rip += found.length;
	page->load |= EXO_CTX_GPRS;
	return true;
}

bool emulate_vsyscall(struct thread *self)
{
	static const uint16_t numbers[] = {NR_GETTIMEOFDAY, NR_TIME, NR_GETCPU};
	struct exo_ctx_page *page = self->page;
	struct exo_regs *r = &page->regs;
	uint64_t entry = (r->rip - VSYSCALL) >> VSYSCALL_SHIFT, back;

	if (page->address != r->rip || (page->access & EXO_ACCESS_EXEC) == 0 || r->rip - VSYSCALL >= PAGE_SIZE ||
	    (r->rip & ((UINT64_C(1) << VSYSCALL_SHIFT) - 1)) != 0 || entry >= sizeof(numbers) / sizeof(numbers[0]))
		return false;
	if (user_read(self->process->space, &back, r->rsp, sizeof(back)))
		return false;
	r->rip = back;
	r->rsp += sizeof(back);
	r->rax = numbers[entry];
	page->load |= EXO_CTX_GPRS;
	return true;
}

/*
 * The scripted machine's contexts: registers, and a C function as the program.
 */
#include <fake/fake.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC UINT64_C(0x6661636566637478)

struct fake_ctx {
	uint64_t magic;
	struct hal_space *space;
	struct exo_ctx_page *page;
	bool in_syscall; /* stopped in one that the LibOS has to answer */
	struct exo_regs regs;
};

_Static_assert(sizeof(struct fake_ctx) <= sizeof(struct hal_ctx), "fits");

static struct fake_ctx *context_of(struct hal_ctx *ctx)
{
	struct fake_ctx *fc = (struct fake_ctx *)(void *)ctx;

	if (fc->magic != MAGIC) {
		fprintf(stderr, "fake: the core broke the contract: context is not alive\n");
		abort();
	}
	return fc;
}

void hal_ctx_init(struct hal_ctx *ctx, struct hal_space *space, struct exo_ctx_page *page)
{
	struct fake_ctx *fc = (struct fake_ctx *)(void *)ctx;

	memset(ctx, 0, sizeof(*ctx));
	fc->magic = MAGIC;
	fc->space = space;
	fc->page = page;
	fake.contexts++;
}

void hal_ctx_fini(struct hal_ctx *ctx)
{
	context_of(ctx)->magic = 0;
	fake.contexts--;
}

static void state_load(struct fake_ctx *fc)
{
	if (fc->page->load & EXO_CTX_GPRS)
		fc->regs = fc->page->regs;
	else if (fc->in_syscall)
		fc->regs.rax = fc->page->result;
	fc->page->load = 0;
	fc->in_syscall = false;
}

static void state_store(struct fake_ctx *fc, const struct hal_trap *trap)
{
	if (trap->event == EXO_EV_SYSCALL) {
		fc->in_syscall = true;
		fc->page->nr = trap->nr;
		memcpy(fc->page->args, trap->args, sizeof(trap->args));
		fc->page->valid = 0;
	} else {
		fc->page->regs = fc->regs;
		fc->page->valid = EXO_CTX_GPRS;
	}
}

void hal_ctx_enter(struct hal_ctx *ctx, uint64_t deadline, struct hal_trap *trap)
{
	struct fake_ctx *fc = context_of(ctx);
	struct fake_entry entry = {
		.ctx = ctx, .space = fc->space, .page = fc->page, .regs = &fc->regs,
		.deadline = deadline, .trap = trap,
	};

	__atomic_fetch_add(&fake.enters, 1, __ATOMIC_RELAXED);
	fake_space_entered(fc->space);
	state_load(fc);
	memset(trap, 0, sizeof(*trap));
	trap->event = EXO_EV_QUANTUM;
	if (__atomic_load_n(&fake.events, __ATOMIC_RELAXED) || fake_timer_due() || fake_is_kicked())
		trap->event = EXO_EV_PENDING;
	else if (fake.program && __atomic_load_n(&fake.now_ns, __ATOMIC_RELAXED) < deadline)
		fake.program(fake.user, &entry);
	else if (fake.cpu_count == 1 && fake.now_ns < deadline)
		fake.now_ns = deadline < fake.timer_at ? deadline : fake.timer_at;
	if (trap->event == EXO_EV_QUANTUM && fake_is_kicked())
		trap->event = EXO_EV_PENDING;
	if (trap->event == EXO_EV_PENDING)
		fake_kick_end();
	state_store(fc, trap);
}

void hal_ctx_answer(struct hal_ctx *ctx, uint64_t status, uint64_t value)
{
	struct fake_ctx *fc = context_of(ctx);

	fc->in_syscall = false;
	fc->regs.rax = status;
	fc->regs.rdx = value;
}

void hal_ctx_save(struct hal_ctx *ctx)
{
	struct fake_ctx *fc = context_of(ctx);

	fc->page->regs = fc->regs;
	fc->page->valid = EXO_CTX_GPRS | EXO_CTX_FP;
}

/* ---- For programs ------------------------------------------------------ */

void fake_syscall(struct fake_entry *entry, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
                  uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };

	entry->trap->event = EXO_EV_SYSCALL;
	entry->trap->nr = nr;
	memcpy(entry->trap->args, args, sizeof(args));
	entry->regs->rax = nr;
}

void fake_fault(struct fake_entry *entry, exo_vaddr_t address, uint32_t access)
{
	exo_frame_t frame;
	uint32_t flags;

	entry->trap->event = EXO_EV_FAULT;
	entry->trap->address = address;
	entry->trap->access = access;
	if (address < EXO_USER_LIMIT && hal_space_query(entry->space, address & ~(EXO_FRAME_SIZE - 1), &frame, &flags))
		entry->trap->access |= EXO_ACCESS_PRESENT;
}

void fake_exception(struct fake_entry *entry, uint32_t vector, uint32_t error)
{
	entry->trap->event = EXO_EV_EXCEPTION;
	entry->trap->vector = vector;
	entry->trap->error = error;
}

/* Page by page, so that a fault names the first page that is missing. */
static uint64_t piece(exo_vaddr_t at, uint64_t size)
{
	uint64_t room = EXO_FRAME_SIZE - at % EXO_FRAME_SIZE;

	return room < size ? room : size;
}

bool fake_load(struct fake_entry *entry, void *to, exo_vaddr_t from, uint64_t size)
{
	for (uint64_t done = 0, n; done < size; done += n) {
		n = piece(from + done, size - done);
		if (!hal_copy_in(entry->space, (unsigned char *)to + done, from + done, n)) {
			fake_fault(entry, from + done, EXO_ACCESS_READ);
			return false;
		}
	}
	return true;
}

bool fake_store(struct fake_entry *entry, exo_vaddr_t to, const void *from, uint64_t size)
{
	for (uint64_t done = 0, n; done < size; done += n) {
		n = piece(to + done, size - done);
		if (!hal_copy_out(entry->space, to + done, (const unsigned char *)from + done, n)) {
			fake_fault(entry, to + done, EXO_ACCESS_WRITE);
			return false;
		}
	}
	return true;
}

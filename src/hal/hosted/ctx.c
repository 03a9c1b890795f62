/*
 * Contexts: entering, what a stop means, and where registers are.
 *
 * A context that is not in its zone's process lives in its context page (PAGED).
 * One that is, is stopped in a rewritten call (FAST: its registers are still in the CPU
 * or the message) or in a signal handler (FRAME: they are in the signal frame).
 * One process runs all contexts of a space, one at a time; when another is entered, the
 * old one is saved to its page first. So two CPUs that enter contexts of one space take turns.
 * One that does not stop when its time is over is not waited for (LATE): its turn counts as over, and goes on with the next entry.
 * Whoever needs its registers before that waits a little; who still does not stop dies.
 *
 * After a rewritten call rcx holds the return address as after `syscall`; r11 and
 * the arithmetic flags are always the same (FLAGS_AFTER, but for a call that is answered in the zone). Nothing that
 * follows the ABI looks at these.
 */
#include "hosted.h"

#include <signal.h>
#include <string.h>
#include <time.h>

enum place { PAGED, FAST, FRAME, LATE };

struct ctx {
	struct exo_ctx_page *page;
	struct space *space;
	uint32_t place;     /* enum place */
	bool in_call;       /* stopped in a system call */
	bool answered;      /* the core answered it: status, value */
	uint32_t frame;     /* offset of the signal frame in ZONE_W */
	uint32_t fp;        /* offset of its vector state */
	bool passed_over;   /* the last time it was not entered, since a timer had gone off */
	uint32_t entries;   /* for LOOK_EVERY */
	uint32_t inside;    /* stops in a row that were not told of, since it stood inside of a thunk */
	uint64_t status, value;
};
_Static_assert(sizeof(struct ctx) <= sizeof(struct hal_ctx), "struct ctx fits");

#define FLAGS_ALLOWED  UINT64_C(0x240dd5) /* ID AC OF DF TF SF ZF AF PF CF */
#define FLAGS_FIXED    UINT64_C(0x202)
#define XSTATE_REST    520 /* the header's other 56 bytes must be 0 */
#define FXSAVE_SIZE    512
#define PKRU_KEY0      UINT32_C(3) /* access and write disabled, for key 0 */
#define FRAME_SIZE     (FRAME_INFO + 128)
#define VECTOR_BP      3
#define VECTOR_GP      13
#define VECTOR_PF      14
#define USER_CS         0x33 /* Linux's: 64-bit code, data */
#define USER_SS         0x2b
#define PF_WRITE       2 /* SDM vol. 3, figure 4-12 */
#define PF_FETCH       16
#define INT3           0xcc
#define VSYSCALL       UINT64_C(0xffffffffff600000)
#define TURN_NS        100000 /* how often a CPU looks whether the space is free */
#define INSIDE_MAX 8  /* a thunk has fewer instructions to step through */
#define LOOK_EVERY     16 /* entries between two looks at the clock */
#define STILL          UINT32_MAX /* instead of an ACTION_*: the zone has not yet ended its last turn */

static struct ctx *ctx_of(struct hal_ctx *ctx)
{
	return (struct ctx *)ctx;
}

void hal_ctx_init(struct hal_ctx *hal, struct hal_space *space, struct exo_ctx_page *page)
{
	struct ctx *ctx = ctx_of(hal);

	memset(hal, 0, sizeof(*hal));
	ctx->page = page;
	ctx->space = space_of(space);
}

void hal_ctx_fini(struct hal_ctx *hal)
{
	struct ctx *ctx = ctx_of(hal);

	host_lock_take(&ctx->space->lock);
	if (ctx->space->current == ctx)
		ctx->space->current = 0;
	host_lock_give(&ctx->space->lock);
}

/* ---- registers out of the zone ---- */

static void copy_frame_regs(const struct ctx *ctx, struct exo_regs *regs)
{
	const struct host_zone *zone = ctx->space->zone;
	uint64_t g[18];

	memcpy(g, zone->w + ctx->frame + FRAME_GREGS, sizeof(g));
	*regs = (struct exo_regs){
		.r8 = g[0], .r9 = g[1], .r10 = g[2], .r11 = g[3], .r12 = g[4], .r13 = g[5],
		.r14 = g[6], .r15 = g[7], .rdi = g[8], .rsi = g[9], .rbp = g[10], .rbx = g[11],
		.rdx = g[12], .rax = g[13], .rcx = g[14], .rsp = g[15], .rip = g[16], .rflags = g[17],
		.fs_base = load64(zone->w, W_FS), .gs_base = load64(zone->w, W_GS),
	};
}

static void copy_fast_regs(const struct ctx *ctx, struct exo_regs *regs)
{
	const struct host_zone *zone = ctx->space->zone;
	uint64_t args[6];

	memcpy(args, zone->w + W_ARGS, sizeof(args));
	memcpy(regs, zone->w + W_SAVE, sizeof(*regs)); /* rbx rbp rsp r12-r15 */
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
	regs->rax = load64(zone->w, W_NR);
	regs->rcx = load64(zone->w, W_RET);
	regs->rip = regs->rcx;
	regs->rflags = FLAGS_AFTER;
	regs->r11 = FLAGS_AFTER;
	regs->fs_base = load64(zone->w, W_FS);
	regs->gs_base = load64(zone->w, W_GS);
}

static bool stopped(struct ctx *ctx, struct hal_trap *trap, uint64_t deadline);
static bool save(struct ctx *ctx);

/* Its LibOS has been told that the turn was over, and expects no other stop: a call or a breakpoint is met again when it goes on. */
static bool step_back(struct ctx *ctx, const struct hal_trap *trap)
{
	struct exo_ctx_page *page = ctx->page;
	bool call = trap->event == EXO_EV_SYSCALL;
	uint8_t last = 0;

	ctx->in_call = false;
	if (!call && (trap->event != EXO_EV_EXCEPTION || trap->vector != VECTOR_BP))
		return true;
	if (!save(ctx))
		return false;
	ctx->place = PAGED;
	if (page->load & EXO_CTX_GPRS)
		return true;
	if (call)
		page->regs.rax = trap->nr;
	/* `int $3` may be written in two ways. */
	page->regs.rip -= !call && host_space_read(ctx->space, page->regs.rip - 1, &last, 1) && last == INT3 ? 1 : 2;
	return true;
}

/*
 * A turn that was given up comes to its end now, or the zone dies. The end need not be the signal that told it to stop: one
 * that comes while the thread is in the stub is lost, so it may have made one more call.
 */
static bool catch_up(struct ctx *ctx)
{
	struct space *space = ctx->space;
	struct exo_ctx_page *page = ctx->page;
	struct exo_regs regs = page->regs;
	struct hal_trap trap = {0};
	enum cross_result result = host_cross_wait(space->zone, 0, true);

	space->late = false;
	/* Inside of a rewritten call: a few steps. */
	while (result == CROSS_STOPPED && !stopped(ctx, &trap, 0)) {
		result = host_cross_enter(space->zone, ACTION_RESUME, 0);
		if (result == CROSS_LATE)
			result = host_cross_wait(space->zone, 0, true);
	}
	if (page->load & EXO_CTX_GPRS)
		page->regs = regs; /* its LibOS's */
	if (result == CROSS_STOPPED && trap.event != EXO_EV_DEAD)
		return step_back(ctx, &trap);
	host_space_kill(space);
	ctx->place = PAGED;
	return false;
}

/* Brings everything of a live context into its page, but what the LibOS has put there
 * to be loaded. False: the zone is dead. */
static bool save(struct ctx *ctx)
{
	struct host_zone *zone = ctx->space->zone;
	struct exo_ctx_page *page = ctx->page;
	uint32_t missing;

	if (ctx->place == LATE && !catch_up(ctx))
		return false;
	missing = (EXO_CTX_GPRS | EXO_CTX_FP) & ~(page->valid | page->load);
	page->valid |= missing;
	if (!missing)
		return true;
	if (ctx->place == FAST) {
		if (host_cross_enter(zone, ACTION_SAVE, CROSS_NO_PREEMPT) == CROSS_DEAD ||
		    (load32(zone->w, W_KIND) != 0 && !host_accuse("makes another stop than it was told to"))) {
			host_space_kill(ctx->space);
			return false;
		}
		if (missing & EXO_CTX_GPRS)
			copy_fast_regs(ctx, &page->regs);
		if (missing & EXO_CTX_FP)
			memcpy(page->fp, zone->w + W_SAVEFP, EXO_CTX_FP_SIZE);
	} else {
		if (missing & EXO_CTX_GPRS)
			copy_frame_regs(ctx, &page->regs);
		if (missing & EXO_CTX_FP)
			memcpy(page->fp, zone->w + ctx->fp, EXO_CTX_FP_SIZE);
	}
	return true;
}

/* In the page, unless its LibOS has put something else there to be loaded. */
static void show_answer(struct ctx *ctx)
{
	struct exo_ctx_page *page = ctx->page;

	if (page->load & EXO_CTX_GPRS)
		return;
	page->regs.rax = ctx->status;
	page->regs.rdx = ctx->value;
}

void hal_ctx_save(struct hal_ctx *hal)
{
	struct ctx *ctx = ctx_of(hal);

	/* One that is not PAGED is the space's current one, and stopped: nobody has entered the space. */
	host_lock_take(&ctx->space->lock);
	if (ctx->place != PAGED && ctx->space->zone)
		save(ctx);
	if (ctx->answered)
		show_answer(ctx);
	host_lock_give(&ctx->space->lock);
}

void hal_ctx_answer(struct hal_ctx *hal, uint64_t status, uint64_t value)
{
	struct ctx *ctx = ctx_of(hal);

	ctx->answered = true;
	ctx->status = status;
	ctx->value = value;
}

/* ---- registers into the zone ---- */

/* All pages have protection key 0, the stub's own too: it stays open, or the stub
 * could not go on. */
static void open_key(uint8_t *image)
{
	uint32_t pkru;

	memcpy(&pkru, image + host_machine.pkru_offset, 4);
	pkru &= ~PKRU_KEY0;
	memcpy(image + host_machine.pkru_offset, &pkru, 4);
}

static void load_vectors(struct host_zone *zone, const uint8_t *fp)
{
	uint8_t *to = zone->r + R_LOADFP;
	uint64_t components;
	uint32_t mxcsr, mask;

	memcpy(to, fp, EXO_CTX_FP_SIZE);
	memcpy(&components, to + XSTATE_BV, 8);
	components &= host_machine.xmask;
	memcpy(to + XSTATE_BV, &components, 8);
	memset(to + XSTATE_REST, 0, 56);
	memcpy(&mxcsr, to + MXCSR_OFFSET, 4);
	mask = 0xffff;
	mxcsr = !(components & 6) && mxcsr == 0 ? MXCSR_DEFAULT : mxcsr & mask;
	memcpy(to + MXCSR_OFFSET, &mxcsr, 4);
	if (components >> XSTATE_PKRU & 1)
		open_key(to);
}

static void load_regs(struct host_zone *zone, const struct exo_regs *from)
{
	struct exo_regs regs = *from;

	regs.rflags = (regs.rflags & FLAGS_ALLOWED) | FLAGS_FIXED;
	if (regs.fs_base >= EXO_USER_LIMIT)
		regs.fs_base = 0;
	if (regs.gs_base >= EXO_USER_LIMIT)
		regs.gs_base = 0;
	memcpy(zone->r + R_LOAD, &regs, sizeof(regs));
	memcpy(zone->r + R_IRET, (const uint64_t[]){regs.rip, USER_CS, regs.rflags, regs.rsp, USER_SS}, 5 * sizeof(uint64_t));
}

/* Puts the result of a call where a resume finds it. */
static uint32_t place_result(struct ctx *ctx)
{
	struct host_zone *zone = ctx->space->zone;
	uint64_t rax = ctx->answered ? ctx->status : ctx->page->result;

	if (ctx->place == FAST) {
		store64(zone->r, R_RESULT, rax);
		if (!ctx->answered)
			return ACTION_RESUME;
		store64(zone->w, W_ARGS + 16, ctx->value);
		return ACTION_RELOAD;
	}
	store64(zone->w, ctx->frame + FRAME_GREGS + 104, rax);
	if (ctx->answered)
		store64(zone->w, ctx->frame + FRAME_GREGS + 96, ctx->value);
	return ACTION_RESUME;
}

/* What the zone shall do to go on with this context. */
static uint32_t arrange(struct ctx *ctx)
{
	struct exo_ctx_page *page = ctx->page;
	struct host_zone *zone = ctx->space->zone;
	uint32_t load = page->load;

	page->load = 0;
	if (ctx->place == PAGED) {
		struct exo_regs regs = page->regs;
		if (ctx->in_call && !(load & EXO_CTX_GPRS)) {
			regs.rax = ctx->answered ? ctx->status : page->result;
			if (ctx->answered)
				regs.rdx = ctx->value;
		}
		load_regs(zone, &regs);
		load_vectors(zone, page->fp);
		return ACTION_LOAD | ACTION_FP;
	}
	if (load & EXO_CTX_GPRS) {
		load_regs(zone, &page->regs);
		if (load & EXO_CTX_FP)
			load_vectors(zone, page->fp);
		else if (ctx->place == FRAME)
			load_vectors(zone, zone->w + ctx->fp);
		return ACTION_LOAD | (load & EXO_CTX_FP || ctx->place == FRAME ? ACTION_FP : 0);
	}
	if (load & EXO_CTX_FP) {
		/* Rare: all by way of the page. */
		struct exo_regs regs;
		page->load = load;
		if (!save(ctx))
			return 0;
		page->load = 0;
		regs = page->regs;
		if (ctx->in_call)
			regs.rax = ctx->answered ? ctx->status : page->result;
		load_regs(zone, &regs);
		load_vectors(zone, page->fp);
		return ACTION_LOAD | ACTION_FP;
	}
	return ctx->in_call ? place_result(ctx) : ACTION_RESUME;
}

/* ---- what a stop means ---- */

static bool dead(struct ctx *ctx, struct hal_trap *trap)
{
	host_space_kill(ctx->space);
	ctx->place = PAGED;
	trap->event = EXO_EV_DEAD;
	return true;
}

static bool liar(struct ctx *ctx, struct hal_trap *trap, const char *why)
{
	host_accuse(why);
	return dead(ctx, trap);
}

static bool syscall_stop(struct ctx *ctx, struct hal_trap *trap)
{
	struct exo_ctx_page *page = ctx->page;

	ctx->in_call = true;
	ctx->inside = 0;
	ctx->space->zone->strikes = 0;
	trap->event = EXO_EV_SYSCALL;
	page->nr = trap->nr;
	memcpy(page->args, trap->args, sizeof(page->args));
	return true;
}

static bool fast_stop(struct ctx *ctx, struct hal_trap *trap)
{
	const struct host_zone *zone = ctx->space->zone;

	ctx->place = FAST;
	ctx->page->valid = 0;
	trap->nr = (uint32_t)load64(zone->w, W_NR);
	for (unsigned i = 0; i < 6; i++)
		trap->args[i] = load64(zone->w, W_ARGS + 8 * i);
	return syscall_stop(ctx, trap);
}

static bool exception(struct hal_trap *trap, uint32_t vector, uint64_t error)
{
	trap->event = EXO_EV_EXCEPTION;
	trap->vector = vector;
	trap->error = (uint32_t)error;
	return true;
}

/* True: a stop that the core must hear of. */
static bool page_fault(struct ctx *ctx, struct hal_trap *trap, uint64_t error, uint64_t address)
{
	uint32_t access = EXO_ACCESS_READ;

	if (error & PF_WRITE)
		access = EXO_ACCESS_WRITE;
	else if (error & PF_FETCH)
		access = EXO_ACCESS_EXEC;
	if (host_space_resolve(ctx->space, address, access))
		return false;
	trap->event = EXO_EV_FAULT;
	trap->address = address;
	/* By our table, not by the host's, which lacks what was not yet needed. */
	trap->access = access | (host_space_entry(ctx->space, address) ? EXO_ACCESS_PRESENT : 0);
	return true;
}

/*
 * The program stands where its own text has an instruction: nobody shall see that a call site was rewritten. False: where
 * no such place is, or for a single step where the program would not have made one; it has to go on first. Who makes
 * up something like a thunk to go on in is stopped there.
 */
static bool leave_thunk(struct ctx *ctx, struct exo_regs *regs, uint32_t signal)
{
	uint64_t original;
	enum text_place place = host_text_place(ctx->space, regs->rip, &original);
	bool goes_on = signal == SIGTRAP ? place != TEXT_PLAIN && place != TEXT_AT_CALL : place == TEXT_INSIDE;

	if (goes_on && (signal == SIGTRAP || signal == SIG_PREEMPT) && ++ctx->inside <= INSIDE_MAX)
		return false;
	ctx->inside = 0;
	if (place == TEXT_PLAIN || place == TEXT_INSIDE)
		return true;
	regs->rip = original;
	store64(ctx->space->zone->w, ctx->frame + FRAME_GREGS + GREG_RIP, original);
	return true;
}

/* Is there something to stop for? Then it is the trap. */
static bool is_time(uint64_t deadline, struct hal_trap *trap)
{
	bool pending = host_events_pending();

	trap->event = pending ? EXO_EV_PENDING : EXO_EV_QUANTUM;
	return pending || hal_time_ns() >= deadline;
}

static bool frame_stop(struct ctx *ctx, struct hal_trap *trap, uint32_t signal, uint64_t deadline)
{
	struct host_zone *zone = ctx->space->zone;
	uint64_t frame = load64(zone->w, W_FRAME) - ZONE_W, fp, error, address;
	uint8_t *w = zone->w;
	uint32_t vector;
	struct exo_regs regs;
	bool resolved = false;

	if (frame < W_STACK || frame > W_STACK + W_STACK_SIZE - FRAME_SIZE || frame % 8)
		return liar(ctx, trap, "tells of a signal frame that cannot be");
	fp = load64(w, (unsigned)frame + FRAME_GREGS + GREG_FPSTATE) - ZONE_W;
	if (fp < W_STACK || fp > W_STACK + W_STACK_SIZE - FXSAVE_SIZE || fp % 64)
		return liar(ctx, trap, "tells of vector state that cannot be");
	ctx->place = FRAME;
	ctx->frame = (uint32_t)frame;
	ctx->fp = (uint32_t)fp;
	ctx->page->valid = 0;
	ctx->in_call = false;
	copy_frame_regs(ctx, &regs);
	if (regs.rip - STUB_TEXT < STUB_SPAN)
		return liar(ctx, trap, signal == SIG_PREEMPT ? "was preempted in the stub" : "faults in the stub");
	if (signal == SIGSYS && load32(w, (unsigned)frame + FRAME_ARCH) == ARCH_X86_64) {
		trap->nr = (uint32_t)regs.rax;
		trap->args[0] = regs.rdi;
		trap->args[1] = regs.rsi;
		trap->args[2] = regs.rdx;
		trap->args[3] = regs.r10;
		trap->args[4] = regs.r8;
		trap->args[5] = regs.r9;
		return syscall_stop(ctx, trap);
	}
	error = load64(w, (unsigned)frame + FRAME_GREGS + GREG_ERROR);
	address = load64(w, (unsigned)frame + FRAME_GREGS + GREG_CR2);
	vector = (uint32_t)load64(w, (unsigned)frame + FRAME_GREGS + GREG_TRAP) & 31;
	if (signal == SIG_PREEMPT) {
		resolved = true;
	} else if (signal == SIGSYS) {
		exception(trap, VECTOR_GP, 0); /* int 0x80: no such gate here */
	} else if (signal == SIGSEGV && regs.rip - VSYSCALL < EXO_FRAME_SIZE) {
		/* The host's own page, which it serves without a fault; what it refuses there comes with the
		 * vector of whatever was last. */
		resolved = !page_fault(ctx, trap, PF_FETCH, regs.rip);
	} else if ((signal == SIGSEGV || signal == SIGBUS) && vector == VECTOR_PF) {
		resolved = !page_fault(ctx, trap, error, address);
	} else {
		exception(trap, vector, error);
	}
	/* Who makes such stops all the time has no other that would end its turn. */
	if (resolved) {
		if (!is_time(deadline, trap))
			return false;
		signal = SIG_PREEMPT;
	}
	if (!leave_thunk(ctx, &regs, signal))
		return false;
	ctx->page->regs = regs;
	ctx->page->valid = EXO_CTX_GPRS;
	return true;
}

static bool stopped(struct ctx *ctx, struct hal_trap *trap, uint64_t deadline)
{
	uint32_t kind = load32(ctx->space->zone->w, W_KIND);

	ctx->answered = false;
	ctx->in_call = false;
	if (kind == 0)
		return fast_stop(ctx, trap);
	return frame_stop(ctx, trap, kind, deadline);
}

/* An instruction pointer that no program may have: the fault it would get. */
static bool wild(struct ctx *ctx, uint32_t load, struct hal_trap *trap)
{
	uint64_t rip = load64(ctx->space->zone->r, R_LOAD + LOAD_RIP);

	if (rip < EXO_USER_LIMIT)
		return false;
	ctx->page->load = load;
	ctx->page->valid |= EXO_CTX_GPRS;
	trap->event = EXO_EV_FAULT;
	trap->address = rip;
	trap->access = EXO_ACCESS_EXEC;
	return true;
}

/* Makes this context the one in the zone. */
static bool take_over(struct ctx *ctx)
{
	struct space *space = ctx->space;
	struct ctx *old = space->current;

	if (old && old != ctx) {
		if (old->place != PAGED && !save(old))
			return false;
		old->place = PAGED;
	}
	/* The context that it ran is no more, and its program has not yet stopped. */
	if (!old && space->late && host_cross_wait(space->zone, 0, true) != CROSS_STOPPED)
		return false;
	if (!old)
		space->late = false;
	space->current = ctx;
	return true;
}

/* Its registers are in its page: puts the result of the call it is in there, too. */
static void not_entered(struct ctx *ctx, uint32_t event, struct hal_trap *trap)
{
	struct exo_ctx_page *page = ctx->page;

	if (ctx->in_call && !(page->load & EXO_CTX_GPRS)) {
		page->regs.rax = ctx->answered ? ctx->status : page->result;
		if (ctx->answered)
			page->regs.rdx = ctx->value;
	}
	page->valid = EXO_CTX_GPRS | EXO_CTX_FP;
	ctx->place = PAGED;
	ctx->in_call = false;
	ctx->answered = false;
	trap->event = event;
}

/*
 * Between two quick stops of a program nobody looks at the clock: the next one comes
 * sooner than await() begins to. So a program that does nothing but calls of one kind
 * or another would never stop for an event, nor, if the core answers them, at its deadline.
 * A timer that is due (`late`) is told at once, as an entry takes milliseconds where the host has others to run; but
 * not twice in a row, so that the program gets on whatever timers there are.
 */
static bool is_over(struct ctx *ctx, uint64_t deadline, bool late, struct hal_trap *trap)
{
	bool again = ctx->passed_over, pending;

	ctx->passed_over = false;
	if (ctx->place == LATE ||
	    (deadline != 0 && !ctx->answered && (!late || again) && ++ctx->entries % LOOK_EVERY != 0))
		return false;
	ctx->passed_over = late;
	pending = host_events_pending();
	if (!pending && deadline != 0 && (!ctx->answered || hal_time_ns() < deadline))
		return false;
	/* Its registers go to the page, as they would be if it had gone on. */
	if (ctx->place != PAGED && !save(ctx))
		return dead(ctx, trap);
	not_entered(ctx, pending ? EXO_EV_PENDING : EXO_EV_QUANTUM, trap);
	return true;
}

/* With the lock, which is given up while the program runs. action: ACTION_*, or STILL. */
static enum cross_result cross(struct space *space, uint32_t action, uint64_t deadline) GUARD_REQUIRES(space->lock);
static enum cross_result cross(struct space *space, uint32_t action, uint64_t deadline)
{
	struct host_zone *zone = space->zone;
	enum cross_result result;

	if (!zone)
		return CROSS_DEAD;
	space->entered = true;
	host_lock_give(&space->lock);
	result = action == STILL ? host_cross_wait(zone, deadline, false) : host_cross_enter(zone, action, deadline);
	host_lock_take(&space->lock);
	space->entered = false;
	space->late = result == CROSS_LATE;
	return result;
}

/* What its thread has to do first; STILL: what it was told the last time. False, with the trap: it is not to be entered. */
static bool prepare(struct ctx *ctx, struct space *space, uint32_t *action, struct hal_trap *trap)
{
	uint32_t load = ctx->page->load;

	if (!space->zone || !take_over(ctx) || (ctx->place == LATE && load && !catch_up(ctx))) {
		dead(ctx, trap);
		return false;
	}
	if (ctx->place == LATE) {
		host_order_flush(space);
		*action = STILL;
		return true;
	}
	*action = arrange(ctx);
	if (space->zone && (*action & ACTION_KIND) == ACTION_LOAD && wild(ctx, load, trap))
		return false;
	*action |= host_order_before_entry(space);
	return true;
}

static void enter(struct ctx *ctx, struct space *space, uint64_t deadline, struct hal_trap *trap)
	GUARD_REQUIRES(space->lock);
static void enter(struct ctx *ctx, struct space *space, uint64_t deadline, struct hal_trap *trap)
{
	for (;;) {
		uint32_t action, load = ctx->page->load;
		enum cross_result result;

		if (!prepare(ctx, space, &action, trap))
			return;
		result = cross(space, action, deadline);
		if (host_space_move(space)) {
			ctx->page->load = load;
			continue;
		}
		if (result == CROSS_DEAD) {
			dead(ctx, trap);
			return;
		}
		if (result == CROSS_LATE) {
			ctx->place = LATE;
			ctx->page->valid = 0;
			ctx->in_call = ctx->answered = false;
			is_time(deadline, trap);
			return;
		}
		if (stopped(ctx, trap, deadline))
			return;
	}
}

/* While another CPU has entered the space with another context: this one is in its page. False, with
 * the trap, if there is something to stop for. */
static bool await_turn(struct ctx *ctx, struct space *space, uint64_t deadline, struct hal_trap *trap)
	GUARD_REQUIRES(space->lock);
static bool await_turn(struct ctx *ctx, struct space *space, uint64_t deadline, struct hal_trap *trap)
{
	while (space->entered) {
		struct timespec pause = {0, TURN_NS};
		bool pending = host_events_pending();

		if (pending || hal_time_ns() >= deadline) {
			not_entered(ctx, pending ? EXO_EV_PENDING : EXO_EV_QUANTUM, trap);
			return false;
		}
		host_lock_give(&space->lock);
		nanosleep(&pause, 0);
		host_lock_take(&space->lock);
	}
	return true;
}

void hal_ctx_enter(struct hal_ctx *hal, uint64_t deadline, struct hal_trap *trap)
{
	struct ctx *ctx = ctx_of(hal);
	struct space *space = ctx->space;
	uint64_t due = host_event_due_ns(), now = hal_time_ns();

	memset(trap, 0, sizeof(*trap));
	host_cross_review(now);
	if (deadline == CROSS_NO_PREEMPT)
		deadline--;
	if (due < deadline)
		deadline = due;
	host_lock_take(&space->lock);
	if (await_turn(ctx, space, deadline, trap) && !(space->zone && is_over(ctx, deadline, now >= due, trap)))
		enter(ctx, space, deadline, trap);
	host_lock_give(&space->lock);
	host_cpu_kick_end();
}

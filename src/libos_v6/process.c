/* Processes: made, ended, put to sleep and woken; fork, wait, kill. */
#include "v6.h"

#define FUND_FRAMES 8u /* a zone, its tables, a context: what a small program costs the kernel */
#define SPARES      16u

/* Frames that were in funds, and will be again. */
static exo_frame_t spares[SPARES];
static uint32_t spare_count;

/* What becomes kernel memory may be mapped nowhere, and so must leave our window. (The first LibOS's is not a mapping
 * like others: the kernel takes the frames out of it by itself.) */
static bool window_change(exo_frame_t first, uint32_t prot)
{
	struct exo_map_op op = { v6.boot->window + (first << EXO_FRAME_SHIFT), first, FUND_FRAMES, prot };
	enum exo_status status = EXO_OK;

	if (v6.boot->root != EXO_CAP_NONE)
		return true;
	do {
		status = exo_mem_map(v6.boot->zone, v6.boot->memory, &op, 1, NULL);
	} while (status == EXO_E_AGAIN);
	return status == EXO_OK;
}

static exo_frame_t fund_take(void)
{
	exo_frame_t first;

	if (spare_count > 0)
		return spares[--spare_count];
	first = frames_take(FUND_FRAMES);
	if (first != FRAME_NONE && !window_change(first, 0)) {
		frames_drop(first, FUND_FRAMES);
		return FRAME_NONE;
	}
	return first;
}

static void fund_give(exo_frame_t first)
{
	if (spare_count < SPARES)
		spares[spare_count++] = first;
	else if (window_change(first, EXO_PROT_READ | EXO_PROT_WRITE))
		frames_drop(first, FUND_FRAMES);
	else
		v6_log("v6: frames are lost\n");
}

bool process_fund(struct process *p)
{
	exo_frame_t first;

	if (p->fund_count == FUNDS)
		return false;
	first = fund_take();
	if (first == FRAME_NONE)
		return false;
	if (exo_zone_fund(p->zone, v6.boot->memory, first, FUND_FRAMES, NULL) != EXO_OK) {
		fund_give(first);
		return false;
	}
	p->funds[p->fund_count++] = first;
	return true;
}

static bool zone_make(struct process *p, const char *name)
{
	exo_frame_t first = fund_take();
	uint64_t size = 0;

	if (first == FRAME_NONE)
		return false;
	while (name[size])
		size++;
	if (exo_zone_create(v6.boot->zone, v6.boot->memory, first, FUND_FRAMES, name, size, &p->zone) != EXO_OK) {
		fund_give(first);
		return false;
	}
	p->funds[p->fund_count++] = first;
	return true;
}

static bool context_make(struct process *p)
{
	enum exo_status status;

	p->page_frame = frames_take(1);
	if (p->page_frame == FRAME_NONE)
		return false;
	p->page = frame_ptr(p->page_frame);
	memset(p->page, 0, sizeof(*p->page));
	do {
		status = exo_ctx_create(p->zone, v6.boot->memory, p->page_frame, &p->context);
	} while (status == EXO_E_AGAIN || (status == EXO_E_FUNDS && process_fund(p)));
	return status == EXO_OK;
}

static struct process *process_slot(void)
{
	for (uint32_t i = 0; i < PROCESSES; i++) {
		if (v6.processes[i].state == PROCESS_FREE)
			return &v6.processes[i];
	}
	return NULL;
}

struct process *process_new(const char *name)
{
	struct process *p = process_slot();

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->page_frame = FRAME_NONE;
	if (!zone_make(p, name))
		return NULL;
	p->state = PROCESS_READY;
	p->pid = ++v6.last_pid;
	if (context_make(p))
		return p;
	process_free(p);
	p->state = PROCESS_FREE;
	return NULL;
}

void process_free(struct process *p)
{
	enum exo_status status = exo_zone_destroy(p->zone, NULL);

	while (status == EXO_E_AGAIN) {
		status = exo_zone_destroy(p->zone, NULL);
		if (status == EXO_E_CAP) /* the kernel had it done meanwhile */
			status = EXO_OK;
	}
	if (status != EXO_OK) { /* the kernel still has the frames: they must not be used again */
		v6_log("v6: a zone does not end\n");
		return;
	}
	for (uint32_t i = 0; i < p->fund_count; i++)
		fund_give(p->funds[i]);
	if (p->page_frame != FRAME_NONE)
		frames_drop(p->page_frame, 1);
	image_free(&p->image);
}

/* Nobody waits for the children of a process that has ended. */
static void orphan(struct process *parent)
{
	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *p = &v6.processes[i];

		if (p->parent != parent || p->state == PROCESS_FREE)
			continue;
		p->parent = NULL;
		if (p->state == PROCESS_ZOMBIE)
			p->state = PROCESS_FREE;
	}
}

void process_end(struct process *p, uint32_t signal, uint32_t status)
{
	for (int fd = 0; fd < FILES_EACH; fd++) {
		if (p->files[fd])
			file_close(p->files[fd]);
	}
	process_free(p);
	if (p->pid == 1)
		v6_end(signal ? 128 + signal : status & 255);
	orphan(p);
	p->status = signal | (status & 255) << 8;
	p->state = p->parent ? PROCESS_ZOMBIE : PROCESS_FREE;
	if (p->parent)
		process_wake(p->parent);
}

/* ---- sleep and wakeup ---- */

int64_t process_sleep(struct process *p, const void *channel, uint64_t until)
{
	p->state = PROCESS_ASLEEP;
	p->channel = channel;
	p->wake_at = until;
	return CALL_SLEEPS;
}

void process_wake(const void *channel)
{
	for (uint32_t i = 0; i < PROCESSES; i++) {
		if (v6.processes[i].state == PROCESS_ASLEEP && v6.processes[i].channel == channel)
			v6.processes[i].state = PROCESS_READY;
	}
}

uint64_t process_wake_time(void)
{
	uint64_t next = UINT64_MAX, now = 0;

	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *p = &v6.processes[i];

		if (p->state != PROCESS_ASLEEP || p->wake_at == UINT64_MAX)
			continue;
		now = now ? now : clock_now(EXO_CLOCK_MONOTONIC);
		if (p->wake_at <= now)
			p->state = PROCESS_READY;
		else if (p->wake_at < next)
			next = p->wake_at;
	}
	return next;
}

struct process *process_pick(const struct process *last)
{
	uint32_t start = last ? (uint32_t)(last - v6.processes) + 1 : 0;

	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *p = &v6.processes[(start + i) % PROCESSES];

		if (p->state == PROCESS_READY)
			return p;
	}
	return NULL;
}

/* ---- system calls ---- */

/* The child gets a copy of all memory, as in the sixth edition. Registers too, but for the result. */
static bool child_fill(struct process *child, struct process *parent)
{
	if (image_copy(&child->image, &parent->image) || image_map(child))
		return false;
	if (exo_ctx_save(parent->context, NULL) != EXO_OK)
		return false;
	*child->page = *parent->page;
	child->page->regs.rax = 0;
	child->page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	return true;
}

int64_t sys_fork(struct process *p, const uint64_t *args)
{
	struct process *child = process_new("v6 fork");

	(void)args;
	if (!child)
		return -V6_EAGAIN;
	if (!child_fill(child, p)) {
		process_free(child);
		child->state = PROCESS_FREE;
		return -V6_ENOMEM;
	}
	child->parent = p;
	for (int fd = 0; fd < FILES_EACH; fd++) {
		child->files[fd] = p->files[fd];
		if (child->files[fd])
			file_share(child->files[fd]);
	}
	return child->pid;
}

int64_t sys_exit(struct process *p, const uint64_t *args)
{
	process_end(p, 0, (uint32_t)args[0]);
	return CALL_GONE;
}

int64_t sys_wait(struct process *p, const uint64_t *args)
{
	uint32_t *status = user_at(p, args[0], sizeof(*status), EXO_PROT_WRITE);
	bool any = false;

	if (args[0] != 0 && (!status || args[0] % sizeof(*status) != 0))
		return -V6_EFAULT;
	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *child = &v6.processes[i];

		if (child->parent != p || child->state == PROCESS_FREE)
			continue;
		any = true;
		if (child->state != PROCESS_ZOMBIE)
			continue;
		child->state = PROCESS_FREE;
		if (status)
			*status = child->status;
		return child->pid;
	}
	return any ? process_sleep(p, p, UINT64_MAX) : -V6_ECHILD;
}

int64_t sys_getpid(struct process *p, const uint64_t *args)
{
	(void)args;
	return p->pid;
}

int64_t sys_kill(struct process *p, const uint64_t *args)
{
	if (args[1] == 0 || args[1] > V6_SIGNALS)
		return -V6_EINVAL;
	for (uint32_t i = 0; i < PROCESSES; i++) {
		struct process *target = &v6.processes[i];

		if (target->pid != args[0] || (target->state != PROCESS_READY && target->state != PROCESS_ASLEEP))
			continue;
		process_end(target, (uint32_t)args[1], 0);
		return target == p ? CALL_GONE : 0;
	}
	return -V6_ESRCH;
}

int64_t sys_sleep(struct process *p, const uint64_t *args)
{
	uint64_t now = clock_now(EXO_CLOCK_MONOTONIC);

	if (args[0] > UINT32_MAX)
		return -V6_EINVAL;
	if (p->done == 0)
		p->done = now + args[0] * UINT64_C(1000000000);
	return p->done <= now ? 0 : process_sleep(p, &p->done, p->done);
}

int64_t sys_time(struct process *p, const uint64_t *args)
{
	(void)p;
	(void)args;
	return (int64_t)(clock_now(EXO_CLOCK_REALTIME) / UINT64_C(1000000000));
}

int64_t sys_break(struct process *p, const uint64_t *args)
{
	exo_vaddr_t old = 0;
	int error = image_grow(p, (int64_t)args[0], &old);

	return error ? error : (int64_t)old;
}

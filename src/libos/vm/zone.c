/* Spaces and their zones: making, funding, ending, and sending queued changes to the kernel. */
#include <exo/calls.h>

#include <libos/abi/errno.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

static void space_link(struct vm_space *space)
{
	struct vm *vm = &libos.vm;

	space->next = vm->spaces;
	if (vm->spaces != NULL)
		vm->spaces->prev = space;
	vm->spaces = space;
	vm->space_count++;
}

static void space_unlink(struct vm_space *space)
{
	struct vm *vm = &libos.vm;

	if (space->prev != NULL)
		space->prev->next = space->next;
	else
		vm->spaces = space->next;
	if (space->next != NULL)
		space->next->prev = space->prev;
	vm->space_count--;
}

_Static_assert(FUND_FIRST == FRAMES_COLD, "the first funds of most zones are blocks that come and go");

static exo_frame_t fund_try(uint64_t *count)
{
	exo_frame_t first = *count == FRAMES_COLD ? frames_alloc_cold() : FRAME_NONE;

	return first != FRAME_NONE ? first : frames_alloc_some(*count, count);
}

static exo_frame_t fund_alloc(uint64_t *count)
{
	exo_frame_t first = fund_try(count);

	if (first == FRAME_NONE && vm_reclaim())
		first = fund_try(count);
	return first;
}

static bool zone_start(struct vm_space *space, const char *name)
{
	uint64_t count = FUND_FIRST, zone;
	exo_frame_t first = frames_alloc_cold();

	if (first == FRAME_NONE && vm_reclaim())
		first = frames_alloc_cold();
	if (first == FRAME_NONE)
		return false;
	if (exo_zone_create(libos.boot->zone, libos.boot->memory, first, count, name, str_length(name),
	                    &zone) != EXO_OK) {
		frames_put(first, count);
		return false;
	}
	space->zone = zone;
	space->fund[0] = (struct frame_run){ first, count };
	space->fund_count = 1;
	return true;
}

/* How many of the frames the zone has got. */
static uint64_t fund_give(const struct vm_space *space, exo_frame_t first, uint64_t count)
{
	uint64_t done = 0;

	while (done < count) {
		uint64_t part = count - done < EXO_FUND_MAX ? count - done : EXO_FUND_MAX;

		if (exo_zone_fund(space->zone, libos.boot->memory, first + done, part, NULL) != EXO_OK)
			break;
		done += part;
	}
	return done;
}

int vm_fund(struct vm_space *space)
{
	uint64_t count = FUND_FIRST << (space->fund_count / 2), given;
	exo_frame_t first;

	if (space->fund_count == FUND_STEPS)
		return -ENOMEM;
	first = fund_alloc(&count);
	if (first == FRAME_NONE)
		return -ENOMEM;
	given = fund_give(space, first, count);
	if (given < count)
		frames_put(first + given, count - given);
	if (given == 0)
		return -ENOMEM;
	space->fund[space->fund_count++] = (struct frame_run){ first, given };
	return 0;
}

/* Without this, frames of the fund would be lost or, worse, used while the kernel has them. */
static void zone_end(struct vm_space *space)
{
	enum exo_status status;

	while ((status = exo_zone_destroy(space->zone, NULL)) == EXO_E_AGAIN)
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS);
	/* E_CAP: gone already. The rest was cleared away before our call was looked at, or the program has
	 * taken its zone down itself (with memory that it had put into the fund, for instance). */
	if (status != EXO_OK && status != EXO_E_CAP)
		libos_panic("zone %llx does not end: status %d", (unsigned long long)space->zone, status);
	for (uint32_t i = 0; i < space->fund_count; i++)
		frames_put_cold(space->fund[i].first, space->fund[i].count);
}

struct vm_space *vm_space_new(const char *name)
{
	struct vm_space *space;

	if (frames_exhausted() && !vm_reclaim())
		return NULL;
	space = heap_zalloc(sizeof(*space));
	if (space == NULL)
		return NULL;
	if (!zone_start(space, name)) {
		heap_free(space);
		return NULL;
	}
	space->refs = 1;
	waitq_init(&space->change_wait);
	space->answers = FRAME_NONE;
	space->limit_as = space->limit_data = UINT64_MAX;
	vm_set_limits(space, UINT64_MAX, UINT64_MAX, STACK_GAP_MIN);
	space_cache_flush(space);
	space_link(space);
	return space;
}

void vm_space_get(struct vm_space *space)
{
	space->refs++;
}

/* The zone is gone already: frames go back without unmapping, neighbours in one stroke. */
static void pages_free_all(struct vm_space *space)
{
	struct frame_run run = { 0, 0 };
	uint64_t address = 0, count;
	pte_t *place;

	while ((place = table_next_run(&space->pages, &address, TABLE_LIMIT, &count)) != NULL) {
		address += count * PAGE_SIZE;
		(void)sched_worked(&libos.sched, 8);
		for (; count > 0; count--, place++) {
			exo_frame_t frame = pte_frame(*place);

			if (*place == 0)
				continue;
			if (frame != run.first + run.count) {
				frames_put(run.first, run.count);
				run = (struct frame_run){ frame, 0 };
			}
			run.count++;
		}
	}
	frames_put(run.first, run.count);
	table_free(&space->pages);
}

static void dead_free(struct vm_space *space)
{
	for (uint32_t i = 0; i < space->dead_count; i++)
		frames_put(space->dead[i].first, space->dead[i].count);
	space->dead_count = 0;
	space->dead_frames = 0;
}

void vm_enter(struct vm_space *space, struct thread *self)
{
	while (space->changing != NULL)
		(void)wait_on(self, &space->change_wait, NO_DEADLINE, false);
	space->changing = self;
}

void vm_leave(struct vm_space *space)
{
	space->changing = NULL;
	waitq_wake(&space->change_wait, 1);
}

/* From here on nobody finds the space, so that taking it apart may give way. */
static void space_hide(struct vm_space *space)
{
	space_unlink(space);
	for (uint32_t i = 0; i < space->region_count; i++) {
		if (space->regions[i]->file != NULL)
			region_detach_inode(space->regions[i]);
	}
}

void vm_space_put(struct vm_space *space)
{
	if (--space->refs > 0)
		return;
	space_hide(space);
	libos_report_zone(space->zone);
	zone_end(space);
	grants_end(space);
	dead_free(space);
	pages_free_all(space);
	if (libos.vm.awaited == space)
		libos.vm.awaited = NULL;
	if (space->answers != FRAME_NONE)
		frame_put(space->answers);
	thunks_end(space);
	for (uint32_t i = 0; i < space->region_count; i++) {
		region_free(space->regions[i]);
		(void)sched_worked(&libos.sched, 1);
	}
	heap_free(space->regions);
	heap_free(space->ops);
	heap_free(space->dead);
	heap_free(space);
}

void vm_await(struct vm_space *space)
{
	libos.vm.awaited = space;
}

bool vm_is_awaited(bool *ends)
{
	*ends = libos.vm.awaited != NULL && libos.vm.awaited->refs == 0;
	return libos.vm.awaited != NULL;
}

exo_cap_t vm_zone(const struct vm_space *space)
{
	return space->zone;
}

struct exo_answer_page *vm_answers(struct vm_space *space)
{
	exo_frame_t frame;

	if (space->answers == FRAME_NONE) {
		frame = frame_alloc_zeroed();
		if (frame == FRAME_NONE)
			return NULL;
		if (exo_zone_answers(space->zone, libos.boot->memory, frame, NULL) != EXO_OK) {
			frame_put(frame);
			return NULL;
		}
		space->answers = frame;
	}
	return frame_ptr(space->answers);
}

bool vm_answer_program(struct vm_space *space, const struct exo_bpf_insn *program, uint64_t count)
{
	uint64_t runs = 0;

	return exo_zone_answer_program(space->zone, program, count, &runs) == EXO_OK && runs != 0;
}

/* A change that the kernel could not make: the pages count as not mapped, so that they fault again. Some
 * may still be mapped as they were before, to frames that are about to be freed: so unmapping, which
 * cannot fail, takes the change's place. */
static void op_give_up(struct vm_space *space, struct exo_map_op *op)
{
	uint64_t address = op->vaddr, end = op->vaddr + op->count * PAGE_SIZE;
	pte_t *place;

	op->prot = 0;
	op->frame = 0;

	while ((place = table_next(&space->pages, &address, end)) != NULL) {
		*place &= ~(PTE_MAPPED | PTE_WRITABLE);
		address += PAGE_SIZE;
	}
	space_cache_flush(space);
}

int vm_commit(struct vm_space *space)
{
	uint64_t done = 0, part = 0;
	int result = 0;

	space->committing = true;
	while (done < space->op_count) {
		enum exo_status status = exo_mem_map(space->zone, libos.boot->memory, space->ops + done,
		                                     space->op_count - done, &part);

		if (status == EXO_OK)
			break;
		if (status == EXO_E_DEAD || status == EXO_E_CAP) {
			/* It will only be ended; till then the kernel has its frames. */
			space->op_count = 0;
			space->committing = false;
			return 0;
		}
		done += part;
		if (status == EXO_E_AGAIN)
			continue;
		if (status == EXO_E_RANGE && space->shared) {
			/* The program has mapped something else there itself. */
			op_give_up(space, &space->ops[done]);
			continue;
		}
		if (status != EXO_E_FUNDS)
			libos_panic("mapping refused: status %d at %llx", status,
			            (unsigned long long)space->ops[done].vaddr);
		if (vm_fund(space) != 0) {
			op_give_up(space, &space->ops[done]);
			result = -ENOMEM;
		}
	}
	space->op_count = 0;
	space->committing = false;
	dead_free(space);
	return result;
}

bool vm_reclaim(void)
{
	uint64_t before = libos.frames.free_count;

	for (struct vm_space *space = libos.vm.spaces; space != NULL; space = space->next) {
		/* A commit that needs funds calls us again: one level of that is enough. */
		if (space->dead_frames > 0 && !space->committing && !libos.vm.reclaiming) {
			libos.vm.reclaiming = true;
			(void)vm_commit(space);
			libos.vm.reclaiming = false;
		}
	}
	if (texts_reclaim())
		return true;
	return libos.frames.free_count > before;
}

void vm_set_limits(struct vm_space *space, uint64_t as, uint64_t data, uint64_t stack)
{
	uint64_t gap = stack;
	uint64_t most = EXO_USER_LIMIT / 6 * 5;

	space->limit_as = as;
	space->limit_data = data;
	space->limit_stack = stack;
	if (space->stack_top != 0)
		return; /* the layout of a program is fixed when its stack is made */
	if (gap < STACK_GAP_MIN)
		gap = STACK_GAP_MIN;
	if (gap > most)
		gap = most;
	space->mmap_base = PAGE_DOWN(EXO_USER_LIMIT - gap - STACK_GUARD);
}

/*
 * Address spaces. The software page table, four levels like the machine's and paid from
 * the zone's pool, is the truth; the host process's mappings are a cache of it,
 * like a TLB: PTE_HOST marks what it has, with the number of the cache that it is in. So the HAL may leave a
 * mapping out (a fork maps many scattered pages of which the child touches few) or throw all away (the host
 * allows 65,530 per process) by beginning the next cache, and fill in at the fault.
 */
#include "hosted.h"

#include <hal/tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define HOST_MAPS_MAX  50000
#define HOST_MAPS_ALL  65536 /* of all spaces: when there are more, each keeps to its share */
#define HOST_MAPS_MIN  512   /* a share, at least */
#define ORDER_WORDS    64 /* an order to the mapper, in words of work: the host takes a microsecond or two */
#define AROUND         16 /* pages looked at on each side of a fault */
#define STRIKES_MAX    8

/* A mapping costs the host some 200 bytes of its own memory, which -m does not bound. */
static struct {
	uint32_t maps;   /* of all spaces, as they were last told */
	uint32_t spaces; /* that have a process */
} host_use;

/* Tells what this space has now. Returns how many it may have. */
static uint32_t tell_maps(struct space *space, uint32_t maps)
{
	uint32_t all, spaces, share;

	if (maps != space->maps_told)
		__atomic_fetch_add(&host_use.maps, maps - space->maps_told, __ATOMIC_RELAXED);
	space->maps_told = maps;
	all = __atomic_load_n(&host_use.maps, __ATOMIC_RELAXED);
	if (all <= HOST_MAPS_ALL)
		return HOST_MAPS_MAX;
	spaces = __atomic_load_n(&host_use.spaces, __ATOMIC_RELAXED);
	share = HOST_MAPS_ALL / (spaces ? spaces : 1);
	share = share > HOST_MAPS_MIN ? share : HOST_MAPS_MIN;
	return share < HOST_MAPS_MAX ? share : HOST_MAPS_MAX;
}

/* It has lost its process, or has given it back. */
static void tell_end(struct space *space)
{
	tell_maps(space, 0);
	__atomic_fetch_sub(&host_use.spaces, 1, __ATOMIC_RELAXED);
}

enum exo_status hal_space_init(struct hal_space *hal, struct hal_pool *pool)
{
	struct space *space = space_of(hal);

	memset(hal, 0, sizeof(*hal));
	if (pool->count < HAL_SPACE_INIT_COST)
		return EXO_E_FUNDS;
	space->zone = host_zone_take(false);
	if (!space->zone)
		return EXO_E_DEVICE;
	__atomic_fetch_add(&host_use.spaces, 1, __ATOMIC_RELAXED);
	host_lock_init(&space->lock);
	space->kind = SPACE_ZONE;
	space->cache = 1;
	space->root = hal_pool_take(pool);
	memset(hal_phys_ptr(space->root), 0, EXO_FRAME_SIZE);
	host_zones_refill();
	return EXO_OK;
}

static _Thread_local const char *accusation;

bool host_accuse(const char *why)
{
	accusation = why;
	return false;
}

static void say_why(const struct host_zone *zone)
{
	if (host_machine.boot.check && accusation)
		fprintf(stderr, "feuerbird-sim: host process %d of a zone: %s\n", (int)zone->pid, accusation);
	accusation = 0;
}

void host_space_kill(struct space *space)
{
	if (space->zone)
		say_why(space->zone);
	/* The CPU that waits for the program finds it dead, and does the rest. */
	if (space->zone && space->entered) {
		host_zone_shoot(space->zone);
		return;
	}
	if (space->zone) {
		host_zone_kill(space->zone);
		tell_end(space);
	}
	space->zone = 0;
	space->orders = 0;
}

/* A fixed number of host calls: one order for all that the process has. */
void hal_space_stop(struct hal_space *hal)
{
	struct space *space = space_of(hal);
	struct host_zone *zone;

	host_lock_take(&space->lock);
	space->kind = SPACE_STOPPED;
	if (space->zone) {
		/* What is queued need not be run; what is posted must have been. */
		space->orders = space->grants = 0;
		if (space->host_maps)
			host_order_unmap(space, EXO_USER_BASE, EXO_USER_LIMIT - EXO_USER_BASE);
		if (space->answers) {
			space->answers = 0;
			host_order_answers(space);
		}
		host_order_flush(space);
	}
	zone = space->zone;
	space->zone = 0;
	if (zone) {
		tell_end(space);
		host_zone_give(zone);
	}
	host_lock_give(&space->lock);
}

void hal_space_destroy(struct hal_space *hal, struct hal_pool *pool)
{
	struct space *space = space_of(hal);

	hal_pool_give(pool, space->root);
	host_lock_fini(&space->lock);
}

uint64_t *host_space_entry(const struct space *space, exo_vaddr_t vaddr)
{
	unsigned level;
	uint64_t *word;

	if (vaddr >= EXO_USER_LIMIT)
		return 0;
	word = tables_find(space->root, vaddr, &level);
	return *word != 0 ? word : 0;
}

/* Has the host process the mapping too? */
static bool is_cached(const struct space *space, uint64_t entry)
{
	return (entry & PTE_HOST) == PTE_CACHE(space->cache);
}

uint64_t hal_space_cost(const struct hal_space *hal, exo_vaddr_t vaddr, uint64_t count)
{
	struct space *space = space_of(hal);
	uint64_t cost;

	host_lock_take(&space->lock);
	cost = tables_cost(space->root, vaddr, count);
	host_lock_give(&space->lock);
	return cost;
}

/* The host process has nothing any more, or is about to lose it. An old mark that is met again when the numbers begin
 * anew claims what the host has not: that costs a fault or an order for nothing. */
static void cache_forget(struct space *space)
{
	space->cache = space->cache % PTE_CACHES + 1;
}

bool host_space_move(struct space *space)
{
	struct host_zone *old = space->zone, *zone;

	if (!old || !old->used || old->turn != 1 || load32(old->w, W_STARTED))
		return false;
	zone = host_zone_take(true);
	if (!zone)
		return false;
	memcpy(zone->r + R_PROGRAM, old->r + R_PROGRAM, EXO_ANSWER_PROGRAM_MAX * sizeof(struct exo_bpf_insn));
	store32(zone->r, R_PROGRAM_ON, load32(old->r, R_PROGRAM_ON));
	host_zone_kill(old);
	space->zone = zone;
	space->orders = space->grants = space->host_maps = 0;
	space->revoking = false;
	cache_forget(space);
	if (space->answers)
		host_order_answers(space);
	return true;
}

/* Before a change: the host process must not run into the host's limit, nor all of them use up its memory. */
static void make_room(struct space *space)
{
	if (space->host_maps <= tell_maps(space, space->host_maps))
		return;
	cache_forget(space);
	host_order_unmap(space, EXO_USER_BASE, EXO_USER_LIMIT - EXO_USER_BASE);
	space->host_maps = 1;
	tell_maps(space, 1);
}

void hal_space_map(struct hal_space *hal, exo_vaddr_t vaddr, exo_frame_t frame, uint64_t count,
                   uint32_t prot, struct hal_pool *pool)
{
	struct space *space = space_of(hal);
	uint64_t *entry = 0, *link = 0;

	host_lock_take(&space->lock);
	for (; count; count--, entry++, frame++, vaddr += EXO_FRAME_SIZE) {
		bool replaces;

		if (!link || tables_index(vaddr, 1) == 0) {
			entry = tables_make(space->root, vaddr, 1, pool, &link);
			make_room(space);
		}
		replaces = is_cached(space, *entry);
		if (*entry == 0)
			*link += TABLE_ONE;
		*entry = frame << EXO_FRAME_SHIFT | PTE_VALID | (prot & PTE_PROT);
		if (replaces || host_order_eager(space, vaddr, frame, prot)) {
			*entry |= PTE_CACHE(space->cache);
			host_order_map(space, vaddr, frame, prot, replaces);
		}
	}
	host_lock_give(&space->lock);
}

exo_vaddr_t hal_space_next(const struct hal_space *hal, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	struct space *space = space_of(hal);

	host_lock_take(&space->lock);
	vaddr = tables_next(space->root, vaddr, end, words);
	host_lock_give(&space->lock);
	return vaddr;
}

uint64_t hal_space_unmap(struct hal_space *hal, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames,
                         uint64_t count, uint32_t *words, struct hal_pool *pool)
{
	struct space *space = space_of(hal);
	uint64_t done = 0;

	host_lock_take(&space->lock);
	while (*vaddr < end && done < count && *words > 0) {
		uint64_t old;

		*vaddr = tables_next(space->root, *vaddr, end, words);
		if (*vaddr == end)
			break;
		old = tables_clear(space->root, *vaddr, pool);
		if (is_cached(space, old)) {
			uint32_t orders = space->orders;

			make_room(space);
			host_order_unmap(space, *vaddr, EXO_FRAME_SIZE);
			if (space->orders != orders)
				*words -= *words < ORDER_WORDS ? *words : ORDER_WORDS;
		}
		frames[done++] = pte_frame(old);
		*vaddr += EXO_FRAME_SIZE;
	}
	host_lock_give(&space->lock);
	return done;
}

void hal_space_protect(struct hal_space *hal, exo_vaddr_t vaddr, uint64_t count, uint32_t prot)
{
	struct space *space = space_of(hal);
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint32_t words = 0;

	prot &= PTE_PROT;
	host_lock_take(&space->lock);
	make_room(space);
	for (; (vaddr = tables_next(space->root, vaddr, end, &words)) < end; vaddr += EXO_FRAME_SIZE) {
		uint64_t *entry = host_space_entry(space, vaddr), old = *entry & PTE_PROT;

		if (old == prot)
			continue;
		*entry = (*entry & ~PTE_PROT) | prot;
		if (is_cached(space, *entry))
			host_order_protect(space, vaddr, EXO_FRAME_SIZE, prot, old & ~prot);
	}
	host_lock_give(&space->lock);
}

void hal_space_flush(struct hal_space *hal)
{
	struct space *space = space_of(hal);

	if (space->kind != SPACE_ZONE)
		return;
	/* The mapper is a thread of its own: it need not wait for a program that runs. */
	host_lock_take(&space->lock);
	if (space->zone && space->revoking)
		host_order_flush(space);
	host_lock_give(&space->lock);
	/* A list that was posted with grants may also hold what is revoked next:
	 * it has been run by now, because a revoking list waits for it. */
}

bool hal_space_query(const struct hal_space *hal, exo_vaddr_t vaddr, exo_frame_t *frame, uint32_t *flags)
{
	struct space *space = space_of(hal);
	const uint64_t *entry;
	uint64_t found = 0;

	host_lock_take(&space->lock);
	entry = host_space_entry(space, vaddr);
	if (entry)
		found = *entry;
	host_lock_give(&space->lock);
	if (!found)
		return false;
	*frame = pte_frame(found);
	*flags = (uint32_t)(found & PTE_PROT) | HAL_ACCESSED | HAL_DIRTY;
	return true;
}

/* The host does not tell what a program has touched. */
void hal_space_clear(struct hal_space *hal, exo_vaddr_t vaddr, uint32_t bits)
{
	(void)hal;
	(void)vaddr;
	(void)bits;
}

void hal_space_answers(struct hal_space *hal, exo_frame_t frame)
{
	struct space *space = space_of(hal);

	host_lock_take(&space->lock);
	if (space->zone) {
		space->answers = frame;
		host_order_answers(space);
	}
	host_lock_give(&space->lock);
}

/* The stub runs it, from a page that only we can write. */
bool hal_space_program(struct hal_space *hal, const struct exo_bpf_insn *program)
{
	struct space *space = space_of(hal);

	host_lock_take(&space->lock);
	if (space->zone) {
		if (program)
			memcpy(space->zone->r + R_PROGRAM, program, EXO_ANSWER_PROGRAM_MAX * sizeof(*program));
		store32(space->zone->r, R_PROGRAM_ON, program != 0);
	}
	host_lock_give(&space->lock);
	return program != 0;
}

_Static_assert(BPF_LD_WORD == (EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS) && BPF_TAX == (EXO_BPF_MISC | EXO_BPF_TAX) &&
               BPF_LD_BYTE_IND == (EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND) && BPF_RET == (EXO_BPF_RET | EXO_BPF_K) &&
               BPF_JEQ == (EXO_BPF_JMP | EXO_BPF_JEQ | EXO_BPF_K) && BPF_JGT == (EXO_BPF_JMP | EXO_BPF_JGT | EXO_BPF_K) &&
               BPF_JGE == (EXO_BPF_JMP | EXO_BPF_JGE | EXO_BPF_K) && BPF_JSET == (EXO_BPF_JMP | EXO_BPF_JSET | EXO_BPF_K),
               "the stub's instructions are those of exo/bpf.h");
_Static_assert(ANSWER_HEAD == sizeof(struct exo_answer_call) && ANSWER_INPUT == EXO_ANSWER_INPUT_SIZE &&
               ANSWER_RESULT == EXO_ANSWER_RESULT && ANSWER_ARG == EXO_ANSWER_ARG && ANSWER_ZERO == EXO_ANSWER_ZERO && W_NR + 8 == W_ARGS &&
               R_PROGRAM + EXO_ANSWER_PROGRAM_MAX * sizeof(struct exo_bpf_insn) <= R_LOAD, "the stub's idea of answer programs");

/* Does prot allow it? Write implies readable here as on the machine. */
static bool allows(uint64_t entry, uint32_t access)
{
	uint32_t prot = (uint32_t)(entry & PTE_PROT);

	if (access & EXO_ACCESS_WRITE)
		return prot & EXO_PROT_WRITE;
	if (access & EXO_ACCESS_EXEC)
		return prot & EXO_PROT_EXEC;
	return prot != 0;
}

bool host_space_resolve(struct space *space, exo_vaddr_t vaddr, uint32_t access)
{
	const uint64_t *entry = host_space_entry(space, vaddr);
	exo_vaddr_t page = vaddr & ~(EXO_FRAME_SIZE - 1), from, to;

	if (!entry || !allows(*entry, access))
		return false;
	/* The host has it, they say: once may be an order that was late; often is not. */
	if (is_cached(space, *entry) && ++space->zone->strikes > STRIKES_MAX)
		return false;
	make_room(space);
	from = page > AROUND << EXO_FRAME_SHIFT ? page - (AROUND << EXO_FRAME_SHIFT) : 0;
	to = page + (AROUND << EXO_FRAME_SHIFT);
	for (exo_vaddr_t at = from; at < to; at += EXO_FRAME_SIZE) {
		uint64_t *other = host_space_entry(space, at);
		if (!other || (is_cached(space, *other) && at != page))
			continue;
		if (at != page && !host_order_eager(space, at, pte_frame(*other), (uint32_t)(*other & PTE_PROT)))
			continue;
		host_order_map(space, at, pte_frame(*other), (uint32_t)(*other & PTE_PROT), false);
		*other = (*other & ~PTE_HOST) | PTE_CACHE(space->cache);
	}
	return true;
}

/* With the space's lock, page by page. */
static bool copy_pages(const struct space *space, exo_vaddr_t vaddr, uint8_t *bytes, uint64_t size, bool out)
{
	while (size) {
		uint64_t offset = vaddr & (EXO_FRAME_SIZE - 1), part = EXO_FRAME_SIZE - offset;
		const uint64_t *entry = host_space_entry(space, vaddr);
		uint8_t *page;
		if (!entry || !allows(*entry, out ? EXO_ACCESS_WRITE : EXO_ACCESS_READ))
			return false;
		if (part > size)
			part = size;
		page = (uint8_t *)hal_phys_ptr(pte_frame(*entry)) + offset;
		memcpy(out ? page : bytes, out ? bytes : page, part);
		vaddr += part;
		bytes += part;
		size -= part;
	}
	return true;
}

bool host_space_read(const struct space *space, exo_vaddr_t vaddr, void *to, uint64_t size)
{
	return vaddr < EXO_USER_LIMIT && size <= EXO_USER_LIMIT - vaddr && copy_pages(space, vaddr, to, size, false);
}

/* The LibOS's own space is this process. */
static bool copy(const struct hal_space *hal, exo_vaddr_t vaddr, uint8_t *bytes, uint64_t size, bool out)
{
	struct space *space = space_of(hal);
	bool done;

	if (space->kind == SPACE_SELF) {
		void *self = (void *)(uintptr_t)vaddr;
		if (!host_window_allows(vaddr, size))
			return false;
		if (size)
			memcpy(out ? self : (void *)bytes, out ? (void *)bytes : self, size);
		return true;
	}
	if (vaddr >= EXO_USER_LIMIT || size > EXO_USER_LIMIT - vaddr)
		return false;
	host_lock_take(&space->lock);
	done = copy_pages(space, vaddr, bytes, size, out);
	host_lock_give(&space->lock);
	return done;
}

bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size)
{
	return copy(space, from, to, size, false);
}

bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size)
{
	return copy(space, to, (uint8_t *)(uintptr_t)from, size, true);
}

bool hal_space_reach(const struct hal_space *hal, exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count)
{
	uint32_t flags, words = 0;

	if (space_of(hal)->kind == SPACE_SELF)
		return host_window_reach(vaddr, frame, count);
	*vaddr = hal_space_next(hal, *vaddr, EXO_USER_LIMIT, &words);
	*count = 1;
	return *vaddr < EXO_USER_LIMIT && hal_space_query(hal, *vaddr, frame, &flags);
}

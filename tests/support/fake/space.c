/*
 * The scripted machine's address spaces: four levels of 512-entry tables in
 * frames of the zone's pool, as real as needed to hold the core to its promises.
 */
#include <fake/fake.h>
#include <hal/tables.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* hal_space.word[]; a LibOS's space is all zero */
enum {
	SPACE_MAGIC,
	SPACE_ROOT, /* frame of the top table */
	SPACE_ANSWERS,
	SPACE_STOPPED,
	SPACE_UNFLUSHED, /* something was taken from it since the last flush */
};

/* What was taken away must be flushed before the call ends in which it was. */
static void unflushed(struct hal_space *space, bool now)
{
	if (space->word[SPACE_STOPPED] || space->word[SPACE_UNFLUSHED] == now)
		return;
	space->word[SPACE_UNFLUSHED] = now;
	fake.unflushed += now ? 1 : UINT64_MAX;
}

/* tables_next(), of which every word counts. */
static exo_vaddr_t next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	uint32_t left = UINT32_MAX, seen;

	vaddr = tables_next(space->word[SPACE_ROOT], vaddr, end, &left);
	seen = UINT32_MAX - left;
	fake.words += seen;
	*words -= *words < seen ? *words : seen;
	return vaddr;
}

#define MAGIC UINT64_C(0x6661636566616b65)

#define PRESENT  UINT64_C(1)
#define USED     (HAL_ACCESSED | HAL_DIRTY)
#define PROT_OF(entry) ((uint32_t)((entry) >> 1 & 15))

/*
 * Programs on other CPUs reach memory through the tables while the core changes them. The machine's
 * lock makes each access and each change one step: so what was unmapped is out of reach when
 * hal_space_unmap() returns, and there is nothing to flush.
 */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void fake_space_lock(void)
{
	if (fake.cpu_count > 1)
		pthread_mutex_lock(&lock);
}

void fake_space_unlock(void)
{
	if (fake.cpu_count > 1)
		pthread_mutex_unlock(&lock);
}

static int lock_take(void)
{
	fake_space_lock();
	return 0;
}

static void lock_give(const int *taken)
{
	(void)taken;
	fake_space_unlock();
}

/* First line of a function: it holds the lock till it returns. */
#define HOLD_LOCK __attribute__((cleanup(lock_give), unused)) int held = lock_take()

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fake: the core broke the contract: %s\n", what);
	abort();
}

static bool is_libos(const struct hal_space *space)
{
	return space->word[SPACE_MAGIC] == 0;
}

enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool)
{
	HOLD_LOCK;
	if (fake.space_fails)
		return EXO_E_DEVICE;
	if (pool->count == 0)
		return EXO_E_FUNDS;
	memset(space, 0, sizeof(*space));
	space->word[SPACE_MAGIC] = MAGIC;
	space->word[SPACE_ROOT] = hal_pool_take(pool);
	memset(hal_phys_ptr(space->word[SPACE_ROOT]), 0, EXO_FRAME_SIZE);
	fake.tables++;
	fake.spaces++;
	return EXO_OK;
}

static exo_frame_t root_of(const struct hal_space *space)
{
	require(space->word[SPACE_MAGIC] == MAGIC, "space is not alive");
	return space->word[SPACE_ROOT];
}

void hal_space_stop(struct hal_space *space)
{
	HOLD_LOCK;
	root_of(space);
	unflushed(space, false);
	space->word[SPACE_STOPPED] = 1;
}

void fake_space_entered(const struct hal_space *space)
{
	require(space->word[SPACE_MAGIC] == MAGIC && !space->word[SPACE_STOPPED], "a space that was stopped is entered");
}

void hal_space_destroy(struct hal_space *space, struct hal_pool *pool)
{
	HOLD_LOCK;
	uint32_t words = 0;

	require(space->word[SPACE_STOPPED], "a space ends that was not stopped");
	require(tables_next(root_of(space), 0, EXO_USER_LIMIT, &words) == EXO_USER_LIMIT, "a space ends that is not empty");
	hal_pool_give(pool, root_of(space));
	memset(space, 0xff, sizeof(*space));
	fake.tables--;
	fake.spaces--;
}

/* The word of a page that is mapped, or NULL. */
static uint64_t *entry_find(const struct hal_space *space, exo_vaddr_t vaddr)
{
	unsigned level;
	uint64_t *word = tables_find(root_of(space), vaddr, &level);

	return *word ? word : NULL;
}

uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	HOLD_LOCK;
	return tables_cost(root_of(space), vaddr, count);
}

void hal_space_map(struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t frame,
                   uint64_t count, uint32_t prot, struct hal_pool *pool)
{
	HOLD_LOCK;
	uint64_t before = pool->count;

	require(vaddr % EXO_FRAME_SIZE == 0 && vaddr >= EXO_USER_BASE &&
	        vaddr + (count << EXO_FRAME_SHIFT) <= EXO_USER_LIMIT && prot >= 1 && prot <= 15, "map");
	require(!(prot & EXO_PROT_DEVICE) || (!(prot & EXO_PROT_EXEC) && hal_boot()->mmio_maps && frame >= fake.mmio &&
	        frame + count <= fake.mmio + 2), "map of registers");
	for (uint64_t i = 0; i < count; i++, vaddr += EXO_FRAME_SIZE) {
		uint64_t *link, *word;

		require(tables_cost(root_of(space), vaddr, 1) <= pool->count, "a table is needed and the pool is empty");
		word = tables_make(root_of(space), vaddr, 1, pool, &link);
		if (!(prot & EXO_PROT_DEVICE))
			hal_phys_ptr(frame + i); /* must exist */
		if (*word)
			unflushed(space, true);
		else
			*link += TABLE_ONE;
		*word = (frame + i) << EXO_FRAME_SHIFT | (uint64_t)prot << 1 | PRESENT;
	}
	fake.tables += before - pool->count;
}

uint64_t hal_space_unmap(struct hal_space *space, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames,
                         uint64_t count, uint32_t *words, struct hal_pool *pool)
{
	HOLD_LOCK;
	uint64_t done = 0, before = pool->count;

	while (*vaddr < end && done < count && *words > 0) {
		*vaddr = next(space, *vaddr, end, words);
		if (*vaddr == end)
			break;
		frames[done++] = (tables_clear(root_of(space), *vaddr, pool) & TABLE_FRAME) >> EXO_FRAME_SHIFT;
		*vaddr += EXO_FRAME_SIZE;
	}
	if (done > 0)
		unflushed(space, true);
	fake.tables -= pool->count - before;
	return done;
}

void hal_space_protect(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count, uint32_t prot)
{
	HOLD_LOCK;
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint32_t words = 0;

	for (; (vaddr = next(space, vaddr, end, &words)) < end; vaddr += EXO_FRAME_SIZE) {
		uint64_t *entry = entry_find(space, vaddr);

		require((PROT_OF(*entry) & EXO_PROT_DEVICE) == (prot & EXO_PROT_DEVICE), "protection of registers");
		*entry = (*entry & ~UINT64_C(0x1e)) | (uint64_t)prot << 1;
	}
}

void hal_space_flush(struct hal_space *space)
{
	HOLD_LOCK;
	require(space->word[SPACE_MAGIC] == MAGIC, "flush of a space that is not alive");
	unflushed(space, false);
	fake.flushes++;
}

bool hal_space_query(const struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t *frame, uint32_t *flags)
{
	HOLD_LOCK;
	const uint64_t *entry = entry_find(space, vaddr);

	if (!entry)
		return false;
	*frame = *entry >> EXO_FRAME_SHIFT;
	*flags = PROT_OF(*entry) | (fake.tells_use ? (uint32_t)(*entry & USED) : USED);
	return true;
}

void hal_space_clear(struct hal_space *space, exo_vaddr_t vaddr, uint32_t bits)
{
	uint64_t *entry = entry_find(space, vaddr);

	require(entry && (bits & ~USED) == 0, "clear");
	*entry &= ~(uint64_t)bits;
}

exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	HOLD_LOCK;
	root_of(space);
	return next(space, vaddr, end, words);
}

bool hal_space_reach(const struct hal_space *space, exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count)
{
	uint32_t flags, words = 0;

	if (is_libos(space))
		return fake_window_reach(vaddr, frame, count);
	*vaddr = hal_space_next(space, *vaddr, EXO_USER_LIMIT, &words);
	*count = 1;
	return *vaddr < EXO_USER_LIMIT && hal_space_query(space, *vaddr, frame, &flags);
}

void hal_space_answers(struct hal_space *space, exo_frame_t frame)
{
	HOLD_LOCK;
	hal_phys_ptr(frame);
	space->word[SPACE_ANSWERS] = frame;
}

bool hal_space_program(struct hal_space *space, const struct exo_bpf_insn *program)
{
	(void)space;
	fake.answer_program = program;
	return fake.runs_programs;
}

/* ---- Copies ------------------------------------------------------------ */

static bool libos_may(exo_vaddr_t address, uint64_t size)
{
	if (!fake_window_allows(address, size))
		return false;
	if (fake.region_count == 0)
		return true;
	for (unsigned i = 0; i < fake.region_count; i++) {
		uint64_t base = (uint64_t)(uintptr_t)fake.regions[i].base;

		if (address >= base && size <= fake.regions[i].size && address - base <= fake.regions[i].size - size)
			return true;
	}
	return false;
}

/* The kernel's pointer to a program's byte, and how many follow in that page. */
static unsigned char *program_byte(const struct hal_space *space, exo_vaddr_t vaddr, uint32_t prot, uint64_t *room)
{
	exo_frame_t frame;
	uint32_t flags;

	if (vaddr >= EXO_USER_LIMIT || !hal_space_query(space, vaddr & ~(EXO_FRAME_SIZE - 1), &frame, &flags) ||
	    (prot & EXO_PROT_WRITE & ~flags) || (flags & EXO_PROT_DEVICE))
		return NULL;
	*entry_find(space, vaddr) |= HAL_ACCESSED | (prot & EXO_PROT_WRITE ? HAL_DIRTY : 0);
	*room = EXO_FRAME_SIZE - vaddr % EXO_FRAME_SIZE;
	return (unsigned char *)hal_phys_ptr(frame) + vaddr % EXO_FRAME_SIZE;
}

bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size)
{
	HOLD_LOCK;
	uint64_t done = 0, room;

	if (is_libos(space)) {
		if (!libos_may(from, size))
			return false;
		if (size > 0)
			memcpy(to, (const void *)(uintptr_t)from, size);
		return true;
	}
	for (; done < size; done += room) {
		const unsigned char *byte = program_byte(space, from + done, EXO_PROT_READ, &room);

		if (!byte)
			return false;
		room = room < size - done ? room : size - done;
		memcpy((unsigned char *)to + done, byte, room);
	}
	return true;
}

bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size)
{
	HOLD_LOCK;
	uint64_t done = 0, room;

	if (is_libos(space)) {
		if (!libos_may(to, size))
			return false;
		if (size > 0)
			memcpy((void *)(uintptr_t)to, from, size);
		return true;
	}
	for (; done < size; done += room) {
		unsigned char *byte = program_byte(space, to + done, EXO_PROT_WRITE, &room);

		if (!byte)
			return false;
		room = room < size - done ? room : size - done;
		memcpy(byte, (const unsigned char *)from + done, room);
	}
	return true;
}

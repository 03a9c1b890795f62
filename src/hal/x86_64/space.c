/*
 * Address spaces: four-level page tables from frames of the zone's pool. The
 * upper half is the kernel's, the same entries in each root table; or, where ring 3 shall not have the kernel in
 * its tables (isolation.c), nothing but the entry area of the CPU that the space is entered on.
 *
 * Programs get 4 KiB pages only, so that protect and unmap never split; the
 * first LibOS's window (window.c) has large ones too.
 */
#include <hal/tables.h>
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

_Static_assert(TABLE_LARGE == PT_LARGE && TABLE_FRAME == PT_ADDRESS && TABLE_LINK == (PT_PRESENT | PT_WRITE | PT_USER),
               "tables are the machine's");

static struct space *of(struct hal_space *space)
{
	return (struct space *)(void *)space;
}

static const struct space *of_const(const struct hal_space *space)
{
	return (const struct space *)(const void *)space;
}

static exo_frame_t root_of(const struct space *s)
{
	return s->pml4 >> EXO_FRAME_SHIFT;
}

enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool)
{
	struct space *s = of(space);
	uint64_t *root;
	const uint64_t *kernel = phys_ptr(machine.kernel_pml4);

	if (pool->count < HAL_SPACE_INIT_COST)
		return EXO_E_FUNDS;
	memset(space, 0, sizeof(*space));
	s->pml4 = hal_pool_take(pool) << EXO_FRAME_SHIFT;
	s->id = ++machine.next_space_id;
	s->area_slot = AREA_SLOT_FIRST;
	root = phys_ptr(s->pml4);
	memset(root, 0, EXO_FRAME_SIZE);
	if (!machine.isolated)
		memcpy(root + 256, kernel + 256, 256 * sizeof(*root));
	return EXO_OK;
}

static bool is_loaded(const struct cpu *cpu, const struct space *s)
{
	return (cpu->cr3 & PT_ADDRESS) == s->pml4;
}

void hal_space_stop(struct hal_space *space)
{
	struct space *s = of(space);
	struct cpu *cpu = this_cpu(), *worker = split_worker();

	if (worker && is_loaded(worker, s))
		split_leave_space();
	if (is_loaded(cpu, s))
		space_leave();
	if (cpu->pcid_owner[s->pcid] == s->id)
		cpu->pcid_owner[s->pcid] = 0;
}

void hal_space_destroy(struct hal_space *space, struct hal_pool *pool)
{
	hal_pool_give(pool, root_of(of(space)));
	memset(space, 0, sizeof(*space));
}

uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	return tables_cost(root_of(of_const(space)), vaddr, count);
}

static uint64_t prot_bits(uint32_t prot)
{
	return PT_PRESENT | PT_USER | (prot & EXO_PROT_WRITE ? PT_WRITE : 0)
	       | (prot & EXO_PROT_EXEC ? 0 : PT_NX) | (prot & EXO_PROT_DEVICE ? PT_UNCACHED : 0);
}

void hal_space_map(struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t frame,
                   uint64_t count, uint32_t prot, struct hal_pool *pool)
{
	struct space *s = of(space);
	uint64_t entry = frame << EXO_FRAME_SHIFT | prot_bits(prot), *word = NULL, *link = NULL;

	for (; count > 0; count--, word++, entry += EXO_FRAME_SIZE, vaddr += EXO_FRAME_SIZE) {
		if (!link || tables_index(vaddr, 1) == 0)
			word = tables_make(root_of(s), vaddr, 1, pool, &link);
		if (*word != 0)
			s->stale = 1;
		else
			*link += TABLE_ONE;
		*word = entry;
	}
}

/*
 * What was a table is used for something else as soon as it is in the pool. Until it is flushed the machine may still go
 * through it, where the space is loaded, and set accessed bits in it (SDM vol. 3, 4.8 and 4.10.3). Kept out of ring 3's
 * tables, the kernel never has the space loaded.
 */
static void give_tables(struct space *s, struct hal_pool *emptied, struct hal_pool *pool)
{
	struct cpu *cpu = this_cpu(), *worker = split_worker();

	if (emptied->count == 0)
		return;
	if (!machine.isolated) {
		if (worker && is_loaded(worker, s))
			split_leave_space();
		if (is_loaded(cpu, s))
			cr3_write(cpu->cr3);
	}
	while (emptied->count > 0)
		hal_pool_give(pool, hal_pool_take(emptied));
}

uint64_t hal_space_unmap(struct hal_space *space, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames,
                         uint64_t count, uint32_t *words, struct hal_pool *pool)
{
	struct space *s = of(space);
	struct hal_pool emptied = { 0 };
	uint64_t done = 0;

	while (*vaddr < end && done < count && *words > 0) {
		*vaddr = tables_next(root_of(s), *vaddr, end, words);
		if (*vaddr == end)
			break;
		frames[done++] = (tables_clear(root_of(s), *vaddr, &emptied) & PT_ADDRESS) >> EXO_FRAME_SHIFT;
		s->stale = 1;
		*vaddr += EXO_FRAME_SIZE;
	}
	give_tables(s, &emptied, pool);
	return done;
}

void hal_space_protect(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count, uint32_t prot)
{
	struct space *s = of(space);
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint32_t words = 0;

	for (; (vaddr = tables_next(root_of(s), vaddr, end, &words)) < end; vaddr += EXO_FRAME_SIZE) {
		unsigned level;
		uint64_t *word = tables_find(root_of(s), vaddr, &level);

		*word = (*word & (PT_ADDRESS | PT_ACCESSED | PT_DIRTY)) | prot_bits(prot);
		s->stale = 1;
	}
}

/* The machine may set bits at the same time, on another CPU. */
void hal_space_clear(struct hal_space *space, exo_vaddr_t vaddr, uint32_t bits)
{
	struct space *s = of(space);
	unsigned level;

	__atomic_fetch_and(tables_find(root_of(s), vaddr, &level), ~(uint64_t)bits, __ATOMIC_RELAXED);
	s->stale = 1;
}

/* With one CPU the next entry into the space is the only time that matters, and
 * space_load() looks at `stale` then. A space that is loaded right now is flushed here. */
void hal_space_flush(struct hal_space *space)
{
	struct space *s = of(space);
	struct cpu *cpu = this_cpu();

	if (s->stale && !machine.isolated && is_loaded(cpu, s)) {
		cr3_write(cpu->cr3);
		s->stale = 0;
	}
}

/* Gives the space a process-context identifier of this CPU; true: its TLB
 * entries are still good. */
static bool pick_pcid(struct cpu *cpu, struct space *s)
{
	if (s->pcid != 0 && cpu->pcid_owner[s->pcid] == s->id)
		return !s->stale;
	cpu->pcid_next = cpu->pcid_next % (PCID_COUNT - 1) + 1;
	s->pcid = cpu->pcid_next;
	cpu->pcid_owner[s->pcid] = s->id;
	return false;
}

/* A root table has the entry area of one CPU only, so that what runs in ring 3 reaches no other CPU's. */
static void show_area(struct space *s, const struct cpu *cpu)
{
	uint64_t *root = phys_ptr(s->pml4);

	if (s->area_slot == cpu->area_slot)
		return;
	root[s->area_slot] = 0;
	root[cpu->area_slot] = cpu->area_entry;
	s->area_slot = cpu->area_slot;
}

void space_load(struct space *s)
{
	struct cpu *cpu = this_cpu();
	bool good = false;

	if (is_loaded(cpu, s) && !s->stale)
		return;
	if (machine.can.pcid)
		good = pick_pcid(cpu, s);
	cpu->cr3 = s->pml4 | s->pcid;
	s->stale = 0;
	if (!machine.isolated) {
		cr3_write(cpu->cr3 | (good ? CR3_NOFLUSH : 0));
		return;
	}
	show_area(s, cpu);
	trap_forget();
	cpu->ring3_cr3 = cpu->cr3 | (good ? CR3_NOFLUSH : 0); /* user_enter() loads it */
}

void space_leave(void)
{
	struct cpu *cpu = this_cpu();

	cpu->cr3 = machine.kernel_pml4;
	if (!machine.isolated)
		cr3_write(cpu->cr3);
}

/* The leaf entry for vaddr, its own rights taken (all levels above allow all);
 * 0: none. *phys: the byte's address. */
static uint64_t leaf(const struct space *s, exo_vaddr_t vaddr, uint64_t *phys)
{
	uint64_t entry, mask;
	unsigned level;

	if (vaddr >= EXO_USER_LIMIT)
		return 0;
	entry = *tables_find(root_of(s), vaddr, &level);
	mask = tables_span(level) - 1;
	*phys = (entry & PT_ADDRESS & ~mask) | (vaddr & mask);
	return entry;
}

bool hal_space_query(const struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t *frame,
                     uint32_t *flags)
{
	uint64_t phys, entry = leaf(of_const(space), vaddr, &phys);

	if (entry == 0)
		return false;
	*frame = phys >> EXO_FRAME_SHIFT;
	*flags = EXO_PROT_READ | (entry & PT_WRITE ? EXO_PROT_WRITE : 0)
	         | (entry & PT_NX ? 0 : EXO_PROT_EXEC) | (entry & PT_UNCACHED ? EXO_PROT_DEVICE : 0)
	         | (uint32_t)(entry & (PT_ACCESSED | PT_DIRTY));
	return true;
}

exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words)
{
	return tables_next(root_of(of_const(space)), vaddr, end, words);
}

void hal_space_answers(struct hal_space *space, exo_frame_t frame)
{
	of(space)->answers = hal_phys_ptr(frame);
}

bool hal_space_program(struct hal_space *space, const struct exo_bpf_insn *program)
{
	of(space)->program = program;
	return true;
}

void *hal_phys_ptr(exo_frame_t frame)
{
	return phys_ptr(frame << EXO_FRAME_SHIFT);
}

/* What is copied for the program it has used itself. */
static void mark_used(const struct space *s, exo_vaddr_t vaddr, uint64_t entry, uint64_t bits)
{
	unsigned level;

	if ((entry & bits) != bits)
		__atomic_fetch_or(tables_find(root_of(s), vaddr, &level), bits, __ATOMIC_RELAXED);
}

/* Calls memcpy for each piece that lies in one page. */
static bool copy(const struct space *s, exo_vaddr_t address, uint8_t *in, const uint8_t *out,
                 uint64_t size)
{
	while (size > 0) {
		uint64_t piece = EXO_FRAME_SIZE - (address & (EXO_FRAME_SIZE - 1)), phys;
		uint64_t entry = leaf(s, address, &phys);

		if (entry == 0 || !(entry & PT_USER) || (entry & PT_UNCACHED) || (out && !(entry & PT_WRITE)))
			return false;
		if (piece > size)
			piece = size;
		mark_used(s, address, entry, PT_ACCESSED | (out ? PT_DIRTY : 0));
		if (in) {
			memcpy(in, phys_ptr(phys), piece);
			in += piece;
		} else {
			memcpy(phys_ptr(phys), out, piece);
			out += piece;
		}
		address += piece;
		size -= piece;
	}
	return true;
}

bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size)
{
	return copy(of_const(space), from, to, NULL, size);
}

bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size)
{
	return copy(of_const(space), to, NULL, from, size);
}

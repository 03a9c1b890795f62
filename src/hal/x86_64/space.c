/*
 * Address spaces: four-level page tables from frames of the zone's pool. The
 * upper half is the kernel's, the same entries in each root table; or, where ring 3 shall not have the kernel in
 * its tables (isolation.c), nothing but the entry area of the CPU that the space is entered on.
 *
 * Programs get 4 KiB pages only, so that protect and unmap never split; the
 * first LibOS's window (window.c) has large ones too.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

static struct space *of(struct hal_space *space)
{
	return (struct space *)(void *)space;
}

static const struct space *of_const(const struct hal_space *space)
{
	return (const struct space *)(const void *)space;
}

static uint64_t *table_at(uint64_t entry)
{
	return phys_ptr(entry & PT_ADDRESS);
}

static uint64_t new_table(struct hal_pool *pool)
{
	uint64_t phys = hal_pool_take(pool) << EXO_FRAME_SHIFT;

	memset(phys_ptr(phys), 0, EXO_FRAME_SIZE);
	return phys;
}

enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool)
{
	struct space *s = of(space);
	uint64_t *root;
	const uint64_t *kernel = phys_ptr(machine.kernel_pml4);

	if (pool->count < HAL_SPACE_INIT_COST)
		return EXO_E_FUNDS;
	memset(space, 0, sizeof(*space));
	s->pml4 = new_table(pool);
	s->id = ++machine.next_space_id;
	s->area_slot = AREA_SLOT_FIRST;
	root = phys_ptr(s->pml4);
	if (!machine.isolated)
		memcpy(root + 256, kernel + 256, 256 * sizeof(*root));
	return EXO_OK;
}

static void free_tables(uint64_t *table, unsigned level, unsigned count, struct hal_pool *pool)
{
	for (unsigned i = 0; i < count; i++) {
		if (!(table[i] & PT_PRESENT) || (table[i] & PT_LARGE))
			continue;
		if (level > 2)
			free_tables(table_at(table[i]), level - 1, PT_ENTRIES, pool);
		hal_pool_give(pool, (table[i] & PT_ADDRESS) >> EXO_FRAME_SHIFT);
	}
}

void hal_space_destroy(struct hal_space *space, struct hal_pool *pool)
{
	struct space *s = of(space);
	struct cpu *cpu = this_cpu(), *worker = split_worker();

	if (worker && worker->cr3 == s->pml4)
		split_leave_space();
	if ((cpu->cr3 & PT_ADDRESS) == s->pml4)
		space_leave();
	if (cpu->pcid_owner[s->pcid] == s->id)
		cpu->pcid_owner[s->pcid] = 0;
	free_tables(phys_ptr(s->pml4), 4, 256, pool);
	hal_pool_give(pool, s->pml4 >> EXO_FRAME_SHIFT);
	memset(space, 0, sizeof(*space));
}

/* The table of level 1 that has vaddr, or NULL and in *level the level whose
 * entry is missing. */
static uint64_t *find_table(const struct space *s, exo_vaddr_t vaddr, unsigned *level)
{
	uint64_t *table = phys_ptr(s->pml4);

	for (unsigned l = 4; l > 1; l--) {
		uint64_t entry = table[pt_index(vaddr, l)];
		if (!(entry & PT_PRESENT) || (entry & PT_LARGE)) {
			*level = l;
			return NULL;
		}
		table = table_at(entry);
	}
	*level = 1;
	return table;
}

/* Tables below an empty entry of `level` that [from, to) would need, the one
 * behind the entry included. */
static uint64_t tables_below(exo_vaddr_t from, exo_vaddr_t to, unsigned level)
{
	uint64_t count = 0;

	for (unsigned l = 2; l <= level; l++)
		count += (to - 1) / pt_span(l) - from / pt_span(l) + 1;
	return count;
}

uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	const struct space *s = of_const(space);
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);
	uint64_t cost = 0;

	while (vaddr < end) {
		unsigned level;
		exo_vaddr_t next;

		find_table(s, vaddr, &level);
		next = (vaddr / pt_span(level < 2 ? 2 : level) + 1) * pt_span(level < 2 ? 2 : level);
		if (next > end)
			next = end;
		if (level > 1)
			cost += tables_below(vaddr, next, level);
		vaddr = next;
	}
	return cost;
}

static uint64_t *make_table(struct space *s, exo_vaddr_t vaddr, unsigned down_to,
                            struct hal_pool *pool)
{
	uint64_t *table = phys_ptr(s->pml4);

	for (unsigned l = 4; l > down_to; l--) {
		uint64_t *entry = &table[pt_index(vaddr, l)];
		if (!(*entry & PT_PRESENT))
			*entry = new_table(pool) | PT_PRESENT | PT_WRITE | PT_USER;
		table = table_at(*entry);
	}
	return table;
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
	uint64_t entry = frame << EXO_FRAME_SHIFT | prot_bits(prot);

	while (count > 0) {
		uint64_t *table = make_table(s, vaddr, 1, pool);
		for (unsigned i = pt_index(vaddr, 1); i < PT_ENTRIES && count > 0; i++) {
			if (table[i] != 0)
				s->stale = 1;
			table[i] = entry;
			entry += EXO_FRAME_SIZE;
			vaddr += EXO_FRAME_SIZE;
			count--;
		}
	}
}

/* Calls for each present entry of [vaddr, + count): the new entry has the old
 * one's `keep` bits and `set`. */
static void change(struct space *s, exo_vaddr_t vaddr, uint64_t count, uint64_t keep,
                   uint64_t set)
{
	exo_vaddr_t end = vaddr + (count << EXO_FRAME_SHIFT);

	while (vaddr < end) {
		unsigned level;
		uint64_t *table = find_table(s, vaddr, &level);

		if (!table) {
			vaddr = (vaddr / pt_span(level) + 1) * pt_span(level);
			continue;
		}
		for (unsigned i = pt_index(vaddr, 1); i < PT_ENTRIES && vaddr < end; i++) {
			if (table[i] & PT_PRESENT) {
				table[i] = (table[i] & keep) | set;
				s->stale = 1;
			}
			vaddr += EXO_FRAME_SIZE;
		}
	}
}

void hal_space_unmap(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count)
{
	change(of(space), vaddr, count, 0, 0);
}

void hal_space_protect(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count, uint32_t prot)
{
	change(of(space), vaddr, count, PT_ADDRESS | PT_ACCESSED | PT_DIRTY, prot_bits(prot));
}

/* The machine may set bits at the same time, on another CPU. */
void hal_space_clear(struct hal_space *space, exo_vaddr_t vaddr, uint32_t bits)
{
	struct space *s = of(space);
	unsigned level;
	uint64_t *table = find_table(s, vaddr, &level);

	if (!table)
		return;
	__atomic_fetch_and(&table[pt_index(vaddr, 1)], ~(uint64_t)bits, __ATOMIC_RELAXED);
	s->stale = 1;
}

/* With one CPU the next entry into the space is the only time that matters, and
 * space_load() looks at `stale` then. A space that is loaded right now is flushed here. */
void hal_space_flush(struct hal_space *space)
{
	struct space *s = of(space);
	struct cpu *cpu = this_cpu();

	if (s->stale && !machine.isolated && (cpu->cr3 & PT_ADDRESS) == s->pml4) {
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

	if ((cpu->cr3 & PT_ADDRESS) == s->pml4 && !s->stale)
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
	const uint64_t *table = phys_ptr(s->pml4);

	if (vaddr >= EXO_USER_LIMIT)
		return 0;
	for (unsigned l = 4;; l--) {
		uint64_t entry = table[pt_index(vaddr, l)];
		if (!(entry & PT_PRESENT))
			return 0;
		if (l == 1 || (entry & PT_LARGE)) {
			uint64_t mask = pt_span(l) - 1;
			*phys = (entry & PT_ADDRESS & ~mask) | (vaddr & mask);
			return entry;
		}
		table = table_at(entry);
	}
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

exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end)
{
	const struct space *s = of_const(space);

	while (vaddr < end) {
		unsigned level;
		uint64_t phys;
		const uint64_t *table = find_table(s, vaddr, &level);

		if (!table) {
			if (leaf(s, vaddr, &phys) != 0) /* a large page of the window */
				return vaddr;
			vaddr = (vaddr / pt_span(level) + 1) * pt_span(level);
			continue;
		}
		for (unsigned i = pt_index(vaddr, 1); i < PT_ENTRIES && vaddr < end; i++) {
			if (table[i] & PT_PRESENT)
				return vaddr;
			vaddr += EXO_FRAME_SIZE;
		}
	}
	return end;
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
	uint64_t *table;

	if ((entry & bits) == bits)
		return;
	table = find_table(s, vaddr, &level);
	if (table)
		__atomic_fetch_or(&table[pt_index(vaddr, 1)], bits, __ATOMIC_RELAXED);
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

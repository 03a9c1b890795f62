/*
 * The first LibOS: an ELF boot module that becomes a ring-3 space of its own.
 *
 * Its image, stack and boot page are loaded at boot into frames outside the core's
 * extent; hal_libos_init() then needs the zone's pool for page tables only.
 */
#include <core/core.h>
#include <hal/x86_64/machine.h>
#include <hal/x86_64/elf.h>

#define STACK_TOP   UINT64_C(0x7ffe00000000)
#define STACK_PAGES 64
#define BOOT_ADDR   UINT64_C(0x7ffe10000000)
#define SEGMENT_MAX 8
#define IMAGE_MAX   (UINT64_C(64) << 20)

struct segment {
	uint64_t vaddr, phys, count; /* count: pages */
	uint32_t prot;
};

static struct {
	struct segment segments[SEGMENT_MAX];
	uint32_t count;
	uint64_t entry;
	uint64_t stack, boot;     /* physical */
	struct elf_sym *symbols;
	uint64_t symbol_count;
	char *names;
	uint64_t names_size;
	struct context ctx;
} libos;

/* For its vector state only. */
static struct exo_ctx_page libos_page __attribute__((aligned(4096)));

static bool inside(uint64_t offset, uint64_t size, uint64_t total)
{
	return offset <= total && size <= total - offset;
}

static void load_segment(const uint8_t *file, uint64_t size, const struct elf_phdr *p)
{
	struct segment *s = &libos.segments[libos.count];
	uint64_t lead = p->vaddr & (EXO_FRAME_SIZE - 1), end = p->vaddr + p->memsz;

	if (libos.count == SEGMENT_MAX || !inside(p->offset, p->filesz, size)
	    || p->filesz > p->memsz || p->memsz > IMAGE_MAX || p->vaddr < EXO_USER_BASE
	    || p->vaddr >= WINDOW_BASE - IMAGE_MAX || ((p->flags & ELF_W) && (p->flags & ELF_X)))
		hal_panic("LibOS: bad segment");
	s->vaddr = p->vaddr - lead;
	s->count = (end - s->vaddr + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	s->prot = EXO_PROT_READ | (p->flags & ELF_W ? EXO_PROT_WRITE : 0)
	          | (p->flags & ELF_X ? EXO_PROT_EXEC : 0);
	for (uint32_t i = 0; i < libos.count; i++) {
		const struct segment *o = &libos.segments[i];
		if (s->vaddr < o->vaddr + (o->count << EXO_FRAME_SHIFT)
		    && o->vaddr < s->vaddr + (s->count << EXO_FRAME_SHIFT))
			hal_panic("LibOS: segments share a page");
	}
	s->phys = memory_carve(s->count << EXO_FRAME_SHIFT, UINT64_MAX);
	memcpy((uint8_t *)phys_ptr(s->phys) + lead, file + p->offset, p->filesz);
	libos.count++;
}

/* The symbols are kept for the backtrace; a module without any is fine. */
static void keep_symbols(const uint8_t *file, uint64_t size, const struct elf_header *h)
{
	const struct elf_shdr *sections, *names;

	if (h->shentsize != sizeof(*sections)
	    || !inside(h->shoff, (uint64_t)h->shnum * sizeof(*sections), size) || h->shoff % 8 != 0)
		return;
	sections = (const void *)(file + h->shoff);
	for (uint32_t i = 0; i < h->shnum; i++) {
		const struct elf_shdr *s = &sections[i];
		if (s->type != ELF_SYMTAB || s->link >= h->shnum || !inside(s->offset, s->size, size))
			continue;
		names = &sections[s->link];
		if (!inside(names->offset, names->size, size) || names->size == 0 || s->size == 0)
			continue;
		libos.symbols = phys_ptr(memory_carve(s->size, UINT64_MAX));
		libos.symbol_count = s->size / sizeof(struct elf_sym);
		memcpy(libos.symbols, file + s->offset, s->size);
		libos.names = phys_ptr(memory_carve(names->size, UINT64_MAX));
		libos.names_size = names->size;
		memcpy(libos.names, file + names->offset, names->size);
		libos.names[names->size - 1] = 0;
		return;
	}
}

void libos_load(void)
{
	const struct range *module = &machine.loader.libos;
	const uint8_t *file = phys_ptr(module->start);
	uint64_t size = module->end - module->start;
	const struct elf_header *h = (const void *)file;

	if (size == 0)
		hal_panic("no boot module \"libos\"");
	if (size < sizeof(*h) || memcmp(h->ident, "\177ELF\2\1\1", 7) != 0 || h->type != ELF_EXEC
	    || h->machine != ELF_X86_64 || h->phentsize != sizeof(struct elf_phdr)
	    || h->phoff % 8 != 0
	    || !inside(h->phoff, (uint64_t)h->phnum * sizeof(struct elf_phdr), size))
		hal_panic("LibOS: not an x86-64 executable");
	for (uint32_t i = 0; i < h->phnum; i++) {
		const struct elf_phdr *p = (const void *)(file + h->phoff + i * sizeof(*p));
		if (p->type == ELF_LOAD && p->memsz > 0)
			load_segment(file, size, p);
	}
	libos.entry = h->entry;
	if (h->entry >= WINDOW_BASE)
		hal_panic("LibOS: bad entry");
	libos.stack = memory_carve(STACK_PAGES * EXO_FRAME_SIZE, UINT64_MAX);
	libos.boot = memory_carve(EXO_FRAME_SIZE, UINT64_MAX);
	keep_symbols(file, size, h);
	machine.loader.libos = (struct range){ 0, 0 };
}

static enum exo_status map_piece(struct hal_space *space, struct hal_pool *pool,
                                 const struct segment *s)
{
	if (hal_space_cost(space, s->vaddr, s->count) > pool->count)
		return EXO_E_FUNDS;
	hal_space_map(space, s->vaddr, s->phys >> EXO_FRAME_SHIFT, s->count, s->prot, pool);
	return EXO_OK;
}

enum exo_status hal_libos_init(struct hal_space *space, struct hal_pool *pool, uint64_t *window)
{
	struct segment extra[2] = {
		{ STACK_TOP - STACK_PAGES * EXO_FRAME_SIZE, libos.stack, STACK_PAGES,
		  EXO_PROT_READ | EXO_PROT_WRITE },
		{ BOOT_ADDR, libos.boot, 1, EXO_PROT_READ | EXO_PROT_WRITE },
	};
	enum exo_status status = hal_space_init(space, pool);

	for (uint32_t i = 0; i < libos.count && status == EXO_OK; i++)
		status = map_piece(space, pool, &libos.segments[i]);
	for (uint32_t i = 0; i < 2 && status == EXO_OK; i++)
		status = map_piece(space, pool, &extra[i]);
	if (status != EXO_OK)
		return status;
	libos.ctx.space = (struct space *)(void *)space;
	*window = WINDOW_BASE;
	return window_init(libos.ctx.space, pool) ? EXO_OK : EXO_E_FUNDS;
}

bool libos_has(const struct space *space, exo_frame_t frame)
{
	for (uint32_t i = 0; space == libos.ctx.space && i < libos.count; i++)
		if (frame - (libos.segments[i].phys >> EXO_FRAME_SHIFT) < libos.segments[i].count)
			return true;
	return space == libos.ctx.space && (frame == libos.boot >> EXO_FRAME_SHIFT ||
	                                    frame - (libos.stack >> EXO_FRAME_SHIFT) < STACK_PAGES);
}

static void serve(struct exo_regs *r)
{
	const uint64_t args[6] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };
	struct exo_result result = { EXO_E_CALL, 0 };

	if (r->rax >> EXO_CALL_SHIFT == EXO_CALL_PREFIX)
		result = core_call(r->rax - EXO_CALL_BASE, args);
	r->rax = result.status;
	r->rdx = result.value;
}

static void interrupted(uint32_t vector)
{
	irq_handle(vector);
	core_interrupted();
}

void hal_libos_run(struct hal_space *space, const struct exo_boot *boot)
{
	struct context *c = &libos.ctx;
	struct cpu *cpu = this_cpu();

	memcpy(phys_ptr(libos.boot), boot, sizeof(*boot));
	c->page = &libos_page;
	c->regs.rip = libos.entry;
	c->regs.rsp = STACK_TOP;
	c->regs.rdi = BOOT_ADDR;
	c->regs.rflags = FLAG_IF | FLAG_ONE;
	provoke_libos(c->space);
	if (machine.boottime)
		log_format("boottime: LibOS entered after %lu us\n", hal_time_ns() / 1000);
	for (;;) {
		uint64_t turn_end = core_turn_end();
		uint32_t vector;

		if (!cpu->is_libos_ready)
			context_prepare_libos(c);
		space_load(c->space);
		timer_need(turn_end < cpu->timer_at ? turn_end : cpu->timer_at);
		vector = user_enter(&c->regs, c->by_sysret);
		c->by_sysret = vector == TRAP_SYSCALL;
		if (vector == TRAP_SYSCALL)
			serve(&c->regs);
		else if (vector == VEC_NM && cpu->fp_closed)
			context_give_vectors(c);
		else if (vector < VEC_PIC)
			panic_libos(trap_name(vector), &c->regs, space);
		else
			interrupted(vector);
	}
}

void libos_name(uint64_t rip)
{
	const struct elf_sym *best = NULL;

	for (uint64_t i = 0; i < libos.symbol_count; i++) {
		const struct elf_sym *s = &libos.symbols[i];
		if ((s->info & 15) == ELF_FUNC && s->value <= rip && s->name < libos.names_size
		    && (!best || s->value > best->value))
			best = s;
	}
	if (best && rip - best->value < 0x10000)
		log_format("  %016lx %s+0x%lx\n", rip, libos.names + best->name, rip - best->value);
	else
		log_format("  %016lx\n", rip);
}

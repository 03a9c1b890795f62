/*
 * The smallest LibOS: runs one static program from the root image (an ELF file itself, or
 * the first ELF inside a cpio archive). For bring-up of a HAL, with no LibOS in the way.
 * Knows write, writev, exit, arch_prctl, brk, mmap of anonymous memory, and a few more.
 */
#include <exo/calls.h>

#define PAGE      EXO_FRAME_SIZE
#define THUNKS      UINT64_C(0x100000) /* for exo_text_prepare(): below the program */
#define THUNK_PAGES 4
#define STACK_TOP UINT64_C(0x7ffe00000000)
#define STACK_PAGES 16
#define FUND      256
#define MMAP_BASE UINT64_C(0x7f0000000000)
#define QUANTUM   UINT64_C(10000000)

static struct {
	const struct exo_boot *boot;
	exo_cap_t zone, ctx;
	struct exo_ctx_page *page;
	exo_frame_t next; /* frames are handed out upward */
	uint64_t brk, brk_end, mmap_next;
	uint64_t faults;
} mini;

void libos_start(const struct exo_boot *boot);

static void *frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(mini.boot->window + (frame << EXO_FRAME_SHIFT));
}

/* A call whose failure changes nothing here. */
static void may(enum exo_status status)
{
	(void)status;
}

static void say(const char *text)
{
	uint64_t size = 0;

	while (text[size])
		size++;
	may(exo_console_write(mini.boot->console, text, size, 0));
}

static void say_number(uint64_t value)
{
	char digits[19] = "0x";

	for (int i = 0; i < 16; i++)
		digits[2 + i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
	digits[18] = 0;
	say(digits);
}

static void end(uint64_t status)
{
	may(exo_halt(mini.boot->root, status, 0));
	for (;;)
		;
}

static void die(const char *what, uint64_t value)
{
	say("minilibos: ");
	say(what);
	say(" ");
	say_number(value);
	say("\n");
	end(99);
}

static void must(enum exo_status status, const char *what)
{
	if (status != EXO_OK)
		die(what, status);
}

static exo_frame_t take(uint64_t count)
{
	exo_frame_t first = mini.next;
	uint8_t *bytes = frame_ptr(first);

	mini.next += count;
	for (uint64_t i = 0; i < count * PAGE; i++)
		bytes[i] = 0;
	return first;
}

static void map(exo_vaddr_t vaddr, exo_frame_t frame, uint64_t count, uint32_t prot)
{
	struct exo_map_op op = {vaddr, frame, (uint32_t)count, prot};

	must(exo_mem_map(mini.zone, mini.boot->memory, &op, 1, 0), "mem_map");
}

static uint64_t get(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = size; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

static uint64_t hex(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 4 | (at[i] <= '9' ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
	return value;
}

static const uint8_t *find_elf(void)
{
	const uint8_t *at = frame_ptr(mini.boot->image_first), *end_ = at + mini.boot->image_size;

	if (get(at, 4) == 0x464c457f)
		return at;
	while (at + 110 < end_) {
		uint64_t size = hex(at + 54), name = hex(at + 94);
		const uint8_t *data = at + ((110 + name + 3) & ~3ULL);
		if (size > 64 && get(data, 4) == 0x464c457f)
			return data;
		at = data + ((size + 3) & ~3ULL);
	}
	die("no program in the image", 0);
	return 0;
}

static void load_segment(const uint8_t *elf, const uint8_t *header)
{
	uint64_t offset = get(header + 8, 8), vaddr = get(header + 16, 8);
	uint64_t file = get(header + 32, 8), size = get(header + 40, 8), flags = get(header + 4, 4);
	uint64_t first = vaddr & ~(PAGE - 1), pages = (vaddr + size - first + PAGE - 1) / PAGE;
	uint64_t thunks = flags & 1 ? THUNK_PAGES : 0;
	exo_frame_t frame = take(pages + thunks);
	uint8_t *to = (uint8_t *)frame_ptr(frame) + (vaddr - first);
	uint32_t prot = EXO_PROT_READ | (flags & 2 ? EXO_PROT_WRITE : 0) | (flags & 1 ? EXO_PROT_EXEC : 0);

	for (uint64_t i = 0; i < file; i++)
		to[i] = elf[offset + i];
	if (thunks) {
		may(exo_text_prepare(mini.boot->memory, frame, pages + thunks, vaddr - first + size, first, THUNKS, 0));
		map(THUNKS, frame + pages, thunks, prot);
	}
	map(first, frame, pages, prot);
	if (first + pages * PAGE > mini.brk)
		mini.brk = mini.brk_end = first + pages * PAGE;
}

static void push(uint64_t *stack, unsigned *at, uint64_t value)
{
	stack[(*at)++] = value;
}

static void make_stack(const uint8_t *elf, struct exo_regs *regs)
{
	exo_frame_t frame = take(STACK_PAGES);
	uint64_t base = STACK_TOP - STACK_PAGES * PAGE, top = STACK_TOP - PAGE;
	uint64_t *stack = (uint64_t *)frame_ptr(frame + STACK_PAGES - 1);
	uint8_t *name = (uint8_t *)stack + 2048;
	unsigned at = 0;

	map(base, frame, STACK_PAGES, EXO_PROT_READ | EXO_PROT_WRITE);
	name[0] = 'x';
	push(stack, &at, 1);
	push(stack, &at, top + 2048);
	push(stack, &at, 0);
	push(stack, &at, 0);
	push(stack, &at, 3); /* AT_PHDR: where the first page of the file is mapped */
	push(stack, &at, get(elf + 64 + 16, 8) - get(elf + 64 + 8, 8) + 64);
	push(stack, &at, 4);
	push(stack, &at, 56);
	push(stack, &at, 5);
	push(stack, &at, get(elf + 56, 2));
	push(stack, &at, 6);
	push(stack, &at, PAGE);
	push(stack, &at, 25); /* AT_RANDOM */
	push(stack, &at, top + 2048 + 16);
	push(stack, &at, 0);
	push(stack, &at, 0);
	regs->rsp = top;
}

/* The frame behind a program's address. */
static uint8_t *user_page(uint64_t at)
{
	uint64_t entry = 0;

	may(exo_mem_query(mini.zone, at & ~(PAGE - 1), &entry));
	return entry ? frame_ptr(entry >> EXO_FRAME_SHIFT) : 0;
}

static uint64_t do_write(uint64_t from, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t at = from + done, part = PAGE - at % PAGE;
		uint8_t *page = user_page(at);
		if (!page)
			return (uint64_t)-14;
		if (part > size - done)
			part = size - done;
		may(exo_console_write(mini.boot->console, page + at % PAGE, part, 0));
		done += part;
	}
	return size;
}

static uint64_t user_word(uint64_t at)
{
	uint8_t *page = user_page(at);

	return page ? *(uint64_t *)(void *)(page + at % PAGE) : 0;
}

static uint64_t do_brk(uint64_t want)
{
	if (want > mini.brk) {
		uint64_t pages = (want - mini.brk + PAGE - 1) / PAGE;
		map(mini.brk, take(pages), pages, EXO_PROT_READ | EXO_PROT_WRITE);
		mini.brk += pages * PAGE;
	}
	return want > mini.brk_end ? (mini.brk_end = want) : mini.brk_end;
}

/* Pages come at the fault. */
static uint64_t do_mmap(uint64_t size)
{
	uint64_t at = mini.mmap_next;

	mini.mmap_next += (size + PAGE - 1) & ~(PAGE - 1);
	return at;
}

static void do_arch_prctl(uint64_t code, uint64_t value)
{
	must(exo_ctx_save(mini.ctx, 0), "ctx_save");
	if (code == 0x1002)
		mini.page->regs.fs_base = value;
	mini.page->regs.rax = code == 0x1002 ? 0 : (uint64_t)-22;
	mini.page->load = EXO_CTX_GPRS;
}

static uint64_t call(uint64_t nr, const uint64_t *a)
{
	uint64_t done = 0;

	switch (nr) {
	case 1: return do_write(a[1], a[2]);
	case 20:
		for (uint64_t i = 0; i < a[2]; i++)
			done += do_write(user_word(a[1] + 16 * i), user_word(a[1] + 16 * i + 8));
		return done;
	case 9: return do_mmap(a[1]);
	case 10: case 11: case 13: case 14: return 0;
	case 12: return do_brk(a[0]);
	case 16: return (uint64_t)-25;
	case 39: case 110: case 186: case 218: return 1;
	case 158: do_arch_prctl(a[0], a[1]); return mini.page->regs.rax;
	case 228: {
		uint64_t now = 0;
		uint8_t *page = user_page(a[1]);
		if (!page)
			return (uint64_t)-14;
		may(exo_clock_read(mini.boot->timer, EXO_CLOCK_MONOTONIC, &now));
		*(uint64_t *)(void *)(page + a[1] % PAGE) = now / 1000000000;
		*(uint64_t *)(void *)(page + a[1] % PAGE + 8) = now % 1000000000;
		return 0;
	}
	case 60: case 231: end(a[0] & 255); return 0;
	}
	return (uint64_t)-38;
}

static void fault(void)
{
	uint64_t at = mini.page->address & ~(PAGE - 1);

	mini.faults++;
	if (mini.page->access & EXO_ACCESS_PRESENT || at < MMAP_BASE || at >= mini.mmap_next) {
		say("fault at ");
		say_number(mini.page->address);
		say(" access ");
		say_number(mini.page->access);
		die(" rip", mini.page->regs.rip);
	}
	map(at, take(1), 1, EXO_PROT_READ | EXO_PROT_WRITE);
}

static void start(const struct exo_boot *boot)
{
	static const uint8_t name[] = "mini";
	const uint8_t *elf;
	exo_frame_t fund;

	mini.boot = boot;
	mini.next = boot->memory_first;
	mini.mmap_next = MMAP_BASE;
	elf = find_elf();
	fund = take(FUND);
	must(exo_zone_create(boot->zone, boot->memory, fund, FUND, name, 4, &mini.zone), "zone_create");
	fund = take(1);
	mini.page = frame_ptr(fund);
	must(exo_ctx_create(mini.zone, boot->memory, fund, &mini.ctx), "ctx_create");
	for (unsigned i = 0; i < get(elf + 56, 2); i++) {
		const uint8_t *header = elf + get(elf + 32, 8) + 56 * i;
		if (get(header, 4) == 1)
			load_segment(elf, header);
	}
	make_stack(elf, &mini.page->regs);
	mini.page->regs.rip = get(elf + 24, 8);
	mini.page->load = EXO_CTX_GPRS | EXO_CTX_FP;
}

void libos_start(const struct exo_boot *boot)
{
	start(boot);
	for (;;) {
		uint64_t event = 0;
		must(exo_run(mini.ctx, boot->cpu, QUANTUM, &event), "run");
		switch (event) {
		case EXO_EV_SYSCALL: mini.page->result = call(mini.page->nr, mini.page->args); break;
		case EXO_EV_FAULT: fault(); break;
		case EXO_EV_QUANTUM: break;
		case EXO_EV_PENDING: may(exo_event_take(boot->zone, 0)); break;
		case EXO_EV_EXCEPTION:
			say("exception at ");
			say_number(mini.page->regs.rip);
			die(" vector", mini.page->vector);
			break;
		default: die("event", event);
		}
	}
}

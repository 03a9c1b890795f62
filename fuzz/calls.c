/*
 * Fuzzing the core: any call with any arguments, from the LibOS and from App zones.
 *
 * The input is a program: a byte picks a call, and a byte per argument picks its
 * kind: a capability that is known, a frame, an address, a small number, or eight raw
 * bytes. When a context is entered, the same input says what the program in it does.
 * core_check() must hold after it all, and the HAL's counts must agree.
 */
#include "boots.h"
#include <core/check.h>
#include <core/core.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPS_MAX   64
#define FRAMES     2048
#define CHECK_EACH 64 /* calls */
#define PROGRAM_STEPS 64 /* entries per exo_run() */
#define PLAIN      64 /* calls whose number is a byte of the input; those behind them come in the place of nop */

static struct {
	const uint8_t *data;
	size_t size;
	exo_cap_t libos_caps[CAPS_MAX], app_caps[CAPS_MAX];
	exo_cap_t zones[2], contexts[2], memories[4], ports[2]; /* ports: as the programs name the last one */
	const struct exo_ctx_page *pages[2];
	uint64_t talk[2]; /* call that the program in this context makes next; 0: what the input says */
	unsigned libos_count, app_count, calls, steps;
	const struct exo_boot *boot;
} input;

static _Alignas(4096) uint8_t scratch[16384];

static uint8_t byte_take(void)
{
	if (input.size == 0)
		return 0;
	input.size--;
	return *input.data++;
}

static uint64_t word_take(void)
{
	uint64_t word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | byte_take();
	return word;
}

static void broken(const char *what)
{
	fprintf(stderr, "invariant: %s\n", what);
	abort();
}

static void check(void)
{
	const char *text = core_check();

	if (text)
		broken(text);
	for (uint32_t line = 0; line < HAL_IRQ_LINES; line++)
		if (core.irqs[line].kind == BINDING_NONE && !(fake.irq_masked >> line & 1))
			broken("an interrupt line that is not bound is not masked");
	for (uint32_t i = 0; i < HAL_TRANSFERS; i++)
		if (core.transfers[i].under_way != ((fake.disk.waiting | fake.disk.done) >> i & 1))
			broken("transfers of the machine and of the core differ");
	if (fake.contexts != core.context_count)
		broken("contexts of the machine and of the core differ");
}

static uint64_t address_take(bool app, uint8_t pick)
{
	if (app || pick & 1)
		return UINT64_C(0x400000) + (uint64_t)(pick >> 1) * 0x800;
	return (uint64_t)(uintptr_t)scratch + (uint64_t)pick * 64;
}

static uint64_t number_take(uint8_t pick)
{
	static const uint64_t special[] = {
		0, 1, 2, 16, 255, EXO_R_ALL, EXO_FRAME_SIZE, EXO_UNMAP_MAX, EXO_MAP_MAX, UINT32_MAX,
		UINT64_C(1) << 32, EXO_USER_LIMIT, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX, 0xfff,
	};

	return pick < 16 ? special[pick] : (uint64_t)pick - 16;
}

static uint64_t argument_take(bool app)
{
	const exo_cap_t *caps = app ? input.app_caps : input.libos_caps;
	unsigned count = app ? input.app_count : input.libos_count;
	uint8_t kind = byte_take(), pick = byte_take();

	if (kind >= 0xf8) /* ports and interrupt lines */
		return kind & 1 ? FAKE_PORT + pick % (FAKE_PORT_COUNT + 2) : pick % 18u;
	switch (kind & 7) {
	case 0:
	case 1:
	case 2:
		return count ? caps[pick % count] : 0;
	case 3:
		return input.boot->memory_first + pick % 128u;
	case 4:
		return address_take(app, pick);
	case 5:
		return word_take();
	case 6:
		return fake.now_ns + (uint64_t)pick * 100000;
	default:
		return number_take(pick);
	}
}

static void cap_add(bool app, exo_cap_t cap)
{
	exo_cap_t *caps = app ? input.app_caps : input.libos_caps;
	unsigned *count = app ? &input.app_count : &input.libos_count;

	if (*count < CAPS_MAX)
		caps[(*count)++] = cap;
	else
		caps[8 + cap % (CAPS_MAX - 8)] = cap;
}

/* What a call gave is used by later ones. */
static void harvest(bool app, uint64_t number, const uint64_t *args, enum exo_status status, uint64_t value)
{
	(void)args;
	if (status != EXO_OK)
		return;
	if (number == EXO_NR_CAP_DERIVE || number == EXO_NR_ZONE_CREATE || number == EXO_NR_CTX_CREATE ||
	    number == EXO_NR_CAP_UNSEAL || number == EXO_NR_LIBOS_CREATE || number == EXO_NR_PORT_CREATE)
		cap_add(app, value);
	if (number == EXO_NR_CAP_GRANT || number == EXO_NR_SHARE_PAGES || number == EXO_NR_CAP_MOVE) {
		cap_add(true, value);
		cap_add(false, value);
	}
}

/* A mapping that has a chance: two zones, four capabilities over the same frames; now and then registers. */
static void map_some(void)
{
	struct exo_map_op *ops = (struct exo_map_op *)(void *)scratch;
	unsigned count = byte_take() % 8, which = byte_take();
	uint64_t args[6] = {
		input.zones[which & 1], input.memories[which >> 1 & 3], (uint64_t)(uintptr_t)scratch, count, 0, 0,
	};

	if (which >= 0xe0)
		args[1] = input.boot->mmio[which >> 1 & 1];
	for (unsigned i = 0; i < count; i++) {
		uint8_t a = byte_take(), b = byte_take(), c = byte_take();

		ops[i].vaddr = UINT64_C(0x400000) + (uint64_t)a * EXO_FRAME_SIZE * (c & 0x80 ? 512 : 1);
		ops[i].frame = b == 255 ? EXO_FRAME_KEEP : input.boot->memory_first + b % 128u;
		if (which >= 0xe0 && b != 255)
			ops[i].frame = FAKE_MMIO + (which >> 1 & 1);
		ops[i].count = c & 15;
		ops[i].prot = c >> 4 & 7;
	}
	core_call(EXO_NR_MEM_MAP, args);
}

/* An answer program that has a chance: known instructions, operands of any kind. */
static void program_some(void)
{
	static const uint16_t codes[] = {
		EXO_BPF_RET | EXO_BPF_K, EXO_BPF_RET | EXO_BPF_A, EXO_BPF_LD | EXO_BPF_WORD | EXO_BPF_ABS,
		EXO_BPF_LD | EXO_BPF_BYTE | EXO_BPF_IND, EXO_BPF_JMP | EXO_BPF_JEQ, EXO_BPF_JMP | EXO_BPF_JA, EXO_BPF_ST,
		EXO_BPF_ALU | EXO_BPF_DIV,
	};
	struct exo_bpf_insn *program = (struct exo_bpf_insn *)(void *)scratch;
	unsigned count = byte_take() % (EXO_ANSWER_PROGRAM_MAX + 2), which = byte_take();
	uint64_t args[6] = { input.zones[which & 1], (uint64_t)(uintptr_t)scratch, count, 0, 0, 0 };
	uint64_t page[6] = { input.zones[which & 1], input.memories[which >> 1 & 3], input.boot->memory_first + 120, 0, 0, 0 };

	for (unsigned i = 0; i < count; i++) {
		uint8_t pick = byte_take();

		program[i].code = pick & 0x80 ? pick : codes[pick % 8];
		program[i].jt = pick >> 3 & 3;
		program[i].jf = pick >> 5 & 3;
		program[i].k = byte_take();
	}
	if (which & 0x80)
		core_call(EXO_NR_ZONE_ANSWERS, page);
	core_call(EXO_NR_ZONE_ANSWER_PROGRAM, args);
}

static void run_some(void)
{
	uint8_t which = byte_take();
	uint64_t args[6] = { input.contexts[which & 1], input.boot->cpu, (uint64_t)which * 10000, 0, 0, 0 };

	input.steps = 0;
	core_call(EXO_NR_RUN, args);
}

/* A LibOS zone, its context, and a slot for it: each step may fail, and everything is among the capabilities
 * that later calls pick. */
static void libos_some(void)
{
	uint8_t which = byte_take(), pick = byte_take();
	exo_frame_t at = input.boot->memory_first + pick % 96u;
	struct exo_ctx_page *page = (struct exo_ctx_page *)(uintptr_t)(input.boot->window + ((at + 12) << EXO_FRAME_SHIFT));
	struct cpu_quantum *quantum = (struct cpu_quantum *)(void *)scratch;
	uint64_t args[6] = { input.zones[which & 1], input.memories[which >> 1 & 3], at, 12, 0, 0 };
	struct exo_result zone = core_call(EXO_NR_LIBOS_CREATE, args), context;
	const uint64_t of_context[6] = { zone.value, input.memories[which >> 3 & 3], at + 12, 0, 0, 0 };
	const uint64_t of_slot[6] = { input.boot->cpu, 1 + (which >> 5), 0, (uint64_t)(uintptr_t)scratch, 0, 0 };
	uint64_t binds[6];

	harvest(false, EXO_NR_LIBOS_CREATE, args, (enum exo_status)zone.status, zone.value);
	context = core_call(EXO_NR_CTX_CREATE, of_context);
	harvest(false, EXO_NR_CTX_CREATE, of_context, (enum exo_status)context.status, context.value);
	if (context.status == EXO_OK)
		page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	*quantum = (struct cpu_quantum){ .cycles = UINT64_C(1) << (pick & 31), .priority = which };
	memcpy(binds, of_slot, sizeof(binds));
	binds[2] = context.value;
	core_call(EXO_NR_QUANTUM_BIND, binds);
	/* What it needs to run something itself. */
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t gives[6] = { i ? input.contexts[which & 1] : input.boot->cpu, zone.value, EXO_R_ALL, 0, 0, 0 };
		struct exo_result given = core_call(EXO_NR_CAP_GRANT, gives);

		harvest(false, EXO_NR_CAP_GRANT, gives, (enum exo_status)given.status, given.value);
	}
}

/* A transfer that has a chance, or some steps of the disks. */
static void disk_some(void)
{
	uint8_t which = byte_take(), at = byte_take();
	struct exo_disk_request *request = (struct exo_disk_request *)(void *)scratch;
	uint64_t args[6] = {
		which & 0x20 ? input.libos_caps[at % input.libos_count] : input.boot->disk[which >> 6 & 1], input.memories[which >> 1 & 3],
		(uint64_t)(uintptr_t)scratch, 4, 0, 0,
	};

	if (which & 1) {
		fake.disk.fails = which & 2;
		fake_disk_step(at % 8u);
		if (which & 4)
			core_call(EXO_NR_DISK_TAKE, args);
		return;
	}
	*request = (struct exo_disk_request){
		.op = which >> 3 & 3, .count = at & 3, .first = (uint64_t)(which >> 6 & 1) << EXO_DISK_SHIFT | at % 66u,
		.frame = input.boot->memory_first + at % 128u, .tag = at,
	};
	core_call(EXO_NR_DISK_SUBMIT, args);
}

/* The message of a program, where a call or an answer is to carry something. */
static void message_fill(unsigned who)
{
	exo_frame_t frame = input.boot->memory_first + 64 + who * 32 + 17;
	struct fastipc_message *m = (struct fastipc_message *)(uintptr_t)(input.boot->window + (frame << EXO_FRAME_SHIFT));

	m->rights = byte_take() * 4u;
	m->takes = m->rights & 8;
	m->cap = input.app_count && byte_take() & 1 ? input.app_caps[byte_take() % input.app_count] : 0;
}

/* One context waits and the other calls it, if the input's world lets them. */
static void talk_some(unsigned client)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned who = i == 0 ? 1 - client : client;
		const uint64_t args[6] = { input.contexts[who], input.boot->cpu, 1000000, 0, 0, 0 };

		input.talk[who] = i == 0 ? EXO_NR_FASTIPC_WAIT : EXO_NR_FASTIPC_CALL;
		input.steps = 0;
		core_call(EXO_NR_RUN, args);
		input.talk[who] = 0;
	}
}

/* Ports, each for a context or zone; both programs get names of them. */
static void port_some(void)
{
	uint8_t which = byte_take();
	uint64_t type = which & 1 ? EXO_CAP_IPC : EXO_CAP_NOTIFY;
	const uint64_t creates[6] = { input.zones[which >> 1 & 1], type, 0, 0, 0, 0 };
	struct exo_result port = core_call(EXO_NR_PORT_CREATE, creates);
	const uint64_t binds[6] = { port.value, which & 1 ? input.contexts[which >> 2 & 1] : input.zones[which >> 2 & 1], which, 0, 0, 0 };

	harvest(false, EXO_NR_PORT_CREATE, creates, (enum exo_status)port.status, port.value);
	core_call(EXO_NR_PORT_BIND, binds);
	for (unsigned i = 0; i < 2; i++) {
		const uint64_t gives[6] = { port.value, input.zones[i], EXO_R_ALL, 0, 0, 0 };
		struct exo_result given = core_call(EXO_NR_CAP_GRANT, gives);

		harvest(false, EXO_NR_CAP_GRANT, gives, (enum exo_status)given.status, given.value);
		if (given.status == EXO_OK)
			input.ports[i] = given.value;
	}
	if (which & 8)
		talk_some(1 - (which >> 2 & 1));
}

/* The first LibOS waits, so that the slots have turns. */
static void wait_some(void)
{
	const uint64_t args[6] = { input.boot->cpu, fake.now_ns + (uint64_t)byte_take() * 100000, 0, 0, 0, 0 };

	input.steps = 0;
	core_call(EXO_NR_WAIT, args);
}

/* ---- The program inside the zones -------------------------------------- */

static void program(void *user, struct fake_entry *entry)
{
	unsigned who = entry->page == input.pages[1];
	uint8_t what;
	uint64_t args[6];

	(void)user;
	if (input.talk[who] != 0) {
		const uint64_t port = input.talk[who] == EXO_NR_FASTIPC_CALL ? input.ports[who] : UINT64_C(0x400000);

		message_fill(who);
		fake_syscall(entry, EXO_CALL_BASE | input.talk[who], port, UINT64_C(0x400000), 0, 0, 0, 0);
		input.talk[who] = 0;
		return;
	}
	what = byte_take();
	fake.now_ns += (uint64_t)what * 1000;
	if (input.size == 0 || ++input.steps > PROGRAM_STEPS) {
		/* The quantum is over, and its time has passed. */
		if (fake.now_ns < entry->deadline)
			fake.now_ns = entry->deadline < fake.now_ns + 100000000 ? entry->deadline : fake.now_ns + 100000000;
		return;
	}
	if (what & 0x80) {
		for (int i = 0; i < 6; i++)
			args[i] = argument_take(true);
		/* answers of calls before are in rax and rdx */
		fake_syscall(entry, EXO_CALL_BASE | (what & 127) % EXO_NR_COUNT, args[0], args[1], args[2], args[3], args[4], args[5]);
		if (entry->regs->rdx >> CAP_GEN_SHIFT && entry->regs->rdx >> 40 == 0)
			cap_add(true, entry->regs->rdx);
		return;
	}
	switch (what & 15) {
	case 0: fake_fault(entry, word_take(), what >> 4); break;
	case 1: fake_exception(entry, byte_take(), 0); break;
	case 2: fake.events |= byte_take(); break;
	case 9: fake_disk_step(what >> 4); break;
	case 6: fake_irq(FAKE_IRQ + byte_take() % FAKE_IRQ_COUNT); break;
	case 3: entry->trap->event = byte_take(); break;
	case 4: memset(entry->page, byte_take(), sizeof(*entry->page)); break;
	case 5: break;
	/* What has a chance: a message without a capability, or with any, and the last port. */
	case 7:
	case 8:
		message_fill(who);
		args[0] = what & 8 ? UINT64_C(0x400000) : input.ports[who];
		fake_syscall(entry, EXO_CALL_BASE | (what & 8 ? EXO_NR_FASTIPC_WAIT : EXO_NR_FASTIPC_CALL), args[0], UINT64_C(0x400000), 0, 0, 0, 0);
		break;
	default: fake_syscall(entry, word_take(), 0, 0, 0, 0, 0, 0);
	}
}

/* ---- The LibOS --------------------------------------------------------- */

/* A zone with a context, two pages, and some capabilities of its own. */
static void zone_prepare(const struct exo_boot *boot, unsigned which)
{
	exo_frame_t at = boot->memory_first + 64 + which * 32;
	const struct exo_map_op op = { UINT64_C(0x400000), at + 17, 2, 7 };
	uint64_t zone = 0, context = 0, given;
	exo_cap_t gifts[] = { 0, 0, boot->memory, boot->console, boot->timer, boot->ioport[0], boot->irq[0],
	                     boot->disk[0] };

	if (exo_zone_create(boot->zone, boot->memory, at, 16, "fuzz", 4, &zone) != EXO_OK ||
	    exo_ctx_create(zone, boot->memory, at + 16, &context) != EXO_OK ||
	    exo_mem_map(zone, boot->memory, &op, 1, NULL) != EXO_OK)
		abort();
	/* What it is given, and some more; a zone below it. */
	if (exo_zone_quota(boot->zone, zone, EXO_QUOTA_CAPS, 40, NULL) != EXO_OK ||
	    exo_zone_quota(boot->zone, zone, EXO_QUOTA_ZONES, 1, NULL) != EXO_OK ||
	    exo_zone_quota(boot->zone, zone, EXO_QUOTA_DISK, 2, NULL) != EXO_OK)
		abort();
	if (exo_zone_gifts(zone, 4, NULL) != EXO_OK)
		abort();
	cap_add(false, zone);
	cap_add(false, context);
	gifts[0] = zone;
	gifts[1] = context;
	for (unsigned i = 0; i < sizeof(gifts) / sizeof(gifts[0]); i++)
		if (exo_cap_grant(gifts[i], zone, EXO_R_ALL, &given) == EXO_OK)
			cap_add(true, given);
	input.zones[which] = zone;
	input.contexts[which] = context;
	input.pages[which] = (const struct exo_ctx_page *)(uintptr_t)(boot->window + ((at + 16) << EXO_FRAME_SHIFT));
}

/* A chain of capabilities over all frames that arguments name, the last one soon over. */
static void memory_prepare(const struct exo_boot *boot)
{
	input.memories[0] = boot->memory;
	for (unsigned i = 1; i < 4; i++) {
		uint64_t expires = i == 3 ? fake.now_ns + 1000000 : EXO_NO_EXPIRY;

		if (exo_cap_derive(input.memories[i - 1], EXO_R_ALL, boot->memory_first, 128, expires,
		                   &input.memories[i]) != EXO_OK)
			abort();
		cap_add(false, input.memories[i]);
	}
}

static void prepare(const struct exo_boot *boot)
{
	const exo_cap_t first[] = {
		boot->root, boot->zone, boot->memory, boot->cpu, boot->timer, boot->console, boot->entropy, boot->audit,
		boot->ioport[0], boot->irq[0], boot->mmio[0],
		boot->disk[0], boot->disk[1],
	};

	input.boot = boot;
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		cap_add(false, first[i]);
	zone_prepare(boot, 0);
	zone_prepare(boot, 1);
	memory_prepare(boot);
	fake.regions[0].base = scratch;
	fake.regions[0].size = sizeof(scratch);
	fake.region_count = 1;
}

static void libos(const struct exo_boot *boot)
{
	prepare(boot);
	while (input.size > 0) {
		uint8_t what = byte_take();
		uint64_t number = what % (PLAIN + 8), args[6];
		struct exo_result result;

		switch (number) {
		case PLAIN: map_some(); continue;
		case PLAIN + 1: run_some(); continue;
		case PLAIN + 2: program_some(); continue;
		case PLAIN + 3: libos_some(); continue;
		case PLAIN + 4: wait_some(); continue;
		case PLAIN + 6: disk_some(); continue;
		case PLAIN + 5: fake_irq(FAKE_IRQ + byte_take() % FAKE_IRQ_COUNT); continue;
		case PLAIN + 7: port_some(); continue;
		case EXO_NR_NOP: number = PLAIN + byte_take() % (EXO_NR_COUNT - PLAIN); break;
		default: break;
		}
		for (int i = 0; i < 6; i++)
			args[i] = i > 0 && byte_take() & 0x80 ? 0 : argument_take(false);
		/* Sleeping for ever is no bug. */
		if (number == EXO_NR_WAIT)
			args[1] = fake.now_ns + 1000;
		input.steps = 0;
		result = core_call(number, args);
		harvest(false, number, args, (enum exo_status)result.status, result.value);
		if (++input.calls % CHECK_EACH == 0)
			check();
	}
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum fake_end end;

	core_forget();
	memset(&input, 0, sizeof(input));
	memset(scratch, 0, sizeof(scratch));
	input.data = data;
	input.size = size;
	fake_reset();
	fake.frame_count = FRAMES;
	fake.program = program;
	end = fake_boot(libos);
	if (end == FAKE_PANICKED)
		abort();
	return 0;
}

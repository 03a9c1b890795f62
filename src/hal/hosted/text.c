/*
 * Rewriting system-call sites in program text, so that a call needs no signal.
 *
 * A site becomes `jmp *slot`, seven bytes, where slot is an absolute address in a table that
 * all zones see (SITE_TABLE_*); the table leads to the site's thunk, which does what
 * the replaced instructions did, puts the return address in rcx as `syscall` does, and goes on to
 * stub_fast. The stack is not touched (there may be a red zone below it).
 *
 * `syscall` has two bytes, so instructions before it move into the thunk, up to
 * seven in all: most often the `mov imm32, %eax`. What moves:
 *   only instructions from a short list that cannot fault or jump, with register
 *   operands, `lea`, or (the first one only, since a fault there finds the site unchanged:
 *   the thunk's address is translated back) one memory operand;
 *   nothing that a direct jump of the text leads into, nothing rip-relative.
 * Or, where that fails, `syscall` becomes a short jump to seven bytes of padding behind a
 * jump or return nearby, that no jump leads to.
 *
 * Boundaries are proven, not guessed: decoding starts at 16 addresses in a row some way before the
 * site, one of which is a true boundary as no instruction is longer than 15 bytes; where all
 * that did not run into nonsense have met, they are on the true boundaries. Jump targets
 * with 32-bit distances are found by looking at every byte that might be the opcode of
 * one, those with 8-bit distances by decoding around the site. What this cannot see is a computed jump to the second or third
 * instruction before a `syscall`; no compiler makes such a thing, and who does it gets
 * a trap instruction or a wild jump, harming only itself.
 *
 * If a program ever maps something over the table (only possible where the host does not let us
 * put it below EXO_USER_BASE), all sites get their old bytes back.
 */
#include "hosted.h"

#include <stdlib.h>
#include <string.h>

#define JUMP_SIZE     7
#define WINDOW_MAX    17
#define NO_CHAIN      UINT64_MAX
#define CALLS_MAX     1024 /* sites of one text that are looked at: some 10 us each at worst */
#define CHAINS        16  /* one more than the longest instruction */
#define LEAD          240 /* where decoding starts before a site… */
#define SETTLED       160 /* …and by where the chains must have met */
#define TAIL          270 /* how far behind it goes on, if padding is wanted; else as far as NEAR */
#define NEAR          150 /* who jumps to what is this near a site is of interest */
#define BLOCK_SHIFT   8
#define HASH_SIZE     (2 * SITE_MAX)
#define STUB_FAST     STUB_TEXT /* first in stub.S */

struct site {
	uint8_t *at;      /* in guest memory: where the window is */
	uint64_t address; /* of the window */
	uint8_t size;     /* of the window */
	uint8_t old[WINDOW_MAX];
	uint8_t moved;    /* bytes of it that run in the thunk */
	uint8_t *call;    /* the `syscall` that jumps to the window, when it is elsewhere */
};

static struct {
	uint64_t address; /* of the table, in zones */
	uint8_t *table, *thunks;
	uint32_t count;
	bool off;
	struct site site[SITE_MAX];
	uint16_t hash[HASH_SIZE];
} text;

/* One text while it is prepared. */
struct sweep {
	uint8_t *code;
	uint64_t size;
	exo_vaddr_t address;
	uint8_t *targets; /* bit per byte near sites: a direct jump leads here */
	uint8_t *near;    /* of each block of bytes: is some of it near a site? */
	uint64_t *calls;  /* offsets of bytes that look like `syscall` */
	uint32_t call_count;
	/* Of the site that is looked at: does an instruction begin at the byte `first` + i? */
	uint64_t first, reached; /* and where decoding goes on */
	uint8_t starts[LEAD + TAIL];
};

static bool bit(const uint8_t *bits, uint64_t at)
{
	return bits[at / 8] >> (at % 8) & 1;
}

static void set_bit(uint8_t *bits, uint64_t at)
{
	bits[at / 8] |= (uint8_t)(1U << (at % 8));
}

static bool begins(const struct sweep *sweep, uint64_t at)
{
	return at - sweep->first < sizeof(sweep->starts) && sweep->starts[at - sweep->first];
}

void host_text_start(uint64_t table_address, uint8_t *table, uint8_t *thunks)
{
	text.address = table_address;
	text.table = table;
	text.thunks = thunks;
}

uint64_t host_text_table_end(void)
{
	uint64_t end = text.address + SITE_TABLE_SIZE;

	return end < EXO_USER_BASE ? EXO_USER_BASE : end;
}

static void make_jump(uint8_t *at, uint32_t index)
{
	uint32_t slot = (uint32_t)text.address + 8 * index;

	at[0] = 0xff;
	at[1] = 0x24;
	at[2] = 0x25;
	memcpy(at + 3, &slot, 4);
}

static bool is_jump(const uint8_t *at, uint32_t index)
{
	uint8_t jump[JUMP_SIZE];

	make_jump(jump, index);
	return memcmp(at, jump, JUMP_SIZE) == 0;
}

void host_text_conflict(exo_vaddr_t vaddr, uint64_t count)
{
	if (text.off || vaddr + (count << EXO_FRAME_SHIFT) <= text.address)
		return;
	text.off = true;
	for (uint32_t i = 0; i < text.count; i++) {
		struct site *site = &text.site[i];
		/* The frame may be something else by now. */
		if (is_jump(site->at, i))
			memcpy(site->at, site->old, site->size);
		else
			continue;
		if (site->call)
			memcpy(site->call, "\x0f\x05", 2);
	}
}

exo_vaddr_t host_text_origin(exo_vaddr_t rip)
{
	uint64_t offset = rip - ZONE_THUNKS;
	uint32_t index = (uint32_t)(offset / THUNK_SIZE);

	if (offset >= ZONE_THUNKS_SIZE || index >= __atomic_load_n(&text.count, __ATOMIC_ACQUIRE) || offset % THUNK_SIZE != 0 ||
	    text.site[index].moved == 0)
		return 0;
	return text.site[index].address;
}

/* ---- the sweep ---- */

static void note_target(struct sweep *sweep, uint64_t end, int64_t distance)
{
	int64_t target = (int64_t)end + distance;

	if (target >= 0 && (uint64_t)target < sweep->size)
		set_bit(sweep->targets, (uint64_t)target);
}

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef char char_bytes __attribute__((vector_size(16)));

static bytes load(const uint8_t *code)
{
	bytes v;

	memcpy(&v, code, sizeof(v));
	return v;
}

/* A bit for each of the 16 that is not 0. */
static unsigned mask_of(bytes v)
{
	return (unsigned)__builtin_ia32_pmovmskb128((char_bytes)v);
}

static void note_call(struct sweep *sweep, uint64_t at)
{
	uint64_t from = at > NEAR ? at - NEAR : 0, to = at + NEAR < sweep->size ? at + NEAR : sweep->size - 1;

	if (sweep->call_count == CALLS_MAX)
		return;
	sweep->calls[sweep->call_count++] = at;
	for (uint64_t block = from >> BLOCK_SHIFT; block <= to >> BLOCK_SHIFT; block++)
		sweep->near[block] = 1;
}

/* Where `syscall` may be. */
static void find_calls(struct sweep *sweep)
{
	const uint8_t *code = sweep->code;
	uint64_t at = 0;

	for (; at + 17 <= sweep->size; at += 16)
		for (unsigned mask = mask_of((load(code + at) == 0x0f) & (load(code + at + 1) == 0x05)); mask; mask &= mask - 1)
			note_call(sweep, at + (unsigned)__builtin_ctz(mask));
	for (; at + 1 < sweep->size; at++)
		if (code[at] == 0x0f && code[at + 1] == 0x05)
			note_call(sweep, at);
}

/* 0x0f, 0xe8 or 0xe9 at `at`. */
static void note_jump(struct sweep *sweep, uint64_t at)
{
	const uint8_t *code = sweep->code;
	uint64_t end = at + (code[at] == 0x0f ? 6 : 5);
	int32_t distance;

	if (end > sweep->size)
		return;
	memcpy(&distance, code + end - 4, 4);
	end += (uint64_t)(int64_t)distance;
	if (end < sweep->size && sweep->near[end >> BLOCK_SHIFT])
		set_bit(sweep->targets, end);
}

/* Which of the 16 bytes may be the opcode of a jump with a 32-bit distance. Unless `far` is all ones, the
 * distance's highest byte must be 0 or 255. */
static uint64_t jumps(const uint8_t *code, bytes far)
{
	bytes first = load(code), high = load(code + 4) + 1, high2 = load(code + 5) + 1;
	bytes jump = ((first & 0xfe) == 0xe8) & ((high < 2) | far);
	bytes branch = (first == 0x0f) & ((load(code + 1) & 0xf0) == 0x80) & ((high2 < 2) | far);

	return mask_of(jump | branch);
}

/* Every byte that may be the opcode of a jump is taken for one. 64 at a time, so that the processor
 * guesses less often how many there are. */
static void find_jumps(struct sweep *sweep)
{
	const uint8_t *code = sweep->code;
	const bytes far = (bytes){0} != (uint8_t)(sweep->size >> 24 != 0);
	uint64_t at = 0;

	for (; at + 69 <= sweep->size; at += 64) {
		uint64_t mask = jumps(code + at, far) | jumps(code + at + 16, far) << 16 |
		                jumps(code + at + 32, far) << 32 | jumps(code + at + 48, far) << 48;
		for (; mask; mask &= mask - 1)
			note_jump(sweep, at + (unsigned)__builtin_ctzll(mask));
	}
	for (; at + 1 < sweep->size; at++)
		if ((code[at] & 0xfe) == 0xe8 || (code[at] == 0x0f && (code[at + 1] & 0xf0) == 0x80))
			note_jump(sweep, at);
}

static bool is_short_jump(uint8_t opcode)
{
	return (opcode & 0xf0) == 0x70 || opcode == 0xeb || (opcode & 0xfc) == 0xe0;
}

/* Follows one chain till it meets an earlier one, or the end. Returns where, or
 * NO_CHAIN: it runs into nonsense. */
static uint64_t run_chain(struct sweep *sweep, uint64_t at, uint64_t end)
{
	uint64_t path[LEAD];
	unsigned steps = 0;

	while (at < end && !begins(sweep, at)) {
		unsigned length = host_decode_length(sweep->code + at, sweep->size - at);
		if (length == 0)
			return NO_CHAIN;
		path[steps++] = at;
		at += length;
	}
	for (unsigned i = 0; i < steps; i++)
		sweep->starts[path[i] - sweep->first] = 1;
	return at;
}

/* Marks boundaries and near jumps' targets from where decoding stands. False: it ran into nonsense. */
static bool follow(struct sweep *sweep, uint64_t end)
{
	while (sweep->reached < end && sweep->reached < sweep->size) {
		uint64_t at = sweep->reached;
		unsigned length = host_decode_length(sweep->code + at, sweep->size - at);
		if (length == 0)
			return false;
		sweep->starts[at - sweep->first] = 1;
		if (length == 2 && is_short_jump(sweep->code[at]))
			note_target(sweep, at + 2, (int8_t)sweep->code[at + 1]);
		sweep->reached += length;
	}
	return true;
}

/* The same around a site. False: not proven. */
static bool look_around(struct sweep *sweep, uint64_t site)
{
	uint64_t first = site > LEAD ? site - LEAD : 0, settled = site > SETTLED ? site - SETTLED : 0;
	uint64_t met = 0;
	bool alive = false;

	/* Marks of a neighbour's chains say nothing here. */
	sweep->first = first;
	memset(sweep->starts, 0, sizeof(sweep->starts));
	for (unsigned i = 0; i < (first ? CHAINS : 1); i++) {
		uint64_t at = run_chain(sweep, first + i, settled);
		if (at == NO_CHAIN)
			continue;
		/* The first one meets nobody; who meets nobody after it disagrees. */
		if (!alive)
			at = first + i;
		else if (at >= settled)
			return false;
		alive = true;
		if (at > met)
			met = at;
	}
	if (!alive)
		return false;
	memset(sweep->starts, 0, met - first);
	sweep->reached = met;
	return follow(sweep, site + NEAR) || sweep->reached > site + 2;
}

/* ---- what may move ---- */

static bool movable_opcode(const uint8_t *op, bool *memory)
{
	uint8_t modrm;

	*memory = false;
	if (op[0] >= 0xb8 && op[0] <= 0xbf)
		return true;
	if (op[0] == 0x90)
		return true;
	modrm = op[0] == 0x0f ? op[2] : op[1];
	if (modrm >> 6 == 0 && (modrm & 7) == 5)
		return false; /* rip-relative */
	if (op[0] == 0x8d)
		return modrm >> 6 != 3;
	*memory = modrm >> 6 != 3;
	switch (op[0]) {
	case 0x01: case 0x03: case 0x09: case 0x0b: case 0x21: case 0x23: case 0x29: case 0x2b:
	case 0x31: case 0x33: case 0x39: case 0x3b: case 0x63: case 0x81: case 0x83: case 0x85:
	case 0x8b: case 0xc7:
		return true;
	case 0x89:
		return true;
	case 0x0f:
		return op[1] == 0xb6 || op[1] == 0xb7 || op[1] == 0xbe || op[1] == 0xbf ||
		       (op[1] & 0xf0) == 0x40;
	}
	return false;
}

/* Touches rsp? The thunk runs on the same stack, so loads may; writes to rsp may too,
 * but there is no need to think about them. */
static bool movable(const uint8_t *code, unsigned length, bool first)
{
	bool memory;

	if (length > 10)
		return false;
	if ((code[0] & 0xf0) == 0x40)
		code++;
	if (!movable_opcode(code, &memory))
		return false;
	return first || !memory;
}

/* Start of the instruction before `at`, or at itself if that is not known. */
static uint64_t before(const struct sweep *sweep, uint64_t at)
{
	for (uint64_t back = 1; back <= 15 && back <= at; back++)
		if (begins(sweep, at - back))
			return host_decode_length(sweep->code + at - back, back) == back ? at - back : at;
	return at;
}

/* Start of a window of at least JUMP_SIZE bytes that ends behind the syscall at `at`;
 * `at` if there is none. */
static uint64_t find_window(const struct sweep *sweep, uint64_t at)
{
	uint64_t start = at;

	while (at + 2 - start < JUMP_SIZE) {
		uint64_t previous = before(sweep, start);
		/* A jump into the window's inside would land in our bytes. */
		if (previous == start || bit(sweep->targets, start))
			return at;
		if (!movable(sweep->code + previous, (unsigned)(start - previous),
		             at + 2 - previous >= JUMP_SIZE))
			return at;
		start = previous;
	}
	return at + 2 - start <= WINDOW_MAX ? start : at;
}

/* ---- patching ---- */

static uint32_t hash_of(const struct site *site)
{
	uint64_t hash = site->address * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(hash >> 40) % HASH_SIZE;
}

/* The index of an equal site, or of a new one with its thunk; SITE_MAX: table full. */
static uint32_t intern(const struct site *site, uint64_t return_to)
{
	uint32_t slot = hash_of(site), index;
	uint64_t target;
	uint8_t *thunk, *end;
	int32_t distance;

	for (; text.hash[slot]; slot = (slot + 1) % HASH_SIZE) {
		struct site *other = &text.site[text.hash[slot] - 1];
		if (other->address == site->address && other->size == site->size &&
		    other->moved == site->moved && memcmp(other->old, site->old, site->size) == 0) {
			other->at = site->at;
			other->call = site->call;
			return (uint32_t)(text.hash[slot] - 1);
		}
	}
	if (text.count == SITE_MAX)
		return SITE_MAX;
	index = text.count;
	text.site[index] = *site;
	/* Another CPU may look for the site as soon as a program can run into it (host_text_origin()). */
	__atomic_store_n(&text.count, index + 1, __ATOMIC_RELEASE);
	text.hash[slot] = (uint16_t)(index + 1);
	thunk = text.thunks + index * THUNK_SIZE;
	memcpy(thunk, site->old, site->moved);
	end = thunk + site->moved;
	if (return_to <= UINT32_MAX) {
		*end++ = 0xb9; /* mov imm32, %ecx */
		memcpy(end, &return_to, 4);
		end += 4;
	} else {
		*end++ = 0x48; /* movabs imm64, %rcx */
		*end++ = 0xb9;
		memcpy(end, &return_to, 8);
		end += 8;
	}
	target = ZONE_THUNKS + index * THUNK_SIZE;
	*end++ = 0xe9;
	distance = (int32_t)((int64_t)STUB_FAST - (int64_t)(target + (uint64_t)(end - thunk) + 4));
	memcpy(end, &distance, 4);
	memcpy(text.table + 8 * index, &target, 8);
	return index;
}

static bool patch_window(const struct sweep *sweep, uint64_t start, uint64_t at)
{
	struct site site = {
		.at = sweep->code + start,
		.address = sweep->address + start,
		.size = (uint8_t)(at + 2 - start),
		.moved = (uint8_t)(at - start),
	};
	uint32_t index;

	memcpy(site.old, site.at, site.size);
	index = intern(&site, sweep->address + at + 2);
	if (index == SITE_MAX)
		return false;
	memset(site.at, 0xcc, site.size);
	make_jump(site.at, index);
	return true;
}

static bool ends_flow(const uint8_t *code, unsigned length)
{
	return (length == 1 && (code[0] == 0xc3 || code[0] == 0xf4)) || code[0] == 0xeb || code[0] == 0xe9;
}

static bool is_padding(const uint8_t *code, unsigned length)
{
	unsigned at = 0;

	while (at < length && (code[at] == 0x66 || code[at] == 0x2e))
		at++;
	return (length == at + 1 && (code[at] == 0x90 || code[at] == 0xcc)) ||
	       (code[at] == 0x0f && code[at + 1] == 0x1f);
}

/* JUMP_SIZE bytes of padding from `from`, unreachable but by us. */
static bool padding_at(const struct sweep *sweep, uint64_t from)
{
	uint64_t previous = before(sweep, from), at = from;

	if (previous == from || !ends_flow(sweep->code + previous, (unsigned)(from - previous)))
		return false;
	while (at < from + JUMP_SIZE) {
		unsigned length = at < sweep->size ? host_decode_length(sweep->code + at, sweep->size - at) : 0;
		if (length == 0 || !begins(sweep, at) || bit(sweep->targets, at) ||
		    !is_padding(sweep->code + at, length))
			return false;
		at += length;
	}
	return true;
}

/* `syscall` -> short jump to padding, which holds the long one. */
static bool patch_short(struct sweep *sweep, uint64_t at)
{
	uint64_t from = at > 120 ? at - 120 : 0, to = at + 2 + 120;
	struct site site;
	uint32_t index;

	(void)follow(sweep, at + TAIL);
	for (uint64_t pad = from; pad < to && pad < sweep->size; pad++) {
		if (!begins(sweep, pad) || !padding_at(sweep, pad))
			continue;
		site = (struct site){.at = sweep->code + pad, .address = sweep->address + pad,
		                     .size = JUMP_SIZE, .call = sweep->code + at};
		memcpy(site.old, site.at, JUMP_SIZE);
		index = intern(&site, sweep->address + at + 2);
		if (index == SITE_MAX)
			return false;
		make_jump(site.at, index);
		sweep->code[at] = 0xeb;
		sweep->code[at + 1] = (uint8_t)(int8_t)((int64_t)pad - (int64_t)(at + 2));
		set_bit(sweep->targets, pad); /* taken */
		return true;
	}
	return false;
}

static uint64_t patch_all(struct sweep *sweep)
{
	uint64_t changed = 0;

	for (uint32_t i = 0; i < sweep->call_count; i++) {
		uint64_t at = sweep->calls[i], start;
		if (!look_around(sweep, at) || !begins(sweep, at))
			continue;
		start = find_window(sweep, at);
		if (start != at ? patch_window(sweep, start, at) : patch_short(sweep, at))
			changed++;
	}
	return changed;
}

uint64_t hal_text_prepare(void *code, uint64_t size, exo_vaddr_t address)
{
	struct sweep sweep = {.code = code, .size = size, .address = address};
	uint64_t changed = 0;

	if (text.off || size < JUMP_SIZE)
		return 0;
	sweep.targets = calloc(1, size / 8 + 1 + (size >> BLOCK_SHIFT) + 1);
	sweep.calls = malloc(CALLS_MAX * sizeof(*sweep.calls));
	if (sweep.targets && sweep.calls) {
		sweep.near = sweep.targets + size / 8 + 1;
		find_calls(&sweep);
		if (sweep.call_count)
			find_jumps(&sweep);
		changed = patch_all(&sweep);
	}
	free(sweep.targets);
	free(sweep.calls);
	return changed;
}

/*
 * Rewriting system-call sites in program text, so that a call needs no signal.
 *
 * A site becomes a jump to its *thunk*, which does what the replaced instructions did, puts the return address in
 * rcx as `syscall` does, and goes on to stub_fast. The stack is not touched (there may be a red zone below it).
 * Thunks lie in frames of the text's own, which the LibOS maps with it. They are guest memory like the
 * text: no other text has them, and they go when it goes. Nothing is kept here.
 *
 * The jump takes five bytes, so instructions before the `syscall` move into the thunk: most often the one
 * `mov imm32, %eax`. The `syscall` itself stays, so that whoever jumps there, or is sent back to it after a signal, finds it.
 * What moves:
 *   only instructions from a short list that cannot fault or jump, with register
 *   operands, `lea`, or (the first one only, since a fault there finds the site unchanged:
 *   the address is translated back) one memory operand;
 *   nothing that a direct jump of the text leads into, nothing rip-relative.
 * Or, where that fails, `syscall` becomes a short jump to five bytes of padding behind a
 * jump or return nearby, that no jump leads to.
 *
 * Boundaries are proven, not guessed: decoding starts at 16 addresses in a row some way before the
 * site, one of which is a true boundary as no instruction is longer than 15 bytes; where all
 * that did not run into nonsense have met, they are on the true boundaries. Where an instruction may be valid and its
 * length is not known, every length is followed. Jump targets
 * with 32-bit distances are found by looking at every byte that might be the opcode of
 * one, those with 8-bit distances by decoding around the site. What this cannot see is a computed jump to the second or third
 * instruction before a `syscall`; no compiler makes such a thing, and who does it gets
 * a trap instruction or a wild jump, harming only itself.
 */
#include "hosted.h"

#include <string.h>

#define JUMP_SIZE     5
#define MOVED_MAX     10
#define NO_BOUNDARY   UINT64_MAX
#define CALLS_MAX     1024 /* sites of one text that are looked at: some 10 us each at worst */
#define LENGTH_MAX    15  /* bytes of an instruction */
#define LEAD          240 /* where decoding starts before a site… */
#define SETTLED       160 /* …and by where all ways to decode must have met */
#define TAIL          270 /* how far behind it goes on, if padding is wanted; else as far as NEAR */
#define NEAR          150 /* who jumps to what is this near a site is of interest */
#define PADDING_NEAR  120 /* within reach of a short jump */
#define BLOCK_SHIFT   8
#define ENTRY_ALIGN   16  /* where compilers let functions begin */
#define STUB_FAST     STUB_TEXT /* first in stub.S */

/*
 * A page of thunks: a head, then thunks of THUNK_SIZE bytes:
 *   what moved | lea SITE_END(%rip), %rcx | jmp *HEAD(%rip) | int3… | how many bytes moved
 */
struct thunk_head {
	uint64_t stub_fast, magic;
};
#define THUNK_MAGIC     UINT64_C(0x666565746b6e7568)
#define THUNK_SIZE      24
#define THUNK_LEA       3  /* bytes of `lea` and `jmp` before their distances */
#define THUNK_JMP       2
#define THUNK_TAIL      (THUNK_LEA + 4 + THUNK_JMP + 4)
#define THUNKS_PER_PAGE ((EXO_FRAME_SIZE - sizeof(struct thunk_head)) / THUNK_SIZE)
#define INT3            0xcc
#define TEXT_MAX        ((uint64_t)EXO_TEXT_MAX << EXO_FRAME_SHIFT)
_Static_assert(MOVED_MAX + THUNK_TAIL < THUNK_SIZE, "a thunk fits");

static const uint8_t lea_rcx[THUNK_LEA] = {0x48, 0x8d, 0x0d}, jmp_memory[THUNK_JMP] = {0xff, 0x25};

/* One text while it is prepared. */
struct sweep {
	uint8_t *code;
	uint64_t size;
	exo_vaddr_t address;
	uint8_t *thunks;       /* the frames for them… */
	uint64_t thunks_size;
	exo_vaddr_t thunks_at; /* …and where they will be mapped */
	uint64_t thunk_count;
	uint8_t *targets; /* bit per byte near sites: a direct jump leads here */
	uint8_t *near;    /* of each block of bytes: is some of it near a site? */
	uint64_t *calls;  /* offsets of bytes that look like `syscall` */
	uint32_t call_count;
	/* Of the site that is looked at: does an instruction begin at the byte `first` + i? */
	uint64_t first, reached; /* and where decoding goes on */
	uint8_t starts[LEAD + TAIL];
};

/* For one text at a time, which the core's lock sees to. The simulator asks the host for no memory after its start. */
static struct {
	uint8_t targets[TEXT_MAX / 8 + 1], near[(TEXT_MAX >> BLOCK_SHIFT) + 1];
	uint64_t calls[CALLS_MAX];
} room;

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

/* Marks boundaries and near jumps' targets from where decoding stands. False: it ran into nonsense. */
static bool follow(struct sweep *sweep, uint64_t end)
{
	while (sweep->reached < end && sweep->reached < sweep->size) {
		uint64_t at = sweep->reached;
		unsigned length = host_decode_length(sweep->code + at, sweep->size - at);
		if (length == 0 || length == DECODE_UNKNOWN)
			return false;
		sweep->starts[at - sweep->first] = 1;
		if (length == 2 && is_short_jump(sweep->code[at]))
			note_target(sweep, at + 2, (int8_t)sweep->code[at + 1]);
		sweep->reached += length;
	}
	return true;
}

/*
 * Where each decoding from `first` on that makes sense has a boundary, at or soon after `settled`; NO_BOUNDARY: they
 * disagree, or there is none. Where a length is not known, decoding goes on behind every length that there can be.
 */
static uint64_t boundary(const struct sweep *sweep, uint64_t first, uint64_t settled)
{
	uint8_t reached[LEAD - SETTLED + LENGTH_MAX + 1] = {0}; /* by some decoding: the byte first + i */
	uint64_t found = NO_BOUNDARY;

	memset(reached, 1, first ? LENGTH_MAX + 1 : 1);
	for (uint64_t at = first; at < settled; at++) {
		unsigned length;
		if (!reached[at - first])
			continue;
		length = host_decode_length(sweep->code + at, sweep->size - at);
		if (length == DECODE_UNKNOWN)
			memset(reached + (at - first) + 1, 1, LENGTH_MAX);
		else if (length)
			reached[at - first + length] = 1;
	}
	for (uint64_t at = settled; at <= settled + LENGTH_MAX; at++) {
		if (!reached[at - first])
			continue;
		if (found != NO_BOUNDARY)
			return NO_BOUNDARY;
		found = at;
	}
	return found;
}

/* Marks boundaries and near jumps' targets around a site. False: not proven. */
static bool look_around(struct sweep *sweep, uint64_t site)
{
	uint64_t first = site > LEAD ? site - LEAD : 0, settled = site > SETTLED ? site - SETTLED : 0;
	uint64_t from = boundary(sweep, first, settled);

	if (from == NO_BOUNDARY)
		return false;
	/* Marks of a neighbour's say nothing here. */
	sweep->first = first;
	memset(sweep->starts, 0, sizeof(sweep->starts));
	sweep->reached = from;
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
	case 0x89: case 0x8b:
		return true;
	case 0xc7:
		return (modrm >> 3 & 7) == 0; /* another one is xbegin, which jumps */
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

/* Start of a window of at least JUMP_SIZE bytes that ends where the syscall at `at` begins;
 * `at` if there is none. */
static uint64_t find_window(const struct sweep *sweep, uint64_t at)
{
	uint64_t start = at;

	while (at - start < JUMP_SIZE) {
		uint64_t previous = before(sweep, start);
		/* A jump into the window's inside would land in our bytes. */
		if (previous == start || (start != at && bit(sweep->targets, start)))
			return at;
		if (!movable(sweep->code + previous, (unsigned)(start - previous), at - previous >= JUMP_SIZE))
			return at;
		start = previous;
	}
	return at - start <= MOVED_MAX ? start : at;
}

/* ---- patching ---- */

/* The distance of a jump or operand to `to` that ends at `end`, into `bytes`. False: it is too far. */
static bool put_distance(uint8_t *bytes, exo_vaddr_t end, exo_vaddr_t to)
{
	int64_t distance = (int64_t)(to - end);
	int32_t narrow = (int32_t)distance;

	memcpy(bytes, &narrow, sizeof(narrow));
	return narrow == distance;
}

static uint64_t thunk_offset(uint64_t index)
{
	return index / THUNKS_PER_PAGE * EXO_FRAME_SIZE + sizeof(struct thunk_head) + index % THUNKS_PER_PAGE * THUNK_SIZE;
}

/* Puts the jump to a new thunk into `jump`: the thunk does the `moved` bytes of `code`, then the call that returns to return_to.
 * from: where the jump will be. False: there is no room, or it is out of reach. */
static bool make_thunk(struct sweep *sweep, uint8_t jump[JUMP_SIZE], exo_vaddr_t from, const uint8_t *code, unsigned moved,
                       exo_vaddr_t return_to)
{
	const struct thunk_head head = {STUB_FAST, THUNK_MAGIC};
	uint64_t offset = thunk_offset(sweep->thunk_count), page = offset & ~(EXO_FRAME_SIZE - 1);
	uint8_t bytes[THUNK_SIZE], *end = bytes + moved;
	exo_vaddr_t at = sweep->thunks_at + offset;

	if (offset + THUNK_SIZE > sweep->thunks_size)
		return false;
	memset(bytes, INT3, sizeof(bytes));
	memcpy(bytes, code, moved);
	memcpy(end, lea_rcx, THUNK_LEA);
	memcpy(end + THUNK_LEA + 4, jmp_memory, THUNK_JMP);
	bytes[THUNK_SIZE - 1] = (uint8_t)moved;
	jump[0] = 0xe9;
	if (!put_distance(end + THUNK_LEA, at + moved + THUNK_LEA + 4, return_to) ||
	    !put_distance(end + THUNK_LEA + 4 + THUNK_JMP, at + moved + THUNK_TAIL, sweep->thunks_at + page) ||
	    !put_distance(jump + 1, from + JUMP_SIZE, at))
		return false;
	memcpy(sweep->thunks + page, &head, sizeof(head));
	memcpy(sweep->thunks + offset, bytes, sizeof(bytes));
	sweep->thunk_count++;
	return true;
}

/* The instructions from `start` to the `syscall` at `at` move. */
static bool patch_window(struct sweep *sweep, uint64_t start, uint64_t at)
{
	uint8_t jump[JUMP_SIZE];

	if (!make_thunk(sweep, jump, sweep->address + start, sweep->code + start, (unsigned)(at - start), sweep->address + at + 2))
		return false;
	memset(sweep->code + start, INT3, at - start);
	memcpy(sweep->code + start, jump, JUMP_SIZE);
	/* What is left behind the jump is no padding. */
	for (uint64_t i = start + JUMP_SIZE; i < at; i++)
		set_bit(sweep->targets, i);
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
	if (at + 1 == length)
		return code[at] == 0x90 || code[at] == INT3;
	return at + 1 < length && code[at] == 0x0f && code[at + 1] == 0x1f;
}

/* At least JUMP_SIZE bytes of padding from `from`, unreachable but by us: how many that are to the end of the last instruction;
 * 0: there are none. A function may begin with padding (to be patched itself). */
static uint64_t padding_at(const struct sweep *sweep, uint64_t from)
{
	uint64_t previous = before(sweep, from), at = from;

	if (previous == from || !ends_flow(sweep->code + previous, (unsigned)(from - previous)))
		return 0;
	while (at < from + JUMP_SIZE) {
		unsigned length = at < sweep->size ? host_decode_length(sweep->code + at, sweep->size - at) : 0;
		if (length == 0 || length == DECODE_UNKNOWN || !begins(sweep, at) || bit(sweep->targets, at) ||
		    (sweep->address + at) % ENTRY_ALIGN == 0 || !is_padding(sweep->code + at, length))
			return 0;
		at += length;
	}
	return at - from;
}

/* `syscall` -> short jump to padding, which holds the long one. */
static bool patch_short(struct sweep *sweep, uint64_t at)
{
	uint64_t from = at > PADDING_NEAR ? at - PADDING_NEAR : 0, to = at + 2 + PADDING_NEAR, size;
	uint8_t jump[JUMP_SIZE];

	(void)follow(sweep, at + TAIL);
	for (uint64_t pad = from; pad < to && pad < sweep->size; pad++) {
		if (!begins(sweep, pad) || (size = padding_at(sweep, pad)) == 0)
			continue;
		if (!make_thunk(sweep, jump, sweep->address + pad, jump, 0, sweep->address + at + 2))
			return false;
		/* What is left of the padding is one-byte instructions, so that boundaries can be found behind it. */
		memset(sweep->code + pad, INT3, size);
		memcpy(sweep->code + pad, jump, JUMP_SIZE);
		sweep->code[at] = 0xeb;
		sweep->code[at + 1] = (uint8_t)(int8_t)((int64_t)pad - (int64_t)(at + 2));
		set_bit(sweep->targets, pad); /* taken */
		/* It looks like a jump now, but the call returns: what is behind it is no padding. */
		set_bit(sweep->targets, at + 2);
		return true;
	}
	return false;
}

static void patch_all(struct sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->call_count; i++) {
		uint64_t at = sweep->calls[i], start;
		if (!look_around(sweep, at) || !begins(sweep, at))
			continue;
		start = find_window(sweep, at);
		if (start != at)
			(void)patch_window(sweep, start, at);
		else
			(void)patch_short(sweep, at);
	}
}

uint64_t hal_text_prepare(const struct hal_text *text)
{
	struct sweep sweep = {.code = text->code, .size = text->size, .address = text->address,
	                      .thunks = text->thunks, .thunks_size = text->thunks_size, .thunks_at = text->thunks_address};

	if (text->size < JUMP_SIZE || text->size > TEXT_MAX || text->thunks_size < EXO_FRAME_SIZE)
		return 0;
	memset(room.targets, 0, sweep.size / 8 + 1);
	memset(room.near, 0, (sweep.size >> BLOCK_SHIFT) + 1);
	sweep.targets = room.targets;
	sweep.near = room.near;
	sweep.calls = room.calls;
	find_calls(&sweep);
	if (sweep.call_count)
		find_jumps(&sweep);
	patch_all(&sweep);
	return sweep.thunk_count ? thunk_offset(sweep.thunk_count - 1) + THUNK_SIZE : 0;
}

/* ---- where a program stands ---- */

/* A thunk as it is in a program's memory, which nobody trusts. */
struct thunk {
	exo_vaddr_t at, end; /* end: of the call */
	unsigned moved;
};

/* Where the jump at `at` leads; 0: there is none. */
static exo_vaddr_t jump_at(const struct space *space, exo_vaddr_t at)
{
	uint8_t jump[JUMP_SIZE];
	int32_t distance;

	if (!host_space_read(space, at, jump, sizeof(jump)) || jump[0] != 0xe9)
		return 0;
	memcpy(&distance, jump + 1, 4);
	return at + JUMP_SIZE + (uint64_t)(int64_t)distance;
}

/* Is there a thunk that `rip` is in, to which its site leads? */
static bool thunk_read(const struct space *space, exo_vaddr_t rip, struct thunk *thunk)
{
	uint64_t offset = rip & (EXO_FRAME_SIZE - 1), page = rip - offset;
	uint8_t bytes[THUNK_SIZE], call[2];
	struct thunk_head head;
	unsigned moved;
	int32_t distance;

	if (offset < sizeof(head) || offset >= sizeof(head) + THUNKS_PER_PAGE * THUNK_SIZE ||
	    !host_space_read(space, page, &head, sizeof(head)) || head.stub_fast != STUB_FAST || head.magic != THUNK_MAGIC)
		return false;
	thunk->at = rip - (offset - sizeof(head)) % THUNK_SIZE;
	if (!host_space_read(space, thunk->at, bytes, sizeof(bytes)))
		return false;
	thunk->moved = moved = bytes[THUNK_SIZE - 1];
	if (moved > MOVED_MAX || memcmp(bytes + moved, lea_rcx, THUNK_LEA) != 0 ||
	    memcmp(bytes + moved + THUNK_LEA + 4, jmp_memory, THUNK_JMP) != 0)
		return false;
	memcpy(&distance, bytes + moved + THUNK_LEA + 4 + THUNK_JMP, 4);
	if (thunk->at + moved + THUNK_TAIL + (uint64_t)(int64_t)distance != page)
		return false;
	memcpy(&distance, bytes + moved + THUNK_LEA, 4);
	thunk->end = thunk->at + moved + THUNK_LEA + 4 + (uint64_t)(int64_t)distance;
	if (!host_space_read(space, thunk->end - 2, call, sizeof(call)))
		return false;
	if (moved)
		return call[0] == 0x0f && call[1] == 0x05 && jump_at(space, thunk->end - 2 - moved) == thunk->at;
	return call[0] == 0xeb && jump_at(space, thunk->end + (uint64_t)(int64_t)(int8_t)call[1]) == thunk->at;
}

enum text_place host_text_place(const struct space *space, exo_vaddr_t rip, exo_vaddr_t *original)
{
	exo_vaddr_t to = jump_at(space, rip);
	struct thunk thunk;
	uint64_t done;

	/* The jump in the padding; that of a window is where the program has it. */
	if (to && thunk_read(space, to, &thunk) && thunk.at == to && thunk.moved == 0) {
		*original = thunk.end - 2;
		return TEXT_BEFORE;
	}
	if (!thunk_read(space, rip, &thunk))
		return TEXT_PLAIN;
	done = rip - thunk.at;
	*original = thunk.end - 2 - (done == 0 ? thunk.moved : 0);
	if (done == 0)
		return TEXT_BEFORE;
	if (done < thunk.moved)
		return TEXT_INSIDE;
	return done == thunk.moved ? TEXT_AT_CALL : TEXT_IN_CALL;
}

/*
 * The rewriting of system-call sites (hal/hosted/text.c) and the lengths of instructions (decode.c), against the processor.
 *
 * A text is made from the input; the processor tells how long each of its instructions is. The text and what the rewriter
 * makes of it are run side by side, one instruction at a time, from many places: wherever the rewritten one stands by
 * host_text_place() at an instruction of the original, all registers, flags and memory are those of the original there; both
 * make the same system calls, and fault at the same places. What the original does is what the processor does: there is no
 * second idea of it here. And the rewriter's work has a bound.
 *
 * Not followed are jumps that a rewriter cannot see (text.c says which): computed ones, and those into the middle of
 * an instruction.
 *
 * The program is a child that holds nothing but the text, its thunks and two pages of data, and may make no system call.
 * Where the host allows no ptrace, only the rewriter's own memory and bounds are checked.
 */
#include <hal/hosted/hosted.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE        4096u
#define TEXT        UINT64_C(0x20000000)
#define TEXT_PAGES  1u
#define THUNKS      UINT64_C(0x1fff0000)
#define THUNK_PAGES 2u
#define DATA        UINT64_C(0x30000000)
#define DATA_PAGES  2u
#define PROBE       UINT64_C(0x40000000) /* a page for lengths, and one that cannot be executed */
#define TEXT_MAX    600u /* bytes */
#define STEPS_MAX   48u  /* of one run */
#define CALLS_MADE  3u   /* …and calls */
#define STARTS_MAX  24u
#define ESCAPE      0xd6 /* no instruction: a template follows */
#define STUB_FAST   STUB_TEXT
#define INSTRUCTION_MAX 15u

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "hosted_text: line %d: not true: %s\n", __LINE__, #condition); \
			dump();                                                                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- the child ---- */

static struct {
	pid_t pid;
	bool off;      /* the host allows no ptrace */
	uint8_t *text, *thunks, *data, *probe; /* our views */
	uint8_t vectors[PAGE];                 /* as they were at its start */
	struct iovec vectors_size;
	struct user_regs_struct regs;          /* likewise */
} child;

struct text {
	uint8_t code[TEXT_MAX], rewritten[TEXT_MAX], thunks[THUNK_PAGES * PAGE];
	uint32_t size;
	bool starts[TEXT_MAX + 1]; /* an instruction begins here, says the processor */
	bool taken[TEXT_MAX];      /* between instructions that moved, or padding that was taken: nothing may begin here */
	uint64_t used;
};
static struct text text;
static uint64_t decodes; /* calls of host_decode_length() */

static void dump(void)
{
	fprintf(stderr, "text:");
	for (uint32_t i = 0; i < text.size; i++)
		fprintf(stderr, "%s%02x", text.starts[i] ? " " : "", text.code[i]);
	fprintf(stderr, "\nrewritten:");
	for (uint32_t i = 0; i < text.size; i++)
		fprintf(stderr, "%s%02x", text.starts[i] ? " " : "", text.rewritten[i]);
	fprintf(stderr, "\nthunks:");
	for (uint64_t i = 0; i < text.used; i++)
		fprintf(stderr, " %02x", text.thunks[i]);
	fprintf(stderr, "\n");
}

unsigned __real_host_decode_length(const uint8_t *code, uint64_t size);
unsigned __wrap_host_decode_length(const uint8_t *code, uint64_t size);
unsigned __wrap_host_decode_length(const uint8_t *code, uint64_t size)
{
	decodes++;
	return __real_host_decode_length(code, size);
}

/* What the program could read. */
bool host_space_read(const struct space *space, exo_vaddr_t vaddr, void *to, uint64_t size)
{
	const uint8_t *from;

	(void)space;
	if (vaddr >= TEXT && vaddr < TEXT + TEXT_PAGES * PAGE && size <= TEXT + TEXT_PAGES * PAGE - vaddr)
		from = child.text + (vaddr - TEXT);
	else if (vaddr >= THUNKS && vaddr < THUNKS + THUNK_PAGES * PAGE && size <= THUNKS + THUNK_PAGES * PAGE - vaddr)
		from = child.thunks + (vaddr - THUNKS);
	else
		return false;
	memcpy(to, from, size);
	return true;
}

static void child_end(void)
{
	if (child.pid > 0) {
		kill(child.pid, SIGKILL);
		while (waitpid(child.pid, 0, __WALL) < 0 && errno == EINTR)
			;
	}
	child.pid = 0;
}

static bool child_wait(int *status)
{
	while (waitpid(child.pid, status, __WALL) < 0)
		if (errno != EINTR)
			return false;
	if (WIFSTOPPED(*status))
		return true;
	child.pid = 0;
	return false;
}

/* A system call of the child's, before it may make none. False: it was not made, or failed. */
static bool child_call(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, int64_t *result)
{
	struct user_regs_struct regs = child.regs;
	int status;

	regs.rip = TEXT;
	regs.rax = (uint64_t)nr;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	regs.r10 = d;
	regs.r8 = 0;
	regs.orig_rax = UINT64_MAX;
	memcpy(child.text, "\x0f\x05\xcc", 3);
	if (ptrace(PTRACE_SETREGS, child.pid, 0, &regs) != 0 || ptrace(PTRACE_CONT, child.pid, 0, 0) != 0 || !child_wait(&status) ||
	    WSTOPSIG(status) != SIGTRAP || ptrace(PTRACE_GETREGS, child.pid, 0, &regs) != 0)
		return false;
	*result = (int64_t)regs.rax;
	return *result >= 0;
}

/* Text that reads itself sees what was rewritten: where the processor has protection keys, it cannot. */
static void hide_text(void)
{
	int64_t key, result;

	if (child_call(SYS_pkey_alloc, 0, PKEY_DISABLE_ACCESS, 0, 0, &key))
		(void)child_call(SYS_pkey_mprotect, TEXT, TEXT_PAGES * PAGE, PROT_READ | PROT_EXEC, (uint64_t)key, &result);
}

static void *shared(uint64_t address, uint64_t pages, int prot)
{
	int fd = memfd_create("hosted_text", MFD_CLOEXEC);
	void *ours;

	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)) != 0)
		abort();
	ours = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mmap((void *)address, pages * PAGE, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) != (void *)address)
		abort();
	close(fd);
	return ours;
}

/* The pages are mapped here too, where nobody uses them, so that every child has them. */
static void views_make(void)
{
	child.text = shared(TEXT, TEXT_PAGES, PROT_READ | PROT_EXEC);
	child.thunks = shared(THUNKS, THUNK_PAGES, PROT_READ | PROT_EXEC);
	child.data = shared(DATA, DATA_PAGES, PROT_READ | PROT_WRITE);
	child.probe = shared(PROBE, 1, PROT_READ | PROT_EXEC);
	(void)shared(PROBE + PAGE, 1, PROT_READ | PROT_WRITE);
}

static bool child_start(void)
{
	int64_t result;
	cpu_set_t one;
	int status;

	/* Both on one processor: what tells processors apart stays the same, and a step costs two switches. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	child.pid = fork();
	if (child.pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		syscall(SYS_close_range, 0, ~0U, 0);
		/* What the C library has told the kernel about memory that will be gone. */
		syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0)
			raise(SIGSTOP);
		_exit(1);
	}
	if (child.pid < 0 || !child_wait(&status) || ptrace(PTRACE_SETOPTIONS, child.pid, 0, PTRACE_O_EXITKILL) != 0 ||
	    ptrace(PTRACE_GETREGS, child.pid, 0, &child.regs) != 0)
		return false;
	hide_text();
	if (!child_call(SYS_munmap, 0, THUNKS, 0, 0, &result) ||
	    !child_call(SYS_munmap, PROBE + 2 * PAGE, HOST_TOP - PROBE - 2 * PAGE, 0, 0, &result) ||
	    !child_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, &result))
		return false;
	child.vectors_size = (struct iovec){child.vectors, sizeof(child.vectors)};
	return ptrace(PTRACE_GETREGSET, child.pid, NT_X86_XSTATE, &child.vectors_size) == 0;
}

static bool child_ready(void)
{
	if (child.off)
		return false;
	if (!child.text)
		views_make();
	if (child.pid > 0 || child_start())
		return true;
	child_end();
	child.off = true;
	fprintf(stderr, "hosted_text: no ptrace here: nothing is run\n");
	return false;
}

/* One instruction. Returns the signal that it ended with: SIGTRAP: none. 0: the child is gone. */
static int step(siginfo_t *info)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, child.pid, 0, 0) != 0 || !child_wait(&status))
		return 0;
	if (ptrace(PTRACE_GETSIGINFO, child.pid, 0, info) != 0)
		return 0;
	return WSTOPSIG(status);
}

/* ---- how long an instruction is ---- */

/* The processor fetches bytes until it has them all: where the page ends too early it faults there. 0: no instruction. */
static unsigned measure(const uint8_t *bytes)
{
	struct user_regs_struct regs = child.regs;
	uint64_t end = PROBE + PAGE;

	regs.rax = regs.rbx = regs.rcx = regs.rdx = regs.rsi = regs.rdi = regs.rbp = DATA + 256;
	regs.r8 = regs.r9 = regs.r10 = regs.r11 = regs.r12 = regs.r13 = regs.r14 = regs.r15 = DATA + 512;
	regs.rsp = DATA + 1024;
	regs.eflags = 0x202;
	regs.orig_rax = UINT64_MAX;
	for (unsigned size = 1; size <= INSTRUCTION_MAX; size++) {
		siginfo_t info;
		int sent;

		if (!child_ready())
			return 0;
		memcpy(child.probe + PAGE - size, bytes, size);
		regs.rip = end - size;
		if (ptrace(PTRACE_SETREGS, child.pid, 0, &regs) != 0)
			return 0;
		sent = step(&info);
		if (sent == 0 || sent == SIGILL)
			return 0;
		if (sent == SIGSEGV && info.si_addr == (void *)end)
			continue;
		/* Too long: a general protection fault. */
		return size == INSTRUCTION_MAX && sent == SIGSEGV && info.si_code == SI_KERNEL ? 0 : size;
	}
	return 0;
}

struct measured {
	uint8_t bytes[INSTRUCTION_MAX];
	uint8_t length; /* 0: none; 255: not looked at */
};
#define MEASURED_COUNT 65536u
static struct measured measured[MEASURED_COUNT];

static bool is_call(const uint8_t *code)
{
	return code[0] == 0x0f && code[1] == 0x05;
}

/* Bytes of prefixes. */
static unsigned prefixes(const uint8_t *code, unsigned length)
{
	unsigned at = 0;

	while (at < length && (code[at] == 0x66 || code[at] == 0xf2 || code[at] == 0xf3 || code[at] == 0x2e || code[at] == 0x36 ||
	                       code[at] == 0x3e || code[at] == 0x26 || code[at] == 0x64 || code[at] == 0x65 || code[at] == 0x67 ||
	                       code[at] == 0xf0 || (code[at] & 0xf0) == 0x40))
		at++;
	return at;
}

/* sgdt and its kin: Linux reads the instruction itself, and says that there is no page. */
static bool is_emulated(const uint8_t *code)
{
	unsigned at = prefixes(code, INSTRUCTION_MAX - 2);

	return code[at] == 0x0f && code[at + 1] <= 0x01;
}

/* Where a program may end up in a call that is not `syscall`, or would wait, or is told something new each time. */
static bool is_odd(const uint8_t *code, unsigned length)
{
	unsigned at = prefixes(code, length);

	if (at >= length)
		return true;
	if (code[at] == 0xcd || code[at] == 0xcc || code[at] == 0xf1 || code[at] == 0xce || code[at] == 0x8e || code[at] == 0xcf)
		return true; /* int; mov to a segment: the next instruction is not trapped */
	if (code[at] != 0x0f || at + 1 >= length)
		return false;
	switch (code[at + 1]) {
	case 0x05:
		return at != 0; /* with prefixes: the rewriter leaves it, and so do we */
	case 0x07: case 0x31: case 0x33: case 0x34: case 0x35: case 0xa2: case 0xae: case 0xc7:
		return true;
	}
	return false;
}

static bool is_computed(const uint8_t *code, unsigned length)
{
	unsigned at = prefixes(code, length - 1);

	return (code[at] == 0xff && (code[at + 1] >> 3 & 7) >= 2 && (code[at + 1] >> 3 & 7) <= 5) || (code[at] & 0xf6) == 0xc2;
}

/* The length of what the processor sees at `bytes`; our own idea of it is compared. */
static unsigned length_of(const uint8_t *bytes)
{
	uint32_t hash = 2166136261u;
	struct measured *entry;
	uint8_t copy[64];
	unsigned own;

	for (unsigned i = 0; i < INSTRUCTION_MAX; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	entry = &measured[hash % MEASURED_COUNT];
	if (entry->length == 0 || memcmp(entry->bytes, bytes, INSTRUCTION_MAX) != 0) {
		/* System calls are not made to learn how long they are. */
		unsigned length = is_call(bytes) ? 2 : is_emulated(bytes) ? 0 : measure(bytes);

		memcpy(entry->bytes, bytes, INSTRUCTION_MAX);
		entry->length = length ? (uint8_t)length : 255;
	}
	memset(copy, 0x90, sizeof(copy));
	memcpy(copy, bytes, INSTRUCTION_MAX);
	own = __real_host_decode_length(copy, sizeof(copy));
	if (entry->length == 255)
		return 0;
	if (own != entry->length && own != DECODE_UNKNOWN) {
		fprintf(stderr, "hosted_text: %u bytes, says the processor, and we %u:", entry->length, own);
		for (unsigned i = 0; i < INSTRUCTION_MAX; i++)
			fprintf(stderr, " %02x", bytes[i]);
		fprintf(stderr, "\n");
		abort();
	}
	return entry->length;
}

/* ---- texts ---- */

struct input {
	const uint8_t *at, *end;
};

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0x90;
}

/* Pieces that sites are made of. Their lengths are looked up like any others'. */
static unsigned template(struct input *input, uint8_t *to)
{
	static const struct { uint8_t size, bytes[10]; } pieces[] = {
		{2, {0x0f, 0x05}}, {5, {0xb8, 39, 0, 0, 0}}, {2, {0x31, 0xc0}}, {3, {0x48, 0x89, 0xf8}}, {5, {0x4c, 0x8b, 0x4c, 0x24, 8}},
		{1, {0xc3}}, {1, {0x90}}, {2, {0x66, 0x90}}, {3, {0x0f, 0x1f, 0}}, {4, {0x0f, 0x1f, 0x40, 0}}, {5, {0x0f, 0x1f, 0x44, 0, 0}},
		{7, {0x0f, 0x1f, 0x80, 0, 0, 0, 0}}, {10, {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}}, {1, {0xcc}}, {3, {0x48, 0x89, 0xf7}},
		{4, {0x48, 0x8d, 0x7c, 0x24}}, {6, {0xbf, 1, 0, 0, 0, 0}}, {7, {0x48, 0xc7, 0xc0, 60, 0, 0, 0}}, {1, {0x50}}, {1, {0x5b}},
		{3, {0x8b, 0x47, 8}}, {4, {0x48, 0x83, 0xec, 8}}, {3, {0x0f, 0xb6, 0xc0}}, {3, {0x0f, 0x44, 0xc7}}, {2, {0x89, 0xd0}},
		{7, {0x48, 0x8d, 0x3d, 8, 0, 0, 0}}, {6, {0x8b, 0x35, 16, 0, 0, 0}}, {4, {0x8b, 0x74, 0x24, 8}}, {4, {0x48, 0x8b, 0x45, 0xf8}},
	};
	uint8_t what = next(input);
	int8_t distance;

	switch (what >> 5) {
	case 0: /* short jumps */
		to[0] = what & 1 ? 0xeb : (uint8_t)(0x70 | (what >> 1 & 15));
		to[1] = next(input);
		return 2;
	case 1: /* near ones */
		distance = (int8_t)next(input);
		to[0] = what & 1 ? 0xe9 : 0xe8;
		memset(to + 1, distance < 0 ? 0xff : 0, 4);
		to[1] = (uint8_t)distance;
		return 5;
	case 2:
		distance = (int8_t)next(input);
		to[0] = 0x0f;
		to[1] = (uint8_t)(0x80 | (what & 15));
		memset(to + 2, distance < 0 ? 0xff : 0, 4);
		to[2] = (uint8_t)distance;
		return 6;
	}
	what %= sizeof(pieces) / sizeof(*pieces);
	memcpy(to, pieces[what].bytes, pieces[what].size);
	return pieces[what].size;
}

/* One instruction after the other, as the processor has them; what is none becomes a nop. */
static void text_make(struct input *input)
{
	memset(&text, 0, sizeof(text));
	while (input->at < input->end && text.size + INSTRUCTION_MAX <= TEXT_MAX) {
		uint64_t left = (uint64_t)(input->end - input->at);
		uint8_t bytes[INSTRUCTION_MAX];
		bool made = *input->at == ESCAPE;
		unsigned length;

		memset(bytes, 0x90, sizeof(bytes));
		if (made) {
			input->at++;
			(void)template(input, bytes);
		} else {
			memcpy(bytes, input->at, left < sizeof(bytes) ? left : sizeof(bytes));
		}
		length = length_of(bytes);
		if (!made)
			input->at += length == 0 ? 1 : length < left ? length : left;
		if (length == 0) {
			bytes[0] = 0x90;
			length = 1;
		}
		text.starts[text.size] = true;
		memcpy(text.code + text.size, bytes, length);
		text.size += length;
	}
	text.starts[text.size] = true;
}

static uint64_t distance_at(const uint8_t *bytes)
{
	int32_t distance;

	memcpy(&distance, bytes, sizeof(distance));
	return (uint64_t)(int64_t)distance;
}

/* Notes which bytes were changed for each thunk; no others may be. */
static void text_check(void)
{
	static bool changed[TEXT_MAX];

	memset(changed, 0, sizeof(changed));
	for (uint64_t at = 16; at < text.used; at += at % PAGE + 2 * 24 > PAGE ? 16 + PAGE - at % PAGE : 24) {
		const uint8_t *thunk = text.thunks + at;
		unsigned moved = thunk[23];
		uint64_t end = THUNKS + at + moved + 7 + distance_at(thunk + moved + 3) - TEXT, site = end - 2 - moved, pad;

		MUST(moved <= 10 && end <= text.size && end >= 2 + moved && is_call(text.code + end - 2));
		MUST(memcmp(thunk, text.code + site, moved) == 0);
		for (uint64_t i = site; i < end - 2; i++) {
			MUST(!changed[i]);
			changed[i] = true;
			text.taken[i] = i != site;
		}
		if (moved)
			continue;
		changed[end - 2] = changed[end - 1] = true;
		pad = end + (uint64_t)(int64_t)(int8_t)text.rewritten[end - 1];
		/* The rest of its last instruction is filled up. */
		for (uint64_t i = pad; i < text.size && (i < pad + 5 || (text.rewritten[i] == 0xcc && text.code[i] != 0xcc)); i++) {
			MUST(!changed[i]);
			changed[i] = text.taken[i] = true;
		}
	}
	for (uint32_t i = 0; i < text.size; i++)
		MUST(changed[i] || text.code[i] == text.rewritten[i]);
}

/* Buffers of the very size, so that nothing behind them goes unnoticed. */
static void text_rewrite(void)
{
	uint8_t *code = malloc(text.size ? text.size : 1), *thunks = malloc(sizeof(text.thunks));
	uint64_t before = decodes, calls = 0;
	struct hal_text request = {.code = code, .size = text.size, .address = TEXT, .thunks = thunks,
	                           .thunks_size = sizeof(text.thunks), .thunks_address = THUNKS};

	memcpy(code, text.code, text.size);
	memset(thunks, 0, sizeof(text.thunks));
	text.used = hal_text_prepare(&request);
	for (uint32_t i = 0; i + 1 < text.size; i++)
		calls += is_call(text.code + i);
	/* 16 chains of 80 bytes, 150 to 270 bytes more, and as many looks at padding as there are bytes. */
	MUST(decodes - before <= calls * 8000);
	MUST(text.used <= sizeof(text.thunks));
	MUST(text.used || memcmp(code, text.code, text.size) == 0);
	memcpy(text.rewritten, code, text.size);
	memcpy(text.thunks, thunks, sizeof(text.thunks));
	free(code);
	free(thunks);
	text_check();
}

/* ---- runs ---- */

struct state {
	uint64_t pc;
	struct user_regs_struct regs;
};

enum end { END_STEPS, END_OUT, END_CALLS, END_FAULT, END_ODD };

struct run {
	struct state states[STEPS_MAX];
	unsigned count;
	enum end end;
	uint64_t fault;
	uint8_t data[DATA_PAGES * PAGE];
};

static void show(const char *what, const struct state *s)
{
	fprintf(stderr, "%s: pc %llx rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx rsp %llx rbp %llx flags %llx\n", what,
	        (unsigned long long)s->pc, (unsigned long long)s->regs.rax, (unsigned long long)s->regs.rbx,
	        (unsigned long long)s->regs.rcx, (unsigned long long)s->regs.rdx, (unsigned long long)s->regs.rsi,
	        (unsigned long long)s->regs.rdi, (unsigned long long)s->regs.rsp, (unsigned long long)s->regs.rbp,
	        (unsigned long long)s->regs.eflags);
}

static void first_registers(struct user_regs_struct *regs, const uint8_t seeds[8])
{
	unsigned long long *all[] = {&regs->rax, &regs->rbx, &regs->rcx, &regs->rdx, &regs->rsi, &regs->rdi, &regs->rbp, &regs->r8,
	                             &regs->r9, &regs->r10, &regs->r11, &regs->r12, &regs->r13, &regs->r14, &regs->r15};

	*regs = child.regs;
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint8_t seed = (uint8_t)(seeds[i % 8] + i * 37);

		*all[i] = seed < 128 ? DATA + 8u * seed : seed < 192 ? seed - 128u : seed < 224 ? 0 - (uint64_t)seed : UINT64_C(1) << (seed % 64);
	}
	regs->rsp = DATA + PAGE + 8u * (seeds[0] & 31);
	regs->eflags = 0x202;
	regs->orig_rax = UINT64_MAX;
}

/* What a system call leaves: the same after both. */
static void after_call(struct user_regs_struct *regs, uint64_t end)
{
	regs->rip = end;
	regs->rax = 0x1234;
	regs->rcx = end;
	regs->r11 = 0x246;
	regs->eflags = 0x246;
	regs->orig_rax = UINT64_MAX;
}

static unsigned length_at(uint64_t at)
{
	unsigned length = 1;

	while (!text.starts[at + length])
		length++;
	return length;
}

/* Is the program, at an instruction of the original, about to do something that is not followed? */
static bool stops_here(uint64_t pc)
{
	uint64_t at = pc - TEXT;

	if (at >= text.size || !text.starts[at])
		return true;
	return is_odd(text.code + at, length_at(at)) || is_computed(text.code + at, length_at(at));
}

static bool record(struct run *run, uint64_t pc, const struct user_regs_struct *regs)
{
	if (run->count == STEPS_MAX)
		return false;
	run->states[run->count].pc = pc;
	run->states[run->count++].regs = *regs;
	return true;
}

/* Runs from `start` what the child has. False: the child is gone. */
static bool run_from(struct run *run, uint64_t start, const uint8_t seeds[8])
{
	struct user_regs_struct regs;
	unsigned calls = 0, steps = 0;
	uint64_t last = 0;

	if (!child_ready())
		return false;
	memset(run, 0, sizeof(*run));
	for (unsigned i = 0; i < DATA_PAGES * PAGE; i++)
		child.data[i] = (uint8_t)(i * 29 + (i >> 8));
	first_registers(&regs, seeds);
	regs.rip = start;
	if (ptrace(PTRACE_SETREGSET, child.pid, NT_X86_XSTATE, &child.vectors_size) != 0 ||
	    ptrace(PTRACE_SETREGS, child.pid, 0, &regs) != 0)
		return false;
	for (;;) {
		exo_vaddr_t pc = regs.rip, original;
		enum text_place place = TEXT_PLAIN;
		siginfo_t info;
		int sent;

		if (pc == STUB_FAST) {
			/* The call that was recorded before it came here. */
			MUST(run->count > 0 && regs.rcx == last + 2 && is_call(text.code + (last - TEXT)));
			if (++calls > CALLS_MADE) {
				run->end = END_CALLS;
				break;
			}
			after_call(&regs, regs.rcx);
			if (ptrace(PTRACE_SETREGS, child.pid, 0, &regs) != 0)
				return false;
			continue;
		}
		place = host_text_place(0, pc, &original);
		if (place != TEXT_PLAIN)
			pc = original;
		if (place != TEXT_INSIDE && place != TEXT_IN_CALL) {
			if (stops_here(pc)) {
				run->end = pc - TEXT < text.size && text.starts[pc - TEXT] ? END_ODD : END_OUT;
				record(run, pc, &regs);
				break;
			}
			/* The jump to a thunk is no step of the original. */
			if (!(place == TEXT_BEFORE && last == pc) && !record(run, pc, &regs)) {
				run->end = END_STEPS;
				break;
			}
			last = pc;
		}
		if (place == TEXT_PLAIN && is_call(child.text + (pc - TEXT))) {
			if (++calls > CALLS_MADE) {
				run->end = END_CALLS;
				break;
			}
			after_call(&regs, pc + 2);
			if (ptrace(PTRACE_SETREGS, child.pid, 0, &regs) != 0)
				return false;
			continue;
		}
		sent = ++steps > 4 * STEPS_MAX ? 0 : step(&info);
		if (sent == 0) {
			MUST(steps <= 4 * STEPS_MAX);
			return false;
		}
		if (ptrace(PTRACE_GETREGS, child.pid, 0, &regs) != 0)
			return false;
		if (sent != SIGTRAP) {
			place = host_text_place(0, regs.rip, &original);
			/* Only the first one that moved can fault. */
			MUST(place == TEXT_PLAIN || place == TEXT_BEFORE);
			run->end = END_FAULT;
			run->fault = (uint64_t)sent << 56 ^ (uint64_t)info.si_addr;
			if (sent == SIGILL || sent == SIGFPE || sent == SIGTRAP)
				run->fault = (uint64_t)sent << 56; /* their address is the instruction's */
			break;
		}
	}
	memcpy(run->data, child.data, sizeof(run->data));
	return true;
}

static bool regs_equal(const struct user_regs_struct *a, const struct user_regs_struct *b)
{
	return a->rax == b->rax && a->rbx == b->rbx && a->rcx == b->rcx && a->rdx == b->rdx && a->rsi == b->rsi && a->rdi == b->rdi &&
	       a->rbp == b->rbp && a->rsp == b->rsp && a->r8 == b->r8 && a->r9 == b->r9 && a->r10 == b->r10 && a->r11 == b->r11 &&
	       a->r12 == b->r12 && a->r13 == b->r13 && a->r14 == b->r14 && a->r15 == b->r15 &&
	       ((a->eflags ^ b->eflags) & 0xcd5) == 0 && a->fs_base == b->fs_base && a->gs_base == b->gs_base;
}

/* Everything that the rewritten one shows must be in the original, in the same order; what it leaves out
 * stands between two instructions that moved. */
static void compare(const struct run *original, const struct run *rewritten)
{
	unsigned j = 0;

	for (unsigned i = 0; i < rewritten->count; i++) {
		const struct state *s = &rewritten->states[i];

		while (j < original->count &&
		       (original->states[j].pc != s->pc || !regs_equal(&original->states[j].regs, &s->regs)) && j + 1 < original->count)
			j++;
		if (j == original->count || original->states[j].pc != s->pc || !regs_equal(&original->states[j].regs, &s->regs)) {
			/* The original may have run out of steps: the rewritten one shows fewer. */
			if (original->end == END_STEPS && j + 1 >= original->count)
				return;
			show("rewritten", s);
			for (unsigned k = 0; k < original->count; k++)
				show("original", &original->states[k]);
			MUST(!"the same state");
		}
		j++;
	}
	if (original->end == END_STEPS || rewritten->end == END_STEPS)
		return;
	if (original->end != rewritten->end) {
		fprintf(stderr, "ends: %d and %d\n", original->end, rewritten->end);
		for (unsigned k = 0; k < original->count; k++)
			show("original", &original->states[k]);
		for (unsigned k = 0; k < rewritten->count; k++)
			show("rewritten", &rewritten->states[k]);
	}
	MUST(original->end == rewritten->end);
	MUST(original->fault == rewritten->fault);
	MUST(original->count > 0 && rewritten->count > 0);
	MUST(original->states[original->count - 1].pc == rewritten->states[rewritten->count - 1].pc);
	MUST(memcmp(original->data, rewritten->data, sizeof(original->data)) == 0);
}

static void child_load(const uint8_t *code, const uint8_t *thunks)
{
	memset(child.text, 0xcc, TEXT_PAGES * PAGE);
	memcpy(child.text, code, text.size);
	memcpy(child.thunks, thunks, sizeof(text.thunks));
}

static void run_all(const uint8_t seeds[8])
{
	static struct run original[STARTS_MAX], rewritten;
	static const uint8_t nothing[THUNK_PAGES * PAGE];
	uint64_t starts[STARTS_MAX];
	unsigned count = 0;

	child_load(text.rewritten, text.thunks);
	for (uint32_t at = 0; at < text.size && count < STARTS_MAX; at++) {
		if (!text.starts[at] || text.taken[at])
			continue;
		/* Those near sites, and some others. */
		for (uint32_t near = at; near < at + 24 && near < text.size; near++)
			if (memcmp(text.code + near, text.rewritten + near, 1) != 0 || (at + seeds[1]) % 16 == 0) {
				starts[count++] = TEXT + at;
				break;
			}
	}
	child_load(text.code, nothing);
	for (unsigned i = 0; i < count; i++)
		if (!run_from(&original[i], starts[i], seeds)) {
			child_end();
			return;
		}
	child_load(text.rewritten, text.thunks);
	for (unsigned i = 0; i < count; i++) {
		if (!run_from(&rewritten, starts[i], seeds)) {
			child_end();
			return;
		}
		compare(&original[i], &rewritten);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data + 9, data + size};

	if (size < 10)
		return 0;
	if ((data[0] & 1) == 0 && child_ready()) {
		text_make(&input);
		text_rewrite();
		if (text.used)
			run_all(data + 1);
		return 0;
	}
	/* Any bytes at all: only that the rewriter keeps to its memory and its time. */
	memset(&text, 0, sizeof(text));
	text.size = (uint32_t)(size - 9 < TEXT_MAX ? size - 9 : TEXT_MAX);
	memcpy(text.code, data + 9, text.size);
	text_rewrite();
	return 0;
}

/*
 * The scripted machine: boot, memory, time, events, console, entropy, end.
 */
#include <core/core.h>
#include <fake/fake.h>
#include <hal/frame_set.h>
#include <hal/x86/sha256.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct fake fake;

/*
 * The machine's memory, between pages that nobody may touch. It is mapped, not a global: a sanitizer's search for leaks
 * reads every global whole, which took a second for each test.
 */
static unsigned char *arena;
static struct hal_boot_info info;
static uint8_t shown[FAKE_FRAMES_MAX / 8]; /* frame_set.h, from the first frame on: the LibOS's window */
static jmp_buf end_jump;
static fake_libos_fn *libos_function;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.frame_count = 4096;
	fake.cpu_count = 1;
	fake.mmio = FAKE_MMIO;
	fake.cmdline = "";
	fake.now_ns = 1000;
	fake.tick_ns = 1;
	fake.real_offset_ns = UINT64_C(1700000000000000000);
	fake.timer_at = UINT64_MAX;
	fake.random = UINT64_C(0x9e3779b97f4a7c15);
	fake.rows = 24;
	fake.columns = 80;
	fake.irq_masked = UINT64_MAX;
}

static void memory_place(void)
{
	size_t size = FAKE_FRAMES_MAX << EXO_FRAME_SHIFT;

	if (arena)
		return;
	arena = mmap(NULL, size + 2 * EXO_FRAME_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED || mprotect(arena + EXO_FRAME_SIZE, size, PROT_READ | PROT_WRITE) != 0) {
		perror("fake: the machine's memory");
		abort();
	}
	arena += EXO_FRAME_SIZE;
}

static void image_place(void)
{
	uint64_t frames = (fake.image_size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;

	if (fake.image_size == 0)
		return;
	info.image_first = info.first_frame + info.frame_count - frames;
	info.image_size = fake.image_size;
	memcpy(hal_phys_ptr(info.image_first), fake.image, fake.image_size);
}

/* A jump from a coroutine's stack leaves the marks of the frames on this one that were between. */
#define ABANDONED 262144
void __asan_unpoison_memory_region(const volatile void *at, size_t size) __attribute__((weak));

static void stack_clean(void)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region((char *)__builtin_frame_address(0) - ABANDONED, ABANDONED);
}

/* Nodes 0, 10, 20, …, so that their numbers are not places in a table. */
static void nodes_place(void)
{
	uint32_t count = fake.nodes ? fake.nodes : 1;
	uint64_t each = info.frame_count / count;

	info.colours = fake.colours ? fake.colours : 1;
	info.node_ranges = count;
	for (uint32_t i = 0; i < count; i++)
		info.nodes[i] = (struct hal_node_range){
			info.first_frame + i * each, i + 1 < count ? each : info.frame_count - i * each, 10 * i,
		};
}

enum fake_end fake_boot(fake_libos_fn *libos)
{
	int how;

	info = (struct hal_boot_info){
		.first_frame = FAKE_FIRST_FRAME, .frame_count = fake.frame_count,
		.boot_ns = fake.now_ns, .cycles_per_ms = 1000000, .cpu_count = fake.cpu_count,
		.target = "fake", .cmdline = fake.cmdline,
		.ports = { { FAKE_PORT, FAKE_PORT_COUNT } }, .irqs = { { FAKE_IRQ, FAKE_IRQ_COUNT } },
		.mmio = { { fake.mmio, 1 }, { fake.mmio + 1, 1 } }, .mmio_read_only = { false, true }, .mmio_maps = !fake.no_mmio_maps,
		.check = fake.checks,
		.disks = { { FAKE_DISK_BLOCKS, true }, { 1, false } },
	};
	memcpy(info.holes, fake.holes, sizeof(info.holes));
	memory_place();
	image_place();
	nodes_place();
	libos_function = libos;
	memset(shown, 0, sizeof(shown));
	how = setjmp(end_jump);
	if (how == 0)
		core_start();
	stack_clean();
	return (enum fake_end)(how - 1);
}

void fake_end(enum fake_end end)
{
	longjmp(end_jump, (int)end + 1);
}

struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };
	struct exo_result result = core_call(number, args);

	if (fake.cpu_count == 1 && fake.unflushed != 0) {
		fprintf(stderr, "fake: the core broke the contract: a call ends and a space was not flushed\n");
		abort();
	}
	return result;
}

const struct hal_boot_info *hal_boot(void)
{
	return &info;
}

static bool meets_hole(exo_frame_t first, uint64_t count)
{
	for (unsigned i = 0; i < HAL_HOLES; i++)
		if (first < info.holes[i].first + info.holes[i].count && info.holes[i].first < first + count)
			return true;
	return false;
}

/* A frame outside the extent, or in a hole, is a bug of the core, never of a caller. */
void *hal_phys_ptr(exo_frame_t frame)
{
	if (frame < info.first_frame || frame - info.first_frame >= info.frame_count || meets_hole(frame, 1)) {
		fprintf(stderr, "fake: frame %#llx is outside of memory\n", (unsigned long long)frame);
		abort();
	}
	return arena + ((frame - info.first_frame) << EXO_FRAME_SHIFT);
}

enum exo_status hal_libos_init(struct hal_space *space, struct hal_pool *pool, uint64_t *window)
{
	(void)pool;
	memset(space, 0, sizeof(*space));
	*window = (uint64_t)(uintptr_t)arena - (info.first_frame << EXO_FRAME_SHIFT);
	return EXO_OK;
}

void hal_libos_run(struct hal_space *space, const struct exo_boot *boot)
{
	(void)space;
	libos_function(boot);
	fake_end(FAKE_RETURNED);
}

static void window_check(exo_frame_t first, uint64_t count)
{
	if (first < info.first_frame || count > info.frame_count || first - info.first_frame > info.frame_count - count ||
	    meets_hole(first, count)) {
		fprintf(stderr, "fake: the window is asked for frames outside of memory\n");
		abort();
	}
}

void hal_window_hide(exo_frame_t first, uint64_t count)
{
	window_check(first, count);
	frame_set_change(shown, first - info.first_frame, count, false);
}

void hal_window_show(exo_frame_t first, uint64_t count)
{
	window_check(first, count);
	frame_set_change(shown, first - info.first_frame, count, true);
}

bool fake_window_allows(exo_vaddr_t address, uint64_t size)
{
	uint64_t at = address - (uint64_t)(uintptr_t)arena, end = info.frame_count << EXO_FRAME_SHIFT;

	if (at >= end)
		return true;
	if (size > end - at)
		return false;
	end = (at + size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	return frame_set_next(shown, at >> EXO_FRAME_SHIFT, end, false) == end;
}

bool fake_window_reach(exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count)
{
	uint64_t base = (uint64_t)(uintptr_t)arena, at = *vaddr > base ? (*vaddr - base) >> EXO_FRAME_SHIFT : 0;

	at = frame_set_next(shown, at, info.frame_count, true);
	*count = frame_set_next(shown, at, info.frame_count, false) - at;
	*frame = info.first_frame + at;
	*vaddr = base + (at << EXO_FRAME_SHIFT);
	return *count > 0;
}

uint64_t hal_text_prepare(const struct hal_text *text)
{
	uint64_t used = fake.thunks < text->thunks_size ? fake.thunks : 0;

	for (uint64_t at = 0; at < used; at += EXO_FRAME_SIZE)
		((uint8_t *)text->thunks)[at] = FAKE_THUNK;
	if (text->size > 0)
		*(uint8_t *)text->code = FAKE_TEXT;
	return used;
}

/* ---- Time and events --------------------------------------------------- */

uint64_t hal_time_ns(void)
{
	return __atomic_add_fetch(&fake.now_ns, fake.tick_ns, __ATOMIC_RELAXED);
}

uint64_t hal_time_real_ns(void)
{
	return hal_time_ns() + fake.real_offset_ns;
}

uint64_t hal_cycles(void)
{
	return __atomic_add_fetch(&fake.cycles, 100, __ATOMIC_RELAXED);
}

void hal_timer_arm(uint64_t at_ns)
{
	__atomic_store_n(&fake.timer_at, at_ns, __ATOMIC_RELAXED);
}

/* ---- CPUs: threads of the test ------------------------------------------ */

static _Thread_local uint32_t this_cpu;
static _Atomic bool kicked[FAKE_CPUS_MAX];

void fake_cpu_become(uint32_t cpu)
{
	this_cpu = cpu;
}

uint32_t hal_cpu_id(void)
{
	void (*meanwhile)(void) = fake.meanwhile;

	if (meanwhile) {
		fake.meanwhile = NULL;
		meanwhile();
	}
	return this_cpu;
}

void hal_kick(uint32_t cpu)
{
	atomic_store(&kicked[cpu], true);
}

bool fake_is_kicked(void)
{
	return atomic_load_explicit(&kicked[this_cpu], memory_order_acquire);
}

void fake_kick_end(void)
{
	atomic_store(&kicked[this_cpu], false);
}

void hal_cpu_relax(uint32_t turn)
{
	(void)turn;
	sched_yield();
}

uint64_t hal_events_take(void)
{
	uint64_t events = __atomic_exchange_n(&fake.events, 0, __ATOMIC_RELAXED);

	if (fake_timer_due()) {
		hal_timer_arm(UINT64_MAX);
		events |= EXO_PEND_TIMER;
	}
	return events;
}

bool fake_timer_due(void)
{
	return __atomic_load_n(&fake.timer_at, __ATOMIC_RELAXED) <= __atomic_load_n(&fake.now_ns, __ATOMIC_RELAXED);
}

/* Time is everybody's: with several CPUs nobody may skip it, so idling is just short. */
void hal_idle(uint64_t until_ns)
{
	uint64_t wake;

	if (info.cpu_count > 1) {
		sched_yield();
		fake_kick_end();
		return;
	}
	if (fake.events)
		return;
	wake = until_ns < fake.timer_at ? until_ns : fake.timer_at;
	if (wake == UINT64_MAX)
		fake_end(FAKE_STUCK);
	if (fake.now_ns < wake)
		fake.now_ns = wake;
}

/* ---- Devices ----------------------------------------------------------- */

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "fake: the core broke the contract: %s\n", what);
	abort();
}

static void io_note(bool mmio, uint64_t at, uint32_t width, bool write, uint64_t value)
{
	uint64_t first = mmio ? fake.mmio << EXO_FRAME_SHIFT : FAKE_PORT;
	uint64_t count = mmio ? UINT64_C(1) << (EXO_FRAME_SHIFT + !write) : FAKE_PORT_COUNT;

	require(width == 1 || width == 2 || width == 4 || (mmio && width == 8), "width of an access");
	require(at >= first && width <= count && at - first <= count - width, "an access to no device of a zone");
	require(!mmio || at % width == 0, "alignment of an access");
	require(width == 8 || value >> (8 * width) == 0, "value of an access");
	fake.io.mmio = mmio;
	fake.io.at = at;
	fake.io.width = width;
	fake.io.write = write;
	fake.io.value = value;
	fake.io.count++;
}

static uint64_t io_read(bool mmio, uint64_t at, uint32_t width)
{
	uint64_t value = width == 8 ? fake.io_value : fake.io_value & ((UINT64_C(1) << (8 * width)) - 1);

	io_note(mmio, at, width, false, value);
	return value;
}

uint64_t hal_io_read(uint64_t port, uint32_t width)
{
	return io_read(false, port, width);
}

void hal_io_write(uint64_t port, uint32_t width, uint64_t value)
{
	io_note(false, port, width, true, value);
}

uint64_t hal_mmio_read(uint64_t address, uint32_t width)
{
	return io_read(true, address, width);
}

void hal_mmio_write(uint64_t address, uint32_t width, uint64_t value)
{
	io_note(true, address, width, true, value);
}

static void line_check(uint32_t line)
{
	require(line - FAKE_IRQ < FAKE_IRQ_COUNT, "an interrupt line of no zone");
}

/* What came while the line was masked. */
static void irq_fire(uint64_t lines)
{
	lines &= ~fake.irq_masked;
	fake.irq_latched &= ~lines;
	fake.irq_masked |= lines;
	fake.irq_fired |= lines;
	if (lines)
		fake.events |= EXO_PEND_IRQ;
}

void fake_irq(uint32_t line)
{
	fake.irq_latched |= UINT64_C(1) << line;
	irq_fire(fake.irq_latched);
}

void hal_irq_mask(uint32_t line)
{
	line_check(line);
	fake.irq_masked |= UINT64_C(1) << line;
}

void hal_irq_unmask(uint32_t line)
{
	line_check(line);
	fake.irq_masked &= ~(UINT64_C(1) << line);
	irq_fire(fake.irq_latched);
}

uint64_t hal_irq_take(void)
{
	uint64_t lines = fake.irq_fired;

	fake.irq_fired = 0;
	return lines;
}

/* ---- Disks -------------------------------------------------------------- */

static void disk_copy(const struct exo_disk_request *r, uint32_t i)
{
	uint64_t block = r->first + i;
	unsigned char *at = hal_phys_ptr(r->frame + i);

	if (r->op == EXO_DISK_WRITE) {
		memcpy(fake.disk.blocks[block], at, sizeof(fake.disk.blocks[0]));
		return;
	}
	memset(at, 0, EXO_FRAME_SIZE);
	if (block >> EXO_DISK_SHIFT == 0)
		memcpy(at, fake.disk.blocks[block], sizeof(fake.disk.blocks[0]));
}

void fake_disk_step(uint32_t count)
{
	for (; count > 0 && fake.disk.waiting; count--) {
		uint32_t number = (uint32_t)__builtin_ctz(fake.disk.waiting), bit = UINT32_C(1) << number;
		const struct exo_disk_request *r = &fake.disk.requests[number];

		for (uint32_t i = 0; i < r->count && !fake.disk.fails; i++)
			disk_copy(r, i);
		fake.disk.flushes += r->op == EXO_DISK_FLUSH;
		fake.disk.waiting &= ~bit;
		fake.disk.done |= bit;
		if (fake.disk.fails)
			fake.disk.failed |= bit;
		__atomic_fetch_or(&fake.events, EXO_PEND_BLOCK, __ATOMIC_RELAXED);
	}
}

enum exo_status hal_disk_submit(uint32_t number, const struct exo_disk_request *request)
{
	uint64_t disk = request->first >> EXO_DISK_SHIFT, block = request->first & EXO_DISK_BLOCK;
	uint64_t blocks = disk < HAL_DISKS ? info.disks[disk].count : 0;
	uint32_t bit = UINT32_C(1) << number;

	require(number < HAL_TRANSFERS && !((fake.disk.waiting | fake.disk.done) & bit), "number of a transfer");
	require(request->op <= EXO_DISK_FLUSH && request->count <= EXO_DISK_COUNT_MAX, "kind of a transfer");
	require(block < blocks && request->count <= blocks - block, "blocks of a transfer");
	require(request->op == EXO_DISK_READ || info.disks[disk].writable, "writing to a disk that cannot be written");
	require((request->op == EXO_DISK_FLUSH) == (request->count == 0), "length of a transfer");
	require(request->count == 0 || (request->frame >= info.first_frame && request->count <= info.frame_count &&
	        request->frame - info.first_frame <= info.frame_count - request->count), "frames of a transfer");
	if (fake.disk.broken || fake.disk.full)
		return fake.disk.broken ? EXO_E_DEVICE : EXO_E_BUSY;
	fake.disk.submits++;
	fake.disk.requests[number] = *request;
	fake.disk.waiting |= bit;
	if (fake.disk.immediate)
		fake_disk_step(1);
	return EXO_OK;
}

bool hal_disk_take(uint32_t *number, enum exo_status *status)
{
	if (!fake.disk.done)
		return false;
	*number = (uint32_t)__builtin_ctz(fake.disk.done);
	*status = fake.disk.failed >> *number & 1 ? EXO_E_DEVICE : EXO_OK;
	fake.disk.done &= ~(UINT32_C(1) << *number);
	fake.disk.failed &= ~(UINT32_C(1) << *number);
	return true;
}

/* ---- Console, entropy ------------------------------------------------- */

uint64_t hal_console_write(const void *bytes, uint64_t size)
{
	uint64_t room = sizeof(fake.output) - fake.output_size, taken = size;

	if (fake.slow_console && taken > fake.console_room)
		taken = fake.console_room;
	fake.console_room -= fake.slow_console ? taken : 0;
	fake.console_full = taken == 0 && size > 0;
	if (room > taken)
		room = taken;
	memcpy(fake.output + fake.output_size, bytes, room);
	fake.output_size += room;
	return taken;
}

void fake_console_drain(uint64_t bytes)
{
	fake.console_room += bytes;
	if (fake.console_full)
		__atomic_fetch_or(&fake.events, EXO_PEND_ROOM, __ATOMIC_RELAXED);
	fake.console_full = false;
}

uint64_t hal_errors_write(const void *bytes, uint64_t size)
{
	uint64_t room = sizeof(fake.errors) - fake.errors_size;

	memcpy(fake.errors + fake.errors_size, bytes, size < room ? size : room);
	fake.errors_size += size < room ? size : room;
	return size;
}

/* Nothing of the operator's is looked at. */
uint64_t hal_log_write(const void *bytes, uint64_t size)
{
	(void)bytes;
	return size;
}

uint64_t hal_console_read(void *bytes, uint64_t size)
{
	if (size > fake.input_size)
		size = fake.input_size;
	if (size == 0)
		return 0;
	memcpy(bytes, fake.input, size);
	fake.input += size;
	fake.input_size -= size;
	return size;
}

void hal_console_info(struct exo_console_info *out)
{
	out->rows = fake.rows;
	out->columns = fake.columns;
	out->flags = fake.console_flags;
}

bool hal_entropy(void *bytes, uint64_t size)
{
	unsigned char *to = bytes;

	if (fake.entropy_fails)
		return false;
	for (uint64_t i = 0; i < size; i++) {
		/* xorshift64 (Marsaglia 2003): repeatable, which is the point here */
		fake.random ^= fake.random << 13;
		fake.random ^= fake.random >> 7;
		fake.random ^= fake.random << 17;
		to[i] = (unsigned char)(fake.random >> 56);
	}
	return true;
}

/* ---- Hashing ----------------------------------------------------------- */

static bool has_sha(void)
{
	static _Atomic int answer = -1; /* asking takes long */

	if (answer < 0)
		answer = x86_sha_present();
	return answer && !fake.no_sha;
}

bool hal_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count)
{
	if (has_sha())
		x86_sha256_blocks(state, blocks, count);
	return has_sha();
}

bool hal_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count)
{
	if (has_sha())
		x86_hmac_words(words, inner, outer, count);
	return has_sha();
}

/* ---- End --------------------------------------------------------------- */

void hal_halt(uint32_t status)
{
	fake.status = status;
	fake_end(FAKE_HALTED);
}

void hal_panic(const char *message)
{
	fake.panic = message;
	fprintf(stderr, "fake: panic: %s\n", message);
	fake_end(FAKE_PANICKED);
}

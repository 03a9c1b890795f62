/*
 * The scripted machine: boot, memory, time, events, console, entropy, end.
 */
#include <core/core.h>
#include <fake/fake.h>
#include <hal/x86/sha256.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

struct fake fake;

static _Alignas(4096) unsigned char arena[FAKE_FRAMES_MAX << EXO_FRAME_SHIFT];
static struct hal_boot_info info;
static jmp_buf end_jump;
static fake_libos_fn *libos_function;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.frame_count = 4096;
	fake.cmdline = "";
	fake.now_ns = 1000;
	fake.tick_ns = 1;
	fake.real_offset_ns = UINT64_C(1700000000000000000);
	fake.timer_at = UINT64_MAX;
	fake.random = UINT64_C(0x9e3779b97f4a7c15);
	fake.rows = 24;
	fake.columns = 80;
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

enum fake_end fake_boot(fake_libos_fn *libos)
{
	int how;

	info = (struct hal_boot_info){
		.first_frame = FAKE_FIRST_FRAME, .frame_count = fake.frame_count,
		.boot_ns = fake.now_ns, .cycles_per_ms = 1000000, .cpu_count = 1,
		.target = "fake", .cmdline = fake.cmdline,
	};
	image_place();
	libos_function = libos;
	how = setjmp(end_jump);
	if (how == 0)
		core_start();
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

	return core_call(number, args);
}

const struct hal_boot_info *hal_boot(void)
{
	return &info;
}

/* A frame outside the extent is a bug of the core, never of a caller. */
void *hal_phys_ptr(exo_frame_t frame)
{
	if (frame < info.first_frame || frame - info.first_frame >= info.frame_count) {
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

uint64_t hal_text_prepare(void *text, uint64_t size, exo_vaddr_t address)
{
	(void)text;
	(void)size;
	(void)address;
	return 0;
}

/* ---- Time and events --------------------------------------------------- */

uint64_t hal_time_ns(void)
{
	fake.now_ns += fake.tick_ns;
	return fake.now_ns;
}

uint64_t hal_time_real_ns(void)
{
	return hal_time_ns() + fake.real_offset_ns;
}

uint64_t hal_cycles(void)
{
	fake.cycles += 100;
	return fake.cycles;
}

void hal_timer_arm(uint64_t at_ns)
{
	fake.timer_at = at_ns;
}

uint32_t hal_cpu_id(void)
{
	return 0;
}

void hal_cpu_relax(uint32_t turn)
{
	(void)turn;
	sched_yield();
}

uint64_t hal_events_take(void)
{
	uint64_t events = fake.events;

	fake.events = 0;
	if (fake.timer_at <= fake.now_ns) {
		fake.timer_at = UINT64_MAX;
		events |= EXO_PEND_TIMER;
	}
	return events;
}

void hal_idle(uint64_t until_ns)
{
	uint64_t wake = until_ns < fake.timer_at ? until_ns : fake.timer_at;

	if (fake.events)
		return;
	if (wake == UINT64_MAX)
		fake_end(FAKE_STUCK);
	if (fake.now_ns < wake)
		fake.now_ns = wake;
}

/* ---- Console, entropy ------------------------------------------------- */

void hal_console_write(const void *bytes, uint64_t size)
{
	uint64_t room = sizeof(fake.output) - fake.output_size;

	if (size > room)
		size = room;
	memcpy(fake.output + fake.output_size, bytes, size);
	fake.output_size += size;
}

/* Nothing of the operator's is looked at. */
void hal_log_write(const void *bytes, uint64_t size)
{
	(void)bytes;
	(void)size;
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

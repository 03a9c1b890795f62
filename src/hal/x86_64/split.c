/*
 * Split mode ("cpus=2"): the kernel and the LibOS stay on the boot CPU, programs
 * run on a second one. Each CPU keeps its own CR3, so that a system call costs two
 * hand-overs through a cache line in place of two flushed TLBs. Under an emulator
 * without PCID a flush costs microseconds, a hand-over a few hundred nanoseconds.
 *
 * The core still sees one CPU: the boot CPU waits while the other one works, and
 * at any time only one of the two touches a context or a space. Whoever waits spins for a
 * little and then halts; the other one sends an interrupt when it sees that.
 *
 * A hand-over is quick only while both CPUs really run. So some are timed, and when
 * they cost more than the flushes would, programs run on the boot CPU for a while.
 */
#include <hal/x86_64/machine.h>

#define START_NS   UINT64_C(200000000)

/* As long as waking a halted CPU takes, about: then neither choice is far off. */
#define SPIN_NS UINT64_C(100000)
#define POLLS   64 /* looks at the word between two at the clock */

/* Hand-overs: one in SAMPLE_EVERY is timed, there and back (each in a trial, which must
 * end soon if it goes badly); WINDOW of them are judged by their mean. One slow one
 * alone (the host was away for a moment) condemns nothing. What a busy host does
 * changes within milliseconds: so pauses stay short. */
#define SAMPLE_EVERY  4
#define WINDOW        64
#define MEAN_NS       UINT64_C(16000) /* what two flushes cost under TCG */
#define SAMPLE_NS_MAX (WINDOW * MEAN_NS / 2)
#define STRIKES       2
#define PAUSE_NS_MIN  UINT64_C(5000000)
#define PAUSE_NS_MAX  UINT64_C(80000000)
#define GOOD_ENOUGH   16 /* windows in a row, then the pause is short again */

enum order { ORDER_RUN, ORDER_SAVE, ORDER_LEAVE };

extern const uint8_t ap_start[], ap_end[], ap_tables[], ap_stack[];
extern char early_pml4[];

/* Two cache lines that each have one writer; `asked` and `done` are counts. */
static struct {
	uint32_t asked __attribute__((aligned(64)));
	uint32_t boss_sleeps;
	uint32_t recalled; /* the order that shall end: its interrupt may have met a CPU that was just waking */
	enum order order;
	bool with_fp, timed;
	struct context *ctx;
	uint32_t done __attribute__((aligned(64)));
	uint32_t worker_sleeps;
	struct stop stop;
	uint64_t taken, finished; /* cycles, of an order that is timed */
	uint32_t worker_up __attribute__((aligned(64)));
} box;

/* The boss's judgement; cycles. */
static struct {
	bool here; /* programs run on the boot CPU for now */
	bool trial;
	uint32_t calls, samples, strikes, good;
	uint64_t sum, retry_at, pause;
} pace = { .pause = PAUSE_NS_MIN };

static struct cpu *worker;
static uint32_t boss_apic, worker_apic; /* ids */

static uint32_t get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

struct cpu *split_worker(void)
{
	return pace.here ? NULL : worker;
}

static uint64_t cycles(uint64_t ns)
{
	return ns * machine.boot.cycles_per_ms / 1000000;
}

/* Waits for *word to become `value`, or stop(). sleeps: tells the other CPU so. */
static void await(const uint32_t *word, uint32_t value, uint32_t *sleeps,
                  bool (*stop)(uint64_t), uint64_t until)
{
	uint64_t start = 0, now;

	for (;;) {
		for (unsigned i = 0; i < POLLS; i++) {
			if (get(word) == value)
				return;
		}
		if (stop && stop(until))
			return;
		now = tsc_read();
		if (start == 0)
			start = now;
		if (now - start < cycles(SPIN_NS))
			continue;
		put(sleeps, 1);
		/* The word last: stop() may have taken the interrupt that announces it. */
		if (!(stop && stop(until)) && get(word) != value)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		put(sleeps, 0);
	}
}

/* ---- The worker ---------------------------------------------------------- */

static void work(uint32_t turn)
{
	switch (box.order) {
	case ORDER_RUN:
		/* From here on interrupts are off till ring 3 is entered: one that comes now will stop it. */
		if (get(&box.recalled) == turn) {
			context_settle(box.ctx, false);
			box.stop = (struct stop){ .vector = VEC_KICK };
		} else {
			context_run(box.ctx, &box.stop);
		}
		break;
	case ORDER_SAVE:
		context_settle(box.ctx, box.with_fp);
		break;
	case ORDER_LEAVE:
		context_leave();
		break;
	}
}

EXO_NORETURN void split_main(void);

EXO_NORETURN void split_main(void)
{
	cr3_write(machine.kernel_pml4);
	trap_init_worker();
	cpu_init(&machine.can);
	isolation_join();
	apic_enable();
	this_cpu()->cr3 = machine.kernel_pml4;
	provoke(true);
	put(&box.worker_up, 1);
	for (uint32_t turn = 1;; turn++) {
		bool timed;

		await(&box.asked, turn, &box.worker_sleeps, NULL, 0);
		timed = box.timed;
		if (timed)
			box.taken = tsc_read();
		work(turn);
		if (timed)
			box.finished = tsc_read();
		put(&box.done, turn);
		if (get(&box.boss_sleeps))
			apic_send(boss_apic, VEC_KICK);
	}
}

/* ---- The boss ------------------------------------------------------------ */

static void give(enum order order)
{
	box.order = order;
	put(&box.asked, box.asked + 1);
	if (get(&box.worker_sleeps))
		apic_send(worker_apic, VEC_KICK);
}

static void finish(void)
{
	await(&box.done, box.asked, &box.boss_sleeps, NULL, 0);
}

/* Interrupts are taken here, as in hal_idle(), not in the middle of the spin:
 * then they come at one place only. */
static bool interrupted(uint64_t deadline)
{
	struct cpu *cpu = this_cpu();

	interrupts_take();
	if (cpu->armed_at == UINT64_MAX)
		timer_need(deadline < cpu->timer_at ? deadline : cpu->timer_at);
	return cpu->pending || hal_time_ns() >= deadline;
}

/* Takes the CPUs' time for one order, there and back. */
static void judge(uint64_t lost)
{
	uint64_t most = cycles(SAMPLE_NS_MAX);

	pace.sum += lost < most ? lost : most;
	pace.samples++;
	if (pace.sum > WINDOW * cycles(MEAN_NS)) {
		pace.strikes += pace.trial ? STRIKES : 1;
		pace.good = 0;
	} else if (pace.samples < WINDOW) {
		return;
	} else {
		pace.strikes = 0;
		pace.trial = false;
		if (++pace.good >= GOOD_ENOUGH)
			pace.pause = PAUSE_NS_MIN;
	}
	pace.samples = 0;
	pace.sum = 0;
}

void split_run(struct context *c, uint64_t deadline, struct stop *stop)
{
	uint64_t start = 0;
	bool timed = pace.trial || ++pace.calls % SAMPLE_EVERY == 0;

	box.ctx = c;
	box.timed = timed;
	if (timed)
		start = tsc_read();
	give(ORDER_RUN);
	await(&box.done, box.asked, &box.boss_sleeps, interrupted, deadline);
	if (get(&box.done) != box.asked) {
		put(&box.recalled, box.asked);
		apic_send(worker_apic, VEC_KICK);
		finish();
	}
	if (timed)
		judge(tsc_read() - start - (box.finished - box.taken));
	box.timed = false;
	*stop = box.stop;
}

void split_save(struct context *c, bool with_fp)
{
	box.ctx = c;
	box.with_fp = with_fp;
	give(ORDER_SAVE);
	finish();
}

void split_leave_space(void)
{
	give(ORDER_LEAVE);
	finish();
}

void split_stop(void)
{
	bool on_worker = this_cpu() == worker_cpu();

	if (on_worker || get(&box.worker_up))
		apic_send_nmi(on_worker ? boss_apic : worker_apic);
}

/* The CPU that is left keeps nothing of any program: neither vector state nor
 * segment bases nor translations, so each change of side begins clean. */
void split_choose(void)
{
	if (!worker)
		return;
	if (!pace.here && pace.strikes >= STRIKES) {
		split_leave_space();
		pace.here = true;
		pace.strikes = 0;
		pace.retry_at = hal_time_ns() + pace.pause;
		if (pace.pause < PAUSE_NS_MAX)
			pace.pause *= 2;
	} else if (pace.here && hal_time_ns() >= pace.retry_at) {
		context_leave();
		pace.here = false;
		pace.trial = true;
	}
}

/* ---- Start ---------------------------------------------------------------- */

/* Before memory_finish(); the page stays ours. */
void split_prepare(void)
{
	uint64_t cpus, page, words;
	uint8_t *to;

	if (!boot_option("cpus", &cpus) || cpus < 2 || !apic_here())
		return;
	boss_apic = apic_id();
	if (!acpi_other_cpu(boss_apic, &worker_apic))
		return;
	page = memory_carve(4096, 0x100000);
	to = phys_ptr(page);
	memcpy(to, ap_start, (uint64_t)(ap_end - ap_start));
	words = machine.image.start + ((uint64_t)(uintptr_t)early_pml4 - KERNEL_BASE);
	memcpy(to + (ap_tables - ap_start), &words, sizeof(words));
	words = stack_table[STACK_USES + STACK_MAIN].top;
	memcpy(to + (ap_stack - ap_start), &words, sizeof(words));
	machine.split_page = page;
	apic_reset_cpu(worker_apic);
}

void split_start(void)
{
	if (machine.split_page)
		apic_start_cpu(worker_apic, (uint32_t)(machine.split_page >> 12));
}

void split_join(void)
{
	uint64_t give_up = hal_time_ns() + START_NS;

	if (!machine.split_page)
		return;
	while (!get(&box.worker_up) && hal_time_ns() < give_up)
		;
	if (!get(&box.worker_up))
		return;
	machine.can.pcid = false; /* spaces are not shared between the CPUs anyway */
	if (machine.boottime)
		log_format("boottime: second CPU, APIC id %u\n", worker_apic);
	worker = worker_cpu();
}

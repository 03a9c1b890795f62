/*
 * The hosted HAL with several CPUs: host threads that enter contexts, while another one changes what these
 * run in. Without the core: what the core's lock guarantees (one change of a space at a time) this
 * test keeps to by itself.
 *
 *   build/stress-thread/hosted_cpus [ROUNDS]
 */
#include <hal/hosted/hosted.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY (UINT64_C(32) << 20)
#define CODE   UINT64_C(0x400000)
#define DATA   UINT64_C(0x500000)
#define FUND   32
#define CPUS   3 /* 0 changes, 1 and 2 run */
#define FOREVER (UINT64_C(1) << 62)

#define REQUIRE(condition)                                                                        \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "hosted_cpus: %s:%d: not true: %s\n", __func__, __LINE__, #condition); \
			host_zones_end();                                                         \
			_exit(1);                                                                 \
		}                                                                                 \
	} while (0)

/* One space with a program that counts in its memory and never stops by itself. */
struct world {
	struct hal_pool pool;
	struct hal_space space;
	struct hal_ctx ctx[2];
	struct exo_ctx_page *page[2];
	exo_frame_t data;
};

struct running {
	pthread_t thread;
	struct hal_ctx *ctx;
	uint32_t cpu;
	uint64_t ns; /* quantum; 0: for ever */
	struct hal_trap trap;
};

static exo_frame_t first_free, next_frame;

EXO_NORETURN void libos_start(const struct exo_boot *boot);
void libos_start(const struct exo_boot *boot)
{
	(void)boot;
	hal_halt(1);
}

static exo_frame_t take(void)
{
	memset(hal_phys_ptr(next_frame), 0, EXO_FRAME_SIZE);
	return next_frame++;
}

static void world_make(struct world *world)
{
	/* counter of context k: lock incl DATA + 4 * k; again */
	static const uint8_t code[] = {0xf0, 0xff, 0x04, 0x25, 0x00, 0x00, 0x50, 0x00, 0xeb, 0xf6};
	exo_frame_t text = take();

	memset(world, 0, sizeof(*world));
	world->data = take();
	for (unsigned i = 0; i < FUND; i++)
		hal_pool_give(&world->pool, take());
	REQUIRE(hal_space_init(&world->space, &world->pool) == EXO_OK);
	for (unsigned k = 0; k < 2; k++) {
		uint8_t *at = (uint8_t *)hal_phys_ptr(text) + 32 * k;

		memcpy(at, code, sizeof(code));
		at[4] = (uint8_t)(4 * k);
		world->page[k] = hal_phys_ptr(take());
		hal_ctx_init(&world->ctx[k], &world->space, world->page[k]);
		world->page[k]->regs.rip = CODE + 32 * k;
		world->page[k]->load = EXO_CTX_GPRS | EXO_CTX_FP;
	}
	hal_space_map(&world->space, CODE, text, 1, EXO_PROT_READ | EXO_PROT_EXEC, &world->pool);
	hal_space_map(&world->space, DATA, world->data, 1, EXO_PROT_READ | EXO_PROT_WRITE, &world->pool);
}

static void unmap(struct world *world, exo_vaddr_t from, exo_vaddr_t end)
{
	exo_frame_t frames[8];
	uint32_t words = UINT32_MAX;

	while (from < end)
		hal_space_unmap(&world->space, &from, end, frames, 8, &words, &world->pool);
}

static void world_end(struct world *world)
{
	for (unsigned k = 0; k < 2; k++)
		hal_ctx_fini(&world->ctx[k]);
	hal_space_stop(&world->space);
	unmap(world, 0, EXO_USER_LIMIT);
	hal_space_destroy(&world->space, &world->pool);
	next_frame = first_free;
}

static uint32_t counter(const struct world *world, unsigned k)
{
	return __atomic_load_n((const uint32_t *)hal_phys_ptr(world->data) + k, __ATOMIC_RELAXED);
}

static void pause_ms(unsigned ms)
{
	struct timespec time = {0, (long)ms * 1000000};

	nanosleep(&time, 0);
}

static void await_counter(const struct world *world, unsigned k)
{
	uint32_t before = counter(world, k);

	while (counter(world, k) == before)
		pause_ms(1);
}

static void *run(void *argument)
{
	struct running *running = argument;

	host_cpu_become(running->cpu);
	hal_ctx_enter(running->ctx, running->ns ? hal_time_ns() + running->ns : FOREVER, &running->trap);
	return 0;
}

static void start(struct running *running, struct world *world, unsigned k, uint32_t cpu, uint64_t ns)
{
	*running = (struct running){.ctx = &world->ctx[k], .cpu = cpu, .ns = ns};
	REQUIRE(pthread_create(&running->thread, 0, run, running) == 0);
}

static uint32_t stop(struct running *running)
{
	pthread_join(running->thread, 0);
	return running->trap.event;
}

/* Told to come back, it does, and can go on. */
static void test_kick(void)
{
	struct world world;
	struct running running;

	world_make(&world);
	for (unsigned i = 0; i < 3; i++) {
		start(&running, &world, 0, 1, 0);
		await_counter(&world, 0);
		hal_kick(1);
		REQUIRE(stop(&running) == EXO_EV_PENDING);
	}
	/* A kick that came before it is not lost. */
	hal_kick(1);
	start(&running, &world, 0, 1, 0);
	REQUIRE(stop(&running) == EXO_EV_PENDING);
	world_end(&world);
}

/* Memory that is taken away while it counts there: out of reach when the flush returns. */
static void test_unmap(void)
{
	struct world world;
	struct running running;
	uint32_t at;

	world_make(&world);
	start(&running, &world, 0, 1, 0);
	await_counter(&world, 0);
	unmap(&world, DATA, DATA + EXO_FRAME_SIZE);
	hal_space_flush(&world.space);
	at = counter(&world, 0);
	REQUIRE(stop(&running) == EXO_EV_FAULT && running.trap.address == DATA);
	REQUIRE(counter(&world, 0) == at);
	/* And given back while nobody runs: it goes on. */
	hal_space_map(&world.space, DATA, world.data, 1, EXO_PROT_READ | EXO_PROT_WRITE, &world.pool);
	start(&running, &world, 0, 1, UINT64_C(5000000));
	REQUIRE(stop(&running) == EXO_EV_QUANTUM && counter(&world, 0) > at);
	world_end(&world);
}

/* What is mapped, looked up and copied while a program of the space runs does not disturb it. */
static void test_changes(void)
{
	struct world world;
	struct running running;
	exo_frame_t more, frame;
	uint32_t flags;
	uint64_t word = 1;

	world_make(&world);
	more = take();
	start(&running, &world, 0, 1, 0);
	await_counter(&world, 0);
	for (unsigned i = 0; i < 20; i++) {
		exo_vaddr_t at = DATA + (1 + i % 4) * EXO_FRAME_SIZE;

		hal_space_map(&world.space, at, more, 1, EXO_PROT_READ | EXO_PROT_WRITE, &world.pool);
		REQUIRE(hal_space_query(&world.space, at, &frame, &flags) && frame == more);
		REQUIRE(hal_copy_out(&world.space, at, &word, sizeof(word)));
		hal_space_protect(&world.space, at, 1, EXO_PROT_READ);
		unmap(&world, at, at + EXO_FRAME_SIZE);
		hal_space_flush(&world.space);
		REQUIRE(!hal_copy_in(&world.space, &word, at, sizeof(word)));
	}
	await_counter(&world, 0);
	hal_kick(1);
	REQUIRE(stop(&running) == EXO_EV_PENDING);
	world_end(&world);
}

/* Two spaces run at once; two contexts of one space take turns. */
static void test_two(void)
{
	struct world one, two;
	struct running first, second;

	world_make(&one);
	world_make(&two);
	start(&first, &one, 0, 1, 0);
	start(&second, &two, 0, 2, 0);
	await_counter(&one, 0);
	await_counter(&two, 0);
	hal_kick(1);
	hal_kick(2);
	REQUIRE(stop(&first) == EXO_EV_PENDING && stop(&second) == EXO_EV_PENDING);
	start(&first, &one, 0, 1, UINT64_C(20000000));
	start(&second, &one, 1, 2, 0);
	await_counter(&one, 1);
	hal_kick(2);
	REQUIRE(stop(&first) == EXO_EV_QUANTUM && stop(&second) == EXO_EV_PENDING);
	world_end(&two);
	world_end(&one);
}

/* Its process dies: whoever is in there hears of it. */
static void test_death(void)
{
	struct world world;
	struct running running;
	int pid;

	world_make(&world);
	pid = space_of(&world.space)->zone->pid;
	start(&running, &world, 0, 1, 0);
	await_counter(&world, 0);
	kill(pid, SIGKILL);
	REQUIRE(stop(&running) == EXO_EV_DEAD);
	world_end(&world);
}

static void test_idle(void)
{
	struct world world;
	uint64_t before = hal_time_ns();

	world_make(&world);
	hal_kick(0);
	hal_idle(before + UINT64_C(10000000000));
	REQUIRE(hal_time_ns() - before < UINT64_C(5000000000));
	world_end(&world);
}

int main(int argc, char **argv)
{
	static struct options options = {.memory = MEMORY, .cpus = CPUS};
	static void (*const tests[])(void) = {test_kick, test_unmap, test_changes, test_two, test_death, test_idle};
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], 0, 0) : 3;
	const char *message = "";

	if (!host_machine_start(&options, &message)) {
		fprintf(stderr, "hosted_cpus: %s\n", message);
		return 1;
	}
	alarm(240);
	host_cpu_become(0);
	first_free = next_frame = hal_boot()->first_frame;
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < sizeof(tests) / sizeof(*tests); i++)
			tests[i]();
	host_zones_end();
	printf("hosted_cpus: ok, %u rounds\n", rounds);
	return 0;
}

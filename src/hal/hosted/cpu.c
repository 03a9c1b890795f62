/*
 * CPUs as host threads. CPU 0 is the main thread: it has the first LibOS, the console and the host's
 * signals. The others run core_cpu_start() with all signals blocked but SIG_KICK, which does nothing
 * except to end a sleep.
 *
 * With one CPU (the default) no lock is ever taken: `several` is false.
 */
#include "hosted.h"

#include <core/core.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define SIG_KICK     SIGUSR2
#define RELAX_SPINS  200
#define RELAX_YIELDS 50
#define RELAX_NS     50000

bool host_several;
static _Thread_local uint32_t this_cpu;
static struct {
	pthread_t thread;
	_Atomic bool started;
	_Atomic bool kicked;
} cpus[HOST_CPUS_MAX];

GUARD_UNCHECKED void host_lock_take(struct host_lock *lock)
{
	if (host_several)
		pthread_mutex_lock(&lock->mutex);
}

GUARD_UNCHECKED void host_lock_give(struct host_lock *lock)
{
	if (host_several)
		pthread_mutex_unlock(&lock->mutex);
}

void host_lock_init(struct host_lock *lock)
{
	pthread_mutex_init(&lock->mutex, 0);
}

void host_lock_fini(struct host_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

uint32_t hal_cpu_id(void)
{
	return this_cpu;
}

/* A host thread that holds the lock may have lost its core: then looking on does not help. */
void hal_cpu_relax(uint32_t turn)
{
	struct timespec pause = {0, RELAX_NS};

	if (turn < RELAX_SPINS)
		__builtin_ia32_pause();
	else if (turn < RELAX_SPINS + RELAX_YIELDS)
		sched_yield();
	else
		nanosleep(&pause, 0);
}

/* The flag first: whoever is about to sleep looks at it with the signal blocked (hal_idle()), or
 * sleeps for a few ms at most (sleep_on()). */
void hal_kick(uint32_t cpu)
{
	atomic_store(&cpus[cpu].kicked, true);
	if (cpu != this_cpu && atomic_load(&cpus[cpu].started))
		pthread_kill(cpus[cpu].thread, SIG_KICK);
}

void host_cpu_wake(void)
{
	if (atomic_load(&cpus[0].started))
		pthread_kill(cpus[0].thread, SIG_KICK);
}

bool host_cpu_is_kicked(void)
{
	return atomic_load_explicit(&cpus[this_cpu].kicked, memory_order_acquire);
}

void host_cpu_kick_end(void)
{
	if (host_several && host_cpu_is_kicked())
		atomic_store(&cpus[this_cpu].kicked, false);
}

static void on_kick(int number)
{
	(void)number;
}

void host_cpu_become(uint32_t cpu)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	struct sigaction action = {.sa_handler = on_kick, .sa_flags = SA_RESTART}; /* sleeps are not restarted */
	sigset_t blocked;

	this_cpu = cpu;
	sigaction(SIG_KICK, &action, 0);
	if (cpu != 0) {
		sigfillset(&blocked);
		sigdelset(&blocked, SIG_KICK);
		for (unsigned i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
			sigdelset(&blocked, crashes[i]);
		pthread_sigmask(SIG_SETMASK, &blocked, 0);
		host_time_cpu_start();
	}
	cpus[cpu].thread = pthread_self();
	atomic_store(&cpus[cpu].started, true);
}

static void *cpu_main(void *number)
{
	host_cpu_become((uint32_t)(uintptr_t)number);
	core_cpu_start();
}

void host_cpus_start(void)
{
	sigset_t all, before;

	host_cpu_become(0);
	if (!host_several)
		return;
	/* A new thread has the mask of its maker: the host's signals must not come to it, not even once. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (uint32_t i = 1; i < host_machine.boot.cpu_count; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, 0, cpu_main, (void *)(uintptr_t)i);

		if (error)
			hal_panic(strerror(error));
		pthread_detach(thread);
		for (uint32_t turn = 0; !atomic_load(&cpus[i].started); turn++)
			hal_cpu_relax(turn);
	}
	pthread_sigmask(SIG_SETMASK, &before, 0);
}

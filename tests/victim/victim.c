/*
 * A victim: computes checksums, serves pipes and sleeps, for some seconds, beside an attacker.
 *
 * victim SECONDS RATE [ATTACKER ARGUMENT...]   RATE: checksums per second without an attacker, 0: this is that run
 * Prints "rate RATE share PERCENT late MS pipes COUNT right|WRONG"; share: of what it had alone.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_NS 5000000
#define BLOCK    4096

static struct {
	volatile uint64_t sums, wrong, pipes, late_ns;
} *seen;
static uint64_t until;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t checksum(const uint8_t *bytes)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (int round = 0; round < 16; round++)
		for (int i = 0; i < BLOCK; i++)
			sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static void computes(void)
{
	static uint8_t bytes[BLOCK];
	uint64_t want;

	for (int i = 0; i < BLOCK; i++)
		bytes[i] = (uint8_t)(i * 37 + (i >> 5));
	want = checksum(bytes);
	while (now() < until) {
		seen->wrong += checksum(bytes) != want;
		seen->sums++;
	}
	_exit(0);
}

static void serves(void)
{
	int there[2], back[2];
	uint64_t value = 0, answer;

	if (pipe(there) != 0 || pipe(back) != 0)
		_exit(1);
	if (fork() == 0) {
		close(there[1]);
		while (read(there[0], &value, sizeof(value)) == sizeof(value)) {
			value = ~value;
			if (write(back[1], &value, sizeof(value)) != sizeof(value))
				break;
		}
		_exit(0);
	}
	while (now() < until) {
		struct timespec pause = {0, 2 * SLEEP_NS};

		value = seen->pipes * UINT64_C(0x9e3779b97f4a7c15);
		if (write(there[1], &value, sizeof(value)) != sizeof(value) || read(back[0], &answer, sizeof(answer)) != sizeof(answer) ||
		    answer != ~value)
			seen->wrong++;
		seen->pipes++;
		nanosleep(&pause, 0);
	}
	close(there[1]);
	wait(0);
	_exit(0);
}

static void sleeps(void)
{
	while (now() < until) {
		struct timespec pause = {0, SLEEP_NS};
		uint64_t start = now(), late;

		nanosleep(&pause, 0);
		late = now() - start - SLEEP_NS;
		if ((int64_t)late < 0)
			seen->wrong++;
		else if (late > seen->late_ns)
			seen->late_ns = late;
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	static void (*const jobs[])(void) = {computes, serves, sleeps};
	uint64_t seconds = argc > 1 ? strtoull(argv[1], 0, 0) : 1, rate = argc > 2 ? strtoull(argv[2], 0, 0) : 0, had;
	pid_t attacker = 0, pids[3];

	seen = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc > 3 && (attacker = fork()) == 0) {
		setpgid(0, 0);
		if (setgid(1000) != 0 || setuid(1000) != 0)
			_exit(1);
		execv(argv[3], argv + 3);
		_exit(1);
	}
	until = now() + seconds * 1000000000;
	for (int i = 0; i < 3; i++)
		if ((pids[i] = fork()) == 0)
			jobs[i]();
	for (int i = 0; i < 3; i++) {
		int status = 1;

		waitpid(pids[i], &status, 0);
		seen->wrong += status != 0;
	}
	if (attacker) {
		kill(-attacker, SIGKILL);
		kill(attacker, SIGKILL);
	}
	had = seen->sums / (seconds ? seconds : 1);
	printf("rate %llu share %llu late %llu pipes %llu %s\n", (unsigned long long)had, (unsigned long long)(rate ? had * 100 / rate : 100),
	       (unsigned long long)(seen->late_ns / 1000000), (unsigned long long)seen->pipes, seen->wrong ? "WRONG" : "right");
	return seen->wrong != 0;
}

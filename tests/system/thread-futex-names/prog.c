/* Which futex is which: private and shared ones, addresses with nothing behind them, counts of requeue and wake-op. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>

static int a, b;

static long futex(void *address, int op, long value, long value2, void *second, long value3)
{
	return syscall(SYS_futex, address, op, value, value2, second, value3);
}

static volatile pid_t tid[4];

struct waiter {
	int number, private;
};

static void *waits(void *arg)
{
	const struct waiter *w = arg;

	tid[w->number] = (pid_t)syscall(SYS_gettid);
	futex(&a, FUTEX_WAIT | (w->private ? FUTEX_PRIVATE_FLAG : 0), 0, 0, NULL, 0);
	return NULL;
}

static int asleep(pid_t thread)
{
	char name[64], line[256], *state;
	int fd;
	long n;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", thread);
	fd = open(name, O_RDONLY);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = 0;
	state = strrchr(line, ')');
	return state && state[2] == 'S';
}

/* Comes back when all of them wait. */
static void start(pthread_t *t, int n, int private)
{
	static struct waiter w[4];

	for (int i = 0; i < n; i++) {
		w[i] = (struct waiter){ i, private };
		tid[i] = 0;
		pthread_create(t + i, NULL, waits, &w[i]);
	}
	for (int i = 0; i < n; i++)
		while (!tid[i] || !asleep(tid[i]))
			pause_ms(1);
}

int main(void)
{
	char *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t t[4];

	start(t, 4, 1);
	CHECK("a shared wake does not reach private waiters", futex(&a, FUTEX_WAKE, 9, 0, NULL, 0) == 0);
	CHECK("requeue counts those that it woke and those that it moved", futex(&a, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 2, &b, 0) == 3);
	CHECK("two are at the other", futex(&b, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, 0, NULL, 0) == 2);
	CHECK("one is left", futex(&a, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0, 0, NULL, 0) == 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	start(t, 1, 0);
	CHECK("nor a private one shared waiters", futex(&a, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, 0, NULL, 0) == 0);
	CHECK("which a shared one does", futex(&a, FUTEX_WAKE, 9, 0, NULL, 0) == 1);
	pthread_join(t[0], NULL);

	munmap(gone, 4096);
	CHECK("a private wake needs no memory", futex(gone, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, NULL, 0) == 0);
	FAILS("a shared one does", EFAULT, futex(gone, FUTEX_WAKE, 1, 0, NULL, 0));
	FAILS("no address of a program's", EFAULT, futex((void *)0x800000000000, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, NULL, 0));
	FAILS("an odd one", EINVAL, futex(gone + 1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, NULL, 0));
	b = 5;
	CHECK("wake-op changes the second, whoever waits at the first",
	      futex(NULL, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, &b, FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_EQ, 5)) == 0 && b == 7);
	FAILS("but it must be there", EFAULT,
	      futex(&a, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, gone, FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_EQ, 5)));
	FAILS("requeue compares what is there", EFAULT, futex(gone, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 1, &b, 0));
	DONE();
}

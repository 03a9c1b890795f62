/* Calls on /dev/null and /dev/zero that FeuerBird answers without its LibOS once they are frequent:
 * all of it must be as if it did not. */
#include "check.h"
#include <sys/mman.h>

#define OFTEN 3000
/* Of the simulator's stub, which a program must not reach by a call either. */
#define STUB ((void *)0x7fff00110000)

static volatile int alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

static int null, zero;
static char *buffer;

static void often(const char *what, ssize_t (*call)(void), ssize_t expected, int error)
{
	int wrong = 0;

	for (int i = 0; i < OFTEN; i++) {
		errno = 0;
		wrong += call() != expected || errno != error;
	}
	CHECK(what, wrong == 0);
}

static ssize_t write_null(void) { return write(null, "x", 1); }
static ssize_t write_zero(void) { return write(zero, "xyz", 3); }
static ssize_t write_wild(void) { return write(null, (void *)8, 10); }
static ssize_t write_negative(void) { return write(null, buffer, (size_t)-1); }
static ssize_t read_null(void) { return read(null, buffer, 5); }
static ssize_t read_null_wild(void) { return read(null, (void *)8, 5); }
static ssize_t read_stub(void) { return read(zero, STUB, 8); }
static ssize_t read_low(void) { return read(zero, (void *)8, 8); }
static ssize_t read_constant(void) { return read(zero, buffer + 8192, 1); }
static ssize_t read_nothing(void) { return read(zero, (void *)8, 0); }

/* Any size, any place, pages that were never touched and pages that are shared with a child. */
static int zeroes_everywhere(void)
{
	int good = 1;

	for (int i = 0; i + 600 < 1 << 20; i += 601) {
		size_t size = (size_t)i % 599;
		char *at = buffer + 16384 + i;

		at[-1] = at[size] = 'x';
		if (i & 1)
			memset(at, 'y', size);
		good &= read(zero, at, size) == (ssize_t)size && at[-1] == 'x' && at[size] == 'x';
		for (size_t k = 0; k < size; k++)
			good &= at[k] == 0;
	}
	return good;
}

int main(void)
{
	pid_t child;
	int file, copy, status;

	buffer = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(buffer + 8192, 4096, PROT_READ);
	null = open("/dev/null", O_RDWR);
	zero = open("/dev/zero", O_RDWR);
	often("write to null", write_null, 1, 0);
	often("write to zero", write_zero, 3, 0);
	often("null does not look", write_wild, 10, 0);
	often("more than there can be", write_negative, -1, EFAULT);
	often("null is empty", read_null, 0, 0);
	often("wherever that would go", read_null_wild, 0, 0);
	CHECK("zeroes everywhere", zeroes_everywhere());
	memset(buffer + 16384, 'z', 1 << 20);
	child = fork();
	if (child == 0)
		_exit(!zeroes_everywhere());
	status = wait_status(child);
	CHECK("in a child, too, and not in its parent", EXITED(status, 0) && buffer[16384] == 'z' && buffer[20000] == 'z');
	often("nothing is read anywhere", read_nothing, 0, 0);
	often("not into the stub", read_stub, -1, EFAULT);
	often("nor to the very beginning", read_low, -1, EFAULT);
	often("nor where nothing may be written", read_constant, -1, EFAULT);

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, NULL);
	for (status = 0; alarms < 10 && !status; )
		status = write_null() != 1;
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	CHECK("signals come in between", status == 0);

	copy = dup(null);
	file = open("f", O_CREAT | O_RDWR, 0600);
	CHECK("another file in its place", dup2(file, null) == null && write_null() == 1 && lseek(file, 0, SEEK_END) == 1);
	CHECK("and back", dup2(copy, null) == null && write_null() == 1 && lseek(file, 0, SEEK_END) == 1);
	close(null);
	often("closed", write_null, -1, EBADF);
	null = open("/dev/null", O_RDONLY);
	often("only to be read", write_null, -1, EBADF);
	close(zero);
	zero = open("/dev/zero", O_WRONLY);
	often("only to be written", read_nothing, -1, EBADF);
	DONE();
}

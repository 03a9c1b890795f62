/*
 * Disks: files of the host. One thread does what is asked, in order, and CPU 0 is told.
 *
 * A file is locked as long as it is used: shared by those who only read, else for this simulator alone. The lock belongs to the
 * open file, so it ends with this process, however that ends. QEMU locks single bytes of its images from 100 on; readers
 * here stay below that, so that they and QEMU's readers do not take each other for writers.
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READERS_LOCK 100 /* bytes */
#define QEMU_WRITES  101 /* the byte that QEMU has locked if it may write */

static struct {
	int fd;
	bool writable;
} disks[HAL_DISKS];
static uint32_t disk_count;

/* All of it with the lock, but for `finished`, which may be looked at without. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	_Atomic bool runs; /* the thread */
	struct exo_disk_request requests[HAL_TRANSFERS];
	uint32_t queue[HAL_TRANSFERS], head, tail; /* numbers of those that wait */
	uint32_t finished, failed;                 /* bits */
	bool told;                                 /* hal_events_take() has */
} work = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

/* ---- start ---- */

/* False: errno. */
static bool lock(int fd, bool writable)
{
	struct flock own = {.l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_len = writable ? 0 : READERS_LOCK};
	struct flock qemu = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_WRITES, .l_len = 1};

	if (fcntl(fd, F_OFD_SETLK, &own) != 0)
		return false;
	if (!writable && fcntl(fd, F_OFD_GETLK, &qemu) == 0 && qemu.l_type != F_UNLCK) {
		errno = EAGAIN;
		return false;
	}
	return true;
}

static const char *open_disk(const char *path, bool writable)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK); /* a FIFO is not waited for */
	struct stat status;

	if (fd < 0 && (errno == EACCES || errno == EROFS) && writable)
		return "may not be written; ',ro' behind its name makes a disk that is only read";
	if (fd < 0 || fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "not a regular file";
	if ((uint64_t)status.st_size < EXO_FRAME_SIZE)
		return "smaller than one block of 4096 bytes";
	if (!lock(fd, writable))
		return errno == EAGAIN || errno == EACCES ? "in use by another simulator or by QEMU" : strerror(errno);
	host_confine_allow(SYS_pread64, fd);
	host_confine_allow(SYS_fdatasync, fd);
	if (writable)
		host_confine_allow(SYS_pwrite64, fd);
	disks[disk_count].fd = fd;
	disks[disk_count].writable = writable;
	host_machine.boot.disks[disk_count++] = (struct hal_disk){
		(uint64_t)status.st_size >> EXO_FRAME_SHIFT, writable,
	};
	return 0;
}

bool host_disk_add(const char *option, const char **message)
{
	static const char read_only[] = ",ro";
	size_t size = strlen(option), tail = sizeof(read_only) - 1;
	bool writable = size < tail || strcmp(option + size - tail, read_only) != 0;
	char path[4096];

	size -= writable ? 0 : tail;
	*message = size == 0 ? "no file is named" : size >= sizeof(path) ? strerror(ENAMETOOLONG) : 0;
	if (*message)
		return false;
	memcpy(path, option, size);
	path[size] = 0;
	*message = open_disk(path, writable);
	return !*message;
}

/* ---- the thread ---- */

/* All of it, or it has failed. */
static bool move(const struct exo_disk_request *request)
{
	int fd = disks[request->first >> EXO_DISK_SHIFT].fd;
	off_t at = (off_t)((request->first & EXO_DISK_BLOCK) << EXO_FRAME_SHIFT);
	uint64_t left = (uint64_t)request->count << EXO_FRAME_SHIFT;
	uint8_t *bytes;

	if (request->op == EXO_DISK_FLUSH)
		return fdatasync(fd) == 0;
	bytes = hal_phys_ptr(request->frame);
	while (left) {
		ssize_t done = request->op == EXO_DISK_WRITE ? pwrite(fd, bytes, left, at) : pread(fd, bytes, left, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false; /* 0: the file has become shorter */
		bytes += done;
		at += done;
		left -= (uint64_t)done;
	}
	return true;
}

static void *disk_main(void *unused)
{
	(void)unused;
	work.runs = true;
	pthread_mutex_lock(&work.lock);
	for (;;) {
		uint32_t number;
		bool good;

		while (work.head == work.tail)
			pthread_cond_wait(&work.more, &work.lock);
		number = work.queue[work.head++ % HAL_TRANSFERS];
		pthread_mutex_unlock(&work.lock);
		good = move(&work.requests[number]);
		pthread_mutex_lock(&work.lock);
		if (!good)
			work.failed |= UINT32_C(1) << number;
		__atomic_fetch_or(&work.finished, UINT32_C(1) << number, __ATOMIC_RELEASE);
		work.told = false;
		host_cpu_wake();
	}
	return 0;
}

void host_disks_start(void)
{
	sigset_t all, before;
	pthread_t thread;

	if (disk_count == 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, 0, disk_main, 0) == 0) {
		pthread_detach(thread);
		for (uint32_t turn = 0; !work.runs; turn++)
			hal_cpu_relax(turn);
	}
	pthread_sigmask(SIG_SETMASK, &before, 0);
}

/* ---- for the core ---- */

enum exo_status hal_disk_submit(uint32_t number, const struct exo_disk_request *request)
{
	if (!work.runs)
		return EXO_E_DEVICE;
	pthread_mutex_lock(&work.lock);
	work.requests[number] = *request;
	work.queue[work.tail++ % HAL_TRANSFERS] = number;
	pthread_cond_signal(&work.more);
	pthread_mutex_unlock(&work.lock);
	return EXO_OK;
}

static bool something_finished(void)
{
	return __atomic_load_n(&work.finished, __ATOMIC_ACQUIRE) != 0;
}

bool hal_disk_take(uint32_t *number, enum exo_status *status)
{
	bool found = something_finished();

	if (!found)
		return false;
	pthread_mutex_lock(&work.lock);
	found = work.finished != 0;
	if (found) {
		*number = (uint32_t)__builtin_ctz(work.finished);
		*status = work.failed >> *number & 1 ? EXO_E_DEVICE : EXO_OK;
		work.failed &= ~(UINT32_C(1) << *number);
		__atomic_fetch_and(&work.finished, ~(UINT32_C(1) << *number), __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&work.lock);
	return found;
}

/* Has something finished that hal_events_take() has not told of? tell: now it does. */
static bool untold(bool tell)
{
	bool found;

	if (!something_finished())
		return false;
	pthread_mutex_lock(&work.lock);
	found = work.finished && !work.told;
	work.told |= tell;
	pthread_mutex_unlock(&work.lock);
	return found;
}

bool host_disk_pending(void)
{
	return untold(false);
}

bool host_disk_event(void)
{
	return untold(true);
}

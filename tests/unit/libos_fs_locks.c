/* Record locks of three owners against a model: for each byte, who holds it and how. */
#include "libos_fs_world.h"

#define OWNERS 3
#define BYTES  48

struct user_flock {
	int16_t type, whence;
	int64_t start, length;
	int32_t pid;
};

static struct process owner[OWNERS];
static struct thread threads[OWNERS];
static uint8_t held[OWNERS][BYTES]; /* 0, or F_RDLCK + 1, F_WRLCK + 1 */

static int call(int who, struct file *file, int command, struct user_flock *lock, uint64_t at)
{
	cr_assert_eq(user_write(world.process.space, at, lock, sizeof(*lock)), 0);
	int r = lock_record(&threads[who], file, command, at);
	cr_assert_eq(user_read(world.process.space, lock, at, sizeof(*lock)), 0);
	return r;
}

static bool conflicts(int who, int type, int64_t start, int64_t end, int64_t *first)
{
	for (int64_t i = start; i <= end; i++) {
		for (int o = 0; o < OWNERS; o++) {
			if (o != who && held[o][i] && (type == F_WRLCK || held[o][i] == F_WRLCK + 1)) {
				*first = i;
				return true;
			}
		}
	}
	return false;
}

static void step(struct file *file, uint64_t at)
{
	static const int16_t types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	int who = (int)random_below(OWNERS);
	int64_t start = (int64_t)random_below(BYTES), end = start + (int64_t)random_below((uint64_t)(BYTES - start)), first;
	struct user_flock lock = { types[random_below(3)], SEEK_SET, start, end - start + 1, 0 };
	int16_t type = lock.type;
	if (random_below(4) == 0 && type != F_UNLCK) {
		cr_assert_eq(call(who, file, F_GETLK, &lock, at), 0);
		if (!conflicts(who, type, start, end, &first)) {
			cr_assert_eq(lock.type, F_UNLCK);
			return;
		}
		cr_assert(lock.start <= first && first < lock.start + lock.length);
		cr_assert_neq(lock.pid, owner[who].pid);
		return;
	}
	bool refuse = type != F_UNLCK && conflicts(who, type, start, end, &first);
	cr_assert_eq(call(who, file, F_SETLK, &lock, at), refuse ? -EAGAIN : 0);
	for (int64_t i = start; !refuse && i <= end; i++)
		held[who][i] = type == F_UNLCK ? 0 : (uint8_t)(type + 1);
}

WORLD_TEST(libos_fs_locks, model)
{
	struct file *file;
	struct vm_space *space = vm_space_new("locks");
	cr_assert_not_null(space);
	world.process.space = space;
	int64_t at = vm_mmap(space, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	cr_assert_gt(at, 0);
	cr_assert_eq(do_open("/f", O_RDWR | O_CREAT, &file), 0);
	memset(held, 0, sizeof(held));
	for (int i = 0; i < OWNERS; i++) {
		owner[i] = world.process;
		owner[i].pid = i + 1;
		owner[i].fds = fd_table_new();
		threads[i] = world.thread;
		threads[i].process = &owner[i];
		file_get(file);
		cr_assert_eq(fd_install(owner[i].fds, file, 0, false, 10), 0);
	}
	for (int i = 0; i < 20000; i++)
		step(file, (uint64_t)at);
	/* Closing drops the owner's locks and nobody else's. */
	fd_table_put(owner[0].fds);
	memset(held[0], 0, BYTES);
	for (int64_t i = 0; i < BYTES; i++) {
		struct user_flock lock = { F_WRLCK, SEEK_SET, i, 1, 0 };
		int64_t first;
		cr_assert_eq(call(1, file, F_GETLK, &lock, (uint64_t)at), 0);
		cr_assert_eq(lock.type != F_UNLCK, conflicts(1, F_WRLCK, i, i, &first));
	}
	fd_table_put(owner[1].fds);
	fd_table_put(owner[2].fds);
	cr_expect_null(file->path.inode->locks);
	file_put(file);
	world.process.space = NULL;
	vm_space_put(space);
}

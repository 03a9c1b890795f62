/* Pipes against a model (a queue of buffers of a page at most), descriptor tables, and poll's view of both ends. */
#include "libos_fs_world.h"

#include <libos/fs/pipe.h>

#define QUEUE   (1u << 21)
#define BUFFERS 16u

/* What Linux has of a pipe: which bytes of its page each buffer has. */
static struct {
	uint64_t first, count;
	struct {
		uint64_t start, size;
		bool packet;
	} buffer[BUFFERS];
} model;

#define MODEL(n) model.buffer[(model.first + (n)) % BUFFERS]

/* How many bytes of a write go in. */
static uint64_t model_write(uint64_t size, bool packet)
{
	uint64_t done = 0, rest = size % PAGE_SIZE;
	if (rest && model.count && !MODEL(model.count - 1).packet && MODEL(model.count - 1).start + MODEL(model.count - 1).size + rest <= PAGE_SIZE) {
		MODEL(model.count - 1).size += rest;
		done = rest;
	}
	while (done < size && model.count < BUFFERS) {
		uint64_t n = size - done < PAGE_SIZE ? size - done : PAGE_SIZE;
		MODEL(model.count).start = 0;
		MODEL(model.count).size = n;
		MODEL(model.count).packet = packet;
		model.count++;
		done += n;
	}
	return done;
}

/* How many bytes a read gets; *lost: how many behind these go with them. */
static uint64_t model_read(uint64_t size, uint64_t *lost)
{
	uint64_t done = 0;
	*lost = 0;
	while (done < size && model.count) {
		uint64_t n = size - done < MODEL(0).size ? size - done : MODEL(0).size;
		bool packet = MODEL(0).packet;
		MODEL(0).start += n;
		MODEL(0).size -= n;
		*lost = packet ? MODEL(0).size : 0;
		done += n;
		if (!packet && MODEL(0).size)
			break;
		model.first++;
		model.count--;
		if (packet)
			break;
	}
	return done;
}

WORLD_TEST(libos_fs_pipe, bytes_in_order)
{
	static uint8_t bytes[QUEUE], buffer[200000];
	uint64_t head = 0, tail = 0, lost;
	struct file *in, *out;
	cr_assert_eq(pipe_make(O_NONBLOCK, NULL, &out, &in), 0);
	while (tail < QUEUE - sizeof(buffer)) {
		uint64_t size = random_below(4) ? random_below(300) : random_below(sizeof(buffer));
		if (random_below(2)) {
			bool packet = !random_below(3);
			in->flags = O_WRONLY | O_NONBLOCK | (packet ? O_DIRECT : 0);
			for (uint64_t i = 0; i < size; i++)
				buffer[i] = (uint8_t)random_u64();
			int64_t r = do_write(in, buffer, size, 0);
			uint64_t went = model_write(size, packet);
			cr_assert_eq(r, size && !went ? -EAGAIN : (int64_t)went, "%ld of %lu, not %lu", (long)r, (unsigned long)size, (unsigned long)went);
			if (r > 0) {
				memcpy(bytes + tail, buffer, (size_t)r);
				tail += (uint64_t)r;
			}
		} else {
			bool empty = !model.count;
			int64_t r = do_read(out, buffer, size, 0);
			uint64_t came = model_read(size, &lost);
			cr_assert_eq(r, size && empty ? -EAGAIN : (int64_t)came);
			if (r > 0) {
				cr_assert_eq(memcmp(buffer, bytes + head, (size_t)r), 0);
				head += (uint64_t)r + lost;
			}
		}
		uint32_t readable = out->ops->poll(out, NULL), writable = in->ops->poll(in, NULL);
		cr_assert_eq((readable & POLLIN) != 0, tail != head);
		cr_assert_eq((writable & POLLOUT) != 0, model.count < BUFFERS);
		if (!random_below(50)) {
			/* A size that it may have or not, and back. */
			uint64_t pages = UINT64_C(1) << random_below(5);
			cr_assert_eq(pipe_set_size(in->path.inode, pages * PAGE_SIZE, &world.thread.cred),
			             pages < model.count ? -EBUSY : (int64_t)(pages * PAGE_SIZE));
			cr_assert_eq(pipe_set_size(in->path.inode, 64 * PAGE_SIZE, &world.thread.cred), 64 * (int64_t)PAGE_SIZE);
			cr_assert_eq(pipe_set_size(in->path.inode, BUFFERS * PAGE_SIZE, &world.thread.cred), (int64_t)(BUFFERS * PAGE_SIZE));
		}
	}
	file_put(in);
	cr_expect(out->ops->poll(out, NULL) & POLLHUP);
	while (head < tail) {
		uint64_t came = model_read(sizeof(buffer), &lost);
		cr_assert_eq(do_read(out, buffer, sizeof(buffer), 0), (int64_t)came);
		head += came + lost;
	}
	cr_expect_eq(do_read(out, buffer, 1, 0), 0); /* the end */
	file_put(out);
}

WORLD_TEST(libos_fs_pipe, broken_and_resized)
{
	static uint8_t buffer[70000];
	struct file *in, *out;
	cr_assert_eq(pipe_make(O_NONBLOCK, NULL, &out, &in), 0);
	struct inode *inode = in->path.inode;
	cr_expect_eq(pipe_get_size(inode), 65536);
	cr_expect_eq(pipe_set_size(inode, 5000, &world.thread.cred), 8192);
	cr_expect_eq(do_write(in, buffer, sizeof(buffer), 0), 8192);
	cr_expect_eq(pipe_set_size(inode, 4096, &world.thread.cred), -EBUSY);
	cr_expect_eq(pipe_set_size(inode, 1 << 20, &world.thread.cred), 1 << 20);
	cr_expect_eq(do_write(in, buffer, sizeof(buffer), 0), (int64_t)sizeof(buffer));
	cr_expect_eq(do_read(out, buffer, 8192 + 100, 0), 8192 + 100);
	file_put(out);
	cr_expect(in->ops->poll(in, NULL) & POLLERR);
	cr_expect_eq(do_write(in, buffer, 1, 0), -EPIPE);
	file_put(in);
}

/* Without memory a pipe works with the page that it has, and moves parts of buffers. */
WORLD_TEST(libos_fs_pipe, without_memory)
{
	static uint8_t bytes[8192], back[8192];
	static exo_frame_t taken[8192];
	struct file *in[2], *out[2];
	uint32_t count = 0;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)random_u64();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(pipe_make(O_NONBLOCK | O_DIRECT, NULL, &out[i], &in[i]), 0);
		cr_assert_eq(do_write(in[i], bytes, 2000, 0), 2000);
		cr_assert_eq(fd_install(world.process.fds, out[i], 2 * i, false, 1024), 2 * i);
		cr_assert_eq(fd_install(world.process.fds, in[i], 2 * i + 1, false, 1024), 2 * i + 1);
	}
	cr_assert_eq(do_write(in[0], bytes + 2000, 2000, 0), 2000);
	while (count < 8192 && (taken[count] = frames_alloc(0, true)) != FRAME_NONE)
		count++;
	cr_expect_eq(do_write(in[0], bytes, 4000, 0), -EAGAIN); /* not torn */
	cr_expect_eq(sys_tee(me, (uint64_t[]){ 0, 3, 100000, 0 }), 2096);
	cr_expect_eq(sys_tee(me, (uint64_t[]){ 0, 3, 100000, 0 }), -EAGAIN);
	cr_expect_eq(sys_splice(me, (uint64_t[]){ 0, 0, 3, 0, 100000, 0 }), -EAGAIN);
	cr_expect_eq(do_read(out[1], back, sizeof(back), 0), 2000);
	cr_expect_eq(do_read(out[1], back, sizeof(back), 0), 2000);
	cr_expect_eq(memcmp(back, bytes, 2000), 0);
	cr_expect_eq(sys_splice(me, (uint64_t[]){ 0, 0, 3, 0, 100000, 0 }), 4000);
	cr_expect_eq(do_read(out[1], back, sizeof(back), 0), 96);
	cr_expect_eq(memcmp(back, bytes + 2000, 96), 0);
	cr_expect_eq(do_read(out[1], back, sizeof(back), 0), 2000);
	cr_expect_eq(do_read(out[1], back, sizeof(back), 0), 2000);
	cr_expect_eq(memcmp(back, bytes + 2000, 2000), 0);
	while (count)
		frame_put(taken[--count]);
}

WORLD_TEST(libos_fs_pipe, fifo)
{
	struct file *in, *out;
	char c = 'x';
	cr_assert_eq(vfs_make(me, AT_FDCWD, "/fifo", S_IFIFO | 0600, 0), 0);
	cr_expect_eq(do_open("/fifo", O_WRONLY | O_NONBLOCK, &in), -ENXIO);
	cr_assert_eq(do_open("/fifo", O_RDONLY | O_NONBLOCK, &out), 0);
	cr_expect_eq(out->ops->poll(out, NULL), 0); /* no writer yet: not hung up */
	cr_assert_eq(do_open("/fifo", O_WRONLY | O_NONBLOCK, &in), 0);
	cr_expect_eq(do_write(in, &c, 1, 0), 1);
	file_put(in);
	cr_expect_eq(out->ops->poll(out, NULL), POLLIN | POLLRDNORM | POLLHUP);
	cr_expect_eq(do_read(out, &c, 1, 0), 1);
	cr_expect_eq(do_read(out, &c, 1, 0), 0);
	file_put(out);
}

WORLD_TEST(libos_fs_pipe, descriptor_tables)
{
	struct fd_table *t = world.process.fds;
	for (int i = 0; i < 1000; i++) {
		struct file *file;
		cr_assert_eq(do_open("/dev/null", O_RDWR, &file), 0);
		cr_assert_eq(fd_install(t, file, 0, i % 3 == 0, 1000), i);
	}
	struct file *extra;
	cr_assert_eq(do_open("/dev/null", O_RDWR, &extra), 0);
	cr_expect_eq(fd_install(t, extra, 0, false, 1000), -EMFILE);
	cr_expect_eq(fd_close(me, t, 500), 0);
	cr_expect_eq(fd_close(me, t, 500), -EBADF);
	cr_expect_eq(fd_close(me, t, 70), 0);
	file_get(extra);
	cr_expect_eq(fd_install(t, extra, 100, false, 1000), 500);
	cr_expect_eq(fd_install(t, extra, 0, false, 1000), 70);
	struct fd_table *copy = fd_table_copy(t);
	fd_table_close_on_exec(copy);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(fd_file(copy, i) != NULL, i % 3 != 0 || i == 500 || i == 70);
	cr_expect_eq(fd_next(copy, 3), 4);
	cr_expect_null(fd_file(copy, -1));
	cr_expect_null(fd_file(copy, 1 << 20));
	fd_table_put(copy);
}

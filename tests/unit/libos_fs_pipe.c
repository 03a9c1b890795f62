/* Pipes against a model (a queue of bytes), descriptor tables, and poll's view of both ends. */
#include "libos_fs_world.h"

#define QUEUE (1u << 21)

WORLD_TEST(libos_fs_pipe, bytes_in_order)
{
	static uint8_t bytes[QUEUE], buffer[200000];
	uint64_t head = 0, tail = 0;
	struct file *in, *out;
	cr_assert_eq(pipe_make(O_NONBLOCK, NULL, &out, &in), 0);
	while (tail < QUEUE - sizeof(buffer)) {
		uint64_t size = random_below(4) ? random_below(300) : random_below(sizeof(buffer));
		if (random_below(2)) {
			for (uint64_t i = 0; i < size; i++)
				buffer[i] = (uint8_t)random_u64();
			int64_t r = do_write(in, buffer, size, 0);
			uint64_t room = 65536 - (tail - head);
			if (size && (!room || (size <= 4096 && size > room)))
				cr_assert_eq(r, -EAGAIN);
			else
				cr_assert_eq(r, (int64_t)(size < room ? size : room), "%ld of %lu, room %lu", (long)r,
				             (unsigned long)size, (unsigned long)room);
			if (r > 0) {
				memcpy(bytes + tail, buffer, (size_t)r);
				tail += (uint64_t)r;
			}
		} else {
			int64_t r = do_read(out, buffer, size, 0);
			uint64_t have = tail - head;
			cr_assert_eq(r, size && !have ? -EAGAIN : (int64_t)(size < have ? size : have));
			if (r > 0) {
				cr_assert_eq(memcmp(buffer, bytes + head, (size_t)r), 0);
				head += (uint64_t)r;
			}
		}
		uint32_t readable = out->ops->poll(out, NULL), writable = in->ops->poll(in, NULL);
		cr_assert_eq((readable & POLLIN) != 0, tail != head);
		cr_assert_eq((writable & POLLOUT) != 0, 65536 - (tail - head) >= 4096);
	}
	file_put(in);
	cr_expect(out->ops->poll(out, NULL) & POLLHUP);
	while (head < tail)
		head += (uint64_t)do_read(out, buffer, sizeof(buffer), 0);
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

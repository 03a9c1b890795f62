/* Path walk, links, permissions, and the rules of renaming and removing. */
#include "libos_fs_world.h"

struct row {
	const char *path;
	uint32_t walk;
	int64_t expect; /* 0: any inode; < 0: errno */
};

static void build_tree(void)
{
	cr_assert_eq(do_mkdir("/a"), 0);
	cr_assert_eq(do_mkdir("/a/b"), 0);
	cr_assert_eq(do_touch("/a/file"), 0);
	cr_assert_eq(do_symlink("b", "/a/rel"), 0);
	cr_assert_eq(do_symlink("/a/b", "/a/abs"), 0);
	cr_assert_eq(do_symlink("b/", "/a/slash"), 0);
	cr_assert_eq(do_symlink("file", "/a/tofile"), 0);
	cr_assert_eq(do_symlink("loop2", "/loop1"), 0);
	cr_assert_eq(do_symlink("loop1", "/loop2"), 0);
	cr_assert_eq(do_symlink("nowhere", "/dangling"), 0);
	cr_assert_eq(do_symlink("../../..", "/a/b/up"), 0);
	cr_assert_eq(do_symlink("file/", "/a/badslash"), 0);
}

WORLD_TEST(libos_fs_names, walk_table)
{
	static const struct row rows[] = {
		{ "/", 0, 0 }, { "//", 0, 0 }, { ".", 0, 0 }, { "..", 0, 0 }, { "/..", 0, 0 }, { "", 0, -ENOENT },
		{ "", WALK_EMPTY, 0 }, { "/a", 0, 0 }, { "/a/", 0, 0 }, { "/a//b/.", 0, 0 }, { "/a/b/../file", 0, 0 },
		{ "/a/file/", 0, -ENOTDIR }, { "/a/file/x", 0, -ENOTDIR }, { "/a/file/.", 0, -ENOTDIR }, { "/a/none", 0, -ENOENT },
		{ "/a/none/x", 0, -ENOENT }, { "/a/rel", 0, 0 }, { "/a/rel/..", 0, 0 }, { "/a/abs/../file", 0, 0 },
		{ "/a/slash", 0, 0 }, { "/a/tofile", 0, 0 }, { "/a/tofile/", 0, -ENOTDIR }, { "/a/badslash", 0, -ENOTDIR },
		{ "/loop1", 0, -ELOOP }, { "/loop1", WALK_NOFOLLOW, 0 }, { "/loop1/", WALK_NOFOLLOW, -ELOOP },
		{ "/dangling", 0, -ENOENT }, { "/dangling", WALK_NOFOLLOW, 0 }, { "/a/b/up/a/b/up/a/file", 0, 0 },
		{ "/a/file", WALK_DIRECTORY, -ENOTDIR }, { "/a/rel", WALK_DIRECTORY, 0 }, { "/proc/self", WALK_NOFOLLOW, 0 },
		{ "/dev/null", 0, 0 }, { "/dev/../a", 0, 0 }, { "/dev/shm/..", 0, 0 }, { "/dev/shm/../../a/file", 0, 0 },
		{ "/proc/sys/kernel/ostype", 0, 0 }, { "/proc/sys/kernel/../..", 0, 0 }, { "/proc/none", 0, -ENOENT },
	};
	build_tree();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t r = do_stat(rows[i].path, rows[i].walk, NULL);
		cr_expect(rows[i].expect ? r == rows[i].expect : r > 0, "%s: %ld", rows[i].path, (long)r);
	}
	cr_expect_eq(do_stat("/a/rel", 0, NULL), do_stat("/a/b", 0, NULL));
	cr_expect_eq(do_stat("/a/b/..", 0, NULL), do_stat("/a", 0, NULL));
	cr_expect_eq(do_stat("/a/rel/..", 0, NULL), do_stat("/a", 0, NULL));
	cr_expect_eq(do_stat("/dev/shm/../..", 0, NULL), do_stat("/", 0, NULL));
	cr_expect_eq(do_stat("/proc/..", 0, NULL), do_stat("/", 0, NULL));
}

WORLD_TEST(libos_fs_names, long_names_and_deep_links)
{
	char name[NAME_LENGTH_MAX + 2], path[16], target[16];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_expect_eq(do_touch(name), -ENAMETOOLONG);
	cr_expect_eq(do_stat(name, 0, NULL), -ENAMETOOLONG);
	name[NAME_LENGTH_MAX] = '\0';
	cr_expect_eq(do_touch(name), 0);
	cr_expect_gt(do_stat(name, 0, NULL), 0);
	cr_expect_eq(do_touch("/l0"), 0);
	for (int i = 1; i <= SYMLINK_DEPTH_MAX + 1; i++) {
		format(path, sizeof(path), "/l%d", i);
		format(target, sizeof(target), "l%d", i - 1);
		cr_assert_eq(do_symlink(target, path), 0);
	}
	cr_expect_gt(do_stat("/l40", 0, NULL), 0);
	cr_expect_eq(do_stat("/l41", 0, NULL), -ELOOP);
}

WORLD_TEST(libos_fs_names, opening)
{
	struct file *file;
	build_tree();
	cr_expect_eq(do_open("/a", O_WRONLY, &file), -EISDIR);
	cr_expect_eq(do_open("/a/file", O_RDONLY | O_DIRECTORY, &file), -ENOTDIR);
	cr_expect_eq(do_open("/a/tofile", O_RDONLY | O_NOFOLLOW, &file), -ELOOP);
	cr_expect_eq(do_open("/a/file", O_RDWR | O_CREAT | O_EXCL, &file), -EEXIST);
	cr_expect_eq(do_open("/dangling", O_RDWR | O_CREAT | O_EXCL, &file), -EEXIST);
	cr_expect_eq(do_open("/a/new/", O_RDWR | O_CREAT, &file), -EISDIR);
	cr_expect_eq(do_open("/a/", O_RDWR | O_CREAT, &file), -EISDIR);
	cr_expect_eq(do_open("/a/file/x", O_RDWR | O_CREAT, &file), -ENOTDIR);
	cr_expect_eq(do_stat("/nowhere", 0, NULL), -ENOENT);
	cr_assert_eq(do_open("/dangling", O_RDWR | O_CREAT, &file), 0); /* makes what the link names */
	cr_expect_gt(do_stat("/nowhere", 0, NULL), 0);
	cr_expect_eq(do_unlink("/nowhere"), 0);
	cr_expect_eq(do_write(file, "abc", 3, 0), 3); /* lives on without a name */
	file_put(file);
	cr_assert_eq(do_open("/tmp", O_RDWR | O_TMPFILE, &file), 0);
	cr_expect_eq(do_write(file, "abc", 3, 0), 3);
	cr_expect_eq(vfs_link(me, &file->path, AT_FDCWD, "/named"), 0);
	cr_expect_gt(do_stat("/named", 0, NULL), 0);
	file_put(file);
}

WORLD_TEST(libos_fs_names, permissions)
{
	struct file *file;
	build_tree();
	become(1000);
	cr_expect_eq(do_touch("/a/mine"), -EACCES);
	cr_expect_eq(do_unlink("/a/file"), -EACCES);
	cr_expect_eq(do_open("/a/file", O_RDWR, &file), -EACCES);
	cr_expect_eq(do_touch("/tmp/mine"), 0);
	become(1001);
	cr_expect_eq(do_unlink("/tmp/mine"), -EPERM); /* sticky */
	cr_expect_eq(do_rename("/tmp/mine", "/tmp/yours", 0), -EPERM);
	become(1000);
	cr_expect_eq(do_mkdir("/tmp/private"), 0);
	cr_expect_eq(do_touch("/tmp/private/x"), 0);
	struct path dir;
	cr_assert_eq(path_walk(me, AT_FDCWD, "/tmp/private", 0, &dir), 0);
	cr_expect_eq(vfs_chmod(me, &dir, 0), 0);
	cr_expect_eq(vfs_chown(me, &dir, 0, UINT32_MAX), -EPERM);
	path_put(&dir);
	cr_expect_eq(do_stat("/tmp/private/x", 0, NULL), -EACCES);
	become(0);
	cr_expect_gt(do_stat("/tmp/private/x", 0, NULL), 0);
}

WORLD_TEST(libos_fs_names, renaming)
{
	struct inode seen;
	build_tree();
	cr_expect_eq(do_mkdir("/c"), 0);
	cr_expect_eq(do_touch("/f"), 0);
	cr_expect_eq(do_rename("/none", "/x", 0), -ENOENT);
	cr_expect_eq(do_rename("/a", "/a/b/inside", 0), -EINVAL);
	cr_expect_eq(do_rename("/a", "/a", 0), 0);
	cr_expect_eq(do_rename("/a/b", "/a", 0), -ENOTEMPTY);
	cr_expect_eq(do_rename("/f", "/c", 0), -EISDIR);
	cr_expect_eq(do_rename("/c", "/f", 0), -ENOTDIR);
	cr_expect_eq(do_rename("/c", "/a", 0), -ENOTEMPTY);
	cr_expect_eq(do_rename("/f", "/g/", 0), -ENOTDIR);
	cr_expect_eq(do_rename("/f/", "/g", 0), -ENOTDIR);
	cr_expect_eq(do_rename("/c/.", "/g", 0), -EBUSY);
	cr_expect_eq(do_rename("/", "/g", 0), -EBUSY);
	cr_expect_eq(do_rename("/f", "/dev/shm/f", 0), -EXDEV);
	cr_expect_eq(do_rename("/dev/shm", "/dev/x", 0), -EBUSY);
	cr_expect_eq(do_rename("/f", "/a/file", RENAME_NOREPLACE), -EEXIST);
	cr_expect_eq(do_rename("/f", "/none", RENAME_EXCHANGE), -ENOENT);
	cr_expect_eq(do_rename("/f", "/a", 8), -EINVAL);
	int64_t ino = do_stat("/f", 0, NULL);
	cr_expect_eq(do_rename("/f", "/a/file", 0), 0);
	cr_expect_eq(do_stat("/a/file", 0, NULL), ino);
	cr_expect_eq(do_rename("/c", "/a/b", 0), -ENOTEMPTY);
	cr_expect_eq(do_unlink("/a/b/up"), 0);
	cr_expect_eq(do_rename("/c", "/a/b", 0), 0); /* over an empty directory */
	do_stat("/a", 0, &seen);
	cr_expect_eq(seen.nlink, 3);
	ino = do_stat("/a/b", 0, NULL);
	cr_expect_eq(do_rename("/a/b", "/a/file", RENAME_EXCHANGE), 0);
	cr_expect_eq(do_stat("/a/file", WALK_DIRECTORY, NULL), ino);
	cr_expect_eq(do_link("/a/b", "/a/second"), 0);
	cr_expect_eq(do_rename("/a/b", "/a/second", 0), 0); /* the same file: nothing happens */
	cr_expect_gt(do_stat("/a/b", 0, NULL), 0);
	do_stat("/a/second", 0, &seen);
	cr_expect_eq(seen.nlink, 2);
}

WORLD_TEST(libos_fs_names, removing)
{
	build_tree();
	cr_expect_eq(do_rmdir("/a"), -ENOTEMPTY);
	cr_expect_eq(do_rmdir("/"), -EBUSY);
	cr_expect_eq(do_rmdir("/a/b/."), -EINVAL);
	cr_expect_eq(do_rmdir("/a/b/.."), -ENOTEMPTY);
	cr_expect_eq(do_rmdir("/a/file"), -ENOTDIR);
	cr_expect_eq(do_rmdir("/a/rel"), -ENOTDIR);
	cr_expect_eq(do_unlink("/a"), -EISDIR);
	cr_expect_eq(do_unlink("/a/."), -EISDIR);
	cr_expect_eq(do_unlink("/a/file/"), -ENOTDIR);
	cr_expect_eq(do_unlink("/none"), -ENOENT);
	cr_expect_eq(do_rmdir("/dev/shm"), -EBUSY);
	cr_expect_eq(do_rmdir("/proc"), -EBUSY);
	cr_expect_eq(do_unlink("/proc/version"), -EPERM);
	/* A removed working directory still knows its parent. */
	struct path dir, up;
	cr_expect_eq(do_mkdir("/c"), 0);
	cr_assert_eq(path_walk(me, AT_FDCWD, "/c", 0, &dir), 0);
	struct path old = world.process.fs->cwd;
	world.process.fs->cwd = dir;
	cr_expect_eq(do_rmdir("/c"), 0);
	cr_expect_eq(do_touch("x"), -ENOENT);
	cr_expect_eq(path_walk(me, AT_FDCWD, "..", 0, &up), 0);
	path_put(&up);
	char text[16];
	cr_expect_eq(path_text(world.process.fs, &dir, text, sizeof(text)), -ENOENT);
	path_put(&world.process.fs->cwd);
	world.process.fs->cwd = old;
}

WORLD_TEST(libos_fs_names, path_texts)
{
	static const char *const paths[] = { "/", "/a", "/a/b", "/a/file", "/dev/shm", "/dev/null", "/proc/sys/kernel/random" };
	char text[64];
	build_tree();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct path found;
		cr_assert_eq(path_walk(me, AT_FDCWD, paths[i], 0, &found), 0);
		int64_t length = path_text(world.process.fs, &found, text, sizeof(text));
		cr_expect_eq(length, (int64_t)strlen(paths[i]));
		cr_expect_str_eq(text, paths[i]);
		cr_expect_eq(path_text(world.process.fs, &found, text, strlen(paths[i])), -ERANGE);
		path_put(&found);
	}
}

/* A bind mount outlives the mount that it was taken from, and the other way round. */
WORLD_TEST(libos_fs_names, mounts)
{
	struct path on, from;
	struct mount *whole, *part;
	struct super *super = tmpfs_new("tmpfs", "t", UINT64_MAX, 0755);
	cr_assert_eq(do_mkdir("/m"), 0);
	cr_assert_eq(do_mkdir("/n"), 0);
	cr_assert_eq(path_walk(me, AT_FDCWD, "/m", 0, &on), 0);
	cr_assert_eq(mount_add(super, super->root, &on, "t", 0, &whole), 0);
	path_put(&on);
	cr_expect_eq(do_mkdir("/m/sub"), 0);
	cr_expect_eq(do_touch("/m/sub/file"), 0);
	cr_assert_eq(path_walk(me, AT_FDCWD, "/m/sub", 0, &from), 0);
	cr_assert_eq(path_walk(me, AT_FDCWD, "/n", 0, &on), 0);
	cr_assert_eq(mount_add(super, from.inode, &on, "t", MS_RDONLY, &part), 0);
	path_put(&on);
	path_put(&from);
	cr_expect_gt(do_stat("/n/file", 0, NULL), 0);
	cr_expect_eq(do_stat("/n/..", 0, NULL), do_stat("/", 0, NULL));
	cr_expect_eq(do_touch("/n/other"), -EROFS);
	cr_expect_eq(do_unlink("/n/file"), -EROFS);
	cr_expect_eq(do_rmdir("/n"), -EBUSY);
	cr_expect_eq(mount_remove(whole, false), 0);
	cr_expect_eq(do_stat("/m/sub", 0, NULL), -ENOENT);
	cr_expect_gt(do_stat("/n/file", 0, NULL), 0);
	/* Detached while a file is open in it. */
	struct file *file;
	cr_assert_eq(do_open("/n/file", O_RDONLY, &file), 0);
	cr_expect_eq(mount_remove(part, false), -EBUSY);
	cr_expect_eq(mount_remove(part, true), 0);
	cr_expect_eq(do_stat("/n/file", 0, NULL), -ENOENT);
	char c;
	cr_expect_eq(do_read(file, &c, 1, 0), 0);
	file_put(file);
}

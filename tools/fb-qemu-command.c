/*
 * fb-qemu: what QEMU is given: its arguments, and files for the guest (fw_cfg).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "fb-qemu.h"

static int memory_file(const char *name, const void *bytes, size_t size)
{
	int fd = memfd_create(name, 0);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		die(STATUS_FAILED, "%s: %s", name, strerror(errno));
	return fd;
}

/* The directory as a cpio archive in a file without a name. */
static int pack(const char *dir)
{
	int fd = memfd_create("root", 0), status;
	pid_t pid;

	if (fd < 0)
		die(STATUS_FAILED, "%s: %s", dir, strerror(errno));
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) || dup2(fd, 1) < 0)
			_exit(1);
		execl("/bin/sh", "sh", "-c",
		      "find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0 || lseek(fd, 0, SEEK_END) <= 0)
		die(STATUS_FAILED, "%s cannot be packed (is cpio installed?)", dir);
	return fd;
}

static int open_archive(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st))
		die(STATUS_FAILED, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return pack(path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0) /* a FIFO is not waited for */
		die(STATUS_FAILED, "%s: not a root image", path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die(STATUS_FAILED, "%s: %s", path, strerror(errno));
	return fd;
}

/* Appends the whole of a file, from a boundary of `align` bytes on. Closes it. */
static void append(int to, int from, const char *name, off_t align)
{
	off_t at = lseek(to, 0, SEEK_END), start = (at + align - 1) / align * align;
	ssize_t n;

	if (at < 0 || ftruncate(to, start) || lseek(to, 0, SEEK_END) < 0 || lseek(from, 0, SEEK_SET) < 0)
		die(STATUS_FAILED, "%s: %s", name, strerror(errno));
	while ((n = sendfile(to, from, NULL, 1 << 30)) > 0)
		;
	if (n < 0)
		die(STATUS_FAILED, "%s: %s", name, strerror(errno));
	close(from);
}

/* What the guest gets as its root image: -1: what GRUB loads. As src/hal/hosted/image.c has it: the text if the boot page has no
 * room for it, in pages of its own; the root; the layers. */
static int root_image(const struct options *o, const char *text, size_t text_size)
{
	const char *home = getenv("FB_HOME");
	char base[4096];
	int fd;

	if (!o->root && o->layer_count == 0 && text_size < CMDLINE_SIZE)
		return -1;
	snprintf(base, sizeof(base), "%s/build/root.cpio", home ? home : ".");
	fd = open_archive(o->root ? o->root : base);
	if (o->layer_count > 0 || text_size >= CMDLINE_SIZE) {
		int whole = memory_file("image", text, text_size < CMDLINE_SIZE ? 0 : text_size);

		append(whole, fd, o->root ? o->root : base, 4096);
		for (unsigned i = 0; i < o->layer_count; i++)
			append(whole, open_archive(o->layers[i]), o->layers[i], 4);
		fd = whole;
	}
	return fd;
}

static void add(struct command *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct command *c, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (c->count >= 127 || vasprintf(&c->argv[c->count++], format, list) < 0)
		die(STATUS_FAILED, "no memory");
	va_end(list);
	c->argv[c->count] = NULL;
}

static void add_fwcfg(struct command *c, const char *name, int fd)
{
	add(c, "-fw_cfg");
	add(c, "name=opt/feuerbird/%s,file=/proc/self/fd/%d", name, fd);
}

static void add_channel(struct command *c, const char *id, int fd)
{
	add(c, "-chardev");
	add(c, "socket,id=%s,fd=%d,mux=off", id, fd);
}

static void add_uefi(struct command *c)
{
	static const char base[] = "/usr/share/OVMF/OVMF_";
	char vars[] = "/usr/share/OVMF/OVMF_VARS_4M.fd";

	if (access(vars, R_OK))
		die(STATUS_FAILED, "%s is missing: install the Debian package ovmf", vars);
	add(c, "-drive");
	add(c, "if=pflash,unit=0,format=raw,readonly=on,file=%sCODE_4M.fd", base);
	add(c, "-drive");
	add(c, "if=pflash,unit=1,format=raw,snapshot=on,file=%sVARS_4M.fd", base);
}

static void machine_options(struct command *c, const struct options *o)
{
	char text[256];
	struct winsize size = { 0, 0, 0, 0 };
	int n;

	if (ioctl(0, TIOCGWINSZ, &size))
		ioctl(1, TIOCGWINSZ, &size);
	n = snprintf(text, sizeof(text), "rows=%u\ncols=%u\ntty=%d\nerrors=%d\ncpus=%u\n%s%s", size.ws_row,
	             size.ws_col, o->tty, o->errors, o->cpus, o->boottime ? "boottime\n" : "", o->check ? "check\n" : "");
	for (unsigned i = 0; i < o->kernel_count && n < (int)sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\n", o->kernel[i]);
	if (n >= (int)sizeof(text))
		die(STATUS_FAILED, "the kernel's options are too long");
	add_fwcfg(c, "machine", memory_file("machine", text, (size_t)n));
}

/* Equal parts of memory; the last has the rest. */
static void add_nodes(struct command *c, const struct options *o)
{
	uint64_t each = o->nodes ? o->memory / o->nodes : 0;

	for (unsigned i = 0; i < o->nodes; i++) {
		bool last = i + 1 == o->nodes;

		add(c, "-object");
		add(c, "memory-backend-ram,id=node%u,size=%lluM", i,
		    (unsigned long long)(last ? o->memory - i * each : each));
		add(c, "-numa");
		add(c, "node,nodeid=%u,memdev=node%u", i, i);
	}
}

/* Does somebody hold a lock against one of `type` on these bytes? size 0: on all. */
static bool is_locked(int fd, short type, off_t start, off_t size)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = size };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* QEMU's own words for what is wrong with a file are hard to read, and come late. It locks the file itself; what
 * feuerbird-sim locks is in src/hal/hosted/block.c. */
static void check_disk(const char *path, bool writable)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == EACCES || errno == EROFS) && writable)
		die(STATUS_FAILED, "%s: may not be written; ',ro' behind its name makes a disk that is only read", path);
	if (fd < 0 || fstat(fd, &st))
		die(STATUS_FAILED, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die(STATUS_FAILED, "%s: not a regular file", path);
	if (st.st_size < BLOCK_SIZE)
		die(STATUS_FAILED, "%s: smaller than one block of %d bytes", path, BLOCK_SIZE);
	if (writable ? is_locked(fd, F_WRLCK, 0, 0) : is_locked(fd, F_RDLCK, 0, READERS_LOCK) || is_locked(fd, F_WRLCK, QEMU_WRITES, 1))
		die(STATUS_FAILED, "%s: in use by another simulator or by QEMU", path);
	close(fd);
}

/* "FILE" or "FILE,ro". In QEMU's options a comma is written twice. */
static void add_disk(struct command *c, const char *option, unsigned number)
{
	size_t size = strlen(option), n = 0;
	bool writable = size < 3 || strcmp(option + size - 3, ",ro") != 0;
	char path[4096], quoted[2 * sizeof(path)];

	size -= writable ? 0 : 3;
	if (size == 0 || size >= sizeof(path))
		die(STATUS_FAILED, "--disk %s: %s", option, size == 0 ? "no file is named" : strerror(ENAMETOOLONG));
	memcpy(path, option, size);
	path[size] = 0;
	check_disk(path, writable);
	for (size_t i = 0; i < size; i++) {
		quoted[n++] = path[i];
		if (path[i] == ',')
			quoted[n++] = ',';
	}
	quoted[n] = 0;
	add(c, "-drive");
	add(c, "if=none,id=disk%u,format=raw,readonly=%s,file.driver=file,file.filename=%s", number, writable ? "off" : "on", quoted);
	add(c, "-device");
	add(c, "virtio-blk-pci,drive=disk%u", number);
}

void command_build(struct command *c, const struct options *o, const int fds[CHANNELS])
{
	const char *home = getenv("FB_HOME");
	size_t text_size;
	char *text = request_text(&o->request, &text_size), outside[32];
	uint8_t seed[64];
	int root;

	add(c, "qemu-system-x86_64");
	add(c, "-nodefaults");
	add(c, "-no-user-config");
	add(c, "-no-reboot");
	add(c, "-machine");
	add(c, "%s", o->machine);
	add(c, "-cpu");
	add(c, "%s", o->cpu ? o->cpu : o->kvm ? "host" : "max");
	add(c, "-accel");
	add(c, o->kvm ? "kvm" : o->icount ? "tcg,thread=single" : "tcg,thread=multi");
	if (o->icount) {
		add(c, "-icount");
		add(c, "shift=0,sleep=off");
	}
	add(c, "-smp");
	add(c, "%u", o->cpus);
	add(c, "-m");
	add(c, "%llu", (unsigned long long)o->memory);
	add_nodes(c, o);
	add(c, "-display");
	add(c, o->vga ? "gtk" : "none");
	add(c, "-vga");
	add(c, o->vga ? "std" : "none");
	if (o->uefi)
		add_uefi(c);
	add(c, "-boot");
	add(c, "order=d,menu=off,strict=on");
	add(c, "-cdrom");
	if (o->iso)
		add(c, "%s", o->iso);
	else
		add(c, "%s/build/feuerbird.iso", home ? home : ".");
	if (access(c->argv[c->count - 1], R_OK))
		die(STATUS_FAILED, "%s: %s (make iso builds it)", c->argv[c->count - 1], strerror(errno));
	add_channel(c, "console", fds[CONSOLE]);
	add_channel(c, "control", fds[CONTROL]);
	add_channel(c, "log", fds[LOG]);
	if (fds[ERRORS] >= 0) {
		add_channel(c, "errors", fds[ERRORS]);
		add(c, "-device");
		add(c, "isa-debugcon,iobase=0xe8,chardev=errors");
	}
	if (fds[STREAM] >= 0) {
		add_channel(c, "stream", fds[STREAM]);
		add(c, "-device");
		add(c, "virtio-serial-pci,max_ports=1");
		add(c, "-device");
		add(c, "virtconsole,chardev=stream");
	}
	add(c, "-serial");
	add(c, "chardev:console");
	add(c, "-serial");
	add(c, "chardev:control");
	add(c, "-device");
	add(c, "isa-debugcon,iobase=0xe9,chardev=log");
	add(c, "-device");
	add(c, "isa-debug-exit,iobase=0xf4,iosize=0x04");
	add_fwcfg(c, "control", memory_file("control", "1", 1));
	if (text_size < CMDLINE_SIZE)
		add_fwcfg(c, "cmdline", memory_file("cmdline", text, text_size + 1));
	else
		add_fwcfg(c, "cmdline", memory_file("cmdline", outside, (size_t)snprintf(outside, sizeof(outside), "text=%zu\n", text_size) + 1));
	machine_options(c, o);
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		add_fwcfg(c, "seed", memory_file("seed", seed, sizeof(seed)));
	root = root_image(o, text, text_size);
	if (root >= 0)
		add_fwcfg(c, "root", root);
	free(text);
	for (unsigned i = 0; i < o->disk_count; i++)
		add_disk(c, o->disks[i], i);
	for (unsigned i = 0; i < o->qemu_count; i++)
		add(c, "%s", o->qemu[i]);
	if (o->gdb) {
		add(c, "-s");
		add(c, "-S");
	}
}

/* What a program is called that is executed by a descriptor; long arguments; ELF files that Linux runs. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>

static int execute(int fd, const char *name, int flags)
{
	char *argv[] = { "zero", NULL }, *envp[] = { NULL };
	pid_t child = fork();
	int status;

	if (child == 0) {
		syscall(SYS_execveat, fd, name, argv, envp, flags);
		_exit(errno);
	}
	status = wait_status(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put(const char *name, const void *bytes, size_t size)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0755);

	if (write(fd, bytes, size) != (ssize_t)size)
		_exit(97);
	close(fd);
}

static void script(const char *name)
{
	static const char text[] = "#!/bin/sh\necho \"$0\"\n";

	put(name, text, sizeof(text) - 1);
}

static int long_argument(size_t length)
{
	char *text = malloc(length + 1), *argv[] = { "true", text, NULL };
	pid_t child;

	memset(text, 'a', length);
	text[length] = 0;
	child = fork();
	if (child == 0) {
		execv("/bin/true", argv);
		_exit(errno);
	}
	free(text);
	return EXITED(wait_status(child), 0) ? 0 : 1;
}

static unsigned char image[0x1800];

int main(int argc, char **argv)
{
	Elf64_Ehdr *e = (void *)image;
	Elf64_Phdr *p = (void *)(image + 64);
	int self;

	if (argc == 1 && !strcmp(argv[0], "zero")) {
		char name[32] = "";
		int fd = open("/proc/self/comm", O_RDONLY);

		CHECK("its comm is the file's name", read(fd, name, sizeof(name)) > 0 && !strcmp(name, "prog\n"));
		CHECK("its AT_EXECFN the descriptor's", !strcmp((char *)getauxval(AT_EXECFN), "/dev/fd/52"));
		DONE();
	}
	mkdir("dir", 0755);
	script("dir/script");
	dup2(open("dir/script", O_RDONLY), 50);
	dup2(open("dir", O_RDONLY), 51);
	self = open("/proc/self/exe", O_RDONLY);
	dup2(self, 52);
	CHECK("a script by its descriptor", execute(50, "", AT_EMPTY_PATH) == 0);
	CHECK("by that of its folder", execute(51, "script", 0) == 0);
	CHECK("a program by its descriptor", execute(52, "", AT_EMPTY_PATH) == 0);
	CHECK("which is no symbolic link", execute(52, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0);
	fcntl(50, F_SETFD, FD_CLOEXEC);
	fcntl(51, F_SETFD, FD_CLOEXEC);
	CHECK("one that closes leads a script's interpreter nowhere", execute(50, "", AT_EMPTY_PATH) == ENOENT);
	CHECK("a folder's likewise", execute(51, "script", 0) == ENOENT);
	CHECK("no descriptor", execute(-1, "", AT_EMPTY_PATH) == EBADF);
	CHECK("an empty name", execute(52, "", 0) == ENOENT);
	CHECK("the working folder", execute(AT_FDCWD, "", AT_EMPTY_PATH) == EACCES);

	CHECK("an argument of 131,071 bytes", long_argument(131071) == 0);
	CHECK("of one more", long_argument(131072) != 0);

	memcpy(e->e_ident, "\177ELF\2\1\1", 7);
	e->e_type = ET_EXEC;
	e->e_machine = EM_X86_64;
	e->e_version = 1;
	e->e_entry = 0x401000;
	e->e_phoff = 64;
	e->e_ehsize = 64;
	e->e_phentsize = 56;
	e->e_phnum = 1;
	*p = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x400000, 0x3000, 0x3000, 0x1000 };
	memcpy(image + 0x1000, "\x31\xff\xb8\x3c\0\0\0\x0f\x05", 9); /* exit(0) */
	put("elf", image, sizeof(image));
	CHECK("a segment that reaches beyond the file", execute(AT_FDCWD, "./elf", 0) == 0);
	memcpy(image + 0x1000, "\xa1\x00\x20\x40\0\0\0\0\0", 9); /* reads there */
	put("elf", image, sizeof(image));
	CHECK("is SIGBUS to touch", execute(AT_FDCWD, "./elf", 0) == -1);
	memcpy(image + 0x1000, "\x31\xff\xb8\x3c\0\0\0\x0f\x05", 9);
	e->e_ident[EI_CLASS] = 1;
	e->e_ident[EI_VERSION] = 9;
	put("elf", image, sizeof(image));
	CHECK("class and version are not looked at", execute(AT_FDCWD, "./elf", 0) == 0);
	DONE();
}

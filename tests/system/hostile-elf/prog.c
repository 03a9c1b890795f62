/* ELF files with lying headers: refused, or their process dies; nothing else happens. */
#include "check.h"
#include <elf.h>

static unsigned char image[1 << 20];
static size_t image_size;

static void save(const char *name)
{
	int f = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0755);

	write(f, image, image_size);
	close(f);
}

static int run(const char *name)
{
	pid_t child = fork();

	if (child == 0) {
		alarm(5);
		close(1);
		close(2);
		execl(name, name, NULL);
		_exit(100 + errno);
	}
	return wait_status(child);
}

/* Valid outcomes of a broken file: refused, or killed once it had started. */
static int harmless(int st)
{
	return EXITED(st, 100 + ENOEXEC) || EXITED(st, 100 + EINVAL) || EXITED(st, 100 + ENOMEM) || EXITED(st, 100 + ELIBBAD)
		|| EXITED(st, 100 + EIO) || EXITED(st, 100 + EACCES) || EXITED(st, 100 + ENOENT) || EXITED(st, 100 + EPERM) || WIFSIGNALED(st);
}

int main(void)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)image, keep;
	Elf64_Phdr *ph, keep_ph;
	char text[80];
	int f = open("/bin/busybox", O_RDONLY), bad;

	/* Its beginning will do: what lies behind is only data for most checks. */
	image_size = (size_t)read(f, image, sizeof image);
	keep = *e;
	ph = (Elf64_Phdr *)(image + e->e_phoff);
	#define REFUSED(what, change)                                           \
		do {                                                            \
			change;                                                 \
			save("x");                                              \
			CHECK(what, EXITED(run("./x"), 100 + ENOEXEC));         \
			*e = keep;                                              \
		} while (0)
	REFUSED("wrong magic", e->e_ident[1] = 'X');
	REFUSED("32-bit machine", e->e_machine = EM_ARM);
	REFUSED("relocatable object", e->e_type = ET_REL);
	REFUSED("core file", e->e_type = ET_CORE);
	REFUSED("no program headers", e->e_phnum = 0);
	REFUSED("wrong header size", e->e_phentsize = 10);
	size_t size = image_size;
	image_size = 40;
	save("x");
	CHECK("cut within the header", EXITED(run("./x"), 100 + ENOEXEC));
	image_size = size;
	#define HARMLESS(what, change)                                          \
		do {                                                            \
			keep_ph = ph[0];                                        \
			change;                                                 \
			save("x");                                              \
			CHECK(what, harmless(run("./x")));                      \
			*e = keep;                                              \
			ph[0] = keep_ph;                                        \
		} while (0)
	HARMLESS("headers beyond the file", e->e_phoff = 1UL << 40);
	HARMLESS("headers at the end of numbers", e->e_phoff = ~0UL - 8);
	HARMLESS("65535 headers", e->e_phnum = 0xffff);
	HARMLESS("entry in the kernel", e->e_entry = 0xffffffff80000000);
	HARMLESS("entry nowhere", e->e_entry = 0x10);
	HARMLESS("segment in the kernel", ph[0].p_vaddr = 0xffffffff80000000);
	HARMLESS("segment that wraps", (ph[0].p_type = PT_LOAD, ph[0].p_vaddr = ~0UL - 4096, ph[0].p_memsz = 8192, ph[0].p_filesz = 0));
	HARMLESS("file size above memory size", (ph[0].p_type = PT_LOAD, ph[0].p_filesz = 1 << 20, ph[0].p_memsz = 10));
	HARMLESS("huge memory size", (ph[0].p_type = PT_LOAD, ph[0].p_memsz = 1UL << 46));
	HARMLESS("overflowing memory size", (ph[0].p_type = PT_LOAD, ph[0].p_memsz = ~0UL));
	HARMLESS("offset beyond the file", (ph[0].p_type = PT_LOAD, ph[0].p_offset = 1UL << 50));
	HARMLESS("offset and address disagree", (ph[0].p_type = PT_LOAD, ph[0].p_offset = 123, ph[0].p_vaddr = 0x400000));
	HARMLESS("absent interpreter", (ph[0].p_type = PT_INTERP, ph[0].p_offset = 1, ph[0].p_filesz = 3));
	HARMLESS("interpreter name without an end", (ph[0].p_type = PT_INTERP, ph[0].p_offset = 64, ph[0].p_filesz = 4096));
	/* Bytes of the headers changed one by one. */
	bad = 0;
	for (unsigned i = 16, seed = 99; i < 64 + 56 * 2; i += 3) {
		unsigned char old = image[i];
		image[i] = (unsigned char)(seed = seed * 1103515245 + 12345);
		image_size = 70000;
		save("x");
		run("./x");
		image[i] = old;
	}
	snprintf(text, sizeof text, "headers with random bytes (%d)", bad);
	CHECK(text, bad == 0);
	CHECK("busybox still runs", WEXITSTATUS(system("exit 6")) == 6);
	DONE();
}

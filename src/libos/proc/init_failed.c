/* Why the first program cannot be run: in words, for whoever started the system. */
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>
#include <libos/vm/elf.h>

#define STATUS_NOT_FOUND 127 /* as a shell, and docker */
#define STATUS_NOT_RUN   126

static const char *error_text(int error)
{
	switch (error) {
	case -ENOTDIR:
		return "its path leads through something that is not a directory";
	case -EACCES:
		return "not executable";
	case -EISDIR:
		return "it is a directory";
	case -ENOEXEC:
		return "not a program for this machine (x86-64 ELF or #! script)";
	case -ENOMEM:
		return "not enough memory";
	case -ELOOP:
		return "too many links or nested scripts";
	case -E2BIG:
		return "arguments too long";
	case -EIO:
		return "read error";
	default:
		return "it cannot be loaded";
	}
}

/* The interpreter of a program that is there; false: it has none, or cannot be read. */
static bool interpreter_of(struct thread *t, const char *path, char *name, size_t size)
{
	char line[ELF_INTERP_MAX];
	struct file *file;
	int64_t got;
	size_t at = 2, end;

	if (vfs_open(t, AT_FDCWD, path, O_RDONLY, 0, &file))
		return false;
	got = file_read_at(file, line, sizeof(line) - 1, 0);
	name[0] = '\0';
	if (got > 2 && line[0] == '#' && line[1] == '!') {
		line[got] = '\0';
		while (line[at] == ' ' || line[at] == '\t')
			at++;
		for (end = at; line[end] && line[end] != ' ' && line[end] != '\t' && line[end] != '\n';)
			end++;
		line[end] = '\0';
		str_copy(name, line + at, size);
	} else if (elf_interpreter(file, line) == 0) {
		str_copy(name, line, size);
	}
	file_put(file);
	return *name != '\0';
}

/* What is in a name may not reach a terminal as it is. */
static const char *printable(char *name)
{
	for (char *at = name; *at; at++)
		if ((uint8_t)*at < 0x20 || *at == 0x7f)
			*at = '?';
	return name;
}

EXO_NORETURN void init_cannot_run(struct thread *t, const char *what, const char *path, int error)
{
	char name[ELF_INTERP_MAX], interpreter[ELF_INTERP_MAX];
	struct path found;

	str_copy(name, what, sizeof(name));
	printable(name);
	if (error == -ENOENT && *path && !path_walk(t, AT_FDCWD, path, 0, &found)) {
		path_put(&found);
		if (interpreter_of(t, path, interpreter, sizeof(interpreter)))
			libos_log("feuerbird: cannot run %s: its interpreter %s is not inside the root (tools/mktree brings a program's libraries along)",
			          name, printable(interpreter));
		else
			libos_log("feuerbird: cannot run %s: its interpreter is not inside the root", name);
	} else if (error == -ENOENT) {
		libos_log("feuerbird: cannot run %s: no such file inside the root; the host's files are not there, --root DIR takes a directory of them", name);
	} else {
		libos_log("feuerbird: cannot run %s: %s (error %d)", name, error_text(error), -error);
	}
	libos_halt(error == -ENOENT || error == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

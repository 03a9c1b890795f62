/* A dynamically linked program: its interpreter, shared libraries, and what these do at run time. */
#include "check.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>

static int constructed;
static _Thread_local int of_thread = 5;
static char interpreter[100];
static volatile long *relocated;

__attribute__((constructor)) static void construct(void)
{
	constructed++;
}

__attribute__((destructor)) static void destruct(void)
{
	if (constructed == 1) {
		puts("ok the destructor comes last");
		fflush(stdout);
	}
}

static void *thread(void *arg)
{
	int *seen = arg;

	*seen = of_thread;
	of_thread = 7;
	errno = 77;
	return &of_thread;
}

/* Counts the objects, and finds the interpreter of the first, which is the program, and where it was relocated. */
static int object(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum && *(int *)count == 0; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		char *at = (char *)info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_INTERP)
			snprintf(interpreter, sizeof interpreter, "%s", at);
		if (p->p_type == PT_GNU_RELRO)
			relocated = (volatile long *)(void *)(at + p->p_memsz) - 1;
	}
	++*(int *)count;
	return 0;
}

static int maps_have(const char *path, const char *prot)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[400];
	int found = 0;

	while (maps && fgets(line, sizeof line, maps))
		found |= strstr(line, path) && strstr(line, prot);
	if (maps)
		fclose(maps);
	return found;
}

static int ends(const char *file, char *const argv[])
{
	pid_t child = fork();

	if (child == 0) {
		execv(file, argv);
		_exit(99);
	}
	return wait_status(child);
}

int main(int argc, char **argv)
{
	int objects = 0, seen = 0;
	char self[200] = "";
	pthread_t id;
	void *other;

	if (argc > 1)
		_exit(constructed == 1 && strcmp(argv[1], "again") == 0 ? 7 : 8);
	readlink("/proc/self/exe", self, sizeof self - 1);
	CHECK("constructors have run", constructed == 1);
	CHECK("the interpreter is somewhere", getauxval(AT_BASE) != 0 && getauxval(AT_BASE) != (unsigned long)getauxval(AT_ENTRY));
	dl_iterate_phdr(object, &objects);
	CHECK("there is more than the program", objects >= 2 && interpreter[0] == '/');
	CHECK("they are in the maps by name", maps_have(self, "r-xp") && maps_have("/lib", "r-xp"));

	of_thread = 6;
	errno = 3;
	CHECK("a thread", pthread_create(&id, NULL, thread, &seen) == 0 && pthread_join(id, &other) == 0);
	CHECK("has thread-local storage of its own, from the file", seen == 5 && of_thread == 6 && other != &of_thread);
	CHECK("and its own errno", errno == 3);

	CHECK("dlsym finds what is linked", dlsym(RTLD_DEFAULT, "qsort") == (void *)qsort);
	CHECK("dlopen of nothing fails, and says so", !dlopen("/lib/no-such-library.so", RTLD_NOW) && dlerror());
	CHECK("dlopen of the program", dlopen(NULL, RTLD_NOW) != NULL);

	char *const again[] = { self, "again", NULL }, *const by_hand[] = { interpreter, self, "again", NULL };
	CHECK("another one, by exec", EXITED(ends("/proc/self/exe", again), 7));
	CHECK("another one, by calling the interpreter", EXITED(ends(interpreter, by_hand), 7));

	pid_t child = fork();
	if (child == 0) {
		*relocated = 1;
		_exit(0);
	}
	CHECK("what was relocated is read-only", relocated && KILLED(wait_status(child), SIGSEGV));
	fflush(stdout);
	DONE();
}

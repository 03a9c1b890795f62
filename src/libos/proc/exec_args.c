/* Argument strings of exec: collecting them, and the first stack of a program. */
#include <exo/calls.h>

#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/exec_args.h>
#include <libos/proc/internal.h>

#define STRING_MAX   UINT64_C(131072) /* MAX_ARG_STRLEN */
#define ARGS_MAX     UINT64_C(2097152)
#define ARGS_MIN     UINT64_C(131072)
#define ROOM_FIRST   UINT64_C(2048)
#define RANDOM_SIZE  16
#define STACK_ALIGN  UINT64_C(16)
#define MIN_SIGNAL_STACK 3632 /* AT_MINSIGSTKSZ: frame with full vector state */

static const char platform[] = "x86_64";

struct exec_args *exec_args_new(uint64_t stack_limit)
{
	struct exec_args *a = heap_alloc(sizeof(*a));

	if (!a)
		return NULL;
	memset(&a->argv, 0, sizeof(a->argv));
	memset(&a->envp, 0, sizeof(a->envp));
	a->path[0] = a->program[0] = '\0';
	a->made_up = a->unreachable = false;
	/* A quarter of the stack, as on Linux. */
	a->limit = stack_limit / 4;
	if (a->limit > ARGS_MAX)
		a->limit = ARGS_MAX;
	if (a->limit < ARGS_MIN)
		a->limit = ARGS_MIN;
	return a;
}

void exec_args_free(struct exec_args *a)
{
	if (!a)
		return;
	heap_free(a->argv.bytes);
	heap_free(a->envp.bytes);
	heap_free(a);
}

static uint64_t used(const struct exec_args *a)
{
	return a->argv.size + a->envp.size + ((uint64_t)a->argv.count + a->envp.count) * sizeof(uint64_t);
}

static int make_room(struct strings *to, uint64_t more)
{
	uint64_t room = to->room ? to->room : ROOM_FIRST;
	char *bytes;

	if (to->size + more <= to->room)
		return 0;
	while (room < to->size + more)
		room *= 2;
	bytes = heap_resize(to->bytes, room);
	if (!bytes)
		return -ENOMEM;
	to->bytes = bytes;
	to->room = room;
	return 0;
}

int strings_add(struct exec_args *a, struct strings *to, const char *s)
{
	uint64_t size = str_length(s) + 1;

	if (used(a) + size + sizeof(uint64_t) > a->limit)
		return -E2BIG;
	if (make_room(to, size))
		return -ENOMEM;
	memcpy(to->bytes + to->size, s, size);
	to->size += size;
	to->count++;
	return 0;
}

#define PIECE UINT64_C(512)

/* Strings are mostly short: they are read in pieces straight into the buffer. */
static int add_user_string(struct exec_args *a, struct strings *to, struct vm_space *space, uint64_t from)
{
	uint64_t length = 0;

	for (;;) {
		int64_t got;
		int error = make_room(to, length + PIECE);

		if (error)
			return error;
		got = user_string(space, to->bytes + to->size + length, from + length, PIECE);
		if (got >= 0) {
			length += (uint64_t)got + 1;
			break;
		}
		if (got != -ENAMETOOLONG)
			return (int)got;
		/* One byte less than asked for: the last is the NUL that user_string() may have put there. */
		if (user_read(space, to->bytes + to->size + length, from + length, PIECE - 1))
			return -EFAULT;
		length += PIECE - 1;
		(void)sched_worked(&libos.sched, 1);
		if (length > STRING_MAX || used(a) + length > a->limit)
			return -E2BIG;
	}
	if (length > STRING_MAX || used(a) + length + sizeof(uint64_t) > a->limit)
		return -E2BIG;
	to->size += length;
	to->count++;
	return 0;
}

int strings_add_user(struct exec_args *a, struct strings *to, struct vm_space *space, uint64_t vector)
{
	uint64_t pointer;

	if (!vector)
		return 0;
	for (;; vector += sizeof(pointer)) {
		int error;

		if (user_read(space, &pointer, vector, sizeof(pointer)))
			return -EFAULT;
		if (!pointer)
			return 0;
		error = add_user_string(a, to, space, pointer);
		if (error)
			return error;
		(void)sched_worked(&libos.sched, 1);
	}
}

int strings_replace_first(struct exec_args *a, const char *const *with, uint32_t count)
{
	struct strings old = a->argv;
	uint64_t skip = old.count ? str_length(old.bytes) + 1 : 0;
	int error = 0;

	memset(&a->argv, 0, sizeof(a->argv));
	for (uint32_t i = 0; i < count && !error; i++)
		error = strings_add(a, &a->argv, with[i]);
	if (!error && used(a) + old.size - skip + old.count * sizeof(uint64_t) > a->limit)
		error = -E2BIG;
	if (!error)
		error = make_room(&a->argv, old.size - skip);
	if (!error && old.size > skip) {
		memcpy(a->argv.bytes + a->argv.size, old.bytes + skip, old.size - skip);
		a->argv.size += old.size - skip;
		a->argv.count += old.count - 1;
	}
	heap_free(old.bytes);
	return error;
}

/* ---- the first stack ---- */

struct layout {
	uint8_t *image;      /* bytes of the stack from `bottom` */
	uint64_t bottom, size;
};

static void put_u64(struct layout *l, uint64_t *at, uint64_t value)
{
	memcpy(l->image + (*at - l->bottom), &value, sizeof(value));
	*at += sizeof(value);
}

static void put_pointers(struct layout *l, uint64_t *at, const struct strings *s, uint64_t address)
{
	const char *text = s->bytes;

	for (uint32_t i = 0; i < s->count; i++) {
		uint64_t size = str_length(text) + 1;

		put_u64(l, at, address);
		address += size;
		text += size;
	}
	put_u64(l, at, 0);
}

struct places { /* where the strings of the new stack lie */
	uint64_t random, platform, argv, envp, execfn, end;
};

static void put_auxv(struct layout *l, uint64_t *at, struct vm_space *space, const struct elf_image *image, const struct credentials *cred,
                     bool secure, const struct places *where)
{
	const uint64_t auxv[][2] = {
		{AT_PHDR, image->phdr}, {AT_PHENT, image->phent}, {AT_PHNUM, image->phnum},
		{AT_PAGESZ, PAGE_SIZE}, {AT_BASE, image->base}, {AT_FLAGS, 0}, {AT_ENTRY, image->program_entry},
		{AT_UID, cred->uid}, {AT_EUID, cred->euid}, {AT_GID, cred->gid}, {AT_EGID, cred->egid},
		{AT_SECURE, secure}, {AT_CLKTCK, 100}, {AT_RANDOM, where->random},
		{AT_PLATFORM, where->platform}, {AT_EXECFN, where->execfn}, {AT_MINSIGSTKSZ, MIN_SIGNAL_STACK},
		{AT_HWCAP2, libos.boot->base_instructions ? HWCAP2_FSGSBASE : 0},
		{AT_NULL, 0},
	};

	_Static_assert(sizeof(auxv) / sizeof(auxv[0]) <= AUXV_MAX, "AUXV_MAX");
	vm_set_auxv(space, auxv, sizeof(auxv));
	for (size_t i = 0; i < sizeof(auxv) / sizeof(auxv[0]); i++) {
		put_u64(l, at, auxv[i][0]);
		put_u64(l, at, auxv[i][1]);
	}
}

static void put_bytes(struct layout *l, uint64_t at, const void *bytes, uint64_t size)
{
	if (size)
		memcpy(l->image + (at - l->bottom), bytes, size);
}

#define IMAGE_PIECE (SCHED_WORK_UNITS * PAGE_SIZE)

static int write_image(struct vm_space *space, const struct layout *l)
{
	int error = 0;

	for (uint64_t done = 0, size; done < l->size && !error; done += size) {
		size = l->size - done < IMAGE_PIECE ? l->size - done : IMAGE_PIECE;
		error = user_write(space, l->bottom + done, l->image + done, size);
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS);
	}
	return error;
}

int64_t exec_stack_build(struct exec_args *a, struct vm_space *space, uint64_t top, const struct elf_image *image,
                         const struct credentials *cred, bool secure)
{
	uint64_t execfn_size = str_length(a->path) + 1;
	uint64_t vectors = (1 + a->argv.count + 1 + a->envp.count + 1 + 2 * AUXV_MAX) * sizeof(uint64_t);
	struct places where;
	struct layout l;
	uint64_t at, sp;
	int error;

	/* From the top: one word of zero, the path, environment, arguments, platform, random bytes. */
	where.end = top - sizeof(uint64_t);
	where.execfn = where.end - execfn_size;
	where.envp = where.execfn - a->envp.size;
	where.argv = where.envp - a->argv.size;
	where.platform = where.argv - sizeof(platform);
	where.random = (where.platform - RANDOM_SIZE) & ~(STACK_ALIGN - 1);
	sp = (where.random - vectors) & ~(STACK_ALIGN - 1);
	l = (struct layout){.bottom = sp, .size = top - sp};
	l.image = heap_zalloc(l.size);
	if (!l.image)
		return -ENOMEM;
	at = sp;
	put_u64(&l, &at, a->argv.count);
	put_pointers(&l, &at, &a->argv, where.argv);
	put_pointers(&l, &at, &a->envp, where.envp);
	put_auxv(&l, &at, space, image, cred, secure, &where);
	put_bytes(&l, where.platform, platform, sizeof(platform));
	put_bytes(&l, where.argv, a->argv.bytes, a->argv.size);
	put_bytes(&l, where.envp, a->envp.bytes, a->envp.size);
	put_bytes(&l, where.execfn, a->path, execfn_size);
	if (exo_entropy_read(libos.boot->entropy, l.image + (where.random - sp), RANDOM_SIZE, NULL) != EXO_OK)
		libos_log("feuerbird: no entropy for a new program");
	error = write_image(space, &l);
	heap_free(l.image);
	if (error)
		return -ENOMEM;
	vm_set_args(space, where.argv, where.envp, where.envp, where.execfn);
	return (int64_t)sp;
}

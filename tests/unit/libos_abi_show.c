/* What a trace makes of numbers, bytes and program memory; and that looking changes nothing. */
#include "libos_vm_world.h"

#include <libos/abi/decode.h>
#include <libos/lib/string.h>

static struct line line;

static void is_line(const char *expected)
{
	cr_assert(str_equal(line.text, expected), "'%s' is not '%s'", line.text, expected);
	line_clear(&line);
}

#define SHOWS(call, expected)    \
	do {                     \
		call;            \
		is_line(expected); \
	} while (0)

Test(abi_show, flags)
{
	SHOWS(put_named(&line, A_PROT, 0), "PROT_NONE");
	SHOWS(put_named(&line, A_PROT, 3), "PROT_READ|PROT_WRITE");
	SHOWS(put_named(&line, A_PROT, 0x11), "PROT_READ|0x10");
	SHOWS(put_named(&line, A_PROT, 0x30), "0x30 /* PROT_??? */");
	SHOWS(put_named(&line, A_MMAP, 0x23), "MAP_SHARED_VALIDATE|MAP_ANONYMOUS");
	SHOWS(put_bits(&line, A_OPEN, O_TMPFILE | O_CLOEXEC, false), "|O_CLOEXEC|O_TMPFILE");
	SHOWS(put_named(&line, A_CLONE, UINT64_C(1) << 32 | 0x100), "CLONE_VM|CLONE_CLEAR_SIGHAND");
	SHOWS(put_named(&line, A_WHENCE, 2), "SEEK_END");
	SHOWS(put_named(&line, A_WHENCE, 9), "0x9 /* SEEK_??? */");
	SHOWS(put_named(&line, A_SI_CODE, (uint64_t)-1), "SI_QUEUE");
	SHOWS(put_named(&line, A_IOCTL, 0x80045430), "TIOCGPTN");
}

/* Each value of a group has one name, and each name of bits has a bit of its own. */
Test(abi_show, groups)
{
	for (int kind = A_FIRST_GROUP; kind < A_KINDS; kind++) {
		const struct name_group *g = name_group((enum call_kind)kind);

		cr_assert_gt(g->count, 0);
		for (uint32_t i = 0; i < g->count; i++) {
			cr_assert(!g->flags || g->names[i].value, "%s", g->names[i].name);
			for (uint32_t k = 0; k < i; k++)
				cr_assert_neq(g->names[i].value, g->names[k].value, "%s is %s", g->names[i].name, g->names[k].name);
		}
	}
}

Test(abi_show, strings)
{
	SHOWS(put_quoted(&line, (const uint8_t *)"a\"\\\n\t\0\0001\033\377", 10, true, false), "\"a\\\"\\\\\\n\\t\\0\\0001\\33\\377\"...");
	SHOWS(put_quoted(&line, (const uint8_t *)"a\n", 2, false, true), "\"\\x61\\x0a\"");
}

Test(abi_show, numbers)
{
	SHOWS(put_mode(&line, 0), "000");
	SHOWS(put_mode(&line, 7), "007");
	SHOWS(put_mode(&line, 0644), "0644");
	SHOWS(put_node_mode(&line, 0104755), "S_IFREG|S_ISUID|0755");
	SHOWS(put_device(&line, 0x501), "makedev(0x5, 0x1)");
	SHOWS(put_device(&line, UINT64_C(0x1234500abc67)), "makedev(0x1abc, 0x23450067)");
	SHOWS(put_id(&line, UINT32_MAX), "-1");
	SHOWS(put_signal(&line, 34), "SIGRT_2");
	SHOWS(put_signal(&line, 99), "99");
	SHOWS(put_signal_set(&line, 0), "[]");
	SHOWS(put_signal_set(&line, ~UINT64_C(0)), "~[]");
	SHOWS(put_signal_set(&line, UINT64_C(1) << 32 | 3), "[HUP INT RT_1]");
	SHOWS(put_wait_status(&line, 0x300), "[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]");
	SHOWS(put_wait_status(&line, 0x8b), "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]");
	SHOWS(put_wait_status(&line, 0x857f), "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP | 0x80}]");
	SHOWS(put_wait_status(&line, 0xffff), "[{WIFCONTINUED(s)}]");
}

/* A line has an end, and says so. */
Test(abi_show, long_line)
{
	for (int i = 0; i < 5000; i++)
		put(&line, "abc");
	cr_assert(line.cut);
	cr_assert_eq(line.length, LINE_SIZE - 1);
	cr_assert_eq(str_length(line.text), LINE_SIZE - 1);
}

/* Every call with pointers to nowhere, before and after it, and with whatever result. */
Test(abi_show, wild_arguments)
{
	static const uint64_t values[] = {0, 1, 2, 3, 9, 0x80, 4096, UINT32_MAX, INT64_MAX, UINT64_MAX, UINT64_C(1) << 63, 0x7ffffffff000};

	for (uint32_t nr = 0; nr < SYSCALL_TABLE_SIZE + 2; nr++) {
		for (uint32_t v = 0; v < sizeof(values) / sizeof(values[0]) * 6; v++) {
			struct traced_call call = {.nr = nr, .result = v % 7 == 0 ? -EINVAL : v % 7 == 1 ? INT64_MAX : (int64_t)v};

			for (uint32_t i = 0; i < 6; i++)
				call.args[i] = values[(v + i * (1 + v / 12)) % (sizeof(values) / sizeof(values[0]))];
			line.string_size = STRING_SHOW;
			line_clear(&line);
			decode_begin(&line, &call);
			decode_rest(&line, &call);
			decode_result(&line, &call);
			cr_assert(!line.cut, "%.200s", line.text);
		}
	}
}

WORLD_TEST(abi_show, looks_without_touching, 4096)
{
	static struct mock_file mock;
	struct vm_space *space = vm_space_new("look");
	uint64_t anon, file, hidden, shared, free_before;
	uint8_t bytes[2 * PAGE_SIZE];

	mock_file_init(&mock, PAGE_SIZE + 10, O_RDWR);
	anon = (uint64_t)vm_mmap(space, 0, 64 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
	file = (uint64_t)vm_mmap(space, 0, 4 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, &mock.file, 0);
	hidden = (uint64_t)vm_mmap(space, 0, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	shared = (uint64_t)vm_mmap(space, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	cr_assert_eq(vm_commit(space), 0);
	free_before = libos.frames.free_count;
	memset(bytes, 0xee, sizeof(bytes));
	cr_assert(vm_look(space, bytes, anon + 40 * PAGE_SIZE - 4, 8));
	cr_assert_eq(bytes[0] | bytes[7], 0);
	cr_assert(vm_look(space, bytes, shared, 8));
	cr_assert_eq(bytes[0] | bytes[7], 0);
	cr_assert(vm_look(space, bytes, file + PAGE_SIZE - 2, 4));
	cr_assert_eq(bytes[3], (uint8_t)((PAGE_SIZE + 1) * 31 + 1));
	cr_assert(!vm_look(space, bytes, file + 2 * PAGE_SIZE, 1), "behind the file's end");
	cr_assert(!vm_look(space, bytes, hidden, 1), "what the program may not read");
	cr_assert(!vm_look(space, bytes, 4096, 1));
	cr_assert(!vm_look(space, bytes, EXO_USER_LIMIT - 2, 4));
	cr_assert(!vm_look(space, bytes, UINT64_MAX - 2, 8));
	cr_assert_eq(libos.frames.free_count, free_before, "looking takes no frame");
	cr_assert_eq(program_byte(space, file + PAGE_SIZE, NULL), -1, "and maps nothing");
	memset(bytes, 'x', 40);
	cr_assert_eq(user_write(space, anon + PAGE_SIZE - 20, bytes, 40), 0);
	line.space = space;
	line.string_size = 32;
	SHOWS(put_bytes(&line, anon + PAGE_SIZE - 20, 40, false), "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...");
	SHOWS(put_string(&line, anon + PAGE_SIZE + 10), "\"xxxxxxxxxx\"");
	SHOWS(put_string(&line, anon + PAGE_SIZE - 20), "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"...");
	SHOWS(put_path(&line, 16), "0x10");
	SHOWS(put_bytes(&line, 0, 5, false), "NULL");
	vm_space_put(space);
	mock_file_done(&mock);
	world_check_clean();
}

/* exec: arguments in, another program for the same process. */
#include "v6.h"

static char exec_args[ARGS_SIZE];

int process_exec(struct process *p, const char *path, const char *args, uint64_t size, uint64_t count)
{
	struct archive_entry entry;
	struct image image;
	int error;

	if (!archive_find(&v6.archive, path, &entry))
		return -V6_ENOENT;
	if (archive_is_folder(&entry))
		return -V6_EISDIR;
	error = image_load(&image, entry.data, entry.size, args, size, count);
	if (error)
		return error;
	/* From here on there is no way back: what cannot go on is killed. */
	image_unmap(p);
	image_free(&p->image);
	p->image = image;
	memset(p->page, 0, sizeof(*p->page));
	p->page->regs.rip = image.entry;
	p->page->regs.rsp = image.stack;
	p->page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	if (image_map(p))
		process_end(p, V6_SIGKILL, 0);
	return 0;
}

void process_first(const char *args, uint64_t size, uint64_t count)
{
	struct process *p = process_new("v6 first");
	int error = p ? process_exec(p, args, args, size, count) : -V6_ENOMEM;

	if (p && !error) {
		files_init(p);
		return;
	}
	v6_log("v6: cannot start ");
	v6_log(args);
	v6_log(error == -V6_ENOMEM ? ": not enough memory\n" : error == -V6_ENOEXEC ? ": not a program\n" : ": no such program\n");
	v6_end(error == -V6_ENOMEM ? 126 : 127);
}

/* Copies the argument strings to exec_args; the count, or an error. */
static int64_t args_collect(const struct process *p, exo_vaddr_t argv, uint64_t *size)
{
	int64_t count = 0;

	for (*size = 0;; count++, argv += sizeof(uint64_t)) {
		const uint64_t *slot = user_at(p, argv, sizeof(*slot), EXO_PROT_READ);
		const char *text;
		uint64_t n = 0;

		if (!slot || argv % sizeof(*slot) != 0)
			return -V6_EFAULT;
		if (*slot == 0)
			return count;
		text = user_string(p, *slot);
		if (!text)
			return -V6_EFAULT;
		do {
			if (*size == ARGS_SIZE)
				return -V6_E2BIG;
			exec_args[(*size)++] = text[n];
		} while (text[n++]);
	}
}

int64_t sys_exec(struct process *p, const uint64_t *args)
{
	const char *path = user_string(p, args[0]);
	uint64_t size = 0;
	int64_t count = path ? args_collect(p, args[1], &size) : -V6_EFAULT;
	int error = count < 0 ? (int)count : process_exec(p, path, exec_args, size, (uint64_t)count);

	return error ? error : CALL_GONE;
}

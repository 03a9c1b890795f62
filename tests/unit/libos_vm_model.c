/*
 * Address spaces against a model: random calls on a window of pages in several spaces. The model
 * is one record per page; after each step the answers must be the model's, and what the
 * kernel maps must show the model's contents with no more rights than the model's.
 */
#include "libos_vm_world.h"

#define PAGES   (FORK_COPY_MAX * 3) /* so that forks copy or share, as it comes */
#define SPACES  5u
#define OBJECTS 2048u
#define BASE    UINT64_C(0x10000000)

struct model_page {
	bool mapped, shared, wipe, nofork;
	uint32_t prot;
	uint32_t object, index; /* of a shared page */
	uint64_t word;          /* at offset 8 of a private page */
};

struct model_space {
	struct vm_space *space;
	struct model_page page[PAGES];
};

static struct model_space spaces[SPACES];
static uint64_t object_word[OBJECTS][PAGES];
static uint32_t objects, object_size[OBJECTS]; /* pages, as it was made */
static uint64_t seed;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(test_random(&seed) >> 20) % n;
}

static uint64_t *word_of(struct model_page *p)
{
	return p->shared ? &object_word[p->object][p->index] : &p->word;
}

static uint64_t address_of(uint32_t page)
{
	return BASE + page * PAGE_SIZE;
}

struct range {
	uint32_t first, count;
};

static struct range pick_range(void)
{
	struct range r;

	r.first = pick(PAGES);
	r.count = 1 + pick(pick(4) == 0 ? PAGES - r.first : (PAGES - r.first + 7) / 8);
	return r;
}

static bool has_hole(const struct model_space *m, struct range r)
{
	for (uint32_t i = 0; i < r.count; i++) {
		if (!m->page[r.first + i].mapped)
			return true;
	}
	return false;
}

static bool is_empty(const struct model_space *m, struct range r)
{
	for (uint32_t i = 0; i < r.count; i++) {
		if (m->page[r.first + i].mapped)
			return false;
	}
	return true;
}

static uint32_t pick_prot(void)
{
	static const uint32_t prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
		                          PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC };

	return prots[pick(6)];
}

static void do_mmap(struct model_space *m)
{
	struct range r = pick_range();
	bool shared = pick(4) == 0, gently = pick(3) == 0;
	uint32_t prot = pick_prot();
	int flags = MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE) | (gently ? MAP_FIXED_NOREPLACE : MAP_FIXED);
	int64_t got = vm_mmap(m->space, address_of(r.first), r.count * PAGE_SIZE, (int)prot, flags, NULL, 0);

	if (gently && !is_empty(m, r)) {
		cr_assert_eq(got, -EEXIST);
		return;
	}
	cr_assert_eq(got, (int64_t)address_of(r.first));
	for (uint32_t i = 0; i < r.count; i++) {
		m->page[r.first + i] = (struct model_page){
			.mapped = true, .shared = shared, .prot = prot, .object = objects, .index = i,
		};
	}
	if (shared) {
		memset(object_word[objects], 0, sizeof(object_word[objects]));
		object_size[objects] = r.count;
		objects++;
		cr_assert(objects < OBJECTS);
	}
}

static void do_munmap(struct model_space *m)
{
	struct range r = pick_range();

	cr_assert_eq(vm_munmap(m->space, address_of(r.first), r.count * PAGE_SIZE), 0);
	for (uint32_t i = 0; i < r.count; i++)
		m->page[r.first + i] = (struct model_page){ .mapped = false };
}

static void do_mprotect(struct model_space *m)
{
	struct range r = pick_range();
	uint32_t prot = pick_prot();
	int got = vm_mprotect(m->space, address_of(r.first), r.count * PAGE_SIZE, (int)prot);

	cr_assert_eq(got, has_hole(m, r) ? -ENOMEM : 0);
	/* What lies before a hole is changed all the same. */
	for (uint32_t i = 0; i < r.count && m->page[r.first + i].mapped; i++)
		m->page[r.first + i].prot = prot;
}

/* A shared mapping may reach beyond its object: there is nothing. */
static bool exists(const struct model_page *p)
{
	return p->mapped && (!p->shared || p->index < object_size[p->object]);
}

static void do_store(struct model_space *m)
{
	uint32_t at = pick(PAGES);
	struct model_page *p = &m->page[at];
	uint64_t word = test_random(&seed);
	int got = user_write(m->space, address_of(at) + 8, &word, sizeof(word));

	cr_assert_eq(got, exists(p) && (p->prot & PROT_WRITE) != 0 ? 0 : -EFAULT, "store to page %u gives %d", at, got);
	if (got == 0)
		*word_of(p) = word;
}

static void do_load(struct model_space *m)
{
	uint32_t at = pick(PAGES);
	struct model_page *p = &m->page[at];
	uint64_t word = 0;
	int got = user_read(m->space, &word, address_of(at) + 8, sizeof(word));

	cr_assert_eq(got, exists(p) && p->prot != 0 ? 0 : -EFAULT, "load from page %u gives %d", at, got);
	if (got == 0)
		cr_assert_eq(word, *word_of(p), "page %u has %lx, not %lx", at, word, *word_of(p));
}

static void do_fault(struct model_space *m)
{
	uint32_t at = pick(PAGES);
	const struct model_page *p = &m->page[at];
	bool write = pick(2) == 0;
	int signo, code;
	int got = vm_fault(m->space, address_of(at), write ? EXO_ACCESS_WRITE : EXO_ACCESS_READ, &signo, &code);

	bool allowed = p->mapped && (write ? (p->prot & PROT_WRITE) != 0 : p->prot != 0);

	if (allowed && exists(p)) {
		uint32_t prot;

		cr_assert_eq(got, 0);
		cr_assert_eq(vm_commit(m->space), 0);
		cr_assert_geq(program_byte(m->space, address_of(at), &prot), 0);
		cr_assert(!write || (prot & EXO_PROT_WRITE) != 0);
	} else {
		cr_assert_eq(got, -EFAULT);
		cr_assert_eq(signo, allowed ? SIGBUS : SIGSEGV);
		cr_assert_eq(code, allowed ? BUS_ADRERR : p->mapped ? SEGV_ACCERR : SEGV_MAPERR);
	}
}

static void do_advise(struct model_space *m)
{
	static const int advices[] = { MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK };
	struct range r = pick_range();
	int advice = advices[pick(5)];
	int got = vm_madvise(m->space, address_of(r.first), r.count * PAGE_SIZE, advice);

	for (uint32_t i = 0; i < r.count; i++) {
		struct model_page *p = &m->page[r.first + i];

		if (!p->mapped)
			continue;
		if (advice == MADV_WIPEONFORK && p->shared) {
			cr_assert_eq(got, -EINVAL);
			return;
		}
		if (advice == MADV_DONTNEED && !p->shared)
			p->word = 0;
		if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
			p->nofork = advice == MADV_DONTFORK;
		if (advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK)
			p->wipe = advice == MADV_WIPEONFORK;
	}
	cr_assert_eq(got, has_hole(m, r) ? -ENOMEM : 0);
}

/* Borders of regions are not in the model, so a refusal because of them is accepted when nothing changed. */
static void do_mremap(struct model_space *m)
{
	struct range from = pick_range(), to = pick_range();
	uint32_t common = from.count < to.count ? from.count : to.count;
	struct model_page moved[PAGES];
	int64_t got;

	if (has_hole(m, from) || !is_empty(m, to))
		return;
	got = vm_mremap(m->space, address_of(from.first), from.count * PAGE_SIZE, to.count * PAGE_SIZE,
	                MREMAP_MAYMOVE | MREMAP_FIXED, address_of(to.first));
	if (got < 0) {
		cr_assert_eq(got, -EFAULT);
		return;
	}
	cr_assert_eq(got, (int64_t)address_of(to.first));
	memcpy(moved, &m->page[from.first], sizeof(moved[0]) * from.count);
	for (uint32_t i = 0; i < from.count; i++)
		m->page[from.first + i] = (struct model_page){ .mapped = false };
	for (uint32_t i = 0; i < to.count; i++) {
		struct model_page *p = &m->page[to.first + i];

		*p = moved[i < common ? i : from.count - 1];
		if (i >= common) {
			p->index = moved[0].index + i;
			p->word = 0;
			cr_assert(!p->shared || p->index < PAGES * 2);
			/* Beyond what the model keeps of an object: not tried further. */
			if (p->shared && p->index >= PAGES) {
				cr_assert_eq(vm_munmap(m->space, address_of(to.first + i), PAGE_SIZE), 0);
				*p = (struct model_page){ .mapped = false };
			}
		}
	}
}

static void do_shrink(struct model_space *m)
{
	struct range r = pick_range();
	uint32_t keep = 1 + pick(r.count);
	int64_t got;

	if (has_hole(m, r))
		return;
	got = vm_mremap(m->space, address_of(r.first), r.count * PAGE_SIZE, keep * PAGE_SIZE, 0, 0);
	if (got < 0) {
		cr_assert_eq(got, -EFAULT);
		return;
	}
	for (uint32_t i = keep; i < r.count; i++)
		m->page[r.first + i] = (struct model_page){ .mapped = false };
}

static void do_fork(struct model_space *m)
{
	struct model_space *child = &spaces[pick(SPACES)];

	if (child == m)
		return;
	if (child->space != NULL)
		vm_space_put(child->space);
	child->space = vm_space_fork(m->space, "child");
	cr_assert_not_null(child->space);
	memcpy(child->page, m->page, sizeof(child->page));
	for (uint32_t i = 0; i < PAGES; i++) {
		struct model_page *p = &child->page[i];

		if (p->nofork)
			*p = (struct model_page){ .mapped = false };
		else if (p->wipe)
			p->word = 0;
	}
}

/* The kernel's map shows the right words, and grants nothing that the model does not. */
static void check_space(struct model_space *m)
{
	cr_assert_eq(vm_commit(m->space), 0);
	for (uint32_t i = 0; i < PAGES; i++) {
		struct model_page *p = &m->page[i];
		uint64_t value, word;

		cr_assert_eq(exo_mem_query(vm_zone(m->space), address_of(i), &value), EXO_OK);
		if (value == 0)
			continue;
		cr_assert(p->mapped && p->prot != 0, "page %u is mapped and should not be", i);
		cr_assert_eq((uint32_t)value & EXO_PROT_WRITE & ~p->prot, 0, "page %u is writable", i);
		cr_assert_eq((uint32_t)value & EXO_PROT_EXEC & ~p->prot, 0, "page %u is executable", i);
		memcpy(&word, (char *)frame_ptr(value >> PAGE_SHIFT) + 8, sizeof(word));
		cr_assert_eq(word, *word_of(p), "page %u shows %lx, not %lx", i, word, *word_of(p));
		if (!p->shared && (value & EXO_PROT_WRITE) != 0)
			cr_assert_eq(frame_refs(value >> PAGE_SHIFT), 1, "page %u is writable and shared", i);
	}
}

static void check_order(const struct vm_space *space)
{
	for (uint32_t i = 0; i < space->region_count; i++) {
		const struct region *r = space->regions[i];

		cr_assert(r->start < r->end && r->space == space);
		cr_assert(i == 0 || space->regions[i - 1]->end <= r->start);
	}
}

static void (*const steps[])(struct model_space *) = {
	do_mmap, do_mmap, do_munmap, do_mprotect, do_store, do_store, do_store, do_load, do_load, do_fault, do_fault,
	do_advise, do_mremap, do_shrink, do_fork,
};

static void run_model(uint64_t start_seed, uint32_t count)
{
	seed = start_seed;
	objects = 0;
	memset(spaces, 0, sizeof(spaces));
	spaces[0].space = vm_space_new("model");
	cr_assert_not_null(spaces[0].space);
	for (uint32_t n = 0; n < count; n++) {
		struct model_space *m = &spaces[pick(SPACES)];

		if (m->space == NULL)
			continue;
		steps[pick(sizeof(steps) / sizeof(steps[0]))](m);
		check_order(m->space);
		if (pick(4) == 0) {
			for (uint32_t i = 0; i < SPACES; i++) {
				if (spaces[i].space != NULL)
					check_space(&spaces[i]);
			}
		}
		if (n % 256 == 0) {
			cr_assert(frames_check());
			cr_assert_null(core_check(), "%s", core_check());
		}
	}
	for (uint32_t i = 0; i < SPACES; i++) {
		if (spaces[i].space != NULL)
			vm_space_put(spaces[i].space);
	}
	world_check_clean();
}

WORLD_TEST(vm_model, random_calls, 4096)
{
	for (uint64_t s = 1; s <= 12; s++)
		run_model(s * UINT64_C(0x9e3779b97f4a7c15), 3000);
}

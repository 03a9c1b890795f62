/*
 * Copies between the LibOS and program memory, through the LibOS's own page table.
 * A page may be read if the kernel maps it (then the program can read it too), and
 * written if it is mapped writable; anything else goes through vm_fault() as the
 * program's own access would.
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

/* The pointer to an accessible page's first byte, or NULL with *error set. */
static char *page_slow(struct vm_space *space, uint64_t address, bool write, int *error)
{
	struct user_cache *cache = &space->cache[(address >> PAGE_SHIFT) % USER_CACHE];
	pte_t need = write ? PTE_MAPPED | PTE_WRITABLE : PTE_MAPPED;
	int signo, code;

	*error = -EFAULT;
	/* Twice: a change forced while memory was short may have taken the page away again. */
	for (int tries = 0; tries < 3 && address < EXO_USER_LIMIT; tries++) {
		pte_t *place = table_find(&space->pages, address);

		if (place != NULL && (*place & need) == need) {
			cache->page = PAGE_DOWN(address);
			cache->ptr = frame_ptr(pte_frame(*place));
			cache->writable = (*place & PTE_WRITABLE) != 0;
			return cache->ptr;
		}
		*error = vm_fault(space, address, write ? EXO_ACCESS_WRITE : EXO_ACCESS_READ, &signo, &code);
		if (*error != 0)
			return NULL;
	}
	if (*error == 0)
		*error = -ENOMEM;
	return NULL;
}

static inline char *page_pointer(struct vm_space *space, uint64_t address, bool write, int *error)
{
	const struct user_cache *cache = &space->cache[(address >> PAGE_SHIFT) % USER_CACHE];

	if (cache->page == PAGE_DOWN(address) && (!write || cache->writable))
		return cache->ptr;
	return page_slow(space, address, write, error);
}

static inline uint64_t page_rest(uint64_t address, uint64_t size)
{
	uint64_t rest = PAGE_SIZE - (address & (PAGE_SIZE - 1));

	return size < rest ? size : rest;
}

/* No copy wraps around the address space. */
static bool range_wraps(uint64_t address, uint64_t size)
{
	return address + size < address;
}

int user_read(struct vm_space *space, void *to, uint64_t from, uint64_t size)
{
	char *at = to;
	int error;

	if (range_wraps(from, size))
		return -EFAULT;
	while (size > 0) {
		uint64_t part = page_rest(from, size);
		const char *page = page_pointer(space, from, false, &error);

		if (page == NULL)
			return error;
		memcpy(at, page + (from & (PAGE_SIZE - 1)), part);
		at += part;
		from += part;
		size -= part;
	}
	return 0;
}

int user_write(struct vm_space *space, uint64_t to, const void *from, uint64_t size)
{
	const char *at = from;
	int error;

	if (range_wraps(to, size))
		return -EFAULT;
	while (size > 0) {
		uint64_t part = page_rest(to, size);
		char *page = page_pointer(space, to, true, &error);

		if (page == NULL)
			return error;
		memcpy(page + (to & (PAGE_SIZE - 1)), at, part);
		at += part;
		to += part;
		size -= part;
	}
	return 0;
}

int user_zero(struct vm_space *space, uint64_t to, uint64_t size)
{
	int error;

	if (range_wraps(to, size))
		return -EFAULT;
	while (size > 0) {
		uint64_t part = page_rest(to, size);
		char *page = page_pointer(space, to, true, &error);

		if (page == NULL)
			return error;
		memset(page + (to & (PAGE_SIZE - 1)), 0, part);
		to += part;
		size -= part;
	}
	return 0;
}

int64_t user_string(struct vm_space *space, char *to, uint64_t from, uint64_t size)
{
	uint64_t length = 0;
	int error;

	while (length < size) {
		uint64_t part = page_rest(from + length, size - length);
		const char *page = page_pointer(space, from + length, false, &error);
		const char *at;

		if (page == NULL)
			return error;
		at = page + ((from + length) & (PAGE_SIZE - 1));
		for (uint64_t i = 0; i < part; i++) {
			to[length] = at[i];
			if (at[i] == '\0')
				return (int64_t)length;
			length++;
		}
	}
	return -ENAMETOOLONG;
}

static int64_t span(struct vm_space *space, uint64_t address, uint64_t size, bool write, char **ptr)
{
	uint64_t length;
	char *page;
	int error = -EFAULT;

	if (range_wraps(address, size) || size == 0)
		return -EFAULT;
	page = page_pointer(space, address, write, &error);
	if (page == NULL)
		return error;
	*ptr = page + (address & (PAGE_SIZE - 1));
	length = page_rest(address, size);
	while (length < size) {
		pte_t *place = table_find(&space->pages, address + length);
		pte_t need = write ? PTE_MAPPED | PTE_WRITABLE : PTE_MAPPED;

		/* Pages that are not there yet are left to the next span. */
		if (place == NULL || (*place & need) != need)
			break;
		if (frame_ptr(pte_frame(*place)) != *ptr + length)
			break;
		length += page_rest(address + length, size - length);
	}
	return (int64_t)length;
}

int64_t user_span_read(struct vm_space *space, uint64_t address, uint64_t size, const void **ptr)
{
	char *at = NULL;
	int64_t length = span(space, address, size, false, &at);

	*ptr = at;
	return length;
}

int64_t user_span_write(struct vm_space *space, uint64_t address, uint64_t size, void **ptr)
{
	char *at = NULL;
	int64_t length = span(space, address, size, true, &at);

	*ptr = at;
	return length;
}

/*
 * A word of shared memory is known by its frame; a private one by zone and address, because its
 * frame changes when it is copied on write while someone waits on it. So a page that its program may write is
 * had as its own already when the word is only looked at.
 */
static int word_at(struct vm_space *space, uint64_t address, bool write, uint64_t *key, uint32_t **word)
{
	struct region *region;
	char *page;
	int error = -EFAULT;

	if ((address & 3) != 0)
		return -EINVAL;
	region = address < EXO_USER_LIMIT ? region_find(space, address) : NULL;
	if (region == NULL)
		return -EFAULT;
	page = page_pointer(space, address, write || (region->prot & PROT_WRITE) != 0, &error);
	if (page == NULL)
		return error;
	*word = (uint32_t *)(void *)(page + (address & (PAGE_SIZE - 1)));
	if ((region->flags & REGION_SHARED) != 0)
		*key = frame_of(page) << PAGE_SHIFT | (address & (PAGE_SIZE - 1));
	else
		/* 47 bits of address, 16 of the zone's slot (unique among the living), and a mark. */
		*key = UINT64_C(1) << 63 | (space->zone & 0xffff) << 47 | address;
	return 0;
}

int user_word_read(struct vm_space *space, uint64_t address, uint64_t *key, const uint32_t **word)
{
	uint32_t *at = NULL;
	int error = word_at(space, address, false, key, &at);

	*word = at;
	return error;
}

int user_word_write(struct vm_space *space, uint64_t address, uint64_t *key, uint32_t **word)
{
	return word_at(space, address, true, key, word);
}

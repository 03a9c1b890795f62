/* Putting one mapping into a space; used by mmap, brk, mremap, exec. Private to vm/. */
#ifndef LIBOS_VM_MAP_H
#define LIBOS_VM_MAP_H

#include <libos/vm/space.h>

/* What Linux gives a new program's stack at first: 32 pages and one. */
#define STACK_INITIAL (UINT64_C(33) * PAGE_SIZE)

struct map_request {
	uint64_t start, length;  /* page aligned */
	uint64_t offset;
	uint32_t prot, max_prot;
	uint32_t flags;          /* REGION_* */
	bool fixed, no_replace, populate;
	bool lock;               /* MAP_LOCKED */
	bool low;                /* MAP_32BIT */
	struct file *file;       /* NULL: anonymous */
};

/* Replaces what is in [start, start + length) by a new region. 0 or -ENOMEM, then nothing has changed. *made is valid
 * until regions are joined. */
int map_insert(struct vm_space *space, const struct map_request *m, struct region **made);
/* Brings in all pages of the part. 0; what page_fault_in() says of the first that cannot be had. A signal that waits ends it. */
int region_populate(struct vm_space *space, struct region *region, uint64_t start, uint64_t end);

#endif

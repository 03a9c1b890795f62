/*
 * What is inside an address space: regions, pages, queued changes. Private to vm/.
 *
 * A page's entry holds its frame and what has been arranged with the kernel. The
 * entry holds one reference of the frame. Changes of mappings are queued as exo_map_ops and
 * done in order by vm_commit(); a frame that the program may still reach is put
 * on the `dead` list and loses its reference only after that commit.
 */
#ifndef LIBOS_VM_SPACE_H
#define LIBOS_VM_SPACE_H

#include <libos/libos.h>
#include <libos/vm/table.h>

/* ---- tunables; times are of the simulator (a fault ~12 us, one mapping ~3 us, one more page in it ~0.7 us,
 * copying a page ~0.15 us; under TCG a fault ~8 us, copying ~1.5 us) ---- */

/* Pages mapped around a fault of anonymous memory: the first fault of a region, and the most that sequential
 * access grows it to. One avoided fault pays for ~16 pages. */
#define AROUND_FIRST 16u
#define AROUND_MAX   64u
#define AROUND_MIN   2u
/* Pages of the page cache mapped around a fault of a file mapping. */
#define AROUND_FILE 64u
/* Pages copied around a write to a copy-on-write page. */
#define AROUND_COPY 8u
/* Anonymous mappings up to this many pages get their first pages at once. */
#define PREFAULT_REGION_MAX 256u
#define PREFAULT_PAGES      16u
#define PREFAULT_STACK      8u
/* The writable data of a program that exec copies at once, and the most pages of read-only file data that it maps. */
#define PREFAULT_DATA 32u
#define PREFAULT_FILE 512u
/* A fork copies up to this many private pages at once: a copied page costs ~0.85 us, a page left shared costs ~12 us
 * in each process that writes to it, and a shell's child writes to about one in ten. */
#define FORK_COPY_MAX 96u
/* Separate mappings that a fork makes for a large parent; the rest of the pages waits for faults. */
#define FORK_MAP_RUNS 64u
/* Kernel memory of a new zone, frames; doubled each time it runs out. */
#define FUND_FIRST 16u
#define FUND_STEPS 24
/* Frames that may wait for a commit before one is forced. */
#define DEAD_MAX 512u
#define OPS_FIRST 32u
#define OPS_MAX   1024u
/* As Linux's vm.max_map_count and stack_guard_gap. */
#define REGIONS_MAX 65530u
#define STACK_GUARD (UINT64_C(256) * PAGE_SIZE)
/* Linux reserves at least this much below the stack's top for it. */
#define STACK_GAP_MIN (UINT64_C(128) << 20)
#define PIE_BASE UINT64_C(0x555555554000)

/* ---- pages ---- */
typedef uint64_t pte_t;
#define PTE_PRESENT  UINT64_C(1)
#define PTE_MAPPED   UINT64_C(2)  /* the kernel maps it, or a queued change does */
#define PTE_WRITABLE UINT64_C(4)  /* ... and the program can write to it */
#define PTE_OWN      UINT64_C(8)  /* may be written as it is (if the region allows); else it must be copied first */
#define PTE_CACHE    UINT64_C(16) /* belongs to a file, an object or a text copy */

static inline exo_frame_t pte_frame(pte_t pte) { return pte >> PAGE_SHIFT; }
static inline pte_t pte_make(exo_frame_t frame, pte_t flags) { return frame << PAGE_SHIFT | PTE_PRESENT | flags; }

/* ---- shared anonymous memory ---- */
struct vm_object {
	uint32_t refs;
	uint64_t size;      /* bytes, whole pages: as it was made, however large a mapping of it becomes */
	struct table pages; /* by offset; entries as pte_make(frame, 0), one reference each */
};

/* ---- prepared copies of program text, see text.c and thunks.c ---- */

/* Frames behind a text's for what the kernel's rewritten call sites need, before it is known how many they are: for the most
 * sites that the simulator rewrites in one text. And the most of a text itself that is prepared in one piece. */
#define THUNK_PAGES   7u
#define TEXT_PAGES_MAX (EXO_TEXT_MAX - THUNK_PAGES)
_Static_assert(EXO_TEXT_MAX <= FRAMES_RUN_MAX, "a text is one run of frames");

struct text_copy {
	struct list node;     /* inode_vm.texts; in no list once it is stale */
	struct list all;      /* libos.vm.texts */
	uint32_t refs;        /* regions; the list holds none: an unused copy is kept for the next exec */
	uint64_t index;       /* first page of the file */
	uint64_t vaddr;
	uint64_t count;       /* pages = frames */
	uint64_t code_size;
	exo_frame_t first;
	uint64_t thunks;      /* where the frames behind the text's must be mapped, */
	uint64_t thunk_count; /* this many; 0: no site was rewritten */
};

/* The thunks of one text in one space: mapped while some region shows that text. In no region, so no program sees them. */
struct thunk_map {
	struct thunk_map *next;
	struct text_copy *text;
	uint32_t users;       /* regions of this space */
};

struct inode_vm { /* inode->text */
	struct list regions;  /* region.inode_node */
	struct list texts;
};

/* ---- regions ---- */
#define REGION_SHARED    UINT32_C(1)
#define REGION_GROWSDOWN UINT32_C(2)
#define REGION_STACK     UINT32_C(4)
#define REGION_HEAP      UINT32_C(8)
#define REGION_NOFORK    UINT32_C(16)
#define REGION_WIPE      UINT32_C(32)  /* MADV_WIPEONFORK */
#define REGION_NORESERVE UINT32_C(64)
#define REGION_LOCKED    UINT32_C(128) /* mlock */
#define REGION_LOCK_LAZY UINT32_C(256) /* MLOCK_ONFAULT: with REGION_LOCKED */
#define REGION_LOCK_BITS (REGION_LOCKED | REGION_LOCK_LAZY)

struct region {
	uint64_t start, end;
	uint32_t prot, max_prot;  /* PROT_*; what mprotect may give */
	uint32_t flags;           /* REGION_* */
	uint32_t around;          /* pages, see AROUND_FIRST */
	struct file *file;        /* a reference, or NULL */
	struct vm_object *object; /* a reference, or NULL */
	uint64_t offset;          /* of `start` in the file or object, bytes */
	struct text_copy *text;   /* a reference, or NULL; for its addresses it replaces the file */
	struct vm_space *space;
	struct list inode_node;
	uint64_t refresh_pass;    /* the last one that this region is done in, see text.c */
};

struct frame_run {
	exo_frame_t first;
	uint64_t count;
};

#define USER_CACHE 4
struct user_cache { /* recent translations of user.c */
	uint64_t page;    /* address, or 1: none */
	char *ptr;
	bool writable;
};

struct vm_space {
	struct vm_space *next, *prev; /* libos.vm.spaces */
	uint32_t refs;
	exo_cap_t zone;
	struct frame_run fund[FUND_STEPS];
	uint32_t fund_count;

	struct thunk_map *thunks;
	struct region **regions; /* sorted, not overlapping */
	uint32_t region_count, region_capacity;
	uint32_t region_hint;
	struct table pages;
	struct user_cache cache[USER_CACHE];

	struct exo_map_op *ops;
	uint32_t op_count, op_capacity;
	struct frame_run *dead;
	uint32_t dead_count, dead_capacity;
	uint64_t dead_frames;
	bool committing;
	struct thread *changing;      /* its regions, in a call that may give way; see vm_enter() */
	struct waitq change_wait;

	uint64_t resident, cached;    /* pages present; those with PTE_CACHE */
	uint64_t minor_faults;
	uint64_t image_end;           /* of the program that was loaded */
	uint64_t brk_start, brk_end;
	uint64_t stack_top, mmap_base;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv[2 * AUXV_MAX], auxv_size;
	uint64_t limit_as, limit_data, limit_stack;
	uint64_t limit_lock;          /* bytes that who is in vm_enter() may lock */
	uint32_t lock_future;         /* mlockall(MCL_FUTURE): REGION_LOCKED and its kin, for new regions */
	exo_frame_t answers;
	struct grant *grants;         /* grant.c */
	uint32_t grant_count;
	bool shared;                  /* its program may map into it itself */
	bool plain_text;              /* no text of it is rewritten: somebody looks at it */
};

/* Grants of memory and CPU time that one program may have. */
#define GRANTS_MAX 64

/* space.c: pages and queued changes */
void space_queue(struct vm_space *space, uint64_t vaddr, exo_frame_t frame, uint64_t count, uint32_t prot);
void space_cache_flush(struct vm_space *space);
/* Puts a new page in (place from table_make), or replaces what was there; takes over the frame's reference, and maps
 * it as the region says. */
void page_install(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place,
                  exo_frame_t frame, pte_t flags);
/* The same for `count` neighbouring pages, all absent, and frames; takes a reference of each. 0, or -ENOMEM with some of
 * them installed. map: tell the kernel. */
int pages_install(struct vm_space *space, const struct region *region, uint64_t address, exo_frame_t first,
                  uint64_t count, pte_t flags, bool map);
/* Maps a present page as the region and the entry say. */
void page_map(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place);
/* Brings the protection of a mapped page in line with region and entry, cheaper than mapping it anew. */
void page_protect(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place);
/* Removes all pages of [start, end) and queues the unmapping. */
void pages_remove(struct vm_space *space, uint64_t start, uint64_t end);
/* The same, and gives way between pieces: under vm_enter(). True if it did: others may have brought pages in again meanwhile. */
bool pages_remove_long(struct vm_space *space, uint64_t start, uint64_t end);
/* Removes those with PTE_CACHE. */
void pages_remove_cached(struct vm_space *space, uint64_t start, uint64_t end);
/* Removes them from the kernel's map only (PROT_NONE). */
void pages_hide(struct vm_space *space, uint64_t start, uint64_t end);
/* A reference that may go after the next commit. */
void space_put_frame(struct vm_space *space, exo_frame_t frame);
uint32_t region_page_prot(const struct region *region, pte_t pte); /* EXO_PROT_* */
/* Memory is short: commits what waits, drops unused text copies. True if that freed something. */
bool vm_reclaim(void);

/* region.c */
/* Index of the first region that ends above the address. */
uint32_t region_index(struct vm_space *space, uint64_t address);
struct region *region_find(struct vm_space *space, uint64_t address); /* that contains it, or NULL */
bool range_is_free(struct vm_space *space, uint64_t start, uint64_t end);
bool range_is_valid(uint64_t start, uint64_t length); /* inside what programs may map; length may be 0 */
/* A new region, not yet in the space, holding references of file and object. NULL: no memory. */
struct region *region_new(struct vm_space *space, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags);
/* A copy (for another space too) of the part [start, end). */
struct region *region_copy(struct vm_space *space, const struct region *from, uint64_t start, uint64_t end);
void region_free(struct region *region);
/* Room for n more regions, so that the next n inserts cannot fail. 0 or -ENOMEM. */
int regions_reserve(struct vm_space *space, uint32_t n);
void region_insert(struct vm_space *space, struct region *region);
void region_remove_at(struct vm_space *space, uint32_t index);
/* Makes `start` and `end` fall on borders of regions. 0 or -ENOMEM (nothing visible changed). */
int regions_cut(struct vm_space *space, uint64_t start, uint64_t end);
/* Joins neighbours that are alike around [start, end]. */
void regions_join(struct vm_space *space, uint64_t start, uint64_t end);
/* The highest free place of `length` bytes below mmap_base, or 0. */
uint64_t region_gap(struct vm_space *space, uint64_t length);
/* The place at `hint`, if that is free, else region_gap(). */
uint64_t region_place(struct vm_space *space, uint64_t hint, uint64_t length);
/* The lowest free place of `length` bytes in [start, end), or 0. */
uint64_t region_gap_between(struct vm_space *space, uint64_t start, uint64_t end, uint64_t length);
/* Unmaps and forgets [start, end), after regions_cut(). */
void regions_drop(struct vm_space *space, uint64_t start, uint64_t end);
/* RLIMIT_AS, RLIMIT_DATA, and obvious overcommit. 0 or -ENOMEM. */
int space_charge(struct vm_space *space, uint64_t bytes, uint32_t prot, uint32_t flags);
static inline uint64_t region_offset(const struct region *r, uint64_t address)
{
	return r->offset + (address - r->start);
}

/* fault.c */
/* Makes the page present, for writing if `write`, without permission checks. 0, -ENOMEM, -EFAULT: beyond the end of its file. */
int page_fault_in(struct vm_space *space, struct region *region, uint64_t address, bool write);
/* Brings in [start, end) of a writable private region in as few mappings as it can; gives up silently. */
void region_prefault(struct vm_space *space, struct region *region, uint64_t start, uint64_t end);
/* Maps what the page cache (or text copy) has for a private file region. */
void region_map_cached(struct vm_space *space, struct region *region, uint64_t max_pages);

/* object.c */
struct vm_object *object_new(uint64_t size);
void object_put(struct vm_object *object);
/* The frame at an offset, made if absent; no reference is taken. FRAME_NONE: no memory. */
exo_frame_t object_page(struct vm_object *object, uint64_t offset, bool make);
void object_remove(struct vm_object *object, uint64_t start, uint64_t end);

/* lock.c */
/* Of a region with these flags all pages are to be there at once. */
static inline bool lock_brings_in(uint32_t flags)
{
	return (flags & REGION_LOCK_BITS) == REGION_LOCKED;
}

/* A new region of that many bytes gets the lock bits that it must have; asked: MAP_LOCKED. 0; -EPERM, -EAGAIN: over the limit. */
int lock_new(struct vm_space *space, uint64_t bytes, bool asked, uint32_t *flags);
/* May a region with these flags grow by that? 0 or -EAGAIN. */
int lock_charge(struct vm_space *space, uint64_t bytes, uint32_t flags);

/* grant.c: takes everything back; the zone is gone already. */
void grants_end(struct vm_space *space);

/* text.c */
int region_attach_inode(struct region *region);   /* joins inode_vm.regions; 0 or -ENOMEM */
void region_detach_inode(struct region *region);
void region_attach_text(struct region *region, uint64_t code_size); /* finds or makes a text copy; none is fine */
/* The region shows the file's own bytes from now on: whoever writes to code must find it as it is in the file. */
void region_leave_text(struct region *region);
void text_put(struct text_copy *text);
bool texts_reclaim(void);

/* thunks.c */
/* A place for the thunks of a text that begins at `start`, within reach; 0: there is none. */
uint64_t thunks_place(struct vm_space *space, uint64_t start);
/* Where the heap may begin: at `address`, or behind the thunks that are behind the image. */
uint64_t thunks_above(const struct vm_space *space, uint64_t address);
/* Is the place of a text's thunks free here, or have they got it already? */
bool thunks_fit(struct vm_space *space, const struct text_copy *text);
/* The region shows the text from now on, or no longer (if it did). 0 or -ENOMEM. */
int region_text_set(struct region *region, struct text_copy *text);
void region_text_clear(struct region *region);
/* Something else gets [start, end): whoever has thunks there shows its file's own bytes. */
void thunks_yield(struct vm_space *space, uint64_t start, uint64_t end);
/* The highest place of `length` bytes that ends at `top` or below it and has no thunks; 0: there is none at `bottom` or above. */
uint64_t thunks_avoid(const struct vm_space *space, uint64_t bottom, uint64_t top, uint64_t length);
/* Maps those that `address` belongs to, if a commit has failed. False: there are none. */
bool thunks_fault(struct vm_space *space, uint64_t address);
/* The zone is gone, and with it their mappings. */
void thunks_end(struct vm_space *space);

#endif

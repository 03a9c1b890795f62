/*
 * Address spaces of programs: regions, demand paging, copy-on-write, brk, and
 * the one copyin/copyout of the LibOS (user_*).
 *
 * A space is an App zone plus the LibOS's own record of what is mapped where
 * (a page table of its own: it knows the frame behind each address, so it reaches
 * program memory through its window and never asks the kernel). Mapping changes are
 * collected and sent in one exo_mem_map() before the program runs again (vm_commit()).
 * All functions return 0 (or a value) or a negative errno (abi/errno.h).
 */
#ifndef LIBOS_VM_H
#define LIBOS_VM_H

#include <exo/abi.h>

#include <libos/lib/list.h>

struct inode;
struct file;
struct thread;

#define PAGE_SIZE  UINT64_C(4096)
#define PAGE_SHIFT 12
#define PAGE_DOWN(x) ((x) & ~(PAGE_SIZE - 1))
#define PAGE_UP(x)   (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

#define AUXV_MAX 24 /* entries of an auxiliary vector */

struct vm_space; /* vm/space.h: private to vm/ */
struct exo_dev_grant;

#define QUANTUM_CPUS 8 /* of so many at most we give quantum slots away */

struct vm { /* part of struct libos; valid when zeroed */
	struct vm_space *spaces;     /* all of them, linked */
	uint64_t space_count;
	bool reclaiming;             /* vm_reclaim() is at it */
	struct vm_space *awaited;    /* its process was killed for its memory, which has not come back yet */
	struct list texts;           /* all prepared text copies */
	uint64_t text_frames;        /* in them */
	uint64_t refresh_passes;     /* see text.c */
	uint64_t slots[QUANTUM_CPUS]; /* quantum slots given away, a bit each; grant.c */
};

/* A new empty space with its zone (name: for `exo zones`), one reference. NULL: no memory. */
struct vm_space *vm_space_new(const char *name);
/* fork: a copy of the parent's space, copy-on-write or eagerly copied where that is cheaper. NULL: no memory. */
struct vm_space *vm_space_fork(struct vm_space *parent, const char *name);
void vm_space_get(struct vm_space *space);
/*
 * Around each call that changes the space's regions, or walks them and may give way: another thread that wants the same
 * waits in vm_enter(). Faults do not: they only bring pages in. Lock order: a space, then an inode (inode_enter()).
 */
void vm_enter(struct vm_space *space, struct thread *self);
void vm_leave(struct vm_space *space);
/* Drops one reference; at 0 unmaps all, destroys the zone, frees the frames. No context may be left in it. */
void vm_space_put(struct vm_space *space);
/* Somebody is killed, for the memory of his space. */
void vm_await(struct vm_space *space);
/* Has not all of that come back yet? *ends: nobody uses the space any more, and it is on its way. */
bool vm_is_awaited(bool *ends);
exo_cap_t vm_zone(const struct vm_space *space);
/* Gives the space's zone what is asked for through /dev/exo, until the space goes. 0; -EINVAL, -ENOMEM, -EPERM. */
int vm_grant(struct vm_space *space, struct exo_dev_grant *grant);
/* Sets the zone's share of a table of the kernel (EXO_QUOTA_*), or sees to it that it has at least what a program gets
 * that asks for capabilities. -EINVAL, -ENOMEM, -EBUSY, -EPERM. */
int vm_quota(struct vm_space *space, uint64_t table, uint64_t limit);
int vm_quota_first(struct vm_space *space, uint64_t table);

/* Gives the zone more kernel memory, each time more: for a kernel call that said E_FUNDS. 0 or -ENOMEM. */
int vm_fund(struct vm_space *space);

/* Attaches (or with NULL detaches) constant answers for system calls, see exo/context.h; the
 * returned page belongs to the space and may be written at any time. NULL: no memory. */
struct exo_answer_page *vm_answers(struct vm_space *space);

/* Attaches an answer program to a space that has an answer page. False: it will not run. */
bool vm_answer_program(struct vm_space *space, const struct exo_bpf_insn *program, uint64_t count);

/* Sends queued mapping changes to the kernel. Called by the run loop before each exo_run(). */
int vm_commit(struct vm_space *space);

/* A page fault of the program at `address`. 0: retry the instruction. Else the signal to send is
 * stored: *signo (SIGSEGV/SIGBUS) and *code (SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR), and -EFAULT returned;
 * -ENOMEM: no memory left for the page (the caller kills the process, naming it). */
int vm_fault(struct vm_space *space, uint64_t address, uint32_t access, int *signo, int *code);

/* mmap and friends with Linux's flags and prot bits (abi/linux.h). file: NULL for anonymous; a reference
 * is taken. Return the address or -errno. offset in bytes. */
int64_t vm_mmap(struct vm_space *space, uint64_t address, uint64_t length, int prot, int flags,
                struct file *file, uint64_t offset);
int vm_munmap(struct vm_space *space, uint64_t address, uint64_t length);
int vm_mprotect(struct vm_space *space, uint64_t address, uint64_t length, int prot);
int64_t vm_mremap(struct vm_space *space, uint64_t address, uint64_t old_length, uint64_t length,
                  int flags, uint64_t new_address);
int vm_madvise(struct vm_space *space, uint64_t address, uint64_t length, int advice);
int vm_msync(struct vm_space *space, uint64_t address, uint64_t length, int flags);
int vm_mincore(struct vm_space *space, uint64_t address, uint64_t length, uint64_t vector);
/* Unmaps all that is left of the segment of shared memory (ipc/shm.c) that was mapped at the address. 0 or -EINVAL. */
int vm_detach(struct vm_space *space, uint64_t address);
int64_t vm_brk(struct vm_space *space, uint64_t address);
/* lock.c; what may be locked says vm_set_lock_limit(), which each call sets: bytes, UINT64_MAX: all. */
void vm_set_lock_limit(struct vm_space *space, uint64_t bytes);
int vm_mlock(struct vm_space *space, uint64_t address, uint64_t length, int flags);
int vm_munlock(struct vm_space *space, uint64_t address, uint64_t length);
int vm_mlockall(struct vm_space *space, int flags);
int vm_munlockall(struct vm_space *space);
void vm_set_brk(struct vm_space *space, uint64_t start); /* exec: where the heap begins */

/* Called by the file system when a file shrinks or its text changes: drops mapped pages of [first, last]
 * page indexes, and prepared text copies. */
void vm_inode_changed(struct inode *inode, uint64_t first_index, uint64_t last_index);
void vm_inode_forget(struct inode *inode); /* the inode is being freed */

/* Accounting in pages, for /proc, rlimits, rusage. */
struct vm_stats {
	uint64_t virtual_pages, resident_pages, shared_pages, text_pages, data_pages, stack_pages, locked_pages;
	uint64_t minor_faults;
	uint64_t brk_start, brk_end, stack_start, arg_start, arg_end, env_start, env_end;
};
void vm_stats(const struct vm_space *space, struct vm_stats *stats);
/* All that it takes, in pages: what it shows to its program, and what kernel and LibOS keep for it. */
uint64_t vm_space_cost(const struct vm_space *space);
/* Records where exec put the argument strings (for /proc/PID/cmdline). */
void vm_set_args(struct vm_space *space, uint64_t arg_start, uint64_t arg_end, uint64_t env_start, uint64_t env_end);
/* Text of /proc/PID/maps from *address on, into `to`; returns bytes, 0 at the end. *address: for the next call. */
size_t vm_maps_text(const struct vm_space *space, char *to, size_t size, uint64_t *address);
/* One line of it, for region `index`; 0: there is none, or no room. */
size_t vm_map_line(const struct vm_space *space, uint64_t index, char *to, size_t size);
struct vm_region_info {
	uint64_t start, end, resident, cached, own; /* pages: there, of them of files and objects, written by this space alone */
	bool read, write, execute, shared, grows_down, locked;
};
bool vm_region_info(const struct vm_space *space, uint64_t index, struct vm_region_info *info);
/* The index of the first region that ends beyond the address. */
uint64_t vm_region_index(const struct vm_space *space, uint64_t address);
/* Is a page there? *cached: it is a file's or an object's. */
bool vm_page_present(const struct vm_space *space, uint64_t address, bool *cached);
/* The auxiliary vector, as exec made it, for /proc/PID/auxv. */
void vm_set_auxv(struct vm_space *space, const void *auxv, uint64_t size);
const void *vm_auxv(const struct vm_space *space, uint64_t *size);
/* Limits from setrlimit (bytes, UINT64_MAX none) */
void vm_set_limits(struct vm_space *space, uint64_t as, uint64_t data, uint64_t stack);

/* ---- exec (vm/elf.c) ---- */
struct elf_image {
	uint64_t entry;      /* where to start (the interpreter's entry if there is one) */
	uint64_t program_entry, phdr, phnum, phent; /* AT_ENTRY, AT_PHDR, … */
	uint64_t base;       /* AT_BASE: the interpreter's load address, 0 without */
	uint64_t brk;
	bool stack_exec;
};
/* Loads the ELF file into an empty space. -ENOEXEC for what is not a proper x86-64 ELF. */
int elf_load(struct vm_space *space, struct file *file, struct elf_image *image);
/* Pure header check, the fuzz target: bytes of the first page. 0 or -ENOEXEC. */
int elf_check(const void *bytes, size_t size, uint64_t file_size);
/* Makes the stack region, 8 MiB limit growing down from EXO_USER_LIMIT; returns its top. */
int64_t vm_stack_create(struct vm_space *space, uint64_t limit);

/* ---- copyin / copyout (vm/user.c): the only way to program memory ---- */
/* All: 0 or -EFAULT (or -ENOMEM when a page could not be had). Pages are faulted in as the program would. */
int user_read(struct vm_space *space, void *to, uint64_t from, uint64_t size);
int user_write(struct vm_space *space, uint64_t to, const void *from, uint64_t size);
int user_zero(struct vm_space *space, uint64_t to, uint64_t size);
/* NUL-terminated string of less than `size` bytes: its length, or -EFAULT, or -ENAMETOOLONG. */
int64_t user_string(struct vm_space *space, char *to, uint64_t from, uint64_t size);
/*
 * The longest stretch of program memory at `address`, at most `size`, that lies contiguous in the window, for
 * copy-free i/o: *ptr and its length (> 0), or -EFAULT. Valid until the next sleep or change of the space.
 * Only what the program itself may write can be had as a pointer to write through; the type says which it is.
 */
int64_t user_span_read(struct vm_space *space, uint64_t address, uint64_t size, const void **ptr);
int64_t user_span_write(struct vm_space *space, uint64_t address, uint64_t size, void **ptr);
/* An aligned 32-bit word that is looked at, or changed, in one atomic step. *key identifies it across
 * spaces that share the frame: frame number << 12 | offset. -EINVAL when it is not aligned. */
int user_word_read(struct vm_space *space, uint64_t address, uint64_t *key, const uint32_t **word);
int user_word_write(struct vm_space *space, uint64_t address, uint64_t *key, uint32_t **word);

/* ---- what others do there (vm/peek.c) ---- */
/*
 * Copies from and to the memory of a program by somebody else, who has been asked whether he may. The text that is read is what
 * the program's file has. forced: a tracer's, who also reads what the program may not, and writes what it may not where that is its own
 * (a private mapping: it gets a copy). Return how many bytes were copied before one that is not there, or not to be had; -ENOMEM if none were.
 */
int64_t vm_peek(struct vm_space *space, void *to, uint64_t from, uint64_t size, bool forced);
int64_t vm_poke(struct vm_space *space, uint64_t to, const void *from, uint64_t size, bool forced);
/* The same for whoever only watches (--strace): no page is made, mapped or faulted in, and nothing sleeps. False: not all of it can
 * be looked at. */
bool vm_look(struct vm_space *space, void *to, uint64_t from, uint64_t size);
/* From now on its text is what its file has, so that it can be looked at, and breakpoints be put there. */
void vm_show_text(struct vm_space *space);

#endif

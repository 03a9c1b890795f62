/*
 * A small LibOS for teaching: processes, pipes, a read-only file system and a console, with the system calls of Unix's
 * sixth edition. It is one ring-3 program with one thread: it picks a process, runs it with exo_run(), and handles why
 * it came back. A system call that has to wait puts its process to sleep on an address, and is tried again from its
 * beginning when something has happened there; so no process needs a stack in here.
 *
 * All functions below are called from that one thread. Results below zero are minus an error of abi.h.
 */
#ifndef V6_H
#define V6_H

#include <exo/calls.h>
#include <exo/elf.h>
#include <exo/libos.h>

#include "abi.h"
#include "archive.h"

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* The sixth edition's limits (its param.h). */
#define PROCESSES   50
#define FILES       100
#define FILES_EACH  15
#define FUNDS       8
#define ARGS_SIZE   4096u /* its 512 were few */
#define PIPE_SIZE   4096u
#define QUANTUM_NS  UINT64_C(10000000)
#define CALLS_TURN  64u   /* system calls of a process before another one's turn comes */

/* Where things lie in a process: all in one GiB, so that its page tables are few. */
#define IMAGE_LIMIT UINT64_C(0x30000000) /* program and data end below */
#define STACK_TOP   UINT64_C(0x40000000)
#define STACK_PAGES UINT64_C(16)

#define FRAME_NONE  UINT64_MAX

/* Results of a system call's handler that are no result. */
#define CALL_SLEEPS INT64_MIN       /* asleep: try again when woken */
#define CALL_GONE   (INT64_MIN + 1) /* the process ended, or its registers are new: answer nothing */

/* ---- memory (frames.c, memory.c) ---- */

/* Counts references to each frame of the extent that the LibOS was given. */
void frames_init(void);
/* The first of `count` frames in a row, one reference each, contents unknown; FRAME_NONE: no such row is free. */
exo_frame_t frames_take(uint64_t count);
/* Takes the `count` frames from `end` on, if all are free. */
bool frames_extend(exo_frame_t end, uint64_t count);
void frames_share(exo_frame_t first, uint64_t count);
void frames_drop(exo_frame_t first, uint64_t count);
/* Where the LibOS sees a frame. */
void *frame_ptr(exo_frame_t frame);

/* A piece of a process's memory: pages in a row in its space, frames in a row in ours. */
struct segment {
	exo_vaddr_t start;
	uint64_t count; /* pages */
	exo_frame_t first;
	uint32_t prot;
};

/* All memory of a process: the pieces of its program, the last of which may grow if it is writable; then the stack. */
#define SEGMENTS (EXO_ELF_LOADS + 2)
struct image {
	uint32_t count;
	struct segment segments[SEGMENTS];
	uint32_t data;      /* index of the segment that sbrk() grows */
	exo_vaddr_t brk;    /* end of the data, not rounded */
	exo_vaddr_t entry, stack;
};

struct process;

/* Makes an image of an executable and its arguments: `args` holds `count` strings, `size` bytes. -ENOEXEC, -ENOMEM.
 * Nothing is mapped yet. */
int image_load(struct image *image, const void *file, uint64_t file_size, const char *args, uint64_t size, uint64_t count);
/* A copy for a child: what is writable is copied, the rest is shared. -ENOMEM. */
int image_copy(struct image *to, const struct image *from);
/* Drops the frames; the caller has unmapped them, or ended the zone. */
void image_free(struct image *image);
/* Maps or unmaps all of the process's image. -ENOMEM: no memory for page tables; part of it may be mapped. */
int image_map(struct process *p);
void image_unmap(struct process *p);
/* Makes the data larger or smaller; *old: where it ended. -ENOMEM. */
int image_grow(struct process *p, int64_t bytes, exo_vaddr_t *old);

/* The one way to a process's memory: where [address, address + size) lies, if it is inside one piece that allows
 * `prot`; else NULL. Good until the process's memory changes. */
void *user_at(const struct process *p, exo_vaddr_t address, uint64_t size, uint32_t prot);
/* The same for a string; NULL also if it has no end there. */
const char *user_string(const struct process *p, exo_vaddr_t address);

/* ---- files (file.c, pipe.c, console.c) ---- */

enum file_kind { FILE_FREE, FILE_ARCHIVE, FILE_CONSOLE, FILE_NULL, FILE_PIPE };
enum { MODE_READ = 1, MODE_WRITE = 2 };

struct pipe {
	uint32_t readers, writers; /* open files; both 0: free */
	uint32_t head, count;
	exo_frame_t frame;
};

/* An open file; descriptors of several processes may share it. */
struct file {
	enum file_kind kind;
	uint32_t refs, mode;
	uint64_t position;
	struct pipe *pipe;
	struct archive_entry entry;
};

void file_share(struct file *file);
void file_close(struct file *file);
/* Opens the console as the first process's fds 0, 1, 2. */
void files_init(struct process *first);

int64_t pipe_read(struct process *p, struct pipe *pipe, uint8_t *to, uint64_t size);
int64_t pipe_write(struct process *p, struct pipe *pipe, const uint8_t *from, uint64_t size);
void pipe_close(struct pipe *pipe, uint32_t mode);
/* A new one with one reader and one writer, or NULL. */
struct pipe *pipe_new(void);

void console_init(void);
/* Says something to the operator. */
void v6_log(const char *text);
/* Takes what was typed, if anything was. `ended`: no more will come. */
void console_input(bool ended);
/* The machine's console takes bytes again. */
void console_room(void);
int64_t console_read(struct process *p, uint8_t *to, uint64_t size);
int64_t console_write(struct process *p, const uint8_t *from, uint64_t size);

/* ---- processes (process.c, exec.c) ---- */

enum process_state { PROCESS_FREE, PROCESS_READY, PROCESS_ASLEEP, PROCESS_ZOMBIE };

struct process {
	enum process_state state;
	uint32_t pid;
	struct process *parent;
	exo_cap_t zone, context;
	exo_frame_t funds[FUNDS]; /* what its zone costs the kernel: the first frames of some rows */
	uint32_t fund_count;
	exo_frame_t page_frame;
	struct exo_ctx_page *page; /* its registers */
	struct image image;
	struct file *files[FILES_EACH];
	bool in_call;              /* a system call is waiting to be tried again */
	uint64_t done;             /* what that call has done already: bytes written, or when to wake */
	const void *channel;       /* what it sleeps on */
	uint64_t wake_at;          /* monotonic ns; UINT64_MAX: not by time */
	uint32_t status;           /* of a zombie: signal | exit status << 8 */
};

extern struct v6 {
	struct exo_boot *boot;
	struct archive archive;
	struct process processes[PROCESSES];
	uint32_t last_pid;
} v6;

/* Makes process 1 from the command line, or ends the LibOS. */
void process_first(const char *args, uint64_t size, uint64_t count);
/* A process with a zone and a context but no memory; NULL: no place or no memory. */
struct process *process_new(const char *name);
/* Undoes process_new(): its zone goes, and all that it cost. */
void process_free(struct process *p);
/* More kernel memory for its zone; false: there is none. */
bool process_fund(struct process *p);
/* Ends it: files closed, memory free, parent woken. The end of process 1 ends the LibOS. */
void process_end(struct process *p, uint32_t signal, uint32_t status);
/* Puts it to sleep on `channel`, at most until `until`; returns CALL_SLEEPS. */
int64_t process_sleep(struct process *p, const void *channel, uint64_t until);
/* All that sleep on `channel` try again. */
void process_wake(const void *channel);
/* The same for those whose time has come; returns when the next one's comes. */
uint64_t process_wake_time(void);
/* The next one that can run, after `last`; NULL: none can. */
struct process *process_pick(const struct process *last);

/* Loads a program into the process and sets its registers; on an error nothing has changed. */
int process_exec(struct process *p, const char *path, const char *args, uint64_t size, uint64_t count);

/* ---- calls.c, main.c ---- */

/* Does the system call that the process stopped in, or ends it for an unknown one. */
void call_do(struct process *p);

/* Monotonic ns; 0 without a timer capability. */
uint64_t clock_now(uint64_t clock);
EXO_NORETURN void v6_end(uint32_t status);

#endif

/* The arguments and results of system calls as text. Private to abi/. */
#ifndef LIBOS_DECODE_H
#define LIBOS_DECODE_H

#include <libos/abi/show.h>
#include <libos/abi/table.h>

struct traced_call {
	uint32_t nr;
	uint32_t at;        /* the first argument that is not shown yet */
	bool separated;     /* the comma before it is */
	bool ended, failed; /* `result` is there; it is an error */
	int64_t before;     /* what an argument pointed to when the call began: the size of a socket's address, an offset */
	int64_t result;
	uint64_t args[6];
};

/* "name(" and the arguments that are known when the call begins. */
void decode_begin(struct line *l, struct traced_call *call);
/* The rest of them, when call->result is there; and that. */
void decode_rest(struct line *l, struct traced_call *call);
void decode_result(struct line *l, const struct traced_call *call);
/* "name", or "syscall_0x3e7". */
void put_call_name(struct line *l, uint32_t nr);

/* One argument; its kind is not A_NONE. */
void put_argument(struct line *l, const struct traced_call *call, uint32_t i);

/* decode_data.c: a structure at an address; true: the kind is one of these. */
bool put_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i);
void put_timespec_at(struct line *l, uint64_t address);
void put_signal_info(struct line *l, const uint8_t *siginfo); /* 128 bytes, as programs see them */
/* decode_files.c: likewise, what stands for files, and lists */
bool put_file_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i);
void put_poll_fds(struct line *l, uint64_t address, uint64_t count, bool returned);
void put_fd_set(struct line *l, uint64_t address, uint64_t count);
void put_iovec(struct line *l, uint64_t address, uint64_t count, uint64_t bytes);
/* decode_net.c: likewise */
bool put_socket_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i);
/* decode_command.c: arguments whose meaning another one says; absent: it is not shown at all */
bool put_command_argument(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i);
bool argument_is_absent(enum call_kind kind, const struct traced_call *call, uint32_t i);
/* Does the call fill it? */
bool argument_fills(enum call_kind kind, const struct traced_call *call);

#endif

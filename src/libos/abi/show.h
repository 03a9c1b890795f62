/*
 * Text of a trace: numbers by name, strings, bits, in the manner of strace(1). Private to abi/.
 *
 * A trace must not change what it shows. Memory of programs is looked at where it is (vm_look): no page is made or mapped for it,
 * nothing sleeps, and what is not there is shown as an address. A line that gets too long is cut off.
 */
#ifndef LIBOS_SHOW_H
#define LIBOS_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libos/abi/names.h>

struct vm_space;

#define LINE_SIZE    8192u
#define ITEMS_SHOW   32u   /* of lists, as strace without -v */
#define STRING_SHOW  32u   /* bytes of a string, where nobody says otherwise (-s) */
#define STRING_MAX   1024u
#define PATH_SHOW    4096u /* names of files are not shortened */

struct line {
	size_t length;
	struct vm_space *space; /* whose memory the addresses are of; NULL: nothing can be looked at */
	uint32_t string_size;   /* -s, at most STRING_MAX */
	bool cut;               /* there was more */
	char text[LINE_SIZE];
};

void line_clear(struct line *l);
void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes of ours, in quotes; `more`: they go on. */
void put_quoted(struct line *l, const uint8_t *bytes, uint64_t size, bool more, bool hex);
/* One of a group's values, or its bits. */
void put_named(struct line *l, enum call_kind group, uint64_t value);
/* More bits, each behind a '|' but the first of a list. */
void put_bits(struct line *l, enum call_kind group, uint64_t value, bool first);
void put_address(struct line *l, uint64_t address); /* NULL, or in hex */
void put_hex(struct line *l, uint64_t value);       /* 0, or 0x… */
void put_signal(struct line *l, int64_t signo);
void put_signal_set(struct line *l, uint64_t set);
void put_mode(struct line *l, uint32_t mode);       /* 0644 */
void put_node_mode(struct line *l, uint32_t mode);  /* S_IFREG|0644 */
void put_device(struct line *l, uint64_t device);
void put_id(struct line *l, uint64_t id);
void put_time(struct line *l, int64_t seconds, int64_t part, const char *part_name);
void put_wait_status(struct line *l, uint32_t status);

/* Program memory. False: it cannot be looked at. */
bool look(const struct line *l, void *to, uint64_t address, uint64_t size);
/* The same, and the address is shown where it cannot be. */
bool look_or_put(struct line *l, void *to, uint64_t address, uint64_t size);
void put_bytes(struct line *l, uint64_t address, uint64_t size, bool hex);
void put_path(struct line *l, uint64_t address);
void put_string(struct line *l, uint64_t address);

#endif

/* The state of sockets: part of struct libos. */
#ifndef LIBOS_NET_H
#define LIBOS_NET_H

#include <libos/lib/list.h>
#include <stdint.h>

#define NET_NAME_BUCKETS 256u

struct text;

struct net {
	struct list sockets;    /* all of AF_UNIX: struct unix_socket.all */
	struct list names[NET_NAME_BUCKETS]; /* abstract ones, by hash: struct unix_name.hash */
	uint32_t next_name;     /* for bind(2) without one */
	struct list travelling; /* sockets whose file is in a message: struct unix_socket.travels */
	uint64_t in_flight;     /* descriptors in messages */
	uint64_t closed;        /* sockets since the last look for garbage */
	struct list doomed;     /* struct rights.doomed, to be closed … */
	bool closing;           /* … which somebody does */
};

void net_init(void);
/* The text of /proc/net/unix. */
void net_unix_text(struct text *text);

#endif

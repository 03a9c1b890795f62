/* What the files of AF_UNIX share (unix(7)). */
#ifndef LIBOS_UNIX_H
#define LIBOS_UNIX_H

#include <libos/net/socket.h>

#define UNIX_PATH_MAX 108u

/* What a socket is called; never changes. */
struct unix_name {
	uint32_t refs;
	uint32_t size; /* of the address, the family included: what getsockname(2) tells */
	struct list hash; /* in libos.net.names, while `socket` has it, if it is abstract */
	struct unix_socket *socket;
	char path[];   /* size - 2 bytes: with its NUL, or from a NUL on */
};

enum unix_state { UNIX_ALONE, UNIX_LISTENS, UNIX_CONNECTED };

struct unix_socket {
	struct socket base; /* first */
	struct list all;    /* in libos.net.sockets */
	enum unix_state state;
	bool gone;                 /* no descriptor, and nobody will accept it */
	uint32_t shut;             /* SHUT_*: what no longer goes */
	struct unix_socket *peer;  /* a reference; of a datagram socket where it sends to */
	struct list followers, follows; /* datagram sockets whose peer it is; in the peer's `followers` */
	struct unix_name *name;
	struct path place;         /* of a socket with a path: its node, whose inode->socket it is */
	struct list queue;         /* struct unix_message: what was sent to it, or struct unix_socket.waiting to be accepted */
	uint32_t queued, queued_bytes, queued_rights;
	uint64_t sent_bytes;       /* of its own messages that are queued somewhere: what send_limit bounds */
	uint32_t backlog;          /* listens: connections that may wait; datagrams: DATAGRAMS_QUEUED */
	struct list waiting;       /* in the queue of the socket that listens */
	struct waitq receivers;    /* for messages or connections, one for each */
	struct waitq senders;      /* for room below send_limit */
	struct waitq arrivals;     /* who wants to send to it or connect, for room in the queue */
	struct waitq polls;
	/* rights.c */
	struct list travels;       /* in libos.net.travelling */
	uint32_t in_flight;        /* messages that carry its file */
	uint32_t unexplained;      /* while it is looked for garbage: of these, not found in what nobody can reach */
	bool suspect;
};

#define DATAGRAMS_QUEUED 10u /* /proc/sys/net/unix/max_dgram_qlen; one more is taken */

struct unix_message {
	struct list node;
	struct unix_socket *from; /* a reference: its name, and whose bytes they are */
	struct rights *rights;
	struct ucred cred;
	bool has_cred;
	uint32_t size, at;  /* bytes, and how many of them were read */
	uint32_t charge;    /* in from->sent_bytes, as Linux counts */
	uint32_t account;   /* in USER_SOCKET_BYTES of from's user */
	uint8_t data[];
};

static inline struct unix_socket *unix_of(struct socket *s)
{
	return (struct unix_socket *)(void *)s;
}
static inline bool unix_is_stream(const struct unix_socket *u) { return u->base.type == SOCK_STREAM; }
static inline bool unix_is_datagram(const struct unix_socket *u) { return u->base.type == SOCK_DGRAM; }

/* ---- unix.c ---- */
/* The most that one user's sockets and unread messages may take, in bytes. */
uint64_t unix_memory_limit(const struct thread *self);
struct unix_socket *unix_alloc(const struct thread *self, uint16_t type); /* one reference; NULL: no memory, or none of the user's */
void unix_tell(struct unix_socket *u, uint32_t events); /* who receives and who polls: POLL* */
void unix_close(struct unix_socket *u);
/* Its peer is another socket from now on (NULL: none), of which a reference is taken. */
void unix_set_peer(struct unix_socket *u, struct unix_socket *peer);

/* ---- unix_name.c ---- */
int unix_bind(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size);
int unix_bind_somehow(struct unix_socket *u); /* autobind: if it has no name, a free abstract one */
/* The socket of that name and type, a reference. */
int unix_find(struct thread *self, const struct sockaddr_any *to, uint32_t size, uint16_t type, struct unix_socket **found);
void unix_unbind(struct unix_socket *u);
void unix_name_put(struct unix_name *name);
void unix_address(const struct unix_name *name, struct sockaddr_any *to, uint32_t *size); /* NULL: the family alone */
int unix_tell_name(struct socket *s, bool peer, struct sockaddr_any *name, uint32_t *size);

/* ---- unix_connect.c ---- */
int unix_connect(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size);
int unix_connect_datagram(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size);
int unix_pair_up(struct socket *a, struct socket *b, struct thread *self);
int unix_listen(struct socket *s, struct thread *self, uint32_t backlog);
int unix_accept(struct socket *s, struct thread *self, bool wait, struct socket **made);

/* ---- unix_queue.c ---- */
/* Room and memory for a message of `size` bytes of `from`, of which io gives the contents. *made: not queued yet. */
int unix_message_new(struct unix_socket *from, struct thread *self, struct socket_message *m, uint32_t size, uint64_t deadline,
                     struct unix_message **made);
void unix_queue(struct unix_socket *to, struct unix_message *m);
/* Takes it out of u's queue, if it is in there, and frees it; its rights must be gone. */
void unix_message_free(struct unix_socket *u, struct unix_message *m);
/* All that is queued goes, unread. */
void unix_purge(struct unix_socket *u);
bool unix_writable(const struct unix_socket *u); /* as poll(2) has it */
/* Who sends, and what travels along: the last part of making a message. 0 or -ETOOMANYREFS. */
int unix_sign(struct unix_message *m, const struct unix_socket *to, struct thread *self, struct socket_message *from);
/* What a reader is told of the sender, and the rights, which he gets, or copies of them when he only looks. */
int unix_reveal(struct unix_socket *u, struct unix_message *m, struct socket_message *to, bool with_name);
static inline struct unix_message *unix_first(struct unix_socket *u)
{
	return list_empty(&u->queue) ? NULL : LIST_ENTRY(u->queue.next, struct unix_message, node);
}

/* ---- unix_stream.c, unix_packet.c ---- */
int64_t unix_stream_send(struct socket *s, struct thread *self, struct socket_message *m);
int64_t unix_stream_receive(struct socket *s, struct thread *self, struct socket_message *m);
int64_t unix_packet_send(struct socket *s, struct thread *self, struct socket_message *m);
int64_t unix_packet_receive(struct socket *s, struct thread *self, struct socket_message *m);
/* May `u` send to `to`, which may have chosen whom it hears? */
bool unix_may_send(const struct unix_socket *u, const struct unix_socket *to);
/* More datagrams are queued for `to` than it takes, of somebody whom it does not send to itself. */
bool unix_is_full_for(const struct unix_socket *u, const struct unix_socket *to);

#endif

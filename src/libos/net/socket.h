/*
 * Sockets: what all families have in common. A family is a struct socket_ops; a socket is an open file whose inode is part
 * of it. References: the file has one by its inode, and whoever else points to a socket has one of his own.
 */
#ifndef LIBOS_SOCKET_H
#define LIBOS_SOCKET_H

#include <libos/fs/internal.h>

#define AF_UNSPEC 0
#define AF_UNIX   1
#define AF_MAX    46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_TYPES     11u /* SOCK_MAX */

#define MSG_OOB          0x1u
#define MSG_PEEK         0x2u
#define MSG_CTRUNC       0x8u
#define MSG_TRUNC        0x20u
#define MSG_DONTWAIT     0x40u
#define MSG_WAITALL      0x100u
#define MSG_ERRQUEUE     0x2000u
#define MSG_NOSIGNAL     0x4000u
#define MSG_WAITFORONE   0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT  0x80000000u

#define SHUT_READ  1u /* bits; shutdown(2) counts from 0 */
#define SHUT_WRITE 2u
#define SHUT_BOTH  3u

#define SOCKET_BUFFER_DEFAULT 212992u /* /proc/sys/net/core/[rw]mem_default */
#define SOCKET_BUFFER_MAX     4194304u
#define SOMAXCONN_DEFAULT     4096u
#define SOCKADDR_MAX          128u /* struct sockaddr_storage */

struct sockaddr_any {
	uint16_t family;
	char data[SOCKADDR_MAX - 2];
};

struct ucred { /* unix(7) */
	int32_t pid;
	uint32_t uid, gid;
};

struct rights; /* rights.c */

/* A message as send and receive have it. */
struct socket_message {
	struct io *io;         /* the bytes */
	uint32_t flags;        /* MSG_* that were asked for; MSG_DONTWAIT also for O_NONBLOCK */
	uint32_t told;         /* receive: MSG_* that are told */
	struct sockaddr_any address; /* send: to whom; receive: from whom */
	uint32_t address_size; /* 0: none */
	struct rights *rights; /* descriptors that travel along; receive: the caller's from then on, if he takes_rights */
	bool takes_rights;
	bool has_cred;         /* send: `cred` was given and checked; receive: it is to be told */
	struct ucred cred;
};

struct socket;
struct socket_ops {
	int (*bind_to)(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size);
	int (*connect_to)(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size);
	int (*pair_up)(struct socket *a, struct socket *b, struct thread *self);
	int (*start_listen)(struct socket *s, struct thread *self, uint32_t backlog);
	int (*take_connection)(struct socket *s, struct thread *self, bool wait, struct socket **made); /* with its reference */
	int (*tell_name)(struct socket *s, bool peer, struct sockaddr_any *name, uint32_t *size);
	/* Bytes moved, or -errno. */
	int64_t (*send_message)(struct socket *s, struct thread *self, struct socket_message *m);
	int64_t (*take_message)(struct socket *s, struct thread *self, struct socket_message *m);
	int (*shut)(struct socket *s, uint32_t how); /* SHUT_* */
	uint32_t (*readiness)(struct socket *s, struct poll_table *table);
	int64_t (*queued)(struct socket *s, bool sent); /* SIOCINQ, SIOCOUTQ */
	void (*limit_changed)(struct socket *s);        /* send_limit: who waits for room looks again */
	void (*gone)(struct socket *s);                 /* its last descriptor */
	void (*destroy)(struct socket *s);              /* the last reference */
};

struct socket {
	uint32_t refs;
	uint16_t family, type;
	const struct socket_ops *ops;
	struct inode inode;       /* as long as there is a file */
	struct file *file;        /* no reference; NULL: accept(2) has not given it one, or it is closed */
	uint32_t uid;             /* in whose account it is */
	uint64_t charged;         /* bytes of it in USER_SOCKET_BYTES */
	uint32_t send_limit, receive_limit; /* SO_SNDBUF, SO_RCVBUF */
	uint64_t receive_ns, send_ns;       /* SO_RCVTIMEO, SO_SNDTIMEO; NO_DEADLINE: for ever */
	int32_t error;            /* to be told once: SO_ERROR, the next call */
	int32_t low_water;        /* SO_RCVLOWAT */
	int32_t priority, peek_offset; /* peek_offset -1: off */
	uint32_t switches;        /* options that are on or off, by their number (options.c) */
	bool linger_on, pass_cred, listening;
	int32_t linger_s;
	struct ucred peer;        /* SO_PEERCRED; pid 0, ids UINT32_MAX: nobody */
};

/* ---- socket.c ---- */
void socket_init(struct socket *s, uint16_t type, const struct socket_ops *ops, uint32_t uid);
static inline void socket_get(struct socket *s) { s->refs++; }
void socket_put(struct socket *s); /* frees it with the last one */
/* A file for the socket, which has one for the first time; takes over the reference, also on failure (*file NULL: no memory). */
struct file *socket_file(struct socket *s, const struct credentials *cred, uint32_t flags);
struct socket *socket_of_file(const struct file *file); /* NULL: it is no socket's */
/* The file of a descriptor; NULL: *error is -EBADF or -ENOTSOCK, else 0. */
struct file *socket_file_of_fd(struct thread *self, uint64_t fd, int *error);
int socket_take_error(struct socket *s); /* 0 or -errno, which is forgotten */
/* The time until which a call waits that may wait so long, and what it gives when a signal ends that. */
uint64_t socket_deadline(const struct socket_message *m, uint64_t timeout_ns);
int socket_interrupted(int slept, uint64_t timeout_ns);
struct ucred cred_of_thread(const struct thread *self); /* for SO_PEERCRED: the effective ids */

/* ---- unix.c: 0 and one reference; -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOBUFS ---- */
int unix_new(struct thread *self, uint16_t type, uint32_t protocol, struct socket **made);

/* ---- options.c ---- */
int64_t socket_set_option(struct socket *s, struct thread *self, uint32_t level, uint32_t option, uint64_t address, int32_t size);
int64_t socket_get_option(struct socket *s, struct thread *self, uint32_t level, uint32_t option, uint64_t address, uint64_t size_address);

/* ---- message.c ---- */
int64_t socket_send(struct file *file, struct thread *self, struct socket_message *m);
int64_t socket_receive(struct file *file, struct thread *self, struct socket_message *m);
int sockaddr_get(struct thread *self, uint64_t address, int32_t size, struct sockaddr_any *name);
/* Writes at most what *size_address says, and then how long it really is. */
int sockaddr_put(struct thread *self, uint64_t address, uint64_t size_address, const struct sockaddr_any *name, uint32_t size);

/* ---- rights.c: descriptors that travel ---- */
#define RIGHTS_MAX 253u /* SCM_MAX_FD */
struct rights {
	struct list doomed;  /* to be closed */
	uint32_t count;
	uint32_t uid;        /* in whose account they travel */
	bool travels;        /* in a message that is queued */
	struct file *files[]; /* with references */
};
/* The thread's descriptors `fds`, behind those of *rights; 0, -EBADF, -EINVAL, -ENOMEM. */
int rights_add(struct rights **rights, struct thread *self, const int32_t *fds, uint32_t count);
struct rights *rights_copy(const struct rights *from); /* NULL: no memory */
int rights_send(struct rights *rights, struct thread *self); /* they are on their way; -ETOOMANYREFS */
void rights_arrive(struct rights *rights);                   /* they are not any more */
/* Closes them; NULL is harmless. May give way. */
void rights_drop(struct rights *rights);
/* A socket's file is gone: closes what nobody can reach any more. May give way. */
void rights_collect(void);

#endif

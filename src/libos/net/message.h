/* A program's struct msghdr. */
#ifndef LIBOS_NET_MESSAGE_H
#define LIBOS_NET_MESSAGE_H

#include <libos/net/socket.h>

struct linux_msghdr { /* as x86-64 has it */
	uint64_t name;
	int32_t name_size, pad1_;
	uint64_t vec, vec_count;
	uint64_t control, control_size;
	uint32_t flags, pad2_;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr");

/* What travels with a message: m->rights, m->cred. 0, -EINVAL, -ENOBUFS, -EFAULT, -EBADF, -EPERM, -ESRCH, -ENOMEM; m->rights may
 * be there then, too. */
int message_get_control(struct thread *self, const struct linux_msghdr *h, struct socket_message *m);
/* Gives the program what came, and takes m->rights; h->control_size: what was written. */
int message_put_control(struct thread *self, struct linux_msghdr *h, struct socket_message *m);

#endif

/* /proc/net/unix, and the beginning of it all. */
#include <libos/net/unix.h>

void net_init(void)
{
	struct net *net = &libos.net;
	list_init(&net->sockets);
	list_init(&net->travelling);
	list_init(&net->doomed);
	for (uint32_t i = 0; i < NET_NAME_BUCKETS; i++)
		list_init(&net->names[i]);
}

#define SO_ACCEPTCON 0x10000u

static unsigned state_of(const struct unix_socket *u)
{
	bool connected = u->state == UNIX_CONNECTED;
	return u->base.file ? (connected ? 3 : 1) : connected ? 2 : 4; /* SS_* of uapi/linux/net.h */
}

static void put_name(const struct unix_name *name, struct text *text)
{
	uint32_t count = name->size - 2;
	if (name->path[0])
		count--; /* its NUL */
	text_printf(text, " ");
	for (uint32_t i = 0; i < count; i++)
		text_printf(text, "%c", name->path[i] ? name->path[i] : '@');
}

void net_unix_text(struct text *text)
{
	text_printf(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	LIST_EACH(at, &libos.net.sockets) {
		const struct unix_socket *u = LIST_ENTRY(at, struct unix_socket, all);
		text_printf(text, "0000000000000000: %08X 00000000 %08X %04X %02X %5lu", u->base.refs,
		            u->state == UNIX_LISTENS ? SO_ACCEPTCON : 0, u->base.type, state_of(u),
		            u->base.file ? (unsigned long)u->base.inode.ino : 0);
		if (u->name)
			put_name(u->name, text);
		text_printf(text, "\n");
	}
}

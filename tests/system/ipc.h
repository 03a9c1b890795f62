/*
 * ipc: what the tests of ports share: making them, and passing them to another process as sealed
 * capabilities through a pipe.
 */
#ifndef IPC_H
#define IPC_H

#include "exo.h"
#include <poll.h>

#define ZONE_RIGHTS (EXO_R_READ | EXO_R_WRITE | EXO_R_CREATE | EXO_R_MAP | EXO_DEV_HOLD)

static exo_cap_t ipc_zone; /* our own */

/* In each process anew. */
static inline int ipc_open(void)
{
	ipc_zone = exo_ask(EXO_DEV_ZONE, ZONE_RIGHTS);
	return ipc_zone != EXO_CAP_NONE;
}

/* Frames of our own: first frame in *first. */
static inline exo_cap_t ipc_frames(uint64_t count, exo_frame_t *first)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_MEMORY, .count = count,
		.rights = EXO_R_READ | EXO_R_WRITE | EXO_R_FUND | EXO_DEV_HOLD };
	int f = open("/dev/exo", O_RDWR | O_CLOEXEC);
	int bad = f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) < 0;

	if (f >= 0)
		close(f);
	*first = g.first;
	return bad ? EXO_CAP_NONE : g.cap;
}

/* A port in our own zone, which gets kernel memory for it if need be. */
static inline exo_cap_t ipc_port(uint32_t type)
{
	exo_cap_t port = EXO_CAP_NONE, memory;
	exo_frame_t first;

	if (exo_port_create(ipc_zone, type, &port) == EXO_E_FUNDS) {
		memory = ipc_frames(4, &first);
		if (exo_zone_fund(ipc_zone, memory, first, 4, NULL) != EXO_OK ||
		    exo_port_create(ipc_zone, type, &port) != EXO_OK)
			return EXO_CAP_NONE;
	}
	return port;
}

/* An endpoint that this thread serves. */
static inline exo_cap_t ipc_serve(uint64_t label)
{
	exo_cap_t port = ipc_port(EXO_CAP_IPC), context = exo_ask(EXO_DEV_CONTEXT, EXO_R_EXEC);

	return exo_port_bind(port, context, label, NULL) == EXO_OK ? port : EXO_CAP_NONE;
}

/* Gives a capability with these rights to whoever reads the pipe. */
static inline int ipc_give(int fd, exo_cap_t cap, uint32_t rights)
{
	struct exo_seal seal = { { 0 } };

	return exo_cap_seal(cap, rights, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &seal, NULL) == EXO_OK &&
	       write(fd, &seal, sizeof seal) == sizeof seal;
}

static inline exo_cap_t ipc_get(int fd, uint32_t rights)
{
	struct exo_seal seal = { { 0 } };
	exo_cap_t cap = EXO_CAP_NONE;

	if (read(fd, &seal, sizeof seal) != sizeof seal || exo_cap_unseal(&seal, sizeof seal, rights, &cap) != EXO_OK)
		return EXO_CAP_NONE;
	return cap;
}

/* A call that waits while the server is not yet ready for it. */
static inline enum exo_status ipc_call(exo_cap_t endpoint, struct fastipc_message *m)
{
	enum exo_status status;

	while ((status = exo_fastipc_call(endpoint, m, NULL)) == EXO_E_BUSY)
		pause_ms(1);
	return status;
}

#endif

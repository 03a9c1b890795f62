/*
 * Orders to the mapper of a zone: the list in ZONE_R, merged as it grows.
 *
 * Orders that only add (grants) ride along with the next entry: the program
 * thread has the mapper run them on its own core, and if a hostile one does not, it
 * merely lacks its memory. Orders that take something away (revoking) are
 * waited for, by the report that the program cannot forge.
 */
#include "hosted.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#define GRANTS_AT_ONCE 24 /* mappings per entry; the rest waits for faults */
#define POPULATE_MAX   (UINT64_C(64) << EXO_FRAME_SHIFT)

struct order {
	uint64_t nr, address, length, prot, fd, offset;
};
_Static_assert(sizeof(struct order) == ORDER_SIZE, "the mapper reads it");

static struct order *list_of(const struct space *space)
{
	return (struct order *)(void *)(space->zone->r + R_ORDERS);
}

static uint64_t host_prot(uint32_t prot)
{
	uint64_t host = prot ? PROT_READ : PROT_NONE;

	if (prot & EXO_PROT_WRITE)
		host |= PROT_WRITE;
	if (prot & EXO_PROT_EXEC)
		host |= PROT_EXEC;
	return host;
}

/* The mapper reads the list until it has reported. */
static bool list_free(struct space *space)
{
	if (space->orders || host_cross_map_done(space->zone))
		return true;
	if (host_cross_map(space->zone, 0) == CROSS_STOPPED)
		return true;
	host_space_kill(space);
	return false;
}

/* Small mappings come with their pages, so that the program does not fault again. */
static void set_populate(struct order *order)
{
	if (order->nr == SYS_mmap && order->length <= POPULATE_MAX && order->prot != PROT_NONE)
		order->offset |= 1;
}

static void add(struct space *space, struct order order)
{
	if (!space->zone || !list_free(space))
		return;
	if (space->orders == ORDER_MAX)
		host_order_flush(space);
	if (!space->zone)
		return;
	list_of(space)[space->orders++] = order;
}

static struct order *last(const struct space *space, uint64_t nr)
{
	struct order *order;

	if (!space->zone || !space->orders)
		return 0;
	order = &list_of(space)[space->orders - 1];
	return order->nr == nr ? order : 0;
}

static bool joins(const struct space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint32_t prot)
{
	const struct order *order = last(space, SYS_mmap);

	return order && order->address + order->length == vaddr && order->fd == FD_MEMORY &&
	       order->offset + order->length == frame << EXO_FRAME_SHIFT && order->prot == host_prot(prot);
}

bool host_order_eager(const struct space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint32_t prot)
{
	return space->grants < GRANTS_AT_ONCE || joins(space, vaddr, frame, prot);
}

void host_order_map(struct space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint32_t prot, bool replaces)
{
	if (replaces)
		space->revoking = true;
	if (joins(space, vaddr, frame, prot)) {
		last(space, SYS_mmap)->length += EXO_FRAME_SIZE;
		return;
	}
	add(space, (struct order){SYS_mmap, vaddr, EXO_FRAME_SIZE, host_prot(prot), FD_MEMORY,
	                          frame << EXO_FRAME_SHIFT});
	space->grants++;
	space->host_maps++;
}

static void range(struct space *space, uint64_t nr, exo_vaddr_t vaddr, uint64_t size, uint64_t prot)
{
	struct order *order = last(space, nr);

	if (order && order->address + order->length == vaddr && order->prot == prot) {
		order->length += size;
		return;
	}
	add(space, (struct order){nr, vaddr, size, prot, 0, 0});
	space->host_maps += 2; /* the middle of one makes three of it */
}

void host_order_unmap(struct space *space, exo_vaddr_t vaddr, uint64_t size)
{
	space->revoking = true;
	range(space, SYS_munmap, vaddr, size, 0);
}

void host_order_protect(struct space *space, exo_vaddr_t vaddr, uint64_t size, uint32_t prot, bool takes)
{
	if (takes)
		space->revoking = true;
	range(space, SYS_mprotect, vaddr, size, host_prot(prot));
}

void host_order_answers(struct space *space)
{
	if (space->answers)
		add(space, (struct order){SYS_mmap, ZONE_ANSWERS, EXO_FRAME_SIZE, PROT_READ, FD_MEMORY, space->answers << EXO_FRAME_SHIFT});
	else
		add(space, (struct order){SYS_munmap, ZONE_ANSWERS, EXO_FRAME_SIZE, 0, 0, 0});
	space->revoking = true;
}

static uint32_t close_list(struct space *space)
{
	uint32_t count = space->orders;

	for (uint32_t i = 0; i < count; i++)
		set_populate(&list_of(space)[i]);
	space->orders = 0;
	space->grants = 0;
	space->revoking = false;
	return count;
}

void host_order_flush(struct space *space)
{
	uint32_t count;

	if (!space->zone || !space->orders)
		return;
	count = close_list(space);
	if (host_cross_map(space->zone, count) == CROSS_DEAD)
		host_space_kill(space);
	else
		store32(space->zone->r, R_ANSWERS_ON, space->answers != 0);
}

uint32_t host_order_before_entry(struct space *space)
{
	if (!space->zone)
		return 0;
	if (space->orders) {
		if (space->revoking) {
			host_order_flush(space);
			return 0;
		}
		host_cross_post(space->zone, close_list(space));
	}
	return host_cross_map_done(space->zone) ? 0 : ACTION_MAPPER;
}

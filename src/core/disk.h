/*
 * Transfers between disks and memory. While the device works on one it is under way: its frames count as used, and it is
 * bound to both capabilities. If one of these goes the binding climbs to its parent, where whoever revokes can see that the device
 * is not done. After that the disk's binding alone holds the answer, until it is taken.
 */
#ifndef CORE_DISK_H
#define CORE_DISK_H

#include <core/bind.h>

struct transfer {
	struct binding by_disk, by_memory; /* by_disk of kind BINDING_NONE: the place is free */
	uint64_t tag;
	enum exo_status status; /* E_REVOKED: a capability has gone while it was under way, … */
	bool under_way, forgotten; /* … the disk's: nobody is told the answer */
};

/* Takes note of what the devices have done. */
CORE_LOCKED void disks_collect(void);

/* The capability of one of a transfer's bindings goes; false: not before the device is done. */
CORE_LOCKED bool transfer_repossess(struct binding *binding);

/* Is something under way that `zone` began, or that was taken back into `cap`? NULL: not asked. */
CORE_LOCKED bool transfers_are_awaited(const struct zone *zone, const struct cap *cap);

#endif

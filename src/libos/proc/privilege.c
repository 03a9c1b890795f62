/* The one place that decides by capabilities, and the groups that somebody is in. */
#include <libos/proc/cred.h>

static const uint8_t capability_of[PRIV_COUNT] = {
#define PRIVILEGE(name, capability, calls, what) [PRIV_##name] = capability,
#include <libos/proc/privileges.def>
#undef PRIVILEGE
};

bool privileged(const struct credentials *c, enum privilege what)
{
	return c->effective & CAP_BIT(capability_of[what]);
}

bool cred_in_group(const struct credentials *c, uint32_t gid)
{
	if (c->fsgid == gid)
		return true;
	uint32_t low = 0, high = c->groups ? c->groups->count : 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (c->groups->gids[middle] == gid)
			return true;
		if (c->groups->gids[middle] < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

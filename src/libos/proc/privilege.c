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
	for (uint32_t i = 0; i < c->group_count; i++) {
		if (c->groups[i] == gid)
			return true;
	}
	return false;
}

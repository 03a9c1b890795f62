/*
 * What programs are given through /dev/exo (libos/dev_exo.h), and taking it back.
 *
 * Memory and CPU time are given from a capability that the LibOS derives for each grant: revoking that reaches
 * whatever the program has made of it, in whatever zone. The other kinds go with the program's zone.
 */
#include <exo/calls.h>
#include <libos/dev_exo.h>

#include <libos/abi/errno.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>


struct grant {
	struct grant *next;
	uint32_t kind;
	exo_cap_t cap; /* ours, above the program's */
	uint64_t first, count;
};

static const uint32_t rights_of[] = {
	[EXO_DEV_AUDIT] = EXO_DEV_AUDIT_RIGHTS,
	[EXO_DEV_MEMORY] = EXO_R_READ | EXO_R_WRITE | EXO_R_EXEC | EXO_R_FUND | EXO_DEV_HOLD,
	[EXO_DEV_ZONE] = EXO_R_READ | EXO_R_WRITE | EXO_R_CREATE | EXO_R_MAP | EXO_DEV_HOLD,
	[EXO_DEV_CPU] = EXO_R_READ | EXO_R_EXEC | EXO_DEV_HOLD,
	[EXO_DEV_CONSOLE] = EXO_R_WRITE | EXO_DEV_HOLD,
	[EXO_DEV_TIMER] = EXO_R_READ | EXO_R_WRITE | EXO_DEV_HOLD,
	[EXO_DEV_ENTROPY] = EXO_R_READ | EXO_DEV_HOLD,
	[EXO_DEV_FRAMES] = EXO_DEV_HOLD,
};
#define KINDS (sizeof(rights_of) / sizeof(rights_of[0]))

static int errno_of(enum exo_status status)
{
	switch (status) {
	case EXO_OK:
		return 0;
	case EXO_E_SLOTS:
	case EXO_E_AGAIN:
		return -ENOMEM;
	case EXO_E_BUSY:
		return -EBUSY;
	default:
		return -EPERM;
	}
}

/* ---- quantum slots ---- */

static uint64_t slots_mask(uint64_t count)
{
	return count >= EXO_QUANTUM_SLOTS ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* Slot 0 of each CPU is our own. */
static int slots_take(uint64_t cpu, uint64_t count, uint64_t *first)
{
	struct exo_cap_info info;

	if (count == 0 || count > EXO_QUANTUM_SLOTS || cpu >= QUANTUM_CPUS)
		return -EINVAL;
	if (exo_cap_inspect(libos.boot->cpu, &info, NULL) != EXO_OK || cpu >= info.count / EXO_QUANTUM_SLOTS)
		return -EINVAL;
	for (uint64_t at = 1; at + count <= EXO_QUANTUM_SLOTS; at++) {
		uint64_t mask = slots_mask(count) << at;

		if (libos.vm.slots[cpu] & mask)
			continue;
		libos.vm.slots[cpu] |= mask;
		*first = EXO_QUANTUM_SLOT(cpu, at);
		return 0;
	}
	return -ENOMEM;
}

static void slots_give(uint64_t first, uint64_t count)
{
	libos.vm.slots[first / EXO_QUANTUM_SLOTS] &= ~(slots_mask(count) << first % EXO_QUANTUM_SLOTS);
}

/* ---- shares of the kernel's tables ---- */

/* What a program has that does not say itself. */
static const uint32_t first_shares[EXO_QUOTA_COUNT] = { [EXO_QUOTA_CAPS] = 256, [EXO_QUOTA_ZONES] = 16, [EXO_QUOTA_DISK] = 4 };

/* So much of each table no program gets: forks, and whoever comes next, are served from it. */
#define KEEP_PART 4

int vm_quota(struct vm_space *space, uint64_t table, uint64_t limit)
{
	struct exo_zone_info info;
	const struct exo_quota *own;
	uint32_t has;

	if (table >= EXO_QUOTA_COUNT)
		return -EINVAL;
	if (exo_zone_info(space->zone, &info, NULL) != EXO_OK)
		return -EPERM;
	has = info.quotas[table].limit;
	if (exo_zone_info(libos.boot->zone, &info, NULL) != EXO_OK)
		return -EPERM;
	own = &info.quotas[table];
	if (limit > has && own->used + own->given + (limit - has) > own->limit - own->limit / KEEP_PART)
		return -ENOMEM;
	return errno_of(exo_zone_quota(libos.boot->zone, space->zone, (uint32_t)table, limit, NULL));
}

int vm_quota_first(struct vm_space *space, uint64_t table)
{
	struct exo_zone_info info;

	if (exo_zone_info(space->zone, &info, NULL) != EXO_OK)
		return -EPERM;
	return info.quotas[table].limit >= first_shares[table] ? 0 : vm_quota(space, table, first_shares[table]);
}

/* ---- giving ---- */

static int resource_take(struct grant *grant, uint64_t cpu)
{
	if (grant->kind == EXO_DEV_CPU)
		return slots_take(cpu, grant->count, &grant->first);
	if (grant->count == 0 || grant->count > libos.frames.total)
		return -EINVAL;
	grant->first = frames_alloc_extent(grant->count);
	if (grant->first == FRAME_NONE)
		return -ENOMEM;
	memset(frame_ptr(grant->first), 0, grant->count << EXO_FRAME_SHIFT);
	return 0;
}

static void resource_give(const struct grant *grant)
{
	if (grant->kind == EXO_DEV_CPU)
		slots_give(grant->first, grant->count);
	else
		frames_put(grant->first, grant->count);
}

/* Takes back all that came from it, however often the kernel must be asked, and waits for the last frame. */
static void cap_take_back(exo_cap_t cap)
{
	while (exo_cap_revoke(cap, NULL) == EXO_E_AGAIN)
		;
	if (exo_cap_drop(cap, NULL) != EXO_OK)
		libos_panic("a grant does not come back");
}

static int pass_on(struct vm_space *space, struct grant *grant, uint32_t rights, uint64_t *name)
{
	exo_cap_t from = grant->kind == EXO_DEV_CPU ? libos.boot->cpu : libos.boot->memory;
	enum exo_status status = exo_cap_derive(from, rights_of[grant->kind], grant->first, grant->count,
	                                        EXO_NO_EXPIRY, &grant->cap);

	if (status != EXO_OK)
		return errno_of(status);
	status = exo_cap_grant(grant->cap, space->zone, rights, name);
	if (status != EXO_OK)
		cap_take_back(grant->cap);
	return errno_of(status);
}

static int give_resource(struct vm_space *space, struct exo_dev_grant *asked)
{
	struct grant *grant;
	int r;

	if (space->grant_count >= GRANTS_MAX)
		return -ENOMEM;
	grant = heap_zalloc(sizeof(*grant));
	if (grant == NULL)
		return -ENOMEM;
	grant->kind = asked->kind;
	grant->count = asked->count;
	r = resource_take(grant, asked->first);
	if (r == 0) {
		r = pass_on(space, grant, asked->rights, &asked->cap);
		if (r != 0)
			resource_give(grant);
	}
	if (r != 0) {
		heap_free(grant);
		return r;
	}
	asked->first = grant->first;
	grant->next = space->grants;
	space->grants = grant;
	space->grant_count++;
	return 0;
}

static exo_cap_t shared_cap(const struct vm_space *space, uint32_t kind)
{
	switch (kind) {
	case EXO_DEV_AUDIT:
		return libos.boot->audit;
	case EXO_DEV_ZONE:
		return space->zone;
	case EXO_DEV_CONSOLE:
		return libos.boot->console;
	case EXO_DEV_TIMER:
		return libos.boot->timer;
	case EXO_DEV_FRAMES:
		return libos.boot->memory;
	default:
		return libos.boot->entropy;
	}
}

int vm_grant(struct vm_space *space, struct exo_dev_grant *grant)
{
	int r;

	if (grant->kind >= KINDS || (grant->rights == 0 && grant->kind != EXO_DEV_FRAMES) || (grant->rights & ~rights_of[grant->kind]) != 0)
		return -EINVAL;
	if (grant->kind == EXO_DEV_MEMORY || grant->kind == EXO_DEV_CPU)
		return give_resource(space, grant);
	r = grant->rights & EXO_R_CREATE ? vm_quota_first(space, EXO_QUOTA_ZONES) : 0;
	if (r != 0)
		return r;
	if (grant->kind == EXO_DEV_ZONE)
		space->shared = true;
	return errno_of(exo_cap_grant(shared_cap(space, grant->kind), space->zone, grant->rights, &grant->cap));
}

void grants_end(struct vm_space *space)
{
	struct grant *grant;

	while ((grant = space->grants) != NULL) {
		space->grants = grant->next;
		cap_take_back(grant->cap);
		resource_give(grant);
		heap_free(grant);
	}
	space->grant_count = 0;
}

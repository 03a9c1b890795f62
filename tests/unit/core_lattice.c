/* The lattice of authority: its laws, its named points, and that deriving only goes down. */
#include "core_env.h"
#include <exo/lattice.h>

#define TRIES 20000

static uint64_t state = 88172645463325252;

static uint32_t random_take(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Often a named point, so that comparable pairs are not rare. */
static struct exo_authority element(void)
{
	uint32_t how = random_take() % 4;

	if (how == 0)
		return exo_authority_point(random_take() % EXO_POINT_COUNT);
	if (how == 1)
		return exo_authority_of(1 + random_take() % (EXO_CAP_TYPE_COUNT - 1), random_take() & EXO_R_ALL);
	return (struct exo_authority){ random_take() & EXO_KINDS_ALL, random_take() & random_take() & EXO_R_ALL };
}

static bool same(struct exo_authority a, struct exo_authority b)
{
	return a.kinds == b.kinds && a.rights == b.rights;
}

#define within exo_authority_within
#define meet   exo_authority_meet
#define join   exo_authority_join

Test(lattice, is_a_partial_order)
{
	for (int i = 0; i < TRIES; i++) {
		struct exo_authority a = element(), b = element(), c = element();

		cr_assert(within(a, a));
		cr_assert(!(within(a, b) && within(b, a)) || same(a, b));
		cr_assert(!(within(a, b) && within(b, c)) || within(a, c));
		/* and a chain that is one for certain */
		cr_assert(within(meet(meet(a, b), c), a));
	}
}

Test(lattice, meet_and_join_are_bounds)
{
	for (int i = 0; i < TRIES; i++) {
		struct exo_authority a = element(), b = element(), c = element(), low = meet(a, b), high = join(a, b);

		cr_assert(within(low, a) && within(low, b));
		cr_assert(within(a, high) && within(b, high));
		/* the greatest and the least of them */
		cr_assert(!(within(c, a) && within(c, b)) || within(c, low));
		cr_assert(!(within(a, c) && within(b, c)) || within(high, c));
		cr_assert(within(meet(c, low), low) && within(high, join(c, high)));
		cr_assert_eq(within(a, b), same(meet(a, b), a));
		cr_assert_eq(within(a, b), same(join(a, b), b));
	}
}

Test(lattice, laws)
{
	const struct exo_authority top = exo_authority_point(EXO_POINT_ROOT), bottom = { 0, 0 };

	for (int i = 0; i < TRIES; i++) {
		struct exo_authority a = element(), b = element(), c = element();

		cr_assert(same(meet(a, meet(a, b)), meet(a, b)) && same(meet(a, a), a) && same(join(a, a), a));
		cr_assert(same(meet(a, b), meet(b, a)) && same(join(a, b), join(b, a)));
		cr_assert(same(meet(a, meet(b, c)), meet(meet(a, b), c)));
		cr_assert(same(join(a, join(b, c)), join(join(a, b), c)));
		/* absorption, distribution, bounds */
		cr_assert(same(meet(a, join(a, b)), a) && same(join(a, meet(a, b)), a));
		cr_assert(same(meet(a, join(b, c)), join(meet(a, b), meet(a, c))));
		cr_assert(within(a, top) && within(bottom, a));
		/* monotone */
		cr_assert(!within(a, b) || (within(meet(a, c), meet(b, c)) && within(join(a, c), join(b, c))));
	}
}

Test(lattice, named_points_lie_below_their_parents)
{
	static const struct {
		enum exo_point point, parent;
		const char *name;
	} points[] = {
#define EXO_X(name, parent, kinds, rights, text) { EXO_POINT_##name, EXO_POINT_##parent, #name },
		EXO_POINTS(EXO_X)
#undef EXO_X
	};

	for (unsigned i = 0; i < EXO_POINT_COUNT; i++) {
		struct exo_authority a = exo_authority_point(points[i].point), b = exo_authority_point(points[i].parent);

		cr_assert_eq(points[i].point, i);
		cr_assert(within(a, b), "%s", points[i].name);
		cr_assert(i == EXO_POINT_ROOT || !same(a, exo_authority_point(EXO_POINT_ROOT)), "%s", points[i].name);
		cr_assert((a.kinds & ~EXO_KINDS_ALL) == 0 && (a.rights & ~EXO_R_ALL) == 0, "%s", points[i].name);
	}
	/* What a program may be given makes no kernel. */
	cr_assert(!within(exo_authority_point(EXO_POINT_KERNEL), exo_authority_point(EXO_POINT_USER)));
	cr_assert(!within(exo_authority_point(EXO_POINT_CAP_IOPORT), exo_authority_point(EXO_POINT_LIBOS)));
}

/* Whatever is asked for: it is given exactly when it lies below, and then it is what was asked for. */
CORE_TEST(lattice, deriving_is_monotone)
{
	exo_cap_t caps[64] = { boot->timer, boot->console, boot->memory, boot->entropy };
	unsigned count = 4;

	for (int i = 0; i < 4000; i++) {
		struct exo_cap_info from = inspect(caps[random_take() % count]), to;
		uint32_t rights = random_take() % 3 ? from.rights & (random_take() | random_take()) : random_take() & EXO_R_ALL;
		bool memory = from.type == EXO_CAP_MEMORY;
		exo_cap_t cap;
		enum exo_status status = exo_cap_derive(from.cap, rights, memory ? from.first : 0, memory ? from.count : 0,
		                                        from.expires_ns, &cap);

		if (!(from.rights & EXO_R_DERIVE) || !within(exo_authority_of(from.type, rights),
		                                             exo_authority_of(from.type, from.rights))) {
			cr_assert_eq(status, EXO_E_RIGHTS);
			continue;
		}
		if (status == EXO_E_SLOTS) /* the chain is too long */
			continue;
		OK(status);
		to = inspect(cap);
		cr_assert(same(exo_authority_of(to.type, to.rights), exo_authority_of(from.type, rights)));
		caps[count < 64 ? count++ : 4 + random_take() % 60] = cap;
	}
}

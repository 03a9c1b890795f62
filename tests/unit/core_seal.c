/* Sealed capabilities: what comes back, and every way in which it is refused. */
#include "core_env.h"
#include <core/call.h>
#include <core/seal.h>

static struct exo_seal seal;

static enum exo_status seal_of(exo_cap_t cap, uint32_t rights, uint32_t flags)
{
	return exo_cap_seal(cap, rights, EXO_CAP_NONE, EXO_NO_EXPIRY, flags, &seal, NULL);
}

static enum exo_status unseal(uint32_t rights, exo_cap_t *cap)
{
	return exo_cap_unseal(&seal, sizeof(seal), rights, cap);
}

/* The last refusal on record is this one. */
static void on_record(enum exo_status status, uint16_t call)
{
	struct exo_audit_record record, last = { 0 };
	uint64_t n;

	do {
		OK(exo_audit_read(boot->audit, &record, 1, &n));
		if (n == 1 && record.what == EXO_AUDIT_REFUSE)
			last = record;
	} while (n == 1);
	cr_assert_eq(last.status, status);
	cr_assert_eq(last.call, call);
	cr_assert_eq(last.zone, ZONE_LIBOS_NUMBER);
}

#define REFUSED(status, call_made)                              \
	do {                                                    \
		IS(status, call_made);                          \
		on_record(EXO_##status, EXO_NR_CAP_UNSEAL);     \
	} while (0)

CORE_TEST(seal, what_was_sealed_comes_back)
{
	exo_cap_t a = derive(boot->memory, EXO_R_READ | EXO_R_GRANT | EXO_R_WRITE, boot->memory_first + 5, 7), b, c;
	struct exo_cap_info info;

	OK(seal_of(a, EXO_R_READ | EXO_R_WRITE, 0));
	OK(unseal(EXO_R_READ | EXO_R_WRITE, &b));
	info = inspect(b);
	cr_assert_eq(info.type, EXO_CAP_MEMORY);
	cr_assert_eq(info.rights, EXO_R_READ | EXO_R_WRITE);
	cr_assert_eq(info.first, boot->memory_first + 5);
	cr_assert_eq(info.count, 7);
	cr_assert_eq(info.parent, a);
	/* It may be shown again, and ask for less. */
	OK(unseal(EXO_R_READ, &c));
	cr_assert_eq(inspect(c).rights, EXO_R_READ);
	REFUSED(E_RIGHTS, unseal(EXO_R_READ | EXO_R_GRANT, &c));
	/* The sealer may not seal more than it has. */
	IS(E_RIGHTS, seal_of(a, EXO_R_EXEC, 0));
	IS(E_RIGHTS, seal_of(b, EXO_R_READ, 0));
	IS(E_ARG, seal_of(a, EXO_R_READ, 4));
	IS(E_ARG, exo_cap_seal(a, EXO_R_READ, boot->zone, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &seal, NULL));
}

/* The format is fixed: see exo/seal.h. */
CORE_TEST(seal, bytes)
{
	exo_cap_t a = derive(boot->memory, EXO_R_ALL, boot->memory_first + 5, 7);
	struct exo_seal again;
	struct seal decoded;

	fake.tick_ns = 0;
	OK(exo_cap_seal(a, EXO_R_READ, EXO_CAP_NONE, 0x1122334455667788, EXO_SEAL_ONCE, &seal, NULL));
	cr_assert_eq(memcmp(seal.bytes, "FBSC\1\0\200\0", 8), 0);
	cr_assert_eq(memcmp(seal.bytes + 8, core.boot_id, 16), 0);
	cr_assert_eq(memcmp(seal.bytes + 24, &a, 8), 0);
	cr_assert_eq(memcmp(seal.bytes + 32, "\0\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0", 16), 0);
	cr_assert_eq(seal.bytes[48], (boot->memory_first + 5) & 0xff);
	cr_assert_eq(seal.bytes[56], 7);
	cr_assert_eq(memcmp(seal.bytes + 64, "\x88\x77\x66\x55\x44\x33\x22\x11\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", 24), 0);
	OK(seal_decode(&seal, &decoded));
	seal_encode(&decoded, &again);
	cr_assert_eq(memcmp(&again, &seal, sizeof(seal)), 0);
	/* The kernel's address of an object is nobody's business. */
	OK(exo_cap_seal(boot->zone, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &seal, NULL));
	cr_assert_eq(seal.bytes[48], ZONE_LIBOS_NUMBER);
	cr_assert_eq(memcmp(seal.bytes + 49, "\0\0\0\0\0\0\0\1", 8), 0);
}

CORE_TEST(seal, no_bit_may_differ)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b;

	OK(seal_of(a, EXO_R_READ, 0));
	for (unsigned bit = 0; bit < 8 * EXO_SEAL_SIZE; bit++) {
		enum exo_status status;

		seal.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		status = unseal(EXO_R_READ, &b);
		cr_assert_eq(status, bit < 64 ? EXO_E_SEAL_FORMAT : bit < 192 ? EXO_E_SEAL_BOOT : EXO_E_SEAL_FORGED, "bit %u", bit);
		on_record(status, EXO_NR_CAP_UNSEAL);
		seal.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	OK(unseal(EXO_R_READ, &b));
}

CORE_TEST(seal, no_byte_may_miss)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b;

	OK(seal_of(a, EXO_R_READ, 0));
	for (uint64_t size = 0; size < 2 * EXO_SEAL_SIZE; size++)
		if (size != EXO_SEAL_SIZE)
			REFUSED(E_SEAL_SIZE, exo_cap_unseal(&seal, size, EXO_R_READ, &b));
	IS(E_SEAL_SIZE, exo_cap_unseal(&seal, UINT64_MAX, EXO_R_READ, &b));
	fake.regions[0].base = &seal;
	fake.regions[0].size = sizeof(seal) - 1;
	fake.region_count = 1;
	IS(E_ADDRESS, exo_cap_unseal(&seal, sizeof(seal), EXO_R_READ, NULL));
	IS(E_ADDRESS, seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	fake.region_count = 0;
	/* What could not be handed out has used up no nonce. */
	cr_assert_eq(cap_at((cap_slot_t)a)->seal_last, 0);
}

CORE_TEST(seal, single_use)
{
	static struct exo_seal many[EXO_SEAL_WINDOW + 1];
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b;

	OK(seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	IS(E_RIGHTS, unseal(EXO_R_WRITE, &b));
	OK(unseal(EXO_R_READ, &b));
	on_record(EXO_E_RIGHTS, EXO_NR_CAP_UNSEAL);
	REFUSED(E_REPLAYED, unseal(EXO_R_READ, &b));
	/* In any order, each once; and the one that is too old not at all. */
	for (unsigned i = 0; i <= EXO_SEAL_WINDOW; i++) {
		OK(seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
		many[i] = seal;
	}
	for (unsigned i = 0; i <= EXO_SEAL_WINDOW; i++) {
		seal = many[(i * 7 + 3) % (EXO_SEAL_WINDOW + 1)];
		cr_assert_eq(unseal(EXO_R_READ, &b), (i * 7 + 3) % (EXO_SEAL_WINDOW + 1) ? EXO_OK : EXO_E_REPLAYED);
		IS(E_REPLAYED, unseal(EXO_R_READ, &b));
	}
	/* Counters end; they do not come round. */
	cap_at((cap_slot_t)a)->seal_last = UINT32_MAX;
	IS(E_SLOTS, seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	OK(seal_of(a, EXO_R_READ, 0));
	cap_at((cap_slot_t)a)->seal_epoch = UINT32_MAX;
	IS(E_SLOTS, seal_of(a, EXO_R_READ, 0));
	while (exo_cap_revoke(a, NULL) == EXO_E_AGAIN)
		continue;
	cr_assert_eq(cap_at((cap_slot_t)a)->seal_epoch, UINT32_MAX);
}

/* What is too old is refused before anything newer is shown. */
CORE_TEST(seal, the_window_moves_with_what_is_sealed)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b;
	struct exo_seal first, second, last;

	OK(seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	first = seal;
	OK(seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	second = seal;
	for (unsigned i = 2; i <= EXO_SEAL_WINDOW; i++)
		OK(seal_of(a, EXO_R_READ, EXO_SEAL_ONCE));
	last = seal;
	seal = first;
	IS(E_REPLAYED, unseal(EXO_R_READ, &b));
	seal = second;
	OK(unseal(EXO_R_READ, &b));
	seal = last;
	OK(unseal(EXO_R_READ, &b));
}

CORE_TEST(seal, ends_with_what_was_sealed)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b = derive(a, EXO_R_ALL, 0, 0), c;

	OK(seal_of(b, EXO_R_READ, 0));
	OK(exo_cap_revoke(b, NULL));
	REFUSED(E_REVOKED, unseal(EXO_R_READ, &c));
	OK(seal_of(b, EXO_R_READ, 0));
	OK(exo_cap_revoke(a, NULL));
	REFUSED(E_REVOKED, unseal(EXO_R_READ, &c));
	b = derive(a, EXO_R_ALL, 0, 0);
	OK(seal_of(b, EXO_R_READ, 0));
	OK(exo_cap_drop(b, NULL));
	REFUSED(E_REVOKED, unseal(EXO_R_READ, &c));
	/* The slot's next life is another capability. */
	b = derive(a, EXO_R_ALL, 0, 0);
	REFUSED(E_REVOKED, unseal(EXO_R_READ, &c));
	/* What was unsealed goes with what was sealed. */
	OK(seal_of(b, EXO_R_READ, 0));
	OK(unseal(EXO_R_READ, &c));
	OK(exo_cap_revoke(b, NULL));
	IS(E_CAP, exo_cap_drop(c, NULL));
}

/* Whoever has it now can make new ones. */
CORE_TEST(seal, ends_when_it_is_moved)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b, c;

	OK(seal_of(a, EXO_R_READ, EXO_SEAL_BEARER));
	OK(unseal(EXO_R_READ, &c));
	OK(exo_cap_move(a, boot->zone, &b));
	REFUSED(E_REVOKED, unseal(EXO_R_READ, NULL));
	cr_assert_eq(inspect(c).parent, b);
	OK(seal_of(b, EXO_R_READ, EXO_SEAL_BEARER));
	OK(unseal(EXO_R_READ, &c));
}

/* While a long revocation is not finished, too. */
CORE_TEST(seal, ends_when_a_revocation_begins)
{
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), b = derive(a, EXO_R_ALL, 0, 0), c;

	OK(seal_of(b, EXO_R_READ, 0));
	for (int i = 0; i < 10000; i++)
		derive(b, EXO_R_READ, 0, 0);
	IS(E_AGAIN, exo_cap_revoke(a, NULL));
	REFUSED(E_REVOKED, unseal(EXO_R_READ, &c));
	while (exo_cap_revoke(a, NULL) == EXO_E_AGAIN)
		;
}

CORE_TEST(seal, time)
{
	uint64_t soon = hal_time_ns() + 1000000;
	exo_cap_t a, b;

	OK(exo_cap_derive(boot->timer, EXO_R_ALL, 0, 0, soon, &a));
	IS(E_RANGE, exo_cap_seal(a, EXO_R_READ, EXO_CAP_NONE, soon + 1, 0, &seal, NULL));
	OK(exo_cap_seal(a, EXO_R_READ, EXO_CAP_NONE, soon - 500000, 0, &seal, NULL));
	OK(unseal(EXO_R_READ, &b));
	cr_assert_eq(inspect(b).expires_ns, soon - 500000);
	fake.now_ns = soon - 500000;
	REFUSED(E_EXPIRED, unseal(EXO_R_READ, &b));
	/* Also when what was sealed is gone meanwhile. */
	OK(exo_cap_revoke(a, NULL));
	REFUSED(E_EXPIRED, unseal(EXO_R_READ, &b));
	fake.now_ns = soon;
	IS(E_EXPIRED, exo_cap_seal(a, EXO_R_READ, EXO_CAP_NONE, soon, 0, &seal, NULL));
}

static struct exo_result as_zone(exo_cap_t zone, exo_vaddr_t address)
{
	const uint64_t args[6] = { address, sizeof(seal), EXO_R_READ };

	return call_dispatch(cap_at((cap_slot_t)zone)->zone, EXO_NR_CAP_UNSEAL, args);
}

CORE_TEST(seal, is_for_one_zone)
{
	exo_frame_t first = frames_take(16), page = frames_take(1);
	exo_cap_t a = derive(boot->timer, EXO_R_ALL, 0, 0), zone, other = zone_make(16), b;
	struct exo_zone_info info;
	uint32_t number;

	OK(exo_zone_create(boot->zone, boot->memory, first, 16, "z", 1, &zone));
	OK(map_under(zone, boot->memory, 0x400000, page, 1, EXO_PROT_READ));
	OK(map_under(other, boot->memory, 0x400000, page, 1, EXO_PROT_READ));
	OK(exo_cap_seal(a, EXO_R_READ, zone, EXO_NO_EXPIRY, 0, &seal, NULL));
	memcpy(frame_ptr(page), &seal, sizeof(seal));
	REFUSED(E_SEAL_ZONE, unseal(EXO_R_READ, &b));
	IS(E_SEAL_ZONE, as_zone(other, 0x400000).status);
	OK(as_zone(zone, 0x400000).status);
	/* A seal for the LibOS is none for its programs. */
	OK(seal_of(a, EXO_R_READ, 0));
	memcpy(frame_ptr(page), &seal, sizeof(seal));
	IS(E_SEAL_ZONE, as_zone(zone, 0x400000).status);
	/* A bearer's is for all. */
	OK(seal_of(a, EXO_R_READ, EXO_SEAL_BEARER));
	memcpy(frame_ptr(page), &seal, sizeof(seal));
	OK(as_zone(zone, 0x400000).status);
	OK(as_zone(other, 0x400000).status);
	OK(unseal(EXO_R_READ, &b));
	/* Another zone of the same number is another zone. */
	OK(exo_cap_seal(a, EXO_R_READ, zone, EXO_NO_EXPIRY, 0, &seal, NULL));
	memcpy(frame_ptr(page), &seal, sizeof(seal));
	OK(exo_zone_info(zone, &info, NULL));
	number = info.number;
	OK(exo_zone_destroy(zone, NULL));
	core.zone_hint = number - 1;
	OK(exo_zone_create(boot->zone, boot->memory, first, 16, "z", 1, &zone));
	OK(exo_zone_info(zone, &info, NULL));
	cr_assert_eq(info.number, number);
	OK(map_under(zone, boot->memory, 0x400000, page, 1, EXO_PROT_READ));
	IS(E_SEAL_ZONE, as_zone(zone, 0x400000).status);
}

CORE_TEST(seal, a_changed_slot_is_not_sealed)
{
	exo_cap_t a = derive(boot->timer, EXO_R_READ | EXO_R_GRANT, 0, 0), b;
	struct cap *slot = cap_at((cap_slot_t)a);

	OK(seal_of(a, EXO_R_READ, 0));
	slot->rights = EXO_R_ALL;
	REFUSED(E_FORGED, unseal(EXO_R_READ, &b));
	/* That more is asked for than was sealed is not told. */
	REFUSED(E_FORGED, unseal(EXO_R_WRITE, &b));
	IS(E_FORGED, seal_of(a, EXO_R_WRITE, 0));
	slot->rights = EXO_R_READ | EXO_R_GRANT;
	OK(unseal(EXO_R_READ, &b));
}

/* The first boot's bytes shown to the second. */
static void first_boot(const struct exo_boot *b)
{
	OK(exo_cap_seal(b->timer, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_BEARER, &seal, NULL));
}

static void second_boot(const struct exo_boot *b)
{
	exo_cap_t cap;

	boot = b;
	REFUSED(E_SEAL_BOOT, unseal(EXO_R_READ, &cap));
	/* The name of a boot is public; its secret is not. */
	memcpy(seal.bytes + 8, core.boot_id, sizeof(core.boot_id));
	REFUSED(E_SEAL_FORGED, unseal(EXO_R_READ, &cap));
	SOUND();
}

Test(seal, is_for_one_boot)
{
	fake_reset();
	cr_assert_eq(fake_boot(first_boot), FAKE_RETURNED);
	memset(&core, 0, sizeof(core));
	fake_reset();
	fake.random += 12345;
	cr_assert_eq(fake_boot(second_boot), FAKE_RETURNED);
}

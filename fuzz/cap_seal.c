/*
 * Sealed capabilities that were not made by the kernel, or were changed.
 *
 * First byte: 0, the rest are the bytes that are shown, of any size; 1, edits of a
 * good seal (offset, byte); 2, edits of its fields, with a code that is right: as if the key were
 * known, so that what comes behind the code is reached too. Whatever is shown, no capability may
 * come of it that is more than what was sealed, and core_check() holds.
 */
#include "boots.h"
#include <core/check.h>
#include <core/seal.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *data;
	size_t size;
} input;

static void fail(const char *what)
{
	fprintf(stderr, "seal: %s\n", what);
	abort();
}

static uint64_t take(unsigned bytes)
{
	uint64_t value = 0;

	for (; bytes > 0 && input.size > 0; bytes--, input.size--)
		value = value << 8 | *input.data++;
	return value;
}

static void edit_bytes(struct exo_seal *seal)
{
	while (input.size >= 2) {
		uint8_t at = (uint8_t)take(1);

		seal->bytes[at % EXO_SEAL_SIZE] ^= (uint8_t)take(1);
	}
}

static void edit_fields(struct exo_seal *bytes)
{
	struct seal seal;

	if (seal_decode(bytes, &seal) != EXO_OK)
		fail("a good seal is not read");
	while (input.size >= 2)
		switch (take(1) % 10) {
		case 0: seal.cap ^= take(8); break;
		case 1: seal.cap = (uint16_t)take(2) | seal.cap >> 16 << 16; break;
		case 2: seal.epoch = (uint32_t)take(4); break;
		case 3: seal.nonce = (uint32_t)take(4); break;
		case 4: seal.type = (uint32_t)take(4); break;
		case 5: seal.rights = (uint32_t)take(4); break;
		case 6: seal.expires = take(8); break;
		case 7: seal.zone = (uint32_t)take(4); break;
		case 8: seal.flags = (uint32_t)take(4); break;
		default: seal.zone_serial = take(8);
		}
	seal_encode(&seal, bytes);
}

static void check(exo_cap_t sealed, const char *what)
{
	const char *broken = core_check();
	struct exo_cap_info info;

	if (broken)
		fail(broken);
	if (exo_cap_inspect(sealed, &info, NULL) != EXO_OK || info.rights != (EXO_R_READ | EXO_R_WRITE | EXO_R_GRANT))
		fail(what);
}

static void show(exo_cap_t sealed, const void *bytes, uint64_t size, bool altered)
{
	uint32_t rights = (uint32_t)take(2) & EXO_R_ALL;
	struct exo_cap_info info;
	exo_cap_t cap = 0;
	enum exo_status status = exo_cap_unseal(bytes, size, rights, &cap);

	if (status == EXO_OK) {
		if (altered)
			fail("altered bytes were taken");
		if (exo_cap_inspect(cap, &info, NULL) != EXO_OK || info.rights != rights)
			fail("other rights than were asked for");
	} else if (cap != 0) {
		fail("a refusal that gives something");
	}
	check(sealed, "the sealed capability changed");
}

static void libos(const struct exo_boot *boot)
{
	static struct exo_seal good, shown;
	static uint8_t raw[512];
	exo_cap_t sealed;
	uint8_t how = (uint8_t)take(1);
	uint32_t flags = how >> 4 & 3;

	if (exo_cap_derive(boot->memory, EXO_R_READ | EXO_R_WRITE | EXO_R_GRANT, boot->memory_first, 9, EXO_NO_EXPIRY,
	                   &sealed) != EXO_OK ||
	    exo_cap_seal(sealed, EXO_R_READ | EXO_R_WRITE, EXO_CAP_NONE, EXO_NO_EXPIRY, flags, &good, NULL) != EXO_OK)
		fail("cannot seal");
	shown = good;
	switch (how & 3) {
	case 0: {
		uint64_t size = input.size < sizeof(raw) ? input.size : sizeof(raw);

		memcpy(raw, input.data, size);
		show(sealed, raw, size, true);
		break;
	}
	case 1:
		edit_bytes(&shown);
		show(sealed, &shown, sizeof(shown), memcmp(&shown, &good, sizeof(good)) != 0);
		break;
	default:
		edit_fields(&shown);
		show(sealed, &shown, sizeof(shown), false);
	}
	/* Twice, and once if it is good for once. */
	show(sealed, &good, sizeof(good), false);
	if ((flags & EXO_SEAL_ONCE) && exo_cap_unseal(&good, sizeof(good), 0, NULL) == EXO_OK &&
	    exo_cap_unseal(&good, sizeof(good), 0, NULL) != EXO_E_REPLAYED)
		fail("used twice");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	core_forget();
	fake_reset();
	fake.frame_count = 1280;
	input.data = data;
	input.size = size;
	if (fake_boot(libos) != FAKE_RETURNED)
		fail("the core ended");
	return 0;
}

/*
 * The tag of a capability: HMAC-SHA256 under a key of this boot over all fields
 * that authority depends on, so that memory damage or a bug elsewhere cannot
 * become authority. It is checked when a CPU uses a capability for the first time, and
 * always when a capability begets another one or is sealed.
 *
 * Tags keep the left 128 bits of the code: RFC 2104, section 5, asks for no
 * less than half of the hash's output and no less than 80 bits.
 */
#include <core/state.h>

static void key_derive(struct hmac_key *key, const struct hmac_key *from, const char *purpose, uint64_t size)
{
	uint8_t secret[SHA256_SIZE];

	hmac_sha256(from, purpose, size, secret);
	hmac_key_init(key, secret, sizeof(secret));
	bytes_wipe(secret, sizeof(secret));
}

/* The secret itself is not kept; each purpose has a key of its own, which tells nothing of the others. */
bool cap_keys_init(void)
{
	static const char for_tags[] = "feuerbird tag 1", for_seals[] = "feuerbird seal 1", for_boot[] = "feuerbird boot 1";
	uint8_t secret[SHA256_SIZE], id[SHA256_SIZE];
	struct hmac_key master;

	if (!hal_entropy(secret, sizeof(secret)))
		return false;
	hmac_key_init(&master, secret, sizeof(secret));
	key_derive(&core.tag_key, &master, for_tags, sizeof(for_tags) - 1);
	key_derive(&core.seal_key, &master, for_seals, sizeof(for_seals) - 1);
	hmac_sha256(&master, for_boot, sizeof(for_boot) - 1, id);
	memcpy(core.boot_id, id, sizeof(core.boot_id));
	bytes_wipe(secret, sizeof(secret));
	bytes_wipe(&master, sizeof(master));
	return true;
}

/* What a tag covers, as 32-bit words. */
#define TAGGED 10
_Static_assert(TAGGED <= HMAC_WORDS, "two can be made at once");

static void put(uint32_t *to, uint64_t value)
{
	to[0] = (uint32_t)(value >> 32);
	to[1] = (uint32_t)value;
}

static void words_of(uint32_t words[16], const struct cap *cap)
{
	put(words, cap_name_of_state(atomic_load_explicit(&cap->state, memory_order_acquire), cap_slot(cap)));
	put(words + 2, (uint64_t)CAP_LOAD(cap->type) << 32 | (uint64_t)CAP_LOAD(cap->rights) << 16 | CAP_LOAD(cap->owner));
	put(words + 4, CAP_LOAD(cap->first));
	put(words + 6, cap_is_object(CAP_LOAD(cap->type)) ? 1 : CAP_LOAD(cap->count));
	put(words + 8, CAP_LOAD(cap->expires));
	hmac_words_end(words, TAGGED);
}

/* The same of what cap_commit() will make. */
static void words_of_spec(uint32_t words[16], cap_slot_t slot, const struct cap_spec *spec)
{
	put(words, cap_name_next(slot));
	put(words + 2, (uint64_t)spec->type << 32 | (uint64_t)spec->rights << 16 | spec->owner->number);
	put(words + 4, spec->first);
	put(words + 6, cap_is_object(spec->type) ? 1 : spec->count);
	put(words + 8, spec->expires);
	hmac_words_end(words, TAGGED);
}

static struct cap_tag tag_of(const uint32_t mac[8])
{
	return (struct cap_tag){ { (uint64_t)mac[0] << 32 | mac[1], (uint64_t)mac[2] << 32 | mac[3] } };
}

static void tag_store(cap_slot_t slot, struct cap_tag tag)
{
	struct cap_tag *to = &core.cap_tags[slot];

	CAP_STORE(to->word[0], tag.word[0]);
	CAP_STORE(to->word[1], tag.word[1]);
}

/* Takes the same time wherever they differ: the whole difference is looked at once. */
static bool tag_is(cap_slot_t slot, struct cap_tag right)
{
	const struct cap_tag *tag = &core.cap_tags[slot];
	volatile uint64_t difference = (CAP_LOAD(tag->word[0]) ^ right.word[0]) | (CAP_LOAD(tag->word[1]) ^ right.word[1]);

	return difference == 0;
}

void cap_tag_set(cap_slot_t slot, const struct cap_spec *spec)
{
	uint32_t words[1][16];

	words_of_spec(words[0], slot, spec);
	hmac_sha256_words(&core.tag_key, words, 1);
	tag_store(slot, tag_of(words[0]));
}

enum exo_status cap_tag_derive(cap_slot_t slot, const struct cap_spec *spec)
{
	uint32_t words[2][16];

	words_of(words[0], spec->parent);
	words_of_spec(words[1], slot, spec);
	hmac_sha256_words(&core.tag_key, words, 2);
	if (!tag_is(cap_slot(spec->parent), tag_of(words[0])))
		return EXO_E_FORGED;
	tag_store(slot, tag_of(words[1]));
	return EXO_OK;
}

void cap_tag_clear(const struct cap *cap)
{
	tag_store(cap_slot(cap), (struct cap_tag){ { 0, 0 } });
}

enum exo_status cap_tag_check(const struct cap *cap)
{
	uint32_t words[1][16];

	words_of(words[0], cap);
	hmac_sha256_words(&core.tag_key, words, 1);
	return tag_is(cap_slot(cap), tag_of(words[0])) ? EXO_OK : EXO_E_FORGED;
}

/* Out of line: the first use. The entry that it replaces is only asked for again. If, without the lock,
 * the slot began another life meanwhile, what matched was that one's tag, and `name` is a name
 * that nothing has any more: it does no harm in the cache. */
enum exo_status cap_validate_slow(const struct cap *cap, exo_cap_t name)
{
	enum exo_status status = cap_tag_check(cap);

	if (status == EXO_OK)
		cpu_this()->validated[cap_slot(cap) % CAP_VALIDATED] = name;
	return status;
}

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

/* The core's own memory, never shown: words as they are. */
static void tag_make(const struct cap *cap, uint64_t state, struct cap_tag *tag)
{
	uint64_t words[] = {
		cap_name_of_state(state, cap_slot(cap)),
		(uint64_t)CAP_LOAD(cap->type) << 32 | (uint64_t)CAP_LOAD(cap->rights) << 16 | CAP_LOAD(cap->owner),
		CAP_LOAD(cap->first),
		cap_is_object(CAP_LOAD(cap->type)) ? 1 : CAP_LOAD(cap->count),
		CAP_LOAD(cap->expires),
	};
	uint8_t mac[SHA256_SIZE];

	hmac_sha256(&core.tag_key, words, sizeof(words), mac);
	memcpy(tag, mac, sizeof(*tag));
}

static void tag_store(const struct cap *cap, const struct cap_tag *tag)
{
	struct cap_tag *to = &core.cap_tags[cap_slot(cap)];

	CAP_STORE(to->word[0], tag->word[0]);
	CAP_STORE(to->word[1], tag->word[1]);
}

void cap_tag_set(const struct cap *cap, uint64_t state)
{
	exo_cap_t name = cap_name_of_state(state, cap_slot(cap));
	struct cap_tag tag;

	tag_make(cap, state, &tag);
	tag_store(cap, &tag);
	cpu_this()->validated[cap_slot(cap) % CAP_VALIDATED] = name;
}

void cap_tag_clear(const struct cap *cap)
{
	const struct cap_tag none = { 0 };

	tag_store(cap, &none);
}

enum exo_status cap_tag_check(const struct cap *cap)
{
	const struct cap_tag *at = &core.cap_tags[cap_slot(cap)];
	struct cap_tag tag, stored = { { CAP_LOAD(at->word[0]), CAP_LOAD(at->word[1]) } };

	tag_make(cap, atomic_load_explicit(&cap->state, memory_order_acquire), &tag);
	return bytes_are_equal(&tag, &stored, sizeof(tag)) ? EXO_OK : EXO_E_FORGED;
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

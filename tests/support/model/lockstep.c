/* The core and the model in lockstep. */
#include <core/call.h>
#include <core/check.h>
#include <core/core.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <model/lockstep.h>
#include <model/model.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_ADDRESS UINT64_C(0x400000) /* of a page in every App zone, for seals */
#define ZONE_FRAMES    12
#define LIFE           256 /* steps until all starts over */
#define NAMES          32 /* what is remembered of names that were once good */

static struct {
	struct lockstep *run;
	const struct exo_boot *boot;
	struct model model;
	struct exo_seal bytes[MODEL_SEALS];
	uint32_t number[MODEL_ZONES]; /* the core's numbers of the model's zones */
	exo_cap_t old[NAMES];
	unsigned old_next;
	uint32_t others; /* capabilities that the model does not know */
	exo_cap_t names[MODEL_CAPS]; /* as the last step left them */
	uint8_t buffer[256];
} at;

/* ---- Choices ----------------------------------------------------------- */

static uint8_t byte_take(void)
{
	struct lockstep *run = at.run;

	if (run->data) {
		if (run->size == 0)
			return 0;
		run->size--;
		return *run->data++;
	}
	/* xorshift64*, S. Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
	run->random ^= run->random >> 12;
	run->random ^= run->random << 25;
	run->random ^= run->random >> 27;
	return (uint8_t)(run->random * UINT64_C(0x2545f4914f6cdd1d) >> 56);
}

/* Mostly a capability of that zone, of that type if there is one, and not expired. */
static exo_cap_t cap_pick(int zone, uint32_t type)
{
	uint8_t how = byte_take(), which = byte_take();
	exo_cap_t last = at.old[which % NAMES];

	if (how < 8)
		return last;
	for (int i = 0; i < MODEL_CAPS; i++) {
		const struct model_cap *cap = &at.model.caps[(i + which) % MODEL_CAPS];

		if (!cap->live)
			continue;
		last = cap->name;
		if (how < 12 || (cap->owner == zone && (type == EXO_CAP_NONE || cap->type == type) &&
		                 (how < 24 || cap->expires > at.model.now)))
			return last;
	}
	return last;
}

/* Mostly what there is, or a little less. */
static uint32_t rights_pick(uint32_t rights)
{
	uint8_t how = byte_take();

	if (how < 176)
		return rights;
	if (how < 240)
		return rights & ~(UINT32_C(1) << how % 10);
	return (uint32_t)byte_take() << 3;
}

static uint64_t expires_pick(uint64_t otherwise)
{
	uint8_t how = byte_take();

	return how < 232 ? otherwise : at.model.now + (uint64_t)(how - 232) * 8000;
}

static struct model_cap *model_cap_of(exo_cap_t name)
{
	for (int i = 0; i < MODEL_CAPS; i++)
		if (at.model.caps[i].live && at.model.caps[i].name == name)
			return &at.model.caps[i];
	return NULL;
}

/* ---- Calls of the core ------------------------------------------------- */

static void drain(void)
{
	while (core.dying || core.revoking != CAP_NIL || core.due_ready) {
		struct work work = { .words = WORK_CALL };

		reap_some(&work);
		work_end(&work);
	}
}

/* As the kernel serves it: an App zone that calls is pinned meanwhile. */
static struct exo_result call(int zone, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                              uint64_t e, uint64_t f)
{
	const uint64_t args[6] = { a, b, c, d, e, f };
	struct zone *caller = core.zones[at.number[zone]];
	struct exo_result result;

	if (zone == 0) {
		result = core_call(number, args);
	} else {
		caller->running++;
		result = call_dispatch(caller, number, args);
		caller->running--;
	}
	drain();
	return result;
}

/* A call that may say E_AGAIN; what it has left drain() has done. */
static struct exo_result call_long(int zone, uint64_t number, uint64_t a)
{
	struct exo_result result = call(zone, number, a, 0, 0, 0, 0, 0);

	if (result.status == EXO_E_AGAIN)
		result.status = EXO_OK;
	return result;
}

static uint64_t buffer_address(int zone)
{
	return zone == 0 ? (uint64_t)(uintptr_t)at.buffer : BUFFER_ADDRESS;
}

static exo_frame_t buffer_frame(int zone)
{
	return at.boot->memory_first + 16 + (exo_frame_t)zone;
}

static uint8_t *buffer_of(int zone)
{
	return zone == 0 ? at.buffer : hal_phys_ptr(buffer_frame(zone));
}

/* ---- Agreement --------------------------------------------------------- */

static void wrong(const char *what)
{
	if (!at.run->wrong)
		at.run->wrong = what;
}

/* The status of both, and the name of what came into being. */
static bool agree(enum exo_status expected, struct exo_result got, bool makes)
{
	if (got.status != expected) {
		wrong("status");
		snprintf(at.run->text, sizeof(at.run->text), "step %llu: core says %llu, model %u",
		         (unsigned long long)at.run->done, (unsigned long long)got.status, expected);
		return false;
	}
	if (expected != EXO_OK)
		return false;
	at.run->succeeded++;
	if (makes) {
		if (model_cap_of(got.value))
			wrong("a name that is in use already");
		at.model.caps[at.model.made].name = got.value;
	}
	return true;
}

static void compare_cap(const struct model_cap *cap)
{
	const struct cap *slot = cap_find(cap->name);
	struct exo_cap_info info;

	if (!slot) {
		wrong("a capability that should be there");
		return;
	}
	cap_describe(slot, &info);
	if (info.type != cap->type || info.rights != cap->rights || info.expires_ns != cap->expires ||
	    info.owner_zone != at.number[cap->owner])
		wrong("type, rights, deadline or owner");
	if (cap->parent != MODEL_NONE && info.parent != at.model.caps[cap->parent].name)
		wrong("parent");
	if (cap->type == EXO_CAP_ZONE && info.first != at.number[cap->object])
		wrong("which zone");
	if (cap->type == EXO_CAP_MEMORY && (info.first != cap->first || info.count != cap->count))
		wrong("extent");
}

static void compare(void)
{
	uint32_t live = 0;
	const char *broken = core_check();
	struct exo_own own[2 * MODEL_CAPS];
	uint64_t count = 0, asked = 0;

	if (broken)
		wrong(broken);
	for (int i = 0; i < MODEL_CAPS; i++) {
		struct model_cap *cap = &at.model.caps[i];

		/* Names that were good a step ago are tried again later. */
		if (at.names[i] && (!cap->live || cap->name != at.names[i]))
			at.old[at.old_next++ % NAMES] = at.names[i];
		at.names[i] = cap->live ? cap->name : 0;
		if (!cap->live)
			continue;
		live++;
		compare_cap(cap);
	}
	if (exo_list_own(at.boot->zone, own, 2 * MODEL_CAPS, EXO_CAP_NONE, &count) != EXO_OK)
		wrong("a list");
	for (uint64_t i = 0; i < count; i++)
		asked += own[i].asked_from != EXO_CAP_NONE;
	if (asked != model_asked(&at.model, 0))
		wrong("what is asked for");
	if (live + at.others != core.caps_used)
		wrong("a capability that should not be there");
	for (int i = 1; i < MODEL_ZONES; i++)
		if (at.model.alive[i] != (at.number[i] != 0 && core.zones[at.number[i]]))
			wrong("which zones live");
		else if (!at.model.alive[i])
			at.number[i] = 0;
}

/* ---- Steps ------------------------------------------------------------- */

static void step_derive(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE);
	const struct model_cap *from = model_cap_of(cap);
	uint32_t rights = rights_pick(from ? from->rights : EXO_R_ALL);
	uint64_t first = 0, count = 0, expires = expires_pick(from ? from->expires : EXO_NO_EXPIRY);

	if (from && from->type == EXO_CAP_MEMORY) {
		first = from->first + byte_take() % 4u;
		count = from->count - byte_take() % 8u;
	} else if (byte_take() < 8) {
		count = byte_take();
	}
	agree(model_derive(&at.model, zone, cap, rights, first, count, expires),
	      call(zone, EXO_NR_CAP_DERIVE, cap, rights, first, count, expires, 0), true);
}

static void step_grant(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE), target = cap_pick(zone, EXO_CAP_ZONE);
	uint32_t rights = rights_pick(EXO_R_ALL);

	agree(model_grant(&at.model, zone, cap, target, rights),
	      call(zone, EXO_NR_CAP_GRANT, cap, target, rights, 0, 0, 0), true);
}

static void step_drop(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE);

	agree(model_drop(&at.model, zone, cap), call(zone, EXO_NR_CAP_DROP, cap, 0, 0, 0, 0, 0), false);
}

static void step_move(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE), target = cap_pick(zone, EXO_CAP_ZONE);

	agree(model_move(&at.model, zone, cap, target), call(zone, EXO_NR_CAP_MOVE, cap, target, 0, 0, 0, 0), true);
}

static void step_ask(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE);
	uint8_t how = byte_take();
	uint64_t until = how < 16 ? EXO_NO_EXPIRY : at.model.now + how;

	agree(model_ask(&at.model, zone, cap, until), call(zone, EXO_NR_REVOKE_ASK, cap, until, 0, 0, 0, 0), false);
}

/* The timer comes, if the core has set it; both do what is due. */
static void step_tick(void)
{
	call(0, EXO_NR_EVENT_TAKE, at.boot->zone, 0, 0, 0, 0, 0);
	drain();
	model_due(&at.model);
}

static void step_revoke(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE);
	struct exo_result result = call_long(zone, EXO_NR_CAP_REVOKE, cap);

	if (agree(model_revoke(&at.model, zone, cap), result, false) && result.value > at.model.gone)
		wrong("a revocation took more than was derived");
}

static void step_seal(int zone)
{
	unsigned which = byte_take() % MODEL_SEALS;
	exo_cap_t cap = cap_pick(zone, EXO_CAP_NONE), target = EXO_CAP_NONE;
	const struct model_cap *from = model_cap_of(cap);
	uint32_t rights = rights_pick(from ? from->rights : EXO_R_ALL), flags = byte_take();
	uint64_t expires = expires_pick(from ? from->expires : EXO_NO_EXPIRY);

	flags = flags < 8 ? flags : flags & (EXO_SEAL_ONCE | EXO_SEAL_BEARER);
	if (!(flags & EXO_SEAL_BEARER) || byte_take() < 16)
		target = byte_take() < 64 ? EXO_CAP_NONE : cap_pick(zone, EXO_CAP_ZONE);
	if (agree(model_seal(&at.model, zone, cap, rights, target, expires, flags, &at.model.seals[which]),
	          call(zone, EXO_NR_CAP_SEAL, cap, rights, target, expires, flags, buffer_address(zone)), false))
		memcpy(&at.bytes[which], buffer_of(zone), sizeof(at.bytes[which]));
}

static void step_unseal(int zone)
{
	unsigned which = byte_take() % MODEL_SEALS, bit;
	uint32_t rights;
	uint8_t how = byte_take();
	uint64_t size = EXO_SEAL_SIZE;
	enum model_damage damage = MODEL_WHOLE;

	for (int i = 0; i < MODEL_SEALS && (!at.model.seals[which].made || at.model.seals[which].revoked); i++)
		which = (which + 1) % MODEL_SEALS;
	if (!at.model.seals[which].made)
		return;
	/* Mostly by the zone that it is for. */
	if (byte_take() < 224 && at.model.alive[at.model.seals[which].zone])
		zone = at.model.seals[which].zone;
	rights = rights_pick(at.model.seals[which].rights);
	memcpy(buffer_of(zone), &at.bytes[which], sizeof(at.bytes[which]));
	if (how < 16) {
		size = byte_take() * (size + 72) / 255;
		damage = size == EXO_SEAL_SIZE ? MODEL_WHOLE : MODEL_CUT;
	} else if (how < 48) {
		bit = ((unsigned)byte_take() << 8 | byte_take()) % (EXO_SEAL_SIZE * 8);
		buffer_of(zone)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		damage = bit / 8 < 8 ? MODEL_HEADER : bit / 8 < 24 ? MODEL_BOOT : MODEL_BODY;
	}
	agree(model_unseal(&at.model, zone, &at.model.seals[which], damage, rights),
	      call(zone, EXO_NR_CAP_UNSEAL, buffer_address(zone), size, rights, 0, 0, 0), true);
}

static void step_zone_create(void)
{
	exo_cap_t parent = cap_pick(0, EXO_CAP_ZONE);
	int number = 1;
	struct exo_result result;
	exo_frame_t first;
	struct exo_map_op op = { BUFFER_ADDRESS, 0, 1, EXO_PROT_READ | EXO_PROT_WRITE };

	while (number < MODEL_ZONES && at.model.alive[number])
		number++;
	if (number == MODEL_ZONES)
		return;
	first = at.boot->memory_first + 32 + (exo_frame_t)number * ZONE_FRAMES;
	op.frame = buffer_frame(number);
	result = call(0, EXO_NR_ZONE_CREATE, parent, at.boot->memory, first, ZONE_FRAMES, 0, 0);
	if (!agree(model_zone_create(&at.model, 0, parent, number), result, true))
		return;
	at.number[number] = (uint32_t)cap_find(result.value)->zone->number;
	if (model_cap_of(result.value)->expires == EXO_NO_EXPIRY || model_cap_of(result.value)->expires > at.model.now)
		if (exo_mem_map(result.value, at.boot->memory, &op, 1, NULL) != EXO_OK)
			wrong("the buffer of a zone cannot be mapped");
}

static void step_zone_destroy(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_ZONE);

	agree(model_zone_destroy(&at.model, zone, cap), call_long(zone, EXO_NR_ZONE_DESTROY, cap), false);
}

/* Small shares, so that they are used up; and what no table has. */
static void step_zone_quota(int zone)
{
	exo_cap_t parent = cap_pick(zone, EXO_CAP_ZONE), cap = cap_pick(zone, EXO_CAP_ZONE);
	uint32_t table = byte_take() % (EXO_QUOTA_COUNT * 4 + 1) % (EXO_QUOTA_COUNT + 1);
	uint64_t limit = byte_take();

	limit = limit < 200 ? limit % 24 : limit < 250 ? 4000 : UINT64_MAX - limit;
	agree(model_zone_quota(&at.model, zone, parent, cap, table, limit),
	      call(zone, EXO_NR_ZONE_QUOTA, parent, cap, table, limit, 0, 0), false);
}

static void step_zone_gifts(int zone)
{
	exo_cap_t cap = cap_pick(zone, EXO_CAP_ZONE);
	uint64_t count = byte_take() % 8u, before = 0;
	struct exo_result got = call(zone, EXO_NR_ZONE_GIFTS, cap, count, 0, 0, 0, 0);

	if (agree(model_zone_gifts(&at.model, zone, cap, count, &before), got, false) && got.value != before)
		wrong("how many gifts a zone took");
}

/* Rarely one that has nothing to show. */
static int zone_pick(void)
{
	uint8_t which = byte_take();
	int zone = which < 128 ? 0 : which % MODEL_ZONES;

	if (!at.model.alive[zone])
		return 0;
	for (int i = 0; i < MODEL_CAPS; i++)
		if (at.model.caps[i].live && at.model.caps[i].owner == zone && at.model.caps[i].expires > at.model.now)
			return zone;
	return which < 136 ? zone : 0;
}

static void step(void)
{
	uint8_t what = byte_take() % 64;
	int zone = zone_pick();
	bool full = model_is_full(&at.model);

	if (what < 14 && !full)
		step_derive(zone);
	else if (what < 24 && !full)
		step_grant(zone);
	else if (what < 32 && !full)
		step_unseal(zone);
	else if (what < 38)
		step_seal(zone);
	else if (what < 48 || (full && what < 61))
		step_drop(zone);
	else if (what < 50)
		step_revoke(zone);
	else if (what == 61)
		step_ask(zone);
	else if (what == 62 || what == 53)
		step_move(zone);
	else if (what == 63 || what == 60)
		step_tick();
	else if (what < 56)
		step_zone_create();
	else if (what < 57)
		step_zone_destroy(zone);
	else if (what == 57)
		step_zone_quota(zone);
	else if (what == 59)
		step_zone_gifts(zone);
	else
		fake.now_ns = at.model.now += byte_take() * UINT64_C(10);
}

static void roots_make(void)
{
	const struct exo_boot *boot = at.boot;
	const exo_cap_t from[] = { boot->timer, boot->console, boot->zone, boot->memory };

	for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		struct exo_cap_info info;
		uint64_t name = 0;

		if (exo_cap_inspect(from[i], &info, NULL) != EXO_OK ||
		    exo_cap_derive(from[i], EXO_R_ALL, info.type == EXO_CAP_MEMORY ? boot->memory_first : 0,
		                   info.type == EXO_CAP_MEMORY ? 64 : 0, EXO_NO_EXPIRY, &name) != EXO_OK)
			wrong("no roots");
		model_root(&at.model, name, info.type, boot->memory_first, 64, 1);
	}
}

/* In the long run all is expired, dropped or revoked. So there is a new beginning now and then: all roots are revoked. */
static void start_over(void)
{
	const exo_cap_t all[] = { at.boot->timer, at.boot->console, at.boot->zone, at.boot->memory };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (call_long(0, EXO_NR_CAP_REVOKE, all[i]).status != EXO_OK)
			wrong("a root cannot be revoked");
	call(0, EXO_NR_ZONE_GIFTS, at.boot->zone, 0, 0, 0, 0, 0);
	model_init(&at.model, at.model.now, at.others);
	compare();
	roots_make();
}

void lockstep_run(struct lockstep *run, const struct exo_boot *boot)
{
	memset(&at, 0, sizeof(at));
	at.run = run;
	at.boot = boot;
	at.others = core.caps_used;
	at.number[0] = ZONE_LIBOS_NUMBER;
	model_init(&at.model, fake.now_ns, at.others);
	roots_make();
	while (!run->wrong && (run->data ? run->size > 0 : run->done < run->steps)) {
		if (run->done % LIFE == LIFE - 1)
			start_over();
		step();
		run->done++;
		compare();
	}
	if (run->wrong && !run->text[0])
		snprintf(run->text, sizeof(run->text), "step %llu", (unsigned long long)run->done);
}

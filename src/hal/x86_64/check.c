/*
 * Machine checks: the processor's own errors (SDM vol. 3, ch. 15, 16). All sources are switched on, and
 * what comes is told and is the end (panic_trap()): nobody knows what is still right.
 */
#include <hal/x86_64/machine.h>

#define MSR_MCG_CAP    0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MCG_CTL    0x17bu
#define MSR_BANK(n)    (0x400u + 4 * (n)) /* CTL, STATUS, ADDR, MISC */

#define CAP_BANKS UINT64_C(0xff)
#define CAP_CTL   UINT64_C(0x100)

#define STATUS_VALID   (UINT64_C(1) << 63)
#define STATUS_LOST    (UINT64_C(1) << 62) /* there was another error before */
#define STATUS_SERIOUS (UINT64_C(1) << 61) /* not corrected */
#define STATUS_ADDRESS (UINT64_C(1) << 58)
#define STATUS_CORRUPT (UINT64_C(1) << 57) /* the processor's state is not what it was */

/* 15.3.2.1, note: on some processors the firmware's alone to write. */
static bool first_bank_is_ours(void)
{
	uint32_t signature = cpuid(1, 0).a, family = signature >> 8 & 15, model = signature >> 4 & 15;

	return family != 6 || (model | (signature >> 12 & 0xf0)) >= 0x1a;
}

/* 15.8. Errors that are older than we are stay with the firmware, which may have put them there after a reset. */
void check_init(const struct features *can)
{
	uint64_t cap;

	if (!can->mce)
		return;
	if (can->mca) {
		cap = msr_read(MSR_MCG_CAP);
		if (cap & CAP_CTL)
			msr_write(MSR_MCG_CTL, UINT64_MAX);
		for (uint32_t i = first_bank_is_ours() ? 0 : 1; i < (cap & CAP_BANKS); i++)
			msr_write(MSR_BANK(i), UINT64_MAX);
		for (uint32_t i = 0; i < (cap & CAP_BANKS); i++)
			msr_write(MSR_BANK(i) + 1, 0);
	}
	cr4_write(cr4_read() | CR4_MCE);
}

/* 15.9: simple codes first, then the compound ones by their highest bit; bit 12 only says that reports are filtered. */
static const char *kind(uint64_t status)
{
	static const char *const simple[] = {
		"no error", "unclassified", "microcode ROM parity", "external", "redundancy check", "internal parity",
	};
	uint32_t code = status & 0xefff;

	if (code < sizeof(simple) / sizeof(simple[0]))
		return simple[code];
	if (code >= 0x800)
		return "bus or interconnect";
	if (code >= 0x400)
		return "internal";
	if (code >= 0x100)
		return "cache hierarchy";
	if (code >= 0x80)
		return "memory controller";
	return code >= 0x10 ? "TLB" : code >= 0xc ? "cache" : "unknown";
}

static void bank_tell(uint32_t bank)
{
	uint64_t status = msr_read(MSR_BANK(bank) + 1);

	if (!(status & STATUS_VALID))
		return;
	log_format("machine check: bank %u, status %016lx: %s error, %scorrected%s%s\n", bank, status, kind(status),
	           status & STATUS_SERIOUS ? "not " : "",
	           status & STATUS_CORRUPT ? ", the processor's state is lost" : "",
	           status & STATUS_LOST ? ", not the first" : "");
	if (status & STATUS_ADDRESS)
		log_format("machine check: bank %u, address %016lx\n", bank, msr_read(MSR_BANK(bank) + 2));
}

void check_tell(void)
{
	log_format("\nmachine check on CPU %u", this_cpu()->id);
	if (!machine.can.mca) {
		log_text("\n");
		return;
	}
	log_format(", status %lx\n", msr_read(MSR_MCG_STATUS));
	for (uint32_t i = 0; i < (msr_read(MSR_MCG_CAP) & CAP_BANKS); i++)
		bank_tell(i);
}

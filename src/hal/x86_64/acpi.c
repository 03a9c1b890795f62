/*
 * The little of ACPI that is needed without an interpreter: the FADT's fixed
 * registers, and the \_S5 package of the DSDT, found by its bytes (ACPI 6.4, 5.2,
 * 4.8.3, 20.2). The SRAT is read in srat.c. Tables come from the firmware: lengths are checked, and a table
 * above 4 GiB or with a bad sum is not used.
 *
 * Runs before memory_init(): the first 4 GiB are all visible then.
 */
#include <hal/x86_64/machine.h>

#define TABLE_MAX (UINT32_C(4) << 20)
#define APIC_IDS_MAX 8 /* one other than our own is wanted */

#define FADT_DSDT      40
#define FADT_PM1A_CNT  64
#define FADT_PM1B_CNT  68
#define FADT_PM_TIMER  76
#define FADT_FLAGS     112
#define FADT_RESET_REG 116
#define FADT_RESET_VAL 128
#define FADT_X_DSDT    140
#define FLAG_RESET     (UINT32_C(1) << 10)
#define SPACE_MEMORY   0
#define SPACE_IO       1

/* IA-PC HPET specification 1.0a, 3.2.4 */
#define HPET_SPACE   40
#define HPET_ADDRESS 44
#define HPET_SIZE    56

/* 5.2.12: MADT, its local APIC and local x2APIC structures */
#define MADT_FIRST     44
#define MADT_APIC      0
#define MADT_APIC_SIZE 8
#define MADT_X2        9
#define MADT_X2_SIZE   16
#define MADT_ENABLED   UINT32_C(1)

#define PM1_SLEEP_ENABLE (1u << 13)

static struct {
	uint16_t pm1a, pm1b, pm_timer, reset_port;
	uint8_t s5a, s5b, reset_value;
	bool has_s5;
	uint64_t hpet;
	uint32_t apic_ids[APIC_IDS_MAX], apic_count;
} acpi;

static uint32_t get32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *bytes)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static bool sum_is_zero(const uint8_t *bytes, uint32_t size)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum == 0;
}

static const uint8_t *table_at(uint64_t phys, uint32_t *size)
{
	const uint8_t *table = phys_ptr(phys);

	if (phys < 1024 || phys > EARLY_LIMIT - TABLE_MAX)
		return NULL;
	*size = get32(table + 4);
	if (*size < 36 || *size > TABLE_MAX || !sum_is_zero(table, *size))
		return NULL;
	return table;
}

static const uint8_t *find(const uint8_t *root, uint32_t root_size, unsigned entry,
                           const char *name, uint32_t *size)
{
	for (uint32_t at = 36; root_size - at >= entry; at += entry) {
		uint64_t phys = entry == 8 ? get64(root + at) : get32(root + at);
		const uint8_t *table = table_at(phys, size);
		if (table && memcmp(table, name, 4) == 0)
			return table;
	}
	return NULL;
}

/* One small integer of AML: ZeroOp, OneOp, or BytePrefix and a byte. */
static bool aml_byte(const uint8_t **at, const uint8_t *end, uint8_t *value)
{
	const uint8_t *p = *at;

	if (p >= end)
		return false;
	if (*p == 0x00 || *p == 0x01) {
		*value = *p++;
	} else if (*p == 0x0a && end - p >= 2) {
		*value = p[1];
		p += 2;
	} else {
		return false;
	}
	*at = p;
	return true;
}

/* Name(_S5_, Package(n) { a, b, … }) */
static void find_s5(const uint8_t *dsdt, uint32_t size)
{
	const uint8_t *end = dsdt + size;

	for (const uint8_t *p = dsdt + 36; end - p >= 8; p++) {
		const uint8_t *q = p + 4;
		if (memcmp(p, "_S5_", 4) != 0 || *q != 0x12)
			continue;
		q++;
		q += (*q >> 6) + 1; /* PkgLength */
		q++;                /* NumElements */
		if (aml_byte(&q, end, &acpi.s5a) && aml_byte(&q, end, &acpi.s5b)) {
			acpi.has_s5 = true;
			return;
		}
	}
}

static void read_fadt(const uint8_t *fadt, uint32_t size)
{
	const uint8_t *dsdt = NULL;
	uint32_t dsdt_size;

	if (size < FADT_FLAGS + 4)
		return;
	acpi.pm1a = (uint16_t)get32(fadt + FADT_PM1A_CNT);
	acpi.pm1b = (uint16_t)get32(fadt + FADT_PM1B_CNT);
	acpi.pm_timer = (uint16_t)get32(fadt + FADT_PM_TIMER);
	if (size > FADT_RESET_VAL && (get32(fadt + FADT_FLAGS) & FLAG_RESET)
	    && fadt[FADT_RESET_REG] == SPACE_IO) {
		acpi.reset_port = (uint16_t)get64(fadt + FADT_RESET_REG + 4);
		acpi.reset_value = fadt[FADT_RESET_VAL];
	}
	if (size >= FADT_X_DSDT + 8)
		dsdt = table_at(get64(fadt + FADT_X_DSDT), &dsdt_size);
	if (!dsdt)
		dsdt = table_at(get32(fadt + FADT_DSDT), &dsdt_size);
	if (dsdt)
		find_s5(dsdt, dsdt_size);
}

static void add_apic(uint32_t id, uint32_t flags)
{
	if ((flags & MADT_ENABLED) && acpi.apic_count < APIC_IDS_MAX)
		acpi.apic_ids[acpi.apic_count++] = id;
}

static void read_madt(const uint8_t *madt, uint32_t size)
{
	for (uint32_t at = MADT_FIRST; at <= size && size - at >= 2 && madt[at + 1] >= 2 && madt[at + 1] <= size - at;
	     at += madt[at + 1]) {
		const uint8_t *e = madt + at;

		if (e[0] == MADT_APIC && e[1] >= MADT_APIC_SIZE)
			add_apic(e[3], get32(e + 4));
		else if (e[0] == MADT_X2 && e[1] >= MADT_X2_SIZE)
			add_apic(get32(e + 4), get32(e + 8));
	}
}

bool acpi_other_cpu(uint32_t own, uint32_t *apic_id)
{
	*apic_id = own == 0 ? 1 : 0; /* as far as one can guess */
	for (uint32_t i = 0; i < acpi.apic_count; i++) {
		*apic_id = acpi.apic_ids[i];
		if (*apic_id != own)
			return true;
	}
	return acpi.apic_count == 0;
}

void acpi_init(void)
{
	const uint8_t *rsdp = machine.loader.rsdp, *root = NULL, *fadt, *srat, *hpet, *madt;
	uint32_t size = 0, fadt_size = 0, srat_size = 0, hpet_size = 0, madt_size = 0;
	unsigned entry = 8;

	if (!machine.loader.has_rsdp || memcmp(rsdp, "RSD PTR ", 8) != 0
	    || !sum_is_zero(rsdp, 20))
		return;
	if (rsdp[15] >= 2 && sum_is_zero(rsdp, 36))
		root = table_at(get64(rsdp + 24), &size);
	if (!root) {
		entry = 4;
		root = table_at(get32(rsdp + 16), &size);
	}
	fadt = root ? find(root, size, entry, "FACP", &fadt_size) : NULL;
	if (fadt)
		read_fadt(fadt, fadt_size);
	srat = root ? find(root, size, entry, "SRAT", &srat_size) : NULL;
	if (srat)
		srat_read(srat, srat_size);
	madt = root ? find(root, size, entry, "APIC", &madt_size) : NULL;
	if (madt)
		read_madt(madt, madt_size);
	hpet = root ? find(root, size, entry, "HPET", &hpet_size) : NULL;
	if (hpet && hpet_size >= HPET_SIZE && hpet[HPET_SPACE] == SPACE_MEMORY)
		acpi.hpet = get64(hpet + HPET_ADDRESS);
}

uint64_t acpi_hpet(void)
{
	return acpi.hpet;
}

uint16_t acpi_pm_timer(void)
{
	return acpi.pm_timer;
}

void acpi_power_off(void)
{
	if (!acpi.has_s5 || !acpi.pm1a)
		return;
	out16(acpi.pm1a, (uint16_t)(acpi.s5a << 10 | PM1_SLEEP_ENABLE));
	if (acpi.pm1b)
		out16(acpi.pm1b, (uint16_t)(acpi.s5b << 10 | PM1_SLEEP_ENABLE));
}

void acpi_reset(void)
{
	if (acpi.reset_port)
		out8(acpi.reset_port, acpi.reset_value);
}

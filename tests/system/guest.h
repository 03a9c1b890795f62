/*
 * guest: a LibOS zone that a test program makes out of capabilities from /dev/exo. What runs in it is guest_main() and
 * what is beside that in the section .guest, one page at most, which touches nothing but the guest's frames.
 */
#ifndef GUEST_H
#define GUEST_H

#include "exo.h"
#include <elf.h>

#define PAGE   4096UL
#define FRAMES 128 /* of the guest: */
#define AT_CODE   0
#define AT_BOOT   1
#define AT_PAGE   2 /* main context's */
#define AT_REPORT 3 /* what guest and test tell each other */
#define AT_INNER  4 /* inner context's */
#define AT_STACK  8 /* eight each */
#define AT_FUND   32
#define AT_FUND2  80
#define GUEST     0x10000000UL /* where the guest sees its frames, but not the funds */

#define HOLD (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define RW   (EXO_PROT_READ | EXO_PROT_WRITE)

#define IN_GUEST   __attribute__((section(".guest"), noinline, used))
#define GUEST_MAIN IN_GUEST __attribute__((aligned(4096)))

/* It and what it calls make kernel calls by exo_call_here(): exo_call() is not in that page. */
void guest_main(const struct exo_boot *boot);

/* ---- its creator ---- */

static exo_cap_t zone, memory, cpu, timer; /* ours, from /dev/exo */
static uint64_t first, slot;               /* frame, quantum slot */
static uint8_t *window;                    /* where we see the guest's frames */

/* at: the first frame or slot; for slots in: of which CPU. */
static inline exo_cap_t guest_grant(uint32_t kind, uint32_t rights, uint64_t count, uint64_t *at)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .count = count, .first = kind == EXO_DEV_CPU ? *at : 0 };
	int f = open("/dev/exo", O_RDWR);

	if (ioctl(f, (int)EXO_DEV_GRANT, &g))
		g.cap = EXO_CAP_NONE;
	close(f);
	if (at)
		*at = g.first;
	return g.cap;
}

static inline void *guest_frame(unsigned at)
{
	return window + at * PAGE;
}

/* All that a guest is made of; its two slots are of this CPU. */
static inline int guest_start(uint64_t on_cpu)
{
	/* Not the funds: what is mapped cannot become kernel memory. */
	static struct exo_map_op op;

	slot = on_cpu;
	zone = guest_grant(EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP | HOLD, 0, NULL);
	memory = guest_grant(EXO_DEV_MEMORY, EXO_R_READ | EXO_R_WRITE | EXO_R_EXEC | EXO_R_FUND | HOLD, FRAMES, &first);
	cpu = guest_grant(EXO_DEV_CPU, EXO_R_READ | EXO_R_EXEC | HOLD, 2, &slot);
	timer = guest_grant(EXO_DEV_TIMER, EXO_R_READ | EXO_R_WRITE | HOLD, 0, NULL);
	window = mmap(NULL, AT_FUND * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	op = (struct exo_map_op){ (uint64_t)(uintptr_t)window, first, AT_FUND, RW };
	return zone && memory && cpu && timer && exo_mem_map(zone, memory, &op, 1, NULL) == EXO_OK;
}

/* The section as it is in the file: in memory its calls may have been rewritten for this process. */
static inline int guest_code(void)
{
	static unsigned char page[4096], code[4096];
	uint64_t at = (uint64_t)(uintptr_t)guest_main & ~4095UL;
	const Elf64_Ehdr *header = (const void *)page;
	int f = open("/proc/self/exe", O_RDONLY), good = 0;

	if (pread(f, page, sizeof page, 0) != sizeof page)
		return 0;
	for (int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *p = (const void *)(page + header->e_phoff + (size_t)i * sizeof *p);

		/* Not at once into the window, which the LibOS does not know of. */
		if (p->p_type == PT_LOAD && at >= p->p_vaddr && at < p->p_vaddr + p->p_filesz)
			good = pread(f, code, 4096, (off_t)(p->p_offset + at - p->p_vaddr)) > 0 && memcpy(guest_frame(AT_CODE), code, 4096);
	}
	close(f);
	return good;
}

/* A context page; stack: 1 or 2. */
static inline struct exo_ctx_page *guest_page(unsigned at, uint64_t rip, unsigned stack)
{
	struct exo_ctx_page *page = guest_frame(at);

	memset(page, 0, sizeof *page);
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	page->regs.rip = rip;
	page->regs.rsp = GUEST + (AT_STACK + 8UL * stack) * PAGE - 64;
	page->regs.rdi = GUEST + AT_BOOT * PAGE;
	return page;
}

/* A capability of ours for the guest: the name that it has there, or EXO_CAP_NONE. */
static inline exo_cap_t guest_give(exo_cap_t cap, exo_cap_t to)
{
	uint64_t name = EXO_CAP_NONE;

	return exo_cap_grant(cap, to, EXO_R_ALL, &name) == EXO_OK ? name : EXO_CAP_NONE;
}

/* Its code where it was linked to, its frames at GUEST. */
static inline int guest_map(exo_cap_t to)
{
	static struct exo_map_op ops[2];

	ops[0] = (struct exo_map_op){ (uint64_t)(uintptr_t)guest_main & ~4095UL, first + AT_CODE, 1, EXO_PROT_READ | EXO_PROT_EXEC };
	ops[1] = (struct exo_map_op){ GUEST, first, AT_FUND, RW };
	return exo_mem_map(to, memory, ops, 2, NULL) == EXO_OK;
}

/* A new guest, not yet in a slot. Its boot page has zone, cpu, timer and memory. */
static inline int guest_create(const char *name, exo_cap_t *guest, exo_cap_t *context)
{
	struct exo_boot *boot = guest_frame(AT_BOOT);

	memset(window, 0, AT_FUND * PAGE);
	if (!guest_code() || exo_libos_create(zone, memory, first + AT_FUND, 32, name, strlen(name), guest) != EXO_OK ||
	    exo_zone_quota(zone, *guest, EXO_QUOTA_CAPS, 64, NULL) != EXO_OK || exo_zone_quota(zone, *guest, EXO_QUOTA_ZONES, 4, NULL) != EXO_OK ||
	    !guest_map(*guest))
		return 0;
	boot->version = EXO_BOOT_VERSION;
	boot->frame_size = 4096;
	boot->zone = guest_give(*guest, *guest);
	boot->cpu = guest_give(cpu, *guest);
	boot->timer = guest_give(timer, *guest);
	boot->memory = guest_give(memory, *guest);
	guest_page(AT_PAGE, (uint64_t)(uintptr_t)guest_main, 1);
	return exo_ctx_create(*guest, memory, first + AT_PAGE, context) == EXO_OK;
}

/* An App zone below it, with the same code and frames. */
static inline int guest_create_below(exo_cap_t above, exo_cap_t *app)
{
	return exo_zone_create(above, memory, first + AT_FUND2, 32, "inner", 5, app) == EXO_OK && guest_map(*app);
}

/* A slot whose turn goes on elsewhere is taken until that ends. */
static inline enum exo_status guest_bind(exo_cap_t context, const struct cpu_quantum *q)
{
	enum exo_status status;

	do
		status = exo_quantum_bind(cpu, slot, context, q, NULL);
	while (status == EXO_E_BUSY);
	return status;
}

static inline int guest_end(exo_cap_t cap)
{
	return exo_zone_end(cap) == EXO_OK;
}

#endif

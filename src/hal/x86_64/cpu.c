/*
 * What the CPU can do, and switching on what of it we use. Leaf and bit numbers
 * are from the Intel SDM, vol. 2, CPUID.
 */
#include <hal/x86/sha256.h>
#include <hal/x86_64/machine.h>

#define XSTATE_X87_SSE UINT64_C(0x3)
#define XSTATE_AVX     UINT64_C(0x4)
#define XSTATE_AVX512  UINT64_C(0xe0)

static bool bit(uint32_t word, unsigned n)
{
	return word >> n & 1;
}

/* The components that fit the context page in the standard format. AVX-512's three go together. */
static uint64_t choose_xcr0(void)
{
	struct cpuid leaf = cpuid(13, 0);
	uint64_t have = (uint64_t)leaf.d << 32 | leaf.a;
	uint64_t use = XSTATE_X87_SSE | (have & XSTATE_AVX);

	if ((have & XSTATE_AVX512) == XSTATE_AVX512 && (use & XSTATE_AVX)) {
		struct cpuid last = cpuid(13, 7);
		if (last.a + last.b <= EXO_CTX_FP_SIZE)
			use |= XSTATE_AVX512;
	}
	return use;
}

void cpu_detect(struct features *can)
{
	uint32_t basic = cpuid(0, 0).a, extended = cpuid(0x80000000, 0).a;
	struct cpuid one = cpuid(1, 0);
	struct cpuid seven = basic >= 7 ? cpuid(7, 0) : (struct cpuid){ 0, 0, 0, 0 };

	if (!bit(one.d, 4))
		hal_panic("this processor has no time-stamp counter");
	if (!bit(cpuid(0x80000001, 0).d, 11))
		hal_panic("this processor has no system-call instruction");
	can->mce = bit(one.d, 7);
	can->apic = bit(one.d, 9);
	can->sysenter = bit(one.d, 11);
	can->mca = bit(one.d, 14);
	can->global = bit(one.d, 13);
	can->pcid = bit(one.c, 17);
	can->tsc_deadline = bit(one.c, 24);
	can->xsave = bit(one.c, 26) && basic >= 13;
	can->rdrand = bit(one.c, 30);
	can->fsgsbase = bit(seven.b, 0);
	can->smep = bit(seven.b, 7);
	can->rdseed = bit(seven.b, 18);
	can->smap = bit(seven.b, 20);
	can->umip = bit(seven.c, 2);
	can->sha = x86_sha_present();
	/* APM vol. 2, 11.4.4.3; leaf 0x80000008: RstrFpErrPtrs */
	can->keeps_fp_pointers = cpuid(0, 0).b == VENDOR_AMD && !(extended >= 0x80000008 && bit(cpuid(0x80000008, 0).b, 2));
	can->gib_pages = extended >= 0x80000001 && bit(cpuid(0x80000001, 0).d, 26);
	if (can->xsave)
		can->xcr0 = choose_xcr0();
	can->avx = can->xcr0 & XSTATE_AVX;
}

/*
 * Sets times line size, in frames, of the largest unified cache that is indexed by plain address bits. Caches that hash
 * their index ("complex indexing": the shared one of most machines) say nothing. Leaf 4; AMD has the
 * same in leaf 0x8000001d.
 */
uint32_t cpu_colours(void)
{
	uint32_t vendor = cpuid(0, 0).b, leaf = 4, colours = 1;

	if (vendor == VENDOR_AMD) {
		if (cpuid(0x80000000, 0).a < 0x8000001d || !bit(cpuid(0x80000001, 0).c, 22))
			return 1;
		leaf = 0x8000001d;
	} else if (cpuid(0, 0).a < 4) {
		return 1;
	}
	for (uint32_t i = 0; i < 8; i++) {
		struct cpuid cache = cpuid(leaf, i);
		uint64_t line = (cache.b & 0xfff) + 1, sets = (uint64_t)cache.c + 1, way = line * sets >> EXO_FRAME_SHIFT;

		if ((cache.a & 31) == 0)
			break;
		if ((cache.a & 31) != 3 || bit(cache.d, 2) || way > UINT16_MAX)
			continue;
		if (way > colours)
			colours = (uint32_t)way;
	}
	return colours;
}

void cpu_init(const struct features *can)
{
	uint64_t cr4 = cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	machine.cr0 = (cr0_read() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP | CR0_AM;
	cr0_write(machine.cr0);
	cr4 |= (can->global ? CR4_PGE : 0) | (can->fsgsbase ? CR4_FSGSBASE : 0)
	       | (can->smep ? CR4_SMEP : 0) | (can->smap ? CR4_SMAP : 0)
	       | (can->umip ? CR4_UMIP : 0) | (can->xsave ? CR4_OSXSAVE : 0);
	cr4_write(cr4);
	/* Allowed only while CR3's low bits are 0 (SDM vol. 3, 4.10.1). */
	if (can->pcid)
		cr4_write(cr4 | CR4_PCIDE);
	if (can->xsave)
		xcr0_write(can->xcr0);
	__asm__ volatile("fninit");
	dr7_write(0); /* whatever firmware or loader watched */

	msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
	/* sysret takes cs = base + 16 and ss = base + 8, both with privilege 3. */
	msr_write(MSR_STAR, (uint64_t)(SEL_UDATA - 8) << 48 | (uint64_t)SEL_KCODE << 32);
	msr_write(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry);
	msr_write(MSR_FMASK, ~FLAG_ONE & 0x3fffff);
	/* The other ways in lead nowhere: a null code segment refuses sysenter, and there is no 32-bit code. */
	msr_write(MSR_CSTAR, 0);
	if (can->sysenter) {
		msr_write(MSR_SYSENTER_CS, 0);
		msr_write(MSR_SYSENTER_ESP, 0);
		msr_write(MSR_SYSENTER_EIP, 0);
	}
	check_init(can);
}

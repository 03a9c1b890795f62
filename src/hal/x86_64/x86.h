/*
 * The instructions that C cannot say, and the architectural constants that go
 * with them. Numbers are from the Intel SDM: vol. 3 ch. 2 (control registers), 4
 * (paging), 13 (XSAVE), vol. 4 (MSRs).
 */
#ifndef X86_H
#define X86_H

#include <exo/types.h>

#define MSR_APIC_BASE      0x1bu
#define MSR_SYSENTER_CS    0x174u
#define MSR_SYSENTER_ESP   0x175u
#define MSR_SYSENTER_EIP   0x176u
#define MSR_TSC_DEADLINE   0x6e0u
#define MSR_X2APIC         0x800u /* and a sixteenth of the register's offset */
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE UINT64_C(1)

#define CR0_MP UINT64_C(0x2)
#define CR0_EM UINT64_C(0x4)
#define CR0_TS UINT64_C(0x8)
#define CR0_NE UINT64_C(0x20)
#define CR0_WP UINT64_C(0x10000)
#define CR0_AM UINT64_C(0x40000)

#define CR4_TSD        UINT64_C(0x4)
#define CR4_MCE        UINT64_C(0x40)
#define CR4_PGE        UINT64_C(0x80)
#define CR4_OSFXSR     UINT64_C(0x200)
#define CR4_OSXMMEXCPT UINT64_C(0x400)
#define CR4_UMIP       UINT64_C(0x800)
#define CR4_FSGSBASE   UINT64_C(0x10000)
#define CR4_PCIDE      UINT64_C(0x20000)
#define CR4_OSXSAVE    UINT64_C(0x40000)
#define CR4_SMEP       UINT64_C(0x100000)
#define CR4_SMAP       UINT64_C(0x200000)

#define CR3_NOFLUSH (UINT64_C(1) << 63)

#define FLAG_CF   UINT64_C(0x1)
#define FLAG_ONE  UINT64_C(0x2) /* always set */
#define FLAG_TF   UINT64_C(0x100)
#define FLAG_IF   UINT64_C(0x200)
#define FLAG_RF   UINT64_C(0x10000)
/* What a program may choose: CF PF AF ZF SF TF DF OF RF AC ID. */
#define FLAG_USER UINT64_C(0x250dd5)

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value),
	                 "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t tsc_read(void)
{
	uint32_t low, high;
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

struct cpuid {
	uint32_t a, b, c, d;
};

#define VENDOR_AMD   0x68747541u /* "Auth", leaf 0, b */
#define VENDOR_HYGON 0x6f677948u /* "Hygo" */

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;
	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
	                 : "a"(leaf), "c"(sub));
	return r;
}

static inline uint64_t cr0_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline void cr0_clear_ts(void)
{
	__asm__ volatile("clts" : : : "memory");
}

static inline void cr0_write(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void dr7_write(uint64_t value)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(value));
}

static inline uint64_t cr2_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline uint64_t cr3_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

/* Takes the interrupts that wait, here. */
static inline void interrupts_take(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

static inline void cr3_write(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint64_t cr4_read(void)
{
	uint64_t value;
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void cr4_write(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline void xcr0_write(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value),
	                 "d"((uint32_t)(value >> 32)));
}

static inline uint64_t fsbase_read(void)
{
	uint64_t value;
	__asm__ volatile("rdfsbase %0" : "=r"(value));
	return value;
}

static inline void fsbase_write(uint64_t value)
{
	__asm__ volatile("wrfsbase %0" : : "r"(value));
}

/* The base that a program has in gs, while the kernel has its own. */
static inline uint64_t user_gsbase_read(void)
{
	uint64_t value;
	__asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(value));
	return value;
}

static inline void user_gsbase_write(uint64_t value)
{
	__asm__ volatile("swapgs; wrgsbase %0; swapgs" : : "r"(value));
}

/* ds, es, fs and gs, all bits together: 0 if they are null. */
static inline uint32_t selectors_read(void)
{
	uint32_t ds, es, fs, gs;
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
	                 : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return ds | es | fs | gs;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void cpu_stop(void)
{
	__asm__ volatile("cli; hlt" : : : "memory");
}

#endif

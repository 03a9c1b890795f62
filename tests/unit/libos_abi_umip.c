/* Instructions that UMIP refuses: what is one, how long it is, and where its answer goes. */
#include <libos/abi/umip.h>
#include <libos/lib/string.h>

#include <criterion/criterion.h>

#define REGS                                                                                                                 \
	{                                                                                                                    \
		.rax = 0x1000, .rbx = 0x2000, .rcx = 0x3000, .rdx = 0x4000, .rsi = 0x5000, .rdi = 0x6000, .rbp = 0x7000,      \
		.rsp = 0x8000, .r12 = 0x12000, .r13 = 0x13000, .r15 = 0xffffffff00000000, .rip = 0x400000, .fs_base = 0xf0000, \
		.gs_base = 0xe0000,                                                                                          \
	}

static bool decode(struct umip *out, uint32_t size, const uint8_t *code)
{
	const struct exo_regs regs = REGS;

	return umip_decode(code, size, &regs, out);
}

#define BYTES(...) sizeof((const uint8_t[]){ __VA_ARGS__ }), (const uint8_t[]){ __VA_ARGS__ }

#define TO_MEMORY(at, length_, size_, ...)                                                                       \
	do {                                                                                                     \
		struct umip u_;                                                                                  \
		cr_assert(decode(&u_, BYTES(__VA_ARGS__)));                                                      \
		cr_assert(!u_.in_register && u_.length == (length_) && u_.size == (size_));                      \
		cr_assert_eq(u_.address, (uint64_t)(at), "%lx", u_.address);                                     \
	} while (0)

#define TO_REGISTER(number_, length_, size_, value, ...)                                                         \
	do {                                                                                                     \
		struct umip u_;                                                                                  \
		uint64_t v_ = 0;                                                                                 \
		cr_assert(decode(&u_, BYTES(__VA_ARGS__)));                                                      \
		cr_assert(u_.in_register && u_.length == (length_) && u_.size == (size_) && u_.number == (number_)); \
		memcpy(&v_, u_.data, u_.size);                                                                   \
		cr_assert_eq(v_, (uint64_t)(value), "%lx", v_);                                                  \
	} while (0)

#define NONE(...)                                                \
	do {                                                     \
		struct umip u_;                                  \
		cr_assert(!decode(&u_, BYTES(__VA_ARGS__)));     \
	} while (0)

Test(libos_umip, addresses)
{
	TO_MEMORY(0x6000, 3, 10, 0x0f, 0x01, 0x07);                                     /* sgdt (rdi) */
	TO_MEMORY(0x5ffe, 4, 10, 0x0f, 0x01, 0x4f, 0xfe);                               /* sidt -2(rdi) */
	TO_MEMORY(0x6000 + 0x12345678, 7, 10, 0x0f, 0x01, 0x87, 0x78, 0x56, 0x34, 0x12); /* sgdt disp32(rdi) */
	TO_MEMORY(0x8000, 4, 10, 0x0f, 0x01, 0x04, 0x24);                               /* sgdt (rsp) */
	TO_MEMORY(0x400007 - 1, 7, 10, 0x0f, 0x01, 0x05, 0xff, 0xff, 0xff, 0xff);       /* sgdt -1(rip) */
	TO_MEMORY(0x400008 + 4, 8, 10, 0x41, 0x0f, 0x01, 0x05, 4, 0, 0, 0);             /* the same with REX.B */
	TO_MEMORY(0x7000, 4, 10, 0x0f, 0x01, 0x45, 0x00);                               /* sgdt (rbp) */
	TO_MEMORY(0x13000, 5, 10, 0x41, 0x0f, 0x01, 0x45, 0x00);                        /* sgdt (r13) */
	TO_MEMORY(0x12000, 5, 10, 0x41, 0x0f, 0x01, 0x04, 0x24);                        /* sgdt (r12) */
	TO_MEMORY(0x1000 + 8 * 0x3000, 4, 10, 0x0f, 0x01, 0x04, 0xc8);                  /* sgdt (rax, rcx, 8) */
	TO_MEMORY(0x1000 + 2 * 0x12000, 5, 10, 0x42, 0x0f, 0x01, 0x04, 0x60);           /* sgdt (rax, r12, 2) */
	TO_MEMORY(0x30, 8, 10, 0x0f, 0x01, 0x04, 0x25, 0x30, 0, 0, 0);                  /* sgdt 0x30 */
	TO_MEMORY(0xf0030, 9, 10, 0x64, 0x0f, 0x01, 0x04, 0x25, 0x30, 0, 0, 0);         /* sgdt fs:0x30 */
	TO_MEMORY(0xe6000, 4, 10, 0x65, 0x0f, 0x01, 0x07);                              /* sgdt gs:(rdi) */
	TO_MEMORY(0x6000, 4, 10, 0x2e, 0x0f, 0x01, 0x07);                               /* cs: says nothing */
	TO_MEMORY(0, 5, 10, 0x67, 0x41, 0x0f, 0x01, 0x07);                              /* sgdt (r15d) */
	TO_MEMORY(0xffffffff00000000, 4, 10, 0x41, 0x0f, 0x01, 0x07);                   /* sgdt (r15) */
	TO_MEMORY(0x6000, 3, 2, 0x0f, 0x01, 0x27);                                      /* smsw (rdi) */
	TO_MEMORY(0x6000, 4, 2, 0x48, 0x0f, 0x00, 0x0f);                                /* str (rdi) */
	TO_MEMORY(0x6000, 4, 2, 0x66, 0x0f, 0x00, 0x07);                                /* sldt (rdi) */
}

Test(libos_umip, registers)
{
	TO_REGISTER(0, 3, 4, 0x80050033, 0x0f, 0x01, 0xe0);       /* smsw eax */
	TO_REGISTER(0, 4, 8, 0x80050033, 0x48, 0x0f, 0x01, 0xe0); /* smsw rax */
	TO_REGISTER(7, 4, 2, 0x33, 0x66, 0x0f, 0x01, 0xe7);       /* smsw di */
	TO_REGISTER(15, 4, 4, 0x40, 0x41, 0x0f, 0x00, 0xcf);      /* str r15d */
	TO_REGISTER(4, 3, 4, 0, 0x0f, 0x00, 0xc4);                /* sldt esp */
	TO_REGISTER(0, 5, 8, 0x80050033, 0x66, 0x48, 0x0f, 0x01, 0xe0);
}

Test(libos_umip, others)
{
	NONE(0x0f, 0x01, 0x17);       /* lgdt */
	NONE(0x0f, 0x01, 0x1f);       /* lidt */
	NONE(0x0f, 0x01, 0xf0);       /* lmsw */
	NONE(0x0f, 0x01, 0xf8);       /* swapgs */
	NONE(0x0f, 0x01, 0xc0);       /* where sgdt's register form would be */
	NONE(0x0f, 0x01, 0xc8);       /* monitor */
	NONE(0x0f, 0x00, 0xd0);       /* lldt */
	NONE(0x0f, 0x00, 0xd8);       /* ltr */
	NONE(0xf4);                   /* hlt */
	NONE(0x0f, 0x02, 0xc0);       /* lar */
	NONE(0x48, 0x66, 0x0f, 0x01, 0xe0, 0x90); /* REX is not the last prefix */
	NONE(0x0f, 0x01);             /* cut off */
	NONE(0x0f, 0x01, 0x87, 0, 0, 0);
	NONE(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0x01, 0xe0); /* 16 bytes */
	TO_REGISTER(0, 15, 2, 0x33, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0x01, 0xe0);
}

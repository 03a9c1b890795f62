/* Constants that look like code, in the same segment as code, are what they are. */
#include "check.h"

static const uint8_t table[64] = {
	0x90, 0x90, 0x90, 0x90, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0x90,
	0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xc3, 0x48, 0xc7, 0xc0, 60, 0, 0, 0, 0x0f, 0x05, 0xc3,
	0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3,
};

int main(void)
{
	const volatile uint8_t *at = table;
	unsigned sum = 0, calls = 0;

	for (unsigned i = 0; i < sizeof table; i++)
		sum = sum * 31 + at[i];
	for (unsigned i = 0; i + 1 < sizeof table; i++)
		calls += at[i] == 0x0f && at[i + 1] == 5;
	printf("%u %u\n", sum, calls);
	CHECK("four", calls == 4);
	DONE();
}

/*
 * With the machine's option "check": that what the kernel never writes after its start is the same at the end. Text,
 * constants, descriptor tables with gates and task segments, and the upper half of its root table.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325) /* FNV-1a, by words: against accidents and hands, not against forgers */
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t taken;

static uint64_t add(uint64_t sum, const void *at, uint64_t size, uint64_t mask)
{
	const uint64_t *words = at;

	for (uint64_t i = 0; i < size / sizeof(*words); i++)
		sum = ((sum ^ (words[i] & mask)) * FNV_PRIME) ^ sum >> 29;
	return sum;
}

static uint64_t all(void)
{
	const uint64_t *root = phys_ptr(machine.kernel_pml4);
	uint64_t sum = add(FNV_BASIS, kernel_start, (uint64_t)(kernel_rodata_end - kernel_start), UINT64_MAX);

	for (uint32_t id = 0; id < 2; id++)
		sum = add(sum, trap_tables(id), EXO_FRAME_SIZE, UINT64_MAX);
	return add(sum, root + PT_ENTRIES / 2, EXO_FRAME_SIZE / 2, ~(PT_ACCESSED | PT_DIRTY));
}

void witness_take(void)
{
	taken = all();
}

bool witness_agrees(void)
{
	return taken == 0 || all() == taken;
}

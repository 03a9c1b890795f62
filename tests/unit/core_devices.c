/* Direct I/O and interrupts: only inside of the extent, by a binding that ends with its capability. */
#include "core_env.h"

#define LINE UINT64_C(8)
#define RW   (EXO_R_READ | EXO_R_WRITE)

static uint64_t io_read(exo_cap_t cap, uint64_t at, uint32_t width)
{
	uint64_t value = 0;

	OK(exo_direct_io(cap, at, width, 0, 0, &value));
	return value;
}

static enum exo_status io(exo_cap_t cap, uint64_t at, uint32_t width, uint32_t write, uint64_t data)
{
	return exo_direct_io(cap, at, width, write, data, NULL);
}

static uint64_t take(exo_cap_t irq)
{
	uint64_t lines = 0;

	OK(exo_irq_take(irq, &lines));
	return lines;
}

static uint64_t events(void)
{
	uint64_t pending = 0;

	OK(exo_event_take(boot->zone, &pending));
	return pending;
}

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

static bool is_masked(uint64_t line)
{
	return fake.irq_masked >> line & 1;
}

static unsigned bound_lines(const struct zone *zone)
{
	unsigned count = 0;

	for (unsigned line = 0; line < HAL_IRQ_LINES; line++)
		count += core.irqs[line].kind != BINDING_NONE && core.irqs[line].zone == zone;
	return count;
}

/* ---- Direct I/O -------------------------------------------------------- */

CORE_TEST(devices, boot_capabilities)
{
	struct exo_cap_info info = inspect(boot->ioport[0]);

	cr_assert_eq(info.type, EXO_CAP_IOPORT);
	cr_assert_eq(info.first, FAKE_PORT);
	cr_assert_eq(info.count, FAKE_PORT_COUNT);
	cr_assert_eq(boot->ioport[1], EXO_CAP_NONE);
	cr_assert_eq(inspect(boot->irq[0]).count, FAKE_IRQ_COUNT);
	cr_assert_eq(inspect(boot->mmio[0]).rights, EXO_R_ALL);
	cr_assert_eq(inspect(boot->mmio[1]).rights, EXO_R_ALL & ~EXO_R_WRITE);
}

CORE_TEST(devices, ports)
{
	exo_cap_t two = derive(boot->ioport[0], RW, 0x70, 2), ro = derive(boot->ioport[0], EXO_R_READ, 0x70, 16);

	fake.io_value = UINT64_C(0x1122334455667788);
	cr_assert_eq(io_read(two, 0x70, 1), 0x88);
	cr_assert_eq(io_read(two, 0x70, 2), 0x7788);
	cr_assert_eq(io_read(ro, 0x7c, 4), 0x55667788);
	OK(io(two, 0x71, 1, 1, 0xff));
	cr_assert(fake.io.write && fake.io.at == 0x71 && fake.io.value == 0xff && fake.io.width == 1);
	fake.io.count = 0;
	IS(E_RANGE, io(two, 0x6f, 1, 0, 0));
	IS(E_RANGE, io(two, 0x72, 1, 0, 0));
	IS(E_RANGE, io(two, 0x71, 2, 0, 0));
	IS(E_RANGE, io(two, 0x70, 4, 0, 0));
	IS(E_RANGE, io(ro, 0x7d, 4, 0, 0));
	IS(E_RANGE, io(two, UINT64_MAX, 1, 0, 0));
	IS(E_RANGE, io(two, UINT64_MAX, 2, 1, 0));
	IS(E_RANGE, io(two, 0x10070, 1, 0, 0));
	IS(E_RIGHTS, io(ro, 0x70, 1, 1, 0));
	IS(E_ARG, io(two, 0x70, 0, 0, 0));
	IS(E_ARG, io(two, 0x70, 3, 0, 0));
	IS(E_ARG, io(two, 0x70, 8, 0, 0));
	IS(E_ARG, io(two, 0x70, 1, 2, 0));
	IS(E_ARG, io(two, 0x70, 1, 1, 0x100));
	IS(E_ARG, io(boot->ioport[0], 0x70, 4, 1, UINT64_C(1) << 32));
	IS(E_TYPE, io(boot->timer, 0x70, 1, 0, 0));
	IS(E_TYPE, io(boot->memory, boot->memory_first << EXO_FRAME_SHIFT, 1, 0, 0));
	cr_assert_eq(fake.io.count, 0, "what was refused reached the device");
}

CORE_TEST(devices, refusals_leave_a_record)
{
	struct exo_audit_record record;
	exo_cap_t two = derive(boot->ioport[0], RW, 0x70, 2);
	uint64_t count;

	IS(E_RANGE, io(two, 0x20, 1, 1, 0));
	OK(exo_audit_read(boot->audit, &record, 1, &count));
	cr_assert_eq(count, 1);
	cr_assert_eq(record.what, EXO_AUDIT_REFUSE);
	cr_assert_eq(record.call, EXO_NR_DIRECT_IO);
	cr_assert_eq(record.cap, two);
	cr_assert_eq(record.status, EXO_E_RANGE);
}

CORE_TEST(devices, registers)
{
	uint64_t at = FAKE_MMIO << EXO_FRAME_SHIFT;

	fake.io_value = UINT64_C(0x1122334455667788);
	cr_assert_eq(io_read(boot->mmio[0], at + 0xff8, 8), fake.io_value);
	OK(io(boot->mmio[0], at + 4, 4, 1, 0xffffffff));
	OK(io(boot->mmio[0], at + 8, 8, 1, UINT64_MAX));
	cr_assert(fake.io.mmio && fake.io.at == at + 8);
	cr_assert_eq(io_read(boot->mmio[1], at + PAGE + 2, 2), 0x7788);
	fake.io.count = 0;
	IS(E_RIGHTS, io(boot->mmio[1], at + PAGE, 4, 1, 0));
	IS(E_RANGE, io(boot->mmio[0], at + PAGE, 1, 0, 0));
	IS(E_RANGE, io(boot->mmio[0], at - 1, 1, 0, 0));
	IS(E_RANGE, io(boot->mmio[0], FAKE_MMIO, 1, 0, 0));
	IS(E_ARG, io(boot->mmio[0], at + 1, 2, 0, 0));
	IS(E_ARG, io(boot->mmio[0], at + 4, 8, 0, 0));
	IS(E_ARG, io(boot->mmio[0], at, 16, 0, 0));
	cr_assert_eq(fake.io.count, 0);
}

/* ---- Registers that are mapped ------------------------------------------ */

#define AT  UINT64_C(0x400000)
#define PRW (EXO_PROT_READ | EXO_PROT_WRITE)

static uint64_t device_page(uint64_t frame, uint32_t prot)
{
	return frame << EXO_FRAME_SHIFT | prot | EXO_PROT_DEVICE;
}

static uint64_t mapped(exo_cap_t zone, exo_vaddr_t at)
{
	return query(zone, at) & ~(uint64_t)(HAL_ACCESSED | HAL_DIRTY);
}

CORE_TEST(devices, registers_in_a_zone)
{
	exo_cap_t zone = zone_make(32), mmio = boot->mmio[0];
	uint64_t word = 0;

	OK(map_under(zone, mmio, AT, FAKE_MMIO, 1, PRW));
	cr_assert_eq(mapped(zone, AT), device_page(FAKE_MMIO, PRW));
	cr_assert_eq(core.device_maps, 1);
	SOUND();
	/* Nothing that the kernel does for the zone goes there. */
	cr_assert(!hal_copy_in(&zone_of(zone)->space, &word, AT, 8) && !hal_copy_out(&zone_of(zone)->space, AT, &word, 8));
	OK(map_under(zone, mmio, AT, EXO_FRAME_KEEP, 1, EXO_PROT_READ));
	cr_assert_eq(mapped(zone, AT), device_page(FAKE_MMIO, EXO_PROT_READ));
	IS(E_RIGHTS, map_under(zone, mmio, AT, EXO_FRAME_KEEP, 1, EXO_PROT_READ | EXO_PROT_EXEC));
	IS(E_RANGE, map_under(zone, boot->memory, AT, EXO_FRAME_KEEP, 1, PRW));
	IS(E_RIGHTS, map_under(zone, mmio, AT + PAGE, FAKE_MMIO, 1, EXO_PROT_READ | EXO_PROT_EXEC));
	IS(E_RIGHTS, map_under(zone, boot->mmio[1], AT + PAGE, FAKE_MMIO + 1, 1, PRW));
	IS(E_RANGE, map_under(zone, mmio, AT + PAGE, FAKE_MMIO + 1, 1, EXO_PROT_READ));
	IS(E_RANGE, map_under(zone, boot->memory, AT + PAGE, FAKE_MMIO, 1, EXO_PROT_READ));
	IS(E_RANGE, map_under(zone, mmio, AT + PAGE, boot->memory_first, 1, EXO_PROT_READ));
	IS(E_ARG, map_under(zone, mmio, AT + PAGE, FAKE_MMIO, 1, EXO_PROT_READ | EXO_PROT_DEVICE));
	IS(E_TYPE, map_under(zone, boot->ioport[0], AT + PAGE, FAKE_PORT, 1, EXO_PROT_READ));
	/* Memory takes its place, and the other way round; the other pages stay counted. */
	OK(map_under(zone, boot->memory, AT, frames_take(2), 2, PRW));
	cr_assert_eq(core.device_maps, 0);
	OK(map_under(zone, mmio, AT + PAGE, FAKE_MMIO, 1, PRW));
	cr_assert_eq(core.device_maps, 1);
	cr_assert_eq(mapped(zone, AT) & EXO_PROT_DEVICE, 0);
	SOUND();
	OK(exo_zone_destroy(zone, NULL));
	cr_assert_eq(core.device_maps, 0);
}

CORE_TEST(devices, registers_are_no_memory)
{
	exo_cap_t zone = zone_make(32), mmio = boot->mmio[0];

	IS(E_TYPE, exo_zone_create(boot->zone, mmio, FAKE_MMIO, 1, "x", 1, NULL));
	IS(E_TYPE, exo_zone_fund(zone, mmio, FAKE_MMIO, 1, NULL));
	IS(E_TYPE, exo_ctx_create(zone, mmio, FAKE_MMIO, NULL));
	IS(E_TYPE, exo_zone_answers(zone, mmio, FAKE_MMIO, NULL));
	IS(E_TYPE, exo_text_prepare(mmio, FAKE_MMIO, 1, PAGE, AT, 0, NULL));
	IS(E_TYPE, exo_share_pages(mmio, FAKE_MMIO, 1, zone, EXO_R_READ, NULL));
}

CORE_TEST(devices, registers_go_with_their_capability)
{
	exo_cap_t zone = zone_make(32), other = zone_make(32), soon = 0, part = derive(boot->mmio[0], EXO_R_ALL, FAKE_MMIO, 1);
	exo_frame_t page;
	exo_cap_t context = context_make(zone, &page);
	uint64_t value;

	OK(map_under(zone, part, AT, FAKE_MMIO, 1, PRW));
	IS(E_RANGE, exo_zone_map(zone, other, AT, PAGE, boot->memory, NULL));
	OK(exo_zone_map(zone, other, AT, PAGE, derive(part, EXO_R_READ, FAKE_MMIO, 1), &value));
	cr_assert_eq(mapped(other, AT), device_page(FAKE_MMIO, EXO_PROT_READ));
	cr_assert_eq(core.device_maps, 2);
	SOUND();
	OK(exo_cap_revoke(part, NULL));
	cr_assert_eq(query(other, AT), 0);
	cr_assert_eq(mapped(zone, AT), device_page(FAKE_MMIO, PRW));
	OK(exo_cap_revoke(boot->mmio[0], NULL));
	cr_assert_eq(query(zone, AT), 0);
	cr_assert_eq(core.device_maps, 0);
	SOUND();
	OK(exo_cap_derive(boot->mmio[0], EXO_R_READ, FAKE_MMIO, 1, fake.now_ns + 1000000, &soon));
	OK(map_under(zone, soon, AT, FAKE_MMIO, 1, EXO_PROT_READ));
	fake.now_ns += 1000000;
	OK(exo_run(context, boot->cpu, 1000, &value));
	cr_assert_eq(query(zone, AT), 0);
}

static void cannot_map(const struct exo_boot *b)
{
	boot = b;
	next_frame = b->memory_first;
	IS(E_DEVICE, map_under(zone_make(32), b->mmio[0], AT, FAKE_MMIO, 1, EXO_PROT_READ));
	SOUND();
}

Test(devices, a_machine_whose_registers_cannot_be_mapped)
{
	fake_reset();
	fake.no_mmio_maps = true;
	cr_assert_eq(fake_boot(cannot_map), FAKE_RETURNED);
}

CORE_TEST(devices, expired_and_revoked)
{
	exo_cap_t cap = 0, parent = derive(boot->ioport[0], EXO_R_ALL, 0x70, 4), child = derive(parent, RW, 0x70, 1);

	OK(exo_cap_derive(boot->ioport[0], RW, 0x70, 2, fake.now_ns + 1000000, &cap));
	OK(io(cap, 0x70, 1, 1, 1));
	fake.now_ns += 1000000;
	IS(E_EXPIRED, io(cap, 0x70, 1, 1, 1));
	OK(io(child, 0x70, 1, 1, 1));
	OK(exo_cap_revoke(parent, NULL));
	IS(E_CAP, io(child, 0x70, 1, 1, 1));
}

/* ---- Interrupts -------------------------------------------------------- */

CORE_TEST(devices, an_interrupt_comes_once_until_it_is_acknowledged)
{
	exo_cap_t irq = boot->irq[0];

	cr_assert(is_masked(LINE));
	fake_irq(LINE); /* before anybody wants it */
	cr_assert_eq(events(), 0);
	OK(exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL));
	cr_assert_eq(events(), EXO_PEND_IRQ, "what came before comes now");
	cr_assert_eq(take(irq), 1 << LINE);
	cr_assert_eq(take(irq), 0);
	OK(exo_irq_ack(irq, LINE, NULL));
	cr_assert(!is_masked(LINE));
	for (int i = 0; i < 1000; i++)
		fake_irq(LINE);
	cr_assert(is_masked(LINE));
	cr_assert_eq(take(irq), 1 << LINE);
	cr_assert_eq(take(irq), 0);
	cr_assert_eq(events(), 0, "what was taken is not announced");
	OK(exo_irq_ack(irq, LINE, NULL));
	cr_assert_eq(take(irq), 1 << LINE, "one came while it was masked");
	OK(exo_irq_ack(irq, LINE, NULL));
	cr_assert_eq(take(irq), 0);
	OK(exo_irq_unbind(irq, LINE, NULL));
	cr_assert(is_masked(LINE));
	fake_irq(LINE);
	cr_assert_eq(events(), 0);
}

CORE_TEST(devices, an_idle_system_wakes)
{
	uint64_t pending = 0;

	OK(exo_irq_bind(boot->irq[0], LINE, boot->zone, NULL));
	fake_irq(LINE);
	OK(exo_wait(boot->cpu, UINT64_MAX, &pending));
	cr_assert_eq(pending, EXO_PEND_IRQ);
	cr_assert_eq(take(boot->irq[0]), 1 << LINE);
	OK(exo_irq_unbind(boot->irq[0], LINE, NULL));
}

CORE_TEST(devices, what_may_be_bound)
{
	exo_cap_t one = derive(boot->irq[0], RW, LINE, 1), ro = derive(boot->irq[0], EXO_R_READ, LINE, 1);
	exo_cap_t zone = zone_make(32), weak = derive(zone, EXO_R_READ, 0, 0);

	IS(E_RANGE, exo_irq_bind(one, LINE + 1, EXO_CAP_NONE, NULL));
	IS(E_RANGE, exo_irq_bind(boot->irq[0], 0, EXO_CAP_NONE, NULL));
	IS(E_RANGE, exo_irq_bind(boot->irq[0], 64, EXO_CAP_NONE, NULL));
	IS(E_RANGE, exo_irq_bind(boot->irq[0], UINT64_MAX, EXO_CAP_NONE, NULL));
	IS(E_RIGHTS, exo_irq_bind(ro, LINE, EXO_CAP_NONE, NULL));
	IS(E_RIGHTS, exo_irq_bind(one, LINE, weak, NULL));
	IS(E_TYPE, exo_irq_bind(one, LINE, boot->timer, NULL));
	IS(E_TYPE, exo_irq_bind(boot->timer, LINE, EXO_CAP_NONE, NULL));
	IS(E_STATE, exo_irq_ack(one, LINE, NULL));
	IS(E_STATE, exo_irq_unbind(one, LINE, NULL));
	OK(exo_irq_bind(one, LINE, EXO_CAP_NONE, NULL));
	IS(E_BUSY, exo_irq_bind(boot->irq[0], LINE, EXO_CAP_NONE, NULL));
	IS(E_STATE, exo_irq_unbind(boot->irq[0], LINE, NULL));
	IS(E_BUSY, exo_cap_drop(one, NULL));
	IS(E_RIGHTS, exo_irq_ack(ro, LINE, NULL));
	IS(E_RANGE, exo_irq_ack(one, LINE - 1, NULL));
	IS(E_RANGE, exo_irq_unbind(one, LINE - 1, NULL));
	IS(E_RANGE, exo_irq_unbind(one, HAL_IRQ_LINES, NULL));
	OK(exo_irq_unbind(one, LINE, NULL));
	IS(E_STATE, exo_irq_ack(one, LINE, NULL));
	OK(exo_cap_drop(one, NULL));
}

/* A line is taken by the capability that covers it, in the zone it was sent to. */
CORE_TEST(devices, lines_are_apart)
{
	exo_cap_t nine = derive(boot->irq[0], RW, 9, 2), five = derive(boot->irq[0], RW, 5, 1);

	OK(exo_irq_bind(nine, 9, EXO_CAP_NONE, NULL));
	OK(exo_irq_bind(nine, 10, EXO_CAP_NONE, NULL));
	OK(exo_irq_bind(five, 5, EXO_CAP_NONE, NULL));
	fake_irq(9);
	fake_irq(5);
	fake_irq(10);
	cr_assert_eq(take(five), 1 << 5);
	cr_assert_eq(take(nine), 3 << 9);
	SOUND();
	OK(exo_irq_unbind(nine, 9, NULL));
	OK(exo_irq_unbind(five, 5, NULL));
	OK(exo_irq_unbind(nine, 10, NULL));
	cr_assert_eq(bound_lines(core.libos), 0);
}

CORE_TEST(devices, revoking_unbinds)
{
	exo_cap_t parent = derive(boot->irq[0], EXO_R_ALL, 5, 8), child = derive(parent, RW, LINE, 1);
	exo_cap_t zone = zone_make(32);

	OK(exo_irq_bind(child, LINE, zone, NULL));
	fake_irq(LINE);
	events();
	cr_assert_eq(zone_of(zone)->irq_lines, 1 << LINE);
	OK(exo_irq_ack(child, LINE, NULL));
	OK(exo_cap_revoke(parent, NULL));
	cr_assert(is_masked(LINE));
	cr_assert_eq(zone_of(zone)->irq_lines, 0);
	cr_assert_eq(bound_lines(zone_of(zone)), 0);
	SOUND();
	/* The line is free for somebody else. */
	OK(exo_irq_bind(parent, LINE, zone, NULL));
	OK(exo_irq_unbind(parent, LINE, NULL));
}

/* From the moment the revocation begins nothing comes any more, though it is not finished. */
CORE_TEST(devices, an_unfinished_revocation)
{
	exo_cap_t parent = derive(boot->irq[0], EXO_R_ALL, 5, 8), child, zone = zone_make(32), many = parent;

	OK(exo_cap_derive(parent, RW, LINE, 1, EXO_NO_EXPIRY, &child));
	OK(exo_irq_bind(child, LINE, EXO_CAP_NONE, NULL));
	for (int i = 0; i < 5000; i++)
		derive(many, EXO_R_READ, 5, 1);
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	IS(E_REVOKED, exo_irq_ack(child, LINE, NULL));
	if (!is_masked(LINE))
		fake_irq(LINE);
	cr_assert_eq(events() & EXO_PEND_IRQ, 0);
	SOUND();
	while (exo_cap_revoke(parent, NULL) == EXO_E_AGAIN)
		;
	cr_assert(is_masked(LINE));
	OK(exo_irq_bind(boot->irq[0], LINE, zone, NULL));
}

CORE_TEST(devices, time_unbinds)
{
	exo_cap_t soon = 0;

	OK(exo_cap_derive(boot->irq[0], RW, LINE, 1, fake.now_ns + 1000000, &soon));
	OK(exo_irq_bind(soon, LINE, EXO_CAP_NONE, NULL));
	fake.now_ns += 1000000;
	fake_irq(LINE);
	cr_assert_eq(events(), 0);
	cr_assert(is_masked(LINE));
	cr_assert_eq(bound_lines(core.libos), 0);
	/* Nor does a binding that is over hold the line, even if nothing ever comes. */
	OK(exo_cap_derive(boot->irq[0], RW, LINE + 1, 1, fake.now_ns + 1000000, &soon));
	OK(exo_irq_bind(soon, LINE + 1, EXO_CAP_NONE, NULL));
	fake.now_ns += 1000000;
	IS(E_STATE, exo_irq_ack(boot->irq[0], LINE + 1, NULL));
	OK(exo_irq_bind(boot->irq[0], LINE + 1, EXO_CAP_NONE, NULL));
	OK(exo_irq_unbind(boot->irq[0], LINE + 1, NULL));
}

CORE_TEST(devices, time_unbinds_before_a_program_runs)
{
	exo_cap_t zone = zone_make(32), soon = 0;
	exo_frame_t page;
	exo_cap_t context = context_make(zone, &page);
	uint64_t event;

	OK(exo_cap_derive(boot->irq[0], RW, LINE, 1, fake.now_ns + 1000000, &soon));
	OK(exo_irq_bind(soon, LINE, zone, NULL));
	fake.now_ns += 1000000;
	OK(exo_run(context, boot->cpu, 1000, &event));
	cr_assert_eq(bound_lines(zone_of(zone)), 0);
	cr_assert(is_masked(LINE));
}

CORE_TEST(devices, a_zones_end_unbinds)
{
	exo_cap_t zone = zone_make(32), irq = derive(boot->irq[0], EXO_R_ALL, LINE, 2), given = 0;

	OK(exo_irq_bind(irq, LINE, zone, NULL));
	OK(exo_cap_grant(irq, zone, RW, &given));
	fake_irq(LINE);
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	cr_assert(is_masked(LINE));
	cr_assert_eq(inspect(irq).refs, 0);
	cr_assert_eq(core.irqs[LINE].kind, BINDING_NONE);
	OK(exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL));
	OK(exo_irq_unbind(irq, LINE, NULL));
}

CORE_TEST(devices, nobody_hears_of_a_dead_zones_interrupts)
{
	exo_cap_t zone = zone_make(32);

	OK(exo_irq_bind(boot->irq[0], LINE, zone, NULL));
	zone_of(zone)->dead = true;
	fake_irq(LINE);
	cr_assert_eq(events(), 0);
	cr_assert_eq(zone_of(zone)->irq_lines, 0);
	OK(exo_zone_destroy(zone, NULL));
}

/* ---- A driver ---------------------------------------------------------- */

#define ROUNDS 20

static struct {
	exo_cap_t irq, port;
	int rounds, step;
	uint64_t lines, bad;
} driver;

/* Takes, serves, acknowledges; and asks its LibOS to sleep when there is nothing. */
static void driver_program(void *user, struct fake_entry *entry)
{
	uint64_t base = EXO_CALL_BASE;

	(void)user;
	switch (driver.step) {
	case 0:
		driver.step = 1;
		fake_syscall(entry, base | EXO_NR_IRQ_BIND, driver.irq, LINE, EXO_CAP_NONE, 0, 0, 0);
		break;
	case 1:
		driver.bad += entry->regs->rax != EXO_OK;
		driver.step = 2;
		fake_syscall(entry, base | EXO_NR_IRQ_TAKE, driver.irq, 0, 0, 0, 0, 0);
		break;
	case 2:
		driver.bad += entry->regs->rax != EXO_OK;
		driver.step = entry->regs->rdx ? 3 : 1;
		if (entry->regs->rdx)
			fake_syscall(entry, base | EXO_NR_DIRECT_IO, driver.port, 0x71, 1, 0, 0, 0);
		else
			fake_syscall(entry, 35, 0, 0, 0, 0, 0, 0);
		break;
	default:
		driver.bad += entry->regs->rax != EXO_OK;
		driver.rounds++;
		driver.step = 1;
		fake_syscall(entry, base | EXO_NR_IRQ_ACK, driver.irq, LINE, 0, 0, 0, 0);
	}
}

CORE_TEST(devices, a_driver_in_a_zone)
{
	exo_cap_t zone = zone_make(32);
	exo_frame_t page;
	exo_cap_t context = context_make(zone, &page);
	struct exo_ctx_page *p = frame_ptr(page);
	struct exo_zone_info info;
	uint64_t event;

	memset(&driver, 0, sizeof(driver));
	OK(exo_cap_grant(derive(boot->irq[0], EXO_R_ALL, LINE, 1), zone, RW, &driver.irq));
	OK(exo_cap_grant(derive(boot->ioport[0], EXO_R_ALL, 0x70, 2), zone, RW, &driver.port));
	fake.program = driver_program;
	for (int i = 0; i < ROUNDS; i++) {
		OK(exo_run(context, boot->cpu, 1000000, &event));
		cr_assert_eq(event, EXO_EV_SYSCALL);
		p->result = 0;
		OK(exo_zone_info(zone, &info, NULL));
		cr_assert_eq(info.pending, 0);
		fake_irq(LINE);
		/* Whoever runs it is told, also when it does something else. */
		cr_assert_eq(events(), EXO_PEND_ZONE_EVENT);
		OK(exo_zone_info(zone, &info, NULL));
		cr_assert_eq(info.pending, EXO_PEND_IRQ);
		SOUND();
	}
	cr_assert_eq(driver.bad, 0);
	cr_assert_eq(driver.rounds, ROUNDS - 1);
}

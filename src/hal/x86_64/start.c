/* From boot.S to core_start(): the order in which the machine comes up. */
#include <core/core.h>
#include <hal/x86_64/machine.h>

struct machine machine;

const struct hal_boot_info *hal_boot(void)
{
	return &machine.boot;
}

/* What follows a key on its line of the machine's options: '=', or the line's end. NULL: there is no such line. */
static const char *option_value(const char *key)
{
	const char *p = machine.options;

	while (*p != 0) {
		const char *k = key;
		while (*k != 0 && *p == *k) {
			p++;
			k++;
		}
		if (*k == 0 && (*p == '=' || *p == '\n' || *p == 0))
			return p;
		while (*p != 0 && *p++ != '\n')
			;
	}
	return NULL;
}

/* A line "key=number" of the machine's options; a bare "key" counts as 1. */
bool boot_option(const char *key, uint64_t *value)
{
	const char *p = option_value(key);

	if (!p)
		return false;
	*value = *p != '=';
	if (*p == '=')
		p++;
	while (*p >= '0' && *p <= '9' && *value < UINT64_MAX / 16)
		*value = *value * 10 + (uint64_t)(*p++ - '0');
	return true;
}

/* Is there a line "key=value"? */
bool boot_option_is(const char *key, const char *value)
{
	const char *p = option_value(key);

	if (!p || *p++ != '=')
		return false;
	while (*value != 0 && *p == *value) {
		p++;
		value++;
	}
	return *value == 0 && (*p == '\n' || *p == 0);
}

/* A text from the runner, into `to`, which lies in the kernel image. */
static bool runner_text(const char *name, char *to, uint32_t room)
{
	uint16_t selector;
	uint32_t size;

	if (!fwcfg_find(name, &selector, &size))
		return false;
	if (size >= room)
		hal_panic("a text from the runner is too long");
	memset(to, 0, room);
	if (!fwcfg_read(selector, machine.image.start + ((uint64_t)(uintptr_t)to - KERNEL_BASE), size))
		hal_panic("a text from the runner cannot be read");
	return true;
}

static bool is_machine_option(const char *line)
{
	static const char *const keys[] = { "rows=", "cols=", "tty=", "errors=", "cpus=", "boottime\n", "check\n", "provoke=", "isolation=" };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		unsigned n = 0;
		while (keys[i][n] != 0 && keys[i][n] == line[n])
			n++;
		if (keys[i][n] == 0)
			return true;
	}
	return false;
}

/* The loader's command line begins with the machine's options; the rest is for
 * the LibOS. The runner gives the two apart. */
static void choose_cmdline(void)
{
	const char *line = machine.loader.cmdline;
	uint32_t n = 0;

	machine.boot.cmdline = machine.cmdline;
	while (is_machine_option(line)) {
		do
			machine.options[n] = *line++;
		while (machine.options[n++] != '\n' && n < sizeof(machine.options) - 1);
		if (n >= sizeof(machine.options) - 1)
			break;
	}
	for (n = 0; line[n] != 0; n++)
		machine.cmdline[n] = line[n];
	runner_text("opt/feuerbird/cmdline", machine.cmdline, sizeof(machine.cmdline));
	runner_text("opt/feuerbird/machine", machine.options, sizeof(machine.options));
}

/* What the runner has offered, before anything can go wrong. */
static void find_runner(void)
{
	uint16_t selector;
	uint32_t size;

	fwcfg_init();
	machine.control = machine.log_port =
		fwcfg_find("opt/feuerbird/control", &selector, &size);
	serial_init();
	/* After this mark everything on the console is ours; the firmware's and the
	 * loader's words came before. */
	if (machine.control)
		serial_write((const uint8_t *)"\036FeuerBird\036", 11);
}

EXO_NORETURN void start(uint32_t info, uint32_t image, uint64_t tsc);

EXO_NORETURN void start(uint32_t info, uint32_t image, uint64_t tsc)
{
	uint64_t unused;

	machine.entry_tsc = tsc;
	machine.image.start = image;
	machine.image.end = image + (uint64_t)(kernel_end - kernel_start);
	trap_init();
	if (machine.image.end - image > EARLY_IMAGE)
		hal_panic("the kernel image is larger than boot.S maps");
	find_runner();
	multiboot_parse(info, &machine.loader);
	screen_init();
	choose_cmdline();
	machine.boottime = boot_option("boottime", &unused);
	console_init();
	acpi_init();

	cpu_detect(&machine.can);
	memory_init();
	screen_map();
	cpu_init(&machine.can);
	entropy_init();
	isolation_init();
	irq_init();
	timer_init_start();
	device_offer(&machine.boot);
	virtio_init();
	split_prepare();
	libos_load();
	split_start();
	memory_finish();
	timer_init();
	entropy_date();
	keyboard_init();
	console_start();
	split_join();
	control_write("ready\n");

	machine.boot.check = boot_option("check", &unused);
	if (machine.boot.check)
		witness_take();
	provoke(false);

	machine.boot.boot_ns = 0;
	machine.boot.cpu_count = 1;
	machine.boot.target = "x86_64";
	machine.boot.base_instructions = machine.can.fsgsbase;
	if (machine.boottime)
		log_format("boottime: machine ready after %lu us\n", hal_time_ns() / 1000);
	core_start();
}

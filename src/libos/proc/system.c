/* Calls about the system as a whole: names, memory, entropy, reboot. */
#include <exo/calls.h>

#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define UTS_LENGTH 65
#define PER_LINUX32 8u /* sys/personality.h: what asks for it wants to see the machine as a 32-bit one */

struct utsname64 {
	char sysname[UTS_LENGTH], nodename[UTS_LENGTH], release[UTS_LENGTH], version[UTS_LENGTH], machine[UTS_LENGTH],
		domainname[UTS_LENGTH];
};

int64_t sys_uname(struct thread *self, const uint64_t *args)
{
	struct utsname64 u;

	memset(&u, 0, sizeof(u));
	str_copy(u.sysname, "Linux", UTS_LENGTH);
	str_copy(u.nodename, libos.hostname, UTS_LENGTH);
	str_copy(u.release, "6.1.0-feuerbird", UTS_LENGTH);
	str_copy(u.version, "#1 FeuerBird", UTS_LENGTH);
	str_copy(u.machine, self->process->personality & PER_LINUX32 ? "i686" : "x86_64", UTS_LENGTH);
	str_copy(u.domainname, libos.domainname, UTS_LENGTH);
	return user_write(self->process->space, args[0], &u, sizeof(u)) ? -EFAULT : 0;
}

static int64_t set_name(struct thread *self, const uint64_t *args, char *to)
{
	char name[UTS_LENGTH];

	if (!privileged(&self->cred, PRIV_HOST_NAME))
		return -EPERM;
	if ((int32_t)args[1] < 0 || args[1] >= UTS_LENGTH)
		return -EINVAL;
	if (user_read(self->process->space, name, args[0], args[1]))
		return -EFAULT;
	memset(to, 0, UTS_LENGTH);
	memcpy(to, name, args[1]);
	return 0;
}

int64_t sys_sethostname(struct thread *self, const uint64_t *args)
{
	return set_name(self, args, libos.hostname);
}

int64_t sys_setdomainname(struct thread *self, const uint64_t *args)
{
	return set_name(self, args, libos.domainname);
}

struct sysinfo64 {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t pad2;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad3;
};
_Static_assert(sizeof(struct sysinfo64) == 112, "struct sysinfo");

int64_t sys_sysinfo(struct thread *self, const uint64_t *args)
{
	uint64_t now = libos_now();
	struct sysinfo64 s;

	sched_loads_update(now);
	memset(&s, 0, sizeof(s));
	s.uptime = (int64_t)(now / (uint64_t)NS_PER_SECOND);
	for (int i = 0; i < 3; i++)
		s.loads[i] = libos.sched.loads[i];
	s.totalram = libos.frames.total * PAGE_SIZE;
	s.freeram = libos.frames.free_count * PAGE_SIZE;
	s.procs = (uint16_t)libos.procs.thread_count;
	s.mem_unit = 1;
	return user_write(self->process->space, args[0], &s, sizeof(s)) ? -EFAULT : 0;
}

#define GRND_INSECURE 4
#define PIECE 256

int64_t sys_getrandom(struct thread *self, const uint64_t *args)
{
	uint64_t left = args[1], at = args[0];

	if ((uint32_t)args[2] & ~(uint32_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((args[2] & GRND_RANDOM) && (args[2] & GRND_INSECURE))
		return -EINVAL;
	if (left > INT32_MAX)
		left = INT32_MAX;
	while (left) {
		void *bytes;
		int64_t size;

		(void)sched_worked(&libos.sched, 2);
		if (at != args[0] && signal_is_pending(self))
			break;
		size = user_span_write(self->process->space, at, left < PIECE ? left : PIECE, &bytes);
		if (size > 0 && exo_entropy_read(libos.boot->entropy, bytes, (uint64_t)size, NULL) != EXO_OK)
			size = -EIO;
		if (size < 0)
			return at == args[0] ? size : (int64_t)(at - args[0]);
		at += (uint64_t)size;
		left -= (uint64_t)size;
	}
	return (int64_t)(at - args[0]);
}

int64_t sys_reboot(struct thread *self, const uint64_t *args)
{
	uint32_t second = (uint32_t)args[1];

	if (!privileged(&self->cred, PRIV_REBOOT))
		return -EPERM;
	if ((uint32_t)args[0] != LINUX_REBOOT_MAGIC1 ||
	    (second != LINUX_REBOOT_MAGIC2 && second != LINUX_REBOOT_MAGIC2A && second != LINUX_REBOOT_MAGIC2B &&
	     second != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	switch ((uint32_t)args[2]) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	case LINUX_REBOOT_CMD_RESTART:
		libos_restart();
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		libos_halt(0);
	default:
		return -EINVAL;
	}
}

int64_t sys_personality(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	uint32_t old = p->personality;

	if ((uint32_t)args[0] != UINT32_MAX)
		p->personality = (uint32_t)args[0];
	return old;
}

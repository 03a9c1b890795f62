/* /proc: what the system tells about itself. */
#include <libos/fs/internal.h>
#include <libos/fs/proc.h>
#include <libos/fs/notify.h>

#define TICK_NS    UINT64_C(10000000)
#define FRAME_KIB  (EXO_FRAME_SIZE / 1024)
#define VMALLOC_KIB UINT64_C(34359738367) /* of x86-64's Linux with four levels of page tables */

static uint64_t cached_pages(void)
{
	uint64_t pages = 0;
	LIST_EACH(at, &libos.vfs.mounts) {
		const struct mount *m = LIST_ENTRY(at, struct mount, node);
		if (m->root == m->super->root)
			pages += m->super->used_pages;
	}
	return pages;
}

/* Linux's names in Linux's order. What FeuerBird does not have (swap, disks, large pages) or does not count is 0. */
static void show_meminfo(struct text *text, const struct proc_subject *s)
{
	uint64_t total = libos.frames.total * FRAME_KIB, unused = libos.frames.free_count * FRAME_KIB;
	uint64_t cached = cached_pages() * FRAME_KIB, heap = heap_bytes_in_use() / 1024;
	uint64_t anonymous = total - unused > cached + heap ? total - unused - cached - heap : 0;
	const struct {
		const char *name;
		uint64_t kib;
	} lines[] = {
		{ "MemTotal:", total }, { "MemFree:", unused }, { "MemAvailable:", unused }, { "Buffers:", 0 }, { "Cached:", cached },
		{ "SwapCached:", 0 }, { "Active:", cached + anonymous }, { "Inactive:", 0 },
		{ "Active(anon):", cached + anonymous }, { "Inactive(anon):", 0 }, { "Active(file):", 0 }, { "Inactive(file):", 0 },
		{ "Unevictable:", 0 }, { "Mlocked:", 0 }, { "SwapTotal:", 0 }, { "SwapFree:", 0 }, { "Zswap:", 0 }, { "Zswapped:", 0 },
		{ "Dirty:", 0 }, { "Writeback:", 0 }, { "AnonPages:", anonymous }, { "Mapped:", 0 }, { "Shmem:", cached },
		{ "KReclaimable:", 0 }, { "Slab:", heap }, { "SReclaimable:", 0 }, { "SUnreclaim:", heap },
		{ "KernelStack:", 0 }, { "PageTables:", 0 }, { "SecPageTables:", 0 }, { "NFS_Unstable:", 0 }, { "Bounce:", 0 },
		{ "WritebackTmp:", 0 }, { "CommitLimit:", total / 2 }, { "Committed_AS:", 0 }, { "VmallocTotal:", VMALLOC_KIB },
		{ "VmallocUsed:", 0 }, { "VmallocChunk:", 0 }, { "Percpu:", 0 }, { "AnonHugePages:", 0 }, { "ShmemHugePages:", 0 },
		{ "ShmemPmdMapped:", 0 }, { "FileHugePages:", 0 }, { "FilePmdMapped:", 0 },
	};
	(void)s;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		text_printf(text, "%-15s %8lu kB\n", lines[i].name, (unsigned long)lines[i].kib);
	text_printf(text, "HugePages_Total:   %5u\nHugePages_Free:    %5u\nHugePages_Rsvd:    %5u\nHugePages_Surp:    %5u\n", 0u, 0u, 0u, 0u);
	text_printf(text, "Hugepagesize:   %8u kB\nHugetlb:        %8u kB\n", 2048u, 0u);
}

/* User time of everything that ran: of the living, and of those that were waited for. */
static uint64_t user_time(void)
{
	uint64_t ns = 0;
	LIST_EACH(at, &libos.procs.all) {
		const struct process *p = LIST_ENTRY(at, struct process, all);
		ns += p->user_ns + p->children_user_ns;
	}
	return ns;
}

static uint32_t running_threads(void)
{
	uint32_t count = 0;
	LIST_EACH(at, &libos.procs.all) {
		const struct process *p = LIST_ENTRY(at, struct process, all);
		LIST_EACH(node, &p->threads)
			count += LIST_ENTRY(node, struct thread, sibling)->state == THREAD_RUNNABLE;
	}
	return count;
}

static void show_stat(struct text *text, const struct proc_subject *s)
{
	uint64_t now = libos_now() - libos.boot->boot_ns, idle = min_u64(libos.sched.idle_ns, now);
	uint64_t user = min_u64(user_time(), now - idle), system = now - idle - user;
	(void)s;
	for (int i = 0; i < 2; i++)
		text_printf(text, "%s %lu 0 %lu %lu 0 0 0 0 0 0\n", i ? "cpu0" : "cpu ", (unsigned long)(user / TICK_NS),
		            (unsigned long)(system / TICK_NS), (unsigned long)(idle / TICK_NS));
	text_printf(text, "intr 0\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n"
	            "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
	            (unsigned long)libos.sched.switches, (unsigned long)((libos_realtime() - now) / 1000000000),
	            (unsigned long)libos.procs.forks, running_threads());
}

static void show_uptime(struct text *text, const struct proc_subject *s)
{
	uint64_t up = (libos_now() - libos.boot->boot_ns) / TICK_NS, idle = libos.sched.idle_ns / TICK_NS;
	(void)s;
	text_printf(text, "%lu.%02lu %lu.%02lu\n", (unsigned long)(up / 100), (unsigned long)(up % 100),
	            (unsigned long)(idle / 100), (unsigned long)(idle % 100));
}

static void show_loadavg(struct text *text, const struct proc_subject *s)
{
	(void)s;
	sched_loads_update(libos_now());
	for (int i = 0; i < 3; i++) {
		uint64_t hundredths = (libos.sched.loads[i] * 100 + 32768) >> 16;
		text_printf(text, "%lu.%02lu ", (unsigned long)(hundredths / 100), (unsigned long)(hundredths % 100));
	}
	text_printf(text, "%u/%u %d\n", running_threads(), libos.procs.thread_count, libos.procs.last_pid);
}

#define OS_RELEASE "6.1.0-feuerbird" /* as uname(2) says */

static void show_version(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "Linux version %s (FeuerBird POSIX LibOS, %s) #1\n", OS_RELEASE, libos.boot->target);
}

static void show_cpuinfo(struct text *text, const struct proc_subject *s)
{
	unsigned long khz = (unsigned long)libos.boot->cycles_per_ms;
	(void)s;
	text_printf(text, "processor\t: 0\nvendor_id\t: FeuerBird\ncpu family\t: 6\nmodel\t\t: 1\nmodel name\t: FeuerBird %s\nstepping\t: 1\n",
	            libos.boot->target);
	text_printf(text, "cpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\nfpu\t\t: yes\n",
	            khz / 1000, khz % 1000);
	text_printf(text, "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm\nbogomips\t: %lu.%02lu\naddress sizes\t: 46 bits physical, 48 bits virtual\n\n",
	            khz / 500, khz / 5 % 100);
}

static void show_filesystems(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "nodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\n");
}

static void show_cmdline(struct text *text, const struct proc_subject *s)
{
	(void)s;
	for (uint32_t i = 0; i < libos.options.arg_count; i++)
		text_printf(text, "%s%s", i ? " " : "", libos.options.args[i]);
	text_printf(text, "\n");
}

static void show_devices(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "Character devices:\n  1 mem\n  4 tty\n  5 /dev/tty\n  5 /dev/console\n 10 misc\n\nBlock devices:\n");
}

static void show_partitions(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "major minor  #blocks  name\n\n");
}

static void show_vmstat(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "nr_free_pages %lu\nnr_file_pages %lu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
	            (unsigned long)libos.frames.free_count, (unsigned long)cached_pages());
}

static void show_zoneinfo(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "Node 0, zone   Normal\n  pages free     %lu\n        boost    0\n        min      0\n        low      0\n"
	            "        high     0\n        spanned  %lu\n        present  %lu\n        managed  %lu\n",
	            (unsigned long)libos.frames.free_count, (unsigned long)libos.frames.total, (unsigned long)libos.frames.total,
	            (unsigned long)libos.frames.total);
}

/* ---- /proc/sys ---- */

static void show_hostname(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%s\n", libos.hostname);
}

static void show_domainname(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%s\n", libos.domainname);
}

static int store_name(const struct proc_subject *s, const char *bytes, size_t size, char *name)
{
	if (!s->reader || !privileged(&s->reader->cred, PRIV_HOST_NAME))
		return -EPERM;
	if (size >= sizeof(libos.hostname))
		return -EINVAL;
	str_copy(name, bytes, sizeof(libos.hostname));
	return 0;
}

static int store_hostname(const struct proc_subject *s, const char *bytes, size_t size)
{
	return store_name(s, bytes, size, libos.hostname);
}

static int store_domainname(const struct proc_subject *s, const char *bytes, size_t size)
{
	return store_name(s, bytes, size, libos.domainname);
}

static void show_ostype(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "Linux\n");
}

static void show_osrelease(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%s\n", OS_RELEASE);
}

static void show_os_version(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "#1 FeuerBird\n");
}

static void show_pty_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%u\n", pty_max());
}

static void show_pty_count(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%u\n", libos.ptys.count);
}

static void show_pid_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%d\n", PID_MAX);
}

static void show_threads_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%d\n", PROCESS_MAX);
}

static void show_uuid(struct text *text, const uint8_t *b)
{
	for (int i = 0; i < 16; i++)
		text_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	text_printf(text, "\n");
}

static void mark_uuid(uint8_t *b) /* RFC 4122, version 4 */
{
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
}

static void show_boot_id(struct text *text, const struct proc_subject *s)
{
	uint8_t b[16];
	(void)s;
	memcpy(b, libos.vfs.boot_id, sizeof(b));
	mark_uuid(b);
	show_uuid(text, b);
}

static void show_fresh_uuid(struct text *text, const struct proc_subject *s)
{
	uint8_t b[16];
	(void)s;
	if (fs_random(b, sizeof(b)))
		return;
	mark_uuid(b);
	show_uuid(text, b);
}

static void show_entropy(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "256\n");
}

static void show_groups_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%d\n", GROUPS_MAX);
}

static void show_mmap_min(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%lu\n", (unsigned long)EXO_USER_BASE);
}

static void show_file_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%d\n", FD_MAX);
}

static void show_file_nr(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%lu\t0\t%d\n", (unsigned long)libos.vfs.file_live, FD_MAX);
}

static void show_pipe_max(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%lu\n", (unsigned long)pipe_size_max());
}

static void show_pipe_soft(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%lu\n", (unsigned long)pipe_user_pages(false));
}

static void show_pipe_hard(struct text *text, const struct proc_subject *s)
{
	uint64_t pages = pipe_user_pages(true);

	(void)s;
	text_printf(text, "%lu\n", (unsigned long)(pages == UINT64_MAX ? 0 : pages));
}

static void show_epoll_watches(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "%lu\n", (unsigned long)epoll_max_watches());
}

#define KEPT(name, setting_, text_) { name, PROC_FILE, 0644, .setting = setting_, .text = text_ }

#define IPC_LIMIT(name, which) \
	static void show_##name(struct text *text, const struct proc_subject *s) \
	{ \
		(void)s; \
		ipc_setting_text(text, which); \
	} \
	static int store_##name(const struct proc_subject *s, const char *bytes, size_t size) \
	{ \
		(void)s, (void)size; \
		return ipc_setting_store(which, bytes); \
	}
IPC_LIMIT(sem, IPC_SEM)
IPC_LIMIT(msgmax, IPC_MSGMAX)
IPC_LIMIT(msgmnb, IPC_MSGMNB)
IPC_LIMIT(msgmni, IPC_MSGMNI)
IPC_LIMIT(shmmax, IPC_SHMMAX)
IPC_LIMIT(shmall, IPC_SHMALL)
IPC_LIMIT(shmmni, IPC_SHMMNI)

static const struct proc_entry pty_children[] = {
	{ "max", PROC_FILE, 0444, .show = show_pty_max },
	{ "nr", PROC_FILE, 0444, .show = show_pty_count },
	{ "reserve", PROC_FILE, 0444, .text = "0" },
	{ .name = NULL },
};

static const struct proc_entry random_children[] = {
	{ "boot_id", PROC_FILE, 0444, .show = show_boot_id },
	{ "uuid", PROC_FILE, 0444, .show = show_fresh_uuid },
	{ "entropy_avail", PROC_FILE, 0444, .show = show_entropy },
	{ "poolsize", PROC_FILE, 0444, .show = show_entropy },
	{ .name = NULL },
};

static const struct proc_entry kernel_children[] = {
	{ "hostname", PROC_FILE, 0644, .show = show_hostname, .store = store_hostname },
	{ "domainname", PROC_FILE, 0644, .show = show_domainname, .store = store_domainname },
	{ "ostype", PROC_FILE, 0444, .show = show_ostype },
	{ "osrelease", PROC_FILE, 0444, .show = show_osrelease },
	{ "version", PROC_FILE, 0444, .show = show_os_version },
	{ "pid_max", PROC_FILE, 0444, .show = show_pid_max },
	{ "threads-max", PROC_FILE, 0444, .show = show_threads_max },
	{ "random", PROC_FOLDER, 0555, .children = random_children },
	{ "pty", PROC_FOLDER, 0555, .children = pty_children },
	{ "cap_last_cap", PROC_FILE, 0444, .text = "40" },
	{ "ngroups_max", PROC_FILE, 0444, .show = show_groups_max },
	{ "overflowuid", PROC_FILE, 0444, .text = "65534" },
	{ "overflowgid", PROC_FILE, 0444, .text = "65534" },
	{ "randomize_va_space", PROC_FILE, 0444, .text = "0" },
	{ "tainted", PROC_FILE, 0444, .text = "0" },
	{ "sem", PROC_FILE, 0644, .show = show_sem, .store = store_sem },
	{ "msgmax", PROC_FILE, 0644, .show = show_msgmax, .store = store_msgmax },
	{ "msgmnb", PROC_FILE, 0644, .show = show_msgmnb, .store = store_msgmnb },
	{ "msgmni", PROC_FILE, 0644, .show = show_msgmni, .store = store_msgmni },
	{ "shmmax", PROC_FILE, 0644, .show = show_shmmax, .store = store_shmmax },
	{ "shmall", PROC_FILE, 0644, .show = show_shmall, .store = store_shmall },
	{ "shmmni", PROC_FILE, 0644, .show = show_shmmni, .store = store_shmmni },
	KEPT("core_pattern", SETTING_CORE_PATTERN, "core"),
	KEPT("core_uses_pid", SETTING_CORE_USES_PID, "0"),
	KEPT("panic", SETTING_PANIC, "0"),
	KEPT("printk", SETTING_PRINTK, "7\t4\t1\t7"),
	KEPT("dmesg_restrict", SETTING_DMESG_RESTRICT, "0"),
	KEPT("kptr_restrict", SETTING_KPTR_RESTRICT, "0"),
	{ .name = NULL },
};

static const struct proc_entry vm_children[] = {
	KEPT("overcommit_memory", SETTING_OVERCOMMIT_MEMORY, "0"),
	KEPT("overcommit_ratio", SETTING_OVERCOMMIT_RATIO, "50"),
	KEPT("swappiness", SETTING_SWAPPINESS, "60"),
	KEPT("dirty_ratio", SETTING_DIRTY_RATIO, "20"),
	KEPT("dirty_background_ratio", SETTING_DIRTY_BACKGROUND_RATIO, "10"),
	KEPT("vfs_cache_pressure", SETTING_VFS_CACHE_PRESSURE, "100"),
	KEPT("min_free_kbytes", SETTING_MIN_FREE, "1024"),
	KEPT("drop_caches", SETTING_DROP_CACHES, "0"),
	{ "max_map_count", PROC_FILE, 0444, .text = "65530" },
	{ "mmap_min_addr", PROC_FILE, 0444, .show = show_mmap_min },
	{ "nr_hugepages", PROC_FILE, 0444, .text = "0" },
	{ .name = NULL },
};

static const struct proc_entry epoll_children[] = {
	{ "max_user_watches", PROC_FILE, 0644, .show = show_epoll_watches, .setting = SETTING_EPOLL_WATCHES },
	{ .name = NULL },
};

#define SHOW_INOTIFY(what) \
	static void show_inotify_##what(struct text *text, const struct proc_subject *s) \
	{ \
		(void)s; \
		text_printf(text, "%lu\n", (unsigned long)inotify_max_##what()); \
	}
SHOW_INOTIFY(instances)
SHOW_INOTIFY(watches)
SHOW_INOTIFY(events)

static const struct proc_entry inotify_children[] = {
	{ "max_user_instances", PROC_FILE, 0644, .show = show_inotify_instances, .setting = SETTING_INOTIFY_INSTANCES },
	{ "max_user_watches", PROC_FILE, 0644, .show = show_inotify_watches, .setting = SETTING_INOTIFY_WATCHES },
	{ "max_queued_events", PROC_FILE, 0644, .show = show_inotify_events, .setting = SETTING_INOTIFY_EVENTS },
	{ .name = NULL },
};

static const struct proc_entry fs_children[] = {
	{ "epoll", PROC_FOLDER, 0555, .children = epoll_children },
	{ "inotify", PROC_FOLDER, 0555, .children = inotify_children },
	{ "pipe-max-size", PROC_FILE, 0644, .show = show_pipe_max, .setting = SETTING_PIPE_MAX },
	{ "pipe-user-pages-soft", PROC_FILE, 0644, .show = show_pipe_soft, .setting = SETTING_PIPE_USER_SOFT },
	{ "pipe-user-pages-hard", PROC_FILE, 0644, .show = show_pipe_hard, .setting = SETTING_PIPE_USER_HARD },
	{ "file-max", PROC_FILE, 0444, .show = show_file_max },
	{ "file-nr", PROC_FILE, 0444, .show = show_file_nr },
	{ "nr_open", PROC_FILE, 0444, .show = show_file_max },
	KEPT("suid_dumpable", SETTING_SUID_DUMPABLE, "0"),
	{ .name = NULL },
};

/* The defaults and bounds of src/libos/net/socket.h; those of buffers are not to be changed. */
static const struct proc_entry sys_net_core_children[] = {
	KEPT("somaxconn", SETTING_LISTEN_MAX, "4096"),
	{ "rmem_default", PROC_FILE, 0444, .text = "212992" },
	{ "rmem_max", PROC_FILE, 0444, .text = "4194304" },
	{ "wmem_default", PROC_FILE, 0444, .text = "212992" },
	{ "wmem_max", PROC_FILE, 0444, .text = "4194304" },
	{ "optmem_max", PROC_FILE, 0444, .text = "131072" },
	{ .name = NULL },
};

static const struct proc_entry sys_net_unix_children[] = {
	KEPT("max_dgram_qlen", SETTING_DATAGRAMS, "10"),
	{ .name = NULL },
};

static const struct proc_entry sys_net_children[] = {
	{ "core", PROC_FOLDER, 0555, .children = sys_net_core_children },
	{ "unix", PROC_FOLDER, 0555, .children = sys_net_unix_children },
	{ .name = NULL },
};

static const struct proc_entry sys_children[] = {
	{ "kernel", PROC_FOLDER, 0555, .children = kernel_children },
	{ "vm", PROC_FOLDER, 0555, .children = vm_children },
	{ "fs", PROC_FOLDER, 0555, .children = fs_children },
	{ "net", PROC_FOLDER, 0555, .children = sys_net_children },
	{ .name = NULL },
};

static int64_t target_self(const struct proc_subject *s, char *to, size_t size)
{
	return (int64_t)format(to, size, "%d", s->reader->process->pid);
}

static int64_t target_thread_self(const struct proc_subject *s, char *to, size_t size)
{
	return (int64_t)format(to, size, "%d/task/%d", s->reader->process->pid, s->reader->tid);
}

static int64_t target_mounts(const struct proc_subject *s, char *to, size_t size)
{
	(void)s;
	return (int64_t)format(to, size, "self/mounts");
}

#define NET_DEV_HEAD                                                                                                   \
	"Inter-|   Receive                                                |  Transmit\n"                              \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed"
static void show_unix_sockets(struct text *text, const struct proc_subject *s)
{
	(void)s;
	net_unix_text(text);
}

static const struct proc_entry net_children[] = {
	{ "dev", PROC_FILE, 0444, .text = NET_DEV_HEAD },
	{ "unix", PROC_FILE, 0444, .show = show_unix_sockets },
	{ .name = NULL },
};

#define SHOW_IPC(name, kind) \
	static void show_ipc_##name(struct text *text, const struct proc_subject *s) \
	{ \
		(void)s; \
		ipc_text(text, kind); \
	}
SHOW_IPC(sem, IPC_SEMAPHORES)
SHOW_IPC(msg, IPC_MESSAGES)
SHOW_IPC(shm, IPC_SEGMENTS)

static const struct proc_entry sysvipc_children[] = {
	{ "shm", PROC_FILE, 0444, .show = show_ipc_shm },
	{ "sem", PROC_FILE, 0444, .show = show_ipc_sem },
	{ "msg", PROC_FILE, 0444, .show = show_ipc_msg },
	{ .name = NULL },
};

/* What there is none of: no line, or only those that say what would stand there. */
static void show_nothing(struct text *text, const struct proc_subject *s)
{
	(void)text, (void)s;
}

const struct proc_entry proc_system_children[] = {
	{ "self", PROC_LINK, 0777, .target = target_self },
	{ "thread-self", PROC_LINK, 0777, .target = target_thread_self },
	{ "mounts", PROC_LINK, 0777, .target = target_mounts },
	{ "meminfo", PROC_FILE, 0444, .show = show_meminfo },
	{ "stat", PROC_FILE, 0444, .show = show_stat },
	{ "uptime", PROC_FILE, 0444, .show = show_uptime },
	{ "loadavg", PROC_FILE, 0444, .show = show_loadavg },
	{ "version", PROC_FILE, 0444, .show = show_version },
	{ "cpuinfo", PROC_FILE, 0444, .show = show_cpuinfo },
	{ "filesystems", PROC_FILE, 0444, .show = show_filesystems },
	{ "cmdline", PROC_FILE, 0444, .show = show_cmdline },
	{ "devices", PROC_FILE, 0444, .show = show_devices },
	{ "partitions", PROC_FILE, 0444, .show = show_partitions },
	{ "vmstat", PROC_FILE, 0444, .show = show_vmstat },
	{ "swaps", PROC_FILE, 0444, .text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority" },
	{ "diskstats", PROC_FILE, 0444, .show = show_nothing },
	{ "locks", PROC_FILE, 0444, .show = proc_show_locks },
	{ "interrupts", PROC_FILE, 0444, .text = "           CPU0       " },
	{ "softirqs", PROC_FILE, 0444, .text = "                    CPU0       " },
	{ "kallsyms", PROC_FILE, 0444, .show = show_nothing },
	{ "zoneinfo", PROC_FILE, 0444, .show = show_zoneinfo },
	{ "net", PROC_FOLDER, 0555, .children = net_children },
	{ "sysvipc", PROC_FOLDER, 0555, .children = sysvipc_children },
	{ "sys", PROC_FOLDER, 0555, .children = sys_children },
	{ .name = NULL },
};

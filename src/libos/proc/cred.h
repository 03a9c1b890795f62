/*
 * Who a thread is and what it may do: ids, groups and capabilities, as credentials(7) and capabilities(7) have them.
 *
 * Each thread has credentials of its own. process->cred is what others judge a process by: those of its first thread,
 * as it last had them.
 */
#ifndef LIBOS_CRED_H
#define LIBOS_CRED_H

#include <exo/types.h>

struct process;
struct thread;

#define GROUPS_MAX 65536 /* as Linux */

struct group_list { /* never changes once it is anybody's */
	uint32_t refs, count;
	uint32_t gids[]; /* sorted */
};

struct credentials {
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	struct group_list *groups; /* NULL: none. What outlives a call has a reference, see cred_assign() */
	uint64_t permitted, effective, inheritable, bounding, ambient; /* bit n: capability n */
	uint32_t securebits; /* SECBIT_* */
	bool no_new_privs;   /* for good: exec gives no privileges */
};

enum capability { /* uapi/linux/capability.h */
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
	CAP_SETPCAP, CAP_LINUX_IMMUTABLE, CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK,
	CAP_IPC_OWNER, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_PACCT, CAP_SYS_ADMIN,
	CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_RESOURCE, CAP_SYS_TIME, CAP_SYS_TTY_CONFIG, CAP_MKNOD, CAP_LEASE,
	CAP_AUDIT_WRITE, CAP_AUDIT_CONTROL, CAP_SETFCAP, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG, CAP_WAKE_ALARM,
	CAP_BLOCK_SUSPEND, CAP_AUDIT_READ, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE, CAP_COUNT
};
#define CAP_BIT(n) (UINT64_C(1) << (n))
#define CAP_ALL    (CAP_BIT(CAP_COUNT) - 1)

/* Each bit has one that locks it, to its left (uapi/linux/securebits.h). */
#define SECBIT_NOROOT               (1u << 0)
#define SECBIT_NO_SETUID_FIXUP      (1u << 2)
#define SECBIT_KEEP_CAPS            (1u << 4)
#define SECBIT_NO_CAP_AMBIENT_RAISE (1u << 6)
#define SECBITS_BASE (SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS | SECBIT_NO_CAP_AMBIENT_RAISE)
#define SECBITS_ALL  (SECBITS_BASE | SECBITS_BASE << 1)

enum privilege { /* privileges.def: what each permits */
#define PRIVILEGE(name, capability, calls, what) PRIV_##name,
#include <libos/proc/privileges.def>
#undef PRIVILEGE
	PRIV_COUNT
};

/* May who has these credentials do this? The one place that decides by capabilities. */
bool privileged(const struct credentials *c, enum privilege what);
/* `to` becomes `from`, with a reference of its own to the groups, and gives up the one that it had. */
void cred_assign(struct credentials *to, const struct credentials *from);
void cred_drop(struct credentials *c);
bool cred_in_group(const struct credentials *c, uint32_t gid); /* fsgid or supplementary */
/* May `who` make `by` its tracer? Nobody traces who has more than he has himself (Linux's cap_ptrace_traceme()). */
bool cred_may_be_traced(const struct credentials *who, const struct credentials *by);
/* May the thread see descriptors, links and memory of the process? real: by its real ids, else by those for files. */
bool thread_may_inspect(const struct thread *self, const struct process *p, bool real);
/* Makes them root's, with all capabilities. */
void cred_root(struct credentials *c);
/* As access(2) asks: with the real ids, and the capabilities that go with them. */
struct credentials cred_real(const struct credentials *c);
/* After the user ids have changed: which capabilities go or come with that. */
void cred_ids_changed(const struct credentials *old, struct credentials *new);
void cred_fsuid_changed(const struct credentials *old, struct credentials *new);
/* The thread takes them: what depends on who it is follows. */
void cred_take(struct thread *self, const struct credentials *new);

/* ---- exec ---- */
struct cred_file { /* what the program's file asks for, as far as its mount honours that */
	bool set_uid, set_gid;
	uint32_t uid, gid;
	bool has_caps, caps_effective;
	uint64_t caps_permitted, caps_inheritable;
};
/*
 * The credentials after exec, of capabilities(7) "Transformation of capabilities during execve()". shared: others share
 * the file-system context, so that nothing is gained. *secure: AT_SECURE. *gained: dangerous state of the process is
 * reset. -EPERM: the file's capabilities cannot be had.
 */
int cred_exec(const struct credentials *old, const struct cred_file *file, bool shared, struct credentials *new,
              bool *secure, bool *gained);

#endif

/* /dev/exo: capabilities for programs, and waiting for the interrupts and answers that these bring. */
#include <exo/calls.h>
#include <libos/dev_exo.h>
#include <libos/fs/internal.h>

static int error_of(enum exo_status status)
{
	switch (status) {
	case EXO_OK: return 0;
	case EXO_E_SLOTS: return -ENOMEM;
	case EXO_E_RIGHTS: return -EACCES;
	case EXO_E_RANGE: return -ENXIO;
	default: return -EPERM;
	}
}

/* Which of the boot page's extents has all of [first, count)? */
static exo_cap_t extent_find(const exo_cap_t *caps, uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < EXO_BOOT_EXTENTS && caps[i] != EXO_CAP_NONE; i++) {
		struct exo_cap_info info;
		if (exo_cap_inspect(caps[i], &info, NULL) == EXO_OK && first >= info.first && count <= info.count &&
		    first - info.first <= info.count - count)
			return caps[i];
	}
	return EXO_CAP_NONE;
}

/* Part of a device's extent. What is in between is given up again, so that the program's comes straight from the
 * machine's. */
static int grant_device(const exo_cap_t *caps, exo_cap_t zone, struct exo_dev_grant *grant)
{
	exo_cap_t whole = extent_find(caps, grant->first, grant->count), part;
	if (!grant->rights || (grant->rights & ~EXO_DEV_DEVICE_RIGHTS))
		return -EINVAL;
	if (!grant->count || whole == EXO_CAP_NONE)
		return -ENXIO;
	enum exo_status status = exo_cap_derive(whole, grant->rights | EXO_R_GRANT, grant->first, grant->count, EXO_NO_EXPIRY, &part);
	if (status != EXO_OK)
		return error_of(status);
	status = exo_cap_grant(part, zone, grant->rights, &grant->cap);
	if (exo_cap_drop(part, NULL) != EXO_OK)
		libos_panic("a capability that nobody uses cannot be dropped");
	return error_of(status);
}

/* Of blocks; a count of 0 asks for the whole disk that `first` is in. */
static int grant_disk(struct vm_space *space, struct exo_dev_grant *grant)
{
	struct exo_cap_info info;
	int r = vm_quota_first(space, EXO_QUOTA_DISK);
	if (r)
		return r;
	if (!grant->count) {
		exo_cap_t whole = extent_find(libos.boot->disk, grant->first, 1);
		if (whole == EXO_CAP_NONE || exo_cap_inspect(whole, &info, NULL) != EXO_OK)
			return -ENXIO;
		grant->first = info.first;
		grant->count = info.count;
	}
	return grant_device(libos.boot->disk, vm_zone(space), grant);
}

static int grant_context(struct thread *thread, struct exo_dev_grant *grant)
{
	if (!grant->rights || (grant->rights & ~(EXO_R_EXEC | EXO_DEV_HOLD)))
		return -EINVAL;
	enum exo_status status = exo_cap_grant(thread->ctx, vm_zone(thread->process->space), grant->rights, &grant->cap);
	thread->ctx_given |= status == EXO_OK;
	return error_of(status);
}

static int64_t exo_grant(struct thread *thread, uint64_t address)
{
	struct vm_space *space = thread->process->space;
	struct exo_dev_grant grant;
	int r = user_read(space, &grant, address, sizeof(grant));
	if (!r && grant.kind != EXO_DEV_QUOTA)
		r = vm_quota_first(space, EXO_QUOTA_CAPS);
	if (r)
		return r;
	switch (grant.kind) {
	case EXO_DEV_QUOTA:
		r = vm_quota(space, grant.first, grant.count);
		break;
	case EXO_DEV_IOPORT:
		r = grant_device(libos.boot->ioport, vm_zone(space), &grant);
		break;
	case EXO_DEV_MMIO:
		r = grant_device(libos.boot->mmio, vm_zone(space), &grant);
		break;
	case EXO_DEV_IRQ:
		r = grant_device(libos.boot->irq, vm_zone(space), &grant);
		break;
	case EXO_DEV_DISK:
		r = grant_disk(space, &grant);
		break;
	case EXO_DEV_CONTEXT:
		r = grant_context(thread, &grant);
		break;
	default:
		r = vm_grant(space, &grant);
	}
	return r ? r : user_write(space, address, &grant, sizeof(grant));
}

static int64_t exo_process(struct thread *thread, uint64_t address)
{
	struct exo_dev_process out;
	int r = user_read(thread->process->space, &out, address, sizeof(out));
	if (r)
		return r;
	const struct process *process = process_of_zone(out.zone);
	if (!process)
		return -ESRCH;
	out.pid = process->pid;
	return user_write(thread->process->space, address, &out, sizeof(out));
}

static int64_t exo_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	(void)file;
	if (request != EXO_DEV_GRANT && request != EXO_DEV_PROCESS)
		return -ENOTTY;
	if (!privileged(&thread->cred, PRIV_MACHINE))
		return -EPERM;
	return request == EXO_DEV_GRANT ? exo_grant(thread, arg) : exo_process(thread, arg);
}

/* ---- waiting ---- */

static exo_cap_t zone_of(const struct file *file)
{
	return (exo_cap_t)(uintptr_t)file->private_data;
}

static uint32_t exo_poll(struct file *file, struct poll_table *table)
{
	struct exo_zone_info info;
	poll_watch(table, &libos.zone_events);
	if (exo_zone_info(zone_of(file), &info, NULL) != EXO_OK)
		return POLLHUP;
	return info.pending & (EXO_PEND_IRQ | EXO_PEND_BLOCK | EXO_PEND_NOTIFY) ? POLLIN | POLLRDNORM : 0;
}

void dev_exo_events(void)
{
	waitq_wake_all(&libos.zone_events);
}

static const struct file_ops exo_ops = { .ioctl = exo_ioctl, .poll = exo_poll };

/* A name of a zone never means another one later, so the file need not hold it. */
void dev_exo_open(struct file *file, struct thread *thread)
{
	file->ops = &exo_ops;
	file->private_data = (void *)(uintptr_t)vm_zone(thread->process->space);
}

/* Options of tmpfs and devpts, as mount(2) takes them. */
#ifndef LIBOS_FS_MOUNT_OPTIONS_H
#define LIBOS_FS_MOUNT_OPTIONS_H

#include <libos/fs/internal.h>

struct mount_options {
	uint64_t max_bytes, max_metadata;  /* UINT64_MAX: no limit */
	uint32_t mode, uid, gid;           /* of the root directory */
	bool has_bytes, has_metadata;      /* the text says something of these */
	bool of_devpts;                    /* which ones are known; then uid, gid and mode are those of its names */
	uint32_t ptmx_mode, count;         /* of devpts: who may open ptmx; the most names */
};

/* Reads "size=64k,mode=1777" over what is there; changes the text. 0 or -EINVAL. */
int mount_options_parse(char *text, struct mount_options *o);

#endif

/* Options of tmpfs, as mount(2) takes them. */
#ifndef LIBOS_FS_MOUNT_OPTIONS_H
#define LIBOS_FS_MOUNT_OPTIONS_H

#include <libos/fs/internal.h>

struct mount_options {
	uint64_t max_bytes, max_metadata;  /* UINT64_MAX: no limit */
	uint32_t mode, uid, gid;           /* of the root directory */
	bool has_bytes, has_metadata;      /* the text says something of these */
};

/* Reads "size=64k,mode=1777" over what is there; changes the text. 0 or -EINVAL. */
int mount_options_parse(char *text, struct mount_options *o);

#endif

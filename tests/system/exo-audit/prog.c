/* Is refused a call: a record of exo audit, whose zone and capability it prints. */
#include "check.h"
#include <sys/ioctl.h>
#include <exo_call.h>
#include <libos/dev_exo.h>

static uint32_t zone(exo_cap_t *audit)
{
	static struct exo_cap_info info;
	struct exo_dev_grant grant = { .kind = EXO_DEV_AUDIT, .rights = EXO_R_READ };
	int device = open("/dev/exo", O_RDWR);

	memset(&info, 1, sizeof info);
	if (device < 0 || ioctl(device, (int)EXO_DEV_GRANT, &grant) || close(device) || exo_cap_inspect(grant.cap, &info, NULL) != EXO_OK)
		exit(3);
	*audit = grant.cap;
	return info.owner_zone;
}

int main(void)
{
	exo_cap_t audit;
	uint32_t number;

	number = zone(&audit);
	if (exo_clock_read(audit, 0, NULL) != EXO_E_TYPE || exo_nop(NULL) != EXO_OK || exo_clock_read(audit, 0, NULL) != EXO_E_TYPE)
		return 2;
	printf("%u %llu.%llu\n", number, (unsigned long long)(audit & 0xffff), (unsigned long long)(audit >> 16));
	return 0;
}

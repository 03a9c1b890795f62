/* Is refused a call: a record of exo audit, whose zone it prints. */
#include "check.h"
#include <sys/ioctl.h>
#include <exo_call.h>
#include <libos/dev_exo.h>

int main(void)
{
	static struct exo_cap_info info;
	struct exo_dev_grant grant = { .kind = EXO_DEV_AUDIT, .rights = EXO_R_READ };
	int device = open("/dev/exo", O_RDWR);

	memset(&info, 1, sizeof info);
	if (device < 0 || ioctl(device, (int)EXO_DEV_GRANT, &grant) || exo_cap_inspect(grant.cap, &info, NULL) != EXO_OK)
		return 1;
	if (exo_clock_read(grant.cap, 0, NULL) != EXO_E_TYPE || exo_nop(NULL) != EXO_OK || exo_clock_read(grant.cap, 0, NULL) != EXO_E_TYPE)
		return 2;
	printf("%u %llu.%llu\n", info.owner_zone, (unsigned long long)(grant.cap & 0xffff), (unsigned long long)(grant.cap >> 16));
	return 0;
}

/* kill [-SIGNAL] PID...: ends processes. */
#include "lib.h"

int main(int argc, char **argv)
{
	int signal = V6_SIGKILL, bad = 0;

	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (argv[i][0] == '-')
			signal = (int)atol(argv[i] + 1);
		else
			r = kill((int)atol(argv[i]), signal);
		if (r < 0)
			print(2, "kill: %s: %s\n", argv[i], error_text(r));
		bad |= r < 0;
	}
	return bad;
}

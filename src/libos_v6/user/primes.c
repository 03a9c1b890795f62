/* primes N: how many primes are below N. Computes, and can be seen to have computed. */
#include "lib.h"

int main(int argc, char **argv)
{
	int n = argc > 1 ? (int)atol(argv[1]) : 1000, count = 0;

	for (int i = 2; i < n; i++) {
		int d = 2;

		while (d * d <= i && i % d != 0)
			d++;
		count += d * d > i;
	}
	print(1, "%d primes below %d\n", count, n);
	return 0;
}

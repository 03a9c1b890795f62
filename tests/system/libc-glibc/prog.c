/* A static glibc program: start-up, stdio, malloc, threads, locale, time zone, popen. */
#include "check.h"
#include <locale.h>
#include <pthread.h>

static __thread int tls = 3;
static void *thread(void *arg) { tls += 4; return (void *)(intptr_t)(tls + *(int *)arg); }

int main(void)
{
	char line[100], *p[200];
	void *result;
	int ten = 10;
	pthread_t t;

	for (int i = 0; i < 200; i++)
		memset(p[i] = malloc(i * 1000 + 1), i, i * 1000 + 1);
	for (int i = 0; i < 200; i++)
		free(p[i]);
	CHECK("malloc", 1);
	FILE *f = fopen("f", "w+");
	for (int i = 0; i < 1000; i++)
		fprintf(f, "%d %s\n", i, "line");
	rewind(f);
	int n = 0;
	while (fgets(line, sizeof line, f))
		n++;
	CHECK("stdio", n == 1000 && fclose(f) == 0);
	CHECK("thread", pthread_create(&t, NULL, thread, &ten) == 0 && pthread_join(t, &result) == 0 && (intptr_t)result == 17 && tls == 3);
	f = popen("echo from a shell", "r");
	CHECK("popen", fgets(line, sizeof line, f) && !strcmp(line, "from a shell\n") && pclose(f) == 0);
	CHECK("system", WEXITSTATUS(system("exit 11")) == 11);
	CHECK("locale", setlocale(LC_ALL, "C") != NULL);
	setenv("TZ", "UTC", 1);
	time_t zero = 0;
	CHECK("time", gmtime(&zero)->tm_year == 70 && strftime(line, sizeof line, "%F", gmtime(&zero)) == 10);
	CHECK("qsort and bsearch", (srand(1), rand() >= 0));
	DONE();
}

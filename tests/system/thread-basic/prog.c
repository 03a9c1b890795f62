/* Threads of musl: create, join, detach, mutex, condition, TLS, keys, once, exit codes, cancel. */
#include "check.h"
#include <pthread.h>
#include <semaphore.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static __thread int tls = 5;
static long counter;
static int turn, once_count, destroyed;
static sem_t sem;

static void *adder(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	tls += (int)(intptr_t)arg;
	return (void *)(intptr_t)tls;
}
static void *ping(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&lock);
		while (turn % 3 != me)
			pthread_cond_wait(&cond, &lock);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}
static void count_once(void) { once_count++; }
static void destroy(void *p) { destroyed += *(int *)p; }
static void *with_key(void *arg)
{
	pthread_once(&once, count_once);
	pthread_setspecific(key, arg);
	return NULL;
}
static void *waits(void *arg)
{
	while (arg != (void *)1)
		pause();
	return NULL;
}
static void *tid(void *arg) { *(int *)arg = (int)syscall(SYS_gettid); sem_post(&sem); return NULL; }

int main(void)
{
	pthread_t t[8];
	void *result;
	int bad = 0, one = 1, id = 0;

	for (int i = 0; i < 8; i++)
		bad += pthread_create(&t[i], NULL, adder, (void *)(intptr_t)i) != 0;
	for (int i = 0; i < 8; i++)
		bad += pthread_join(t[i], &result) != 0 || (intptr_t)result != 5 + i;
	CHECK("eight threads, results and TLS of their own", bad == 0 && tls == 5);
	CHECK("the mutex", counter == 160000);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, ping, (void *)(intptr_t)i);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK("condition variable", turn == 1500);
	pthread_key_create(&key, destroy);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, with_key, &one);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK("once and key destructors", once_count == 1 && destroyed == 4);
	sem_init(&sem, 0, 0);
	pthread_create(&t[0], NULL, tid, &id);
	pthread_detach(t[0]);
	sem_wait(&sem);
	CHECK("thread ids differ", id > 0 && id != getpid());
	pthread_create(&t[0], NULL, waits, NULL);
	pause_ms(20);
	CHECK("cancel", pthread_cancel(t[0]) == 0 && pthread_join(t[0], &result) == 0 && result == PTHREAD_CANCELED);
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 30000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&lock);
	CHECK("timed wait times out", pthread_cond_timedwait(&cond, &lock, &ts) == ETIMEDOUT);
	pthread_mutex_unlock(&lock);
	for (int round = 0; round < 50; round++)
		bad += pthread_create(&t[0], NULL, with_key, &one) || pthread_join(t[0], NULL);
	CHECK("create and join, fifty times", bad == 0);
	DONE();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutexes, conditions and the heap among many threads on all CPUs.
 *
 * weft-test: cpus=1,4 accel=tcg
 * weft-test: cpus=4 accel=icount seed=1,2,3,4
 */
#include "weft/ktap.h"
#include "weft/malloc.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/sync.h"
#include "weft/thread.h"
#include "weft/time.h"

#define THREADS 12
#define ROUNDS 300
#define ROOM 4

static struct weft_mutex mutex;
static struct weft_condition changed;
static uint64_t count; /* under the mutex, like all below */

/* Runs `work` on all CPUs, in threads of two priorities. */
static void on_many_threads(weft_thread_function *work)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t i = 0; i < THREADS; i++) {
        EXPECT_STATUS(STATUS_OK,
                      weft_thread_start(&group, "worker", (uint32_t)(i % weft_startup()->cpu_count),
                                        WEFT_PRIORITY_DEFAULT - i % 2, work, (void *)i));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

static void count_up(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        weft_mutex_lock(&mutex);
        uint64_t before = *(volatile uint64_t *)&count;
        if (i % 16 == 0) {
            (void)weft_yield();
        }
        *(volatile uint64_t *)&count = before + 1;
        weft_mutex_unlock(&mutex);
    }
}

TEST(one_thread_at_a_time, "what is done under a mutex is not lost")
{
    count = 0;
    on_many_threads(count_up);
    EXPECT_EQUAL(THREADS * ROUNDS, count);
    EXPECT(weft_mutex_try(&mutex));
    EXPECT(!weft_mutex_try(&mutex));
    weft_mutex_unlock(&mutex);
}

/* A queue with little room: half of the threads put in, the others take out. */
static uint64_t queue[ROOM], queued, taken_sum;

static void put_or_take(void *argument)
{
    _Bool puts = (uint64_t)argument % 4 < 2;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        weft_mutex_lock(&mutex);
        while (queued == (puts ? ROOM : 0)) {
            weft_condition_wait(&changed, &mutex);
        }
        if (puts) {
            queue[queued++] = i;
        } else {
            taken_sum += queue[--queued];
        }
        weft_mutex_unlock(&mutex);
        weft_condition_broadcast(&changed);
    }
}

TEST(no_wake_up_is_lost, "threads that wait for a condition see it when it has come")
{
    queued = taken_sum = 0;
    on_many_threads(put_or_take);
    EXPECT_EQUAL(0, queued);
    EXPECT_EQUAL(THREADS / 2 * (uint64_t)ROUNDS * (ROUNDS + 1) / 2, taken_sum);
}

/* Each thread waits for its number and signals once per step: one waiter is woken at a time. */
static void take_turns(void *argument)
{
    for (uint64_t turn = (uint64_t)argument; turn < THREADS * 10; turn += THREADS) {
        weft_mutex_lock(&mutex);
        while (count != turn) {
            weft_condition_wait(&changed, &mutex);
        }
        count++;
        weft_condition_broadcast(&changed);
        weft_mutex_unlock(&mutex);
    }
}

TEST(turns_are_taken, "a broadcast reaches the one that it is for")
{
    count = 0;
    on_many_threads(take_turns);
    EXPECT_EQUAL(THREADS * 10, count);
}

TEST(a_wait_ends_at_its_deadline,
     "who waits for what does not come goes on in time, with the mutex")
{
    uint64_t before = weft_cycles();
    weft_mutex_lock(&mutex);
    status_t status;
    do {
        status = weft_condition_wait_until(&changed, &mutex, before + weft_microseconds(3000));
    } while (status == STATUS_OK);
    EXPECT_STATUS(STATUS_TIMED_OUT, status);
    EXPECT(weft_cycles() - before >= weft_microseconds(3000));
    EXPECT(!weft_mutex_try(&mutex));
    weft_mutex_unlock(&mutex);
}

/* ---- the heap ------------------------------------------------------------------------------------ */

static void use_the_heap(void *argument)
{
    unsigned char *pieces[16] = {0};
    uint64_t state = (uint64_t)argument + 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        unsigned place = state >> 60;
        size_t size = (size_t)(state >> 33) % 700 + 1;
        if (pieces[place] != NULL &&
            !EXPECT_EQUAL((unsigned char)(uint64_t)argument, *pieces[place])) {
            return;
        }
        pieces[place] = realloc(pieces[place], size);
        if (!EXPECT(pieces[place] != NULL)) {
            return;
        }
        memset(pieces[place], (int)(uint64_t)argument, size);
    }
    for (unsigned i = 0; i < 16; i++) {
        free(pieces[i]);
    }
}

TEST(the_heap_is_for_all_threads,
     "pieces that threads take at the same time are apart, and all come back")
{
    size_t before = weft_malloc_use().used;
    on_many_threads(use_the_heap);
    EXPECT_EQUAL(before, weft_malloc_use().used);
}

TEST(the_heap_ends_with_the_quota,
     "when memory is used up there is NULL, and what is given back can be had again")
{
    static void *pieces[2000];
    unsigned taken = 0;
    while (taken < 2000 && (pieces[taken] = malloc(10000)) != NULL) {
        memset(pieces[taken++], 1, 10000);
    }
    REQUIRE(taken > 10 && taken < 2000 && pieces[0] != NULL);
    void *too_large = malloc(1ull << 40), *too_many = calloc(1ull << 33, 1ull << 33);
    EXPECT(too_large == NULL && too_many == NULL);
    free(too_large);
    free(too_many);
    void *larger = realloc(pieces[0], 1ull << 30);
    REQUIRE(larger == NULL && *(char *)pieces[0] == 1);
    size_t mapped = weft_malloc_use().mapped;
    for (unsigned i = 0; i < taken; i++) {
        free(pieces[i]);
    }
    unsigned char *large = malloc(mapped / 2), *zeros;
    EXPECT(large != NULL);
    free(large);
    zeros = calloc(100, 100);
    EXPECT(zeros != NULL && zeros[0] == 0 && zeros[9999] == 0);
    free(zeros);
    free(NULL);
    EXPECT_EQUAL(0, weft_malloc_use().used);
    EXPECT_EQUAL(mapped, weft_malloc_use().mapped);
}

KTAP_MAIN

/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a word, and what is made of it; see weft/sync.h.
 *
 * Theory of operation.
 *
 * 1. Who waits stands with a node on its stack in the list of a bucket, which the word's address chooses.
 *    A bucket is guarded by a flag that is held for some tens of instructions.
 * 2. No wake-up is lost: the waiter looks at the word once more under the guard before it joins the list;
 *    who wakes has changed the word before it takes the guard. Either the waiter sees the change, or it is
 *    in the list when the other one looks.
 * 3. A node is taken out of the list by who wakes it, or by its own thread when its time is up, both
 *    under the guard. From the store to `woken` on the waiter may leave, and its stack is something else.
 *    The signal comes after that store; if it comes late, it meets the same thread in a later wait, or
 *    nobody, and is a wake-up for nothing.
 * 4. Who finds the guard taken sleeps after some tries: its holder may be a thread of lower priority on
 *    this CPU, which would never run again if we did not.
 */
#include "weft/sync.h"
#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define BUCKETS 32
#define TRIES 64
#define REST_MICROSECONDS 20

struct waiter {
    uint32_t *word;
    uint64_t notification; /* of the thread; 0: it has none, and looks by itself */
    uint32_t woken;        /* atomic */
    struct waiter *next;
};

struct bucket {
    uint32_t guard; /* atomic: 1 taken */
    struct waiter *first;
    struct waiter **end; /* where the next one is hung; NULL: at `first` */
};

static struct bucket buckets[BUCKETS];

/* The calling thread's; 0: it can have none. A thread that comes after it takes it over. */
static uint64_t own_notification(void)
{
    static uint64_t notifications[WEFT_THREADS_MAX + 1];
    uint64_t *own = &notifications[weft_thread_number()];
    if (*own == 0 && weft_notification_create(weft_startup()->cpu, own) != STATUS_OK) {
        *own = 0;
    }
    return *own;
}

static struct bucket *bucket_enter(const uint32_t *word)
{
    struct bucket *bucket = &buckets[(uint64_t)word / sizeof(*word) * 0x9e3779b97f4a7c15 >> 59];
    /* [sync.guard] acquire: what the holder before did to the list. */
    for (unsigned tries = 0; weft_exchange(&bucket->guard, 1) != 0; tries++) {
        weft_pause();
        if (tries % TRIES == TRIES - 1) {
            weft_sleep_for(REST_MICROSECONDS);
        }
    }
    return bucket;
}

static void bucket_leave(struct bucket *bucket)
{
    weft_store_release(&bucket->guard, 0); /* [sync.guard] release: the list is whole */
}

static void append(struct bucket *bucket, struct waiter *waiter)
{
    struct waiter **end = bucket->end != NULL ? bucket->end : &bucket->first;
    *end = waiter;
    bucket->end = &waiter->next;
}

/* Takes up to `count` waiters for the word out (or just `only`, if it is there) and returns them as a list. */
static struct waiter *take_out(struct bucket *bucket, const uint32_t *word, uint32_t count,
                               const struct waiter *only)
{
    struct waiter *taken = NULL, **last = &taken, **at = &bucket->first;
    while (*at != NULL) {
        struct waiter *waiter = *at;
        if (waiter->word == word && count > 0 && (only == NULL || waiter == only)) {
            count--;
            *at = waiter->next;
            waiter->next = NULL;
            *last = waiter;
            last = &waiter->next;
        } else {
            at = &waiter->next;
        }
    }
    bucket->end = at;
    return taken;
}

/* Sleeps until the node is woken or its time is up. */
static status_t sleep_on(struct waiter *waiter, uint64_t deadline)
{
    uint64_t bits;
    status_t status = STATUS_OK;
    /* [sync.woken] acquire: the waker is done with the node, and what it did before comes first. */
    while (weft_load_acquire(&waiter->woken) == 0 && status != STATUS_TIMED_OUT) {
        if (waiter->notification != 0) {
            status = weft_notification_wait(waiter->notification, deadline, &bits);
        } else {
            weft_sleep_for(REST_MICROSECONDS);
            status = deadline != 0 && weft_cycles() >= deadline ? STATUS_TIMED_OUT : STATUS_OK;
        }
    }
    return status;
}

status_t weft_word_wait(uint32_t *word, uint32_t expected, uint64_t deadline)
{
    struct waiter waiter = {.word = word, .notification = own_notification()};
    struct bucket *bucket = bucket_enter(word);
    /* [sync.word] acquire: pairs with whoever changed it before it woke. */
    if (weft_load_acquire(word) != expected) {
        bucket_leave(bucket);
        return STATUS_OK;
    }
    append(bucket, &waiter);
    bucket_leave(bucket);
    if (sleep_on(&waiter, deadline) != STATUS_TIMED_OUT) {
        return STATUS_OK;
    }
    bucket = bucket_enter(word);
    struct waiter *mine = take_out(bucket, word, 1, &waiter);
    bucket_leave(bucket);
    if (mine != NULL) {
        return STATUS_TIMED_OUT;
    }
    (void)sleep_on(&waiter, 0); /* somebody is about to wake it: the node must stay until then */
    return STATUS_OK;
}

void weft_word_wake(uint32_t *word, uint32_t count)
{
    struct bucket *bucket = bucket_enter(word);
    struct waiter *waiter = take_out(bucket, word, count, NULL);
    bucket_leave(bucket);
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        uint64_t notification = waiter->notification;
        /* [sync.woken] release: from here on the node is its thread's stack again. */
        weft_store_release(&waiter->woken, 1);
        if (notification != 0) {
            (void)weft_notification_signal(notification, 1);
        }
        waiter = next;
    }
}

/* ---- mutexes and conditions --------------------------------------------------------------------- */

void weft_mutex_lock(struct weft_mutex *mutex)
{
    /* [sync.mutex] acquire: what was done under it before. */
    if (weft_compare_exchange(&mutex->state, 0, 1)) {
        return;
    }
    while (weft_exchange(&mutex->state, 2) != 0) { /* [sync.mutex] acquire, as above */
        (void)weft_word_wait(&mutex->state, 2, 0);
    }
}

_Bool weft_mutex_try(struct weft_mutex *mutex)
{
    return weft_compare_exchange(&mutex->state, 0, 1); /* [sync.mutex] acquire, as above */
}

void weft_mutex_unlock(struct weft_mutex *mutex)
{
    /* [sync.mutex] release: what was done under it. [sync.word] release: it comes before the wake-up. */
    if (weft_exchange(&mutex->state, 0) == 2) {
        weft_word_wake(&mutex->state, 1);
    }
}

status_t weft_condition_wait_until(struct weft_condition *condition, struct weft_mutex *mutex,
                                   uint64_t deadline)
{
    /* [sync.word] acquire: read under the mutex, so a signal that comes when it is let go is seen. */
    uint32_t turns = weft_load_acquire(&condition->turns);
    weft_mutex_unlock(mutex);
    status_t status = weft_word_wait(&condition->turns, turns, deadline);
    weft_mutex_lock(mutex);
    return status;
}

void weft_condition_wait(struct weft_condition *condition, struct weft_mutex *mutex)
{
    (void)weft_condition_wait_until(condition, mutex, 0);
}

void weft_condition_signal(struct weft_condition *condition)
{
    weft_fetch_add(&condition->turns, 1); /* [sync.word] release: before the wake-up */
    weft_word_wake(&condition->turns, 1);
}

void weft_condition_broadcast(struct weft_condition *condition)
{
    weft_fetch_add(&condition->turns, 1); /* [sync.word] release: before the wake-up */
    weft_word_wake(&condition->turns, UINT32_MAX);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of one process that wait for each other. All of it is zero at first and needs no closing.
 *
 *     static struct weft_mutex mutex;               static struct weft_condition arrived;
 *     weft_mutex_lock(&mutex);
 *     while (queue_is_empty()) {
 *         weft_condition_wait(&arrived, &mutex);    lets go of the mutex, and has it again
 *     }
 *     weft_mutex_unlock(&mutex);
 *
 * A mutex that nobody holds costs one atomic operation and no system call. Who has to wait sleeps on a
 * notification of its thread, made when it first waits (a capability for each thread that ever did).
 *
 * There is no priority inheritance: a thread of low priority that holds a mutex can be kept from running
 * by others, and so whoever waits for it. Do not share one between threads of different priorities where
 * that counts; send a message, which runs with its sender's priority. A thread that is killed while it
 * holds a mutex holds it for ever.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"

struct weft_mutex {
    uint32_t state; /* atomic: 0 free, 1 held, 2 held and perhaps waited for */
};

void weft_mutex_lock(struct weft_mutex *mutex);
_Bool weft_mutex_try(struct weft_mutex *mutex);
void weft_mutex_unlock(struct weft_mutex *mutex);

struct weft_condition {
    uint32_t turns; /* atomic: signals so far */
};

/* May return for no reason: look again. The second one gives up at a clock value: STATUS_TIMED_OUT, the
 * mutex is held again all the same. */
void weft_condition_wait(struct weft_condition *condition, struct weft_mutex *mutex);
status_t weft_condition_wait_until(struct weft_condition *condition, struct weft_mutex *mutex,
                                   uint64_t deadline);
void weft_condition_signal(struct weft_condition *condition);    /* one of those that wait */
void weft_condition_broadcast(struct weft_condition *condition); /* all */

/* What these are made of. Sleeps while *word is `expected`, until somebody wakes the word, or the deadline
 * (0: none). May return for no reason. */
status_t weft_word_wait(uint32_t *word, uint32_t expected, uint64_t deadline);

/* Wakes up to `count` of those that wait for the word, who waited longest first. */
void weft_word_wake(uint32_t *word, uint32_t count);

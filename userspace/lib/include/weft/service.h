/* SPDX-License-Identifier: Apache-2.0
 *
 * Services: programs that init starts, watches and starts again (docs/services.md).
 *
 *     static struct weft_service service;
 *     weft_service_open(&service, "kv");               what the manifest says it provides
 *     struct store *store = weft_service_state(&service, sizeof(*store));
 *     for (;;) {
 *         weft_service_next(&service);                 answers what came before, and waits
 *         const struct kv_request *request = weft_request(&service, struct kv_request);
 *         struct kv_answer *answer = weft_answer(&service, struct kv_answer);
 *         answer->status = ...
 *     }
 *
 * A message is four words. Its type is a structure of that size (WEFT_REQUEST, WEFT_ANSWER check it),
 * whose first member says what is asked, or what came of it. Up to WEFT_SERVICE_BYTES go with it, each
 * way. What cannot go on ends the process with a line on the console, and init starts the next
 * instance.
 *
 * One thread per service. A turn of the loop is its heartbeat: where the manifest says heartbeat=MS, a
 * turn that takes longer than that ends the instance; long work calls weft_service_beat().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "weft/service_page.h"
#include "weft/syscalls.h"

#define WEFT_SERVICE_BYTES IPC_BYTES_MAX

/* Checks a type of message: as large as a message, and this its first member. */
#define WEFT_REQUEST(type)                                                                         \
    _Static_assert(sizeof(type) == sizeof(struct weft_message), "a request is four words");        \
    _Static_assert(offsetof(type, operation) == 0 && sizeof(((type *)0)->operation) == 8,          \
                   "a request begins with what is asked, a word")
#define WEFT_ANSWER(type)                                                                          \
    _Static_assert(sizeof(type) == sizeof(struct weft_message), "an answer is four words");        \
    _Static_assert(offsetof(type, status) == 0 && sizeof(((type *)0)->status) == 8,                \
                   "an answer begins with what came of it, a status_t")

struct weft_service {
    /* The message that was received. */
    uint64_t badge;     /* who asks */
    uint64_t bits;      /* of `notification`: then there is no message */
    uint64_t operation; /* the first word */
    uint32_t bytes;     /* how many came with it, in `data` */
    uint8_t data[WEFT_SERVICE_BYTES];
    /* The answer, all zero to begin with. */
    uint32_t answer_bytes; /* how many shall go with it, from `answer_data` */
    const void *answer_data;
    /* To be set before the loop, or 0: its bits end the wait, too (an interrupt, a channel's partner).
     * It must live on the CPU of the service. */
    uint64_t notification;
    /* The library's own. */
    struct weft_message request;
    struct weft_message answer;
    uint64_t endpoint;
    struct weft_service_page *page;
};

/* To be called first, with the name of a `provide` line. */
void weft_service_open(struct weft_service *service, const char *name);

/* The memory of the manifest's `state` line, the same for all instances, zero at the very first. Whoever
 * writes there may die between any two stores: see docs/services.md. */
void *weft_service_state(struct weft_service *service, uint64_t bytes);

/* Sends the answer to the last message, if there was one, and waits for the next, or for bits. */
void weft_service_next(struct weft_service *service);

/* Says that a long turn is not a hang. */
void weft_service_beat(struct weft_service *service);

/* For a loop of one's own, whose messages hold capabilities or whose answers wait; and for programs that may
 * be started as plain processes too, for which both do nothing. The turn is made before each wait; it sets the
 * deadline of `ipc`, so that STATUS_TIMED_OUT means no more than the next turn. `answers`: the wait begins with
 * an answer to somebody. */
void weft_service_join(struct weft_service *service);
void weft_service_turn(struct weft_service *service, struct weft_ipc *ipc, _Bool answers);

static inline const void *weft_request_words(const struct weft_service *service)
{
    return service->request.words;
}

static inline void *weft_answer_words(struct weft_service *service)
{
    return service->answer.words;
}

#define weft_request(service, type) ((const type *)weft_request_words(service))
#define weft_answer(service, type) ((type *)weft_answer_words(service))

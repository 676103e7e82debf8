/* SPDX-License-Identifier: Apache-2.0
 *
 * Calling a service. The capability that a `use` line of the manifest gives stays good when the service
 * dies and comes back:
 *
 *     struct kv_request request = {.operation = KV_GET, ...};
 *     struct kv_answer answer;
 *     struct weft_call call = {.service = weft_capability("kv"),
 *                              .request = &request, .answer = &answer, .retries = 3};
 *     status_t status = weft_call(&call);
 *
 * What can happen to a call when the service dies:
 *
 *     it waits in the queue        it goes on waiting, and the next instance takes it
 *     the service had taken it     STATUS_DEAD at once: it may have been carried out, or not, or in
 *                                  part. With `retries` the library asks again: allow that for what may
 *                                  be carried out twice (a read, a write of a whole value)
 *     the service is given up      STATUS_DEAD at once, each time
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"

struct weft_call {
    uint64_t service;
    const void *request; /* WEFT_REQUEST */
    void *answer;        /* WEFT_ANSWER */
    const void *send;    /* what goes with the request */
    void *receive;       /* room for what comes with the answer */
    uint32_t send_bytes; /* up to WEFT_SERVICE_BYTES, as the next */
    uint32_t receive_bytes;
    uint64_t deadline; /* clock value for all tries together; 0: none */
    uint32_t retries;  /* how often to ask again after STATUS_DEAD */
    /* Told by the call. */
    uint32_t received; /* bytes that came */
    uint32_t deaths;   /* how often the service died with the request */
};

/* The answer's status; or, negative, why there is none: STATUS_DEAD, STATUS_TIMED_OUT, or an error in
 * the call itself. An answer has come if, and only if, `answered` (may be NULL) is true. */
status_t weft_call_answered(struct weft_call *call, _Bool *answered);

static inline status_t weft_call(struct weft_call *call)
{
    return weft_call_answered(call, (_Bool *)0);
}

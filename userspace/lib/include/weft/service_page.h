/* SPDX-License-Identifier: Apache-2.0
 *
 * What init and a service share: the first page of the memory that init keeps for the service and
 * gives to each of its instances. Behind it lies the service's state. init believes nothing that
 * stands here but that the number of turns changes.
 */
#pragma once

#include <stdint.h>

struct weft_service_page {
    /* Written by init, before an instance starts. */
    uint64_t state_bytes;
    uint64_t beat_interval; /* cycles after which an idle service makes a turn; 0: no heartbeat */
    uint64_t failed_at; /* clock, when init learned of the end of the instance before; 0: none */
    uint32_t instance;  /* 1, 2, ... */
    uint32_t arrow;     /* number of the trace's arrow from the failure to the first answer */
    /* Written by the service. */
    uint64_t turns;       /* of its loop */
    uint64_t ready_at;    /* clock, when it first waited for a message; 0: not yet */
    uint64_t answered_at; /* clock, when it gave its first answer; 0: not yet */
};

/* The names under which a service finds that memory, the notification by which it says that it is
 * ready, and the empty process where it maps what shall be kept if it dies. */
#define WEFT_SERVICE_MEMORY "service"
#define WEFT_SERVICE_READY "ready"
#define WEFT_SERVICE_VAULT "vault"

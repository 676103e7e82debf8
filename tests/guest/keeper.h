/* SPDX-License-Identifier: Apache-2.0
 *
 * A service for the tests of services: it keeps numbered words in its state, and dies as it is told. The
 * test program plays it in the role `keeper`, and calls it with keeper_ask().
 */
#pragma once

#include "child.h"

#include "weft/atomic.h"
#include "weft/client.h"
#include "weft/service.h"
#include "weft/supervisor.h"

#define CELLS 64

enum keeper_operation {
    KEEPER_READ = 1, /* a cell */
    KEEPER_WRITE,    /* a value into a cell */
    KEEPER_REVERSE,  /* the bytes that come with it */
    KEEPER_FAULT,
    KEEPER_HANG,      /* an endless loop */
    KEEPER_STUCK,     /* waits for what never comes */
    KEEPER_EXIT,      /* with the status `value` */
    KEEPER_EXIT_ONCE, /* if it is instance `value`, else answer */
    KEEPER_WORK,      /* for `value` microseconds, with a beat now and then */
};

struct keeper_request {
    uint64_t operation;
    uint64_t cell;
    uint64_t value;
    uint64_t unused;
};
WEFT_REQUEST(struct keeper_request);

struct keeper_answer {
    status_t status;
    uint64_t value;
    uint64_t badge;
    uint64_t instance;
};
WEFT_ANSWER(struct keeper_answer);

/* For ever. Without a pause, at which QEMU in icount mode stops to look at all CPUs: nobody is waited for
 * here, and the time of some heartbeats has to pass. */
static unused_function _Noreturn void keeper_spin(void)
{
    for (volatile uint64_t turns = 0;; turns++) {
    }
}

static unused_function void keeper_work(struct weft_service *service, uint64_t microseconds)
{
    for (uint64_t until = weft_deadline(microseconds); weft_cycles() < until;) {
        weft_service_beat(service);
    }
}

static unused_function void keeper_reverse(struct weft_service *service)
{
    static uint8_t reversed[WEFT_SERVICE_BYTES];
    for (uint32_t i = 0; i < service->bytes; i++) {
        reversed[i] = service->data[service->bytes - 1 - i];
    }
    service->answer_data = reversed;
    service->answer_bytes = service->bytes;
}

static unused_function void keeper_do(struct weft_service *service, uint64_t *cells)
{
    const struct keeper_request *request = weft_request(service, struct keeper_request);
    struct keeper_answer *answer = weft_answer(service, struct keeper_answer);
    *answer = (struct keeper_answer){.badge = service->badge, .instance = service->page->instance};
    switch (request->operation) {
    case KEEPER_READ:
        answer->value = weft_load64_acquire(&cells[request->cell % CELLS]);
        break;
    case KEEPER_WRITE:
        weft_store64_release(&cells[request->cell % CELLS], request->value); /* all or nothing */
        break;
    case KEEPER_REVERSE:
        keeper_reverse(service);
        break;
    case KEEPER_FAULT:
        *(volatile uint64_t *)8 = 1;
        break;
    case KEEPER_HANG:
        keeper_spin();
    case KEEPER_STUCK:
        for (;;) {
            weft_sleep_for(1000000);
        }
    case KEEPER_EXIT:
        weft_exit(request->value);
    case KEEPER_EXIT_ONCE:
        if (request->value == service->page->instance) {
            weft_exit(1);
        }
        break;
    case KEEPER_WORK:
        keeper_work(service, request->value);
        break;
    default:
        answer->status = STATUS_BAD_ARGUMENT;
    }
}

static unused_function int role_keeper(uint64_t value)
{
    static struct weft_service service;
    (void)value;
    weft_service_open(&service, "keeper");
    uint64_t *cells = weft_service_state(&service, CELLS * sizeof(uint64_t));
    for (;;) {
        weft_service_next(&service);
        keeper_do(&service, cells);
    }
}

static unused_function status_t keeper_ask(struct keeper_request request, uint32_t retries,
                                           struct keeper_answer *answer)
{
    struct weft_call call = {.service = weft_capability("keeper"),
                             .request = &request,
                             .answer = answer,
                             .retries = retries};
    return weft_call(&call);
}

static unused_function struct weft_service_info service_info(const char *name)
{
    struct weft_service_info info = {0};
    EXPECT_STATUS(STATUS_OK, weft_supervisor_find(name, &info));
    return info;
}

/* Waits for it; the boot's time limit stands behind that. */
static unused_function struct weft_service_info
service_wait(const char *name, enum weft_service_state state, uint32_t instance)
{
    for (;;) {
        struct weft_service_info info = {0};
        if (!EXPECT_STATUS(STATUS_OK, weft_supervisor_find(name, &info)) ||
            (info.state == state && info.instance >= instance)) {
            return info;
        }
        weft_sleep_for(200);
    }
}

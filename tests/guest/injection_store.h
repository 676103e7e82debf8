/* SPDX-License-Identifier: Apache-2.0
 *
 * A service whose state must survive faults: numbered cells. A value and its check sum are one word, written by
 * one store, so a cell holds the old value or the new one whenever the service dies; and what a fault
 * wrote there does not pass for a value: the answer is then STATUS_CANCELLED.
 *
 * With the word `planted` among its arguments only the first instance works: a failure that cannot be
 * recovered from, for the campaign's own test.
 */
#pragma once

#include "weft/atomic.h"
#include "weft/client.h"
#include "weft/service.h"
#include "weft/startup.h"

#define STORE_CELLS 64
#define STORE_VALUE_BITS 40
#define STORE_PATIENCE_US 1000000
#define STORE_RETRIES 8

enum store_operation { STORE_READ = 1, STORE_WRITE };

struct store_request {
    uint64_t operation;
    uint64_t cell;
    uint64_t value;
    uint64_t unused;
};
WEFT_REQUEST(struct store_request);

struct store_answer {
    status_t status; /* bad_argument; cancelled: the cell is damaged */
    uint64_t value;
    uint64_t unused[2];
};
WEFT_ANSWER(struct store_answer);

/* Never 0 for a value of its own: the check sum of 0 is not 0. An empty cell is 0 as a whole. */
static uint64_t store_seal(uint64_t cell, uint64_t value)
{
    uint64_t sum = (value + cell + 1) * 0x9e3779b97f4a7c15ull >> STORE_VALUE_BITS;
    return value | sum << STORE_VALUE_BITS;
}

static void store_do(struct weft_service *service, uint64_t *cells)
{
    const struct store_request *request = weft_request(service, struct store_request);
    struct store_answer *answer = weft_answer(service, struct store_answer);
    answer->status = STATUS_BAD_ARGUMENT;
    if (request->cell >= STORE_CELLS || request->value >> STORE_VALUE_BITS != 0) {
        return;
    }
    uint64_t *cell = &cells[request->cell];
    if (request->operation == STORE_WRITE) {
        weft_store64_release(cell, store_seal(request->cell, request->value)); /* all or nothing */
        answer->status = STATUS_OK;
    } else if (request->operation == STORE_READ) {
        uint64_t sealed = weft_load64_acquire(cell); /* alone */
        answer->value = sealed & ((1ull << STORE_VALUE_BITS) - 1);
        answer->status = sealed == 0 || sealed == store_seal(request->cell, answer->value)
                             ? STATUS_OK
                             : STATUS_CANCELLED;
    }
}

static int role_store(void)
{
    static struct weft_service service;
    char planted[8];
    weft_service_open(&service, "store");
    if (weft_argument("planted", planted, sizeof(planted)) && service.page->instance > 1) {
        weft_exit(1);
    }
    uint64_t *cells = weft_service_state(&service, STORE_CELLS * sizeof(uint64_t));
    for (;;) {
        weft_service_next(&service);
        store_do(&service, cells);
    }
}

static status_t store_ask(enum store_operation operation, uint64_t cell, uint64_t value,
                          uint64_t *got, uint64_t *deaths)
{
    struct store_request request = {operation, cell, value, 0};
    struct store_answer answer = {0};
    struct weft_call call = {.service = weft_capability("store"),
                             .request = &request,
                             .answer = &answer,
                             .retries = STORE_RETRIES,
                             .deadline = weft_cycles() +
                                         weft_startup()->clock_hz / 1000000 * STORE_PATIENCE_US};
    status_t status = weft_call(&call);
    *got = answer.value;
    *deaths = call.deaths;
    return status;
}

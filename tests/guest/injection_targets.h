/* SPDX-License-Identifier: Apache-2.0
 *
 * The services of the fault campaign and their clients, as the injector sees them: who is there, how each one stands,
 * and whether all is well. What is not in the manifest is left out.
 */
#pragma once

#include "injection_board.h"
#include "injection_faults.h"

#define WELL_OPERATIONS 3 /* of each client, and all is well */
#define PATIENCE_US 2000000
#define LOOK_US 200

struct target {
    struct fault_victim victim;
    enum injection_client client; /* whose good answers show that it works */
    uint32_t window;              /* so many of them, and a fault has had no effect */
    uint32_t number;              /* in init's list */
    _Bool there;
    _Bool interrupts; /* it has a device that sends it some */
    uint32_t latent;  /* faults in the running instance that had no effect */
};

static struct target targets[] = {
    {.victim = {.name = "pci", .endpoint = "pci", .cpu = 0}, .client = CLIENT_BUS, .window = 25},
    {.victim = {.name = "disk", .endpoint = "block", .cpu = 1},
     .client = CLIENT_DISK,
     .window = 25,
     .interrupts = 1},
    {.victim = {.name = "random", .endpoint = "entropy", .cpu = 2},
     .client = CLIENT_RANDOM,
     .window = 25,
     .interrupts = 1},
    {.victim = {.name = "clock", .endpoint = "rtc", .cpu = 3},
     .client = CLIENT_CLOCK,
     .window = 25},
    {.victim = {.name = "store", .endpoint = "store", .cpu = 2},
     .client = CLIENT_STORE,
     .window = 25},
    {.victim = {.name = "fs", .endpoint = "files", .cpu = 1}, .client = CLIENT_FILES, .window = 8},
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

/* Of processes in the manifest, by enum injection_client. */
static const char *const client_names[CLIENTS] = INJECTION_CLIENT_NAMES;
static _Bool client_there[CLIENTS];

static _Bool targets_find(void)
{
    struct weft_service_info info;
    for (uint32_t number = 0; weft_supervisor_list(number, &info, NULL) == STATUS_OK; number++) {
        for (uint32_t i = 0; i < TARGETS; i++) {
            if (info.is_service && strcmp(info.name, targets[i].victim.name) == 0) {
                targets[i].there = 1;
                targets[i].number = number;
            }
        }
        for (uint32_t i = 0; i < CLIENTS; i++) {
            client_there[i] |= !info.is_service && strcmp(info.name, client_names[i]) == 0;
        }
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        targets[i].victim.place = FAULT_PLACE + i * FAULT_ROOM;
        if (targets[i].there && targets[i].client == CLIENT_DISK && !client_there[CLIENT_DISK]) {
            targets[i].client = CLIENT_FILES; /* the disk is the file system's */
            targets[i].window = 8;
        }
    }
    return client_there[CLIENT_MEMORY] && client_there[CLIENT_PING];
}

/* ---- how things stand --------------------------------------------------------------------------- */

struct view {
    struct weft_service_info services[TARGETS];
    struct injection_line clients[CLIENTS];
};

static void look(struct view *view)
{
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (targets[i].there) {
            (void)weft_supervisor_list(targets[i].number, &view->services[i], NULL);
        }
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct injection_line *line = injection_line((enum injection_client)i);
        view->clients[i] = (struct injection_line){.good = injection_read(&line->good),
                                                   .wrong = injection_read(&line->wrong),
                                                   .lost = injection_read(&line->lost),
                                                   .cut = injection_read(&line->cut),
                                                   .late = injection_read(&line->late),
                                                   .good_at = injection_read(&line->good_at)};
    }
}

/* Who keeps us from saying that all is well: a name, or NULL. `since`: what the clients had got before. */
static const char *laggard(const struct view *since, const struct view *now)
{
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (targets[i].there &&
            (now->services[i].state != WEFT_SERVICE_RUNNING || now->services[i].answered_at == 0)) {
            return targets[i].victim.name;
        }
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (client_there[i] && now->clients[i].good < since->clients[i].good + WELL_OPERATIONS) {
            return client_names[i];
        }
    }
    return NULL;
}

/* Waits until all is well. Returns who is not, if that takes too long. */
static const char *wait_well(const struct view *since, struct view *now)
{
    uint64_t deadline = weft_deadline(PATIENCE_US);
    const char *name;
    do {
        weft_sleep_for(LOOK_US);
        look(now);
        name = laggard(since, now);
    } while (name != NULL && weft_cycles() < deadline);
    return name;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What stood in a message's way. A message makes progress only while somebody works for it: its client
 * on the way in and out, its server in between. Whatever else had the CPU while one of them could have
 * run is an obstacle:
 *
 *     thread      another thread ran although the server (or the client, at the end) was ready
 *     interrupt   an interrupt was handled on the CPU where the message was
 *     busy        the server itself was at work on something else when the message came
 *
 * What takes less than a sixteenth of the round trip is no obstacle.
 *
 *     obstacles_event(&obstacles, &model, &event, &change)   for each event, after model_apply()
 *     count = obstacles_find(&obstacles, &message, found)    when a message has completed
 *
 * Each CPU's last OBSTACLE_LOG switches, wake-ups and interrupts are remembered, so the memory does not
 * grow; of a message that took longer than that, only its end is looked at.
 */
#pragma once

#include "model.h"

#define OBSTACLES_MAX 8u
#define OBSTACLE_LOG 1024u /* a power of two */

enum obstacle_kind { OBSTACLE_THREAD, OBSTACLE_INTERRUPT, OBSTACLE_BUSY };

extern const char *const obstacle_kind_names[3];

struct obstacle {
    enum obstacle_kind kind;
    uint32_t who; /* thread index, or the interrupt's vector */
    uint32_t cpu;
    unsigned stage;
    uint64_t time; /* when it began */
    uint64_t length;
};

struct cpu_log;

struct obstacles {
    struct cpu_log *logs[CAPTURE_CPUS_MAX];
    const struct names *names;
};

void obstacles_event(struct obstacles *obstacles, const struct trace_event *event,
                     const struct model_change *change);
/* The message's obstacles, the longest first; at most OBSTACLES_MAX. */
unsigned obstacles_find(const struct obstacles *obstacles, const struct message *message,
                        struct obstacle *found);
void obstacles_free(struct obstacles *obstacles);
/* "thread 12 (worker)", "interrupt 0x20 (timer)" or "server 13 (disk) busy". */
void obstacle_text(const struct names *names, const struct obstacle *obstacle, char *text,
                   size_t size);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about what lives:
 *
 * 1. Ids are never used again: each thread, process and object is created once.
 * 2. A process ends once.
 * 3. No thread is created in a process that has ended, and no capability reaches it.
 *
 * They need no other records than the two that contradict each other, so lost ones do not weaken them.
 */
#include "check.h"

#include "weft/trace_events.h"

enum check_life { LIFE_BORN, LIFE_ENDED };

static void born(struct check *check, const struct trace_event *event, const char *what)
{
    if (id_table_get(&check->lives, event_a(event)) != ID_NONE) {
        violation(check, event, "%s %u is created, but its id was used before", what,
                  event_a(event));
    }
    id_table_put(&check->lives, event_a(event), LIFE_BORN);
}

static void alive(struct check *check, const struct trace_event *event, const char *what)
{
    if (id_table_get(&check->lives, event_b(event)) == LIFE_ENDED) {
        violation(check, event, "%s %u comes to process %u, which has ended", what, event_a(event),
                  event_b(event));
    }
}

void check_life(struct check *check, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_PROCESS_CREATE:
        born(check, event, "process");
        break;
    case TRACE_EVENT_THREAD_CREATE:
        born(check, event, "thread");
        alive(check, event, "thread");
        break;
    case TRACE_EVENT_OBJECT_CREATE:
        born(check, event, "object");
        break;
    case TRACE_EVENT_CAP_GRANT:
        alive(check, event, "a capability for object");
        break;
    case TRACE_EVENT_PROCESS_EXIT:
        if (id_table_get(&check->lives, event_a(event)) == LIFE_ENDED) {
            violation(check, event, "process %u ends twice", event_a(event));
        }
        id_table_put(&check->lives, event_a(event), LIFE_ENDED);
        break;
    default:
        break;
    }
}

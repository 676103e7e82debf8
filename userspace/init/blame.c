/* SPDX-License-Identifier: Apache-2.0
 *
 * What cannot be seen of a sick service from outside: its heart beats, and who depends on it fails. So the services
 * that a failing one needs are started anew, too.
 */
#include "system.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/time.h"

#define BLAME_AFTER 4   /* instances in a row that did no good; then at 8, 16 and so on */
#define GOOD_US 1000000 /* without a complaint: it has done some */

/* Has the instance that has ended done any good? Not if it never was ready, or was soon complained of. */
static _Bool did_good(const struct task *task)
{
    uint64_t ready =
        weft_load64_acquire(&task->page->ready_at); /* [service.ready] acquire: alone */
    return ready != 0 && (task->last.cause != WEFT_CAUSE_COMPLAINT || task->last.at < ready ||
                          task->last.at - ready > weft_microseconds(GOOD_US));
}

/* A service that does no good, again and again, may be well itself: one that it needs may be sick and
 * still have a heartbeat. So those are started anew, too: seldom, as it may not be their fault. */
void blame(struct task *task)
{
    if (task->last.cause == WEFT_CAUSE_START || task->last.on_demand) {
        return;
    }
    task->useless = did_good(task) ? 0 : task->useless + 1;
    if (task->useless < BLAME_AFTER || (task->useless & (task->useless - 1)) != 0) {
        return;
    }
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        if ((task->process->needs >> i & 1) != 0 && task_is_up(&init.tasks[i])) {
            weft_print("init: service %s does no good: service %s is started anew\n",
                       task->process->name, init.tasks[i].process->name);
            task_end(&init.tasks[i], (struct verdict){.cause = WEFT_CAUSE_BLAMED, .on_demand = 1});
        }
    }
}

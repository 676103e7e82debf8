/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of services.
 *
 *     WAITING  -> (all that it needs has been ready)      -> STARTING
 *     STARTING -> (it waits for its first message)        -> RUNNING
 *     STARTING, RUNNING -> (its process has ended)        -> RESTING, ENDED or GIVEN_UP
 *     RESTING  -> (its back-off is over)                  -> STARTING
 *     RESTING, ENDED, GIVEN_UP -> (by hand)               -> STARTING
 *     WAITING  -> (what it needs has been given up)       -> GIVEN_UP, and back when that is ready
 *
 * A plain process goes WAITING -> RUNNING -> ENDED.
 *
 * Why an instance is at its end is known in two steps. Who notices it first (a missed heartbeat, a
 * command, else the end itself) writes the verdict and ends the process; when the end is
 * signalled, no thread of it is left, and task_look() draws the conclusions. So two instances never
 * touch the state at the same time.
 */
#include "system.h"

#include "weft/annotate.h"
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define FAULT_STATUS 98
#define STATUS_TOP 99 /* the machine's exit statuses end here */
#define DOUBLINGS_MAX 24

/* Names of events in the trace: four numbers per task. */
enum event { EVENT_FAILED, EVENT_RESTART, EVENTS };

static uint32_t event_name(const struct task *task, enum event event)
{
    static const char *const words[EVENTS] = {"failed", "restart"};
    char text[40];
    uint32_t number = 1 + task_number(task) * EVENTS + event;
    weft_format(text, sizeof(text), "%s %s", words[event], task->process->name);
    weft_annotate_name(number, text);
    return number;
}

/* ---- the end of an instance ------------------------------------------------------------------- */

static _Bool is_provided(const struct manifest_grant *grant)
{
    return grant->wanted[0] == '\0' && grant->rights == RIGHT_READ &&
           init.manifest.objects[grant->object].kind == KIND_ENDPOINT;
}

static void for_each_provided(const struct task *task, void (*action)(uint32_t object))
{
    for (uint32_t i = 0; i < task->process->grant_count; i++) {
        if (is_provided(&task->process->grants[i])) {
            action(task->process->grants[i].object);
        }
    }
}

_Bool provides(const struct task *task, uint32_t object)
{
    for (uint32_t i = 0; i < task->process->grant_count; i++) {
        const struct manifest_grant *grant = &task->process->grants[i];
        if (grant->object == object && is_provided(grant)) {
            return 1;
        }
    }
    return 0;
}

/* " (needed by a, b)", as far as it fits. */
static const char *dependants(const struct task *task)
{
    static char text[160];
    size_t length = 0;
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        if ((init.tasks[i].process->needs >> task_number(task) & 1) != 0 && length < sizeof(text)) {
            length += weft_format(text + length, sizeof(text) - length, "%s%s",
                                  length ? ", " : " (needed by ", init.tasks[i].process->name);
        }
    }
    if (length > 0 && length + 1 < sizeof(text)) {
        weft_format(text + length, sizeof(text) - length, ")");
    }
    return length > 0 ? text : "";
}

/* The service will not be started again by itself. */
static void retire(struct task *task, enum weft_service_state state, const char *why)
{
    task->state = state;
    weft_print("init: service %s %s%s\n", task->process->name, why, dependants(task));
    for_each_provided(task, mourn);
    if (!task->was_ready) {
        tasks_start_waiting(); /* whoever needs it hears of it */
    }
}

/* So many failures in so short a time that nothing is to be hoped for? */
static _Bool is_hopeless(const struct task *task)
{
    const struct manifest_service *service = &task->process->service;
    uint32_t count = service->give_up_count;
    if (count == 0 || task->failures - task->forgiven < count) {
        return 0;
    }
    uint64_t first = task->failed_at[(task->failures - count) % MANIFEST_FAILURES_MAX];
    return task->last.at - first <= weft_microseconds(service->give_up_seconds * 1000000ull);
}

static uint64_t back_off(struct task *task)
{
    const struct manifest_service *service = &task->process->service;
    uint64_t most = weft_microseconds(service->backoff_most * 1000ull);
    uint64_t ready =
        weft_load64_acquire(&task->page->ready_at); /* [service.ready] acquire: as below */
    if (ready != 0 && task->last.at > ready && task->last.at - ready > most) {
        task->row = 0; /* it has been well for a while */
    }
    uint64_t first = weft_microseconds(service->backoff_first * 1000ull);
    uint64_t next = first != 0 ? first : weft_microseconds(1000);
    next <<= task->row < DOUBLINGS_MAX ? task->row : DOUBLINGS_MAX;
    next = task->row == 0 ? first : next;
    task->row++;
    return next < most ? next : most;
}

static const char *describe(const struct verdict *verdict)
{
    static const char *const names[] = WEFT_SERVICE_CAUSE_NAMES;
    static char text[40];
    switch (verdict->cause) {
    case WEFT_CAUSE_COMPLAINT:
        weft_format(text, sizeof(text), "complaint of %s",
                    init.manifest.processes[verdict->detail].name);
        return text;
    case WEFT_CAUSE_EXIT:
    case WEFT_CAUSE_FAULT:
    case WEFT_CAUSE_START:
        weft_format(text, sizeof(text), "%s %d", names[verdict->cause], verdict->detail);
        return text;
    default:
        return names[verdict->cause];
    }
}

/* An instance has ended, or could not be started. */
static void failed(struct task *task)
{
    const struct manifest_service *service = &task->process->service;
    _Bool good = task->last.cause == WEFT_CAUSE_EXIT && task->last.detail == 0;
    uint64_t delay = 0;
    if (task->last.for_good) {
        retire(task, WEFT_SERVICE_ENDED, "is stopped");
        return;
    }
    blame(task);
    if (service->restart == RESTART_NEVER || (good && service->restart == RESTART_FAILURE)) {
        retire(task, WEFT_SERVICE_ENDED,
               good ? "has ended" : "has failed, and is not started again");
        return;
    }
    if (!task->last.on_demand) {
        task->failed_at[task->failures++ % MANIFEST_FAILURES_MAX] = task->last.at;
        if (is_hopeless(task)) {
            retire(task, WEFT_SERVICE_GIVEN_UP, "is given up");
            return;
        }
        delay = back_off(task);
    }
    task->state = WEFT_SERVICE_RESTING;
    task->restart_at = task->last.at + delay;
    weft_print("init: service %s: %s; start %u in %lu ms\n", task->process->name,
               describe(&task->last), task->instance + 1,
               (delay + weft_microseconds(500)) / weft_microseconds(1000));
}

/* What the end of a process of the manifest means for the machine. */
static uint64_t look_at_process(const char *name, struct weft_end end)
{
    switch (end.cause) {
    case WEFT_FAULT:
        weft_print("init: process %s ended by fault %u\n", name, end.status);
        return FAULT_STATUS;
    case WEFT_KILLED:
        weft_print("init: process %s was killed\n", name);
        return FAULT_STATUS;
    default:
        return end.status <= STATUS_TOP ? end.status : STATUS_TOP;
    }
}

static struct verdict verdict_of(struct weft_end end)
{
    static const enum weft_service_cause causes[] = {
        [WEFT_EXITED] = WEFT_CAUSE_EXIT,
        [WEFT_FAULT] = WEFT_CAUSE_FAULT,
        [WEFT_KILLED] = WEFT_CAUSE_KILLED,
    };
    return (struct verdict){
        .cause = causes[end.cause], .detail = (int32_t)end.status, .at = weft_cycles()};
}

void task_look(struct task *task)
{
    if (!task_is_up(task)) {
        return;
    }
    struct weft_end end = weft_process_end(task->child.process);
    if (end.cause == WEFT_ALIVE) {
        return;
    }
    if (!task->process->is_service) {
        uint64_t its = look_at_process(task->process->name, end);
        task->state = WEFT_SERVICE_ENDED;
        task->last = verdict_of(end);
        if (task->process->is_manual) {
            task_close(task); /* and with it its memory comes back */
        }
        if (task->process->wait && init.result == 0) {
            init.result = its;
        }
        return;
    }
    task_close(task);
    task->last = task->verdict.cause != WEFT_CAUSE_NONE ? task->verdict : verdict_of(end);
    weft_annotate_instant(event_name(task, EVENT_FAILED), task->last.cause);
    failed(task);
}

void task_end(struct task *task, struct verdict verdict)
{
    if (task_is_up(task) && task->verdict.cause == WEFT_CAUSE_NONE) {
        task->verdict = verdict;
        task->verdict.at = weft_cycles();
        (void)weft_process_kill(task->child.process);
    }
}

/* ---- starting --------------------------------------------------------------------------------- */

static void start(struct task *task)
{
    const char *reason;
    uint32_t name = task->instance > 0 ? event_name(task, EVENT_RESTART) : 0;
    if (name != 0) {
        weft_annotate_begin(name, task->instance + 1);
        weft_annotate_flow_out(name, task_number(task) << 16 | (uint16_t)(task->instance + 1));
    }
    status_t status = task_spawn(task, &reason);
    if (name != 0) {
        weft_annotate_end(name);
    }
    if (status == STATUS_OK) {
        task->state = task->process->is_service ? WEFT_SERVICE_STARTING : WEFT_SERVICE_RUNNING;
        return;
    }
    if (!task->process->is_service && !task->process->is_manual) {
        init_fail("process", task->process->name, reason, status);
    }
    weft_print("init: %s %s: %s\n", task->process->is_service ? "service" : "process",
               task->process->name, reason);
    task->last =
        (struct verdict){.cause = WEFT_CAUSE_START, .detail = (int32_t)status, .at = weft_cycles()};
    if (task->process->is_service) {
        failed(task);
    }
}

void task_start_again(struct task *task)
{
    if (task->state == WEFT_SERVICE_ENDED || task->state == WEFT_SERVICE_GIVEN_UP) {
        for_each_provided(task, mourn_no_more);
    }
    task->forgiven = task->failures;
    task->row = 0;
    start(task);
}

void task_stop(struct task *task)
{
    if (task_is_up(task)) {
        task_end(task, (struct verdict){.cause = WEFT_CAUSE_KILLED});
        task->verdict.for_good = 1; /* also when it is at its end already */
    } else {
        retire(task, WEFT_SERVICE_ENDED, "is stopped");
    }
}

enum needs { NEEDS_MET, NEEDS_OPEN, NEEDS_LOST };

static enum needs needs_of(const struct task *task)
{
    enum needs result = NEEDS_MET;
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        const struct task *needed = &init.tasks[i];
        _Bool done = needed->state == WEFT_SERVICE_ENDED && needed->last.detail == 0 &&
                     needed->last.cause == WEFT_CAUSE_EXIT;
        if ((task->process->needs >> i & 1) == 0 || needed->was_ready || done) {
            continue;
        }
        if (needed->state == WEFT_SERVICE_GIVEN_UP || needed->state == WEFT_SERVICE_ENDED) {
            return NEEDS_LOST;
        }
        result = NEEDS_OPEN;
    }
    return result;
}

/* A service, or a process, that will not be started as what it needs never was ready. */
static void lose(struct task *task)
{
    task->last = (struct verdict){.cause = WEFT_CAUSE_NEEDS, .at = weft_cycles()};
    if (task->process->is_service) {
        retire(task, WEFT_SERVICE_GIVEN_UP, "is given up, as what it needs is");
        return;
    }
    task->state = WEFT_SERVICE_GIVEN_UP;
    weft_print("init: process %s is not started: what it needs is given up\n", task->process->name);
    if (task->process->wait && init.result == 0) {
        init.result = FAULT_STATUS;
    }
}

void tasks_start_waiting(void)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        enum needs needs = task->state == WEFT_SERVICE_WAITING ? needs_of(task) : NEEDS_OPEN;
        if (needs == NEEDS_MET) {
            start(task);
        } else if (needs == NEEDS_LOST) {
            lose(task);
        }
    }
}

void tasks_look_for_ready(void)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        /* [service.ready] acquire: what it has prepared comes first. Pairs with become_ready(). */
        if (task->state == WEFT_SERVICE_STARTING && task->process->is_service &&
            weft_load64_acquire(&task->page->ready_at) != 0) {
            task->state = WEFT_SERVICE_RUNNING;
            task->was_ready = 1;
        }
    }
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        if (task->last.cause == WEFT_CAUSE_NEEDS && task->state == WEFT_SERVICE_GIVEN_UP &&
            task->process->is_service && needs_of(task) == NEEDS_MET) {
            for_each_provided(task, mourn_no_more);
            task->state = WEFT_SERVICE_WAITING;
        }
    }
    tasks_start_waiting();
}

/* ---- what is due ------------------------------------------------------------------------------ */

/* A look that comes late proves little: what kept init from the CPU (a host with other work, a machine that was
 * stopped for a while) may have kept the service from it, too. So once it is given the time again. */
static void check_heartbeat(struct task *task, uint64_t now)
{
    uint64_t interval = weft_microseconds(task->process->service.heartbeat * 1000ull);
    /* [service.turns] acquire: only the change counts. Pairs with weft_service_beat(). */
    uint64_t turns = weft_load64_acquire(&task->page->turns);
    _Bool moved = turns != task->turns, late = now - task->check_at > interval / 2;
    if (!moved && (!late || task->spared)) {
        task_end(task, (struct verdict){.cause = WEFT_CAUSE_HANG});
        task->check_at = 0;
        return;
    }
    task->spared = !moved;
    task->turns = turns;
    task->check_at = now + interval;
}

void tasks_tick(void)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        uint64_t now = weft_cycles();
        if (task->state == WEFT_SERVICE_RESTING && now >= task->restart_at) {
            start(task);
        } else if (task_is_up(task) && task->check_at != 0 && now >= task->check_at) {
            check_heartbeat(task, now);
        }
    }
}

uint64_t tasks_deadline(void)
{
    uint64_t deadline = UINT64_MAX;
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        const struct task *task = &init.tasks[i];
        uint64_t due = task->state == WEFT_SERVICE_RESTING       ? task->restart_at
                       : task_is_up(task) && task->check_at != 0 ? task->check_at
                                                                 : UINT64_MAX;
        deadline = due < deadline ? due : deadline;
    }
    return deadline == UINT64_MAX ? 0 : deadline;
}

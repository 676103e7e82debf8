/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of the own process: stacks, start, end.
 *
 * Every possible thread has a slot: a struct weft_thread and a range of addresses for its stack,
 * with an unmapped page below. A slot goes
 *
 *     FREE -> (weft_thread_start takes it) -> USED -> (its thread has left the stack) -> ENDED
 *     ENDED -> (the next weft_thread_start takes it, its stack still mapped) -> USED
 *
 * The step to ENDED is the thread's last instruction before its last system call, see
 * weft_thread_finish(): from there on nothing of it touches the stack.
 */
#include "weft/thread.h"
#include "weft/atomic.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

enum slot_state { SLOT_FREE = 0, SLOT_ENDED = 1, SLOT_USED = 2 };

#define STACK_SPACING ((WEFT_THREAD_STACK_PAGES + 1) * WEFT_PAGE_SIZE)

_Static_assert(WEFT_STACKS_BASE + WEFT_THREADS_MAX * STACK_SPACING <= WEFT_STACKS_TOP,
               "the stacks fit their range");

struct weft_thread {
    uint32_t state; /* atomic enum slot_state */
    weft_thread_function *function;
    void *argument;
    struct weft_group *group;
    struct weft_name name;
};

static struct weft_thread threads[WEFT_THREADS_MAX];

extern void weft_thread_entry(void);
_Noreturn void weft_thread_main(struct weft_thread *thread);

struct weft_name weft_name_pack(const char *text)
{
    struct weft_name name = {{0, 0}};
    memcpy(name.words, text, strnlen(text, sizeof(name.words)));
    return name;
}

void weft_thread_set_name(const char *text)
{
    struct weft_name name = weft_name_pack(text);
    (void)weft_thread_name(name.words[0], name.words[1]);
}

status_t weft_group_open(struct weft_group *group)
{
    group->running = 1;
    return weft_notification_create(weft_startup()->cpu, &group->notification);
}

static void group_leave(struct weft_group *group)
{
    uint64_t notification = group->notification; /* the group may be gone after the last count */
    if (weft_fetch_add(&group->running, -1u) == 1) {
        (void)weft_notification_signal(notification, 1);
    }
}

void weft_group_wait(struct weft_group *group)
{
    uint64_t bits;
    group_leave(group);
    (void)weft_notification_wait(group->notification, 0, &bits);
    group->running = 1;
}

void weft_group_close(struct weft_group *group)
{
    (void)weft_cap_delete(group->notification);
}

static uint64_t stack_base(const struct weft_thread *thread)
{
    return WEFT_STACKS_BASE + (uint64_t)(thread - threads) * STACK_SPACING + WEFT_PAGE_SIZE;
}

uint32_t weft_thread_number(void)
{
    char here; /* on its stack, which tells who it is */
    uint64_t address = (uint64_t)&here;
    return address >= WEFT_STACKS_BASE && address < WEFT_STACKS_TOP
               ? (uint32_t)((address - WEFT_STACKS_BASE) / STACK_SPACING)
               : WEFT_THREADS_MAX;
}

/* Fresh stack memory; the mapping keeps it alive, the handle is not needed any more. */
static status_t stack_map(uint64_t address)
{
    uint64_t memory;
    status_t status = weft_memory_create(WEFT_THREAD_STACK_PAGES, &memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = weft_memory_map(HANDLE_SELF, memory, address, 0, WEFT_THREAD_STACK_PAGES,
                             RIGHT_READ | RIGHT_WRITE);
    (void)weft_cap_delete(memory);
    return status;
}

static status_t slot_take(struct weft_thread **out)
{
    static const uint32_t wanted[] = {SLOT_ENDED, SLOT_FREE}; /* stacks that are there come first */
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < WEFT_THREADS_MAX; i++) {
            /* [thread.slot] acquire: whoever had the slot before is done with its stack. */
            if (weft_load_acquire(&threads[i].state) != wanted[pass] ||
                !weft_compare_exchange(&threads[i].state, wanted[pass], SLOT_USED)) {
                continue;
            }
            status_t status = wanted[pass] == SLOT_FREE ? stack_map(stack_base(&threads[i])) : 0;
            if (status != STATUS_OK) {
                weft_store_release(&threads[i].state, SLOT_FREE); /* [thread.slot] as below */
                return status;
            }
            *out = &threads[i];
            return STATUS_OK;
        }
    }
    return STATUS_NO_SLOT;
}

/* `placement` as weft_thread_create() takes it, and `result` as it gives it. */
static status_t start(struct weft_group *group, const char *name, uint64_t placement,
                      weft_thread_function *function, void *argument, uint64_t *result)
{
    struct weft_thread *thread;
    status_t status = slot_take(&thread);
    if (status != STATUS_OK) {
        return status;
    }
    thread->function = function;
    thread->argument = argument;
    thread->group = group;
    thread->name = weft_name_pack(name);
    if (group != NULL) {
        weft_fetch_add(&group->running, 1);
    }
    status = weft_thread_create(HANDLE_SELF, placement, (uint64_t)weft_thread_entry,
                                stack_base(thread) + WEFT_THREAD_STACK_PAGES * WEFT_PAGE_SIZE,
                                (uint64_t)thread, result);
    if (status == STATUS_NO_SLOT) {
        return status; /* it runs, but cannot be named */
    }
    if (status != STATUS_OK) {
        if (group != NULL) {
            weft_fetch_add(&group->running, -1u);
        }
        /* [thread.slot] release: from here on somebody else may use the slot. */
        weft_store_release(&thread->state, SLOT_ENDED);
    }
    return status;
}

static uint64_t placement(uint32_t cpu, uint32_t priority)
{
    return cpu | (uint64_t)priority << 16;
}

status_t weft_thread_start_named(struct weft_group *group, const char *name, uint32_t cpu,
                                 uint32_t priority, weft_thread_function *function, void *argument,
                                 uint64_t *handle)
{
    return start(group, name, placement(cpu, priority), function, argument, handle);
}

status_t weft_thread_start_id(struct weft_group *group, const char *name, uint32_t cpu,
                              uint32_t priority, weft_thread_function *function, void *argument,
                              uint32_t *thread_id)
{
    uint64_t id;
    status_t status =
        start(group, name, placement(cpu, priority) | THREAD_UNNAMED, function, argument, &id);
    if (status != STATUS_OK) {
        return status;
    }
    if (thread_id != NULL) {
        *thread_id = (uint32_t)id;
    }
    return STATUS_OK;
}

/* Called by weft_thread_entry on the thread's own stack. */
_Noreturn void weft_thread_main(struct weft_thread *thread)
{
    (void)weft_thread_name(thread->name.words[0], thread->name.words[1]);
    thread->function(thread->argument);
    if (thread->group != NULL) {
        group_leave(thread->group);
    }
    _Static_assert(SLOT_ENDED == 1, "what weft_thread_finish stores");
    weft_thread_finish(&thread->state, SYSCALL_THREAD_EXIT, 0);
}

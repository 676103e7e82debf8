/* SPDX-License-Identifier: Apache-2.0
 *
 * Who answers for a service that will not come back: nobody shall wait for it. As long as init keeps the
 * endpoint, calls of it would queue for ever; would init let go of it, the clients' capabilities would
 * be dead for good, also when somebody starts the service again by hand. So a thread of init receives
 * in the place of the service and lets go of each caller, who gets STATUS_DEAD at once.
 */
#include "system.h"

#include "weft/syscalls.h"
#include "weft/thread.h"

#define PRIORITY 62 /* below init's first thread */

struct mourner {
    uint64_t endpoint;
    uint64_t enough; /* notification; 0: nobody mourns */
    struct weft_group group;
};

static struct mourner mourners[MANIFEST_OBJECTS_MAX];

static void work(void *argument)
{
    const struct mourner *mourner = argument;
    for (;;) {
        struct weft_message message = {{0}};
        struct weft_ipc ipc = {.notification = (uint32_t)mourner->enough};
        uint64_t badge, caller;
        status_t status = weft_ipc_receive(mourner->endpoint, &message, &badge, &ipc);
        if (status < 0 || (status & WEFT_IPC_NOTIFIED) != 0) {
            return;
        }
        if (weft_ipc_reply_save(&caller) == STATUS_OK) {
            (void)weft_cap_delete(caller);
        }
    }
}

void mourn(uint32_t object)
{
    struct mourner *mourner = &mourners[object];
    uint32_t cpu = init.manifest.objects[object].cpu;
    mourner->endpoint = init.handles[object];
    status_t status = weft_notification_create(cpu, &mourner->enough);
    if (status == STATUS_OK) {
        status = weft_group_open(&mourner->group);
    }
    if (status == STATUS_OK) {
        status = weft_thread_start(&mourner->group, "mourner", cpu, PRIORITY, work, mourner);
    }
    if (status != STATUS_OK) {
        init_fail("endpoint", init.manifest.objects[object].name, "cannot be answered for", status);
    }
}

void mourn_no_more(uint32_t object)
{
    struct mourner *mourner = &mourners[object];
    if (mourner->enough == 0) {
        return;
    }
    (void)weft_notification_signal(mourner->enough, 1);
    weft_group_wait(&mourner->group);
    weft_group_close(&mourner->group);
    (void)weft_cap_delete(mourner->enough);
    *mourner = (struct mourner){0};
}

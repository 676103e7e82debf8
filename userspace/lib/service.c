/* SPDX-License-Identifier: Apache-2.0
 *
 * The side of the service, see weft/service.h. What init must know stands in the page that both map
 * (weft/service_page.h): turns of the loop, and the moments of being ready and of the first answer.
 */
#include "weft/service.h"
#include "weft/annotate.h"
#include "weft/atomic.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"

enum { NAME_READY = 1, NAME_ANSWERED }; /* of events in the trace */

static uint64_t needed(const char *name)
{
    uint64_t handle = weft_capability(name);
    if (handle == 0) {
        weft_fail("there is no capability %s: it must be a service that provides it", name);
    }
    return handle;
}

static void map(uint64_t address, uint64_t first_page, uint64_t pages)
{
    status_t status = weft_memory_map(HANDLE_SELF, needed(WEFT_SERVICE_MEMORY), address, first_page,
                                      pages, RIGHT_READ | RIGHT_WRITE);
    if (status != STATUS_OK) {
        weft_fail("the memory kept for it cannot be mapped: status %ld", status);
    }
}

static void open_page(struct weft_service *service)
{
    map(WEFT_SERVICE_BASE, 0, 1);
    service->page = (struct weft_service_page *)WEFT_SERVICE_BASE;
    weft_annotate_name(NAME_READY, "ready");
    weft_annotate_name(NAME_ANSWERED, "first answer");
    weft_service_beat(service);
}

void weft_service_open(struct weft_service *service, const char *name)
{
    *service = (struct weft_service){.endpoint = needed(name)};
    open_page(service);
}

void weft_service_join(struct weft_service *service)
{
    *service = (struct weft_service){0};
    if (weft_capability(WEFT_SERVICE_MEMORY) != 0) {
        open_page(service);
    }
}

void *weft_service_state(struct weft_service *service, uint64_t bytes)
{
    if (bytes > service->page->state_bytes) {
        weft_fail("its state has %lu bytes, and %lu are wanted", service->page->state_bytes, bytes);
    }
    map(WEFT_STATE_BASE, 1, weft_page_up(service->page->state_bytes) / WEFT_PAGE_SIZE);
    return (void *)WEFT_STATE_BASE;
}

void weft_service_beat(struct weft_service *service)
{
    /* [service.turns] release: only the change counts. Pairs with init's load. */
    weft_store64_release(&service->page->turns, service->page->turns + 1);
}

static void become_ready(struct weft_service_page *page)
{
    uint64_t ready = needed(WEFT_SERVICE_READY);
    weft_annotate_instant(NAME_READY, page->instance);
    /* [service.ready] release: what the instance has prepared is done. Pairs with init's load. */
    weft_store64_release(&page->ready_at, weft_cycles());
    (void)weft_notification_signal(ready, 0); /* the badge has the bit */
}

/* Called with the first answer still to be sent, by the next system call. */
static void note_first_answer(struct weft_service_page *page)
{
    page->answered_at = weft_cycles();
    weft_annotate_instant(NAME_ANSWERED, page->instance);
    if (page->arrow != 0) {
        weft_annotate_flow_in(NAME_ANSWERED, page->arrow);
    }
}

/* One wait. Returns whether something came. */
static _Bool receive(struct weft_service *service)
{
    uint64_t interval = service->page->beat_interval;
    struct weft_ipc ipc = {
        .deadline = interval != 0 ? weft_cycles() + interval : 0,
        .notification = (uint32_t)service->notification,
        .send_address = (uint64_t)service->answer_data,
        .send_bytes = service->answer_bytes,
        .receive_address = (uint64_t)service->data,
        .receive_bytes = sizeof(service->data),
    };
    service->request = service->answer;
    status_t status =
        weft_ipc_reply_receive_with(service->endpoint, &service->request, &service->badge, &ipc);
    service->answer_bytes = 0; /* it is sent, if somebody was there to get it */
    weft_service_beat(service);
    if (status == STATUS_TIMED_OUT) {
        return 0;
    }
    if (status < 0) {
        weft_fail("cannot receive: status %ld", status);
    }
    _Bool notified = (status & WEFT_IPC_NOTIFIED) != 0;
    service->bits = notified ? service->badge : 0;
    service->bytes = notified ? 0 : WEFT_IPC_BYTES(status);
    return 1;
}

void weft_service_next(struct weft_service *service)
{
    struct weft_service_page *page = service->page;
    if (page->ready_at == 0) {
        become_ready(page);
    } else if (page->answered_at == 0 && service->bits == 0) {
        note_first_answer(page);
    }
    while (!receive(service)) {
    }
    service->operation = service->request.words[0];
    memset(&service->answer, 0, sizeof(service->answer));
    service->answer_data = NULL;
}

void weft_service_turn(struct weft_service *service, struct weft_ipc *ipc, _Bool answers)
{
    struct weft_service_page *page = service->page;
    if (page == NULL) {
        return;
    }
    if (page->ready_at == 0) {
        become_ready(page);
    } else if (page->answered_at == 0 && answers) {
        note_first_answer(page);
    }
    weft_service_beat(service);
    ipc->deadline = page->beat_interval != 0 ? weft_cycles() + page->beat_interval : 0;
}

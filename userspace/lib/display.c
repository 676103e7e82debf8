/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of the display; the header is the manual.
 */
#include "weft/display.h"
#include "weft/layout.h"
#include "weft/syscalls.h"

static status_t ask(const struct weft_display *display, struct weft_message *message,
                    struct weft_ipc *ipc)
{
    status_t status = weft_ipc_call_with(display->service, message, ipc);
    return status < 0 ? status : (status_t)message->words[0];
}

/* Attaching can meet a driver that dies just then. Asks on while there are others. */
static status_t attach(struct weft_display *display)
{
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_DISPLAY_ATTEMPTS && status == STATUS_DEAD; turn++) {
        struct weft_message message = {
            {WEFT_DISPLAY_ATTACH, weft_pair(display->width, display->height)}};
        struct weft_ipc ipc = {.send_count = 1,
                               .send_handles = {(uint32_t)display->memory},
                               .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY}};
        status = ask(display, &message, &ipc);
    }
    return status;
}

static status_t learn_size(struct weft_display *display)
{
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_DISPLAY_ATTEMPTS && status == STATUS_DEAD; turn++) {
        struct weft_message message = {{WEFT_DISPLAY_INFO}};
        status = ask(display, &message, NULL);
        display->width = (uint32_t)message.words[1];
        display->height = (uint32_t)(message.words[1] >> 32);
    }
    return status;
}

status_t weft_display_open(struct weft_display *display, uint64_t service, uint64_t place)
{
    *display = (struct weft_display){.service = service, .pixels = (weft_pixel_t *)place};
    status_t status = learn_size(display);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t pages =
        weft_page_up((uint64_t)display->width * display->height * sizeof(weft_pixel_t)) /
        WEFT_PAGE_SIZE;
    status = weft_memory_create(pages, &display->memory);
    if (status != STATUS_OK) {
        return status;
    }
    status =
        weft_memory_map(HANDLE_SELF, display->memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE);
    if (status == STATUS_OK) {
        status = attach(display);
        if (status != STATUS_OK) {
            (void)weft_memory_unmap(HANDLE_SELF, place, pages);
        }
    }
    if (status != STATUS_OK) {
        (void)weft_cap_delete(display->memory);
    }
    return status;
}

status_t weft_display_show(struct weft_display *display, const struct weft_rectangle *changed)
{
    struct weft_message message = {{WEFT_DISPLAY_SHOW, weft_pair(changed->x, changed->y),
                                    weft_pair(changed->width, changed->height)}};
    status_t status = ask(display, &message, NULL);
    if (status != STATUS_DEAD) {
        return status;
    }
    display->recoveries++;
    return attach(display); /* which shows all of it */
}

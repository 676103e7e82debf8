/* SPDX-License-Identifier: Apache-2.0
 *
 * The scope: a live picture of the machine, drawn in the guest from the kernel's own trace: which thread ran on which CPU
 * in the last moments, what went from one CPU to another, and what interrupted them.
 *
 * It is given
 *
 *     trace         the rings (weft/trace.h)
 *     compositor    where its surface is shown
 *
 * Arguments: x=, y=, width=, height= of the surface (default: the whole screen), window=US (50000), period=MS
 * (200) from one picture to the next. It is seen in its own picture.
 */
#include "model.h"

#include "weft/layout.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/surface.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define SURFACE_PLACE WEFT_FREE_BASE
#define TRACE_PLACE (WEFT_FREE_BASE + 0x1000000)
#define WINDOW_MIN 1000u
#define WINDOW_MAX 10000000u

static struct weft_service service;
static struct weft_surface surface;

static void open_surface(void)
{
    uint64_t compositor = weft_capability("compositor");
    uint32_t width = 0, height = 0;
    status_t status = weft_surface_screen(compositor, &width, &height);
    struct weft_rectangle area = {
        .x = (uint32_t)weft_argument_number("x", 0),
        .y = (uint32_t)weft_argument_number("y", 0),
        .width = (uint32_t)weft_argument_number("width", width),
        .height = (uint32_t)weft_argument_number("height", height),
    };
    if (status == STATUS_OK && (area.width < 640 || area.height < 240)) {
        weft_fail("a picture of %u x %u pixels is too small: 640 x 240 are needed", area.width,
                  area.height);
    }
    if (status == STATUS_OK) {
        status = weft_surface_open(&surface, compositor, SURFACE_PLACE, &area, 0);
    }
    if (status != STATUS_OK) {
        weft_fail("there is no surface to draw on (status %ld)", status);
    }
    status = weft_trace_open(&model.trace, TRACE_PLACE);
    if (status != STATUS_OK) {
        weft_fail("%s (status %ld)",
                  status == STATUS_DEAD       ? "this kernel records nothing"
                  : status == STATUS_NO_RIGHT ? "it was not given the trace"
                                              : "the trace is not what this program knows",
                  status);
    }
}

int main(void)
{
    uint64_t window = weft_argument_number("window", 50000);
    uint64_t period = weft_argument_number("period", 200);
    struct weft_ipc turn = {0};

    weft_service_join(&service);
    open_surface();
    if (window < WINDOW_MIN || window > WINDOW_MAX) {
        weft_fail("window must be %u to %u microseconds, not %lu", WINDOW_MIN, WINDOW_MAX, window);
    }
    struct weft_canvas canvas = {surface.pixels, (int32_t)surface.area.width,
                                 (int32_t)surface.area.height};
    for (;;) {
        uint64_t next = weft_deadline(period * 1000);
        weft_service_turn(&service, &turn, 0);
        model_read(weft_microseconds(window), picture_columns(&canvas));
        picture_draw(&canvas);
        status_t status = weft_surface_show_all(&surface);
        if (status == STATUS_OK) {
            status = weft_surface_wait(&surface, next);
        }
        if (status != STATUS_OK) {
            weft_fail("nothing can be shown (status %ld)", status);
        }
    }
}

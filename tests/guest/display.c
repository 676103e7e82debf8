/* SPDX-License-Identifier: Apache-2.0
 *
 * The display driver: what it takes and refuses, and its death while somebody draws. What the screen shows in the
 * end is looked at from outside, in tests/boot/test_display.py.
 *
 * weft-test: cpus=4 display=none
 * weft-test: cpus=1,4 accel=icount display=none
 */
#include "weft/display.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define KILLS 20u

static struct weft_display display;

static status_t show(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    struct weft_rectangle changed = {x, y, width, height};
    return weft_display_show(&display, &changed);
}

/* One message with a frame of this size, if `memory` is not 0. */
static status_t attach_as(uint64_t service, uint64_t memory, uint32_t width, uint32_t height)
{
    struct weft_message message = {{WEFT_DISPLAY_ATTACH, weft_pair(width, height)}};
    struct weft_ipc ipc = {.send_count = memory != 0 ? 1 : 0,
                           .send_handles = {(uint32_t)memory},
                           .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY}};
    status_t status = weft_ipc_call_with(service, &message, &ipc);
    return status < 0 ? status : (status_t)message.words[0];
}

TEST(a_frame_is_shown, "the screen has a size, a frame is as large, and all of it can be shown")
{
    REQUIRE_STATUS(STATUS_OK,
                   weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE));
    EXPECT_EQUAL(1280, display.width);
    EXPECT_EQUAL(800, display.height);
    EXPECT_STATUS(STATUS_OK, show(0, 0, display.width, display.height));
    EXPECT_STATUS(STATUS_OK, show(display.width - 1, display.height - 1, 1, 1));
}

TEST(what_is_wrong_is_refused, "rectangles beyond the frame, frames without memory, too large ones")
{
    uint64_t service = weft_capability("display"), page;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &page));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(0, 0, 0, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(0, 0, display.width + 1, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(display.width, 0, 1, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(1, 1, UINT32_MAX, UINT32_MAX));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, attach_as(service, 0, 16, 16));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, attach_as(service, page, 0, 16));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, attach_as(service, page, UINT32_MAX, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, attach_as(service, page, 4096, 4096));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  attach_as(service, page, 64, 64)); /* four pages are needed */
    EXPECT_STATUS(STATUS_OK, show(0, 0, 1, 1));      /* the frame from before is still there */
    EXPECT_EQUAL(0, display.recoveries);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(page));
}

TEST(the_screen_has_one_owner, "another badge gets busy, and cannot show anything")
{
    struct weft_message message = {{WEFT_DISPLAY_SHOW, 0, weft_pair(1, 1)}};
    uint64_t other = weft_capability("other"), page;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &page));
    EXPECT_STATUS(STATUS_BUSY, attach_as(other, page, 16, 16));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(other, &message));
    EXPECT_STATUS(STATUS_DEAD, (status_t)message.words[0]);
    EXPECT_STATUS(STATUS_OK, show(0, 0, 1, 1));
    EXPECT_EQUAL(0, display.recoveries);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(page));
}

TEST(frames_follow_each_other, "an owner that attaches again, many times, uses nothing up")
{
    for (uint32_t i = 0; i < 40; i++) { /* more often than a driver may share memory */
        REQUIRE_STATUS(STATUS_OK, attach_as(weft_capability("display"), display.memory,
                                            display.width, display.height));
    }
    EXPECT_STATUS(STATUS_OK, show(0, 0, 1, 1));
    EXPECT_EQUAL(0, display.recoveries);
}

/* Kills a service and draws until the next instance has answered. False: a call failed. */
static _Bool draw_through_the_death_of(const char *name)
{
    struct weft_service_info before, after;
    uint32_t recoveries = display.recoveries;
    _Bool well = weft_supervisor_find(name, &before) == STATUS_OK;
    well &= weft_supervisor_kill(name) == STATUS_OK;
    do {
        well &= show(0, 0, 64, 64) == STATUS_OK;
        well &= weft_supervisor_find(name, &after) == STATUS_OK;
    } while (well && (after.instance == before.instance || display.recoveries == recoveries));
    return well;
}

TEST(a_driver_comes_back,
     "killed twenty times while a client draws: each call says that it is shown")
{
    for (uint32_t i = 0; i < KILLS; i++) {
        REQUIRE(draw_through_the_death_of("display"));
    }
    EXPECT_EQUAL(KILLS, display.recoveries);
}

TEST(a_new_bus_server_is_no_end, "the driver notices that its device was reset, and begins again")
{
    for (uint32_t i = 0; i < 3; i++) {
        REQUIRE(draw_through_the_death_of("pci"));
    }
}

KTAP_MAIN

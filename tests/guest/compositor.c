/* SPDX-License-Identifier: Apache-2.0
 *
 * The compositor: what it takes and refuses, and its death, and that of the display below it, while clients draw. What
 * the screen shows in the end is looked at from outside, in tests/boot/test_compositor.py.
 *
 * weft-test: cpus=4 display=none
 * weft-test: cpus=1,4 accel=icount display=none
 */
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/surface.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define KILLS 10u
#define PLACE_OF_SECOND (WEFT_FREE_BASE + 0x1000000)

static struct weft_surface first, second;

static status_t open_first(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    struct weft_rectangle area = {x, y, width, height};
    return weft_surface_open(&first, weft_capability("one"), WEFT_FREE_BASE, &area, 0);
}

static status_t show(struct weft_surface *surface, uint32_t x, uint32_t y, uint32_t width,
                     uint32_t height)
{
    struct weft_rectangle changed = {x, y, width, height};
    return weft_surface_show(surface, &changed);
}

TEST(what_is_wrong_is_refused, "surfaces beyond the screen, rectangles beyond the surface")
{
    uint32_t width = 0, height = 0;
    REQUIRE_STATUS(STATUS_OK, weft_surface_screen(weft_capability("one"), &width, &height));
    EXPECT_EQUAL(1280, width);
    EXPECT_EQUAL(800, height);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, open_first(1279, 0, 2, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, open_first(0, 800, 1, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, open_first(UINT32_MAX, 0, 2, 1));
    REQUIRE_STATUS(STATUS_OK, open_first(1180, 700, 100, 100));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(&first, 0, 0, 101, 1));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(&first, 0, 0, 1, 0));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(&first, 1, 1, UINT32_MAX, UINT32_MAX));
    EXPECT_STATUS(STATUS_OK, show(&first, 99, 99, 1, 1));
    EXPECT_EQUAL(0, first.recoveries);
}

TEST(each_badge_has_a_surface,
     "two clients draw, one over the other, and neither is taken for the other")
{
    struct weft_rectangle area = {1200, 720, 20, 20};
    struct weft_message message = {{WEFT_SURFACE_CLOSE}};
    REQUIRE_STATUS(STATUS_OK,
                   weft_surface_open(&second, weft_capability("two"), PLACE_OF_SECOND, &area, 1));
    EXPECT_STATUS(STATUS_OK, show(&second, 0, 0, 20, 20));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, show(&second, 0, 0, 21, 20));
    EXPECT_STATUS(STATUS_OK, weft_surface_show_all(&first));
    REQUIRE_STATUS(STATUS_OK, weft_ipc_call(second.service, &message));
    EXPECT_STATUS(STATUS_OK, (status_t)message.words[0]);
    EXPECT_STATUS(STATUS_OK, show(&second, 0, 0, 20, 20)); /* it was closed, and is opened again */
    EXPECT_EQUAL(1, second.recoveries);
    EXPECT_EQUAL(0, first.recoveries);
}

TEST(a_wait_ends_in_time, "and leaves nothing behind, however often")
{
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t deadline = weft_deadline(100);
        REQUIRE_STATUS(STATUS_OK, weft_surface_wait(&first, deadline));
        REQUIRE(weft_cycles() >= deadline);
    }
    EXPECT_EQUAL(0, first.recoveries);
}

/* Kills a service and draws until another instance runs. */
static _Bool draw_through_the_death_of(const char *name)
{
    struct weft_service_info before, after;
    _Bool well = weft_supervisor_find(name, &before) == STATUS_OK;
    well &= weft_supervisor_kill(name) == STATUS_OK;
    do {
        well &= weft_surface_show_all(&second) == STATUS_OK;
        well &= weft_supervisor_find(name, &after) == STATUS_OK;
    } while (well && (after.instance == before.instance || after.answered_at == 0));
    return well;
}

TEST(a_compositor_comes_back, "killed while one client draws and another waits: both are back")
{
    second.recoveries = 0;
    for (uint32_t i = 0; i < KILLS; i++) {
        REQUIRE(draw_through_the_death_of("compositor"));
        REQUIRE_STATUS(STATUS_OK, weft_surface_wait(&first, weft_deadline(1000)));
    }
    EXPECT_EQUAL(KILLS, second.recoveries);
    EXPECT_EQUAL(KILLS, first.recoveries);
}

TEST(a_display_comes_back,
     "clients of the compositor do not hear of a death of the display below it")
{
    first.recoveries = second.recoveries = 0;
    for (uint32_t i = 0; i < KILLS; i++) {
        REQUIRE(draw_through_the_death_of("display"));
    }
    EXPECT_EQUAL(0, first.recoveries + second.recoveries);
}

KTAP_MAIN

/* SPDX-License-Identifier: Apache-2.0
 *
 * The panel: processes and services as init knows them, on a surface of its own: how they are, how often they were started,
 * and what they use.
 *
 * It is given
 *
 *     supervisor    who may only list is enough (docs/services.md)
 *     compositor    where its surface is shown
 *     rtc           the time of day; may be left out
 *
 * Arguments: x=, y=, width=, height= of the surface (default: the lowest 240 rows of the screen), period=MS (500).
 */
#include "weft/draw.h"
#include "weft/layout.h"
#include "weft/rtc.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/surface.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define BACKGROUND 0x11161fu
#define EDGE 0x263040u
#define TEXT 0xe6edf3u
#define FAINT 0x8b98a8u
#define GOOD 0x2ecc8fu
#define WAITING 0xffd84du
#define BAD 0xff5f7eu

#define HEIGHT 240
#define HEAD 44
#define ROW 20
#define COLUMN 416
#define TASKS_MAX 64u

static struct weft_service service;
static struct weft_surface surface;
static struct weft_canvas canvas;
static uint64_t time_before[TASKS_MAX]; /* that each had run when it was listed last */
static uint64_t listed_before;

static void open_surface(void)
{
    uint64_t compositor = weft_capability("compositor");
    uint32_t width = 0, height = 0;
    status_t status = weft_surface_screen(compositor, &width, &height);
    struct weft_rectangle area = {
        .x = (uint32_t)weft_argument_number("x", 0),
        .y = (uint32_t)weft_argument_number("y", height - HEIGHT),
        .width = (uint32_t)weft_argument_number("width", width),
        .height = (uint32_t)weft_argument_number("height", HEIGHT),
    };
    if (status == STATUS_OK && (area.height < HEAD + ROW || area.width < COLUMN)) {
        weft_fail("a panel of %u x %u pixels is too small: %u x %u are needed", area.width,
                  area.height, COLUMN, HEAD + ROW);
    }
    if (status == STATUS_OK) {
        status = weft_surface_open(&surface, compositor, WEFT_FREE_BASE, &area, 1);
    }
    if (status != STATUS_OK) {
        weft_fail("there is no surface to draw on (status %ld)", status);
    }
    canvas = (struct weft_canvas){surface.pixels, (int32_t)area.width, (int32_t)area.height};
}

static weft_pixel_t state_colour(uint32_t state)
{
    switch (state) {
    case WEFT_SERVICE_RUNNING:
        return GOOD;
    case WEFT_SERVICE_WAITING:
    case WEFT_SERVICE_STARTING:
    case WEFT_SERVICE_RESTING:
        return WAITING;
    case WEFT_SERVICE_GIVEN_UP:
        return BAD;
    default:
        return FAINT;
    }
}

/* One entry: `share` is per mille of a CPU, since the picture before. */
static void draw_task(uint32_t number, const struct weft_service_info *info, uint64_t share)
{
    static const char *const states[] = WEFT_SERVICE_STATE_NAMES;
    static const char *const causes[] = WEFT_SERVICE_CAUSE_NAMES;
    int32_t rows = (canvas.height - HEAD) / ROW;
    int32_t x = 16 + (int32_t)number / rows * COLUMN, y = HEAD + (int32_t)number % rows * ROW;
    _Bool known = info->state < sizeof(states) / sizeof(states[0]) &&
                  info->cause < sizeof(causes) / sizeof(causes[0]);

    weft_draw_rectangle(&canvas, x, y + 4, 10, 10, state_colour(info->state), WEFT_OPAQUE);
    x = weft_draw_text(&canvas, x + 18, y, 1, TEXT, "%-11.11s", info->name);
    x = weft_draw_text(&canvas, x + 8, y, 1, FAINT, "%-8.8s", known ? states[info->state] : "?");
    x = weft_draw_text(&canvas, x, y, 1, share >= 100 ? TEXT : FAINT, "%4lu.%lu %%", share / 10,
                       share % 10);
    x = weft_draw_text(&canvas, x, y, 1, FAINT, " %5u K",
                       (info->pages - info->pages_free) * (uint32_t)(WEFT_PAGE_SIZE / 1024));
    if (info->instance > 1) {
        weft_draw_text(&canvas, x + 8, y, 1, info->cause != WEFT_CAUSE_NONE ? BAD : FAINT,
                       "x%u %.6s", info->instance, known ? causes[info->cause] : "?");
    }
}

static uint32_t draw_tasks(void)
{
    uint64_t now = weft_cycles(), passed = now - listed_before;
    struct weft_service_info info;
    uint32_t count = 0;

    for (; count < TASKS_MAX && weft_supervisor_list(count, &info, NULL) == STATUS_OK; count++) {
        uint64_t ran = info.time >= time_before[count] ? info.time - time_before[count] : info.time;
        draw_task(count, &info, listed_before != 0 ? ran * 1000 / (passed | 1) : 0);
        time_before[count] = info.time;
    }
    listed_before = now;
    return count;
}

static void draw_head(uint32_t count)
{
    uint64_t rtc = weft_capability("rtc"), seconds;

    weft_draw_text(&canvas, 16, 12, 1, TEXT, "%u processes and services", count);
    if (rtc != 0 && weft_rtc_read(rtc, &seconds) == STATUS_OK) {
        weft_draw_text(&canvas, canvas.width - 16 - 12 * WEFT_TEXT_WIDTH, 12, 1, TEXT,
                       "%02lu:%02lu:%02lu UTC", seconds / 3600 % 24, seconds / 60 % 60,
                       seconds % 60);
    }
    int32_t x = 16 + COLUMN;
    static const struct {
        weft_pixel_t colour;
        const char *name;
    } key[] = {
        {GOOD, "running"}, {WAITING, "on its way"}, {FAINT, "ended, or manual"}, {BAD, "given up"}};
    for (uint32_t i = 0; i < sizeof(key) / sizeof(key[0]); i++) {
        weft_draw_rectangle(&canvas, x, 16, 10, 10, key[i].colour, WEFT_OPAQUE);
        x = weft_draw_text(&canvas, x + 18, 12, 1, FAINT, "%s", key[i].name) + 16;
    }
}

int main(void)
{
    uint64_t period = weft_argument_number("period", 500);
    struct weft_ipc turn = {0};

    weft_service_join(&service);
    open_surface();
    for (;;) {
        uint64_t next = weft_deadline(period * 1000);
        weft_service_turn(&service, &turn, 0);
        weft_draw_rectangle(&canvas, 0, 0, canvas.width, canvas.height, BACKGROUND, WEFT_OPAQUE);
        weft_draw_rectangle(&canvas, 0, 0, canvas.width, 1, EDGE, WEFT_OPAQUE);
        draw_head(draw_tasks());
        status_t status = weft_surface_show_all(&surface);
        if (status == STATUS_OK) {
            status = weft_surface_wait(&surface, next);
        }
        if (status != STATUS_OK) {
            weft_fail("nothing can be shown (status %ld)", status);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Two surfaces, one over a part of the other, while compositor and display are killed in turn, `kills=N` times each, for
 * tests that look at the screen. The lower one was drawn once and then only waits; a thread draws column after column
 * of the upper one, the next turn over the older ones. `stay=1` leaves the picture there in the end.
 */
#include "screen_kills.h"

#include "weft/layout.h"
#include "weft/surface.h"
#include "weft/syscalls.h"

#define WIDTH 200u
#define HEIGHT 100u
#define COLUMN 10u

static struct weft_surface lower, upper;
static uint32_t waits, turns; /* atomic */
static struct deaths compositor = {.name = "compositor"}, display = {.name = "display"};

static void open_surface(struct weft_surface *surface, const char *name, uint64_t place, uint32_t x,
                         uint32_t y, uint32_t order)
{
    struct weft_rectangle area = {x, y, WIDTH, HEIGHT};
    status_t status = weft_surface_open(surface, weft_capability(name), place, &area, order);
    if (status != STATUS_OK) {
        weft_fail("no surface %s (status %ld)", name, status);
    }
}

static void fill(struct weft_surface *surface, uint32_t from, uint32_t to, weft_pixel_t colour)
{
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
        if (i % WIDTH >= from && i % WIDTH < to) {
            surface->pixels[i] = colour;
        }
    }
    struct weft_rectangle changed = {from, 0, to - from, HEIGHT};
    if (weft_surface_show(surface, &changed) != STATUS_OK) {
        weft_fail("nothing is shown");
    }
}

static void draw(void *unused)
{
    (void)unused;
    for (uint32_t turn = 0; weft_load_acquire(&stop) == 0;) {
        uint32_t from = turn * COLUMN % WIDTH;
        fill(&upper, from, from + COLUMN, 0xff0000 | turn % 0x10000);
        weft_store_release(&turns, ++turn);
    }
}

static void wait(void *unused)
{
    (void)unused;
    while (weft_load_acquire(&stop) == 0) {
        if (weft_surface_wait(&lower, weft_deadline(2000)) != STATUS_OK) {
            weft_fail("nothing to wait for");
        }
        weft_store_release(&waits, waits + 1);
    }
}

static void let_draw(void)
{
    kills_let_draw(&turns);
    kills_let_draw(&waits);
}

int main(void)
{
    struct weft_group group;
    uint64_t kills = kills_wanted();
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("no threads");
    }
    open_surface(&lower, "one", WEFT_FREE_BASE, 300, 200, 5);
    open_surface(&upper, "two", WEFT_FREE_BASE + 0x1000000, 400, 250, 6);
    fill(&lower, 0, WIDTH, 0x00ff00);
    fill(&upper, 0, WIDTH, 0x0000ff);
    kills_start(&group, draw);
    kills_start(&group, wait);
    while (display.count < kills) {
        let_draw();
        kills_one(&compositor);
        let_draw();
        kills_one(&display);
    }
    let_draw();
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    kills_tell(&compositor);
    kills_tell(&display);
    weft_print("compositor_kills: %u and %u compositors were met, %u columns drawn\n",
               lower.recoveries + 1, upper.recoveries + 1, turns);
    while (weft_argument_number("stay", 0) != 0) {
        (void)weft_surface_wait(&lower, UINT64_MAX);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Two surfaces, one over a part of the other, drawn while compositor and display are killed, for tests that look at the
 * screen. The lower one is drawn once and then only waits; the upper one grows by a column after each kill.
 */
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/surface.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define WIDTH 200u
#define HEIGHT 100u
#define ROUNDS 6u

static struct weft_surface lower, upper;

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

int main(void)
{
    static const char *const killed[] = {"compositor", "display"};
    open_surface(&lower, "one", WEFT_FREE_BASE, 300, 200, 5);
    open_surface(&upper, "two", WEFT_FREE_BASE + 0x1000000, 400, 250, 6);
    fill(&lower, 0, WIDTH, 0x00ff00);
    fill(&upper, 0, WIDTH, 0x0000ff);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        (void)weft_supervisor_kill(killed[i % 2]);
        fill(&upper, 10 * i, 10 * i + 10, 0xff0000 + i);
        (void)weft_surface_wait(&lower, weft_deadline(10000));
    }
    weft_print("compositor_kills: %u and %u compositors were met\n", lower.recoveries + 1,
               upper.recoveries + 1);
    for (;;) {
        (void)weft_surface_wait(&lower, UINT64_MAX);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture that is drawn while its driver is killed again and again, for tests that look at the screen. Each square
 * is drawn and shown on its own, right after a kill; the background was shown once, to the first driver.
 */
#include "weft/display.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"

#define SQUARES 8u
#define SIDE 40u

static struct weft_display display;

static void fill(const struct weft_rectangle *area, weft_pixel_t colour)
{
    for (uint32_t y = area->y; y < area->y + area->height; y++) {
        for (uint32_t x = area->x; x < area->x + area->width; x++) {
            display.pixels[y * display.width + x] = colour;
        }
    }
    if (weft_display_show(&display, area) != STATUS_OK) {
        weft_fail("nothing is shown");
    }
}

int main(void)
{
    if (weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE) != STATUS_OK) {
        weft_fail("no display");
    }
    fill(&(struct weft_rectangle){0, 0, display.width, display.height}, 0x204060);
    for (uint32_t i = 0; i < SQUARES; i++) {
        (void)weft_supervisor_kill("display");
        fill(&(struct weft_rectangle){100 + 60 * i, 200, SIDE, SIDE}, 0xff0000 | i << 4);
    }
    weft_print("display_kills: %u drivers were met\n", display.recoveries + 1);
    for (;;) {
        (void)weft_sleep(UINT64_MAX);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A test pattern on the display, drawn by a client of the driver, without a compositor: eight bars, a ramp of grey
 * below them, and a frame of one pixel round it all, so that one sees at once whether colours, rows and edges are
 * right. It stays until the machine is switched off.
 */
#include "weft/display.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

static const weft_pixel_t bars[] = {0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
                                    0xff00ff, 0xff0000, 0x0000ff, 0x000000};
#define BARS (sizeof(bars) / sizeof(bars[0]))

static weft_pixel_t colour_at(const struct weft_display *display, uint32_t x, uint32_t y)
{
    if (x == 0 || y == 0 || x == display->width - 1 || y == display->height - 1) {
        return 0xffffff;
    }
    if (y < display->height / 4 * 3) {
        return bars[x * BARS / display->width];
    }
    return x * 256 / display->width * 0x010101;
}

int main(void)
{
    static struct weft_display display;
    status_t status = weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE);
    if (status != STATUS_OK) {
        weft_fail("no display: status %ld", status);
    }
    for (uint32_t y = 0; y < display.height; y++) {
        for (uint32_t x = 0; x < display.width; x++) {
            display.pixels[y * display.width + x] = colour_at(&display, x, y);
        }
    }
    struct weft_rectangle all = {0, 0, display.width, display.height};
    status = weft_display_show(&display, &all);
    weft_print("pattern: %u x %u pixels shown: status %ld\n", display.width, display.height,
               status);
    for (;;) {
        (void)weft_sleep(UINT64_MAX);
    }
}

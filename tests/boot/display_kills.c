/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture that is drawn while its driver is killed again and again, for tests that look at the screen. A thread draws
 * square after square and shows each on its own, the next turn over the older ones; the background was shown once,
 * to the first driver. On the command line: `kills=N`, how often; `stay=1`, to leave the
 * picture there in the end.
 */
#include "screen_kills.h"

#include "weft/display.h"
#include "weft/layout.h"
#include "weft/syscalls.h"

#define SQUARES 8u
#define SIDE 100u

static struct weft_display display;
static uint32_t turns; /* atomic */
static struct deaths deaths = {.name = "display"};

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

static void draw(void *unused)
{
    (void)unused;
    for (uint32_t turn = 0; weft_load_acquire(&stop) == 0;) {
        fill(&(struct weft_rectangle){100 + 120 * (turn % SQUARES), 200, SIDE, SIDE},
             0xff0000 | turn % 0x10000);
        weft_store_release(&turns, ++turn);
    }
}

int main(void)
{
    struct weft_group group;
    uint64_t kills = kills_wanted();
    if (weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE) != STATUS_OK ||
        weft_group_open(&group) != STATUS_OK) {
        weft_fail("no display, or no threads");
    }
    fill(&(struct weft_rectangle){0, 0, display.width, display.height}, 0x204060);
    kills_start(&group, draw);
    while (deaths.count < kills) {
        kills_let_draw(&turns);
        kills_one(&deaths);
    }
    kills_let_draw(&turns);
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    kills_tell(&deaths);
    weft_print("display_kills: %u drivers were met, %u squares drawn\n", display.recoveries + 1,
               turns);
    while (weft_argument_number("stay", 0) != 0) {
        (void)weft_sleep(UINT64_MAX);
    }
    return 0;
}

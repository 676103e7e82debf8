/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing into memory: rectangles, lines and text, clipped to the canvas, edges smoothed.
 *
 *     struct weft_canvas canvas = {surface.pixels, width, height};
 *     weft_draw_rectangle(&canvas, x, y, 100, 20, 0x203040, WEFT_OPAQUE);
 *     weft_draw_text(&canvas, x, y, 1, 0xffffff, "CPU %u", cpu);
 *
 * Coordinates count pixels from the upper left corner, and may lie outside. Text has a fixed width: a character
 * takes WEFT_TEXT_WIDTH times WEFT_TEXT_HEIGHT pixels, times its scale. One thread at a time.
 */
#pragma once

#include <stdint.h>

#include "weft/display.h"

#define WEFT_OPAQUE 256u
#define WEFT_TEXT_WIDTH 8
#define WEFT_TEXT_HEIGHT 16
#define WEFT_TEXT_SCALE_MAX 3u

struct weft_canvas {
    weft_pixel_t *pixels;
    int32_t width, height;
};

/* `over` on `under`, as much as `alpha` (0 to WEFT_OPAQUE) says. */
static inline weft_pixel_t weft_blend(weft_pixel_t under, weft_pixel_t over, uint32_t alpha)
{
    uint32_t a = under & 0xff00ff, b = over & 0xff00ff;
    uint32_t c = under >> 8 & 0xff, d = over >> 8 & 0xff;
    uint32_t rest = WEFT_OPAQUE - alpha;
    return ((a * rest + b * alpha) >> 8 & 0xff00ff) | ((c * rest + d * alpha) & 0xff00);
}

void weft_draw_point(const struct weft_canvas *canvas, int32_t x, int32_t y, weft_pixel_t colour,
                     uint32_t alpha);
void weft_draw_rectangle(const struct weft_canvas *canvas, int32_t x, int32_t y, int32_t width,
                         int32_t height, weft_pixel_t colour, uint32_t alpha);

/* A line of one pixel's width. */
void weft_draw_line(const struct weft_canvas *canvas, int32_t x0, int32_t y0, int32_t x1,
                    int32_t y1, weft_pixel_t colour, uint32_t alpha);

/* Characters that the font does not have are left blank. DEL is a mu. Returns where the text ends. */
int32_t weft_draw_text(const struct weft_canvas *canvas, int32_t x, int32_t y, uint32_t scale,
                       weft_pixel_t colour, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* A glyph's coverage, WEFT_TEXT_WIDTH * scale bytes a row from 0 to 255; NULL: there is none. */
const uint8_t *weft_font_glyph(char character, uint32_t scale);

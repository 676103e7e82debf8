/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing into memory; the header is the manual.
 */
#include "weft/draw.h"
#include "weft/print.h"

#include <stdarg.h>
#include <stddef.h>

void weft_draw_point(const struct weft_canvas *canvas, int32_t x, int32_t y, weft_pixel_t colour,
                     uint32_t alpha)
{
    if (x >= 0 && y >= 0 && x < canvas->width && y < canvas->height) {
        weft_pixel_t *pixel = &canvas->pixels[y * canvas->width + x];
        *pixel = weft_blend(*pixel, colour, alpha);
    }
}

/* Two pixels at a time, as most of a picture is this. */
static void fill(weft_pixel_t *from, weft_pixel_t *to, weft_pixel_t colour)
{
    uint64_t pair = colour | (uint64_t)colour << 32;
    if (((uintptr_t)from & 7) != 0 && from < to) {
        *from++ = colour;
    }
    for (; to - from >= 2; from += 2) {
        *(uint64_t *)(void *)from = pair;
    }
    if (from < to) {
        *from = colour;
    }
}

void weft_draw_rectangle(const struct weft_canvas *canvas, int32_t x, int32_t y, int32_t width,
                         int32_t height, weft_pixel_t colour, uint32_t alpha)
{
    int32_t right = x + width < canvas->width ? x + width : canvas->width;
    int32_t bottom = y + height < canvas->height ? y + height : canvas->height;
    x = x > 0 ? x : 0;
    for (y = y > 0 ? y : 0; y < bottom && x < right; y++) {
        weft_pixel_t *row = &canvas->pixels[y * canvas->width];
        if (alpha == WEFT_OPAQUE) {
            fill(&row[x], &row[right], colour);
            continue;
        }
        for (int32_t at = x; at < right; at++) {
            row[at] = weft_blend(row[at], colour, alpha);
        }
    }
}

static int32_t absolute(int32_t value)
{
    return value < 0 ? -value : value;
}

/* Steps along the longer side, and shares each step between the two pixels that the line runs between. */
void weft_draw_line(const struct weft_canvas *canvas, int32_t x0, int32_t y0, int32_t x1,
                    int32_t y1, weft_pixel_t colour, uint32_t alpha)
{
    int32_t dx = x1 - x0, dy = y1 - y0;
    int32_t steps = absolute(dx) > absolute(dy) ? absolute(dx) : absolute(dy);
    _Bool steep = absolute(dy) > absolute(dx);
    for (int32_t i = 0; i <= steps; i++) {
        int32_t across = steps == 0 ? 0 : (steep ? dx : dy) * 256 * i / steps;
        int32_t whole = across >> 8;
        uint32_t part = (uint32_t)(across & 255);
        int32_t along = (steep ? dy : dx) < 0 ? -i : i;
        int32_t x = x0 + (steep ? whole : along), y = y0 + (steep ? along : whole);
        weft_draw_point(canvas, x, y, colour, alpha * (256 - part) / 256);
        weft_draw_point(canvas, x + steep, y + !steep, colour, alpha * part / 256);
    }
}

static void draw_glyph(const struct weft_canvas *canvas, int32_t x, int32_t y, uint32_t scale,
                       weft_pixel_t colour, const uint8_t *glyph)
{
    int32_t width = WEFT_TEXT_WIDTH * (int32_t)scale, height = WEFT_TEXT_HEIGHT * (int32_t)scale;
    for (int32_t i = 0; i < width * height; i++) {
        if (glyph[i] != 0) {
            weft_draw_point(canvas, x + i % width, y + i / width, colour, glyph[i] + 1u);
        }
    }
}

int32_t weft_draw_text(const struct weft_canvas *canvas, int32_t x, int32_t y, uint32_t scale,
                       weft_pixel_t colour, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    (void)weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (const char *at = text; *at != '\0'; at++) {
        const uint8_t *glyph = weft_font_glyph(*at, scale);
        if (glyph != NULL) {
            draw_glyph(canvas, x, y, scale, colour, glyph);
        }
        x += WEFT_TEXT_WIDTH * (int32_t)scale;
    }
    return x;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A font of strokes. Each glyph is a few strings of points on a grid, joined by lines; what a pixel is covered by
 * follows from its distance to the nearest line. So the font takes two kilobytes, and is smooth at any scale.
 *
 * A point is two characters, x from 0 to 6 and y from 0 to c: capitals stand from 0 to 9, small letters from 3 to 9,
 * and what hangs below ends at c. A blank begins a new line; a point on its own is a dot.
 */
#include "weft/draw.h"
#include "weft/string.h"

#define FIRST ' '
#define GLYPHS 96u
#define TOP 2  /* rows of the cell above the grid */
#define ONE 64 /* of a pixel, in what is computed here */
#define CACHE_BYTES 65536u

static const char *const strokes[GLYPHS] = {
    [' ' - FIRST] = "",
    ['!' - FIRST] = "3036 39",
    ['"' - FIRST] = "2022 4042",
    ['#' - FIRST] = "2029 4049 0363 0666",
    ['$' - FIRST] = "615010010314546568591908 303a",
    ['%' - FIRST] = "0960 1011 5859",
    ['&' - FIRST] = "691211203041420608193966",
    ['\'' - FIRST] = "3032",
    ['(' - FIRST] = "4022284a",
    [')' - FIRST] = "2042482a",
    ['*' - FIRST] = "3137 1355 1553",
    ['+' - FIRST] = "3337 1555",
    [',' - FIRST] = "393a2b",
    ['-' - FIRST] = "1555",
    ['.' - FIRST] = "39",
    ['/' - FIRST] = "0a60",
    ['0' - FIRST] = "200207294967624020 2643",
    ['1' - FIRST] = "123039 1959",
    ['2' - FIRST] = "01105061630969",
    ['3' - FIRST] = "01105061635424 546568591908",
    ['4' - FIRST] = "59500666",
    ['5' - FIRST] = "600004546568591908",
    ['6' - FIRST] = "514020020729496766442406",
    ['7' - FIRST] = "006029",
    ['8' - FIRST] = "14030110506163541405081959686554",
    ['9' - FIRST] = "182949676240200203254563",
    [':' - FIRST] = "34 39",
    [';' - FIRST] = "34 393a2b",
    ['<' - FIRST] = "520558",
    ['=' - FIRST] = "0464 0767",
    ['>' - FIRST] = "126518",
    ['?' - FIRST] = "01105061623436 39",
    ['@' - FIRST] = "6859290702204062655546264443",
    ['A' - FIRST] = "093069 1656",
    ['B' - FIRST] = "09005061635404 5465685909",
    ['C' - FIRST] = "6150200207295968",
    ['D' - FIRST] = "00406267490900",
    ['E' - FIRST] = "60000969 0454",
    ['F' - FIRST] = "600009 0454",
    ['G' - FIRST] = "61502002072949676535",
    ['H' - FIRST] = "0009 6069 0464",
    ['I' - FIRST] = "1050 3039 1959",
    ['J' - FIRST] = "3060 5057391908",
    ['K' - FIRST] = "0009 6005 2369",
    ['L' - FIRST] = "000969",
    ['M' - FIRST] = "0900356069",
    ['N' - FIRST] = "09006960",
    ['O' - FIRST] = "200207294967624020",
    ['P' - FIRST] = "09005061645505",
    ['Q' - FIRST] = "200207294967624020 466a",
    ['R' - FIRST] = "09005061645505 3569",
    ['S' - FIRST] = "615010010314546568591908",
    ['T' - FIRST] = "0060 3039",
    ['U' - FIRST] = "000729496760",
    ['V' - FIRST] = "003960",
    ['W' - FIRST] = "0019345960",
    ['X' - FIRST] = "0069 6009",
    ['Y' - FIRST] = "003460 3439",
    ['Z' - FIRST] = "00600969",
    ['[' - FIRST] = "50303a5a",
    ['\\' - FIRST] = "006a",
    [']' - FIRST] = "10303a1a",
    ['^' - FIRST] = "133053",
    ['_' - FIRST] = "0a6a",
    ['`' - FIRST] = "2032",
    ['a' - FIRST] = "13435459 55150608193957",
    ['b' - FIRST] = "0009 0523335557392907",
    ['c' - FIRST] = "5443230507294958",
    ['d' - FIRST] = "5059 5533230507293957",
    ['e' - FIRST] = "06565533230507294958",
    ['f' - FIRST] = "5140302129 0444",
    ['g' - FIRST] = "535b4c1c0b 5533230507293957",
    ['h' - FIRST] = "0009 0523435459",
    ['i' - FIRST] = "133339 1959 30",
    ['j' - FIRST] = "23434b3c1c 40",
    ['k' - FIRST] = "0009 5307 2559",
    ['l' - FIRST] = "103039 1959",
    ['m' - FIRST] = "0309 0413233439 3443536469",
    ['n' - FIRST] = "0309 0523435459",
    ['o' - FIRST] = "230507293957553323",
    ['p' - FIRST] = "030c 0523335557392907",
    ['q' - FIRST] = "535c 5533230507293957",
    ['r' - FIRST] = "0309 05234354",
    ['s' - FIRST] = "544313040516465758491908",
    ['t' - FIRST] = "2028394958 0343",
    ['u' - FIRST] = "0307293957 5359",
    ['v' - FIRST] = "033963",
    ['w' - FIRST] = "0319355963",
    ['x' - FIRST] = "0359 5309",
    ['y' - FIRST] = "0339 632c1c",
    ['z' - FIRST] = "03530959",
    ['{' - FIRST] = "50414325474959",
    ['|' - FIRST] = "303b",
    ['}' - FIRST] = "10212345272919",
    ['~' - FIRST] = "0615254655",
    [0x7f - FIRST] = "030c 0729395753 5759",
};

static uint8_t cache[CACHE_BYTES]; /* glyphs as they were asked for */
static uint32_t cached;
static const uint8_t *glyphs[WEFT_TEXT_SCALE_MAX][GLYPHS];

struct point {
    int32_t x, y; /* in parts of a pixel */
};

static int32_t digit(char character)
{
    return character <= '9' ? character - '0' : character - 'a' + 10;
}

static uint32_t root(uint32_t square)
{
    uint32_t result = 0;
    for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1) {
        uint32_t with = result | bit;
        if (with * with <= square) {
            result = with;
        }
    }
    return result;
}

/* The square of the distance from a point to a line between two others. */
static uint32_t distance_square(struct point p, struct point a, struct point b)
{
    int32_t dx = b.x - a.x, dy = b.y - a.y, px = p.x - a.x, py = p.y - a.y;
    int32_t along = px * dx + py * dy, length = dx * dx + dy * dy;
    if (along > 0 && length > 0) {
        int32_t part = along >= length ? ONE : (int32_t)((int64_t)along * ONE / length);
        px -= dx * part / ONE;
        py -= dy * part / ONE;
    }
    return (uint32_t)(px * px + py * py);
}

static struct point point_of(const char *text, int32_t scale)
{
    return (struct point){(2 * digit(text[0]) + 1) * scale * ONE / 2,
                          (2 * (digit(text[1]) + TOP) + 1) * scale * ONE / 2};
}

/* How much of a pixel lies in the strokes, whose width is a little more than a pixel at scale 1. */
static uint8_t coverage(const char *text, struct point pixel, int32_t scale)
{
    uint32_t nearest = UINT32_MAX;
    struct point before = {0};
    _Bool begun = 0;
    while (*text != '\0') {
        if (*text == ' ') {
            begun = 0;
            text++;
            continue;
        }
        struct point here = point_of(text, scale);
        uint32_t square = distance_square(pixel, begun ? before : here, here);
        nearest = square < nearest ? square : nearest;
        before = here;
        begun = 1;
        text += 2;
    }
    int32_t inside = scale * ONE * 9 / 16 + ONE / 2 - (int32_t)root(nearest);
    inside = inside < 0 ? 0 : inside;
    return (uint8_t)(inside >= ONE ? 255 : inside * 255 / ONE);
}

const uint8_t *weft_font_glyph(char character, uint32_t scale)
{
    uint32_t index = (uint32_t)(uint8_t)character - FIRST;
    if (scale == 0 || scale > WEFT_TEXT_SCALE_MAX || index >= GLYPHS) {
        return NULL;
    }
    const uint8_t **glyph = &glyphs[scale - 1][index];
    uint32_t width = WEFT_TEXT_WIDTH * scale, height = WEFT_TEXT_HEIGHT * scale;
    if (*glyph == NULL && cached + width * height <= CACHE_BYTES) {
        uint8_t *fresh = &cache[cached];
        for (uint32_t i = 0; i < width * height; i++) {
            struct point pixel = {(int32_t)(i % width) * ONE + ONE / 2,
                                  (int32_t)(i / width) * ONE + ONE / 2};
            fresh[i] = coverage(strokes[index], pixel, (int32_t)scale);
        }
        cached += width * height;
        *glyph = fresh;
    }
    return *glyph;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture: a lane for each CPU, in which each column has the colours of the threads that ran then, as bright as the CPU
 * was busy; arrows for what went from one CPU to another; small marks for interrupts; the axis of time; and whose the
 * colours are.
 */
#include "model.h"

#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define BACKGROUND 0x0d1117u
#define LANE 0x161c26u
#define UNREAD 0x232a36u
#define GRID 0x263040u
#define TEXT 0xe6edf3u
#define FAINT 0x8b98a8u
#define INTERRUPT 0xffe08au

#define LEFT 104
#define RIGHT 168
#define HEAD 56
#define AXIS 28
#define LEGEND_ROWS 4
#define LEGEND_COLUMNS 4
#define LEGEND (LEGEND_ROWS * 20 + 16)
#define ARROWS_MAX 240u
#define TRAVELLERS 1024u

/* What arrows are called, and look like. */
static const struct {
    weft_pixel_t colour;
    const char *name;
} kinds[] = {{0x6cb6ff, "call"}, {0x57d9a3, "answer"}, {0xffb454, "signal"}, {0x8b98a8, "other"}};

static uint32_t kind_of(uint8_t why)
{
    switch (why) {
    case TRACE_TRAVEL_IPC_CALL:
        return 0;
    case TRACE_TRAVEL_IPC_REPLY:
        return 1;
    case TRACE_TRAVEL_SIGNAL:
    case TRACE_TRAVEL_INTERRUPT:
        return 2;
    default:
        return 3;
    }
}

uint32_t picture_columns(const struct weft_canvas *canvas)
{
    return (uint32_t)(canvas->width - LEFT - RIGHT);
}

/* ---- lanes ------------------------------------------------------------------------------------------ */

static int32_t pitch(const struct weft_canvas *canvas)
{
    int32_t room = (canvas->height - HEAD - AXIS - LEGEND) / (int32_t)model.cpus;
    return room < 96 ? room : 96;
}

static int32_t lane_top(const struct weft_canvas *canvas, uint32_t cpu)
{
    return HEAD + (int32_t)cpu * pitch(canvas) + pitch(canvas) / 5;
}

static int32_t lane_height(const struct weft_canvas *canvas)
{
    return pitch(canvas) * 3 / 5;
}

static int32_t x_at(uint64_t time)
{
    return LEFT + (int32_t)((time - model.start) * model.columns / (model.end - model.start));
}

static weft_pixel_t column_colour(const struct column *column, uint64_t ticks)
{
    weft_pixel_t colour = (weft_pixel_t)(column->red / column->ticks) << 16 |
                          (weft_pixel_t)(column->green / column->ticks) << 8 |
                          (weft_pixel_t)(column->blue / column->ticks);
    uint64_t part = column->ticks * WEFT_OPAQUE / (ticks | 1);
    /* What ran at all is to be seen, however short it was. */
    return weft_blend(LANE, colour, (uint32_t)(part >= 224 ? WEFT_OPAQUE : part + 32));
}

static void draw_curve(const struct weft_canvas *canvas, const struct lane *lane, int32_t top)
{
    int32_t left = canvas->width - RIGHT + 24, height = lane_height(canvas);
    weft_draw_rectangle(canvas, left, top, (int32_t)HISTORY, height, LANE, WEFT_OPAQUE);
    for (uint32_t i = 0; i < HISTORY; i++) {
        uint32_t value = lane->history[(model.turn + 1 + i) % HISTORY];
        int32_t bar = (int32_t)value * height / 1000;
        bar = bar < height ? bar : height;
        weft_draw_rectangle(canvas, left + (int32_t)i, top + height - bar, 1, bar, 0x2f6f9f,
                            WEFT_OPAQUE);
        weft_draw_rectangle(canvas, left + (int32_t)i, top + height - bar, 1, bar > 0, 0x79c0ff,
                            WEFT_OPAQUE);
    }
}

static void draw_lane(const struct weft_canvas *canvas, uint32_t cpu)
{
    const struct lane *lane = &model.lanes[cpu];
    int32_t top = lane_top(canvas, cpu), height = lane_height(canvas);
    uint64_t ticks = (model.end - model.start) / model.columns;
    uint32_t busy = lane->history[model.turn];

    weft_draw_rectangle(canvas, LEFT, top, (int32_t)model.columns, height, LANE, WEFT_OPAQUE);
    if (lane->unread != 0) {
        int32_t until = x_at(lane->unread < model.end ? lane->unread : model.end);
        weft_draw_rectangle(canvas, LEFT, top, until - LEFT, height, UNREAD, WEFT_OPAQUE);
    }
    for (uint32_t i = 0; i < model.columns; i++) {
        const struct column *column = &lane->columns[i];
        if (column->ticks != 0) {
            weft_draw_rectangle(canvas, LEFT + (int32_t)i, top, 1, height,
                                column_colour(column, ticks), WEFT_OPAQUE);
        }
        if (column->interrupts != 0) {
            weft_draw_rectangle(canvas, LEFT + (int32_t)i, top - 5, 1, 4, INTERRUPT, WEFT_OPAQUE);
        }
    }
    int32_t middle = top + height / 2;
    if (height >= 30) {
        weft_draw_text(canvas, 16, middle - 16, 1, TEXT, "CPU %u", cpu);
        weft_draw_text(canvas, 16, middle, 1, FAINT, "%3u.%u %%", busy / 10, busy % 10);
    } else {
        weft_draw_text(canvas, 8, middle - 8, 1, TEXT, "%2u %3u %%", cpu, busy / 10);
    }
    draw_curve(canvas, lane, top);
}

/* ---- arrows ------------------------------------------------------------------------------------------ */

static void draw_arrow(const struct weft_canvas *canvas, const struct crossing *from,
                       const struct crossing *to)
{
    uint32_t kind = kind_of(from->why);
    _Bool down = to->to > from->from;
    int32_t x0 = x_at(from->time), x1 = x_at(to->time);
    int32_t y0 = lane_top(canvas, from->from) + (down ? lane_height(canvas) : -1);
    int32_t y1 = lane_top(canvas, to->to) + (down ? -1 : lane_height(canvas));
    weft_draw_line(canvas, x0, y0, x1, y1, kinds[kind].colour, 176);
    for (int32_t i = 0; i < 4; i++) { /* its head */
        weft_draw_rectangle(canvas, x1 - i / 2, y1 + (down ? -i : i), i / 2 * 2 + 1, 1,
                            kinds[kind].colour, 224);
    }
}

/* Brings each arrival together with the latest departure of the same traveller to there. Draws every `each`th
 * pair; returns how many there are. */
static uint32_t draw_arrows(const struct weft_canvas *canvas, uint32_t each)
{
    static const struct crossing *departed[TRAVELLERS];
    uint32_t pairs = 0;
    memset(departed, 0, sizeof(departed));
    for (uint32_t i = 0; i < model.crossing_count; i++) {
        const struct crossing *crossing = &model.crossings[i];
        const struct crossing **place =
            &departed[(crossing->traveller * 31 + crossing->why) % TRAVELLERS];
        if (!crossing->arrives) {
            *place = crossing;
            continue;
        }
        const struct crossing *from = *place;
        *place = NULL;
        if (from == NULL || from->traveller != crossing->traveller || from->why != crossing->why ||
            from->to != crossing->to || from->from == crossing->to || from->to >= model.cpus) {
            continue;
        }
        if (each != 0 && pairs % each == 0) {
            draw_arrow(canvas, from, crossing);
        }
        pairs++;
    }
    return pairs;
}

/* ---- round about -------------------------------------------------------------------------------------- */

static void draw_axis(const struct weft_canvas *canvas)
{
    int32_t top = HEAD, bottom = HEAD + (int32_t)model.cpus * pitch(canvas) + 4;
    uint64_t window = (model.end - model.start) / weft_microseconds(1); /* microseconds */
    uint64_t unit = 100;
    for (uint32_t i = 0; window / unit > 12; i++) {
        unit = unit * (i % 3 == 1 ? 5 : 4) / 2; /* 100, 200, 500, 1000, ... */
    }
    for (uint64_t at = 0; at <= window; at += unit) {
        int32_t x = LEFT + (int32_t)((window - at) * model.columns / window);
        weft_draw_rectangle(canvas, x, top, 1, bottom - top, GRID, WEFT_OPAQUE);
        if (at == 0) {
            weft_draw_text(canvas, x - 12, bottom + 4, 1, FAINT, "now");
        } else if (unit >= 1000) {
            weft_draw_text(canvas, x - 24, bottom + 4, 1, FAINT, "-%lu ms", at / 1000);
        } else {
            weft_draw_text(canvas, x - 28, bottom + 4, 1, FAINT, "-%lu.%lu ms", at / 1000,
                           at / 100 % 10);
        }
    }
}

static void draw_head(const struct weft_canvas *canvas, uint32_t arrows, uint32_t each)
{
    uint64_t window = (model.end - model.start) / weft_microseconds(1);
    uint64_t seconds = weft_cycles() / weft_startup()->clock_hz, events = 0;
    for (uint32_t cpu = 0; cpu < model.cpus; cpu++) {
        events += model.lanes[cpu].events;
    }
    int32_t x = weft_draw_text(canvas, 16, 12, 2, TEXT, "Weft") + 16;
    weft_draw_text(canvas, x, 10, 1, TEXT, "the last %lu.%lu ms of %u CPU%s", window / 1000,
                   window / 100 % 10, model.cpus, model.cpus == 1 ? "" : "s");
    weft_draw_text(canvas, x, 28, 1, FAINT, "%lu events a second, up for %lu:%02lu:%02lu",
                   events * 1000000 / window, seconds / 3600, seconds / 60 % 60, seconds % 60);
    x = canvas->width - 660;
    for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        weft_draw_line(canvas, x, 26, x + 16, 10, kinds[i].colour, WEFT_OPAQUE);
        x = weft_draw_text(canvas, x + 24, 10, 1, FAINT, "%s", kinds[i].name) + 20;
    }
    weft_draw_rectangle(canvas, x, 16, 1, 6, INTERRUPT, WEFT_OPAQUE);
    weft_draw_text(canvas, x + 10, 10, 1, FAINT, "interrupt");
    if (each > 1) {
        weft_draw_text(canvas, canvas->width - 660, 28, 1, FAINT, "1 of %u arrows, of %u%s", each,
                       arrows, model.crossings_missing ? " and more" : "");
    }
    weft_draw_text(canvas, canvas->width - RIGHT + 24, 28, 1, FAINT, "busy, of late");
}

static void draw_legend(const struct weft_canvas *canvas)
{
    const struct thread *busiest[LEGEND_ROWS * LEGEND_COLUMNS];
    uint32_t count = threads_busiest(busiest, LEGEND_ROWS * LEGEND_COLUMNS);
    int32_t width = (canvas->width - 32) / LEGEND_COLUMNS, top = canvas->height - LEGEND + 12;
    for (uint32_t i = 0; i < count; i++) {
        char label[40];
        int32_t x = 16 + (int32_t)(i / LEGEND_ROWS) * width;
        int32_t y = top + (int32_t)(i % LEGEND_ROWS) * 20;
        uint64_t share = busiest[i]->share * model.cpus * 1000 >> 20; /* per mille of a CPU */
        thread_label(busiest[i], label, sizeof(label));
        weft_draw_rectangle(canvas, x, y + 3, 14, 12, busiest[i]->colour, WEFT_OPAQUE);
        weft_draw_text(canvas, x + 22, y, 1, TEXT, "%-24.24s", label);
        weft_draw_text(canvas, x + 22 + 25 * WEFT_TEXT_WIDTH, y, 1, FAINT, "%3lu.%lu %%",
                       share / 10, share % 10);
    }
}

void picture_draw(const struct weft_canvas *canvas)
{
    weft_draw_rectangle(canvas, 0, 0, canvas->width, canvas->height, BACKGROUND, WEFT_OPAQUE);
    draw_axis(canvas);
    for (uint32_t cpu = 0; cpu < model.cpus; cpu++) {
        draw_lane(canvas, cpu);
    }
    uint32_t arrows = draw_arrows(canvas, 0), each = arrows / ARROWS_MAX + 1;
    (void)draw_arrows(canvas, each);
    draw_head(canvas, arrows, each);
    draw_legend(canvas);
}

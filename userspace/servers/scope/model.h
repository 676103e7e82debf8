/* SPDX-License-Identifier: Apache-2.0
 *
 * What the picture is made of: names, and what happened in a window of time. names.c and model.c read the
 * kernel's trace, picture.c draws. One thread uses all of it. Private to this program.
 */
#pragma once

#include <stdint.h>

#include "weft/draw.h"
#include "weft/trace.h"

#define CPUS_MAX 16u      /* of which lanes are drawn */
#define COLUMNS_MAX 1600u /* pixels of a lane */
#define CROSSINGS_MAX 4096u
#define HISTORY 128u /* windows that are remembered, for the curve of each CPU */

/* ---- names.c: who is who ------------------------------------------------------------------------- */

struct thread {
    uint32_t id; /* 0: the place is free */
    uint32_t process;
    _Bool idle;
    char name[17];
    weft_pixel_t colour; /* 0: it has not run as far as was seen */
    uint64_t time;       /* that it ran in this window, clock ticks */
    uint64_t share;      /* of all CPUs, smoothed, in parts of 2^20 */
};

/* Reads what threads and processes there are, and what they are called. */
void names_read(const struct weft_trace *trace);

/* Of an id: a new entry without a name, if nothing was heard of it. */
struct thread *thread_of(uint32_t id);

/* "process:thread", or one of them where both are called the same. */
void thread_label(const struct thread *thread, char *out, uint32_t size);

/* The threads that ran most, of late; how many there are, up to `most`. */
uint32_t threads_busiest(const struct thread **out, uint32_t most);

/* A window is over: all CPUs together had so many clock ticks. */
void threads_settle(uint64_t ticks);

/* ---- model.c: what happened ----------------------------------------------------------------------- */

/* Something that went from one CPU to another. */
struct crossing {
    uint64_t time;
    uint32_t traveller;
    uint8_t why; /* enum trace_travel */
    uint8_t from, to;
    _Bool arrives;
};

/* The colour of a column is the mean of what ran there. */
struct column {
    uint64_t red, green, blue;
    uint64_t ticks;
    uint32_t interrupts;
};

struct lane {
    struct column columns[COLUMNS_MAX];
    uint64_t unread; /* until this moment the window was overwritten before it could be read */
    uint64_t busy;   /* clock ticks that were not idle */
    uint32_t history[HISTORY]; /* per mille, the newest at `model.turn` */
    uint32_t events;
};

struct model {
    struct weft_trace trace;
    uint64_t start, end; /* of the window */
    uint32_t columns;
    uint32_t turn;
    uint32_t cpus; /* that are shown */
    struct lane lanes[CPUS_MAX];
    struct crossing crossings[CROSSINGS_MAX]; /* departures and arrivals, sorted by time */
    uint32_t crossing_count;
    _Bool crossings_missing; /* there were more than there is room for */
};

extern struct model model;

/* Reads the window that has just passed, of so many clock ticks. */
void model_read(uint64_t ticks, uint32_t columns);

/* ---- picture.c --------------------------------------------------------------------------------------- */

/* How many columns the lanes of such a canvas have. */
uint32_t picture_columns(const struct weft_canvas *canvas);
void picture_draw(const struct weft_canvas *canvas);

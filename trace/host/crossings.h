/* SPDX-License-Identifier: Apache-2.0
 *
 * The journeys between CPUs in a capture, and the shortest of each pair of CPUs: one reading of the
 * capture, in its own order (crossings.c says which).
 */
#pragma once

#include "memory.h"
#include "reader.h"

#define CROSSING_WINDOWS 16u
#define GREETING_STEPS 16u
#define BELL_RINGS 16u
#define CROSSING_NONE INT64_MAX

/* The shortest journey that began in a window. */
struct crossing {
    int64_t delay; /* take - push; below 0 if the clocks are apart; CROSSING_NONE: no journey */
    uint64_t push, take; /* times */
};

/* From one CPU to another. */
struct crossing_pair {
    uint32_t from, to;
    uint64_t count;
    struct crossing windows[CROSSING_WINDOWS];
};

/* What one CPU and CPU 0 said to each other when it started. */
struct greeting {
    uint64_t times[GREETING_STEPS]; /* even steps on the CPU itself, odd ones on CPU 0 */
    uint32_t seen;                  /* a bit each */
};

/* Something on its way. */
struct trip {
    uint64_t push; /* time; 0: not kept, as several were on the way */
    uint32_t from, to;
    uint32_t count; /* more than one only of visits */
};

/* The doorbell of a CPU. */
struct bell {
    struct crossing_pair pair;   /* what its rings say, if only one other CPU ever rang */
    uint64_t rings[BELL_RINGS];  /* times of the first ones that were not received yet; a FIFO */
    uint32_t begin, kept, count; /* of the FIFO; rings besides have no time kept */
    uint32_t from;               /* who rings; ID_NONE: nobody but the CPU itself */
    bool several;                /* others do as well */
};

/* A CPU whose next event has to wait for another CPU's. */
struct crossing_lane {
    struct trace_event event;
    bool waits;
    bool in_gap, off; /* its journeys are lost or not recorded now */
};

struct crossings {
    struct crossing_pair **table; /* [from * cpu_count + to], null: none */
    struct crossing_pair **pairs; /* all of them */
    size_t pair_count, pair_capacity;
    struct greeting *greetings;  /* per CPU */
    struct crossing_lane *lanes; /* per CPU */
    struct bell *bells;          /* per CPU */
    struct id_table trip_index;
    struct trip *trips;
    size_t trip_count, trip_capacity;
    uint32_t trip_free; /* linked through `to` */
    uint32_t cpu_count, waiting, blind;
    uint64_t first, last; /* times of the first and last event */
    uint64_t length;      /* of a window */
    bool any;             /* event */
    bool losses;          /* not all journeys are recorded: nobody waits (theory, 3) */
};

/* Reads the capture with these clocks (null: as recorded in it) and only the sections named. */
bool crossings_read(struct crossings *crossings, const struct trace_file *file,
                    const struct capture_clock *clocks, enum reader_sections sections,
                    struct trace_error *error);
void crossings_free(struct crossings *crossings);
/* The shortest of all journeys from one CPU to another; CROSSING_NONE if there was none. */
int64_t crossings_shortest(const struct crossings *crossings, uint32_t from, uint32_t to);
uint64_t crossings_count(const struct crossings *crossings, uint32_t from, uint32_t to);

/* bounds.c, for crossings.c */
void bounds_start(struct crossings *crossings);
void bounds_end(struct crossings *crossings); /* adds what greetings and doorbells say */
void bound_add(struct crossings *crossings, uint32_t from, uint64_t push, uint32_t to,
               uint64_t take);
void greeting_add(struct crossings *crossings, const struct trace_event *event);
void bell_ring(struct crossings *crossings, const struct trace_event *event);
bool bell_may_arrive(const struct crossings *crossings, const struct trace_event *event);
void bell_receive(struct crossings *crossings, const struct trace_event *event);
void bells_forget(struct crossings *crossings);

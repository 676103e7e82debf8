/* SPDX-License-Identifier: Apache-2.0
 *
 * Several measuring threads that work at the same time, for questions about crowds:
 *
 *     crew_open("ipc.call.many", count, samples);      memory for everybody's samples
 *     crew_member(i)->loop.handles[0] = ...;           what each of them needs, and its CPU
 *     crew_measure(loop);                              all begin together; returns when all have ended
 *     crew_report(name, operations, params);           the samples of all, as one record
 *     crew_close();
 *
 * A loop begins with crew_begin(). One that shall be disturbed by the others up to its last sample goes
 * on working, without samples, after crew_finish() while crew_working() says so.
 *
 * There is one crew at a time.
 */
#pragma once

#include "bench.h"

#define CREW_MAX 127

struct crew_member {
    struct bench_loop loop; /* samples and total are set by crew_open() */
    uint32_t cpu;
};

void crew_open(const char *name, uint32_t count, uint64_t samples);
struct crew_member *crew_member(uint32_t number);
void crew_measure(bench_loop_function *function);
void crew_close(void);

/* One record of the samples of all, each divided by `operations`; may be called several times. */
void crew_report(const char *name, uint64_t operations, const char *params);

/* In the loops: waits until all are there; says that this one has its samples; are there others that
 * have not? */
void crew_begin(void);
void crew_finish(void);
_Bool crew_working(void);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside `weft-trace table`: table.c makes the pass and the file, table_rows.c the rows.
 */
#pragma once

#include "commands.h"
#include "model.h"

#define TABLE_IRQ_DEPTH 8u
#define TABLE_SLICE_DEPTH 64u
#define TABLE_KINDS 7u

struct __attribute__((packed)) interrupt_row {
    uint64_t start, end;
    uint32_t cpu, thread;
    uint8_t vector;
};

struct open_slice {
    uint64_t start;
    uint32_t name, value;
};

struct table_thread {
    uint64_t since;
    uint32_t cpu;
    uint8_t state;
    unsigned depth;
    struct open_slice slices[TABLE_SLICE_DEPTH];
};

struct table {
    struct model model;
    struct names names;
    struct output *output;
    const struct table_kind *kind;
    struct table_thread **threads; /* parallel to names.threads, made when they are needed */
    size_t thread_capacity;
    struct {
        uint64_t since; /* the running thread's switch */
        bool known;
        unsigned irq_depth;
        struct interrupt_row irqs[TABLE_IRQ_DEPTH];
    } cpus[CAPTURE_CPUS_MAX];
    uint64_t rows, last;
};

struct table_kind {
    const char *name;
    const char *columns; /* as NumPy's dtype */
    void (*event)(struct table *table, const struct trace_event *event,
                  const struct model_change *change);
    void (*finish)(struct table *table);
};

extern const struct table_kind table_kinds[TABLE_KINDS];

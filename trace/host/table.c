/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace table NAME IN -o OUT.npy`: what happened as rows, in a file that NumPy maps as it is. The
 * model that draws the timeline finds the rows, so both say the same.
 *
 *     schedule    who ran where: one row for each stretch on a CPU
 *     states      one row for each stretch in one state of a thread
 *     messages    one row for each message that ended, with its nine stamps (model.h)
 *     interrupts  one row for each interrupt
 *     slices      one row for each slice that a program began and ended
 *     marks       one row for each mark and counter value of a program
 *     memory      one row for each change of what a process has left of its memory
 *
 * Rows come in the order in which they end. What is open at the end of the capture ends there, but
 * messages that are not done are left out.
 */
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 1024u /* of the file; padded with blanks, as the format wants it */

static void header_make(const struct table *table, char *header)
{
    char text[HEADER_SIZE];
    int length = snprintf(text, sizeof text,
                          "{'descr': [%s], 'fortran_order': False, 'shape': (%" PRIu64 ",)}",
                          table->kind->columns, table->rows);
    uint16_t size = HEADER_SIZE - 10;

    memset(header, ' ', HEADER_SIZE);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    memcpy(header + 8, &size, sizeof size);
    memcpy(header + 10, text, (size_t)length);
    header[HEADER_SIZE - 1] = '\n';
}

static bool table_fill(struct table *table, const struct trace_file *file,
                       struct trace_error *error)
{
    struct trace_event event;
    struct reader reader;
    bool done;

    if (!reader_start(&reader, file, READER_EVENTS, error)) {
        return false;
    }
    while (reader_next(&reader, &event)) {
        struct model_change change = model_apply(&table->model, &event);

        table->kind->event(table, &event, &change);
        table->last = event.time > table->last ? event.time : table->last;
    }
    done = !reader.failed;
    reader_end(&reader);
    if (done && table->kind->finish) {
        table->kind->finish(table);
    }
    return done;
}

bool table_capture(const struct trace_file *file, const char *name, struct output *output,
                   struct trace_error *error)
{
    struct table *table = memory_new(sizeof *table);
    char header[HEADER_SIZE];
    bool done = false;

    table->output = output;
    for (size_t i = 0; i < TABLE_KINDS; i++) {
        if (strcmp(name, table_kinds[i].name) == 0) {
            table->kind = &table_kinds[i];
        }
    }
    if (!table->kind) {
        free(table);
        return trace_fail(error, "there is no table %s", name);
    }
    if (model_start(&table->model, file, &table->names, error)) {
        header_make(table, header);
        output_write(output, header, sizeof header);
        done = table_fill(table, file, error);
        header_make(table, header);
        output_rewrite(output, header, sizeof header);
        for (size_t i = 0; i < table->thread_capacity; i++) {
            free(table->threads[i]);
        }
        free(table->threads);
        model_free(&table->model);
        names_free(&table->names);
    }
    free(table);
    return done;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of threads and processes, from the rings of category life. These are read again from where they were left: the
 * kernel says each name once, and later washes it away.
 *
 * Ids are never used again. Where the table is full the oldest entry in reach makes room: who has been silent for
 * longest, or nearly so.
 */
#include "model.h"

#include "weft/print.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define PLACES 2048u
#define REACH 16u /* places in which an id may lie */
#define KIND_PROCESS 1u
#define SHARE_ONE (1u << 20)

static struct entry {
    struct thread thread; /* of a process: its name alone */
    uint32_t is_process;
    uint64_t used;
} entries[PLACES];
static uint64_t seen[CPUS_MAX * 16]; /* until when each ring was read */
static uint64_t uses;

/* Far from each other at first, and none of them dark. */
static const weft_pixel_t palette[] = {
    0x4f9cff, 0xff9f43, 0x2ecc8f, 0xff5f7e, 0xb58cff, 0xffd84d, 0x3fd5e8, 0xf47fd2,
    0x9bd84a, 0xd64545, 0x7f8cff, 0xe0c8a0, 0xb07a4a, 0xd05fff, 0x6f9f5a, 0x9fc3dd,
};
#define PALETTE (sizeof(palette) / sizeof(palette[0]))

static struct entry *entry_of(uint32_t id, uint32_t is_process)
{
    struct entry *oldest = NULL;
    for (uint32_t i = 0; i < REACH; i++) {
        struct entry *entry = &entries[(id * 2 + is_process + i) % PLACES];
        if (entry->thread.id == id && entry->is_process == is_process) {
            entry->used = ++uses;
            return entry;
        }
        if (oldest == NULL || entry->used < oldest->used) {
            oldest = entry;
        }
    }
    *oldest = (struct entry){.thread = {.id = id}, .is_process = is_process, .used = ++uses};
    return oldest;
}

/* The colour whose threads have run least, of late. */
static weft_pixel_t free_colour(void)
{
    uint64_t shares[PALETTE] = {0};
    uint32_t best = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        for (uint32_t colour = 0; colour < PALETTE; colour++) {
            if (entries[i].thread.id != 0 && entries[i].thread.colour == palette[colour]) {
                shares[colour] += entries[i].thread.share + entries[i].thread.time + 1;
            }
        }
    }
    for (uint32_t colour = 1; colour < PALETTE; colour++) {
        best = shares[colour] < shares[best] ? colour : best;
    }
    return palette[best];
}

struct thread *thread_of(uint32_t id)
{
    struct thread *thread = &entry_of(id, 0)->thread;
    if (thread->colour == 0 && !thread->idle) {
        thread->colour = free_colour();
    }
    return thread;
}

/* One piece of a name, four characters. */
static void take_piece(const struct weft_trace_event *event)
{
    uint32_t kind = event->small >> 4, piece = event->small & 15;
    if (kind > KIND_PROCESS || piece >= 4) {
        return; /* a string of a program's own */
    }
    char *name = entry_of(event->a, kind)->thread.name;
    for (uint32_t i = 0; i < 4; i++) {
        char character = (char)(event->b >> (8 * i));
        if (character < ' ' && character != '\0') {
            character = '?';
        }
        name[piece * 4 + i] = character;
    }
}

static void take(const struct weft_trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_THREAD_CREATE:
        entry_of(event->a, 0)->thread.process = event->b;
        break;
    case TRACE_EVENT_THREAD_IDLE:
        entry_of(event->a, 0)->thread.idle = 1;
        break;
    case TRACE_EVENT_NAME:
        take_piece(event);
        break;
    default:
        break;
    }
}

void names_read(const struct weft_trace *trace)
{
    static struct weft_trace_walk walk;
    struct weft_trace_event event;
    for (uint32_t cpu = 0; cpu < trace->cpus && cpu < sizeof(seen) / sizeof(seen[0]); cpu++) {
        weft_trace_begin(trace, &walk, cpu, WEFT_TRACE_LIFE, seen[cpu]);
        seen[cpu] = walk.now - 2 * trace->settled; /* twice is no harm */
        while (weft_trace_next(&walk, &event)) {
            take(&event);
        }
    }
}

void thread_label(const struct thread *thread, char *out, uint32_t size)
{
    const char *process =
        thread->process != 0 ? entry_of(thread->process, KIND_PROCESS)->thread.name : "";
    if (process[0] == '\0' && thread->name[0] == '\0') {
        (void)weft_format(out, size, "thread %u", thread->id);
    } else if (process[0] == '\0' || strcmp(process, thread->name) == 0) {
        (void)weft_format(out, size, "%s", thread->name);
    } else if (thread->name[0] == '\0') {
        (void)weft_format(out, size, "%s", process);
    } else {
        (void)weft_format(out, size, "%s:%s", process, thread->name);
    }
}

uint32_t threads_busiest(const struct thread **out, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        const struct thread *thread = &entries[i].thread;
        if (thread->id == 0 || entries[i].is_process || thread->idle || thread->share == 0) {
            continue;
        }
        uint32_t at = count < most ? count++ : most;
        for (; at > 0 && out[at - 1]->share < thread->share; at--) {
            if (at < most) {
                out[at] = out[at - 1];
            }
        }
        if (at < most) {
            out[at] = thread;
        }
    }
    return count;
}

void threads_settle(uint64_t ticks)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        struct thread *thread = &entries[i].thread;
        uint64_t now = thread->time * SHARE_ONE / (ticks | 1);
        thread->share = (thread->share * 7 + now) / 8;
        thread->time = 0;
    }
}

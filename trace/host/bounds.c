/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounds that journeys set: of each pair of CPUs the shortest, per window.
 *
 * 1. Windows. Of each pair the shortest journey in each of CROSSING_WINDOWS stretches of time is kept.
 *    When time goes beyond the last one, stretches double their length and neighbours merge.
 * 2. Greetings. At its start each CPU exchanges some with CPU 0. Their steps are numbered, and each
 *    happens after the one before. They are in the life section, which floods do not wash away.
 * 3. Doorbells. One does not tell who rang it, and several may arrive as one. But each that arrives was
 *    rung, so the k-th that a CPU receives comes after the k-th that was rung for it. In which order two
 *    CPUs rang is not known while their clocks may be apart; so this counts for a CPU only as long as
 *    just one other rings. (What it rings itself has its place in its own events.) It is needed where all
 *    traffic goes one way: then nothing else is as near to the push.
 */
#include "crossings.h"

#include "weft/trace_events.h"

#define WINDOW_START_NS (1u << 20)

/* ---- pairs ------------------------------------------------------------------------------------- */

static void pair_start(struct crossing_pair *pair, uint32_t from, uint32_t to)
{
    *pair = (struct crossing_pair){.from = from, .to = to};
    for (unsigned i = 0; i < CROSSING_WINDOWS; i++) {
        pair->windows[i].delay = CROSSING_NONE;
    }
}

static struct crossing_pair *pair_get(struct crossings *crossings, uint32_t from, uint32_t to)
{
    struct crossing_pair **slot = &crossings->table[from * crossings->cpu_count + to];

    if (!*slot) {
        *slot = memory_new(sizeof **slot);
        pair_start(*slot, from, to);
        crossings->pairs = memory_grow(crossings->pairs, &crossings->pair_capacity,
                                       crossings->pair_count + 1, sizeof(struct crossing_pair *));
        crossings->pairs[crossings->pair_count++] = *slot;
    }
    return *slot;
}

static void pair_double(struct crossing_pair *pair)
{
    for (unsigned i = 0; i < CROSSING_WINDOWS / 2; i++) {
        const struct crossing *left = &pair->windows[2 * i], *right = left + 1;

        pair->windows[i] = left->delay <= right->delay ? *left : *right;
    }
    for (unsigned i = CROSSING_WINDOWS / 2; i < CROSSING_WINDOWS; i++) {
        pair->windows[i].delay = CROSSING_NONE;
    }
}

static void windows_double(struct crossings *crossings)
{
    for (size_t i = 0; i < crossings->pair_count; i++) {
        pair_double(crossings->pairs[i]);
    }
    for (uint32_t i = 0; i < crossings->cpu_count; i++) {
        pair_double(&crossings->bells[i].pair);
    }
    crossings->length *= 2;
}

static void crossing_add(struct crossings *crossings, struct crossing_pair *pair, uint64_t push,
                         uint64_t take)
{
    uint64_t since = push > crossings->first ? push - crossings->first : 0;
    int64_t delay = (int64_t)(take - push);
    struct crossing *window;

    while (since / crossings->length >= CROSSING_WINDOWS) {
        windows_double(crossings);
    }
    window = &pair->windows[since / crossings->length];
    pair->count++;
    if (delay < window->delay) {
        *window = (struct crossing){delay, push, take};
    }
}

void bound_add(struct crossings *crossings, uint32_t from, uint64_t push, uint32_t to,
               uint64_t take)
{
    crossing_add(crossings, pair_get(crossings, from, to), push, take);
}

int64_t crossings_shortest(const struct crossings *crossings, uint32_t from, uint32_t to)
{
    const struct crossing_pair *pair = crossings->table[from * crossings->cpu_count + to];
    int64_t shortest = CROSSING_NONE;

    for (unsigned i = 0; pair && i < CROSSING_WINDOWS; i++) {
        shortest = pair->windows[i].delay < shortest ? pair->windows[i].delay : shortest;
    }
    return shortest;
}

uint64_t crossings_count(const struct crossings *crossings, uint32_t from, uint32_t to)
{
    const struct crossing_pair *pair = crossings->table[from * crossings->cpu_count + to];

    return pair ? pair->count : 0;
}

/* ---- greetings --------------------------------------------------------------------------------- */

void greeting_add(struct crossings *crossings, const struct trace_event *event)
{
    uint32_t step = event_a(event), cpu = step % 2 ? event->small : event->cpu;

    if (step < GREETING_STEPS && cpu < crossings->cpu_count) {
        crossings->greetings[cpu].times[step] = event->time;
        crossings->greetings[cpu].seen |= 1u << step;
    }
}

/* Each step comes before the next one. */
static void greetings_end(struct crossings *crossings)
{
    for (uint32_t cpu = 1; cpu < crossings->cpu_count; cpu++) {
        const struct greeting *greeting = &crossings->greetings[cpu];

        for (uint32_t step = 0; step + 1 < GREETING_STEPS; step++) {
            if ((greeting->seen >> step & 3) == 3) {
                bound_add(crossings, step % 2 ? 0 : cpu, greeting->times[step], step % 2 ? cpu : 0,
                          greeting->times[step + 1]);
            }
        }
    }
}

/* ---- doorbells --------------------------------------------------------------------------------- */

void bell_ring(struct crossings *crossings, const struct trace_event *event)
{
    struct bell *bell = &crossings->bells[event->small];

    if (event->cpu != event->small) {
        bell->several |= bell->from != ID_NONE && bell->from != event->cpu;
        bell->from = event->cpu;
    }
    if (bell->kept == bell->count && bell->kept < BELL_RINGS) {
        bool own = event->cpu == event->small;

        bell->rings[(bell->begin + bell->kept++) % BELL_RINGS] = own ? 0 : event->time;
    }
    bell->count++;
}

bool bell_may_arrive(const struct crossings *crossings, const struct trace_event *event)
{
    return crossings->bells[event->cpu].count != 0;
}

void bell_receive(struct crossings *crossings, const struct trace_event *event)
{
    struct bell *bell = &crossings->bells[event->cpu];

    if (bell->kept) {
        uint64_t rung = bell->rings[bell->begin];

        bell->begin = (bell->begin + 1) % BELL_RINGS;
        bell->kept--;
        if (rung && !bell->several) {
            crossing_add(crossings, &bell->pair, rung, event->time);
        }
    }
    bell->count -= bell->count != 0;
}

void bells_forget(struct crossings *crossings)
{
    for (uint32_t cpu = 0; cpu < crossings->cpu_count; cpu++) {
        crossings->bells[cpu].begin = crossings->bells[cpu].kept = crossings->bells[cpu].count = 0;
    }
}

/* Adds what doorbells say, where just one other CPU rings. They are no journeys of their own. */
static void bells_end(struct crossings *crossings)
{
    for (uint32_t cpu = 0; cpu < crossings->cpu_count; cpu++) {
        const struct bell *bell = &crossings->bells[cpu];
        struct crossing *windows;

        if (bell->several || !bell->pair.count) {
            continue;
        }
        windows = pair_get(crossings, bell->from, cpu)->windows;
        for (unsigned i = 0; i < CROSSING_WINDOWS; i++) {
            if (bell->pair.windows[i].delay < windows[i].delay) {
                windows[i] = bell->pair.windows[i];
            }
        }
    }
}

void bounds_start(struct crossings *crossings)
{
    size_t count = crossings->cpu_count;

    crossings->length = WINDOW_START_NS;
    crossings->table = memory_new(count * count * sizeof(void *));
    crossings->greetings = memory_new(sizeof *crossings->greetings * count);
    crossings->bells = memory_new(sizeof *crossings->bells * count);
    for (uint32_t cpu = 0; cpu < crossings->cpu_count; cpu++) {
        crossings->bells[cpu].from = ID_NONE;
        pair_start(&crossings->bells[cpu].pair, ID_NONE, cpu);
    }
}

void bounds_end(struct crossings *crossings)
{
    greetings_end(crossings);
    bells_end(crossings);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From bounds to offsets.
 *
 * 1. Bounds. Let o be how far a CPU's clock is ahead of CPU 0's. A push by A at its time a, before the
 *    take by B at its time b, says o(B) - o(A) < b - a. So the shortest journey from A to B is an
 *    upper bound of the difference, the shortest from B to A a lower one (Cristian). All
 *    bounds together are difference constraints: shortest paths over them (Floyd and Warshall)
 *    bracket every CPU that CPU 0 reaches and that reaches CPU 0, also by way of others. A way round
 *    that is shorter than nothing contradicts itself: no constant offsets explain the capture.
 * 2. Drift. Then the bounds of each pair, one per window and direction, are points above and below a
 *    line: the difference over time. Its slope is bounded by any point above and any below
 *    (Duda et al.). Slopes are added up along the busiest tree of pairs from CPU 0.
 * 3. What is corrected. A clock whose bracket contains 0 is left as it is. Of the others, the one with
 *    the narrowest bracket is set to its middle; then the brackets of the rest become narrower, and so
 *    on. So as few clocks as possible are touched, and all that is chosen fits together.
 * 4. Proof. The capture is read again with the clocks as chosen. Only if no journey takes negative time
 *    then, the choice is good. Otherwise what is left over is estimated and added, up to PASSES
 *    times: a slope comes out better when most of it has been taken away. What cannot be explained in
 *    this way (a clock that jumped) is not corrected at all, and said.
 * 5. At boot. Greetings with CPU 0 bracket each clock by themselves. Where such a bracket does not
 *    contain 0, the first reading already goes by its middle.
 */
#include "clock.h"

#include <stdlib.h>
#include <string.h>

#define PASSES 5u

/* ---- brackets ---------------------------------------------------------------------------------- */

static int64_t bound_sum(int64_t left, int64_t right)
{
    int64_t sum = left + right; /* both are within CLOCK_UNBOUNDED either way */

    if (left == CLOCK_UNBOUNDED || right == CLOCK_UNBOUNDED || sum > CLOCK_UNBOUNDED) {
        return CLOCK_UNBOUNDED;
    }
    return sum < -CLOCK_UNBOUNDED ? -CLOCK_UNBOUNDED : sum;
}

/* So far a clock is ahead, beyond its offset, when it shows `time`. */
static int64_t drifted(int64_t drift, uint64_t base, uint64_t time)
{
    return (int64_t)((__int128)drift * (int64_t)(time - base) / CLOCK_DRIFT_UNIT);
}

/* What a journey says about the difference of the offsets, when the clocks drift so. */
static int64_t bound_of(const struct crossing *crossing, int64_t from_drift, int64_t to_drift,
                        uint64_t base)
{
    __int128 bound = (__int128)crossing->delay + drifted(from_drift, base, crossing->push) -
                     drifted(to_drift, base, crossing->take);

    return bound > CLOCK_UNBOUNDED    ? CLOCK_UNBOUNDED
           : bound < -CLOCK_UNBOUNDED ? -CLOCK_UNBOUNDED
                                      : (int64_t)bound;
}

/* Which bounds are to be put together, and how. */
struct choice {
    unsigned first, end; /* windows */
    int64_t least;       /* ns that a journey takes at least */
    int64_t drifts[CAPTURE_CPUS_MAX];
};

static const struct choice all_windows = {.end = CROSSING_WINDOWS};

static void matrix_fill(struct clocks *clocks, const struct choice *choice)
{
    uint32_t count = clocks->cpu_count;

    for (size_t i = 0; i < (size_t)count * count; i++) {
        clocks->matrix[i] = i % (count + 1) ? CLOCK_UNBOUNDED : 0;
    }
    for (size_t i = 0; i < clocks->crossings.pair_count; i++) {
        const struct crossing_pair *pair = clocks->crossings.pairs[i];
        int64_t *slot = &clocks->matrix[pair->from * count + pair->to];

        for (unsigned j = choice->first; j < choice->end; j++) {
            if (pair->windows[j].delay != CROSSING_NONE) {
                int64_t bound = bound_of(&pair->windows[j], choice->drifts[pair->from],
                                         choice->drifts[pair->to], clocks->table[0].base);
                bound = bound_sum(bound, -choice->least);
                *slot = bound < *slot ? bound : *slot;
            }
        }
    }
}

/* Fills the matrix and closes it (theory, 1). False: a contradiction. */
static bool matrix_make(struct clocks *clocks, const struct choice *choice)
{
    uint32_t count = clocks->cpu_count;
    int64_t *matrix = clocks->matrix;
    bool possible = true;

    matrix_fill(clocks, choice);
    for (uint32_t by = 0; by < count; by++) {
        for (uint32_t from = 0; from < count; from++) {
            int64_t there = matrix[from * count + by];

            for (uint32_t to = 0; there != CLOCK_UNBOUNDED && to < count; to++) {
                int64_t sum = bound_sum(there, matrix[by * count + to]);

                if (sum < matrix[from * count + to]) {
                    matrix[from * count + to] = sum;
                }
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        possible &= matrix[i * count + i] >= 0;
    }
    return possible;
}

/* ---- drift ------------------------------------------------------------------------------------- */

struct slope {
    double lower, upper; /* in drift units; beyond CLOCK_DRIFT_MAX: no bound */
};

/* What the points above (journeys to the child) and below (from it) say about the child's slope, when
 * its parent's is known. */
static struct slope pair_slope(const struct crossings *crossings, uint32_t parent, uint32_t child,
                               int64_t parent_drift, uint64_t base)
{
    const struct crossing_pair *to = crossings->table[parent * crossings->cpu_count + child],
                               *from = crossings->table[child * crossings->cpu_count + parent];
    struct slope slope = {-2.0 * CLOCK_DRIFT_MAX, 2.0 * CLOCK_DRIFT_MAX};

    for (unsigned i = 0; i < CROSSING_WINDOWS * CROSSING_WINDOWS; i++) {
        const struct crossing *above = &to->windows[i / CROSSING_WINDOWS],
                              *below = &from->windows[i % CROSSING_WINDOWS];
        double width, rise;

        if (above->delay == CROSSING_NONE || below->delay == CROSSING_NONE) {
            continue;
        }
        width = (double)(int64_t)(above->take - below->push);
        rise = (double)above->delay + (double)drifted(parent_drift, base, above->push) +
               (double)below->delay - (double)drifted(parent_drift, base, below->take);
        if (width > 0 && rise / width * CLOCK_DRIFT_UNIT < slope.upper) {
            slope.upper = rise / width * CLOCK_DRIFT_UNIT;
        } else if (width < 0 && rise / width * CLOCK_DRIFT_UNIT > slope.lower) {
            slope.lower = rise / width * CLOCK_DRIFT_UNIT;
        }
    }
    return slope;
}

static uint64_t pair_weight(const struct crossings *crossings, uint32_t one, uint32_t other)
{
    uint64_t there = crossings_count(crossings, one, other),
             back = crossings_count(crossings, other, one);

    return there < back ? there : back;
}

/* The tree's next edge: from a CPU in it to one that is not, with the most journeys. */
static bool tree_grow(const struct crossings *crossings, const bool *in_tree, uint32_t *parent,
                      uint32_t *child)
{
    uint64_t most = 0;

    for (size_t i = 0; i < crossings->pair_count; i++) {
        const struct crossing_pair *pair = crossings->pairs[i];
        uint64_t weight = pair_weight(crossings, pair->from, pair->to);

        if (in_tree[pair->from] && !in_tree[pair->to] && weight > most) {
            most = weight;
            *parent = pair->from;
            *child = pair->to;
        }
    }
    return most != 0;
}

static int64_t drift_limit(double drift)
{
    return drift > CLOCK_DRIFT_MAX    ? CLOCK_DRIFT_MAX
           : drift < -CLOCK_DRIFT_MAX ? -CLOCK_DRIFT_MAX
                                      : (int64_t)drift;
}

/* Brackets the slopes (theory, 2); with `choose` also chooses them, otherwise all are 0. */
static void drifts_find(const struct clocks *clocks, bool choose, int64_t *drifts,
                        struct slope *slopes)
{
    bool in_tree[CAPTURE_CPUS_MAX] = {true};
    uint32_t parent, child;

    for (uint32_t i = 0; i < clocks->cpu_count; i++) {
        slopes[i] = (struct slope){i ? -2.0 * CLOCK_DRIFT_MAX : 0, i ? 2.0 * CLOCK_DRIFT_MAX : 0};
        drifts[i] = 0;
    }
    while (tree_grow(&clocks->crossings, in_tree, &parent, &child)) {
        struct slope slope =
            pair_slope(&clocks->crossings, parent, child, drifts[parent], clocks->table[0].base);

        in_tree[child] = true;
        if (choose && (slope.lower > 0 || slope.upper < 0)) {
            drifts[child] = drift_limit((slope.lower + slope.upper) / 2);
        }
        slopes[child].lower = slope.lower + slopes[parent].lower - (double)drifts[parent];
        slopes[child].upper = slope.upper + slopes[parent].upper - (double)drifts[parent];
    }
}

/* ---- choice ------------------------------------------------------------------------------------ */

/* The middle; where only one side is bounded, what is nearest to 0. */
static int64_t bracket_choice(int64_t lower, int64_t upper)
{
    if (lower <= 0 && upper >= 0) {
        return 0;
    }
    if (lower <= -CLOCK_UNBOUNDED) {
        return upper;
    }
    return upper >= CLOCK_UNBOUNDED ? lower : lower + (upper - lower) / 2;
}

/* Chooses offsets that fit together (theory, 3). The matrix is closed and free of contradictions. */
static void offsets_choose(const struct clocks *clocks, int64_t *offsets)
{
    int64_t lower[CAPTURE_CPUS_MAX], upper[CAPTURE_CPUS_MAX];
    bool chosen[CAPTURE_CPUS_MAX] = {false};
    uint32_t count = clocks->cpu_count, next = 0;

    for (uint32_t i = 0; i < count; i++) {
        lower[i] = -CLOCK_UNBOUNDED;
        upper[i] = CLOCK_UNBOUNDED;
    }
    lower[0] = upper[0] = 0;
    for (uint32_t round = 0; round < count; round++) {
        chosen[next] = true;
        offsets[next] = bracket_choice(lower[next], upper[next]);
        for (uint32_t i = 0; i < count; i++) {
            int64_t most = bound_sum(offsets[next], clocks->matrix[next * count + i]);
            int64_t least = -bound_sum(-offsets[next], clocks->matrix[i * count + next]);

            upper[i] = most < upper[i] ? most : upper[i];
            lower[i] = least > lower[i] ? least : lower[i];
        }
        for (uint32_t i = 0, best = ID_NONE; i < count; i++) {
            if (!chosen[i] &&
                (best == ID_NONE || upper[i] - lower[i] < upper[best] - lower[best])) {
                next = best = i;
            }
        }
    }
}

/* ---- the whole --------------------------------------------------------------------------------- */

/* Is nothing taken before it was pushed? */
static bool is_causal(const struct clocks *clocks)
{
    for (size_t i = 0; i < clocks->crossings.pair_count; i++) {
        const struct crossing_pair *pair = clocks->crossings.pairs[i];

        if (crossings_shortest(&clocks->crossings, pair->from, pair->to) < 0) {
            return false;
        }
    }
    return true;
}

/* Puts the bounds together so that all journeys take some time, or at least none; without drift if that
 * is possible. */
static bool bounds_fit(struct clocks *clocks, struct choice *choice)
{
    static struct slope slopes[CAPTURE_CPUS_MAX];

    for (unsigned attempt = 0; attempt < 4; attempt++) {
        if (attempt == 2) {
            drifts_find(clocks, true, choice->drifts, slopes);
        }
        choice->least = attempt % 2 ? 0 : 1;
        if (matrix_make(clocks, choice)) {
            return true;
        }
    }
    return false;
}

/* Adds to the clocks what the last reading has left over. */
static bool clocks_improve(struct clocks *clocks)
{
    struct choice choice = all_windows;
    int64_t offsets[CAPTURE_CPUS_MAX];

    if (!bounds_fit(clocks, &choice)) {
        return false;
    }
    offsets_choose(clocks, offsets);
    for (uint32_t i = 0; i < clocks->cpu_count; i++) {
        struct capture_clock *clock = &clocks->table[i];

        clock->offset = bound_sum(clock->offset, offsets[i]);
        clock->drift = drift_limit((double)(clock->drift + choice.drifts[i]));
        if (clock->offset || clock->drift) {
            clock->flags |= CLOCK_CORRECTED;
            clocks->corrected = true;
        }
    }
    return true;
}

/* The offsets at boot, from the greetings alone (theory, 5). */
static bool boot_measure(struct clocks *clocks, const struct trace_file *file,
                         struct trace_error *error)
{
    if (!crossings_read(&clocks->crossings, file, NULL, READER_LIFE, error)) {
        return false;
    }
    for (uint32_t i = 0; i < clocks->cpu_count; i++) {
        struct capture_clock *clock = &clocks->table[i];
        int64_t most = crossings_shortest(&clocks->crossings, 0, i),
                least = crossings_shortest(&clocks->crossings, i, 0);

        *clock = (struct capture_clock){.cpu = i, .base = clocks->crossings.first};
        clock->boot_upper = i ? CLOCK_UNBOUNDED : 0;
        clock->boot_lower = -clock->boot_upper;
        if (i && most < CLOCK_UNBOUNDED && most > -CLOCK_UNBOUNDED && least < CLOCK_UNBOUNDED &&
            least > -CLOCK_UNBOUNDED) {
            clock->boot_upper = most - 1;
            clock->boot_lower = 1 - least;
            clock->offset = most + least > 1 ? bracket_choice(1 - least, most - 1) : 0;
            clock->flags = clock->offset ? CLOCK_CORRECTED : 0;
            clocks->corrected |= clock->offset != 0;
        }
    }
    crossings_free(&clocks->crossings);
    return true;
}

/* No choice explains the capture: all clocks stay as they are. Which ones contradict each other? */
static bool clocks_give_up(struct clocks *clocks, const struct trace_file *file,
                           struct trace_error *error)
{
    for (uint32_t i = 0; i < clocks->cpu_count; i++) {
        clocks->table[i].flags = 0;
        clocks->table[i].offset = clocks->table[i].drift = 0;
    }
    clocks->corrected = false;
    crossings_free(&clocks->crossings);
    if (!crossings_read(&clocks->crossings, file, NULL, READER_ALL, error)) {
        return false;
    }
    for (size_t i = 0; i < clocks->crossings.pair_count; i++) {
        const struct crossing_pair *pair = clocks->crossings.pairs[i];
        int64_t there = crossings_shortest(&clocks->crossings, pair->from, pair->to),
                back = crossings_shortest(&clocks->crossings, pair->to, pair->from);

        if (there < 0 || back < 0) {
            clocks->table[pair->from].flags |= pair->from ? CLOCK_UNEXPLAINED : 0;
            clocks->table[pair->to].flags |= pair->to ? CLOCK_UNEXPLAINED : 0;
        }
    }
    return true;
}

/* Brackets what was chosen; without an explanation, nothing is known. */
static void clocks_conclude(struct clocks *clocks)
{
    static struct slope slopes[CAPTURE_CPUS_MAX];
    struct choice choice = all_windows;
    uint32_t count = clocks->cpu_count;

    matrix_make(clocks, &choice);
    drifts_find(clocks, false, choice.drifts, slopes);
    for (uint32_t i = 0; i < count; i++) {
        struct capture_clock *clock = &clocks->table[i];
        bool known = clocks->explained || i == 0;

        clock->upper = known ? bound_sum(clock->offset, clocks->matrix[i]) : CLOCK_UNBOUNDED;
        clock->lower =
            known ? -bound_sum(-clock->offset, clocks->matrix[i * count]) : -CLOCK_UNBOUNDED;
        clock->drift_lower = drift_limit(slopes[i].lower + (double)clock->drift);
        clock->drift_upper = drift_limit(slopes[i].upper + (double)clock->drift);
        if (clock->upper < CLOCK_UNBOUNDED && clock->lower > -CLOCK_UNBOUNDED) {
            clock->flags |= CLOCK_BRACKETED;
        }
        clock->flags |= clocks->crossings.losses ? CLOCK_LOSSES : 0;
        for (uint32_t j = 0; j < count; j++) {
            clock->crossings += crossings_count(&clocks->crossings, i, j) +
                                crossings_count(&clocks->crossings, j, i);
        }
    }
}

bool clocks_measure(struct clocks *clocks, const struct trace_file *file, struct trace_error *error)
{
    bool done;

    *clocks = (struct clocks){.cpu_count = file->header->cpu_count};
    clocks->matrix =
        memory_new((size_t)clocks->cpu_count * clocks->cpu_count * sizeof *clocks->matrix);
    done = boot_measure(clocks, file, error);
    for (unsigned pass = 0; done && pass < PASSES && !clocks->explained; pass++) {
        if (pass && !clocks_improve(clocks)) {
            break;
        }
        crossings_free(&clocks->crossings);
        done = crossings_read(&clocks->crossings, file, clocks->table, READER_ALL, error);
        clocks->explained = done && is_causal(clocks);
    }
    if (done && !clocks->explained) {
        done = clocks_give_up(clocks, file, error);
    }
    if (done) {
        clocks_conclude(clocks);
    } else {
        clocks_free(clocks);
    }
    return done;
}

bool clocks_window(struct clocks *clocks, unsigned window, uint32_t cpu, int64_t *lower,
                   int64_t *upper)
{
    struct choice choice = {.first = window, .end = window + 1};

    if (cpu == 0) {
        matrix_make(clocks, &choice);
    }
    *upper = clocks->matrix[cpu];
    *lower = -clocks->matrix[cpu * clocks->cpu_count];
    return *upper<CLOCK_UNBOUNDED && * lower> - CLOCK_UNBOUNDED;
}

void clocks_free(struct clocks *clocks)
{
    crossings_free(&clocks->crossings);
    free(clocks->matrix);
    clocks->matrix = NULL;
}

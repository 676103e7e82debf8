/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk backwards; see path.h. At each point there is a thread, a time, and that thread's last step
 * before the time. Each turn of the loop adds the segment that ends there and moves on to where it began.
 * The time never grows, and the number of the step always falls: so it ends, whatever the capture says.
 */
#include "path.h"

#include "weft/trace_events.h"

struct walker {
    uint32_t thread;
    uint64_t time;
    uint32_t step; /* of the thread, not after the time; ID_NONE: none in the window */
    bool acts;     /* it did something at that time, so it ran */
};

static void segment_put(struct path *path, struct walker *walker, enum segment_kind kind,
                        uint64_t start, uint32_t other, uint32_t cpu)
{
    start = start < path->from ? path->from : start;
    if (start >= walker->time) {
        return;
    }
    path->segments = memory_grow(path->segments, &path->segment_capacity, path->segment_count + 1,
                                 sizeof *path->segments);
    path->segments[path->segment_count++] = (struct segment){.start = start,
                                                             .end = walker->time,
                                                             .kind = kind,
                                                             .thread = walker->thread,
                                                             .other = other,
                                                             .cpu = cpu};
    walker->time = start;
}

/* The step of a thread that comes before another step of it. */
static uint32_t step_before(const struct path *path, uint32_t thread, uint32_t step)
{
    return path->steps[step].thread == thread ? path->steps[step].before
                                              : path->steps[step].other_before;
}

/* Goes over to another thread, as it was at the walker's time and before a step. Its list is walked from
 * its end; what is skipped is younger than the path. */
static void walker_jump(const struct path *path, struct walker *walker, uint32_t thread,
                        uint32_t below)
{
    uint32_t step = thread < path->last_capacity ? path->last[thread] : ID_NONE;

    while (step != ID_NONE && (path->steps[step].time > walker->time || step >= below)) {
        step = step_before(path, thread, step);
    }
    walker->thread = thread;
    walker->step = step;
    walker->acts = true;
}

/* Who had the CPU the longest between two times, except the thread itself and idle threads. */
static uint32_t longest_runner(const struct path *path, uint32_t cpu, uint32_t thread,
                               uint32_t last, uint64_t from)
{
    uint32_t best = ID_NONE;
    uint64_t longest = 0;

    for (uint32_t step = last; step != ID_NONE; step = path->steps[step].cpu_before) {
        uint32_t before = path->steps[step].cpu_before;
        uint64_t start = before == ID_NONE ? path->from : path->steps[before].time;
        uint64_t length;

        start = start < from ? from : start;
        length = path->steps[step].time > start ? path->steps[step].time - start : 0;
        if (length > longest && path->steps[step].other != thread &&
            path->names.threads[path->steps[step].other].idle_cpu == ID_NONE) {
            longest = length;
            best = path->steps[step].other;
        }
        if (start <= from || path->steps[step].cpu != cpu) {
            break;
        }
    }
    return best;
}

/* The thread ran up to the walker's time, since this switch. */
static void walk_run(struct path *path, struct walker *walker)
{
    const struct step *start = &path->steps[walker->step];
    uint32_t started = walker->step, before = start->before;
    const struct step *cause = before == ID_NONE ? NULL : &path->steps[before];
    uint64_t ready_since = cause ? cause->time : path->from;

    segment_put(path, walker, SEGMENT_RUNNING, start->time, ID_NONE, start->cpu);
    walker->step = before;
    if (cause && !cause->is_wakeup && cause->other == walker->thread &&
        cause->state != TRACE_THREAD_STATE_RUNNABLE) {
        /* It was blocked and not woken: whoever ran here handed the CPU over. */
        walker->thread = start->other;
        walker->step = start->other_before;
        return;
    }
    if (!cause && path->names.threads[start->other].idle_cpu == ID_NONE) {
        walker->thread = start->other;
        walker->step = start->other_before;
        return;
    }
    segment_put(path, walker, SEGMENT_READY, ready_since,
                longest_runner(path, start->cpu, walker->thread, started, ready_since), start->cpu);
}

/* The thread was woken at the walker's time. */
static void walk_wakeup(struct path *path, struct walker *walker)
{
    const struct step *wakeup = &path->steps[walker->step];
    uint32_t cause = wakeup->other;
    uint32_t blocked = wakeup->before;

    segment_put(path, walker, SEGMENT_READY, wakeup->time, ID_NONE, wakeup->cpu);
    if (cause != ID_NONE && cause != walker->thread) {
        segment_put(path, walker, SEGMENT_CROSSING, wakeup->cause_time, cause, wakeup->cpu);
        walker_jump(path, walker, cause, (uint32_t)(wakeup - path->steps));
        return;
    }
    segment_put(path, walker, cause == ID_NONE ? SEGMENT_ASLEEP : SEGMENT_CROSSING,
                blocked == ID_NONE ? path->from : path->steps[blocked].time, ID_NONE, wakeup->cpu);
    walker->step = blocked;
}

/* The thread left its CPU with this switch and was away at the walker's time. */
static void walk_away(struct path *path, struct walker *walker)
{
    const struct step *leave = &path->steps[walker->step];
    enum segment_kind kind = leave->state == TRACE_THREAD_STATE_RUNNABLE     ? SEGMENT_READY
                             : leave->state == TRACE_THREAD_STATE_TRAVELLING ? SEGMENT_CROSSING
                                                                             : SEGMENT_UNKNOWN;
    uint32_t before = leave->other_before;

    segment_put(path, walker, kind, leave->time, kind == SEGMENT_READY ? leave->thread : ID_NONE,
                leave->cpu);
    /* Before that it ran, since the switch that started it. */
    while (before != ID_NONE && path->steps[before].is_wakeup) {
        before = path->steps[before].before;
    }
    if (before == ID_NONE) {
        segment_put(path, walker, SEGMENT_RUNNING, path->from, ID_NONE, leave->cpu);
    }
    walker->step = before;
}

void path_walk(struct path *path)
{
    struct walker walker = {.time = path->to};

    walker_jump(path, &walker, path->thread, ID_NONE);
    walker.acts = path->model.threads[path->thread].running;
    while (walker.time > path->from) {
        const struct step *step = walker.step == ID_NONE ? NULL : &path->steps[walker.step];

        if (!step) { /* nothing happened to it before: it ran or waited all the time */
            segment_put(path, &walker, walker.acts ? SEGMENT_RUNNING : SEGMENT_UNKNOWN, path->from,
                        ID_NONE, path->model.threads[walker.thread].cpu);
        } else if (step->is_wakeup) {
            walk_wakeup(path, &walker);
        } else if (step->thread == walker.thread) {
            walk_run(path, &walker);
        } else {
            walk_away(path, &walker);
        }
    }
}

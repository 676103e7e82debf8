/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace watch`: a flight recorder with triggers. The guest writes its rings over and over; when
 * a trigger fires, what they hold is taken into a capture, and the guest goes on.
 *
 * 1. Again and again the newest events are copied out of the guest's memory (capture.h), into memory,
 *    and looked through (trigger.h). The guest knows nothing of it. A look takes what was recorded since
 *    the one before, and more where a call is still open.
 * 2. When a trigger has fired, the capture is taken at once: the rings hold what led to it and what
 *    the guest did until now. Captures are numbered OUT.1.weft, OUT.2.weft, ..., at most so many as was
 *    asked for. A look leads to one capture, however often triggers fire in it.
 * 3. SIGUSR1 is a trigger as well.
 * 4. Between looks is a pause as long as the last look took, so that at most half a core is used.
 *    Where the guest was faster, events were overwritten before they were looked at: that is said at
 *    the end.
 * 5. The end is that of standard input, or SIGINT or SIGTERM. Then there is a last look.
 */
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "pause.h"
#include "trigger.h"

#define LOOK_MS 5 /* the shortest pause */

struct watch {
    struct guest guest;
    struct triggers triggers;
    const struct capture_options *options;
    const char *path;                 /* of the captures, without their number */
    int memory;                       /* descriptor of the file in memory that looks go through */
    uint64_t from;                    /* the next look begins here: shifted time */
    uint64_t looked[TRACE_RINGS_MAX]; /* number of the page that a ring was at in the last look */
    uint64_t missed;                  /* events that were overwritten before any look */
    bool began;                       /* there was a look */
    unsigned taken;                   /* captures */
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* out/trace.weft and 2 make out/trace.2.weft. */
static bool numbered_path(const char *path, unsigned number, char *numbered, size_t size)
{
    const char *suffix = ".weft";
    size_t length = strlen(path), end = strlen(suffix);

    if (length > end && strcmp(path + length - end, suffix) == 0) {
        length -= end;
    }
    return snprintf(numbered, size, "%.*s.%u%s", (int)length, path, number, suffix) < (int)size;
}

/* Takes what the rings hold now. */
static bool watch_capture(struct watch *watch, const struct trigger_note *trigger,
                          struct trace_error *error)
{
    struct window window = {0};
    struct output output;
    char path[1024];
    bool done;

    if (!numbered_path(watch->path, watch->taken + 1, path, sizeof path)) {
        return trace_fail(error, "the path is too long");
    }
    if (!output_open(&output, path, error)) {
        return false;
    }
    window_until_now(&watch->guest, &window);
    done = capture_write(&watch->guest, &window, watch->options->metadata, trigger, &output, error);
    if (!output_close(&output, done, error) || !done) {
        return false;
    }
    watch->taken++;
    printf("%s: %s at %" PRIu64 " ns\n", path, trigger->name, trigger->time);
    fflush(stdout);
    return true;
}

/* Counts what was overwritten since the last look. A guest that started again begins anew. */
static void rings_follow(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->guest.area.ring_count; i++) {
        struct trace_ring ring;

        if (!guest_ring(&watch->guest, &watch->guest.area.rings[i], &ring)) {
            continue;
        }
        if (ring.sequence < watch->looked[i]) {
            memset(watch->triggers.examined, 0, sizeof watch->triggers.examined);
            watch->began = false;
        } else if (ring_oldest(&watch->guest, &ring) > watch->looked[i]) {
            watch->missed +=
                (ring_oldest(&watch->guest, &ring) - watch->looked[i]) * TRACE_RECORDS_PER_PAGE;
        }
        watch->looked[i] = ring.sequence;
    }
}

/* Copies what was recorded since the last look into the file in memory. */
static bool look_copy(struct watch *watch, struct window *window, struct trace_error *error)
{
    struct output output;

    if (ftruncate(watch->memory, 0) != 0 || lseek(watch->memory, 0, SEEK_SET) != 0 ||
        !output_open_descriptor(&output, watch->memory, error)) {
        return trace_fail(error, "no memory to look through events: %s", strerror(errno));
    }
    rings_follow(watch);
    window_until_now(&watch->guest, window);
    window->ticks = watch->began ? window->until - watch->from : 0;
    if ((int64_t)window->ticks < 0) {
        window->ticks = 0;
    }
    return output_close(&output, capture_write(&watch->guest, window, NULL, NULL, &output, error),
                        error);
}

/* What the next look must have again, as a time of the guest. */
static uint64_t look_begin(const struct watch *watch, const struct window *window)
{
    const struct triggers *triggers = &watch->triggers;
    uint64_t hz = watch->guest.area.clock_hz ? watch->guest.area.clock_hz : 1000000000;
    unsigned __int128 back = triggers->newest - triggers->wanted_from;

    return window->until - ((uint64_t)(back * hz / 1000000000 + 1) << GUEST_TIME_SHIFT);
}

static bool look(struct watch *watch, struct trace_error *error)
{
    struct window window = {0};
    struct trace_file file;
    char path[64];
    bool done;

    snprintf(path, sizeof path, "/proc/self/fd/%d", watch->memory);
    if (!look_copy(watch, &window, error) || !trace_file_open(&file, path, error)) {
        return false;
    }
    done = triggers_examine(&watch->triggers, &file, error);
    trace_file_close(&file);
    watch->from = look_begin(watch, &window);
    watch->began = watch->triggers.newest != 0;
    return done;
}

/* One look, and a capture if there is a reason. */
static bool watch_round(struct watch *watch, struct trace_error *error)
{
    struct trigger_note trigger = {.name = NULL};

    if (pause_signalled()) {
        struct window window = {0};

        window_until_now(&watch->guest, &window);
        trigger = (struct trigger_note){"signal", window_end_ns(&watch->guest, &window)};
    }
    if (watch->triggers.count) {
        if (!look(watch, error)) {
            return false;
        }
        if (watch->triggers.fired) {
            trigger = (struct trigger_note){watch->triggers.fired->name, watch->triggers.fired_at};
        }
    }
    return !trigger.name || watch_capture(watch, &trigger, error);
}

static bool watch_run(struct watch *watch, struct trace_error *error)
{
    bool more = true;

    while (more && watch->taken < watch->options->limit) {
        uint64_t begin = now_ms(), took;

        if (!watch_round(watch, error)) {
            return false;
        }
        took = now_ms() - begin;
        more = pause_for(took > LOOK_MS ? (int)took : LOOK_MS);
    }
    while (more &&
           pause_for(LOOK_MS * 100)) { /* there are enough captures: the guest goes on without us */
    }
    return watch->taken == watch->options->limit || watch_round(watch, error);
}

bool watch_guest(const struct capture_options *options, const char *path, struct trace_error *error)
{
    static struct watch watch;
    bool done;

    watch.options = options;
    watch.path = path;
    for (unsigned i = 0; i < options->trigger_count; i++) {
        if (!trigger_read(&watch.triggers, options->triggers[i], error)) {
            return false;
        }
    }
    watch.memory = memfd_create("weft-look", MFD_CLOEXEC);
    if (watch.memory < 0) {
        return trace_fail(error, "no memory to look through events: %s", strerror(errno));
    }
    if (!guest_open(&watch.guest, options->kernel, options->ram, error)) {
        return false;
    }
    pause_begin();
    done = guest_await(&watch.guest, error) && watch_run(&watch, error);
    if (watch.missed) {
        fprintf(stderr,
                "weft-trace: warning: up to %" PRIu64
                " events were overwritten before they were looked at\n",
                watch.missed);
    }
    guest_close(&watch.guest);
    close(watch.memory);
    return done;
}

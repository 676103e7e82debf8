/* SPDX-License-Identifier: Apache-2.0
 *
 * The benchmark program: reads its arguments, measures the cost of its own time stamp, and asks one
 * question after the other. Started with `role=...` it is the partner of one of them instead.
 *
 * Arguments: samples=N (default 2000), warmup=N (200), batch=N (1; calls per sample of ipc.call.pairs),
 * only=NAME,NAME (names or their beginnings, such as `ipc.call`). Ends with status 0 when every question was answered.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"

struct bench_options bench_options;

/* The linker collects them: userspace/lib/user.ld. */
extern const struct bench_question bench_questions_start[], bench_questions_end[];
extern const struct bench_role bench_roles_start[], bench_roles_end[];

static void play_role(void)
{
    char role[32];
    if (!weft_argument("role", role, sizeof(role))) {
        return;
    }
    weft_thread_set_name(role);
    for (const struct bench_role *known = bench_roles_start; known < bench_roles_end; known++) {
        if (strcmp(known->name, role) == 0) {
            known->run();
        }
    }
    weft_fail("there is no role %s", role);
}

static void time_nothing(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
    }
}

/* The smallest difference of two time stamps in a row: what every sample contains too much. */
static uint64_t measure_timestamp(void)
{
    struct bench_loop loop = {0};
    bench_measure(&loop, "timestamp", 0, bench_options.samples, time_nothing);
    uint64_t smallest = loop.samples[0];
    for (uint64_t i = 1; i < loop.total; i++) {
        smallest = loop.samples[i] < smallest ? loop.samples[i] : smallest;
    }
    return smallest;
}

static void read_options(void)
{
    bench_options.cpu_count = weft_startup()->cpu_count;
    bench_options.samples = weft_argument_number("samples", 2000);
    bench_options.warmup = weft_argument_number("warmup", 200);
    bench_options.batch = weft_argument_number("batch", 1);
    if (bench_options.batch < 1 || bench_options.batch > BENCH_BATCH_MAX) {
        weft_fail("batch must be 1 to %u", BENCH_BATCH_MAX);
    }
    if (bench_options.samples < 1 || bench_options.samples > BENCH_SAMPLES_MAX ||
        bench_options.warmup > BENCH_SAMPLES_MAX - bench_options.samples) {
        weft_fail("samples must be 1 or more, samples and warmup together at most %u",
                  BENCH_SAMPLES_MAX);
    }
}

/* Does one of the names in the list, up to the shorter one's end, begin like this one? */
static _Bool is_asked(const char *name, const char *list)
{
    size_t own = strlen(name);
    for (;;) {
        size_t length = 0;
        while (list[length] != '\0' && list[length] != ',') {
            length++;
        }
        if (strncmp(name, list, length < own ? length : own) == 0) {
            return 1;
        }
        if (list[length] == '\0') {
            return 0;
        }
        list += length + 1;
    }
}

int main(void)
{
    play_role();
    read_options();
    char only[WEFT_ARGUMENTS_MAX] = "";
    (void)weft_argument("only", only, sizeof(only));
    weft_print("@weft {\"record\":\"guest\",\"clock_hz\":%lu,\"cpus\":%u}\n",
               weft_startup()->clock_hz, bench_options.cpu_count);
    bench_options.timestamp_cost = measure_timestamp();
    unsigned asked = 0;
    for (const struct bench_question *question = bench_questions_start;
         question < bench_questions_end; question++) {
        if (is_asked(question->name, only)) {
            asked++;
            question->run();
        }
    }
    if (asked == 0) {
        weft_fail("there is no benchmark %s", only);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the benchmarks have in common. One file per question. A file registers its questions, and the
 * roles that its partner processes play, and nothing else has to know of it:
 *
 *     BENCHMARK("ipc.call.same_core", ipc_call_same_core);    static void ipc_call_same_core(void)
 *     BENCH_ROLE("server", serve);                            static _Noreturn void serve(void)
 *
 * A question does the following:
 *
 *     start the partner processes it needs           bench_partner_start()
 *     run the measuring loop in a thread of its own   bench_measure()
 *         time stamps are stored in the loop:         struct bench_loop
 *     evaluate and print them after it                bench_report()
 *     end the partners                                bench_partner_end()
 *
 * The loops call the inline stubs and weft_timestamp(), nothing else. From every sample the cost of
 * two time stamps in a row is subtracted; it stands in params as `timestamp_cost`. All figures are in
 * cycles of the time stamp counter.
 */
#pragma once

#include <stdint.h>

#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/loader.h"
#include "weft/syscalls.h"

#define BENCH_SAMPLES_MAX 8192
#define BENCH_BATCH_MAX 65536
#define BENCH_CPUS_MAX 16 /* in the matrix */

/* A question: `name` is that of its records, or the beginning they share. Questions are asked in the order of
 * their files' names, those of one file in its order; each must leave the machine as it found it. */
struct bench_question {
    const char *name;
    void (*run)(void);
};

/* What a partner does, started as `role=<name>`: until it is killed. */
struct bench_role {
    const char *name;
    _Noreturn void (*run)(void);
};

#define BENCHMARK(text, function)                                                                  \
    static const struct bench_question question_##function                                         \
        __attribute__((used, section("bench_questions"))) = {text, function}
#define BENCH_ROLE(text, function)                                                                 \
    static const struct bench_role role_##function                                                 \
        __attribute__((used, section("bench_roles"))) = {text, function}

struct bench_options {
    uint32_t cpu_count;
    uint64_t samples; /* that count */
    uint64_t warmup;  /* runs of the loop before them */
    uint64_t batch;   /* calls per sample, where a benchmark can do more than one */
    uint64_t timestamp_cost;
};
extern struct bench_options bench_options;

/* One measuring loop: where it runs, what it fills, and which calls it made. */
struct bench_loop {
    uint64_t *samples; /* room for warmup + samples entries, set by bench_measure() */
    uint64_t total;    /* warmup + samples, set by bench_measure() */
    uint64_t handles[2];
    uint64_t argument;  /* what the loop's own kind of work needs, if anything */
    uint64_t failed;    /* any status that was not OK, or'ed */
    uint32_t thread_id; /* set by bench_measure() */
};

typedef void bench_loop_function(struct bench_loop *loop);

/* Memory that a benchmark shares with its partner. */
struct bench_shared {
    uint64_t turns; /* counted by the partner of thread.switch */
    uint64_t stamps[2 * BENCH_SAMPLES_MAX];
};
#define BENCH_SHARED_PAGES ((sizeof(struct bench_shared) + WEFT_PAGE_SIZE - 1) / WEFT_PAGE_SIZE)

/* A partner: this program again, in another process, started as `role=<role>`. */
struct bench_partner {
    uint64_t process;
    uint64_t ended; /* notification */
    uint32_t thread_id;
};

/* Grants come from the caller; `console` is added. Ends the benchmark on failure. */
void bench_partner_start(struct bench_partner *partner, const char *role, uint32_t cpu,
                         const struct weft_grant *grants, uint32_t count);
void bench_partner_end(struct bench_partner *partner);

/* The same with all that a spawn can say: its cpu, home, fault_endpoint, grants. */
void bench_partner_spawn(struct bench_partner *partner, const char *role, struct weft_spawn *spawn);

/* Runs `function` in a thread called `name` on `cpu` and waits for it; ends the program where a
 * system call failed in the loop. */
void bench_measure(struct bench_loop *loop, const char *name, uint32_t cpu, uint64_t samples,
                   bench_loop_function *function);

/* Corrects the samples of a loop by the cost of the time stamps; a loop that measured several
 * operations at once gives their number, and the values are rounded to one of them. */
void bench_correct(struct bench_loop *loop, uint64_t operations);

/* Sorts the samples behind the warm-up and prints their record. `params` is a list of JSON members
 * (`"cpu":0`) and may be empty; the common ones are added. */
void bench_report(const char *name, struct bench_loop *loop, const char *params);

/* Writes what a loop of calls measured into the trace, in the order of the calls and not corrected:
 * behind the loop, so that it costs the figures nothing. The host holds it against the messages that
 * the trace shows. */
void bench_trace_samples(const struct bench_loop *loop);

/* Says how many messages a client sent, for whoever counts them elsewhere. */
void bench_report_calls(const char *name, const struct bench_loop *loop, uint32_t client_cpu,
                        uint32_t server_cpu);

/* The shared memory of this process; mapped at the first call. The creator gives it to a partner as
 * the capability `shared`. */
struct bench_shared *bench_shared(void);
uint64_t bench_shared_handle(void);

/* Of 1, 2, 4, 8, ... and the number of CPUs, the one that comes after this; 0 at the end. */
uint32_t bench_cpus_after(uint32_t cpus);

/* Objects; these end the program where there is none to be had. */
uint64_t bench_endpoint(uint32_t cpu);
uint64_t bench_notification(uint32_t cpu);

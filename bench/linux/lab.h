/* SPDX-License-Identifier: Apache-2.0
 *
 * The Linux baseline: what Weft's benchmarks ask, asked of Linux in the same virtual machine. This
 * is one static program and the machine's /init; no other program runs. One file per kind of
 * question; each question does the following:
 *
 *     start the partner process it needs     partner_start()
 *     store time stamps in a loop            struct loop
 *     print them after it                    report()
 *     end the partner                        partner_end()
 *
 * Loops call the system directly where the C library would add work of its own. The samples are
 * differences of the time stamp counter; the cost of two time stamps in a row is subtracted from
 * each, as Weft's benchmarks do it. The records are theirs, too: `@weft {json}`, one line each.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <x86intrin.h>

#define SAMPLES_MAX 8192
#define MESSAGE_BYTES 32 /* four words, as in Weft's calls */

struct options {
    unsigned cpus;    /* that are online */
    uint64_t samples; /* that count */
    uint64_t warmup;  /* turns of the loop before them */
    uint64_t timestamp_cost;
    uint64_t clock_hz; /* of the time stamp counter */
    char only[2048];   /* names of questions with commas between; empty: all */
};
extern struct options options;

/* Memory that all processes share; everything in it is zero before each question. */
struct shared {
    _Alignas(64) uint32_t there; /* futex words, each on its own cache line */
    _Alignas(64) uint32_t back;
    _Alignas(64) uint64_t turns;
    _Alignas(64) uint64_t stamps[2 * SAMPLES_MAX];
};
extern struct shared *shared;

struct loop {
    uint64_t *samples; /* room for `total`, touched already */
    uint64_t total;    /* warmup + samples */
};

typedef void partner_function(const void *argument);

static inline uint64_t timestamp(void)
{
    _mm_lfence(); /* as Weft's: after all earlier instructions */
    return __rdtsc();
}

/* Ends the program, and the machine, with a line that says what does not work. */
_Noreturn void fail(const char *what);

/* Ends the program when `result` is negative; returns it otherwise. */
long must(long result, const char *what);

/* Is this question asked? `needs` CPUs must be there. */
_Bool asked(const char *name, unsigned needs);

/* The calling process runs on this CPU from now on. */
void run_on(unsigned cpu);

/* Shared memory cleared, a loop with room for all samples. */
struct loop loop_open(void);

/* A process on `cpu` that runs `function` until it is ended. */
pid_t partner_start(partner_function *function, const void *argument, unsigned cpu);
void partner_end(pid_t partner);

/* Processes of the default policy that keep a CPU busy. They execute PAUSE now and then, as every loop
 * must where one host thread runs all CPUs in turn. */
#define LOAD_PROCESSES 2

struct load {
    unsigned processes;
    pid_t pids[LOAD_PROCESSES];
};

void load_start(struct load *load, unsigned cpu, unsigned processes);
void load_end(const struct load *load);

/* The calling process becomes SCHED_FIFO with this priority, or with 0 what it was. */
#define PRIORITY_WAKER 10
#define PRIORITY_SLEEPER 50

void urgent(int priority);

/* Prints the record of a loop whose samples were `operations` at a time. `params` is a list of JSON
 * members and may be empty. */
void report(const char *name, struct loop *loop, uint64_t operations, const char *params);

/* A thread with SCHED_IDLE that counts its turns on CPU 0 while others wait for a device, from the first call
 * on and for ever; and the time without it. */
#define FILLER_INSTRUCTIONS 2u /* of a turn */
extern uint64_t filler_turns;
void filler_start(void);

static inline uint64_t clock_without_filler(void)
{
    uint64_t turns = *(volatile uint64_t *)&filler_turns;
    return timestamp() - turns * FILLER_INSTRUCTIONS;
}

/* Loads a module of Debian's kernel, which lies in the image. */
void module_load(const char *name);
void virtio_drivers(void);

/* /dev/vda is there behind it, without an I/O scheduler. */
void disk_driver(void);

/* The disk's ext4 is at FILES behind it. */
#define FILES "/files"
void files_mount(void);

/* A socket that listens. */
int listen_on(uint16_t port);

/* Serves the files of a folder to whoever connects, for ever. */
void http_serve(int listener, const char *folder);

/* The questions. */
void ask_system_calls(void);
void ask_round_trips(void);
void ask_wake_up(void);
void ask_timer(void);
void ask_migration(void);
void ask_creation(void);
void ask_memory(void);
void ask_tracing(void);
void ask_disk(void);
void ask_files(void);
void ask_network(void);

/* Brings CPUs 1 to `cpus` - 1 online that are not. */
void cpus_online(unsigned cpus);

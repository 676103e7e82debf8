/* SPDX-License-Identifier: Apache-2.0
 *
 * Partner processes, CPUs, and records of the Linux baseline; lab.h says how they are used.
 */
#include "lab.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/guest/distribution.h"

#define DETAIL_FINEST 7
#define DETAIL_COARSEST -3

#define SPIN_TURN 512

_Bool asked(const char *name, unsigned needs)
{
    size_t length = strlen(name);
    if (options.cpus < needs) {
        return 0;
    }
    if (options.only[0] == '\0') {
        return 1;
    }
    for (const char *at = options.only; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            return 1;
        }
    }
    return 0;
}

void run_on(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

struct loop loop_open(void)
{
    static uint64_t room[SAMPLES_MAX];
    memset(shared, 0, sizeof(*shared));
    memset(room, 0, sizeof(room));
    return (struct loop){room, options.warmup + options.samples};
}

pid_t partner_start(partner_function *function, const void *argument, unsigned cpu)
{
    fflush(stdout);
    pid_t partner = (pid_t)must(fork(), "fork");
    if (partner == 0) {
        run_on(cpu);
        function(argument);
        _exit(0);
    }
    return partner;
}

void partner_end(pid_t partner)
{
    int status;
    must(kill(partner, SIGKILL), "kill");
    must(waitpid(partner, &status, 0), "waitpid");
    if (!WIFSIGNALED(status)) {
        fail("a partner ended by itself");
    }
}

/* Spins, with PAUSE now and then: each of them ends a turn, which costs the host a microsecond. */
static void spin(const void *argument)
{
    (void)argument;
    for (unsigned turn = 0;; turn++) {
        if (turn % SPIN_TURN == 0) {
            _mm_pause();
        }
        __asm__ volatile("" : "+r"(turn));
    }
}

/* Where one host thread runs all CPUs in turn, it goes on to the next at PAUSE only, but CPU 0 waits
 * for a new CPU in schedule(): so a process that spins with PAUSE must be there to be switched to. */
void cpus_online(unsigned cpus)
{
    pid_t spinner = partner_start(spin, NULL, 0);
    for (unsigned cpu = 1; cpu < cpus; cpu++) {
        char path[64], state = '0';
        (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
        int file = (int)must(open(path, O_RDWR), "a CPU that shall be online");
        must(read(file, &state, 1), path);
        if (state != '1') {
            must(pwrite(file, "1", 1, 0), "bringing a CPU online");
        }
        (void)close(file);
    }
    partner_end(spinner);
}

static void correct(uint64_t *samples, uint64_t count, uint64_t operations)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sample = samples[i];
        sample = sample > options.timestamp_cost ? sample - options.timestamp_cost : 0;
        samples[i] = (sample + operations / 2) / operations;
    }
}

static void print_histogram(const uint64_t *sorted, uint64_t count)
{
    struct bucket buckets[DISTRIBUTION_BUCKETS_MAX];
    size_t used = 0;
    for (int detail = DETAIL_FINEST; used == 0 && detail >= DETAIL_COARSEST; detail--) {
        used = distribution_histogram(sorted, count, detail, buckets, DISTRIBUTION_BUCKETS_MAX);
    }
    for (size_t i = 0; i < used; i++) {
        printf("%s[%lu,%lu]", i == 0 ? "" : ",", buckets[i].low, buckets[i].count);
    }
}

void report(const char *name, struct loop *loop, uint64_t operations, const char *params)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = {{"min", 0},   {"p50", 500},  {"p90", 900},
                     {"p99", 990}, {"p999", 999}, {"max", 1000}};
    uint64_t *samples = loop->samples + options.warmup;
    uint64_t count = loop->total - options.warmup;
    correct(samples, count, operations);
    distribution_sort(samples, count);
    printf("@weft {\"record\":\"bench\",\"name\":\"%s\",\"unit\":\"cycles\",\"n\":%lu", name,
           count);
    for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        printf(",\"%s\":%lu", quantiles[i].name,
               distribution_quantile(samples, count, quantiles[i].per_mille));
    }
    printf(",\"params\":{\"warmup\":%lu,\"timestamp_cost\":%lu%s%s},\"histogram\":[",
           options.warmup, options.timestamp_cost, params[0] != '\0' ? "," : "", params);
    print_histogram(samples, count);
    printf("]}\n");
    fflush(stdout);
}

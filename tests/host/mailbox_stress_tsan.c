/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads throw parcels at each other's mailboxes as fast as they can, under ThreadSanitizer. Each
 * thread is a CPU: it owns a mailbox, drains it, polls, halts and is woken by its doorbell. Run it as
 *
 *     mailbox_stress_tsan THREADS PARCELS ROUNDS SECONDS
 *
 * Every parcel carries ordinary data and goes ROUNDS times from one CPU to a random other one: who has
 * it writes to it, so a missing order between push and take is a data race that the sanitizer sees.
 * The doorbell and the counters are relaxed atomics on purpose: they must not lend their order to the
 * mailbox. Halting is a wait for the doorbell alone, so a lost wake-up stops the run.
 *
 * Exit code 0: all parcels finished; 1: a parcel was lost or garbled, or nothing moved for SECONDS;
 * 2: usage; 66: a data race (ThreadSanitizer's own code).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "smp/mailbox_queue.h"

#define CPUS_MAX 16
#define POLLS 20

struct parcel {
    struct mailbox_node node;
    unsigned rounds;   /* still to go */
    uint64_t last_cpu; /* who had it last, */
    uint64_t check;    /* and a function of both */
};

struct cpu {
    struct mailbox_queue mailbox;
    atomic_uint bell;
    uint64_t random;
    unsigned long rung, elided, halts;
    pthread_t thread;
} __attribute__((aligned(128)));

static struct cpu cpus[CPUS_MAX];
static unsigned cpu_count, parcel_count, round_count;
static double patience;
static atomic_uint finished; /* parcels */
static atomic_uint failed;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool is_over(void)
{
    return atomic_load_explicit(&finished, memory_order_relaxed) == parcel_count ||
           atomic_load_explicit(&failed, memory_order_relaxed) != 0;
}

static uint64_t check_of(const struct parcel *parcel)
{
    return (parcel->rounds * 0x9e3779b97f4a7c15ull) ^ parcel->last_cpu;
}

static void send(struct cpu *from, struct parcel *parcel)
{
    struct cpu *to;

    from->random ^= from->random << 13;
    from->random ^= from->random >> 7;
    from->random ^= from->random << 17;
    to = &cpus[(from->random >> 33) % cpu_count];
    parcel->last_cpu = (uint64_t)(from - cpus);
    parcel->check = check_of(parcel);
    if (mailbox_queue_push(&to->mailbox, &parcel->node) == NULL) {
        atomic_store_explicit(&to->bell, 1, memory_order_relaxed);
        from->rung++;
    } else {
        from->elided++;
    }
}

static void drain(struct cpu *cpu)
{
    struct mailbox_node *node = mailbox_queue_take(&cpu->mailbox);

    while (node != NULL) {
        struct parcel *parcel = (struct parcel *)node;

        node = node->next;
        if (parcel->check != check_of(parcel)) {
            fprintf(stderr, "a parcel arrives garbled\n");
            atomic_store_explicit(&failed, 1, memory_order_relaxed);
        } else if (--parcel->rounds == 0) {
            atomic_fetch_add_explicit(&finished, 1, memory_order_relaxed);
        } else {
            send(cpu, parcel);
        }
    }
}

static bool poll(struct cpu *cpu)
{
    if (!mailbox_queue_poll_begin(&cpu->mailbox)) {
        return false;
    }
    for (unsigned i = 0; i < POLLS; i++) {
        if (mailbox_queue_has_nodes(&cpu->mailbox)) {
            return false;
        }
    }
    return mailbox_queue_poll_end(&cpu->mailbox);
}

static void halt(struct cpu *cpu)
{
    double since = now();

    cpu->halts++;
    while (!atomic_exchange_explicit(&cpu->bell, 0, memory_order_relaxed) && !is_over()) {
        sched_yield();
        if (now() - since > patience) {
            unsigned done = atomic_load_explicit(&finished, memory_order_relaxed);

            fprintf(stderr, "cpu %td sleeps for ever; %u parcels finished\n", cpu - cpus, done);
            atomic_store_explicit(&failed, 1, memory_order_relaxed);
        }
    }
}

static void *run(void *argument)
{
    struct cpu *cpu = argument;

    while (!is_over()) {
        drain(cpu);
        if (poll(cpu)) {
            halt(cpu);
        }
    }
    return NULL;
}

int main(int count, char **arguments)
{
    struct parcel *parcels;
    unsigned long rung = 0, elided = 0, halts = 0;

    if (count != 5 || (cpu_count = (unsigned)atoi(arguments[1])) - 1 >= CPUS_MAX ||
        (parcel_count = (unsigned)atoi(arguments[2])) == 0 ||
        (round_count = (unsigned)atoi(arguments[3])) == 0 || (patience = atof(arguments[4])) <= 0) {
        fprintf(stderr, "usage: mailbox_stress_tsan THREADS(1-16) PARCELS ROUNDS SECONDS\n");
        return 2;
    }
    parcels = calloc(parcel_count, sizeof(*parcels));
    for (unsigned i = 0; i < cpu_count; i++) {
        cpus[i].random = i + 1;
    }
    for (unsigned i = 0; i < parcel_count; i++) {
        parcels[i].rounds = round_count;
        send(&cpus[i % cpu_count], &parcels[i]);
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        pthread_create(&cpus[i].thread, NULL, run, &cpus[i]);
    }
    for (unsigned i = 0; i < cpu_count; i++) {
        pthread_join(cpus[i].thread, NULL);
        rung += cpus[i].rung, elided += cpus[i].elided, halts += cpus[i].halts;
    }
    printf("finished %u of %u, doorbells rung %lu elided %lu, halts %lu\n", atomic_load(&finished),
           parcel_count, rung, elided, halts);
    free(parcels);
    return atomic_load(&failed) ? 1 : 0;
}

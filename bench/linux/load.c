/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that keep a CPU busy, and how to be more urgent than they are; lab.h says how they are used.
 */
#include "lab.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#define TURN 64 /* of a loop of three instructions, between two pauses: some 200, as Weft's load */

static void keep_busy(const void *argument)
{
    (void)argument;
    for (unsigned turn = 0;; turn++) {
        if (turn % TURN == 0) {
            _mm_pause();
        }
        __asm__ volatile("" : "+r"(turn));
    }
}

void load_start(struct load *load, unsigned cpu, unsigned processes)
{
    load->processes = processes;
    for (unsigned i = 0; i < processes; i++) {
        load->pids[i] = partner_start(keep_busy, NULL, cpu);
    }
}

void load_end(const struct load *load)
{
    for (unsigned i = 0; i < load->processes; i++) {
        partner_end(load->pids[i]);
    }
}

/* As long as it likes: without this the kernel would stop it for a twentieth of each second. */
static void allow_all_time(void)
{
    int file =
        (int)must(open("/proc/sys/kernel/sched_rt_runtime_us", O_WRONLY), "sched_rt_runtime_us");
    must(write(file, "-1", 2), "sched_rt_runtime_us");
    (void)close(file);
}

void urgent(int priority)
{
    allow_all_time();
    struct sched_param param = {.sched_priority = priority};
    must(sched_setscheduler(0, priority > 0 ? SCHED_FIFO : SCHED_OTHER, &param),
         "scheduling policy");
}

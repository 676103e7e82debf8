/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripted load: reads the file `script` of the boot image (simulator/script.h) and does what it says,
 * with one thread per line, on the CPUs that it names. The same script runs in the simulator.
 *
 * The script's time 0 is marked in the trace by the instant "script begins". A thread that runs counts the
 * time that it gets: a pause longer than GAP was another's.
 */
#include "../../simulator/script.h"
#include "weft/loader.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define THREADS 32
#define GAP 2000    /* cycles */
#define AHEAD 30000 /* microseconds for the threads to get ready */

static struct script script;
static struct script_thread threads[THREADS];
static uint64_t begin, end;
static uint32_t failed;

static void run_for(uint64_t time)
{
    uint64_t last = weft_cycles(), ran = 0;
    while (ran < time && last < end) {
        uint64_t now = weft_cycles();
        ran += now - last < GAP ? now - last : 0;
        last = now;
    }
}

static void do_phase(const struct script_phase *phase, uint64_t start)
{
    uint64_t time = weft_microseconds(phase->time), now = weft_cycles();
    switch (phase->kind) {
    case SCRIPT_RUN:
        run_for(time);
        break;
    case SCRIPT_SLEEP:
        (void)weft_sleep(now + time);
        break;
    case SCRIPT_EVERY:
        (void)weft_sleep(start + ((now - start) / time + 1) * time);
        break;
    case SCRIPT_YIELD:
        (void)weft_yield();
        break;
    }
}

static void play(void *argument)
{
    const struct script_thread *own = argument;
    uint64_t start = begin + weft_microseconds(own->start);
    failed |=
        weft_thread_schedule(0, own->priority | own->weight << 8, weft_microseconds(own->budget),
                             weft_microseconds(own->period), weft_startup()->cpus) != STATUS_OK;
    (void)weft_sleep(start);
    for (uint32_t phase = 0; weft_cycles() < end; phase = (phase + 1) % own->phase_count) {
        do_phase(&own->phases[phase], start);
    }
}

static void read_script(void)
{
    struct weft_archive archive;
    struct weft_archive_file file = {0};
    const char *problem = weft_archive_open(&archive);
    if (problem == NULL) {
        problem = weft_archive_find(&archive, "script", &file);
    }
    if (problem == NULL) {
        problem = script_read(&script, threads, THREADS, (const char *)file.bytes, file.size);
    }
    if (problem != NULL) {
        weft_fail("script, line %u: %s", script.line, problem);
    }
}

int main(void)
{
    struct weft_name name = weft_name_pack("script begins");
    struct weft_group group;
    read_script();
    begin = weft_deadline(AHEAD);
    end = begin + weft_microseconds(script.end);
    (void)weft_trace_name(1, name.words[0], name.words[1]);
    failed |= weft_group_open(&group) != STATUS_OK;
    for (uint32_t i = 0; i < script.thread_count; i++) {
        failed |= weft_thread_start(&group, threads[i].name, (uint32_t)threads[i].cpu,
                                    WEFT_PRIORITY_DEFAULT, play, &threads[i]) != STATUS_OK;
    }
    (void)weft_sleep(begin - weft_microseconds(200));
    (void)weft_trace_user(TRACE_KIND_INSTANT, 1, 0);
    weft_group_wait(&group);
    return failed ? 1 : 0;
}

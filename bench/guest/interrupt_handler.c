/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon does a driver run after its device has interrupted?
 *
 * interrupt.handler.same_core: the driver's thread is on CPU 0, where lines arrive.
 * interrupt.handler.cross_core: the driver's thread is on CPU 1.
 *
 * The device is a PC's interval timer, which a program can make interrupt at once: in mode 3 its output, and
 * with it the line, rises as soon as the counter has been written; in mode 0 it is low until the count is
 * over, long after.
 *
 * Timed: one way, from before the port_write that makes the line rise, on CPU 0, to after the driver's
 * notification_wait returned. So that system call is in it up to its `out` instruction. The driver is more
 * urgent than the thread that writes. Not measured: interrupt_acknowledge, which comes after it; messages
 * (MSI); a CPU that is busy in the kernel. The second one needs two CPUs; with one there is no figure.
 */
#include "load.h"
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"
#include "weft/time.h"

#define TIMER_LINE 0ull
#define TIMER_DATA 0x40
#define TIMER_COMMAND 0x43
#define TIMER_LOW 0x30  /* channel 0, both bytes, mode 0 */
#define TIMER_HIGH 0x36 /* the same, mode 3 */
#define GAP_MICROSECONDS 20
#define WRITER_PRIORITY 16

static uint64_t ports, interrupt, notification;
static uint32_t served, ended; /* atomic: interrupts; whether the driver shall end */
static uint64_t *stamps;

static status_t set_timer(uint64_t mode, uint64_t *before)
{
    status_t status = weft_port_write(ports, TIMER_COMMAND, 1, mode);
    status |= weft_port_write(ports, TIMER_DATA, 1, 0xff);
    *before = weft_timestamp();
    return status | weft_port_write(ports, TIMER_DATA, 1, 0xff);
}

static void drive(void *unused)
{
    uint64_t bits;
    (void)unused;
    for (uint32_t i = 0;; i++) {
        status_t status = weft_notification_wait(notification, 0, &bits);
        uint64_t after = weft_timestamp();
        if (status != STATUS_OK || weft_load_acquire(&ended) != 0) {
            return;
        }
        stamps[i % BENCH_SAMPLES_MAX] = after;
        (void)weft_interrupt_acknowledge(interrupt);
        weft_store_release(&served, i + 1);
    }
}

static void loop_interrupt(struct bench_loop *loop)
{
    uint64_t before, unused;
    load_set_priority(WRITER_PRIORITY, LOAD_WEIGHT);
    for (uint64_t i = 0; i < loop->total; i++) {
        loop->failed |= (uint64_t)set_timer(TIMER_LOW, &unused);
        weft_sleep_for(GAP_MICROSECONDS);
        loop->failed |= (uint64_t)set_timer(TIMER_HIGH, &before);
        while (weft_load_acquire(&served) <= i) {
            weft_pause();
        }
        loop->samples[i] = stamps[i] - before;
        loop->failed |= stamps[i] < before;
    }
    loop->failed |= (uint64_t)set_timer(TIMER_LOW, &unused);
}

static void measure(const char *name, uint32_t cpu)
{
    char params[48];
    struct weft_group group;
    struct bench_loop loop = {0};
    ports = weft_capability("ports");
    notification = bench_notification(cpu);
    stamps = bench_shared()->stamps;
    weft_store_release(&served, 0);
    weft_store_release(&ended, 0);
    if (weft_interrupt_create(weft_capability("interrupts"), TIMER_LINE, 0, notification, 1,
                              &interrupt) != STATUS_OK ||
        weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "driver", cpu, WEFT_PRIORITY_DEFAULT, drive, NULL) != STATUS_OK) {
        weft_fail("%s: the timer's line, or a thread for it, is not to be had", name);
    }
    (void)weft_interrupt_acknowledge(interrupt);
    bench_measure(&loop, "interrupt", 0, bench_options.samples, loop_interrupt);
    weft_store_release(&ended, 1);
    (void)weft_notification_signal(notification, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    load_settle();
    (void)weft_cap_delete(interrupt);
    (void)weft_cap_delete(notification);
    memset(stamps, 0, BENCH_SAMPLES_MAX * sizeof(uint64_t));
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u", cpu);
    bench_report(name, &loop, params);
}

static void interrupt_handler_same_core(void)
{
    measure("interrupt.handler.same_core", 0);
}
BENCHMARK("interrupt.handler.same_core", interrupt_handler_same_core);

static void interrupt_handler_cross_core(void)
{
    if (bench_options.cpu_count >= 2) {
        measure("interrupt.handler.cross_core", 1);
    }
}
BENCHMARK("interrupt.handler.cross_core", interrupt_handler_cross_core);

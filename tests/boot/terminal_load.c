/* SPDX-License-Identifier: Apache-2.0
 *
 * Load for the terminal's driver, for tests/boot/test_terminal.py, which sits at the terminal: four threads write
 * numbered lines, one reads lines, up to the line `end`, and says what it has read; and the driver is killed.
 *
 *     kills=N     so often
 */
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/terminal.h"
#include "weft/thread.h"
#include "weft/time.h"

#define WRITERS 4u
#define PAUSE 200u /* microseconds between two lines of a writer */

static uint32_t stop, written[WRITERS], ended; /* atomic */

static void write_lines(void *argument)
{
    uint32_t *count = argument;
    while (weft_load_acquire(&stop) == 0) {
        weft_terminal_print(
            "writer %lu line %u: and some more, so that there is something to mix\n",
            (uint64_t)(count - written), *count);
        weft_store_release(count, *count + 1);
        weft_sleep_for(PAUSE);
    }
}

static void read_lines(void *unused)
{
    static char text[TERMINAL_LINE_MAX];
    struct weft_terminal terminal = {.service = weft_capability("terminal")};
    enum terminal_input kind = TERMINAL_LINE;
    (void)unused;
    while (strcmp(text, "end") != 0) {
        if (weft_terminal_prompt(&terminal, "? ") != STATUS_OK ||
            weft_terminal_read(&terminal, text, sizeof(text), &kind) != STATUS_OK) {
            weft_fail("the terminal has gone");
        }
        weft_terminal_print("read %u <%s>\n", kind, text);
    }
    weft_store_release(&ended, 1);
}

/* Until every writer has written once more: each has met the instance that runs. */
static void wait_for_writers(void)
{
    for (uint32_t i = 0; i < WRITERS; i++) {
        uint32_t before = weft_load_acquire(&written[i]);
        while (weft_load_acquire(&written[i]) == before) {
            weft_sleep_for(100);
        }
    }
}

int main(void)
{
    struct weft_group group;
    uint32_t cpus = weft_startup()->cpu_count;
    uint64_t kills = weft_argument_number("kills", 100);
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("no group");
    }
    for (uint32_t i = 0; i < WRITERS + 1; i++) {
        if (weft_thread_start(&group, i < WRITERS ? "writer" : "reader", i % cpus,
                              WEFT_PRIORITY_DEFAULT, i < WRITERS ? write_lines : read_lines,
                              &written[i < WRITERS ? i : 0]) != STATUS_OK) {
            weft_fail("no thread");
        }
    }
    for (uint64_t i = 0; i < kills; i++) {
        wait_for_writers();
        if (weft_supervisor_kill("console") != STATUS_OK) {
            weft_fail("the driver cannot be killed");
        }
    }
    weft_terminal_print("the killing is over\n");
    while (weft_load_acquire(&ended) == 0) {
        wait_for_writers();
    }
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    for (uint32_t i = 0; i < WRITERS; i++) {
        weft_terminal_print("writer %u has written %u\n", i, written[i]);
    }
    return weft_terminal_drain(weft_capability("terminal")) != STATUS_OK;
}

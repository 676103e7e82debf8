/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests/boot/test_web.py: kills a service of the image again and again while the host talks to the HTTP server.
 * Arguments: kill=NAME, kills=N, every=MICROSECONDS from one's being back to the next.
 */
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/time.h"

static void must(const char *what, status_t status)
{
    if (status != STATUS_OK) {
        weft_fail("%s: status %ld", what, status);
    }
}

static void kill_and_wait(const char *name)
{
    struct weft_service_info before, after;
    must("find", weft_supervisor_find(name, &before));
    must("kill", weft_supervisor_kill(name));
    do {
        weft_sleep_for(500);
        must("find", weft_supervisor_find(name, &after));
    } while (after.instance == before.instance || after.answered_at == 0);
    weft_print("@weft {\"record\":\"back\",\"microseconds\":%lu}\n",
               (after.answered_at - after.failed_at) / weft_microseconds(1));
}

int main(void)
{
    char name[24];
    uint64_t kills = weft_argument_number("kills", 0), every = weft_argument_number("every", 1000);
    weft_print("web: ready\n");
    for (uint64_t i = 0; i < kills && weft_argument("kill", name, sizeof(name)); i++) {
        weft_sleep_for(every);
        kill_and_wait(name);
    }
    weft_print("web: done\n");
    for (;;) { /* the host ends the machine */
        weft_sleep_for(1000000);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of a visitor from CPU to CPU. See the header for what it proves.
 */
#include "smp/quiescence.h"

#include "kernel/boot.h"
#include "kernel/cpu.h"

static void visitor_arrived(struct mail *mail)
{
    struct visitor *visitor = container_of(mail, struct visitor, mail);
    cpu_t here = percpu(id);

    if (visitor->visit != NULL && !visitor->visit(visitor)) {
        mail_again(mail);
    } else if (here == visitor->start) {
        visitor->done(visitor);
    } else {
        mail_send(mail, (here + 1) % boot_info.cpu_count);
    }
}

void quiescence_walk(struct visitor *visitor)
{
    visitor->start = percpu(id);
    /* With one CPU the visitor is sent to itself: what is on its way here arrives before it. */
    mail_send_for(&visitor->mail, (visitor->start + 1) % boot_info.cpu_count, TRACE_TRAVEL_VISIT,
                  visitor_arrived);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Notifications: a word of bits, set from anywhere, waited for by one thread. Setting never blocks.
 * From another CPU only the bits travel, at most once at a time; see smp/signal_word.h.
 */
#pragma once

#include "kernel/thread.h"

struct notification {
    struct object object;  /* first */
    uint64_t word;         /* (A) the bits, smp/signal_word.h */
    struct thread *waiter; /* (O) */
    bool orphaned;         /* (O) no capability is left: nobody can signal any more */
    uint32_t signaller;    /* (A) id of who signalled last, for the trace */
    struct mail mail;      /* travels to the owner when bits were set elsewhere */
};

/* A thread that is about to wait for a message lets the notification that its struct weft_ipc names end
 * its wait, too: STATUS_BLOCKED. WEFT_IPC_NOTIFIED: bits were set already; the thread has them. Errors:
 * those of the handle, STATUS_BAD_ARGUMENT where the notification does not live here, STATUS_BUSY,
 * STATUS_DEAD. The endpoint's CPU, which owns the thread. */
must_use status_t notification_join(struct thread *thread);

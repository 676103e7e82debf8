/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message carries besides its four words: bytes out of one process's memory into another's, and
 * capabilities. Each side says in a struct weft_ipc what it sends and what it has room for.
 */
#pragma once

#include "kernel/thread.h"

/* The next message of a thread has words only. */
static inline void transfer_nothing(struct thread *thread)
{
    thread->ipc = 0;
    thread->ipc_flags = 0;
}

/* Reads and checks the struct weft_ipc at `address` (0: none) for the call that the thread is about to
 * make; fills thread->ipc, and where there is one ipc_flags, deadline and notification. */
must_use status_t transfer_prepare(struct thread *thread, vaddr_t address);

/* Moves what `from` sends into what `to` has room for. The CPU that owns both. Returns the status with
 * which `to` gets the message; capabilities are in to->incoming then, see thread_collect(). */
must_use status_t transfer_between(struct thread *from, struct thread *to);

static inline status_t transfer(struct thread *from, struct thread *to)
{
    return likely(from->ipc == 0) || to->ipc == 0 ? STATUS_OK : transfer_between(from, to);
}

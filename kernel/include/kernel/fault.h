/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of user code as messages. See kernel/core/fault.c for the theory of operation.
 */
#pragma once

#include "kernel/order.h"
#include "smp/atomic.h"

/* The current thread has faulted. cause: what the message's first word says. */
_Noreturn void fault_current(uint64_t cause, uint64_t address, uint64_t instruction);

/* Does the thread wait for what comes of its fault? Its owner. */
static inline bool fault_waits(struct thread *thread)
{
    return (load_relaxed(&thread->faults) & 1) != 0; /* Relaxed: written by its owners only. */
}

/* That wait is over, and the thread at home. True: it goes on; false: it has been dealt with. */
must_use bool fault_over(struct thread *thread);

/* The thread does not wait for it any more, if it did: it has its registers back. Its owner, at home. */
void fault_forget(struct thread *thread);

/* Copies the registers of a thread that waits for what comes of its fault; false where it does not.
 * Any CPU. */
must_use bool fault_read(struct thread *thread, struct arch_frame *out);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a thread the current one. Nothing is saved: the registers of who ran lie in its struct
 * thread since it entered the kernel, and nothing else of it is in the CPU but lazily kept things
 * (address space, floating point).
 */
#pragma once

#include "arch/thread.h"
#include "kernel/cpu.h"
#include "trace/kernel/trace.h"

/* `next` is a user thread of this CPU. Takes effect when the kernel is left. */
static inline __attribute__((always_inline)) void switch_current(struct thread *next)
{
    percpu(current) = next;
    percpu(statistics.switches)++;
    arch_thread_enter(next);
    if (percpu(space_owner) != next->process) {
        percpu(space_owner) = next->process;
        arch_space_load(&next->process->space);
    }
}

/* The event for it, if it is a change: who runs now, and in which state the last one was left. */
static inline void switch_trace(uint8_t left_state, uint32_t next)
{
    uint32_t previous = percpu(running_id);

    if (CONFIG_TRACE && next != previous) {
        percpu(running_id) = next; /* first: the record may open a page, which tells it */
        trace_switch(left_state, previous, next);
    }
}

/* The same for a message that goes straight from the current thread to `next`: one record tells of both. */
static inline void switch_trace_message(uint8_t event, uint8_t left_state, uint32_t next,
                                        uint32_t endpoint)
{
    uint32_t previous = percpu(running_id);

    percpu(running_id) = next;
    if (unlikely(percpu(trace.mask) & (TRACE_CATEGORY_IPC | TRACE_CATEGORY_SCHED))) {
        if (percpu(trace.mask) & TRACE_CATEGORY_IPC) {
            TRACE_EMIT(TRACE_CATEGORY_IPC, event, 0, next, endpoint);
        } else {
            trace_switch(left_state, previous, next);
        }
    }
}

/* Remembers for that event how the current thread leaves, as who comes next is not known yet. */
static inline void switch_trace_left(uint8_t left_state)
{
    if (CONFIG_TRACE) {
        percpu(left_state) = left_state;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults of user code as messages.
 *
 * Theory of operation
 *
 * 1. Motivation. What a fault means is for the supervisor of a process to say: map the page, mend the
 *    registers, end the thread, or let the process go. The kernel has no policy but the last.
 * 2. A process may have a fault endpoint (slot 0 of its capability table: it is revoked and given back
 *    like any other capability). A thread that faults calls it, as if it had made the call itself: the
 *    message says what, where, at which instruction and who. It travels, queues and waits like any
 *    client, is held, saved and let go by all the paths of ipc/, and they know nothing of faults.
 * 3. For the message and the answer, registers are needed. So the thread's own are put aside first, and
 *    come back whatever the outcome: an answer never reaches them. Who looks at them meanwhile, from
 *    any CPU, reads the copy between two looks at the count `faults`.
 * 4. The thread is not switched to by the fast path (FAST_NEVER), so it comes home through
 *    thread_wake(), which calls fault_over():
 *      answer 0             the instruction is tried again
 *      any other answer     the thread dies
 *      STATUS_CANCELLED     it shall rest: it goes on, or elsewhere, when it is resumed
 *      any other status     nobody can answer: the process ends, as it does without an endpoint
 * 5. A thread that serves its own process's faults and faults itself waits for ever, unless another
 *    thread serves them too. That is the program's affair: it can be killed as in any other wait.
 */
#include "kernel/fault.h"

#include "kernel/cpu.h"
#include "weft/kernel_syscalls.h"

#define FRAME_WORDS (sizeof(struct arch_frame) / sizeof(uint64_t))

static void registers_put_aside(struct thread *thread)
{
    const uint64_t *from = (const uint64_t *)&thread->frame;
    uint64_t *to = (uint64_t *)&thread->fault_frame;

    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        /* [fault.frame] release: who sees a word of this fault sees the end of the last. Pairs with
         * [fault.read]. */
        store_release(&to[i], from[i]);
    }
    /* [fault.wait] release: the copy is complete. Pairs with [fault.begin]. */
    store_release(&thread->faults, thread->faults + 1);
}

void fault_forget(struct thread *thread)
{
    if (fault_waits(thread)) {
        thread->frame = thread->fault_frame;
        thread->fast_home = thread->home;
        store_relaxed(&thread->faults, thread->faults + 1); /* Relaxed: [fault.frame] orders it. */
    }
}

bool fault_read(struct thread *thread, struct arch_frame *out)
{
    const uint64_t *from = (const uint64_t *)&thread->fault_frame;
    uint64_t *to = (uint64_t *)out;
    /* [fault.begin] acquire: the copy is at least as new as this count. Pairs with [fault.wait]. */
    uint32_t count = load_acquire(&thread->faults);

    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        /* [fault.read] acquire: the count is looked at again after it. Pairs with [fault.frame]. */
        to[i] = load_acquire(&from[i]);
    }
    /* Relaxed: ordered by the above. */
    return (count & 1) != 0 && load_relaxed(&thread->faults) == count;
}

bool fault_over(struct thread *thread)
{
    status_t status = arch_status(&thread->frame);
    uint64_t answer = arch_message_word(&thread->frame);

    fault_forget(thread);
    if (status == STATUS_CANCELLED || (status >= 0 && answer == 0)) {
        return true;
    }
    if (status >= 0) {
        thread_die(thread, thread->fault_vector);
    } else {
        process_end_by(thread, CAUSE_FAULT, thread->fault_vector);
    }
    return false;
}

_Noreturn void fault_current(uint64_t cause, uint64_t address, uint64_t instruction)
{
    struct thread *thread = current();
    const uint64_t words[MESSAGE_WORDS] = {cause, address, instruction, thread->id};
    struct cap_table *caps = thread->process->caps;
    struct cap cap;

    thread->fault_vector = (uint8_t)cause;
    /* Relaxed: a guess, which cap_read() looks at again. */
    if (!cap_read(caps, load_relaxed(&caps->slots[0].handle), &cap)) {
        process_end_current(CAUSE_FAULT, thread->fault_vector);
    }
    registers_put_aside(thread);
    arch_set_message(&thread->frame, words);
    thread->fast_home = FAST_NEVER;
    (void)cap.object->class->call(cap.object, cap.badge);
    /* It is here still: nobody can answer. */
    fault_forget(thread);
    process_end_current(CAUSE_FAULT, thread->fault_vector);
}

/* ---- setting the endpoint -------------------------------------------------------------------- */

status_t do_process_fault_endpoint(struct thread *caller, struct object *object)
{
    uint64_t handle = arch_argument(&caller->frame, 1);
    struct cap_gift endpoint = {0};
    status_t status = STATUS_OK;

    if (handle != 0) {
        status = cap_take(caller->process, handle, OBJECT_ENDPOINT, RIGHT_WRITE, 0, &endpoint);
    }
    return status != STATUS_OK ? status : cap_set_fault((struct process *)object, &endpoint);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that must run on the CPU that owns an object.
 *
 * object_invoke() runs `function` at once when this CPU is the owner. Otherwise the calling thread
 * itself is the message: it travels to the owner's CPU, `function` runs there on its behalf (with
 * the arguments still in its saved registers), and it travels home with the result. The function
 * returns a status, or
 *   STATUS_BLOCKED   it has queued the thread somewhere; who finds it there wakes it,
 *   STATUS_AGAIN     a bounded piece is done: call again, after others had their turn.
 *
 * A function never runs on behalf of a thread that was killed or shall rest.
 */
#pragma once

#include "kernel/thread.h"

/* Not seen by user space. */
#define STATUS_BLOCKED ((status_t)-100)
#define STATUS_AGAIN ((status_t)-101)

/* From a system call handler, as its last action. Returns what the handler shall return; does not
 * return at all when the thread has to wait. */
status_t object_invoke(struct object *object, invoke_fn function);

/* The same; `travel` is what the trace says of the journey. */
status_t object_invoke_as(struct object *object, invoke_fn function, enum trace_travel travel);

/* On behalf of a thread that this CPU owns: goes on with `function` where `object` lives, here or
 * there. Returns what the function returns; STATUS_BLOCKED too when the thread was sent there. */
must_use status_t invoke_continue(struct thread *thread, struct object *object, invoke_fn function,
                                  enum trace_travel travel);

/* The same on the caller's own process, for what costs that something: only with its capability to
 * itself (self_check). */
status_t invoke_on_self(invoke_fn function);

/* Does the current process hold the capability to itself with the right to manage? STATUS_BAD_HANDLE
 * if not: then it can only fault, yield and end. */
must_use status_t self_check(void);

/* The calling thread takes a notification along as its `second`, whose badge becomes the bits to signal:
 * the capability's own, or `bits` where it has none. For a call that ends with object_invoke(). */
must_use status_t invoke_take_notification(struct thread *caller, uint64_t handle, uint64_t bits);

/* A mail handler: `function` of a thread that has arrived. */
void invoke_arrived(struct mail *mail);

/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes and capabilities with a message; the header is the manual.
 *
 * Nothing is buffered: the bytes go from process to process when the two threads meet, and each side's
 * struct weft_ipc is read again then. What its owner has broken meanwhile (unmapped, or overwritten) is
 * its own loss: nothing is transferred, and the words arrive all the same.
 */
#include "ipc/transfer.h"

_Static_assert(IPC_BYTES_MAX <= PAGE_SIZE, "a transfer is bounded by few pages");
_Static_assert(IPC_HANDLES_MAX <= CAP_GIFTS_MAX, "a thread can carry them");
_Static_assert(IPC_BYTES_MAX <= 0xffff, "the size fits its field in the status");

static bool is_valid(const struct weft_ipc *ipc)
{
    return (ipc->flags & ~(uint32_t)WEFT_IPC_NO_WAIT) == 0 && ipc->send_bytes <= IPC_BYTES_MAX &&
           ipc->receive_bytes <= IPC_BYTES_MAX && ipc->send_count <= IPC_HANDLES_MAX &&
           ipc->receive_count <= IPC_HANDLES_MAX;
}

static status_t ipc_read(const struct thread *thread, struct weft_ipc *ipc)
{
    status_t status = user_copy_in(thread->process, thread->ipc, ipc, sizeof(*ipc));

    return status == STATUS_OK && !is_valid(ipc) ? STATUS_BAD_ARGUMENT : status;
}

status_t transfer_prepare(struct thread *thread, vaddr_t address)
{
    const struct process *process = thread->process;
    struct weft_ipc ipc;
    status_t status;

    transfer_nothing(thread);
    if (address == 0) {
        return STATUS_OK;
    }
    thread->ipc = address;
    status = ipc_read(thread, &ipc);
    if (status != STATUS_OK) {
        return status;
    }
    thread->ipc_flags = (uint8_t)ipc.flags;
    thread->deadline = ipc.deadline;
    thread->notification = ipc.notification;
    status = user_check(process, ipc.send_address, ipc.send_bytes, PAGE_READ);
    if (status == STATUS_OK) {
        status = user_check(process, ipc.receive_address, ipc.receive_bytes, PAGE_WRITE);
    }
    for (unsigned i = 0; i < ipc.send_count && status == STATUS_OK; i++) {
        struct cap cap;

        status = cap_lookup(process->caps, ipc.send_handles[i], OBJECT_NONE,
                            (ipc.send_rights[i] & RIGHTS_ALL) | RIGHT_COPY, &cap);
    }
    return status;
}

/* Takes the capabilities along; they get into the receiver's table by thread_collect(). Those that are
 * gone meanwhile, or that were handed on too often, do not count. */
static unsigned gifts_take(struct thread *from, const struct weft_ipc *out, struct thread *to,
                           unsigned room)
{
    unsigned count = 0;

    for (unsigned i = 0; i < out->send_count && count < room; i++) {
        if (cap_take(from->process, out->send_handles[i], OBJECT_NONE, out->send_rights[i], 0,
                     &to->incoming[count]) == STATUS_OK) {
            count++;
        }
    }
    to->incoming_count = (uint8_t)count;
    to->handles_to = to->ipc + offsetof(struct weft_ipc, receive_handles);
    return count;
}

status_t transfer_between(struct thread *from, struct thread *to)
{
    struct weft_ipc out, in;
    uint32_t bytes, handles;

    if (ipc_read(from, &out) != STATUS_OK || ipc_read(to, &in) != STATUS_OK) {
        return STATUS_OK;
    }
    bytes = out.send_bytes < in.receive_bytes ? out.send_bytes : in.receive_bytes;
    if (user_copy_between(from->process, out.send_address, to->process, in.receive_address,
                          bytes) != STATUS_OK) {
        bytes = 0;
    }
    handles = gifts_take(from, &out, to, in.receive_count);
    return bytes | handles << WEFT_IPC_HANDLES_SHIFT;
}

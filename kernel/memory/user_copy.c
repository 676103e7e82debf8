/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing user memory; the header is the manual.
 *
 * The kernel never follows a user's pointer: it looks up the frame behind each page and goes through
 * its own mapping. A page that is unmapped meanwhile stays a frame until its shootdown has visited
 * this CPU, which is after this kernel entry.
 */
#include "kernel/process.h"

/* Where a piece of user memory lies, up to the end of its page at most; NULL: not with this access. */
static char *user_piece(const struct process *process, vaddr_t address, unsigned access,
                        size_t *bytes)
{
    size_t in_page = PAGE_SIZE - address % PAGE_SIZE;
    unsigned allowed;
    paddr_t frame;

    if (!arch_space_lookup(&process->space, address, &frame, &allowed) ||
        (allowed & access) != access) {
        return NULL;
    }
    *bytes = *bytes < in_page ? *bytes : in_page;
    return (char *)arch_to_virtual(frame) + address % PAGE_SIZE;
}

/* Goes through user memory and copies each piece to `to` or from `from`, where that is not NULL. */
static status_t user_walk(const struct process *process, vaddr_t address, size_t bytes,
                          unsigned access, char *to, const char *from)
{
    for (size_t done = 0, part; done < bytes; done += part) {
        char *user;

        part = bytes - done;
        user = user_piece(process, address + done, access, &part);
        if (user == NULL) {
            return STATUS_BAD_ADDRESS;
        }
        if (to != NULL) {
            __builtin_memcpy(to + done, user, part);
        }
        if (from != NULL) {
            __builtin_memcpy(user, from + done, part);
        }
    }
    return STATUS_OK;
}

status_t user_check(const struct process *process, vaddr_t address, size_t bytes, unsigned access)
{
    return user_walk(process, address, bytes, access, NULL, NULL);
}

status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes)
{
    return user_walk(process, from, bytes, PAGE_READ, to, NULL);
}

status_t user_copy_out(const struct process *process, const void *from, vaddr_t to, size_t bytes)
{
    return user_walk(process, to, bytes, PAGE_READ | PAGE_WRITE, NULL, from);
}

status_t user_copy_between(const struct process *source, vaddr_t from, const struct process *target,
                           vaddr_t to, size_t bytes)
{
    status_t status = STATUS_OK;

    for (size_t done = 0, part; done < bytes && status == STATUS_OK; done += part) {
        const char *piece;

        part = bytes - done;
        piece = user_piece(source, from + done, PAGE_READ, &part);
        status = piece != NULL ? user_copy_out(target, piece, to + done, part) : STATUS_BAD_ADDRESS;
    }
    return status;
}

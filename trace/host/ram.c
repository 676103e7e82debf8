/* SPDX-License-Identifier: Apache-2.0
 *
 * Access to a guest's memory file; see ram.h.
 */
#include "ram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool ram_open(struct ram *ram, const char *path, struct trace_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *bytes;

    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        close(descriptor);
        return trace_fail(error, "%s: not a guest's memory file", path);
    }
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (bytes == MAP_FAILED) {
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    ram->bytes = bytes;
    ram->size = (size_t)status.st_size;
    return true;
}

void ram_close(struct ram *ram)
{
    munmap((void *)(uintptr_t)ram->bytes, ram->size);
    *ram = (struct ram){0};
}

bool ram_read(const struct ram *ram, uint64_t address, void *to, size_t size)
{
    if (address > ram->size || size > ram->size - address) {
        return false;
    }
    /* [trace.read] acquire, before and after: what is copied later is at least as new as what was
     * copied before. Pairs with [trace.next], [trace.page] and [trace.area]. */
    atomic_thread_fence(memory_order_acquire);
    memcpy(to, (const void *)(uintptr_t)(ram->bytes + address), size);
    atomic_thread_fence(memory_order_acquire);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps devices from memory that is not their drivers', and memory from being given to others while a device
 * may still reach it.
 *
 * Theory of operation
 *
 * 1. With an IOMMU (weft/iommu.h) a device sees windows, one for each share of its driver, and nothing else. Its
 *    process knows the addresses of RAM; this one does not need to. Without one devices are told
 *    physical addresses, which nobody checks.
 * 2. This server holds what it has let a device reach. That is not enough: it may die, and all that it holds is
 *    let go by the kernel, while the device writes on. So each share is also mapped, by one page, which
 *    keeps all of it, in a process that has no threads and outlives this one: the vault.
 *    The next instance resets all devices, then forgets all grants, and then empties the vault (guard_open).
 *    The order is the point, as in claim_end().
 * 3. A refused access is told by the IOMMU's process to a thread that waits for it there, and by that to the
 *    server's loop, one at a time. When that process dies, the thread asks the next instance. What it
 *    tells may be of a claim that has ended meanwhile: so the tables are asked whether they still say that
 *    the function was refused, which ends with its claim (WEFT_IOMMU_REFUSED).
 * 4. Each request to it may be carried out twice (weft/iommu.h), and so is repeated when it dies in the middle.
 */
#include "bus.h"

#include "weft/iommu.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define ATTEMPTS 8u
#define RESPITE 10000u /* microseconds, when nobody answers for the IOMMU */

_Static_assert(SHARES_MAX < WEFT_IOMMU_WINDOWS, "a window for each share, and number 0 for none");
_Static_assert(WEFT_PCI_SHARE_PAGES <= WEFT_IOMMU_WINDOW_PAGES, "a share fits into its window");

static uint64_t physical, iommu, vault, gone;
static _Bool translates;
static struct weft_message
    fault; /* that the server's loop is to look at; the watcher waits meanwhile */
static uint64_t looked_at;

/* ---- the IOMMU ------------------------------------------------------------------------------------- */

static status_t ask(struct weft_message *message, struct weft_ipc *ipc)
{
    struct weft_message request = *message;
    status_t status = STATUS_DEAD;

    for (uint32_t attempt = 0; attempt < ATTEMPTS && status == STATUS_DEAD; attempt++) {
        *message = request;
        status = weft_ipc_call_with(iommu, message, ipc);
    }
    return status < 0 ? status : (status_t)message->words[0];
}

static uint64_t window_of(const struct function *function, uint32_t share)
{
    return function->address | (uint64_t)(share + 1) << 32;
}

/* What cannot be taken from a device must not go to others: then nothing may go on. */
static void must(struct weft_message message)
{
    status_t status = iommu != 0 ? ask(&message, NULL) : STATUS_OK;
    if (status != STATUS_OK) {
        weft_fail("the IOMMU cannot be told to keep a device away (status %ld)", status);
    }
}

static void watch_faults(void *unused)
{
    uint64_t bits;
    (void)unused;
    for (;;) {
        fault = (struct weft_message){{WEFT_IOMMU_FAULT}};
        if (weft_ipc_call(iommu, &fault) != STATUS_OK || fault.words[0] != STATUS_OK) {
            weft_sleep_for(RESPITE);
            continue;
        }
        (void)weft_notification_signal(gone, GUARD_FAULT);
        (void)weft_notification_wait(looked_at, 0, &bits);
    }
}

struct function *guard_fault(void)
{
    struct function *found = NULL;

    for (uint32_t i = 0; i < function_count; i++) {
        found = functions[i].address == fault.words[1] ? &functions[i] : found;
    }
    (void)weft_notification_signal(looked_at, 1);
    struct weft_message message = {{WEFT_IOMMU_REFUSED, found != NULL ? found->address : 0}};
    return found != NULL && ask(&message, NULL) == STATUS_OK && message.words[1] != 0 ? found
                                                                                      : NULL;
}

_Bool guard_translates(void)
{
    return translates;
}

/* ---- the vault ------------------------------------------------------------------------------------- */

/* Where in it the first page of a share is mapped. */
static uint64_t place_of(uint32_t function, uint32_t share)
{
    return WEFT_FREE_BASE + (function * SHARES_MAX + share) * WEFT_PAGE_SIZE;
}

static void vault_drop(const struct function *function, uint32_t share)
{
    if (vault != 0) {
        (void)weft_memory_unmap(vault, place_of((uint32_t)(function - functions), share), 1);
    }
}

/* What the instance before this one has left there. It may have known the bus otherwise: all places are looked at. */
static void vault_empty(void)
{
    for (uint32_t function = 0; function < FUNCTIONS_MAX; function++) {
        for (uint32_t share = 0; share < SHARES_MAX; share++) {
            vault_drop(&functions[function], share);
        }
    }
}

/* ---- shares ---------------------------------------------------------------------------------------- */

void guard_open(uint64_t the_physical, uint64_t the_gone)
{
    struct weft_message message = {{WEFT_IOMMU_OPEN}};

    physical = the_physical;
    gone = the_gone;
    iommu = weft_capability("iommu");
    vault = weft_capability("vault");
    if (iommu != 0) {
        status_t status = ask(&message, NULL);
        if (status != STATUS_OK) {
            weft_fail("nobody answers for the IOMMU (status %ld)", status);
        }
        translates = message.words[1] != 0;
    }
    vault_empty();
    if (translates && (weft_notification_create(weft_startup()->cpu, &looked_at) != STATUS_OK ||
                       weft_thread_start(NULL, "faults", weft_startup()->cpu, WEFT_PRIORITY_DEFAULT,
                                         watch_faults, NULL) != STATUS_OK)) {
        weft_fail("nobody can wait for the IOMMU's faults");
    }
}

static status_t find_addresses(uint64_t memory, uint64_t first, uint64_t pages, uint64_t *addresses)
{
    status_t status = STATUS_OK;

    for (uint64_t page = 0; page < pages && status == STATUS_OK; page++) {
        status = weft_memory_physical(memory, first + page, physical, &addresses[page]);
    }
    return status;
}

status_t guard_grant(const struct function *function, uint32_t share, uint64_t memory,
                     uint64_t first, uint64_t pages, uint64_t *addresses)
{
    struct weft_message message = {{WEFT_IOMMU_GRANT, window_of(function, share), first, pages}};
    struct weft_ipc ipc = {.send_count = 1,
                           .send_handles = {(uint32_t)memory},
                           .send_rights = {RIGHT_READ},
                           .receive_address = (uint64_t)addresses,
                           .receive_bytes = (uint32_t)(pages * sizeof(addresses[0]))};
    status_t status =
        vault == 0
            ? STATUS_OK
            : weft_memory_map(vault, memory, place_of((uint32_t)(function - functions), share), 0,
                              1, RIGHT_READ);
    if (status != STATUS_OK) {
        return status;
    }
    return iommu != 0 ? ask(&message, &ipc) : find_addresses(memory, first, pages, addresses);
}

void guard_take(const struct function *function, uint32_t share)
{
    must((struct weft_message){{WEFT_IOMMU_TAKE, window_of(function, share)}});
    vault_drop(function, share);
}

void guard_block(const struct function *function)
{
    must((struct weft_message){{WEFT_IOMMU_BLOCK, function->address}});
    for (uint32_t share = 0; share < SHARES_MAX; share++) {
        vault_drop(function, share);
    }
}
